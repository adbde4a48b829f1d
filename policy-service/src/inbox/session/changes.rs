//! What changes sessions, each with its record but for what only notes that somebody is still there.

use std::collections::BTreeSet;
use std::time::Duration;

use velum_approval::record::{SessionEvent, SignedInBy};
use velum_approval::{GroupName, PersonId, Record, Timestamp};

use super::{Access, IDLE, LONGEST, SessionId, id_of};
use crate::http::{App, to_the_end};
use crate::random;
use crate::store::{
    Change, GroupReading, Operation, Spent, StoreError, StoredSession, Transaction,
};

/// Somebody who has shown who they are signs in.
#[derive(Clone)]
pub(crate) struct SignIn {
    pub(crate) person: PersonId,
    pub(crate) by: SignedInBy,
    /// What was shown, if it is good for once only, and until when it would be.
    pub(crate) spends: Option<([u8; 32], Timestamp)>,
    /// The session that this browser had before: it ends.
    pub(crate) instead: Option<SessionId>,
    /// What the provider has given for more questions, and what it says of their groups.
    pub(crate) access: Option<Access>,
    pub(crate) groups: Option<BTreeSet<GroupName>>,
}

/// Why nobody signs in.
#[derive(Debug)]
pub(crate) enum SignInError {
    /// What was shown was good for once, and that was before.
    Spent,
    Store(StoreError),
}

impl From<StoreError> for SignInError {
    fn from(error: StoreError) -> SignInError {
        SignInError::Store(error)
    }
}

impl SignIn {
    /// Begins the session under a token that nobody had before, and gives that.
    pub(crate) async fn begin(self, app: &App) -> Result<String, SignInError> {
        let token = random::token(&*app.parts().random).map_err(StoreError::from)?;
        let access = self.access.as_ref();
        let access = access.map(|access| access.seal(&token, &*app.parts().random));
        let access = access.transpose().map_err(SignInError::Store)?;
        let begin = Begin {
            app: app.clone(),
            id: id_of(&token),
            sign_in: self,
            access,
        };
        let store = app.clone();
        to_the_end(async move { Ok(store.store().write(begin).await) }).await??;
        Ok(token)
    }
}

struct Begin {
    app: App,
    id: SessionId,
    sign_in: SignIn,
    access: Option<Vec<u8>>,
}

impl Operation for Begin {
    type Output = ();
    type Error = SignInError;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), SignInError> {
        let SignIn {
            person,
            by,
            spends,
            instead,
            groups,
            ..
        } = &self.sign_in;
        let stamp = self.app.stamp(transaction).await?;
        if let Some((what, until)) = spends
            && transaction.spend(what, *until, stamp.now).await? == Spent::Before
        {
            return Err(SignInError::Spent);
        }
        let session = StoredSession {
            person: person.clone(),
            begun: stamp.now,
            seen: stamp.now,
            access: self.access.clone(),
        };
        if let Some(names) = groups {
            let reading = GroupReading {
                names: names.clone(),
                at: stamp.now,
            };
            transaction.note_groups(person, &reading).await?;
        }
        let record = Record::Session(Box::new(SessionEvent::SignedIn {
            person: person.clone(),
            by: *by,
        }));
        let change = Change::SignedIn {
            id: &self.id,
            session: &session,
            instead: instead.as_ref(),
            over: (stamp.now.before(IDLE), stamp.now.before(LONGEST)),
        };
        transaction.apply(&change, &record, &stamp).await?;
        Ok(())
    }
}

/// Somebody signs out.
pub(crate) struct SignOut {
    pub(crate) app: App,
    pub(crate) id: SessionId,
    pub(crate) person: PersonId,
    /// Of every browser where they are signed in.
    pub(crate) everywhere: bool,
}

impl Operation for SignOut {
    type Output = ();
    type Error = StoreError;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let stamp = self.app.stamp(transaction).await?;
        let record = Record::Session(Box::new(SessionEvent::SignedOut {
            person: self.person.clone(),
            everywhere: self.everywhere,
        }));
        let change = Change::SignedOut {
            id: &self.id,
            everywhere: self.everywhere.then_some(&self.person),
        };
        transaction.apply(&change, &record, &stamp).await?;
        Ok(())
    }
}

/// Somebody is still there.
pub(super) struct Touch {
    pub(super) id: SessionId,
    pub(super) now: Timestamp,
}

impl Operation for Touch {
    type Output = ();
    type Error = StoreError;

    const IS_REPEATABLE: bool = true;
    const PATIENCE: Duration = Duration::from_secs(2);

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        transaction.touch_session(&self.id, self.now).await
    }
}

/// What asks the provider from now on in a session's name.
pub(super) struct Renew {
    pub(super) id: SessionId,
    pub(super) access: Vec<u8>,
}

impl Operation for Renew {
    type Output = ();
    type Error = StoreError;

    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        transaction.set_access(&self.id, &self.access).await
    }
}

/// What the provider says of somebody's groups now.
pub(super) struct NoteGroups {
    pub(super) person: PersonId,
    pub(super) reading: GroupReading,
}

impl Operation for NoteGroups {
    type Output = ();
    type Error = StoreError;

    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        transaction.note_groups(&self.person, &self.reading).await
    }
}
