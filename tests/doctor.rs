//! `occ doctor`: what stands in the way of a sync, and whom it asks for that.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::image::Image;
use crate::support::occ::{Occ, Run};
use crate::support::real_engine::RealEngine;
use crate::support::stub_engine::{End, Fault, StubEngine};
use crate::support::stub_table::StubImage;
use crate::support::terminal::OnTerminal;
use crate::support::unique;
use crate::sync::{ONE_ROUND, from, serving, table};

/// A manifest of one image with these sources, in a hurry.
fn manifest(more: &str) -> String {
    let limits = "[timeouts]\nconnect = \"300ms\"\npatience = \"100ms\"\n";
    format!("{ONE_ROUND}{limits}{}", table("tool", "acme/tool:1", more))
}

const BOTH: &str = "registries = [\"r.example\", \"s.example\"]";

fn occ(engine: &StubEngine, manifest: &str) -> Occ {
    Occ::manifest(manifest).args(["-H", &engine.host(), "doctor"]).locking()
}

/// An engine whose registries have the image.
fn engine() -> StubEngine {
    let image = StubImage::new("tool");
    let engine = StubEngine::start().with_buildkit();
    engine.remote("r.example/acme/tool:1", &image).remote("s.example/acme/tool:1", &image)
}

fn checks(run: &Run) -> Vec<Value> {
    run.json()["doctor"].as_array().unwrap().clone()
}

/// The check of this name, which is about this where there are several.
#[track_caller]
fn check(run: &Run, name: &str, about: Option<&str>) -> Value {
    let found = checks(run)
        .into_iter()
        .find(|check| check["name"] == name && about.is_none_or(|about| check["about"] == about));
    found.unwrap_or_else(|| panic!("there is no check `{name}` {about:?}\n{run}"))
}

/// The same run for programs.
fn as_json(occ: &Occ, code: i32) -> Run {
    occ.run_with(["--format", "json"]).expect(code)
}

#[test]
fn where_all_is_well_each_line_says_so() {
    let mut real = RealEngine::connect();
    let name = real.name("doctor");
    let registry = serving(&name, &Image::new(&unique()));
    let text = ONE_ROUND.to_owned() + &table("tool", &name, &from(&[&registry]));
    let occ = Occ::manifest(&text).args(["-H", real.host(), "doctor"]).locking();
    let run = occ.run().expect(0);
    assert!(run.stdout.ends_with("\nnothing stands in the way of a sync\n"), "{run}");
    let lines = run.stdout.lines().filter(|line| !line.starts_with("      hint"));
    let lines: Vec<&str> = lines.collect();
    for line in &lines[..lines.len() - 1] {
        assert!(line.starts_with("ok    "), "{line}\n{run}");
    }
    let version = real.call("GET", "/version");
    let version: Value = serde_json::from_slice(&version.body).unwrap();
    let engine = check(&as_json(&occ, 0), "engine", None)["text"].as_str().unwrap().to_owned();
    assert!(engine.contains(version["Version"].as_str().unwrap()), "{engine}");
    for words in [
        "ok    manifest  opencode.toml: 1 image\n",
        "ok    lock      there is no `opencode.lock` yet\n",
        &format!("ok    endpoint  {}, from `--host`\n", real.host()),
        &format!("ok    registry  {}: reached without a login\n", registry.host()),
    ] {
        assert!(run.stdout.contains(words), "{words}\n{run}");
    }
    assert!(real.id(&name).is_none(), "it only looks");
    assert!(occ.run_with(["--quiet"]).expect(0).stdout.is_empty());
}

#[test]
fn each_registry_is_asked_once_and_the_engine_is_not_changed() {
    let engine = engine();
    let mut text = manifest(&format!("{BOTH}\nbuild = {{}}"));
    text += &table("more", "acme/more:1", "registries = [\"r.example\"]");
    let dockerfile = "FROM t.example/base:1\nCOPY --from=t.example/other:1 / /\n";
    let run = as_json(&occ(&engine, &text).file("Dockerfile", dockerfile), 0);
    let hosts = checks(&run).into_iter().filter(|check| check["name"] == "registry");
    let hosts: Vec<Value> = hosts.map(|check| check["about"].clone()).collect();
    assert_eq!(hosts, ["r.example", "s.example", "t.example"]);
    assert_eq!(engine.seen("GET /distribution/").len(), 3);
    assert!(engine.changes().is_empty());
    assert_eq!(check(&run, "builder", None)["state"], "ok");
    // The stub has no image of that registry, which is not a matter of the way there.
    let text = check(&run, "registry", Some("t.example"))["text"].clone();
    assert_eq!(text, "reached without a login; it has no `t.example/base:1`");
}

