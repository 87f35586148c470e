//! The images of the stub engine, and what it answers about them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::http::{Request, Response};
use super::image;

/// What the engine and its registries have.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// What registries have, by `repository:tag` and `repository@digest`.
    pub(super) remote: BTreeMap<String, StubImage>,
    /// What the engine has, by id.
    images: BTreeMap<String, StubImage>,
    /// `name:tag` and `name@digest`, to ids.
    pub(super) names: BTreeMap<String, String>,
    builds: usize,
}

/// An image in the stub.
#[derive(Debug, Clone)]
pub(crate) struct StubImage {
    /// What a registry would call it.
    pub(crate) digest: String,
    /// What the engine calls it.
    pub(crate) id: String,
    pub(crate) os: String,
    pub(crate) architecture: String,
    pub(crate) labels: BTreeMap<String, String>,
}

impl StubImage {
    /// An image for `linux/amd64`. Different content, different digests.
    pub(crate) fn new(content: &str) -> Self {
        Self {
            digest: image::digest(format!("manifest {content}").as_bytes()),
            id: image::digest(format!("config {content}").as_bytes()),
            os: "linux".to_owned(),
            architecture: "amd64".to_owned(),
            labels: BTreeMap::new(),
        }
    }
}

impl Table {
    pub(super) fn add(&mut self, names: &[String], image: &StubImage) {
        self.images.insert(image.id.clone(), image.clone());
        for name in names {
            self.names.insert(familiar(name), image.id.clone());
        }
    }

    /// By name, by name and digest, or by id.
    fn find(&self, name: &str) -> Option<&StubImage> {
        let id = self.names.get(&familiar(name)).map_or(name, String::as_str);
        self.images.get(id)
    }

    pub(super) fn inspect(&self, name: &str) -> Response {
        let Some(image) = self.find(name) else {
            return complaint(404, &format!("No such image: {name}"));
        };
        let names = self.names.iter().filter(|(_, id)| **id == image.id).map(|(name, _)| name);
        let (digests, tags): (Vec<&String>, Vec<&String>) = names.partition(|n| n.contains('@'));
        Response::json(
            200,
            &json!({
                "Id": image.id, "RepoTags": tags, "RepoDigests": digests, "Os": image.os,
                "Architecture": image.architecture, "Size": 1234, "Created": "2026-01-01T00:00:00Z",
                "Config": { "Labels": image.labels }, "RootFS": { "Type": "layers", "Layers": [] },
            }),
        )
    }

    /// The images with their digests, or those that have no name.
    pub(super) fn list(&self, unnamed: bool) -> Response {
        let digests = |image: &StubImage| {
            let own = self.names.iter().filter(|(_, id)| **id == image.id);
            own.map(|(name, _)| name.clone()).filter(|name| name.contains('@')).collect::<Vec<_>>()
        };
        let is_named = |image: &StubImage| self.names.values().any(|id| *id == image.id);
        let listed = |image: &StubImage| {
            json!({
                "Id": image.id, "ParentId": "", "RepoTags": [], "RepoDigests": digests(image),
                "Created": 1, "Size": 1234, "SharedSize": -1, "Labels": image.labels,
                "Containers": -1,
            })
        };
        let wanted = self.images.values().filter(|image| is_named(image) != unnamed);
        Response::json(200, &wanted.map(listed).collect())
    }

    /// Nothing but a step for each label.
    pub(super) fn history(&self, name: &str) -> Response {
        let Some(image) = self.find(name) else {
            return complaint(404, &format!("No such image: {name}"));
        };
        let step = |(key, value): (&String, &String)| {
            let by = format!("/bin/sh -c #(nop)  LABEL {key}={value}");
            json!({ "Id": image.id, "CreatedBy": by, "Created": 1, "Tags": [], "Size": 0, "Comment": "" })
        };
        Response::json(200, &image.labels.iter().rev().map(step).collect::<Vec<_>>().into())
    }

