//! The `build` table: from the model to [`DesiredBuild`].

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::ignore::{self, Patterns};
use crate::manifest::Place;
use crate::manifest::interpolate::Template as Interpolated;
use crate::manifest::model::{Build, Secret};
use crate::manifest::paths;
use crate::manifest::problems::Problems;
use crate::manifest::reader::At;
use crate::manifest::secrets::looks_secret;
use crate::manifest::text::PathText;
use crate::state::args::Reading;
use crate::state::desired::{BuildOrigin, BuildSecret, Builder, DesiredBuild, SecretFrom};
use crate::words::diagnostic::Diagnostic;
use crate::words::grant::{Ask, Grant};
use crate::words::network::Network;

/// The prefix of the labels that occ itself writes.
const OWN_LABELS: &str = "dev.occ.";

/// Checks a `build` table. `None` when what it builds from could not be worked out.
pub(crate) fn check(
    build: &Build,
    id: &str,
    place: &Place,
    problems: &mut Problems<'_>,
) -> Option<DesiredBuild> {
    let mut table = Table {
        build,
        key: format!("images.{id}.build"),
        readings: Vec::new(),
        asks: Vec::new(),
        problems,
    };
    let args = table.args();
    table.network();
    let labels = table.labels();
    let secrets = table.secrets(place);
    let ssh = table.ssh();
    let builder = table.builder();
    let inputs = table.inputs();
    let origin = table.origin(place);
    let Table { readings, asks, .. } = table;
    Some(DesiredBuild {
        origin: origin?,
        inputs,
        target: build.target.as_ref().map(|target| target.value.0.clone()),
        args,
        from_environment: readings.iter().map(|reading| reading.arg.clone()).collect(),
        readings,
        asks,
        labels,
        network: build.network.as_ref().map_or(Network::Default, |network| network.value),
        cache_from: build
            .cache_from
            .iter()
            .flat_map(|list| &list.value)
            .map(|at| at.value.clone())
            .collect(),
        pull: build.pull.as_ref().is_some_and(|pull| pull.value),
        builder,
        secrets,
        ssh,
    })
}

struct Table<'a, 'p, 't> {
    build: &'a Build,
    key: String,
    readings: Vec<Reading>,
    asks: Vec<Ask>,
    problems: &'p mut Problems<'t>,
}

