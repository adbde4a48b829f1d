//! 200 canaries through every operation of the service: what people wrote is in the erasable column, and
//! nothing else is anywhere.

mod taken;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use tracing_subscriber::EnvFilter;
use velum_harness::Postgres;

use super::log::{bytes, configuration, signed};
use crate::http::ROUTES;
use crate::testing::{CONFIGURATION, Service, reply};

/// A name, an MRN or an SSN that is nowhere else. Detectors know the latter two; names they leave in free
/// text.
fn canary(number: usize) -> String {
    match number % 3 {
        0 => format!("Thistlewood{number:03}q"),
        1 => format!("MRN-77{number:03}31"),
        _ => format!("000-{:02}-7{number:03}", 10 + number % 80),
    }
}

/// How many of them.
const MOST: usize = 200;

/// Gives one canary after the other.
struct Aviary(usize);

impl Aviary {
    fn next(&mut self) -> String {
        let canary = canary(self.0);
        self.0 += 1;
        canary
    }

    /// Free text with one in it.
    fn text(&mut self) -> String {
        format!("seen with {} today", self.next())
    }
}

/// How often each canary stands in these bytes, which are read once: a server's folder has many.
fn found(bytes: &[u8]) -> Vec<(usize, usize)> {
    let canaries: Vec<_> = (0..MOST).map(canary).collect();
    let mut counts = BTreeMap::new();
    for (at, byte) in bytes.iter().enumerate() {
        // As each of them begins.
        if !matches!(byte, b'T' | b'M' | b'0') {
            continue;
        }
        let rest = &bytes[at..];
        let begins = [&b"Thistlewood"[..], b"MRN-77", b"000-"];
        if !begins.iter().any(|begin| rest.starts_with(begin)) {
            continue;
        }
        let here = canaries.iter().enumerate();
        for (number, _) in here.filter(|(_, canary)| rest.starts_with(canary.as_bytes())) {
            *counts.entry(number).or_default() += 1;
        }
    }
    counts.into_iter().collect()
}

#[test]
fn each_canary_is_found() {
    let all: Vec<_> = (0..MOST).map(canary).collect();
    let text = format!("0{}MTh", all.join("T000-"));
    let once: Vec<_> = (0..MOST).map(|number| (number, 1)).collect();
    assert_eq!(found(text.as_bytes()), once);
    assert_eq!(found(b"Thistlewood00 MRN-78 000-99-7"), []);
}

/// Everything in the files of a folder, and of those in it.
fn read(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(read(&path));
        } else if path.is_file() {
            // A socket has nothing in it.
            all.extend(std::fs::read(path).unwrap());
        }
    }
    all
}

/// What people may write freely: the numbers of those canaries.
async fn write(service: &Service, aviary: &mut Aviary) -> BTreeSet<usize> {
    let first = aviary.0;
    for round in 0..6_u8 {
        let mut check = service.ask(2 * round + 1);
        check.reason = Some(crate::testing::reason(&aviary.text()));
        let id = service.pending(&check).await;
        let question = json!({"comment": aviary.text()});
        let path = format!("/v1/approvals/{id}/question");
        assert_eq!(service.post("grace", &path, &question).await.0, 200);
        check.reason = Some(crate::testing::reason(&aviary.text()));
        service.pending(&check).await;
        let words = json!({"comment": aviary.text()});
        if round % 2 == 0 {
            assert_eq!(service.approve("grace", &id, words).await.0, 200);
            service.verified(&check, &service.check(&check).await);
            let path = format!("/v1/approvals/{id}/revoke");
            let words = json!({"comment": aviary.text()});
            let (status, body) = service.post("grace", &path, &words).await;
            assert!(status == 200 || status == 409, "{body}");
        } else {
            let words = json!({"comment": aviary.text(), "public_reason": aviary.text()});
            assert_eq!(service.deny("omar", &id, words).await.0, 200);
        }
        let stop = json!({"scope": {"kind": "action", "name": "purge"}, "comment": aviary.text()});
        let (status, stop) = service.post("grace", "/v1/stops", &stop).await;
        assert_eq!(status, 201, "{stop}");
        let path = format!("/v1/stops/{}/resume", stop["id"].as_str().unwrap());
        let words = json!({"comment": aviary.text()});
        let (status, body) = service.post("omar", &path, &words).await;
        assert_eq!(status, 200, "{body}");
        let asked = json!({
            "principal": crate::testing::identity("dr-jones"), "action": "read",
            "reason": aviary.text(), "minutes": 5,
        });
        let (status, opened) = service.post("omar", "/v1/emergencies", &asked).await;
        assert_eq!(status, 201, "{opened}");
        let path = format!("/v1/emergencies/{}/review", opened["id"].as_str().unwrap());
        let words = json!({"justified": true, "comment": aviary.text()});
        assert_eq!(service.post("grace", &path, &words).await.0, 200);
    }
    (first..aviary.0).collect()
}

