//! What programs read: the document of `--format json` on every way out, the
//! events of `--progress json`, and the exit codes.

use serde_json::Value;

use crate::support::occ::{Occ, Run};
use crate::support::script::Rule;
use crate::support::stub_engine::{Fault, StubEngine};
use crate::support::stub_table::StubImage;

const MANIFEST: &str = r#"
version = 1
[retry]
attempts = 2
backoff = "10ms"
[images.tool]
name = "acme/tool"
tag = "1"
registries = ["ghcr.io"]
[images.redis]
name = "redis"
registries = ["docker.io"]
"#;

/// An engine whose registries have both images of the manifest.
fn engine() -> StubEngine {
    StubEngine::start()
        .remote("ghcr.io/acme/tool:1", &StubImage::new("tool"))
        .remote("docker.io/library/redis:latest", &StubImage::new("redis"))
}

fn on(engine: &StubEngine) -> Occ {
    Occ::manifest(MANIFEST).args(["-H", &engine.host()])
}

/// Checks that stdout is the document and nothing else, and gives it.
#[track_caller]
fn document(run: &Run, command: &str, exit: i32) -> Value {
    assert_eq!(run.code(), exit, "exit code\n{run}");
    assert_eq!(run.stdout.lines().count(), 1, "{run}");
    let document = run.json();
    assert_eq!(document["schema"], 1, "{run}");
    assert_eq!(document["command"], command, "{run}");
    assert_eq!(document["exit_code"], exit, "{run}");
    assert!(document["changed"].is_boolean(), "{run}");
    let reported: &[&str] = if command == "check" { &[] } else { &["action", "outcome", "cause"] };
    for image in document["images"].as_array().unwrap() {
        for key in ["id", "name", "reference"].iter().chain(reported) {
            assert!(image[key].is_string(), "`{key}` of {image}\n{run}");
        }
    }
    for diagnostic in document["diagnostics"].as_array().unwrap() {
        assert!(diagnostic["message"].as_str().is_some_and(|m| !m.is_empty()), "{run}");
        assert!(["error", "warning"].contains(&diagnostic["severity"].as_str().unwrap()), "{run}");
    }
    document
}

/// The same where the command did not get as far as any image.
#[track_caller]
fn refusal(run: &Run, command: &str, exit: i32) -> Value {
    let document = document(run, command, exit);
    assert_eq!((&document["images"], &document["changed"]), (&Value::Array(vec![]), &false.into()));
    assert_eq!(document["diagnostics"][0]["severity"], "error", "{run}");
    document
}

#[test]
fn a_sync_that_works_and_one_that_has_nothing_to_do() {
    let engine = engine();
    let occ = on(&engine).args(["--format", "json"]);
    let done = document(&occ.run_with(["sync"]), "sync", 0);
    assert_eq!(done["changed"], true);
    let tool = &done["images"][0];
    assert_eq!((&tool["id"], &tool["name"]), (&"tool".into(), &"acme/tool".into()));
    assert_eq!(tool["reference"], "docker.io/acme/tool:1");
    assert_eq!((&tool["action"], &tool["outcome"]), (&"pull".into(), &"done".into()));
    assert_eq!(tool["source"], "ghcr.io/acme/tool:1");
    assert_eq!(tool["digest"], StubImage::new("tool").digest);
    assert_eq!(tool["image_id"], StubImage::new("tool").id);
    let redis = &done["images"][1];
    assert_eq!(redis["name"], "redis");
    assert_eq!(redis["reference"], "docker.io/library/redis:latest");

    let again = document(&occ.run_with(["sync", "redis"]), "sync", 0);
    assert_eq!(
        (&again["changed"], &again["images"][0]["outcome"]),
        (&false.into(), &"unchanged".into())
    );
    assert_eq!(again["images"].as_array().unwrap().len(), 1);
}

#[test]
fn a_failure_of_one_image_names_every_source() {
    let engine =
        StubEngine::start().remote("docker.io/library/redis:latest", &StubImage::new("redis"));
    let run = on(&engine).args(["--format", "json", "sync"]).run();
    let failed = document(&run, "sync", 1);
    assert_eq!(failed["images"][1]["outcome"], "done", "the other one is done all the same");
    let tool = &failed["images"][0];
    assert_eq!((&tool["outcome"], &tool["exit"]), (&"failed".into(), &1.into()));
    assert!(tool["error"].as_str().unwrap().contains("ghcr.io/acme/tool:1"), "{tool}");
    assert!(tool["hints"].as_array().is_some_and(|hints| !hints.is_empty()), "{tool}");
    let failure = &tool["failures"][0];
    assert_eq!(failure["source"], "ghcr.io/acme/tool:1");
    assert_eq!((&failure["class"], &failure["attempts"]), (&"not_found".into(), &1.into()));
    assert!(failure["message"].as_str().unwrap().contains("manifest unknown"), "{tool}");
}

