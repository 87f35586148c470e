//! Indexes of several platforms: one digest, the right image.

use super::{lock_of, occ, values};
use crate::support::image::Image;
use crate::support::real_engine::RealEngine;
use crate::support::real_registry::RealRegistry;
use crate::support::unique;
use crate::sync::{image_of, table};

/// A registry that serves an index of two platforms under a local name.
fn serving(name: &str) -> (RealRegistry, Image) {
    let each = ["amd64", "arm64"].map(|it| Image::for_platform(&unique(), "linux", it));
    let index = Image::index(&each);
    let registry = RealRegistry::start();
    let (path, tag) = name.rsplit_once(':').unwrap();
    registry.push(path, tag, &index);
    (registry, index)
}

fn from(registry: &RealRegistry) -> String {
    format!("registries = [\"{}\"]\n", registry.host())
}

#[test]
fn an_index_is_pinned_by_its_own_digest() {
    let mut engine = RealEngine::connect();
    let name = engine.name("index");
    let (registry, index) = serving(&name);
    let occ = occ(&engine, &table("tool", &name, &from(&registry)));
    occ.run_with(["sync"]).expect(0);
    assert_eq!(values(&lock_of(&occ), "digest"), [index.digest()]);
    assert!(engine.holds(&name, &index) && engine.architecture(&name) == "amd64");
    let before = registry.requests();
    let run = occ.run_with(["sync", "--locked"]).expect(0);
    assert!(run.stdout.contains("1 unchanged"), "{run}");
    assert_eq!(registry.requests(), before);
}

#[test]
fn another_platform_is_pulled_from_the_same_index_and_proven() {
    let mut engine = RealEngine::connect();
    let name = engine.name("foreign");
    let (registry, index) = serving(&name);
    let rest = from(&registry) + "platform = \"linux/arm64\"";
    let occ = occ(&engine, &table("tool", &name, &rest));
    occ.run_with(["sync"]).expect(0);
    assert_eq!(values(&lock_of(&occ), "digest"), [index.digest()]);
    assert!(engine.holds(&name, &index) && engine.architecture(&name) == "arm64");
    let run = occ.run_with(["sync", "--locked"]).expect(0);
    assert!(run.stdout.contains("1 unchanged"), "{run}");
}

#[test]
fn a_single_image_for_another_platform_is_refused() {
    let mut engine = RealEngine::connect();
    let name = engine.name("single");
    let registry = RealRegistry::start();
    let image = Image::for_platform(&unique(), "linux", "arm64");
    let (path, tag) = name.rsplit_once(':').unwrap();
    registry.push(path, tag, &image);
    engine.clean_up(format!("{}/{path}@{}", registry.host(), image.digest()));
    let occ = occ(&engine, &table("tool", &name, &from(&registry)));
    let run = occ.run_with(["sync"]).expect(4);
    assert!(run.stdout.contains("wrong platform"), "{run}");
    assert!(engine.inspect(&name).is_none());
    // It is in the engine now, under its digest, and that does not make it right.
    occ.run_with(["sync", "--locked"]).expect(4);
    assert!(engine.inspect(&name).is_none());
}

#[test]
fn one_index_for_two_platforms_is_refused_before_anything_is_done() {
    let mut engine = RealEngine::connect();
    let (name, other) = (engine.name("both"), engine.name("other"));
    let (registry, index) = serving(&name);
    let (path, _) = name.rsplit_once(':').unwrap();
    let source = |registry: &RealRegistry| {
        format!(
            "registries = [{{ registry = \"{}\", repository = \"{path}\", tag = \"1\" }}]\n",
            registry.host()
        )
    };
    let arm = |registry| source(registry) + "platform = \"linux/arm64\"";
    let manifest = table("one", &name, &source(&registry)) + &table("two", &other, &arm(&registry));
    let one = occ(&engine, &manifest);
    let run = one.run_with(["--format", "json", "sync"]).expect(1);
    assert_eq!(image_of(&run, "one")["outcome"], "done");
    let told = image_of(&run, "two");
    let said = told["error"].as_str().unwrap();
    assert!(
        said.starts_with("the image `one` wants the same index for linux/amd64, and"),
        "{said}"
    );
    assert!(engine.holds(&name, &index) && engine.architecture(&name) == "amd64");
    assert!(engine.inspect(&other).is_none());

    // From another repository it is another index, to a store with graph drivers.
    let mirror = RealRegistry::start();
    mirror.push(path, "1", &index);
    let manifest = table("one", &name, &source(&registry)) + &table("two", &other, &arm(&mirror));
    let both = occ(&engine, &manifest);
    both.run_with(["sync"]).expect(0);
    assert!(engine.holds(&name, &index) && engine.architecture(&name) == "amd64");
    assert!(engine.holds(&other, &index) && engine.architecture(&other) == "arm64");
    let run = both.run_with(["sync", "--locked"]).expect(0);
    assert!(run.stdout.contains("2 unchanged"), "{run}");
}
