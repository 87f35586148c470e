//! The Docker Engine of this machine. Tests that need it fail where it is missing:
//! a test that skips itself proves nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use flate2::read::GzDecoder;
use serde_json::Value;

use super::http::{self, Response};
use super::image::Image;
use super::unique;

/// A file, directory or link in an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InImage {
    pub(crate) kind: tar::EntryType,
    pub(crate) mode: u32,
    pub(crate) owner: (u64, u64),
    /// Seconds since 1970.
    pub(crate) modified: u64,
    pub(crate) link: Option<String>,
    pub(crate) content: Vec<u8>,
}

impl InImage {
    fn read(mut file: tar::Entry<'_, &[u8]>) -> Self {
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        let header = file.header();
        Self {
            kind: header.entry_type(),
            // Those that the tests make in memory say little.
            mode: header.mode().unwrap_or_default(),
            owner: (header.uid().unwrap_or_default(), header.gid().unwrap_or_default()),
            modified: header.mtime().unwrap_or_default(),
            link: file.link_name_bytes().map(|it| String::from_utf8_lossy(&it).into_owned()),
            content,
        }
    }
}

/// What an engine keeps its images in, which decides what it calls them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    /// Docker's, with graph drivers: an image is called as its configuration.
    Graph,
    /// Docker's, with containerd: an image is called as what its tag stands for.
    Containerd,
    /// Podman's: as Docker's with graph drivers.
    Podman,
}

/// A connection to the engine, and the names to take away again.
#[derive(Debug)]
pub(crate) struct RealEngine {
    host: String,
    /// Only names of one's own: other people use this engine too.
    names: Vec<String>,
}

impl RealEngine {
    /// The engine at `OCC_TEST_DOCKER_HOST`, else the one at the usual socket.
    pub(crate) fn connect() -> Self {
        let host = std::env::var("OCC_TEST_DOCKER_HOST")
            .unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
        let engine = Self::at(host);
        let answer = engine.try_call("GET", "/_ping");
        assert!(
            answer.as_ref().is_ok_and(|answer| answer.status == 200),
            "this test needs a Docker Engine, and none answers at {}: {answer:?}\n\
             hint: `scripts/engine` starts one; OCC_TEST_DOCKER_HOST=unix:///… names another",
            engine.host,
        );
        engine
    }

    /// The engine at this address, whether or not it answers.
    pub(crate) fn at(host: String) -> Self {
        Self { host, names: Vec::new() }
    }

    /// Whether it answers.
    pub(crate) fn answers(&self) -> bool {
        self.try_call("GET", "/_ping").is_ok_and(|answer| answer.status == 200)
    }

    /// `unix://…`
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// A local name (`occ-test/LABEL-…:1`) that nobody else uses. It is removed in the end.
    pub(crate) fn name(&mut self, label: &str) -> String {
        let name = format!("occ-test/{label}-{}:1", unique());
        self.names.push(name.clone());
        name
    }

    /// Removes this name, too, in the end.
    pub(crate) fn clean_up(&mut self, name: impl Into<String>) {
        self.names.push(name.into());
    }

    /// What `docker image inspect` says.
    pub(crate) fn inspect(&self, name: &str) -> Option<Value> {
        let answer = self.call("GET", &format!("/images/{name}/json"));
        match answer.status {
            200 => Some(serde_json::from_slice(&answer.body).unwrap()),
            404 => None,
            _ => panic!("inspecting {name}: {answer:?}"),
        }
    }

    /// The image id behind a name.
    pub(crate) fn id(&self, name: &str) -> Option<String> {
        Some(self.inspect(name)?["Id"].as_str().unwrap().to_owned())
    }

    /// What it keeps images in.
    pub(crate) fn store(&self) -> Store {
        let json =
            |path| -> Value { serde_json::from_slice(&self.call("GET", path).body).unwrap() };
        if json("/version")["Components"][0]["Name"].as_str().unwrap().starts_with("Podman") {
            return Store::Podman;
        }
        let by_containerd = json("/info")["DriverStatus"].to_string().contains("io.containerd.");
        if by_containerd { Store::Containerd } else { Store::Graph }
    }

