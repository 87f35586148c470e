//! The walk over a context directory, which hashes what it finds.
//!
//! Links are not followed; sockets, pipes and devices are never opened.

use std::collections::BTreeSet;
use std::fs::FileType;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::context::ignorefile::{self, IgnoreFile};
use crate::context::pattern::Patterns;
use crate::context::{Content, ContextError, Entry, Kind, Tree, classic, path_bytes};

/// Reads a context, without what its ignore file takes out. The Dockerfile is `named`
/// relative to `dir`. After every link on the way to them is resolved, `dir` has to lie
/// in `root`, and the Dockerfile in `dir`: only that is sent.
pub(crate) fn walk(dir: &Path, named: &Path, root: &Path) -> Result<Tree, ContextError> {
    let real = confined("the build context", dir, root)?;
    if !real.is_dir() {
        return Err(ContextError::Kind {
            what: "the build context",
            path: dir.to_owned(),
            want: "directory",
        });
    }
    let file = dir.join(named);
    let dockerfile = confined("the Dockerfile", &file, &real)?;
    if !dockerfile.is_file() {
        return Err(ContextError::Kind { what: "the Dockerfile", path: file, want: "file" });
    }
    // By its real path in the context, so that nobody after this has to follow a link.
    let dockerfile = archive_path(dockerfile.strip_prefix(&real).unwrap_or(&dockerfile));
    let ignore = ignorefile::find(dir, &real, named)?;
    let entries = Walk::new(&ignore, &dockerfile).directory(&real)?;
    let mut tree = Tree { entries, dockerfile };
    if ignore.is_own {
        classic::prepare(&mut tree, &ignore.patterns, &real)?;
    }
    tree.entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(tree)
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
pub(crate) fn confined(
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

/// One way through a context.
struct Walk<'a> {
    patterns: &'a Patterns,
    /// What the builder has to read, and so gets even if it is ignored; it hides it again.
    needed: Vec<&'a Path>,
    entries: Vec<Entry>,
    /// Ignored directories that were looked into.
    passed: BTreeSet<PathBuf>,
}

impl<'a> Walk<'a> {
    fn new(ignore: &'a IgnoreFile, dockerfile: &'a str) -> Self {
        let mut needed = vec![Path::new(dockerfile)];
        if !ignore.is_own {
            needed.push(Path::new(ignorefile::NAME));
        }
        Self { patterns: &ignore.patterns, needed, entries: Vec::new(), passed: BTreeSet::new() }
    }

    /// Everything below `dir` that is to be sent. A stack instead of recursion: the
    /// depth is the user's to choose.
    fn directory(mut self, dir: &Path) -> Result<Vec<Entry>, ContextError> {
        let mut stack = vec![(dir.to_owned(), PathBuf::new(), self.patterns.top())];
        while let Some((dir, prefix, above)) = stack.pop() {
            for found in fs_err::read_dir(&dir).map_err(ContextError::read(&dir))? {
                let found = found.map_err(ContextError::read(&dir))?;
                let path = prefix.join(found.file_name());
                let on_disk = found.path();
                let file_type = found.file_type().map_err(ContextError::read(&on_disk))?;
                let name = path_bytes(&path);
                let ignored = self.patterns.ignores_in(&above, name);
                if file_type.is_dir() {
                    let inside = self.patterns.enter(&above, name);
                    if ignored {
                        // Not even listed, unless there could be something to send.
                        let is_needed = self.needed.iter().any(|needed| needed.starts_with(&path));
                        if !is_needed && !self.patterns.may_except_below(&inside, name) {
                            continue;
                        }
                        self.passed.insert(path.clone());
                    } else {
                        self.add(path.clone(), Kind::Directory);
                    }
                    stack.push((on_disk, path, inside));
                } else if !ignored || self.needed.contains(&&*path) {
                    let kind = entry(&on_disk, file_type).map_err(ContextError::read(&on_disk))?;
                    if let Some(kind) = kind {
                        self.add(path, kind);
                    }
                }
            }
        }
        Ok(self.entries)
    }

    /// Adds an entry, and the ignored directories that it turned out to be in.
    fn add(&mut self, path: PathBuf, kind: Kind) {
        for parent in path.ancestors().skip(1) {
            // One that is there already has those above it, too.
            let Some(parent) = self.passed.take(parent) else { break };
            self.entries.push(Entry { path: parent, kind: Kind::Directory });
        }
        self.entries.push(Entry { path, kind });
    }
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
#[path = "walk_tests.rs"]
mod tests;
