//! What the manifest asks for: validated, defaults filled in, sources worked out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use crate::ignore::Patterns;
use crate::state::args::{Reading, Variables, is_proxy_arg};
use crate::state::verify::Verify;
use crate::words::diagnostic::Diagnostic;
use crate::words::digest::Digest;
use crate::words::duration::Timeouts;
use crate::words::failure::BuildOn;
use crate::words::grant::Ask;
use crate::words::network::Network;
use crate::words::platform::Platform;
use crate::words::reference::Reference;

/// The whole manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Desired {
    /// The manifest's file, as it is shown.
    pub(crate) file: PathBuf,
    /// In the order of the file.
    pub(crate) images: Vec<DesiredImage>,
    /// `[timeouts]`.
    pub(crate) timeouts: Timeouts,
    /// `[limits]`.
    pub(crate) limits: Limits,
}

impl Desired {
    /// The id of the image that each local name belongs to, by its canonical form.
    pub(crate) fn names(&self) -> BTreeMap<String, &str> {
        let names = self.images.iter().flat_map(|image| {
            let all = std::iter::once(&image.name).chain(&image.extra_tags);
            all.map(|name| (name.canonical(), image.id.as_str()))
        });
        names.collect()
    }
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DesiredImage {
    /// The key of its table, its name on the command line.
    pub(crate) id: String,
    /// Line and column of that key, from 1; for annotations of the manifest.
    pub(crate) place: (usize, usize),
    /// The local name with its tag: what the engine has to hold.
    pub(crate) name: Reference,
    /// More local names for the same bytes.
    pub(crate) extra_tags: Vec<Reference>,
    /// `digest`: of the index, or of the manifest where there is no index.
    pub(crate) pin: Option<Digest>,
    /// What the lock says of it.
    pub(crate) locked: Option<Locked>,
    /// Where it may come from, in order of preference; nobody asks there while it is only built.
    pub(crate) sources: Vec<Source>,
    /// Whether to pull, to build, or to build when no registry has it.
    pub(crate) strategy: Strategy,
    /// When to ask the registries.
    pub(crate) pull_policy: PullPolicy,
    /// The wanted platform; `None` is the engine's own.
    pub(crate) platform: Option<Platform>,
    /// The failures of all registries after which a build may step in.
    pub(crate) build_on: Vec<BuildOn>,
    /// The signature that it must have to be pulled.
    pub(crate) verify: Option<Verify>,
    /// How often and how patiently to try.
    pub(crate) retry: RetryPolicy,
    /// The build, where there is one.
    pub(crate) build: Option<DesiredBuild>,
}

/// What the lock says of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Locked {
    /// The only content that will do, of the index, or of the manifest where there is no
    /// index.
    pub(crate) digest: Option<Digest>,
    /// It is built: no source had it when it was locked, or the manifest names none.
    pub(crate) is_built: bool,
    /// The digest of each image that its Dockerfile names, by the full name; `None` for one
    /// that only the engine holds.
    pub(crate) bases: BTreeMap<String, Option<Digest>>,
}

impl DesiredImage {
    /// The only content that will do, and who says so.
    pub(crate) fn wanted(&self) -> Option<(&Digest, PinnedBy)> {
        let locked = || self.locked.as_ref()?.digest.as_ref();
        let pinned = self.pin.as_ref().map(|pin| (pin, PinnedBy::Manifest));
        pinned.or_else(|| Some((locked()?, PinnedBy::Lock)))
    }

    /// The sources that the lock has something to say about: those of an image that is
    /// pulled.
    pub(crate) fn lockable_sources(&self) -> impl Iterator<Item = &Source> {
        let is_pulled = self.strategy != Strategy::Build && self.pull_policy != PullPolicy::Never;
        self.sources.iter().filter(move |_| is_pulled)
    }

    /// Whether no source had it when it was locked, so that it is built.
    pub(crate) fn is_locked_as_built(&self) -> bool {
        self.strategy == Strategy::PullThenBuild
            && self.pin.is_none()
            && self.lockable_sources().next().is_some()
            && self.locked.as_ref().is_some_and(|locked| locked.is_built)
    }

    /// What is done to obtain it, as far as the manifest and the lock go.
    pub(crate) fn own_strategy(&self) -> Strategy {
        if self.is_locked_as_built() { Strategy::Build } else { self.strategy }
    }
}

/// Who says which content it has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PinnedBy {
    /// `digest` in the manifest.
    Manifest,
    /// The lock.
    Lock,
}

impl PinnedBy {
    /// One word for it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Lock => "lock",
        }
    }

    /// `the manifest pins`, for sentences that name the digest.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Manifest => "the manifest pins",
            Self::Lock => "the lock wants",
        }
    }
}

/// One place an image may come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// The repository and tag in the registry.
    pub(crate) reference: Reference,
}

/// Whether to pull or to build.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(crate) enum Strategy {
    /// Only pull.
    Pull,
    /// Only build.
    Build,
    /// Pull; build when every registry failed in a way that `build_on` lists.
    PullThenBuild,
}

/// When registries are asked for an image: Compose's words.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(crate) enum PullPolicy {
    /// When the engine doesn't hold the image.
    Missing,
    /// Also when it does, to see whether the tag moved.
    Always,
    /// Never. The image must be there, or be built.
    Never,
}

