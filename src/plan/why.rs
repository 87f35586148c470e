//! All that decides about one image, side by side: for whoever asks why.
//!
//! Nothing is decided here. What sync would do is the plan, and this says what the plan was
//! made from.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::reasons::{
    Answer, BaseSeen, Consent, Held, HeldDigest, IdIs, InputsSeen, LockSays, Login, PartSeen,
    SignatureSeen, SourceSeen, Why,
};
use crate::state::desired::{DesiredImage, Source, Strategy};
use crate::state::inputs::{Base, InputLabel, Inputs, LABEL, Part};
use crate::state::observed::ObservedImage;
use crate::words::digest::Digest;
use crate::words::image::{Document, ImageFacts, IndexRoom};

/// What is known of one image, from every side.
#[derive(Debug, Clone)]
pub(crate) struct Known<'a> {
    /// What the manifest says.
    pub(crate) image: &'a DesiredImage,
    /// What the engine holds, and what a build would read.
    pub(crate) seen: &'a ObservedImage,
    /// How the engine keeps images.
    pub(crate) room: IndexRoom,
    /// What the lock says.
    pub(crate) lock: LockSays,
    /// What was answered about each reference, by its full name.
    pub(crate) answers: BTreeMap<String, Answer>,
    /// What there is to tell of its signature.
    pub(crate) signature: Option<SignatureSeen>,
    /// The logins for each registry.
    pub(crate) credentials: Vec<Login>,
    /// What it asks for.
    pub(crate) consent: Vec<Consent>,
}

/// The registries that could be asked about an image and about what it is built on.
pub(crate) fn registries(image: &DesiredImage, seen: &ObservedImage) -> BTreeSet<String> {
    let sources = image.lockable_sources().map(|source| &source.reference);
    let all = sources.chain(foreign_bases(seen).map(|base| &base.reference));
    all.map(|reference| reference.repository.registry.clone()).collect()
}

/// The bases that only a registry can tell of, or that it serves where the engine lacks them.
pub(crate) fn foreign_bases(seen: &ObservedImage) -> impl Iterator<Item = &Base> {
    let bases = seen.inputs.iter().flatten().flat_map(|inputs| &inputs.bases);
    bases.filter(|base| base.image.is_none() && base.held.is_none())
}

/// The digest that has to be signed: what is wanted, or else what the first source that has
/// the tag says it stands for.
pub(crate) fn to_be_signed<'a>(
    image: &'a DesiredImage,
    answers: &'a BTreeMap<String, Answer>,
) -> Option<&'a Digest> {
    let told = |source: &Source| match answers.get(&source.reference.canonical())? {
        Answer::Digest { digest, .. } => Some(digest),
        _ => None,
    };
    let wanted = image.wanted().map(|(digest, _)| digest);
    wanted.or_else(|| image.lockable_sources().find_map(told))
}

/// Puts it all in one place.
pub(crate) fn why(known: Known<'_>) -> Why {
    let Known { image, seen, room, lock, answers, signature, credentials, consent } = known;
    let held = |facts: &ImageFacts| held(facts, image, seen, room);
    let may_stand_in = image.strategy == Strategy::PullThenBuild;
    Why {
        id: image.id.clone(),
        name: image.name.to_string(),
        reference: image.name.canonical(),
        extra_tags: image.extra_tags.iter().map(ToString::to_string).collect(),
        strategy: image.strategy,
        pull_policy: image.pull_policy,
        platform: image.platform.as_ref().map(ToString::to_string),
        pin: image.pin.clone(),
        lock,
        held: seen.local.as_ref().map(held),
        elsewhere: seen.elsewhere.as_ref().map(held),
        inputs: seen
            .inputs
            .as_ref()
            .map(|inputs| inputs_seen(image, seen, inputs.as_ref().map_err(ToString::to_string))),
        bases: bases(seen, &answers),
        sources: sources(image, &answers),
        signature,
        build_on: image.build_on.iter().copied().filter(|_| may_stand_in).collect(),
        credentials,
        consent,
    }
}

