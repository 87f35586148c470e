//! `occ sync` with a lock: which bytes, from whom, and whom it does not ask.

use super::{edit, lock_of, occ, repository, values};
use crate::support::image::Image;
use crate::support::real_engine::RealEngine;
use crate::support::real_registry::RealRegistry;
use crate::support::registry::{self, Fault, Registry};
use crate::support::unique;
use crate::sync::{ONE_ROUND, from, image_of, requests, serving, table};

#[test]
fn sync_locks_what_it_pulls_and_the_tag_may_move() {
    let mut engine = RealEngine::connect();
    let name = engine.name("moves");
    let (old, new) = (Image::new(&unique()), Image::new(&unique()));
    let registry = serving(&name, &old);
    let occ = occ(&engine, &table("tool", &name, &from(&[&registry])));
    let plan = occ.run_with(["plan"]).expect(0);
    assert!(plan.stdout.contains("not locked yet: tool\n"), "{plan}");
    assert_eq!((lock_of(&occ).as_str(), requests(&registry)), ("", 0), "a plan only looks");

    let run = occ.run_with(["sync"]).expect(0).says(&["`opencode.lock` was written"]);
    assert!(run.stdout.contains("1 pulled"), "{run}");
    assert_eq!(values(&lock_of(&occ), "digest"), [old.digest()]);
    let status = occ.run_with(["status", "--check"]).expect(0);
    assert!(status.stdout.contains("pinned by the lock"), "{status}");

    let (path, _) = name.rsplit_once(':').unwrap();
    registry.push(path, "1", &new);
    engine.remove(&name);
    for _ in 0..2 {
        occ.run_with(["sync"]).expect(0);
        assert!(engine.holds(&name, &old));
    }
    let plan = occ.run_with(["plan", "--refresh"]).expect(0);
    let short = &new.digest()[..19];
    assert!(
        plan.stdout.contains(&format!("moved, to {short}: `occ lock --upgrade tool`")),
        "{plan}"
    );
    // Without the lock the tag decides.
    engine.remove(&name);
    occ.run_with(["sync", "--no-lock"]).expect(0);
    assert!(engine.holds(&name, &new));
    let status = occ.run_with(["status", "--no-lock"]).expect(0);
    assert!(status.stdout.contains("unpinned"), "{status}");

    occ.run_with(["sync"]).expect(0);
    assert!(engine.holds(&name, &old));
    occ.run_with(["lock", "--upgrade"]).expect(0);
    occ.run_with(["sync", "--locked"]).expect(0);
    assert!(engine.holds(&name, &new));
}

#[test]
fn row_95_locked_and_in_sync_no_registry_hears_of_it() {
    let mut engine = RealEngine::connect();
    let registry = RealRegistry::start();
    let name = engine.name("quiet");
    let (path, _) = name.rsplit_once(':').unwrap();
    registry.push(path, "1", &Image::new(&unique()));
    let rest = format!("registries = [\"{}\"]", registry.host());
    let occ = occ(&engine, &table("tool", &name, &rest));
    occ.run_with(["sync"]).expect(0);
    let before = registry.requests();
    for arguments in [
        &["sync"][..],
        &["sync", "--locked"],
        &["sync", "--frozen"],
        &["plan"],
        &["status"],
        &["lock"],
    ] {
        occ.run_with(arguments.iter().copied()).expect(0);
    }
    assert_eq!(registry.requests(), before);
}

#[test]
fn an_image_that_is_held_by_its_tag_is_locked_to_what_the_tag_means_now() {
    let mut engine = RealEngine::connect();
    let name = engine.name("held");
    let (old, new) = (Image::new(&unique()), Image::new(&unique()));
    let registry = serving(&name, &old);
    let occ = occ(&engine, &table("tool", &name, &from(&[&registry])));
    occ.run_with(["sync", "--no-lock"]).expect(0);
    assert_eq!(lock_of(&occ), "");
    let (path, _) = name.rsplit_once(':').unwrap();
    registry.push(path, "1", &new);
    occ.run_with(["sync"]).expect(0);
    assert_eq!(values(&lock_of(&occ), "digest"), [new.digest()]);
    assert!(engine.holds(&name, &new));
}

