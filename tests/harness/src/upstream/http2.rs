//! HTTP/2 without TLS, by axum.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use http_body::Frame;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::{Framing, Received, Reply, Shared, Step};

pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let application = Router::new().fallback(handle).with_state(shared);
    // It ends only with its task.
    let _ = axum::serve(listener, application).await;
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut headers = fields(&parts.headers);
    if let Some(authority) = parts.uri.authority() {
        headers.push(("host".to_owned(), authority.as_str().into()));
    }
    let (body, trailers) = read(body).await;
    let received = Received {
        method: parts.method.to_string(),
        path: parts
            .uri
            .path_and_query()
            .map_or_else(String::new, ToString::to_string),
        headers,
        body,
        trailers,
    };
    let reply = shared.answer(received);
    respond(reply, shared).unwrap_or_else(|| {
        let mut response = Response::new(Body::from("the test's reply has a bad header or status"));
        *response.status_mut() = axum::http::StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

fn fields(map: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    map.iter()
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect()
}

/// What arrives of a body, with its trailers.
async fn read(body: Body) -> (Vec<u8>, Vec<(String, Vec<u8>)>) {
    let mut body = std::pin::pin!(body);
    let (mut bytes, mut trailers) = (Vec::new(), Vec::new());
    while let Some(Ok(frame)) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        match frame.into_data() {
            Ok(data) => bytes.extend_from_slice(&data),
            Err(frame) => trailers = frame.trailers_ref().map(fields).unwrap_or_default(),
        }
    }
    (bytes, trailers)
}

fn respond(reply: Reply, shared: Arc<Shared>) -> Option<Response> {
    let Reply {
        status,
        headers,
        framing,
        body,
    } = reply;
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    if let Framing::Length(length) = framing {
        response = response.header("content-length", length);
    }
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(play(body, sender, shared));
    response.body(Body::new(Played(receiver))).ok()
}

type PlayedFrame = Result<Frame<Bytes>, io::Error>;

async fn play(
    body: Box<dyn Iterator<Item = Step> + Send>,
    sender: mpsc::Sender<PlayedFrame>,
    shared: Arc<Shared>,
) {
    for step in body {
        let frame = match step {
            Step::Wait(time) => {
                tokio::time::sleep(time).await;
                continue;
            }
            Step::Until(signal) => {
                signal.notified().await;
                continue;
            }
            Step::Data(bytes) => {
                shared.count(&bytes);
                Ok(Frame::data(Bytes::from(bytes)))
            }
            Step::Trailers(fields) => Ok(Frame::trailers(header_map(fields))),
            Step::Abort => Err(io::Error::other("the test breaks off here")),
        };
        if sender.send(frame).await.is_err() {
            return;
        }
    }
}

fn header_map(fields: Vec<(String, String)>) -> HeaderMap {
    fields
        .into_iter()
        .filter_map(|(name, value)| {
            Some((
                name.parse::<HeaderName>().ok()?,
                value.parse::<HeaderValue>().ok()?,
            ))
        })
        .collect()
}

/// A body made of what arrives in a channel.
pub(crate) struct Played(pub(crate) mpsc::Receiver<PlayedFrame>);

impl HttpBody for Played {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.0.poll_recv(context)
    }
}
