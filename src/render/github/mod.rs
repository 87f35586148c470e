//! What GitHub Actions makes more of than text: folded logs, annotations, a summary, outputs.

pub(crate) mod annotations;
pub(crate) mod command;
mod logs;
pub(crate) mod outputs;
pub(crate) mod summary;

use std::collections::BTreeMap;

use self::command::harmless;
use self::logs::Log;
use super::plain::Plain;
use super::sink::Sink;
use crate::state::exact::Exact;
use crate::words::event::Event;

/// What the engine holds of an image after a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    /// The reference that means exactly that, as `occ ref` prints it.
    pub(crate) reference: String,
    /// The digest in it, where it was pulled.
    pub(crate) digest: Option<String>,
    /// Bytes, unpacked.
    pub(crate) size: u64,
}

impl Held {
    /// This, with the size that the engine tells.
    pub(crate) fn new(exact: &Exact, size: u64) -> Self {
        let digest = exact.digest.as_ref().and_then(|reference| reference.digest.as_ref());
        Self { reference: exact.best(), digest: digest.map(ToString::to_string), size }
    }
}

/// The voice for a runner of GitHub Actions: the lines of [`Plain`], and what each build
/// printed, folded, when the build ends.
#[derive(Debug)]
pub(crate) struct Github {
    /// Where a command is one.
    sink: Sink,
    plain: Plain,
    logs: BTreeMap<String, Log>,
}

impl Github {
    /// Writes to `sink`; `verbose` tells more of the steps of builds.
    pub(crate) fn new(verbose: bool, sink: Sink) -> Self {
        let plain = Plain::new(verbose, sink.clone().guarded(harmless));
        Self { sink, plain, logs: BTreeMap::new() }
    }

    /// Tells what happened, or keeps it.
    pub(crate) fn event(&mut self, event: &Event) {
        match event {
            Event::BuildLog { image, number, line } => {
                return self.logs.entry(image.clone()).or_default().line(*number, line);
            }
            Event::BuildStep { image, step } => {
                self.logs.entry(image.clone()).or_default().step(step);
            }
            Event::Finished { image, .. } => {
                if let Some(log) = self.logs.remove(image) {
                    self.fold(image, &log);
                }
            }
            _ => {}
        }
        self.plain.event(event);
    }

    fn fold(&self, id: &str, log: &Log) {
        self.sink.write(&log.folded(id).unwrap_or_default());
    }

    /// Breaks long silences.
    pub(crate) fn tick(&mut self) {
        self.plain.tick();
    }

    /// Prints a line, but for what a runner would obey in it.
    pub(crate) fn println(&self, line: &str) {
        self.plain.println(line);
    }

    /// Tells what was held back, for there is no later.
    pub(crate) fn finish(&mut self) {
        for (id, log) in std::mem::take(&mut self.logs) {
            self.fold(&id, &log);
        }
        self.plain.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sink::Memory;
    use crate::words::event::StepProgress;

    fn started(image: &str) -> Event {
        let reference = format!("docker.io/acme/{image}:1");
        Event::Started { image: image.into(), action: "build", reference }
    }

    fn printed(image: &str, line: &str) -> Event {
        Event::BuildLog { image: image.into(), number: 1, line: line.into() }
    }

    fn step(image: &str) -> Event {
        let step = StepProgress::running(1, Some(1), "RUN make");
        Event::BuildStep { image: image.into(), step }
    }

    fn finished(image: &str) -> Event {
        let detail = "built, ##[add-mask]x".into();
        Event::Finished { image: image.into(), outcome: "done", detail, millis: 1200, code: None }
    }

    #[test]
    fn builds_side_by_side_are_folded_one_by_one() {
        let memory = Memory::default();
        let mut voice = Github::new(false, memory.sink());
        let events = [
            started("a"),
            started("b"),
            step("a"),
            printed("a", "a1"),
            step("b"),
            printed("b", "::stop-commands::x"),
            printed("a", "a2"),
            finished("a"),
            finished("b"),
        ];
        for event in &events {
            voice.event(event);
        }
        assert_eq!(
            memory.take(),
            "a: building acme/a:1\nb: building acme/b:1\n\
             a: step 1/1 RUN make\nb: step 1/1 RUN make\n\
             ::group::a: what the build printed, 2 lines\nstep 1/1 RUN make\n| a1\n| a2\n\
             ::endgroup::\na: built, ## [add-mask]x in 1.2s\n\
             ::group::b: what the build printed, 1 line\nstep 1/1 RUN make\n\
             | ::stop-commands::x\n::endgroup::\nb: built, ## [add-mask]x in 1.2s\n"
        );
    }

    #[test]
    fn what_was_printed_until_an_interrupt_is_told() {
        let memory = Memory::default();
        let mut voice = Github::new(true, memory.sink());
        voice.event(&started("a"));
        voice.event(&printed("a", "a1"));
        voice.println("::error::no");
        memory.take();
        voice.finish();
        assert_eq!(
            memory.take(),
            "::group::a: what the build printed, 1 line\n| a1\n::endgroup::\n"
        );
        voice.finish();
        assert_eq!(memory.take(), "");
    }
}
