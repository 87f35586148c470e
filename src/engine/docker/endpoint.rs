//! Which engine to talk to, and why that one.
//!
//! The environment comes in as plain data, so that the order of precedence can be
//! tested; only the Docker CLI's files and the usual sockets are looked at here.

use std::path::{Path, PathBuf};

use crate::engine::docker::classify::evidence::mask_address;
use crate::engine::docker::context_store::{self, DockerContext};
use crate::engine::docker::sockets;
use crate::engine::error::{EngineError, EngineErrorKind};
use crate::words::failure::FailureClass;
use crate::words::text::foreign_line;

/// What command line and environment say about the endpoint. Empty texts count as absent.
#[derive(Debug, Clone, Default)]
pub(crate) struct EndpointOptions {
    /// An address that wins over all that follows, and who gave it: "`--host`".
    pub(crate) host: Option<(String, &'static str)>,
    /// `--context`.
    pub(crate) context: Option<String>,
    /// `DOCKER_HOST`.
    pub(crate) docker_host: Option<String>,
    /// `DOCKER_CONTEXT`.
    pub(crate) docker_context: Option<String>,
    /// `DOCKER_CONFIG`: the directory of the Docker CLI's configuration.
    pub(crate) docker_config: Option<PathBuf>,
    /// The home directory.
    pub(crate) home: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`.
    pub(crate) xdg_runtime_dir: Option<PathBuf>,
    /// Whether `DOCKER_TLS_VERIFY` is set to something.
    pub(crate) tls_verify: bool,
    /// `DOCKER_CERT_PATH`.
    pub(crate) cert_path: Option<PathBuf>,
}

/// Why an endpoint was chosen that nobody named.
pub(super) const USUAL: &str = "the usual socket";

/// An engine's address, and why it was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// `unix:///var/run/docker.sock`, `tcp://host:2376`, `ssh://user@host`.
    pub(crate) address: String,
    /// ``from `DOCKER_HOST` ``, ``the current Docker context `x` ``, `the usual socket`.
    pub(crate) why: String,
    /// How to get there.
    pub(super) transport: Transport,
}

/// How to get to an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Transport {
    /// A Unix socket, or a named pipe on Windows.
    Socket(PathBuf),
    /// `host:port`, with or without TLS.
    Tcp(String, Option<Tls>),
    /// `user@host`, by way of the `ssh` program.
    Ssh(String),
}

/// The PEM files of a TLS endpoint. Without `ca` the system's authorities alone count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tls {
    pub(super) ca: Option<PathBuf>,
    /// The client's certificate and its key.
    pub(super) client: Option<(PathBuf, PathBuf)>,
}

impl Endpoint {
    /// Finds the endpoint: `--host`, `--context`, `DOCKER_HOST`, `DOCKER_CONTEXT`, the
    /// current context of the Docker CLI, and at last the usual sockets.
    ///
    /// The context `default` means "no context", as with the Docker CLI.
    pub(crate) fn resolve(options: &EndpointOptions) -> Result<Self, EngineError> {
        let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let config = options
            .docker_config
            .clone()
            .filter(|dir| !dir.as_os_str().is_empty())
            .or_else(|| options.home.as_ref().map(|home| home.join(".docker")));

        if let Some((host, by)) = options.host.as_ref().filter(|(host, _)| !host.is_empty()) {
            if let Some(context) = set(&options.context) {
                let error =
                    endpoint_error(&context, "`--host` and `--context` contradict each other")
                        .with_hint("give one of them");
                return Err(EngineError { kind: EngineErrorKind::Address, ..error });
            }
            return Self::of_host(host, &format!("from {by}"), options, config.as_deref());
        }
        let named = |name: String, why: String| match &config {
            Some(dir) => Self::of_context(dir, &name, why),
            None => Err(endpoint_error(
                &name,
                "there is no home directory to look for the Docker context in",
            )
            .with_hint("set `HOME` or `DOCKER_CONFIG`")),
        };
        match set(&options.context) {
            Some(name) if name != "default" => {
                let why = format!("the Docker context `{}` from `--context`", foreign_line(&name));
                return named(name, why);
            }
            _ => {}
        }
        if let Some(host) = set(&options.docker_host) {
            return Self::of_host(&host, "from `DOCKER_HOST`", options, config.as_deref());
        }
        let by_flag = options.context.as_deref().is_some_and(|name| !name.is_empty());
        if !by_flag {
            if let Some(name) = set(&options.docker_context) {
                if name != "default" {
                    let why = format!(
                        "the Docker context `{}` from `DOCKER_CONTEXT`",
                        foreign_line(&name)
                    );
                    return named(name, why);
                }
            } else if let Some(name) = config.as_deref().and_then(context_store::current)
                && name != "default"
            {
                let why = format!("the current Docker context `{}`", foreign_line(&name));
                return named(name, why);
            }
        }
        Ok(Self::of_socket(sockets::usual(
            options.home.as_deref(),
            options.xdg_runtime_dir.as_deref(),
        )))
    }

