//! Floor 5: the voices. The only code that writes to the terminal.
//!
//! A [`Renderer`] tells on stderr what happens while a plan is carried out;
//! [`plan`], [`summary`], [`status`], [`diagnostics`], [`document`] and [`error`] are pure
//! functions that make the text of a result. Whatever came from outside passes
//! [`sanitise`](crate::words::text::sanitise) here, once, on its way out.

mod board;
pub(crate) mod consent;
pub(crate) mod diagnostics;
pub(crate) mod doctor;
pub(crate) mod document;
pub(crate) mod error;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod files;
mod fit;
pub(crate) mod fold;
pub(crate) mod github;
mod groups;
pub(crate) mod json;
pub(crate) mod lock;
mod look;
mod plain;
pub(crate) mod plan;
mod quiet;
mod rows;
mod say;
pub(crate) mod schema;
pub(crate) mod sections;
mod sink;
pub(crate) mod status;
mod steps;
pub(crate) mod summary;
mod tty;
pub(crate) mod why;

use crate::words::event::Event;

pub(crate) use look::Look;
pub(crate) use sink::{Guard, Sink};

/// How progress is shown: the words of `--progress`, without `auto`, and what `plain` is on
/// GitHub Actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Bars that are drawn over again.
    Tty,
    /// One line per change of state.
    Plain,
    /// The same for a runner of GitHub Actions, with what it understands beside lines.
    Github,
    /// One JSON object a line.
    Json,
    /// Warnings and failures only.
    Quiet,
}

impl Mode {
    /// What was asked for, or (`None`, `auto`) what suits the terminal.
    pub(crate) fn choose(asked: Option<Self>, stderr_is_tty: bool, term_dumb: bool) -> Self {
        match asked {
            Some(mode) => mode,
            None if stderr_is_tty && !term_dumb => Self::Tty,
            None => Self::Plain,
        }
    }
}

/// Tells on stderr what happens. One for a run; events are handed to it one by one.
///
/// It has no thread and no timer: whoever waits for the work calls
/// [`tick`](Self::tick) about ten times a second.
#[derive(Debug)]
pub(crate) enum Renderer {
    /// [`Mode::Tty`].
    Tty(tty::Tty),
    /// [`Mode::Plain`].
    Plain(plain::Plain),
    /// [`Mode::Github`].
    Github(github::Github),
    /// [`Mode::Json`].
    Json(json::Json),
    /// [`Mode::Quiet`].
    Quiet(quiet::Quiet),
}

impl Renderer {
    /// A renderer that writes to `sink`. `verbose` also shows what a build prints
    /// where that would otherwise be left to the report.
    pub(crate) fn new(mode: Mode, look: Look, verbose: bool, sink: Sink) -> Self {
        match mode {
            Mode::Tty => Self::Tty(tty::Tty::new(look, verbose, sink)),
            Mode::Plain => Self::Plain(plain::Plain::new(verbose, sink)),
            Mode::Github => Self::Github(github::Github::new(verbose, sink)),
            Mode::Json => Self::Json(json::Json::new(sink)),
            Mode::Quiet => Self::Quiet(quiet::Quiet::new(sink)),
        }
    }

    /// Shows, or remembers, what happened.
    pub(crate) fn event(&mut self, event: &Event) {
        match self {
            Self::Tty(voice) => voice.event(event),
            Self::Plain(voice) => voice.event(event),
            Self::Github(voice) => voice.event(event),
            Self::Json(voice) => voice.event(event),
            Self::Quiet(voice) => voice.event(event),
        }
    }

    /// Lets time pass: spinners turn, and a long silence is broken.
    pub(crate) fn tick(&mut self) {
        match self {
            Self::Tty(voice) => voice.tick(),
            Self::Plain(voice) => voice.tick(),
            Self::Github(voice) => voice.tick(),
            Self::Json(_) | Self::Quiet(_) => {}
        }
    }

    /// Prints a line that stays, above the bars where there are any. It may hold
    /// colours, so it is the caller who has sanitised it.
    pub(crate) fn println(&mut self, line: &str) {
        match self {
            Self::Tty(voice) => voice.println(line),
            Self::Plain(voice) => voice.println(line),
            Self::Github(voice) => voice.println(line),
            Self::Json(voice) => voice.println(line),
            Self::Quiet(voice) => voice.println(line),
        }
    }

    /// Takes the bars away, and tells what was held back. Every way out calls it; for the
    /// bars, dropping the renderer does too.
    pub(crate) fn finish(&mut self) {
        match self {
            Self::Tty(voice) => voice.finish(),
            Self::Plain(voice) => voice.finish(),
            Self::Github(voice) => voice.finish(),
            Self::Json(_) | Self::Quiet(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reporter_may_own_the_renderer() {
        fn sendable<T: Send>(_: &T) {}
        let memory = sink::Memory::default();
        for mode in [Mode::Tty, Mode::Plain, Mode::Github, Mode::Json, Mode::Quiet] {
            let mut voice = Renderer::new(mode, Look::test(80), false, memory.sink());
            sendable(&voice);
            voice.println("a");
            voice.tick();
            voice.finish();
            assert!(memory.take().contains('a'), "{mode:?}");
        }
    }

    #[test]
    fn bars_are_for_terminals_that_can_draw_them() {
        assert_eq!(Mode::choose(None, true, false), Mode::Tty);
        assert_eq!(Mode::choose(None, true, true), Mode::Plain);
        assert_eq!(Mode::choose(None, false, false), Mode::Plain);
        assert_eq!(Mode::choose(Some(Mode::Json), true, false), Mode::Json);
        assert_eq!(Mode::choose(Some(Mode::Tty), false, false), Mode::Tty);
    }
}
