//! Secrets and ssh agents: consented to by name, and seen nowhere.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::refused;
use crate::support::occ::{Occ, Run};
use crate::support::stub_engine::StubEngine;
use crate::support::stub_table::StubImage;

const MANIFEST: &str = "version = 1\n\
    [images.tool]\nname = \"acme/tool\"\n\
    [images.tool.build]\n\
    secrets = [{ id = \"npm\", env = \"NPM_TOKEN\" }, { id = \"key\", src = \"./my secrets/a,key\" }]\n\
    ssh = [\"default\"]\n\
    [images.db]\nname = \"db\"\nregistries = [\"r.example\"]\n";

const FLAG: &str = "secret=env:NPM_TOKEN,secret=file:my%20secrets/a%2Ckey,ssh";

/// In the variable, and in the file.
const VALUES: &[&str] = &["hunter2", "hunter3"];

fn occ(engine: &StubEngine) -> Occ {
    Occ::manifest(MANIFEST)
        .file("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
        .file(".dockerignore", "my secrets\n")
        .file("my secrets/a,key", "hunter3")
        .env("DOCKER_HOST", engine.host())
        .env("NPM_TOKEN", "hunter2")
}

/// The files below a directory that have one of the values in them.
fn files_with_values(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs_err::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files_with_values(&path));
        } else if let Ok(bytes) = fs_err::read(&path) {
            let has = |value: &&&str| bytes.windows(7).any(|it| it == value.as_bytes());
            found.extend(VALUES.iter().any(|value| has(&value)).then_some(path));
        }
    }
    found
}

#[test]
fn a_build_that_wants_secrets_is_refused_with_the_flag_that_allows_them() {
    let engine = StubEngine::start().with_buildkit();
    let occ = occ(&engine);
    let run = refused(occ.run_with(["sync"]), &engine, FLAG).says(&[
        "the manifest wants to hand the environment variable `NPM_TOKEN` to a build as a secret",
        "--> opencode.toml:5:32",
        "key: images.tool.build.secrets[0].env",
        "the manifest wants to hand the file `my secrets/a,key` to a build as a secret",
        "--> opencode.toml:5:67",
        "key: images.tool.build.secrets[1].src",
        "the manifest wants to let a build use your ssh agent, and nobody allowed it",
        "--> opencode.toml:6:7",
    ]);
    run.never_says(VALUES);
    // Who allows a variable for an argument has not allowed it as a secret.
    let run = occ.run_with(["sync", "--allow", "env=NPM_TOKEN,secret=env:OTHER,ssh"]);
    refused(run, &engine, "secret=env:NPM_TOKEN,secret=file:my%20secrets/a%2Ckey");
    let run = occ.run_with(["--format", "json", "sync"]).expect(64).never_says(VALUES);
    assert_eq!(run.json()["diagnostics"].as_array().unwrap().len(), 3, "{run}");
}

#[test]
fn who_only_looks_needs_no_consent_and_no_value() {
    let engine = StubEngine::start().with_buildkit();
    let occ = occ(&engine).without_env("NPM_TOKEN").file("my secrets/a,key", "");
    fs_err::remove_dir_all(occ.work().join("my secrets")).unwrap();
    for command in [&["plan"][..], &["status"], &["sync", "-n"], &["check"]] {
        occ.run_with(command.iter().copied()).expect(0);
    }
    assert!(engine.changes().is_empty());
}

#[test]
fn what_is_pulled_needs_consent_beforehand_and_no_value() {
    let engine = StubEngine::start()
        .with_buildkit()
        .remote("r.example/acme/tool:1", &StubImage::new("tool"));
    let manifest =
        MANIFEST.replace("acme/tool\"", "acme/tool\"\ntag = \"1\"\nregistries = [\"r.example\"]");
    let occ = occ(&engine).file("opencode.toml", manifest).without_env("NPM_TOKEN");
    refused(occ.run_with(["sync", "tool"]), &engine, FLAG);
    occ.run_with(["sync", "tool", "--allow", FLAG]).expect(0);
}

