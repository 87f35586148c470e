//! What a question to a registry died of, as a class: the one place for what occ asks itself.

use std::error::Error as StdError;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;

use crate::engine::Credentials;
use crate::engine::error::{EngineError, EngineErrorKind};
use crate::words::failure::FailureClass;
use crate::words::reference::{DOCKER_HUB, Repository};
use crate::words::text::{elapsed, foreign_line};

type Cause = Box<dyn StdError + Send + Sync>;

/// What was asked.
pub(super) struct About<'a> {
    pub(super) repository: &'a Repository,
    /// `manifests/1`, `blobs/sha256:…`.
    pub(super) what: &'a str,
    /// What was sent along.
    pub(super) credentials: Option<Credentials>,
}

/// What went wrong.
#[derive(Debug)]
pub(super) enum Problem {
    /// No connection, or it broke before the answer.
    Unanswered(hyper_util::client::legacy::Error),
    /// The answer broke off.
    Broken(Cause),
    /// No whole answer for so long.
    Silent(Duration),
    /// An answer that is not the one: its status, and what it says.
    Refused(u16, Bytes),
    /// No registry does that.
    Odd(&'static str),
}

impl From<hyper_util::client::legacy::Error> for Problem {
    fn from(error: hyper_util::client::legacy::Error) -> Self {
        Self::Unanswered(error)
    }
}

impl Problem {
    /// Whether there was no connection, so that another kind may be tried. Where a certificate is
    /// shown, TLS is spoken.
    pub(super) fn is_connecting(&self) -> bool {
        let Self::Unanswered(error) = self else { return false };
        let is_shown = |it: &rustls::Error| matches!(it, rustls::Error::InvalidCertificate(_));
        error.is_connect() && !chain(error).into_iter().filter_map(tls).any(is_shown)
    }
}

/// What hyper-util says of a name without an address; it has no type for it.
const DNS: &str = "dns error";

/// The errors of a registry, as the distribution specification has them.
#[derive(Deserialize)]
struct Errors {
    errors: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// The failure with its class, and what to do.
pub(super) fn of(problem: &Problem, about: &About<'_>) -> EngineError {
    let (class, message) = match problem {
        Problem::Silent(limit) => {
            (FailureClass::Stalled, format!("no answer for {}", elapsed(*limit)))
        }
        Problem::Odd(what) => (FailureClass::NotARegistry, (*what).to_owned()),
        Problem::Broken(cause) => (
            FailureClass::Network,
            format!("its answer broke off: {}", foreign_line(&last(&**cause))),
        ),
        Problem::Unanswered(error) => unanswered(error),
        Problem::Refused(status, said) => refused(*status, said, about),
    };
    let subject = format!("{}/{}", about.repository, about.what);
    let error = EngineError::new(EngineErrorKind::Signature, class, subject, message);
    match hint(class, about) {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

fn unanswered(error: &hyper_util::client::legacy::Error) -> (FailureClass, String) {
    let chain = chain(error);
    let class = if chain.iter().any(|it| tls(*it).is_some()) {
        FailureClass::Tls
    } else if chain.iter().any(|it| it.to_string() == DNS) {
        FailureClass::NameResolution
    } else if chain.iter().any(|it| is_garbled(*it)) {
        FailureClass::NotARegistry
    } else {
        FailureClass::Network
    };
    (class, foreign_line(&last(error)))
}

/// An error and its causes.
fn chain<'e>(error: &'e (dyn StdError + 'static)) -> Vec<&'e (dyn StdError + 'static)> {
    let mut chain = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        chain.push(cause);
        next = cause.source();
    }
    chain
}

/// What TLS failed of, which is inside of one or two errors of the stream.
fn tls<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e rustls::Error> {
    let mut inner: &(dyn StdError + 'static) = error;
    loop {
        if let Some(found) = inner.downcast_ref() {
            return Some(found);
        }
        inner = inner.downcast_ref::<std::io::Error>()?.get_ref()?;
    }
}

fn is_garbled(error: &(dyn StdError + 'static)) -> bool {
    error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse)
}

/// The cause of all causes: the others say that there is one.
fn last(error: &dyn StdError) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn refused(status: u16, said: &[u8], about: &About<'_>) -> (FailureClass, String) {
    let errors = serde_json::from_slice(said).map_or(Vec::new(), |it: Errors| it.errors);
    let first = errors.first();
    let text = first.map_or(String::new(), |it| match (it.message.trim(), it.code.trim()) {
        ("", code) => code.to_owned(),
        (message, _) => message.to_owned(),
    });
    let class = match status {
        404 => FailureClass::NotFound,
        401 | 403 if about.credentials.is_some() => FailureClass::Denied,
        401 | 403 => FailureClass::AbsentOrPrivate,
        429 if text.contains("pull rate limit") => FailureClass::RateLimited,
        429 => FailureClass::TooManyRequests,
        408 | 500..=599 => FailureClass::Server,
        _ => FailureClass::NotARegistry,
    };
    let said = foreign_line(&text);
    let message = if said.is_empty() { format!("it answers with status {status}") } else { said };
    (class, message)
}

fn hint(class: FailureClass, about: &About<'_>) -> Option<String> {
    let host = about.repository.registry.as_str();
    let login =
        if host == DOCKER_HUB { "docker login".to_owned() } else { format!("docker login {host}") };
    Some(match class {
        FailureClass::AbsentOrPrivate => {
            format!("if the repository is private, run `{login}` first")
        }
        FailureClass::Denied => {
            let origin = about.credentials.as_ref().map_or("", |it| it.origin.as_str());
            let from = if origin.is_empty() {
                String::new()
            } else {
                format!(" from `{}`", foreign_line(origin))
            };
            format!("the credentials{from} were refused: renew them with `{login}`")
        }
        FailureClass::RateLimited => format!("it lasts for hours: `{login}` raises the limit"),
        FailureClass::Tls => {
            format!("occ asks {host} itself: its authority has to be trusted on this machine")
        }
        FailureClass::NameResolution | FailureClass::Network => {
            format!("occ asks {host} itself, and not through the engine: look at this network")
        }
        FailureClass::Server => format!("{host} has a problem of its own: run it again later"),
        FailureClass::NotARegistry => format!(
            "what answers at {host} is no registry: is there a login page or a proxy on the way?"
        ),
        FailureClass::Stalled => {
            format!("{host} is slow: raise `response` in `[timeouts]`, or name another registry")
        }
        _ => return None,
    })
}
