//! An invented practice: who is there, and what they ask.

use std::collections::BTreeSet;
use std::time::Duration;

use velum_approval::{
    ActionName, AgentId, Approval, ApprovalId, Ask, Ballot, Check, Directory, Event, Evidence,
    FieldPath, Fingerprint, FingerprintMac, Found, GatewayId, GroupName, Identity, IdentityKind,
    KeyedToken, Lineage, MaskedBy, Opening, Panel, PersonId, PolicyDigest, Reason, Record,
    RecordId, ReviewRule, Reviewers, RouteTemplate, RouteWords, RuleName, Scope, Shape, ShapeField,
    Tags, Timestamp, UseKey, Verdict, transition,
};
use velum_engine::{Class, ClassSet};

pub(crate) const START: Timestamp = Timestamp::from_millis(1_795_464_104_123);
pub(crate) const PENDING: Duration = Duration::from_mins(15);
pub(crate) const GRANT: Duration = Duration::from_mins(5);
const SERVICE_KEY: [u8; 32] = [9; 32];

pub(crate) fn later(seconds: u64) -> Timestamp {
    START.after(Duration::from_secs(seconds))
}

pub(crate) fn classes(names: &str) -> ClassSet {
    names
        .split_whitespace()
        .map(|name| Class::from_name(name).unwrap())
        .collect()
}

pub(crate) fn jwt(subject: &str) -> Identity {
    Identity::new(IdentityKind::Jwt, "https://idp.example", subject).unwrap()
}

pub(crate) fn person(id: &str) -> PersonId {
    PersonId::new(id).unwrap()
}

pub(crate) fn gateway() -> GatewayId {
    GatewayId::new("edge").unwrap()
}

pub(crate) fn use_key(byte: u8) -> UseKey {
    UseKey::from_bytes([byte; 16])
}

pub(crate) fn policy(byte: u8) -> PolicyDigest {
    PolicyDigest::from_bytes([byte; 32])
}

pub(crate) fn mac(byte: u8) -> FingerprintMac {
    FingerprintMac::of(&Fingerprint::from_bytes([byte; 32]), &SERVICE_KEY)
}

pub(crate) fn token() -> KeyedToken {
    velum_approval::keyed_token(&[3; 32], b"/Patient/1")
}

pub(crate) fn record_id() -> RecordId {
    RecordId::new("0193e0c2-7d1b-7cc0-a111-000000000001").unwrap()
}

/// Everyone reviews; dr-jones and ann are clinical, so are grace and bob; cid is legal.
pub(crate) fn reviewers() -> Reviewers {
    [
        ("dr-jones", "clinical"),
        ("grace", "clinical"),
        ("bob", "clinical"),
        ("ann", "clinical"),
        ("cid", "legal"),
    ]
    .into_iter()
    .map(|(id, group)| (person(id), [GroupName::new(group).unwrap()].into()))
    .collect()
}

pub(crate) fn directory() -> Directory {
    Directory::builder()
        .person(
            person("dr-jones"),
            [jwt("dr-jones"), jwt("jones@example.org")],
        )
        .person(person("grace"), [jwt("grace")])
        .agent(
            AgentId::new("triage-bot").unwrap(),
            person("dr-jones"),
            [jwt("triage-bot")],
        )
        .build()
        .unwrap()
}

/// The clinical reviewers of a request by the bot of dr-jones.
pub(crate) fn panel(quorum: u32) -> Panel {
    panel_of(quorum, &reviewers())
}

pub(crate) fn panel_of(quorum: u32, reviewers: &Reviewers) -> Panel {
    let rule = ReviewRule::new(quorum, vec![GroupName::new("clinical").unwrap()]).unwrap();
    let check = check();
    let excluded = directory()
        .resolve_with(&check.principal, &check.lineage)
        .unwrap();
    Panel::new(&rule, reviewers, &excluded)
}

