//! Floor 1: the two states that the planner compares.
//!
//! [`desired`] is the manifest, validated and with its defaults filled in;
//! [`observed`] is what the engine holds. Both are plain data. What the manifest may have
//! of this machine, [`args`] from its environment for one, is decided in [`consent`]. A
//! [`check`] is what is told of one thing that a sync depends on.

pub(crate) mod args;
pub(crate) mod changes;
pub(crate) mod check;
pub(crate) mod consent;
pub(crate) mod desired;
pub(crate) mod exact;
pub(crate) mod inputs;
pub(crate) mod observed;
pub(crate) mod obstacle;
pub(crate) mod verify;
