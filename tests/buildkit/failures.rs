//! Builds that `BuildKit` refuses or that fail in it: what is told, and where.

use serde_json::{Value, json};

use super::{SHELL, mark, tool, with_shell};
use crate::support::occ::{Occ, Run};
use crate::support::real_engine::RealEngine;
use crate::support::registry::Registry;
use crate::support::unique;
use crate::sync::image_of;

/// The account of the image of a sync that fails.
fn failed(occ: &Occ) -> (Value, Run) {
    let run = occ.run_with(["--format", "json", "sync"]);
    // Where the engine can't reach Docker Hub, newer builders say that this is why.
    let run = if run.stdout.contains("OCC-DNS") { run.expect(7) } else { run.expect(1) };
    (image_of(&run, "tool"), run)
}

#[track_caller]
fn error(image: &Value) -> &str {
    image["error"].as_str().unwrap()
}

#[test]
fn a_command_that_fails_is_told_with_its_code_its_line_and_what_it_printed() {
    let mut engine = RealEngine::connect();
    let name = engine.name("code");
    // Line 5: three of the shell's stage, and the mark.
    let text = "FROM shell AS noisy\n\
        RUN i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo noise; sleep 0.01; done\n\
        FROM shell AS bad\n\
        RUN sleep 0.5; echo out; echo err >&2; \\\n    exit 42\n\
        FROM shell\nCOPY --from=noisy /bin /a\nCOPY --from=bad /bin /b\n";
    let occ = with_shell(&engine, &name, "", text);
    let (image, run) = failed(&occ);
    let instruction = "RUN sleep 0.5; echo out; echo err >&2; exit 42";
    assert_eq!(
        image["failed_at"],
        json!({ "file": "Dockerfile", "line": 8, "instruction": instruction, "exit_code": 42 }),
        "{run}"
    );
    assert_eq!(
        error(&image),
        format!(
            "the build failed at `Dockerfile`, line 8: `{instruction}`: it ended with exit code 42"
        )
    );
    // Of this step alone, though another one printed all the time.
    let mut log: Vec<&str> =
        image["log"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    log.sort_unstable();
    assert_eq!(log, ["err", "out"], "{run}");
    let whole = fs_err::read_to_string(image["log_file"].as_str().unwrap()).unwrap();
    assert!(whole.contains(" noise\n") && whole.contains(" out\n"), "{whole}");
    let run = occ.run_with(["sync"]).expect(1);
    assert!(run.stdout.contains("the build's last 2 lines:\n"), "{run}");
    assert!(!run.stdout.contains("noise"), "{run}");
    assert_eq!(engine.id(&name), None);
}

#[test]
fn what_is_wrong_with_a_dockerfile_is_told_with_its_line() {
    let engine = RealEngine::connect();
    let name = format!("occ-test/{}:1", unique());
    // The text, the line, and what is said.
    let cases = [
        ("FROM scratch\n\nCOPY missing.txt /\n", Some(3), "missing.txt"),
        ("FROM scratch\nCOPY --from=nowhere a /\n", None, "nowhere"),
        ("FROM scratch\n\n\nNOPE x\n", Some(4), "unknown instruction: NOPE"),
        ("FROM scratch\nCOPY\n", Some(2), "COPY requires at least two arguments"),
        ("", None, "the Dockerfile cannot be empty"),
        ("RUN x\n", None, "no build stage in current context"),
    ];
    for (text, line, says) in cases {
        let occ = tool(&engine, &name, ", network = \"none\"", text);
        let (image, run) = failed(&occ);
        if line.is_some() {
            assert_eq!(image["failed_at"]["line"], json!(line), "{text:?}\n{run}");
        }
        assert!(error(&image).contains(says), "{text:?}\n{run}");
        assert!(image["failed_at"]["exit_code"].is_null(), "{run}");
    }
    let (image, run) =
        failed(&tool(&engine, &name, ", target = \"lost\"", "FROM scratch AS last\n"));
    let says = "`target` is `lost`, and `Dockerfile` has no such stage; did you mean `last`?";
    assert!(error(&image).contains(says), "{run}");
    let occ = tool(&engine, &name, "", "");
    fs_err::remove_file(occ.work().join("ctx/Dockerfile")).unwrap();
    let (image, run) = failed(&occ);
    assert!(error(&image).contains("/ctx/Dockerfile` does not exist"), "{run}");
    assert_eq!(engine.id(&name), None);
}

#[test]
fn a_base_or_a_frontend_that_cannot_be_had_is_named() {
    let engine = RealEngine::connect();
    let name = format!("occ-test/{}:1", unique());
    let empty = Registry::start();
    let base = format!("{}/occ-test/nothing:1", empty.host());
    let occ = tool(&engine, &name, "", &format!("ARG BASE={base}\nFROM $BASE\n{}", mark()));
    let (image, run) = failed(&occ);
    assert_eq!(image["hints"][0], "check the repository and the tag for a typing error", "{run}");
    assert_eq!(image["failed_at"]["line"], 2, "{run}");
    assert!(error(&image).contains(&base), "{run}");

    let text = format!("# syntax={base}\n{SHELL}");
    let (image, run) = failed(&tool(&engine, &name, "", &text));
    assert_eq!(image["failed_at"]["line"], 1, "{run}");
    assert!(error(&image).contains(&base), "{run}");
    assert_eq!(engine.id(&name), None);
}
