//! What ends a run from outside: signals and `--timeout` (rows 58 and 59).

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::image::Image;
use crate::support::occ::{Occ, Run, Running};
use crate::support::real_engine::RealEngine;
use crate::support::registry::{Fault as RegistryFault, Registry};
use crate::support::stub_engine::{End, Fault, StubEngine};
use crate::support::stub_table::StubImage;
use crate::support::{is_running, unique, wait_until};

/// How soon a run must end after a signal. The machine may be busy with other tests.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Sends the signal; the run must end with this code, at once.
#[track_caller]
fn ended_by(running: Running<'_>, signal: Signal, code: i32) -> Run {
    let sent = Instant::now();
    running.signal(signal);
    let run = running.wait().expect(code);
    assert!(sent.elapsed() < AT_ONCE, "it took {:?}\n{run}", sent.elapsed());
    run
}

/// The outcomes of the images in a document, in their order.
fn outcomes(document: &Value) -> Vec<&str> {
    let images = document["images"].as_array().unwrap();
    images.iter().map(|image| image["outcome"].as_str().unwrap()).collect()
}

/// A manifest of images `a`, `b` and `c`, pulled one after the other.
fn three_images() -> String {
    let image = |id: &str| {
        format!("[images.{id}]\nname = \"acme/{id}\"\ntag = \"1\"\nregistries = [\"r.example\"]\n")
    };
    "version = 1\n[limits]\npulls = 1\n".to_owned() + &["a", "b", "c"].map(image).concat()
}

/// An engine that has `a`, can pull `b`, and does this when it shall pull `c`.
fn engine_with(fault: Fault) -> StubEngine {
    let [a, b, c] = ["a", "b", "c"].map(StubImage::new);
    StubEngine::start()
        .local("acme/a:1", &a)
        .remote("r.example/acme/b:1", &b)
        .remote("r.example/acme/c:1", &c)
        .failing("POST /images/create?fromImage=r.example%2Facme%2Fc", fault)
}

fn downloading() -> Vec<Vec<u8>> {
    [
        r#"{"status":"Pulling from acme/c","id":"1"}"#,
        r#"{"status":"Downloading","progressDetail":{"current":5,"total":9},"id":"0123456789ab"}"#,
    ]
    .map(|line| line.as_bytes().to_vec())
    .into()
}

#[test]
fn row_58_interrupted_in_a_pull_the_real_engine_lets_go() {
    let mut engine = RealEngine::connect();
    let name = engine.name("row58");
    let (path, _) = name.split_once(':').unwrap();
    // A trickle that lasts for a minute. It has to move: this engine notices only with
    // the next byte of a layer that nobody wants it any more, whoever the client is.
    let image = Image::new(&(0..600).map(|_| unique()).collect::<String>());
    let layer = &image.layers[0].digest;
    let registry = Registry::with(path, "1", &image).failing(layer, RegistryFault::Slow(10));
    let occ = Occ::manifest(&format!(
        "version = 1\n[images.tool]\nname = \"{path}\"\ntag = \"1\"\nregistries = [\"{}\"]\n",
        registry.host()
    ));
    let occ = occ.args(["-H", engine.host(), "sync"]);
    let running = occ.spawn();
    wait_until("the layer is asked for", || !registry.seen(layer).is_empty());
    let run = ended_by(running, Signal::INT, 130);
    assert!(run.stdout.contains("1 cancelled in "), "{run}");
    wait_until("the engine hangs up on the registry", || registry.abandoned() > 0);
    assert_eq!(engine.id(&name), None);
}

/// What `nohup` does for a program, and a shell for what it starts in the background.
#[test]
fn row_59_a_signal_that_was_to_be_ignored_is_ignored() {
    let engine = engine_with(Fault::Stream(downloading(), End::Never));
    let occ = Occ::manifest(&three_images()).args(["-H", &engine.host(), "sync", "c"]);
    let occ = occ.ignoring("HUP INT");
    let running = occ.spawn();
    wait_until("the pull is under way", || !engine.seen("POST /images/create").is_empty());
    for signal in [Signal::HUP, Signal::INT] {
        running.signal(signal);
        std::thread::sleep(Duration::from_millis(200));
    }
    // It went on, and is ended by the one that nobody ignores.
    ended_by(running, Signal::TERM, 143);
}

