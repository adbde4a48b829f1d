//! One change after another.

use std::time::Duration;

use velum_approval::{ApprovalId, Reason, State, UseKey, WorkerId};

use super::super::{Batch, Listing, Operation, Order, StoreError, Transaction, Written};
use super::acts::{End, Note, Stubborn};
use super::kit::{Consume, Kit, Open, Used, patiently};
use super::{Verdict, ensure};

pub(super) async fn reads_as_written(kit: Kit) -> Verdict {
    let check = kit.new_check()?;
    let id = kit.granted(&check).await?;
    for store in [&kit.store, &kit.other] {
        let stored = patiently(|| store.approval(&id)).await?;
        let approval = stored.ok_or("an approval is missing")?.approval;
        ensure(approval.state == State::Approved, || {
            format!("an approved case reads as {}", approval.state.name())
        })?;
        ensure(approval.votes.len() == 1 && approval.version == 2, || {
            format!(
                "{} votes, version {}",
                approval.votes.len(),
                approval.version
            )
        })?;
        ensure(
            approval.path == check.path && approval.classes == check.classes,
            || "a case reads otherwise than it was written".to_owned(),
        )?;
    }
    Ok(String::new())
}

pub(super) async fn words_beside_the_log(kit: Kit) -> Verdict {
    const WORDS: &str = "heliotrope: ward round, \u{fc}ber 'quotes' and \u{1f98e}";
    let reason = Reason::new(WORDS).map_err(|_| "an invented reason is refused")?;
    let open = Open::new(&kit, kit.new_check()?).with_reason(reason);
    let from = patiently(|| kit.store.next_index()).await?;
    let id = patiently(|| kit.store.write(open.clone())).await?;
    let id = id.ok_or("an ask was refused")?;
    let stored = patiently(|| kit.store.approval(&id)).await?;
    let read = stored.and_then(|stored| stored.reason);
    ensure(read.as_ref().and_then(Written::text) == Some(WORDS), || {
        "a reason reads otherwise than it was written".to_owned()
    })?;
    for entry in patiently(|| kit.store.entries(from, 10)).await? {
        ensure(
            !String::from_utf8_lossy(&entry.leaf).contains("heliotrope"),
            || "the log holds what somebody wrote".to_owned(),
        )?;
    }
    Ok(String::new())
}

pub(super) async fn lists_in_order(kit: Kit) -> Verdict {
    let mut asked = Vec::new();
    for _ in 0..5 {
        asked.push(kit.asked(&kit.new_check()?).await?);
    }
    asked.sort();
    let first = asked.first().cloned().ok_or("nothing was asked")?;
    let list = |state, minutes| Listing {
        order: Order::OldestFirst,
        state: Some(state),
        action: None,
        behind: Some(first.clone()),
        limit: 1000,
        now: kit.now.after(Duration::from_mins(minutes)),
    };
    for (state, minutes, expected) in [
        (State::Pending, 0, 4),
        (State::Expired, 16, 4),
        (State::Pending, 16, 0),
    ] {
        let listing = list(state, minutes);
        let found = patiently(|| kit.store.list(&listing)).await?;
        let found = found.approvals.into_iter().map(|stored| stored.approval.id);
        let found: Vec<_> = found.filter(|id| asked.contains(id)).collect();
        ensure(found.is_sorted() && found.len() == expected, || {
            format!(
                "{} of {expected} are listed as {}",
                found.len(),
                state.name()
            )
        })?;
    }
    let late = kit.now.after(Duration::from_mins(16));
    let due = patiently(|| kit.store.due(late, 100_000)).await?;
    ensure(asked.iter().all(|id| due.contains(id)), || {
        "some are not due when their time has run out".to_owned()
    })?;
    Ok(String::new())
}

/// As many as a record can tell.
const REQUESTS: u64 = (1 << 53) - 1;

/// One batch of a worker.
#[derive(Clone)]
struct Report {
    kit: Kit,
    worker: WorkerId,
    sequence: u64,
}

impl Operation for Report {
    type Output = bool;
    type Error = StoreError;

    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<bool, StoreError> {
        let gateway = self.kit.gateway.clone();
        let (latest, is_there) = transaction
            .reported(&gateway, self.worker, self.sequence)
            .await?;
        if is_there {
            return Ok(false);
        }
        let batch = Batch {
            gateway,
            worker: self.worker,
            sequence: self.sequence,
            missing: (self.sequence - 1).saturating_sub(latest),
            is_late: self.sequence < latest,
            lost: 1,
            requests: REQUESTS,
            body: "{}".to_owned(),
        };
        let stamp = self.kit.stamp()?;
        transaction.keep(&batch, stamp.now).await?;
        Ok(true)
    }
}

