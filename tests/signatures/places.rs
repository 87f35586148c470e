//! Everything that a missing signature is in the way of.

use super::{VERIFY, is_unsigned, occ, pin, sign_well, signer, table, told};
use crate::support::image::Image;
use crate::support::occ::Occ;
use crate::support::registry::Registry;
use crate::support::scene::Scene;
use crate::support::signature::{stored, tag};
use crate::support::stub_engine::{Fault, StubEngine};
use crate::support::stub_table::StubImage;
use crate::support::unique;

const BUILD: &str = "strategy = \"pull-then-build\"\n\
    build_on = [\"not_found\", \"unavailable\", \"denied\", \"rate_limited\"]\n\
    [images.it.build]\n";

/// The lock beside the manifest; empty where there is none.
fn lock_of(occ: &Occ) -> String {
    fs_err::read_to_string(occ.work().join("opencode.lock")).unwrap_or_default()
}

#[test]
fn no_build_stands_in_for_what_is_not_signed() {
    let mut scene = Scene::new("nobuild");
    let a = scene.registry();
    for pin in [String::new(), pin(&scene)] {
        let occ = occ(&scene, &[&a.host()], &format!("{pin}{BUILD}"));
        let run = occ.file("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n").run().expect(4);
        is_unsigned(&run, " has none");
        scene.holds_nothing();
    }
}

#[test]
fn a_build_stands_in_where_the_image_is_not_there_either() {
    let mut scene = Scene::new("absent");
    let a = scene.registry();
    a.forget(scene.path());
    let occ = occ(&scene, &[&a.host()], &format!("{}{BUILD}", pin(&scene)));
    let run = occ.file("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n").run().expect(0);
    assert_eq!(told(&run, "action"), "build", "{run}");
}

#[test]
fn what_the_engine_has_already_gets_no_name_without_a_signature() {
    let mut scene = Scene::new("adopted");
    let a = scene.registry();
    let repository = format!("{}/{}", a.host(), scene.path());
    let (status, stream) = scene.engine.pull(&repository, "1");
    assert_eq!(status, 200, "{stream}");
    scene.engine.clean_up(format!("{repository}:1"));
    let occ = occ(&scene, &[&a.host()], &pin(&scene));
    let run = occ.run().expect(4);
    assert_eq!(run.json()["images"][0]["steps"][0]["step"], "adopt", "{run}");
    is_unsigned(&run, " has none");
    scene.holds_nothing();
    // Nobody may be asked.
    let run = occ.run_with(["--offline"]).expect(1);
    assert_eq!(told(&run, "code"), "OCC-MAY-NOT-PULL", "{run}");
    assert!(told(&run, "error").contains("its signature has to be checked"), "{run}");
    scene.holds_nothing();
    sign_well(&a, &scene);
    occ.run().expect(0);
    scene.holds_it();
}

#[test]
fn no_digest_is_locked_that_is_not_signed() {
    let mut scene = Scene::new("locked");
    let a = scene.registry();
    let lock = |pin: &str| {
        let manifest = format!("version = 1\n{}", table(&scene, &[&a.host()], pin));
        let occ = Occ::manifest(&manifest).file("cosign.pub", signer().public_key());
        occ.locking().args(["--host", scene.engine.host(), "lock"])
    };
    let pins = [String::new(), pin(&scene)];
    for lock in pins.iter().map(|pin| lock(pin)) {
        let run = lock.run().expect(4);
        assert_eq!(lock_of(&lock), "");
        run.says(&["no signature by the key `cosign.pub`", "OCC-SIGNATURE"]);
    }
    sign_well(&a, &scene);
    for lock in pins.iter().map(|pin| lock(pin)) {
        lock.run().expect(0);
        assert!(lock_of(&lock).contains(scene.image.digest()), "{}", lock_of(&lock));
        let asked = a.seen("").len();
        lock.run().expect(0);
        assert_eq!(a.seen("").len(), asked);
    }
}

#[test]
fn a_sync_locks_nothing_that_is_not_signed() {
    let mut scene = Scene::new("synclock");
    let a = scene.registry();
    let occ = occ(&scene, &[&a.host()], "").locking();
    is_unsigned(&occ.run().expect(4), " has none");
    assert_eq!(lock_of(&occ), "");
    sign_well(&a, &scene);
    let before = a.seen(".sig").len();
    occ.run().expect(0);
    scene.holds_it();
    assert!(lock_of(&occ).contains(scene.image.digest()));
    // To lock it, and not again to pull it.
    assert_eq!(a.seen(".sig").len(), before + 1);
}

#[test]
fn an_engine_that_cannot_ask_pulls_nothing_by_its_tag() {
    let (image, registry) = (Image::new(&unique()), Registry::start());
    registry.push("acme/tool", "1", &image);
    let held = StubImage { digest: image.digest().to_owned(), ..StubImage::new("tool") };
    let engine = StubEngine::start()
        .remote(&format!("{}/acme/tool:1", registry.host()), &held)
        .failing("/distribution/", Fault::Status(404, "page not found"));
    let manifest = format!(
        "version = 1\n[images.it]\nname = \"acme/tool\"\ntag = \"1\"\nregistries = [\"{}\"]\n{VERIFY}",
        registry.host()
    );
    let occ = Occ::manifest(&manifest).file("cosign.pub", signer().public_key()).locking();
    let occ = occ.args(["--host", &engine.host(), "--format", "json"]);
    occ.run_with(["lock"]).expect(4);
    is_unsigned(&occ.run_with(["sync"]).expect(4), " has none");
    assert_eq!(engine.seen("POST /images/create").len(), 0);
    let signed = stored(&[signer().sign(image.digest())]);
    registry.push("acme/tool", &tag(image.digest()), &signed);
    occ.run_with(["lock"]).expect(0);
    assert!(lock_of(&occ).contains(image.digest()));
    assert_eq!(engine.seen("POST /images/create").len(), 0);
    occ.run_with(["sync"]).expect(0);
    assert_eq!(engine.id("acme/tool:1"), Some(held.id));
    let pulls = engine.seen("POST /images/create");
    assert!(pulls.iter().all(|pull| pull.request.target.contains("sha256")), "{pulls:?}");
}
