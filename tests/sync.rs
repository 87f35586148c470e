//! `occ sync` where all goes well, or where several things could be meant: which
//! source serves, what a name means afterwards, and who is left alone.

use std::time::Duration;

use serde_json::Value;

use crate::support::image::Image;
use crate::support::occ::{Occ, Run};
use crate::support::real_engine::RealEngine;
use crate::support::registry::{self, Fault, Registry};
use crate::support::stub_engine::{self, StubEngine};
use crate::support::stub_table::StubImage;
use crate::support::unique;

/// Without second rounds: here nobody waits for better times.
pub(crate) const ONE_ROUND: &str = "version = 1\n[retry]\nattempts = 1\n";

/// A table `[images.ID]` for the local name `name:tag`.
pub(crate) fn table(id: &str, name: &str, rest: &str) -> String {
    let (name, tag) = name.rsplit_once(':').unwrap();
    format!("[images.{id}]\nname = \"{name}\"\ntag = \"{tag}\"\n{rest}\n")
}

/// `registries = […]`
pub(crate) fn from(registries: &[&Registry]) -> String {
    let hosts: Vec<String> = registries.iter().map(|r| format!("\"{}\"", r.host())).collect();
    format!("registries = [{}]", hosts.join(", "))
}

/// A registry that serves an image under the path and the tag of a local name.
pub(crate) fn serving(name: &str, image: &Image) -> Registry {
    let (path, tag) = name.rsplit_once(':').unwrap();
    Registry::with(path, tag, image)
}

pub(crate) fn occ(engine: &RealEngine, manifest: &str) -> Occ {
    Occ::manifest(manifest).args(["-H", engine.host(), "--progress", "plain"])
}

pub(crate) fn requests(registry: &Registry) -> usize {
    registry.seen("").len()
}

pub(crate) fn image_of(run: &Run, id: &str) -> Value {
    let document = run.json();
    let images = document["images"].as_array().unwrap();
    images.iter().find(|image| image["id"] == id).unwrap().clone()
}

#[test]
fn a_pull_is_by_digest_and_leaves_only_the_wanted_names() {
    let mut engine = RealEngine::connect();
    let (name, further) = (engine.name("pull"), engine.name("further"));
    let image = Image::new(&unique());
    let registry = serving(&name, &image);
    let rest = format!("extra_tags = [\"{further}\"]\n{}", from(&[&registry]));
    let run = occ(&engine, &(ONE_ROUND.to_owned() + &table("tool", &name, &rest)));

    let run = run.args(["sync"]).run().expect(0);
    assert!(run.stdout.contains(&format!("pulled from {}", registry.host())), "{run}");
    assert!(run.stdout.contains("1 pulled in "), "{run}");
    let held = engine.inspect(&name).unwrap();
    assert_eq!(held["Id"], engine.id_of(&image));
    assert_eq!(engine.id(&further).unwrap(), engine.id_of(&image));
    let (path, _) = name.rsplit_once(':').unwrap();
    let source = format!("{}/{path}", registry.host());
    assert_eq!(held["RepoDigests"], serde_json::json!([format!("{source}@{}", image.digest())]));
    assert!(engine.inspect(&format!("{source}:1")).is_none(), "the source's tag is left");
}

#[test]
fn row_95_with_nothing_to_do_no_registry_is_asked() {
    let mut engine = RealEngine::connect();
    let name = engine.name("again");
    let registry = serving(&name, &Image::new(&unique()));
    let occ = occ(&engine, &(ONE_ROUND.to_owned() + &table("tool", &name, &from(&[&registry]))));
    occ.run_with(["sync"]).expect(0);
    let (id, before) = (engine.id(&name), requests(&registry));

    for command in ["sync", "plan", "status"] {
        let run = occ.run_with([command]).expect(0).within(Duration::from_secs(1));
        assert!(run.stdout.contains("in sync"), "{run}");
    }
    let run = occ.run_with(["--format", "json", "sync"]).expect(0);
    assert_eq!(image_of(&run, "tool")["outcome"], "unchanged");
    assert_eq!(run.json()["changed"], false);
    assert_eq!((engine.id(&name), requests(&registry)), (id, before));
}

