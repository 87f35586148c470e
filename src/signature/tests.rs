//! Signatures that another library has made: what is good, and what each change makes of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::{EncodePublicKey as _, LineEnding};
use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};
use serde_json::json;

use super::key::{KeyError, PublicKey};
use super::manifest::{MAX_SIGNATURES, stored};
use super::verdict::{Told, verdict};
use super::*;
use crate::state::obstacle::Obstacle;
use crate::words::failure::FailureClass;
use crate::words::reference::Repository;

fn signing_key(number: u8) -> SigningKey {
    SigningKey::from_slice(&[number; 32]).unwrap()
}

fn pem(number: u8) -> String {
    signing_key(number).verifying_key().to_public_key_pem(LineEnding::LF).unwrap()
}

fn key() -> PublicKey {
    PublicKey::from_pem(pem(1).as_bytes()).unwrap()
}

fn digest(digit: char) -> Digest {
    format!("sha256:{}", digit.to_string().repeat(64)).parse().unwrap()
}

fn payload(digest: &Digest) -> Vec<u8> {
    let critical = json!({
        "identity": { "docker-reference": "" },
        "image": { "docker-manifest-digest": digest.as_str() },
        "type": "cosign container image signature",
    });
    json!({ "critical": critical, "optional": { "who": "me" } }).to_string().into_bytes()
}

fn signed(number: u8, payload: &[u8]) -> String {
    let signature: Signature = signing_key(number).sign(payload);
    STANDARD.encode(signature.to_der().as_bytes())
}

#[test]
fn the_tag_follows_from_the_digest() {
    assert_eq!(tag(&digest('a')), format!("sha256-{}.sig", "a".repeat(64)));
}

#[test]
fn only_this_key_over_this_digest_will_do() {
    let (own, other) = (payload(&digest('a')), payload(&digest('b')));
    let check = |payload: &[u8], signature: &str| check(&key(), &digest('a'), payload, signature);
    assert_eq!(check(&own, &signed(1, &own)), Ok(()));
    assert_eq!(check(&own, &format!("{}\n", signed(1, &own))), Ok(()));
    assert_eq!(check(&own, &signed(2, &own)), Err(Flaw::OtherKey));
    assert_eq!(check(&own, &signed(1, &other)), Err(Flaw::OtherKey));
    assert_eq!(check(&other, &signed(1, &other)), Err(Flaw::OtherImage));
    assert_eq!(check(&own, "no base64!"), Err(Flaw::Malformed));
    assert_eq!(check(&own, ""), Err(Flaw::OtherKey));
    for payload in [&b""[..], b"{}", b"[1", b"{\"critical\":{\"image\":{}}}"] {
        assert_eq!(check(payload, &signed(1, payload)), Err(Flaw::OtherPurpose));
    }
}

#[test]
fn a_payload_names_one_digest_and_no_more() {
    let twice = String::from_utf8(payload(&digest('a'))).unwrap().replace(
        "\"image\":{",
        &format!("\"image\":{{\"docker-manifest-digest\":\"{}\",", digest('b')),
    );
    assert_eq!(payload::names(twice.as_bytes(), &digest('a')), Err(Flaw::OtherPurpose));
    let longer = payload(&digest('a'));
    let longer = String::from_utf8(longer).unwrap().replace("\"sha256:", "\"Sha256:");
    assert_eq!(payload::names(longer.as_bytes(), &digest('a')), Err(Flaw::OtherImage));
}

#[test]
fn a_key_is_a_public_one_for_this_curve() {
    assert!(PublicKey::from_pem(pem(1).replace('\n', "\r\n").as_bytes()).is_ok());
    let commented = format!("our key\n{}", pem(1));
    assert!(PublicKey::from_pem(commented.as_bytes()).is_ok());
    let check = |text: &str, want: KeyError| {
        assert_eq!(PublicKey::from_pem(text.as_bytes()).unwrap_err(), want, "{text}");
    };
    check("", KeyError::NotPem);
    check("-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----\n", KeyError::NotPem);
    check(&pem(1).replace("PUBLIC", "CERTIFICATE"), KeyError::NotPem);
    check(&pem(1).replace("PUBLIC", "PRIVATE"), KeyError::Private);
    check(&format!("{}-----BEGIN EC PRIVATE KEY-----", pem(1)), KeyError::Private);
    // Ed25519.
    let other = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
    let other = format!("-----BEGIN PUBLIC KEY-----\n{other}\n-----END PUBLIC KEY-----\n");
    check(&other, KeyError::OtherKind);
    let body = pem(1).lines().nth(1).unwrap().to_owned();
    check(&pem(1).replace(&body, ""), KeyError::OtherKind);
    assert_eq!(format!("{:?}", key()), "PublicKey");
}

