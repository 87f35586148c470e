//! The manifest as written.
//!
//! The doc comments here are the descriptions of the JSON Schema, which is made
//! from these types; so they speak to whoever writes a manifest. A key that
//! could not be read is `None`, and is listed in its table's `broken`.

use schemars::JsonSchema;

use crate::manifest::names::{Host, LocalTag, Name, RegistryEntry, RepositoryPath};
use crate::manifest::reader::{At, Entries};
use crate::manifest::text::{
    ImageId, LabelKey, OccVersion, PathText, PlatformChoice, SourceTag, Tag, Variable, Word,
};
use crate::state::desired::{Builder, PullPolicy, Strategy, Template};
use crate::words::digest::Digest;
use crate::words::duration::Span;
use crate::words::failure::BuildOn;
use crate::words::network::Network;
use crate::words::reference::Reference;

/// A list of values with their places.
pub(crate) type List<T> = Vec<At<T>>;

/// The container images that the local engine has to hold, and where they come from.
/// `occ sync` makes it so.
#[derive(Debug, JsonSchema)]
#[schemars(rename = "occ-manifest", deny_unknown_fields)]
pub(crate) struct Manifest {
    /// The address of this schema, for editors that look for it here. occ ignores it.
    #[schemars(rename = "$schema")]
    #[expect(dead_code, reason = "it is there for editors and for the schema")]
    pub(crate) schema: Option<At<String>>,
    /// The version of the manifest's format: 1.
    #[schemars(required)]
    #[expect(dead_code, reason = "its type has one value only")]
    pub(crate) version: Option<At<Format>>,
    /// The oldest occ that can use this manifest, such as `0.1`. An older one refuses it.
    #[expect(dead_code, reason = "`parse` looks at it before everything else")]
    pub(crate) min_occ: Option<At<OccVersion>>,
    /// What an image does not say itself.
    pub(crate) defaults: Option<At<Defaults>>,
    /// How often and how patiently the sources of an image are tried.
    pub(crate) retry: Option<At<Retry>>,
    /// How long to wait for what. `0` waits for ever.
    pub(crate) timeouts: Option<At<Timeouts>>,
    /// How much is done at once.
    pub(crate) limits: Option<At<Limits>>,
    /// The images. The key is the image's id on the command line: lower-case letters,
    /// digits, `_` and `-`.
    #[schemars(required, extend("minProperties" = 1))]
    pub(crate) images: Option<At<Entries<ImageId, Image>>>,
}

/// What an image does not say itself.
#[derive(Debug, Default, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Defaults {
    /// The registries of images whose name has no registry host, in order of
    /// preference: `host` or `host/prefix`.
    pub(crate) registries: Option<At<Registries>>,
    /// When registries are asked for an image.
    #[schemars(extend("default" = "missing"))]
    pub(crate) pull_policy: Option<At<PullPolicy>>,
    /// The platform of the images: `os/arch` or `os/arch/variant`. `auto` is the engine's own.
    #[schemars(extend("default" = "auto"))]
    pub(crate) platform: Option<At<PlatformChoice>>,
    /// The failures of all registries after which a build may step in.
    #[schemars(extend("default" = ["not_found", "unavailable"]))]
    pub(crate) build_on: Option<At<List<BuildOn>>>,
    /// Keys that could not be read.
    #[schemars(skip)]
    pub(crate) broken: Vec<&'static str>,
}

/// How often and how patiently the sources of an image are tried. When a round over
/// all sources failed and trying again may help, the next round begins after a wait.
#[derive(Debug, Default, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Retry {
    /// Rounds over the sources, in all. 1 is no retry.
    #[schemars(extend("default" = 3))]
    pub(crate) attempts: Option<At<Count>>,
    /// The wait before the second round. It doubles from round to round, and has up to
    /// a tenth of random time on top.
    #[schemars(extend("default" = "1s"))]
    pub(crate) backoff: Option<At<Span>>,
    /// The longest wait.
    #[schemars(extend("default" = "30s"))]
    pub(crate) max_backoff: Option<At<Span>>,
}

/// How long to wait for what: whole numbers with the units `ms`, `s`, `m` and `h`, such
/// as `500ms` or `1m30s`. `0` waits for ever.
#[derive(Debug, Default, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Timeouts {
    /// For the engine's first answer.
    #[schemars(extend("default" = "10s"))]
    pub(crate) connect: Option<At<Span>>,
    /// For any later answer of the engine, and for one of a registry about a signature.
    #[schemars(extend("default" = "60s"))]
    pub(crate) response: Option<At<Span>>,
    /// For the first answer of a source. One that is silent for longer is overtaken by
    /// the next one, but not given up.
    #[schemars(extend("default" = "2s"))]
    pub(crate) patience: Option<At<Span>>,
    /// For the next byte while layers download.
    #[schemars(extend("default" = "120s"))]
    pub(crate) stall: Option<At<Span>>,
    /// For a whole build.
    #[schemars(extend("default" = "60m"))]
    pub(crate) build: Option<At<Span>>,
}