#[test]
fn plan_and_status_tell_by_their_exit_code_whether_something_is_due() {
    let engine = engine();
    let occ = on(&engine).args(["--format", "json"]);
    for (command, flag) in [("plan", "--detailed-exitcode"), ("status", "--check")] {
        let pending = document(&occ.run_with([command]), command, 0);
        assert_eq!(pending["images"][0]["outcome"], "pending");
        assert_eq!(pending["images"][0]["cause"], "not in the engine");
        let step = &pending["images"][0]["steps"][0];
        assert_eq!((&step["step"], &step["else_build"]), (&"pull".into(), &false.into()));
        assert_eq!(step["sources"][0], "ghcr.io/acme/tool:1");
        document(&occ.run_with([command, flag]), command, 2);
    }
    assert!(engine.seen("POST ").is_empty(), "looking changed something");
    document(&occ.run_with(["sync", "-n"]), "sync", 0);
    document(&occ.run_with(["sync", "redis"]), "sync", 0);
    for (command, flag) in [("plan", "--detailed-exitcode"), ("status", "--check")] {
        document(&occ.run_with([command, flag]), command, 2);
        let settled = document(&occ.run_with([command, flag, "redis"]), command, 0);
        assert_eq!(settled["images"][0]["outcome"], "unchanged");
    }
}

#[test]
fn the_exit_codes_are_the_same_in_text() {
    let engine = engine();
    let occ = on(&engine);
    assert_eq!(occ.run_with(["plan", "--detailed-exitcode"]).expect(2).stderr, "");
    let run = occ.run_with(["status", "--check"]).expect(2);
    assert!(run.stdout.ends_with("0 of 2 images in sync\n"), "{run}");
    occ.run_with(["sync"]).expect(0);
    let run = occ.run_with(["status", "--check"]).expect(0);
    assert!(run.stdout.ends_with("2 of 2 images in sync\n"), "{run}");
    let run = occ.run_with(["plan", "--detailed-exitcode"]).expect(0);
    assert!(run.stdout.ends_with("plan: nothing to do, 2 in sync\n"), "{run}");
}

#[test]
fn an_engine_that_is_not_there_ends_with_the_document() {
    for command in ["plan", "status", "sync"] {
        let run = Occ::manifest(MANIFEST)
            .args(["--format", "json", "-H", "unix:///nonexistent/none.sock", command])
            .run();
        let refused = refusal(&run, command, 5);
        let told = &refused["diagnostics"][0];
        assert!(told["message"].as_str().unwrap().contains("there is no socket"), "{told}");
        assert!(told["hints"][0].as_str().unwrap().contains("`--host`"), "{told}");
    }
    let run = Occ::manifest(MANIFEST).args(["--format", "json", "-H", "gopher://x", "plan"]).run();
    refusal(&run, "plan", 64);
}

#[test]
fn an_engine_that_dies_on_the_way_ends_with_what_was_done() {
    let engine = engine().rule(Rule::on("/tag?repo=docker.io%2Flibrary%2Fredis", Fault::Close));
    let run = on(&engine).args(["--format", "json", "sync"]).run();
    let ended = document(&run, "sync", 5);
    assert_eq!(ended["images"].as_array().unwrap().len(), 2);
    assert_eq!(ended["images"][1]["outcome"], "failed", "{run}");
}

#[test]
fn a_bad_manifest_ends_with_the_document() {
    let bad = MANIFEST.replace("registries = [\"ghcr.io\"]", "registrys = [\"ghcr.io\"]");
    for command in ["check", "plan", "status", "sync"] {
        let run = Occ::manifest(&bad).args(["--format", "json", command]).run();
        let refused = refusal(&run, command, 65);
        let told = &refused["diagnostics"][0];
        assert_eq!((&told["line"], &told["column"]), (&9.into(), &1.into()), "{told}");
        assert!(told["file"].as_str().unwrap().ends_with("opencode.toml"), "{told}");
        assert!(told["hints"].to_string().contains("registries"), "{told}");
        refusal(&Occ::new().args(["--format", "json", command]).run(), command, 65);
    }
    let run = Occ::manifest(MANIFEST).args(["--format", "json", "check"]).run();
    let checked = document(&run, "check", 0);
    assert_eq!(checked["diagnostics"], Value::Array(vec![]));
    assert_eq!(checked["images"][1]["reference"], "docker.io/library/redis:latest");
}

