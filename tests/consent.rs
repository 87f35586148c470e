//! What a manifest may have of whoever runs it: nothing before they consented to it.

mod builds;
mod secrets;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::occ::{Occ, Run};
use crate::support::stub_engine::StubEngine;
use crate::support::terminal::OnTerminal;

const MANIFEST: &str = "version = 1\n\
    [images.tool]\nname = \"acme/tool\"\n\
    [images.tool.build]\n\
    args = { CHANNEL = \"${env:CHANNEL:-dev}\", FIXED = \"1\" }\n\
    network = \"host\"\n\
    [images.db]\nname = \"db\"\nregistries = [\"r.example\"]\n";

const DOCKERFILE: &str = "FROM scratch\nARG CHANNEL\nCOPY Dockerfile /\n";

fn occ(engine: &StubEngine) -> Occ {
    Occ::manifest(MANIFEST).file("Dockerfile", DOCKERFILE).env("DOCKER_HOST", engine.host())
}

/// It was refused with this hint, and the engine never heard of it.
#[track_caller]
fn refused(run: Run, engine: &StubEngine, flag: &str) -> Run {
    let hint = format!("hint: add `--allow {flag}`, or run `occ trust` once");
    let run = run.expect(64).says(&[&hint]);
    assert!(engine.seen("").is_empty(), "the engine was asked\n{run}");
    run
}

/// What the build was sent as its arguments.
fn sent_args(engine: &StubEngine) -> Value {
    let seen = engine.seen("POST /build");
    serde_json::from_str(&seen.last().unwrap().request.query("buildargs").unwrap()).unwrap()
}

#[test]
fn without_consent_it_is_refused_with_the_flag_that_gives_it() {
    let engine = StubEngine::start();
    let occ = occ(&engine).env("CHANNEL", "hunter2");
    let run = refused(occ.run_with(["sync"]), &engine, "env=CHANNEL,network=host");
    let run = run.says(&[
        "the manifest wants to read the environment variable `CHANNEL`, and nobody allowed it",
        "--> opencode.toml:5:20",
        "--> opencode.toml:6:11",
        "key: images.tool.build.args.CHANNEL",
    ]);
    assert!(run.never_says(&["hunter2"]).stdout.is_empty());
    // Only a build uses the network.
    for command in [&["plan"][..], &["status"], &["sync", "-n"]] {
        refused(occ.run_with(command.iter().copied()), &engine, "env=CHANNEL");
    }
    let run = occ.run_with(["sync", "--allow", "network=host", "tool"]);
    let run = refused(run, &engine, "env=CHANNEL").never_says(&["network"]);
    assert!(run.stdout.is_empty());
    let run = occ.run_with(["--format", "json", "sync"]).expect(64);
    let document = run.json();
    assert_eq!(document["diagnostics"].as_array().unwrap().len(), 2, "{run}");
    assert_eq!(document["diagnostics"][0]["line"], 5, "{run}");
    // Nothing of this is needed for the others, nor by who looks at the manifest alone.
    occ.run_with(["plan", "db"]).expect(0);
    occ.run_with(["check"]).expect(0);
    assert!(engine.seen("POST").is_empty());
}

#[test]
fn a_flag_or_the_variable_or_both_together_allow_it() {
    let ways: [(&[&str], &str); 5] = [
        (&["--allow", "env=CHANNEL,network=host"], ""),
        (&["--allow", "env=CHANNEL", "--allow", "network=host"], ""),
        (&[], "env=CHANNEL,network=host"),
        (&[], "network=host  env=CHANNEL env=NOBODY_ASKS"),
        (&["--allow", "env=CHANNEL"], "network=host"),
    ];
    for (flags, variable) in ways {
        let engine = StubEngine::start();
        let occ = occ(&engine).args(["sync", "tool"]).args(flags.iter().copied());
        occ.env("OCC_ALLOW", variable).env("CHANNEL", "nightly").run().expect(0);
        assert_eq!(sent_args(&engine), json!({ "CHANNEL": "nightly", "FIXED": "1" }));
        let seen = &engine.seen("POST /build")[0].request;
        assert_eq!(seen.query("networkmode").as_deref(), Some("host"));
    }
}

