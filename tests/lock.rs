//! The lock: `occ lock`, and what the other commands make of `opencode.lock`.

mod bases;
mod command;
mod engines;
mod histories;
mod modes;
mod platforms;
mod scripts;
mod syncing;

use crate::support::occ::Occ;
use crate::support::real_engine::RealEngine;
use crate::sync;

/// A run that keeps a lock, as it is for users.
fn occ(engine: &RealEngine, manifest: &str) -> Occ {
    sync::occ(engine, &(sync::ONE_ROUND.to_owned() + manifest)).locking()
}

/// The text of the lock; empty where there is none.
fn lock_of(occ: &Occ) -> String {
    fs_err::read_to_string(occ.work().join("opencode.lock")).unwrap_or_default()
}

/// The values of a key in the lock, in its order.
fn values<'t>(lock: &'t str, key: &str) -> Vec<&'t str> {
    let value =
        |line: &'t str| Some(line.strip_prefix(key)?.strip_prefix(" = ")?.trim_matches('"'));
    lock.lines().filter_map(value).collect()
}

/// The repository of a local name in a registry: `127.0.0.1:5000/occ-test/x`.
fn repository(host: &str, name: &str) -> String {
    format!("{host}/{}", name.rsplit_once(':').unwrap().0)
}

/// Changes the lock by hand.
fn edit(occ: Occ, from: &str, to: &str) -> Occ {
    let text = lock_of(&occ);
    assert!(text.contains(from), "the lock has no {from:?}\n{text}");
    occ.file("opencode.lock", text.replace(from, to))
}
