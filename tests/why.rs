//! `occ why`: all that decides about an image, and whom it asks for that.

use std::fs;

use serde_json::{Value, json};

use crate::support::image::Image;
use crate::support::occ::{Occ, Run};
use crate::support::real_engine::RealEngine;
use crate::support::registry::{self, Fault, Registry};
use crate::support::stub_engine::{self, StubEngine};
use crate::support::stub_table::StubImage;
use crate::support::terminal::OnTerminal;
use crate::support::unique;
use crate::sync::{ONE_ROUND, from, occ, requests, serving, table};

/// The part of the document that is about the image.
fn why(run: &Run) -> Value {
    run.json()["why"].clone()
}

/// The words of a row, from its label on; lines that fold are not looked for here.
#[track_caller]
fn row<'r>(run: &'r Run, label: &str) -> &'r str {
    let start = format!("  {label} ");
    let line = run.stdout.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap_or_else(|| panic!("there is no row {label:?}\n{run}")).trim()
}

/// A stub engine with a locked image, which it holds, and a manifest for it.
fn locked(sources: &str) -> (StubEngine, Occ, StubImage) {
    let image = StubImage::new("tool");
    let pulled = format!("r.example/acme/tool@{}", image.digest);
    let engine = StubEngine::start().local("acme/tool:1", &image).local(&pulled, &image);
    let manifest = table("tool", "acme/tool:1", &format!("registries = [{sources}]"));
    let lock = format!(
        "version = 1\n[[image]]\nid = \"tool\"\nname = \"acme/tool\"\ntag = \"1\"\n\
         digest = \"{}\"\nsources = [\"r.example/acme/tool:1\", \"s.example/acme/tool:1\"]\n",
        image.digest
    );
    let occ = Occ::manifest(&(ONE_ROUND.to_owned() + &manifest)).file("opencode.lock", lock);
    let occ = occ.args(["-H", &engine.host()]).locking();
    (engine, occ, image)
}

const BOTH: &str = "\"r.example\", \"s.example\"";

#[test]
fn every_digest_is_told_with_what_it_is_of_and_no_registry_is_asked() {
    let (engine, occ, image) = locked(BOTH);
    let run = occ.run_with(["why", "tool"]).expect(0);
    assert_eq!(row(&run, "ok"), "acme/tool:1 is in sync");
    assert_eq!(row(&run, "state"), "fresh");
    assert!(row(&run, "digest").starts_with(&format!("{}  of its index", image.digest)), "{run}");
    assert_eq!(row(&run, "holds"), format!("{}  the digest of its configuration", image.id));
    let pulled = format!("r.example/acme/tool@{}", image.digest);
    assert_eq!(row(&run, "pulled as"), format!("{pulled}  what the lock wants"));
    assert_eq!(row(&run, "1"), "r.example/acme/tool:1  not asked (`--refresh` asks)");
    assert!(engine.seen("/distribution/").is_empty() && engine.changes().is_empty());

    let told = why(&occ.run_with(["why", "tool", "--format", "json"]).expect(0));
    assert_eq!(told["lock"]["digest"], image.digest);
    assert_eq!(told["held"]["id_is"], "configuration");
    assert_eq!(told["held"]["digests"][0], json!({ "reference": pulled, "wanted": true }));
    assert_eq!(told["sources"][1]["answer"], json!({ "said": "not_asked" }));
}

#[test]
fn a_lock_that_is_not_fresh_says_why() {
    let (_engine, occ, _) = locked("\"r.example\"");
    let run = occ.run_with(["why", "tool"]).expect(0);
    assert_eq!(row(&run, "state"), "not fresh  its sources changed");
    let told = why(&occ.run_with(["why", "tool", "--format", "json"]).expect(0));
    assert_eq!(told["lock"]["state"], "stale");
    let state = |flag: &str| {
        why(&occ.run_with(["why", "tool", "--format", "json", flag]).expect(0))["lock"]["state"]
            .clone()
    };
    assert_eq!((state("--frozen"), state("--no-lock")), (json!("frozen"), json!("off")));
    // What sync would do then is to refuse.
    occ.run_with(["why", "tool", "--locked"]).expect(3).says(&["its sources changed"]);
}

