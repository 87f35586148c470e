//! What a registry serves: other bytes, another platform, text for terminals, too
//! much of everything; and what becomes of many images when some fail.

use std::time::Duration;

use serde_json::Value;

use crate::support::http::Response;
use crate::support::image::{Blob, Image};
use crate::support::occ::Run;
use crate::support::real_engine::Store;
use crate::support::real_registry::RealRegistry;
use crate::support::registry::{self, Fault, INJECTION, Registry};
use crate::support::scene::{Scene, failures};
use crate::support::script::Rule;
use crate::support::terminal::OnTerminal;
use crate::support::unique;

const QUICK: &str = "[retry]\nbackoff = \"10ms\"";

#[test]
fn a_good_registry_serves_and_is_not_asked_again() {
    let content = unique();
    let arm = Image::for_platform(&content, "linux", "arm64");
    let index = Image::index(&[Image::new(&content), arm]);
    let scene = Scene::with("good", index);
    let registry = RealRegistry::start();
    registry.push(scene.path(), "1", &scene.image);
    let occ = scene.occ(&scene.entry("it", &[registry.host()]));

    let run = occ.run().expect(0);
    scene.holds_it();
    let image = &run.json()["images"][0];
    assert_eq!(image["source"], scene.source(registry.host()));
    assert_eq!(image["digest"], scene.image.digest());
    assert_eq!(image["image_id"], scene.engine.id_of(&scene.image));
    assert_eq!(run.json()["changed"], true);

    // With the registry gone, a second run shows that it needs none.
    drop(registry);
    let run = occ.run().expect(0);
    assert_eq!(run.json()["changed"], false);
    assert_eq!(run.json()["images"][0]["outcome"], "unchanged");
}

/// The manifest of `other` where that of `wanted` is asked for, by its digest.
fn other_bytes(wanted: &Image, other: &Image) -> (String, Fault) {
    let Blob { media_type, bytes, .. } = &other.manifests[0];
    let answer = Response::new(200, media_type, bytes.clone())
        .with_header("Docker-Content-Digest", wanted.digest());
    (format!("/manifests/{}", wanted.digest()), Fault::Answer(answer))
}

#[test]
fn row_29_other_bytes_than_the_pinned_ones_are_never_accepted() {
    let mut scene = Scene::new("row29");
    let before = scene.holds_another();
    let other = Image::new(&unique());
    let (path, fault) = other_bytes(&scene.image, &other);
    let a = scene.registry().failing(&path, fault);
    a.push(scene.path(), "1", &other);
    let b = scene.registry();
    let pin = format!("digest = {:?}\n{QUICK}", scene.image.digest());

    let run = scene.sync(&[&a.host()], &pin).expect(4);
    assert_eq!(failures(&run), [(scene.source(&a.host()), "integrity".to_owned(), 2)]);
    assert_eq!(scene.engine.id(&scene.name), Some(before));
    assert_eq!(scene.engine.id(scene.engine.id_of(&other)), None);

    let run = scene.sync(&[&a.host(), &b.host()], &pin).expect(0);
    scene.holds_it();
    assert_eq!(failures(&run), [(scene.source(&a.host()), "integrity".to_owned(), 1)]);
    assert_eq!(run.json()["images"][0]["source"], scene.source(&b.host()));
    assert_eq!(scene.engine.id(scene.engine.id_of(&other)), None);
}

/// A tag that moved is no attack: the first registry does not have the digest.
#[test]
fn row_29_a_tag_on_other_bytes_does_not_matter_under_a_pin() {
    let mut scene = Scene::new("row29");
    let other = Image::new(&unique());
    let a = Registry::with(scene.path(), "1", &other);
    let b = scene.registry();
    let pin = format!("digest = {:?}\n", scene.image.digest());

    let run = scene.sync(&[&a.host()], &pin).expect(1);
    scene.holds_nothing();
    assert_eq!(failures(&run), [(scene.source(&a.host()), "not_found".to_owned(), 1)]);
    let hint = run.json()["images"][0]["hints"][0].to_string();
    assert!(hint.contains(&format!("{} has no image of this digest", a.host())), "{hint}");

    scene.sync(&[&a.host(), &b.host()], &pin).expect(0);
    scene.holds_it();
    assert_eq!(scene.engine.id(scene.engine.id_of(&other)), None);
}

