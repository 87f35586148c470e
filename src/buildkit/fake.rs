//! A builder for tests, which does what it is told: a client on the session, and a server on
//! the channel that builds are asked for.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1 as kit;
use bollard_buildkit_proto::moby::buildkit::v1::control_server::{Control, ControlServer};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use kit::{SolveRequest, SolveResponse, StatusResponse};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::{Request, Response, Status};
use tower_service::Service as _;

use crate::buildkit::channel::{Channel, HEADERS, greet};
use crate::buildkit::faults::Faults;
use crate::buildkit::follow::build;
use crate::buildkit::session::{Session, SessionId};
use crate::buildkit::solve::Exporter;
use crate::buildkit::{SolveError, fake_files::FakeFiles};
use crate::engine::{
    BuildContext, BuildProgress, BuildRequest, Credentials, Files, Logins, Served,
};
use crate::words::network::Network;

pub(super) const ORIGIN: &str = "http://client";

/// No test waits so long for anything that comes.
const PATIENCE: Duration = Duration::from_secs(20);

/// What should come, unless something hangs.
pub(super) async fn soon<F: Future>(future: F) -> F::Output {
    timeout(PATIENCE, future).await.unwrap()
}

/// A user who has logged in nowhere.
pub(super) struct Nobody;

impl Logins for Nobody {
    fn login<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Option<Credentials>> {
        Box::pin(async { None })
    }
}

/// Serves these files, and a Dockerfile of one line.
pub(super) fn served(files: FakeFiles) -> Served {
    served_by(Arc::new(files))
}

pub(super) fn served_by(files: Arc<dyn Files>) -> Served {
    Served {
        name: "app:1".parse().unwrap(),
        files,
        key: "key".to_owned(),
        dockerfile: Bytes::from_static(b"FROM scratch\n"),
        ignore: None,
        secrets: Vec::new(),
        agents: Vec::new(),
        logins: Arc::new(Nobody),
    }
}

/// A request for a build of them.
pub(super) fn request(served: Served) -> BuildRequest {
    BuildRequest {
        dockerfile: "Dockerfile".to_owned(),
        shown: "app/Dockerfile".to_owned(),
        target: None,
        args: BTreeMap::new(),
        labels: BTreeMap::new(),
        network: Network::Default,
        platform: None,
        no_cache: false,
        cache_from: Vec::new(),
        pull: false,
        credentials: BTreeMap::new(),
        context: BuildContext::Served(Box::new(served)),
    }
}

