//! What records say, each type with its own members.

use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeSet;

use super::configurations::Told;
use super::members::{
    About, AboutKey, AboutLog, Access, Anybody, Cause, Events, Gateway, Grant, KeyAdded, Left,
    Nameless, NotDone, NotSignedIn, Person, Readings, Release, Request, Seen, Shown, Step, Stop,
    Use, Vote,
};
use super::moment::Moment;
use super::reading::{self, Known, Leaf};
use super::summaries::Summary;
use crate::directory::Party;
use crate::messages::DenyCode;
use crate::security_key::StepUp;
use crate::words::{ActionName, ApprovalId, Commitment, PersonId, PolicyDigest};

/// What happened.
pub(super) enum Event {
    Requested(Box<Requested>),
    RequestRefused,
    Collected(Collected),
    Questioned(Questioned),
    Explained(Explained),
    Voted(Box<Voted>, Outcome),
    Refused(ApprovalId),
    Used(Box<Used>),
    Ended(Ended),
    Released(Box<Released>),
    Reported(Reported),
    Summarised(Box<Summarised>),
    Stopped(Stopped),
    Resumed(Stopped),
    Barred,
    Session,
    Confirmed(Confirmed),
    KeyAdded(Box<KeyStored>),
    KeyRemoved(KeyRemoved),
    Opened(Box<Emergency>),
    Reviewed(Box<Emergency>),
    Cut(Box<Emergency>),
    LogBegun(Box<LogEvent>),
    LogClosed(Box<LogEvent>),
    LogPruned(Box<LogEvent>),
    LogRotated(Box<LogEvent>),
    Log,
    Read(Read),
    Configured(Configured),
}

/// What a vote came to, by the code of its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Approved,
    Denied,
    TakenBack,
    Issued,
    Empty,
}

