//! A disk whose flushes fail: what was not made durable is not acknowledged, and a service does not go on as if all
//! were well. A small library before the C library's has `fsync` and `fdatasync` of the store's files fail.

#[path = "kit/policy.rs"]
mod policy;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};
use velum_approval::{Fingerprint, UseKey};

use policy::{DIGEST, POLICY};

const CONFIGURATION: &str = include_str!("data/policy-service.toml");

/// Fails the next flush of a file of the store where `$VELUM_FLUSH.once` exists, which goes by it, and every one
/// where `$VELUM_FLUSH.always` does.
const LIBRARY: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fails(int file) {
    const char *where = getenv("VELUM_FLUSH");
    char link[64], name[4096], path[4096];
    if (where == NULL) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, name, sizeof name - 1);
    if (length < 0) return 0;
    name[length] = 0;
    if (strstr(name, "velum.sqlite") == NULL) return 0;
    snprintf(path, sizeof path, "%s.once", where);
    int is_to_fail = unlink(path) == 0;
    snprintf(path, sizeof path, "%s.always", where);
    is_to_fail |= access(path, F_OK) == 0;
    if (is_to_fail) errno = EIO;
    return is_to_fail;
}

int fsync(int file) {
    if (fails(file)) return -1;
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(file);
}

int fdatasync(int file) {
    if (fails(file)) return -1;
    return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(file);
}
"#;

/// A folder with the library and with what makes flushes fail.
struct Disk(tempfile::TempDir);