/// How much is done at once.
#[derive(Debug, Default, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Limits {
    /// Pulls at once. Docker downloads three layers at a time; the other pulls unpack meanwhile.
    #[schemars(extend("default" = 8))]
    pub(crate) pulls: Option<At<Count>>,
    /// Builds at once.
    #[schemars(extend("default" = 1))]
    pub(crate) builds: Option<At<Count>>,
}

/// One image that the engine has to hold.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Image {
    /// The local name, without tag and digest. A registry host in it makes it the image's
    /// only source, unless the image lists `registries`.
    #[schemars(required)]
    pub(crate) name: Option<At<Name>>,
    /// The tag of the local name, and of the sources.
    #[schemars(extend("default" = "latest"))]
    pub(crate) tag: Option<At<Tag>>,
    /// The only content that will do: the digest of the image's index, or of its manifest
    /// where it has no index.
    pub(crate) digest: Option<At<Digest>>,
    /// Further local names for the same bytes: `name` or `name:tag`.
    pub(crate) extra_tags: Option<At<List<LocalTag>>>,
    /// Where the image may come from, in order of preference. An entry `host` or
    /// `host/prefix` means the path of `name` below it; a table names everything itself.
    /// No other registry is contacted for this image. An empty list means none.
    pub(crate) registries: Option<At<Registries>>,
    /// Whether to pull or to build. Without it: `pull` where there is no `build` table,
    /// `build` where there are no registries, else `pull-then-build`.
    pub(crate) strategy: Option<At<Strategy>>,
    /// When registries are asked for this image. Without it: that of `[defaults]`.
    pub(crate) pull_policy: Option<At<PullPolicy>>,
    /// The platform of this image. Without it: that of `[defaults]`.
    pub(crate) platform: Option<At<PlatformChoice>>,
    /// The failures of all registries after which a build may step in. Without it: those
    /// of `[defaults]`.
    pub(crate) build_on: Option<At<List<BuildOn>>>,
    /// The signature that the image must have. Before it is pulled, or its digest is locked, or
    /// its name is given to what the engine has already, a source of it has to have a good
    /// signature of exactly that digest: of the index, where there is one. Without one nothing
    /// is pulled or built in its place. What is in sync is not asked about again, and what is
    /// built here is not signed.
    pub(crate) verify: Option<At<Verify>>,
    /// Stands for the whole of the manifest's `[retry]`: a key missing here has its
    /// default, not the value of the other table.
    pub(crate) retry: Option<At<Retry>>,
    /// How to build the image. Having this table allows building it.
    pub(crate) build: Option<At<Build>>,
    /// Keys that could not be read.
    #[schemars(skip)]
    pub(crate) broken: Vec<&'static str>,
}

impl Image {
    /// Whether `key` is there, or had to be, and could not be read in whole.
    pub(crate) fn is_broken(&self, key: &str) -> bool {
        self.broken.contains(&key)
    }
}

/// The signature that an image must have.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Verify {
    /// One that cosign has made with a key, and stored beside the image.
    #[schemars(required)]
    pub(crate) cosign: Option<At<Cosign>>,
}

/// A signature that cosign has made with a key.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Cosign {
    /// The file of the public key, as `cosign generate-key-pair` writes it (`cosign.pub`),
    /// relative to the manifest. It must lie inside the repository, or the manifest's directory
    /// where there is no repository.
    #[schemars(required)]
    pub(crate) key: Option<At<PathText>>,
}

/// The places an image may come from, in order of preference.
#[derive(Debug)]
pub(crate) struct Registries(pub(crate) List<Registry>);

impl Registries {
    /// Nobody keeps an image in more places, and each counts once an image.
    pub(crate) const MAX: usize = 16;
}

/// A place an image may come from.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Registry {
    /// `host` or `host/prefix`: the path of the image's `name` below it.
    Entry(RegistryEntry),
    /// A repository with a name of its own.
    Table(RegistryTable),
}

/// A repository with a name of its own.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct RegistryTable {
    /// The registry's host, with its port if it has one.
    #[schemars(required)]
    pub(crate) registry: Option<At<Host>>,
    /// The repository's path in the registry.
    #[schemars(required)]
    pub(crate) repository: Option<At<RepositoryPath>>,
    /// The tag there. `{tag}` stands for the image's own.
    #[schemars(extend("default" = "{tag}"))]
    pub(crate) tag: Option<At<SourceTag>>,
}

