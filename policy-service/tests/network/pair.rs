//! Two services on one database, each behind a line of its own.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::time::sleep;
use velum_harness::Postgres;
use velum_ledger::checkpoint::Trust;
use velum_ledger::tile::Resource;
use velum_ledger::verify::LogVerifier;

use crate::checks::check;
use crate::line::Line;
use crate::policy::POLICY;

const CONFIGURATION: &str = include_str!("../data/policy-service.toml");
/// What the log's name begins with.
pub(crate) const NAME: &str = "audit.example.org/velum";
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// What a call came to.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) took: Duration,
}

impl Told {
    pub(crate) fn is_allowed(&self) -> bool {
        self.body["decision"] == "allow"
    }
}

pub(crate) struct Service {
    child: Child,
    url: String,
    gateway: String,
    reviewer: String,
    client: Client,
}

impl Service {
    fn start(folder: &Path) -> Arc<Service> {
        let mut log = File::options();
        let log = log.create(true).append(true).open(folder.join("log"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_velum-policy-service"))
            .args(["--config".as_ref(), folder.join("service.toml").as_os_str()])
            .arg("--try")
            .stdout(Stdio::piped())
            .stderr(log.unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line)
            .unwrap_or_else(|_| panic!("{}", fs::read_to_string(folder.join("log")).unwrap()));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let client = Client::builder().no_proxy().timeout(PATIENCE);
        Arc::new(Service {
            child,
            url: text(&said["listening"]),
            gateway: text(&said["gateways"]["edge"]),
            reviewer: text(&said["reviewers"]["grace"]),
            client: client.build().unwrap(),
        })
    }

    pub(crate) async fn check(&self, check: &Value, wait: u64) -> Told {
        let request = self.client.post(format!("{}/v1/checks", self.url));
        let request = request.header("prefer", format!("wait={wait}"));
        told(request.bearer_auth(&self.gateway).json(check)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Told {
        let request = self.client.get(format!("{}{path}", self.url));
        told(request.bearer_auth(&self.reviewer)).await
    }

    /// Does it again for as long as it is told that the service cannot answer now.
    pub(crate) async fn patiently(&self, check: &Value) -> Told {
        let begun = Instant::now();
        loop {
            let told = self.check(check, 0).await;
            if told.status == 200 {
                let took = begun.elapsed();
                return Told { took, ..told };
            }
            assert_eq!(told.status, 503, "{told:?}");
            assert!(begun.elapsed() < PATIENCE, "it does not come back");
            sleep(Duration::from_millis(100)).await;
        }
    }

    pub(crate) async fn act(&self, id: &str, verb: &str) {
        let request = self
            .client
            .post(format!("{}/v1/approvals/{id}/{verb}", self.url));
        let told = told(request.bearer_auth(&self.reviewer).json(&json!({}))).await;
        assert_eq!(told.status, 200, "{told:?}");
    }

    pub(crate) async fn pending(&self, request: u128) -> String {
        let told = self.patiently(&check(request, 0)).await;
        let id = told.body["approval"].as_str();
        id.unwrap_or_else(|| panic!("{told:?}")).to_owned()
    }

    pub(crate) async fn granted(&self, request: u128) -> String {
        let id = self.pending(request).await;
        self.act(&id, "approve").await;
        id
    }

    /// Every record of the log, which has no gap.
    async fn records(&self) -> Vec<Value> {
        let mut records = Vec::<Value>::new();
        loop {
            let after = match records.len() {
                0 => String::new(),
                many => format!("&after={}", many - 1),
            };
            let page = self.get(&format!("/v1/audit?limit=1000{after}")).await.body;
            let entries = page["entries"].as_array().unwrap();
            if entries.is_empty() {
                return records;
            }
            for entry in entries {
                assert_eq!(entry["index"], records.len(), "the log has a gap");
                assert_eq!(entry["leaf"]["data"]["seq"], records.len());
                records.push(entry["leaf"].clone());
            }
        }
    }

    async fn open_log(&self) -> Value {
        self.get("/v1/logs").await.body["logs"][0].clone()
    }

    /// The head that it shows.
    pub(crate) async fn head(&self) -> Option<String> {
        let request = self
            .client
            .get(format!("{}/v1/logs/1/checkpoint", self.url));
        let request = request.bearer_auth(&self.reviewer);
        let answer = request.timeout(Duration::from_secs(3)).send().await.ok()?;
        (answer.status() == 200).then_some(())?;
        answer.text().await.ok()
    }

    /// Waits until every record is under a signed head.
    pub(crate) async fn signed(&self) -> String {
        let begun = Instant::now();
        loop {
            let open = self.open_log().await;
            if open["size"].is_u64() && open["signed"] == open["size"] {
                return self.head().await.unwrap();
            }
            assert!(begun.elapsed() < PATIENCE, "{open}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Verifies the whole log, and that each of these heads is of its beginning.
    pub(crate) async fn verified(&self, older: &BTreeMap<u64, String>) -> u64 {
        let head = self.signed().await;
        let open = self.open_log().await;
        let key = open["key"].as_str().unwrap().parse().unwrap();
        let trust = Trust::new(open["name"].as_str().unwrap(), vec![key]).unwrap();
        let head = trust.open(head.as_bytes()).unwrap();
        let older: Vec<_> = older
            .values()
            .map(|older| trust.open(older.as_bytes()).unwrap())
            .collect();
        let mut verifier = LogVerifier::new(&head, &older);
        while let Some(wanted) = verifier.wants() {
            let path = match wanted {
                Resource::Tile(tile) => tile.path(),
                Resource::Bundle(bundle) => bundle.path(),
            };
            let request = self.client.get(format!("{}/v1/logs/1/{path}", self.url));
            let answer = request.bearer_auth(&self.reviewer).send().await.unwrap();
            verifier.give(Some(&answer.bytes().await.unwrap()));
        }
        verifier.finish().unwrap().entries
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn told(request: RequestBuilder) -> Told {
    let begun = Instant::now();
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.json().await.unwrap_or_default();
    Told {
        status,
        body,
        took: begun.elapsed(),
    }
}

/// A stream that goes for a grant.
pub(crate) fn racer(request: u128, stream: u128, id: &str) -> Value {
    let mut check = check(request, stream);
    check["approval"] = json!(id);
    check
}

/// Two services on one database and with one fence, each behind a line of its own: whatever happens to the first one's
/// happens to no other.
pub(crate) struct Pair {
    pub(crate) split: Arc<Service>,
    pub(crate) whole: Arc<Service>,
    pub(crate) line: Line,
    pub(crate) other_line: Line,
    pub(crate) fence: PathBuf,
    server: Postgres,
    _folders: [tempfile::TempDir; 3],
}

fn folder(line: &Line, fence: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("policy.yaml"), POLICY).unwrap();
    let store = format!("[store]\nengine = \"postgres\"\nurl = \"{}\"\n\n", line.url);
    let many = "pending_per_principal = 1000\npending_per_action = 1000";
    let configuration = CONFIGURATION
        .replace("pending_per_principal = 5", many)
        .replacen("[lifetimes]", &format!("{store}[lifetimes]"), 1);
    let fence = fence.display();
    let audit = format!("\n[audit]\nname = \"{NAME}\"\nfence = \"{fence}\"\n");
    fs::write(folder.path().join("service.toml"), configuration + &audit).unwrap();
    folder
}

impl Pair {
    pub(crate) async fn start() -> Pair {
        let server = Postgres::start().await.unwrap();
        let (line, other_line) = (Line::to(&server), Line::to(&server));
        let fences = tempfile::tempdir().unwrap();
        let fence = fences.path().join("fence");
        let (one, other) = (folder(&line, &fence), folder(&other_line, &fence));
        // The one that starts first signs the log.
        let split = Service::start(one.path());
        split.signed().await;
        let data = other.path().join("velum-data");
        fs::create_dir(&data).unwrap();
        let owner = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(&data, owner).unwrap();
        for key in ["signing.key", "fingerprint.key", "log.key"] {
            fs::copy(one.path().join("velum-data").join(key), data.join(key)).unwrap();
        }
        let whole = Service::start(other.path());
        Pair {
            split,
            whole,
            line,
            fence,
            server,
            other_line,
            _folders: [one, other, fences],
        }
    }

    /// Who extends and signs the log.
    pub(crate) async fn holder(&self) -> String {
        use sqlx::Connection as _;
        let mut database = sqlx::PgConnection::connect(&self.server.url())
            .await
            .unwrap();
        let holder = sqlx::query_scalar("SELECT holder FROM log_tree");
        let holder: Option<String> = holder.fetch_one(&mut database).await.unwrap();
        database.close().await.unwrap();
        holder.unwrap_or_default()
    }

    /// Makes sure that both have the same log, without a gap, in which each of these was used so often.
    pub(crate) async fn used(&self, ids: &[String], times: usize) {
        let records = self.whole.records().await;
        let of_split = self.split.records().await;
        assert_eq!(records, of_split[..records.len()]);
        for id in ids {
            let is_use = |record: &&Value| {
                record["type"] == "org.velum.grant.used.v1"
                    && record["data"]["approval"]["id"] == id.as_str()
            };
            let found = records.iter().filter(is_use).count();
            assert_eq!(found, times, "uses of {id} in the log");
        }
    }
}
