//! The catalogue of events: of each its code, its type, when it is written, why, and what it holds.

use super::{CredentialEvent, Ended, LogEvent, Record, SessionEvent};
use crate::case::{State, Verdict};
use crate::evidence::End;

macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident $code:literal $type:literal
        when $when:literal why $why:literal holds [$($member:literal)*])*) => {
        /// What a record tells of. A code is never given to another event, and an event that is no longer
        /// written keeps its own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventKind {
            $($(#[$doc])* $variant,)*
        }

        impl EventKind {
            /// Every kind, in the order of the codes.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];
            pub(super) const CODES: &[(&'static str, &'static str)] = &[$(($code, $type),)*];

            /// The stable code of the event and its outcome: I for what went as asked, W for the rest.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The `CloudEvents` type.
            pub fn event_type(self) -> &'static str {
                match self { $(Self::$variant => $type,)* }
            }

            /// When it is written, in a sentence.
            pub fn when(self) -> &'static str {
                match self { $(Self::$variant => $when,)* }
            }

            /// Why it is logged (NIST SP 800-53, AU-2), in a sentence.
            pub fn why(self) -> &'static str {
                match self { $(Self::$variant => $why,)* }
            }

            /// The members that `data` may have, beside those of every record.
            pub fn holds(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($member),*],)* }
            }
        }
    };
}

