use std::path::Path;

use super::*;
use crate::engine::Engine as _;
use crate::engine::docker::stub::{Reply, Stub, json, silence};
use crate::engine::error::EngineErrorKind as K;
use crate::words::failure::FailureClass as C;

fn at(path: &Path) -> Result<DockerClient, EngineError> {
    DockerClient::with_endpoint(Endpoint::of_socket(path.to_owned()), DEFAULT_TIMEOUTS)
}

/// Whether the client cannot be made or only fails when used, it is the same error.
async fn error_at(path: &Path) -> EngineError {
    match at(path) {
        Ok(client) => client.verify_connection().await.unwrap_err(),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_missing_dead_or_wrong_socket_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let check = |error: EngineError, kind: K, message: &str| {
        assert_eq!((error.kind, error.class), (kind, C::Engine), "{error}");
        assert!(error.to_string().contains(message), "{error}");
        let hint = error.hint().unwrap();
        assert!(hint.contains("the usual socket") && hint.contains("`DOCKER_HOST`"), "{hint}");
    };
    check(error_at(&dir.path().join("none")).await, K::SocketNotFound, "there is no socket");

    let file = dir.path().join("file");
    fs_err::write(&file, "").unwrap();
    check(error_at(&file).await, K::NotRunning, "is no socket");
    check(error_at(dir.path()).await, K::NotRunning, "is no socket");

    let dead = dir.path().join("dead.sock");
    drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
    check(error_at(&dead).await, K::NotRunning, "nothing listens");
}

#[tokio::test]
async fn a_closed_port_and_a_name_without_address() {
    let of = |host: &str| {
        let options = EndpointOptions { docker_host: Some(host.to_owned()), ..Default::default() };
        let endpoint = Endpoint::resolve(&options).unwrap();
        DockerClient::with_endpoint(endpoint, DEFAULT_TIMEOUTS).unwrap()
    };
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = of(&format!("tcp://{free}")).verify_connection().await.unwrap_err();
    assert_eq!(error.kind, K::NotRunning, "{error:?}");
    assert!(error.hint().unwrap().contains("from `DOCKER_HOST`"));
    let error = of("tcp://no-such-host.invalid:1").verify_connection().await.unwrap_err();
    assert_eq!(error.kind, K::Connection, "{error:?}");
    assert!(error.message.contains("no address"), "{error}");
}

#[tokio::test]
async fn a_strange_engine_is_no_engine() {
    let check = async |reply: Reply, kind: K, message: &str| {
        let stub = Stub::answering(&[reply]);
        let error = stub.client().version().await.unwrap_err();
        assert_eq!((error.kind, error.class), (kind, C::Engine), "{error:?}");
        assert!(error.message.contains(message), "{error}");
    };
    check(Reply::Bytes(Vec::new()), K::Connection, "closed the connection").await;
    check(Reply::Bytes(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec()), K::Connection, "does not speak HTTP")
        .await;
    check(json(200, "<html>"), K::Connection, "not what an engine says").await;
    check(json(200, ""), K::Connection, "not what an engine says").await;
    check(json(404, "page not found"), K::Connection, "page not found").await;
    check(json(500, r#"{"message":"bo\u001bom"}"#), K::Connection, "bo\\x1bom").await;
    check(json(400, r#"{"message":"client version 1.9 is too old"}"#), K::Connection, "too old")
        .await;
    check(
        Reply::Bytes(b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\n{".to_vec()),
        K::Connection,
        "broke off",
    )
    .await;
}

#[tokio::test]
async fn time_outs_below_a_second_are_kept() {
    let stub = Stub::answering(&[silence()]);
    let start = std::time::Instant::now();
    let error = stub.client_with(Duration::from_millis(40)).version().await.unwrap_err();
    assert_eq!((error.kind, error.class), (K::Timeout, C::Engine));
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(40) && took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn a_silent_body_is_bounded_like_a_silent_head() {
    let stub =
        Stub::answering(&[Reply::Held(b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\n{".to_vec())]);
    let error = stub.client_with(Duration::from_millis(40)).version().await.unwrap_err();
    assert_eq!(error.kind, K::Timeout);
}

#[tokio::test]
async fn the_first_answer_has_its_own_time_out() {
    let stub = Stub::answering(&[json(200, r#"{"Version":"1"}"#), silence()]);
    let mut client = stub.client();
    client.timeouts.connect = None;
    client.timeouts.response = Some(Duration::from_millis(40));
    assert_eq!(client.version().await.unwrap(), "1");
    let error = client.inspect("a").await.unwrap_err();
    assert_eq!(error.to_string().split(": ").next(), Some("no answer in time about `a`"));
}

#[test]
fn only_the_two_headers_are_touched() {
    let request = hyper::Request::builder()
        .header("x-registry-auth", "a+/=")
        .header("other", "a+/=")
        .body(bollard::body_full(bytes::Bytes::new()))
        .unwrap();
    let request = correct_auth_headers(request);
    let of = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(of("x-registry-auth"), "a-_=");
    assert_eq!(of("other"), "a+/=");
    assert!(request.headers()["x-registry-auth"].is_sensitive());
}

#[tokio::test]
async fn tls_to_a_port_without_it_is_the_endpoint_s_fault() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut Vec::new()).await.unwrap();
    });
    let certs = tempfile::tempdir().unwrap();
    fs_err::write(certs.path().join("ca.pem"), "").unwrap();
    let options = EndpointOptions {
        docker_host: Some(format!("tcp://{address}")),
        tls_verify: true,
        cert_path: Some(certs.path().to_owned()),
        ..Default::default()
    };
    let client =
        DockerClient::with_endpoint(Endpoint::resolve(&options).unwrap(), DEFAULT_TIMEOUTS)
            .unwrap();
    let error = client.verify_connection().await.unwrap_err();
    assert_eq!((error.kind, error.class), (K::Endpoint, C::Engine), "{error:?}");
    assert!(error.hint().unwrap().contains("speaks no TLS"), "{error:?}");
}
