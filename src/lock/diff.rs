//! What came of a lock: what was added, moved, kept and removed.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use crate::lock::{Lock, LockedBase, LockedImage};
use crate::words::digest::Digest;

/// What came of one image's entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Change {
    /// The image's id.
    pub(crate) id: String,
    /// Its local name with its tag.
    pub(crate) name: String,
    /// What was done.
    pub(crate) what: What,
    /// The digest now; none where it is built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<Digest>,
    /// The digest before, where it was another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) was: Option<Digest>,
    /// What came of each base.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) bases: Vec<BaseChange>,
}

/// What came of one base of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct BaseChange {
    /// As the Dockerfile has it.
    #[serde(rename = "ref")]
    pub(crate) reference: String,
    /// What was done.
    pub(crate) what: What,
    /// The digest now; none for one that only the engine holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<Digest>,
    /// The digest before, where it was another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) was: Option<Digest>,
}

/// What was done with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    /// It was not locked before.
    Locked,
    /// Its digest is another one.
    Moved,
    /// It says something else, with the same digest.
    Updated,
    /// Nothing.
    Kept,
    /// Its entry went.
    Removed,
}

/// Holds two locks against each other, entry by entry in the order of the ids.
pub(crate) fn diff(before: &Lock, now: &Lock) -> Vec<Change> {
    let ids: BTreeSet<&str> =
        before.images.iter().chain(&now.images).map(|image| image.id.as_str()).collect();
    ids.into_iter().filter_map(|id| image(before.get(id), now.get(id))).collect()
}

fn image(before: Option<&LockedImage>, now: Option<&LockedImage>) -> Option<Change> {
    let shown = now.or(before)?;
    let (old, new) =
        (before.and_then(|it| it.digest.clone()), now.and_then(|it| it.digest.clone()));
    let what = match (before, now) {
        (_, None) => What::Removed,
        (None, _) => What::Locked,
        (Some(_), Some(_)) if old != new => What::Moved,
        (Some(before), Some(now)) if before != now => What::Updated,
        _ => What::Kept,
    };
    let bases = now.map_or_else(Vec::new, |now| bases(before, now));
    Some(Change {
        id: shown.id.clone(),
        name: format!("{}:{}", shown.name, shown.tag),
        what,
        was: old.filter(|old| new.as_ref() != Some(old)),
        digest: new,
        bases,
    })
}

fn bases(before: Option<&LockedImage>, now: &LockedImage) -> Vec<BaseChange> {
    let change = |base: &LockedBase| {
        let known = before.and_then(|before| before.base(&base.reference));
        let what = match known {
            None => What::Locked,
            Some(known) if known != base.digest.as_ref() => What::Moved,
            Some(_) => What::Kept,
        };
        BaseChange {
            reference: base.reference.to_string(),
            what,
            digest: base.digest.clone(),
            was: known.flatten().filter(|it| Some(*it) != base.digest.as_ref()).cloned(),
        }
    };
    let mut all: Vec<BaseChange> = now.bases.iter().map(change).collect();
    let gone = before.iter().flat_map(|before| &before.bases);
    let gone = gone.filter(|base| now.base(&base.reference).is_none());
    all.extend(gone.map(|base| BaseChange {
        reference: base.reference.to_string(),
        what: What::Removed,
        digest: None,
        was: base.digest.clone(),
    }));
    all
}
