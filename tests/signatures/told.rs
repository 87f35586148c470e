//! What `occ why` and `occ doctor` tell of signatures.

use serde_json::Value;

use super::{VERIFY, pin, sign_well, signer, table};
use crate::support::occ::{Occ, Run};
use crate::support::registry::Registry;
use crate::support::scene::Scene;

/// A manifest with the image and its key, for any command.
fn occ(scene: &Scene, hosts: &[&str], more: &str) -> Occ {
    let manifest = format!("version = 1\n{}", table(scene, hosts, more));
    let occ = Occ::manifest(&manifest).file("cosign.pub", signer().public_key());
    occ.args(["--host", scene.engine.host(), "--format", "json"])
}

fn signature(run: &Run) -> Value {
    run.json()["why"]["signature"].clone()
}

#[test]
fn why_tells_whether_what_is_wanted_is_signed_once_it_may_ask() {
    let mut scene = Scene::new("told");
    let (a, b) = (scene.registry(), Registry::start());
    let occ = occ(&scene, &[&a.host(), &b.host()], &pin(&scene));
    let told = signature(&occ.run_with(["why", "it"]).expect(0));
    assert_eq!(told, serde_json::json!({ "key": "cosign.pub" }));
    assert!(a.seen(".sig").is_empty());

    let run = occ.run_with(["why", "it", "--refresh"]).expect(0);
    let told = signature(&run);
    assert_eq!(told["digest"], scene.image.digest(), "{run}");
    assert!(told["problem"].as_str().unwrap().starts_with("no signature by the key"), "{run}");

    sign_well(&a, &scene);
    let told = signature(&occ.run_with(["why", "it", "--refresh"]).expect(0));
    assert_eq!(told["digest"], scene.image.digest());
    assert_eq!(told["problem"], Value::Null);
    let run = occ.run_with(["why", "it", "--refresh", "--format", "text"]).expect(0);
    assert!(run.stdout.contains("signed  sha256:"), "{run}");
    scene.holds_nothing();
}

#[test]
fn why_asks_about_what_a_tag_stands_for_where_nothing_else_is_wanted() {
    let mut scene = Scene::new("tag");
    let a = scene.registry();
    sign_well(&a, &scene);
    let run = occ(&scene, &[&a.host()], "").run_with(["why", "it", "--refresh"]).expect(0);
    assert_eq!(signature(&run)["digest"], scene.image.digest(), "{run}");
    assert_eq!(signature(&run)["problem"], Value::Null, "{run}");
    a.forget(scene.path());
    let run = occ(&scene, &[&a.host()], "").run_with(["why", "it", "--refresh"]).expect(0);
    let problem = &signature(&run)["problem"];
    assert_eq!(problem, "no source tells what the tag stands for", "{run}");
}

#[test]
fn doctor_looks_at_each_key_once() {
    let mut scene = Scene::new("keys");
    let a = scene.registry();
    let too = scene.entry("too", &[&a.host()]).replace("tag = \"1\"", "tag = \"2\"");
    let rest = format!("{too}{VERIFY}");
    let good = occ(&scene, &[&a.host()], &rest);
    let keys = |run: &Run| -> Vec<Value> {
        let checks = run.json()["doctor"].as_array().unwrap().clone();
        checks.into_iter().filter(|check| check["name"] == "key").collect()
    };
    let told = keys(&good.run_with(["doctor"]).expect(0));
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["about"], &told[0]["state"]), (&"cosign.pub".into(), &"ok".into()));

    let bad = good.file("cosign.pub", "nothing of a key");
    let run = bad.run_with(["doctor"]).expect(4);
    let told = keys(&run);
    assert_eq!((&told[0]["code"], &told[0]["state"]), (&"OCC-SIGNATURE".into(), &"fail".into()));
    let why = signature(&bad.run_with(["why", "it"]).expect(0));
    assert!(why["problem"].as_str().unwrap().contains("can't be used"), "{why}");
}
