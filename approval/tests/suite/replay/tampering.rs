//! What is found when one thing in a good log is not as it was: every kind of finding, at least once.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use velum_approval::replay::{Kind, Replay};
use velum_approval::{Record, Stop, StopId, StopScope};

use super::log::{Log, kinds};
use super::tale;
use crate::cast::{START, check, later, person};

/// What is changed, how, and what has to be found then.
type Tampering = (&'static str, fn(&mut Log), &'static [Kind]);

fn stop(id: &str, scope: StopScope) -> Record {
    let id = StopId::new(id).unwrap();
    Stop::begin(id, scope, None, person("ann"), START).1
}

/// The time of every record from `place` on, later by so many seconds.
fn delay(log: &mut Log, place: usize, seconds: u64) {
    for leaf in &mut log.0[place..] {
        let text = leaf["time"].as_str().unwrap();
        let passed = (0..1_000_000).find(|second| later(*second).to_string() == text);
        leaf["time"] = json!(later(passed.unwrap() + seconds).to_string());
    }
}

/// The places of the records of one approval, by the nth of them removed.
fn remove(log: &mut Log, code: &str, nth: usize) {
    let place = log.find(code, nth).unwrap();
    log.0.remove(place);
}

const TAMPERINGS: &[Tampering] = &[
    (
        "no first record",
        |log| {
            log.0.remove(0);
            log.number();
        },
        &[Kind::NotBegun],
    ),
    (
        "a path with somebody's number",
        |log| log.data("VA1001I", 0)["request"]["path"] = json!("/Patient/mrn-7712345"),
        &[Kind::RouteNotTemplate],
    ),
    (
        "a member that no record has",
        |log| log.data("VA1001I", 0)["note"] = json!("x"),
        &[Kind::Malformed],
    ),
    (
        "an unknown reason of a refusal",
        |log| log.data("VA1104W", 0)["refused"] = json!("bored"),
        &[Kind::Malformed],
    ),
    (
        "a time in another spelling",
        |log| log.0[4]["time"] = json!("2026-11-23T20:01:47Z"),
        &[Kind::Malformed],
    ),
    (
        "a code that the catalogue does not have",
        |log| log.data("VA1401I", 0)["code"] = json!("VA1499I"),
        &[Kind::UnknownEvent],
    ),
    (
        "the code of another type",
        |log| log.data("VA1111I", 0)["code"] = json!("VA1101I"),
        &[Kind::UnknownEvent, Kind::UseWithoutGrant],
    ),
    (
        "another version of records",
        |log| log.data("VA1401I", 0)["v"] = json!(2),
        &[Kind::UnknownVersion],
    ),
    (
        "a number that is not the place",
        |log| log.data("VA1401I", 1)["seq"] = json!(3),
        &[Kind::WrongIndex],
    ),
    (
        "what somebody read, as nothing",
        |log| log.data("VA1707I", 0)["reading"]["counts"] = json!({}),
        &[Kind::Contradiction],
    ),
    (
        "what somebody read later",
        |log| log.data("VA1707I", 0)["reading"]["since"] = json!(later(900_000).to_string()),
        &[Kind::Contradiction],
    ),
    (
        "a part of the log that there is not",
        |log| log.data("VA1707I", 0)["reading"]["counts"] = json!({"reasons": 1}),
        &[Kind::Malformed],
    ),
    (
        "a change of the configuration that was none",
        |log| log.data("VA2001I", 0)["configuration"]["changed"] = json!(["actions"]),
        &[Kind::Contradiction],
    ),
    (
        "another configuration, and which of its parts is another is not said",
        |log| {
            let place = log.find("VA2001I", 0).unwrap();
            let mut other = log.0[place].clone();
            let digest = "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk";
            other["data"]["configuration"]["parts"]["actions"] = json!(digest);
            log.0.insert(place + 1, other.clone());
            // And one that says so of another part than that.
            other["data"]["configuration"]["parts"]["limits"] = json!(digest);
            other["data"]["configuration"]["changed"] = json!(["actions"]);
            log.0.insert(place + 2, other);
        },
        &[Kind::ConfigurationChanged, Kind::Contradiction],
    ),
    (
        "another log's name",
        |log| log.0[2]["source"] = json!("urn:velum:other"),
        &[Kind::OtherLog],
    ),
    (
        "a time before the last",
        |log| log.0[4]["time"] = json!(START.to_string()),
        &[Kind::TimeBack],
    ),
    (
        "an id twice",
        |log| log.0[4]["id"] = log.0[2]["id"].clone(),
        &[Kind::IdTwice],
    ),
    (
        "an id of long ago",
        |log| log.0[4]["id"] = json!("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"),
        &[Kind::IdOutOfTime],
    ),
    (
        "another outcome",
        |log| log.data("VA1201I", 0)["outcome"] = json!("refused"),
        &[Kind::Contradiction],
    ),
    (
        "another subject",
        |log| {
            let place = log.find("VA1201I", 0).unwrap();
            log.0[place]["subject"] = json!("approval/uses");
        },
        &[Kind::Contradiction],
    ),
    (
        "a yes recorded as a no",
        |log| log.data("VA1101I", 0)["vote"]["verdict"] = json!("deny"),
        &[Kind::Contradiction],
    ),
    (
        "an end by nobody who could",
        |log| log.data("VA1301I", 0)["actor"] = json!({"kind": "requester"}),
        &[Kind::Contradiction],
    ),
    (
        "a whole release recorded as cut",
        |log| log.data("VA1213W", 0)["release"]["end"] = json!("complete"),
        &[Kind::Contradiction],
    ),
    (
        "an approval under the id of another",
        |log| {
            let again = log.0[1].clone();
            log.0.insert(3, again);
            log.number();
        },
        &[Kind::RequestedTwice],
    ),
    (
        "a vote on what nobody asked for",
        |log| {
            remove(log, "VA1001I", 4);
            log.number();
        },
        &[Kind::UnknownApproval],
    ),
    (
        "a version left out",
        |log| {
            remove(log, "VA1101I", 0);
            log.number();
        },
        &[Kind::VersionGap],
    ),
    (
        "a reason that nobody asked for",
        |log| {
            remove(log, "VA1005I", 0);
            log.number();
            log.number_versions();
        },
        &[Kind::IllegalChange],
    ),
    (
        "expired before its time",
        |log| log.data("VA1111I", 2)["grant"]["expires"] = json!(later(5000).to_string()),
        &[Kind::IllegalChange],
    ),
    (
        "evidence of what does not await any",
        |log| log.data("VA1001I", 1)["approval"]["state"] = json!("pending"),
        &[Kind::IllegalChange],
    ),
    (
        "taken back by nobody who had said yes",
        |log| log.data("VA1103I", 0)["actor"]["id"] = json!("bob"),
        &[Kind::IllegalChange],
    ),
    (
        "superseded by its own policy",
        |log| {
            let own = log.data("VA1001I", 0)["request"]["policy"].clone();
            log.data("VA1303W", 0)["policy"] = own;
        },
        &[Kind::IllegalChange],
    ),
    (
        "withdrawn when it was used",
        |log| {
            let id = log.data("VA1201I", 0)["approval"]["id"].clone();
            log.data("VA1302I", 0)["approval"] =
                json!({"id": id, "state": "cancelled", "version": 7});
        },
        &[Kind::IllegalChange],
    ),
    (
        "who asks may review",
        |log| log.data("VA1001I", 3)["excluded"] = json!([]),
        &[Kind::RequesterMayReview],
    ),
    (
        "credentials are asked for",
        |log| log.data("VA1001I", 0)["request"]["classes"] = json!(["name", "credential"]),
        &[Kind::NeverLifted],
    ),
    (
        "a vote by who is behind the request",
        |log| log.data("VA1111I", 0)["actor"]["id"] = json!("dr-jones"),
        &[
            Kind::ExcludedVote,
            Kind::GrantWithoutVotes,
            Kind::NotAnApprover,
        ],
    ),
    (
        "a question by who is behind the request",
        |log| log.data("VA1005I", 0)["actor"]["id"] = json!("dr-jones"),
        &[Kind::ExcludedVote],
    ),
    (
        "a vote before it was shown",
        |log| {
            remove(log, "VA1004W", 0);
            log.number();
            log.number_versions();
        },
        &[Kind::VoteNotOpen],
    ),
    (
        "a vote on what is decided",
        |log| {
            let place = log.find("VA1103I", 0).unwrap();
            let mut again = log.0[place].clone();
            let used = log.find("VA1201I", 0).unwrap();
            again["data"]["approval"]["id"] = log.0[used]["data"]["approval"]["id"].clone();
            again["subject"] = log.0[used]["subject"].clone();
            log.0.insert(place, again);
            log.number();
            log.number_versions();
        },
        &[Kind::VoteNotOpen],
    ),
    (
        "a vote after the time ran out",
        |log| log.data("VA1001I", 0)["decide_by"] = json!(later(4).to_string()),
        &[Kind::VoteNotOpen],
    ),
    (
        "more approved than asked",
        |log| log.data("VA1101I", 1)["vote"]["scope"]["classes"] = json!(["name", "ssn"]),
        &[Kind::VoteWider],
    ),
    (
        "approved unawares",
        |log| {
            let vote = &mut log.data("VA1111I", 2)["vote"]["scope"];
            vote.as_object_mut().unwrap().remove("unseen");
        },
        &[Kind::UnseenApproved],
    ),
    (
        "more counted than voted",
        |log| log.data("VA1101I", 1)["got"] = json!(2),
        &[Kind::Miscounted],
    ),
    (
        "fewer needed than when it was asked",
        |log| log.data("VA1101I", 1)["needed"] = json!(1),
        &[Kind::Miscounted],
    ),
    (
        "another number of the use",
        |log| log.data("VA1201I", 1)["use"]["number"] = json!(2),
        &[Kind::Miscounted, Kind::Contradiction],
    ),
    (
        "granted by one of two",
        |log| {
            remove(log, "VA1101I", 1);
            log.number();
            log.number_versions();
        },
        &[
            Kind::GrantWithoutVotes,
            Kind::Miscounted,
            Kind::NotAnApprover,
            Kind::TooFewApprovers,
        ],
    ),
    (
        "granted on a yes to another reason",
        |log| {
            let explained = log.find("VA1006I", 0).unwrap();
            let vote = log.find("VA1101I", 1).unwrap();
            let times: Vec<_> = log.0.iter().map(|leaf| leaf["time"].clone()).collect();
            let leaf = log.0.remove(vote);
            log.0.insert(explained - 1, leaf);
            for (leaf, time) in log.0.iter_mut().zip(times) {
                leaf["time"] = time;
            }
            log.number();
            log.number_versions();
        },
        &[Kind::GrantWithoutVotes, Kind::TooFewApprovers],
    ),
    (
        "a grant wider than one of two",
        |log| log.data("VA1111I", 0)["grant"]["scope"]["classes"] = json!(["name", "mrn"]),
        &[Kind::GrantWider],
    ),
    (
        "a grant wider than asked",
        |log| log.data("VA1111I", 0)["grant"]["scope"]["classes"] = json!(["ssn"]),
        &[Kind::GrantWider],
    ),
    (
        "a grant without the bound of one of two",
        |log| {
            let scope = &mut log.data("VA1111I", 0)["grant"]["scope"];
            scope.as_object_mut().unwrap().remove("records");
        },
        &[Kind::GrantWider],
    ),
    (
        "a grant longer than one of two said",
        |log| log.data("VA1111I", 0)["grant"]["expires"] = json!(later(290).to_string()),
        &[Kind::GrantTooLong],
    ),
    (
        "used, and nobody asked",
        |log| {
            for place in log.changes(&json!("two")).into_iter().rev() {
                if log.0[place]["data"]["code"] != "VA1201I" {
                    log.0.remove(place);
                }
            }
            log.number();
        },
        &[Kind::UseWithoutRequest],
    ),
    (
        "used without a grant",
        |log| {
            remove(log, "VA1111I", 0);
            log.number();
            log.number_versions();
        },
        &[
            Kind::UseWithoutGrant,
            Kind::TooFewApprovers,
            Kind::NotAnApprover,
        ],
    ),
    (
        "used in the name of one of two",
        |log| log.data("VA1201I", 0)["approved_by"] = json!(["bob"]),
        &[Kind::TooFewApprovers],
    ),
    (
        "used in the name of one, twice",
        |log| log.data("VA1201I", 0)["approved_by"] = json!(["bob", "bob"]),
        &[Kind::TooFewApprovers],
    ),
    (
        "used with fewer than it was granted by",
        |log| {
            log.data("VA1001I", 0)["needed"] = json!(1);
            log.data("VA1201I", 0)["approved_by"] = json!(["bob"]);
        },
        &[Kind::TooFewApprovers],
    ),
    (
        "used in the name of who asks",
        |log| log.data("VA1201I", 0)["approved_by"] = json!(["bob", "dr-jones"]),
        &[Kind::ExcludedApprover, Kind::TooFewApprovers],
    ),
    (
        "used in the name of who agreed to another reason",
        |log| log.data("VA1201I", 0)["approved_by"] = json!(["ann", "bob"]),
        &[Kind::NotAnApprover, Kind::TooFewApprovers],
    ),
    (
        "used after the grant",
        |log| {
            let place = log.find("VA1201I", 0).unwrap();
            delay(log, place, 400);
        },
        &[Kind::UseAfterExpiry],
    ),
    (
        "used after its end",
        |log| {
            let mut ended = log.0[log.find("VA1302I", 0).unwrap()].clone();
            let used = log.find("VA1201I", 1).unwrap();
            ended["data"]["approval"]["id"] = json!("uses");
            ended["subject"] = json!("approval/uses");
            ended["time"] = log.0[used]["time"].clone();
            ended["data"]["seq"] = json!(9000);
            log.0.insert(used, ended);
            log.number();
            log.number_versions();
        },
        &[Kind::UseAfterEnd],
    ),
    (
        "used once more",
        |log| {
            let used = log.find("VA1201I", 2).unwrap();
            let mut again = log.0[used].clone();
            again["data"]["use"]["key"] = json!("CQkJCQkJCQkJCQkJCQkJCQ");
            again["data"]["use"]["number"] = json!(3);
            log.0.insert(used + 1, again);
            log.number();
            log.number_versions();
        },
        &[Kind::TooManyUses],
    ),
    (
        "used once more, while it was open",
        |log| {
            log.data("VA1001I", 1)["uses"] = json!(1);
            log.data("VA1111I", 1)["grant"]["uses"] = json!(1);
        },
        &[Kind::TooManyUses, Kind::Miscounted],
    ),
    (
        "used twice by one stream",
        |log| {
            let key = log.data("VA1201I", 1)["use"]["key"].clone();
            log.data("VA1201I", 2)["use"]["key"] = key;
        },
        &[Kind::StreamTwice],
    ),
    (
        "used by the stream of another approval",
        |log| {
            let key = log.data("VA1201I", 0)["use"]["key"].clone();
            log.data("VA1201I", 2)["use"]["key"] = key;
        },
        &[Kind::StreamTwice],
    ),
    (
        "used wider than the grant",
        |log| log.data("VA1201I", 0)["use"]["scope"]["classes"] = json!(["name", "date"]),
        &[Kind::UseWider],
    ),
    (
        "used without the grant's bound",
        |log| log.data("VA1201I", 0)["use"]["scope"]["records"] = json!(11),
        &[Kind::UseWider],
    ),
    (
        "used for longer than granted",
        |log| log.data("VA1201I", 0)["use"]["expires"] = json!(later(900).to_string()),
        &[Kind::UseWider],
    ),
    (
        "used beyond what one of them approved, by a grant that is wider too",
        |log| {
            log.data("VA1111I", 0)["grant"]["scope"]["classes"] = json!(["name", "mrn"]);
            log.data("VA1201I", 0)["use"]["scope"]["classes"] = json!(["name", "mrn"]);
        },
        &[Kind::GrantWider, Kind::UseWider],
    ),
    (
        "used for another request",
        |log| {
            let other = log.data("VA1001I", 9)["request"]["fingerprint_mac"].clone();
            log.data("VA1201I", 0)["use"]["fingerprint_mac"] = other;
        },
        &[Kind::OtherRequest],
    ),
    (
        "used under another policy",
        |log| {
            let other = log.data("VA1303W", 0)["policy"].clone();
            log.data("VA1201I", 0)["use"]["policy"] = other;
        },
        &[Kind::OtherRequest],
    ),
    (
        "used for any value, where some were seen",
        |log| {
            let used = &mut log.data("VA1201I", 1)["use"];
            used.as_object_mut().unwrap().remove("tags");
        },
        &[Kind::OtherRequest],
    ),
    (
        "used while everything was stopped",
        |log| {
            remove(log, "VA1502W", 0);
            log.number();
        },
        &[Kind::UsedWhileStopped],
    ),
    (
        "used while a person behind it was stopped",
        |log| {
            remove(log, "VA1502W", 1);
            log.number();
        },
        &[Kind::UsedWhileStopped],
    ),
    (
        "used while the agent was stopped",
        |log| {
            remove(log, "VA1502W", 1);
            let agent = json!({"kind": "agent", "id": "triage-bot", "owner": "dr-jones"});
            log.data("VA1501W", 1)["stop"]["principal"] = agent;
            log.data("VA1501W", 1)["stop"]["what"] = json!("triage-bot");
            log.number();
        },
        &[Kind::UsedWhileStopped],
    ),
    (
        "used while the action was stopped",
        |log| {
            let place = log.find("VA1201I", 0).unwrap();
            let name = check().action;
            log.insert(place, &stop("s9", StopScope::Action { name }));
            log.number();
        },
        &[Kind::UsedWhileStopped],
    ),
    (
        "used while the gateway was stopped",
        |log| {
            let place = log.find("VA1201I", 2).unwrap();
            let id = crate::cast::gateway();
            log.insert(place, &stop("s9", StopScope::Gateway { id }));
            log.number();
        },
        &[Kind::UsedWhileStopped],
    ),
    (
        "used while the approval was stopped",
        |log| {
            let place = log.find("VA1201I", 2).unwrap();
            let id = velum_approval::ApprovalId::new("uses").unwrap();
            log.insert(place, &stop("s9", StopScope::Approval { id }));
            log.number();
        },
        &[Kind::UsedWhileStopped],
    ),
    (
        "used while the emergency access was stopped",
        |log| {
            let place = log.find("VA1203W", 0).unwrap();
            let id = velum_approval::EmergencyId::new("e1").unwrap();
            log.insert(place, &stop("s9", StopScope::Emergency { id }));
            log.number();
        },
        &[Kind::UsedWhileStopped],
    ),
    (
        "used in an emergency that nobody opened",
        |log| {
            remove(log, "VA1601W", 0);
            log.number();
        },
        &[Kind::EmergencyUnknown],
    ),
    (
        "used in an emergency, for another action",
        |log| log.data("VA1601W", 0)["emergency"]["action"] = json!("purge"),
        &[Kind::EmergencyOtherAction],
    ),
    (
        "used in an emergency, for another principal",
        |log| log.data("VA1601W", 0)["requester"]["id"] = json!("other-bot"),
        &[Kind::EmergencyOtherPrincipal],
    ),
    (
        "used when the emergency was over",
        |log| {
            let place = log.find("VA1203W", 0).unwrap();
            delay(log, place, 800);
        },
        &[Kind::EmergencyOver],
    ),
    (
        "used when the emergency had been reviewed",
        |log| {
            let review = log.find("VA1602I", 0).unwrap();
            let place = log.find("VA1203W", 0).unwrap();
            let mut leaf = log.0.remove(review);
            leaf["time"] = log.0[place]["time"].clone();
            leaf["data"]["emergency"]["until"] = log.0[place]["time"].clone();
            log.0.insert(place, leaf);
            log.number();
        },
        &[Kind::EmergencyAfterReview, Kind::Miscounted],
    ),
    (
        "used in an emergency, wider than asked",
        |log| log.data("VA1203W", 0)["use"]["scope"]["classes"] = json!(["name", "ssn"]),
        &[Kind::UseWider],
    ),
    (
        "used in an emergency after the approval's time",
        |log| {
            let place = log.find("VA1203W", 0).unwrap();
            let time = log.0[place]["time"].clone();
            log.data("VA1001I", 2)["decide_by"] = time;
        },
        &[Kind::UseAfterExpiry],
    ),
    (
        "an emergency of two hours",
        |log| log.data("VA1601W", 0)["emergency"]["until"] = json!(later(7300).to_string()),
        &[Kind::EmergencyTooLong],
    ),
    (
        "a second emergency before the first was reviewed",
        |log| {
            remove(log, "VA1602I", 0);
            log.number();
        },
        &[Kind::EmergencyBlocked],
    ),
    (
        "a second emergency of another person for the same principal",
        |log| {
            remove(log, "VA1602I", 0);
            log.data("VA1601W", 1)["actor"]["id"] = json!("bob");
            log.data("VA1601W", 1)["emergency"]["opened_by"] = json!("bob");
            log.data("VA1603W", 0)["emergency"]["opened_by"] = json!("bob");
            log.number();
        },
        &[Kind::EmergencyBlocked],
    ),
    (
        "an emergency reviewed by who opened it",
        |log| log.data("VA1602I", 0)["actor"]["id"] = json!("ann"),
        &[Kind::EmergencySelfReview],
    ),
    (
        "an emergency reviewed by who is behind it",
        |log| log.data("VA1602I", 0)["actor"]["id"] = json!("dr-jones"),
        &[Kind::EmergencySelfReview],
    ),
    (
        "an emergency reviewed by who was behind one of the requests",
        |log| {
            let excluded = &mut log.data("VA1001I", 2)["excluded"];
            excluded.as_array_mut().unwrap().insert(0, json!("bob"));
        },
        &[Kind::EmergencySelfReview, Kind::Miscounted],
    ),
    (
        "a release in an emergency that its review does not count",
        |log| log.data("VA1602I", 0)["emergency"]["uses"] = json!(0),
        &[Kind::Miscounted],
    ),
    (
        "an emergency that was never opened is reviewed",
        |log| {
            remove(log, "VA1601W", 1);
            log.number();
        },
        &[Kind::EmergencyUnknown],
    ),
    (
        "an emergency reviewed for another action",
        |log| log.data("VA1602I", 0)["emergency"]["action"] = json!("purge"),
        &[Kind::Contradiction],
    ),
    (
        "resumed by who stopped",
        |log| log.data("VA1502W", 0)["actor"]["id"] = json!("ann"),
        &[Kind::ResumedBySame],
    ),
    (
        "resumed by whom it stops",
        |log| log.data("VA1502W", 1)["actor"]["id"] = json!("dr-jones"),
        &[Kind::ResumedBySame],
    ),
    (
        "a revocation resumed",
        |log| {
            let place = log.find("VA1501W", 2).unwrap();
            let stopped = log.0[place]["data"]["stop"].clone();
            let mut resumed = log.0[log.find("VA1502W", 0).unwrap()].clone();
            resumed["data"]["stop"] = stopped;
            resumed["data"]["seq"] = json!(9000);
            resumed["time"] = log.0[place]["time"].clone();
            log.0.insert(place + 1, resumed);
            log.number();
        },
        &[Kind::ResumedFinal],
    ),
    (
        "something else is resumed than was stopped",
        |log| {
            log.data("VA1502W", 0)["stop"] = json!({"id": "s1", "kind": "gateway", "what": "edge"});
        },
        &[Kind::Contradiction],
    ),
    (
        "a stop that is not there is resumed",
        |log| {
            remove(log, "VA1501W", 0);
            log.number();
        },
        &[Kind::StopUnknown],
    ),
    (
        "a stop under the id of one that stands",
        |log| {
            log.data("VA1501W", 1)["stop"]["id"] = json!("s1");
            let place = log.find("VA1502W", 0).unwrap();
            let resumed = log.0.remove(place);
            let begun = log.find("VA1501W", 1).unwrap();
            log.0.insert(begun + 1, resumed);
            let time = log.0[begun]["time"].clone();
            log.0[begun + 1]["time"] = time;
            log.number();
        },
        &[Kind::StopUnknown],
    ),
    (
        "an outcome of no use",
        |log| log.data("VA1211I", 0)["release"]["used_at"] = json!(0),
        &[Kind::OutcomeWithoutUse, Kind::OutcomeMissing],
    ),
    (
        "an outcome of another gateway",
        |log| log.data("VA1211I", 0)["actor"]["id"] = json!("other"),
        &[Kind::OutcomeWithoutUse],
    ),
    (
        "an outcome told twice",
        |log| {
            let place = log.find("VA1211I", 0).unwrap();
            let again = log.0[place].clone();
            log.0.insert(place, again);
            log.number();
        },
        &[Kind::OutcomeTwice],
    ),
    (
        "values of a class that was not lifted left",
        |log| log.data("VA1211I", 0)["release"]["lifted"] = json!({"name": 2, "mrn": 1}),
        &[Kind::OutcomeWider],
    ),
    (
        "more records than values may be lifted of",
        |log| log.data("VA1211I", 0)["release"]["records"] = json!(11),
        &[Kind::OutcomeBeyondLimits],
    ),
    (
        "an outcome that is not told",
        |log| {
            remove(log, "VA1211I", 0);
            log.number();
        },
        &[Kind::OutcomeMissing],
    ),
    (
        "an outcome of two days ago",
        |log| {
            let place = log.find("VA1211I", 0).unwrap();
            delay(log, place, 2 * 24 * 3600);
        },
        &[Kind::OutcomeLate, Kind::OutcomeMissing],
    ),
    (
        "requests that were not counted",
        |log| log.data("VA1401I", 0)["events"]["lost"] = json!(3),
        &[Kind::EventsMissing],
    ),
    (
        "a batch that is missing",
        |log| {
            remove(log, "VA1401I", 0);
            log.data("VA1401I", 0)["events"]["missing"] = json!(1);
            log.number();
        },
        &[Kind::EventsMissing],
    ),
    (
        "a batch that was taken out of the log",
        |log| {
            remove(log, "VA1401I", 0);
            log.number();
        },
        &[Kind::EventsMiscounted],
    ),
    (
        "a batch twice",
        |log| log.data("VA1401I", 1)["events"]["sequence"] = json!(1),
        &[Kind::EventsMiscounted],
    ),
    (
        "a summary with a row that says less",
        |log| log.data("VA1402I", 0)["summary"]["rows"][1]["requests"] = json!(2),
        &[Kind::Contradiction],
    ),
    (
        "a summary of fewer values than its rows have",
        |log| log.data("VA1402I", 0)["summary"]["masked"]["name"] = json!(4),
        &[Kind::Contradiction],
    ),
    (
        "a summary that names no gap of those that it counts",
        |log| log.data("VA1402I", 1)["summary"]["missing"] = json!(1),
        &[Kind::Contradiction, Kind::EventsMissing],
    ),
    (
        "a summary of requests that were not counted",
        |log| log.data("VA1402I", 1)["summary"]["lost"] = json!(1),
        &[Kind::EventsMissing],
    ),
    (
        "a minute that is summarised twice",
        |log| {
            let minute = log.data("VA1402I", 0)["summary"]["minute"].clone();
            log.data("VA1402I", 1)["summary"]["minute"] = minute;
        },
        &[Kind::EventsMiscounted],
    ),
    (
        "a minute that is summarised before it is over",
        |log| {
            let time = log.0[log.find("VA1402I", 1).unwrap()]["time"].clone();
            let minute = format!("{}:00.000Z", &time.as_str().unwrap()[..16]);
            log.data("VA1402I", 1)["summary"]["minute"] = json!(minute);
        },
        &[Kind::EventsMiscounted],
    ),
    (
        "used within what each approved, and beyond the grant",
        |log| log.data("VA1111I", 0)["grant"]["scope"]["records"] = json!(5),
        &[Kind::UseWider],
    ),
    (
        "a grant of more uses than were asked",
        |log| log.data("VA1111I", 0)["grant"]["uses"] = json!(2),
        &[Kind::Miscounted],
    ),
    (
        "a grant where none was issued",
        |log| {
            let grant = log.data("VA1111I", 0)["grant"].clone();
            log.data("VA1101I", 0)["grant"] = grant;
        },
        &[Kind::Contradiction],
    ),
    (
        "superseded for no cause",
        |log| {
            let ended = log.data("VA1303W", 1).as_object_mut().unwrap();
            ended.remove("cause");
        },
        &[Kind::Contradiction],
    ),
    (
        "asked for when its time had run out",
        |log| {
            let place = log.find("VA1001I", 0).unwrap();
            let time = log.0[place]["time"].clone();
            log.data("VA1001I", 0)["decide_by"] = time;
            log.0.truncate(place + 1);
        },
        &[Kind::IllegalChange],
    ),
    (
        "a question where one is open",
        |log| {
            let place = log.find("VA1005I", 0).unwrap();
            let again = log.0[place].clone();
            log.0.insert(place, again);
            log.number();
            log.number_versions();
        },
        &[Kind::IllegalChange],
    ),
    (
        "a grant taken back days after its use",
        |log| {
            let place = log.find("VA1304W", 0).unwrap();
            log.0.truncate(place + 1);
            delay(log, place, 24 * 3600 + 1800);
        },
        &[Kind::IllegalChange],
    ),
    (
        "what was denied is taken back",
        |log| {
            let place = log.find("VA1304W", 0).unwrap();
            let mut revoked = log.0.remove(place);
            let denied = log.find("VA1102I", 0).unwrap();
            revoked["data"]["approval"]["id"] = json!("denied");
            revoked["subject"] = json!("approval/denied");
            revoked["time"] = log.0[denied]["time"].clone();
            log.0.insert(denied + 1, revoked);
            log.number();
            log.number_versions();
        },
        &[Kind::IllegalChange],
    ),
    (
        "what was not granted is taken back",
        |log| {
            let place = log.find("VA1304W", 0).unwrap();
            let mut revoked = log.0.remove(place);
            let denied = log.find("VA1102I", 0).unwrap();
            revoked["data"]["approval"]["id"] = json!("denied");
            revoked["subject"] = json!("approval/denied");
            revoked["time"] = log.0[denied]["time"].clone();
            log.0[denied] = revoked;
            log.number();
            log.number_versions();
        },
        &[Kind::IllegalChange],
    ),
    (
        "used in an emergency for longer than that",
        |log| log.data("VA1203W", 0)["use"]["expires"] = json!(later(5000).to_string()),
        &[Kind::UseWider],
    ),
    (
        "an emergency opened in the name of another",
        |log| {
            log.data("VA1601W", 1)["actor"]["id"] = json!("cid");
        },
        &[Kind::Contradiction],
    ),
    (
        "a second emergency of the same person for another principal",
        |log| {
            remove(log, "VA1602I", 0);
            log.data("VA1601W", 1)["requester"]["id"] = json!("other-bot");
            log.number();
        },
        &[Kind::EmergencyBlocked],
    ),
    (
        "a version of an emergency that is left out",
        |log| log.data("VA1602I", 0)["emergency"]["version"] = json!(2),
        &[Kind::Miscounted],
    ),
    (
        "an emergency that goes on after its review",
        |log| log.data("VA1602I", 0)["emergency"]["until"] = json!(later(600).to_string()),
        &[Kind::Contradiction],
    ),
    (
        "a yes that its security key has not signed",
        |log| {
            let place = keyed(log);
            let vote = log.0[place]["data"]["vote"].as_object_mut().unwrap();
            vote.remove("assertion").unwrap();
        },
        &[Kind::VoteNotProven, Kind::ApproverNotProven],
    ),
    (
        "a grant of an action that asks for a security key, to more than was signed",
        |log| {
            let place = keyed(log);
            log.0[place]["data"]["vote"]["scope"]["classes"] = json!(["date", "name"]);
            log.0[place]["data"]["grant"]["scope"]["classes"] = json!(["date", "name"]);
        },
        &[Kind::VoteNotProven],
    ),
    (
        "a security key in the place of another",
        |log| {
            let place = log.find("VA1901I", 0).unwrap();
            let again = log.0[place].clone();
            log.0.insert(place + 1, again);
            log.number();
        },
        &[Kind::KeyTwice],
    ),
    (
        "somebody else's security key removed",
        |log| log.data("VA1902I", 0)["actor"]["id"] = json!("bob"),
        &[Kind::KeyUnknown],
    ),
    (
        "a key of the log exchanged for itself",
        |log| {
            let old = log.data("VA1702I", 0)["log"]["old_key"].clone();
            log.data("VA1702I", 0)["log"]["key"] = old;
        },
        &[Kind::Contradiction],
    ),
    (
        "a key of the log exchanged that was not the one that signed",
        |log| {
            let place = log.find("VA1702I", 0).unwrap();
            let again = log.0[place].clone();
            log.0.insert(place + 1, again);
            log.number();
        },
        &[Kind::Contradiction],
    ),
];

