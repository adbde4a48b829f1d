//! Velum's policy service: takes asks from the filter, shows them to reviewers, counts their votes,
//! and releases what they approved, once, in the transaction that writes the audit record.
//!
//! The rules are those of `velum-approval`, which is pure; this crate has the edges: HTTP, a
//! store in SQLite or PostgreSQL, keys, tokens, time. `velum-policy-service --config policy-service.toml` runs it; [`serve`]
//! runs it inside another program, as the tests do.

pub mod clock;
pub mod random;

mod auth;
mod check_config;
mod config;
mod confirmations;
mod decide;
mod follow;
mod haste;
mod http;
mod inbox;
mod key_files;
mod keys;
mod leases;
mod log;
mod metrics;
mod migrate_store;
mod outward;
mod problem;
mod prune;
mod reads;
mod refusals;
mod server;
mod signer;
mod spans;
mod standard_webhooks;
mod store;
mod store_check;
mod streams;
mod summaries;
mod sweep;
mod tls;
mod trace;
mod volumes;
mod wake;
mod webhooks;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use velum_approval::{GatewayId, PersonId, PublicKey, Reason};
use velum_engine::{Profile, Ruleset};

pub use check_config::check_config;
pub use config::{Config, ConfigError};
pub use key_files::make_keys;
pub use keys::KeyError;
pub use migrate_store::{MigrateStoreError, migrate_store};
pub use problem::PROBLEM_TYPE_BASE;
pub use prune::{Pruning, prune};
pub use signer::{RunningSigner, SignerConfig, run_signer};
pub use store_check::{StoreCheckError, check_store};

use auth::{Caller, Callers, Credentials, TokenHash};
use clock::{Clock, FencedClock, SystemClock};
use config::Listeners;
use http::{App, Parts, Playground, Side};
use inbox::{Doors, Origin};
use keys::{Keys, LogSeeds};
use leases::Leases;
use log::Signatory;
use metrics::Metrics;
use random::{Random, SystemRandom};
use reads::Reads;
use refusals::Refusals;
use server::{Bounds, Listener};
use spans::Spans;
use store::{Join, Memberships, Store, StoreError};
use streams::Streams;
use tls::{Asks, Tls};
use volumes::Volumes;
use wake::Waiters;
use webhooks::Webhooks;

/// What a service is started with, beside its configuration.
pub struct Options {
    /// Makes a token for every caller that has none. For a first try, on a loopback address only.
    pub try_mode: bool,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives random bytes.
    pub random: Arc<dyn Random>,
    #[cfg(test)]
    pub(crate) bounds: Bounds,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            try_mode: false,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            #[cfg(test)]
            bounds: Bounds::default(),
        }
    }
}

/// Why a service does not start.
#[derive(Debug)]
pub enum StartError {
    /// `--try` on an address that others can reach.
    TryBeyondLoopback(SocketAddr),
    /// `--try` where the inbox is reached by others, or an inbox where nobody could sign in.
    Inbox(String),
    /// A caller without a token, and no `--try`.
    NoToken(String),
    /// The listener cannot be had.
    Listen(SocketAddr, std::io::Error),
    /// A certificate, its key or an authority cannot be used.
    Tls(String),
    /// A key file cannot be used.
    Key(KeyError),
    /// The store cannot be used.
    Store(String),
    /// The folder of the playground cannot be served.
    Playground(String),
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
            StartError::Inbox(fault)
            | StartError::Tls(fault)
            | StartError::Store(fault)
            | StartError::Playground(fault) => formatter.write_str(fault),
            StartError::NoRandomness => formatter.write_str("the system gave no random bytes"),
        }
    }
}

impl std::error::Error for StartError {}

