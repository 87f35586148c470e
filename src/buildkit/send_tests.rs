use std::collections::BTreeMap;
use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bollard_buildkit_proto::health::HealthCheckRequest;
use bollard_buildkit_proto::health::health_client::HealthClient;
use bollard_buildkit_proto::moby::sshforward::v1::BytesMessage;
use bollard_buildkit_proto::moby::sshforward::v1::ssh_client::SshClient;
use proptest::prelude::{ProptestConfig, prop, prop_assert_eq, proptest};
use tonic::Code;

use super::*;
use crate::buildkit::channel::Channel;
use crate::buildkit::fake::{ORIGIN, served, served_by, session, soon};
use crate::buildkit::fake_files::{FakeFiles, Node, file, link};
use crate::buildkit::fake_receiver::{Received, Receiver, When, receive};

/// All of a context, as it arrives.
async fn whole(files: FakeFiles, when: When) -> Received {
    let (channel, _) = session(served(files)).await;
    soon(receive(&channel, "context", &[], when, |_| true)).await.unwrap()
}

#[tokio::test]
async fn each_kind_of_entry_arrives_as_what_it_is() {
    let nodes = [
        ("a/run.sh", file("#!/bin/sh\n")),
        ("a/empty", file("")),
        ("a.txt", link("a/empty")),
        ("b", Node::Directory),
    ];
    for when in [When::AtOnce, When::Backwards] {
        let got = whole(FakeFiles::new(nodes.clone()), when).await;
        assert_eq!(got.paths(), ["a", "a/empty", "a/run.sh", "a.txt", "b"]);
        let told = |at: usize| {
            let Stat { mode, size, mod_time, linkname, .. } = &got.stats[at];
            (*mode, *size, *mod_time, linkname.as_str())
        };
        assert_eq!(told(0), (0o755 | 1 << 31, 0, 0, ""));
        assert_eq!(told(1), (0o644, 0, 7, ""));
        assert_eq!(told(2), (0o755, 10, 7, ""));
        assert_eq!(told(3), (0o777 | 1 << 27, 7, 0, "a/empty"));
        let want = [("a/empty", &b""[..]), ("a/run.sh", b"#!/bin/sh\n")];
        let want: BTreeMap<_, _> = want.map(|(path, text)| (path.into(), text.to_vec())).into();
        assert_eq!(got.contents, want);
    }
}

#[tokio::test]
async fn nothing_at_all_is_a_context_too() {
    assert!(whole(FakeFiles::default(), When::AtOnce).await.stats.is_empty());
}

#[tokio::test]
async fn only_what_is_asked_for_is_read() {
    let nodes = [("a", file("x")), ("b", Node::Closed("nobody asked")), ("c", file("z"))];
    let (channel, faults) = session(served(FakeFiles::new(nodes))).await;
    let wanted = |stat: &Stat| stat.path != "b";
    let got = receive(&channel, "context", &[], When::AtOnce, wanted);
    assert_eq!(soon(got).await.unwrap().contents.len(), 2);
    assert_eq!(faults.first(), None);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn any_tree_arrives_whole_and_in_order(
        paths in prop::collection::btree_map(
            // The bytes around a slash, where the order of whole paths is another one.
            prop::collection::vec("[ab\u{e9}][-./0 !b]{0,2}[b~]", 1..4),
            0_usize..200_000,
            0..12,
        ),
        backwards in prop::bool::ANY,
    ) {
        let nodes = paths.iter().map(|(names, size)| {
            let names: Vec<String> = names.iter().map(|name| name.replace('/', "")).collect();
            (names.join("/"), file("x".repeat(*size)))
        });
        // Of two that are at one place, a directory wins.
        let files = FakeFiles::new(nodes.clone());
        let (paths, again) = (files.paths(), FakeFiles::new(nodes));
        let is_above = |path: &String| {
            paths.iter().any(|other| other.strip_prefix(&**path).is_some_and(|r| r.starts_with('/')))
        };
        if paths.iter().any(|path| again.text(path).is_some() && is_above(path)) {
            return Ok(());
        }
        let when = if backwards { When::Backwards } else { When::AtOnce };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let got = runtime.block_on(whole(files, when));
        prop_assert_eq!(got.paths(), paths.iter().map(|path| &**path).collect::<Vec<_>>());
        for path in &paths {
            prop_assert_eq!(got.contents.get(path).map(|text| &**text), again.text(path));
        }
    }
}