pub(super) async fn counts_a_batch_once(kit: Kit) -> Verdict {
    let worker = WorkerId::from_bytes(*kit.new_use_key()?.as_bytes());
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..8_usize {
        let report = Report {
            kit: kit.clone(),
            worker,
            sequence: u64::try_from(number % 2).unwrap_or(0) + 1,
        };
        let store = kit.view(number).clone();
        tasks.spawn(async move { patiently(|| store.write(report.clone())).await });
    }
    let mut kept = 0;
    for new in tasks.join_all().await {
        kept += usize::from(new?);
    }
    let workers = patiently(|| kit.store.workers(1000)).await?;
    let mine = workers.iter().find(|known| known.id == worker);
    let mine = mine.ok_or("a worker is missing")?;
    let counts = (
        kept,
        mine.batches,
        mine.latest_sequence,
        mine.lost,
        mine.requests,
    );
    ensure(counts == (2, 2, 2, 2, 2 * REQUESTS), || {
        format!("two batches, each sent four times, count as {counts:?}")
    })?;
    Ok(String::new())
}

pub(super) async fn leaves_nothing_of_a_failure(kit: Kit) -> Verdict {
    let id = kit.asked(&kit.new_check()?).await?;
    let before = patiently(|| kit.store.next_index()).await?;
    let end = End {
        kit: kit.clone(),
        id: id.clone(),
        times: 1,
        fails: true,
    };
    ensure(kit.store.write(end).await.is_err(), || {
        "a change that failed was taken".to_owned()
    })?;
    unchanged(&kit, (&id, State::Pending), before).await
}

/// Uses a grant, and once more without looking at what the first use has changed.
struct UseTwice(Consume, UseKey);

impl Operation for UseTwice {
    type Output = Used;
    type Error = StoreError;

    async fn run(&self, transaction: &mut Transaction) -> Result<Used, StoreError> {
        self.0.make(transaction, Some(self.1)).await
    }
}

pub(super) async fn refuses_a_stale_change(kit: Kit) -> Verdict {
    let id = kit.asked(&kit.new_check()?).await?;
    let before = patiently(|| kit.store.next_index()).await?;
    let end = End {
        kit: kit.clone(),
        id: id.clone(),
        times: 2,
        fails: false,
    };
    let refused = kit.store.write(end).await;
    ensure(matches!(refused, Err(StoreError::Refused(_))), || {
        "a change to another version was taken".to_owned()
    })?;
    unchanged(&kit, (&id, State::Pending), before).await
}

/// A use is written in another way than other changes.
pub(super) async fn refuses_a_stale_use(kit: Kit) -> Verdict {
    let check = kit.new_check()?;
    let id = kit.granted(&check).await?;
    let before = patiently(|| kit.store.next_index()).await?;
    let consume = Consume {
        kit: kit.clone(),
        id: id.clone(),
        use_key: check.use_key,
        check,
    };
    let refused = kit
        .store
        .write(UseTwice(consume, kit.new_check()?.use_key))
        .await;
    ensure(matches!(refused, Err(StoreError::Refused(_))), || {
        "a use of another version was taken".to_owned()
    })?;
    unchanged(&kit, (&id, State::Approved), before).await
}

pub(super) async fn commits_nothing_after_a_failure(kit: Kit) -> Verdict {
    let id = kit.asked(&kit.new_check()?).await?;
    let before = patiently(|| kit.store.next_index()).await?;
    let end = End {
        kit: kit.clone(),
        id: id.clone(),
        times: 1,
        fails: false,
    };
    ensure(kit.store.write(Stubborn(end)).await.is_err(), || {
        "what had failed was said to be committed".to_owned()
    })?;
    unchanged(&kit, (&id, State::Pending), before).await
}

async fn unchanged(kit: &Kit, (id, was): (&ApprovalId, State), before: u64) -> Verdict {
    let stored = patiently(|| kit.store.approval(id)).await?;
    let state = stored.map(|stored| stored.approval.state);
    ensure(state == Some(was), || {
        "a change that failed is there".to_owned()
    })?;
    let after = patiently(|| kit.store.next_index()).await?;
    ensure(after == before, || {
        format!("a change that failed has left {} records", after - before)
    })?;
    Ok(String::new())
}

pub(super) async fn never_goes_back_in_time(kit: Kit) -> Verdict {
    let late = kit.now.after(Duration::from_mins(1));
    for at in [late, kit.now] {
        let note = Note {
            kit: kit.clone(),
            at,
        };
        patiently(|| kit.store.write(note.clone())).await?;
        let latest = patiently(|| kit.other.latest()).await?;
        ensure(latest >= late, || "the latest moment went back".to_owned())?;
    }
    Ok(String::new())
}
