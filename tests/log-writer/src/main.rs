//! Writes an exported log of real records, for what it takes to verify it:
//! `cargo run --profile figures -p velum-log-writer -- FOLDER [RECORDS]`, then
//! `velum audit verify FOLDER --key KEY` with the key that it prints.
//!
//! The rules of approvals write the records, as the service has them do: approvals of every kind, many of them
//! open at a time, stops and heartbeats. There is no service and no store: with these it would take hours.

use std::collections::{BTreeSet, VecDeque};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use velum_approval::record::{LogEvent, Released};
use velum_approval::{
    Approval, ApprovalId, Ask, Ballot, Check, Commitment, Directory, End, Event, Evidence,
    Fingerprint, FingerprintMac, Found, GatewayId, GroupName, Identity, IdentityKind, Lineage,
    LogName, Opening, OutcomeReport, Panel, PersonId, PolicyDigest, Record, RecordId, ReviewRule,
    Reviewers, RouteTemplate, RouteWords, Scope, Stop, StopId, StopScope, Tags, Timestamp, Use,
    UseKey, Verdict, keyed_token, transition,
};
use velum_engine::{Class, ClassSet};
use velum_ledger::checkpoint::Checkpoint;
use velum_ledger::hash::{Hash, leaf_hash};
use velum_ledger::note::NoteSigner;
use velum_ledger::tile::{Bundle, Edge, Tile, encode_hashes};

const NAME: &str = "audit.example.org/velum/2026";
const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);
/// What is between two records: a million are three days.
const STEP: Duration = Duration::from_millis(260);
const PENDING: Duration = Duration::from_mins(15);
const GRANT: Duration = Duration::from_mins(5);
/// How many entries a bundle has.
const BUNDLE: u16 = 256;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result {
    let mut arguments = std::env::args().skip(1);
    let folder: PathBuf = arguments.next().ok_or("which folder?")?.into();
    let records = match arguments.next() {
        Some(records) => records.parse()?,
        None => 1_000_000,
    };
    let signer = NoteSigner::from_seed(NAME.parse()?, &[7; 32]);
    let mut practice = Practice::new(Log::new(folder)?)?;
    practice.log.write(&opened(&signer)?)?;
    let mut number = 0;
    while practice.log.edge.size() < records {
        practice.live(number)?;
        number += 1;
    }
    practice.log.finish(&signer)?;
    tell(&signer.verifier().to_string());
    Ok(())
}

#[expect(clippy::print_stdout, reason = "whoever verifies needs it")]
fn tell(key: &str) {
    println!("{key}");
}

fn opened(signer: &NoteSigner) -> Result<Record> {
    Ok(Record::Log(Box::new(LogEvent::Opened {
        name: LogName::new(NAME)?,
        key: *signer.verifier().public_key(),
        previous: None,
        first: 0,
    })))
}

/// The files of a log, as they are exported.
struct Log {
    folder: PathBuf,
    edge: Edge,
    bundle: Vec<Vec<u8>>,
    bundles: u64,
    now: Timestamp,
    source: String,
}

impl Log {
    fn new(folder: PathBuf) -> Result<Log> {
        fs::create_dir(&folder)?;
        Ok(Log {
            folder,
            edge: Edge::new(),
            bundle: Vec::new(),
            bundles: 0,
            now: START,
            source: format!("urn:velum:{NAME}"),
        })
    }

    /// Appends a record a moment later, and gives its place.
    fn write(&mut self, record: &Record) -> Result<u64> {
        let index = self.edge.size();
        let id = RecordId::new(id(self.now, index))?;
        let leaf = record.to_leaf(index, self.now, &id, &self.source)?;
        let (folder, mut written) = (&self.folder, Ok(()));
        let full = |tile: Tile, hashes: &[Hash]| {
            if written.is_ok() {
                written = put(folder, &tile.path(), &encode_hashes(hashes));
            }
        };
        self.edge.append(leaf_hash(&leaf), full)?;
        written?;
        self.bundle.push(leaf);
        if self.bundle.len() == usize::from(BUNDLE) {
            self.write_bundle()?;
        }
        self.now = self.now.after(STEP);
        Ok(index)
    }

    fn write_bundle(&mut self) -> Result {
        let width = u16::try_from(self.bundle.len())?;
        let bundle = Bundle::new(self.bundles, width).ok_or("no such bundle")?;
        let bytes = bundle.encode(self.bundle.iter().map(Vec::as_slice))?;
        put(&self.folder, &bundle.path(), &bytes)?;
        self.bundle.clear();
        self.bundles += 1;
        Ok(())
    }

    fn finish(&mut self, signer: &NoteSigner) -> Result {
        for (tile, hashes) in self.edge.partial() {
            put(&self.folder, &tile.path(), &encode_hashes(hashes))?;
        }
        if !self.bundle.is_empty() {
            self.write_bundle()?;
        }
        let head = Checkpoint::new(NAME, self.edge.size(), self.edge.root())?.sign(&[signer])?;
        put(&self.folder, "checkpoint", head.to_string().as_bytes())
    }
}

