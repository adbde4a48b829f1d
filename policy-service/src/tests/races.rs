//! Many at once, and clients that leave.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use velum_approval::{Check, Fingerprint};

use crate::testing::{CONFIGURATION, Service};

/// As many asks of the same, each by a stream of its own.
fn racers(service: &Service, many: usize) -> Vec<Check> {
    (0..many).map(|_| service.ask(1)).collect()
}

/// Sends these checks at once and returns their answers, in no order.
async fn race(service: &Service, seconds: u64, checks: &[Check]) -> Vec<Value> {
    let mut tasks = JoinSet::new();
    for check in checks {
        let sender = Sender::of(service);
        let check = check.clone();
        tasks.spawn(async move { sender.send(&check, seconds).await });
    }
    tasks.join_all().await
}

/// Sends checks from a task of its own.
struct Sender {
    client: reqwest::Client,
    url: String,
    token: String,
}

impl Sender {
    fn of(service: &Service) -> Sender {
        Sender {
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            url: service.url("/v1/checks"),
            token: service.gateway().to_owned(),
        }
    }

    async fn send(&self, check: &Check, seconds: u64) -> Value {
        let request = self
            .client
            .post(&self.url)
            .bearer_auth(&self.token)
            .header("prefer", format!("wait={seconds}"))
            .json(check);
        request.send().await.unwrap().json().await.unwrap()
    }
}

/// Whether the grant is there for whoever asks now.
fn is_told_to_ask_again(answer: &Value) -> bool {
    answer["decision"] == "pending" && answer["retry_after_seconds"] == 0
}

fn winners(answers: &[Value]) -> usize {
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
    let answers = race(&service, 0, &racers(&service, 16)).await;
    assert_eq!(winners(&answers), 1, "{answers:?}");
    assert_eq!(service.count("grant.used").await, 1);
}

/// Over how many grants 16 streams race at a service; `VELUM_LONG` asks for the full number.
fn grants() -> u32 {
    if std::env::var_os("VELUM_LONG").is_some() {
        1500
    } else {
        40
    }
}

/// The same ask as another, for a resource and a fingerprint of its own.
fn numbered(service: &Service, number: u32) -> Check {
    let mut check = service.ask(0);
    let mut fingerprint = [7; 32];
    fingerprint[..4].copy_from_slice(&number.to_be_bytes());
    check.fingerprint = Fingerprint::from_bytes(fingerprint);
    check.resource = velum_approval::keyed_token(&[1; 32], &number.to_be_bytes());
    check
}

/// 16 streams go for every grant of a service, through all that it does; then each winner asks again.
async fn every_grant_is_used_once(configuration: &str) {
    let roomy = configuration
        .replace(
            "pending_per_principal = 5",
            "pending_per_principal = 100000\npending_per_action = 100000\npending = 100000",
        )
        .replace("asks_per_minute = 1000", "asks_per_minute = 100000");
    let service = Service::with(&roomy).await;
    let sender = std::sync::Arc::new(Sender::of(&service));
    for number in 0..grants() {
        let check = numbered(&service, number);
        let id = service.pending(&check).await;
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
        let racers: Vec<_> = (0..16).map(|_| numbered(&service, number)).collect();
        let mut tasks = JoinSet::new();
        for check in racers {
            let sender = sender.clone();
            tasks.spawn(async move {
                let answer = sender.send(&check, 0).await;
                (check, answer)
            });
        }
        let answers = tasks.join_all().await;
        let mut winners = answers
            .iter()
            .filter(|(_, answer)| answer["decision"] == "allow");
        let (check, answer) = winners.next().expect("one has it");
        assert!(winners.next().is_none(), "grant {number}: {answers:?}");
        assert_eq!(sender.send(check, 0).await, *answer, "a replay is the same");
    }
    let used = used(&service).await;
    assert_eq!(used, u64::from(grants()), "as many uses as grants");
}

