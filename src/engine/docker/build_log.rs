//! The classic builder's text: chunks in, steps and lines out.

use tokio::time::Instant;

use crate::engine::BuildProgress;
use crate::words::event::{StepProgress, StepState};

/// A line is handed on at this length even if it has not ended: a step may print a
/// gigabyte without a line end.
const MAX_LINE: usize = 16 * 1024;

/// Puts chunks of text together to lines, and times the steps, of which one runs at once.
#[derive(Debug, Default)]
pub(super) struct BuildLog {
    line: String,
    /// The step that runs, and when it began.
    step: Option<(StepProgress, Instant)>,
}

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    Step {
        number: u32,
        of: u32,
        text: &'a str,
    },
    /// The step that runs has nothing to do.
    Cached,
    Printed(&'a str),
}

impl BuildLog {
    /// Takes a chunk; what it completes is appended to `out`.
    pub(super) fn push(&mut self, chunk: &str, out: &mut impl Extend<BuildProgress>) {
        for part in chunk.split_inclusive('\n') {
            self.line.push_str(part);
            if self.line.ends_with('\n') || self.line.len() >= MAX_LINE {
                self.flush(out);
            }
        }
    }

    /// Hands on what there is of an unfinished line.
    pub(super) fn flush(&mut self, out: &mut impl Extend<BuildProgress>) {
        let line = std::mem::take(&mut self.line);
        let line = without_colour(line.trim_end_matches(['\n', '\r']));
        match read(&line) {
            None => {}
            Some(Line::Cached) => self.end(StepState::Cached, out),
            Some(Line::Printed(line)) => {
                let number = self.step.as_ref().map_or(0, |(step, _)| step.number);
                out.extend([BuildProgress::Log { number, line: line.to_owned() }]);
            }
            Some(Line::Step { number, of, text }) => {
                self.end(StepState::Done, out);
                let step = StepProgress::running(number, Some(of), text);
                out.extend([BuildProgress::Step(step.clone())]);
                self.step = Some((step, Instant::now()));
            }
        }
    }

    /// Ends the step that runs, if there is one.
    pub(super) fn end(&mut self, state: StepState, out: &mut impl Extend<BuildProgress>) {
        if let Some((step, begun)) = self.step.take() {
            out.extend([BuildProgress::Step(step.ended(state, begun.elapsed()))]);
        }
    }
}

/// What one line says; `None` if only the builder is interested in it.
fn read(line: &str) -> Option<Line<'_>> {
    // Progress bars overwrite their line; what a terminal would show last is enough.
    let line = line.rsplit('\r').next().unwrap_or_default();
    if line.trim().is_empty() {
        return None;
    }
    if line.trim() == "---> Using cache" {
        return Some(Line::Cached);
    }
    if let Some(step) = step(line) {
        return Some(step);
    }
    (!is_bookkeeping(line)).then_some(Line::Printed(line))
}

/// `Step 2/7 : RUN make`, or Podman's `STEP 2/7: RUN make`.
fn step(line: &str) -> Option<Line<'_>> {
    let rest = line.strip_prefix("Step ").or_else(|| line.strip_prefix("STEP "))?;
    let (counter, text) = rest.split_once(':')?;
    let (number, of) = counter.trim().split_once('/')?;
    Some(Line::Step { number: number.parse().ok()?, of: of.parse().ok()?, text: text.trim() })
}

/// The builder's notes on layers and containers, which no step printed.
fn is_bookkeeping(line: &str) -> bool {
    let is_id = |text: &str| text.len() >= 12 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if line.trim() == "--->" {
        return true;
    }
    let note = line.trim_start().strip_prefix("---> ").or_else(|| line.strip_prefix("--> "));
    if let Some(note) = note {
        return is_id(note) || note.strip_prefix("Running in ").is_some_and(is_id);
    }
    ["Removing intermediate container ", "Successfully built "]
        .iter()
        .any(|start| line.strip_prefix(start).is_some_and(is_id))
}

/// The text without the colours that the classic builder gives to standard error.
/// All other escapes stay, for the renderer to show as what they are.
fn without_colour(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("\x1b[") {
        let after = &rest[start + 2..];
        let end = after.find(|c: char| !(c.is_ascii_digit() || c == ';'));
        match end {
            Some(end) if after[end..].starts_with('m') => {
                out.push_str(&rest[..start]);
                rest = &after[end + 1..];
            }
            _ => {
                out.push_str(&rest[..start + 2]);
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(chunks: &[&str]) -> Vec<BuildProgress> {
        let (mut log, mut out) = (BuildLog::default(), Vec::new());
        for chunk in chunks {
            log.push(chunk, &mut out);
        }
        log.flush(&mut out);
        out
    }

    /// Steps without their times, and lines.
    fn short(progress: &BuildProgress) -> String {
        match progress {
            BuildProgress::Step(StepProgress { number, of, text, state, millis }) => {
                assert_eq!(millis.is_some(), *state != StepState::Running);
                format!("{state:?} {number}/{} {text}", of.unwrap())
            }
            BuildProgress::Log { number, line } => format!("{number} {line}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn steps_and_lines_come_apart() {
        let out = log(&[
            "Step 1/2 : FROM scratch",
            "\n",
            " ---> \n",
            " ---> Using cache\n",
            " ---> 0123456789ab\n",
            "STEP 2/2: RUN a: b\n",
            "one\ntw",
            "o\r\n\n",
            "Removing intermediate container 0123456789ab\n",
            "---> what a step printed\n",
            "rest",
        ]);
        let out: Vec<String> = out.iter().map(short).collect();
        let want = [
            "Running 1/2 FROM scratch",
            "Cached 1/2 FROM scratch",
            "Running 2/2 RUN a: b",
            "2 one",
            "2 two",
            "2 ---> what a step printed",
            "2 rest",
        ];
        assert_eq!(out, want);
    }

    #[test]
    fn colours_go_and_other_escapes_stay() {
        let out = log(&[
            "\x1b[91mwarning: x\n\x1b[0m",
            "\x1b[0;1mb\x1b[2Jc\n",
            "10%\r20%\r30%\n",
            "\x1b[\n",
        ]);
        let out: Vec<String> = out.iter().map(short).collect();
        assert_eq!(out, ["0 warning: x", "0 b\x1b[2Jc", "0 30%", "0 \x1b["]);
    }

    #[test]
    fn a_line_without_end_is_bounded() {
        let chunk = "x".repeat(1000);
        let out = log(&[chunk.as_str(); 50]);
        assert!(out.len() >= 3);
        assert!(
            out.iter().all(
                |p| matches!(p, BuildProgress::Log { line, .. } if line.len() < MAX_LINE + 1000)
            )
        );
    }
}