/// The vote that a security key has signed.
fn keyed(log: &Log) -> usize {
    let places = log.places("VA1111I");
    let mut places = places.into_iter();
    places
        .find(|place| !log.0[*place]["data"]["vote"]["assertion"].is_null())
        .unwrap()
}

#[test]
fn whatever_is_changed_is_found() {
    let mut fired = BTreeSet::new();
    for (what, change, expected) in TAMPERINGS {
        let mut log = tale::log();
        change(&mut log);
        let report = log.replay();
        let found = kinds(&report);
        for kind in *expected {
            assert!(
                found.contains(kind),
                "{what}: {kind} is not in {:#?}",
                report.findings
            );
        }
        assert!(!expected.is_empty(), "{what}");
        fired.extend(expected.iter().copied());
    }
    // No change of JSON makes it anything but canonical.
    fired.insert(Kind::NotCanonical);
    // This is noted where it is asked for alone.
    fired.insert(Kind::Silence);
    // These take two logs: see the tests of years.
    fired.extend([Kind::NotNext, Kind::OfLogBefore]);
    fired.extend([Kind::LogRecovered, Kind::RecordsMissing]);
    let never: Vec<_> = Kind::ALL
        .iter()
        .filter(|kind| !fired.contains(kind))
        .collect();
    assert!(never.is_empty(), "{never:?}");
}