#[test]
fn a_digest_that_somebody_wrote_by_hand_is_what_is_pulled() {
    let mut engine = RealEngine::connect();
    let name = engine.name("bot");
    let (old, new) = (Image::new(&unique()), Image::new(&unique()));
    let registry = serving(&name, &new);
    let (path, _) = name.rsplit_once(':').unwrap();
    registry.push(path, "old", &old);
    let occ = occ(&engine, &table("tool", &name, &from(&[&registry])));
    occ.run_with(["sync"]).expect(0);
    let occ = edit(occ, new.digest(), old.digest());
    occ.run_with(["lock", "--check"]).expect(0);
    occ.run_with(["sync", "--locked"]).expect(0);
    assert!(engine.holds(&name, &old));
    assert_eq!(values(&lock_of(&occ), "digest"), [old.digest()]);
}

#[test]
fn other_sources_move_no_pin() {
    let mut engine = RealEngine::connect();
    let name = engine.name("moved");
    let (old, new) = (Image::new(&unique()), Image::new(&unique()));
    let (a, b) = (serving(&name, &old), serving(&name, &new));
    let occ = occ(&engine, &table("tool", &name, &from(&[&a])));
    occ.run_with(["lock"]).expect(0);
    let manifest =
        |sources: &[&Registry]| ONE_ROUND.to_owned() + &table("tool", &name, &from(sources));

    // A sync keeps what is locked, and asks nobody what to lock.
    let occ = occ.file("opencode.toml", manifest(&[&b]));
    occ.run_with(["sync"]).expect(1);
    assert!(engine.inspect(&name).is_none());
    assert_eq!(values(&lock_of(&occ), "digest"), [old.digest()]);
    assert!(b.seen("/manifests/1 ").is_empty());

    // A source that can't say might have it still.
    a.set_down(true);
    let occ = occ.file("opencode.toml", manifest(&[&b, &a]));
    occ.run_with(["lock"])
        .expect(0)
        .says(&["whether a source still has what is locked is not known"]);
    assert_eq!(values(&lock_of(&occ), "digest"), [old.digest()]);

    // Where each of them says that it has not, the tag is asked for.
    let occ = occ.file("opencode.toml", manifest(&[&b]));
    occ.run_with(["lock"]).expect(0);
    assert_eq!(values(&lock_of(&occ), "digest"), [new.digest()]);
}

#[test]
fn row_29_other_bytes_are_never_accepted_and_the_next_source_serves() {
    let mut engine = RealEngine::connect();
    let name = engine.name("liar");
    let image = Image::new(&unique());
    let honest = serving(&name, &image);
    let manifest = |a: &Registry, rest: &[&Registry]| {
        let all: Vec<&Registry> = [a].into_iter().chain(rest.iter().copied()).collect();
        table("tool", &name, &from(&all))
    };
    let liar = serving(&name, &image).failing("/manifests/sha256", Fault::Corrupt);
    let alone = occ(&engine, &manifest(&honest, &[]));
    alone.run_with(["lock"]).expect(0);
    let locked = lock_of(&alone).replace(&honest.host(), &liar.host());

    let alone = occ(&engine, &manifest(&liar, &[])).file("opencode.lock", &locked);
    let run = alone.run_with(["sync", "--locked"]).expect(4);
    assert!(run.stdout.contains("content does not match its digest"), "{run}");
    assert!(engine.inspect(&name).is_none());

    let both = occ(&engine, &manifest(&liar, &[&honest])).file("opencode.lock", &locked);
    let run = both.run_with(["--format", "json", "sync"]).expect(0);
    assert_eq!(image_of(&run, "tool")["failures"][0]["class"], "integrity");
    assert!(engine.holds(&name, &image));
    // A source more moved no pin.
    assert_eq!(values(&lock_of(&both), "digest"), [image.digest()]);
}

