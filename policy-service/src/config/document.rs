//! The TOML document, and what it has to satisfy beyond its shape.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use velum_approval::{ActionName, AgentId, GatewayId, GroupName, Identity, PersonId};

use super::anchors;
use super::audit::AuditTable;
use super::auditors::{AuditorTable, auditors};
use super::duration::Span;
use super::governing;
use super::inbox::{InboxTable, check_step_ups};
use super::listeners::{self, MetricsTable, TlsTable};
use super::policies::{self, Policies};
use super::rules::{self, ActionRule, ActionRules};
use super::store::StoreTable;
use super::traces::TracesTable;
use super::webhooks::{self, WebhookTable};
use super::{Config, ConfigError, Faults, Listeners, shape};
use crate::auth::{Credentials, TokenHash};
use crate::inbox::Present;

const DEFAULT_PENDING: Duration = Duration::from_mins(15);
const DEFAULT_GRANT: Duration = Duration::from_mins(5);
const DEFAULT_EVIDENCE: Duration = Duration::from_mins(1);
const EVIDENCE_SECONDS: RangeInclusive<u64> = 1..=600;
const EMERGENCY_SECONDS: RangeInclusive<u64> = 60..=3600;
const PENDING_SECONDS: RangeInclusive<u64> = 1..=24 * 3600;
const GRANT_SECONDS: RangeInclusive<u64> = 1..=3600;
const LIMITS: RangeInclusive<u32> = 1..=100_000;

/// The whole document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    listen: SocketAddr,
    listen_gateways: Option<SocketAddr>,
    #[serde(default)]
    insecure_listen: bool,
    tls: Option<TlsTable>,
    metrics: Option<MetricsTable>,
    playground: Option<PathBuf>,
    data: PathBuf,
    keys: Option<PathBuf>,
    policies: Vec<PathBuf>,
    #[serde(default)]
    authorities: Vec<String>,
    #[serde(default)]
    store: StoreTable,
    #[serde(default)]
    lifetimes: Lifetimes,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    people: Vec<Person>,
    #[serde(default)]
    agents: Vec<Agent>,
    #[serde(default)]
    reviewers: Vec<Reviewer>,
    #[serde(default)]
    auditors: Vec<AuditorTable>,
    #[serde(default)]
    gateways: Vec<Gateway>,
    #[serde(default)]
    actions: BTreeMap<ActionName, ActionRule>,
    break_glass: Option<BreakGlassTable>,
    #[serde(default)]
    audit: AuditTable,
    inbox: Option<InboxTable>,
    #[serde(default)]
    webhooks: Vec<WebhookTable>,
    traces: Option<TracesTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BreakGlassTable {
    group: GroupName,
    lifetime: Span,
    actions: BTreeSet<ActionName>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Lifetimes {
    pending: Option<Span>,
    grant: Option<Span>,
    evidence: Option<Span>,
}

/// How much may wait for people at a time, and how fast they may be before somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// Approvals of one principal that wait for a decision.
    pub(crate) pending_per_principal: u32,
    /// Of one action.
    pub(crate) pending_per_action: u32,
    /// All of them.
    pub(crate) pending: u32,
    /// New approvals of one principal.
    pub(crate) asks_per_minute: u32,
    /// How many times one person says yes before the service calls it hasty; 0: however often.
    pub(crate) approvals_per_minute: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            pending_per_principal: 5,
            pending_per_action: 100,
            pending: 1000,
            asks_per_minute: 10,
            approvals_per_minute: 10,
        }
    }
}

impl Limits {
    fn check(&self) -> Result<(), ConfigError> {
        for (name, limit) in [
            ("pending_per_principal", self.pending_per_principal),
            ("pending_per_action", self.pending_per_action),
            ("pending", self.pending),
            ("asks_per_minute", self.asks_per_minute),
        ] {
            if !LIMITS.contains(&limit) {
                let fault = format!("{} to {}", LIMITS.start(), LIMITS.end());
                return Err(ConfigError::new(format!("limits.{name}"), fault));
            }
        }
        if self.approvals_per_minute > *LIMITS.end() {
            let fault = format!("up to {}, or 0 for no limit", LIMITS.end());
            return Err(ConfigError::new("limits.approvals_per_minute", fault));
        }
        Ok(())
    }
}

