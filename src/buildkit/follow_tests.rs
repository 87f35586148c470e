use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bollard_buildkit_proto::google::protobuf::{Any, Timestamp};
use bollard_buildkit_proto::google::rpc::Status as Details;
use bollard_buildkit_proto::moby::buildkit::v1::{Vertex, VertexLog};
use bytes::Bytes;
use prost::Message as _;
use tokio::time::Instant;

use super::*;
use crate::buildkit::fake::{FakeBuilder, Told, answer, request, served, served_by, soon};
use crate::buildkit::fake_files::{FakeFiles, Node, file};
use crate::buildkit::fake_receiver::{Receiver, When, receive};
use crate::engine::FailedStep;
use crate::words::event::{StepProgress, StepState};

async fn builder() -> FakeBuilder {
    FakeBuilder::new(request(served(FakeFiles::new([("a", file("x"))])))).await
}

fn stamp(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}

/// A step that took a second.
fn step(name: &str, error: &str) -> StatusResponse {
    let vertex = Vertex {
        digest: format!("sha256:{name}"),
        name: name.to_owned(),
        started: Some(stamp(1)),
        completed: Some(stamp(2)),
        error: error.to_owned(),
        ..Vertex::default()
    };
    StatusResponse { vertexes: vec![vertex], ..StatusResponse::default() }
}

fn log(name: &str, text: &str) -> StatusResponse {
    let vertex = format!("sha256:{name}");
    let log = VertexLog { vertex, timestamp: None, stream: 1, msg: text.as_bytes().to_vec() };
    StatusResponse { logs: vec![log], ..StatusResponse::default() }
}

/// What is told of such a step.
fn told(number: u32, name: &str, ended: StepState) -> [Item; 2] {
    let step = StepProgress::running(number, None, name);
    let ended = step.clone().ended(ended, Duration::from_secs(1));
    [step, ended].map(|step| Ok(BuildProgress::Step(step)))
}

fn built(id: &str) -> BuildProgress {
    BuildProgress::Built(EngineId::new(id))
}

fn failure(message: &str) -> SolveError {
    SolveError { message: message.to_owned(), base: None, is_ours: false, is_cut: false }
}

fn at_none() -> BuildProgress {
    BuildProgress::FailedAt(FailedStep { number: 0, line: None, exit_code: None })
}

fn tell(reports: &Told, report: StatusResponse) {
    reports.send(Ok(report)).unwrap();
}

