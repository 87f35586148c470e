//! Small manifests, good and bad, in `tests/manifest`: what the parser says of each, and
//! that the schema says the same.
//!
//! `good` and `bad` are so for both. What is in `bad-semantic` has a mistake that a
//! schema can't express. Beside each file with something to say stands what is said,
//! in a file that `OCC_UPDATE=1 cargo test` writes again.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::manifest::parse;
use crate::manifest::schema_tests::{is_updating, repository, validator};
use crate::manifest::tests::{place, shown};

/// What the schema says of a file.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Good,
    Bad,
    /// It is no TOML, so the schema was not asked.
    NoToml,
}

fn files(folder: &str, at_least: usize) -> Vec<PathBuf> {
    let folder = repository().join("tests/manifest").join(folder);
    let mut files: Vec<PathBuf> = fs_err::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    assert!(files.len() >= at_least, "only {} files", files.len());
    files.sort();
    files
}

/// Parses a file, and compares what is shown with the file beside it.
fn is_good(path: &Path) -> bool {
    let name = path.file_name().unwrap();
    let parsed = parse(&fs_err::read(path).unwrap(), &place(Path::new(name)));
    let shown = shown(&parsed.diagnostics, &parsed.text);
    let beside = path.with_extension("stderr");
    if is_updating() && !shown.is_empty() {
        fs_err::write(&beside, &shown).unwrap();
    }
    let expected = fs_err::read_to_string(&beside).unwrap_or_default();
    assert!(
        shown == expected,
        "{}:\n{}",
        path.display(),
        similar::TextDiff::from_lines(&expected, &shown).unified_diff()
    );
    assert_eq!(parsed.desired.is_none(), shown.contains("error:"));
    parsed.desired.is_some()
}

fn verdict(path: &Path, schema: &jsonschema::Validator) -> Verdict {
    let text = fs_err::read(path).unwrap();
    let json = String::from_utf8(text).ok().and_then(|text| {
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        toml::from_str::<Json>(text).ok()
    });
    match json {
        None => Verdict::NoToml,
        Some(json) if schema.is_valid(&json) => Verdict::Good,
        Some(_) => Verdict::Bad,
    }
}

fn check(folder: &str, at_least: usize, good: bool, verdicts: &[Verdict]) {
    let schema = validator();
    for path in files(folder, at_least) {
        assert_eq!(is_good(&path), good, "{}", path.display());
        let verdict = verdict(&path, &schema);
        assert!(verdicts.contains(&verdict), "{}: {verdict:?}", path.display());
    }
}

#[test]
fn good_manifests_are_good() {
    check("good", 35, true, &[Verdict::Good]);
}

#[test]
fn bad_manifests_are_bad() {
    check("bad", 100, false, &[Verdict::Bad, Verdict::NoToml]);
}

#[test]
fn what_a_schema_cannot_express() {
    check("bad-semantic", 25, false, &[Verdict::Good]);
}
