//! A canary planted wherever a caller can write is found nowhere that outlives the request.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use velum_harness::{Reply, Reviewer};

use velum_end_to_end::stage::{REVIEWER, Setup, figure};

/// What the detectors know: it must be masked even where text is free.
const DETECTED: [&str; 3] = ["000-65-4321", "202-555-0173", "canary.bird@example.org"];
/// A plain word, which no detector can know, in path, query, keys and body.
const PLAIN: &str = "Kanarienvogel";
/// A plain word in the reason alone.
const REASON: &str = "Wellensittich";

#[tokio::test]
async fn planted_in_body_key_path_query_and_reason_are_found_nowhere() {
    let mut setup = Setup::new(|request| {
        if request.path.starts_with("/broken") {
            return Reply::new(200)
                .header("content-type", "application/json")
                .whole(format!("{{\"{PLAIN}\":\"{}\" oops {PLAIN}", DETECTED[0]));
        }
        Reply::json(&json!({
            "resourceType": "Patient", "name": [{"family": PLAIN}], DETECTED[0]: DETECTED[1],
            PLAIN: {"name": [{"family": PLAIN}]}, "contact": [{"name": {"family": PLAIN, PLAIN: PLAIN}}],
            "note": format!("call {} or write {}", DETECTED[1], DETECTED[2]),
        }))
    });
    setup.lifetimes = Some(("15m", "5m"));
    let stage = setup.start().await;
    let detected = DETECTED.join(" ");
    let path = format!("/Patient/{PLAIN}-000-65-4321?family={PLAIN}&{PLAIN}=000-65-4321");
    let reason = format!("{REASON} {detected}");

    let ask = |path: &str| {
        stage
            .agent("GET", path)
            .header("velum-lift", "name")
            .header("velum-reason", &reason)
    };
    let masked = ask(&path).send().await.expect("an answer");
    for canary in DETECTED {
        assert!(
            !masked.text().contains(canary),
            "{canary} in {}",
            masked.text()
        );
    }
    let id = masked
        .header("velum-approval")
        .expect("an approval id")
        .to_owned();
    let shown = stage
        .reviewer(REVIEWER)
        .show(&id)
        .await
        .expect("shown")
        .body
        .to_string();
    for canary in DETECTED {
        assert!(!shown.contains(canary), "{canary} in {shown}");
    }
    assert_eq!(stage.pending().await["id"], id.as_str());
    // Reviewers are shown where names stand: the keys that the policy knows, and nothing of the body.
    let card = stage
        .reviewer(REVIEWER)
        .show(&id)
        .await
        .expect("shown")
        .body;
    let fields = card["shape"]["fields"].as_array().expect("a shape");
    assert!(
        fields
            .iter()
            .any(|field| field["path"] == "$.name[*].family"),
        "{card}"
    );
    assert!(
        fields
            .iter()
            .any(|field| field["path"].as_str().unwrap_or("").contains(".*")),
        "{card}"
    );
    for canary in DETECTED.into_iter().chain([PLAIN]) {
        assert!(
            !card["shape"].to_string().contains(canary),
            "{canary} in {card}"
        );
    }
    stage
        .reviewer(REVIEWER)
        .approve(&id, None)
        .await
        .expect("approve");
    let released = ask(&path).send().await.expect("an answer");
    assert!(released.text().contains(PLAIN), "the name was released");
    for request in [
        ask(&format!("/broken/{PLAIN}")),
        ask(&format!("/Patient/{PLAIN};{PLAIN}=1")),
        ask(&path).header("velum-approval", PLAIN),
        stage.agent("GET", &path).header("velum-lift", PLAIN),
        stage.agent("DELETE", &path).header("velum-reason", &reason),
        stage
            .agent("PUT", &path)
            .header("content-type", "application/json")
            .body(format!("{{\"{PLAIN}\":\"000-65-4321\"")),
        stage
            .client()
            .get(&path)
            .bearer(&stage.jwt.agent("intake-bot", "dr-smith"))
            .header("velum-lift", "name")
            .header("velum-reason", &reason),
    ] {
        request.send().await.expect("an answer");
    }

    let audit = json!(stage.reviewer(REVIEWER).audit(None).await.expect("audit")).to_string();
    assert!(audit.contains("grant.used"), "{audit}");
    let mut looked_at = 0;
    let mut places = vec![
        ("Envoy's log".to_owned(), stage.envoy.log().into_bytes()),
        (
            "the service's log".to_owned(),
            stage.service.log().into_bytes(),
        ),
        ("the audit records".to_owned(), audit.into_bytes()),
    ];
    files(&stage.service.data_dir(), &mut places);
    for (place, bytes) in &places {
        for canary in DETECTED {
            assert!(!contains(bytes, canary), "{canary} is in {place}");
        }
        assert!(!contains(bytes, PLAIN), "{PLAIN} is in {place}");
        // The reason lives in the database, and there in one column: see below.
        let is_database = bytes.starts_with(b"SQLite format 3") || place.ends_with("-wal");
        assert!(
            is_database || !contains(bytes, REASON),
            "{REASON} is in {place}"
        );
        looked_at += bytes.len();
    }
    let (database, _) = places
        .iter()
        .find(|(place, bytes)| bytes.starts_with(b"SQLite format 3") && !place.ends_with("-wal"))
        .expect("the database");
    assert_only_in_erasable_column(database).await;
    figure(
        "planted_in_body_key_path_query_and_reason_are_found_nowhere",
        &format!("0 hits in {looked_at} bytes of logs, database and records"),
    );
}

