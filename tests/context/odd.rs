//! Names, numbers, sizes and kinds of files at their limits (rows 83 to 86).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use rustix::fs::{XattrFlags, setxattr};
use rustix::process::Signal;
use tar::EntryType;

use super::faults::{by, on, sent};
use crate::support::occ::Occ;
use crate::support::real_engine::RealEngine;
use crate::support::stub_engine::StubEngine;
use crate::support::wait_until;
use crate::sync::{ONE_ROUND, table};

const COPY_ALL: &str = "FROM scratch\nCOPY . /\n";

#[test]
fn row_83_odd_names_arrive_as_they_are() {
    let long = "n".repeat(255);
    let names = ["new\nline", "\x1b[2Jescape", " space ", "back\\slash", "\u{202e}txt", &long];
    for builder in RealEngine::connect().builders() {
        let mut engine = RealEngine::connect();
        let name = engine.name("row83");
        let occ = by(&engine, &name, builder);
        let occ = names.iter().fold(occ, |occ, name| occ.file(&format!("app/{name}"), "x"));
        // Every run looks for control characters by itself.
        occ.run_with(["-vv"]).expect(0);
        let files = engine.files(&name);
        for name in names {
            assert!(files.contains(name), "{builder}: {name:?} is not in {files:?}");
        }
    }
}

#[test]
fn row_83_names_that_are_no_text_arrive_or_are_named() {
    let odd = OsStr::from_bytes(b"app/odd\xff\x1b[2J");
    let engine = StubEngine::start();
    let occ = on(&engine, "{ context = \"app\" }").file("app/Dockerfile", COPY_ALL);
    std::fs::write(occ.work().join(odd), "x").unwrap();
    occ.run().expect(0);
    assert_eq!(sent(&engine)[1].0, b"odd\xff\x1b[2J");

    // BuildKit's protocol has room for text alone.
    let mut engine = RealEngine::connect();
    let name = engine.name("row83");
    let occ = by(&engine, &name, "buildkit");
    std::fs::write(occ.work().join(odd), "x").unwrap();
    let run = occ.run().expect(1);
    assert!(run.stdout.contains("odd\u{fffd}\\x1b[2J"), "{run}");
    assert!(run.stdout.contains("`builder = \"classic\"`"), "{run}");
}

#[test]
fn row_83_a_path_that_is_too_long_is_a_failed_build() {
    for builder in RealEngine::connect().builders() {
        let mut engine = RealEngine::connect();
        let name = engine.name("row83");
        let occ = by(&engine, &name, builder);
        let steps =
            "i=0; while [ $i -lt 25 ]; do mkdir $0 && cd -P $0 || exit; i=$((i+1)); done; : >file";
        let made = Command::new("busybox")
            .args(["sh", "-c", steps, &"d".repeat(200)])
            .current_dir(occ.work().join("app"))
            .status();
        assert!(made.unwrap().success());
        let run = occ.run().expect(1);
        assert!(run.stdout.contains("dddddd"), "{run}");
        assert!(run.stdout.len() < 8192, "{run}");
        assert_eq!(engine.id(&name), None);
    }
}

#[test]
fn row_84_a_hundred_thousand_files_are_sent_and_as_many_are_not() {
    const MANY: usize = 100_000;
    // In memory, where there is such a place: a disk would be busy with them for minutes.
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let directory = tempfile::Builder::new().prefix("occ-test-").tempdir_in(place).unwrap();
    let at = |path: &str| directory.path().join(path);
    let engine = StubEngine::start();
    let manifest = ONE_ROUND.to_owned() + &table("tool", "acme/tool:1", "build = {}");
    for (path, text) in
        [("opencode.toml", &*manifest), ("Dockerfile", COPY_ALL), (".dockerignore", "ignored\n")]
    {
        fs_err::write(at(path), text).unwrap();
    }
    for tree in ["sent", "ignored"] {
        for number in 0..MANY / 1000 {
            let directory = at(&format!("{tree}/{number:03}"));
            std::fs::create_dir_all(&directory).unwrap();
            for file in 0..1000 {
                std::fs::File::create(directory.join(format!("{file:03}"))).unwrap();
            }
        }
    }
    let manifest = at("opencode.toml").display().to_string();
    let occ = Occ::new().args(["--manifest", &manifest, "-H", &engine.host(), "sync"]);
    occ.limited("-d 200000").run().expect(0);
    let sent = sent(&engine);
    let paths = || sent.iter().map(|(path, _)| path);
    assert_eq!(paths().filter(|path| path.starts_with(b"sent/")).count(), MANY + MANY / 1000);
    assert!(!paths().any(|path| path.starts_with(b"ignored")));
    assert!(paths().is_sorted());
}