#[test]
fn the_document_has_every_warning_that_a_person_sees() {
    let engine = engine();
    // A manifest with a warning of its own, and a plan with another.
    let twice = MANIFEST.replace(r#"["ghcr.io"]"#, r#"["ghcr.io", "ghcr.io"]"#);
    let manifest = twice + "build = { context = \"nope\" }\n";
    let occ = Occ::manifest(&manifest).args(["-H", &engine.host(), "--format", "json"]);
    for command in ["plan", "status", "sync"] {
        let run = occ.run_with([command]);
        let told = document(&run, command, 0)["diagnostics"].to_string();
        assert!(told.contains("is listed twice"), "{run}");
        assert!(told.contains("no build can stand in: the build context"), "{run}");
        assert!(told.contains("\"images.redis\""), "{run}");
        let said = run.stderr.matches("no build can stand in").count();
        assert_eq!(said, usize::from(command == "sync"), "only sync shows its plan\n{run}");
    }
    // Also where the command ends early.
    let run = occ.run_with(["sync", "toll", "reddis"]);
    let told = refusal_with_warnings(&run, "sync", 64);
    assert_eq!(told, ["warning", "error", "error"], "{run}");
    let nowhere = Occ::manifest(&manifest).args(["-H", "tcp://127.0.0.1:1", "--format", "json"]);
    let run = nowhere.run_with(["sync"]);
    assert_eq!(refusal_with_warnings(&run, "sync", 5), ["warning", "warning", "error"], "{run}");
    let causes = run.json()["diagnostics"][2]["causes"].to_string();
    assert!(causes.contains("refused"), "{run}");
}

/// The severities of a document without images.
#[track_caller]
fn refusal_with_warnings(run: &Run, command: &str, exit: i32) -> Vec<String> {
    let document = document(run, command, exit);
    assert_eq!(document["images"], Value::Array(vec![]));
    let diagnostics = document["diagnostics"].as_array().unwrap();
    diagnostics.iter().map(|one| one["severity"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_log_is_events_too_where_progress_is() {
    let engine = engine();
    let run = on(&engine).args(["--progress", "json", "-vv", "sync"]).run().expect(0);
    let logged: Vec<Value> =
        run.events().into_iter().filter(|event| event["event"] == "log").collect();
    let observed = logged.iter().find(|event| event["message"] == "observed").expect("a log line");
    assert_eq!((&observed["level"], &observed["id"]), (&"info".into(), &"redis".into()), "{run}");
}

#[test]
fn a_bad_command_line_ends_with_the_document() {
    let json = ["--format", "json"];
    let cases: [(&[&str], &str); 6] = [
        (&["sink"], "unrecognized subcommand 'sink'"),
        (&["sync", "--frobnicate"], "unexpected argument '--frobnicate' found"),
        (&["sync", "--strategy", "wish"], "invalid value 'wish'"),
        (&["sync", "--timeout", "soon"], "invalid value 'soon'"),
        (&["a\u{1b}[2J\u{7}\u{202e}"], "unrecognized subcommand"),
        (&[], "there is no command"),
    ];
    for (arguments, said) in cases {
        let occ = Occ::manifest(MANIFEST).args(arguments.iter().copied());
        for run in [
            occ.run_with(json),
            occ.run_with(["--format=json"]),
            // clap names the first mistake it meets, and the variable is none.
            Occ::manifest(MANIFEST).args(arguments.iter().copied()).env("OCC_FORMAT", "json").run(),
        ] {
            let command = if arguments.first() == Some(&"sync") { "sync" } else { "" };
            let refused = refusal(&run, command, 64);
            let message = refused["diagnostics"][0]["message"].as_str().unwrap();
            assert!(message.contains(said), "{message}\n{run}");
        }
    }
    // Not clap's but ours, and so with the command.
    let run = Occ::manifest(MANIFEST).args(json).args(["sync", "toll"]).run();
    let refused = refusal(&run, "sync", 64);
    assert_eq!(refused["diagnostics"][0]["hints"][0], "did you mean `tool`?");
}

#[test]
fn a_deadline_and_a_signal_end_with_the_document() {
    let engine = engine().failing("fromImage=ghcr.io", Fault::Hang);
    let occ = on(&engine).args(["--format", "json", "--progress", "plain", "sync"]);
    let ended = document(&occ.run_with(["--timeout", "1s"]), "sync", 7);
    assert_eq!(ended["images"][0]["outcome"], "cancelled");
    assert_eq!(ended["images"][1]["outcome"], "done");

    let running = occ.spawn();
    // The third pull: one for each image before, and now the one that hangs.
    while engine.seen("POST /images/create").len() < 3 {
        std::thread::yield_now();
    }
    running.signal(rustix::process::Signal::INT);
    let ended = document(&running.wait(), "sync", 130);
    assert_eq!(ended["images"][0]["outcome"], "cancelled");
    assert_eq!(ended["images"][1]["outcome"], "unchanged");
}

#[test]
fn a_deadline_hides_no_failure_that_running_it_again_would_not_mend() {
    let engine = StubEngine::start()
        .remote("ghcr.io/acme/tool:1", &StubImage::new("tool"))
        .failing("fromImage=ghcr.io", Fault::Hang);
    let run = on(&engine).args(["--format", "json", "sync"]).run_with(["--timeout", "1s"]);
    let ended = document(&run, "sync", 1);
    assert_eq!(
        (&ended["images"][0]["outcome"], &ended["images"][0]["exit"]),
        (&"cancelled".into(), &7.into())
    );
    assert_eq!(ended["images"][1]["outcome"], "failed");
}

#[test]
fn progress_is_one_event_a_line() {
    let engine = engine();
    let occ = on(&engine).args(["--progress", "json"]);
    let run = occ.run_with(["sync", "tool"]).expect(0);
    let told = run.events();
    let names: Vec<&str> = told.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(names, ["started", "trying", "resolved", "layer", "layer", "layer", "finished"]);
    assert!(told.iter().all(|event| event["image"] == "tool"), "{run}");
    assert_eq!(told[2]["digest"], StubImage::new("tool").digest);
    assert_eq!((&told[4]["current"], &told[4]["total"]), (&10.into(), &20.into()));
    assert_eq!(told[6]["outcome"], "done");
    assert!(run.stdout.contains("1 pulled in "), "the result stays text\n{run}");
    assert!(occ.run_with(["sync", "tool"]).expect(0).events().is_empty());
}

#[test]
fn failures_on_the_way_are_events() {
    let engine = StubEngine::start().failing("/distribution/ghcr.io", Fault::Status(503, "busy"));
    let run = on(&engine).args(["--progress", "json", "sync", "tool"]).run().expect(7);
    let told = run.events();
    let of = |name: &str| told.iter().filter(|event| event["event"] == name).collect::<Vec<_>>();
    assert_eq!(of("source_failed").len(), 2, "{run}");
    assert_eq!(of("source_failed")[0]["class"], "server");
    assert_eq!((&of("waiting")[0]["round"], &of("waiting")[0]["of"]), (&2.into(), &2.into()));
    assert_eq!(of("finished")[0]["outcome"], "failed");
}

#[test]
fn what_ends_a_command_early_is_an_event_too() {
    let json = ["--progress", "json"];
    let down = ["-H", "unix:///nonexistent/none.sock", "sync"];
    let cases = [
        (Occ::manifest(MANIFEST).args(json).args(down), 5, "there is no socket"),
        (Occ::manifest("version = 2\n").args(json).args(["check"]), 65, "version"),
        (Occ::new().args(json).args(["sync"]), 65, "there is no `opencode.toml`"),
        (Occ::manifest(MANIFEST).args(json).args(["sync", "nobody"]), 64, "no image `nobody`"),
        (Occ::manifest(MANIFEST).args(json).args(["sync", "--nope"]), 64, "'--nope'"),
    ];
    for (occ, exit, said) in cases {
        let run = occ.run().expect(exit);
        let told = run.events();
        assert!(!told.is_empty(), "{run}");
        assert!(told.iter().all(|event| event["event"] == "diagnostic"), "{run}");
        assert!(told.iter().any(|e| e["message"].as_str().unwrap().contains(said)), "{run}");
    }
}
