//! From the model to [`Desired`]: defaults, and what one key alone can't tell.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::time::Duration;

use crate::manifest::model::Timeouts as WrittenTimeouts;
use crate::manifest::model::{Count, Defaults, Image, Limits as WrittenLimits, Manifest, Retry};
use crate::manifest::problems::Problems;
use crate::manifest::reader::At;
use crate::manifest::sources::Origin;
use crate::manifest::text::ImageId;
use crate::manifest::{Place, build, verify};
use crate::state::desired::{Desired, DesiredImage, Limits, PullPolicy, RetryPolicy, Strategy};
use crate::words::diagnostic::Diagnostic;
use crate::words::duration::Span;
use crate::words::duration::Timeouts;
use crate::words::failure::BuildOn;
use crate::words::reference::{DEFAULT_TAG, Reference};

/// The defaults of the keys that have one, as the schema tells them too.
mod default {
    use super::{BuildOn, Duration, Limits, RetryPolicy, Timeouts};

    pub(super) const BUILD_ON: &[BuildOn] = &[BuildOn::NotFound, BuildOn::Unavailable];

    pub(super) const RETRY: RetryPolicy = RetryPolicy {
        attempts: 3,
        backoff: Duration::from_secs(1),
        max_backoff: Duration::from_secs(30),
    };

    pub(super) const TIMEOUTS: Timeouts = Timeouts {
        connect: Some(Duration::from_secs(10)),
        response: Some(Duration::from_secs(60)),
        patience: Some(Duration::from_secs(2)),
        stall: Some(Duration::from_secs(120)),
        build: Some(Duration::from_secs(60 * 60)),
    };

    pub(super) const LIMITS: Limits = Limits { pulls: 8, builds: 1 };
}

/// Checks a manifest. What comes back is of use only if no error was found.
pub(crate) fn validate(manifest: &Manifest, place: &Place, problems: &mut Problems<'_>) -> Desired {
    let none = Defaults::default();
    let defaults = manifest.defaults.as_ref().map_or(&none, |defaults| &defaults.value);
    let retry = retry(manifest.retry.as_ref(), "retry", problems);
    let mut images = Vec::new();
    let mut names = Names::default();
    if let Some(written) = &manifest.images {
        if written.value.0.is_empty() && problems.errors() == 0 {
            let diagnostic = Diagnostic::error("the manifest has no images")
                .key("images")
                .hint("declare one: `[images.ID]` with a `name`");
            problems.push(diagnostic, written.span.clone());
        }
        for (id, image) in &written.value.0 {
            let shared = Shared { defaults, retry, place };
            images.extend(shared.image(id, &image.value, &mut names, problems));
        }
    }
    Desired {
        file: place.file.clone(),
        images,
        timeouts: timeouts(manifest.timeouts.as_ref()),
        limits: limits(manifest.limits.as_ref()),
    }
}

/// What all images have in common.
struct Shared<'a> {
    defaults: &'a Defaults,
    retry: RetryPolicy,
    place: &'a Place,
}

impl Shared<'_> {
    fn image(
        &self,
        id: &At<ImageId>,
        image: &Image,
        names: &mut Names,
        problems: &mut Problems<'_>,
    ) -> Option<DesiredImage> {
        let (defaults, key) = (self.defaults, format!("images.{}", id.value.0));
        let own_retry = image.retry.as_ref();
        let retry =
            own_retry.map_or(self.retry, |_| retry(own_retry, &format!("{key}.retry"), problems));
        let build = image
            .build
            .as_ref()
            .and_then(|build| build::check(&build.value, &id.value.0, self.place, problems));

        // What could not be read is reported already, and makes no mistakes of others:
        // a name with the wrong tag would be the wrong name.
        let tag = match &image.tag {
            Some(tag) => Some(tag.value.0.as_str()),
            None => (!image.is_broken("tag")).then_some(DEFAULT_TAG),
        };
        let name = image.name.as_ref().zip(tag).and_then(|(written, tag)| {
            let name = local_name(&written.value.written, tag, &written.span, &key, problems)?;
            names.add(&name, &format!("{key}.name"), &written.span, problems);
            Some(name)
        });
        let mut extra_tags = Vec::new();
        for (index, extra) in image.extra_tags.iter().flat_map(|list| &list.value).enumerate() {
            names.add(&extra.value.0, &format!("{key}.extra_tags[{index}]"), &extra.span, problems);
            extra_tags.push(extra.value.0.clone());
        }

        let origin = Origin { id: &id.value.0, image, tag, defaults };
        let strategy = origin.strategy();
        if strategy == Some(Strategy::Build) {
            only_built(image, &key, problems);
        }
        let sources = origin.sources(problems);
        let verify = verify::check(image, strategy, &key, self.place, problems);

        let pull_policy = image.pull_policy.as_ref().or(defaults.pull_policy.as_ref());
        let platform = image.platform.as_ref().or(defaults.platform.as_ref());
        let build_on = image.build_on.as_ref().or(defaults.build_on.as_ref());
        Some(DesiredImage {
            id: id.value.0.clone(),
            place: problems.place(id.span.start),
            name: name?,
            extra_tags,
            pin: image.digest.as_ref().map(|digest| digest.value.clone()),
            locked: None,
            sources,
            strategy: strategy?,
            pull_policy: pull_policy.map_or(PullPolicy::Missing, |policy| policy.value),
            platform: platform.and_then(|platform| platform.value.0.clone()),
            build_on: build_on.map_or_else(
                || default::BUILD_ON.to_vec(),
                |list| list.value.iter().map(|failure| failure.value).collect(),
            ),
            verify,
            retry,
            build,
        })
    }
}

