//! What a build tells on its way, kept for the case that it fails.

use std::collections::VecDeque;

use crate::context::dockerfile::step::locate;
use crate::engine::error::EngineError;
use crate::execute::Failure;
use crate::execute::failed_at::FailedAt;
use crate::execute::log_file::LogFile;
use crate::execute::report::Action;
use crate::plan::step::BuildStep;
use crate::words::event::{StepProgress, StepState};
use crate::words::failure::FailureClass;
use crate::words::text::foreign_line;

/// Lines of a failed build that the report quotes.
const TAIL: usize = 30;

/// The log of a build under way.
pub(super) struct Transcript {
    /// Its last lines.
    tail: VecDeque<String>,
    /// All of them.
    file: LogFile,
    /// The step that it is at: its number, how many there are, and its text.
    step: Option<(u32, u32, String)>,
}

impl Transcript {
    /// Of a build that begins, with the file that its lines go to.
    pub(super) fn new(file: LogFile) -> Self {
        Self { tail: VecDeque::new(), file, step: None }
    }

    /// Takes a step that begins, or ended.
    pub(super) fn step(&mut self, step: &StepProgress) {
        let StepProgress { number, of, text, state, .. } = step;
        let (StepState::Running, Some(of)) = (state, of) else { return };
        self.line(format!("Step {number}/{of} : {text}"));
        self.step = Some((*number, *of, text.clone()));
    }

    /// Takes a line that a step printed.
    pub(super) fn line(&mut self, line: String) {
        self.file.line(&line);
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(line);
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
        // An engine that died did so at no line of the Dockerfile.
        let at = self.step.take().filter(|_| error.class != FailureClass::Engine);
        let place = at.zip(dockerfile).and_then(|((number, of, text), dockerfile)| {
            locate(dockerfile, step.build.target.as_deref(), (number, of), &text)
        });
        if let Some(place) = place {
            let (file, instruction) =
                (step.build.origin.dockerfile(), foreign_line(&place.instruction));
            let at = FailedAt { file, line: place.line, instruction };
            failure.error = format!("the build failed at {at}: {}", error.message);
            failure.failed_at = Some(at);
        }
        if !self.tail.is_empty() {
            self.file.line(&format!("error: {}", error.message));
            if let Some((path, is_whole)) = self.file.end() {
                let path = path.to_string_lossy().into_owned();
                let what = if is_whole { "the whole log" } else { "the beginning of the log" };
                failure.hints.push(format!("{what} is in `{path}`"));
                failure.log_file = Some(path);
            }
        }
        Failure { log: self.tail.into(), ..failure }
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
        (0..40).for_each(|number| told.line(number.to_string()));
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
