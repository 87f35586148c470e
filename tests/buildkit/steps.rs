//! What a build asks of the builder, and what is told of its steps.

use serde_json::{Value, json};

use super::{events, held, mark, tool, with_shell};
use crate::support::occ::Run;
use crate::support::real_engine::RealEngine;
use crate::support::registry::Registry;
use crate::support::unique;

#[test]
fn arguments_labels_a_stage_and_further_names_reach_the_image() {
    let mut engine = RealEngine::connect();
    let (name, further) = (engine.name("asked"), engine.name("further"));
    // What stands behind the stage must not be built: it can't be.
    let text = "FROM shell AS middle\nARG WHO=nobody\nARG QUOTED\nLABEL who=$WHO\n\
                RUN echo \"$WHO, $QUOTED\" > /said\nFROM middle AS last\nRUN exit 1\n";
    let more = ", target = \"Middle\", args = { WHO = \"me\", QUOTED = 'a \"b\" $c, d=e' }, \
                labels = { maker = \"x y\", \"org.example.a\" = \"\" }";
    let occ = with_shell(&engine, &name, more, text);
    let manifest = fs_err::read_to_string(occ.work().join("opencode.toml")).unwrap();
    let occ = occ.file("opencode.toml", manifest + &format!("extra_tags = [\"{further}\"]\n"));
    occ.run_with(["sync"]).expect(0);
    assert_eq!(engine.id(&name), engine.id(&further));
    assert_eq!(engine.entries(&name)["said"].content, b"me, a \"b\" $c, d=e\n");
    let labels = &engine.inspect(&name).unwrap()["Config"]["Labels"];
    let of = |key: &str| labels[key].as_str().unwrap().to_owned();
    assert_eq!(["who", "maker", "org.example.a"].map(of), ["me", "x y", ""]);
    let ours = of("dev.occ.inputs");
    assert!(ours.ends_with(&format!(";docker.io/{name}")), "{ours}");
    // It ends the history: by that a copy that somebody made by hand is told from ours.
    let history = engine.history(&name);
    assert_eq!(history[0], format!("LABEL dev.occ.inputs={ours}"), "{history:?}");
    let run = occ.run_with(["plan", "--detailed-exitcode"]).expect(0);
    assert!(run.stdout.contains("in sync"), "{run}");
}

#[test]
fn an_image_that_was_made_from_ours_is_noticed_and_built_again_from_the_cache() {
    let mut engine = RealEngine::connect();
    let name = engine.name("from-ours");
    let text = format!("FROM scratch AS one\n{}COPY file /\nFROM one\nCOPY file /b\n", mark());
    for more in [", target = \"one\"", ""] {
        let occ = tool(&engine, &name, more, &text).file("ctx/file", unique());
        occ.run_with(["sync"]).expect(0);
        let ours = held(&mut engine, &name);
        for theirs in [engine.commit(&name), engine.built(&format!("FROM {name}\nENV A=b\n"))] {
            engine.clean_up(theirs.clone());
            engine.tag(&theirs, &name);
            let run = occ.run_with(["plan"]).expect(0);
            assert!(run.stdout.contains("an image that was made from occ's"), "{run}");
            let run = occ.run_with(["sync"]).expect(0);
            assert!(run.stdout.contains("1 built"), "{run}");
            assert_eq!(engine.id(&name).unwrap(), ours);
        }
    }
}

#[test]
fn another_platform_needs_no_emulation_where_nothing_is_run() {
    let mut engine = RealEngine::connect();
    let name = engine.name("platform");
    let text =
        format!("FROM scratch\nARG TARGETARCH\n{}LABEL of=$TARGETARCH\nCOPY file /\n", mark());
    let occ = tool(&engine, &name, "", &text).file("ctx/file", "x");
    let manifest = fs_err::read_to_string(occ.work().join("opencode.toml")).unwrap();
    let occ = occ.file("opencode.toml", manifest + "platform = \"linux/arm64\"\n");
    occ.run_with(["sync"]).expect(0);
    assert_eq!(engine.architecture(&name), "arm64");
    let found = engine.inspect(&name).unwrap();
    assert_eq!(
        (&found["Config"]["Labels"]["of"], &found["Os"]),
        (&json!("arm64"), &json!("linux"))
    );
    let run = occ.run_with(["sync"]).expect(0);
    assert!(run.stdout.contains("1 unchanged"), "{run}");
}

#[test]
fn a_cache_that_no_registry_has_costs_nothing() {
    let mut engine = RealEngine::connect();
    let name = engine.name("absent-cache");
    let empty = Registry::start();
    let more = format!(", cache_from = [\"{}/occ-test/none:1\"]", empty.host());
    let occ = with_shell(&engine, &name, &more, "FROM shell\nRUN echo a > /a\n");
    let run = occ.run_with(["sync"]).expect(0);
    assert!(run.stdout.contains("1 built"), "{run}");
    assert!(!empty.seen("/occ-test/none/").is_empty(), "it is not looked for");
    // It is not what a build fails of.
    let occ = with_shell(&engine, &name, &more, "FROM shell\nRUN echo told; exit 1\n");
    let run = occ.run_with(["sync"]).expect(1);
    assert!(run.stdout.contains("line 6: `RUN echo told; exit 1`"), "{run}");
    assert!(run.stdout.contains("    | told\n"), "{run}");
}

