//! Sets of runes: what one place in an expression accepts.

/// The last rune there is.
pub(super) const LAST_RUNE: u32 = 0x0010_FFFF;

/// Ranges of runes, both ends included, in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RuneSet(Vec<(u32, u32)>);

impl RuneSet {
    /// No rune at all.
    pub(super) fn empty() -> Self {
        Self(Vec::new())
    }

    /// One rune.
    pub(super) fn one(rune: u32) -> Self {
        Self(vec![(rune, rune)])
    }

    /// Every rune but one.
    pub(super) fn all_but(rune: char) -> Self {
        Self::one(u32::from(rune)).inverted()
    }

    /// The class that has this name between `[:` and `:]`.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(Self::of(match name {
            "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
            "alpha" => &[('A', 'Z'), ('a', 'z')],
            "ascii" => &[('\0', '\x7F')],
            "blank" => &[('\t', '\t'), (' ', ' ')],
            "cntrl" => &[('\0', '\x1F'), ('\x7F', '\x7F')],
            "digit" => &[('0', '9')],
            "graph" => &[('!', '~')],
            "lower" => &[('a', 'z')],
            "print" => &[(' ', '~')],
            "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
            "space" => &[('\t', '\r'), (' ', ' ')],
            "upper" => &[('A', 'Z')],
            "word" => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
            "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
            _ => return None,
        }))
    }

    /// The class of `\d`, `\s` or `\w`, which in upper case is everything else.
    pub(super) fn escaped(letter: char) -> Option<Self> {
        let set = match letter.to_ascii_lowercase() {
            'd' => Self::of(&[('0', '9')]),
            // Without the vertical tab, unlike `[:space:]`.
            's' => Self::of(&[('\t', '\n'), ('\x0C', '\r'), (' ', ' ')]),
            'w' => Self::of(&[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')]),
            _ => return None,
        };
        Some(if letter.is_ascii_uppercase() { set.inverted() } else { set })
    }

    fn of(ranges: &[(char, char)]) -> Self {
        Self(ranges.iter().map(|&(low, high)| (low.into(), high.into())).collect())
    }

    /// Takes in a range as well.
    pub(super) fn add(&mut self, low: u32, high: u32) {
        self.0.push((low, high));
    }

    /// Takes in another set as well.
    pub(super) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Whether a rune is in it.
    pub(super) fn has(&self, rune: char) -> bool {
        self.0.iter().any(|(low, high)| (*low..=*high).contains(&u32::from(rune)))
    }

    /// Every rune that is not in it.
    pub(super) fn inverted(mut self) -> Self {
        self.0.sort_unstable();
        let mut rest = Vec::new();
        let mut from = 0;
        for (low, high) in self.0 {
            if from < low {
                rest.push((from, low - 1));
            }
            from = from.max(high + 1);
        }
        if from <= LAST_RUNE {
            rest.push((from, LAST_RUNE));
        }
        Self(rest)
    }
}
