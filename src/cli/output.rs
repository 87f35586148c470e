//! The last step: bytes to stdout and stderr, where nothing may panic.

use std::fmt::Debug;
use std::io::{self, ErrorKind, Write};
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

use crate::render::{Look, Sink, error, explain, json};
use crate::words::code::Code;
use crate::words::diagnostic::Diagnostic;
use crate::words::exit::ExitStatus;

/// Writes a result to stdout. A reader that went away is no failure (`| head -1`);
/// a full disk is one, and is told in a line.
pub(crate) fn print(text: &[u8], exit: ExitStatus, look: Look) -> ExitStatus {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Ok(()) => exit,
        Err(failed) if failed.kind() == ErrorKind::BrokenPipe => exit,
        Err(failed) => {
            let code = format!("{}\n", explain::pointer(&[Code::File]));
            tell(&(error::error(&OutputError(failed), &[], look) + &code));
            ExitStatus::worst([exit, ExitStatus::Failed])
        }
    }
}

/// Writes to stderr. If nobody can hear it, there is nobody to tell.
pub(crate) fn tell(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Everything that was told about the input, the engine and the plan: the document
/// repeats it, so that a program misses nothing that a person sees.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told(Arc<Mutex<Vec<Diagnostic>>>);

impl Told {
    /// One more.
    pub(crate) fn push(&self, diagnostic: Diagnostic) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(diagnostic);
    }

    /// A warning while work is done, about an image where it is about one.
    pub(crate) fn warning(&self, image: Option<&str>, message: &str) {
        let key = image.map_or(String::new(), |id| format!("images.{id}"));
        self.push(Diagnostic::warning(message).key(key));
    }

    /// A copy of it.
    pub(crate) fn all(&self) -> Vec<Diagnostic> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All of it, in the order in which it was told.
    pub(crate) fn take(&self) -> Vec<Diagnostic> {
        mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// `-v`, `-vv`, `-vvv`: what occ does, on stderr.
///
/// As events where progress is JSON: whoever reads that reads nothing else.
pub(crate) fn log_to_stderr(verbose: u8, color: bool, json: bool, sink: &Sink) {
    let level = match verbose {
        1 => Level::INFO,
        2 => Level::DEBUG,
        _ => Level::TRACE,
    };
    // Only our own words: the libraries below log headers, and headers hold secrets.
    let ours = tracing_subscriber::filter::filter_fn(move |meta| {
        meta.target().starts_with("occ") && *meta.level() <= level
    });
    let lines = if json {
        Events(sink.clone()).boxed()
    } else {
        let sink = sink.clone();
        let lines = tracing_subscriber::fmt::layer().with_writer(move || Lines(sink.clone()));
        let lines = lines.with_target(false);
        lines.with_ansi(color).without_time().boxed()
    };
    let subscriber = tracing_subscriber::registry().with(lines.with_filter(ours));
    // It fails only where one is set already, and then that one does it.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// The log as lines. Each is written at once.
struct Lines(Sink);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The log as events of `--progress json`.
struct Events(Sink);

impl<S: Subscriber> Layer<S> for Events {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.0.write(&json::log(&event.metadata().level().as_str().to_lowercase(), fields.0));
    }
}

#[derive(Default)]
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }
}

#[derive(Debug, thiserror::Error)]
#[error("cannot write to stdout")]
struct OutputError(#[source] io::Error);
