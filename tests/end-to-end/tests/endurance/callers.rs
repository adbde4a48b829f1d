//! Callers that are told to do badly what clients do well.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// A connection that has sent a GET and takes little in advance.
pub(crate) async fn connect(address: SocketAddr, path: &str, token: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .set_recv_buffer_size(16 * 1024)
        .expect("a small window");
    let mut stream = socket.connect(address).await.expect("a connection");
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: fhir.example\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    stream
}

/// Reads a kilobyte a second for so many seconds, and returns what came.
pub(crate) async fn read_slowly(stream: &mut TcpStream, seconds: u64) -> Vec<u8> {
    let mut read = Vec::new();
    for _ in 0..seconds {
        let mut piece = [0; 1024];
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => break,
            Ok(size) => read.extend_from_slice(&piece[..size]),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    read
}
