//! One source: its answer, and the download behind it, watched for silence.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::stream::{BoxStream, StreamExt};
use tokio::time::{Instant, timeout_at};

use crate::engine::error::{EngineError, EngineErrorKind};
use crate::engine::{Credentials, Engine, PullProgress, PullRequest, Resolution};
use crate::execute::{Run, place};
use crate::observe::inspect;
use crate::plan::step::ImagePlan;
use crate::state::desired::Source;
use crate::state::observed::ImageFacts;
use crate::words::digest::Digest;
use crate::words::event::{Event, LayerState};
use crate::words::failure::FailureClass;
use crate::words::reference::Reference;

/// While no layer downloads, the engine is asked this often whether it is alive.
const PULSE: Duration = Duration::from_secs(30);

type Progress<'e> = BoxStream<'e, Result<PullProgress, EngineError>>;

/// A source that answered.
pub(super) struct Answer<'e> {
    /// What is pulled: by digest wherever it is known.
    reference: Reference,
    digest: Option<Digest>,
    credentials: Option<Credentials>,
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
        None => match run.engine.resolve(&source.reference, credentials.as_ref()).await? {
            Resolution::Digest(digest) => Some(digest),
            Resolution::Unavailable => None,
        },
    };
    let reference = match &digest {
        Some(digest) => repository.with_digest(digest),
        None => source.reference.clone(),
    };
    let mut answer = Answer { reference, digest, credentials, pull: None };
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
    answer: Answer<'e>,
) -> Result<Download, Attempt> {
    run.progress.report(Event::Resolved {
        image: image.id.clone(),
        source: source.reference.canonical(),
        digest: answer.digest.clone(),
    });
    let request = answer.request(image);
    let mut watch = Watch::new(run.timeouts.stall);
    let (first, mut stream) = match answer.pull {
        Some((first, stream)) => (Some(first), stream),
        None => (None, run.engine.pull(request)),
    };
    if let Some(first) = first {
        watch.see(run, image, first);
    }
    loop {
        match timeout_at(watch.deadline(), stream.next()).await {
            Ok(Some(Ok(progress))) => watch.see(run, image, progress),
            Ok(Some(Err(error))) => {
                drop(stream);
                let error =
                    autopsy(run, image, &answer.reference, answer.credentials.as_ref(), error)
                        .await;
                return Err(Attempt { error, asked: true, exhausted: watch.engine_retried });
            }
            Ok(None) => break,
            Err(_) if watch.is_downloading() => {
                return Err(watch.stalled(&answer.reference).into());
            }
            Err(_) => {
                // Waiting, verifying, unpacking may take their time, as long as the engine lives.
                inspect(run.engine, &image.name.canonical()).await?;
                watch.pulse();
            }
        }
    }
    let by_tag = answer.digest.is_none();
    let download = prove(run, image, &answer.reference, answer.digest, watch.bytes()).await?;
    let source = answer.reference.canonical();
    if by_tag && source != image.name.canonical() {
        let why = "this engine can only pull by tag";
        run.progress.note(Some(&image.id), format!("`{source}` stays in the engine, too: {why}"));
    }
    Ok(download)
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
        // The connection broke: did the engine die? Then that is the failure.
        FailureClass::CutShort => match run.engine.inspect(&image.name.canonical()).await {
            Err(dead) if dead.class.stops_run() => dead,
            _ => error,
        },
        // The distribution endpoint keeps the registry's own status.
        FailureClass::Unknown => match run.engine.resolve(reference, credentials).await {
            Err(better) if better.class != FailureClass::Unknown => better,
            _ => error,
        },
        _ => error,
    }
}

/// What is known of one layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Layer {
    state: Option<LayerState>,
    /// Compressed bytes so far.
    bytes: u64,
    /// Compressed bytes in all, once they are known.
    total: u64,
}

/// What the layers are doing, and since when nothing more arrived.
struct Watch {
    stall: Option<Duration>,
    layers: BTreeMap<String, Layer>,
    last: Instant,
    engine_retried: bool,
}

impl Watch {
    fn new(stall: Option<Duration>) -> Self {
        Self { stall, layers: BTreeMap::new(), last: Instant::now(), engine_retried: false }
    }

    /// Takes a message in, tells about it, and notes whether it was progress.
    fn see<E>(&mut self, run: &Run<'_, E>, image: &ImagePlan, progress: PullProgress) {
        let image_id = || image.id.clone();
        match progress {
            PullProgress::Layer { id, state, current, total } => {
                let seen = self.layers.entry(id.clone()).or_default();
                let before = *seen;
                seen.state = Some(state);
                seen.total = seen.total.max(total);
                match state {
                    LayerState::Downloading => seen.bytes = seen.bytes.max(current),
                    // The engine does not tell the last bytes of a layer.
                    LayerState::Downloaded | LayerState::Extracting | LayerState::Done => {
                        seen.bytes = seen.total;
                    }
                    LayerState::Waiting | LayerState::Present => {}
                }
                if *seen != before {
                    self.last = Instant::now();
                }
                run.progress.report(Event::Layer {
                    image: image_id(),
                    layer: id,
                    state,
                    current,
                    total,
                });
            }
            PullProgress::Retrying { id, seconds } => {
                self.engine_retried = true;
                // The engine waits on purpose: the time it announces does not count.
                self.last = self.last.max(Instant::now() + Duration::from_secs(seconds));
                run.progress.report(Event::LayerRetry { image: image_id(), layer: id, seconds });
            }
            PullProgress::Warning(message) => run.progress.warn(Some(&image.id), message),
            PullProgress::Status(_) => self.last = Instant::now(),
        }
    }

    fn is_downloading(&self) -> bool {
        self.stall.is_some()
            && self.layers.values().any(|layer| layer.state == Some(LayerState::Downloading))
    }

    /// When to look again.
    fn deadline(&self) -> Instant {
        match self.stall {
            Some(stall) if self.is_downloading() => self.last + stall,
            _ => self.last + PULSE,
        }
    }

    fn pulse(&mut self) {
        self.last = Instant::now();
    }

    fn stalled(&self, reference: &Reference) -> EngineError {
        let seconds = self.stall.unwrap_or_default().as_secs();
        EngineError::new(
            EngineErrorKind::Pull,
            FailureClass::Stalled,
            reference.canonical(),
            format!("no further byte of a layer for {seconds} s"),
        )
    }

    fn bytes(&self) -> u64 {
        self.layers.values().map(|layer| layer.bytes).sum()
    }
}
