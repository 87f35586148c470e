//! Progress for logs: one line per change of state, and no control bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::board::{Board, Image, Phase};
use super::fit::clean;
use super::groups::{Groups, Out};
use super::say::{say, seconds};
use super::sink::Sink;
use super::steps::{Step, is_internal, step_end, step_name, step_words};
use crate::words::event::{Event, StepProgress, StepState};
use crate::words::reference::Reference;
use crate::words::text::{bytes, elapsed};

/// An image about which nothing was said for so long is heard of again, so that a
/// watcher of the log (and a CI system that kills silent jobs) sees life.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// The end of a step is news if it took so long.
const LONG: u64 = 1000;

/// The voice of `--progress plain`.
#[derive(Debug)]
pub(crate) struct Plain {
    sink: Sink,
    verbose: bool,
    board: Board,
    /// What was told of each image.
    told: BTreeMap<String, Told>,
    /// The layers, by image and layer, that the engine is trying again.
    retrying: BTreeSet<(String, String)>,
}

/// What was told of an image.
#[derive(Debug, Default)]
struct Told {
    /// When it was last heard of.
    last: Option<Instant>,
    /// The steps of its build that were announced.
    steps: BTreeSet<u32>,
    /// What these print.
    groups: Groups,
}

impl Plain {
    /// Writes to `sink`; `verbose` shows what builds print, too.
    pub(crate) fn new(verbose: bool, sink: Sink) -> Self {
        Self {
            sink,
            verbose,
            board: Board::default(),
            told: BTreeMap::new(),
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

    /// Tells what was held back, for there is no later.
    pub(crate) fn finish(&mut self) {
        self.finish_at(Instant::now());
    }

    fn event_at(&mut self, event: &Event, now: Instant) {
        if let Event::Started { image, .. } | Event::Finished { image, .. } = event {
            self.grouped(image, |groups| groups.release(now), now);
        }
        self.board.event(event, now);
        match event {
            Event::BuildStep { image, step } => return self.step(image, step, now),
            Event::BuildLog { image, number, line } => {
                if self.verbose {
                    self.printed(image, *number, line, now);
                }
                return;
            }
            Event::Started { image, .. } => {
                self.told.insert(image.clone(), Told::default());
            }
            _ => {}
        }
        if let Some(text) = self.words(event) {
            self.say(event.image(), &text, now);
        }
        if let Event::Finished { image, .. } = event {
            self.board.remove(image);
            self.told.remove(image);
        }
    }

    fn tick_at(&mut self, now: Instant) {
        let ids: Vec<String> = self.told.keys().cloned().collect();
        for id in ids {
            self.grouped(&id, |groups| groups.silence(now), now);
        }
        let silent = |image: &&Image| {
            let last = self.told.get(&image.id).and_then(|told| told.last);
            now.duration_since(last.unwrap_or(image.begun)) >= HEARTBEAT
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
            Event::Finished { image, outcome, detail, millis, .. } => {
                let received = self.board.get(image).map_or(0, Image::received);
                ended(outcome, detail, received, *millis)
            }
            _ => return None,
        })
    }

    /// Tells that a step began, or ended, if that is worth a line.
    fn step(&mut self, id: &str, step: &StepProgress, now: Instant) {
        let number = step.number;
        let quiet = is_internal(step) && !self.verbose;
        let Some(end) = step_end(step) else {
            let told = self.told.entry(id.to_owned()).or_default();
            // A step may begin more than once.
            if !quiet && told.steps.insert(number) || self.verbose {
                told.groups.named(number);
                // An instruction may hold a whole script; all of it is in the build's log.
                let words = if self.verbose { step_words(step) } else { step_name(step) };
                self.say(Some(id), &words, now);
            }
            return;
        };
        let long = step.millis.is_some_and(|millis| millis >= LONG);
        let news = match step.state {
            StepState::Failed => true,
            StepState::Cached => !quiet || long,
            StepState::Running | StepState::Done => self.verbose || long,
        };
        self.grouped(id, |groups| groups.last_words(number), now);
        if news {
            self.told.entry(id.to_owned()).or_default().groups.named(number);
            self.say(Some(id), &format!("{}: {end}", step_name(step)), now);
        }
        self.grouped(id, |groups| groups.ended(number, now), now);
    }

    /// Takes a line that a build printed.
    fn printed(&mut self, id: &str, number: u32, line: &str, now: Instant) {
        let line = clean(&format!("| {}", line.trim_end()));
        let step = self.board.get(id).and_then(|image| image.steps.get(number));
        let (known, runs) = (step.is_some(), step.is_some_and(Step::is_open));
        let take = |groups: &mut Groups| {
            if runs {
                groups.printed(number, line, now)
            } else {
                groups.stray(known.then_some(number), line)
            }
        };
        self.grouped(id, take, now);
    }

    /// Prints what the groups of an image let out.
    fn grouped(&mut self, id: &str, ask: impl FnOnce(&mut Groups) -> Vec<Out>, now: Instant) {
        let told = self.told.entry(id.to_owned()).or_default();
        let out = ask(&mut told.groups);
        if out.is_empty() {
            return;
        }
        told.last = Some(now);
        let image = self.board.get(id);
        for out in out {
            let line = match out {
                Out::Line(line) => line,
                Out::Name(number) => {
                    let step = image.and_then(|image| image.steps.get(number));
                    let name = step.map_or_else(String::new, |step| step_name(&step.told));
                    format!("{name}: continued")
                }
            };
            self.sink.line(&format!("{}: {line}", clean(id)));
        }
    }

    fn say(&mut self, image: Option<&str>, text: &str, now: Instant) {
        let text = clean(text);
        if let Some(id) = image {
            self.told.entry(id.to_owned()).or_default().last = Some(now);
            self.sink.line(&format!("{}: {text}", clean(id)));
        } else {
            self.sink.line(&text);
        }
    }

    fn finish_at(&mut self, now: Instant) {
        let ids: Vec<String> = self.told.keys().cloned().collect();
        for id in ids {
            self.grouped(&id, |groups| groups.release(now), now);
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
        Phase::Steps if image.steps.open().next().is_some() => {
            format!("still at {}{so_far} ({begun} so far)", image.steps.names(now))
        }
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

#[cfg(test)]
#[path = "plain_build_tests.rs"]
mod build_tests;
