//! What the layers of a pull are doing, and since when nothing more arrived: for
//! whoever follows a pull, to tell silence that is patience from silence that is not.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::engine::PullProgress;
use crate::engine::error::{EngineError, EngineErrorKind};
use crate::words::duration::Span;
use crate::words::event::{Event, LayerState, ProgressReporter};
use crate::words::failure::FailureClass;

/// While no layer downloads, the engine is asked this often whether it is alive.
pub(crate) const PULSE: Duration = Duration::from_secs(30);

/// A layer that was asked for may be silent for so many times `stall` before its first
/// byte: registries fetch from slow stores, and engines have told of slots too early.
const UNBEGUN: u32 = 5;

/// How Docker's last words on a pull begin.
const CLOSING: &[&str] = &["Digest: ", "Status: "];

/// What is known of one layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Layer {
    state: Option<LayerState>,
    /// The engine's last figure. A download that it resumed counts from zero again.
    current: u64,
    /// Compressed bytes so far: never fewer than before.
    bytes: u64,
    /// Compressed bytes in all, once they are known.
    total: u64,
}

/// The layers of one pull, and the clocks over them.
pub(crate) struct Watch {
    stall: Option<Duration>,
    layers: BTreeMap<String, Layer>,
    /// The last sign of life: of the pull, or of the engine where that was asked.
    last: Instant,
    /// The last message that was news.
    moved: Instant,
    /// The engine tried a layer again: its own retries are spent on this source.
    pub(crate) engine_retried: bool,
    /// The engine has said what came of it.
    closed: bool,
}

impl Watch {
    /// Starts the clocks. `stall` is how long no byte may arrive while a layer
    /// downloads; `None` is no limit.
    pub(crate) fn new(stall: Option<Duration>) -> Self {
        let now = Instant::now();
        Self {
            stall,
            layers: BTreeMap::new(),
            last: now,
            moved: now,
            engine_retried: false,
            closed: false,
        }
    }

    /// Takes a message in, tells about it, and notes whether it was progress.
    pub(crate) fn see(&mut self, voice: &ProgressReporter, image: &str, progress: PullProgress) {
        match progress {
            PullProgress::Layer { id, state, current, total } => {
                let layer = self.layers.entry(id.clone()).or_default();
                let before = *layer;
                layer.state = Some(state);
                layer.current = current;
                layer.total = layer.total.max(total);
                match state {
                    LayerState::Downloading => layer.bytes = layer.bytes.max(current),
                    // The engine does not tell the last bytes of a layer.
                    LayerState::Downloaded | LayerState::Extracting | LayerState::Done => {
                        layer.bytes = layer.bytes.max(layer.total);
                    }
                    LayerState::Requested | LayerState::Waiting | LayerState::Present => {}
                }
                let after = *layer;
                if after != before {
                    self.has_moved(Duration::ZERO);
                }
                // A download that was resumed counts from zero, and what is shown never runs back.
                let is_coming = state == LayerState::Downloading;
                let current = if is_coming { after.bytes } else { current };
                let (image, total) = (image.to_owned(), after.total);
                voice.report(Event::Layer { image, layer: id, state, current, total });
            }
            PullProgress::Retrying { id, seconds } => {
                self.engine_retried = true;
                // The engine waits on purpose: the time it announces does not count.
                self.has_moved(Duration::from_secs(seconds));
                voice.report(Event::LayerRetry { image: image.to_owned(), layer: id, seconds });
            }
            PullProgress::Warning(message) => voice.warn(Some(image), message),
            PullProgress::Status(status) => {
                self.closed |= CLOSING.iter().any(|word| status.starts_with(word));
                self.has_moved(Duration::ZERO);
            }
        }
    }

    /// Starts the clocks again, `after` some time that does not count.
    fn has_moved(&mut self, after: Duration) {
        let then = Instant::now() + after;
        (self.last, self.moved) = (then, then);
    }

    /// Whether it came to an end, as far as the engine has told: with its closing words,
    /// or with every layer there.
    pub(crate) fn is_finished(&self) -> bool {
        use LayerState::{Done, Downloaded, Present};
        let is_there = |layer: &Layer| matches!(layer.state, Some(Done | Downloaded | Present));
        self.closed || !self.layers.is_empty() && self.layers.values().all(is_there)
    }

    fn any(&self, wanted: LayerState) -> bool {
        self.layers.values().any(|layer| layer.state == Some(wanted))
    }

    /// How long the pull may be silent as it stands, and since when.
    fn limit(&self) -> Option<(Duration, Instant)> {
        let stall = self.stall?;
        if self.any(LayerState::Downloading) {
            return Some((stall, self.last));
        }
        // It has a download slot and no bytes: the registry has not begun to answer.
        let is_due = self.any(LayerState::Requested) && !self.any(LayerState::Extracting);
        is_due.then_some((stall * UNBEGUN, self.moved))
    }

