//! What has happened to an approval, by its records in the audit log.

use serde::Deserialize;

use crate::inbox::visible::Visible;
use crate::store::Entry;

/// One thing that has happened.
pub(super) struct Event {
    /// The record's place in the log.
    pub(super) index: u64,
    /// When, in UTC.
    pub(super) at: Visible,
    /// Whose doing it was, as far as it has a name.
    pub(super) who: Option<Visible>,
    pub(super) what: &'static str,
    /// The approval's version from then on, where it has changed.
    pub(super) version: Option<u64>,
}

#[derive(Deserialize)]
struct Leaf {
    time: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    code: String,
    #[serde(default)]
    actor: Actor,
    approval: Option<Approval>,
    /// Who asks, in the record that says so; its actor is the gateway.
    requester: Option<Actor>,
}

#[derive(Default, Deserialize)]
struct Actor {
    #[serde(default)]
    id: String,
}

#[derive(Deserialize)]
struct Approval {
    version: Option<u64>,
}

impl Event {
    /// `None` for a record that is not understood.
    pub(super) fn read(entry: &Entry) -> Option<Event> {
        let leaf: Leaf = serde_json::from_slice(&entry.leaf).ok()?;
        let (day, rest) = leaf.time.split_once('T')?;
        let time = rest.get(..8)?;
        let who = leaf.data.requester.unwrap_or(leaf.data.actor).id;
        Some(Event {
            index: entry.index,
            at: Visible::new(&format!("{day} {time}")),
            who: (!who.is_empty()).then(|| Visible::new(&who)),
            what: words(&leaf.data.code),
            version: leaf.data.approval.and_then(|approval| approval.version),
        })
    }
}

/// What a record says, after whose doing it was.
fn words(code: &str) -> &'static str {
    match code {
        "VA1001I" => "asked",
        "VA1003I" => "the gateway said what the answer holds",
        "VA1004W" => "no word of what the answer holds came in time",
        "VA1005I" => "asked for a better reason",
        "VA1006I" => "gave another reason: votes of before do not count",
        "VA1101I" => "approved",
        "VA1102I" => "denied",
        "VA1103I" => "took an approval back",
        "VA1104W" => "wanted to vote and may not",
        "VA1111I" => "approved: enough have agreed",
        "VA1112W" => "approved, and all approvals have nothing in common: denied",
        "VA1201I" => "used the grant for the caller",
        "VA1202W" => "wanted to use the grant and may not",
        "VA1203W" => "used it under an emergency access",
        "VA1211I" => "released the answer",
        "VA1212W" => "released the answer; it held more than was granted, which stayed masked",
        "VA1213W" => "released an answer that was cut",
        "VA1301I" => "ran out of time",
        "VA1302I" => "was withdrawn",
        "VA1303W" => "was superseded: the policy, or who may review, has changed",
        "VA1304W" => "revoked the grant",
        _ => "recorded something else",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_told_in_words() {
        let leaf = include_bytes!("../../../../approval/tests/golden/leaf-issued.json");
        let entry = Entry {
            index: 1,
            leaf: leaf.to_vec(),
        };
        let event = Event::read(&entry).unwrap();
        assert_eq!((event.index, event.version), (1, Some(2)));
        assert_eq!(event.at, Visible::new("2026-11-23 20:01:45"));
        assert_eq!(event.who, Some(Visible::new("grace")));
        assert_eq!(event.what, "approved: enough have agreed");
    }
}
