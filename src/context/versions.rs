//! A number for each content that a file of a context has had.
//!
//! A builder that keeps a context from build to build takes a file for unchanged whose size
//! and time are as they were. The time on disk says little: it is new after a checkout, and
//! some tools set it to what it was. So the time that is sent is a number: it changes when
//! the content does, and never comes back with another.

use serde::{Deserialize, Serialize};

use twox_hash::XxHash3_64;

use crate::context::cache::{Cache, Shelf};
use crate::context::{Entry, Kind, Tree, path_bytes};
use crate::words::hash::{FieldHasher, hash_of, unique};
use crate::words::text::hex;

/// One file for each context of an image.
const VERSIONS: Shelf = Shelf { name: "sent-1", room: 64 };

/// Numbers have to stay below this: they are nanoseconds of a second.
const LIMIT: u32 = 1_000_000_000;

/// What was sent under a key. It is written before it is sent: what is not sent after all
/// leaves numbers that nobody uses.
#[derive(Debug, Serialize, Deserialize)]
struct Sent {
    /// What the builder knows the context by. Without this record nobody can tell which
    /// numbers were used, so a new one comes with a new key.
    key: String,
    /// The largest number that is in use.
    last: u32,
    /// Each file: the hash of its path, the beginning of that of its content, and the number
    /// that it has with this content. Sorted.
    files: Vec<(u64, u64, u32)>,
}

/// The key of a context, which `place` tells apart from all others, and a number for each of
/// its entries.
pub(super) fn versions(cache: &Cache, place: &str, tree: &Tree) -> (String, Vec<u32>) {
    let before = cache.get(VERSIONS, place).and_then(|bytes| postcard::from_bytes(&bytes).ok());
    numbered(before, tree, |sent| cache.put_value(VERSIONS, place, sent))
}

/// The same, gone on from a record, if there is one; `keep` says whether the next one is kept.
fn numbered(
    before: Option<Sent>,
    tree: &Tree,
    keep: impl FnOnce(&Sent) -> bool,
) -> (String, Vec<u32>) {
    let before = before.filter(|sent: &Sent| sent.last < LIMIT / 2);
    let is_first = before.is_none();
    let before = before.unwrap_or_else(|| Sent { key: unique(), last: 0, files: Vec::new() });
    let mut files: Vec<(u64, u64, u32)> = (0..).zip(&*tree.entries).filter_map(file).collect();
    files.sort_unstable();
    // Both are in one order, so one way through both finds what is in both.
    let mut then = before.files.iter().peekable();
    let mut changed = FieldHasher::default();
    let numbers_before = files.iter().map(|(path, content, _)| {
        let is_before = |(p, c, _): &&(u64, u64, u32)| (p, c) < (path, content);
        while then.next_if(is_before).is_some() {}
        let same = then.peek().filter(|(p, c, _)| (p, c) == (path, content));
        if same.is_none() {
            changed.field(&path.to_be_bytes());
            changed.field(&content.to_be_bytes());
        }
        same.map(|(.., number)| *number)
    });
    let numbers_before: Vec<Option<u32>> = numbers_before.collect();
    // One for all that changed since, so that none of them looks newer than another, and not
    // the same for two that go on from one record with other contents.
    let salt = changed.finish();
    let next = before.last + 1 + u32::from(u16::from_be_bytes([salt[0], salt[1]]));
    let next = if is_first { 0 } else { next };
    let is_new = numbers_before.contains(&None);
    let mut numbers = vec![0; tree.entries.len()];
    for (file, number) in files.iter_mut().zip(numbers_before) {
        let at = std::mem::replace(&mut file.2, number.unwrap_or(next));
        numbers[at as usize] = file.2;
    }
    if is_first || files != before.files {
        let last = if is_new { next.max(before.last) } else { before.last };
        let sent = Sent { key: before.key.clone(), last, files };
        if !keep(&sent) {
            // Who can't be told next time that these were used must not use them here.
            return (unique(), vec![0; tree.entries.len()]);
        }
    }
    (before.key, numbers)
}

