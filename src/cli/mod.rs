//! Floor 6: the shell around it all: arguments, settings, signals, exit codes.
//!
//! One file a command. A command returns what it has to say as data ([`Done`] or
//! [`Stop`]); it is written here, once, as text or as the JSON document.

mod args;
mod check;
mod find;
mod init;
mod job;
mod output;
mod plan;
mod refuse;
mod settings;
mod signal;
mod status;
mod sync;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::FromArgMatches as _;

use crate::cli::args::{Cli, Command, Format};
use crate::cli::output::{print, tell};
use crate::cli::refuse::refuse;
use crate::cli::settings::{Environment, Settings};
use crate::engine::error::{EngineError, EngineErrorKind};
use crate::execute::report::Report;
use crate::render::{Mode, diagnostics, document, error, json};
use crate::words::diagnostic::{Diagnostic, Severity};
use crate::words::exit::ExitStatus;

/// What a command came to.
struct Done {
    exit: ExitStatus,
    /// The result for people, for stdout.
    text: String,
    report: Report,
    diagnostics: Vec<Diagnostic>,
}

impl Done {
    fn with_text(exit: ExitStatus, text: String) -> Self {
        Self { exit, text, report: Report::default(), diagnostics: Vec::new() }
    }
}

/// Why a command ended early.
enum Stop {
    /// Mistakes in what was given: with the text they are about, where it is a file's.
    Input { exit: ExitStatus, diagnostics: Vec<Diagnostic>, text: String },
    /// The engine.
    Engine(EngineError),
}

impl Stop {
    fn usage(diagnostic: Diagnostic) -> Self {
        Self::input(ExitStatus::Usage, diagnostic)
    }

    fn input(exit: ExitStatus, diagnostic: Diagnostic) -> Self {
        Self::Input { exit, diagnostics: vec![diagnostic], text: String::new() }
    }
}

/// The program: from the command line to the exit code.
pub fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let read = args::command().try_get_matches_from(&words);
    let cli = match read.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(refused) => return refuse(&refused, &words, &Environment::read()).into(),
    };
    let settings = Settings::new(cli.global, Environment::read());
    if settings.verbose > 0 {
        let json = settings.mode == Mode::Json;
        output::log_to_stderr(settings.verbose, settings.err.color, json);
    }
    let word = cli.command.word();
    let outcome = match cli.command {
        Command::Init(args) => init::run(&settings, &args),
        Command::Check => check::run(&settings),
        Command::Plan(args) => plan::run(&settings, &args),
        Command::Sync(args) => sync::run(&settings, &args),
        Command::Status(args) => status::run(&settings, &args),
        Command::Schema => {
            let schema = crate::manifest::schema::json();
            return print(&schema, ExitStatus::Success, settings.err).into();
        }
    };
    conclude(word, outcome, &settings).into()
}

/// Writes what came of a command.
fn conclude(word: &str, outcome: Result<Done, Stop>, settings: &Settings) -> ExitStatus {
    let done = match outcome {
        Ok(done) => done,
        Err(Stop::Input { exit, diagnostics, text }) => {
            show(&diagnostics, &text, settings);
            Done { diagnostics, ..Done::with_text(exit, String::new()) }
        }
        Err(Stop::Engine(failed)) => {
            let hints: Vec<&str> = failed.hint().into_iter().collect();
            let text = error::error(&failed, &hints, settings.err);
            let mut diagnostic = Diagnostic::error(failed.to_string());
            diagnostic.hints.extend(failed.hint);
            match settings.mode {
                Mode::Json => tell(&json::diagnostic(&diagnostic)),
                _ => tell(&text),
            }
            let exit = match failed.kind {
                EngineErrorKind::Address => ExitStatus::Usage,
                // Whatever it said: without an answer about the images it is of no use.
                _ => ExitStatus::Engine,
            };
            Done { diagnostics: vec![diagnostic], ..Done::with_text(exit, String::new()) }
        }
    };
    let text = match settings.format {
        Format::Text => done.text,
        Format::Json => document::document(word, done.exit, &done.report, &done.diagnostics),
    };
    print(&text, done.exit, settings.err)
}

/// Shows diagnostics on stderr; with `--quiet` only the errors.
fn show(diagnostics: &[Diagnostic], text: &str, settings: &Settings) {
    let wanted = |d: &&Diagnostic| !settings.quiet || d.severity == Severity::Error;
    let wanted: Vec<Diagnostic> = diagnostics.iter().filter(wanted).cloned().collect();
    if settings.mode == Mode::Json {
        return wanted.iter().for_each(|diagnostic| tell(&json::diagnostic(diagnostic)));
    }
    let width = settings.err.width.map_or(100, usize::from);
    let style = diagnostics::Style { color: settings.err.color, width };
    tell(&diagnostics::render(&wanted, text, style));
}
