//! What is known of the images being worked on, gathered from events.
//!
//! Time comes in as an argument, so that whatever is made of a board is a pure
//! function of the events and their moments.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::fit::clean;
use super::say::place;
use super::steps::Steps;
use crate::words::event::{Event, LayerState, StepState};
use crate::words::text::{bytes, count, elapsed};

/// The images that were begun and have not ended, in the order of their beginning.
#[derive(Debug, Default)]
pub(crate) struct Board {
    images: Vec<Image>,
}

/// One image.
#[derive(Debug)]
pub(crate) struct Image {
    /// Its id in the manifest.
    pub(crate) id: String,
    /// Its local name; until that is known, its id.
    pub(crate) reference: String,
    /// What is being done.
    pub(crate) phase: Phase,
    /// When work on it began.
    pub(crate) begun: Instant,
    /// Its layers, in the order in which they were first heard of.
    pub(crate) layers: Vec<Layer>,
    /// The steps of its build.
    pub(crate) steps: Steps,
    /// The last line that its build printed while no step ran that could have.
    pub(crate) log: Option<String>,
    rate: Rate,
}

/// What is being done for an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    /// `pull`, `build` or `tag`, and nothing more is known.
    Begun(&'static str),
    /// A source was asked and has not answered.
    Asking(String),
    /// A source answered.
    Pulling(String),
    /// Bytes of the build context that went to the engine.
    Sending(u64),
    /// The steps of a build.
    Steps,
    /// Waiting for the next round.
    Waiting {
        /// The coming round.
        round: u32,
        /// Rounds allowed.
        of: u32,
        /// When it begins.
        until: Instant,
    },
}

/// One layer.
#[derive(Debug)]
pub(crate) struct Layer {
    /// The first twelve digits of its digest.
    pub(crate) id: String,
    /// Where it is.
    pub(crate) state: LayerState,
    /// Compressed bytes that arrived.
    pub(crate) received: u64,
    /// Compressed bytes that were unpacked.
    pub(crate) unpacked: u64,
    /// Compressed bytes in all; 0 while unknown.
    pub(crate) total: u64,
    /// Seconds until the engine tries it again, where it waits for that.
    pub(crate) retry: Option<u64>,
}

impl Board {
    /// The images, in the order of their beginning.
    pub(crate) fn images(&self) -> &[Image] {
        &self.images
    }

    /// The image with this id.
    pub(crate) fn get(&self, id: &str) -> Option<&Image> {
        self.images.iter().find(|image| image.id == id)
    }

    /// Takes an image off the board: it ended.
    pub(crate) fn remove(&mut self, id: &str) -> Option<Image> {
        let at = self.images.iter().position(|image| image.id == id)?;
        Some(self.images.remove(at))
    }

    /// Notes how many bytes there are now, for the rates.
    pub(crate) fn sample(&mut self, now: Instant) {
        for image in &mut self.images {
            let received = image.received();
            image.rate.sample(received, now);
        }
    }

    /// Notes what happened. `Finished` leaves the image on the board: whoever
    /// tells about its end takes it off.
    pub(crate) fn event(&mut self, event: &Event, now: Instant) {
        if matches!(event, Event::Note { .. } | Event::Warning { .. } | Event::Finished { .. }) {
            return;
        }
        let Some(image) = event.image().map(|id| self.entry(id, now)) else { return };
        match event {
            Event::Started { action, reference, .. } => {
                image.steps = Steps::default();
                image.phase = Phase::Begun(action);
                image.reference.clone_from(reference);
            }
            Event::Trying { source, .. } => image.phase = Phase::Asking(source.clone()),
            Event::Resolved { source, .. } => {
                image.forget_layers();
                image.phase = Phase::Pulling(source.clone());
            }
            Event::Layer { layer, state, current, total, .. } => {
                if let Phase::Asking(source) = &image.phase {
                    image.phase = Phase::Pulling(source.clone());
                }
                image.layer(layer).update(*state, *current, *total);
            }
            Event::LayerRetry { layer, seconds, .. } => image.layer(layer).retry = Some(*seconds),
            Event::Sending { bytes, .. } => {
                image.steps.sent(*bytes);
                if image.steps.is_empty() {
                    image.phase = Phase::Sending(*bytes);
                }
            }
            Event::BuildStep { step, .. } => {
                // A base may be on its way while other steps begin and end.
                let begins = step.state == StepState::Running;
                if begins && (image.steps.open().next().is_none() || !image.is_loading()) {
                    image.forget_layers();
                }
                image.log = None;
                image.steps.told(step, now);
                image.phase = Phase::Steps;
            }
            Event::BuildLog { number, line, .. } => {
                let line = clean(line.trim());
                if !line.is_empty() {
                    image.log = image.steps.printed(*number, line);
                }
            }
            Event::SourceFailed { source, .. } => {
                // A source that never served (it was overtaken) takes nothing along.
                if image.phase == Phase::Pulling(source.clone()) {
                    image.forget_layers();
                }
            }
            Event::Waiting { round, of, millis, .. } => {
                image.forget_layers();
                let until = now + Duration::from_millis(*millis);
                image.phase = Phase::Waiting { round: *round, of: *of, until };
            }
            Event::Overtaken { .. }
            | Event::Note { .. }
            | Event::Warning { .. }
            | Event::Finished { .. } => {}
        }
    }

    fn entry(&mut self, id: &str, now: Instant) -> &mut Image {
        let at = self.images.iter().position(|image| image.id == id).unwrap_or_else(|| {
            self.images.push(Image::new(id, now));
            self.images.len() - 1
        });
        &mut self.images[at]
    }
}