impl Disk {
    fn new() -> Disk {
        let folder = tempfile::tempdir().unwrap();
        let (source, library) = (
            folder.path().join("flush.c"),
            folder.path().join("flush.so"),
        );
        std::fs::write(&source, LIBRARY).unwrap();
        // The compiler that SQLite is built with.
        let mut compiler = Command::new("cc");
        let compiler = compiler.args(["-shared", "-fPIC", "-o"]).arg(&library);
        let ended = compiler.arg(&source).arg("-ldl").status().unwrap();
        assert!(ended.success(), "{ended}");
        Disk(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The next flush fails.
    fn fail_once(&self) {
        File::create(self.path("flush.once")).unwrap();
    }

    /// Returns when it has.
    async fn has_failed(&self) {
        let begun = Instant::now();
        while self.path("flush.once").exists() {
            assert!(
                begun.elapsed() < Duration::from_secs(10),
                "nothing was flushed"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// None works any more, or all do.
    fn fail_always(&self, fails: bool) {
        if fails {
            File::create(self.path("flush.always")).unwrap();
        } else {
            std::fs::remove_file(self.path("flush.always")).unwrap();
        }
    }
}

struct Service {
    child: Child,
    said: Value,
    client: Client,
}

impl Service {
    fn start(disk: &Disk) -> Service {
        let folder = disk.0.path();
        std::fs::write(folder.join("policy.yaml"), POLICY).unwrap();
        std::fs::write(folder.join("service.toml"), CONFIGURATION).unwrap();
        let mut log = File::options();
        let log = log.create(true).append(true).open(disk.path("log"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_velum-policy-service"))
            .args(["--config".as_ref(), folder.join("service.toml").as_os_str()])
            .arg("--try")
            .env("LD_PRELOAD", disk.path("flush.so"))
            .env("VELUM_FLUSH", disk.path("flush"))
            .stdout(Stdio::piped())
            .stderr(log.unwrap())
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

    /// What is answered; `None`: the process was gone by then.
    async fn post(&self, token: &Value, path: &str, body: &Value) -> Option<(u16, Value)> {
        let request = self.client.post(self.url(path)).json(body);
        let answer = request.bearer_auth(token.as_str().unwrap()).send().await;
        let answer = answer.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.json().await.ok()?))
    }

    async fn check(&self, check: &Value) -> Option<(u16, Value)> {
        let token = &self.said["gateways"]["edge"];
        self.post(token, "/v1/checks", check).await
    }

    async fn approve(&self, id: &str) -> Option<(u16, Value)> {
        let token = &self.said["reviewers"]["grace"];
        let path = format!("/v1/approvals/{id}/approve");
        self.post(token, &path, &json!({})).await
    }

    /// Asks, and gives the approval that waits.
    async fn pending(&self, check: &Value) -> String {
        let (_, answer) = self.check(check).await.unwrap();
        assert_eq!(answer["decision"], "pending", "{answer}");
        answer["approval"].as_str().unwrap().to_owned()
    }

    async fn get(&self, path: &str) -> Value {
        let token = self.said["reviewers"]["grace"].as_str().unwrap();
        let request = self.client.get(self.url(path)).bearer_auth(token);
        request.send().await.unwrap().json().await.unwrap()
    }

    /// How many records there are of this kind; the log has no gap.
    async fn count(&self, kind: &str) -> usize {
        let page = self.get("/v1/audit?limit=1000").await;
        let entries = page["entries"].as_array().unwrap();
        for (index, entry) in entries.iter().enumerate() {
            assert_eq!(entry["index"], index);
        }
        let kinds = entries.iter().map(|entry| entry["leaf"]["type"].as_str());
        kinds.filter(|found| found.unwrap().contains(kind)).count()
    }

    /// How the process ends by itself.
    async fn ended(&mut self) -> std::process::ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < Duration::from_secs(15), "it goes on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn check(request: u8) -> Value {
    let identity = json!({"kind": "jwt", "issuer": "https://idp.example", "subject": "dr-jones"});
    json!({
        "use_key": UseKey::from_bytes([request; 16]),
        "principal": identity,
        "lineage": [identity],
        "action": "read",
        "method": "GET",
        "authority": "fhir.example",
        "path": "/Patient/{…}",
        "query": "",
        "resource": velum_approval::keyed_token(&[1; 32], &[request]),
        "fingerprint": Fingerprint::from_bytes([request; 32]),
        "policy": *DIGEST,
        "classes": ["name"],
    })
}

fn log(disk: &Path) -> String {
    std::fs::read_to_string(disk.join("log")).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_that_fails_once_loses_nothing_that_was_said_and_doubles_nothing() {
    let disk = Disk::new();
    let service = Service::start(&disk);
    let mut granted = 0;
    for request in 1..=4 {
        let check = check(request);
        let id = service.pending(&check).await;
        disk.fail_once();
        let (status, body) = service.approve(&id).await.unwrap();
        disk.has_failed().await;
        let state = service.get(&format!("/v1/approvals/{id}")).await["state"].clone();
        if status == 200 {
            // Something of the service's own met it.
            assert_eq!(state, "approved");
        } else {
            assert_eq!((status, &body["retryable"]), (503, &json!(true)), "{body}");
            if state == "pending" {
                assert_eq!(service.approve(&id).await.unwrap().0, 200);
            }
        }
        granted += 1;
        assert_eq!(service.count("grant.issued").await, granted);

        // A use is known by its key: it is made on another connection, once.
        disk.fail_once();
        let (status, answer) = service.check(&check).await.unwrap();
        disk.has_failed().await;
        assert_eq!(
            (status, &answer["decision"]),
            (200, &json!("allow")),
            "{answer}"
        );
        assert_eq!(service.check(&check).await.unwrap(), (200, answer));
        assert_eq!(service.count("grant.used").await, granted);
    }
    let told = log(disk.0.path());
    assert!(told.contains("a commit failed"), "no commit met it: {told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_flushes_nothing_any_more_ends_the_service_and_nothing_is_acknowledged() {
    let disk = Disk::new();
    let mut service = Service::start(&disk);
    let (used, asked) = (check(1), check(2));
    let id = service.pending(&used).await;
    assert_eq!(service.approve(&id).await.unwrap().0, 200);
    let other = service.pending(&asked).await;
    disk.fail_always(true);
    // Either the process is gone already, by what it does itself, or it says that it cannot.
    if let Some((status, answer)) = service.check(&used).await {
        assert_eq!(status, 503, "{answer}");
    }
    if let Some((status, answer)) = service.approve(&other).await {
        assert_eq!(status, 503, "{answer}");
    }
    let status = service.ended().await;
    assert_eq!(status.code(), Some(1), "{status}: {}", log(disk.0.path()));
    drop(service);

    // On a disk that is well again the use is made, or found, and there is one.
    disk.fail_always(false);
    let service = Service::start(&disk);
    let (status, answer) = service.check(&used).await.unwrap();
    assert_eq!(
        (status, &answer["decision"]),
        (200, &json!("allow")),
        "{answer}"
    );
    assert_eq!(service.count("grant.used").await, 1);
    let card = service.get(&format!("/v1/approvals/{other}")).await;
    let approvals = usize::from(card["state"] == "approved");
    assert_eq!(service.count("grant.issued").await, 1 + approvals, "{card}");
}