#[test]
fn without_a_manifest_the_rest_is_looked_at() {
    let engine = engine();
    let occ = Occ::new().args(["-H", &engine.host(), "doctor"]);
    let run = occ.run().expect(0);
    let words = "warn  manifest  there is no `opencode.toml` here or in a directory above, so only";
    assert!(run.stdout.contains(words), "{run}");
    assert!(run.stdout.contains("ok    engine    Docker stub, for linux/amd64\n"), "{run}");
    assert!(run.stdout.ends_with("\n1 warning, and nothing that fails\n"), "{run}");
    assert!(engine.seen("/distribution/").is_empty());
    // One that was named has to be there.
    let run = as_json(&occ.args(["--manifest", "other.toml"]), 65);
    assert_eq!(check(&run, "manifest", None)["code"], "OCC-NO-MANIFEST");
}

#[test]
fn without_an_engine_what_can_be_known_is_told() {
    let config = json!({ "auths": { "r.example": { "auth": STANDARD.encode("me:hunter2") } } });
    let occ = Occ::manifest(&manifest(BOTH)).docker_config(&config.to_string());
    let occ = occ.env("DOCKER_HOST", "unix:///no/engine.sock").args(["doctor"]).locking();
    let run = occ.run().expect(5);
    for words in [
        "ok    manifest  opencode.toml: 1 image\n",
        "ok    endpoint  unix:///no/engine.sock, from `DOCKER_HOST`\n",
        "fail  engine    no container engine at `unix:///no/engine.sock`: there is no socket\n",
        "code      OCC-NO-ENGINE, see `occ explain OCC-NO-ENGINE`\n",
        &format!("there is a login in `{}`\n", occ.path("docker/config.json").display()),
        "s.example: not asked: no engine answers; there is no login\n",
    ] {
        assert!(run.stdout.contains(words), "{words}\n{run}");
    }
    let run = run.never_says(&["hunter2", &STANDARD.encode("me:hunter2")]);
    assert!(run.stdout.ends_with("\n1 failure, 2 warnings\n"), "{run}");
    let run = as_json(&occ, 5);
    let failed = check(&run, "engine", None);
    assert_eq!((&failed["state"], &failed["code"]), (&json!("fail"), &json!("OCC-NO-ENGINE")));
    assert!(failed["hint"].as_str().unwrap().contains("from `DOCKER_HOST`"), "{failed}");
    // What is no address is a mistake on the command line.
    let run = as_json(&Occ::new().args(["-H", "ftp://x", "doctor"]), 64);
    assert_eq!(check(&run, "endpoint", None)["code"], "OCC-ENGINE-ADDRESS");
    // One that says nothing, …
    let engine = StubEngine::start().failing("GET", Fault::Hang);
    let run = as_json(&self::occ(&engine, &manifest(BOTH)), 5);
    let text = check(&run, "engine", None)["text"].as_str().unwrap().to_owned();
    assert!(text.contains("no answer"), "{text}");
    // … and one that only seems to be one.
    let engine = StubEngine::start().failing("GET", Fault::Garbage);
    let run = as_json(&self::occ(&engine, &manifest(BOTH)), 5);
    assert_eq!(check(&run, "engine", None)["state"], "fail");
}

#[test]
fn a_bad_manifest_fails_and_the_engine_is_looked_at_all_the_same() {
    let engine = engine();
    let occ = occ(&engine, &(manifest("registrys = []") + "tog = \"1\"\n"));
    let run = occ.run().expect(65);
    let words = "fail  manifest  opencode.toml: 2 mistakes; line ";
    assert!(run.stdout.contains(words) && run.stdout.contains("ok    engine    "), "{run}");
    let run = as_json(&occ, 65);
    let document = run.json();
    let told = document["diagnostics"].as_array().unwrap();
    assert_eq!(told.len(), 2, "each once, with its place");
    assert!(told.iter().all(|told| told["line"].as_u64() > Some(0)), "{run}");
    assert!(engine.seen("/distribution/").is_empty());
}

