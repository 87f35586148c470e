//! Floor 4: finds out what the lock has to record, by asking registries through the engine.

mod by_pulling;
pub(crate) mod demand;

use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::timeout;

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::lock::fresh::{Question, Todo, Wanted};
use crate::lock::verdict::{Answer, is_absence, verdict};
use crate::lock::{LockedBase, LockedImage};
use crate::observe::inspect;
use crate::observe::registries::{Registries, Told, failure};
use crate::observe::signatures::Signatures;
use crate::state::obstacle::Obstacle;
use crate::words::code::Code;
use crate::words::digest::Digest;
use crate::words::failure::FailureClass;
use crate::words::reference::Reference;

/// Whom to ask about an image.
#[derive(Debug, Clone, Copy)]
pub(crate) enum How {
    /// Every source. Whether to do without those that can't say what they have is the
    /// user's to decide.
    Every {
        /// Without them.
        partial: bool,
    },
    /// One source after the other, until one has it, and none for longer than this: there
    /// is other work to do.
    First(Option<Duration>),
}

/// What was found out about an image.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// The image's id.
    pub(crate) id: String,
    /// What the lock has to record, or why that is not known.
    pub(crate) entry: Result<LockedImage, Obstacle>,
    /// What the user has to know of it.
    pub(crate) warnings: Vec<String>,
}

/// Whoever asks.
pub(crate) struct Resolver<'a, E> {
    pub(crate) engine: &'a E,
    pub(crate) registries: &'a Registries<'a>,
    pub(crate) signatures: &'a Signatures,
    pub(crate) how: How,
    /// The longest silence of a download, where the engine can only ask by pulling.
    pub(crate) stall: Option<Duration>,
}

