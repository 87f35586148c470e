//! One source: its answer, and the download behind it, watched for silence.

use futures_util::stream::{BoxStream, StreamExt};
use tokio::time::timeout_at;

use crate::engine::error::{EngineError, EngineErrorKind};
use crate::engine::watch::Watch;
use crate::engine::{Credentials, Engine, PullProgress, PullRequest, Resolution};
use crate::execute::{Run, alive, place};
use crate::observe::inspect;
use crate::plan::step::ImagePlan;
use crate::state::desired::Source;
use crate::words::digest::Digest;
use crate::words::event::Event;
use crate::words::failure::FailureClass;
use crate::words::image::{EngineId, ImageFacts};
use crate::words::reference::Reference;

type Progress<'e> = BoxStream<'e, Result<PullProgress, EngineError>>;

/// A source that answered.
pub(super) struct Answer<'e> {
    /// What is pulled: by digest wherever it is known.
    reference: Reference,
    digest: Option<Digest>,
    credentials: Option<Credentials>,
    /// What the source's tag meant in the engine before, where the pull is by tag.
    before: Option<EngineId>,
    /// The pull, where asking for it was the question.
    pull: Option<(PullProgress, Progress<'e>)>,
}

/// What a download left in the engine.
pub(super) struct Download {
    pub(super) facts: ImageFacts,
    pub(super) digest: Option<Digest>,
    pub(super) bytes: u64,
}

/// A failed attempt at one source.
pub(super) struct Attempt {
    pub(super) error: EngineError,
    /// Whether the source was asked at all.
    pub(super) asked: bool,
    /// The engine spent its own retries on it: ours would only multiply them.
    pub(super) exhausted: bool,
}

impl From<EngineError> for Attempt {
    fn from(error: EngineError) -> Self {
        Self { error, asked: true, exhausted: false }
    }
}

/// Asks a source for the image: for the digest behind its tag, or with a pin for
/// the pull itself.
pub(super) async fn answer<'e, E: Engine>(
    run: &Run<'e, E>,
    image: &ImagePlan,
    source: &Source,
    pin: Option<&Digest>,
) -> Result<Answer<'e>, Attempt> {
    let repository = &source.reference.repository;
    let credentials = run.credentials.get(&repository.registry, &run.progress).await;
    let digest = match pin {
        Some(pin) => Some(pin.clone()),
        None => match run.engine.resolve(&source.reference, credentials.as_ref()).await {
            Ok(Resolution::Digest(digest, _)) => Some(digest),
            // What has to be signed can't be pulled by a tag, so the tag is looked up here.
            Ok(Resolution::Unavailable) if image.signed.is_some() => {
                Some(run.signatures.resolve(&source.reference).await?)
            }
            Ok(Resolution::Unavailable) => None,
            Err(error) => return Err(unless_alive(run, image, error).await.into()),
        },
    };
    let reference = match &digest {
        Some(digest) => repository.with_digest(digest),
        None => source.reference.clone(),
    };
    let mut answer = Answer { reference, digest, credentials, before: None, pull: None };
    if answer.digest.is_none() {
        let held = inspect(run.engine, &answer.reference.canonical()).await?;
        answer.before = held.map(|facts| facts.id);
    }
    if pin.is_some() || answer.digest.is_none() {
        let mut stream = run.engine.pull(answer.request(image));
        let first = match stream.next().await {
            Some(Ok(first)) => first,
            Some(Err(error)) => {
                drop(stream);
                let (asked, credentials) = (&answer.reference, answer.credentials.as_ref());
                return Err(autopsy(run, image, asked, credentials, error).await.into());
            }
            // The digest is the proof, and is asked for later. Behind a tag there may
            // be an old image, which proves nothing.
            None if pin.is_some() => PullProgress::Status(String::new()),
            None => return Err(nothing_said(&answer.reference).into()),
        };
        answer.pull = Some((first, stream));
    }
    Ok(answer)
}

impl Answer<'_> {
    /// The digest that is pulled, where it is known before.
    pub(super) fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    fn request(&self, image: &ImagePlan) -> PullRequest {
        PullRequest {
            reference: self.reference.clone(),
            platform: image.platform.clone(),
            credentials: self.credentials.clone(),
        }
    }
}

