//! The images that a Dockerfile names: locked, and pinned in what is sent.

use super::{lock_of, occ, values};
use crate::support::image::Image;
use crate::support::occ::Occ;
use crate::support::real_engine::RealEngine;
use crate::support::real_registry::RealRegistry;
use crate::support::registry::Registry;
use crate::support::unique;
use crate::sync::table;

/// A registry with a base, and what the engine holds of it in the end goes.
struct Base {
    registry: RealRegistry,
    path: String,
}

impl Base {
    fn new(engine: &mut RealEngine) -> (Self, Image) {
        let base = Self { registry: RealRegistry::start(), path: format!("occ-test/{}", unique()) };
        engine.clean_up(base.name());
        let image = base.move_to();
        (base, image)
    }

    fn name(&self) -> String {
        format!("{}/{}:1", self.registry.host(), self.path)
    }

    /// Makes its tag mean another image.
    fn move_to(&self) -> Image {
        let image = Image::new(&unique());
        self.registry.push(&self.path, "1", &image);
        image
    }
}

/// An image that is built from a Dockerfile.
fn built(engine: &RealEngine, name: &str, more: &str, dockerfile: &str) -> Occ {
    let build = format!("build = {{ context = \"in\"{more} }}");
    occ(engine, &table("tool", name, &build))
        .file("in/Dockerfile", dockerfile)
        .file("in/file", unique())
}

/// The layer that comes from the base.
fn first_layer(engine: &RealEngine, name: &str) -> String {
    engine.inspect(name).unwrap()["RootFS"]["Layers"][0].as_str().unwrap().to_owned()
}

#[test]
fn a_base_is_locked_and_stays_until_it_is_moved() {
    let mut engine = RealEngine::connect();
    let name = engine.name("based");
    let (base, image) = Base::new(&mut engine);
    let dockerfile = format!("# the base\nFROM {} AS it\nCOPY file Dockerfile /\n", base.name());
    let occ = built(&engine, &name, "", &dockerfile);
    occ.run_with(["sync"]).expect(0);
    assert_eq!(values(&lock_of(&occ), "ref"), [base.name()]);
    assert_eq!(values(&lock_of(&occ), "digest"), [image.digest()]);
    let (id, layer) = (engine.id(&name).unwrap(), first_layer(&engine, &name));
    engine.clean_up(id.clone());
    let text = fs_err::read_to_string(occ.work().join("in/Dockerfile")).unwrap();
    assert_eq!(text, dockerfile, "only the copy that is sent has the digest");

    let moved = base.move_to();
    let before = base.registry.requests();
    for arguments in [["sync", "--locked"], ["sync", "--frozen"], ["plan", "--locked"]] {
        let run = occ.run_with(arguments).expect(0);
        assert!(run.stdout.contains("unchanged") || run.stdout.contains("in sync"), "{run}");
    }
    assert_eq!(base.registry.requests(), before);
    // Also where the engine has nothing of it any more.
    let run = occ.run_with(["sync", "--no-cache"]).expect(0);
    assert!(run.stdout.contains("1 built"), "{run}");
    engine.clean_up(engine.id(&name).unwrap());
    assert_eq!(first_layer(&engine, &name), layer);

    let plan = occ.run_with(["plan", "--refresh"]).expect(0);
    let short = &moved.digest()[..19];
    assert!(plan.stdout.contains(&format!("base `{}` moved, to {short}", base.name())), "{plan}");
    let run = occ.run_with(["lock", "--upgrade"]).expect(0);
    assert!(run.stdout.contains(&format!("moved    on {} at {short}", base.name())), "{run}");
    let plan = occ.run_with(["plan", "--detailed-exitcode"]).expect(2);
    assert!(plan.stdout.contains(&format!("the base `{}` changed", base.name())), "{plan}");
    occ.run_with(["sync", "--locked"]).expect(0);
    assert_ne!(first_layer(&engine, &name), layer);
}

#[test]
fn every_name_of_the_needed_stages_is_locked_and_no_other() {
    let mut engine = RealEngine::connect();
    let (name, own, local) = (engine.name("names"), engine.name("own"), engine.name("local"));
    let (one, _) = Base::new(&mut engine);
    let (two, _) = Base::new(&mut engine);
    // The classic builder takes no notice of it, and this one can't build anything.
    let (frontend, _) = Base::new(&mut engine);
    // With a file: BuildKit 0.8 falls over what is copied from an image without layers, and
    // takes the whole engine along.
    let text = format!("FROM scratch\nCOPY Dockerfile /\nLABEL it={}\n", unique());
    let image = engine.built(&text);
    engine.tag(&image, &local);
    let dockerfile = format!(
        "# syntax={}\nARG ONE={}\nFROM scratch AS empty\nFROM $ONE AS a\nFROM a AS it\n\
         COPY --from={} file-0 /two\nCOPY --from={own} own /\n\
         COPY --from={local} / /local\nCOPY --from={} file-0 /again\n\
         FROM nowhere.invalid/x:1\n",
        frontend.name(),
        one.name(),
        two.name(),
        one.name(),
    );
    let build = "build = { context = \"in\", target = \"it\", builder = \"classic\" }";
    let manifest =
        table("tool", &name, build) + &table("own", &own, "build = { context = \"own\" }");
    let occ = occ(&engine, &manifest)
        .file("in/Dockerfile", dockerfile)
        .file("own/Dockerfile", "FROM scratch\nCOPY own /\n")
        .file("own/own", unique());
    occ.run_with(["sync"]).expect(0);
    let lock = lock_of(&occ);
    let want = [one.name(), two.name(), local.clone(), frontend.name()];
    assert_eq!(values(&lock, "ref"), want, "{lock}");
    // What only the engine has has no digest.
    assert_eq!(values(&lock, "digest").len(), 3, "{lock}");
    let files = engine.files(&name);
    assert!(["two", "again", "own"].iter().all(|file| files.contains(*file)), "{files:?}");
    occ.run_with(["lock", "--check"]).expect(0);
    let run = occ.run_with(["sync", "--locked"]).expect(0);
    assert!(run.stdout.contains("2 unchanged"), "{run}");

    // BuildKit runs it, by the digest that is locked, and without it gets all the others.
    let (id, digest) = (engine.id(&name).unwrap(), values(&lock, "digest")[2].to_owned());
    engine.clean_up(id.clone());
    let text = fs_err::read_to_string(occ.work().join("opencode.toml")).unwrap();
    let occ = occ.file("opencode.toml", text.replace(", builder = \"classic\"", ""));
    let run = occ.run_with(["sync", "--locked", "--no-cache"]).expect(1);
    run.says(&["the frontend that `# syntax=` names failed: exit code: 1", &format!("@{digest}")]);
    let text = fs_err::read_to_string(occ.work().join("in/Dockerfile")).unwrap();
    let (_, text) = text.split_once('\n').unwrap();
    let occ = occ.file("in/Dockerfile", text);
    occ.run_with(["sync"]).expect(0);
    assert_ne!(engine.id(&name).unwrap(), id);
    assert_eq!(values(&lock_of(&occ), "ref"), want[..3], "{lock}");
    let files = engine.files(&name);
    assert!(["two", "again", "own"].iter().all(|file| files.contains(*file)), "{files:?}");
}

