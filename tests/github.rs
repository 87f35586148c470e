//! On GitHub Actions: what the runner shows, what it is told, and what nobody can tell it.

mod runner;

use serde_json::{Value, json};

use self::runner::{Command, obeyed, outputs};
use crate::support::occ::{Occ, Run};
use crate::support::script::Rule;
use crate::support::stub_engine::{End, Fault, StubEngine};
use crate::support::stub_table::StubImage;
use crate::sync::{ONE_ROUND, table};

/// What the texts of others try here.
const EVIL: &str = "::add-mask::a ##[add-mask]b";

/// A step of a workflow: the repository is the directory above the one it runs in.
fn step(occ: Occ) -> Occ {
    let at = |name: &str| occ.path(name).display().to_string();
    let (workspace, summary, output) = (at(""), at("summary.md"), at("output"));
    occ.env("GITHUB_ACTIONS", "true")
        .env("GITHUB_WORKSPACE", workspace)
        .env("GITHUB_STEP_SUMMARY", summary)
        .env("GITHUB_OUTPUT", output)
}

fn on(engine: &StubEngine, manifest: &str) -> Occ {
    step(Occ::manifest(manifest).args(["-H", &engine.host()]))
}

fn written(occ: &Occ, name: &str) -> String {
    fs_err::read_to_string(occ.path(name)).unwrap_or_default()
}

/// The commands that a run gave, as `error work/opencode.toml:3:1 OCC-MANIFEST: text`.
fn told(run: &Run) -> Vec<String> {
    let line = |command: Command| {
        let get = |name: &str| command.properties.get(name).cloned().unwrap_or_default();
        let at = [get("file"), get("line"), get("col")].join(":");
        let text = command.text.lines().next().unwrap_or_default().to_owned();
        [&command.name, at.trim_end_matches(':'), &(get("title") + ":"), &text].join(" ")
    };
    obeyed(run).into_iter().map(line).collect()
}

const TOOL: &str = "name = \"acme/tool\"\ntag = \"1\"\nregistries = [\"ghcr.io\"]\n";

fn tool() -> String {
    format!("{ONE_ROUND}[images.tool]\n{TOOL}")
}

#[test]
fn a_mistake_is_annotated_at_its_place_in_the_repository() {
    let occ = step(Occ::manifest("version = 1\n[images.tool]\nname = \"a\"\nregistrys = []\n"));
    let run = occ.run_with(["sync"]).expect(65).says(&["unknown key `registrys`\n -->"]);
    let at = "error work/opencode.toml:4:1 OCC-MANIFEST: unknown key `registrys`";
    assert_eq!(told(&run), [at]);
    let text = &obeyed(&run)[0].text;
    assert!(text.contains("\nhint: did you mean `registries`?\n`occ explain OCC-MANIFEST` "));
    let summary = written(&occ, "summary.md");
    assert!(summary.starts_with("### `occ sync`: exit code 65\n"), "{summary}");
    assert!(summary.contains("unknown key `registrys`\n--> opencode.toml:4:1\n"), "{summary}");
    assert_eq!(outputs(&written(&occ, "output")), [("changed".into(), "false".into())]);

    // The same from a folder below, and where the file is no part of the repository.
    let occ = occ.file("deep/er/x", "");
    let mut below = occ.command();
    below.arg("check").current_dir(occ.work().join("deep/er"));
    assert_eq!(told(&occ.start(below).wait().expect(65)), [at]);
    let run = occ.env("GITHUB_WORKSPACE", "/nowhere").run_with(["check"]).expect(65);
    assert_eq!(told(&run), ["error  OCC-MANIFEST: unknown key `registrys`"]);
}

#[test]
fn there_are_no_more_annotations_than_github_takes() {
    let wrong: Vec<String> = (0..12).map(|at| format!("wrong{at} = 1\n")).collect();
    let wrong = wrong.concat();
    let occ = step(Occ::manifest(&format!("version = 1\n[images.tool]\n{TOOL}{wrong}")));
    let run = occ.run_with(["check"]).expect(65);
    let told = told(&run);
    assert_eq!(told.len(), 10, "{told:#?}");
    assert_eq!(
        told[9],
        "error  3 more errors: work/opencode.toml:15: OCC-MANIFEST: unknown key `wrong9`"
    );
    assert_eq!(obeyed(&run)[9].text.lines().count(), 3);
    // It is no command about the engine.
    assert_eq!(written(&occ, "summary.md") + &written(&occ, "output"), "");
}

