//! Other tools are told that an approval has changed.

mod receiver;

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use velum_approval::{ApprovalId, Lineage};
use velum_harness::{Authority, Postgres};

use super::replicas;
use crate::clock::Clock;
use crate::store::MoveWebhook;
use crate::testing::{CONFIGURATION, Service, classes, identity, reason};
use crate::webhooks::{Failure, Standing};
use receiver::{Receiver, SILENT, Sent, secret};

/// Its table in the configuration.
fn table(name: &str, url: &str, secret: &Path) -> String {
    format!("\n[[webhooks]]\nname = \"{name}\"\nurl = \"{url}\"\nsecret = {secret:?}\n")
}

/// A receiver, and the configuration of a service that tells it.
pub(super) async fn one(folder: &Path) -> (Receiver, String) {
    let receiver = Receiver::new(3);
    let (address, _) = receiver.start().await;
    let url = format!("http://{address}/told");
    let table = table("desk", &url, &secret(folder, 3));
    (receiver, format!("{CONFIGURATION}{table}"))
}

fn standing(service: &Service) -> Standing {
    let webhooks = &service.running.app.parts().webhooks;
    webhooks.standings().next().unwrap().1
}

async fn fails(service: &Service, failure: Failure) {
    let until = async {
        while standing(service).failure != Some(failure) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let has_failed = tokio::time::timeout(Duration::from_secs(15), until).await;
    assert!(has_failed.is_ok(), "{:?}", standing(service));
    // By then it is known when to try again: a clock that is moved before would put that off.
    tokio::time::sleep(Duration::from_millis(50)).await;
}

/// The changes of approvals that the log has, as they are told.
async fn expected(service: &Service) -> Vec<Value> {
    let log = service.log().await.into_iter();
    let told = log.filter_map(|leaf| {
        let kind = leaf["type"].as_str().unwrap().to_owned();
        let kind = kind.strip_prefix("org.velum.").unwrap();
        let name = match kind.strip_suffix(".v1").unwrap() {
            "vote.approved" | "vote.taken-back" => "voted",
            "vote.denied" | "grant.empty" => "denied",
            "grant.issued" => "approved",
            "grant.used" | "emergency.used" => "used",
            "grant.revoked" => "revoked",
            "release.delivered" | "release.drifted" | "release.cut" => "released",
            "vote.refused" | "grant.refused" | "approval.refused" => return None,
            other => other.strip_prefix("approval.")?,
        };
        let mut told = json!({"type": format!("approval.{name}"), "timestamp": leaf["time"]});
        let approval = &leaf["data"]["approval"];
        told["data"] = json!({"approval": approval["id"], "action": "read"});
        for member in ["state", "version"] {
            if let Some(value) = approval.get(member) {
                told["data"][member] = value.clone();
            }
        }
        Some(told)
    });
    told.collect()
}

fn bodies(sent: &[Sent]) -> Vec<Value> {
    sent.iter().map(|sent| sent.body.clone()).collect()
}

/// Five approvals, with all that becomes of them.
async fn many_changes(service: &Service) {
    let mut check = service.ask(1);
    let id = service.pending(&check).await;
    let question = json!({"comment": "why all of it?"});
    let path = format!("/v1/approvals/{id}/question");
    assert_eq!(service.post("grace", &path, &question).await.0, 200);
    check.reason = Some(reason("discharge summary"));
    service.pending(&check).await;
    // A vote that is refused changes nothing.
    assert_eq!(service.approve("dr-jones", &id, json!({})).await.0, 403);
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    service.verified(&check, &service.check(&check).await);
    let outcome = json!({
        "approval": id, "use_key": check.use_key, "status": 200, "records": 1, "bytes": 300,
        "lifted": {"name": 2}, "masked": {}, "drift": {}, "end": "complete",
    });
    let sent = service.call_gateway("POST", "/v1/outcomes", &outcome).await;
    assert_eq!(sent.0, 204, "{}", sent.1);
    let denied = service.pending(&service.ask(2)).await;
    assert_eq!(service.deny("omar", &denied, json!({})).await.0, 200);
    let revoked = service.pending(&service.ask(3)).await;
    assert_eq!(service.approve("grace", &revoked, json!({})).await.0, 200);
    let path = format!("/v1/approvals/{revoked}/revoke");
    assert_eq!(service.post("grace", &path, &json!({})).await.0, 200);
    let withdrawn = service.pending(&service.ask(4)).await;
    let path = format!("/v1/approvals/{withdrawn}/withdrawal");
    let principal = json!({"principal": identity("triage-bot")});
    let answer = service.call_gateway("POST", &path, &principal).await;
    assert_eq!(answer.0, 204);
    service.pending(&service.ask(5)).await;
    service.clock.advance(15 * 60 * 1000 + 1);
    while service.count("approval.expired").await == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_of_an_approval_is_told_once_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (receiver, configuration) = one(folder.path()).await;
    let service = Service::with(&configuration).await;
    many_changes(&service).await;
    let expected = expected(&service).await;
    let sent = receiver.until(expected.len()).await;
    assert_eq!(bodies(&sent), expected);
    let kinds: std::collections::BTreeSet<_> = expected
        .iter()
        .map(|body| body["type"].as_str().unwrap())
        .collect();
    let all = [
        "approved",
        "cancelled",
        "denied",
        "expired",
        "explained",
        "questioned",
        "released",
        "requested",
        "revoked",
        "used",
    ];
    let all = all.map(|name| format!("approval.{name}"));
    assert!(kinds.into_iter().eq(all.iter()), "{expected:?}");
    let ids: std::collections::BTreeSet<_> = sent.iter().map(|sent| &sent.id).collect();
    assert_eq!(ids.len(), sent.len());
    for sent in &sent {
        assert_eq!((sent.status, sent.path.as_str()), (204, "/told"));
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(receiver.sent().len(), expected.len());
    assert_eq!(standing(&service).failed, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vote_that_does_not_decide_yet_is_told_too() {
    let folder = tempfile::tempdir().unwrap();
    let (receiver, configuration) = one(folder.path()).await;
    let service = Service::with(&configuration).await;
    let mut ask = service.ask(1);
    ask.action = "purge".parse().unwrap();
    ask.method = "DELETE".to_owned();
    ask.classes = classes(&[]);
    ask.principal = identity("dr-jones");
    ask.lineage = Lineage::new(vec![identity("dr-jones")]).unwrap();
    let id = service.pending(&ask).await;
    for person in ["omar", "grace"] {
        assert_eq!(service.approve(person, &id, json!({})).await.0, 200);
    }
    let told: Vec<_> = receiver
        .until(3)
        .await
        .iter()
        .map(|sent| {
            (
                sent.body["type"].clone(),
                sent.body["data"]["action"].clone(),
            )
        })
        .collect();
    let names = ["requested", "voted", "approved"];
    let names = names.map(|name| (json!(format!("approval.{name}")), json!("purge")));
    assert_eq!(told, names);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_there_is_an_inbox_an_event_has_the_page_of_its_approval() {
    let folder = tempfile::tempdir().unwrap();
    let (receiver, configuration) = one(folder.path()).await;
    let inbox = "\n[inbox]\nurl = \"http://localhost:8470\"\n";
    let service = Service::with(&format!("{configuration}{inbox}")).await;
    let id = service.pending(&service.ask(1)).await;
    let sent = receiver.until(1).await;
    let page = format!("http://localhost:8470/approvals/{id}");
    assert_eq!(sent[0].body["type"], "approval.requested");
    assert_eq!(sent[0].body["data"]["url"], page);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_taken_is_sent_again_with_the_same_id_and_the_next_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let (receiver, configuration) = one(folder.path()).await;
    receiver.behave(503);
    let service = Service::with(&configuration).await;
    let id = service.pending(&service.ask(1)).await;
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    receiver.until(1).await;
    fails(&service, Failure::Refused).await;
    service.clock.advance(4_900);
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(receiver.sent().len(), 1, "before its time");
    service.clock.advance(1_200);
    receiver.until(2).await;
    while standing(&service).failed < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    fails(&service, Failure::Refused).await;
    service.clock.advance(299_000);
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(receiver.sent().len(), 2, "before its time");
    receiver.behave(204);
    let before = standing(&service);
    assert_eq!((before.delivered, before.failed), (0, 2));
    service.clock.advance(62_000);
    let sent = receiver.until(4).await;
    assert_eq!(sent[0].body["type"], "approval.requested");
    assert_eq!(sent[3].body["type"], "approval.approved");
    for again in &sent[1..3] {
        assert_eq!((&again.id, &again.body), (&sent[0].id, &sent[0].body));
        // What the receiver judges the age by is the attempt's.
        assert!(again.seconds > sent[0].seconds + 4);
    }
    assert_eq!(sent[2].seconds, service.clock.now().as_millis() / 1000);
    assert_ne!(sent[3].id, sent[0].id);
    let now = standing(&service);
    assert_eq!((now.failure, now.failed), (None, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_ten_attempts_an_event_is_given_up_and_the_next_one_goes() {
    let folder = tempfile::tempdir().unwrap();
    let (receiver, configuration) = one(folder.path()).await;
    receiver.behave(500);
    let service = Service::with(&configuration).await;
    let id = service.pending(&service.ask(1)).await;
    assert_eq!(service.deny("grace", &id, json!({})).await.0, 200);
    let minutes = [1, 5, 30, 120, 300, 600, 840, 1200, 1440];
    for (attempts, minutes) in (1..).zip(minutes) {
        receiver.until(attempts).await;
        while standing(&service).failed < attempts as u64 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        fails(&service, Failure::Refused).await;
        service.clock.advance(minutes * 60_000 * 5 / 4);
    }
    let sent = receiver.until(11).await;
    assert!(sent[..10].iter().all(|again| again.id == sent[0].id));
    assert_ne!(sent[10].id, sent[0].id);
    assert_eq!(sent[10].body["type"], "approval.denied");
    assert_eq!(standing(&service).given_up, 1);
    // It is never told it, also after a restart.
    receiver.behave(204);
    let service = service.restart().await;
    let sent = receiver.until(12).await;
    assert_eq!((&sent[11].id, sent[11].status), (&sent[10].id, 204));
    drop(service);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_gone_is_told_nothing_before_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (receiver, configuration) = one(folder.path()).await;
    receiver.behave(410);
    let service = Service::with(&configuration).await;
    service.pending(&service.ask(1)).await;
    fails(&service, Failure::Gone).await;
    receiver.behave(204);
    service.pending(&service.ask(2)).await;
    service.clock.advance(3_600_000);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(receiver.sent().len(), 1);
    let service = service.restart().await;
    receiver.until(3).await;
    let expected = expected(&service).await;
    assert_eq!(bodies(&receiver.taken())[..2], expected[..2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_is_a_failure_and_nobody_goes_there() {
    let folder = tempfile::tempdir().unwrap();
    let (receiver, configuration) = one(folder.path()).await;
    let service = Service::with(&configuration).await;
    for status in [301, 302, 303, 307, 308] {
        receiver.behave(status);
        let before = receiver.sent().len();
        service
            .pending(&service.ask(u8::try_from(status - 300).unwrap()))
            .await;
        receiver.until(before + 1).await;
        fails(&service, Failure::Redirected).await;
        receiver.behave(204);
        service.clock.advance(360_000);
        while standing(&service).failure.is_some() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    assert!(receiver.sent().iter().all(|sent| sent.path == "/told"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_goes_on_where_it_was_and_a_new_endpoint_begins_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let (receiver, configuration) = one(folder.path()).await;
    let service = Service::with(CONFIGURATION).await;
    service.pending(&service.ask(1)).await;
    let service = service.restart_with(&configuration).await;
    service.pending(&service.ask(2)).await;
    receiver.until(1).await;
    while standing(&service).delivered < 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    receiver.behave(503);
    let third = service.pending(&service.ask(3)).await;
    receiver.until(2).await;
    let service = service.restart().await;
    receiver.until(3).await;
    receiver.behave(204);
    let service = service.restart().await;
    assert_eq!(service.deny("grace", &third, json!({})).await.0, 200);
    receiver.until(5).await;
    let expected = expected(&service).await;
    assert_eq!(bodies(&receiver.taken()), expected[1..]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_does_not_answer_delays_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (receiver, configuration) = one(folder.path()).await;
    let silent = Receiver::new(4);
    silent.behave(SILENT);
    let (address, _) = silent.start().await;
    let url = format!("http://{address}/");
    let silent_table = table("silent", &url, &secret(folder.path(), 4));
    let service = Service::with(&format!("{configuration}{silent_table}")).await;
    let begun = Instant::now();
    for request in 1..=3 {
        let check = service.ask(request);
        let id = service.pending(&check).await;
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
        service.verified(&check, &service.check(&check).await);
    }
    receiver.until(9).await;
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    silent.until(1).await;
    let begun = Instant::now();
    service.stop().await;
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_its_secret_is_exchanged_an_endpoint_believes_either() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (Receiver::new(3), Receiver::new(4));
    let mut tables = String::new();
    for (name, receiver) in [("old", &old), ("new", &new)] {
        let url = format!("http://{}/", receiver.start().await.0);
        let (present, previous) = (secret(folder.path(), 4), secret(folder.path(), 3));
        let previous = format!("previous_secret = {previous:?}\n");
        tables += &(table(name, &url, &present) + &previous);
    }
    let service = Service::with(&format!("{CONFIGURATION}{tables}")).await;
    service.pending(&service.ask(1)).await;
    for receiver in [&old, &new] {
        assert_eq!(receiver.until(1).await[0].status, 204);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_leads_into_this_network_is_not_called_unless_that_is_meant() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new().unwrap();
    let certificate = authority.server().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
        path
    };
    let files = crate::config::TlsFiles {
        certificate: write("service.pem", &certificate.certificate),
        key: write("service.key", &certificate.key),
        client_ca: None,
    };
    let mut tls = crate::tls::Tls::open(files).unwrap();
    let receiver = Receiver::new(3);
    let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = tcp.local_addr().unwrap().port();
    let (close, closing) = tokio::sync::watch::channel(false);
    let listener = crate::server::Listener {
        tcp,
        router: receiver.router(),
        tls: Some(tls.listener(crate::tls::Asks::Nobody).unwrap()),
        bounds: crate::server::Bounds::default(),
    };
    let server = tokio::spawn(crate::server::run(listener, closing));
    let url = format!("https://localhost:{port}/told");
    let table = table("desk", &url, &secret(folder.path(), 3));
    let ca = write("ca.pem", &authority.certificate());
    let table = format!("{CONFIGURATION}{table}ca = {ca:?}\n");
    let service = Service::with(&table).await;
    service.pending(&service.ask(1)).await;
    fails(&service, Failure::Private).await;
    assert_eq!(receiver.sent().len(), 0);
    let service = service
        .restart_with(&format!("{table}private_network = true\n"))
        .await;
    let sent = receiver.until(1).await;
    assert_eq!(sent[0].status, 204);
    assert_eq!(bodies(&sent), expected(&service).await);
    let _ = close.send(true);
    server.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_anybody_wrote_and_nobodys_name_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (receiver, configuration) = one(folder.path()).await;
    let bot = "subject = \"triage-bot\"";
    assert!(configuration.contains(bot));
    let canaries = [
        "Thistlewood-bot",
        "Thistlewood-path",
        "Thistlewood-query",
        "thistlewood-host.example",
        "Thistlewood-reason",
        "Thistlewood-again",
        "Thistlewood-comment",
        "Thistlewood-public",
        "Thistlewood-question",
        "000-12-3456",
        "MRN-7700131",
    ];
    let configuration = configuration.replace(bot, &bot.replace("triage-bot", canaries[0]));
    let service = Service::with(&configuration).await;
    let mut checks = Vec::new();
    for request in 1..=2 {
        let mut check = service.ask(request);
        check.principal = identity(canaries[0]);
        check.lineage = Lineage::new(vec![identity(canaries[0]), identity("dr-jones")]).unwrap();
        check.path = format!("/{}/{}", canaries[1], canaries[9]);
        check.query = format!("{}={}", canaries[2], canaries[10]);
        check.authority = canaries[3].to_owned();
        let text = format!("{} {} {}", canaries[4], canaries[9], canaries[10]);
        check.reason = Some(reason(&text));
        let id = service.pending(&check).await;
        let question = json!({"comment": canaries[8]});
        let path = format!("/v1/approvals/{id}/question");
        assert_eq!(service.post("grace", &path, &question).await.0, 200);
        check.reason = Some(reason(canaries[5]));
        service.pending(&check).await;
        checks.push((check, id));
    }
    let (check, id) = &checks[0];
    let words = json!({"comment": canaries[6]});
    assert_eq!(service.approve("grace", id, words).await.0, 200);
    service.verified(check, &service.check(check).await);
    let words = json!({"comment": canaries[6], "public_reason": canaries[7]});
    assert_eq!(service.deny("omar", &checks[1].1, words).await.0, 200);
    let expected = expected(&service).await;
    assert_eq!(expected.len(), 9);
    let sent = receiver.until(expected.len()).await;
    assert_eq!(bodies(&sent), expected);
    let names = [
        "grace",
        "omar",
        "dr-jones",
        "triage-bot",
        "edge",
        "thistlewood",
    ];
    for sent in &sent {
        let raw = sent.raw.to_lowercase();
        for word in canaries
            .iter()
            .map(|it| it.to_lowercase())
            .chain(names.map(str::to_owned))
        {
            assert!(!raw.contains(&word), "{word} in {raw}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_services_one_tells_and_the_other_goes_on_where_it_was() {
    let server = Postgres::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::new(3);
    let url = format!("http://{}/told", receiver.start().await.0);
    let table = table("desk", &url, &secret(folder.path(), 3));
    let configuration = replicas::configuration(&server) + &table;
    let first = Service::with(&configuration).await;
    let other = Service::beside(&first, &configuration).await;
    let decide = async |service: &Service, id: &ApprovalId| {
        assert_eq!(service.approve("grace", id, json!({})).await.0, 200);
    };
    for (request, by) in (1..).zip([&first, &other, &other, &first]) {
        let id = by.pending(&by.ask(request)).await;
        decide(if request % 2 == 0 { &first } else { &other }, &id).await;
    }
    let sent = receiver.until(8).await;
    assert_eq!(bodies(&sent), expected(&first).await);
    first.stop().await;
    for request in 5..=6 {
        let id = other.pending(&other.ask(request)).await;
        decide(&other, &id).await;
    }
    // What was taken as the first one ended may come again, as itself.
    let taken = async || {
        loop {
            let mut taken = receiver.taken();
            taken.dedup_by(|one, before| one.id == before.id);
            if taken.len() >= 12 {
                return taken;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let taken = tokio::time::timeout(Duration::from_secs(20), taken()).await;
    assert_eq!(bodies(&taken.unwrap()), expected(&other).await);
}

#[tokio::test]
async fn how_far_an_endpoint_is_moves_only_from_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (_, configuration) = one(folder.path()).await;
    let service = Service::with(&configuration).await;
    let store = service.running.app.store();
    let begun = store.webhook("desk").await.unwrap().unwrap();
    let step = |from, to| MoveWebhook {
        name: "desk".to_owned(),
        from,
        to,
    };
    assert!(store.write(step(begun, begun + 7)).await.unwrap());
    assert!(!store.write(step(begun, begun + 9)).await.unwrap());
    assert_eq!(store.webhook("desk").await.unwrap(), Some(begun + 7));
    assert_eq!(store.webhook("none").await.unwrap(), None);
}
