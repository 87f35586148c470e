//! What a build tells on its way, kept for the case that it fails.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::context::dockerfile::step::{Place, at_line, find, locate, naming};
use crate::engine::FailedStep;
use crate::engine::error::EngineError;
use crate::execute::Failure;
use crate::execute::failed_at::FailedAt;
use crate::execute::log_file::LogFile;
use crate::execute::report::Action;
use crate::plan::step::BuildStep;
use crate::words::event::{StepProgress, StepState};
use crate::words::failure::FailureClass;
use crate::words::text::{elapsed, foreign_line};

/// Lines of a failed build that the report quotes.
const TAIL: usize = 30;

/// Steps of which the last lines are kept. More than this run side by side nowhere.
const STEPS: usize = 64;

/// The log of a build under way.
pub(super) struct Transcript {
    /// The last lines of each step, by its number; 0 for what no step printed.
    tails: BTreeMap<u32, VecDeque<String>>,
    /// All of them.
    file: LogFile,
    /// The step that was begun last.
    step: Option<StepProgress>,
    /// What the builder says that it failed at, …
    failed: Option<FailedStep>,
    /// … and the names of the steps that it may be.
    names: BTreeMap<u32, String>,
}

impl Transcript {
    /// Of a build that begins, with the file that its lines go to.
    pub(super) fn new(file: LogFile) -> Self {
        let (tails, names) = (BTreeMap::new(), BTreeMap::new());
        Self { tails, file, step: None, failed: None, names }
    }

    /// Takes a step that begins, or ended.
    pub(super) fn step(&mut self, step: &StepProgress) {
        let StepProgress { number, of, text, state, millis } = step;
        match (of, state) {
            // One at a time: what is printed from here on is its, and no line says so.
            (Some(of), StepState::Running) => {
                self.keep(0, format!("Step {number}/{of} : {text}"));
                self.step = Some(step.clone());
            }
            (Some(_), _) => {}
            (None, StepState::Running) => {
                self.file.line(&format!("#{number} {text}"));
                self.names.insert(*number, text.clone());
            }
            (None, ended) => {
                let how = match ended {
                    StepState::Cached => "cached".to_owned(),
                    StepState::Failed => "failed".to_owned(),
                    _ => format!("done in {}", elapsed(Duration::from_millis(millis.unwrap_or(0)))),
                };
                // What was found in the cache never began.
                if self.names.insert(*number, text.clone()).is_none() {
                    self.file.line(&format!("#{number} {text}"));
                }
                self.file.line(&format!("#{number} {how}"));
                if *ended != StepState::Failed {
                    self.tails.remove(number);
                }
            }
        }
    }

    /// Takes a line that a step printed.
    pub(super) fn line(&mut self, number: u32, line: String) {
        if self.step.is_some() || number == 0 {
            self.keep(0, line);
        } else {
            self.file.line(&format!("#{number} {line}"));
            self.remember(number, line);
        }
    }

    /// Takes what the builder says that the build failed at.
    pub(super) fn failed_at(&mut self, step: FailedStep) {
        self.failed = Some(step);
    }

    fn keep(&mut self, number: u32, line: String) {
        self.file.line(&line);
        self.remember(number, line);
    }

    fn remember(&mut self, number: u32, line: String) {
        if self.tails.len() >= STEPS && !self.tails.contains_key(&number) {
            self.tails.pop_first();
        }
        let tail = self.tails.entry(number).or_default();
        if tail.len() == TAIL {
            tail.pop_front();
        }
        tail.push_back(line);
    }

    /// Takes a silence: whoever reads along sees everything up to it.
    pub(super) fn silence(&mut self) {
        self.file.flush();
    }

    /// All steps are over: what fails now fails at none of them.
    pub(super) fn steps_are_over(&mut self) {
        self.step = None;
    }

