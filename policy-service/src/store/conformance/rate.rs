//! How many grants a second are used.

use std::time::Instant;

use tokio::task::JoinSet;

use super::Ground;
use super::kit::{Consume, Kit, Used, patiently};

/// Uses as many grants as the ground says, by so many streams at once, and returns how many a
/// second that is.
pub(crate) async fn uses_a_second(ground: &Ground, streams: usize) -> Result<f64, String> {
    let kit = Kit::new(ground)?;
    let mut tasks = JoinSet::new();
    for stream in 0..streams {
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
            Ok::<_, String>((stream, grants))
        });
    }
    let ready = tasks.join_all().await;
    let ready = ready.into_iter().collect::<Result<Vec<_>, _>>()?;
    let grants: usize = ready.iter().map(|(_, grants)| grants.len()).sum();
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for (stream, grants) in ready {
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
    let grants = u32::try_from(grants).map_err(|error| error.to_string())?;
    Ok(f64::from(grants) / begun.elapsed().as_secs_f64())
}
