//! What is there to be copied into a repository, or used from one: YAML, the commands in it,
//! and what a shell makes of them.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{blocks, calls, is_understood, pages};
use crate::support::occ::Occ;

/// Every YAML that others use: the blocks of the pages, and the files that are made for it.
fn recipes() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (path, page) in pages() {
        let yaml = blocks(&page).into_iter().filter(|(kind, _)| kind == "yaml");
        all.extend(yaml.map(|(_, text)| (path.display().to_string(), text)));
    }
    for file in ["action.yml", ".pre-commit-hooks.yaml", "src/import/workflow.yml"] {
        all.push((file.to_owned(), fs_err::read_to_string(top().join(file)).unwrap()));
    }
    all
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn yaml(name: &str, text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"))
}

/// Calls `see` with every key of a document and the value that it has.
fn each(value: &Value, see: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                see(key, value);
                each(value, see);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| each(item, see)),
        _ => {}
    }
}

/// The shell's lines in a document, each script whole.
fn scripts(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    each(document, &mut |key, value| match (key, value) {
        ("run" | "entry", Value::String(script)) => found.push(script.clone()),
        ("script", Value::Array(lines)) => {
            let lines: Vec<&str> = lines.iter().filter_map(Value::as_str).collect();
            found.push(lines.join("\n"));
        }
        _ => {}
    });
    found
}

#[test]
fn every_command_in_them_is_one() {
    let mut seen = 0;
    for (name, text) in recipes() {
        let document = yaml(&name, &text);
        let mut said = Vec::new();
        for script in scripts(&document) {
            let lines = script.replace("\\\n", " ");
            said.extend(lines.lines().flat_map(calls).map(str::to_owned));
        }
        // What the action is told to do.
        each(&document, &mut |key, value| {
            said.extend(
                (key == "command").then_some(value).and_then(Value::as_str).map(str::to_owned),
            );
            let default = (key == "command").then(|| value["default"].as_str()).flatten();
            said.extend(default.map(str::to_owned));
        });
        for call in said.iter().filter(|call| !call.is_empty() && *call != "\"${words[@]}\"") {
            seen += 1;
            is_understood(call).unwrap_or_else(|why| panic!("{name}: {why}"));
        }
    }
    assert!(seen >= 8, "{seen}");
}

#[test]
fn a_shell_can_read_them_and_nobody_else_writes_in_them() {
    let mut seen = 0;
    for (name, text) in recipes() {
        for script in scripts(&yaml(&name, &text)) {
            seen += 1;
            let read = Command::new("bash").args(["-n", "-c", &script]).output().unwrap();
            assert!(read.status.success(), "{name}: {script}\n{read:?}");
            // The text of an expression would be read by the shell.
            assert!(!script.contains("${{"), "{name}: {script}");
        }
    }
    assert!(seen >= 10, "{seen}");
}

#[test]
fn nothing_takes_more_rights_than_it_says() {
    let mut seen = 0;
    for (name, text) in recipes() {
        let document = yaml(&name, &text);
        if document.get("jobs").is_some_and(|jobs| jobs.to_string().contains("\"runs-on\"")) {
            seen += 1;
            assert!(document.get("permissions").is_some(), "{name}: what it may do is not said");
        }
    }
    assert!(seen >= 3, "{seen}");
}

#[test]
fn the_action_hands_its_words_to_occ_and_to_no_shell() {
    let text = fs_err::read_to_string(top().join("action.yml")).unwrap();
    let action = yaml("action.yml", &text);
    let steps = action["runs"]["steps"].as_array().unwrap();
    let run = steps.iter().find(|step| step["id"] == "run").unwrap()["run"].as_str().unwrap();
    let script = format!("occ() {{ printf '[%s]' \"$@\"; }}\nset -eo pipefail\n{run}");
    let world = Occ::program("bash").file("a", "").args(["-c", &script]);
    let said = |command: &str| {
        world.command().env("COMMAND", command).output().map(|it| it.stdout).unwrap()
    };
    assert_eq!(said("sync --locked"), b"[sync][--locked]");
    assert_eq!(said("sync $(id) `id` * ; id"), b"[sync][$(id)][`id`][*][;][id]");
}
