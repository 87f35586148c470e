//! Failures on the way to the engine, told apart by type and not by text.

use std::error::Error as StdError;
use std::io;

use crate::engine::docker::classify::evidence::shown;
use crate::engine::docker::classify::{About, Cause, Doing};
use crate::engine::docker::endpoint::{Endpoint, Transport, USUAL, endpoint_error};
use crate::engine::docker::sockets::{self, Look};
use crate::engine::error::{EngineError, EngineErrorKind};
use crate::words::failure::FailureClass;

/// Classifies a client that could not even be made: its certificates can't be used.
pub(in crate::engine::docker) fn certificates(
    error: &io::Error,
    endpoint: &Endpoint,
) -> EngineError {
    endpoint_error(&endpoint.address, format!("{} ({})", chain(error).join(": "), endpoint.why))
        .with_hint("check `DOCKER_CERT_PATH` and the files in it, or the context's certificates")
}

/// Classifies a request that got no answer.
pub(super) fn failed(error: &(dyn StdError + 'static), about: &About<'_>) -> EngineError {
    let endpoint = about.endpoint;
    let causes = walk(error);
    let find_io = || causes.iter().rev().find_map(|cause| cause.downcast_ref::<io::Error>());
    let find_hyper = |test: fn(&hyper::Error) -> bool| {
        causes.iter().filter_map(|cause| cause.downcast_ref::<hyper::Error>()).any(test)
    };
    let texts = chain(error);
    let last = texts.last().cloned().unwrap_or_default();

    let failure = if about.doing == Doing::Build && find_hyper(hyper::Error::is_user) {
        EngineError::new(
            EngineErrorKind::Build,
            FailureClass::Build,
            shown(about.subject),
            format!("cannot send the build context: {last}"),
        )
    } else if let Some(tls) = causes.iter().find_map(|cause| cause.downcast_ref::<rustls::Error>())
    {
        tls_failure(endpoint, tls)
    } else if matches!(endpoint.transport, Transport::Ssh(_)) {
        // The errors of the `ssh` program say it themselves.
        no_connection(endpoint, last).with_hint(
            "does `ssh` reach the host without asking anything, and is `docker` installed there?",
        )
    } else if find_hyper(hyper::Error::is_parse) {
        no_connection(endpoint, "what answers there does not speak HTTP").with_hint(format!(
            "the endpoint is {}; is it an engine, and does it want TLS?",
            endpoint.why
        ))
    } else if find_hyper(hyper::Error::is_incomplete_message) {
        no_connection(endpoint, "it closed the connection without an answer")
            .with_hint(start(endpoint))
    } else if causes.iter().any(|cause| cause.to_string() == "dns error") {
        // hyper-util's literal: the resolver's own error has no kind.
        no_connection(endpoint, format!("the host name has no address: {last}")).with_hint(format!(
            "the endpoint is {}; check its spelling, and this machine's name servers",
            endpoint.why
        ))
    } else if let Some(io) = find_io() {
        unreachable_or(endpoint, io)
    } else {
        no_connection(endpoint, last).with_hint(start(endpoint))
    };
    let source = texts.into_iter().rev().fold(None, |below, text| Some(Cause::boxed(text, below)));
    EngineError { source, ..failure }
}

fn unreachable_or(endpoint: &Endpoint, error: &io::Error) -> EngineError {
    match error.kind() {
        kind @ (io::ErrorKind::NotFound
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::ConnectionRefused) => unreachable(endpoint, kind),
        io::ErrorKind::TimedOut => EngineError::new(
            EngineErrorKind::Timeout,
            FailureClass::Engine,
            endpoint.address.clone(),
            "the connection timed out",
        )
        .with_hint(start(endpoint)),
        _ => no_connection(endpoint, shown(&error.to_string())).with_hint(start(endpoint)),
    }
}

/// A socket in a directory that may not be entered looks absent to the transport,
/// so the path is looked at here.
fn unreachable(endpoint: &Endpoint, kind: io::ErrorKind) -> EngineError {
    match endpoint.socket() {
        Some(path) => no_socket(endpoint, kind, sockets::look(path)),
        None => no_engine(endpoint, EngineErrorKind::NotRunning, "nothing listens there")
            .with_hint(start(endpoint)),
    }
}

/// The ways in which there is no engine behind a socket.
fn no_socket(endpoint: &Endpoint, kind: io::ErrorKind, look: Look) -> EngineError {
    let (kind, message) = match (look, kind) {
        (Look::Forbidden(dir), _) => {
            let dir = shown(&dir.display().to_string());
            (EngineErrorKind::PermissionDenied, format!("the directory `{dir}` may not be entered"))
        }
        (Look::NoSocket, _) => {
            (EngineErrorKind::NotRunning, "what is there is no socket".to_owned())
        }
        (Look::Socket, io::ErrorKind::PermissionDenied) => {
            (EngineErrorKind::PermissionDenied, "the socket may not be used".to_owned())
        }
        (Look::Socket, _) => {
            (EngineErrorKind::NotRunning, "nothing listens on the socket".to_owned())
        }
        (Look::Absent, _) if endpoint.why == USUAL => (
            EngineErrorKind::SocketNotFound,
            "there is no socket, nor at the other usual places".to_owned(),
        ),
        (Look::Absent, _) => (EngineErrorKind::SocketNotFound, "there is no socket".to_owned()),
    };
    let hint = if kind == EngineErrorKind::PermissionDenied {
        permission(endpoint)
    } else {
        start(endpoint)
    };
    no_engine(endpoint, kind, message).with_hint(hint)
}

fn no_engine(
    endpoint: &Endpoint,
    kind: EngineErrorKind,
    message: impl Into<String>,
) -> EngineError {
    EngineError::new(kind, FailureClass::Engine, endpoint.address.clone(), message)
}

fn no_connection(endpoint: &Endpoint, message: impl Into<String>) -> EngineError {
    no_engine(endpoint, EngineErrorKind::Connection, message)
}

fn tls_failure(endpoint: &Endpoint, error: &rustls::Error) -> EngineError {
    let hint = match error {
        rustls::Error::InvalidMessage(_) => {
            "the engine speaks no TLS there: unset `DOCKER_TLS_VERIFY`, or use the port that does"
        }
        rustls::Error::AlertReceived(_) => {
            "the engine refused the client's certificate: check `cert.pem` and `key.pem` in `DOCKER_CERT_PATH`"
        }
        _ => {
            "check `ca.pem` in `DOCKER_CERT_PATH`, and that the certificate is made out to this host"
        }
    };
    endpoint_error(&endpoint.address, format!("{} ({})", shown(&error.to_string()), endpoint.why))
        .with_hint(hint)
}

fn start(endpoint: &Endpoint) -> String {
    format!(
        "the endpoint is {}; start Docker or Podman there, or name another engine with `DOCKER_HOST` or `--host`",
        endpoint.why
    )
}

fn permission(endpoint: &Endpoint) -> String {
    format!(
        "the endpoint is {}; join the socket's group (`docker`: as good as root), or use a rootless engine",
        endpoint.why
    )
}

/// How the errors begin that say nothing but that there is one below.
const WRAPPERS: &[&str] =
    &["Error in the hyper legacy client", "client error (", "tcp connect error", "dns error"];

/// hyper's for one below it. Those of HTTP/2 begin so, and say what went wrong.
const BROKEN: &str = "connection error";

/// The texts of an error and its causes, each once.
fn chain(error: &(dyn StdError + 'static)) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for cause in walk(error) {
        let text = shown(&cause.to_string());
        // The names of libraries' wrappers around another library's error help nobody.
        if text == BROKEN || WRAPPERS.iter().any(|wrapper| text.starts_with(wrapper)) {
            continue;
        }
        if !text.is_empty() && texts.last().is_none_or(|above| !above.ends_with(&text)) {
            texts.push(text);
        }
    }
    if texts.is_empty() {
        texts.push(shown(&error.to_string()));
    }
    texts
}

/// An error and its causes. An [`io::Error`] hides the error that it was made of.
fn walk<'e>(error: &'e (dyn StdError + 'static)) -> Vec<&'e (dyn StdError + 'static)> {
    let mut causes = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        causes.push(cause);
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = inner.map_or_else(|| cause.source(), |inner| Some(inner));
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;
    use EngineErrorKind as K;

    #[test]
    fn what_says_nothing_by_itself_is_left_out() {
        let told = |texts: &[&str]| {
            let below = texts.iter().rev();
            let error =
                below.fold(None, |below, text| Some(Cause::boxed((*text).to_owned(), below)));
            chain(&*error.unwrap())
        };
        assert_eq!(told(&["connection error", "why"]), ["why"]);
        assert_eq!(told(&["tcp connect error: x"]), ["tcp connect error: x"], "it is all there is");
        let detail = "connection error detected: frame with invalid size";
        assert_eq!(told(&["http2 error", detail]), ["http2 error", detail]);
    }

    #[test]
    fn what_is_at_the_socket_decides_what_to_say() {
        let endpoint = Endpoint::of_socket("/run/a/b.sock".into());
        let check =
            |kind: io::ErrorKind, look: Look, want: EngineErrorKind, message: &str, hint: &str| {
                let error = no_socket(&endpoint, kind, look);
                assert_eq!((error.kind, error.class), (want, FailureClass::Engine));
                assert_eq!(error.message, message);
                assert!(
                    error.hint().unwrap().contains(hint) && !error.hint().unwrap().contains("sudo")
                );
            };
        let (denied, absent) = (io::ErrorKind::PermissionDenied, io::ErrorKind::NotFound);
        check(
            absent,
            Look::Forbidden("/run/a".into()),
            K::PermissionDenied,
            "the directory `/run/a` may not be entered",
            "rootless",
        );
        check(denied, Look::Socket, K::PermissionDenied, "the socket may not be used", "`docker`");
        check(
            io::ErrorKind::ConnectionRefused,
            Look::Socket,
            K::NotRunning,
            "nothing listens on the socket",
            "start",
        );
        check(
            io::ErrorKind::ConnectionRefused,
            Look::NoSocket,
            K::NotRunning,
            "what is there is no socket",
            "`--host`",
        );
        check(
            absent,
            Look::Absent,
            K::SocketNotFound,
            "there is no socket, nor at the other usual places",
            "`DOCKER_HOST`",
        );
    }
}
