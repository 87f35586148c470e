//! Image references: `registry/repository:tag@digest`.
//!
//! The grammar and the normalisation are those of the `distribution/reference`
//! package, which the Docker engine applies to every name that it is given.

use std::fmt;
use std::str::FromStr;

use crate::words::digest::{Digest, DigestError};

/// The registry that a reference without a registry host means.
pub const DOCKER_HUB: &str = "docker.io";

/// What engines take for [`DOCKER_HUB`] as well.
pub(crate) const DOCKER_INDEX: &str = "index.docker.io";

/// The tag that a reference without tag and digest means.
pub const DEFAULT_TAG: &str = "latest";

/// `distribution/reference` allows no longer repository path.
const MAX_PATH: usize = 255;

/// A repository: the registry's host (with its port) and the path below it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository {
    /// Host with optional port: `docker.io`, `127.0.0.1:5000`, `[::1]:5000`.
    pub registry: String,
    /// Path: `library/redis`, `acme/tool`.
    pub path: String,
}

/// An image reference. [`Display`](fmt::Display) gives what the user wrote,
/// [`canonical`](Reference::canonical) the full form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    written: String,
    /// Registry and path, normalised.
    pub repository: Repository,
    /// The tag, where one is written.
    pub tag: Option<String>,
    /// The digest, where one is written.
    pub digest: Option<Digest>,
}

/// Why a text is no [`Reference`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Nothing before the tag or digest.
    #[error("a name is missing")]
    Empty,
    /// Upper-case letters in the repository.
    #[error("a repository name must be lower case")]
    Uppercase,
    /// The path is longer than 255 characters.
    #[error("a repository name has at most {MAX_PATH} characters")]
    TooLong,
    /// The path's grammar.
    #[error(
        "bad repository name `{0}`: lower-case letters and digits, parted by `/`, `.`, `_`, `__` or `-`"
    )]
    Path(String),
    /// The registry's grammar.
    #[error("bad registry host `{0}`")]
    Host(String),
    /// The tag's grammar.
    #[error(
        "bad tag `{0}`: up to 128 letters, digits, `_`, `.`, `-`, not starting with `.` or `-`"
    )]
    Tag(String),
    /// The digest's grammar.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// 64 hexadecimal digits, which engines take for an image id.
    #[error("64 hexadecimal digits are an image id, not a name")]
    Identifier,
}

impl Repository {
    /// Parses a repository without tag or digest, normalised: `redis` is `docker.io/library/redis`.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if text.is_empty() {
            return Err(ReferenceError::Empty);
        }
        if text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(ReferenceError::Identifier);
        }
        let (registry, path) = match split_registry(text) {
            Some((host, rest)) => (host, rest.to_owned()),
            None => (DOCKER_HUB, text.to_owned()),
        };
        Self::new(registry, &path)
    }

    /// A repository of two known parts, checked and normalised: on Docker Hub, which is
    /// also `index.docker.io`, a one-component path is `library/…`.
    pub fn new(registry: &str, path: &str) -> Result<Self, ReferenceError> {
        check_host(registry)?;
        let registry = if registry == DOCKER_INDEX { DOCKER_HUB } else { registry };
        check_path(path)?;
        let path = if registry == DOCKER_HUB && !path.contains('/') {
            format!("library/{path}")
        } else {
            path.to_owned()
        };
        // The limit is on the path alone, without the host, but with `library/`.
        if path.len() > MAX_PATH {
            return Err(ReferenceError::TooLong);
        }
        Ok(Self { registry: registry.to_owned(), path })
    }

    /// The short form that engines print: without `docker.io/` and `library/`.
    pub fn familiar(&self) -> String {
        if self.registry != DOCKER_HUB {
            return self.to_string();
        }
        match self.path.strip_prefix("library/") {
            Some(name) if !name.contains('/') => name.to_owned(),
            _ => self.path.clone(),
        }
    }

    /// A reference into this repository by tag.
    pub fn with_tag(&self, tag: &str) -> Result<Reference, ReferenceError> {
        check_tag(tag)?;
        Ok(Reference {
            written: format!("{self}:{tag}"),
            repository: self.clone(),
            tag: Some(tag.to_owned()),
            digest: None,
        })
    }

    /// A reference into this repository by digest.
    pub fn with_digest(&self, digest: &Digest) -> Reference {
        Reference {
            written: format!("{self}@{digest}"),
            repository: self.clone(),
            tag: None,
            digest: Some(digest.clone()),
        }
    }
}

