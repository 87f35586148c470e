//! Images that the engine holds: inspecting and naming them, and the engine's platform.

use std::collections::{BTreeMap, HashMap};

use bollard::errors::Error;
use bollard::models::{ImageInspect, SystemVersion};
use bollard::query_parameters::{ListImagesOptions, TagImageOptionsBuilder};

use crate::engine::docker::about::is_containerd;
use crate::engine::docker::classify::{self, About, Doing};
use crate::engine::docker::client::DockerClient;
use crate::engine::error::{EngineError, EngineErrorKind};
use crate::words::digest::Digest;
use crate::words::failure::FailureClass;
use crate::words::image::{Document, EngineId, ImageFacts, IndexRoom, Unnamed, parse_repo_digest};
use crate::words::platform::Platform;
use crate::words::reference::Reference;
use crate::words::text::foreign_line;

pub(super) async fn inspect(
    client: &DockerClient,
    reference: &str,
) -> Result<Option<ImageFacts>, EngineError> {
    check_path(reference)?;
    let about = about(client, reference);
    match client.answer(&about, client.inner().inspect_image(reference)).await? {
        Ok(image) => facts(image).map(Some).ok_or_else(|| not_an_engine(client)),
        Err(Error::DockerResponseServerError { status_code: 404, message }) => {
            if is_about_the_path(&message) { Err(not_an_engine(client)) } else { Ok(None) }
        }
        Err(error) => Err(classify::failed(error, &about)),
    }
}

/// The steps that made an image, newest first. One that is gone has none.
pub(super) async fn history(client: &DockerClient, id: &str) -> Result<Vec<String>, EngineError> {
    check_path(id)?;
    let about = about(client, id);
    match client.answer(&about, client.inner().image_history(id)).await? {
        Ok(steps) => {
            // What BuildKit makes up for layers of a base that has no history of its own
            // comes last, and is no step.
            let is_step = |comment: &str| !comment.starts_with("buildkit.exporter.image");
            let steps = steps.into_iter().filter(|step| is_step(&step.comment));
            Ok(steps.map(|step| step.created_by).collect())
        }
        Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(Vec::new()),
        Err(error) => Err(classify::failed(error, &about)),
    }
}

/// The images that have this label and no name.
pub(super) async fn unnamed(
    client: &DockerClient,
    label: &str,
) -> Result<Vec<Unnamed>, EngineError> {
    let about = client.about_engine();
    let filters = HashMap::from([
        ("label".to_owned(), vec![label.to_owned()]),
        ("dangling".to_owned(), vec!["true".to_owned()]),
    ]);
    let options = ListImagesOptions { filters: Some(filters), ..ListImagesOptions::default() };
    let answer = client.answer(&about, client.inner().list_images(Some(options))).await?;
    let images = answer.map_err(|error| classify::failed(error, &about))?;
    let unnamed = images.into_iter().map(|image| Unnamed {
        id: EngineId::new(image.id),
        labels: image.labels.into_iter().collect(),
        size: u64::try_from(image.size).unwrap_or(0),
    });
    Ok(unnamed.collect())
}

/// An image for each digest that some pull led to.
pub(super) async fn digests(
    client: &DockerClient,
) -> Result<BTreeMap<Digest, EngineId>, EngineError> {
    let about = client.about_engine();
    let answer =
        client.answer(&about, client.inner().list_images(None::<ListImagesOptions>)).await?;
    let images = answer.map_err(|error| classify::failed(error, &about))?;
    let mut digests = BTreeMap::new();
    for image in images {
        for (_, digest) in image.repo_digests.iter().filter_map(|text| parse_repo_digest(text)) {
            digests.entry(digest).or_insert_with(|| EngineId::new(&image.id));
        }
    }
    Ok(digests)
}

/// Podman has an image of its own for each platform. Docker's stores differ.
pub(super) async fn index_room(client: &DockerClient) -> Result<IndexRoom, EngineError> {
    if !builds_like_docker(client).await? {
        return Ok(IndexRoom::Any);
    }
    let about = client.about_engine();
    let answer = client.answer(&about, client.inner().info()).await?;
    let info = answer.map_err(|error| classify::failed(error, &about))?;
    Ok(if is_containerd(&info) { IndexRoom::One } else { IndexRoom::OneInRepository })
}

pub(super) async fn tag(
    client: &DockerClient,
    source: &str,
    target: &Reference,
) -> Result<(), EngineError> {
    check_path(source)?;
    let about = about(client, source);
    let options = TagImageOptionsBuilder::new()
        .repo(&target.repository.to_string())
        .tag(target.tag_or_default())
        .build();
    let answer = client.answer(&about, client.inner().tag_image(source, Some(options))).await?;
    answer.map_err(|error| classify::failed(error, &about))
}