#[test]
fn row_58_interrupted_in_a_build_the_real_engine_stops_its_step() {
    for builder in RealEngine::connect().builders() {
        interrupted_in_a_step(builder);
    }
}

fn interrupted_in_a_step(builder: &str) {
    let mut engine = RealEngine::connect();
    let name = engine.name("row58");
    let (path, _) = name.split_once(':').unwrap();
    let mark = unique();
    let busybox =
        ["/bin/busybox", "/usr/bin/busybox"].iter().find_map(|path| fs_err::read(path).ok());
    let busybox = busybox.expect("this test needs a static busybox: `scripts/test` installs one");
    let step = format!("RUN [\"/busybox\", \"sh\", \"-c\", \": {mark}; /busybox sleep 600; :\"]");
    let occ = Occ::manifest(&format!(
        "version = 1\n[images.tool]\nname = \"{path}\"\ntag = \"1\"\n\
         build = {{ context = \"ctx\", builder = \"{builder}\" }}\n"
    ))
    .file("ctx/busybox", busybox)
    .file("ctx/Dockerfile", format!("FROM scratch\nCOPY busybox /\n{step}\n"));
    let mode = PermissionsExt::from_mode(0o755);
    fs_err::set_permissions(occ.work().join("ctx/busybox"), mode).unwrap();
    let occ = occ.args(["-H", engine.host(), "sync"]);
    let running = occ.spawn();
    wait_until("the step runs", || is_running(&mark));
    let run = ended_by(running, Signal::INT, 130);
    assert!(run.stdout.contains("1 cancelled in "), "{run}");
    wait_until("the step is stopped", || !is_running(&mark));
    assert_eq!(engine.id(&name), None);
}

/// A build whose context has a file of this size, which takes no place on the disk.
fn build_with_file(engine: &StubEngine, size: u64) -> Occ {
    let occ = Occ::manifest("version = 1\n[images.tool]\nname = \"tool\"\nbuild = {}\n")
        .file("Dockerfile", "FROM scratch\n");
    fs_err::File::create(occ.work().join("big")).unwrap().set_len(size).unwrap();
    occ.args(["-H", &engine.host(), "sync"])
}

#[test]
fn row_58_interrupted_while_it_reads_the_context() {
    let engine = StubEngine::start();
    let occ = build_with_file(&engine, 1 << 40);
    let running = occ.spawn();
    wait_until("the engine is asked", || !engine.seen("GET /images/").is_empty());
    let run = ended_by(running, Signal::INT, 130);
    assert_eq!(run.stderr, "error: interrupted, nothing was changed\n");
}

#[test]
fn row_58_interrupted_in_an_upload() {
    let engine = StubEngine::start().reading_slowly();
    let occ = build_with_file(&engine, 16 << 20);
    let running = occ.spawn();
    wait_until("the context is on its way", || engine.received() > 100_000);
    let run = ended_by(running, Signal::INT, 130);
    assert!(run.stdout.contains("1 cancelled in "), "{run}");
    assert!(engine.seen("POST /build").is_empty(), "the request was never whole");
}

#[test]
fn row_58_interrupted_while_it_waits_for_the_next_round() {
    let engine = StubEngine::start().failing("/distribution/", Fault::Status(503, "unavailable"));
    let text = three_images() + "[retry]\nbackoff = \"30s\"\n";
    let occ = Occ::manifest(&text).args(["-H", &engine.host(), "--progress", "plain", "sync", "b"]);
    let running = occ.spawn();
    running.wait_for("round 2 of 3 in 3");
    let run = ended_by(running, Signal::INT, 130);
    assert!(run.stdout.contains("1 cancelled in "), "{run}");
    assert_eq!(engine.seen("/distribution/").len(), 1);
}

