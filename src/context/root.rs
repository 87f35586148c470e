//! The context directory, opened once: everything below is reached from there without
//! following a link on the way. A directory that is swapped for a link between two looks
//! at it leads nowhere, and no file from outside gets into an archive.

use std::ffi::{CStr, OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::context::stat::{Stat, What};

/// The context directory.
#[derive(Debug)]
pub(crate) struct Root {
    fd: OwnedFd,
    /// Its real path, for messages.
    path: PathBuf,
}

/// A directory below it.
#[derive(Debug)]
pub(super) struct Directory(OwnedFd);

/// How everything is opened: not through a link, and without waiting for a pipe's other end.
const HOW: OFlags =
    OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// Bytes of names and what is told with them that the system hands over at once, as libc has it.
#[cfg(target_os = "linux")]
const LISTED: usize = 32 * 1024;

impl Root {
    /// Opens the directory at a real path.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let fd = rustix::fs::open(path, HOW | OFlags::DIRECTORY, Mode::empty())?;
        Ok(Self { fd, path: path.to_owned() })
    }

    /// Where something below it is, for messages.
    pub(crate) fn at(&self, path: &Path) -> PathBuf {
        self.path.join(path)
    }

    /// Opens a directory below it; the empty path is itself.
    pub(super) fn directory(&self, path: &Path) -> io::Result<Directory> {
        Ok(Directory(below(self.fd.as_fd(), path, HOW | OFlags::DIRECTORY)?))
    }

    /// Opens a file below it.
    pub(super) fn file(&self, path: &Path) -> io::Result<std::fs::File> {
        Ok(below(self.fd.as_fd(), path, HOW)?.into())
    }

    /// The device that it is on.
    pub(super) fn device(&self) -> io::Result<u64> {
        Ok(facts(&rustix::fs::fstat(&self.fd)?).place.0)
    }

    /// Whether a file of it that was not touched has the inode and the times that it had:
    /// not on networks, nor where a program makes up the files.
    #[cfg(target_os = "linux")]
    pub(super) fn has_stable_stat(&self) -> bool {
        // ext2 to ext4, XFS, Btrfs, tmpfs, overlayfs, ZFS, F2FS, bcachefs: statfs(2).
        const LOCAL: [u64; 8] = [
            0xEF53,
            0x5846_5342,
            0x9123_683E,
            0x0102_1994,
            0x794C_7630,
            0x2FC1_2FC1,
            0xF2F5_2010,
            0xCA45_1A4E,
        ];
        let kind = rustix::fs::fstatfs(&self.fd).map(|found| found.f_type);
        kind.is_ok_and(|kind| LOCAL.iter().any(|local| u64::try_from(kind) == Ok(*local)))
    }

    /// Nothing is known of other systems' filesystems.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn has_stable_stat(&self) -> bool {
        false
    }
}

/// Opens something below a directory, in one go where the system can.
fn below(root: BorrowedFd<'_>, path: &Path, how: OFlags) -> io::Result<OwnedFd> {
    #[cfg(target_os = "linux")]
    if !path.as_os_str().is_empty() {
        use rustix::fs::ResolveFlags;
        let flags = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        match rustix::fs::openat2(root, path, how, Mode::empty(), flags) {
            // An old kernel, a filter of system calls, or a path that is too long for one call.
            Err(Errno::NOSYS | Errno::PERM | Errno::NAMETOOLONG) => {}
            opened => return Ok(opened?),
        }
    }
    step_by_step(root, path, how)
}

/// The same, a directory at a time.
fn step_by_step(root: BorrowedFd<'_>, path: &Path, how: OFlags) -> io::Result<OwnedFd> {
    let mut names = path.iter().peekable();
    if names.peek().is_none() {
        return Ok(rustix::fs::openat(root, ".", how, Mode::empty())?);
    }
    let mut dir: Option<OwnedFd> = None;
    while let Some(name) = names.next() {
        if name == ".." || name.as_bytes().first() == Some(&b'/') {
            return Err(Errno::XDEV.into());
        }
        let flags = if names.peek().is_some() { HOW | OFlags::DIRECTORY } else { how };
        let from = dir.as_ref().map_or(root, AsFd::as_fd);
        dir = Some(rustix::fs::openat(from, name, flags, Mode::empty())?);
    }
    dir.ok_or_else(|| Errno::NOENT.into())
}

/// Who is told what a directory has in it: names, kinds and inodes.
type Tell<'t> = dyn FnMut(&CStr, FileType, u64) -> io::Result<()> + 't;

