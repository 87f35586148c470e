//! Diagnostics: one mistake in a file a person wrote, with its place.

use std::ops::Range;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use crate::words::code::Code;

/// How bad it is. Only errors stop the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The input can't be used.
    Error,
    /// The input is used, but something about it may surprise.
    Warning,
}

/// One mistake: what, where, why, and what to do next.
///
/// `message` is a lower-case fragment without a final period, and may quote the
/// input: whoever prints it passes it through [`sanitise`](crate::sanitise).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// What `occ explain` knows it by; a warning has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// What is wrong.
    pub message: String,
    /// The file, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// Dotted path of the key, `images.tool.tag`; empty for the file as a whole.
    #[serde(rename = "key", skip_serializing_if = "String::is_empty")]
    pub key_path: String,
    /// Line, from 1; 0 where there is no place in a file.
    pub line: usize,
    /// Column in characters, from 1; 0 where there is no place in a file.
    pub column: usize,
    /// Byte range in the file's text.
    #[serde(skip)]
    pub span: Option<Range<usize>>,
    /// A few words under the caret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What it came from, the nearest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// What to do about it, each a line of its own.
    #[serde(rename = "hints", skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

impl Diagnostic {
    /// An error without a place.
    pub(crate) fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code: None,
            message: message.into(),
            file: None,
            key_path: String::new(),
            line: 0,
            column: 0,
            span: None,
            label: None,
            causes: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// A warning without a place.
    pub(crate) fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message) }
    }

    /// The same at a byte range of `text`, with line and column counted from it. For
    /// tests: the manifest's reader has an index of lines.
    #[cfg(test)]
    #[must_use]
    pub(crate) fn at(mut self, text: &str, span: Range<usize>) -> Self {
        let start = floor_char_boundary(text, span.start);
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        self.line = before.matches('\n').count() + 1;
        self.column = before[line_start..].chars().count() + 1;
        self.span = Some(start..floor_char_boundary(text, span.end.max(start)));
        self
    }

    /// The same with a dotted key path.
    #[must_use]
    pub(crate) fn key(mut self, path: impl Into<String>) -> Self {
        self.key_path = path.into();
        self
    }

    /// The same with a code.
    #[must_use]
    pub(crate) fn code(mut self, code: Code) -> Self {
        self.code = Some(code);
        self
    }

    /// The same with a code, if it is an error and has none that says more.
    #[must_use]
    pub(crate) fn or_code(self, code: Code) -> Self {
        let fallback = (self.severity == Severity::Error).then_some(code);
        Self { code: self.code.or(fallback), ..self }
    }

    /// The same with words under the caret.
    #[must_use]
    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// The same with one more hint.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

/// The last character boundary at or before `index`.
#[cfg(test)]
fn floor_char_boundary(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_characters_from_one() {
        let text = "a = 1\nbü = 2\n";
        let at = text.find('2').unwrap();
        let found = Diagnostic::error("x").at(text, at..at + 1);
        assert_eq!((found.line, found.column), (2, 6));
        let end = Diagnostic::error("x").at(text, 999..1000);
        assert_eq!((end.line, end.column), (3, 1));
    }
}
