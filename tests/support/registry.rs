//! A registry on loopback that serves images from memory and fails as told.
//! Engines take `127.0.0.0/8` for an insecure registry, so plain HTTP will do.

use std::collections::HashMap;
use std::io::{self, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;

use super::http::{Request, Response};
use super::image::{Blob, Image};
use super::registry_words::name_unknown;
pub(crate) use super::registry_words::{
    INJECTION, denied, error, login_page, not_found, not_found_with_detail, rate_limited,
    unauthorized, unauthorized_bearer,
};
use super::script::{Rule, Script, Seen, lock};

/// What the registry does instead of answering truly.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// Answers this.
    Answer(Response),
    /// Closes the connection without an answer.
    Close,
    /// Resets the connection.
    Reset,
    /// Says nothing until the client goes away.
    Hang,
    /// Answers truly, later.
    Delay(Duration),
    /// Sends so many bytes of the true body and closes.
    Truncate(usize),
    /// Sends so many bytes of the true body and resets the connection.
    Break(usize),
    /// Sends so many bytes of the true body and then nothing more.
    Stall(usize),
    /// Sends the true body at so many bytes a tenth of a second.
    Slow(usize),
    /// Flips a byte in the middle of the true body.
    Corrupt,
    /// Names a wrong digest in the header of the true answer.
    WrongDigest,
    /// Redirects to the same place, for ever.
    Loop,
    /// A body without an end, of a few hundred kilobytes a second.
    Endless,
    /// Sends these bytes, which are no HTTP or no good one, and closes.
    Raw(Vec<u8>),
}

/// The first byte of a connection that wants TLS.
const TLS_HANDSHAKE: u8 = 0x16;

/// The registry. It stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Registry {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    script: Script<Fault>,
    /// By `repository` + `tag or digest`.
    manifests: Mutex<HashMap<(String, String), Blob>>,
    blobs: Mutex<HashMap<String, Blob>>,
    /// The `Authorization` header to demand.
    authorization: Mutex<Option<String>>,
    stopping: AtomicBool,
    /// Closes every connection without an answer, as if it were not there.
    down: AtomicBool,
    /// Answers that nobody waited for to the end.
    abandoned: AtomicUsize,
}

