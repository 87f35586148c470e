//! A Dockerfile that ends the wanted stage with a label.
//!
//! `BuildKit` writes no step into an image's history for a label that comes with the
//! request, and without one an image that somebody made from ours by hand looks like ours.

use crate::context::dockerfile::expand::Values;
use crate::context::dockerfile::lines::{self, instructions};
use crate::context::dockerfile::{find, stages};

/// The text with a label behind the last instruction of the stage `target`, or of the last
/// one. Every line in front of that keeps its number, and no line behind it is built. `None`
/// where it can't be added without doubt: to a language of another frontend, or behind a
/// line that goes on.
pub(crate) fn with_label(
    text: &[u8],
    target: Option<&str>,
    (key, value): (&str, &str),
) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let is_plain = |text: &str| !text.contains(['"', '\\', '$', '`', '\n']);
    if !is_plain(key) || !is_plain(value) || !speaks_dockerfile(text) {
        return None;
    }
    let (all, escape) = instructions(text);
    let next = match target.filter(|target| !target.is_empty()) {
        Some(target) => find(&stages(text, &Values::new()), target)? + 1,
        None => usize::MAX,
    };
    let next = all.iter().filter(|one| one.keyword == "FROM").nth(next);
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let at = next.map_or(lines.len(), |from| from.lines.start);
    // The last line that says something: were it to go on, the label would be part of it.
    let goes_on = |line: &&str| {
        let line = line.trim_end();
        !line.is_empty() && !line.trim_start().starts_with('#') && line.ends_with(escape)
    };
    let says = |line: &&&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let is_open = lines[..at].iter().rev().find(says).is_some_and(goes_on);
    if all.is_empty() || is_open {
        return None;
    }
    let end = if lines[..at].last().is_some_and(|line| line.ends_with('\n')) { "" } else { "\n" };
    let label = format!("{end}LABEL \"{key}\"=\"{value}\"\n");
    lines.insert(at, &label);
    Some(lines.concat())
}

/// Whether it is for the usual frontend.
fn speaks_dockerfile(text: &str) -> bool {
    lines::frontend(text).is_none_or(|(_, name)| {
        name.parse::<crate::words::reference::Reference>()
            .is_ok_and(|frontend| frontend.repository.path.starts_with("docker/dockerfile"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, target: Option<&str>, want: Option<&str>) {
        let labelled = with_label(text.as_bytes(), target, ("k", "1:a;b/c"));
        assert_eq!(labelled.as_deref(), want, "{text}");
    }

    #[test]
    fn the_label_ends_the_wanted_stage() {
        const L: &str = "LABEL \"k\"=\"1:a;b/c\"\n";
        check("FROM a\nRUN b", None, Some(&format!("FROM a\nRUN b\n{L}")));
        check("FROM a\r\n\r\n", None, Some(&format!("FROM a\r\n\r\n{L}")));
        let two = "FROM a AS one\nRUN b\nFROM c\n";
        check(two, None, Some(&format!("{two}{L}")));
        check(two, Some("ONE"), Some(&format!("FROM a AS one\nRUN b\n{L}FROM c\n")));
        check(two, Some("three"), None);
        let here = "FROM a\nRUN <<E\nFROM b\nE";
        check(here, None, Some(&format!("{here}\n{L}")));
        let named = "# syntax=docker/dockerfile:1\nFROM a\n";
        check(named, None, Some(&format!("{named}{L}")));
    }

    #[test]
    fn where_it_could_mean_something_else_there_is_none() {
        check("# syntax=acme/other:1\nFROM a\n", None, None);
        check("FROM a\nRUN b \\\n\n# c\n", None, None);
        check("# escape=`\nFROM a\nRUN b `", None, None);
        check("FROM a\nRUN <<E\nb \\\n", None, None);
        check("", None, None);
        assert_eq!(with_label(b"FROM a", None, ("k", "$x")), None);
        assert_eq!(with_label(b"FROM \xff", None, ("k", "v")), None);
    }
}
