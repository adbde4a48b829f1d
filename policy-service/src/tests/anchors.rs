//! Heads that leave the machine, and releases that wait for it.

mod lost;
mod noted;
mod peers;

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use velum_approval::{ApprovalId, Check};
use velum_harness::{Authority, Postgres};
use velum_ledger::checkpoint::{SignedCheckpoint, Trust};
use velum_ledger::note::Series;
use velum_ledger::tlog_proof::TlogProof;

use super::log::{bytes, logs, signed};
use super::years;
use crate::clock::Clock;
use crate::testing::{CONFIGURATION, Service, Stopped};
use peers::{Manner, Receiver, Witness};

/// A service with these anchors, all of whose `read` is released at this level.
fn configuration(release: &str, anchors: &[String]) -> String {
    let rule = format!("quorum = 1\nrelease = \"{release}\"");
    format!(
        "{}\n[audit]\nname = \"audit.example.org/velum\"\n{}",
        CONFIGURATION.replacen("quorum = 1", &rule, 1),
        anchors.concat()
    )
}

fn file(name: &str, path: &Path) -> String {
    format!("[[audit.anchors]]\nname = \"{name}\"\nkind = \"file\"\npath = {path:?}\n")
}

/// Waits until what is told of the anchor of this name is so.
async fn anchor(service: &Service, name: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    let until = async {
        loop {
            let logs = logs(service).await;
            let anchors = logs["anchors"].as_array().unwrap();
            last = anchors
                .iter()
                .find(|it| it["name"] == name)
                .unwrap()
                .clone();
            if is_so(&last) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let is_there = tokio::time::timeout(Duration::from_secs(20), until).await;
    is_there.unwrap_or_else(|_| panic!("{name}: {last}"));
    last
}

/// Waits until it has every record.
async fn has_all(service: &Service, name: &str) -> Value {
    let open = signed(service).await;
    let size = open["size"].clone();
    let app = service.running.app.clone();
    // Who is asked for is tried again at once.
    let urged = async {
        loop {
            let waiting = app.parts().log.anchored(u64::MAX - 1);
            let _ = tokio::time::timeout(Duration::from_secs(1), waiting).await;
        }
    };
    tokio::select! {
        anchor = anchor(service, name, |anchor| anchor["size"] == size) => anchor,
        () = urged => unreachable!(),
    }
}

async fn fails(service: &Service, name: &str, fault: &str) -> Value {
    anchor(service, name, |anchor| anchor["fault"] == fault).await
}

/// An approval that was asked for and approved, not yet used.
async fn approved(service: &Service, request: u8) -> (Check, ApprovalId) {
    let check = service.ask(request);
    let id = service.pending(&check).await;
    service.approve("grace", &id, json!({})).await;
    (check, id)
}

async fn trust(service: &Service) -> Trust {
    let log = signed(service).await;
    let key = log["key"].as_str().unwrap().parse().unwrap();
    Trust::new(log["name"].as_str().unwrap(), vec![key]).unwrap()
}

async fn key(service: &Service) -> String {
    logs(service).await["logs"][0]["key"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Waits until the head is served as one that can be believed so.
async fn served(service: &Service, trust: &Trust) -> SignedCheckpoint {
    let until = async {
        loop {
            let head = bytes(service, "/v1/logs/1/checkpoint").await.unwrap();
            match trust.open(&head) {
                Ok(head) => return head,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(15), until)
        .await
        .unwrap()
}

async fn is_refused(service: &Service, check: &Check) {
    let (status, body) = service.check_as(service.gateway(), check, 0).await;
    assert_eq!(status, 503, "{body}");
    assert!(body.get("allow").is_none(), "{body}");
}

async fn is_recovering(service: &Service) {
    let until = async {
        while logs(service).await["is_recovering"] != true {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let is_there = tokio::time::timeout(Duration::from_secs(15), until).await;
    assert!(is_there.is_ok(), "it goes on: {}", logs(service).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_anchor_gets_the_heads_and_a_cosigned_one_is_served_so() {
    let volume = tempfile::tempdir().unwrap();
    let heads = volume.path().join("heads");
    let (witness, second) = (
        Witness::start("w1.example", 11).await,
        Witness::start("w2.example", 12).await,
    );
    let receiver = Receiver::new();
    let (address, _server) = receiver.start().await;
    let stopped = Stopped::new();
    let secret = volume.path().join("secret");
    std::fs::write(&secret, Receiver::secret()).unwrap();
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let webhook = format!(
        "[[audit.anchors]]\nname = \"siem\"\nkind = \"webhook\"\nurl = \"http://{address}/heads\"\nsecret = {secret:?}\n"
    );
    let tables = [
        "anchors_needed = 4\n".to_owned(),
        file("vault", &heads),
        webhook,
        witness.table("w1"),
        second.table("w2"),
    ];
    let service = stopped.start(&configuration("anchored", &tables)).await;
    // Nobody has told them of this log yet.
    fails(&service, "w1", "refused").await;
    for witness in [&witness, &second] {
        witness.trust(&key(&service).await);
    }
    for name in ["vault", "siem", "w1", "w2"] {
        has_all(&service, name).await;
    }
    for request in 0..3 {
        let (check, _) = approved(&service, request).await;
        service.verified(&check, &service.check(&check).await);
    }
    for name in ["vault", "siem", "w1", "w2"] {
        let anchor = has_all(&service, name).await;
        assert_eq!(
            (&anchor["lag"], &anchor["behind_seconds"]),
            (&json!(0), &json!(0))
        );
        assert!(anchor.get("fault").is_none(), "{anchor}");
    }
    let log = trust(&service).await;
    let both = log
        .clone()
        .with_witnesses(vec![witness.key(), second.key()], 2)
        .unwrap();
    let head = served(&service, &both).await;
    // The file has each head that it was told, and ends with this one.
    let series = Series::parse(&std::fs::read(&heads).unwrap());
    assert_eq!((series.pieces, series.is_cut), (0, false));
    let kept: Vec<_> = series
        .notes
        .into_iter()
        .map(|note| log.open_note(note).unwrap())
        .collect();
    assert!(kept.len() > 2);
    assert_eq!(kept.last().unwrap().checkpoint(), head.checkpoint());
    // So has the one that was sent.
    let all = receiver.received();
    let last = &all.last().unwrap();
    assert_eq!(last.seconds, service.clock.now().as_millis() / 1000);
    assert_eq!(last.body["type"], "log.checkpoint");
    assert_eq!(last.body["data"]["size"], head.checkpoint().size());
    let sent = last.body["data"]["checkpoint"].as_str().unwrap();
    assert_eq!(
        log.open(sent.as_bytes()).unwrap().checkpoint(),
        head.checkpoint()
    );
    let ids: std::collections::BTreeSet<_> = all.iter().map(|sent| &sent.id).collect();
    assert_eq!(ids.len(), all.len());
    // A proof has the cosignatures too.
    let proof = bytes(&service, "/v1/logs/1/proofs/2").await.unwrap();
    let proof = TlogProof::parse(&proof).unwrap();
    let leaf = proof.extra().unwrap().to_vec();
    proof.verify(&leaf, &both).unwrap();
    // It outlives a restart, and a head without cosignatures does not hide the last one that has some.
    for witness in [&witness, &second] {
        witness.behave(Manner::Status(500));
    }
    let size = head.checkpoint().size();
    let service = service.restart().await;
    service.pending(&service.ask(9)).await;
    signed(&service).await;
    let head = bytes(&service, "/v1/logs/1/checkpoint").await.unwrap();
    assert!(both.open(&head).is_err());
    let cosigned = bytes(&service, "/v1/logs/1/checkpoint?cosigned=true")
        .await
        .unwrap();
    assert_eq!(both.open(&cosigned).unwrap().checkpoint().size(), size);
    let path = "/v1/logs/1/checkpoint?cosigned=perhaps";
    assert_eq!(service.get("grace", path).await.0, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_and_a_silent_anchor_keep_nothing_from_going_on() {
    let volume = tempfile::tempdir().unwrap();
    let silent = Witness::start("w1.example", 11).await;
    silent.behave(Manner::Silent);
    let dead = Witness::start("w2.example", 12).await;
    let table = dead.table("dead");
    let address = dead.address;
    drop(dead);
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let tables = [
        silent.table("silent"),
        table,
        file("vault", &volume.path().join("heads")),
    ];
    let service = Service::with(&configuration("anchored", &tables)).await;
    for request in 0..3 {
        let (check, _) = approved(&service, request).await;
        let begun = std::time::Instant::now();
        service.verified(&check, &service.check(&check).await);
        assert!(
            begun.elapsed() < Duration::from_millis(1500),
            "{:?}",
            begun.elapsed()
        );
    }
    has_all(&service, "vault").await;
    let dead = fails(&service, "dead", "unreachable").await;
    assert_eq!(dead["size"], 0);
    assert!(dead["lag"].as_u64() > Some(5), "{dead}");
    fails(&service, "silent", "late").await;
    assert_ne!(logs(&service).await["is_recovering"], true);
    service.clock.advance(90_000);
    let dead = fails(&service, "dead", "unreachable").await;
    assert!(dead["behind_seconds"].as_u64() >= Some(90), "{dead}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_an_anchor_is_wanted_nothing_is_released_before_it() {
    let witness = Witness::start("w1.example", 11).await;
    let service = Service::with(&configuration("anchored", &[witness.table("w1")])).await;
    let (check, _) = approved(&service, 1).await;
    signed(&service).await;
    is_refused(&service, &check).await;
    // It is used all the same: the same stream gets it as soon as the anchor has it.
    assert_eq!(service.count("grant.used").await, 1);
    let mut another = service.ask(1);
    another.approval = Some(
        service.log().await.last().unwrap()["data"]["approval"]["id"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap(),
    );
    witness.trust(&key(&service).await);
    has_all(&service, "w1").await;
    service.verified(&check, &service.check(&check).await);
    assert_eq!(service.count("grant.used").await, 1);
    assert_ne!(service.check(&another).await["decision"], "allow");
    // And the next one at once.
    let (check, _) = approved(&service, 2).await;
    let begun = std::time::Instant::now();
    service.verified(&check, &service.check(&check).await);
    assert!(
        begun.elapsed() < Duration::from_millis(1500),
        "{:?}",
        begun.elapsed()
    );
    witness.behave(Manner::Status(503));
    let (check, _) = approved(&service, 3).await;
    is_refused(&service, &check).await;
    witness.behave(Manner::Good);
    has_all(&service, "w1").await;
    service.verified(&check, &service.check(&check).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_anchors_as_are_needed_have_to_have_it() {
    let volume = tempfile::tempdir().unwrap();
    let witness = Witness::start("w1.example", 11).await;
    let tables = [
        "anchors_needed = 2\n".to_owned(),
        file("vault", &volume.path().join("heads")),
        witness.table("w1"),
    ];
    let service = Service::with(&configuration("anchored", &tables)).await;
    let (check, _) = approved(&service, 1).await;
    has_all(&service, "vault").await;
    is_refused(&service, &check).await;
    witness.trust(&key(&service).await);
    has_all(&service, "w1").await;
    service.verified(&check, &service.check(&check).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cosignature_counts_only_when_it_is_the_witnesss_own() {
    let witness = Witness::start("w1.example", 11).await;
    let service = Service::with(&configuration("anchored", &[witness.table("w1")])).await;
    let log = trust(&service).await;
    let whole = log.with_witnesses(vec![witness.key()], 1).unwrap();
    for (request, manner) in [Manner::FalseKey, Manner::FalseText, Manner::Endless]
        .into_iter()
        .enumerate()
    {
        witness.behave(manner);
        witness.trust(&key(&service).await);
        fails(&service, "w1", "bad-answer").await;
        let (check, _) = approved(&service, u8::try_from(request).unwrap()).await;
        is_refused(&service, &check).await;
        let head = bytes(&service, "/v1/logs/1/checkpoint").await.unwrap();
        assert!(whole.open(&head).is_err(), "{manner:?}");
        let cosigned = bytes(&service, "/v1/logs/1/checkpoint?cosigned=true").await;
        assert_eq!(cosigned, None, "{manner:?}");
        witness.behave(Manner::Status(500));
        fails(&service, "w1", "refused").await;
    }
    assert_ne!(logs(&service).await["is_recovering"], true);
    witness.behave(Manner::Good);
    has_all(&service, "w1").await;
    served(&service, &whole).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_witness_that_knows_another_size_is_shown_the_way_from_there() {
    let witness = Witness::start("w1.example", 11).await;
    let service = Service::with(&configuration("committed", &[witness.table("w1")])).await;
    witness.trust(&key(&service).await);
    has_all(&service, "w1").await;
    let before = witness.size();
    // It has the next head, and nobody heard of it.
    witness.behave(Manner::AnswerLost);
    service.pending(&service.ask(1)).await;
    fails(&service, "w1", "refused").await;
    let known = witness.size();
    assert!(known > before);
    service.pending(&service.ask(2)).await;
    signed(&service).await;
    witness.behave(Manner::Good);
    has_all(&service, "w1").await;
    let asked = witness.asked();
    let (conflicts, taken): (Vec<_>, Vec<_>) = asked.iter().partition(|(_, status)| *status == 409);
    assert!(conflicts.contains(&&(before, 409)), "{asked:?}");
    assert_eq!(taken.last().unwrap().1, 200, "{asked:?}");
    assert!(taken.last().unwrap().0 >= known, "{asked:?}");
    assert_ne!(logs(&service).await["is_recovering"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_is_called_over_tls_and_only_who_is_believed() {
    let authority = Authority::new().unwrap();
    let other = Authority::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
        path
    };
    let certificate = authority.server().unwrap();
    let files = crate::config::TlsFiles {
        certificate: write("service.pem", &certificate.certificate),
        key: write("service.key", &certificate.key),
        client_ca: None,
    };
    let mut tls = crate::tls::Tls::open(files).unwrap();
    let receiver = Receiver::new();
    let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = tcp.local_addr().unwrap().port();
    let (close, closing) = tokio::sync::watch::channel(false);
    let listener = crate::server::Listener {
        tcp,
        router: receiver.router.clone(),
        tls: Some(tls.listener(crate::tls::Asks::Nobody).unwrap()),
        bounds: crate::server::Bounds::default(),
    };
    let server = tokio::spawn(crate::server::run(listener, closing));
    let secret = write("secret", &Receiver::secret());
    let table = |name: &str, host: &str, ca: &str| {
        format!(
            "[[audit.anchors]]\nname = \"{name}\"\nkind = \"webhook\"\nurl = \"https://{host}:{port}/heads\"\n\
             secret = {secret:?}\n{ca}"
        )
    };
    let ca = |name: &str, authority: &Authority| {
        format!("ca = {:?}\n", write(name, &authority.certificate()))
    };
    for (table, expected) in [
        (table("siem", "localhost", &ca("ca.pem", &authority)), true),
        (table("siem", "127.0.0.1", &ca("ca.pem", &authority)), false),
        (table("siem", "localhost", &ca("other.pem", &other)), false),
        (table("siem", "localhost", ""), false),
    ] {
        let before = receiver.received().len();
        let service = Service::with(&configuration("committed", &[table])).await;
        if expected {
            has_all(&service, "siem").await;
            assert!(receiver.received().len() > before);
        } else {
            fails(&service, "siem", "unreachable").await;
            assert_eq!(receiver.received().len(), before);
        }
    }
    let _ = close.send(true);
    server.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_does_not_tell_anchors_knows_what_they_have() {
    let server = Postgres::start().await.unwrap();
    let volume = tempfile::tempdir().unwrap();
    let store = format!(
        "[store]\nengine = \"postgres\"\nurl = \"{}\"\n\n[lifetimes]",
        server.url()
    );
    let tables = [file("vault", &volume.path().join("heads"))];
    let configuration = configuration("anchored", &tables).replacen("[lifetimes]", &store, 1);
    let one = Service::with(&configuration).await;
    let other = Service::beside(&one, &configuration).await;
    for (request, service) in [(1, &one), (2, &other), (3, &one), (4, &other)] {
        let (check, _) = approved(service, request).await;
        // Should it take longer than it may, the same stream gets it then.
        let (mut answer, mut tries) = (Value::Null, 0);
        while answer["decision"] != "allow" {
            tries += 1;
            assert!(tries < 10, "{answer}");
            answer = service.check_as(service.gateway(), &check, 0).await.1;
        }
        service.verified(&check, &answer);
    }
    has_all(&one, "vault").await;
    has_all(&other, "vault").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_anchors_file_goes_on_with_the_next_years_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("heads");
    let configuration = configuration("anchored", &[file("vault", &path)]);
    let service = years::before_new_year(&configuration, 2_000).await;
    let release = async |service: &Service, request: u8| {
        let (check, _) = approved(service, request).await;
        service.verified(&check, &service.check(&check).await);
    };
    release(&service, 1).await;
    service.clock.advance(3_000);
    years::rolled(&service).await;
    release(&service, 2).await;
    years::verify(&service).await;
    let origins = || {
        let notes = Series::parse(&std::fs::read(&path).unwrap()).notes;
        let lines = notes
            .into_iter()
            .filter_map(|note| note.text().lines().next().map(str::to_owned));
        let mut lines: Vec<_> = lines.collect();
        lines.dedup();
        lines
    };
    let names = [
        "audit.example.org/velum/2026",
        "audit.example.org/velum/2027",
    ];
    assert_eq!(origins(), names);
    // A start compares it with the log that it is of.
    let service = service.restart().await;
    release(&service, 3).await;
    assert_eq!(logs(&service).await["is_recovering"], false);
}
