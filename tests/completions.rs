//! `occ completions`: what a shell is told, and what occ answers it.

use crate::support::occ::Occ;
use crate::sync::table;

const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

/// What bash gets when it asks for the last of these words.
fn answers(occ: &Occ, words: &[&str]) -> Vec<String> {
    let mut command = occ.command();
    command.env("_OCC_COMPLETE", "bash").env("_CLAP_IFS", "\n");
    command.env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string());
    let output = command.arg("--").args(words).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn each_shell_gets_a_script_that_asks_occ() {
    for shell in SHELLS {
        let script = Occ::new().run_with(["completions", shell]).expect(0).stdout;
        assert!(script.contains("_OCC_COMPLETE") && script.contains("occ"), "{shell}: {script}");
        // Of whatever program is found then, and not of this one's place.
        assert!(!script.contains(env!("CARGO_MANIFEST_DIR")), "{shell}: {script}");
    }
    Occ::new().run_with(["completions", "tcsh"]).expect(64).says(&["bash, elvish, fish"]);
}

#[test]
fn the_ids_are_those_of_the_manifest() {
    let manifest = "version = 1\n".to_owned()
        + &table("tool", "acme/tool:1", "registries = [\"ghcr.io\"]")
        + &table("test", "acme/test:1", "registries = [\"ghcr.io\"]")
        + &table("app", "acme/app:1", "registries = [\"ghcr.io\"]");
    let occ = Occ::manifest(&manifest);
    for command in ["plan", "sync", "status", "ref", "files"] {
        assert_eq!(answers(&occ, &["occ", command, "t"]), ["tool", "test"], "{command}");
    }
    assert_eq!(answers(&occ, &["occ", "lock", "--upgrade", "a"]), ["app"]);
    assert_eq!(answers(&occ, &["occ", "sync", "--fro"]), ["--frozen"]);
    assert_eq!(answers(&occ, &["occ", "expo"]), ["export"]);
    // Where there is none, or a bad one, the shell is not told of it.
    for occ in [Occ::new(), Occ::manifest("version = ")] {
        assert_eq!(answers(&occ, &["occ", "sync", "t"]), [""; 0]);
    }
}
