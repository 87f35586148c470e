//! When what is held of a build is good, and what is said where it is not.

use std::collections::BTreeMap;

use super::tests::{ANY, built, check, digest, facts, inputs, label, manifest, seen};
use super::*;
use crate::state::changes::Change;
use crate::state::inputs::Part;
use crate::words::image::EngineId;

/// The label of an image that was built from other arguments.
fn other(args: u8) -> String {
    let parts = BTreeMap::from([(Part::Args, [args; 32])]);
    Inputs { parts, ..inputs(&[]) }.label(&"acme/tool:1".parse().unwrap()).to_string()
}

#[test]
fn a_build_is_satisfied_by_the_hash_on_its_label() {
    let tool = built("tool", Strategy::Build);
    let label = label(&[]);
    check(&tool, seen(Some(facts(&[(LABEL, &label)], &[]))), ANY, "tool: unchanged: in sync\n");
    let old = other(1);
    check(
        &tool,
        seen(Some(facts(&[(LABEL, &old)], &[]))),
        ANY,
        "tool: changes: inputs changed since it was built\n  build the template `opencode`\n",
    );
    check(
        &tool,
        seen(Some(facts(&[], &[]))),
        ANY,
        "tool: changes: the name is on an image that occ did not build (sha256:111111111111)\n  build the template `opencode`\n",
    );
    check(
        &tool,
        seen(Some(facts(&[(LABEL, &label)], &[]))),
        Policy { no_cache: true, ..ANY },
        "tool: changes: `--no-cache` asks for a rebuild\n  build the template `opencode`\n",
    );
}

#[test]
fn what_changed_is_the_cause() {
    let tool = built("tool", Strategy::Build);
    let old = other(1);
    let about = |seen: ObservedImage, cause: &str| {
        let want = format!("tool: changes: {cause}\n  build the template `opencode`\n");
        check(&tool, seen, ANY, &want);
    };
    let changes = [Part::Target, Part::Args].map(|part| Change { part, names: None }).to_vec();
    about(
        ObservedImage { changes, ..seen(Some(facts(&[(LABEL, &old)], &[]))) },
        "`target` changed; build arguments changed (list not known on this machine)",
    );
    about(
        ObservedImage { is_derived: true, ..seen(Some(facts(&[(LABEL, &label(&[]))], &[]))) },
        "the name is on an image that was made from occ's (sha256:111111111111)",
    );
    about(
        seen(Some(facts(&[(LABEL, "1:00")], &[]))),
        "another version of occ built it, which counts its inputs otherwise",
    );
}

#[test]
fn pull_then_build_keeps_what_was_pulled_and_renews_a_stale_stand_in() {
    let tool = built("tool", Strategy::PullThenBuild);
    let old = other(1);
    let pulled = format!("ghcr.io/acme/tool@{}", digest("a"));
    check(
        &tool,
        seen(Some(facts(&[(LABEL, &old)], &[&pulled]))),
        ANY,
        "tool: unchanged: in sync\n",
    );
    check(
        &tool,
        seen(Some(facts(&[(LABEL, &old)], &[]))),
        ANY,
        "tool: changes: inputs changed since it was built\n  \
         pull from ghcr.io/acme/tool:1, then docker.io/acme/tool:1, else build the template `opencode`\n",
    );
    check(
        &tool,
        seen(Some(facts(&[(LABEL, &old)], &[]))),
        Policy { no_cache: true, ..ANY },
        "tool: changes: `--no-cache` asks for a rebuild\n  \
         pull from ghcr.io/acme/tool:1, then docker.io/acme/tool:1, else build the template `opencode`\n",
    );
    let pinned = DesiredImage { pin: Some(digest("a").parse().unwrap()), ..tool };
    let now = other(2);
    check(
        &pinned,
        seen(Some(facts(&[(LABEL, &now)], &[]))),
        ANY,
        &format!(
            "tool: changes: stand-in build while the manifest pins sha256:aaaaaaaaaaaa\n  \
             pull from ghcr.io/acme/tool:1, then docker.io/acme/tool:1 at {}, else build the template `opencode`\n",
            digest("a")
        ),
    );
}

