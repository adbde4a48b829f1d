//! What decisions are made under, as the audit log has it: a digest of each part of the configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sha2::{Digest, Sha256};
use velum_approval::record::ConfigurationPart as Part;
use velum_approval::record::canonical::{Object, Value};
use velum_approval::{GroupName, Identity, StepUp};

use super::document::{Agent, Person};
use super::{AnchorKind, Config, ConfigError, FreshLogin, Release};
use crate::auth::TokenHash;

/// SHA-256 of each part in the form of RFC 8785.
pub(crate) type Digests = BTreeMap<Part, [u8; 32]>;

impl Config {
    /// The digests of its parts. Paths of files are in none: replicas have others, and decide alike.
    pub(crate) fn governing(&self) -> Result<Digests, ConfigError> {
        let parts = [
            (Part::Actions, self.actions_part()),
            (Part::Anchors, self.anchors_part()),
            (Part::Auditors, people(&self.auditors)),
            (Part::BreakGlass, self.break_glass_part()),
            (Part::Gateways, self.gateways_part()),
            (Part::Limits, self.limits_part()),
            (Part::Policies, self.policies_part()),
            (Part::Reviewers, people(&self.reviewers)),
            (Part::SignIn, self.sign_in_part()),
        ];
        let mut digests = Digests::new();
        for (part, value) in parts {
            digests.insert(part, digest(part, &value)?);
        }
        digests.insert(Part::Directory, self.directory_digest);
        Ok(digests)
    }

    fn actions_part(&self) -> Value {
        let mut all = Object::new();
        for name in self.actions.names() {
            let (rule, terms) = (self.actions.rule(name), self.actions.terms(name));
            let Some((rule, terms)) = rule.zip(terms) else {
                continue;
            };
            let mut groups: Vec<_> = rule.groups().iter().map(GroupName::as_str).collect();
            groups.sort_unstable();
            let action = Object::new()
                .with("acr", login(&self.actions.login(name)))
                .with("grant", seconds(terms.lifetime))
                .with("groups", groups.into_iter().collect::<Value>())
                .with("needed", rule.needed())
                .with("release", release(terms.release))
                .with_some("step_up", self.actions.step_up(name).map(StepUp::name))
                .with("uses", terms.uses);
            all = all.with(name.to_string(), action);
        }
        all.into()
    }

    fn anchors_part(&self) -> Value {
        let anchors = &self.audit.anchors;
        let all = anchors.all.iter().fold(Object::new(), |all, anchor| {
            let place = match &anchor.kind {
                AnchorKind::File { .. } => "file".to_owned(),
                AnchorKind::Webhook { peer, .. } => format!("webhook {}", peer.url),
                AnchorKind::Witness { peer, key, .. } => format!("witness {} {key}", peer.url),
            };
            all.with(anchor.name.clone(), place)
        });
        Object::new()
            .with("all", all)
            .with("has_fence", self.audit.fence.is_some())
            .with("needed", number(anchors.needed))
            .into()
    }

    fn break_glass_part(&self) -> Value {
        let Some(access) = &self.break_glass else {
            return false.into();
        };
        let actions = access.actions.iter().map(ToString::to_string);
        let people = access.people.iter().map(ToString::to_string);
        Object::new()
            .with("actions", actions.collect::<Value>())
            .with("lifetime", seconds(access.lifetime))
            .with("people", people.collect::<Value>())
            .into()
    }

    fn gateways_part(&self) -> Value {
        let all = self.gateways.iter();
        let all = all.fold(Object::new(), |all, (id, credentials)| {
            let name = credentials.certificate.as_ref();
            let shown = Object::new()
                .with_some("certificate", name.map(|name| name.as_str().to_owned()))
                .with_some("token", credentials.token.as_ref().map(hex));
            all.with(id.to_string(), shown)
        });
        all.into()
    }

