//! Diagnostics for people: the message, the place, the line with a caret, the hints.

use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};

use super::fold::{broken, fold};
use super::look::{Look, Tone};
use crate::words::diagnostic::{Diagnostic, Severity};
use crate::words::text::{cut, sanitise};

/// The narrowest layout: a snippet of fewer columns shows nothing.
const MIN_WIDTH: usize = 40;

/// The layout where there is no terminal.
const WIDTH: usize = 100;

/// What stands in front of a message.
const TITLE: usize = "warning: ".len();

/// What stands in front of a hint.
const HINT: usize = "1000 = hint: ".len();

/// Bytes of a line that are worth looking at on each side of a mistake.
const AROUND: usize = 400;

/// Bytes of a message. What it quotes may be of any length.
const MAX_MESSAGE: usize = 500;

/// Shows diagnostics of one file, whose text is `text`, with an empty line after each.
pub(crate) fn render(diagnostics: &[Diagnostic], text: &str, look: Look) -> String {
    let renderer = if look.color { Renderer::styled() } else { Renderer::plain() };
    let width = look.width.map_or(WIDTH, usize::from);
    let renderer = renderer.term_width(width.max(MIN_WIDTH));
    let mut out = String::new();
    for diagnostic in diagnostics {
        if diagnostic.file.is_none() {
            out.push_str(&placeless(diagnostic, look));
            continue;
        }
        out.push_str(&renderer.render(&[group(diagnostic, text, look)]));
        out.push_str("\n\n");
    }
    out
}

/// Without a file there is nothing to draw: the message, and a line a hint.
fn placeless(diagnostic: &Diagnostic, look: Look) -> String {
    let (tone, word) = match diagnostic.severity {
        Severity::Error => (Tone::Bad, "error:"),
        Severity::Warning => (Tone::Warn, "warning:"),
    };
    let mut out = format!("{} {}\n", look.paint(tone, word), line(&diagnostic.message));
    for hint in &diagnostic.hints {
        let _ = writeln!(out, "{} {}", look.paint(Tone::Strong, "hint:"), line(hint));
    }
    fold(&out, look)
}

fn group<'a>(diagnostic: &'a Diagnostic, text: &str, look: Look) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let columns = look.width.map_or(WIDTH, usize::from).max(MIN_WIDTH);
    let title = broken(&line(&diagnostic.message), columns - TITLE, "");
    let mut group = level.primary_title(title).elements(place(diagnostic, text));
    if !diagnostic.key_path.is_empty() {
        group = group.element(Level::NOTE.with_name("key").message(line(&diagnostic.key_path)));
    }
    for hint in &diagnostic.hints {
        group = group.element(Level::HELP.with_name("hint").message(broken(
            &line(hint),
            columns - HINT,
            "",
        )));
    }
    group
}

/// File, line and column, and the line itself where the text has it.
fn place<'a>(diagnostic: &Diagnostic, text: &str) -> Vec<Element<'a>> {
    let Some(file) = &diagnostic.file else { return Vec::new() };
    let file = line(&file.to_string_lossy());
    if diagnostic.line == 0 {
        return vec![Origin::path(file).into()];
    }
    let origin = Origin::path(file.clone()).line(diagnostic.line).char_column(diagnostic.column);
    let excerpt = diagnostic.span.clone().and_then(|span| Excerpt::new(text, span.start, span.end));
    let Some(excerpt) = excerpt else { return vec![origin.into()] };
    let label = diagnostic.label.as_deref().map(line);
    let caret = AnnotationKind::Primary.span(excerpt.start..excerpt.end).label(label);
    let column = excerpt.text[..excerpt.start].chars().count() + 1;
    let snippet = Snippet::source(excerpt.text).line_start(diagnostic.line).annotation(caret);
    // The snippet counts columns in what is shown, which escapes make longer and cuts shorter.
    if column == diagnostic.column {
        vec![snippet.path(file).into()]
    } else {
        vec![origin.into(), snippet.into()]
    }
}

/// One line of the text, fit to be shown, and where the mistake is in it.
struct Excerpt {
    text: String,
    start: usize,
    end: usize,
}