/// What nobody may write: in every place of a request to every operation.
async fn plant(service: &Service, aviary: &mut Aviary, written: &BTreeSet<usize>) {
    for route in ROUTES.iter().cycle() {
        if aviary.0 >= MOST {
            return;
        }
        let method = format!("{:?}", route.method);
        let method = if method.contains("POST") {
            "POST"
        } else {
            "GET"
        };
        let at = aviary.0;
        let canary = aviary.next();
        let mut path = route.path.replace("{*path}", &canary);
        for name in ["{id}", "{number}", "{place}"] {
            path = path.replace(name, if at.is_multiple_of(4) { &canary } else { "1" });
        }
        if at % 4 == 1 {
            path = format!("{path}?{canary}={canary}&limit={canary}");
        }
        let mut request = service.request(method, &path);
        let token = match at % 5 {
            0 => canary.as_str(),
            1 | 2 => service.gateway(),
            _ => service.reviewer("grace"),
        };
        request = request.bearer_auth(token);
        if at % 4 == 2 {
            for name in [
                "user-agent",
                "traceparent",
                "tracestate",
                "x-request-id",
                "idempotency-key",
                "if-match",
                "prefer",
                "cookie",
                "referer",
            ] {
                request = request.header(name, &canary);
            }
        }
        if method == "POST" {
            let mut body = serde_json::to_value(service.ask(99)).unwrap();
            body["use_key"] = json!(canary);
            request = match at % 3 {
                0 => request.json(&json!({(canary.as_str()): canary})),
                1 => request.json(&body),
                _ => request.body(format!("{{\"comment\": {canary}")),
            };
        }
        let (status, answer) = reply_to(request).await;
        assert!(status < 500, "{method} {path}: {answer}");
        // Reviewers see what was written; what was sent now is repeated by no answer.
        for (number, _) in found(answer.as_bytes()) {
            assert!(
                written.contains(&number),
                "{method} {}: {}",
                route.path,
                self::canary(number)
            );
        }
    }
}

/// An answer, or as much of one as comes within a second: some go on.
async fn reply_to(request: reqwest::RequestBuilder) -> (u16, String) {
    let mut response = request.send().await.unwrap();
    let (status, mut text) = (response.status().as_u16(), Vec::new());
    let second = std::time::Duration::from_secs(1);
    while let Ok(Ok(Some(chunk))) = tokio::time::timeout(second, response.chunk()).await {
        text.extend(chunk);
    }
    (status, String::from_utf8_lossy(&text).into_owned())
}

/// What the service writes on standard error from here on, all of it: that of other tests beside this too.
fn listen() -> Arc<Mutex<Vec<u8>>> {
    static LINES: std::sync::OnceLock<Arc<Mutex<Vec<u8>>>> = std::sync::OnceLock::new();
    LINES.get_or_init(begin).clone()
}

