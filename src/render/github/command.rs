//! The lines that a runner of GitHub Actions obeys instead of showing them.
//!
//! It obeys two forms: `::command …::text` at the start of a line, whatever white space
//! stands in front, and the older `##[command …]text` anywhere in it. So the start of a line
//! is not enough to look at, and a prefix is no protection.

use std::borrow::Cow;
use std::fmt;

use crate::words::text::{cut, sanitise};

/// What begins a command at the start of a line.
const NEW: &str = "::";

/// What begins one anywhere.
const OLD: &str = "##[";

/// The longest text of an annotation, in bytes. GitHub cuts at 4 kB, in the middle of anything.
const MAX_TEXT: usize = 3000;

/// The longest title.
const MAX_TITLE: usize = 200;

/// The end of what [`group`] folds.
pub(crate) const END_GROUP: &str = "::endgroup::";

/// The start of a part of the log that is folded under a title.
pub(crate) fn group(title: &str) -> String {
    format!("::group::{}", data(&sanitise(title)))
}

/// How bad it is, in the runner's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// `::error`
    Error,
    /// `::warning`
    Warning,
}

impl Level {
    const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A place in a file of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spot {
    /// From the top of the workspace, with `/`.
    pub(crate) file: String,
    /// From 1; 0 for the file as a whole.
    pub(crate) line: usize,
    /// From 1; 0 where it is not known.
    pub(crate) column: usize,
}

/// A remark that GitHub shows with the run, and at the line that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Annotation {
    pub(crate) level: Level,
    pub(crate) spot: Option<Spot>,
    pub(crate) title: String,
    /// It may have several lines.
    pub(crate) text: String,
}

impl fmt::Display for Annotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "::{} ", self.level.word())?;
        if let Some(Spot { file, line, column }) = &self.spot {
            write!(f, "file={},", property(&sanitise(file)))?;
            if *line > 0 {
                write!(f, "line={line},")?;
            }
            if *line > 0 && *column > 0 {
                write!(f, "col={column},")?;
            }
        }
        let title = sanitise(cut(&self.title, MAX_TITLE)).replace(['\n', '\t'], " ");
        let text = sanitise(cut(&self.text, MAX_TEXT)).into_owned();
        let dots = if self.text.len() > MAX_TEXT { "…" } else { "" };
        write!(f, "title={}::{}{dots}", property(&title), data(&text))
    }
}

/// A text as what a command is about. Nobody looks for the older form in there; this way
/// nobody has to know that.
fn data(text: &str) -> String {
    text.replace(OLD, "## [").replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A text as the value of a command's property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// The text with nothing in it that a runner obeys: `: :` and `## [` say as much to people.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains(NEW) && !text.contains(OLD) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    // A line ends at either, for whoever reads the runner's pipe.
    for line in text.split_inclusive(['\n', '\r']) {
        let start = line.trim_start_matches(|c: char| c.is_whitespace() || c.is_control());
        if let Some(rest) = start.strip_prefix(NEW) {
            out.push_str(&line[..line.len() - start.len()]);
            out.push_str(": :");
            out.push_str(&rest.replace(OLD, "## ["));
        } else {
            out.push_str(&line.replace(OLD, "## ["));
        }
    }
    Cow::Owned(out)
}

/// The same for lines of JSON, which mean what they meant: none of them starts with a colon,
/// and within a string a `#` may be written by its number.
pub(crate) fn harmless_json(text: &str) -> Cow<'_, str> {
    if text.contains(OLD) { text.replace(OLD, "#\\u0023[").into() } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn annotation(text: &str) -> Annotation {
        let spot = Spot { file: "a/b.toml".into(), line: 3, column: 5 };
        let title = "tool: OCC-BUILD, 100%".into();
        Annotation { level: Level::Error, spot: Some(spot), title, text: text.to_owned() }
    }

    #[test]
    fn a_command_is_one_line_whatever_it_is_about() {
        assert_eq!(
            annotation("50% of\r\n::error::b: c, d").to_string(),
            "::error file=a/b.toml,line=3,col=5,title=tool%3A OCC-BUILD%2C 100%25::50%25 of\\x0d%0A\
             ::error::b: c, d"
        );
        let bare = Annotation { level: Level::Warning, spot: None, ..annotation("x\x1b[2J") };
        assert_eq!(bare.to_string(), "::warning title=tool%3A OCC-BUILD%2C 100%25::x\\x1b[2J");
        let whole = Spot { file: "a,b:c".into(), line: 0, column: 9 };
        let whole = Annotation { spot: Some(whole), title: "t".into(), ..bare };
        assert_eq!(whole.to_string(), "::warning file=a%2Cb%3Ac,title=t::x\\x1b[2J");
        assert_eq!(group("log of a\n::b ##[c]"), "::group::log of a%0A::b ## [c]");
    }

    #[test]
    fn an_annotation_is_no_longer_than_is_read() {
        let long = annotation(&"é".repeat(5000)).to_string();
        assert!(long.len() < MAX_TEXT + 200 && long.ends_with("é…"), "{long}");
    }

    #[test]
    fn what_a_runner_obeys_is_what_is_changed() {
        let check = |text: &str, want: &str| assert_eq!(harmless(text), want);
        check("a::b std::fmt", "a::b std::fmt");
        check("::add-mask::a\n", ": :add-mask::a\n");
        check("a\n \t ::error::x\nb", "a\n \t : :error::x\nb");
        check("a\r::error::x", "a\r: :error::x");
        check("tool: | ##[add-mask]a ###[b]", "tool: | ## [add-mask]a ### [b]");
        check("::a ##[b]", ": :a ## [b]");
        assert!(matches!(harmless("a: b # [c]"), Cow::Borrowed(_)));
        assert_eq!(harmless_json("{\"a\":\"##[b]\"}"), "{\"a\":\"#\\u0023[b]\"}");
    }

    proptest! {
        #[test]
        fn nothing_is_left_to_obey(text in "[ \t\r\n:#\\[\\]a]{0,40}") {
            let safe = harmless(&text);
            prop_assert!(!safe.contains(OLD));
            for line in safe.split(['\n', '\r']) {
                prop_assert!(!line.trim_start().starts_with(NEW), "{:?}", line);
            }
        }
    }
}
