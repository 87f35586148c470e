//! The one place where a failure of the engine becomes an [`EngineError`].
//!
//! Three sorts of failure come in: the connection to the engine failed
//! ([`connection`]), the engine answered with an error, or its stream broke off.
//! Nobody above this module reads a message to decide anything.
//!
//! A stream that breaks off or holds something else than JSON is
//! [`CutShort`](FailureClass::CutShort): whether the engine died is the caller's to
//! find out, who has to inspect anyway. The same in an answer that is no stream
//! means that something else than an engine is talking, so it is
//! [`Engine`](FailureClass::Engine).

mod connection;
pub(super) mod evidence;
mod hint;
mod table;

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use bollard::errors::Error;

use crate::engine::Credentials;
use crate::engine::docker::classify::evidence::{evidence, shown};
use crate::engine::docker::endpoint::Endpoint;
use crate::engine::error::{EngineError, EngineErrorKind};
use crate::words::failure::FailureClass;
use crate::words::reference::Reference;
use crate::words::text::elapsed;

pub(super) use connection::certificates;

/// What was being done when it failed.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) doing: Doing,
    /// The subject of the error: a reference, an image id, an address.
    pub(super) subject: &'a str,
    /// The image that a registry was asked for.
    pub(super) reference: Option<&'a Reference>,
    /// What was sent along to the registry.
    pub(super) credentials: Option<&'a Credentials>,
    pub(super) endpoint: &'a Endpoint,
}

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// Asking the engine about itself.
    Greet,
    /// Inspecting or naming an image.
    Image,
    /// Asking a registry for a digest.
    Resolve,
    Pull,
    Build,
    /// Obtaining a base image in a build.
    Base,
}

impl Doing {
    const fn kind(self) -> EngineErrorKind {
        match self {
            Self::Greet => EngineErrorKind::Connection,
            Self::Image => EngineErrorKind::Image,
            Self::Resolve | Self::Pull => EngineErrorKind::Pull,
            Self::Build | Self::Base => EngineErrorKind::Build,
        }
    }

    const fn streams(self) -> bool {
        matches!(self, Self::Pull | Self::Build | Self::Base)
    }
}

/// Classifies a failed request or a broken stream.
pub(super) fn failed(error: Error, about: &About<'_>) -> EngineError {
    match error {
        Error::DockerResponseServerError { status_code, message } => {
            answered(&message, Some(status_code), about)
        }
        Error::DockerStreamError { error } => answered(&error, None, about),
        // bollard loses the source of a broken body; while streaming there is no other.
        error @ (Error::IOError { .. }
        | Error::JsonDataError { .. }
        | Error::JsonSerdeError { .. }
        | Error::HyperResponseError { .. }
        | Error::StrParseError { .. }) => broken(&error, about),
        error => connection::failed(&error, about),
    }
}

/// Classifies an error that the engine, or a registry behind it, put into words.
pub(super) fn answered(message: &str, status: Option<u16>, about: &About<'_>) -> EngineError {
    let text = evidence(message, about.reference);
    let class = match (about.doing, table::class_of(&text, status, about.credentials.is_some())) {
        // What answers so when asked about itself is no engine.
        (Doing::Greet, _) => FailureClass::Engine,
        // An engine puts a registry's page into words of its own. A bare page is from a
        // filter or proxy between occ and the engine.
        _ if status.is_some() && text.trim_start().starts_with('<') => FailureClass::Engine,
        // A step's own words are anybody's: only the engine's state means anything in them.
        (Doing::Build, class @ (FailureClass::DiskFull | FailureClass::Engine))
            if !is_a_commands_end(&text) =>
        {
            class
        }
        (Doing::Build, _) if lost_its_cache(&text) => FailureClass::BuildCache,
        (Doing::Build, _) | (Doing::Base, FailureClass::Unknown) => FailureClass::Build,
        // No registry is asked here, so what sounds like one is the engine, or a proxy before it.
        (Doing::Image, class) if is_a_registrys(class) => FailureClass::Engine,
        // A question to a registry writes nothing here, so it is the registry's disk: of
        // its own errors that have no code, it says `unknown`.
        (Doing::Resolve, FailureClass::DiskFull) => FailureClass::Server,
        (Doing::Pull | Doing::Base, FailureClass::DiskFull) if text.starts_with("unknown:") => {
            FailureClass::Server
        }
        (_, class) => class,
    };
    let kind = match (class, about.doing) {
        (FailureClass::Engine, doing) if doing != Doing::Image && status == Some(403) => {
            EngineErrorKind::PermissionDenied
        }
        (_, doing) => doing.kind(),
    };
    let subject = if kind == about.doing.kind() { about.subject } else { &about.endpoint.address };
    let said = match (shown(message), status) {
        (said, Some(status)) if said.is_empty() => {
            format!("the engine answered with status {status} and no reason")
        }
        (said, None) if said.is_empty() => {
            "the engine reported a failure without a reason".to_owned()
        }
        (said, _) => said,
    };
    let mut error = EngineError::new(kind, class, shown(subject), said);
    error.hint = hint::hint(class, about, about.reference).or_else(|| build_hint(&text));
    error.source = status
        .map(|status| Cause::boxed(format!("the engine answered with status {status}"), None));
    error
}

