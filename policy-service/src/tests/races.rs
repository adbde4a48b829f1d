//! Many at once, and clients that leave.

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::testing::{Service, use_key};

/// Sends the check of every racer at once and returns their answers.
async fn race(service: &Service, seconds: u64, racers: u64) -> Vec<serde_json::Value> {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..racers {
        let mut check = service.ask(1);
        check.use_key = use_key();
        let request = client
            .post(service.url("/v1/checks"))
            .bearer_auth(service.gateway())
            .header("prefer", format!("wait={seconds}"))
            .json(&check);
        tasks.spawn(async move {
            request
                .send()
                .await
                .unwrap()
                .json::<serde_json::Value>()
                .await
                .unwrap()
        });
    }
    tasks.join_all().await
}

fn winners(answers: &[serde_json::Value]) -> usize {
    answers
        .iter()
        .filter(|answer| answer["decision"] == "allow")
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_race_for_a_grant_one_has_it() {
    let service = Service::start().await;
    let id = service.pending(&service.ask(1)).await;
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    let answers = race(&service, 0, 16).await;
    assert_eq!(winners(&answers), 1, "{answers:?}");
    assert_eq!(service.count("grant.used").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_wait_for_a_grant_one_has_it_and_the_rest_are_told() {
    let service = Service::start().await;
    let id = service.pending(&service.ask(1)).await;
    let approving = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    };
    let (answers, ()) = tokio::join!(race(&service, 20, 16), approving);
    assert_eq!(winners(&answers), 1, "{answers:?}");
    let taken = answers
        .iter()
        .filter(|answer| answer["code"] == "taken")
        .count();
    assert_eq!(taken, 15, "{answers:?}");
    assert_eq!(service.count("grant.used").await, 1);
}

#[tokio::test]
async fn the_newest_stream_takes_the_grant() {
    let service = Service::start().await;
    let (older, newer) = (service.ask(1), service.ask(1));
    let id = service.pending(&older).await;
    let newest = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        service.check_waiting(&newer, 20).await
    };
    let approving = async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    };
    let (first, second, ()) = tokio::join!(service.check_waiting(&older, 20), newest, approving);
    service.verified(&newer, &second);
    assert_eq!(first["code"], "taken", "{first}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn asks_that_race_open_one_approval() {
    let service = Service::start().await;
    let answers = race(&service, 0, 16).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer["approval"] == answers[0]["approval"]),
        "{answers:?}"
    );
    assert_eq!(service.count("approval.requested").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn clients_that_leave_at_any_moment_leave_nothing_half_done() {
    let service = Service::start().await;
    for round in 0..60_u8 {
        let check = service.ask(round);
        let (body, token) = (serde_json::to_string(&check).unwrap(), service.gateway());
        let id = service.pending(&service.ask(round)).await;
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);

        let mut stream = TcpStream::connect(service.running.address).await.unwrap();
        let head = format!(
            "POST /v1/checks HTTP/1.1\r\nhost: velum\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_micros(u64::from(round) * 60)).await;
        drop(stream);

        // The same stream's key finds the use that was made, or makes it now: never a second one.
        let answer = service.check(&check).await;
        service.verified(&check, &answer);
        assert_eq!(service.show(&id).await["state"], "used");
    }
    assert_eq!(service.count("grant.used").await, 60);
}

#[tokio::test]
async fn who_leaves_while_waiting_uses_nothing() {
    let service = Service::start().await;
    let check = service.ask(1);
    let id = service.pending(&check).await;
    let waiting = service.check_waiting(&check, 20);
    assert!(
        tokio::time::timeout(Duration::from_millis(300), waiting)
            .await
            .is_err()
    );
    // The connection is closed by now, and the wait with it.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(service.show(&id).await["state"], "approved");
    let again = service.ask(1);
    service.verified(&again, &service.check(&again).await);
}
