use super::*;
use crate::render::sink::Memory;
use crate::words::event::{LayerState, StepProgress};
use crate::words::failure::FailureClass;

fn image() -> String {
    "tool".to_owned()
}

fn trying(source: &str, round: u32) -> Event {
    Event::Trying { image: image(), source: source.into(), round }
}

fn layer(number: u64, state: LayerState, current: u64, total: u64) -> Event {
    Event::Layer { image: image(), layer: format!("{number:012}"), state, current, total }
}

#[test]
fn a_pull_is_told_in_few_lines() {
    let memory = Memory::default();
    let mut plain = Plain::new(false, memory.sink());
    let (first, second) = ("127.0.0.1:5000/acme/tool:1", "docker.io/acme/tool:1");
    let events = [
        Event::Started { image: image(), action: "pull", reference: "acme/tool:1".into() },
        trying(first, 1),
        Event::SourceFailed {
            image: image(),
            source: first.into(),
            class: FailureClass::Network,
            code: FailureClass::Network.code(),
            message: "connection refused".into(),
            next: Some(second.into()),
        },
        trying(second, 1),
        Event::Resolved {
            image: image(),
            source: second.into(),
            digest: format!("sha256:{}", "0a".repeat(32)).parse().ok(),
        },
        layer(1, LayerState::Downloading, 10_000_000, 21_000_000),
        layer(1, LayerState::Done, 0, 0),
        Event::Finished {
            image: image(),
            outcome: "done",
            detail: "pulled from docker.io".into(),
            millis: 842,
            code: None,
        },
    ];
    for event in &events {
        plain.event(event);
    }
    insta::assert_snapshot!(memory.take(), @r"
    tool: pulling 127.0.0.1:5000/acme/tool:1
    tool: 127.0.0.1:5000: network failure, trying docker.io
    tool: pulling docker.io/acme/tool:1
    tool: docker.io/acme/tool:1 is sha256:0a0a0a0a0a0a
    tool: pulled from docker.io, 21.0 MB in 0.8s
    ");
}

#[test]
fn a_long_pull_is_heard_of_every_half_minute_and_no_more() {
    let memory = Memory::default();
    let mut plain = Plain::new(false, memory.sink());
    let start = Instant::now();
    plain.event_at(&trying("ghcr.io/acme/tool:1", 1), start);
    // 500 MB in 50 layers at 5 MB/s, an event and a tick every 100 ms.
    for tenth in 0..1000_u32 {
        let now = start + Duration::from_millis(100) * tenth;
        let (number, part) = (u64::from(tenth) / 20, u64::from(tenth) % 20 + 1);
        let state = if part == 20 { LayerState::Done } else { LayerState::Downloading };
        plain.event_at(&layer(number, state, part * 500_000, 10_000_000), now);
        plain.tick_at(now);
    }
    insta::assert_snapshot!(memory.take(), @r"
    tool: pulling ghcr.io/acme/tool:1
    tool: still pulling tool from ghcr.io, 150.5 MB of 160.0 MB, 15 of 16 layers (30.0s so far)
    tool: still pulling tool from ghcr.io, 300.5 MB of 310.0 MB, 30 of 31 layers (1m00s so far)
    tool: still pulling tool from ghcr.io, 450.5 MB of 460.0 MB, 45 of 46 layers (1m30s so far)
    ");
}

#[test]
fn a_build_is_told_by_its_steps() {
    let events = [
        Event::Started {
            image: image(),
            action: "build",
            reference: "docker.io/acme/tool:latest".into(),
        },
        Event::Sending { image: image(), bytes: 4096 },
        Event::BuildStep {
            image: image(),
            step: StepProgress::running(1, Some(2), "FROM scratch"),
        },
        Event::BuildLog { image: image(), number: 1, line: "copied\x1b[2J".into() },
        Event::Finished {
            image: image(),
            outcome: "failed",
            detail: "step 2 returned 1".into(),
            millis: 65_000,
            code: None,
        },
    ];
    let told = |verbose| {
        let memory = Memory::default();
        let mut plain = Plain::new(verbose, memory.sink());
        for event in &events {
            plain.event(event);
        }
        memory.take()
    };
    insta::assert_snapshot!(told(true), @r"
    tool: building acme/tool:latest
    tool: step 1/2 FROM scratch
    tool: | copied\x1b[2J
    tool: failed after 1m05s: step 2 returned 1
    ");
    assert!(!told(false).contains("copied"));
}

#[test]
fn the_engines_own_retries_are_told_once_a_layer() {
    let memory = Memory::default();
    let mut plain = Plain::new(false, memory.sink());
    for seconds in (1..=5).rev() {
        plain.event(&Event::LayerRetry { image: image(), layer: "abc".into(), seconds });
    }
    assert_eq!(memory.take(), "tool: layer abc failed, the engine tries it again\n");
    plain.event(&trying("ghcr.io/acme/tool:1", 2));
    plain.event(&Event::Finished {
        image: image(),
        outcome: "cancelled",
        detail: String::new(),
        millis: 9,
        code: None,
    });
    assert_eq!(memory.take(), "tool: pulling ghcr.io/acme/tool:1, round 2\ntool: cancelled\n");
}

#[test]
fn nothing_foreign_makes_a_line_or_moves_the_cursor() {
    let memory = Memory::default();
    let mut plain = Plain::new(true, memory.sink());
    let bad = "x\r\n\x1b]0;t\x07\u{202e}y";
    plain.event(&trying(bad, 1));
    plain.event(&Event::BuildLog { image: image(), number: 1, line: bad.into() });
    plain.event(&Event::Warning { image: None, message: bad.into() });
    plain.event(&Event::Finished {
        image: image(),
        outcome: "done",
        detail: bad.into(),
        millis: 0,
        code: None,
    });
    let out = memory.take();
    assert_eq!(out.lines().count(), 4, "{out}");
    assert!(!out.chars().any(|c| c.is_control() && c != '\n'), "{out:?}");
    assert!(!out.contains('\u{202e}'));
}