fn begin() -> Arc<Mutex<Vec<u8>>> {
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let lines = Arc::<Mutex<Vec<u8>>>::default();
    let writer = lines.clone();
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(EnvFilter::new(
            "velum_policy_service=trace,axum=trace,hyper=trace",
        ))
        .with_writer(move || Lines(writer.clone()))
        .try_init()
        .unwrap();
    lines
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_canaries_are_in_what_people_wrote_and_once_that_is_erased_nowhere() {
    let fence = tempfile::tempdir().unwrap();
    let glass = "\n[break_glass]\ngroup = \"clinical\"\nlifetime = \"30m\"\nactions = [\"read\"]\n";
    let metrics = "[metrics]\nlisten = \"127.0.0.1:0\"\n\n[lifetimes]";
    let configuration = configuration(fence.path()).replacen("[lifetimes]", metrics, 1) + glass;
    assert!(configuration.len() > CONFIGURATION.len());
    let service = Service::with(&configuration).await;
    let service_log = listen();
    let mut aviary = Aviary(0);
    let (written, taken) = drive(&service, &mut aviary).await;
    let log = signed(&service).await;

    // The log as anyone reads it, its tiles and entries, and the metrics.
    let mut told = serde_json::to_vec(&service.log().await).unwrap();
    let size = log["size"].as_u64().unwrap();
    for path in [
        "checkpoint".to_owned(),
        format!("tile/0/000.p/{}", size % 256),
        format!("tile/entries/000.p/{}", size % 256),
    ] {
        told.extend(
            bytes(&service, &format!("/v1/logs/1/{path}"))
                .await
                .unwrap_or_default(),
        );
    }
    let metrics = format!(
        "http://{}/metrics",
        service.running.metrics_address.unwrap()
    );
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    told.extend(
        client
            .get(metrics)
            .send()
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap(),
    );
    for path in ["/v1/events", "/v1/logs"] {
        told.extend(service.get("grace", path).await.1.to_string().into_bytes());
    }
    let lines = service_log.lock().unwrap().clone();
    assert!(!lines.is_empty());
    told.extend(lines);
    assert_eq!(found(&told), []);
    // Reviewers see what was written, and nothing else.
    let seen: Value = service.get("grace", "/v1/stops?all=true").await.1;
    for (number, _) in found(seen.to_string().as_bytes()) {
        assert!(written.contains(&number), "{}", canary(number));
    }

    // On the disk: while it runs, and when it has stopped.
    let data = service.folder.path().join("velum-data");
    for (number, _) in found(&read(&data)) {
        assert!(written.contains(&number), "{}", canary(number));
    }
    assert_eq!(found(&read(fence.path())), []);
    let folder = service.folder;
    service.running.stop().await;
    let url = format!("sqlite://{}", data.join("velum.sqlite").display());
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(&mut database)
        .await
        .unwrap();
    let kept: Vec<Option<String>> = sqlx::query_scalar("SELECT text FROM audit_secret")
        .fetch_all(&mut database)
        .await
        .unwrap();
    let kept = kept.into_iter().flatten().collect::<Vec<_>>().join("\n");
    // Each stands in the file as often as in that column: nowhere else.
    let (in_column, in_files) = (found(kept.as_bytes()), found(&read(&data)));
    assert_eq!(in_files, in_column);
    // What detectors know was masked before: SSNs and numbers of records.
    assert!(in_column.len() > 16, "{in_column:?}");
    let are_names = in_column.iter().all(|(number, _)| number % 3 == 0);
    assert!(are_names, "{in_column:?}");

    // Erased as docs/audit.md says.
    for statement in [
        "PRAGMA secure_delete = ON",
        "UPDATE audit_secret SET salt = NULL, text = NULL",
        "PRAGMA wal_checkpoint(TRUNCATE)",
    ] {
        sqlx::query(statement).execute(&mut database).await.unwrap();
    }
    database.close().await.unwrap();
    assert_eq!(found(&read(folder.path())), []);
    if let Some(figures) = std::env::var_os("VELUM_FIGURES") {
        let name =
            "two_hundred_canaries_are_in_what_people_wrote_and_once_that_is_erased_nowhere.txt";
        let line = format!(
            "{MOST} canaries through {} operations, {taken} of which have taken a request with them, {} of {} that \
             people wrote in the erasable column, 0 elsewhere",
            ROUTES.len(),
            in_column.len(),
            written.len()
        );
        std::fs::write(Path::new(&figures).join(name), line).unwrap();
    }
}

/// All of them, in every way: the numbers of those that people wrote, and how many operations took some.
async fn drive(service: &Service, aviary: &mut Aviary) -> (BTreeSet<usize>, usize) {
    let mut written = write(service, aviary).await;
    let taken = taken::take(service, aviary, &mut written).await;
    plant(service, aviary, &written).await;
    assert_eq!(aviary.0, MOST);
    (written, taken)
}

/// The same in PostgreSQL: its tables, indexes, write-ahead log and what it prints.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_canaries_are_nowhere_else_in_a_postgres_servers_folder_either() {
    let test = "two_hundred_canaries_are_nowhere_else_in_a_postgres_servers_folder_either";
    let (server, fence) = (
        Postgres::start().await.unwrap(),
        tempfile::tempdir().unwrap(),
    );
    let glass = "\n[break_glass]\ngroup = \"clinical\"\nlifetime = \"30m\"\nactions = [\"read\"]\n";
    let url = server.url();
    let store = format!("[store]\nengine = \"postgres\"\nurl = \"{url}\"\n\n[lifetimes]");
    let configuration = configuration(fence.path()).replacen("[lifetimes]", &store, 1) + glass;
    let service = Service::with(&configuration).await;
    let mut aviary = Aviary(0);
    let (written, _) = drive(&service, &mut aviary).await;
    signed(&service).await;
    let mut database = PgConnection::connect(&url).await.unwrap();
    let kept = sqlx::query_scalar("SELECT text FROM audit_secret WHERE text IS NOT NULL");
    let kept: Vec<String> = kept.fetch_all(&mut database).await.unwrap();
    let in_column = found(kept.join("\n").as_bytes());
    assert!(in_column.len() > 16, "{in_column:?}");
    // Once more in the folder by the write-ahead log, and in that alone; no other table has any.
    sqlx::query("CHECKPOINT")
        .execute(&mut database)
        .await
        .unwrap();
    let mut elsewhere = Vec::new();
    let tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'";
    let tables: Vec<String> = sqlx::query_scalar(tables)
        .fetch_all(&mut database)
        .await
        .unwrap();
    assert!(tables.len() > 20, "{tables:?}");
    for table in tables.iter().filter(|table| *table != "audit_secret") {
        let rows = format!("SELECT t::text FROM \"{table}\" t");
        let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(rows))
            .fetch_all(&mut database)
            .await
            .unwrap();
        elsewhere.extend(rows.join("\n").into_bytes());
    }
    assert_eq!(found(&elsewhere), []);
    database.close().await.unwrap();
    service.running.stop().await;
    let on_disk = found(&read(server.folder()));
    assert!(on_disk.len() >= in_column.len(), "{on_disk:?}");
    for (number, _) in &on_disk {
        assert!(written.contains(number), "{}", canary(*number));
        assert_eq!(number % 3, 0, "what detectors know: {}", canary(*number));
    }
    assert_eq!(found(server.log().as_bytes()), []);
    if let Some(figures) = std::env::var_os("VELUM_FIGURES") {
        let line = format!(
            "{MOST} canaries, {} in PostgreSQL's erasable column and its write-ahead log, 0 in {} other tables",
            in_column.len(),
            tables.len() - 1
        );
        std::fs::write(Path::new(&figures).join(format!("{test}.txt")), line).unwrap();
    }
}

