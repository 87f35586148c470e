//! Floor 0: the words everything else is said in.
//!
//! Plain data and pure functions over `std` and `serde`. Nothing here does
//! input or output, reads the clock or the environment, or knows an engine.

pub(crate) mod code;
pub(crate) mod diagnostic;
pub(crate) mod digest;
pub(crate) mod duration;
pub(crate) mod engine;
pub(crate) mod event;
pub(crate) mod exit;
pub(crate) mod failure;
pub(crate) mod grant;
pub(crate) mod hash;
pub(crate) mod image;
pub(crate) mod network;
pub(crate) mod order;
pub(crate) mod page;
pub(crate) mod platform;
pub(crate) mod reference;
pub(crate) mod text;
