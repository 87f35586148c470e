//! The walk over a context directory, which hashes what it finds.
//!
//! Links are not followed; sockets, pipes and devices are never opened.

use std::fs::FileType;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::context::{Content, ContextError, Entry, Kind, Tree};

/// Reads a context. `dockerfile` is relative to `dir`. After every link on the way to
/// them is resolved, `dir` has to lie in `root`, and the Dockerfile in `dir`: only that
/// is sent.
pub(crate) fn walk(dir: &Path, dockerfile: &Path, root: &Path) -> Result<Tree, ContextError> {
    let real = confined("the build context", dir, root)?;
    if !real.is_dir() {
        return Err(ContextError::Kind {
            what: "the build context",
            path: dir.to_owned(),
            want: "directory",
        });
    }
    let file = dir.join(dockerfile);
    let dockerfile = confined("the Dockerfile", &file, &real)?;
    if !dockerfile.is_file() {
        return Err(ContextError::Kind { what: "the Dockerfile", path: file, want: "file" });
    }
    // By its real path in the context, so that nobody after this has to follow a link.
    let dockerfile = archive_path(dockerfile.strip_prefix(&real).unwrap_or(&dockerfile));
    let mut beside = file.into_os_string();
    beside.push(".dockerignore");
    for ignore in [PathBuf::from(beside), dir.join(".dockerignore")] {
        if ignore.symlink_metadata().is_ok() {
            return Err(ContextError::IgnoreFile(ignore));
        }
    }
    let mut entries = Vec::new();
    directory(&real, Path::new(""), &mut entries)?;
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Tree { entries, dockerfile })
}

/// A relative path as the engine wants it: with slashes, without `.` and `..`.
fn archive_path(path: &Path) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => parts.push(name.to_string_lossy().into_owned()),
            Component::ParentDir => drop(parts.pop()),
            _ => {}
        }
    }
    parts.join("/")
}

