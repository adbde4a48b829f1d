//! Requests that are taken: a valid one of each operation that has a string which its form leaves free, with a canary
//! in each of these. A request that is refused while it is read shows nothing of what is kept.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Aviary, canary, found, reply_to};
use crate::testing::{Service, identity};

/// The operations that take one.
const OPERATIONS: [&str; 22] = [
    "GET /v1/approvals",
    "GET /v1/approvals/{id}",
    "GET /v1/approvals/{id}/receipt",
    "GET /v1/emergencies",
    "GET /v1/logs",
    "GET /v1/stops",
    "GET /v1/stops/{id}",
    "POST /v1/approvals/{id}/approve",
    "POST /v1/approvals/{id}/deny",
    "POST /v1/approvals/{id}/evidence",
    "POST /v1/approvals/{id}/question",
    "POST /v1/approvals/{id}/revoke",
    "POST /v1/approvals/{id}/status",
    "POST /v1/approvals/{id}/take-back",
    "POST /v1/approvals/{id}/withdrawal",
    "POST /v1/checks",
    "POST /v1/departures",
    "POST /v1/emergencies",
    "POST /v1/emergencies/{id}/review",
    "POST /v1/events",
    "POST /v1/outcomes",
    "POST /v1/stops",
];

/// Who asks, and what was taken so far.
struct Hand<'t> {
    service: &'t Service,
    aviary: &'t mut Aviary,
    /// Those that people may write.
    written: &'t mut BTreeSet<usize>,
    /// Those that have no place yet: for headers.
    spare: Vec<String>,
    taken: BTreeSet<&'static str>,
}

impl Hand<'_> {
    /// One that may stand anywhere: letters, and few digits.
    fn name(&mut self) -> String {
        loop {
            let is_name = self.aviary.0.is_multiple_of(3);
            let canary = self.aviary.next();
            if is_name {
                return canary;
            }
            self.spare.push(canary);
        }
    }

    /// One that may stand in a path.
    fn word(&mut self) -> String {
        let spare = self.spare.pop();
        spare.unwrap_or_else(|| self.aviary.next())
    }

    /// Free text with one in it.
    fn text(&mut self) -> String {
        self.written.insert(self.aviary.0);
        self.aviary.text()
    }

    /// Sends it with one in headers that anybody may send; it has to be taken. `id` stands for `{id}` in the
    /// operation's path, `more` behind it.
    async fn send(
        &mut self,
        operation: &'static str,
        (id, more): (&str, &str),
        body: Option<Value>,
    ) -> Value {
        let (method, path) = operation.split_once(' ').unwrap();
        let path = path.replace("{id}", id) + more;
        let gateways = [
            "/status",
            "/withdrawal",
            "/evidence",
            "/checks",
            "/departures",
            "/outcomes",
        ];
        let is_gateway = method == "POST"
            && (gateways.iter().any(|end| path.ends_with(end)) || path == "/v1/events");
        let token = if is_gateway {
            self.service.gateway()
        } else {
            self.service.reviewer("grace")
        };
        let mut request = self.service.request(method, &path).bearer_auth(token);
        let word = self.word();
        for name in [
            "user-agent",
            "x-request-id",
            "referer",
            "cookie",
            "tracestate",
        ] {
            request = request.header(name, &word);
        }
        request = request.header(
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        );
        if let Some(body) = &body {
            request = request.json(body);
            if !is_gateway {
                request = request.header("idempotency-key", &word);
            }
        }
        let (status, answer) = reply_to(request).await;
        assert!(
            (200..300).contains(&status),
            "{operation}: {status} {answer}"
        );
        for (number, _) in found(answer.as_bytes()) {
            assert!(
                self.written.contains(&number),
                "{operation}: {}",
                canary(number)
            );
        }
        self.taken.insert(operation);
        serde_json::from_str(&answer).unwrap_or_default()
    }

    /// An ask of which nobody knows more than the gateway says; gives it with its approval's id.
    async fn ask(&mut self, request: u8, evidence: bool) -> (Value, String) {
        let mut check = self.service.ask(request);
        check.evidence = evidence;
        check.path = format!("/Patient/{}/{}", self.word(), self.name());
        check.query = format!("{}={}&_since", self.word(), self.word());
        check.method = self.name();
        let mut body = serde_json::to_value(&check).unwrap();
        body["reason"] = json!(self.text());
        let answer = self
            .send("POST /v1/checks", ("", ""), Some(body.clone()))
            .await;
        let id = answer["approval"].as_str().expect("an approval").to_owned();
        (body, id)
    }
}

/// Sends them all; gives how many operations took one.
pub(super) async fn take(
    service: &Service,
    aviary: &mut Aviary,
    written: &mut BTreeSet<usize>,
) -> usize {
    let mut hand = Hand {
        service,
        aviary,
        written,
        spare: Vec::new(),
        taken: BTreeSet::new(),
    };
    // So many may be asked in a minute.
    service.clock.advance(60_000);
    decide(&mut hand).await;
    report(&mut hand).await;
    stop_and_open(&mut hand).await;
    // A list goes on behind anything that could be an id.
    for list in ["GET /v1/approvals", "GET /v1/stops", "GET /v1/emergencies"] {
        let after = format!("?after={}", hand.name());
        hand.send(list, ("", &after), None).await;
    }
    hand.send("GET /v1/logs", ("", ""), None).await;
    let told: Vec<_> = hand.taken.iter().copied().collect();
    assert_eq!(told, OPERATIONS, "each of these, and no other");
    // What found no other place is sent along.
    for spare in std::mem::take(&mut hand.spare) {
        let request = service.request("GET", "/v1/logs");
        let request = request.bearer_auth(service.reviewer("grace"));
        let answer = reply_to(request.header("user-agent", &spare)).await;
        assert_eq!(answer.0, 200, "{}", answer.1);
    }
    OPERATIONS.len()
}

