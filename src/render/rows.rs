//! Labelled values under headings: in two columns where there is room, folded where there
//! is little.

use super::fit::{Piece, clean, pad, width};
use super::fold::{broken, fold, in_column};
use super::look::{Look, Tone};

/// The widest column of labels. A longer label has a line of its own.
const LABELS: usize = 16;

/// Digits of a hash that are shown where all of it has no room.
const DIGITS: usize = 12;

/// A heading, and what stands below it.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    heading: String,
    rows: Vec<Row>,
}

/// A label and its value.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// What stands in front of the label, in a column of its own.
    mark: Piece,
    label: Piece,
    value: Vec<Piece>,
}

impl Group {
    /// With nothing below it yet.
    pub(crate) fn new(heading: impl Into<String>) -> Self {
        Self { heading: heading.into(), rows: Vec::new() }
    }

    /// One more row.
    pub(crate) fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// One more row of a label and a plain value.
    pub(crate) fn row(&mut self, label: &str, value: impl Into<String>) {
        self.push(Row::new(label, value));
    }
}

impl Row {
    pub(crate) fn new(label: &str, value: impl Into<String>) -> Self {
        Self {
            mark: (Tone::Plain, String::new()),
            label: (Tone::Strong, label.to_owned()),
            value: vec![(Tone::Plain, value.into())],
        }
    }

    /// With a tone for its value.
    pub(crate) fn of(label: &str, tone: Tone, value: &str) -> Self {
        Self { value: vec![(tone, value.to_owned())], ..Self::new(label, "") }
    }

    /// The same with another tone for its label.
    pub(crate) fn labelled(self, tone: Tone) -> Self {
        Self { label: (tone, self.label.1), ..self }
    }

    /// The same with a mark in front of its label.
    pub(crate) fn marked(self, tone: Tone, mark: &str) -> Self {
        Self { mark: (tone, mark.to_owned()), ..self }
    }

    /// The same with more behind the value.
    pub(crate) fn and(mut self, tone: Tone, more: impl Into<String>) -> Self {
        self.value.push((tone, more.into()));
        self
    }
}

/// The groups as text, an empty line between them. Ends with a line feed.
///
/// ```text
/// engine
///   id        sha256:0a0a0a0a0a0a  the digest of its configuration
///   platform  linux/amd64
/// ```
pub(crate) fn groups(groups: &[Group], look: Look) -> String {
    let columns = Columns::of(2, groups.iter().flat_map(|group| &group.rows), look);
    let mut out = String::new();
    for group in groups.iter().filter(|group| !group.rows.is_empty()) {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&fold(&look.paint(Tone::Strong, &clean(&group.heading)), look));
        out.push('\n');
        group.rows.iter().for_each(|row| push_row(&mut out, row, columns, look));
    }
    out
}

/// Rows without a heading. Ends with a line feed.
pub(crate) fn rows(rows: &[Row], look: Look) -> String {
    let columns = Columns::of(0, rows.iter(), look);
    let mut out = String::new();
    for row in rows {
        push_row(&mut out, row, columns, look);
    }
    out
}

/// A sentence below them. Ends with a line feed.
pub(crate) fn sentence(text: &str, look: Look) -> String {
    broken(&clean(text), room(look, 0), "") + "\n"
}

/// Where the columns of some rows begin, and how wide they are. None is 0 columns wide.
#[derive(Debug, Clone, Copy)]
struct Columns {
    indent: usize,
    marks: usize,
    labels: usize,
}

impl Columns {
    fn of<'r>(indent: usize, rows: impl Iterator<Item = &'r Row> + Clone, look: Look) -> Self {
        if look.is_narrow() {
            return Self { indent, marks: 0, labels: 0 };
        }
        let marks = rows.clone().map(|row| width(&clean(&row.mark.1)));
        let labels = rows.map(|row| width(&clean(&row.label.1))).filter(|label| *label <= LABELS);
        Self { indent, marks: marks.max().unwrap_or(0), labels: labels.max().unwrap_or(0) }
    }

    /// Where the values begin. Where nothing is lined up, they stand below their labels.
    fn values(self) -> usize {
        let column = |columns: usize| if columns == 0 { 0 } else { columns + 2 };
        self.indent + (column(self.marks) + column(self.labels)).max(2)
    }
}

/// A row. Where its label leaves no room for a column, the value stands below.
fn push_row(out: &mut String, row: &Row, columns: Columns, look: Look) {
    let (mark, label) = (clean(&row.mark.1), clean(&row.label.1));
    let rest = " ".repeat(columns.values());
    let mut head = " ".repeat(columns.indent);
    for (text, tone, column) in
        [(mark, row.mark.0, columns.marks), (label.clone(), row.label.0, columns.labels)]
    {
        if column > 0 || !text.is_empty() {
            // What is padded is painted without its padding: a gap has no colour.
            let gap = pad(&text, column)[text.len()..].to_owned() + "  ";
            head.push_str(&(look.paint(tone, &text) + &gap));
        }
    }
    if columns.labels == 0 || width(&label) > columns.labels {
        out.push_str(&in_column(
            head.trim_end(),
            room(look, columns.indent),
            "",
            &" ".repeat(columns.indent),
        ));
        out.push('\n');
        head.clone_from(&rest);
    }
    let room = room(look, columns.values());
    let whole: usize = row.value.iter().map(|(_, text)| width(&clean(text)) + 2).sum();
    let is_short = columns.values() + whole <= room + 2;
    let value = row.value.iter().map(|(tone, text)| {
        let text = clean(text);
        look.paint(*tone, &if is_short { text } else { shortened(&text) })
    });
    out.push_str(&in_column(&value.collect::<Vec<_>>().join("  "), room, &head, &rest));
    out.push('\n');
}