/// The real path, if it lies in the real path of `root`.
fn confined(what: &'static str, path: &Path, root: &Path) -> Result<PathBuf, ContextError> {
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

/// Everything below `dir`, whose path in the archive is `prefix`. A stack instead
/// of recursion: the depth is the user's to choose.
fn directory(dir: &Path, prefix: &Path, entries: &mut Vec<Entry>) -> Result<(), ContextError> {
    let mut stack = vec![(dir.to_owned(), prefix.to_owned())];
    while let Some((dir, prefix)) = stack.pop() {
        for found in fs_err::read_dir(&dir).map_err(ContextError::read(&dir))? {
            let found = found.map_err(ContextError::read(&dir))?;
            let path = prefix.join(found.file_name());
            let on_disk = found.path();
            let file_type = found.file_type().map_err(ContextError::read(&on_disk))?;
            let kind = entry(&on_disk, file_type).map_err(ContextError::read(&on_disk))?;
            let Some(kind) = kind else { continue };
            if kind == Kind::Directory {
                stack.push((on_disk, path.clone()));
            }
            entries.push(Entry { path, kind });
        }
    }
    Ok(())
}

/// What is at `path`; `None` for a socket, pipe or device, which no archive carries.
fn entry(path: &Path, file_type: FileType) -> std::io::Result<Option<Kind>> {
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
pub(crate) fn open(path: &Path) -> std::io::Result<fs_err::File> {
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
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    /// What is changed, and how.
    type Change<'a> = (&'a str, &'a dyn Fn(&Path));

    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs_err::create_dir_all(at("src/empty")).unwrap();
        fs_err::write(at("Dockerfile"), "FROM scratch\n").unwrap();
        fs_err::write(at("src/main.c"), "int main;\n").unwrap();
        fs_err::write(at("run"), "#!/bin/sh\n").unwrap();
        fs_err::set_permissions(at("run"), PermissionsExt::from_mode(0o755)).unwrap();
        symlink("/etc/passwd", at("link")).unwrap();
        dir
    }

    fn print(dir: &Path) -> String {
        walk(dir, Path::new("Dockerfile"), dir).unwrap().fingerprint()
    }

    #[test]
    fn entries_are_sorted_and_links_stay_links() {
        let dir = tree();
        let tree = walk(dir.path(), Path::new("./Dockerfile"), dir.path()).unwrap();
        let paths: Vec<_> = tree.entries.iter().map(|e| e.path.to_str().unwrap()).collect();
        assert_eq!(paths, ["Dockerfile", "link", "run", "src", "src/empty", "src/main.c"]);
        assert_eq!(tree.entries[1].kind, Kind::Link("/etc/passwd".into()));
        assert_eq!(tree.dockerfile, "Dockerfile");
    }

    #[test]
    fn a_dockerfile_behind_a_link_is_known_by_its_real_place() {
        let dir = tree();
        symlink("Dockerfile", dir.path().join("alias")).unwrap();
        let tree = walk(dir.path(), Path::new("alias"), dir.path()).unwrap();
        assert_eq!(tree.dockerfile, "Dockerfile");
        assert_eq!(tree.dockerfile_text().unwrap(), "FROM scratch\n");
    }

    #[test]
    fn the_fingerprint_follows_content_and_nothing_else() {
        let (one, two) = (tree(), tree());
        let before = print(one.path());
        assert_eq!(before, print(two.path()), "another place, other times: the same");
        let changes: [Change<'_>; 4] = [
            ("content", &|d| fs_err::write(d.join("src/main.c"), "int nain;\n").unwrap()),
            ("executable bit", &|d| {
                fs_err::set_permissions(d.join("run"), PermissionsExt::from_mode(0o644)).unwrap();
            }),
            ("link target", &|d| {
                fs_err::remove_file(d.join("link")).unwrap();
                symlink("/etc/shadow", d.join("link")).unwrap();
            }),
            ("empty directory", &|d| fs_err::remove_dir(d.join("src/empty")).unwrap()),
        ];
        for (what, change) in changes {
            let dir = tree();
            change(dir.path());
            assert_ne!(before, print(dir.path()), "{what}");
        }
    }

    #[test]
    fn pipes_are_neither_opened_nor_sent() {
        let dir = tree();
        let before = print(dir.path());
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(before, print(dir.path()));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let dir = tree();
        let root = dir.path();
        let outside = tree();
        symlink(outside.path(), root.join("out")).unwrap();
        let check = |context: &str, dockerfile: &str, want: &str| {
            let error = walk(&root.join(context), Path::new(dockerfile), root).unwrap_err();
            let text = error.to_string().replace(root.to_str().unwrap(), "ROOT");
            assert_eq!(text, want);
        };
        check("nope", "Dockerfile", "the build context `ROOT/nope` does not exist");
        check("run", "Dockerfile", "the build context `ROOT/run` is no directory");
        check(".", "nope", "the Dockerfile `ROOT/./nope` does not exist");
        check(".", "src", "the Dockerfile `ROOT/./src` is no file");
        check("out", "Dockerfile", "the build context `ROOT/out` leads out of `ROOT`");
        check(".", "link", "the Dockerfile `ROOT/./link` leads out of `ROOT`");
        // In the repository, but not in what is sent.
        symlink("../Dockerfile", root.join("src/Dockerfile")).unwrap();
        check("src", "Dockerfile", "the Dockerfile `ROOT/src/Dockerfile` leads out of `ROOT/src`");
        fs_err::write(root.join(".dockerignore"), "x\n").unwrap();
        check(
            ".",
            "Dockerfile",
            "`ROOT/./.dockerignore`: ignore files are not supported yet, only a context without one",
        );
    }

    #[test]
    fn what_cannot_be_read_is_named_without_the_systems_numbers() {
        use std::io::{Error, ErrorKind};
        let say = |error| ContextError::read(Path::new("/c/secret"))(error).to_string();
        assert_eq!(
            say(ErrorKind::PermissionDenied.into()),
            "cannot read `/c/secret`: permission denied, and a context is sent with all that is in it"
        );
        assert_eq!(
            say(ErrorKind::NotFound.into()),
            "cannot read `/c/secret`: it vanished while the context was read"
        );
        assert_eq!(say(Error::other("broken")), "cannot read `/c/secret`: broken");
    }
}
