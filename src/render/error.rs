//! An error with its causes, and what to do about it.

use std::error::Error;
use std::fmt::Write as _;

use super::fit::clean;
use super::look::{Look, Tone};

/// The error, a line a cause, and the hints. Ends with a line feed.
///
/// ```text
/// error: cannot read `opencode.toml`
///   caused by: permission denied
/// hint: look at its permissions
/// ```
pub(crate) fn error(error: &dyn Error, hints: &[&str], look: Look) -> String {
    let mut said = clean(&error.to_string());
    let mut out = format!("{} {said}\n", look.paint(Tone::Bad, "error:"));
    let mut below = error.source();
    while let Some(cause) = below {
        let text = clean(&cause.to_string());
        // Libraries like to repeat the cause in a message above it.
        if !text.is_empty() && !said.contains(&text) {
            let _ = writeln!(out, "  {} {text}", look.paint(Tone::Dim, "caused by:"));
            said.push('\n');
            said.push_str(&text);
        }
        below = cause.source();
    }
    for hint in hints {
        let _ = writeln!(out, "{} {}", look.paint(Tone::Strong, "hint:"), clean(hint));
    }
    out
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
