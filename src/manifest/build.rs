//! The `build` table: from the model to [`DesiredBuild`].

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use crate::manifest::Place;
use crate::manifest::interpolate::Template as Interpolated;
use crate::manifest::model::{Build, Builder};
use crate::manifest::paths;
use crate::manifest::problems::Problems;
use crate::manifest::reader::{At, looks_secret};
use crate::manifest::text::PathText;
use crate::state::desired::{BuildOrigin, DesiredBuild};
use crate::words::diagnostic::Diagnostic;
use crate::words::network::Network;

/// The prefix of the labels that occ itself writes.
const OWN_LABELS: &str = "dev.occ.";

/// Checks a `build` table. `None` when what it builds from could not be worked out.
///
/// `unsupported` gets a diagnostic for each key that asks for something this version
/// can't do; the image then can't be planned, but the manifest is good.
pub(crate) fn check(
    build: &Build,
    id: &str,
    place: &Place,
    problems: &mut Problems<'_>,
    unsupported: &mut Vec<Diagnostic>,
) -> Option<DesiredBuild> {
    let mut table = Table { build, key: format!("images.{id}.build"), problems, unsupported };
    let args = table.args();
    let labels = table.labels();
    table.secrets();
    table.not_supported_yet();
    let origin = table.origin(place);
    unsupported.sort_by_key(|diagnostic| (diagnostic.line, diagnostic.column));
    Some(DesiredBuild {
        origin: origin?,
        target: build.target.as_ref().map(|target| target.value.0.clone()),
        args,
        labels,
        network: build.network.as_ref().map_or(Network::Default, |network| network.value),
    })
}

struct Table<'a, 'p, 't> {
    build: &'a Build,
    key: String,
    problems: &'p mut Problems<'t>,
    unsupported: &'p mut Vec<Diagnostic>,
}

