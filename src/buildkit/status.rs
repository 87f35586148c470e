//! What a builder tells of its steps, which it calls vertices, made into progress.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bollard_buildkit_proto::google::protobuf::Timestamp;
use bollard_buildkit_proto::moby::buildkit::v1::{
    StatusResponse, Vertex, VertexLog, VertexStatus, VertexWarning,
};

use crate::buildkit::lines::Lines;
use crate::engine::{BuildProgress, FailedStep, PullProgress, Remark};
use crate::words::event::{LayerState, StepProgress, StepState};

/// A step is told to be done when nothing was heard of it for so long: a builder closes one
/// when it knows what it will do, and opens it again to do it.
const SETTLED: Duration = Duration::from_millis(200);

/// A step is told to run when it has done so for this long: what is found in the cache is
/// begun, too, and over at once.
const BEGUN: Duration = Duration::from_millis(100);

/// The step that asks for the files of the context.
const CONTEXT: &str = "[internal] load build context";

/// The start of the names of steps that look for a cache.
const CACHE: &str = "importing cache manifest from ";

/// The starts of the names of steps that look for an image: for a base, and for what a
/// `# syntax=` names.
const IMAGES: [&str; 2] = ["[internal] load metadata for ", "resolve image config for "];

/// What stands in front of a layer's digest while it is unpacked.
const UNPACKING: &str = "extracting ";

/// All steps of a build.
#[derive(Debug, Default)]
pub(super) struct Steps {
    /// By their digests.
    all: HashMap<String, Step>,
    /// How many were told of.
    told: u32,
    /// When something was last heard, by the builder's clock.
    now: Duration,
    /// What was printed and is no whole line, by step and stream.
    open: BTreeMap<(String, i64), Lines>,
    /// What failed first, and why.
    failed: Option<(String, String)>,
}

#[derive(Debug, Default)]
struct Step {
    name: String,
    /// Which of them it is, in the order in which they were heard of.
    heard: usize,
    /// Its number; 0 while it was not told of.
    number: u32,
    /// What was told of it last.
    state: Option<StepState>,
    /// When it began to run, while it does.
    began: Option<Duration>,
    /// When it ended, …
    ended: Option<Duration>,
    /// … and how, until that is told.
    ending: Option<StepState>,
    /// How long it ran before it was opened again.
    before: Duration,
    /// The digests of what it needs.
    inputs: Vec<String>,
    /// Whether nothing opens it again.
    is_final: bool,
}

impl Steps {
    /// Takes a report; what it means goes to `out`.
    pub(super) fn take(&mut self, report: StatusResponse, out: &mut Vec<BuildProgress>) {
        for vertex in report.vertexes {
            self.vertex(vertex, out);
        }
        for status in report.statuses {
            self.status(&status, out);
        }
        for log in report.logs {
            self.log(&log, out);
        }
        out.extend(report.warnings.iter().map(|warning| BuildProgress::Remark(remark(warning))));
        self.settle(SETTLED, BEGUN, out);
    }

    /// Whether there is something to tell that waits for its time.
    pub(super) fn are_waiting(&self) -> bool {
        let waits =
            |step: &Step| step.ending.is_some() || step.began.is_some() && step.state.is_none();
        self.all.values().any(waits)
    }

    /// Tells what waited: nothing came for a while.
    pub(super) fn catch_up(&mut self, out: &mut Vec<BuildProgress>) {
        self.settle(Duration::ZERO, Duration::ZERO, out);
    }

    /// Tells the rest: nothing more will come.
    pub(super) fn end(&mut self, out: &mut Vec<BuildProgress>) {
        self.catch_up(out);
        for ((digest, _), mut lines) in std::mem::take(&mut self.open) {
            let number = self.all.get(&digest).map_or(0, |step| step.number);
            out.extend(lines.end().map(|line| BuildProgress::Log { number, line }));
        }
    }

    /// What failed: the step of this digest, or the first that said so.
    pub(super) fn failed(
        &self,
        digest: Option<&str>,
        line: Option<usize>,
        exit_code: Option<i64>,
    ) -> FailedStep {
        let step = digest.and_then(|digest| self.all.get(digest)).filter(|step| step.number > 0);
        let step = step.or_else(|| self.all.get(&self.failed.as_ref()?.0));
        let number = step.map_or(0, |step| step.number);
        FailedStep { number, line, exit_code }
    }

