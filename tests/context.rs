//! Build contexts: what an ignore file takes out is neither hashed nor sent, and the
//! builder shows what Docker's own would.

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
fn a_malformed_pattern_is_told_and_nothing_is_sent() {
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
