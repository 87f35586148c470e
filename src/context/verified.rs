//! A file on its way to the builder, held against what was hashed: nothing else goes there
//! under its name.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::context::ContextError;
use crate::context::root::{Root, is_swapped, stat};
use crate::context::stat::Mark;
use crate::words::hash::Sha256Sum;

/// A file's bytes, held against what was taken of it before.
pub(super) struct Verified {
    /// For messages.
    path: PathBuf,
    file: File,
    left: u64,
    check: Check,
}

/// How to tell that they are the same.
enum Check {
    /// The file has still the stat that it cannot have with other bytes.
    Stat(Mark),
    /// Their hash so far, and what it has to be.
    Hash(Sha256, Sha256Sum),
}

impl Verified {
    /// Opens the file at `path` below `root`. It had this size and hash, and is the same if
    /// its stat still has the mark.
    pub(super) fn open(
        root: &Root,
        path: &Path,
        size: u64,
        (hash, mark): (Sha256Sum, Option<Mark>),
    ) -> io::Result<Self> {
        let shown = root.at(path);
        let cannot = |error| match error {
            // What it is by now is no file that could be opened.
            error if is_swapped(&error) => changed(&shown),
            error => unreadable(&shown, error),
        };
        let file = root.file(path).map_err(cannot)?;
        let now = stat(&file).map_err(cannot)?;
        if !now.is_file || now.size != size {
            return Err(changed(&shown));
        }
        // Another mark says little: the mode may be new, or a link more lead to it.
        let mark = mark.filter(|mark| now.mark() == *mark);
        let check = mark.map_or_else(|| Check::Hash(Sha256::new(), hash), Check::Stat);
        Ok(Self { path: shown, file, left: size, check })
    }

    /// Whether what was read is what was hashed.
    fn is_same(&mut self) -> io::Result<bool> {
        Ok(match &self.check {
            Check::Stat(mark) => stat(&self.file)?.mark() == *mark,
            Check::Hash(hash, want) => {
                hash.clone().finalize()[..] == *want && self.file.read(&mut [0])? == 0
            }
        })
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
        if let Check::Hash(hash, _) = &mut self.check {
            hash.update(&buffer[..n]);
        }
        self.left -= n as u64;
        // Checked with the last byte: nobody must get past a wrong file.
        if self.left == 0 && !self.is_same().map_err(|e| unreadable(&self.path, e))? {
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
#[cfg(unix)]
mod tests {
    use std::fs::FileTimes;
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn a_read_that_fails_names_the_file() {
        // A directory can be opened, and then not be read.
        let dir = tempfile::tempdir().unwrap();
        let file = fs_err::File::open(dir.path()).unwrap().into_parts().0;
        let path = PathBuf::from("/c/in/file");
        let check = Check::Hash(Sha256::new(), [0; 32]);
        let mut source = Verified { path, file, left: 4, check };
        let error = source.read(&mut [0; 4]).unwrap_err().to_string();
        assert!(error.starts_with("cannot read `/c/in/file`: "), "{error}");
    }

    /// What comes of a file that is changed before it is opened and after its first byte.
    /// Its hash is told wrong, so that it passes by its stat alone.
    fn read(before: impl Fn(&Path), between: impl Fn(&Path)) -> Result<Vec<u8>, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        fs_err::write(&path, "four").unwrap();
        let root = Root::open(dir.path()).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        // Long ago: the clock of a filesystem has its ticks, and this test is quick.
        file.set_times(FileTimes::new().set_modified(SystemTime::UNIX_EPOCH)).unwrap();
        let mark = stat(&file).unwrap().mark();
        before(&path);
        let source = Verified::open(&root, Path::new("f"), 4, ([0; 32], Some(mark)));
        let mut source = source.map_err(|e| e.to_string())?;
        let mut bytes = vec![0];
        source.read_exact(&mut bytes).map_err(|e| e.to_string())?;
        between(&path);
        source.read_to_end(&mut bytes).map_err(|e| e.to_string())?;
        Ok(bytes)
    }

    #[test]
    fn a_file_whose_stat_is_the_same_is_not_hashed_again() {
        let nothing = |_: &Path| ();
        let rewrite = |path: &Path| fs_err::write(path, "fore").unwrap();
        let longer = |path: &Path| fs_err::write(path, "fours").unwrap();
        let mode = |path: &Path| {
            fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o700)).unwrap();
        };
        assert_eq!(read(nothing, nothing).unwrap(), b"four");
        let changes: [&dyn Fn(&Path); 3] = [&rewrite, &longer, &mode];
        for change in changes {
            // The hash decides, which is wrong here; and behind its back nothing changes.
            assert!(read(change, nothing).unwrap_err().contains("f` changed while"));
            assert!(read(nothing, change).unwrap_err().contains("f` changed while"));
        }
    }
}
