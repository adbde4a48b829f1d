use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::failure::During;
use crate::{Client, Failure, Process, Result, locations};

/// How to start an Envoy.
#[derive(Debug, Clone)]
pub struct EnvoyOptions {
    /// The bootstrap, YAML or JSON; listeners and admin may have port 0.
    pub config_yaml: String,
    /// Environment variables for the process.
    pub environment: Vec<(String, String)>,
    /// Worker threads.
    pub concurrency: u32,
    /// Envoy's log level, or levels by component: `info` or `warning,wasm:debug`.
    pub log_level: String,
    /// The binary; `None` takes the newest, which every test runs on.
    pub binary: Option<PathBuf>,
    /// More arguments for the command line.
    pub arguments: Vec<String>,
    /// Whether another process may take over from this one, and how long that takes.
    pub hot_restart: Option<HotRestart>,
}

/// The times of a hot restart, in whole seconds.
#[derive(Debug, Clone, Copy)]
pub struct HotRestart {
    /// `--drain-time-s`.
    pub drain: Duration,
    /// `--parent-shutdown-time-s`: when the old process ends, from when the new one listens.
    pub parent_shutdown: Duration,
}

impl EnvoyOptions {
    /// One worker, log level `info`, no environment.
    pub fn new(config_yaml: impl Into<String>) -> Self {
        Self {
            config_yaml: config_yaml.into(),
            environment: Vec::new(),
            concurrency: 1,
            log_level: "info".to_owned(),
            binary: None,
            arguments: Vec::new(),
            hot_restart: None,
        }
    }

    /// The same, ready for hot restarts of these times.
    #[must_use]
    pub fn hot_restart(mut self, drain: Duration, parent_shutdown: Duration) -> Self {
        self.hot_restart = Some(HotRestart {
            drain,
            parent_shutdown,
        });
        self
    }

    /// The same with one environment variable more.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A running Envoy with a folder of its own, both gone when this is dropped.
#[derive(Debug)]
pub struct Envoy {
    // Declared first: the process must be dead before its folder goes.
    process: Process,
    admin: SocketAddr,
    listeners: Vec<(String, SocketAddr)>,
    options: EnvoyOptions,
    /// Where hot restarts are possible.
    epoch: Option<Epoch>,
    _folder: TempDir,
}

/// A process in a row of hot restarts.
#[derive(Debug, Clone)]
struct Epoch {
    number: u32,
    base: Arc<Base>,
}

/// What the processes of such a row have in common: the id by which they find each other.
#[derive(Debug)]
struct Base(u64);

impl Base {
    fn read(file: &Path) -> Result<Self> {
        let id = fs::read_to_string(file).during("Envoy's base id")?;
        id.trim().parse().map(Self).during("Envoy's base id")
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        // Shared memory that Envoy leaves behind, under ten times the id.
        let _ = fs::remove_file(format!("/dev/shm/envoy_shared_memory_{}", self.0 * 10));
    }
}

impl Envoy {
    /// Starts Envoy and waits until it is ready. Fails with the end of its log if it refuses the
    /// configuration.
    pub async fn start(options: EnvoyOptions) -> Result<Self> {
        Self::start_at(options, None).await
    }

    /// Starts the process that takes over from this one (`--restart-epoch`) with the same
    /// bootstrap, which has to be JSON, and waits until it is ready. This one drains from then on,
    /// has no admin interface any more, and ends by itself when its time is over.
    pub async fn hot_restart(&self) -> Result<Self> {
        let epoch = self.epoch.as_ref();
        let epoch = epoch.ok_or_else(|| Failure::new("this Envoy takes no hot restart"))?;
        let next = Epoch {
            number: epoch.number + 1,
            base: Arc::clone(&epoch.base),
        };
        let mut options = self.options.clone();
        options.config_yaml = with_ports(&options.config_yaml, &self.listeners)?;
        Self::start_at(options, Some(next)).await
    }

