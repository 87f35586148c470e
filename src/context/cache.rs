//! The user's cache directory: what may be lost at any time, and never lies.
//!
//! Each file is written beside its place and then moved there, and ends with the hash of
//! its content: whatever two writers, a crash or a full disk make of it is read as
//! nothing, or as what one writer meant. The hash is against accidents, and a quick one,
//! because some files are large: who may write there may write anything. A cache that can't
//! be used costs time alone, so nothing here is an error.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use fs_err as fs;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use twox_hash::XxHash3_128;

/// Bytes of the hash behind the content.
const HASH: usize = size_of::<u128>();

/// Where things are kept. Without a directory nothing is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cache {
    dir: Option<PathBuf>,
}

/// A shelf of the cache: a directory whose files are of one kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shelf {
    /// The directory's name, with the version of what its files hold.
    pub(crate) name: &'static str,
    /// How many files it holds; the oldest go when there are more.
    pub(crate) room: usize,
}

impl Cache {
    /// In `dir`, which need not be there yet.
    pub(crate) fn new(dir: Option<PathBuf>) -> Self {
        Self { dir }
    }

    /// What was kept under `key`, if it is there and whole.
    pub(crate) fn get(&self, shelf: Shelf, key: &str) -> Option<Vec<u8>> {
        let mut bytes = fs::read(self.dir.as_ref()?.join(shelf.name).join(file_name(key))).ok()?;
        let (content, hash) = bytes.split_last_chunk::<HASH>()?;
        if u128::from_be_bytes(*hash) != XxHash3_128::oneshot(content) {
            return None;
        }
        bytes.truncate(bytes.len() - HASH);
        Some(bytes)
    }

    /// Whether something is kept under `key`.
    pub(crate) fn has(&self, shelf: Shelf, key: &str) -> bool {
        let place = |dir: &PathBuf| dir.join(shelf.name).join(file_name(key));
        self.dir.as_ref().map(place).is_some_and(|path| path.exists())
    }

    /// Keeps a value under `key`; whether it could be kept.
    pub(crate) fn put_value(&self, shelf: Shelf, key: &str, value: &impl Serialize) -> bool {
        // Never whole in memory: some are large.
        self.keep(shelf, key, |out| match postcard::to_io(value, out) {
            Ok(_) => Ok(()),
            Err(error) => Err(io::Error::other(error)),
        })
    }

    /// Keeps `content` under `key`, in the place of what was there; whether it could be kept.
    pub(crate) fn put(&self, shelf: Shelf, key: &str, content: &[u8]) -> bool {
        self.keep(shelf, key, |out| out.write_all(content))
    }

    fn keep(
        &self,
        shelf: Shelf,
        key: &str,
        content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> bool {
        let Some(dir) = &self.dir else { return false };
        let dir = dir.join(shelf.name);
        let kept = replace(&dir, &file_name(key), content);
        if let Err(error) = &kept {
            tracing::info!(%error, "nothing is kept in the cache");
        }
        tidy(&dir, shelf.room);
        kept.is_ok()
    }
}

/// A file name for any key.
fn file_name(key: &str) -> String {
    crate::words::text::hex(&Sha256::digest(key))
}

fn replace(
    dir: &Path,
    name: &str,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    create_private(dir)?;
    // It is readable for its owner alone, and goes away by itself if it is not kept.
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    let mut out = BufWriter::new(Hashed { file: &mut file, hash: XxHash3_128::new() });
    content(&mut out)?;
    let Hashed { hash, .. } = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.write_all(&hash.finish_128().to_be_bytes())?;
    file.persist(dir.join(name))?;
    Ok(())
}

/// A file, and the hash of what is written to it.
struct Hashed<W> {
    file: W,
    hash: XxHash3_128,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.hash.write(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Makes a directory for its owner alone: file names and hashes of a private repository
/// are nobody else's business.
pub(crate) fn create_private(dir: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(dir)
}

/// Takes away the oldest files that there is no room for.
fn tidy(dir: &Path, room: usize) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let mut files: Vec<(SystemTime, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.metadata().ok()?.modified().ok()?, entry.path()))
        })
        .collect();
    if files.len() > room {
        files.sort();
        for (_, path) in &files[..files.len() - room] {
            // Another occ may have been faster.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHELF: Shelf = Shelf { name: "things-1", room: 3 };

    fn files(dir: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(dir.join(SHELF.name)).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn what_was_put_is_there_until_it_is_replaced_or_too_old() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(Some(dir.path().join("not/there/yet")));
        assert_eq!(cache.get(SHELF, "a"), None);
        cache.put(SHELF, "a", b"one");
        cache.put(SHELF, "a", b"two");
        assert_eq!(cache.get(SHELF, "a").unwrap(), b"two");
        cache.put(SHELF, "../b", b"");
        assert_eq!(cache.get(SHELF, "../b").unwrap(), b"");
        let cache = Cache::new(Some(dir.path().to_owned()));
        for key in 0..10_u8 {
            cache.put(SHELF, &key.to_string(), &[key]);
        }
        assert_eq!(files(dir.path()).len(), 3, "as much as there is room for");
    }

    #[test]
    fn what_is_torn_is_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(Some(dir.path().to_owned()));
        cache.put(SHELF, "a", b"content");
        let path = files(dir.path()).remove(0);
        let whole = fs::read(&path).unwrap();
        for torn in [0, 1, HASH - 1, HASH, whole.len() - 1] {
            fs::write(&path, &whole[..torn]).unwrap();
            assert_eq!(cache.get(SHELF, "a"), None, "{torn} bytes");
        }
        fs::write(&path, &whole).unwrap();
        assert_eq!(cache.get(SHELF, "a").unwrap(), b"content");
    }

    #[test]
    fn two_writers_leave_what_one_of_them_meant() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(Some(dir.path().to_owned()));
        std::thread::scope(|scope| {
            for byte in 0..2_u8 {
                let cache = &cache;
                scope.spawn(move || {
                    for _ in 0..50 {
                        cache.put(SHELF, "a", &vec![byte; 100_000]);
                        let held = cache.get(SHELF, "a").unwrap();
                        assert!(held.len() == 100_000 && held.iter().all(|b| *b == held[0]));
                    }
                });
            }
        });
    }

    #[test]
    fn where_nothing_can_be_kept_nothing_is() {
        for dir in [None, Some(PathBuf::from("/dev/null/x"))] {
            let cache = Cache::new(dir);
            cache.put(SHELF, "a", b"content");
            assert_eq!(cache.get(SHELF, "a"), None);
        }
    }
}
