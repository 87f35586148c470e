//! What is not taken over, or not as it was.

use std::ops::Range;

use crate::import::interpolate::fixed;
use crate::import::yaml::{At, Node};
use crate::words::text::foreign_line;

/// One remark, with its place in the file that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) span: Range<usize>,
    /// Its key: `services.web.build.shm_size`.
    pub(super) key: String,
    pub(super) message: String,
}

impl Note {
    pub(super) fn new(at: &At, key: &str, message: impl Into<String>) -> Self {
        let At { line, column, span } = at.clone();
        Self { line, column, span, key: key.to_owned(), message: message.into() }
    }
}

/// The remarks about one service.
#[derive(Debug)]
pub(super) struct Notes<'s> {
    pub(super) service: &'s str,
    pub(super) all: Vec<Note>,
}

impl Notes<'_> {
    /// About a key of the service.
    pub(super) fn add(&mut self, at: &At, key: &str, message: impl Into<String>) {
        let key = format!("services.{}.{key}", self.service);
        self.all.push(Note::new(at, &key, message));
    }

    /// That a key is not taken over.
    pub(super) fn refuse(&mut self, at: &At, key: &str, why: &str) {
        self.add(at, key, format!("{} is not taken over: {why}", quoted(key)));
    }

    /// That a value of a key is not taken over.
    pub(super) fn refuse_value(&mut self, at: &At, key: &str, value: &str, why: &str) {
        let what = format!("{} {} is not taken over", quoted(key), quoted(value));
        self.add(at, key, format!("{what}: {why}"));
    }

    /// The text of a key without variables, of which a manifest reads none there; `None` where
    /// it has no such text.
    pub(super) fn text(&mut self, node: &Node, key: &str) -> Option<String> {
        let found = node.text().map_or_else(|| Err("it is no text".to_owned()), fixed);
        match found {
            Ok(found) => {
                for gone in &found.gone {
                    let what = format!("{} in {}", quoted(gone), quoted(key));
                    let became = quoted(&found.text);
                    self.add(&node.at, key, format!("{what} became its default: {became}"));
                }
                Some(found.text)
            }
            Err(why) => {
                self.refuse(&node.at, key, &why);
                None
            }
        }
    }

    /// The texts of a list.
    pub(super) fn texts(&mut self, node: &Node, key: &str) -> Vec<String> {
        node.items().iter().filter_map(|item| self.text(item, key)).collect()
    }
}

/// A foreign name as our own words have it.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", foreign_line(name))
}
