//! What a system tells of a file without reading it.

use std::num::NonZeroU64;

use twox_hash::XxHash3_64;

/// What lies in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Directory,
    File,
    Link,
    /// A socket, pipe or device, which no archive carries.
    Other,
}

/// What tells whether a file is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) is_file: bool,
    pub(super) is_executable: bool,
    /// Bytes.
    pub(super) size: u64,
    /// The device and the inode.
    pub(super) place: (u64, u64),
    /// Seconds and nanoseconds since 1970 of the last change of the content, …
    pub(super) modified: (i64, u32),
    /// … and of that or of anything else about it, which nobody can set.
    pub(super) changed: (i64, u32),
}

/// A stat, shortened to a word, because there may be many. Of this process alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark(NonZeroU64);

impl Stat {
    /// What is kept of it, beside its device: inode, size, and both times.
    pub(super) fn to_bytes(self) -> [u8; 40] {
        let Self { place: (_, inode), size, modified, changed, .. } = self;
        let mut bytes = [0; 40];
        bytes[..8].copy_from_slice(&inode.to_be_bytes());
        bytes[8..16].copy_from_slice(&size.to_be_bytes());
        for (at, (seconds, nanos)) in [(16, modified), (28, changed)] {
            bytes[at..at + 8].copy_from_slice(&seconds.to_be_bytes());
            bytes[at + 8..at + 12].copy_from_slice(&nanos.to_be_bytes());
        }
        bytes
    }

    /// What tells it from another.
    pub(super) fn mark(&self) -> Mark {
        let mut bytes = [0; 50];
        bytes[..40].copy_from_slice(&self.to_bytes());
        bytes[40..48].copy_from_slice(&self.place.0.to_be_bytes());
        bytes[48..].copy_from_slice(&[self.is_file.into(), self.is_executable.into()]);
        Mark(NonZeroU64::new(XxHash3_64::oneshot(&bytes)).unwrap_or(NonZeroU64::MIN))
    }
}
