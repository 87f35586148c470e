//! The hash of everything a build reads, and the label that carries it.
//!
//! Equal hashes prove equal inputs, not equal bytes: a build may fetch what it
//! likes. The label is how occ remembers what it built, without a state file.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::words::reference::Reference;
use crate::words::text::hex;

/// The label that says what an image was built from: `1:<sha256 of the inputs>`.
pub(crate) const LABEL: &str = "dev.occ.inputs";

/// The label that says which image of a manifest it is.
pub(crate) const LABEL_ID: &str = "dev.occ.image";

/// The algorithm's version. It changes when the same inputs would hash differently.
const VERSION: &str = "1";

/// What a build reads, as far as planning it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Inputs {
    /// The hash of all of it.
    pub(crate) hash: InputHash,
    /// The images that its Dockerfile names. The engine asks their registries for what
    /// it lacks of them.
    pub(crate) bases: Vec<Reference>,
}

/// The hash of a build's inputs, as the label's text: `1:<64 hexadecimal digits>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InputHash(String);

impl InputHash {
    /// The hash over named components, in the order of their names.
    ///
    /// Each component goes in with the length of its name and its text in front,
    /// so that no two different sets of components can run together.
    pub(crate) fn of(components: &BTreeMap<&str, String>) -> Self {
        let mut hash = Sha256::new();
        for (name, text) in components {
            for part in [name.as_bytes(), text.as_bytes()] {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part);
            }
        }
        Self(format!("{VERSION}:{}", hex(&hash.finalize())))
    }

    /// The label's text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InputHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_cannot_run_together() {
        let of = |pairs: &[(&'static str, &str)]| {
            InputHash::of(&pairs.iter().map(|(k, v)| (*k, (*v).into())).collect())
        };
        assert_ne!(of(&[("a", "bc")]), of(&[("ab", "c")]));
        assert_ne!(of(&[("a", "")]), of(&[]));
        assert_eq!(of(&[("a", "1"), ("b", "2")]), of(&[("b", "2"), ("a", "1")]));
        assert!(of(&[]).as_str().starts_with("1:"));
    }
}
