//! What waits, and what the log has of a flood.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::Value;

use crate::service::{A_MINUTE, OF_ACTION, OF_PRINCIPAL, OVERALL};

const MINUTE: i64 = 60_000;

/// What waited at most of one principal, of one action, and in all.
#[derive(Default)]
pub(crate) struct Waiting {
    now: BTreeMap<String, (String, String)>,
    most: [usize; 3],
}

impl Waiting {
    pub(crate) fn open(&mut self, id: &str, who: &str, action: &str) {
        let one = (who.to_owned(), action.to_owned());
        self.now.insert(id.to_owned(), one);
        let all = self.now.values();
        let of_principal = all.clone().filter(|one| one.0 == who).count();
        let of_action = all.filter(|one| one.1 == action).count();
        for (most, now) in (self.most.iter_mut()).zip([of_principal, of_action, self.now.len()]) {
            *most = now.max(*most);
        }
    }

    pub(crate) fn hold(&self) {
        let [of_principal, of_action, overall] = self.most;
        assert!(of_principal <= OF_PRINCIPAL, "{of_principal} of one wait");
        assert!(of_action <= OF_ACTION, "{of_action} of an action wait");
        assert!(overall <= OVERALL, "{overall} wait");
    }
}

/// What the log has of a flood.
#[derive(Default)]
pub(crate) struct Logged {
    /// The approvals, with who asked.
    opened: BTreeMap<String, String>,
    /// Refused asks by the minute.
    pub(crate) refused: BTreeMap<i64, usize>,
    granted: usize,
    pub(crate) used: usize,
    pub(crate) others: usize,
}

impl Logged {
    /// Goes through the log, and makes sure that the caps hold at each of its records.
    pub(crate) fn of(records: &[Value]) -> Logged {
        let (mut logged, mut waiting) = (Logged::default(), Waiting::default());
        let mut lately = BTreeMap::<String, VecDeque<i64>>::new();
        for record in records {
            let data = &record["data"];
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (id, time) = (text(&data["approval"]["id"]), text(&record["time"]));
            let at = chrono::DateTime::parse_from_rfc3339(&time).unwrap();
            let at = at.timestamp_millis();
            match record["type"].as_str().unwrap() {
                "org.velum.approval.requested.v1" => {
                    let who = text(&data["requester"]["id"]);
                    waiting.open(&id, &who, &text(&data["request"]["action"]));
                    let lately = lately.entry(who.clone()).or_default();
                    lately.push_back(at);
                    lately.retain(|before| before + MINUTE > at);
                    assert!(lately.len() <= A_MINUTE, "{who} asks too fast");
                    logged.opened.insert(id, who);
                }
                "org.velum.grant.issued.v1" => {
                    waiting.now.remove(&id);
                    logged.granted += 1;
                }
                "org.velum.grant.used.v1" => logged.used += 1,
                "org.velum.approval.refused.v1" => {
                    *logged.refused.entry(at / MINUTE).or_default() += 1;
                }
                _ => logged.others += 1,
            }
        }
        waiting.hold();
        logged
    }

    /// The approvals that these have asked for.
    pub(crate) fn opened_by(&self, prefix: &str) -> BTreeSet<&String> {
        let opened = self.opened.iter();
        let theirs = opened.filter(|(_, who)| who.starts_with(prefix));
        theirs.map(|(id, _)| id).collect()
    }

    pub(crate) fn recorded(&self) -> usize {
        self.refused.values().sum()
    }
}
