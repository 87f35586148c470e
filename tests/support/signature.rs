//! Signatures as `cosign sign --key` makes and stores them, by another library than the one
//! that checks them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::{EncodePublicKey as _, LineEnding};
use serde_json::{Value, json};

use super::image::{Blob, Image};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const STATEMENT: &str = "application/vnd.in-toto+json";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// Whoever signs.
#[derive(Debug)]
pub(crate) struct Signer(SigningKey);

/// A payload and its signature in base64.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    pub(crate) payload: Vec<u8>,
    pub(crate) signature: String,
}

impl Signer {
    /// A key for each number.
    pub(crate) fn new(number: u8) -> Self {
        Self(SigningKey::from_slice(&[number; 32]).unwrap())
    }

    /// `cosign.pub`
    pub(crate) fn public_key(&self) -> String {
        self.0.verifying_key().to_public_key_pem(LineEnding::LF).unwrap()
    }

    /// What cosign signs of an image.
    pub(crate) fn sign(&self, digest: &str) -> Signed {
        self.sign_payload(payload(digest).to_string().into_bytes())
    }

    /// The same of any bytes.
    pub(crate) fn sign_payload(&self, payload: Vec<u8>) -> Signed {
        let signature: Signature = self.0.sign(&payload);
        Signed { signature: BASE64.encode(signature.to_der().as_bytes()), payload }
    }
}

/// What a signature is about.
pub(crate) fn payload(digest: &str) -> Value {
    json!({
        "critical": {
            "identity": { "docker-reference": "registry.example/other/name" },
            "image": { "docker-manifest-digest": digest },
            "type": "cosign container image signature",
        },
        "optional": null,
    })
}

/// The tag that the signatures of a digest lie under.
pub(crate) fn tag(digest: &str) -> String {
    format!("{}.sig", digest.replace(':', "-"))
}

/// What lies under that tag.
pub(crate) fn stored(signatures: &[Signed]) -> Image {
    let payloads: Vec<Blob> =
        signatures.iter().map(|it| Blob::new(PAYLOAD, it.payload.clone())).collect();
    let layer = |(blob, signed): (&Blob, &Signed)| {
        let mut layer = blob.descriptor();
        layer["annotations"] = json!({ SIGNATURE: signed.signature });
        layer
    };
    let layers: Vec<Value> = payloads.iter().zip(signatures).map(layer).collect();
    let config = Blob::new(CONFIG, b"{}".to_vec());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.descriptor(),
        "layers": layers,
    });
    let manifest = Blob::new(MANIFEST, manifest.to_string().into_bytes());
    Image { manifests: vec![manifest], configs: vec![config], layers: payloads }
}

/// What cosign 3 says of an image when it signs it.
pub(crate) const IS_SIGNED: &str = "https://sigstore.dev/cosign/sign/v1";

impl Signer {
    /// A bundle as cosign 3 makes it: that this is so of the image.
    pub(crate) fn bundle(&self, digest: &str, what: &str) -> Vec<u8> {
        let (_, hex) = digest.split_once(':').unwrap();
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "digest": { "sha256": hex }, "annotations": {} }],
            "predicateType": what,
            "predicate": {},
        });
        let payload = statement.to_string();
        let signed = format!("DSSEv1 {} {STATEMENT} {} {payload}", STATEMENT.len(), payload.len());
        let signed = self.sign_payload(signed.into_bytes());
        let bundle = json!({
            "mediaType": BUNDLE,
            "verificationMaterial": { "publicKey": { "hint": "none" } },
            "dsseEnvelope": {
                "payload": BASE64.encode(payload),
                "payloadType": STATEMENT,
                "signatures": [{ "sig": signed.signature }],
            },
        });
        bundle.to_string().into_bytes()
    }
}

/// The artifact of a bundle, and behind it the index that lists what refers to the image.
pub(crate) fn artifact(bundle: Vec<u8>, digest: &str) -> (Image, Image) {
    let blob = Blob::new(BUNDLE, bundle);
    let config = Blob::new("application/vnd.oci.empty.v1+json", b"{}".to_vec());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": BUNDLE,
        "config": config.descriptor(),
        "layers": [blob.descriptor()],
        "subject": { "mediaType": MANIFEST, "digest": digest, "size": 1 },
    });
    let manifest = Blob::new(MANIFEST, manifest.to_string().into_bytes());
    let mut entry = manifest.descriptor();
    entry["artifactType"] = json!(BUNDLE);
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [entry] });
    let index = Blob::new(INDEX, index.to_string().into_bytes());
    let one = |manifest| Image { manifests: vec![manifest], configs: vec![], layers: vec![] };
    (Image { configs: vec![config], layers: vec![blob], ..one(manifest) }, one(index))
}
