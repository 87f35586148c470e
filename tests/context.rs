//! Build contexts: what an ignore file takes out is neither hashed nor sent, and the
//! builder shows what Docker's own would.

mod changing;
mod faults;
mod odd;

use std::collections::BTreeSet;

use crate::support::memory::watched;
use crate::support::occ::Occ;
use crate::support::real_engine::RealEngine;
use crate::support::stub_engine::StubEngine;
use crate::support::unique;
use crate::sync::{ONE_ROUND, occ, table};

/// An image of the whole context beside the manifest, which this ignores.
fn whole(engine: &RealEngine, name: &str, dockerfile: &str, ignored: &str) -> Occ {
    let build = format!("build = {{ dockerfile = \"{dockerfile}\" }}");
    occ(engine, &(ONE_ROUND.to_owned() + &table("tool", name, &build)))
        .file(dockerfile, format!("FROM scratch\nLABEL test={}\nCOPY . /\n", unique()))
        .file(".dockerignore", ignored)
}

/// What is in an image, but for the manifest.
fn files(engine: &RealEngine, name: &str) -> Vec<String> {
    engine.files(name).into_iter().filter(|path| path != "opencode.toml").collect()
}

#[test]
fn what_is_ignored_is_not_in_the_image_and_builds_nothing() {
    let mut engine = RealEngine::connect();
    let name = engine.name("ignored");
    let occ = whole(&engine, &name, "Dockerfile", "*\n!src\nsrc/*.log\n!src/keep.log\n")
        .file("src/main", "1")
        .file("src/a.log", "1")
        .file("src/keep.log", "1")
        .file("other/file", "1");
    occ.run_with(["sync"]).expect(0);
    assert_eq!(files(&engine, &name), ["src", "src/keep.log", "src/main"]);
    let first = engine.id(&name).unwrap();
    engine.clean_up(first.clone());

    let occ = occ.file("src/a.log", "2").file("other/file", "2").file("new", "2");
    let run = occ.run_with(["sync"]).expect(0);
    assert!(run.stdout.contains("1 unchanged"), "{run}");

    let occ = occ.file("src/keep.log", "2");
    let run = occ.run_with(["sync"]).expect(0);
    assert!(run.stdout.contains("1 built"), "{run}");
    assert_ne!(engine.id(&name).unwrap(), first);
    assert_eq!(files(&engine, &name), ["src", "src/keep.log", "src/main"]);
}

#[test]
fn an_ignore_file_beside_the_dockerfile_wins() {
    let mut engine = RealEngine::connect();
    let cases = [
        ("a\n", &[".dockerignore", "b", "d", "d/Dockerfile", "d/Dockerfile.dockerignore"][..]),
        ("d\n", &[".dockerignore", "a", "b"]),
        (".dockerignore\n**/Docker*\n", &["a", "b", "d"]),
        (".dockerignore\nd/*.*\n", &["a", "b", "d", "d/Dockerfile"]),
    ];
    for (own, want) in cases {
        let name = engine.name("own-ignore");
        // The other one would hide everything.
        let occ = whole(&engine, &name, "d/Dockerfile", "**\n")
            .file("d/Dockerfile.dockerignore", own)
            .file("a", "")
            .file("b", "");
        occ.run_with(["sync"]).expect(0);
        let mut got = files(&engine, &name);
        // The builder hides a Dockerfile, and leaves the directory that it was in.
        got.retain(|path| path != "d" || want.contains(&"d"));
        assert_eq!(got, want, "{own:?}");
    }
}

#[test]
fn row_81_a_malformed_pattern_is_told_and_nothing_is_sent() {
    let engine = StubEngine::start();
    let manifest = ONE_ROUND.to_owned() + &table("tool", "acme/tool:1", "build = {}");
    let occ = Occ::manifest(&manifest)
        .file("Dockerfile", "FROM scratch\n")
        .file(".dockerignore", "# Secrets\n\nkeys/[a-\n")
        .args(["-H", &engine.host()]);
    let run = occ.run_with(["sync"]).expect(1);
    let says = ".dockerignore`, line 3: the pattern `keys/[a-` is malformed: a `[` has no `]`";
    assert!(run.stdout.contains(says), "{run}");
    assert!(engine.seen("POST /build").is_empty());
    let plan = occ.run_with(["plan"]);
    assert!(plan.stdout.contains(says), "{plan}");
}

