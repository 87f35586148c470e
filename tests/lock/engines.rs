//! Engines that know less than Docker's: there the lock says the same.

use super::{lock_of, values};
use crate::support::occ::Occ;
use crate::support::stub_engine::{Fault, StubEngine};
use crate::support::stub_table::StubImage;
use crate::sync::{ONE_ROUND, table};

/// An engine that can't ask registries, as Podman can't.
fn without_questions(image: &StubImage) -> StubEngine {
    StubEngine::start()
        .remote("ghcr.io/acme/tool:1", image)
        .failing("/distribution/", Fault::Status(404, "page not found"))
}

fn occ(engine: &StubEngine, name: &str) -> Occ {
    let rest = if name.starts_with("ghcr.io") { "" } else { "registries = [\"ghcr.io\"]" };
    Occ::manifest(&(ONE_ROUND.to_owned() + &table("tool", name, rest)))
        .args(["-H", &engine.host(), "--progress", "plain"])
        .locking()
}

#[test]
fn where_nobody_can_be_asked_a_pull_tells() {
    let image = StubImage::new("tool");
    let engine = without_questions(&image);
    let occ = occ(&engine, "acme/tool:1");
    occ.run_with(["lock"]).expect(0);
    assert_eq!(values(&lock_of(&occ), "digest"), [&image.digest]);
    assert_eq!(engine.id("acme/tool:1"), None, "only a sync sets the name");
    // It is there, so nothing is pulled any more.
    let pulls = engine.seen("POST /images/create").len();
    let run = occ.run_with(["sync"]).expect(0);
    assert!(run.stdout.contains("1 tagged"), "{run}");
    assert_eq!(engine.id("acme/tool:1"), Some(image.id));
    let run = occ.run_with(["sync", "--locked"]).expect(0);
    assert!(run.stdout.contains("1 unchanged"), "{run}");
    assert_eq!(engine.seen("POST /images/create").len(), pulls);
}

#[test]
fn a_pull_that_only_asks_leaves_the_name_where_it_was() {
    let (old, new) = (StubImage::new("old"), StubImage::new("new"));
    let engine = without_questions(&new).local("ghcr.io/acme/tool:1", &old);
    let occ = occ(&engine, "ghcr.io/acme/tool:1");
    occ.run_with(["lock"]).expect(0);
    assert_eq!(values(&lock_of(&occ), "digest"), [&new.digest]);
    assert_eq!(engine.id("ghcr.io/acme/tool:1"), Some(old.id));
    occ.run_with(["sync"]).expect(0);
    assert_eq!(engine.id("ghcr.io/acme/tool:1"), Some(new.id));
}

#[test]
fn an_engine_that_cannot_list_its_images_is_asked_to_pull() {
    let image = StubImage::new("tool");
    let engine = StubEngine::start()
        .remote("ghcr.io/acme/tool:1", &image)
        .failing("GET /images/json", Fault::Status(500, "no lists today"));
    let occ = occ(&engine, "acme/tool:1");
    occ.run_with(["sync"]).expect(0);
    assert_eq!(engine.id("acme/tool:1"), Some(image.id));
}
