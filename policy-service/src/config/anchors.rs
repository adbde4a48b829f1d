//! Where the heads of the audit log go that are to outlive this machine.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::Uri;
use axum::http::uri::Scheme;
use serde::Deserialize;
use velum_approval::ActionName;
use velum_ledger::note::{Algorithm, VerifierKey};

use super::duration::Span;
use super::rules::{ActionRules, Release};
use super::{ConfigError, Faults, document};

const ALERT_SECONDS: RangeInclusive<u64> = 1..=86_400;
const DEFAULT_ALERT: Duration = Duration::from_mins(10);
/// Each is a task, and a series of metrics.
const MOST: usize = 16;
const MOST_NAME_BYTES: usize = 64;
/// Each is tried on every note of a witness.
const MOST_PREVIOUS: usize = 16;

/// All of them, and what they have to come to.
#[derive(Debug, Clone)]
pub(crate) struct Anchors {
    pub(crate) all: Vec<Anchor>,
    /// How many have to have the record of a use before what is `anchored` is released.
    pub(crate) needed: usize,
    /// For how long one may be without the head before somebody is told.
    pub(crate) alert: Duration,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Anchor {
    /// What it is called in metrics and logs.
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// What it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file of heads that is only added to, on another volume.
    File { path: PathBuf },
    /// Somebody who is sent each head (Standard Webhooks).
    Webhook {
        peer: Peer,
        /// The file with the key that signs what is sent.
        secret: PathBuf,
    },
    /// Somebody who signs that it has seen no other history (C2SP tlog-witness).
    Witness {
        peer: Peer,
        key: Box<VerifierKey>,
        /// Those that it had before: what it has cosigned of closed years is by them.
        previous: Vec<VerifierKey>,
    },
}

/// Where somebody is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) url: Uri,
    /// The authorities that are believed there, in place of those that browsers believe.
    pub(crate) authorities: Option<PathBuf>,
}

/// `[[audit.anchors]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnchorTable {
    name: String,
    kind: KindName,
    path: Option<PathBuf>,
    url: Option<String>,
    ca: Option<PathBuf>,
    secret: Option<PathBuf>,
    key: Option<String>,
    previous_keys: Option<Vec<String>>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum KindName {
    File,
    Webhook,
    Witness,
}

/// Joins what the document says of anchors, and refuses what could not be kept.
pub(super) fn anchors(
    given: Vec<AnchorTable>,
    needed: Option<usize>,
    alert: Option<Span>,
    data: &Path,
    folder: &Path,
) -> Result<Anchors, ConfigError> {
    let mut faults = Faults::default();
    if given.len() > MOST {
        faults.add("audit.anchors", format!("at most {MOST}"));
    }
    let (mut names, mut all) = (BTreeSet::new(), Vec::<Anchor>::new());
    for (index, table) in given.into_iter().enumerate() {
        let place = format!("audit.anchors[{index}]");
        let Some(anchor) = faults.note(table.anchor(&place, data, folder)) else {
            continue;
        };
        if !names.insert(anchor.name.clone()) {
            faults.add(format!("{place}.name"), "stands twice");
        }
        // One that is listed twice would count as two.
        if all.iter().any(|other| is_same(&other.kind, &anchor.kind)) {
            faults.add(&place, "it is the same as another one");
        }
        all.push(anchor);
    }
    let alert = faults.note(document::lifetime(
        "audit.anchor_alert",
        alert,
        DEFAULT_ALERT,
        ALERT_SECONDS,
    ));
    if needed.is_some_and(|needed| !(1..=all.len()).contains(&needed)) && faults.0.is_empty() {
        let fault = format!("1 to {}: so many [[audit.anchors]] there are", all.len());
        faults.add("audit.anchors_needed", fault);
    }
    faults.end()?;
    Ok(Anchors {
        all,
        needed: needed.unwrap_or(1),
        alert: alert.unwrap_or(DEFAULT_ALERT),
    })
}

