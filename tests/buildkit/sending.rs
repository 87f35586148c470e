//! What of a context is sent, and how it arrives.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::{events, held, mark, tool};
use crate::support::occ::{Occ, Run};
use crate::support::real_engine::{InImage, RealEngine};
use crate::support::unique;
use crate::sync::{ONE_ROUND, table};

const MEGABYTE: u64 = 1_000_000;

/// A megabyte that nobody has seen before.
fn megabyte() -> String {
    let line = unique();
    line.repeat(1_000_000 / line.len())
}

/// Syncs; how many bytes of the context went to the engine.
fn sent(occ: &Occ, more: &[&str]) -> u64 {
    let arguments = ["--progress", "json", "sync"].iter().chain(more);
    let run = occ.run_with(arguments.copied()).expect(0);
    assert!(run.stdout.contains("1 built"), "{run}");
    let sending = |event: &&serde_json::Value| event["event"] == "sending";
    let bytes = events(&run).iter().filter(sending).map(|event| event["bytes"].as_u64()).max();
    bytes.flatten().unwrap_or(0)
}

/// Three megabytes and a hundred small files, all of which the image has.
fn large(engine: &RealEngine, name: &str) -> Occ {
    let text = format!("FROM scratch\n{}COPY . /\n", mark());
    let mut occ = tool(engine, name, "", &text);
    for at in 0..3 {
        occ = occ.file(&format!("ctx/large/{at}"), megabyte());
    }
    for at in 0..100 {
        occ = occ.file(&format!("ctx/small/{at}"), unique());
    }
    occ
}

#[test]
fn what_the_engine_has_is_not_sent_again() {
    let mut engine = RealEngine::connect();
    let name = engine.name("sending");
    let occ = large(&engine, &name);
    let all = sent(&occ, &[]);
    assert!(all > 3 * MEGABYTE && all < 4 * MEGABYTE, "{all}");
    held(&mut engine, &name);
    let little = MEGABYTE / 20;

    let occ = occ.file("ctx/large/1", megabyte());
    let one = sent(&occ, &[]);
    assert!(one > MEGABYTE && one < MEGABYTE + little, "{one}");
    held(&mut engine, &name);

    // Times and inodes say nothing.
    for directory in ["ctx/large", "ctx/small"] {
        for entry in fs_err::read_dir(occ.work().join(directory)).unwrap() {
            let path = entry.unwrap().path();
            let text = fs_err::read(&path).unwrap();
            fs_err::remove_file(&path).unwrap();
            fs_err::write(&path, text).unwrap();
            let file = std::fs::File::options().write(true).open(path).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(86_400)).unwrap();
        }
    }
    let none = sent(&occ, &["--no-cache"]);
    assert!(none < little, "{none}");
    held(&mut engine, &name);

    // Nor does a file that is gone.
    fs_err::remove_file(occ.work().join("ctx/large/0")).unwrap();
    let none = sent(&occ, &[]);
    assert!(none < little, "{none}");
    let files = engine.files(&name);
    assert!(!files.contains("large/0") && files.contains("large/1"));
}

/// Docker's own client sends no such file.
#[test]
fn a_change_that_left_size_and_time_alone_is_sent() {
    let mut engine = RealEngine::connect();
    let name = engine.name("same-time");
    let occ = large(&engine, &name);
    sent(&occ, &[]);
    let path = occ.work().join("ctx/large/2");
    for _ in 0..2 {
        held(&mut engine, &name);
        let before = fs_err::metadata(&path).unwrap();
        let text = megabyte();
        fs_err::write(&path, &text).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(before.modified().unwrap()).unwrap();
        let after = fs_err::metadata(&path).unwrap();
        assert_eq!(after.len(), before.len());
        assert_eq!(after.modified().unwrap(), before.modified().unwrap());
        let one = sent(&occ, &[]);
        assert!(one > MEGABYTE && one < 2 * MEGABYTE, "{one}");
        assert!(engine.entries(&name)["large/2"].content == text.as_bytes());
    }
}