    fn limits_part(&self) -> Value {
        let limits = &self.limits;
        Object::new()
            .with("approvals_per_minute", limits.approvals_per_minute)
            .with("asks_per_minute", limits.asks_per_minute)
            .with("evidence", seconds(self.evidence_lifetime))
            .with("pending", limits.pending)
            .with("pending_lifetime", seconds(self.pending_lifetime))
            .with("pending_per_action", limits.pending_per_action)
            .with("pending_per_principal", limits.pending_per_principal)
            .into()
    }

    fn policies_part(&self) -> Value {
        let digests = self.policies.all().map(|(digest, _)| digest.to_string());
        digests.collect()
    }

    fn sign_in_part(&self) -> Value {
        let Some(inbox) = &self.inbox else {
            return false.into();
        };
        let provider = inbox.provider.as_ref().map(|provider| {
            let groups = provider.groups.as_ref().map(|groups| {
                let names = groups
                    .names
                    .iter()
                    .fold(Object::new(), |names, (of, name)| {
                        names.with(of.clone(), name.as_str())
                    });
                Object::new()
                    .with("claim", groups.claim.clone())
                    .with("names", names)
            });
            let scopes = provider.scopes.iter().map(String::as_str);
            Object::new()
                .with("client_id", provider.client_id.clone())
                .with_some("groups", groups)
                .with("issuer", provider.issuer.clone())
                .with("scopes", scopes.collect::<Value>())
        });
        Object::new()
            .with("key_acr", login(&inbox.keys.login))
            .with("key_age", seconds(inbox.keys.age))
            .with("origin", inbox.origin.as_str())
            .with_some("provider", provider)
            .into()
    }
}

/// The digest of people and agents: who is who, and whose.
pub(super) fn directory(people: &[Person], agents: &[Agent]) -> Result<[u8; 32], ConfigError> {
    let people = people.iter().fold(Object::new(), |all, person| {
        let groups = person.groups.iter().map(GroupName::as_str);
        let told = Object::new()
            .with("groups", groups.collect::<Value>())
            .with("identities", identities(&person.identities));
        all.with(person.id.to_string(), told)
    });
    let agents = agents.iter().fold(Object::new(), |all, agent| {
        let told = Object::new()
            .with("identities", identities(&agent.identities))
            .with("owner", agent.owner.as_str());
        all.with(agent.id.to_string(), told)
    });
    let all = Object::new().with("agents", agents).with("people", people);
    digest(Part::Directory, &all.into())
}

fn identities(identities: &[Identity]) -> Value {
    let texts: BTreeSet<_> = identities
        .iter()
        .map(|one| (one.kind().name(), one.issuer(), one.subject()))
        .collect();
    let told = texts.into_iter().map(|(kind, issuer, subject)| {
        Object::new()
            .with("issuer", issuer)
            .with("kind", kind)
            .with("subject", subject)
    });
    told.collect()
}

/// Who has which token, by its hash: a token that is another may be somebody else's.
fn people<Id: std::fmt::Display>(all: &BTreeMap<Id, Option<TokenHash>>) -> Value {
    let all = all.iter().fold(Object::new(), |all, (id, token)| {
        let told = Object::new().with_some("token", token.as_ref().map(hex));
        all.with(id.to_string(), told)
    });
    all.into()
}

fn login(login: &FreshLogin) -> Value {
    login.acr.iter().map(String::as_str).collect()
}

fn release(release: Release) -> &'static str {
    match release {
        Release::Committed => "committed",
        Release::Checkpointed => "checkpointed",
        Release::Anchored => "anchored",
    }
}

fn hex(hash: &TokenHash) -> String {
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|it| char::from_digit(it.into(), 16));
    hash.iter().flat_map(digits).flatten().collect()
}

fn seconds(span: Duration) -> Value {
    Value::Integer(i64::try_from(span.as_secs()).unwrap_or(i64::MAX))
}

fn number(number: usize) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

