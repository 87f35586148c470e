//! What the bases of builds are now, for builds that want the newest (`pull = true`).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use futures_util::stream::{self, StreamExt, TryStreamExt as _};
use tokio::sync::OnceCell;

use crate::engine::credentials::CredentialStore;
use crate::engine::error::EngineError;
use crate::engine::{Engine, Resolution};
use crate::observe::{inspect, once_more};
use crate::state::inputs::{Base, Inputs};
use crate::state::obstacle::Obstacle;
use crate::words::digest::Digest;
use crate::words::event::ProgressReporter;
use crate::words::failure::FailureClass;
use crate::words::reference::Reference;

/// Questions at once for one image: few Dockerfiles name more bases.
const AT_ONCE: usize = 4;

/// A base's digest, or why it can't be known.
type Answer = Result<Digest, Obstacle>;

/// The registries, asked through the engine with the user's credentials, and about each
/// base once: some of them count questions.
pub(crate) struct Registries<'a> {
    credentials: &'a CredentialStore,
    progress: &'a ProgressReporter,
    /// By the base's full name.
    answers: RefCell<BTreeMap<String, Rc<OnceCell<Answer>>>>,
}

impl<'a> Registries<'a> {
    /// Nobody is asked before the first base.
    pub(crate) fn new(credentials: &'a CredentialStore, progress: &'a ProgressReporter) -> Self {
        Self { credentials, progress, answers: RefCell::default() }
    }

    /// Finds out what the bases are now that only a registry can tell of. The inner error
    /// is that of a base; the outer one is the engine's end.
    pub(crate) async fn renew<E: Engine>(
        &self,
        engine: &E,
        inputs: &mut Inputs,
    ) -> Result<Result<(), Obstacle>, EngineError> {
        let open: Vec<&mut Base> = inputs.bases.iter_mut().filter(|base| base.is_open()).collect();
        let answers: Vec<(&mut Base, Answer)> = stream::iter(open)
            .map(async |base| {
                let answer = self.ask_once(engine, &base.reference).await?;
                Ok::<_, EngineError>((base, answer))
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        for (base, answer) in answers {
            match answer {
                Ok(digest) => base.newest = Some(digest),
                Err(obstacle) => return Ok(Err(obstacle)),
            }
        }
        Ok(Ok(()))
    }

    async fn ask_once<E: Engine>(
        &self,
        engine: &E,
        base: &Reference,
    ) -> Result<Answer, EngineError> {
        let cell = Rc::clone(self.answers.borrow_mut().entry(base.canonical()).or_default());
        cell.get_or_try_init(|| self.ask(engine, base)).await.cloned()
    }

    async fn ask<E: Engine>(&self, engine: &E, base: &Reference) -> Result<Answer, EngineError> {
        let credentials = self.credentials.get(&base.repository.registry, self.progress).await;
        let resolved = once_more(async || engine.resolve(base, credentials.as_ref()).await).await;
        match resolved {
            Ok(Resolution::Digest(digest)) => Ok(Ok(digest)),
            Ok(Resolution::Unavailable) => Ok(Err(no_question(base))),
            Err(error) if error.class.stops_run() => Err(error),
            Err(error) => Ok(Err(unknown(base, error))),
        }
    }
}

/// Takes the bases as the engine holds them, where nobody is to be asked.
pub(crate) async fn as_held<E: Engine>(engine: &E, inputs: &mut Inputs) -> Result<(), EngineError> {
    for base in inputs.bases.iter_mut().filter(|base| base.is_open()) {
        let facts = inspect(engine, &base.reference.canonical()).await?;
        let digests = facts.into_iter().flat_map(|facts| facts.repo_digests);
        let mut same = digests.filter(|(repository, _)| *repository == base.reference.repository);
        base.newest = same.next().map(|(_, digest)| digest);
    }
    Ok(())
}

/// That this engine can't ask a registry.
fn no_question(base: &Reference) -> Obstacle {
    Obstacle {
        reason: format!(
            "`pull = true` asks what `{base}` is now, and this engine can't ask registries that"
        ),
        class: FailureClass::Build,
        hints: vec![
            "without `pull = true` it is built on what the engine holds, or gets by itself"
                .to_owned(),
        ],
    }
}

/// That a registry gave no digest.
fn unknown(base: &Reference, error: EngineError) -> Obstacle {
    let (class, said) = (error.class, error.message);
    let mut hints: Vec<String> = error.hint.into_iter().collect();
    hints.push("without `pull = true` it is built on what the engine holds".to_owned());
    let reason = format!("its base `{base}` can't be looked up: {}: {said}", class.words());
    Obstacle { reason, class, hints }
}
