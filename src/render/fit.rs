//! Text in columns: how wide it is, and how it is made to fit.

use unicode_width::UnicodeWidthChar as _;

use super::look::{Look, Tone};
use crate::words::text::{MAX_FOREIGN, cut, sanitise};

/// A piece of a line and what it is.
pub(crate) type Piece = (Tone, String);

/// Columns that `text` takes. It holds no control characters.
///
/// Counted character by character, as indicatif does it: for a joined sequence
/// that is more than a terminal may use, and never less.
pub(crate) fn width(text: &str) -> usize {
    text.chars().filter_map(char::width).sum()
}

/// A foreign message as part of one line: nothing in it moves the cursor, and it
/// is not longer than is worth showing.
pub(crate) fn clean(text: &str) -> String {
    let cut = cut(text, MAX_FOREIGN);
    let mut line = safe(cut);
    if cut.len() < text.len() {
        line.push('…');
    }
    line
}

/// Our own words around foreign names as part of one line, whole.
pub(crate) fn safe(text: &str) -> String {
    sanitise(text).replace(['\n', '\t'], " ")
}

/// `text` and spaces up to `columns`.
pub(crate) fn pad(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(width(text));
    format!("{text}{}", " ".repeat(missing))
}

/// The pieces as one line of at most `columns`, cut with an ellipsis, painted.
pub(crate) fn line(pieces: &[Piece], columns: usize, look: Look) -> String {
    let total: usize = pieces.iter().map(|(_, text)| width(text)).sum();
    if total <= columns {
        return pieces.iter().map(|(tone, text)| look.paint(*tone, text)).collect();
    }
    let ellipsis = look.ellipsis();
    if columns < width(ellipsis) {
        return String::new();
    }
    let mut room = columns - width(ellipsis);
    let mut out = String::new();
    for (tone, text) in pieces {
        let wide = width(text);
        if wide > room {
            let kept = head(text, room).trim_end();
            out.push_str(&look.paint(*tone, &format!("{kept}{ellipsis}")));
            break;
        }
        room -= wide;
        out.push_str(&look.paint(*tone, text));
    }
    out
}

/// The longest start of `text` that takes at most `columns`.
fn head(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > columns {
            return &text[..at];
        }
    }
    text
}

/// Where a tail stands in its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Two spaces after the text.
    Near,
    /// At the right edge.
    Edge,
}

/// `pieces` with a tail: of the given forms (long ones first) the first that
/// leaves the pieces whole, else the last one that leaves them room at all.
pub(crate) fn with_tail(
    pieces: &[Piece],
    tails: &[String],
    place: Tail,
    columns: usize,
    look: Look,
) -> String {
    /// Fewer columns than these for the text, and the tail is not worth it.
    const LEAST: usize = 8;
    let needed: usize = pieces.iter().map(|(_, text)| width(text)).sum();
    let room = |tail: &String| columns.checked_sub(width(tail) + 2);
    let whole = tails.iter().find(|tail| room(tail).is_some_and(|room| room >= needed));
    let short = || tails.last().filter(|tail| room(tail).is_some_and(|room| room >= LEAST));
    let Some(tail) = whole.or_else(short).filter(|tail| !tail.is_empty()) else {
        return line(pieces, columns, look);
    };
    let room = room(tail).unwrap_or(0);
    let gap = match place {
        Tail::Near => 2,
        Tail::Edge => room.saturating_sub(needed) + 2,
    };
    format!("{}{}{}", line(pieces, room, look), " ".repeat(gap), look.paint(Tone::Dim, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_by_columns_not_by_bytes() {
        let look = Look::test(80);
        let cut = |text: &str, columns| line(&[(Tone::Plain, text.to_owned())], columns, look);
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdef", 5), "abcd…");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("abc", 1), "…");
        assert_eq!(cut("abc", 0), "");
    }

    #[test]
    fn colours_take_no_columns() {
        let look = Look { color: true, ..Look::test(80) };
        let pieces = [(Tone::Good, "ab".to_owned()), (Tone::Bad, "cdef".to_owned())];
        assert_eq!(line(&pieces, 4, look), "\x1b[32mab\x1b[0m\x1b[1m\x1b[31mc…\x1b[0m");
    }

    #[test]
    fn the_tail_gives_way_before_the_text() {
        let look = Look::test(80);
        let pieces = [(Tone::Plain, "pulling acme".to_owned())];
        let tails = ["10 of 20  5/s".to_owned(), "50%".to_owned()];
        let at = |columns, place| with_tail(&pieces, &tails, place, columns, look);
        assert_eq!(at(30, Tail::Edge), "pulling acme     10 of 20  5/s");
        assert_eq!(at(30, Tail::Near), "pulling acme  10 of 20  5/s");
        assert_eq!(at(20, Tail::Edge), "pulling acme     50%");
        assert_eq!(at(14, Tail::Edge), "pulling…  50%");
        assert_eq!(at(10, Tail::Edge), "pulling a…");
    }

    #[test]
    fn foreign_text_stays_on_its_line() {
        assert_eq!(clean("a\x1b[2J\nb\tc\r"), "a\\x1b[2J b c\\x0d");
        assert!(clean(&"é".repeat(5000)).ends_with("é…"));
        assert_eq!(safe(&"é\n".repeat(5000)).len(), 15_000);
    }
}