events! {
    /// An approval was asked for.
    Requested "VA1001I" "org.velum.approval.requested.v1"
        when "A flagged request opens an approval."
        why "Who asks for what, and who is behind it and may not review it: all later records rest on it."
        holds ["actor" "approval" "decide_by" "excluded" "needed" "request" "requester" "step_up" "uses"]
    /// An ask was refused before it became an approval.
    RequestRefused "VA1002W" "org.velum.approval.refused.v1"
        when "An ask is refused before it becomes an approval; the same again within a while is counted only."
        why "Attempts that rules or caps stopped show misuse, and policies that fit nobody."
        holds ["action" "actor" "refused"]
    /// The approval is shown to reviewers, with what the response holds.
    Collected "VA1003I" "org.velum.approval.collected.v1"
        when "A gateway told what the response holds, and reviewers are shown the approval."
        why "What reviewers saw when they decided binds what may leave."
        holds ["actor" "approval" "evidence"]
    /// The same without it.
    Unseen "VA1004W" "org.velum.approval.unseen.v1"
        when "No evidence came in time, and reviewers are shown the approval without it."
        why "They decide on the request alone, and have to say so."
        holds ["actor" "approval"]
    /// A reviewer wants to know more.
    Questioned "VA1005I" "org.velum.approval.questioned.v1"
        when "A reviewer asks the requester for a reason."
        why "It is part of how the decision came about."
        holds ["actor" "approval" "comment_commitment"]
    /// The requester gave another reason.
    Explained "VA1006I" "org.velum.approval.explained.v1"
        when "The requester gives another reason; votes of before no longer count."
        why "Votes hold for the reason that was there when they were given."
        holds ["actor" "approval" "reason_commitment"]
    /// A yes that does not decide yet.
    VoteApproved "VA1101I" "org.velum.vote.approved.v1"
        when "A reviewer approves, and more have to."
        why "Who said yes, to what, and when: what a grant is counted from."
        holds ["actor" "approval" "got" "needed" "vote"]
    /// A no.
    VoteDenied "VA1102I" "org.velum.vote.denied.v1"
        when "A reviewer denies, which decides."
        why "Who said no, and when."
        holds ["actor" "approval" "got" "needed" "vote"]
    /// A yes is taken back.
    VoteTakenBack "VA1103I" "org.velum.vote.taken-back.v1"
        when "A reviewer takes a yes back before anything was decided."
        why "From here on that yes counts for nothing."
        holds ["actor" "approval" "got" "needed" "vote"]
    /// A vote was refused.
    VoteRefused "VA1104W" "org.velum.vote.refused.v1"
        when "A vote is refused: by somebody behind the request, of no group that is asked, too late."
        why "Attempts to review what one may not are what separation of duties is watched by."
        holds ["actor" "approval" "refused"]
    /// The yes that decides.
    GrantIssued "VA1111I" "org.velum.grant.issued.v1"
        when "The last yes that was needed issues the grant."
        why "What was granted, for how long and how often: a release is held against it."
        holds ["actor" "approval" "got" "grant" "needed" "vote"]
    /// Enough yeses that have nothing in common.
    GrantEmpty "VA1112W" "org.velum.grant.empty.v1"
        when "Enough people approved, and nothing is common to what they did."
        why "It ends as denied, though nobody said no."
        holds ["actor" "approval" "got" "needed" "vote"]
    /// The grant was used.
    GrantUsed "VA1201I" "org.velum.grant.used.v1"
        when "A grant is used, in the transaction that uses it and before anything is released."
        why "The release itself: without this record there is none."
        holds ["actor" "approval" "approved_by" "use"]
    /// A use was refused.
    GrantRefused "VA1202W" "org.velum.grant.refused.v1"
        when "A use is refused: another request, expired, used up, stopped."
        why "Attempts to use a grant twice or for something else."
        holds ["actor" "approval" "refused"]
    /// An emergency access was used.
    EmergencyUsed "VA1203W" "org.velum.emergency.used.v1"
        when "Something is released under an emergency access, before any review."
        why "Access in an emergency is allowed and accounted for (HIPAA 164.312(a)(2)(ii))."
        holds ["actor" "approval" "approved_by" "use"]
    /// What left is what was granted.
    Delivered "VA1211I" "org.velum.release.delivered.v1"
        when "A gateway tells what left under a use: all of it, and nothing that reviewers had not seen."
        why "What was disclosed, by class and number (HIPAA 164.528)."
        holds ["actor" "approval" "release"]
    /// What left differs from what was seen, or was stopped.
    Drifted "VA1212W" "org.velum.release.drifted.v1"
        when "The same, where the response had changed since it was seen (what is new stays masked), or was stopped."
        why "A response that is another than the one reviewed wants looking at."
        holds ["actor" "approval" "release"]
    /// The response was cut off.
    Cut "VA1213W" "org.velum.release.cut.v1"
        when "The same, where the response did not come to its end."
        why "What was granted did not arrive whole."
        holds ["actor" "approval" "release"]
    /// Its time ran out.
    Expired "VA1301I" "org.velum.approval.expired.v1"
        when "An approval's time, or its grant's, has run out."
        why "From here on nothing can be decided or used."
        holds ["actor" "approval"]
    /// The requester withdrew it.
    Cancelled "VA1302I" "org.velum.approval.cancelled.v1"
        when "The requester withdraws."
        why "From here on nothing can be decided or used."
        holds ["actor" "approval"]
    /// What it was decided under is no longer so.
    Superseded "VA1303W" "org.velum.approval.superseded.v1"
        when "The policy or the reviewers are others than when it was asked, or records were lost."
        why "A decision does not outlive what it was made under."
        holds ["actor" "approval" "cause" "policy"]
    /// A grant was taken back.
    Revoked "VA1304W" "org.velum.grant.revoked.v1"
        when "A reviewer takes a grant back."
        why "Who ended it, and when: nothing is released after."
        holds ["actor" "approval"]
    /// What was masked without any review.
    EventsReported "VA1401I" "org.velum.events.reported.v1"
        when "By earlier versions only: a worker of a gateway reported a batch of what it did without any review."
        why "How much was masked, and whether batches are missing; never a record for each response."
        holds ["actor" "events"]
    /// The same, summed.
    MaskSummarised "VA1402I" "org.velum.mask.summary.v1"
        when "A minute is over in which a gateway reported what it did without any review: one record for all of it."
        why "How much was masked, of what and for whom, and whether batches are missing; never a record for each response."
        holds ["actor" "summary"]
    /// Releases were stopped.
    StopBegun "VA1501W" "org.velum.stop.begun.v1"
        when "Releases are stopped: all, or those of an action, gateway, principal, approval or emergency."
        why "Who stopped what; a release against it would be found."
        holds ["actor" "stop"]
    /// They were resumed.
    StopResumed "VA1502W" "org.velum.stop.resumed.v1"
        when "A stop is ended, by somebody else than who began it."
        why "Who let it go on."
        holds ["actor" "stop"]
    /// Somebody was refused.
    PersonRefused "VA1503W" "org.velum.person.refused.v1"
        when "Ending a stop, or opening or reviewing an emergency access, is refused."
        why "Attempts to do what one may not."
        holds ["actor" "refused"]
    /// An emergency access was opened.
    EmergencyOpened "VA1601W" "org.velum.emergency.opened.v1"
        when "Somebody opens an emergency access."
        why "Who took it upon themselves, for whose requests, until when; it is to be reviewed."
        holds ["actor" "emergency" "excluded" "requester"]
    /// It was found justified.
    EmergencyReviewed "VA1602I" "org.velum.emergency.reviewed.v1"
        when "Somebody else finds it justified."
        why "The review that follows every emergency access."
        holds ["actor" "comment_commitment" "emergency" "excluded" "requester"]
    /// It was not.
    EmergencyDisputed "VA1603W" "org.velum.emergency.disputed.v1"
        when "Somebody else finds it not justified."
        why "It is to be followed up."
        holds ["actor" "comment_commitment" "emergency" "excluded" "requester"]
    /// It ended before its time.
    EmergencyEnded "VA1604W" "org.velum.emergency.ended.v1"
        when "An emergency access ends before its time without a review: records were lost."
        why "From here on nothing is released under it."
        holds ["actor" "emergency" "excluded" "requester"]
    /// A log begins.
    LogOpened "VA1701I" "org.velum.log.opened.v1"
        when "A log begins: its first record, which has size and root of the log before it."
        why "Which key signs it, and what it goes on from: no log can be left out between two."
        holds ["actor" "log"]
    /// Another key signs.
    KeyRotated "VA1702I" "org.velum.log.key-rotated.v1"
        when "Another key signs the log's heads from here on."
        why "A verifier has to know which key is whose."
        holds ["actor" "log"]
    /// Nothing happened.
    Heartbeat "VA1703I" "org.velum.log.heartbeat.v1"
        when "Nothing was written for a while (`heartbeat`, ten minutes)."
        why "Silence can be told from records that are missing."
        holds ["actor" "log"]
    /// A log begins after records were lost.
    LogRecovered "VA1704W" "org.velum.log.recovered.v1"
        when "Somebody goes on after a database was put back that had lost records: the first record of the next log."
        why "Who said so, why, and how many records there had been."
        holds ["actor" "log" "reason_commitment"]
    /// A log ends.
    LogClosed "VA1705I" "org.velum.log.closed.v1"
        when "A year is over: the last record of its log, which names the next."
        why "That a log ends here, and nothing of it was cut off."
        holds ["actor" "log"]
    /// A closed log was removed.
    LogPruned "VA1706I" "org.velum.log.pruned.v1"
        when "A closed log is removed after its retention, in the transaction that removes it."
        why "Who removed what, why, and its last size and root: what is missing is accounted for."
        holds ["actor" "log" "reason_commitment"]
    /// Somebody has read the log.
    AuditRead "VA1707I" "org.velum.audit.read.v1"
        when "A minute is over in which a reviewer or an auditor read the log: one record for all of it, one more for the reading of that."
        why "Who looks into the log learns who asked for what; how much they read of it, and as what."
        holds ["actor" "reading"]
    /// Somebody signed in.
    SignedIn "VA1801I" "org.velum.session.begun.v1"
        when "A reviewer signs in at the inbox."
        why "From here on what is done in that browser is theirs."
        holds ["actor" "session"]
    /// Somebody did not.
    SignInRefused "VA1802W" "org.velum.session.refused.v1"
        when "Signing in at the inbox is refused; the same again within a while is counted only."
        why "Attempts to be somebody else, and people who should review and cannot."
        holds ["actor" "refused"]
    /// Somebody signed out.
    SignedOut "VA1803I" "org.velum.session.ended.v1"
        when "A reviewer signs out, in one browser or in all."
        why "From here on nothing in that browser is theirs."
        holds ["actor" "session"]
    /// Somebody signed in anew for an approval, or for a security key.
    Confirmed "VA1804I" "org.velum.session.confirmed.v1"
        when "A reviewer signs in anew to approve what an action asks that for, or to add a security key."
        why "That the person was there, and not only their session: a yes to such an action follows it."
        holds ["actor" "approval"]
    /// Somebody has a security key more.
    CredentialAdded "VA1901I" "org.velum.credential.added.v1"
        when "A reviewer adds a security key, having signed in anew for it."
        why "Whose signature a yes is verified by; a key that its person did not add is somebody else's yes."
        holds ["actor" "credential"]
    /// Somebody has one less.
    CredentialRemoved "VA1902I" "org.velum.credential.removed.v1"
        when "A reviewer removes a security key of their own."
        why "From here on nothing that it has signed counts."
        holds ["actor" "credential"]
    /// What decisions are made under is another.
    Configured "VA2001I" "org.velum.config.changed.v1"
        when "A log begins, or a service starts with a configuration that is not that of the last such record, before it serves anything."
        why "Whoever lowers what a release needs and raises it again has left two records."
        holds ["actor" "configuration"]
}