    /// What the step that failed first said, in the builder's words.
    pub(super) fn why(&self) -> Option<&str> {
        self.failed.as_ref().map(|(_, why)| &**why)
    }

    /// The image that could not be had, if that is what failed.
    pub(super) fn failed_base(&self) -> Option<&str> {
        let name = &self.all.get(&self.failed.as_ref()?.0)?.name;
        let image = IMAGES.iter().find_map(|start| name.strip_prefix(start))?;
        Some(image.strip_prefix("docker-image://").unwrap_or(image))
    }

    fn vertex(&mut self, vertex: Vertex, out: &mut Vec<BuildProgress>) {
        let Vertex { digest, name, cached, started, completed, error, inputs, .. } = vertex;
        let (started, completed) = (started.as_ref().map(time), completed.as_ref().map(time));
        self.now = self.now.max(started.unwrap_or_default()).max(completed.unwrap_or_default());
        // Without a cache it is slower, and that is all. What was cut short failed of another
        // step, of which nothing may have been heard yet.
        let is_own = !error.contains("context canceled") && !name.starts_with(CACHE);
        if !error.is_empty() && is_own {
            self.failed.get_or_insert_with(|| (digest.clone(), error.clone()));
        }
        let heard = self.all.len();
        let step = self.all.entry(digest).or_insert_with(|| Step { heard, ..Step::default() });
        (step.name, step.inputs) = (name, inputs);
        let Some(started) = started else { return };
        let is_told = |step: &Step| step.state.is_some_and(|state| state != StepState::Running);
        // Opened again, perhaps for so short that no more than its new end is told.
        let is_again = step.ended.is_some() && step.began != Some(started);
        if is_again {
            step.before += step.ran();
        }
        if (is_again || completed.is_none()) && is_told(step) {
            step.run(&mut self.told, out);
        }
        (step.began, step.ended) = (Some(started), completed);
        let ending = match (error.is_empty(), cached) {
            (false, _) => StepState::Failed,
            (true, true) => StepState::Cached,
            (true, false) => StepState::Done,
        };
        step.ending = (completed.is_some() && !is_told(step)).then_some(ending);
    }

    /// Tells of the steps that began and that ended; of those that may be over at once or be
    /// opened again, once that is so long ago.
    fn settle(&mut self, ended: Duration, begun: Duration, out: &mut Vec<BuildProgress>) {
        let now = self.now;
        // What failed is told at once, and behind all others.
        let failed = self.all.values().any(|step| step.ending == Some(StepState::Failed));
        let (ended, begun) = if failed { (Duration::ZERO, Duration::ZERO) } else { (ended, begun) };
        let ago = |time: Option<Duration>| time.map(|time| now.saturating_sub(time));
        let is_over = |step: &Step| match step.ending {
            Some(StepState::Done | StepState::Cached) => {
                step.is_final || ago(step.ended).is_none_or(|ago| ago >= ended)
            }
            ending => ending.is_some(),
        };
        let is_new = |step: &Step| match step.ending {
            _ if step.state.is_some() => false,
            None => ago(step.began).is_some_and(|ago| ago >= begun),
            // It was not run at all.
            Some(StepState::Cached) => false,
            Some(_) => is_over(step),
        };
        // One that is told takes those with it that ran before it and may yet be opened again.
        let newest = self.all.values().filter(|step| is_new(step)).filter_map(|step| step.began);
        let newest = newest.max();
        let is_passed = |step: &Step| {
            step.state.is_none() && step.ending == Some(StepState::Done) && step.began < newest
        };
        let mut steps: Vec<(&String, &mut Step)> = self.all.iter_mut().collect();
        let is_last = |step: &Step| step.ending == Some(StepState::Failed);
        steps.sort_by_key(|(_, step)| (is_last(step), step.began, step.heard));
        for (digest, step) in steps {
            if is_new(step) || is_passed(step) {
                step.run(&mut self.told, out);
            }
            if !is_over(step) {
                continue;
            }
            // What it printed last, in front of its end.
            for lines in [1, 2].map(|stream| self.open.remove(&(digest.clone(), stream))) {
                let rest = lines.and_then(|mut lines| lines.end());
                out.extend(rest.map(|line| BuildProgress::Log { number: step.number, line }));
            }
            step.end(&mut self.told, out);
        }
    }

