//! Requests that are held when another process takes over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::sleep;
use velum_end_to_end::stage::{REVIEWER, Stage, figure, problem, text};
use velum_harness::{Call, Response, Result, Reviewer};

use super::{DRAIN, ended, numbered, stage, take_over};

/// How many seconds a request may be held, which is beyond the end of the old process.
const HOLD: u32 = 60;

/// How long people take to decide most of what is held: from before the new process listens until
/// after the old one has ended.
const DECIDING: Duration = Duration::from_secs(22);

/// By how much a machine that does more beside may be late.
const SLACK: Duration = Duration::from_secs(6);

/// How many different requests are held; `VELUM_LONG` asks for more.
fn many() -> usize {
    if std::env::var_os("VELUM_LONG").is_some() {
        500
    } else {
        40
    }
}

/// Pages have a template of the path only: the reason tells which request is which.
fn ask(stage: &Stage, number: usize, wait: u32) -> Call {
    let call = stage.agent("GET", &format!("/Patient/{number}"));
    call.header("velum-lift", "name")
        .header("velum-reason", format!("summary {number}"))
        .header("prefer", format!("wait={wait}"))
}

/// Whether it has its own name in clear, and whole.
fn is_released(number: usize, answer: &Response) -> bool {
    let is_whole = answer.complete && answer.header("velum-lifted") == Some("name");
    let family = &answer.json()["name"][0]["family"];
    is_whole && answer.status == 200 && *family == format!("Thistlewood-{number}")
}

/// What a held request came to, and when.
struct End {
    number: usize,
    answer: Result<Response>,
    at: Instant,
}

/// Holds so many requests, each fourth of them twice.
async fn hold(stage: &Stage, many: usize) -> JoinSet<End> {
    let mut held = JoinSet::new();
    for number in (0..many).chain((0..many).step_by(4)) {
        let call = ask(stage, number, HOLD).send();
        held.spawn(async move {
            let answer = call.await;
            let at = Instant::now();
            End { number, answer, at }
        });
        if held.len() % 50 == 0 {
            // No more at a time than a listener's queue takes.
            sleep(Duration::from_millis(20)).await;
        }
    }
    held
}

/// All pages of what is pending.
async fn pending(stage: &Stage) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/approvals?state=pending{after}");
        let page = stage.reviewer(REVIEWER).get(&path).await.expect("a page");
        all.extend(
            page.body["approvals"]
                .as_array()
                .expect("approvals")
                .clone(),
        );
        match page.body["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return all,
        }
    }
}

/// The approvals of held requests by their numbers, once so many streams wait.
async fn approvals(stage: &Stage, streams: usize) -> BTreeMap<usize, String> {
    let patience = Instant::now() + Duration::from_secs(20);
    loop {
        let all = pending(stage).await;
        let waiting = all.iter().filter_map(|card| card["waiting"].as_u64());
        if waiting.sum::<u64>() == streams as u64 {
            let pair = |card: &Value| {
                let number = text(&card["reason"]).rsplit(' ').next()?.parse().ok()?;
                Some((number, text(&card["id"])))
            };
            return all.iter().filter_map(pair).collect();
        }
        assert!(Instant::now() < patience, "{} approvals", all.len());
        sleep(Duration::from_millis(50)).await;
    }
}

fn is_denied(number: usize) -> bool {
    number % 5 == 3
}

/// Decides these one after the other in this time, and tells when it did.
async fn decide(
    reviewer: Reviewer,
    ids: BTreeMap<usize, String>,
    time: Duration,
) -> BTreeMap<usize, Instant> {
    let begun = Instant::now();
    let pace = time / u32::try_from(ids.len()).expect("not many");
    let mut decided = BTreeMap::new();
    for (index, (number, id)) in (0..).zip(ids) {
        sleep((pace * index).saturating_sub(begun.elapsed())).await;
        let answer = if is_denied(number) {
            reviewer.deny(&id, None).await
        } else {
            reviewer.approve(&id, None).await
        };
        assert_eq!(answer.expect("a decision").status, 200);
        decided.insert(number, Instant::now());
    }
    decided
}

/// How often the grant of this approval was used.
async fn uses(stage: &Stage, id: &str) -> usize {
    let card = stage.reviewer(REVIEWER).show(id).await.expect("a card");
    card.body["uses"].as_array().map_or(0, Vec::len)
}