    /// When to look again.
    pub(crate) fn deadline(&self) -> Instant {
        let pulse = self.last + self.stall.map_or(PULSE, |stall| stall.min(PULSE));
        match self.limit() {
            Some((limit, since)) if self.any(LayerState::Downloading) => since + limit,
            Some((limit, since)) => pulse.min(since + limit),
            None => pulse,
        }
    }

    /// What it means that the deadline came: the source has stalled, or, where that is
    /// `None`, layers wait or unpack, and whether the engine lives has to be asked.
    pub(crate) fn stalled(&self, subject: &str) -> Option<EngineError> {
        let (limit, since) = self.limit()?;
        (Instant::now() >= since + limit).then(|| {
            EngineError::new(
                EngineErrorKind::Pull,
                FailureClass::Stalled,
                subject,
                format!("no further byte of a layer for {}", Span(limit)),
            )
        })
    }

    /// The engine gave a sign of life.
    pub(crate) fn pulse(&mut self) {
        self.last = Instant::now();
    }

    /// Compressed bytes that arrived.
    pub(crate) fn bytes(&self) -> u64 {
        self.layers.values().map(|layer| layer.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    const STALL: Duration = Duration::from_secs(120);

    fn downloading(current: u64) -> PullProgress {
        let id = "0123456789ab".to_owned();
        PullProgress::Layer { id, state: LayerState::Downloading, current, total: 100 }
    }

    /// The seconds until the next look, after each message that comes a second apart.
    async fn seconds_left(messages: Vec<PullProgress>) -> Vec<u64> {
        let mut watch = Watch::new(Some(STALL));
        let voice = ProgressReporter::new(|_| ());
        let mut left = Vec::new();
        for message in messages {
            tokio::time::advance(Duration::from_secs(1)).await;
            watch.see(&voice, "tool", message);
            left.push((watch.deadline() - Instant::now()).as_secs());
        }
        left
    }

    #[tokio::test(start_paused = true)]
    async fn only_more_bytes_start_the_clock_again() {
        let same = vec![downloading(10), downloading(10), downloading(20), downloading(20)];
        assert_eq!(seconds_left(same).await, [120, 119, 120, 119]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_download_that_the_engine_resumed_counts_from_zero_and_moves() {
        let retry = PullProgress::Retrying { id: "0123456789ab".to_owned(), seconds: 5 };
        let resumed = vec![downloading(90), retry, downloading(1), downloading(2)];
        assert_eq!(seconds_left(resumed).await, [120, 125, 120, 120]);
        let mut watch = Watch::new(Some(STALL));
        let shown = Arc::<Mutex<Vec<(u64, u64)>>>::default();
        let told = Arc::clone(&shown);
        let voice = ProgressReporter::new(move |event| {
            if let Event::Layer { current, total, .. } = event {
                told.lock().unwrap().push((current, total));
            }
        });
        let rest = |current| PullProgress::Layer {
            id: "0123456789ab".to_owned(),
            state: LayerState::Downloading,
            current,
            total: 10,
        };
        for message in [downloading(90), rest(1), rest(10)] {
            watch.see(&voice, "tool", message);
        }
        assert_eq!(watch.bytes(), 90, "what is shown never runs backwards");
        assert_eq!(*shown.lock().unwrap(), [(90, 100); 3]);
    }

    fn layer(state: LayerState) -> PullProgress {
        PullProgress::Layer { id: "a".to_owned(), state, current: 0, total: 0 }
    }

    fn watching(states: &[LayerState]) -> Watch {
        let mut watch = Watch::new(Some(STALL));
        for state in states {
            watch.see(&ProgressReporter::silent(), "x", layer(*state));
        }
        watch
    }

    #[tokio::test(start_paused = true)]
    async fn a_layer_that_was_asked_for_has_to_begin_but_one_that_waits_has_not() {
        use LayerState::{Extracting, Requested, Waiting};
        let (mut asked, mut waits, mut unpacks) =
            (watching(&[Requested]), watching(&[Requested, Waiting]), watching(&[Extracting]));
        for _ in 0..20 {
            tokio::time::advance(PULSE).await;
            let all = [&mut asked, &mut waits, &mut unpacks];
            all.into_iter().for_each(Watch::pulse);
        }
        assert_eq!(
            asked.stalled("x").unwrap().to_string(),
            "cannot pull `x`: no further byte of a layer for 10m"
        );
        assert!(waits.stalled("x").is_none() && unpacks.stalled("x").is_none());
        let soon = watching(&[Requested]);
        assert!(soon.stalled("x").is_none());
        assert_eq!(soon.deadline(), Instant::now() + PULSE);
    }

    #[tokio::test]
    async fn an_end_is_known_by_its_words_or_by_its_layers() {
        use LayerState::{Done, Downloading, Present};
        assert!(watching(&[Done]).is_finished() && watching(&[Present]).is_finished());
        assert!(!watching(&[Downloading]).is_finished() && !watching(&[]).is_finished());
        let mut told = watching(&[Downloading]);
        let status = PullProgress::Status("Status: Image is up to date for x".to_owned());
        told.see(&ProgressReporter::silent(), "x", status);
        assert!(told.is_finished());
    }
}
