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
    /// The hash of all of it but the bases.
    pub(crate) own: InputHash,
    /// The images that its Dockerfile names for the wanted stage and those before it.
    pub(crate) bases: Vec<Base>,
    /// Why its Dockerfile can't be built, where that is known already.
    pub(crate) problem: Option<String>,
    /// What in its Dockerfile is not known before the build.
    pub(crate) warnings: Vec<String>,
}

/// An image that a build starts from or copies from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base {
    /// As the Dockerfile has it.
    pub(crate) reference: Reference,
    /// The image of the same manifest that has this name.
    pub(crate) image: Option<String>,
    /// The engine's id of it, where it is an input: for an image of the manifest, and for
    /// one that only the engine holds. What a registry serves counts by its reference.
    pub(crate) held: Option<String>,
}

impl Inputs {
    /// The hash of all of it, with the bases as they are held.
    pub(crate) fn hash(&self) -> InputHash {
        let held = self.bases.iter().filter_map(|base| {
            Some(format!("{}={}\n", base.reference.canonical(), base.held.as_deref()?))
        });
        InputHash::of(&BTreeMap::from([
            ("own", self.own.as_str().to_owned()),
            ("bases", held.collect()),
        ]))
    }

    /// The images of the manifest that it is built on.
    pub(crate) fn built_on(&self) -> impl Iterator<Item = &str> {
        self.bases.iter().filter_map(|base| base.image.as_deref())
    }
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

    #[test]
    fn a_base_counts_by_what_is_held_of_it() {
        let on = |held: Option<&str>| {
            let reference = "acme/base:1".parse().unwrap();
            let base = Base { reference, image: None, held: held.map(str::to_owned) };
            let own = InputHash::of(&BTreeMap::new());
            Inputs { own, bases: vec![base], problem: None, warnings: Vec::new() }.hash()
        };
        assert_eq!(on(Some("sha256:1")), on(Some("sha256:1")));
        assert_ne!(on(Some("sha256:1")), on(Some("sha256:2")));
        assert_ne!(on(Some("sha256:1")), on(None));
    }
}