/// A gateway with its own token, under a policy that is known, which leaves out nothing of what callers write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_gateway_does_not_leave_out_is_left_out_here() {
    const WORD: &str = "Zaunkoenig";
    let test = "what_a_gateway_does_not_leave_out_is_left_out_here";
    let fence = tempfile::tempdir().unwrap();
    let service = Service::with(&configuration(fence.path())).await;
    let lines = listen();
    let mut planted = 0;
    let mut told = Vec::new();
    for number in 0..12_u8 {
        let mut next = || {
            planted += 1;
            format!("{WORD}{planted:03}")
        };
        let mut check = service.ask(number);
        check.path = match number % 4 {
            0 => format!("/Patient/{}/{}", next(), next()),
            1 => format!("{} {}", next(), "x/".repeat(200)),
            2 => format!("/{}?name={}", next(), next()),
            _ => format!("/{{…}}{}/{{…}}", next()),
        };
        check.query = format!("{}={}&{}&_since", next(), next(), next());
        check.method = next();
        check.authority = match number % 3 {
            0 => format!("000-31-7{number:03}"),
            1 => format!("{}.fhir.example", next()),
            _ => format!("{} at home", next()),
        };
        check.resource = velum_approval::keyed_token(&[1; 32], next().as_bytes());
        let id = service.pending(&check).await;
        let card = service.show(&id).await;
        assert_eq!(card["method"], "OTHER", "{card}");
        assert!(!card["path"].as_str().unwrap().contains("x/"), "{card}");
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
        let allow = service.check(&check).await;
        service.verified(&check, &allow);
        let outcome = json!({
            "approval": id, "use_key": check.use_key, "status": 200, "records": 1, "bytes": 300,
            "lifted": {"name": 2}, "masked": {}, "drift": {}, "end": "complete",
        });
        let sent = service.call_gateway("POST", "/v1/outcomes", &outcome).await;
        assert_eq!(sent.0, 204, "{}", sent.1);
        let events = json!({
            "worker": "AQEBAQEBAQEBAQEBAQEBAQ", "sequence": u64::from(number) + 1, "lost": 0,
            "from": 1_795_464_104_123_i64, "until": 1_795_464_105_123_i64,
            "rows": [{
                "policy": if number % 2 == 0 { json!(check.policy) } else { json!(check.fingerprint) },
                "action": next(), "outcome": "masked", "status": 200, "requests": 3,
                "masked": {"name": 3},
            }, {
                "policy": check.policy, "action": "health", "outcome": "unread", "status": 200, "requests": 1,
            }],
        });
        let sent = service.call_gateway("POST", "/v1/events", &events).await;
        assert_eq!(sent.0, 200, "{}", sent.1);
        for scope in [
            json!({"kind": "action", "name": next()}),
            json!({"kind": "gateway", "id": next()}),
        ] {
            let stop = json!({"scope": scope});
            let (status, refused) = service.post("grace", "/v1/stops", &stop).await;
            assert_eq!(status, 400, "{refused}");
            let kind = refused["type"].as_str().unwrap();
            assert!(kind.ends_with("/unknown-scope"), "{refused}");
            told.extend(refused.to_string().into_bytes());
        }
        for path in [
            format!("/v1/approvals/{id}"),
            format!("/v1/approvals/{id}/receipt"),
        ] {
            told.extend(service.get("grace", &path).await.1.to_string().into_bytes());
        }
    }
    // The minute of the events is over.
    service.clock.advance(120_000);
    let summarised = async {
        while service.count("mask.summary").await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(15), summarised)
        .await
        .unwrap();
    let log = service.log().await;
    let actions: BTreeSet<_> = log
        .iter()
        .filter(|leaf| leaf["type"] == "org.velum.mask.summary.v1")
        .flat_map(|leaf| leaf["data"]["summary"]["rows"].as_array().unwrap())
        .map(|row| row["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["*", "health"].into());
    told.extend(json!(log).to_string().into_bytes());
    let size = signed(&service).await["size"].as_u64().unwrap();
    let entries = format!("/v1/logs/1/tile/entries/000.p/{size}");
    told.extend(bytes(&service, &entries).await.unwrap());
    for path in ["/v1/approvals?state=used", "/v1/events", "/v1/logs"] {
        told.extend(service.get("grace", path).await.1.to_string().into_bytes());
    }
    told.extend(read(&service.folder.path().join("velum-data")));
    told.extend(read(fence.path()));
    let ours = lines.lock().unwrap().clone();
    assert!(contains(&ours, b"a gateway sent more of a path or query"));
    told.extend(ours);
    assert!(contains(&told, b"/{\xe2\x80\xa6}/{\xe2\x80\xa6}"));
    assert!(!contains(&told, WORD.as_bytes()), "{WORD} is somewhere");
    assert!(!contains(&told, b"000-31-7"), "an authority is somewhere");
    super::log::verified(&service, &[]).await;
    if let Some(figures) = std::env::var_os("VELUM_FIGURES") {
        let line = format!(
            "{planted} canaries in paths, queries, methods, authorities, actions and stops of a gateway that leaves \
             out nothing: 0 hits in {} bytes of leaves, tables, answers and log lines",
            told.len()
        );
        std::fs::write(Path::new(&figures).join(format!("{test}.txt")), line).unwrap();
    }
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|it| it == what)
}

#[tokio::test]
async fn what_was_erased_is_missing_nowhere_in_the_log() {
    let fence = tempfile::tempdir().unwrap();
    let configuration = configuration(fence.path());
    let service = Service::with(&configuration).await;
    let mut check = service.ask(1);
    check.reason = Some(crate::testing::reason(&canary(0)));
    let id = service.pending(&check).await;
    signed(&service).await;
    let stopped = service.stop().await;
    let url = format!("sqlite://{}", stopped.data().join("velum.sqlite").display());
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("UPDATE audit_secret SET salt = NULL, text = NULL")
        .execute(&mut database)
        .await
        .unwrap();
    database.close().await.unwrap();
    let service = stopped.start(&configuration).await;
    assert_eq!(service.show(&id).await.get("reason"), None);
    super::log::verified(&service, &[]).await;
    let _ = reply(service.request("GET", "/livez")).await;
}
