//! What holds for any input, whoever made it up: each function takes bytes as they come, and
//! panics where something does not hold.
//!
//! `cargo fuzz` looks for such bytes (`scripts/fuzz`). What is worth keeping of them lies in
//! `tests/fuzz/corpus`, and the tests here give it to each function again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::context::dockerfile;
use crate::manifest::{self, Place};
use crate::render::Look;
use crate::words::diagnostic::{Diagnostic, Severity};
use crate::words::digest::Digest;
use crate::words::reference::Reference;
use crate::words::text::sanitise;
use crate::{buildkit, engine, ignore, lock, render, signature};

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// All of them, by the names of their corpora.
pub const TARGETS: &[(&str, Target)] = &[
    ("manifest", manifest),
    ("lock", lock),
    ("reference", reference),
    ("ignore", ignore),
    ("dockerfile", dockerfile),
    ("messages", messages),
    ("buildkit", buildkit),
    ("credentials", credentials),
    ("signature", signature),
    ("words", words),
];

const LOOK: Look = Look { color: false, width: Some(40), unicode: true };

/// A manifest: either it means something, or a diagnostic says why not, and where.
pub fn manifest(bytes: &[u8]) {
    let place =
        Place { file: "opencode.toml".into(), dir: "/repo/sub".into(), root: "/repo".into() };
    let parsed = manifest::parse(bytes, &place);
    said(parsed.desired.is_some(), &parsed.diagnostics, &parsed.text);
}

/// A lock: what was read and is written reads the same, and is written the same.
pub fn lock(bytes: &[u8]) {
    let file = Path::new("opencode.lock");
    let read = lock::read(bytes, file);
    said(read.lock.is_some(), &read.diagnostics, &read.text);
    if let Some(first) = read.lock {
        let written = first.to_string();
        let again = lock::read(written.as_bytes(), file);
        assert_eq!(again.lock.as_ref(), Some(&first), "{written}\n{:?}", again.diagnostics);
        assert_eq!(first.to_string(), written);
    }
}

/// A reference: what was read and is written, in short or in full, means the same.
pub fn reference(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match text.parse::<Reference>() {
        Err(refused) => shows(&render::error::error(&refused, &[], LOOK)),
        Ok(reference) => {
            let canonical = reference.canonical();
            shows(&canonical);
            for written in [reference.to_string(), canonical.clone()] {
                let again: Reference = written.parse().unwrap_or_else(|error| {
                    panic!("`{text}` was written as `{written}`: {error}");
                });
                assert_eq!(again.canonical(), canonical, "`{text}`, `{written}`");
            }
        }
    }
}

/// An ignore file and, behind a zero byte, paths in lines: what decides in the end is the last
/// rule that matches, and what lies below a folder that nothing can be excepted from is ignored.
pub fn ignore(bytes: &[u8]) {
    let (text, paths) = cut_at_zero(bytes);
    let patterns = match ignore::parse(text) {
        Ok(patterns) => patterns,
        Err(malformed) => return assert!(malformed.line > 0 && !malformed.why.is_empty()),
    };
    for path in paths.split(|byte| *byte == b'\n').filter(|path| is_relative(path)).take(8) {
        let ignored = patterns.ignores(path);
        let decided = patterns.rule(path).is_some_and(|rule| !rule.is_exception);
        assert_eq!(ignored, decided, "{path:?}");
        let mut above = patterns.top();
        for (at, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            let folder = &path[..at];
            let pruned = patterns.ignores_in(&above, folder);
            above = patterns.enter(&above, folder);
            if pruned && !patterns.may_except_below(&above, folder) {
                assert!(ignored, "{path:?} is below {folder:?}");
            }
        }
    }
}

