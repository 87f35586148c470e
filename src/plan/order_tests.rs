//! Images that are built on others of the same manifest.

use std::collections::BTreeMap;

use super::tests::{ANY, built, facts, image, inputs, label, manifest, seen};
use super::*;

/// An image that is built on these.
fn on(bases: &[&str]) -> ObservedImage {
    ObservedImage { inputs: Some(Ok(inputs(bases))), ..ObservedImage::default() }
}

/// The same, built before from the same.
fn in_sync(bases: &[&str]) -> ObservedImage {
    ObservedImage { local: Some(facts(&[(LABEL, &label(bases))], &[])), ..on(bases) }
}

fn observed(images: &[(&str, &ObservedImage)]) -> Observed {
    let images = images.iter().map(|(id, seen)| ((*id).to_owned(), (*seen).clone())).collect();
    Observed { images, ..Observed::default() }
}

/// The plan for images that are all built, in the manifest's order.
fn plan(images: &[(&str, &ObservedImage)]) -> Result<Plan, Vec<Diagnostic>> {
    let desired = images.iter().map(|(id, _)| built(id, Strategy::Build)).collect();
    reconcile(&manifest(desired), &observed(images), ANY)
}

#[track_caller]
fn check(images: &[(&str, &ObservedImage)], want: &str) {
    assert_eq!(plan(images).unwrap().to_string(), want);
}

#[test]
fn what_is_built_on_a_changing_image_changes_too() {
    check(
        &[("app", &in_sync(&["mid"])), ("mid", &in_sync(&["base"])), ("base", &on(&[]))],
        "app: changes: the image `mid` changes, which it is built on\n  build the template `opencode`\n\
         mid: changes: the image `base` changes, which it is built on\n  build the template `opencode`\n\
         base: changes: not in the engine\n  build the template `opencode`\n",
    );
    let all = [("app", &in_sync(&["base"])), ("base", &in_sync(&[]))];
    check(&all, "app: unchanged: in sync\nbase: unchanged: in sync\n");
    // Another image behind the base's name is another input.
    let moved = ObservedImage { local: in_sync(&[]).local, ..on(&["base"]) };
    check(
        &[("app", &moved), ("base", &in_sync(&[]))],
        "app: changes: inputs changed since it was built\n  build the template `opencode`\n\
         base: unchanged: in sync\n",
    );
}

#[test]
fn a_further_name_of_the_base_is_no_change() {
    let tagged = DesiredImage {
        extra_tags: vec!["acme/base:dev".parse().unwrap()],
        ..built("base", Strategy::Build)
    };
    let desired = manifest(vec![built("app", Strategy::Build), tagged]);
    let seen = observed(&[("app", &in_sync(&["base"])), ("base", &in_sync(&[]))]);
    assert_eq!(
        reconcile(&desired, &seen, ANY).unwrap().to_string(),
        "app: unchanged: in sync\n\
         base: changes: further names are missing or elsewhere\n  tag docker.io/acme/base:dev\n"
    );
}

#[test]
fn without_its_base_an_image_is_not_built_but_may_be_pulled() {
    let broken = ObservedImage { inputs: Some(Err("no context".to_owned().into())), ..on(&[]) };
    check(
        &[("app", &on(&["base"])), ("base", &broken)],
        "app: blocked: not in the engine\n  blocked: the image `base` can't be had, which it is built on\n\
         base: blocked: not in the engine\n  blocked: no context\n",
    );
    let desired =
        manifest(vec![built("app", Strategy::PullThenBuild), built("base", Strategy::Build)]);
    let plan = reconcile(&desired, &observed(&[("app", &on(&["base"])), ("base", &broken)]), ANY);
    assert!(plan.unwrap().to_string().starts_with(
        "app: changes: not in the engine\n  pull from ghcr.io/acme/app:1, then docker.io/acme/app:1\n  \
         warning: no build can stand in: the image `base` can't be had, which it is built on\n"
    ));
}

#[test]
fn images_that_are_built_on_each_other_are_a_mistake_with_a_place() {
    let told = |images: &[(&str, &ObservedImage)]| {
        let found = plan(images).unwrap_err().remove(0);
        assert_eq!((found.line, found.column), (1, 1));
        (found.message, found.key_path)
    };
    assert_eq!(
        told(&[("app", &on(&["app"]))]),
        ("the image `app` is built on itself".to_owned(), "images.app.build".to_owned())
    );
    // Whoever only stands before the ring is none of it.
    assert_eq!(
        told(&[("x", &on(&["a"])), ("a", &on(&["b"])), ("b", &on(&["c"])), ("c", &on(&["a"]))]),
        (
            "images are built on each other: `a` on `b`, `b` on `c` and `c` on `a`".to_owned(),
            "images.a.build".to_owned()
        )
    );
}

#[test]
fn what_the_command_line_says_is_about_what_it_names() {
    let base = ObservedImage { is_dependency: true, ..in_sync(&[]) };
    let desired = manifest(vec![built("app", Strategy::Build), built("base", Strategy::Build)]);
    let seen = observed(&[("app", &in_sync(&["base"])), ("base", &base)]);
    let policy = Policy { no_cache: true, ..ANY };
    assert_eq!(
        reconcile(&desired, &seen, policy).unwrap().to_string(),
        "app: changes: `--no-cache` asks for a rebuild\n  build the template `opencode`\n\
         base: unchanged: in sync\n"
    );
}

#[test]
fn only_what_was_observed_is_planned() {
    let desired = manifest(vec![image("a"), image("b")]);
    let seen = BTreeMap::from([("b".to_owned(), seen(None))]);
    let plan = reconcile(&desired, &Observed { images: seen, ..Observed::default() }, ANY);
    assert_eq!(plan.unwrap().images.len(), 1);
}
