//! The text of a plan: what, from where, and why, and which registries hear of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::fit::{clean, pad, safe, width};
use super::fold::fold;
use super::look::{Look, Tone};
use crate::plan::step::{BuildStep, Cause, ImagePlan, Plan, PullStep, Step};
use crate::state::desired::{BuildOrigin, Source, Template};
use crate::words::reference::Reference;
use crate::words::text::list;

/// The plan as text: a line an image, the counts, and every registry that may be
/// contacted. Ends with a line feed.
///
/// ```text
/// tool      build  acme/tool:latest from `docker/Dockerfile`: not in the engine
/// postgres  pull   postgres:17 from docker.io: not in the engine
/// redis     ok     redis:7 is in sync
/// plan: 1 to pull, 1 to build, 1 unchanged
/// registries that may be contacted: docker.io, quay.io
/// ```
pub(crate) fn plan(plan: &Plan, look: Look) -> String {
    let columns = id_columns(plan.images.iter().map(|image| image.id.as_str()), look);
    let mut out = String::new();
    for image in &plan.images {
        let (tone, word) = action(image);
        let id = look.paint(Tone::Strong, &pad(&clean(&image.id), columns));
        let word_columns = if look.is_narrow() { 0 } else { 5 };
        let word = look.paint(tone, &pad(word, word_columns));
        let _ = writeln!(out, "{id}  {word}  {}", safe(&sentence(image)));
        for warning in &image.warnings {
            let label = look.paint(Tone::Warn, "warning:");
            let _ = writeln!(out, "  {label} {}", clean(warning));
        }
    }
    let _ = writeln!(out, "plan: {}", counts(plan));
    let open = plan.images.iter().filter(|image| !image.to_lock.is_empty());
    let open: Vec<&str> = open.map(|image| image.id.as_str()).collect();
    if !open.is_empty() {
        let _ = writeln!(out, "not locked yet: {}", safe(&open.join(", ")));
    }
    if let Some(contacts) = contacts(plan) {
        let _ = writeln!(out, "registries that may be contacted: {}", safe(&contacts));
    }
    fold(&out, look)
}

/// How wide the column of ids is: as the longest, within reason, and on a narrow
/// terminal no column at all.
pub(super) fn id_columns<'a>(ids: impl Iterator<Item = &'a str>, look: Look) -> usize {
    if look.is_narrow() { 0 } else { ids.map(width).max().unwrap_or(0).min(24) }
}

pub(super) fn action(image: &ImagePlan) -> (Tone, &'static str) {
    match image.steps.first() {
        None if image.blocked.is_some() => (Tone::Bad, "fails"),
        None => (Tone::Dim, "ok"),
        Some(Step::Pull(_)) => (Tone::Good, "pull"),
        Some(Step::Build(_)) => (Tone::Good, "build"),
        Some(Step::Adopt { .. } | Step::Tag { .. }) => (Tone::Good, "tag"),
    }
}

/// What happens to one image, from where, and why.
pub(super) fn sentence(image: &ImagePlan) -> String {
    let name = &image.name;
    let mut text = name.to_string();
    if let Some(blocked) = &image.blocked {
        return format!("{text}: {}, and {blocked}", image.cause);
    }
    if image.is_unchanged() {
        return match &image.cause {
            Cause::InSync => format!("{text} is in sync"),
            cause => format!("{text}: {cause}"),
        };
    }
    if let Some(platform) = &image.platform {
        let _ = write!(text, " for {platform}");
    }
    let mut names = Vec::new();
    for step in &image.steps {
        match step {
            Step::Pull(pull) => text.push_str(&pulled(pull, name, image.signed_by())),
            Step::Build(build) => {
                let _ = write!(text, " from {}", built(build));
            }
            Step::Adopt { digest, .. } => {
                let _ = write!(text, " on {}, which the engine has", digest.short());
                text.push_str(&signed(image.signed_by()));
            }
            Step::Tag { target } => names.push(format!("`{target}`")),
        }
    }
    if !names.is_empty() {
        let _ = write!(text, ", also as {}", list(&names, "and"));
    }
    format!("{text}: {}", image.cause)
}

/// ` at sha256:1f… from ghcr.io, then docker.io, else build it from …`.
fn pulled(pull: &PullStep, name: &Reference, key: Option<&str>) -> String {
    let mut text = String::new();
    if let Some(digest) = &pull.digest {
        let _ = write!(text, " at {}", digest.short());
    }
    for (at, source) in pull.sources.iter().enumerate() {
        let word = if at == 0 { " from" } else { ", then" };
        let _ = write!(text, "{word} {}", from(source, name));
    }
    text.push_str(&signed(key));
    if let Some((_, build)) = &pull.then_build {
        let _ = write!(text, ", else build it from {}", built(build));
    }
    text
}

/// ``, signed by `cosign.pub` ``, where it has to be.
fn signed(key: Option<&str>) -> String {
    key.map_or(String::new(), |key| format!(", signed by `{key}`"))
}

/// A source in as few words as are clear: its host, where it has the image under
/// the name that the image has anyway.
fn from(source: &Source, name: &Reference) -> String {
    let there = &source.reference;
    let same = there.repository.path == name.repository.path
        && there.tag_or_default() == name.tag_or_default();
    if same { there.repository.registry.clone() } else { there.to_string() }
}

fn built(step: &BuildStep) -> String {
    let origin = match &step.build.origin {
        BuildOrigin::Template(Template::Opencode) => "the template `opencode`".to_owned(),
        BuildOrigin::Context { dockerfile, .. } => format!("`{}`", dockerfile.display()),
    };
    match &step.build.target {
        Some(target) => format!("{origin} up to `{target}`"),
        None => origin,
    }
}

/// `1 to pull, 1 to build, 3 unchanged`.
fn counts(plan: &Plan) -> String {
    if plan.is_unchanged() {
        return format!("nothing to do, {} in sync", plan.images.len());
    }
    let many = |wanted: &str| plan.images.iter().filter(|i| action(i).1 == wanted).count();
    [
        ("pull", "to pull"),
        ("build", "to build"),
        ("tag", "to tag"),
        ("fails", "that will fail"),
        ("ok", "unchanged"),
    ]
    .into_iter()
    .map(|(word, shown)| (many(word), shown))
    .filter(|(number, _)| *number > 0)
    .map(|(number, shown)| format!("{number} {shown}"))
    .collect::<Vec<_>>()
    .join(", ")
}

/// Every registry that carrying out the plan may contact.
pub(super) fn contacts(plan: &Plan) -> Option<String> {
    let hosts: BTreeSet<&str> = plan.images.iter().flat_map(ImagePlan::registries).collect();
    (!hosts.is_empty()).then(|| hosts.into_iter().collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
