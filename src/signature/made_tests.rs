//! Signatures that cosign 3.1.1 itself has made, as a registry had them: a bundle, and with
//! `--new-bundle-format=false` what its older versions make.

use super::key::PublicKey;
use super::*;

macro_rules! made {
    ($name:literal) => {
        include_bytes!(concat!("../../tests/signatures/made/", $name)).as_slice()
    };
}

fn key() -> PublicKey {
    PublicKey::from_pem(made!("cosign.pub")).unwrap()
}

fn sha256(digits: &str) -> Digest {
    format!("sha256:{digits}").parse().unwrap()
}

#[test]
fn a_bundle_of_cosign_s_own_is_a_signature_of_its_image_alone() {
    let image = sha256("f726ae72b16a8745cdca9b765dd295649aa15e1414015488f21e5788dcb08127");
    let artifact = sha256("f5e218c410d203c31e1e3fb5ecd27548f3c05d79fc72a4b26c51393dd6236beb");
    assert_eq!(bundle::listed(made!("index.json")), Ok(vec![artifact]));
    let (blob, size) = bundle::blob(made!("artifact.json")).unwrap().unwrap();
    assert_eq!(
        (blob.as_str(), size),
        (
            "sha256:7790b638ad3f951550567f9fe2a92805388d382f0605acb96a31e6054fb4bb61",
            made!("bundle.json").len() as u64,
        )
    );
    assert_eq!(bundle::check(&key(), &image, made!("bundle.json")), Ok(()));
    assert_eq!(bundle::check(&key(), &blob, made!("bundle.json")), Err(Flaw::OtherImage));
}

#[test]
fn so_is_a_payload() {
    let image = sha256("8f07694847fe83fd4052c83043434c315c4afa5f7f0ae3a5d1e7b4aee81c0ece");
    let stored = manifest::stored(made!("manifest.json")).unwrap().remove(0).unwrap();
    let payload = made!("payload.json");
    assert_eq!(stored.size, payload.len() as u64);
    assert_eq!(check(&key(), &image, payload, &stored.signature), Ok(()));
    assert_eq!(check(&key(), &stored.payload, payload, &stored.signature), Err(Flaw::OtherImage));
}
