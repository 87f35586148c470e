//! Collects diagnostics, and knows the lines and columns of the text.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::manifest::secrets::mentions_secret;
use crate::words::diagnostic::{Diagnostic, Severity};
use crate::words::text;

/// So many mistakes are shown; who made more has other worries than the rest.
const MAX_SHOWN: usize = 100;

/// The distance between two known places inside one line, in bytes.
const STRIDE: usize = 1024;

/// The diagnostics found so far in one text.
#[derive(Debug)]
pub(crate) struct Problems<'t> {
    text: &'t str,
    file: PathBuf,
    places: Places<'t>,
    found: Vec<Diagnostic>,
    errors: usize,
    /// Lines on which the text is no TOML. Each has one diagnostic, in front of the others.
    garbled: BTreeSet<usize>,
    /// The first table header that is no TOML.
    lost_header: Option<usize>,
    /// Lines that hold a secret: what is printed here ends up in the logs of a build
    /// server.
    hidden: BTreeSet<usize>,
}

impl<'t> Problems<'t> {
    /// None yet.
    pub(crate) fn new(text: &'t str, file: &Path) -> Self {
        Self {
            text,
            file: file.to_owned(),
            places: Places::new(text),
            found: Vec::new(),
            errors: 0,
            garbled: BTreeSet::new(),
            lost_header: None,
            hidden: BTreeSet::new(),
        }
    }

    /// How many errors there are.
    pub(crate) fn errors(&self) -> usize {
        self.errors
    }

    /// Whether there are so many errors that it no longer matters to explain each.
    pub(crate) fn is_flooded(&self) -> bool {
        self.errors > 10 * MAX_SHOWN
    }

    /// One more, at `span`.
    pub(crate) fn push(&mut self, diagnostic: Diagnostic, span: Range<usize>) {
        self.errors += usize::from(diagnostic.severity == Severity::Error);
        let located = self.locate(diagnostic, span);
        self.found.push(located);
    }

    /// One more: the text is no TOML here. They come before all others. Of several on
    /// one line the first counts; a parser that lost its way only repeats itself.
    pub(crate) fn syntax(&mut self, diagnostic: Diagnostic, span: Range<usize>) {
        let (line, _) = self.place(span.start);
        if self.garbled.insert(line) {
            let before = text::cut(self.text, span.start);
            let start = before.rfind('\n').map_or(0, |i| i + 1);
            // It has no keys to go by, so every word counts.
            if self.text[start..].lines().next().is_some_and(mentions_secret) {
                self.hidden.insert(line);
            }
            if self.text[start..].trim_start().starts_with('[') {
                self.lost_header.get_or_insert(start);
            }
            self.push(diagnostic, span);
        }
    }

    /// Whether the text before `offset` has a table header that could not be read.
    pub(crate) fn has_lost_header(&self, offset: usize) -> bool {
        self.lost_header.is_some_and(|start| start < offset)
    }

    /// Keeps the lines of `span` from being shown. This has to come before all that is
    /// said of them.
    pub(crate) fn hide(&mut self, span: Range<usize>) {
        let ((first, _), (last, _)) = (self.place(span.start), self.place(span.end));
        self.hidden.extend(first..=last);
    }

    /// Whether `span` begins in a hidden line. A diagnostic there must not quote a value
    /// either.
    pub(crate) fn is_hidden(&self, span: &Range<usize>) -> bool {
        !self.hidden.is_empty() && self.hidden.contains(&self.place(span.start).0)
    }

    /// One more: something is missing in the table at `span`. Where the text is no
    /// TOML, what seems to be missing may stand in a part that could not be read.
    pub(crate) fn missing(&mut self, diagnostic: Diagnostic, span: Range<usize>) {
        if self.garbled.is_empty() {
            self.push(diagnostic, span);
        }
    }

    /// The diagnostic with its file, line and column.
    pub(crate) fn locate(&self, mut diagnostic: Diagnostic, span: Range<usize>) -> Diagnostic {
        (diagnostic.line, diagnostic.column) = self.place(span.start);
        diagnostic.file = Some(self.file.clone());
        // What concerns the file as a whole has no line to point at.
        let is_shown = span != (0..0) && !self.hidden.contains(&diagnostic.line);
        diagnostic.span = is_shown.then_some(span);
        diagnostic
    }

    /// Line and column of a byte, from 1.
    pub(crate) fn place(&self, offset: usize) -> (usize, usize) {
        self.places.at(offset)
    }

    /// A piece of the text for a message: the first line of it, and not much of that.
    pub(crate) fn slice(&self, span: Range<usize>) -> &'t str {
        let piece = self.text.get(span).unwrap_or_default();
        text::cut(piece.lines().next().unwrap_or_default(), 60)
    }

    /// All of them in the order of the text.
    ///
    /// A line that is no TOML has only its syntax errors: what was made of the rest
    /// of such a line is guesswork.
    pub(crate) fn finish(self) -> Vec<Diagnostic> {
        let Self { mut found, garbled, file, .. } = self;
        let others = found.split_off(garbled.len().min(found.len()));
        found.extend(others.into_iter().filter(|d| !garbled.contains(&d.line)));
        found.sort_by_key(|diagnostic| (diagnostic.line, diagnostic.column));
        if found.len() > MAX_SHOWN {
            let rest = text::count(found.len() - MAX_SHOWN, "further mistake", "further mistakes");
            let any_error = found[MAX_SHOWN..].iter().any(|d| d.severity == Severity::Error);
            found.truncate(MAX_SHOWN);
            let message = format!("{rest} not shown");
            let mut last =
                if any_error { Diagnostic::error(message) } else { Diagnostic::warning(message) };
            last.file = Some(file);
            found.push(last);
        }
        found
    }
}

/// Finds line and column of a byte in about constant time, however long the lines are.
#[derive(Debug)]
struct Places<'t> {
    text: &'t str,
    /// Byte, line, column of every line's start and of every further [`STRIDE`] of it.
    marks: Vec<(usize, usize, usize)>,
}

impl<'t> Places<'t> {
    fn new(text: &'t str) -> Self {
        let mut marks = vec![(0, 1, 1)];
        let (mut line, mut column, mut last) = (1, 1, 0);
        for (offset, c) in text.char_indices() {
            if offset - last >= STRIDE {
                marks.push((offset, line, column));
                last = offset;
            }
            column += 1;
            if c == '\n' {
                (line, column, last) = (line + 1, 1, offset + 1);
                marks.push((last, line, column));
            }
        }
        Self { text, marks }
    }

    fn at(&self, offset: usize) -> (usize, usize) {
        let index = self.marks.partition_point(|(start, ..)| *start <= offset);
        let (start, line, column) = self.marks[index.saturating_sub(1)];
        let between = text::cut(&self.text[start..], offset - start);
        (line, column + between.chars().count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_that_diagnostics_count() {
        let text = format!("a\nbü\r\n\n{}\nü", "é".repeat(3000));
        let places = Places::new(&text);
        for offset in (0..=text.len() + 3).filter(|i| *i > text.len() || text.is_char_boundary(*i))
        {
            let want = Diagnostic::error("x").at(&text, offset..offset);
            assert_eq!(places.at(offset), (want.line, want.column), "{offset}");
        }
    }

    #[test]
    fn a_flood_is_cut() {
        let mut problems = Problems::new("abc", Path::new("x"));
        for _ in 0..250 {
            problems.push(Diagnostic::error("bad"), 1..2);
        }
        let found = problems.finish();
        assert_eq!(found.len(), MAX_SHOWN + 1);
        assert_eq!(found[MAX_SHOWN].message, "150 further mistakes not shown");
    }
}
