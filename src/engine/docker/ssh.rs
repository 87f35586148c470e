//! The engine of another machine, through the `ssh` program, as the Docker CLI has it.

use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::words::text::cut;

/// Bytes that are kept of the last that `ssh` says.
const SAID: usize = 4096;

/// Bytes of its last line that are told.
const LINE: usize = 300;

/// How long it may take to say why it ended. A connection that it shares with others may keep
/// that stream open.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A stream to an engine.
pub(super) struct Remote {
    /// Ended with this.
    _ssh: Child,
    input: ChildStdin,
    output: ChildStdout,
    /// Why it ended, for whoever is still waiting for a first word of the engine.
    why: Option<BoxFuture<'static, io::Error>>,
}

impl Remote {
    /// Starts `ssh`, which asks nothing of the user: it has no terminal for itself.
    pub(super) fn start(host: &str) -> io::Result<Self> {
        let mut ssh = Command::new("ssh");
        ssh.args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=30", "-T", "--", host])
            .args(["docker", "system", "dial-stdio"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // Ctrl-C is for occ, which ends what it has begun.
        #[cfg(unix)]
        ssh.process_group(0);
        let mut ssh = ssh.spawn().map_err(|error| {
            io::Error::new(error.kind(), format!("the program `ssh` can't be run: {error}"))
        })?;
        let (Some(input), Some(output), Some(errors)) =
            (ssh.stdin.take(), ssh.stdout.take(), ssh.stderr.take())
        else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        Ok(Self { _ssh: ssh, input, output, why: Some(Box::pin(last_words(listen(errors)))) })
    }
}

/// What was said, and the task that goes on listening.
type Listening = (Arc<Mutex<Vec<u8>>>, tokio::task::JoinHandle<()>);

/// Reads all that `ssh` says, or it would stop in the middle of it.
fn listen(mut errors: ChildStderr) -> Listening {
    let said = Arc::<Mutex<Vec<u8>>>::default();
    let kept = Arc::clone(&said);
    let listening = tokio::spawn(async move {
        let mut buffer = [0; SAID];
        while let Ok(n @ 1..) = errors.read(&mut buffer).await {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend_from_slice(&buffer[..n]);
            let old = kept.len().saturating_sub(SAID);
            kept.drain(..old);
        }
    });
    (said, listening)
}

async fn last_words((said, listening): Listening) -> io::Error {
    let _ = timeout(LAST_WORDS, listening).await;
    let said = said.lock().unwrap_or_else(PoisonError::into_inner);
    let said = String::from_utf8_lossy(&said);
    let last = said.lines().map(str::trim).rfind(|line| !line.is_empty());
    io::Error::other(cut(last.unwrap_or("`ssh` ended without a word"), LINE))
}

impl Remote {
    /// Why it ended, unless the engine has spoken: then `plain` is all there is.
    fn why(&mut self, cx: &mut Context<'_>, plain: io::Result<()>) -> Poll<io::Result<()>> {
        let Some(why) = &mut self.why else { return Poll::Ready(plain) };
        let why = ready!(why.as_mut().poll(cx));
        self.why = None;
        Poll::Ready(Err(why))
    }
}

impl AsyncRead for Remote {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.output).poll_read(cx, buffer))?;
        if buffer.filled().len() == before {
            return self.why(cx, Ok(()));
        }
        self.why = None;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Remote {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match ready!(Pin::new(&mut self.input).poll_write(cx, bytes)) {
            Err(error) => self.why(cx, Err(error)).map(|why| why.map(|()| 0)),
            written => Poll::Ready(written),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_shutdown(cx)
    }
}
