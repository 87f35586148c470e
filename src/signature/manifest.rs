//! Where signatures lie: an OCI manifest with a layer for each.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::signature::Flaw;
use crate::words::digest::Digest;

/// So many signatures of one image are looked at, the newest. Nobody has more, and each is a question.
pub(crate) const MAX_SIGNATURES: usize = 32;

/// The largest payload, in bytes. They have a few hundred.
pub(crate) const MAX_PAYLOAD: u64 = 256 * 1024;

/// The kind of a layer that is a payload.
const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// The annotation of such a layer that has its signature.
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// A signature, and where the payload is that it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    /// The payload's blob.
    pub(crate) payload: Digest,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// The signature, in base64.
    pub(crate) signature: String,
}

#[derive(Deserialize)]
struct Manifest {
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

/// The signatures that a manifest lists, the newest first, each with where its payload is, or
/// what is wrong with it. Layers of other kinds are none of them.
pub(crate) fn stored(manifest: &[u8]) -> Result<Vec<Result<Stored, Flaw>>, Flaw> {
    let Manifest { layers } = serde_json::from_slice(manifest).map_err(|_| Flaw::Malformed)?;
    // cosign adds new ones at the end, and those are the likeliest to be of a key in use.
    let payloads = layers.into_iter().rev().filter(|layer| layer.media_type == PAYLOAD);
    let found: Vec<_> = payloads.take(MAX_SIGNATURES).map(Layer::stored).collect();
    if found.is_empty() { Err(Flaw::Malformed) } else { Ok(found) }
}

impl Layer {
    fn stored(self) -> Result<Stored, Flaw> {
        let payload = self.digest.parse().map_err(|_| Flaw::Malformed)?;
        let signature = self.annotations.and_then(|mut all| all.remove(SIGNATURE));
        let signature = signature.ok_or(Flaw::Malformed)?;
        if self.size > MAX_PAYLOAD {
            return Err(Flaw::TooLarge);
        }
        Ok(Stored { payload, size: self.size, signature })
    }
}
