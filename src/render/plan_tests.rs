use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::plan::step::Signed;
use crate::state::desired::{Builder, DesiredBuild, RetryPolicy};
use crate::state::inputs::{Base, Inputs};
use crate::state::verify::Verify;
use crate::words::network::Network;

fn image(id: &str, name: &str, steps: Vec<Step>) -> ImagePlan {
    let cause = if steps.is_empty() { Cause::InSync } else { Cause::NotInEngine };
    ImagePlan {
        id: id.into(),
        name: name.parse().unwrap(),
        wanted: None,
        to_lock: std::collections::BTreeSet::new(),
        extra_tags: Vec::new(),
        platform: None,
        previous: None,
        signed: None,
        steps,
        blocked: None,
        cause,
        warnings: Vec::new(),
    }
}

fn build(target: Option<&str>) -> BuildStep {
    BuildStep {
        build: DesiredBuild {
            origin: BuildOrigin::Context {
                dir: PathBuf::from("/repo"),
                dockerfile: PathBuf::from("docker/Dockerfile"),
                root: PathBuf::from("/repo"),
            },
            target: target.map(Into::into),
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
        },
        inputs: Inputs {
            parts: BTreeMap::new(),
            bases: vec![Base::new("quay.io/acme/base:1".parse().unwrap())],
            problem: None,
            warnings: Vec::new(),
        },
    }
}

fn pull(sources: &[&str], then_build: Option<BuildStep>) -> PullStep {
    PullStep {
        sources: sources.iter().map(|s| Source { reference: s.parse().unwrap() }).collect(),
        digest: None,
        retry: RetryPolicy { attempts: 1, backoff: Duration::ZERO, max_backoff: Duration::ZERO },
        then_build: then_build.map(|build| (Vec::new(), build)),
    }
}

#[test]
fn a_plan_reads_like_a_sentence() {
    let mut pinned = pull(&["docker.io/library/postgres:17"], None);
    pinned.digest = format!("sha256:{}", "1f".repeat(32)).parse().ok();
    let chain = pull(
        &["ghcr.io/acme/oc:1", "mirror.example/proxy/acme/oc:1"],
        Some(build(Some("runtime"))),
    );
    let mut images = vec![
        image("tool", "acme/tool:latest", vec![Step::Build(build(None))]),
        image("postgres", "postgres:17", vec![Step::Pull(pinned)]),
        image(
            "oc",
            "acme/oc:1",
            vec![Step::Pull(chain), Step::Tag { target: "oc:dev".parse().unwrap() }],
        ),
        image("redis", "redis:7", Vec::new()),
        image("tags", "a/b:1", vec![Step::Tag { target: "b:dev".parse().unwrap() }]),
    ];
    images[1].platform = Some("linux/arm64".parse().unwrap());
    images[4].cause = Cause::TagsMissing;
    images[0].warnings.push("`inputs` narrows\x1b[2J what is hashed".into());
    insta::assert_snapshot!(plan(&Plan { images }, Look::test(200)), @r"
    tool      build  acme/tool:latest from `docker/Dockerfile`: not in the engine
      warning: `inputs` narrows\x1b[2J what is hashed
    postgres  pull   postgres:17 for linux/arm64 at sha256:1f1f1f1f1f1f from docker.io: not in the engine
    oc        pull   acme/oc:1 from ghcr.io, then mirror.example/proxy/acme/oc:1, else build it from `docker/Dockerfile` up to `runtime`, also as `oc:dev`: not in the engine
    redis     ok     redis:7 is in sync
    tags      tag    a/b:1, also as `b:dev`: further names are missing or elsewhere
    plan: 2 to pull, 1 to build, 1 to tag, 1 unchanged
    registries that may be contacted: docker.io, ghcr.io, mirror.example, quay.io
    ");
}

#[test]
fn a_signature_that_is_looked_for_is_told_with_its_key() {
    let signed = Signed {
        verify: Verify {
            key: "/repo/keys/cosign.pub".into(),
            root: "/repo".into(),
            shown: "keys/cosign.pub".to_owned(),
        },
        sources: vec!["ghcr.io/acme/tool:1".parse::<Reference>().unwrap().repository],
    };
    let digest = format!("sha256:{}", "1f".repeat(32)).parse().unwrap();
    let adopt = Step::Adopt { id: crate::words::image::EngineId::new("sha256:2a"), digest };
    let mut images = vec![
        image(
            "tool",
            "acme/tool:1",
            vec![Step::Pull(pull(&["ghcr.io/acme/tool:1"], Some(build(None))))],
        ),
        image("held", "acme/held:1", vec![adopt]),
        image("sync", "acme/sync:1", Vec::new()),
    ];
    for image in &mut images {
        image.signed = Some(signed.clone());
    }
    insta::assert_snapshot!(plan(&Plan { images }, Look::test(200)), @r"
    tool  pull   acme/tool:1 from ghcr.io, signed by `keys/cosign.pub`, else build it from `docker/Dockerfile`: not in the engine
    held  tag    acme/held:1 on sha256:1f1f1f1f1f1f, which the engine has, signed by `keys/cosign.pub`: not in the engine
    sync  ok     acme/sync:1 is in sync
    plan: 1 to pull, 1 to tag, 1 unchanged
    registries that may be contacted: ghcr.io, quay.io
    ");
}

#[test]
fn with_nothing_to_do_nobody_is_contacted() {
    let images = vec![image("redis", "redis:7", Vec::new())];
    let text = plan(&Plan { images }, Look::test(20));
    assert_eq!(text, "redis  ok  redis:7\n  is in sync\nplan: nothing to do,\n  1 in sync\n");
}

#[test]
fn an_image_that_cannot_be_done_is_not_taken_for_one_in_sync() {
    let mut stuck = image("tool", "acme/tool:1", Vec::new());
    stuck.cause = Cause::NotInEngine;
    stuck.blocked = Some("`pull_policy = \"never\"` forbids pulling it".to_owned().into());
    let images = vec![stuck, image("redis", "redis:7", Vec::new())];
    insta::assert_snapshot!(plan(&Plan { images }, Look::test(100)), @r#"
    tool   fails  acme/tool:1: not in the engine, and `pull_policy = "never"` forbids pulling it
    redis  ok     redis:7 is in sync
    plan: 1 that will fail, 1 unchanged
    "#);
}

#[test]
fn colours_change_no_words() {
    let images = vec![
        image("redis", "redis:7", Vec::new()),
        image("tool", "tool:1", vec![Step::Build(build(None))]),
    ];
    let images = Plan { images };
    let colored = plan(&images, Look { color: true, ..Look::test(80) });
    assert!(colored.contains("\x1b[2mok   \x1b[0m"), "{colored:?}");
    assert_eq!(anstream::adapter::strip_str(&colored).to_string(), plan(&images, Look::test(80)));
}
