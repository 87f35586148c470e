//! Only what somebody should look at: warnings and failures.

use super::fit::clean;
use super::look::Tone;
use super::say::say;
use super::sink::Sink;
use crate::words::event::Event;

/// The voice of `--progress quiet`.
#[derive(Debug)]
pub(crate) struct Quiet {
    sink: Sink,
}

impl Quiet {
    /// Writes to `sink`.
    pub(crate) fn new(sink: Sink) -> Self {
        Self { sink }
    }

    /// Tells about warnings and failed images.
    pub(crate) fn event(&self, event: &Event) {
        let text = match (event, say(event)) {
            (_, Some((Tone::Warn, text))) => text,
            (Event::Finished { outcome: "failed", detail, .. }, _) => {
                format!("failed: {}", clean(detail))
            }
            _ => return,
        };
        match event.image() {
            Some(id) => self.sink.line(&format!("{}: {text}", clean(id))),
            None => self.sink.line(&text),
        }
    }

    /// Prints a line as it is.
    pub(crate) fn println(&self, line: &str) {
        self.sink.line(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sink::Memory;

    #[test]
    fn only_warnings_and_failures_are_told() {
        let memory = Memory::default();
        let quiet = Quiet::new(memory.sink());
        let image = || "tool".to_owned();
        let finished = |outcome, detail: &str| Event::Finished {
            image: image(),
            outcome,
            detail: detail.into(),
            millis: 5,
            code: None,
        };
        quiet.event(&Event::Started { image: image(), action: "pull", reference: "a:1".into() });
        quiet.event(&Event::Note { image: None, message: "a note".into() });
        quiet.event(&Event::Warning { image: Some(image()), message: "odd\x07".into() });
        quiet.event(&finished("done", "pulled from ghcr.io"));
        quiet.event(&finished("failed", "no source\nserved it"));
        assert_eq!(memory.take(), "tool: warning: odd\\x07\ntool: failed: no source served it\n");
    }
}
