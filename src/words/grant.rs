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
    /// `secret=env:NAME`: a build gets the value of a variable as a secret.
    SecretEnv(String),
    /// `secret=file:PATH`: a build gets a file as a secret, by its path from the manifest's
    /// directory.
    SecretFile(String),
    /// `ssh`: a build uses the user's ssh agent.
    Ssh,
    /// `network=host`: a build uses the network of the engine's host.
    HostNetwork,
}

impl Grant {
    /// The environment variable that a build argument may read by it.
    pub(crate) fn variable(&self) -> Option<&str> {
        if let Self::Env(name) = self { Some(name) } else { None }
    }

    /// The environment variable whose value a build may get by it as a secret. Who allows
    /// the one has not allowed the other: an argument stays readable in the image.
    pub(crate) fn secret_variable(&self) -> Option<&str> {
        if let Self::SecretEnv(name) = self { Some(name) } else { None }
    }

    /// What it allows, for after "the manifest wants to".
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Env(name) => format!("read the environment variable `{name}`"),
            Self::SecretEnv(name) => {
                format!("hand the environment variable `{name}` to a build as a secret")
            }
            Self::SecretFile(path) => format!("hand the file `{path}` to a build as a secret"),
            Self::Ssh => "let a build use your ssh agent".to_owned(),
            Self::HostNetwork => "build on the network of the engine's host".to_owned(),
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env={name}"),
            Self::SecretEnv(name) => write!(f, "secret=env:{name}"),
            Self::SecretFile(path) => write!(f, "secret=file:{}", encoded(path)),
            Self::Ssh => f.write_str("ssh"),
            Self::HostNetwork => f.write_str("network=host"),
        }
    }
}

/// A path as a grant has it: all that could mean something to a shell, or between grants,
/// is `%` and two digits for each byte, as in an address. So a manifest can't have a user
/// paste what is more than a path.
fn encoded(path: &str) -> String {
    let mut out = String::new();
    for c in path.chars() {
        if c.is_alphanumeric() || "/._-+@:=".contains(c) {
            out.push(c);
        } else {
            let mut bytes = [0; 4];
            let bytes = c.encode_utf8(&mut bytes).bytes();
            out.extend(bytes.map(|byte| format!("%{byte:02X}")));
        }
    }
    out
}

/// The path that is meant. `None` if it is none.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.strip_prefix("./").unwrap_or(text).as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        let digit = |byte: u8| char::from(byte).to_digit(16);
        bytes.push(u8::try_from(digit(digits[0])? * 16 + digit(digits[1])?).ok()?);
        rest = after;
    }
    let is_path = !bytes.is_empty() && !bytes.contains(&0);
    String::from_utf8(bytes).ok().filter(|_| is_path)
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
#[error("`{written}` is no grant; {}", match meant {
    Some(meant) => format!("did you mean `{meant}`?"),
    None => format!("known are {KNOWN}"),
})]
pub(crate) struct GrantError {
    /// The text, cut.
    written: String,
    /// What was probably meant.
    meant: Option<String>,
}

const KNOWN: &str = "`env=NAME`, `secret=env:NAME`, `secret=file:PATH`, `ssh` and `network=host`";

impl FromStr for Grant {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        let (kind, of) = text.split_once('=').map_or((text, None), |(kind, of)| (kind, Some(of)));
        let found = match (kind, of) {
            ("env", Some(name)) if is_variable(name) => Some(Self::Env(name.to_owned())),
            ("secret", Some(of)) => secret(of),
            ("ssh", None) => Some(Self::Ssh),
            ("network", Some("host")) => Some(Self::HostNetwork),
            _ => None,
        };
        found.ok_or_else(|| GrantError {
            written: cut(text, 60).to_owned(),
            meant: meant(kind, of).filter(|meant| meant != text),
        })
    }
}

/// What stands behind `secret=`.
fn secret(of: &str) -> Option<Grant> {
    match of.split_once(':')? {
        ("env", name) => is_variable(name).then(|| Grant::SecretEnv(name.to_owned())),
        ("file", path) => decoded(path).map(Grant::SecretFile),
        _ => None,
    }
}

