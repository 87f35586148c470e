//! [`DockerClient`]: the connection to one engine.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bollard::errors::Error;
use bollard::{BollardRequest, Docker};
use hyper::header::HeaderValue;
use tokio::sync::OnceCell;

use crate::engine::Builder;
use crate::engine::docker::classify::{self, About, Doing};
use crate::engine::docker::connector::Connector;
use crate::engine::docker::endpoint::{Endpoint, EndpointOptions};
use crate::engine::error::EngineError;
use crate::words::duration::Timeouts;

/// A connection to a container engine that speaks the Docker Engine API.
///
/// It finds the engine as the Docker CLI does (`DOCKER_HOST`, Docker contexts, the
/// usual sockets of Docker, rootless Docker, Docker Desktop and Podman), has
/// time-outs for each of its answers, and turns every failure into an
/// [`EngineError`] with a class and a hint. Making one contacts nobody yet.
///
/// ```no_run
/// use occ::{DockerClient, ProgressReporter};
///
/// # async fn run() -> Result<(), occ::EngineError> {
/// let client = DockerClient::new()?;
/// client.verify_connection().await?;
/// println!("engine {}", client.version().await?);
///
/// let progress = ProgressReporter::new(|event| println!("{event:?}"));
/// if !client.image_exists("alpine:3.20").await? {
///     let id = client.pull_image("alpine:3.20", &progress).await?;
///     println!("pulled {id}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct DockerClient {
    docker: Docker,
    connector: Connector,
    endpoint: Arc<Endpoint>,
    timeouts: Timeouts,
    answered: Arc<AtomicBool>,
    /// What it builds with, once that was asked.
    builder: Arc<OnceCell<Builder>>,
}

/// The manifest's defaults, for whoever has no manifest.
pub(crate) const DEFAULT_TIMEOUTS: Timeouts = Timeouts {
    connect: Some(Duration::from_secs(10)),
    response: Some(Duration::from_secs(60)),
    patience: Some(Duration::from_secs(2)),
    stall: Some(Duration::from_secs(120)),
    build: Some(Duration::from_secs(3600)),
};

impl DockerClient {
    /// A client for the engine that the environment names, with the default time-outs:
    /// 10 s for the engine's first answer, 60 s for any later one.
    pub fn new() -> Result<Self, EngineError> {
        Self::with_endpoint(Endpoint::resolve(&from_environment())?, DEFAULT_TIMEOUTS)
    }

    /// A client for an engine at a known address: `unix:///PATH`, `tcp://HOST:PORT`,
    /// `ssh://USER@HOST`. TLS is as `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH` say.
    pub fn with_host(host: &str) -> Result<Self, EngineError> {
        let options =
            EndpointOptions { host: Some((host.to_owned(), "the program")), ..from_environment() };
        Self::with_endpoint(Endpoint::resolve(&options)?, DEFAULT_TIMEOUTS)
    }

    /// The same as [`new`](Self::new) with one time-out for every answer of the engine. Zero waits for ever.
    ///
    /// It bounds the wait for an answer, not the length of a pull or a build.
    pub fn with_timeout(timeout: Duration) -> Result<Self, EngineError> {
        let limit = (!timeout.is_zero()).then_some(timeout);
        let timeouts = Timeouts { connect: limit, response: limit, ..DEFAULT_TIMEOUTS };
        Self::with_endpoint(Endpoint::resolve(&from_environment())?, timeouts)
    }

    /// A client for a known endpoint.
    pub(crate) fn with_endpoint(
        endpoint: Endpoint,
        timeouts: Timeouts,
    ) -> Result<Self, EngineError> {
        let endpoint = Arc::new(endpoint);
        let connector = Connector::new(Arc::clone(&endpoint));
        let made = connector.and_then(|connector| Ok((connector.docker()?, connector)));
        let (docker, connector) =
            made.map_err(|error| classify::certificates(&error, &endpoint))?;
        Ok(Self {
            docker: docker.with_request_modifier(correct_auth_headers),
            connector,
            endpoint,
            timeouts,
            answered: Arc::default(),
            builder: Arc::default(),
        })
    }

    /// Asks the engine for a sign of life.
    pub async fn verify_connection(&self) -> Result<(), EngineError> {
        let about = self.about_engine();
        self.answer(&about, self.docker.ping())
            .await?
            .map_err(|error| classify::failed(error, &about))?;
        Ok(())
    }

