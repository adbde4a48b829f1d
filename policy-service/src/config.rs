//! The service's configuration: a TOML document that is refused unless all of it can be kept.

mod anchors;
mod audit;
mod auditors;
mod document;
mod duration;
mod governing;
mod inbox;
mod listeners;
mod policies;
mod rules;
mod shape;
mod store;
mod traces;
mod webhooks;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use velum_approval::{Directory, GatewayId, PersonId};

use crate::auth::{Credentials, TokenHash};
pub(crate) use anchors::{Anchors, Kind as AnchorKind, Peer, peer_url};
pub(crate) use audit::{Audit, LONGEST_AUDIT_NAME};
pub(crate) use document::{BreakGlass, Limits};
pub(crate) use governing::Digests;
pub(crate) use inbox::{InboxSettings, KeySettings, ProviderSettings};
pub(crate) use listeners::{Listeners, MetricsListener, TlsFiles};
pub(crate) use policies::Policies;
pub(crate) use rules::{ActionRules, FreshLogin, Release, Terms};
pub(crate) use webhooks::Webhook;

/// A configuration that can be kept: read it with [`Config::from_file`] or [`Config::from_toml`].
///
/// ```
/// use std::path::Path;
/// use velum_policy_service::Config;
///
/// let error = Config::from_toml("lisen = \"127.0.0.1:8470\"", Path::new(".")).unwrap_err();
/// assert!(error.to_string().contains("unknown field `lisen`"));
/// ```
#[derive(Debug)]
pub struct Config {
    pub(crate) listeners: Listeners,
    pub(crate) metrics: Option<MetricsListener>,
    /// The folder of the playground, where it is served.
    pub(crate) playground: Option<PathBuf>,
    pub(crate) data: PathBuf,
    /// Where the keys are that others provide; without it they are made in `data`.
    pub(crate) keys: Option<PathBuf>,
    pub(crate) store: crate::store::Place,
    pub(crate) pending_lifetime: Duration,
    pub(crate) evidence_lifetime: Duration,
    pub(crate) limits: Limits,
    pub(crate) break_glass: Option<BreakGlass>,
    pub(crate) audit: Audit,
    pub(crate) inbox: Option<InboxSettings>,
    /// Who is told that an approval has changed.
    pub(crate) webhooks: Vec<Webhook>,
    /// Who takes the spans of requests, if anybody.
    pub(crate) traces: Option<Peer>,
    pub(crate) directory: Directory,
    /// The digest of what it was made of.
    directory_digest: [u8; 32],
    pub(crate) reviewers: BTreeMap<PersonId, Option<TokenHash>>,
    /// Who reads the audit log and decides nothing.
    pub(crate) auditors: BTreeMap<PersonId, Option<TokenHash>>,
    pub(crate) gateways: BTreeMap<GatewayId, Credentials>,
    pub(crate) policies: Policies,
    pub(crate) actions: ActionRules,
}

impl Config {
    /// Reads the file at `path`; relative paths in it start at the folder it is in.
    ///
    /// # Errors
    /// When the file, or a policy that it names, cannot be read, or as for [`Config::from_toml`].
    pub fn from_file(path: &Path) -> Result<Config, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::new(path.display(), error))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        Config::from_toml(&text, folder).map_err(|error| error.within(path.display()))
    }

    /// Whether reviewers can sign in by a provider.
    pub(crate) fn has_provider(&self) -> bool {
        let inbox = self.inbox.as_ref();
        inbox.is_some_and(|inbox| inbox.provider.is_some())
    }

    /// Reads a TOML document whose relative paths start at `folder`.
    ///
    /// # Errors
    /// When a key is unknown, missing or twice there, a value out of range, a name defined nowhere,
    /// a token or identity given to two, a policy faulty, or an action such that nobody could ever
    /// review it.
    pub fn from_toml(text: &str, folder: &Path) -> Result<Config, ConfigError> {
        document::read(text, folder)
    }
}

/// Why a configuration is refused: every fault with its place and what to do, one at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(Vec<String>);

impl ConfigError {
    pub(crate) fn new(place: impl fmt::Display, fault: impl fmt::Display) -> ConfigError {
        ConfigError(vec![format!("{place}: {fault}")])
    }

    /// The faults in the order in which they were found.
    pub fn faults(&self) -> &[String] {
        &self.0
    }

    /// The same faults, in this file.
    fn within(self, file: impl fmt::Display) -> ConfigError {
        let faults = self.0.into_iter();
        ConfigError(faults.map(|fault| format!("{file}: {fault}")).collect())
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

/// Gathers faults, so that all are told at once.
#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    /// Notes the faults of a part; what is good of it comes back.
    fn note<T>(&mut self, part: Result<T, ConfigError>) -> Option<T> {
        part.map_err(|error| self.0.extend(error.0)).ok()
    }

    fn add(&mut self, place: impl fmt::Display, fault: impl fmt::Display) {
        self.0.push(format!("{place}: {fault}"));
    }

    /// An error if there was a fault.
    fn end(self) -> Result<(), ConfigError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(ConfigError(self.0))
        }
    }
}
