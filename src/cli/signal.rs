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
    interrupt: Option<tokio::signal::unix::Signal>,
    terminate: Option<tokio::signal::unix::Signal>,
    hang_up: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use std::sync::Arc;
        use std::sync::atomic::AtomicBool;

        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |number: i32| {
            (!is_ignored(number)).then(|| signal(SignalKind::from_raw(number))).transpose()
        };
        let listening = Self {
            interrupt: listen(SIGINT)?,
            terminate: listen(SIGTERM)?,
            hang_up: listen(SIGHUP)?,
        };
        // The first signal arms the flag, the second finds it armed and ends the
        // process; so the order of these two registrations matters.
        let armed = Arc::new(AtomicBool::new(false));
        for (number, status) in [
            (SIGINT, ExitStatus::Interrupted),
            (SIGTERM, ExitStatus::Terminated),
            (SIGHUP, ExitStatus::HangUp),
        ] {
            if is_ignored(number) {
                continue;
            }
            let code = i32::from(status.code());
            signal_hook::flag::register_conditional_shutdown(number, code, Arc::clone(&armed))?;
            signal_hook::flag::register(number, Arc::clone(&armed))?;
        }
        Ok(listening)
    }

    async fn next(&mut self) -> ExitStatus {
        async fn came(signal: &mut Option<tokio::signal::unix::Signal>) {
            match signal {
                Some(signal) => drop(signal.recv().await),
                None => std::future::pending().await,
            }
        }
        tokio::select! {
            () = came(&mut self.interrupt) => ExitStatus::Interrupted,
            () = came(&mut self.terminate) => ExitStatus::Terminated,
            () = came(&mut self.hang_up) => ExitStatus::HangUp,
        }
    }
}

/// Whether whoever started us had this signal ignored, as `nohup` has hang-ups and a
/// shell has interrupts of what it starts in the background. It stays ignored. Only
/// Linux tells.
#[cfg(unix)]
fn is_ignored(number: i32) -> bool {
    static IGNORED: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    let ignored = IGNORED.get_or_init(|| {
        let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
    });
    ignored & (1 << (number - 1)) != 0
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
