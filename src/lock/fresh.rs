//! Whether the lock says what the manifest and the Dockerfiles say, and if not, what has to
//! be found out. Nobody is asked for that.

use crate::lock::{LockedBase, LockedImage};
use crate::state::desired::{DesiredImage, Strategy};
use crate::state::verify::Verify;
use crate::words::digest::Digest;
use crate::words::reference::Reference;

/// What the lock has to record of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The image's id in the manifest.
    pub(crate) id: String,
    /// Its local name.
    pub(crate) name: Reference,
    /// The digest that the manifest pins.
    pub(crate) pin: Option<Digest>,
    /// Where it may come from; empty where nobody may be asked.
    pub(crate) sources: Vec<Reference>,
    /// The signature that its digest must have to be locked.
    pub(crate) verify: Option<Verify>,
    /// Whether it can be built where no source has it.
    pub(crate) may_be_built: bool,
    /// What its Dockerfile names.
    pub(crate) bases: Vec<Reference>,
}

/// What has to be found out about an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Todo {
    /// Its own digest.
    pub(crate) digest: Question,
    /// Each of its bases, in order.
    pub(crate) bases: Vec<(Reference, Question)>,
}

/// What has to be found out about one digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Question {
    /// Nothing: it is this, or none.
    Settled(Option<Digest>),
    /// Whether any source has it still; if none does, what the tag stands for.
    Confirm(Digest),
    /// Whether it is signed: it is this, and not locked yet.
    Prove(Digest),
    /// What the tag stands for.
    Ask,
}

impl Wanted {
    /// What the manifest says of an image; `bases` is what its Dockerfile names.
    pub(crate) fn new(image: &DesiredImage, bases: Vec<Reference>) -> Self {
        Self {
            id: image.id.clone(),
            name: image.name.clone(),
            pin: image.pin.clone(),
            sources: image.lockable_sources().map(|source| source.reference.clone()).collect(),
            verify: image.verify.clone(),
            may_be_built: image.strategy != Strategy::Pull,
            bases,
        }
    }

    /// The entry that records it with these digests.
    pub(crate) fn entry(&self, digest: Option<Digest>, bases: Vec<LockedBase>) -> LockedImage {
        LockedImage {
            id: self.id.clone(),
            name: self.name.name().to_owned(),
            tag: self.name.tag_or_default().to_owned(),
            digest,
            sources: self.sources.clone(),
            bases,
        }
    }

    /// Why an entry is not what the lock has to record, in words. Empty: it is fresh.
    pub(crate) fn differences(&self, entry: &LockedImage) -> Vec<String> {
        let mut found = Vec::new();
        let quoted = |text: &str| format!("`{text}`");
        if !same_name(entry, &self.name) {
            let (have, want) = (quoted(&entry.name), quoted(self.name.name()));
            found.push(format!("its name was {have} and is {want}"));
        }
        if entry.tag != self.name.tag_or_default() {
            let (have, want) = (quoted(&entry.tag), quoted(self.name.tag_or_default()));
            found.push(format!("its tag was {have} and is {want}"));
        }
        match (&self.pin, &entry.digest) {
            (Some(pin), Some(have)) if pin != have => found.push(format!(
                "the manifest pins {}, and the lock has {}",
                pin.short(),
                have.short()
            )),
            (Some(pin), None) => found.push(format!("the manifest pins {}", pin.short())),
            (None, None) if !self.sources.is_empty() && !self.may_be_built => {
                found.push("it has no digest".to_owned());
            }
            (None, Some(_)) if self.sources.is_empty() => {
                found.push("it has a digest, and is no longer pulled".to_owned());
            }
            _ => {}
        }
        if !self.has_sources(entry) {
            found.push("its sources changed".to_owned());
        }
        for base in &self.bases {
            if entry.base(base).is_none() {
                found.push(format!("its base `{base}` is new"));
            }
        }
        for base in &entry.bases {
            if !contains(&self.bases, &base.reference) {
                found.push(format!("its base `{}` is gone", base.reference));
            }
        }
        found
    }

    /// Whether an entry names the same sources in the same order. A source that has the image
    /// under its own tag needs no tag of its own there: whoever changes `tag` and `digest`
    /// by hand has said all that there is to say.
    fn has_sources(&self, entry: &LockedImage) -> bool {
        let own = |source: &Reference| source.tag_or_default() == self.name.tag_or_default();
        let same = |(locked, wanted): (&Reference, &Reference)| {
            locked.repository == wanted.repository
                && (own(wanted) || locked.tag_or_default() == wanted.tag_or_default())
        };
        entry.sources.len() == self.sources.len()
            && entry.sources.iter().zip(&self.sources).all(same)
    }

    /// What has to be found out so that the lock has it. What is locked stays, unless the
    /// manifest says otherwise or it is to be moved (`upgrade`).
    pub(crate) fn todo(&self, entry: Option<&LockedImage>, upgrade: bool) -> Todo {
        let entry = entry.filter(|entry| {
            same_name(entry, &self.name) && entry.tag == self.name.tag_or_default()
        });
        let digest = match (&self.pin, entry) {
            (Some(pin), entry)
                if self.verify.is_some()
                    && !self.sources.is_empty()
                    && entry.is_none_or(|entry| entry.digest.as_ref() != Some(pin)) =>
            {
                Question::Prove(pin.clone())
            }
            (Some(pin), _) => Question::Settled(Some(pin.clone())),
            _ if self.sources.is_empty() => Question::Settled(None),
            (None, Some(entry)) if !upgrade => match &entry.digest {
                Some(digest) if self.has_sources(entry) => Question::Settled(Some(digest.clone())),
                Some(digest) => Question::Confirm(digest.clone()),
                None if self.may_be_built && self.has_sources(entry) => Question::Settled(None),
                None => Question::Ask,
            },
            _ => Question::Ask,
        };
        let base = |base: &Reference| {
            let known = entry.filter(|_| !upgrade).and_then(|entry| entry.base(base));
            let question = known.map_or(Question::Ask, |it| Question::Settled(it.cloned()));
            (base.clone(), question)
        };
        Todo { digest, bases: self.bases.iter().map(base).collect() }
    }
}

impl Question {
    /// Whether nothing is locked yet, and somebody has to be asked.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Ask | Self::Prove(_))
    }
}

impl Todo {
    /// Whether nobody has to be asked.
    pub(crate) fn is_settled(&self) -> bool {
        let questions = self.bases.iter().map(|(_, question)| question);
        questions.chain([&self.digest]).all(|question| matches!(question, Question::Settled(_)))
    }
}

fn same_name(entry: &LockedImage, name: &Reference) -> bool {
    entry.name.parse::<Reference>().is_ok_and(|known| known.repository == name.repository)
}

fn contains(all: &[Reference], one: &Reference) -> bool {
    let name = one.canonical();
    all.iter().any(|known| known.canonical() == name)
}

#[cfg(test)]
#[path = "fresh_tests.rs"]
mod tests;