impl Table<'_, '_, '_> {
    fn origin(&mut self, place: &Place) -> Option<BuildOrigin> {
        let build = self.build;
        if let Some(template) = &build.template {
            let others = [
                ("context", build.context.as_ref().map(|at| &at.span)),
                ("dockerfile", build.dockerfile.as_ref().map(|at| &at.span)),
                ("inputs", build.inputs.as_ref().map(|at| &at.span)),
            ];
            for (name, span) in others {
                if let Some(span) = span {
                    let message = format!("`template` excludes `{name}`");
                    self.error(
                        &message,
                        name,
                        span,
                        "a template is a Dockerfile inside occ, with no context",
                    );
                }
            }
            return Some(BuildOrigin::Template(template.value));
        }
        if ["template", "context", "dockerfile"].iter().any(|key| build.broken.contains(key)) {
            return None;
        }
        let dir = match &build.context {
            Some(context) => self.inside("context", context, &place.root, &place.dir)?,
            None => paths::normalise(&place.dir),
        };
        let default = PathText("Dockerfile".to_owned());
        let file = match &build.dockerfile {
            Some(dockerfile) => self.inside("dockerfile", dockerfile, &place.root, &dir)?,
            None => dir.join(&default.0),
        };
        let dockerfile = paths::relative(&dir, &file);
        if dockerfile.file_name().is_none() {
            let span = build.dockerfile.as_ref().map_or(0..0, |at| at.span.clone());
            self.error(
                "`dockerfile` names a directory",
                "dockerfile",
                &span,
                "name the file in it",
            );
            return None;
        }
        if let Some(written) = build.dockerfile.as_ref().filter(|_| dockerfile.starts_with("..")) {
            // The archive holds the context alone: a file of the same name in it would
            // be built instead.
            self.unsupported("a Dockerfile outside of its context", "dockerfile", &written.span);
        }
        Some(BuildOrigin::Context { dir, dockerfile, root: paths::normalise(&place.root) })
    }

    /// An absolute path inside the root, or a report.
    fn inside(
        &mut self,
        name: &str,
        path: &At<PathText>,
        root: &Path,
        base: &Path,
    ) -> Option<std::path::PathBuf> {
        let written = &path.value.0;
        if written.contains("://") {
            let message = format!("`{name}` is a path, not an address");
            self.error(&message, name, &path.span, "clone the repository and name the directory");
            return None;
        }
        if written.contains("${") {
            let message = format!("`{name}` is not interpolated");
            self.error(&message, name, &path.span, "only the values of `args` are");
            return None;
        }
        let found = paths::inside(root, base, written);
        if found.is_none() {
            let message = format!("`{name}` leads out of the repository");
            let hint = format!("it must lie inside `{}`", root.display());
            self.error(&message, name, &path.span, &hint);
        }
        found
    }

    fn args(&mut self) -> BTreeMap<String, String> {
        let mut args = BTreeMap::new();
        for (name, value) in self.build.args.iter().flat_map(|args| &args.value.0) {
            let key = format!("args.{}", name.value.0);
            if looks_secret(&name.value.0) {
                let message = format!("the build argument `{}` looks like a secret", name.value.0);
                let diagnostic = Diagnostic::warning(message)
                    .key(format!("{}.{key}", self.key))
                    .hint("build arguments stay readable in the image's history");
                self.problems.push_hidden(diagnostic, name.span.clone());
            }
            let text = match Interpolated::parse(&value.value) {
                Ok(template) => {
                    let plain = template.plain().map(str::to_owned);
                    if plain.is_none() {
                        self.unsupported("`${env:…}`", &key, &value.span);
                    }
                    plain.unwrap_or_else(|| value.value.clone())
                }
                Err(error) => {
                    let hint = "for a plain `${` write `$${`";
                    self.error(&error.to_string(), &key, &value.span, hint);
                    continue;
                }
            };
            args.insert(name.value.0.clone(), text);
        }
        args
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

    fn secrets(&mut self) {
        let mut seen = std::collections::BTreeSet::new();
        for secret in self.build.secrets.iter().flat_map(|secrets| &secrets.value) {
            if !seen.insert(secret.value.id()) {
                let message = format!("two secrets have the id `{}`", secret.value.id());
                self.error(&message, "secrets", &secret.span, "choose another id");
            }
        }
    }

    fn not_supported_yet(&mut self) {
        let build = self.build;
        let keys = [
            ("inputs", build.inputs.as_ref().map(|at| &at.span)),
            ("secrets", build.secrets.as_ref().map(|at| &at.span)),
            ("ssh", build.ssh.as_ref().map(|at| &at.span)),
            ("cache_from", build.cache_from.as_ref().map(|at| &at.span)),
        ];
        for (name, span) in keys {
            if let Some(span) = span {
                self.unsupported(&format!("`{name}`"), name, span);
            }
        }
        if let Some(pull) = build.pull.as_ref().filter(|pull| pull.value) {
            self.unsupported("`pull = true`", "pull", &pull.span);
        }
        if let Some(builder) = build.builder.as_ref().filter(|b| b.value == Builder::Buildkit) {
            self.unsupported("`builder = \"buildkit\"`", "builder", &builder.span);
        }
        if let Some(network) = build.network.as_ref().filter(|n| n.value == Network::Host) {
            self.unsupported("`network = \"host\"`", "network", &network.span);
        }
    }

    fn error(&mut self, message: &str, key: &str, span: &Range<usize>, hint: &str) {
        let diagnostic = Diagnostic::error(message).key(format!("{}.{key}", self.key)).hint(hint);
        self.problems.push(diagnostic, span.clone());
    }

    fn unsupported(&mut self, what: &str, key: &str, span: &Range<usize>) {
        let diagnostic = Diagnostic::error(format!("{what} is not supported yet"))
            .key(format!("{}.{key}", self.key));
        self.unsupported.push(self.problems.locate(diagnostic, span.clone()));
    }
}
