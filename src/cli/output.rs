//! The last step: bytes to stdout and stderr, where nothing may panic.

use std::io::{self, ErrorKind, Write};

use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;

use crate::render::{Look, error};
use crate::words::exit::ExitStatus;

/// Writes a result to stdout. A reader that went away is no failure (`| head -1`);
/// a full disk is one, and is told in a line.
pub(crate) fn print(text: &str, exit: ExitStatus, look: Look) -> ExitStatus {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => exit,
        Err(failed) if failed.kind() == ErrorKind::BrokenPipe => exit,
        Err(failed) => {
            tell(&error::error(&OutputError(failed), &[], look));
            ExitStatus::worst([exit, ExitStatus::Failed])
        }
    }
}

/// Writes to stderr. If nobody can hear it, there is nobody to tell.
pub(crate) fn tell(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// `-v`, `-vv`, `-vvv`: what occ does, on stderr.
///
/// Lines of JSON where progress is JSON: whoever reads that reads nothing else.
pub(crate) fn log_to_stderr(verbose: u8, color: bool, json: bool) {
    let level = match verbose {
        1 => tracing::Level::INFO,
        2 => tracing::Level::DEBUG,
        _ => tracing::Level::TRACE,
    };
    // Only our own words: the libraries below log headers, and headers hold secrets.
    let ours = tracing_subscriber::filter::filter_fn(move |meta| {
        meta.target().starts_with("occ") && *meta.level() <= level
    });
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_target(false);
    let lines =
        if json { lines.json().boxed() } else { lines.with_ansi(color).without_time().boxed() };
    let subscriber = tracing_subscriber::registry().with(lines.with_filter(ours));
    // It fails only where one is set already, and then that one does it.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

#[derive(Debug, thiserror::Error)]
#[error("cannot write to stdout")]
struct OutputError(#[source] io::Error);
