//! Floor 1: the plan. What has to be done, why, and in what order.
//!
//! [`reconcile()`](reconcile::reconcile) is a pure function; a dry run is
//! printing what it returns. Nothing here has a client. [`why`] tells what a plan was made
//! from.

pub(crate) mod display;
mod offline;
mod order;
pub(crate) mod platforms;
pub(crate) mod reasons;
pub(crate) mod reconcile;
pub(crate) mod step;
pub(crate) mod why;