fn digest(part: Part, value: &Value) -> Result<[u8; 32], ConfigError> {
    let text = value
        .to_canonical()
        .map_err(|error| ConfigError::new(part.name(), error))?;
    Ok(Sha256::digest(text).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{CONFIGURATION, POLICY};

    fn digests(text: &str) -> Digests {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("policy.yaml"), POLICY).unwrap();
        let next = POLICY.replace("hold: 120s", "hold: 60s");
        std::fs::write(folder.path().join("next-policy.yaml"), next).unwrap();
        let config = Config::from_toml(text, folder.path()).unwrap();
        config.governing().unwrap()
    }

    #[test]
    fn whatever_governs_decisions_changes_the_digest_of_its_part_and_of_no_other() {
        let before = digests(CONFIGURATION);
        let all: BTreeSet<_> = before.keys().copied().collect();
        assert_eq!(all, Part::ALL.iter().copied().collect());
        // Neither another place for the data nor another order of the document is a change.
        let same = CONFIGURATION.replace("data = \"velum-data\"", "data = \"elsewhere\"");
        assert_eq!(digests(&same), before);
        let hex = "ab".repeat(32);
        let token = format!("person = \"grace\"\ntoken_sha256 = \"{hex}\"");
        let gateway = format!("id = \"edge\"\ntoken_sha256 = \"{hex}\"");
        let anchor = "[audit]\nfence = \"/elsewhere/fence\"\n[actions.read]";
        let access = "[break_glass]\ngroup = \"clinical\"\nlifetime = \"30m\"\nactions = [\"read\"]\n[actions.read]";
        let inbox = "[inbox]\nurl = \"https://approvals.example\"\n[inbox.provider]\n\
                     issuer = \"https://idp.example\"\nclient_id = \"velum\"\n\
                     client_secret = \"inbox.secret\"\n[actions.read]";
        let ivy = "[[auditors]]\nperson = \"ivy\"\n[actions.read]";
        for (from, to, part) in [
            ("quorum = 1", "quorum = 2", Part::Actions),
            (
                "quorum = 1",
                "quorum = 1\ngroups = [\"privacy\"]",
                Part::Actions,
            ),
            (
                "quorum = 1",
                "quorum = 1\nstep_up = \"fresh-login\"",
                Part::Actions,
            ),
            (
                "quorum = 1",
                "quorum = 1\nuses = 2\ngrant = \"5m\"",
                Part::Actions,
            ),
            ("grant = \"5m\"", "grant = \"6m\"", Part::Actions),
            ("pending = \"15m\"", "pending = \"16m\"", Part::Limits),
            (
                "asks_per_minute = 1000",
                "asks_per_minute = 999",
                Part::Limits,
            ),
            ("owner = \"dr-jones\"", "owner = \"omar\"", Part::Directory),
            (
                "subject = \"grace\"",
                "subject = \"mallory\"",
                Part::Directory,
            ),
            ("person = \"grace\"", &token, Part::Reviewers),
            ("id = \"edge\"", &gateway, Part::Gateways),
            ("[actions.read]", anchor, Part::Anchors),
            ("[actions.read]", access, Part::BreakGlass),
            ("policy.yaml", "next-policy.yaml", Part::Policies),
            ("[actions.read]", ivy, Part::Auditors),
            ("[actions.read]", inbox, Part::SignIn),
        ] {
            let people = "[[people]]\nid = \"ivy\"\n\n[[reviewers]]";
            let (old, from_text) = if part == Part::Auditors {
                let with = CONFIGURATION.replacen("[[reviewers]]", people, 1);
                (digests(&with), with)
            } else {
                (before.clone(), CONFIGURATION.to_owned())
            };
            assert!(from_text.contains(from), "{from}");
            // A step-up needs an inbox, which is a part of its own.
            let mut text = from_text.replacen(from, to, 1);
            let mut expected = BTreeSet::from([part]);
            if to.contains("step_up") {
                text = text.replacen("[actions.read]", inbox, 1);
                expected.insert(Part::SignIn);
            }
            let now = digests(&text);
            let changed = Part::ALL.iter().filter(|part| now[part] != old[part]);
            let changed: BTreeSet<_> = changed.copied().collect();
            assert_eq!(changed, expected, "{to}");
        }
    }
}
