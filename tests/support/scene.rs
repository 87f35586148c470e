//! One image, the real engine, and the scripted registries that may serve it:
//! what nearly every row about registries begins with.

use serde_json::Value;

use super::image::Image;
use super::occ::{Occ, Run};
use super::real_engine::{RealEngine, Store};
use super::registry::Registry;
use super::unique;

/// An image that the engine lacks and that registries can be made to serve.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) engine: RealEngine,
    /// The local name, with its tag.
    pub(crate) name: String,
    pub(crate) image: Image,
}

impl Scene {
    /// A new image of one small layer under a new name.
    pub(crate) fn new(label: &str) -> Self {
        Self::with(label, Image::new(&unique()))
    }

    /// A given image under a new name.
    pub(crate) fn with(label: &str, image: Image) -> Self {
        let mut engine = RealEngine::connect();
        let name = engine.name(label);
        Self { engine, name, image }
    }

    /// The name's path, which is also the repository in each registry.
    pub(crate) fn path(&self) -> &str {
        self.name.split(':').next().unwrap()
    }

    /// A registry that serves the image.
    pub(crate) fn registry(&mut self) -> Registry {
        let registry = Registry::start();
        self.serve(&registry);
        registry
    }

    /// Makes this registry, too, serve the image.
    pub(crate) fn serve(&mut self, registry: &Registry) {
        self.serve_another(registry, &self.image.clone());
    }

    /// Makes this registry serve another image in its place.
    pub(crate) fn serve_another(&mut self, registry: &Registry, image: &Image) {
        registry.push(self.path(), "1", image);
        // A pull whose proof fails leaves this behind, and no name.
        let pulled = format!("{}/{}@{}", registry.host(), self.path(), image.digest());
        self.engine.clean_up(pulled);
    }

    /// Puts another image behind the name; its id.
    pub(crate) fn holds_another(&mut self) -> String {
        let registry = Registry::with(self.path(), "old", &Image::new(&unique()));
        let repository = format!("{}/{}", registry.host(), self.path());
        let old = format!("{repository}:old");
        self.engine.clean_up(&old);
        let (status, stream) = self.engine.pull(&repository, "old");
        assert_eq!(status, 200, "{stream}");
        self.engine.tag(&old, &self.name);
        self.engine.id(&self.name).expect(&stream)
    }

    /// `host/path:1`, as the reports name a source.
    pub(crate) fn source(&self, host: &str) -> String {
        format!("{host}/{}", self.name)
    }

    /// The image's table in a manifest.
    pub(crate) fn entry(&self, id: &str, hosts: &[&str]) -> String {
        let path = self.path();
        format!("[images.{id}]\nname = \"{path}\"\ntag = \"1\"\nregistries = {hosts:?}\n")
    }

    /// `occ sync` of the image from these hosts; `more` are further lines of its
    /// table, and further tables.
    pub(crate) fn sync(&self, hosts: &[&str], more: &str) -> Run {
        self.occ(&format!("{}{more}\n", self.entry("it", hosts))).run()
    }

    /// `occ sync` of a manifest with these tables: plain progress on stderr, the
    /// document on stdout.
    pub(crate) fn occ(&self, tables: &str) -> Occ {
        self.occ_in_words(tables).args(["--progress", "plain", "--format", "json"])
    }

    /// `occ sync` of a manifest with these tables, for people.
    pub(crate) fn occ_in_words(&self, tables: &str) -> Occ {
        let manifest = format!("version = 1\n{tables}");
        Occ::manifest(&manifest).args(["--host", self.engine.host(), "sync"])
    }

    /// Fails unless the engine holds the image under its name, by its digest.
    #[track_caller]
    pub(crate) fn holds_it(&self) {
        let found = self.engine.inspect(&self.name).expect("the engine has the name");
        assert_eq!(found["Id"], self.engine.id_of(&self.image));
        let digests = found["RepoDigests"].as_array().unwrap();
        let wanted = |digest: &Value| digest.as_str().unwrap().ends_with(self.image.digest());
        let holds = if self.engine.store() == Store::Podman {
            // It lists the platform's own digest beside the index's, and each under each name.
            digests.iter().any(wanted)
        } else {
            !digests.is_empty() && digests.iter().all(wanted)
        };
        assert!(holds, "{digests:?}");
    }

    /// Fails if the engine has anything under the name.
    #[track_caller]
    pub(crate) fn holds_nothing(&self) {
        let Some(found) = self.engine.inspect(&self.name) else { return };
        // Podman also finds by a short name what has it behind a registry's.
        let names = [self.name.clone(), format!("docker.io/{}", self.name)];
        let has = |tag: &Value| names.iter().any(|name| tag == name.as_str());
        assert!(!found["RepoTags"].as_array().unwrap().iter().any(has), "{found}");
    }
}

/// The sources of the first image that failed, as `(source, class, attempts)`.
pub(crate) fn failures(run: &Run) -> Vec<(String, String, u64)> {
    let document = run.json();
    let failures = document["images"][0]["failures"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let one = |failure: &Value| {
        (text(&failure["source"]), text(&failure["class"]), failure["attempts"].as_u64().unwrap())
    };
    failures.iter().map(one).collect()
}
