//! The reasons for what is done about one image, as they are told to people and programs.
//!
//! The doc comments here are the descriptions of the document's JSON Schema.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::state::changes::Names;
use crate::state::desired::{PullPolicy, Strategy};
use crate::state::inputs::Part;
use crate::words::code::Code;
use crate::words::digest::Digest;
use crate::words::failure::{BuildOn, FailureClass};
use crate::words::image::{Document, EngineId};

/// All that decides about one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Why {
    /// Its id in the manifest.
    pub(crate) id: String,
    /// Its local name with the tag, as the manifest writes it.
    pub(crate) name: String,
    /// Its local name in full.
    pub(crate) reference: String,
    /// More local names for the same bytes, as the manifest writes them.
    pub(crate) extra_tags: Vec<String>,
    /// Whether the manifest lets it be pulled, built, or built when no registry has it.
    pub(crate) strategy: Strategy,
    /// When its registries are asked.
    pub(crate) pull_policy: PullPolicy,
    /// The platform that it has to be for; absent where that is left to the engine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<String>,
    /// The digest that the manifest pins, of its index, or of its manifest where there is no
    /// index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pin: Option<Digest>,
    /// What the lock says of it.
    pub(crate) lock: LockSays,
    /// What the engine has under its name; absent where that is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) held: Option<Held>,
    /// What the engine has of the wanted digest under another name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) elsewhere: Option<Held>,
    /// What a build would read; absent where none is thought of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) inputs: Option<InputsSeen>,
    /// The images that its Dockerfile names.
    pub(crate) bases: Vec<BaseSeen>,
    /// Where it may come from, in order of preference.
    pub(crate) sources: Vec<SourceSeen>,
    /// Whose signature it needs; absent where it needs none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) signature: Option<SignatureSeen>,
    /// The failures of all sources after which a build steps in; empty where none may.
    pub(crate) build_on: Vec<BuildOn>,
    /// The user's credentials for each registry that could be asked for it. Only where they
    /// are, and never what they are.
    pub(crate) credentials: Vec<Login>,
    /// What its build asks for, and whether that is allowed.
    pub(crate) consent: Vec<Consent>,
}

/// What the lock says of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct LockSays {
    /// The lock's file.
    pub(crate) file: String,
    /// Whether it is as the manifest is.
    pub(crate) state: LockState,
    /// Why it is not, or why it can't be.
    pub(crate) differences: Vec<String>,
    /// The only digest that will do, whichever source serves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<Digest>,
    /// It is locked without a digest: it is built.
    pub(crate) built: bool,
}

/// Whether a lock is as the manifest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LockState {
    /// Nobody looks at it: tags decide.
    Off,
    /// There is no lock.
    Missing,
    /// The lock has nothing about the image.
    Absent,
    /// It says what the manifest says.
    Fresh,
    /// It says something else.
    Stale,
    /// It holds, whatever the manifest says.
    Frozen,
}

/// An image that the engine holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Held {
    /// The engine's id of it.
    pub(crate) image_id: EngineId,
    /// Which document that id is the digest of.
    pub(crate) id_is: IdIs,
    /// By which digests it was pulled: of its index, or of its manifest where there is no
    /// index.
    pub(crate) digests: Vec<HeldDigest>,
    /// What it is made for.
    pub(crate) platform: String,
    /// Bytes, unpacked.
    pub(crate) size: u64,
    /// occ's own labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// The local name that occ built it for, where its label tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) built_for: Option<String>,
    /// Somebody made it from an image of occ's, and it inherits the label.
    pub(crate) derived: bool,
}

/// What an engine takes for its id of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IdIs {
    /// Its configuration, on a store with graph drivers.
    Configuration,
    /// Its index, on the containerd store.
    Index,
    /// Its manifest, on the containerd store, where it has no index.
    Manifest,
    /// One of these two: the engine does not tell which.
    Target,
}

/// A digest by which an image was pulled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct HeldDigest {
    /// `repository@digest`.
    pub(crate) reference: String,
    /// Whether it is the one that the manifest or the lock wants.
    pub(crate) wanted: bool,
}

/// What a build would read, beside what the image in the engine was built from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct InputsSeen {
    /// The hash of all of it now; absent where it can't be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) now: Option<String>,
    /// The hash on the label of the image in the engine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recorded: Option<String>,
    /// Why it can't be read, or can't be built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
    /// Each part that the hash is made of.
    pub(crate) parts: Vec<PartSeen>,
}

/// A part of the inputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct PartSeen {
    /// Which.
    pub(crate) part: Part,
    /// The first digits of its hash now; absent where the build has no such part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) now: Option<String>,
    /// The same on the image's label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recorded: Option<String>,
    /// Whether it changed; always false where nothing is recorded.
    pub(crate) changed: bool,
    /// What in it changed, where that is known on this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) names: Option<Names>,
}

/// An image that a build starts from or copies from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct BaseSeen {
    /// As the Dockerfile has it.
    pub(crate) base: String,
    /// The image of the same manifest that has this name, by its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image: Option<String>,
    /// The engine's id of it, where it counts by that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) held: Option<EngineId>,
    /// The only content that will do, by the lock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) locked: Option<Digest>,
    /// `# syntax=` names it.
    pub(crate) frontend: bool,
    /// What its registry says.
    pub(crate) answer: Answer,
}

/// A registry that an image may come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct SourceSeen {
    /// The reference there, in full.
    pub(crate) source: String,
    /// What it says of the tag.
    pub(crate) answer: Answer,
    /// What it says of the wanted digest, where its tag stands for something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) of_wanted: Option<Answer>,
}

/// The signature that an image needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct SignatureSeen {
    /// The file of the public key, as the manifest has it.
    pub(crate) key: String,
    /// The digest whose signature its sources were asked for; absent where they were not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<Digest>,
    /// Why that is not signed, or why nobody can tell; absent where nothing is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
}

/// What a registry says of a reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "said", rename_all = "snake_case")]
pub(crate) enum Answer {
    /// Nobody asked.
    NotAsked,
    /// It is there.
    Digest {
        /// Of its index, or of its manifest where there is no index.
        digest: Digest,
        /// Which of the two, where that is told.
        #[serde(skip_serializing_if = "Option::is_none")]
        document: Option<Document>,
        /// What there is an image for, as far as that is told.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        platforms: Vec<String>,
    },
    /// It has none, or could not say.
    Failed {
        /// What kind of failure it was.
        class: FailureClass,
        /// What `occ explain` knows it by.
        code: Code,
        /// One line about it.
        message: String,
    },
    /// This engine can't ask.
    Unavailable,
}

/// The user's credentials for a registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Login {
    /// The registry's host.
    pub(crate) registry: String,
    /// Where they are: a file, or a credential helper; absent where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) found_in: Option<String>,
}

/// Something that a build asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Consent {
    /// As `--allow` takes it: `env=CHANNEL`.
    pub(crate) grant: String,
    /// What that lets it do.
    pub(crate) what: String,
    /// Who allowed it; absent where nobody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) allowed_by: Option<&'static str>,
}