/// The members of `data`, and what they hold.
pub const MEMBERS: &[(&str, &str)] = &[
    (
        "action",
        "the action of the policy; absent where the policy has none for it",
    ),
    (
        "actor",
        "who did it: a `person`, a `gateway`, the `requester` or the `service`",
    ),
    (
        "approval",
        "its id, the state it is in now, and its version",
    ),
    (
        "approved_by",
        "the persons whose votes count; none in an emergency",
    ),
    (
        "cause",
        "why it was superseded: `policy`, `reviewers` or `recovery`",
    ),
    ("code", "the code of this table; in every record"),
    (
        "comment_commitment",
        "SHA-256 of a salt and of what a reviewer wrote, which lies beside the log and can be erased",
    ),
    (
        "configuration",
        "SHA-256 of each part of what decisions depend on, and which parts differ from the record before",
    ),
    (
        "credential",
        "the security key: SHA-256 of its id, and of one that is added its public key, the origin where it is good, its flags and from when on it counts",
    ),
    ("decide_by", "until when it can be decided"),
    (
        "emergency",
        "the emergency access: id, action, who opened it, until when, how often used, and a commitment to why",
    ),
    (
        "events",
        "the worker, the batch's number and digest, how many are missing before it, and sums",
    ),
    (
        "evidence",
        "what the response holds: counts by class, records, bytes, and digests of the values' keyed tags and of the shape that reviewers were shown",
    ),
    (
        "excluded",
        "the persons behind the request, who may not review it",
    ),
    ("got", "how many people have approved"),
    (
        "grant",
        "what was granted: classes and limits, until when, how often",
    ),
    (
        "log",
        "of a log itself: name, keys, and names, sizes and roots of others",
    ),
    ("needed", "how many people have to approve"),
    ("outcome", "`success` or `refused`; in every record"),
    ("policy", "the digest of the policy that is now in force"),
    (
        "reading",
        "as what somebody read the log, since when, and how often which part of it",
    ),
    (
        "reason_commitment",
        "SHA-256 of a salt and of the reason, which lies beside the log and can be erased",
    ),
    ("refused", "why, in a word of a closed list"),
    (
        "release",
        "what left: counts by class of what was lifted, masked and new, records, bytes, status, and the index of the use",
    ),
    (
        "request",
        "action, method, path and query as a template of the policy, classes asked, and keyed tokens of fingerprint and resource",
    ),
    (
        "requester",
        "the person, or the agent with its owner, as the directory names them",
    ),
    (
        "seq",
        "the record's place in its log, from 0; in every record",
    ),
    (
        "session",
        "of a session at the inbox: what was shown to begin it (`link`, `provider`), or whether all of the person's ended",
    ),
    (
        "step_up",
        "what whoever approves has to do beside: `fresh-login` or `webauthn`; absent where nothing",
    ),
    (
        "stop",
        "the stop's id, and the kind and the name of what is stopped",
    ),
    (
        "summary",
        "of a minute: requests by outcome, values masked by class, by action and keyed principal, and gaps between batches",
    ),
    (
        "use",
        "the stream's key, what is lifted, which use it is and of how many, and what it is bound to",
    ),
    ("uses", "how often it may be used"),
    ("v", "the version of this form: 1; in every record"),
    (
        "vote",
        "the verdict, and of a yes to what, for how long, and what a security key has signed of it",
    ),
];

