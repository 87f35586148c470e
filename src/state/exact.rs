//! The reference that means exactly what the engine holds of an image.

use crate::state::inputs::{InputLabel, LABEL};
use crate::words::digest::Digest;
use crate::words::image::{EngineId, ImageFacts};
use crate::words::reference::Reference;

/// What is held of an image, by each name that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exact {
    /// Its local name.
    pub(crate) name: Reference,
    /// `repository@digest`, where it was pulled.
    pub(crate) digest: Option<Reference>,
    /// The engine's id.
    pub(crate) id: EngineId,
}

impl Exact {
    /// What is behind a name: by the `wanted` digest, where that is known, or else by any
    /// that a pull led to.
    pub(crate) fn of(name: &Reference, facts: &ImageFacts, wanted: Option<&Digest>) -> Self {
        let found = if let Some(wanted) = wanted {
            facts.repo_digests.iter().find(|(_, digest)| digest == wanted)
        } else {
            // Podman lists a build under its own name with the digest of its manifest.
            let is_ours = is_ours(name, facts);
            facts.pulled_as(name).find(|(it, _)| !is_ours || *it != name.repository)
        };
        let digest = found.map(|(repository, digest)| repository.with_digest(digest));
        Self { name: name.clone(), digest, id: facts.id.clone() }
    }

    /// The one that means these bytes, and nothing else later.
    pub(crate) fn best(&self) -> String {
        self.digest.as_ref().map_or_else(|| self.id.to_string(), ToString::to_string)
    }
}

/// Whether the label says that occ built it for this name.
fn is_ours(name: &Reference, facts: &ImageFacts) -> bool {
    let label = facts.labels.get(LABEL).map(|label| InputLabel::read(label));
    label.is_some_and(|label| label.name == name.canonical())
}

/// Whether no registry has what is behind a name, as far as the engine tells. Where ids are
/// digests, what was built here looks as if it had been pulled under its own name, and only
/// occ's label tells it from that.
pub(crate) fn is_built_here(name: &Reference, facts: &ImageFacts) -> bool {
    facts.repo_digests.is_empty() || is_ours(name, facts) && facts.pulled_as(name).next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(id: &str, digests: &[&str]) -> ImageFacts {
        let parse = |text: &&str| crate::words::image::parse_repo_digest(text).unwrap();
        ImageFacts {
            id: EngineId::new(id),
            repo_digests: digests.iter().map(parse).collect(),
            platform: "linux/amd64".parse().unwrap(),
            labels: std::collections::BTreeMap::new(),
            size: 1,
            document: None,
        }
    }

    #[test]
    fn what_was_pulled_is_known_by_digest_and_what_was_built_by_id() {
        let name: Reference = "acme/tool:1".parse().unwrap();
        let digest = |digit: &str| format!("sha256:{}", digit.repeat(64));
        let (a, b) = (digest("a"), digest("b"));
        let pulled = facts("sha256:1", &[&format!("x.example/t@{a}"), &format!("y.example/t@{b}")]);
        let best = |facts: &ImageFacts, wanted: Option<&str>| {
            Exact::of(&name, facts, wanted.map(|it| it.parse().unwrap()).as_ref()).best()
        };
        assert_eq!(best(&pulled, None), format!("x.example/t@{a}"));
        assert_eq!(best(&pulled, Some(&b)), format!("y.example/t@{b}"));
        assert_eq!(best(&facts("sha256:1", &[]), None), "sha256:1");
        let built = facts(&a, &[&format!("acme/tool@{a}")]);
        assert_eq!(best(&built, None), a);
        let mut podmans = facts("sha256:1", &[&format!("acme/tool@{a}")]);
        assert_eq!(best(&podmans, None), format!("docker.io/acme/tool@{a}"));
        podmans.labels.insert(LABEL.to_owned(), "2:0;docker.io/acme/tool:1".to_owned());
        assert_eq!(best(&podmans, None), "sha256:1");
    }

    #[test]
    fn what_was_built_here_is_told_from_what_was_pulled() {
        let name: Reference = "acme/tool:1".parse().unwrap();
        let (a, b) = (format!("sha256:{}", "a".repeat(64)), format!("sha256:{}", "b".repeat(64)));
        assert!(is_built_here(&name, &facts(&a, &[])));
        // Ids that are digests: a build and a pull look alike, but for the label.
        let mut held = facts(&a, &[&format!("acme/tool@{a}")]);
        assert!(!is_built_here(&name, &held));
        held.labels.insert(LABEL.to_owned(), "2:0;docker.io/acme/tool:1".to_owned());
        assert!(is_built_here(&name, &held));
        assert!(!is_built_here(&"acme/other:1".parse().unwrap(), &held));
        // Built elsewhere, and pulled from there.
        held.repo_digests = facts(&a, &[&format!("acme/tool@{b}")]).repo_digests;
        assert!(!is_built_here(&name, &held));
    }
}