impl Registry {
    /// Starts an empty registry on a free port.
    pub(crate) fn start() -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST)
    }

    /// The same at another address of this machine. There, an engine insists on TLS.
    pub(crate) fn start_at(address: Ipv4Addr) -> Self {
        Self::on(TcpListener::bind((address, 0)).unwrap())
    }

    /// An empty registry behind a port that is open already.
    pub(crate) fn on(listener: TcpListener) -> Self {
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let server = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if server.stopping.load(Ordering::Relaxed) {
                    return;
                }
                let server = Arc::clone(&server);
                // A client that goes away mid-answer is part of the tests, not a failure.
                thread::spawn(move || drop(server.serve(&stream)));
            }
        });
        Self { address, shared }
    }

    /// A registry that holds one image under one name.
    pub(crate) fn with(repository: &str, tag: &str, image: &Image) -> Self {
        let registry = Self::start();
        registry.push(repository, tag, image);
        registry
    }

    /// Serves `image` under `repository:tag`, and under its digests.
    pub(crate) fn push(&self, repository: &str, tag: &str, image: &Image) {
        let mut manifests = lock(&self.shared.manifests);
        let mut put = |name: &str, document: &Blob| {
            manifests.insert((repository.to_owned(), name.to_owned()), document.clone());
        };
        put(tag, &image.manifests[0]);
        for document in &image.manifests {
            put(&document.digest, document);
        }
        let blobs = image.configs.iter().chain(&image.layers);
        lock(&self.shared.blobs).extend(blobs.map(|blob| (blob.digest.clone(), blob.clone())));
    }

    /// Forgets an image by all of its names.
    pub(crate) fn forget(&self, repository: &str) {
        lock(&self.shared.manifests).retain(|(known, _), _| known != repository);
    }

    /// Goes away, or comes back.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.shared.down.store(is_down, Ordering::Relaxed);
    }

    /// Adds a rule; of several that fit, the first that is due wins.
    #[must_use]
    pub(crate) fn rule(self, rule: Rule<Fault>) -> Self {
        self.shared.script.add(rule);
        self
    }

    /// Fails every request that contains `matching`.
    #[must_use]
    pub(crate) fn failing(self, matching: &str, fault: Fault) -> Self {
        self.rule(Rule::on(matching, fault))
    }

    /// Serves only those who send this name and password.
    #[must_use]
    pub(crate) fn private(self, user: &str, password: &str) -> Self {
        let encoded = BASE64.encode(format!("{user}:{password}"));
        *lock(&self.shared.authorization) = Some(format!("Basic {encoded}"));
        self
    }

    /// `127.0.0.1:PORT`
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// How many clients went away from an answer that was held back.
    pub(crate) fn abandoned(&self) -> usize {
        self.shared.abandoned.load(Ordering::Relaxed)
    }

    /// The requests so far whose line contains `matching`.
    pub(crate) fn seen(&self, matching: &str) -> Vec<Seen> {
        self.shared.script.seen(matching)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        // The accepting thread wakes up for this, and ends.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut first = [0];
        if stream.peek(&mut first)? == 1 && first[0] == TLS_HANDSHAKE {
            // As every plain server does: it can't know that it was greeted in TLS.
            let mut stream = stream;
            return stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\nno HTTP\n");
        }
        let mut reader = BufReader::new(stream.try_clone()?);
        while let Some(request) = Request::read(&mut reader)? {
            if self.down.load(Ordering::Relaxed) {
                return Ok(());
            }
            let fault = self.script.next(&request);
            if !self.answer(&request, fault, stream)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Whether the connection can go on afterwards.
    fn answer(
        &self,
        request: &Request,
        fault: Option<Fault>,
        mut stream: &TcpStream,
    ) -> io::Result<bool> {
        let with_body = request.method != "HEAD";
        let mut response = self.respond(request);
        match fault {
            None => {}
            // The answer to a HEAD has no body that could be spoilt.
            Some(
                Fault::Truncate(_)
                | Fault::Break(_)
                | Fault::Stall(_)
                | Fault::Slow(_)
                | Fault::Corrupt,
            ) if !with_body => {}
            Some(Fault::Answer(answer)) => response = answer,
            Some(Fault::Close) => return Ok(false),
            Some(Fault::Reset) => return reset(stream),
            Some(Fault::Hang) => return self.wait_for_end(stream),
            Some(Fault::Delay(time)) => thread::sleep(time),
            Some(Fault::Truncate(bytes)) => {
                begin(&response, stream, bytes)?;
                return Ok(false);
            }
            Some(Fault::Break(bytes)) => {
                begin(&response, stream, bytes)?;
                return reset(stream);
            }
            Some(Fault::Stall(bytes)) => {
                begin(&response, stream, bytes)?;
                return self.wait_for_end(stream);
            }
            Some(Fault::Slow(rate)) => {
                let sent = trickle(&response, stream, rate);
                // Also before its first byte: whoever asked may be gone by then.
                self.abandoned.fetch_add(usize::from(sent.is_err()), Ordering::Relaxed);
                return sent.map(|()| true);
            }
            Some(Fault::Corrupt) => {
                let middle = response.body.len() / 2;
                response.body[middle] ^= 0xff;
            }
            Some(Fault::WrongDigest) => {
                for (name, value) in &mut response.headers {
                    if name == "Docker-Content-Digest" {
                        *value = format!("sha256:{}", "0".repeat(64));
                    }
                }
            }
            Some(Fault::Loop) => {
                let here = format!("http://{}{}", stream.local_addr()?, request.target);
                response = Response::new(307, "text/plain", "").with_header("Location", here);
            }
            Some(Fault::Endless) => {
                stream.write_all(b"HTTP/1.1 200 Scripted\r\n\r\n")?;
                while with_body && !self.stopping.load(Ordering::Relaxed) {
                    stream.write_all(&[b' '; 4096])?;
                    thread::sleep(Duration::from_millis(10));
                }
                return Ok(false);
            }
            Some(Fault::Raw(bytes)) => {
                stream.write_all(&bytes)?;
                return Ok(false);
            }
        }
        response.write(&mut stream, with_body)?;
        Ok(true)
    }

    /// Waits until the client closes the connection or the test is over.
    fn wait_for_end(&self, stream: &TcpStream) -> io::Result<bool> {
        stream.set_read_timeout(Some(Duration::from_millis(50)))?;
        while !self.stopping.load(Ordering::Relaxed) {
            match stream.peek(&mut [0]) {
                Ok(0) => {
                    self.abandoned.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                Ok(_) => thread::sleep(Duration::from_millis(50)),
                Err(e)
                    if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                // It went away with something left to read.
                Err(e) => {
                    self.abandoned.fetch_add(1, Ordering::Relaxed);
                    return Err(e);
                }
            }
        }
        Ok(false)
    }

    /// What a registry in good health answers.
    fn respond(&self, request: &Request) -> Response {
        let wanted = lock(&self.authorization).clone();
        if wanted.is_some() && request.header("authorization") != wanted.as_deref() {
            return unauthorized();
        }
        let path = request.path();
        if path == "/v2/" {
            return ok("application/json", b"{}".to_vec());
        }
        if path == "/token" {
            return Response::json(200, &json!({ "token": "scripted", "expires_in": 300 }));
        }
        let Some(rest) = path.strip_prefix("/v2/") else { return name_unknown() };
        if let Some((repository, name)) = rest.split_once("/manifests/") {
            let key = (repository.to_owned(), name.to_owned());
            return match lock(&self.manifests).get(&key) {
                Some(blob) => serve_blob(blob),
                None => not_found(),
            };
        }
        match rest
            .split_once("/blobs/")
            .and_then(|(_, digest)| lock(&self.blobs).get(digest).cloned())
        {
            Some(blob) => match request.header("range").and_then(start_of) {
                Some(start) if start < blob.bytes.len() => serve_rest(&blob, start),
                _ => serve_blob(&blob),
            },
            None => error(404, "BLOB_UNKNOWN", "blob unknown to registry", None),
        }
    }
}

/// Sends so many bytes of a body, behind the head that promises all of them.
fn begin(response: &Response, mut stream: &TcpStream, bytes: usize) -> io::Result<()> {
    response.write_head(&mut stream)?;
    stream.write_all(&response.body[..bytes.min(response.body.len())])
}

/// Sends so many bytes of a body every tenth of a second.
fn trickle(response: &Response, mut stream: &TcpStream, rate: usize) -> io::Result<()> {
    response.write_head(&mut stream)?;
    for piece in response.body.chunks(rate) {
        stream.write_all(piece)?;
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Sees to it that the end of the connection is a reset.
fn reset(stream: &TcpStream) -> io::Result<bool> {
    // Closing with no time to linger is one.
    rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO))?;
    Ok(false)
}

fn ok(content_type: &str, body: Vec<u8>) -> Response {
    Response::new(200, content_type, body)
        .with_header("Docker-Distribution-Api-Version", "registry/2.0")
}

fn serve_blob(blob: &Blob) -> Response {
    ok(blob.media_type, blob.bytes.clone()).with_header("Docker-Content-Digest", &blob.digest)
}

/// The first byte that a `Range: bytes=N-` asks for.
fn start_of(range: &str) -> Option<usize> {
    range.strip_prefix("bytes=")?.split('-').next()?.parse().ok()
}

/// What is left of a blob, for who has its beginning.
fn serve_rest(blob: &Blob, start: usize) -> Response {
    let size = blob.bytes.len();
    Response::new(206, blob.media_type, &blob.bytes[start..])
        .with_header("Content-Range", format!("bytes {start}-{}/{size}", size - 1))
}
