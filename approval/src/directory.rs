//! From identities to the persons behind them.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::stops::StopScope;
use crate::words::{AgentId, Identity, Lineage, PersonId};

/// Whom an identity belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Party {
    /// A person.
    Person {
        /// Who.
        id: PersonId,
    },
    /// A machine, and the person who answers for it.
    Agent {
        /// Which.
        id: AgentId,
        /// Who owns it.
        owner: PersonId,
    },
}

impl Party {
    /// The person: themselves, or the agent's owner.
    pub fn person(&self) -> &PersonId {
        match self {
            Self::Person { id } => id,
            Self::Agent { owner, .. } => owner,
        }
    }
}

/// The map from identities to parties. A person or an agent may have several identities; an
/// identity belongs to one of them only.
///
/// ```
/// use velum_approval::{AgentId, Directory, Identity, IdentityKind, Lineage, PersonId};
/// let identity = |subject| Identity::new(IdentityKind::Jwt, "https://idp.example", subject);
/// let jones = PersonId::new("dr-jones")?;
/// let directory = Directory::builder()
///     .person(jones.clone(), [identity("dr-jones")?])
///     .agent(AgentId::new("triage-bot")?, jones.clone(), [identity("triage-bot")?])
///     .build()?;
/// let excluded = directory.resolve(&Lineage::new(vec![identity("triage-bot")?])?)?;
/// assert!(excluded.contains(&jones));
/// assert!(directory.resolve(&Lineage::new(vec![identity("stranger")?])?).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    parties: BTreeMap<Identity, Party>,
}

impl Directory {
    /// An empty directory to be filled.
    pub fn builder() -> DirectoryBuilder {
        DirectoryBuilder::default()
    }

    /// Whom the identity belongs to, if anybody is known to have it.
    pub fn party(&self, identity: &Identity) -> Option<&Party> {
        self.parties.get(identity)
    }

    /// Every identity of whom this one belongs to, itself among them; it alone where nobody is known to have
    /// it. So what one has asked is counted under all its names.
    pub fn names<'a>(&'a self, identity: &'a Identity) -> Vec<&'a Identity> {
        let Some(party) = self.party(identity) else {
            return vec![identity];
        };
        let theirs = self.parties.iter().filter(|(_, other)| *other == party);
        theirs.map(|(identity, _)| identity).collect()
    }

    /// Every identity of the person or agent of this name; where nobody has it, those with exactly this subject.
    ///
    /// ```
    /// use velum_approval::{Directory, Identity, IdentityKind, PersonId};
    /// let identity = Identity::new(IdentityKind::Jwt, "https://idp.example", "00u1")?;
    /// let directory = Directory::builder()
    ///     .person(PersonId::new("dr-jones")?, [identity.clone()])
    ///     .build()?;
    /// assert_eq!(directory.called("dr-jones"), [&identity]);
    /// assert_eq!(directory.called("00u1"), [&identity]);
    /// assert!(directory.called("jones").is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn called<'a>(&'a self, name: &str) -> Vec<&'a Identity> {
        let is_called = |party: &Party| match party {
            Party::Person { id } => id.as_str() == name,
            Party::Agent { id, .. } => id.as_str() == name,
        };
        let parties = self.parties.iter();
        let theirs: Vec<_> = parties
            .clone()
            .filter(|(_, party)| is_called(party))
            .map(|(identity, _)| identity)
            .collect();
        if !theirs.is_empty() {
            return theirs;
        }
        let alike = parties.filter(|(identity, _)| identity.subject() == name);
        alike.map(|(identity, _)| identity).collect()
    }

    /// Every scope, and where one names an identity, those beside it: whatever else the same person or
    /// agent is called, and the agents that the person answers for. So a stop meets who it means under
    /// each of their names.
    pub fn spread(&self, scopes: &[StopScope]) -> Vec<StopScope> {
        let mut spread = Vec::with_capacity(scopes.len());
        for scope in scopes {
            spread.push(scope.clone());
            let StopScope::Principal { identity } = scope else {
                continue;
            };
            let Some(stopped) = self.party(identity) else {
                continue;
            };
            let is_person = matches!(stopped, Party::Person { .. });
            let beside = self.parties.iter().filter(|(other, party)| {
                let is_theirs = is_person && party.person() == stopped.person();
                *other != identity && (*party == stopped || is_theirs)
            });
            spread.extend(beside.map(|(identity, _)| StopScope::Principal {
                identity: identity.clone(),
            }));
        }
        spread
    }

    /// The persons behind a request, who may not review it. One identity that nobody is known to
    /// have makes the whole unknown: it might be anybody's, the reviewer's too.
    pub fn resolve(&self, lineage: &Lineage) -> Result<ExcludedPersons, LineageUnknown> {
        self.resolve_all(lineage.identities().iter())
    }

    /// As [`resolve`](Self::resolve), the principal included even where the lineage leaves it out.
    pub fn resolve_with(
        &self,
        principal: &Identity,
        lineage: &Lineage,
    ) -> Result<ExcludedPersons, LineageUnknown> {
        self.resolve_all(std::iter::once(principal).chain(lineage.identities()))
    }

    fn resolve_all<'a>(
        &self,
        identities: impl Iterator<Item = &'a Identity>,
    ) -> Result<ExcludedPersons, LineageUnknown> {
        identities
            .map(|identity| self.party(identity).map(|party| party.person().clone()))
            .collect::<Option<_>>()
            .map(ExcludedPersons)
            .ok_or(LineageUnknown)
    }
}