/// What a context is told apart by.
pub(super) fn place(parts: &[&[u8]]) -> String {
    hex(&hash_of(parts))
}

/// A file by its path and its content, and where it is among the entries. Two paths with one
/// hash, which nobody will meet, would take each other's number only with the same content.
fn file((at, entry): (u32, &Entry)) -> Option<(u64, u64, u32)> {
    let Kind::File { hash, .. } = &entry.kind else { return None };
    let mut content = [0; 8];
    content.copy_from_slice(&hash[..8]);
    Some((XxHash3_64::oneshot(path_bytes(&entry.path)), u64::from_be_bytes(content), at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Content;

    fn tree(files: &[(&str, u8)]) -> Tree {
        let entry = |(path, content): &(&str, u8)| Entry {
            path: (*path).into(),
            kind: Kind::File {
                content: Content::Disk(None),
                executable: false,
                size: 1,
                hash: hash_of([[*content]]),
            },
        };
        Tree { entries: std::sync::Arc::new(files.iter().map(entry).collect()), ..Tree::default() }
    }

    #[test]
    fn a_number_never_comes_back_with_another_content() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(Some(dir.path().to_owned()));
        let read = |files: &[(&str, u8)]| versions(&cache, "p", &tree(files));
        let (key, first) = read(&[("a", 1), ("b", 1)]);
        assert_eq!(first, [0, 0]);
        assert_eq!(read(&[("a", 1), ("b", 1)]), (key.clone(), vec![0, 0]));
        let (_, second) = read(&[("a", 2), ("b", 1)]);
        assert!(second[0] > 0 && second[1] == 0);
        // What was there once is new again: it may not be what the builder has.
        let (_, third) = read(&[("a", 1), ("b", 1)]);
        assert!(third[0] > second[0]);
        // Gone and back, with another content or with the same.
        read(&[("a", 1)]);
        let (again, fourth) = read(&[("a", 1), ("b", 2)]);
        assert_eq!((&again, fourth[0]), (&key, third[0]));
        assert!(fourth[1] > third[0]);
    }

    #[test]
    fn without_a_record_there_is_another_key() {
        let (one, numbers) = versions(&Cache::default(), "p", &tree(&[("a", 1)]));
        let (two, _) = versions(&Cache::default(), "p", &tree(&[("a", 2)]));
        assert_ne!(one, two);
        assert_eq!(numbers, [0]);
        assert_ne!(place(&[b"a", b"b"]), place(&[b"ab"]));
    }

    #[test]
    fn a_record_that_cannot_be_kept_is_not_gone_on_from() {
        let sent = || Sent { key: "old".into(), last: 7, files: Vec::new() };
        let number = |keeps: bool| numbered(Some(sent()), &tree(&[("a", 1)]), |_| keeps);
        let (key, numbers) = number(true);
        assert_eq!((&*key, numbers[0] > 7), ("old", true));
        let (key, numbers) = number(false);
        assert_ne!(key, "old");
        assert_eq!(numbers, [0]);
    }

    #[test]
    fn two_that_go_on_from_one_record_have_other_numbers() {
        let sent = || Sent { key: "old".into(), last: 7, files: Vec::new() };
        let number = |files: &[(&str, u8)]| numbered(Some(sent()), &tree(files), |_| true).1;
        let (one, two) = (number(&[("a", 1), ("b", 1)]), number(&[("a", 1), ("b", 2)]));
        assert_eq!((one[0], two[0]), (one[1], two[1]), "what changed together is of one age");
        assert_ne!(one[1], two[1]);
    }

    #[test]
    fn the_numbers_come_to_an_end_with_a_new_key() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(Some(dir.path().to_owned()));
        let sent = Sent { key: "old".into(), last: LIMIT / 2, files: Vec::new() };
        cache.put(VERSIONS, "p", &postcard::to_allocvec(&sent).unwrap());
        let (key, numbers) = versions(&cache, "p", &tree(&[("a", 1)]));
        assert_ne!(key, "old");
        assert_eq!(numbers, [0]);
    }
}
