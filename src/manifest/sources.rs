//! Where an image may come from, and whether it is pulled or built.

use std::ops::Range;

use crate::manifest::model::{Defaults, Image, Registries, Registry};
use crate::manifest::names::{Name, RegistryEntry};
use crate::manifest::problems::Problems;
use crate::manifest::reader::At;
use crate::state::desired::{Source, Strategy};
use crate::words::diagnostic::Diagnostic;
use crate::words::reference::{DOCKER_HUB, Repository};

/// The parts of an image that its sources follow from.
///
/// Some of them may be unknown after a mistake. What follows from the others is checked
/// all the same, so that one run tells everything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    /// The key of its table.
    pub(crate) id: &'a str,
    /// The table.
    pub(crate) image: &'a Image,
    /// Its tag, or the default. `None` where the tag could not be read.
    pub(crate) tag: Option<&'a str>,
    /// What it does not say itself.
    pub(crate) defaults: &'a Defaults,
}

/// What the registries of an image come to.
enum Lists<'a> {
    /// Its own list, which may be empty.
    Own(&'a At<Registries>),
    /// The registry host in its name.
    Name(&'a At<Name>),
    /// Those of `[defaults]`, for its name.
    Defaults(&'a At<Name>, &'a [At<Registry>]),
    /// None apply to its name.
    None(&'a At<Name>),
}

impl Lists<'_> {
    fn are_empty(&self) -> bool {
        match self {
            Self::Own(own) => own.value.0.is_empty(),
            Self::Name(_) | Self::Defaults(..) => false,
            Self::None(_) => true,
        }
    }
}

impl<'a> Origin<'a> {
    /// The image's own `registries` win; else a registry host in its name is the only
    /// source, which defaults never redirect; else those of `[defaults]` apply. `None`
    /// where that follows from something that could not be read.
    fn lists(&self) -> Option<Lists<'a>> {
        if self.image.is_broken("registries") {
            return None;
        }
        if let Some(own) = &self.image.registries {
            return Some(Lists::Own(own));
        }
        let name = self.image.name.as_ref()?;
        if name.value.has_host() {
            return Some(Lists::Name(name));
        }
        if self.defaults.broken.contains(&"registries") {
            return None;
        }
        // An empty list in `[defaults]` is as good as none.
        let defaults = self.defaults.registries.as_ref().map(|list| list.value.0.as_slice());
        Some(match defaults {
            None | Some([]) => Lists::None(name),
            Some(entries) => Lists::Defaults(name, entries),
        })
    }

    /// Whether to pull or to build. `None` where that follows from something that could
    /// not be read.
    pub(crate) fn strategy(&self) -> Option<Strategy> {
        let (image, has_build) = (self.image, self.image.build.is_some());
        let is_build_known = has_build || !image.is_broken("build");
        match image.strategy.as_ref().map(|strategy| strategy.value) {
            None if image.is_broken("strategy") => None,
            None | Some(Strategy::PullThenBuild) if is_build_known && !has_build => {
                Some(Strategy::Pull)
            }
            None if self.lists()?.are_empty() => is_build_known.then_some(Strategy::Build),
            None => Some(Strategy::PullThenBuild),
            strategy => strategy,
        }
    }

    /// The sources in order of preference, as far as they are known.
    ///
    /// A name without a host for which no registries apply is Docker Hub's. An image that
    /// is only built has sources too, since the command line may ask to pull it after all;
    /// but only a mistake in its own list is its mistake.
    pub(crate) fn sources(&self, problems: &mut Problems<'_>) -> Vec<Source> {
        let Some(lists) = self.lists() else { return Vec::new() };
        let is_pulled = self.strategy().is_some_and(|strategy| strategy != Strategy::Build);
        let mut sources = Sources { problems, found: Vec::new(), is_silent: !is_pulled };
        let at = |name: &'a At<Name>| (&name.span, format!("images.{}.name", self.id));
        match lists {
            Lists::Own(own) => {
                sources.is_silent = false;
                if is_pulled && own.value.0.is_empty() {
                    let message = "nothing to pull from: `registries` is empty";
                    let diagnostic = Diagnostic::error(message)
                        .key(format!("images.{}.registries", self.id))
                        .hint("list a registry, leave the key out, or add a `build` table");
                    sources.problems.push(diagnostic, own.span.clone());
                }
                for (index, entry) in own.value.0.iter().enumerate() {
                    let key = format!("images.{}.registries[{index}]", self.id);
                    self.add(&mut sources, &entry.value, &(&entry.span, key));
                }
            }
            Lists::Name(name) => {
                let registry = &name.value.repository.registry;
                sources.add(registry, name.value.path(), self.tag, &at(name));
            }
            Lists::Defaults(name, entries) => {
                for entry in entries {
                    self.add(&mut sources, &entry.value, &at(name));
                }
            }
            Lists::None(name) if is_pulled => {
                sources.add(DOCKER_HUB, name.value.path(), self.tag, &at(name));
            }
            Lists::None(_) => {}
        }
        sources.found
    }

    fn add(&self, sources: &mut Sources<'_, '_>, entry: &Registry, at: &(&Range<usize>, String)) {
        // A key that could not be read is reported already.
        match entry {
            Registry::Entry(RegistryEntry { host, prefix }) => {
                let Some(name) = &self.image.name else { return };
                let path = name.value.path();
                let path =
                    if prefix.is_empty() { path.to_owned() } else { format!("{prefix}/{path}") };
                sources.add(host, &path, self.tag, at);
            }
            Registry::Table(table) => {
                if let (Some(registry), Some(repository)) = (&table.registry, &table.repository) {
                    let tag = table.tag.as_ref().map_or("{tag}", |tag| &tag.value.0);
                    let tag = self.tag.map(|own| tag.replace("{tag}", own));
                    sources.add(&registry.value.0, &repository.value.0, tag.as_deref(), at);
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
    /// One more. Without a tag it can only be checked.
    fn add(&mut self, registry: &str, path: &str, tag: Option<&str>, at: &(&Range<usize>, String)) {
        let diagnostic = match source(registry, path, tag) {
            Ok(None) => return,
            Ok(Some(source)) if !self.found.contains(&source) => return self.found.push(source),
            Ok(Some(_)) if self.problems.is_hidden(at.0) => {
                Diagnostic::warning("the source is listed twice")
            }
            Err(_) if self.problems.is_hidden(at.0) => {
                Diagnostic::error("there can be no such source")
            }
            Ok(Some(source)) => {
                Diagnostic::warning(format!("the source `{}` is listed twice", source.reference))
            }
            Err(message) => Diagnostic::error(message),
        };
        if !self.is_silent {
            self.problems.push(diagnostic.key(at.1.as_str()), at.0.clone());
        }
    }
}

fn source(registry: &str, path: &str, tag: Option<&str>) -> Result<Option<Source>, String> {
    let repository = Repository::new(registry, path).map_err(|error| error.to_string())?;
    if registry == DOCKER_HUB && repository.path.split('/').count() > 2 {
        return Err(format!(
            "`{DOCKER_HUB}/{path}` can't exist: repositories there have at most two components"
        ));
    }
    let Some(tag) = tag else { return Ok(None) };
    let reference = repository.with_tag(tag).map_err(|error| error.to_string())?;
    Ok(Some(Source { reference }))
}