#[test]
fn row_30_a_wrong_digest_in_a_header_is_never_recorded() {
    let mut scene = Scene::new("row30");
    let a = scene.registry().failing("/manifests/", Fault::WrongDigest);
    let b = scene.registry();

    // The header is all that a tag is known by: a pull of that digest finds nothing.
    let run = scene.sync(&[&a.host()], QUICK).expect(1);
    scene.holds_nothing();
    assert_eq!(failures(&run), [(scene.source(&a.host()), "not_found".to_owned(), 1)]);
    scene.sync(&[&a.host(), &b.host()], QUICK).expect(0);
    scene.holds_it();

    // Under a pin the content alone counts.
    let mut scene = Scene::new("row30");
    let a = scene.registry().failing("/manifests/", Fault::WrongDigest);
    scene.sync(&[&a.host()], &format!("digest = {:?}", scene.image.digest())).expect(0);
    scene.holds_it();
}

#[test]
fn row_31_another_platform_than_the_wanted_one_is_refused() {
    let mut scene = Scene::new("row31");
    let before = scene.holds_another();
    let a = scene.registry();
    let arm = "platform = \"linux/arm64\"";
    let run = scene.sync(&[&a.host()], arm).expect(4);
    assert_eq!(failures(&run), [(scene.source(&a.host()), "wrong_platform".to_owned(), 1)]);
    // Newer engines see it themselves.
    let ours = run.stdout.contains("it is made for linux/amd64, wanted is linux/arm64");
    let theirs = run.stdout.contains("wanted linux/arm64, actual: linux/amd64");
    assert!(ours || theirs, "{run}");
    assert_eq!(scene.engine.id(&scene.name), Some(before.clone()));

    // An index says so itself, and nothing of it is pulled.
    let index = Image::index(&[scene.image.clone()]);
    let b = Registry::with(scene.path(), "1", &index);
    let run = scene.sync(&[&b.host()], arm).expect(4);
    assert_eq!(failures(&run), [(scene.source(&b.host()), "wrong_platform".to_owned(), 1)]);
    assert!(b.seen("/blobs/").is_empty());
    assert_eq!(scene.engine.id(&scene.name), Some(before));
}

#[test]
fn row_31_of_an_index_the_wanted_platform_is_pulled() {
    let content = unique();
    let arm = Image::for_platform(&content, "linux", "arm64");
    let amd = Image::new(&content);
    for (wanted, more) in [(&arm, "platform = \"linux/arm64\""), (&amd, "")] {
        let mut scene = Scene::with("row31", Image::index(&[amd.clone(), arm.clone()]));
        // A registry with one wrong platform before it does not spoil it.
        let a = Registry::start();
        scene.serve_another(&a, &Image::for_platform(&content, "linux", "s390x"));
        let b = scene.registry();
        let run = scene.sync(&[&a.host(), &b.host()], more).expect(0);
        let held = scene.engine.inspect(&scene.name).unwrap();
        let architecture = serde_json::from_slice::<Value>(&wanted.configs[0].bytes).unwrap();
        assert_eq!(held["Architecture"], architecture["architecture"]);
        if scene.engine.store() != Store::Containerd {
            // There the index has the name.
            assert_eq!(held["Id"], wanted.config_digest());
        }
        let digest = format!("{}/{}@{}", b.host(), scene.path(), scene.image.digest());
        assert_eq!(held["RepoDigests"], Value::from(vec![digest]));
        assert_eq!(failures(&run), [(scene.source(&a.host()), "wrong_platform".to_owned(), 1)]);
    }
}

