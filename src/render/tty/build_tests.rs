use std::time::Duration;

use super::tests::Stage;
use super::*;
use crate::words::event::{LayerState, StepProgress, StepState};

const SIZE: fn() -> Size = || Size { columns: 62, rows: 24 };

fn image() -> String {
    "tool".to_owned()
}

fn started() -> Event {
    Event::Started { image: image(), action: "build", reference: "acme/tool:1".into() }
}

fn begins(number: u32, text: &str) -> Event {
    Event::BuildStep { image: image(), step: StepProgress::running(number, None, text) }
}

fn ends(number: u32, text: &str, state: StepState, millis: u64) -> Event {
    let step = StepProgress::running(number, None, text);
    let step = step.ended(state, Duration::from_millis(millis));
    Event::BuildStep { image: image(), step }
}

fn line(number: u32, line: &str) -> Event {
    Event::BuildLog { image: image(), number, line: line.into() }
}

fn layer(id: &str, state: LayerState, current: u64) -> Event {
    Event::Layer { image: image(), layer: id.into(), state, current, total: 40_000_000 }
}

/// Two steps that run, after one that was there and one that ran.
fn side_by_side() -> Vec<Event> {
    vec![
        started(),
        ends(1, "[internal] load metadata for docker.io/library/alpine:3.20", StepState::Done, 90),
        ends(2, "[builder 1/5] FROM docker.io/library/alpine:3.20", StepState::Cached, 0),
        begins(3, "[builder 2/5] RUN cargo build"),
        begins(4, "[tests 1/2] RUN cargo test"),
        line(3, "Compiling serde"),
        line(4, "test a"),
        line(3, "Compiling \x1b[2Jocc"),
    ]
}