#[test]
fn row_58_what_was_done_before_is_told() {
    let engine = engine_with(Fault::Stream(downloading(), End::Never));
    let occ = Occ::manifest(&three_images()).args(["-H", &engine.host(), "sync"]);
    let running = occ.spawn();
    wait_until("the last pull began", || !engine.seen("Facme%2Fc&").is_empty());
    let run = ended_by(running, Signal::INT, 130).says(&["interrupted"]);
    assert!(run.stdout.contains("1 pulled, 1 unchanged, 1 cancelled in "), "{run}");
    assert!(engine.id("acme/b:1").is_some() && engine.id("acme/c:1").is_none());
    wait_until("the engine is let go", || engine.abandoned() == 1);

    let engine = engine_with(Fault::Stream(downloading(), End::Never));
    let occ =
        Occ::manifest(&three_images()).args(["-H", &engine.host(), "--format", "json", "sync"]);
    let running = occ.spawn();
    wait_until("the last pull began", || !engine.seen("Facme%2Fc&").is_empty());
    let document = ended_by(running, Signal::INT, 130).json();
    assert_eq!(document["exit_code"], 130);
    assert_eq!(outcomes(&document), ["unchanged", "done", "cancelled"]);
}

#[test]
fn row_58_a_command_that_changes_nothing_says_so() {
    for command in ["plan", "status", "sync"] {
        let engine = StubEngine::start().failing("GET /images/", Fault::Hang);
        let occ = Occ::manifest(&three_images()).args(["-H", &engine.host(), command]);
        let running = occ.spawn();
        wait_until("the engine is asked", || !engine.seen("GET /images/").is_empty());
        let run = ended_by(running, Signal::INT, 130);
        assert_eq!((&*run.stdout, &*run.stderr), ("", "error: interrupted, nothing was changed\n"));
        wait_until("the engine is let go", || engine.abandoned() > 0);
    }
}

/// Waits for the end of a process, and says how it ended.
#[track_caller]
fn end_of(child: &mut Child) -> Option<i32> {
    let mut status = None;
    wait_until("the run ends", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    status?.code()
}

#[test]
fn row_58_the_second_interrupt_ends_it_whatever_it_is_doing() {
    let engine = engine_with(Fault::Hang);
    let occ = Occ::manifest(&three_images()).args(["-H", &engine.host(), "sync"]);
    // A pipe that is full and that nobody reads holds the report up.
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&vec![0; 64 << 10]).unwrap();
    let mut command = occ.command();
    let mut child = command.stdout(writer).stderr(Stdio::null()).spawn().unwrap();
    wait_until("the last pull began", || !engine.seen("Facme%2Fc&").is_empty());
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::INT).unwrap();
    wait_until("the engine is let go", || engine.abandoned() == 1);
    assert_eq!(child.try_wait().unwrap(), None, "the report can't be written yet");
    let sent = Instant::now();
    kill_process(pid, Signal::INT).unwrap();
    assert_eq!(end_of(&mut child), Some(130));
    assert!(sent.elapsed() < AT_ONCE);
    drop(reader);
}

#[test]
fn row_59_other_signals_end_it_in_the_same_way() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129)] {
        let engine = engine_with(Fault::Hang);
        let occ = Occ::manifest(&three_images()).args(["-H", &engine.host(), "sync"]);
        let running = occ.spawn();
        wait_until("the last pull began", || !engine.seen("Facme%2Fc&").is_empty());
        let run = ended_by(running, signal, code);
        assert!(run.stdout.contains("1 pulled, 1 unchanged, 1 cancelled in "), "{run}");
        wait_until("the engine is let go", || engine.abandoned() == 1);
    }
}

#[test]
fn a_run_may_take_no_longer_than_its_timeout() {
    let engine = engine_with(Fault::Stream(downloading(), End::Never));
    let occ = Occ::manifest(&three_images()).args(["-H", &engine.host(), "--timeout", "1s"]);
    let limit = Duration::from_secs(3);
    let run = occ.run_with(["sync"]).expect(7).within(limit).says(&["`--timeout`"]);
    assert!(run.elapsed >= Duration::from_secs(1), "{run}");
    assert!(run.stdout.contains("1 pulled, 1 unchanged, 1 cancelled in "), "{run}");
    wait_until("the engine is let go", || engine.abandoned() == 1);
    let document = occ.run_with(["--format", "json", "sync"]).expect(7).within(limit).json();
    assert_eq!(outcomes(&document), ["unchanged", "unchanged", "cancelled"]);

    let engine = StubEngine::start().failing("GET /images/", Fault::Hang);
    for command in ["plan", "status", "sync"] {
        let occ = Occ::manifest(&three_images()).env("OCC_TIMEOUT", "100ms");
        let run = occ.args(["-H", &engine.host(), command]).run().expect(7).within(limit);
        assert_eq!(run.stderr, "error: `--timeout` is over, nothing was changed\n");
    }
}
