//! The text of `occ why`: all that decides about one image, and what sync would do.

use super::look::{Look, Tone};
use super::plan::{action, contacts, sentence};
use super::rows::{Group, Row, groups};
use crate::plan::reasons::{
    Answer, BaseSeen, Held, IdIs, InputsSeen, LockSays, LockState, PartSeen, SignatureSeen,
    SourceSeen, Why,
};
use crate::plan::step::Plan;
use crate::state::changes::Several;
use crate::state::desired::{PullPolicy, Strategy};
use crate::state::inputs::LABEL;
use crate::words::digest::Digest;
use crate::words::failure::BuildOn;
use crate::words::image::Document;
use crate::words::text::{bytes, list};

/// Names of one kind that are shown of a change.
const NAMES: usize = 20;

/// What nobody asked.
const NOT_ASKED: &str = "not asked (`--refresh` asks)";

/// The image from every side, the plan first. Ends with a line feed.
///
/// ```text
/// what sync would do
///   build      acme/tool:1 from `Dockerfile`: `src/main.rs` changed
///
/// the engine
///   holds      sha256:0a0a0a0a0a0a  the digest of its configuration
///   platform   linux/amd64
/// ```
pub(crate) fn why(why: &Why, plan: &Plan, look: Look) -> String {
    let all = [
        next(why, plan),
        wanted(why),
        lock(&why.lock),
        engine(why),
        inputs(why),
        bases(why),
        sources(why),
        signature(why),
        credentials(why),
        consent(why),
    ];
    groups(&all, look)
}

/// The plan's own words: of the image, and of those that it is built on.
fn next(why: &Why, plan: &Plan) -> Group {
    let mut group = Group::new("what sync would do");
    for image in &plan.images {
        let (tone, word) = action(image);
        let of = if image.id == why.id { String::new() } else { format!("`{}`: ", image.id) };
        group.push(Row::new(word, of + &sentence(image)).labelled(tone));
        for warning in &image.warnings {
            group.push(Row::new("warning", warning).labelled(Tone::Warn));
        }
    }
    let open = plan.images.iter().filter(|image| !image.to_lock.is_empty());
    let open: Vec<&str> = open.map(|image| image.id.as_str()).collect();
    if !open.is_empty() {
        group.row("lock", format!("not locked yet: {}", open.join(", ")));
    }
    if let Some(contacts) = contacts(plan) {
        group.row("may ask", contacts);
    }
    group
}

/// What the manifest says, and the platform that a variable may say.
fn wanted(why: &Why) -> Group {
    let mut group = Group::new("what is wanted");
    let name = Row::new("name", &why.name);
    let is_full = why.name == why.reference;
    group.push(if is_full { name } else { name.and(Tone::Dim, &why.reference) });
    if !why.extra_tags.is_empty() {
        group.row("also as", why.extra_tags.join(", "));
    }
    if let Some(pin) = &why.pin {
        group.row("digest", pin.as_str());
    }
    let strategy = match why.strategy {
        Strategy::Pull => "pull",
        Strategy::Build => "build",
        Strategy::PullThenBuild => "pull, then build",
    };
    group.row("strategy", strategy);
    let policy = match why.pull_policy {
        PullPolicy::Missing => "when the engine lacks it",
        PullPolicy::Always => "always, to see whether the tag moved",
        PullPolicy::Never => "never",
    };
    if why.strategy != Strategy::Build {
        group.row("pulled", policy);
    }
    group.row("platform", why.platform.as_deref().unwrap_or("the engine's own"));
    group
}

fn lock(lock: &LockSays) -> Group {
    let mut group = Group::new("the lock");
    group.row("file", &lock.file);
    let (tone, state) = match lock.state {
        LockState::Off => (Tone::Plain, "not used: tags decide"),
        LockState::Missing => (Tone::Warn, "there is none"),
        LockState::Absent => (Tone::Warn, "it has nothing about this image"),
        LockState::Fresh => (Tone::Good, "fresh"),
        LockState::Stale => (Tone::Warn, "not fresh"),
        LockState::Frozen => (Tone::Plain, "used as it is (`--frozen`)"),
    };
    let state = Row::of("state", tone, state);
    group.push(lock.differences.iter().fold(state, |row, why| row.and(Tone::Plain, why)));
    match (&lock.digest, lock.built) {
        (Some(digest), _) => group.push(of_a_pull("digest", digest.as_str())),
        (None, true) => group.row("digest", "none: it is built"),
        (None, false) => {}
    }
    group
}

