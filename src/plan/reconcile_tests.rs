//! Desired and observed in, the plan's whole text out.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::state::desired::{
    BuildOrigin, Builder, DesiredBuild, Limits, RetryPolicy, Source, Template,
};
use crate::state::inputs::{Base, Part};
use crate::words::duration::Timeouts;
use crate::words::failure::BuildOn;
use crate::words::image::EngineId;
use crate::words::network::Network;
use crate::words::reference::{Reference, Repository};

pub(super) fn image(id: &str) -> DesiredImage {
    let name: Reference = format!("acme/{id}:1").parse().unwrap();
    let source = |host: &str| Source {
        reference: Repository::new(host, &format!("acme/{id}")).unwrap().with_tag("1").unwrap(),
    };
    DesiredImage {
        id: id.to_owned(),
        place: (1, 1),
        name,
        extra_tags: vec![],
        pin: None,
        locked: None,
        sources: vec![source("ghcr.io"), source("docker.io")],
        strategy: Strategy::Pull,
        pull_policy: PullPolicy::Missing,
        platform: None,
        build_on: vec![BuildOn::NotFound],
        verify: None,
        retry: RetryPolicy {
            attempts: 3,
            backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(30),
        },
        build: None,
    }
}

pub(super) fn built(id: &str, strategy: Strategy) -> DesiredImage {
    DesiredImage {
        strategy,
        build: Some(DesiredBuild {
            origin: BuildOrigin::Template(Template::Opencode),
            target: None,
            args: BTreeMap::new(),
            readings: Vec::new(),
            from_environment: std::collections::BTreeSet::new(),
            asks: Vec::new(),
            labels: BTreeMap::new(),
            inputs: None,
            network: Network::Default,
            cache_from: Vec::new(),
            pull: false,
            builder: Builder::Auto,
            secrets: Vec::new(),
            ssh: Vec::new(),
        }),
        ..image(id)
    }
}

pub(super) fn facts(labels: &[(&str, &str)], digests: &[&str]) -> ImageFacts {
    ImageFacts {
        id: EngineId::new(format!("sha256:{}", "1".repeat(64))),
        repo_digests: digests
            .iter()
            .map(|text| crate::words::image::parse_repo_digest(text).unwrap())
            .collect(),
        platform: "linux/amd64".parse().unwrap(),
        labels: labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        size: 1,
        document: None,
    }
}

pub(super) fn seen(local: Option<ImageFacts>) -> ObservedImage {
    ObservedImage { local, inputs: Some(Ok(inputs(&[]))), ..ObservedImage::default() }
}

/// The inputs of an image that is built on these of the same manifest, each held.
pub(super) fn inputs(bases: &[&str]) -> Inputs {
    let base = |id: &&str| Base {
        image: Some((*id).to_owned()),
        held: Some(EngineId::new(format!("id of {id}"))),
        ..Base::new(format!("acme/{id}:1").parse().unwrap())
    };
    Inputs {
        parts: BTreeMap::from([(Part::Args, [0; 32])]),
        bases: bases.iter().map(base).collect(),
        problem: None,
        warnings: vec![],
    }
}

/// What the label of an image says that was built from these inputs.
pub(super) fn label(bases: &[&str]) -> String {
    inputs(bases).label(&"acme/tool:1".parse().unwrap()).to_string()
}

pub(super) fn digest(digit: &str) -> String {
    format!("sha256:{}", digit.repeat(64))
}

pub(super) fn manifest(images: Vec<DesiredImage>) -> Desired {
    let timeouts =
        Timeouts { connect: None, response: None, patience: None, stall: None, build: None };
    Desired {
        file: "opencode.toml".into(),
        images,
        timeouts,
        limits: Limits { pulls: 1, builds: 1 },
    }
}

#[track_caller]
pub(super) fn check(image: &DesiredImage, seen: ObservedImage, policy: Policy, want: &str) {
    let observed =
        Observed { images: BTreeMap::from([(image.id.clone(), seen)]), ..Observed::default() };
    let plan = reconcile(&manifest(vec![image.clone()]), &observed, policy).unwrap();
    assert_eq!(plan.to_string(), want);
}

pub(super) const ANY: Policy =
    Policy { strategy: None, no_cache: false, locked: false, offline: false };

#[test]
fn a_missing_image_is_pulled_from_the_sources_in_order() {
    check(
        &image("tool"),
        seen(None),
        ANY,
        "tool: changes: not in the engine\n  pull from ghcr.io/acme/tool:1, then docker.io/acme/tool:1\n",
    );
}

#[test]
fn an_image_that_is_there_is_unchanged() {
    check(&image("tool"), seen(Some(facts(&[], &[]))), ANY, "tool: unchanged: in sync\n");
}

