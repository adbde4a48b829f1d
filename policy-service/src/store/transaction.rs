//! One transaction: reads, and changes that take their records.

use std::ops::Range;

use velum_approval::record::Summary;
use velum_approval::{
    ActionName, Approval, ApprovalId, Check, Commitment, CredentialId, Emergency, EmergencyId,
    Evidence, FingerprintMac, GatewayId, Identity, LogName, OutcomeReport, PersonId, Record,
    RecordId, Stop, StopId, StopScope, Tags, Timestamp, UseKey, Verdict, WorkerId,
};
use velum_ledger::tile::Tile;

use super::audit::Leaf;
use super::connection::{Connection, values};
use super::secrets::{self, Secret};
use super::{
    Anchored, Batch, Confirmed, Denials, GroupReading, GroupReadings, Head, Heard, Load, LogKeys,
    LogRow, NewUse, Once, Repeat, SealedKey, Spent, StoreError, StoredSession, StoredUse, Tiles,
    Tree, Written, about, anchors, approvals, audit, confirmations, emergencies, events, lapses,
    log, log_keys, pruning, repeats, security_keys, sessions, stops, uses,
};

use crate::clock::Others;

/// A change to the store. It can only be made together with its record.
pub(crate) enum Change<'a> {
    /// A new case, with what its requester wrote.
    Open {
        approval: &'a Approval,
        reason: Option<&'a Secret>,
    },
    /// A case with one vote more, with what the voter wrote, and the security key that has signed it and what that
    /// has counted to.
    Vote {
        approval: &'a Approval,
        written: Vec<&'a Secret>,
        signed: Option<(CredentialId, u32)>,
    },
    /// A case whose grant was used: which stream used it, and what it is answered; and the emergency
    /// access that it was used under, if any.
    Use {
        made: NewUse<'a>,
        emergency: Option<&'a Emergency>,
    },
    /// A case that changed in any other way, with what somebody wrote, and what was seen.
    Case {
        approval: &'a Approval,
        written: Option<&'a Secret>,
        evidence: Option<&'a Evidence>,
    },
    /// None to a case: what left under a use.
    Outcome {
        gateway: &'a GatewayId,
        report: &'a OutcomeReport,
    },
    /// None to a case: a stop, or its end.
    Stop {
        stop: &'a Stop,
        comment: Option<&'a Secret>,
    },
    /// None to a case: an emergency access, opened or reviewed.
    Emergency {
        emergency: &'a Emergency,
        written: Option<&'a Secret>,
    },
    /// None to a case: what a gateway reported in a minute has its record.
    Summary { summary: &'a Summary },
    /// None to a case: somebody has signed in. The session of this browser before ends, and so do those in which
    /// nothing was done since the one moment, or that began before the other.
    SignedIn {
        id: &'a [u8; 32],
        session: &'a StoredSession,
        instead: Option<&'a [u8; 32]>,
        over: (Timestamp, Timestamp),
    },
    /// None to a case: somebody has signed in anew for something.
    Confirmed {
        id: &'a [u8; 32],
        confirmed: &'a Confirmed,
    },
    /// None to a case: somebody has signed out, in this browser or everywhere.
    SignedOut {
        id: &'a [u8; 32],
        everywhere: Option<&'a PersonId>,
    },
    /// None to a case: somebody has a security key more.
    KeyAdded { key: &'a SealedKey },
    /// None to a case: somebody has one less.
    KeyRemoved { id: &'a CredentialId },
    /// None, but for what somebody wrote.
    Written { written: &'a Secret },
    /// None: something was refused, and the record says so.
    Nothing,
}

/// When a change is made, and the id of its record.
pub(crate) struct Stamp {
    pub(crate) now: Timestamp,
    pub(crate) record: RecordId,
}

/// A transaction that changes something. What it has read of an approval nobody else changes while
/// it is open.
pub(crate) struct Transaction {
    connection: Connection,
    has_changes: bool,
    #[cfg(test)]
    has_records: bool,
    /// In whose place no record is appended, once: for what a record costs.
    #[cfg(test)]
    instead: Option<u64>,
    faults: Faults,
}

/// How the next commit of a store fails, and what the store leaves out; outside tests nothing does.
#[derive(Clone, Default)]
pub(super) struct Faults {
    #[cfg(test)]
    next: std::sync::Arc<std::sync::Mutex<Option<Fault>>>,
    /// Whether an approval is replaced whatever its version is; where others write too, by all but a use.
    #[cfg(test)]
    is_weak: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

/// The statement that replaces an approval by its next version.
pub(super) const REPLACE: &str =
    "UPDATE approval SET state = $1, due_ms = $2, updated_ms = $3, version = $4, body = $5
     WHERE id = $6 AND version = $7";

impl Faults {
    #[cfg(test)]
    pub(super) fn take(&self) -> Option<Fault> {
        self.next.lock().unwrap().take()
    }

    /// The statement that replaces an approval.
    #[cfg_attr(not(test), expect(clippy::unused_self, reason = "tests ask it"))]
    fn replace(&self) -> &'static str {
        #[cfg(test)]
        if self.is_weak.load(std::sync::atomic::Ordering::SeqCst) {
            return "UPDATE approval SET state = $1, due_ms = $2, updated_ms = $3, version = $4, body = $5
                    WHERE id = $6 AND version >= $7";
        }
        REPLACE
    }
}

/// Where a commit fails.
#[cfg(test)]
#[derive(Clone, Copy)]
pub(crate) enum Fault {
    /// Before it takes place.
    Lost,
    /// After it took place, so that only its answer is lost.
    AnswerLost,
}

impl Transaction {
    pub(super) fn new(connection: Connection, faults: &Faults) -> Transaction {
        Transaction {
            connection,
            has_changes: false,
            #[cfg(test)]
            has_records: false,
            #[cfg(test)]
            instead: None,
            faults: faults.clone(),
        }
    }

    /// The approval with this id.
    pub(crate) async fn approval(
        &mut self,
        id: &ApprovalId,
    ) -> Result<Option<Approval>, StoreError> {
        approvals::load(&mut self.connection, id).await
    }

    /// The approval for exactly this ask: the open one, else the one that ended last.
    pub(crate) async fn approval_for_ask(
        &mut self,
        principal: &Identity,
        fingerprint_mac: &FingerprintMac,
    ) -> Result<Option<Approval>, StoreError> {
        approvals::load_for_ask(&mut self.connection, principal, fingerprint_mac).await
    }

    /// The approval that this stream has used, if any.
    pub(crate) async fn used_by(
        &mut self,
        gateway: &GatewayId,
        use_key: UseKey,
    ) -> Result<Option<ApprovalId>, StoreError> {
        approvals::used_by(&mut self.connection, gateway, use_key).await
    }

    /// Every use of an approval.
    pub(crate) async fn uses(&mut self, id: &ApprovalId) -> Result<Vec<StoredUse>, StoreError> {
        uses::of(&mut self.connection, id).await
    }

    /// How many approvals wait for a decision, and how many were asked lately.
    pub(crate) async fn load(
        &mut self,
        names: &[&Identity],
        action: &ActionName,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Load, StoreError> {
        approvals::load_of(&mut self.connection, names, action, since, now).await
    }

    /// The asks like this one of the same principal, under all these names, that were denied since then: how
    /// many, and the last.
    pub(crate) async fn denials(
        &mut self,
        check: &Check,
        names: &[&Identity],
        since: Timestamp,
    ) -> Result<Denials, StoreError> {
        approvals::denials(&mut self.connection, check, names, since).await
    }

    /// The tags of what reviewers saw of an approval's response.
    pub(crate) async fn tags(&mut self, id: &ApprovalId) -> Result<Option<Tags>, StoreError> {
        uses::tags(&mut self.connection, id).await
    }

    /// Whether what left under this use was reported.
    pub(crate) async fn has_outcome(
        &mut self,
        gateway: &GatewayId,
        use_key: UseKey,
    ) -> Result<bool, StoreError> {
        uses::has_outcome(&mut self.connection, gateway, use_key).await
    }

    /// Keeps everybody else from writing a record until this transaction ends; gives what they know of the
    /// time where others write too.
    pub(crate) async fn lock_log(&mut self) -> Result<Option<Others>, StoreError> {
        audit::lock(&mut self.connection).await
    }

    /// Whether others may write at the same time.
    pub(crate) fn has_rivals(&self) -> bool {
        self.connection.has_rivals()
    }

    /// The latest moment that anybody has seen.
    pub(crate) async fn latest(&mut self) -> Result<Timestamp, StoreError> {
        audit::latest(&mut self.connection).await
    }

    /// The open log.
    pub(crate) async fn open_log(&mut self) -> Result<LogRow, StoreError> {
        log::open(&mut self.connection).await
    }

    /// Gives the open log its name: the one thing that is written before any record.
    pub(crate) async fn name_log(&mut self, name: &LogName) -> Result<(), StoreError> {
        self.has_changes = true;
        log::set_name(&mut self.connection, name).await
    }

    /// Closes the open log and opens the next one, whose first record has to follow; gives its index, before
    /// which so many are given to nobody.
    pub(crate) async fn begin_next_log(
        &mut self,
        closed: &LogRow,
        name: &LogName,
        gap: u64,
    ) -> Result<u64, StoreError> {
        self.has_changes = true;
        log::begin_next(&mut self.connection, closed, name, gap).await
    }

    /// Notes that a closed log which has lost records is known to have been so far.
    pub(crate) async fn set_known(&mut self, log: u64, size: u64) -> Result<(), StoreError> {
        self.has_changes = true;
        log::set_known(&mut self.connection, log, size).await
    }

    /// Takes out all that belongs to a closed log; the record at this index says so.
    pub(crate) async fn prune(&mut self, log: &LogRow, record: u64) -> Result<(), StoreError> {
        self.has_changes = true;
        pruning::prune(&mut self.connection, log, record).await
    }

    /// Every log, the first one first.
    pub(crate) async fn logs(&mut self) -> Result<Vec<LogRow>, StoreError> {
        log::logs(&mut self.connection).await
    }

    /// The approvals that may still become something.
    pub(crate) async fn unended(&mut self) -> Result<Vec<ApprovalId>, StoreError> {
        approvals::unended(&mut self.connection).await
    }

    /// How much of the open log is in tiles, and who puts it there. Nobody else does until this transaction
    /// ends.
    pub(crate) async fn tree(&mut self) -> Result<Tree, StoreError> {
        log::tree(&mut self.connection).await
    }

    /// The records of the open log from this place on, in order, with the hash that stands beside each.
    pub(crate) async fn leaves(&mut self, from: u64) -> Result<Vec<Leaf>, StoreError> {
        audit::page(&mut self.connection, from).await
    }

    /// The record at this index.
    pub(crate) async fn record(&mut self, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        audit::entry(&mut self.connection, index).await
    }

    /// The last record of the configuration among those of these indexes.
    pub(crate) async fn last_configured(
        &mut self,
        within: Range<u64>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        audit::last_configured(&mut self.connection, within).await
    }

    /// Those of these tiles that are there.
    pub(crate) async fn tiles(&mut self, log: u64, tiles: &[Tile]) -> Result<Tiles, StoreError> {
        log::read_tiles(&mut self.connection, log, tiles).await
    }

    /// Writes tiles, and how much of the open log they hold. What is derived from records takes none.
    pub(crate) async fn grow(&mut self, tree: &Tree, tiles: &Tiles) -> Result<(), StoreError> {
        self.has_changes = true;
        let before = log::tree(&mut self.connection).await?;
        if before.size < tree.size {
            let first = log::open(&mut self.connection).await?.first;
            let grown = first + before.size..first + tree.size;
            about::note(&mut self.connection, grown).await?;
        }
        for (tile, hashes) in tiles {
            log::write_tile(&mut self.connection, tree.log, *tile, hashes).await?;
        }
        log::set_tree(&mut self.connection, tree).await
    }

    /// Puts a signed head in the place of the one before.
    pub(crate) async fn set_head(&mut self, log: u64, head: &Head) -> Result<(), StoreError> {
        self.has_changes = true;
        log::set_head(&mut self.connection, log, head).await
    }

    /// Notes what an anchor has of a log.
    pub(crate) async fn set_anchored(
        &mut self,
        log: u64,
        now: &Anchored,
        is_over: bool,
    ) -> Result<(), StoreError> {
        self.has_changes = true;
        anchors::set(&mut self.connection, log, now, is_over).await
    }

    /// The keys of a log. They stay so while its records are locked.
    pub(crate) async fn log_keys(&mut self, log: u64) -> Result<LogKeys, StoreError> {
        log_keys::of(&mut self.connection, log).await
    }

    /// Keeps a head that these keys have signed with the rotations that it proves.
    pub(crate) async fn prove_keys(
        &mut self,
        log: u64,
        head: &Head,
        signed_by: &[[u8; 32]],
    ) -> Result<(), StoreError> {
        log_keys::prove(&mut self.connection, log, head, signed_by).await
    }

    /// What is stopped now.
    pub(crate) async fn stops(&mut self, now: Timestamp) -> Result<Vec<StopScope>, StoreError> {
        stops::scopes(&mut self.connection, now).await
    }

    /// Makes sure that the record of the change is there as it was written, whatever triggers have done since.
    pub(crate) async fn require_kept(&mut self) -> Result<(), StoreError> {
        audit::require_kept(&mut self.connection).await
    }

    /// Makes sure that what is stopped is still this. The log is locked, so it stays so until this
    /// transaction ends.
    pub(crate) async fn require_stops(
        &mut self,
        stops: &[StopScope],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        // Where nobody else writes it is.
        if !self.connection.has_rivals() || stops::scopes(&mut self.connection, now).await? == stops
        {
            Ok(())
        } else {
            Err(self.connection.conflict())
        }
    }

    /// The stop with this id.
    pub(crate) async fn stop(&mut self, id: &StopId) -> Result<Option<Stop>, StoreError> {
        stops::load(&mut self.connection, id).await
    }

    /// Keeps what was heard of a worker about a stop: no stop holds by it, so that it has no record.
    pub(crate) async fn hear(&mut self, stop: &StopId, heard: &Heard) -> Result<(), StoreError> {
        self.has_changes = true;
        confirmations::write(&mut self.connection, stop, heard).await
    }

    /// Puts aside the stops that have nothing left to stop: nothing that anybody reads changes by it.
    pub(crate) async fn lapse_stops(&mut self, now: Timestamp) -> Result<(), StoreError> {
        self.has_changes = true;
        lapses::lapse(&mut self.connection, now).await
    }

    /// The emergency accesses that nobody has reviewed.
    pub(crate) async fn unreviewed_emergencies(&mut self) -> Result<Vec<Emergency>, StoreError> {
        emergencies::unreviewed(&mut self.connection).await
    }

    /// The emergency access with this id.
    pub(crate) async fn emergency(
        &mut self,
        id: &EmergencyId,
    ) -> Result<Option<Emergency>, StoreError> {
        emergencies::load(&mut self.connection, id).await
    }

    /// What somebody wrote, as far as it was not erased.
    pub(crate) async fn written(
        &mut self,
        commitment: Option<Commitment>,
    ) -> Result<Option<Written>, StoreError> {
        secrets::text(&mut self.connection, commitment).await
    }

    /// Whether a request that is to be carried out once has come before.
    pub(crate) async fn repeat(
        &mut self,
        once: Option<&Once>,
        now: Timestamp,
    ) -> Result<Repeat, StoreError> {
        match once {
            Some(once) => repeats::find(&mut self.connection, once, now).await,
            None => Ok(Repeat::First),
        }
    }

    /// Notes what came of such a request: part of the change that was made for it.
    pub(crate) async fn note(
        &mut self,
        once: Option<&Once>,
        thing: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        match once {
            Some(once) => repeats::insert(&mut self.connection, once, thing, now).await,
            None => Ok(()),
        }
    }

    /// The number of the latest batch of a worker, and whether this one is there.
    pub(crate) async fn reported(
        &mut self,
        gateway: &GatewayId,
        worker: WorkerId,
        sequence: u64,
    ) -> Result<(u64, bool), StoreError> {
        events::reported(&mut self.connection, gateway, worker, sequence).await
    }

    /// Keeps a batch that is not there. Nothing is released for it, and the record of its minute has it:
    /// a record of each would let traffic drown the log.
    pub(crate) async fn keep(&mut self, batch: &Batch, now: Timestamp) -> Result<(), StoreError> {
        self.has_changes = true;
        #[cfg(test)]
        {
            self.has_records = true;
        }
        events::insert(&mut self.connection, batch, now).await
    }

    /// The digest that was noted of the key that requests are recognised by.
    pub(super) async fn keys(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        audit::lock(&mut self.connection).await?;
        let row = self.connection.one("SELECT keys FROM meta", &[]).await?;
        row.read("keys")
    }

    /// Notes it: the one thing that is written without a record, since nothing was done yet.
    pub(super) async fn note_keys(&mut self, keys: &[u8; 32]) -> Result<(), StoreError> {
        self.has_changes = true;
        let note = "UPDATE meta SET keys = $1";
        self.connection.execute(note, values![keys]).await?;
        Ok(())
    }

    /// Makes a change and appends its record, and returns the record's index.
    ///
    /// # Errors
    /// When a row is not as it was read, or a record is too long. The operation must then fail too.
    pub(crate) async fn apply(
        &mut self,
        change: &Change<'_>,
        record: &Record,
        stamp: &Stamp,
    ) -> Result<u64, StoreError> {
        self.has_changes = true;
        #[cfg(test)]
        {
            self.has_records = true;
        }
        let replace = self.faults.replace();
        let connection = &mut self.connection;
        #[cfg(test)]
        if let (Some(index), Change::Use { made, .. }) = (self.instead.take(), change) {
            return uses::make_without_record(connection, made, index, stamp, replace).await;
        }
        let index = match change {
            Change::Use { made, .. } => {
                uses::make(connection, made, record, stamp, replace).await?
            }
            _ => audit::append(connection, record, stamp).await?,
        };
        if let Record::Log(event) = record {
            log_keys::note(connection, event, index).await?;
        }
        match change {
            Change::Open { approval, reason } => {
                if let Some(reason) = reason {
                    secrets::insert(connection, reason).await?;
                }
                open(connection, approval, stamp.now).await?;
            }
            Change::Vote {
                approval,
                written,
                signed,
            } => {
                if let Some((id, counter)) = signed {
                    security_keys::count(connection, id, *counter, stamp.now).await?;
                }
                for secret in written {
                    secrets::insert(connection, secret).await?;
                }
                update(connection, approval, stamp.now, replace).await?;
                append_vote(connection, approval).await?;
            }
            Change::Use { emergency, .. } => {
                if let Some(emergency) = emergency {
                    emergencies::update(connection, emergency).await?;
                }
            }
            Change::Case {
                approval,
                written,
                evidence,
            } => {
                if let Some(written) = written {
                    secrets::insert(connection, written).await?;
                }
                update(connection, approval, stamp.now, replace).await?;
                if let Some(evidence) = evidence {
                    uses::insert_evidence(connection, &approval.id, evidence).await?;
                }
            }
            Change::Outcome { gateway, report } => {
                uses::insert_outcome(connection, gateway, report, index, stamp.now).await?;
            }
            Change::Stop { stop, comment } => {
                if let Some(comment) = comment {
                    secrets::insert(connection, comment).await?;
                }
                stops::write(connection, stop, *comment, index).await?;
            }
            Change::Emergency { emergency, written } => {
                if let Some(written) = written {
                    secrets::insert(connection, written).await?;
                }
                if emergency.version == 1 {
                    emergencies::insert(connection, emergency).await?;
                } else {
                    emergencies::update(connection, emergency).await?;
                }
            }
            Change::Summary { summary } => events::record(connection, summary, index).await?,
            Change::SignedIn {
                id,
                session,
                instead,
                over,
            } => {
                sessions::remove_over(connection, *over).await?;
                if let Some(instead) = instead {
                    sessions::remove(connection, instead).await?;
                }
                sessions::insert(connection, id, session).await?;
            }
            Change::Confirmed { id, confirmed } => {
                sessions::confirm(connection, id, confirmed).await?;
            }
            Change::SignedOut { id, everywhere } => {
                sessions::remove(connection, id).await?;
                if let Some(person) = everywhere {
                    sessions::remove_all_of(connection, person).await?;
                }
            }
            Change::KeyAdded { key } => security_keys::insert(connection, key).await?,
            Change::KeyRemoved { id } => security_keys::remove(connection, id).await?,
            Change::Written { written } => secrets::insert(connection, written).await?,
            Change::Nothing => {}
        }
        Ok(index)
    }

    /// Notes that something was done in a session: nothing that has a record.
    pub(crate) async fn touch_session(
        &mut self,
        id: &[u8; 32],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.has_changes = true;
        sessions::touch(&mut self.connection, id, now).await
    }

    /// Puts what asks the provider in a session's name in the place of what did.
    pub(crate) async fn set_access(
        &mut self,
        id: &[u8; 32],
        access: &[u8],
    ) -> Result<(), StoreError> {
        self.has_changes = true;
        sessions::set_access(&mut self.connection, id, access).await
    }

    /// What the provider has said last of everybody.
    pub(crate) async fn group_readings(&mut self) -> Result<GroupReadings, StoreError> {
        sessions::readings(&mut self.connection).await
    }

    /// Notes what the provider says of somebody now: like the configuration, it has no record of its own.
    pub(crate) async fn note_groups(
        &mut self,
        person: &PersonId,
        reading: &GroupReading,
    ) -> Result<(), StoreError> {
        self.has_changes = true;
        sessions::note_groups(&mut self.connection, person, reading).await
    }

    /// Takes what somebody has signed in anew for, if it was since then.
    pub(crate) async fn take_confirmation(
        &mut self,
        session: &[u8; 32],
        what: &[u8; 32],
        since: Timestamp,
    ) -> Result<Option<Confirmed>, StoreError> {
        self.has_changes = true;
        sessions::take_confirmation(&mut self.connection, session, what, since).await
    }

    /// Notes that a session may do something once, and forgets what was so before that moment: it changes nothing
    /// by itself.
    pub(crate) async fn offer(
        &mut self,
        session: &[u8; 32],
        what: &[u8; 32],
        (now, since): (Timestamp, Timestamp),
    ) -> Result<(), StoreError> {
        self.has_changes = true;
        sessions::offer(&mut self.connection, session, what, (now, since)).await
    }

    /// The security keys of a person.
    pub(crate) async fn security_keys(
        &mut self,
        person: &PersonId,
    ) -> Result<Vec<SealedKey>, StoreError> {
        security_keys::of_person(&mut self.connection, person).await
    }

    /// The security key with this id.
    pub(crate) async fn security_key(
        &mut self,
        id: &CredentialId,
    ) -> Result<Option<SealedKey>, StoreError> {
        security_keys::load(&mut self.connection, id).await
    }

    /// Notes what a security key has counted to, as a vote that it has signed does.
    pub(super) async fn count_key(
        &mut self,
        id: &CredentialId,
        counter: u32,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.has_changes = true;
        security_keys::count(&mut self.connection, id, counter, now).await
    }

    /// Uses up what is good for once only, until a moment at which it is good for nothing.
    pub(crate) async fn spend(
        &mut self,
        what: &[u8; 32],
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Spent, StoreError> {
        self.has_changes = true;
        sessions::spend(&mut self.connection, what, until, now).await
    }

    /// Whether there is anything to commit; forgets it.
    pub(super) fn take_changes(&mut self) -> bool {
        std::mem::take(&mut self.has_changes)
    }

    /// Whether anything with a record was changed; forgets it. A fault meets such a commit, and not one of
    /// those that go on by themselves.
    #[cfg(test)]
    pub(super) fn take_records(&mut self) -> bool {
        std::mem::take(&mut self.has_records)
    }

    pub(super) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// To change what has no record.
    pub(super) fn connection_to_change(&mut self) -> &mut Connection {
        self.has_changes = true;
        &mut self.connection
    }

    pub(super) fn into_connection(self) -> Connection {
        self.connection
    }

    /// Appends no record for the next change, which gets this index instead.
    #[cfg(test)]
    pub(crate) fn append_nothing(&mut self, instead: u64) {
        self.instead = Some(instead);
    }

    /// Makes the next commit fail.
    #[cfg(test)]
    pub(crate) fn fail_next_commit(&mut self, fault: Fault) {
        *self.faults.next.lock().unwrap() = Some(fault);
    }

    /// Has the store replace approvals whatever their version is, from now on.
    #[cfg(test)]
    pub(crate) fn weaken(&mut self) {
        self.faults
            .is_weak
            .store(true, std::sync::atomic::Ordering::SeqCst);
    }

    /// Runs SQL behind the store's back, as an intruder would; kept.
    #[cfg(test)]
    pub(crate) async fn execute(&mut self, statement: &'static str) -> Result<(), StoreError> {
        self.has_changes = true;
        self.connection.execute(statement, &[]).await.map(|_| ())
    }
}

async fn open(
    connection: &mut Connection,
    approval: &Approval,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .execute(
            "INSERT INTO approval
                 (id, state, principal, action, fingerprint_mac, due_ms, created_ms, updated_ms,
                  version, body, alike)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            values![
                approval.id.as_str(),
                approval.state.name(),
                &approvals::principal_text(&approval.principal)?,
                approval.action.as_str(),
                approval.fingerprint_mac.as_bytes(),
                approval.due().map(Timestamp::as_millis),
                approval.created.as_millis(),
                now.as_millis(),
                number(approval.version)?,
                &body(approval)?,
                &approvals::alike(&approval.resource, approval.classes),
            ],
        )
        .await?;
    Ok(())
}

/// Replaces the row of the version before; that it is still there is the belt to the lock's braces.
pub(super) async fn update(
    connection: &mut Connection,
    approval: &Approval,
    now: Timestamp,
    statement: &'static str,
) -> Result<(), StoreError> {
    let updated = connection
        .execute(
            statement,
            values![
                approval.state.name(),
                approval.due().map(Timestamp::as_millis),
                now.as_millis(),
                number(approval.version)?,
                &body(approval)?,
                approval.id.as_str(),
                number(approval.version)? - 1,
            ],
        )
        .await?;
    match updated {
        1 => Ok(()),
        _ => Err(StoreError::Refused("over an approval that has changed")),
    }
}

async fn append_vote(connection: &mut Connection, approval: &Approval) -> Result<(), StoreError> {
    let Some(vote) = approval.votes.last() else {
        return Err(StoreError::Refused("a vote without a vote"));
    };
    let body = serde_json::to_string(vote).map_err(|_| StoreError::Refused("a vote"))?;
    let number = i64::try_from(approval.votes.len()).map_err(|_| StoreError::Refused("a vote"))?;
    let is_yes = matches!(vote.verdict, Verdict::Approve { .. });
    connection
        .execute(
            "INSERT INTO vote (approval, number, person, body, approved_ms)
             VALUES ($1, $2, $3, $4, $5)",
            values![
                approval.id.as_str(),
                number,
                vote.person.as_str(),
                &body,
                is_yes.then(|| vote.at.as_millis()),
            ],
        )
        .await?;
    Ok(())
}

pub(super) fn body(approval: &Approval) -> Result<String, StoreError> {
    serde_json::to_string(approval).map_err(|_| StoreError::Refused("an approval"))
}

pub(super) fn number(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::Refused("a number beyond the engine's"))
}
