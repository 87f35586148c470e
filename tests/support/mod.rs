//! What the tests stand on. None of it needs anything but the standard library,
//! the crates that occ has anyway, and (in `real_engine`) a Docker Engine.

pub(crate) mod chance;
pub(crate) mod http;
pub(crate) mod image;
pub(crate) mod memory;
pub(crate) mod occ;
#[cfg(target_os = "linux")]
pub(crate) mod own_engine;
pub(crate) mod real_engine;
pub(crate) mod real_registry;
pub(crate) mod registry;
pub(crate) mod registry_words;
pub(crate) mod scene;
pub(crate) mod schema;
pub(crate) mod script;
pub(crate) mod signature;
pub(crate) mod stub_engine;
pub(crate) mod stub_fault;
pub(crate) mod stub_table;
pub(crate) mod terminal;
pub(crate) mod tls;

use std::thread;
use std::time::{Duration, Instant};

/// Waits until something has happened elsewhere: in a server, in another process.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !happened() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it never happened: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Whether a process of this machine has these words in its command line, as the steps of a
/// build have that are no containers. In the runs of the tests they stand in files alone.
pub(crate) fn is_running(words: &str) -> bool {
    let has = |path: std::path::PathBuf| {
        // A process may end at any time.
        let line = fs_err::read(path.join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(words)
    };
    fs_err::read_dir("/proc").unwrap().flatten().any(|entry| has(entry.path()))
}

/// A name part that no other test, run or machine uses.
pub(crate) fn unique() -> String {
    use std::hash::{BuildHasher, RandomState};
    format!("{:016x}", RandomState::new().hash_one(std::process::id()))
}
