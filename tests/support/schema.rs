//! What occ writes for programs, held against the committed schemas, and against what no
//! schema can say: nothing fails without a code.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Value, json};

use super::occ::Run;

static OUTPUT: LazyLock<Validator> =
    LazyLock::new(|| closed(include_str!("../../schema/output.schema.json")));
static EVENT: LazyLock<Validator> =
    LazyLock::new(|| closed(include_str!("../../schema/events.schema.json")));

impl Run {
    /// stdout as the JSON document that `--format json` promises.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        self.checked(&self.stdout, document)
    }

    /// stderr as the events that `--progress json` promises.
    #[track_caller]
    pub(crate) fn events(&self) -> Vec<Value> {
        self.stderr.lines().map(|line| self.checked(line, event)).collect()
    }

    /// Fails if something is not as its schema has it, whether or not the test looks at it.
    #[track_caller]
    pub(super) fn keeps_its_promises(&self) {
        if self.stdout.starts_with("{\"schema\":") {
            self.json();
        }
        if self.stderr.starts_with("{\"ts\":") {
            self.events();
        }
    }

    #[track_caller]
    fn checked(&self, text: &str, check: fn(&Value) -> Vec<String>) -> Value {
        let value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}\n{self}"));
        let wrong = check(&value);
        assert!(wrong.is_empty(), "not as the schema has it: {wrong:#?}\n{self}");
        value
    }
}

/// What is wrong with a document of `--format json`.
fn document(document: &Value) -> Vec<String> {
    let mut wrong = complaints(&OUTPUT, document);
    let list = |name: &str| document[name].as_array().cloned().unwrap_or_default();
    let (images, diagnostics) = (list("images"), list("diagnostics"));
    for image in &images {
        let failed = image.get("exit").is_some_and(|exit| *exit != 0);
        if (failed || image.get("error").is_some()) && image.get("code").is_none() {
            wrong.push(format!("a failed image without a code: {image}"));
        }
    }
    for told in &diagnostics {
        if (told["severity"] == "error") != told.get("code").is_some() {
            wrong.push(format!("an error without a code, or a warning with one: {told}"));
        }
    }
    let coded = images.iter().chain(&diagnostics).any(|it| it.get("code").is_some());
    let is_failure = !matches!(document["exit_code"].as_u64(), Some(0 | 2));
    if is_failure && !coded {
        wrong.push("it failed, and nothing says why".to_owned());
    }
    wrong
}

/// What is wrong with a line of `--progress json`.
fn event(event: &Value) -> Vec<String> {
    let mut wrong = complaints(&EVENT, event);
    let is_failure = event["severity"] == "error" || event["outcome"] == "failed";
    if is_failure && event.get("code").is_none() {
        wrong.push(format!("a failure without a code: {event}"));
    }
    wrong
}

fn complaints(schema: &Validator, value: &Value) -> Vec<String> {
    let at = |error: jsonschema::ValidationError<'_>| format!("{}: {error}", error.instance_path());
    schema.iter_errors(value).map(at).collect()
}

/// The schema without room for fields that it does not name: users have to expect new
/// ones, and a test must not overlook any.
fn closed(text: &str) -> Validator {
    let mut schema = serde_json::from_str(text).unwrap();
    close(&mut schema, true);
    jsonschema::draft202012::new(&schema).unwrap()
}

/// Closes objects where a value stands: what is one of several alternatives, or is referred
/// to from them, may be only a part of the value.
fn close(schema: &mut Value, is_whole: bool) {
    let Some(object) = schema.as_object_mut() else { return };
    for (keyword, below) in object.iter_mut() {
        match keyword.as_str() {
            "properties" => each(below, true),
            "items" => close(below, true),
            "$defs" | "oneOf" | "anyOf" | "allOf" => each(below, false),
            _ => {}
        }
    }
    if is_whole {
        object.insert("unevaluatedProperties".to_owned(), json!(false));
    }
}

fn each(schemas: &mut Value, is_whole: bool) {
    match schemas {
        Value::Object(named) => named.values_mut().for_each(|schema| close(schema, is_whole)),
        Value::Array(list) => list.iter_mut().for_each(|schema| close(schema, is_whole)),
        _ => {}
    }
}

#[test]
fn what_is_wrong_is_noticed() {
    let good = json!({
        "schema": 1, "command": "sync", "exit_code": 0, "changed": false, "images": [],
        "diagnostics": [],
    });
    assert_eq!(document(&good), Vec::<String>::new());
    let with = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed[name] = value;
        document(&changed).len()
    };
    assert_eq!(with("schema", json!(2)), 1);
    assert_eq!(with("surprise", json!(1)), 1);
    assert_eq!(with("exit_code", json!("0")), 2);
    assert_eq!(with("exit_code", json!(1)), 1, "a failure without a reason");
    assert_eq!(with("images", json!([{ "id": "a" }])), 1);
    let told = |code: Value| json!([{ "severity": "error", "message": "x", "line": 0, "column": 0, "code": code }]);
    assert_eq!(with("diagnostics", told(json!("OCC-DENIED"))), 0);
    assert_eq!(with("diagnostics", told(json!("OCC-NONE"))), 1);

    let line =
        json!({ "ts": "2026-07-28T09:15:00.042Z", "event": "note", "image": null, "message": "x" });
    assert_eq!(event(&line), Vec::<String>::new());
    for (name, value) in [("ts", Value::Null), ("event", json!("nap")), ("more", json!(1))] {
        let mut changed = line.clone();
        changed[name] = value;
        assert_ne!(event(&changed), Vec::<String>::new(), "{changed}");
    }
}
