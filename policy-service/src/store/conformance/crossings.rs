//! Different things at once, or the same thing, where at most so many may be done.

use std::collections::BTreeSet;
use std::time::Duration;

use velum_approval::{End as Ending, Found, Identity, IdentityKind, OutcomeReport, State};

use super::acts::{BreakGlass, Halt, Keyed, Report};
use super::kit::{Approve, Consume, Kit, Open, Used, patiently};
use super::{Verdict, ensure};
use crate::store::{Once, Operation, StoreError};

const RACERS: usize = 16;
const ROUNDS: usize = 5;
/// How often a grant of several uses may be used.
const USES: u32 = 3;

/// Does all of these at once, half of them through each view; gives what came of each, in their order.
async fn race<O>(kit: &Kit, operations: &[O]) -> Result<Vec<O::Output>, String>
where
    O: Operation<Error = StoreError> + Clone,
{
    let mut tasks = Vec::new();
    for (number, operation) in operations.iter().enumerate() {
        let (store, operation) = (kit.view(number).clone(), operation.clone());
        let doing = async move { patiently(|| store.write(operation.clone())).await };
        tasks.push(tokio::spawn(doing));
    }
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await.map_err(|error| error.to_string())??);
    }
    Ok(done)
}

/// The leaves from this index on.
async fn leaves(kit: &Kit, from: u64) -> Result<Vec<String>, String> {
    let entries = patiently(|| kit.store.entries(from, 1000)).await?;
    let text = |leaf: Vec<u8>| String::from_utf8_lossy(&leaf).into_owned();
    Ok(entries.into_iter().map(|entry| text(entry.leaf)).collect())
}

/// Makes sure that of these leaves so many are of this kind, and no others are there.
fn ensure_only(leaves: &[String], kinds: &[(&str, usize)]) -> Result<(), String> {
    for (kind, many) in kinds {
        let found = leaves.iter().filter(|leaf| leaf.contains(kind)).count();
        ensure(found == *many, || {
            format!("{found} records of {kind} where there should be {many}")
        })?;
    }
    let all: usize = kinds.iter().map(|(_, many)| many).sum();
    ensure(leaves.len() == all, || {
        format!("{} records where there should be {all}", leaves.len())
    })
}

/// Those who go for a grant, each with a key of its own.
fn racers(kit: &Kit, grant: &Consume) -> Result<Vec<Consume>, String> {
    let one = |_| {
        Ok(Consume {
            use_key: kit.new_use_key()?,
            ..grant.clone()
        })
    };
    (0..RACERS).map(one).collect()
}

/// A grant for so many uses, and a use of it.
async fn grant(kit: &Kit, uses: u32) -> Result<Consume, String> {
    let check = kit.new_check()?;
    Ok(Consume {
        kit: kit.clone(),
        id: kit.granted_for(&check, uses).await?,
        use_key: check.use_key,
        check,
    })
}

fn mine(used: &[Used]) -> Vec<u64> {
    let index = |used: &Used| match used {
        Used::Mine(index) => Some(*index),
        Used::Theirs => None,
    };
    used.iter().filter_map(index).collect()
}

pub(super) async fn use_a_grant_three_times(kit: Kit) -> Verdict {
    for _ in 0..ROUNDS {
        let grant = grant(&kit, USES).await?;
        let racers = racers(&kit, &grant)?;
        let before = patiently(|| kit.store.next_index()).await?;
        let used = race(&kit, &racers).await?;
        let again = race(&kit, &racers).await?;
        ensure(used == again, || format!("{used:?}, and then {again:?}"))?;
        let won: BTreeSet<_> = mine(&used).into_iter().collect();
        ensure(mine(&used).len() == 3 && won.len() == 3, || {
            format!("a grant of {USES} uses was used by {used:?}")
        })?;
        ensure_only(&leaves(&kit, before).await?, &[("grant.used", 3)])?;
        for index in won {
            let entry = patiently(|| kit.store.entries(index, 1)).await?.pop();
            let leaf = entry.map(|entry| String::from_utf8_lossy(&entry.leaf).into_owned());
            let is_its = leaf.is_some_and(|leaf| {
                leaf.contains("grant.used") && leaf.contains(grant.id.as_str())
            });
            ensure(is_its, || "a use and its record differ".to_owned())?;
        }
        let stored = patiently(|| kit.store.approval(&grant.id)).await?;
        let is_over = stored.is_some_and(|stored| {
            stored.uses.len() == 3
                && stored.approval.used == USES
                && stored.approval.state == State::Used
        });
        ensure(is_over, || {
            "a grant that was used up may be used".to_owned()
        })?;
    }
    Ok(String::new())
}

