//! A file on its way to the builder, held against what was hashed: nothing else goes there
//! under its name.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::context::ContextError;
use crate::context::root::{Root, is_swapped};
use crate::words::hash::Sha256Sum;

/// A file's bytes, held against the size and the hash that were taken before.
pub(super) struct Verified {
    /// For messages.
    path: PathBuf,
    file: File,
    left: u64,
    hash: Sha256,
    want: Sha256Sum,
}

impl Verified {
    /// Opens the file at `path` below `root`.
    pub(super) fn open(root: &Root, path: &Path, size: u64, want: Sha256Sum) -> io::Result<Self> {
        let shown = root.at(path);
        let cannot = |error| match error {
            // What it is by now is no file that could be opened.
            error if is_swapped(&error) => changed(&shown),
            error => unreadable(&shown, error),
        };
        let file = root.file(path).map_err(cannot)?;
        let meta = file.metadata().map_err(cannot)?;
        if !meta.is_file() || meta.len() != size {
            return Err(changed(&shown));
        }
        Ok(Self { path: shown, file, left: size, hash: Sha256::new(), want })
    }
}

impl Read for Verified {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if room == 0 {
            return Ok(0);
        }
        let n = self.file.read(&mut buffer[..room]).map_err(|e| unreadable(&self.path, e))?;
        if n == 0 {
            return Err(changed(&self.path));
        }
        self.hash.update(&buffer[..n]);
        self.left -= n as u64;
        // Checked with the last byte: nobody must get past a wrong file.
        let ends = self.left == 0;
        if ends && (self.hash.clone().finalize()[..] != self.want || self.file.read(&mut [0])? != 0)
        {
            return Err(changed(&self.path));
        }
        Ok(n)
    }
}

fn unreadable(path: &Path, error: io::Error) -> io::Error {
    match error.kind() {
        // Whoever reads tries that again.
        ErrorKind::Interrupted => error,
        _ => io::Error::other(ContextError::read(path)(error)),
    }
}

fn changed(path: &Path) -> io::Error {
    io::Error::other(format!("`{}` changed while it was sent", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_that_fails_names_the_file() {
        // A directory can be opened, and then not be read.
        let dir = tempfile::tempdir().unwrap();
        let file = fs_err::File::open(dir.path()).unwrap().into_parts().0;
        let path = PathBuf::from("/c/in/file");
        let mut source = Verified { path, file, left: 4, hash: Sha256::new(), want: [0; 32] };
        let error = source.read(&mut [0; 4]).unwrap_err().to_string();
        assert!(error.starts_with("cannot read `/c/in/file`: "), "{error}");
    }
}