#[test]
fn what_is_no_grant_is_a_mistake_on_the_command_line() {
    let engine = StubEngine::start();
    let occ = occ(&engine);
    let run = occ.run_with(["plan", "--allow", "evn=CHANNEL"]).expect(64);
    run.says(&["`evn=CHANNEL` is no grant; did you mean `env=CHANNEL`?"]);
    let run = occ.run_with(["plan", "--allow", "secret=NPM_TOKEN"]).expect(64);
    run.says(&["did you mean `secret=env:NPM_TOKEN`?"]);
    let run = occ.env("OCC_ALLOW", "CHANNEL").run_with(["plan", "db"]).expect(64);
    run.says(&["did you mean `env=CHANNEL`?", "hint: the value is from the variable `OCC_ALLOW`"]);
    assert!(engine.seen("").is_empty());
}

#[test]
fn a_variable_that_is_not_set_and_has_no_default_has_its_place() {
    let engine = StubEngine::start();
    let manifest = MANIFEST.replace(":-dev", "");
    let occ = occ(&engine).file("opencode.toml", manifest).args(["plan", "--allow=env=CHANNEL"]);
    let run = occ.run().expect(64).says(&[
        "the environment variable `CHANNEL` is not set",
        "--> opencode.toml:5:20",
        "key: images.tool.build.args.CHANNEL",
        "hint: set it, or write a default: `${env:CHANNEL:-default}`",
    ]);
    assert!(engine.seen("").is_empty(), "{run}");
    occ.env("CHANNEL", "").run().expect(0);
}

#[test]
fn a_variable_that_is_no_text_is_an_error_that_does_not_show_it() {
    use std::os::unix::ffi::OsStrExt as _;
    let engine = StubEngine::start();
    let occ = occ(&engine).args(["plan", "--allow=env=CHANNEL"]);
    let mut command = occ.command();
    command.env("CHANNEL", std::ffi::OsStr::from_bytes(b"hunter2\xff"));
    let run = occ.start(command).wait().expect(64).never_says(&["hunter2"]);
    run.says(&["the value of the environment variable `CHANNEL` is not UTF-8"]);
}

#[test]
fn trust_is_kept_until_it_is_revoked_and_covers_nothing_new() {
    use std::os::unix::fs::PermissionsExt as _;
    let engine = StubEngine::start();
    let occ = occ(&engine);
    let run = occ.run_with(["trust", "--show"]).expect(0);
    assert!(run.stdout.contains("env=CHANNEL   not allowed: read"), "{run}");
    let run = occ.run_with(["trust"]).expect(0);
    assert!(run.stdout.contains("network=host  build on the network"), "{run}");
    assert!(run.stdout.contains("(line 5: images.tool.build.args.CHANNEL)"), "{run}");
    let file = occ.path("home/.config/occ/trust.toml");
    let mode = |path| fs_err::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&*file), mode(file.parent().unwrap())), (0o600, 0o700));
    assert!(engine.seen("").is_empty());
    occ.run_with(["sync", "tool"]).expect(0);

    // What is new in it is asked again, and that alone.
    let more = MANIFEST.replace("FIXED = \"1\"", "FIXED = \"${env:MORE:-1}\"");
    let occ = occ.file("opencode.toml", more);
    occ.run_with(["plan"]).expect(64).says(&["add `--allow env=MORE`,"]).never_says(&["`CHANNEL`"]);
    let run = occ.run_with(["--format", "json", "trust", "--show"]).expect(0);
    let grants = run.json()["grants"].clone();
    assert_eq!((&grants[1]["grant"], &grants[1]["allowed"]), (&"env=MORE".into(), &false.into()));

    // What it no longer asks for goes with the next consent.
    let occ = occ.file("opencode.toml", MANIFEST.replace("network = \"host\"\n", ""));
    let run = occ.run_with(["trust", "--show"]).expect(0);
    assert!(run.stdout.contains("network=host  allowed, and the manifest does not"), "{run}");
    occ.run_with(["trust"]).expect(0);
    let kept = fs_err::read_to_string(&file).unwrap();
    assert!(kept.contains("env=CHANNEL") && !kept.contains("network"), "{kept}");

    let run = occ.run_with(["trust", "--revoke"]).expect(0);
    assert!(run.stdout.contains("is no longer allowed anything"), "{run}");
    occ.run_with(["plan"]).expect(64);
}