fn held(facts: &ImageFacts, image: &DesiredImage, seen: &ObservedImage, room: IndexRoom) -> Held {
    let wanted = image.wanted().map(|(digest, _)| digest);
    let digests = facts.repo_digests.iter().map(|(repository, digest)| HeldDigest {
        reference: repository.with_digest(digest).to_string(),
        wanted: wanted == Some(digest),
    });
    let ours = |key: &str| key.starts_with("dev.occ.");
    let labels = facts.labels.iter().filter(|(key, _)| ours(key));
    let built_for = facts.labels.get(LABEL).map(|label| InputLabel::read(label).name);
    Held {
        image_id: facts.id.clone(),
        id_is: match (facts.document, room) {
            (Some(Document::Index), _) => IdIs::Index,
            (Some(Document::Manifest), _) => IdIs::Manifest,
            (None, IndexRoom::One) => IdIs::Target,
            (None, IndexRoom::Any | IndexRoom::OneInRepository) => IdIs::Configuration,
        },
        digests: digests.collect(),
        platform: facts.platform.to_string(),
        size: facts.size,
        labels: labels.map(|(key, value)| (key.clone(), value.clone())).collect(),
        built_for: built_for.filter(|name| !name.is_empty()),
        derived: seen.is_derived,
    }
}

fn inputs_seen(
    image: &DesiredImage,
    seen: &ObservedImage,
    inputs: Result<&Inputs, String>,
) -> InputsSeen {
    let label = seen.local.as_ref().and_then(|facts| facts.labels.get(LABEL));
    let before = label.map(|label| InputLabel::read(label));
    let now = inputs.as_ref().ok().map(|inputs| inputs.label(&image.name));
    let parts = |label: &Option<InputLabel>| {
        label.as_ref().map(|label| label.parts.clone()).unwrap_or_default()
    };
    let (old, new) = (parts(&before), parts(&now));
    let all: BTreeSet<Part> = old.keys().chain(new.keys()).copied().collect();
    let part = |part: Part| PartSeen {
        part,
        now: new.get(&part).cloned(),
        recorded: old.get(&part).cloned(),
        changed: before.is_some() && now.is_some() && old.get(&part) != new.get(&part),
        names: seen
            .changes
            .iter()
            .find(|change| change.part == part)
            .and_then(|change| change.names.clone()),
    };
    InputsSeen {
        now: now.as_ref().map(|label| label.hash.to_string()),
        recorded: before.as_ref().map(|label| label.hash.to_string()),
        problem: inputs.map_or_else(Some, |inputs| inputs.problem.clone()),
        parts: all.into_iter().map(part).collect(),
    }
}

fn bases(seen: &ObservedImage, answers: &BTreeMap<String, Answer>) -> Vec<BaseSeen> {
    let bases = seen.inputs.iter().flatten().flat_map(|inputs| &inputs.bases);
    let bases = bases.map(|base| BaseSeen {
        base: base.reference.to_string(),
        image: base.image.clone(),
        held: base.held.clone(),
        locked: base.locked.clone(),
        frontend: base.is_frontend,
        answer: answer(answers, &base.reference.canonical()),
    });
    bases.collect()
}

fn sources(image: &DesiredImage, answers: &BTreeMap<String, Answer>) -> Vec<SourceSeen> {
    let sources = image.lockable_sources().map(|source| &source.reference);
    let sources = sources.map(|reference| {
        let exact = image.wanted().map(|(digest, _)| reference.repository.with_digest(digest));
        SourceSeen {
            source: reference.canonical(),
            answer: answer(answers, &reference.canonical()),
            of_wanted: exact.and_then(|exact| answers.get(&exact.canonical()).cloned()),
        }
    });
    sources.collect()
}

fn answer(answers: &BTreeMap<String, Answer>, name: &str) -> Answer {
    answers.get(name).cloned().unwrap_or(Answer::NotAsked)
}

#[cfg(test)]
#[path = "why_tests.rs"]
mod tests;
