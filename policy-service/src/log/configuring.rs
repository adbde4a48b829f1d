//! The log says what decisions are made under: its second record, and one for each start with another
//! configuration, before anything is served. In a log that was recovered it is the record of the next start.

use std::ops::Range;

use serde::Deserialize;
use velum_approval::record::{Configuration, ConfigurationPart, EventKind};
use velum_approval::{PolicyDigest, Record};

use super::LogError;
use crate::config::Digests;
use crate::http::App;
use crate::store::{Change, LogRow, Operation, StoreError, Transaction};

/// How far back a start looks for the last such record. Where it is further back it is written once more, whole.
const REACH: u64 = 65_536;

/// Records the configuration, if the log does not say that it is this one.
pub(crate) async fn configure(app: &App) -> Result<(), LogError> {
    // Without keeping others from writing; what they write meanwhile is looked at behind this.
    let open = app.store().open_log().await?;
    let known = app.store().last_configured(within(&open)).await?;
    let configure = Configure {
        app: app.clone(),
        log: open.number,
        seen: open.first + open.size,
        known: known.as_deref().and_then(digests),
    };
    Ok(app.store().write(configure).await?)
}

/// The record of what a log that has just begun is written under.
pub(super) async fn begin(app: &App, transaction: &mut Transaction) -> Result<(), StoreError> {
    let stamp = app.stamp(transaction).await?;
    let now = app.parts().configuration.clone();
    let record = Record::Configured(Box::new(Configuration::after(now, None)));
    transaction.apply(&Change::Nothing, &record, &stamp).await?;
    Ok(())
}

fn within(open: &LogRow) -> Range<u64> {
    let end = open.first + open.size;
    open.first.max(end.saturating_sub(REACH))..end
}

struct Configure {
    app: App,
    /// The log that was looked at, and up to where.
    log: u64,
    seen: u64,
    /// What it said there.
    known: Option<Digests>,
}

impl Operation for Configure {
    type Output = ();
    type Error = StoreError;

    // A second time the log says so.
    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        // From here on nobody writes a record.
        let stamp = self.app.stamp(transaction).await?;
        let open = transaction.open_log().await?;
        let mut new = within(&open);
        let is_same = open.number == self.log;
        if is_same {
            new.start = new.start.max(self.seen);
        }
        let latest = transaction.last_configured(new).await?;
        let known = self.known.as_ref().filter(|_| is_same).cloned();
        let before = latest.as_deref().and_then(digests).or(known);
        let now = &self.app.parts().configuration;
        if before.as_ref() == Some(now) {
            return Ok(());
        }
        let configuration = Configuration::after(now.clone(), before.as_ref());
        if let Some(changed) = &configuration.changed {
            let names: Vec<_> = changed.iter().map(|part| part.name()).collect();
            let names = names.join(", ");
            tracing::warn!(changed = names, "the configuration is another than before");
        }
        let record = Record::Configured(Box::new(configuration));
        transaction.apply(&Change::Nothing, &record, &stamp).await?;
        Ok(())
    }
}

/// What a leaf says of the configuration; `None` of any other leaf, and of one that names a part which this version
/// does not know.
fn digests(leaf: &[u8]) -> Option<Digests> {
    #[derive(Deserialize)]
    struct Leaf {
        r#type: String,
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        configuration: Told,
    }
    #[derive(Deserialize)]
    struct Told {
        parts: std::collections::BTreeMap<ConfigurationPart, PolicyDigest>,
    }
    let leaf: Leaf = serde_json::from_slice(leaf).ok()?;
    let is_it = leaf.r#type == EventKind::Configured.event_type();
    let parts = leaf.data.configuration.parts.into_iter();
    is_it.then(|| {
        parts
            .map(|(part, digest)| (part, *digest.as_bytes()))
            .collect()
    })
}