async fn is_alive(channel: &Channel) -> bool {
    let origin = http::Uri::from_static(ORIGIN);
    let mut health = HealthClient::with_origin(channel.clone(), origin);
    let asked = health.check(HealthCheckRequest { service: String::new() });
    soon(asked).await.is_ok_and(|answer| answer.into_inner().status == 1)
}

#[tokio::test]
async fn what_nobody_takes_is_not_read_ahead() {
    const EACH: u64 = 25_000_000;
    let read = Arc::new(AtomicU64::new(0));
    let names = ["a", "b", "c", "d"];
    let nodes = names.map(|name| (name, Node::Zeros(EACH, Arc::clone(&read))));
    let (channel, _) = session(served(FakeFiles::new(nodes))).await;
    let mut receiver = Receiver::open(&channel, "context", &[]).await.unwrap();
    assert_eq!(soon(receiver.list()).await.len(), names.len());
    (0..4).for_each(|id| receiver.ask(id));
    // Until the readers stand still, of whom each look gives them time for more.
    let (mut before, mut same) = (0, 0);
    while same < 20 {
        assert!(is_alive(&channel).await);
        tokio::time::sleep(Duration::from_millis(1)).await;
        let now = read.load(Ordering::SeqCst);
        same = if now == before && now > 0 { same + 1 } else { 0 };
        before = now;
    }
    assert!(before < 1_500_000, "{before}");
    let (mut ended, mut sizes) = (0, BTreeMap::new());
    while ended < names.len() {
        let packet = soon(receiver.next()).await.unwrap().unwrap();
        assert!(packet.data.len() <= CHUNK);
        ended += usize::from(packet.data.is_empty());
        *sizes.entry(packet.id).or_default() += packet.data.len() as u64;
    }
    assert_eq!(sizes.into_values().collect::<Vec<u64>>(), [EACH; 4]);
}

#[tokio::test]
async fn files_that_fail_end_the_stream_with_their_error() {
    let closed = Node::Closed("cannot read `/c/b`: permission denied");
    let changed = Node::Changed(100_000, "`/c/b` changed while it was sent");
    let read = Arc::new(AtomicU64::new(0));
    for node in [closed, changed] {
        let nodes = [("a", Node::Zeros(50_000_000, Arc::clone(&read))), ("b", node.clone())];
        let (channel, faults) = session(served(FakeFiles::new(nodes))).await;
        let got = receive(&channel, "context", &[], When::AtOnce, |_| true);
        let status = soon(got).await.unwrap_err();
        let (Node::Closed(why) | Node::Changed(_, why)) = node else { continue };
        assert_eq!((status.code(), status.message()), (Code::Aborted, why));
        assert_eq!(faults.first().as_deref(), Some(why));
        // The rest of the session is none the worse for it.
        assert!(is_alive(&channel).await);
        let wanted = |stat: &Stat| stat.path == "a";
        let got = receive(&channel, "context", &[], When::AtOnce, wanted);
        assert_eq!(soon(got).await.unwrap().contents["a"].len(), 50_000_000);
    }
}

