//! Contexts and Dockerfiles that are not what the manifest takes them for (rows 75 to 81):
//! nothing of them is sent, or just what should be.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use tar::EntryType;

use super::whole;
use crate::support::occ::{Occ, Run};
use crate::support::real_engine::RealEngine;
use crate::support::stub_engine::StubEngine;
use crate::support::unique;
use crate::sync::{ONE_ROUND, table};

const COPY_ALL: &str = "FROM scratch\nCOPY . /\n";

/// An image of one context, on an engine that has nothing.
pub(super) fn on(engine: &StubEngine, build: &str) -> Occ {
    on_host(&engine.host(), build)
}

/// The same by the engine's address.
pub(super) fn on_host(host: &str, build: &str) -> Occ {
    let build = format!("build = {build}");
    let manifest = ONE_ROUND.to_owned() + &table("tool", "acme/tool:1", &build);
    Occ::manifest(&manifest).args(["-H", host, "--progress", "plain", "sync"])
}

/// What the engine was sent to build of: the paths as bytes, and what they are.
pub(super) fn sent(engine: &StubEngine) -> Vec<(Vec<u8>, EntryType)> {
    let requests = engine.seen("POST /build");
    let mut archive = tar::Archive::new(&requests.last().expect("a build").request.body[..]);
    let entries = archive.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        (entry.path_bytes().into_owned(), entry.header().entry_type())
    });
    entries.collect()
}

/// The paths of what was sent, as text.
fn paths(engine: &StubEngine) -> Vec<String> {
    sent(engine).into_iter().map(|(path, _)| String::from_utf8(path).unwrap()).collect()
}

/// A mistake ends the run with this code, in these words, and nothing is sent.
#[track_caller]
fn refused(build: &str, code: i32, words: &str, prepare: impl FnOnce(&Path)) -> Run {
    let engine = StubEngine::start();
    let occ = on(&engine, build).file("app/Dockerfile", COPY_ALL).file("plain", "");
    prepare(&occ.work());
    let run = occ.run().expect(code);
    let told = format!("{}{}", run.stdout, run.stderr);
    let told = told.replace(&occ.work().display().to_string(), "WORK");
    assert!(told.contains(words), "{words:?} is not told\n{run}");
    assert!(engine.seen("POST /build").is_empty(), "{run}");
    run
}

#[test]
fn row_75_a_context_that_cannot_be_used_is_named() {
    let nothing = |_: &Path| ();
    refused("{ context = \"none\" }", 1, "context `WORK/none` does not exist", nothing);
    refused("{ context = \"plain\" }", 1, "context `WORK/plain` is no directory", nothing);
    refused("{ context = \"..\" }", 65, "`context` leads out of the repository", nothing);
    refused("{ context = \"/etc\" }", 65, "`context` leads out of the repository", nothing);
    refused("{ context = \"out\" }", 1, "context `WORK/out` leads out of `WORK`", |work| {
        symlink("/etc", work.join("out")).unwrap();
    });
    refused("{ context = \"loop\" }", 1, "cannot read `WORK/loop`", |work| {
        symlink("loop", work.join("loop")).unwrap();
    });
}

#[test]
fn row_75_a_link_to_a_context_is_followed_once() {
    let engine = StubEngine::start();
    let occ = on(&engine, "{ context = \"link\" }").file("app/Dockerfile", COPY_ALL);
    symlink("app", occ.work().join("link")).unwrap();
    symlink("../app", occ.work().join("app/again")).unwrap();
    occ.run().expect(0);
    let want =
        [(b"Dockerfile".to_vec(), EntryType::Regular), (b"again".to_vec(), EntryType::Symlink)];
    assert_eq!(sent(&engine), want);
}

#[test]
fn row_76_a_dockerfile_that_cannot_be_used_is_named() {
    let nothing = |_: &Path| ();
    let dockerfile = |path: &str| format!("{{ context = \"app\", dockerfile = \"{path}\" }}");
    refused(&dockerfile("none"), 1, "Dockerfile `WORK/app/none` does not exist", nothing);
    refused(&dockerfile("/etc/passwd"), 65, "`dockerfile` leads out of the repository", nothing);
    refused(&dockerfile("../../x/y"), 65, "`dockerfile` leads out of the repository", nothing);
    refused(&dockerfile("dir"), 1, "Dockerfile `WORK/app/dir` is no file", |work| {
        fs_err::create_dir(work.join("app/dir")).unwrap();
    });
    refused(&dockerfile("pipe"), 1, "Dockerfile `WORK/app/pipe` is no file", |work| {
        make_pipe(&work.join("app/pipe"));
    });
    let run = refused(&dockerfile("out"), 1, "Dockerfile `WORK/app/out` leads out of", |work| {
        symlink("/etc/passwd", work.join("app/out")).unwrap();
    });
    run.never_says(&["root:"]);
}

#[test]
fn row_76_a_link_to_a_dockerfile_is_followed_inside_of_the_context() {
    let engine = StubEngine::start();
    let occ =
        on(&engine, "{ context = \"app\", dockerfile = \"link\" }").file("app/real", COPY_ALL);
    symlink("real", occ.work().join("app/link")).unwrap();
    occ.run().expect(0);
    assert_eq!(engine.seen("POST /build")[0].request.query("dockerfile").unwrap(), "real");
}

