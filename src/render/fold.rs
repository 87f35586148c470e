//! Lines that are wider than the terminal, taken apart between words.

use textwrap::core::{Word, display_width};
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

use super::look::Look;

/// How far the rest of a line stands behind its start, in columns.
const HANGING: usize = 4;

/// `text` with each line in as many as it takes on the reader's terminal: a terminal would
/// break it in the middle of a word. Elsewhere it is left as it is, for whoever searches
/// what was written expects a line to be one.
///
/// What stands between backticks counts as one word, and a word that is wider than the
/// terminal stays whole: both are there to be copied.
pub(crate) fn fold(text: &str, look: Look) -> String {
    let Some(columns) = look.width.map(usize::from).filter(|columns| *columns > 0) else {
        return text.to_owned();
    };
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        if display_width(line) <= columns {
            out.push_str(line);
            out.push_str(end);
            continue;
        }
        let indent = line.len() - line.trim_start_matches(' ').len();
        // On a narrow terminal an indent is most of what there is.
        let hanging = " ".repeat((indent + HANGING).min(columns / 10));
        out.push_str(&broken(line, columns, &hanging));
        out.push_str(end);
    }
    out
}

/// One line in as many of at most `columns` as it takes, each but the first behind `hanging`.
pub(super) fn broken(line: &str, columns: usize, hanging: &str) -> String {
    textwrap::wrap(line, options(columns).subsequent_indent(hanging)).join("\n")
}

/// The same in a column of its own, behind `first` and then behind `rest`: there a word that
/// is too wide goes on in the next line, for it would leave the column.
pub(super) fn in_column(text: &str, columns: usize, first: &str, rest: &str) -> String {
    let options = options(columns).break_words(true).initial_indent(first).subsequent_indent(rest);
    textwrap::wrap(text, options).join("\n")
}

fn options<'a>(columns: usize) -> Options<'a> {
    Options::new(columns)
        .break_words(false)
        .word_separator(WordSeparator::Custom(words))
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit)
}

/// The words of a line, each with the spaces behind it, and the first with those in front.
fn words(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let mut rest = line;
    Box::new(std::iter::from_fn(move || {
        let (mut quoted, mut begun, mut after) = (false, false, false);
        let end = rest.char_indices().find(|&(_, c)| {
            quoted ^= c == '`';
            let ends = after && c != ' ';
            begun |= c != ' ';
            after = begun && c == ' ' && !quoted;
            ends
        });
        let (word, others) = rest.split_at(end.map_or(rest.len(), |(at, _)| at));
        rest = others;
        (!word.is_empty()).then(|| Word::from(word))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::look::Tone;

    #[test]
    fn lines_are_broken_between_words_and_the_rest_hangs() {
        let text = "tool  pull   acme/tool:1 from ghcr.io: not in the engine\n  warning: a b\n\nok";
        assert_eq!(
            fold(text, Look::test(32)),
            "tool  pull   acme/tool:1 from\n   ghcr.io: not in the engine\n  warning: a b\n\nok"
        );
        assert_eq!(
            fold("  hint: name it so that others find it", Look::test(16)),
            "  hint: name it\n so that others\n find it"
        );
    }

    #[test]
    fn what_fits_and_what_goes_elsewhere_is_left_alone() {
        let text = "a  b   c \n\n   d\n";
        assert_eq!(fold(text, Look::test(9)), text);
        let long = "word ".repeat(100);
        assert_eq!(fold(&long, Look { width: None, ..Look::test(80) }), long);
    }

    #[test]
    fn what_is_quoted_is_one_word() {
        let hint = "hint: `docker login ghcr.io` lets the engine in; see `a` or `b`";
        assert_eq!(
            fold(hint, Look::test(30)),
            "hint: `docker login ghcr.io`\n   lets the engine in; see `a`\n   or `b`"
        );
        assert_eq!(fold("do `a b c d e f`!", Look::test(8)), "do\n`a b c d e f`!");
        assert_eq!(fold("an `open end of it", Look::test(8)), "an\n`open end of it");
    }

    #[test]
    fn a_word_that_is_too_wide_stays_whole_and_colours_take_no_columns() {
        assert_eq!(
            fold("at sha256:0a0a0a0a0a0a now", Look::test(12)),
            "at\n sha256:0a0a0a0a0a0a\n now"
        );
        let look = Look { color: true, ..Look::test(12) };
        let painted = format!("{} bcde fgh", look.paint(Tone::Bad, "ab"));
        assert_eq!(fold(&painted, look), painted);
    }
}
