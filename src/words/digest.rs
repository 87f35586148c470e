//! Content digests, as the OCI image specification writes them.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// A content digest: `algorithm:hex`.
///
/// Accepted are `sha256:` with 64 and `sha512:` with 128 lower-case hexadecimal
/// digits, the two algorithms that the OCI image specification registers.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Digest(String);

/// Why a text is not a [`Digest`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// There is no `algorithm:` in front.
    #[error("a digest is `sha256:` and 64 hexadecimal digits")]
    NoAlgorithm,
    /// The algorithm is none that registries use.
    #[error("unsupported digest algorithm `{0}`, only `sha256` and `sha512` are known")]
    Algorithm(String),
    /// Too few or too many digits.
    #[error("`{algorithm}` wants {want} hexadecimal digits, here are {have}")]
    Length {
        /// The algorithm's name.
        algorithm: &'static str,
        /// Digits wanted.
        want: usize,
        /// Characters found.
        have: usize,
    },
    /// A character that is no lower-case hexadecimal digit.
    #[error("a digest has only the digits 0-9 and a-f, in lower case")]
    NotHex,
}

impl Digest {
    /// The text, `sha256:…`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits after the algorithm.
    pub fn hex(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, hex)| hex)
    }

    /// Algorithm and the first twelve digits: enough to tell two apart by eye.
    pub fn short(&self) -> String {
        let (algorithm, hex) = self.0.split_once(':').unwrap_or(("", &self.0));
        format!("{algorithm}:{}", hex.get(..12).unwrap_or(hex))
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (algorithm, hex) = text.split_once(':').ok_or(DigestError::NoAlgorithm)?;
        let (algorithm, want) = match algorithm {
            "sha256" => ("sha256", 64),
            "sha512" => ("sha512", 128),
            other => return Err(DigestError::Algorithm(other.to_owned())),
        };
        let have = hex.chars().count();
        if have != want {
            return Err(DigestError::Length { algorithm, want, have });
        }
        if !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(DigestError::NotHex);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_digests_keep_their_text() {
        let text = format!("sha256:{}", "0a".repeat(32));
        let digest: Digest = text.parse().unwrap();
        assert_eq!(digest.to_string(), text);
        assert_eq!(digest.short(), "sha256:0a0a0a0a0a0a");
        assert!(format!("sha512:{}", "f".repeat(128)).parse::<Digest>().is_ok());
    }

    #[test]
    fn bad_digests_say_what_is_wrong() {
        let check = |text: &str, want: &str| {
            assert_eq!(text.parse::<Digest>().unwrap_err().to_string(), want);
        };
        check("latest", "a digest is `sha256:` and 64 hexadecimal digits");
        check("md5:00", "unsupported digest algorithm `md5`, only `sha256` and `sha512` are known");
        check("sha256:00", "`sha256` wants 64 hexadecimal digits, here are 2");
        check(
            &format!("sha256:{}", "A".repeat(64)),
            "a digest has only the digits 0-9 and a-f, in lower case",
        );
    }
}
