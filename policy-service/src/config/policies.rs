//! The policies that the filters run, as far as approvals depend on them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use velum_approval::messages::{Check, Events};
use velum_approval::{ActionName, PolicyDigest, RouteTemplate, RouteWords, RuleName, Shape};
use velum_engine::ClassSet;
use velum_policy::{Action, Authorities, Policy, document};

use super::ConfigError;

/// Stands for the name of an action that no policy has.
const UNNAMED: &str = "*";

/// What may be asked under each policy.
#[derive(Debug, Default)]
pub(crate) struct Policies(BTreeMap<PolicyDigest, Known>);

#[derive(Debug)]
struct Known {
    /// The actions for which there can be an approval, with the classes that may be asked.
    actions: BTreeMap<ActionName, ClassSet>,
    /// The masking rules that have a name: an approval may be narrowed to some of them.
    rules: BTreeSet<RuleName>,
    /// What may be shown of the paths and queries of requests.
    words: RouteWords,
    /// And of their authorities.
    authorities: Authorities,
    policy: Policy,
}

impl Policies {
    /// Reads policy documents: YAML, JSON, or Envoy configurations that hold some. `authorities`: those that are known
    /// beside what policies name.
    pub(super) fn read(
        paths: &[PathBuf],
        folder: &Path,
        authorities: &Authorities,
    ) -> Result<Policies, ConfigError> {
        if paths.is_empty() {
            let fault = "name the filter's policies: a check under any other is refused";
            return Err(ConfigError::new("policies", fault));
        }
        let mut policies = BTreeMap::new();
        for (index, path) in paths.iter().enumerate() {
            let place = format!("policies[{index}] ({})", path.display());
            let text = std::fs::read_to_string(folder.join(path))
                .map_err(|error| ConfigError::new(&place, error))?;
            let documents =
                document::all_from_text(&text).map_err(|error| ConfigError::new(&place, error))?;
            for policy in documents {
                let digest = PolicyDigest::from_bytes(policy.digest());
                let known = Known {
                    actions: reviewed(&policy, &place)?,
                    rules: named(&policy, &place)?,
                    words: RouteWords::new(policy.literal_segments(), policy.query_names()),
                    authorities: Authorities::of(&policy).and(authorities.clone()),
                    policy,
                };
                policies.insert(digest, known);
            }
        }
        Ok(Policies(policies))
    }

    /// The actions of a policy for which there can be an approval, with the classes that may be
    /// asked; `None` for a policy that this service does not know.
    pub(crate) fn actions(&self, digest: &PolicyDigest) -> Option<&BTreeMap<ActionName, ClassSet>> {
        self.0.get(digest).map(|known| &known.actions)
    }

    /// The names of a policy's masking rules.
    pub(crate) fn rules(&self, digest: &PolicyDigest) -> Option<&BTreeSet<RuleName>> {
        self.0.get(digest).map(|known| &known.rules)
    }

    /// What of a check's path and query are words of its policy: a gateway has left the others out, and whoever
    /// has its token may not have. `None` for a policy that this service does not know.
    pub(crate) fn route(&self, check: &Check) -> Option<RouteTemplate> {
        let words = &self.0.get(&check.policy)?.words;
        Some(RouteTemplate::again(&check.path, &check.query, words))
    }

    /// What of a check's authority is known: whoever asks has written it. `{…}` under a policy that is not.
    pub(crate) fn authority(&self, check: &Check) -> String {
        let known = self.0.get(&check.policy).map(|known| &known.authorities);
        known
            .unwrap_or(&Authorities::default())
            .shown(&check.authority)
    }

    /// Whether there can be an approval for an action of this name.
    pub(crate) fn has_action(&self, name: &ActionName) -> bool {
        let mut all = self.0.values();
        all.any(|known| known.actions.contains_key(name))
    }

    /// Puts [`UNNAMED`] in place of names of actions that no policy has: they are what a gateway wrote. Its
    /// policy, or one of those that are known here where that is not.
    pub(crate) fn leave_out_unknown(&self, events: &mut Events) {
        let has = |known: &Known, name: &ActionName| {
            let mut actions = known.policy.actions().iter();
            actions.any(|action| action.name == name.as_str())
        };
        for row in &mut events.rows {
            let Some(name) = &row.action else { continue };
            let is_known = match self.0.get(&row.policy) {
                Some(known) => has(known, name),
                None => self.0.values().any(|known| has(known, name)),
            };
            if !is_known {
                row.action = ActionName::new(UNNAMED).ok();
            }
        }
    }

    /// A shape without any key or rule that the policy does not name, whoever sent it: a gateway may be of another
    /// version, or be somebody else's. Of a policy that this service does not know, every key is one.
    pub(crate) fn tell(&self, digest: &PolicyDigest, shape: Shape) -> Shape {
        match self.0.get(digest) {
            Some(known) => {
                let rules = known.policy.rules();
                shape.telling(|key| rules.told_key(key) == Some(key), &known.rules)
            }
            None => shape.telling(|_| false, &BTreeSet::new()),
        }
    }

    /// An action of a policy, with its place among them: 1 is the first.
    pub(crate) fn action(
        &self,
        digest: &PolicyDigest,
        name: &ActionName,
    ) -> Option<(usize, &Action)> {
        let known = self.0.get(digest)?;
        let mut numbered = (1..).zip(known.policy.actions());
        numbered.find(|(_, action)| action.name == name.as_str())
    }

    /// Every policy, in the order of their digests.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&PolicyDigest, &Policy)> {
        self.0.iter().map(|(digest, known)| (digest, &known.policy))
    }

    /// The names of all actions for which there can be an approval.
    pub(super) fn action_names(&self) -> BTreeSet<&ActionName> {
        self.0
            .values()
            .flat_map(|known| known.actions.keys())
            .collect()
    }
}

/// The authorities that are known beside what policies name.
pub(super) fn authorities(names: &[String]) -> Result<Authorities, ConfigError> {
    let mut known = Authorities::default();
    for (index, name) in names.iter().enumerate() {
        let read = Authorities::read(name).ok_or_else(|| {
            let fault = "a host in small letters, `host:port`, or `*.host` for whatever ends so";
            ConfigError::new(format!("authorities[{index}]"), fault)
        })?;
        known = known.and(read);
    }
    Ok(known)
}

fn reviewed(policy: &Policy, place: &str) -> Result<BTreeMap<ActionName, ClassSet>, ConfigError> {
    policy
        .actions()
        .iter()
        .filter(|action| action.needs_service())
        .map(|action| {
            let name = ActionName::new(action.name.as_str())
                .map_err(|error| ConfigError::new(place, error))?;
            Ok((name, action.grantable()))
        })
        .collect()
}

fn named(policy: &Policy, place: &str) -> Result<BTreeSet<RuleName>, ConfigError> {
    let names = policy.rule_names().iter().map(RuleName::new);
    names
        .collect::<Result<_, _>>()
        .map_err(|error| ConfigError::new(place, error))
}
