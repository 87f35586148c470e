//! Where the ignore file of a context is found.
//!
//! `<Dockerfile>.dockerignore` beside the Dockerfile wins over `.dockerignore` in the
//! context, as for `BuildKit`.

use std::io::Read;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::context::{ContextError, file};
use crate::ignore::{Malformed, Patterns, parse};

/// The ignore file of a whole context.
pub(crate) const NAME: &str = ".dockerignore";

/// Nobody writes more by hand, and every path is held against every line.
const LARGEST: u64 = 1024 * 1024;

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
    const WHAT: &str = "the ignore file";
    match path.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ContextError::read(path)(error)),
        Ok(_) => {}
    }
    let target = file::confined(WHAT, path, real)?;
    let no_file = || ContextError::Kind { what: WHAT, path: path.to_owned(), want: "file" };
    if !target.is_file() {
        return Err(no_file());
    }
    let file = open(&target).map_err(ContextError::read(path))?;
    // It may have been swapped since.
    if !file.metadata().map_err(ContextError::read(path))?.is_file() {
        return Err(no_file());
    }
    let mut text = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut text).map_err(ContextError::read(path))?;
    if text.len() as u64 > LARGEST {
        return Err(ContextError::IgnoreFileSize(path.to_owned()));
    }
    Ok(Some(text))
}

/// Opens a file without waiting for a pipe's other end: it may have been swapped since.
fn open(path: &Path) -> std::io::Result<fs_err::File> {
    let mut options = fs_err::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use fs_err::os::unix::fs::OpenOptionsExt;
        use rustix::fs::OFlags;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        options.custom_flags(flags.bits().cast_signed());
    }
    options.open(path)
}
