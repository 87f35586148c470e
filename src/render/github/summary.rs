//! The summary of a step: Markdown for the file that `GITHUB_STEP_SUMMARY` names.
//!
//! Whatever came from outside stands in code, where Markdown means nothing: in a cell between
//! as many backticks as it takes, elsewhere in a fenced block.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use anstream::adapter::strip_str;

use super::Held;
use crate::execute::report::{Action, ImageReport, Outcome, PlannedStep, Report};
use crate::render::fit::clean;
use crate::render::look::Look;
use crate::render::say::seconds;
use crate::render::summary::{counts, failure, words};
use crate::words::diagnostic::{Diagnostic, Severity};
use crate::words::exit::ExitStatus;
use crate::words::text::{bytes, count, cut, sanitise};

/// GitHub takes 1 MiB from a step, in which there may be more than this one run.
const MAX: usize = 64 << 10;

/// How much of it the table may take.
const MAX_TABLE: usize = MAX / 2;

/// Nobody reads more of one failure here than this; the log has all of it.
const MAX_BLOCK: usize = 8 << 10;

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    /// The command: `sync`.
    pub(crate) command: &'a str,
    pub(crate) exit: ExitStatus,
    /// What it said to people, for a command that has no images to tell of.
    pub(crate) text: &'a str,
    pub(crate) report: &'a Report,
    /// What the engine holds, by the images' ids, as far as that was looked at.
    pub(crate) held: &'a BTreeMap<String, Held>,
    /// All mistakes and warnings that were told.
    pub(crate) told: &'a [Diagnostic],
    pub(crate) time: Duration,
}

/// The summary of a run. Ends with an empty line, for whoever writes behind it.
pub(crate) fn summary(run: &Run<'_>) -> String {
    let Run { command, exit, text, report, told, time, .. } = run;
    let mut out = format!("### `occ {command}`");
    if !report.images.is_empty() {
        let _ = writeln!(out, ": {}", counts(report, *time));
        table(run, &mut out);
    } else if text.is_empty() {
        let _ = writeln!(out, ": exit code {}\n", exit.code());
    } else {
        let _ = writeln!(out, "\n\n{}", block(&strip_str(text).to_string()));
    }
    let mut left = 0;
    for block in failures(report).chain(diagnostics(told)) {
        if out.len() + block.len() > MAX {
            left += 1;
        } else {
            out.push_str(&block);
        }
    }
    if left > 0 {
        let _ = writeln!(out, "{} in the log.\n", count(left, "more is", "more are"));
    }
    out
}

fn table(run: &Run<'_>, out: &mut String) {
    out.push_str("| image | what | source | digest | size | time |\n");
    out.push_str("|---|---|---|---|---:|---:|\n");
    let images = &run.report.images;
    for (at, image) in images.iter().enumerate() {
        let row = row(image, run.held.get(&image.id));
        if out.len() + row.len() > MAX_TABLE {
            let _ = writeln!(out, "| and {} more | | | | | |", images.len() - at);
            break;
        }
        out.push_str(&row);
    }
    out.push('\n');
}

fn row(image: &ImageReport, held: Option<&Held>) -> String {
    let is_ended = matches!(image.outcome, Outcome::Done | Outcome::Failed);
    let digest = held.and_then(|held| held.digest.clone());
    let digest = digest.or_else(|| image.digest.as_ref().map(ToString::to_string));
    let digest = digest.map_or(String::new(), |digest| code(cut(&digest, "sha256:".len() + 12)));
    let size = held.map_or(String::new(), |held| bytes(held.size));
    let time = if is_ended { seconds(image.millis) } else { String::new() };
    let (id, source) = (code(&image.id), source(image));
    format!("| {id} | {} | {source} | {digest} | {size} | {time} |\n", what(image))
}

