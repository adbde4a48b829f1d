//! Requests that schemathesis makes of the document: `cargo xtask schemathesis`. Its program is named by
//! `VELUM_SCHEMATHESIS`; without it there is nothing to run.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::testing::{CONFIGURATION, Service, identity};

/// What every answer must keep to.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
     response_headers_conformance,response_schema_conformance";
/// How many requests of each operation the longest phase makes; `VELUM_LONG` asks for more.
const EXAMPLES: (&str, &str) = ("20", "500");
/// Longer than any answer takes that waits for nothing.
const PATIENCE: Duration = Duration::from_mins(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_generated_request_finds_a_fault_or_an_answer_that_is_not_in_the_document() {
    let name = "no_generated_request_finds_a_fault_or_an_answer_that_is_not_in_the_document";
    let Some(program) = std::env::var_os("VELUM_SCHEMATHESIS").map(PathBuf::from) else {
        figure(
            name,
            "skipped: schemathesis is not here: cargo xtask schemathesis",
        );
        return;
    };
    let service = Service::with(&configuration()).await;
    let ids = furnish(&service).await;
    let folder = tempfile::tempdir().unwrap();
    let mut requests = 0;
    let mut audiences = BTreeSet::new();
    for (audience, token) in [
        ("public", ""),
        ("gateway", service.gateway()),
        ("reviewer", service.reviewer("grace")),
        ("audit", service.reviewer("grace")),
    ] {
        let made = run(&program, &service, folder.path(), &ids, (audience, token)).await;
        assert!(made > 0, "no request of {audience}");
        requests += made;
        audiences.insert(audience);
    }
    let document: Value = service
        .request("GET", "/v1/openapi.json")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let tags = document["tags"].as_array().unwrap().iter();
    let tags: BTreeSet<_> = tags.map(|tag| tag["name"].as_str().unwrap()).collect();
    assert_eq!(audiences, tags, "each operation is of one of them");
    figure(name, &format!("{requests} requests, no fault"));
    // Nothing of all that has stopped it.
    assert_eq!(
        service
            .request("GET", "/readyz")
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
}

fn configuration() -> String {
    let glass = "[break_glass]\ngroup = \"clinical\"\nlifetime = \"30m\"\nactions = [\"read\"]\n";
    let limits = CONFIGURATION.replace("pending_per_principal = 5", "pending_per_principal = 500");
    format!("{limits}\n{glass}")
}

/// Makes one thing in each state, so that ids lead somewhere; returns the ids.
async fn furnish(service: &Service) -> Vec<Value> {
    let mut ids = Vec::new();
    for request in 0..6 {
        let mut check = service.ask(request);
        check.evidence = request == 5;
        let id = service.pending(&check).await;
        match request {
            1 => drop(service.deny("omar", &id, json!({})).await),
            2 | 3 => drop(service.approve("omar", &id, json!({})).await),
            _ => {}
        }
        if request == 3 {
            service.verified(&check, &service.check(&check).await);
        }
        ids.push(json!(id));
    }
    let stop = json!({"scope": {"kind": "action", "name": "purge"}});
    let emergency = json!({
        "principal": identity("dr-jones"), "action": "read", "reason": "drill", "minutes": 1,
    });
    for (path, body) in [("/v1/stops", stop), ("/v1/emergencies", emergency)] {
        let (status, made) = service.post("omar", path, &body).await;
        assert_eq!(status, 201, "{made}");
        ids.push(made["id"].clone());
    }
    ids
}

/// Runs it over the operations of one audience, and returns how many requests it made.
async fn run(
    program: &Path,
    service: &Service,
    folder: &Path,
    ids: &[Value],
    (audience, token): (&str, &str),
) -> usize {
    let long = std::env::var_os("VELUM_LONG").is_some();
    let settings = folder.join(format!("{audience}.toml"));
    let report = folder.join(format!("{audience}.ndjson"));
    // Nothing waits; half of the ids are those of something.
    let text = format!(
        "[dictionaries.ids]\nvalues = {}\n\n[parameters]\nwait = 0\nprefer = \"wait=0\"\n\
         \"path.id\" = {{dictionary = \"ids\", probability = 0.5}}\n",
        json!(ids)
    );
    std::fs::write(&settings, text).unwrap();
    let mut command = Command::new(program);
    command
        .arg("--config-file")
        .arg(&settings)
        .arg("run")
        .arg(service.url("/v1/openapi.json"))
        .args(["--include-tag", audience, "--checks", CHECKS])
        // Streams do not end; they have tests of their own.
        .args(["--exclude-operation-id", "followApproval"])
        .args(["--exclude-operation-id", "followApprovals"])
        .args(["--phases", "examples,coverage,fuzzing", "--seed", "1"])
        .args(["--max-examples", if long { EXAMPLES.1 } else { EXAMPLES.0 }])
        .args([
            "--request-timeout",
            "30",
            "--no-color",
            "--continue-on-failure",
        ])
        .arg("--report-ndjson-path")
        .arg(&report)
        .current_dir(folder)
        .stdin(Stdio::null());
    if !token.is_empty() {
        command.args(["--header", &format!("Authorization: Bearer {token}")]);
    }
    let running = tokio::task::spawn_blocking(move || command.output());
    let output = tokio::time::timeout(PATIENCE, running).await;
    let output = output.expect("it ends").unwrap().unwrap();
    assert!(output.status.success(), "{audience}:\n{}", text_of(&output));
    let report = std::fs::read_to_string(&report).unwrap_or_default();
    report.matches("\"status_code\"").count()
}

fn text_of(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    text.into_owned()
}

/// Leaves a figure for `cargo xtask claims`.
fn figure(test: &str, figure: &str) {
    if let Some(folder) = std::env::var_os("VELUM_FIGURES") {
        std::fs::write(Path::new(&folder).join(format!("{test}.txt")), figure).unwrap();
    }
}