#[test]
fn a_store_that_lists_builds_as_if_they_were_pulled_does_not_hide_a_stale_one() {
    let mut tool = built("tool", Strategy::PullThenBuild);
    tool.name = "ghcr.io/acme/tool:1".parse().unwrap();
    let old = other(1);
    // Its ids are digests, and the digest is that of the image's own name.
    let own = ImageFacts {
        id: EngineId::new(digest("a")),
        ..facts(&[(LABEL, &old)], &[&format!("ghcr.io/acme/tool@{}", digest("a"))])
    };
    check(
        &tool,
        seen(Some(own.clone())),
        ANY,
        "tool: changes: inputs changed since it was built\n  \
         pull from ghcr.io/acme/tool:1, then docker.io/acme/tool:1, else build the template `opencode`\n",
    );
    // On the other store it can only have been pulled.
    check(
        &tool,
        seen(Some(ImageFacts { id: EngineId::new(digest("b")), ..own })),
        ANY,
        "tool: unchanged: in sync\n",
    );
}

#[test]
fn unreadable_inputs_block_a_build_and_warn_about_a_stand_in() {
    let inputs = Some(Err("no `Dockerfile`".to_owned().into()));
    let unreadable = || ObservedImage { inputs: inputs.clone(), ..ObservedImage::default() };
    check(
        &built("tool", Strategy::Build),
        unreadable(),
        ANY,
        "tool: blocked: not in the engine\n  blocked: no `Dockerfile`\n",
    );
    check(
        &built("tool", Strategy::Build),
        ObservedImage { local: Some(facts(&[(LABEL, "1:a")], &[])), ..unreadable() },
        ANY,
        "tool: blocked: its inputs can't be compared\n  blocked: no `Dockerfile`\n",
    );
    check(
        &built("tool", Strategy::PullThenBuild),
        unreadable(),
        ANY,
        "tool: changes: not in the engine\n  pull from ghcr.io/acme/tool:1, then docker.io/acme/tool:1\n  \
         warning: no build can stand in: no `Dockerfile`\n",
    );
}

#[test]
fn a_base_that_only_its_registry_knows_makes_the_inputs_unknown() {
    let mut tool = built("tool", Strategy::Build);
    let mut now = inputs(&["base"]);
    (now.bases[0].image, now.bases[0].held) = (None, None);
    let held = facts(&[(LABEL, &now.label(&"acme/tool:1".parse().unwrap()).to_string())], &[]);
    let seen = ObservedImage { inputs: Some(Ok(now)), ..seen(Some(held)) };
    check(&tool, seen.clone(), ANY, "tool: unchanged: in sync\n");
    tool.build.as_mut().unwrap().pull = true;
    let want = "tool: changes: its inputs can't be compared\n  build the template `opencode`\n";
    check(&tool, seen, ANY, want);
}

#[test]
fn a_dockerfile_that_cannot_be_built_blocks_it_and_an_unclear_one_is_told() {
    let about = |problem: Option<&str>, warnings: &[&str], want| {
        let problem = problem.map(str::to_owned);
        let warnings = warnings.iter().map(|text| (*text).to_owned()).collect();
        let now = Inputs { problem, warnings, ..inputs(&[]) };
        let seen = ObservedImage {
            inputs: Some(Ok(now)),
            ..seen(Some(facts(&[(LABEL, &other(1))], &[])))
        };
        let changed = "inputs changed since it was built\n  ";
        check(
            &built("tool", Strategy::Build),
            seen,
            ANY,
            &format!("tool: {want}").replace("…", changed),
        );
    };
    about(Some("line 2"), &[], "blocked: …blocked: line 2\n");
    about(None, &["line 3"], "changes: …build the template `opencode`\n  warning: line 3\n");
}

#[test]
fn whom_a_build_may_ask_is_in_the_plan() {
    let registries = |builder, policy: Policy| {
        let mut tool = built("tool", Strategy::Build);
        let build = tool.build.as_mut().unwrap();
        build.builder = builder;
        build.cache_from = vec!["cache.example/tool:1".parse().unwrap()];
        let frontend = "frontend.example/f:1".parse().unwrap();
        let frontend = Base { is_frontend: true, ..Base::new(frontend) };
        let base = Base::new("base.example/b:1".parse().unwrap());
        let read = Inputs { bases: vec![base, frontend], ..inputs(&[]) };
        let image = ObservedImage { inputs: Some(Ok(read)), ..seen(None) };
        let images = BTreeMap::from([("tool".to_owned(), image)]);
        let observed = Observed { images, ..Observed::default() };
        let plan = reconcile(&manifest(vec![tool]), &observed, policy).unwrap();
        let registries = plan.images[0].registries();
        registries.into_iter().map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    let offline = Policy { offline: true, ..ANY };
    let all = "base.example cache.example frontend.example";
    assert_eq!(registries(Builder::Auto, ANY), all);
    // The classic builder takes caches that the engine holds, and no frontend.
    assert_eq!(registries(Builder::Classic, ANY), "base.example");
    assert!(!registries(Builder::Auto, offline).contains("cache.example"));
}
