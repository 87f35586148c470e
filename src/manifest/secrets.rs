//! Which lines of a manifest hold something secret.
//!
//! None should, but people try it, and what is said of a mistake ends up in the logs of
//! a build server. So this is decided before anything is said.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Words in names of what should be read by nobody.
const SECRET_WORDS: &[&str] = &["TOKEN", "PASSWORD", "PASSWD", "SECRET", "KEY", "APIKEY"];

/// Whether a name has a word for something secret in it: `NPM_TOKEN`, `apikey`, but not
/// `KEYBOARD`.
pub(crate) fn looks_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    name.split(['_', '-']).any(|word| SECRET_WORDS.contains(&word))
        || SECRET_WORDS.iter().any(|word| word.len() > 3 && name.ends_with(word))
}

/// Whether a text that is no TOML may be about something secret.
pub(crate) fn mentions_secret(text: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').any(looks_secret)
}

/// What is below `cosign`, but its `key`: that is the name of a file, unless somebody has put
/// a key of their own there, or something else than a text.
fn keyless<'v, 'i>(
    cosign: &'v Spanned<DeValue<'i>>,
    found: &mut Vec<Range<usize>>,
) -> Vec<(&'v Spanned<DeValue<'i>>, bool)> {
    let DeValue::Table(table) = cosign.get_ref() else { return vec![(cosign, false)] };
    let mut rest = Vec::new();
    for (name, value) in table {
        let is_file = |text: &str| text.len() < 200 && !text.contains(['\n', '\r']);
        let is_public = name.get_ref() == "key"
            && matches!(value.get_ref(), DeValue::String(text) if is_file(text));
        let is_secret = looks_secret(name.get_ref()) && !is_public;
        if is_secret {
            found.push(name.span());
        }
        rest.push((value, is_secret));
    }
    rest
}

/// Where every key stands that looks like the name of a secret, and all below it.
pub(crate) fn places(tree: &DeTable<'_>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut rest = Vec::new();
    for (name, value) in tree {
        match value.get_ref() {
            // An image's id says nothing of its table: `token-server` is an image.
            DeValue::Table(images) if name.get_ref() == "images" => {
                rest.extend(images.values().map(|image| (image, false)));
            }
            _ => {
                let is_secret = looks_secret(name.get_ref());
                if is_secret {
                    found.push(name.span());
                }
                rest.push((value, is_secret));
            }
        }
    }
    // A list of what is left, and no recursion: tables may nest deeper than the stack.
    while let Some((value, is_secret)) = rest.pop() {
        match value.get_ref() {
            DeValue::Table(table) => {
                for (name, value) in table {
                    if name.get_ref() == "cosign" && !is_secret {
                        rest.extend(keyless(value, &mut found));
                        continue;
                    }
                    let is_secret = is_secret || looks_secret(name.get_ref());
                    if is_secret {
                        found.push(name.span());
                    }
                    rest.push((value, is_secret));
                }
            }
            DeValue::Array(array) => rest.extend(array.iter().map(|value| (value, is_secret))),
            // As a list has them: `["NPM_TOKEN=…"]`.
            DeValue::String(text) if text.split_once('=').is_some_and(|it| looks_secret(it.0)) => {
                found.push(value.span());
            }
            _ if is_secret => found.push(value.span()),
            _ => {}
        }
    }
    found
}
