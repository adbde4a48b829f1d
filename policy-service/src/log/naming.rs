//! A log begins with its name.

use velum_approval::record::LogEvent;
use velum_approval::{LogName, Record, Timestamp};

use super::{LogError, rotating};
use crate::http::App;
use crate::random;
use crate::store::{Change, Operation, StoreError, Transaction};

/// What a log is called whose configuration gives it no name; a part of its own follows.
const NAMELESS: &str = "velum.local";

/// Gives the open log its name and its first record, if it has none.
///
/// # Errors
/// When the configuration gives it another name than it has, the key that signs it is not there, or the
/// store fails.
pub(crate) async fn open(app: &App) -> Result<(), LogError> {
    let given = app.parts().log.audit.name.clone();
    let base = match given.clone() {
        Some(name) => name,
        None => nameless(app)?,
    };
    let name = match app.store().open_log().await?.name {
        // One whose clock is far ahead writes nothing, and so does not start.
        Some(_) if app.is_ahead(app.store().others().await?) => {
            return Err(StoreError::ClockAhead.into());
        }
        Some(name) => name,
        None => {
            // The first record has the key.
            let signers = app.parts().log.signatory.known(None).await?;
            let named = app.store().write(Name {
                app: app.clone(),
                base,
                key: signers.current()?,
            });
            named.await?
        }
    };
    match given {
        Some(given) if base_of(&name) != given.as_str() => {
            let fault = StoreError::Data(format!(
                "audit.name: the log of this store is named {}: a log keeps its name",
                base_of(&name)
            ));
            Err(fault.into())
        }
        _ => rotating::check(app).await,
    }
}

fn nameless(app: &App) -> Result<LogName, StoreError> {
    let own = u64::from_be_bytes(random::bytes(&*app.parts().random)?);
    LogName::new(format!("{NAMELESS}/{own:016x}")).map_err(|_| StoreError::Refused("a log's name"))
}

/// The name of the log that follows one whose year is over; `None` while it is not.
pub(super) fn after(name: &LogName, now: Timestamp) -> Result<Option<LogName>, StoreError> {
    let next = of_year(&base(name)?, now)?;
    Ok((year(&next) > year(name)).then_some(next))
}

/// The name of this log, and those of the years after its own until now.
pub(super) fn since(name: &LogName, now: Timestamp) -> Result<Vec<LogName>, StoreError> {
    let mut names = vec![name.clone()];
    let last = after(name, now)?;
    let (Some(first), Some(last)) = (year(name), last.as_ref().and_then(year)) else {
        names.extend(last);
        return Ok(names);
    };
    let base = base_of(name);
    for year in first.saturating_add(1)..=last {
        let name = LogName::new(format!("{base}/{year}"));
        names.push(name.map_err(|_| StoreError::Refused("a log's name"))?);
    }
    Ok(names)
}

/// The year that a log is named by; `None` of a name that has none.
pub(crate) fn year(name: &LogName) -> Option<u32> {
    let last = name.as_str().rsplit('/').next()?;
    // `2026-r1` was recovered in its year.
    let year = last.split('-').next()?;
    (year.len() >= 4).then(|| year.parse().ok()).flatten()
}

fn base(name: &LogName) -> Result<LogName, StoreError> {
    LogName::new(base_of(name)).map_err(|_| StoreError::Refused("a log's name"))
}

/// A log of one year.
fn of_year(base: &LogName, now: Timestamp) -> Result<LogName, StoreError> {
    let time = now.to_string();
    let year = time.split('-').next().unwrap_or_default();
    LogName::new(format!("{base}/{year}")).map_err(|_| StoreError::Refused("a log's name"))
}

/// The name without the year.
pub(super) fn base_of(name: &LogName) -> &str {
    let name = name.as_str();
    name.rsplit_once('/').map_or(name, |(base, _)| base)
}

struct Name {
    app: App,
    base: LogName,
    key: [u8; 32],
}

impl Operation for Name {
    type Output = LogName;
    type Error = StoreError;

    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<LogName, StoreError> {
        let stamp = self.app.stamp(transaction).await?;
        if let Some(name) = transaction.open_log().await?.name {
            return Ok(name);
        }
        let name = of_year(&self.base, stamp.now)?;
        transaction.name_log(&name).await?;
        let record = Record::Log(Box::new(LogEvent::Opened {
            name: name.clone(),
            key: self.key,
            previous: None,
            first: 0,
        }));
        transaction.apply(&Change::Nothing, &record, &stamp).await?;
        Ok(name)
    }
}
