//! `occ init --from`: what becomes of a Compose file and of a Dockerfile.
//!
//! Each Compose file in `tests/import` has the manifest beside it that is made of it, and what is
//! told. Those in `compose` are as Compose's own schema has it, which `scripts/test` looks at;
//! those in `odd` are not. `OCC_UPDATE=1` writes again what is beside them.

use std::path::{Path, PathBuf};

use crate::support::occ::Occ;

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import");
    let entries = ["compose", "odd"].map(|name| fs_err::read_dir(folder.join(name)).unwrap());
    let entries = entries.into_iter().flatten().map(|entry| entry.unwrap().path());
    let is_yaml = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "yaml");
    let mut files: Vec<PathBuf> = entries.filter(is_yaml).collect();
    assert!(files.len() >= 15, "only {} files", files.len());
    files.sort();
    files
}

/// Compares a text with the file that has it, or writes the file. An empty text has no file.
fn is_as_before(file: &Path, text: &str) {
    if std::env::var_os("OCC_UPDATE").is_some() {
        let _ = fs_err::remove_file(file);
        if !text.is_empty() {
            fs_err::write(file, text).unwrap();
        }
    }
    let expected = fs_err::read_to_string(file).unwrap_or_default();
    let difference = similar::TextDiff::from_lines(expected.as_str(), text);
    assert!(text == expected, "{}:\n{}", file.display(), difference.unified_diff());
}

fn manifest(occ: &Occ) -> String {
    fs_err::read_to_string(occ.work().join("opencode.toml")).unwrap_or_default()
}

#[test]
fn each_compose_file_becomes_the_manifest_beside_it() {
    for file in files() {
        let occ = Occ::new().file("compose.yaml", fs_err::read(&file).unwrap());
        let is_bad = file.file_name().unwrap().to_string_lossy().starts_with("bad-");
        let run = occ.run_with(["init", "--from", "compose.yaml"]);
        let run = run.expect(if is_bad { 65 } else { 0 });
        // A bad one leaves nothing behind.
        assert_eq!(manifest(&occ).is_empty(), is_bad, "{run}");
        is_as_before(&file.with_extension("toml"), &manifest(&occ));
        is_as_before(&file.with_extension("stderr"), &run.stderr);
        if !is_bad {
            assert!(run.stdout.contains(" from `compose.yaml`\nnext: `occ plan` shows"), "{run}");
            occ.run_with(["check"]).expect(0);
            // What is told stands in the manifest, too.
            let comments = manifest(&occ).matches("\n# compose.yaml:").count();
            assert_eq!(run.stderr.matches("--> compose.yaml:").count(), comments, "{run}");
        }
    }
}

#[test]
fn paths_are_as_the_manifest_sees_them() {
    let compose = "services:\n  app:\n    build: { context: ../app, secrets: [k] }\n\
                   secrets: { k: { file: ./key } }\n";
    let occ = Occ::new().file("deploy/compose.yaml", compose).file(".git/HEAD", "");
    occ.run_with(["init", "--from", "deploy/compose.yaml"]).expect(0);
    let text = manifest(&occ);
    assert!(text.contains("context = \"app\"\n"), "{text}");
    assert!(text.contains("src = \"deploy/key\""), "{text}");
    let arguments = ["--manifest", "deploy/images.toml", "init", "--from", "deploy/compose.yaml"];
    let run = occ.run_with(arguments).expect(0);
    assert!(run.stdout.contains("next: `occ --manifest deploy/images.toml plan`"), "{run}");
    let text = fs_err::read_to_string(occ.work().join("deploy/images.toml")).unwrap();
    assert!(text.contains("context = \"../app\"\n") && text.contains("src = \"key\""), "{text}");
    let run = occ.run_with(["--manifest", "nowhere/x", "init", "--from", "deploy/compose.yaml"]);
    run.expect(1).says(&["cannot write the manifest `nowhere/x`: there is no such directory"]);
}

