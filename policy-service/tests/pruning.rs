//! `velum-policy-service prune`, as the program.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use serde_json::Value;
use velum_approval::Timestamp;
use velum_policy_service::clock::ManualClock;
use velum_policy_service::{Config, Options, Running, serve};

const POLICY: &str = include_str!("data/policy.yaml");
const CONFIGURATION: &str = include_str!("data/policy-service.toml");
/// Two seconds before 1 January 2025 (UTC).
const OLD_YEAR: Timestamp = Timestamp::from_millis(1_735_689_598_000);

async fn logs(service: &Running) -> Vec<Value> {
    let client = Client::builder().no_proxy().build().unwrap();
    let request = client.get(format!("http://{}/v1/logs", service.address));
    let answer = request
        .bearer_auth(&service.reviewers["grace"])
        .send()
        .await;
    let logs: Value = answer.unwrap().json().await.unwrap();
    logs["logs"].as_array().unwrap().clone()
}

/// A store that has the whole log of 2024, and the one of 2025.
async fn of_two_years(folder: &Path) {
    let config = Config::from_file(&folder.join("service.toml")).unwrap();
    let clock = Arc::new(ManualClock::new(OLD_YEAR));
    let options = Options {
        try_mode: true,
        clock: clock.clone(),
        ..Options::default()
    };
    let service = serve(config, options).await.unwrap();
    clock.advance(3_000);
    let rolled = async {
        loop {
            let logs = logs(&service).await;
            if logs.len() == 2 && logs.iter().all(|log| log["signed"] == log["size"]) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), rolled)
        .await
        .unwrap();
    service.stop().await;
}

fn prune(folder: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_velum-policy-service"));
    command
        .arg("prune")
        .args(["--config".as_ref(), folder.join("service.toml").as_os_str()])
        .args(["--reason", "heliotrope"])
        .args(more);
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_removes_a_year_only_when_it_is_told_so_and_says_what_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("policy.yaml"), POLICY).unwrap();
    let audit =
        "\n[audit]\nname = \"audit.example.org/velum\"\nfence = \"fence\"\nretention_days = 30\n";
    std::fs::write(
        folder.join("service.toml"),
        format!("{CONFIGURATION}{audit}"),
    )
    .unwrap();
    of_two_years(folder).await;
    let by_grace = ["--by", "grace", "--before", "2025"];
    for (more, code, part) in [
        (&by_grace[..], 0, "velum/2024 would go"),
        (
            &["--by", "grace", "--before", "2025", "--dry-run"],
            0,
            "Nothing was removed",
        ),
        (
            &["--by", "nobody", "--before", "2025", "--yes"],
            2,
            "nobody is no reviewer",
        ),
        (
            &["--by", "grace", "--before", "2026", "--yes", "--dry-run"],
            2,
            "--dry-run",
        ),
        (&["--by", "grace"], 2, "--before"),
        (
            &["--by", "grace", "--before", "2025", "--yes"],
            0,
            "velum/2024 is gone",
        ),
        (
            &["--by", "grace", "--before", "2025", "--yes"],
            0,
            "there is no log of a year before 2025",
        ),
    ] {
        let output = prune(folder, more);
        assert_eq!(output.status.code(), Some(code), "{more:?}: {output:?}");
        let (said, errors) = (text(&output.stdout), text(&output.stderr));
        let place = if code == 0 { said } else { errors };
        assert!(place.contains(part), "{more:?}: {said} {errors}");
        assert!(!said.contains("heliotrope") && !errors.contains("heliotrope"));
    }
    // The service goes on with what is left, and tells of it.
    let config = Config::from_file(&folder.join("service.toml")).unwrap();
    let options = Options {
        try_mode: true,
        ..Options::default()
    };
    let service = serve(config, options).await.unwrap();
    assert!(logs(&service).await[0]["pruned"].is_u64());
    service.stop().await;
}
