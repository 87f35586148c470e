//! The way from bytes to [`Parsed`].

use std::path::Path;
use std::str;

use toml::de::{DeTable, DeValue};
use toml_parser::Source;
use toml_parser::lexer::TokenKind;

use crate::manifest::model::{Format, Manifest};
use crate::manifest::problems::Problems;
use crate::manifest::reader::{Fields, Key};
use crate::manifest::text::OccVersion;
use crate::manifest::validate::validate;
use crate::manifest::{MAX_SIZE, Parsed, Place, secrets};
use crate::words::code::Code;
use crate::words::diagnostic::Diagnostic;

/// Brackets within brackets. A manifest written in one line needs five.
const MAX_DEPTH: usize = 16;

/// Reads a manifest. It never fails: what is wrong is in the diagnostics.
pub(crate) fn parse(bytes: &[u8], place: &Place) -> Parsed {
    let (desired, diagnostics, text) =
        read(bytes, &place.file, "the manifest", |tree, problems| {
            if is_too_new(tree, problems) {
                return None;
            }
            let manifest = Manifest::from_fields(Fields::of(tree, 0..0, Key::Root, problems));
            Some(validate(&manifest, place, problems))
        });
    let diagnostics = diagnostics.into_iter().map(|it| it.or_code(Code::Manifest)).collect();
    Parsed { desired, diagnostics, text }
}

/// Reads a TOML file that a person wrote, or may have: `what` it is called, and how to
/// take the value out of its tree. What comes back is the value, unless there is an error,
/// everything that was found, and the text that it was found in.
pub(crate) fn read<T>(
    bytes: &[u8],
    file: &Path,
    what: &str,
    take: impl FnOnce(&DeTable<'_>, &mut Problems<'_>) -> Option<T>,
) -> (Option<T>, Vec<Diagnostic>, String) {
    if bytes.len() > MAX_SIZE {
        let mut diagnostic =
            Diagnostic::error(format!("{what} is larger than {} MiB", MAX_SIZE >> 20))
                .hint("is it the right file?");
        diagnostic.file = Some(file.to_owned());
        return (None, vec![diagnostic], String::new());
    }
    // Spans and columns then count what an editor shows.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = match str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(error) => {
            let (found, text) = not_utf8(bytes, error.valid_up_to(), file);
            return (None, found, text);
        }
    };
    let mut problems = Problems::new(&text, file);
    if let Some(offset) = too_deep(&text) {
        problems.syntax(Diagnostic::error("tables and arrays nest too deeply"), offset..offset + 1);
        return (None, problems.finish(), text);
    }
    let (tree, errors) = DeTable::parse_recoverable(&text);
    for place in secrets::places(tree.get_ref()) {
        problems.hide(place);
    }
    for error in errors {
        let span = error.span().unwrap_or(text.len()..text.len());
        let diagnostic = syntax(error.message(), problems.slice(span.clone()));
        problems.syntax(diagnostic, span);
    }
    let taken = take(tree.get_ref(), &mut problems).filter(|_| problems.errors() == 0);
    (taken, problems.finish(), text)
}

/// Where tables and arrays nest deeper than any manifest does.
///
/// The parser has a limit for brackets and one for the dots of a key, but not for keys
/// with many dots in tables with many brackets, and its tree is dropped recursively. A
/// bracket counts until its own counterpart comes: what a parser makes of a wrong one
/// is no deeper than that.
fn too_deep(text: &str) -> Option<usize> {
    let mut open = Vec::new();
    for token in Source::new(text).lex() {
        match token.kind() {
            kind @ (TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket) => open.push(kind),
            TokenKind::RightSquareBracket if open.last() == Some(&TokenKind::LeftSquareBracket) => {
                open.pop();
            }
            TokenKind::RightCurlyBracket if open.last() == Some(&TokenKind::LeftCurlyBracket) => {
                open.pop();
            }
            _ => {}
        }
        if open.len() > MAX_DEPTH {
            return Some(token.span().start());
        }
    }
    None
}

/// The text up to the mistake is what it is, so the place can be shown.
fn not_utf8(bytes: &[u8], offset: usize, file: &Path) -> (Vec<Diagnostic>, String) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let is_utf16 = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    let hint = if is_utf16 { "it looks like UTF-16: save it as UTF-8" } else { "save it as UTF-8" };
    let mut problems = Problems::new(&text, file);
    problems.syntax(Diagnostic::error("the file is not UTF-8").hint(hint), offset..offset);
    (problems.finish(), text)
}

/// Whether the manifest says that it is for a newer occ. Nothing else is reported then:
/// what looks wrong to this occ may be right for that one.
fn is_too_new(tree: &DeTable<'_>, problems: &mut Problems<'_>) -> bool {
    if is_newer(tree, "the manifest", problems) {
        return true;
    }
    let own: Option<OccVersion> = env!("CARGO_PKG_VERSION").parse().ok();
    if let Some(value) = tree.get("min_occ")
        && let DeValue::String(text) = value.get_ref()
        && let Ok(wanted) = text.parse::<OccVersion>()
        && own.is_some_and(|own| own < wanted)
    {
        let message = format!(
            "the manifest needs occ {text} or newer, this is {}",
            env!("CARGO_PKG_VERSION")
        );
        let diagnostic = Diagnostic::error(message).key("min_occ").hint("update occ");
        let diagnostic = diagnostic.code(Code::TooOld);
        problems.push(diagnostic, value.span());
        return true;
    }
    false
}

/// Whether a file's format, which `what` calls it, is newer than any that this occ knows.
pub(crate) fn is_newer(tree: &DeTable<'_>, what: &str, problems: &mut Problems<'_>) -> bool {
    let Some(value) = tree.get("version") else { return false };
    let DeValue::Integer(number) = value.get_ref() else { return false };
    if !i64::from_str_radix(number.as_str(), number.radix()).is_ok_and(|n| n > Format::NUMBER) {
        return false;
    }
    let written = problems.slice(value.span());
    let message = format!("this occ does not know version {written} of {what}");
    let diagnostic = Diagnostic::error(message).key("version").hint("update occ");
    problems.push(diagnostic.code(Code::TooOld), value.span());
    true
}

/// A mistake of TOML in words that fit where the parser's own don't.
fn syntax(message: &str, written: &str) -> Diagnostic {
    if message.starts_with("string values must be quoted") {
        // The parser takes for an unquoted string whatever is no value.
        return if written.trim().is_empty() || written.starts_with('#') {
            Diagnostic::error("a value is missing")
        } else {
            Diagnostic::error("this is no value")
                .hint("a string stands in quotes, and commas separate the entries of a list")
        };
    }
    if message == "recursion limit" {
        return Diagnostic::error("the key has too many parts");
    }
    let mut chars = message.chars();
    let lower: String =
        chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default();
    Diagnostic::error(lower)
}
