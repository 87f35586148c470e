//! sha256 over lists of texts, so that no two different lists have the same one.

use std::hash::{BuildHasher as _, RandomState};

use sha2::{Digest as _, Sha256};

/// The 32 bytes of a sha256.
pub(crate) type Sha256Sum = [u8; 32];

/// Takes fields one after the other, each with its length in front.
#[derive(Debug, Default)]
pub(crate) struct FieldHasher(Sha256);

impl FieldHasher {
    /// One more field.
    pub(crate) fn field(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// The hash of all of them.
    pub(crate) fn finish(self) -> Sha256Sum {
        self.0.finalize().into()
    }
}

/// The hash of a list of fields.
pub(crate) fn hash_of<F: AsRef<[u8]>>(fields: impl IntoIterator<Item = F>) -> Sha256Sum {
    let mut hash = FieldHasher::default();
    fields.into_iter().for_each(|field| hash.field(field.as_ref()));
    hash.finish()
}

/// Thirty-two hexadecimal digits that nobody else has. Who wants to may guess them: they
/// are no secret.
pub(crate) fn unique() -> String {
    let half = || RandomState::new().hash_one(0);
    format!("{:016x}{:016x}", half(), half())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_alike() {
        let all: std::collections::BTreeSet<String> = (0..1000).map(|_| unique()).collect();
        assert_eq!(all.len(), 1000);
        assert!(all.iter().all(|one| one.len() == 32));
    }

    #[test]
    fn fields_cannot_run_together() {
        assert_ne!(hash_of(["a", "bc"]), hash_of(["ab", "c"]));
        assert_ne!(hash_of(["a", ""]), hash_of(["a"]));
        assert_eq!(hash_of(["a", "b"]), hash_of([b"a", b"b"]));
    }
}
