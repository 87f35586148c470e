//! Builds that are ended from outside: what is left of them.

use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{held, mark, tool, with_shell};
use crate::support::occ::Occ;
use crate::support::real_engine::{RealEngine, Store};
use crate::support::{is_running, unique, wait_until};

/// How soon a run must end after a signal. The machine may be busy with other tests.
const AT_ONCE: Duration = Duration::from_secs(1);

#[test]
fn interrupted_while_it_sends_the_next_build_begins_anew() {
    let mut engine = RealEngine::connect();
    let name = engine.name("transfer");
    let text = format!("FROM scratch\n{}COPY . /\n", mark());
    let occ = tool(&engine, &name, "", &text).args(["--progress", "json", "sync"]);
    // Nothing on this disk, and some time on its way.
    let file = std::fs::File::create(occ.work().join("ctx/large")).unwrap();
    file.set_len(150_000_000).unwrap();
    let running = occ.spawn();
    running.wait_for("\"event\":\"sending\"");
    let sent = Instant::now();
    running.signal(Signal::INT);
    let run = running.wait().expect(130);
    assert!(sent.elapsed() < AT_ONCE, "it took {:?}\n{run}", sent.elapsed());
    assert!(run.stdout.contains("1 cancelled in "), "{run}");
    assert_eq!(engine.id(&name), None);
    file.set_len(3).unwrap();
    occ.run().expect(0);
    assert_eq!(engine.entries(&name)["large"].content, [0; 3]);
}

#[test]
fn killed_in_a_step_the_engine_stops_it() {
    let mut engine = RealEngine::connect();
    let name = engine.name("killed");
    let id = unique();
    let text = format!("FROM shell\nRUN : {id}; sleep 600; :\n");
    let occ = with_shell(&engine, &name, "", &text).args(["sync"]);
    for (signal, code) in [(Signal::KILL, -9), (Signal::TERM, 143)] {
        let running = occ.spawn();
        wait_until("the step runs", || is_running(&id));
        running.signal(signal);
        running.wait().expect(code);
        wait_until("the step is stopped", || !is_running(&id));
        assert_eq!(engine.id(&name), None);
    }
}

#[test]
fn a_build_that_takes_too_long_is_stopped() {
    let mut engine = RealEngine::connect();
    let name = engine.name("too-long");
    let id = unique();
    let occ = with_shell(&engine, &name, "", &format!("FROM shell\nRUN : {id}; sleep 600; :\n"));
    let manifest = fs_err::read_to_string(occ.work().join("opencode.toml")).unwrap();
    let occ = occ.file("opencode.toml", manifest + "[timeouts]\nbuild = \"1s\"\n").args(["sync"]);
    let running = occ.spawn();
    wait_until("the step runs", || is_running(&id));
    let run = running.wait().expect(7);
    assert!(run.stdout.contains("it took longer than 1s"), "{run}");
    wait_until("the step is stopped", || !is_running(&id));
    assert_eq!(engine.id(&name), None);
}

/// A build of a third of a second, of an image with two names.
fn two_names(engine: &RealEngine, name: &str, further: &str) -> Occ {
    let text = "FROM shell\nCOPY file /a\nRUN sleep 0.05\nCOPY file /b\n";
    let occ = with_shell(engine, name, "", text);
    let manifest = fs_err::read_to_string(occ.work().join("opencode.toml")).unwrap();
    occ.file("opencode.toml", manifest + &format!("extra_tags = [\"{further}\"]\n"))
        .file("ctx/file", unique())
        .args(["sync"])
}

#[test]
fn killed_at_any_moment_nothing_is_left_that_the_next_run_does_not_mend() {
    let mut engine = RealEngine::connect();
    let (name, further) = (engine.name("kills"), engine.name("further"));
    let occ = two_names(&engine, &name, &further);
    let begun = Instant::now();
    occ.run().expect(0);
    let whole = begun.elapsed();
    let mut before = held(&mut engine, &name);
    for at in 0..20 {
        fs_err::write(occ.work().join("ctx/file"), unique()).unwrap();
        let running = occ.spawn();
        sleep(whole * at / 20);
        // The last ones may be done by then.
        let _ = kill_process(Pid::from_raw(running.pid()).unwrap(), Signal::KILL);
        let code = running.wait().code();
        assert!(code == -9 || code == 0, "{code}");
        sleep(Duration::from_millis(20));
        let is_new = held(&mut engine, &name) != before;
        if is_new {
            occ.run().expect(0);
            assert_eq!(engine.id(&name), engine.id(&further));
        }
        before = held(&mut engine, &name);
    }
    occ.run().expect(0);
    let id = held(&mut engine, &name);
    assert_eq!(engine.id(&further), Some(id));
    let text = fs_err::read(occ.work().join("ctx/file")).unwrap();
    let built = engine.entries(&name);
    assert!(built["a"].content == text && built["b"].content == text);
    // What has no name had it, be it for a moment: it is no half of a build.
    for id in engine.unnamed(&name) {
        engine.clean_up(id.clone());
        let entries = engine.entries(&id);
        assert_eq!(entries["a"].content, entries["b"].content);
        // containerd's store tells no history of what has no name.
        if engine.store() != Store::Containerd {
            assert!(engine.history(&id)[0].starts_with("LABEL dev.occ.inputs="));
        }
    }
}