/// How often and how patiently the sources are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RetryPolicy {
    /// Rounds over the sources, in all; 1 = no retry.
    pub(crate) attempts: u32,
    /// The wait before the second round; it doubles from round to round.
    pub(crate) backoff: Duration,
    /// The longest wait.
    pub(crate) max_backoff: Duration,
}

/// How much is done at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Pulls at once.
    pub(crate) pulls: usize,
    /// Builds at once.
    pub(crate) builds: usize,
}

/// How an image is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DesiredBuild {
    /// Where the Dockerfile and the context come from.
    pub(crate) origin: BuildOrigin,
    /// Patterns of the files that count as inputs, with the syntax of an ignore file;
    /// `None` is all of them.
    pub(crate) inputs: Option<Patterns>,
    /// The stage to build; `None` is the last.
    pub(crate) target: Option<String>,
    /// Build arguments whose values are known.
    pub(crate) args: BTreeMap<String, String>,
    /// Those that read the environment, until they are resolved.
    pub(crate) readings: Vec<Reading>,
    /// The names of all arguments that read the environment.
    pub(crate) from_environment: BTreeSet<String>,
    /// What of this needs consent.
    pub(crate) asks: Vec<Ask>,
    /// Labels beside occ's own.
    pub(crate) labels: BTreeMap<String, String>,
    /// The network of `RUN` steps.
    pub(crate) network: Network,
    /// Images whose layers serve as build cache, as far as the engine holds them. No input
    /// of the build: they decide how long it takes.
    pub(crate) cache_from: Vec<Reference>,
    /// Whether to build on the newest bases that their registries have.
    pub(crate) pull: bool,
    /// The engine's builder.
    pub(crate) builder: Builder,
    /// What steps may read as secrets, each with another id.
    pub(crate) secrets: Vec<BuildSecret>,
    /// The ids of the ssh agents that steps may use, each another. All are the user's.
    pub(crate) ssh: Vec<String>,
}

impl DesiredBuild {
    /// Gives the arguments that read the environment their values. What can't have one is
    /// left as it is, and is an error at its place.
    pub(crate) fn resolve(&mut self, variables: &Variables) -> Vec<Diagnostic> {
        let mut errors = Vec::new();
        for reading in std::mem::take(&mut self.readings) {
            match reading.value(variables) {
                Ok(value) => drop(self.args.insert(reading.arg, value)),
                Err(error) => {
                    errors.push(*error);
                    self.readings.push(reading);
                }
            }
        }
        errors
    }

    /// Why it can't be built as long as an argument has no value, in words.
    pub(crate) fn unresolved(&self) -> Option<String> {
        let reading = self.readings.first()?;
        let variables: Vec<String> = reading.variables().map(|name| format!("`{name}`")).collect();
        let (arg, variables) = (&reading.arg, variables.join(", "));
        Some(format!(
            "the build argument `{arg}` has no value: it reads {variables} of the environment"
        ))
    }

    /// What in the manifest takes `BuildKit`, in words.
    pub(crate) fn needs_buildkit(&self) -> Option<&'static str> {
        match self {
            Self { builder: Builder::Buildkit, .. } => Some("`builder` is `buildkit`"),
            Self { secrets, .. } if !secrets.is_empty() => Some("`secrets` need BuildKit"),
            Self { ssh, .. } if !ssh.is_empty() => Some("`ssh` needs BuildKit"),
            _ => None,
        }
    }

    /// The arguments that are inputs of the build.
    pub(crate) fn counted_args(&self) -> BTreeMap<String, String> {
        let args = self.args.iter().filter(|(name, _)| !is_proxy_arg(name));
        args.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// The engine's builder.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(crate) enum Builder {
    /// The best that the engine has.
    Auto,
    /// `BuildKit`.
    Buildkit,
    /// The classic builder. It has neither secrets nor ssh agents.
    Classic,
}

/// A secret of a build. Only its id is an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BuildSecret {
    /// Its name in the Dockerfile.
    pub(crate) id: String,
    /// Where its value is.
    pub(crate) from: SecretFrom,
}

/// Where the value of a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretFrom {
    /// In an environment variable.
    Env(String),
    /// In a file.
    File {
        /// Absolute, not resolved.
        path: PathBuf,
        /// It may not lie outside of it: the repository, or the manifest's directory.
        /// Absolute.
        root: PathBuf,
    },
}

/// Where the Dockerfile and the context come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BuildOrigin {
    /// A Dockerfile inside occ, with no context.
    Template(Template),
    /// A directory.
    Context {
        /// Absolute, not resolved.
        dir: PathBuf,
        /// Relative to `dir`.
        dockerfile: PathBuf,
        /// Neither the context nor the Dockerfile may lie outside of it: the
        /// repository, or the manifest's directory. Absolute.
        root: PathBuf,
    },
}

impl BuildOrigin {
    /// The Dockerfile, relative to the context; `None` for a template.
    pub(crate) fn dockerfile(&self) -> Option<String> {
        match self {
            Self::Template(_) => None,
            Self::Context { dockerfile, .. } => Some(dockerfile.to_string_lossy().into_owned()),
        }
    }
}

/// The Dockerfiles inside occ.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(crate) enum Template {
    /// The development container for the opencode coding agent.
    Opencode,
}
