//! One build of an image at a time on this machine: an advisory lock that ends
//! with the process, however that ends.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fs_err as fs;
use sha2::{Digest as _, Sha256};
use tokio::time::sleep;

use crate::words::text::hex;

/// How often a lock that somebody else has is tried again. The standard library
/// can wait for it, too, but a thread that waits there can't be cancelled.
const AGAIN: Duration = Duration::from_millis(100);

/// Where the locks of one engine are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Locks {
    /// In the user's runtime directory. `None`: there is no such place, so there
    /// are no locks, and two builds at once cost time but no correctness.
    dir: Option<PathBuf>,
    /// The engine's address: names of different engines have nothing to do with
    /// each other.
    endpoint: String,
}

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub(super) struct Held(
    #[cfg_attr(not(test), expect(dead_code, reason = "dropping it is what it is for"))]
    Option<File>,
);

impl Locks {
    pub(crate) fn new(dir: Option<PathBuf>, endpoint: &str) -> Self {
        Self { dir, endpoint: real(endpoint) }
    }

    /// Takes the lock of an image's name, and calls `waiting` once if it has to wait.
    pub(super) async fn take(&self, name: &str, waiting: impl FnOnce()) -> Held {
        let Some(dir) = &self.dir else { return Held(None) };
        let file = match open(dir, &self.endpoint, name) {
            Ok(file) => file,
            Err(error) => {
                tracing::info!(%error, "building without a lock");
                return Held(None);
            }
        };
        let mut waiting = Some(waiting);
        loop {
            match file.try_lock() {
                Ok(()) => return Held(Some(file)),
                Err(TryLockError::WouldBlock) => {
                    if let Some(waiting) = waiting.take() {
                        waiting();
                    }
                    sleep(AGAIN).await;
                }
                Err(TryLockError::Error(error)) => {
                    tracing::info!(%error, "building without a lock");
                    return Held(None);
                }
            }
        }
    }
}

/// The address by which all who mean the same engine know it: a socket has many paths,
/// `/var/run/docker.sock` and `/run/docker.sock` for one.
pub(super) fn real(endpoint: &str) -> String {
    let socket = endpoint.strip_prefix("unix://").and_then(|path| fs::canonicalize(path).ok());
    socket.map_or_else(|| endpoint.to_owned(), |path| format!("unix://{}", path.display()))
}

/// What tells the names of all engines apart in a file's name. It is the same in every
/// build of occ.
pub(super) fn key(endpoint: &str, name: &str) -> String {
    let mut hash = hex(&Sha256::digest(format!("{endpoint}\n{name}")));
    hash.truncate(16);
    hash
}

/// The lock's file. It stays: removing it would take it away from under others.
fn open(dir: &Path, endpoint: &str, name: &str) -> std::io::Result<File> {
    fs::create_dir_all(dir)?;
    let path = dir.join(format!("build-{}.lock", key(endpoint, name)));
    let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    Ok(file.into_parts().0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test(start_paused = true)]
    async fn the_second_waits_for_the_first_and_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let locks = |endpoint: &str| Locks::new(Some(dir.path().to_owned()), endpoint);
        let (a, b) = (locks("unix:///a"), locks("unix:///b"));
        let first = a.take("acme/tool:1", || ()).await;
        let nobody_waits = || panic!("nobody has this lock");
        drop(a.take("acme/other:1", nobody_waits).await);
        drop(b.take("acme/tool:1", nobody_waits).await);
        let told = Cell::new(0);
        let second = a.take("acme/tool:1", || told.set(told.get() + 1));
        let release = async {
            sleep(Duration::from_secs(5)).await;
            drop(first);
        };
        let begun = tokio::time::Instant::now();
        futures_util::join!(second, release);
        assert!(begun.elapsed() >= Duration::from_secs(5));
        assert_eq!(told.get(), 1);
    }

    #[test]
    fn a_socket_is_known_by_its_real_path() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("run")).unwrap();
        fs::write(at("run/docker.sock"), "").unwrap();
        std::os::unix::fs::symlink("run", at("var-run")).unwrap();
        let of = |name: &str| real(&format!("unix://{}", at(name).display()));
        assert_eq!(of("var-run/docker.sock"), of("run/docker.sock"));
        assert_eq!(real("tcp://h:1"), "tcp://h:1");
    }

    #[tokio::test]
    async fn without_a_place_for_locks_the_build_goes_on() {
        assert!(Locks::default().take("x", || ()).await.0.is_none());
        let nowhere = Locks::new(Some(PathBuf::from("/dev/null/x")), "unix:///a");
        assert!(nowhere.take("x", || ()).await.0.is_none());
    }
}
