//! What is planned for images that the lock has something to say about.

use super::tests::{ANY, built, check, digest, facts, image, seen};
use super::*;
use crate::state::desired::Locked;
use crate::state::verify::Verify;

const SOURCES: &str = "pull from ghcr.io/acme/tool:1, then docker.io/acme/tool:1 at";

fn locked(image: DesiredImage) -> DesiredImage {
    let locked = Locked { digest: Some(digest("a").parse().unwrap()), ..Locked::default() };
    DesiredImage { locked: Some(locked), ..image }
}

fn of(digit: &str) -> String {
    format!("ghcr.io/acme/tool@{}", digest(digit))
}

/// What our own build of the image looks like.
fn stand_in() -> ImageFacts {
    facts(&[(LABEL, "2:0;docker.io/acme/tool:1")], &[])
}

#[track_caller]
fn cause(image: &DesiredImage, held: ImageFacts, want: &str) {
    let want = format!("tool: changes: {want}\n  {SOURCES} {}\n", digest("a"));
    check(image, seen(Some(held)), ANY, &want);
}

#[test]
fn the_locked_bytes_will_do_wherever_they_came_from_and_no_others() {
    let tool = locked(image("tool"));
    let elsewhere = format!("quay.io/other/name@{}", digest("a"));
    check(&tool, seen(Some(facts(&[], &[&elsewhere]))), ANY, "tool: unchanged: in sync\n");
    cause(
        &tool,
        facts(&[], &[&of("b")]),
        "the engine has sha256:bbbbbbbbbbbb, the lock wants sha256:aaaaaaaaaaaa",
    );
    cause(
        &tool,
        facts(&[], &[]),
        "the engine has sha256:111111111111 without a digest, the lock wants sha256:aaaaaaaaaaaa",
    );
    // A pin of the manifest comes first.
    let pinned = DesiredImage { pin: Some(digest("b").parse().unwrap()), ..tool };
    check(&pinned, seen(Some(facts(&[], &[&of("b")]))), ANY, "tool: unchanged: in sync\n");
}

#[test]
fn always_pulling_does_not_unlock() {
    let tool = DesiredImage { pull_policy: PullPolicy::Always, ..locked(image("tool")) };
    check(&tool, seen(Some(facts(&[], &[&of("a")]))), ANY, "tool: unchanged: in sync\n");
}

#[test]
fn a_build_that_stands_in_is_never_enough() {
    let tool = locked(built("tool", Strategy::PullThenBuild));
    let said = "tool: changes: stand-in build while the lock wants sha256:aaaaaaaaaaaa\n";
    let pull = format!("  {SOURCES} {}", digest("a"));
    let or = ", else build the template `opencode`";
    check(&tool, seen(Some(stand_in())), ANY, &format!("{said}{pull}{or}\n"));
    let strict = Policy { locked: true, ..ANY };
    check(&tool, seen(Some(stand_in())), strict, &format!("{said}{pull}\n"));
    // One that was pulled is none, whoever built it; and a build of another image neither.
    let mut pulled = stand_in();
    pulled.repo_digests = facts(&[], &[&of("b")]).repo_digests;
    let want = format!(
        "tool: changes: the engine has sha256:bbbbbbbbbbbb, the lock wants sha256:aaaaaaaaaaaa\n{pull}{or}\n"
    );
    check(&tool, seen(Some(pulled)), ANY, &want);
    let mut other = stand_in();
    other.labels.insert(LABEL.to_owned(), "2:0;docker.io/acme/other:1".to_owned());
    let want = want.replace("sha256:bbbbbbbbbbbb", "sha256:111111111111 without a digest");
    check(&tool, seen(Some(other)), ANY, &want);
}

#[test]
fn what_the_engine_has_under_another_name_only_gets_the_name() {
    let tool = locked(image("tool"));
    let held = |platform: &str| {
        let facts = ImageFacts { platform: platform.parse().unwrap(), ..facts(&[], &[&of("a")]) };
        ObservedImage { elsewhere: Some(facts), ..seen(None) }
    };
    let want = format!(
        "tool: changes: not in the engine\n  take sha256:111111111111 for {}, which the engine has\n",
        digest("a")
    );
    check(&tool, held("linux/amd64"), ANY, &want);
    check(&tool, held("linux/amd64"), Policy { offline: true, ..ANY }, &want);
    let arm = DesiredImage { platform: Some("linux/arm64".parse().unwrap()), ..tool };
    let want = format!("tool: changes: not in the engine\n  {SOURCES} {}\n", digest("a"));
    check(&arm, held("linux/amd64"), ANY, &want);
}

