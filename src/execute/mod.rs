//! Floor 4: carries a plan out. It decides nothing about what to do.
//!
//! [`execute`] runs the images side by side, each through its steps in order,
//! and writes what came of each into a [`Ledger`]. The ledger outlives the run:
//! when that is cancelled half-way, it still says what was done.

mod alive;
mod build;
mod download;
pub(crate) mod failed_at;
mod gates;
mod ledger;
mod lock;
mod log_file;
mod mask;
mod place;
mod pull;
mod renew;
pub(crate) mod report;
mod request;
mod secrets;
mod signed;
mod transcript;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::Instant;

pub(crate) use crate::execute::ledger::Ledger;
pub(crate) use crate::execute::lock::Locks;
pub(crate) use crate::execute::log_file::Logs;
pub(crate) use crate::execute::secrets::Handed;

use crate::context::cache::Cache;
use crate::engine::Engine;
use crate::engine::credentials::CredentialStore;
use crate::engine::error::EngineError;
use crate::execute::failed_at::FailedAt;
use crate::execute::gates::Gates;
use crate::execute::report::{Action, ImageReport, Outcome, SourceFailure};
use crate::observe::Trees;
use crate::observe::signatures::Signatures;
use crate::plan::step::{ImagePlan, Plan, Step};
use crate::retry::RUN_BUDGET;
use crate::state::desired::Limits;
use crate::state::obstacle::Obstacle;
use crate::words::code::Code;
use crate::words::digest::Digest;
use crate::words::duration::Timeouts;
use crate::words::event::{Event, ProgressReporter};
use crate::words::failure::FailureClass;
use crate::words::image::EngineId;
use crate::words::platform::Platform;

/// What all images of a run share.
pub(crate) struct Run<'a, E> {
    engine: &'a E,
    credentials: &'a Arc<CredentialStore>,
    progress: ProgressReporter,
    timeouts: Timeouts,
    options: Options,
    locks: Locks,
    cache: Cache,
    logs: Logs,
    /// What builds may have of the user's environment.
    handed: Handed,
    signatures: Rc<Signatures>,
    pulls: Semaphore,
    builds: Semaphore,
    /// Registries whose pull limit is used up: not asked again in this run.
    limited: RefCell<BTreeSet<String>>,
    /// Further rounds left, all images together.
    rounds: Cell<u32>,
    /// Who waits for whom.
    gates: Gates,
    /// The engine's own platform, asked for at most once.
    platform: OnceCell<Platform>,
    jitter: fn() -> f64,
}

/// How to carry a plan out.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Options {
    /// Stop at the first image that fails.
    pub(crate) fail_fast: bool,
    /// Build without the engine's cache.
    pub(crate) no_cache: bool,
}

/// An image that was obtained and proven.
struct Obtained {
    action: Action,
    source: String,
    digest: Option<Digest>,
    image_id: EngineId,
    bytes: u64,
    failures: Vec<SourceFailure>,
    /// A further name moved, whatever came of the image's own.
    tagged: bool,
}

/// Why an image was not obtained.
struct Failure {
    action: Action,
    /// The classes that decide the exit status.
    classes: Vec<FailureClass>,
    /// What `occ explain` knows it by.
    code: Code,
    error: String,
    hints: Vec<String>,
    failures: Vec<SourceFailure>,
    log: Vec<String>,
    /// The file with all lines of a failed build.
    log_file: Option<String>,
    /// The instruction that a build failed at.
    failed_at: Option<FailedAt>,
    /// What is behind the image's name all the same: only a further name failed.
    obtained: Option<Obtained>,
    /// It was not begun, because an image that it is built on failed.
    skipped: bool,
}

impl Failure {
    /// A failure that is nobody's but the engine's or the image's: no source's.
    fn of(action: Action, error: &EngineError) -> Self {
        Self {
            action,
            classes: vec![error.class],
            code: error.code(),
            error: error.to_string(),
            hints: error.hint.clone().into_iter().collect(),
            failures: Vec::new(),
            log: Vec::new(),
            log_file: None,
            failed_at: None,
            obtained: None,
            skipped: false,
        }
    }

    /// It can't be done, as is known already.
    fn blocked(action: Action, obstacle: &Obstacle) -> Self {
        Self {
            action,
            classes: vec![obstacle.class],
            code: obstacle.code,
            error: obstacle.to_string(),
            hints: obstacle.hints.clone(),
            failures: Vec::new(),
            log: Vec::new(),
            log_file: None,
            failed_at: None,
            obtained: None,
            skipped: false,
        }
    }

    /// Not begun, for want of the image `base`.
    fn skipped(base: &str) -> Self {
        Self {
            action: Action::Build,
            // What ended the base says more than this.
            classes: vec![FailureClass::Cancelled],
            code: Code::Cancelled,
            error: format!("the image `{base}` failed, which it is built on"),
            hints: Vec::new(),
            failures: Vec::new(),
            log: Vec::new(),
            log_file: None,
            failed_at: None,
            obtained: None,
            skipped: true,
        }
    }
}

impl<'a, E: Engine> Run<'a, E> {
    pub(crate) fn new(
        engine: &'a E,
        credentials: &'a Arc<CredentialStore>,
        progress: ProgressReporter,
        (timeouts, limits): (Timeouts, Limits),
        options: Options,
    ) -> Self {
        let signatures = Rc::new(Signatures::new(credentials, &progress, timeouts.response));
        Self {
            engine,
            credentials,
            progress,
            timeouts,
            options,
            locks: Locks::default(),
            cache: Cache::default(),
            logs: Logs::default(),
            handed: Handed::default(),
            signatures,
            pulls: Semaphore::new(limits.pulls),
            builds: Semaphore::new(limits.builds),
            limited: RefCell::default(),
            rounds: Cell::new(RUN_BUDGET),
            gates: Gates::default(),
            platform: OnceCell::new(),
            jitter: random,
        }
    }

