use super::*;
use crate::execute::report::SourceFailure;
use crate::words::code::Code;
use crate::words::exit::ExitStatus;
use crate::words::failure::FailureClass;

fn image(id: &str, action: Action, outcome: Outcome) -> ImageReport {
    ImageReport {
        id: id.into(),
        name: format!("acme/{id}:1"),
        reference: format!("docker.io/acme/{id}:1"),
        action,
        outcome,
        cause: "in sync".into(),
        steps: Vec::new(),
        registries: Vec::new(),
        wanted: None,
        pinned_by: None,
        signed_by: None,
        source: None,
        digest: None,
        image_id: None,
        previous_id: None,
        changed: false,
        moved: false,
        bytes: 0,
        millis: 842,
        failures: Vec::new(),
        code: None,
        error: None,
        hints: Vec::new(),
        log: Vec::new(),
        log_file: None,
        failed_at: None,
        exit: ExitStatus::Success,
    }
}

fn report() -> Report {
    let digest = format!("sha256:{}", "0a".repeat(32));
    let pulled = ImageReport {
        source: Some("ghcr.io/acme/tool:1".into()),
        digest: digest.parse().ok(),
        bytes: 20_978_068,
        changed: true,
        moved: true,
        ..image("tool", Action::Pull, Outcome::Done)
    };
    let built = ImageReport {
        source: Some("build".into()),
        image_id: Some(digest),
        previous_id: Some(format!("sha256:{}", "0b".repeat(32))),
        changed: true,
        moved: true,
        millis: 65_000,
        ..image("app", Action::Build, Outcome::Done)
    };
    let failed = |source: &str, class: FailureClass, attempts, message: &str| SourceFailure {
        source: source.into(),
        class,
        code: class.code(),
        attempts,
        message: message.into(),
    };
    let denied = ImageReport {
        code: Some(Code::Denied),
        error: Some("no source served the image".into()),
        failures: vec![
            failed("ghcr.io/acme/db:1", FailureClass::Denied, 1, "unauthorized\x1b[2J\nreally"),
            failed("docker.io/acme/db:1", FailureClass::Server, 3, ""),
        ],
        hints: vec!["`docker login ghcr.io`".into()],
        ..image("db", Action::Pull, Outcome::Failed)
    };
    let broken = ImageReport {
        code: Some(Code::Build),
        error: Some("step 2 returned 1".into()),
        log: vec!["compiling\r".into(), String::new(), "error\x1b[31m".into()],
        ..image("base", Action::Build, Outcome::Failed)
    };
    let skipped = ImageReport {
        error: Some("it is built on `base`".into()),
        ..image("top", Action::Build, Outcome::Skipped)
    };
    let images = vec![
        pulled,
        built,
        image("redis", Action::None, Outcome::Unchanged),
        denied,
        broken,
        skipped,
    ];
    Report { images }
}

#[test]
fn a_report_says_what_came_of_each_image() {
    let time = Duration::from_millis(4200);
    insta::assert_snapshot!(summary(&report(), Look::test(80), time), @r"
    ✓ tool   pulled from ghcr.io, sha256:0a0a0a0a0a0a  21.0 MB  0.8s
    ✓ app    built, sha256:0a0a0a0a0a0a, was sha256:0b0b0b0b0b0b  1m05s
      redis  in sync
    ✗ db     failed: no source served the image
        ghcr.io/acme/db:1    denied, 1 attempt: unauthorized\x1b[2J really
        docker.io/acme/db:1  server error, 3 attempts
        hint: `docker login ghcr.io`
        code: OCC-DENIED, see `occ explain OCC-DENIED`
    ✗ base   failed: step 2 returned 1
        the build's last 3 lines:
        | compiling
        |
        | error\x1b[31m
        code: OCC-BUILD, see `occ explain OCC-BUILD`
    - top    skipped: it is built on `base`
    1 pulled, 1 built, 1 unchanged, 2 failed, 1 skipped in 4.2s
    ");
}

#[test]
fn the_closing_words_are_about_failures() {
    let text = closing(&report(), Look { unicode: false, ..Look::test(80) }, Duration::ZERO);
    assert!(text.starts_with("x db\n    ghcr.io"), "{text}");
    assert!(!text.contains("redis"), "{text}");
    assert!(!text.contains("failed: "), "the bars have left that line already: {text}");
    let none = closing(&Report::default(), Look::test(80), Duration::ZERO);
    assert_eq!(none, "nothing to do in 0ms\n");
}

#[test]
fn a_megabyte_without_a_line_end_does_not_bury_the_rest() {
    let broken = ImageReport {
        log: vec!["x".repeat(1_000_000), "\0".repeat(5000), "what went wrong".into()],
        ..image("base", Action::Build, Outcome::Failed)
    };
    let report = Report { images: vec![broken] };
    let text = summary(&report, Look::test(80), Duration::ZERO);
    assert!(text.len() < 1000, "{} bytes", text.len());
    assert!(text.contains("xxx…\n") && text.contains("| what went wrong\n"), "{text}");
}