/// Refuses an action whose releases would wait for an anchor, or for what the fence has, where there is none.
pub(super) fn check_actions(
    actions: &ActionRules,
    anchors: &Anchors,
    has_fence: bool,
) -> Result<(), ConfigError> {
    let first = |release: Release| {
        let is_so = |name: &&ActionName| {
            let terms = actions.terms(name);
            terms.is_some_and(|terms| terms.release == release)
        };
        actions.names().find(is_so)
    };
    if let Some(name) = first(Release::Checkpointed).filter(|_| !has_fence) {
        return Err(ConfigError::new(
            format!("actions.{name}.release"),
            "needs audit.fence: what is `checkpointed` is known outside of the database, and nothing would know of it",
        ));
    }
    match first(Release::Anchored) {
        Some(name) if anchors.all.is_empty() => Err(ConfigError::new(
            format!("actions.{name}.release"),
            "nothing could ever be released: there are no [[audit.anchors]]",
        )),
        _ => Ok(()),
    }
}

fn is_same(one: &Kind, other: &Kind) -> bool {
    match (one, other) {
        (Kind::File { path: one }, Kind::File { path: other }) => one == other,
        (Kind::Webhook { peer: one, .. }, Kind::Webhook { peer: other, .. }) => {
            one.url == other.url
        }
        (
            Kind::Witness {
                peer: one,
                key: one_key,
                ..
            },
            Kind::Witness {
                peer: other,
                key: other_key,
                ..
            },
        ) => one.url == other.url || one_key.public_key() == other_key.public_key(),
        _ => false,
    }
}

impl AnchorTable {
    fn anchor(self, place: &str, data: &Path, folder: &Path) -> Result<Anchor, ConfigError> {
        is_name(&self.name).map_err(|fault| ConfigError::new(format!("{place}.name"), fault))?;
        let absent = [
            (
                "path",
                self.path.is_none(),
                [KindName::File, KindName::File],
            ),
            (
                "url",
                self.url.is_none(),
                [KindName::Webhook, KindName::Witness],
            ),
            ("secret", self.secret.is_none(), [KindName::Webhook; 2]),
            ("key", self.key.is_none(), [KindName::Witness; 2]),
        ];
        for (key, is_absent, of) in absent {
            let fault = match (of.contains(&self.kind), is_absent) {
                (true, true) => "is missing",
                (false, false) => "is not for an anchor of this kind",
                _ => continue,
            };
            return Err(ConfigError::new(format!("{place}.{key}"), fault));
        }
        if self.kind == KindName::File && self.ca.is_some() {
            let fault = "is not for an anchor of this kind";
            return Err(ConfigError::new(format!("{place}.ca"), fault));
        }
        if self.kind != KindName::Witness && self.previous_keys.is_some() {
            let fault = "is not for an anchor of this kind";
            return Err(ConfigError::new(format!("{place}.previous_keys"), fault));
        }
        let authorities = self.ca.map(|file| folder.join(file));
        let peer = |url: Option<String>| {
            let url = url.unwrap_or_default();
            peer_url(&url)
                .map(|url| Peer { url, authorities })
                .map_err(|fault| ConfigError::new(format!("{place}.url"), fault))
        };
        let kind = match self.kind {
            KindName::File => {
                let path = folder.join(self.path.unwrap_or_default());
                if path.starts_with(data) {
                    let fault = "it is in the data folder: what changes the one changes the other";
                    return Err(ConfigError::new(format!("{place}.path"), fault));
                }
                Kind::File { path }
            }
            KindName::Webhook => Kind::Webhook {
                peer: peer(self.url)?,
                secret: folder.join(self.secret.unwrap_or_default()),
            },
            KindName::Witness => {
                let read = |member: &str, text: &str| {
                    let fault = "the witness's verifier key, `name+id+base64`, of cosignature/v1";
                    let key = text.parse::<VerifierKey>().ok();
                    let key = key.filter(|key| key.algorithm() == Algorithm::CosignatureV1);
                    key.ok_or_else(|| ConfigError::new(format!("{place}.{member}"), fault))
                };
                let previous = self.previous_keys.unwrap_or_default();
                if previous.len() > MOST_PREVIOUS {
                    let fault = format!("at most {MOST_PREVIOUS}");
                    return Err(ConfigError::new(format!("{place}.previous_keys"), fault));
                }
                let previous = previous.iter().map(|text| read("previous_keys", text));
                Kind::Witness {
                    peer: peer(self.url)?,
                    key: Box::new(read("key", &self.key.unwrap_or_default())?),
                    previous: previous.collect::<Result<_, _>>()?,
                }
            }
        };
        Ok(Anchor {
            name: self.name,
            kind,
        })
    }
}

