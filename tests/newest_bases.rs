//! `pull = true`: a build follows its base images as they move in their registries.

use crate::support::image::Image;
use crate::support::occ::Occ;
use crate::support::real_engine::RealEngine;
use crate::support::real_registry::RealRegistry;
use crate::support::registry::{self, Fault, Registry};
use crate::support::script::Rule;
use crate::support::stub_engine::{self, StubEngine};
use crate::support::unique;
use crate::sync::{ONE_ROUND, image_of, occ, table};

/// An image that is built on `base`, with more of its `build` table.
fn built_on(engine: &RealEngine, name: &str, base: &str, more: &str) -> Occ {
    let build = format!("build = {{ context = \"in\"{more} }}");
    occ(engine, &(ONE_ROUND.to_owned() + &table("tool", name, &build)))
        .file("in/Dockerfile", format!("FROM {base}\nCOPY file /\n"))
        .file("in/file", unique())
}

/// The first layer of what is behind a name: its base's.
fn first_layer(engine: &RealEngine, name: &str) -> String {
    engine.inspect(name).unwrap()["RootFS"]["Layers"][0].as_str().unwrap().to_owned()
}

#[test]
fn a_base_that_moved_is_a_rebuild_where_that_is_wanted_and_nowhere_else() {
    let mut engine = RealEngine::connect();
    let registry = RealRegistry::start();
    let (follows, stays) = (engine.name("follows"), engine.name("stays"));
    let base = format!("{}/occ-test/base:1", registry.host());
    engine.clean_up(&base);
    registry.push("occ-test/base", "1", &Image::new(&unique()));
    let following = built_on(&engine, &follows, &base, ", pull = true");
    let staying = built_on(&engine, &stays, &base, "");
    for occ in [&following, &staying] {
        let run = occ.run_with(["sync"]).expect(0);
        assert!(run.stdout.contains("1 built"), "{run}");
        let run = occ.run_with(["sync"]).expect(0);
        assert!(run.stdout.contains("1 unchanged"), "{run}");
    }
    let first = (engine.id(&follows).unwrap(), first_layer(&engine, &follows));
    engine.clean_up(first.0.clone());

    registry.push("occ-test/base", "1", &Image::new(&unique()));
    // It asks no registry, and the base that the engine holds is the same.
    let run = following.run_with(["status", "--check"]).expect(0);
    assert!(run.stdout.contains("in sync"), "{run}");
    let run = following.run_with(["plan", "--detailed-exitcode"]).expect(2);
    assert!(run.stdout.contains(&format!("the base `{base}`")), "{run}");
    assert!(run.stdout.contains(&format!("contacted: {}\n", registry.host())), "{run}");
    let run = following.run_with(["sync"]).expect(0);
    assert!(run.stdout.contains("1 built"), "{run}");
    assert_ne!(first_layer(&engine, &follows), first.1);
    let run = following.run_with(["sync"]).expect(0);
    assert!(run.stdout.contains("1 unchanged"), "{run}");

    // Offline the newest is what the engine has, and nobody is asked.
    let before = registry.requests();
    let run = following.run_with(["sync", "--offline", "--no-cache"]).expect(0);
    assert!(run.stdout.contains("1 built"), "{run}");
    assert_eq!(registry.requests(), before);
    engine.clean_up(engine.id(&follows).unwrap());
    let run = following.run_with(["sync"]).expect(0);
    assert!(run.stdout.contains("1 unchanged"), "{run}");

    let run = staying.run_with(["sync"]).expect(0);
    assert!(run.stdout.contains("1 unchanged"), "{run}");
    assert_eq!(first_layer(&engine, &stays), first.1);
}