#[test]
fn an_image_that_failed_is_annotated_where_it_is_declared() {
    let engine = StubEngine::start();
    let occ = on(&engine, &tool());
    let run = occ.run_with(["sync"]).expect(1);
    assert_eq!(
        told(&run),
        ["error work/opencode.toml:4:9 tool: OCC-NOT-FOUND: `ghcr.io/acme/tool:1`: not found"]
    );
    let text = &obeyed(&run)[0].text;
    assert!(text.contains("\nghcr.io/acme/tool:1: not found, 1 attempt: "), "{text}");
    let summary = written(&occ, "summary.md");
    assert!(summary.contains("\n| `tool` | **failed** |  |  |  | "), "{summary}");
    assert!(summary.contains("\n**`tool`**: `OCC-NOT-FOUND`\n\n```text\nfailed: "), "{summary}");
    assert_eq!(outputs(&written(&occ, "output")), [("changed".into(), "false".into())]);

    // What can't be done is told of a plan, and is no error there.
    let run = occ.run_with(["plan", "--offline"]).expect(0);
    assert!(
        told(&run)[0].starts_with("warning work/opencode.toml:4:9 tool: OCC-MAY-NOT-PULL: "),
        "{run}"
    );
}

/// An engine whose builds print this and fail, and the manifest of such a build.
fn failing_build(printed: &str) -> (StubEngine, Occ) {
    let line = |value: Value| value.to_string().into_bytes();
    let lines = vec![
        line(json!({ "stream": "Step 1/2 : FROM scratch\n" })),
        line(json!({ "stream": "Step 2/2 : COPY a /\n" })),
        line(json!({ "stream": printed })),
        line(json!({ "errorDetail": { "message": EVIL }, "error": EVIL })),
    ];
    let rule = Rule::on("POST /build", Fault::Stream(lines, End::Clean));
    let engine = StubEngine::start().rule(rule);
    let build = "build = { context = \"app\", dockerfile = \"Dockerfile.ci\" }";
    let manifest = ONE_ROUND.to_owned() + &table("app", "acme/app:1", build);
    let occ = on(&engine, &manifest).file("app/Dockerfile.ci", "# x\nFROM scratch\nCOPY a /\n");
    (engine, occ)
}

#[test]
fn a_failed_build_is_folded_and_annotated_in_its_dockerfile() {
    let (_engine, occ) = failing_build("one\ntwo\n");
    let run = occ.run_with(["sync"]).expect(1).says(&[
        "\n::group::app: what the build printed, 2 lines\nstep 1/2 FROM scratch: done in ",
        "\n| one\n| two\n::endgroup::\napp: failed after ",
    ]);
    let text = &obeyed(&run)[2].text;
    assert!(text.contains("\n| Step 2/2 : COPY a /\n| one\n| two\nhint: the whole log "), "{text}");
    assert_eq!(
        told(&run)[2],
        "error work/app/Dockerfile.ci:3 app: OCC-BUILD: the build failed at `Dockerfile.ci`, \
         line 3: `COPY a /`: ::add-mask::a ## [add-mask]b"
    );
}

#[test]
fn nobody_else_commands_the_runner() {
    let printed = format!("{EVIL}\n  ::error::no\r::error::no\n##[error]no\n::stop-commands::x\n");
    let (engine, occ) = failing_build(&printed);
    let mine = |run: &Run| {
        let names = obeyed(run).into_iter().map(|command| command.name);
        names.filter(|name| !["group", "endgroup", "error", "warning"].contains(&&**name)).count()
    };
    for arguments in [
        &["sync"][..],
        &["sync", "-vvv"],
        &["sync", "--quiet"],
        &["sync", "--progress", "json"],
        &["sync", "--format", "json"],
        &["sync", "--format", "json", "--progress", "json", "-vvv"],
        &["sync", "--no-github", "-v"],
        &["sync", "##[add-mask]b"],
        &["sync", "##[add-mask]b", "--no-github"],
        &["##[add-mask]b", "--no-github"],
        &["##[add-mask]b"],
        &["##[add-mask]b", "--format", "json", "--progress", "json"],
    ] {
        let run = occ.run_with(arguments.iter().copied());
        assert_eq!(mine(&run), 0, "{arguments:?}: {:?}\n{run}", told(&run));
        assert!(!run.stdout.contains("##[") && !run.stderr.contains("##["), "{run}");
    }
    // Where each line is an event, none is a command.
    fs_err::remove_file(occ.path("summary.md")).unwrap();
    let run = occ.run_with(["sync", "--progress", "json"]).expect(1);
    assert_eq!((told(&run), run.events().is_empty()), (Vec::new(), false));
    assert!(!written(&occ, "summary.md").is_empty());
    let run = occ.run_with(["sync", "--format", "json"]).expect(1);
    let log = run.json()["images"][0]["log"].to_string();
    assert!(log.contains("##[error]no"), "for a program it is what it was: {log}");
    let summary = written(&occ, "summary.md");
    assert!(summary.contains("\n    | ::add-mask::a ##[add-mask]b\n"), "{summary}");
    drop(engine);

    let said = "::add-mask::a ##[add-mask]b\n::error::no";
    let engine = StubEngine::start().failing("/distribution/", Fault::Status(500, said));
    let run = on(&engine, &tool()).run_with(["sync"]).expect(1);
    assert_eq!(told(&run).len(), 1, "{run}");
}