/// The approvals of all uses in the audit log.
async fn used_in_the_log(stage: &Stage) -> Vec<String> {
    let mut approvals = Vec::new();
    let mut after = None;
    loop {
        let page = stage
            .reviewer(REVIEWER)
            .audit(after)
            .await
            .expect("the log");
        let Some(last) = page.last() else {
            return approvals;
        };
        after = last["index"].as_u64();
        let uses = page.iter().map(|entry| &entry["leaf"]);
        let uses = uses.filter(|leaf| text(&leaf["type"]).contains("grant.used"));
        approvals.extend(uses.map(|leaf| text(&leaf["data"]["approval"]["id"])));
    }
}

/// How what was held at a hot restart ended.
#[derive(Default)]
struct Ends {
    released: BTreeSet<usize>,
    taken: usize,
    denied: usize,
    closed: usize,
    /// The longest time from a decision to its answer.
    longest: Duration,
}

impl Ends {
    /// Counts an end: an answer soon after its decision, or a connection that was closed with the
    /// old process.
    fn count(&mut self, end: &End, decided: &BTreeMap<usize, Instant>, old_ended: Instant) {
        let number = end.number;
        let whole = end.answer.as_ref().ok().filter(|answer| answer.complete);
        let Some(answer) = whole else {
            let early = old_ended.saturating_duration_since(end.at);
            let late = end.at.saturating_duration_since(old_ended);
            assert!(
                early < SLACK && late < Duration::from_secs(1),
                "{early:?} {late:?}"
            );
            self.closed += 1;
            return;
        };
        let time = end.at.saturating_duration_since(decided[&number]);
        assert!(time < SLACK, "{number} is answered after {time:?}");
        self.longest = self.longest.max(time);
        if is_released(number, answer) {
            assert!(
                !is_denied(number) && self.released.insert(number),
                "{number}"
            );
        } else if is_denied(number) {
            assert_eq!(problem(answer), (403, "approval-denied".into()));
            self.denied += 1;
        } else {
            assert_eq!(problem(answer), (409, "approval-taken".into()), "{number}");
            self.taken += 1;
        }
    }
}

#[tokio::test]
async fn what_is_held_at_a_hot_restart_ends_as_decided_or_finds_its_approval_at_the_new_envoy() {
    let mut stage = stage(numbered).await;
    let held = hold(&stage, many()).await;
    let streams = held.len();
    let ids = approvals(&stage, streams).await;
    assert_eq!(ids.len(), many());
    let mut soon = ids.clone();
    let late = soon.split_off(&(many() * 4 / 5));
    let deciding = tokio::spawn(decide(stage.reviewer(REVIEWER), soon, DECIDING));
    let old_ended = ended(take_over(&mut stage).await).await;
    let mut decided = deciding.await.expect("the decisions");
    decided.extend(decide(stage.reviewer(REVIEWER), late.clone(), DRAIN).await);
    let mut ends = Ends::default();
    for end in held.join_all().await {
        ends.count(&end, &decided, old_ended);
    }
    for id in late.values() {
        assert_eq!(uses(&stage, id).await, 0, "nobody is there any more");
    }

    // Whoever has got nothing sends the identical request, and the new process answers.
    let (mut found, mut spent) = (0, 0);
    for (number, id) in &ids {
        if !ends.released.contains(number) {
            let was_used = uses(&stage, id).await;
            let again = ask(&stage, *number, 1).send().await.expect("an answer");
            if is_denied(*number) {
                assert_eq!(problem(&again), (403, "approval-denied".into()));
            } else if was_used == 0 {
                assert!(is_released(*number, &again), "{number}: {}", again.text());
                found += 1;
            } else {
                // Used in the very moment of the end: what it released was cut, and is not repeated.
                assert_eq!(problem(&again), (403, "approval-required".into()));
                spent += 1;
            }
        }
        let due = usize::from(!is_denied(*number));
        assert_eq!(uses(&stage, id).await, due, "{number}");
        let path = format!("/Patient/{number}");
        let received = stage.upstream.received();
        let ran = received.iter().filter(|one| one.path == path).count();
        assert!(ran <= due, "{number} ran {ran} times");
    }
    let used = used_in_the_log(&stage).await;
    let different: BTreeSet<_> = used.iter().collect();
    assert_eq!(different.len(), used.len(), "no grant is used twice");
    assert_eq!(used.len(), ends.released.len() + found + spent);
    assert!(found >= late.values().len() * 3 / 5 && !ends.released.is_empty());
    figure(
        "what_is_held_at_a_hot_restart_ends_as_decided_or_finds_its_approval_at_the_new_envoy",
        &format!(
            "of {streams} streams {} were released, {} denied and {} told that another had it, at most {} ms after \
             the decision; {} were closed with the old process, {found} found their approval at the new one, \
             {spent} were cut in their release",
            ends.released.len(),
            ends.denied,
            ends.taken,
            ends.longest.as_millis(),
            ends.closed
        ),
    );
}
