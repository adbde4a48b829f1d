//! The real program is killed at every step towards a head, and stopped there for longer than it is the only
//! one that signs: there is one root for each size, and no head is published that was not fenced.
//!
//! What it does to itself at a step it has from `VELUM_DRILL`, which only a build with debug assertions reads.

#[path = "kit/policy.rs"]
mod policy;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use reqwest::Client;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use velum_approval::{Fingerprint, UseKey};
use velum_harness::Postgres;
use velum_ledger::checkpoint::Trust;
use velum_ledger::tile::Resource;
use velum_ledger::verify::LogVerifier;

use policy::{DIGEST, POLICY};

const CONFIGURATION: &str = include_str!("data/policy-service.toml");
const PATIENCE: Duration = Duration::from_mins(1);

struct Service {
    child: Child,
    url: String,
    gateway: String,
    reviewer: String,
    client: Client,
}

/// A folder with a configuration.
fn folder(fence: &Path, store: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("policy.yaml"), POLICY).unwrap();
    let configuration = CONFIGURATION
        .replace("pending_per_principal = 5", "pending_per_principal = 1000")
        .replacen("[lifetimes]", &format!("{store}[lifetimes]"), 1);
    let fence = fence.display();
    let audit = format!("\n[audit]\nname = \"audit.example.org/velum\"\nfence = \"{fence}\"\n");
    fs::write(folder.path().join("service.toml"), configuration + &audit).unwrap();
    folder
}

impl Service {
    fn start(folder: &Path, drill: Option<&str>) -> Option<Service> {
        Service::start_or_end(folder, drill).ok()
    }