impl Reference {
    /// The full form: `docker.io/library/redis:latest`.
    ///
    /// With neither tag nor digest the tag is `latest`; with both, both stay.
    pub fn canonical(&self) -> String {
        let tag = match (&self.tag, &self.digest) {
            (None, None) => Some(DEFAULT_TAG),
            (tag, _) => tag.as_deref(),
        };
        let mut out = self.repository.to_string();
        if let Some(tag) = tag {
            out.push(':');
            out.push_str(tag);
        }
        if let Some(digest) = &self.digest {
            out.push('@');
            out.push_str(digest.as_str());
        }
        out
    }

    /// What the user wrote, without tag and digest: `redis`.
    pub fn name(&self) -> &str {
        let name = self.written.split('@').next().unwrap_or_default();
        let tag = self.tag.as_ref().and_then(|tag| name.strip_suffix(tag.as_str()));
        tag.and_then(|name| name.strip_suffix(':')).unwrap_or(name)
    }

    /// The tag that this reference means: the one written, else `latest`.
    pub fn tag_or_default(&self) -> &str {
        self.tag.as_deref().unwrap_or(DEFAULT_TAG)
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (text, None),
        };
        // A colon after the last slash starts a tag; one before it belongs to a port.
        let slash = rest.rfind('/').map_or(0, |i| i + 1);
        let (name, tag) = match rest[slash..].find(':') {
            Some(colon) => (&rest[..slash + colon], Some(&rest[slash + colon + 1..])),
            None => (rest, None),
        };
        let repository = Repository::parse(name)?;
        if let Some(tag) = tag {
            check_tag(tag)?;
        }
        Ok(Self { written: text.to_owned(), repository, tag: tag.map(str::to_owned), digest })
    }
}

/// The registry host in front of a name, if the first component is one: it holds
/// a `.` or `:`, is `localhost`, or has an upper-case letter.
pub(crate) fn split_registry(text: &str) -> Option<(&str, &str)> {
    let (first, rest) = text.split_once('/')?;
    let is_host = first == "localhost"
        || first.contains(['.', ':'])
        || first.chars().any(|c| c.is_ascii_uppercase());
    is_host.then_some((first, rest))
}

/// `host`, `host:port`, `[v6]:port`.
pub(crate) fn check_host(host: &str) -> Result<(), ReferenceError> {
    let bad = || ReferenceError::Host(host.to_owned());
    let (name, port) = if let Some(rest) = host.strip_prefix('[') {
        let (address, tail) = rest.split_once(']').ok_or_else(bad)?;
        if address.is_empty() || !address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':') {
            return Err(bad());
        }
        (None, if tail.is_empty() { None } else { Some(tail.strip_prefix(':').ok_or_else(bad)?) })
    } else {
        match host.split_once(':') {
            Some((name, port)) => (Some(name), Some(port)),
            None => (Some(host), None),
        }
    };
    if let Some(port) = port
        && (port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()))
    {
        return Err(bad());
    }
    let component = |part: &str| {
        let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
        edge(part.bytes().next())
            && edge(part.bytes().last())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if let Some(name) = name
        && !name.split('.').all(component)
    {
        return Err(bad());
    }
    Ok(())
}

fn check_path(path: &str) -> Result<(), ReferenceError> {
    if path.is_empty() {
        return Err(ReferenceError::Empty);
    }
    if path.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(ReferenceError::Uppercase);
    }
    if !path.split('/').all(is_component) {
        return Err(ReferenceError::Path(path.to_owned()));
    }
    Ok(())
}

/// `[a-z0-9]+` joined by `.`, `_`, `__` or any number of `-`.
fn is_component(part: &str) -> bool {
    let alnum = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut rest = part.trim_start_matches(alnum);
    if rest.len() == part.len() {
        return false;
    }
    while !rest.is_empty() {
        let after = rest.trim_start_matches(|c| !alnum(c));
        let separator = &rest[..rest.len() - after.len()];
        let good = matches!(separator, "." | "_" | "__") || separator.bytes().all(|b| b == b'-');
        if !good || after.is_empty() {
            return false;
        }
        rest = after.trim_start_matches(alnum);
    }
    true
}

/// `[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`.
pub(crate) fn check_tag(tag: &str) -> Result<(), ReferenceError> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let good = tag.len() <= 128
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-');
    if good { Ok(()) } else { Err(ReferenceError::Tag(tag.to_owned())) }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
#[path = "reference_tests.rs"]
mod tests;