/// How many uses there are, by the log, page by page.
async fn used(service: &Service) -> u64 {
    let (mut after, mut used) = (String::new(), 0);
    loop {
        let path = format!("/v1/audit?limit=1000{after}");
        let (_, page) = service.get("grace", &path).await;
        let entries = page["entries"].as_array().unwrap().iter();
        used += entries
            .filter(|entry| entry["leaf"]["type"] == "org.velum.grant.used.v1")
            .count() as u64;
        match page["next"].as_u64() {
            Some(next) => after = format!("&after={next}"),
            None => return used,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn through_a_whole_service_on_sqlite_every_grant_is_used_once() {
    every_grant_is_used_once(CONFIGURATION).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn through_a_whole_service_on_postgres_every_grant_is_used_once() {
    let server = velum_harness::Postgres::start().await.unwrap();
    every_grant_is_used_once(&super::replicas::configuration(&server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_wait_none_uses_the_grant_and_of_their_next_calls_one() {
    let service = Service::start().await;
    let id = service.pending(&service.ask(1)).await;
    let mut checks = racers(&service, 16);
    let approving = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
        service.log().await.len()
    };
    let (answers, records) = tokio::join!(race(&service, 20, &checks), approving);
    assert_eq!(answers.len(), 16);
    for answer in &answers {
        assert!(is_told_to_ask_again(answer), "{answer}");
        assert_eq!(answer["approval"], id.as_str());
    }
    assert_eq!(service.show(&id).await["state"], "approved");
    assert_eq!(service.log().await.len(), records, "a wait is recorded");

    for check in &mut checks {
        check.approval = Some(id.clone());
    }
    let answers = race(&service, 20, &checks).await;
    assert_eq!(winners(&answers), 1, "{answers:?}");
    // Those before the newest are told that it has it, whether or not it has used it yet.
    let lost = |answer: &&Value| answer["code"] == "used" || answer["code"] == "taken";
    assert_eq!(answers.iter().filter(lost).count(), 15, "{answers:?}");
    assert_eq!(service.count("grant.used").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_ask_again_as_soon_as_they_are_told_one_has_the_grant() {
    let service = Service::start().await;
    let id = service.pending(&service.ask(1)).await;
    let mut streams = JoinSet::new();
    for mut check in racers(&service, 16) {
        let (sender, id) = (Sender::of(&service), id.clone());
        streams.spawn(async move {
            let answer = sender.send(&check, 20).await;
            if !is_told_to_ask_again(&answer) {
                return answer;
            }
            check.approval = Some(id);
            sender.send(&check, 20).await
        });
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    let answers = streams.join_all().await;
    assert_eq!(winners(&answers), 1, "{answers:?}");
    // Who wakes after the use is told that it was taken, who asks again after it that it is used.
    let told = answers
        .iter()
        .filter(|answer| answer["code"] == "taken" || answer["code"] == "used");
    assert_eq!(told.count(), 15, "{answers:?}");
    assert_eq!(service.count("grant.used").await, 1);
}

#[tokio::test]
async fn of_two_that_wait_the_newer_has_the_grant_and_the_older_is_told() {
    let service = Service::start().await;
    let (older, newer) = (service.ask(1), service.ask(1));
    let id = service.pending(&service.ask(1)).await;
    let later = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        service.check_waiting(&newer, 20).await
    };
    let approving = async {
        while service.show(&id).await["waiting"] != 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    };
    let (one, other, ()) = tokio::join!(service.check_waiting(&older, 20), later, approving);
    assert!(is_told_to_ask_again(&one) && is_told_to_ask_again(&other));
    let answer = service.check(&older).await;
    assert_eq!(answer["code"], "taken", "{answer}");
    service.verified(&newer, &service.check(&newer).await);
}

#[tokio::test]
async fn a_stream_that_goes_while_its_check_waits_on_leaves_the_grant_to_the_next() {
    let service = Service::start().await;
    let gone = service.ask(1);
    let id = service.pending(&gone).await;
    let approving = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    };
    // The gateway keeps the call open, and nobody reads its answer.
    let (answer, ()) = tokio::join!(service.check_waiting(&gone, 20), approving);
    assert!(is_told_to_ask_again(&answer), "{answer}");
    assert_eq!(service.count("grant.used").await, 0);
    let next = service.ask(1);
    service.verified(&next, &service.check_waiting(&next, 20).await);
}

#[tokio::test]
async fn who_waits_is_told_a_denial_at_once() {
    let service = Service::start().await;
    let check = service.ask(1);
    let id = service.pending(&check).await;
    let denying = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(service.deny("grace", &id, json!({})).await.0, 200);
    };
    let begun = std::time::Instant::now();
    let (answer, ()) = tokio::join!(service.check_waiting(&check, 20), denying);
    assert_eq!(answer["code"], "denied", "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn asks_that_race_open_one_approval() {
    let service = Service::start().await;
    let answers = race(&service, 0, &racers(&service, 16)).await;
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

/// Sends a request and leaves so many microseconds later.
async fn leave(service: &Service, token: &str, path: &str, body: &Value, after: u64) {
    let body = body.to_string();
    let mut stream = TcpStream::connect(service.running.address).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: velum\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_micros(after)).await;
}

/// What reviewers and gateways do is done whole or not at all when they leave: said again, it has happened once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_says_something_and_leaves_has_said_it_once_or_not_at_all() {
    let rounds: u16 = if std::env::var_os("VELUM_LONG").is_some() {
        200
    } else {
        12
    };
    let service = Service::start().await;
    let grace = service.reviewer("grace").to_owned();
    let gateway = service.gateway().to_owned();
    let apart = 4_000 / u64::from(rounds);
    for round in 0..rounds {
        let after = u64::from(round) * apart;
        let mut check = service.ask(1);
        let mut digest = [9; 32];
        digest[..2].copy_from_slice(&round.to_be_bytes());
        check.fingerprint = Fingerprint::from_bytes(digest);
        let id = service.pending(&check).await;
        let of = |verb: &str| format!("/v1/approvals/{id}/{verb}");

        leave(&service, &grace, &of("approve"), &json!({}), after).await;
        let (status, said) = service.approve("grace", &id, json!({})).await;
        assert!(status == 200 || status == 409, "{said}");
        let shown = service.show(&id).await;
        assert_eq!(shown["state"], "approved");
        assert_eq!(shown["votes"].as_array().unwrap().len(), 1, "{shown}");

        service.verified(&check, &service.check(&check).await);
        let outcome = json!({
            "approval": id, "use_key": check.use_key, "status": 200, "records": 1, "bytes": 30,
            "lifted": {"name": 1}, "masked": {}, "drift": {}, "end": "complete",
        });
        leave(&service, &gateway, "/v1/outcomes", &outcome, after).await;
        let (status, said) = service.call_gateway("POST", "/v1/outcomes", &outcome).await;
        assert_eq!(status, 204, "{said}");

        let stop = json!({"scope": {"kind": "action", "name": "purge"}});
        leave(&service, &grace, "/v1/stops", &stop, after).await;
        let (status, said) = service.post("grace", "/v1/stops", &stop).await;
        assert!(status == 200 || status == 201, "{said}");
    }
    let rounds = usize::from(rounds);
    assert_eq!(service.count("grant.issued").await, rounds);
    assert_eq!(service.count("grant.used").await, rounds);
    assert_eq!(service.count("release.delivered").await, rounds);
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
