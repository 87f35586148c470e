//! Signals and the deadline: what ends a run from outside.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::words::exit::ExitStatus;

/// How often the renderer may draw.
const FRAME: Duration = Duration::from_millis(100);

/// What ended a run before its work was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// SIGINT, SIGTERM or SIGHUP.
    Signal(ExitStatus),
    /// `--timeout`.
    Deadline,
}

/// Runs `work` to its end, to the first signal, or to the deadline, and calls
/// `tick` about ten times a second meanwhile. Work that is not ended is dropped,
/// which cancels it in the engine. The second signal ends the process at once.
pub(crate) async fn until_ended<T>(
    work: impl Future<Output = T>,
    deadline: Option<Duration>,
    mut tick: impl FnMut(),
) -> io::Result<Result<T, Ended>> {
    let mut signals = Signals::listen()?;
    let deadline = async {
        match deadline {
            Some(limit) => sleep(limit).await,
            None => std::future::pending().await,
        }
    };
    let mut frames = interval(FRAME);
    frames.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut work, mut deadline) = (std::pin::pin!(work), std::pin::pin!(deadline));
    loop {
        tokio::select! {
            biased;
            status = signals.next() => return Ok(Err(Ended::Signal(status))),
            done = &mut work => return Ok(Ok(done)),
            () = &mut deadline => return Ok(Err(Ended::Deadline)),
            _ = frames.tick() => tick(),
        }
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use std::sync::Arc;
        use std::sync::atomic::AtomicBool;

        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        use tokio::signal::unix::{SignalKind, signal};
        let listening = Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        };
        // The first signal arms the flag, the second finds it armed and ends the
        // process; so the order of these two registrations matters.
        let armed = Arc::new(AtomicBool::new(false));
        for (number, status) in [
            (SIGINT, ExitStatus::Interrupted),
            (SIGTERM, ExitStatus::Terminated),
            (SIGHUP, ExitStatus::HangUp),
        ] {
            let code = i32::from(status.code());
            signal_hook::flag::register_conditional_shutdown(number, code, Arc::clone(&armed))?;
            signal_hook::flag::register(number, Arc::clone(&armed))?;
        }
        Ok(listening)
    }

    async fn next(&mut self) -> ExitStatus {
        tokio::select! {
            _ = self.interrupt.recv() => ExitStatus::Interrupted,
            _ = self.terminate.recv() => ExitStatus::Terminated,
            _ = self.hang_up.recv() => ExitStatus::HangUp,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "it has the shape of the one that can fail")]
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> ExitStatus {
        let _ = tokio::signal::ctrl_c().await;
        ExitStatus::Interrupted
    }
}