#[test]
fn steps_that_run_side_by_side_have_a_line_each() {
    let mut stage = Stage::new(SIZE);
    stage.tell(&side_by_side());
    stage.wait(2000);
    insta::assert_snapshot!(stage.shown(), @r"
    ⠋ tool  2 steps run, 2 done                             2.0s
        [builder 2/5] RUN cargo build                       2.0s
          Compiling \x1b[2Jocc
        [tests 1/2] RUN cargo test                          2.0s
          test a
    ");
    stage.tell(&[line(3, "Linking"), line(3, "Stripping")]);
    stage.tell(&[ends(4, "[tests 1/2] RUN cargo test", StepState::Done, 2000)]);
    stage.wait(1200);
    insta::assert_snapshot!(stage.shown(), @r"
    ⠹ tool  [builder 2/5] RUN cargo build                   3.2s
        Compiling \x1b[2Jocc
        Linking
        Stripping
    ");
    stage.tell(&[ends(3, "[builder 2/5] RUN cargo build", StepState::Done, 3200)]);
    stage.wait(100);
    insta::assert_snapshot!(stage.shown(), @"
    ⠸ tool  building acme/tool:1, 4 steps done              3.3s
    ");
    stage.tell(&[begins(4, "[tests 1/2] RUN cargo test")]);
    stage.wait(100);
    insta::assert_snapshot!(stage.shown(), @"
    ⠼ tool  [tests 1/2] RUN cargo test         0.1s, 3.4s in all
    ");
    assert!(!stage.wrapped());
}

#[test]
fn what_the_builder_does_for_itself_does_not_flash_up() {
    let mut stage = Stage::new(SIZE);
    let definition = "[internal] load build definition from Dockerfile";
    stage.tell(&[started(), begins(1, definition)]);
    stage.wait(100);
    insta::assert_snapshot!(stage.shown(), @"
    ⠙ tool  [internal] load build definition from Dockerf…  0.1s
    ");
    stage.tell(&[ends(1, definition, StepState::Done, 100), begins(2, "[1/2] RUN make")]);
    stage.tell(&[begins(3, "[internal] load build context")]);
    stage.tell(&[Event::Sending { image: image(), bytes: 4096 }]);
    stage.wait(400);
    insta::assert_snapshot!(stage.shown(), @"
    ⠴ tool  [1/2] RUN make                                  0.5s
    ");
    stage.wait(100);
    insta::assert_snapshot!(stage.shown(), @"
    ⠦ tool  2 steps run, 1 done                             0.6s
        [1/2] RUN make                                      0.5s
        [internal] load build context, 4.1 kB               0.5s
    ");
    stage.tell(&[ends(2, "[1/2] RUN make", StepState::Done, 500)]);
    stage.tell(&[Event::Sending { image: image(), bytes: 12_300_000 }]);
    stage.wait(100);
    insta::assert_snapshot!(stage.shown(), @"
    ⠧ tool  [internal] load build context, 12.3 MB          0.7s
    ");
}

#[test]
fn a_base_that_is_pulled_beside_other_steps_keeps_its_bars() {
    let mut stage = Stage::new(SIZE);
    let base = "[stage-1 1/3] FROM docker.io/library/alpine:3.20";
    stage.tell(&[started(), begins(1, base)]);
    stage.tell(&[layer("0a0a0a0a0a0a", LayerState::Downloading, 10_000_000)]);
    stage.wait(100);
    insta::assert_snapshot!(stage.shown(), @"
    ⠙ tool  [stage-1 1/3] FROM docker.io/library/alpine:3.…  25%
        ━━────────  downloading  10.0 MB of 40.0 MB
    ");
    stage.tell(&[begins(2, "[builder 2/5] RUN cargo build"), line(2, "Compiling occ")]);
    stage.wait(100);
    insta::assert_snapshot!(stage.shown(), @"
    ⠹ tool  2 steps run                       10.0 MB of 40.0 MB
        [stage-1 1/3] FROM docker.io/library/alpine:3.20    0.2s
        [builder 2/5] RUN cargo build                       0.1s
          Compiling occ
        ━━────────  downloading  10.0 MB of 40.0 MB
    ");
    stage.tell(&[layer("0a0a0a0a0a0a", LayerState::Done, 0), ends(1, base, StepState::Done, 200)]);
    stage.wait(100);
    insta::assert_snapshot!(stage.shown(), @"
    ⠸ tool  [builder 2/5] RUN cargo build                   0.3s
        Compiling occ
    ");
}

#[test]
fn steps_are_told_as_far_as_there_is_room() {
    let told = |measure: fn() -> Size| {
        let mut stage = Stage::new(measure);
        stage.tell(&[started()]);
        for number in 1..=12 {
            stage.tell(&[begins(number, &format!("[s{number} 2/3] RUN make"))]);
            stage.tell(&[line(number, "cc -c a.c")]);
        }
        stage.wait(300);
        assert!(!stage.wrapped());
        stage.shown()
    };
    let roomy = told(SIZE);
    assert_eq!(roomy.matches("] RUN make").count(), 7, "{roomy}");
    assert_eq!(roomy.matches("cc -c a.c").count(), 7, "{roomy}");
    assert!(roomy.ends_with("    and 5 more steps"), "{roomy}");
    insta::assert_snapshot!(told(|| Size { columns: 62, rows: 7 }), @"
    ⠸ tool  12 steps run                                    0.3s
        [s1 2/3] RUN make                                   0.3s
        [s2 2/3] RUN make                                   0.3s
        [s3 2/3] RUN make                                   0.3s
        [s4 2/3] RUN make                                   0.3s
        and 8 more steps
    ");
    assert_eq!(told(|| Size { columns: 62, rows: 3 }).lines().count(), 1);
    assert_eq!(told(|| Size { columns: 62, rows: 2 }).lines().count(), 1);
}

#[test]
fn a_narrow_terminal_has_one_line_for_a_build() {
    let mut stage = Stage::new(|| Size { columns: 20, rows: 24 });
    stage.tell(&side_by_side());
    stage.wait(1000);
    assert_eq!(stage.shown(), "⠋ tool  2 steps");
    stage.tell(&[ends(4, "[tests 1/2] RUN cargo test", StepState::Done, 1000)]);
    stage.wait(100);
    assert_eq!(stage.shown(), "⠙ tool  RUN cargo…");
    stage.tell(&[ends(3, "[builder 2/5] RUN cargo build", StepState::Done, 1000)]);
    stage.tell(&[begins(5, "[internal] load build context")]);
    stage.wait(100);
    assert_eq!(stage.shown(), "⠹ tool  load buil…");
    stage.tell(&[Event::Sending { image: image(), bytes: 4096 }]);
    stage.wait(100);
    assert_eq!(stage.shown(), "⠸ tool  sent 4.1…");
    assert!(!stage.wrapped());
}

#[test]
fn every_step_that_ended_stays_for_who_wants_it() {
    let mut stage = Stage::verbose(SIZE);
    stage.tell(&side_by_side());
    stage.tell(&[
        ends(4, "[tests 1/2] RUN cargo test", StepState::Done, 3200),
        ends(3, "[builder 2/5] RUN cargo build \x1b[2J", StepState::Failed, 3200),
        ends(5, &format!("[builder 3/5] RUN {}", "make ".repeat(60)), StepState::Done, 65_000),
        Event::Finished {
            image: image(),
            outcome: "failed",
            detail: "`cargo build` returned 101".into(),
            millis: 3300,
            code: None,
        },
    ]);
    insta::assert_snapshot!(stage.shown(), @r"
    tool: [internal] load metadata for docker.io/library/al…  90ms
    tool: [builder 1/5] FROM docker.io/library/alpine:3.20  cached
    tool: Compiling serde
    tool: test a
    tool: Compiling \x1b[2Jocc
    tool: [tests 1/2] RUN cargo test  3.2s
    tool: [builder 2/5] RUN cargo build \x1b[2J  failed after 3.2s
    tool: [builder 3/5] RUN make make make make make make…  1m05s
    ✗ tool  failed: `cargo build` returned 101
    ");
    assert!(!stage.wrapped());
}
