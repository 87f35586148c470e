use super::*;

#[path = "status_told_tests.rs"]
mod told;

/// Milliseconds of a builder's clock.
type Ms = i64;

fn stamp(ms: Ms) -> Timestamp {
    let nanos = i32::try_from(ms % 1000 * 1_000_000).unwrap();
    Timestamp { seconds: 1_700_000_000 + ms / 1000, nanos }
}

/// A step that has this name and digest, and began and ended then.
fn at(name: &str, began: Option<Ms>, ended: Option<Ms>) -> Vertex {
    Vertex {
        digest: format!("sha256:{name}"),
        name: name.to_owned(),
        started: began.map(stamp),
        completed: ended.map(stamp),
        ..Vertex::default()
    }
}

fn announced(name: &str) -> Vertex {
    at(name, None, None)
}

fn begun(name: &str, began: Ms) -> Vertex {
    at(name, Some(began), None)
}

fn done(name: &str, began: Ms, ended: Ms) -> Vertex {
    at(name, Some(began), Some(ended))
}

fn cached(name: &str, began: Ms) -> Vertex {
    Vertex { cached: true, ..done(name, began, began) }
}

fn failed(name: &str, began: Ms, ended: Ms, error: &str) -> Vertex {
    Vertex { error: error.to_owned(), ..done(name, began, ended) }
}

fn log(name: &str, ms: Ms, text: &str) -> VertexLog {
    VertexLog {
        vertex: format!("sha256:{name}"),
        timestamp: Some(stamp(ms)),
        stream: 1,
        msg: text.as_bytes().to_vec(),
    }
}

/// The builder's clock, while nothing else is told.
fn tick(ms: Ms) -> StatusResponse {
    let id = "resolve".to_owned();
    let status = VertexStatus { id, timestamp: Some(stamp(ms)), ..VertexStatus::default() };
    StatusResponse { statuses: vec![status], ..StatusResponse::default() }
}

fn report(vertexes: impl Into<Vec<Vertex>>) -> StatusResponse {
    StatusResponse { vertexes: vertexes.into(), ..StatusResponse::default() }
}

fn logs(logs: impl Into<Vec<VertexLog>>) -> StatusResponse {
    StatusResponse { logs: logs.into(), ..StatusResponse::default() }
}

/// What is told, each in one word or two.
fn words(out: &mut Vec<BuildProgress>) -> Vec<String> {
    let word = |progress| match progress {
        BuildProgress::Step(StepProgress { number, text, state, millis, .. }) => match millis {
            Some(millis) => format!("#{number} {text} {state:?} {millis}"),
            None => format!("#{number} {text} {state:?}"),
        },
        BuildProgress::Log { number, line } => format!("#{number}: {line}"),
        BuildProgress::Sent(bytes) => format!("sent {bytes}"),
        BuildProgress::Pull(PullProgress::Layer { id, state, current, total }) => {
            format!("{id} {state:?} {current}/{total}")
        }
        other => format!("{other:?}"),
    };
    out.drain(..).map(word).collect()
}

impl Steps {
    #[track_caller]
    fn hear(&mut self, report: StatusResponse, want: &[&str]) {
        let mut out = Vec::new();
        self.take(report, &mut out);
        assert_eq!(words(&mut out), want);
    }

    #[track_caller]
    fn wait(&mut self, want: &[&str]) {
        let mut out = Vec::new();
        self.catch_up(&mut out);
        assert_eq!(words(&mut out), want);
        assert!(!self.are_waiting());
    }

    #[track_caller]
    fn over(&mut self, want: &[&str]) {
        let mut out = Vec::new();
        self.end(&mut out);
        assert_eq!(words(&mut out), want);
        self.end(&mut out);
        assert_eq!(words(&mut out), [""; 0], "nothing is told twice");
    }
}

#[test]
fn a_step_is_told_when_it_has_run_for_a_moment_and_ended_for_two() {
    let mut steps = Steps::default();
    steps.hear(report([announced("a")]), &[]);
    assert!(!steps.are_waiting());
    steps.hear(report([begun("a", 0)]), &[]);
    assert!(steps.are_waiting());
    steps.hear(tick(99), &[]);
    steps.hear(tick(100), &["#1 a Running"]);
    assert!(!steps.are_waiting());
    steps.hear(report([begun("a", 0)]), &[]);
    steps.hear(report([done("a", 0, 1500)]), &[]);
    assert!(steps.are_waiting());
    steps.hear(tick(1699), &[]);
    steps.hear(tick(1700), &["#1 a Done 1500"]);
    assert!(!steps.are_waiting());
    steps.hear(report([done("a", 0, 1500)]), &[]);
    steps.over(&[]);
}

