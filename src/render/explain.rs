//! The text of `occ explain`, and the line that leads there.

use std::fmt::Write as _;

use super::fit::pad;
use super::look::{Look, Tone};
use crate::words::code::Code;
use crate::words::diagnostic::Diagnostic;
use crate::words::page::{HEADINGS, Page};

/// Where to read more about these codes: `` code: OCC-DENIED, see `occ explain OCC-DENIED` ``.
pub(crate) fn pointer(codes: &[Code]) -> String {
    match codes {
        [] => String::new(),
        [code] => format!("code: {code}, see `occ explain {code}`"),
        codes => {
            let words: Vec<&str> = codes.iter().map(|code| code.word()).collect();
            format!("codes: {}, see `occ explain CODE`", words.join(", "))
        }
    }
}

/// The line for the end of what is told about mistakes, however many they are. Ends with a
/// line feed; nothing where none has a code, or where whoever ended the run needs no word
/// about it.
pub(crate) fn of_diagnostics(diagnostics: &[Diagnostic], look: Look) -> String {
    let mut codes: Vec<Code> = Vec::new();
    for code in diagnostics.iter().filter_map(|diagnostic| diagnostic.code) {
        if code != Code::Cancelled && !codes.contains(&code) {
            codes.push(code);
        }
    }
    match pointer(&codes) {
        line if line.is_empty() => line,
        line => look.paint(Tone::Dim, &line) + "\n",
    }
}

/// The page on a code, as it is. Ends with a line feed.
pub(crate) fn page(code: Code, look: Look) -> String {
    let mut out = String::new();
    for (number, line) in code.text().lines().enumerate() {
        let is_heading = number == 0 || HEADINGS.contains(&line);
        let line = if is_heading { look.paint(Tone::Strong, line) } else { line.to_owned() };
        let _ = writeln!(out, "{line}");
    }
    out
}

/// A line for each code. Ends with a line feed.
pub(crate) fn list(look: Look) -> String {
    let columns = Code::ALL.iter().map(|code| code.word().len()).max().unwrap_or(0);
    let columns = if look.is_narrow() { 0 } else { columns };
    let mut out = String::new();
    for code in Code::ALL {
        let word = look.paint(Tone::Strong, &pad(code.word(), columns));
        let _ = writeln!(out, "{word}  {}", Page::of(*code).summary);
    }
    out + "`occ explain CODE` says what to do\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_have_one_line_together() {
        let error = |code| Diagnostic::error("x").code(code);
        let plain = Look::test(80);
        let told = |found: &[Diagnostic]| of_diagnostics(found, plain);
        assert_eq!(told(&[Diagnostic::warning("x"), error(Code::Cancelled)]), "");
        assert_eq!(
            told(&[error(Code::Manifest), error(Code::Manifest)]),
            "code: OCC-MANIFEST, see `occ explain OCC-MANIFEST`\n"
        );
        assert_eq!(
            told(&[error(Code::Denied), error(Code::Tls), error(Code::Denied)]),
            "codes: OCC-DENIED, OCC-TLS, see `occ explain CODE`\n"
        );
    }

    #[test]
    fn a_page_is_shown_as_it_is_written() {
        assert_eq!(page(Code::Denied, Look::test(80)), Code::Denied.text());
    }

    #[test]
    fn the_list_has_a_line_each_that_fits() {
        let list = list(Look::test(100));
        assert_eq!(list.lines().count(), Code::ALL.len() + 1);
        for line in list.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }
}
