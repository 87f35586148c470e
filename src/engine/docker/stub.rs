//! A canned engine for tests: a Unix socket that answers each connection with the
//! next reply, byte for byte.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use crate::engine::docker::client::DockerClient;
use crate::engine::docker::endpoint::Endpoint;
use crate::words::duration::Timeouts;

/// What happens to one connection.
#[derive(Clone)]
pub(super) enum Reply {
    /// These bytes, after the request, then the end.
    Bytes(Vec<u8>),
    /// These bytes, then silence until the client goes.
    Held(Vec<u8>),
    /// These bytes as soon as the request's head is there, then the end, whatever
    /// the client still wants to send.
    Early(Vec<u8>),
}

/// An answer with a length.
pub(super) fn json(status: u16, body: &str) -> Reply {
    let length = body.len();
    Reply::Bytes(
        format!(
            "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes(),
    )
}

/// A streamed answer that ends as it should.
pub(super) fn lines(body: impl AsRef<[u8]>) -> Reply {
    Reply::Bytes([chunks(body.as_ref()), b"0\r\n\r\n".to_vec()].concat())
}

/// A streamed answer, unfinished.
pub(super) fn chunks(body: &[u8]) -> Vec<u8> {
    let mut bytes =
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    if !body.is_empty() {
        bytes.extend(format!("{:x}\r\n", body.len()).into_bytes());
        bytes.extend_from_slice(body);
        bytes.extend(b"\r\n");
    }
    bytes
}

/// No answer.
pub(super) fn silence() -> Reply {
    Reply::Held(Vec::new())
}

pub(super) struct Stub {
    path: PathBuf,
    heads: Arc<Mutex<Vec<String>>>,
    gone: tokio::sync::watch::Receiver<bool>,
    _dir: tempfile::TempDir,
}

impl Stub {
    pub(super) fn answering(replies: &[Reply]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("engine.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let (client_gone, gone) = tokio::sync::watch::channel(false);
        let (replies, seen) = (replies.to_vec(), Arc::clone(&heads));
        tokio::spawn(async move {
            for reply in replies {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (seen, client_gone) = (Arc::clone(&seen), client_gone.clone());
                tokio::spawn(async move {
                    serve(&mut stream, reply, &seen).await;
                    client_gone.send_replace(true);
                });
            }
            // Stays bound: a further connection is refused by nobody and answered by nobody.
            std::future::pending::<()>().await;
        });
        Self { path, heads, gone, _dir: dir }
    }

    pub(super) fn client(&self) -> DockerClient {
        self.client_with(Duration::from_secs(10))
    }

    pub(super) fn client_with(&self, limit: Duration) -> DockerClient {
        let limit = Some(limit);
        let timeouts = Timeouts {
            connect: limit,
            response: limit,
            patience: limit,
            stall: limit,
            build: limit,
        };
        DockerClient::with_endpoint(Endpoint::of_socket(self.path.clone()), timeouts).unwrap()
    }

    /// `METHOD /path?query` of each request so far.
    pub(super) fn requests(&self) -> Vec<String> {
        let first = |head: &String| head.split(" HTTP/").next().unwrap().to_owned();
        self.heads.lock().unwrap().iter().map(first).collect()
    }

    pub(super) fn header(&self, request: usize, name: &str) -> Option<String> {
        let heads = self.heads.lock().unwrap();
        heads[request].lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        })
    }

    /// Waits until the client has left a connection.
    pub(super) async fn client_left(&mut self) {
        self.gone.wait_for(|gone| *gone).await.unwrap();
    }
}

async fn serve(stream: &mut UnixStream, reply: Reply, seen: &Mutex<Vec<String>>) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let streamed = head.to_lowercase().contains("transfer-encoding: chunked");
    seen.lock().unwrap().push(head);
    if streamed && !matches!(reply, Reply::Early(_)) {
        while !bytes.ends_with(b"0\r\n\r\n") {
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(n) => bytes.extend_from_slice(&buffer[..n]),
            }
        }
    }
    match reply {
        Reply::Bytes(reply) | Reply::Early(reply) => {
            let _ = stream.write_all(&reply).await;
        }
        Reply::Held(reply) => {
            let _ = stream.write_all(&reply).await;
            while matches!(stream.read(&mut buffer).await, Ok(n) if n > 0) {}
        }
    }
}
