//! Command lines and environments as people and scripts get them wrong (row 94).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::{MANIFEST, engine, occ};
use crate::support::occ::{Occ, Run};

/// Bytes that are no UTF-8.
fn odd(text: &[u8]) -> &OsStr {
    OsStr::from_bytes(text)
}

/// Runs it with arguments that need not be text.
fn run_odd(occ: &Occ, arguments: &[&OsStr]) -> Run {
    let mut command = occ.command();
    command.args(arguments);
    occ.start(command).wait()
}

#[test]
fn row_94_arguments_that_are_no_text_are_shown_as_well_as_can_be() {
    let engine = engine();
    for locale in ["C", "C.UTF-8"] {
        let occ = occ(&engine).env("LC_ALL", locale);
        run_odd(&occ, &[OsStr::new("sync"), odd(b"opencod\xff")]).expect(64);
        run_odd(&occ, &[odd(b"\xffsync")]).expect(64);
        run_odd(&occ, &[odd(b"--host=\xff"), OsStr::new("plan")]).expect(64);
        run_odd(&occ, &[odd(b"--\xff")]).expect(64);

        let missing = [odd(b"--manifest=no\xff.toml"), OsStr::new("check")];
        run_odd(&occ, &missing).expect(65).says(&["`no\u{fffd}.toml`: there is no such file"]);
    }
    assert!(engine.seen("").is_empty());
}

#[test]
fn row_94_files_whose_names_are_no_text_are_files() {
    let engine = engine();
    let occ = occ(&engine).file("Dockerfile", "FROM scratch\n");
    fs_err::write(occ.work().join(odd(b"m\xff.toml")), MANIFEST).unwrap();
    fs_err::write(occ.work().join(odd(b"bad\xff\x1b[2J.toml")), "x = [").unwrap();
    let good = odd(b"--manifest=m\xff.toml");
    run_odd(&occ, &[good, OsStr::new("check")]).expect(0);
    run_odd(&occ, &[good, OsStr::new("sync"), OsStr::new("opencode")]).expect(0);
    assert!(engine.id("acme/opencode:1").is_some());

    let bad = odd(b"--manifest=bad\xff\x1b[2J.toml");
    let run = run_odd(&occ, &[bad, OsStr::new("check")]).expect(65);
    run.says(&["bad\u{fffd}\\x1b[2J.toml:1:6"]);
    let json = ["--format", "json", "check"].map(OsStr::new);
    let document = run_odd(&occ, &[&[bad][..], &json].concat()).expect(65).json();
    assert_eq!(document["diagnostics"][0]["file"], "bad\u{fffd}\\x1b[2J.toml");
}

#[test]
fn row_94_an_environment_that_is_no_text_is_read_as_well_as_can_be() {
    let engine = engine();
    let occ = occ(&engine);
    let run = |name: &str, value: &[u8]| {
        let mut command = occ.command();
        command.env(name, odd(value)).arg("plan");
        occ.start(command).wait()
    };
    for name in ["HOME", "DOCKER_CONFIG", "XDG_RUNTIME_DIR", "LANG", "TERM", "DOCKER_HOST", "PATH"]
    {
        run(name, b"/no/\xff\x1b[2J").expect(0);
    }
    run("OCC_MANIFEST", b"\xff\x1b[2J").expect(65);
    for name in ["OCC_FORMAT", "OCC_TIMEOUT", "DOCKER_DEFAULT_PLATFORM"] {
        run(name, b"\xff\x1b[2J").expect(64);
    }
}

#[test]
fn row_94_in_the_c_locale_all_output_is_ascii() {
    let engine = engine();
    for variable in ["LC_ALL", "LANG"] {
        let occ = occ(&engine).without_env("LC_ALL").env(variable, "C");
        for arguments in [
            &["plan"][..],
            &["sync"],
            &["status"],
            &["check"],
            &["why", "built"],
            &["doctor"],
            &["--progress", "tty", "sync"],
        ] {
            let mut command = occ.command();
            let output = command.args(arguments).output().unwrap();
            assert!(
                output.stdout.is_ascii() && output.stderr.is_ascii(),
                "{arguments:?} {output:?}"
            );
        }
    }
}

#[test]
fn a_bad_command_line_is_64_and_touches_nothing() {
    let engine = engine();
    let occ = occ(&engine);
    let bad: &[(&[&str], &[&str])] = &[
        (&["snyc"], &["'snyc'", "'sync'"]),
        (&["--manifset", "x", "check"], &["'--manifset'", "'--manifest'"]),
        (&["sync", "--fail-fst"], &["'--fail-fst'", "'--fail-fast'"]),
        (&["--timeout", "soon", "plan"], &["'soon'", "`1m30s`"]),
        (&["--progress", "loud", "plan"], &["'loud'", "plain"]),
        (&["check", "too", "many"], &["'too'"]),
        (&["--manifest"], &["--manifest <FILE>"]),
        (&[], &["Usage: occ"]),
        (&["plan", "\u{1b}[2J\u{202e}"], &["the manifest has no image"]),
        (&["\u{1b}[2J\u{202e}"], &["Usage: occ"]),
    ];
    for (arguments, words) in bad {
        let run = occ.run_with(arguments.iter().copied()).expect(64);
        assert_eq!(run.stdout, "", "{run}");
        run.says(words);
        if !arguments.is_empty() {
            let run = occ.run_with(["--format", "json"].iter().chain(*arguments).copied());
            assert_eq!(run.expect(64).json()["exit_code"], 64);
        }
    }
    let run = occ.run_with(["--format=json", "snyc"]).expect(64);
    assert_eq!(run.json()["diagnostics"][0]["message"], "unrecognized subcommand 'snyc'");
    assert!(engine.seen("").is_empty());
}

