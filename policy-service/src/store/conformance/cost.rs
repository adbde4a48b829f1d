//! What the log costs the transaction of a use: the same with its record and without, by turns.

use std::time::{Duration, Instant};

use super::super::{Operation, StoreError, Transaction};
use super::Ground;
use super::kit::{Consume, Kit, Used, patiently};

/// A use without a record; the row of the use names one that is there.
#[derive(Clone)]
struct Bare {
    consume: Consume,
    instead: u64,
}

impl Operation for Bare {
    type Output = Used;
    type Error = StoreError;

    async fn run(&self, transaction: &mut Transaction) -> Result<Used, StoreError> {
        transaction.append_nothing(self.instead);
        self.consume.run(transaction).await
    }
}

/// How long uses take with their records, and without them: a time for each.
pub(crate) async fn with_and_without_records(
    ground: &Ground,
) -> Result<(Vec<Duration>, Vec<Duration>), String> {
    let kit = Kit::new(ground)?;
    let mut uses = Vec::new();
    for _ in 0..2 * ground.grants {
        let asked = patiently(|| kit.store.next_index()).await?;
        let check = kit.new_check()?;
        let consume = Consume {
            id: kit.granted(&check).await?,
            use_key: check.use_key,
            check,
            kit: kit.clone(),
        };
        uses.push((consume, asked));
    }
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for (number, (consume, instead)) in uses.into_iter().enumerate() {
        // With, without, without, with: so that neither is always behind the other.
        let has_record = matches!(number % 4, 0 | 3);
        let begun = Instant::now();
        let done = if has_record {
            kit.store.write(consume).await
        } else {
            kit.store.write(Bare { consume, instead }).await
        };
        let took = begun.elapsed();
        match done {
            Ok(Used::Mine(_)) if has_record => with.push(took),
            Ok(Used::Mine(_)) => without.push(took),
            Ok(Used::Theirs) => return Err("a use was another's".to_owned()),
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok((with, without))
}
