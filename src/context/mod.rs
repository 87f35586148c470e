//! Floor 3: build contexts.
//!
//! One [`Tree`] feeds both the hash and the archive, so that what was hashed is
//! what is sent.

pub(crate) mod archive;
pub(crate) mod cache;
pub(crate) mod caution;
mod classic;
pub(crate) mod dockerfile;
pub(crate) mod file;
mod ignorefile;
mod known;
#[cfg(unix)]
mod root;
#[cfg(not(unix))]
#[path = "root_plain.rs"]
mod root;
pub(crate) mod served;
pub(crate) mod stat;
mod verified;
mod versions;
pub(crate) mod walk;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use rayon::iter::ParallelIterator as _;
use rayon::slice::ParallelSlice as _;

use crate::context::ignorefile::IgnoreFile;
use crate::context::root::Root;
use crate::context::stat::{Mark, What};
use crate::context::walk::{BATCH, HELPERS, MANY};
use crate::ignore::Patterns;
use crate::words::hash::{FieldHasher, Fields, Sha256Sum, hash_of, hash_of_both};
use crate::words::order::by_bytes;

/// Everything that goes to the builder.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tree {
    /// What is in the context, sorted by the bytes of the paths. The Dockerfile and
    /// `.dockerignore` are among it where they lie in it, even if they are ignored: the
    /// builder has to read them.
    pub(crate) entries: Arc<Vec<Entry>>,
    /// What an archive has in the place of these, and beside them; `None` leaves one out.
    overlay: BTreeMap<PathBuf, Option<Kind>>,
    /// Path of the Dockerfile inside the archive.
    pub(crate) dockerfile: String,
    /// Whether the Dockerfile lies elsewhere, and that path is made up.
    pub(crate) is_brought: bool,
    /// What is not sent, without what is below it; only where nothing was hashed.
    pub(crate) ignored: Vec<Ignored>,
    /// What its ignore file says.
    pub(crate) ignore: Arc<IgnoreFile>,
    /// The directory of the files on disk.
    root: Option<Arc<Root>>,
}

/// A file or directory that is not sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ignored {
    /// Relative to the context.
    pub(crate) path: PathBuf,
    /// Whether it is a directory.
    pub(crate) is_directory: bool,
}

/// One file, directory or link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Relative to the context.
    pub(crate) path: PathBuf,
    /// What it is.
    pub(crate) kind: Kind,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A directory.
    Directory,
    /// A file, as it was when it was hashed.
    File {
        /// Where its bytes are.
        content: Content,
        /// Whether anybody may execute it.
        executable: bool,
        /// Bytes.
        size: u64,
        /// sha256 of its bytes.
        hash: [u8; 32],
    },
    /// A symbolic link, never followed.
    Link(PathBuf),
}

/// Where a file's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// On disk, where the context is. The mark is that of its stat, if the file is known to
    /// be the same as long as its stat is.
    Disk(Option<Mark>),
    /// In memory: the Dockerfile of a template. Of many files few are, so it is one word.
    Memory(Box<Bytes>),
}

