//! A raw stream through the engine's API: `BuildKit` speaks HTTP/2 over it, which the client
//! library gives nobody the connection for.

use std::io;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use crate::engine::docker::connector::{Connector, Stream};

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
    connector: &Connector,
    path: &str,
    headers: &[(&'static str, String)],
) -> Result<Stream, DialError> {
    // On a session the engine speaks first, right behind its answer: what was read of that
    // stays for whoever goes on.
    let mut stream = BufReader::new(connector.connect().await?);
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
