//! What the engine holds, read once before planning.

use std::collections::BTreeMap;

use crate::state::inputs::InputHash;
use crate::words::digest::Digest;
use crate::words::platform::Platform;
use crate::words::reference::{Reference, Repository};

/// The snapshot that a plan is made from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Observed {
    /// By the image's id in the manifest.
    pub(crate) images: BTreeMap<String, ObservedImage>,
    /// The engine's own platform, where something depended on it.
    pub(crate) engine_platform: Option<Platform>,
}

/// What belongs to one image of the manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ObservedImage {
    /// What is behind `name:tag`.
    pub(crate) local: Option<ImageFacts>,
    /// What is behind each of `extra_tags`, in their order: an image id.
    pub(crate) extra: Vec<Option<String>>,
    /// The hash of the build's inputs now, for an image that can be built; or why
    /// they can't be read.
    pub(crate) inputs: Option<Result<InputHash, String>>,
}

/// One image in the engine, as inspecting it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageFacts {
    /// The engine's id: the config digest on the graph-driver store, the manifest's
    /// or index's on the containerd store. Only ever compared with itself.
    pub(crate) id: String,
    /// `repository@digest` of every pull that led here.
    pub(crate) repo_digests: Vec<(Repository, Digest)>,
    /// What it is made for.
    pub(crate) platform: Platform,
    /// Its labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// Bytes, unpacked.
    pub(crate) size: u64,
}

impl ImageFacts {
    /// Whether this is the content of `digest`: some pull of it led here, from
    /// whichever repository, or the engine's id is that digest.
    pub(crate) fn is(&self, digest: &Digest) -> bool {
        self.id == digest.as_str() || self.repo_digests.iter().any(|(_, have)| have == digest)
    }
}

/// A `repository@digest` of an engine, read leniently: what is none is dropped.
pub(crate) fn parse_repo_digest(text: &str) -> Option<(Repository, Digest)> {
    let reference: Reference = text.parse().ok()?;
    Some((reference.repository, reference.digest?))
}
