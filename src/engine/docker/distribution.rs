//! Asking a registry for a digest, through the engine and so through its network.

use bollard::auth::DockerCredentials;
use bollard::errors::Error;
use bollard::models::DistributionInspect;

use crate::engine::docker::classify::{self, About, Doing};
use crate::engine::docker::client::DockerClient;
use crate::engine::docker::images::is_about_the_path;
use crate::engine::error::EngineError;
use crate::engine::{Credentials, Resolution};
use crate::words::image::{Document, Shape};
use crate::words::platform::Platform;
use crate::words::reference::{DOCKER_HUB, Reference};

pub(super) async fn resolve(
    client: &DockerClient,
    reference: &Reference,
    credentials: Option<&Credentials>,
) -> Result<Resolution, EngineError> {
    let subject = reference.to_string();
    let about = About {
        doing: Doing::Resolve,
        subject: &subject,
        reference: Some(reference),
        credentials,
        endpoint: client.endpoint(),
    };
    let auth = credentials.map(|credentials| auth(credentials, &reference.repository.registry));
    let name = reference.canonical();
    match client.answer(&about, client.inner().inspect_registry_image(&name, auth)).await? {
        Ok(found) => found
            .descriptor
            .digest
            .as_ref()
            .and_then(|digest| digest.parse().ok())
            .map(|digest| Resolution::Digest(digest, shape(&found)))
            .ok_or_else(|| {
                classify::answered(
                    "the registry's answer has no digest: invalid character",
                    None,
                    &about,
                )
            }),
        Err(Error::DockerResponseServerError { status_code, message })
            if lacks_the_endpoint(status_code, &message) =>
        {
            Ok(Resolution::Unavailable)
        }
        Err(error) => Err(classify::failed(error, &about)),
    }
}

/// What it is that the registry has. Attestations are for no platform.
fn shape(found: &DistributionInspect) -> Shape {
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    let platforms = found.platforms.iter().map(|platform| {
        let (os, variant) = (part(&platform.os), part(&platform.variant));
        Platform::normalised(&os, &part(&platform.architecture), &variant)
    });
    let is_one = |platform: &Platform| !platform.os.is_empty() && platform.os != "unknown";
    let media_type = found.descriptor.media_type.as_deref();
    Shape {
        document: media_type.and_then(Document::of),
        platforms: platforms.filter(is_one).collect(),
    }
}

/// Whether nobody was asked. Podman has no such endpoint, and filters in front of an
/// engine's socket may forbid it, with a page of their own.
fn lacks_the_endpoint(status: u16, message: &str) -> bool {
    match status {
        404 => is_about_the_path(message),
        403 => message.trim_start().starts_with('<'),
        405 | 501 => true,
        _ => false,
    }
}

/// The engine's name of a registry in credentials: Docker Hub has an odd one.
pub(super) fn auth_key(registry: &str) -> String {
    if registry == DOCKER_HUB {
        "https://index.docker.io/v1/".to_owned()
    } else {
        registry.to_owned()
    }
}

