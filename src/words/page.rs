//! The page on a code: what it means, how to tell, the usual causes, what to do.
//!
//! A page is a text file beside this one. It is shown as it is; its parts are for programs.

use schemars::JsonSchema;
use serde::Serialize;

use crate::words::code::Code;

/// The headings of a page, in their order.
pub(crate) const HEADINGS: [&str; 4] =
    ["What it means", "How to tell", "Usual causes", "What to do"];

/// What there is to say about a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Page {
    /// The code.
    pub(crate) code: Code,
    /// What it means in one line.
    pub(crate) summary: &'static str,
    /// What it means.
    pub(crate) meaning: String,
    /// What it looks like.
    pub(crate) signs: String,
    /// What it usually comes from.
    pub(crate) causes: String,
    /// What to do next, with commands.
    pub(crate) cures: String,
}

impl Page {
    /// The page on a code.
    pub(crate) fn of(code: Code) -> Self {
        let text = code.text();
        let [meaning, signs, causes, cures] = HEADINGS.map(|heading| part(text, heading));
        let first = text.lines().next().unwrap_or_default();
        let summary = first.split_once(": ").map_or(first, |(_, summary)| summary);
        Self { code, summary, meaning, signs, causes, cures }
    }
}

/// What stands below a heading, without the indent of its lines.
fn part(text: &str, heading: &str) -> String {
    let below = text.lines().skip_while(|line| *line != heading).skip(1);
    let lines = below.take_while(|line| line.is_empty() || line.starts_with(' '));
    let lines: Vec<&str> = lines.map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::failure::FailureClass;

    /// What a page must not be without.
    fn is_whole(code: Code) -> Result<(), String> {
        let text = code.text();
        let page = Page::of(code);
        let wrong = |what: &str| Err(format!("{code}: {what}\n{text}"));
        let headings: Vec<&str> = text
            .lines()
            .skip(1)
            .filter(|line| !line.is_empty() && !line.starts_with(' '))
            .collect();
        if headings != HEADINGS {
            return wrong("not the four headings in their order");
        }
        if text.lines().next() != Some(&format!("{code}: {}", page.summary)) {
            return wrong("the first line is not the code and a summary");
        }
        if page.summary.len() < 20 || page.summary.ends_with('.') {
            return wrong("the summary is no fragment");
        }
        for (part, least) in
            [(&page.meaning, 100), (&page.signs, 60), (&page.causes, 60), (&page.cures, 60)]
        {
            if part.len() < least {
                return wrong("a part is a stub");
            }
        }
        if page.causes.lines().any(|line| !line.starts_with("- ") && !line.starts_with("  ")) {
            return wrong("the causes are no list");
        }
        if !page.cures.contains("  $ ") && !page.cures.contains('`') {
            return wrong("there is no command");
        }
        if text.lines().any(|line| line.chars().count() > 100 || line.trim_end() != line) {
            return wrong("a line is too long, or ends with a space");
        }
        if !text.ends_with('\n') || text.ends_with("\n\n") || text.contains('\t') {
            return wrong("odd white space");
        }
        Ok(())
    }

    #[test]
    fn every_page_has_all_of_its_parts() {
        let wrong: Vec<String> = Code::ALL.iter().filter_map(|c| is_whole(*c).err()).collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn a_page_names_only_codes_that_there_are() {
        for code in Code::ALL {
            let words = code.text().split(|c: char| !(c.is_ascii_uppercase() || c == '-'));
            for word in words.filter(|word| word.starts_with("OCC-")) {
                assert!(Code::ALL.iter().any(|known| known.word() == word), "{code}: {word}");
            }
        }
    }

    #[test]
    fn every_class_of_failure_has_a_code_and_its_words_are_on_the_page() {
        for class in FailureClass::ALL {
            let text = class.code().text();
            assert!(text.contains(class.words()), "{class:?}: `{}`\n{text}", class.words());
        }
    }

    #[test]
    fn parts_are_without_headings_and_indent() {
        let page = Page::of(Code::Denied);
        assert!(page.meaning.starts_with(char::is_alphabetic), "{}", page.meaning);
        assert!(page.causes.starts_with("- "), "{}", page.causes);
        assert!(!page.cures.contains("What to do"), "{}", page.cures);
    }
}
