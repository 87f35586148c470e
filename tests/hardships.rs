//! What a machine and the others on it do to a run (rows 55, 60, 61 and 93): they take its image
//! away, kill it, set the clock, and leave it little of everything.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::image::Image;
use crate::support::occ::Occ;
use crate::support::real_engine::RealEngine;
use crate::support::registry::{Fault as RegistryFault, Registry};
use crate::support::scene::Scene;
use crate::support::script::Rule;
use crate::support::stub_engine::{Fault, StubEngine};
use crate::support::stub_table::StubImage;
use crate::support::unique;
use crate::sync::{from, table};

const PULLED: &str = "version = 1\n[retry]\nbackoff = \"10ms\"\n\
    [images.tool]\nname = \"acme/tool\"\ntag = \"1\"\nregistries = [\"ghcr.io\"]\n";

/// An engine that has another image under the name, for which it is pulled anew.
fn engine() -> StubEngine {
    StubEngine::start().remote("ghcr.io/acme/tool:1", &StubImage::new("tool"))
}

fn occ(engine: &StubEngine) -> Occ {
    Occ::manifest(PULLED).args(["-H", &engine.host(), "--progress", "plain", "sync"])
}

#[test]
fn row_55_an_image_that_somebody_removes_before_it_is_proven_is_pulled_again() {
    let gone = Fault::Status(404, "No such image: ghcr.io/acme/tool");
    // The first look is the observation, the second one the proof.
    let engine = engine().rule(Rule::on("GET /images/", gone).skip(1).times(1));
    let run = occ(&engine).run().expect(0);
    assert_eq!(engine.id("acme/tool:1"), Some(StubImage::new("tool").id), "{run}");
    assert_eq!(engine.seen("POST /images/create").len(), 2, "{run}");
}

#[test]
fn row_55_an_image_that_somebody_removes_before_it_is_named_is_told_and_nothing_moves() {
    let old = StubImage::new("old");
    let gone = Fault::Status(404, "No such image: sha256:1f");
    let engine = engine().local("acme/tool:1", &old).rule(Rule::on("/tag?", gone).times(1));
    let occ = occ(&engine).args(["--format", "json"]);
    let manifest = format!("{PULLED}pull_policy = \"always\"\n");
    let occ = occ.file("opencode.toml", manifest);
    let run = occ.run().expect(1);
    assert!(run.stdout.contains("No such image"), "{run}");
    assert_eq!(engine.id("acme/tool:1"), Some(old.id), "{run}");
    // The next run makes up for it.
    occ.run().expect(0);
    assert_eq!(engine.id("acme/tool:1"), Some(StubImage::new("tool").id));
}

/// On the real engine, whenever that happens to be.
#[test]
fn row_55_whoever_removes_it_all_the_time_never_makes_it_another_image() {
    let mut scene = Scene::new("row55");
    let registry = scene.registry();
    let pulled = format!("{}/{}@{}", registry.host(), scene.path(), scene.image.digest());
    let occ = scene.occ(&format!(
        "{}pull_policy = \"always\"\n[retry]\nbackoff = \"10ms\"\n",
        scene.entry("it", &[&registry.host()])
    ));
    for _ in 0..3 {
        let before = scene.holds_another();
        let is_over = AtomicBool::new(false);
        let run = thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    RealEngine::connect().remove(&pulled);
                }
            });
            let run = occ.run();
            is_over.store(true, Ordering::Relaxed);
            run
        });
        let held = scene.engine.id(&scene.name);
        if run.code() == 0 {
            // It was there, and named, and may have been removed since.
            let is_it = held.is_none() || scene.engine.holds(&scene.name, &scene.image);
            assert!(is_it, "{held:?}\n{run}");
        } else {
            // In the engine's words, which depend on how far it was.
            assert!(run.json()["images"][0]["error"].is_string(), "{run}");
            assert_eq!(held, Some(before), "{run}");
        }
    }
}

/// Killed after each line that it says, wherever in its work that is.
#[test]
fn row_60_whenever_it_is_killed_the_next_run_comes_to_the_same_end() {
    let mut engine = RealEngine::connect();
    let (pulled, built) = (engine.name("row60"), engine.name("row60"));
    let path = pulled.rsplit_once(':').unwrap().0;
    let mut lines = 0;
    for kill_after in 1.. {
        let image = Image::new(&(0..50).map(|_| unique()).collect::<String>());
        // For half a second; the next run gets it at once.
        let slow = Rule::on(&image.layers[0].digest, RegistryFault::Slow(300)).times(1);
        let registry = Registry::with(path, "1", &image).rule(slow);
        let pull = table("pulled", &pulled, &from(&[&registry]));
        let build = table("built", &built, "build = {}");
        let occ = Occ::manifest(&format!("version = 1\n{pull}{build}"))
            .file("Dockerfile", format!("FROM scratch\nCOPY file /{}\n", unique()))
            .file("file", unique())
            .args(["-H", engine.host(), "--progress", "json", "sync"]);
        let mut command = occ.command();
        let mut killed = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut told = BufReader::new(killed.stderr.take().unwrap()).lines();
        let told = told.by_ref().take(kill_after).map_while(Result::ok).count();
        killed.kill().unwrap();
        killed.wait().unwrap();

        let run = occ.run().expect(0);
        assert!(engine.holds(&pulled, &image), "killed after {told} lines\n{run}");
        let run = occ.run().expect(0);
        assert!(run.stdout.contains("2 unchanged"), "killed after {told} lines\n{run}");
        for name in [&pulled, &built] {
            let id = engine.id(name).unwrap();
            engine.remove(name);
            engine.remove(&format!("{}/{path}@{}", registry.host(), image.digest()));
            engine.remove(&id);
        }
        lines = lines.max(told);
        if told < kill_after {
            break;
        }
    }
    assert!(lines >= 10, "{lines}");
}

