use std::sync::{Arc, Mutex};

use bollard_buildkit_proto::health::health_client::HealthClient;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::GetSecretRequest;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_client::SecretsClient;
use bollard_buildkit_proto::moby::filesync::v1::auth_client::AuthClient;
use bollard_buildkit_proto::moby::filesync::v1::{
    CredentialsRequest, FetchTokenRequest, GetTokenAuthorityRequest,
};
use bollard_buildkit_proto::moby::upload::v1::upload_client::UploadClient;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use tonic::Code;

use super::*;
use crate::buildkit::fake::{ORIGIN, served, session, soon};
use crate::buildkit::fake_files::FakeFiles;
use crate::buildkit::fake_receiver::{When, receive};
use crate::engine::{Credentials, Logins, Secret};

fn origin() -> http::Uri {
    http::Uri::from_static(ORIGIN)
}

#[test]
fn a_session_says_who_it_is_and_what_it_has() {
    let id = SessionId::new("key");
    let headers = id.headers();
    let of = |name: &str| {
        let values = headers.iter().filter(|(key, _)| *key == name).map(|(_, value)| &**value);
        values.collect::<Vec<_>>()
    };
    assert_eq!(of("X-Docker-Expose-Session-Uuid"), [id.as_str()]);
    assert_eq!(of("X-Docker-Expose-Session-Name"), ["occ"]);
    assert_eq!(of("X-Docker-Expose-Session-Sharedkey"), ["key"]);
    assert_eq!(of("X-Docker-Expose-Session-Grpc-Method"), METHODS);
    assert_ne!(id, SessionId::new("key"));
    assert!(id.as_str().chars().all(|c| c.is_ascii_hexdigit()) && id.as_str().len() >= 32);
}

#[tokio::test]
async fn the_dockerfile_is_served_from_memory_with_an_ignore_file_of_its_own() {
    let text = |text: &'static str| Bytes::from_static(text.as_bytes());
    for ignore in [None, Some(text("a\n"))] {
        let mut served = served(FakeFiles::default());
        (served.dockerfile, served.ignore) = (text("FROM a\n"), ignore.clone());
        let (channel, _) = session(served).await;
        let follow = ["Dockerfile", "Dockerfile.dockerignore", "dockerfile"];
        let meta = follow.map(|name| ("followpaths", name));
        let got = receive(&channel, "dockerfile", &meta, When::AtOnce, |_| true);
        let got = soon(got).await.unwrap();
        assert_eq!(got.contents["Dockerfile"], b"FROM a\n");
        assert_eq!(
            got.contents.get("Dockerfile.dockerignore").map(Vec::as_slice),
            ignore.as_deref()
        );
        assert_eq!(got.contents.len(), got.stats.len());
    }
}

#[tokio::test]
async fn another_text_of_one_size_has_another_time() {
    let time = async |text: &'static str| {
        let mut served = served(FakeFiles::default());
        served.dockerfile = Bytes::from_static(text.as_bytes());
        let (channel, _) = session(served).await;
        let got = receive(&channel, "dockerfile", &[], When::AtOnce, |_| true);
        let stat = soon(got).await.unwrap().stats.remove(0);
        assert!((0..1_000_000_000).contains(&stat.mod_time));
        (stat.size, stat.mod_time)
    };
    let (one, two) = (time("FROM xy\n").await, time("FROM yx\n").await);
    assert_eq!(one.0, two.0);
    assert_ne!(one.1, two.1);
    assert_eq!(one, time("FROM xy\n").await);
}

/// Knows a few hosts, and notes who is asked for.
#[derive(Default)]
struct Known(Mutex<Vec<String>>);

impl Logins for Known {
    fn login<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Option<Credentials>> {
        self.0.lock().unwrap().push(host.to_owned());
        let credentials = |username: &str, password: &str, token: &str| Credentials {
            username: username.to_owned(),
            password: password.to_owned(),
            identity_token: token.to_owned(),
            registry_token: String::new(),
            origin: String::new(),
        };
        let found = match host {
            "docker.io" => Some(credentials("hubert", "se+c/re?t", "")),
            "token.example" => Some(credentials("<token>", "", "identity")),
            _ => None,
        };
        Box::pin(async { found })
    }
}

#[tokio::test]
async fn each_host_gets_its_own_login_and_no_other_is_looked_up() {
    let logins = Arc::new(Known::default());
    let mut served = served(FakeFiles::default());
    served.logins = Arc::clone(&logins) as Arc<dyn Logins>;
    let (channel, _) = session(served).await;
    let mut client = AuthClient::with_origin(channel, origin());
    let cases = [
        ("registry-1.docker.io", ("hubert", "se+c/re?t")),
        ("token.example", ("", "identity")),
        ("localhost:5000", ("", "")),
        ("", ("", "")),
    ];
    for (host, want) in cases {
        let asked = client.credentials(CredentialsRequest { host: host.to_owned() });
        let got = soon(asked).await.unwrap().into_inner();
        assert_eq!((&*got.username, &*got.secret), want, "{host}");
    }
    let asked = ["docker.io", "token.example", "localhost:5000", ""];
    assert_eq!(*logins.0.lock().unwrap(), asked);
    // So that the builder fetches tokens by itself.
    let status = soon(client.fetch_token(FetchTokenRequest::default())).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    let asked = client.get_token_authority(GetTokenAuthorityRequest::default());
    assert_eq!(soon(asked).await.unwrap_err().code(), Code::Unimplemented);
    assert_eq!(logins.0.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn a_secret_is_given_by_its_name() {
    let mut served = served(FakeFiles::default());
    let secret = |id: &str, value: Bytes| Secret { id: id.to_owned(), value };
    served.secrets = vec![
        secret("key", Bytes::from_static(b"\0\xff\n")),
        secret("large", vec![b'x'; 500_000].into()),
        secret("", Bytes::from_static(b"nameless")),
    ];
    let (channel, _) = session(served).await;
    let mut client = SecretsClient::with_origin(channel, origin());
    let mut get = async |id: &str| {
        let request = GetSecretRequest { id: id.to_owned(), ..GetSecretRequest::default() };
        Ok::<_, Status>(soon(client.get_secret(request)).await?.into_inner().data)
    };
    assert_eq!(get("key").await.unwrap(), b"\0\xff\n");
    assert_eq!(get("large").await.unwrap().len(), 500_000);
    for other in ["KEY", "key ", "ke"] {
        let status = get(other).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
        assert_eq!(status.message(), format!("the manifest has no secret `{other}`"));
    }
}

#[tokio::test]
async fn what_is_not_offered_is_said_to_be_missing() {
    let (channel, _) = session(served(FakeFiles::default())).await;
    let mut client = UploadClient::with_origin(channel.clone(), origin());
    let pulled = soon(client.pull(futures_util::stream::empty())).await;
    assert_eq!(pulled.err().unwrap().code(), Code::Unimplemented);
    let mut client = HealthClient::with_origin(channel, origin());
    let request = || HealthCheckRequest { service: String::new() };
    assert_eq!(soon(client.check(request())).await.unwrap().into_inner().status, SERVING);
    assert!(soon(client.list(HealthListRequest::default())).await.is_err());
    let mut watched = soon(client.watch(request())).await.unwrap().into_inner();
    assert_eq!(soon(watched.message()).await.unwrap(), None);
}
