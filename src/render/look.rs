//! How text looks: colours, glyphs, and the width they have to fit in.

use anstyle::{AnsiColor, Style};

/// What the reader's terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// Whether colours are wanted.
    pub(crate) color: bool,
    /// Columns, where the text goes to a terminal.
    pub(crate) width: Option<u16>,
    /// Whether glyphs beyond ASCII are safe.
    pub(crate) unicode: bool,
}

/// What a piece of text is, from which its colour follows. The words alone say
/// the same: colour is a help for the eye and never carries meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing special.
    Plain,
    /// What the eye looks for: an id, the word `hint:`.
    Strong,
    /// What may be skipped.
    Dim,
    /// It worked.
    Good,
    /// It failed.
    Bad,
    /// Somebody should look at it.
    Warn,
}

impl Look {
    /// `text` in the colours of `tone`, or as it is where colours are off.
    ///
    /// Only colours that can be read on a light and on a dark background are
    /// used: neither yellow, which vanishes on white, nor blue, which does on black.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        let style = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Strong => Style::new().bold(),
            Tone::Dim => Style::new().dimmed(),
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Bad => AnsiColor::Red.on_default().bold(),
            Tone::Warn => AnsiColor::Magenta.on_default().bold(),
        };
        if self.color && !text.is_empty() {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// In front of what worked.
    pub(crate) const fn good(self) -> &'static str {
        if self.unicode { "✓" } else { "+" }
    }

    /// In front of what failed.
    pub(crate) const fn bad(self) -> &'static str {
        if self.unicode { "✗" } else { "x" }
    }

    /// Where text was cut.
    pub(crate) const fn ellipsis(self) -> &'static str {
        if self.unicode { "…" } else { "..." }
    }

    /// The spinner at a moment: it turns by one with each number.
    pub(crate) fn spinner(self, moment: usize) -> char {
        let glyphs: &[char] = if self.unicode {
            &['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
        } else {
            &['|', '/', '-', '\\']
        };
        glyphs[moment % glyphs.len()]
    }

    /// A bar of `width` columns: the full part, and the rest.
    pub(crate) fn bar(self, current: u64, total: u64, width: usize) -> (String, String) {
        let share = u128::from(current.min(total)) * width as u128 / u128::from(total.max(1));
        let full = usize::try_from(share).unwrap_or(width);
        let (on, off) = if self.unicode { ("━", "─") } else { ("=", "-") };
        (on.repeat(full), off.repeat(width - full))
    }

    /// Whether there is so little room that nothing is lined up in columns.
    pub(crate) fn is_narrow(self) -> bool {
        self.width.is_some_and(|width| width < 40)
    }
}

#[cfg(test)]
impl Look {
    /// No colours, glyphs, and a width.
    pub(crate) const fn test(width: u16) -> Self {
        Self { color: false, width: Some(width), unicode: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_only_there_when_asked_for() {
        let look = Look::test(80);
        assert_eq!(look.paint(Tone::Bad, "x"), "x");
        let look = Look { color: true, ..look };
        assert_eq!(look.paint(Tone::Good, "x"), "\x1b[32mx\x1b[0m");
        assert_eq!(look.paint(Tone::Plain, "x"), "x");
    }

    #[test]
    fn bars_stay_inside_their_width() {
        let look = Look::test(80);
        let check = |current, total, want: &str| {
            let (on, off) = look.bar(current, total, 4);
            assert_eq!(on + &off, want);
        };
        check(0, 0, "────");
        check(1, 2, "━━──");
        check(9, 2, "━━━━");
        check(u64::MAX, u64::MAX, "━━━━");
    }
}