/// A name, an SSN or the number of a record that is nowhere else.
fn canary(number: usize) -> String {
    match number % 3 {
        0 => format!("Thistlewood{number:03}q"),
        1 => format!("MRN-77{number:03}31"),
        _ => format!("000-{:02}-7{number:03}", 10 + number % 80),
    }
}

#[tokio::test]
async fn two_hundred_through_envoy_are_found_in_the_erasable_column_alone() {
    const MOST: usize = 200;
    // Each answer has what its path has, as values, as a name of a member and in a text.
    let mut setup = Setup::new(|request| {
        let asked = request.path.trim_start_matches("/Patient/");
        let (asked, _) = asked.split_once('?').unwrap_or((asked, ""));
        Reply::json(&json!({
            "resourceType": "Patient", "name": [{"family": asked}], asked: asked,
            "identifier": [{"system": "urn:mrn", "value": asked}], "ssn": asked,
            "contact": [{asked: {"family": asked}, "name": {"family": asked}}],
        }))
        .header("x-note", asked)
    });
    setup.lifetimes = Some(("15m", "5m"));
    let stage = setup.start().await;
    let (mut released, mut shapes, mut written) = (0, 0, Vec::new());
    for round in 0..MOST / 5 {
        let [path, query, header, reason, comment] =
            [0, 1, 2, 3, 4].map(|number| canary(5 * round + number));
        let ask = || {
            stage
                .agent("GET", &format!("/Patient/{path}?family={query}&{query}=1"))
                .header("velum-lift", "name")
                .header("velum-reason", format!("for {reason}"))
                .header("x-note", &header)
                .header("host", format!("{header}.example"))
                .header("traceparent", &header)
        };
        let answer = ask().send().await.expect("an answer");
        written.push(5 * round + 3);
        let Some(id) = answer.header("velum-approval").map(str::to_owned) else {
            continue;
        };
        let reviewer = stage.reviewer(REVIEWER);
        if round % 8 == 0 {
            // What reviewers are shown of the answer has nothing of its words.
            let shape = shape(&reviewer, &id).await;
            shapes += usize::from(shape.contains("$.name[*].family"));
            for number in 0..MOST {
                assert!(
                    !shape.contains(&canary(number)),
                    "{} in {shape}",
                    canary(number)
                );
            }
        }
        if round % 2 == 0 {
            reviewer.approve(&id, None).await.expect("approve");
            released += usize::from(ask().send().await.expect("an answer").status == 200);
        } else {
            // What a reviewer writes.
            reviewer.deny(&id, Some(&comment)).await.expect("deny");
            written.push(5 * round + 4);
        }
    }
    assert!(released > 0, "nothing was released");
    assert!(shapes > 0, "nobody was shown where names stand");

    let audit = json!(stage.reviewer(REVIEWER).audit(None).await.expect("audit")).to_string();
    let mut places = vec![
        ("Envoy's log".to_owned(), stage.envoy.log().into_bytes()),
        (
            "the service's log".to_owned(),
            stage.service.log().into_bytes(),
        ),
        ("the audit records".to_owned(), audit.into_bytes()),
    ];
    files(&stage.service.data_dir(), &mut places);
    let (mut hits, mut looked_at) = (0, 0);
    for (place, bytes) in &places {
        looked_at += bytes.len();
        let is_database = place.ends_with(".sqlite") || place.ends_with("-wal");
        for number in (0..MOST).filter(|number| contains(bytes, &canary(*number))) {
            // Names that people wrote, and no number that a detector knows.
            let may_be = is_database && written.contains(&number) && number % 3 == 0;
            assert!(may_be, "{} is in {place}", canary(number));
            hits += 1;
        }
    }
    figure(
        "two_hundred_through_envoy_are_found_in_the_erasable_column_alone",
        &format!(
            "{MOST} canaries, {released} releases, {shapes} shapes, {hits} hits of what people wrote in {looked_at} bytes"
        ),
    );
}

/// The shape that reviewers are shown, once it is there.
async fn shape(reviewer: &Reviewer, id: &str) -> String {
    for _ in 0..100 {
        let card = reviewer.show(id).await.expect("shown").body;
        if card["state"] != "collecting" {
            return card["shape"].to_string();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no evidence came");
}

/// Looks into every column of every table.
async fn assert_only_in_erasable_column(database: &str) {
    let options = SqliteConnectOptions::new()
        .filename(database)
        .read_only(true);
    let pool = SqlitePool::connect_with(options)
        .await
        .expect("the database opens");
    let columns: Vec<(String, String)> = sqlx::query_as(
        "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c \
         WHERE m.type = 'table'",
    )
    .fetch_all(&pool)
    .await
    .expect("the schema");
    let mut found = Vec::new();
    for (table, column) in columns {
        let query = format!(
            "SELECT count(*) FROM \"{table}\" WHERE instr(CAST(\"{column}\" AS BLOB), CAST(? AS BLOB)) > 0"
        );
        let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(query))
            .bind(REASON)
            .fetch_one(&pool)
            .await
            .expect("a count");
        if count > 0 {
            found.push(format!("{table}.{column}"));
        }
    }
    assert_eq!(
        found,
        ["audit_secret.text"],
        "the reason lives in its erasable column alone"
    );
}

fn files(folder: &Path, places: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).expect("the data folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, places);
        } else {
            places.push((
                path.display().to_string(),
                std::fs::read(&path).expect("readable"),
            ));
        }
    }
}

fn contains(bytes: &[u8], canary: &str) -> bool {
    bytes
        .windows(canary.len())
        .any(|window| window == canary.as_bytes())
}
