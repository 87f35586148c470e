//! What only an engine of one's own can be put through: it is killed, stopped, started again,
//! its disk is full, and its own retries are counted.

use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::image::Image;
use crate::support::occ::{Occ, Run};
use crate::support::own_engine::OwnEngine;
use crate::support::registry::{self, Fault, Registry};
use crate::support::scene::failures;
use crate::support::script::Rule;
use crate::support::{unique, wait_until};

const NAME: &str = "acme/tool:1";

/// `occ sync` of a manifest with these tables: plain progress on stderr, the document on stdout.
fn occ(engine: &OwnEngine, tables: &str) -> Occ {
    let occ = Occ::manifest(&format!("version = 1\n[retry]\nbackoff = \"10ms\"\n{tables}"));
    occ.args(["--host", engine.host(), "--progress", "plain", "--format", "json", "sync"])
}

/// The table of the image `acme/ID:1` from these registries.
fn table(id: &str, registries: &[&Registry]) -> String {
    let hosts: Vec<String> = registries.iter().map(|registry| registry.host()).collect();
    format!("[images.{id}]\nname = \"acme/{id}\"\ntag = \"1\"\nregistries = {hosts:?}\n")
}

/// A registry within the engine's reach that serves this image as `acme/tool:1`.
fn serving(engine: &OwnEngine, image: &Image) -> Registry {
    let registry = engine.registry();
    registry.push("acme/tool", "1", image);
    registry
}

/// An image of one layer that is so many kilobytes and can't be compressed.
fn image_of(kilobytes: usize) -> Image {
    Image::of("linux", "amd64", &[noise(kilobytes)])
}

/// Bytes that can't be compressed.
fn noise(kilobytes: usize) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let seed = unique();
    let pieces = (0..kilobytes * 32).map(|at| Sha256::digest(format!("{seed} {at}")));
    pieces.flatten().collect()
}

fn path_of_layer(image: &Image) -> String {
    format!("/blobs/{}", image.layers[0].digest)
}

/// The engine holds the image, and nothing that is half of one.
#[track_caller]
fn holds_only(engine: &OwnEngine, image: &Image) {
    let held = engine.inspect(NAME).expect("the engine has the name");
    assert_eq!(held["RepoTags"], serde_json::json!([NAME]));
    assert!(engine.holds(NAME, image), "{held}");
}

/// The engine tries a layer again and again by itself, for 75 s as it comes; here for 5 s.
#[test]
fn row_20_the_engines_own_retries_are_not_multiplied() {
    let engine = OwnEngine::start(&["--max-download-attempts=1"]);
    let image = image_of(1);
    let layer = path_of_layer(&image);
    let broken = || {
        let answer = registry::error(500, "UNKNOWN", "unknown error", None);
        serving(&engine, &image).failing(&layer, Fault::Answer(answer))
    };
    // Alone: three rounds are allowed, and one is enough.
    let a = broken();
    let run = occ(&engine, &table("tool", &[&a])).run().expect(7);
    let failed = |a: &Registry| (format!("{}/{NAME}", a.host()), "server".to_owned(), 1);
    assert_eq!(failures(&run), [failed(&a)]);
    let asked = a.seen(&layer).len();
    assert_eq!(engine.id(NAME), None);

    let (a, b) = (broken(), serving(&engine, &image));
    let run = occ(&engine, &table("tool", &[&a, &b])).run().expect(0);
    assert_eq!(failures(&run), [failed(&a)]);
    assert_eq!(a.seen(&layer).len(), asked);
    assert!((2..=4).contains(&asked), "{asked}");
    run.says(&[&format!("server error, trying {}", b.host())]).never_says(&["round 2"]);
    holds_only(&engine, &image);
}

/// A pull of a layer that trickles, for the first who asks for it.
fn trickling(engine: &OwnEngine, image: &Image) -> (Registry, Occ) {
    let slow = Rule::on(&path_of_layer(image), Fault::Slow(500)).times(1);
    let registry = serving(engine, image).rule(slow);
    let occ = occ(engine, &table("tool", &[&registry]));
    (registry, occ)
}

#[test]
fn row_50_an_engine_that_ends_in_a_pull_leaves_nothing_that_is_in_the_way() {
    for signal in [Signal::TERM, Signal::KILL] {
        let mut engine = OwnEngine::start(&[]);
        let image = image_of(100);
        let (registry, occ) = trickling(&engine, &image);
        let running = occ.spawn();
        wait_until("the layer comes", || !registry.seen(&path_of_layer(&image)).is_empty());
        engine.end(signal);
        let run = running.wait().expect(5);
        assert_eq!(run.json()["images"][0]["outcome"], "failed");
        assert!(run.stdout.contains("no container engine at"), "{run}");
        run.says(&["the engine is gone, waiting"]).never_says(&["docker login", "round 2"]);

        engine.run();
        assert_eq!(engine.id(NAME), None);
        occ.run().expect(0);
        holds_only(&engine, &image);
    }
}

