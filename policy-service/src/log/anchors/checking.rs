//! Before the store is open: whether an anchor knows of more, or of another history.

use std::time::Duration;

use tokio::task::JoinSet;
use velum_ledger::checkpoint::Checkpoint;

use super::{Anchor, Anchors, Fault, Offer, Place};
use crate::http::App;
use crate::log::LogError;
use crate::log::fencing::{Known, compare};
use crate::log::growing::Root;

/// How long all of them may take: nobody is served before.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks every file and every witness. One that does not answer is passed over, with a warning: the fence
/// decides. `Some`: what contradicts the log.
pub(in crate::log) async fn check(
    app: &App,
    root: &Root,
) -> Result<Option<&'static str>, LogError> {
    let anchors = &app.parts().log.anchors;
    if anchors.all.is_empty() {
        return Ok(None);
    }
    let open = app.store().open_log().await?;
    anchors.load(app, &open).await?;
    let mut questions = JoinSet::new();
    for (number, anchor) in anchors.all.iter().enumerate() {
        let (app, anchor, root) = (app.clone(), anchor.clone(), root.clone());
        questions.spawn(async move {
            let asked = tokio::time::timeout(PATIENCE, ask(&app, &anchor, &root)).await;
            (number, asked.unwrap_or(Err(Fault::Late)))
        });
    }
    let mut lost = None;
    while let Some(answered) = questions.join_next().await {
        let Ok((number, Err(fault))) = answered else {
            continue;
        };
        let Some(anchor) = anchors.all.get(number) else {
            continue;
        };
        anchor.state().failed(fault, app.now());
        let (name, fault_name) = (&anchor.name, fault.name());
        if fault == Fault::Contradicts {
            tracing::error!(
                anchor = name,
                "an anchor has more than this log, or another history"
            );
            lost = Some(anchor.place.whose());
        } else {
            tracing::warn!(
                anchor = name,
                fault = fault_name,
                "an anchor could not be asked how far the log was: the fence alone decides"
            );
        }
    }
    Ok(lost)
}

async fn ask(app: &App, anchor: &Anchor, root: &Root) -> Result<(), Fault> {
    match &anchor.place {
        Place::File(heads) => {
            let Some(last) = heads.last().await? else {
                let is_known = anchor.state().has_had(root.log);
                return if is_known {
                    Err(Fault::Missing)
                } else {
                    Ok(())
                };
            };
            let known = compare(app, root, &last).await.map_err(|_| Fault::Store)?;
            if known == Known::Beginning {
                return Ok(());
            }
            anchor.state().ahead = Some((last.size(), Some(last)));
            Err(Fault::Contradicts)
        }
        // It only takes.
        Place::Webhook(_) => Ok(()),
        Place::Witness(_) => match Offer::latest(app).await? {
            Some(offer) => anchor.place.tell(app, anchor, &offer).await.map(drop),
            // There is nothing yet to show it.
            None => Ok(()),
        },
    }
}

/// What an anchor has told that contradicts the log.
pub(in crate::log) struct Shown {
    /// The anchor's name.
    pub(in crate::log) by: String,
    /// How many records it has.
    pub(in crate::log) size: u64,
    /// The head, of whatever log it is, where it has told one; without it is told of the open log.
    pub(in crate::log) head: Option<Checkpoint>,
}

/// What anchors have told that contradicts the log.
pub(in crate::log) fn shown(anchors: &Anchors) -> Vec<Shown> {
    let shown = anchors.all.iter().filter_map(|anchor| {
        let (size, head) = anchor.state().ahead.clone()?;
        let by = anchor.name.clone();
        Some(Shown { by, size, head })
    });
    shown.collect()
}

impl Place {
    fn whose(&self) -> &'static str {
        match self {
            Place::File(_) => "an anchor's file",
            Place::Webhook(_) => "a webhook",
            Place::Witness(_) => "a witness",
        }
    }
}