#[tokio::test]
async fn a_build_goes_from_its_steps_to_its_image() {
    let mut builder = builder().await;
    let (solve, solved) = builder.solve().await;
    assert_eq!(solve.frontend_attrs["filename"], "Dockerfile");
    assert_eq!(solve.exporter_attrs_deprecated["name"], "app:1");
    let (question, reports) = builder.status().await;
    assert_eq!(question.r#ref, solve.r#ref);
    let got = receive(&builder.channel, "context", &[], When::AtOnce, |_| true);
    assert_eq!(soon(got).await.unwrap().contents["a"], b"x");
    tell(&reports, step("a", ""));
    tell(&reports, log("a", &"long ".repeat(1_000_000)));
    drop(reports);
    solved.send(Ok(answer("sha256:id"))).unwrap();
    let mut want = told(1, "a", StepState::Done).to_vec();
    want.push(Ok(built("sha256:id")));
    let mut got = builder.rest().await;
    got.retain(|item| !matches!(item, Ok(BuildProgress::Log { number: 1, .. })));
    assert_eq!(got, want);
}

#[tokio::test(start_paused = true)]
async fn what_is_still_to_be_told_comes_before_the_image() {
    let mut want = told(1, "a", StepState::Done).to_vec();
    want.push(Ok(built("sha256:id")));
    // The answer comes between two reports, …
    let mut one = builder().await;
    let (_, solved) = one.solve().await;
    let (_, reports) = one.status().await;
    solved.send(Ok(answer("sha256:id"))).unwrap();
    tokio::time::sleep(LAST_WORDS / 2).await;
    tell(&reports, step("a", ""));
    drop(reports);
    assert_eq!(one.rest().await, want);
    // … or before the first of them.
    let mut one = builder().await;
    let (_, solved) = one.solve().await;
    solved.send(Ok(answer("sha256:id"))).unwrap();
    tokio::time::sleep(LAST_WORDS / 2).await;
    let (_, reports) = one.status().await;
    tell(&reports, step("a", ""));
    drop(reports);
    assert_eq!(one.rest().await, want);
}

#[tokio::test(start_paused = true)]
async fn a_build_needs_no_reports() {
    // They never come, or never end.
    for comes in [false, true] {
        let mut builder = builder().await;
        let begun = Instant::now();
        let (_, solved) = builder.solve().await;
        let (mut held, mut asked) = (None, None);
        if comes {
            held = Some(builder.status().await.1);
        } else {
            asked = Some(builder.asked_for_status().await);
        }
        solved.send(Ok(answer("sha256:id"))).unwrap();
        assert_eq!(builder.rest().await, [Ok(built("sha256:id"))]);
        assert!((LAST_WORDS..2 * LAST_WORDS).contains(&begun.elapsed()));
        drop((held, asked));
    }
    // They are refused, or break off.
    for comes in [false, true] {
        let mut builder = builder().await;
        let begun = Instant::now();
        let (_, solved) = builder.solve().await;
        if comes {
            let (_, reports) = builder.status().await;
            reports.send(Err(Status::internal("broken"))).unwrap();
        } else {
            let (_, asked) = builder.asked_for_status().await;
            assert!(asked.send(Err(Status::unknown("no such job"))).is_ok());
        }
        tokio::time::sleep(A_WHILE).await;
        solved.send(Ok(answer("sha256:id"))).unwrap();
        assert_eq!(builder.rest().await, [Ok(built("sha256:id"))]);
        assert!(begun.elapsed() < 2 * A_WHILE);
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_runs_is_told_when_nothing_else_is() {
    let mut builder = builder().await;
    let (_, solved) = builder.solve().await;
    let (_, reports) = builder.status().await;
    let mut begun = step("a", "");
    begun.vertexes[0].completed = None;
    tell(&reports, begun);
    let running = soon(builder.items.recv()).await.unwrap();
    assert_eq!(running, told(1, "a", StepState::Done)[0]);
    drop((reports, solved));
}

#[tokio::test]
async fn an_image_without_an_id_is_none() {
    let mut builder = builder().await;
    let (_, solved) = builder.solve().await;
    drop(builder.status().await);
    solved.send(Ok(SolveResponse::default())).unwrap();
    assert_eq!(builder.rest().await, []);
}

#[tokio::test]
async fn a_failure_says_where_and_comes_last() {
    let mut builder = builder().await;
    let (_, solved) = builder.solve().await;
    let (_, reports) = builder.status().await;
    tell(&reports, step("RUN a", "exit code: 7"));
    // More than fits into the usual headers.
    let stack = Any { type_url: "x/stack.Stack+json".to_owned(), value: vec![b' '; 100_000] };
    let source = br#"{"ranges":[{"start":{"line":3}}]}"#.to_vec();
    let source = Any { type_url: "x/errdefs.Source+json".to_owned(), value: source };
    let details = Details { details: vec![stack, source], ..Details::default() }.encode_to_vec();
    let text = "failed to solve: process \"/bin/sh\" did not complete: exit code: 7";
    let code = tonic::Code::Unknown;
    let status = Status::with_details(code, text, Bytes::from(details));
    assert!(solved.send(Err(status)).is_ok());
    drop(reports);
    let mut want = told(1, "RUN a", StepState::Failed).to_vec();
    let at = FailedStep { number: 1, line: Some(3), exit_code: Some(7) };
    want.push(Ok(BuildProgress::FailedAt(at)));
    want.push(Err(failure("process \"/bin/sh\" did not complete: exit code: 7")));
    assert_eq!(builder.rest().await, want);
}

#[tokio::test]
async fn a_build_that_was_ended_by_a_step_fails_for_that_steps_reason() {
    let mut builder = builder().await;
    let (_, solved) = builder.solve().await;
    let (_, reports) = builder.status().await;
    assert!(solved.send(Err(Status::cancelled("context canceled"))).is_ok());
    // The last of the reports come after the answer.
    tokio::time::sleep(Duration::from_millis(20)).await;
    tell(&reports, step("COPY a", "mkdir a: file name too long"));
    drop(reports);
    let error = builder.rest().await.pop().unwrap().unwrap_err();
    assert_eq!(error, failure("mkdir a: file name too long"));
}

#[tokio::test]
async fn a_build_that_was_ended_for_no_reason_is_cut_short() {
    let mut builder = builder().await;
    let (_, solved) = builder.solve().await;
    let (_, reports) = builder.status().await;
    tell(&reports, step("COPY a", "context canceled"));
    drop(reports);
    assert!(solved.send(Err(Status::cancelled("context canceled"))).is_ok());
    let error = builder.rest().await.pop().unwrap().unwrap_err();
    assert_eq!(error, SolveError { is_cut: true, ..failure("context canceled") });
}

#[tokio::test]
async fn a_base_that_cannot_be_had_is_named() {
    let mut builder = builder().await;
    let (_, solved) = builder.solve().await;
    let (_, reports) = builder.status().await;
    let name = "[internal] load metadata for docker.io/library/no:1";
    tell(&reports, step(name, "not found"));
    drop(reports);
    let text = "failed to solve with frontend dockerfile.v0: failed to create LLB definition: x";
    solved.send(Err(Status::unknown(text))).unwrap();
    let error = builder.rest().await.pop().unwrap().unwrap_err();
    let base = Some("docker.io/library/no:1".to_owned());
    assert_eq!(error, SolveError { base, ..failure("x") });
}

#[tokio::test]
async fn what_is_wrong_with_the_files_is_told_in_our_words() {
    let why = "`/c/b` changed while it was sent";
    let files = FakeFiles::new([("b", Node::Changed(200_000, why))]);
    let mut builder = FakeBuilder::new(request(served(files))).await;
    let (_, solved) = builder.solve().await;
    drop(builder.status().await);
    let got = receive(&builder.channel, "context", &[], When::AtOnce, |_| true);
    let status = soon(got).await.unwrap_err();
    let text = format!("failed to solve: rpc error: code = Aborted desc = {}", status.message());
    solved.send(Err(Status::unknown(text))).unwrap();
    let error = SolveError { is_ours: true, ..failure(why) };
    assert_eq!(builder.rest().await, [Err(error)]);
}

#[tokio::test]
async fn a_packed_context_is_for_another_builder() {
    let packed = BuildContext::Archive(stream::empty().boxed());
    let request = BuildRequest { context: packed, ..request(served(FakeFiles::default())) };
    let mut builder = FakeBuilder::new(request).await;
    let error = builder.rest().await.pop().unwrap().unwrap_err();
    assert!(error.is_ours && !error.is_cut);
    assert_eq!(error.to_string(), "the files are packed for another builder");
}

#[tokio::test]
async fn a_builder_that_hangs_up_cuts_the_build_short() {
    // When it was asked, when it was asked for more, and in the middle of its reports.
    for reached in 0..3 {
        let mut builder = builder().await;
        let _solved = builder.solve().await;
        let mut told_to = None;
        if reached > 0 {
            told_to = Some(builder.status().await.1);
        }
        if let Some(reports) = told_to.as_ref().filter(|_| reached > 1) {
            tell(reports, step("a", ""));
            // Until it arrived.
            let began = soon(builder.items.recv()).await.unwrap();
            assert_eq!(began, told(1, "a", StepState::Done)[0]);
        }
        builder.control.abort();
        builder.session.abort();
        let all = builder.rest().await;
        let error = all.last().unwrap().as_ref().unwrap_err();
        assert!(error.is_cut && !error.is_ours, "{reached}: {error:?}");
        assert_eq!(all[all.len() - 2], Ok(at_none()));
        let ended = &told(1, "a", StepState::Done)[1];
        assert_eq!(all.contains(ended), reached > 1);
    }
}

#[tokio::test]
async fn a_build_that_is_dropped_hangs_up_and_lets_everything_go() {
    let read = Arc::new(AtomicU64::new(0));
    let files = Arc::new(FakeFiles::new([("a", Node::Zeros(100_000_000, read))]));
    let weak = Arc::downgrade(&files);
    let mut builder = FakeBuilder::new(request(served_by(files))).await;
    let (_, _solved) = builder.solve().await;
    let (_, _reports) = builder.status().await;
    let mut receiver = Receiver::open(&builder.channel, "context", &[]).await.unwrap();
    assert_eq!(soon(receiver.list()).await.len(), 1);
    receiver.ask(0);
    assert!(!soon(receiver.next()).await.unwrap().unwrap().data.is_empty());
    builder.client.abort();
    soon(&mut builder.control).await.unwrap();
    soon(&mut builder.session).await.unwrap();
    assert!(soon(receiver.end()).await.is_err());
    let gone = async {
        while weak.strong_count() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    soon(gone).await;
}