#[test]
fn a_step_that_is_opened_again_at_once_was_never_over() {
    let mut steps = Steps::default();
    steps.hear(report([announced("a")]), &[]);
    steps.hear(report([begun("a", 0)]), &[]);
    steps.hear(report([done("a", 0, 50)]), &[]);
    steps.hear(report([begun("a", 60)]), &[]);
    steps.hear(tick(160), &["#1 a Running"]);
    steps.hear(report([done("a", 60, 1060)]), &[]);
    // Both times count.
    steps.over(&["#1 a Done 1050"]);
}

#[test]
fn a_step_that_is_opened_again_later_runs_again_under_its_number() {
    let mut steps = Steps::default();
    steps.hear(report([done("a", 0, 50), begun("b", 40)]), &[]);
    steps.hear(tick(250), &["#1 a Running", "#1 a Done 50", "#2 b Running"]);
    steps.hear(report([begun("a", 300)]), &["#1 a Running"]);
    steps.hear(report([done("a", 300, 500)]), &[]);
    steps.over(&["#1 a Done 250"]);
}

#[test]
fn an_end_between_two_reports_is_no_secret() {
    let mut steps = Steps::default();
    steps.hear(report([done("a", 0, 50)]), &[]);
    steps.wait(&["#1 a Running", "#1 a Done 50"]);
    // Begun and failed since the last report.
    let again = failed("a", 900, 950, "exit code: 1");
    steps.hear(report([again.clone()]), &["#1 a Running", "#1 a Failed 100"]);
    steps.hear(report([again]), &[]);
    assert_eq!(steps.failed(None, None, None).number, 1);
    steps.over(&[]);
}

#[test]
fn what_was_in_the_cache_never_ran() {
    let mut steps = Steps::default();
    steps.hear(report([announced("a"), announced("b")]), &[]);
    steps.hear(report([begun("a", 0), begun("b", 1)]), &[]);
    steps.hear(report([cached("a", 0), cached("b", 1)]), &[]);
    steps.hear(tick(250), &["#1 a Cached 0", "#2 b Cached 0"]);
    steps.over(&[]);
    // Unless it was told that it runs.
    let mut steps = Steps::default();
    steps.hear(report([begun("a", 0)]), &[]);
    steps.wait(&["#1 a Running"]);
    steps.hear(report([cached("a", 0)]), &[]);
    steps.wait(&["#1 a Cached 0"]);
}

#[test]
fn a_failed_step_is_told_at_once_and_last_and_behind_its_lines() {
    let mut steps = Steps::default();
    steps.hear(report([begun("[2/3] RUN a", 0)]), &[]);
    steps.wait(&["#1 [2/3] RUN a Running"]);
    steps.hear(logs([log("[2/3] RUN a", 10, "one\nt")]), &["#1: one"]);
    let all = StatusResponse {
        vertexes: vec![
            failed("[2/3] RUN a", 0, 20, "exit code: 7"),
            done("b", 5, 8),
            begun("c", 19),
            announced("d"),
        ],
        logs: vec![log("[2/3] RUN a", 15, "wo")],
        ..StatusResponse::default()
    };
    let want =
        ["#2 b Running", "#2 b Done 3", "#3 c Running", "#1: two", "#1 [2/3] RUN a Failed 20"];
    steps.hear(all, &want);
    let told = steps.failed(None, Some(3), Some(7));
    assert_eq!(told, FailedStep { number: 1, line: Some(3), exit_code: Some(7) });
    assert_eq!(steps.failed_base(), None);
    steps.over(&[]);
}

#[test]
fn the_step_that_failed_is_the_one_that_is_named_or_the_first() {
    let mut steps = Steps::default();
    let base = "[internal] load metadata for docker.io/library/no:1";
    let cut = failed("a", 0, 20, "context canceled");
    steps.hear(report([cut]), &["#1 a Running", "#1 a Failed 20"]);
    // What was cut short is not to blame, whatever is told first, and no more is a cache.
    assert_eq!(steps.failed(None, None, None).number, 0);
    let none = failed("importing cache manifest from r.example/c:1", 0, 1, "not found");
    let mut out = Vec::new();
    steps.take(report([none]), &mut out);
    assert_eq!((out.len(), steps.failed(None, None, None).number), (2, 0));
    let want = [&*format!("#3 {base} Running"), &*format!("#3 {base} Failed 19")];
    steps.hear(report([failed(base, 0, 19, "not found")]), &want);
    assert_eq!(steps.failed(None, None, None).number, 3);
    assert_eq!(steps.failed_base(), Some("docker.io/library/no:1"));
    let third = failed("b", 0, 21, "process: exit code: 137: context canceled");
    steps.hear(report([third]), &["#4 b Running", "#4 b Failed 21"]);
    assert_eq!(steps.failed(None, None, None).number, 3);
    assert_eq!(steps.failed(Some("sha256:b"), None, None).number, 4);
    assert_eq!(steps.failed(Some("sha256:unknown"), None, None).number, 3);
    // One that was never told of has no number.
    steps.hear(report([announced("c")]), &[]);
    assert_eq!(steps.failed(Some("sha256:c"), None, None).number, 3);
    assert_eq!(Steps::default().failed(Some("x"), None, None).number, 0);
    assert_eq!(Steps::default().failed_base(), None);
}