#[test]
fn the_lock_is_told_of_and_counts_in_ci() {
    let engine = engine();
    let lock = |tag: &str| {
        let digest = StubImage::new("tool").digest;
        format!(
            "version = 1\n[[image]]\nid = \"tool\"\nname = \"acme/tool\"\ntag = \"{tag}\"\n\
             digest = \"{digest}\"\nsources = [\"r.example/acme/tool:1\", \"s.example/acme/tool:1\"]\n"
        )
    };
    let with = |lock: &str| occ(&engine, &manifest(BOTH)).file("opencode.lock", lock);
    let lock_of = |occ: &Occ, code: i32| {
        let check = check(&as_json(occ, code), "lock", None);
        (check["state"].clone(), check["text"].as_str().unwrap().to_owned())
    };
    let fresh = (json!("ok"), "opencode.lock is fresh".to_owned());
    assert_eq!(lock_of(&with(&lock("1")), 0), fresh);
    assert_eq!(lock_of(&with(&lock("1")).env("CI", "1"), 0), fresh);
    let (state, text) = lock_of(&with(&lock("2")), 0);
    assert_eq!(state, "warn");
    assert!(text.contains("its tag was `2` and is `1`"), "{text}");
    assert_eq!(lock_of(&with(&lock("2")).env("CI", "1"), 3).0, "fail");
    assert_eq!(lock_of(&with("version = 9\n"), 65).0, "fail");
    let stray = lock("1").replace("\"tool\"", "\"other\"");
    assert_eq!(lock_of(&with(&stray), 65).0, "fail");
    let none = occ(&engine, &manifest(BOTH)).env("CI", "1");
    assert_eq!(lock_of(&none, 0).0, "warn");
}

#[test]
fn a_registry_that_fails_is_a_failure_only_where_no_other_serves() {
    let down = |engine: StubEngine, host: &str| {
        let path = format!("/distribution/{host}/");
        engine.failing(
            &path,
            Fault::Status(500, "received unexpected HTTP status: 503 Service Unavailable"),
        )
    };
    let one = down(engine(), "r.example");
    let run = as_json(&occ(&one, &manifest(BOTH)), 0);
    let told = check(&run, "registry", Some("r.example"));
    assert_eq!(told["state"], "warn");
    assert!(told["text"].as_str().unwrap().starts_with("server error: "), "{told}");
    assert!(checks(&run).iter().all(|check| check["name"] != "image"));

    let both = down(down(engine(), "r.example"), "s.example");
    let run = as_json(&occ(&both, &manifest(BOTH)), 7);
    let told = check(&run, "image", Some("tool"));
    assert_eq!((&told["state"], &told["code"]), (&json!("fail"), &json!("OCC-REGISTRY")));
    assert_eq!(run.json()["diagnostics"][0]["code"], "OCC-REGISTRY");
    // A build may stand in, …
    let built = occ(&both, &manifest(&format!("{BOTH}\nbuild = {{}}")));
    let run = as_json(&built.file("Dockerfile", "FROM scratch\n"), 0);
    let text = check(&run, "image", Some("tool"))["text"].clone();
    assert_eq!(text, "none of its sources can serve it now, so it would be built");
    // … and what is there needs no source.
    let both = both.local("acme/tool:1", &StubImage::new("tool"));
    let run = as_json(&occ(&both, &manifest(BOTH)), 0);
    assert_eq!(check(&run, "image", Some("tool"))["state"], "warn");
}

#[test]
fn refused_credentials_are_told_by_their_place_and_never_shown() {
    let refused = Fault::Status(401, "unauthorized: authentication required");
    let engine = engine().failing("/distribution/", refused);
    let secret = STANDARD.encode("me:hunter2");
    let entry = json!({ "auth": secret });
    let config = json!({ "auths": { "r.example": entry, "s.example": entry } });
    let occ = occ(&engine, &manifest(BOTH)).docker_config(&config.to_string());
    let run = occ.run().expect(6);
    let file = occ.path("docker/config.json").display().to_string();
    assert!(run.stdout.contains(&format!("asked with the login from `{file}`")), "{run}");
    assert!(run.stdout.contains("OCC-DENIED"), "{run}");
    run.never_says(&["hunter2", &secret]);
    as_json(&occ, 6).never_says(&["hunter2", &secret]);
    // A configuration that can't be read is told, and nobody is asked with it.
    let engine = self::engine();
    let broken = self::occ(&engine, &manifest(BOTH)).docker_config("{");
    let told = check(&as_json(&broken, 0), "credentials", None);
    assert!(told["text"].as_str().unwrap().contains("is not JSON"), "{told}");
}

#[test]
fn a_registry_that_says_nothing_is_given_up_and_holds_up_nobody() {
    let engine = engine().failing("/distribution/r.example/", Fault::Hang);
    let run = as_json(&occ(&engine, &manifest(BOTH)), 0);
    let told = check(&run, "registry", Some("r.example"));
    assert_eq!(told["text"], "no answer within 300ms, asked without a login");
    assert_eq!(check(&run, "registry", Some("s.example"))["state"], "ok");
    let run = as_json(&occ(&engine, &manifest("registries = [\"r.example\"]")), 7);
    assert_eq!(check(&run, "image", Some("tool"))["code"], "OCC-NO-ANSWER");
}

