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
use crate::context::root::{self, Directory, Root};
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

/// The bytes of a file that really lies in `root`, if it is not too large. Links lead to it,
/// and no link that is put there after this has looked.
pub(crate) fn bytes(
    what: &'static str,
    path: &Path,
    root: &Path,
    largest: Largest,
) -> Result<Vec<u8>, ContextError> {
    let target = confined(what, path, root)?;
    let real_root = fs_err::canonicalize(root).map_err(ContextError::read(root))?;
    let no_file = || ContextError::Kind { what, path: path.to_owned(), want: "file" };
    if !target.is_file() {
        return Err(no_file());
    }
    let open = || {
        let below = target.strip_prefix(&real_root).map_err(io::Error::other)?;
        Root::open(&real_root)?.file(below)
    };
    let file = open().map_err(ContextError::read(path))?;
    // It may have been swapped since.
    if !root::stat(&file).map_err(ContextError::read(path))?.is_file {
        return Err(no_file());
    }
    let mut bytes = Vec::new();
    file.take(largest.bytes + 1).read_to_end(&mut bytes).map_err(ContextError::read(path))?;
    if bytes.len() as u64 > largest.bytes {
        return Err(ContextError::Size { what, path: path.to_owned(), words: largest.words });
    }
    Ok(bytes)
}

/// How large a file may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Largest {
    /// Bytes.
    pub(crate) bytes: u64,
    /// The same in words: `1 MiB`.
    pub(crate) words: &'static str,
}

/// What is at `name` in a directory; `None` for a socket, pipe or device. Without `known`
/// no file is opened, and its hash is none. `next` is where the record of the file is looked
/// for first.
pub(super) fn read(
    dir: &Directory,
    name: &OsStr,
    what: What,
    known: Option<&Known>,
    next: &mut usize,
) -> io::Result<Option<Kind>> {
    match what {
        What::Directory => return Ok(Some(Kind::Directory)),
        What::Link => return Ok(Some(Kind::Link(dir.link(name)?))),
        What::Other => return Ok(None),
        What::File => {}
    }
    let stat = dir.stat(name)?;
    let file = |stat: &Stat, mark, size, hash| {
        let content = Content::Disk(mark);
        Some(Kind::File { content, executable: stat.is_executable, size, hash })
    };
    let Some(known) = known else { return Ok(file(&stat, None, stat.size, Sha256Sum::default())) };
    if stat.is_file
        && let Some(hash) = known.hash(&stat, next)
    {
        return Ok(file(&stat, Some(stat.mark()), stat.size, hash));
    }
    let begun = SystemTime::now();
    let mut opened = dir.file(name)?;
    let before = root::stat(&opened)?;
    if !before.is_file {
        return Ok(None);
    }
    let (size, hash) = sha256_of(&mut opened)?;
    known.count(size);
    let mut mark = None;
    if root::stat(&opened)? == before && size == before.size {
        mark = known.remember(&before, hash, begun).then(|| before.mark());
    }
    Ok(file(&before, mark, size, hash))
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
