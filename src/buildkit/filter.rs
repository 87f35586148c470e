//! What of a context a builder asks for.
//!
//! It names paths, and wants with them what links on the way lead to: fsutil's `FollowLinks`.

use std::cell::LazyCell;
use std::collections::BTreeSet;
use std::ops::Deref;

use crate::engine::{FileEntry, FileKind, Files};
use crate::ignore::{self, Pattern, Patterns};
use crate::words::order::by_names;

/// What a request for files names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Patterns of what is wanted.
    pub(super) include: Vec<String>,
    /// The same, with what links lead to.
    pub(super) follow: Vec<String>,
    /// Whether it names what is not wanted. That is what the ignore file says, which this
    /// side has read, too.
    pub(super) excludes: bool,
}

/// Links that are followed for one request. For one with more than this, all is sent.
const MOST_LINKS: usize = 10_000;

/// Bytes of a path, as the systems have it: what is longer goes round in a circle.
const LONGEST: usize = 4096;

/// The entries that are wanted, in their order. A directory is, if anything in it is.
pub(super) fn select(files: &dyn Files, wanted: &Wanted) -> Vec<u32> {
    let paths = paths(files, wanted);
    // Without patterns for what is not wanted, it is the ignore file that is asked for.
    let is_for_rules = !wanted.excludes && wanted.follow.iter().any(|path| path.ends_with(IGNORE));
    let mut found: Vec<u32> = Vec::new();
    // Directories that are not wanted themselves, down to where this has come.
    let mut above: Vec<(u32, &str)> = Vec::new();
    let mut next = 0;
    while next < files.len() {
        let (at, entry) = (next, files.entry(next));
        next += 1;
        while above.pop_if(|(_, dir)| !is_in(dir, entry.path)).is_some() {}
        let Ok(id) = u32::try_from(at) else { break };
        let is_named = paths.as_ref().is_none_or(|paths| paths.have(entry.path));
        if is_named && (is_for_rules || !files.is_ignored(at)) {
            found.extend(above.drain(..).map(|(id, _)| id));
            found.push(id);
        } else if entry.kind == FileKind::Directory {
            above.push((id, entry.path));
            if !is_named && paths.as_ref().is_some_and(|paths| paths.have_none_in(entry.path)) {
                // There may be many.
                next = first(files, next, |path| !is_in(entry.path, path));
            }
        }
    }
    found
}

/// Whether a path leads into a directory.
fn is_in(dir: &str, path: &str) -> bool {
    path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'))
}

/// The first entry that this is true of, if it is of all behind that one, too.
fn first(files: &dyn Files, from: usize, is_past: impl Fn(&str) -> bool) -> usize {
    let (mut low, mut high) = (from, files.len());
    while low < high {
        let middle = low.midpoint(high);
        if is_past(files.entry(middle).path) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// The ignore file that a builder asks for.
const IGNORE: &str = ".dockerignore";

/// What is wanted, with all that is in it.
struct Paths {
    /// Names as they are: links may lead to many.
    plain: BTreeSet<String>,
    /// What the others look like, if there are any.
    wild: Option<Patterns>,
}

impl Paths {
    fn have(&self, path: &str) -> bool {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        ends.map(|end| &path[..end]).any(|above| self.plain.contains(above))
            || self.wild.as_ref().is_some_and(|wild| wild.ignores(path.as_bytes()))
    }

    /// Whether nothing in a directory is wanted that is not wanted itself.
    fn have_none_in(&self, dir: &str) -> bool {
        let inside = format!("{dir}/");
        let first = self.plain.range::<String, _>(&inside..).next();
        self.wild.is_none() && first.is_none_or(|path| !path.starts_with(&inside))
    }
}

/// What is more than the name that it is.
const WILD: [char; 4] = ['*', '?', '[', '\\'];

/// What is wanted; `None` is everything.
fn paths(files: &dyn Files, wanted: &Wanted) -> Option<Paths> {
    let mut paths: BTreeSet<String> = wanted.include.iter().map(|path| clean(path)).collect();
    if !wanted.follow.is_empty() {
        follow(files, &wanted.follow, &mut paths);
    }
    if paths.is_empty() || paths.contains("") {
        return None;
    }
    let (wild, plain): (BTreeSet<_>, _) = paths.into_iter().partition(|path| path.contains(WILD));
    // What is no pattern here may be one there: more than is wanted does no harm.
    let patterns: Option<Patterns> = wild.iter().map(|path| pattern(path)).collect();
    let wild = if wild.is_empty() { None } else { Some(patterns?) };
    Some(Paths { plain, wild })
}

/// The pattern that means this path, whatever it begins with.
fn pattern(path: &str) -> Option<Pattern> {
    ignore::wanted(path.as_bytes())
}

/// Adds each path, and where the links on it lead.
fn follow(files: &dyn Files, wanted: &[String], found: &mut BTreeSet<String>) {
    let links = LazyCell::new(|| (0..files.len()).filter_map(|at| link(files.entry(at))).collect());
    let mut rest: Vec<String> = wanted.iter().map(|path| clean(path)).collect();
    let mut seen = BTreeSet::new();
    while let Some(path) = rest.pop() {
        if path.len() > LONGEST || !seen.insert(path.clone()) {
            continue;
        }
        if seen.len() > MOST_LINKS + wanted.len() {
            found.insert(String::new());
            return;
        }
        let mut at = String::new();
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            if !at.is_empty() {
                at.push('/');
            }
            at.push_str(part);
            let targets = targets(files, &links, &at);
            let is_last = parts.peek().is_none();
            if !is_last && targets.is_empty() {
                continue;
            }
            // The link itself is not new to each path that leads over it.
            found.insert(at);
            let below: Vec<&str> = parts.collect();
            let below = below.join("/");
            rest.extend(targets.iter().map(|target| clean(&format!("{target}/{below}"))));
            break;
        }
    }
}

/// The path of a link, and what it says.
fn link(entry: FileEntry<'_>) -> Option<(&str, &str)> {
    match entry.kind {
        FileKind::Link(target) => Some((entry.path, target)),
        FileKind::Directory | FileKind::File { .. } => None,
    }
}

/// Where the link at a path leads, or the `links` that a pattern in its last part matches.
fn targets<'f>(
    files: &dyn Files,
    links: &impl Deref<Target = Vec<(&'f str, &'f str)>>,
    path: &str,
) -> Vec<String> {
    let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
    let leads = |target: &str| {
        if target.starts_with('/') { target.to_owned() } else { format!("{dir}/{target}") }
    };
    if !name.contains(WILD) {
        let at = first(files, 0, |one| by_names(one.as_bytes(), path.as_bytes()).is_ge());
        let found = (at < files.len()).then(|| link(files.entry(at))).flatten();
        let here = found.filter(|(found, _)| *found == path);
        return here.map(|(_, target)| leads(target)).into_iter().collect();
    }
    let Some(names) = pattern(name) else { return Vec::new() };
    let names: Patterns = std::iter::once(names).collect();
    let is_here = |path: &str| {
        let (its_dir, its_name) = path.rsplit_once('/').unwrap_or(("", path));
        its_dir == dir && names.ignores(its_name.as_bytes())
    };
    links.iter().filter(|(path, _)| is_here(path)).map(|(_, target)| leads(target)).collect()
}

/// A path below the root, without `.` and `..`, and without slashes at its ends.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