#[test]
fn on_the_containerd_store_the_id_is_another_digest() {
    // The first table of `info` that has these words in it decides.
    let (engine, occ, _) = locked(BOTH);
    let status = "{\"DriverStatus\":[[\"driver-type\",\"io.containerd.snapshotter.v1\"]]}";
    let line = vec![status.as_bytes().to_vec()];
    let engine =
        engine.failing("GET /info", stub_engine::Fault::Stream(line, stub_engine::End::Clean));
    let run = occ.run_with(["why", "tool"]).expect(0);
    assert!(row(&run, "holds").ends_with("the digest of its index, or its manifest without one"));
    drop(engine);
}

#[test]
fn with_refresh_each_source_is_asked_for_its_tag_and_for_what_is_wanted() {
    let mut engine = RealEngine::connect();
    let name = engine.name("why-asked");
    let (old, new) = (Image::new(&unique()), Image::new(&unique()));
    let (path, _) = name.rsplit_once(':').unwrap();
    let [moved, absent, down] = [serving(&name, &old), Registry::start(), Registry::start()];
    let rest = from(&[&moved, &absent, &down]);
    let occ = occ(&engine, &(ONE_ROUND.to_owned() + &table("tool", &name, &rest))).locking();
    occ.run_with(["sync"]).expect(0);
    moved.push(path, "1", &new);
    down.set_down(true);
    let before = requests(&moved);
    occ.run_with(["why", "tool"]).expect(0);
    assert_eq!(requests(&moved), before, "it only looks");

    let run = occ.run_with(["why", "tool", "--refresh"]).expect(0);
    let first = row(&run, "1");
    let words = format!(
        "{}  a manifest for linux/amd64  not what the lock wants  and it has what the lock wants",
        new.digest()
    );
    assert!(first.ends_with(&words), "{first}");
    assert!(row(&run, "2").contains(":1  not found: "), "{run}");
    assert!(row(&run, "3").contains(":1  network failure: "), "{run}");

    let told = why(&occ.run_with(["--format", "json", "why", "tool", "--refresh"]).expect(0));
    let sources = told["sources"].as_array().unwrap();
    let there = |image: &Image| {
        let digest = image.digest();
        json!({ "said": "digest", "digest": digest, "document": "manifest", "platforms": ["linux/amd64"] })
    };
    assert_eq!(sources[0]["answer"], there(&new));
    assert_eq!(sources[0]["of_wanted"], there(&old));
    assert_eq!(sources[1]["answer"]["class"], "not_found");
    assert_eq!(sources[1]["of_wanted"]["code"], "OCC-NOT-FOUND");
    assert_eq!(sources[2]["answer"]["class"], "network");
    assert_eq!(engine.id(&name).as_deref(), Some(engine.id_of(&old)), "nothing changes");
}

#[test]
fn an_engine_that_cannot_ask_says_so_and_is_not_made_to_pull() {
    let (engine, occ, _) = locked(BOTH);
    let engine =
        engine.failing("/distribution/", stub_engine::Fault::Status(404, "page not found"));
    let run = occ.run_with(["why", "tool", "--refresh"]).expect(0);
    assert_eq!(row(&run, "1"), "r.example/acme/tool:1  this engine can't ask registries");
    assert!(engine.changes().is_empty(), "{run}");
}

#[test]
fn a_base_is_asked_about_where_only_its_registry_can_tell() {
    let engine = StubEngine::start()
        .remote("r.example/base:1", &StubImage::new("base"))
        .local("only-here:1", &StubImage::new("only-here"));
    let occ = Occ::manifest(&(ONE_ROUND.to_owned() + &table("tool", "acme/tool:1", "build = {}")))
        .file("Dockerfile", "FROM r.example/base:1\nCOPY --from=only-here:1 / /\n")
        .args(["-H", &engine.host(), "why", "tool"]);
    let bases = |run: &Run| why(run)["bases"].as_array().unwrap().clone();
    let run = occ.run_with(["--format", "json"]).expect(0);
    assert!(bases(&run).iter().all(|base| base["answer"]["said"] == "not_asked"), "{run}");
    assert!(engine.seen("/distribution/").is_empty());
    let run = occ.run_with(["--format", "json", "--refresh"]).expect(0);
    assert_eq!(bases(&run)[0]["answer"]["digest"], StubImage::new("base").digest);
    assert_eq!(bases(&run)[1]["held"], StubImage::new("only-here").id);
    assert_eq!(bases(&run)[1]["answer"]["said"], "not_asked", "it is what the engine has of it");
    assert_eq!(engine.seen("/distribution/").len(), 1);
    assert_eq!(why(&run)["credentials"], json!([{ "registry": "r.example" }]));
}

