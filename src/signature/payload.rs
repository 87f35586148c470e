//! What is signed: the simple-signing statement that names an image's digest.

use serde::Deserialize;

use crate::signature::Flaw;
use crate::words::digest::Digest;

/// The one type of statement that is about an image.
const TYPE: &str = "cosign container image signature";

#[derive(Deserialize)]
struct Payload {
    critical: Critical,
}

/// What has to be understood. The name in `identity` is none of it: whoever has the digest has
/// the bytes, under whichever name, and mirrors have others.
#[derive(Deserialize)]
struct Critical {
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

/// Whether a payload is a statement about exactly that digest.
pub(crate) fn names(payload: &[u8], digest: &Digest) -> Result<(), Flaw> {
    let Payload { critical } = serde_json::from_slice(payload).map_err(|_| Flaw::OtherPurpose)?;
    if critical.kind != TYPE {
        return Err(Flaw::OtherPurpose);
    }
    if critical.image.digest != digest.as_str() {
        return Err(Flaw::OtherImage);
    }
    Ok(())
}
