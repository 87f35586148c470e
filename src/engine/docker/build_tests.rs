use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::engine::docker::stub::{Reply, Stub, chunks, json, lines};
use crate::engine::error::EngineErrorKind as K;
use crate::engine::{Credentials, Engine as _, PullProgress};
use crate::words::failure::FailureClass as C;

fn request(context: BoxStream<'static, io::Result<Bytes>>) -> BuildRequest {
    BuildRequest {
        dockerfile: "docker/Dockerfile".into(),
        shown: "docker/Dockerfile".into(),
        target: Some("runtime".into()),
        args: BTreeMap::from([("A".into(), "1&2".into())]),
        labels: BTreeMap::from([("l".into(), "v".into())]),
        network: Network::Host,
        platform: None,
        no_cache: true,
        cache_from: vec!["acme/tool:cache".parse().unwrap()],
        pull: true,
        credentials: BTreeMap::new(),
        context: BuildContext::Archive(context),
    }
}

fn small() -> BoxStream<'static, io::Result<Bytes>> {
    stream::iter([Ok(Bytes::from_static(b"tar"))]).boxed()
}

async fn told(reply: Reply) -> Vec<Item> {
    let stub = Stub::answering(&[reply]);
    stub.client().build(request(small())).collect().await
}

async fn failure(reply: Reply) -> EngineError {
    let mut told = told(reply).await;
    let last = told.pop().unwrap();
    assert!(told.iter().all(Result::is_ok));
    last.unwrap_err()
}

