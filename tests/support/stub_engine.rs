//! An engine on a Unix socket that keeps a table of images and misbehaves as told.
//!
//! It knows as much of the Docker Engine API as occ uses. A pull makes an image
//! of the stub's own registry appear, a tag gives it a name, a build makes a new one.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use super::http::{Request, Response, decode};
use super::script::{Rule, Script, Seen, lock};
pub(crate) use super::stub_fault::{End, Fault};
use super::stub_table::{StubImage, Table, complaint, familiar};

/// The engine. It stops when it is dropped.
#[derive(Debug)]
pub(crate) struct StubEngine {
    directory: TempDir,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    script: Script<Fault>,
    table: Mutex<Table>,
    /// Takes requests in at a trickle, as a busy engine or a slow network does.
    slow: AtomicBool,
    /// Hangs up on who asks nothing for a tenth of a second.
    impatient: AtomicBool,
    /// Connections so far.
    connections: AtomicUsize,
    /// Bytes of requests so far.
    received: AtomicUsize,
    /// What is done about which requests before they are whole, as soon as so much came.
    early: Mutex<Option<(&'static str, u64, Fault)>>,
    stopping: AtomicBool,
    /// Answers that nobody waited for to the end.
    abandoned: AtomicUsize,
}

impl StubEngine {
    /// Starts an engine without images.
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("engine.sock")).unwrap();
        let shared = Arc::new(Shared::default());
        let server = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if server.stopping.load(Ordering::Relaxed) {
                    return;
                }
                let server = Arc::clone(&server);
                server.connections.fetch_add(1, Ordering::Relaxed);
                if server.impatient.load(Ordering::Relaxed) {
                    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
                }
                // A client that goes away mid-answer is part of the tests, not a failure.
                thread::spawn(move || drop(server.serve(&stream)));
            }
        });
        Self { directory, shared }
    }

    /// Lets `reference` (`host/name:tag`) be pulled.
    #[must_use]
    pub(crate) fn remote(self, reference: &str, image: &StubImage) -> Self {
        let repository = reference.rsplit_once(':').unwrap().0;
        let mut table = lock(&self.shared.table);
        for name in [reference.to_owned(), format!("{repository}@{}", image.digest)] {
            table.remote.insert(familiar(&name), image.clone());
        }
        drop(table);
        self
    }

    /// Puts an image into the engine, under a name.
    #[must_use]
    pub(crate) fn local(self, name: &str, image: &StubImage) -> Self {
        lock(&self.shared.table).add(&[name.to_owned()], image);
        self
    }

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

    /// Fails every request that contains `matching` while its body is under way: after so
    /// many bytes of it, and without reading on.
    #[must_use]
    pub(crate) fn failing_early(self, matching: &'static str, after: u64, fault: Fault) -> Self {
        *lock(&self.shared.early) = Some((matching, after, fault));
        self
    }

    /// Says that it has `BuildKit`, and ends every build before it begins.
    #[must_use]
    pub(crate) fn with_buildkit(self) -> Self {
        self.failing("POST /grpc", Fault::Upgrade).failing("POST /session", Fault::Upgrade)
    }

    /// Reads requests so slowly that a build context takes its time.
    #[must_use]
    pub(crate) fn reading_slowly(self) -> Self {
        self.shared.slow.store(true, Ordering::Relaxed);
        self
    }

    /// Hangs up, without a word, on who asks nothing for a tenth of a second.
    #[must_use]
    pub(crate) fn hanging_up(self) -> Self {
        self.shared.impatient.store(true, Ordering::Relaxed);
        self
    }

    /// Connections that were made so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Bytes of requests that came so far.
    pub(crate) fn received(&self) -> usize {
        self.shared.received.load(Ordering::Relaxed)
    }

    /// Answers on a port of the loopback address, too.
    pub(crate) fn also_on_tcp(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let socket = self.socket();
        // It waits for connections to the end of the process, of which each test has its own.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(engine) = UnixStream::connect(&socket) else { return };
                let (mut to, mut back) = (engine.try_clone().unwrap(), client.try_clone().unwrap());
                thread::spawn(move || drop(io::copy(&mut &client, &mut to)));
                thread::spawn(move || drop(io::copy(&mut &engine, &mut back)));
            }
        });
        port
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("engine.sock")
    }

    /// `unix://…`
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// How many clients went away from an answer that was held back.
    pub(crate) fn abandoned(&self) -> usize {
        self.shared.abandoned.load(Ordering::Relaxed)
    }

    /// The requests so far whose line contains `matching`.
    pub(crate) fn seen(&self, matching: &str) -> Vec<Seen> {
        self.shared.script.seen(matching)
    }

    /// The requests so far that could change something: not what asks for its builder.
    pub(crate) fn changes(&self) -> Vec<Seen> {
        let is_change = |seen: &Seen| {
            let request = &seen.request;
            !matches!(request.method.as_str(), "GET" | "HEAD") && request.path() != "/grpc"
        };
        self.seen("").into_iter().filter(is_change).collect()
    }

    /// Takes a name away.
    pub(crate) fn remove(&self, name: &str) {
        lock(&self.shared.table).remove(name);
    }

    /// The id behind a name.
    pub(crate) fn id(&self, name: &str) -> Option<String> {
        lock(&self.shared.table).names.get(&familiar(name)).cloned()
    }
}

impl Drop for StubEngine {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        // The accepting thread wakes up for this, and ends.
        let _ = UnixStream::connect(self.socket());
    }
}

