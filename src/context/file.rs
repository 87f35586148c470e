//! What lies at a path of a context, and whether it may be read.
//!
//! Links are not followed; sockets, pipes and devices are never opened.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use crate::context::known::Known;
use crate::context::root::{self, Directory};
use crate::context::stat::{Stat, What};
use crate::context::{Content, ContextError, Kind};
use crate::words::hash::Sha256Sum;

/// Bytes that are read at once.
const BUFFER: usize = 128 * 1024;

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

/// What is at `name` in a directory; `None` for a socket, pipe or device. Without `known`
/// no file is opened, and its hash is none.
pub(super) fn read(
    dir: &Directory,
    name: &OsStr,
    what: What,
    known: Option<&Known>,
) -> io::Result<Option<Kind>> {
    match what {
        What::Directory => return Ok(Some(Kind::Directory)),
        What::Link => return Ok(Some(Kind::Link(dir.link(name)?))),
        What::Other => return Ok(None),
        What::File => {}
    }
    let stat = dir.stat(name)?;
    let file = |stat: &Stat, size, hash| {
        Some(Kind::File { content: Content::Disk, executable: stat.is_executable, size, hash })
    };
    let Some(known) = known else { return Ok(file(&stat, stat.size, Sha256Sum::default())) };
    if stat.is_file
        && let Some(hash) = known.hash(&stat)
    {
        return Ok(file(&stat, stat.size, hash));
    }
    let begun = SystemTime::now();
    let mut opened = dir.file(name)?;
    let before = root::stat(&opened)?;
    if !before.is_file {
        return Ok(None);
    }
    let (size, hash) = sha256_of(&mut opened)?;
    known.count(size);
    if root::stat(&opened)? == before && size == before.size {
        known.remember(&before, hash, begun);
    }
    Ok(file(&before, size, hash))
}

fn sha256_of(file: &mut File) -> io::Result<(u64, Sha256Sum)> {
    let mut hash = Sha256::new();
    let mut size = 0;
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok((size, hash.finalize().into())),
            Ok(n) => {
                hash.update(&buffer[..n]);
                size += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The sha256 of bytes in memory.
pub(super) fn sha256(bytes: &[u8]) -> Sha256Sum {
    Sha256::digest(bytes).into()
}
