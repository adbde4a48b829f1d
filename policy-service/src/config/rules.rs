//! Who is who, and who has to approve what.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;
use velum_approval::{
    ActionName, Approval, Directory, ExcludedPersons, GroupName, Panel, PersonId, ReviewRule,
    Reviewers, StepUp, Timestamp,
};

use super::ConfigError;
use super::document::{self, Agent, Person};
use super::duration::Span;
use super::policies::Policies;
use crate::inbox::Present;
use crate::store::Memberships;

/// Before anything was asked.
const NEVER: Timestamp = Timestamp::from_millis(0);

/// How many have to approve an action, and from which groups.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActionRule {
    #[serde(default = "one")]
    quorum: u32,
    #[serde(default)]
    groups: Vec<GroupName>,
    /// How many times a grant may be used.
    #[serde(default = "one")]
    uses: u32,
    /// How long a grant may be used.
    grant: Option<Span>,
    /// How sure its record has to be before anything is released.
    #[serde(default)]
    release: Release,
    /// What whoever approves it has to do beside.
    step_up: Option<StepUp>,
    /// How they have to sign in then, by the provider's words for it: one of these.
    #[serde(default)]
    step_up_acr: BTreeSet<String>,
}

/// Whoever approves has to sign in anew for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FreshLogin {
    /// In one of these ways (OpenID Connect Core 1.0, `acr`); in any where there is none.
    pub(crate) acr: BTreeSet<String>,
}

impl FreshLogin {
    /// Whether this way of signing in is one of them.
    pub(crate) fn admits(&self, acr: Option<&str>) -> bool {
        self.acr.is_empty() || acr.is_some_and(|acr| self.acr.contains(acr))
    }
}

/// How sure the record of a use has to be before anything is released.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Release {
    /// It is committed.
    #[default]
    Committed,
    /// It is under a signed head, which the fence has.
    Checkpointed,
    /// So many anchors have such a head.
    Anchored,
}

/// What a grant of an action is worth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// How many times it may be used.
    pub(crate) uses: u32,
    /// How long.
    pub(crate) lifetime: Duration,
    /// How sure the record of a use has to be.
    pub(crate) release: Release,
}

/// The most uses of a grant.
const MOST_USES: u32 = 100;

fn one() -> u32 {
    1
}

/// Who reviews each action.
#[derive(Debug)]
pub(crate) struct ActionRules {
    rules: BTreeMap<ActionName, (ReviewRule, Terms)>,
    step_ups: BTreeMap<ActionName, StepUp>,
    /// How those sign in anew who approve these.
    logins: BTreeMap<ActionName, FreshLogin>,
    reviewers: Reviewers,
    /// Since when they are.
    memberships: Memberships,
    /// And the latest of those moments.
    latest: Timestamp,
}

impl ActionRules {
    /// The same, since when everybody reviews being known.
    pub(crate) fn since(mut self, memberships: Memberships) -> Self {
        let moments = memberships.values();
        let moments = moments.flat_map(|it| it.groups.values().chain([&it.at]));
        self.latest = moments.max().copied().unwrap_or(NEVER);
        self.memberships = memberships;
        self
    }

    /// Who may review a request of this action, without those behind it and without groups that the
    /// provider has said somebody is not in; `None` for an action that no policy has reviewed.
    pub(crate) fn panel(
        &self,
        action: &ActionName,
        excluded: &ExcludedPersons,
        present: &Present,
    ) -> Option<Panel> {
        let (rule, _) = self.rules.get(action)?;
        Some(Panel::new(rule, &present.narrow(&self.reviewers), excluded))
    }

    /// Who may review this approval: of its action's panel, whoever was in it when it was asked.
    pub(crate) fn panel_of(
        &self,
        approval: &Approval,
        excluded: &ExcludedPersons,
        present: &Present,
    ) -> Option<Panel> {
        let panel = self.panel(&approval.action, excluded, present)?;
        Some(self.as_of(&panel, approval.created).into_owned())
    }

