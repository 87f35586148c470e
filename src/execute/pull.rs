//! Pulls an image from the first source that serves it. The one place that retries.
//!
//! A round asks every source in order, without waiting; one that is silent for
//! `patience` is overtaken by the next. Only when all have failed, and one for a
//! passing reason, the next round starts after a wait.

use std::collections::VecDeque;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::{Instant, sleep, sleep_until};

use crate::engine::Engine;
use crate::engine::error::{EngineError, EngineErrorKind};
use crate::execute::download::{Answer, Attempt, answer, download};
use crate::execute::report::{Action, SourceFailure};
use crate::execute::{Failure, Obtained, Run, build, place, signed};
use crate::observe::Trees;
use crate::plan::step::{ImagePlan, PullStep};
use crate::retry::wait_before;
use crate::state::desired::Source;
use crate::words::code::Code;
use crate::words::event::Event;
use crate::words::failure::FailureClass;
use crate::words::text::count;

/// A source on its way through the rounds.
struct Candidate<'a> {
    source: &'a Source,
    attempts: u32,
    last: Option<(FailureClass, String, Option<String>)>,
    given_up: bool,
}

/// Why a round ended without an image.
enum Stop {
    /// Every source failed.
    AllFailed,
    /// Something failed that is no source's doing: going on is of no use.
    Abort(EngineError),
}

/// Pulls; where every registry failed in a way that lets a build step in, builds.
pub(super) async fn or_build<E: Engine>(
    run: &Run<'_, E>,
    image: &ImagePlan,
    step: &PullStep,
    trees: &Trees,
    begin: &dyn Fn(),
) -> Result<Obtained, Failure> {
    let failure = match pull(run, image, step, begin).await? {
        Ok(obtained) => return Ok(obtained),
        Err(failure) => failure,
    };
    let Some((build_on, build)) = &step.then_build else { return Err(failure) };
    let allowed =
        |class: &FailureClass| class.build_on().is_some_and(|word| build_on.contains(&word));
    if !failure.classes.iter().all(allowed) {
        return Err(failure);
    }
    run.progress.note(Some(&image.id), "no registry served it, building it");
    if let Some(digest) = &step.digest {
        let words =
            format!("a build stands in for the pinned {}: its bytes differ", digest.short());
        run.progress.warn(Some(&image.id), words);
    }
    let (pulls, classes) = (failure.failures, failure.classes);
    match build::build(run, image, build, trees, begin).await {
        Ok(obtained) => Ok(Obtained { failures: pulls, ..obtained }),
        // The build was the last source: what the registries died of still counts. It was
        // no more than tried, so the image has failed and was not passed over.
        Err(mut failure) => {
            if failure.skipped {
                failure.classes.clear();
                failure.code = code_of(&classes);
            }
            failure.classes.extend(classes);
            Err(Failure { failures: pulls, skipped: false, ..failure })
        }
    }
}

/// Pulls. The inner failure is that of all sources; the outer one is no source's
/// doing, so no build would mend it.
async fn pull<E: Engine>(
    run: &Run<'_, E>,
    image: &ImagePlan,
    step: &PullStep,
    begin: &dyn Fn(),
) -> Result<Result<Obtained, Failure>, Failure> {
    let _slot = run.pulls.acquire().await;
    begin();
    run.progress.report(Event::Started {
        image: image.id.clone(),
        action: "pull",
        reference: image.name.canonical(),
    });
    signed::key(run, image).await.map_err(|error| Failure::of(Action::Pull, &error))?;
    let mut candidates: Vec<Candidate<'_>> = step
        .sources
        .iter()
        .map(|source| Candidate { source, attempts: 0, last: None, given_up: false })
        .collect();
    for round in 1..=step.retry.attempts {
        if round > 1 {
            if !candidates.iter().any(|c| !c.given_up) || !run.take_round() {
                break;
            }
            let wait = wait_before(round, &step.retry, (run.jitter)());
            run.progress.report(Event::Waiting {
                image: image.id.clone(),
                round,
                of: step.retry.attempts,
                millis: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            });
            sleep(wait).await;
        }
        match one_round(run, image, step, &mut candidates, round).await {
            Ok(mut obtained) => {
                warn_of_others(run, image, &candidates, &obtained.source);
                obtained.failures = candidates.into_iter().filter_map(Candidate::failure).collect();
                return Ok(Ok(obtained));
            }
            Err(Stop::AllFailed) => {}
            Err(Stop::Abort(error)) => {
                let failures = candidates.into_iter().filter_map(Candidate::failure).collect();
                return Err(Failure { failures, ..Failure::of(Action::Pull, &error) });
            }
        }
    }
    Ok(Err(all_failed(candidates)))
}

