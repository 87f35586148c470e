//! The text of `occ lock`: what each tag stands for now, and what it did before.

use std::fmt::Write as _;

use super::fit::{clean, pad, safe};
use super::fold::fold;
use super::look::{Look, Tone};
use super::plan::id_columns;
use crate::lock::diff::{BaseChange, Change, What};
use crate::words::digest::Digest;

/// A line an image, one for each base that changed, and what became of the file. Ends with
/// a line feed.
///
/// ```text
/// app   locked   acme/app:1.4 is built
///       locked   on debian:12 at sha256:0a0a0a0a0a0a
/// db    moved    postgres:17 at sha256:1b1b1b1b1b1b, was sha256:2c2c2c2c2c2c
/// web   kept     nginx:1.27 at sha256:3d3d3d3d3d3d
/// opencode.lock: 1 locked, 1 moved, 1 kept, written
/// ```
pub(crate) fn lock(changes: &[Change], file: &str, done: &str, look: Look) -> String {
    let columns = id_columns(changes.iter().map(|change| change.id.as_str()), look);
    let words = if look.is_narrow() { 0 } else { "updated".len() };
    let mut out = String::new();
    let mut line = |id: &str, what: What, sentence: String| {
        let id = look.paint(Tone::Strong, &pad(&clean(id), columns));
        let word = look.paint(tone(what), &pad(word(what), words));
        let _ = writeln!(out, "{id}  {word}  {}", safe(&sentence));
    };
    for change in changes {
        let Change { id, name, what, digest, was, bases } = change;
        let digests = match digest {
            _ if *what == What::Removed => " is not in the manifest".to_owned(),
            Some(digest) => at(Some(digest), was.as_ref()),
            None => format!(" is built{}", before(was.as_ref())),
        };
        line(id, *what, format!("{name}{digests}"));
        for BaseChange { reference, what, digest, was } in bases {
            let held = match (digest, what) {
                (_, What::Removed) => " is not in the Dockerfile".to_owned(),
                (None, _) => " as the engine has it".to_owned(),
                (digest, _) => at(digest.as_ref(), was.as_ref()),
            };
            if *what != What::Kept {
                line("", *what, format!("on {reference}{held}"));
            }
        }
    }
    let counts = [What::Locked, What::Moved, What::Updated, What::Removed, What::Kept]
        .into_iter()
        .map(|what| (what, changes.iter().filter(|change| change.what == what).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(what, count)| format!("{count} {}", word(what)))
        .collect::<Vec<_>>()
        .join(", ");
    let _ = writeln!(out, "{}: {counts}, {done}", clean(file));
    fold(&out, look)
}

fn at(digest: Option<&Digest>, was: Option<&Digest>) -> String {
    let now = digest.map_or_else(String::new, |digest| format!(" at {}", digest.short()));
    now + &before(was)
}

fn before(was: Option<&Digest>) -> String {
    was.map_or_else(String::new, |was| format!(", was {}", was.short()))
}

fn word(what: What) -> &'static str {
    match what {
        What::Locked => "locked",
        What::Moved => "moved",
        What::Updated => "updated",
        What::Kept => "kept",
        What::Removed => "removed",
    }
}

fn tone(what: What) -> Tone {
    match what {
        What::Kept => Tone::Dim,
        What::Locked | What::Moved | What::Updated | What::Removed => Tone::Good,
    }
}
