//! A gRPC channel over one stream that is there already.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::body::Body;
use tower_service::Service;

/// A stream to a builder, whatever it goes over.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Bytes of headers that either side may send. An ignore file travels as headers, a line
/// each, and a failed build's details come in one: the usual 16 KiB are too few for both.
pub(super) const HEADERS: u32 = 16 * 1024 * 1024;

/// Bytes of one message that a builder sends.
const MESSAGE: usize = 16 * 1024 * 1024;

/// Who the requests are for, which no builder looks at.
const ORIGIN: &str = "http://buildkit";

/// A client of a builder.
pub(super) type Control = ControlClient<Channel>;

/// Requests over one HTTP/2 connection.
#[derive(Debug, Clone)]
pub(crate) struct Channel(pub(super) SendRequest<Body>);

impl Service<http::Request<Body>> for Channel {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

/// Begins HTTP/2 on a stream. The future has to be polled for anything to come of it, and
/// ends with the connection.
pub(crate) async fn greet(
    stream: impl Duplex + 'static,
) -> Result<(Channel, impl Future<Output = Result<(), hyper::Error>>), hyper::Error> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.adaptive_window(true).max_header_list_size(HEADERS);
    let (send, connection) = builder.handshake(TokioIo::new(stream)).await?;
    Ok((Channel(send), connection))
}

/// The builder's own services.
pub(super) fn control(channel: Channel) -> Control {
    let origin = http::Uri::from_static(ORIGIN);
    ControlClient::with_origin(channel, origin).max_decoding_message_size(MESSAGE)
}
