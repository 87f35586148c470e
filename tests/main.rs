//! The black-box tests: one binary, one module a theme.
//!
//! They run the real `occ` against a stub engine on a Unix socket, against
//! scripted registries on loopback, and against a real Docker Engine. A function
//! named `row_NN_…` holds row NN of the fault matrix.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test that can't go on must stop, and it may touch files and threads as it likes"
)]

mod build_failures;
mod buildkit;
mod built_on;
mod codes;
mod completions;
mod connections;
mod consent;
mod context;
mod crashes;
mod credentials;
mod docs;
mod doctor;
mod engine_faults;
mod files;
mod github;
mod hardships;
mod import;
mod inputs;
mod json;
mod library;
mod load;
mod lock;
mod manifest_input;
mod newest_bases;
#[cfg(target_os = "linux")]
mod own_engine;
mod registry_faults;
mod signatures;
mod support;
mod support_works;
mod sync;
mod sync_builds;
mod template;
mod terminal;
mod tidy;
mod why;
mod wrong_inputs;