/// Credentials as the engine wants them.
pub(super) fn auth(credentials: &Credentials, registry: &str) -> DockerCredentials {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    DockerCredentials {
        username: some(&credentials.username),
        password: some(&credentials.password),
        identitytoken: some(&credentials.identity_token),
        registrytoken: some(&credentials.registry_token),
        serveraddress: Some(auth_key(registry)),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::Engine as _;
    use crate::engine::docker::stub::{Stub, json, silence};
    use crate::words::failure::FailureClass as C;

    #[tokio::test]
    async fn a_digest_is_the_answer() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let stub = Stub::answering(&[
            json(200, &format!(r#"{{"Descriptor":{{"digest":"{digest}"}},"Platforms":[]}}"#)),
            json(200, r#"{"Descriptor":{"digest":"x"},"Platforms":[]}"#),
        ]);
        let (client, name) = (stub.client(), "redis".parse().unwrap());
        assert_eq!(
            client.resolve(&name, None).await.unwrap(),
            Resolution::Digest(digest.parse().unwrap(), Shape::default())
        );
        assert_eq!(stub.requests()[0], "GET /distribution/docker.io/library/redis:latest/json");
        assert_eq!(client.resolve(&name, None).await.unwrap_err().class, C::NotARegistry);
    }

    #[tokio::test]
    async fn an_index_is_told_from_a_manifest_and_attestations_are_for_nobody() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let answer = |media_type: &str, platforms: &str| {
            let descriptor = format!(r#"{{"digest":"{digest}","mediaType":"{media_type}"}}"#);
            json(200, &format!(r#"{{"Descriptor":{descriptor},"Platforms":[{platforms}]}}"#))
        };
        let arm = r#"{"architecture":"arm64","os":"linux","variant":"v8"}"#;
        let none = r#"{"architecture":"unknown","os":"unknown"}"#;
        let both = format!("{arm},{none}");
        let stub = Stub::answering(&[
            answer("application/vnd.oci.image.index.v1+json", &both),
            answer("application/vnd.docker.distribution.manifest.v2+json", arm),
            answer("text/plain", ""),
        ]);
        let client = stub.client();
        let mut told = Vec::new();
        for _ in 0..3 {
            match client.resolve(&"redis".parse().unwrap(), None).await.unwrap() {
                Resolution::Digest(_, Shape { document, platforms }) => {
                    let platforms: Vec<String> =
                        platforms.iter().map(ToString::to_string).collect();
                    told.push((document, platforms.join(" ")));
                }
                Resolution::Unavailable => panic!("it can ask"),
            }
        }
        let arm = "linux/arm64".to_owned();
        let want = [
            (Some(Document::Index), arm.clone()),
            (Some(Document::Manifest), arm),
            (None, String::new()),
        ];
        assert_eq!(told, want);
    }

    #[tokio::test]
    async fn an_engine_without_the_endpoint_is_told_from_a_registry_without_the_image() {
        let stub = Stub::answering(&[
            json(404, "Not Found\n"),
            json(404, r#"{"message":"page not found"}"#),
            json(403, "<html><body><h1>403 Forbidden</h1>"),
            json(404, r#"{"message":"manifest unknown: manifest unknown"}"#),
            json(401, r#"{"message":"unauthorized: authentication required"}"#),
        ]);
        let (client, name) = (stub.client(), "ghcr.io/a/b:1".parse().unwrap());
        for _ in 0..3 {
            assert_eq!(client.resolve(&name, None).await.unwrap(), Resolution::Unavailable);
        }
        assert_eq!(client.resolve(&name, None).await.unwrap_err().class, C::NotFound);
        assert_eq!(client.resolve(&name, None).await.unwrap_err().class, C::AbsentOrPrivate);
    }

    #[tokio::test]
    async fn a_silent_registry_is_stalled_and_not_a_dead_engine() {
        let stub = Stub::answering(&[silence()]);
        let client = stub.client_with(Duration::from_millis(30));
        let error = client.resolve(&"ghcr.io/a/b:1".parse().unwrap(), None).await.unwrap_err();
        assert_eq!(error.class, C::Stalled);
        assert_eq!(error.to_string(), "cannot pull `ghcr.io/a/b:1`: no answer for 30ms");
    }

    #[tokio::test]
    async fn credentials_travel_in_url_safe_base64() {
        let stub = Stub::answering(&[json(404, "")]);
        // The bytes make `+` and `/` in the standard alphabet.
        let credentials = Credentials {
            username: "u".into(),
            password: "~~~???>>>".into(),
            identity_token: String::new(),
            registry_token: String::new(),
            origin: "test".into(),
        };
        stub.client().resolve(&"redis".parse().unwrap(), Some(&credentials)).await.unwrap();
        let header = stub.header(0, "x-registry-auth").unwrap();
        assert!(!header.contains(['+', '/']) && header.contains(['-', '_']), "{header}");
        let text =
            base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE, &header).unwrap();
        let sent: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(sent["password"], "~~~???>>>");
        assert_eq!(sent["serveraddress"], "https://index.docker.io/v1/");
    }
}