/// Every source that is not given up, once.
async fn one_round<E: Engine>(
    run: &Run<'_, E>,
    image: &ImagePlan,
    step: &PullStep,
    candidates: &mut [Candidate<'_>],
    round: u32,
) -> Result<Obtained, Stop> {
    let mut queue: VecDeque<usize> =
        (0..candidates.len()).filter(|i| !candidates[*i].given_up).collect();
    let mut asked = FuturesUnordered::new();
    let mut silent: Vec<usize> = Vec::new();
    let mut overtake = Instant::now();
    loop {
        let patience_over = !asked.is_empty() && Instant::now() >= overtake;
        if asked.is_empty() || patience_over && run.timeouts.patience.is_some() {
            if let Some(i) = queue.pop_front() {
                if let Some(slow) = silent.last() {
                    run.progress.report(Event::Overtaken {
                        image: image.id.clone(),
                        silent: candidates[*slow].source.reference.canonical(),
                        by: candidates[i].source.reference.canonical(),
                    });
                }
                let source = candidates[i].source;
                run.progress.report(Event::Trying {
                    image: image.id.clone(),
                    source: source.reference.canonical(),
                    round,
                });
                overtake = Instant::now() + run.timeouts.patience.unwrap_or_default();
                silent.push(i);
                asked.push(async move { (i, ask(run, image, source, step, round).await) });
            } else if asked.is_empty() {
                return Err(Stop::AllFailed);
            }
        }
        let may_overtake = run.timeouts.patience.is_some() && !queue.is_empty();
        let (i, answered) = tokio::select! {
            Some(answered) = asked.next() => answered,
            () = sleep_until(overtake), if may_overtake => continue,
        };
        let is_latest = silent.last() == Some(&i);
        silent.retain(|s| *s != i);
        let attempt = match answered {
            Err(attempt) => attempt,
            Ok(answered) => {
                // The others lost the race. Nothing failed in them: if this one
                // does on the way, they are asked again, in their order.
                asked.clear();
                if step.digest.is_none() && !silent.is_empty() {
                    warn_overtaken(run, image, candidates, &silent, i);
                }
                let source = candidates[i].source;
                match obtain(run, image, source, answered).await? {
                    Ok(obtained) => return Ok(obtained),
                    Err(attempt) => {
                        silent.drain(..).rev().for_each(|s| queue.push_front(s));
                        attempt
                    }
                }
            }
        };
        let next = queue.front().or(silent.first()).copied();
        let next = next.map(|n| candidates[n].source.reference.canonical());
        fail(run, image, &mut candidates[i], attempt, next)?;
        if is_latest {
            // An earlier one is silent still, and had its patience: the next one begins now.
            overtake = Instant::now();
        }
    }
}

/// Asks one source, unless its registry's pull limit is known to be used up. What has to be
/// signed is known to be before a byte of it comes: a digest that is wanted before it is asked
/// for, and one that a tag stands for before it is pulled.
async fn ask<'e, E: Engine>(
    run: &Run<'e, E>,
    image: &ImagePlan,
    source: &Source,
    step: &PullStep,
    round: u32,
) -> Result<Answer<'e>, Attempt> {
    let registry = &source.reference.repository.registry;
    if run.limited.borrow().contains(registry) {
        let message = format!("not asked: the pull limit of `{registry}` was reached in this run");
        let error = EngineError::new(
            EngineErrorKind::Pull,
            FailureClass::RateLimited,
            source.reference.canonical(),
            message,
        );
        return Err(Attempt { error, asked: false, exhausted: true });
    }
    signed::before_pull(run, image, source, step.digest.as_ref(), round).await?;
    let answer = answer(run, image, source, step.digest.as_ref()).await?;
    signed::before_pull(run, image, source, answer.digest(), round).await?;
    Ok(answer)
}

/// Downloads, proves, and names. The outer error is no source's doing.
async fn obtain<'e, E: Engine>(
    run: &Run<'e, E>,
    image: &ImagePlan,
    source: &Source,
    answered: Answer<'e>,
) -> Result<Result<Obtained, Attempt>, Stop> {
    let got = match download(run, image, source, answered).await {
        Ok(got) => got,
        Err(attempt) => return Ok(Err(attempt)),
    };
    place::place(run, image, &got.facts).await.map_err(Stop::Abort)?;
    Ok(Ok(Obtained {
        action: Action::Pull,
        source: source.reference.canonical(),
        digest: got.digest,
        image_id: got.facts.id,
        bytes: got.bytes,
        failures: Vec::new(),
        tagged: false,
    }))
}

