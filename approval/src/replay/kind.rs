//! The kinds of findings, and how much they weigh.

use std::fmt;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing. It does not say that anything was released wrongly.
    Note,
    /// What no log of a service that keeps the rules holds.
    Failure,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident $name:literal $severity:ident,)*) => {
        /// What was found. The names are stable: tools may count them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[$doc])* $variant,)*
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// How much it weighs.
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }
        }
    };
}

kinds! {
    /// Not a record: no JSON, a member too many or too few, a word that cannot be.
    Malformed "malformed" Failure,
    /// Not in the one form of RFC 8785.
    NotCanonical "not-canonical" Failure,
    /// A code or a type that the catalogue does not have, or not together.
    UnknownEvent "unknown-event" Failure,
    /// Another version of the records than this code reads.
    UnknownVersion "unknown-version" Failure,
    /// The record's number is not its place, or a place was left out.
    WrongIndex "wrong-index" Failure,
    /// The record is of another log than the first one.
    OtherLog "other-log" Failure,
    /// The time of the record is before that of the one before.
    TimeBack "time-back" Failure,
    /// The id is that of another record.
    IdTwice "id-twice" Failure,
    /// The id was made long before the record: it may be that of another.
    IdOutOfTime "id-out-of-time" Note,
    /// A log whose first record is none that opens or recovers a log: what stood there is missing.
    NotBegun "not-begun" Failure,
    /// Nothing was recorded for longer than the heartbeat that was asked for.
    Silence "silence" Note,
    /// A log that does not go on from the one that was read before it.
    NotNext "not-next" Failure,
    /// The log goes on from one that was recovered: who says so, and how much of that there was and is.
    LogRecovered "log-recovered" Note,
    /// Of the log before a recovery there are fewer records than were left then.
    RecordsMissing "records-missing" Failure,
    /// It is about something of the log before, which was not read: verify the two together.
    OfLogBefore "of-log-before" Note,
    /// The configuration is another than that of the record before: which of its parts are.
    ConfigurationChanged "configuration-changed" Note,
    /// The record says two things that cannot both be.
    Contradiction "contradiction" Failure,

    /// What a record has of a path or query does not look like a template: it may be a caller's own words.
    RouteNotTemplate "route-not-template" Note,

    /// An approval is asked for under the id of another.
    RequestedTwice "requested-twice" Failure,
    /// Something happens to an approval that nobody asked for.
    UnknownApproval "unknown-approval" Failure,
    /// A record between two versions of an approval is missing, or one stands twice.
    VersionGap "version-gap" Failure,
    /// A change of an approval that its state does not admit.
    IllegalChange "illegal-change" Failure,
    /// Who asks is not among those who may not review it.
    RequesterMayReview "requester-may-review" Failure,
    /// A class is asked for that is never lifted.
    NeverLifted "never-lifted" Failure,
    /// Somebody who is behind the request has a say in it.
    ExcludedVote "excluded-vote" Failure,
    /// A vote on what is not open to votes: not shown, decided, over.
    VoteNotOpen "vote-not-open" Failure,
    /// More was approved than was asked.
    VoteWider "vote-wider" Failure,
    /// A yes without what its action asks for beside: no security key has signed it, or nobody signed in anew.
    VoteNotProven "vote-not-proven" Failure,
    /// A security key is added under the id of another.
    KeyTwice "key-twice" Failure,
    /// A security key is removed that is not its person's.
    KeyUnknown "key-unknown" Failure,
    /// Approved without saying so although nobody has seen what the response holds.
    UnseenApproved "unseen-approved" Failure,
    /// A count in the record is not what the records before it add up to.
    Miscounted "miscounted" Failure,
    /// A grant was issued without enough votes.
    GrantWithoutVotes "grant-without-votes" Failure,
    /// A grant is wider than what those who were counted have in common, or than what was asked.
    GrantWider "grant-wider" Failure,
    /// A grant lasts longer than those who were counted said.
    GrantTooLong "grant-too-long" Failure,

    /// Released under an approval that nobody asked for.
    UseWithoutRequest "use-without-request" Failure,
    /// Released although no grant was issued.
    UseWithoutGrant "use-without-grant" Failure,
    /// Released with fewer people than it needed.
    TooFewApprovers "too-few-approvers" Failure,
    /// Released on the word of somebody who is behind the request.
    ExcludedApprover "excluded-approver" Failure,
    /// Released in the name of somebody whose last word is not a yes.
    NotAnApprover "not-an-approver" Failure,
    /// Released on the word of somebody whose security key has not signed it, or was removed since.
    ApproverNotProven "approver-not-proven" Failure,
    /// Released when the time had run out.
    UseAfterExpiry "use-after-expiry" Failure,
    /// Released when the approval was over.
    UseAfterEnd "use-after-end" Failure,
    /// Released more often than was asked.
    TooManyUses "too-many-uses" Failure,
    /// One stream released twice.
    StreamTwice "stream-twice" Failure,
    /// Released more than was asked, granted, or approved by each who was counted.
    UseWider "use-wider" Failure,
    /// Released to another request, under another policy, or with other values than were seen.
    OtherRequest "other-request" Failure,
    /// Released while that was stopped.
    UsedWhileStopped "used-while-stopped" Failure,

    /// An emergency access that nobody opened is used, or reviewed.
    EmergencyUnknown "emergency-unknown" Failure,
    /// Used for an action for which it was not opened.
    EmergencyOtherAction "emergency-other-action" Failure,
    /// Used for a principal for whom it was not opened.
    EmergencyOtherPrincipal "emergency-other-principal" Failure,
    /// Used after its end.
    EmergencyOver "emergency-over" Failure,
    /// Used after it was reviewed.
    EmergencyAfterReview "emergency-after-review" Failure,
    /// Opened for no time, or for longer than any may last.
    EmergencyTooLong "emergency-too-long" Failure,
    /// Opened while another of the same person, or for the same principal, was not reviewed.
    EmergencyBlocked "emergency-blocked" Failure,
    /// Reviewed by who opened it or is behind what was released under it.
    EmergencySelfReview "emergency-self-review" Failure,

    /// Who stopped it, or whom it stops, resumed it.
    ResumedBySame "resumed-by-same" Failure,
    /// A stop was ended that nobody ends: a grant that was taken back, an emergency access reviewed.
    ResumedFinal "resumed-final" Failure,
    /// A stop was ended that is not there, or begun under the id of another.
    StopUnknown "stop-unknown" Failure,

    /// An outcome of a use that was not made.
    OutcomeWithoutUse "outcome-without-use" Failure,
    /// A second outcome of one use.
    OutcomeTwice "outcome-twice" Failure,
    /// Values of a class left that the use did not lift.
    OutcomeWider "outcome-wider" Failure,
    /// More records or bytes went by than values may be lifted of: the rest of them has to be masked,
    /// which an outcome does not tell.
    OutcomeBeyondLimits "outcome-beyond-limits" Note,
    /// What left under a use was never told.
    OutcomeMissing "outcome-missing" Note,
    /// An outcome that came so late that its use is no longer remembered.
    OutcomeLate "outcome-late" Note,

    /// Batches of events of a worker are missing, or it could not count requests.
    EventsMissing "events-missing" Note,
    /// A batch of events does not say how many are missing before it, or a minute is summarised twice.
    EventsMiscounted "events-miscounted" Failure,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
