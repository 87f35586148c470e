//! The library's public face, used as another program would.

use std::path::Path;
use std::sync::{Arc, Mutex};

use occ::{
    DockerClient, EngineErrorKind, Event, ExitStatus, FailureClass, Manifest, Outcome,
    ProgressReporter, SyncError,
};

use crate::support::stub_engine::StubEngine;
use crate::support::stub_table::StubImage;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn manifest(text: &str) -> Manifest {
    Manifest::parse(text, Path::new("/project")).unwrap().0
}

const TOOL: &str =
    "version = 1\n[images.tool]\nname = \"acme/tool\"\ntag = \"1\"\nregistries = [\"ghcr.io\"]\n";

#[test]
fn a_program_plans_syncs_and_follows() {
    let engine = StubEngine::start().remote("ghcr.io/acme/tool:1", &StubImage::new("tool"));
    let client = DockerClient::with_host(&engine.host()).unwrap();
    let manifest = manifest(TOOL);
    let plan = block_on(client.plan(&manifest)).unwrap();
    assert_eq!(
        plan.to_string(),
        "tool: changes: not in the engine\n  pull from ghcr.io/acme/tool:1\n"
    );

    let events = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&events);
    let progress = ProgressReporter::new(move |event| sink.lock().unwrap().push(event));
    let report = block_on(client.sync(&manifest, None, &progress)).unwrap();
    assert_eq!(report.images[0].outcome, Outcome::Done);
    assert_eq!(report.images[0].source.as_deref(), Some("ghcr.io/acme/tool:1"));
    assert!(report.changed());
    assert!(matches!(events.lock().unwrap()[0], Event::Started { .. }));

    assert!(block_on(client.image_exists("acme/tool:1")).unwrap());
    assert!(block_on(client.plan(&manifest)).unwrap().is_unchanged());
}

#[test]
fn a_program_allows_what_a_manifest_asks_for() {
    let engine = StubEngine::start();
    let client = DockerClient::with_host(&engine.host()).unwrap();
    let text = "version = 1\n[images.tool]\nname = \"acme/tool\"\n[images.tool.build]\n\
                template = \"opencode\"\nargs = { A = \"${env:A}\" }\nnetwork = \"host\"\n";
    let manifest = manifest(text);
    assert_eq!(manifest.asks(), ["env=A", "network=host"]);
    let refused = block_on(client.plan(&manifest)).unwrap_err();
    let SyncError::NotAllowed(diagnostics) = refused else { panic!("{refused}") };
    assert_eq!((diagnostics.len(), diagnostics[0].line), (1, 6));
    assert!(engine.seen("").is_empty());

    let unset = manifest.clone().allow(["env=A"], |_| None).unwrap_err();
    assert_eq!(unset[0].message, "the environment variable `A` is not set");
    let value = |name: &str| (name == "A").then(|| "1".into());
    let some = manifest.allow(["env=A", "env=B"], value).unwrap();
    block_on(client.plan(&some)).unwrap();
    let refused = block_on(client.sync(&some, None, &ProgressReporter::silent())).unwrap_err();
    assert!(matches!(refused, SyncError::NotAllowed(_)));
    let all = some.allow(["network=host"], value).unwrap();
    block_on(client.sync(&all, None, &ProgressReporter::silent())).unwrap();
    let sent = &engine.seen("POST /build")[0].request;
    assert_eq!(sent.query("buildargs").unwrap(), r#"{"A":"1"}"#);
}

#[test]
fn a_program_hands_secrets_over_by_name_and_shows_none() {
    let engine = StubEngine::start().with_buildkit();
    let client = DockerClient::with_host(&engine.host()).unwrap();
    let text = "version = 1\n[images.tool]\nname = \"acme/tool\"\n[images.tool.build]\n\
                template = \"opencode\"\nssh = [\"default\"]\n\
                secrets = [{ id = \"npm\", env = \"NPM_TOKEN\" }, { id = \"key\", src = \"key\" }]\n";
    let manifest = manifest(text);
    assert_eq!(manifest.asks(), ["secret=env:NPM_TOKEN", "secret=file:key", "ssh"]);
    // A plan reads none of them.
    block_on(client.plan(&manifest)).unwrap();
    let sync =
        |manifest: &Manifest| block_on(client.sync(manifest, None, &ProgressReporter::silent()));
    let SyncError::NotAllowed(refused) = sync(&manifest).unwrap_err() else { panic!() };
    assert_eq!(refused.len(), 3);

    let asked = Mutex::new(Vec::new());
    let variable = |name: &str| {
        asked.lock().unwrap().push(name.to_owned());
        (name == "NPM_TOKEN").then(|| "hunter2".into())
    };
    let some = manifest.allow(["secret=env:NPM_TOKEN"], variable).unwrap();
    assert_eq!(*asked.lock().unwrap(), ["NPM_TOKEN"]);
    assert!(!format!("{some:?}").contains("hunter2"));
    let all = some.allow(["secret=file:key", "ssh"], variable).unwrap();
    assert_eq!(*asked.lock().unwrap(), ["NPM_TOKEN", "NPM_TOKEN", "SSH_AUTH_SOCK"]);
    let report = sync(&all).unwrap();
    let error = report.images[0].error.as_deref().unwrap_or_default();
    assert!(error.contains("the file `/project/key` does not exist"), "{error}");
    assert!(engine.changes().is_empty());
}

#[test]
fn a_program_may_hold_to_a_lock() {
    let (digest, other) = (format!("sha256:{}", "a".repeat(64)), StubImage::new("tool").digest);
    let text = |digest: &str| {
        format!(
            "version = 1\n[[image]]\nid = \"tool\"\nname = \"acme/tool\"\ntag = \"1\"\ndigest = \"{digest}\"\nsources = [\"ghcr.io/acme/tool:1\"]\n"
        )
    };
    let tool = || manifest(TOOL);
    let engine = StubEngine::start().remote("ghcr.io/acme/tool:1", &StubImage::new("tool"));
    let client = DockerClient::with_host(&engine.host()).unwrap();
    let sync = |manifest: &Manifest| {
        block_on(client.sync(manifest, None, &ProgressReporter::silent())).unwrap()
    };
    let report = sync(&tool().lock(&text(&digest)).unwrap());
    assert_eq!(report.images[0].failures[0].class, FailureClass::NotFound);
    assert_eq!(engine.id("acme/tool:1"), None);
    let report = sync(&tool().lock(&text(&other)).unwrap());
    assert_eq!((report.exit(), report.images[0].pinned_by), (ExitStatus::Success, Some("lock")));

    let said = |text: &str| tool().lock(text).unwrap_err()[0].message.clone();
    assert_eq!(said("version = 1\n"), "the image `tool` is not locked");
    assert_eq!(
        said(&text(&digest).replace("tag = \"1\"", "tag = \"2\"")),
        "the image `tool` is locked otherwise: its tag was `2` and is `1`"
    );
    assert_eq!(said(&text("sha256:1")), "`sha256` wants 64 hexadecimal digits, here are 1");
}

#[test]
fn a_program_is_told_when_there_is_no_engine() {
    let client = DockerClient::with_host("unix:///nowhere/docker.sock").unwrap();
    let refused = block_on(client.verify_connection()).unwrap_err();
    assert_eq!(refused.kind, EngineErrorKind::SocketNotFound);
    assert!(refused.hint().is_some());
}
