//! What lies where a signature should be.

use serde_json::json;

use super::{is_unsigned, occ, pin, sign, sign_well, signer, told};
use crate::support::http::Response;
use crate::support::image::{Blob, Image};
use crate::support::occ::Run;
use crate::support::real_registry::RealRegistry;
use crate::support::registry::{Fault, Registry};
use crate::support::scene::Scene;
use crate::support::script::Rule;
use crate::support::signature::{IS_SIGNED, Signer, artifact, payload, stored, tag};
use crate::support::unique;

/// The one registry has the image and, under the tag of its signatures, this, and that is not
/// enough.
#[track_caller]
fn refused(label: &str, lies: impl FnOnce(&Scene) -> Option<Image>, why: &str) {
    let mut scene = Scene::new(label);
    let a = scene.registry();
    if let Some(lies) = lies(&scene) {
        a.push(scene.path(), &tag(scene.image.digest()), &lies);
    }
    let run = occ(&scene, &[&a.host()], "").run().expect(4);
    scene.holds_nothing();
    is_unsigned(&run, why);
    // Not a byte of it was asked for, and nobody was asked twice.
    assert_eq!(a.seen(&scene.image.layers[0].digest).len(), 0, "{run}");
    assert_eq!(a.seen(&tag(scene.image.digest())).len(), 1, "{run}");
}

#[test]
fn a_signed_image_is_pulled() {
    let mut scene = Scene::new("signed");
    let a = scene.registry();
    sign_well(&a, &scene);
    let run = occ(&scene, &[&a.host()], "").run().expect(0);
    scene.holds_it();
    let short = &scene.image.digest()[..19];
    assert_eq!(told(&run, "signed_by"), "cosign.pub");
    run.says(&[
        &format!("from {}, signed by `cosign.pub`: not in the engine\n", a.host()),
        &format!("it: {short} is signed by `cosign.pub`\n"),
    ]);
}

#[test]
fn a_registry_as_others_run_it_has_signatures_too() {
    let mut scene = Scene::new("realsigned");
    let registry = RealRegistry::start();
    registry.push(scene.path(), "1", &scene.image);
    let pulled = format!("{}/{}@{}", registry.host(), scene.path(), scene.image.digest());
    scene.engine.clean_up(pulled);
    is_unsigned(&occ(&scene, &[registry.host()], "").run().expect(4), " has none");
    let signed = stored(&[signer().sign(scene.image.digest())]);
    registry.push(scene.path(), &tag(scene.image.digest()), &signed);
    occ(&scene, &[registry.host()], "").run().expect(0);
    scene.holds_it();
}

#[test]
fn one_good_signature_of_several_is_enough() {
    let mut scene = Scene::new("several");
    let a = scene.registry();
    let digest = scene.image.digest();
    let other = Image::new(&unique());
    let signatures = [
        Signer::new(2).sign(digest),
        signer().sign(digest),
        signer().sign(other.digest()),
        Signer::new(3).sign(digest),
    ];
    sign(&a, &scene, &signatures);
    occ(&scene, &[&a.host()], "").run().expect(0);
    scene.holds_it();
}

#[test]
fn what_is_not_signed_is_not_pulled() {
    refused("unsigned", |_| None, " has none");
}

#[test]
fn another_key_signs_nothing() {
    let by_another = |scene: &Scene| stored(&[Signer::new(2).sign(scene.image.digest())]);
    refused("otherkey", |scene| Some(by_another(scene)), " has one that this key has not made");
}

#[test]
fn a_signature_of_another_digest_is_none_of_this() {
    let signed = signer().sign(Image::new(&unique()).digest());
    refused("otherimage", |_| Some(stored(&[signed])), " has one of another image");
}

#[test]
fn a_changed_payload_is_not_signed() {
    let tampered = |scene: &Scene| {
        let mut signed = signer().sign(Image::new(&unique()).digest());
        signed.payload = payload(scene.image.digest()).to_string().into_bytes();
        stored(&[signed])
    };
    refused("tampered", |scene| Some(tampered(scene)), " has one that this key has not made");
}

