//! What every engine has to keep, as functions over a [`Store`]: the tests run them on the engines
//! that are at hand, and `velum-policy-service store-check` on any other.

mod acts;
mod crossings;
mod kit;
mod log;
mod memberships;
mod rate;
mod rivals;
mod rows;
mod security_keys;
mod sessions;

use std::sync::Arc;

use super::{Eventually, Store};
use crate::random::Random;
use kit::Kit;

pub(crate) use rate::grants_for;

/// What a check runs on.
pub(crate) struct Ground {
    /// The store, empty or not.
    pub(crate) store: Store,
    /// A second service's view of it; where an engine allows only one service, the same.
    pub(crate) other: Store,
    /// For ids.
    pub(crate) random: Arc<dyn Random>,
    /// What time it is taken to be.
    pub(crate) now: velum_approval::Timestamp,
    /// Over how many grants there is a race.
    pub(crate) grants: usize,
}

/// What a check found: a few words, or what is wrong.
pub(crate) type Verdict = Result<String, String>;

/// One thing that an engine has to keep.
pub(crate) struct Conformance {
    /// What it is.
    pub(crate) name: &'static str,
    run: fn(Kit) -> Eventually<'static, Verdict>,
}

impl Conformance {
    /// Checks it.
    pub(crate) async fn check(&self, ground: &Ground) -> Verdict {
        let kit = Kit::new(ground)?;
        (self.run)(kit).await
    }
}

macro_rules! checks {
    ($($name:literal: $check:path,)*) => {
        &[$(Conformance { name: $name, run: |kit| Box::pin($check(kit)) }),*]
    };
}

/// All of them.
pub(crate) const CHECKS: &[Conformance] = checks! {
    "an approval reads as it was written": rows::reads_as_written,
    "what people wrote stands beside the log": rows::words_beside_the_log,
    "approvals are listed in the order they were asked": rows::lists_in_order,
    "a batch of events counts once": rows::counts_a_batch_once,
    "a change that fails leaves neither rows nor record": rows::leaves_nothing_of_a_failure,
    "what has failed is not committed, whatever is made of it": rows::commits_nothing_after_a_failure,
    "a change to what has changed since is refused": rows::refuses_a_stale_change,
    "a use of what has changed since is refused": rows::refuses_a_stale_use,
    "the latest moment never goes back": rows::never_goes_back_in_time,
    "of asks that race for one approval all have the same": rivals::open_one_approval,
    "a cap holds for asks that race": rivals::keep_a_cap,
    "of those that race for a grant one has it": rivals::use_a_grant_once,
    "of those that race for a grant of three uses three have it": crossings::use_a_grant_three_times,
    "of those that end an approval one does": rivals::end_an_approval_once,
    "nothing is used behind a stop": crossings::use_nothing_behind_a_stop,
    "of those that open an emergency access one does": crossings::open_one_emergency,
    "of two votes that are enough together one gives the grant": crossings::give_a_grant_once,
    "a request that comes twice at once is carried out once": crossings::carry_out_once,
    "an outcome that is told twice at once is noted once": crossings::note_an_outcome_once,
    "a change that fails takes no other with it": rivals::fail_alone,
    "what is good for once is used once": sessions::are_used_once,
    "a session and what belongs to it read as they were written": sessions::read_as_written,
    "since when somebody reviews is kept, and whoever comes back comes anew": memberships::are_kept,
    "a security key reads as it was written and never counts back": security_keys::read_as_written,
    "who follows the log misses no record": log::is_followed_without_a_gap,
    "every leaf has its hash and its place": log::is_whole,
};

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
