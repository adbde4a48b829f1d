//! Requests written by hand: what libraries would not send.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

/// Sends these bytes over HTTP/1.1 and gives what comes, until an answer is whole or the connection ends.
pub(crate) async fn http1(address: SocketAddr, request: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    // A server that refuses early may close before it has read all.
    let _ = socket.write_all(request).await;
    let mut answer = Vec::new();
    let _cut = timeout(PATIENCE, async {
        while !is_whole(&answer) {
            if !matches!(socket.read_buf(&mut answer).await, Ok(count) if count > 0) {
                return;
            }
        }
    })
    .await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Whether a final answer has come with a body as long as it says.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let last = text.rfind("HTTP/1.1 ").unwrap_or_default();
    let Some((head, body)) = text[last..].split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    length.is_some_and(|length| length.parse() == Ok(body.len()))
}

/// The status of an answer over HTTP/1.1, and the code of a problem in it.
pub(crate) fn outcome(answer: &str) -> (u16, String) {
    // Interim answers stand before the final one.
    let (_, last) = answer.rsplit_once("HTTP/1.1 ").unwrap_or_default();
    let status = last.get(..3).and_then(|status| status.parse().ok());
    let code = last
        .split_once("velum.dev/problems/")
        .and_then(|(_, rest)| rest.split_once('"'))
        .map_or_else(String::new, |(code, _)| code.to_owned());
    (status.unwrap_or_default(), code)
}

/// Header fields, in order.
pub(crate) type Fields<'a> = &'a [(&'a str, &'a str)];

/// Sends one request over HTTP/2 with prior knowledge, and gives the body that is answered until its
/// stream ends, in whichever way.
pub(crate) async fn http2(
    address: SocketAddr,
    headers: Fields<'_>,
    body: &[&[u8]],
    trailers: Fields<'_>,
) -> String {
    const END_STREAM: u8 = 1;
    const END_HEADERS: u8 = 4;
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    let mut out = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    out.extend(frame(4, 0, 0, &[]));
    let is_last = body.is_empty() && trailers.is_empty();
    let end = |is_last: bool| if is_last { END_STREAM } else { 0 };
    out.extend(frame(1, END_HEADERS | end(is_last), 1, &block(headers)));
    for (index, data) in body.iter().enumerate() {
        let is_last = trailers.is_empty() && index + 1 == body.len();
        out.extend(frame(0, end(is_last), 1, data));
    }
    if !trailers.is_empty() {
        out.extend(frame(1, END_HEADERS | END_STREAM, 1, &block(trailers)));
    }
    let _ = socket.write_all(&out).await;
    let mut answer = Vec::new();
    let _ended = timeout(PATIENCE, async {
        let mut head = [0; 9];
        while socket.read_exact(&mut head).await.is_ok() {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut rest = vec![0; usize::try_from(length).expect("a length")];
            if socket.read_exact(&mut rest).await.is_err() {
                return;
            }
            if head[3] == 0 {
                answer.extend_from_slice(&rest);
            }
            let ends = matches!(head[3], 0 | 1) && head[4] & END_STREAM != 0;
            // The stream was reset, or the connection goes away.
            if ends || matches!(head[3], 3 | 7) {
                return;
            }
        }
    })
    .await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// A frame of RFC 9113, section 4.1.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame");
    let mut out = length.to_be_bytes()[1..].to_vec();
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend_from_slice(payload);
    out
}

/// Fields without indexing or Huffman (RFC 7541, section 6.2.2).
fn block(fields: Fields<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        text(name, &mut out);
        text(value, &mut out);
    }
    out
}

fn text(text: &str, out: &mut Vec<u8>) {
    // An integer with a prefix of seven bits (section 5.1).
    let mut length = text.len();
    if length < 127 {
        out.push(u8::try_from(length).expect("seven bits"));
    } else {
        out.push(127);
        length -= 127;
        while length >= 128 {
            out.push(u8::try_from(length % 128 + 128).expect("eight bits"));
            length /= 128;
        }
        out.push(u8::try_from(length).expect("seven bits"));
    }
    out.extend_from_slice(text.as_bytes());
}
