//! Where in a Dockerfile a build failed.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::words::text::{cut, foreign_line};

/// The most of an instruction that an error quotes, in bytes: a `RUN` may be a program.
const MAX_QUOTED: usize = 120;

/// The instruction of a Dockerfile that a build failed at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FailedAt {
    /// The Dockerfile, relative to the context; absent for a template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line that the instruction begins on, from 1.
    pub line: usize,
    /// Its text on one line, cut where it is very long.
    pub instruction: String,
    /// What the command of a `RUN` ended with, where the builder says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
}

/// `` `docker/Dockerfile`, line 7: `RUN make` ``
impl fmt::Display for FailedAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "`{}`", foreign_line(file))?,
            None => f.write_str("the template")?,
        }
        let instruction = foreign_line(&self.instruction);
        let quoted = cut(&instruction, MAX_QUOTED);
        let dots = if quoted.len() < instruction.len() { "…" } else { "" };
        write!(f, ", line {}: `{quoted}{dots}`", self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_on_one_short_line() {
        let at = |file: Option<&str>, instruction: &str| {
            let file = file.map(str::to_owned);
            let instruction = instruction.to_owned();
            FailedAt { file, line: 7, instruction, exit_code: None }.to_string()
        };
        assert_eq!(at(Some("d/File"), "RUN make"), "`d/File`, line 7: `RUN make`");
        assert_eq!(at(None, "RUN a\x1b[2J"), "the template, line 7: `RUN a\\x1b[2J`");
        let long = at(None, &format!("RUN {}", "x".repeat(500)));
        assert!(long.ends_with("x…`") && long.len() < 200, "{long}");
    }
}