#[test]
fn the_newest_signatures_are_listed_and_no_more_than_are_looked_at() {
    let layer = |number: usize| {
        json!({
            "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
            "digest": digest('a').as_str(),
            "size": 200,
            "annotations": { "dev.cosignproject.cosign/signature": number.to_string() },
        })
    };
    let layers: Vec<_> = (0..MAX_SIGNATURES + 5).map(layer).collect();
    let found = stored(json!({ "layers": layers }).to_string().as_bytes()).unwrap();
    let found: Vec<String> = found.into_iter().map(|one| one.unwrap().signature).collect();
    let newest = (5..MAX_SIGNATURES + 5).rev().map(|number| number.to_string());
    assert_eq!(found, newest.collect::<Vec<_>>());
    let mut other = layer(1);
    other["mediaType"] = json!("application/vnd.oci.image.layer.v1.tar");
    assert_eq!(stored(json!({ "layers": [other] }).to_string().as_bytes()), Err(Flaw::Malformed));
    let mut bare = layer(1);
    bare["annotations"] = json!(null);
    let found = stored(json!({ "layers": [bare, layer(2)] }).to_string().as_bytes()).unwrap();
    assert_eq!(found.iter().filter(|one| one.is_ok()).count(), 1);
}

proptest! {
    #[test]
    fn no_change_of_a_signed_payload_goes_unseen(
        at in any::<prop::sample::Index>(), bit in 0..8_u8,
    ) {
        let good = payload(&digest('a'));
        let signature = signed(1, &good);
        let mut changed = good.clone();
        changed[at.index(good.len())] ^= 1 << bit;
        prop_assert_eq!(check(&key(), &digest('a'), &changed, &signature), Err(Flaw::OtherKey));
    }

    #[test]
    fn no_change_of_a_signature_goes_unseen(
        at in any::<prop::sample::Index>(), bit in 0..8_u8,
    ) {
        let good = payload(&digest('a'));
        let mut signature = STANDARD.decode(signed(1, &good)).unwrap();
        let at = at.index(signature.len());
        signature[at] ^= 1 << bit;
        let signature = STANDARD.encode(signature);
        prop_assert_eq!(check(&key(), &digest('a'), &good, &signature), Err(Flaw::OtherKey));
    }

    #[test]
    fn any_bytes_are_something(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        fuzz::refused(&bytes);
        // What the key has signed is read, and is a signature only if it says so.
        let by_key = signed(1, &bytes);
        prop_assert!(check(&key(), &digest('a'), &bytes, &by_key).is_err());
    }
}

fn repository(host: &str) -> Repository {
    Repository::new(host, "acme/tool").unwrap()
}

fn failed(class: FailureClass) -> Told {
    let code = class.code();
    let reason = class.words().to_owned();
    Told::Failed(Obstacle { reason, class, code, hints: vec!["do it".to_owned()] })
}

#[test]
fn a_good_signature_anywhere_decides_and_an_outage_leaves_it_open() {
    let verdict = |told: &[Told]| {
        let hosts = ["a.example", "b.example", "c.example"].map(repository);
        let told: Vec<_> = hosts.into_iter().zip(told.iter().cloned()).collect();
        verdict(&told, &digest('a'), "cosign.pub").map_err(|it| (it.class, it.reason))
    };
    let unsigned = |words: &str| {
        Err((FailureClass::Signature, format!("no signature by the key `cosign.pub`: {words}")))
    };
    let open =
        |class, words: &str| Err((class, format!("whether it is signed is not known: {words}")));
    let other = || Told::Flawed(Flaw::OtherKey);
    assert_eq!(verdict(&[Told::Signed]), Ok(()));
    assert_eq!(verdict(&[failed(FailureClass::Server), other(), Told::Signed]), Ok(()));
    assert_eq!(verdict(&[Told::Unsigned]), unsigned("`a.example/acme/tool` has none"));
    assert_eq!(
        verdict(&[other(), failed(FailureClass::AbsentOrPrivate)]),
        unsigned(
            "`a.example/acme/tool` has one that this key has not made; \
             `b.example/acme/tool`: absent or private"
        )
    );
    assert_eq!(
        verdict(&[other(), failed(FailureClass::Server), failed(FailureClass::Denied)]),
        open(
            FailureClass::Server,
            "`b.example/acme/tool`: server error; `c.example/acme/tool`: denied"
        )
    );
}

#[test]
fn the_better_of_two_flaws_is_told() {
    assert!(Flaw::OtherImage > Flaw::OtherKey && Flaw::OtherKey > Flaw::Malformed);
    assert!(Some(Flaw::Malformed) > None);
}
