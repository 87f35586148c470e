//! Layers and configurations that don't arrive as they should (rows 21 to 28). What the
//! engine does by itself about a layer that fails for good is in `own_engine`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::image::Image;
use crate::support::occ::Run;
use crate::support::registry::{self, Fault, INJECTION, Registry};
use crate::support::scene::{Scene, failures};
use crate::support::script::Rule;
use crate::support::unique;

const QUICK: &str = "[retry]\nbackoff = \"10ms\"";

/// An image whose one layer is of some kilobytes when it is compressed.
fn of_some_size(label: &str) -> Scene {
    let content: String = (0..1000).map(|_| unique()).collect();
    Scene::with(label, Image::new(&content))
}

fn layer(scene: &Scene) -> String {
    format!("/blobs/{}", scene.image.layers[0].digest)
}

/// The one registry fails like this once, and the image is there in the end, from it.
#[track_caller]
fn heals(label: &str, fault: Fault, occs: &[(&str, u64)]) -> Run {
    let mut scene = of_some_size(label);
    let layer = layer(&scene);
    let a = scene.registry().rule(Rule::on(&layer, fault).times(1));
    let occ = scene.occ_in_words(&format!("{}{QUICK}\n", scene.entry("it", &[&a.host()])));
    let run = occ.args(["--progress", "json", "--format", "json"]).run().expect(0);
    scene.holds_it();
    let occs: Vec<_> = occs
        .iter()
        .map(|(class, attempts)| (scene.source(&a.host()), (*class).to_owned(), *attempts))
        .collect();
    assert_eq!(failures(&run), occs);
    assert_eq!(run.json()["images"][0]["bytes"], scene.image.layers[0].bytes.len());
    run
}

/// What was told of the layer: how much of it was there, each time.
fn told(run: &Run) -> Vec<u64> {
    let events = run.events();
    let layers = events.iter().filter(|event| event["event"] == "layer");
    let downloads = layers.filter(|event| event["state"] == "downloading");
    let so_far = |event: &Value| {
        let (current, total) = (event["current"].as_u64().unwrap(), event["total"].as_u64());
        assert!(total.is_none_or(|total| total == 0 || current <= total), "{event}");
        current
    };
    downloads.map(so_far).collect()
}

#[test]
fn row_21_a_layer_that_breaks_off_is_resumed_by_the_engine() {
    let run = heals("row21", Fault::Break(4000), &[]);
    assert!(run.events().iter().any(|event| event["event"] == "layer_retry"), "{run}");
    let told = told(&run);
    // The engine goes on from what it has on its disk, which may be less than it has told.
    assert!(told.is_sorted(), "{told:?}");
}

#[test]
fn row_22_a_layer_that_is_cut_is_resumed_by_the_engine() {
    let run = heals("row22", Fault::Truncate(4000), &[]);
    assert!(run.events().iter().any(|event| event["event"] == "layer_retry"), "{run}");
}

/// The engine itself gives up at once.
#[test]
fn row_23_a_layer_of_other_bytes_is_asked_for_once_more() {
    let run = heals("row23", Fault::Corrupt, &[("integrity", 1)]);
    // It came from there in the end, and was right.
    assert!(run.events().iter().all(|event| event["event"] != "warning"), "{run}");
}

/// A registry that serves other bytes under this digest, whatever it is of.
#[track_caller]
fn never_accepted(label: &str, of: fn(&Image) -> String) {
    let mut scene = Scene::new(label);
    let before = scene.holds_another();
    let path = format!("/blobs/{}", of(&scene.image));
    let a = scene.registry().failing(&path, Fault::Corrupt);
    let b = scene.registry();

    let always = format!("pull_policy = \"always\"\n{QUICK}");
    let run = scene.sync(&[&a.host()], &always).expect(4);
    assert_eq!(failures(&run), [(scene.source(&a.host()), "integrity".to_owned(), 2)]);
    assert_eq!(scene.engine.id(&scene.name), Some(before));
    assert_eq!(scene.engine.id(scene.engine.id_of(&scene.image)), None);

    let run = scene.sync(&[&a.host(), &b.host()], &always).expect(0);
    scene.holds_it();
    assert_eq!(failures(&run), [(scene.source(&a.host()), "integrity".to_owned(), 1)]);
    assert_eq!(run.json()["images"][0]["source"], scene.source(&b.host()));
    let held = scene.engine.inspect(&scene.name).unwrap();
    let digest = format!("{}/{}@{}", b.host(), scene.path(), scene.image.digest());
    assert_eq!(held["RepoDigests"], json!([digest]), "nothing is named after the first");
    let warning = format!("warning: `{}`: content does not match", scene.source(&a.host()));
    run.says_once(&warning);
}

