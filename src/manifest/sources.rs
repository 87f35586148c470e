//! Where an image may come from, and whether it is pulled or built.

use std::ops::Range;

use crate::manifest::model::{Image, Registries, Registry};
use crate::manifest::names::{Name, RegistryEntry};
use crate::manifest::problems::Problems;
use crate::manifest::reader::At;
use crate::state::desired::{Source, Strategy};
use crate::words::diagnostic::Diagnostic;
use crate::words::reference::{DOCKER_HUB, Repository};

/// The parts of an image that its sources follow from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    /// The key of its table.
    pub(crate) id: &'a str,
    /// The table.
    pub(crate) image: &'a Image,
    /// Its name.
    pub(crate) name: &'a At<Name>,
    /// Its tag, or the default.
    pub(crate) tag: &'a str,
    /// The registries of `[defaults]`, unless they are empty.
    pub(crate) defaults: Option<&'a [At<Registry>]>,
}

/// What the registries of an image come to.
enum Lists<'a> {
    /// Its own list, which may be empty.
    Own(&'a At<Registries>),
    /// The registry host in its name.
    Name,
    /// Those of `[defaults]`.
    Defaults(&'a [At<Registry>]),
    /// None apply.
    None,
}

impl<'a> Origin<'a> {
    /// The image's own `registries` win; else a registry host in its name is the only
    /// source, which defaults never redirect; else those of `[defaults]` apply.
    fn lists(&self) -> Lists<'a> {
        match (&self.image.registries, self.defaults) {
            (Some(own), _) => Lists::Own(own),
            _ if self.name.value.has_host() => Lists::Name,
            (_, Some(defaults)) => Lists::Defaults(defaults),
            _ => Lists::None,
        }
    }

    /// Whether to pull or to build.
    pub(crate) fn strategy(&self) -> Strategy {
        let has_build = self.image.build.is_some();
        let has_registries = match self.lists() {
            Lists::Own(own) => !own.value.0.is_empty(),
            Lists::Name | Lists::Defaults(_) => true,
            Lists::None => false,
        };
        match self.image.strategy.as_ref().map(|strategy| strategy.value) {
            None | Some(Strategy::PullThenBuild) if !has_build => Strategy::Pull,
            None if has_registries => Strategy::PullThenBuild,
            None => Strategy::Build,
            Some(strategy) => strategy,
        }
    }

    /// The sources in order of preference.
    ///
    /// A name without a host for which no registries apply is Docker Hub's. An image that
    /// is only built has sources too, since the command line may ask to pull it after all;
    /// but only a mistake in its own list is its mistake.
    pub(crate) fn sources(&self, problems: &mut Problems<'_>) -> Vec<Source> {
        let is_pulled = self.strategy() != Strategy::Build;
        let mut sources = Sources { problems, found: Vec::new(), is_silent: false };
        let at_name = (&self.name.span, format!("images.{}.name", self.id));
        let path = self.name.value.path();
        match self.lists() {
            Lists::Own(own) if own.value.0.is_empty() => {
                if is_pulled {
                    let message = "nothing to pull from: `registries` is empty";
                    let diagnostic = Diagnostic::error(message)
                        .key(format!("images.{}.registries", self.id))
                        .hint("list a registry, or leave the key out");
                    sources.problems.push(diagnostic, own.span.clone());
                }
            }
            Lists::Own(own) => {
                for (index, entry) in own.value.0.iter().enumerate() {
                    let key = format!("images.{}.registries[{index}]", self.id);
                    self.add(&mut sources, &entry.value, &(&entry.span, key));
                }
            }
            Lists::Name => {
                sources.is_silent = !is_pulled;
                sources.add(&self.name.value.repository.registry, path, self.tag, &at_name);
            }
            Lists::Defaults(entries) => {
                sources.is_silent = !is_pulled;
                for entry in entries {
                    self.add(&mut sources, &entry.value, &at_name);
                }
            }
            Lists::None if is_pulled => sources.add(DOCKER_HUB, path, self.tag, &at_name),
            Lists::None => {}
        }
        sources.found
    }

    fn add(&self, sources: &mut Sources<'_, '_>, entry: &Registry, at: &(&Range<usize>, String)) {
        match entry {
            Registry::Entry(RegistryEntry { host, prefix }) => {
                let path = self.name.value.path();
                let path =
                    if prefix.is_empty() { path.to_owned() } else { format!("{prefix}/{path}") };
                sources.add(host, &path, self.tag, at);
            }
            Registry::Table(table) => {
                // A key that could not be read is reported already.
                if let (Some(registry), Some(repository)) = (&table.registry, &table.repository) {
                    let tag = table.tag.as_ref().map_or("{tag}", |tag| &tag.value.0);
                    let tag = tag.replace("{tag}", self.tag);
                    sources.add(&registry.value.0, &repository.value.0, &tag, at);
                }
            }
        }
    }
}

struct Sources<'p, 't> {
    problems: &'p mut Problems<'t>,
    found: Vec<Source>,
    /// Whether to pass over what can't be a source.
    is_silent: bool,
}

impl Sources<'_, '_> {
    fn add(&mut self, registry: &str, path: &str, tag: &str, at: &(&Range<usize>, String)) {
        let diagnostic = match source(registry, path, tag) {
            Ok(source) if self.found.contains(&source) => {
                Diagnostic::warning(format!("the source `{}` is listed twice", source.reference))
            }
            Ok(source) => return self.found.push(source),
            Err(message) => Diagnostic::error(message),
        };
        if self.is_silent {
            return;
        }
        self.problems.push(diagnostic.key(at.1.as_str()), at.0.clone());
    }
}

fn source(registry: &str, path: &str, tag: &str) -> Result<Source, String> {
    let repository = Repository::new(registry, path).map_err(|error| error.to_string())?;
    if registry == DOCKER_HUB && repository.path.split('/').count() > 2 {
        return Err(format!(
            "`{DOCKER_HUB}/{path}` can't exist: repositories there have at most two components"
        ));
    }
    let reference = repository.with_tag(tag).map_err(|error| error.to_string())?;
    Ok(Source { reference })
}
