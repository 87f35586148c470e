//! sha256 over lists of texts, so that no two different lists have the same one.

use std::hash::{BuildHasher as _, RandomState};

use sha2::{Digest as _, Sha256};

/// The 32 bytes of a sha256.
pub(crate) type Sha256Sum = [u8; 32];

/// Takes fields one after the other, each with its length in front.
#[derive(Debug, Default)]
pub(crate) struct FieldHasher(Sha256);

/// Fields as a hasher takes them, for whoever has many.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<u8>);

impl Fields {
    /// With room for so many bytes, each field's eight for its length among them.
    pub(crate) fn with_room(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// One more field.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.extend((bytes.len() as u64).to_le_bytes());
        self.0.extend(bytes);
    }
}

impl FieldHasher {
    /// One more field.
    pub(crate) fn field(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// Some more fields.
    pub(crate) fn fields(&mut self, fields: &Fields) {
        self.0.update(&fields.0);
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

/// The hash of a byte and of a hash, as of any two fields. At one go, because there may be very
/// many.
pub(crate) fn hash_of_both(byte: u8, sum: &Sha256Sum) -> Sha256Sum {
    let mut bytes = [0; 8 + 1 + 8 + 32];
    bytes[..8].copy_from_slice(&1_u64.to_le_bytes());
    bytes[8] = byte;
    bytes[9..17].copy_from_slice(&32_u64.to_le_bytes());
    bytes[17..].copy_from_slice(sum);
    Sha256::digest(bytes).into()
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
        assert_eq!(hash_of_both(b'a', &[7; 32]), hash_of([&b"a"[..], &[7; 32]]));
        let mut many = Fields::default();
        many.add(b"a");
        many.add(b"b");
        let mut hash = FieldHasher::default();
        hash.fields(&many);
        assert_eq!(hash.finish(), hash_of(["a", "b"]));
    }
}
