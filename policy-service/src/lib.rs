//! Velum's policy service: takes asks from the filter, shows them to reviewers, counts their votes,
//! and releases what they approved, once, in the transaction that writes the audit record.
//!
//! The rules are those of `velum-approval`, which is pure; this crate has the edges: HTTP, a
//! store in SQLite or PostgreSQL, keys, tokens, time. `velum-policy-service --config policy-service.toml` runs it; [`serve`]
//! runs it inside another program, as the tests do.

pub mod clock;
pub mod random;

mod auth;
mod config;
mod decide;
mod follow;
mod http;
mod keys;
mod leases;
mod migrate_store;
mod problem;
mod refusals;
mod server;
mod store;
mod store_check;
mod streams;
mod sweep;
mod wake;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use velum_approval::PublicKey;
use velum_engine::{Profile, Ruleset};

pub use config::{Config, ConfigError};
pub use keys::KeyError;
pub use migrate_store::{MigrateStoreError, migrate_store};
pub use problem::PROBLEM_TYPE_BASE;
pub use store_check::{StoreCheckError, check_store};

use auth::{Caller, Callers, TokenHash};
use clock::{Clock, FencedClock, SystemClock};
use http::{App, Parts};
use keys::Keys;
use leases::Leases;
use random::{Random, SystemRandom};
use refusals::Refusals;
use store::{Store, StoreError};
use streams::Streams;
use wake::Waiters;

/// What a service is started with, beside its configuration.
pub struct Options {
    /// Makes a token for every caller that has none. For a first try, on a loopback address only.
    pub try_mode: bool,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives random bytes.
    pub random: Arc<dyn Random>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            try_mode: false,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        }
    }
}

/// Why a service does not start.
#[derive(Debug)]
pub enum StartError {
    /// `--try` on an address that others can reach.
    TryBeyondLoopback(SocketAddr),
    /// A caller without a token, and no `--try`.
    NoToken(String),
    /// The listener cannot be had.
    Listen(SocketAddr, std::io::Error),
    /// A key file cannot be used.
    Key(KeyError),
    /// The store cannot be used.
    Store(String),
    /// The system had no random bytes.
    NoRandomness,
}

impl std::fmt::Display for StartError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StartError::TryBeyondLoopback(address) => write!(
                formatter,
                "--try prints tokens and listens without TLS, so only on a loopback address; \
                 {address} is none"
            ),
            StartError::NoToken(caller) => write!(
                formatter,
                "{caller} has no token_sha256; give it one, or start with --try on loopback"
            ),
            StartError::Listen(address, error) => write!(formatter, "listen on {address}: {error}"),
            StartError::Key(error) => error.fmt(formatter),
            StartError::Store(fault) => formatter.write_str(fault),
            StartError::NoRandomness => formatter.write_str("the system gave no random bytes"),
        }
    }
}

impl std::error::Error for StartError {}

/// A service that runs; it stops when this is dropped, and in good order by [`Running::stop`].
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Verifies what it signs: for `policy_service.public_keys` of the filter's configuration.
    pub public_key: PublicKey,
    /// With `try_mode`: the tokens made for gateways, by id.
    pub gateways: BTreeMap<String, String>,
    /// With `try_mode`: the tokens made for reviewers, by person.
    pub reviewers: BTreeMap<String, String>,
    close: watch::Sender<bool>,
    server: JoinHandle<()>,
    sweeper: JoinHandle<()>,
    follower: JoinHandle<()>,
    store: Store,
    #[cfg(test)]
    app: App,
}

impl Running {
    /// One line of JSON that says where the service is, and with `try_mode` the tokens.
    pub fn announcement(&self) -> String {
        let mut line = serde_json::json!({
            "listening": format!("http://{}", self.address),
            "public_key": self.public_key.to_string(),
        });
        for (key, tokens) in [("gateways", &self.gateways), ("reviewers", &self.reviewers)] {
            if !tokens.is_empty() {
                line[key] = serde_json::json!(tokens);
            }
        }
        line.to_string()
    }

    /// Returns when the store has failed for good. Nothing is released from then on: end the
    /// process, so that its supervisor starts it anew.
    pub async fn failed(&self) {
        self.store.failed().await;
    }