#[test]
fn row_56_a_name_that_is_taken_moves_and_the_old_image_is_named() {
    let mut engine = RealEngine::connect();
    let (name, keeper) = (engine.name("taken"), engine.name("keeper"));
    let (old, new) = (Image::new(&unique()), Image::new(&unique()));
    let registry = serving(&keeper, &old);
    let (path, _) = keeper.rsplit_once(':').unwrap();
    engine.pull(&format!("{}/{path}", registry.host()), "1");
    let source = format!("{}/{path}:1", registry.host());
    engine.tag(&source, &name);
    engine.tag(&source, &keeper);
    engine.clean_up(source);

    let (path, tag) = name.rsplit_once(':').unwrap();
    registry.push(path, tag, &new);
    let rest = format!("digest = \"{}\"\n{}", new.digest(), from(&[&registry]));
    let occ = occ(&engine, &(ONE_ROUND.to_owned() + &table("tool", &name, &rest)));
    let plan = occ.run_with(["plan"]).expect(0);
    let short = |digest: &str| digest[.."sha256:".len() + 12].to_owned();
    let (have, pin) = (short(old.digest()), short(new.digest()));
    let said = format!("the engine has {have}, the manifest pins {pin}");
    assert!(plan.stdout.contains(&said), "{plan}");
    assert_eq!(engine.id(&name).unwrap(), engine.id_of(&old), "a plan changes nothing");

    let run = occ.run_with(["--format", "json", "sync"]).expect(0);
    assert_eq!(image_of(&run, "tool")["previous_id"], engine.id_of(&old));
    assert_eq!(image_of(&run, "tool")["image_id"], engine.id_of(&new));
    assert_eq!(engine.id(&name).unwrap(), engine.id_of(&new));
    assert_eq!(engine.id(&keeper).unwrap(), engine.id_of(&old), "the old image stays");
}

#[test]
fn row_57_two_at_once_both_succeed_and_agree() {
    let mut engine = RealEngine::connect();
    let (pulled, built) = (engine.name("pulled"), engine.name("built"));
    let image = Image::new(&unique());
    let registry = serving(&pulled, &image);
    let manifest = ONE_ROUND.to_owned()
        + &table("pulled", &pulled, &from(&[&registry]))
        + &table("built", &built, "build = { context = \"built\" }");
    let occ = occ(&engine, &manifest)
        .file("built/Dockerfile", "FROM scratch\nCOPY file /\n")
        .file("built/file", unique())
        .args(["--format", "json", "sync"]);
    let (one, other) = (occ.spawn(), occ.spawn());
    for run in [one.wait().expect(0), other.wait().expect(0)] {
        assert_eq!(image_of(&run, "pulled")["image_id"], engine.id_of(&image));
        // One of them built it, and the other one found that.
        assert_eq!(image_of(&run, "built")["image_id"], engine.id(&built).unwrap(), "{run}");
    }
    assert_eq!(engine.id(&pulled).unwrap(), engine.id_of(&image));
    assert_eq!(occ.run().expect(0).json()["changed"], false);
}

#[test]
fn row_57_the_second_waits_for_the_first_and_does_not_build_again() {
    // An engine that takes its time to read the context, so that the two overlap.
    let engine = StubEngine::start().reading_slowly();
    let manifest = ONE_ROUND.to_owned() + &table("built", "acme/built:1", "build = {}");
    let occ = Occ::manifest(&manifest)
        .file("Dockerfile", "FROM scratch\nCOPY file /\n")
        .file("file", vec![b'x'; 200_000])
        .args(["-H", &engine.host(), "--progress", "plain", "sync"]);
    let (one, other) = (occ.spawn(), occ.spawn());
    let runs = [one.wait().expect(0), other.wait().expect(0)];
    let said = |words: &str| runs.iter().filter(|run| run.stderr.contains(words)).count();
    assert_eq!(said("another occ is building it, waiting"), 1, "{}{}", runs[0], runs[1]);
    assert_eq!(said("it has been built already, from the same inputs"), 1);
    assert_eq!(engine.seen("POST /build").len(), 1);
}