/// What was done, or is to be done, in a word or two of our own.
fn what(image: &ImageReport) -> &'static str {
    match (image.outcome, image.action) {
        (Outcome::Done, Action::Pull) if image.is_the_same() => "the same",
        (Outcome::Done, Action::Pull) => "pulled",
        (Outcome::Done, Action::Build) => "built",
        (Outcome::Done, Action::Tag | Action::None) => "tagged",
        (Outcome::Unchanged, _) => "unchanged",
        (Outcome::Pending, Action::Pull) => "to pull",
        (Outcome::Pending, Action::Build) => "to build",
        (Outcome::Pending, Action::Tag | Action::None) => "to tag",
        (Outcome::Failed, _) => "**failed**",
        (Outcome::Blocked, _) => "**blocked**",
        (Outcome::Skipped, _) => "skipped",
        (Outcome::Cancelled, _) => "cancelled",
    }
}

/// Where it came from, or will: the registry's reference, or the Dockerfile.
fn source(image: &ImageReport) -> String {
    let is_done = image.outcome == Outcome::Done;
    let dockerfile = || {
        let built = image.steps.iter().find_map(|step| match step {
            PlannedStep::Build { dockerfile } => Some(dockerfile.clone()),
            _ => None,
        });
        match built {
            Some(None) => "a template".to_owned(),
            Some(Some(file)) => code(&file),
            None => "a build".to_owned(),
        }
    };
    let planned = || match image.steps.first()? {
        PlannedStep::Pull { sources, .. } => sources.first().map(|source| code(source)),
        PlannedStep::Build { .. } => Some(dockerfile()),
        PlannedStep::Adopt { .. } | PlannedStep::Tag { .. } => None,
    };
    match &image.source {
        _ if is_done && image.action == Action::Build => dockerfile(),
        Some(source) if is_done => code(source),
        _ if image.outcome == Outcome::Pending => planned().unwrap_or_default(),
        _ => String::new(),
    }
}

/// A block for each image that failed: why, every source, the last lines, and what to do.
fn failures(report: &Report) -> impl Iterator<Item = String> {
    let is_wrong =
        |image: &&ImageReport| matches!(image.outcome, Outcome::Failed | Outcome::Blocked);
    report.images.iter().filter(is_wrong).map(|image| {
        let plain = Look { color: false, width: None, unicode: true };
        let code = image.code.map_or(String::new(), |code| format!(": `{code}`"));
        let text = format!("{}\n{}", clean(&words(image)), failure(image, plain));
        format!("**{}**{code}\n\n{}\n", self::code(&image.id), block(&text))
    })
}

/// A block for each mistake and warning, the mistakes first.
fn diagnostics(told: &[Diagnostic]) -> impl Iterator<Item = String> {
    let of = |severity| move |it: &&Diagnostic| it.severity == severity;
    let errors = told.iter().filter(of(Severity::Error));
    errors.chain(told.iter().filter(of(Severity::Warning))).map(|diagnostic| {
        let word = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let code = diagnostic.code.map_or(String::new(), |code| format!(": `{code}`"));
        let mut text = diagnostic.message.clone();
        if let Some(file) = &diagnostic.file {
            let _ = write!(text, "\n--> {}", file.display());
            if diagnostic.line > 0 {
                let _ = write!(text, ":{}:{}", diagnostic.line, diagnostic.column);
            }
        }
        for cause in &diagnostic.causes {
            let _ = write!(text, "\ncaused by: {cause}");
        }
        for hint in &diagnostic.hints {
            let _ = write!(text, "\nhint: {hint}");
        }
        format!("**{word}**{code}\n\n{}\n", block(&text))
    })
}

/// A text as code in a cell of a table.
fn code(text: &str) -> String {
    // A cell ends at each `|`, also in code; whether a backslash helps depends on what stands
    // in front of it, and on who reads it.
    let text = clean(text).replace('|', "│");
    let fence = "`".repeat(longest_run(&text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    if text.is_empty() { text } else { format!("{fence}{pad}{text}{pad}{fence}") }
}

/// A text as a fenced block.
fn block(text: &str) -> String {
    let shown = cut(text.trim_end(), MAX_BLOCK);
    let dots = if shown.len() < text.trim_end().len() { "…" } else { "" };
    let shown = sanitise(shown);
    let fence = "`".repeat(longest_run(&shown).max(2) + 1);
    format!("{fence}text\n{shown}{dots}\n{fence}\n")
}

/// How many backticks stand together at most.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;
