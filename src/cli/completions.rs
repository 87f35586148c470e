//! `occ completions SHELL`: what makes a shell complete occ's command line.
//!
//! The script asks occ itself each time, so that the ids of the images are those of the
//! manifest there.

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use clap::Parser as _;
use clap_complete::env::Shells;
use clap_complete::{ArgValueCompleter, CompleteEnv, CompletionCandidate};

use crate::cli::args::{self, Cli, ShellArg};
use crate::cli::environment::Environment;
use crate::cli::find;
use crate::cli::settings::Settings;
use crate::words::exit::ExitStatus;

/// The variable by which a script asks.
const ASKS: &str = "_OCC_COMPLETE";

/// The arguments that are ids of images.
const IDS: [&str; 3] = ["id", "ids", "upgrade"];

/// The script for a shell.
pub(super) fn script(shell: ShellArg) -> Vec<u8> {
    let mut script = Vec::new();
    if let Some(completer) = Shells::builtins().completer(shell.word()) {
        // Into memory, where nothing fails.
        let _ = completer.write_registration(ASKS, "occ", "occ", "occ", &mut script);
    }
    script
}

/// Answers a shell that asks what could stand at the cursor, if one does.
pub(super) fn answered(words: &[OsString]) -> Option<ExitCode> {
    let here = std::env::current_dir().ok();
    let asks = CompleteEnv::with_factory(command).var(ASKS).bin("occ").completer("occ");
    match asks.try_complete(words, here.as_deref()) {
        Ok(false) => None,
        Ok(true) => Some(ExitStatus::Success.into()),
        // Nobody reads what it says: the user is in the middle of a line.
        Err(_) => Some(ExitStatus::Failed.into()),
    }
}

/// The command line, with what completes its values.
fn command() -> clap::Command {
    args::command().mut_subcommands(|command| {
        command.mut_args(|arg| {
            if IDS.contains(&arg.get_id().as_str()) {
                arg.add(ArgValueCompleter::new(images))
            } else {
                arg
            }
        })
    })
}

/// The images of the manifest whose ids begin so.
fn images(begun: &OsStr) -> Vec<CompletionCandidate> {
    let found = || {
        let cli = Cli::try_parse_from(["occ", "check"]).ok()?;
        let settings = Settings::new(cli.global, Environment::read());
        find::load(&settings).ok()?.desired
    };
    let begun = begun.to_string_lossy();
    let images = found().map(|desired| desired.images).unwrap_or_default();
    let fits = images.into_iter().filter(|image| image.id.starts_with(&*begun));
    fits.map(|image| {
        let name = image.name.to_string();
        CompletionCandidate::new(image.id.clone()).help(Some(name.into()))
    })
    .collect()
}
