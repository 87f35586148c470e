//! The file of the key.

use super::{occ, sign_well, told};
use crate::support::scene::Scene;

const RSA: &str = "-----BEGIN PUBLIC KEY-----
MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf
9Cnzj4p4WGeKLs1Pt8QuKUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQ==
-----END PUBLIC KEY-----
";

#[test]
fn a_key_that_cannot_be_used_is_told_before_anybody_is_asked() {
    let mut scene = Scene::new("keys");
    let a = scene.registry();
    sign_well(&a, &scene);
    let check = |key: Option<&str>, why: &str, hint: &str| {
        let occ = occ(&scene, &[&a.host()], "");
        match key {
            Some(text) => fs_err::write(occ.work().join("cosign.pub"), text).unwrap(),
            None => fs_err::remove_file(occ.work().join("cosign.pub")).unwrap(),
        }
        let run = occ.run().expect(4);
        assert_eq!(told(&run, "code"), "OCC-SIGNATURE", "{run}");
        assert!(told(&run, "error").contains(why), "{run}");
        assert!(run.json()["images"][0]["hints"].to_string().contains(hint), "{run}");
        scene.holds_nothing();
    };
    check(None, "does not exist", "committed beside the manifest");
    check(Some(""), "it is no public key in PEM", "-----BEGIN PUBLIC KEY-----");
    check(Some("ssh-ed25519 AAAA"), "it is no public key in PEM", "-----BEGIN PUBLIC KEY-----");
    check(Some(RSA), "it is no ECDSA key on the curve P-256", "cosign generate-key-pair");
    let private = "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nMIIB\n";
    check(Some(private), "it is a private key", "take it out of the repository");
    let large = "x".repeat(70 * 1024);
    check(Some(&large), "is larger than 64 KiB", "inside the repository");
    assert_eq!(a.seen("").len(), 0);
}

#[test]
fn a_link_does_not_lead_out_of_the_repository() {
    let mut scene = Scene::new("keylink");
    let a = scene.registry();
    sign_well(&a, &scene);
    let occ = occ(&scene, &[&a.host()], "");
    let (key, outside) = (occ.work().join("cosign.pub"), occ.path("home").join("key"));
    fs_err::rename(&key, &outside).unwrap();
    std::os::unix::fs::symlink(&outside, &key).unwrap();
    let run = occ.run().expect(4);
    assert!(told(&run, "error").contains("leads out of"), "{run}");
}
