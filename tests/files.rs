//! `occ files`: what a build context holds.

use std::os::unix::ffi::OsStrExt;

use crate::support::occ::Occ;
use crate::sync::{ONE_ROUND, table};

fn occ() -> Occ {
    let manifest = ONE_ROUND.to_owned()
        + &table("tool", "acme/tool:1", "build = { context = \"app\" }")
        + &table("other", "acme/other:1", "registries = [\"ghcr.io\"]");
    Occ::manifest(&manifest)
        .file("app/Dockerfile", "FROM scratch\nCOPY . /\n")
        .file("app/.dockerignore", "# out\n*.log\ntarget\n!keep.log\n.dockerignore\n")
        .file("app/src/main.rs", vec![b'x'; 1200])
        .file("app/a.log", "a")
        .file("app/keep.log", "keep")
        .file("app/target/debug/x", "x")
        .file("app/.env", "PASSWORD=1")
        .args(["files"])
}

#[test]
fn what_is_sent_and_what_is_not_is_told_without_an_engine() {
    let run = occ().env("DOCKER_HOST", "unix:///nowhere").run().expect(0);
    assert_eq!(
        run.stdout,
        "tool: 5 files and 1 directory, 7.7 kB as sent\n\
         the largest:\n  1.2 kB  src/main.rs\n    43 B  .dockerignore\n    22 B  Dockerfile\n    10 B  .env\n     4 B  keep.log\n\
         ignored by .dockerignore:\n  a.log    line 2: `*.log`\n  target/  line 3: `target`\n",
        "{run}"
    );
    run.says(&[
        "warning: `.env` is sent (1 file, 10 B): it looks like a secret",
        "add `.env` to the ignore file",
    ]);
}

#[test]
fn a_path_is_explained_by_the_line_that_decides() {
    let occ = occ();
    let explain = |path: &str| occ.run_with(["tool", "--explain", path]).expect(0).stdout;
    assert_eq!(explain("./src/main.rs"), "`src/main.rs` is sent: no line ignores it\n");
    assert_eq!(
        explain("keep.log"),
        "`keep.log` is sent: line 4 of `.dockerignore` says `!keep.log`\n"
    );
    let target = "is ignored: line 3 of `.dockerignore` says `target`\n";
    assert_eq!(explain("target/debug/x"), format!("`target/debug/x` {target}"));
    assert_eq!(explain("target/"), format!("`target` {target}"));
    assert_eq!(explain("nope"), "`nope` is not in the context\n");
    assert!(explain(".dockerignore").contains("hidden from `COPY`: line 5 of"));
    let run = occ.run_with(["--format", "json", "--explain", "a.log"]).expect(0);
    let files = &run.json()["files"];
    assert_eq!((&files["verdict"], &files["rule"]["line"]), (&"ignored".into(), &2.into()));
}

#[test]
fn the_list_is_for_people_and_for_programs() {
    let occ = occ();
    let odd = std::ffi::OsStr::from_bytes(b"app/odd\x1b\xff\n");
    std::fs::write(occ.work().join(odd), "").unwrap();
    let run = occ.run_with(["--list"]).expect(0);
    assert!(run.stdout.starts_with(".dockerignore\n.env\nDockerfile\nkeep.log\nodd\\x1b"), "{run}");
    let output = occ.command().arg("--list0").output().unwrap();
    let names: Vec<&[u8]> = output.stdout.split(|byte| *byte == 0).collect();
    assert_eq!(names[4], b"odd\x1b\xff\n");
    assert_eq!(names.last(), Some(&&b""[..]));
    let run = occ.run_with(["--format", "json"]).expect(0);
    let files = run.json()["files"].clone();
    assert_eq!(files["bytes_sent"].as_u64().unwrap() % 512, 0);
    assert_eq!(files["sent"].as_array().unwrap().len(), 7);
    assert_eq!(files["ignored"][1]["path"], "target/");
}

#[test]
fn an_image_that_is_not_built_has_no_files() {
    let run = occ().run_with(["other"]).expect(64);
    run.says(&["the image `other` is not built", "hint: the manifest builds `tool`"]);
    occ().run_with(["nope"]).expect(64).says(&["the manifest has no image `nope`"]);
    let init = Occ::manifest("version = 1\n[images.a]\nname = \"a/b\"\n").args(["files"]);
    init.run().expect(64).says(&["which image?", "the manifest builds no image"]);
}
