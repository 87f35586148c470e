//! Progress for logs: one line per change of state, and no control bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::board::{Board, Image, Phase, step_words};
use super::fit::clean;
use super::say::{say, seconds};
use super::sink::Sink;
use crate::words::event::{Event, StepState};
use crate::words::reference::Reference;
use crate::words::text::{bytes, elapsed};

/// An image about which nothing was said for so long is heard of again, so that a
/// watcher of the log (and a CI system that kills silent jobs) sees life.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// The voice of `--progress plain`.
#[derive(Debug)]
pub(crate) struct Plain {
    sink: Sink,
    verbose: bool,
    board: Board,
    /// When each image was last heard of.
    said: BTreeMap<String, Instant>,
    /// The layers, by image and layer, that the engine is trying again.
    retrying: BTreeSet<(String, String)>,
}

impl Plain {
    /// Writes to `sink`; `verbose` shows what builds print, too.
    pub(crate) fn new(verbose: bool, sink: Sink) -> Self {
        Self {
            sink,
            verbose,
            board: Board::default(),
            said: BTreeMap::new(),
            retrying: BTreeSet::new(),
        }
    }

    /// Tells what happened, if it is a change of state.
    pub(crate) fn event(&mut self, event: &Event) {
        self.event_at(event, Instant::now());
    }

    /// Breaks long silences.
    pub(crate) fn tick(&mut self) {
        self.tick_at(Instant::now());
    }

    /// Prints a line as it is.
    pub(crate) fn println(&self, line: &str) {
        self.sink.line(line);
    }

    fn event_at(&mut self, event: &Event, now: Instant) {
        self.board.event(event, now);
        if let Some(text) = self.words(event) {
            self.say(event.image(), &text, now);
        }
        if let Event::Finished { image, .. } = event {
            self.board.remove(image);
            self.said.remove(image);
        }
    }

    fn tick_at(&mut self, now: Instant) {
        let silent = |image: &&Image| {
            let last = self.said.get(&image.id).unwrap_or(&image.begun);
            now.duration_since(*last) >= HEARTBEAT
        };
        let beats: Vec<_> = self
            .board
            .images()
            .iter()
            .filter(silent)
            .map(|image| (image.id.clone(), heartbeat(image, now)))
            .collect();
        for (id, text) in beats {
            self.say(Some(&id), &text, now);
        }
    }

    fn words(&mut self, event: &Event) -> Option<String> {
        if let Some((_, text)) = say(event) {
            return Some(text);
        }
        Some(match event {
            Event::Started { action: "build", reference, .. } => {
                format!("building {}", familiar(reference))
            }
            Event::Started { action: "tag", reference, .. } => {
                format!("tagging {}", familiar(reference))
            }
            Event::Trying { source, .. } if source == "build" => return None,
            Event::Trying { source, round: 1, .. } => format!("pulling {source}"),
            Event::Trying { source, round, .. } => format!("pulling {source}, round {round}"),
            Event::Resolved { source, digest: Some(digest), .. } => {
                format!("{source} is {}", digest.short())
            }
            Event::LayerRetry { image, layer, .. } => {
                if !self.retrying.insert((image.clone(), layer.clone())) {
                    return None;
                }
                format!("layer {layer} failed, the engine tries it again")
            }
            Event::Layer { image, layer, .. } => {
                self.retrying.remove(&(image.clone(), layer.clone()));
                return None;
            }
            Event::BuildStep { step, .. } if step.state == StepState::Running => step_words(step),
            Event::BuildLog { line, .. } if self.verbose => format!("| {}", line.trim_end()),
            Event::Finished { image, outcome, detail, millis } => {
                let received = self.board.get(image).map_or(0, Image::received);
                ended(outcome, detail, received, *millis)
            }
            _ => return None,
        })
    }

    fn say(&mut self, image: Option<&str>, text: &str, now: Instant) {
        let text = clean(text);
        if let Some(id) = image {
            self.said.insert(id.to_owned(), now);
            self.sink.line(&format!("{}: {text}", clean(id)));
        } else {
            self.sink.line(&text);
        }
    }
}

/// A local name as the plan has it: `docker.io/` in front of an image that is built
/// here reads as if it went there.
fn familiar(reference: &str) -> String {
    reference.parse::<Reference>().map_or_else(
        |_| reference.to_owned(),
        |name| format!("{}:{}", name.repository.familiar(), name.tag_or_default()),
    )
}

/// What is still going on.
fn heartbeat(image: &Image, now: Instant) -> String {
    let so_far = match (image.received(), image.total(), image.layers_done()) {
        (received, total, Some(layers)) if total > 0 => {
            format!(", {} of {}, {layers}", bytes(received), bytes(total))
        }
        (_, _, Some(layers)) => format!(", {layers}"),
        _ => String::new(),
    };
    let begun = elapsed(now.saturating_duration_since(image.begun));
    match image.phase {
        Phase::Waiting { .. } => format!("{} ({begun} so far)", image.doing(now)),
        Phase::Step { .. } => format!("still at {}{so_far} ({begun} so far)", image.doing(now)),
        _ => format!("still {}{so_far} ({begun} so far)", image.doing(now)),
    }
}

/// The end of an image in one line: `pulled from ghcr.io, 21.0 MB in 0.8s`.
fn ended(outcome: &str, detail: &str, received: u64, millis: u64) -> String {
    let time = seconds(millis);
    match (outcome, detail) {
        ("done", "") => format!("done in {time}"),
        ("done", _) if received > 0 => format!("{detail}, {} in {time}", bytes(received)),
        ("done", _) => format!("{detail} in {time}"),
        ("failed", _) => format!("failed after {time}: {detail}"),
        (_, "") => outcome.to_owned(),
        _ => format!("{outcome}: {detail}"),
    }
}

#[cfg(test)]
#[path = "plain_tests.rs"]
mod tests;
