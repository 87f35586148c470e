//! A raw stream through the engine's API: `BuildKit` speaks HTTP/2 over it, which the client
//! library gives nobody the connection for.

use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
    ReadBuf,
};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::buildkit::Duplex;
use crate::engine::docker::endpoint::{Endpoint, Tls, Transport};

/// Bytes of an answer's head, and of a refusal that is read.
const LONGEST: usize = 64 * 1024;

/// Why there is no such stream.
#[derive(Debug)]
pub(super) enum DialError {
    /// No connection, or it broke.
    Io(io::Error),
    /// The engine does not do that: the status of its answer, and what it said.
    Refused(u16, String),
}

impl From<io::Error> for DialError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Asks the engine to go on in HTTP/2 at a path.
pub(super) async fn upgrade(
    endpoint: &Endpoint,
    path: &str,
    headers: &[(&'static str, String)],
) -> Result<Box<dyn Duplex>, DialError> {
    // On a session the engine speaks first, right behind its answer: what was read of that
    // stays for whoever goes on.
    let mut stream = BufReader::new(connect(endpoint).await?);
    let mut head = format!(
        "POST {path} HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\
         Content-Length: 0\r\n"
    );
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let room = LONGEST - answer.len();
        if room == 0 {
            return Err(io::Error::other("the engine's answer has no end").into());
        }
        let mut line = (&mut stream).take(room as u64);
        if line.read_until(b'\n', &mut answer).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    match status(&answer) {
        Some(101) => Ok(Box::new(stream)),
        Some(status) => {
            // Its length is not looked at: whoever refuses may as well hang up.
            let mut said = vec![0; 4096];
            let n = stream.read(&mut said).await.unwrap_or_default();
            Err(DialError::Refused(status, String::from_utf8_lossy(&said[..n]).into_owned()))
        }
        None => Err(io::Error::other("what answers there does not speak HTTP").into()),
    }
}

/// The status in the head of an answer.
fn status(head: &str) -> Option<u16> {
    let rest = head.strip_prefix("HTTP/1.")?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

/// A stream to the engine.
async fn connect(endpoint: &Endpoint) -> io::Result<Box<dyn Duplex>> {
    match &endpoint.transport {
        #[cfg(unix)]
        Transport::Socket(path) => Ok(Box::new(tokio::net::UnixStream::connect(path).await?)),
        #[cfg(windows)]
        Transport::Socket(path) => {
            let path = path.to_string_lossy().replace("npipe://", "").replace('/', "\\");
            Ok(Box::new(tokio::net::windows::named_pipe::ClientOptions::new().open(path)?))
        }
        Transport::Tcp(authority, tls) => {
            let stream = tokio::net::TcpStream::connect(authority).await?;
            // Small frames, and somebody waits for each.
            stream.set_nodelay(true)?;
            let Some(tls) = tls else { return Ok(Box::new(stream)) };
            let host = authority.rsplit_once(':').map_or(&**authority, |(host, _)| host);
            let host = host.trim_matches(['[', ']']).to_owned();
            let name = ServerName::try_from(host).map_err(io::Error::other)?;
            let connector = tokio_rustls::TlsConnector::from(Arc::new(config(tls)?));
            Ok(Box::new(connector.connect(name, stream).await?))
        }
        Transport::Ssh(host) => Ok(Box::new(Remote::start(host)?)),
    }
}

/// The same trust as for all other requests.
fn config(tls: &Tls) -> io::Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let certificates = |path| {
        let all = CertificateDer::pem_file_iter(path).map_err(io::Error::other)?;
        all.collect::<Result<Vec<_>, _>>().map_err(io::Error::other)
    };
    if let Some(ca) = &tls.ca {
        roots.add_parsable_certificates(certificates(ca)?);
    }
    let config = rustls::ClientConfig::builder().with_root_certificates(roots);
    match &tls.client {
        None => Ok(config.with_no_client_auth()),
        Some((certificate, key)) => {
            let key = PrivateKeyDer::from_pem_file(key).map_err(io::Error::other)?;
            config.with_client_auth_cert(certificates(certificate)?, key).map_err(io::Error::other)
        }
    }
}

/// A stream to the engine of another machine, through the `ssh` program, as the Docker CLI
/// has it.
struct Remote {
    /// Ended with this.
    _ssh: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Remote {
    fn start(host: &str) -> io::Result<Self> {
        let mut ssh = Command::new("ssh")
            .args(["-o", "ConnectTimeout=30", "-T", "--", host, "docker", "system", "dial-stdio"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let pipes = ssh.stdin.take().zip(ssh.stdout.take());
        let (input, output) = pipes.ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Self { _ssh: ssh, input, output })
    }
}

impl AsyncRead for Remote {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.output).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Remote {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.input).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_shutdown(cx)
    }
}
