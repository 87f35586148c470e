//! What is known of the files of a context from the last time: an unchanged file is not
//! read again.
//!
//! A file is unchanged if its device, inode, size and both times are as they were. A file
//! that changed only just now could change again within the same tick of the clock, so
//! only what was left alone for two seconds before it was read is remembered.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::context::cache::{Cache, Shelf};
use crate::context::path_bytes;
use crate::context::root::Root;
use crate::context::stat::Stat;
use crate::words::hash::Sha256Sum;
use crate::words::text::hex;

/// One file for each context.
const STATS: Shelf = Shelf { name: "stats-1", room: 64 };

/// How long a file must have been left alone. Times of some filesystems have whole
/// seconds, and FAT's every other one.
const SETTLED: Duration = Duration::from_secs(2);

/// Records that stay whoever met them: some megabytes, read in a few milliseconds.
pub(super) const SPARE: usize = 20_000;

/// What is known of a context's files.
#[derive(Debug, Default)]
pub(super) struct Known {
    before: Vec<Record>,
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

/// A file as it was when it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    place: (u64, u64),
    size: u64,
    modified: (i64, u32),
    changed: (i64, u32),
    hash: Sha256Sum,
}

impl Record {
    fn of(stat: &Stat, hash: Sha256Sum) -> Self {
        let Stat { place, size, modified, changed, .. } = *stat;
        Self { place, size, modified, changed, hash }
    }
}

impl Known {
    /// What is known of the context at a real path. With `reread` what is known counts
    /// for nothing, and is replaced.
    pub(super) fn load(cache: &Cache, root: &Root, real: &Path, reread: bool) -> Self {
        if !root.has_stable_stat() {
            return Self::default();
        }
        let key = hex(path_bytes(real));
        let kept = cache.get(STATS, &key).and_then(|bytes| postcard::from_bytes(&bytes).ok());
        Self {
            before: kept.unwrap_or_default(),
            is_deaf: reread,
            device: root.device().unwrap_or_default(),
            found: Some(Mutex::default()),
            place: Some((cache.clone(), key)),
            read: AtomicU64::new(0),
        }
    }

    /// The hash of a file that is as it was.
    pub(super) fn hash(&self, stat: &Stat) -> Option<Sha256Sum> {
        let at = self.before.binary_search_by_key(&stat.place, |record| record.place).ok()?;
        let record = self.before[at];
        (!self.is_deaf && record == Record::of(stat, record.hash)).then_some(record.hash)
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
    /// reading began at `begun`.
    pub(super) fn remember(&self, stat: &Stat, hash: Sha256Sum, begun: SystemTime) {
        let Some(found) = &self.found else { return };
        let is_here = stat.place.0 == self.device;
        if is_here && is_settled(stat.modified, begun) && is_settled(stat.changed, begun) {
            found.lock().unwrap_or_else(PoisonError::into_inner).push(Record::of(stat, hash));
        }
    }

    /// Keeps it for the next time, if there is anything new. What this walk did not meet
    /// may belong to another image of the same context, and stays while that is little, or
    /// not more than what was met.
    pub(super) fn keep(self, files: usize) {
        let (Some(found), Some((cache, key))) = (self.found, self.place) else { return };
        let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        if found.is_empty() && !self.is_deaf {
            return;
        }
        let mut all: BTreeMap<(u64, u64), Record> = BTreeMap::new();
        if !self.is_deaf && self.before.len() <= files.saturating_mul(2).max(SPARE) {
            all.extend(self.before.iter().map(|record| (record.place, *record)));
        }
        all.extend(found.iter().map(|record| (record.place, *record)));
        let all: Vec<&Record> = all.values().collect();
        if let Ok(bytes) = postcard::to_allocvec(&all) {
            cache.put(STATS, &key, &bytes);
        }
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
