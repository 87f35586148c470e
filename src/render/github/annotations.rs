//! What is annotated: mistakes at their places, and images that failed.

use super::command::{Annotation, Level, Spot};
use crate::execute::report::{ImageReport, Outcome};
use crate::render::fit::clean;
use crate::words::code::Code;
use crate::words::diagnostic::{Diagnostic, Severity};
use crate::words::text::count;

/// GitHub takes so many of each kind from a step, and drops the rest without a word.
const MAX: usize = 10;

/// So many of the last lines of a failed build are told with it.
const LAST_LINES: usize = 5;

/// What a diagnostic says, at a place in the repository where that is known.
pub(crate) fn of_diagnostic(diagnostic: &Diagnostic, spot: Option<Spot>) -> Annotation {
    let level = match diagnostic.severity {
        Severity::Error => Level::Error,
        Severity::Warning => Level::Warning,
    };
    let mut lines = vec![diagnostic.message.clone()];
    lines.extend(diagnostic.causes.iter().cloned());
    lines.extend(diagnostic.hints.iter().map(|hint| format!("hint: {hint}")));
    // Whoever ended the run needs no word about it.
    lines.extend(diagnostic.code.filter(|code| *code != Code::Cancelled).map(explained));
    let title = diagnostic.code.map_or("occ", Code::word).to_owned();
    Annotation { level, spot, title, text: lines.join("\n") }
}

/// Why an image failed, or can't be had; `None` where nothing is wrong with it. One that was
/// skipped or cancelled is no news beside what it was skipped for.
pub(crate) fn of_image(image: &ImageReport, spot: Option<Spot>) -> Option<Annotation> {
    let level = match image.outcome {
        Outcome::Failed => Level::Error,
        // Nobody tried it yet.
        Outcome::Blocked => Level::Warning,
        _ => return None,
    };
    let mut lines = vec![image.error.clone().unwrap_or_else(|| image.cause.clone())];
    lines.extend(image.failures.iter().map(|failure| {
        let attempts = count(failure.attempts as usize, "attempt", "attempts");
        let said = clean(&failure.message);
        let colon = if said.is_empty() { "" } else { ": " };
        format!("{}: {}, {attempts}{colon}{said}", failure.source, failure.class.words())
    }));
    let last = image.log.len().saturating_sub(LAST_LINES);
    lines.extend(image.log[last..].iter().map(|line| format!("| {}", clean(line.trim_end()))));
    lines.extend(image.hints.iter().map(|hint| format!("hint: {hint}")));
    lines.extend(image.code.map(explained));
    let code = image.code.map_or(String::new(), |code| format!(": {code}"));
    Some(Annotation { level, spot, title: format!("{}{code}", image.id), text: lines.join("\n") })
}

fn explained(code: Code) -> String {
    format!("`occ explain {code}` says what to do")
}

/// No more than GitHub takes: the last one of a kind tells of all that there is no room for.
pub(crate) fn within_limits(all: Vec<Annotation>) -> Vec<Annotation> {
    let (errors, warnings): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|one| one.level == Level::Error);
    let mut kept = limited(errors, "errors");
    kept.extend(limited(warnings, "warnings"));
    kept
}

fn limited(mut all: Vec<Annotation>, many: &str) -> Vec<Annotation> {
    if all.len() <= MAX {
        return all;
    }
    let rest = all.split_off(MAX - 1);
    let level = rest[0].level;
    let line = |annotation: &Annotation| {
        let at = match &annotation.spot {
            Some(Spot { file, line, .. }) if *line > 0 => format!("{file}:{line}: "),
            Some(Spot { file, .. }) => format!("{file}: "),
            None => String::new(),
        };
        let text = annotation.text.lines().next().unwrap_or_default();
        format!("{at}{}: {text}", annotation.title)
    };
    let text = rest.iter().map(line).collect::<Vec<_>>().join("\n");
    // There are two at least: with one more than fits, the last place has to tell of both.
    let title = format!("{} more {many}", rest.len());
    all.push(Annotation { level, spot: None, title, text });
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotations(level: Level, number: usize) -> Vec<Annotation> {
        let one = |at| {
            let spot = Spot { file: "f".into(), line: at, column: 1 };
            let text = format!("text {at}\nhint: x");
            Annotation { level, spot: Some(spot), title: "T".into(), text }
        };
        (0..number).map(one).collect()
    }

    #[test]
    fn what_there_is_no_room_for_is_in_the_last_one() {
        let kept = within_limits(annotations(Level::Error, 10));
        assert_eq!(kept.len(), 10);
        assert_eq!(kept[9].text, "text 9\nhint: x");

        let mut all = annotations(Level::Warning, 2);
        all.extend(annotations(Level::Error, 12));
        let kept = within_limits(all);
        assert_eq!(kept.len(), 12);
        let last = &kept[9];
        assert_eq!((last.level, last.title.as_str()), (Level::Error, "3 more errors"));
        assert_eq!(last.text, "f:9: T: text 9\nf:10: T: text 10\nf:11: T: text 11");
        assert_eq!(kept[10].level, Level::Warning);
    }
}
