//! Which paths the patterns of an ignore file match, exactly as moby's patternmatcher
//! has it: later patterns win over earlier ones, and a pattern that matches a directory
//! matches all that is below it.
//!
//! Paths and patterns are bytes. Where they have to be text, each byte that is no part
//! of UTF-8 is U+FFFD, as it is for Go.

use crate::ignore::expression::Expression;

/// Patterns, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Patterns {
    patterns: Vec<Pattern>,
}

/// One pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// As it stands in the ignore file, without the blanks around it.
    written: String,
    /// Its line there, from 1.
    line: usize,
    /// Whether it takes out what others put in: `!…`.
    exception: bool,
    shape: Shape,
}

/// The pattern that decides about a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Its line in the ignore file, from 1.
    pub(crate) line: usize,
    /// As it stands there.
    pub(crate) pattern: String,
    /// Whether it takes the path out of what others ignore.
    pub(crate) is_exception: bool,
}

/// Docker tells these apart, and they differ in more than speed: only an expression
/// needs text, and only an expression can't look past the end of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    /// Without wildcards.
    Exact(Vec<u8>),
    /// `…**`
    Prefix(Vec<u8>),
    /// `**…`
    Suffix(Vec<u8>),
    Expression {
        /// What every match has at its two ends: most paths are told apart by that.
        ends: [Vec<u8>; 2],
        expression: Expression,
    },
}

/// Which patterns match a directory or one above it, and so all that is below.
#[derive(Debug, Clone)]
pub(crate) struct Above(Vec<bool>);

impl FromIterator<Pattern> for Patterns {
    fn from_iter<I: IntoIterator<Item = Pattern>>(patterns: I) -> Self {
        Self { patterns: patterns.into_iter().collect() }
    }
}

impl Patterns {
    /// What is known at the top of the context.
    pub(crate) fn top(&self) -> Above {
        Above(vec![false; self.patterns.len()])
    }

    /// Each as it was written.
    pub(crate) fn written(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(|pattern| pattern.written.as_str())
    }

    /// Whether a path is ignored, in a directory of which this is known.
    pub(crate) fn ignores_in(&self, above: &Above, path: &[u8]) -> bool {
        let all = self.patterns.iter().zip(&above.0);
        all.fold(false, |ignored, (pattern, above)| {
            // A pattern is looked at only where it makes a difference.
            if pattern.exception == ignored && (*above || pattern.shape.matches(path)) {
                !pattern.exception
            } else {
                ignored
            }
        })
    }

    /// Whether a path is ignored.
    pub(crate) fn ignores(&self, path: &[u8]) -> bool {
        self.ignores_in(&self.above(path), path)
    }

    /// The last pattern that matches a path or a directory above it: that one decides.
    pub(crate) fn rule(&self, path: &[u8]) -> Option<Rule> {
        let above = self.above(path);
        let mut last = self.patterns.iter().zip(&above.0).rev();
        let (pattern, _) = last.find(|(pattern, above)| **above || pattern.shape.matches(path))?;
        Some(Rule {
            line: pattern.line,
            pattern: pattern.written.clone(),
            is_exception: pattern.exception,
        })
    }

    /// What is known in the directory of a path.
    fn above(&self, path: &[u8]) -> Above {
        let mut above = self.top();
        for (at, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            above = self.enter(&above, &path[..at]);
        }
        above
    }

    /// What is known in a directory.
    pub(crate) fn enter(&self, above: &Above, path: &[u8]) -> Above {
        let all = self.patterns.iter().zip(&above.0);
        Above(all.map(|(pattern, above)| *above || pattern.shape.matches(path)).collect())
    }

    /// Whether something could be not ignored below an ignored directory, of which this
    /// is known.
    pub(crate) fn may_except_below(&self, inside: &Above, path: &[u8]) -> bool {
        // What comes before the last pattern that matches the directory has no say.
        let all = self.patterns.iter().zip(&inside.0).rev();
        let mut later = all.take_while(|(pattern, inside)| pattern.exception || !**inside);
        later.any(|(pattern, _)| pattern.exception && pattern.shape.may_match_below(path))
    }
}

impl Pattern {
    /// Reads a cleaned pattern; the error says what is wrong with it.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, &'static str> {
        let plain = text.strip_prefix(b"!");
        let rest = plain.unwrap_or(text);
        if rest.is_empty() {
            return Err("there is nothing after the `!`");
        }
        check(rest)?;
        let written = String::from_utf8_lossy(text).into_owned();
        Ok(Self { written, line: 0, exception: plain.is_some(), shape: Shape::parse(rest)? })
    }

    /// With its place and its text in an ignore file.
    pub(crate) fn at(self, line: usize, written: &str) -> Self {
        Self { line, written: written.to_owned(), ..self }
    }
}