    /// Starts it; how it ended where that is before it says where it is.
    fn start_or_end(folder: &Path, drill: Option<&str>) -> Result<Service, ExitStatus> {
        let mut log = File::options();
        let log = log.create(true).append(true).open(folder.join("log"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_velum-policy-service"));
        command
            .args(["--config".as_ref(), folder.join("service.toml").as_os_str()])
            .arg("--try")
            .env_remove("VELUM_DRILL")
            .envs(drill.map(|drill| ("VELUM_DRILL", drill)))
            .stdout(Stdio::piped())
            .stderr(log.unwrap());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let Ok(said) = serde_json::from_str::<Value>(&line) else {
            return Err(child.wait().unwrap());
        };
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Ok(Service {
            child,
            url: text(&said["listening"]),
            gateway: text(&said["gateways"]["edge"]),
            reviewer: text(&said["reviewers"]["grace"]),
            client: Client::builder().no_proxy().build().unwrap(),
        })
    }

    /// Asks for something that nobody has asked for: a record.
    async fn ask(&self, number: u128) -> bool {
        let request = self.client.post(format!("{}/v1/checks", self.url));
        let request = request.bearer_auth(&self.gateway).json(&check(number));
        let answer = request.timeout(Duration::from_secs(5)).send().await;
        answer.is_ok_and(|answer| answer.status() == 200)
    }

    async fn bytes(&self, path: &str) -> Option<Vec<u8>> {
        let request = self.client.get(format!("{}{path}", self.url));
        let request = request.bearer_auth(&self.reviewer);
        let answer = request.timeout(Duration::from_secs(5)).send().await.ok()?;
        (answer.status() == 200).then_some(())?;
        Some(answer.bytes().await.ok()?.to_vec())
    }

    async fn logs(&self) -> Value {
        let logs = self.bytes("/v1/logs").await.unwrap_or_default();
        serde_json::from_slice(&logs).unwrap_or_default()
    }

    /// Waits until every record is under a signed head, and gives the head.
    async fn signed(&self) -> Vec<u8> {
        let all = async {
            loop {
                let logs = self.logs().await;
                let open = &logs["logs"][0];
                if open["size"].is_u64() && open["signed"] == open["size"] {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let all = tokio::time::timeout(PATIENCE, all).await;
        assert!(all.is_ok(), "{}", self.logs().await);
        self.bytes("/v1/logs/1/checkpoint").await.unwrap()
    }

    /// Verifies the whole log, and that each of these heads is of its beginning.
    async fn verified(&self, older: &[Vec<u8>]) -> u64 {
        let head = self.signed().await;
        let open = self.logs().await["logs"][0].clone();
        let key = open["key"].as_str().unwrap().parse().unwrap();
        let trust = Trust::new(open["name"].as_str().unwrap(), vec![key]).unwrap();
        let head = trust.open(&head).unwrap();
        let older: Vec<_> = older
            .iter()
            .map(|older| trust.open(older).unwrap())
            .collect();
        let mut verifier = LogVerifier::new(&head, &older);
        while let Some(wanted) = verifier.wants() {
            let path = match wanted {
                Resource::Tile(tile) => tile.path(),
                Resource::Bundle(bundle) => bundle.path(),
            };
            let part = self.bytes(&format!("/v1/logs/1/{path}")).await;
            verifier.give(part.as_deref());
        }
        verifier.finish().unwrap().entries
    }

    fn id(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn stands_still(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let (_, behind_name) = stat.rsplit_once(')').unwrap();
        behind_name.trim_start().starts_with('T')
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn check(request: u128) -> Value {
    let identity = json!({"kind": "jwt", "issuer": "https://idp.example", "subject": "dr-jones"});
    let mut fingerprint = [0; 32];
    fingerprint[..16].copy_from_slice(&request.to_be_bytes());
    json!({
        "use_key": UseKey::from_bytes(request.to_be_bytes()),
        "principal": identity,
        "lineage": [identity],
        "action": "read",
        "method": "GET",
        "authority": "fhir.example",
        "path": "/Patient/{…}",
        "query": "",
        "resource": "AAAAAAAAAAAAAAAAAAAAAA",
        "fingerprint": Fingerprint::from_bytes(fingerprint),
        "policy": *DIGEST,
        "classes": ["name"],
    })
}

/// The root of each size that was ever seen, fenced or published.
#[derive(Default)]
struct Roots {
    roots: BTreeMap<u64, String>,
    heads: Vec<Vec<u8>>,
}

impl Roots {
    fn see(&mut self, head: &str) -> u64 {
        let mut lines = head.lines().skip(1);
        let size = lines.next().unwrap().parse().unwrap();
        let root = lines.next().unwrap().to_owned();
        let before = self.roots.insert(size, root.clone());
        assert!(
            before.is_none_or(|before| before == root),
            "two roots at {size}"
        );
        size
    }

    /// The published head first: it may not be beyond the fence that is read behind it.
    fn compare(&mut self, published: Option<Vec<u8>>, fence: &Path) {
        let published = published.map(|head| {
            let size = self.see(std::str::from_utf8(&head).unwrap());
            self.heads.push(head);
            size
        });
        let fenced = fs::read_to_string(fence).ok().map(|text| self.see(&text));
        assert!(
            published <= fenced,
            "published {published:?}, fenced {fenced:?}"
        );
    }
}

/// The head that is in the file, which nobody has open.
async fn in_file(data: &Path) -> Option<Vec<u8>> {
    use sqlx::Connection as _;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(data);
    let mut database = sqlx::SqliteConnection::connect_with(&options)
        .await
        .unwrap();
    let head: Option<String> = sqlx::query_scalar("SELECT note FROM log_head WHERE log = 1")
        .fetch_optional(&mut database)
        .await
        .unwrap();
    database.close().await.unwrap();
    head.map(String::into_bytes)
}

/// Leaves a line for `cargo xtask claims`.
fn figure(test: &str, line: &str) {
    if let Some(folder) = std::env::var_os("VELUM_FIGURES") {
        fs::write(Path::new(&folder).join(format!("{test}.txt")), line).unwrap();
    }
}

/// At which steps it is killed: two of them while the fence is raised, of which the first has the next head written
/// beside it.
const STEPS: [&str; 6] = [
    "grown",
    "written",
    "renamed",
    "fenced",
    "signed",
    "published",
];

/// Kills it at each step so often, and compares what is on the disks each time. `head`: the one that the store has,
/// which nobody has open.
async fn killed(
    test: &str,
    store: &str,
    rounds: u128,
    head: impl AsyncFn(&Path) -> Option<Vec<u8>>,
) {
    if !cfg!(debug_assertions) {
        figure(
            test,
            "skipped: a program without debug assertions does not kill itself",
        );
        return;
    }
    let fence_folder = tempfile::tempdir().unwrap();
    let fence = fence_folder.path().join("fence");
    let folder = folder(&fence, store);
    let (mut roots, mut asked, mut kills) = (Roots::default(), 0, 0);
    for round in 0..rounds {
        for step in STEPS {
            // At the first head of this process, which has what the one before left; or later.
            let drill = format!("kill:{step}:{}", 1 + (round + asked) % 3);
            let begun = std::time::Instant::now();
            let ended = match Service::start_or_end(folder.path(), Some(&drill)) {
                Ok(mut service) => loop {
                    if let Some(ended) = service.child.try_wait().unwrap() {
                        break ended;
                    }
                    asked += 1;
                    service.ask(asked).await;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    assert!(begun.elapsed() < PATIENCE, "{drill}: it goes on");
                },
                Err(ended) => ended,
            };
            // By its own hand, at that step: one that ends otherwise was not there.
            assert_eq!(
                ended.signal(),
                Some(Signal::KILL.as_raw()),
                "{drill}: {ended}"
            );
            kills += 1;
            roots.compare(head(folder.path()).await, &fence);
            // Whoever goes on knows what is on the disks, and nothing else.
            asked += 1;
            let service = Service::start(folder.path(), None).unwrap();
            assert!(service.ask(asked).await, "{drill}");
            roots.compare(Some(service.signed().await), &fence);
        }
    }
    let service = Service::start(folder.path(), None).unwrap();
    let records = service.verified(&roots.heads).await;
    assert_eq!(service.logs().await["is_recovering"], false);
    figure(
        test,
        &format!(
            "{kills} kills, {records} records, {} sizes seen",
            roots.roots.len()
        ),
    );
}

fn is_long() -> bool {
    std::env::var_os("VELUM_LONG").is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_step_it_has_one_root_for_each_size_and_no_head_beyond_the_fence() {
    let head = async |folder: &Path| in_file(&folder.join("velum-data/velum.sqlite")).await;
    let test = "killed_at_any_step_it_has_one_root_for_each_size_and_no_head_beyond_the_fence";
    killed(test, "", if is_long() { 17 } else { 1 }, head).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_step_on_postgres_it_has_one_root_for_each_size_and_no_head_beyond_the_fence()
{
    use sqlx::Connection as _;
    let server = Postgres::start().await.unwrap();
    let url = server.url();
    let store = format!("[store]\nengine = \"postgres\"\nurl = \"{url}\"\n\n");
    let head = async |_: &Path| {
        let mut database = sqlx::PgConnection::connect(&url).await.unwrap();
        let head = sqlx::query_scalar("SELECT note FROM log_head WHERE log = 1");
        let head: Option<String> = head.fetch_optional(&mut database).await.unwrap();
        database.close().await.unwrap();
        head.map(String::into_bytes)
    };
    let test =
        "killed_at_any_step_on_postgres_it_has_one_root_for_each_size_and_no_head_beyond_the_fence";
    killed(test, &store, if is_long() { 3 } else { 1 }, head).await;
}

/// Copies keys, so that both are the same service.
fn keys(from: &Path, to: &Path) {
    let data = to.join("velum-data");
    fs::create_dir(&data).unwrap();
    let owner = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(&data, owner).unwrap();
    for key in ["signing.key", "fingerprint.key", "log.key"] {
        fs::copy(from.join("velum-data").join(key), data.join(key)).unwrap();
    }
}

async fn stopped_at(step: &str) {
    let server = Postgres::start().await.unwrap();
    let store = format!(
        "[store]\nengine = \"postgres\"\nurl = \"{}\"\n\n",
        server.url()
    );
    let fence_folder = tempfile::tempdir().unwrap();
    let fence: PathBuf = fence_folder.path().join("fence");
    let (one, other) = (folder(&fence, &store), folder(&fence, &store));
    let drill = format!("stop:{step}:3");
    let stale = Service::start(one.path(), Some(&drill)).unwrap();
    keys(one.path(), other.path());
    let fresh = Service::start(other.path(), None).unwrap();
    let mut roots = Roots::default();
    let (mut asked, begun) = (0, std::time::Instant::now());
    // The first extends and signs, until it stands still in the middle of it.
    while !stale.stands_still() {
        asked += 1;
        assert!(fresh.ask(asked).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
        roots.compare(fresh.bytes("/v1/logs/1/checkpoint").await, &fence);
        assert!(begun.elapsed() < PATIENCE, "it goes on");
    }
    // When its lease has run out the other does, and goes on.
    for _ in 0..5 {
        asked += 1;
        assert!(fresh.ask(asked).await);
        roots.compare(Some(fresh.signed().await), &fence);
    }
    kill_process(stale.id(), Signal::CONT).unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    for service in [&fresh, &stale, &fresh, &stale] {
        asked += 1;
        assert!(service.ask(asked).await);
        roots.compare(Some(fresh.signed().await), &fence);
        // It was slow; it has lost nothing.
        assert_eq!(service.logs().await["is_recovering"], false);
    }
    let log = fs::read_to_string(one.path().join("log")).unwrap();
    assert!(log.contains("the log's head could not be signed"), "{log}");
    fresh.verified(&roots.heads).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_stood_still_beyond_its_lease_signs_nothing_that_another_has_signed() {
    if cfg!(debug_assertions) {
        stopped_at("grown").await;
        stopped_at("fenced").await;
    } else {
        figure(
            "one_that_stood_still_beyond_its_lease_signs_nothing_that_another_has_signed",
            "skipped: a program without debug assertions does not stop itself",
        );
    }
}
