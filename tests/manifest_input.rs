//! Manifests that no engine should ever hear of (rows 70 to 74), and the
//! commands that are about the manifest alone.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::support::occ::{Occ, Run};
use crate::support::stub_engine::StubEngine;

/// Runs every command that reads the manifest. Each must refuse it, as text and as
/// JSON, before the engine gets a request. The result is what `check` says.
#[track_caller]
fn refused(occ: Occ) -> Run {
    let engine = StubEngine::start();
    let occ = occ.env("DOCKER_HOST", engine.host());
    let limit = Duration::from_secs(5);
    let said = occ.run_with(["check"]).expect(65).within(limit);
    assert_eq!(said.stdout, "", "{said}");
    assert!(said.stderr.starts_with("error: "), "{said}");
    for command in ["plan", "sync", "status"] {
        let run = occ.run_with([command]).expect(65).within(limit);
        assert_eq!((&run.stdout, &run.stderr), (&said.stdout, &said.stderr), "{command}");
    }
    for command in ["check", "sync"] {
        let run = occ.run_with(["--format", "json", command]).expect(65).within(limit);
        let document = run.json();
        assert_eq!(document["exit_code"], 65, "{run}");
        assert_eq!(document["diagnostics"][0]["severity"], "error", "{run}");
        assert_eq!(document["images"], Value::Array(Vec::new()), "{run}");
    }
    let requests = engine.seen("");
    assert!(requests.is_empty(), "the engine was asked: {requests:?}");
    said
}

#[track_caller]
fn refused_text(text: impl AsRef<[u8]>) -> Run {
    refused(Occ::new().file("opencode.toml", text))
}

#[track_caller]
fn accepted(text: impl AsRef<[u8]>) -> Run {
    Occ::new().file("opencode.toml", text).args(["check"]).run().expect(0)
}

/// The path of a FIFO that nobody writes to.
fn fifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

#[test]
fn row_70_a_manifest_that_cannot_be_read_is_named() {
    // The directory has a `.git`, so that no manifest above it can be found.
    let nowhere = Occ::new().file(".git/HEAD", "");
    refused(nowhere).says(&["there is no `opencode.toml`", "`occ init`", "`--manifest FILE`"]);
    let elsewhere = Occ::new().args(["--manifest", "no/such.toml"]);
    refused(elsewhere).says(&["`no/such.toml`: there is no such file", "`occ init`"]);

    let directory = Occ::new().file("opencode.toml/x", "");
    refused(directory).says(&["`opencode.toml`: it is a directory"]);

    let pipe = Occ::new();
    fifo(&pipe.work().join("opencode.toml"));
    refused(pipe).says(&["`opencode.toml`: it is no regular file"]);
    refused(Occ::new().args(["--manifest", "/dev/zero"])).says(&["it is no regular file"]);

    let dangling = Occ::new();
    std::os::unix::fs::symlink("gone.toml", dangling.work().join("opencode.toml")).unwrap();
    refused(dangling).says(&["`opencode.toml`: it is a link to a file that does not exist"]);
}

#[test]
fn row_70_a_manifest_without_permission_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let occ = Occ::manifest("version = 1\n").unprivileged();
    let file = occ.work().join("opencode.toml");
    fs_err::set_permissions(file, PermissionsExt::from_mode(0o000)).unwrap();
    refused(occ).says(&["`opencode.toml`: permission denied"]);
}

#[test]
fn row_70_a_manifest_that_asks_for_nothing_is_a_mistake() {
    refused_text("").says(&["missing key `version`", "missing key `images`", "opencode.toml:1:1"]);
    refused_text("# nothing\n").says(&["missing key `version`", "missing key `images`"]);
    let run = refused_text("version = 1\n").says(&["missing key `images`", "`[images.ID]`"]);
    run.never_says(&["missing key `version`"]);
    refused_text("version = 1\n[images]\n").says(&["the manifest has no images"]);
}

#[test]
fn row_71_bytes_that_are_no_text_have_a_place() {
    let binary: Vec<u8> = (0..=255).collect();
    refused_text(binary).says(&["the file is not UTF-8", "opencode.toml:2:118"]);
    refused_text(b"version = 1\n# fa\xe7ade\n").says(&["the file is not UTF-8", "toml:2:5"]);
    refused_text(b"\xff\xfev\0e\0r\0").says(&["it looks like UTF-16: save it as UTF-8"]);
    refused_text("version = 1\n[images.a]\nname = \"a\0b\"\n")
        .says(&["opencode.toml:3:10", "\\x00"]);
    refused_text("version = 1\n\x1b[2J\n").says(&["opencode.toml:2:", "\\x1b[2J"]);
}