impl Shape {
    fn parse(text: &[u8]) -> Result<Self, &'static str> {
        #[derive(PartialEq)]
        enum Kind {
            Exact,
            Prefix,
            Suffix,
            Expression,
        }
        let mut kind = Kind::Exact;
        let mut expression = "^".to_owned();
        let mut runes = as_text(text).peekable();
        // Go's scanner takes a byte order mark for none of the text.
        runes.next_if_eq(&'\u{FEFF}');
        let mut is_first = true;
        while let Some(rune) = runes.next() {
            match rune {
                '*' if runes.next_if_eq(&'*').is_some() => {
                    runes.next_if_eq(&'/');
                    if runes.peek().is_some() {
                        expression.push_str("(.*/)?");
                        kind = Kind::Expression;
                    } else if kind == Kind::Exact {
                        kind = Kind::Prefix;
                    } else {
                        expression.push_str(".*");
                        kind = Kind::Expression;
                    }
                    if is_first {
                        kind = Kind::Suffix;
                    }
                }
                '*' | '?' => {
                    expression.push_str(if rune == '*' { "[^/]*" } else { "[^/]" });
                    kind = Kind::Expression;
                }
                // Not `{`, `|` and `}`, which Docker forgets.
                '.' | '+' | '(' | ')' | '$' => expression.extend(['\\', rune]),
                '\\' => {
                    expression.push('\\');
                    expression.extend(runes.next());
                    kind = Kind::Expression;
                }
                '[' | ']' => {
                    expression.push(rune);
                    kind = Kind::Expression;
                }
                _ => expression.push(rune),
            }
            is_first = false;
        }
        Ok(match kind {
            Kind::Exact => Self::Exact(text.to_owned()),
            Kind::Prefix => Self::Prefix(text[..text.len() - 2].to_owned()),
            Kind::Suffix => Self::Suffix(text[2..].to_owned()),
            Kind::Expression => Self::Expression {
                ends: ends(text),
                expression: Expression::parse(&(expression + "$"))?,
            },
        })
    }

    fn matches(&self, path: &[u8]) -> bool {
        match self {
            Self::Exact(text) => path == text,
            Self::Prefix(text) => path.starts_with(text),
            // `**/x` is also `x` itself.
            Self::Suffix(text) => path.ends_with(text) || text.strip_prefix(b"/") == Some(path),
            Self::Expression { ends: [start, end], expression } => {
                path.starts_with(start) && path.ends_with(end) && expression.matches(as_text(path))
            }
        }
    }

    /// Whether it could match something below a directory.
    fn may_match_below(&self, path: &[u8]) -> bool {
        let starts =
            |text: &[u8]| text.strip_prefix(path).is_some_and(|rest| rest.starts_with(b"/"));
        match self {
            Self::Exact(text) => starts(text),
            Self::Prefix(text) => starts(text) || path.starts_with(text),
            Self::Suffix(_) => true,
            Self::Expression { expression, .. } => {
                expression.may_match_longer(as_text(path).chain(['/']))
            }
        }
    }
}

/// What stands before the first wildcard and after the last, where there are no others
/// than `*` and `?`.
fn ends(pattern: &[u8]) -> [Vec<u8>; 2] {
    let is_wild = |byte: &u8| matches!(byte, b'*' | b'?');
    if pattern.iter().any(|byte| b"\\[]{}|^".contains(byte) || !byte.is_ascii()) {
        return Default::default();
    }
    let mut parts = pattern.split(is_wild);
    let start = parts.next().unwrap_or_default();
    let end = parts.next_back().unwrap_or_default();
    // `**/` may stand for nothing at all.
    [start.to_owned(), end.strip_prefix(b"/").unwrap_or(end).to_owned()]
}

/// The syntax that Go's `filepath.Match` wants, which is asked first.
fn check(pattern: &[u8]) -> Result<(), &'static str> {
    const NO_CLASS_END: &str = "a `[` has no `]`";
    let mut runes = runes(pattern).peekable();
    // One rune of a class, and there has to be something after it.
    let member = |runes: &mut std::iter::Peekable<_>| {
        let mut rune: Option<char> = match runes.next() {
            None => return Err(NO_CLASS_END),
            Some(Some('-' | ']')) => return Err("a `-` or `]` in `[…]` stands without its `\\`"),
            Some(rune) => rune,
        };
        if rune == Some('\\') {
            rune = runes.next().ok_or(NO_CLASS_END)?;
        }
        rune.ok_or("what is in `[…]` is no UTF-8")?;
        runes.peek().map(|_| ()).ok_or(NO_CLASS_END)
    };
    while let Some(rune) = runes.next() {
        if rune == Some('\\') {
            runes.next().ok_or("nothing comes after the last `\\`")?;
        } else if rune == Some('[') {
            runes.next_if_eq(&Some('^'));
            loop {
                member(&mut runes)?;
                if runes.next_if_eq(&Some('-')).is_some() {
                    member(&mut runes)?;
                }
                if runes.next_if_eq(&Some(']')).is_some() {
                    break;
                }
            }
        }
    }
    Ok(())
}

/// The runes of a text as Go reads them; `None` is a byte that is no part of UTF-8.
fn runes(bytes: &[u8]) -> impl Iterator<Item = Option<char>> {
    bytes.utf8_chunks().flat_map(|chunk| {
        chunk.valid().chars().map(Some).chain(chunk.invalid().iter().map(|_| None))
    })
}

/// The runes of a text, none left out.
fn as_text(bytes: &[u8]) -> impl Iterator<Item = char> {
    runes(bytes).map(|rune| rune.unwrap_or(char::REPLACEMENT_CHARACTER))
}

#[cfg(test)]
#[path = "pattern_tests.rs"]
mod tests;