    /// The failure that ended the build. `dockerfile` is the text of its Dockerfile.
    pub(super) fn failure(
        mut self,
        step: &BuildStep,
        dockerfile: Option<&str>,
        error: &EngineError,
    ) -> Failure {
        let mut failure = Failure::of(Action::Build, error);
        let place = dockerfile.and_then(|text| self.place(step, text, error.class));
        let exit_code = self.failed.as_ref().and_then(|failed| failed.exit_code);
        if let Some(place) = place {
            let (file, instruction) =
                (step.build.origin.dockerfile(), foreign_line(&place.instruction));
            let at = FailedAt { file, line: place.line, instruction, exit_code };
            failure.error = match exit_code {
                Some(code) => format!("the build failed at {at}: it ended with exit code {code}"),
                None => format!("the build failed at {at}: {}", error.message),
            };
            failure.failed_at = Some(at);
        }
        let number = self.failed.as_ref().map_or(0, |failed| failed.number);
        let tail = self.tails.remove(&number).unwrap_or_default();
        if !tail.is_empty() || !self.names.is_empty() {
            self.file.line(&format!("error: {}", error.message));
            if let Some((path, is_whole)) = self.file.end() {
                let path = path.to_string_lossy().into_owned();
                let what = if is_whole { "the whole log" } else { "the beginning of the log" };
                failure.hints.push(format!("{what} is in `{path}`"));
                failure.log_file = Some(path);
            }
        }
        Failure { log: tail.into(), ..failure }
    }

    /// The instruction that the build failed at.
    fn place(&mut self, step: &BuildStep, text: &str, class: FailureClass) -> Option<Place> {
        // An engine that died did so at no line of the Dockerfile.
        if class == FailureClass::Engine {
            return None;
        }
        let target = step.build.target.as_deref();
        if let Some(failed) = &self.failed {
            let named = || {
                let name = self.names.get(&failed.number)?;
                find(text, target, name).or_else(|| naming(text, &step.build.args, name))
            };
            return failed.line.and_then(|line| at_line(text, line)).or_else(named);
        }
        let StepProgress { number, of, text: told, .. } = self.step.take()?;
        locate(text, target, (number, of?), &told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::error::EngineErrorKind;
    use crate::execute::log_file::Logs;
    use crate::execute::tests::build_step;

    const DOCKERFILE: &str = "# c\nFROM scratch\n\nRUN   make\n";

    fn failed(told: Transcript, class: FailureClass) -> Failure {
        let error = EngineError::new(EngineErrorKind::Build, class, "x", "it broke");
        told.failure(&build_step(), Some(DOCKERFILE), &error.with_hint("mend it"))
    }

    fn step(number: u32, text: &str) -> StepProgress {
        StepProgress::running(number, Some(2), text)
    }

    fn at_make(file: LogFile) -> Transcript {
        let mut told = Transcript::new(file);
        told.step(&step(1, "FROM scratch"));
        told.step(&step(2, "RUN   make"));
        told
    }

    #[test]
    fn a_failure_says_at_which_line_and_quotes_the_last_ones_of_the_log() {
        let mut told = at_make(LogFile::default());
        (0..40).for_each(|number| told.line(2, number.to_string()));
        let failure = failed(told, FailureClass::Build);
        assert_eq!(failure.error, "the build failed at the template, line 4: `RUN make`: it broke");
        assert_eq!(failure.failed_at.map(|at| at.line), Some(4));
        assert_eq!((failure.log.len(), failure.log[TAIL - 1].as_str()), (TAIL, "39"));
        assert_eq!((failure.hints, failure.log_file), (vec!["mend it".to_owned()], None));
    }

    #[test]
    fn what_no_step_did_has_no_line() {
        let error = |told, class| failed(told, class).error;
        let without = "cannot build `x`: it broke";
        assert_eq!(error(at_make(LogFile::default()), FailureClass::Engine), without);
        let mut over = at_make(LogFile::default());
        over.steps_are_over();
        assert_eq!(error(over, FailureClass::Integrity), without);
        let mut other = at_make(LogFile::default());
        other.step(&step(2, "RUN make install"));
        assert_eq!(error(other, FailureClass::Build), without);
    }

    #[test]
    fn a_failure_names_the_file_with_the_whole_log_if_there_was_one() {
        let dir = tempfile::tempdir().unwrap();
        let logs = Logs::new(Some(dir.path().to_owned()), "tcp://a");
        let begin = || logs.begin("tool", "acme/tool:1");
        let failure = failed(at_make(begin()), FailureClass::Build);
        let path = failure.log_file.unwrap();
        assert_eq!(failure.hints[1], format!("the whole log is in `{path}`"));
        let text = fs_err::read_to_string(path).unwrap();
        assert_eq!(text, "Step 1/2 : FROM scratch\nStep 2/2 : RUN   make\nerror: it broke\n");
        let nothing = failed(Transcript::new(begin()), FailureClass::Build);
        assert_eq!((nothing.hints.len(), nothing.log_file), (1, None));
    }
}
