//! How many grants a second are used.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::Ground;
use super::kit::{Consume, Kit, Used, patiently};

/// Grants that nobody has used yet, for streams that use theirs at once.
pub(crate) struct Granted(Vec<Vec<Consume>>);

/// Has as many grants given as the ground says, to so many streams.
pub(crate) async fn grants_for(ground: &Ground, streams: usize) -> Result<Granted, String> {
    let kit = Kit::new(ground)?;
    let mut tasks = JoinSet::new();
    for _ in 0..streams {
        let kit = kit.clone();
        tasks.spawn(async move {
            let mut grants = Vec::new();
            for _ in 0..(kit.grants / streams).max(1) {
                let check = kit.new_check()?;
                grants.push(Consume {
                    id: kit.granted(&check).await?,
                    use_key: check.use_key,
                    kit: kit.clone(),
                    check,
                });
            }
            Ok::<_, String>(grants)
        });
    }
    let granted = tasks.join_all().await;
    Ok(Granted(granted.into_iter().collect::<Result<_, _>>()?))
}

impl Granted {
    /// The same in so many parts at most, of every stream as many in each but the last.
    #[cfg(test)]
    pub(crate) fn parts(self, parts: usize) -> Vec<Granted> {
        let mut rest: Vec<_> = self.0.into_iter().map(Vec::into_iter).collect();
        let sizes: Vec<_> = rest
            .iter()
            .map(|stream| stream.len().div_ceil(parts))
            .collect();
        let part = |_| {
            let streams = rest.iter_mut().zip(&sizes);
            Granted(
                streams
                    .map(|(stream, size)| stream.take(*size).collect())
                    .collect(),
            )
        };
        (0..parts).map(part).collect()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u32 {
        let count: usize = self.0.iter().map(Vec::len).sum();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Uses them all, and returns how long that took.
    pub(crate) async fn use_all(self) -> Result<Duration, String> {
        let begun = Instant::now();
        let mut tasks = JoinSet::new();
        for (stream, grants) in self.0.into_iter().enumerate() {
            tasks.spawn(async move {
                for consume in grants {
                    let store = consume.kit.view(stream).clone();
                    match patiently(|| store.write(consume.clone())).await? {
                        Used::Mine(_) => {}
                        Used::Theirs => return Err("a grant was another's".to_owned()),
                    }
                }
                Ok(())
            });
        }
        for done in tasks.join_all().await {
            done?;
        }
        Ok(begun.elapsed())
    }
}