    /// The engine's version, as it writes it: `28.2.2`.
    pub async fn version(&self) -> Result<String, EngineError> {
        let about = self.about_engine();
        let version = self.answer(&about, self.docker.version()).await?;
        let version = version.map_err(|error| classify::failed(error, &about))?;
        Ok(version.version.unwrap_or_else(|| "unknown".to_owned()))
    }

    /// The bollard client underneath, for what this one does not cover.
    ///
    /// It has no time-out of its own, and its errors are not classified.
    pub fn inner(&self) -> &Docker {
        &self.docker
    }

    /// Which engine this is, and why.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Opens connections to it.
    pub(super) fn connector(&self) -> &Connector {
        &self.connector
    }

    pub(super) fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    /// What the engine builds with; `ask` finds out.
    pub(super) async fn known_builder<F>(&self, ask: impl Fn() -> F) -> Result<Builder, EngineError>
    where
        F: Future<Output = Result<Builder, EngineError>>,
    {
        self.builder.get_or_try_init(ask).await.cloned()
    }

    /// What to say when the engine as such fails.
    pub(super) fn about_engine(&self) -> About<'_> {
        About {
            doing: Doing::Greet,
            subject: &self.endpoint.address,
            reference: None,
            credentials: None,
            endpoint: &self.endpoint,
        }
    }

    /// Waits for an answer as long as the time-outs allow: `connect` for the first one
    /// that this engine ever gives, `response` afterwards, and always where a registry
    /// has to be asked, which takes its time.
    pub(super) async fn answer<T>(
        &self,
        about: &About<'_>,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<Result<T, Error>, EngineError> {
        let patient = matches!(about.doing, Doing::Resolve | Doing::Pull)
            || self.answered.load(Ordering::Relaxed);
        let limit = if patient { self.timeouts.response } else { self.timeouts.connect };
        let asked = tokio::time::Instant::now();
        let answer = within(limit, answer).await.map_err(|limit| classify::silent(limit, about))?;
        tracing::debug!(
            doing = ?about.doing,
            subject = %about.subject,
            ok = answer.is_ok(),
            millis = asked.elapsed().as_millis(),
            "the engine answered"
        );
        if matches!(answer, Ok(_) | Err(Error::DockerResponseServerError { .. })) {
            self.answered.store(true, Ordering::Relaxed);
        }
        Ok(answer)
    }
}

/// Waits no longer than `limit`, where there is one; the error is the limit.
pub(super) async fn within<T>(
    limit: Option<Duration>,
    future: impl Future<Output = T>,
) -> Result<T, Duration> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, future).await.map_err(|_| limit),
        None => Ok(future.await),
    }
}

/// Makes the credentials' base64 URL-safe: the engine decodes no other, and takes
/// what it cannot decode for no credentials without saying so.
fn correct_auth_headers(mut request: BollardRequest) -> BollardRequest {
    for name in ["x-registry-auth", "x-registry-config"] {
        let Some(value) = request.headers().get(name).and_then(|value| value.to_str().ok()) else {
            continue;
        };
        if let Ok(mut value) = HeaderValue::from_str(&value.replace('+', "-").replace('/', "_")) {
            value.set_sensitive(true);
            request.headers_mut().insert(name, value);
        }
    }
    request
}

/// What the environment says about the endpoint, for users of the library. The
/// command line has its own, with the flags in it.
#[allow(clippy::disallowed_methods, reason = "a library client has no settings to take it from")]
fn from_environment() -> EndpointOptions {
    let text =
        |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let path = |name: &str| std::env::var_os(name).map(std::path::PathBuf::from);
    EndpointOptions {
        host: None,
        context: None,
        docker_host: text("DOCKER_HOST"),
        docker_context: text("DOCKER_CONTEXT"),
        docker_config: path("DOCKER_CONFIG"),
        home: path("HOME").or_else(|| path("USERPROFILE")),
        xdg_runtime_dir: path("XDG_RUNTIME_DIR"),
        tls_verify: text("DOCKER_TLS_VERIFY").is_some_and(|value| !value.is_empty()),
        cert_path: path("DOCKER_CERT_PATH"),
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