/// A service that runs; it stops when this is dropped, and in good order by [`Running::stop`].
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where gateways call, if they have an address of their own.
    pub gateway_address: Option<SocketAddr>,
    /// Where metrics are scraped, if anywhere.
    pub metrics_address: Option<SocketAddr>,
    /// Verifies what it signs: for `policy_service.public_keys` of the filter's configuration.
    pub public_key: PublicKey,
    /// With `try_mode`: the tokens made for gateways, by id.
    pub gateways: BTreeMap<String, String>,
    /// With `try_mode`: the tokens made for reviewers, by person.
    pub reviewers: BTreeMap<String, String>,
    /// With `try_mode`: the tokens made for auditors, by person.
    pub auditors: BTreeMap<String, String>,
    /// With `try_mode`: the links that sign reviewers in at the inbox, each once, by person.
    pub links: BTreeMap<String, String>,
    close: watch::Sender<bool>,
    servers: Vec<JoinHandle<()>>,
    /// What runs beside them.
    tasks: Vec<JoinHandle<()>>,
    certificates: Option<JoinHandle<()>>,
    again: Arc<Notify>,
    store: Store,
    #[cfg(test)]
    app: App,
}

impl Running {
    /// One line of JSON that says where the service is, and with `try_mode` the tokens.
    pub fn announcement(&self) -> String {
        let scheme = if self.certificates.is_some() {
            "https"
        } else {
            "http"
        };
        let mut line = serde_json::json!({
            "listening": format!("{scheme}://{}", self.address),
            "public_key": self.public_key.to_string(),
        });
        if let Some(address) = self.gateway_address {
            line["listening_gateways"] = serde_json::json!(format!("{scheme}://{address}"));
        }
        if let Some(address) = self.metrics_address {
            let scheme = if address.ip().is_loopback() {
                "http"
            } else {
                scheme
            };
            line["metrics"] = serde_json::json!(format!("{scheme}://{address}/metrics"));
        }
        for (key, tokens) in [
            ("gateways", &self.gateways),
            ("reviewers", &self.reviewers),
            ("auditors", &self.auditors),
            ("links", &self.links),
        ] {
            if !tokens.is_empty() {
                line[key] = serde_json::json!(tokens);
            }
        }
        line.to_string()
    }

    /// Reads certificates anew at once. They are looked at every few seconds besides; connections
    /// that are there stay.
    pub fn reload(&self) {
        self.again.notify_one();
    }

    /// Returns when the store has failed for good. Nothing is released from then on: end the
    /// process, so that its supervisor starts it anew.
    pub async fn failed(&self) {
        self.store.failed().await;
    }

    /// Answers who waits, lets open requests end, and closes.
    pub async fn stop(mut self) {
        let _ = self.close.send(true);
        for task in self.servers.iter_mut().chain(&mut self.tasks) {
            let _ = task.await;
        }
        // Whoever copies or opens the data next has all of it.
        self.store.close().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.close.send(true);
        for task in self
            .servers
            .iter()
            .chain(&self.tasks)
            .chain(&self.certificates)
        {
            task.abort();
        }
    }
}

