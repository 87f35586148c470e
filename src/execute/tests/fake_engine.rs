//! An engine in memory, with a script of what each source does and a log of what
//! it was asked. Time is tokio's, so that tests can pause it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::time::sleep;

use crate::engine::error::{EngineError, EngineErrorKind};
use crate::engine::{
    BuildProgress, BuildRequest, Builder, Credentials, Engine, PullProgress, PullRequest,
    Resolution,
};
use crate::words::digest::Digest;
use crate::words::event::{LayerState, StepProgress};
use crate::words::failure::FailureClass;
use crate::words::image::{EngineId, ImageFacts, IndexRoom, Shape, Unnamed};
use crate::words::platform::Platform;
use crate::words::reference::Reference;

/// What a registry does when it is asked.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    /// Serves the image with this digit all over its digest.
    Serves(char),
    /// Answers with a failure.
    Fails(FailureClass),
    /// Says nothing, for so many seconds; then serves.
    Silent(u64, char),
    /// Serves the manifest; the download fails.
    BreaksOff(char, FailureClass),
    /// Serves the manifest; the download stops moving.
    Stalls(char),
    /// Serves; unpacking takes 100 s, in which nothing is told.
    Unpacks(char),
    /// Serves the manifest; the stream ends, and nothing came.
    Nothing(char),
    /// Serves the manifest; the download ends with other bytes.
    Lies(char),
    /// Serves it for another platform.
    Foreign(char),
    /// The engine retries a layer by itself, and gives up with a server error.
    Retries(char),
}

#[derive(Default)]
pub(super) struct FakeEngine {
    /// By registry host; the last reply stays for ever.
    pub(super) script: RefCell<BTreeMap<String, VecDeque<Reply>>>,
    /// `name` or `repository@digest` to an image.
    pub(super) images: RefCell<BTreeMap<String, ImageFacts>>,
    /// Every call that changes something or leaves the machine, in order.
    pub(super) calls: RefCell<Vec<String>>,
    /// The engine is on another machine.
    pub(super) is_remote: bool,
    /// The engine has no distribution endpoint.
    pub(super) no_distribution: bool,
    /// Setting a name does nothing, quietly.
    pub(super) tags_are_lost: bool,
    /// This name can't be set.
    pub(super) refused_name: RefCell<String>,
    /// A build takes the engine down with it.
    pub(super) dies_building: Cell<bool>,
    /// It answers nothing any more.
    pub(super) is_dead: Cell<bool>,
    /// What the next builds end with; `None` is success.
    pub(super) build_error: Option<FailureClass>,
    /// Pulls under way, and the most there ever were.
    pub(super) pulls: Arc<[AtomicUsize; 2]>,
}

pub(super) fn digest(digit: char) -> Digest {
    format!("sha256:{}", digit.to_string().repeat(64)).parse().unwrap()
}

pub(super) fn facts(digit: char, platform: &str) -> ImageFacts {
    ImageFacts {
        id: EngineId::new(format!("sha256:{}", format!("{digit}f").repeat(32))),
        repo_digests: Vec::new(),
        platform: platform.parse().unwrap(),
        labels: BTreeMap::new(),
        size: 1,
        document: None,
    }
}

/// One pull under way, until it is dropped.
struct Slot(Arc<[AtomicUsize; 2]>);

impl Slot {
    fn take(pulls: &Arc<[AtomicUsize; 2]>) -> Self {
        let now = pulls[0].fetch_add(1, Ordering::Relaxed) + 1;
        pulls[1].fetch_max(now, Ordering::Relaxed);
        Self(Arc::clone(pulls))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0[0].fetch_sub(1, Ordering::Relaxed);
    }
}

fn error(class: FailureClass, subject: &str) -> EngineError {
    EngineError::new(EngineErrorKind::Pull, class, subject, class.words()).with_hint("do better")
}

fn layer(state: LayerState, current: u64) -> PullProgress {
    PullProgress::Layer { id: "0123456789ab".to_owned(), state, current, total: 100 }
}

