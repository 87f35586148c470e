//! Progress for people: bars at the bottom of the terminal, lines that stay above.
//!
//! What the bars show is made by [`frame`], a pure function, from the board of
//! images; indicatif puts it on the terminal. The cursor is never hidden, so it
//! can't stay hidden, whatever ends the process.

mod frame;
mod screen;

use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::frame::End;
use self::screen::Screen;
use super::board::Board;
use super::fit::clean;
use super::fold::fold;
use super::look::{Look, Tone};
use super::say::{WARNING, say};
use super::sink::Sink;
use crate::words::event::Event;

/// The terminal's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// Characters in a line.
    pub(crate) columns: u16,
    /// Lines.
    pub(crate) rows: u16,
}

/// The voice of `--progress tty`.
#[derive(Debug)]
pub(crate) struct Tty {
    look: Look,
    verbose: bool,
    board: Board,
    screen: Screen,
    bars: ProgressBar,
    measure: fn() -> Size,
    moment: usize,
}

impl Tty {
    /// Draws to `sink`, which is the terminal that stderr is; `verbose` lets the
    /// lines of builds stay.
    pub(crate) fn new(look: Look, verbose: bool, sink: Sink) -> Self {
        Self::with_size(look, verbose, sink, measure)
    }

    fn with_size(look: Look, verbose: bool, sink: Sink, measure: fn() -> Size) -> Self {
        let screen = Screen::new(sink, measure());
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        let style = ProgressStyle::with_template("{msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bars = ProgressBar::with_draw_target(None, target).with_style(style);
        Self { look, verbose, board: Board::default(), screen, bars, measure, moment: 0 }
    }

    /// Remembers what happened, and prints what stays.
    pub(crate) fn event(&mut self, event: &Event) {
        self.event_at(event, Instant::now());
    }

    /// Draws the bars as they are now.
    pub(crate) fn tick(&mut self) {
        self.tick_at(Instant::now());
    }

    /// Prints a line that stays above the bars.
    pub(crate) fn println(&mut self, line: &str) {
        self.screen.print_above(&self.folded(line));
        self.draw(Instant::now());
    }

    /// Takes the bars away, for good.
    pub(crate) fn finish(&mut self) {
        if !self.bars.is_finished() {
            self.bars.finish_and_clear();
        }
        self.screen.commit();
    }

    fn event_at(&mut self, event: &Event, now: Instant) {
        self.board.event(event, now);
        if let Some(line) = self.permanent(event) {
            self.screen.print_above(&self.folded(&line));
            self.draw(now);
        }
    }

    fn tick_at(&mut self, now: Instant) {
        self.moment = self.moment.wrapping_add(1);
        self.board.sample(now);
        self.draw(now);
    }

    /// The line that an event leaves for good, if any.
    fn permanent(&mut self, event: &Event) -> Option<String> {
        match event {
            Event::Finished { image, outcome, detail, millis, .. } => {
                let ended = self.board.remove(image);
                let received = ended.map_or(0, |image| image.received());
                let end = End { id: image, outcome, detail, received, millis: *millis };
                Some(frame::ended(end, (self.measure)(), self.look))
            }
            Event::BuildStep { image, step } if self.verbose => {
                frame::step_ended(image, step, (self.measure)(), self.look)
            }
            Event::BuildLog { image, line, .. } if self.verbose => {
                let line = format!("{}: {}", clean(image), clean(line.trim_end()));
                Some(self.look.paint(Tone::Dim, &line))
            }
            _ => {
                let (tone, text) = say(event)?;
                // A word in colour is seen; a paragraph in colour is not read.
                let text = match text.strip_prefix(WARNING) {
                    Some(rest) => self.look.paint(tone, WARNING) + rest,
                    None => self.look.paint(tone, &text),
                };
                Some(match event.image() {
                    Some(id) => format!("{}: {text}", clean(id)),
                    None => text,
                })
            }
        }
    }

    /// As it fits the terminal now, which may have another width than at the start.
    fn folded(&self, line: &str) -> String {
        fold(line, Look { width: Some((self.measure)().columns), ..self.look })
    }

    fn draw(&mut self, now: Instant) {
        if !self.bars.is_finished() {
            let size = (self.measure)();
            let frame = frame::frame(&self.board, size, self.look, self.moment, now);
            self.screen.resize(size);
            self.bars.set_message(frame.join("\n"));
        }
        self.screen.commit();
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        self.finish();
    }
}

/// The size of the terminal behind stderr, or a usual one.
fn measure() -> Size {
    let known = terminal_size::terminal_size_of(std::io::stderr());
    known.filter(|(width, height)| width.0 > 0 && height.0 > 0).map_or(
        Size { columns: 80, rows: 24 },
        |(width, height)| Size { columns: width.0, rows: height.0 },
    )
}

#[cfg(test)]
mod build_tests;
#[cfg(test)]
mod tests;