/// A digest as registries serve an image by it.
fn of_a_pull(label: &str, digest: &str) -> Row {
    Row::new(label, digest).and(Tone::Dim, "of its index, or its manifest without one")
}

fn engine(why: &Why) -> Group {
    let mut group = Group::new("the engine");
    match &why.held {
        Some(held) => holds(&mut group, "holds", held, why),
        None => group.row("holds", "nothing under this name"),
    }
    if let Some(held) = &why.elsewhere {
        holds(&mut group, "and holds", held, why);
    }
    group
}

fn holds(group: &mut Group, label: &str, held: &Held, why: &Why) {
    let id_is = match held.id_is {
        IdIs::Configuration => "the digest of its configuration",
        IdIs::Index => "the digest of its index",
        IdIs::Manifest => "the digest of its manifest",
        IdIs::Target => "the digest of its index, or its manifest without one",
    };
    group.push(Row::new(label, held.image_id.as_str()).and(Tone::Dim, id_is));
    for digest in &held.digests {
        let row = Row::new("pulled as", &digest.reference);
        group.push(match (digest.wanted, &why.pin) {
            (true, Some(_)) => row.and(Tone::Good, "what the manifest pins"),
            (true, None) => row.and(Tone::Good, "what the lock wants"),
            (false, _) => row,
        });
    }
    group.row("platform", &held.platform);
    group.row("size", bytes(held.size));
    if let Some(name) = &held.built_for {
        let row = Row::new("built by occ", format!("for {name}"));
        let made = "and somebody made this one from it";
        group.push(if held.derived { row.and(Tone::Warn, made) } else { row });
    }
    // What occ's own says stands in the rows about what a build reads.
    for (key, value) in held.labels.iter().filter(|(key, _)| *key != LABEL) {
        group.push(Row::of("label", Tone::Dim, &format!("{key} = {value}")));
    }
}

fn inputs(why: &Why) -> Group {
    let mut group = Group::new("what a build reads");
    let Some(InputsSeen { now, recorded, problem, parts }) = &why.inputs else { return group };
    if let Some(problem) = problem {
        group.push(Row::of("problem", Tone::Bad, problem));
    }
    if let Some(now) = now {
        let row = Row::new("hash", now);
        group.push(match recorded {
            Some(recorded) if recorded == now => row.and(Tone::Good, "as it was built"),
            _ => row,
        });
    }
    match recorded {
        Some(recorded) if now.as_ref() != Some(recorded) => {
            group.row("recorded", recorded);
        }
        None if why.held.is_some() => group.row("recorded", "nothing: occ did not build it"),
        _ => {}
    }
    for part in parts {
        part_rows(&mut group, part);
    }
    group
}

/// A part's digits, and what in it changed.
fn part_rows(group: &mut Group, part: &PartSeen) {
    let label = part.part.word();
    group.push(match (&part.now, &part.recorded) {
        (Some(now), Some(was)) if part.changed => {
            Row::new(label, format!("{now}, was {was}")).and(Tone::Warn, "changed")
        }
        (Some(now), None) if part.changed => Row::new(label, now).and(Tone::Warn, "new"),
        (None, Some(was)) if part.changed => {
            Row::of(label, Tone::Warn, "gone").and(Tone::Plain, format!("was {was}"))
        }
        (Some(digits), _) | (None, Some(digits)) => Row::of(label, Tone::Dim, digits),
        (None, None) => return,
    });
    if let Some(names) = &part.names {
        let kinds =
            [("changed", &names.changed), ("added", &names.added), ("removed", &names.removed)];
        for (what, names) in kinds.into_iter().filter(|(_, names)| names.count > 0) {
            group.push(Row::new(&format!("  {what}"), named(names)).labelled(Tone::Plain));
        }
    }
}

fn named(names: &Several) -> String {
    let mut shown: Vec<String> =
        names.first.iter().take(NAMES).map(|name| format!("`{name}`")).collect();
    let more = names.count - shown.len();
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    list(&shown, "and")
}

fn bases(why: &Why) -> Group {
    let mut group = Group::new("what it is built on");
    for base in &why.bases {
        let BaseSeen { base: name, image, held, locked, frontend, answer } = base;
        let label = if *frontend { "syntax" } else { "base" };
        let mut row = Row::new(label, name);
        if let Some(image) = image {
            row = row.and(Tone::Plain, format!("the image `{image}`"));
        }
        if let Some(held) = held {
            row = row.and(Tone::Plain, format!("held as {held}"));
        } else if image.is_some() {
            row = row.and(Tone::Plain, "not in the engine yet");
        }
        if let Some(locked) = locked {
            row = row.and(Tone::Plain, format!("locked to {locked}"));
        }
        if image.is_none() && held.is_none() {
            row = answered(row, answer, locked.as_ref(), "what the lock wants");
        }
        group.push(row);
    }
    group
}

