//! The terminal as indicatif sees it: it draws here, and a whole frame goes out
//! in a single write.

use std::fmt::Write as _;
use std::io;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::TermLike;

use super::Size;
use crate::render::fit;
use crate::render::sink::Sink;

/// A terminal that collects what is drawn until [`commit`](Self::commit).
///
/// A draw of indicatif's goes up to the first of the rows of the draw before,
/// clears them one by one and writes the new ones, each filled with spaces to the
/// right edge. Here the first of these moves erases all old rows, and each new
/// row ends with a line feed instead of spaces. Rows then stay rows when the
/// window changes its width, and how many lines they take after that is known.
#[derive(Debug, Clone)]
pub(super) struct Screen {
    state: Arc<Mutex<State>>,
    sink: Sink,
}

#[derive(Debug)]
struct State {
    size: Size,
    /// What the next commit writes.
    out: String,
    /// Lines that stay: they go above the rows of the next draw.
    above: String,
    /// The widths of the rows on the terminal.
    drawn: Vec<usize>,
    /// The row that is being written.
    row: String,
    /// Whether a draw is going on.
    drawing: bool,
}

impl Screen {
    /// A screen that writes to `sink`.
    pub(super) fn new(sink: Sink, size: Size) -> Self {
        let state = State {
            size,
            out: String::new(),
            above: String::new(),
            drawn: Vec::new(),
            row: String::new(),
            drawing: false,
        };
        Self { state: Arc::new(Mutex::new(state)), sink }
    }

    /// The size for the next draw, whose rows must not be wider.
    pub(super) fn resize(&self, size: Size) {
        self.lock().size = size;
    }

    /// Lines that stay above the next draw.
    pub(super) fn print_above(&self, text: &str) {
        let mut state = self.lock();
        for line in text.split('\n') {
            state.above.push_str(line);
            state.above.push_str("\r\n");
        }
    }

    /// Writes what was collected.
    pub(super) fn commit(&self) {
        let out = {
            let mut state = self.lock();
            let above = mem::take(&mut state.above);
            mem::take(&mut state.out) + &above
        };
        self.sink.write(&out);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Erases the rows of the draw before, and prints what stays in their place.
    fn begin(&mut self) {
        if mem::replace(&mut self.drawing, true) {
            return;
        }
        let columns = usize::from(self.size.columns.max(1));
        let lines: usize = self.drawn.drain(..).map(|row| row.div_ceil(columns).max(1)).sum();
        if lines > 1 {
            let _ = write!(self.out, "\x1b[{}A", lines - 1);
        }
        if lines > 0 {
            self.out.push_str("\r\x1b[J");
        }
        self.out.push_str(&mem::take(&mut self.above));
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.lock().size.columns
    }

    fn height(&self) -> u16 {
        self.lock().size.rows
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        self.lock().begin();
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.print_above(text);
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.begin();
        state.row.push_str(text);
        if visible(&state.row) >= usize::from(state.size.columns) {
            let row = mem::take(&mut state.row);
            let row = row.trim_end_matches(' ');
            if !state.drawn.is_empty() {
                state.out.push_str("\r\n");
            }
            state.out.push_str(row);
            state.drawn.push(visible(row));
        }
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        self.lock().drawing = false;
        Ok(())
    }
}

/// Columns of a text in our own colours: `ESC [ … m` takes none.
fn visible(text: &str) -> usize {
    let mut parts = text.split('\x1b');
    let first = parts.next().map_or(0, fit::width);
    first
        + parts
            .map(|part| part.split_once('m').map_or(0, |(_, rest)| fit::width(rest)))
            .sum::<usize>()
}
