//! Who may review a request, and when enough of them have agreed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::directory::ExcludedPersons;
use crate::words::{GroupName, PersonId};

/// Every person who reviews anything, with the groups they are in.
pub type Reviewers = BTreeMap<PersonId, BTreeSet<GroupName>>;

/// How many people, and from which groups, have to approve an action.
///
/// With groups, each of them needs a person of its own: nobody stands for two. Only members of one
/// of the groups review then; without groups every reviewer does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewRule {
    quorum: u32,
    groups: Vec<GroupName>,
}

impl ReviewRule {
    /// Refuses a quorum of nobody, and a group that stands twice (raise the quorum instead).
    pub fn new(quorum: u32, groups: Vec<GroupName>) -> Result<Self, RuleError> {
        if quorum == 0 {
            return Err(RuleError::NoQuorum);
        }
        if groups.iter().collect::<BTreeSet<_>>().len() != groups.len() {
            return Err(RuleError::GroupTwice);
        }
        Ok(Self { quorum, groups })
    }

    /// How many different people have to approve: the quorum, at least one a group.
    pub fn needed(&self) -> u32 {
        self.quorum
            .max(u32::try_from(self.groups.len()).unwrap_or(u32::MAX))
    }

    /// The groups, one of whose members each has to approve.
    pub fn groups(&self) -> &[GroupName] {
        &self.groups
    }

    /// Whether these reviewers could ever satisfy the rule, if none of them were behind the
    /// request: a rule for which they could not is a fault of the configuration.
    pub fn can_be_satisfied_by(&self, reviewers: &Reviewers) -> bool {
        self.is_satisfied_by(&self.eligible(reviewers.iter()))
    }

    fn eligible<'a>(
        &self,
        reviewers: impl Iterator<Item = (&'a PersonId, &'a BTreeSet<GroupName>)>,
    ) -> Reviewers {
        let may = |of: &BTreeSet<GroupName>| {
            self.groups.is_empty() || self.groups.iter().any(|group| of.contains(group))
        };
        reviewers
            .filter(|(_, groups)| may(groups))
            .map(|(person, groups)| (person.clone(), groups.clone()))
            .collect()
    }

    fn is_satisfied_by(&self, people: &Reviewers) -> bool {
        people.len() >= usize::try_from(self.needed()).unwrap_or(usize::MAX)
            && every_group_has_its_own(&self.groups, people)
    }
}

/// Why a rule cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleError {
    /// The quorum is nobody.
    NoQuorum,
    /// A group stands twice.
    GroupTwice,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoQuorum => "a quorum of 0 approves everything: 1 is the least",
            Self::GroupTwice => "a group stands twice: raise the quorum instead",
        })
    }
}

impl std::error::Error for RuleError {}

/// Who may review one request, under the service's present configuration. It is made anew for
/// every vote and every use, so that who has left since does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panel {
    rule: ReviewRule,
    eligible: Reviewers,
    excluded: ExcludedPersons,
}

impl Panel {
    /// The reviewers that the rule admits, without the persons behind the request. May be unable to
    /// reach a decision: see [`can_decide`](Self::can_decide).
    pub fn new(rule: &ReviewRule, reviewers: &Reviewers, excluded: &ExcludedPersons) -> Self {
        let others = reviewers
            .iter()
            .filter(|(person, _)| !excluded.contains(person));
        Self {
            rule: rule.clone(),
            eligible: rule.eligible(others),
            excluded: excluded.clone(),
        }
    }

    /// Whether those who are left could approve at all. Where they could not, an ask is refused
    /// when it is made (`no-reviewer`).
    pub fn can_decide(&self) -> bool {
        self.rule.is_satisfied_by(&self.eligible)
    }

    /// Whether the person is behind the request.
    pub fn excludes(&self, person: &PersonId) -> bool {
        self.excluded.contains(person)
    }

    /// Whether the person may vote.
    pub fn admits(&self, person: &PersonId) -> bool {
        self.eligible.contains_key(person)
    }

    /// The same without those whom this leaves out: of them nobody knows that they said what is written.
    #[must_use]
    pub fn only(mut self, is_in: impl Fn(&PersonId) -> bool) -> Self {
        self.eligible.retain(|person, _| is_in(person));
        self
    }

