//! Public keys, in the form that `cosign generate-key-pair` writes: PEM.

use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::alg_id::ECDSA_P256;
use rustls::pki_types::pem::PemObject as _;

/// An ECDSA key on the curve P-256: the point, uncompressed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PublicKey(Vec<u8>);

/// Why some bytes are no [`PublicKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyError {
    /// There is no PEM block of a public key in them.
    #[error("it is no public key in PEM")]
    NotPem,
    /// They are the half that nobody else may have.
    #[error("it is a private key")]
    Private,
    /// It is a public key for something else.
    #[error("it is no ECDSA key on the curve P-256, as cosign makes them")]
    OtherKind,
}

impl KeyError {
    /// What to do about it.
    pub(crate) const fn hint(self) -> &'static str {
        match self {
            Self::NotPem => "the file begins with `-----BEGIN PUBLIC KEY-----`",
            Self::Private => {
                "take it out of the repository, and make a new one: the public half is `cosign.pub`"
            }
            Self::OtherKind => "`cosign generate-key-pair` makes one, and `cosign.pub` is the file",
        }
    }
}

/// What an uncompressed point begins with, and how long it is.
const POINT: (u8, usize) = (4, 65);

impl PublicKey {
    /// Reads a PEM file.
    pub(crate) fn from_pem(text: &[u8]) -> Result<Self, KeyError> {
        if text.windows(12).any(|words| words == b"PRIVATE KEY-") {
            return Err(KeyError::Private);
        }
        let der = SubjectPublicKeyInfoDer::from_pem_slice(text).map_err(|_| KeyError::NotPem)?;
        // DER has one form for one value, so a key of this kind always begins alike:
        // a sequence of the algorithm, which is a sequence too, and a string of bits.
        let mut head = vec![0x30, 0x59, 0x30, 0x13];
        head.extend_from_slice(ECDSA_P256.as_ref());
        head.extend_from_slice(&[0x03, 0x42, 0x00]);
        let point = der.as_ref().strip_prefix(&head[..]).ok_or(KeyError::OtherKind)?;
        if point.first() != Some(&POINT.0) || point.len() != POINT.1 {
            return Err(KeyError::OtherKind);
        }
        Ok(Self(point.to_vec()))
    }

    /// Whether this key has made the signature (ASN.1) over the SHA-256 of these bytes.
    pub(crate) fn has_signed(&self, bytes: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.0).verify(bytes, signature).is_ok()
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PublicKey")
    }
}
