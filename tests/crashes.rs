//! Runs that are killed at any moment (row 60), and runs beside each other (row 57): what they
//! leave is old or new, and whole, and the next run makes up for it.
//!
//! When a run is killed is chance, whose seed a failing test tells: `OCC_TEST_SEED` repeats it as
//! far as the machine lets it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::chance::Chance;
use crate::support::image::Image;
use crate::support::occ::Occ;
use crate::support::real_engine::RealEngine;
use crate::support::registry::{Fault, Registry};
use crate::support::script::Rule;
use crate::support::stub_engine::StubEngine;
use crate::support::stub_table::StubImage;
use crate::support::unique;
use crate::sync::{ONE_ROUND, from, table};

/// Runs it, and kills it at a moment of this span; whether it was killed before its end.
fn killed(occ: &Occ, chance: &mut Chance, span: Duration) -> bool {
    let running = occ.spawn();
    sleep(chance.moment_in(span));
    // It may be done by then.
    let _ = kill_process(Pid::from_raw(running.pid()).unwrap(), Signal::KILL);
    running.wait().code() == -9
}

/// How long a run takes that is left alone.
fn whole(occ: &Occ) -> Duration {
    let begun = Instant::now();
    occ.run().expect(0);
    begun.elapsed()
}

/// The files in a folder that the test did not put there, by their names.
fn left_in(folder: PathBuf, known: &[&str]) -> Vec<String> {
    let names = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| !known.contains(&name.as_str())).collect()
}

const IMAGES: usize = 60;

/// The names of the images in the manifest of [`many`].
fn names() -> impl Iterator<Item = String> {
    (0..IMAGES).map(|at| format!("acme/of-many-{at}:1"))
}

fn many() -> String {
    let rest = "registries = [\"ghcr.io\"]";
    let tables = names().enumerate().map(|(at, name)| table(&format!("it-{at}"), &name, rest));
    ONE_ROUND.to_owned() + &tables.collect::<String>()
}

/// The registries move on to this.
fn serving(engine: StubEngine, content: &str) -> StubEngine {
    let image = |name: &str| StubImage::new(&format!("{name} {content}"));
    names().fold(engine, |engine, name| engine.remote(&format!("ghcr.io/{name}"), &image(&name)))
}

#[test]
fn row_60_a_lock_whose_writer_is_killed_is_the_old_or_the_new_one() {
    const KILLS: usize = 40;
    let mut chance = Chance::new();
    let mut engine = serving(StubEngine::start(), "0");
    let occ = Occ::manifest(&many()).args(["-H", &engine.host(), "lock", "--upgrade"]).locking();
    let path = occ.work().join("opencode.lock");
    let span = whole(&occ);
    let mut old = fs_err::read_to_string(&path).unwrap();
    let mut kills = 0;
    for round in 1.. {
        if kills == KILLS {
            break;
        }
        engine = serving(engine, &round.to_string());
        kills += usize::from(killed(&occ, &mut chance, span));
        let found = fs_err::read_to_string(&path).unwrap();
        let left = left_in(occ.work(), &["opencode.toml", "opencode.lock"]);
        assert!(left.len() <= 1, "{left:?}");
        occ.run().expect(0);
        let left = left_in(occ.work(), &["opencode.toml", "opencode.lock"]);
        assert!(left.is_empty(), "a run that is left alone leaves {left:?}");
        let new = fs_err::read_to_string(&path).unwrap();
        assert_ne!(old, new);
        assert!(found == old || found == new, "neither:\n{found}");
        old = new;
    }
}

#[test]
fn row_60_a_file_beside_the_lock_goes_when_nobody_writes_it_any_more() {
    let engine = serving(StubEngine::start(), "0");
    let occ = Occ::manifest(&many()).args(["-H", &engine.host(), "lock"]).locking();
    let names = [".opencode.lock.abc123.occ", ".opencode.lock.mine", ".opencode.lock.held00.occ"];
    let occ = names.iter().fold(occ, |occ, name| occ.file(name, "half of it"));
    // Another occ, which lives.
    let held = fs_err::File::open(occ.work().join(names[2])).unwrap();
    held.file().lock().unwrap();
    occ.run().expect(0);
    let mut left = left_in(occ.work(), &["opencode.toml", "opencode.lock"]);
    left.sort();
    assert_eq!(left, [names[2], names[1]]);
}

/// What `occ why` tells of the inputs, with or without what it remembers of files.
fn told(occ: &Occ, cache: &str) -> String {
    let mut command = occ.command();
    command.args(["why", "tool", "--format", "json"]).env("XDG_CACHE_HOME", cache);
    let run = occ.start(command).wait().expect(0);
    let document = run.json();
    assert!(document["why"]["inputs"].is_object(), "{run}");
    document["why"]["inputs"].to_string()
}