/// Podman builds with Buildah, which takes all of a Dockerfile's syntax.
pub(super) async fn builds_like_docker(client: &DockerClient) -> Result<bool, EngineError> {
    let components = version(client).await?.components.unwrap_or_default();
    Ok(!components.iter().any(|component| component.name.starts_with("Podman")))
}

/// The operating system that its containers run on.
pub(super) async fn os(client: &DockerClient) -> Result<String, EngineError> {
    Ok(version(client).await?.os.unwrap_or_default())
}

async fn version(client: &DockerClient) -> Result<SystemVersion, EngineError> {
    let about = client.about_engine();
    let answer = client.answer(&about, client.inner().version()).await?;
    answer.map_err(|error| classify::failed(error, &about))
}

pub(super) async fn platform(client: &DockerClient) -> Result<Platform, EngineError> {
    let version = version(client).await?;
    match (version.os, version.arch) {
        (Some(os), Some(arch)) if !os.is_empty() && !arch.is_empty() => {
            // The engine doesn't tell its variant, and runs images of older ones, too:
            // an ARMv7 engine pulls an `arm/v6` image where there is no other.
            let own = Platform::normalised(&os, &arch, "");
            Ok(Platform { variant: String::new(), ..own })
        }
        _ => Err(not_an_engine(client)),
    }
}

/// Whether a 404 is about the path of the request and not about what it asked for:
/// engines name the image, servers that know no such path have standard words.
pub(super) fn is_about_the_path(message: &str) -> bool {
    let text = message.trim().to_lowercase();
    matches!(
        text.as_str(),
        "" | "not found" | "page not found" | "404 page not found" | "404 not found"
    ) || text.starts_with('<')
}

/// The facts in an inspect's answer; `None` if it has no image in it.
fn facts(image: ImageInspect) -> Option<ImageFacts> {
    let id = image.id.filter(|id| !id.is_empty())?;
    let part = |part: Option<String>| part.unwrap_or_default();
    Some(ImageFacts {
        id: EngineId::new(id),
        repo_digests: image
            .repo_digests
            .iter()
            .flatten()
            .filter_map(|text| parse_repo_digest(text))
            .collect(),
        platform: Platform::normalised(
            &part(image.os),
            &part(image.architecture),
            &part(image.variant),
        ),
        labels: image.config.and_then(|config| config.labels).into_iter().flatten().collect(),
        size: image.size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
        document: image
            .descriptor
            .and_then(|descriptor| Document::of(descriptor.media_type.as_deref()?)),
    })
}

fn about<'a>(client: &'a DockerClient, subject: &'a str) -> About<'a> {
    About {
        doing: Doing::Image,
        subject,
        reference: None,
        credentials: None,
        endpoint: client.endpoint(),
    }
}

fn not_an_engine(client: &DockerClient) -> EngineError {
    EngineError::new(
        EngineErrorKind::Connection,
        FailureClass::Engine,
        client.endpoint().address.clone(),
        "what answers there is no container engine",
    )
    .with_hint(format!("the endpoint is {}", client.endpoint().why))
}