/// Classifies a stream to the engine that could not be had.
pub(super) fn dialling(error: &io::Error, about: &About<'_>) -> EngineError {
    connection::failed(error, about)
}

/// The files of a build are to blame.
pub(super) fn ours(message: &str, about: &About<'_>) -> EngineError {
    EngineError::new(about.doing.kind(), FailureClass::Build, shown(about.subject), shown(message))
}

/// The connection broke in the middle of a build.
pub(super) fn cut_short(message: &str, about: &About<'_>) -> EngineError {
    let said = "the engine's answer broke off";
    let mut failure =
        EngineError::new(about.doing.kind(), FailureClass::CutShort, shown(about.subject), said);
    failure.hint = hint::hint(FailureClass::CutShort, about, about.reference);
    failure.source = Some(Cause::boxed(shown(message), None));
    failure
}

/// Classifies silence: nothing came for as long as `limit`.
pub(super) fn silent(limit: Duration, about: &About<'_>) -> EngineError {
    let for_long = elapsed(limit);
    if matches!(about.doing, Doing::Resolve | Doing::Pull) {
        let mut error = EngineError::new(
            EngineErrorKind::Pull,
            FailureClass::Stalled,
            shown(about.subject),
            format!("no answer for {for_long}"),
        );
        error.hint = hint::hint(FailureClass::Stalled, about, about.reference);
        return error;
    }
    EngineError::new(
        EngineErrorKind::Timeout,
        FailureClass::Engine,
        shown(about.subject),
        format!("the engine at `{}` said nothing for {for_long}", about.endpoint.address),
    )
    .with_hint(format!(
        "the endpoint is {}; see whether the engine is alive with `docker version`, or restart it",
        about.endpoint.why
    ))
}

/// An answer that broke off, or that is none.
fn broken(error: &Error, about: &About<'_>) -> EngineError {
    let garbage = matches!(error, Error::JsonDataError { .. } | Error::JsonSerdeError { .. });
    let what = if garbage { "is not what an engine says" } else { "broke off" };
    let (kind, class) = if about.doing.streams() {
        (about.doing.kind(), FailureClass::CutShort)
    } else {
        (EngineErrorKind::Connection, FailureClass::Engine)
    };
    let subject = if about.doing.streams() { about.subject } else { &about.endpoint.address };
    let mut failure =
        EngineError::new(kind, class, shown(subject), format!("the engine's answer {what}"));
    failure.hint = hint::hint(class, about, about.reference);
    failure.source = Some(Cause::boxed(shown(&error.to_string()), None));
    failure
}

/// Whether a class blames a registry or the way to it.
const fn is_a_registrys(class: FailureClass) -> bool {
    use FailureClass as C;
    matches!(
        class,
        C::AbsentOrPrivate
            | C::Denied
            | C::RateLimited
            | C::TooManyRequests
            | C::Tls
            | C::NameResolution
            | C::Network
            | C::Server
            | C::NotARegistry
    )
}

/// Whether a build reports the end of a command, which it quotes.
fn is_a_commands_end(text: &str) -> bool {
    text.trim_start().starts_with("the command '") && text.contains("returned a non-zero code")
}

/// Whether a builder misses something of its own that it believes to have. What a command or
/// a file says stands behind other words.
fn lost_its_cache(text: &str) -> bool {
    let text = text.trim();
    let begins =
        ["content digest ", "failed to commit ", "failed to export ", "failed to extract "]
            .iter()
            .chain(&["failed to get layer ", "failed to prepare "])
            .any(|start| text.starts_with(start));
    let is_lost = |what: &str, end: &str| text.contains(what) && text.ends_with(end);
    begins
        && (is_lost("content digest ", ": not found")
            || is_lost("snapshot ", " does not exist: not found")
            || is_lost("layer ", ": layer does not exist"))
}

/// What a failed build needs, where its text gives it away.
fn build_hint(text: &str) -> Option<String> {
    let wants_buildkit = ["requires buildkit", "the --mount option", "unknown flag: mount"];
    // What the classic builder says of newer syntax, and of a typing error.
    let may_want_it = ["unknown instruction", "unknown flag"];
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| evidence::says(text, phrase));
    if says(&wants_buildkit) {
        Some("this Dockerfile needs BuildKit, and it was built with the classic builder".to_owned())
    } else if says(&may_want_it) {
        Some("a here-document (`<<EOF`) or a newer flag wants BuildKit, and `# syntax=docker/dockerfile:1`".to_owned())
    } else {
        None
    }
}

/// A sanitised cause: the engine's errors hold foreign text, and users of the
/// library print chains.
#[derive(Debug)]
struct Cause {
    text: String,
    below: Option<Box<dyn StdError + Send + Sync>>,
}

impl Cause {
    fn boxed(
        text: String,
        below: Option<Box<dyn StdError + Send + Sync>>,
    ) -> Box<dyn StdError + Send + Sync> {
        Box::new(Self { text, below })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.below.as_deref().map(|below| below as _)
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod texts;