/// Pulls what the source answered with, and proves what came of it. The image's
/// name is not touched, unless the engine could only pull by the very same tag.
pub(super) async fn download<'e, E: Engine>(
    run: &Run<'e, E>,
    image: &ImagePlan,
    source: &Source,
    mut answer: Answer<'e>,
) -> Result<Download, Attempt> {
    run.progress.report(Event::Resolved {
        image: image.id.clone(),
        source: source.reference.canonical(),
        digest: answer.digest.clone(),
    });
    let request = answer.request(image);
    let mut watch = Watch::new(run.timeouts.stall);
    let (first, mut stream) = match answer.pull.take() {
        Some((first, stream)) => (Some(first), stream),
        None => (None, run.engine.pull(request)),
    };
    if let Some(first) = first {
        watch.see(&run.progress, &image.id, first);
    }
    loop {
        match timeout_at(watch.deadline(), stream.next()).await {
            Ok(Some(Ok(progress))) => watch.see(&run.progress, &image.id, progress),
            Ok(Some(Err(error))) => {
                drop(stream);
                // What broke off after its work was done is proven like anything else.
                if error.class == FailureClass::CutShort && holds(run, &answer).await {
                    break;
                }
                let error =
                    autopsy(run, image, &answer.reference, answer.credentials.as_ref(), error)
                        .await;
                return Err(Attempt { error, asked: true, exhausted: watch.engine_retried });
            }
            Ok(None) => break,
            Err(_) => {
                if let Some(error) = watch.stalled(&answer.reference.canonical()) {
                    return Err(unless_alive(run, image, error).await.into());
                }
                // Waiting, verifying, unpacking may take their time, as long as the engine lives.
                inspect(run.engine, &image.name.canonical()).await?;
                watch.pulse();
            }
        }
    }
    let by_tag = answer.digest.is_none();
    let download = prove(run, image, &answer.reference, answer.digest, watch.bytes()).await?;
    // The old image behind the tag is no proof, unless the engine says that it is still right.
    if by_tag && !watch.is_finished() && answer.before.as_ref() == Some(&download.facts.id) {
        return Err(nothing_said(&answer.reference).into());
    }
    let source = answer.reference.canonical();
    if by_tag && source != image.name.canonical() {
        let why = "this engine can only pull by tag";
        run.progress.note(Some(&image.id), format!("`{source}` stays in the engine, too: {why}"));
    }
    Ok(download)
}

/// Whether the engine has what was answered, by its digest.
async fn holds<E: Engine>(run: &Run<'_, E>, answer: &Answer<'_>) -> bool {
    let Some(digest) = &answer.digest else { return false };
    let held = inspect(run.engine, &answer.reference.canonical()).await;
    held.ok().flatten().is_some_and(|facts| facts.is(digest))
}

fn nothing_said(reference: &Reference) -> EngineError {
    EngineError::new(
        EngineErrorKind::Pull,
        FailureClass::CutShort,
        reference.canonical(),
        "the engine reported neither an error nor a pull",
    )
}

/// Makes sure of what the engine holds now: its digest and its platform.
async fn prove<E: Engine>(
    run: &Run<'_, E>,
    image: &ImagePlan,
    reference: &Reference,
    digest: Option<Digest>,
    bytes: u64,
) -> Result<Download, Attempt> {
    let pulled = reference.canonical();
    let failed = |class, message: &str| {
        Attempt::from(EngineError::new(EngineErrorKind::Pull, class, &pulled, message))
    };
    let Some(facts) = inspect(run.engine, &pulled).await? else {
        return Err(failed(
            FailureClass::CutShort,
            "the engine reported no error, and the image is not there",
        ));
    };
    if let Some(digest) = &digest
        && !facts.is(digest)
    {
        return Err(failed(
            FailureClass::Integrity,
            "the engine holds other content than was asked for",
        ));
    }
    if let Err(error) = place::prove_platform(run, image, &facts, EngineErrorKind::Pull).await {
        // Only a pull by that very tag can have moved the name. Whoever else moved it
        // meanwhile had a reason.
        if pulled == image.name.canonical() {
            place::restore(run, image).await;
        }
        return Err(error.into());
    }
    // By tag, the digest is known only now.
    let digest = digest.or_else(|| {
        let of_source = |(repository, _): &&(_, Digest)| *repository == reference.repository;
        facts.repo_digests.iter().find(of_source).map(|(_, digest)| digest.clone())
    });
    Ok(Download { facts, digest, bytes })
}

/// Finds out what a failed pull died of, where its message does not say.
async fn autopsy<E: Engine>(
    run: &Run<'_, E>,
    image: &ImagePlan,
    reference: &Reference,
    credentials: Option<&Credentials>,
    error: EngineError,
) -> EngineError {
    match error.class {
        FailureClass::CutShort | FailureClass::Engine | FailureClass::Stalled => {
            unless_alive(run, image, error).await
        }
        // The distribution endpoint keeps the registry's own status. A refusal it may
        // explain: an engine also says `unauthorized` of a token server that is down.
        FailureClass::Unknown | FailureClass::AbsentOrPrivate | FailureClass::Denied => {
            match run.engine.resolve(reference, credentials).await {
                Err(better) if better.class != FailureClass::Unknown => better,
                _ => error,
            }
        }
        _ => error,
    }
}

/// The failure, or that of an engine that died or hangs: silence may mean either.
async fn unless_alive<E: Engine>(
    run: &Run<'_, E>,
    image: &ImagePlan,
    error: EngineError,
) -> EngineError {
    let silent = matches!(error.class, FailureClass::CutShort | FailureClass::Stalled);
    if !silent && !alive::is_broken(&error) {
        return error;
    }
    alive::unless_dead(run, image, error, EngineErrorKind::Pull).await
}