#[test]
fn trust_is_in_one_manifest_and_in_no_link_to_it() {
    let engine = StubEngine::start();
    let occ = occ(&engine);
    occ.run_with(["trust"]).expect(0);
    fs_err::create_dir(occ.work().join("other")).unwrap();
    let link = occ.work().join("other/opencode.toml");
    std::os::unix::fs::symlink("../opencode.toml", link).unwrap();
    let run = occ.run_with(["--manifest", "other/opencode.toml", "plan"]).expect(64);
    run.says(&["run `occ --manifest other/opencode.toml trust` once"]);
    // By another path it is the same one.
    occ.run_with(["--manifest", "other/../opencode.toml", "plan"]).expect(0);
}

#[test]
fn a_trust_file_that_is_broken_is_told_and_left_alone() {
    let engine = StubEngine::start();
    let occ = occ(&engine);
    let file = occ.path("home/.config/occ/trust.toml");
    fs_err::create_dir_all(file.parent().unwrap()).unwrap();
    fs_err::write(&file, "a = \n").unwrap();
    for command in ["plan", "trust"] {
        let run = occ.run_with([command]).expect(64);
        run.says(&["trust.toml`: line 1 is no TOML", "hint: mend the file or remove it"]);
    }
    assert_eq!(fs_err::read_to_string(&file).unwrap(), "a = \n");
    // Nobody needs it who says so each time.
    occ.run_with(["plan", "--allow", "env=CHANNEL"]).expect(0);
    fs_err::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("nowhere", &file).unwrap();
    occ.run_with(["trust"]).expect(64).says(&["cannot read what you allowed in"]);
    assert!(file.is_symlink(), "a link that leads nowhere is not replaced");
}

#[test]
fn at_a_terminal_it_asks_once() {
    let asked = |engine: &StubEngine, occ: &Occ| {
        let terminal = OnTerminal::with_keyboard(occ, 80);
        terminal.wait_for("[y/a/N] ");
        assert!(engine.seen("").is_empty());
        terminal
    };
    let engine = StubEngine::start();
    let occ = occ(&engine).args(["sync", "tool"]);
    let terminal = asked(&engine, &occ);
    terminal.type_in("n\n");
    let (status, said) = terminal.wait();
    assert_eq!(status.code(), Some(64), "{said}");
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("(line 6: images.tool.build.network)"), "{said}");
    assert!(said.contains("add `--allow env=CHANNEL,network=host`"), "{said}");

    let terminal = asked(&engine, &occ);
    terminal.type_in("\x04");
    assert_eq!(terminal.wait().0.code(), Some(64), "the end of the input is a no");

    let terminal = asked(&engine, &occ);
    terminal.type_in("perhaps\nyes\n");
    let (status, said) = terminal.wait();
    assert_eq!((status.code(), said.matches("[y/a/N]").count()), (Some(0), 2), "{said}");

    let engine = StubEngine::start();
    let occ = occ.env("DOCKER_HOST", engine.host());
    let terminal = asked(&engine, &occ);
    terminal.type_in("always\n");
    assert_eq!(terminal.wait().0.code(), Some(0));
    occ.run().expect(0);
}

#[test]
fn an_interrupt_at_the_question_ends_it_and_leaves_the_terminal_as_it_was() {
    let engine = StubEngine::start();
    let occ = occ(&engine).args(["plan"]);
    let terminal = OnTerminal::with_keyboard(&occ, 80);
    terminal.wait_for("[y/a/N] ");
    // By a signal alone: a terminal that is told Ctrl-C drops what it has not shown yet.
    terminal.signal(Signal::INT);
    terminal.wait_for("interrupted, nothing was changed");
    assert!(terminal.is_sane());
    assert_eq!(terminal.wait().0.code(), Some(130));
    assert!(engine.seen("").is_empty());
}

#[test]
fn nobody_is_asked_where_nobody_would_answer() {
    let engine = StubEngine::start();
    for more in [&["--format", "json"][..], &["--progress", "json"], &[]] {
        let occ = occ(&engine).args(["plan"]).args(more.iter().copied());
        let occ = if more.is_empty() { occ.env("CI", "true") } else { occ };
        let (status, said) = OnTerminal::with_keyboard(&occ, 80).wait();
        assert_eq!(status.code(), Some(64), "{said}");
        assert!(!said.contains("[y/a/N]") && said.contains("--allow env=CHANNEL"), "{said}");
    }
    assert!(engine.seen("").is_empty());
}
