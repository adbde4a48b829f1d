//! How far a log was, by whoever knows: who recovers it asks them all.

use velum_approval::LogName;
use velum_approval::record::PreviousLog;
use velum_ledger::checkpoint::Checkpoint;

use super::recovering::{GAP, next};
use super::{LogError, anchors, fencing, naming};
use crate::http::App;
use crate::store::{LogRow, StoreError};

/// The most records that anybody is believed to know of: so many are given to nobody behind those that are
/// known of.
const MOST: u64 = GAP;

/// What is known of the open log, and of those after it that were lost.
pub(super) struct Shown {
    /// By everybody but the store itself.
    pub(super) heads: Vec<PreviousLog>,
    /// The last head of the open log in the store.
    pub(super) own: Option<PreviousLog>,
    /// The largest size of the open log that anybody has told of without a head.
    pub(super) most: u64,
    /// How much of the open log is under its last head.
    pub(super) signed: u64,
    /// What who recovers should know, each as a part of a sentence.
    pub(super) remarks: Vec<String>,
}

/// Asks the anchors, the signer, the fence and the store itself.
pub(super) async fn shown(app: &App, open: &LogRow, own: &LogName) -> Result<Shown, LogError> {
    let told = anchors::shown(&app.parts().log.anchors);
    let mut shown = Shown {
        heads: Vec::new(),
        own: None,
        most: 0,
        signed: 0,
        remarks: Vec::new(),
    };
    for told in told {
        let whose = format!("audit.anchors `{}`", told.by);
        match told.head {
            Some(head) => shown.heads.push(of_this_name(own, &whose, &head)?),
            None if told.size > MOST => {
                shown.most = MOST;
                shown.remarks.push(format!(
                    "; {whose} tells of {} records, which no log has: it is taken to mean {MOST}",
                    told.size
                ));
            }
            None => shown.most = shown.most.max(told.size),
        }
    }
    for head in of_signer(app, own).await? {
        shown.heads.push(of_this_name(own, "the signer", &head)?);
    }
    if let Some(fence) = &app.parts().log.fence
        && let Some(stands) = fence.read()?
    {
        shown.heads.push(of_this_name(own, "audit.fence", &stands)?);
    }
    let head = app.store().head(open.number).await?;
    shown.signed = head.as_ref().map_or(0, |head| head.size);
    if let Some(head) = head.and_then(|head| fencing::text_of(&head.note)) {
        shown.own = Some(of_this_name(own, "the store", &head)?);
    }
    Ok(shown)
}

/// What the signer has signed of the open log and of those after it: of each year until now, and of those
/// that went on after a recovery.
async fn of_signer(app: &App, own: &LogName) -> Result<Vec<Checkpoint>, LogError> {
    let signatory = &app.parts().log.signatory;
    let mut heads = Vec::new();
    for year in naming::since(own, app.now())? {
        let mut name = year;
        let mut is_first = true;
        loop {
            let known = signatory.known(Some(name.as_str())).await?;
            // A year of which it knows nothing may have begun with a recovery.
            if known.last.is_none() && !is_first {
                break;
            }
            heads.extend(known.last);
            (name, is_first) = (next(&name)?, false);
        }
    }
    Ok(heads)
}

/// What a head is of, where that is a log of this name, of whatever year.
fn of_this_name(own: &LogName, whose: &str, head: &Checkpoint) -> Result<PreviousLog, LogError> {
    let name = LogName::new(head.origin()).ok();
    let name = name.filter(|name| naming::base_of(name) == naming::base_of(own));
    let Some(name) = name else {
        let fault = format!(
            "{whose} has a head of a log that is not of this store's name: put the right database there, or \
             give it another file"
        );
        return Err(StoreError::Data(fault).into());
    };
    if head.size() > MOST {
        let fault = format!(
            "{whose} has a head of {} records, which no log has: give it another file, or take it out of the \
             configuration",
            head.size()
        );
        return Err(StoreError::Data(fault).into());
    }
    Ok(PreviousLog {
        name,
        size: head.size(),
        root: *head.root().as_bytes(),
    })
}
