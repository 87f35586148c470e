//! Connections to one engine: for its API, where one is kept for the next question, and for
//! the streams of its builder.
//!
//! A new connection costs an engine of this machine a little, and one of another machine a
//! login.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bollard::errors::Error;
use bollard::{API_DEFAULT_VERSION, Docker};
use futures_util::TryFutureExt as _;
use futures_util::future::BoxFuture;
use http::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::TlsConnector;
use tower_service::Service;

use crate::buildkit::Duplex;
use crate::engine::docker::endpoint::{Endpoint, Tls, Transport};
use crate::engine::docker::ssh::Remote;

/// A connection, whatever it goes over.
pub(super) type Stream = Box<dyn Duplex>;

/// As many are kept as questions are asked at once, …
const KEPT: usize = 8;

/// … and as long as questions follow one another: whoever stands between may hang up on one
/// that says nothing.
const IDLE: Duration = Duration::from_secs(5);

/// bollard's own time-out counts the upload of a build context and has whole
/// seconds only, so it is set out of the way, in seconds: ten years.
const NO_TIMEOUT: u64 = 10 * 365 * 24 * 3600;

/// Connects to one engine.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    endpoint: Arc<Endpoint>,
    tls: Option<Arc<ClientConfig>>,
}

impl Connector {
    /// Contacts nobody; the files of its certificates are read.
    pub(super) fn new(endpoint: Arc<Endpoint>) -> io::Result<Self> {
        let tls = match &endpoint.transport {
            Transport::Tcp(_, Some(tls)) => Some(Arc::new(config(tls)?)),
            _ => None,
        };
        Ok(Self { endpoint, tls })
    }

    /// A client of the engine's API.
    pub(super) fn docker(&self) -> io::Result<Docker> {
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_max_idle_per_host(KEPT).pool_idle_timeout(IDLE);
        let client = builder.build(self.clone());
        let host = match &self.endpoint.transport {
            Transport::Tcp(authority, _) => authority,
            Transport::Socket(_) | Transport::Ssh(_) => "docker",
        };
        Docker::connect_with_custom_transport(
            move |request| client.request(request).map_err(Error::from),
            Some(format!("http://{host}")),
            NO_TIMEOUT,
            API_DEFAULT_VERSION,
        )
        .map_err(io::Error::other)
    }

    /// A new connection.
    pub(super) async fn connect(&self) -> io::Result<Stream> {
        match &self.endpoint.transport {
            #[cfg(unix)]
            Transport::Socket(path) => Ok(Box::new(tokio::net::UnixStream::connect(path).await?)),
            #[cfg(windows)]
            Transport::Socket(path) => pipe(path).await,
            Transport::Tcp(authority, _) => {
                let stream = tcp(authority).await?;
                let Some(tls) = self.tls.clone().map(TlsConnector::from) else {
                    return Ok(Box::new(stream));
                };
                let host = authority.rsplit_once(':').map_or(&**authority, |(host, _)| host);
                let host = host.trim_matches(['[', ']']).to_owned();
                let name = ServerName::try_from(host).map_err(io::Error::other)?;
                Ok(Box::new(tls.connect(name, stream).await?))
            }
            Transport::Ssh(host) => Ok(Box::new(Remote::start(host)?)),
        }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<TokioIo<Stream>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.connect().await.map(TokioIo::new) })
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// The first of a host's addresses that answers, of both families.
async fn tcp(authority: &str) -> io::Result<tokio::net::TcpStream> {
    let mut connector = HttpConnector::new();
    // Small frames, and somebody waits for each.
    connector.set_nodelay(true);
    let uri = format!("http://{authority}").parse().map_err(io::Error::other)?;
    let stream = connector.call(uri).await.map_err(io::Error::other)?;
    Ok(stream.into_inner())
}

#[cfg(windows)]
async fn pipe(path: &std::path::Path) -> io::Result<Stream> {
    use tokio::net::windows::named_pipe::ClientOptions;
    /// What Windows says while all ends of a pipe are taken: `ERROR_PIPE_BUSY`.
    const BUSY: i32 = 231;
    let path = path.to_string_lossy().replace("npipe://", "").replace('/', "\\");
    loop {
        match ClientOptions::new().open(&path) {
            Err(error) if error.raw_os_error() == Some(BUSY) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            opened => return Ok(Box::new(opened?)),
        }
    }
}

/// Whom to trust: the system's authorities and the endpoint's own. A client certificate that
/// is not there is not offered.
fn config(tls: &Tls) -> io::Result<ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let certificates = |path| {
        let all = CertificateDer::pem_file_iter(path).map_err(io::Error::other)?;
        all.collect::<Result<Vec<_>, _>>().map_err(io::Error::other)
    };
    if let Some(ca) = &tls.ca {
        roots.add_parsable_certificates(certificates(ca)?);
    }
    let config = ClientConfig::builder().with_root_certificates(roots);
    match &tls.client {
        None => Ok(config.with_no_client_auth()),
        Some((certificate, key)) => {
            let key = PrivateKeyDer::from_pem_file(key).map_err(io::Error::other)?;
            config.with_client_auth_cert(certificates(certificate)?, key).map_err(io::Error::other)
        }
    }
}