/// Refuses, in words that a terminal would obey.
fn shouting() -> Fault {
    Fault::Answer(registry::error(403, "DENIED", INJECTION, None))
}

#[test]
fn row_32_nothing_that_a_registry_says_reaches_a_terminal() {
    let scene = Scene::new("row32");
    let a = Registry::start().failing("/manifests/", shouting());
    let tables = scene.entry("it", &[&a.host()]);
    let escaped = "\\x1b[2J\\x1b[1;1H\\x1b]0;owned\\x07";
    // Every run looks for control characters by itself.
    let run = scene.occ(&tables).run().expect(1);
    assert_eq!(failures(&run), [(scene.source(&a.host()), "absent_or_private".to_owned(), 1)]);
    let message = &run.json()["images"][0]["failures"][0]["message"];
    assert!(message.as_str().unwrap().contains(escaped), "{message}");
    let run = scene.occ_in_words(&tables).args(["-vvv", "--progress", "json"]).run().expect(1);
    assert!(run.stdout.contains(escaped), "{run}");

    let (status, transcript) = OnTerminal::start(&scene.occ_in_words(&tables), 100).wait();
    assert_eq!(status.code(), Some(1), "{transcript:?}");
    assert!(transcript.contains("\\x1b]0;owned\\x07"), "{transcript:?}");
    for evil in ["\x1b]", "\x1b[2J", "\x07", "\u{9b}", "\u{202e}", "\0"] {
        assert!(!transcript.contains(evil), "{evil:?} in {transcript:?}");
    }
}

#[test]
fn row_33_a_megabyte_of_words_is_cut_and_not_kept() {
    let long = "y".repeat(1 << 20);
    let answers = [
        registry::error(403, "DENIED", &long, None),
        Response::new(502, "text/html", format!("<html>{long}")),
        registry::denied().with_header("X-Long", &long),
    ];
    let mut cut = 0;
    for answer in answers {
        let mut scene = Scene::new("row33");
        let a = Registry::start().failing("/manifests/", Fault::Answer(answer));
        let b = scene.registry();
        // 100 MB for all that it writes to, in kB.
        let occ = scene.occ(&scene.entry("it", &[&a.host(), &b.host()])).limited("-d 100000");
        let run = occ.run().expect(0);
        scene.holds_it();
        let failure = &run.json()["images"][0]["failures"][0];
        assert_eq!(failure["attempts"], 1);
        let message = failure["message"].as_str().unwrap();
        assert!(message.len() <= 2048 + "…".len());
        // Only of an error in a registry's own form do the words come through.
        assert_eq!(message.ends_with('…'), message.contains("yyyy"), "{message}");
        cut += usize::from(message.ends_with('…'));
        assert!(run.stdout.len() + run.stderr.len() < 8 * 1024, "{run}");
    }
    assert_eq!(cut, 1);
}

/// How long the engine reads on is the engine's affair; occ has its own limits.
#[test]
fn row_34_an_endless_manifest_ends_with_the_response_timeout() {
    let mut scene = Scene::new("row34");
    let a = scene.registry().rule(Rule::on("GET /v2/occ-test", Fault::Endless));
    let b = scene.registry();
    let more = "[timeouts]\nresponse = \"1s\"\n[retry]\nattempts = 1";
    let run = scene.sync(&[&a.host()], more).expect(7);
    scene.holds_nothing();
    assert_eq!(failures(&run), [(scene.source(&a.host()), "stalled".to_owned(), 1)]);
    run.within(Duration::from_secs(5));

    let more = "[timeouts]\nresponse = \"1s\"\npatience = \"0\"";
    scene.sync(&[&a.host(), &b.host()], more).expect(0);
    scene.holds_it();
}