/// An image of all that is in a directory, by one of the builders.
pub(super) fn by(engine: &RealEngine, name: &str, builder: &str) -> Occ {
    let build = format!("build = {{ context = \"app\", builder = \"{builder}\" }}");
    let text = format!("FROM scratch\nLABEL test={}\nCOPY . /\n", unique());
    let manifest = ONE_ROUND.to_owned() + &table("tool", name, &build);
    let occ = Occ::manifest(&manifest).file("app/Dockerfile", text);
    occ.args(["-H", engine.host(), "--progress", "plain", "sync"])
}

#[test]
fn row_77_links_stay_what_they_are_wherever_they_lead() {
    const LINKS: [(&str, &str); 6] = [
        ("itself", "itself"),
        ("there", "back"),
        ("back", "there"),
        ("up", "../../../.."),
        ("absolute", "/etc/passwd"),
        ("dangling", "nowhere/at/all"),
    ];
    for builder in RealEngine::connect().builders() {
        let mut engine = RealEngine::connect();
        let name = engine.name("row77");
        let occ = by(&engine, &name, builder).file("app/dir/file", "x");
        for (link, target) in LINKS {
            symlink(target, occ.work().join("app").join(link)).unwrap();
        }
        occ.run().expect(0);
        let entries = engine.entries(&name);
        for (link, target) in LINKS {
            assert_eq!(entries[link].kind, EntryType::Symlink, "{builder}: {link}");
            assert_eq!(entries[link].link.as_deref(), Some(target), "{builder}: {link}");
        }
    }
}

fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn row_78_what_is_no_file_is_neither_opened_nor_sent() {
    let engine = StubEngine::start();
    let occ = on(&engine, "{ context = \"app\" }").file("app/Dockerfile", COPY_ALL);
    let at = |name: &str| occ.work().join("app").join(name);
    // Whoever opens the one waits for somebody at its other end.
    make_pipe(&at("pipe"));
    let _socket = UnixListener::bind(at("socket")).unwrap();
    if rustix::process::getuid().is_root() {
        let zero = makedev(1, 5);
        mknodat(CWD, at("device"), FileType::CharacterDevice, Mode::RUSR, zero).unwrap();
    } else {
        make_pipe(&at("device"));
    }
    occ.run().expect(0);
    assert_eq!(paths(&engine), ["Dockerfile"]);

    // Who misses one of them is told.
    let files = Occ::new().args(["files", "--manifest"]);
    for name in ["pipe", "socket", "device"] {
        let manifest = occ.work().join("opencode.toml").display().to_string();
        let run = files.run_with([&manifest, "--explain", name]).expect(0);
        let said = format!("`{name}` is a socket, pipe or device, which is never sent\n");
        assert_eq!(run.stdout, said, "{run}");
    }
}

/// An engine that everybody may use.
fn open_engine() -> StubEngine {
    let engine = StubEngine::start();
    let socket = engine.socket();
    for (path, mode) in [(socket.parent().unwrap(), 0o755), (&*socket, 0o777)] {
        fs_err::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }
    engine
}

/// Takes from everybody but root the right to read it, and to enter it.
fn lock_up(occ: &Occ, path: &str) {
    let nothing = PermissionsExt::from_mode(0o000);
    fs_err::set_permissions(occ.work().join(path), nothing).unwrap();
}

#[test]
fn row_79_a_file_that_may_not_be_read_is_named_before_anything_is_sent() {
    for locked in ["app/secret", "app/dir"] {
        let engine = open_engine();
        let occ = on(&engine, "{ context = \"app\" }")
            .file("app/Dockerfile", COPY_ALL)
            .file("app/secret", "hidden words")
            .file("app/dir/file", "")
            .unprivileged();
        lock_up(&occ, locked);
        let run = occ.run().expect(1).never_says(&["hidden words", "os error"]);
        let said = format!("/{locked}`: permission denied");
        assert!(run.stdout.contains(&said), "{run}");
        assert!(engine.seen("POST /build").is_empty());
    }
}

#[test]
fn row_80_what_is_ignored_need_not_be_readable() {
    let engine = open_engine();
    let occ = on(&engine, "{ context = \"app\" }")
        .file("app/Dockerfile", COPY_ALL)
        .file("app/.dockerignore", "locked\nsecret\n")
        .file("app/locked/file", "")
        .file("app/secret", "")
        .unprivileged();
    lock_up(&occ, "app/locked");
    lock_up(&occ, "app/secret");
    occ.run().expect(0);
    assert_eq!(paths(&engine), [".dockerignore", "Dockerfile"]);
}

#[test]
fn row_81_an_ignore_file_is_a_file_of_bytes() {
    let run = refused("{ context = \"app\" }", 1, "`WORK/app/.dockerignore` is no file", |work| {
        fs_err::create_dir(work.join("app/.dockerignore")).unwrap();
    });
    run.says(&["fails"]);

    // No text, and good for what it says.
    let mut engine = RealEngine::connect();
    let name = engine.name("row81");
    let occ = whole(&engine, &name, "Dockerfile", "");
    fs_err::write(occ.work().join(".dockerignore"), b"fianc\xe9\n.dockerignore\n").unwrap();
    for file in [&b"fianc\xe9"[..], b"fianc\xc3\xa9"] {
        std::fs::write(occ.work().join(OsStr::from_bytes(file)), "").unwrap();
    }
    occ.run_with(["sync"]).expect(0);
    assert_eq!(super::files(&engine, &name), ["Dockerfile", "fianc\u{e9}"]);
}