#[test]
fn a_content_that_comes_back_is_the_one_that_is_built() {
    let mut engine = RealEngine::connect();
    let name = engine.name("back");
    let occ = tool(&engine, &name, "", &format!("FROM scratch\n{}COPY file /\n", mark()));
    let texts = [unique(), unique()];
    for text in [&texts[0], &texts[1], &texts[0], &texts[1]] {
        fs_err::write(occ.work().join("ctx/file"), text).unwrap();
        occ.run_with(["sync"]).expect(0);
        held(&mut engine, &name);
        assert_eq!(engine.entries(&name)["file"].content, text.as_bytes());
    }
    // Also where nothing is remembered of what was sent.
    fs_err::remove_dir_all(occ.path("home/.cache")).unwrap();
    let occ = occ.file("ctx/file", &texts[0]);
    occ.run_with(["sync"]).expect(0);
    assert_eq!(engine.entries(&name)["file"].content, texts[0].as_bytes());
}

#[test]
fn images_of_one_context_that_are_built_at_once_do_not_take_files_from_each_other() {
    let mut engine = RealEngine::connect();
    let names = [(); 4].map(|()| engine.name("at-once"));
    let mut manifest = ONE_ROUND.to_owned();
    for (at, name) in names.iter().enumerate() {
        let build = format!("build = {{ context = \"ctx\", dockerfile = \"{at}\" }}");
        manifest += &table(&format!("i{at}"), name, &build);
    }
    let mut occ = Occ::manifest(&manifest).args(["-H", engine.host(), "sync"]);
    for at in 0..4 {
        occ = occ
            .file(&format!("ctx/{at}"), format!("FROM scratch\nCOPY own/{at} shared /\n"))
            .file(&format!("ctx/own/{at}"), unique());
    }
    for _ in 0..2 {
        occ = occ.file("ctx/shared", unique());
        let run = occ.run().expect(0);
        assert!(run.stdout.contains("4 built"), "{run}");
        let shared = fs_err::read(occ.work().join("ctx/shared")).unwrap();
        for (at, name) in names.iter().enumerate() {
            held(&mut engine, name);
            let entries = engine.entries(name);
            let own = fs_err::read(occ.work().join(format!("ctx/own/{at}"))).unwrap();
            assert_eq!(entries.len(), 2, "{entries:?}");
            assert_eq!(
                (&entries["shared"].content, &entries[&at.to_string()].content),
                (&shared, &own)
            );
        }
    }
}

#[test]
fn only_what_a_dockerfile_copies_is_sent() {
    let mut engine = RealEngine::connect();
    let name = engine.name("part");
    let occ = large(&engine, &name).file("ctx/part/in/file", megabyte());
    symlink("../large/1", occ.work().join("ctx/part/link")).unwrap();
    let occ = occ.file("ctx/Dockerfile", format!("FROM scratch\n{}COPY part/in /\n", mark()));
    let one = sent(&occ, &[]);
    assert!(one > MEGABYTE && one < MEGABYTE + 10_000, "{one}");
    assert_eq!(engine.files(&name), ["file".to_owned()].into());
    held(&mut engine, &name);
    // What a link leads to goes with it.
    let occ = occ.file("ctx/Dockerfile", format!("FROM scratch\n{}COPY part/l* /\n", mark()));
    let one = sent(&occ, &[]);
    assert!(one > MEGABYTE && one < MEGABYTE + 10_000, "{one}");
}

/// Each line travels as a header of its own.
#[test]
fn an_ignore_file_may_be_long() {
    let mut engine = RealEngine::connect();
    let name = engine.name("long-ignore");
    let lines: Vec<String> = (0..3000).map(|at| format!("some/longer/path/{at}/*.log\n")).collect();
    let lines = lines.concat();
    let text = format!("FROM scratch\n{}COPY . /\n", mark());
    let occ = tool(&engine, &name, "", &text)
        .file("ctx/.dockerignore", lines + ".dockerignore\nDockerfile\n")
        .file("ctx/some/longer/path/2999/a.log", "x")
        .file("ctx/some/longer/path/3000/a.log", "x");
    occ.run_with(["sync"]).expect(0);
    let files = engine.files(&name);
    let logs: Vec<&String> = files.iter().filter(|path| path.contains(".log")).collect();
    assert_eq!(logs, ["some/longer/path/3000/a.log"]);
    assert!(!files.contains("Dockerfile"));
}

