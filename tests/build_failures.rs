//! Builds that fail: what is told, where it is kept, and what stays as it was.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::support::occ::Occ;
use crate::support::real_engine::RealEngine;
use crate::support::script::Rule;
use crate::support::stub_engine::{End, Fault, StubEngine};
use crate::support::stub_table::StubImage;
use crate::sync::{ONE_ROUND, image_of, occ, table};

/// The first stage of a Dockerfile whose steps can run something, and the image of `name`
/// with the program for it.
const SHELL: &str = "# A comment, and an argument in front of all stages.\nARG BASE=scratch\n\
                     FROM $BASE AS shell\nCOPY busybox \\\n    /bin/\n";

fn with_a_shell(engine: &RealEngine, name: &str, build: &str) -> Occ {
    let busybox = fs_err::read("/bin/busybox").expect("busybox-static is installed");
    let build = format!("build = {{ network = \"none\"{build} }}");
    let occ = occ(engine, &(ONE_ROUND.to_owned() + &table("tool", name, &build)));
    let occ = occ.file("Dockerfile", SHELL).file("busybox", busybox);
    // The engine keeps a file's mode as the archive has it.
    let mode = PermissionsExt::from_mode(0o755);
    fs_err::set_permissions(occ.work().join("busybox"), mode).unwrap();
    occ
}

/// An instruction that prints 50 lines and fails.
fn fifty_lines() -> String {
    let script = "i=0; while [ $i -lt 50 ]; do i=$((i+1)); echo line $i; done; exit 3";
    format!("RUN [\"/bin/busybox\", \"sh\", \"-c\", \"{script}\"]\n")
}

/// The builders of the real engine.
#[test]
fn row_89_a_failed_build_shows_its_last_lines_keeps_all_and_leaves_the_name_alone() {
    for builder in RealEngine::connect().builders() {
        shows_its_last_lines(builder);
    }
}

fn shows_its_last_lines(builder: &str) {
    let mut engine = RealEngine::connect();
    let name = engine.name("broken");
    let is_classic = builder == "classic";
    let occ = with_a_shell(&engine, &name, &format!(", builder = \"{builder}\""));
    occ.run_with(["sync"]).expect(0);
    let good = engine.id(&name).unwrap();
    engine.clean_up(good.clone());

    let occ = occ.file("Dockerfile", format!("{SHELL}FROM shell\n{}", fifty_lines()));
    let run = occ.run_with(["sync"]).expect(1);
    let code = if is_classic { "returned a non-zero code: 3" } else { "ended with exit code 3" };
    assert!(run.stdout.contains(code), "{run}");
    // Newer classic builders have a last word of their own, about what they clean up.
    let (_, tail) = run.stdout.split_once("the build's last 30 lines:\n").expect("a tail");
    let last = tail.split_once("    hint: the whole log is in `").expect("a hint").0;
    let cleaned = last.contains("---> Removed intermediate container ");
    let first = if cleaned { "    | line 22\n" } else { "    | line 21\n" };
    assert!(last.starts_with(first) && last.contains("    | line 50\n"), "{run}");
    assert_eq!(last.lines().count(), 30, "{run}");
    assert!(
        run.stdout
            .contains(".log`\n    code: OCC-BUILD, see `occ explain OCC-BUILD`\n1 failed in "),
        "{run}"
    );
    assert_eq!(engine.id(&name).unwrap(), good);

    let run = occ.run_with(["--format", "json", "sync"]).expect(1);
    let image = image_of(&run, "tool");
    assert_eq!(image["log"].as_array().unwrap().len(), 30);
    let path = image["log_file"].as_str().unwrap();
    assert!(path.contains("/.local/state/occ/builds/tool-"), "{path}");
    let text = fs_err::read_to_string(path).unwrap();
    let (first, start) = if is_classic {
        ("line 1\n", "Step 1/6 : ARG BASE=scratch\nStep 2/6 : FROM")
    } else {
        (" line 1\n", "#1 [internal] load build definition from Dockerfile\n")
    };
    let (at, _) = text.split_once(first).expect(&text);
    let number = at.rsplit('\n').next().unwrap();
    let is_its = |line: &&str| {
        line.strip_prefix(number).is_some_and(|it| it.trim_start().starts_with("line "))
    };
    assert_eq!(text.lines().filter(is_its).count(), 50, "{text}");
    assert!(text.starts_with(start), "{text}");
    let directory = std::path::Path::new(path).parent().unwrap();
    let mode = |path| fs_err::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(path.as_ref()), mode(directory)), (0o600, 0o700));
    assert_eq!(fs_err::read_dir(directory).unwrap().count(), 1, "one file an image");
    assert_eq!(engine.id(&name).unwrap(), good);
}

#[test]
fn row_89_a_failed_step_is_told_with_its_line_in_the_dockerfile() {
    for builder in RealEngine::connect().builders() {
        has_its_line(builder);
    }
}