#[test]
fn a_build_without_its_secret_fails_and_the_others_go_on() {
    let engine =
        StubEngine::start().with_buildkit().remote("r.example/db:latest", &StubImage::new("db"));
    let occ = occ(&engine).without_env("NPM_TOKEN").env("OCC_ALLOW", FLAG);
    let run = occ.run_with(["sync"]).expect(1).never_says(VALUES);
    let why = "the secret `npm` has no value: the environment variable `NPM_TOKEN` is not set\n    \
               hint: set `NPM_TOKEN` to the secret and run it again\n";
    assert!(run.stdout.contains(why), "{run}");
    assert!(engine.seen("POST /session").is_empty());
    assert!(engine.id("db:latest").is_some());

    let occ = occ.env("NPM_TOKEN", "hunter2");
    let run = occ.run_with(["sync", "tool"]).expect(1).never_says(VALUES);
    run.says(&["there is no ssh agent for `default`: `SSH_AUTH_SOCK` is not set"]);
    fs_err::remove_dir_all(occ.work().join("my secrets")).unwrap();
    let run = occ.run_with(["sync", "tool"]).expect(1);
    run.says(&["the secret `key` has no value: the file `", "/my secrets/a,key` does not exist"]);
    assert!(engine.seen("POST /session").is_empty());
}

#[test]
fn a_secret_is_trusted_like_any_other_grant() {
    let engine = StubEngine::start().with_buildkit();
    let occ = occ(&engine);
    let run = occ.run_with(["trust", "--show"]).expect(0);
    assert!(run.stdout.contains("ssh ") && run.stdout.contains("not allowed: let a"), "{run}");
    let run = occ.run_with(["trust"]).expect(0).never_says(VALUES);
    for line in [
        "secret=env:NPM_TOKEN",
        "secret=file:my%20secrets/a%2Ckey  hand the file `my secrets/a,key` to a build",
        "(line 6: images.tool.build.ssh)",
    ] {
        assert!(run.stdout.contains(line), "{run}");
    }
    let run = occ.run_with(["--format", "json", "trust", "--show"]).expect(0);
    let grants = run.json()["grants"].clone();
    let grant = &grants[1];
    assert_eq!(
        (&grant["grant"], &grant["allowed"]),
        (&json!("secret=file:my%20secrets/a%2Ckey"), &json!(true))
    );
    // It is what a sync asks for; another file is not.
    let fails = |occ: &Occ, want: i32| -> Run { occ.run_with(["sync", "tool"]).expect(want) };
    fails(&occ, 1).says(&["`SSH_AUTH_SOCK` is not set"]);
    let occ = occ.file("opencode.toml", MANIFEST.replace("a,key", "b,key"));
    fails(&occ, 64).says(&["add `--allow secret=file:my%20secrets/b%2Ckey`,"]);
    occ.run_with(["trust", "--revoke"]).expect(0);
    let occ = occ.file("opencode.toml", MANIFEST);
    occ.run_with(["sync"]).expect(64).says(&[&format!("add `--allow {FLAG}`,")]);
}

#[test]
fn no_value_is_seen_anywhere() {
    let engine = StubEngine::start().with_buildkit();
    let top = tempfile::tempdir().unwrap();
    let socket = top.path().join("agent");
    let _agent = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let occ = occ(&engine).env("SSH_AUTH_SOCK", socket.display().to_string());
    occ.run_with(["trust"]).expect(0).never_says(VALUES);
    for how in [&["-vvv"][..], &["-vvv", "--format", "json", "--progress", "json"], &[]] {
        for command in
            [&["sync", "tool", "--no-cache"][..], &["plan"], &["status"], &["sync", "-n"]]
        {
            let run = occ.run_with(how.iter().chain(command).copied());
            let run = run.never_says(VALUES);
            assert_ne!(run.status.code(), Some(64), "{run}");
        }
    }
    assert!(!engine.seen("POST /session").is_empty(), "no build was begun");
    // Neither in a log, nor in a cache, nor in the trust file.
    assert_eq!(files_with_values(&occ.path("")), [occ.work().join("my secrets/a,key")]);
}

#[test]
fn a_secret_in_the_context_is_a_warning() {
    let engine = StubEngine::start().with_buildkit();
    let occ = occ(&engine).file(".dockerignore", "");
    let run = occ.run_with(["plan", "tool"]).expect(0);
    let told = "the secret `my secrets/a,key` is part of the context";
    assert!(run.stdout.contains(told), "{run}");
}
