//! What a build reads: what of it counts, and how a change of it is told.

use crate::support::occ::{Occ, Run};
use crate::support::real_engine::RealEngine;
use crate::support::stub_engine::StubEngine;
use crate::support::unique;
use crate::sync::{ONE_ROUND, image_of, occ, table};

/// An image built from the directory `tool`, with more of its build table.
fn tool(engine: &RealEngine, name: &str, build: &str) -> Occ {
    let build = format!("build = {{ context = \"tool\", {build} }}");
    occ(engine, &(ONE_ROUND.to_owned() + &table("tool", name, &build)))
        // No other test shares a step with it, and takes it away with its own image.
        .file(
            "tool/Dockerfile",
            format!("FROM scratch\nLABEL test={}\nARG A\nCOPY src /src\n", unique()),
        )
        .file("tool/src/main", unique())
        .file("tool/src/other", "other")
        .file("tool/docs/page", "page")
}

fn sync(occ: &Occ) -> Run {
    occ.run_with(["--format", "json", "sync"]).expect(0)
}

/// Why the plan would build again.
fn cause(occ: &Occ) -> String {
    let run = occ.run_with(["--format", "json", "plan"]).expect(0);
    image_of(&run, "tool")["cause"].as_str().unwrap().to_owned()
}

#[test]
fn the_plan_names_what_changed() {
    let mut engine = RealEngine::connect();
    let name = engine.name("named");
    let occ = tool(&engine, &name, "args = { A = \"1\" }");
    sync(&occ);
    assert_eq!(cause(&occ), "in sync");

    let occ = occ.file("tool/src/main", "changed").file("tool/src/new", "new");
    std::fs::remove_file(occ.work().join("tool/docs/page")).unwrap();
    let words = "`src/main` changed, `src/new` was added and `docs/page` was removed";
    assert_eq!(cause(&occ), words);
    let occ = occ.file("tool/Dockerfile", "FROM scratch\nARG A\nCOPY src /\n");
    assert_eq!(cause(&occ), format!("the Dockerfile changed; {words}"));

    // Without the cache less is known, and as much is right.
    std::fs::remove_dir_all(occ.path("home/.cache")).unwrap();
    let words = "the Dockerfile changed; files changed (list not known on this machine)";
    assert_eq!(cause(&occ), words);
    sync(&occ);
    assert_eq!(cause(&occ), "in sync");

    let manifest = std::fs::read_to_string(occ.work().join("opencode.toml")).unwrap();
    let occ = occ.file("opencode.toml", manifest.replace("A = \"1\"", "A = \"2\", B = \"\""));
    assert_eq!(cause(&occ), "the build argument `A` changed and the build argument `B` was added");
    let labels = &engine.inspect(&name).unwrap()["Config"]["Labels"];
    let label = labels["dev.occ.inputs"].as_str().unwrap();
    assert!(label.starts_with("2:") && label.contains(",files:") && label.len() < 250, "{label}");
    assert!(label.ends_with(&format!(";docker.io/{name}")), "{label}");
}

#[test]
fn narrowed_inputs_leave_the_rest_out_and_the_plan_says_so() {
    let mut engine = RealEngine::connect();
    let name = engine.name("narrowed");
    let occ = tool(&engine, &name, "inputs = [\"src\", \"!src/other\"]");
    sync(&occ);
    let occ = occ.file("tool/docs/page", "changed").file("tool/src/other", "changed");
    assert_eq!(cause(&occ), "in sync");
    let plan = occ.file("tool/src/main", "changed").run_with(["plan"]).expect(0);
    assert!(plan.stdout.contains(": `src/main` changed\n"), "{plan}");
    let warning = "only `src` and `!src/other` count as inputs, and all files are sent";
    assert!(plan.stdout.contains(warning), "{plan}");
}

#[test]
fn a_malformed_pattern_in_inputs_is_told_with_its_place_before_the_engine_is_asked() {
    let engine = StubEngine::start();
    let build = "build = { inputs = [\"src\", \"[\"] }";
    let occ = Occ::manifest(&(ONE_ROUND.to_owned() + &table("tool", "acme/tool:1", build)));
    for command in ["check", "plan", "sync"] {
        let run = occ.run_with(["-H", &engine.host(), command]).expect(65);
        run.says(&["the pattern is malformed: a `[` has no `]`", "opencode.toml:7:28"]);
    }
    assert!(engine.seen("").is_empty());
}

/// What somebody made by hand from the image behind the name, and gave its name.
fn derived(builder: &str, made: impl Fn(&RealEngine, &str) -> String) {
    let mut engine = RealEngine::connect();
    let name = engine.name("derived");
    // A label that sorts after occ's own.
    let build = format!("labels = {{ \"org.example\" = \"x\" }}, builder = \"{builder}\"");
    let occ = tool(&engine, &name, &build);
    sync(&occ);
    let ours = engine.id(&name).unwrap();
    assert_eq!(cause(&occ), "in sync");

    let theirs = made(&engine, &name);
    assert_ne!(theirs, ours);
    engine.tag(&theirs, &name);
    engine.clean_up(theirs.clone());
    let labels =
        |id: &str| engine.inspect(id).unwrap()["Config"]["Labels"]["dev.occ.inputs"].clone();
    assert_eq!(labels(&theirs), labels(&ours), "it inherits the label");
    assert!(cause(&occ).starts_with("the name is on an image that was made from occ's"));
    sync(&occ);
    assert_eq!(engine.id(&name).unwrap(), ours, "from the engine's build cache");
    assert_eq!(cause(&occ), "in sync");
    engine.clean_up(ours);
}

#[test]
fn an_image_that_was_committed_from_ours_is_not_ours() {
    for builder in ["buildkit", "classic"] {
        derived(builder, RealEngine::commit);
    }
}

#[test]
fn an_image_that_was_built_from_ours_is_not_ours() {
    let steps = ["ENV A=b", "LABEL zz=1", "LABEL aa=1", "COPY Dockerfile /"];
    // Of BuildKit's history one kind of step is like another.
    let cases = steps.map(|step| ("classic", step)).into_iter();
    for (builder, step) in cases.chain([("buildkit", "LABEL zz=1"), ("buildkit", steps[3])]) {
        derived(builder, |engine, name| engine.built(&format!("FROM {name}\n{step}\n")));
    }
}

#[test]
fn status_lists_what_lost_its_name_with_the_command_that_removes_it() {
    let mut engine = RealEngine::connect();
    let name = engine.name("superseded");
    let occ = tool(&engine, &name, "");
    let status = |occ: &Occ| occ.run_with(["status"]).expect(0);
    sync(&occ);
    let first = engine.id(&name).unwrap();
    engine.clean_up(first.clone());
    assert!(!status(&occ).stdout.contains("no name any more"));

    let occ = occ.file("tool/src/main", unique());
    sync(&occ);
    let run = status(&occ);
    assert!(run.stdout.contains("1 image that occ built has no name any more"), "{run}");
    let command = format!("docker -H {} image rm {}\n", engine.host(), &first[7..19]);
    assert!(run.stdout.ends_with(&format!("to remove it: {command}")), "{run}");
    let run = occ.run_with(["--format", "json", "status"]).expect(0);
    let listed = &run.json()["superseded"];
    assert_eq!(listed[0]["image_id"], first);
    assert_eq!(listed[0]["reference"], format!("docker.io/{name}"));
    engine.remove(&first);
    assert!(!status(&occ).stdout.contains("no name any more"));
}