fn has_its_line(builder: &str) {
    let mut engine = RealEngine::connect();
    let name = engine.name("line");
    let is_classic = builder == "classic";
    let builder = format!(", builder = \"{builder}\"");
    // The line after `SHELL`, up to which the target counts, is the seventh.
    let text = format!(
        "{SHELL}\nFROM shell AS middle\n\nRUN [\"/bin/busybox\", \\\n# why not\n \"false\"]\n\
         FROM middle\nCOPY busybox /again\n"
    );
    let labels = "dockerfile = \"docker/file\", labels = { a = \"b\", c = \"d\" }";
    for target in ["", ", target = \"MIDDLE\""] {
        let build = format!("{builder}, {labels}{target}");
        let occ = with_a_shell(&engine, &name, &build).file("docker/file", &text);
        let run = occ.run_with(["--format", "json", "sync"]).expect(1);
        let image = image_of(&run, "tool");
        let instruction = "RUN [\"/bin/busybox\", \"false\"]";
        let mut at = json!({ "file": "docker/file", "line": 9, "instruction": instruction });
        let why = if is_classic { "The command" } else { "it ended with exit code 1" };
        if !is_classic {
            at["exit_code"] = json!(1);
        }
        assert_eq!(image["failed_at"], at, "{run}");
        let want = format!("the build failed at `docker/file`, line 9: `{instruction}`: {why}");
        assert!(image["error"].as_str().unwrap().starts_with(&want), "{run}");
    }
    // A trigger of the base's runs where the base is named, and the last instruction is
    // not mistaken for the label that comes behind it. BuildKit does not say whose step a
    // trigger's is.
    let cases = [
        (
            "ONBUILD RUN [\"/bin/busybox\", \"false\"]\nFROM shell\nCOPY Dockerfile /\n",
            is_classic.then_some(7),
        ),
        ("LABEL a=b\nCOPY nothing /\n", Some(7)),
        ("FROM nowhere.example/x\n", Some(6)),
    ];
    for (more, line) in cases {
        let occ = with_a_shell(&engine, &name, &builder);
        let occ = occ.file("Dockerfile", format!("{SHELL}{more}"));
        let run = occ.run_with(["--format", "json", "sync"]);
        assert_eq!(image_of(&run, "tool")["failed_at"]["line"], json!(line), "{run}");
    }
}

#[test]
fn a_builder_that_counts_otherwise_gets_no_line() {
    let step = |text: &str| format!("{{\"stream\":\"STEP {text}\\n\"}}").into_bytes();
    let error = br#"{"errorDetail":{"message":"it broke"},"error":"it broke"}"#.to_vec();
    // Podman does not count the `ARG` in front of all stages.
    let lines = vec![step("1/3: FROM scratch"), step("2/3: COPY a /"), error];
    let engine =
        StubEngine::start().rule(Rule::on("POST /build", Fault::Stream(lines, End::Clean)));
    let manifest = ONE_ROUND.to_owned() + &table("tool", "acme/tool:1", "build = {}");
    let occ =
        Occ::manifest(&manifest).file("Dockerfile", "ARG A\nFROM scratch\nCOPY a /\nCOPY b /\n");
    let run = occ.args(["-H", &engine.host(), "--format", "json", "sync"]).run().expect(1);
    let image = image_of(&run, "tool");
    assert_eq!(
        (&image["failed_at"], &image["error"]),
        (&json!(null), &json!("cannot build `Dockerfile`: it broke"))
    );
}