/// The library that tells a program another time.
fn faketime() -> PathBuf {
    let folders = fs_err::read_dir("/usr/lib").unwrap().flatten();
    let mut files = folders.map(|folder| folder.path().join("faketime/libfaketime.so.1"));
    files
        .find(|file| file.exists())
        .expect("this test needs the library `libfaketime`: `scripts/engine fixtures` installs it")
}

#[test]
fn row_61_a_clock_that_is_set_while_it_waits_changes_no_wait() {
    const ROUNDS: usize = 3;
    let engine = engine().failing("/distribution/", Fault::Status(503, "unavailable"));
    let manifest = PULLED.replace("[retry]\nbackoff = \"10ms\"\n", "");
    let occ = Occ::manifest(&manifest).file("clock", "+0");
    let clock = occ.work().join("clock");
    let occ = occ
        .args(["-H", &engine.host(), "--progress", "json", "sync"])
        .env("LD_PRELOAD", faketime().display().to_string())
        .env("FAKETIME_TIMESTAMP_FILE", clock.display().to_string())
        .env("FAKETIME_NO_CACHE", "1")
        // The time of day is set, and nothing else, as by an administrator.
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let running = occ.spawn();
    running.wait_for("\"round\":2");
    fs_err::write(&clock, "+3600").unwrap();
    running.wait_for("\"round\":3");
    fs_err::write(&clock, "-3600").unwrap();
    let run = running.wait().expect(7);

    let asked: Vec<Instant> = engine.seen("/distribution/").iter().map(|seen| seen.at).collect();
    assert_eq!(asked.len(), ROUNDS, "{run}");
    let waits = [1, 2].map(|round| asked[round] - asked[round - 1]);
    let from = |seconds: u64, wait: Duration| {
        let least = Duration::from_secs(seconds);
        (least..least + Duration::from_millis(900)).contains(&wait)
    };
    assert!(from(1, waits[0]) && from(2, waits[1]), "{waits:?}\n{run}");
    // It did see the other times.
    let events = run.events();
    let hours = events.iter().map(|event| event["ts"].as_str().unwrap()[11..13].to_owned());
    let mut hours: Vec<String> = hours.collect();
    hours.dedup();
    assert!(hours.len() >= 3, "{hours:?}\n{run}");
}

/// A context for which more than one thread would be used.
fn many_files(occ: Occ) -> Occ {
    let occ = occ.file("Dockerfile", "FROM scratch\nCOPY . /\n");
    (0..600).fold(occ, |occ, at| occ.file(&format!("many/{}/{at}", at % 7), "x"))
}

/// A run under this limit succeeds, or says that it can't start. Every run looks for a panic.
#[track_caller]
fn works_or_says_so(limit: &str, is_enough: bool) {
    let engine = StubEngine::start().remote("ghcr.io/acme/tool:1", &StubImage::new("tool"));
    let socket = engine.socket();
    for (path, mode) in [(socket.parent().unwrap(), 0o755), (&*socket, 0o777)] {
        fs_err::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }
    let manifest = format!("{PULLED}{}", table("built", "acme/built:1", "build = {}"));
    let occ = many_files(Occ::manifest(&manifest)).unprivileged();
    let occ = occ.args(["-H", &engine.host(), "sync"]).limited_by(limit);
    let run = occ.run();
    if is_enough {
        run.expect(0);
    } else if run.code() != 0 {
        assert!([1, 5].contains(&run.code()), "{limit}\n{run}");
        let told = format!("{}{}", run.stdout, run.stderr);
        assert!(told.contains("cannot ") || told.contains("(os error 24)"), "{limit}\n{run}");
    }
}

#[test]
fn row_93_few_open_files_are_enough_or_named() {
    works_or_says_so("--nofile=32", true);
    for files in [16, 10, 8, 6] {
        works_or_says_so(&format!("--nofile={files}"), false);
    }
}

/// Root is not limited so, and is nobody here.
#[test]
fn row_93_few_processes_are_enough_or_named() {
    for processes in 0..5 {
        works_or_says_so(&format!("--nproc={processes}"), false);
    }
}

#[test]
fn row_93_little_memory_is_enough() {
    works_or_says_so("--as=200000000", true);
}