/// An id as the service makes them: a UUID of version 7.
fn id(time: Timestamp, number: u64) -> String {
    let millis = format!("{:012x}", time.as_millis());
    let (high, low) = millis.split_at(8);
    format!("{high}-{low}-7000-8000-{number:012x}")
}

fn put(folder: &Path, path: &str, bytes: &[u8]) -> Result {
    let file = folder.join(path);
    if let Some(parent) = file.parent() {
        fs::create_dir_all(parent)?;
    }
    Ok(fs::write(file, bytes)?)
}

/// Who is there, what they ask, and what is still open.
struct Practice {
    log: Log,
    directory: Directory,
    gateway: GatewayId,
    check: Check,
    /// Where one has to approve, and where two have to.
    panels: [Panel; 2],
    people: [PersonId; 2],
    /// What expires when its time has come.
    waiting: VecDeque<Approval>,
}

impl Practice {
    fn new(log: Log) -> Result<Practice> {
        let jwt = |subject| Identity::new(IdentityKind::Jwt, "https://idp.example", subject);
        let (bot, owner) = (jwt("triage-bot")?, jwt("dr-jones")?);
        let directory = Directory::builder()
            .person(PersonId::new("dr-jones")?, [owner.clone()])
            .agent(
                "triage-bot".parse()?,
                PersonId::new("dr-jones")?,
                [bot.clone()],
            )
            .build()?;
        let clinical = GroupName::new("clinical")?;
        let people = [PersonId::new("grace")?, PersonId::new("omar")?];
        let reviewers: Reviewers = people
            .iter()
            .map(|person| (person.clone(), [clinical.clone()].into()))
            .collect();
        let lineage = Lineage::new(vec![bot.clone(), owner])?;
        let excluded = directory
            .resolve_with(&bot, &lineage)
            .map_err(|_| "nobody is known")?;
        let panel = |quorum| -> Result<Panel> {
            let rule = ReviewRule::new(quorum, vec![clinical.clone()])?;
            Ok(Panel::new(&rule, &reviewers, &excluded))
        };
        Ok(Practice {
            panels: [panel(1)?, panel(2)?],
            check: Check {
                use_key: UseKey::from_bytes([0; 16]),
                principal: bot,
                lineage,
                action: "read".parse()?,
                method: "GET".to_owned(),
                authority: "fhir.example".to_owned(),
                path: "/Patient/{…}/$everything".to_owned(),
                query: "_since&{…}".to_owned(),
                resource: keyed_token(&[3; 32], b"/Patient/1"),
                fingerprint: Fingerprint::from_bytes([0; 32]),
                policy: PolicyDigest::from_bytes([1; 32]),
                classes: [Class::Name, Class::Date, Class::Mrn]
                    .into_iter()
                    .collect::<ClassSet>(),
                found: None,
                reason: None,
                approval: None,
                evidence: false,
                worker: None,
            },
            log,
            directory,
            gateway: GatewayId::new("edge")?,
            people,
            waiting: VecDeque::new(),
        })
    }

    /// One approval from its ask to its end, or until it waits.
    fn live(&mut self, number: u64) -> Result {
        while self
            .waiting
            .front()
            .is_some_and(|first| first.decide_by <= self.log.now)
        {
            if let Some(mut approval) = self.waiting.pop_front() {
                self.happen(&mut approval, &Event::Expire)?;
            }
        }
        let kind = number % 10;
        let panel = self.panels[usize::from(kind == 1)].clone();
        let mut approval = self.open(number, kind == 4, &panel)?;
        let [grace, omar] = self.people.clone();
        match kind {
            0 => return self.vote(&mut approval, &grace, Verdict::Deny, &panel),
            2 => {
                self.waiting.push_back(approval);
                return Ok(());
            }
            3 => {
                let principal = self.check.principal.clone();
                let withdraw = Event::Withdraw {
                    principal: &principal,
                };
                return self.happen(&mut approval, &withdraw).map(|_| ());
            }
            4 => self.see(&mut approval, number)?,
            5 => self.ask_again(&mut approval, &omar, &panel)?,
            6 if number.is_multiple_of(50) => self.stop(number, &omar)?,
            _ => {}
        }
        self.vote(&mut approval, &grace, yes(&self.check), &panel)?;
        if kind == 1 {
            self.vote(&mut approval, &omar, yes(&self.check), &panel)?;
        }
        self.consume(&mut approval, number, &panel)?;
        if number.is_multiple_of(100) {
            self.log
                .write(&Record::Log(Box::new(LogEvent::Heartbeat)))?;
        }
        Ok(())
    }