#[test]
fn row_76_a_dockerfile_from_outside_of_the_context_is_found_and_stays_out_of_the_image() {
    let mut engine = RealEngine::connect();
    let name = engine.name("elsewhere");
    let build = "build = { context = \"app\", dockerfile = \"../docker/Dockerfile.app\" }";
    let occ = occ(&engine, &(ONE_ROUND.to_owned() + &table("tool", &name, build)))
        .file("docker/Dockerfile.app", format!("FROM scratch\nLABEL test={}\nCOPY . /\n", unique()))
        .file("docker/Dockerfile.app.dockerignore", "*.log\n")
        .file("app/main", unique())
        .file("app/x.log", "x");
    let run = occ.run_with(["sync"]).expect(0);
    assert!(run.stderr.contains("from `../docker/Dockerfile.app`"), "{run}");
    assert_eq!(engine.files(&name), ["main".to_owned()].into());

    // It is an input as any other file, and neither its place nor its name in the archive is.
    let plan = |occ: &Occ| occ.run_with(["plan"]).expect(0).stdout;
    assert!(plan(&occ).contains("is in sync"));
    let occ = occ.file("docker/Dockerfile.app", "FROM scratch\nCOPY main /\n");
    assert!(plan(&occ).contains(": the Dockerfile changed\n"));
    // Whatever goes wrong goes wrong in the file that the user knows.
    for (text, words) in [
        ("COPY nothing /", "the build failed at `../docker/Dockerfile.app`, line 2"),
        ("NOPE x", "the build failed at `../docker/Dockerfile.app`, line 2: `NOPE x`"),
    ] {
        let text = format!("FROM scratch\n{text}\n");
        fs_err::write(occ.work().join("docker/Dockerfile.app"), text).unwrap();
        let run = occ.run_with(["sync"]).expect(1);
        assert!(run.stdout.contains(words), "{run}");
    }
    let classic = fs_err::read_to_string(occ.work().join("opencode.toml")).unwrap();
    let classic = classic.replace("build = { ", "build = { builder = \"classic\", ");
    let occ = occ
        .file("docker/Dockerfile.app", "FROM scratch\nRUN --mount=type=cache,target=/x y\n")
        .file("opencode.toml", classic);
    assert!(plan(&occ).contains("line 2 of `../docker/Dockerfile.app`"), "{}", plan(&occ));
}

#[test]
fn the_users_ignore_file_is_in_the_image_where_docker_has_it_and_no_other_is() {
    let mut engine = RealEngine::connect();
    // The classic builder gets a changed one, which stays out.
    let cases = [
        ("buildkit", "*.log\n", true),
        ("buildkit", ".dockerignore\n*.log\n", false),
        ("buildkit", "*\n!main\n", false),
        ("classic", "*.log\n", false),
        ("classic", ".dockerignore\n*.log\n", false),
        ("classic", "*\n!main\n", false),
    ];
    for (builder, ignored, is_in) in cases {
        let name = engine.name("changed");
        let build = format!(
            "build = {{ context = \"app\", dockerfile = \"../Dockerfile.app\", builder = \"{builder}\" }}"
        );
        let text = format!("FROM scratch\nLABEL test={}\nCOPY . /\n", unique());
        let occ = occ(&engine, &(ONE_ROUND.to_owned() + &table("tool", &name, &build)))
            .file("Dockerfile.app", text)
            .file("app/.dockerignore", ignored)
            .file("app/main", unique())
            .file("app/x.log", "x");
        occ.run_with(["sync"]).expect(0);
        let mut want = BTreeSet::from(["main".to_owned()]);
        want.extend(is_in.then(|| ".dockerignore".to_owned()));
        assert_eq!(engine.files(&name), want, "{builder}, {ignored:?}");
    }
}

#[test]
fn row_93_a_large_context_needs_few_descriptors() {
    let engine = StubEngine::start();
    let manifest = ONE_ROUND.to_owned() + &table("tool", "acme/tool:1", "build = {}");
    let mut occ = Occ::manifest(&manifest).file("Dockerfile", "FROM scratch\nCOPY . /\n");
    for at in 0..3000 {
        occ = occ.file(&format!("wide/{at}/file"), "x");
    }
    occ = occ.file(&format!("{}file", "deep/".repeat(300)), "x");
    let occ = occ.limited("-n 64");
    let run = occ.run_with(["-H", &engine.host(), "sync"]).expect(0);
    assert!(run.stdout.contains("1 built"), "{run}");

    // A builder that asks for files asks for all of them at once.
    let mut engine = RealEngine::connect();
    let name = engine.name("wide");
    let manifest = ONE_ROUND.to_owned() + &table("tool", &name, "build = {}");
    let occ = occ.file("opencode.toml", manifest).file("wide/mark", unique());
    let run = occ.run_with(["-H", engine.host(), "sync"]).expect(0);
    assert!(run.stdout.contains("1 built"), "{run}");
    assert_eq!(engine.files(&name).iter().filter(|path| path.ends_with("/file")).count(), 3001);
}

#[test]
fn row_85_memory_does_not_grow_with_the_context() {
    let engine = StubEngine::start();
    let manifest = ONE_ROUND.to_owned() + &table("tool", "acme/tool:1", "build = {}");
    let occ = Occ::manifest(&manifest).file("Dockerfile", "FROM scratch\nCOPY . /\n");
    let occ = occ.args(["-H", &engine.host(), "sync"]);
    let file = std::fs::File::create(occ.work().join("large")).unwrap();
    file.set_len(1_000_000).unwrap();
    let small = watched(occ.spawn()).1.0;
    file.set_len(150_000_000).unwrap();
    let large = watched(occ.spawn()).1.0;
    assert_eq!(engine.seen("POST /build").len(), 2);
    assert!(small > 0 && large < small + 8_000_000, "{small} and {large}");

    // A builder that asks for files takes them as slowly as it likes.
    let mut engine = RealEngine::connect();
    let name = engine.name("memory");
    let manifest = ONE_ROUND.to_owned() + &table("tool", &name, "build = {}");
    let occ = Occ::manifest(&manifest).file("Dockerfile", "FROM scratch\nCOPY large /\n");
    let occ = occ.args(["-H", engine.host(), "sync"]);
    let file = std::fs::File::create(occ.work().join("large")).unwrap();
    let mut peak = |size: u64| {
        file.set_len(size).unwrap();
        let peak = watched(occ.spawn()).1.0;
        let held = engine.id(&name).unwrap();
        engine.clean_up(held);
        peak
    };
    let (small, large) = (peak(1_000_000), peak(60_000_000));
    assert!(small > 0 && large < small + 8_000_000, "{small} and {large}");
}
