//! Registries, asked for digests.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use tokio::sync::{OnceCell, Semaphore};

use crate::engine::credentials::CredentialStore;
use crate::engine::error::EngineError;
use crate::engine::{Credentials, Engine, Resolution};
use crate::observe::once_more;
use crate::state::obstacle::Obstacle;
use crate::words::digest::Digest;
use crate::words::event::ProgressReporter;
use crate::words::image::Shape;
use crate::words::reference::Reference;

/// Questions at once to one registry. Some refuse whoever asks more; the engine has a
/// connection for each.
const AT_ONCE: usize = 16;

/// The registries, asked through the engine with the user's credentials, and about each
/// reference once: some of them count questions.
pub(crate) struct Registries<'a> {
    credentials: &'a CredentialStore,
    pub(crate) progress: &'a ProgressReporter,
    /// By the full name.
    answers: RefCell<BTreeMap<String, Rc<OnceCell<Told>>>>,
    /// By the registry's host.
    slots: RefCell<BTreeMap<String, Rc<Semaphore>>>,
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// The digest of the index, or of the manifest where there is no index.
    Digest(Digest, Shape),
    /// The registry has none, or could not say.
    Failed(Obstacle),
    /// This engine can't ask.
    Unavailable,
}

impl<'a> Registries<'a> {
    /// Nobody is asked before the first question.
    pub(crate) fn new(credentials: &'a CredentialStore, progress: &'a ProgressReporter) -> Self {
        Self { credentials, progress, answers: RefCell::default(), slots: RefCell::default() }
    }

    /// The user's credentials for the registry of a reference.
    pub(crate) async fn credentials(&self, reference: &Reference) -> Option<Credentials> {
        self.credentials.get(&reference.repository.registry, self.progress).await
    }

    /// What is behind a reference. The error is the engine's end.
    pub(crate) async fn ask<E: Engine>(
        &self,
        engine: &E,
        reference: &Reference,
    ) -> Result<Told, EngineError> {
        let cell = Rc::clone(self.answers.borrow_mut().entry(reference.canonical()).or_default());
        cell.get_or_try_init(|| self.really_ask(engine, reference)).await.cloned()
    }

    async fn really_ask<E: Engine>(
        &self,
        engine: &E,
        reference: &Reference,
    ) -> Result<Told, EngineError> {
        let registry = reference.repository.registry.clone();
        let credentials = self.credentials(reference).await;
        let slots = Rc::clone(
            self.slots
                .borrow_mut()
                .entry(registry)
                .or_insert_with(|| Rc::new(Semaphore::new(AT_ONCE))),
        );
        let _slot = slots.acquire().await;
        let resolved =
            once_more(async || engine.resolve(reference, credentials.as_ref()).await).await;
        match resolved {
            Ok(Resolution::Digest(digest, shape)) => Ok(Told::Digest(digest, shape)),
            Ok(Resolution::Unavailable) => Ok(Told::Unavailable),
            Err(error) if error.class.stops_run() => Err(error),
            Err(error) => Ok(Told::Failed(failure(error))),
        }
    }
}

/// A registry's failure in words.
pub(crate) fn failure(error: EngineError) -> Obstacle {
    Obstacle {
        reason: format!("{}: {}", error.class.words(), error.message),
        class: error.class,
        code: error.code(),
        hints: error.hint.into_iter().collect(),
    }
}
