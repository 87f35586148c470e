//! One request and its whole answer: over TLS by the system's authorities, of a limited size,
//! in a limited time.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION, USER_AGENT};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioExecutor;
use tokio::sync::OnceCell;
use url::Url;

use crate::registry::address::is_loopback;
use crate::registry::failure::Problem;
use crate::registry::proxy::Proxy;

type Hyper<C> = Client<HttpsConnector<C>, Full<Bytes>>;

/// The ways to a registry.
struct Ways {
    direct: Hyper<HttpConnector>,
    /// Through a proxy, and which hosts are reached so.
    tunnel: Option<(Matcher, Hyper<Tunnel<HttpConnector>>)>,
}

/// Who asks.
const AGENT: &str = concat!("occ/", env!("CARGO_PKG_VERSION"));

/// The client, made for the first request: reading the authorities takes its time.
pub(super) struct Http {
    ways: OnceCell<Ways>,
    proxy: Proxy,
    limit: Option<Duration>,
}

/// An answer, whatever it says.
#[derive(Debug)]
pub(super) struct Answer {
    /// Who gave it.
    pub(super) url: Url,
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    /// Where it sends to.
    pub(super) fn location(&self) -> Option<&str> {
        let sends = matches!(self.status, 301 | 302 | 303 | 307 | 308);
        self.headers.get(LOCATION).filter(|_| sends)?.to_str().ok()
    }
}

impl Http {
    pub(super) fn new(limit: Option<Duration>) -> Self {
        Self { ways: OnceCell::new(), proxy: Proxy::default(), limit }
    }

    /// The same through a proxy, for whom it is meant for.
    pub(super) fn with_proxy(self, proxy: Proxy) -> Self {
        Self { proxy, ..self }
    }

    /// Asks for something. Of a body that is larger than that there is no answer.
    pub(super) async fn get(
        &self,
        url: &Url,
        accept: &'static str,
        login: Option<&HeaderValue>,
        largest: u64,
    ) -> Result<Answer, Problem> {
        let mut request = request(Method::GET, url, Bytes::new())?;
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static(accept));
        if let Some(login) = login {
            request.headers_mut().insert(AUTHORIZATION, login.clone());
        }
        self.send(request, url, largest).await
    }

    /// Sends a form.
    pub(super) async fn post(
        &self,
        url: &Url,
        form: String,
        largest: u64,
    ) -> Result<Answer, Problem> {
        let mut request = request(Method::POST, url, form.into())?;
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(CONTENT_TYPE, kind);
        self.send(request, url, largest).await
    }

    async fn send(
        &self,
        request: Request<Full<Bytes>>,
        url: &Url,
        largest: u64,
    ) -> Result<Answer, Problem> {
        let ways = self.ways.get_or_init(async || Ways::new(&self.proxy)).await;
        let whole = async {
            let (head, body) = ways.request(request).await?.into_parts();
            let largest = usize::try_from(largest).unwrap_or(usize::MAX);
            let body = match Limited::new(body, largest).collect().await {
                Ok(body) => body.to_bytes(),
                Err(error) if error.is::<LengthLimitError>() => {
                    return Err(Problem::Odd("its answer is larger than it may be"));
                }
                Err(error) => return Err(Problem::Broken(error)),
            };
            let status = head.status.as_u16();
            Ok(Answer { url: url.clone(), status, headers: head.headers, body })
        };
        let answer = match self.limit {
            Some(limit) => match tokio::time::timeout(limit, whole).await {
                Ok(answer) => answer,
                Err(_) => Err(Problem::Silent(limit)),
            },
            None => whole.await,
        };
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        let host = url.host_str().unwrap_or_default();
        tracing::debug!(host, path = url.path(), status, "asked a registry");
        answer
    }
}

fn request(method: Method, url: &Url, body: Bytes) -> Result<Request<Full<Bytes>>, Problem> {
    let request = Request::builder().method(method).uri(url.as_str()).header(USER_AGENT, AGENT);
    request.body(Full::new(body)).map_err(|_| Problem::Odd("its address can't be asked for"))
}

impl Ways {
    /// They trust whom the system trusts, as for an engine over TLS.
    fn new(proxy: &Proxy) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let tls = rustls::ClientConfig::builder();
        let tls = tls.with_root_certificates(roots).with_no_client_auth();
        let tunnel = proxy.intercept().map(|through| {
            let tunnel = Tunnel::new(through.uri().clone(), HttpConnector::new());
            let tunnel = match through.basic_auth() {
                Some(login) => tunnel.with_auth(login.clone()),
                None => tunnel,
            };
            (proxy.matcher(), client(tls.clone(), tunnel))
        });
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        Self { direct: client(tls, connector), tunnel }
    }

    fn request(&self, request: Request<Full<Bytes>>) -> ResponseFuture {
        match &self.tunnel {
            // What is on this machine, no proxy has.
            Some((matcher, tunnel))
                if !request.uri().host().is_some_and(is_loopback)
                    && matcher.intercept(request.uri()).is_some() =>
            {
                tunnel.request(request)
            }
            _ => self.direct.request(request),
        }
    }
}

fn client<C>(tls: rustls::ClientConfig, connector: C) -> Hyper<C>
where
    HttpsConnector<C>: Connect + Clone,
{
    let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
    Client::builder(TokioExecutor::new()).build(https.enable_http1().wrap_connector(connector))
}