pub(crate) fn check() -> Check {
    Check {
        use_key: use_key(1),
        principal: jwt("triage-bot"),
        lineage: Lineage::new(vec![jwt("triage-bot"), jwt("dr-jones")]).unwrap(),
        action: ActionName::new("read").unwrap(),
        method: "GET".to_owned(),
        authority: "fhir.example".to_owned(),
        path: "/Patient/{…}".to_owned(),
        query: "_format={…}".to_owned(),
        resource: token(),
        fingerprint: Fingerprint::from_bytes([1; 32]),
        policy: policy(1),
        classes: classes("name date mrn"),
        found: None,
        reason: Some(Reason::new("Discharge summary").unwrap()),
        approval: None,
        evidence: false,
        worker: None,
    }
}

pub(crate) fn approval_id() -> ApprovalId {
    ApprovalId::new("0193e0c2-7d1b-7cc0-a111-3f4a5b6c7d8e").unwrap()
}

/// A path and a query under a policy that names every segment and parameter in them.
pub(crate) fn route(path: &str, query: &str) -> RouteTemplate {
    let segments = path.split('/').map(|segment| (None, segment));
    RouteTemplate::again(path, query, &RouteWords::new(segments, query.split('&')))
}

pub(crate) fn opening<'a>(check: &'a Check, panel: &'a Panel) -> Opening<'a> {
    Opening {
        id: approval_id(),
        gateway: gateway(),
        check,
        route: route(&check.path, &check.query),
        fingerprint_mac: mac(1),
        requester: directory().party(&check.principal).unwrap().clone(),
        panel,
        reason: None,
        collecting: None,
        uses: 1,
        in_emergency: false,
        step_up: None,
        lifetime: PENDING,
    }
}

/// A pending approval of three classes.
pub(crate) fn pending(panel: &Panel) -> Approval {
    Approval::open(opening(&check(), panel), START).unwrap().0
}

/// The names of the policy's rules: none.
pub(crate) fn no_rules() -> &'static BTreeSet<RuleName> {
    static NONE: BTreeSet<RuleName> = BTreeSet::new();
    &NONE
}

pub(crate) fn ballot<'a>(person: &'a PersonId, verdict: Verdict, panel: &'a Panel) -> Event<'a> {
    Event::Vote(Ballot {
        person,
        verdict,
        version: None,
        comment: None,
        public_reason: None,
        assertion: None,
        panel,
        rules: no_rules(),
        grant_lifetime: GRANT,
    })
}

pub(crate) fn yes(names: &str) -> Verdict {
    Verdict::Approve {
        scope: Scope::of(classes(names)),
        seconds: None,
        unseen: false,
    }
}

/// A pending approval after these votes, each by a person.
pub(crate) fn after_votes(panel: &Panel, votes: &[(&str, Verdict)]) -> Approval {
    votes
        .iter()
        .fold(pending(panel), |approval, (id, verdict)| {
            transition(
                &approval,
                &ballot(&person(id), verdict.clone(), panel),
                later(1),
            )
            .unwrap()
            .0
        })
}

pub(crate) fn ask<'a>(gateway: &'a GatewayId, principal: &'a Identity) -> Ask<'a> {
    Ask {
        gateway,
        use_key: use_key(1),
        fingerprint_mac: mac(1),
        principal,
        policy: policy(1),
        waiting: false,
        stops: &[],
    }
}

/// What the first stream saw.
pub(crate) fn evidence() -> Evidence {
    Evidence {
        use_key: use_key(1),
        found: Found::new([(Class::Name, 2)]),
        records: 1,
        bytes: 300,
        tags: Tags::new([[1; 8], [2; 8]]).unwrap(),
        complete: true,
        shape: Some(shape()),
    }
}

/// Where it stands.
pub(crate) fn shape() -> Shape {
    let field = |path: &str, rule: Option<&str>| ShapeField {
        path: FieldPath::new(path).unwrap(),
        class: Class::Name,
        by: rule.map_or(MaskedBy::Profile, |_| MaskedBy::Rule),
        rule: rule.map(|rule| RuleName::new(rule).unwrap()),
        count: 1,
    };
    Shape::new(
        [
            field("$.name[*].family", None),
            field("$.*.ward", Some("wards")),
        ],
        Found::default(),
    )
}

/// The leaf of a record, read as JSON.
pub(crate) fn leaf(record: &Record) -> serde_json::Value {
    let leaf = record
        .to_leaf(7, START, &record_id(), "urn:velum:audit.example/main/2026")
        .unwrap();
    serde_json::from_slice(&leaf).unwrap()
}
