//! Floor 1: the manifest, from text to [`Desired`].
//!
//! The way goes through one type a pass: [`parse`](parse()) makes a tree of the text,
//! [`reader`] and [`decode`] take the [`model`] out of it, the manifest as written and
//! the source of the JSON [`schema`]; [`validate`] fills in defaults, works out
//! [`sources`] and checks what one key alone can't tell. Every pass goes on after a
//! mistake, and [`problems`] has all of them in the end.
//!
//! A new key is a field with a doc comment in [`model`], its name in [`decode`], and
//! its meaning in [`validate`] or [`build`].

mod build;
mod decode;
mod interpolate;
pub(crate) mod model;
pub(crate) mod names;
pub(crate) mod parse;
pub(crate) mod paths;
pub(crate) mod problems;
pub(crate) mod reader;
pub(crate) mod schema;
mod secrets;
mod sources;
pub(crate) mod text;
mod validate;
mod verify;

#[cfg(test)]
mod corpus_tests;
#[cfg(test)]
mod mistake_tests;
#[cfg(test)]
pub(crate) mod schema_tests;
#[cfg(test)]
mod secret_tests;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use crate::state::desired::Desired;
use crate::words::diagnostic::Diagnostic;

pub(crate) use parse::parse;

/// What `occ init` writes.
pub(crate) const DEFAULT: &str = include_str!("default.toml");

/// The largest manifest, in bytes. Whoever reads the file need not read more than one
/// byte beyond it.
pub(crate) const MAX_SIZE: usize = 4 << 20;

/// Where a manifest stands.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The file as diagnostics show it.
    pub(crate) file: PathBuf,
    /// The directory of the file, absolute: relative paths start here.
    pub(crate) dir: PathBuf,
    /// The repository, or the same directory; absolute. Builds read nothing outside.
    pub(crate) root: PathBuf,
}

/// What came of a manifest.
#[derive(Debug, Clone)]
pub(crate) struct Parsed {
    /// What it asks for; `None` after an error.
    pub(crate) desired: Option<Desired>,
    /// Every mistake and every warning, in the order of the text.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// The text that the diagnostics' spans point into.
    pub(crate) text: String,
}
