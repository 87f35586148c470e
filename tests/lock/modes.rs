//! `--locked`, `--frozen`, `--no-lock`, and what CI means by default.

use super::{lock_of, occ, values};
use crate::support::image::Image;
use crate::support::occ::Occ;
use crate::support::real_engine::RealEngine;
use crate::support::registry::Registry;
use crate::support::unique;
use crate::sync::{ONE_ROUND, from, requests, serving, table};

/// A manifest with one image, and the same with another one, in two files.
struct Scene {
    engine: RealEngine,
    image: Image,
    registry: Registry,
    occ: Occ,
    name: String,
    more: String,
}

impl Scene {
    fn new() -> Self {
        let mut engine = RealEngine::connect();
        let (name, second) = (engine.name("one"), engine.name("two"));
        let image = Image::new(&unique());
        let registry = serving(&name, &image);
        let (path, _) = second.rsplit_once(':').unwrap();
        registry.push(path, "1", &Image::new(&unique()));
        let one = table("one", &name, &from(&[&registry]));
        let more = ONE_ROUND.to_owned() + &one + &table("two", &second, &from(&[&registry]));
        let occ = occ(&engine, &one);
        Self { engine, image, registry, occ, name, more }
    }
}

#[test]
fn in_ci_a_lock_has_to_be_fresh_and_without_one_tags_decide() {
    let Scene { engine, image, occ, more, registry, name } = Scene::new();
    for value in ["true", "1", "yes"] {
        let occ_in_ci = || {
            let mut command = occ.command();
            command.env("CI", value).arg("sync");
            occ.start(command).wait()
        };
        if lock_of(&occ).is_empty() {
            let run = occ_in_ci().expect(0);
            run.says(&[
                "warning: there is no lock `opencode.lock`, so tags decide",
                "`occ lock` writes one",
            ]);
            assert_eq!(lock_of(&occ), "", "a build server writes none");
            occ.run_with(["lock"]).expect(0);
        }
        occ_in_ci().expect(0).never_says(&["warning"]);
    }
    let lock = lock_of(&occ);
    let occ = occ.file("opencode.toml", &more).env("CI", "true");
    let before = requests(&registry);
    let run = occ.run_with(["sync"]).expect(3);
    run.says(&[
        "error: the image `two` is not locked",
        "--> opencode.lock",
        "hint: `occ lock` updates the lock",
    ]);
    assert_eq!(requests(&registry), before);
    assert_eq!(lock_of(&occ), lock);
    // `occ lock` is there to mend just that.
    occ.run_with(["lock", "-n"]).expect(0);

    let occ = occ.env("CI", "false");
    occ.run_with(["sync"]).expect(0);
    assert_eq!(values(&lock_of(&occ), "id"), ["one", "two"]);
    assert!(engine.holds(&name, &image));
}

#[test]
fn locked_needs_a_lock_and_frozen_takes_it_as_it_is() {
    let Scene { engine, image, occ, more, registry, name } = Scene::new();
    for flag in ["--locked", "--frozen"] {
        occ.run_with(["sync", flag]).expect(3).says(&["there is no lock `opencode.lock`"]);
    }
    occ.run_with(["lock"]).expect(0);
    let (path, _) = name.rsplit_once(':').unwrap();
    registry.push(path, "2", &Image::new(&unique()));
    // The manifest is another one by now, and one image of it is not locked at all.
    let retagged = more.replacen("tag = \"1\"", "tag = \"2\"", 1);
    let lock = lock_of(&occ);
    let occ = occ.file("opencode.toml", &retagged);
    occ.run_with(["sync", "--locked"]).expect(3).says(&["its tag was `1` and is `2`"]);
    occ.run_with(["sync", "--frozen"]).expect(0);
    let frozen = name.replace(":1", ":2");
    assert!(engine.holds(&frozen, &image));
    engine.remove(&frozen);
    assert_eq!(lock_of(&occ), lock);
}

#[test]
fn one_flag_excludes_the_others_and_wins_over_their_variables() {
    let Scene { occ, registry: _registry, .. } = Scene::new();
    let run = occ.run_with(["sync", "--locked", "--no-lock"]).expect(64);
    run.says(&["`--locked` and `--no-lock` exclude each other"]);
    let occ = occ.env("OCC_LOCKED", "1");
    occ.run_with(["sync"]).expect(3);
    occ.run_with(["plan", "--no-lock"]).expect(0);
    let occ = occ.env("OCC_FROZEN", "1");
    occ.run_with(["sync"]).expect(64);
    occ.run_with(["plan", "--no-lock"]).expect(0);
    // `occ lock` is not bound by them.
    occ.run_with(["lock"]).expect(0);
}

#[test]
fn only_what_is_asked_for_is_locked() {
    let Scene { occ, more, engine: _engine, registry: _registry, .. } = Scene::new();
    let occ = occ.file("opencode.toml", more);
    occ.run_with(["sync", "two"]).expect(0);
    assert_eq!(values(&lock_of(&occ), "id"), ["two"]);
    occ.run_with(["sync"]).expect(0);
    assert_eq!(values(&lock_of(&occ), "id"), ["one", "two"]);
}

#[test]
fn a_dry_run_locks_nothing() {
    let Scene { occ, registry, .. } = Scene::new();
    let run = occ.run_with(["sync", "-n"]).expect(0);
    assert!(run.stdout.contains("not locked yet: one\n"), "{run}");
    assert!(run.stdout.contains(&format!("contacted: {}\n", registry.host())), "{run}");
    assert_eq!((requests(&registry), lock_of(&occ)), (0, String::new()));
}

#[test]
fn offline_nobody_is_asked_what_to_lock() {
    let Scene { occ, registry, .. } = Scene::new();
    let run = occ.run_with(["sync", "--offline"]).expect(1);
    assert!(run.stdout.contains("only a registry has it, and `--offline` asks none"), "{run}");
    assert_eq!((requests(&registry), lock_of(&occ)), (0, String::new()));
    let run = occ.run_with(["plan", "--refresh", "--offline"]).expect(64);
    run.says(&["`--refresh` asks the registries, and `--offline` asks none"]);
}

#[test]
fn always_is_an_information_under_a_lock() {
    let Scene { engine, image, occ, registry, name, .. } = Scene::new();
    let text = fs_err::read_to_string(occ.work().join("opencode.toml")).unwrap();
    let occ = occ.file("opencode.toml", text + "pull_policy = \"always\"\n");
    occ.run_with(["sync"]).expect(0);
    let (path, _) = name.rsplit_once(':').unwrap();
    let moved = Image::new(&unique());
    registry.push(path, "1", &moved);
    let run = occ.run_with(["sync"]).expect(0);
    let run = run.says(&[&format!(
        "moved, to {}: `occ lock --upgrade one` takes it",
        &moved.digest()[..19]
    )]);
    assert!(run.stdout.contains("1 unchanged"), "{run}");
    assert!(engine.holds(&name, &image));
}
