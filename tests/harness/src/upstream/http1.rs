//! HTTP/1.1 by hand: a library would choose the chunks itself.

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{Framing, Received, Reply, Shared, Step};

pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped with this task, and every connection with it.
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        connections.spawn(connection(socket, Arc::clone(&shared)));
    }
}

/// Serves one connection until it ends; a fault ends it.
async fn connection(socket: TcpStream, shared: Arc<Shared>) -> Option<()> {
    socket.set_nodelay(true).ok()?;
    let mut socket = BufReader::new(socket);
    loop {
        let request = request(&mut socket).await?;
        let bodiless = request.method == "HEAD";
        let reply = shared.answer(request);
        answer(socket.get_mut(), reply, bodiless, &shared).await?;
    }
}

async fn request(socket: &mut BufReader<TcpStream>) -> Option<Received> {
    let line = line(socket).await?;
    let mut parts = line
        .split(|byte| *byte == b' ')
        .map(|part| String::from_utf8_lossy(part));
    let method = parts.next()?.into_owned();
    let path = parts.next()?.into_owned();
    let headers = fields(socket).await?;
    let find = |name: &str| {
        let (_, value) = headers.iter().find(|(header, _)| header == name)?;
        std::str::from_utf8(value).ok()
    };
    let (mut body, mut trailers) = (Vec::new(), Vec::new());
    if find("transfer-encoding").is_some() {
        (body, trailers) = chunked(socket).await?;
    } else if let Some(length) = find("content-length") {
        body.resize(length.parse().ok()?, 0);
        socket.read_exact(&mut body).await.ok()?;
    }
    Some(Received {
        method,
        path,
        headers,
        body,
        trailers,
    })
}

async fn line(socket: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    socket.read_until(b'\n', &mut line).await.ok()?;
    line.strip_suffix(b"\r\n").map(<[u8]>::to_vec)
}

async fn fields(socket: &mut BufReader<TcpStream>) -> Option<Vec<(String, Vec<u8>)>> {
    let mut fields = Vec::new();
    loop {
        let line = line(socket).await?;
        if line.is_empty() {
            return Some(fields);
        }
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase();
        fields.push((name, line[colon + 1..].trim_ascii().to_vec()));
    }
}

async fn chunked(socket: &mut BufReader<TcpStream>) -> Option<(Vec<u8>, Vec<(String, Vec<u8>)>)> {
    let mut body = Vec::new();
    loop {
        let size = String::from_utf8(line(socket).await?).ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return Some((body, fields(socket).await?));
        }
        let start = body.len();
        body.resize(start + size, 0);
        socket.read_exact(&mut body[start..]).await.ok()?;
        line(socket).await?;
    }
}

/// Sends a reply; `None` ends the connection.
async fn answer(
    socket: &mut TcpStream,
    reply: Reply,
    bodiless: bool,
    shared: &Shared,
) -> Option<()> {
    let Reply {
        status,
        headers,
        framing,
        body,
    } = reply;
    let bodiless = bodiless || status == 204 || status == 304;
    let length = match framing {
        _ if status == 204 => String::new(),
        Framing::Length(length) => format!("content-length: {length}\r\n"),
        Framing::Chunked => "transfer-encoding: chunked\r\n".to_owned(),
        Framing::UntilClose => "connection: close\r\n".to_owned(),
    };
    let head = format!(
        "HTTP/1.1 {status} Programmed\r\n{}{length}\r\n",
        lines(&headers)
    );
    socket.write_all(head.as_bytes()).await.ok()?;
    if bodiless {
        return Some(());
    }
    let mut trailers = Vec::new();
    for step in body {
        match step {
            Step::Data(bytes) => {
                send(socket, framing, &bytes).await?;
                shared.count(&bytes);
            }
            Step::Wait(time) => tokio::time::sleep(time).await,
            Step::Until(signal) => signal.notified().await,
            Step::Trailers(fields) => trailers = fields,
            Step::Abort => return None,
        }
    }
    if framing == Framing::Chunked {
        let end = format!("0\r\n{}\r\n", lines(&trailers));
        socket.write_all(end.as_bytes()).await.ok()?;
    }
    (framing != Framing::UntilClose).then_some(())
}

fn lines(fields: &[(String, String)]) -> String {
    fields
        .iter()
        .map(|(name, value)| [name, ": ", value, "\r\n"].concat())
        .collect()
}

async fn send(socket: &mut TcpStream, framing: Framing, bytes: &[u8]) -> Option<()> {
    // A chunk of no bytes would end the body.
    if bytes.is_empty() {
        return Some(());
    }
    if framing != Framing::Chunked {
        return socket.write_all(bytes).await.ok();
    }
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    socket.write_all(&chunk).await.ok()
}