#[test]
fn always_asks_again_and_never_does_not_ask_at_all() {
    let always = DesiredImage { pull_policy: PullPolicy::Always, ..image("tool") };
    check(
        &always,
        seen(Some(facts(&[], &[]))),
        ANY,
        "tool: changes: `pull_policy` is `always`\n  pull from ghcr.io/acme/tool:1, then docker.io/acme/tool:1\n",
    );
    let never = DesiredImage { pull_policy: PullPolicy::Never, ..image("tool") };
    check(
        &never,
        seen(None),
        ANY,
        "tool: blocked: not in the engine\n  blocked: `pull_policy = \"never\"` forbids pulling it\n",
    );
    let never =
        DesiredImage { pull_policy: PullPolicy::Never, ..built("tool", Strategy::PullThenBuild) };
    check(
        &never,
        seen(None),
        ANY,
        "tool: changes: not in the engine\n  build the template `opencode`\n",
    );
}

#[test]
fn a_pin_is_satisfied_by_content_from_any_repository() {
    let pinned = DesiredImage { pin: Some(digest("a").parse().unwrap()), ..image("tool") };
    let here = format!("mirror.example/other@{}", digest("a"));
    check(&pinned, seen(Some(facts(&[], &[&here]))), ANY, "tool: unchanged: in sync\n");
    let other = format!("ghcr.io/acme/tool@{}", digest("b"));
    check(
        &pinned,
        seen(Some(facts(&[], &[&other]))),
        ANY,
        &format!(
            "tool: changes: the engine has sha256:bbbbbbbbbbbb, the manifest pins sha256:aaaaaaaaaaaa\n  \
             pull from ghcr.io/acme/tool:1, then docker.io/acme/tool:1 at {}\n",
            digest("a")
        ),
    );
}

#[test]
fn an_engines_id_is_no_digest_that_a_pin_could_mean() {
    let local = facts(&[], &[]);
    let pinned = DesiredImage { pin: Some(local.id.as_str().parse().unwrap()), ..image("tool") };
    check(
        &pinned,
        seen(Some(local)),
        ANY,
        &format!(
            "tool: changes: the engine has sha256:111111111111 without a digest, the manifest pins sha256:111111111111\n  \
             pull from ghcr.io/acme/tool:1, then docker.io/acme/tool:1 at {}\n",
            digest("1")
        ),
    );
}

#[test]
fn the_wrong_platform_is_never_in_sync() {
    let arm = DesiredImage { platform: Some("linux/arm64".parse().unwrap()), ..image("tool") };
    check(
        &arm,
        seen(Some(facts(&[], &[]))),
        ANY,
        "tool: changes: the engine has it for linux/amd64, wanted is linux/arm64\n  \
         pull from ghcr.io/acme/tool:1, then docker.io/acme/tool:1\n",
    );
}

#[test]
fn further_names_are_set_when_they_are_missing_or_elsewhere() {
    let extra: Vec<Reference> =
        vec!["a:1".parse().unwrap(), "b:1".parse().unwrap(), "c:1".parse().unwrap()];
    let tool = DesiredImage { extra_tags: extra, ..image("tool") };
    let there = facts(&[], &[]);
    let id = there.id.clone();
    let extra = vec![Some(id), None, Some(EngineId::new(digest("9")))];
    let observed = ObservedImage { local: Some(there), extra, ..ObservedImage::default() };
    check(
        &tool,
        observed,
        ANY,
        "tool: changes: further names are missing or elsewhere\n  \
         tag docker.io/library/b:1\n  tag docker.io/library/c:1\n",
    );
}

#[test]
fn a_strategy_is_refused_for_images_that_it_does_not_fit() {
    let refused = |image: &DesiredImage, strategy| {
        let found = misapplied(&[image], strategy);
        found.first().map(|diagnostic| diagnostic.message.clone()).unwrap_or_default()
    };
    let pulled = image("tool");
    assert_eq!(refused(&pulled, Strategy::Build), "image `tool` has no `build` table");
    assert_eq!(refused(&pulled, Strategy::Pull), "");
    let both = built("tool", Strategy::PullThenBuild);
    assert_eq!(refused(&both, Strategy::Build), "");
    let pinned = DesiredImage { pin: Some(digest("a").parse().unwrap()), ..both };
    let message = "image `tool` has a `digest`, which no build can have";
    assert_eq!(refused(&pinned, Strategy::Build), message);
    let only_built = DesiredImage { sources: vec![], ..built("tool", Strategy::Build) };
    let message = "image `tool` has no registry that it could be pulled from";
    assert_eq!(refused(&only_built, Strategy::Pull), message);
}

#[test]
fn without_a_failure_that_lets_it_in_no_build_stands_in() {
    let tool = DesiredImage { build_on: vec![], ..built("tool", Strategy::PullThenBuild) };
    check(
        &tool,
        seen(None),
        ANY,
        "tool: changes: not in the engine\n  pull from ghcr.io/acme/tool:1, then docker.io/acme/tool:1\n",
    );
}
