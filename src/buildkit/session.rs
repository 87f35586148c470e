//! The session: what the builder may ask its client for during a build.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;

use bollard_buildkit_proto::health::health_server::{Health, HealthServer};
use bollard_buildkit_proto::health::{
    HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse,
};
use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_server::SecretsServer;
use bollard_buildkit_proto::moby::filesync::v1::auth_server::AuthServer;
use bollard_buildkit_proto::moby::filesync::v1::file_sync_server::FileSyncServer;
use bollard_buildkit_proto::moby::sshforward::v1::ssh_server::SshServer;
use futures_util::stream::{BoxStream, StreamExt as _};
use hyper::body::Incoming;
use hyper::server::conn::http2::Builder;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tonic::{Request, Response, Status};
use tower_service::Service as _;

use crate::buildkit::channel::{Duplex, HEADERS};
use crate::buildkit::faults::Faults;
use crate::buildkit::files::Sources;
use crate::buildkit::logins::LoginService;
use crate::buildkit::secrets::SecretService;
use crate::buildkit::ssh::AgentService;
use crate::engine::Served;
use crate::words::hash::unique;

/// The methods that a builder has to be told of before it calls them. The others it calls
/// in any case.
const METHODS: [&str; 3] = [
    "/moby.filesync.v1.FileSync/DiffCopy",
    "/moby.sshforward.v1.SSH/CheckAgent",
    "/moby.sshforward.v1.SSH/ForwardAgent",
];

/// Bytes that may wait in one answer until the builder takes them.
const SEND_BUFFER: usize = 256 * 1024;

type Answer =
    Pin<Box<dyn Future<Output = Result<http::Response<tonic::body::Body>, Infallible>> + Send>>;

/// What identifies a session to a builder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionId {
    id: String,
    key: String,
}

impl SessionId {
    /// A new one, for the files that the builder knows by `key`.
    pub(crate) fn new(key: &str) -> Self {
        Self { id: unique(), key: key.to_owned() }
    }

    /// As the request for the build names it.
    pub(super) fn as_str(&self) -> &str {
        &self.id
    }

    /// The headers that a session begins with.
    pub(crate) fn headers(&self) -> Vec<(&'static str, String)> {
        let one = [
            ("X-Docker-Expose-Session-Uuid", self.id.clone()),
            ("X-Docker-Expose-Session-Name", "occ".to_owned()),
            ("X-Docker-Expose-Session-Sharedkey", self.key.clone()),
        ];
        let methods =
            METHODS.map(|method| ("X-Docker-Expose-Session-Grpc-Method", method.to_owned()));
        one.into_iter().chain(methods).collect()
    }
}

/// The services of one session.
#[derive(Clone)]
pub(super) struct Session {
    health: HealthServer<Alive>,
    files: FileSyncServer<Sources>,
    logins: AuthServer<LoginService>,
    secrets: SecretsServer<SecretService>,
    agents: SshServer<AgentService>,
}

impl Session {
    /// What is served for a build, and what goes wrong with its files. `name` is that of
    /// the Dockerfile.
    pub(super) fn new(served: Served, name: &str) -> (Self, Faults) {
        let faults = Faults::default();
        let Served { files, dockerfile, ignore, secrets, agents, logins, .. } = served;
        let sources = Sources::new(files, (name, dockerfile, ignore), faults.clone());
        let session = Self {
            health: HealthServer::new(Alive),
            files: FileSyncServer::new(sources),
            logins: AuthServer::new(LoginService(logins)),
            secrets: SecretsServer::new(SecretService(secrets.into())),
            agents: SshServer::new(AgentService(agents.into())),
        };
        (session, faults)
    }

    /// Serves the builder at the other end until it hangs up.
    pub(super) async fn serve(self, stream: impl Duplex + 'static) -> Result<(), hyper::Error> {
        let mut builder = Builder::new(TokioExecutor::new());
        builder.max_send_buf_size(SEND_BUFFER).max_header_list_size(HEADERS);
        builder.serve_connection(TokioIo::new(stream), self).await
    }
}

impl hyper::service::Service<http::Request<Incoming>> for Session {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: http::Request<Incoming>) -> Answer {
        let path = request.uri().path();
        tracing::debug!(path, "the builder asks");
        match path.split('/').nth(1) {
            Some("grpc.health.v1.Health") => self.health.clone().call(request),
            Some("moby.filesync.v1.FileSync") => self.files.clone().call(request),
            Some("moby.filesync.v1.Auth") => self.logins.clone().call(request),
            Some("moby.buildkit.secrets.v1.Secrets") => self.secrets.clone().call(request),
            Some("moby.sshforward.v1.SSH") => self.agents.clone().call(request),
            _ => Box::pin(async { Ok(Status::unimplemented("").into_http()) }),
        }
    }
}

/// A builder ends a session that does not answer this.
#[derive(Debug, Clone)]
struct Alive;

/// `SERVING`.
const SERVING: i32 = 1;

#[tonic::async_trait]
impl Health for Alive {
    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn check(
        &self,
        _: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        Ok(Response::new(HealthCheckResponse { status: SERVING }))
    }

    async fn list(
        &self,
        _: Request<HealthListRequest>,
    ) -> Result<Response<HealthListResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn watch(
        &self,
        _: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        Ok(Response::new(futures_util::stream::empty().boxed()))
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
