//! The signature that an image must have.

use std::path::PathBuf;

/// `verify = { cosign = { key = "…" } }`: what is pulled must be signed with this key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verify {
    /// The file of the public key. Absolute, not resolved.
    pub(crate) key: PathBuf,
    /// It may not lie outside of it: the repository, or the manifest's directory. Absolute.
    pub(crate) root: PathBuf,
    /// The file as the manifest names it.
    pub(crate) shown: String,
}
