//! Floor 2: the engine as occ needs it, in occ's own words.
//!
//! [`Engine`] is the port that the use cases are written against. `docker`
//! implements it over the Docker Engine API; the tests have one in memory.

mod build;
pub(crate) mod credentials;
pub(crate) mod docker;
pub(crate) mod error;
pub(crate) mod watch;

use std::collections::BTreeMap;

use futures_util::stream::BoxStream;

pub(crate) use crate::engine::build::{
    BuildContext, BuildProgress, BuildRequest, Builder, FailedStep, FileEntry, FileKind, Files,
    Logins, Remark, Secret, Served, SshAgent,
};
use crate::engine::error::EngineError;
use crate::words::digest::Digest;
use crate::words::event::LayerState;
use crate::words::image::{EngineId, ImageFacts, IndexRoom, Shape, Unnamed};
use crate::words::platform::Platform;
use crate::words::reference::Reference;

/// The engine. All calls are read-only but `pull`, `tag` and `build`.
///
/// Dropping a stream or a future cancels the work in the engine.
pub(crate) trait Engine {
    /// What is behind a reference or an image id; `None` where there is nothing.
    async fn inspect(&self, reference: &str) -> Result<Option<ImageFacts>, EngineError>;

    /// The steps that an image was made with, as the builder wrote them down, newest first.
    async fn history(&self, id: &EngineId) -> Result<Vec<String>, EngineError>;

    /// The images with this label that have no name, and that no other image is made from.
    async fn unnamed(&self, label: &str) -> Result<Vec<Unnamed>, EngineError>;

    /// The id of an image for each digest that it has one of: of an index or a manifest.
    async fn digests(&self) -> Result<BTreeMap<Digest, EngineId>, EngineError>;

    /// For how many platforms it can hold one index.
    async fn index_room(&self) -> Result<IndexRoom, EngineError>;

    /// The engine's own platform.
    async fn platform(&self) -> Result<Platform, EngineError>;

    /// What it builds with.
    async fn builder(&self) -> Result<Builder, EngineError>;

    /// Asks a registry, through the engine, for the digest behind a reference.
    /// [`Resolution::Unavailable`] where the engine can't ask.
    async fn resolve(
        &self,
        reference: &Reference,
        credentials: Option<&Credentials>,
    ) -> Result<Resolution, EngineError>;

    /// Pulls. The first item, or the first error, is the registry's answer.
    fn pull(&self, request: PullRequest) -> BoxStream<'_, Result<PullProgress, EngineError>>;

    /// Makes `target` (which must be a name with a tag) mean the image `source`.
    async fn tag(&self, source: &EngineId, target: &Reference) -> Result<(), EngineError>;

    /// Builds. The image's id comes as the last [`BuildProgress::Built`]; a name it has only
    /// where the request gives it one.
    fn build(&self, request: BuildRequest) -> BoxStream<'_, Result<BuildProgress, EngineError>>;

    /// Whether it is reached over a socket of this machine. There a context is sent as
    /// it is, and many questions at once cost nothing.
    fn is_local(&self) -> bool;
}

/// A registry's answer to "what is behind this tag?".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resolution {
    /// The digest of the index, or of the manifest where there is no index.
    Digest(Digest, Shape),
    /// This engine has no endpoint for the question.
    Unavailable,
}

/// What to pull.
#[derive(Debug, Clone)]
pub(crate) struct PullRequest {
    /// With a digest, or with a tag.
    pub(crate) reference: Reference,
    /// `None`: the engine's own.
    pub(crate) platform: Option<Platform>,
    /// Sent to this registry and no other.
    pub(crate) credentials: Option<Credentials>,
}

/// What a pull tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PullProgress {
    /// A layer's state and bytes.
    Layer {
        /// The first twelve digits of its digest.
        id: String,
        /// Where it is.
        state: LayerState,
        /// Compressed bytes so far.
        current: u64,
        /// Compressed bytes in all; 0 while unknown.
        total: u64,
    },
    /// The engine waits before it tries a layer again by itself.
    Retrying {
        /// The first twelve digits of its digest.
        id: String,
        /// Until then.
        seconds: u64,
    },
    /// A warning of the engine's.
    Warning(String),
    /// Anything else: a sign of life.
    Status(String),
}

/// What a registry wants to know before it serves. Never shown, never logged.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// The user's name; empty with a token.
    pub(crate) username: String,
    /// Password or personal access token.
    pub(crate) password: String,
    /// An `OAuth2` refresh token, instead of a password.
    pub(crate) identity_token: String,
    /// A bearer token sent as it is.
    pub(crate) registry_token: String,
    /// Where they came from, for messages: `~/.docker/config.json`, `docker-credential-pass`.
    pub(crate) origin: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials(from {})", self.origin)
    }
}
