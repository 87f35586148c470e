use std::time::Duration;

use super::*;
use crate::engine::Engine as _;
use crate::engine::docker::stub::{Reply, Stub, chunks, json, lines, silence};
use crate::engine::error::EngineErrorKind as K;
use crate::words::failure::FailureClass as C;

fn request(name: &str) -> PullRequest {
    PullRequest { reference: name.parse().unwrap(), platform: None, credentials: None }
}

async fn told(reply: Reply) -> Vec<Result<PullProgress, EngineError>> {
    let stub = Stub::answering(&[reply]);
    stub.client().pull(request("ghcr.io/a/b:1")).collect().await
}

#[tokio::test]
async fn statuses_become_progress() {
    let told = told(lines(concat!(
        r#"{"status":"Pulling from a/b","id":"1"}"#, "\r\n",
        r#"{"status":"Already exists","progressDetail":{},"id":"l0"}"#, "\n",
        r#"{"status":"Pulling fs layer","progressDetail":{},"id":"l1"}"#, "\n",
        r#"{"status":"Downloading","progressDetail":{"current":5,"total":9},"progress":"[=>]","id":"l1"}"#, "\n",
        r#"{"status":"Retrying in 5 seconds","progressDetail":{},"id":"l1"}"#, "\n",
        r#"{"status":"Retrying in 18446744073709551615 seconds","id":"l1"}"#, "\n",
        r#"{"status":"Download complete","progressDetail":{},"id":"l1"}"#, "\n",
        r#"{"status":"Extracting","progressDetail":{"current":3,"units":"s"},"id":"l1"}"#, "\n",
        r#"{"status":"Pull complete","progressDetail":{},"id":"l1"}"#, "\n",
        r#"{"status":"odd registry","id":"WARNING"}"#, "\n",
        r#"{"status":"Digest: sha256:1f"}"#, "\n",
    )))
    .await;
    let layer = |id: &str, state, current, total| PullProgress::Layer {
        id: id.into(),
        state,
        current,
        total,
    };
    let told: Vec<PullProgress> = told.into_iter().map(Result::unwrap).collect();
    assert_eq!(
        told,
        [
            PullProgress::Status("Pulling from a/b".into()),
            layer("l0", LayerState::Present, 0, 0),
            layer("l1", LayerState::Requested, 0, 0),
            layer("l1", LayerState::Downloading, 5, 9),
            PullProgress::Retrying { id: "l1".into(), seconds: 5 },
            PullProgress::Retrying { id: "l1".into(), seconds: LONGEST_WAIT },
            layer("l1", LayerState::Downloaded, 0, 0),
            layer("l1", LayerState::Extracting, 0, 0),
            layer("l1", LayerState::Done, 0, 0),
            PullProgress::Warning("odd registry".into()),
            PullProgress::Status("Digest: sha256:1f".into()),
        ]
    );
}

#[tokio::test]
async fn a_pull_names_one_tag_or_one_digest() {
    let stub = Stub::answering(&[lines(""), lines(""), lines("")]);
    let client = stub.client();
    let digest = format!("sha256:{}", "a".repeat(64));
    let mut with_platform = request("ghcr.io/a/b");
    with_platform.platform = Some("linux/arm64".parse().unwrap());
    for request in [request("redis"), request(&format!("ghcr.io/a/b:1@{digest}")), with_platform] {
        assert_eq!(client.pull(request.clone()).count().await, 0);
    }
    let query = |n: usize| stub.requests()[n].replace("%2F", "/").replace("%3A", ":");
    assert!(
        query(0).contains("fromImage=docker.io/library/redis&") && query(0).contains("&tag=latest"),
        "{}",
        query(0)
    );
    assert!(
        query(1).contains("fromImage=ghcr.io/a/b&") && query(1).contains(&format!("tag={digest}")),
        "{}",
        query(1)
    );
    assert!(
        query(2).contains("tag=latest") && query(2).contains("platform=linux/arm64"),
        "{}",
        query(2)
    );
}

/// The failure that ends a stream, which must be its last item.
async fn failure(reply: Reply) -> EngineError {
    let mut told = told(reply).await;
    let last = told.pop().unwrap();
    assert!(told.iter().all(Result::is_ok));
    last.unwrap_err()
}

