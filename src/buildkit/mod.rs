//! Floor 3: a client of `BuildKit`, over two streams that somebody else opened.
//!
//! On the one it is a gRPC client that asks for a build and follows it. On the other, the
//! session, it is a gRPC server that the builder asks for files, credentials, secrets and
//! ssh agents. It knows no engine: what connects to a builder, and where the image goes, is
//! whoever's that calls [`build`].

mod channel;
mod failure;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod fake_files;
#[cfg(test)]
mod fake_receiver;
mod faults;
mod files;
mod filter;
mod follow;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod lines;
mod logins;
mod secrets;
mod send;
pub(crate) mod session;
pub(crate) mod solve;
mod ssh;
mod status;

pub(crate) use crate::buildkit::channel::{Duplex, greet};
pub(crate) use crate::buildkit::failure::SolveError;
pub(crate) use crate::buildkit::follow::build;
