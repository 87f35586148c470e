//! An error with its causes, and what to do about it.

use std::error::Error;
use std::fmt::Write as _;

use super::fit::clean;
use super::fold::fold;
use super::look::{Look, Tone};

/// The error, a line a cause, and the hints. Ends with a line feed.
///
/// ```text
/// error: cannot read `opencode.toml`
///   caused by: permission denied
/// hint: look at its permissions
/// ```
pub(crate) fn error(error: &dyn Error, hints: &[&str], look: Look) -> String {
    let mut out = format!("{} {}\n", look.paint(Tone::Bad, "error:"), clean(&error.to_string()));
    for cause in causes(error) {
        let _ = writeln!(out, "  {} {cause}", look.paint(Tone::Dim, "caused by:"));
    }
    for hint in hints {
        let _ = writeln!(out, "{} {}", look.paint(Tone::Strong, "hint:"), clean(hint));
    }
    fold(&out, look)
}

/// The causes below an error, each once: libraries like to repeat one in a message above it.
pub(crate) fn causes(error: &dyn Error) -> Vec<String> {
    let mut said = clean(&error.to_string());
    let mut told = Vec::new();
    let mut below = error.source();
    while let Some(cause) = below {
        let text = clean(&cause.to_string());
        if !text.is_empty() && !said.contains(&text) {
            said.push('\n');
            said.push_str(&text);
            told.push(text);
        }
        below = cause.source();
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        source: Option<Box<Link>>,
    }

    fn link(text: &'static str, source: Option<Link>) -> Link {
        Link { text, source: source.map(Box::new) }
    }

    #[test]
    fn causes_are_told_once_each() {
        let chain = link(
            "cannot read `a`: no such file",
            Some(link(
                "outer: nothing",
                Some(link("nothing", Some(link("x\x07\ny", Some(link("no such file", None)))))),
            )),
        );
        assert_eq!(
            error(&chain, &["make `a`"], Look::test(80)),
            "error: cannot read `a`: no such file\n  caused by: outer: nothing\n  caused by: x\\x07 y\n\
             hint: make `a`\n"
        );
    }
}
