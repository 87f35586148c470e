//! The program at the hands of people and shells: terminals, pipes, arguments
//! (rows 91, 92 and 94); signals are in a part of their own.

mod arguments;
mod signals;

use std::fs::File;
use std::process::{Command, Stdio};

use crate::support::occ::{Occ, obeyed_by_terminals};
use crate::support::stub_engine::{End, Fault, StubEngine};
use crate::support::stub_table::StubImage;
use crate::support::terminal::OnTerminal;

const MANIFEST: &str = "version = 1\n\
    [images.opencode]\nname = \"acme/opencode\"\ntag = \"1\"\nregistries = [\"r.example\"]\n\
    [images.a-second-image]\nname = \"acme/second\"\ntag = \"1\"\nregistries = [\"r.example\"]\n\
    [images.built]\nname = \"acme/built\"\nbuild = {}\n";

/// An engine that can pull the first image and lacks the second.
fn engine() -> StubEngine {
    let image = StubImage::new("opencode");
    StubEngine::start().remote("r.example/acme/opencode:1", &image)
}

fn occ(engine: &StubEngine) -> Occ {
    let occ = Occ::manifest(MANIFEST).file("Dockerfile", "FROM scratch\n");
    occ.args(["-H", &engine.host()])
}

/// Every command that writes a result, and how it ends.
const RESULTS: [(&[&str], i32); 10] = [
    (&["check"], 0),
    (&["plan"], 0),
    (&["status"], 0),
    (&["sync"], 1),
    (&["why", "opencode"], 0),
    (&["doctor"], 0),
    (&["schema"], 0),
    (&["--help"], 0),
    (&["--version"], 0),
    (&["--format", "json", "plan"], 0),
];

/// Runs it with this for stdout. What is left is stderr.
fn run_into(occ: &Occ, arguments: &[&str], stdout: impl Into<Stdio>) -> (i32, String) {
    let mut command = occ.command();
    let output = command.args(arguments).stdout(stdout).stderr(Stdio::piped()).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert!(!stderr.contains(obeyed_by_terminals), "{stderr}");
    (output.status.code().unwrap(), stderr)
}

fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

/// The end of a pipe whose reader is gone, as after `| head -1`.
fn broken_pipe() -> std::io::PipeWriter {
    std::io::pipe().unwrap().1
}

#[test]
fn row_59_a_reader_that_went_away_is_no_failure() {
    let engine = engine();
    let occ = occ(&engine);
    for (arguments, code) in RESULTS {
        let (ended, stderr) = run_into(&occ, arguments, broken_pipe());
        assert_eq!(ended, code, "{arguments:?}: {stderr}");
        assert!(!stderr.contains("stdout") && !stderr.contains("pipe"), "{arguments:?}: {stderr}");
    }
}

#[test]
fn row_59_nobody_needs_to_listen_for_the_work_to_be_done() {
    for make in [|| Stdio::from(broken_pipe()), || Stdio::from(full())] {
        let engine = engine();
        let occ = occ(&engine).args(["sync", "opencode", "-vvv"]);
        let status = occ.command().stdout(Stdio::null()).stderr(make()).status().unwrap();
        assert_eq!(status.code(), Some(0));
        assert!(engine.id("acme/opencode:1").is_some());
    }
}

#[test]
fn row_91_a_result_that_cannot_be_written_is_a_failure_and_a_line() {
    let engine = engine();
    let occ = occ(&engine);
    for (arguments, _) in RESULTS {
        let (ended, stderr) = run_into(&occ, arguments, full());
        assert_eq!(ended, 1, "{arguments:?}: {stderr}");
        let told = "error: cannot write to stdout\n  caused by: No space left on device";
        assert_eq!(stderr.matches(told).count(), 1, "{arguments:?}: {stderr}");
    }
}

#[test]
fn row_91_a_closed_stdout_does_no_harm() {
    // Rust's runtime opens `/dev/null` in its place before `main` begins, so nothing
    // fails; above all, no socket gets the number of stdout and what is written to it.
    let engine = engine();
    let occ = occ(&engine);
    for (arguments, code) in RESULTS {
        let mut command = Command::new("/bin/sh");
        let program = occ.command();
        command.args(["-c", "exec \"$0\" \"$@\" >&- 2>&-"]).arg(program.get_program());
        command.args(program.get_args()).args(arguments).current_dir(occ.work());
        assert_eq!(command.status().unwrap().code(), Some(code), "{arguments:?}");
    }
    assert!(engine.id("acme/opencode:1").is_some());
}

/// What a terminal shows in the end, with all that scrolled away.
fn shown(transcript: &str, columns: u16) -> Vec<String> {
    let mut parser = vt100::Parser::new(1000, columns, 0);
    parser.process(transcript.as_bytes());
    assert!(!parser.screen().hide_cursor(), "the cursor is gone: {transcript:?}");
    let rows = parser.screen().rows(0, columns).map(|row| row.trim_end().to_owned());
    rows.filter(|row| !row.is_empty()).collect()
}

/// What is drawn over again and again: spinners and bars.
const DRAWN: [char; 13] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏', '━', '─', '█'];