/// Why a context can't be used. The text names the path.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContextError {
    /// The context, or the Dockerfile in it, is not there.
    #[error("{what} `{}` does not exist", path.display())]
    Missing {
        /// `the build context`, `the Dockerfile`, `the ignore file`.
        what: &'static str,
        /// Where it should be.
        path: PathBuf,
    },
    /// It is there, and something else.
    #[error("{what} `{}` is no {want}", path.display())]
    Kind {
        /// `the build context`, `the Dockerfile`, `the ignore file`.
        what: &'static str,
        /// What is there.
        path: PathBuf,
        /// `directory`, `file`.
        want: &'static str,
    },
    /// A link leads out of the repository.
    #[error("{what} `{}` leads out of `{}`", path.display(), root.display())]
    Outside {
        /// `the build context`, `the Dockerfile`, `the ignore file`.
        what: &'static str,
        /// The path as configured.
        path: PathBuf,
        /// Where it must stay.
        root: PathBuf,
    },
    /// A line of an ignore file is no pattern.
    #[error("`{}`, line {line}: the pattern `{pattern}` is malformed: {why}", path.display())]
    Pattern {
        /// The ignore file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// As it stands there.
        pattern: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file is so large that it can't be meant.
    #[error("{what} `{}` is larger than {words}", path.display())]
    Size {
        /// `the ignore file`, `the file`.
        what: &'static str,
        /// Where it is.
        path: PathBuf,
        /// As large as it may be.
        words: &'static str,
    },
    /// A file or directory can't be read.
    #[error("cannot read `{}`: {}", path.display(), plainly(error))]
    Read {
        /// Where it is.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
}

impl ContextError {
    /// For `map_err`: the file or directory that can't be read.
    pub(crate) fn read(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Self::Read { path: path.to_owned(), error }
    }
}

/// The usual reasons in words; any other as the system has it.
fn plainly(error: &std::io::Error) -> String {
    use std::io::ErrorKind as K;
    match error.kind() {
        K::PermissionDenied => {
            "permission denied, and a context is sent with all that is in it".to_owned()
        }
        K::NotFound => "it vanished while the context was read".to_owned(),
        _ => error.to_string(),
    }
}

impl Tree {
    /// A context of nothing but a Dockerfile.
    pub(crate) fn template(dockerfile: &'static str) -> Self {
        let content = Bytes::from_static(dockerfile.as_bytes());
        let overlay = BTreeMap::from([("Dockerfile".into(), Some(Kind::memory(content)))]);
        Self { overlay, dockerfile: "Dockerfile".to_owned(), ..Self::default() }
    }

    /// What an archive has, in its order.
    fn archived(&self) -> impl Iterator<Item = (&Path, &Kind)> {
        let own = self.entries.iter().map(|entry| (&*entry.path, &entry.kind));
        let own = own.filter(|(path, _)| !self.overlay.contains_key(*path));
        let added = self.overlay.iter().filter_map(|(path, kind)| Some((&**path, kind.as_ref()?)));
        let mut all: Vec<(&Path, &Kind)> = own.chain(added).collect();
        // They are nearly in it.
        all.sort_by(|a, b| by_bytes(path_bytes(a.0), path_bytes(b.0)));
        all.into_iter()
    }

    /// The Dockerfile as it was hashed, or as it was changed for the builder.
    fn dockerfile_kind(&self) -> Option<&Kind> {
        let path = Path::new(&self.dockerfile);
        let own = || self.entries.iter().find(|entry| self.is_dockerfile(entry));
        let added = self.overlay.get(path).and_then(Option::as_ref);
        added.or_else(|| own().map(|entry| &entry.kind))
    }

    /// The text of the Dockerfile, where it can still be read.
    pub(crate) fn dockerfile_text(&self) -> Option<String> {
        let Kind::File { content, .. } = self.dockerfile_kind()? else { return None };
        let bytes = self.dockerfile_bytes(content)?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn dockerfile_bytes(&self, content: &Content) -> Option<Bytes> {
        match content {
            Content::Memory(bytes) => Some((**bytes).clone()),
            Content::Disk(_) => {
                let mut bytes = Vec::new();
                let path = Path::new(&self.dockerfile);
                self.root.as_ref()?.file(path).ok()?.read_to_end(&mut bytes).ok()?;
                Some(bytes.into())
            }
        }
    }

    /// The bytes of the Dockerfile, if they are still those that were hashed, or that were
    /// made of them.
    fn hashed_dockerfile(&self) -> Option<Bytes> {
        let Kind::File { content, hash, .. } = self.dockerfile_kind()? else { return None };
        let bytes = self.dockerfile_bytes(content)?;
        let is_hashed = matches!(content, Content::Memory(_)) || file::sha256(&bytes) == *hash;
        is_hashed.then_some(bytes)
    }

    /// The same with another text of the Dockerfile, which `change` makes of the one that
    /// was hashed. Its hash stays: what was compared is what the user wrote.
    pub(crate) fn with_dockerfile(
        mut self,
        change: impl FnOnce(&str) -> Result<String, String>,
    ) -> Result<Self, String> {
        let text = self.dockerfile_text().unwrap_or_default();
        let Some(kind) = self.dockerfile_kind() else { return Ok(self) };
        let mut kind = kind.clone();
        if let Kind::File { content, size, hash, .. } = &mut kind {
            if file::sha256(text.as_bytes()) != *hash {
                let shown = self.dockerfile.clone();
                return Err(format!("`{shown}` changed, or is not UTF-8"));
            }
            let text = Bytes::from(change(&text)?);
            *size = text.len() as u64;
            *content = Content::Memory(Box::new(text));
        }
        self.overlay.insert(PathBuf::from(&self.dockerfile), Some(kind));
        Ok(self)
    }

    /// What a context holds at a path, whether or not it is sent. `None` where there is
    /// nothing; a link is not followed.
    pub(crate) fn what_is_at(&self, path: &Path) -> Option<What> {
        let name = path.file_name()?;
        let dir = self.root.as_ref()?.directory(path.parent()?).ok()?;
        let mut found = None;
        dir.each(|known, what, _| found = found.or((known == name).then_some(what))).ok()?;
        found
    }

    /// What a change is told from: each entry but the Dockerfile by its path, with its
    /// kind, executable bit, link target and content, and never a time, an owner or an
    /// absolute path. `only` leaves out what it does not match.
    pub(crate) fn items<'t>(
        &'t self,
        only: Option<&'t Patterns>,
    ) -> impl Iterator<Item = (&'t [u8], Sha256Sum)> {
        self.entries.iter().filter_map(move |entry| self.item(entry, only))
    }

    fn item<'t>(&self, entry: &'t Entry, only: Option<&Patterns>) -> Option<(&'t [u8], Sha256Sum)> {
        let path = path_bytes(&entry.path);
        let counts = !self.is_dockerfile(entry) && only.is_none_or(|only| only.ignores(path));
        counts.then(|| (path, entry.kind.fingerprint()))
    }

    /// By its bytes, which is quicker than as a path, and there may be many.
    fn is_dockerfile(&self, entry: &Entry) -> bool {
        path_bytes(&entry.path) == self.dockerfile.as_bytes()
    }

    /// The same for the Dockerfile.
    pub(crate) fn dockerfile_item(&self) -> Option<(&[u8], Sha256Sum)> {
        let path = if self.is_brought { &[][..] } else { self.dockerfile.as_bytes() };
        Some((path, self.dockerfile_kind()?.fingerprint()))
    }

    /// The hash of all items.
    pub(crate) fn fingerprint(&self, only: Option<&Patterns>) -> Sha256Sum {
        let mut hash = FieldHasher::default();
        let fields = |entries: &[Entry]| {
            let mut fields = Fields::with_room(entries.len() * 128);
            for (path, item) in entries.iter().filter_map(|entry| self.item(entry, only)) {
                fields.add(path);
                fields.add(&item);
            }
            fields
        };
        // Some at a time, so that the memory does not grow with the context.
        for entries in self.entries.chunks(MANY) {
            if self.entries.len() > MANY && *HELPERS {
                let all: Vec<Fields> = entries.par_chunks(BATCH).map(fields).collect();
                for fields in &all {
                    hash.fields(fields);
                }
            } else {
                hash.fields(&fields(entries));
            }
        }
        hash.finish()
    }
}

impl Kind {
    /// A file in memory.
    fn memory(text: Bytes) -> Self {
        let (size, hash) = (text.len() as u64, file::sha256(&text));
        let content = Content::Memory(Box::new(text));
        Self::File { content, executable: false, size, hash }
    }

    /// Bytes of its content.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::File { size, .. } => *size,
            Self::Directory | Self::Link(_) => 0,
        }
    }

    /// All that a builder can see of it.
    fn fingerprint(&self) -> Sha256Sum {
        match self {
            Self::Directory => hash_of([&b"d"[..]]),
            Self::Link(target) => hash_of([b"l", path_bytes(target)]),
            Self::File { executable, hash, .. } => {
                hash_of_both(if *executable { b'x' } else { b'f' }, hash)
            }
        }
    }
}

/// A path's bytes: names may hold any but NUL and `/`.
#[cfg(unix)]
pub(crate) fn path_bytes(path: &Path) -> &[u8] {
    std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str())
}

/// A path's bytes. Where names are not bytes, their text is what travels.
#[cfg(not(unix))]
pub(crate) fn path_bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}