#[test]
fn row_24_a_layer_of_other_bytes_is_never_accepted() {
    never_accepted("row24", |image| image.layers[0].digest.clone());
}

#[test]
fn row_25_a_configuration_of_other_bytes_is_never_accepted() {
    never_accepted("row25", |image| image.config_digest().to_owned());
}

#[test]
fn row_26_a_layer_that_stalls_is_given_up_for_the_next_source() {
    let mut scene = of_some_size("row26");
    let layer = layer(&scene);
    let (a, b) = (scene.registry().failing(&layer, Fault::Stall(4000)), scene.registry());
    let stall = format!("[timeouts]\nstall = \"1s\"\n{QUICK}\nattempts = 1");
    let run = scene.sync(&[&a.host(), &b.host()], &stall).expect(0);
    scene.holds_it();
    assert_eq!(failures(&run), [(scene.source(&a.host()), "stalled".to_owned(), 1)]);
    assert_eq!(b.seen(&layer).len(), 1);
    run.says(&["no answer, trying"]);

    // Alone, it is a passing failure.
    let mut scene = of_some_size("row26");
    let a = scene.registry().failing(&self::layer(&scene), Fault::Stall(4000));
    let run = scene.sync(&[&a.host()], &stall).expect(7);
    scene.holds_nothing();
    assert_eq!(failures(&run), [(scene.source(&a.host()), "stalled".to_owned(), 1)]);
}

/// 5 kB a second, which takes the layer a few times as long as silence may last.
fn slowly() -> Fault {
    Fault::Slow(500)
}

#[test]
fn row_27_a_layer_that_trickles_is_waited_for() {
    let mut scene = of_some_size("row27");
    let a = scene.registry().failing(&layer(&scene), slowly());
    let run = scene.sync(&[&a.host()], "[timeouts]\nstall = \"700ms\"").expect(0);
    scene.holds_it();
    assert_eq!(failures(&run), []);
    assert!(run.elapsed > Duration::from_millis(1400), "{run}");
}

#[test]
fn row_27_a_layer_that_trickles_ends_with_the_run() {
    let mut scene = of_some_size("row27");
    let layer = layer(&scene);
    let a = scene.registry().failing(&layer, Fault::Slow(50));
    let occ = scene.occ(&scene.entry("it", &[&a.host()])).args(["--timeout", "2s"]);
    let run = occ.run().expect(7).says(&["`--timeout` is over"]);
    scene.holds_nothing();
    assert_eq!(run.json()["images"][0]["outcome"], "cancelled");
    assert_eq!(a.seen(&layer).len(), 1);
}

/// With words of their own, as registries have them. A bare code (`DENIED`, and the words of
/// the specification) this engine takes for something that passes, and asks for 75 s: row 20.
#[test]
fn row_28_a_layer_that_is_refused_moves_on_at_once() {
    let gone = registry::error(404, "BLOB_UNKNOWN", "blob unknown to registry", None);
    let busy = registry::error(429, "TOOMANYREQUESTS", "slow down", None);
    let cases = [
        (gone, "missing_blob"),
        (registry::error(403, "DENIED", INJECTION, None), "absent_or_private"),
        (busy, "too_many_requests"),
        (registry::rate_limited(), "rate_limited"),
    ];
    for (answer, class) in cases {
        let mut scene = Scene::new("row28");
        let layer = layer(&scene);
        let a: Registry = scene.registry().failing(&layer, Fault::Answer(answer));
        let b = scene.registry();
        let run = scene.sync(&[&a.host(), &b.host()], "").expect(0);
        scene.holds_it();
        assert_eq!(failures(&run), [(scene.source(&a.host()), class.to_owned(), 1)]);
        assert!(a.seen(&layer).len() <= 2, "{class}");
        let run = run.never_says(&["the engine tries it again"]);
        run.says(&[&format!(", trying {}", b.host())])
            .never_says(&["round 2"])
            .within(Duration::from_secs(5));
    }
}
