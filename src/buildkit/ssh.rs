//! ssh agents, passed on byte by byte: keys stay where they are.

use std::sync::Arc;

use bollard_buildkit_proto::moby::sshforward::v1::ssh_server::Ssh;
use bollard_buildkit_proto::moby::sshforward::v1::{
    BytesMessage, CheckAgentRequest, CheckAgentResponse,
};
use futures_util::stream::BoxStream;
use tonic::{Request, Response, Status, Streaming};

use crate::engine::SshAgent;

/// What `RUN --mount=type=ssh` means without an id.
const DEFAULT: &str = "default";

/// Answers for the agents of this build and no others.
#[derive(Clone)]
pub(super) struct AgentService(pub(super) Arc<[SshAgent]>);

impl AgentService {
    fn find(&self, id: &str) -> Result<&SshAgent, Status> {
        let id = if id.is_empty() { DEFAULT } else { id };
        let agent = self.0.iter().find(|agent| agent.id == id);
        agent.ok_or_else(|| {
            Status::not_found(format!("the manifest does not name the ssh agent `{id}`"))
        })
    }
}

#[tonic::async_trait]
impl Ssh for AgentService {
    type ForwardAgentStream = BoxStream<'static, Result<BytesMessage, Status>>;

    async fn check_agent(
        &self,
        request: Request<CheckAgentRequest>,
    ) -> Result<Response<CheckAgentResponse>, Status> {
        self.find(&request.into_inner().id)?;
        Ok(Response::new(CheckAgentResponse {}))
    }

    async fn forward_agent(
        &self,
        request: Request<Streaming<BytesMessage>>,
    ) -> Result<Response<Self::ForwardAgentStream>, Status> {
        let id = request.metadata().get("buildkit.ssh.id");
        let id = id.and_then(|id| id.to_str().ok()).unwrap_or_default();
        let socket = self.find(id)?.socket.clone();
        forward(&socket, request.into_inner()).await.map(Response::new)
    }
}

#[cfg(unix)]
async fn forward(
    socket: &std::path::Path,
    mut questions: Streaming<BytesMessage>,
) -> Result<BoxStream<'static, Result<BytesMessage, Status>>, Status> {
    use futures_util::stream::{self, StreamExt as _};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// Bytes of an answer that are passed on at once.
    const CHUNK: usize = 32 * 1024;

    let agent = tokio::net::UnixStream::connect(socket).await.map_err(|error| {
        Status::unavailable(format!("the ssh agent at `{}`: {error}", socket.display()))
    })?;
    let (answers, mut input) = agent.into_split();
    tokio::spawn(async move {
        while let Ok(Some(asked)) = questions.message().await {
            if input.write_all(&asked.data).await.is_err() {
                break;
            }
        }
    });
    let answers = stream::unfold((answers, vec![0; CHUNK]), |(mut answers, mut buffer)| async {
        let n = answers.read(&mut buffer).await.ok().filter(|n| *n > 0)?;
        let data = buffer[..n].to_vec();
        Some((Ok(BytesMessage { data }), (answers, buffer)))
    });
    Ok(answers.boxed())
}

#[cfg(not(unix))]
async fn forward(
    _: &std::path::Path,
    _: Streaming<BytesMessage>,
) -> Result<BoxStream<'static, Result<BytesMessage, Status>>, Status> {
    Err(Status::unimplemented("ssh agents are passed on where they listen on Unix sockets"))
}

#[cfg(test)]
#[cfg(unix)]
#[path = "ssh_tests.rs"]
mod tests;
