//! Much of everything: what it needs grows no faster than what there is to do, and its memory
//! hardly at all (rows 84, 85 and 90 of the fault matrix have more of it). Nothing here reads a
//! clock: work is counted in requests and lines, memory by the kernel.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::support::memory::{Peak, peak_of, watched};
use crate::support::occ::Occ;
use crate::support::script::Rule;
use crate::support::stub_engine::{Fault, StubEngine};
use crate::support::stub_table::StubImage;
use crate::sync::{ONE_ROUND, table};

/// What came of a sync.
#[derive(Debug)]
struct Cost {
    requests: usize,
    /// Bytes of all that it said.
    said: usize,
    peak: Peak,
}

/// What a sync costs that has all to do, and one that has nothing to do.
fn costs(engine: &StubEngine, occ: &Occ, images: usize) -> [Cost; 2] {
    ["changed", "unchanged"].map(|expected| {
        let before = engine.seen("").len();
        let (run, peak) = watched(occ.spawn());
        let run = run.expect(0);
        let all = run.json()["images"].as_array().unwrap().len();
        assert_eq!(all, images, "{run}");
        assert_eq!(run.json()["changed"], expected == "changed", "{run}");
        let said = run.stdout.len() + run.stderr.len();
        Cost { requests: engine.seen("").len() - before, said, peak }
    })
}

/// A tenth of them is built, the others are pulled; all of it is locked.
fn of_so_many(images: usize) -> [Cost; 2] {
    let mut engine = StubEngine::start();
    let mut manifest = ONE_ROUND.to_owned();
    for at in 0..images {
        let name = format!("acme/load-{at}:1");
        let rest = if at % 10 == 0 {
            "build = { context = \"app\" }"
        } else {
            engine = engine.remote(&format!("ghcr.io/{name}"), &StubImage::new(&name));
            "registries = [\"ghcr.io\"]"
        };
        manifest += &table(&format!("it-{at}"), &name, rest);
    }
    let occ = Occ::manifest(&manifest).file("app/Dockerfile", "FROM scratch\nCOPY . /\n");
    let occ = occ.args(["-H", &engine.host(), "--progress", "plain", "--format", "json", "sync"]);
    costs(&engine, &occ.locking(), images)
}

#[test]
fn ten_times_the_images_are_ten_times_the_work() {
    let (few, many) = (of_so_many(20), of_so_many(200));
    eprintln!("20 images: {few:?}\n200 images: {many:?}");
    for (few, many) in few.iter().zip(&many) {
        // What does not depend on their number is in both.
        assert!(many.requests <= 10 * few.requests, "{few:?} and {many:?}");
        assert!(many.said <= 11 * few.said, "{few:?} and {many:?}");
        assert!(many.peak.0 < few.peak.0 + 10_000_000, "{few:?} and {many:?}");
    }
    // One look an image, and one list, for all that is in sync.
    assert!(many[1].requests <= 200 + 20 + 10, "{many:?}");
}

/// Each is built on the one before it.
fn a_chain_of(images: usize) -> [Cost; 2] {
    let engine = StubEngine::start();
    let mut manifest = ONE_ROUND.to_owned();
    let mut occ = Occ::new();
    for at in 0..images {
        let build = format!("build = {{ context = \"{at}\" }}");
        manifest += &table(&format!("it-{at}"), &format!("acme/link-{at}:1"), &build);
        let base = at.checked_sub(1).map_or("scratch".to_owned(), |at| format!("acme/link-{at}:1"));
        occ = occ.file(&format!("{at}/Dockerfile"), format!("FROM {base}\nCOPY . /\n"));
    }
    let occ = occ.file("opencode.toml", manifest);
    let occ = occ.args(["-H", &engine.host(), "--progress", "plain", "--format", "json", "sync"]);
    costs(&engine, &occ, images)
}

#[test]
fn images_on_images_are_as_much_work_as_images_beside_each_other() {
    let (few, many) = (a_chain_of(10), a_chain_of(100));
    eprintln!("10 in a chain: {few:?}\n100 in a chain: {many:?}");
    for (few, many) in few.iter().zip(&many) {
        // The first one has no base to be looked at.
        assert!(many.requests <= 10 * few.requests + 10, "{few:?} and {many:?}");
        assert!(many.peak.0 < few.peak.0 + 10_000_000, "{few:?} and {many:?}");
    }
}