    /// The same with locks, so that no other occ builds the same image meanwhile.
    pub(crate) fn with_locks(self, locks: Locks) -> Self {
        Self { locks, ..self }
    }

    /// The same with a place to keep what images are built from.
    pub(crate) fn with_cache(self, cache: Cache) -> Self {
        Self { cache, ..self }
    }

    /// The same with logs of what is built.
    pub(crate) fn with_logs(self, logs: Logs) -> Self {
        Self { logs, ..self }
    }

    /// The same with what the user consented to hand to builds.
    pub(crate) fn with_handed(self, handed: Handed) -> Self {
        Self { handed, ..self }
    }

    /// The same with what is known of signatures already.
    pub(crate) fn with_signatures(self, signatures: Rc<Signatures>) -> Self {
        Self { signatures, ..self }
    }

    /// The platform that an image must have: its own, else the engine's.
    async fn wanted_platform(&self, image: &ImagePlan) -> Result<Platform, EngineError> {
        match &image.platform {
            Some(platform) => Ok(platform.clone()),
            None => Ok(self.platform.get_or_try_init(|| self.engine.platform()).await?.clone()),
        }
    }
}

/// A number from 0 to 1. Jitter needs no better: the standard library seeds its
/// hash maps with it.
fn random() -> f64 {
    f64::from(u32::try_from(RandomState::new().hash_one(0) >> 32).unwrap_or(0))
        / f64::from(u32::MAX)
}

/// Carries the plan out. The ledger has an entry for each image afterwards, and
/// at every moment before.
pub(crate) async fn execute<E: Engine>(
    run: &Run<'_, E>,
    plan: &Plan,
    trees: &Trees,
    ledger: &Ledger,
) {
    run.gates.close(plan);
    let mut images: FuturesUnordered<_> = plan
        .images
        .iter()
        .enumerate()
        .filter(|(_, image)| !image.is_unchanged())
        .map(|(i, image)| async move { (i, carry_out(run, image, trees, ledger, i).await) })
        .collect();
    while let Some((i, (report, stops))) = images.next().await {
        run.progress.report(Event::Finished {
            image: report.id.clone(),
            outcome: report.outcome.word(),
            detail: report.detail(),
            millis: report.millis,
            code: report.code,
        });
        let failed = report.outcome == Outcome::Failed;
        run.gates.open(&report.id, report.outcome == Outcome::Done);
        ledger.set(i, report);
        if stops || failed && run.options.fail_fast {
            // Dropping the others cancels their work in the engine.
            break;
        }
    }
}

/// One image, through its steps. Also says whether the run must stop for it.
async fn carry_out<E: Engine>(
    run: &Run<'_, E>,
    image: &ImagePlan,
    trees: &Trees,
    ledger: &Ledger,
    index: usize,
) -> (ImageReport, bool) {
    let planned = ImageReport::planned(image);
    let begun = Instant::now();
    let result = match &image.blocked {
        Some(blocked) => Err(Failure::blocked(planned.action, blocked)),
        None => steps(run, image, trees, &|| ledger.begin(index)).await,
    };
    let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    match result {
        Ok(obtained) => (planned.done(obtained, image.previous.as_ref(), millis), false),
        Err(failure) => {
            let stops = !failure.skipped && failure.classes.iter().any(|class| class.stops_run());
            (planned.failed(failure, image.previous.as_ref(), millis), stops)
        }
    }
}

async fn steps<E: Engine>(
    run: &Run<'_, E>,
    image: &ImagePlan,
    trees: &Trees,
    begin: &dyn Fn(),
) -> Result<Obtained, Failure> {
    let nothing = || {
        let what = "nothing is behind its name that could get further ones";
        Failure::blocked(Action::Tag, &what.to_owned().into())
    };
    let mut obtained: Option<Obtained> = None;
    let mut tagged = false;
    for step in &image.steps {
        match step {
            Step::Pull(step) => {
                obtained = Some(pull::or_build(run, image, step, trees, begin).await?);
            }
            Step::Build(step) => {
                obtained = Some(build::build(run, image, step, trees, begin).await?);
            }
            Step::Adopt { id, digest } => {
                begin();
                let failed = |error| Failure::of(Action::Tag, &error);
                signed::key(run, image).await.map_err(failed)?;
                signed::prove(run, image, digest, 1).await.map_err(failed)?;
                let adopted = place::adopt(run, image, id, digest).await;
                obtained = Some(adopted.map_err(failed)?);
            }
            Step::Tag { target } => {
                begin();
                let placed = obtained.as_ref().map(|got| &got.image_id);
                let id = placed.or(image.previous.as_ref()).ok_or_else(nothing)?;
                match place::name(run, id, target).await {
                    Ok(moved) => tagged |= moved,
                    Err(error) => {
                        return Err(Failure { obtained, ..Failure::of(Action::Tag, &error) });
                    }
                }
            }
        }
    }
    if let Some(obtained) = obtained {
        return Ok(Obtained { tagged, ..obtained });
    }
    Ok(Obtained {
        action: Action::Tag,
        source: String::new(),
        digest: None,
        image_id: image.previous.clone().ok_or_else(nothing)?,
        bytes: 0,
        failures: Vec::new(),
        tagged,
    })
}

#[cfg(test)]
mod tests;