/// Checks an image that is only built.
fn only_built(image: &Image, key: &str, problems: &mut Problems<'_>) {
    if image.build.is_none()
        && !image.is_broken("build")
        && let Some(strategy) = &image.strategy
    {
        let diagnostic = Diagnostic::error("nothing to build: the image has no `build` table")
            .key(format!("{key}.strategy"))
            .hint(format!("add `[{key}.build]`"));
        problems.missing(diagnostic, strategy.span.clone());
    }
    if let Some(digest) = &image.digest {
        let diagnostic = Diagnostic::error("an image that is only built can't have a `digest`")
            .key(format!("{key}.digest"))
            .hint("a build has its digest when it is done; list `registries` to pull a known one");
        problems.push(diagnostic, digest.span.clone());
    }
}

fn local_name(
    name: &str,
    tag: &str,
    span: &Range<usize>,
    key: &str,
    problems: &mut Problems<'_>,
) -> Option<Reference> {
    match format!("{name}:{tag}").parse() {
        Ok(reference) => Some(reference),
        Err(error) => {
            let diagnostic = Diagnostic::error(format!("{error}")).key(format!("{key}.name"));
            problems.push(diagnostic, span.clone());
            None
        }
    }
}

/// The local names of all images, by their canonical form: each can mean one image only.
#[derive(Debug, Default)]
struct Names(HashMap<String, (String, Range<usize>)>);

impl Names {
    fn add(
        &mut self,
        name: &Reference,
        key: &str,
        span: &Range<usize>,
        problems: &mut Problems<'_>,
    ) {
        match self.0.entry(name.canonical()) {
            Entry::Vacant(entry) => {
                entry.insert((key.to_owned(), span.clone()));
            }
            Entry::Occupied(entry) => {
                let (other, other_span) = entry.get();
                let (line, _) = problems.place(other_span.start);
                let diagnostic = if problems.is_hidden(span) {
                    Diagnostic::error("the local name is taken")
                } else {
                    Diagnostic::error(format!("the local name `{name}` is taken"))
                        .label(format!("this is `{}`", entry.key()))
                };
                let hint = format!("`{other}` in line {line} has it");
                problems.push(diagnostic.key(key).hint(hint), span.clone());
            }
        }
    }
}

fn retry(written: Option<&At<Retry>>, key: &str, problems: &mut Problems<'_>) -> RetryPolicy {
    let Some(At { value: written, .. }) = written else { return default::RETRY };
    let backoff = written.backoff.as_ref().map_or(default::RETRY.backoff, |at| at.value.0);
    let max_backoff = match &written.max_backoff {
        Some(max) if max.value.0 < backoff => {
            let message = format!("`max_backoff` is shorter than `backoff` ({})", Span(backoff));
            let diagnostic = Diagnostic::error(message).key(format!("{key}.max_backoff"));
            problems.push(diagnostic, max.span.clone());
            max.value.0
        }
        Some(max) => max.value.0,
        // Who asks for a longer first wait than the default cap means it.
        None => default::RETRY.max_backoff.max(backoff),
    };
    let attempts = written.attempts.as_ref();
    RetryPolicy {
        attempts: attempts.map_or(default::RETRY.attempts, |at| at.value.0),
        backoff,
        max_backoff,
    }
}

fn timeouts(written: Option<&At<WrittenTimeouts>>) -> Timeouts {
    let Some(At { value: written, .. }) = written else { return default::TIMEOUTS };
    let limit = |at: &Option<At<Span>>, default: Option<Duration>| {
        at.as_ref().map_or(default, |at| at.value.limit())
    };
    Timeouts {
        connect: limit(&written.connect, default::TIMEOUTS.connect),
        response: limit(&written.response, default::TIMEOUTS.response),
        patience: limit(&written.patience, default::TIMEOUTS.patience),
        stall: limit(&written.stall, default::TIMEOUTS.stall),
        build: limit(&written.build, default::TIMEOUTS.build),
    }
}

fn limits(written: Option<&At<WrittenLimits>>) -> Limits {
    let Some(At { value: written, .. }) = written else { return default::LIMITS };
    let count = |at: &Option<At<Count>>, default: usize| {
        at.as_ref().map_or(default, |at| at.value.0 as usize)
    };
    Limits {
        pulls: count(&written.pulls, default::LIMITS.pulls),
        builds: count(&written.builds, default::LIMITS.builds),
    }
}