/// Notes a source's failure, and whether it may be asked again.
fn fail<E: Engine>(
    run: &Run<'_, E>,
    image: &ImagePlan,
    candidate: &mut Candidate<'_>,
    attempt: Attempt,
    next: Option<String>,
) -> Result<(), Stop> {
    let Attempt { error, asked, exhausted } = attempt;
    // What is not signed, nothing else may stand in for.
    if error.class.stops_run() || error.class == FailureClass::Signature {
        return Err(Stop::Abort(error));
    }
    // Where a signature was asked for, it may have been another registry's limit.
    if error.class == FailureClass::RateLimited && error.kind != EngineErrorKind::Signature {
        run.limited.borrow_mut().insert(candidate.source.reference.repository.registry.clone());
    }
    candidate.attempts += u32::from(asked);
    candidate.given_up =
        exhausted || error.class.max_failures().is_some_and(|most| candidate.attempts >= most);
    run.progress.report(Event::SourceFailed {
        image: image.id.clone(),
        source: candidate.source.reference.canonical(),
        class: error.class,
        code: error.class.code(),
        message: error.message.clone(),
        next,
    });
    candidate.last = Some((error.class, error.message, error.hint));
    Ok(())
}

fn warn_overtaken<E: Engine>(
    run: &Run<'_, E>,
    image: &ImagePlan,
    candidates: &[Candidate<'_>],
    silent: &[usize],
    served: usize,
) {
    for slow in silent {
        run.progress.warn(
            Some(&image.id),
            format!(
                "`{}` did not answer in time, `{}` serves in its place: a lock makes sure of the bytes",
                candidates[*slow].source.reference.canonical(),
                candidates[served].source.reference.canonical(),
            ),
        );
    }
}

/// Another source served, so nothing else would tell that a login has gone stale or is
/// missing where the pull limit needs one, or that somebody serves other bytes than their
/// digest says: the wrong registry may serve for a long time.
fn warn_of_others<E: Engine>(
    run: &Run<'_, E>,
    image: &ImagePlan,
    candidates: &[Candidate<'_>],
    served: &str,
) {
    use FailureClass::{Denied, Integrity, RateLimited};
    for candidate in candidates {
        let source = candidate.source.reference.canonical();
        if let Some((class @ (Denied | RateLimited | Integrity), _, Some(hint))) = &candidate.last
            && source != served
        {
            let words = class.words();
            run.progress.warn(Some(&image.id), format!("`{source}`: {words}: {hint}"));
        }
    }
}

fn all_failed(candidates: Vec<Candidate<'_>>) -> Failure {
    let classes: Vec<FailureClass> =
        candidates.iter().filter_map(|c| c.last.as_ref().map(|last| last.0)).collect();
    let mut hints: Vec<String> = Vec::new();
    for hint in candidates.iter().filter_map(|c| c.last.as_ref()?.2.clone()) {
        if !hints.contains(&hint) {
            hints.push(hint);
        }
    }
    let failures: Vec<SourceFailure> =
        candidates.into_iter().filter_map(Candidate::failure).collect();
    let error = match &failures[..] {
        [one] => format!("`{}`: {}", one.source, one.class.words()),
        all => format!("none of its {} served it", count(all.len(), "source", "sources")),
    };
    Failure {
        action: Action::Pull,
        code: code_of(&classes),
        classes,
        error,
        hints,
        failures,
        log: Vec::new(),
        log_file: None,
        failed_at: None,
        obtained: None,
        skipped: false,
    }
}

/// What says most about an image whose sources failed with these classes.
fn code_of(classes: &[FailureClass]) -> Code {
    FailureClass::decisive(classes).unwrap_or(FailureClass::Unknown).code()
}

impl Candidate<'_> {
    fn failure(self) -> Option<SourceFailure> {
        let (class, message, _) = self.last?;
        let source = self.source.reference.canonical();
        let (code, attempts) = (class.code(), self.attempts);
        Some(SourceFailure { source, class, code, attempts, message })
    }
}

impl<E> Run<'_, E> {
    /// Takes one of the further rounds that the run has left.
    fn take_round(&self) -> bool {
        let left = self.rounds.get();
        self.rounds.set(left.saturating_sub(1));
        left > 0
    }
}
