//! What is known of the files of a context from the last time: an unchanged file is not
//! read again.
//!
//! A file is unchanged if its device, inode, size and both times are as they were. A file
//! that changed only just now could change again within the same tick of the clock, so
//! only what was left alone for two seconds before it was read is remembered.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::context::cache::{Cache, Shelf};
use crate::context::path_bytes;
use crate::context::root::Root;
use crate::context::stat::Stat;
use crate::words::hash::Sha256Sum;
use crate::words::text::hex;

/// One file for each context.
const STATS: Shelf = Shelf { name: "stats-2", room: 64 };

/// How long a file must have been left alone. Times of some filesystems have whole
/// seconds, and FAT's every other one.
const SETTLED: Duration = Duration::from_secs(2);

/// Records that stay whoever met them: some megabytes, read in a few milliseconds.
pub(super) const SPARE: usize = 20_000;

/// What is known of a context's files.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Records in the order of their files.
    before: Vec<u8>,
    /// Whether nothing that was known before counts.
    is_deaf: bool,
    /// The only device that is spoken of: what is mounted below may be of any kind.
    device: u64,
    /// What was found this time; `None` where nothing can be kept.
    found: Option<Mutex<Vec<Record>>>,
    place: Option<(Cache, String)>,
    /// Bytes that were read all the same.
    read: AtomicU64,
}

/// A file as it was when it was read, in bytes, because there may be many: its inode, which
/// tells it from all others of the device, size, both times, and the hash of its content.
type Record = [u8; 72];

/// Where the hash begins in a record.
const HASH: usize = 40;

/// What tells one file from another.
fn inode(record: &[u8]) -> u64 {
    let mut inode = [0; 8];
    inode.copy_from_slice(&record[..8]);
    u64::from_be_bytes(inode)
}

fn record(stat: &Stat, hash: &Sha256Sum) -> Record {
    let mut record = [0; 72];
    record[..HASH].copy_from_slice(&stat.to_bytes());
    record[HASH..].copy_from_slice(hash);
    record
}

impl Known {
    /// What is known of the context at a real path. With `reread` what is known counts
    /// for nothing, and is replaced.
    pub(super) fn load(cache: &Cache, root: &Root, real: &Path, reread: bool) -> Self {
        if !root.has_stable_stat() {
            return Self::default();
        }
        let device = root.device().unwrap_or_default();
        let key = format!("{device}:{}", hex(path_bytes(real)));
        let before = cache.get(STATS, &key).unwrap_or_default();
        Self {
            before: if before.len().is_multiple_of(size_of::<Record>()) {
                before
            } else {
                Vec::new()
            },
            is_deaf: reread,
            device,
            found: Some(Mutex::default()),
            place: Some((cache.clone(), key)),
            read: AtomicU64::new(0),
        }
    }

    /// The hash of a file that is as it was. It is looked for at `next` first, which is then
    /// behind it: whoever asks in the order of the inodes finds each at once.
    pub(super) fn hash(&self, stat: &Stat, next: &mut usize) -> Option<Sha256Sum> {
        if self.is_deaf || stat.place.0 != self.device {
            return None;
        }
        let (records, _) = self.before.as_chunks::<{ size_of::<Record>() }>();
        let wanted = stat.place.1;
        let at = match records.get(*next) {
            Some(record) if inode(record) == wanted => *next,
            _ => records.binary_search_by_key(&wanted, |record| inode(record)).ok()?,
        };
        *next = at + 1;
        let mut hash = Sha256Sum::default();
        hash.copy_from_slice(&records[at][HASH..]);
        (records[at] == record(stat, &hash)).then_some(hash)
    }

    /// Whether nothing is known.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.before.is_empty()
    }

    /// Counts bytes that were read.
    pub(super) fn count(&self, bytes: u64) {
        self.read.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes that were read so far.
    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Remembers what was read of a file, which had this `stat` before and after that;
    /// reading began at `begun`. It says whether the content is the same as long as the stat
    /// is, for those who trust that.
    pub(super) fn remember(&self, stat: &Stat, hash: Sha256Sum, begun: SystemTime) -> bool {
        let Some(found) = &self.found else { return false };
        let is_here = stat.place.0 == self.device;
        let is_settled =
            is_here && is_settled(stat.modified, begun) && is_settled(stat.changed, begun);
        if is_settled {
            found.lock().unwrap_or_else(PoisonError::into_inner).push(record(stat, &hash));
        }
        is_settled && !self.is_deaf
    }

    /// Keeps it for the next time, if there is anything new. What this walk did not meet
    /// may belong to another image of the same context, and stays while that is little, or
    /// not more than what was met.
    pub(super) fn keep(self, files: usize) {
        let (Some(found), Some((cache, key))) = (self.found, self.place) else { return };
        let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        if found.is_empty() && !self.is_deaf {
            return;
        }
        // Two names of one file are one.
        found.sort_unstable();
        found.dedup_by_key(|record| inode(&*record));
        let (before, _) = self.before.as_chunks::<{ size_of::<Record>() }>();
        if !self.is_deaf && before.len() <= files.saturating_mul(2).max(SPARE) {
            let new = found.len();
            for record in before {
                if found[..new].binary_search_by_key(&inode(record), |one| inode(one)).is_err() {
                    found.push(*record);
                }
            }
            found.sort_unstable();
        }
        drop(self.before);
        cache.put(STATS, &key, found.as_flattened());
    }
}

/// Whether a time was long enough ago. One in the future was not.
fn is_settled((seconds, nanos): (i64, u32), now: SystemTime) -> bool {
    let Ok(seconds) = u64::try_from(seconds) else { return true };
    let time = UNIX_EPOCH.checked_add(Duration::new(seconds, nanos));
    let age = time.and_then(|time| now.duration_since(time).ok());
    age.is_some_and(|age| age >= SETTLED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_left_alone_for_two_seconds_is_settled() {
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        assert!(is_settled((998, 0), now));
        assert!(!is_settled((998, 1), now));
        assert!(!is_settled((1001, 0), now));
        assert!(!is_settled((i64::MAX, 0), now));
        assert!(is_settled((-5, 0), now));
    }
}