#[test]
fn row_51_an_engine_that_is_started_again_is_waited_for() {
    let mut engine = OwnEngine::start(&[]);
    let image = image_of(100);
    let (registry, occ) = trickling(&engine, &image);
    let running = occ.spawn();
    wait_until("the layer comes", || !registry.seen(&path_of_layer(&image)).is_empty());
    engine.end(Signal::KILL);
    engine.run();
    let run = running.wait().expect(0);
    assert_eq!(failures(&run).len(), 1, "{run}");
    run.says(&["the engine is gone, waiting up to 5s for it", "round 2 of 3"]);
    holds_only(&engine, &image);
}

#[test]
fn row_52_an_engine_that_is_stopped_for_a_while_is_waited_for() {
    const WHILE: Duration = Duration::from_secs(6);
    let engine = OwnEngine::start(&[]);
    let image = image_of(5);
    let (registry, occ) = trickling(&engine, &image);
    let running = occ.spawn();
    wait_until("the layer comes", || !registry.seen(&path_of_layer(&image)).is_empty());
    engine.signal(Signal::STOP);
    thread::sleep(WHILE);
    engine.signal(Signal::CONT);
    let run = running.wait().expect(0);
    assert!(run.elapsed >= WHILE, "{run}");
    assert_eq!(failures(&run), []);
    holds_only(&engine, &image);
}

/// Leaves so many megabytes on a disk of 40; how much of them there were before.
fn leave(engine: &OwnEngine, megabytes: usize) {
    let free = || {
        let disk = rustix::fs::statvfs(engine.on_its_disk("")).unwrap();
        usize::try_from(disk.f_bavail * disk.f_frsize).unwrap()
    };
    let ballast = free() - megabytes * 1_000_000;
    fs_err::write(engine.on_its_disk("ballast"), vec![0; ballast]).unwrap();
}

fn make_room(engine: &OwnEngine) {
    fs_err::remove_file(engine.on_its_disk("ballast")).unwrap();
}

/// What a full disk has to lead to, whoever filled it.
#[track_caller]
fn stopped_for_lack_of_room(run: &Run) {
    let document = run.json();
    let images = document["images"].as_array().unwrap();
    let outcomes: Vec<&Value> = images.iter().map(|image| &image["outcome"]).collect();
    assert_eq!(outcomes, ["failed", "skipped"], "{run}");
    assert_eq!(images[0]["code"], "OCC-DISK-FULL", "{run}");
    assert!(run.stdout.contains("no space left on device"), "{run}");
}

#[test]
fn row_54_a_disk_that_fills_up_in_a_pull_ends_the_run_and_comes_back() {
    let engine = OwnEngine::with_room_for(40);
    let (large, small) = (image_of(6000), image_of(1));
    let registry = serving(&engine, &large);
    registry.push("acme/ztool", "1", &small);
    let tables = "[limits]\npulls = 1\n".to_owned()
        + &table("tool", &[&registry])
        + &table("ztool", &[&registry]);
    let occ = occ(&engine, &tables);
    leave(&engine, 9);
    let run = occ.run().expect(5);
    stopped_for_lack_of_room(&run);
    assert_eq!(registry.seen("/acme/ztool/").len(), 0);
    assert_eq!(engine.id(NAME), None);

    make_room(&engine);
    occ.run().expect(0);
    holds_only(&engine, &large);
}

#[test]
fn row_54_a_disk_that_fills_up_in_a_build_ends_the_run_and_comes_back() {
    for builder in ["classic", "buildkit"] {
        let engine = OwnEngine::with_room_for(40);
        let build = format!("build = {{ builder = \"{builder}\" }}\n");
        let tables = format!(
            "[images.tool]\nname = \"acme/tool\"\ntag = \"1\"\n{build}\
             [images.ztool]\nname = \"acme/ztool\"\ntag = \"1\"\n{build}"
        );
        let occ = occ(&engine, &tables)
            .file("Dockerfile", "FROM scratch\nCOPY large /\n")
            .file("large", noise(4000));
        leave(&engine, 6);
        let run = occ.run().expect(5);
        stopped_for_lack_of_room(&run);
        assert_eq!(engine.id(NAME), None);

        make_room(&engine);
        occ.run().expect(0);
        assert!(engine.files(NAME).contains(Path::new("large").to_str().unwrap()), "{builder}");
    }
}
