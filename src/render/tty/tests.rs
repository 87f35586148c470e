use std::time::Duration;

use super::*;
use crate::render::sink::Memory;
use crate::words::event::{LayerState, StepProgress};
use crate::words::failure::FailureClass;

/// A terminal in memory, and a voice that draws on it.
pub(super) struct Stage {
    pub(super) tty: Tty,
    memory: Memory,
    terminal: vt100::Parser,
    now: Instant,
}

impl Stage {
    pub(super) fn new(measure: fn() -> Size) -> Self {
        Self::with(Look::test(measure().columns), measure)
    }

    fn with(look: Look, measure: fn() -> Size) -> Self {
        let memory = Memory::default();
        let tty = Tty::with_size(look, false, memory.sink(), measure);
        let Size { columns, rows } = measure();
        let terminal = vt100::Parser::new(rows, columns, 100);
        Self { tty, memory, terminal, now: Instant::now() }
    }

    pub(super) fn verbose(measure: fn() -> Size) -> Self {
        let mut stage = Self::new(measure);
        stage.tty.verbose = true;
        stage
    }

    pub(super) fn tell(&mut self, events: &[Event]) {
        for event in events {
            self.tty.event_at(event, self.now);
        }
    }

    pub(super) fn wait(&mut self, millis: u64) {
        for _ in 0..millis / 100 {
            self.now += Duration::from_millis(100);
            self.tty.tick_at(self.now);
        }
    }

    /// What stands on the terminal, without empty lines below.
    pub(super) fn shown(&mut self) -> String {
        self.terminal.process(self.memory.take().as_bytes());
        let screen = self.terminal.screen();
        let rows: Vec<String> =
            screen.rows(0, screen.size().1).map(|row| row.trim_end().to_owned()).collect();
        rows.join("\n").trim_end().to_owned()
    }

    /// Whether some line went over the right edge into the next.
    pub(super) fn wrapped(&self) -> bool {
        let screen = self.terminal.screen();
        (0..screen.size().0).any(|row| screen.row_wrapped(row))
    }
}

fn image() -> String {
    "tool".to_owned()
}

fn layer(id: &str, state: LayerState, current: u64, total: u64) -> Event {
    Event::Layer { image: image(), layer: id.into(), state, current, total }
}

/// A pull whose first source has nothing, in the middle of its layers.
fn pull() -> Vec<Event> {
    let (first, second) = ("127.0.0.1:5000/acme/tool:1", "docker.io/acme/tool:1");
    vec![
        Event::Started { image: image(), action: "pull", reference: "acme/tool:1".into() },
        Event::Trying { image: image(), source: first.into(), round: 1 },
        Event::SourceFailed {
            image: image(),
            source: first.into(),
            class: FailureClass::NotFound,
            code: FailureClass::NotFound.code(),
            message: "manifest unknown".into(),
            next: Some(second.into()),
        },
        Event::Resolved { image: image(), source: second.into(), digest: None },
        layer("0a0a0a0a0a0a", LayerState::Downloading, 12_300_000, 40_000_000),
        layer("1b1b1b1b1b1b", LayerState::Extracting, 15_000_000, 30_000_000),
        layer("2c2c2c2c2c2c", LayerState::Done, 0, 1_000_000),
        layer("3d3d3d3d3d3d", LayerState::Waiting, 0, 0),
        Event::LayerRetry { image: image(), layer: "4e4e4e4e4e4e".into(), seconds: 5 },
    ]
}

fn finished(outcome: &'static str, detail: &str) -> Event {
    Event::Finished { image: image(), outcome, detail: detail.into(), millis: 842, code: None }
}