/// The columns of the terminal, or of one that has a few behind an indent: less is no room for
/// words at all.
fn room(look: Look, indent: usize) -> usize {
    look.width.map_or(usize::MAX / 2, |all| usize::from(all).max(indent + 8))
}

/// Each hash in it by its first digits.
fn shortened(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut digits = 0;
    for (at, c) in text.char_indices() {
        let is_digit = c.is_ascii_digit() || ('a'..='f').contains(&c);
        if is_digit && digits == 0 {
            let run = text[at..].bytes().take_while(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            let run = run.count();
            digits = if run >= 64 { run } else { 0 };
            if digits > 0 {
                out.push_str(&text[at..at + DIGITS]);
            }
        }
        if digits > 0 {
            digits -= 1;
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Vec<Group> {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let mut one = Group::new("the engine");
        one.push(Row::new("id", &digest).and(Tone::Dim, "the digest of its configuration"));
        one.row("platform", "linux/amd64");
        one.row("secret=file:of/a/long/path", "not allowed");
        let mut other = Group::new("the plan");
        other.row("pull", format!("ghcr.io/acme/tool@{digest}"));
        vec![one, Group::new("with nothing below it"), other]
    }

    #[test]
    fn labels_stand_in_a_column_and_values_in_another() {
        let text = groups(&some(), Look { width: None, ..Look::test(80) });
        let digest = "0a".repeat(32);
        let want = format!(
            "the engine\n  id        sha256:{digest}  the digest of its configuration\n  \
             platform  linux/amd64\n  secret=file:of/a/long/path\n            not allowed\n\n\
             the plan\n  pull      ghcr.io/acme/tool@sha256:{digest}\n"
        );
        assert_eq!(text, want);
    }

    #[test]
    fn hashes_are_cut_before_lines_are() {
        insta::assert_snapshot!(groups(&some(), Look::test(80)), @r"
        the engine
          id        sha256:0a0a0a0a0a0a  the digest of its configuration
          platform  linux/amd64
          secret=file:of/a/long/path
                    not allowed

        the plan
          pull      ghcr.io/acme/tool@sha256:0a0a0a0a0a0a
        ");
    }

    #[test]
    fn values_fold_under_their_own_column() {
        insta::assert_snapshot!(groups(&some(), Look::test(40)), @r"
        the engine
          id        sha256:0a0a0a0a0a0a  the
                    digest of its configuration
          platform  linux/amd64
          secret=file:of/a/long/path
                    not allowed

        the plan
          pull      ghcr.io/acme/tool@sha256:0a0
                    a0a0a0a0a
        ");
    }

    #[test]
    fn where_there_is_no_room_for_columns_there_are_none() {
        let text = groups(&some(), Look::test(20));
        assert!(text.lines().all(|line| width(line) <= 20), "{text}");
        assert!(text.starts_with("the engine\n  id\n    sha256:0a0a0a0a0\n"), "{text}");
        for columns in 1..40 {
            let least = usize::from(columns).max(12);
            let text = groups(&some(), Look::test(columns));
            assert!(text.lines().all(|line| width(line) <= least), "{columns}:\n{text}");
        }
    }

    #[test]
    fn marks_have_a_column_of_their_own() {
        let all = [
            Row::new("disk", "full").marked(Tone::Bad, "fail"),
            Row::new("hint", "make some room on it"),
            Row::new("engine", "Docker").marked(Tone::Good, "ok"),
        ];
        insta::assert_snapshot!(rows(&all, Look::test(40)), @r"
        fail  disk    full
              hint    make some room on it
        ok    engine  Docker
        ");
        insta::assert_snapshot!(rows(&all, Look::test(20)), @r"
        fail  disk
          full
        hint
          make some room on
          it
        ok  engine
          Docker
        ");
        assert_eq!(
            sentence("nothing stands in the way", Look::test(20)),
            "nothing stands in\nthe way\n"
        );
    }

    #[test]
    fn colours_are_put_on_words_and_not_on_gaps() {
        let look = Look { color: true, ..Look::test(60) };
        let mut group = Group::new("a");
        group.push(Row::new("b", "c d").and(Tone::Good, "e"));
        let text = groups(&[group], look);
        assert!(text.ends_with("\x1b[1mb\x1b[0m  c d  \x1b[32me\x1b[0m\n"), "{text:?}");
    }

    #[test]
    fn foreign_text_decides_nothing() {
        let mut group = Group::new("a\x1b[2J");
        group.row("b\n", "c\x07");
        let text = groups(&[group], Look::test(80));
        assert_eq!(text, "a\\x1b[2J\n  b   c\\x07\n");
    }
}
