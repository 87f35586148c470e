//! The classic builder's text: chunks in, steps and lines out.

use crate::engine::BuildProgress;

/// A line is handed on at this length even if it has not ended: a step may print a
/// gigabyte without a line end.
const MAX_LINE: usize = 16 * 1024;

/// Puts chunks of text together to lines.
#[derive(Debug, Default)]
pub(super) struct BuildLog {
    line: String,
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
        out.extend(read(&line));
    }
}

/// What one line says; `None` if only the builder is interested in it.
fn read(line: &str) -> Option<BuildProgress> {
    let line = without_colour(line.trim_end_matches(['\n', '\r']));
    // Progress bars overwrite their line; what a terminal would show last is enough.
    let line = line.rsplit('\r').next().unwrap_or_default();
    if line.trim().is_empty() {
        return None;
    }
    if let Some(step) = step(line) {
        return Some(step);
    }
    (!is_bookkeeping(line)).then(|| BuildProgress::Log(line.to_owned()))
}

/// `Step 2/7 : RUN make`, or Podman's `STEP 2/7: RUN make`.
fn step(line: &str) -> Option<BuildProgress> {
    let rest = line.strip_prefix("Step ").or_else(|| line.strip_prefix("STEP "))?;
    let (counter, text) = rest.split_once(':')?;
    let (number, of) = counter.trim().split_once('/')?;
    Some(BuildProgress::Step {
        number: number.parse().ok()?,
        of: of.parse().ok()?,
        text: text.trim().to_owned(),
    })
}

/// The builder's notes on layers and containers, which no step printed.
fn is_bookkeeping(line: &str) -> bool {
    let is_id = |text: &str| text.len() >= 12 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if line.trim() == "--->" {
        return true;
    }
    let note = line.trim_start().strip_prefix("---> ").or_else(|| line.strip_prefix("--> "));
    if let Some(note) = note {
        return note == "Using cache"
            || is_id(note)
            || note.strip_prefix("Running in ").is_some_and(is_id);
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

    fn line(text: &str) -> BuildProgress {
        BuildProgress::Log(text.to_owned())
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
        let step =
            |number, text: &str| BuildProgress::Step { number, of: 2, text: text.to_owned() };
        assert_eq!(
            out,
            [
                step(1, "FROM scratch"),
                step(2, "RUN a: b"),
                line("one"),
                line("two"),
                line("---> what a step printed"),
                line("rest")
            ]
        );
    }

    #[test]
    fn colours_go_and_other_escapes_stay() {
        let out = log(&[
            "\x1b[91mwarning: x\n\x1b[0m",
            "\x1b[0;1mb\x1b[2Jc\n",
            "10%\r20%\r30%\n",
            "\x1b[\n",
        ]);
        assert_eq!(out, [line("warning: x"), line("b\x1b[2Jc"), line("30%"), line("\x1b[")]);
    }

    #[test]
    fn a_line_without_end_is_bounded() {
        let chunk = "x".repeat(1000);
        let out = log(&[chunk.as_str(); 50]);
        assert!(out.len() >= 3);
        assert!(
            out.iter()
                .all(|p| matches!(p, BuildProgress::Log(line) if line.len() < MAX_LINE + 1000))
        );
    }
}
