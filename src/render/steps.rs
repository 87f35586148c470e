//! The steps of one build, of which some builders run several at once.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::fit::clean;
use super::say::seconds;
use crate::words::event::{StepProgress, StepState};
use crate::words::text::{bytes, count, cut, list};

/// The last lines of a step that are kept, and shown at most.
pub(crate) const LOG_LINES: usize = 3;

/// What a builder does on its own account is not worth a look before it takes so long.
const WORTH_A_LOOK: Duration = Duration::from_millis(500);

/// How the builder marks such a step.
const INTERNAL: &str = "[internal] ";

/// The step that fetches what the build may copy from.
const CONTEXT: &str = "load build context";

/// The longest name that a step has in a line, in bytes. An instruction may have a whole script
/// in it; the name of an image with its digest stays whole.
const MAX_NAME: usize = 160;

/// So many steps are named in one line.
const MAX_NAMES: usize = 3;

/// The steps of a build, in the order in which they were first told.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    all: Vec<Step>,
    /// Bytes of the context that the builder took.
    sent: u64,
}

/// One step.
#[derive(Debug)]
pub(crate) struct Step {
    /// What was last told of it.
    pub(crate) told: StepProgress,
    /// When it began, the last time that it did.
    pub(crate) begun: Instant,
    /// The last lines that it printed, while it runs.
    pub(crate) log: VecDeque<String>,
}

impl Steps {
    /// Notes that a step began, or ended.
    pub(crate) fn told(&mut self, told: &StepProgress, now: Instant) {
        let at = self.all.iter().position(|step| step.told.number == told.number);
        let step = Step { told: told.clone(), begun: now, log: VecDeque::new() };
        match at {
            Some(at) => self.all[at] = step,
            None => self.all.push(step),
        }
    }

    /// Notes a clean line that a step printed. Gives it back if that step does not run.
    pub(crate) fn printed(&mut self, number: u32, line: String) -> Option<String> {
        let step = self.all.iter_mut().find(|step| step.told.number == number && step.is_open());
        let Some(step) = step else { return Some(line) };
        if step.log.len() == LOG_LINES {
            step.log.pop_front();
        }
        step.log.push_back(line);
        None
    }

    /// Notes how much of the context the builder took.
    pub(crate) fn sent(&mut self, bytes: u64) {
        self.sent = bytes;
    }

    /// Whether no step was told yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The step with this number.
    pub(crate) fn get(&self, number: u32) -> Option<&Step> {
        self.all.iter().find(|step| step.told.number == number)
    }

    /// The steps that run.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Step> {
        self.all.iter().filter(|step| step.is_open())
    }

    /// The steps that run and are worth a look. What is over at once would only flash up.
    pub(crate) fn shown(&self, now: Instant) -> Vec<&Step> {
        let worth = |step: &&Step| !is_internal(&step.told) || step.time(now) >= WORTH_A_LOOK;
        let shown: Vec<&Step> = self.open().filter(worth).collect();
        if shown.is_empty() { self.open().collect() } else { shown }
    }

    /// A step in words, with what is known of its progress.
    pub(crate) fn words(&self, step: &Step) -> String {
        step_words(&step.told) + &self.progress(step)
    }

    /// The steps that run, in so many words as a line of a log has room for.
    pub(crate) fn names(&self, now: Instant) -> String {
        let shown = self.shown(now);
        let name = |step: &&Step| step_name(&step.told) + &self.progress(step);
        let mut names: Vec<String> = shown.iter().take(MAX_NAMES).map(name).collect();
        if shown.len() > names.len() {
            names.push(count(shown.len() - names.len(), "more step", "more steps"));
        }
        list(&names, "and")
    }

    /// `, 12.3 MB` for what the builder took of the context.
    fn progress(&self, step: &Step) -> String {
        if step.is_context() && self.sent > 0 {
            format!(", {}", bytes(self.sent))
        } else {
            String::new()
        }
    }

    /// What the build of `name` does, in words.
    pub(crate) fn doing(&self, name: &str, now: Instant) -> String {
        match (&self.shown(now)[..], self.over()) {
            ([], 0) => format!("building {name}"),
            ([], over) => format!("building {name}, {} done", count(over, "step", "steps")),
            ([step], _) => self.words(step),
            (steps, 0) => format!("{} steps run", steps.len()),
            (steps, over) => format!("{} steps run, {over} done", steps.len()),
        }
    }

    /// The same in about ten columns.
    pub(crate) fn doing_short(&self, now: Instant) -> String {
        match &self.shown(now)[..] {
            [] => "building".to_owned(),
            [step] if step.is_context() && self.sent > 0 => format!("sent {}", bytes(self.sent)),
            [step] => match step.told.of {
                Some(of) => format!("step {}/{of}", step.told.number),
                None => without_place(&step.told.text).to_owned(),
            },
            steps => format!("{} steps", steps.len()),
        }
    }

    /// How many steps have their result.
    fn over(&self) -> usize {
        let has_result =
            |step: &&Step| matches!(step.told.state, StepState::Cached | StepState::Done);
        self.all.iter().filter(has_result).count()
    }
}

impl Step {
    /// How long it has been running.
    pub(crate) fn time(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.begun)
    }

    /// Whether it runs.
    pub(crate) fn is_open(&self) -> bool {
        self.told.state == StepState::Running
    }

    fn is_context(&self) -> bool {
        is_internal(&self.told) && self.told.text.ends_with(CONTEXT)
    }
}

/// Whether a step is the builder's own: no instruction asks for it.
pub(crate) fn is_internal(step: &StepProgress) -> bool {
    step.text.starts_with(INTERNAL)
}

/// What a step does, without where it belongs: `RUN make` of `[2/3] RUN make`.
fn without_place(text: &str) -> &str {
    let rest = text.strip_prefix('[').and_then(|text| text.split_once("] "));
    rest.map_or(text, |(_, rest)| rest)
}

/// A step in words.
pub(crate) fn step_words(step: &StepProgress) -> String {
    match step.of {
        Some(of) => format!("step {}/{of} {}", step.number, step.text),
        None => step.text.clone(),
    }
}

/// A step in words that leave room for what follows them.
pub(crate) fn step_name(step: &StepProgress) -> String {
    let words = clean(&step_words(step));
    let short = cut(&words, MAX_NAME);
    if short.len() < words.len() { format!("{}…", short.trim_end()) } else { words }
}

/// How a step ended: `done in 3.2s`; `None` while it runs.
pub(crate) fn step_end(step: &StepProgress) -> Option<String> {
    let (word, preposition) = match step.state {
        StepState::Running => return None,
        StepState::Cached => return Some("cached".to_owned()),
        StepState::Done => ("done", "in"),
        StepState::Failed => ("failed", "after"),
    };
    Some(match step.millis {
        Some(millis) => format!("{word} {preposition} {}", seconds(millis)),
        None => word.to_owned(),
    })
}