#[test]
fn row_96_registries_that_admit_nobody_let_the_build_in() {
    let mut engine = RealEngine::connect();
    let name = engine.name("private");
    let registry = |answer| Registry::start().failing("/manifests/", Fault::Answer(answer));
    let (a, b) = (registry(registry::denied()), registry(registry::unauthorized()));
    let rest = format!("{}\nbuild = {{}}", from(&[&a, &b]));
    let run = occ(&engine, &(ONE_ROUND.to_owned() + &table("tool", &name, &rest)))
        .file("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
        .args(["--format", "json", "sync"])
        .run()
        .expect(0);
    for host in [a.host(), b.host()] {
        run.says_once(&format!("{host}: absent or private"));
    }
    let image = image_of(&run, "tool");
    assert_eq!((&image["action"], &image["source"]), (&"build".into(), &"build".into()));
    let classes: Vec<&Value> =
        image["failures"].as_array().unwrap().iter().map(|failure| &failure["class"]).collect();
    assert_eq!(classes, ["absent_or_private", "absent_or_private"]);
    let labels = &engine.inspect(&name).unwrap()["Config"]["Labels"];
    assert!(labels.as_object().is_some_and(|labels| !labels.is_empty()), "{labels}");
}

#[test]
fn row_97_an_engine_that_pulls_by_tag_only_keeps_the_sources_tag_and_it_is_named() {
    // Podman's answer, and that of a filter in front of the engine's socket.
    for (status, answer) in [(404, "page not found"), (403, "<html><h1>403 Forbidden</h1>")] {
        let image = StubImage::new("tool");
        let engine = StubEngine::start()
            .remote("ghcr.io/acme/tool:1", &image)
            .failing("/distribution/", stub_engine::Fault::Status(status, answer));
        let manifest =
            ONE_ROUND.to_owned() + &table("tool", "acme/tool:1", "registries = [\"ghcr.io\"]");
        let occ = Occ::manifest(&manifest).args(["-H", &engine.host(), "--progress", "plain"]);
        occ.run_with(["sync"]).expect(0).says(&["`ghcr.io/acme/tool:1` stays in the engine, too"]);
        assert_eq!(engine.id("acme/tool:1").as_ref(), Some(&image.id));
        assert_eq!(engine.id("ghcr.io/acme/tool:1"), Some(image.id));
        // Pulled by tag, but known by digest, and so in sync.
        let pulls = engine.seen("POST ").len();
        occ.run_with(["sync"]).expect(0).never_says(&["stays in the engine"]);
        assert_eq!(engine.seen("POST ").len(), pulls);
    }
}

#[test]
fn row_98_names_made_of_other_classes_words_decide_nothing() {
    let engine = RealEngine::connect();
    let names = ["corp/denied-proxy", "enix/x509-certificate-exporter", "unknown/eof"];
    let answer = Fault::Answer;
    let broken = registry::error(500, "UNKNOWN", "it broke", None);
    let busy = registry::error(429, "TOOMANYREQUESTS", "slow down", None);
    let cases = [
        (answer(registry::not_found()), "not_found", 1),
        (answer(registry::not_found_with_detail()), "not_found", 1),
        (answer(registry::denied()), "absent_or_private", 1),
        (answer(registry::rate_limited()), "rate_limited", 7),
        (answer(busy), "too_many_requests", 7),
        (answer(broken), "server", 7),
        (Fault::Close, "network", 7),
    ];
    for (fault, class, exit) in cases {
        let told = format!("{fault:?}");
        // A registry each: whose limit is used up is not asked for the next image.
        let registries = [(); 6].map(|()| Registry::start().failing("/manifests/", fault.clone()));
        let mut manifest = ONE_ROUND.to_owned();
        for (i, registry) in registries.iter().enumerate() {
            // A pin is pulled without a question first, so it is the pull that fails, in
            // the engine's words, which have the name in them.
            let pin = format!("digest = \"sha256:{}\"\n", "1".repeat(64));
            let pin = if i < 3 { "" } else { &pin };
            let name = format!("{}:{}", names[i % 3], unique());
            manifest +=
                &table(&format!("image-{i}"), &name, &(pin.to_owned() + &from(&[registry])));
        }
        let run = occ(&engine, &manifest).args(["--format", "json", "sync"]).run().expect(exit);
        for i in 0..6 {
            let image = image_of(&run, &format!("image-{i}"));
            assert_eq!(image["failures"][0]["class"], class, "{image}: {told}\n{run}");
            assert_eq!(image["failures"][0]["attempts"], 1, "{image}: {told}");
        }
    }
}

#[test]
fn a_dry_run_is_the_plan_and_asks_no_registry() {
    let mut engine = RealEngine::connect();
    let name = engine.name("dry");
    let registry = serving(&name, &Image::new(&unique()));
    let occ = occ(&engine, &(ONE_ROUND.to_owned() + &table("tool", &name, &from(&[&registry]))));
    let dry = occ.run_with(["sync", "-n"]).expect(0);
    assert_eq!(dry.stdout, occ.run_with(["plan"]).expect(0).stdout);
    assert!(dry.stdout.contains(": not in the engine\nplan: 1 to pull\n"), "{dry}");
    let contacts = format!("registries that may be contacted: {}\n", registry.host());
    assert!(dry.stdout.ends_with(&contacts), "{dry}");
    assert_eq!((engine.id(&name), requests(&registry)), (None, 0));
}

#[test]
fn the_policy_always_follows_the_tag_and_never_asks_nobody() {
    let mut engine = RealEngine::connect();
    let name = engine.name("policy");
    let (old, new) = (Image::new(&unique()), Image::new(&unique()));
    let registry = serving(&name, &old);
    let of = |policy: &str| {
        let rest = format!("pull_policy = \"{policy}\"\n{}", from(&[&registry]));
        ONE_ROUND.to_owned() + &table("tool", &name, &rest)
    };
    let never = occ(&engine, &of("never")).args(["sync"]).run().expect(1);
    assert!(never.stdout.contains("`pull_policy = \"never\"` forbids pulling it"), "{never}");
    assert_eq!((engine.id(&name), requests(&registry)), (None, 0));

    let always = occ(&engine, &of("always")).args(["--format", "json", "sync"]);
    always.run().expect(0);
    assert_eq!(engine.id(&name).unwrap(), engine.id_of(&old));
    let run = always.run().expect(0);
    assert_eq!(run.json()["changed"], false, "the tag is where it was\n{run}");
    let (path, tag) = name.rsplit_once(':').unwrap();
    registry.push(path, tag, &new);
    // The image that loses its name is known by nothing but its digest in the registry.
    engine.clean_up(format!("{}/{path}@{}", registry.host(), old.digest()));
    let run = always.run().expect(0);
    assert_eq!(image_of(&run, "tool")["previous_id"], engine.id_of(&old));
    assert_eq!(engine.id(&name).unwrap(), engine.id_of(&new));
    // There is always something to ask, and still nothing wrong with what is there.
    let before = requests(&registry);
    let run = occ(&engine, &of("always")).args(["status", "--check"]).run().expect(0);
    assert!(run.stdout.contains("(not asked whether the tag moved)"), "{run}");
    assert_eq!(requests(&registry), before);

    // What is there is good enough for `missing` and `never`, whatever the tag means by now.
    registry.push(path, tag, &old);
    let before = requests(&registry);
    for policy in ["missing", "never"] {
        occ(&engine, &of(policy)).args(["sync"]).run().expect(0);
    }
    assert_eq!(engine.id(&name).unwrap(), engine.id_of(&new));
    assert_eq!(requests(&registry), before);
}

#[test]
fn fail_fast_stops_at_the_first_failure_and_else_the_others_go_on() {
    let mut engine = RealEngine::connect();
    let (bad, good) = (engine.name("bad"), engine.name("good"));
    let registry = serving(&good, &Image::new(&unique()));
    let manifest = format!("{ONE_ROUND}[limits]\npulls = 1\n")
        + &table("bad", &bad, &from(&[&registry]))
        + &table("good", &good, &from(&[&registry]));
    let occ = occ(&engine, &manifest);
    let run = occ.run_with(["sync", "--fail-fast"]).expect(1);
    assert!(run.stdout.contains("1 failed, 1 skipped"), "{run}");
    assert_eq!(engine.id(&good), None);

    let run = occ.run_with(["sync"]).expect(1);
    assert!(run.stdout.contains("1 pulled, 1 failed"), "{run}");
    assert!(engine.id(&good).is_some());
    // Images can be chosen, and then the others count for nothing.
    occ.run_with(["sync", "good"]).expect(0);
}
