//! occ makes the local container engine hold exactly the images that a repository
//! declares in `opencode.toml`.
//!
//! # The way of a command
//!
//! Data flows in one direction, and each stop is a type of its own, so that
//! nothing unvalidated can be planned and nothing unplanned be done:
//!
//! ```text
//! argv -> Settings -> Manifest -> Desired -+
//!                                          +-> Plan -> events, Report -> ExitStatus
//!                      engine -> Observed -+
//! ```
//!
//! The lock comes in between `Manifest` and `Desired`: it says which bytes a tag stands for.
//!
//! # The floors
//!
//! A module may use its own floor and those below. `tests/tidy.rs` holds this.
//!
//! | floor | modules | what is there |
//! |---|---|---|
//! | 6 shell | `cli`, `library` | arguments, settings, one file a command, signals; the same for programs |
//! | 5 voices | `render`, `import` | everything a person or a program reads; a manifest of other files |
//! | 4 use cases | `observe`, `resolve`, `execute` | look at the engine; ask what there is to lock; carry a plan out |
//! | 3 adapters | `engine::docker`, `engine::credentials`, `context`, `registry` | the Docker API, credentials, build contexts and Dockerfiles, signatures in registries |
//! | 2 ports | `engine` | the engine in our own words: a trait and one error type |
//! | 1 decisions | `manifest`, `lock`, `state`, `plan`, `retry`, `ignore`, `signature` | pure functions: no I/O, no clock, no environment |
//! | 0 words | `words` | references, digests, failure classes, events, exit codes |
//!
//! # Where a new thing goes
//!
//! - **A manifest key**: a field with a doc comment in `manifest::model` (the schema
//!   follows), its name in `manifest::decode`, its meaning in `manifest::validate`, or
//!   `manifest::build` for one of a build, and in `state::desired`; a line in
//!   `opencode.toml.example`.
//! - **A code**: a row in `words::code` and a page in `words/codes`; who gives it, for
//!   classes `FailureClass::code`, for an engine `EngineError::code`, else whoever makes the
//!   diagnostic; a way to have it in `tests/codes.rs`.
//! - **A failure class**: a variant in `words::failure`, where the compiler and the
//!   functions beside it ask what it means, and which code it has; the texts that stand for it in
//!   `engine::docker::classify::table`, and what to do about it in `hint` beside that.
//! - **An exit code**: a variant in `words::exit`, and who returns it: for images
//!   `FailureClass::exit`, for commands their file in `cli`; a word in the help of
//!   `cli::args` and in the README's table.
//! - **Something that needs consent**: a variant in `words::grant`, the `Ask` for it in
//!   `manifest::build`, who needs it in `state::consent`; a row in the README.
//! - **A command**: a variant in `cli::args` and a file in `cli`.
//! - **A key of Compose to import**: its reading in `import::build` or `import::compose`, its
//!   writing in `import::write`; a file in `tests/import`.
//! - **A part of the document**: a field of `render::sections`, or of the type that has it
//!   already; then `occ schema output > schema/output.schema.json`.
//! - **Something to tell while it happens**: a variant in `words::event`, and its
//!   words in each renderer.
//!
//! # Invariants
//!
//! 1. Only `engine::docker` names bollard, only `render::tty` indicatif, only `cli` clap.
//! 2. Nothing below floor 5 writes to stdout or stderr; nothing below floor 2 is
//!    asynchronous or touches files, the clock or the environment.
//! 3. A failure is classified once, in `engine::docker::classify`, and in
//!    `registry::failure` for what occ asks itself. Nobody else looks at a foreign text.
//! 4. Locked bytes are never moved unless that is asked for, and nothing else is ever
//!    accepted in their place.
//! 5. Sources are retried in one place, `execute::pull`; `retry` decides, and does not
//!    sleep. Beside that, `observe::once_more` asks again, once, when the connection to
//!    the engine broke before an answer.
//! 6. A pull or a build has succeeded when inspecting the result has proven it, and
//!    not before. A name moves only after that.
//! 7. Every text from outside passes `words::text::sanitise` on its way to a
//!    terminal, a log or JSON.
//! 8. occ never deletes, never pushes, and asks no registry that neither the manifest
//!    lists for the image nor a Dockerfile that it builds from names.
//!
//! # As a library
//!
//! The public face is what a program needs to connect, check, plan, pull, build, and
//! follow: [`DockerClient`], [`Manifest`], [`Plan`], [`Report`], [`EngineError`],
//! [`ProgressReporter`], and the words they use.

mod buildkit;
mod cli;
mod context;
mod engine;
mod execute;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod ignore;
mod import;
mod library;
mod lock;
mod manifest;
mod observe;
mod plan;
mod registry;
mod render;
mod resolve;
mod retry;
mod signature;
mod state;
mod words;

pub use crate::engine::docker::client::DockerClient;
pub use crate::engine::docker::image::{
    DOCKERFILE, IMAGE_NAME_DOCKERHUB, IMAGE_NAME_GHCR, IMAGE_TAG_DEFAULT,
};
pub use crate::engine::error::{EngineError, EngineErrorKind};
pub use crate::execute::failed_at::FailedAt;
pub use crate::execute::report::{
    Action, ImageReport, Outcome, PlannedStep, Report, SourceFailure,
};
pub use crate::library::{Manifest, SyncError};
pub use crate::plan::step::Plan;
pub use crate::words::code::Code;
pub use crate::words::diagnostic::{Diagnostic, Severity};
pub use crate::words::digest::{Digest, DigestError};
pub use crate::words::event::{Event, LayerState, ProgressReporter, StepProgress, StepState};
pub use crate::words::exit::ExitStatus;
pub use crate::words::failure::{BuildOn, FailureClass};
pub use crate::words::platform::{Platform, PlatformError};
pub use crate::words::reference::{DEFAULT_TAG, DOCKER_HUB, Reference, ReferenceError, Repository};
pub use crate::words::text::sanitise;

#[doc(hidden)]
pub use crate::cli::main;
