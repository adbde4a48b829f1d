use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::failure::During;
use crate::{Browser, Failure, Result, locations};

/// How long it may take to start, on a machine that has much to do.
const START: Duration = Duration::from_mins(1);

/// A real OpenID provider on loopback: npm's `oidc-provider` with one client, which says who logs in to be
/// whoever they say. It ends with this.
#[derive(Debug)]
pub struct OpenIdProvider {
    issuer: String,
    address: SocketAddr,
    client: reqwest::Client,
    _process: Child,
    /// It dies when nobody could read what it prints.
    _said: Lines<BufReader<ChildStdout>>,
}

impl OpenIdProvider {
    /// Starts one that knows this client, with this secret, and sends people back to `redirect`.
    pub async fn start(client: &str, secret: &str, redirect: &str) -> Result<Self> {
        Self::start_as(None, client, secret, redirect).await
    }

    /// The same under another name than its address: something stands before it.
    pub async fn start_as(
        issuer: Option<&str>,
        client: &str,
        secret: &str,
        redirect: &str,
    ) -> Result<Self> {
        let (program, folder) = locations::open_id_provider()?;
        let mut process = Command::new(program)
            .current_dir(folder)
            .args(["provider.mjs", client, secret, redirect])
            .args(issuer)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .during("starting the OpenID provider")?;
        let output = process.stdout.take();
        let output = output.ok_or_else(|| Failure::new("the OpenID provider prints nothing"))?;
        let mut lines = BufReader::new(output).lines();
        let line = tokio::time::timeout(START, lines.next_line()).await;
        let line = line.during("the OpenID provider's first line")?;
        let line = line.during("the OpenID provider's first line")?;
        let line = line.ok_or_else(|| Failure::new("the OpenID provider did not start"))?;
        let said: Value = serde_json::from_str(&line).during("the OpenID provider's first line")?;
        let issuer = said["issuer"].as_str();
        let issuer = issuer.ok_or_else(|| Failure::new("the OpenID provider has no issuer"))?;
        let address = said["address"]
            .as_str()
            .and_then(|address| address.parse().ok());
        let address = address.ok_or_else(|| Failure::new("the OpenID provider has no address"))?;
        let client = reqwest::Client::builder().no_proxy().build();
        Ok(Self {
            issuer: issuer.to_owned(),
            address,
            client: client.during("an HTTP client")?,
            _process: process,
            _said: lines,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its name in tokens, under which browsers and services reach it.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// From now on it says that somebody is in these groups.
    pub async fn set_groups(&self, subject: &str, groups: &[&str]) -> Result<()> {
        let request = self
            .client
            .put(format!("http://{}/test/groups/{subject}", self.address));
        let answer = request.json(groups).send().await.during("groups")?;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(Failure::new(format!("groups: {}", answer.status())))
    }

    /// Logs in at its pages, in a browser that was sent there, until the browser is elsewhere.
    pub async fn log_in(&self, browser: &Browser, subject: &str) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < START {
            if !browser.url().await?.starts_with(&self.issuer) {
                return Ok(());
            }
            // In one step, and once for each page: the next may be on its way already.
            browser
                .run(&format!(
                    "const form = document.forms[0];
                     if (!location.href.startsWith('{}') || !form || form.dataset.sent) return;
                     form.dataset.sent = 'true';
                     if (form.login) {{ form.login.value = '{subject}'; form.password.value = 'any'; }}
                     form.querySelector('[type=submit]').click();",
                    self.issuer
                ))
                .await?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(Failure::new("the OpenID provider lets nobody go"))
    }
}
