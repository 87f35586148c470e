//! What lies where signatures should be, as the fuzzer makes it up.

use crate::signature::key::PublicKey;
use crate::signature::manifest::{MAX_PAYLOAD, MAX_SIGNATURES, stored};
use crate::signature::{bundle, check};
use crate::words::digest::Digest;

/// A key of which nobody has kept the other half.
const KEY: &[u8] = include_bytes!("../../tests/fuzz/signature.pub");

/// Takes the bytes for each thing that a registry may have: no more is listed than is looked at,
/// and none of it is a good signature.
pub(crate) fn refused(bytes: &[u8]) {
    let Ok(key) = PublicKey::from_pem(KEY) else { unreachable!("the key is good") };
    let Ok(digest) = format!("sha256:{}", "a".repeat(64)).parse::<Digest>() else { return };
    drop(PublicKey::from_pem(bytes));
    for one in stored(bytes).into_iter().flatten().flatten() {
        assert!(one.size <= MAX_PAYLOAD, "{one:?}");
    }
    assert!(
        bundle::listed(bytes).is_ok_and(|all| all.len() <= MAX_SIGNATURES)
            || bundle::listed(bytes).is_err()
    );
    if let Ok(Some((_, size))) = bundle::blob(bytes) {
        assert!(size <= MAX_PAYLOAD, "{size}");
    }
    assert!(bundle::check(&key, &digest, bytes).is_err());
    let at = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let signature = String::from_utf8_lossy(bytes.get(at + 1..).unwrap_or_default());
    assert!(check(&key, &digest, &bytes[..at], &signature).is_err());
}
