//! Where asynchronous work begins and ends, and what is said when something else ends it.

use std::future::Future;
use std::io;
use std::thread::JoinHandle;

use crate::cli::Stop;
use crate::cli::settings::Settings;
use crate::cli::signal::{Ended, until_ended};
use crate::words::code::Code;
use crate::words::diagnostic::Diagnostic;
use crate::words::exit::ExitStatus;

/// What keeps a program from starting that is there.
const LIMITS: &str = "a limit of this shell is too low: `ulimit -a` shows them all";

/// The one place where asynchronous work begins and ends.
pub(super) fn block_on<T>(
    settings: &Settings,
    work: impl Future<Output = T>,
    tick: impl FnMut(),
) -> Result<Result<T, Ended>, Stop> {
    let failed = |error: io::Error| {
        let what = format!("cannot start: {error}");
        let told = Diagnostic::error(what).code(Code::Unknown);
        Stop::input(ExitStatus::Failed, told.hint(LIMITS))
    };
    let thread = has_the_means().map_err(failed)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    // There is nothing in it that fails. It has ended while the runtime was made.
    let _ = thread.join();
    let ended = runtime.block_on(until_ended(work, settings.timeout, tick));
    // A directory walk that is under way must not hold up the exit.
    runtime.shutdown_background();
    ended.map_err(failed)
}

/// Tries what asynchronous work takes for granted, and panics without: another thread, which is
/// handed back, and a few more files.
fn has_the_means() -> io::Result<JoinHandle<()>> {
    let thread = std::thread::Builder::new().spawn(|| ())?;
    let pipes: io::Result<Vec<_>> = (0..4).map(|_| io::pipe()).collect();
    pipes.map(|_| thread)
}

/// What ended a command from outside: the exit status and the words for it.
pub(super) const fn reason(ended: Ended) -> (ExitStatus, &'static str) {
    match ended {
        Ended::Signal(exit) => (exit, "interrupted"),
        Ended::Deadline => (ExitStatus::Transient, "`--timeout` is over"),
    }
}

/// What to say when a command ended before it had anything to report.
pub(super) fn cut_short(ended: Ended) -> Stop {
    let (exit, words) = reason(ended);
    let what = format!("{words}, nothing was changed");
    Stop::input(exit, Diagnostic::error(what).code(Code::Cancelled))
}
