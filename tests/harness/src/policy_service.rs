use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use toml::Table;

use crate::failure::During;
use crate::{Failure, Process, Result, Reviewer, documents, locations};

/// How to start a policy service.
#[derive(Debug, Clone)]
pub struct PolicyServiceOptions {
    /// The filter's policy; the service's public key is put in.
    pub policy: Value,
    /// The configuration: `examples/service.toml` unless changed. `listen`, `data`, `authorities` and `policies`
    /// are set by the harness.
    pub config: Table,
    /// Environment variables for the process.
    pub environment: Vec<(String, String)>,
}

impl PolicyServiceOptions {
    /// An `inbox.url` that becomes `http://localhost` with the service's port.
    pub const BY_NAME: &str = "http://localhost:1";

    /// The example's directory, reviewers and gateways with this policy. Rules for actions that
    /// this policy never reviews are left out: the service refuses them.
    pub fn new(policy: Value) -> Result<Self> {
        let text = documents::text("examples/service.toml")?;
        let mut config: Table = text.parse().during("service.toml")?;
        if let Some(actions) = config
            .get_mut("actions")
            .and_then(toml::Value::as_table_mut)
        {
            actions.retain(|name, _| is_reviewed(&policy, name));
        }
        // A test asks more within a minute than a requester should.
        let limits = Table::from_iter([("asks_per_minute".to_owned(), 100_000.into())]);
        config.insert("limits".to_owned(), limits.into());
        Ok(Self {
            policy,
            config,
            environment: Vec::new(),
        })
    }

    /// The same with these tables of TOML, each in place of the one of its name.
    pub fn with(mut self, tables: &str) -> Result<Self> {
        let tables: Table = tables.parse().during("tables of service.toml")?;
        self.config.extend(tables);
        Ok(self)
    }

    /// The same with these lifetimes (`"15m"`, `"2s"`).
    #[must_use]
    pub fn lifetimes(mut self, pending: &str, grant: &str) -> Self {
        let lifetimes = Table::from_iter([
            ("pending".to_owned(), pending.into()),
            ("grant".to_owned(), grant.into()),
        ]);
        self.config.insert("lifetimes".to_owned(), lifetimes.into());
        self
    }
}

/// A running policy service, started with `--try` on a folder of its own, both gone when this is
/// dropped.
#[derive(Debug)]
pub struct PolicyService {
    // Declared first: the process must be dead before its folder goes.
    process: Option<Process>,
    folder: TempDir,
    config: Table,
    environment: Vec<(String, String)>,
    policy: Value,
    address: SocketAddr,
    public_key: String,
    gateways: BTreeMap<String, String>,
    reviewers: BTreeMap<String, String>,
    /// What signs a reviewer in once, since the service was started last.
    links: BTreeMap<String, String>,
    log: String,
}

impl PolicyService {
    /// Starts the service. It starts twice: the first run makes the signing key and the tokens,
    /// the second has the policy with that key in it, and the tokens' hashes.
    pub async fn start(options: PolicyServiceOptions) -> Result<Self> {
        let folder = tempfile::tempdir().during("temporary folder")?;
        let mut config = options.config;
        config.insert("data".to_owned(), path_value(&folder.path().join("data")));
        let policy_file = folder.path().join("policy.json");
        config.insert("policies".to_owned(), vec![path_value(&policy_file)].into());
        // The gateways of tests are here.
        config.insert("authorities".to_owned(), vec!["127.0.0.1"].into());
        config.insert("listen".to_owned(), "127.0.0.1:0".into());
        fs::write(&policy_file, options.policy.to_string()).during("policy.json")?;
        let environment = options.environment;
        let (first, line) = run(folder.path(), &config, &environment).await?;
        drop(first);
        let (address, public_key) = (address(&line)?, text(&line, "public_key")?);
        let (gateways, reviewers) = (tokens(&line, "gateways"), tokens(&line, "reviewers"));
        name(&mut config, address);
        config.insert("listen".to_owned(), address.to_string().into());
        pin(&mut config, "gateways", "id", &gateways);
        pin(&mut config, "reviewers", "person", &reviewers);
        let keys = std::slice::from_ref(&public_key);
        let policy = documents::with_public_keys(options.policy, keys);
        fs::write(&policy_file, policy.to_string()).during("policy.json")?;
        let mut service = Self {
            process: None,
            folder,
            config,
            environment,
            policy,
            address,
            public_key,
            gateways,
            reviewers,
            links: BTreeMap::new(),
            log: String::new(),
        };
        service.restart().await?;
        Ok(service)
    }

    /// Starts another service with the same configuration, keys and tokens, at another address: for a
    /// store that both can use.
    pub async fn replica(&self) -> Result<Self> {
        let folder = tempfile::tempdir().during("temporary folder")?;
        let data = folder.path().join("data");
        fs::create_dir(&data).during("data folder")?;
        fs::set_permissions(&data, Permissions::from_mode(0o700)).during("data folder")?;
        for key in ["signing.key", "fingerprint.key", "log.key"] {
            fs::copy(self.data_dir().join(key), data.join(key)).during(key)?;
        }
        let mut config = self.config.clone();
        config.insert("data".to_owned(), path_value(&data));
        config.insert("listen".to_owned(), "127.0.0.1:0".into());
        let (process, line) = run(folder.path(), &config, &self.environment).await?;
        let address = address(&line)?;
        config.insert("listen".to_owned(), address.to_string().into());
        Ok(Self {
            process: Some(process),
            folder,
            config,
            environment: self.environment.clone(),
            policy: self.policy.clone(),
            address,
            public_key: self.public_key.clone(),
            gateways: self.gateways.clone(),
            reviewers: self.reviewers.clone(),
            links: tokens(&line, "links"),
            log: String::new(),
        })
    }

