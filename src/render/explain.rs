//! The text of `occ explain`, and the line that leads there.

use std::fmt::Write as _;

use super::fit::pad;
use super::fold::fold;
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

/// The page on a code, as it is, or with its paragraphs as wide as the reader's terminal.
/// Ends with a line feed.
pub(crate) fn page(code: Code, look: Look) -> String {
    let mut out = String::new();
    for (number, line) in code.text().lines().enumerate() {
        let is_heading = number == 0 || HEADINGS.contains(&line);
        let line = if is_heading { look.paint(Tone::Strong, line) } else { line.to_owned() };
        if look.width.is_some() && goes_on(&out, &line) {
            out.pop();
            out.push(' ');
            out.push_str(line.trim_start());
        } else {
            out.push_str(&line);
        }
        out.push('\n');
    }
    fold(&out, Look { width: look.width.map(|columns| columns.min(WIDTH)), ..look })
}

/// The widest line of a page.
const WIDTH: u16 = 100;

/// Whether a line belongs to the paragraph, or the item of a list, that the text ends with.
fn goes_on(text: &str, line: &str) -> bool {
    let is_command = |line: &str| line.trim_start().starts_with("$ ");
    let is_item = |line: &str| line.trim_start().starts_with("- ");
    let indent = |line: &str| line.len() - line.trim_start().len();
    let Some(last) = text.lines().next_back() else { return false };
    let deeper = if is_item(last) { 2 } else { 0 };
    !is_command(last)
        && !is_command(line)
        && !is_item(line)
        && indent(last) > 0
        && indent(line) == indent(last) + deeper
        && !line.trim().is_empty()
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
    out.push_str("`occ explain CODE` says what to do\n");
    fold(&out, look)
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
        let elsewhere = Look { width: None, ..Look::test(80) };
        assert_eq!(page(Code::Denied, elsewhere), Code::Denied.text());
    }

    #[test]
    fn on_a_terminal_a_page_has_its_width() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for code in Code::ALL {
            let narrow = page(*code, Look::test(40));
            assert_eq!(words(&narrow), words(code.text()), "{code}");
            for line in narrow.lines().filter(|line| !line.contains(['`', '$', '/'])) {
                assert!(line.chars().count() <= 40, "{line}");
            }
        }
        let wide = page(Code::Denied, Look::test(200));
        let longest = wide.lines().map(|line| line.chars().count()).max();
        assert!(longest > Some(90) && longest <= Some(100), "{wide}");
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
