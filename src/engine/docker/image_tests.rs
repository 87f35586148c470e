use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::engine::docker::stub::{Reply, Stub, chunks, json, lines};
use crate::words::event::LayerState;
use crate::words::failure::FailureClass as C;

const IMAGE: &str = r#"{"Id":"sha256:1f","Os":"linux","Architecture":"amd64"}"#;
const ABSENT: &str = r#"{"message":"No such image: a/b:1"}"#;
const LOADING: &str =
    "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":1,\"total\":2},\"id\":\"l\"}\n";
const WAITING: &str = "{\"status\":\"Waiting\",\"id\":\"l\"}\n";

#[tokio::test]
async fn a_pull_tells_its_layers_and_proves_the_image() {
    let stub = Stub::answering(&[json(404, ABSENT), lines(LOADING), json(200, IMAGE)]);
    let told = Arc::<Mutex<Vec<Event>>>::default();
    let sink = Arc::clone(&told);
    let progress = ProgressReporter::new(move |event| sink.lock().unwrap().push(event));
    assert_eq!(stub.client().pull_image("a/b:1", &progress).await.unwrap(), "sha256:1f");
    let layer = Event::Layer {
        image: "a/b:1".into(),
        layer: "l".into(),
        state: LayerState::Downloading,
        current: 1,
        total: 2,
    };
    assert_eq!(*told.lock().unwrap(), [layer]);
}

#[tokio::test]
async fn a_stream_that_ends_well_proves_nothing() {
    let absent = || json(404, ABSENT);
    let stub = Stub::answering(&[absent(), lines(""), absent(), absent()]);
    let client = stub.client();
    let error = client.pull_image("a/b:1", &ProgressReporter::silent()).await.unwrap_err();
    assert_eq!(error.class, C::CutShort);
    // Nor does what was there before, unless the engine says that it is still right.
    let up_to_date = "{\"status\":\"Status: Image is up to date for a/b:1\"}\n";
    for (stream, is_proof) in [("", false), (WAITING, false), (up_to_date, true)] {
        let stub = Stub::answering(&[json(200, IMAGE), lines(stream), json(200, IMAGE)]);
        let pulled = stub.client().pull_image("a/b:1", &ProgressReporter::silent()).await;
        assert_eq!(pulled.is_ok(), is_proof, "{stream}");
    }
    assert!(!client.image_exists("a/b:1").await.unwrap());
    let stub = Stub::answering(&[lines("{\"stream\":\"x\\n\"}\n")]);
    let error =
        stub.client().build_image("a/b:1", "FROM scratch", [], &ProgressReporter::silent()).await;
    assert_eq!(error.unwrap_err().class, C::CutShort);
}

#[tokio::test]
async fn a_download_without_bytes_is_stalled_but_a_waiting_layer_is_not() {
    let limit = Duration::from_millis(40);
    let stub = Stub::answering(&[json(404, ABSENT), Reply::Held(chunks(LOADING.as_bytes()))]);
    let error =
        stub.client_with(limit).pull_image("a/b:1", &ProgressReporter::silent()).await.unwrap_err();
    assert_eq!(error.class, C::Stalled);

    // While layers wait the engine is asked for a sign of life, here until it has none.
    let stub = Stub::answering(&[
        json(404, ABSENT),
        Reply::Held(chunks(WAITING.as_bytes())),
        json(200, "OK"),
        json(500, ""),
    ]);
    let error =
        stub.client_with(limit).pull_image("a/b:1", &ProgressReporter::silent()).await.unwrap_err();
    assert_eq!(error.class, C::Engine);
    assert_eq!(stub.requests()[2..], ["GET /_ping", "GET /_ping"]);
}

#[tokio::test]
async fn a_build_is_named_by_the_last_id() {
    let built = "{\"aux\":{\"ID\":\"sha256:01\"}}\n{\"aux\":{\"ID\":\"sha256:02\"}}\n";
    let stub = Stub::answering(&[lines(built), json(201, ""), json(200, IMAGE)]);
    let id = stub
        .client()
        .build_image("a/b:1", DOCKERFILE, [], &ProgressReporter::silent())
        .await
        .unwrap();
    assert_eq!(id, "sha256:1f");
    assert_eq!(stub.requests()[1], "POST /images/sha256:02/tag?repo=docker.io%2Fa%2Fb&tag=1");
}

#[tokio::test]
async fn a_bad_name_contacts_nobody() {
    let stub = Stub::answering(&[]);
    let error = stub.client().pull_image("UPPER", &ProgressReporter::silent()).await.unwrap_err();
    assert_eq!(error.class, C::BadReference);
    assert!(stub.requests().is_empty());
}

#[test]
fn the_same_dockerfile_is_the_same_archive() {
    assert_eq!(archive("FROM a").unwrap(), archive("FROM a").unwrap());
}