fn sources(why: &Why) -> Group {
    let mut group = Group::new("the sources, in order");
    let pinned = if why.pin.is_some() { "what the manifest pins" } else { "what the lock wants" };
    let wanted = why.pin.as_ref().or(why.lock.digest.as_ref());
    for (at, SourceSeen { source, answer, of_wanted }) in why.sources.iter().enumerate() {
        let row = answered(Row::new(&(at + 1).to_string(), source), answer, wanted, pinned);
        group.push(match of_wanted {
            Some(Answer::Digest { .. }) => row.and(Tone::Good, format!("and it has {pinned}")),
            Some(of_wanted @ Answer::Failed { message, .. }) if of_wanted != answer => {
                row.and(Tone::Warn, format!("asked for that: {message}"))
            }
            _ => row,
        });
    }
    if !why.sources.is_empty() && !why.build_on.is_empty() {
        let kinds: Vec<&str> = why.build_on.iter().copied().map(failed).collect();
        let build = format!("a build, when none of them has it ({})", list(&kinds, "or"));
        group.row(&(why.sources.len() + 1).to_string(), build);
    }
    group
}

fn signature(why: &Why) -> Group {
    let mut group = Group::new("the signature");
    let Some(SignatureSeen { key, digest, problem }) = &why.signature else { return group };
    group.row("key", key);
    group.push(match (digest, problem) {
        (_, Some(problem)) => Row::of("state", Tone::Bad, problem),
        (Some(digest), None) => {
            Row::of("state", Tone::Good, "signed").and(Tone::Plain, digest.as_str())
        }
        (None, None) => Row::of("state", Tone::Dim, NOT_ASKED),
    });
    group
}

const fn failed(kind: BuildOn) -> &'static str {
    match kind {
        BuildOn::NotFound => "not found",
        BuildOn::Unavailable => "unavailable",
        BuildOn::Denied => "denied",
        BuildOn::RateLimited => "rate limited",
    }
}

/// The row with what a registry said.
fn answered(row: Row, answer: &Answer, wanted: Option<&Digest>, pinned: &str) -> Row {
    match answer {
        Answer::NotAsked => row.and(Tone::Dim, NOT_ASKED),
        Answer::Unavailable => row.and(Tone::Dim, "this engine can't ask registries"),
        Answer::Failed { message, .. } => row.and(Tone::Bad, message),
        Answer::Digest { digest, document, platforms } => {
            let row = row.and(Tone::Plain, digest.as_str());
            let row = match shape(*document, platforms) {
                Some(shape) => row.and(Tone::Dim, shape),
                None => row,
            };
            match wanted {
                Some(wanted) if wanted == digest => row.and(Tone::Good, pinned),
                Some(_) => row.and(Tone::Warn, format!("not {pinned}")),
                None => row,
            }
        }
    }
}

/// `an index for linux/amd64 and linux/arm64`.
fn shape(document: Option<Document>, platforms: &[String]) -> Option<String> {
    let document = match document? {
        Document::Index => "an index",
        Document::Manifest => "a manifest",
    };
    match list(platforms, "and") {
        none if none.is_empty() => Some(document.to_owned()),
        platforms => Some(format!("{document} for {platforms}")),
    }
}

fn credentials(why: &Why) -> Group {
    let mut group = Group::new("credentials");
    for login in &why.credentials {
        group.push(match &login.found_in {
            Some(place) => Row::new(&login.registry, format!("found in `{place}`")),
            None => Row::of(&login.registry, Tone::Dim, "none found"),
        });
    }
    group
}

fn consent(why: &Why) -> Group {
    let mut group = Group::new("consent");
    for asked in &why.consent {
        let row = match asked.allowed_by {
            Some(by) => Row::of(&asked.grant, Tone::Good, &format!("allowed by {by}")),
            None => Row::of(&asked.grant, Tone::Bad, "not allowed"),
        };
        group.push(row.and(Tone::Dim, &asked.what));
    }
    group
}

#[cfg(test)]
#[path = "why_tests.rs"]
mod tests;