#[test]
fn another_form_of_the_same_json_is_found() {
    let mut leaves = tale::log().leaves();
    let value: Value = serde_json::from_slice(&leaves[1]).unwrap();
    leaves[1] = serde_json::to_vec_pretty(&value).unwrap();
    let report = Log::replay_leaves(&leaves);
    assert_eq!(kinds(&report), [Kind::NotCanonical].into());
    let text = String::from_utf8(leaves[2].clone()).unwrap();
    let twice = text.replacen("{\"data\":{", "{\"data\":{\"v\":1,", 1);
    leaves[2] = twice.into_bytes();
    assert!(kinds(&Log::replay_leaves(&leaves)).contains(&Kind::Malformed));
    leaves[2] = vec![b' '; Record::MOST_LEAF_BYTES + 1];
    assert!(kinds(&Log::replay_leaves(&leaves)).contains(&Kind::Malformed));
}

#[test]
fn a_place_that_is_left_out_is_found() {
    let leaves = tale::log().leaves();
    let mut replay = Replay::default();
    for (index, leaf) in (0..).zip(&leaves).skip(2) {
        replay.leaf(index, leaf);
    }
    let report = replay.finish();
    assert_eq!(report.findings[0].kind, Kind::WrongIndex);
    assert_eq!(report.findings[0].index, 2);
    assert!(kinds(&report).contains(&Kind::UseWithoutRequest));
}