/// Waits until nobody holds the files any more: until all threads and tasks have ended.
async fn let_go(files: &Weak<FakeFiles>) {
    let gone = async {
        while files.strong_count() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    soon(gone).await;
}

/// A session whose files nobody holds beside it, so that all of it has to end.
async fn watched(nodes: Vec<(&'static str, Node)>) -> (Channel, Weak<FakeFiles>) {
    let files = Arc::new(FakeFiles::new(nodes));
    let weak = Arc::downgrade(&files);
    let (channel, _) = session(served_by(files)).await;
    (channel, weak)
}

#[tokio::test]
async fn what_is_no_question_is_answered_with_an_error() {
    let nodes = vec![("dir/file", file("x")), ("link", link("dir"))];
    for (asked, told) in
        [(vec![0], 0), (vec![2], 2), (vec![1, 1], 1), (vec![3], 3), (vec![u32::MAX], u32::MAX)]
    {
        let (channel, files) = watched(nodes.clone()).await;
        let mut receiver = Receiver::open(&channel, "context", &[]).await.unwrap();
        assert_eq!(receiver.list().await.len(), 3);
        for id in asked {
            receiver.ask(id);
        }
        let status = soon(receiver.end()).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.message(), format!("there is no file {told} to send"));
        assert!(is_alive(&channel).await);
        // The question's own stream is still open.
        drop(channel);
        drop(receiver);
        let_go(&files).await;
    }
    let (channel, _) = session(served(FakeFiles::default())).await;
    for name in ["", "elsewhere", "../context"] {
        let refused = Receiver::open(&channel, name, &[]).await.err().unwrap();
        assert_eq!(refused.code(), Code::NotFound);
        assert_eq!(refused.message(), format!("there is no directory `{name}`"));
    }
}

#[tokio::test]
async fn threads_end_with_a_request_even_if_its_questions_do_not() {
    let (channel, files) = watched(vec![("a", Node::Closed("no")), ("b", file("x"))]).await;
    let mut receiver = Receiver::open(&channel, "context", &[]).await.unwrap();
    receiver.list().await;
    // Of both readers one ends by itself.
    receiver.ask(0);
    assert_eq!(soon(receiver.end()).await.unwrap_err().message(), "no");
    let held = async {
        // The session holds them, and nobody else.
        while files.strong_count() > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    soon(held).await;
    drop(receiver);
}

#[tokio::test]
async fn whoever_stops_asking_is_let_go() {
    let read = Arc::new(AtomicU64::new(0));
    let large = || Node::Zeros(100_000_000, Arc::clone(&read));
    let hang_up: [fn(&mut Receiver); 4] = [
        |receiver| receiver.half_close(),
        |receiver| receiver.say(PacketType::PacketErr),
        |receiver| receiver.say(PacketType::PacketFin),
        |receiver| receiver.tell(Packet { r#type: 77, id: 1, ..Packet::default() }),
    ];
    for hang_up in hang_up {
        // Before anything was asked for, …
        let (channel, files) = watched(vec![("a", large()), ("b", large())]).await;
        let mut receiver = Receiver::open(&channel, "context", &[]).await.unwrap();
        receiver.list().await;
        hang_up(&mut receiver);
        drop(receiver);
        // … and in the middle of a file.
        let mut receiver = Receiver::open(&channel, "context", &[]).await.unwrap();
        receiver.list().await;
        receiver.ask(0);
        receiver.ask(1);
        assert!(!receiver.next().await.unwrap().unwrap().data.is_empty());
        hang_up(&mut receiver);
        assert!(is_alive(&channel).await);
        drop((receiver, channel));
        let_go(&files).await;
    }
}

#[tokio::test]
async fn a_clean_end_follows_when_there_are_no_more_questions() {
    for ask in [false, true] {
        let (channel, _) = session(served(FakeFiles::new([("a", file("x"))]))).await;
        let mut receiver = Receiver::open(&channel, "context", &[]).await.unwrap();
        receiver.list().await;
        if ask {
            receiver.ask(0);
        }
        receiver.half_close();
        soon(receiver.end()).await.unwrap();
    }
}

/// Sends requests for files under another client's name for them.
#[derive(Clone)]
struct Astray(Channel);

impl tower_service::Service<http::Request<tonic::body::Body>> for Astray {
    type Response = <Channel as tower_service::Service<http::Request<tonic::body::Body>>>::Response;
    type Error = hyper::Error;
    type Future = <Channel as tower_service::Service<http::Request<tonic::body::Body>>>::Future;

    fn poll_ready(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: http::Request<tonic::body::Body>) -> Self::Future {
        let path = format!("{ORIGIN}/moby.filesync.v1.FileSync/DiffCopy");
        *request.uri_mut() = path.parse().unwrap();
        self.0.call(request)
    }
}

#[tokio::test]
async fn garbage_is_no_question() {
    let (channel, files) = watched(vec![("a", file("x"))]).await;
    let mut client = SshClient::new(Astray(channel.clone()));
    // Bytes where a packet has a number.
    let garbage = BytesMessage { data: b"\xff\xff".to_vec() };
    let mut request = tonic::Request::new(stream::iter([garbage]).chain(stream::pending()));
    request.metadata_mut().insert("dir-name", "context".parse().unwrap());
    let mut answers = soon(client.forward_agent(request)).await.unwrap().into_inner();
    let ends = async { while let Ok(Some(_)) = answers.message().await {} };
    soon(ends).await;
    assert!(is_alive(&channel).await);
    drop((channel, client, answers));
    let_go(&files).await;
}