#[test]
fn row_89_a_build_that_ends_without_an_image_has_failed() {
    let lines = || vec![br#"{"stream":"Step 1/2 : FROM scratch\n"}"#.to_vec()];
    let cases = [
        (Fault::Stream(lines(), End::Clean), "the engine reported no error, and no image"),
        (Fault::Stream(lines(), End::Cut), "the engine's answer broke off"),
    ];
    for (fault, words) in cases {
        let engine = StubEngine::start().rule(Rule::on("POST /build", fault));
        let manifest = ONE_ROUND.to_owned() + &table("tool", "acme/tool:1", "build = {}");
        let occ = Occ::manifest(&manifest).file("Dockerfile", "FROM scratch\nCOPY a /\n");
        let run = occ.args(["-H", &engine.host(), "sync"]).run().expect(1);
        assert!(run.stdout.contains(words), "{run}");
        assert_eq!(engine.id("acme/tool:1"), None);
    }
}

#[test]
fn row_89_an_answer_that_breaks_off_after_all_is_done_is_proven() {
    let engine = StubEngine::start().rule(Rule::on("POST /build", Fault::LacksAByte));
    let manifest = ONE_ROUND.to_owned() + &table("tool", "acme/tool:1", "build = {}");
    let occ = Occ::manifest(&manifest).file("Dockerfile", "FROM scratch\nCOPY a /\n");
    let sync = |engine: &StubEngine| occ.run_with(["-H", &engine.host(), "sync"]);
    sync(&engine).expect(0);
    let run = sync(&engine).expect(0);
    assert!(run.stdout.contains("1 unchanged"), "{run}");

    // What it named before it broke off may have been a stage on the way.
    let stage = StubImage::new("stage");
    let line = format!("{{\"aux\":{{\"ID\":\"{}\"}}}}", stage.id).into_bytes();
    let fault = Fault::Stream(vec![line], End::Cut);
    let engine = StubEngine::start().local("stage", &stage).rule(Rule::on("POST /build", fault));
    let run = sync(&engine).expect(1);
    assert!(run.stdout.contains("the engine's answer broke off"), "{run}");
    assert_eq!(engine.id("acme/tool:1"), None);
}

#[test]
fn row_89_a_refused_build_and_one_that_breaks_off_say_why() {
    let said = b"{\"errorDetail\":{\"message\":\"it broke\"},\"error\":\"it broke\"}".to_vec();
    let parse = "dockerfile parse error line 2: unknown instruction: FOO";
    let cases = [
        (Fault::Status(400, parse), parse),
        (Fault::Status(500, "it broke"), "it broke"),
        (Fault::Stream(vec![said], End::Clean), "it broke"),
    ];
    for (fault, words) in cases {
        let engine = StubEngine::start().rule(Rule::on("POST /build", fault));
        let manifest = ONE_ROUND.to_owned() + &table("tool", "acme/tool:1", "build = {}");
        let occ = Occ::manifest(&manifest).file("Dockerfile", "FROM scratch\nFOO a /\n");
        let run = occ.args(["-H", &engine.host(), "sync"]).run().expect(1);
        assert!(run.stdout.contains(words), "{run}");
        assert_eq!(engine.seen("POST /build").len(), 1, "it is not tried again\n{run}");
        assert_eq!(engine.id("acme/tool:1"), None);
    }
}

/// As Docker's containerd store says it of a step whose result went with a build that was killed.
const LOST: &str = "failed to commit g80l to p80r during finalize: failed to stat active key \
                    during commit: snapshot g80l does not exist: not found";

#[test]
fn row_60_a_cache_that_lost_something_is_done_without() {
    let said = format!("{{\"errorDetail\":{{\"message\":\"{LOST}\"}}}}").into_bytes();
    for times in [1, 2] {
        let lost = Fault::Stream(vec![said.clone()], End::Clean);
        let engine = StubEngine::start().rule(Rule::on("POST /build", lost).times(times));
        let manifest = ONE_ROUND.to_owned() + &table("tool", "acme/tool:1", "build = {}");
        let occ = Occ::manifest(&manifest).file("Dockerfile", "FROM scratch\nCOPY a /\n");
        let occ = occ.args(["-H", &engine.host(), "sync"]);
        let run = occ.run().expect(i32::from(times == 2));
        let asked = engine.seen("POST /build");
        let asked: Vec<_> = asked.iter().map(|seen| seen.request.query("nocache")).collect();
        assert_eq!(asked, [Some("false".to_owned()), Some("true".to_owned())], "{run}");
        let run =
            run.says(&["snapshot g80l does not exist", "building once more without the cache"]);
        assert_eq!(engine.id("acme/tool:1").is_some(), times == 1);
        if times == 2 {
            assert!(run.stdout.contains("OCC-BUILD-CACHE"), "{run}");
            assert!(run.stdout.contains("`docker builder prune`"), "{run}");
            // Who asked for none has no second try.
            occ.run_with(["--no-cache"]).expect(0);
            assert_eq!(engine.seen("POST /build").len(), 3);
        }
    }
}

/// What a step prints that would like to be obeyed, and more of it than there is memory.
#[test]
fn row_90_what_a_build_prints_fills_neither_memory_nor_terminal() {
    let evil = "\\u001b[2J\\u001b]0;owned\\u0007\\u202e".to_owned() + &"y".repeat(20_000);
    for (end, times) in [("\\r", 10), ("\\n", 10), ("", 2500)] {
        let line = format!("{{\"stream\":\"{evil}{end}\"}}").into_bytes();
        let fault = Fault::Flood(line, times);
        let engine = StubEngine::start().rule(Rule::on("POST /build", fault));
        let manifest = ONE_ROUND.to_owned() + &table("tool", "acme/tool:1", "build = {}");
        let occ = Occ::manifest(&manifest).file("Dockerfile", "FROM scratch\nCOPY a /\n");
        // 30 MB for all that it writes to, in kB. The run looks for control characters itself.
        let occ = occ.args(["-H", &engine.host(), "sync"]).limited("-d 30000");
        let run = occ.run().expect(1);
        assert!(run.stdout.contains("\\x1b[2J\\x1b]0;owned\\x07"), "{run}");
        assert!(run.stdout.len() < 100_000, "{end:?}: {}", run.stdout.len());
    }
}

#[test]
fn a_log_that_cannot_be_kept_costs_nothing_but_the_log() {
    let mut engine = RealEngine::connect();
    let name = engine.name("no-log");
    let occ = with_a_shell(&engine, &name, "").env("XDG_STATE_HOME", "/dev/null/x");
    let occ = occ.file("Dockerfile", format!("{SHELL}{}", fifty_lines()));
    let run = occ.run_with(["-v", "sync"]).expect(1).says(&["the build's log is not kept"]);
    assert!(run.stdout.contains("| line 50\n    code: OCC-BUILD, see"), "{run}");
    occ.file("Dockerfile", SHELL).run_with(["sync"]).expect(0);
}