impl Record {
    /// What it tells of.
    pub fn kind(&self) -> EventKind {
        match self {
            Self::Requested(_) => EventKind::Requested,
            Self::RequestRefused { .. } => EventKind::RequestRefused,
            Self::Collected { seen: Some(_), .. } => EventKind::Collected,
            Self::Collected { seen: None, .. } => EventKind::Unseen,
            Self::Questioned { .. } => EventKind::Questioned,
            Self::Explained { .. } => EventKind::Explained,
            Self::Voted(voted) => match (&voted.verdict, voted.state) {
                (Verdict::Approve { .. }, State::Approved) => EventKind::GrantIssued,
                (Verdict::Approve { .. }, State::Denied) => EventKind::GrantEmpty,
                (Verdict::Approve { .. }, _) => EventKind::VoteApproved,
                (Verdict::Deny, _) => EventKind::VoteDenied,
                (Verdict::TakeBack, _) => EventKind::VoteTakenBack,
            },
            Self::VoteRefused { .. } => EventKind::VoteRefused,
            Self::Used(used) if used.emergency.is_some() => EventKind::EmergencyUsed,
            Self::Used(_) => EventKind::GrantUsed,
            Self::UseRefused { .. } => EventKind::GrantRefused,
            Self::Ended { how, .. } => match how {
                Ended::Expired => EventKind::Expired,
                Ended::Cancelled => EventKind::Cancelled,
                Ended::Superseded(_) => EventKind::Superseded,
                Ended::Revoked(_) => EventKind::Revoked,
            },
            Self::Reported(_) => EventKind::EventsReported,
            Self::Summarised(_) => EventKind::MaskSummarised,
            Self::Released(released) => match released.report.end {
                End::Cut => EventKind::Cut,
                End::Complete if released.report.drift.is_empty() => EventKind::Delivered,
                End::Complete | End::Stopped => EventKind::Drifted,
            },
            Self::Stopped(stopped) if stopped.is_resumed => EventKind::StopResumed,
            Self::Stopped(_) => EventKind::StopBegun,
            Self::Barred { .. } => EventKind::PersonRefused,
            Self::Emergency(event) => match &event.reviewed {
                None if event.is_ended => EventKind::EmergencyEnded,
                None => EventKind::EmergencyOpened,
                Some(reviewed) if reviewed.justified => EventKind::EmergencyReviewed,
                Some(_) => EventKind::EmergencyDisputed,
            },
            Self::Session(event) => match &**event {
                SessionEvent::SignedIn { .. } => EventKind::SignedIn,
                SessionEvent::Refused { .. } => EventKind::SignInRefused,
                SessionEvent::SignedOut { .. } => EventKind::SignedOut,
                SessionEvent::Confirmed { .. } => EventKind::Confirmed,
            },
            Self::Credential(event) => match &**event {
                CredentialEvent::Added(_) => EventKind::CredentialAdded,
                CredentialEvent::Removed { .. } => EventKind::CredentialRemoved,
            },
            Self::Read(_) => EventKind::AuditRead,
            Self::Configured(_) => EventKind::Configured,
            Self::Log(event) => match &**event {
                LogEvent::Opened { .. } => EventKind::LogOpened,
                LogEvent::KeyRotated { .. } => EventKind::KeyRotated,
                LogEvent::Heartbeat => EventKind::Heartbeat,
                LogEvent::Recovered { .. } => EventKind::LogRecovered,
                LogEvent::Closed { .. } => EventKind::LogClosed,
                LogEvent::Pruned { .. } => EventKind::LogPruned,
            },
        }
    }
}