#[tokio::test]
async fn a_failure_is_seen_before_and_in_the_stream() {
    let error = failure(json(
        404,
        r#"{"message":"manifest for ghcr.io/a/b:1 not found: manifest unknown"}"#,
    ))
    .await;
    assert_eq!((error.kind, error.class), (K::Pull, C::NotFound));
    let error = failure(lines(
        "{\"status\":\"Pulling from a/b\",\"id\":\"1\"}\n{\"errorDetail\":{\"message\":\"unknown blob\"},\"error\":\"unknown blob\"}\n",
    ))
    .await;
    assert_eq!((error.kind, error.class), (K::Pull, C::MissingBlob));
    assert_eq!(error.to_string(), "cannot pull `ghcr.io/a/b:1`: unknown blob");
}

#[tokio::test]
async fn each_form_of_an_error_line_is_a_failure() {
    for line in [
        r#"{"errorDetail":{"message":"boom"}}"#,
        r#"{"error":"boom"}"#,
        r#"{"errorDetail":{"code":7},"error":"boom"}"#,
        r#"{"errorDetail":{}}"#,
    ] {
        let error = failure(lines(format!("{line}\n"))).await;
        assert_eq!(error.class, C::Unknown, "{line}");
    }
}

#[tokio::test]
async fn a_broken_stream_is_cut_short() {
    let line = b"{\"status\":\"Pulling from a/b\",\"id\":\"1\"}\n";
    let cut = [&line[..], b"{\"status\":\"Downl"].concat();
    for reply in [
        // Ends in the middle of a chunked body, or in the middle of a line.
        Reply::Bytes(chunks(line)),
        lines(&cut),
        // Is no JSON, or no UTF-8: bollard gives neither's text, so none can be shown.
        lines([&line[..], b"garbage\n"].concat()),
        lines([&line[..], b"{\"status\":\"cr\xe8me\"}\n"].concat()),
        lines([&line[..], b"{\"status\":7}\n"].concat()),
    ] {
        let error = failure(reply).await;
        assert_eq!((error.kind, error.class), (K::Pull, C::CutShort), "{error:?}");
    }
}

#[tokio::test]
async fn a_stream_that_ends_early_just_ends() {
    let told = told(lines("{\"status\":\"Pulling from a/b\",\"id\":\"1\"}\n")).await;
    assert!(matches!(&told[..], [Ok(PullProgress::Status(_))]));
}

#[tokio::test]
async fn only_the_wait_for_the_first_line_is_bounded_here() {
    let limit = Duration::from_millis(40);
    for reply in [silence(), Reply::Held(chunks(b""))] {
        let stub = Stub::answering(&[reply]);
        let client = stub.client_with(limit);
        let request = request("ghcr.io/a/b:1");
        let all = client.pull(request.clone()).collect::<Vec<_>>();
        let told = tokio::time::timeout(Duration::from_secs(5), all).await.unwrap();
        assert_eq!(told[0].as_ref().unwrap_err().class, C::Stalled);
        assert_eq!(told.len(), 1);
    }
    let stub = Stub::answering(&[Reply::Held(chunks(b"{\"status\":\"Pulling\"}\n"))]);
    let client = stub.client_with(limit);
    let request = request("ghcr.io/a/b:1");
    let mut pull = client.pull(request.clone());
    assert!(pull.next().await.unwrap().is_ok());
    let more = tokio::time::timeout(limit * 3, pull.next()).await;
    assert!(more.is_err(), "{more:?}");
}

#[tokio::test]
async fn dropping_the_stream_cancels_the_request() {
    for reply in [silence(), Reply::Held(chunks(b"{\"status\":\"Pulling\"}\n"))] {
        let waits = matches!(&reply, Reply::Held(bytes) if bytes.is_empty());
        let mut stub = Stub::answering(&[reply]);
        let client = stub.client();
        let request = request("ghcr.io/a/b:1");
        let mut pull = client.pull(request.clone());
        if waits {
            assert!(tokio::time::timeout(Duration::from_millis(40), pull.next()).await.is_err());
        } else {
            assert!(pull.next().await.unwrap().is_ok());
        }
        drop(pull);
        tokio::time::timeout(Duration::from_secs(5), stub.client_left()).await.unwrap();
    }
}