/// Starts the service.
///
/// # Errors
/// When it would listen or hold keys unsafely, a caller has no token, or the address, the keys or
/// the store cannot be had.
pub async fn serve(mut config: Config, options: Options) -> Result<Running, StartError> {
    let mut addresses = config.listeners.addresses();
    if options.try_mode
        && let Some(address) = addresses.find(|address| !address.ip().is_loopback())
    {
        return Err(StartError::TryBeyondLoopback(address));
    }
    drop(addresses);
    let playground = config.playground.take();
    let playground = playground.map(|folder| Playground::read(&folder));
    let playground = playground.transpose().map_err(StartError::Playground)?;
    let mut tokens = Tokens {
        options: &options,
        sign_in: config.has_provider(),
        callers: Callers::default(),
    };
    let gateways = tokens.issue_to_gateways(&config.gateways)?;
    let reviewers = tokens.issue(&config.reviewers, "reviewer", Caller::Reviewer)?;
    let auditors = tokens.issue(&config.auditors, "auditor", Caller::Auditor)?;
    let callers = tokens.callers;

    let mut tls = config.listeners.tls.clone();
    let mut tls = tls
        .take()
        .map(Tls::open)
        .transpose()
        .map_err(StartError::Tls)?;
    let fault = |error: log::LogError| StartError::Store(error.to_string());
    let opened = open(&config, &options).await?;
    let store = opened.store.clone();
    let mut sockets = Sockets::bind(&config).await?;
    let (address, gateway_address) = (sockets.main.1, sockets.gateways.as_ref().map(|it| it.1));
    let metrics_address = sockets.metrics.as_ref().map(|it| it.1);
    let asks = asks(&config.listeners, &config.gateways);

    let public_key = PublicKey::of(&opened.keys.signing);
    let (close, closing) = watch::channel(false);
    #[cfg(test)]
    let bounds = options.bounds;
    #[cfg(not(test))]
    let bounds = Bounds::default();
    let metrics = config.metrics.take();
    let doors = Doors::of(&config, &options, Origin::of(address, tls.is_some()))?;
    let doors = doors.beside_playground(playground.is_some());
    let links = doors.links();
    let join = opened.join.clone();
    let app = assemble(config, options, opened, callers, doors, closing.clone())?;
    for warning in volumes::begin(&app.parts().volumes).await {
        tracing::warn!("{warning}");
    }
    log::open(&app).await.map_err(fault)?;
    if let Some(lost) = log::check(&app).await.map_err(fault)? {
        tracing::error!(
            "the audit log is not the one of {lost}: records are missing, or it is another database. \
             Nothing is decided and nothing released; what is there can be read. See docs/audit.md"
        );
        store.freeze();
    } else {
        // Not before it is known that this service may write, and that its clock is not far ahead.
        let joined = store.write(join).await;
        joined.map_err(|error| fault(error.into()))?;
        log::configure(&app).await.map_err(fault)?;
    }
    // What happens from here on is told.
    let begun = webhooks::begin(&app).await;
    begun.map_err(|error| StartError::Store(error.to_string()))?;
    let mut servers = Vec::new();
    if let (Some((tcp, address)), Some(metrics)) = (sockets.metrics.take(), metrics) {
        // Nobody but this machine reaches it on loopback.
        let tls = tls.as_mut().filter(|_| !address.ip().is_loopback());
        let tls = tls.map(|tls| tls.listener(Asks::Nobody)).transpose();
        let listener = Listener {
            tcp,
            router: metrics::scrape::router(app.clone(), metrics.token),
            tls: tls.map_err(StartError::Tls)?,
            bounds,
        };
        servers.push(tokio::spawn(server::run(listener, closing.clone())));
    }
    for ((tcp, _), side, asks) in sockets.sides(asks) {
        let tls = tls.as_mut().map(|tls| tls.listener(asks)).transpose();
        let listener = Listener {
            tcp,
            router: http::router(app.clone(), side, playground.as_ref()),
            tls: tls.map_err(StartError::Tls)?,
            bounds,
        };
        servers.push(tokio::spawn(server::run(listener, closing.clone())));
    }
    let tasks = vec![
        tokio::spawn(sweep::run(app.clone())),
        tokio::spawn(follow::run(app.clone())),
        tokio::spawn(log::run(app.clone())),
        tokio::spawn(log::tell_anchors(app.clone())),
        tokio::spawn(webhooks::run(app.clone())),
        tokio::spawn(spans::run(app.clone())),
        tokio::spawn(summaries::run(app.clone())),
        tokio::spawn(reads::run(app.clone())),
        tokio::spawn(volumes::run(app.clone())),
        tokio::spawn(confirmations::run(app.clone())),
    ];
    let again = Arc::new(Notify::new());
    let certificates = tls.map(|tls| tokio::spawn(tls.keep(again.clone())));
    Ok(Running {
        address,
        gateway_address,
        metrics_address,
        public_key,
        gateways,
        reviewers,
        auditors,
        links,
        close,
        servers,
        tasks,
        certificates,
        again,
        store,
        #[cfg(test)]
        app,
    })
}