impl Table<'_, '_, '_> {
    fn origin(&mut self, place: &Place) -> Option<BuildOrigin> {
        let build = self.build;
        // A template whose name is wrong is a template still.
        if build.template.is_some() || self.is_broken("template") {
            self.excluded_by_template();
            return build.template.as_ref().map(|at| BuildOrigin::Template(at.value));
        }
        let root = paths::normalise(&place.root);
        let dir = match &build.context {
            Some(context) => self.inside("context", context, &place.root, Some(&place.dir)),
            None if self.is_broken("context") => None,
            None => Some(paths::normalise(&place.dir)),
        };
        let dockerfile = match &build.dockerfile {
            Some(written) => self.dockerfile(written, &place.root, dir.as_deref())?,
            None if self.is_broken("dockerfile") => return None,
            None => PathBuf::from("Dockerfile"),
        };
        Some(BuildOrigin::Context { dir: dir?, dockerfile, root })
    }

    fn is_broken(&self, key: &str) -> bool {
        self.build.broken.contains(&key)
    }

    fn excluded_by_template(&mut self) {
        let build = self.build;
        let others = [
            ("context", build.context.as_ref().map(|at| &at.span)),
            ("dockerfile", build.dockerfile.as_ref().map(|at| &at.span)),
            ("inputs", build.inputs.as_ref().map(|at| &at.span)),
        ];
        for (name, span) in others {
            if let Some(span) = span {
                let message = format!("`template` excludes `{name}`");
                let hint = "a template is a Dockerfile inside occ, with no context";
                self.error(&message, name, span, hint);
            }
        }
    }

    /// The Dockerfile, relative to the context `dir`. Where that is not known, only what
    /// is wrong in any context is reported.
    fn dockerfile(
        &mut self,
        written: &At<PathText>,
        root: &Path,
        dir: Option<&Path>,
    ) -> Option<PathBuf> {
        let file = self.inside("dockerfile", written, root, dir)?;
        let dockerfile = dir.map_or_else(|| file.clone(), |dir| paths::relative(dir, &file));
        if dockerfile.file_name().is_none() {
            let message = "`dockerfile` names a directory";
            self.error(message, "dockerfile", &written.span, "name the file in it");
            return None;
        }
        Some(dockerfile)
    }

    /// An absolute path inside the root, or a report. Without a base a relative path
    /// may lead anywhere: it comes back as it is.
    fn inside(
        &mut self,
        key: &str,
        path: &At<PathText>,
        root: &Path,
        base: Option<&Path>,
    ) -> Option<PathBuf> {
        let written = &path.value.0;
        let name = key.rsplit('.').next().unwrap_or(key);
        if written.contains("://") {
            let message = format!("`{name}` is a path, not an address");
            let hint = match name {
                "src" => "name a file in the repository",
                _ => "clone the repository and name the directory",
            };
            self.error(&message, key, &path.span, hint);
            return None;
        }
        if written.contains("${") {
            let message = format!("`{name}` is not interpolated");
            self.error(&message, key, &path.span, "only the values of `args` are");
            return None;
        }
        let is_absolute = Path::new(written).is_absolute();
        let Some(base) = base.or_else(|| is_absolute.then_some(root)) else {
            return Some(PathBuf::from(written));
        };
        let found = paths::inside(root, base, written);
        if found.is_none() {
            let message = format!("`{name}` leads out of the repository");
            let hint = format!("it must lie inside `{}`", root.display());
            self.error(&message, key, &path.span, &hint);
        }
        found
    }

    /// The arguments that read nothing. Those that read the environment are put aside.
    fn args(&mut self) -> BTreeMap<String, String> {
        let mut args = BTreeMap::new();
        for (name, value) in self.build.args.iter().flat_map(|args| &args.value.0) {
            let key = format!("args.{}", name.value.0);
            if looks_secret(&name.value.0) {
                let message = format!("the build argument `{}` looks like a secret", name.value.0);
                let diagnostic = Diagnostic::warning(message)
                    .key(format!("{}.{key}", self.key))
                    .hint("build arguments stay readable in the image's history");
                self.problems.push(diagnostic, name.span.clone());
            }
            match Interpolated::parse(&value.value) {
                Ok(template) => match template.plain() {
                    Some(text) => drop(args.insert(name.value.0.clone(), text.to_owned())),
                    None => self.reading(&name.value.0, template, &key, &value.span),
                },
                Err(error) => {
                    let message = if self.problems.is_hidden(&value.span) {
                        error.unquoted().to_owned()
                    } else {
                        error.to_string()
                    };
                    self.error(
                        &message,
                        &key,
                        &value.span,
                        "for a variable write `${env:NAME}`, for a plain `${` write `$${`",
                    );
                }
            }
        }
        args
    }

    fn reading(&mut self, arg: &str, template: Interpolated, key: &str, span: &Range<usize>) {
        let at = self.located("", key, span);
        let reading = Reading { arg: arg.to_owned(), parts: template.parts, at };
        for variable in reading.variables() {
            let grant = Grant::Env(variable.to_owned());
            self.asks.push(Ask { grant, at: reading.at.clone() });
        }
        self.readings.push(reading);
    }

    fn network(&mut self) {
        if let Some(network) = self.build.network.as_ref().filter(|n| n.value == Network::Host) {
            self.ask(Grant::HostNetwork, "network", &network.span);
        }
    }

    fn labels(&mut self) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::new();
        for (name, value) in self.build.labels.iter().flat_map(|labels| &labels.value.0) {
            let key = format!("labels.\"{}\"", name.value.0);
            if name.value.0.starts_with(OWN_LABELS) {
                let message = format!("labels that start with `{OWN_LABELS}` are occ's own");
                self.error(&message, &key, &name.span, "choose another name");
            }
            if value.value.contains("${env:") {
                let diagnostic = Diagnostic::warning("labels are not interpolated")
                    .key(format!("{}.{key}", self.key))
                    .hint("only the values of `args` are; the label will hold the text as it is");
                self.problems.push(diagnostic, value.span.clone());
            }
            labels.insert(name.value.0.clone(), value.value.clone());
        }
        labels
    }

    /// The patterns of `inputs`, which mean what they mean in an ignore file.
    fn inputs(&mut self) -> Option<Patterns> {
        let inputs = self.build.inputs.as_ref()?;
        let read = inputs.value.iter().enumerate().filter_map(|(at, pattern)| {
            let text = &pattern.value.0;
            let why = match ignore::line(at + 1, text.as_bytes()) {
                Some(Ok(read)) if !text.contains('\n') => return Some(read),
                Some(Ok(_)) => "it has two lines",
                Some(Err(malformed)) => malformed.why,
                None => "there is nothing in it",
            };
            let message = format!("the pattern is malformed: {why}");
            self.error(&message, "inputs", &pattern.span, "it has the syntax of `.dockerignore`");
            None
        });
        Some(read.collect())
    }

    fn secrets(&mut self, place: &Place) -> Vec<BuildSecret> {
        let mut seen = BTreeSet::new();
        let mut secrets = Vec::new();
        let list = self.build.secrets.iter().flat_map(|secrets| &secrets.value);
        for (index, secret) in list.enumerate() {
            let (id, span) = (secret.value.id(), &secret.span);
            if !seen.insert(id) {
                self.same_id("two secrets", "secrets", id, span);
            }
            let from = match &secret.value {
                Secret::Env { env, .. } => {
                    let key = format!("secrets[{index}].env");
                    self.ask(Grant::SecretEnv(env.value.0.clone()), &key, &env.span);
                    Some(SecretFrom::Env(env.value.0.clone()))
                }
                Secret::File { src, .. } => {
                    self.secret_file(src, &format!("secrets[{index}].src"), place)
                }
            };
            secrets.extend(from.map(|from| BuildSecret { id: id.to_owned(), from }));
        }
        secrets
    }

    fn secret_file(&mut self, src: &At<PathText>, key: &str, place: &Place) -> Option<SecretFrom> {
        let path = self.inside(key, src, &place.root, Some(&place.dir))?;
        // By the way from the manifest: that is what stands in it, and what consent is to.
        let relative = paths::relative(&paths::normalise(&place.dir), &path);
        if relative.file_name().is_none() {
            self.error("`src` names a directory", key, &src.span, "name the file in it");
            return None;
        }
        let shown = relative.to_string_lossy().into_owned();
        self.ask(Grant::SecretFile(shown), key, &src.span);
        Some(SecretFrom::File { path, root: paths::normalise(&place.root) })
    }

    fn ssh(&mut self) -> Vec<String> {
        let Some(ssh) = &self.build.ssh else { return Vec::new() };
        let mut seen = BTreeSet::new();
        for id in &ssh.value {
            if !seen.insert(&id.value.0) {
                self.same_id("two ssh agents", "ssh", &id.value.0, &id.span);
            }
        }
        if !ssh.value.is_empty() {
            self.ask(Grant::Ssh, "ssh", &ssh.span);
        }
        ssh.value.iter().map(|id| id.value.0.clone()).collect()
    }

    fn same_id(&mut self, who: &str, key: &str, id: &str, span: &Range<usize>) {
        let message = if self.problems.is_hidden(span) {
            format!("{who} have the same id")
        } else {
            format!("{who} have the id `{id}`")
        };
        self.error(&message, key, span, "choose another id");
    }

    fn builder(&mut self) -> Builder {
        let build = self.build;
        let Some(builder) = &build.builder else { return Builder::Auto };
        let has = [
            ("secrets", build.secrets.as_ref().is_some_and(|list| !list.value.is_empty())),
            ("ssh", build.ssh.as_ref().is_some_and(|list| !list.value.is_empty())),
        ];
        for (name, _) in has.iter().filter(|(_, has)| *has && builder.value == Builder::Classic) {
            let message = format!("the classic builder can't serve `{name}`");
            let hint = "leave `builder` out, or write `builder = \"buildkit\"`";
            self.error(&message, "builder", &builder.span, hint);
        }
        builder.value
    }

    fn ask(&mut self, grant: Grant, key: &str, span: &Range<usize>) {
        let at = self.located("", key, span);
        self.asks.push(Ask { grant, at });
    }

    fn error(&mut self, message: &str, key: &str, span: &Range<usize>, hint: &str) {
        let diagnostic = Diagnostic::error(message).key(format!("{}.{key}", self.key)).hint(hint);
        self.problems.push(diagnostic, span.clone());
    }

    /// An error at its place that is not one of the manifest's mistakes.
    fn located(&self, message: &str, key: &str, span: &Range<usize>) -> Diagnostic {
        let diagnostic = Diagnostic::error(message).key(format!("{}.{key}", self.key));
        self.problems.locate(diagnostic, span.clone())
    }
}