impl Image {
    fn new(id: &str, now: Instant) -> Self {
        Self {
            id: id.to_owned(),
            reference: id.to_owned(),
            phase: Phase::Begun("pull"),
            begun: now,
            layers: Vec::new(),
            steps: Steps::default(),
            log: None,
            rate: Rate::default(),
        }
    }

    /// What is being done, in words.
    pub(crate) fn doing(&self, now: Instant) -> String {
        let name = &self.reference;
        match &self.phase {
            Phase::Begun("build") => format!("building {name}"),
            Phase::Begun("tag") => format!("tagging {name}"),
            Phase::Begun(_) => format!("pulling {name}"),
            Phase::Asking(source) => format!("asking {} for {name}", place(source)),
            Phase::Pulling(source) if self.is_unpacking() => {
                format!("unpacking {name} from {}", place(source))
            }
            Phase::Pulling(source) => format!("pulling {name} from {}", place(source)),
            Phase::Sending(sent) => format!("sending the build context, {}", bytes(*sent)),
            Phase::Steps => self.steps.doing(name, now),
            Phase::Waiting { round, of, until } => {
                let wait = elapsed(until.saturating_duration_since(now));
                format!("waiting, round {round} of {of} in {wait}")
            }
        }
    }

    /// The same in about ten columns.
    pub(crate) fn doing_short(&self, now: Instant) -> String {
        match &self.phase {
            Phase::Begun("build") => "building".to_owned(),
            Phase::Begun("tag") => "tagging".to_owned(),
            Phase::Asking(_) => "asking".to_owned(),
            Phase::Pulling(_) if self.is_unpacking() => "unpacking".to_owned(),
            Phase::Begun(_) | Phase::Pulling(_) => "pulling".to_owned(),
            Phase::Sending(sent) => format!("sent {}", bytes(*sent)),
            Phase::Steps => self.steps.doing_short(now),
            Phase::Waiting { until, .. } => {
                format!("wait {}", elapsed(until.saturating_duration_since(now)))
            }
        }
    }

    /// Whether some of its layers are on their way.
    pub(crate) fn is_loading(&self) -> bool {
        self.layers.iter().any(|layer| !layer.is_done())
    }

    /// How far its layers are, in words; `None` while it has none on their way.
    pub(crate) fn layers_done(&self) -> Option<String> {
        let all = self.layers.len();
        let done = self.layers.iter().filter(|layer| layer.is_done()).count();
        (done < all).then(|| format!("{done} of {}", count(all, "layer", "layers")))
    }

    /// Compressed bytes that arrived.
    pub(crate) fn received(&self) -> u64 {
        self.layers.iter().map(|layer| layer.received).sum()
    }

    /// Compressed bytes in all, as far as they are known; 0 while none are.
    pub(crate) fn total(&self) -> u64 {
        self.layers.iter().map(|layer| layer.total.max(layer.received)).sum()
    }

    /// Bytes a second, as of late; 0 while that is unknown.
    pub(crate) fn per_second(&self) -> u64 {
        self.rate.per_second()
    }

    /// Whether every byte is there and the engine works on.
    fn is_unpacking(&self) -> bool {
        let mut open = self.layers.iter().filter(|layer| !layer.is_done()).peekable();
        open.peek().is_some()
            && open.all(|l| matches!(l.state, LayerState::Downloaded | LayerState::Extracting))
    }

    fn forget_layers(&mut self) {
        self.layers.clear();
        self.rate = Rate::default();
    }

    fn layer(&mut self, id: &str) -> &mut Layer {
        let at = self.layers.iter().position(|layer| layer.id == id).unwrap_or_else(|| {
            self.layers.push(Layer {
                id: id.to_owned(),
                state: LayerState::Waiting,
                received: 0,
                unpacked: 0,
                total: 0,
                retry: None,
            });
            self.layers.len() - 1
        });
        &mut self.layers[at]
    }
}

impl Layer {
    /// Whether it is in the engine.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.state, LayerState::Done | LayerState::Present)
    }

    fn update(&mut self, state: LayerState, current: u64, total: u64) {
        self.state = state;
        self.retry = None;
        self.total = self.total.max(total);
        match state {
            LayerState::Requested | LayerState::Waiting | LayerState::Present => {}
            LayerState::Downloading => self.received = current,
            LayerState::Downloaded | LayerState::Done => {
                self.received = self.received.max(self.total);
            }
            LayerState::Extracting => {
                self.received = self.received.max(self.total);
                self.unpacked = current;
            }
        }
    }
}

/// Bytes a second over the last few seconds.
#[derive(Debug, Default)]
struct Rate(VecDeque<(Instant, u64)>);

impl Rate {
    /// Long enough for a steady figure, short enough to notice that nothing comes.
    const WINDOW: Duration = Duration::from_secs(4);

    fn sample(&mut self, received: u64, now: Instant) {
        while self.0.front().is_some_and(|(at, _)| now.duration_since(*at) > Self::WINDOW) {
            self.0.pop_front();
        }
        self.0.push_back((now, received));
    }

    fn per_second(&self) -> u64 {
        let (Some((start, first)), Some((end, last))) = (self.0.front(), self.0.back()) else {
            return 0;
        };
        let millis = end.duration_since(*start).as_millis();
        // The first half second says more about the start than about the line.
        if millis < 500 {
            return 0;
        }
        let gained = u128::from(last.saturating_sub(*first));
        u64::try_from(gained * 1000 / millis).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
#[path = "board_tests.rs"]
mod tests;