/// The store and the keys of a configuration.
struct Opened {
    store: Store,
    keys: Keys,
    /// Not before the latest moment that the store has seen.
    clock: FencedClock,
    /// Since when everybody reviews, and what notes it.
    memberships: Memberships,
    join: Join,
    signatory: Signatory,
}

async fn open(config: &Config, options: &Options) -> Result<Opened, StartError> {
    let fault = |error: StoreError| StartError::Store(error.to_string());
    let (store, fence) = Store::open(&config.store).await.map_err(fault)?;
    let keys = if let Some(folder) = &config.keys {
        Keys::read(folder)
    } else {
        keys::make_folder(&config.data).map_err(StartError::Store)?;
        Keys::open(&config.data, &*options.random)
    };
    let keys = keys.map_err(StartError::Key)?;
    store.recognise(keys.digest()).await.map_err(fault)?;
    let clock = FencedClock::new(options.clock.clone(), fence);
    let join = Join {
        reviewers: config.actions.by_person().clone(),
        now: clock.now(),
    };
    let memberships = store.memberships(&join).await.map_err(fault)?;
    let signatory = match (&config.audit.signer, &config.keys) {
        (Some(socket), _) => Ok(Signatory::Process(socket.clone())),
        (None, Some(folder)) => LogSeeds::read(folder).map(Signatory::Keys),
        (None, None) => LogSeeds::open(&config.data, &*options.random).map(Signatory::Keys),
    };
    Ok(Opened {
        store,
        keys,
        clock,
        memberships,
        join,
        signatory: signatory.map_err(StartError::Key)?,
    })
}

/// What every operation works with.
fn assemble(
    config: Config,
    options: Options,
    opened: Opened,
    callers: Callers,
    doors: Doors,
    closing: watch::Receiver<bool>,
) -> Result<App, StartError> {
    let Opened {
        store,
        keys,
        clock,
        memberships,
        signatory,
        join: _,
    } = opened;
    let configuration = config.governing();
    let configuration = configuration.map_err(|error| StartError::Store(error.to_string()))?;
    let holder = random::bytes::<16>(&*options.random).map_err(|_| StartError::NoRandomness)?;
    let holder = format!("{:032x}", u128::from_be_bytes(holder));
    let anchors = log::Anchors::open(&config.audit.anchors).map_err(StartError::Store)?;
    let volumes = Volumes::of(&config);
    let webhooks = Webhooks::open(&config.webhooks, config.inbox.as_ref());
    let webhooks = webhooks.map_err(StartError::Store)?;
    Ok(App::new(Parts {
        log: log::Log::new(config.audit, signatory, holder, anchors),
        metrics: Metrics::new(store.times().clone()),
        store,
        keys,
        callers,
        configuration,
        directory: config.directory,
        policies: config.policies,
        actions: config.actions.since(memberships),
        pending_lifetime: config.pending_lifetime,
        evidence_lifetime: config.evidence_lifetime,
        limits: config.limits,
        break_glass: config.break_glass,
        inbox: doors.open(clock.now()),
        webhooks,
        volumes,
        spans: Spans::open(config.traces.as_ref()).map_err(StartError::Store)?,
        leases: Leases::new(clock.now()),
        text_rules: text_rules()?,
        waiters: Waiters::default(),
        streams: Streams::new(streams::PATIENCE),
        refusals: Refusals::default(),
        reads: Reads::default(),
        clock,
        random: options.random,
        closing,
    }))
}