#[test]
fn what_has_to_be_signed_is_pulled_and_named_as_such() {
    let verify = Verify {
        key: "/repo/cosign.pub".into(),
        root: "/repo".into(),
        shown: "cosign.pub".to_owned(),
    };
    let tool = DesiredImage { verify: Some(verify), ..locked(image("tool")) };
    let signed = "  signed by `cosign.pub`\n";
    let want = format!("tool: changes: not in the engine\n{signed}  {SOURCES} {}\n", digest("a"));
    check(&tool, seen(None), ANY, &want);
    let held = facts(&[], &[&of("a")]);
    check(&tool, seen(Some(held.clone())), ANY, "tool: unchanged: in sync\n");
    let held = || ObservedImage { elsewhere: Some(held.clone()), ..seen(None) };
    let named = format!("  take sha256:111111111111 for {}, which the engine has\n", digest("a"));
    let want = format!("tool: changes: not in the engine\n{signed}{named}");
    check(&tool, held(), ANY, &want);
    // Nobody may be asked whether it is.
    let blocked = |why: &str| {
        let what = "its signature has to be checked, and";
        format!("tool: blocked: not in the engine\n  blocked: {what} {why} asks no registry\n")
    };
    check(&tool, held(), Policy { offline: true, ..ANY }, &blocked("`--offline`"));
    let never = DesiredImage { pull_policy: PullPolicy::Never, ..tool };
    check(&never, held(), ANY, &blocked("`pull_policy = \"never\"`"));
}

#[test]
fn offline_what_is_missing_is_told_or_built() {
    let offline = Policy { offline: true, ..ANY };
    let blocked = |cause: &str, what: &str| {
        format!(
            "tool: blocked: {cause}\n  blocked: only a registry {what}, and `--offline` asks none\n"
        )
    };
    let tool = locked(image("tool"));
    check(&tool, seen(None), offline, &blocked("not in the engine", "has it"));
    check(
        &tool,
        seen(Some(facts(&[], &[]))),
        offline,
        &blocked(
            "the engine has sha256:111111111111 without a digest, the lock wants sha256:aaaaaaaaaaaa",
            "could tell whether these are the bytes",
        ),
    );
    let both = DesiredImage {
        build_on: vec![BuildOn::Unavailable],
        ..locked(built("tool", Strategy::PullThenBuild))
    };
    check(
        &both,
        seen(None),
        offline,
        "tool: changes: not in the engine\n  build the template `opencode`\n  \
         warning: a build stands in for sha256:aaaaaaaaaaaa, which no registry was asked for: its bytes differ\n",
    );
    let found = DesiredImage { build_on: vec![BuildOn::NotFound], ..both };
    check(&found, seen(None), offline, &blocked("not in the engine", "has it"));
}

#[test]
fn what_is_locked_as_built_is_built() {
    let locked = Locked { is_built: true, ..Locked::default() };
    let both = built("tool", Strategy::PullThenBuild);
    let tool = DesiredImage { locked: Some(locked), ..both };
    let want = "tool: changes: not in the engine\n  build the template `opencode`\n";
    check(&tool, seen(None), ANY, want);
    let pulled = [&tool];
    assert_eq!(misapplied(&pulled, Strategy::Pull).len(), 1);
    assert_eq!(misapplied(&pulled, Strategy::Build).len(), 0);

    // What is only built by default was never asked for, and may be.
    let only = DesiredImage { strategy: Strategy::Build, ..tool.clone() };
    assert_eq!(misapplied(&[&only], Strategy::Pull).len(), 0);
    // Where nobody may be asked, nobody was, and what is held under the name will do.
    let never = DesiredImage { pull_policy: PullPolicy::Never, ..tool };
    check(&never, seen(Some(facts(&[], &[&of("b")]))), ANY, "tool: unchanged: in sync\n");
}
