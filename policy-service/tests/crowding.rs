//! Thousands of slow clients: others are served, and memory stays bounded.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const POLICY: &str = include_str!("data/policy.yaml");
const CONFIGURATION: &str = include_str!("data/policy-service.toml");
/// As many as a limit of 4,096 open files lets both sides have.
const CROWD: usize = 3_000;
/// Of the heads that each of them begins.
const BYTES: usize = 15_000;

struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn resident_megabytes(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
    kilobytes.parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_slow_clients_keep_nobody_out_and_take_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policy.yaml"), POLICY).unwrap();
    let file = folder.path().join("service.toml");
    std::fs::write(&file, CONFIGURATION).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_velum-policy-service"))
        .args(["--config".as_ref(), file.as_os_str()])
        .arg("--try")
        .env("RUST_LOG", "warn")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut service = Killed(child);
    let mut line = String::new();
    let mut output = BufReader::new(service.0.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    let url = said["listening"].as_str().unwrap();
    let address = url.strip_prefix("http://").unwrap();
    let before = resident_megabytes(service.0.id());

    let first = [
        b"GET /livez HTTP/1.1\r\nx: ".as_slice(),
        &b"a".repeat(BYTES),
    ]
    .concat();
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&first).await.unwrap();
        crowd.push(stream);
    }
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for _ in 0..5 {
        let begun = Instant::now();
        let response = client.get(format!("{url}/readyz")).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let elapsed = begun.elapsed();
        assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
    }
    let after = resident_megabytes(service.0.id());
    // Each holds a buffer of a head at most, and what its task needs.
    assert!(after - before < 200, "{before} MB, then {after} MB");
    // They are gone after their ten seconds, and what they took is free for others.
    let begun = Instant::now();
    while crowd
        .iter()
        .any(|stream| stream.try_read(&mut [0; 1]).is_err())
    {
        assert!(begun.elapsed() < Duration::from_secs(25), "some stay");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