#[test]
fn row_71_windows_line_ends_and_a_byte_order_mark_are_fine() {
    let text = "version = 1\n[images.a]\nname = \"a\"\n";
    let crlf = text.replace('\n', "\r\n");
    for good in [crlf.clone(), format!("\u{feff}{text}"), format!("\u{feff}{crlf}")] {
        assert_eq!(accepted(good).stdout, "the manifest is valid: 1 image\n");
    }
    // Neither moves the places of mistakes.
    let wrong = "\u{feff}version = 1\r\n[images.a]\r\nnome = \"a\"\r\n";
    refused_text(wrong).says(&["opencode.toml:3:1", "did you mean `name`?"]);
}

#[test]
fn row_72_a_huge_manifest_is_not_read_to_its_end() {
    let occ = with_little_memory();
    let file = fs_err::File::create(occ.work().join("opencode.toml")).unwrap();
    // Nothing on the disk, and 100 MB to whoever reads it.
    file.set_len(100 << 20).unwrap();
    refused(occ).says(&["the manifest is larger than 4 MiB", "is it the right file?"]);
}

#[test]
fn row_72_ten_thousand_images_are_fine() {
    let image = |i: usize| format!("[images.i{i}]\nname = \"acme/i{i}\"\n");
    let text = format!("version = 1\n{}", (0..10_000).map(image).collect::<String>());
    let run = with_little_memory().file("opencode.toml", &text).args(["check"]).run().expect(0);
    assert_eq!(run.within(Duration::from_secs(5)).stdout, "the manifest is valid: 10000 images\n");
    // As many mistakes are told as somebody may want to read, and the rest is counted.
    let occ = with_little_memory().file("opencode.toml", text.replace("name", "nome"));
    let run = occ.args(["check"]).run().expect(65).within(Duration::from_secs(5));
    assert_eq!(run.stderr.matches("unknown key `nome`").count(), 50);
    run.says(&["19900 further mistakes not shown"]);
}

#[test]
fn row_72_deep_nesting_overflows_no_stack() {
    let deep = 10_000;
    let open = |what: &str| format!("version = 1\nx = {}", what.repeat(deep));
    refused_text(open("[")).says(&["opencode.toml:2:"]);
    refused_text(open("{a=")).says(&["opencode.toml:2:"]);
    refused_text(format!("{}{}", open("["), "]".repeat(deep))).says(&["opencode.toml:2:"]);
    refused_text(format!("version = 1\n{}", "[".repeat(deep))).says(&["opencode.toml:2:"]);
    refused_text(format!("version = 1\n[{}a]\n", "a.".repeat(deep))).says(&["opencode.toml:"]);
    refused_text(format!("version = 1\n{}a = 1\n", "a.".repeat(deep))).says(&["opencode.toml:"]);
    // A line of three megabytes is quoted in part.
    let line = format!("version = 1\n{}", "x".repeat(3_000_000));
    let run = Occ::manifest(&line).args(["check"]).run().expect(65);
    assert!(run.stderr.len() < 2000, "{} bytes", run.stderr.len());
}

#[test]
fn row_73_mistakes_are_told_at_once_each_with_a_suggestion() {
    let run = refused_text(
        "version = 1\n\
         [images.a]\n\
         name = \"a\"\n\
         registrys = [\"x.io\"]\n\
         tag = 7\n\
         strategy = \"pul\"\n\
         [limit]\n\
         pulls = 1\n",
    );
    let run = run.says(&["toml:4:1", "unknown key `registrys`", "did you mean `registries`?"]);
    let run = run.says(&["toml:5:7", "`tag` must be a string, not an integer", "images.a.tag"]);
    let run = run.says(&["toml:6:12", "did you mean `pull`?"]);
    let run = run.says(&["toml:7:2", "unknown key `limit`", "did you mean `limits`?"]);
    assert_eq!(run.stderr.matches("error: ").count(), 4, "{run}");
}

#[test]
fn row_73_nothing_can_be_declared_twice() {
    let twice = "version = 1\n[images.a]\nname = \"a\"\n[images.a]\nname = \"b\"\n";
    refused_text(twice).says(&["duplicate key", "opencode.toml:4:9"]);
    // The same name in another spelling is the same name.
    let run = refused_text(
        "version = 1\n[images.a]\nname = \"redis\"\n\
         [images.b]\nname = \"docker.io/library/redis\"\ntag = \"latest\"\n",
    );
    run.says(&["images.b.name", "opencode.toml:5:8", "redis"]);
    let run = refused_text(
        "version = 1\n[images.a]\nname = \"acme/a\"\nextra_tags = [\"acme/b:1\"]\n\
         [images.b]\nname = \"acme/b\"\ntag = \"1\"\n",
    );
    run.says(&["images.b.name", "opencode.toml:6:8", "acme/b:1"]);
}

