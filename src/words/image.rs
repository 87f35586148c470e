//! What an engine tells about an image that it holds.

use std::collections::BTreeMap;

use crate::words::digest::Digest;
use crate::words::platform::Platform;
use crate::words::reference::{Reference, Repository};

/// The engine's own id of an image. On Docker's store with graph drivers, and Podman's, it is
/// the digest of the image's configuration; on the containerd store that of its manifest or
/// index. So it is no [`Digest`], which is always of an index or a manifest, as a registry
/// serves it: the two are compared in this file and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub(crate) struct EngineId(String);

impl EngineId {
    /// As the engine writes it: `sha256:…`, or the digits alone.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Its text, by which the engine finds the image.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// `sha256:` and twelve digits: enough to tell two apart by eye.
    pub(crate) fn short(&self) -> &str {
        crate::words::text::cut(&self.0, "sha256:".len() + 12)
    }
}

impl std::fmt::Display for EngineId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// One image in the engine, as inspecting it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageFacts {
    /// The engine's id of it.
    pub(crate) id: EngineId,
    /// `repository@digest` of every pull that led here.
    pub(crate) repo_digests: Vec<(Repository, Digest)>,
    /// What it is made for.
    pub(crate) platform: Platform,
    /// Its labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// Bytes, unpacked.
    pub(crate) size: u64,
    /// Which document its id is the digest of, where the engine tells. The containerd store
    /// may.
    pub(crate) document: Option<Document>,
}

/// For how many platforms an engine can hold one index, so that each can be proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum IndexRoom {
    /// For any number: each platform is an image of its own.
    #[default]
    Any,
    /// For one in each repository. Docker's store with graph drivers knows an image by its
    /// configuration, and keeps one for each `repository@digest`.
    OneInRepository,
    /// For one. Docker's containerd store keeps several, but tells of one only.
    One,
}

/// What a registry serves by a digest, as far as it tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Which document the digest is of.
    pub(crate) document: Option<Document>,
    /// What there is an image for.
    pub(crate) platforms: Vec<Platform>,
}

/// The documents that registries serve an image by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Document {
    /// A list of manifests, one for each platform.
    Index,
    /// One image, for one platform.
    Manifest,
}

impl Document {
    /// By the media types of Docker and of the OCI.
    pub(crate) fn of(media_type: &str) -> Option<Self> {
        match media_type {
            "application/vnd.oci.image.index.v1+json"
            | "application/vnd.docker.distribution.manifest.list.v2+json" => Some(Self::Index),
            "application/vnd.oci.image.manifest.v1+json"
            | "application/vnd.docker.distribution.manifest.v2+json" => Some(Self::Manifest),
            _ => None,
        }
    }
}

/// An image that no name points at any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unnamed {
    /// The engine's id.
    pub(crate) id: EngineId,
    /// Its labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// Bytes, unpacked, with the layers that it shares with others.
    pub(crate) size: u64,
}

impl ImageFacts {
    /// Whether this is the content of `digest`, of an index or a manifest: some pull
    /// of it led here, from whichever repository.
    ///
    /// The id proves nothing: on the graph-driver store it is the digest of a third
    /// document, the config, which no registry serves an image by. On the containerd store
    /// it is one of the digests anyway.
    pub(crate) fn is(&self, digest: &Digest) -> bool {
        self.repo_digests.iter().any(|(_, have)| have == digest)
    }
}

impl ImageFacts {
    /// What pulls led to the image behind `name`. A store whose ids are digests lists what
    /// was built here under its own name, as if it had been pulled from there: that proves
    /// no pull.
    pub(crate) fn pulled_as(
        &self,
        name: &Reference,
    ) -> impl Iterator<Item = &(Repository, Digest)> {
        let is_own_name = |repository: &Repository, digest: &Digest| {
            *repository == name.repository && self.id.as_str() == digest.as_str()
        };
        self.repo_digests.iter().filter(move |(it, digest)| !is_own_name(it, digest))
    }
}

/// A `repository@digest` of an engine, read leniently: what is none is dropped.
pub(crate) fn parse_repo_digest(text: &str) -> Option<(Repository, Digest)> {
    let reference: Reference = text.parse().ok()?;
    Some((reference.repository, reference.digest?))
}
