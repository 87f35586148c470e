//! What the layers of a pull are doing, and since when nothing more arrived.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::engine::PullProgress;
use crate::engine::error::{EngineError, EngineErrorKind};
use crate::words::duration::Span;
use crate::words::event::{Event, LayerState, ProgressReporter};
use crate::words::failure::FailureClass;
use crate::words::reference::Reference;

/// While no layer downloads, the engine is asked this often whether it is alive.
const PULSE: Duration = Duration::from_secs(30);

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

/// The layers of one pull, and the clock over them.
pub(super) struct Watch {
    stall: Option<Duration>,
    layers: BTreeMap<String, Layer>,
    last: Instant,
    /// The engine tried a layer again: its own retries are spent on this source.
    pub(super) engine_retried: bool,
}

impl Watch {
    /// Starts the clock. `stall` is how long no byte may arrive while a layer
    /// downloads; `None` is no limit.
    pub(super) fn new(stall: Option<Duration>) -> Self {
        Self { stall, layers: BTreeMap::new(), last: Instant::now(), engine_retried: false }
    }

    /// Takes a message in, tells about it, and notes whether it was progress.
    pub(super) fn see(&mut self, voice: &ProgressReporter, image: &str, progress: PullProgress) {
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
                        layer.bytes = layer.total;
                    }
                    LayerState::Waiting | LayerState::Present => {}
                }
                if *layer != before {
                    self.last = Instant::now();
                }
                let image = image.to_owned();
                voice.report(Event::Layer { image, layer: id, state, current, total });
            }
            PullProgress::Retrying { id, seconds } => {
                self.engine_retried = true;
                // The engine waits on purpose: the time it announces does not count.
                self.last = self.last.max(Instant::now() + Duration::from_secs(seconds));
                voice.report(Event::LayerRetry { image: image.to_owned(), layer: id, seconds });
            }
            PullProgress::Warning(message) => voice.warn(Some(image), message),
            PullProgress::Status(_) => self.last = Instant::now(),
        }
    }

    /// Whether a layer downloads, so that silence means a stall and not patience.
    pub(super) fn is_downloading(&self) -> bool {
        self.stall.is_some()
            && self.layers.values().any(|layer| layer.state == Some(LayerState::Downloading))
    }

    /// When to look again.
    pub(super) fn deadline(&self) -> Instant {
        match self.stall {
            Some(stall) if self.is_downloading() => self.last + stall,
            _ => self.last + PULSE,
        }
    }

    /// The engine gave a sign of life.
    pub(super) fn pulse(&mut self) {
        self.last = Instant::now();
    }

    /// The failure when the deadline of a download is over.
    pub(super) fn stalled(&self, reference: &Reference) -> EngineError {
        let stall = Span(self.stall.unwrap_or_default());
        EngineError::new(
            EngineErrorKind::Pull,
            FailureClass::Stalled,
            reference.canonical(),
            format!("no further byte of a layer for {stall}"),
        )
    }

    /// Compressed bytes that arrived.
    pub(super) fn bytes(&self) -> u64 {
        self.layers.values().map(|layer| layer.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
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
        let voice = ProgressReporter::new(|_| ());
        for message in [downloading(90), downloading(1)] {
            watch.see(&voice, "tool", message);
        }
        assert_eq!(watch.bytes(), 90, "what is shown never runs backwards");
    }
}