/// How an image is built: from a template inside occ, or from a directory.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Build {
    /// A Dockerfile inside occ, with no context. It excludes `context`, `dockerfile` and
    /// `inputs`.
    pub(crate) template: Option<At<Template>>,
    /// The directory that is sent to the builder, relative to the manifest. It must lie
    /// inside the repository, or the manifest's directory where there is no repository.
    #[schemars(extend("default" = "."))]
    pub(crate) context: Option<At<PathText>>,
    /// The Dockerfile, relative to the context.
    #[schemars(extend("default" = "Dockerfile"))]
    pub(crate) dockerfile: Option<At<PathText>>,
    /// Patterns of the files in the context that decide whether to build again, with the
    /// syntax of `.dockerignore`. Without it all files do. The Dockerfile always does, and
    /// all files are sent.
    pub(crate) inputs: Option<At<List<PathText>>>,
    /// The stage to build. Without it: the last.
    pub(crate) target: Option<At<Word>>,
    /// Build arguments. In a value `${env:NAME}` is an environment variable, and
    /// `${env:NAME:-default}` has a default for one that is not set or empty; reading it
    /// needs consent (`--allow env=NAME`, `occ trust`). `$${` is a plain `${`.
    pub(crate) args: Option<At<Entries<Variable, String>>>,
    /// Labels of the image. Those that start with `dev.occ.` are occ's own.
    pub(crate) labels: Option<At<Entries<LabelKey, String>>>,
    /// Secrets that `RUN --mount=type=secret` may read, each by its id. A value is read when
    /// the build runs, is no input of it, and stays out of the image unless a step writes it
    /// there. They need consent (`--allow secret=env:NAME`, `--allow secret=file:PATH`,
    /// `occ trust`), and `BuildKit`.
    pub(crate) secrets: Option<At<List<Secret>>>,
    /// The ids under which `RUN --mount=type=ssh` may use your ssh agent, the one at
    /// `SSH_AUTH_SOCK`; a step that names none uses `default`. It needs consent
    /// (`--allow ssh`, `occ trust`), and `BuildKit`.
    pub(crate) ssh: Option<At<List<Word>>>,
    /// The network of `RUN` steps. `host` needs consent (`--allow network=host`,
    /// `occ trust`).
    #[schemars(extend("default" = "default"))]
    pub(crate) network: Option<At<Network>>,
    /// Images whose layers serve as build cache. `BuildKit` also finds them at their
    /// registries, where they were built with the argument `BUILDKIT_INLINE_CACHE = "1"`. The
    /// classic builder takes those that the engine holds, and then nothing else that was built.
    pub(crate) cache_from: Option<At<List<Reference>>>,
    /// Whether to build on the newest base images that their registries have, and again when
    /// one of them moves. Making a plan then asks these registries, but not for a base with
    /// a digest, one of the same manifest, or one that only the engine holds.
    #[schemars(extend("default" = false))]
    pub(crate) pull: Option<At<bool>>,
    /// The engine's builder: `auto` is `BuildKit` where the engine has it, and the classic
    /// builder where not.
    #[schemars(extend("default" = "auto"))]
    pub(crate) builder: Option<At<Builder>>,
    /// Keys that could not be read.
    #[schemars(skip)]
    pub(crate) broken: Vec<&'static str>,
}

/// A secret of a build: an environment variable, or a file.
#[derive(Debug, JsonSchema)]
#[schemars(untagged, deny_unknown_fields)]
pub(crate) enum Secret {
    /// A secret from an environment variable.
    Env {
        /// Its name in the Dockerfile.
        id: Word,
        /// The environment variable.
        env: At<Variable>,
    },
    /// A secret from a file.
    File {
        /// Its name in the Dockerfile.
        id: Word,
        /// The file, relative to the manifest. It must lie inside the repository, or the
        /// manifest's directory where there is no repository.
        src: At<PathText>,
    },
}

impl Secret {
    /// Its name in the Dockerfile.
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Env { id, .. } | Self::File { id, .. } => &id.0,
        }
    }
}

/// A number of things: 1 to 1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) u32);

impl Count {
    /// The largest. More attempts or connections at once than this are a slip of the key.
    pub(crate) const MAX: u32 = 1000;
}

/// The version of the manifest's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format;

impl Format {
    /// The one that this occ reads.
    pub(crate) const NUMBER: i64 = 1;
}
