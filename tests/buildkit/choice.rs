//! Which builder builds.

use super::{held, tool, with_shell};
use crate::support::occ::Occ;
use crate::support::real_engine::RealEngine;
use crate::support::stub_engine::StubEngine;
use crate::support::unique;
use crate::sync::{ONE_ROUND, image_of, table};

#[test]
fn the_manifest_may_name_the_builder_and_that_is_no_input() {
    let mut engine = RealEngine::connect();
    let name = engine.name("named");
    let cases = [
        (", builder = \"classic\"", "Step 1/"),
        (", builder = \"buildkit\"", "#1 ["),
        (", builder = \"auto\"", "#1 ["),
        ("", "#1 ["),
    ];
    for (more, start) in cases {
        let occ = with_shell(&engine, &name, more, "FROM shell\nRUN echo no; exit 7\n");
        let run = occ.run_with(["--format", "json", "sync"]).expect(1);
        let log = image_of(&run, "tool")["log_file"].as_str().unwrap().to_owned();
        assert!(fs_err::read_to_string(&log).unwrap().starts_with(start), "{more}\n{run}");
    }
    let text = "FROM scratch\nCOPY file /\n";
    let occ = tool(&engine, &name, ", builder = \"classic\"", text).file("ctx/file", unique());
    occ.run_with(["sync"]).expect(0);
    let id = held(&mut engine, &name);
    assert!(engine.history(&name)[0].contains("#(nop)"));
    let manifest = fs_err::read_to_string(occ.work().join("opencode.toml")).unwrap();
    let occ = occ.file("opencode.toml", manifest.replace("classic", "buildkit"));
    let run = occ.run_with(["sync"]).expect(0);
    assert!(run.stdout.contains("1 unchanged"), "{run}");
    assert_eq!(engine.id(&name).unwrap(), id);
    occ.run_with(["sync", "--no-cache"]).expect(0);
    assert!(engine.history(&name)[0].starts_with("LABEL dev.occ.inputs="));
}

/// An image of a stub engine, with more of its `build` table.
fn at_stub(engine: &StubEngine, build: &str, dockerfile: &str) -> Occ {
    let build = format!("build = {{ {build} }}");
    Occ::manifest(&(ONE_ROUND.to_owned() + &table("tool", "acme/tool:1", &build)))
        .file("Dockerfile", dockerfile)
        .args(["-H", &engine.host()])
}

#[test]
fn an_engine_without_buildkit_is_refused_what_needs_it_before_anything_is_sent() {
    let why = "the engine has no BuildKit: it answers `/grpc` with 404";
    let plain = "FROM scratch\nCOPY Dockerfile /\n";
    let cases = [
        ("builder = \"buildkit\"", plain, "`builder` is `buildkit`, and the engine"),
        ("", "FROM scratch\nRUN --mount=type=ssh x\n", "line 2 of `Dockerfile`: `RUN --mount`"),
    ];
    for (build, dockerfile, what) in cases {
        let engine = StubEngine::start();
        let occ = at_stub(&engine, build, dockerfile);
        for (command, exit) in [("plan", 0), ("sync", 1)] {
            let run = occ.run_with([command]).expect(exit);
            assert!(run.stdout.contains(why) && run.stdout.contains(what), "{run}");
        }
        assert!(engine.changes().is_empty());
    }
    // What does not need it is built, and who wants to know is told how.
    let engine = StubEngine::start();
    let occ = at_stub(&engine, "", plain);
    let run = occ.run_with(["-v", "sync"]).expect(0).says(&["built without BuildKit", why]);
    assert!(run.stdout.contains("1 built"), "{run}");
    assert_eq!(engine.seen("POST /build").len(), 1);

    // Who asks for the classic builder gets it, and no question is asked.
    let engine = StubEngine::start().with_buildkit();
    let occ = at_stub(&engine, "builder = \"classic\"", plain);
    occ.run_with(["sync"]).expect(0);
    assert_eq!((engine.seen("/grpc").len(), engine.seen("POST /build").len()), (0, 1));
}

#[test]
fn an_engine_that_breaks_the_streams_of_its_builder_off_is_told_of() {
    let engine = StubEngine::start().with_buildkit();
    let occ = at_stub(&engine, "", "FROM scratch\nCOPY Dockerfile /\n");
    let run = occ.run_with(["sync"]);
    assert_ne!(run.code(), 0);
    assert!(run.stdout.contains("✗ tool  failed: "), "{run}");
    assert_eq!(engine.id("acme/tool:1"), None);
    // Nothing is built with another builder instead.
    assert!(engine.seen("POST /build").is_empty());
}