/// Refuses what would change the request's path: bollard puts names into it as they are.
fn check_path(name: &str) -> Result<(), EngineError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-/:@[]".contains(&b);
    let steps = name.split('/').any(|part| matches!(part, "" | "." | ".."));
    if name.bytes().all(plain) && !steps {
        return Ok(());
    }
    Err(EngineError::new(
        EngineErrorKind::Image,
        FailureClass::BadReference,
        foreign_line(name),
        "neither an image reference nor an image id",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine as _;
    use crate::engine::docker::stub::{Stub, json};

    const IMAGE: &str = r#"{"Id":"sha256:1f","RepoDigests":["ghcr.io/a/b@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","odd"],
        "Os":"linux","Architecture":"arm64","Variant":"v8","Size":12,"Config":{"Labels":{"k":"v"}}}"#;

    #[tokio::test]
    async fn an_image_is_read_into_facts() {
        let stub = Stub::answering(&[json(200, IMAGE)]);
        let facts = stub.client().inspect("ghcr.io/a/b:1").await.unwrap().unwrap();
        assert_eq!((facts.id.as_str(), facts.size), ("sha256:1f", 12));
        assert_eq!(facts.platform.to_string(), "linux/arm64");
        assert_eq!(facts.repo_digests.len(), 1);
        assert_eq!(facts.labels["k"], "v");
        assert_eq!(stub.requests()[0], "GET /images/ghcr.io/a/b:1/json");
        assert_eq!(facts.document, None);
    }

    #[tokio::test]
    async fn the_containerd_store_tells_what_an_id_is_of() {
        let image = |kind: &str| {
            let descriptor =
                format!(r#"{{"mediaType":"application/vnd.oci.image.{kind}.v1+json"}}"#);
            json(200, &format!(r#"{{"Id":"sha256:1f","Descriptor":{descriptor}}}"#))
        };
        let stub = Stub::answering(&[image("index"), image("manifest"), image("config")]);
        let client = stub.client();
        for want in [Some(Document::Index), Some(Document::Manifest), None] {
            assert_eq!(client.inspect("a:1").await.unwrap().unwrap().document, want);
        }
    }

    #[tokio::test]
    async fn absent_is_no_error_and_a_stranger_is_no_engine() {
        let stub = Stub::answering(&[
            json(404, r#"{"message":"No such image: a:1"}"#),
            json(404, "page not found\n"),
            json(404, "<html>nginx</html>"),
            json(200, "{}"),
            json(200, "hello"),
            json(200, ""),
        ]);
        let client = stub.client();
        assert_eq!(client.inspect("a:1").await.unwrap(), None);
        for _ in 0..5 {
            let error = client.inspect("a:1").await.unwrap_err();
            assert_eq!(
                (error.kind, error.class),
                (EngineErrorKind::Connection, FailureClass::Engine),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn a_name_cannot_leave_its_place_in_the_path() {
        let stub = Stub::answering(&[]);
        for name in ["", "a b", "a?x=1", "a#b", "../../version", "a//b", "a/./b", "a%2fb", "a\nb"] {
            let error = stub.client().inspect(name).await.unwrap_err();
            assert_eq!(error.class, FailureClass::BadReference, "{name:?}");
        }
        assert!(stub.requests().is_empty());
    }

    #[tokio::test]
    async fn tagging_sends_repository_and_tag_apart() {
        let stub =
            Stub::answering(&[json(201, ""), json(404, r#"{"message":"No such image: x"}"#)]);
        let client = stub.client();
        client.tag(&EngineId::new("sha256:1f"), &"redis".parse().unwrap()).await.unwrap();
        assert_eq!(
            stub.requests()[0],
            "POST /images/sha256:1f/tag?repo=docker.io%2Flibrary%2Fredis&tag=latest"
        );
        let error = client.tag(&EngineId::new("x"), &"redis".parse().unwrap()).await.unwrap_err();
        assert_eq!((error.kind, error.class), (EngineErrorKind::Image, FailureClass::NotFound));
    }

    #[tokio::test]
    async fn an_engines_processor_is_of_no_particular_variant() {
        let stub = Stub::answering(&[json(200, r#"{"Os":"linux","Arch":"arm"}"#)]);
        let own = stub.client().platform().await.unwrap();
        for variant in ["v5", "v6", "v7"] {
            assert!(own.accepts(&Platform::normalised("linux", "arm", variant)));
        }
        assert!(!own.accepts(&Platform::normalised("linux", "arm64", "")));
    }

    #[tokio::test]
    async fn each_store_has_its_room_for_an_index() {
        let version = json(200, r#"{"Components":[{"Name":"Engine","Version":"26.1.5"}]}"#);
        let podman = json(200, r#"{"Components":[{"Name":"Podman Engine","Version":"4.3.1"}]}"#);
        let info = |driver: &str| {
            json(200, &format!(r#"{{"DriverStatus":[["driver-type","{driver}"]]}}"#))
        };
        let stub = Stub::answering(&[
            version.clone(),
            info("io.containerd.snapshotter.v1"),
            version,
            info("overlay2"),
            podman,
        ]);
        let client = stub.client();
        for want in [IndexRoom::One, IndexRoom::OneInRepository, IndexRoom::Any] {
            assert_eq!(client.index_room().await.unwrap(), want);
        }
    }

    #[tokio::test]
    async fn podman_says_that_it_is_itself() {
        let stub = Stub::answering(&[
            json(200, r#"{"Components":[{"Name":"Engine","Version":"20.10.24"}]}"#),
            json(200, r#"{"Components":[{"Name":"Podman Engine","Version":"4.3.1"}]}"#),
            json(200, "{}"),
        ]);
        let client = stub.client();
        assert!(builds_like_docker(&client).await.unwrap());
        assert!(!builds_like_docker(&client).await.unwrap());
        assert!(builds_like_docker(&client).await.unwrap());
    }

    #[tokio::test]
    async fn the_platform_is_normalised() {
        let stub =
            Stub::answering(&[json(200, r#"{"Os":"linux","Arch":"aarch64"}"#), json(200, "{}")]);
        assert_eq!(stub.client().platform().await.unwrap().to_string(), "linux/arm64");
        assert_eq!(stub.client().platform().await.unwrap_err().class, FailureClass::Engine);
    }
}