/// The lines that were drawn over, without their colours.
fn drawn(transcript: &str) -> Vec<String> {
    let plain = anstream::adapter::strip_str(transcript).to_string();
    let lines = plain.split(['\r', '\n']).filter(|line| line.contains(DRAWN));
    lines.map(str::to_owned).collect()
}

#[test]
fn row_92_on_a_narrow_terminal_no_bar_is_wider_and_none_is_left() {
    for columns in [20, 40, 80] {
        let engine = engine();
        let occ = occ(&engine).args(["sync"]).env("TERM", "xterm");
        let (status, transcript) = OnTerminal::start(&occ, columns).wait();
        assert_eq!(status.code(), Some(1));
        let bars = drawn(&transcript);
        assert!(!bars.is_empty(), "{transcript:?}");
        for bar in bars {
            // A terminal that is full to the last column would begin a new line.
            let width = unicode_width::UnicodeWidthStr::width(bar.as_str());
            assert!(width <= usize::from(columns), "{width} of {columns}: {bar:?}");
        }
        let shown = shown(&transcript, columns);
        let all = shown.join("\n");
        assert!(!all.contains(DRAWN), "{all}");
        // Had a bar wrapped, a part of it would stand between these lines.
        for line in ["✓ opencode", "✓ built"] {
            assert_eq!(shown.iter().filter(|row| row.starts_with(line)).count(), 1, "{all}");
        }
        let last = "1 pulled, 1 built, 1 failed in ";
        let words: Vec<&str> = all.split_whitespace().collect();
        assert!(words.join(" ").contains(last), "{all}");
        assert!(words.join(" ").contains("registries that may be contacted: r.example"), "{all}");
    }
}

#[test]
fn row_92_after_an_interrupt_the_terminal_is_as_it_was() {
    let line = |line: &str| line.as_bytes().to_vec();
    let lines = vec![
        line(r#"{"status":"Pulling from acme/opencode","id":"1"}"#),
        line(
            r#"{"status":"Downloading","progressDetail":{"current":5,"total":9},"id":"0123456789ab"}"#,
        ),
        line(
            r#"{"status":"Downloading","progressDetail":{"current":1,"total":9},"id":"0a9876543210"}"#,
        ),
    ];
    for (columns, drawn_when) in [(20, "33%"), (80, "0a9876543210")] {
        let fault = Fault::Stream(lines.clone(), End::Never);
        let engine = engine().failing("POST /images/create", fault);
        let occ = occ(&engine).args(["sync", "opencode"]).env("TERM", "xterm");
        let running = OnTerminal::start(&occ, columns);
        running.wait_for(drawn_when);
        running.interrupt();
        let (status, transcript) = running.wait();
        assert_eq!(status.code(), Some(130), "{transcript:?}");
        assert!(transcript.contains("^C"), "{transcript:?}");
        assert!(!drawn(&transcript).is_empty());
        let all = shown(&transcript, columns).join("\n");
        assert!(!all.contains(DRAWN) && !all.contains("0a98"), "{all}");
        assert!(all.contains("1 cancelled in "), "{all}");
    }
}

#[test]
fn row_92_where_nothing_can_be_drawn_there_are_plain_lines() {
    let plain = |world: &str, columns: Option<u16>, change: &dyn Fn(Occ) -> Occ| {
        let engine = engine();
        let occ = change(occ(&engine).args(["sync"]).env("TERM", "xterm"));
        let text = match columns {
            None => occ.run().expect(1).stderr,
            Some(columns) => OnTerminal::start(&occ, columns).wait().1.replace("\r\n", "\n"),
        };
        assert!(!text.contains(obeyed_by_terminals), "{world}: {text:?}");
        assert!(!text.contains(DRAWN), "{world}: {text}");
        for line in ["opencode: pulled from r.example, ", "a-second-image: r.example: not found\n"]
        {
            assert!(text.contains(line), "{world}: {text}");
        }
    };
    plain("no terminal", None, &|occ| occ);
    plain("no terminal, and a width", None, &|occ| occ.env("COLUMNS", "20"));
    plain("a dumb terminal", Some(80), &|occ| occ.env("TERM", "dumb"));
    plain("a narrow dumb terminal", Some(20), &|occ| occ.env("TERM", "dumb"));
    plain("asked for", Some(80), &|occ| occ.args(["--progress", "plain", "--color", "never"]));
    plain("asked for", Some(20), &|occ| occ.env("OCC_PROGRESS", "plain").env("NO_COLOR", "1"));
}

#[test]
fn row_92_colours_are_only_where_they_are_wanted() {
    let colored = |change: &dyn Fn(Occ) -> Occ| {
        let engine = engine();
        let occ = change(occ(&engine).args(["sync"]).env("TERM", "xterm"));
        let (_, transcript) = OnTerminal::start(&occ, 80).wait();
        assert!(!drawn(&transcript).is_empty(), "{transcript:?}");
        transcript.contains("\x1b[1m") || transcript.contains("\x1b[32m")
    };
    assert!(colored(&|occ| occ));
    assert!(!colored(&|occ| occ.env("NO_COLOR", "1")));
    assert!(!colored(&|occ| occ.args(["--color", "never"])));
    assert!(colored(&|occ| occ.env("NO_COLOR", "1").args(["--color", "always"])));
    // An empty variable says nothing.
    assert!(colored(&|occ| occ.env("NO_COLOR", "")));
}
