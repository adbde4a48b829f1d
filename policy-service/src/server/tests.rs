//! Slow, idle and crowding clients. Bounds are small here, so that a test need not wait.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::Bounds;
use crate::testing::Service;

/// A service that takes little upon itself.
async fn service(bounds: Bounds) -> Service {
    Service::with_bounds(bounds).await
}

fn small() -> Bounds {
    Bounds {
        connections: 8,
        head: Duration::from_millis(300),
        idle: Duration::from_millis(700),
        write: Duration::from_millis(300),
    }
}

async fn connect(address: SocketAddr, first: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(first).await.unwrap();
    stream
}

/// How long until the other side ends it.
async fn end_of(mut stream: TcpStream) -> Duration {
    let begun = Instant::now();
    let mut bytes = Vec::new();
    // A reset is an end too.
    let _ = timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes))
        .await
        .expect("it is never ended");
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_trickles_is_cut_and_one_in_time_is_not() {
    let service = service(small()).await;
    let address = service.running.address;
    for first in [
        &b""[..],
        b"GET /livez HTTP/1.1\r\nhost: a\r\nx-slow: ",
        b"PRI * HTTP/2.0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    ] {
        let mut slow = connect(address, first).await;
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(5) {
            let mut bytes = [0; 64];
            match timeout(Duration::from_millis(50), slow.read(&mut bytes)).await {
                Ok(Ok(0) | Err(_)) => break,
                // HTTP/1.1 takes any number of bytes for a header that never ends.
                Err(_) if !first.is_empty() && first[0] == b'G' => {
                    let _ = slow.write_all(b"a").await;
                }
                _ => {}
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(3), "{first:?}");
    }
    let head = b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n";
    let mut quick = connect(address, head).await;
    let mut answer = [0; 15];
    quick.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    // Then it may be idle for longer than a head may take, but a second head may not trickle.
    tokio::time::sleep(Duration::from_millis(450)).await;
    quick
        .write_all(b"GET /livez HTTP/1.1\r\nx: ")
        .await
        .unwrap();
    let after = end_of(quick).await;
    assert!(after < Duration::from_secs(3), "{after:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_connection_is_closed_and_one_that_waits_is_not() {
    let service = service(small()).await;
    let check = service.ask(1);
    let waiting = service.check_waiting(&check, 2);
    let idle = async {
        let head = b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n";
        end_of(connect(service.running.address, head).await).await
    };
    let (answer, closed) = tokio::join!(waiting, idle);
    // Two seconds are longer than an idle connection lasts here.
    assert_eq!(answer["decision"], "pending", "{answer}");
    assert!(closed >= Duration::from_millis(500), "{closed:?}");
    assert!(closed < Duration::from_secs(4), "{closed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_hold_every_connection_keep_nobody_out() {
    let bounds = Bounds {
        connections: 8,
        ..Bounds::default()
    };
    let service = service(bounds).await;
    let address = service.running.address;
    // One that has shown who it is, and waits.
    let check = service.ask(1);
    let held = service.check_waiting(&check, 3);
    let crowd = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut crowd = Vec::new();
        for number in 0..100 {
            let first: &[u8] = match number % 3 {
                0 => b"",
                1 => b"GET /livez HTTP/1.1\r\nx: ",
                _ => b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
            };
            crowd.push(connect(address, first).await);
        }
        let begun = Instant::now();
        let fresh = reqwest::Client::builder().no_proxy().build().unwrap();
        let response = fresh.get(service.url("/readyz")).send().await.unwrap();
        assert_eq!(response.status(), 200);
        begun.elapsed()
    };
    let (answer, elapsed) = tokio::join!(held, crowd);
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
    assert_eq!(answer["decision"], "pending", "the known one was put out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_and_bodies_that_are_too_large_take_no_memory() {
    let service = service(Bounds::default()).await;
    let address = service.running.address;
    let mut long = connect(address, b"GET /livez HTTP/1.1\r\nx: ").await;
    let mut sent = 0;
    while sent < 1 << 20 && long.write_all(&[b'a'; 4096]).await.is_ok() {
        sent += 4096;
    }
    // What the system buffers, and no more.
    let mut answer = Vec::new();
    let _ = timeout(Duration::from_secs(5), long.read_to_end(&mut answer)).await;
    assert!(
        answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    let many = "x: a\r\n".repeat(100);
    let head = format!("GET /livez HTTP/1.1\r\nhost: a\r\n{many}\r\n");
    let mut many = connect(address, head.as_bytes()).await;
    let mut answer = [0; 12];
    many.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 431");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_nothing_of_an_answer_is_cut() {
    let service = service(small()).await;
    for number in 1..=5 {
        service.pending(&service.ask(number)).await;
    }
    let token = service.reviewer("grace");
    let request = format!(
        "GET /v1/audit?limit=1000 HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(2048).unwrap();
    let mut stream = socket.connect(service.running.address).await.unwrap();
    // More answers than the system's buffers hold, none of them taken.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(15) {
        let sent = timeout(Duration::from_secs(2), stream.write_all(request.as_bytes()));
        if let Ok(Err(_)) = sent.await {
            return;
        }
    }
    panic!("it goes on");
}
