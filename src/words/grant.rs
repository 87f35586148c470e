//! What a manifest may ask of whoever runs it, and what they consent to.

use std::fmt;
use std::str::FromStr;

use crate::words::diagnostic::Diagnostic;
use crate::words::text::{cut, did_you_mean};

/// One thing that reaches out of a build. Its text, `env=CHANNEL`, is what `--allow`
/// takes and what is kept of a consent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Grant {
    /// `env=NAME`: one environment variable is read.
    Env(String),
    /// `network=host`: a build uses the network of the engine's host.
    HostNetwork,
}

impl Grant {
    /// The environment variable that it is about.
    pub(crate) fn variable(&self) -> Option<&str> {
        match self {
            Self::Env(name) => Some(name),
            Self::HostNetwork => None,
        }
    }

    /// What it allows, for after "the manifest wants to".
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Env(name) => format!("read the environment variable `{name}`"),
            Self::HostNetwork => "build on the network of the engine's host".to_owned(),
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env={name}"),
            Self::HostNetwork => f.write_str("network=host"),
        }
    }
}

/// Something that a manifest asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    /// What it asks for.
    pub(crate) grant: Grant,
    /// An error at its place, still without words.
    pub(crate) at: Diagnostic,
}

/// Why a text is no [`Grant`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GrantError {
    /// It has another form.
    #[error("`{written}` is no grant; {}", match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "known are `env=NAME` and `network=host`".to_owned(),
    })]
    Unknown {
        /// The text, cut.
        written: String,
        /// What was probably meant.
        meant: Option<String>,
    },
    /// It is one of `secret=…` and `ssh`, which nothing can ask for yet.
    #[error("`{0}` is not supported yet")]
    NotYet(&'static str),
}

impl FromStr for Grant {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        let (kind, of) = text.split_once('=').map_or((text, None), |(kind, of)| (kind, Some(of)));
        match (kind, of) {
            ("env", Some(name)) if is_variable(name) => Ok(Self::Env(name.to_owned())),
            ("network", Some("host")) => Ok(Self::HostNetwork),
            ("secret", Some(_)) => Err(GrantError::NotYet("secret=…")),
            ("ssh", None) => Err(GrantError::NotYet("ssh")),
            _ => Err(GrantError::Unknown {
                written: cut(text, 60).to_owned(),
                meant: meant(kind, of).filter(|meant| meant != text),
            }),
        }
    }
}

fn meant(kind: &str, of: Option<&str>) -> Option<String> {
    let Some(of) = of else {
        // Who names a variable alone means to allow it.
        let is_upper = kind.bytes().any(|b| b.is_ascii_uppercase()) && is_variable(kind);
        return is_upper.then(|| format!("env={kind}"));
    };
    match did_you_mean(kind, ["env", "network"])? {
        "env" => is_variable(of).then(|| format!("env={of}")),
        _ => Some("network=host".to_owned()),
    }
}

/// Whether a text can name an environment variable: letters, digits and `_`, and no digit
/// in front.
pub(crate) fn is_variable(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && name.bytes().next().is_some_and(|b| !b.is_ascii_digit())
}

/// Some grants in one text, with commas or white space between them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Grants(pub(crate) Vec<Grant>);

impl FromStr for Grants {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        let words = text.split(|c: char| c == ',' || c.is_whitespace());
        words.filter(|word| !word.is_empty()).map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_read_as_it_is_written() {
        for text in ["env=CHANNEL", "env=_a1", "network=host"] {
            assert_eq!(text.parse::<Grant>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_refused_with_what_was_meant() {
        let check = |text: &str, want: &str| {
            assert_eq!(text.parse::<Grant>().unwrap_err().to_string(), want);
        };
        check("evn=CHANNEL", "`evn=CHANNEL` is no grant; did you mean `env=CHANNEL`?");
        check("CHANNEL", "`CHANNEL` is no grant; did you mean `env=CHANNEL`?");
        check("ENV=a", "`ENV=a` is no grant; did you mean `env=a`?");
        check("network=none", "`network=none` is no grant; did you mean `network=host`?");
        let known = "known are `env=NAME` and `network=host`";
        for text in ["all", "env", "env=", "env=*", "env=1A", "env=A=b", "=", "path=x"] {
            check(text, &format!("`{text}` is no grant; {known}"));
        }
        check("secret=env:NPM_TOKEN", "`secret=…` is not supported yet");
        check("ssh", "`ssh` is not supported yet");
    }

    #[test]
    fn several_stand_in_one_text() {
        let read = |text: &str| text.parse::<Grants>().map(|grants| grants.0.len());
        assert_eq!(read("env=A,network=host"), Ok(2));
        assert_eq!(read(" env=A\tenv=B,\nenv=C, "), Ok(3));
        assert_eq!(read(""), Ok(0));
        assert!(read("env=A,b").is_err());
    }
}