    fn open(&mut self, number: u64, is_collecting: bool, panel: &Panel) -> Result<Approval> {
        self.check.use_key = stream(number);
        let requester = self.directory.party(&self.check.principal);
        let segments = self.check.path.split('/').map(|segment| (None, segment));
        let words = RouteWords::new(segments, self.check.query.split('&'));
        let opening = Opening {
            id: ApprovalId::new(id(self.log.now, number))?,
            gateway: self.gateway.clone(),
            check: &self.check,
            route: RouteTemplate::again(&self.check.path, &self.check.query, &words),
            fingerprint_mac: mac(number),
            requester: requester.cloned().ok_or("nobody asks")?,
            panel,
            reason: Some(Commitment::to("discharge", &[9; 32])),
            collecting: is_collecting.then_some(Duration::from_mins(1)),
            uses: 1,
            in_emergency: false,
            step_up: None,
            lifetime: PENDING,
        };
        let opened = Approval::open(opening, self.log.now);
        let (approval, record) = opened.map_err(|_| "an ask was refused")?;
        self.log.write(&record)?;
        Ok(approval)
    }

    fn happen(&mut self, approval: &mut Approval, event: &Event<'_>) -> Result<u64> {
        let changed = transition(approval, event, self.log.now);
        let (next, record) = changed.map_err(|refused| refused.to_string())?;
        *approval = next;
        self.log.write(&record)
    }

    fn vote(
        &mut self,
        approval: &mut Approval,
        person: &PersonId,
        verdict: Verdict,
        panel: &Panel,
    ) -> Result {
        let none = BTreeSet::new();
        let ballot = Ballot {
            person,
            verdict,
            version: None,
            comment: Some(Commitment::to("as agreed", &[8; 32])),
            public_reason: None,
            assertion: None,
            panel,
            rules: &none,
            grant_lifetime: GRANT,
        };
        self.happen(approval, &Event::Vote(ballot)).map(|_| ())
    }

    fn see(&mut self, approval: &mut Approval, number: u64) -> Result {
        let evidence = Evidence {
            use_key: stream(number),
            found: Found::new([(Class::Name, 2)]),
            records: 1,
            bytes: 300,
            tags: Tags::new([[1; 8], [2; 8]]).ok_or("tags")?,
            complete: true,
            shape: None,
        };
        let gateway = self.gateway.clone();
        let seen = Event::Evidence {
            gateway: &gateway,
            evidence: &evidence,
        };
        self.happen(approval, &seen).map(|_| ())
    }

    fn ask_again(&mut self, approval: &mut Approval, person: &PersonId, panel: &Panel) -> Result {
        let question = Event::Question {
            person,
            version: None,
            comment: None,
            panel,
        };
        self.happen(approval, &question)?;
        let principal = self.check.principal.clone();
        let reason = Commitment::to("the round of ward 4", &[7; 32]);
        let explain = Event::Explain {
            principal: &principal,
            reason,
        };
        self.happen(approval, &explain).map(|_| ())
    }

    /// Of an action that nobody uses, so that nothing is released against it.
    fn stop(&mut self, number: u64, by: &PersonId) -> Result {
        let scope = StopScope::Action {
            name: "purge".parse()?,
        };
        let stop_id = StopId::new(id(self.log.now, number))?;
        let (stop, record) = Stop::begin(stop_id, scope, None, by.clone(), self.log.now);
        self.log.write(&record)?;
        let [grace, _] = self.people.clone();
        let resumed = stop.resume(None, &grace, self.log.now);
        let (_, record) = resumed.map_err(|_| "a stop goes on")?;
        self.log.write(&record).map(|_| ())
    }

    fn consume(&mut self, approval: &mut Approval, number: u64, panel: &Panel) -> Result {
        let (gateway, principal) = (self.gateway.clone(), self.check.principal.clone());
        let ask = Ask {
            gateway: &gateway,
            use_key: stream(number),
            fingerprint_mac: mac(number),
            principal: &principal,
            policy: self.check.policy,
            waiting: false,
            stops: &[],
        };
        let before: &[Use] = &[];
        let used = self.happen(
            approval,
            &Event::Consume {
                ask,
                uses: before,
                panel,
            },
        )?;
        let released = Released {
            gateway: gateway.clone(),
            report: OutcomeReport {
                approval: approval.id.clone(),
                use_key: stream(number),
                status: 200,
                records: 1,
                bytes: 300,
                lifted: Found::new([(Class::Name, 2)]),
                masked: Found::new([(Class::Ssn, 1)]),
                drift: Found::default(),
                end: End::Complete,
            },
            used,
        };
        self.log
            .write(&Record::Released(Box::new(released)))
            .map(|_| ())
    }
}

fn yes(check: &Check) -> Verdict {
    Verdict::Approve {
        scope: Scope::of(check.classes),
        seconds: None,
        unseen: false,
    }
}

fn stream(number: u64) -> UseKey {
    UseKey::from_bytes((u128::from(number) + 1).to_be_bytes())
}

fn mac(number: u64) -> FingerprintMac {
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&number.to_be_bytes());
    FingerprintMac::of(&Fingerprint::from_bytes(digest), &[9; 32])
}
