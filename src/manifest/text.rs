//! The short texts of the manifest: each a type, with a parser and the pattern
//! that the schema has for it. A test holds the two together.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::manifest::problems::Problems;
use crate::manifest::reader::{FromValue, Key, Value, string};
use crate::words::diagnostic::Diagnostic;
use crate::words::digest::Digest;
use crate::words::duration::{self, Span};
use crate::words::platform::Platform;
use crate::words::reference::check_tag;

/// A text with a form. What its parser accepts matches [`pattern`](Text::pattern).
pub(crate) trait Text: FromStr<Err: fmt::Display> {
    /// The regular expression of the schema.
    fn pattern() -> String;

    /// What else could help after the mistake in `text`.
    fn hint(_text: &str) -> Option<String> {
        None
    }
}

impl<T: Text> FromValue for T {
    fn from_value(value: &Value<'_>, key: Key<'_>, problems: &mut Problems<'_>) -> Option<Self> {
        let text = string(value, key, problems)?;
        match text.parse() {
            Ok(read) => Some(read),
            Err(error) => {
                let diagnostic = if problems.is_hidden(&value.span()) {
                    Diagnostic::error(format!("bad value of {}", key.name()))
                } else {
                    let mut diagnostic = Diagnostic::error(error.to_string());
                    diagnostic.hints.extend(Self::hint(text));
                    diagnostic
                };
                problems.push(diagnostic.key(key.to_string()), value.span());
                None
            }
        }
    }
}

/// The schema of the types, as strings with their patterns, and inline: an editor
/// then shows the property's own description, not the type's.
macro_rules! text_schemas {
    ($($type:ty),* $(,)?) => {$(
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": <$type as Text>::pattern() })
            }
        }
    )*};
}
pub(crate) use text_schemas;

text_schemas!(
    Digest,
    Span,
    OccVersion,
    PlatformChoice,
    ImageId,
    Tag,
    SourceTag,
    Variable,
    LabelKey,
    Word,
    PathText,
);

/// The digits of a number that a version or a duration may have.
const NUMBER: &str = "a version is two or three numbers, such as `0.1` or `0.1.0`";

impl Text for Digest {
    fn pattern() -> String {
        "^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$".to_owned()
    }
}

impl Text for Span {
    fn pattern() -> String {
        duration::PATTERN.to_owned()
    }
}

/// A version of occ: `0.1` or `0.1.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OccVersion(pub(crate) [u32; 3]);

impl FromStr for OccVersion {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let mut version = [0; 3];
        let parts: Vec<&str> = text.split('.').collect();
        if !(2..=3).contains(&parts.len()) {
            return Err(NUMBER);
        }
        for (number, part) in version.iter_mut().zip(parts) {
            if part.len() > 9 || !part.bytes().all(|b| b.is_ascii_digit()) {
                return Err(NUMBER);
            }
            *number = part.parse().map_err(|_| NUMBER)?;
        }
        Ok(Self(version))
    }
}

impl Text for OccVersion {
    fn pattern() -> String {
        r"^[0-9]{1,9}\.[0-9]{1,9}(\.[0-9]{1,9})?$".to_owned()
    }
}

/// `auto`, or a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlatformChoice(pub(crate) Option<Platform>);

impl FromStr for PlatformChoice {
    type Err = crate::words::platform::PlatformError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(if text == "auto" { None } else { Some(text.parse()?) }))
    }
}

impl Text for PlatformChoice {
    fn pattern() -> String {
        "^(auto|[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)?)$".to_owned()
    }

    fn hint(_text: &str) -> Option<String> {
        Some("`auto` is the engine's own platform".to_owned())
    }
}

/// A string newtype whose parser is one test of its characters.
macro_rules! plain_texts {
    ($($(#[$doc:meta])* $type:ident, $pattern:literal, $good:expr, $error:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) struct $type(pub(crate) String);

        impl FromStr for $type {
            type Err = &'static str;

            fn from_str(text: &str) -> Result<Self, &'static str> {
                let good: fn(&str) -> bool = $good;
                if good(text) { Ok(Self(text.to_owned())) } else { Err($error) }
            }
        }

        impl Text for $type {
            fn pattern() -> String {
        $pattern.to_owned()
    }
        }
    )*};
}

plain_texts! {
    /// The key of an image's table, its name on the command line.
    ImageId, "^[a-z0-9][a-z0-9_-]*$",
    |text| {
        let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        starts(text, letter) && text.bytes().all(|b| letter(b) || b == b'_' || b == b'-')
    },
    "an image id starts with a lower-case letter or digit, and goes on with these, `_` or `-`";

    /// A tag.
    Tag, "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$",
    |text| check_tag(text).is_ok(),
    "a tag has up to 128 letters, digits, `_`, `.` and `-`, and does not start with `.` or `-`";

    /// A tag in which `{tag}` stands for the image's own.
    SourceTag, r"^([A-Za-z0-9_]|\{tag\})([A-Za-z0-9_.-]|\{tag\})*$",
    |text| {
        let rest = text.replace("{tag}", "0");
        starts(&rest, word) && rest.bytes().all(|b| word(b) || b == b'.' || b == b'-')
    },
    "a source's tag has letters, digits, `_`, `.` and `-`, and `{tag}` for the image's own tag";

    /// The name of an environment variable or a build argument.
    Variable, "^[A-Za-z_][A-Za-z0-9_]*$",
    |text| starts(text, |b| word(b) && !b.is_ascii_digit()) && text.bytes().all(word),
    "a variable's name has letters, digits and `_`, and does not start with a digit";

    /// The key of an image label.
    LabelKey, "^[A-Za-z0-9][A-Za-z0-9._/-]*$",
    |text| {
        starts(text, |b| b.is_ascii_alphanumeric())
            && text.bytes().all(|b| word(b) || b".-/".contains(&b))
    },
    "a label's key starts with a letter or digit, and goes on with these, `.`, `_`, `-` or `/`";

    /// The name of a build stage, a secret or an ssh agent.
    Word, "^[A-Za-z0-9][A-Za-z0-9_.-]*$",
    |text| {
        starts(text, |b| b.is_ascii_alphanumeric())
            && text.bytes().all(|b| word(b) || b == b'.' || b == b'-')
    },
    "a name has letters, digits, `_`, `.` and `-`, and starts with a letter or digit";

    /// A path, or a pattern for paths.
    PathText, "^[^\\x00]+$",
    |text| !text.is_empty() && !text.contains('\0'),
    "a path is missing";
}

fn word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

fn starts(text: &str, good: fn(u8) -> bool) -> bool {
    text.bytes().next().is_some_and(good)
}
