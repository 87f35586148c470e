//! Images that are built: when, when not, when again, and instead of which pull.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::support::image::Image;
use crate::support::occ::{Occ, Run};
use crate::support::real_engine::RealEngine;
use crate::support::registry::{self, Fault, Registry};
use crate::support::stub_engine::StubEngine;
use crate::support::unique;
use crate::sync::{ONE_ROUND, from, image_of, occ, requests, serving, table};

const DOCKERFILE: &str = "FROM scratch\nARG CHANNEL\nLABEL channel=$CHANNEL\nCOPY src /src\n";

/// An image built from the files beside the manifest.
fn built(engine: &RealEngine, name: &str) -> Occ {
    let build = "build = { args = { CHANNEL = \"dev\" }, labels = { maker = \"me\" } }";
    occ(engine, &(ONE_ROUND.to_owned() + &table("tool", name, build)))
        .file("Dockerfile", DOCKERFILE)
        .file("src/main", unique())
}

/// What is behind a name, which from now on goes in the end even if it loses the name.
fn held(engine: &mut RealEngine, name: &str) -> String {
    let id = engine.id(name).unwrap();
    engine.clean_up(id.clone());
    id
}

fn outcome(run: &Run) -> Value {
    image_of(run, "tool")["outcome"].clone()
}

#[test]
fn a_build_is_done_once_until_an_input_changes() {
    let mut engine = RealEngine::connect();
    let name = engine.name("built");
    let occ = built(&engine, &name);
    let sync = |occ: &Occ| occ.run_with(["--format", "json", "sync"]).expect(0);

    let run = sync(&occ).says(&["COPY src /src"]);
    assert_eq!(image_of(&run, "tool")["source"], "build");
    let first = held(&mut engine, &name);
    assert_eq!(image_of(&run, "tool")["image_id"], first);
    let labels = &engine.inspect(&name).unwrap()["Config"]["Labels"];
    assert_eq!((&labels["channel"], &labels["maker"]), (&"dev".into(), &"me".into()));

    // Neither time nor another run of the same is an input.
    let file = std::fs::File::options().write(true).open(occ.work().join("src/main")).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(86_400)).unwrap();
    let run = sync(&occ);
    assert_eq!(outcome(&run), "unchanged", "{run}");
    assert_eq!(engine.id(&name).unwrap(), first);

    let occ = occ.file("src/main", unique());
    let plan = occ.run_with(["plan"]).expect(0);
    assert!(plan.stdout.contains(": `src/main` changed\n"), "{plan}");
    let run = sync(&occ);
    assert_eq!(image_of(&run, "tool")["previous_id"], first);
    let second = held(&mut engine, &name);
    assert_ne!(second, first);
}

#[test]
fn no_cache_builds_again_what_is_in_sync() {
    let mut engine = RealEngine::connect();
    let name = engine.name("no-cache");
    let occ = built(&engine, &name);
    occ.run_with(["sync"]).expect(0);
    let first = held(&mut engine, &name);
    occ.run_with(["sync"]).expect(0);
    assert_eq!(engine.id(&name).unwrap(), first);

    let run = occ.run_with(["sync", "--no-cache"]).expect(0);
    assert!(run.stdout.contains("1 built"), "{run}");
    assert_ne!(engine.id(&name).unwrap(), first, "the engine's cache was used");
}

#[test]
fn the_classic_build_cache_is_what_the_engine_holds_of_cache_from_and_nothing_else() {
    let mut engine = RealEngine::connect();
    let (name, cache, other) = (engine.name("cached"), engine.name("cache"), engine.name("other"));
    let dockerfile = "FROM scratch\nCOPY file /a\nCOPY file /b\n";
    let with = |file: &str, name: &str, cache_from: &[&str]| {
        let build = format!(
            "build = {{ context = \"in\", cache_from = {cache_from:?}, builder = \"classic\" }}"
        );
        occ(&engine, &(ONE_ROUND.to_owned() + &table("tool", name, &build)))
            .file("in/Dockerfile", dockerfile)
            .file("in/file", file)
    };
    // What both labels of occ were set on: the same image if all before came from a cache.
    let below = |name: &str| engine.inspect(name).unwrap()["Parent"].as_str().unwrap().to_owned();
    let parent = |name: &str| below(&below(name));
    let file = unique();
    with(&file, &cache, &[]).run_with(["sync"]).expect(0);
    with(&unique(), &other, &[]).run_with(["sync"]).expect(0);
    let first = parent(&cache);

    let occ = with(&file, &name, &[&cache, "occ-test/absent:1"]);
    let run = occ.run_with(["plan"]).expect(0);
    let lacks = "the engine does not hold `occ-test/absent:1`, so it is not used";
    assert!(run.stdout.contains(lacks) && !run.stdout.contains(&cache), "{run}");
    let run = occ.run_with(["sync"]).expect(0);
    assert!(run.stdout.contains("1 built"), "{run}");
    assert_eq!(parent(&name), first);

    // It is no input.
    let run = with(&file, &name, &[]).run_with(["sync"]).expect(0);
    assert!(run.stdout.contains("1 unchanged"), "{run}");

    // Where none of them is held, the engine's own cache is as good as ever, ...
    engine.remove(&name);
    with(&file, &name, &["occ-test/absent:1"]).run_with(["sync"]).expect(0);
    assert_eq!(parent(&name), first);
    // ... and where another one is, that alone counts.
    engine.remove(&name);
    with(&file, &name, &[&other]).run_with(["sync"]).expect(0);
    assert_ne!(parent(&name), first);
}