/// A stop comes while many use a grant that is good for all of them.
pub(super) async fn use_nothing_behind_a_stop(kit: Kit) -> Verdict {
    let (mut before_it, mut asked) = (0, 0);
    for round in 0..2 * ROUNDS {
        let grant = grant(&kit, 100).await?;
        let racers = racers(&kit, &grant)?;
        let halt = Halt {
            kit: kit.clone(),
            id: grant.id.clone(),
        };
        // Earlier and later while they use it.
        let after = Duration::from_micros(500) * u32::try_from(round).unwrap_or_default();
        let stopping = async {
            tokio::time::sleep(after).await;
            patiently(|| kit.other.write(halt.clone())).await
        };
        let (used, stopped) = tokio::join!(race(&kit, &racers), stopping);
        let (used, stopped) = (mine(&used?), stopped?);
        ensure(used.iter().all(|index| *index < stopped), || {
            format!("used at {used:?}, stopped at {stopped}")
        })?;
        before_it += used.len();
        asked += racers.len();
        for late in self::racers(&kit, &grant)?.iter().take(2) {
            let used = patiently(|| kit.store.write(late.clone())).await?;
            ensure(used == Used::Theirs, || "used after a stop".to_owned())?;
        }
    }
    Ok(format!("{before_it} of {asked} uses were quicker"))
}

pub(super) async fn open_one_emergency(kit: Kit) -> Verdict {
    for _ in 0..ROUNDS {
        // One that nobody has: those of before wait for their review.
        let name = kit.new_use_key()?.to_string();
        let principal = Identity::new(IdentityKind::Jwt, "https://idp.example", &name);
        let open = BreakGlass {
            kit: kit.clone(),
            principal: principal.map_err(|_| "an invented name is refused")?,
        };
        let before = patiently(|| kit.store.next_index()).await?;
        let opened = race(&kit, &vec![open; RACERS]).await?;
        let opened = opened.into_iter().filter(|opened| *opened).count();
        ensure(opened == 1, || format!("{opened} were opened at once"))?;
        ensure_only(&leaves(&kit, before).await?, &[("emergency.opened", 1)])?;
    }
    Ok(String::new())
}

pub(super) async fn give_a_grant_once(kit: Kit) -> Verdict {
    for _ in 0..ROUNDS {
        let id = kit
            .opened(Open::new(&kit, kit.new_check()?).of_two())
            .await?;
        let before = patiently(|| kit.store.next_index()).await?;
        race(&kit, &Approve::two(&kit, &id)).await?;
        let expected = [("vote.approved", 1), ("grant.issued", 1)];
        ensure_only(&leaves(&kit, before).await?, &expected)?;
        let stored = patiently(|| kit.store.approval(&id)).await?;
        let is_granted = stored.is_some_and(|stored| {
            stored.approval.votes.len() == 2 && stored.approval.state == State::Approved
        });
        ensure(is_granted, || {
            "two votes did not come to a grant".to_owned()
        })?;
    }
    Ok(String::new())
}

pub(super) async fn carry_out_once(kit: Kit) -> Verdict {
    for _ in 0..ROUNDS {
        let keyed = Keyed {
            kit: kit.clone(),
            once: Once {
                caller: "reviewer/grace".to_owned(),
                key: kit.new_hash()?,
                request: [1; 32],
            },
        };
        let before = patiently(|| kit.store.next_index()).await?;
        let things = race(&kit, &vec![keyed; RACERS]).await?;
        let different: BTreeSet<_> = things.iter().collect();
        ensure(different.len() == 1, || {
            format!("{} things came of one request", different.len())
        })?;
        ensure_only(&leaves(&kit, before).await?, &[("approval.refused", 1)])?;
    }
    Ok(String::new())
}

pub(super) async fn note_an_outcome_once(kit: Kit) -> Verdict {
    for _ in 0..ROUNDS {
        let grant = grant(&kit, 1).await?;
        let used = patiently(|| kit.store.write(grant.clone())).await?;
        ensure(used != Used::Theirs, || "a grant was another's".to_owned())?;
        let report = Report {
            kit: kit.clone(),
            report: OutcomeReport {
                approval: grant.id.clone(),
                use_key: grant.use_key,
                status: 200,
                records: 1,
                bytes: 300,
                lifted: Found::default(),
                masked: Found::default(),
                drift: Found::default(),
                end: Ending::Complete,
            },
        };
        let before = patiently(|| kit.store.next_index()).await?;
        let noted = race(&kit, &vec![report; RACERS]).await?;
        let noted = noted.into_iter().filter(|noted| *noted).count();
        ensure(noted == 1, || format!("an outcome was noted {noted} times"))?;
        ensure_only(&leaves(&kit, before).await?, &[("release.delivered", 1)])?;
    }
    Ok(String::new())
}