#[test]
fn a_payload_of_another_type_is_no_signature() {
    let other = |scene: &Scene| {
        let mut payload = payload(scene.image.digest());
        payload["critical"]["type"] = json!("a promise");
        stored(&[signer().sign_payload(payload.to_string().into_bytes())])
    };
    refused("othertype", |scene| Some(other(scene)), " signed, and that is no signature");
}

#[test]
fn a_payload_that_is_too_large_is_not_even_asked_for() {
    let large = |scene: &Scene| {
        let mut payload = payload(scene.image.digest());
        payload["optional"] = json!("x".repeat(300 * 1024));
        stored(&[signer().sign_payload(payload.to_string().into_bytes())])
    };
    refused("large", |scene| Some(large(scene)), " too large for a signature");
}

#[test]
fn what_is_no_manifest_is_no_signature() {
    let other = |bytes: &[u8]| {
        let manifest = Blob::new("application/vnd.oci.image.manifest.v1+json", bytes.to_vec());
        Some(Image { manifests: vec![manifest], configs: vec![], layers: vec![] })
    };
    refused("nojson", |_| other(b"\x1b[2J<html>"), " has something that is no signature");
    refused("nolayers", |_| other(br#"{"layers":[]}"#), " has something that is no signature");
    let layer = br#"{"layers":[{"mediaType":"application/vnd.dev.cosign.simplesigning.v1+json",
        "digest":"sha256:0","size":-1,"annotations":{"dev.cosignproject.cosign/signature":1}}]}"#;
    refused("badlayer", |_| other(layer), " has something that is no signature");
}

#[test]
fn a_payload_without_an_end_has_one() {
    let mut scene = Scene::new("endless");
    let signed = signer().sign(scene.image.digest());
    let stored = stored(&[signed]);
    let blob = stored.layers[0].digest.clone();
    let a = scene.registry().failing(&blob, Fault::Endless);
    a.push(scene.path(), &tag(scene.image.digest()), &stored);
    let run = occ(&scene, &[&a.host()], "").run().expect(7);
    scene.holds_nothing();
    assert_eq!(told(&run, "code"), "OCC-NOT-A-REGISTRY", "{run}");
    assert!(failure(&run).contains("its answer is larger than it may be"), "{run}");
}

/// What the one source failed of.
fn failure(run: &Run) -> String {
    run.json()["images"][0]["failures"][0]["message"].as_str().unwrap().to_owned()
}

/// The registry has a bundle of these bytes, which the tag of old has not, and this comes of it.
fn with_bundle(label: &str, bundle: impl FnOnce(&Scene) -> Vec<u8>) -> (Scene, Registry) {
    let mut scene = Scene::new(label);
    let a = scene.registry();
    let digest = scene.image.digest().to_owned();
    let (artifact, index) = artifact(bundle(&scene), &digest);
    a.push(scene.path(), &unique(), &artifact);
    a.push(scene.path(), &digest.replace(':', "-"), &index);
    (scene, a)
}

#[test]
fn a_bundle_is_a_signature_too() {
    let (scene, a) =
        with_bundle("bundle", |scene| signer().bundle(scene.image.digest(), IS_SIGNED));
    occ(&scene, &[&a.host()], &pin(&scene)).run().expect(0);
    scene.holds_it();
}

#[test]
fn a_registry_lists_bundles_itself() {
    let mut scene = Scene::new("referrers");
    let digest = scene.image.digest().to_owned();
    let (artifact, index) = artifact(signer().bundle(&digest, IS_SIGNED), &digest);
    let index = Response::new(200, index.manifests[0].media_type, index.manifests[0].bytes.clone());
    let a = scene.registry().failing(&format!("/referrers/{digest}"), Fault::Answer(index));
    a.push(scene.path(), &unique(), &artifact);
    occ(&scene, &[&a.host()], "").run().expect(0);
    scene.holds_it();
}

