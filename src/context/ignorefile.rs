//! Where the ignore file of a context is found.
//!
//! `<Dockerfile>.dockerignore` beside the Dockerfile wins over `.dockerignore` in the
//! context, as for `BuildKit`.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::context::ContextError;
use crate::context::file::{self, Largest};
use crate::ignore::{Malformed, Patterns, parse};

/// The ignore file of a whole context.
pub(crate) const NAME: &str = ".dockerignore";

/// Nobody writes more by hand, and every path is held against every line.
const LARGEST: Largest = Largest { bytes: 1024 * 1024, words: "1 MiB" };

/// What an ignore file says.
#[derive(Debug, Default)]
pub(crate) struct IgnoreFile {
    /// Its bytes.
    pub(crate) text: Bytes,
    /// Its lines.
    pub(crate) patterns: Patterns,
    /// Whether it is the one of this Dockerfile alone.
    pub(crate) is_own: bool,
    /// Where it is, if there is one.
    pub(crate) path: Option<PathBuf>,
}

/// Finds and reads the ignore file of the context `dir`, whose real path is `real`. That
/// of a Dockerfile lies beside it, and like it in `root`. Without one, nothing is ignored.
pub(crate) fn find(
    dir: &Path,
    real: &Path,
    dockerfile: &Path,
    root: &Path,
) -> Result<IgnoreFile, ContextError> {
    let mut own = dir.join(dockerfile).into_os_string();
    own.push(NAME);
    let own = PathBuf::from(own);
    let own_root = if dockerfile.starts_with("..") { root } else { real };
    for (path, is_own, root) in [(own, true, own_root), (dir.join(NAME), false, real)] {
        if let Some(text) = read(&path, root)? {
            let patterns = parse(&text).map_err(|Malformed { line, pattern, why }| {
                ContextError::Pattern { path: path.clone(), line, pattern, why }
            })?;
            let text = text.into();
            return Ok(IgnoreFile { text, patterns, is_own, path: Some(path) });
        }
    }
    Ok(IgnoreFile::default())
}

/// The bytes of an ignore file, if there is one. A link to it may not lead out of `real`.
pub(crate) fn read(path: &Path, real: &Path) -> Result<Option<Vec<u8>>, ContextError> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ContextError::read(path)(error)),
        Ok(_) => file::bytes("the ignore file", path, real, LARGEST).map(Some),
    }
}
