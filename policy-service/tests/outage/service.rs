//! The service as a process, with a note of every call, and of what it holds.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use sqlx::Connection as _;
use tokio::time::sleep;
use velum_harness::Postgres;

use crate::checks::check;
use crate::policy::POLICY;

const CONFIGURATION: &str = include_str!("../data/policy-service.toml");
/// Between one call of somebody and the next.
pub(crate) const PAUSE: Duration = Duration::from_millis(40);

/// What a call came to.
pub(crate) struct Call {
    pub(crate) what: &'static str,
    pub(crate) begun: Instant,
    pub(crate) ended: Instant,
    pub(crate) status: u16,
}

/// What a service holds: connections to the database, other files, and threads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holds {
    pub(crate) connections: usize,
    pub(crate) files: usize,
    pub(crate) threads: usize,
}

pub(crate) struct Service {
    child: Child,
    said: Value,
    client: Client,
    pub(crate) calls: Mutex<Vec<Call>>,
    is_over: AtomicBool,
}

impl Service {
    pub(crate) fn start(folder: &Path, database: &str) -> Service {
        fs::write(folder.join("policy.yaml"), POLICY).unwrap();
        let store = format!("[store]\nengine = \"postgres\"\nurl = \"{database}\"\n\n[lifetimes]");
        let configuration = CONFIGURATION
            .replace("grant = \"5m\"", "grant = \"1h\"")
            .replace("asks_per_minute = 1000", "asks_per_minute = 100000")
            .replace("pending_per_principal = 5", "pending_per_principal = 1000")
            .replacen("[lifetimes]", &store, 1);
        fs::write(folder.join("service.toml"), configuration).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_velum-policy-service"))
            .args(["--config".as_ref(), folder.join("service.toml").as_os_str()])
            .arg("--try")
            .stdout(Stdio::piped())
            .stderr(File::create(folder.join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        Service {
            child,
            said: serde_json::from_str(&line).unwrap(),
            client: Client::builder().no_proxy().build().unwrap(),
            calls: Mutex::default(),
            is_over: AtomicBool::new(false),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.said["listening"].as_str().unwrap())
    }

    /// What it is answered, and nothing where that is 503; anything else is a fault.
    async fn call(&self, what: &'static str, token: &Value, call: RequestBuilder) -> Option<Value> {
        let begun = Instant::now();
        let call = call.bearer_auth(token.as_str().unwrap());
        let answer = call.send().await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.text().await.unwrap();
        assert!(matches!(status, 200 | 503), "{what}: {status}: {body}");
        self.calls.lock().unwrap().push(Call {
            what,
            begun,
            ended: Instant::now(),
            status,
        });
        (status == 200).then(|| serde_json::from_str(&body).unwrap_or_default())
    }

    pub(crate) async fn check(&self, check: &Value) -> Option<Value> {
        let call = self.client.post(self.url("/v1/checks")).json(check);
        let gateway = &self.said["gateways"]["edge"];
        self.call("check", gateway, call).await
    }

    pub(crate) async fn get(&self, what: &'static str, path: &str) -> Option<Value> {
        let call = self.client.get(self.url(path));
        let reviewer = &self.said["reviewers"]["grace"];
        self.call(what, reviewer, call).await
    }

    /// Whether it was acknowledged.
    pub(crate) async fn approve(&self, id: &str) -> bool {
        let url = self.url(&format!("/v1/approvals/{id}/approve"));
        let call = self.client.post(url).json(&json!({}));
        let reviewer = &self.said["reviewers"]["grace"];
        self.call("vote", reviewer, call).await.is_some()
    }

    /// Does it again for as long as it is told 503.
    pub(crate) async fn checked(&self, check: &Value) -> Value {
        loop {
            if let Some(answer) = self.check(check).await {
                return answer;
            }
            sleep(PAUSE).await;
        }
    }

    async fn got(&self, path: &str) -> Value {
        loop {
            if let Some(body) = self.get("read", path).await {
                return body;
            }
            sleep(PAUSE).await;
        }
    }

    pub(crate) async fn state(&self, id: &str) -> String {
        let shown = self.got(&format!("/v1/approvals/{id}")).await;
        shown["state"].as_str().unwrap().to_owned()
    }

    /// Waits until every record is under a signed head.
    pub(crate) async fn signed(&self, within: Duration) {
        let begun = Instant::now();
        loop {
            let log = self.got("/v1/logs").await["logs"][0].clone();
            if log["size"].is_u64() && log["signed"] == log["size"] {
                return;
            }
            assert!(begun.elapsed() < within, "{log}");
            sleep(PAUSE).await;
        }
    }

    /// How often the log, which has no gap, has a record of each type of each approval.
    pub(crate) async fn records(&self) -> BTreeMap<(String, String), u32> {
        let (mut found, mut next) = (BTreeMap::new(), 0_u64);
        loop {
            let last = next.checked_sub(1);
            let after = last.map_or_else(String::new, |last| format!("&after={last}"));
            let page = self.got(&format!("/v1/audit?limit=1000{after}")).await;
            let entries = page["entries"].as_array().unwrap();
            if entries.is_empty() {
                return found;
            }
            for entry in entries {
                assert_eq!(entry["index"], next, "the log has a gap");
                next += 1;
                if let Some(id) = entry["leaf"]["data"]["approval"]["id"].as_str() {
                    let kind = entry["leaf"]["type"].as_str().unwrap().to_owned();
                    *found.entry((kind, id.to_owned())).or_default() += 1;
                }
            }
        }
    }

    /// The connections of its callers are not among the files.
    pub(crate) async fn holds(&self, server: &Postgres) -> Holds {
        let connections = connections(server).await;
        let process = Path::new("/proc").join(self.child.id().to_string());
        let files = fs::read_dir(process.join("fd")).unwrap().count();
        let status = fs::read_to_string(process.join("status")).unwrap();
        let mut lines = status.lines();
        let threads = lines.find_map(|line| line.strip_prefix("Threads:"));
        Holds {
            connections,
            files: files.saturating_sub(connections + self.callers()),
            threads: threads.unwrap().trim().parse().unwrap(),
        }
    }

    /// Connections of callers, which are established (01) as the kernel has it.
    fn callers(&self) -> usize {
        let (_, port) = self.said["listening"]
            .as_str()
            .unwrap()
            .rsplit_once(':')
            .unwrap();
        let local = format!("0100007F:{:04X}", port.parse::<u16>().unwrap());
        let table = fs::read_to_string("/proc/net/tcp").unwrap();
        let of_callers = table.lines().filter(|line| {
            let mut words = line.split_whitespace().skip(1);
            words.next() == Some(&local) && words.nth(1) == Some("01")
        });
        of_callers.count()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Ends the load.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn connections(server: &Postgres) -> usize {
    let mut database = sqlx::PgConnection::connect(&server.url()).await.unwrap();
    let count = sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity
         WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
    );
    let count: i64 = count.fetch_one(&mut database).await.unwrap();
    database.close().await.unwrap();
    usize::try_from(count).unwrap()
}

/// A stream that goes for a grant.
pub(crate) fn racer(request: u128, stream: u128, id: &str) -> Value {
    let mut check = check(request, stream);
    check["approval"] = json!(id);
    check
}