#[test]
fn a_bundle_has_to_be_a_signature_of_this_image_by_this_key() {
    let refused = |label: &str, bundle: fn(&Scene) -> Vec<u8>, why: &str| {
        let (scene, a) = with_bundle(label, bundle);
        is_unsigned(&occ(&scene, &[&a.host()], "").run().expect(4), why);
        scene.holds_nothing();
    };
    let by_another = |scene: &Scene| Signer::new(2).bundle(scene.image.digest(), IS_SIGNED);
    refused("bundlekey", by_another, " has one that this key has not made");
    let of_another = |_: &Scene| signer().bundle(Image::new(&unique()).digest(), IS_SIGNED);
    refused("bundleimage", of_another, " has one of another image");
    let who_built_it =
        |scene: &Scene| signer().bundle(scene.image.digest(), "https://slsa.dev/provenance/v1");
    refused("provenance", who_built_it, " signed, and that is no signature");
    refused("nobundle", |_| b"{}".to_vec(), " has something that is no signature");
}

#[test]
fn an_index_is_signed_as_a_whole() {
    let images = ["amd64", "arm64"].map(|it| Image::for_platform(&unique(), "linux", it));
    let mut scene = Scene::with("index", Image::index(&images));
    let a = scene.registry();
    // The image for this platform alone is not what is pulled.
    let one = stored(&[signer().sign(images[0].digest())]);
    a.push(scene.path(), &tag(images[0].digest()), &one);
    is_unsigned(&occ(&scene, &[&a.host()], "").run().expect(4), " has none");
    sign_well(&a, &scene);
    occ(&scene, &[&a.host()], "").run().expect(0);
    assert!(scene.engine.inspect(&scene.name).is_some());
}

#[test]
fn an_image_in_sync_is_not_asked_about_again() {
    let mut scene = Scene::new("again");
    let a = scene.registry();
    sign_well(&a, &scene);
    let occ = occ(&scene, &[&a.host()], &pin(&scene));
    occ.run().expect(0);
    let asked = a.seen("").len();
    assert_eq!(told(&occ.run().expect(0), "outcome"), "unchanged");
    assert_eq!(a.seen("").len(), asked);
}

#[test]
fn a_hiccup_is_waited_for_and_an_outage_is_not_a_missing_signature() {
    let mut scene = Scene::new("hiccup");
    let gone = || Fault::Answer(Response::new(503, "text/plain", "away"));
    let a = scene.registry().rule(Rule::on(".sig", gone()).times(1));
    sign_well(&a, &scene);
    occ(&scene, &[&a.host()], "").run().expect(0);
    scene.holds_it();

    let mut scene = Scene::new("outage");
    let b = scene.registry().failing(".sig", gone());
    sign_well(&b, &scene);
    let run = occ(&scene, &[&b.host()], "").run().expect(7);
    scene.holds_nothing();
    assert_eq!(told(&run, "code"), "OCC-REGISTRY", "{run}");
    // Once a round.
    assert_eq!(b.seen(".sig").len(), 2, "{run}");
    assert!(failure(&run).contains("whether it is signed is not known"), "{run}");
}

#[test]
fn a_silent_registry_is_not_waited_for_longer_than_an_answer_may_take() {
    let mut scene = Scene::new("silent");
    let a = scene.registry().failing(".sig", Fault::Hang);
    sign_well(&a, &scene);
    let limits = "[timeouts]\nresponse = \"300ms\"\n";
    let run = occ(&scene, &[&a.host()], limits).run().expect(7);
    scene.holds_nothing();
    assert_eq!(told(&run, "code"), "OCC-NO-ANSWER", "{run}");
}

#[test]
fn nothing_is_verified_that_is_not_asked_for() {
    let mut scene = Scene::new("unasked");
    let a = scene.registry();
    scene.sync(&[&a.host()], "").expect(0);
    assert_eq!(a.seen(".sig").len() + a.seen("/referrers/").len(), 0);
}
