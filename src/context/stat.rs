//! What a system tells of a file without reading it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::num::NonZeroU64;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    /// What tells it from another.
    pub(super) fn mark(&self) -> Mark {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        Mark(NonZeroU64::new(hasher.finish()).unwrap_or(NonZeroU64::MIN))
    }
}
