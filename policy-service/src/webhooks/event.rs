//! What is told of a record: which approval, in which state, or that somebody has another security key, or access in
//! an emergency. Nothing that a requester or a reviewer wrote, and nobody's name.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use velum_approval::record::EventKind;
use velum_approval::{ApprovalId, State};
use velum_engine::{Ruleset, mask_text};

use crate::standard_webhooks;

/// What is told where there is more to tell and none of it can be.
const MINIMAL: &str = "approval.changed";

/// A change of an approval, of somebody's security keys, or of an access in an emergency.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// The same however often it is sent.
    pub(super) id: String,
    /// None of what is of no approval.
    pub(super) approval: Option<ApprovalId>,
    name: &'static str,
    /// Where the inbox has it, if it is of no approval.
    page: &'static str,
    time: String,
    state: Option<&'static str>,
    version: Option<u64>,
}

#[derive(Deserialize)]
struct Leaf {
    data: Data,
    time: String,
}

#[derive(Deserialize)]
struct Data {
    approval: Option<Case>,
    code: String,
}

#[derive(Deserialize)]
struct Case {
    id: ApprovalId,
    state: Option<String>,
    version: Option<u64>,
}

impl Event {
    /// What is to be told of a record, if anything.
    pub(super) fn of(leaf: &[u8]) -> Option<Event> {
        let read: Leaf = serde_json::from_slice(leaf).ok()?;
        let kinds = &mut EventKind::ALL.iter();
        let kind = kinds.find(|kind| kind.code() == read.data.code);
        let alone = kind.and_then(|kind| alone(*kind));
        let case = read.data.approval.filter(|_| alone.is_none());
        let name = match (alone, kind) {
            (Some((name, _)), _) => name,
            (None, _) if case.is_none() => return None,
            (None, Some(kind)) => name(*kind)?,
            // Of a later version than this: that something has changed is told all the same.
            (None, None) => MINIMAL,
        };
        let state = case.as_ref().and_then(|case| case.state.as_deref());
        Some(Event {
            id: standard_webhooks::id(leaf),
            name,
            page: alone.map_or("", |(_, page)| page),
            time: Some(read.time).filter(|time| is_time(time))?,
            state: state.and_then(State::from_name).map(State::name),
            version: case.as_ref().and_then(|case| case.version),
            approval: case.map(|case| case.id),
        })
    }

    /// The body that is sent. What people have named, the action and where the pages are, passes the detectors
    /// first: where they find anything, the approval's id is all that is left.
    pub(super) fn body(
        &self,
        action: Option<&str>,
        inbox: Option<&str>,
        rules: &Ruleset,
    ) -> String {
        let mut data = Map::new();
        let approval = self.approval.as_ref();
        data.extend(approval.map(|id| ("approval".to_owned(), json!(id.as_str()))));
        let is_clean = |text: &&str| mask_text(rules, text) == **text;
        let texts = [Some(self.name), self.state, action, inbox];
        let is_minimal = self.name == MINIMAL || !texts.iter().flatten().all(is_clean);
        if !is_minimal {
            let url = inbox.map(|origin| match approval {
                Some(id) => format!("{origin}/approvals/{id}"),
                None => format!("{origin}{}", self.page),
            });
            let members: [(&str, Option<Value>); 4] = [
                ("state", self.state.map(Value::from)),
                ("action", action.map(Value::from)),
                ("version", self.version.map(Value::from)),
                ("url", url.map(Value::from)),
            ];
            for (member, value) in members {
                data.extend(value.map(|value| (member.to_owned(), value)));
            }
        }
        let name = match approval {
            Some(_) if is_minimal => MINIMAL,
            // It is a word of ours, and all that is told then.
            _ => self.name,
        };
        json!({"type": name, "timestamp": self.time, "data": data}).to_string()
    }
}

/// What is told of no approval, and where the inbox has it: whoever has one more security key that is not theirs has
/// to hear of it, and of an access without a review everybody.
fn alone(kind: EventKind) -> Option<(&'static str, &'static str)> {
    match kind {
        EventKind::CredentialAdded => Some(("key.added", "/audit")),
        EventKind::CredentialRemoved => Some(("key.removed", "/audit")),
        EventKind::EmergencyOpened => Some(("emergency.opened", "/emergencies")),
        EventKind::EmergencyReviewed => Some(("emergency.reviewed", "/emergencies")),
        EventKind::EmergencyDisputed => Some(("emergency.disputed", "/emergencies")),
        EventKind::EmergencyEnded => Some(("emergency.ended", "/emergencies")),
        _ => None,
    }
}

