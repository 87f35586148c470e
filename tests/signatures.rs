//! `verify`: nothing is pulled, named or locked that the key has not signed.

mod keys;
mod places;
mod sources;
mod stored;
mod told;

use crate::support::occ::{Occ, Run};
use crate::support::registry::Registry;
use crate::support::scene::Scene;
use crate::support::signature::{Signed, Signer, stored, tag};

const VERIFY: &str = "verify = { cosign = { key = \"cosign.pub\" } }\n";
const QUICK: &str = "retry = { attempts = 2, backoff = \"10ms\" }\n";

/// The key in the repository.
fn signer() -> Signer {
    Signer::new(1)
}

/// Makes a registry have these signatures of the image.
fn sign(registry: &Registry, scene: &Scene, signatures: &[Signed]) {
    registry.push(scene.path(), &tag(scene.image.digest()), &stored(signatures));
}

/// Makes a registry have a good one.
fn sign_well(registry: &Registry, scene: &Scene) {
    sign(registry, scene, &[signer().sign(scene.image.digest())]);
}

/// The table of an image that has to be signed; `more` are further lines, and tables.
fn table(scene: &Scene, hosts: &[&str], more: &str) -> String {
    format!("{}{VERIFY}{QUICK}{more}\n", scene.entry("it", hosts))
}

/// `occ sync` of a signed image from these hosts.
fn occ(scene: &Scene, hosts: &[&str], more: &str) -> Occ {
    scene.occ(&table(scene, hosts, more)).file("cosign.pub", signer().public_key())
}

/// A line of the table that wants exactly the image.
fn pin(scene: &Scene) -> String {
    format!("digest = \"{}\"\n", scene.image.digest())
}

/// What is said of the image in the document.
fn told(run: &Run, key: &str) -> String {
    run.json()["images"][0][key].as_str().unwrap_or_default().to_owned()
}

/// It failed for want of a good signature, for this reason.
#[track_caller]
fn is_unsigned(run: &Run, why: &str) {
    assert_eq!(told(run, "code"), "OCC-SIGNATURE", "{run}");
    let error = told(run, "error");
    assert!(error.contains(why) && error.contains("`cosign.pub`"), "{run}");
}
