//! Building with the engine's `BuildKit`: its two streams, and its failures.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{BoxFuture, try_join};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use tokio::task::JoinSet;

use crate::buildkit::session::SessionId;
use crate::buildkit::solve::Exporter;
use crate::buildkit::{SolveError, greet};
use crate::engine::docker::classify::{self, About, Doing};
use crate::engine::docker::client::{DockerClient, within};
use crate::engine::docker::connector::Stream;
use crate::engine::docker::dial::{DialError, upgrade};
use crate::engine::docker::images;
use crate::engine::error::EngineError;
use crate::engine::{BuildContext, BuildProgress, BuildRequest, Builder, Credentials, Logins};
use crate::words::reference::Reference;

type Item = Result<BuildProgress, EngineError>;

/// Where the engine speaks to a client of its builder, …
const CONTROL: &str = "/grpc";

/// … and where it speaks as one.
const SESSION: &str = "/session";

/// What the engine builds with. It is asked for the very thing that a build would use: what
/// stands between occ and an engine may let the one through and not the other.
pub(super) async fn builder(client: &DockerClient) -> Result<Builder, EngineError> {
    match open(client, CONTROL, &[]).await {
        // An engine of this machine is for its system, and the question takes its time.
        Ok(_) if client.endpoint().is_local() && cfg!(unix) => Ok(Builder::BuildKit),
        Ok(_) if images::os(client).await? == "windows" => {
            Ok(Builder::Classic("an engine for Windows has no BuildKit".to_owned()))
        }
        Ok(_) => Ok(Builder::BuildKit),
        Err(Refusal::Other(error)) => Err(error),
        Err(Refusal::Status(status)) if images::builds_like_docker(client).await? => {
            let why = format!("the engine has no BuildKit: it answers `{CONTROL}` with {status}");
            Ok(Builder::Classic(why))
        }
        Err(Refusal::Status(_)) => Ok(Builder::Other),
    }
}

/// Why a stream could not be had.
enum Refusal {
    Status(u16),
    Other(EngineError),
}

async fn open(
    client: &DockerClient,
    path: &str,
    headers: &[(&'static str, String)],
) -> Result<Stream, Refusal> {
    let opened =
        within(client.timeouts().response, upgrade(client.connector(), path, headers)).await;
    match opened {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(DialError::Refused(status, said))) => {
            tracing::debug!(path, status, said, "the engine refused a stream");
            Err(Refusal::Status(status))
        }
        Ok(Err(DialError::Io(error))) => {
            Err(Refusal::Other(classify::dialling(&error, &client.about_engine())))
        }
        Err(limit) => Err(Refusal::Other(classify::silent(limit, &client.about_engine()))),
    }
}

/// Builds an image; it has the name of the request when it is there.
pub(super) fn build(client: &DockerClient, request: BuildRequest) -> BoxStream<'_, Item> {
    stream::once(begin(client, request))
        .flat_map(|begun| match begun {
            Ok(items) => items,
            Err(error) => stream::iter([Err(error)]).boxed(),
        })
        .boxed()
}

/// The user's logins, and those that were asked for: a refusal means more where there was one.
struct Given {
    of_user: Arc<dyn Logins>,
    given: Mutex<BTreeMap<String, Credentials>>,
}

impl Given {
    fn given(&self) -> MutexGuard<'_, BTreeMap<String, Credentials>> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Logins for Given {
    fn login<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Option<Credentials>> {
        Box::pin(async move {
            let found = self.of_user.login(host).await?;
            self.given().insert(host.to_owned(), found.clone());
            Some(found)
        })
    }
}

async fn begin(
    client: &DockerClient,
    mut request: BuildRequest,
) -> Result<BoxStream<'_, Item>, EngineError> {
    let refused = |refusal| match refusal {
        Refusal::Other(error) => error,
        Refusal::Status(status) => {
            let message = format!("the engine has no BuildKit any more: it answers with {status}");
            classify::answered(&message, Some(status), &client.about_engine())
        }
    };
    let (id, name, given) = match &mut request.context {
        BuildContext::Served(served) => {
            let of_user = Arc::clone(&served.logins);
            let given = Arc::new(Given { of_user, given: Mutex::default() });
            served.logins = Arc::<Given>::clone(&given);
            (SessionId::new(&served.key), served.name.canonical(), Some(given))
        }
        BuildContext::Archive(_) => (SessionId::new(""), String::new(), None),
    };
    // The name that it has at once is the only one: an engine gives several one by one.
    let exporter = Exporter { kind: "moby", attrs: vec![("name", name)] };
    let headers = id.headers();
    let both = try_join(open(client, SESSION, &headers), open(client, CONTROL, &[]));
    let (session, control) = both.await.map_err(refused)?;
    let greeted = greet(control).await;
    let (channel, connection) = greeted.map_err(|error| {
        classify::dialling(&std::io::Error::other(error), &client.about_engine())
    })?;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the connection to the builder ended");
        }
    });
    let subject = request.shown.clone();
    let items = crate::buildkit::build(channel, (id, session), request, exporter);
    // The connection ends with the stream that it is for.
    let items = items.map(move |item| {
        let _ = &tasks;
        item.map_err(|error| {
            let given = given.as_ref().map(|given| given.given().clone());
            failed(client, &subject, &error, &given.unwrap_or_default())
        })
    });
    Ok(items.boxed())
}

/// Classifies what a builder says of a build that failed, which was `given` logins.
fn failed(
    client: &DockerClient,
    subject: &str,
    error: &SolveError,
    given: &BTreeMap<String, Credentials>,
) -> EngineError {
    let base: Option<Reference> = error.base.as_ref().and_then(|base| base.parse().ok());
    let about = About {
        doing: if error.base.is_some() { Doing::Base } else { Doing::Build },
        subject,
        reference: base.as_ref(),
        credentials: base.as_ref().and_then(|base| given.get(&base.repository.registry)),
        endpoint: client.endpoint(),
    };
    if error.is_ours {
        let message = format!("cannot send the build context: {}", error.message);
        return classify::ours(&message, &about);
    }
    if error.is_cut {
        return classify::cut_short(&error.message, &about);
    }
    classify::answered(&error.message, None, &about)
}
