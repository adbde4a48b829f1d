//! The program, and the folder of its configuration.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde_json::Value;

use crate::load::Caller;
use crate::policy::POLICY;

const CONFIGURATION: &str = include_str!("../data/policy-service.toml");

/// The fence, in the folder of the configuration: it is a file of another volume.
pub(crate) const FENCE: &str = "fence";

/// The program, on a folder.
pub(crate) struct Service {
    child: Child,
    pub(crate) caller: Caller,
}

impl Service {
    /// Starts one on a folder, under the library where `unflushed` is some; `None`: it does not start.
    pub(crate) fn start(folder: &Path, recorded: Option<&str>) -> Option<Service> {
        let mut log = File::options();
        let log = log.create(true).append(true).open(folder.join("log"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_velum-policy-service"));
        command
            .args(["--config".as_ref(), folder.join("service.toml").as_os_str()])
            .arg("--try")
            .stdout(Stdio::piped())
            .stderr(log.unwrap());
        if let Some(unflushed) = recorded {
            command
                .env("LD_PRELOAD", folder.join("journal.so"))
                .env("VELUM_JOURNAL", folder.join("journal"))
                .env("VELUM_UNFLUSHED", unflushed);
        }
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        let Ok(said) = serde_json::from_str::<Value>(&line) else {
            child.wait().unwrap();
            return None;
        };
        let caller = Caller::new(&said, &folder.join("journal"));
        Some(Service { child, caller })
    }

    /// Lets it end in good order.
    pub(crate) fn stop(mut self) {
        rustix::process::kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until it is ready, and every record is under a signed head.
    pub(crate) async fn is_ready(&self) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(15) {
            let (status, text) = self.caller.get("/readyz").await.unwrap();
            let logs = self.caller.json("/v1/logs").await;
            let log = &logs["logs"][0];
            let is_sound = status == 200 && !text.contains("no head") && !text.contains("damaged");
            if is_sound && logs["is_recovering"] != true && log["signed"] == log["size"] {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A folder with a configuration.
pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policy.yaml"), POLICY).unwrap();
    // Longer than a long run: nothing expires meanwhile.
    let configuration = CONFIGURATION
        .replace("pending_per_principal = 5", "pending_per_principal = 10000")
        .replace("asks_per_minute = 1000", "asks_per_minute = 100000")
        .replace("pending = \"15m\"", "pending = \"12h\"")
        .replace("grant = \"5m\"", "grant = \"1h\"");
    let audit = format!("\n[audit]\nfence = \"{FENCE}\"\n");
    std::fs::write(folder.path().join("service.toml"), configuration + &audit).unwrap();
    folder
}
