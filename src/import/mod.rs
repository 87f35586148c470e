//! Floor 5: a manifest from what is there: a Compose file, or a Dockerfile.
//!
//! Pure: a text comes in, and [`Imported`] goes out, of which [`manifest`] makes the text. What
//! can't be taken over is a [`Note`]: a comment in the manifest, and a warning. The manifest's own
//! parser has the last word, so an image that it refuses is a note, too.

mod build;
mod compose;
mod dockerfile;
mod interpolate;
mod notes;
mod write;
mod yaml;

use std::path::{Path, PathBuf};

use crate::import::notes::Note;
use crate::import::yaml::At;
use crate::words::diagnostic::Diagnostic;
use crate::words::digest::Digest;
use crate::words::reference::Reference;

pub(crate) use compose::read as compose;
pub(crate) use dockerfile::read as dockerfile;
pub(crate) use write::manifest;

/// The workflow that `occ init --ci github` writes.
pub(crate) const WORKFLOW: &str = include_str!("workflow.yml");

/// Where the file is that is read, and where the manifest will be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct From<'a> {
    /// The file as it is shown.
    pub(crate) file: &'a Path,
    /// Its directory, absolute.
    pub(crate) folder: &'a Path,
    /// The manifest's directory, absolute.
    pub(crate) manifest: &'a Path,
}

/// What is to be written.
#[derive(Debug, Default)]
pub(crate) struct Imported {
    /// The file as it is shown.
    pub(crate) file: PathBuf,
    pub(crate) images: Vec<Draft>,
    /// What belongs to no image that is written.
    pub(crate) notes: Vec<Note>,
}

/// An image of the manifest.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) id: String,
    /// The services that use it, where there are services.
    services: Vec<String>,
    at: At,
    /// The name that it has where it comes from.
    reference: Reference,
    /// Whether it is pulled from the registry in that name.
    is_pulled: bool,
    /// Further names.
    tags: Vec<String>,
    strategy: Option<&'static str>,
    pull_policy: Option<&'static str>,
    platform: Option<String>,
    build: Option<Build>,
    notes: Vec<Note>,
}

impl Draft {
    fn digest(&self) -> Option<&Digest> {
        self.reference.digest.as_ref()
    }

    /// Takes out what the image can do without; `false` if it can't.
    fn drop_key(&mut self, key: &str, why: &str) -> bool {
        let key = key.split(['[']).next().unwrap_or(key);
        let is_dropped = match (key.split_once('.'), &mut self.build) {
            (None, _) if key == "extra_tags" => !std::mem::take(&mut self.tags).is_empty(),
            (None, _) if key == "platform" => self.platform.take().is_some(),
            (Some(("build", key)), Some(build)) => build.drop_key(key),
            _ => false,
        };
        let is_dropped = is_dropped || {
            // Without its build it can still be pulled, if it could be before.
            let is_spare = key.starts_with("build") && self.is_pulled && self.build.is_some();
            if is_spare {
                (self.build, self.strategy) = (None, None);
            }
            is_spare
        };
        if is_dropped {
            let (at, service) = (self.at.clone(), self.services.first());
            let path = service.map_or(key.to_owned(), |it| format!("services.{it}.{key}"));
            let message = format!("{} is not taken over: {why}", notes::quoted(key));
            self.notes.push(Note::new(&at, &path, message));
        }
        is_dropped
    }
}

/// How it is built: the keys of the manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Build {
    /// From the manifest.
    context: String,
    dockerfile: Option<String>,
    target: Option<String>,
    args: Vec<(String, String)>,
    labels: Vec<(String, String)>,
    secrets: Vec<Secret>,
    ssh: Vec<String>,
    network: Option<String>,
    cache_from: Vec<String>,
    pull: bool,
    /// The stages that could be the target, where none is said.
    stages: Vec<String>,
}

impl Build {
    /// Takes out what decides neither what is built nor whether it can be.
    fn drop_key(&mut self, key: &str) -> bool {
        let (key, name) = key.split_once('.').map_or((key, None), |(key, name)| (key, Some(name)));
        let without = |pairs: &mut Vec<(String, String)>| {
            let before = pairs.len();
            let name = name.map(|name| name.trim_matches('"'));
            pairs.retain(|(known, _)| name.is_some_and(|name| name != known));
            pairs.len() < before
        };
        match key {
            "args" => without(&mut self.args),
            "labels" => without(&mut self.labels),
            "secrets" => !std::mem::take(&mut self.secrets).is_empty(),
            "ssh" => !std::mem::take(&mut self.ssh).is_empty(),
            "cache_from" => !std::mem::take(&mut self.cache_from).is_empty(),
            _ => false,
        }
    }
}

/// A secret of a build: its id, and the key and the value that say where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Secret {
    id: String,
    key: &'static str,
    value: String,
}

impl Imported {
    /// Takes out what the manifest's parser refuses, by its key: as little as makes sense.
    /// `false` if there is nothing.
    pub(crate) fn refuse(&mut self, key: &str, why: &str) -> bool {
        let Some((id, rest)) = key.strip_prefix("images.").map(|key| match key.split_once('.') {
            Some((id, rest)) => (id, rest),
            None => (key, ""),
        }) else {
            return false;
        };
        let Some(place) = self.images.iter().position(|draft| draft.id == id) else {
            return false;
        };
        if self.images[place].drop_key(rest, why) {
            return true;
        }
        let Draft { at, services, notes, .. } = self.images.remove(place);
        let (key, what) = match services.first() {
            Some(service) => (format!("services.{service}"), format!("the service `{service}`")),
            None => (String::new(), format!("the image `{id}`")),
        };
        self.notes.extend(notes);
        self.notes.push(Note::new(&at, &key, format!("{what} is left out: {why}")));
        true
    }

    /// A warning for each note, in the order of the file.
    pub(crate) fn warnings(&self) -> Vec<Diagnostic> {
        let all = self.notes.iter().chain(self.images.iter().flat_map(|draft| &draft.notes));
        let warning = |note: &Note| Diagnostic {
            file: Some(self.file.clone()),
            line: note.line,
            column: note.column,
            span: (!note.span.is_empty()).then(|| note.span.clone()),
            ..Diagnostic::warning(note.message.clone()).key(note.key.clone())
        };
        let mut warnings: Vec<Diagnostic> = all.map(warning).collect();
        warnings.sort_by_key(|warning| (warning.line, warning.column));
        warnings
    }
}

/// A name as the id of an image; `None` where nothing of it can be one.
fn id(name: &str) -> Option<String> {
    let letter = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let id: String = name.to_lowercase().chars().map(letter).collect();
    let id = id.trim_matches(['-', '_']);
    (!id.is_empty()).then(|| id.to_owned())
}

/// An id that no other image has.
fn unused(id: &str, drafts: &[Draft]) -> String {
    let is_free = |id: &String| drafts.iter().all(|draft| draft.id != *id);
    let further = (2_u32..).map(|number| format!("{id}-{number}"));
    let mut all = std::iter::once(id.to_owned()).chain(further);
    all.find(is_free).unwrap_or_default()
}
