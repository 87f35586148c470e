//! The walk over a context directory, which hashes what it finds.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use crate::context::file::{self, confined};
use crate::context::ignorefile::{self, IgnoreFile};
use crate::context::pattern::Patterns;
use crate::context::{ContextError, Entry, Kind, Tree, classic, path_bytes};

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
                    let kind =
                        file::read(&on_disk, file_type).map_err(ContextError::read(&on_disk))?;
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

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
