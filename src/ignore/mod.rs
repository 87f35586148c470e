//! Floor 1: the text of an ignore file, and what its patterns match. Pure, so that the
//! manifest's `inputs` mean the same and are checked where they stand.

mod expression;
mod pattern;

pub(crate) use crate::ignore::pattern::{Above, Pattern, Patterns};

use crate::words::text::cut;

/// Bytes that Go's reader takes for a line.
const LONGEST: usize = 64 * 1024 - 1;

/// Bytes of a malformed pattern that are shown.
const SHOWN: usize = 200;

/// A line that is no pattern.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// From 1.
    pub(crate) line: usize,
    /// Without the blanks around it.
    pub(crate) pattern: String,
    /// What is wrong with it.
    pub(crate) why: &'static str,
}

/// The patterns of an ignore file.
pub(crate) fn parse(text: &[u8]) -> Result<Patterns, Malformed> {
    let text = text.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(text);
    let lines = text.split(|byte| *byte == b'\n').enumerate();
    lines.filter_map(|(at, text)| line(at + 1, text)).collect()
}

/// The pattern in a line of this number, if there is one.
pub(crate) fn line(number: usize, text: &[u8]) -> Option<Result<Pattern, Malformed>> {
    let read = if text.len() > LONGEST {
        Err("the line is longer than 64 KiB")
    } else {
        Pattern::parse(&pattern(text)?)
    };
    let shown = cut(&String::from_utf8_lossy(trim(text)), SHOWN).to_owned();
    Some(match read {
        Ok(pattern) => Ok(pattern.at(number, &shown)),
        Err(why) => Err(Malformed { line: number, pattern: shown, why }),
    })
}

/// The pattern of a path that is wanted, cleaned already. It has no exceptions; `None` where
/// it is malformed.
pub(crate) fn wanted(path: &[u8]) -> Option<Pattern> {
    let escape: &[u8] = if path.starts_with(b"!") { b"\\" } else { b"" };
    Pattern::parse(&[escape, path].concat()).ok()
}

/// The pattern in a line, cleaned; `None` where there is none.
fn pattern(line: &[u8]) -> Option<Vec<u8>> {
    // Only at the very beginning: a name may well start with `#`.
    if line.starts_with(b"#") {
        return None;
    }
    let line = trim(line);
    let exception = line.strip_prefix(b"!");
    let mut path = trim(exception.unwrap_or(line)).to_owned();
    if !path.is_empty() {
        path = clean(&path);
    }
    if path.len() > 1 && path.starts_with(b"/") {
        path.remove(0);
    }
    if exception.is_some() {
        path.insert(0, b'!');
    }
    // Docker does some of it twice, so that `/ a` is `a`, and `/!a` an exception.
    let again = trim(&path);
    (!again.is_empty()).then(|| clean(again))
}

/// The shortest equal path, as Go's `filepath.Clean` has it.
fn clean(path: &[u8]) -> Vec<u8> {
    let is_rooted = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if parts.last().is_some_and(|last| *last != b"..") => drop(parts.pop()),
            b".." if is_rooted => {}
            _ => parts.push(part),
        }
    }
    let joined = parts.join(&b'/');
    match (is_rooted, joined.is_empty()) {
        (true, _) => [b"/", &joined[..]].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}

/// Without the blanks of Unicode on both sides.
fn trim(text: &[u8]) -> &[u8] {
    let mut text = text;
    if let Some(first) = text.utf8_chunks().next() {
        text = &text[first.valid().len() - first.valid().trim_start().len()..];
    }
    match text.utf8_chunks().last() {
        Some(last) if last.invalid().is_empty() => {
            &text[..text.len() - (last.valid().len() - last.valid().trim_end().len())]
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cleaned patterns of a text.
    fn lines(text: &str) -> Vec<String> {
        let lines = text.split('\n').filter_map(|line| pattern(line.as_bytes()));
        lines.map(|line| String::from_utf8(line).unwrap()).collect()
    }

    #[test]
    fn lines_are_trimmed_and_cleaned_as_docker_does() {
        let cases = [
            ("a\n\n  b\t\n# no\n #yes\n", &["a", "b", "#yes"][..]),
            ("a\r\nb/\r\n\r\n", &["a", "b"]),
            ("/a\n//b\n./c\n", &["a", "b", "c"]),
            ("a//b\na/./b\na/x/../b\na/b/", &["a/b", "a/b", "a/b", "a/b"]),
            ("..\n../a\n/../a\na/../..\na/..", &["..", "../a", "a", "..", "."]),
            ("/\n.\n./", &["/", ".", "."]),
            ("!a\n! /b\n!./c/\n!!d", &["!a", "!b", "!c", "!!d"]),
            ("!\n! \n!/", &["!", "!", "!"]),
            ("/ a\n./!b\n/#c", &["a", "!b", "#c"]),
            ("\u{a0}a\u{2003}", &["a"]),
            ("a b\n**/\na\\ b", &["a b", "**", "a\\ b"]),
        ];
        for (text, want) in cases {
            assert_eq!(lines(text), want, "{text:?}");
        }
    }

    #[test]
    fn a_byte_order_mark_comes_before_the_first_line() {
        let told = parse("\u{feff}# no pattern [\na".as_bytes()).unwrap();
        assert!(told.ignores(b"a"));
        let told = parse("\u{feff}a".as_bytes()).unwrap();
        assert!(told.ignores(b"a"));
    }

    #[test]
    fn names_that_are_no_text_can_be_patterns() {
        let told = parse(b" \xff/./\xfe \n").unwrap();
        assert!(told.ignores(b"\xff/\xfe") && !told.ignores(b"\xff"));
    }

    #[test]
    fn the_line_that_decides_is_known() {
        let told = parse(b"# logs\n /*.log/ \n!keep.log\n").unwrap();
        let rule = |path: &str| {
            let rule = told.rule(path.as_bytes())?;
            Some((rule.line, rule.pattern, rule.is_exception))
        };
        assert_eq!(rule("a.log/b"), Some((2, "/*.log/".to_owned(), false)));
        assert_eq!(rule("keep.log"), Some((3, "!keep.log".to_owned(), true)));
        assert_eq!(rule("a"), None);
    }

    #[test]
    fn a_malformed_line_is_named_by_its_number() {
        let error = |text: &str| {
            let Malformed { line, pattern, why } = parse(text.as_bytes()).unwrap_err();
            format!("{line} {pattern} {why}")
        };
        assert_eq!(error("# a\n\n  ! \r\nb["), "3 ! there is nothing after the `!`");
        assert_eq!(error("a\nb[/c"), "2 b[/c a `[` has no `]`");
        let long = error(&"a".repeat(65_536));
        assert_eq!(long, format!("1 {} the line is longer than 64 KiB", "a".repeat(200)));
        assert!(parse("a".repeat(65_535).as_bytes()).is_ok());
    }
}
