//! What a build takes, and what it tells.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use crate::engine::{Credentials, PullProgress};
use crate::words::event::StepProgress;
use crate::words::image::EngineId;
use crate::words::network::Network;
use crate::words::platform::Platform;
use crate::words::reference::Reference;

/// What to build.
pub(crate) struct BuildRequest {
    /// Path of the Dockerfile inside the archive, or its name.
    pub(crate) dockerfile: String,
    /// The same as the user knows it, for messages.
    pub(crate) shown: String,
    /// The stage to build.
    pub(crate) target: Option<String>,
    /// Build arguments.
    pub(crate) args: BTreeMap<String, String>,
    /// Labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// The network of `RUN` steps.
    pub(crate) network: Network,
    /// `None`: the engine's own.
    pub(crate) platform: Option<Platform>,
    /// Don't use the build cache.
    pub(crate) no_cache: bool,
    /// Use the layers of these images as build cache. The classic builder, which has to hold
    /// them, then uses no others.
    pub(crate) cache_from: Vec<Reference>,
    /// Ask the registries for newer bases, also for those that the engine holds.
    pub(crate) pull: bool,
    /// Credentials for the registries of base images, by registry host; for a builder that
    /// does not ask.
    pub(crate) credentials: BTreeMap<String, Credentials>,
    /// The files that it may use, and for which builder.
    pub(crate) context: BuildContext,
}

/// What an engine builds with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Builder {
    /// `BuildKit`, which asks for what it lacks.
    BuildKit,
    /// Docker's classic builder, which takes an older syntax, and why nothing newer.
    Classic(String),
    /// Another engine's, which takes an archive as the classic one does, and a newer syntax.
    Other,
}

impl Builder {
    /// Why nothing newer, in words.
    pub(crate) fn why(&self) -> &str {
        match self {
            Self::BuildKit => "",
            Self::Classic(why) => why,
            Self::Other => "the engine has a builder of its own",
        }
    }
}

/// The files of a build, in the form that a builder wants them.
pub(crate) enum BuildContext {
    /// For the classic builder and others like it: the tar archive, gzip-compressed if the
    /// engine asked for it. An error in the stream aborts the build.
    Archive(BoxStream<'static, io::Result<Bytes>>),
    /// For `BuildKit`.
    Served(Box<Served>),
}

/// What a builder may ask for during a build.
pub(crate) struct Served {
    /// What the built image is to be called at once.
    pub(crate) name: Reference,
    /// The files of the context.
    pub(crate) files: Arc<dyn Files>,
    /// What they are known by to the builder from build to build. Files of one key that are
    /// not among those of the next build are forgotten, so each context has its own.
    pub(crate) key: String,
    /// The text of the Dockerfile.
    pub(crate) dockerfile: Bytes,
    /// The text of the ignore file that is this Dockerfile's own.
    pub(crate) ignore: Option<Bytes>,
    /// What its steps may read.
    pub(crate) secrets: Vec<Secret>,
    /// The ssh agents that its steps may use.
    pub(crate) agents: Vec<SshAgent>,
    /// The user's registry credentials.
    pub(crate) logins: Arc<dyn Logins>,
}

/// The files of a context, for a builder that asks for what it lacks.
pub(crate) trait Files: Send + Sync {
    /// How many entries there are.
    fn len(&self) -> usize;

    /// An entry. They are in the order of their names: [`by_names`](crate::words::order::by_names).
    fn entry(&self, at: usize) -> FileEntry<'_>;

    /// Whether the ignore file takes it out. The builder has to read a Dockerfile and an
    /// ignore file that are not part of the context.
    fn is_ignored(&self, at: usize) -> bool;

    /// The bytes of a file. A file that is not what it was fails to be read, by its name.
    fn open(&self, at: usize) -> io::Result<Box<dyn Read + Send + '_>>;
}

/// A file, directory or link of a context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileEntry<'a> {
    /// Relative to the context, with slashes.
    pub(crate) path: &'a str,
    /// What it is.
    pub(crate) kind: FileKind<'a>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind<'a> {
    /// A directory.
    Directory,
    /// A file.
    File {
        /// Bytes.
        size: u64,
        /// Whether anybody may execute it.
        executable: bool,
        /// A number that no other content of this path had under the same key: below 10⁹.
        version: u32,
    },
    /// A symbolic link.
    Link(&'a str),
}

/// The user's registry credentials, for whoever asks during a build.
pub(crate) trait Logins: Send + Sync {
    /// Those for a registry's host, and for no other.
    fn login<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Option<Credentials>>;
}

/// What a build tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BuildProgress {
    /// A step began, or ended.
    Step(StepProgress),
    /// A line that a step printed.
    Log {
        /// The step's number; 0 where no step printed it.
        number: u32,
        /// Without its line end.
        line: String,
    },
    /// A base image is being pulled.
    Pull(PullProgress),
    /// Bytes of the context that the builder has taken so far. Only a builder that asks for
    /// what it lacks tells this.
    Sent(u64),
    /// What the builder has to say about the Dockerfile.
    Remark(Remark),
    /// What the build failed at; the error follows.
    FailedAt(FailedStep),
    /// An image id. The last one is the result: the classic builder tells one a stage.
    Built(EngineId),
}

/// What a builder has to say about a Dockerfile, in its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remark {
    /// The line that it is about, from 1.
    pub(crate) line: Option<usize>,
    /// One sentence.
    pub(crate) message: String,
    /// A page that says more.
    pub(crate) url: String,
}

/// The step that a build failed at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FailedStep {
    /// The step's number; 0 where the build failed at none.
    pub(crate) number: u32,
    /// The line of the Dockerfile that its instruction begins on, from 1, where the builder
    /// says so.
    pub(crate) line: Option<usize>,
    /// What the command of a `RUN` ended with.
    pub(crate) exit_code: Option<i64>,
}

/// Something that the steps of a build may read and nobody else. Never shown, never logged.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    /// Its name in the Dockerfile.
    pub(crate) id: String,
    /// Its bytes.
    pub(crate) value: Bytes,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.id)
    }
}

/// An ssh agent that the steps of a build may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SshAgent {
    /// Its name in the Dockerfile.
    pub(crate) id: String,
    /// The socket that it listens on.
    pub(crate) socket: PathBuf,
}
