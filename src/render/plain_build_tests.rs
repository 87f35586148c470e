use super::*;
use crate::render::sink::Memory;

fn image() -> String {
    "tool".to_owned()
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

/// What is told of a build whose events come at these milliseconds, with a tick every
/// tenth of a second up to `end`.
fn told(verbose: bool, events: &[(u64, Event)], end: u64) -> String {
    let memory = Memory::default();
    let mut plain = Plain::new(verbose, memory.sink());
    let start = Instant::now();
    let mut coming = events.iter().peekable();
    for millis in (0..=end).step_by(100) {
        while let Some((at, event)) = coming.next_if(|(at, _)| *at <= millis) {
            plain.event_at(event, start + Duration::from_millis(*at));
        }
        plain.tick_at(start + Duration::from_millis(millis));
    }
    memory.take()
}

fn build() -> Vec<(u64, Event)> {
    let (definition, context) =
        ("[internal] load build definition from Dockerfile", "[internal] load build context");
    let (metadata, base) = (
        "[internal] load metadata for docker.io/library/alpine:3.20",
        "[builder 1/5] FROM docker.io/library/alpine:3.20",
    );
    let (make, test) = ("[builder 2/5] RUN make", "[tests 1/2] RUN make test");
    vec![
        (
            0,
            Event::Started {
                image: image(),
                action: "build",
                reference: "docker.io/acme/tool:1".into(),
            },
        ),
        (0, begins(1, definition)),
        (100, ends(1, definition, StepState::Done, 100)),
        (100, begins(2, metadata)),
        (1300, ends(2, metadata, StepState::Done, 1200)),
        (1300, ends(3, base, StepState::Cached, 0)),
        (1300, begins(4, context)),
        (1400, ends(4, context, StepState::Cached, 0)),
        (1400, begins(5, make)),
        (1400, begins(6, test)),
        (1500, line(5, "cc a.c")),
        (1600, line(6, "test a")),
        (1700, line(5, "cc b.c")),
        (1800, ends(5, make, StepState::Done, 400)),
        (1900, begins(5, make)),
        (2000, line(6, "test b")),
        (2100, ends(5, make, StepState::Done, 200)),
        (2200, ends(6, test, StepState::Failed, 800)),
        (
            2300,
            Event::Finished {
                image: image(),
                outcome: "failed",
                detail: "`make test` returned 2".into(),
                millis: 2300,
                code: None,
            },
        ),
    ]
}

#[test]
fn steps_are_told_when_they_begin_and_those_that_took_long_when_they_end() {
    insta::assert_snapshot!(told(false, &build(), 3000), @"
    tool: building acme/tool:1
    tool: [internal] load metadata for docker.io/library/alpine:3.20: done in 1.2s
    tool: [builder 1/5] FROM docker.io/library/alpine:3.20: cached
    tool: [builder 2/5] RUN make
    tool: [tests 1/2] RUN make test
    tool: [tests 1/2] RUN make test: failed after 0.8s
    tool: failed after 2.3s: `make test` returned 2
    ");
}

#[test]
fn with_the_log_every_step_is_told_and_its_lines_stand_together() {
    insta::assert_snapshot!(told(true, &build(), 3000), @"
    tool: building acme/tool:1
    tool: [internal] load build definition from Dockerfile
    tool: [internal] load build definition from Dockerfile: done in 0.1s
    tool: [internal] load metadata for docker.io/library/alpine:3.20
    tool: [internal] load metadata for docker.io/library/alpine:3.20: done in 1.2s
    tool: [builder 1/5] FROM docker.io/library/alpine:3.20: cached
    tool: [internal] load build context
    tool: [internal] load build context: cached
    tool: [builder 2/5] RUN make
    tool: [tests 1/2] RUN make test
    tool: [builder 2/5] RUN make: continued
    tool: | cc a.c
    tool: | cc b.c
    tool: [builder 2/5] RUN make: done in 0.4s
    tool: [tests 1/2] RUN make test: continued
    tool: | test a
    tool: [builder 2/5] RUN make
    tool: [tests 1/2] RUN make test: continued
    tool: | test b
    tool: [builder 2/5] RUN make: done in 0.2s
    tool: [tests 1/2] RUN make test: failed after 0.8s
    tool: failed after 2.3s: `make test` returned 2
    ");
}

#[test]
fn a_step_of_the_classic_builder_is_told_by_its_number() {
    let step = StepProgress::running(2, Some(7), "RUN make");
    let event = |step: &StepProgress| Event::BuildStep { image: image(), step: step.clone() };
    let ended = |state, millis| event(&step.clone().ended(state, Duration::from_millis(millis)));
    let end = |state, millis| told(false, &[(0, event(&step)), (0, ended(state, millis))], 0);
    assert_eq!(end(StepState::Done, 999), "tool: step 2/7 RUN make\n");
    let long = "tool: step 2/7 RUN make\ntool: step 2/7 RUN make: done in 1.0s\n";
    assert_eq!(end(StepState::Done, 1000), long);
    let cached = "tool: step 2/7 RUN make\ntool: step 2/7 RUN make: cached\n";
    assert_eq!(end(StepState::Cached, 1), cached);
    let failed = "tool: step 2/7 RUN make\ntool: step 2/7 RUN make: failed after 4ms\n";
    assert_eq!(end(StepState::Failed, 4), failed);
}

#[test]
fn what_an_internal_step_failed_at_is_told_with_its_name() {
    let metadata = "[internal] load metadata for ghcr.io/a/b:1";
    let events = [(0, begins(1, metadata)), (300, ends(1, metadata, StepState::Failed, 300))];
    assert_eq!(told(false, &events, 300), format!("tool: {metadata}: failed after 0.3s\n"));
}

#[test]
fn lines_that_are_held_back_come_when_the_others_are_silent_and_at_the_end_at_the_latest() {
    let mut events = vec![
        (0, begins(1, "[a 1/2] RUN one")),
        (0, begins(2, "[b 1/2] RUN two")),
        (0, line(1, "one")),
        (100, line(2, "two")),
        (200, line(1, "three")),
        (900, line(0, "nobody's")),
    ];
    insta::assert_snapshot!(told(true, &events, 1100), @"
    tool: [a 1/2] RUN one
    tool: [b 1/2] RUN two
    tool: [a 1/2] RUN one: continued
    tool: | one
    tool: | three
    tool: | nobody's
    ");
    insta::assert_snapshot!(told(true, &events, 1200), @"
    tool: [a 1/2] RUN one
    tool: [b 1/2] RUN two
    tool: [a 1/2] RUN one: continued
    tool: | one
    tool: | three
    tool: | nobody's
    tool: [b 1/2] RUN two: continued
    tool: | two
    ");
    events.push((
        1000,
        Event::Finished {
            image: image(),
            outcome: "cancelled",
            detail: String::new(),
            millis: 1000,
            code: None,
        },
    ));
    insta::assert_snapshot!(told(true, &events, 1000), @"
    tool: [a 1/2] RUN one
    tool: [b 1/2] RUN two
    tool: [a 1/2] RUN one: continued
    tool: | one
    tool: | three
    tool: | nobody's
    tool: [b 1/2] RUN two: continued
    tool: | two
    tool: cancelled
    ");

    let memory = Memory::default();
    let (mut plain, now) = (Plain::new(true, memory.sink()), Instant::now());
    events.truncate(4);
    for (_, event) in &events {
        plain.event_at(event, now);
    }
    assert!(!memory.take().contains("| two"));
    plain.finish();
    assert_eq!(memory.take(), "tool: [b 1/2] RUN two: continued\ntool: | two\n");
    plain.finish();
    assert_eq!(memory.take(), "");
}

#[test]
fn a_long_build_is_heard_of_by_the_steps_that_run() {
    let mut events = vec![(0, begins(1, "[a 1/2] RUN one")), (0, begins(2, "[b 1/2] RUN two"))];
    events.extend((3..6).map(|number| (31_000, begins(number, &format!("[c {number}/9] COPY")))));
    let context = "[internal] load build context";
    events.push((62_000, ends(1, "[a 1/2] RUN one", StepState::Done, 62_000)));
    for number in 2..6 {
        events.push((62_000, ends(number, "…", StepState::Done, 62_000)));
    }
    events.push((62_000, begins(6, context)));
    events.push((62_000, Event::Sending { image: image(), bytes: 12_300_000 }));
    let told = told(false, &events, 95_000);
    let beats: Vec<&str> = told.lines().filter(|line| line.contains("still")).collect();
    insta::assert_snapshot!(beats.join("\n"), @"
    tool: still at [a 1/2] RUN one and [b 1/2] RUN two (30.0s so far)
    tool: still at [a 1/2] RUN one, [b 1/2] RUN two, [c 3/9] COPY and 2 more steps (1m01s so far)
    tool: still at [internal] load build context, 12.3 MB (1m32s so far)
    ");
}

#[test]
fn a_whole_script_in_a_step_does_not_hide_how_it_ended() {
    let script = format!("[2/3] RUN <<EOF\n{}\x1b[2J", "make a\n".repeat(1000));
    let events = [(0, begins(1, &script)), (2000, ends(1, &script, StepState::Done, 2000))];
    let told = told(false, &events, 2000);
    assert_eq!(told.lines().count(), 2, "{told}");
    assert!(told.ends_with("…: done in 2.0s\n"), "{told}");
}
