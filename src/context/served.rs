//! A tree, for a builder that asks for what it lacks.

use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;

use crate::context::cache::Cache;
use crate::context::verified::Verified;
use crate::context::versions::{place, versions};
use crate::context::{Content, Entry, Kind, Tree, ignorefile, path_bytes};
use crate::engine::{FileEntry, FileKind, Files};
use crate::words::order::by_names;

/// The files of a tree.
pub(crate) struct ServedTree {
    tree: Tree,
    /// The entries in the order in which they are served.
    order: Vec<u32>,
    /// The number of each entry's content.
    versions: Vec<u32>,
    /// Paths with slashes, where the system has others.
    #[cfg(not(unix))]
    paths: Vec<String>,
}

impl ServedTree {
    /// The files of `tree` for a build of the image `name` and the stage `target`, and the
    /// key that the builder knows them by. The error is a name that can't be sent.
    pub(crate) fn new(
        tree: Tree,
        cache: &Cache,
        (name, target): (&str, Option<&str>),
    ) -> Result<(Self, String), String> {
        let is_text = |entry: &&Entry| {
            let target = match &entry.kind {
                Kind::Link(target) => target.to_str(),
                _ => Some(""),
            };
            entry.path.to_str().is_some() && target.is_some()
        };
        if let Some(odd) = tree.entries.iter().find(|entry| !is_text(entry)) {
            return Err(format!(
                "`{}` has a name or a target that is not UTF-8, as BuildKit wants it: rename it, \
                 ignore it, or set `builder = \"classic\"`",
                odd.path.display()
            ));
        }
        let root = tree.root.as_ref().map(|root| root.at(Path::new("")));
        let root = root.as_deref().map(path_bytes).unwrap_or_default();
        let target = target.unwrap_or_default();
        let place = place(&[root, tree.dockerfile.as_bytes(), name.as_bytes(), target.as_bytes()]);
        let (key, versions) = versions(cache, &place, &tree);
        let count = u32::try_from(tree.entries.len()).map_err(|_| "it has too many files")?;
        let mut order: Vec<u32> = (0..count).collect();
        let path = |at: &u32| path_bytes(&tree.entries[*at as usize].path);
        // They are nearly in it.
        order.sort_by(|a, b| by_names(path(a), path(b)));
        #[cfg(not(unix))]
        let paths =
            tree.entries.iter().map(|e| e.path.to_string_lossy().replace('\\', "/")).collect();
        let served = Self {
            tree,
            order,
            versions,
            #[cfg(not(unix))]
            paths,
        };
        Ok((served, key))
    }

    /// The text of the Dockerfile, as the builder gets it, and that of its own ignore file.
    /// The error is that it is not what was hashed.
    pub(crate) fn texts(tree: &Tree) -> Result<(Bytes, Option<Bytes>), String> {
        let dockerfile = tree.hashed_dockerfile();
        let dockerfile =
            dockerfile.ok_or_else(|| format!("`{}` changed while it was read", tree.dockerfile))?;
        Ok((dockerfile, tree.ignore.is_own.then(|| tree.ignore.text.clone())))
    }

    fn at(&self, at: usize) -> (usize, &Entry) {
        let at = self.order[at] as usize;
        (at, &self.tree.entries[at])
    }

    #[cfg(unix)]
    fn path(&self, at: usize) -> &str {
        self.tree.entries[at].path.to_str().unwrap_or_default()
    }

    #[cfg(not(unix))]
    fn path(&self, at: usize) -> &str {
        &self.paths[at]
    }
}

impl Files for ServedTree {
    fn len(&self) -> usize {
        self.order.len()
    }

    fn entry(&self, at: usize) -> FileEntry<'_> {
        let (at, entry) = self.at(at);
        let kind = match &entry.kind {
            Kind::Directory => FileKind::Directory,
            Kind::Link(target) => FileKind::Link(target.to_str().unwrap_or_default()),
            Kind::File { executable, size, .. } => {
                FileKind::File { size: *size, executable: *executable, version: self.versions[at] }
            }
        };
        FileEntry { path: self.path(at), kind }
    }

    fn is_ignored(&self, at: usize) -> bool {
        let (_, entry) = self.at(at);
        let path = path_bytes(&entry.path);
        // Of all else, only what is not ignored is in a tree.
        let may_be = entry.kind == Kind::Directory
            || path == self.tree.dockerfile.as_bytes()
            || path == ignorefile::NAME.as_bytes();
        may_be && self.tree.ignore.patterns.ignores(path)
    }

    fn open(&self, at: usize) -> io::Result<Box<dyn Read + Send + '_>> {
        let (_, Entry { path, kind }) = self.at(at);
        match (kind, &self.tree.root) {
            (Kind::File { content: Content::Memory(bytes), .. }, _) => Ok(Box::new(&***bytes)),
            (Kind::File { content: Content::Disk(mark), size, hash, .. }, Some(root)) => {
                Ok(Box::new(Verified::open(root, path, *size, (*hash, *mark))?))
            }
            _ => Err(io::Error::other("it is no file")),
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
#[path = "served_tests.rs"]
mod tests;