/// `data` of one type, with the members that stand in all of them.
macro_rules! data {
    ($($name:ident { $($(#[$of:meta])* $field:ident: $type:ty,)* })*) => {$(
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            #[serde(rename = "code")]
            _code: IgnoredAny,
            #[serde(rename = "outcome")]
            _outcome: IgnoredAny,
            #[serde(rename = "seq")]
            _seq: IgnoredAny,
            #[serde(rename = "v")]
            _v: IgnoredAny,
            $($(#[$of])* pub(super) $field: $type,)*
        }
    )*};
}

data! {
    Requested {
        #[serde(rename = "actor")] _actor: Gateway,
        approval: Step,
        decide_by: Moment,
        excluded: BTreeSet<PersonId>,
        needed: u32,
        request: Request,
        requester: Party,
        #[serde(default)] step_up: Option<StepUp>,
        uses: u32,
    }
    RequestRefused {
        #[serde(rename = "actor")] _actor: Gateway,
        #[serde(default, rename = "action")] _action: Option<ActionName>,
        #[serde(rename = "refused")] _refused: DenyCode,
    }
    Collected {
        actor: Nameless,
        approval: Step,
        #[serde(default)] evidence: Option<Seen>,
    }
    Questioned {
        actor: Person,
        approval: Step,
        #[serde(default, rename = "comment_commitment")] _comment: Option<Commitment>,
    }
    Explained {
        actor: Nameless,
        approval: Step,
        #[serde(rename = "reason_commitment")] reason: Commitment,
    }
    Voted {
        actor: Person,
        approval: Step,
        got: u32,
        #[serde(default)] grant: Option<Grant>,
        needed: u32,
        vote: Vote,
    }
    VoteRefused {
        #[serde(rename = "actor")] _actor: Person,
        approval: About,
        #[serde(rename = "refused")] _refused: NotDone,
    }
    Used {
        actor: Gateway,
        approval: Step,
        approved_by: BTreeSet<PersonId>,
        r#use: Use,
    }
    UseRefused {
        #[serde(rename = "actor")] _actor: Gateway,
        approval: About,
        #[serde(rename = "refused")] _refused: DenyCode,
    }
    Ended {
        actor: Anybody,
        approval: Step,
        #[serde(default)] cause: Option<Cause>,
        #[serde(default)] policy: Option<PolicyDigest>,
    }
    Released {
        actor: Gateway,
        approval: About,
        release: Release,
    }
    Reported {
        actor: Gateway,
        events: Events,
    }
    Summarised {
        actor: Gateway,
        summary: Summary,
    }
    Stopped {
        actor: Person,
        stop: Stop,
    }
    Barred {
        #[serde(rename = "actor")] _actor: Person,
        #[serde(rename = "refused")] _refused: NotDone,
    }
    SignedIn {
        #[serde(rename = "actor")] _actor: Person,
        #[serde(rename = "session")] _session: Shown,
    }
    SignInRefused {
        #[serde(rename = "actor")] _actor: Anybody,
        #[serde(rename = "refused")] _refused: NotSignedIn,
    }
    Confirmed {
        actor: Person,
        #[serde(default)] approval: Option<About>,
    }
    KeyStored {
        actor: Person,
        credential: KeyAdded,
    }
    KeyRemoved {
        actor: Person,
        credential: AboutKey,
    }
    SignedOut {
        #[serde(rename = "actor")] _actor: Person,
        #[serde(rename = "session")] _session: Left,
    }
    Emergency {
        actor: Person,
        #[serde(default, rename = "comment_commitment")] comment: Option<Commitment>,
        #[serde(rename = "emergency")] access: Access,
        excluded: BTreeSet<PersonId>,
        #[serde(default)] requester: Option<Party>,
    }
    Read {
        #[serde(rename = "actor")] _actor: Person,
        reading: Readings,
    }
    Configured {
        actor: Anybody,
        configuration: Told,
    }
    LogEvent {
        actor: Anybody,
        log: AboutLog,
        #[serde(default, rename = "reason_commitment")] reason: Option<Commitment>,
    }
}

/// Reads the data of a record of this code.
pub(super) fn read(known: Known, bytes: &[u8]) -> Option<(Leaf, Option<String>)> {
    let voted = |outcome| {
        reading::as_data(known, bytes, move |data| {
            Event::Voted(Box::new(data), outcome)
        })
    };
    match known.0 {
        "VA1001I" => reading::as_data(known, bytes, |data| Event::Requested(Box::new(data))),
        "VA1002W" => reading::as_data(known, bytes, |_: RequestRefused| Event::RequestRefused),
        "VA1003I" | "VA1004W" => reading::as_data(known, bytes, Event::Collected),
        "VA1005I" => reading::as_data(known, bytes, Event::Questioned),
        "VA1006I" => reading::as_data(known, bytes, Event::Explained),
        "VA1101I" => voted(Outcome::Approved),
        "VA1102I" => voted(Outcome::Denied),
        "VA1103I" => voted(Outcome::TakenBack),
        "VA1111I" => voted(Outcome::Issued),
        "VA1112W" => voted(Outcome::Empty),
        "VA1104W" => reading::as_data(known, bytes, |data: VoteRefused| {
            Event::Refused(data.approval.id)
        }),
        "VA1201I" | "VA1203W" => reading::as_data(known, bytes, |data| Event::Used(Box::new(data))),
        "VA1202W" => reading::as_data(known, bytes, |data: UseRefused| {
            Event::Refused(data.approval.id)
        }),
        "VA1211I" | "VA1212W" | "VA1213W" => {
            reading::as_data(known, bytes, |data| Event::Released(Box::new(data)))
        }
        "VA1301I" | "VA1302I" | "VA1303W" | "VA1304W" => {
            reading::as_data(known, bytes, Event::Ended)
        }
        "VA1401I" => reading::as_data(known, bytes, Event::Reported),
        "VA1402I" => reading::as_data(known, bytes, |data| Event::Summarised(Box::new(data))),
        "VA1501W" => reading::as_data(known, bytes, Event::Stopped),
        "VA1502W" => reading::as_data(known, bytes, Event::Resumed),
        "VA1503W" => reading::as_data(known, bytes, |_: Barred| Event::Barred),
        "VA1601W" => reading::as_data(known, bytes, |data| Event::Opened(Box::new(data))),
        "VA1604W" => reading::as_data(known, bytes, |data| Event::Cut(Box::new(data))),
        "VA1701I" | "VA1704W" => {
            reading::as_data(known, bytes, |data| Event::LogBegun(Box::new(data)))
        }
        "VA1702I" => reading::as_data(known, bytes, |data| Event::LogRotated(Box::new(data))),
        "VA1703I" => reading::as_data(known, bytes, |_: LogEvent| Event::Log),
        "VA1705I" => reading::as_data(known, bytes, |data| Event::LogClosed(Box::new(data))),
        "VA1706I" => reading::as_data(known, bytes, |data| Event::LogPruned(Box::new(data))),
        "VA1707I" => reading::as_data(known, bytes, Event::Read),
        "VA2001I" => reading::as_data(known, bytes, Event::Configured),
        "VA1801I" => reading::as_data(known, bytes, |_: SignedIn| Event::Session),
        "VA1802W" => reading::as_data(known, bytes, |_: SignInRefused| Event::Session),
        "VA1804I" => reading::as_data(known, bytes, Event::Confirmed),
        "VA1901I" => reading::as_data(known, bytes, |data| Event::KeyAdded(Box::new(data))),
        "VA1902I" => reading::as_data(known, bytes, Event::KeyRemoved),
        "VA1803I" => reading::as_data(known, bytes, |_: SignedOut| Event::Session),
        "VA1602I" | "VA1603W" => {
            reading::as_data(known, bytes, |data| Event::Reviewed(Box::new(data)))
        }
        _ => None,
    }
}

impl Event {
    /// The approval that it is about.
    pub(super) fn approval(&self) -> Option<&ApprovalId> {
        match self {
            Self::Requested(it) => Some(&it.approval.id),
            Self::Collected(it) => Some(&it.approval.id),
            Self::Questioned(it) => Some(&it.approval.id),
            Self::Explained(it) => Some(&it.approval.id),
            Self::Voted(it, _) => Some(&it.approval.id),
            Self::Refused(id) => Some(id),
            Self::Confirmed(it) => it.approval.as_ref().map(|approval| &approval.id),
            Self::Used(it) => Some(&it.approval.id),
            Self::Ended(it) => Some(&it.approval.id),
            Self::Released(it) => Some(&it.approval.id),
            Self::RequestRefused
            | Self::Reported(_)
            | Self::Summarised(_)
            | Self::Stopped(_)
            | Self::Resumed(_)
            | Self::Barred
            | Self::Session
            | Self::KeyAdded(_)
            | Self::KeyRemoved(_)
            | Self::Opened(_)
            | Self::Reviewed(_)
            | Self::Cut(_)
            | Self::LogBegun(_)
            | Self::LogClosed(_)
            | Self::LogPruned(_)
            | Self::LogRotated(_)
            | Self::Read(_)
            | Self::Configured(_)
            | Self::Log => None,
        }
    }
}
