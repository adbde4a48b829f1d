//! Since when somebody reviews.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use velum_approval::{GroupName, PersonId, Reviewers};

use super::super::{Join, Joined, Memberships};
use super::kit::{Kit, patiently};
use super::{Verdict, ensure};

/// Whoever stays keeps their time, and whoever comes back has come anew.
pub(super) async fn are_kept(kit: Kit) -> Verdict {
    let invented = |_| "an invented name is refused".to_owned();
    let [ann, bob] = ["ann", "bob"].map(PersonId::new);
    let (ann, bob) = (ann.map_err(invented)?, bob.map_err(invented)?);
    let group = GroupName::new("privacy").map_err(|_| "an invented group is refused")?;
    let at = |minute: u64| kit.now.after(Duration::from_secs(60 * minute));
    let join = |people: &[(&PersonId, bool)], minute| {
        let one = |(person, is_in): &(&PersonId, bool)| {
            let groups: BTreeSet<GroupName> = is_in.then(|| group.clone()).into_iter().collect();
            ((*person).clone(), groups)
        };
        Join {
            reviewers: people.iter().map(one).collect::<Reviewers>(),
            now: at(minute),
        }
    };
    let written = |join: Join| {
        let store = kit.view(usize::try_from(join.now.as_millis()).unwrap_or(0));
        patiently(move || store.write(join.clone()))
    };
    // Of the first nobody knows better.
    written(join(&[(&ann, false)], 0)).await?;
    let first = written(join(&[(&ann, false)], 1)).await?;
    let since = first.get(&ann).map(|joined| joined.at);
    let since = since.ok_or("who reviews does not")?;
    let joined = |at, groups: &[(&GroupName, _)]| Joined {
        at,
        groups: groups
            .iter()
            .map(|(name, at)| ((*name).clone(), *at))
            .collect(),
    };
    for (minute, people, expected) in [
        (
            2,
            vec![(&ann, true), (&bob, false)],
            vec![
                (&ann, joined(since, &[(&group, at(2))])),
                (&bob, joined(at(2), &[])),
            ],
        ),
        (
            3,
            vec![(&ann, true)],
            vec![(&ann, joined(since, &[(&group, at(2))]))],
        ),
        (
            4,
            vec![(&ann, false), (&bob, true)],
            vec![
                (&ann, joined(since, &[])),
                (&bob, joined(at(4), &[(&group, at(4))])),
            ],
        ),
        (
            5,
            vec![(&ann, true)],
            vec![(&ann, joined(since, &[(&group, at(5))]))],
        ),
    ] {
        let read: Memberships = written(join(&people, minute)).await?;
        let expected: BTreeMap<_, _> = expected
            .into_iter()
            .map(|(person, joined)| (person.clone(), joined))
            .collect();
        ensure(read == expected, || {
            format!("minute {minute} reads {read:?}")
        })?;
    }
    Ok(String::new())
}