/// Who may open an emergency access, for what and how long.
#[derive(Debug)]
pub(crate) struct BreakGlass {
    /// The group.
    pub(crate) group: GroupName,
    /// The people of it, by the directory.
    pub(crate) people: BTreeSet<PersonId>,
    /// The longest that one lasts.
    pub(crate) lifetime: Duration,
    /// The actions for which there is one.
    pub(crate) actions: BTreeSet<ActionName>,
}

impl BreakGlass {
    /// Whether this person opens one for this action, by the directory and by the provider's last word.
    pub(crate) fn admits(&self, person: &PersonId, action: &ActionName, present: &Present) -> bool {
        self.people.contains(person)
            && self.actions.contains(action)
            && !present.takes_away(person, &self.group)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Person {
    pub(super) id: PersonId,
    #[serde(default)]
    pub(super) identities: Vec<Identity>,
    #[serde(default)]
    pub(super) groups: BTreeSet<GroupName>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Agent {
    pub(super) id: AgentId,
    pub(super) owner: PersonId,
    pub(super) identities: Vec<Identity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reviewer {
    person: PersonId,
    token_sha256: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Gateway {
    id: GatewayId,
    token_sha256: Option<String>,
    certificate: Option<String>,
}

pub(super) fn read(text: &str, folder: &Path) -> Result<Config, ConfigError> {
    let document = shape::document::<Document>(text)?;
    let mut faults = Faults::default();
    let lifetimes = &document.lifetimes;
    let pending_lifetime = faults.note(lifetime(
        "lifetimes.pending",
        lifetimes.pending,
        DEFAULT_PENDING,
        PENDING_SECONDS,
    ));
    let given = grant_lifetime("lifetimes.grant", lifetimes.grant, DEFAULT_GRANT);
    let grant_lifetime = faults.note(given);
    let evidence_lifetime = faults.note(lifetime(
        "lifetimes.evidence",
        lifetimes.evidence,
        DEFAULT_EVIDENCE,
        EVIDENCE_SECONDS,
    ));
    faults.note(document.limits.check());

    let directory_digest = faults.note(governing::directory(&document.people, &document.agents));
    let directory = faults.note(rules::directory(&document.people, document.agents));
    let mut tokens = BTreeSet::new();
    let reviewers = reviewers(
        document.reviewers,
        &document.people,
        &mut tokens,
        &mut faults,
    );
    let auditors = auditors(
        document.auditors,
        &document.people,
        &reviewers,
        &mut tokens,
        &mut faults,
    );
    let listeners = faults.note(listeners::listeners(
        document.listen,
        document.listen_gateways,
        document.insecure_listen,
        document.tls,
        folder,
    ));
    let shows = listeners.as_ref().map(Listeners::asks_for_certificates);
    let gateways = gateways(document.gateways, &mut tokens, shows, &mut faults);
    let insecure = document.insecure_listen
        || listeners
            .as_ref()
            .is_none_or(|listeners| listeners.tls.is_some());
    let metrics = document.metrics.map(|table| {
        let token = token("metrics", table.token_sha256(), &mut tokens)?;
        table.listener(token, insecure)
    });
    let metrics = faults.note(metrics.transpose());

    let reviewing = rules::reviewers(&document.people, |person| reviewers.contains_key(person));
    let authorities = faults.note(policies::authorities(&document.authorities));
    let policies = faults.note(Policies::read(
        &document.policies,
        folder,
        &authorities.unwrap_or_default(),
    ));
    let actions = policies.as_ref().and_then(|policies| {
        let lifetime = grant_lifetime.unwrap_or(DEFAULT_GRANT);
        faults.note(rules::actions(
            document.actions,
            policies,
            reviewing,
            lifetime,
        ))
    });
    let break_glass = document
        .break_glass
        .zip(actions.as_ref())
        .map(|(table, actions)| break_glass(table, &document.people, &reviewers, actions));
    let break_glass = faults.note(break_glass.transpose());
    let data = folder.join(document.data);
    let environment = |name: &str| std::env::var(name).ok();
    let store = faults.note(document.store.place(&data, environment));
    let audit = faults.note(document.audit.audit(&data, folder));
    let inbox = document.inbox.map(|table| table.settings(folder));
    let inbox = faults.note(inbox.transpose());
    let webhooks = faults.note(webhooks::webhooks(document.webhooks, folder));
    let traces = document.traces.map(|table| table.collector(folder));
    let traces = faults.note(traces.transpose());
    if let Some((actions, audit)) = actions.as_ref().zip(audit.as_ref()) {
        faults.note(anchors::check_actions(
            actions,
            &audit.anchors,
            audit.fence.is_some(),
        ));
    }
    if let Some((actions, inbox)) = actions.as_ref().zip(inbox.as_ref()) {
        faults.note(check_step_ups(actions, inbox.as_ref()));
    }
    faults.end()?;
    // Each of them is there unless there was a fault.
    let config = || {
        Some(Config {
            listeners: listeners?,
            metrics: metrics?,
            playground: document
                .playground
                .map(|playground| folder.join(playground)),
            store: store?,
            data,
            keys: document.keys.map(|keys| folder.join(keys)),
            pending_lifetime: pending_lifetime?,
            evidence_lifetime: evidence_lifetime?,
            limits: document.limits,
            break_glass: break_glass?,
            audit: audit?,
            inbox: inbox?,
            webhooks: webhooks?,
            traces: traces?,
            directory: directory?,
            directory_digest: directory_digest?,
            reviewers,
            auditors,
            gateways,
            policies: policies?,
            actions: actions?,
        })
    };
    config().ok_or_else(|| ConfigError::new("configuration", "it cannot be kept"))
}

/// Who may decide, by their token.
fn reviewers(
    given: Vec<Reviewer>,
    people: &[Person],
    tokens: &mut BTreeSet<TokenHash>,
    faults: &mut Faults,
) -> BTreeMap<PersonId, Option<TokenHash>> {
    let mut reviewers = BTreeMap::new();
    for (index, reviewer) in given.into_iter().enumerate() {
        let place = format!("reviewers[{index}]");
        if !people.iter().any(|person| person.id == reviewer.person) {
            let fault = format!("no [[people]] has the id `{}`", reviewer.person);
            faults.add(format!("{place}.person"), fault);
        }
        let token = faults.note(token(&place, reviewer.token_sha256.as_deref(), tokens));
        if reviewers.insert(reviewer.person, token.flatten()).is_some() {
            faults.add(format!("{place}.person"), "stands twice");
        }
    }
    reviewers
}

/// How each gateway proves that it is one; `shows` tells whether anybody is asked for a certificate,
/// where that is known.
fn gateways(
    given: Vec<Gateway>,
    tokens: &mut BTreeSet<TokenHash>,
    shows: Option<bool>,
    faults: &mut Faults,
) -> BTreeMap<GatewayId, Credentials> {
    let (mut gateways, mut names) = (BTreeMap::new(), BTreeSet::new());
    for (index, gateway) in given.into_iter().enumerate() {
        let place = format!("gateways[{index}]");
        let token = faults.note(token(&place, gateway.token_sha256.as_deref(), tokens));
        let certificate = gateway.certificate.as_deref();
        let certificate = certificate.map(|name| listeners::certificate_name(&place, name));
        let certificate = faults.note(certificate.transpose()).flatten();
        if let Some(name) = &certificate {
            if shows == Some(false) {
                let fault = "needs tls.client_ca: without it nobody shows a certificate";
                faults.add(format!("{place}.certificate"), fault);
            }
            if !names.insert(name.clone()) {
                let fault = "another gateway has the same certificate";
                faults.add(format!("{place}.certificate"), fault);
            }
        }
        let credentials = Credentials {
            token: token.flatten(),
            certificate,
        };
        if gateways.insert(gateway.id, credentials).is_some() {
            faults.add(format!("{place}.id"), "stands twice");
        }
    }
    if shows == Some(true) && names.is_empty() {
        let fault = "no gateway has a `certificate`: nobody would be known by one";
        faults.add("tls.client_ca", fault);
    }
    gateways
}

/// How long a grant may be used.
pub(super) fn grant_lifetime(
    place: &str,
    given: Option<Span>,
    default: Duration,
) -> Result<Duration, ConfigError> {
    lifetime(place, given, default, GRANT_SECONDS)
}

fn break_glass(
    table: BreakGlassTable,
    people: &[Person],
    reviewers: &BTreeMap<PersonId, Option<TokenHash>>,
    actions: &ActionRules,
) -> Result<BreakGlass, ConfigError> {
    let members: BTreeSet<_> = people
        .iter()
        .filter(|person| person.groups.contains(&table.group) && reviewers.contains_key(&person.id))
        .map(|person| person.id.clone())
        .collect();
    if members.is_empty() {
        let fault = "nobody of this group can sign in: list a person of it in [[reviewers]]";
        return Err(ConfigError::new("break_glass.group", fault));
    }
    let lifetime = lifetime(
        "break_glass.lifetime",
        Some(table.lifetime),
        Duration::ZERO,
        EMERGENCY_SECONDS,
    )?;
    if table.actions.is_empty() {
        let fault = "name the actions for which there is emergency access";
        return Err(ConfigError::new("break_glass.actions", fault));
    }
    for action in &table.actions {
        if !actions.has(action) {
            let fault = format!("no policy has `{action}` reviewed or asked");
            return Err(ConfigError::new("break_glass.actions", fault));
        }
    }
    Ok(BreakGlass {
        group: table.group,
        people: members,
        lifetime,
        actions: table.actions,
    })
}

pub(super) fn lifetime(
    place: &str,
    given: Option<Span>,
    default: Duration,
    seconds: RangeInclusive<u64>,
) -> Result<Duration, ConfigError> {
    let lifetime = given.map_or(default, |span| span.0);
    if seconds.contains(&lifetime.as_secs()) {
        return Ok(lifetime);
    }
    let fault = format!("between {} and {} seconds", seconds.start(), seconds.end());
    Err(ConfigError::new(place, fault))
}

/// Reads a token's hash; a token held by two callers would make one of them the other.
pub(super) fn token(
    place: &str,
    hex: Option<&str>,
    tokens: &mut BTreeSet<TokenHash>,
) -> Result<Option<TokenHash>, ConfigError> {
    let Some(hex) = hex else { return Ok(None) };
    let place = format!("{place}.token_sha256");
    let hash = decode_hex(hex).ok_or_else(|| {
        ConfigError::new(
            &place,
            "64 hexadecimal digits: `printf %s \"$TOKEN\" | sha256sum` prints them",
        )
    })?;
    if !tokens.insert(hash) {
        return Err(ConfigError::new(
            &place,
            "another caller has the same token",
        ));
    }
    Ok(Some(hash))
}

fn decode_hex(text: &str) -> Option<TokenHash> {
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| {
            digit
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = include_str!("../../tests/data/policy.yaml");
    const CONFIGURATION: &str = include_str!("../../tests/data/policy-service.toml");

    fn read_text(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("policy.yaml"), POLICY).unwrap();
        read(text, folder.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_sample_is_read() {
        let config = read_text(CONFIGURATION).unwrap();
        assert_eq!(config.pending_lifetime, Duration::from_mins(15));
        let read = "read".parse().unwrap();
        assert_eq!(
            config.actions.terms(&read).unwrap().lifetime,
            Duration::from_mins(5)
        );
        let limits = Limits {
            asks_per_minute: 1000,
            ..Limits::default()
        };
        assert_eq!(config.limits, limits);
        assert_eq!(config.reviewers.len(), 4);
        assert!(config.data.ends_with("velum-data"));
    }

    #[test]
    fn what_cannot_be_kept_is_refused_with_its_place() {
        let hex = "ab".repeat(32);
        for (from, to, expected) in [
            ("listen =", "lisen =", "unknown field `lisen`"),
            (
                "pending = \"15m\"",
                "pending = \"15m\"\ngrace = \"1m\"",
                "unknown field `grace`",
            ),
            ("pending = \"15m\"", "pending = \"15\"", "\"15m\""),
            (
                "pending = \"15m\"",
                "pending = \"0s\"",
                "lifetimes.pending: between 1 and",
            ),
            (
                "grant = \"5m\"",
                "grant = \"2h\"",
                "lifetimes.grant: between 1 and 3600",
            ),
            ("data = ", "data = \"a\"\ndata = ", "duplicate key"),
            (
                "owner = \"dr-jones\"",
                "owner = \"nobody\"",
                "the owner of `triage-bot`",
            ),
            (
                "person = \"grace\"",
                "person = \"nobody\"",
                "reviewers[1].person",
            ),
            (
                "person = \"grace\"",
                "person = \"dr-jones\"",
                "stands twice",
            ),
            ("id = \"omar\"", "id = \"grace\"", "`grace` stands twice"),
            (
                "subject = \"grace\"",
                "subject = \"dr-jones\"",
                "identity of `grace`",
            ),
            (
                "subject = \"triage-bot\"",
                "subject = \"dr-jones\"",
                "identity of `triage-bot`",
            ),
            (
                "person = \"grace\"",
                "person = \"grace\"\ntoken_sha256 = \"abc\"",
                "64 hexadecimal",
            ),
            ("quorum = 1", "quorum = 0", "actions.read: a quorum of 0"),
            ("quorum = 1", "quorum = 5", "actions.read"),
            (
                "[\"clinical\", \"privacy\"]\n\n[[people]]",
                "[\"clinical\"]\n\n[[people]]",
                "actions.purge",
            ),
            (
                "quorum = 2",
                "quorum = 2\nquorums = 3",
                "unknown field `quorums`",
            ),
            ("[actions.read]", "[actions.raed]", "actions.raed"),
            ("policy.yaml", "no-such.yaml", "no-such.yaml"),
            (
                "pending_per_principal = 5",
                "pending_per_principal = 0",
                "limits.pending_per_principal: 1 to 100000",
            ),
            (
                "pending_per_principal = 5",
                "approvals_per_minute = 100001",
                "limits.approvals_per_minute: up to 100000",
            ),
            (
                "[actions.read]",
                "[actions.read]\nuses = 0",
                "actions.read.uses: 1 to 100",
            ),
            (
                "[actions.read]",
                "[actions.read]\nuses = 101",
                "actions.read.uses: 1 to 100",
            ),
            (
                "[actions.read]",
                "[actions.read]\nrelease = \"checkpointed\"",
                "actions.read.release: needs audit.fence",
            ),
            (
                "[actions.read]",
                "[actions.read]\nuses = 2",
                "has to say how long",
            ),
            (
                "[actions.read]",
                "[actions.read]\ngrant = \"2h\"",
                "actions.read.grant: between",
            ),
            (
                "[actions.read]",
                "[break_glass]\ngroup = \"clinical\"\nlifetime = \"2h\"\nactions = [\"read\"]\n[actions.read]",
                "break_glass.lifetime: between 60 and 3600",
            ),
            (
                "[actions.read]",
                "[break_glass]\ngroup = \"nobody\"\nlifetime = \"1h\"\nactions = [\"read\"]\n[actions.read]",
                "break_glass.group",
            ),
            (
                "[actions.read]",
                "[break_glass]\ngroup = \"clinical\"\nlifetime = \"1h\"\nactions = [\"health\"]\n[actions.read]",
                "break_glass.actions: no policy has `health`",
            ),
        ] {
            assert!(CONFIGURATION.contains(from), "{from}");
            let changed = CONFIGURATION.replacen(from, to, 1);
            let error = read_text(&changed)
                .err()
                .unwrap_or_else(|| panic!("taken: {to}"));
            assert!(error.contains(expected), "{to}: {error}");
        }
        let twice = CONFIGURATION
            .replacen(
                "id = \"edge\"",
                &format!("id = \"edge\"\ntoken_sha256 = \"{hex}\""),
                1,
            )
            .replacen(
                "person = \"omar\"",
                &format!("person = \"omar\"\ntoken_sha256 = \"{hex}\""),
                1,
            );
        assert!(read_text(&twice).err().unwrap().contains("the same token"));
    }

    #[test]
    fn hexadecimal_is_read_strictly() {
        assert_eq!(decode_hex(&"0f".repeat(32)), Some([15; 32]));
        assert_eq!(decode_hex(&"F0".repeat(32)), Some([240; 32]));
        for text in [
            "",
            "0f",
            &"0f".repeat(33),
            &"0".repeat(63),
            &"+f".repeat(32),
        ] {
            assert_eq!(decode_hex(text), None, "{text}");
        }
    }
}
