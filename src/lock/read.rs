//! From the text of a lock to [`Lock`], with the place of every mistake.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use crate::lock::model::{Base, File, Format, Image};
use crate::lock::{Lock, LockedBase, LockedImage};
use crate::manifest::parse;
use crate::manifest::problems::Problems;
use crate::manifest::reader::{Fields, FromValue, Key, Value, wrong_type};
use crate::words::code::Code;
use crate::words::diagnostic::Diagnostic;

/// What came of a lock's text.
#[derive(Debug)]
pub(crate) struct ReadLock {
    /// What it says; `None` after an error.
    pub(crate) lock: Option<Lock>,
    /// Every mistake, in the order of the text.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// The text that the diagnostics' spans point into.
    pub(crate) text: String,
    /// A diagnostic at the place of each entry, still without words, by the image's id.
    pub(crate) places: BTreeMap<String, Diagnostic>,
}

/// Reads a lock. It never fails: what is wrong is in the diagnostics.
pub(crate) fn read(bytes: &[u8], file: &Path) -> ReadLock {
    let mut places = BTreeMap::new();
    let (lock, mut diagnostics, text) = parse::read(bytes, file, "the lock", |tree, problems| {
        if parse::is_newer(tree, "the lock", problems) {
            return None;
        }
        Some(taken(tree, &mut places, problems))
    });
    if lock.is_none() && has_conflict(&text) {
        let hint = "it has conflict markers of a merge: take either side, and run `occ lock`";
        diagnostics.iter_mut().take(1).for_each(|first| first.hints = vec![hint.to_owned()]);
    }
    let diagnostics = diagnostics.into_iter().map(|it| it.or_code(Code::LockBroken)).collect();
    ReadLock { lock, diagnostics, text, places }
}

/// Whether a merge has left its markers behind.
fn has_conflict(text: &str) -> bool {
    ["<<<<<<< ", ">>>>>>> "].iter().all(|mark| text.lines().any(|line| line.starts_with(mark)))
}

fn taken(
    tree: &DeTable<'_>,
    places: &mut BTreeMap<String, Diagnostic>,
    problems: &mut Problems<'_>,
) -> Lock {
    let mut fields = Fields::of(tree, 0..0, Key::Root, problems);
    let file = File {
        version: fields.require("version", "write `version = 1` at the top"),
        image: fields.get("image"),
    };
    fields.close();
    let mut lock = Lock::default();
    let mut known = BTreeMap::new();
    for (index, at) in file.image.iter().flat_map(|list| &list.value).enumerate() {
        let image = &at.value;
        let (Some(id), Some(name), Some(tag)) = (&image.id, &image.name, &image.tag) else {
            continue;
        };
        let key = format!("image[{index}]");
        let what = format!("the image `{}`", id.value.0);
        once(&mut known, id.value.0.clone(), &what, &id.span, &key, problems);
        places.insert(id.value.0.clone(), problems.locate(Diagnostic::error(""), id.span.clone()));
        lock.set(LockedImage {
            id: id.value.0.clone(),
            name: name.value.written.clone(),
            tag: tag.value.0.clone(),
            digest: image.digest.as_ref().map(|digest| digest.value.clone()),
            sources: image
                .sources
                .iter()
                .flat_map(|list| &list.value)
                .map(|at| at.value.clone())
                .collect(),
            bases: bases(image, &key, problems),
        });
    }
    lock
}

fn bases(image: &Image, key: &str, problems: &mut Problems<'_>) -> Vec<LockedBase> {
    let mut known = BTreeMap::new();
    let mut bases = Vec::new();
    for (index, at) in image.base.iter().flat_map(|list| &list.value).enumerate() {
        let Some(reference) = &at.value.reference else { continue };
        let what = format!("the base `{}`", reference.value);
        let key = format!("{key}.base[{index}]");
        once(&mut known, reference.value.canonical(), &what, &reference.span, &key, problems);
        bases.push(LockedBase {
            reference: reference.value.clone(),
            digest: at.value.digest.as_ref().map(|digest| digest.value.clone()),
        });
    }
    bases
}

/// Reports the second entry of the same thing.
fn once(
    known: &mut BTreeMap<String, Range<usize>>,
    name: String,
    what: &str,
    span: &Range<usize>,
    key: &str,
    problems: &mut Problems<'_>,
) {
    match known.entry(name) {
        Entry::Vacant(entry) => {
            entry.insert(span.clone());
        }
        Entry::Occupied(entry) => {
            let (line, _) = problems.place(entry.get().start);
            let diagnostic = Diagnostic::error(format!("{what} has two entries"))
                .key(key)
                .hint(format!("line {line} has the other one: remove either"));
            problems.push(diagnostic, span.clone());
        }
    }
}

impl FromValue for Image {
    fn from_value(value: &Value<'_>, key: Key<'_>, problems: &mut Problems<'_>) -> Option<Self> {
        const HINT: &str = "`occ lock` writes it; remove the entry, and run that";
        let mut fields = Fields::open(value, key, problems)?;
        let image = Self {
            id: fields.require("id", HINT),
            name: fields.require("name", HINT),
            tag: fields.require("tag", HINT),
            digest: fields.get("digest"),
            sources: fields.get("sources"),
            base: fields.get("base"),
        };
        fields.close();
        Some(image)
    }
}

impl FromValue for Base {
    fn from_value(value: &Value<'_>, key: Key<'_>, problems: &mut Problems<'_>) -> Option<Self> {
        let mut fields = Fields::open(value, key, problems)?;
        let base = Self {
            reference: fields.require("ref", "what the Dockerfile names: `ref = \"debian:12\"`"),
            digest: fields.get("digest"),
        };
        fields.close();
        Some(base)
    }
}

impl FromValue for Format {
    fn from_value(value: &Value<'_>, key: Key<'_>, problems: &mut Problems<'_>) -> Option<Self> {
        let DeValue::Integer(integer) = value.get_ref() else {
            wrong_type(value, key, "an integer", problems);
            return None;
        };
        if i64::from_str_radix(integer.as_str(), integer.radix()) == Ok(Self::NUMBER) {
            return Some(Self);
        }
        let written = problems.slice(value.span());
        let message = format!("this occ does not know version {written} of the lock");
        let diagnostic = Diagnostic::error(message).key("version").hint("write `version = 1`");
        problems.push(diagnostic, value.span());
        None
    }
}
