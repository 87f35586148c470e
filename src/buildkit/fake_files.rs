//! Trees in memory, in the order in which a builder wants them, and what goes wrong with
//! them.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::{FileEntry, FileKind, Files};

/// What a tree has at a path.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Directory,
    File(Vec<u8>),
    Link(String),
    /// So many bytes, all zero. What was read of all of them is counted.
    Zeros(u64, Arc<AtomicU64>),
    /// It can't be opened, and why not.
    Closed(&'static str),
    /// It can be opened, and turns out to be another one after this many bytes.
    Changed(u64, &'static str),
}

/// A file with this text.
pub(super) fn file(text: impl AsRef<[u8]>) -> Node {
    Node::File(text.as_ref().to_vec())
}

/// A link to there.
pub(super) fn link(target: &str) -> Node {
    Node::Link(target.to_owned())
}

/// Files in memory.
#[derive(Debug, Default)]
pub(super) struct FakeFiles {
    nodes: Vec<(String, Node)>,
    ignored: Vec<&'static str>,
}

impl FakeFiles {
    /// A tree with these, and the directories that they are in.
    pub(super) fn new<P: AsRef<str>>(nodes: impl IntoIterator<Item = (P, Node)>) -> Self {
        // Name by name, so what is in a directory follows it.
        let mut all: BTreeMap<Vec<String>, Node> = BTreeMap::new();
        for (path, node) in nodes {
            let names: Vec<String> = path.as_ref().split('/').map(str::to_owned).collect();
            for above in 1..names.len() {
                all.entry(names[..above].to_vec()).or_insert(Node::Directory);
            }
            all.insert(names, node);
        }
        let nodes = all.into_iter().map(|(names, node)| (names.join("/"), node)).collect();
        Self { nodes, ignored: Vec::new() }
    }

    /// The same with an ignore file that takes out these.
    pub(super) fn ignoring(self, ignored: &[&'static str]) -> Self {
        Self { ignored: ignored.to_owned(), ..self }
    }

    /// All paths, in their order.
    pub(super) fn paths(&self) -> Vec<String> {
        self.nodes.iter().map(|(path, _)| path.clone()).collect()
    }

    /// What a file holds.
    pub(super) fn text(&self, path: &str) -> Option<&[u8]> {
        self.nodes.iter().find_map(|(known, node)| match node {
            Node::File(text) if known == path => Some(&text[..]),
            _ => None,
        })
    }
}

impl Files for FakeFiles {
    fn len(&self) -> usize {
        self.nodes.len()
    }

    fn entry(&self, at: usize) -> FileEntry<'_> {
        let (path, node) = &self.nodes[at];
        let size = match node {
            Node::Directory => return FileEntry { path, kind: FileKind::Directory },
            Node::Link(target) => return FileEntry { path, kind: FileKind::Link(target) },
            Node::File(text) => text.len() as u64,
            Node::Zeros(size, _) => *size,
            Node::Closed(_) | Node::Changed(..) => 1_000_000,
        };
        let executable = path.ends_with("run.sh");
        FileEntry { path, kind: FileKind::File { size, executable, version: 7 } }
    }

    fn is_ignored(&self, at: usize) -> bool {
        self.ignored.contains(&&*self.nodes[at].0)
    }

    fn open(&self, at: usize) -> io::Result<Box<dyn Read + Send + '_>> {
        match &self.nodes[at].1 {
            Node::File(text) => Ok(Box::new(&text[..])),
            Node::Zeros(size, read) => Ok(Box::new(Counted(io::repeat(0).take(*size), read))),
            Node::Changed(size, why) => Ok(Box::new(io::repeat(0).take(*size).chain(Fails(why)))),
            Node::Closed(why) => Err(io::Error::other(*why)),
            Node::Directory | Node::Link(_) => Err(io::Error::other("it is no file")),
        }
    }
}

struct Counted<'a, R>(R, &'a AtomicU64);

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.0.read(buffer)?;
        self.1.fetch_add(n as u64, Ordering::SeqCst);
        Ok(n)
    }
}

struct Fails<'a>(&'a str);

impl Read for Fails<'_> {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other(self.0))
    }
}