    /// The builders that a manifest may name where this engine builds.
    pub(crate) fn builders(&self) -> impl Iterator<Item = &'static str> {
        let has_buildkit = self.store() != Store::Podman;
        has_buildkit.then_some("buildkit").into_iter().chain(["classic"])
    }

    /// What it calls an image.
    pub(crate) fn id_of<'i>(&self, image: &'i Image) -> &'i str {
        match self.store() {
            Store::Graph | Store::Podman => image.config_digest(),
            Store::Containerd => image.digest(),
        }
    }

    /// Whether this image is behind a name. What an engine calls it depends on its store: the
    /// digest of its configuration, of its manifest, or of its index.
    pub(crate) fn holds(&self, name: &str, image: &Image) -> bool {
        let id = self.id(name);
        let known = image.manifests.iter().chain(&image.configs).map(|blob| &blob.digest);
        id.is_some_and(|id| known.clone().any(|digest| *digest == id))
    }

    /// The processor that what is behind a name is made for.
    pub(crate) fn architecture(&self, name: &str) -> String {
        self.inspect(name).unwrap()["Architecture"].as_str().unwrap().to_owned()
    }

    /// The paths in the layers of an image, directories without their slash.
    pub(crate) fn files(&self, name: &str) -> BTreeSet<String> {
        self.entries(name).into_keys().collect()
    }

    /// What is in the layers of an image, by its path, directories without their slash.
    pub(crate) fn entries(&self, name: &str) -> BTreeMap<String, InImage> {
        let mut entries = BTreeMap::new();
        for entry in tar::Archive::new(&self.saved(name)[..]).entries().unwrap() {
            let mut bytes = Vec::new();
            entry.unwrap().read_to_end(&mut bytes).unwrap();
            // As containerd keeps them.
            if bytes.starts_with(&[0x1f, 0x8b]) {
                let packed = std::mem::take(&mut bytes);
                GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
            }
            // Layers are archives, and nothing else in an image is.
            for file in tar::Archive::new(&bytes[..]).entries().unwrap().map_while(Result::ok) {
                let path = String::from_utf8_lossy(&file.path_bytes()).into_owned();
                entries.insert(path.trim_end_matches('/').to_owned(), InImage::read(file));
            }
        }
        entries
    }

    /// All that there is to an image, as one archive.
    pub(crate) fn saved(&self, name: &str) -> Vec<u8> {
        let answer = self.call("GET", &format!("/images/{name}/get"));
        assert_eq!(answer.status, 200, "saving {name}");
        answer.body
    }

    /// The steps that made an image, newest first.
    pub(crate) fn history(&self, name: &str) -> Vec<String> {
        let answer = self.call("GET", &format!("/images/{name}/history"));
        assert_eq!(answer.status, 200, "the history of {name}: {answer:?}");
        let steps: Value = serde_json::from_slice(&answer.body).unwrap();
        let steps = steps.as_array().unwrap().iter();
        steps.map(|step| step["CreatedBy"].as_str().unwrap().to_owned()).collect()
    }

    /// The images that have no name, and a label of occ's in which this stands.
    pub(crate) fn unnamed(&self, label: &str) -> Vec<String> {
        let filters = "%7B%22dangling%22%3A%5B%22true%22%5D%7D";
        let answer = self.call("GET", &format!("/images/json?filters={filters}"));
        let images: Value = serde_json::from_slice(&answer.body).unwrap();
        let images = images.as_array().unwrap().iter();
        let is_it = |image: &&Value| {
            image["Labels"]["dev.occ.inputs"].as_str().is_some_and(|it| it.contains(label))
        };
        images.filter(is_it).map(|image| image["Id"].as_str().unwrap().to_owned()).collect()
    }

    /// Pulls `repository` (`host/name`) by tag, and gives the engine's own account of it.
    pub(crate) fn pull(&self, repository: &str, tag: &str) -> (u16, String) {
        let answer = self.call("POST", &format!("/images/create?fromImage={repository}&tag={tag}"));
        (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
    }

    /// Gives an image a further name.
    pub(crate) fn tag(&self, source: &str, name: &str) {
        let (repository, tag) = name.rsplit_once(':').unwrap();
        let answer =
            self.call("POST", &format!("/images/{source}/tag?repo={repository}&tag={tag}"));
        assert_eq!(answer.status, 201, "tagging {source} as {name}: {answer:?}");
    }

    /// What `docker save`, `docker rmi` and `docker load` leave of an image.
    pub(crate) fn reload(&self, name: &str) {
        let saved = self.saved(name);
        let id = self.id(name).unwrap();
        let gone = self.call("DELETE", &format!("/images/{id}?force=true"));
        assert_eq!(gone.status, 200, "removing {name}: {gone:?}");
        let loaded = self.try_send("POST", "/images/load?quiet=true", &saved).unwrap();
        assert_eq!(loaded.status, 200, "loading {name}: {loaded:?}");
    }

    /// Takes one name away; the image goes with its last one.
    pub(crate) fn remove(&self, name: &str) {
        // A name that is gone already is as good.
        let _ = self.try_call("DELETE", &format!("/images/{name}"));
    }

    /// Gives a Dockerfile to the classic builder, without a name for the result, and
    /// gives the engine's own account of it.
    pub(crate) fn build(&self, dockerfile: &str, target: &str) -> String {
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(dockerfile.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, "Dockerfile", dockerfile.as_bytes()).unwrap();
        let context = archive.into_inner().unwrap();
        let path = format!("/build?target={target}&networkmode=none");
        let answer = self.try_send("POST", &path, &context).unwrap();
        String::from_utf8_lossy(&answer.body).into_owned()
    }

    /// The id of what [`build`](Self::build) makes of a Dockerfile.
    pub(crate) fn built(&self, dockerfile: &str) -> String {
        let told = self.build(dockerfile, "");
        let line = told.lines().rfind(|line| line.contains("\"aux\"")).expect(&told);
        let line: Value = serde_json::from_str(line).unwrap();
        line["aux"]["ID"].as_str().unwrap().to_owned()
    }

    /// The id of what `docker commit` makes of a container of an image.
    pub(crate) fn commit(&self, image: &str) -> String {
        let body = serde_json::json!({ "Image": image, "Cmd": ["x"] }).to_string();
        let id = |answer: Response| {
            assert_eq!(answer.status, 201, "{answer:?}");
            let body: Value = serde_json::from_slice(&answer.body).unwrap();
            body["Id"].as_str().unwrap().to_owned()
        };
        let container = id(self.try_send("POST", "/containers/create", body.as_bytes()).unwrap());
        let path = format!("/commit?container={container}");
        let made = id(self.try_send("POST", &path, b"{}").unwrap());
        self.call("DELETE", &format!("/containers/{container}"));
        made
    }

    pub(crate) fn call(&self, method: &str, target: &str) -> Response {
        self.try_call(method, target).unwrap_or_else(|e| panic!("{method} {target}: {e}"))
    }

    fn try_call(&self, method: &str, target: &str) -> std::io::Result<Response> {
        self.try_send(method, target, b"")
    }

    fn try_send(&self, method: &str, target: &str, body: &[u8]) -> std::io::Result<Response> {
        let socket = self.host.strip_prefix("unix://").expect("a unix:// engine");
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(100)))?;
        http::call_with(stream, method, target, &[("Content-Type", "application/json")], body)
    }
}

impl Drop for RealEngine {
    fn drop(&mut self) {
        for name in std::mem::take(&mut self.names) {
            // What was pulled on the way is known by the repository it came from.
            let image = self.inspect(&name).unwrap_or_default();
            let digests = image["RepoDigests"].as_array().cloned().unwrap_or_default();
            self.remove(&name);
            for digest in digests.iter().filter_map(Value::as_str) {
                if digest.starts_with("127.0.0.1:") {
                    self.remove(digest);
                }
            }
        }
    }
}
