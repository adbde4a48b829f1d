//! What changes security keys, each with its record.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use velum_approval::record::CredentialEvent;
use velum_approval::{
    Credential, CredentialId, KeyOrigin, PersonId, Record, Registered, derive_key,
};

use super::Offer;
use crate::http::App;
use crate::inbox::session::{Session, SessionId};
use crate::inbox::step_up;
use crate::store::{Change, Operation, SealedKey, StoreError, StoredKey, Transaction};

/// What the store knows it by that somebody has signed in anew to add a key: the service's own code, so that whoever
/// can write the store cannot say so.
pub(crate) fn permission(
    app: &App,
    session: &SessionId,
    person: &PersonId,
) -> Result<[u8; 32], StoreError> {
    let key = derive_key(&app.parts().keys.fingerprint, "security-key-permissions");
    let mac = Hmac::<Sha256>::new_from_slice(&key);
    let mut mac = mac.map_err(|_| StoreError::Refused("a permission"))?;
    mac.update(session);
    mac.update(person.as_str().as_bytes());
    Ok(mac.finalize().into_bytes().into())
}

/// Makes a challenge for a new key, if somebody has just signed in anew for it.
pub(super) struct Begin {
    pub(super) app: App,
    pub(super) session: Session,
    pub(super) offer: Offer,
}

impl Operation for Begin {
    /// Whether they have.
    type Output = bool;
    type Error = StoreError;

    async fn run(&self, transaction: &mut Transaction) -> Result<bool, StoreError> {
        let Begin {
            app,
            session,
            offer,
        } = self;
        let since = offer.at.before(step_up::LIFETIME);
        let inbox = app.parts().inbox.as_ref();
        let provider = inbox.and_then(|inbox| inbox.provider.as_ref());
        let may = match (inbox, provider) {
            (Some(inbox), Some(_)) => {
                let what = permission(app, &session.id, &session.person)?;
                let taken = transaction.take_confirmation(&session.id, &what, since);
                let taken = taken.await?;
                taken.is_some_and(|taken| inbox.keys.login.admits(taken.acr.as_deref()))
            }
            // A link of `--try` has just been followed: there is no other way to sign in.
            _ => session.signed_in > since,
        };
        if may {
            offer.keep(transaction, &session.id).await?;
        }
        Ok(may)
    }
}

/// Why a key is not added.
pub(super) enum AddError {
    /// The challenge is none, was used, or is over.
    Late,
    /// Somebody has it.
    Known,
    Store(StoreError),
}

impl From<StoreError> for AddError {
    fn from(error: StoreError) -> AddError {
        AddError::Store(error)
    }
}

/// Adds a key.
pub(super) struct Add {
    pub(super) app: App,
    pub(super) session: SessionId,
    pub(super) person: PersonId,
    pub(super) offer: Offer,
    pub(super) origin: KeyOrigin,
    pub(super) registered: Registered,
}

impl Operation for Add {
    type Output = ();
    type Error = AddError;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), AddError> {
        let parts = self.app.parts();
        let stamp = self.app.stamp(transaction).await?;
        let offer = &self.offer;
        if !offer.take(transaction, &self.session, stamp.now).await? {
            return Err(AddError::Late);
        }
        let registered = &self.registered;
        if transaction.security_key(&registered.id).await?.is_some() {
            return Err(AddError::Known);
        }
        if transaction.security_keys(&self.person).await?.len() >= super::MOST {
            return Err(AddError::Known);
        }
        let inbox = parts.inbox.as_ref();
        let age = inbox.map(|inbox| inbox.keys.age).unwrap_or_default();
        let key = StoredKey {
            credential: Credential {
                id: registered.id,
                person: self.person.clone(),
                key: registered.key,
                origin: self.origin.clone(),
                flags: registered.flags,
                added: stamp.now,
                from: stamp.now.after(age),
            },
            raw_id: registered.raw_id.clone(),
            counter: registered.count,
            used: None,
        };
        let event = CredentialEvent::Added(key.credential.clone());
        let record = Record::Credential(Box::new(event));
        let sealed = SealedKey::seal(&key, &parts.keys.fingerprint)?;
        let change = Change::KeyAdded { key: &sealed };
        transaction.apply(&change, &record, &stamp).await?;
        Ok(())
    }
}

/// Removes one.
pub(super) struct Remove {
    pub(super) app: App,
    pub(super) person: PersonId,
    pub(super) id: CredentialId,
}

impl Operation for Remove {
    /// Whether it was there, and theirs.
    type Output = bool;
    type Error = StoreError;

    async fn run(&self, transaction: &mut Transaction) -> Result<bool, StoreError> {
        let secret = &self.app.parts().keys.fingerprint;
        let stamp = self.app.stamp(transaction).await?;
        let sealed = transaction.security_key(&self.id).await?;
        let key = sealed.and_then(|sealed| sealed.open(secret));
        if key.is_none_or(|key| key.credential.person != self.person) {
            return Ok(false);
        }
        let record = Record::Credential(Box::new(CredentialEvent::Removed {
            person: self.person.clone(),
            id: self.id,
        }));
        let change = Change::KeyRemoved { id: &self.id };
        transaction.apply(&change, &record, &stamp).await?;
        Ok(true)
    }
}
