use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::failure::During;
use crate::{Failure, Result};

/// A child process whose output goes to files and which is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    stdout: PathBuf,
}

impl Process {
    /// Starts `command`. Its standard error goes to `<folder>/<name>.log`, its standard output to
    /// `<folder>/<name>.stdout`; a later process of that name appends to the log.
    pub fn start(name: &str, mut command: Command, folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let stdout = folder.join(format!("{name}.stdout"));
        let log_file = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .during("log file")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(File::create(&stdout).during("output file")?)
            .stderr(log_file)
            .spawn()
            .during(&format!("starting {name}"))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log,
            stdout,
        })
    }

    /// Waits until the process has printed a line on standard output, and gives it.
    pub async fn first_line(&mut self, patience: Duration) -> Result<String> {
        let path = self.stdout.clone();
        self.wait_for("its first line", patience, || {
            let text = fs::read_to_string(&path).ok()?;
            text.split_once('\n').map(|(line, _)| line.to_owned())
        })
        .await
    }

    /// Polls `ready` until it gives something; fails when the process ends or patience does.
    pub(crate) async fn wait_for<T>(
        &mut self,
        what: &str,
        patience: Duration,
        mut ready: impl FnMut() -> Option<T>,
    ) -> Result<T> {
        let start = Instant::now();
        loop {
            if let Some(found) = ready() {
                return Ok(found);
            }
            if let Some(status) = self.ended()? {
                return Err(self.failed(&format!("ended with {status} before {what}")));
            }
            if start.elapsed() > patience {
                return Err(self.failed(&format!("gave no {what} within {patience:?}")));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// How the process ended, if it has.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().during(&self.name)
    }

    /// Kills the process and waits until it is gone.
    pub fn kill(&mut self) {
        // Both fail only if the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// A figure of `/proc/<pid>/status` about memory, in bytes.
    pub fn memory(&self, field: &str) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .during("a process's memory")?;
        status
            .lines()
            .find_map(|line| {
                line.strip_prefix(field)?
                    .trim()
                    .strip_suffix(" kB")?
                    .parse::<u64>()
                    .ok()
            })
            .map(|kibibytes| kibibytes * 1024)
            .ok_or_else(|| Failure::new(format!("no {field} in a process's /proc status")))
    }

    /// All it has written to standard error, then all of standard output.
    pub fn log(&self) -> String {
        let read = |path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
        read(&self.log) + &read(&self.stdout)
    }

    fn failed(&self, what: &str) -> Failure {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = &lines[lines.len().saturating_sub(25)..];
        Failure::new(format!(
            "{} {what}; the end of its log:\n{}",
            self.name,
            tail.join("\n")
        ))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