#[test]
fn the_image_that_failed_is_known_by_its_step() {
    let cases = [
        ("[internal] load metadata for r.example:5000/a:1", Some("r.example:5000/a:1")),
        (
            "resolve image config for docker.io/docker/dockerfile:1",
            Some("docker.io/docker/dockerfile:1"),
        ),
        ("resolve image config for docker-image://docker.io/x:1", Some("docker.io/x:1")),
        ("[1/2] FROM docker.io/library/a", None),
        ("[internal] load build context", None),
    ];
    for (name, want) in cases {
        let mut steps = Steps::default();
        steps.take(report([failed(name, 0, 1, "no")]), &mut Vec::new());
        assert_eq!(steps.failed_base(), want, "{name}");
    }
}

#[test]
fn what_led_to_a_step_that_prints_is_told_in_front_of_it() {
    let mut steps = Steps::default();
    let needs = |mut vertex: Vertex, input: &str| {
        vertex.inputs = vec![format!("sha256:{input}")];
        vertex
    };
    let all = [
        done("[internal] load .dockerignore", 0, 5),
        begun(CONTEXT, 6),
        done("[1/3] FROM a", 10, 12),
        needs(cached("[2/3] COPY b", 13), "[1/3] FROM a"),
        needs(begun("[3/3] RUN c", 14), "[2/3] COPY b"),
        done("other", 3, 13),
    ];
    steps.hear(report(all), &[]);
    let want = [
        "#1 [internal] load .dockerignore Running",
        "#1 [internal] load .dockerignore Done 5",
        "#2 other Running",
        "#3 [1/3] FROM a Running",
        "#3 [1/3] FROM a Done 2",
        "#4 [2/3] COPY b Cached 0",
        "#5 [3/3] RUN c Running",
        "#5: hello",
    ];
    steps.hear(logs([log("[3/3] RUN c", 20, "hello\n")]), &want);
}

#[test]
fn numbers_follow_the_order_in_which_steps_began() {
    let mut steps = Steps::default();
    // Announced in another order.
    let names = ["d", "c", "b", "a"];
    steps.hear(report(names.map(announced)), &[]);
    steps.hear(report([begun("c", 20), done("a", 0, 20), begun("b", 10)]), &[]);
    steps.hear(tick(130), &["#1 a Running", "#2 b Running", "#3 c Running"]);
    steps.hear(report([done("c", 20, 125), done("b", 10, 120)]), &[]);
    steps.hear(report([begun("d", 130)]), &[]);
    steps.hear(tick(230), &["#1 a Done 20", "#4 d Running"]);
    steps.over(&["#2 b Done 110", "#3 c Done 105"]);
    // Of two that began at once, the one that was heard of first.
    let mut steps = Steps::default();
    steps.hear(report([begun("b", 0), begun("a", 0)]), &[]);
    steps.wait(&["#1 b Running", "#2 a Running"]);
}

#[test]
fn lines_belong_to_their_step_and_stream() {
    let mut steps = Steps::default();
    steps.hear(report([announced("a"), begun("b", 0)]), &[]);
    // A step that prints runs.
    steps.hear(
        logs([log("b", 1, "b1\nb"), log("a", 2, "a1\n")]),
        &["#1 b Running", "#1: b1", "#2 a Running", "#2: a1"],
    );
    let errors = VertexLog { stream: 2, ..log("b", 3, "error") };
    steps.hear(logs([errors, log("b", 3, "2\n\n"), log("a", 4, "a2")]), &["#1: b2"]);
    steps.hear(report([done("b", 0, 10)]), &[]);
    steps.hear(tick(210), &["#1: error", "#1 b Done 10"]);
    // Late, and from nobody known.
    steps
        .hear(logs([log("b", 11, "late\npart"), log("z", 12, "who\n?")]), &["#1: late", "#0: who"]);
    steps.over(&["#2: a2", "#1: part", "#0: ?"]);
}

#[test]
fn lines_let_the_time_pass() {
    let mut steps = Steps::default();
    steps.hear(report([begun("a", 0), done("b", 0, 5)]), &[]);
    let want = ["#1 a Running", "#2 b Running", "#2 b Done 5", "#1: x"];
    steps.hear(logs([log("a", 300, "x\n")]), &want);
    steps.hear(report([begun("c", 310)]), &[]);
    steps.hear(logs([log("a", 410, "y\n")]), &["#1: y", "#3 c Running"]);
}