/// One of each kind, as no checkout has them all.
fn odd_files(occ: Occ) -> Occ {
    let occ = occ
        .file("ctx/all/a/x", "1")
        .file("ctx/all/a.txt", "2")
        .file("ctx/all/a-b", "3")
        .file("ctx/all/empty", "")
        .file("ctx/all/with space/\u{fc}\u{f1} \u{65e5}\u{672c} *?[x]\\ '\"$A", "4")
        .file("ctx/all/-leading", "5")
        .file("ctx/all/.hidden", "6")
        .file("ctx/all/secret", "7")
        .file("ctx/all/program", "8");
    let all = occ.work().join("ctx/all");
    fs_err::create_dir_all(all.join("no/files/here")).unwrap();
    for (target, link) in
        [("a", "to-dir"), ("../all/a.txt", "to-file"), ("nowhere", "to-nothing"), ("/a", "to-root")]
    {
        symlink(target, all.join(link)).unwrap();
    }
    fs_err::hard_link(all.join("a.txt"), all.join("hard")).unwrap();
    for (name, mode) in [("secret", 0o600), ("program", 0o4711), ("a", 0o1700)] {
        fs_err::set_permissions(all.join(name), PermissionsExt::from_mode(mode)).unwrap();
    }
    chown(all.join("a/x"), Some(1234), Some(4321)).or_else(only_root).unwrap();
    occ
}

/// Others than root can't give a file away, and then there is one thing less to see.
fn only_root(error: std::io::Error) -> std::io::Result<()> {
    if rustix::process::getuid().is_root() { Err(error) } else { Ok(()) }
}

#[test]
fn files_arrive_as_they_are_and_the_same_on_both_builders() {
    let mut engine = RealEngine::connect();
    let [kit, classic] = ["buildkit", "classic"].map(|builder| {
        let name = engine.name("kinds");
        let text = format!("FROM scratch\n{}COPY all /\n", mark());
        let more = format!(", builder = \"{builder}\"");
        odd_files(tool(&engine, &name, &more, &text)).run_with(["sync"]).expect(0);
        engine.entries(&name)
    });
    let names: Vec<&String> = kit.keys().collect();
    assert_eq!(names, classic.keys().collect::<Vec<_>>());
    for (name, file) in &kit {
        // BuildKit leaves a directory the time at which it filled it.
        let modified = if file.kind.is_dir() { file.modified } else { 0 };
        assert_eq!((file.owner, file.modified), ((0, 0), modified), "{name}");
        assert_eq!(file, &InImage { modified, ..classic[name].clone() }, "{name}");
        assert_eq!(classic[name].modified, 0, "{name}");
    }
    let mode = |name: &str| kit[name].mode & 0o7777;
    assert_eq!(["a", "a.txt", "secret", "program"].map(mode), [0o755, 0o644, 0o644, 0o755]);
    assert_eq!(kit["hard"].content, b"2");
    assert_eq!(kit["empty"].content, b"");
    assert_eq!(kit["to-file"].link.as_deref(), Some("../all/a.txt"));
    assert_eq!(kit["to-root"].link.as_deref(), Some("/a"));
    assert!(kit.contains_key("no/files/here"), "{names:?}");
    assert!(kit.contains_key("with space/\u{fc}\u{f1} \u{65e5}\u{672c} *?[x]\\ '\"$A"));
}

