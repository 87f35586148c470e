//! What the engine holds, read once before planning.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::state::changes::Change;
use crate::state::inputs::Inputs;
use crate::state::obstacle::Obstacle;
use crate::words::image::{EngineId, ImageFacts, IndexRoom};
use crate::words::platform::Platform;

/// The snapshot that a plan is made from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Observed {
    /// By the image's id in the manifest.
    pub(crate) images: BTreeMap<String, ObservedImage>,
    /// The engine's own platform, where something depended on it.
    pub(crate) engine_platform: Option<Platform>,
    /// For how many platforms the engine can hold an index, where that was of interest.
    pub(crate) index_room: IndexRoom,
}

/// What belongs to one image of the manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ObservedImage {
    /// What is behind `name:tag`.
    pub(crate) local: Option<ImageFacts>,
    /// What the engine holds of the wanted digest under another name, where the name does
    /// not mean it.
    pub(crate) elsewhere: Option<ImageFacts>,
    /// What is behind each of `extra_tags`, in their order: an image id.
    pub(crate) extra: Vec<Option<EngineId>>,
    /// Nobody asked for it: it is here because another one is built on it.
    pub(crate) is_dependency: bool,
    /// What changed in them since what is held was built, as far as that is known.
    pub(crate) changes: Vec<Change>,
    /// What is held was made by hand from an image of ours, whose label it inherits.
    pub(crate) is_derived: bool,
    /// The build's inputs now, for an image that can be built; or why they can't be read.
    pub(crate) inputs: Option<Result<Inputs, Obstacle>>,
}

/// An image that was built for a name which means another one by now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Superseded {
    /// The engine's id.
    pub(crate) image_id: EngineId,
    /// The local name that it had, in full.
    pub(crate) reference: String,
    /// Bytes, unpacked, with the layers that it shares with others.
    pub(crate) size: u64,
}
