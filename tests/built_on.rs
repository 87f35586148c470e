//! Images that are built on other images: of the same manifest, or of the engine.

use crate::support::occ::{Occ, Run};
use crate::support::real_engine::RealEngine;
use crate::support::stub_engine::StubEngine;
use crate::support::unique;
use crate::sync::{ONE_ROUND, image_of, occ, table};

/// Two images, `app` before `base`, which it is built on; both names go in the end.
struct Pair {
    engine: RealEngine,
    base: String,
    app: String,
}

impl Pair {
    fn new() -> Self {
        let mut engine = RealEngine::connect();
        let (base, app) = (engine.name("base"), engine.name("app"));
        Self { engine, base, app }
    }

    fn occ(&self) -> Occ {
        let manifest = ONE_ROUND.to_owned()
            + &table("app", &self.app, "build = { context = \"app\" }")
            + &table("base", &self.base, "build = { context = \"base\" }");
        occ(&self.engine, &manifest)
            .file("base/Dockerfile", "FROM scratch\nCOPY file /base\n")
            .file("base/file", unique())
            .file("app/Dockerfile", format!("FROM {}\nCOPY file /app\n", self.base))
            .file("app/file", unique())
    }

    /// What is behind both names; it goes in the end even if it loses them.
    fn ids(&mut self) -> (String, String) {
        let ids = (self.engine.id(&self.base).unwrap(), self.engine.id(&self.app).unwrap());
        // The upper one first: the lower one is its parent.
        self.engine.clean_up(ids.1.clone());
        self.engine.clean_up(ids.0.clone());
        ids
    }

    fn layers(&self, name: &str) -> Vec<String> {
        let found = self.engine.inspect(name).unwrap();
        let layers = found["RootFS"]["Layers"].as_array().unwrap();
        layers.iter().map(|layer| layer.as_str().unwrap().to_owned()).collect()
    }
}

fn sync(occ: &Occ) -> Run {
    occ.run_with(["--format", "json", "sync"]).expect(0)
}

#[test]
fn the_base_is_built_first_and_its_change_is_a_change() {
    let mut pair = Pair::new();
    let occ = pair.occ();
    let run = sync(&occ);
    let first = pair.ids();
    assert!(pair.layers(&pair.app).starts_with(&pair.layers(&pair.base)), "{run}");
    assert_eq!(sync(&occ).json()["changed"], false);

    let occ = occ.file("base/file", unique());
    let plan = occ.run_with(["plan"]).expect(0);
    assert!(plan.stdout.contains("the image `base` changes, which it is built on"), "{plan}");
    assert!(!plan.stdout.contains("registries that may be contacted"), "{plan}");
    sync(&occ);
    let second = pair.ids();
    assert!(second.0 != first.0 && second.1 != first.1);
    assert!(pair.layers(&pair.app).starts_with(&pair.layers(&pair.base)));
    assert_eq!(sync(&occ).json()["changed"], false);

    // Its own change leaves the base alone.
    let occ = occ.file("app/file", unique());
    let run = sync(&occ);
    let third = pair.ids();
    assert_eq!(third.0, second.0, "{run}");
    assert_ne!(third.1, second.1, "{run}");
}

#[test]
fn whoever_is_asked_for_brings_its_base_along() {
    let mut pair = Pair::new();
    let occ = pair.occ();
    let run = occ.run_with(["--format", "json", "sync", "app"]).expect(0);
    pair.ids();
    assert_eq!(image_of(&run, "base")["outcome"], "done");
    // And the other way round nothing comes along.
    let run = occ.run_with(["--format", "json", "sync", "base"]).expect(0);
    assert_eq!(run.json()["images"].as_array().unwrap().len(), 1);
}

#[test]
fn a_base_that_fails_passes_over_what_is_built_on_it() {
    let pair = Pair::new();
    let occ = pair.occ().file("base/Dockerfile", "FROM scratch\nCOPY nothing /\n");
    let run = occ.run_with(["sync"]).expect(1);
    assert!(run.stdout.contains("skipped: the image `base` failed, which it is built on"), "{run}");
    assert!(run.stdout.contains("1 failed, 1 skipped"), "{run}");
    assert_eq!(pair.engine.id(&pair.app), None);
}

#[test]
fn a_base_that_only_the_engine_holds_is_an_input_by_its_id() {
    let mut pair = Pair::new();
    let both = pair.occ();
    sync(&both);
    let first = pair.ids();
    // The same without the base's table: nothing else knows of that image.
    let alone = ONE_ROUND.to_owned() + &table("app", &pair.app, "build = { context = \"app\" }");
    let occ = both.file("opencode.toml", alone);
    sync(&occ);
    assert_eq!(sync(&occ).json()["changed"], false);
    let kept = pair.engine.id(&pair.app).unwrap();
    pair.engine.clean_up(kept.clone());

    let other = Pair::new();
    sync(&other.occ());
    pair.engine.tag(&other.base, &pair.base);
    let run = sync(&occ);
    assert_ne!(pair.engine.id(&pair.app).unwrap(), kept, "{run}");
    assert_ne!(pair.engine.id(&pair.base).unwrap(), first.0);
}

#[test]
fn images_that_are_built_on_each_other_are_a_mistake_in_the_manifest() {
    let engine = StubEngine::start();
    let manifest = ONE_ROUND.to_owned()
        + &table("a", "acme/a:1", "build = { context = \"a\" }")
        + &table("b", "acme/b:1", "build = { context = \"b\" }");
    let occ = Occ::manifest(&manifest)
        .file("a/Dockerfile", "FROM acme/b:1\n")
        .file("b/Dockerfile", "FROM scratch\nCOPY --from=acme/a:1 /x /x\n")
        .args(["-H", &engine.host()]);
    for command in ["plan", "sync", "status"] {
        let run = occ.run_with([command]).expect(65);
        run.says(&[
            "images are built on each other: `a` on `b` and `b` on `a`",
            "--> opencode.toml:4:9",
            "key: images.a.build",
        ]);
    }
    assert!(engine.seen("POST ").is_empty());
}