#[test]
fn what_the_engine_holds_then_is_an_output() {
    let image = StubImage::new("tool");
    let engine = StubEngine::start().remote("ghcr.io/acme/tool:1", &image);
    let build = table("my_app-2", "acme/app:1", "build = {}");
    let occ = on(&engine, &(tool() + &build)).file("Dockerfile", "FROM scratch\n");
    fs_err::write(occ.path("output"), "mine=1").unwrap();
    let run = occ.run_with(["sync"]).expect(0);
    assert_eq!(told(&run), Vec::<String>::new());
    let reference = format!("ghcr.io/acme/tool@{}", image.digest);
    let built = engine.id("acme/app:1").unwrap();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let want = |changed: &str| {
        vec![
            pair("changed", changed),
            pair("ref-tool", &reference),
            pair("digest-tool", &image.digest),
            pair("ref-my_app-2", &built),
        ]
    };
    let found = outputs(&written(&occ, "output"));
    assert_eq!((&found[0], &found[1..]), (&pair("mine", "1"), &want("true")[..]));
    let is = |id: &str| occ.run_with(["ref", id]).expect(0).stdout;
    assert_eq!((is("tool"), is("my_app-2")), (reference.clone() + "\n", built.clone() + "\n"));
    let summary = written(&occ, "summary.md");
    let row = "| `tool` | pulled | `ghcr.io/acme/tool:1` | `sha256:";
    assert!(summary.contains(row) && summary.contains("` | 1.2 kB | "), "{summary}");
    assert!(summary.contains("| `my_app-2` | built | `Dockerfile` |  | 1.2 kB | "), "{summary}");

    fs_err::remove_file(occ.path("output")).unwrap();
    occ.run_with(["sync"]).expect(0);
    assert_eq!(outputs(&written(&occ, "output")), want("false"));
    let summary = written(&occ, "summary.md");
    assert_eq!(summary.matches("### `occ sync`: ").count(), 2, "{summary}");
}

#[test]
fn what_moved_in_the_lock_is_told() {
    let image = StubImage::new("tool");
    let engine = StubEngine::start().remote("ghcr.io/acme/tool:1", &image);
    let occ = on(&engine, &tool()).locking();
    let changed = || {
        let output = outputs(&written(&occ, "output"));
        fs_err::remove_file(occ.path("output")).unwrap();
        output
    };
    let is = |value: &str| vec![("changed".to_owned(), value.to_owned())];
    occ.run_with(["lock"]).expect(0);
    assert_eq!(changed(), is("true"));
    let summary = written(&occ, "summary.md");
    assert!(summary.starts_with("### `occ lock`\n\n```text\ntool  locked "), "{summary}");
    occ.run_with(["lock", "--upgrade"]).expect(0);
    assert_eq!(changed(), is("false"));
}

#[test]
fn only_there_and_only_if_wanted() {
    let engine = StubEngine::start();
    let occ = on(&engine, &tool());
    let plain = |occ: &Occ, arguments: &[&str]| {
        let run = occ.run_with(arguments.iter().copied()).expect(1);
        assert_eq!(told(&run), Vec::<String>::new(), "{run}");
        assert_eq!(written(occ, "summary.md") + &written(occ, "output"), "");
    };
    plain(&occ, &["sync", "--no-github"]);
    let occ = occ.env("OCC_NO_GITHUB", "1");
    plain(&occ, &["sync"]);
    assert_eq!(told(&occ.run_with(["snyc"]).expect(64)), Vec::<String>::new());
    let occ = occ.env("OCC_NO_GITHUB", "0");
    assert_eq!(told(&occ.run_with(["snyc"]).expect(64)).len(), 1);
    let occ = occ.env("GITHUB_ACTIONS", "false");
    plain(&occ, &["sync"]);
}

#[test]
fn what_cannot_be_written_costs_a_warning() {
    let engine = StubEngine::start().remote("ghcr.io/acme/tool:1", &StubImage::new("tool"));
    let occ = on(&engine, &tool()).env("GITHUB_STEP_SUMMARY", "/nowhere/summary.md");
    fs_err::write(occ.path("full"), vec![b'x'; 1 << 20]).unwrap();
    let run = occ.run_with(["--format", "json", "sync"]).expect(0);
    let what = "cannot write the file that `GITHUB_STEP_SUMMARY` names: ";
    let document = run.json();
    assert!(document["diagnostics"][0]["message"].as_str().unwrap().starts_with(what), "{run}");
    assert_eq!(told(&run).len(), 1, "{run}");
    assert!(told(&run)[0].starts_with(&format!("warning  occ: {what}")), "{run}");
    assert!(!written(&occ, "output").is_empty(), "the other one is written");

    let full = occ.path("full").display().to_string();
    let run = occ.env("GITHUB_STEP_SUMMARY", full).run_with(["sync"]).expect(0);
    run.says(&["`GITHUB_STEP_SUMMARY` names: it is full"]);
}
