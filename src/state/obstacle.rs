//! Why something can't be done, known before anything is.

use std::fmt;

use crate::words::code::Code;
use crate::words::failure::FailureClass;

/// Why an image can't be had, or the inputs of its build can't be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Obstacle {
    /// In words, as a fragment: `no build can stand in: …`.
    pub(crate) reason: String,
    /// What kind of failure it is. It decides the exit status.
    pub(crate) class: FailureClass,
    /// What to do about it, by its stable name.
    pub(crate) code: Code,
    /// What to do about it.
    pub(crate) hints: Vec<String>,
}

impl From<String> for Obstacle {
    /// Something that only a change of the build's files or of the manifest mends.
    fn from(reason: String) -> Self {
        Self { reason, class: FailureClass::Build, code: Code::Build, hints: Vec::new() }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}