/// Lists a directory without an allocation for each name.
#[cfg(target_os = "linux")]
fn list(dir: &OwnedFd, tell: &mut Tell<'_>) -> io::Result<()> {
    let mut room = Vec::with_capacity(LISTED);
    let mut entries = rustix::fs::RawDir::new(dir, room.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        match entry {
            Ok(entry) => tell(entry.file_name(), entry.file_type(), entry.ino())?,
            // It was removed meanwhile, and so is empty.
            Err(Errno::NOENT) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn list(dir: &OwnedFd, tell: &mut Tell<'_>) -> io::Result<()> {
    for entry in rustix::fs::Dir::read_from(dir)? {
        let entry = entry?;
        tell(entry.file_name(), entry.file_type(), entry.ino())?;
    }
    Ok(())
}

impl Directory {
    /// Tells what is in it, with the inode, in no order. Once: the next time there is nothing
    /// left.
    pub(super) fn each(&self, mut each: impl FnMut(&OsStr, What, u64)) -> io::Result<()> {
        let mut tell = |name: &CStr, mut kind: FileType, inode: u64| {
            let name = OsStr::from_bytes(name.to_bytes());
            if name == "." || name == ".." {
                return Ok(());
            }
            // Some filesystems leave it to a question of its own.
            if kind == FileType::Unknown {
                let stat = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
                kind = FileType::from_raw_mode(stat.st_mode);
            }
            let what = match kind {
                FileType::Directory => What::Directory,
                FileType::RegularFile => What::File,
                FileType::Symlink => What::Link,
                _ => What::Other,
            };
            each(name, what, inode);
            Ok(())
        };
        list(&self.0, &mut tell)
    }

    /// What tells about a file in it, which is not opened.
    pub(super) fn stat(&self, name: &OsStr) -> io::Result<Stat> {
        Ok(facts(&rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?))
    }

    /// Opens a file in it.
    pub(super) fn file(&self, name: &OsStr) -> io::Result<std::fs::File> {
        Ok(rustix::fs::openat(&self.0, name, HOW, Mode::empty())?.into())
    }

    /// Makes a directory in it.
    #[cfg(test)]
    pub(super) fn make(&self, name: &str) {
        rustix::fs::mkdirat(&self.0, name, Mode::from_raw_mode(0o755)).unwrap();
    }

    /// Where a link in it leads.
    pub(super) fn link(&self, name: &OsStr) -> io::Result<PathBuf> {
        let target = rustix::fs::readlinkat(&self.0, name, Vec::new())?;
        Ok(OsString::from_vec(target.into_bytes()).into())
    }
}

/// Whether something could not be opened because a link, or a file for a directory, has
/// taken the place of what was there.
pub(super) fn is_swapped(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::LOOP | Errno::NOTDIR | Errno::XDEV))
}

/// What tells about an open file.
pub(super) fn stat(file: &std::fs::File) -> io::Result<Stat> {
    Ok(facts(&rustix::fs::fstat(file)?))
}

#[expect(
    clippy::unnecessary_cast,
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    reason = "the types of these fields differ from system to system"
)]
fn facts(stat: &rustix::fs::Stat) -> Stat {
    Stat {
        is_file: FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile,
        is_executable: stat.st_mode & 0o111 != 0,
        size: stat.st_size as u64,
        place: (stat.st_dev as u64, stat.st_ino as u64),
        modified: (stat.st_mtime as i64, stat.st_mtime_nsec as u32),
        changed: (stat.st_ctime as i64, stat.st_ctime_nsec as u32),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use super::*;

    type Open = fn(BorrowedFd<'_>, &Path, OFlags) -> io::Result<OwnedFd>;

    #[test]
    fn nothing_outside_is_reached_in_either_way() {
        let top = tempfile::tempdir().unwrap();
        let at = |name: &str| top.path().join(name);
        fs_err::create_dir_all(at("root/dir")).unwrap();
        fs_err::create_dir_all(at("outside")).unwrap();
        fs_err::write(at("outside/file"), "secret").unwrap();
        fs_err::write(at("root/dir/file"), "mine").unwrap();
        symlink("../outside", at("root/link")).unwrap();
        symlink("../../outside/file", at("root/dir/alias")).unwrap();
        let root = Root::open(&at("root")).unwrap();
        for open in [below as Open, step_by_step] {
            let read = |path: &str| {
                let mut text = String::new();
                let opened = open(root.fd.as_fd(), Path::new(path), HOW)?;
                std::fs::File::from(opened).read_to_string(&mut text).map(|_| text)
            };
            assert_eq!(read("dir/file").unwrap(), "mine");
            for path in
                ["link/file", "dir/alias", "../outside/file", "dir/../../outside/file", "link"]
            {
                assert!(read(path).is_err(), "{path}");
            }
            assert!(open(root.fd.as_fd(), Path::new(""), HOW | OFlags::DIRECTORY).is_ok());
        }
        let absolute = at("outside/file");
        assert!(root.file(&absolute).is_err());
    }

    #[test]
    fn a_path_may_be_longer_than_the_system_takes_in_one_call() {
        let top = tempfile::tempdir().unwrap();
        let root = Root::open(top.path()).unwrap();
        let name = "d".repeat(200);
        let (mut path, mut dir) = (PathBuf::new(), root.directory(Path::new("")).unwrap());
        for _ in 0..30 {
            dir.make(&name);
            path.push(&name);
            dir = root.directory(&path).unwrap();
        }
        assert!(path.as_os_str().len() > 6000);
        dir.each(|name, _, _| panic!("{}", name.display())).unwrap();
    }

    #[test]
    fn a_directory_that_was_removed_has_nothing_in_it() {
        let top = tempfile::tempdir().unwrap();
        let root = Root::open(top.path()).unwrap();
        let dir = root.directory(Path::new("")).unwrap();
        top.close().unwrap();
        dir.each(|name, _, _| panic!("{}", name.display())).unwrap();
    }
}