    /// The same without the groups in which somebody does not count, and without those who are in none then that
    /// the rule asks for.
    #[must_use]
    pub fn only_in(mut self, counts: impl Fn(&PersonId, &GroupName) -> bool) -> Self {
        for (person, groups) in &mut self.eligible {
            groups.retain(|group| counts(person, group));
        }
        self.eligible = self.rule.eligible(self.eligible.iter());
        self
    }

    /// Who may vote, sorted.
    pub fn reviewers(&self) -> impl Iterator<Item = &PersonId> {
        self.eligible.keys()
    }

    /// The persons behind the request.
    pub fn excluded(&self) -> &ExcludedPersons {
        &self.excluded
    }

    /// How many different people have to approve.
    pub fn needed(&self) -> u32 {
        self.rule.needed()
    }

    /// Whether these people are enough: each once, only those who may vote.
    pub fn is_satisfied_by<'a>(&self, people: impl IntoIterator<Item = &'a PersonId>) -> bool {
        let counted = people
            .into_iter()
            .filter_map(|person| self.eligible.get_key_value(person))
            .map(|(person, groups)| (person.clone(), groups.clone()))
            .collect();
        self.rule.is_satisfied_by(&counted)
    }
}

/// Whether different people can be found for all groups: a matching in the graph of groups and
/// their members that covers every group, grown by augmenting paths (Kuhn's algorithm).
fn every_group_has_its_own(groups: &[GroupName], people: &Reviewers) -> bool {
    let mut stands_for = BTreeMap::new();
    groups
        .iter()
        .all(|group| find_person(group, people, &mut stands_for, &mut BTreeSet::new()))
}

