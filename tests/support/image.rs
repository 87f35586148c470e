//! Images made in memory: a configuration, gzip layers of one file each, a
//! manifest; and indexes over several of them.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// A document or a layer, under its digest.
#[derive(Debug, Clone)]
pub(crate) struct Blob {
    pub(crate) media_type: &'static str,
    pub(crate) digest: String,
    pub(crate) bytes: Vec<u8>,
}

impl Blob {
    pub(crate) fn new(media_type: &'static str, bytes: Vec<u8>) -> Self {
        Self { media_type, digest: digest(&bytes), bytes }
    }

    pub(crate) fn descriptor(&self) -> Value {
        json!({ "mediaType": self.media_type, "digest": self.digest, "size": self.bytes.len() })
    }
}

/// What a tag can point at: one image, or an index of images for several platforms.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    /// What the tag resolves to, first; then the manifests below an index.
    pub(crate) manifests: Vec<Blob>,
    /// Configurations.
    pub(crate) configs: Vec<Blob>,
    /// Layers, in order.
    pub(crate) layers: Vec<Blob>,
}

impl Image {
    /// An image for `linux/amd64` with one small layer. Different content, different digests.
    pub(crate) fn new(content: &str) -> Self {
        Self::of("linux", "amd64", &[content.as_bytes().to_vec()])
    }

    /// An image for another platform.
    pub(crate) fn for_platform(content: &str, os: &str, architecture: &str) -> Self {
        Self::of(os, architecture, &[content.as_bytes().to_vec()])
    }

    /// An image of as many layers as there are files.
    pub(crate) fn of(os: &str, architecture: &str, files: &[Vec<u8>]) -> Self {
        let mut layers = Vec::new();
        let mut diff_ids = Vec::new();
        for (number, content) in files.iter().enumerate() {
            let archive = archive(&format!("file-{number}"), content);
            diff_ids.push(digest(&archive));
            layers.push(Blob::new(LAYER, gzip(&archive)));
        }
        let config = json!({
            "os": os,
            "architecture": architecture,
            "config": { "Cmd": ["/file-0"] },
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        });
        let config = Blob::new(CONFIG, config.to_string().into_bytes());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config.descriptor(),
            "layers": layers.iter().map(Blob::descriptor).collect::<Vec<_>>(),
        });
        let manifest = Blob::new(MANIFEST, manifest.to_string().into_bytes());
        Self { manifests: vec![manifest], configs: vec![config], layers }
    }

    /// An index over images, with the platforms that their configurations name.
    pub(crate) fn index(images: &[Self]) -> Self {
        let mut entries = Vec::new();
        let mut all = Self { manifests: Vec::new(), configs: Vec::new(), layers: Vec::new() };
        for image in images {
            let config: Value = serde_json::from_slice(&image.configs[0].bytes).unwrap();
            let mut entry = image.manifests[0].descriptor();
            entry["platform"] =
                json!({ "os": config["os"], "architecture": config["architecture"] });
            entries.push(entry);
            all.manifests.extend(image.manifests.iter().cloned());
            all.configs.extend(image.configs.iter().cloned());
            all.layers.extend(image.layers.iter().cloned());
        }
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries });
        all.manifests.insert(0, Blob::new(INDEX, index.to_string().into_bytes()));
        all
    }

    /// The digest that a tag of this image resolves to.
    pub(crate) fn digest(&self) -> &str {
        &self.manifests[0].digest
    }

    /// The digest of the configuration: the image's id on the graph-driver store.
    pub(crate) fn config_digest(&self) -> &str {
        &self.configs[0].digest
    }
}

/// `sha256:…` of some bytes.
pub(crate) fn digest(bytes: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

fn archive(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o755);
    header.set_cksum();
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_data(&mut header, name, content).unwrap();
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
