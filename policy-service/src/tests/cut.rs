//! A line to the database that is cut at the worst moment.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use velum_harness::Postgres;

use crate::testing::{CONFIGURATION, Service};

/// A COMMIT as the driver sends it.
const COMMIT: &[u8] = b"COMMIT\0";

const WHOLE: u8 = 0;
const CUT_BEFORE: u8 = 1;
const CUT_AFTER: u8 = 2;

/// A proxy before a server, which cuts the line of the next commit when it is told to.
struct Line {
    url: String,
    cut: Arc<AtomicU8>,
}

impl Line {
    async fn to(server: &Postgres) -> Line {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cut = Arc::new(AtomicU8::new(WHOLE));
        let (socket, seen) = (server.socket(), cut.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, socket.clone(), seen.clone()));
            }
        });
        Line {
            url: format!("postgres://velum@{address}/postgres?sslmode=disable"),
            cut,
        }
    }

    fn cut_next(&self, how: u8) {
        self.cut.store(how, Ordering::SeqCst);
    }

    fn was_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst) == WHOLE
    }
}

async fn carry(client: TcpStream, socket: PathBuf, cut: Arc<AtomicU8>) {
    let Ok(server) = UnixStream::connect(socket).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let is_mute = Arc::new(AtomicBool::new(false));
    let muted = is_mute.clone();
    let back = tokio::spawn(async move {
        let mut bytes = vec![0; 65_536];
        while let Ok(length @ 1..) = from_server.read(&mut bytes).await {
            // An answer that is not to be heard gets nowhere, and the line stays open.
            if !muted.load(Ordering::SeqCst) && to_client.write_all(&bytes[..length]).await.is_err()
            {
                break;
            }
        }
    });
    let mut bytes = vec![0; 65_536];
    while let Ok(length @ 1..) = from_client.read(&mut bytes).await {
        let sent = &bytes[..length];
        let commits = sent.windows(COMMIT.len()).any(|part| part == COMMIT);
        let how = if commits {
            cut.swap(WHOLE, Ordering::SeqCst)
        } else {
            WHOLE
        };
        if how == CUT_AFTER {
            is_mute.store(true, Ordering::SeqCst);
            to_server.write_all(sent).await.unwrap();
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        if how != WHOLE || to_server.write_all(sent).await.is_err() {
            break;
        }
    }
    back.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_is_cut_at_the_commit_leaves_one_use_and_the_same_answer() {
    let server = Postgres::start().await.unwrap();
    let line = Line::to(&server).await;
    let store = format!("[store]\nengine = \"postgres\"\nurl = \"{}\"\n\n", line.url);
    let configuration = CONFIGURATION.replacen("[lifetimes]", &(store + "[lifetimes]"), 1);
    let service = Service::with(&configuration).await;
    // The next commit is the one below.
    let _still = service.running.app.parts().log.turn.lock().await;
    for (number, how) in [(1, CUT_AFTER), (2, CUT_BEFORE)] {
        let check = service.ask(number);
        let id = service.pending(&check).await;
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
        let before = service.log().await.len();
        line.cut_next(how);
        let answer = service.check(&check).await;
        assert!(line.was_cut());
        service.verified(&check, &answer);
        assert_eq!(service.check(&check).await, answer);
        assert_eq!(service.log().await.len(), before + 1);
        assert_eq!(service.count("grant.used").await, usize::from(number));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vote_whose_line_is_cut_at_the_commit_is_not_said_to_count() {
    let server = Postgres::start().await.unwrap();
    let line = Line::to(&server).await;
    let store = format!("[store]\nengine = \"postgres\"\nurl = \"{}\"\n\n", line.url);
    let configuration = CONFIGURATION.replacen("[lifetimes]", &(store + "[lifetimes]"), 1);
    let service = Service::with(&configuration).await;
    // The next commit is the one below.
    let _still = service.running.app.parts().log.turn.lock().await;
    for (number, how, state) in [(1, CUT_AFTER, "approved"), (2, CUT_BEFORE, "pending")] {
        let id = service.pending(&service.ask(number)).await;
        line.cut_next(how);
        let (status, body) = service.approve("grace", &id, json!({})).await;
        assert!(line.was_cut());
        assert_eq!((status.as_u16(), &body["retryable"]), (503, &json!(true)));
        assert_eq!(service.show(&id).await["state"], state);
        assert_eq!(
            service.show(&id).await["votes"].as_array().unwrap().len(),
            usize::from(how == CUT_AFTER)
        );
    }
}
