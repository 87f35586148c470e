//! What lies at a path of a context, and whether it may be read.
//!
//! Links are not followed; sockets, pipes and devices are never opened.

use std::fs::FileType;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::context::{Content, ContextError, Kind};

/// The real path, if it lies in the real path of `root`.
pub(super) fn confined(
    what: &'static str,
    path: &Path,
    root: &Path,
) -> Result<PathBuf, ContextError> {
    let real = match fs_err::canonicalize(path) {
        Ok(real) => real,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(ContextError::Missing { what, path: path.to_owned() });
        }
        Err(error) => return Err(ContextError::read(path)(error)),
    };
    if real.starts_with(fs_err::canonicalize(root).map_err(ContextError::read(root))?) {
        Ok(real)
    } else {
        Err(ContextError::Outside { what, path: path.to_owned(), root: root.to_owned() })
    }
}

/// What is at `path`; `None` for a socket, pipe or device, which no archive carries.
pub(super) fn read(path: &Path, file_type: FileType) -> std::io::Result<Option<Kind>> {
    if file_type.is_dir() {
        return Ok(Some(Kind::Directory));
    }
    if file_type.is_symlink() {
        return Ok(Some(Kind::Link(fs_err::read_link(path)?)));
    }
    if !file_type.is_file() {
        return Ok(None);
    }
    let mut file = open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Ok(None);
    }
    let mut hash = Sha256::new();
    let mut size = 0;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        hash.update(&buffer[..n]);
        size += n as u64;
    }
    Ok(Some(Kind::File {
        content: Content::Disk(path.to_owned()),
        executable: executable(&meta),
        size,
        hash: hash.finalize().into(),
    }))
}

/// Opens a file for reading, but not through a link, and without waiting for a
/// pipe's other end: the entry may have been swapped since it was listed.
pub(super) fn open(path: &Path) -> std::io::Result<fs_err::File> {
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

#[cfg(unix)]
fn executable(meta: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    meta.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn executable(_: &std::fs::Metadata) -> bool {
    // As the Docker CLI does it: where there is no such bit, every file has it.
    true
}

/// The sha256 of bytes in memory.
pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
