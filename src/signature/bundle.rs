//! Signatures as cosign stores them since its version 3: a sigstore bundle, in an artifact that
//! refers to the image.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::signature::Flaw;
use crate::signature::key::PublicKey;
use crate::signature::manifest::{MAX_PAYLOAD, MAX_SIGNATURES};
use crate::words::digest::Digest;

/// What every kind of bundle begins with; behind it is a version.
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";

/// What registries that make the index themselves say of an artifact instead: the kind of its
/// configuration, which is none.
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// What the envelope holds.
const STATEMENT: &str = "application/vnd.in-toto+json";

/// The statement's own version.
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// That it is a signature, and not another thing that is said of an image, such as who has
/// built it: the same key may sign these, too.
const SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    digest: String,
    #[serde(default)]
    artifact_type: Option<String>,
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
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    dsse_envelope: Option<Envelope>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Deserialize)]
struct Signature {
    sig: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    predicate_type: String,
}

#[derive(Deserialize)]
struct Subject {
    digest: BTreeMap<String, String>,
}

/// The tag that has the list of what refers to a digest, where a registry keeps none itself.
pub(crate) fn tag(digest: &Digest) -> String {
    digest.as_str().replace(':', "-")
}

/// The artifacts of an index that may be bundles.
pub(crate) fn listed(index: &[u8]) -> Result<Vec<Digest>, Flaw> {
    let Index { manifests } = serde_json::from_slice(index).map_err(|_| Flaw::Malformed)?;
    let may_be = |entry: &Entry| {
        let kind = entry.artifact_type.as_deref().unwrap_or(EMPTY);
        kind == EMPTY || kind.starts_with(BUNDLE)
    };
    let bundles = manifests.iter().rev().filter(|entry| may_be(entry));
    bundles
        .take(MAX_SIGNATURES)
        .map(|entry| entry.digest.parse().map_err(|_| Flaw::Malformed))
        .collect()
}

/// Where the bundle of an artifact is, and its size; `None` of one that is something else.
pub(crate) fn blob(manifest: &[u8]) -> Result<Option<(Digest, u64)>, Flaw> {
    let Manifest { layers } = serde_json::from_slice(manifest).map_err(|_| Flaw::Malformed)?;
    let Some(layer) = layers.first().filter(|layer| layer.media_type.starts_with(BUNDLE)) else {
        return Ok(None);
    };
    if layer.size > MAX_PAYLOAD {
        return Err(Flaw::TooLarge);
    }
    let digest = layer.digest.parse().map_err(|_| Flaw::Malformed)?;
    Ok(Some((digest, layer.size)))
}

/// Whether the key has signed, in this bundle, exactly that digest.
pub(crate) fn check(key: &PublicKey, digest: &Digest, bundle: &[u8]) -> Result<(), Flaw> {
    let bundle: Bundle = serde_json::from_slice(bundle).map_err(|_| Flaw::Malformed)?;
    let envelope = bundle.dsse_envelope.ok_or(Flaw::Malformed)?;
    let payload = STANDARD.decode(&envelope.payload).map_err(|_| Flaw::Malformed)?;
    let signed = signed_bytes(&envelope.payload_type, &payload);
    let is_signed = |signature: &Signature| {
        STANDARD.decode(&signature.sig).is_ok_and(|signature| key.has_signed(&signed, &signature))
    };
    if !envelope.signatures.iter().take(MAX_SIGNATURES).any(is_signed) {
        return Err(Flaw::OtherKey);
    }
    if envelope.payload_type != STATEMENT {
        return Err(Flaw::OtherPurpose);
    }
    names(&payload, digest)
}

/// What an envelope's signature is over: so nobody takes a payload of one type for another.
fn signed_bytes(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// Whether a statement is a signature of exactly that digest.
fn names(statement: &[u8], digest: &Digest) -> Result<(), Flaw> {
    let statement: Statement = serde_json::from_slice(statement).map_err(|_| Flaw::OtherPurpose)?;
    if statement.kind != STATEMENT_TYPE || statement.predicate_type != SIGNATURE {
        return Err(Flaw::OtherPurpose);
    }
    let (algorithm, hex) = digest.as_str().split_once(':').unwrap_or_default();
    let is_this = |subject: &Subject| subject.digest.get(algorithm).is_some_and(|it| it == hex);
    if statement.subject.iter().any(is_this) { Ok(()) } else { Err(Flaw::OtherImage) }
}
