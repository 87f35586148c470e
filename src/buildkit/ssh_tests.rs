use bollard_buildkit_proto::moby::sshforward::v1::ssh_client::SshClient;
use futures_util::stream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tonic::Code;

use super::*;
use crate::buildkit::channel::Channel;
use crate::buildkit::fake::{ORIGIN, served, session, soon};
use crate::buildkit::fake_files::FakeFiles;

/// A client of a session with an agent of this name on a socket in a directory.
async fn client(dir: &tempfile::TempDir, id: &str) -> SshClient<Channel> {
    let mut served = served(FakeFiles::default());
    served.agents = vec![SshAgent { id: id.to_owned(), socket: dir.path().join("agent") }];
    let (channel, _) = session(served).await;
    SshClient::with_origin(channel, http::Uri::from_static(ORIGIN))
}

type Questions = mpsc::UnboundedSender<BytesMessage>;

/// Questions to an agent, whose answers come out of the stream.
fn forward(id: Option<&str>) -> (Questions, Request<BoxStream<'static, BytesMessage>>) {
    let (questions, asked) = mpsc::unbounded_channel();
    let asked = stream::unfold(asked, |mut asked| async { Some((asked.recv().await?, asked)) });
    let mut request = Request::new(Box::pin(asked) as BoxStream<'static, _>);
    if let Some(id) = id {
        request.metadata_mut().insert("buildkit.ssh.id", id.parse().unwrap());
    }
    (questions, request)
}

fn bytes(data: &[u8]) -> BytesMessage {
    BytesMessage { data: data.to_vec() }
}

#[tokio::test]
async fn an_agent_is_asked_and_answers_until_either_side_hangs_up() {
    let dir = tempfile::tempdir().unwrap();
    let agent = UnixListener::bind(dir.path().join("agent")).unwrap();
    let mut client = client(&dir, "default").await;
    for id in [None, Some(""), Some("default")] {
        let request = CheckAgentRequest { id: id.unwrap_or_default().to_owned() };
        soon(client.check_agent(request)).await.unwrap();
        let (questions, request) = forward(id);
        let answers = soon(client.forward_agent(request)).await;
        let mut answers = answers.unwrap().into_inner();
        let (mut stream, _) = soon(agent.accept()).await.unwrap();
        questions.send(bytes(b"who are you?")).unwrap();
        let mut asked = [0; 12];
        soon(stream.read_exact(&mut asked)).await.unwrap();
        assert_eq!(&asked, b"who are you?");
        // More than goes into one message.
        let long = vec![b'x'; 100_000];
        soon(async { stream.write_all(&long).await.unwrap() }).await;
        let mut got = Vec::new();
        while got.len() < long.len() {
            got.extend(soon(answers.message()).await.unwrap().unwrap().data);
        }
        assert_eq!(got, long);
        if id.is_none() {
            // The agent goes away.
            drop(stream);
            assert_eq!(soon(answers.message()).await.unwrap(), None);
        } else {
            // The step ends.
            drop((questions, answers));
            assert_eq!(soon(stream.read(&mut [0; 1])).await.unwrap(), 0);
        }
    }
}

#[tokio::test]
async fn what_was_asked_last_is_answered_after_the_last_question() {
    let dir = tempfile::tempdir().unwrap();
    let agent = UnixListener::bind(dir.path().join("agent")).unwrap();
    let mut client = client(&dir, "default").await;
    let (questions, request) = forward(None);
    questions.send(bytes(b"bye")).unwrap();
    drop(questions);
    let mut answers = soon(client.forward_agent(request)).await.unwrap().into_inner();
    let (mut stream, _) = soon(agent.accept()).await.unwrap();
    let mut asked = Vec::new();
    soon(stream.read_to_end(&mut asked)).await.unwrap();
    assert_eq!(asked, b"bye");
    stream.write_all(b"bye yourself").await.unwrap();
    drop(stream);
    assert_eq!(soon(answers.message()).await.unwrap(), Some(bytes(b"bye yourself")));
    assert_eq!(soon(answers.message()).await.unwrap(), None);
}

#[tokio::test]
async fn no_other_agent_can_be_had() {
    let dir = tempfile::tempdir().unwrap();
    let _agent = UnixListener::bind(dir.path().join("agent")).unwrap();
    let mut client = client(&dir, "deploy").await;
    soon(client.check_agent(CheckAgentRequest { id: "deploy".to_owned() })).await.unwrap();
    for (id, name) in [("", "default"), ("other", "other")] {
        let want = format!("the manifest does not name the ssh agent `{name}`");
        let asked = client.check_agent(CheckAgentRequest { id: id.to_owned() });
        let status = soon(asked).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::NotFound, &*want));
        let (_questions, request) = forward(Some(id));
        let status = soon(client.forward_agent(request)).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::NotFound, &*want));
    }
}

#[tokio::test]
async fn an_agent_that_is_not_there_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut client = client(&dir, "default").await;
    let (_questions, request) = forward(None);
    let status = soon(client.forward_agent(request)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("/agent`: "), "{status}");
}