    pub(super) fn resolve(&self, path: &str) -> Response {
        let name = path.trim_start_matches("/distribution/").trim_end_matches("/json");
        let Some(image) = self.remote.get(&familiar(name)) else {
            return complaint(404, "manifest unknown: manifest unknown");
        };
        Response::json(
            200,
            &json!({
                "Descriptor": {
                    "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                    "digest": image.digest, "size": 528,
                },
                "Platforms": [{ "os": image.os, "architecture": image.architecture }],
            }),
        )
    }

    pub(super) fn pull(&mut self, request: &Request) -> Response {
        let from = request.query("fromImage").unwrap_or_default();
        let tag = request.query("tag").unwrap_or_default();
        let wanted = match tag.as_str() {
            "" => from,
            digest if digest.starts_with("sha256:") => format!("{from}@{digest}"),
            tag => format!("{from}:{tag}"),
        };
        let Some(image) = self.remote.get(&familiar(&wanted)).cloned() else {
            return complaint(
                404,
                &format!("manifest for {wanted} not found: manifest unknown: manifest unknown"),
            );
        };
        let repository = match wanted.split_once('@') {
            Some((repository, _)) => repository,
            None => wanted.rsplit_once(':').map_or(wanted.as_str(), |(repository, _)| repository),
        };
        let digest = format!("{repository}@{}", image.digest);
        self.add(&[wanted.clone(), digest], &image);
        ndjson(&[
            json!({ "status": format!("Pulling from {repository}") }),
            json!({ "id": "0123456789ab", "status": "Pulling fs layer", "progressDetail": {} }),
            json!({ "id": "0123456789ab", "status": "Downloading", "progressDetail": { "current": 10, "total": 20 } }),
            json!({ "id": "0123456789ab", "status": "Pull complete", "progressDetail": {} }),
            json!({ "status": format!("Digest: {}", image.digest) }),
            json!({ "status": format!("Status: Downloaded newer image for {wanted}") }),
        ])
    }

    pub(super) fn tag(&mut self, source: &str, request: &Request) -> Response {
        let Some(image) = self.find(source).cloned() else {
            return complaint(404, &format!("No such image: {source}"));
        };
        let repository = request.query("repo").unwrap_or_default();
        let tag = request.query("tag").unwrap_or_else(|| "latest".to_owned());
        self.add(&[format!("{repository}:{tag}")], &image);
        Response::new(201, "text/plain", "")
    }

    pub(super) fn build(&mut self, request: &Request) -> Response {
        self.builds += 1;
        let mut image = StubImage::new(&format!("build {}", self.builds));
        let labels = request.query("labels").unwrap_or_default();
        image.labels = serde_json::from_str(&labels).unwrap_or_default();
        let names: Vec<String> = request.query("t").into_iter().collect();
        self.add(&names, &image);
        ndjson(&[
            json!({ "stream": "Step 1/1 : FROM scratch\n" }),
            json!({ "aux": { "ID": image.id } }),
            json!({ "stream": format!("Successfully built {}\n", &image.id[7..19]) }),
        ])
    }

    pub(super) fn remove(&mut self, name: &str) -> Response {
        match self.names.remove(&familiar(name)) {
            Some(_) => Response::json(200, &json!([{ "Untagged": name }])),
            None => complaint(404, &format!("No such image: {name}")),
        }
    }
}

pub(super) fn complaint(status: u16, message: &str) -> Response {
    Response::json(status, &json!({ "message": message }))
}

/// A stream of JSON lines, as pulls and builds tell of themselves.
fn ndjson(lines: &[Value]) -> Response {
    let lines: Vec<String> = lines.iter().map(|line| format!("{line}\r\n")).collect();
    Response::new(200, "application/json", lines.concat())
}

/// The short form of a name, with a tag: the engine takes both forms for the same.
pub(super) fn familiar(name: &str) -> String {
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    let name = name.strip_prefix("library/").unwrap_or(name);
    let last = name.rsplit('/').next().unwrap_or_default();
    if last.contains([':', '@']) { name.to_owned() } else { format!("{name}:latest") }
}