    /// Kills the service; nothing listens there then.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
            self.log = process.log();
        }
    }

    /// Resident memory in bytes.
    pub fn rss_bytes(&self) -> Result<u64> {
        let process = self.process.as_ref();
        process
            .ok_or_else(|| Failure::new("the policy service is stopped"))?
            .memory("VmRSS:")
    }

    /// Starts the service again on the same data, address, key and tokens.
    pub async fn restart(&mut self) -> Result<()> {
        self.stop();
        let (process, line) = run(self.folder.path(), &self.config, &self.environment).await?;
        self.process = Some(process);
        self.links = tokens(&line, "links");
        let key = text(&line, "public_key")?;
        if key != self.public_key {
            return Err(Failure::new(
                "the policy service changed its key over a restart",
            ));
        }
        Ok(())
    }

    /// Changes the policy that the service knows; it holds from the next [`Self::restart`].
    pub fn set_policy(&mut self, policy: Value) -> Result<()> {
        self.policy = documents::with_public_keys(policy, std::slice::from_ref(&self.public_key));
        fs::write(
            self.folder.path().join("policy.json"),
            self.policy.to_string(),
        )
        .during("policy.json")
    }

    /// Where it listens, running or not.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as `http://…`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its key in the form that a policy takes.
    pub fn public_key(&self) -> &str {
        &self.public_key
    }

    /// The policy with this service's key: what the filter must be given.
    pub fn policy(&self) -> &Value {
        &self.policy
    }

    /// The token of a gateway (`edge`).
    pub fn gateway_token(&self, gateway: &str) -> Result<&str> {
        find(&self.gateways, gateway)
    }

    /// The token of a reviewer (`grace`).
    pub fn reviewer_token(&self, person: &str) -> Result<&str> {
        find(&self.reviewers, person)
    }

    /// The link that signs this reviewer in at the inbox, once after each start.
    pub fn link(&self, person: &str) -> Result<&str> {
        find(&self.links, person)
    }

    /// A client of the service with the token of this reviewer.
    pub fn reviewer(&self, person: &str) -> Result<Reviewer> {
        Ok(Reviewer::new(self.address, self.reviewer_token(person)?))
    }

    /// All that it has logged or printed after its tokens were made.
    pub fn log(&self) -> String {
        self.process
            .as_ref()
            .map_or_else(|| self.log.clone(), Process::log)
    }

    /// The folder of its database and keys.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

async fn run(
    folder: &Path,
    config: &Table,
    environment: &[(String, String)],
) -> Result<(Process, Value)> {
    let file = folder.join("service.toml");
    let text = toml::to_string(config).during("service.toml")?;
    fs::write(&file, text).during("service.toml")?;
    let mut command = Command::new(locations::program("velum-policy-service")?);
    command
        .arg("--config")
        .arg(&file)
        .arg("--try")
        .current_dir(folder)
        .envs(environment.iter().map(|(name, value)| (name, value)));
    let mut process = Process::start("policy-service", command, folder)?;
    let line = process.first_line(Duration::from_secs(30)).await?;
    let line = serde_json::from_str(&line).during("the policy service's first line")?;
    Ok((process, line))
}

fn is_reviewed(policy: &Value, name: &str) -> bool {
    let actions = policy["actions"].as_array().into_iter().flatten();
    actions
        .filter(|action| action["name"] == name)
        .any(|action| {
            let flags = action.pointer("/requests/flag_on").is_some();
            action["effect"] == "review" || action.get("ask").is_some() || flags
        })
}

fn path_value(path: &Path) -> toml::Value {
    path.display().to_string().into()
}

fn address(line: &Value) -> Result<SocketAddr> {
    text(line, "listening")?
        .strip_prefix("http://")
        .and_then(|address| address.parse().ok())
        .ok_or_else(|| Failure::new("the policy service does not say where it listens"))
}

fn text(line: &Value, member: &str) -> Result<String> {
    line[member]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| Failure::new(format!("the policy service's first line has no `{member}`")))
}

fn tokens(line: &Value, member: &str) -> BTreeMap<String, String> {
    let tokens = line[member].as_object().into_iter().flatten();
    tokens
        .filter_map(|(name, token)| Some((name.clone(), token.as_str()?.to_owned())))
        .collect()
}

/// What browsers call the service, where a test has it go by a name and does not know the port.
fn name(config: &mut Table, address: SocketAddr) {
    let inbox = config.get_mut("inbox").and_then(toml::Value::as_table_mut);
    let url = inbox.and_then(|inbox| inbox.get_mut("url"));
    if let Some(url) = url.filter(|url| url.as_str() == Some(PolicyServiceOptions::BY_NAME)) {
        *url = format!("http://localhost:{}", address.port()).into();
    }
}

/// Writes the hashes of `tokens` into the entries of `list`, so that the tokens outlive a restart.
fn pin(config: &mut Table, list: &str, key: &str, tokens: &BTreeMap<String, String>) {
    let entries = config
        .get_mut(list)
        .and_then(toml::Value::as_array_mut)
        .into_iter()
        .flatten();
    for entry in entries.filter_map(toml::Value::as_table_mut) {
        let name = entry.get(key).and_then(toml::Value::as_str);
        if let Some(token) = name.and_then(|name| tokens.get(name)) {
            let hash = Sha256::digest(token.as_bytes());
            let hex = hash
                .iter()
                .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
            entry.insert("token_sha256".to_owned(), hex.into());
        }
    }
}

fn find<'a>(tokens: &'a BTreeMap<String, String>, name: &str) -> Result<&'a str> {
    tokens
        .get(name)
        .map(String::as_str)
        .ok_or_else(|| Failure::new(format!("the policy service made no token for {name}")))
}
