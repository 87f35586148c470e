//! Floor 1: the lock, `opencode.lock`: which bytes each tag stands for.
//!
//! [`read`](read()) takes it out of its text, [`write`](mod@write) puts it back, [`fresh`] holds it
//! against the manifest and says what is left to find out, and [`verdict`] makes one digest
//! of what the sources of an image answered. Whoever asks them is `resolve`.

pub(crate) mod apply;
pub(crate) mod diff;
pub(crate) mod fresh;
mod model;
mod read;
pub(crate) mod schema;
pub(crate) mod verdict;
mod write;

#[cfg(test)]
#[path = "read_tests.rs"]
mod read_tests;

use crate::words::digest::Digest;
use crate::words::reference::Reference;

pub(crate) use read::{ReadLock, read};

/// The whole lock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lock {
    /// In the order of their ids.
    pub(crate) images: Vec<LockedImage>,
}

/// What is locked of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LockedImage {
    /// The image's id in the manifest.
    pub(crate) id: String,
    /// Its local name without the tag, as the manifest writes it.
    pub(crate) name: String,
    /// Its tag.
    pub(crate) tag: String,
    /// Of the index, or of the manifest where there is no index. `None`: it is built,
    /// because the manifest says so or because no source had it.
    pub(crate) digest: Option<Digest>,
    /// Where the manifest lets it come from, in order.
    pub(crate) sources: Vec<Reference>,
    /// What its Dockerfile names, in the order of the Dockerfile.
    pub(crate) bases: Vec<LockedBase>,
}

/// An image that a Dockerfile names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LockedBase {
    /// As the Dockerfile has it, with its arguments filled in.
    pub(crate) reference: Reference,
    /// Of its index, or of its manifest. `None`: no registry has it, and it counts as the
    /// engine holds it.
    pub(crate) digest: Option<Digest>,
}

impl Lock {
    /// The entry of an image.
    pub(crate) fn get(&self, id: &str) -> Option<&LockedImage> {
        self.images.get(self.place(id).ok()?)
    }

    /// Puts an entry in the place of the one with the same id, or in its own.
    pub(crate) fn set(&mut self, image: LockedImage) {
        match self.place(&image.id) {
            Ok(at) => self.images[at] = image,
            Err(at) => self.images.insert(at, image),
        }
    }

    /// Where the entry of an image is, or would be.
    fn place(&self, id: &str) -> Result<usize, usize> {
        self.images.binary_search_by(|image| image.id.as_str().cmp(id))
    }
}

impl LockedImage {
    /// What is locked of a base, by its full name. The inner `None` is one that only the
    /// engine holds.
    #[expect(clippy::option_option, reason = "not locked and locked as held are two things")]
    pub(crate) fn base(&self, reference: &Reference) -> Option<Option<&Digest>> {
        let name = reference.canonical();
        let found = self.bases.iter().find(|base| base.reference.canonical() == name)?;
        Some(found.digest.as_ref())
    }
}

/// How a command treats the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// What is locked holds, and what is missing is locked.
    Keep,
    /// All of it must be locked, and as the manifest is now.
    Locked,
    /// It holds, whether or not the manifest has changed since.
    Frozen,
    /// Tags decide.
    Off,
}
