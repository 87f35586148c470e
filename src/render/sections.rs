//! What single commands have to say beside the images: each a field of the document.

use schemars::JsonSchema;
use serde::Serialize;

use super::files::Contents;
use crate::lock::diff::Change;
use crate::plan::reasons::Why;
use crate::state::check::Check;
use crate::state::observed::Superseded;
use crate::words::image::EngineId;
use crate::words::page::Page;

/// The further fields of the document. A command fills its own.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct Sections {
    /// What came of the lock (`occ lock`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lock: Option<LockChange>,
    /// The image's references (`occ ref`).
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub(crate) reference: Option<References>,
    /// The exact images (`occ export`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) export: Option<Vec<Exported>>,
    /// What a build context holds (`occ files`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) files: Option<Contents>,
    /// What the manifest asks for (`occ trust`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) grants: Option<Vec<Granted>>,
    /// Images that occ built and that have no name any more (`occ status`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) superseded: Option<Vec<Superseded>>,
    /// All that decides about an image (`occ why`). What sync would do is the image's entry in
    /// `images`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<Why>,
    /// What a sync depends on (`occ doctor`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) doctor: Option<Vec<Check>>,
    /// The pages on codes (`occ explain`): the one that was asked for, or all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) codes: Option<Vec<Page>>,
}

/// What came of the lock.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LockChange {
    /// Its file.
    pub(crate) file: String,
    /// Whether the file was written.
    pub(crate) written: bool,
    /// Whether it says something else than before, or would.
    pub(crate) changed: bool,
    /// What came of each image's entry.
    pub(crate) images: Vec<Change>,
}

/// An image by each name that it has.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct References {
    /// The one that was asked for.
    pub(crate) reference: String,
    /// Its local name with the tag.
    pub(crate) tag: String,
    /// `repository@digest`; null for what was built here.
    pub(crate) digest: Option<String>,
    /// The engine's id of it.
    pub(crate) image_id: EngineId,
}

/// An image for another tool.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Exported {
    /// Its id in the manifest.
    pub(crate) id: String,
    /// The reference that means exactly these bytes.
    pub(crate) reference: String,
}

/// Something that the manifest asks for, or that is allowed although it does not.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct Granted {
    /// As `--allow` takes it: `env=CHANNEL`.
    pub(crate) grant: String,
    /// Whether it is allowed.
    pub(crate) allowed: bool,
    /// The manifest's line that asks for it, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<usize>,
    /// Dotted path of the key that asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
}