/// What an event is called; `None`: the approval is as it was, or there is none.
fn name(kind: EventKind) -> Option<&'static str> {
    Some(match kind {
        EventKind::Requested => "approval.requested",
        EventKind::Collected => "approval.collected",
        EventKind::Unseen => "approval.unseen",
        EventKind::Questioned => "approval.questioned",
        EventKind::Explained => "approval.explained",
        EventKind::VoteApproved | EventKind::VoteTakenBack => "approval.voted",
        EventKind::GrantIssued => "approval.approved",
        EventKind::VoteDenied | EventKind::GrantEmpty => "approval.denied",
        EventKind::GrantUsed => "approval.used",
        EventKind::EmergencyUsed => "emergency.used",
        EventKind::Delivered | EventKind::Drifted | EventKind::Cut => "approval.released",
        EventKind::Expired => "approval.expired",
        EventKind::Cancelled => "approval.cancelled",
        EventKind::Superseded => "approval.superseded",
        EventKind::Revoked => "approval.revoked",
        EventKind::RequestRefused
        | EventKind::VoteRefused
        | EventKind::GrantRefused
        | EventKind::EventsReported
        | EventKind::MaskSummarised
        | EventKind::StopBegun
        | EventKind::StopResumed
        | EventKind::PersonRefused
        | EventKind::EmergencyOpened
        | EventKind::EmergencyReviewed
        | EventKind::EmergencyDisputed
        | EventKind::EmergencyEnded
        | EventKind::LogOpened
        | EventKind::KeyRotated
        | EventKind::Heartbeat
        | EventKind::LogRecovered
        | EventKind::LogClosed
        | EventKind::LogPruned
        | EventKind::SignedIn
        | EventKind::SignInRefused
        | EventKind::SignedOut
        | EventKind::Confirmed
        | EventKind::CredentialAdded
        | EventKind::CredentialRemoved
        | EventKind::AuditRead
        | EventKind::Configured => return None,
    })
}

/// Whether it has the form in which records have their time, and so is nothing else.
fn is_time(text: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00.000Z";
    let is_so = |(byte, form): (u8, u8)| match form {
        b'0' => byte.is_ascii_digit(),
        sign => byte == sign,
    };
    text.len() == FORM.len() && text.bytes().zip(FORM.iter().copied()).all(is_so)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0193e0c2-7d1b-7cc0-a111-3f4a5b6c7d8e";

    fn leaf(code: &str, approval: &Value) -> Vec<u8> {
        let leaf = json!({
            "data": {"actor": {"kind": "person", "id": "grace"}, "approval": approval, "code": code},
            "time": "2026-11-27T09:00:00.123Z",
        });
        leaf.to_string().into_bytes()
    }

    fn rules() -> Ruleset {
        crate::text_rules().unwrap()
    }

    #[test]
    fn a_body_has_ids_and_states_and_the_page_where_there_is_one() {
        let case = json!({"id": ID, "state": "pending", "version": 3});
        let event = Event::of(&leaf("VA1101I", &case)).unwrap();
        let body = event.body(Some("read"), None, &rules());
        let expected = json!({
            "type": "approval.voted",
            "timestamp": "2026-11-27T09:00:00.123Z",
            "data": {"approval": ID, "state": "pending", "version": 3, "action": "read"},
        });
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
        let body = event.body(None, Some("https://approvals.example"), &rules());
        let body: Value = serde_json::from_str(&body).unwrap();
        let url = format!("https://approvals.example/approvals/{ID}");
        assert_eq!(body["data"]["url"], url);
        assert_eq!(body["data"].get("action"), None);
    }

    #[test]
    fn where_detectors_find_anything_only_the_id_is_left() {
        let case = json!({"id": ID, "state": "pending", "version": 3});
        let event = Event::of(&leaf("VA1001I", &case)).unwrap();
        for (action, inbox) in [
            (Some("ssn-000-12-3456"), None),
            (Some("read"), Some("https://call-202-555-0173.example")),
        ] {
            let body: Value = serde_json::from_str(&event.body(action, inbox, &rules())).unwrap();
            assert_eq!(body["type"], "approval.changed");
            assert_eq!(body["data"], json!({"approval": ID}));
        }
    }

    #[test]
    fn names_and_states_pass_the_detectors() {
        let rules = rules();
        for name in EventKind::ALL.iter().filter_map(|kind| name(*kind)) {
            assert_eq!(mask_text(&rules, name), name);
        }
        for state in State::ALL {
            assert_eq!(mask_text(&rules, state.name()), state.name());
        }
    }

    #[test]
    fn of_a_security_key_it_is_told_that_there_is_one_more_or_less_and_nobodys_name() {
        for (code, name) in [("VA1901I", "key.added"), ("VA1902I", "key.removed")] {
            let event = Event::of(&leaf(code, &Value::Null)).unwrap();
            let body = event.body(None, Some("https://approvals.example"), &rules());
            let expected = json!({
                "type": name,
                "timestamp": "2026-11-27T09:00:00.123Z",
                "data": {"url": "https://approvals.example/audit"},
            });
            assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
            let inbox = Some("https://call-202-555-0173.example");
            let body: Value = serde_json::from_str(&event.body(None, inbox, &rules())).unwrap();
            assert_eq!((&body["type"], &body["data"]), (&json!(name), &json!({})));
        }
    }

    #[test]
    fn only_a_change_of_an_approval_is_told() {
        let case = json!({"id": ID});
        for code in ["VA1104W", "VA1202W", "VA1703I"] {
            assert_eq!(Event::of(&leaf(code, &case)), None, "{code}");
        }
        assert_eq!(Event::of(&leaf("VA1001I", &Value::Null)), None);
        assert_eq!(Event::of(b"{"), None);
        // What a later version writes has changed the approval, for all that is known here.
        let later = Event::of(&leaf("VA1999I", &case)).unwrap();
        let body: Value = serde_json::from_str(&later.body(Some("read"), None, &rules())).unwrap();
        assert_eq!(body["type"], "approval.changed");
        assert_eq!(body["data"], json!({"approval": ID}));
    }

    #[test]
    fn a_time_is_nothing_else() {
        assert!(is_time("2026-11-27T09:00:00.123Z"));
        for text in [
            "2026-11-27T09:00:00Z",
            "Thistlewood",
            "2026-11-27T09:00:00.12xZ",
        ] {
            assert!(!is_time(text), "{text}");
        }
    }
}