#[tokio::test]
async fn everything_asked_for_is_sent_and_no_name() {
    let stub = Stub::answering(&[lines("")]);
    let mut request = request(small());
    let credentials = Credentials {
        username: "u".into(),
        password: "p".into(),
        identity_token: String::new(),
        registry_token: String::new(),
        origin: String::new(),
    };
    request.credentials.insert("docker.io".into(), credentials);
    assert_eq!(stub.client().build(request).count().await, 0);
    let head = stub.requests()[0].clone();
    for part in [
        "POST /build?",
        "dockerfile=docker%2FDockerfile",
        "target=runtime",
        "rm=true",
        "forcerm=true",
        "nocache=true",
        "networkmode=host",
        "pull=1",
        "cachefrom=%5B%22docker.io%2Facme%2Ftool%3Acache%22%5D",
        "version=1",
        "buildargs=%7B%22A%22%3A%221%262%22%7D",
        "labels=%7B%22l%22%3A%22v%22%7D",
    ] {
        assert!(head.contains(part), "{part} in {head}");
    }
    assert!(!head.contains("&t=") && !head.contains("?t="), "{head}");
    let config = stub.header(0, "x-registry-config").unwrap();
    let config =
        base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE, config).unwrap();
    assert!(String::from_utf8(config).unwrap().starts_with(r#"{"https://index.docker.io/v1/":{"#));
}

#[tokio::test]
async fn steps_lines_pulls_and_ids_come_in_order() {
    let told = told(lines(concat!(
        r#"{"stream":"Step 1/2 : FROM ghcr.io/a/b:1"}"#,
        "\n",
        r#"{"stream":"\n"}"#,
        "\n",
        r#"{"status":"Pulling from a/b","id":"1"}"#,
        "\n",
        r#"{"aux":{"ID":"sha256:01"}}"#,
        "\n",
        r#"{"stream":"Step 2/2 : RUN x\n"}"#,
        "\n",
        r#"{"stream":"\u001b[91mhot\n\u001b[0m"}"#,
        "\n",
        r#"{"stream":"tail"}"#,
        "\n",
        r#"{"aux":{"ID":"sha256:02"}}"#,
        "\n",
        r#"{"stream":"Successfully built 0123456789ab\n"}"#,
        "\n",
    )))
    .await;
    let step = |number, text: &str, state| {
        let millis = (state != StepState::Running).then_some(0);
        let step = StepProgress::running(number, Some(2), text);
        BuildProgress::Step(StepProgress { state, millis, ..step })
    };
    let line = |line: &str| BuildProgress::Log { number: 2, line: line.into() };
    let untimed = |mut progress| {
        if let BuildProgress::Step(StepProgress { millis: Some(millis), .. }) = &mut progress {
            *millis = 0;
        }
        progress
    };
    let told: Vec<BuildProgress> = told.into_iter().map(Result::unwrap).map(untimed).collect();
    assert_eq!(
        told,
        [
            step(1, "FROM ghcr.io/a/b:1", StepState::Running),
            BuildProgress::Pull(PullProgress::Status("Pulling from a/b".into())),
            BuildProgress::Built(EngineId::new("sha256:01")),
            step(1, "FROM ghcr.io/a/b:1", StepState::Done),
            step(2, "RUN x", StepState::Running),
            line("hot"),
            line("tail"),
            BuildProgress::Built(EngineId::new("sha256:02")),
            step(2, "RUN x", StepState::Done),
        ]
    );
}

#[tokio::test]
async fn a_base_that_cannot_be_had_has_the_class_of_a_pull() {
    let with = |step: &str| {
        lines(format!(
            "{{\"stream\":\"Step 1/1 : {step}\\n\"}}\n{{\"errorDetail\":{{\"message\":\"manifest for ghcr.io/a/denied:1 not found\"}}}}\n"
        ))
    };
    let error = failure(with("FROM --platform=linux/amd64 ghcr.io/a/denied:1 AS x")).await;
    assert_eq!((error.kind, error.class), (K::Build, C::NotFound));
    let error = failure(with("FROM ${BASE}")).await;
    assert_eq!((error.kind, error.class), (K::Build, C::NotFound));
    let error = failure(with("RUN docker pull x")).await;
    assert_eq!((error.kind, error.class), (K::Build, C::Build));
}

#[tokio::test]
async fn each_form_of_an_error_line_is_a_failure() {
    for line in
        [r#"{"errorDetail":{"code":3,"message":"boom"},"error":"boom"}"#, r#"{"error":"boom"}"#]
    {
        let error = failure(lines(format!("{{\"stream\":\"half\"}}\n{line}\n"))).await;
        assert_eq!((error.kind, error.class), (K::Build, C::Build), "{line}");
    }
}

#[tokio::test]
async fn a_broken_stream_is_cut_short_and_keeps_its_last_line() {
    let told = told(Reply::Bytes(chunks(b"{\"stream\":\"half\"}\n"))).await;
    assert_eq!(told[0].as_ref().unwrap(), &BuildProgress::Log { number: 0, line: "half".into() });
    assert_eq!(told[1].as_ref().unwrap_err().class, C::CutShort);
    assert_eq!(told.len(), 2);
}

#[tokio::test]
async fn a_refusal_is_read_while_the_context_is_still_being_sent() {
    let Reply::Bytes(refusal) = json(400, r#"{"message":"dockerfile parse error line 2"}"#) else {
        unreachable!()
    };
    let stub = Stub::answering(&[Reply::Early(refusal)]);
    let endless = stream::repeat_with(|| Ok(Bytes::from(vec![0; 64 * 1024]))).boxed();
    let told: Vec<Item> = tokio::time::timeout(
        Duration::from_secs(10),
        stub.client().build(request(endless)).collect(),
    )
    .await
    .unwrap();
    let error = told.into_iter().next().unwrap().unwrap_err();
    assert_eq!((error.kind, error.class), (K::Build, C::Build), "{error:?}");
    assert_eq!(error.message, "dockerfile parse error line 2");
}

#[tokio::test]
async fn a_context_that_fails_is_the_build_s_failure() {
    let stub = Stub::answering(&[lines("")]);
    let context =
        stream::iter([Ok(Bytes::from_static(b"x")), Err(io::Error::other("`a` shrank"))]).boxed();
    let told: Vec<Item> = stub.client().build(request(context)).collect().await;
    let error = told.into_iter().next().unwrap().unwrap_err();
    assert_eq!((error.kind, error.class), (K::Build, C::Build), "{error:?}");
    assert_eq!(error.message, "cannot send the build context: `a` shrank");
}

#[test]
fn the_base_is_read_from_the_instruction() {
    let check = |text: &str, want: Option<&str>| {
        assert_eq!(base_of(text).map(|base| base.to_string()).as_deref(), want, "{text}");
    };
    check("FROM a:1", Some("a:1"));
    check("from --platform=x a AS b", Some("a"));
    check("FROM ${BASE}", None);
    check("", None);
}