#[test]
fn a_bad_variable_is_a_bad_command_line() {
    let bad = [
        ("OCC_PROGRESS", "loud", "'loud'"),
        ("OCC_TIMEOUT", "soon", "'soon'"),
        ("OCC_FORMAT", "yaml", "'yaml'"),
        ("OCC_STRATEGY", "guess", "'guess'"),
        ("OCC_VERBOSE", "yes", "1 is -v"),
        ("DOCKER_DEFAULT_PLATFORM", "amd", "`DOCKER_DEFAULT_PLATFORM`"),
    ];
    for (name, value, words) in bad {
        let engine = engine();
        let run = occ(&engine).env(name, value).args(["plan"]).run().expect(64);
        run.says(&[words, &format!("`{name}`")]);
        assert!(engine.seen("").is_empty());
    }
    let engine = engine();
    let flag = occ(&engine).env("OCC_FORMAT", "json").args(["--format", "xml", "plan"]);
    flag.run().expect(64).never_says(&["OCC_FORMAT"]);
    let text = occ(&engine).env("OCC_FORMAT", "json").args(["--format", "text", "plam"]);
    assert_eq!(text.run().expect(64).stdout, "");
}

#[test]
fn a_flag_wins_over_the_variable_of_its_rival() {
    let engine = engine();
    let with = |name: &str, value: &str| Occ::manifest(MANIFEST).env(name, value);
    let host = engine.host();
    with("OCC_CONTEXT", "nope").args(["--host", &host, "plan"]).run().expect(0);
    with("OCC_CONTEXT", "nope").args(["plan", "-H", &host]).run().expect(0);
    let context = with("OCC_HOST", &host).args(["--context", "nope", "plan"]).run().expect(5);
    context.says(&["`nope`", "`--context`"]);
    with("OCC_HOST", &host).args(["plan"]).run().expect(0);
    let nowhere = with("OCC_HOST", "unix:///no/engine.sock").args(["plan"]).run().expect(5);
    nowhere.says(&["from `OCC_HOST`"]);
    let both = with("OCC_HOST", &host).env("OCC_CONTEXT", "nope").args(["plan"]).run();
    both.expect(64).says(&["contradict each other"]);
    let events =
        with("OCC_QUIET", "1").args(["-H", &host, "--progress", "json", "sync", "opencode"]);
    events.run().expect(0).says(&["\"event\":\"finished\""]);
}

#[test]
fn quiet_is_about_progress_and_not_about_warnings() {
    let twice = "registries = [\"ghcr.io\", \"ghcr.io\"]";
    let manifest = format!("version = 1\n[images.a]\nname = \"acme/a\"\n{twice}\n");
    let run = Occ::manifest(&manifest).args(["-q", "check"]).run().expect(0);
    let run = run.says(&["warning: the source `ghcr.io/acme/a:latest` is listed twice"]);
    assert_eq!(run.stdout, "");
}

#[test]
fn a_variable_that_is_set_to_nothing_is_not_set() {
    let engine = engine();
    let mut occ = occ(&engine);
    let names = ["MANIFEST", "PROGRESS", "FORMAT", "TIMEOUT", "VERBOSE", "STRATEGY", "DRY_RUN"];
    for name in names.into_iter().chain(["ALLOW"]) {
        occ = occ.env(&format!("OCC_{name}"), "");
    }
    occ.args(["sync", "opencode"]).run().expect(0);
    assert!(engine.id("acme/opencode:1").is_some());
}

#[test]
fn an_unknown_id_is_64_with_a_suggestion() {
    let engine = engine();
    let occ = occ(&engine);
    for command in ["plan", "sync", "status"] {
        let run = occ.run_with([command, "opencoed"]).expect(64);
        run.says(&["the manifest has no image `opencoed`", "did you mean `opencode`?"]);
        let run = occ.run_with([command, "opencode", "zzz"]).expect(64);
        run.says(&["no image `zzz`", "it has opencode, a-second-image and built"]);
        let run = occ.run_with(["--format", "json", command, "opencoed"]).expect(64);
        assert_eq!(run.json()["diagnostics"][0]["hints"][0], "did you mean `opencode`?");
    }
    assert!(engine.seen("").is_empty());
    // A wrong manifest is told first: its ids may be what is wrong.
    Occ::manifest("version = 1\n").args(["sync", "opencode"]).run().expect(65);
}
