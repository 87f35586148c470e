//! What clap refuses: help, version, and mistakes on the command line.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::slice;

use anstream::{AutoStream, ColorChoice};
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli::args;
use crate::cli::environment::Environment;
use crate::cli::github::{self, Github};
use crate::cli::output::{print, tell};
use crate::render::document::Images;
use crate::render::github::command::{harmless, harmless_json};
use crate::render::sections::Sections;
use crate::render::{Guard, Look, document, explain, json};
use crate::words::code::Code;
use crate::words::diagnostic::Diagnostic;
use crate::words::exit::ExitStatus;
use crate::words::text::sanitise;

/// Help and version are results; anything else that clap has to say is a mistake
/// on the command line, and also ends with the document where JSON was asked for.
pub(super) fn refuse(
    refused: &clap::Error,
    words: &[OsString],
    environment: &Environment,
) -> ExitStatus {
    let look = Look { color: false, width: None, unicode: false };
    if matches!(refused.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let text = refused.render();
        let plain = AutoStream::choice(&std::io::stdout()) == ColorChoice::Never;
        let text = if plain { text.to_string() } else { text.ansi().to_string() };
        return print(text.as_bytes(), ExitStatus::Success, look);
    }
    // clap quotes the command line as it is.
    let mut text = refused.render().to_string();
    let variable = variable(refused, words);
    if let Some(variable) = &variable {
        let _ = writeln!(text, "hint: {variable}");
    }
    let text = sanitise(&text);
    let message = match refused.kind() {
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            "there is no command"
        }
        _ => text.lines().next().map_or("", |first| first.strip_prefix("error: ").unwrap_or(first)),
    };
    let mut diagnostic = Diagnostic::error(message).code(Code::Usage);
    diagnostic
        .hints
        .extend(text.lines().filter_map(|l| Some(l.trim().strip_prefix("tip: ")?.to_owned())));
    diagnostic.hints.extend(variable);
    // What can be told although the command line can't be read: the last one counts.
    let wants_json = |flag: &str, variable: &'static str| {
        let joined = format!("{flag}=");
        let mut values = words.iter().enumerate().filter_map(|(i, word)| {
            let word = word.to_string_lossy();
            match word.strip_prefix(&joined) {
                Some(value) => Some(value.to_owned()),
                None if word == flag => Some(words.get(i + 1)?.to_string_lossy().into_owned()),
                None => None,
            }
        });
        values
            .next_back()
            .or_else(|| environment.text(variable))
            .is_some_and(|value| value == "json")
    };
    let off = words.iter().any(|word| word == "--no-github") || environment.is_github_off();
    let guarded = |text: &str, guard: Guard| -> String {
        if environment.is_on_github() { guard(text).into_owned() } else { text.to_owned() }
    };
    if wants_json("--progress", "OCC_PROGRESS") {
        tell(&guarded(&json::diagnostic(&diagnostic), harmless_json));
    } else {
        tell(&guarded(&text, harmless));
        tell(&explain::of_diagnostics(slice::from_ref(&diagnostic), look));
        if Github::of(environment, off).is_some() {
            github::refused(&diagnostic);
        }
    }
    if wants_json("--format", "OCC_FORMAT") {
        let known = args::command();
        let command = words.iter().skip(1).filter_map(|word| word.to_str());
        let command = command.clone().find(|word| known.find_subcommand(word).is_some());
        let (command, images) = (command.unwrap_or_default(), Images::default());
        let (exit, sections) = (ExitStatus::Usage, Sections::default());
        let document = document::document(command, exit, &images, &sections, &[diagnostic]);
        let document = guarded(&document, harmless_json);
        return print(document.as_bytes(), ExitStatus::Usage, look);
    }
    ExitStatus::Usage
}

/// A value that clap refuses is named by its flag, also where nobody wrote the flag.
fn variable(refused: &clap::Error, words: &[OsString]) -> Option<String> {
    let Some(ContextValue::String(flag)) = refused.get(ContextKind::InvalidArg) else {
        return None;
    };
    let mut command = args::command();
    command.build();
    let mut known = command
        .get_subcommands()
        .flat_map(clap::Command::get_arguments)
        .chain(command.get_arguments());
    let arg = known.find(|arg| arg.to_string() == *flag)?;
    let name = arg.get_env()?.to_string_lossy();
    let long = format!("--{}", arg.get_long()?);
    let written = words.iter().skip(1).map(|word| word.to_string_lossy()).any(|word| {
        word.starts_with(&long)
            || arg.get_short().is_some_and(|short| {
                word.starts_with('-') && !word.starts_with("--") && word.contains(short)
            })
    });
    (!written).then(|| format!("the value is from the variable `{name}`"))
}