    /// Those of a panel who reviewed at that moment, each in the groups that they were in: nobody is brought in for
    /// what is asked already (threat 13).
    pub(crate) fn as_of<'a>(&self, panel: &'a Panel, asked: Timestamp) -> Cow<'a, Panel> {
        if self.latest <= asked {
            return Cow::Borrowed(panel);
        }
        let joined = |person: &PersonId| self.memberships.get(person);
        let was_there = |person: &PersonId| joined(person).is_some_and(|it| it.at <= asked);
        let panel = panel.clone().only(was_there).only_in(|person, group| {
            let since = joined(person).and_then(|it| it.groups.get(group));
            since.is_some_and(|since| *since <= asked)
        });
        Cow::Owned(panel)
    }

    /// Everyone who reviews, with their groups.
    pub(crate) fn by_person(&self) -> &Reviewers {
        &self.reviewers
    }

    /// How many have to approve this action, and from which groups.
    pub(crate) fn rule(&self, action: &ActionName) -> Option<&ReviewRule> {
        self.rules.get(action).map(|(rule, _)| rule)
    }

    /// What a grant of this action is worth.
    pub(crate) fn terms(&self, action: &ActionName) -> Option<Terms> {
        self.rules.get(action).map(|(_, terms)| *terms)
    }

    /// What whoever approves it has to do beside, if anything.
    pub(crate) fn step_up(&self, action: &ActionName) -> Option<StepUp> {
        self.step_ups.get(action).copied()
    }

    /// How whoever approves it signs in anew; in any way where nothing is said of that.
    pub(crate) fn login(&self, action: &ActionName) -> FreshLogin {
        self.logins.get(action).cloned().unwrap_or_default()
    }

    /// The first action that asks for this.
    pub(super) fn first_with(&self, step_up: StepUp) -> Option<&ActionName> {
        let mut all = self.step_ups.iter();
        all.find(|(_, asked)| **asked == step_up)
            .map(|(name, _)| name)
    }

    /// Everyone who reviews anything.
    pub(crate) fn reviewers(&self) -> impl Iterator<Item = &PersonId> {
        self.reviewers.keys()
    }

    /// Whether somebody reviews anything, by what the provider has said of their groups.
    pub(crate) fn reviews(&self, person: &PersonId, present: &Present) -> bool {
        present.narrow(&self.reviewers).contains_key(person)
    }

    /// The names of all actions that are reviewed.
    pub(crate) fn names(&self) -> impl Iterator<Item = &ActionName> {
        self.rules.keys()
    }

    /// Whether any policy has such an action reviewed.
    pub(super) fn has(&self, action: &ActionName) -> bool {
        self.rules.contains_key(action)
    }
}

/// The people who review, with their groups.
pub(super) fn reviewers(people: &[Person], reviews: impl Fn(&PersonId) -> bool) -> Reviewers {
    people
        .iter()
        .filter(|person| reviews(&person.id))
        .map(|person| (person.id.clone(), person.groups.clone()))
        .collect()
}

/// Who has which identities.
pub(super) fn directory(people: &[Person], agents: Vec<Agent>) -> Result<Directory, ConfigError> {
    let mut directory = Directory::builder();
    for person in people {
        directory = directory.person(person.id.clone(), person.identities.iter().cloned());
    }
    for agent in agents {
        directory = directory.agent(agent.id, agent.owner, agent.identities);
    }
    directory
        .build()
        .map_err(|error| ConfigError::new("people and agents", error))
}

/// Joins the rules that are given with the default for every other action (any one reviewer), and
/// refuses an action that nobody could ever approve.
pub(super) fn actions(
    given: BTreeMap<ActionName, ActionRule>,
    policies: &Policies,
    reviewers: Reviewers,
    lifetime: Duration,
) -> Result<ActionRules, ConfigError> {
    let names = policies.action_names();
    let (mut rules, mut step_ups) = (BTreeMap::new(), BTreeMap::new());
    let mut logins = BTreeMap::new();
    for (name, rule) in given {
        let place = format!("actions.{name}");
        if !names.contains(&name) {
            let fault = "no policy has an action of this name that reviews or may be asked";
            return Err(ConfigError::new(place, fault));
        }
        let terms = terms(&place, &rule, lifetime)?;
        step_ups.extend(rule.step_up.map(|step_up| (name.clone(), step_up)));
        if rule.step_up == Some(StepUp::FreshLogin) {
            let acr = rule.step_up_acr.clone();
            logins.insert(name.clone(), FreshLogin { acr });
        } else if !rule.step_up_acr.is_empty() {
            let fault = "needs step_up = \"fresh-login\": nobody would be asked";
            return Err(ConfigError::new(format!("{place}.step_up_acr"), fault));
        }
        let rule = ReviewRule::new(rule.quorum, rule.groups)
            .map_err(|error| ConfigError::new(place, error))?;
        rules.insert(name, (rule, terms));
    }
    for name in names {
        if !rules.contains_key(name) {
            let rule = ReviewRule::new(one(), Vec::new())
                .map_err(|error| ConfigError::new(format!("actions.{name}"), error))?;
            let terms = Terms {
                uses: 1,
                lifetime,
                release: Release::Committed,
            };
            rules.insert(name.clone(), (rule, terms));
        }
    }
    for (name, (rule, _)) in &rules {
        if !rule.can_be_satisfied_by(&reviewers) {
            let fault = format!(
                "nobody could ever approve it: {} different [[reviewers]] are needed, one for each \
                 of its groups",
                rule.needed()
            );
            return Err(ConfigError::new(format!("actions.{name}"), fault));
        }
    }
    Ok(ActionRules {
        rules,
        step_ups,
        logins,
        reviewers,
        memberships: Memberships::new(),
        latest: NEVER,
    })
}

fn terms(place: &str, rule: &ActionRule, default: Duration) -> Result<Terms, ConfigError> {
    let uses = format!("{place}.uses");
    if !(1..=MOST_USES).contains(&rule.uses) {
        return Err(ConfigError::new(uses, format!("1 to {MOST_USES}")));
    }
    if rule.uses > 1 && rule.grant.is_none() {
        let fault = "a grant of several uses has to say how long: add grant = \"10m\"";
        return Err(ConfigError::new(uses, fault));
    }
    let lifetime = document::grant_lifetime(&format!("{place}.grant"), rule.grant, default)?;
    Ok(Terms {
        uses: rule.uses,
        lifetime,
        release: rule.release,
    })
}
