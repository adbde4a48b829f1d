//! Volumes that are full, under the program as a process: small file systems of their own, where the system
//! lets one be mounted.

#[path = "kit/policy.rs"]
mod policy;

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};
use velum_approval::{Fingerprint, UseKey};

use policy::{DIGEST, POLICY};

const CONFIGURATION: &str = include_str!("data/policy-service.toml");
const A_SECOND: Duration = Duration::from_secs(1);

/// A small file system, which goes when this is dropped.
struct Volume(PathBuf);

impl Volume {
    /// None where the system lets nothing be mounted.
    fn mount(at: &Path, kibibytes: u32) -> Option<Volume> {
        Volume::mount_for(at, kibibytes, "0700")
    }

    /// The same for those whom this mode lets in.
    fn mount_for(at: &Path, kibibytes: u32, mode: &str) -> Option<Volume> {
        std::fs::create_dir(at).unwrap();
        let size = format!("size={kibibytes}k,mode={mode}");
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at);
        let mounted = mount.stderr(Stdio::null()).status();
        let is_mounted = mounted.is_ok_and(|status| status.success());
        is_mounted.then(|| Volume(at.to_owned()))
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    /// Takes all the room there is.
    fn fill(&self) {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(self.ballast())
            .unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
        while file.write_all(&[0]).is_ok() {}
    }

