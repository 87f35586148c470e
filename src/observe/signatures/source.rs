//! What one source has of signatures of a digest: under the tag of old, and in artifacts that
//! refer to the image.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::engine::error::EngineError;
use crate::registry::Registry;
use crate::signature::key::PublicKey;
use crate::signature::manifest::{MAX_PAYLOAD, Stored, stored};
use crate::signature::verdict::Told;
use crate::signature::{Flaw, bundle, check, tag};
use crate::state::obstacle::Obstacle;
use crate::words::digest::Digest;
use crate::words::failure::FailureClass;
use crate::words::reference::Repository;

/// Why there is no answer, or a good signature: both end the search.
type Found = Result<Option<Flaw>, Told>;

/// Looks in both places, until there is a good one.
pub(super) async fn ask(
    registry: &Registry,
    key: &PublicKey,
    source: &Repository,
    digest: &Digest,
) -> Told {
    let search = Search { registry, key, source, digest };
    let both = async { Ok(search.tag().await?.max(search.artifacts().await?)) };
    match both.await {
        Ok(flaw) => flaw.map_or(Told::Unsigned, Told::Flawed),
        Err(told) => told,
    }
}

struct Search<'a> {
    registry: &'a Registry,
    key: &'a PublicKey,
    source: &'a Repository,
    digest: &'a Digest,
}

impl Search<'_> {
    async fn tag(&self) -> Found {
        let manifest = self.registry.manifest(self.source, &tag(self.digest)).await;
        let Some(manifest) = there(manifest)? else { return Ok(None) };
        let all = match stored(&manifest) {
            Ok(all) => all,
            Err(flaw) => return Ok(Some(flaw)),
        };
        // Whoever signs an image again signs the same payload again.
        let mut payloads = BTreeMap::new();
        let mut best = None;
        for one in all {
            let checked = match one {
                Ok(one) => self.stored(&one, &mut payloads).await?,
                Err(flaw) => Err(flaw),
            };
            best = best.max(Some(flaw_of(checked)?));
        }
        Ok(best)
    }

    async fn stored(
        &self,
        one: &Stored,
        payloads: &mut BTreeMap<Digest, Bytes>,
    ) -> Result<Result<(), Flaw>, Told> {
        let payload = match payloads.get(&one.payload) {
            Some(payload) => payload.clone(),
            None => match self.blob(&one.payload, one.size).await? {
                Some(payload) => payload,
                None => return Ok(Err(Flaw::Malformed)),
            },
        };
        payloads.insert(one.payload.clone(), payload.clone());
        Ok(check(self.key, self.digest, &payload, &one.signature))
    }

    async fn artifacts(&self) -> Found {
        let mut index = there(self.registry.referrers(self.source, self.digest).await)?;
        if index.is_none() {
            let tag = bundle::tag(self.digest);
            index = there(self.registry.manifest(self.source, &tag).await)?;
        }
        let Some(index) = index else { return Ok(None) };
        let all = match bundle::listed(&index) {
            Ok(all) => all,
            Err(flaw) => return Ok(Some(flaw)),
        };
        let mut best = None;
        for one in all {
            if let Some(checked) = self.artifact(&one).await? {
                best = best.max(Some(flaw_of(checked)?));
            }
        }
        Ok(best)
    }

    /// `None` of what is no bundle, or not there any more.
    async fn artifact(&self, artifact: &Digest) -> Result<Option<Result<(), Flaw>>, Told> {
        let manifest = self.registry.manifest(self.source, artifact.as_str()).await;
        let Some(manifest) = there(manifest)? else { return Ok(None) };
        let (digest, size) = match bundle::blob(&manifest) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(None),
            Err(flaw) => return Ok(Some(Err(flaw))),
        };
        let Some(found) = self.blob(&digest, size).await? else {
            return Ok(Some(Err(Flaw::Malformed)));
        };
        Ok(Some(bundle::check(self.key, self.digest, &found)))
    }

    /// A blob, no larger than it is said to be.
    async fn blob(&self, digest: &Digest, size: u64) -> Result<Option<Bytes>, Told> {
        there(self.registry.blob(self.source, digest, size.min(MAX_PAYLOAD)).await)
    }
}

/// What is wrong; a good signature ends the search.
fn flaw_of(checked: Result<(), Flaw>) -> Result<Flaw, Told> {
    match checked {
        Ok(()) => Err(Told::Signed),
        Err(flaw) => Ok(flaw),
    }
}

/// What a registry has; `None` where it says that there is nothing.
fn there(answer: Result<Bytes, EngineError>) -> Result<Option<Bytes>, Told> {
    match answer {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.class == FailureClass::NotFound => Ok(None),
        Err(error) => Err(Told::Failed(Obstacle {
            reason: format!("{}: {}", error.class.words(), error.message),
            class: error.class,
            code: error.code(),
            hints: error.hint.into_iter().collect(),
        })),
    }
}
