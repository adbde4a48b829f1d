//! Many at once, through two services.

use std::collections::BTreeMap;
use std::time::Instant;

use tokio::task::JoinSet;

use super::acts::End;
use super::kit::{Consume, Kit, Open, Used, patiently};
use super::{Verdict, ensure};

const RACERS: usize = 16;

pub(super) async fn open_one_approval(kit: Kit) -> Verdict {
    for _ in 0..5 {
        let open = Open::new(&kit, kit.new_check()?);
        let mut tasks = JoinSet::new();
        for number in 0..RACERS {
            let (store, open) = (kit.view(number).clone(), open.clone());
            tasks.spawn(async move { patiently(|| store.write(open.clone())).await });
        }
        let ids = tasks.join_all().await;
        let ids: Vec<_> = ids.into_iter().collect::<Result<_, _>>()?;
        let first = ids.first();
        ensure(
            ids.iter().all(|id| id.is_some() && Some(id) == first),
            || format!("{RACERS} asks for the same have {ids:?}"),
        )?;
    }
    Ok(String::new())
}

pub(super) async fn keep_a_cap(kit: Kit) -> Verdict {
    let mut before = 0;
    loop {
        let open = Open::new(&kit, kit.new_check()?).with_cap(before);
        if patiently(|| kit.store.write(open.clone())).await?.is_some() {
            break;
        }
        before += 1;
    }
    let cap = before + 5;
    let mut tasks = JoinSet::new();
    for number in 0..RACERS {
        let open = Open::new(&kit, kit.new_check()?).with_cap(cap);
        let store = kit.view(number).clone();
        tasks.spawn(async move { patiently(|| store.write(open.clone())).await });
    }
    let mut opened = 0;
    for id in tasks.join_all().await {
        opened += usize::from(id?.is_some());
    }
    ensure(opened == 5, || {
        format!("{opened} were opened where there was room for 5")
    })?;
    Ok(String::new())
}

pub(super) async fn end_an_approval_once(kit: Kit) -> Verdict {
    for _ in 0..5 {
        let end = End {
            id: kit.asked(&kit.new_check()?).await?,
            kit: kit.clone(),
            times: 1,
            fails: false,
        };
        let mut tasks = JoinSet::new();
        for number in 0..RACERS {
            let (store, end) = (kit.view(number).clone(), end.clone());
            tasks.spawn(async move { patiently(|| store.write(end.clone())).await });
        }
        let mut ended = 0;
        for did in tasks.join_all().await {
            ended += usize::from(did?);
        }
        ensure(ended == 1, || {
            format!("an approval was ended {ended} times")
        })?;
    }
    Ok(String::new())
}

/// Every other change fails; those made at the same time do not.
pub(super) async fn fail_alone(kit: Kit) -> Verdict {
    let mut ends = Vec::new();
    for number in 0..2 * RACERS {
        ends.push(End {
            id: kit.asked(&kit.new_check()?).await?,
            kit: kit.clone(),
            times: 1,
            fails: number % 2 == 1,
        });
    }
    let before = patiently(|| kit.store.next_index()).await?;
    let mut tasks = JoinSet::new();
    for end in ends.clone() {
        let store = kit.store.clone();
        tasks.spawn(async move { store.write(end).await.is_ok() });
    }
    let kept = tasks
        .join_all()
        .await
        .into_iter()
        .filter(|kept| *kept)
        .count();
    ensure(kept == RACERS, || {
        format!("{kept} of {RACERS} changes were kept beside such as failed")
    })?;
    for end in &ends {
        let stored = patiently(|| kit.store.approval(&end.id)).await?;
        let has_ended = stored.is_some_and(|stored| stored.approval.state.is_final());
        ensure(has_ended != end.fails, || {
            "a change and its answer differ".to_owned()
        })?;
    }
    let records = patiently(|| kit.store.next_index()).await? - before;
    ensure(usize::try_from(records) == Ok(RACERS), || {
        format!("{RACERS} changes left {records} records")
    })?;
    Ok(String::new())
}

/// Every racer goes for every grant, each with a key of its own; then each asks again with the same
/// key.
pub(super) async fn use_a_grant_once(kit: Kit) -> Verdict {
    let mut grants = Vec::new();
    let mut tasks = JoinSet::new();
    for number in 0..kit.grants {
        let kit = kit.clone();
        tasks.spawn(async move {
            let check = kit.new_check()?;
            Ok::<_, String>((kit.granted(&check).await?, check))
        });
        if number % RACERS == RACERS - 1 {
            for granted in std::mem::take(&mut tasks).join_all().await {
                grants.push(granted?);
            }
        }
    }
    for granted in tasks.join_all().await {
        grants.push(granted?);
    }
    let before = patiently(|| kit.store.next_index()).await?;
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for racer in 0..RACERS {
        let (kit, grants) = (kit.clone(), grants.clone());
        tasks.spawn(async move {
            let mut mine = Vec::new();
            for (id, check) in grants {
                let consume = Consume {
                    kit: kit.clone(),
                    id: id.clone(),
                    check,
                    use_key: kit.new_use_key()?,
                };
                let use_it = || kit.view(racer).write(consume.clone());
                let used = patiently(use_it).await?;
                let again = patiently(use_it).await?;
                ensure(used == again, || format!("{used:?}, and then {again:?}"))?;
                if let Used::Mine(index) = used {
                    mine.push((id, index));
                }
            }
            Ok::<_, String>(mine)
        });
    }
    let mut winners = BTreeMap::new();
    let mut released = 0;
    for mine in tasks.join_all().await {
        for (id, index) in mine? {
            released += 1;
            winners.insert(id, index);
        }
    }
    let took = begun.elapsed();
    let records = patiently(|| kit.store.next_index()).await? - before;
    ensure(
        released == grants.len()
            && winners.len() == grants.len()
            && usize::try_from(records) == Ok(grants.len()),
        || {
            format!(
                "{} grants: {released} releases of {} approvals, {records} records",
                grants.len(),
                winners.len()
            )
        },
    )?;
    for (id, index) in &winners {
        let entry = patiently(|| kit.store.entries(*index, 1)).await?.pop();
        let names_it = entry.is_some_and(|entry| {
            let leaf = String::from_utf8_lossy(&entry.leaf).into_owned();
            leaf.contains(id.as_str()) && leaf.contains("grant.used")
        });
        ensure(names_it, || "a use and its record differ".to_owned())?;
    }
    let calls = grants.len() * RACERS * 2;
    Ok(format!(
        "{RACERS} racers, {} grants, {released} releases; {calls} calls in {} ms",
        grants.len(),
        took.as_millis()
    ))
}