impl<E: Engine> Resolver<'_, E> {
    /// Finds out what is left to find out about each image, side by side. The error is the
    /// engine's end.
    pub(crate) async fn all(
        &self,
        images: &[(&Wanted, Todo)],
    ) -> Result<Vec<Resolved>, EngineError> {
        try_join_all(images.iter().map(|(wanted, todo)| self.image(wanted, todo))).await
    }

    async fn image(&self, wanted: &Wanted, todo: &Todo) -> Result<Resolved, EngineError> {
        let mut warnings = Vec::new();
        let bases = try_join_all(todo.bases.iter().map(|(base, it)| self.base(wanted, base, it)));
        let own = self.own(wanted, &todo.digest, &mut warnings);
        let (digest, bases) = futures_util::try_join!(own, bases)?;
        let bases: Result<Vec<LockedBase>, Obstacle> = bases.into_iter().collect();
        let entry = digest.and_then(|digest| Ok(wanted.entry(digest, bases?)));
        Ok(Resolved { id: wanted.id.clone(), entry, warnings })
    }

    /// The image's own digest; the inner error is why it is not known.
    async fn own(
        &self,
        wanted: &Wanted,
        question: &Question,
        warnings: &mut Vec<String>,
    ) -> Result<Result<Option<Digest>, Obstacle>, EngineError> {
        match (question, self.how) {
            (Question::Settled(digest), _) => return Ok(Ok(digest.clone())),
            // Who is in a hurry keeps what is locked, and finds out when it is pulled.
            (Question::Confirm(digest), How::First(_)) => return Ok(Ok(Some(digest.clone()))),
            (Question::Prove(digest), _) => return Ok(self.signed(wanted, digest.clone()).await),
            (Question::Confirm(digest), How::Every { .. }) => {
                if self.may_have(wanted, digest, warnings).await? {
                    return Ok(Ok(Some(digest.clone())));
                }
            }
            (Question::Ask, _) => {}
        }
        let answers = match self.how {
            How::Every { .. } => {
                try_join_all(wanted.sources.iter().map(|source| self.source(wanted, source)))
                    .await?
            }
            How::First(patience) => self.in_order(wanted, patience).await?,
        };
        let partial = matches!(self.how, How::Every { partial: true });
        let found = verdict(&answers, wanted.may_be_built, partial);
        warnings.extend(found.warnings);
        match found.digest {
            Ok(Some(digest)) => Ok(self.signed(wanted, digest).await),
            other => Ok(other),
        }
    }

    /// The digest that is to be locked, if it is signed or need not be.
    async fn signed(&self, wanted: &Wanted, digest: Digest) -> Result<Option<Digest>, Obstacle> {
        let Some(verify) = &wanted.verify else { return Ok(Some(digest)) };
        let sources: Vec<_> = wanted.sources.iter().map(|it| it.repository.clone()).collect();
        let check = self.signatures.check(&wanted.id, (verify, &sources), &digest, 0);
        match self.how {
            How::First(Some(limit)) => {
                timeout(limit, check).await.unwrap_or_else(|_| Err(silent()))
            }
            _ => check.await,
        }?;
        Ok(Some(digest))
    }

    /// The answers of the sources, until one has the image or can't say whether it has.
    async fn in_order(
        &self,
        wanted: &Wanted,
        patience: Option<Duration>,
    ) -> Result<Vec<Answer>, EngineError> {
        let mut answers = Vec::new();
        for source in &wanted.sources {
            let asked = self.source(wanted, source);
            let answer = match patience {
                None => asked.await?,
                Some(limit) => match timeout(limit, asked).await {
                    Ok(answer) => answer?,
                    Err(_) => Answer { source: source.clone(), told: Err(silent()) },
                },
            };
            let goes_on = answer.told.as_ref().is_err_and(|it| is_absence(it.class));
            answers.push(answer);
            if !goes_on {
                break;
            }
        }
        Ok(answers)
    }

    /// Whether a source still has these bytes. One that can't say might have them: nothing
    /// is moved for an outage.
    async fn may_have(
        &self,
        wanted: &Wanted,
        digest: &Digest,
        warnings: &mut Vec<String>,
    ) -> Result<bool, EngineError> {
        let exact = wanted.sources.iter().map(|source| source.repository.with_digest(digest));
        let exact: Vec<Reference> = exact.collect();
        let asked = exact.iter().map(|exact| self.registries.ask(self.engine, exact));
        let told = try_join_all(asked).await?;
        if told.iter().any(|told| matches!(told, Told::Digest(has, _) if has == digest)) {
            return Ok(true);
        }
        let open = exact.iter().zip(&told).find_map(|(exact, told)| match told {
            Told::Failed(obstacle) if is_absence(obstacle.class) => None,
            Told::Failed(obstacle) => Some(format!("`{exact}`: {}", obstacle.reason)),
            Told::Unavailable => Some("this engine can't ask registries".to_owned()),
            Told::Digest(..) => None,
        });
        if let Some(why) = &open {
            warnings.push(format!("whether a source still has what is locked is not known: {why}"));
        }
        Ok(open.is_some())
    }

    async fn source(&self, wanted: &Wanted, source: &Reference) -> Result<Answer, EngineError> {
        let told = match self.registries.ask(self.engine, source).await? {
            Told::Digest(digest, _) => Ok(digest),
            Told::Failed(obstacle) => Err(obstacle),
            // What has to be signed is not pulled before it is known to be.
            Told::Unavailable if wanted.verify.is_some() && wanted.sources.contains(source) => {
                self.signatures.resolve(source).await.map_err(failure)
            }
            Told::Unavailable => by_pulling::ask(self, wanted, source).await?,
        };
        Ok(Answer { source: source.clone(), told })
    }

    /// What a base is locked to. One that no registry has, and the engine does, is locked
    /// as it is held.
    async fn base(
        &self,
        wanted: &Wanted,
        base: &Reference,
        question: &Question,
    ) -> Result<Result<LockedBase, Obstacle>, EngineError> {
        let locked = |digest| LockedBase { reference: base.clone(), digest };
        if let Question::Settled(digest) = question {
            return Ok(Ok(locked(digest.clone())));
        }
        let held = inspect(self.engine, &base.canonical()).await?;
        if held.as_ref().is_some_and(|facts| facts.repo_digests.is_empty()) {
            return Ok(Ok(locked(None)));
        }
        let asked = self.source(wanted, base);
        let told = match self.how {
            How::First(Some(limit)) => match timeout(limit, asked).await {
                Ok(answer) => answer?.told,
                Err(_) => Err(silent()),
            },
            _ => asked.await?.told,
        };
        Ok(match told {
            Ok(digest) => Ok(locked(Some(digest))),
            Err(obstacle) if held.is_some() && is_absence(obstacle.class) => Ok(locked(None)),
            Err(obstacle) => {
                let reason = format!("its base `{base}`: {}", obstacle.reason);
                Err(Obstacle { reason, ..obstacle })
            }
        })
    }
}

fn silent() -> Obstacle {
    Obstacle {
        reason: FailureClass::Stalled.words().to_owned(),
        class: FailureClass::Stalled,
        code: Code::NoAnswer,
        hints: Vec::new(),
    }
}