#[test]
fn row_74_bad_references_never_reach_the_engine() {
    let bad = [
        ("name = \"Acme/Tool\"", "lower case"),
        ("name = \"acme/tool:1\"", "`tag = \"1\"`"),
        ("name = \"\"", "images.a.name"),
        ("name = \"acme//tool\"", "images.a.name"),
        ("name = \"https://ghcr.io/acme/tool\"", "images.a.name"),
        ("name = \"-rm\"", "images.a.name"),
        ("name = \"a b\"", "images.a.name"),
        ("name = \"a\\u001b[2Jb\"", "images.a.name"),
        ("name = \"acme/../tool\"", "images.a.name"),
        ("name = \"a\"\ntag = \"sp ace\"", "images.a.tag"),
        ("name = \"a\"\ntag = \"-x\"", "images.a.tag"),
        ("name = \"a\"\ntag = \"\"", "images.a.tag"),
        ("name = \"a\"\ndigest = \"sha256:12\"", "images.a.digest"),
        ("name = \"a\"\nregistries = [\"http://x.io\"]", "images.a.registries[0]"),
        ("name = \"a\"\nregistries = [\"x.io:port\"]", "images.a.registries[0]"),
        ("name = \"a/b/c\"\nregistries = [\"docker.io\"]", "docker.io"),
        ("name = \"a\"\nextra_tags = [\"A:1\"]", "images.a.extra_tags[0]"),
    ];
    for (lines, words) in bad {
        let run = refused_text(format!("version = 1\n[images.a]\n{lines}\n"));
        let run = run.says(&[words, "opencode.toml:"]);
        assert!(run.stderr.contains('^'), "{run}");
    }
    let id = "version = 1\n[images.\"Up per\"]\nname = \"a\"\n";
    refused_text(id).says(&["opencode.toml:2:9", "Up per"]);
}

#[test]
fn check_as_json_says_what_and_where() {
    let occ = Occ::manifest("version = 1\n[images.a]\nnome = \"a\"\n");
    let run = occ.run_with(["check", "--format", "json"]).expect(65);
    let document = run.json();
    assert_eq!((&document["schema"], &document["command"]), (&1.into(), &"check".into()));
    let mistakes = document["diagnostics"].as_array().unwrap();
    let unknown = mistakes.iter().find(|m| m["message"] == "unknown key `nome`").unwrap();
    assert_eq!(unknown["file"], "opencode.toml");
    assert_eq!((&unknown["line"], &unknown["column"]), (&3.into(), &1.into()));
    assert_eq!(unknown["key"], "images.a.nome");
    assert_eq!(unknown["hints"][0], "did you mean `name`?");

    let good = Occ::manifest("version = 1\n[images.a]\nname = \"a\"\n");
    let document = good.run_with(["check", "--format", "json"]).expect(0).json();
    assert_eq!(document["exit_code"], 0);
    assert_eq!(document["diagnostics"], Value::Array(Vec::new()));
}

#[test]
fn init_writes_a_manifest_that_check_accepts() {
    let occ = Occ::new();
    let run = occ.run_with(["init"]).expect(0);
    assert!(run.stdout.starts_with("wrote `opencode.toml`\n"), "{run}");
    let run = occ.run_with(["check"]).expect(0);
    assert_eq!((&*run.stdout, &*run.stderr), ("the manifest is valid: 1 image\n", ""));
    let elsewhere = occ.run_with(["--manifest", "other.toml", "init"]).expect(0);
    assert!(elsewhere.stdout.starts_with("wrote `other.toml`\n"), "{elsewhere}");
    occ.run_with(["--manifest", "other.toml", "check"]).expect(0);
}

#[test]
fn init_loses_nothing_unless_it_is_forced() {
    let occ = Occ::manifest("# mine\n");
    let text = || fs_err::read_to_string(occ.work().join("opencode.toml")).unwrap();
    let run = occ.run_with(["init"]).expect(1);
    assert_eq!(run.stdout, "");
    run.says(&["`opencode.toml`: it is there already", "`occ init --force`"])
        .never_says(&["os error"]);
    assert_eq!(text(), "# mine\n");
    occ.run_with(["init", "--force"]).expect(0);
    assert!(!text().contains("# mine"));
    occ.run_with(["check"]).expect(0);

    let run = Occ::new().args(["--manifest", "no/such/dir.toml", "init"]).run().expect(1);
    run.says(&["cannot write the manifest `no/such/dir.toml`: there is no such directory"])
        .never_says(&["--force", "os error"]);
}

#[test]
fn schema_is_the_committed_one() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/opencode.schema.json");
    // It needs no manifest, and an unreadable one is no obstacle.
    let run = Occ::manifest("not = [toml").args(["schema"]).run().expect(0);
    assert_eq!(run.stderr, "");
    let committed = fs_err::read_to_string(committed).unwrap();
    assert!(run.stdout == committed, "write it anew: `occ schema > schema/opencode.schema.json`");
}

/// With an address space of 200 MB.
fn with_little_memory() -> Occ {
    Occ::new().limited("-v 200000")
}
