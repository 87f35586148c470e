//! Floor 1: signatures of images as cosign makes them with a key. Pure: what a registry has is
//! handed in.
//!
//! cosign signs a small [`payload`] that names the digest of the image. Payload and signature
//! lie in the image's own repository under a [`tag`] that follows from the digest: a
//! [`manifest`] with a layer for each payload, and its signature as an annotation there. Since
//! its version 3 it makes a [`bundle`] of both, in an artifact that refers to the image. The
//! [`key`] is a file of whoever wants to know. [`verdict`] makes one answer of what all the
//! sources of an image have.

pub(crate) mod bundle;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
pub(crate) mod key;
pub(crate) mod manifest;
pub(crate) mod payload;
pub(crate) mod verdict;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::signature::key::PublicKey;
use crate::words::digest::Digest;

/// What is wrong with something that lies where a signature should be. Those further down are
/// closer to a good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Flaw {
    /// It is not what cosign stores there.
    Malformed,
    /// It is larger than any signature.
    TooLarge,
    /// Somebody signed it with another key, or it was changed since.
    OtherKey,
    /// The key has signed it, and it says something else than a signature does.
    OtherPurpose,
    /// The key has signed it, and it is about another image.
    OtherImage,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "something that is no signature",
            Self::TooLarge => "something that is too large for a signature",
            Self::OtherKey => "one that this key has not made",
            Self::OtherPurpose => "something that this key has signed, and that is no signature",
            Self::OtherImage => "one of another image",
        })
    }
}

/// The tag that cosign keeps the signatures of a digest under: `sha256-….sig`.
pub(crate) fn tag(digest: &Digest) -> String {
    format!("{}.sig", digest.as_str().replace(':', "-"))
}

/// Whether the key has signed that this payload is about exactly that digest. The signature is
/// as it is stored: in base64.
///
/// The payload is read only when it is known whose it is.
pub(crate) fn check(
    key: &PublicKey,
    digest: &Digest,
    payload: &[u8],
    signature: &str,
) -> Result<(), Flaw> {
    let signature = STANDARD.decode(signature.trim()).map_err(|_| Flaw::Malformed)?;
    if !key.has_signed(payload, &signature) {
        return Err(Flaw::OtherKey);
    }
    payload::names(payload, digest)
}

#[cfg(test)]
mod made_tests;
#[cfg(test)]
mod tests;