/// Fills a [`Directory`].
#[derive(Clone, Debug, Default)]
pub struct DirectoryBuilder {
    people: Vec<(PersonId, Vec<Identity>)>,
    agents: Vec<(AgentId, PersonId, Vec<Identity>)>,
}

impl DirectoryBuilder {
    /// A person and all identities they have. None is possible: one who only reviews.
    #[must_use]
    pub fn person(mut self, id: PersonId, identities: impl IntoIterator<Item = Identity>) -> Self {
        self.people.push((id, identities.into_iter().collect()));
        self
    }

    /// An agent, its owner, and all identities it has.
    #[must_use]
    pub fn agent(
        mut self,
        id: AgentId,
        owner: PersonId,
        identities: impl IntoIterator<Item = Identity>,
    ) -> Self {
        self.agents
            .push((id, owner, identities.into_iter().collect()));
        self
    }

    /// Refuses an id or an identity that stands twice, an owner who is not a person of the
    /// directory, and an agent without identity.
    pub fn build(self) -> Result<Directory, DirectoryError> {
        let mut parties = BTreeMap::new();
        let mut people = BTreeSet::new();
        let mut agents = BTreeSet::new();
        let mut claim = |party: &Party, name: &str, identities: Vec<Identity>| {
            for identity in identities {
                if parties.insert(identity, party.clone()).is_some() {
                    return Err(DirectoryError::IdentityTwice(name.to_owned()));
                }
            }
            Ok(())
        };
        for (id, identities) in self.people {
            if !people.insert(id.clone()) {
                return Err(DirectoryError::IdTwice(id.to_string()));
            }
            claim(&Party::Person { id: id.clone() }, id.as_str(), identities)?;
        }
        for (id, owner, identities) in self.agents {
            if !agents.insert(id.clone()) {
                return Err(DirectoryError::IdTwice(id.to_string()));
            }
            if !people.contains(&owner) {
                return Err(DirectoryError::OwnerUnknown(id.to_string()));
            }
            if identities.is_empty() {
                return Err(DirectoryError::NoIdentity(id.to_string()));
            }
            let name = id.to_string();
            claim(&Party::Agent { id, owner }, &name, identities)?;
        }
        Ok(Directory { parties })
    }
}

/// Why a directory cannot be; each names the person or the agent where the fault shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectoryError {
    /// The id stands twice.
    IdTwice(String),
    /// One of its identities belongs to another entry too, or stands twice.
    IdentityTwice(String),
    /// The agent's owner is not a person of the directory.
    OwnerUnknown(String),
    /// The agent has no identity, so it can never be met.
    NoIdentity(String),
}

impl fmt::Display for DirectoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IdTwice(id) => write!(f, "`{id}` stands twice"),
            Self::IdentityTwice(id) => {
                write!(
                    f,
                    "an identity of `{id}` stands twice: it belongs to one party only"
                )
            }
            Self::OwnerUnknown(id) => write!(f, "the owner of `{id}` is not a person here"),
            Self::NoIdentity(id) => write!(f, "`{id}` has no identity"),
        }
    }
}

impl std::error::Error for DirectoryError {}

/// The persons behind a request. Only a [`Directory`] makes it, or the store that kept it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExcludedPersons(BTreeSet<PersonId>);

impl ExcludedPersons {
    /// Whether the person is behind the request.
    pub fn contains(&self, person: &PersonId) -> bool {
        self.0.contains(person)
    }

    /// These and those.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    /// The persons, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &PersonId> {
        self.0.iter()
    }
}

/// Somebody behind the request is not in the directory. Does not say who: it may be a patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineageUnknown;

impl fmt::Display for LineageUnknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("somebody behind the request is not in the directory: add the identity there")
    }
}

impl std::error::Error for LineageUnknown {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::IdentityKind;

    fn jwt(subject: &str) -> Identity {
        Identity::new(IdentityKind::Jwt, "https://idp.example", subject).unwrap()
    }

    fn person(id: &str) -> PersonId {
        PersonId::new(id).unwrap()
    }

    fn agent(id: &str) -> AgentId {
        AgentId::new(id).unwrap()
    }

