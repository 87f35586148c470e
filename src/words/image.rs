//! What an engine tells about an image that it holds.

use std::collections::BTreeMap;

use crate::words::digest::Digest;
use crate::words::platform::Platform;
use crate::words::reference::{Reference, Repository};

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

/// An image that no name points at any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unnamed {
    /// The engine's id.
    pub(crate) id: String,
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
    /// document, the config, which no registry serves an image by.
    pub(crate) fn is(&self, digest: &Digest) -> bool {
        self.repo_digests.iter().any(|(_, have)| have == digest)
    }
}

/// A `repository@digest` of an engine, read leniently: what is none is dropped.
pub(crate) fn parse_repo_digest(text: &str) -> Option<(Repository, Digest)> {
    let reference: Reference = text.parse().ok()?;
    Some((reference.repository, reference.digest?))
}