#[test]
fn a_changed_input_is_named_beside_the_parts_that_did_not_change() {
    let mut engine = RealEngine::connect();
    let name = engine.name("why-inputs");
    let build = "build = { context = \"tool\", args = { A = \"1\" } }";
    let occ = occ(&engine, &(ONE_ROUND.to_owned() + &table("tool", &name, build)))
        .file(
            "tool/Dockerfile",
            format!("FROM scratch\nLABEL test={}\nARG A\nCOPY . /\n", unique()),
        )
        .file("tool/src/main", unique());
    occ.run_with(["sync"]).expect(0);
    let run = occ.run_with(["why", "tool"]).expect(0);
    assert!(row(&run, "hash").ends_with("  as it was built"), "{run}");
    assert!(!run.stdout.contains("changed"), "{run}");
    assert_eq!(row(&run, "built by occ"), format!("for docker.io/{name}"));

    let occ = occ.file("tool/src/main", "changed").file("tool/src/new", "new");
    let run = occ.run_with(["why", "tool"]).expect(0);
    assert!(row(&run, "files").contains(", was ") && row(&run, "files").ends_with("  changed"));
    assert_eq!(row(&run, "  changed"), "`src/main`");
    assert_eq!(row(&run, "  added"), "`src/new`");
    assert!(!row(&run, "args").contains("was"), "{run}");
    let label = engine.inspect(&name).unwrap()["Config"]["Labels"]["dev.occ.inputs"].clone();
    let told = why(&occ.run_with(["--format", "json", "why", "tool"]).expect(0))["inputs"].clone();
    let recorded = told["recorded"].as_str().unwrap();
    assert!(label.as_str().unwrap().starts_with(&format!("{recorded},")), "{label}");
    assert_ne!(told["now"], recorded);
    let changed = told["parts"].as_array().unwrap().iter().filter(|part| part["changed"] == true);
    let changed: Vec<&Value> = changed.collect();
    assert_eq!((changed.len(), &changed[0]["part"]), (1, &json!("files")));
    assert_eq!(changed[0]["names"]["changed"]["first"], json!(["src/main"]));
}

