//! Answers in every form that an upstream may give them, on a real Envoy: compressed bodies, texts,
//! what stands round a body, other protocols, the gateway's own answers.

mod charsets;
mod cost;
mod encodings;
mod fields;
mod gateway;
mod order;
mod protocols;
mod rpc;
mod statuses;
mod texts;

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use velum_end_to_end::stage::{AGENT, PERSON, Setup, Stage};
use velum_harness::{BootstrapOptions, Call, Received, Reply, Response};

/// The example's installation under a policy that reads responses so.
fn reading(responses: Value, handler: fn(&Received) -> Reply) -> Setup {
    let mut setup = Setup::new(handler);
    setup.policy["responses"] = responses;
    // Longer than Envoy buffers: what is gathered waits in the filter.
    setup.policy["limits"] = json!({"held_body": 1 << 20});
    setup
}

/// One that decodes, and reads texts.
fn decoding(handler: fn(&Received) -> Reply) -> Setup {
    let text = ["text/plain", "text/html"];
    reading(json!({"encodings": "decode", "text": text}), handler)
}

/// Envoy buffers as little as under Envoy Gateway's defaults.
fn as_in_envoy_gateway(options: &mut BootstrapOptions) {
    options.buffer_limit = Some(32_768);
}

/// The answer over HTTP/1.1, and over HTTP/2.
async fn both(stage: &Stage, path: &str) -> [Response; 2] {
    let call = stage.agent("GET", path);
    [sent(call.clone()).await, sent(call.http2()).await]
}

async fn sent(call: Call) -> Response {
    call.send().await.expect("an answer")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

/// Requests on one connection, byte for byte, and all that comes back.
async fn raw(stage: &Stage, requests: &[(&str, &str, &str)]) -> String {
    let token = stage.jwt.agent(AGENT, PERSON);
    let mut socket = TcpStream::connect(stage.envoy.address())
        .await
        .expect("connect");
    for (method, path, more) in requests {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: api\r\nauthorization: Bearer {token}\r\n{more}\r\n"
        );
        socket.write_all(request.as_bytes()).await.expect("send");
    }
    let mut answer = Vec::new();
    let read = socket.read_to_end(&mut answer);
    // A connection that was closed while it was written to may be reset.
    let _ended = tokio::time::timeout(Duration::from_secs(20), read)
        .await
        .expect("the connection ends");
    String::from_utf8_lossy(&answer).into_owned()
}

/// The last request of a connection.
const CLOSE: &str = "connection: close\r\n";

/// What a gzip body holds.
fn gunzip(bytes: &[u8]) -> String {
    let mut decoder = flate2::write::GzDecoder::new(Vec::new());
    decoder.write_all(bytes).expect("gzip");
    String::from_utf8(decoder.finish().expect("gzip")).expect("UTF-8")
}