impl Shared {
    fn serve(&self, stream: &UnixStream) -> io::Result<()> {
        let mut reader = BufReader::new(Inbox { stream: stream.try_clone()?, shared: self });
        while let Some(mut request) = Request::read_head(&mut reader)? {
            let early = lock(&self.early).clone();
            if let Some((matching, after, fault)) = early
                && request.line().contains(matching)
            {
                io::copy(&mut reader.by_ref().take(after), &mut io::sink())?;
                self.script.next(&request);
                if self.answer(&request, Some(fault), stream)? {
                    // As engines do it, so that the answer arrives where somebody still writes.
                    stream.shutdown(Shutdown::Write)?;
                    thread::sleep(Duration::from_millis(500));
                }
                return Ok(());
            }
            request.read_rest(&mut reader)?;
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
        mut stream: &UnixStream,
    ) -> io::Result<bool> {
        match fault {
            None => self.respond(request).write(&mut stream, request.method != "HEAD")?,
            Some(Fault::Status(status, message)) => {
                complaint(status, message).write(&mut stream, request.method != "HEAD")?;
            }
            Some(Fault::Hang) => return self.wait_for_end(stream),
            Some(Fault::Close) => return Ok(false),
            Some(Fault::LacksAByte) => {
                let mut response = self.respond(request);
                response.body.push(b' ');
                response.write_head(&mut stream)?;
                response.body.pop();
                stream.write_all(&response.body)?;
                return Ok(false);
            }
            Some(Fault::Garbage) => {
                stream.write_all(b"\0\xffno engine at all\r\n\r\n")?;
                return Ok(false);
            }
            Some(Fault::Upgrade) => {
                let head = "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
                stream.write_all(head.as_bytes())?;
                return Ok(false);
            }
            Some(Fault::Flood(line, times)) => {
                stream.write_all(STREAM.as_bytes())?;
                let line = String::from_utf8_lossy(&line);
                for number in 0..times {
                    let line = line.replacen("#N#", &number.to_string(), 1);
                    write!(stream, "{:x}\r\n{line}\n\r\n", line.len() + 1)?;
                }
                stream.write_all(b"0\r\n\r\n")?;
            }
            Some(Fault::Stream(lines, end)) => {
                stream.write_all(STREAM.as_bytes())?;
                for line in lines {
                    write_line(stream, &line)?;
                }
                match end {
                    End::Clean => stream.write_all(b"0\r\n\r\n")?,
                    End::Cut => {
                        stream.write_all(b"ff\r\n{\"sta")?;
                        return Ok(false);
                    }
                    End::Never => return self.wait_for_end(stream),
                }
            }
        }
        Ok(true)
    }

    /// Waits until the client closes the connection or the test is over.
    fn wait_for_end(&self, mut stream: &UnixStream) -> io::Result<bool> {
        stream.set_read_timeout(Some(Duration::from_millis(50)))?;
        while !self.stopping.load(Ordering::Relaxed) {
            match stream.read(&mut [0; 4096]) {
                Ok(0) => {
                    self.abandoned.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                Err(e)
                    if !matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
                {
                    // It went away with something left to read.
                    self.abandoned.fetch_add(1, Ordering::Relaxed);
                    return Err(e);
                }
                _ => {}
            }
        }
        Ok(false)
    }

    /// What an engine in good health answers.
    fn respond(&self, request: &Request) -> Response {
        let path = decode(request.path());
        let path = without_version(&path);
        let mut table = lock(&self.table);
        let inner = |end: &str| {
            let name = path.strip_prefix("/images/")?.strip_suffix(end)?;
            Some(name.to_owned())
        };
        match (request.method.as_str(), path) {
            (_, "/_ping") => Response::new(200, "text/plain", "OK"),
            ("GET", "/version") => version(),
            ("GET", "/info") => {
                Response::json(200, &json!({ "OSType": "linux", "Architecture": "x86_64" }))
            }
            ("POST", "/images/create") => table.pull(request),
            ("POST", "/build") => table.build(request),
            ("GET", "/images/json") => table.list(request.target.contains("dangling")),
            ("GET", _) if path.starts_with("/distribution/") => table.resolve(path),
            ("GET", _) => match (inner("/json"), inner("/history")) {
                (Some(name), _) => table.inspect(&name),
                (_, Some(name)) => table.history(&name),
                _ => complaint(404, "page not found"),
            },
            ("POST", _) => match inner("/tag") {
                Some(source) => table.tag(&source, request),
                None => complaint(404, "page not found"),
            },
            ("DELETE", _) => match inner("") {
                Some(name) => table.remove(&name),
                None => complaint(404, "page not found"),
            },
            _ => complaint(404, "page not found"),
        }
    }
}

/// How an answer begins that comes in pieces.
const STREAM: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";

/// One of those pieces.
fn write_line(mut stream: &UnixStream, line: &[u8]) -> io::Result<()> {
    write!(stream, "{:x}\r\n", line.len() + 2)?;
    stream.write_all(line)?;
    stream.write_all(b"\r\n\r\n")
}

/// The reading end of a connection.
struct Inbox<'a> {
    stream: UnixStream,
    shared: &'a Shared,
}

impl Read for Inbox<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut most = buffer.len();
        if self.shared.slow.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(1));
            most = most.min(4096);
        }
        let read = self.stream.read(&mut buffer[..most])?;
        self.shared.received.fetch_add(read, Ordering::Relaxed);
        Ok(read)
    }
}

fn version() -> Response {
    Response::json(
        200,
        &json!({ "Version": "stub", "ApiVersion": "1.41", "MinAPIVersion": "1.12", "Os": "linux", "Arch": "amd64" }),
    )
}

fn without_version(path: &str) -> &str {
    let versioned = path.strip_prefix("/v1.").and_then(|rest| rest.find('/').map(|at| &rest[at..]));
    versioned.unwrap_or(path)
}