#[test]
fn an_engine_that_cannot_ask_registries_is_no_failure() {
    let engine = engine().failing("/distribution/", Fault::Status(404, "page not found"));
    let run = as_json(&occ(&engine, &manifest(BOTH)), 0);
    let told = check(&run, "registry", Some("r.example"));
    assert_eq!(told["state"], "ok");
    assert!(
        told["text"].as_str().unwrap().starts_with("not known: this engine can't ask"),
        "{told}"
    );
    assert!(engine.changes().is_empty(), "{run}");
}

#[test]
fn a_platform_that_is_none_is_told_before_a_sync_trips_over_it() {
    let engine = engine();
    let occ = occ(&engine, &manifest(BOTH)).env("DOCKER_DEFAULT_PLATFORM", "linux/arm64");
    let told = check(&as_json(&occ, 0), "platform", None);
    assert_eq!(told["text"], "linux/arm64, from `DOCKER_DEFAULT_PLATFORM`");
    let run = as_json(&occ.env("DOCKER_DEFAULT_PLATFORM", "arm"), 64);
    let told = check(&run, "platform", None);
    assert_eq!((&told["state"], &told["code"]), (&json!("fail"), &json!("OCC-USAGE")));
}

#[test]
fn docker_hub_without_a_login_is_a_hint() {
    let engine = StubEngine::start().remote("docker.io/acme/tool:1", &StubImage::new("tool"));
    let occ = occ(&engine, &manifest("registries = [\"docker.io\"]"));
    let hub = |occ: &Occ| check(&as_json(occ, 0), "registry", Some("docker.io"));
    assert!(hub(&occ)["hint"].as_str().unwrap().ends_with("without a login: `docker login`"));
    let entry = json!({ "auth": STANDARD.encode("me:hunter2") });
    let config = json!({ "auths": { "https://index.docker.io/v1/": entry } });
    let known = hub(&occ.docker_config(&config.to_string()));
    assert!(known.get("hint").is_none() && known["state"] == "ok", "{known}");
}

#[test]
fn what_the_engine_says_of_itself_is_told_without_its_secrets() {
    let info = json!({
        "Driver": "overlayfs", "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]],
        "SecurityOptions": ["name=rootless"], "HttpsProxy": "http://me:hunter2@proxy.example:3128",
        "NoProxy": "10.0.0.1\u{1b}[2J",
    });
    let line = Fault::Stream(vec![info.to_string().into_bytes()], End::Clean);
    let engine = StubEngine::start().failing("GET /info", line);
    let run = occ(&engine, &manifest("build = {}")).file("Dockerfile", "FROM scratch\n").run();
    let run = run.expect(0).never_says(&["hunter2", "me:"]);
    for words in [
        "ok    store     containerd, with `overlayfs`\n",
        "ok    rootless  it runs without root\n",
        "ok    proxy     https http://***@proxy.example:3128, not for 10.0.0.1\\x1b[2J\n",
        "ok    disk      not known: ",
        "warn  builder   the classic one: the engine has no BuildKit",
    ] {
        assert!(run.stdout.contains(words), "{words}\n{run}");
    }
}

#[test]
fn consent_that_nobody_gave_is_told_with_how_to_give_it() {
    let engine = engine();
    let build = "build = { args = { A = \"${env:A:-}\" }, network = \"host\" }";
    let occ = occ(&engine, &manifest(build)).file("Dockerfile", "FROM scratch\n");
    let told = check(&as_json(&occ, 0), "consent", None);
    assert_eq!(told["state"], "warn");
    let text = "the manifest asks for env=A,network=host, and nobody allowed it";
    assert_eq!(told["text"], text);
    assert!(told["hint"].as_str().unwrap().contains("`occ trust`"), "{told}");
    let occ = occ.env("OCC_ALLOW", "env=A,network=host");
    let told = check(&as_json(&occ, 0), "consent", None);
    assert_eq!(
        (&told["state"], &told["text"]),
        (&json!("ok"), &json!("allowed: env=A,network=host"))
    );
}

#[test]
fn it_fits_a_terminal_of_any_width() {
    let engine = engine();
    let occ = occ(&engine, &manifest(BOTH)).env("NO_COLOR", "1");
    for columns in [20, 40, 100] {
        let (status, text) = OnTerminal::start(&occ, columns).wait();
        assert!(status.success(), "{text}");
        for line in text.lines() {
            assert!(line.chars().count() <= usize::from(columns), "{columns}: {line:?}\n{text}");
        }
    }
}
