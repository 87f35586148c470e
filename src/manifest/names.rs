//! Names of images and registries as the manifest writes them.

use std::borrow::Cow;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::manifest::text::{Tag, Text, text_schemas};
use crate::words::digest::Digest;
use crate::words::reference::{
    DOCKER_HUB, DOCKER_INDEX, Reference, ReferenceError, Repository, split_registry,
};

text_schemas!(Reference, Name, LocalTag, Host, RepositoryPath, RegistryEntry);

/// An image's local name without tag and digest; it may carry a registry host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    /// As written.
    pub(crate) written: String,
    /// The same, normalised.
    pub(crate) repository: Repository,
}

impl Name {
    /// Whether a registry host is part of it.
    pub(crate) fn has_host(&self) -> bool {
        split_registry(&self.written).is_some()
    }

    /// What stands behind the registry host.
    pub(crate) fn path(&self) -> &str {
        split_registry(&self.written).map_or(&self.written, |(_, path)| path)
    }
}

/// Why a text is no [`Name`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NameError {
    /// A tag stands in it.
    #[error("`name` must not carry a tag")]
    Tag,
    /// A digest stands in it.
    #[error("`name` must not carry a digest")]
    Digest,
    /// An `@` stands in it, and no digest behind that.
    #[error("`name` must not carry an `@`")]
    At,
    /// Engines take it for the start of an image id.
    #[error("`{0}` can't be the name of an image: engines take it for a digest")]
    Algorithm(String),
    /// Docker Hub's host, but for its case.
    #[error("`{0}` is not Docker Hub: engines know its host in lower case only")]
    Hub(String),
    /// It is none.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if let Some((host, _)) = split_registry(text) {
            check_hub(host)?;
        }
        if let Some((_, digest)) = text.split_once('@') {
            let is_digest = digest.contains(':') && !digest.contains('/');
            return Err(if is_digest { NameError::Digest } else { NameError::At });
        }
        if split_tag(text).is_some() {
            return Err(NameError::Tag);
        }
        let repository = Repository::parse(text)?;
        if is_algorithm(&repository) {
            return Err(NameError::Algorithm(repository.familiar()));
        }
        Ok(Self { written: text.to_owned(), repository })
    }
}

impl Text for Name {
    fn pattern() -> String {
        format!("^{}$", name())
    }

    fn hint(text: &str) -> Option<String> {
        let bare = text.split_once("://").map_or(text, |(_, rest)| rest.trim_end_matches('/'));
        split_hint(bare).or_else(|| scheme_hint::<Self>(text)).or_else(|| hub_hint::<Self>(text))
    }
}

/// How to write a name with a tag or a digest in it, if it is one, and not a text that
/// happens to have a `:` or an `@`.
fn split_hint(text: &str) -> Option<String> {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest.parse::<Digest>().ok()?)),
        None => (text, None),
    };
    let (name, tag) = match split_tag(rest) {
        Some((name, tag)) => (name, Some(tag.parse::<Tag>().ok()?)),
        None => (rest, None),
    };
    if tag.is_none() && digest.is_none() || name.parse::<Name>().is_err() {
        return None;
    }
    let tag = tag.map(|tag| format!(", `tag = \"{}\"`", tag.0)).unwrap_or_default();
    let digest = digest.map(|digest| format!(", `digest = \"{digest}\"`")).unwrap_or_default();
    Some(format!("write `name = \"{name}\"`{tag}{digest}"))
}

/// Name and tag, where there is a tag. A colon before the last slash belongs to a port.
fn split_tag(text: &str) -> Option<(&str, &str)> {
    let slash = text.rfind('/').map_or(0, |slash| slash + 1);
    let colon = slash + text[slash..].find(':')?;
    Some((&text[..colon], &text[colon + 1..]))
}

/// Hosts are the same in upper and lower case, but engines compare the letters: they keep
/// `Docker.io/redis` apart from `redis`, and look for a registry where there is none.
fn is_meant_hub(host: &str) -> bool {
    let is_near = |hub: &str| host != hub && host.eq_ignore_ascii_case(hub);
    is_near(DOCKER_HUB) || is_near(DOCKER_INDEX)
}

fn check_hub(host: &str) -> Result<(), NameError> {
    if is_meant_hub(host) { Err(NameError::Hub(host.to_owned())) } else { Ok(()) }
}

fn hub_hint<T: Text>(text: &str) -> Option<String> {
    let (host, rest) = text.split_at(text.find('/').unwrap_or(text.len()));
    if !is_meant_hub(host) {
        return None;
    }
    let meant = format!("{DOCKER_HUB}{rest}");
    let meant = if meant.parse::<T>().is_ok() { &meant } else { DOCKER_HUB };
    Some(format!("did you mean `{meant}`?"))
}