    fn resolved(
        directory: &Directory,
        lineage: &[Identity],
    ) -> Result<Vec<String>, LineageUnknown> {
        let lineage = Lineage::new(lineage.to_vec()).unwrap();
        Ok(directory
            .resolve(&lineage)?
            .iter()
            .map(ToString::to_string)
            .collect())
    }

    #[test]
    fn every_alias_and_every_owner_is_excluded() {
        let certificate = Identity::new(IdentityKind::Certificate, "", "spiffe://mesh/ng").unwrap();
        let directory = Directory::builder()
            .person(person("jones"), [jwt("dr-jones"), jwt("jones@example.org")])
            .person(person("ng"), [certificate.clone()])
            .agent(agent("triage-bot"), person("ng"), [jwt("triage-bot")])
            .build()
            .unwrap();
        assert_eq!(
            resolved(&directory, &[jwt("jones@example.org")]).unwrap(),
            ["jones"]
        );
        assert_eq!(resolved(&directory, &[certificate]).unwrap(), ["ng"]);
        let both = [jwt("triage-bot"), jwt("dr-jones")];
        assert_eq!(resolved(&directory, &both).unwrap(), ["jones", "ng"]);
        // Of another issuer or kind, the same subject is somebody else.
        let other = Identity::new(IdentityKind::Jwt, "https://other.example", "dr-jones").unwrap();
        assert_eq!(resolved(&directory, &[other]), Err(LineageUnknown));
        assert_eq!(
            resolved(&directory, &[jwt("dr-jones"), jwt("x")]),
            Err(LineageUnknown)
        );
        let lineage = Lineage::new(vec![jwt("dr-jones")]).unwrap();
        let excluded = directory
            .resolve_with(&jwt("triage-bot"), &lineage)
            .unwrap();
        assert!(excluded.contains(&person("ng")));
    }

    #[test]
    fn a_name_is_whose_it_is_before_it_is_a_subject() {
        let directory = Directory::builder()
            .person(person("jones"), [jwt("ng"), jwt("jones@example.org")])
            .person(person("ng"), [jwt("dr-ng")])
            .agent(agent("bot"), person("jones"), [jwt("bot-1"), jwt("bot-2")])
            .build()
            .unwrap();
        let called = |name| {
            directory
                .called(name)
                .into_iter()
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(called("ng"), [jwt("dr-ng")]);
        assert_eq!(called("bot"), [jwt("bot-1"), jwt("bot-2")]);
        assert_eq!(called("jones@example.org"), [jwt("jones@example.org")]);
        // An owner is not their agents.
        assert_eq!(called("jones").len(), 2);
        assert_eq!(called("nobody"), []);
    }

    #[test]
    fn a_stop_meets_every_alias_and_every_agent_answered_for() {
        let directory = Directory::builder()
            .person(person("jones"), [jwt("dr-jones"), jwt("d.jones")])
            .person(person("ng"), [jwt("dr-ng")])
            .agent(agent("bot"), person("jones"), [jwt("bot"), jwt("bot-2")])
            .build()
            .unwrap();
        let principal = |subject| StopScope::Principal {
            identity: jwt(subject),
        };
        let each = |scopes: &[StopScope]| -> BTreeSet<String> {
            scopes.iter().map(|scope| format!("{scope:?}")).collect()
        };
        let spread = |scope| each(&directory.spread(&[scope]));
        let all = ["dr-jones", "d.jones", "bot", "bot-2"].map(principal);
        assert_eq!(spread(principal("d.jones")), each(&all));
        let agent = ["bot", "bot-2"].map(principal);
        assert_eq!(spread(principal("bot")), each(&agent));
        for alone in [
            principal("stranger"),
            principal("dr-ng"),
            StopScope::Everything,
        ] {
            assert_eq!(spread(alone.clone()), each(&[alone]));
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let base = || Directory::builder().person(person("jones"), [jwt("dr-jones")]);
        for (builder, fault) in [
            (
                base().person(person("jones"), []),
                DirectoryError::IdTwice("jones".into()),
            ),
            (
                base().person(person("ng"), [jwt("dr-jones")]),
                DirectoryError::IdentityTwice("ng".into()),
            ),
            (
                base().agent(agent("bot"), person("jones"), [jwt("dr-jones")]),
                DirectoryError::IdentityTwice("bot".into()),
            ),
            (
                base().agent(agent("bot"), person("ng"), [jwt("bot")]),
                DirectoryError::OwnerUnknown("bot".into()),
            ),
            (
                base().agent(agent("bot"), person("jones"), []),
                DirectoryError::NoIdentity("bot".into()),
            ),
            (
                base()
                    .agent(agent("bot"), person("jones"), [jwt("bot")])
                    .agent(agent("bot"), person("jones"), [jwt("bot-2")]),
                DirectoryError::IdTwice("bot".into()),
            ),
        ] {
            assert_eq!(builder.build(), Err(fault));
        }
    }
}