/// Opens the next audit log after a database was restored that has lost records, or after the key of the log
/// was lost or stolen, and ends every approval that was not ended: nobody knows what has become of it. The
/// service must not run.
///
/// # Errors
/// When the store has lost nothing and the log's key is there, another service has it open, or it cannot be had.
pub async fn recover(
    config: Config,
    options: Options,
    by: PersonId,
    reason: Reason,
) -> Result<String, StartError> {
    let opened = open(&config, &options).await?;
    let (_close, closing) = watch::channel(false);
    let is_known = config.reviewers.contains_key(&by);
    if !is_known {
        let fault = format!("{by} is no reviewer of this configuration");
        return Err(StartError::Store(fault));
    }
    let app = assemble(
        config,
        options,
        opened,
        Callers::default(),
        Doors::default(),
        closing,
    )?;
    let fault = |error: log::LogError| StartError::Store(error.to_string());
    let is_whole = log::check(&app).await.map_err(fault)?.is_none();
    if is_whole && !log::has_lost_its_key(&app).await.map_err(fault)? {
        let fault = "the log is whole and its key is there, or another service keeps it: there is nothing to \
                     recover";
        return Err(StartError::Store(fault.to_owned()));
    }
    // Who keeps it asks the anchors, and they have to be asked here.
    if !is_whole && log::is_kept_elsewhere(&app).await.map_err(fault)? {
        let fault =
            "a service keeps the log: stop it; one that was killed is waited for ten seconds";
        return Err(StartError::Store(fault.to_owned()));
    }
    let done = log::recover(&app, by, reason).await;
    log::let_go(&app).await;
    done.map_err(fault)
}

/// A socket and where it is.
type Bound = (TcpListener, SocketAddr);

/// The addresses, had.
struct Sockets {
    main: Bound,
    gateways: Option<Bound>,
    metrics: Option<Bound>,
}

impl Sockets {
    async fn bind(config: &Config) -> Result<Sockets, StartError> {
        let listeners = &config.listeners;
        let bind = async |address| {
            let fault = |error| StartError::Listen(address, error);
            let tcp = TcpListener::bind(address).await.map_err(fault)?;
            let address = tcp.local_addr().map_err(fault)?;
            Ok((tcp, address))
        };
        Ok(Sockets {
            main: bind(listeners.main).await?,
            gateways: match listeners.gateways {
                Some(address) => Some(bind(address).await?),
                None => None,
            },
            metrics: match &config.metrics {
                Some(metrics) => Some(bind(metrics.listen).await?),
                None => None,
            },
        })
    }

    /// Each with who calls there and who is asked for a certificate.
    fn sides(self, asks: Asks) -> Vec<(Bound, Side, Asks)> {
        match self.gateways {
            None => vec![(self.main, Side::Everyone, asks)],
            Some(gateways) => vec![
                (self.main, Side::Reviewers, Asks::Nobody),
                (gateways, Side::Gateways, asks),
            ],
        }
    }
}

/// Who is asked for a certificate where gateways call.
fn asks(listeners: &Listeners, gateways: &BTreeMap<GatewayId, Credentials>) -> Asks {
    let all_have_one = gateways.values().all(|it| it.certificate.is_some());
    match &listeners.tls {
        Some(tls) if tls.client_ca.is_some() => match listeners.gateways {
            Some(_) if all_have_one => Asks::Everyone,
            _ => Asks::Anyone,
        },
        _ => Asks::Nobody,
    }
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
    /// Whether reviewers can do without one.
    sign_in: bool,
    callers: Callers,
}

impl Tokens<'_> {
    /// The same for gateways: one that has a certificate needs no token.
    fn issue_to_gateways(
        &mut self,
        gateways: &BTreeMap<GatewayId, Credentials>,
    ) -> Result<BTreeMap<String, String>, StartError> {
        let mut by_token = BTreeMap::new();
        for (id, Credentials { token, certificate }) in gateways {
            if let Some(name) = certificate {
                let id = id.to_string().into();
                self.callers
                    .add_certificate(name.clone(), id, token.is_some());
            }
            if token.is_some() || certificate.is_none() {
                by_token.insert(id.clone(), *token);
            }
        }
        self.issue(&by_token, "gateway", Caller::Gateway)
    }

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
                // They sign in where there is a provider.
                None if what == "reviewer" && self.sign_in => continue,
                None => return Err(StartError::NoToken(format!("{what} `{id}`"))),
            };
            self.callers.add(hash, caller(id.into()));
        }
        Ok(made)
    }
}