/// A gigabyte with `--release`; else a sixteenth of it, which takes as long.
#[test]
fn row_90_of_a_gigabyte_that_a_build_prints_no_line_is_lost() {
    const LINES: usize = if cfg!(debug_assertions) { 1 << 12 } else { 1 << 16 };
    const WIDTH: usize = 1 << 14;
    let line = format!("{{\"stream\":\"line #N# {}\\n\"}}", "y".repeat(WIDTH - 12));
    let prints = Fault::Flood(line.into_bytes(), LINES);
    let engine = StubEngine::start().rule(Rule::on("POST /build", prints));
    let manifest = ONE_ROUND.to_owned() + &table("tool", "acme/tool:1", "build = {}");
    let occ = Occ::manifest(&manifest).file("Dockerfile", "FROM scratch\nCOPY . /\n");
    let occ = occ.args(["-H", &engine.host(), "--progress", "json", "sync"]);
    let mut command = occ.command();
    let mut running = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut events = BufReader::new(running.stderr.take().unwrap());
    let (mut event, mut seen, mut bytes, mut peak) = (String::new(), 0, 0, Peak(0));
    while events.read_line(&mut event).unwrap() > 0 {
        bytes += event.len();
        if let Some((_, line)) = event.split_once("\"line\":\"line ") {
            let number: usize = line.split(' ').next().unwrap().parse().unwrap();
            assert_eq!(number, seen, "a line was lost, or told twice");
            seen += 1;
            if seen % 1000 == 0 {
                peak = peak_of(running.id()).unwrap_or(peak);
            }
        }
        event.clear();
    }
    let output = running.wait_with_output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert_eq!(seen, LINES);
    assert!(bytes > LINES * (WIDTH - 12), "{bytes}");
    eprintln!("{bytes} bytes of a build's output: {peak:?}");
    // Most of it is the program itself, which is large without `--release`.
    assert!(Peak(0) < peak && peak < Peak(40_000_000), "{peak:?}");
    // What people read is the end of it, in order.
    let places: Vec<_> =
        (LINES - 30..LINES).map(|at| told.find(&format!("| line {at} ")).expect(&told)).collect();
    assert!(places.is_sorted() && !told.contains(&format!("| line {} ", LINES - 31)), "{told}");
    let log = fs_err::metadata(log_of(&occ)).unwrap().len();
    assert!((60_000_000..=64_100_000).contains(&log), "the log has its limit: {log}");
}

/// The one log of a build that there is.
fn log_of(occ: &Occ) -> std::path::PathBuf {
    let folder = occ.path("home").join(".local/state/occ/builds");
    let logs = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let logs: Vec<_> = logs.collect();
    assert_eq!(logs.len(), 1, "{logs:?}");
    logs.into_iter().next().unwrap()
}

/// A registry that hands out a layer for hours tells of it again and again.
#[test]
fn row_27_a_pull_that_tells_of_itself_without_end_fills_nothing() {
    let image = StubImage::new("tool");
    let line = b"{\"id\":\"0123456789ab\",\"status\":\"Downloading\",\
        \"progressDetail\":{\"current\":10,\"total\":20}}";
    let told = |times: usize| {
        let flood = Rule::on("POST /images/create", Fault::Flood(line.to_vec(), times)).times(1);
        let engine = StubEngine::start().remote("ghcr.io/acme/tool:1", &image).rule(flood);
        let rest = "registries = [\"ghcr.io\"]\nretry = { attempts = 2, backoff = \"1ms\" }";
        let manifest = format!("version = 1\n{}", table("tool", "acme/tool:1", rest));
        let occ = Occ::manifest(&manifest).args(["-H", &engine.host(), "--progress", "plain"]);
        let mut command = occ.command();
        command.arg("sync");
        let (run, peak) = watched(occ.start(command));
        assert!(run.stderr.lines().count() < 20, "{run}");
        run.expect(0);
        peak
    };
    let (few, many) = (told(10), told(200_000));
    eprintln!("10 lines of progress: {few:?}, 200,000: {many:?}");
    assert!(many.0 < few.0 + 8_000_000, "{few:?} and {many:?}");
}