async fn decide(hand: &mut Hand<'_>) {
    let (_, id) = hand.ask(101, false).await;
    for (operation, has_public) in [
        ("POST /v1/approvals/{id}/question", false),
        ("POST /v1/approvals/{id}/deny", true),
    ] {
        let mut words = json!({"comment": hand.text()});
        if has_public {
            words["public_reason"] = json!(hand.text());
        }
        hand.send(operation, (&id, ""), Some(words)).await;
    }
    for operation in ["GET /v1/approvals/{id}", "GET /v1/approvals/{id}/receipt"] {
        hand.send(operation, (&id, ""), None).await;
    }
    let (_, id) = hand.ask(102, false).await;
    let words = json!({"comment": hand.text()});
    hand.send("POST /v1/approvals/{id}/approve", (&id, ""), Some(words))
        .await;
    let words = json!({"comment": hand.text()});
    hand.send("POST /v1/approvals/{id}/revoke", (&id, ""), Some(words))
        .await;
    // Of two who have to approve one takes it back.
    let mut check = hand.service.ask(103);
    check.action = "purge".parse().unwrap();
    check.method = "DELETE".to_owned();
    check.classes = crate::testing::classes(&[]);
    let id = hand.service.pending(&check).await.to_string();
    let words = json!({"comment": hand.text()});
    hand.send("POST /v1/approvals/{id}/approve", (&id, ""), Some(words))
        .await;
    let words = json!({"comment": hand.text()});
    hand.send("POST /v1/approvals/{id}/take-back", (&id, ""), Some(words))
        .await;
}

async fn report(hand: &mut Hand<'_>) {
    let (check, id) = hand.ask(104, true).await;
    let evidence = json!({
        "use_key": check["use_key"], "found": {"name": 1}, "records": 1, "bytes": 300,
        "tags": "AQEBAQEBAQE", "complete": true,
        "shape": {"fields": [
            {"path": format!("$.{}[*].{}", hand.name(), hand.name()), "class": "name", "by": "profile", "count": 1},
        ]},
    });
    hand.send(
        "POST /v1/approvals/{id}/evidence",
        (&id, ""),
        Some(evidence),
    )
    .await;
    let departure = json!({"use_key": check["use_key"]});
    hand.send("POST /v1/departures", ("", ""), Some(departure))
        .await;
    let who = json!({"principal": check["principal"]});
    hand.send(
        "POST /v1/approvals/{id}/status",
        (&id, ""),
        Some(who.clone()),
    )
    .await;
    hand.send("POST /v1/approvals/{id}/withdrawal", (&id, ""), Some(who))
        .await;

    let check = hand.service.ask(105);
    let id = hand.service.pending(&check).await;
    assert_eq!(hand.service.approve("grace", &id, json!({})).await.0, 200);
    hand.service
        .verified(&check, &hand.service.check(&check).await);
    let outcome = json!({
        "approval": id, "use_key": check.use_key, "status": 200, "records": 1, "bytes": 300,
        "lifted": {"name": 2}, "masked": {}, "drift": {}, "end": "complete",
    });
    hand.send("POST /v1/outcomes", ("", ""), Some(outcome))
        .await;
    let golden = include_str!("../../../../approval/tests/golden/events.json");
    let mut events: Value = serde_json::from_str(golden).unwrap();
    for row in events["rows"].as_array_mut().unwrap() {
        row["action"] = json!(hand.name());
    }
    hand.send("POST /v1/events", ("", ""), Some(events)).await;
}

async fn stop_and_open(hand: &mut Hand<'_>) {
    // Of what the configuration names: any other is refused.
    let scope = json!({"kind": "action", "name": "purge"});
    let stop = json!({"scope": scope, "comment": hand.text()});
    let stop = hand.send("POST /v1/stops", ("", ""), Some(stop)).await;
    let id = stop["id"].as_str().unwrap().to_owned();
    hand.send("GET /v1/stops/{id}", (&id, ""), None).await;
    let asked = json!({
        "principal": identity("dr-jones"), "action": "read", "reason": hand.text(), "minutes": 5,
    });
    // Its own opener does not review it.
    let (status, opened) = hand.service.post("omar", "/v1/emergencies", &asked).await;
    assert_eq!(status, 201, "{opened}");
    let id = opened["id"].as_str().unwrap().to_owned();
    let words = json!({"justified": true, "comment": hand.text()});
    hand.send("POST /v1/emergencies/{id}/review", (&id, ""), Some(words))
        .await;
    let asked = json!({
        "principal": identity("dr-jones"), "action": "read", "reason": hand.text(), "minutes": 5,
    });
    hand.send("POST /v1/emergencies", ("", ""), Some(asked))
        .await;
}
