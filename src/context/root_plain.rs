//! The context directory where it can't be opened as such: by its path. It is type-checked
//! only, like all that is for Windows.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use crate::context::stat::{Stat, What};

/// The context directory.
#[derive(Debug)]
pub(crate) struct Root {
    path: PathBuf,
}

/// A directory below it.
#[derive(Debug)]
pub(super) struct Directory(PathBuf);

impl Root {
    /// Opens the directory at a real path.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned() })
    }

    /// Where something below it is, for messages.
    pub(crate) fn at(&self, path: &Path) -> PathBuf {
        self.path.join(path)
    }

    /// A directory below it; the empty path is itself.
    pub(super) fn directory(&self, path: &Path) -> io::Result<Directory> {
        Ok(Directory(self.path.join(path)))
    }

    /// Opens a file below it.
    pub(super) fn file(&self, path: &Path) -> io::Result<std::fs::File> {
        Ok(fs_err::File::open(self.path.join(path))?.into_parts().0)
    }

    /// All are alike.
    pub(super) fn device(&self) -> io::Result<u64> {
        Ok(0)
    }

    /// Nothing is known of the filesystem.
    pub(super) fn has_stable_stat(&self) -> bool {
        false
    }
}

impl Directory {
    /// Tells what is in it, in no order. There are no inodes.
    pub(super) fn each(&self, mut each: impl FnMut(&OsStr, What, u64)) -> io::Result<()> {
        for entry in fs_err::read_dir(&self.0)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            let what = match () {
                () if kind.is_dir() => What::Directory,
                () if kind.is_file() => What::File,
                () if kind.is_symlink() => What::Link,
                () => What::Other,
            };
            each(&entry.file_name(), what, 0);
        }
        Ok(())
    }

    /// What tells about a file in it.
    pub(super) fn stat(&self, name: &OsStr) -> io::Result<Stat> {
        Ok(facts(&fs_err::symlink_metadata(self.0.join(name))?))
    }

    /// Opens a file in it.
    pub(super) fn file(&self, name: &OsStr) -> io::Result<std::fs::File> {
        Ok(fs_err::File::open(self.0.join(name))?.into_parts().0)
    }

    /// Where a link in it leads.
    pub(super) fn link(&self, name: &OsStr) -> io::Result<PathBuf> {
        fs_err::read_link(self.0.join(name))
    }
}

/// Whether something else has taken the place of what was there: not known here.
pub(super) fn is_swapped(_: &io::Error) -> bool {
    false
}

/// What tells about an open file.
pub(super) fn stat(file: &std::fs::File) -> io::Result<Stat> {
    Ok(facts(&file.metadata()?))
}

/// As the Docker CLI does it: where there is no executable bit, every file has it.
fn facts(meta: &std::fs::Metadata) -> Stat {
    Stat {
        is_file: meta.is_file(),
        is_executable: true,
        size: meta.len(),
        place: (0, 0),
        modified: (0, 0),
        changed: (0, 0),
    }
}
