//! A signer in the place of the key file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::log::{configuration, copy, fault, logs, signed, verified};
use super::recovered::first;
use super::years;
use crate::random::SystemRandom;
use crate::testing::{Service, Stopped};
use crate::{Config, RunningSigner, SignerConfig, run_signer};

/// A signer's folder, beside which a service may be.
struct Beside {
    folder: tempfile::TempDir,
}

impl Beside {
    fn new() -> Beside {
        let folder = tempfile::tempdir().unwrap();
        Beside { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn signer(&self) -> RunningSigner {
        let text =
            "socket = \"signer.sock\"\nname = \"audit.example.org/velum\"\ndata = \"signer\"";
        let config = SignerConfig::from_toml(text, self.path()).unwrap();
        run_signer(&config, &SystemRandom).unwrap()
    }

    fn heads(&self) -> PathBuf {
        self.path().join("signer/heads/2026")
    }

    fn configuration(&self) -> String {
        let socket = self.path().join("signer.sock");
        let metrics = "[metrics]\nlisten = \"127.0.0.1:0\"\n\n[lifetimes]";
        let with_metrics = configuration(self.path()).replacen("[lifetimes]", metrics, 1);
        format!("{with_metrics}signer = {socket:?}\n")
    }

    fn strict(&self) -> String {
        let strict = "quorum = 1\nrelease = \"checkpointed\"";
        self.configuration().replacen("quorum = 1", strict, 1)
    }
}

async fn release(service: &Service, request: u8) {
    let check = service.ask(request);
    let id = service.pending(&check).await;
    service.approve("grace", &id, json!({})).await;
    service.verified(&check, &service.check(&check).await);
}

async fn head_up(service: &Service) -> bool {
    let address = service.running.metrics_address.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("http://{address}/metrics")).send();
    let text = answer.await.unwrap().text().await.unwrap();
    text.contains("velum_policy_service_log_head_up 1\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_signer_a_log_stands_still_and_what_waits_for_it_too() {
    let beside = Beside::new();
    // The first record of a log has the key: it does not begin without one.
    let refusal = Stopped::new().refusal(&beside.strict()).await;
    assert!(refusal.contains("the signer: "), "{refusal}");
    let signer = beside.signer();
    let service = Service::with(&beside.strict()).await;
    let check = service.ask(1);
    let id = service.pending(&check).await;
    service.approve("grace", &id, json!({})).await;
    service.verified(&check, &service.check(&check).await);
    verified(&service, &[]).await;
    assert!(head_up(&service).await);
    // The service has no key of its log.
    let data = service.folder.path().join("velum-data");
    assert!(data.join("signing.key").exists() && !data.join("log.key").exists());

    drop(signer);
    let check = service.ask(2);
    let id = service.pending(&check).await;
    service.approve("grace", &id, json!({})).await;
    let before = std::fs::read_to_string(beside.heads()).unwrap();
    let (status, body) = service.check_as(service.gateway(), &check, 0).await;
    assert_eq!(status, 503, "{body}");
    assert!(body.get("allow").is_none(), "{body}");
    assert!(fault(&service).await.starts_with("the signer: "));
    assert!(!head_up(&service).await);
    let (status, body) = service.get("grace", "/readyz").await;
    assert_eq!(status, 200, "what needs no head goes on");
    assert!(body.to_string().contains("no head"), "{body}");
    assert_eq!(std::fs::read_to_string(beside.heads()).unwrap(), before);

    // What waits for no head is released, also by a service that starts without its signer.
    let service = service.restart_with(&beside.configuration()).await;
    let other = service.ask(3);
    let id = service.pending(&other).await;
    service.approve("grace", &id, json!({})).await;
    service.verified(&other, &service.check(&other).await);

    // When it is there again the log goes on, and the stream gets what was its own.
    let _signer = beside.signer();
    signed(&service).await;
    let service = service.restart_with(&beside.strict()).await;
    service.verified(&check, &service.check(&check).await);
    verified(&service, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_year_ends_under_a_signer_which_signs_the_next_log_too() {
    let beside = Beside::new();
    let _signer = beside.signer();
    let service = years::before_new_year(&beside.strict(), 2_000).await;
    release(&service, 1).await;
    service.clock.advance(3_000);
    let rolled = years::rolled(&service).await;
    // What wants a head gets one of the new log.
    release(&service, 2).await;
    years::verify(&service).await;
    assert!(beside.path().join("signer/heads/2027").exists());
    let key = |log: usize| rolled[log]["key"].as_str().unwrap().to_owned();
    let public = |key: &str| key.rsplit_once('+').map(|(_, key)| key.to_owned());
    assert_eq!(public(&key(0)), public(&key(1)));
    assert_eq!(logs(&service).await["fault"], serde_json::Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_signers_key_is_exchanged_while_the_service_runs() {
    let beside = Beside::new();
    let signer = beside.signer();
    let service = Service::with(&beside.configuration()).await;
    signed(&service).await;
    drop(signer);
    let data = beside.path().join("signer");
    std::fs::rename(data.join("log.key"), data.join("log-previous.key")).unwrap();
    velum_policy_key(&data);
    let signer = beside.signer();
    let exchanged = async {
        while service.count("log.key-rotated").await == 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(15), exchanged)
        .await
        .unwrap();
    let log = signed(&service).await;
    assert_eq!(log["keys"].as_array().unwrap().len(), 2, "{log}");
    verified(&service, &[]).await;
    drop(signer);
    std::fs::remove_file(data.join("log-previous.key")).unwrap();
    let _signer = beside.signer();
    service.pending(&service.ask(1)).await;
    verified(&service, &[]).await;
    assert_eq!(service.count("log.key-rotated").await, 1);
}

/// A key where one was: a signer that has signed makes none.
fn velum_policy_key(folder: &Path) {
    crate::keys::LogSeeds::open(folder, &SystemRandom).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signer_that_has_signed_more_than_there_is_stops_the_service() {
    let beside = Beside::new();
    let _signer = beside.signer();
    let service = Service::with(&beside.configuration()).await;
    signed(&service).await;
    let stands = std::fs::read_to_string(beside.heads()).unwrap();
    let mut lines = stands.lines();
    let (name, size) = (lines.next().unwrap(), lines.next().unwrap());
    let size: u64 = size.parse().unwrap();
    let root = lines.next().unwrap();
    std::fs::write(beside.heads(), format!("{name}\n{}\n{root}\n", size + 9)).unwrap();
    service.pending(&service.ask(1)).await;
    assert!(fault(&service).await.contains("its signer"));
    assert_eq!(logs(&service).await["is_recovering"], true);
    let (status, _) = service
        .check_as(service.gateway(), &service.ask(2), 0)
        .await;
    assert_eq!(status, 503);
    // And at the next start.
    let service = service.restart().await;
    assert_eq!(logs(&service).await["is_recovering"], true);
}

#[test]
fn a_signer_signs_for_a_name() {
    let text = format!(
        "{}\n[audit]\nsigner = \"signer.sock\"\n",
        crate::testing::CONFIGURATION
    );
    let error = Config::from_toml(&text, Path::new("/nowhere")).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("audit.signer: it needs audit.name"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recovery_goes_on_from_what_the_signer_has_signed_also_in_a_year_that_was_lost() {
    let beside = Beside::new();
    let _signer = beside.signer();
    // Without a fence: the signer alone knows.
    let configuration = beside.configuration();
    let lines = configuration
        .lines()
        .filter(|line| !line.starts_with("fence"));
    let configuration = lines.collect::<Vec<_>>().join("\n") + "\n";
    let service = years::before_new_year(&configuration, 2_000).await;
    release(&service, 1).await;
    signed(&service).await;
    let stopped = service.stop().await;
    let (data, backup) = (stopped.data(), tempfile::tempdir().unwrap());
    copy(&data, backup.path());
    let service = stopped.start(&configuration).await;
    release(&service, 2).await;
    service.clock.advance(3_000);
    years::rolled(&service).await;
    release(&service, 3).await;
    let size = signed(&service).await["size"].as_u64();
    let stopped = service.stop().await;
    std::fs::remove_dir_all(&data).unwrap();
    copy(backup.path(), &data);

    let service = stopped.start(&configuration).await;
    assert_eq!(logs(&service).await["is_recovering"], true);
    let stopped = service.stop().await;
    let done = stopped.recover(&configuration, "grace").await.unwrap();
    // Not a log of the old year, which would have to be recovered again as soon as this one's began.
    assert!(done.contains("velum/2027-r1 is open"), "{done}");
    let service = stopped.start(&configuration).await;
    release(&service, 4).await;
    verified(&service, &[]).await;
    let first = first(&service, 3).await;
    assert_eq!(first["previous"]["name"], "audit.example.org/velum/2027");
    assert!(first["previous"]["size"].as_u64() >= size, "{first}");
    let all = logs(&service).await;
    assert_eq!(all["is_recovering"], false, "{all}");
    assert_eq!(all.get("fault"), None, "{all}");
}