/// Finds a person for the group, moving those already placed to other groups where that helps.
/// Deep at most as many calls as there are groups: each level has asked one more person.
fn find_person<'a>(
    group: &'a GroupName,
    people: &'a Reviewers,
    stands_for: &mut BTreeMap<&'a PersonId, &'a GroupName>,
    asked: &mut BTreeSet<&'a PersonId>,
) -> bool {
    for (person, _) in people.iter().filter(|(_, groups)| groups.contains(group)) {
        if !asked.insert(person) {
            continue;
        }
        let is_free = match stands_for.get(person).copied() {
            None => true,
            Some(other) => find_person(other, people, stands_for, asked),
        };
        if is_free {
            stands_for.insert(person, group);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::Directory;
    use crate::words::{Identity, IdentityKind, Lineage};
    use proptest::prelude::*;

    fn group(name: &str) -> GroupName {
        GroupName::new(name).unwrap()
    }

    /// `"ann:clinical,privacy bob:"`
    fn reviewers(text: &str) -> Reviewers {
        let entry = |word: &str| {
            let (person, groups) = word.split_once(':').unwrap();
            let groups = groups
                .split(',')
                .filter(|name| !name.is_empty())
                .map(group)
                .collect();
            (PersonId::new(person).unwrap(), groups)
        };
        text.split_whitespace().map(entry).collect()
    }

    fn rule(quorum: u32, groups: &str) -> ReviewRule {
        ReviewRule::new(quorum, groups.split_whitespace().map(group).collect()).unwrap()
    }

    fn excluding(id: &str) -> ExcludedPersons {
        let identity = Identity::new(IdentityKind::Header, "", id).unwrap();
        let directory = Directory::builder()
            .person(PersonId::new(id).unwrap(), [identity.clone()])
            .build();
        directory
            .unwrap()
            .resolve(&Lineage::new(vec![identity]).unwrap())
            .unwrap()
    }

    #[test]
    fn who_counts_in_no_group_that_is_asked_for_does_not_vote() {
        let all = reviewers("ann:clinical,privacy bob:privacy cleo:clinical");
        let panel = Panel::new(&rule(1, "clinical privacy"), &all, &excluding("dora"));
        assert!(panel.can_decide());
        let ann = PersonId::new("ann").unwrap();
        let panel = panel.only_in(|person, name| *person == ann && *name == group("clinical"));
        assert_eq!(panel.reviewers().collect::<Vec<_>>(), [&ann]);
        // She stands for one of the groups only.
        assert!(!panel.can_decide());
        let anybody = Panel::new(&rule(1, ""), &all, &excluding("dora"));
        assert!(anybody.only_in(|_, _| false).can_decide());
    }

    #[test]
    fn groups_need_different_people_and_the_quorum_needs_enough() {
        for (quorum, groups, people, satisfied) in [
            (1, "", "", false),
            (1, "", "ann:", true),
            (2, "", "ann:", false),
            (2, "", "ann: bob:", true),
            (1, "clinical", "ann:", false),
            (1, "clinical", "ann:clinical", true),
            (1, "clinical privacy", "ann:clinical,privacy", false),
            (
                1,
                "clinical privacy",
                "ann:clinical,privacy bob:privacy",
                true,
            ),
            // Ann has to be moved from the group that she was first placed in.
            (
                1,
                "clinical privacy",
                "ann:clinical,privacy bob:clinical",
                true,
            ),
            (1, "a b c", "ann:a,b bob:b,c cid:a", true),
            (1, "a b c", "ann:a,b bob:a,b cid:a,b", false),
            (3, "clinical privacy", "ann:clinical bob:privacy", false),
            (
                3,
                "clinical privacy",
                "ann:clinical bob:privacy cid:clinical",
                true,
            ),
            // Cid is in neither group and does not count.
            (
                3,
                "clinical privacy",
                "ann:clinical bob:privacy cid:legal",
                false,
            ),
        ] {
            let rule = rule(quorum, groups);
            let people = reviewers(people);
            assert_eq!(
                rule.can_be_satisfied_by(&people),
                satisfied,
                "{quorum} {groups}: {people:?}"
            );
        }
    }

    #[test]
    fn a_panel_leaves_out_who_is_behind_the_request() {
        let everyone = reviewers("ann:clinical bob:clinical cid:legal");
        let panel = Panel::new(&rule(1, "clinical"), &everyone, &excluding("ann"));
        let id = |name| PersonId::new(name).unwrap();
        assert!(panel.excludes(&id("ann")) && !panel.admits(&id("ann")));
        assert!(panel.admits(&id("bob")) && !panel.admits(&id("cid")));
        assert!(panel.can_decide());
        assert!(!panel.is_satisfied_by([&id("ann"), &id("cid"), &id("stranger")]));
        assert!(panel.is_satisfied_by([&id("bob")]));
        let two = Panel::new(&rule(2, "clinical"), &everyone, &excluding("ann"));
        assert!(!two.can_decide());
        assert!(!two.is_satisfied_by([&id("bob"), &id("bob")]));
    }

    #[test]
    fn a_rule_that_cannot_be_is_refused() {
        assert_eq!(ReviewRule::new(0, vec![]), Err(RuleError::NoQuorum));
        let twice = vec![group("a"), group("a")];
        assert_eq!(ReviewRule::new(1, twice), Err(RuleError::GroupTwice));
    }

    /// Tries every assignment of people to groups.
    fn by_trying_all(groups: &[GroupName], people: &[(&PersonId, &BTreeSet<GroupName>)]) -> bool {
        let Some((group, rest)) = groups.split_first() else {
            return true;
        };
        (0..people.len())
            .filter(|index| people[*index].1.contains(group))
            .any(|index| {
                let mut others = people.to_vec();
                others.remove(index);
                by_trying_all(rest, &others)
            })
    }

    proptest! {
        #[test]
        fn the_matching_is_that_of_trying_all(
            members in proptest::collection::vec(0_u8..32, 0..6),
            count in 0_usize..5,
        ) {
            let groups: Vec<_> = (0..5).map(|index| group(&format!("g{index}"))).collect();
            let people: Reviewers = members.iter().enumerate().map(|(index, bits)| {
                let of = groups.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1);
                let of = of.map(|(_, group)| group.clone()).collect();
                (PersonId::new(format!("p{index}")).unwrap(), of)
            }).collect();
            let list: Vec<_> = people.iter().collect();
            prop_assert_eq!(
                every_group_has_its_own(&groups[..count], &people),
                by_trying_all(&groups[..count], &list)
            );
        }
    }
}
