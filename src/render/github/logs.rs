//! What a build prints, kept until the build ends: images are built side by side, and a
//! folded part of the log can't have another one in it.

use std::collections::VecDeque;

use super::command::{END_GROUP, group, harmless};
use crate::render::fit::clean;
use crate::render::steps::{is_internal, step_end, step_name};
use crate::words::event::{StepProgress, StepState};
use crate::words::text::count;

/// The most that is kept of what one build prints, in bytes.
const MAX: usize = 1 << 20;

/// The log of one build, by its steps.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// In the order in which they were first heard of; 0 is what no step printed.
    steps: Vec<(u32, Part)>,
    /// Lines that are kept, and their bytes.
    lines: usize,
    bytes: usize,
    /// Lines that were let go.
    gone: usize,
}

#[derive(Debug, Default)]
struct Part {
    name: String,
    lines: VecDeque<String>,
    /// How it ended, once it did.
    end: Option<String>,
    /// It is the builder's own, and went well: worth a line only if it printed one.
    is_dull: bool,
}

impl Log {
    /// A step began, or ended.
    pub(crate) fn step(&mut self, step: &StepProgress) {
        let part = self.part(step.number);
        part.name = step_name(step);
        part.end = step_end(step);
        part.is_dull = is_internal(step) && step.state != StepState::Failed;
    }

    /// A step printed a line.
    pub(crate) fn line(&mut self, number: u32, line: &str) {
        let line = clean(line.trim_end());
        self.lines += 1;
        self.bytes += cost(&line);
        self.part(number).lines.push_back(line);
        // The end says more than the beginning, and a build's own file has all of it.
        while self.bytes > MAX {
            let oldest = self.steps.iter_mut().find_map(|(_, part)| part.lines.pop_front());
            let Some(oldest) = oldest else { return };
            self.bytes -= cost(&oldest);
            self.lines -= 1;
            self.gone += 1;
        }
    }

    fn part(&mut self, number: u32) -> &mut Part {
        let at = self.steps.iter().position(|(known, _)| *known == number).unwrap_or_else(|| {
            self.steps.push((number, Part::default()));
            self.steps.len() - 1
        });
        &mut self.steps[at].1
    }

    /// The whole of it, folded; `None` where nothing was printed. The lines of each step stand
    /// together. Ends with a line feed.
    pub(crate) fn folded(&self, id: &str) -> Option<String> {
        if self.lines == 0 {
            return None;
        }
        let all = count(self.lines + self.gone, "line", "lines");
        let mut out = group(&format!("{id}: what the build printed, {all}")) + "\n";
        let mut say = |line: &str| {
            out.push_str(&harmless(line));
            out.push('\n');
        };
        if self.gone > 0 {
            say(&format!("the first {} are left out", count(self.gone, "line", "lines")));
        }
        for (_, Part { name, lines, end, is_dull }) in &self.steps {
            match end {
                _ if lines.is_empty() && (*is_dull || name.is_empty()) => continue,
                Some(end) => say(&format!("{name}: {end}")),
                None if !name.is_empty() => say(name),
                None => {}
            }
            for line in lines {
                say(format!("| {line}").trim_end());
            }
        }
        Some(out + END_GROUP + "\n")
    }
}

/// What a line takes: also an empty one something.
fn cost(line: &str) -> usize {
    size_of::<String>() + line.len()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::words::event::StepState;

    fn step(number: u32, text: &str) -> StepProgress {
        StepProgress::running(number, None, text)
    }

    #[test]
    fn the_lines_of_each_step_stand_together() {
        let mut log = Log::default();
        assert_eq!(log.folded("app"), None);
        log.step(&step(7, "[internal] load metadata"));
        log.step(&step(8, "[1/3] COPY x"));
        log.step(&step(8, "[1/3] COPY x").ended(StepState::Cached, Duration::ZERO));
        log.step(&step(1, "[2/3] RUN a"));
        log.step(&step(2, "[3/3] RUN b\n::error::x"));
        assert_eq!(log.folded("app"), None, "nothing was printed yet");
        log.line(1, "one");
        log.line(2, "::add-mask::two\x1b[2J ");
        log.line(1, " ##[add-mask]three");
        log.step(&step(1, "[2/3] RUN a").ended(StepState::Done, Duration::from_secs(2)));
        log.line(0, "");
        assert_eq!(
            log.folded("app").unwrap(),
            "::group::app: what the build printed, 4 lines\n\
             [1/3] COPY x: cached\n[2/3] RUN a: done in 2.0s\n| one\n|  ## [add-mask]three\n\
             [3/3] RUN b ::error::x\n| ::add-mask::two\\x1b[2J\n|\n::endgroup::\n"
        );
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_end_is_kept() {
        let mut log = Log::default();
        for number in 0..3000 {
            log.line(1 + number % 2, &format!("{number} {}", "x".repeat(1000)));
        }
        let text = log.folded("app").unwrap();
        assert!(text.len() < MAX + 100_000, "{}", text.len());
        assert!(text.starts_with("::group::app: what the build printed, 3000 lines\n"));
        assert!(text.contains("the first ") && text.contains("| 2999 ") && !text.contains("| 0 "));
    }
}