#[test]
fn a_pull_at_eighty_columns() {
    let mut stage = Stage::new(|| Size { columns: 80, rows: 24 });
    stage.tell(&pull());
    stage.wait(100);
    insta::assert_snapshot!(stage.shown(), @r"
    tool: 127.0.0.1:5000: not found, trying docker.io
    ⠙ tool  pulling acme/tool:1 from docker.io                  43.3 MB of 71.0 MB
        0a0a0a0a0a0a  ━━━━━━━──────────────────  downloading  12.3 MB of 40.0 MB
        1b1b1b1b1b1b  ━━━━━━━━━━━━─────────────  unpacking    15.0 MB of 30.0 MB
        3d3d3d3d3d3d  ─────────────────────────  waiting
        4e4e4e4e4e4e  ─────────────────────────  retry in 5s
    ");
    assert!(!stage.wrapped());
    stage.tell(&[finished("done", "pulled from docker.io")]);
    insta::assert_snapshot!(stage.shown(), @r"
    tool: 127.0.0.1:5000: not found, trying docker.io
    ✓ tool  pulled from docker.io  43.3 MB  0.8s
    ");
}

#[test]
fn a_pull_at_a_hundred_and_twenty_columns() {
    let mut stage = Stage::new(|| Size { columns: 120, rows: 24 });
    stage.tell(&pull());
    stage.wait(600);
    stage.tell(&[layer("0a0a0a0a0a0a", LayerState::Downloading, 14_400_000, 40_000_000)]);
    stage.wait(400);
    insta::assert_snapshot!(stage.shown(), @r"
    tool: 127.0.0.1:5000: not found, trying docker.io
    ⠋ tool  pulling acme/tool:1 from docker.io                              45.4 MB of 71.0 MB  2.3 MB/s
        0a0a0a0a0a0a  ━━━━━━━━━━────────────────────  downloading  14.4 MB of 40.0 MB
        1b1b1b1b1b1b  ━━━━━━━━━━━━━━━───────────────  unpacking    15.0 MB of 30.0 MB
        3d3d3d3d3d3d  ──────────────────────────────  waiting
        4e4e4e4e4e4e  ──────────────────────────────  retry in 5s
    ");
    assert!(!stage.wrapped());
}

#[test]
fn a_pull_at_twenty_columns_is_one_line() {
    let mut stage = Stage::new(|| Size { columns: 20, rows: 24 });
    stage.tell(&pull()[3..]);
    stage.wait(100);
    assert_eq!(stage.shown(), "⠙ tool  pull…  60%");
    assert!(!stage.wrapped());
    stage.tell(&[finished("done", "pulled from docker.io")]);
    assert_eq!(stage.shown(), "✓ tool  pulle…  0.8s");
    assert!(!stage.wrapped());
}

#[test]
fn the_wait_for_the_next_round_counts_down() {
    let mut stage = Stage::new(|| Size { columns: 80, rows: 24 });
    stage.tell(&[Event::Waiting { image: image(), round: 2, of: 3, millis: 2000 }]);
    stage.wait(500);
    insta::assert_snapshot!(stage.shown(), @r"
    tool: all sources failed, round 2 of 3 in 2.0s
    ⠴ tool  waiting, round 2 of 3 in 1.5s
    ");
}

#[test]
fn a_build_shows_its_step_and_last_lines() {
    let mut stage = Stage::new(|| Size { columns: 60, rows: 24 });
    let line = |line: &str| Event::BuildLog { image: image(), number: 3, line: line.into() };
    stage.tell(&[
        Event::Started { image: image(), action: "build", reference: "acme/tool:1".into() },
        Event::BuildStep {
            image: image(),
            step: StepProgress::running(3, Some(7), "RUN cargo build"),
        },
        line("Compiling serde v1.0.0"),
        line(" \r"),
        line("\x1b[32mCompiling\x1b[0m occ"),
    ]);
    stage.wait(2000);
    insta::assert_snapshot!(stage.shown(), @r"
    ⠋ tool  step 3/7 RUN cargo build                      2.0s
        Compiling serde v1.0.0
        \x1b[32mCompiling\x1b[0m occ
    ");
    stage.tell(&[finished("failed", "step 3 of 7 returned 101")]);
    assert_eq!(stage.shown(), "✗ tool  failed: step 3 of 7 returned 101");
}

#[test]
fn only_what_fits_the_height_is_drawn() {
    let mut stage = Stage::new(|| Size { columns: 80, rows: 8 });
    for id in ["one", "two", "three"] {
        stage.tell(&[Event::Started { image: id.into(), action: "pull", reference: id.into() }]);
        for number in 0..20_u64 {
            stage.tell(&[Event::Layer {
                image: id.into(),
                layer: format!("{number:012}"),
                state: LayerState::Downloading,
                current: number,
                total: 100,
            }]);
        }
    }
    stage.wait(300);
    let shown = stage.shown();
    assert_eq!(shown.lines().count(), 7, "{shown}");
    assert!(shown.contains("and 17 more layers"), "{shown}");
    for number in 0..9 {
        let reference = format!("{number}:1");
        stage.tell(&[Event::Started { image: reference.clone(), action: "pull", reference }]);
    }
    stage.wait(300);
    let shown = stage.shown();
    assert_eq!(shown.lines().count(), 7, "{shown}");
    assert!(shown.ends_with("and 6 more images"), "{shown}");
}

#[test]
fn nothing_is_left_behind() {
    for drop_only in [false, true] {
        let mut stage = Stage::new(|| Size { columns: 80, rows: 24 });
        stage.tell(&pull());
        stage.wait(500);
        stage.tty.println("stays");
        if drop_only {
            let idle = Tty::with_size(Look::test(80), false, Memory::default().sink(), || Size {
                columns: 80,
                rows: 24,
            });
            drop(std::mem::replace(&mut stage.tty, idle));
        } else {
            stage.tty.finish();
            stage.tty.finish();
            stage.tell(&[finished("cancelled", "")]);
            stage.wait(500);
            stage.tty.println("later");
        }
        let written = stage.memory.take();
        assert!(!written.contains("\x1b[?25l"), "the cursor is never hidden");
        stage.terminal.process(written.as_bytes());
        let rest = if drop_only { "" } else { "\n- tool  cancelled\nlater" };
        let want = format!("tool: 127.0.0.1:5000: not found, trying docker.io\nstays{rest}");
        assert_eq!(stage.shown(), want);
        assert_eq!(stage.terminal.screen().cursor_position().1, 0);
    }
}

#[test]
fn a_frame_is_written_at_once() {
    let mut stage = Stage::new(|| Size { columns: 80, rows: 24 });
    stage.tell(&pull());
    stage.memory.take();
    stage.tell(&[layer("0a0a0a0a0a0a", LayerState::Downloading, 13_000_000, 40_000_000)]);
    assert_eq!(stage.memory.take(), "", "events wait for the next tick");
    stage.wait(100);
    let frame = stage.memory.take();
    assert_eq!(frame.matches("\x1b[J").count(), 1, "{frame:?}");
    assert_eq!(frame.matches("tool").count(), 2, "{frame:?}");
}

#[test]
fn a_window_that_changes_its_width_keeps_no_old_bars() {
    use std::sync::atomic::{AtomicU16, Ordering};
    static COLUMNS: AtomicU16 = AtomicU16::new(80);
    let mut stage = Stage::new(|| Size { columns: COLUMNS.load(Ordering::Relaxed), rows: 24 });
    stage.tell(&pull()[3..5]);
    stage.wait(100);
    stage.memory.take();
    // Two rows of 78 and 76 columns take four lines when 40 are left.
    COLUMNS.store(40, Ordering::Relaxed);
    stage.wait(100);
    assert!(stage.memory.take().starts_with("\x1b[3A\r\x1b[J"));
    COLUMNS.store(120, Ordering::Relaxed);
    stage.wait(100);
    assert!(stage.memory.take().starts_with("\x1b[1A\r\x1b[J"));
}

#[test]
fn foreign_escapes_come_out_visible() {
    let look = Look { color: true, ..Look::test(80) };
    let mut stage = Stage::with(look, || Size { columns: 80, rows: 24 });
    let bad = "x\r\n\x1b[2J\x1b]0;t\x07\u{202e}y";
    stage.tell(&[
        Event::Started { image: bad.into(), action: "build", reference: bad.into() },
        Event::BuildStep { image: bad.into(), step: StepProgress::running(1, Some(1), bad) },
        Event::BuildLog { image: bad.into(), number: 1, line: bad.into() },
        Event::Layer {
            image: bad.into(),
            layer: bad.into(),
            state: LayerState::Downloading,
            current: 1,
            total: 2,
        },
        Event::Warning { image: Some(bad.into()), message: bad.into() },
        Event::Note { image: None, message: bad.into() },
    ]);
    stage.wait(100);
    stage.tell(&[Event::Finished {
        image: bad.into(),
        outcome: "failed",
        detail: bad.into(),
        millis: 1,
        code: None,
    }]);
    let written = stage.memory.take();
    assert!(written.contains("x\\x0d \\x1b[2J"), "{written:?}");
    let ours = |part: &str| {
        part.starts_with("[J")
            || part.strip_prefix('[').is_some_and(|rest| {
                let end = rest.find(|c: char| !c.is_ascii_digit());
                end.is_some_and(|end| rest[end..].starts_with(['m', 'A']))
            })
    };
    assert!(written.split('\x1b').skip(1).all(ours), "{written:?}");
    let control = |c: char| c.is_control() && !matches!(c, '\x1b' | '\r' | '\n');
    assert!(!written.contains(control) && !written.contains(['\x07', '\u{202e}']), "{written:?}");
}