    /// Answers who waits, lets open requests end, and closes.
    pub async fn stop(mut self) {
        let _ = self.close.send(true);
        let _ = (&mut self.server).await;
        let _ = (&mut self.sweeper).await;
        let _ = (&mut self.follower).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.close.send(true);
        self.server.abort();
        self.sweeper.abort();
        self.follower.abort();
    }
}

/// Starts the service.
///
/// # Errors
/// When it would listen or hold keys unsafely, a caller has no token, or the address, the keys or
/// the store cannot be had.
pub async fn serve(config: Config, options: Options) -> Result<Running, StartError> {
    if options.try_mode && !config.listen.ip().is_loopback() {
        return Err(StartError::TryBeyondLoopback(config.listen));
    }
    let mut tokens = Tokens {
        options: &options,
        callers: Callers::default(),
    };
    let gateways = tokens.issue(&config.gateways, "gateway", Caller::Gateway)?;
    let reviewers = tokens.issue(&config.reviewers, "reviewer", Caller::Reviewer)?;
    let callers = tokens.callers;

    let fault = |error: StoreError| StartError::Store(error.to_string());
    let (store, fence) = Store::open(&config.store).await.map_err(fault)?;
    keys::make_folder(&config.data).map_err(StartError::Store)?;
    let keys = Keys::open(&config.data, &*options.random).map_err(StartError::Key)?;
    store.recognise(keys.digest()).await.map_err(fault)?;
    let listen = |error| StartError::Listen(config.listen, error);
    let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;

    let public_key = PublicKey::of(&keys.signing);
    let (close, closing) = watch::channel(false);
    let app = App::new(Parts {
        store: store.clone(),
        keys,
        callers,
        directory: config.directory,
        policies: config.policies,
        actions: config.actions,
        pending_lifetime: config.pending_lifetime,
        evidence_lifetime: config.evidence_lifetime,
        limits: config.limits,
        break_glass: config.break_glass,
        leases: Leases::default(),
        text_rules: text_rules()?,
        waiters: Waiters::default(),
        streams: Streams::new(streams::PATIENCE),
        refusals: Refusals::default(),
        clock: FencedClock::new(options.clock, fence),
        random: options.random,
        closing: closing.clone(),
    });
    #[cfg(test)]
    let app_of_tests = app.clone();
    let sweeper = tokio::spawn(sweep::run(app.clone()));
    let follower = tokio::spawn(follow::run(app.clone()));
    let server = tokio::spawn(server::run(listener, http::router(app), closing));
    Ok(Running {
        address,
        public_key,
        gateways,
        reviewers,
        close,
        server,
        sweeper,
        follower,
        store,
        #[cfg(test)]
        app: app_of_tests,
    })
}

/// The detectors that what people write passes before it is stored.
fn text_rules() -> Result<Ruleset, StartError> {
    Ruleset::builder()
        .profile(Profile::HipaaSafeHarbor)
        .profile(Profile::Credentials)
        .profile(Profile::Pii)
        .build()
        .map_err(|error| StartError::Store(format!("the shipped rules are faulty: {error}")))
}

struct Tokens<'a> {
    options: &'a Options,
    callers: Callers,
}

impl Tokens<'_> {
    /// Registers callers, and makes tokens for those without one.
    fn issue<Id: std::fmt::Display>(
        &mut self,
        callers: &BTreeMap<Id, Option<TokenHash>>,
        what: &str,
        caller: fn(Arc<str>) -> Caller,
    ) -> Result<BTreeMap<String, String>, StartError> {
        let mut made = BTreeMap::new();
        for (id, hash) in callers {
            let id = id.to_string();
            let hash = match hash {
                Some(hash) => *hash,
                None if self.options.try_mode => {
                    let token = random::token(&*self.options.random)
                        .map_err(|_| StartError::NoRandomness)?;
                    let hash = auth::token_hash(&token);
                    made.insert(id.clone(), token);
                    hash
                }
                None => return Err(StartError::NoToken(format!("{what} `{id}`"))),
            };
            self.callers.add(hash, caller(id.into()));
        }
        Ok(made)
    }
}