/// Where an image can be pulled and can be built, with more of the image's table.
fn either(engine: &RealEngine, name: &str, registry: &Registry, more: &str) -> Occ {
    let rest = format!("{}\n{more}\nbuild = {{}}", from(&[registry]));
    occ(engine, &(ONE_ROUND.to_owned() + &table("tool", name, &rest)))
        .file("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
}

#[test]
fn the_strategy_decides_between_registry_and_build() {
    let mut engine = RealEngine::connect();
    let name = engine.name("strategy");
    let image = Image::new(&unique());
    let with = || serving(&name, &image);
    let registry = with();
    // Both are possible, so the registry is asked first, and it is enough.
    let run = either(&engine, &name, &registry, "").args(["sync"]).run().expect(0);
    assert!(run.stdout.contains("1 pulled"), "{run}");
    assert_eq!(engine.id(&name).unwrap(), engine.id_of(&image));

    // What was pulled is no build, so a build is due; the registry is not asked.
    let asked = requests(&registry);
    let occ = either(&engine, &name, &registry, "strategy = \"build\"");
    let run = occ.run_with(["plan"]).expect(0);
    assert!(run.stdout.contains("on an image that occ did not build"), "{run}");
    occ.run_with(["sync"]).expect(0);
    assert_ne!(engine.id(&name).unwrap(), engine.id_of(&image));
    assert_eq!(requests(&registry), asked);
    occ.run_with(["sync", "--strategy", "build"]).expect(0);
    engine.clean_up(format!(
        "{}/{}@{}",
        registry.host(),
        name.rsplit_once(':').unwrap().0,
        image.digest()
    ));
}

#[test]
fn the_flag_strategy_wins_over_the_manifest() {
    let mut engine = RealEngine::connect();
    let name = engine.name("flag");
    let registry = Registry::start();
    let occ = either(&engine, &name, &registry, "");
    let run = occ.run_with(["sync", "--strategy", "pull"]).expect(1);
    assert!(run.stdout.contains("not found, 1 attempt"), "{run}");
    assert_eq!(engine.id(&name), None);

    let asked = requests(&registry);
    occ.run_with(["sync", "--strategy", "build"]).expect(0);
    assert!(engine.id(&name).is_some());
    assert_eq!(requests(&registry), asked);

    let pull_only = table("tool", &name, &from(&[&registry]));
    let run = crate::sync::occ(&engine, &(ONE_ROUND.to_owned() + &pull_only))
        .args(["sync", "--strategy", "build"])
        .run();
    run.expect(64).says(&["image `tool` has no `build` table"]);
}

#[test]
fn build_on_decides_after_which_failures_a_build_steps_in() {
    let mut engine = RealEngine::connect();
    let absent = || Registry::start();
    let broken = || {
        let answer = registry::error(500, "UNKNOWN", "it broke", None);
        Registry::start().failing("/manifests/", Fault::Answer(answer))
    };
    let limited =
        || Registry::start().failing("/manifests/", Fault::Answer(registry::rate_limited()));
    let cases = [
        (absent(), "", 0),
        (broken(), "", 0),
        // A limit is told instead of starting a long build, unless that is wanted.
        (limited(), "", 7),
        (limited(), "build_on = [\"rate_limited\"]", 0),
        (broken(), "build_on = [\"not_found\"]", 7),
        (absent(), "build_on = [\"unavailable\"]", 1),
    ];
    for (registry, more, exit) in cases {
        let name = engine.name("build-on");
        let run = either(&engine, &name, &registry, more).args(["sync"]).run().expect(exit);
        assert_eq!(engine.id(&name).is_some(), exit == 0, "{more}\n{run}");
        assert_eq!(run.stdout.contains("1 built"), exit == 0, "{more}\n{run}");
    }
}

#[test]
fn a_refusal_despite_credentials_starts_no_build() {
    let mut engine = RealEngine::connect();
    let name = engine.name("denied");
    let registry = Registry::start().failing("/manifests/", Fault::Answer(registry::denied()));
    // `bWU6c2VjcmV0` is `me:secret`.
    let config = format!(r#"{{"auths":{{"{}":{{"auth":"bWU6c2VjcmV0"}}}}}}"#, registry.host());
    let run = either(&engine, &name, &registry, "").docker_config(&config).args(["sync"]).run();
    let run = run.expect(6).never_says(&["secret", "bWU6c2VjcmV0"]);
    assert!(run.stdout.contains("denied, 1 attempt"), "{run}");
    assert_eq!(engine.id(&name), None);
}

#[test]
fn pull_policy_never_still_builds() {
    let mut engine = RealEngine::connect();
    let name = engine.name("never");
    let registry = serving(&name, &Image::new(&unique()));
    let occ = either(&engine, &name, &registry, "pull_policy = \"never\"");
    let run = occ.run_with(["sync"]).expect(0);
    assert!(run.stdout.contains("1 built"), "{run}");
    assert_eq!(requests(&registry), 0);
    let run = occ.run_with(["sync"]).expect(0);
    assert!(run.stdout.contains("1 unchanged"), "{run}");
}

/// An image built from a Dockerfile, at an engine that is only a stub.
fn at_stub(engine: &StubEngine, dockerfile: &str, build: &str) -> Occ {
    let manifest = ONE_ROUND.to_owned() + &table("tool", "acme/tool:1", build);
    Occ::manifest(&manifest).file("Dockerfile", dockerfile).args(["-H", &engine.host()])
}

const STAGES: &str = "FROM a.example/base AS tests\nFROM b.example/base AS runtime\n\
                      FROM c.example/base AS last\nRUN --mount=type=cache,target=/x true\n";

#[test]
fn only_the_registries_of_the_stages_that_a_target_needs_may_be_contacted() {
    let engine = StubEngine::start();
    let run = at_stub(&engine, STAGES, "build = { target = \"Runtime\" }").args(["plan"]).run();
    let run = run.expect(0);
    assert!(run.stdout.contains("contacted: a.example, b.example\n"), "{run}");
}

#[test]
fn a_target_that_the_dockerfile_lacks_is_told_before_anything_is_sent() {
    let engine = StubEngine::start();
    let occ = at_stub(&engine, STAGES, "build = { target = \"runtim\" }");
    let words = "`target` is `runtim`, and `Dockerfile` has no such stage; did you mean `runtime`?";
    for (command, exit) in [("plan", 0), ("sync", 1)] {
        let run = occ.run_with([command]).expect(exit);
        assert!(run.stdout.contains(words), "{run}");
    }
    assert!(engine.seen("POST /build").is_empty());
}

#[test]
fn a_dockerfile_for_buildkit_is_blocked_with_its_line() {
    let engine = StubEngine::start();
    let occ = at_stub(&engine, STAGES, "build = {}");
    let words = "line 4 of `Dockerfile`: `RUN --mount` needs BuildKit, and the engine has no \
                 BuildKit: it answers `/grpc` with 404";
    for (command, exit) in [("plan", 0), ("sync", 1)] {
        let run = occ.run_with([command]).expect(exit);
        assert!(run.stdout.contains(words), "{run}");
    }
    assert!(engine.changes().is_empty());
}

/// What blocks a build before it is sent has to be what no classic builder takes.
#[test]
fn the_engine_refuses_what_the_plan_blocks() {
    let engine = RealEngine::connect();
    let cases = [
        ("FROM scratch\nRUN --mount=type=cache,target=/x true\n", "", "mount"),
        ("FROM scratch\nRUN --network=none true\n", "", "network"),
        ("FROM scratch\nCOPY --chmod=755 Dockerfile /\n", "", "chmod"),
        ("FROM --platform=$BUILDPLATFORM scratch\nCOPY Dockerfile /\n", "", "platform"),
        ("FROM scratch AS a\nCOPY Dockerfile /\n", "0", "target"),
    ];
    for (dockerfile, target, word) in cases {
        let answer = engine.build(dockerfile, target);
        assert!(answer.contains(word) && !answer.contains("Successfully"), "{word}: {answer}");
    }
}

#[test]
fn the_template_is_sent_whole_and_with_its_arguments() {
    let engine = StubEngine::start();
    let build =
        "[images.opencode.build]\ntemplate = \"opencode\"\nargs = { BASE_IMAGE = \"debian:13\" }";
    let manifest = ONE_ROUND.to_owned() + &table("opencode", "acme/opencode:1", build);
    let occ =
        Occ::manifest(&manifest).file("Dockerfile", "FROM elsewhere").file("secret", "s3cret");
    let occ = occ.args(["-H", &engine.host()]);
    occ.run_with(["sync"]).expect(0);
    let sent = &engine.seen("POST /build")[0].request;
    let body = String::from_utf8_lossy(&sent.body);
    assert!(body.contains(include_str!("../images/Dockerfile")), "the template is not in it");
    assert!(!body.contains("FROM elsewhere") && !body.contains("s3cret"));
    assert_eq!(sent.query("buildargs").unwrap(), r#"{"BASE_IMAGE":"debian:13"}"#);
    assert_eq!(sent.query("nocache"), Some("false".into()));
    assert!(engine.id("acme/opencode:1").is_some());

    occ.run_with(["sync"]).expect(0);
    assert_eq!(engine.seen("POST /build").len(), 1);
    occ.run_with(["sync", "--no-cache"]).expect(0);
    let again = &engine.seen("POST /build")[1].request;
    assert_eq!(again.query("nocache"), Some("true".into()));
}