#[test]
fn a_path_may_become_another_kind_of_thing() {
    let mut engine = RealEngine::connect();
    let name = engine.name("becomes");
    let occ = tool(&engine, &name, "", &format!("FROM scratch\n{}COPY all /\n", mark()))
        .file("ctx/all/it", "1")
        .file("ctx/all/other", "2");
    let it = occ.work().join("ctx/all/it");
    let mut built = |why: &str| {
        let run = occ.run_with(["sync"]).expect(0);
        assert!(run.stdout.contains("1 built"), "{why}\n{run}");
        held(&mut engine, &name);
        engine.entries(&name)
    };
    assert_eq!(built("new")["it"].mode & 0o777, 0o644);
    fs_err::set_permissions(&it, PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(built("executable")["it"].mode & 0o777, 0o755);
    fs_err::remove_file(&it).unwrap();
    fs_err::create_dir(&it).unwrap();
    fs_err::write(it.join("in"), "3").unwrap();
    assert_eq!(built("a directory")["it/in"].content, b"3");
    fs_err::remove_dir_all(&it).unwrap();
    symlink("other", &it).unwrap();
    let entries = built("a link");
    assert_eq!(entries["it"].link.as_deref(), Some("other"));
    assert!(!entries.contains_key("it/in"));
    fs_err::remove_file(&it).unwrap();
    symlink("./other", &it).unwrap();
    assert_eq!(built("another link")["it"].link.as_deref(), Some("./other"));
    fs_err::remove_file(&it).unwrap();
    fs_err::write(&it, "1").unwrap();
    assert_eq!(built("a file again")["it"].content, b"1");
}

#[test]
fn a_name_that_is_no_text_is_an_error_that_names_it_or_is_for_the_classic_builder() {
    let mut engine = RealEngine::connect();
    let name = engine.name("no-text");
    let text = format!("FROM scratch\n{}COPY . /\n", mark());
    for (builder, exit) in [("buildkit", 1), ("classic", 0)] {
        let more = format!(", builder = \"{builder}\"");
        let occ = tool(&engine, &name, &more, &text);
        let odd = Path::new(OsStr::from_bytes(b"ctx/b\xe4d"));
        fs_err::write(occ.work().join(odd), "x").unwrap();
        let run: Run = occ.run_with(["sync"]).expect(exit);
        if exit == 1 {
            let said = "`b\u{fffd}d` has a name or a target that is not UTF-8";
            assert!(run.stdout.contains(said), "{run}");
            assert_eq!(engine.id(&name), None);
        }
    }
}

/// What happens to the file `file` between the moment it is hashed and the one it is sent.
fn meanwhile(happens: impl Fn(&Path), says: &str) {
    let mut engine = RealEngine::connect();
    let name = engine.name("meanwhile");
    let occ = tool(&engine, &name, "", &format!("FROM scratch\n{}COPY . /\n", mark()))
        .file("ctx/file", unique());
    let runtime = occ.path("home/run");
    fs_err::create_dir(&runtime).unwrap();
    let occ = occ.env("XDG_RUNTIME_DIR", runtime.display().to_string());
    occ.run_with(["sync"]).expect(0);
    let built = held(&mut engine, &name);

    // As if another occ built it: this one has read everything, and waits.
    let locks = walk(&runtime);
    let locks = locks.iter().map(|path| std::fs::File::open(path).unwrap());
    let locks: Vec<_> = locks.inspect(|file| file.lock().unwrap()).collect();
    assert!(!locks.is_empty());
    let occ = occ.file("ctx/file", unique());
    let occ = occ.args(["sync"]);
    let running = occ.spawn();
    running.wait_for("another occ is building it, waiting");
    happens(&occ.work().join("ctx/file"));
    drop(locks);
    let run = running.wait().expect(1);
    assert!(run.stdout.contains(says), "{run}");
    assert_eq!(engine.id(&name).unwrap(), built);
}

/// The files below a directory.
fn walk(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for path in fs_err::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn a_file_that_is_no_longer_what_was_read_fails_the_build_by_its_name() {
    let rewrite = |path: &Path| fs_err::write(path, unique()).unwrap();
    meanwhile(rewrite, "/ctx/file` changed while it was sent");
    let grow = |path: &Path| fs_err::write(path, unique().repeat(2)).unwrap();
    meanwhile(grow, "/ctx/file` changed while it was sent");
    let vanish = |path: &Path| fs_err::remove_file(path).unwrap();
    meanwhile(vanish, "/ctx/file`");
    let swap = |path: &Path| {
        fs_err::remove_file(path).unwrap();
        fs_err::create_dir(path).unwrap();
    };
    meanwhile(swap, "/ctx/file` changed while it was sent");
}
