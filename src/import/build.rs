//! The `build` of a service.

use std::path::Path;

use crate::import::interpolate::{argument, fixed};
use crate::import::notes::{Notes, quoted};
use crate::import::yaml::{At, Key, Node, Value};
use crate::import::{Build, From, Secret};
use crate::manifest::paths::{normalise, relative};

/// Reads one.
pub(super) struct Builder<'b, 'n, 's> {
    pub(super) from: From<'b>,
    /// The `secrets` of the file.
    pub(super) secrets: Option<&'b Node>,
    pub(super) notes: &'n mut Notes<'s>,
}

/// Where `build.context` may be that is no directory.
const REMOTE: &[&str] = &["://", "git@", "github.com/", "service:", "docker-image:"];

impl Builder<'_, '_, '_> {
    /// The build, and further names of what it makes. `None` where nothing here can be built,
    /// which is noted.
    pub(super) fn read(mut self, key: &Key, node: &Node) -> Option<(Build, Vec<String>)> {
        let mut build = Build::default();
        let mut tags = Vec::new();
        let mut context = Some(".".to_owned());
        let mut file = Some(None);
        match &node.value {
            Value::Text(_) => context = self.notes.text(node, "build"),
            Value::Map(fields) => {
                for (key, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                    match key.name.as_str() {
                        "context" => context = self.notes.text(value, "build.context"),
                        "dockerfile" => file = self.notes.text(value, "build.dockerfile").map(Some),
                        "target" => build.target = self.notes.text(value, "build.target"),
                        "args" => build.args = self.args(value),
                        "labels" => build.labels = self.labels(value),
                        "secrets" => build.secrets = self.secrets(value),
                        "ssh" => build.ssh = self.ssh(value),
                        "network" => build.network = self.network(value),
                        "cache_from" => build.cache_from = self.cache_from(value),
                        "pull" => build.pull = self.is_on(value, "build.pull"),
                        "no_cache" => self.no_cache(value),
                        "tags" => tags = self.notes.texts(value, "build.tags"),
                        "dockerfile_inline" => {
                            let why = "a manifest has no Dockerfile in it: make it a file";
                            self.notes.refuse(&key.at, "build.dockerfile_inline", why);
                            file = None;
                        }
                        // The platform of the image.
                        "platforms" => {}
                        name if name.starts_with("x-") => {}
                        name => {
                            let what = format!("build.{name}");
                            self.notes.refuse(&key.at, &what, "a manifest has no such key");
                        }
                    }
                }
            }
            _ => {
                self.notes.refuse(&key.at, "build", "it is neither a path nor a map");
                return None;
            }
        }
        let context = context?;
        build.dockerfile = file?.filter(|file| file != "Dockerfile");
        build.context = self.rebased(&context, &key.at, "build.context")?;
        Some((build, tags))
    }

    /// A path of the Compose file as one of the manifest.
    fn rebased(&mut self, path: &str, at: &At, key: &str) -> Option<String> {
        let is_remote = REMOTE.iter().any(|start| match *start {
            "://" => path.contains("://"),
            start => path.starts_with(start),
        });
        if is_remote || path.starts_with('~') {
            let why = format!("{} is no path in the repository", quoted(path));
            self.notes.refuse(at, key, &why);
            return None;
        }
        let path = normalise(&self.from.folder.join(path));
        let path = relative(self.from.manifest, &path);
        let here = path == Path::new("");
        Some(if here { ".".to_owned() } else { path.to_string_lossy().into_owned() })
    }

    fn is_on(&mut self, node: &Node, key: &str) -> bool {
        self.notes.text(node, key).is_some_and(|text| text == "true")
    }

    fn no_cache(&mut self, node: &Node) {
        if self.is_on(node, "build.no_cache") {
            let why = "`occ sync --no-cache` builds so for once";
            self.notes.refuse(&node.at, "build.no_cache", why);
        }
    }

    /// `KEY: value`, or a list of `KEY=value`, in either of which the value may be missing.
    fn pairs(node: &Node) -> Vec<(&str, Option<&str>, &At)> {
        let fields = node.fields().iter().map(|(key, value)| (&*key.name, value.text(), &key.at));
        let items = node.items().iter().filter_map(|item| {
            let text = item.text()?;
            let (key, value) = text.split_once('=').map_or((text, None), |(k, v)| (k, Some(v)));
            Some((key, value, &item.at))
        });
        fields.chain(items).collect()
    }

    fn args(&mut self, node: &Node) -> Vec<(String, String)> {
        let mut args = Vec::new();
        for (name, value, at) in Self::pairs(node) {
            let key = format!("build.args.{name}");
            let Some(value) = value else {
                let what =
                    format!("{} is read from the environment, and has to be set", quoted(name));
                self.notes.add(at, &key, what);
                args.push((name.to_owned(), format!("${{env:{name}}}")));
                continue;
            };
            match argument(value) {
                Ok((text, differs)) => {
                    for one in differs {
                        let what =
                            format!("{} is its default here also where it is empty", quoted(&one));
                        self.notes.add(at, &key, what);
                    }
                    args.push((name.to_owned(), text));
                }
                Err(why) => self.notes.refuse(at, &key, &why),
            }
        }
        args
    }

    fn labels(&mut self, node: &Node) -> Vec<(String, String)> {
        let mut labels = Vec::new();
        for (name, value, at) in Self::pairs(node) {
            let key = format!("build.labels.{name}");
            match fixed(value.unwrap_or_default()) {
                Ok(found) if found.gone.is_empty() => labels.push((name.to_owned(), found.text)),
                Ok(_) => {
                    let why = "a manifest reads no variables there";
                    self.notes.refuse(at, &key, why);
                }
                Err(why) => self.notes.refuse(at, &key, &why),
            }
        }
        labels
    }

    fn secrets(&mut self, node: &Node) -> Vec<Secret> {
        let items = node.items().iter();
        items.filter_map(|item| self.secret(item)).collect()
    }

    /// `- name`, or a map with `source` and `target`.
    fn secret(&mut self, item: &Node) -> Option<Secret> {
        let field = |name: &str| item.get(name).and_then(|(_, value)| value.text());
        let source = item.text().or_else(|| field("source"))?;
        // A path is where Compose puts it, and no id.
        let target = field("target").filter(|target| !target.contains('/'));
        let id = target.unwrap_or(source).to_owned();
        let known = self.secrets.and_then(|secrets| secrets.get(source)).map(|(_, node)| node);
        let of = |name: &str| known.and_then(|node| node.get(name)).map(|(_, value)| value);
        if let Some(file) = of("file") {
            let path = self.notes.text(file, "build.secrets")?;
            let value = self.rebased(&path, &item.at, "build.secrets")?;
            return Some(Secret { id, key: "src", value });
        }
        if let Some(variable) = of("environment").and_then(Node::text) {
            return Some(Secret { id, key: "env", value: variable.to_owned() });
        }
        let what = format!("the secret {} is not taken over", quoted(source));
        let why = "a manifest has secrets from a file or a variable";
        self.notes.add(&item.at, "build.secrets", format!("{what}: {why}"));
        None
    }

    /// `default`, or a list of `ID` and `ID=PATH`.
    fn ssh(&mut self, node: &Node) -> Vec<String> {
        let one = node.text().map(|text| (text, None, &node.at));
        let mut ids = Vec::new();
        for (id, path, at) in one.into_iter().chain(Self::pairs(node)) {
            if path.is_some() {
                let what = format!("the ssh agent {} is the one at `SSH_AUTH_SOCK`", quoted(id));
                self.notes.add(at, "build.ssh", what);
            }
            ids.push(id.to_owned());
        }
        ids
    }

    fn network(&mut self, node: &Node) -> Option<String> {
        let network = self.notes.text(node, "build.network")?;
        if ["default", "none", "host"].contains(&&*network) {
            return Some(network);
        }
        let what = format!("`build.network` {} is not taken over", quoted(&network));
        let why = "a manifest has `default`, `none` and `host`";
        self.notes.add(&node.at, "build.network", format!("{what}: {why}"));
        None
    }

    /// Images; of the kinds that `BuildKit` has only the one of a registry.
    fn cache_from(&mut self, node: &Node) -> Vec<String> {
        let mut images = Vec::new();
        for item in node.items() {
            let Some(text) = self.notes.text(item, "build.cache_from") else { continue };
            let image = if text.contains('=') {
                let is_registry = text.split(',').any(|part| part == "type=registry");
                let image = text.split(',').find_map(|part| part.strip_prefix("ref="));
                image.filter(|_| is_registry).map(str::to_owned)
            } else {
                Some(text.clone())
            };
            if image.is_none() {
                let what = format!("`build.cache_from` {} is not taken over", quoted(&text));
                let why = "a manifest has images there";
                self.notes.add(&item.at, "build.cache_from", format!("{what}: {why}"));
            }
            images.extend(image);
        }
        images
    }
}