/// Engines refuse to tag an image with this name, since `sha256:…` is also an image id.
fn is_algorithm(repository: &Repository) -> bool {
    repository.familiar() == "sha256"
}

/// A further local name: a reference without digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalTag(pub(crate) Reference);

impl FromStr for LocalTag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains('@') {
            return Err("a local name can't carry a digest".to_owned());
        }
        if let Some((host, _)) = split_registry(text) {
            check_hub(host).map_err(|error| error.to_string())?;
        }
        let reference: Reference = text.parse().map_err(|e: ReferenceError| e.to_string())?;
        if is_algorithm(&reference.repository) {
            return Err(NameError::Algorithm(reference.repository.familiar()).to_string());
        }
        Ok(Self(reference))
    }
}

impl Text for LocalTag {
    fn pattern() -> String {
        format!("^{}(:{TAG})?$", name())
    }

    fn hint(text: &str) -> Option<String> {
        hub_hint::<Self>(text)
    }
}

impl Text for Reference {
    fn pattern() -> String {
        format!("^{}(:{TAG})?(@({DIGEST}))?$", name())
    }
}

/// A registry host with optional port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host(pub(crate) String);

impl FromStr for Host {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains('/') {
            return Err(format!("bad registry host `{text}`"));
        }
        registry(text).map(|(host, _)| Self(host))
    }
}

impl Text for Host {
    fn pattern() -> String {
        format!("^{}$", host())
    }

    fn hint(text: &str) -> Option<String> {
        scheme_hint::<Self>(text).or_else(|| hub_hint::<Self>(text))
    }
}

/// The path of a repository in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RepositoryPath(pub(crate) String);

impl FromStr for RepositoryPath {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        // Any host does: only the path is checked.
        Repository::new("localhost", text).map(|_| Self(text.to_owned()))
    }
}

impl Text for RepositoryPath {
    fn pattern() -> String {
        format!("^{}$", path())
    }
}

/// `host[/prefix]`: a registry in which an image's path stands below the prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RegistryEntry {
    /// As written, normalised (`index.docker.io` is `docker.io`).
    pub(crate) host: String,
    /// Empty, or a path.
    pub(crate) prefix: String,
}

impl FromStr for RegistryEntry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        registry(text).map(|(host, prefix)| Self { host, prefix })
    }
}

impl Text for RegistryEntry {
    fn pattern() -> String {
        format!("^{}(/{})?$", host(), path())
    }

    fn hint(text: &str) -> Option<String> {
        scheme_hint::<Self>(text).or_else(|| hub_hint::<Self>(text))
    }
}

/// Host and prefix. The host must be one that engines recognise as such in front of a
/// name: they would take `acme/tool` for a repository of Docker Hub.
fn registry(text: &str) -> Result<(String, String), String> {
    let (host, prefix) = match text.split_once('/') {
        Some((host, prefix)) => (host, Some(prefix)),
        None => (text, None),
    };
    if host != "localhost" && !host.contains(['.', ':']) {
        return Err(format!(
            "`{host}` is no registry host: it needs a domain or a port, or is `localhost`"
        ));
    }
    check_hub(host).map_err(|error| error.to_string())?;
    let repository = Repository::parse(&format!("{host}/{}", prefix.unwrap_or("x")))
        .map_err(|error| format!("bad registry `{text}`: {error}"))?;
    Ok((repository.registry, prefix.unwrap_or_default().to_owned()))
}

/// What is left without the scheme, if that is any better.
fn scheme_hint<T: Text>(text: &str) -> Option<String> {
    let rest = text.split_once("://")?.1.trim_end_matches('/');
    let example = if rest.parse::<T>().is_ok() { format!(": `{rest}`") } else { String::new() };
    Some(format!("leave out the scheme{example}"))
}

/// The grammar of `words::reference` as regular expressions, in pieces.
const LABEL: &str = "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?";
const V6: &str = r"\[[A-Fa-f0-9]*:[A-Fa-f0-9:]*\](:[0-9]+)?|\[[A-Fa-f0-9]+\]:[0-9]+";
const TAG: &str = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}";
const DIGEST: &str = "sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}";

/// A host that is recognised as one: `localhost`, or with a dot, or with a port.
fn host() -> String {
    format!(r"(localhost(:[0-9]+)?|{LABEL}(\.{LABEL})+(:[0-9]+)?|{LABEL}:[0-9]+|{V6})")
}

const COMPONENT: &str = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*";

fn path() -> String {
    format!("{COMPONENT}(/{COMPONENT})*")
}

/// One component, or several, the first of which may be a host. With a dot it is one.
fn name() -> String {
    let host = format!(r"({LABEL}(\.{LABEL})*(:[0-9]+)?|{V6})");
    let no_host = "[a-z0-9]+((_|__|-+)[a-z0-9]+)*";
    format!("({COMPONENT}|({host}|{no_host})/{})", path())
}
