//! From words to what they ask for.

use std::ffi::OsString;

use clap::builder::Resettable;
use clap::{ArgMatches, Args, CommandFactory as _, FromArgMatches as _};

use crate::cli::args::{Cli, Command, Global, written};

/// Reads a command line.
///
/// Making all commands with all their flags takes longer than all else that a sync has to do
/// where nothing changed. So what is run again and again is read by a command line that is
/// nothing but that one command. It takes nothing that the whole one does not take, and means
/// the same by it; what it does not take, the whole one reads, or refuses in its own words.
pub(crate) fn read(words: &[OsString]) -> Result<Cli, clap::Error> {
    match alone(words) {
        Some(Ok(cli)) => Ok(cli),
        _ => whole(words),
    }
}

fn whole(words: &[OsString]) -> Result<Cli, clap::Error> {
    Cli::of(matches(command(), words)?)
}

fn matches(mut command: clap::Command, words: &[OsString]) -> Result<ArgMatches, clap::Error> {
    let matches = command.try_get_matches_from_mut(words);
    // The system frees it, and much faster, when the process ends; that is soon.
    std::mem::forget(command);
    matches
}

/// The command line. A variable that is set to nothing counts as not set: that is
/// how CI systems hand on what nobody filled in.
pub(crate) fn command() -> clap::Command {
    unset_empty(Cli::command())
}

/// What a command that is often run is asked for, if it is one.
fn alone(words: &[OsString]) -> Option<Result<Cli, clap::Error>> {
    let (at, read): (_, Read) = words.iter().enumerate().skip(1).find_map(|(at, word)| {
        let read: Read = match word.to_str()? {
            "check" => |words| only(words, |check| check, |_| Ok(Command::Check)),
            "plan" => |words| only_with(words, Command::Plan),
            "ref" => |words| only_with(words, Command::Ref),
            "status" => |words| only_with(words, Command::Status),
            "sync" => |words| only_with(words, Command::Sync),
            _ => return None,
        };
        Some((at, read))
    })?;
    let (before, behind) = (&words[..at], &words[at + 1..]);
    // It is no value of a flag if the flags in front of it have all of theirs.
    if before.len() > 1 {
        matches(flags(), before).ok().filter(|_| !before.iter().any(|word| word == "--"))?;
    }
    Some(read(&[before, behind].concat()))
}

/// Reads the words around the name of a command.
type Read = fn(&[OsString]) -> Result<Cli, clap::Error>;

fn only_with<A: Args>(words: &[OsString], of: fn(A) -> Command) -> Result<Cli, clap::Error> {
    only(words, A::augment_args, |matches| A::from_arg_matches_mut(matches).map(of))
}

/// Everybody's flags. Where there are no commands none of them has to be handed on to one, which
/// takes clap long.
fn flags() -> clap::Command {
    Global::augment_args(clap::Command::new("occ")).mut_args(|arg| arg.global(false))
}

/// Reads a command by its flags and everybody's.
fn only(
    words: &[OsString],
    args: impl FnOnce(clap::Command) -> clap::Command,
    read: impl FnOnce(&mut ArgMatches) -> Result<Command, clap::Error>,
) -> Result<Cli, clap::Error> {
    let mut matches = matches(unset_empty(args(flags())), words)?;
    let written = written(&matches);
    let command = read(&mut matches)?;
    Ok(Cli { global: Global::from_arg_matches_mut(&mut matches)?, command }.with(&written))
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

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    /// What was read, as text; `Err` is no matter which.
    fn shown(read: Result<Cli, clap::Error>) -> Result<String, ()> {
        read.map(|cli| format!("{cli:?}")).map_err(drop)
    }

    #[test]
    fn a_command_alone_reads_what_the_whole_reads() {
        for line in [
            "occ check",
            "occ -qv check",
            "occ -c x sync a -qv",
            "occ --manifest=sync --progress plain check",
            "occ check -H unix:///a --progress plain --no-github",
            "occ check --manifest sync",
            "occ sync",
            "occ sync sync plan",
            "occ sync a b -n --fail-fast --strategy build --no-cache --no-lock --offline",
            "occ sync -c x --allow env=A --allow ssh -- check --locked",
            "occ plan --detailed-exitcode --refresh --frozen a --timeout 5m",
            "occ status --check --locked --no-cache-inputs",
            "occ ref --format json a --tag",
            "occ ref --color=never --id a",
        ] {
            let read = shown(alone(&words(line)).unwrap());
            assert!(read.is_ok(), "{line}");
            assert_eq!(read, shown(whole(&words(line))), "{line}");
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
            "occ a sync",
            "occ -- sync",
            "occ --manifest sync a",
            "occ ref",
            "occ ref a b",
            "occ ref a --tag --digest",
            "occ sync --locked --no-lock --frozen=x",
            "occ sync --strategy often",
            "occ --manifest sync",
            "occ explain sync plan",
            "occ init sync --nope",
        ] {
            assert_eq!(shown(whole(&words(line))), Err(()), "{line}");
            assert_eq!(alone(&words(line)).map_or(Err(()), shown), Err(()), "{line}");
        }
    }

    #[test]
    fn what_a_command_alone_can_not_read_is_read_by_the_whole() {
        let word = |line: &str| read(&words(line)).unwrap().command.word();
        assert_eq!(word("occ why sync"), "why");
        assert_eq!(word("occ --manifest check sync"), "sync");
        assert_eq!(word("occ -c sync plan"), "plan");
        assert_eq!(word("occ -H plan sync"), "sync");
        assert_eq!(word("occ lock --upgrade plan"), "lock");
    }
}