#[test]
fn a_base_that_depends_on_the_environment_cannot_be_locked() {
    let mut engine = RealEngine::connect();
    let name = engine.name("env");
    let (base, _) = Base::new(&mut engine);
    let dockerfile = "ARG BASE\nFROM $BASE\nCOPY file /\n";
    let occ = built(&engine, &name, ", args = { BASE = \"${env:THE_BASE}\" }", dockerfile)
        .env("THE_BASE", base.name())
        .args(["sync", "--allow", "env=THE_BASE"]);
    let what = "depends on more than the Dockerfile and the manifest: line 2 of `Dockerfile`: `FROM $BASE`";
    occ.run().expect(0).says(&["it is not locked", what]);
    assert_eq!(lock_of(&occ), "");
    let run = occ.run_with(["--locked"]).expect(3);
    run.says(&["there is no lock"]);
    let occ = occ.file("opencode.lock", "version = 1\n");
    occ.run_with(["--locked"]).expect(65).says(&["can't be locked", what, "`--no-lock`"]);
    occ.run_with(["--no-lock"]).expect(0);
}

#[test]
fn the_newest_bases_cannot_be_locked_ones() {
    let mut engine = RealEngine::connect();
    let name = engine.name("newest");
    let (base, _) = Base::new(&mut engine);
    let dockerfile = format!("FROM {}\nCOPY file /\n", base.name());
    let occ = built(&engine, &name, ", pull = true", &dockerfile);
    let said = "`pull = true` wants the newest bases, and a lock holds them";
    occ.run_with(["lock"]).expect(65).says(&[said, "without `pull`"]);
    // Who has asked for no lock gets the newest.
    occ.run_with(["sync"]).expect(0).says(&["it is not locked", said]);
    let run = occ.run_with(["sync", "--no-lock"]).expect(0);
    assert!(run.stdout.contains("1 unchanged"), "{run}");
}

#[test]
fn offline_a_build_needs_its_bases_and_says_so_before_it_starts() {
    let mut engine = RealEngine::connect();
    let name = engine.name("offline");
    let (base, image) = Base::new(&mut engine);
    let dockerfile = format!("FROM {}\nCOPY file /\n", base.name());
    let occ = built(&engine, &name, "", &dockerfile);
    occ.run_with(["lock"]).expect(0);
    let exact = format!("{}/{}@{}", base.registry.host(), base.path, image.digest());
    engine.remove(&exact);
    let before = base.registry.requests();
    let run = occ.run_with(["sync", "--offline"]).expect(1);
    let said = format!("its base `{exact}` is not in the engine, and `--offline` asks no registry");
    assert!(run.stdout.contains(&said), "{run}");
    assert_eq!(base.registry.requests(), before);

    engine.pull(&format!("{}/{}", base.registry.host(), base.path), image.digest());
    engine.clean_up(exact);
    let before = base.registry.requests();
    let run = occ.run_with(["sync", "--offline"]).expect(0);
    assert!(run.stdout.contains("1 built"), "{run}");
    assert_eq!(base.registry.requests(), before);
}

#[test]
fn a_failing_step_is_told_with_the_users_own_line() {
    let mut engine = RealEngine::connect();
    let name = engine.name("failing");
    let (base, _) = Base::new(&mut engine);
    let dockerfile = format!("# one\nFROM {}\n\nCOPY nothing-of-the-kind /\n", base.name());
    let occ = built(&engine, &name, "", &dockerfile);
    let run = occ.run_with(["--format", "json", "sync"]).expect(1);
    let failed = &crate::sync::image_of(&run, "tool")["failed_at"];
    assert_eq!(failed["line"], 4, "{run}");
}

#[test]
fn a_base_that_no_registry_has_is_an_error_that_names_it() {
    let engine = RealEngine::connect();
    let name = format!("occ-test/{}:1", unique());
    let empty = Registry::start();
    let base = format!("{}/occ-test/nothing:1", empty.host());
    let occ = built(&engine, &name, "", &format!("FROM {base}\n"));
    occ.run_with(["lock"]).expect(1).says(&[&format!("its base `{base}`: not found")]);
    assert_eq!(lock_of(&occ), "");
}