fn meant(kind: &str, of: Option<&str>) -> Option<String> {
    let Some(of) = of else {
        // Who names a variable alone means to allow it.
        if is_upper(kind) && kind != "SSH" {
            return Some(format!("env={kind}"));
        }
        return did_you_mean(kind, ["ssh"]).map(str::to_owned);
    };
    match did_you_mean(kind, ["env", "network", "secret", "ssh"])? {
        "env" => is_variable(of).then(|| format!("env={of}")),
        "secret" => meant_secret(of).map(|of| format!("secret={of}")),
        "ssh" => Some("ssh".to_owned()),
        _ => Some("network=host".to_owned()),
    }
}

fn meant_secret(of: &str) -> Option<String> {
    let Some((from, name)) = of.split_once(':') else {
        if is_upper(of) {
            return Some(format!("env:{of}"));
        }
        let is_path = of.contains(['/', '.']) && decoded(of).is_some();
        return is_path.then(|| format!("file:{of}"));
    };
    let from = did_you_mean(from, ["env", "file"])?;
    let meant = format!("{from}:{name}");
    secret(&meant).map(|_| meant)
}

/// Whether a text looks like a variable and like nothing else.
fn is_upper(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_uppercase()) && is_variable(text)
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
        for text in [
            "env=CHANNEL",
            "env=_a1",
            "secret=env:NPM_TOKEN",
            "secret=file:.secrets/key",
            "secret=file:../é/a%20b%2Cc%25",
            "ssh",
            "network=host",
        ] {
            assert_eq!(text.parse::<Grant>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_path_may_have_any_letters_and_means_nothing_to_a_shell() {
        for (path, want) in [
            ("a b,c", "a%20b%2Cc"),
            ("100%", "100%25"),
            ("$(id)`~'\"\\;&|", "%24%28id%29%60%7E%27%22%5C%3B%26%7C"),
            ("é\u{a0}\n", "é%C2%A0%0A"),
            ("a=b:c@d", "a=b:c@d"),
        ] {
            let grant = Grant::SecretFile(path.to_owned());
            assert_eq!(grant.to_string(), format!("secret=file:{want}"));
            let grants: Grants = format!("ssh,{grant} env=A").parse().unwrap();
            assert_eq!(grants.0[1], grant);
        }
        let read = |text: &str| format!("secret=file:{text}").parse::<Grant>().ok();
        let file = |path: &str| Some(Grant::SecretFile(path.to_owned()));
        assert_eq!(read("./key"), file("key"));
        assert_eq!(read("%6bey~"), file("key~"));
        for text in ["", "./", "%", "%2", "%2G", "%+1", "%00", "%FF"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_what_was_meant() {
        let check = |text: &str, want: &str| {
            assert_eq!(text.parse::<Grant>().unwrap_err().to_string(), want);
        };
        for (text, meant) in [
            ("evn=CHANNEL", "env=CHANNEL"),
            ("CHANNEL", "env=CHANNEL"),
            ("ENV=a", "env=a"),
            ("network=none", "network=host"),
            ("secret=NPM_TOKEN", "secret=env:NPM_TOKEN"),
            ("secret=.secrets/key", "secret=file:.secrets/key"),
            ("secrets=env:A", "secret=env:A"),
            ("secret=fiel:a", "secret=file:a"),
            ("SSH", "ssh"),
            ("shh", "ssh"),
            ("SSL", "env=SSL"),
            ("ssh=default", "ssh"),
        ] {
            check(text, &format!("`{text}` is no grant; did you mean `{meant}`?"));
        }
        let known = "known are `env=NAME`, `secret=env:NAME`, `secret=file:PATH`, `ssh` and \
                     `network=host`";
        for text in [
            "all",
            "env",
            "env=",
            "env=*",
            "env=1A",
            "env=A=b",
            "=",
            "path=x",
            "secret",
            "secret=npm",
            "secret=env:A B",
            "secret=env:",
            "secret=file:%2",
        ] {
            check(text, &format!("`{text}` is no grant; {known}"));
        }
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