#[test]
fn where_no_source_has_the_bytes_a_build_may_stand_in_but_never_satisfies() {
    let mut engine = RealEngine::connect();
    let name = engine.name("standin");
    let image = Image::new(&unique());
    let registry = Registry::start();
    let rest = format!("{}\nbuild = {{}}", from(&[&registry]));
    let occ = occ(&engine, &table("tool", &name, &rest))
        .file("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
    let (path, _) = name.rsplit_once(':').unwrap();
    registry.push(path, "1", &image);
    occ.run_with(["lock"]).expect(0);
    let locked = lock_of(&occ);
    // The registry forgets it.
    let empty = Registry::start();
    let moved = |text: &str| text.replace(&registry.host(), &empty.host());
    let manifest = moved(&fs_err::read_to_string(occ.work().join("opencode.toml")).unwrap());
    let occ = occ.file("opencode.toml", manifest).file("opencode.lock", moved(&locked));

    let run = occ.run_with(["sync", "--locked"]).expect(1);
    assert!(run.stdout.contains("not found"), "{run}");
    assert!(engine.inspect(&name).is_none(), "--locked lets no build in");
    let said = format!("a build stands in for the pinned {}", &image.digest()[..19]);
    for _ in 0..2 {
        let before = requests(&empty);
        occ.run_with(["sync"]).expect(0).says(&[&said]);
        assert!(requests(&empty) > before, "each sync asks again");
    }
    let stands_in = format!("stand-in build while the lock wants {}", &image.digest()[..19]);
    let status = occ.run_with(["status", "--check"]).expect(2);
    assert!(status.stdout.contains(&stands_in), "{status}");
    let run = occ.run_with(["ref", "tool"]).expect(0).says(&[&stands_in]);
    assert_eq!(run.stdout.trim(), engine.id(&name).unwrap());
    assert_eq!(lock_of(&occ), moved(&locked));

    empty.push(path, "later", &image);
    occ.run_with(["sync"]).expect(0);
    assert!(engine.holds(&name, &image));
    occ.run_with(["status", "--check"]).expect(0);
}

#[test]
fn what_no_source_had_is_locked_as_built() {
    let mut engine = RealEngine::connect();
    let name = engine.name("asbuilt");
    let registry = Registry::start();
    let rest = format!("{}\nbuild = {{}}", from(&[&registry]));
    let occ = occ(&engine, &table("tool", &name, &rest))
        .file("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
    let run = occ.run_with(["lock"]).expect(0);
    assert!(run.stdout.contains("is built"), "{run}");
    assert_eq!(values(&lock_of(&occ), "digest"), [""; 0]);
    let before = requests(&registry);
    let run = occ.run_with(["sync", "--locked"]).expect(0);
    assert!(run.stdout.contains("1 built"), "{run}");
    assert_eq!(requests(&registry), before, "nobody is asked any more");
    let run = occ.run_with(["sync", "--locked"]).expect(0);
    assert!(run.stdout.contains("1 unchanged"), "{run}");
    occ.run_with(["sync", "--strategy", "pull"]).expect(64).says(&["is locked as built"]);

    let image = Image::new(&unique());
    let (path, _) = name.rsplit_once(':').unwrap();
    registry.push(path, "1", &image);
    occ.run_with(["lock"]).expect(0);
    assert_eq!(values(&lock_of(&occ), "digest"), [""; 0], "what is locked stays");
    occ.run_with(["lock", "--upgrade"]).expect(0);
    assert_eq!(values(&lock_of(&occ), "digest"), [image.digest()]);
    occ.run_with(["sync", "--locked"]).expect(0);
    assert!(engine.holds(&name, &image));
}

#[test]
fn what_is_held_under_another_name_only_gets_the_name() {
    let mut engine = RealEngine::connect();
    let (name, other) = (engine.name("wanted"), engine.name("other"));
    let image = Image::new(&unique());
    // From a registry that the manifest does not even name.
    let elsewhere = serving(&other, &image);
    let registry = serving(&name, &image);
    let occ = occ(&engine, &table("tool", &name, &from(&[&registry])));
    occ.run_with(["lock"]).expect(0);
    let source = repository(&elsewhere.host(), &other);
    engine.pull(&source, "1");
    engine.tag(&format!("{source}:1"), &other);
    engine.clean_up(format!("{source}:1"));
    let before = requests(&registry);

    let plan = occ.run_with(["plan"]).expect(0);
    let short = &image.digest()[..19];
    assert!(
        plan.stdout.contains(&format!("tag    {name} on {short}, which the engine has")),
        "{plan}"
    );
    assert!(!plan.stdout.contains("contacted"), "{plan}");
    let run = occ.run_with(["--format", "json", "sync", "--offline"]).expect(0);
    let told = image_of(&run, "tool");
    assert_eq!((&told["action"], &told["changed"]), (&"tag".into(), &true.into()));
    assert!(engine.holds(&name, &image));
    assert_eq!(requests(&registry), before);
    let run = occ.run_with(["sync"]).expect(0);
    assert!(run.stdout.contains("1 unchanged"), "{run}");
}

#[test]
fn what_was_loaded_is_proven_by_one_pull_that_moves_no_layer() {
    let mut engine = RealEngine::connect();
    let name = engine.name("loaded");
    let image = Image::new(&unique());
    let registry = serving(&name, &image);
    let occ = occ(&engine, &table("tool", &name, &from(&[&registry])));
    occ.run_with(["sync"]).expect(0);
    engine.reload(&name);
    assert_eq!(engine.inspect(&name).unwrap()["RepoDigests"], serde_json::json!([]));

    let plan = occ.run_with(["plan"]).expect(0);
    let short = |digest: &str| digest[..19].to_owned();
    let (have, want) = (short(image.config_digest()), short(image.digest()));
    assert!(
        plan.stdout
            .contains(&format!("the engine has {have} without a digest, the lock wants {want}")),
        "{plan}"
    );
    let run = occ.run_with(["sync", "--offline"]).expect(1);
    assert!(run.stdout.contains("only a registry could tell whether these are the bytes"), "{run}");

    let before = registry.seen("/blobs/").len();
    let run = occ.run_with(["sync"]).expect(0);
    assert!(run.stdout.contains("1 the same"), "{run}");
    let layer = &image.layers[0].digest;
    let blobs = registry.seen("/blobs/").split_off(before);
    assert!(blobs.iter().all(|seen| !seen.request.target.contains(layer.as_str())), "{blobs:?}");
    let run = occ.run_with(["sync", "--offline"]).expect(0);
    assert!(run.stdout.contains("1 unchanged"), "{run}");
}

#[test]
fn an_image_whose_source_is_down_goes_by_its_tag_and_is_not_locked() {
    let mut engine = RealEngine::connect();
    let name = engine.name("down");
    let image = Image::new(&unique());
    let broken = registry::error(503, "UNAVAILABLE", "back soon", None);
    let a = Registry::start().failing("/manifests/", Fault::Answer(broken));
    let b = serving(&name, &image);
    let occ = occ(&engine, &table("tool", &name, &from(&[&a, &b])));
    let run = occ.run_with(["sync"]).expect(0);
    let run = run.says(&["it is not locked, so tags decide", "server error"]);
    assert!(run.stdout.contains(&format!("pulled from {}", b.host())), "{run}");
    assert_eq!(values(&lock_of(&occ), "id"), [""; 0]);
}

#[test]
fn a_silent_source_costs_its_patience_once_more() {
    let mut engine = RealEngine::connect();
    let name = engine.name("silent");
    let a = Registry::start().failing("/manifests/", Fault::Hang);
    let b = serving(&name, &Image::new(&unique()));
    let patience = "[timeouts]\npatience = \"300ms\"\n";
    let manifest = patience.to_owned() + &table("tool", &name, &from(&[&a, &b]));
    let occ = occ(&engine, &manifest);
    occ.run_with(["sync"]).expect(0).says(&["it is not locked, so tags decide", "no answer"]);
    assert!(engine.inspect(&name).is_some());
}
