//! Events: what happens while a plan is carried out, as plain data.
//!
//! Whoever does the work tells, whoever shows it decides how. An event carries
//! foreign text as it came; the renderers sanitise.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::words::code::Code;
use crate::words::digest::Digest;
use crate::words::failure::FailureClass;

/// One thing that happened. Serialised with its name in the field `event`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// Work on an image begins.
    Started {
        /// The image's id in the manifest.
        image: String,
        /// `pull`, `build` or `tag`.
        action: &'static str,
        /// What is obtained: the local name.
        reference: String,
    },
    /// A source is asked for the image.
    Trying {
        /// The image's id in the manifest.
        image: String,
        /// The source's reference.
        source: String,
        /// The round over the sources, from 1.
        round: u32,
    },
    /// A source answered: these bytes will be pulled.
    Resolved {
        /// The image's id in the manifest.
        image: String,
        /// The source's reference.
        source: String,
        /// The digest that it serves, where it is known before the pull.
        digest: Option<Digest>,
    },
    /// A layer changed its state, or more of it arrived.
    Layer {
        /// The image's id in the manifest.
        image: String,
        /// The first twelve digits of the layer's digest.
        layer: String,
        /// Where it is.
        state: LayerState,
        /// Bytes so far, compressed.
        current: u64,
        /// Bytes in all, compressed; 0 while unknown.
        total: u64,
    },
    /// The engine tries a layer again by itself.
    LayerRetry {
        /// The image's id in the manifest.
        image: String,
        /// The first twelve digits of the layer's digest.
        layer: String,
        /// Seconds until it does.
        seconds: u64,
    },
    /// Bytes of the build context that went to the engine so far.
    Sending {
        /// The image's id in the manifest.
        image: String,
        /// Bytes handed to the engine.
        bytes: u64,
    },
    /// A step of a build began, or ended. Some builders run several at once.
    BuildStep {
        /// The image's id in the manifest.
        image: String,
        /// Where it is.
        #[serde(flatten)]
        step: StepProgress,
    },
    /// A line that a build's step printed.
    BuildLog {
        /// The image's id in the manifest.
        image: String,
        /// The step's number; 0 where no step printed it.
        number: u32,
        /// One line, without its line end.
        line: String,
    },
    /// A source failed. What happens next is in `next`.
    SourceFailed {
        /// The image's id in the manifest.
        image: String,
        /// The source's reference.
        source: String,
        /// The failure's class.
        class: FailureClass,
        /// What `occ explain` knows it by.
        code: Code,
        /// What the engine said.
        message: String,
        /// The source that is tried next at once, if any.
        next: Option<String>,
    },
    /// A source said nothing for `patience`; the next one is started beside it.
    Overtaken {
        /// The image's id in the manifest.
        image: String,
        /// The silent source.
        silent: String,
        /// The one started beside it.
        by: String,
    },
    /// All sources failed; the next round starts after a wait.
    Waiting {
        /// The image's id in the manifest.
        image: String,
        /// The coming round, from 2.
        round: u32,
        /// Rounds allowed.
        of: u32,
        /// The wait.
        millis: u64,
    },
    /// Something worth knowing that needs no action.
    Note {
        /// The image's id in the manifest, where it is about one.
        image: Option<String>,
        /// A fragment.
        message: String,
    },
    /// Something that may need action.
    Warning {
        /// The image's id in the manifest, where it is about one.
        image: Option<String>,
        /// A fragment.
        message: String,
    },
    /// Work on an image ended.
    Finished {
        /// The image's id in the manifest.
        image: String,
        /// `done`, `failed`, `skipped` or `cancelled`.
        outcome: &'static str,
        /// The summary line: source and digest, or the failure.
        detail: String,
        /// How long it took.
        millis: u64,
        /// What `occ explain` knows the failure by, where it failed.
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<Code>,
    },
}

/// A step of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StepProgress {
    /// Its number, from 1, in the order in which they are told.
    pub number: u32,
    /// How many there are, where the builder says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<u32>,
    /// The instruction, or what the builder calls it: `[2/3] RUN make`.
    pub text: String,
    /// Where it is.
    pub state: StepState,
    /// How long it took, once it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub millis: Option<u64>,
}

impl StepProgress {
    /// A step that begins.
    pub(crate) fn running(number: u32, of: Option<u32>, text: impl Into<String>) -> Self {
        Self { number, of, text: text.into(), state: StepState::Running, millis: None }
    }

    /// The same, ended.
    pub(crate) fn ended(self, state: StepState, time: Duration) -> Self {
        let millis = Some(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        Self { state, millis, ..self }
    }
}

/// Where a step of a build is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// It runs.
    Running,
    /// It was not run: its result was there.
    Cached,
    /// It ran to its end.
    Done,
    /// It failed, or was cut short.
    Failed,
}

/// Where a layer is on its way into the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LayerState {
    /// Known, and asked for as soon as there is a download slot. An engine says so before
    /// it knows whether there is one.
    Requested,
    /// Waiting for a download slot, of which the engine has few for all of its pulls.
    Waiting,
    /// Bytes are arriving.
    Downloading,
    /// All bytes are there and are being checked, or wait to be unpacked.
    Downloaded,
    /// Being unpacked.
    Extracting,
    /// In the engine.
    Done,
    /// It was in the engine before.
    Present,
}

impl Event {
    /// The id of the image that the event is about, where it is about one.
    pub fn image(&self) -> Option<&str> {
        match self {
            Self::Started { image, .. }
            | Self::Trying { image, .. }
            | Self::Resolved { image, .. }
            | Self::Layer { image, .. }
            | Self::LayerRetry { image, .. }
            | Self::Sending { image, .. }
            | Self::BuildStep { image, .. }
            | Self::BuildLog { image, .. }
            | Self::SourceFailed { image, .. }
            | Self::Overtaken { image, .. }
            | Self::Waiting { image, .. }
            | Self::Finished { image, .. } => Some(image),
            Self::Note { image, .. } | Self::Warning { image, .. } => image.as_deref(),
        }
    }
}

/// Where events go. Cheap to clone; called from the task that does the work, so
/// that nothing is queued and nothing can be lost.
#[derive(Clone)]
pub struct ProgressReporter(Arc<dyn Fn(Event) + Send + Sync>);

impl ProgressReporter {
    /// Hands every event to `sink`, which must be quick: the work waits for it.
    pub fn new(sink: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    /// Drops every event.
    pub fn silent() -> Self {
        Self::new(|_| {})
    }

    /// Tells what happened.
    pub fn report(&self, event: Event) {
        (self.0)(event);
    }

    /// Tells something worth knowing.
    pub fn note(&self, image: Option<&str>, message: impl Into<String>) {
        self.report(Event::Note { image: image.map(str::to_owned), message: message.into() });
    }

    /// Tells something that may need action.
    pub fn warn(&self, image: Option<&str>, message: impl Into<String>) {
        self.report(Event::Warning { image: image.map(str::to_owned), message: message.into() });
    }
}

impl fmt::Debug for ProgressReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProgressReporter")
    }
}
