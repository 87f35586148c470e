//! Credential helpers that fail in the ways that programs can (rows 65 to 67).

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use super::configuration::{NAME, anonymous_with_warning, engine, helper, sync};
use super::manifest;
use crate::support::occ::Occ;
use crate::support::stub_engine::StubEngine;
use crate::support::wait_until;

fn with_helper(engine: &StubEngine, body: &str) -> Occ {
    helper(sync(engine), "h", body).docker_config(r#"{"credsStore": "h"}"#)
}

#[test]
fn row_65_a_helper_that_fails_is_named_and_not_quoted() {
    let cases = [
        ("echo s3cret; echo s3cret >&2; exit 1", "failed (exit status: 1)"),
        ("echo s3cret; kill -9 $$", "failed (signal: 9"),
        ("echo s3cret", "no answer of a credential helper"),
        ("printf '\\377\\376s3cret'", "no answer of a credential helper"),
        ("yes s3cret", "more than 64 KiB"),
    ];
    for (body, words) in cases {
        let engine = engine();
        let occ = with_helper(&engine, body);
        let run = anonymous_with_warning(&engine, &occ, &["`docker-credential-h`", words]);
        run.never_says(&["s3cret"]);
    }
    let missing = engine();
    let occ = sync(&missing).docker_config(r#"{"credHelpers": {"a.example": "gone"}}"#);
    let words = ["`docker-credential-gone` is not on the `PATH`"];
    anonymous_with_warning(&missing, &occ, &words);

    let inert = engine();
    let occ = with_helper(&inert, "");
    let file = occ.path("bin/docker-credential-h");
    fs_err::set_permissions(file, PermissionsExt::from_mode(0o644)).unwrap();
    anonymous_with_warning(&inert, &occ, &["`docker-credential-h` is not executable"]);
}

#[test]
fn why_and_doctor_name_the_helper_and_tell_nothing_of_what_it_said() {
    let engine = engine();
    let occ = Occ::manifest(&manifest(NAME, &["a.example"])).args(["-H", &engine.host()]);
    let answer = r#"echo '{"ServerURL":"a.example","Username":"me","Secret":"s3cret"}'"#;
    let occ = helper(occ, "h", answer).docker_config(r#"{"credsStore": "h"}"#);
    for arguments in [&["why", "tool"][..], &["why", "tool", "--refresh"]] {
        let run = occ.run_with(arguments.iter().copied()).expect(0).never_says(&["s3cret"]);
        assert!(run.stdout.contains("found in `docker-credential-h`\n"), "{run}");
    }
    let run = occ.run_with(["doctor"]).expect(0).never_says(&["s3cret"]);
    let words = "a.example: reached with the login from `docker-credential-h`\n";
    assert!(run.stdout.contains(words), "{run}");
    // One that fails is told, and nobody is asked with what it may have.
    let occ = helper(occ, "h", "echo s3cret; exit 1");
    let words = "`docker-credential-h` failed (exit status: 1)";
    let run = occ.run_with(["why", "tool"]).expect(0).says(&["warning: ", words]);
    run.never_says(&["s3cret", "found in"]);
    let run = occ.run_with(["doctor"]).expect(0).never_says(&["s3cret"]);
    assert!(run.stdout.contains(&format!("warn  credentials  {words}")), "{run}");
}

/// It and a child of its own hold `alive` open until both are dead.
const HANGS: &str = "cd \"${0%/*}\"; exec 3>alive; sleep 60 & echo >ready; wait";

/// What tells that nobody holds `alive` open any more.
fn watch(occ: &Occ) -> Receiver<()> {
    let pipe = occ.path("bin/alive");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (tell, told) = channel();
    thread::spawn(move || {
        fs_err::File::open(pipe).unwrap().read_to_end(&mut Vec::new()).unwrap();
        tell.send(()).unwrap();
    });
    told
}

#[test]
fn row_66_a_helper_that_hangs_is_killed_with_its_children() {
    let engine = engine();
    let occ = with_helper(&engine, HANGS);
    let dead = watch(&occ);
    let words = ["`docker-credential-h` did not answer in time"];
    let run = anonymous_with_warning(&engine, &occ, &words);
    assert!(run.elapsed >= Duration::from_secs(10), "{run}");
    dead.recv_timeout(Duration::from_secs(5)).expect("the helper lives on");
    run.within(Duration::from_secs(15));
}

#[test]
fn row_66_an_interrupt_kills_the_helper_too() {
    let engine = engine();
    let occ = with_helper(&engine, HANGS);
    let dead = watch(&occ);
    let running = occ.spawn();
    wait_until("the helper runs", || occ.path("bin/ready").exists());
    running.signal(Signal::INT);
    running.wait().expect(130).within(Duration::from_secs(5));
    dead.recv_timeout(Duration::from_secs(5)).expect("the helper lives on");
    assert_eq!(engine.id(NAME), None);
}

#[test]
fn row_67_a_helper_has_a_name_and_no_path() {
    for name in ["../../x", "/bin/x", "x/../x", "x y", "x;y", "", "\u{202e}x"] {
        let engine = engine();
        let occ = helper(sync(&engine), "x", "touch \"${0%/*}/ran\"");
        let auths = json!({ "credHelpers": { "a.example": name } });
        let occ = occ.docker_config(&auths.to_string());
        if name.is_empty() {
            // An empty name says "the file", to the Docker CLI as well.
            occ.run().expect(0).never_says(&["warning"]);
        } else {
            anonymous_with_warning(&engine, &occ, &["is no name of a credential helper"]);
        }
        assert!(!occ.path("bin/ran").exists(), "{name}");
    }
}