#[test]
fn what_sync_would_do_is_the_plans_own_sentence() {
    let mut engine = RealEngine::connect();
    let (base, name) = (engine.name("why-base"), engine.name("why-next"));
    let tables = table("base", &base, "build = { context = \"base\" }")
        + &table("tool", &name, "extra_tags = [\"tool:dev\"]\nbuild = { context = \"tool\" }");
    let occ = occ(&engine, &(ONE_ROUND.to_owned() + &tables))
        .file("base/Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
        .file("tool/Dockerfile", format!("FROM {base}\nCOPY Dockerfile /\n"));
    let plan = occ.run_with(["plan", "tool"]).expect(0);
    let sentence = |id: &str| {
        let line = plan.stdout.lines().find(|line| line.starts_with(id)).unwrap();
        line.split_once("build  ").unwrap().1.to_owned()
    };
    let run = occ.run_with(["why", "tool"]).expect(0);
    let of = |text: &str| {
        let lines = run.stdout.lines().take_while(|line| !line.is_empty());
        lines.filter(|line| line.trim().ends_with(text)).count()
    };
    assert_eq!(of(&format!("`base`: {}", sentence("base"))), 1, "{run}\n{plan}");
    assert_eq!(of(&format!("  {}", sentence("tool"))), 1, "{run}\n{plan}");
    assert_eq!(row(&run, "base"), format!("{base}  the image `base`  not in the engine yet"));
    let document = occ.run_with(["--format", "json", "why", "tool"]).expect(0).json();
    assert_eq!(document["images"][1]["action"], "build");
}

#[test]
fn credentials_are_told_by_their_place_and_never_shown() {
    let mut engine = RealEngine::connect();
    let name = engine.name("why-login");
    let [private, open] = [serving(&name, &Image::new(&unique())), Registry::start()];
    let private = private.private("me", "hunter2");
    let wrong = Fault::Answer(registry::unauthorized());
    let open = open.failing("/manifests/", wrong);
    let rest = from(&[&private, &open]);
    // "me:hunter2"
    let secret = "bWU6aHVudGVyMg==";
    let config = json!({ "auths": { private.host(): { "auth": secret } } });
    let occ = occ(&engine, &(ONE_ROUND.to_owned() + &table("tool", &name, &rest)))
        .docker_config(&config.to_string());
    for refresh in [&["why", "tool"][..], &["why", "tool", "--refresh"]] {
        let run = occ.run_with(refresh.iter().copied()).expect(0);
        let file = occ.path("docker/config.json").display().to_string();
        assert_eq!(row(&run, &private.host()), format!("found in `{file}`"));
        assert_eq!(row(&run, &open.host()), "none found");
        run.never_says(&["hunter2", secret]);
    }
    let run = occ.run_with(["--format", "json", "why", "tool", "--refresh"]).expect(0);
    let told = why(&run);
    assert_eq!(told["sources"][0]["answer"]["said"], "digest");
    assert_eq!(told["sources"][1]["answer"]["class"], "absent_or_private");
    let hosts: Vec<&Value> =
        told["credentials"].as_array().unwrap().iter().map(|it| &it["registry"]).collect();
    assert_eq!(hosts.len(), 2);
    run.never_says(&["hunter2", secret]);
}

#[test]
fn consent_is_told_with_who_gave_it() {
    let engine = StubEngine::start();
    let build = "build = { args = { A = \"${env:A:-}\", B = \"${env:B:-}\" }, ssh = [\"default\"], \
                 network = \"host\" }";
    let occ = Occ::manifest(&(ONE_ROUND.to_owned() + &table("tool", "acme/tool:1", build)))
        .file("Dockerfile", "FROM scratch\n")
        .args(["-H", &engine.host()]);
    // What has to be read to say anything needs consent, as for a plan.
    occ.run_with(["why", "tool"]).expect(64).says(&["`A`, and nobody allowed it"]);
    occ.run_with(["trust"]).expect(0);
    let by_trust = occ.run_with(["why", "tool"]).expect(0);
    assert!(row(&by_trust, "network=host").starts_with("allowed by `occ trust`"), "{by_trust}");

    occ.run_with(["trust", "--revoke"]).expect(0);
    let occ = occ.env("OCC_ALLOW", "env=B");
    let run = occ.run_with(["why", "tool", "--allow", "env=A,network=host"]).expect(0);
    assert!(row(&run, "env=A").starts_with("allowed by `--allow`"), "{run}");
    assert!(row(&run, "env=B").starts_with("allowed by `OCC_ALLOW`"), "{run}");
    // The ids of its agents are an input, too.
    assert!(
        run.stdout.ends_with("  ssh           not allowed  let a build use your ssh agent\n"),
        "{run}"
    );
    let told =
        why(&occ.run_with(["why", "tool", "--format", "json", "--allow", "env=A"]).expect(0));
    let ssh = told["consent"].as_array().unwrap().iter().find(|it| it["grant"] == "ssh").unwrap();
    assert!(ssh.get("allowed_by").is_none(), "{ssh}");
}

#[test]
fn it_fits_a_terminal_of_any_width() {
    let (_engine, occ, _) = locked(BOTH);
    let occ = occ.args(["why", "tool"]).env("NO_COLOR", "1");
    for columns in [20, 40, 100] {
        let (status, text) = OnTerminal::start(&occ, columns).wait();
        assert!(status.success(), "{text}");
        for line in text.lines() {
            assert!(line.chars().count() <= usize::from(columns), "{columns}: {line:?}\n{text}");
        }
    }
}

#[test]
fn an_image_that_is_none_is_a_mistake_on_the_command_line() {
    let (engine, occ, _) = locked(BOTH);
    occ.run_with(["why", "tol"]).expect(64).says(&["no image `tol`", "did you mean `tool`?"]);
    occ.run_with(["why"]).expect(64);
    assert!(engine.seen("").is_empty());
    fs::remove_file(occ.work().join("opencode.toml")).unwrap();
    occ.run_with(["why", "tool"]).expect(65).says(&["OCC-NO-MANIFEST"]);
}
