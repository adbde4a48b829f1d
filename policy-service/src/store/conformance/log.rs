//! The log under load.

use tokio::task::JoinSet;

use super::acts::Note;
use super::kit::{Kit, patiently};
use super::{Verdict, ensure};

const WRITERS: usize = 16;
const RECORDS: usize = 10;

pub(super) async fn is_followed_without_a_gap(kit: Kit) -> Verdict {
    let begin = patiently(|| kit.other.next_index()).await?;
    let mut tasks = JoinSet::new();
    for writer in 0..WRITERS {
        let kit = kit.clone();
        tasks.spawn(async move {
            let note = Note {
                kit: kit.clone(),
                at: kit.now,
            };
            for _ in 0..RECORDS {
                patiently(|| kit.view(writer).write(note.clone())).await?;
            }
            Ok::<_, String>(())
        });
    }
    let mut next = begin;
    let mut is_last = false;
    loop {
        for entry in patiently(|| kit.other.entries(next, 7)).await? {
            ensure(entry.index == next, || {
                format!("after record {next} comes {}", entry.index)
            })?;
            next += 1;
        }
        if is_last {
            break;
        }
        match tasks.try_join_next() {
            Some(Ok(wrote)) => wrote?,
            Some(Err(_)) => return Err("a writer ended before its time".to_owned()),
            None => {}
        }
        let end = patiently(|| kit.other.next_index()).await?;
        is_last = tasks.is_empty() && next + 7 >= end;
    }
    let followed = usize::try_from(next - begin).unwrap_or(0);
    ensure(followed >= WRITERS * RECORDS, || {
        format!("{followed} of {} records were followed", WRITERS * RECORDS)
    })?;
    Ok(format!("{followed} records"))
}

pub(super) async fn is_whole(kit: Kit) -> Verdict {
    let records = kit.store.verify_log().await;
    let records = records.map_err(|error| error.to_string())?;
    let next = patiently(|| kit.store.next_index()).await?;
    ensure(records == next, || {
        format!("{records} records, and the next would be {next}")
    })?;
    Ok(format!("{records} records"))
}