#[test]
fn a_dockerfile_is_one_image_named_after_its_folder() {
    let text = "FROM alpine AS base\nFROM base AS Final\n";
    let occ = Occ::new().file("My App/Dockerfile", text).file("b/Dockerfile.dev", "FROM alpine\n");
    occ.run_with(["init", "--from", "My App/Dockerfile"]).expect(0);
    let end = "\nversion = 1\n\n[images.my-app]\nname = \"my-app\"\ntag  = \"latest\"\n\n\
               [images.my-app.build]\ncontext = \"My App\"\n\
               # target = \"Final\"   # the stages with a name are `base` and `Final`; without it, \
               the last stage\n";
    assert!(manifest(&occ).ends_with(end), "{}", manifest(&occ));
    occ.run_with(["check"]).expect(0);
    let run = occ.run_with(["init", "--from", "b/Dockerfile.dev"]).expect(1);
    run.says(&["`opencode.toml`: it is there already\nhint: `occ init --force` overwrites it\n"]);
    occ.run_with(["init", "--from", "b/Dockerfile.dev", "--force"]).expect(0);
    let end = "[images.b.build]\ncontext    = \"b\"\ndockerfile = \"Dockerfile.dev\"\n";
    assert!(manifest(&occ).ends_with(end), "{}", manifest(&occ));
    let run = occ.run_with(["--format", "json", "init", "--from", "b/Dockerfile.dev", "--force"]);
    assert_eq!(run.expect(0).json()["images"][0]["reference"], "docker.io/library/b:latest");
}

#[test]
fn what_is_neither_is_refused() {
    let occ = Occ::new()
        .file("Makefile", "all:\n")
        .file("Dockerfile", "RUN x\n")
        .file("latin.yaml", b"a: \xe4\n")
        .file("folder.yaml/x", "");
    let refused = |file: &str, code: i32, words: &str| {
        occ.run_with(["init", "--from", file]).expect(code).says(&[words]);
        assert_eq!(manifest(&occ), "");
    };
    refused("Makefile", 64, "`Makefile` is neither a Compose file nor a Dockerfile\nhint: ");
    refused("Dockerfile", 65, "`Dockerfile` is no Dockerfile: no `FROM` is in it");
    refused("none.yaml", 65, "cannot read `none.yaml`: there is no such file");
    refused("latin.yaml", 65, "`latin.yaml` is not UTF-8");
    refused("folder.yaml", 65, "cannot read `folder.yaml`: it is a directory");
}

#[test]
fn a_workflow_is_written_where_github_looks_for_it() {
    let workflow = ".github/workflows/occ.yml";
    let occ = Occ::new().file("images/compose.yaml", "services: { a: { image: \"a:1\" } }\n");
    let written = || fs_err::read_to_string(occ.work().join(workflow)).unwrap_or_default();
    fs_err::create_dir(occ.work().join(".git")).unwrap();
    let run = occ.run_with(["init", "--ci", "github"]).expect(0);
    assert!(run.stdout.starts_with("wrote `.github/workflows/occ.yml`\nnext: "), "{run}");
    assert_eq!(written(), include_str!("../src/import/workflow.yml"));
    assert_eq!(manifest(&occ), "");

    // What is there stays, both if it is one of the two.
    fs_err::write(occ.work().join(workflow), "mine").unwrap();
    let words = "cannot write the workflow `.github/workflows/occ.yml`: it is there already";
    occ.run_with(["init", "--ci", "github"]).expect(1).says(&[words]);
    let both = ["init", "--ci", "github", "--from", "images/compose.yaml"];
    occ.run_with(both).expect(1).says(&[words]);
    assert_eq!((manifest(&occ), written()), (String::new(), "mine".to_owned()));
    let run = occ.run_with(both.into_iter().chain(["--force"])).expect(0);
    assert!(manifest(&occ).contains("[images.a]") && written().len() > 4, "{run}");

    // From a folder below, it still goes to the top.
    fs_err::remove_file(occ.work().join(workflow)).unwrap();
    let mut below = occ.command();
    below.args(["init", "--ci", "github"]).current_dir(occ.work().join("images"));
    let run = occ.start(below).wait().expect(0);
    assert!(run.stdout.starts_with("wrote `../.github/workflows/occ.yml`\n"), "{run}");
    assert!(run.stdout.contains("next: add `working-directory: images` to its steps\n"), "{run}");
    assert!(written().len() > 4);
}
