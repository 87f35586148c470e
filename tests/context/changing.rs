//! Contexts that change while they are sent, uploads that an engine cuts short, and one
//! context that is sent twice (rows 82, 87 and 88).

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::faults::{on, on_host, sent};
use crate::support::occ::Occ;
use crate::support::stub_engine::{Fault, StubEngine};
use crate::support::wait_until;

/// A context of a file that takes a while to be sent, and one behind it that comes last.
fn large_and_last(engine: &StubEngine) -> Occ {
    let occ = on(engine, "{ context = \"app\" }")
        .file("app/Dockerfile", "FROM scratch\nCOPY . /\n")
        .file("app/zlast", "as it was hashed");
    let large = fs_err::File::create(occ.work().join("app/large")).unwrap();
    large.set_len(6 << 20).unwrap();
    occ
}

/// What somebody does to a file.
type Change = fn(&Path);

#[test]
fn row_82_a_file_that_changes_while_it_is_sent_ends_the_build_by_its_name() {
    let changes: [(&str, Change); 5] = [
        ("grows", |file| fs_err::write(file, "as it was hashed, and more").unwrap()),
        ("shrinks", |file| fs_err::write(file, "as").unwrap()),
        ("is another", |file| fs_err::write(file, "as it was before").unwrap()),
        ("vanishes", |file| fs_err::remove_file(file).unwrap()),
        ("is a link", |file| {
            fs_err::remove_file(file).unwrap();
            symlink("large", file).unwrap();
        }),
    ];
    for (what, change) in changes {
        let engine = StubEngine::start().reading_slowly();
        let occ = large_and_last(&engine);
        let running = occ.spawn();
        wait_until("the context is on its way", || engine.received() > 100_000);
        change(&occ.work().join("app/zlast"));
        let run = running.wait().expect(1);
        assert!(run.stdout.contains("app/zlast`"), "{what}\n{run}");
        // The request never came to its end, so nobody takes it for a shorter context.
        assert!(engine.seen("POST /build").is_empty(), "{what}\n{run}");
        assert_eq!(engine.id("acme/tool:1"), None);
    }
}

#[test]
fn row_87_the_same_context_is_the_same_archive() {
    let engine = StubEngine::start();
    let over_tcp = format!("tcp://127.0.0.1:{}", engine.also_on_tcp());
    for host in [engine.host(), over_tcp] {
        let before = engine.seen("POST /build").len();
        for (days, mode) in [(1, 0o644), (400, 0o600)] {
            let occ = on_host(&host, "{ context = \"app\" }");
            // In another order, at another time, by another owner.
            let mut names = ["Dockerfile", "a", "dir/b", "dir/c/d"];
            if days > 1 {
                names.reverse();
            }
            let occ = names.iter().fold(occ, |occ, name| {
                occ.file(&format!("app/{name}"), format!("FROM scratch\n# {name}\n"))
            });
            for name in names {
                let path = occ.work().join("app").join(name);
                fs_err::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
                let then = SystemTime::now() - Duration::from_secs(days * 86_400);
                let file = fs_err::File::options().write(true).open(&path).unwrap();
                file.file()
                    .set_times(std::fs::FileTimes::new().set_modified(then).set_accessed(then))
                    .unwrap();
            }
            // Under its name there is what the other run built, which would do as well.
            engine.remove("acme/tool:1");
            occ.run().expect(0);
        }
        let [one, other] = &engine.seen("POST /build")[before..] else { panic!("two builds") };
        assert!(one.request.body == other.request.body, "{host}: the archives differ");
        let [one, other] = [one, other].map(|seen| seen.request.query("labels"));
        assert_eq!(one, other);
    }
    let gzip = engine.seen("POST /build").pop().unwrap().request.body;
    assert_eq!(gzip[..8], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0], "no name and no time in its head");
}

/// Whatever an engine says before it has read everything, it is what happened.
#[test]
fn row_88_an_answer_in_the_middle_of_an_upload_is_read() {
    for (status, message) in [(400, "the tag is not one"), (500, "the builder is broken")] {
        for after in [0, 100_000] {
            let fault = Fault::Status(status, message);
            let engine = StubEngine::start().failing_early("POST /build", after, fault);
            let run = large_and_last(&engine).run().expect(1);
            assert!(run.stdout.contains(message), "{run}");
            assert_eq!(engine.seen("POST /build").len(), 1, "it is not tried again\n{run}");
        }
    }
}

#[test]
fn row_88_an_upload_that_is_cut_is_a_failed_build_and_no_success() {
    let engine = StubEngine::start().failing_early("POST /build", 100_000, Fault::Close);
    let run = large_and_last(&engine).run().expect(1);
    assert!(run.stdout.contains("the connection to the engine broke: "), "{run}");
    assert!(run.stdout.contains("hint: look into the engine's log"), "{run}");
    assert_eq!(engine.seen("POST /build").len(), 1, "it is not tried again\n{run}");
    assert_eq!(engine.id("acme/tool:1"), None);

    // And where nothing is cut, everything arrives.
    let engine = StubEngine::start();
    large_and_last(&engine).run().expect(0);
    assert_eq!(sent(&engine).last().unwrap().0, b"zlast");
}
