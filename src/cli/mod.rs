//! Floor 6: the shell around it all: arguments, settings, signals, exit codes.
//!
//! One file a command. A command returns what it has to say as data ([`Done`] or
//! [`Stop`]); it is written here, once, as text or as the JSON document.

mod args;
mod check;
mod completions;
mod consent;
mod doctor;
mod environment;
mod explain;
mod export;
mod files;
mod find;
mod github;
mod import;
mod init;
mod job;
mod lock;
mod lockfile;
mod locking;
#[cfg(test)]
mod man_tests;
mod output;
mod plan;
mod reference;
mod refuse;
mod replace;
mod runtime;
mod settings;
mod signal;
mod status;
mod sync;
mod trust;
mod trusted;
mod why;

use std::ffi::OsString;
use std::process::ExitCode;
use std::slice;

use crate::cli::args::{Command, Format, SchemaArgs, SchemaOf};
use crate::cli::environment::Environment;
use crate::cli::output::{print, tell};
use crate::cli::refuse::refuse;
use crate::cli::settings::Settings;
use crate::engine::error::{EngineError, EngineErrorKind};
use crate::execute::report::Report;
use crate::render::document::Images;
use crate::render::sections::Sections;
use crate::render::{Mode, diagnostics, document, error, explain as pointer, json, schema};
use crate::words::code::Code;
use crate::words::diagnostic::Diagnostic;
use crate::words::exit::ExitStatus;

/// What a command came to.
struct Done {
    exit: ExitStatus,
    /// The result for people, for stdout.
    text: String,
    images: Images,
    /// Further parts of the document.
    sections: Sections,
    /// Bytes for programs, instead of the text.
    raw: Option<Vec<u8>>,
}

impl Done {
    fn about(exit: ExitStatus, text: String, images: Images) -> Self {
        Self { exit, text, images, sections: Sections::default(), raw: None }
    }

    /// With further parts of the document.
    fn with(self, sections: Sections) -> Self {
        Self { sections, ..self }
    }

    fn with_text(exit: ExitStatus, text: String) -> Self {
        Self::about(exit, text, Images::default())
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
        Self::input(ExitStatus::Usage, diagnostic.or_code(Code::Usage))
    }

    fn input(exit: ExitStatus, diagnostic: Diagnostic) -> Self {
        Self::Input { exit, diagnostics: vec![diagnostic], text: String::new() }
    }
}

/// The program: from the command line to the exit code.
pub fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    if let Some(code) = completions::answered(&words) {
        return code;
    }
    let cli = match args::read(&words) {
        Ok(cli) => cli,
        Err(refused) => return refuse(&refused, &words, &Environment::read()).into(),
    };
    let settings = Settings::new(cli.global, Environment::read());
    if settings.verbose > 0 {
        let json = settings.mode == Mode::Json;
        output::log_to_stderr(settings.verbose, settings.err.color, json, &settings.harmless());
    }
    let word = cli.command.word();
    let outcome = match cli.command {
        Command::Init(args) => init::run(&settings, &args),
        Command::Check => check::run(&settings),
        Command::Plan(args) => plan::run(&settings, &args),
        Command::Sync(args) => sync::run(&settings, &args),
        Command::Status(args) => status::run(&settings, &args),
        Command::Files(args) => files::run(&settings, &args),
        Command::Trust(args) => trust::run(&settings, &args),
        Command::Ref(args) => reference::run(&settings, &args),
        Command::Export(args) => export::run(&settings, &args),
        Command::Lock(args) => lock::run(&settings, &args),
        Command::Doctor => doctor::run(&settings),
        Command::Why(args) => why::run(&settings, &args),
        Command::Explain(args) => explain::run(&settings, &args),
        Command::Schema(SchemaArgs { of }) => {
            let schema = match of {
                SchemaOf::Manifest => crate::manifest::schema::json(),
                SchemaOf::Lock => crate::lock::schema::json(),
                SchemaOf::Output => schema::output(),
                SchemaOf::Events => schema::events(),
            };
            return print(schema.as_bytes(), ExitStatus::Success, settings.err).into();
        }
        Command::Completions(args) => {
            let script = completions::script(args.shell);
            return print(&script, ExitStatus::Success, settings.err).into();
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
            Done::with_text(exit, String::new())
        }
        Err(Stop::Engine(failed)) => {
            Done::with_text(engine_failed(failed, settings), String::new())
        }
    };
    tell_github(word, &done, settings);
    let text = match (settings.format, done.raw) {
        // For programs it is what it is.
        (Format::Text, Some(raw)) => return print(&raw, done.exit, settings.err),
        (Format::Text, None) => done.text,
        (Format::Json, _) => {
            let told = settings.told.take();
            document::document(word, done.exit, &done.images, &done.sections, &told)
        }
    };
    let text = settings.guarded(&text, settings.format == Format::Json);
    print(text.as_bytes(), done.exit, settings.err)
}

/// Tells GitHub what came of a command. What can't be written is a warning: the work is done.
fn tell_github(word: &str, done: &Done, settings: &Settings) {
    let Some(github) = &settings.github else { return };
    let report = match &done.images {
        Images::Reported(images) => Report { images: images.clone() },
        Images::Declared(_) => Report::default(),
    };
    for (variable, failed) in github.write(word, done, &report, &settings.told.all()) {
        let what = format!("cannot write the file that `{variable}` names: {failed}");
        show(&[Diagnostic::warning(what)], "", settings);
    }
    // Where every line is an object there is no room for commands.
    if settings.mode != Mode::Json {
        for annotation in github.annotations(&settings.told.all(), &report.images) {
            tell(&format!("{annotation}\n"));
        }
    }
}

/// Shows why the engine can't be used.
fn engine_failed(failed: EngineError, settings: &Settings) -> ExitStatus {
    let hints: Vec<&str> = failed.hint().into_iter().collect();
    let text = error::error(&failed, &hints, settings.err);
    let mut diagnostic = Diagnostic::error(failed.to_string()).code(failed.code());
    diagnostic.causes = error::causes(&failed);
    diagnostic.hints.extend(failed.hint);
    if settings.mode == Mode::Json {
        settings.tell(&json::diagnostic(&diagnostic));
    } else {
        let code = pointer::of_diagnostics(slice::from_ref(&diagnostic), settings.err);
        settings.tell(&(text + &code));
    }
    settings.told.push(diagnostic);
    match failed.kind {
        EngineErrorKind::Address => ExitStatus::Usage,
        // Whatever it said: without an answer about the images it is of no use.
        _ => ExitStatus::Engine,
    }
}

/// Shows diagnostics on stderr, and remembers them for the document.
fn show(diagnostics: &[Diagnostic], text: &str, settings: &Settings) {
    diagnostics.iter().cloned().for_each(|diagnostic| settings.told.push(diagnostic));
    if settings.mode == Mode::Json {
        let told = diagnostics.iter().map(json::diagnostic);
        return told.for_each(|line| settings.tell(&line));
    }
    let code = pointer::of_diagnostics(diagnostics, settings.err);
    settings.tell(&(diagnostics::render(diagnostics, text, settings.err) + &code));
}
