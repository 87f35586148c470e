//! How occ gets to an engine: connections that are kept, and those through `ssh`.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;

use crate::support::occ::Occ;
use crate::support::script::Rule;
use crate::support::stub_engine::{Fault, StubEngine};
use crate::support::stub_table::StubImage;

const SOURCE: &str = "ghcr.io/acme/tool:1";

const ONE: &str = r#"
version = 1
[retry]
attempts = 2
backoff = "500ms"
[images.tool]
name = "acme/tool"
tag = "1"
registries = ["ghcr.io"]
"#;

/// Twenty images that are there.
fn twenty() -> (StubEngine, String) {
    let mut text = "version = 1\n".to_owned();
    let mut engine = StubEngine::start();
    for number in 0..20 {
        let name = format!("acme/tool{number}");
        engine = engine.local(&format!("{name}:1"), &StubImage::new(&name));
        writeln!(
            text,
            "[images.i{number}]\nname = \"{name}\"\ntag = \"1\"\nregistries = [\"ghcr.io\"]"
        )
        .unwrap();
    }
    (engine, text)
}

fn on(host: &str, manifest: &str) -> Occ {
    Occ::manifest(manifest).args(["-H", host, "--progress", "plain"])
}

/// Puts a program for `ssh` on the `PATH`, which writes down what it was called with.
fn ssh(occ: Occ, body: &str) -> Occ {
    let bin = occ.path("bin");
    fs_err::create_dir_all(&bin).unwrap();
    let file = bin.join("ssh");
    let log = occ.path("logins").display().to_string();
    fs_err::write(&file, format!("#!/bin/bash\necho \"$@\" >> {log}\n{body}\n")).unwrap();
    fs_err::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
    occ.env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
}

/// What `docker system dial-stdio` does on the other machine.
fn dialling(engine: &StubEngine) -> String {
    let port = engine.also_on_tcp();
    format!("exec 3<>/dev/tcp/127.0.0.1/{port}\ncat <&3 3>&- &\nexec cat >&3")
}

fn logins(occ: &Occ) -> Vec<String> {
    let log = fs_err::read_to_string(occ.path("logins")).unwrap_or_default();
    log.lines().map(str::to_owned).collect()
}

#[test]
fn a_connection_is_kept_for_the_next_question() {
    let engine = StubEngine::start().remote(SOURCE, &StubImage::new("tool"));
    on(&engine.host(), ONE).args(["sync"]).run().expect(0);
    assert!(engine.seen("").len() > 4, "{:?}", engine.seen(""));
    assert_eq!(engine.connections(), 1);

    let (engine, manifest) = twenty();
    on(&engine.host(), &manifest).args(["sync"]).run().expect(0);
    assert_eq!((engine.seen("").len(), engine.connections()), (20, 8));
}

#[test]
fn a_connection_that_was_closed_meanwhile_is_not_used() {
    let refusal = Fault::Status(503, "unavailable");
    let engine = StubEngine::start()
        .hanging_up()
        .remote(SOURCE, &StubImage::new("tool"))
        .rule(Rule::on("/distribution/", refusal).times(1));
    let run = on(&engine.host(), ONE).args(["sync"]).run().expect(0);
    assert_eq!(engine.connections(), 2, "{run}");
    assert_eq!(engine.seen("/distribution/").len(), 2, "{run}");
}

#[test]
fn through_ssh_several_questions_take_one_login() {
    let (engine, manifest) = twenty();
    let occ = ssh(on("ssh://me@far", &manifest), &dialling(&engine)).args(["sync"]);
    occ.run().expect(0);
    let all = logins(&occ);
    assert!(all.len() <= 4, "sshd drops some of more than ten at once: {all:?}");
    assert_eq!(
        all[0],
        "-o BatchMode=yes -o ConnectTimeout=30 -T -- me@far docker system dial-stdio"
    );

    let engine = StubEngine::start().remote(SOURCE, &StubImage::new("tool"));
    let occ = ssh(on("ssh://far", ONE), &dialling(&engine)).args(["sync"]);
    occ.run().expect(0);
    assert_eq!(engine.id("acme/tool:1"), Some(StubImage::new("tool").id));
    assert_eq!(logins(&occ).len(), 1);
}

#[test]
fn why_ssh_got_nowhere_is_in_its_own_words() {
    let fails = |body: &str, words: &[&str]| {
        let run = ssh(on("ssh://me@far", ONE), body).args(["sync"]).run().expect(5);
        run.says(&["ssh://me@far", "does `ssh` reach the host"])
            .says(words)
            .never_says(&["caused by"]);
    };
    let refused =
        "echo 'Warning: added' >&2\necho 'me@far: Permission denied (publickey).' >&2\nexit 255";
    fails(refused, &["me@far: Permission denied (publickey)."]);
    fails(
        "printf 'bash: docker: \\e[31mcommand not found' >&2\nexit 127",
        &["\\x1b[31mcommand not found"],
    );
    fails("exit 3", &["`ssh` ended without a word"]);
    // More than anybody reads, and a stream that somebody else keeps open.
    fails(
        "head -c 300000 /dev/zero >&2\necho >&2\necho at the end >&2\nsleep 5 >&2 &\nexit 1",
        &["at the end"],
    );
    let nowhere = on("ssh://me@far", ONE).env("PATH", "/nowhere").args(["sync"]).run().expect(5);
    nowhere.says(&["the program `ssh` can't be run"]);
}