/// The states in which the steps whose text contains this were told.
fn states(run: &Run, text: &str) -> Vec<String> {
    let told = events(run);
    let is_it = |event: &&Value| {
        event["event"] == "build_step" && event["text"].as_str().is_some_and(|it| it.contains(text))
    };
    let state = |event: &Value| event["state"].as_str().unwrap().to_owned();
    told.iter().filter(is_it).map(state).collect()
}

#[test]
fn what_came_from_the_cache_is_told_and_without_the_cache_nothing_does() {
    let mut engine = RealEngine::connect();
    let name = engine.name("told");
    let text = "FROM shell\nCOPY file /\nRUN echo hello\n";
    let occ = with_shell(&engine, &name, "", text).file("ctx/file", unique());
    let sync = |more: &[&str]| {
        let arguments = ["--progress", "json", "sync"].iter().chain(more);
        occ.run_with(arguments.copied()).expect(0)
    };
    let run = sync(&[]);
    assert_eq!(states(&run, "RUN echo hello").last().unwrap(), "done", "{run}");
    held(&mut engine, &name);
    engine.remove(&name);
    let run = sync(&[]);
    assert_eq!(states(&run, "RUN echo hello"), ["cached"], "{run}");
    assert_eq!(states(&run, "COPY file /"), ["cached"], "{run}");
    let run = sync(&["--no-cache"]);
    assert_eq!(states(&run, "RUN echo hello"), ["running", "done"], "{run}");
    // By number, and by nothing else, a line belongs to a step.
    let told = events(&run);
    let of = |event: &Value| event["number"].as_u64().unwrap();
    let step = told.iter().find(|it| it["text"].as_str().is_some_and(|it| it.contains("hello")));
    let line = told.iter().find(|it| it["event"] == "build_log" && it["line"] == "hello");
    assert_eq!(of(step.unwrap()), of(line.unwrap()), "{run}");
}

/// Two stages that run side by side, and one that needs both.
const PARALLEL: &str = "FROM shell AS one\n\
    RUN for i in 1 2 3 4; do echo one $i; sleep 0.1; done; echo a > /one\n\
    FROM shell AS two\n\
    RUN for i in 1 2 3 4; do echo two $i; sleep 0.1; done; echo a > /two\n\
    FROM shell\n\
    COPY --from=one /one /\n\
    COPY --from=two /two /\n";

#[test]
fn of_steps_side_by_side_each_line_is_told_with_its_step() {
    let mut engine = RealEngine::connect();
    let name = engine.name("parallel");
    let occ = with_shell(&engine, &name, "", PARALLEL);
    let run = occ.run_with(["-v", "--progress", "plain", "sync"]).expect(0);
    let lines: Vec<&str> = run.stderr.lines().collect();
    for stage in ["one", "two"] {
        let step = lines.iter().position(|it| it.contains(&format!("[{stage} 1/1] RUN"))).unwrap();
        let printed = |it: &&&str| it.ends_with(&format!(" {stage} 4"));
        assert_eq!(lines[step..].iter().filter(printed).count(), 1, "{run}");
    }
    for stage in ["one", "two"] {
        let its = lines.iter().filter(|line| line.contains(&format!("[{stage} 1/1] RUN")));
        let is_begin = |line: &&&str| line.ends_with(&format!("> /{stage}"));
        assert_eq!(its.clone().filter(is_begin).count(), 1, "{run}");
        assert_eq!(its.filter(|line| line.contains(": done in 0.")).count(), 1, "{run}");
    }
    held(&mut engine, &name);

    let run = occ.run_with(["--progress", "json", "sync", "--no-cache"]).expect(0);
    for stage in ["one", "two"] {
        let told = states(&run, &format!("[{stage} 1/1] RUN"));
        assert_eq!(told, ["running", "done"], "{run}");
    }
    let told = events(&run);
    let step = |stage: &str| {
        let is_it = |it: &&Value| it["text"].as_str().is_some_and(|it| it.starts_with(stage));
        told.iter().find(is_it).unwrap()["number"].as_u64().unwrap()
    };
    for (stage, number) in [("one", step("[one 1/1] RUN")), ("two", step("[two 1/1] RUN"))] {
        let its = told.iter().filter(|it| it["event"] == "build_log" && it["number"] == number);
        let lines: Vec<String> = its.map(|it| it["line"].as_str().unwrap().to_owned()).collect();
        assert_eq!(lines, [1, 2, 3, 4].map(|at| format!("{stage} {at}")), "{run}");
    }
}
