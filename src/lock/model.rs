//! The lock as written.
//!
//! The doc comments here are the descriptions of its JSON Schema.

use schemars::JsonSchema;

use crate::manifest::model::List;
use crate::manifest::names::Name;
use crate::manifest::reader::At;
use crate::manifest::text::{ImageId, Tag};
use crate::words::digest::Digest;
use crate::words::reference::Reference;

/// The bytes that the tags of an `opencode.toml` stand for. `occ lock` writes it; it is
/// meant to be committed. Only `digest` is worth editing by hand.
#[derive(Debug, JsonSchema)]
#[schemars(rename = "occ-lock", deny_unknown_fields)]
pub(super) struct File {
    /// The version of the lock's format: 1.
    #[schemars(required)]
    #[expect(dead_code, reason = "its type has one value only")]
    pub(super) version: Option<At<Format>>,
    /// The images, in the order of their ids.
    pub(super) image: Option<At<List<Image>>>,
}

/// What is locked of one image.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Image {
    /// The image's id in the manifest.
    #[schemars(required)]
    pub(super) id: Option<At<ImageId>>,
    /// Its local name without the tag, as the manifest writes it.
    #[schemars(required)]
    pub(super) name: Option<At<Name>>,
    /// Its tag.
    #[schemars(required)]
    pub(super) tag: Option<At<Tag>>,
    /// The only content that is accepted, whichever source serves it: the digest of the
    /// image's index, or of its manifest where it has no index. Without it, the image is
    /// built.
    pub(super) digest: Option<At<Digest>>,
    /// Where the manifest lets it come from, in order.
    pub(super) sources: Option<At<List<Reference>>>,
    /// The images that its Dockerfile names.
    pub(super) base: Option<At<List<Base>>>,
}

/// An image that a Dockerfile names.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Base {
    /// As the Dockerfile has it, with its arguments filled in.
    #[schemars(required, rename = "ref")]
    pub(super) reference: Option<At<Reference>>,
    /// The digest of its index, or of its manifest where it has no index. Without it, no
    /// registry has it, and it counts as the engine holds it.
    pub(super) digest: Option<At<Digest>>,
}

/// The version of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format;

impl Format {
    /// The one that this occ writes.
    pub(super) const NUMBER: i64 = 1;
}
