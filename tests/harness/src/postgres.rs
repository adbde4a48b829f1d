use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::failure::During;
use crate::{Certificate, Failure, Process, Result, locations};

/// How long a server may take to start; it may have a log to replay.
const PATIENCE: Duration = Duration::from_mins(1);
/// The user whom a server runs as where the tests are run by root: it refuses to.
const NOBODY: u32 = 65_534;

/// A PostgreSQL server of its own, on a socket in a folder of its own, with every setting that
/// keeps what was committed; both are gone when this is dropped.
#[derive(Debug)]
pub struct Postgres {
    // Declared first: the process must be dead before its folder goes.
    process: Option<Process>,
    folder: TempDir,
    programs: PathBuf,
    library_path: Option<PathBuf>,
    /// The port of one that listens on loopback too, with a certificate.
    port: Option<u16>,
}

impl Postgres {
    /// Makes a cluster and starts it.
    pub async fn start() -> Result<Self> {
        Self::start_as(None, &std::env::temp_dir(), None).await
    }

    /// The same with its write-ahead log in a folder of its own within this one: on a volume of its own. It is in
    /// small files, of which another one is wanted soon.
    pub async fn start_with_log_in(folder: &Path) -> Result<Self> {
        Self::start_as(None, &std::env::temp_dir(), Some(folder)).await
    }

    /// The same with all that it has in a folder of its own within this one: on a volume of its own.
    pub async fn start_in(folder: &Path) -> Result<Self> {
        Self::start_as(None, folder, None).await
    }

    /// The same, and it listens on loopback with this certificate too.
    pub async fn start_with_tls(certificate: &Certificate) -> Result<Self> {
        Self::start_as(Some(certificate), &std::env::temp_dir(), None).await
    }

    async fn start_as(
        certificate: Option<&Certificate>,
        within: &Path,
        log_in: Option<&Path>,
    ) -> Result<Self> {
        let programs = locations::postgres()?;
        let folder = tempfile::tempdir_in(within).during("temporary folder")?;
        if let Some(Certificate { certificate, key }) = certificate {
            write(&folder.path().join("server.crt"), certificate)?;
            write(&folder.path().join("server.key"), key)?;
        }
        give_away(folder.path())?;
        let port = match certificate {
            Some(_) => Some(free_port()?),
            None => None,
        };
        let mut postgres = Self {
            process: None,
            library_path: locations::postgres_libraries(&programs),
            programs,
            folder,
            port,
        };
        let mut initdb = postgres.command("initdb");
        initdb
            .args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C"])
            .args(["--username=velum", "-D"])
            .arg(postgres.data())
            .stdout(Stdio::null());
        if let Some(folder) = log_in {
            let log = folder.join("wal");
            fs::create_dir(&log).during("a server's folder")?;
            give_away(&log)?;
            initdb.arg("--wal-segsize=1").arg("--waldir").arg(log);
        }
        let made = initdb.output().during("initdb")?;
        if !made.status.success() {
            let error = String::from_utf8_lossy(&made.stderr).into_owned();
            return Err(Failure::new(format!("initdb: {error}")));
        }
        postgres.restart().await?;
        Ok(postgres)
    }

    /// Where it is, for clients: its database `postgres`.
    pub fn url(&self) -> String {
        let folder = self.folder.path().display().to_string();
        let host = folder.replace('/', "%2F");
        format!("postgres://velum@{host}/postgres")
    }

    /// Where it is for clients of [`Postgres::start_with_tls`].
    pub fn tls_url(&self) -> String {
        let port = self.port.unwrap_or_default();
        format!("postgres://velum:heliotrope@localhost:{port}/postgres")
    }