    /// A thing to know before using it, for the caller to show once.
    pub(crate) fn warning(&self) -> Option<String> {
        match self.transport {
            Transport::Tcp(_, None) => Some(format!(
                "`{}` ({}) is not encrypted: whoever is on the way can read and take over the engine",
                self.address, self.why
            )),
            _ => None,
        }
    }

    /// Whether it is on this machine, so that compressing what is sent costs more than it saves.
    pub(super) fn is_local(&self) -> bool {
        matches!(self.transport, Transport::Socket(_))
    }

    /// The socket's path, where it is one.
    pub(super) fn socket(&self) -> Option<&Path> {
        match &self.transport {
            Transport::Socket(path) => Some(path),
            _ => None,
        }
    }

    pub(super) fn of_socket(path: PathBuf) -> Self {
        Self {
            address: format!("unix://{}", foreign_line(&path.to_string_lossy())),
            why: USUAL.to_owned(),
            transport: Transport::Socket(path),
        }
    }

    fn of_host(
        host: &str,
        why: &str,
        options: &EndpointOptions,
        config: Option<&Path>,
    ) -> Result<Self, EngineError> {
        let mut transport = parse(host, options.tls_verify).map_err(|problem| EngineError {
            kind: EngineErrorKind::Address,
            ..bad_host(host, why, &problem)
        })?;
        if let Transport::Tcp(_, Some(tls)) = &mut transport
            && let Some(dir) =
                options.cert_path.as_deref().filter(|dir| !dir.as_os_str().is_empty()).or(config)
        {
            *tls = read_tls(dir)?;
            if tls.ca.is_none() && options.tls_verify {
                let path = dir.join("ca.pem").display().to_string();
                return Err(endpoint_error(&mask_address(host), format!("there is no `{}`", foreign_line(&path)))
                    .with_hint("`DOCKER_TLS_VERIFY` is set: `DOCKER_CERT_PATH` has to name the directory with the `.pem` files"));
            }
        }
        Ok(Self { address: foreign_line(host), why: why.to_owned(), transport })
    }

    fn of_context(config: &Path, name: &str, why: String) -> Result<Self, EngineError> {
        let DockerContext { host, skip_tls_verify, tls_dir } = context_store::read(config, name)
            .map_err(|problem| {
                endpoint_error(name, format!("{problem} ({why})")).with_hint(
                    "`docker context ls` lists the contexts; `--context default` uses none",
                )
            })?;
        let mut transport =
            parse(&host, false).map_err(|problem| bad_host(&host, &why, &problem))?;
        if let Transport::Tcp(_, tls) = &mut transport {
            if skip_tls_verify {
                return Err(endpoint_error(name, "the Docker context skips the verification of TLS certificates")
                    .with_hint("occ always verifies: `docker context update --docker host=…,ca=…` gives it an authority"));
            }
            if let Some(dir) = tls_dir {
                *tls = Some(read_tls(&dir)?);
            }
        }
        Ok(Self { address: foreign_line(&host), why, transport })
    }
}

