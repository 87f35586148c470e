//! The walk over a context directory, which hashes what it finds.

use std::collections::BTreeSet;
use std::error::Error;
use std::io;
use std::mem;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use rayon::slice::ParallelSliceMut as _;

use crate::context::cache::Cache;
use crate::context::file::{self, confined};
use crate::context::ignorefile::{self, IgnoreFile};
use crate::context::known::Known;
use crate::context::root::{Directory, Root};
use crate::context::stat::What;
use crate::context::{ContextError, Entry, Ignored, Kind, Tree, classic, path_bytes};
use crate::ignore::{Above, Patterns};
use crate::words::order::by_bytes;

/// A context, as the manifest names it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The directory.
    pub(crate) dir: &'a Path,
    /// The Dockerfile, relative to it.
    pub(crate) dockerfile: &'a Path,
    /// After every link on the way to them is resolved, both have to lie in it.
    pub(crate) root: &'a Path,
}

/// Where a context really stands.
struct Standing {
    /// The directory.
    real: PathBuf,
    /// The Dockerfile, as it is named.
    file: PathBuf,
    /// The Dockerfile, really.
    target: PathBuf,
}

impl Place<'_> {
    fn find(&self) -> Result<Standing, ContextError> {
        let Self { dir, dockerfile, root } = *self;
        let real = confined("the build context", dir, root)?;
        if !real.is_dir() {
            return Err(ContextError::Kind {
                what: "the build context",
                path: dir.to_owned(),
                want: "directory",
            });
        }
        let file = dir.join(dockerfile);
        let target = confined("the Dockerfile", &file, root)?;
        if !target.is_file() {
            return Err(ContextError::Kind { what: "the Dockerfile", path: file, want: "file" });
        }
        Ok(Standing { real, file, target })
    }

    /// The text of the Dockerfile, without a look at anything else.
    pub(crate) fn dockerfile_text(&self) -> Result<String, ContextError> {
        let Standing { file, target, .. } = self.find()?;
        let root = fs_err::canonicalize(self.root).map_err(ContextError::read(self.root))?;
        let text = classic::text(&target, &root).map_err(ContextError::read(&file))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

/// How to read it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum How<'a> {
    /// With what is remembered of it, or, if so wanted, each file again.
    Hashed(&'a Cache, bool),
    /// Names and sizes alone.
    Listed,
}

/// Files that one thread looks at by itself; for fewer no other one is woken up.
pub(super) const BATCH: usize = 256;

/// Bytes of files for which another thread is worth it.
const WORTH: u64 = 1024 * 1024;

/// Entries for which another thread is worth it when they are sorted or hashed.
pub(super) const MANY: usize = 4096;

/// Whether there are other threads to hand work to. Where a limit forbids them (`ulimit -u`,
/// `-v`), rayon would panic, and one thread does it alone.
pub(super) static HELPERS: LazyLock<bool> = LazyLock::new(|| {
    let made = rayon::ThreadPoolBuilder::new().build_global();
    // A program that uses the library may have made them before; that has no cause below it.
    made.err().is_none_or(|error| error.source().is_none())
});

/// Reads a context, without what its ignore file takes out.
pub(crate) fn walk(place: Place<'_>, how: How<'_>) -> Result<Tree, ContextError> {
    let Place { dir, dockerfile: named, root } = place;
    let Standing { real, file, target } = place.find()?;
    // By its real path in the context, so that nobody after this has to follow a link.
    let inside = target.strip_prefix(&real).ok().map(archive_path);
    let ignore = ignorefile::find(dir, &real, named, root)?;
    let top = Root::open(&real).map_err(ContextError::read(dir))?;
    let known = match how {
        How::Hashed(cache, reread) => Some(Known::load(cache, &top, &real, reread)),
        How::Listed => None,
    };
    let walk = Walk::new(&top, known.as_ref(), &ignore, inside.as_deref());
    let (mut entries, ignored) = walk.run()?;
    if let Some(known) = known {
        known.keep(entries.len());
    }
    entries.shrink_to_fit();
    // Files are often made in the order of their names, of which this kind of sort makes use.
    let order = |a: &Entry, b: &Entry| by_bytes(path_bytes(&a.path), path_bytes(&b.path));
    if entries.len() > MANY && *HELPERS {
        entries.par_sort_by(order);
    } else {
        entries.sort_by(order);
    }
    let dockerfile = inside.clone().unwrap_or_default();
    let mut tree = Tree {
        entries: entries.into(),
        dockerfile,
        ignored,
        root: Some(Arc::new(top)),
        ..Tree::default()
    };
    let hides = ignore.patterns.ignores(tree.dockerfile.as_bytes());
    let is_own = ignore.is_own;
    tree.ignore = Arc::new(ignore);
    if inside.is_none() {
        let root = fs_err::canonicalize(root).map_err(ContextError::read(root))?;
        classic::bring(&mut tree, &target, &root).map_err(ContextError::read(&file))?;
    } else if is_own {
        classic::prepare(&mut tree, hides, &real)?;
    }
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
    root: &'a Root,
    known: Option<&'a Known>,
    patterns: &'a Patterns,
    /// What the builder has to read, and so gets even if it is ignored; it hides it again.
    needed: Vec<&'a Path>,
    found: Mutex<Found>,
}

/// What the threads put together.
#[derive(Default)]
struct Found {
    entries: Vec<Entry>,
    ignored: Vec<Ignored>,
    /// Ignored directories that were looked into.
    passed: BTreeSet<PathBuf>,
    errors: Vec<(PathBuf, ContextError)>,
}

/// A piece of work.
enum Task {
    /// List a directory, of which this is known.
    List(PathBuf, Above),
    /// Look at these in a directory.
    Look(Arc<Directory>, Vec<Seen>),
}

/// Something that a directory has in it.
struct Seen {
    path: PathBuf,
    what: What,
    inode: u64,
}

impl<'a> Walk<'a> {
    fn new(
        root: &'a Root,
        known: Option<&'a Known>,
        ignore: &'a IgnoreFile,
        dockerfile: Option<&'a str>,
    ) -> Self {
        let mut needed: Vec<&Path> = dockerfile.map(Path::new).into_iter().collect();
        if !ignore.is_own {
            needed.push(Path::new(ignorefile::NAME));
        }
        let patterns = &ignore.patterns;
        Self { root, known, patterns, needed, found: Mutex::default() }
    }

    /// Everything that is to be sent, and the highest of what is not, in no order.
    fn run(self) -> Result<(Vec<Entry>, Vec<Ignored>), ContextError> {
        // A stack instead of recursion: the depth is the user's to choose.
        let mut stack = vec![Task::List(PathBuf::new(), self.patterns.top())];
        let size = |task: &Task| match task {
            Task::List(..) => 1,
            Task::Look(_, all) => all.len(),
        };
        let mut seen = 0;
        while let Some(task) = stack.pop() {
            seen += size(&task);
            self.act(task, &mut |task| stack.push(task));
            let waiting: usize = stack.iter().map(size).sum();
            let is_much = self.known.is_some_and(|known| known.read() >= WORTH);
            if stack.len() > 1 && (is_much || seen + waiting > BATCH) && *HELPERS {
                let tasks = mem::take(&mut stack);
                rayon::scope(|scope| tasks.into_iter().for_each(|task| self.spawn(scope, task)));
            }
        }
        let Found { mut entries, ignored, mut passed, mut errors } =
            self.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        // The first in the order of the paths, whichever thread met it first.
        errors.sort_by(|a, b| a.0.cmp(&b.0));
        if let Some((_, error)) = errors.into_iter().next() {
            return Err(error);
        }
        // An ignored directory is sent if something in it is.
        let mut parents = Vec::new();
        for entry in &entries {
            if passed.is_empty() {
                break;
            }
            let above = entry.path.ancestors().skip(1);
            parents.extend(above.filter_map(|parent| passed.take(parent)));
        }
        entries.extend(parents.into_iter().map(|path| Entry { path, kind: Kind::Directory }));
        Ok((entries, ignored))
    }

    fn spawn<'s>(&'s self, scope: &rayon::Scope<'s>, task: Task) {
        scope.spawn(move |scope| self.act(task, &mut |task| self.spawn(scope, task)));
    }

    /// Does a piece of work, and hands on those that it leads to.
    fn act(&self, task: Task, more: &mut dyn FnMut(Task)) {
        let mut found = Found::default();
        match task {
            Task::List(path, above) => {
                if let Err(error) = self.list(&path, &above, &mut found, more) {
                    let told = ContextError::read(&self.root.at(&path))(error);
                    found.errors.push((path, told));
                }
            }
            Task::Look(dir, all) => self.look(&dir, all, &mut found, more),
        }
        let mut all = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        all.entries.append(&mut found.entries);
        all.ignored.append(&mut found.ignored);
        all.passed.append(&mut found.passed);
        all.errors.append(&mut found.errors);
    }

    /// Looks at what is in a directory. After many bytes it hands on what is left in two
    /// halves, so that others can take a share.
    fn look(
        &self,
        dir: &Arc<Directory>,
        all: Vec<Seen>,
        found: &mut Found,
        more: &mut dyn FnMut(Task),
    ) {
        let (mut bytes, mut next) = (0, 0);
        found.entries.reserve(all.len());
        let mut all = all.into_iter();
        while let Some(Seen { path, what, .. }) = all.next() {
            let name = path.file_name().unwrap_or_default();
            match file::read(dir, name, what, self.known, &mut next) {
                Ok(Some(kind)) => {
                    bytes += kind.size();
                    found.entries.push(Entry { path, kind });
                }
                Ok(None) => {}
                Err(error) => {
                    let told = ContextError::read(&self.root.at(&path))(error);
                    found.errors.push((path, told));
                }
            }
            if self.known.is_some() && bytes >= WORTH && all.len() > 1 {
                let mut rest: Vec<_> = all.by_ref().collect();
                let half = rest.split_off(rest.len() / 2);
                for half in [half, rest] {
                    more(Task::Look(Arc::clone(dir), half));
                }
            }
        }
    }

    fn list(
        &self,
        prefix: &Path,
        above: &Above,
        found: &mut Found,
        more: &mut dyn FnMut(Task),
    ) -> io::Result<()> {
        let dir = Arc::new(self.root.directory(prefix)?);
        let mut files = Vec::new();
        let mut path = prefix.to_owned();
        dir.each(|name, what, inode| {
            // One path for all that is in it, copied where it is kept: there may be very many.
            path.push(name);
            if self.decide(&path, what, above, found, more) {
                files.push(Seen { path: path.clone(), what, inode });
            }
            path.pop();
        })?;
        // A disk has what it tells of files in this order, and so has what is known of them.
        files.sort_unstable_by_key(|seen| seen.inode);
        while !files.is_empty() {
            let rest = files.split_off(files.len().min(BATCH));
            more(Task::Look(Arc::clone(&dir), mem::replace(&mut files, rest)));
        }
        Ok(())
    }

    /// Decides on something in a directory, and hands on what is a directory itself. Whether it
    /// is to be looked at.
    fn decide(
        &self,
        path: &Path,
        what: What,
        above: &Above,
        found: &mut Found,
        more: &mut dyn FnMut(Task),
    ) -> bool {
        let bytes = path_bytes(path);
        let ignored = self.patterns.ignores_in(above, bytes);
        let is_directory = what == What::Directory;
        if is_directory {
            let inside = self.patterns.enter(above, bytes);
            if !ignored {
                found.entries.push(Entry { path: path.to_owned(), kind: Kind::Directory });
                more(Task::List(path.to_owned(), inside));
                return false;
            }
            // Not even listed, unless there could be something to send.
            let is_needed = self.needed.iter().any(|needed| needed.starts_with(path));
            if is_needed || self.patterns.may_except_below(&inside, bytes) {
                found.passed.insert(path.to_owned());
                more(Task::List(path.to_owned(), inside));
                return false;
            }
        } else if !ignored || self.needed.contains(&path) {
            return true;
        }
        if self.known.is_none() {
            found.ignored.push(Ignored { path: path.to_owned(), is_directory });
        }
        false
    }
}

#[cfg(test)]
#[path = "large_tests.rs"]
mod large_tests;
#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