    fn empty(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

struct Service {
    child: Child,
    said: Value,
    client: Client,
}

impl Service {
    fn start(folder: &Path, more: &str) -> Service {
        Service::start_on(folder, "", more)
    }

    /// The same on this store.
    fn start_on(folder: &Path, store: &str, more: &str) -> Service {
        std::fs::write(folder.join("policy.yaml"), POLICY).unwrap();
        let limits =
            CONFIGURATION.replace("pending_per_principal = 5", "pending_per_principal = 1000");
        let metrics = "[metrics]\nlisten = \"127.0.0.1:0\"\n\n[lifetimes]";
        // Without a fence no action may ask for it.
        let purge = if more.contains("fence = ") {
            "[actions.purge]\nrelease = \"checkpointed\""
        } else {
            "[actions.purge]"
        };
        let text = limits
            .replacen("[lifetimes]", metrics, 1)
            .replacen("[actions.purge]", purge, 1)
            .replacen("[lifetimes]", &format!("{store}[lifetimes]"), 1);
        std::fs::write(folder.join("service.toml"), format!("{text}\n{more}")).unwrap();
        let log = File::create(folder.join("log")).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_velum-policy-service"))
            .args(["--config".as_ref(), folder.join("service.toml").as_os_str()])
            .arg("--try")
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        Service {
            child,
            said: serde_json::from_str(&line).unwrap(),
            client: Client::builder().no_proxy().build().unwrap(),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.said["listening"].as_str().unwrap())
    }

    /// What a check is answered, and how long that took.
    async fn check(&self, check: &Value) -> (u16, Value, Duration) {
        let token = self.said["gateways"]["edge"].as_str().unwrap();
        let request = self.client.post(self.url("/v1/checks"));
        let begun = Instant::now();
        let answer = request.bearer_auth(token).json(check).send().await.unwrap();
        let took = begun.elapsed();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap(), took)
    }

    async fn approve(&self, person: &str, id: &str) -> u16 {
        let token = self.said["reviewers"][person].as_str().unwrap();
        let url = self.url(&format!("/v1/approvals/{id}/approve"));
        let request = self.client.post(url).bearer_auth(token).json(&json!({}));
        request.send().await.unwrap().status().as_u16()
    }

    /// Asks, and has it approved by these people.
    async fn approved(&self, check: &Value, people: &[&str]) {
        let (status, answer, _) = self.check(check).await;
        assert_eq!(
            (status, &answer["decision"]),
            (200, &json!("pending")),
            "{answer}"
        );
        let id = answer["approval"].as_str().unwrap();
        for person in people {
            assert_eq!(self.approve(person, id).await, 200);
        }
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let token = self.said["reviewers"]["grace"].as_str().unwrap();
        let request = self.client.get(self.url(path)).bearer_auth(token);
        let answer = request.send().await.unwrap();
        (
            answer.status().as_u16(),
            answer.json().await.unwrap_or_default(),
        )
    }

    async fn head_up(&self) -> bool {
        let url = self.said["metrics"].as_str().unwrap();
        let text = self
            .client
            .get(url)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        text.contains("velum_policy_service_log_head_up 1\n")
    }

    /// Waits until the last head is, or is not, one that could be signed.
    async fn until_head_up(&self, is_up: bool) -> Duration {
        let begun = Instant::now();
        while self.head_up().await != is_up {
            assert!(
                begun.elapsed() < Duration::from_secs(15),
                "head up: {}",
                !is_up
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        begun.elapsed()
    }

    /// Waits until every record is under a signed head.
    async fn signed(&self) -> u64 {
        let begun = Instant::now();
        loop {
            let log = self.get("/v1/logs").await.1["logs"][0].clone();
            if log["signed"] == log["size"] {
                return log["size"].as_u64().unwrap();
            }
            assert!(begun.elapsed() < Duration::from_secs(15), "{log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ask(action: &str, request: u8, stream: u128) -> Value {
    let identity = json!({"kind": "jwt", "issuer": "https://idp.example", "subject": "dr-jones"});
    let (method, classes) = match action {
        "purge" => ("DELETE", json!([])),
        _ => ("GET", json!(["name"])),
    };
    json!({
        "use_key": UseKey::from_bytes(stream.to_be_bytes()),
        "principal": identity,
        "lineage": [identity],
        "action": action,
        "method": method,
        "authority": "fhir.example",
        "path": "/Patient/{…}".repeat(20),
        "query": "",
        "resource": "AAAAAAAAAAAAAAAAAAAAAA",
        "fingerprint": Fingerprint::from_bytes([request; 32]),
        "policy": *DIGEST,
        "classes": classes,
        "reason": "heliotrope",
    })
}

/// Leaves a figure for `cargo xtask claims`.
fn figure(test: &str, figure: &str) {
    if let Some(folder) = std::env::var_os("VELUM_FIGURES") {
        let file = Path::new(&folder).join(format!("{test}.txt"));
        std::fs::write(file, format!("{figure}\n")).unwrap();
    }
}

#[expect(clippy::print_stderr, reason = "a test that does not run must say so")]
fn skipped(test: &str) {
    let why = "skipped: no file system can be mounted here (run as root)";
    eprintln!("{test}: {why}");
    figure(test, why);
}

#[tokio::test]
async fn a_full_database_volume_refuses_within_a_second_and_recovers_without_a_restart() {
    let test = "a_full_database_volume_refuses_within_a_second_and_recovers_without_a_restart";
    let folder = tempfile::tempdir().unwrap();
    let Some(volume) = Volume::mount(&folder.path().join("velum-data"), 8 * 1024) else {
        return skipped(test);
    };
    let mut service = Service::start(folder.path(), "");
    let (figures, between) = refuses_and_recovers(&mut service, &volume).await;
    assert_eq!(between, 0, "it took some between");
    figure(test, &figures);
}

#[tokio::test]
async fn a_full_volume_of_a_postgres_server_refuses_within_a_second_and_recovers_without_a_restart()
{
    let test =
        "a_full_volume_of_a_postgres_server_refuses_within_a_second_and_recovers_without_a_restart";
    let folder = tempfile::tempdir().unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).unwrap();
    let at = folder.path().join("volume");
    let Some(volume) = Volume::mount_for(&at, 160 * 1024, "0755") else {
        return skipped(test);
    };
    let server = velum_harness::Postgres::start_in(&at).await.unwrap();
    let url = server.url();
    let store = format!("[store]\nengine = \"postgres\"\nurl = \"{url}\"\n\n");
    let mut service = Service::start_on(folder.path(), &store, "");
    // A page that has room still may take a row or two.
    let (figures, _) = refuses_and_recovers(&mut service, &volume).await;
    figure(test, &figures);
    drop(service);
    drop(server);
}

/// Fills the volume of a service's store, and makes room again; tells what was seen, and how many asks were
/// taken behind one that was not.
async fn refuses_and_recovers(service: &mut Service, volume: &Volume) -> (String, u8) {
    // Approved before, and not used yet.
    let granted = ask("read", 0, 1000);
    service.approved(&granted, &["grace"]).await;
    volume.fill();
    let (mut refused, mut worst, mut taken, mut between) = (0, Duration::ZERO, 0_u8, 0);
    for stream in 0..250_u8 {
        let (status, answer, took) = service
            .check(&ask("read", stream, u128::from(stream)))
            .await;
        assert!(status == 200 || status == 503, "{status}: {answer}");
        assert_ne!(answer["decision"], "allow", "{answer}");
        if status == 503 {
            (refused, worst) = (refused + 1, worst.max(took));
        } else {
            between += u8::from(refused > 0);
            taken += 1;
        }
        if refused == 30 {
            break;
        }
    }
    assert_eq!(refused, 30, "the volume was never full: {taken} were taken");
    assert!(worst < A_SECOND, "{worst:?}");
    let (status, answer, took) = service.check(&granted).await;
    assert_eq!(status, 503, "{answer}");
    assert!(took < A_SECOND, "{took:?}");
    // What is there can be read, and the process is the same.
    assert_eq!(service.get("/v1/approvals").await.0, 200);
    assert!(!service.has_ended());

    volume.empty();
    let begun = Instant::now();
    let (status, answer, _) = service.check(&granted).await;
    let recovered = begun.elapsed();
    assert_eq!(
        (status, &answer["decision"]),
        (200, &json!("allow")),
        "{answer}"
    );
    assert!(!service.has_ended());
    service.signed().await;
    let log = service.get("/v1/audit?limit=1000").await.1;
    let entries = log["entries"].as_array().unwrap();
    let used = |entry: &&Value| entry["leaf"]["type"] == "org.velum.grant.used.v1";
    assert_eq!(entries.iter().filter(used).count(), 1);
    for (index, entry) in entries.iter().enumerate() {
        assert_eq!(entry["index"], index, "the log has a gap");
    }
    let figures = format!(
        "{refused} asks were each 503 within {} ms, and {} ms after there was room one was released; \
         one process",
        worst.as_millis(),
        recovered.as_millis()
    );
    (figures, between)
}

#[tokio::test]
async fn a_full_fence_volume_stops_strict_releases_and_no_others_and_recovers() {
    let test = "a_full_fence_volume_stops_strict_releases_and_no_others_and_recovers";
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("fence");
    let Some(volume) = Volume::mount(&at, 64) else {
        return skipped(test);
    };
    let more = "[audit]\nname = \"audit.example.org/velum\"\nfence = \"fence/fence\"\n";
    let mut service = Service::start(folder.path(), more);
    let size = service.signed().await;
    let strict = ask("purge", 1, 1);
    service.approved(&strict, &["grace", "omar"]).await;
    assert!(service.signed().await > size);
    volume.fill();
    let fenced = std::fs::read_to_string(at.join("fence")).unwrap();
    let (status, answer, strict_took) = service.check(&strict).await;
    assert_eq!(status, 503, "{answer}");
    assert!(strict_took < Duration::from_secs(4), "{strict_took:?}");
    service.until_head_up(false).await;
    // What waits for no head goes on.
    let mut worst = Duration::ZERO;
    for stream in 2..12_u8 {
        let other = ask("read", stream, u128::from(stream));
        service.approved(&other, &["grace"]).await;
        let (status, answer, took) = service.check(&other).await;
        assert_eq!(
            (status, &answer["decision"]),
            (200, &json!("allow")),
            "{answer}"
        );
        worst = worst.max(took);
    }
    assert!(worst < A_SECOND, "{worst:?}");
    assert_eq!(service.get("/readyz").await.0, 200);
    assert_eq!(std::fs::read_to_string(at.join("fence")).unwrap(), fenced);
    let (status, answer, _) = service.check(&strict).await;
    assert_eq!(status, 503, "{answer}");

    volume.empty();
    let recovered = service.until_head_up(true).await;
    let (status, answer, _) = service.check(&strict).await;
    assert_eq!(
        (status, &answer["decision"]),
        (200, &json!("allow")),
        "{answer}"
    );
    assert!(!service.has_ended());
    assert_ne!(std::fs::read_to_string(at.join("fence")).unwrap(), fenced);
    figure(
        test,
        &format!(
            "a strict release was 503 after {} ms, ten others were released within {} ms each; a head again \
             {} ms after there was room; one process",
            strict_took.as_millis(),
            worst.as_millis(),
            recovered.as_millis()
        ),
    );
}