    fn status(&mut self, status: &VertexStatus, out: &mut Vec<BuildProgress>) {
        let VertexStatus { id, vertex, name, current, total, completed, timestamp, .. } = status;
        self.now = self.now.max(timestamp.as_ref().map(time).unwrap_or_default());
        let step = self.all.get(vertex).map_or("", |step| step.name.as_str());
        let (current, total) = (positive(*current), positive(*total));
        if step == CONTEXT && name == "transferring" {
            out.push(BuildProgress::Sent(current));
        } else if let Some(hex) = id.strip_prefix(UNPACKING).unwrap_or(id).strip_prefix("sha256:") {
            let state = match name.split_whitespace().next().unwrap_or_default() {
                _ if completed.is_some() => LayerState::Done,
                "waiting" => LayerState::Waiting,
                "downloading" => LayerState::Downloading,
                "verifying" => LayerState::Downloaded,
                "extract" | "extracting" => LayerState::Extracting,
                "done" => LayerState::Done,
                _ => return,
            };
            let id = hex.get(..12).unwrap_or(hex).to_owned();
            out.push(BuildProgress::Pull(PullProgress::Layer { id, state, current, total }));
        }
    }

    /// Notes that what a step needs is there: it does its work.
    fn finish_inputs(&mut self, digest: &str) {
        let mut open = vec![digest.to_owned()];
        while let Some(digest) = open.pop() {
            let inputs = self.all.get(&digest).map(|step| step.inputs.clone());
            for input in inputs.unwrap_or_default() {
                if let Some(step) = self.all.get_mut(&input).filter(|step| !step.is_final) {
                    step.is_final = true;
                    open.push(input);
                }
            }
        }
        // These are over before there are any others.
        let is_first = |step: &Step| step.name.starts_with("[internal]") && step.name != CONTEXT;
        self.all.values_mut().filter(|step| is_first(step)).for_each(|step| step.is_final = true);
    }

    fn log(&mut self, log: &VertexLog, out: &mut Vec<BuildProgress>) {
        self.now = self.now.max(log.timestamp.as_ref().map(time).unwrap_or_default());
        if self.all.get(&log.vertex).is_some_and(|step| step.state.is_none()) {
            // What led to it is told in front of it.
            self.finish_inputs(&log.vertex);
            self.settle(SETTLED, BEGUN, out);
        }
        let mut number = 0;
        if let Some(step) = self.all.get_mut(&log.vertex) {
            if step.state.is_none() {
                step.run(&mut self.told, out);
            }
            number = step.number;
        }
        let lines = self.open.entry((log.vertex.clone(), log.stream)).or_default();
        let whole = lines.push(&log.msg).into_iter();
        out.extend(whole.map(|line| BuildProgress::Log { number, line }));
    }
}

impl Step {
    fn ran(&self) -> Duration {
        match (self.began, self.ended) {
            (Some(began), Some(ended)) => ended.saturating_sub(began),
            _ => Duration::ZERO,
        }
    }

    /// Tells that it runs.
    fn run(&mut self, told: &mut u32, out: &mut Vec<BuildProgress>) {
        self.state = Some(StepState::Running);
        out.push(BuildProgress::Step(self.progress(told)));
    }

    fn progress(&mut self, told: &mut u32) -> StepProgress {
        if self.number == 0 {
            *told += 1;
            self.number = *told;
        }
        StepProgress::running(self.number, None, &*self.name)
    }

    /// Tells that it ended.
    fn end(&mut self, told: &mut u32, out: &mut Vec<BuildProgress>) {
        let Some(ending) = self.ending.take() else { return };
        self.state = Some(ending);
        let time = self.before + self.ran();
        out.push(BuildProgress::Step(self.progress(told).ended(ending, time)));
    }
}

fn remark(warning: &VertexWarning) -> Remark {
    let line = warning.ranges.first().and_then(|range| range.start.as_ref());
    let line = line.and_then(|start| usize::try_from(start.line).ok());
    Remark {
        line: line.filter(|line| *line > 0),
        message: String::from_utf8_lossy(&warning.short).trim().to_owned(),
        url: warning.url.clone(),
    }
}

fn positive(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// Since 1970.
fn time(stamp: &Timestamp) -> Duration {
    let nanos = u32::try_from(stamp.nanos).unwrap_or_default();
    Duration::new(positive(stamp.seconds), nanos)
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
