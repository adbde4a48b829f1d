//! The TOML document, and what it has to satisfy beyond its shape.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use velum_approval::{ActionName, AgentId, GatewayId, GroupName, Identity, PersonId};

use super::duration::Span;
use super::policies::Policies;
use super::rules::{self, ActionRule};
use super::{Config, ConfigError};
use crate::auth::TokenHash;

const DEFAULT_PENDING: Duration = Duration::from_mins(15);
const DEFAULT_GRANT: Duration = Duration::from_mins(5);
const DEFAULT_PENDING_PER_PRINCIPAL: u32 = 5;
const PENDING_SECONDS: RangeInclusive<u64> = 1..=24 * 3600;
const GRANT_SECONDS: RangeInclusive<u64> = 1..=3600;
const PENDING_PER_PRINCIPAL: RangeInclusive<u32> = 1..=1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    listen: SocketAddr,
    data: PathBuf,
    policies: Vec<PathBuf>,
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
    gateways: Vec<Gateway>,
    #[serde(default)]
    actions: BTreeMap<ActionName, ActionRule>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Lifetimes {
    pending: Option<Span>,
    grant: Option<Span>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Limits {
    pending_per_principal: Option<u32>,
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
}

pub(super) fn read(text: &str, folder: &Path) -> Result<Config, ConfigError> {
    let document: Document =
        toml::from_str(text).map_err(|error| ConfigError::new("configuration", error))?;
    let lifetimes = &document.lifetimes;
    let pending_lifetime = lifetime(
        "lifetimes.pending",
        lifetimes.pending,
        DEFAULT_PENDING,
        PENDING_SECONDS,
    )?;
    let grant_lifetime = lifetime(
        "lifetimes.grant",
        lifetimes.grant,
        DEFAULT_GRANT,
        GRANT_SECONDS,
    )?;
    let pending_per_principal = document
        .limits
        .pending_per_principal
        .unwrap_or(DEFAULT_PENDING_PER_PRINCIPAL);
    if !PENDING_PER_PRINCIPAL.contains(&pending_per_principal) {
        return Err(ConfigError::new(
            "limits.pending_per_principal",
            "1 to 1000",
        ));
    }

    let directory = rules::directory(&document.people, document.agents)?;
    let mut tokens = BTreeSet::new();
    let mut reviewers = BTreeMap::new();
    for (index, reviewer) in document.reviewers.into_iter().enumerate() {
        let place = format!("reviewers[{index}]");
        if !document
            .people
            .iter()
            .any(|person| person.id == reviewer.person)
        {
            let fault = format!("no [[people]] has the id `{}`", reviewer.person);
            return Err(ConfigError::new(format!("{place}.person"), fault));
        }
        let token = token(&place, reviewer.token_sha256.as_deref(), &mut tokens)?;
        if reviewers.insert(reviewer.person, token).is_some() {
            return Err(ConfigError::new(format!("{place}.person"), "stands twice"));
        }
    }
    let mut gateways = BTreeMap::new();
    for (index, gateway) in document.gateways.into_iter().enumerate() {
        let place = format!("gateways[{index}]");
        let token = token(&place, gateway.token_sha256.as_deref(), &mut tokens)?;
        if gateways.insert(gateway.id, token).is_some() {
            return Err(ConfigError::new(format!("{place}.id"), "stands twice"));
        }
    }

    let reviewing = rules::reviewers(&document.people, |person| reviewers.contains_key(person));
    let policies = Policies::read(&document.policies, folder)?;
    let actions = rules::actions(document.actions, &policies, reviewing)?;
    Ok(Config {
        listen: document.listen,
        data: folder.join(document.data),
        pending_lifetime,
        grant_lifetime,
        pending_per_principal,
        directory,
        reviewers,
        gateways,
        policies,
        actions,
    })
}

fn lifetime(
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
fn token(
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
        assert_eq!(config.grant_lifetime, Duration::from_mins(5));
        assert_eq!(config.pending_per_principal, 5);
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
                "1 to 1000",
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