/// A Dockerfile: pinned, it has as many lines, and nothing that is left to lock.
pub fn dockerfile(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let args = BTreeMap::from([("VERSION".to_owned(), "1".to_owned())]);
    let (hidden, path) = (BTreeSet::new(), "Dockerfile");
    for target in [None, Some("a"), Some("0")] {
        let _ = dockerfile::demands(&text, path, &args, target);
        let _ = dockerfile::step::locate(&text, target, (1, 2), "FROM a");
        let _ = dockerfile::step::find(&text, target, "[a 1/2] RUN b");
        if let Some(labelled) = dockerfile::label::with_label(bytes, target, ("k", "v")) {
            assert!(labelled.contains("LABEL \"k\"=\"v\""), "{labelled}");
        }
    }
    let found = dockerfile::references(&text, path, &args, &hidden, None);
    let digest = format!("sha256:{}", "0a".repeat(32)).parse::<Digest>().ok();
    let images = found.bases.iter().chain(&found.frontend);
    let digests = images.filter_map(|image| Some((image.canonical(), digest.clone()?))).collect();
    if let Ok(pinned) = dockerfile::pin::pin(&text, &args, &digests) {
        assert_eq!(pinned.lines().count(), text.lines().count(), "{pinned}");
        let left = dockerfile::references(&pinned, path, &args, &hidden, None);
        assert_eq!((left.bases, left.frontend), (Vec::new(), None), "{pinned}");
    }
}

/// Lines of an engine's streams, and its refusals: they are told, and show nothing raw.
pub fn messages(bytes: &[u8]) {
    for failure in engine::docker::fuzz::failures(bytes) {
        shows(&render::error::error(&failure, &[failure.hint().unwrap_or_default()], LOOK));
    }
}

/// What a builder reports, one message behind the other.
pub fn buildkit(bytes: &[u8]) {
    buildkit::fuzz::reports(bytes);
}

/// A `config.json` and, behind a zero byte, a registry: no complaint quotes what is in it.
pub fn credentials(bytes: &[u8]) {
    let (config, registry) = cut_at_zero(bytes);
    for complaint in
        engine::credentials::fuzz::complaints(config, &String::from_utf8_lossy(registry))
    {
        shows(&complaint);
    }
}

/// What a registry has where signatures should be, and behind a zero byte the signature: nobody
/// signs without the key, and what is listed can be asked for.
pub fn signature(bytes: &[u8]) {
    signature::fuzz::refused(bytes);
}

/// Any text, shown: nothing in it obeys a terminal, and folding loses no word.
pub fn words(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let clean = sanitise(&text);
    shows(&clean);
    assert_eq!(sanitise(&clean), clean);
    let folded = render::fold::fold(&clean, LOOK);
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&folded), words(&clean));
    assert_eq!(render::fold::fold(&folded, LOOK), folded);
}

/// There is a result or an error; the errors have codes and places, and can be shown.
fn said(is_good: bool, diagnostics: &[Diagnostic], text: &str) {
    let errors = || diagnostics.iter().filter(|it| it.severity == Severity::Error);
    assert_eq!(is_good, errors().next().is_none(), "{diagnostics:?}");
    for error in errors() {
        assert!(error.code.is_some() && error.file.is_some(), "{error:?}");
    }
    shows(&render::diagnostics::render(diagnostics, text, LOOK));
}

/// A terminal obeys nothing of this.
fn shows(text: &str) {
    assert_eq!(sanitise(text), text);
}

fn cut_at_zero(bytes: &[u8]) -> (&[u8], &[u8]) {
    let at = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    (&bytes[..at], bytes.get(at + 1..).unwrap_or_default())
}

/// As a walk has paths: names with single slashes between them.
fn is_relative(path: &[u8]) -> bool {
    let is_name = |name: &[u8]| !name.is_empty() && name != b"." && name != b"..";
    path.split(|byte| *byte == b'/').all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_worth_keeping_still_holds() {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
        let names = |folder: &Path| -> BTreeSet<String> {
            let entries = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
        };
        let targets: BTreeSet<String> =
            TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(names(&top.join("corpus")), targets);
        assert_eq!(names(&top.join("targets")), targets);
        for (name, target) in TARGETS {
            let folder = top.join("corpus").join(name);
            let mut seen = 0;
            for entry in fs_err::read_dir(folder).unwrap() {
                target(&fs_err::read(entry.unwrap().path()).unwrap());
                seen += 1;
            }
            assert!(seen > 0, "{name}");
        }
    }
}