    async fn start_at(options: EnvoyOptions, epoch: Option<Epoch>) -> Result<Self> {
        let folder = tempfile::tempdir().during("temporary folder")?;
        let admin_file = folder.path().join("admin");
        let base_file = folder.path().join("base");
        let mut command = command(&options, folder.path())?;
        command.arg("--admin-address-path").arg(&admin_file);
        match (&options.hot_restart, &epoch) {
            (None, _) => command.args(["--use-dynamic-base-id", "--disable-hot-restart"]),
            (Some(times), None) => times
                .put(&mut command)
                .args(["--use-dynamic-base-id", "--base-id-path"])
                .arg(&base_file),
            (Some(times), Some(epoch)) => times
                .put(&mut command)
                .args(["--base-id", &epoch.base.0.to_string()])
                .args(["--restart-epoch", &epoch.number.to_string()]),
        };
        let mut process = Process::start("envoy", command, folder.path())?;
        let patience = Duration::from_mins(1);
        let admin: SocketAddr = process
            .wait_for("admin address", patience, || {
                fs::read_to_string(&admin_file).ok()?.trim().parse().ok()
            })
            .await?;
        // It is written before the configuration is read, and so before the admin's address.
        let epoch = match (options.hot_restart, epoch) {
            (Some(_), None) => Some(Epoch {
                number: 0,
                base: Arc::new(Base::read(&base_file)?),
            }),
            (_, epoch) => epoch,
        };
        wait_until_ready(&mut process, admin, patience).await?;
        let listeners = listeners(admin).await?;
        Ok(Self {
            process,
            admin,
            listeners,
            options,
            epoch,
            _folder: folder,
        })
    }