#[test]
fn a_base_that_no_registry_serves_is_none_to_ask_for() {
    let mut engine = RealEngine::connect();
    let registry = RealRegistry::start();
    let (name, local) = (engine.name("mixed"), engine.name("local"));
    let base = format!("{}/occ-test/mixed:1", registry.host());
    engine.clean_up(&base);
    let occ = built_on(&engine, &name, &base, ", pull = true")
        .file("in/Dockerfile", format!("FROM {base}\nCOPY --from={local} /local /\n"));
    let manifest = "FROM scratch\nCOPY local /\n";
    let of_local = ONE_ROUND.to_owned() + &table("local", &local, "build = {}");
    crate::sync::occ(&engine, &of_local)
        .file("Dockerfile", manifest)
        .file("local", unique())
        .run_with(["sync"])
        .expect(0);
    for _ in 0..2 {
        registry.push("occ-test/mixed", "1", &Image::new(&unique()));
        let run = occ.run_with(["sync"]).expect(0);
        assert!(run.stdout.contains("1 built"), "{run}");
        assert_eq!(first_layer(&engine, &name), first_layer(&engine, &base));
        engine.clean_up(engine.id(&name).unwrap());
    }
    let run = occ.run_with(["sync"]).expect(0);
    assert!(run.stdout.contains("1 unchanged"), "{run}");
}

#[test]
fn a_registry_that_cannot_tell_is_named_and_the_image_stays() {
    let mut engine = RealEngine::connect();
    let broken = registry::error(500, "UNKNOWN", "it broke", None);
    // What the registry answers, the exit code, and what is said of it and of what to do.
    let cases = [
        (broken, 7, "server error", "has a problem of its own: run it again later"),
        (registry::denied(), 6, "denied", "renew them with `docker login"),
        (registry::not_found(), 1, "not found", "for a typing error"),
    ];
    for (answer, exit, class, hint) in cases {
        let name = engine.name("unknown-base");
        let registry = Registry::with("occ-test/base", "1", &Image::new(&unique()));
        let base = format!("{}/occ-test/base:1", registry.host());
        engine.clean_up(&base);
        // `bWU6c2VjcmV0` is `me:secret`.
        let config = format!(r#"{{"auths":{{"{}":{{"auth":"bWU6c2VjcmV0"}}}}}}"#, registry.host());
        let occ = built_on(&engine, &name, &base, ", pull = true").docker_config(&config);
        occ.run_with(["sync"]).expect(0);
        let built = engine.id(&name).unwrap();
        let _registry = registry.failing("/manifests/", Fault::Answer(answer));
        let reason = format!(
            "its inputs can't be compared, and its base `{base}` can't be looked up: {class}"
        );
        let run = occ.run_with(["plan"]).expect(0);
        assert!(run.stdout.contains(&reason), "{run}");
        let run = occ.run_with(["sync"]).expect(exit).never_says(&["secret"]);
        assert!(run.stdout.contains(hint), "{run}");
        assert!(run.stdout.contains("hint: without `pull = true`"), "{run}");
        let run = occ.run_with(["--format", "json", "sync"]).expect(exit);
        assert_eq!(image_of(&run, "tool")["hints"].as_array().unwrap().len(), 2, "{run}");
        assert_eq!(engine.id(&name).unwrap(), built);
    }
}

#[test]
fn an_engine_that_cannot_ask_registries_is_told_of() {
    let page = stub_engine::Fault::Status(404, "page not found");
    let engine = StubEngine::start().rule(Rule::on("GET /distribution/", page));
    let manifest = ONE_ROUND.to_owned() + &table("tool", "acme/tool:1", "build = { pull = true }");
    let occ = Occ::manifest(&manifest).file("Dockerfile", "FROM a.example/base\n");
    let run = occ.args(["-H", &engine.host(), "sync"]).run().expect(1);
    assert!(run.stdout.contains("this engine can't ask registries that"), "{run}");
    assert!(engine.seen("POST /build").is_empty());
}

#[test]
fn a_warning_about_logins_is_told_with_a_plan() {
    let engine = StubEngine::start();
    let manifest = ONE_ROUND.to_owned() + &table("tool", "acme/tool:1", "build = { pull = true }");
    let occ = Occ::manifest(&manifest).file("Dockerfile", "FROM a.example/base\n");
    let occ = occ.docker_config("no JSON").args(["-H", &engine.host(), "plan"]);
    occ.run().expect(0).says_once("config.json` is not used");
    let run = occ.run_with(["--format", "json"]).expect(0);
    assert_eq!(run.json()["diagnostics"][0]["severity"], "warning", "{run}");
}