/// The engine's end of a session. Unlike a client's, it lets the streams wait for each other
/// in nothing.
async fn join(stream: DuplexStream) -> (Channel, JoinHandle<()>) {
    let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(64 * 1024).initial_connection_window_size(16 * 1024 * 1024);
    builder.max_header_list_size(HEADERS);
    let (send, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    (Channel(send), tokio::spawn(async { connection.await.unwrap_or_default() }))
}

/// A session without a build.
pub(super) async fn session(served: Served) -> (Channel, Faults) {
    let (here, there) = duplex(64 * 1024);
    let (services, faults) = Session::new(served, "Dockerfile");
    tokio::spawn(async move { drop(services.serve(there).await) });
    (join(here).await.0, faults)
}

type Reports = BoxStream<'static, Result<StatusResponse, Status>>;

/// What is told to whoever asked for reports.
pub(super) type Told = mpsc::UnboundedSender<Result<StatusResponse, Status>>;

/// A call, and what answers it.
type Call<Q, A> = (Q, oneshot::Sender<Result<A, Status>>);

/// The calls that come, answered by whoever takes them from here.
struct Calls {
    solve: mpsc::UnboundedSender<Call<SolveRequest, SolveResponse>>,
    status: mpsc::UnboundedSender<Call<kit::StatusRequest, Reports>>,
}

/// Items as they come from a build.
pub(super) type Items = mpsc::UnboundedReceiver<Result<BuildProgress, SolveError>>;

/// A build, seen from its builder.
pub(super) struct FakeBuilder {
    /// What the session is asked over.
    pub(super) channel: Channel,
    /// What comes out of the build.
    pub(super) items: Items,
    /// Polls it.
    pub(super) client: JoinHandle<()>,
    solves: Mutex<mpsc::UnboundedReceiver<Call<SolveRequest, SolveResponse>>>,
    statuses: Mutex<mpsc::UnboundedReceiver<Call<kit::StatusRequest, Reports>>>,
    /// They end when the other side hangs up.
    pub(super) control: JoinHandle<()>,
    pub(super) session: JoinHandle<()>,
}

impl FakeBuilder {
    /// Begins a build.
    pub(super) async fn new(request: BuildRequest) -> Self {
        let ((here, there), (session, served)) = (duplex(64 * 1024), duplex(64 * 1024));
        let (solve, solves) = mpsc::unbounded_channel();
        let (status, statuses) = mpsc::unbounded_channel();
        let control = tokio::spawn(serve(here, Arc::new(Calls { solve, status })));
        let (out, items) = mpsc::unbounded_channel();
        let client = tokio::spawn(async move {
            let (channel, connection) = greet(there).await.unwrap();
            let session = (SessionId::new("key"), Box::new(served) as _);
            let exporter = Exporter { kind: "moby", attrs: vec![("name", "app:1".to_owned())] };
            let build = build(channel, session, request, exporter);
            // The connection is polled beside the build, and ends with it, as it does in use.
            let build = build.for_each(|item| {
                let _ = out.send(item);
                std::future::ready(())
            });
            tokio::select! {
                () = build => {}
                () = async { drop(connection.await); std::future::pending().await } => {}
            }
        });
        let (channel, session) = join(session).await;
        let (solves, statuses) = (Mutex::new(solves), Mutex::new(statuses));
        Self { channel, items, client, solves, statuses, control, session }
    }

    /// The request for the build.
    pub(super) async fn solve(&self) -> Call<SolveRequest, SolveResponse> {
        soon(async { self.solves.lock().await.recv().await.unwrap() }).await
    }

    /// Whoever asks for reports gets what comes from here.
    pub(super) async fn status(&self) -> (kit::StatusRequest, Told) {
        let (question, answer) = self.asked_for_status().await;
        let (reports, told) = mpsc::unbounded_channel();
        let told = stream::unfold(told, |mut told| async { Some((told.recv().await?, told)) });
        drop(answer.send(Ok(told.boxed())));
        (question, reports)
    }

    /// The question for reports.
    pub(super) async fn asked_for_status(&self) -> Call<kit::StatusRequest, Reports> {
        soon(async { self.statuses.lock().await.recv().await.unwrap() }).await
    }

    /// All that comes out of the build from here on.
    pub(super) async fn rest(&mut self) -> Vec<Result<BuildProgress, SolveError>> {
        let mut all = Vec::new();
        while let Some(item) = soon(self.items.recv()).await {
            all.push(item);
        }
        all
    }
}

/// Serves until the other side hangs up.
async fn serve(stream: DuplexStream, calls: Arc<Calls>) {
    let server = ControlServer::from_arc(calls);
    let service = service_fn(move |request: http::Request<Incoming>| {
        let mut server = server.clone();
        async move { Ok::<_, Infallible>(server.call(request).await.unwrap()) }
    });
    let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    builder.max_header_list_size(HEADERS);
    drop(builder.serve_connection(TokioIo::new(stream), service).await);
}

/// An image of this id.
pub(super) fn answer(id: &str) -> SolveResponse {
    let told = [("containerimage.digest".to_owned(), id.to_owned())];
    SolveResponse { exporter_response: told.into() }
}

async fn ask<Q, A>(calls: &mpsc::UnboundedSender<Call<Q, A>>, question: Q) -> Result<A, Status> {
    let (answer, answered) = oneshot::channel();
    drop(calls.send((question, answer)));
    answered.await.map_err(|_| Status::internal("the test has no answer"))?
}

fn no<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented(""))
}

#[tonic::async_trait]
impl Control for Calls {
    type PruneStream = BoxStream<'static, Result<kit::UsageRecord, Status>>;
    type StatusStream = Reports;
    type SessionStream = BoxStream<'static, Result<kit::BytesMessage, Status>>;
    type ListenBuildHistoryStream = BoxStream<'static, Result<kit::BuildHistoryEvent, Status>>;

    async fn solve(
        &self,
        request: Request<SolveRequest>,
    ) -> Result<Response<SolveResponse>, Status> {
        ask(&self.solve, request.into_inner()).await.map(Response::new)
    }

    async fn status(
        &self,
        request: Request<kit::StatusRequest>,
    ) -> Result<Response<Reports>, Status> {
        ask(&self.status, request.into_inner()).await.map(Response::new)
    }

    async fn disk_usage(
        &self,
        _: Request<kit::DiskUsageRequest>,
    ) -> Result<Response<kit::DiskUsageResponse>, Status> {
        no()
    }

    async fn prune(
        &self,
        _: Request<kit::PruneRequest>,
    ) -> Result<Response<Self::PruneStream>, Status> {
        no()
    }

    async fn session(
        &self,
        _: Request<tonic::Streaming<kit::BytesMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        no()
    }

    async fn list_workers(
        &self,
        _: Request<kit::ListWorkersRequest>,
    ) -> Result<Response<kit::ListWorkersResponse>, Status> {
        no()
    }

    async fn info(
        &self,
        _: Request<kit::InfoRequest>,
    ) -> Result<Response<kit::InfoResponse>, Status> {
        no()
    }

    async fn listen_build_history(
        &self,
        _: Request<kit::BuildHistoryRequest>,
    ) -> Result<Response<Self::ListenBuildHistoryStream>, Status> {
        no()
    }

    async fn update_build_history(
        &self,
        _: Request<kit::UpdateBuildHistoryRequest>,
    ) -> Result<Response<kit::UpdateBuildHistoryResponse>, Status> {
        no()
    }
}