impl FakeEngine {
    pub(super) fn script(self, host: &str, replies: &[Reply]) -> Self {
        self.script.borrow_mut().insert(host.to_owned(), replies.iter().cloned().collect());
        self
    }

    fn log(&self, call: String) {
        self.calls.borrow_mut().push(call);
    }

    /// The reply to one more request at a registry. `used` takes it off the script.
    fn reply(&self, reference: &Reference, used: bool) -> Reply {
        let mut script = self.script.borrow_mut();
        let replies =
            script.get_mut(&reference.repository.registry).expect("an unlisted registry was asked");
        if used && replies.len() > 1 { replies.pop_front().unwrap() } else { replies[0].clone() }
    }

    fn store(&self, reference: &Reference, digit: char, content: char, platform: &str) {
        let mut image = facts(digit, platform);
        image.repo_digests.push((reference.repository.clone(), digest(content)));
        let by_digest = reference.repository.with_digest(&digest(digit)).canonical();
        self.images.borrow_mut().insert(by_digest, image.clone());
        if reference.tag.is_some() {
            self.images.borrow_mut().insert(reference.canonical(), image);
        }
    }
}

impl Engine for FakeEngine {
    async fn inspect(&self, reference: &str) -> Result<Option<ImageFacts>, EngineError> {
        if self.is_dead.get() {
            return Err(error(FailureClass::Engine, reference));
        }
        let images = self.images.borrow();
        Ok(images
            .get(reference)
            .or_else(|| images.values().find(|i| i.id.as_str() == reference))
            .cloned())
    }

    async fn history(&self, id: &EngineId) -> Result<Vec<String>, EngineError> {
        let image = self.inspect(id.as_str()).await?.unwrap();
        Ok(image.labels.iter().rev().map(|(key, value)| format!("LABEL {key}={value}")).collect())
    }

    async fn unnamed(&self, _: &str) -> Result<Vec<Unnamed>, EngineError> {
        Ok(Vec::new())
    }

    async fn digests(&self) -> Result<BTreeMap<Digest, EngineId>, EngineError> {
        let images = self.images.borrow();
        let held = images.values().flat_map(|image| {
            image.repo_digests.iter().map(|(_, digest)| (digest.clone(), image.id.clone()))
        });
        Ok(held.collect())
    }

    async fn index_room(&self) -> Result<IndexRoom, EngineError> {
        Ok(IndexRoom::OneInRepository)
    }

    async fn platform(&self) -> Result<Platform, EngineError> {
        Ok("linux/amd64".parse().unwrap())
    }

    async fn builder(&self) -> Result<Builder, EngineError> {
        Ok(Builder::Classic("it is old".to_owned()))
    }

    async fn resolve(
        &self,
        reference: &Reference,
        _: Option<&Credentials>,
    ) -> Result<Resolution, EngineError> {
        if self.no_distribution {
            return Ok(Resolution::Unavailable);
        }
        self.log(format!("resolve {}", reference.canonical()));
        let failing = matches!(self.reply(reference, false), Reply::Fails(_) | Reply::Silent(..));
        match self.reply(reference, failing) {
            Reply::Fails(class) => Err(error(class, &reference.canonical())),
            Reply::Silent(seconds, digit) => {
                sleep(Duration::from_secs(seconds)).await;
                Ok(Resolution::Digest(digest(digit), Shape::default()))
            }
            Reply::Serves(d)
            | Reply::BreaksOff(d, _)
            | Reply::Stalls(d)
            | Reply::Unpacks(d)
            | Reply::Nothing(d)
            | Reply::Lies(d)
            | Reply::Foreign(d)
            | Reply::Retries(d) => Ok(Resolution::Digest(digest(d), Shape::default())),
        }
    }

