//! What gateways and reviewers do at once, and what they were told, each with how long the journal was then.

use std::path::{Path, PathBuf};
use std::time::Instant;

use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::checks::check;
use crate::service::FENCE;

/// How many grants a round has, and how many streams go for each.
const GRANTS: u128 = 6;
const RACERS: u128 = 3;
/// How many of each of what reviewers do a round has.
const DECISIONS: u128 = 2;

pub(crate) const REQUESTED: &str = "org.velum.approval.requested.v1";
pub(crate) const ISSUED: &str = "org.velum.grant.issued.v1";
pub(crate) const DENIED: &str = "org.velum.vote.denied.v1";
pub(crate) const REVOKED: &str = "org.velum.grant.revoked.v1";
pub(crate) const USED: &str = "org.velum.grant.used.v1";

/// What reviewers do, each with its record: they grant, deny, or take back what was granted.
const WAYS: [&[(&str, &str)]; 3] = [
    &[("approve", ISSUED)],
    &[("deny", DENIED)],
    &[("approve", ISSUED), ("revoke", REVOKED)],
];

/// What somebody was told is done.
#[derive(Clone)]
pub(crate) struct Ack {
    /// How long the journal was when they were told.
    pub(crate) at: usize,
    pub(crate) when: Instant,
    /// The record of it, and of which approval.
    pub(crate) kind: &'static str,
    pub(crate) id: String,
    pub(crate) request: u128,
    /// What was asked for, by a stream that had the grant, and what it was answered.
    pub(crate) used: Option<(Value, Value)>,
    /// The fence as it was then, or a little before: never ahead of that journal.
    pub(crate) fence: Option<String>,
}

/// Whoever calls a service.
#[derive(Clone)]
pub(crate) struct Caller {
    client: Client,
    url: String,
    gateway: String,
    reviewer: String,
    journal: PathBuf,
}

impl Caller {
    pub(crate) fn new(said: &Value, journal: &Path) -> Caller {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Caller {
            client: Client::builder().no_proxy().build().unwrap(),
            url: text(&said["listening"]),
            gateway: text(&said["gateways"]["edge"]),
            reviewer: text(&said["reviewers"]["grace"]),
            journal: journal.to_owned(),
        }
    }

    /// What is noted once there is an answer.
    fn told(&self, kind: &'static str, (request, id): (u128, &str)) -> Ack {
        let fence = std::fs::read_to_string(self.journal.with_file_name(FENCE)).ok();
        // A service on what was left has none.
        let length = std::fs::metadata(&self.journal).map_or(0, |it| it.len());
        Ack {
            at: usize::try_from(length).unwrap(),
            when: Instant::now(),
            kind,
            id: id.to_owned(),
            request,
            used: None,
            fence,
        }
    }

    /// An answer; `None` where there was none.
    pub(crate) async fn check(&self, check: &Value) -> Option<Value> {
        let request = self.client.post(format!("{}/v1/checks", self.url));
        let request = request.bearer_auth(&self.gateway).json(check);
        let answer = request.send().await.ok()?;
        if answer.status() != 200 {
            return None;
        }
        answer.json().await.ok()
    }

    async fn ask(&self, request: u128) -> Option<Ack> {
        let answer = self.check(&check(request, 0)).await?;
        Some(self.told(REQUESTED, (request, answer["approval"].as_str()?)))
    }

    /// What a reviewer does with what was asked for.
    async fn act(&self, asked: &Ack, verb: &str, kind: &'static str) -> Option<Ack> {
        let url = format!("{}/v1/approvals/{}/{verb}", self.url, asked.id);
        let request = self.client.post(url).bearer_auth(&self.reviewer);
        let answer = request.json(&json!({})).send().await.ok()?;
        (answer.status() == 200).then(|| self.told(kind, (asked.request, &asked.id)))
    }

    /// One of several streams that want the same grant; `None` where it does not have it.
    pub(crate) async fn race(&self, asked: &Ack, racer: u128) -> Option<Ack> {
        let mut check = check(asked.request, racer);
        check["approval"] = json!(asked.id);
        let answer = self.check(&check).await?;
        let is_released = answer["decision"] == "allow";
        let ack = self.told(USED, (asked.request, &asked.id));
        let used = Some((check, answer));
        is_released.then_some(Ack { used, ..ack })
    }

    /// What a reviewer reads, with its status.
    pub(crate) async fn get(&self, path: &str) -> Option<(u16, String)> {
        let request = self.client.get(format!("{}{path}", self.url));
        let answer = request.bearer_auth(&self.reviewer).send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.text().await.ok()?))
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        let (_, text) = self.get(path).await.unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// All records, after checking that there is no gap.
    pub(crate) async fn leaves(&self) -> Vec<Value> {
        let mut leaves = Vec::<Value>::new();
        loop {
            let after = match leaves.len() {
                0 => String::new(),
                length => format!("&after={}", length - 1),
            };
            let mut page = self.json(&format!("/v1/audit?limit=1000{after}")).await;
            let entries = page["entries"].as_array_mut().unwrap();
            if entries.is_empty() {
                return leaves;
            }
            for entry in entries {
                assert_eq!(entry["index"], leaves.len(), "the log has a gap");
                leaves.push(entry["leaf"].take());
            }
        }
    }
}

/// Asks, has that decided, one step behind the other, and lets so many streams race for it.
async fn decide(
    caller: Caller,
    request: u128,
    steps: &'static [(&'static str, &'static str)],
    racers: u128,
) -> Vec<Ack> {
    let Some(asked) = caller.ask(request).await else {
        return Vec::new();
    };
    let mut acks = vec![asked.clone()];
    for (verb, kind) in steps {
        acks.extend(caller.act(&asked, verb, kind).await);
    }
    let mut race = JoinSet::new();
    for racer in 1..=racers {
        let (caller, asked) = (caller.clone(), asked.clone());
        race.spawn(async move { caller.race(&asked, racer).await });
    }
    acks.extend(race.join_all().await.into_iter().flatten());
    acks
}

/// What nobody else does anything beside: no flush of another's covers it.
pub(crate) async fn one_by_one(caller: &Caller, round: u128) -> Vec<Ack> {
    let mut acks = Vec::new();
    for request in (round * 1000 + 901..).take(3) {
        acks.extend(decide(caller.clone(), request, WAYS[0], 1).await);
    }
    acks
}

/// Begins a round of all of that at once.
pub(crate) fn begin(caller: &Caller, round: u128) -> JoinSet<Vec<Ack>> {
    let mut load = JoinSet::new();
    let first = round * 1000 + 1;
    for request in first..first + GRANTS {
        load.spawn(decide(caller.clone(), request, WAYS[0], RACERS));
    }
    for (steps, first) in WAYS.into_iter().zip((first + 500..).step_by(100)) {
        for request in first..first + DECISIONS {
            load.spawn(decide(caller.clone(), request, steps, 0));
        }
    }
    load
}