/// What the kernel says of a process, in the words of `/proc/PID/FILE`, as a number.
fn told(pid: i32, file: &str, field: &str) -> u64 {
    let text = fs_err::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap_or_default()
}

#[test]
fn row_85_a_file_larger_than_all_memory_is_read_as_a_stream() {
    let engine = StubEngine::start();
    let occ = on(&engine, "{ context = \"app\" }").file("app/Dockerfile", COPY_ALL);
    let sparse = fs_err::File::create(occ.work().join("app/sparse")).unwrap();
    sparse.set_len(10 << 30).unwrap();
    let running = occ.spawn();
    let pid = running.pid();
    wait_until("it has read 300 MB of it", || told(pid, "io", "rchar") > 300_000_000);
    let kilobytes = told(pid, "status", "VmHWM");
    assert!((1..100_000).contains(&kilobytes), "{kilobytes} kB");
    running.signal(Signal::INT);
    running.wait().expect(130);
}

#[test]
fn row_86_no_attributes_are_in_an_archive() {
    let engine = StubEngine::start();
    let occ = on(&engine, "{ context = \"app\" }").file("app/Dockerfile", COPY_ALL);
    let path = occ.work().join("app/Dockerfile");
    setxattr(path, "user.occ", b"x", XattrFlags::empty()).expect("a filesystem with attributes");
    occ.run().expect(0);
    let sent = engine.seen("POST /build").pop().unwrap().request.body;
    let mut archive = tar::Archive::new(&sent[..]);
    let mut entries = archive.entries().unwrap().map(Result::unwrap);
    assert!(entries.all(|mut entry| entry.pax_extensions().unwrap().is_none()));
}

#[test]
fn row_86_neither_owners_nor_special_rights_are_sent() {
    for builder in RealEngine::connect().builders() {
        let mut engine = RealEngine::connect();
        let name = engine.name("row86");
        let occ = by(&engine, &name, builder)
            .file("app/plain", "plain")
            .file("app/special", "special")
            .file("app/dir/file", "x");
        let at = |path: &str| occ.work().join("app").join(path);
        let set = |path: &str, mode: u32| {
            fs_err::set_permissions(at(path), PermissionsExt::from_mode(mode)).unwrap();
        };
        fs_err::hard_link(at("plain"), at("hard")).unwrap();
        if rustix::process::getuid().is_root() {
            for path in ["plain", "special", "dir"] {
                chown(at(path), Some(12345), Some(54321)).unwrap();
            }
        }
        set("special", 0o6755);
        set("dir", 0o1777);
        set("plain", 0o640);
        occ.run().expect(0);
        let entries = engine.entries(&name);
        let of =
            |path: &str| (entries[path].kind, entries[path].mode & 0o7777, entries[path].owner);
        assert_eq!(of("plain"), (EntryType::Regular, 0o644, (0, 0)), "{builder}");
        assert_eq!(of("special"), (EntryType::Regular, 0o755, (0, 0)), "{builder}");
        assert_eq!(of("dir"), (EntryType::Directory, 0o755, (0, 0)), "{builder}");
        assert!(matches!(of("hard").0, EntryType::Regular | EntryType::Link), "{builder}");
        let content = |path: &str| entries[path].content.clone();
        assert!(content("hard") == b"plain" || of("hard").0 == EntryType::Link, "{builder}");
    }
}
