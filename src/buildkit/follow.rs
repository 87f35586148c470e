//! One build, from its request to the image's id.

use std::collections::VecDeque;
use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1::{SolveResponse, StatusRequest, StatusResponse};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tonic::{Response, Status, Streaming};

use crate::buildkit::channel::{Channel, Duplex, control};
use crate::buildkit::failure::{self, SolveError};
use crate::buildkit::faults::Faults;
use crate::buildkit::session::{Session, SessionId};
use crate::buildkit::solve::{self, Exporter};
use crate::buildkit::status::Steps;
use crate::engine::{BuildContext, BuildProgress, BuildRequest};
use crate::words::image::EngineId;

/// How long to wait for what a builder has to tell of its steps once the build is over.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long to wait for more of a step before what is known of it is told.
const A_WHILE: Duration = Duration::from_millis(200);

type Item = Result<BuildProgress, SolveError>;

/// A call that has not been answered yet.
type Call<T> = BoxFuture<'static, Result<Response<T>, Status>>;

/// What came from the builder.
enum Heard {
    Report(StatusResponse),
    Answer(Result<Response<SolveResponse>, Status>),
}

/// Builds, over a channel to a builder and a session that it knows already. Dropping the
/// stream hangs up, which ends the build on the other side.
pub(crate) fn build(
    channel: Channel,
    (id, session): (SessionId, Box<dyn Duplex>),
    mut request: BuildRequest,
    exporter: Exporter,
) -> BoxStream<'static, Item> {
    let nothing = BuildContext::Archive(stream::empty().boxed());
    let BuildContext::Served(served) = std::mem::replace(&mut request.context, nothing) else {
        let message = "the files are packed for another builder".to_owned();
        let error = SolveError { message, base: None, is_ours: true, is_cut: false };
        return stream::iter([Err(error)]).boxed();
    };
    let (services, faults) = Session::new(*served, &request.dockerfile);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        if let Err(error) = services.serve(session).await {
            tracing::debug!(%error, "the session ended");
        }
    });
    let solve = solve::request(&request, &id, exporter);
    let follow = StatusRequest { r#ref: solve.r#ref.clone() };
    let (mut control, mut watch) = (control(channel.clone()), control(channel));
    let state = Build {
        solve: Some(Box::pin(async move { control.solve(solve).await })),
        opening: Some(Box::pin(async move { watch.status(follow).await })),
        reports: None,
        steps: Steps::default(),
        ready: VecDeque::new(),
        faults,
        _tasks: tasks,
    };
    stream::unfold(state, |mut build| async move { Some((build.next().await?, build)) })
        .fuse()
        .boxed()
}

/// A build on its way.
struct Build {
    /// `None` once it has ended.
    solve: Option<Call<SolveResponse>>,
    opening: Option<Call<Streaming<StatusResponse>>>,
    reports: Option<Streaming<StatusResponse>>,
    steps: Steps,
    ready: VecDeque<Item>,
    faults: Faults,
    /// Whatever serves the session ends with this.
    _tasks: JoinSet<()>,
}

impl Build {
    async fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            let solve = self.solve.as_mut()?;
            let heard = async {
                tokio::select! {
                    biased;
                    Some(report) = report(&mut self.opening, &mut self.reports) => {
                        Heard::Report(report)
                    }
                    answer = solve => Heard::Answer(answer),
                }
            };
            let heard = if self.steps.are_waiting() {
                timeout(A_WHILE, heard).await.ok()
            } else {
                Some(heard.await)
            };
            match heard {
                Some(Heard::Report(report)) => self.take(report),
                Some(Heard::Answer(answer)) => {
                    self.solve = None;
                    self.finish(answer).await;
                }
                None => {
                    let mut told = Vec::new();
                    self.steps.catch_up(&mut told);
                    self.ready.extend(told.into_iter().map(Ok));
                }
            }
        }
    }

    fn take(&mut self, report: StatusResponse) {
        let mut told = Vec::new();
        self.steps.take(report, &mut told);
        self.ready.extend(told.into_iter().map(Ok));
    }

    /// Hears the rest, and says what came of it.
    async fn finish(&mut self, answer: Result<Response<SolveResponse>, Status>) {
        if !answer.as_ref().is_err_and(failure::is_gone) {
            let next = async |build: &mut Self| {
                let report = report(&mut build.opening, &mut build.reports);
                timeout(LAST_WORDS, report).await.ok().flatten()
            };
            while let Some(report) = next(self).await {
                self.take(report);
            }
        }
        let mut told = Vec::new();
        self.steps.end(&mut told);
        self.ready.extend(told.into_iter().map(Ok));
        match answer {
            Ok(answer) => {
                let told = answer.into_inner().exporter_response;
                let id = told.get("containerimage.digest").map(EngineId::new);
                self.ready.extend(id.map(|id| Ok(BuildProgress::Built(id))));
            }
            Err(status) => self.fail(&status),
        }
    }

    fn fail(&mut self, status: &Status) {
        let error = if let Some(message) = self.faults.first() {
            SolveError { message, base: None, is_ours: true, is_cut: false }
        } else {
            let told = failure::read(status);
            let at = self.steps.failed(told.vertex.as_deref(), told.line, told.exit_code);
            self.ready.push_back(Ok(BuildProgress::FailedAt(at)));
            let base = self.steps.failed_base().map(str::to_owned);
            let is_cut = failure::is_cut(status);
            // A step that fails ends the others, and an end may be told before its reason.
            let why = self.steps.why().filter(|_| is_cut && !failure::is_gone(status));
            let message = failure::message(why.unwrap_or(status.message()));
            SolveError { message, base, is_ours: false, is_cut: is_cut && why.is_none() }
        };
        self.ready.push_back(Err(error));
    }
}

/// The next report; `None`, once there are no more.
async fn report(
    opening: &mut Option<Call<Streaming<StatusResponse>>>,
    reports: &mut Option<Streaming<StatusResponse>>,
) -> Option<StatusResponse> {
    if let Some(open) = opening {
        let opened = open.await;
        *opening = None;
        match opened {
            Ok(opened) => *reports = Some(opened.into_inner()),
            Err(error) => tracing::debug!(%error, "the builder does not tell of its steps"),
        }
    }
    let told = reports.as_mut()?.message().await.unwrap_or_else(|error| {
        tracing::debug!(%error, "the builder stopped telling of its steps");
        None
    });
    if told.is_none() {
        *reports = None;
    }
    told
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
