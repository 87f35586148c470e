//! From words to what they ask for.

use std::ffi::OsString;

use clap::builder::Resettable;
use clap::{Args as _, CommandFactory as _};

use crate::cli::args::{Cli, Global, PlanArgs, RefArgs, StatusArgs, SyncArgs};

/// Reads a command line.
///
/// Making all commands with all their flags takes longer than all else that a sync has to do
/// where nothing changed. So what is run again and again is read by a command line that has
/// that one command. It takes nothing that the whole one does not take, and means the same by
/// it; what it does not take, the whole one reads, or refuses in its own words.
pub(crate) fn read(words: &[OsString]) -> Result<Cli, clap::Error> {
    let frequent = words.iter().find_map(|word| alone(word.to_str()?));
    match frequent.map(|command| read_by(command, words)) {
        Some(Ok(cli)) => Ok(cli),
        _ => read_by(command(), words),
    }
}

fn read_by(mut command: clap::Command, words: &[OsString]) -> Result<Cli, clap::Error> {
    let matches = command.try_get_matches_from_mut(words);
    // The system frees it, and much faster, when the process ends; that is soon.
    std::mem::forget(command);
    Cli::of(matches?)
}

/// The command line. A variable that is set to nothing counts as not set: that is
/// how CI systems hand on what nobody filled in.
pub(crate) fn command() -> clap::Command {
    unset_empty(Cli::command())
}

/// The command line with no other command than this one, if it is one that is often run.
fn alone(word: &str) -> Option<clap::Command> {
    let (name, args): (_, fn(clap::Command) -> clap::Command) = match word {
        "check" => ("check", |check| check),
        "plan" => ("plan", PlanArgs::augment_args),
        "ref" => ("ref", RefArgs::augment_args),
        "status" => ("status", StatusArgs::augment_args),
        "sync" => ("sync", SyncArgs::augment_args),
        _ => return None,
    };
    let whole = Global::augment_args(clap::Command::new("occ"));
    Some(unset_empty(whole.subcommand(args(clap::Command::new(name)))))
}

#[expect(clippy::disallowed_methods, reason = "clap reads these variables itself")]
fn unset_empty(command: clap::Command) -> clap::Command {
    let is_set_to_nothing = |arg: &clap::Arg| {
        let value = arg.get_env().and_then(std::env::var_os);
        value.is_some_and(|value| value.is_empty())
    };
    command
        .mut_args(|arg| if is_set_to_nothing(&arg) { arg.env(Resettable::Reset) } else { arg })
        .mut_subcommands(unset_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What one command line makes of the words, as text; `Err` is no matter which.
    fn read_as(command: clap::Command, line: &str) -> Result<String, ()> {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        read_by(command, &words).map(|cli| format!("{cli:?}")).map_err(drop)
    }

    #[test]
    fn a_command_alone_reads_what_the_whole_reads() {
        for line in [
            "occ check",
            "occ -qv check",
            "occ check -H unix:///a --progress plain --no-github",
            "occ --manifest sync check",
            "occ sync",
            "occ sync a b -n --fail-fast --strategy build --no-cache --no-lock --offline",
            "occ -c x sync --allow env=A --allow ssh -- check --locked",
            "occ plan --detailed-exitcode --refresh --frozen a --timeout 5m",
            "occ status --check --locked --no-cache-inputs",
            "occ --format json ref a --tag",
            "occ --color=never ref --id a",
        ] {
            let whole = read_as(command(), line);
            assert!(whole.is_ok(), "{line}");
            let found = line.split(' ').filter_map(alone).find_map(|it| read_as(it, line).ok());
            assert_eq!(Ok(found.unwrap()), whole, "{line}");
        }
    }

    #[test]
    fn a_command_alone_takes_nothing_that_the_whole_refuses() {
        for line in [
            "occ",
            "occ --version",
            "occ sync --version",
            "occ sync --help",
            "occ sync --nope",
            "occ check a",
            "occ check sync",
            "occ ref",
            "occ ref a b",
            "occ ref a --tag --digest",
            "occ sync --locked --no-lock --frozen=x",
            "occ sync --strategy often",
            "occ --manifest sync",
            "occ explain sync plan",
            "occ init sync --nope",
        ] {
            assert_eq!(read_as(command(), line), Err(()), "{line}");
            for alone in line.split(' ').filter_map(alone) {
                assert_eq!(read_as(alone, line), Err(()), "{line}");
            }
        }
    }

    #[test]
    fn what_a_command_alone_can_not_read_is_read_by_the_whole() {
        let word = |line: &str| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            read(&words).unwrap().command.word()
        };
        assert_eq!(word("occ why sync"), "why");
        assert_eq!(word("occ --manifest check sync"), "sync");
        assert_eq!(word("occ lock --upgrade plan"), "lock");
    }
}