    /// What `envoy --mode validate` says of a configuration: its log, as `Err` if it is refused.
    pub async fn validate(options: EnvoyOptions) -> Result<String> {
        let folder = tempfile::tempdir().during("temporary folder")?;
        let mut command = command(&options, folder.path())?;
        command.args(["--use-dynamic-base-id", "--disable-hot-restart"]);
        command.args(["--mode", "validate"]);
        let mut process = Process::start("envoy", command, folder.path())?;
        let start = Instant::now();
        loop {
            if let Some(status) = process.ended()? {
                let log = process.log();
                return if status.success() {
                    Ok(log)
                } else {
                    Err(Failure::new(log))
                };
            }
            if start.elapsed() > Duration::from_mins(1) {
                return Err(Failure::new("envoy --mode validate does not end"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The address of the first listener.
    pub fn address(&self) -> SocketAddr {
        self.listeners[0].1
    }

    /// The address of the listener of that name.
    pub fn listener(&self, name: &str) -> Option<SocketAddr> {
        self.listeners
            .iter()
            .find(|(listener, _)| listener == name)
            .map(|(_, address)| *address)
    }

    /// The first listener's address as `http://…`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// A client of the first listener.
    pub fn client(&self) -> Client {
        Client::new(self.address())
    }

    /// What the admin interface answers to `GET path`.
    pub async fn admin(&self, path: &str) -> Result<String> {
        let answer = Client::new(self.admin).call("GET", path).send().await?;
        Ok(answer.text())
    }

    /// Tells the admin interface to do something: `POST path`.
    pub async fn command(&self, path: &str) -> Result<String> {
        let answer = Client::new(self.admin).call("POST", path).send().await?;
        if answer.status == 200 {
            Ok(answer.text())
        } else {
            let said = format!("{path}: {} {}", answer.status, answer.text());
            Err(Failure::new(said))
        }
    }

    /// Kills it (SIGKILL), and returns when it is gone.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Waits until the process has ended by itself.
    pub async fn wait_for_end(&mut self, patience: Duration) -> Result<()> {
        let start = Instant::now();
        while self.process.ended()?.is_none() {
            if start.elapsed() > patience {
                return Err(Failure::new(format!("Envoy goes on after {patience:?}")));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// The value of one counter or gauge; `None` while Envoy has none of that name.
    pub async fn stat(&self, name: &str) -> Result<Option<u64>> {
        let text = self.admin("/stats").await?;
        Ok(text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")?.parse().ok()))
    }

    /// All that Envoy has logged.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.process.ended(), Ok(None))
    }

    /// Resident memory in bytes, from `/proc/<pid>/status`.
    pub fn rss_bytes(&self) -> Result<u64> {
        self.process.memory("VmRSS:")
    }

    /// The most resident memory it has ever had, in bytes.
    pub fn peak_rss_bytes(&self) -> Result<u64> {
        self.process.memory("VmHWM:")
    }

    /// CPU time of all threads. In nanoseconds from `/proc/<pid>/task/*/schedstat`; from
    /// `/proc/<pid>/stat`, in steps of 10 ms, where the kernel keeps no such statistics.
    pub fn cpu_time(&self) -> Result<Duration> {
        let proc = format!("/proc/{}", self.process.id());
        let mut nanoseconds = 0;
        for thread in fs::read_dir(format!("{proc}/task")).during("Envoy's threads")? {
            let path = thread.during("Envoy's threads")?.path().join("schedstat");
            let text = fs::read_to_string(path).unwrap_or_default();
            nanoseconds += text
                .split(' ')
                .next()
                .and_then(|n| n.parse::<u64>().ok())
                .unwrap_or(0);
        }
        if nanoseconds > 0 {
            return Ok(Duration::from_nanos(nanoseconds));
        }
        let stat = fs::read_to_string(format!("{proc}/stat")).during("Envoy's CPU time")?;
        // proc(5): the name in brackets may hold spaces; utime and stime are fields 14 and 15.
        let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        let ticks: u64 = fields
            .split(' ')
            .skip(11)
            .take(2)
            .filter_map(|n| n.parse::<u64>().ok())
            .sum();
        Ok(Duration::from_millis(ticks * 10))
    }
}

impl HotRestart {
    fn put<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let seconds = |time: Duration| time.as_secs().to_string();
        command
            .args(["--drain-time-s", &seconds(self.drain)])
            .args(["--parent-shutdown-time-s", &seconds(self.parent_shutdown)])
    }
}

/// The bootstrap with the ports that these listeners got: the next process takes over what listens
/// at the very address.
fn with_ports(bootstrap: &str, listeners: &[(String, SocketAddr)]) -> Result<String> {
    let mut document: Value = serde_json::from_str(bootstrap).during("the bootstrap")?;
    let all = document.pointer_mut("/static_resources/listeners");
    for listener in all.and_then(Value::as_array_mut).into_iter().flatten() {
        let name = listener["name"].as_str();
        let bound = listeners.iter().find(|(bound, _)| Some(&**bound) == name);
        if let Some((_, address)) = bound {
            listener["address"]["socket_address"]["port_value"] = address.port().into();
        }
    }
    Ok(document.to_string())
}

fn command(options: &EnvoyOptions, folder: &Path) -> Result<Command> {
    let config = folder.join("bootstrap.yaml");
    fs::write(&config, &options.config_yaml).during("writing the bootstrap")?;
    let binary = options.binary.clone().map_or_else(locations::envoy, Ok)?;
    let mut command = Command::new(binary);
    command
        .arg("--config-path")
        .arg(&config)
        .args(["--concurrency", &options.concurrency.to_string()])
        .args(&options.arguments)
        .current_dir(folder)
        .envs(
            options
                .environment
                .iter()
                .map(|(name, value)| (name, value)),
        );
    match options.log_level.split_once(',') {
        Some((level, components)) => {
            command.args(["--log-level", level, "--component-log-level", components])
        }
        None => command.args(["--log-level", &options.log_level]),
    };
    Ok(command)
}

async fn wait_until_ready(
    process: &mut Process,
    admin: SocketAddr,
    patience: Duration,
) -> Result<()> {
    let start = Instant::now();
    let client = Client::new(admin);
    loop {
        if let Ok(answer) = client.call("GET", "/ready").send().await
            && answer.status == 200
        {
            return Ok(());
        }
        if start.elapsed() > patience || process.ended()?.is_some() {
            return Err(Failure::new(format!(
                "Envoy does not become ready:\n{}",
                process.log()
            )));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn listeners(admin: SocketAddr) -> Result<Vec<(String, SocketAddr)>> {
    let answer = Client::new(admin)
        .call("GET", "/listeners?format=json")
        .send()
        .await?;
    let document: Value = serde_json::from_slice(&answer.body).during("Envoy's listeners")?;
    let found: Vec<_> = document["listener_statuses"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|status| {
            let socket = &status["local_address"]["socket_address"];
            let address = format!("{}:{}", socket["address"].as_str()?, socket["port_value"]);
            Some((status["name"].as_str()?.to_owned(), address.parse().ok()?))
        })
        .collect();
    if found.is_empty() {
        return Err(Failure::new("Envoy has no listener"));
    }
    Ok(found)
}