    /// The folder with all that it keeps.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The socket that it listens on, for a proxy.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join(".s.PGSQL.5432")
    }

    /// Kills the server and each of its processes, as a power failure would.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let backends = children(process.id());
            process.kill();
            // They would see that the server is gone, and end in good order.
            let mut kill = Command::new("kill");
            kill.arg("-9").args(backends.iter().map(u32::to_string));
            // Those that were quicker are missing.
            let _ = kill.stderr(Stdio::null()).status();
        }
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> Result<bool> {
        let ended = self.process.as_mut().map(Process::ended).transpose()?;
        Ok(ended.flatten().is_some())
    }

    /// What it has written since it was started last.
    pub fn log(&self) -> String {
        self.process.as_ref().map_or_else(String::new, Process::log)
    }

    /// Starts the server again, on what is on the disk.
    pub async fn restart(&mut self) -> Result<()> {
        self.kill();
        let begun = Instant::now();
        loop {
            match self.launch().await {
                Err(failure) if begun.elapsed() > PATIENCE => return Err(failure),
                // The memory of the one before is still in use.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                Ok(()) => return Ok(()),
            }
        }
    }

    /// A copy of all that it has, made while it stands still.
    pub async fn back_up(&mut self) -> Result<TempDir> {
        self.kill();
        let backup = tempfile::tempdir().during("temporary folder")?;
        copy(&self.data(), &backup.path().join("data"))?;
        self.restart().await?;
        Ok(backup)
    }

    /// Puts a copy back and starts the server on it: what was committed since is lost.
    pub async fn put_back(&mut self, backup: &TempDir) -> Result<()> {
        self.kill();
        fs::remove_dir_all(self.data()).during("the server's folder")?;
        copy(&backup.path().join("data"), &self.data())?;
        self.restart().await
    }

    async fn launch(&mut self) -> Result<()> {
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data());
        for setting in [
            "max_connections=100",
            "shared_buffers=16MB",
            "jit=off",
            "fsync=on",
            "full_page_writes=on",
            "synchronous_commit=on",
        ] {
            command.args(["-c", setting]);
        }
        match self.port {
            Some(port) => {
                command.args(["-c", "listen_addresses=127.0.0.1", "-c", "ssl=on"]);
                for name in ["crt", "key"] {
                    let file = self.folder.path().join(format!("server.{name}"));
                    let setting = if name == "crt" { "cert" } else { "key" };
                    let setting = format!("ssl_{setting}_file={}", file.display());
                    command.arg("-c").arg(setting);
                }
                command.arg("-c").arg(format!("port={port}"));
            }
            None => {
                command.args(["-c", "listen_addresses=", "-c", "port=5432"]);
            }
        }
        command.arg("-c").arg(format!(
            "unix_socket_directories={}",
            self.folder.path().display()
        ));
        let mut process = Process::start("postgres", command, self.folder.path())?;
        // The file's lines: the server's process, …, and in the end how far it is.
        let (file, id) = (self.data().join("postmaster.pid"), process.id().to_string());
        process
            .wait_for("an answer", PATIENCE, || {
                let text = fs::read_to_string(&file).ok()?;
                let is_ready = text.lines().next() == Some(&id)
                    && text.lines().last().map(str::trim) == Some("ready");
                is_ready.then_some(())
            })
            .await?;
        self.process = Some(process);
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(self.folder.path());
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        if let Some(path) = &self.library_path {
            command.env("LD_LIBRARY_PATH", path);
        }
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut stop = self.command("pg_ctl");
        stop.args(["stop", "-m", "immediate", "-D"])
            .arg(self.data());
        if self.process.is_some() {
            let _ = stop.stdout(Stdio::null()).stderr(Stdio::null()).status();
        }
    }
}

/// Copies a folder with its owners and permissions.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status();
    if done.during("cp")?.success() {
        return Ok(());
    }
    Err(Failure::new(
        "cp: the server's folder was not copied".to_owned(),
    ))
}

/// A file that only the server may read.
fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).during("a server's file")?;
    let owner_only = fs::Permissions::from_mode(0o600);
    fs::set_permissions(path, owner_only).during("a server's file")?;
    give_away(path)
}

/// Makes the user whom the server runs as the owner.
fn give_away(path: &Path) -> Result<()> {
    if is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).during("a server's file")?;
    }
    Ok(())
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").during("a free port")?;
    Ok(listener.local_addr().during("a free port")?.port())
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0)
}

/// The processes that a process has started.
fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|id| parent_of(*id) == Some(parent))
        .collect()
}

fn parent_of(id: u32) -> Option<u32> {
    let status = fs::read_to_string(Path::new("/proc").join(id.to_string()).join("stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let (_, after) = status.rsplit_once(')')?;
    after.split_whitespace().nth(1)?.parse().ok()
}

/// Whether a folder holds what a server needs.
pub(crate) fn is_complete(programs: &Path) -> bool {
    ["initdb", "postgres", "pg_ctl"]
        .iter()
        .all(|name: &&str| programs.join(OsStr::new(*name)).is_file())
}
