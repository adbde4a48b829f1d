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

/// The beginning of an HTTP/2 connection: its preface and empty settings.
const BEGIN: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// `:method`, `:scheme` and `:path` of the static table (RFC 7541, appendix A): `GET /` and `POST /`.
const GET: &[u8] = &[0x82, 0x86, 0x84];
const POST: &[u8] = &[0x83, 0x86, 0x84];

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(content);
    frame
}

/// Sends what `next` says so often, or until the service ends the connection, and looks whether others are served
/// meanwhile. Says whether the connection was ended.
async fn flood(first: &[u8], most: u32, next: impl Fn(u32) -> Vec<u8>) -> bool {
    let service = service(Bounds::default()).await;
    let attacker = connect(service.running.address, &[BEGIN, first].concat()).await;
    let (mut reader, mut writer) = attacker.into_split();
    let reading = tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while reader.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    });
    let sending = async {
        for number in 0..most {
            if reading.is_finished() || writer.write_all(&next(number)).await.is_err() {
                return true;
            }
        }
        false
    };
    let others = async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        for _ in 0..10 {
            let begun = Instant::now();
            let response = client.get(service.url("/readyz")).send().await.unwrap();
            assert_eq!(response.status(), 200);
            assert!(
                begun.elapsed() < Duration::from_secs(2),
                "{:?}",
                begun.elapsed()
            );
        }
    };
    let (is_ended, ()) = tokio::join!(timeout(Duration::from_mins(1), sending), others);
    is_ended.expect("it takes a minute")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_are_begun_and_reset_without_end_keep_nobody_out() {
    // HEADERS that end their stream, and RST_STREAM with CANCEL (CVE-2023-44487). They may be taken: each is over
    // before anything is done for it.
    flood(b"", 50_000, |number| {
        let stream = number * 2 + 1;
        let mut frames = frame(1, 0x5, stream, GET);
        frames.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
        frames
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn empty_frames_without_end_are_cut_off() {
    // A stream that stays open, and DATA with nothing in it (CVE-2019-9518).
    let open = frame(1, 0x4, 1, POST);
    assert!(flood(&open, 2_000_000, |_| frame(0, 0, 1, b"")).await);
}