    fn pull(&self, request: PullRequest) -> BoxStream<'_, Result<PullProgress, EngineError>> {
        let reference = request.reference;
        self.log(format!("pull {}", reference.canonical()));
        let fails = |class| error(class, &reference.canonical());
        let slot = Slot::take(&self.pulls);
        let messages: Vec<Result<PullProgress, EngineError>> = match self.reply(&reference, true) {
            Reply::Fails(class) => vec![Err(fails(class))],
            Reply::BreaksOff(_, class) => {
                vec![Ok(layer(LayerState::Downloading, 10)), Err(fails(class))]
            }
            Reply::Stalls(_) => {
                let started = stream::iter(vec![Ok(layer(LayerState::Downloading, 10))]);
                return started.chain(stream::pending()).boxed();
            }
            Reply::Unpacks(digit) => {
                self.store(&reference, digit, digit, "linux/amd64");
                let begun = stream::iter(vec![Ok(layer(LayerState::Extracting, 10))]);
                let done = stream::once(async {
                    sleep(Duration::from_secs(100)).await;
                    Ok(layer(LayerState::Done, 0))
                });
                return begun.chain(done).boxed();
            }
            Reply::Nothing(_) => vec![],
            Reply::Lies(digit) => {
                self.store(&reference, digit, 'e', "linux/amd64");
                vec![Ok(layer(LayerState::Done, 0))]
            }
            Reply::Foreign(digit) => {
                self.store(&reference, digit, digit, "linux/arm64");
                vec![Ok(layer(LayerState::Done, 0))]
            }
            Reply::Retries(_) => vec![
                Ok(PullProgress::Retrying { id: "0123456789ab".to_owned(), seconds: 5 }),
                Err(fails(FailureClass::Server)),
            ],
            Reply::Serves(digit) | Reply::Silent(_, digit) => {
                self.store(&reference, digit, digit, "linux/amd64");
                vec![
                    Ok(layer(LayerState::Downloading, 10)),
                    // Engines leave lines out: the end of a quick download is not told.
                    Ok(layer(LayerState::Extracting, 10)),
                    Ok(layer(LayerState::Done, 0)),
                ]
            }
        };
        // A moment a message, so that pulls overlap where they may.
        stream::iter(messages)
            .then(move |message| {
                let _taken = &slot;
                async {
                    sleep(Duration::from_millis(10)).await;
                    message
                }
            })
            .boxed()
    }

    async fn tag(&self, source: &EngineId, target: &Reference) -> Result<(), EngineError> {
        self.log(format!("tag {} {}", &source.as_str()[..9], target.canonical()));
        if *self.refused_name.borrow() == target.canonical() {
            return Err(error(FailureClass::Unknown, &target.canonical()));
        }
        let image =
            self.inspect(source.as_str()).await?.expect("an image that is not there was tagged");
        if !self.tags_are_lost {
            self.images.borrow_mut().insert(target.canonical(), image);
        }
        Ok(())
    }

    fn build(&self, request: BuildRequest) -> BoxStream<'_, Result<BuildProgress, EngineError>> {
        let logins: Vec<&str> = request.credentials.keys().map(String::as_str).collect();
        let with = if logins.is_empty() { "" } else { " with a login for " };
        let newer = if request.pull { " with newer bases" } else { "" };
        self.log(format!("build {}{newer}{with}{}", request.dockerfile, logins.join(", ")));
        self.is_dead.set(self.dies_building.get());
        let mut image = facts('b', "linux/amd64");
        image.labels = request.labels;
        let id = image.id.clone();
        let step = BuildProgress::Step(StepProgress::running(1, Some(1), "RUN false"));
        let last = if let Some(class) = self.build_error {
            Err(error(class, "the build"))
        } else {
            self.images.borrow_mut().insert("built".to_owned(), image);
            Ok(BuildProgress::Built(id))
        };
        // A stage before the last has an image, too, which is not the result.
        let stage = BuildProgress::Built(facts('a', "linux/amd64").id);
        let line = BuildProgress::Log { number: 1, line: "a line".to_owned() };
        stream::iter(vec![Ok(step), Ok(stage), Ok(line), last]).boxed()
    }

    fn is_local(&self) -> bool {
        !self.is_remote
    }
}