impl Excerpt {
    /// `None` where the line is empty: there is nothing to point at.
    fn new(text: &str, start: usize, end: usize) -> Option<Self> {
        let (before, rest) = text.split_at_checked(start)?;
        // Only so much is looked at: the whole file may be one line.
        let before = tail(before, AROUND);
        let before = before.rsplit('\n').next().unwrap_or_default();
        let line_end = rest.find('\n').unwrap_or(rest.len());
        let rest = rest[..line_end].trim_end_matches('\r');
        let (marked, after) =
            rest.split_at_checked(end.saturating_sub(start)).unwrap_or((rest, ""));
        let (marked, after) = (cut(marked, AROUND), cut(after, AROUND));
        if before.is_empty() && rest.is_empty() {
            return None;
        }
        let mut shown = sanitise(before).into_owned();
        let start = shown.len();
        shown.push_str(&sanitise(marked));
        let end = shown.len();
        shown.push_str(&sanitise(after));
        Some(Self { text: shown, start, end })
    }
}

/// At most `max` bytes from the end.
fn tail(text: &str, max: usize) -> &str {
    let mut start = text.len().saturating_sub(max);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

/// A text on one line, with nothing in it that moves the cursor.
fn line(text: &str) -> String {
    let shown = cut(text, MAX_MESSAGE);
    let mut out = sanitise(shown).replace('\n', "\\n").replace('\t', "\\t");
    if shown.len() < text.len() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Look = Look { color: false, width: Some(80), unicode: true };

    fn at(text: &str, what: &str) -> Diagnostic {
        let start = text.find(what).unwrap();
        let mut diagnostic = Diagnostic::error("bad thing").at(text, start..start + what.len());
        diagnostic.file = Some("dir/opencode.toml".into());
        diagnostic
    }

    #[test]
    fn message_place_line_and_hints() {
        let text = "a = 1\n  bäd = 2 # x\r\n";
        let diagnostic =
            at(text, "2").key("images.a").label("here").hint("do this").hint("or that");
        insta::assert_snapshot!(render(&[diagnostic], text, PLAIN), @r"
        error: bad thing
         --> dir/opencode.toml:2:9
          |
        2 |   bäd = 2 # x
          |         ^ here
          |
          = key: images.a
          = hint: do this
          = hint: or that
        ");
    }

    #[test]
    fn warnings_and_files_as_a_whole() {
        let mut diagnostic = Diagnostic::warning("odd file");
        diagnostic.file = Some("opencode.toml".into());
        let shown = render(&[diagnostic, Diagnostic::error("no file")], "", PLAIN);
        insta::assert_snapshot!(shown, @r"
        warning: odd file
        --> opencode.toml

        error: no file
        ");
    }

    #[test]
    fn nothing_in_the_file_moves_the_cursor() {
        let text = "a = \"\x1b[2J\u{202e}\u{200b}é\" # \x07";
        let mut diagnostic = at(text, "é").key("a\x1b[31m\nb");
        diagnostic.message = "unknown \u{9b}31m\rkey".to_owned();
        diagnostic.file = Some("o\x1b[0m.toml".into());
        let shown = render(&[diagnostic], text, PLAIN);
        assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
        assert_eq!(shown, sanitise(&shown));
        assert!(shown.contains(r#"1 | a = "\x1b[2J\u{202e}\u{200b}é" # \x07"#), "{shown}");
        assert!(shown.contains(r"o\x1b[0m.toml:1:12"), "{shown}");
    }

    #[test]
    fn long_lines_are_cut() {
        let text = format!("{} bad {}", "é".repeat(100_000), "ü".repeat(100_000));
        let shown = render(&[at(&text, "bad")], &text, PLAIN);
        assert!(shown.lines().all(|line| line.chars().count() <= 90), "{shown}");
        assert!(shown.contains(" bad ") && shown.contains(":1:100002"), "{shown}");
    }

    #[test]
    fn odd_spans_do_no_harm() {
        let text = "é\n\nb";
        for start in 0..=text.len() + 2 {
            for end in start..=text.len() + 2 {
                let mut diagnostic = at(text, "b");
                diagnostic.span = Some(start..end);
                assert!(render(&[diagnostic], text, PLAIN).starts_with("error: bad thing\n"));
            }
        }
    }

    #[test]
    fn colour_is_only_colour() {
        let text = "a = 1";
        let colored = render(&[at(text, "1")], text, Look { color: true, ..PLAIN });
        assert!(colored.contains("\x1b["));
        assert_eq!(
            anstream::adapter::strip_str(&colored).to_string(),
            render(&[at(text, "1")], text, PLAIN)
        );
    }
}
