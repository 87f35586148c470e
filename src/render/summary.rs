//! The text of a report: what came of each image, and what to do about failures.

use std::fmt::Write as _;
use std::time::Duration;

use super::explain;
use super::fit::{clean, pad, width};
use super::fold::fold;
use super::look::{Look, Tone};
use super::plan::id_columns;
use super::say::seconds;
use crate::execute::report::{Action, ImageReport, Outcome, Report};
use crate::words::text::{bytes, count, cut, elapsed};

/// The longest line of a build's log that is worth quoting, in bytes. What a step
/// prints may be a megabyte without a line end, and thirty such lines bury the rest.
const MAX_LOG_LINE: usize = 300;

/// The report as text: a line an image with what belongs to its failure, and the
/// counts. Ends with a line feed.
pub(crate) fn summary(report: &Report, look: Look, time: Duration) -> String {
    let columns = id_columns(report.images.iter().map(|image| image.id.as_str()), look);
    let mut out = String::new();
    for image in &report.images {
        out.push_str(&line(image, columns, look));
        out.push_str(&failure(image, look));
    }
    fold(&(out + &counts(report, time)), look)
}

/// Only what belongs to the failures, and the counts: for a reader who has just seen
/// the lines that the bars left behind, one for each image, with its error.
pub(crate) fn closing(report: &Report, look: Look, time: Duration) -> String {
    let failed = report.images.iter().filter(|image| image.outcome == Outcome::Failed);
    let mut out = String::new();
    for image in failed {
        let more = failure(image, look);
        if !more.is_empty() {
            let glyph = look.paint(Tone::Bad, look.bad());
            let id = look.paint(Tone::Strong, &clean(&image.id));
            let _ = writeln!(out, "{glyph} {id}");
            out.push_str(&more);
        }
    }
    fold(&(out + &counts(report, time)), look)
}

/// `✓ tool  pulled from ghcr.io, sha256:0a0a0a0a0a0a  21.0 MB  0.8s`.
fn line(image: &ImageReport, columns: usize, look: Look) -> String {
    let (tone, glyph) = match image.outcome {
        Outcome::Done => (Tone::Good, look.good()),
        Outcome::Failed | Outcome::Blocked => (Tone::Bad, look.bad()),
        Outcome::Skipped | Outcome::Cancelled => (Tone::Dim, "-"),
        Outcome::Unchanged | Outcome::Pending => (Tone::Dim, " "),
    };
    let glyph = look.paint(tone, glyph);
    let id = look.paint(Tone::Strong, &pad(&clean(&image.id), columns));
    let mut tail = String::new();
    if image.outcome == Outcome::Done {
        if image.bytes > 0 {
            let _ = write!(tail, "  {}", bytes(image.bytes));
        }
        let _ = write!(tail, "  {}", seconds(image.millis));
    }
    format!("{glyph} {id}  {}{}\n", clean(&words(image)), look.paint(Tone::Dim, &tail))
}

/// What came of an image, in words.
pub(super) fn words(image: &ImageReport) -> String {
    match image.outcome {
        Outcome::Unchanged => image.cause.clone(),
        Outcome::Pending => format!("pending: {}", image.cause),
        Outcome::Done => image.detail(),
        Outcome::Failed => match &image.error {
            Some(error) => format!("failed: {error}"),
            None => "failed".to_owned(),
        },
        Outcome::Blocked => format!("blocked: {}", image.error.as_deref().unwrap_or(&image.cause)),
        Outcome::Skipped => match &image.error {
            Some(error) => format!("skipped: {error}"),
            None => "skipped".to_owned(),
        },
        Outcome::Cancelled => "cancelled".to_owned(),
    }
}

/// Every source of a failed image with what it said, the build's last lines, and
/// what to do.
pub(super) fn failure(image: &ImageReport, look: Look) -> String {
    if image.outcome != Outcome::Failed {
        return String::new();
    }
    let mut out = String::new();
    let columns = if look.is_narrow() {
        0
    } else {
        image.failures.iter().map(|failure| width(&clean(&failure.source))).max().unwrap_or(0)
    };
    for failure in &image.failures {
        let attempts = count(failure.attempts as usize, "attempt", "attempts");
        let source = pad(&clean(&failure.source), columns);
        let said = clean(&failure.message);
        let colon = if said.is_empty() { "" } else { ": " };
        let _ = writeln!(out, "    {source}  {}, {attempts}{colon}{said}", failure.class.words());
    }
    if !image.log.is_empty() {
        let _ = writeln!(out, "    the build's last {}:", count(image.log.len(), "line", "lines"));
        for line in &image.log {
            let line = clean(line.trim_end());
            let cut = cut(&line, MAX_LOG_LINE);
            let dots = if cut.len() < line.len() { look.ellipsis() } else { "" };
            let line = format!("    | {cut}{dots}");
            out.push_str(&look.paint(Tone::Dim, line.trim_end()));
            out.push('\n');
        }
    }
    for hint in &image.hints {
        let label = look.paint(Tone::Strong, "hint:");
        let _ = writeln!(out, "    {label} {}", clean(hint));
    }
    if let Some(code) = image.code {
        let line = format!("    {}", explain::pointer(&[code]));
        let _ = writeln!(out, "{}", look.paint(Tone::Dim, &line));
    }
    out
}

/// `2 pulled, 1 built, 3 unchanged, 1 failed in 4.2s`.
pub(super) fn counts(report: &Report, time: Duration) -> String {
    let words = |image: &ImageReport| match (image.outcome, image.action) {
        (Outcome::Done, Action::Pull) if image.is_the_same() => "the same",
        (Outcome::Done, Action::Pull) => "pulled",
        (Outcome::Done, Action::Build) => "built",
        (Outcome::Done, Action::Tag | Action::None) => "tagged",
        (Outcome::Unchanged, _) => "unchanged",
        (Outcome::Pending, _) => "pending",
        (Outcome::Blocked, _) => "blocked",
        (Outcome::Failed, _) => "failed",
        (Outcome::Skipped, _) => "skipped",
        (Outcome::Cancelled, _) => "cancelled",
    };
    let order = [
        "pulled",
        "built",
        "tagged",
        "the same",
        "unchanged",
        "pending",
        "blocked",
        "failed",
        "skipped",
        "cancelled",
    ];
    let parts: Vec<String> = order
        .into_iter()
        .map(|word| (report.images.iter().filter(|i| words(i) == word).count(), word))
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{number} {word}"))
        .collect();
    let parts = if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") };
    format!("{parts} in {}\n", elapsed(time))
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;