#[test]
fn row_34_an_endless_layer_ends_with_the_run() {
    let mut scene = Scene::new("row34");
    let layer = format!("/blobs/{}", scene.image.layers[0].digest);
    let a = scene.registry().failing(&layer, Fault::Endless);
    let occ = scene.occ(&scene.entry("it", &[&a.host()])).args(["--timeout", "2s"]);
    let run = occ.run().expect(7).within(Duration::from_secs(6));
    scene.holds_nothing();
    assert_eq!(run.json()["images"][0]["outcome"], "cancelled");
    assert_eq!(a.seen(&layer).len(), 1);
}

/// What came of each image.
fn outcomes(run: &Run) -> Vec<String> {
    let images = run.json()["images"].as_array().unwrap().clone();
    images.iter().map(|image| image["outcome"].as_str().unwrap().to_owned()).collect()
}

/// Every image fails once at every registry, and would be had in a second round.
/// Ten of them are; then the run has had its ten rounds and waits no more.
#[test]
fn row_35_when_everything_flaps_the_run_does_not_wait_for_every_image() {
    let (mut a, mut b) = (Registry::start(), Registry::start());
    let hosts = [a.host(), b.host()];
    let mut scenes: Vec<Scene> = (0..30).map(|_| Scene::new("row35")).collect();
    let mut tables = "[retry]\nbackoff = \"100ms\"\n".to_owned();
    for (i, scene) in scenes.iter_mut().enumerate() {
        let busy = registry::error(503, "UNAVAILABLE", "busy", None);
        let flap = || {
            // Twice: with HEAD, and again with GET.
            Rule::on(&format!("/{}/manifests/1", scene.path()), Fault::Answer(busy.clone()))
                .times(2)
        };
        (a, b) = (a.rule(flap()), b.rule(flap()));
        scene.serve(&a);
        scene.serve(&b);
        tables += &scene.entry(&format!("it{i}"), &[&hosts[0], &hosts[1]]);
    }
    let occ = scenes[0].occ(&tables);
    let run = occ.run().expect(7).within(Duration::from_secs(20));
    let done = |run: &Run| outcomes(run).iter().filter(|outcome| *outcome == "done").count();
    assert_eq!(done(&run), 10, "{run}");
    assert_eq!(run.stderr.matches("all sources failed, round 2").count(), 10);
    assert_eq!(b.seen("HEAD ").len(), 30);
    assert_eq!(a.seen("HEAD ").len(), 40);

    // What was done is done: the next run goes on from there.
    let run = occ.run().expect(0);
    assert_eq!(done(&run), 20, "{run}");
    scenes.iter().for_each(Scene::holds_it);
}

/// A layer is missing. (A server error in its place would keep the engine busy with
/// retries of its own for 75 s, and end with 7, for that is a passing reason.)
#[test]
fn row_36_one_broken_image_leaves_the_others_alone() {
    let mut scenes = [(); 6].map(|()| Scene::new("row36"));
    let layer = scenes[0].image.layers[0].digest.clone();
    let gone = registry::error(404, "BLOB_UNKNOWN", "blob unknown to registry", None);
    let a = Registry::start().failing(&format!("/blobs/{layer}"), Fault::Answer(gone));
    let mut tables = String::new();
    for (i, scene) in scenes.iter_mut().enumerate() {
        scene.serve(&a);
        tables += &scene.entry(&format!("it{i}"), &[&a.host()]);
    }
    let run = scenes[0].occ(&tables).run().expect(1);
    scenes[0].holds_nothing();
    scenes[1..].iter().for_each(Scene::holds_it);
    assert_eq!(failures(&run), [(scenes[0].source(&a.host()), "missing_blob".to_owned(), 1)]);
    assert_eq!(outcomes(&run), ["failed", "done", "done", "done", "done", "done"]);

    let run = scenes[0].occ_in_words(&tables).run().expect(1);
    assert!(run.stdout.contains("5 unchanged, 1 failed in "), "{run}");
}
