//! What the engine makes of a word: quotes, escapes and `$NAME`.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

/// The values of the arguments that are set. `None`: set to what can't be worked out.
pub(super) type Values = BTreeMap<String, Option<String>>;

/// The longest text that is worked out, in bytes. No name of an image comes near it, and
/// arguments that double each other must not fill the memory.
const LONGEST: usize = 4096;

/// How deep defaults are read within defaults.
const DEEPEST: usize = 16;

/// A word as the engine reads it: without its quotes, and with the arguments' values for
/// `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME:+other}`, or these without colon.
///
/// `None` where it can't be worked out, because the engine refuses it or because it is
/// one of the patterns that newer engines know, such as `${NAME%suffix}`.
pub(super) fn expand(word: &str, values: &Values, escape: char) -> Option<String> {
    let mut word = Word { chars: word.chars().peekable(), values, escape };
    word.until(None, 0)
}

struct Word<'a> {
    chars: Peekable<Chars<'a>>,
    values: &'a Values,
    escape: char,
}

impl Word<'_> {
    /// The text up to `end`, which is consumed; `None` is the end of the word.
    fn until(&mut self, end: Option<char>, depth: usize) -> Option<String> {
        let mut out = String::new();
        loop {
            match self.chars.next() {
                c if c == end => return Some(out),
                None => return None,
                Some('\'') => loop {
                    match self.chars.next()? {
                        '\'' => break,
                        c => out.push(c),
                    }
                },
                Some('"') => self.double_quoted(&mut out, depth)?,
                Some('$') => out.push_str(&self.variable(depth)?),
                Some(c) if c == self.escape => out.extend(self.chars.next()),
                Some(c) => out.push(c),
            }
            if out.len() > LONGEST {
                return None;
            }
        }
    }

    fn double_quoted(&mut self, out: &mut String, depth: usize) -> Option<()> {
        while out.len() <= LONGEST {
            match self.chars.next()? {
                '"' => return Some(()),
                '$' => out.push_str(&self.variable(depth)?),
                c if c == self.escape => match self.chars.next()? {
                    next if next == '"' || next == '$' || next == self.escape => out.push(next),
                    next => out.extend([c, next]),
                },
                c => out.push(c),
            }
        }
        None
    }

    /// What a `$` and the text behind it stand for.
    fn variable(&mut self, depth: usize) -> Option<String> {
        if self.chars.next_if_eq(&'{').is_none() {
            let name = self.name();
            return if name.is_empty() {
                Some("$".to_owned())
            } else {
                self.value(&name)?.or(EMPTY)
            };
        }
        let name = self.name();
        if name.is_empty() || depth == DEEPEST {
            return None;
        }
        let value = self.value(&name)?;
        let mut operator = self.chars.next()?;
        if operator == '}' {
            return value.or(EMPTY);
        }
        let mut is_set = value.is_some();
        if operator == ':' {
            operator = self.chars.next()?;
            is_set = value.as_ref().is_some_and(|value| !value.is_empty());
        }
        let other = self.until(Some('}'), depth + 1)?;
        match (operator, is_set) {
            ('-', true) => value,
            ('-', false) | ('+', true) => Some(other),
            ('+', false) => EMPTY,
            _ => None,
        }
    }

    /// A variable's name: letters, digits and `_`, or digits alone.
    fn name(&mut self) -> String {
        let mut name = String::new();
        let digits = self.chars.peek().is_some_and(char::is_ascii_digit);
        let is_part = |c: &char| {
            if digits { c.is_ascii_digit() } else { c.is_alphanumeric() || *c == '_' }
        };
        while let Some(c) = self.chars.next_if(is_part) {
            name.push(c);
        }
        name
    }

    /// A variable's value, or that it has none. The outer `None`: can't be worked out.
    #[expect(clippy::option_option, reason = "unset and unknown are two things here")]
    fn value(&self, name: &str) -> Option<Option<String>> {
        match self.values.get(name) {
            None => Some(None),
            Some(None) => None,
            Some(Some(value)) => Some(Some(value.clone())),
        }
    }
}

/// What an unset variable stands for.
const EMPTY: Option<String> = Some(String::new());

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, want: impl Into<Option<&'static str>>) {
        let set = |value: &str| Some(value.to_owned());
        let values = Values::from([
            ("A".to_owned(), set("one")),
            ("B_2".to_owned(), set("two")),
            ("EMPTY".to_owned(), set("")),
            ("SECRET".to_owned(), None),
        ]);
        assert_eq!(expand(word, &values, '\\').as_deref(), want.into(), "{word}");
    }

    #[test]
    fn variables_stand_for_their_values() {
        check("$A/x:${B_2}-$A.", "one/x:two-one.");
        check("$NOPE${NOPE}x", "x");
        check("${A:-x}${NOPE:-x}${EMPTY:-y}", "onexy");
        check("${A-x}${NOPE-x}${EMPTY-y}", "onex");
        check("${A:+x}${NOPE:+x}${EMPTY:+y}", "x");
        check("${A+x}${NOPE+x}${EMPTY+y}", "xy");
        check("${NOPE:-${A}/${B_2:-z}}", "one/two");
        check("${NOPE:-\"}\"}$", "}$");
        check("$1a$-", "a$-");
    }

    #[test]
    fn quotes_and_escapes_go() {
        check("\"$A b\"'$A b'c", "one b$A bc");
        check("\\$A \\\\ a\\b", "$A \\ ab");
        check("\"\\$A \\\" \\\\ \\b\"", "$A \" \\ \\b");
        check("x\\", "x");
        assert_eq!(expand("`$A \\x", &Values::new(), '`').as_deref(), Some("$A \\x"));
    }

    #[test]
    fn what_cannot_be_worked_out_is_known_as_such() {
        for word in ["${A", "${", "${}", "${:-x}", "\"x", "'x", "${A%e}", "${A/o/x}", "${NOPE:?x}"]
        {
            check(word, None);
        }
        check("$SECRET", None);
        check("${SECRET:-x}", None);
        check("'$SECRET'", "$SECRET");
    }

    #[test]
    fn no_word_fills_the_memory_or_the_stack() {
        let mut values = Values::new();
        let mut last = Some("xxxxxxxxxxxxxxxx".to_owned());
        for _ in 0..64 {
            values.insert("X".to_owned(), last);
            last = expand("$X$X", &values, '\\');
        }
        assert_eq!(last, None);
        assert_eq!(expand(&"${X:-".repeat(200_000), &Values::new(), '\\'), None);
        assert_eq!(expand(&"x".repeat(1_000_000), &Values::new(), '\\'), None);
    }
}