#[test]
fn row_60_what_is_remembered_of_files_is_whole_or_not_believed() {
    const FILES: usize = 2000;
    let mut chance = Chance::new();
    let engine = StubEngine::start();
    let manifest = ONE_ROUND.to_owned() + &table("tool", "acme/tool:1", "build = {}");
    let occ = Occ::manifest(&manifest).file("Dockerfile", "FROM scratch\nCOPY . /\n");
    let path = |at: usize| format!("many/{}/{at}", at % 20);
    let occ = (0..FILES).fold(occ, |occ, at| occ.file(&path(at), "0"));
    let occ = occ.args(["-H", &engine.host()]);
    // What was written a moment ago is not remembered.
    sleep(Duration::from_millis(2100));
    let cache = occ.path("home").join("cache");
    let cache = cache.display().to_string();
    let begun = Instant::now();
    told(&occ, &cache);
    let span = begun.elapsed();
    let shelf = PathBuf::from(&cache).join("occ/stats-2");
    let (mut seen, mut most) = (BTreeSet::new(), 0);
    for round in 0..40 {
        for _ in 0..20 {
            let file = occ.work().join(path(chance.below(FILES)));
            // As long as before, which is what a cache could take for the same.
            fs_err::write(file, (round % 10).to_string()).unwrap();
        }
        let mut command = occ.command();
        command.args(["plan"]).env("XDG_CACHE_HOME", &cache);
        let running = occ.start(command);
        sleep(chance.moment_in(span));
        let _ = kill_process(Pid::from_raw(running.pid()).unwrap(), Signal::KILL);
        running.wait();
        let kept: Vec<PathBuf> =
            fs_err::read_dir(&shelf).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(kept.len() <= 64, "{kept:?}");
        most = most.max(kept.len());
        if round % 4 == 3 {
            // What a machine that loses its power makes of it.
            for path in kept {
                let mut bytes = fs_err::read(&path).unwrap();
                let at = chance.below(bytes.len().max(1));
                if round % 8 == 3 {
                    bytes.truncate(at);
                } else if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1;
                }
                fs_err::write(path, bytes).unwrap();
            }
        }
        let fresh = occ.path("home").join(format!("fresh-{round}")).display().to_string();
        let true_inputs = told(&occ, &fresh);
        assert_eq!(told(&occ, &cache), true_inputs, "in round {round}");
        seen.insert(true_inputs);
    }
    assert!(seen.len() >= 30 && most > 0, "files change, and are remembered: {seen:?}, {most}");
}

#[test]
fn row_60_a_sync_that_is_killed_at_any_moment_is_made_up_for() {
    let mut chance = Chance::new();
    let mut engine = RealEngine::connect();
    let (pulled, built) = (engine.name("crash"), engine.name("crash"));
    let path = pulled.rsplit_once(':').unwrap().0.to_owned();
    let mut span = Duration::ZERO;
    for round in 0..12 {
        let image = Image::new(&(0..50).map(|_| unique()).collect::<String>());
        let slow = Rule::on(&image.layers[0].digest, Fault::Slow(400)).times(1);
        let registry = Registry::with(&path, "1", &image).rule(slow);
        let pull = table("pulled", &pulled, &from(&[&registry]));
        let build = table("built", &built, "build = {}");
        let occ = Occ::manifest(&format!("version = 1\n{pull}{build}"))
            .file("Dockerfile", format!("FROM scratch\nCOPY file /{}\n", unique()))
            .file("file", unique())
            .args(["-H", engine.host(), "sync"])
            .locking();
        if round == 0 {
            span = whole(&occ);
        } else {
            killed(&occ, &mut chance, span);
        }
        let run = occ.run().expect(0);
        assert!(engine.holds(&pulled, &image), "{run}");
        let run = occ.run().expect(0);
        assert!(run.stdout.contains("2 unchanged"), "{run}");
        occ.run_with(["--locked"]).expect(0);
        engine.clean_up(format!("{}/{path}@{}", registry.host(), image.digest()));
        let made = engine.id(&built).unwrap();
        engine.clean_up(made);
    }
}

/// All of them end well, and with one result, which a further run finds in sync.
fn at_once(many: usize) {
    let mut engine = RealEngine::connect();
    let (pulled, built) = (engine.name("at-once"), engine.name("at-once"));
    let image = Image::new(&unique());
    let (path, tag) = pulled.rsplit_once(':').unwrap();
    let registry = Registry::with(path, tag, &image);
    let manifest = ONE_ROUND.to_owned()
        + &table("pulled", &pulled, &from(&[&registry]))
        + &table("built", &built, "build = { context = \"built\" }");
    let occ = Occ::manifest(&manifest)
        .file("built/Dockerfile", "FROM scratch\nCOPY file /\n")
        .file("built/file", unique())
        .args(["-H", engine.host(), "--format", "json", "sync"])
        .locking();
    let running: Vec<_> = (0..many).map(|_| occ.spawn()).collect();
    let runs: Vec<_> = running.into_iter().map(|running| running.wait().expect(0)).collect();
    let ids = |at: usize| -> BTreeSet<String> {
        runs.iter().map(|run| run.json()["images"][at]["image_id"].to_string()).collect()
    };
    let all: BTreeSet<String> =
        [&pulled, &built].map(|name| format!("\"{}\"", engine.id(name).unwrap())).into();
    assert_eq!(&ids(0) | &ids(1), all, "{}", runs[0]);
    assert!(engine.holds(&pulled, &image));
    let lock = fs_err::read_to_string(occ.work().join("opencode.lock")).unwrap();
    assert_eq!(lock.matches(image.digest()).count(), 1, "{lock}");
    let run = occ.run_with(["--locked"]).expect(0);
    assert_eq!(run.json()["changed"], false, "{run}");
    assert_eq!(left_in(occ.work(), &["opencode.toml", "opencode.lock", "built"]), [""; 0]);
    assert_eq!(engine.unnamed(&built), [""; 0], "one build, not several");
}

#[test]
fn row_57_two_that_also_lock_come_to_one_result() {
    at_once(2);
}

#[test]
fn row_57_eight_at_once_come_to_one_result() {
    at_once(8);
}