/// Whether somebody can be called so in metrics and logs.
pub(super) fn is_name(name: &str) -> Result<(), String> {
    let is_one_of = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=MOST_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_one_of) {
        return Ok(());
    }
    Err(format!("1 to {MOST_NAME_BYTES} of a to z, 0 to 9 and `-`"))
}

/// An address that may be called: what is signed may be read by all, but who answers has to be known.
pub(crate) fn peer_url(text: &str) -> Result<Uri, &'static str> {
    let url: Uri = text.parse().map_err(|_| "it is no URL")?;
    let host = url.host().filter(|host| !host.is_empty());
    let host = host.ok_or("it names no host")?;
    let has_user = url.authority().is_some_and(|it| it.as_str().contains('@'));
    if has_user || url.query().is_some() || text.contains('#') {
        return Err("without user, query and fragment: these would stand in logs elsewhere");
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_here = bare
        .parse::<std::net::IpAddr>()
        .is_ok_and(|ip| ip.is_loopback());
    let scheme = url.scheme();
    if scheme == Some(&Scheme::HTTPS) || (scheme == Some(&Scheme::HTTP) && is_here) {
        return Ok(url);
    }
    Err("https://, or http:// to an address of this machine such as 127.0.0.1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Anchors, String> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Document {
            #[serde(default)]
            anchors: Vec<AnchorTable>,
            anchors_needed: Option<usize>,
            anchor_alert: Option<Span>,
        }
        let document: Document = toml::from_str(text).map_err(|error| error.to_string())?;
        anchors(
            document.anchors,
            document.anchors_needed,
            document.anchor_alert,
            Path::new("/var/lib/velum"),
            Path::new("/etc/velum"),
        )
        .map_err(|error| error.to_string())
    }

    fn witness_key() -> String {
        let name = "witness.example/w1".parse().unwrap();
        let public = velum_approval::SigningKey::from_bytes(&[5; 32]).verifying_key();
        let key = VerifierKey::new(name, Algorithm::CosignatureV1, &public.to_bytes());
        key.unwrap().to_string()
    }

    fn three() -> String {
        format!(
            "anchors_needed = 2\nanchor_alert = \"1h\"\n\
             [[anchors]]\nname = \"vault\"\nkind = \"file\"\npath = \"/mnt/worm/heads\"\n\
             [[anchors]]\nname = \"siem\"\nkind = \"webhook\"\nurl = \"https://siem.example/heads\"\n\
             secret = \"siem.secret\"\nca = \"ca.pem\"\n\
             [[anchors]]\nname = \"w1\"\nkind = \"witness\"\nurl = \"http://127.0.0.1:7/w\"\nkey = \"{}\"",
            witness_key()
        )
    }

    #[test]
    fn each_kind_is_read() {
        let anchors = of(&three()).unwrap();
        assert_eq!(
            (anchors.needed, anchors.alert),
            (2, Duration::from_hours(1))
        );
        let names: Vec<_> = anchors.all.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["vault", "siem", "w1"]);
        let Kind::Webhook { peer, secret } = &anchors.all[1].kind else {
            panic!("not a webhook")
        };
        assert_eq!(secret, Path::new("/etc/velum/siem.secret"));
        assert_eq!(
            peer.authorities.as_deref(),
            Some(Path::new("/etc/velum/ca.pem"))
        );
        let none = of("").unwrap();
        assert_eq!(
            (none.all.len(), none.needed, none.alert),
            (0, 1, DEFAULT_ALERT)
        );
    }

    #[test]
    fn what_could_not_be_kept_is_refused() {
        for (from, to, expected) in [
            ("needed = 2", "needed = 4", "audit.anchors_needed: 1 to 3"),
            ("needed = 2", "needed = 0", "audit.anchors_needed: 1 to 3"),
            ("\"1h\"", "\"0s\"", "audit.anchor_alert: between"),
            ("\"vault\"", "\"Vault\"", "audit.anchors[0].name: 1 to 64"),
            (
                "\"siem\"",
                "\"vault\"",
                "audit.anchors[1].name: stands twice",
            ),
            (
                "/mnt/worm/heads",
                "/var/lib/velum/heads",
                "audit.anchors[0].path: it is in",
            ),
            (
                "path = \"/mnt/worm/heads\"",
                "",
                "audit.anchors[0].path: is missing",
            ),
            (
                "\"file\"",
                "\"witness\"",
                "audit.anchors[0].path: is not for",
            ),
            (
                "secret = \"siem.secret\"",
                "secret = \"siem.secret\"\nprevious_keys = []",
                "audit.anchors[1].previous_keys: is not for",
            ),
            (
                "url = \"http://127.0.0.1:7/w\"",
                "url = \"http://127.0.0.1:7/w\"\nprevious_keys = [\"w1+1+A\"]",
                "audit.anchors[2].previous_keys: the witness's",
            ),
            (
                "secret = \"siem.secret\"",
                "",
                "audit.anchors[1].secret: is missing",
            ),
            (
                "/worm/heads\"",
                "/worm/heads\"\nca = \"ca.pem\"",
                "audit.anchors[0].ca: is not",
            ),
            (
                "https://siem",
                "http://siem",
                "audit.anchors[1].url: https://",
            ),
            (
                "https://siem",
                "ftp://siem",
                "audit.anchors[1].url: https://",
            ),
            (
                "https://siem",
                "https://user@siem",
                "audit.anchors[1].url: without",
            ),
            (
                "/heads\"\nsecret",
                "/heads?token=1\"\nsecret",
                "audit.anchors[1].url: without",
            ),
            (
                "https://siem.example/heads",
                "/heads",
                "audit.anchors[1].url: it names",
            ),
            (
                "127.0.0.1:7",
                "192.0.2.1:7",
                "audit.anchors[2].url: https://",
            ),
            (
                "key = \"witness",
                "key = \"another",
                "audit.anchors[2].key: the witness's",
            ),
            ("kind = \"file\"", "kind = \"git\"", "unknown variant `git`"),
            (
                "name = \"siem\"",
                "name = \"siem\"\ntoken = \"x\"",
                "unknown field `token`",
            ),
        ] {
            let text = three();
            assert!(text.contains(from), "{from}");
            let changed = text.replacen(from, to, 1);
            let error = of(&changed).err().unwrap_or_else(|| panic!("taken: {to}"));
            assert!(error.contains(expected), "{to}: {error}");
        }
        // A log's key is no witness's.
        let signer = velum_ledger::note::NoteSigner::from_seed("w".parse().unwrap(), &[5; 32]);
        let of_log = three().replace(&witness_key(), &signer.verifier().to_string());
        assert!(
            of(&of_log)
                .unwrap_err()
                .contains("audit.anchors[2].key: the witness's")
        );
        let twice = format!(
            "{}\n[[anchors]]\nname = \"w2\"\nkind = \"witness\"\nurl = \"http://127.0.0.1:8/w\"\nkey = \"{}\"",
            three(),
            witness_key()
        );
        let error = of(&twice).unwrap_err();
        assert!(
            error.contains("audit.anchors[3]: it is the same"),
            "{error}"
        );
    }
}