/// What is in a directory with `ca.pem`, `cert.pem` and `key.pem`.
fn read_tls(dir: &Path) -> Result<Tls, EngineError> {
    let file = |name: &str| Some(dir.join(name)).filter(|path| path.exists());
    let client = match (file("cert.pem"), file("key.pem")) {
        (Some(cert), Some(key)) => Some((cert, key)),
        (None, None) => None,
        // The transport would leave the certificate out without a word.
        (cert, _) => {
            let missing = if cert.is_none() { "cert.pem" } else { "key.pem" };
            let message = format!(
                "a client certificate needs `cert.pem` and `key.pem`, `{missing}` is missing"
            );
            return Err(endpoint_error(&dir.display().to_string(), message));
        }
    };
    Ok(Tls { ca: file("ca.pem"), client })
}

/// Reads an address as the Docker CLI does: a bare `host:port` is a tcp address.
fn parse(text: &str, tls: bool) -> Result<Transport, String> {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (scheme, rest),
        None if text.starts_with('/') => {
            return Err("a socket is written `unix://` and its path".to_owned());
        }
        None => ("tcp", text),
    };
    match scheme {
        "unix" if cfg!(unix) => {
            if !rest.starts_with('/') || rest.contains('\0') {
                return Err(
                    "the path of a socket is absolute: `unix:///run/docker.sock`".to_owned()
                );
            }
            Ok(Transport::Socket(PathBuf::from(rest)))
        }
        "npipe" if cfg!(windows) => Ok(Transport::Socket(PathBuf::from(text))),
        "tcp" | "http" | "https" => {
            let tls = tls || scheme == "https";
            let port = if tls { "2376" } else { "2375" };
            Ok(Transport::Tcp(authority(rest, port)?, tls.then(Tls::default)))
        }
        "ssh" => {
            let word = |part: &str| {
                !part.starts_with('-')
                    && !part.is_empty()
                    && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
            };
            let rest = rest.trim_end_matches('/');
            let (user, host) =
                rest.split_once('@').map_or((None, rest), |(user, host)| (Some(user), host));
            if user.is_some_and(|user| user.contains(':')) {
                return Err("a password has no place in an address".to_owned());
            }
            // The ssh transport hands the whole authority to `ssh` as a host name.
            if host.contains(':') {
                return Err("an ssh port is set in `~/.ssh/config`, not in the address".to_owned());
            }
            if !word(host) || !user.is_none_or(word) {
                return Err("an ssh address is `ssh://user@host`, without a path".to_owned());
            }
            Ok(Transport::Ssh(rest.to_owned()))
        }
        _ => Err(format!("unknown scheme `{}`", foreign_line(scheme))),
    }
}

/// `host:port`, with the default port where none is written.
fn authority(text: &str, default_port: &str) -> Result<String, String> {
    let text = text.trim_end_matches('/');
    if text.contains('@') {
        return Err("a user name has no place in a tcp address".to_owned());
    }
    if text.contains('/') {
        return Err("a tcp address has no path".to_owned());
    }
    let (host, port) = match text.rfind(':') {
        Some(colon) if !text[colon..].contains(']') => (&text[..colon], &text[colon + 1..]),
        _ => (text, default_port),
    };
    let host = if host.is_empty() { "127.0.0.1" } else { host };
    let v6 = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let good = v6.map_or_else(
        || host.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)),
        |v6| v6.parse::<std::net::Ipv6Addr>().is_ok(),
    );
    if !good {
        return Err("bad host name".to_owned());
    }
    if !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Err(format!("bad port `{}`", foreign_line(port)));
    }
    Ok(format!("{host}:{port}"))
}

fn bad_host(host: &str, why: &str, problem: &str) -> EngineError {
    endpoint_error(&mask_address(host), format!("{problem} ({why})"))
        .with_hint("write `unix:///path/to.sock`, `tcp://host:2375` or `ssh://user@host`")
}

/// An error about an address, a context or its certificates.
pub(super) fn endpoint_error(subject: &str, message: impl Into<String>) -> EngineError {
    EngineError::new(
        EngineErrorKind::Endpoint,
        FailureClass::Engine,
        foreign_line(subject),
        message,
    )
}

#[cfg(test)]
#[path = "endpoint_tests.rs"]
mod tests;
