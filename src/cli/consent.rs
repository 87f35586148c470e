//! Consent to what a manifest asks for: given beforehand, or asked for at a terminal.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use crate::cli::Stop;
use crate::cli::output::tell;
use crate::cli::runtime::{block_on, cut_short};
use crate::cli::settings::Settings;
use crate::cli::trusted::Trusted;
use crate::manifest::Place;
use crate::render::consent::{CHOICE, question};
use crate::state::consent::{flag, missing, refusal};
use crate::words::code::Code;
use crate::words::diagnostic::Diagnostic;
use crate::words::exit::ExitStatus;
use crate::words::grant::{Ask, Grant, Grants};

/// The manifest that asks.
pub(super) struct Manifest<'a> {
    pub(super) place: &'a Place,
    pub(super) text: &'a str,
}

/// An answer to the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Once,
    Always,
    No,
}

/// Succeeds if everything that is asked for is allowed: by `--allow`, by `OCC_ALLOW`, by
/// what is kept for this manifest, or by whoever sits at the terminal.
pub(super) fn require(
    settings: &Settings,
    manifest: &Manifest<'_>,
    asks: &[&Ask],
    allowed: &[Grants],
) -> Result<(), Stop> {
    let mut given: BTreeSet<Grant> = allowed.iter().flat_map(|grants| grants.0.clone()).collect();
    given.extend(by_variable(settings)?);
    if missing(asks, &given).is_empty() {
        return Ok(());
    }
    let trusted = Trusted::of(settings, manifest.place);
    if let Some(trusted) = &trusted {
        given.extend(trusted.known()?);
    }
    let missing = missing(asks, &given);
    if missing.is_empty() {
        return Ok(());
    }
    let answer = if settings.may_ask { ask(settings, manifest, &missing)? } else { Answer::No };
    match (answer, trusted) {
        (Answer::Once, _) => Ok(()),
        (Answer::Always, Some(trusted)) => {
            let added = missing.iter().map(|ask| ask.grant.to_string());
            trusted.change(|kept| {
                let grants: BTreeSet<String> = kept.into_iter().chain(added).collect();
                grants.into_iter().collect()
            })
        }
        (Answer::Always, None) => Err(nowhere_to_keep()),
        (Answer::No, _) => {
            let flag = flag(&missing);
            let hint = format!("add `--allow {flag}`, or run {} once", trust_command(settings));
            let (diagnostics, text) = (refusal(&missing, &hint), manifest.text.to_owned());
            Err(Stop::Input { exit: ExitStatus::Usage, diagnostics, text })
        }
    }
}

/// What of this is allowed already, and by whom; nobody is asked. Nothing is read that is
/// not needed for that.
pub(super) fn given(
    settings: &Settings,
    place: &Place,
    asks: &[&Ask],
    allowed: &[Grants],
) -> Result<BTreeMap<Grant, &'static str>, Stop> {
    let mut given = BTreeMap::new();
    if asks.is_empty() {
        return Ok(given);
    }
    if let Some(trusted) = Trusted::of(settings, place) {
        given.extend(trusted.known()?.into_iter().map(|grant| (grant, "`occ trust`")));
    }
    given.extend(by_variable(settings)?.into_iter().map(|grant| (grant, "`OCC_ALLOW`")));
    let by_flag = allowed.iter().flat_map(|grants| grants.0.clone());
    given.extend(by_flag.map(|grant| (grant, "`--allow`")));
    Ok(given)
}

/// What `OCC_ALLOW` allows.
fn by_variable(settings: &Settings) -> Result<Vec<Grant>, Stop> {
    let text = settings.environment.allowed().unwrap_or_default();
    let refused = |error: crate::words::grant::GrantError| {
        let hint = "the value is from the variable `OCC_ALLOW`";
        Stop::usage(Diagnostic::error(error.to_string()).hint(hint))
    };
    Ok(text.parse::<Grants>().map_err(refused)?.0)
}

/// `occ trust` for the manifest of this run, in backticks.
fn trust_command(settings: &Settings) -> String {
    match &settings.manifest {
        Some(path) => format!("`occ --manifest {} trust`", path.display()),
        None => "`occ trust`".to_owned(),
    }
}

/// There is no configuration directory, or the manifest's path is no text.
pub(super) fn nowhere_to_keep() -> Stop {
    let what = "there is no place to keep consent to this manifest";
    Stop::usage(
        Diagnostic::error(what)
            .code(Code::Consent)
            .hint("it takes `HOME` or `XDG_CONFIG_HOME`, and a manifest whose path is UTF-8")
            .hint("`--allow` allows it for one run"),
    )
}

/// Asks until there is an answer. The end of the input is a no.
fn ask(settings: &Settings, manifest: &Manifest<'_>, missing: &[&Ask]) -> Result<Answer, Stop> {
    let text = question(&manifest.place.file.to_string_lossy(), missing, settings.err);
    let work = async {
        // Not earlier: who sees the question may interrupt it.
        tell(&text);
        loop {
            // It has a thread of its own, so that a signal or the deadline can end the wait.
            let read = tokio::task::spawn_blocking(read_line).await;
            match read.ok().and_then(Result::ok) {
                Some(line) if line.ends_with('\n') => {
                    if let Some(answer) = understood(&line) {
                        return answer;
                    }
                    tell(CHOICE);
                }
                // Nobody pressed Enter, so the cursor still stands behind the question.
                _ => {
                    tell("\n");
                    return Answer::No;
                }
            }
        }
    };
    block_on(settings, work, || {})?.map_err(|ended| {
        tell("\n");
        cut_short(ended)
    })
}

fn read_line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line)
}

/// `None` for what is no answer.
fn understood(line: &str) -> Option<Answer> {
    match line.trim().to_lowercase().as_str() {
        "y" | "yes" => Some(Answer::Once),
        "a" | "always" => Some(Answer::Always),
        "" | "n" | "no" => Some(Answer::No),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_clear_answers_count() {
        for (line, want) in [
            ("y\n", Some(Answer::Once)),
            (" YES \r\n", Some(Answer::Once)),
            ("always\n", Some(Answer::Always)),
            ("A\n", Some(Answer::Always)),
            ("\n", Some(Answer::No)),
            ("n\n", Some(Answer::No)),
            ("yes please\n", None),
            ("\x03\n", None),
        ] {
            assert_eq!(understood(line), want, "{line:?}");
        }
    }
}
