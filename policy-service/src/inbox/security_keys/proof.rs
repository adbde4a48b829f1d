//! Whether somebody's security key has signed what they say: when they say it, and again when it is used.

use std::collections::BTreeSet;
use std::time::Duration;

use sha2::{Digest, Sha256};
use velum_approval::{
    Approval, Approving, Assertion, CHALLENGE_LIFETIME, Credential, KeyNonce, PersonId, StepUp,
    Timestamp, Unproven, Verdict, read_assertion,
};

use crate::http::App;
use crate::inbox::session::SessionId;
use crate::random;
use crate::store::{Operation, StoreError, Transaction};

/// What a browser sends of a security key, not read yet.
#[derive(Clone, Debug)]
pub(crate) struct Proof {
    pub(crate) offer: Offer,
    pub(crate) raw_id: Vec<u8>,
    pub(crate) client_data: Vec<u8>,
    pub(crate) authenticator_data: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

/// What makes a challenge new. It is good in the session for which it was made, once, and for five minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) nonce: KeyNonce,
    pub(crate) at: Timestamp,
}

impl Offer {
    /// One that nobody knew before.
    pub(super) fn new(app: &App, at: Timestamp) -> Result<Offer, StoreError> {
        let nonce = KeyNonce::from_bytes(random::bytes(&*app.parts().random)?);
        Ok(Offer { nonce, at })
    }

    /// What the store knows it by. What it is for is in the challenge.
    fn what(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(b"velum-key-offer-v1\0");
        digest.update(self.nonce.as_bytes());
        digest.update(self.at.as_millis().to_be_bytes());
        digest.finalize().into()
    }

    /// Keeps it until it is answered.
    pub(super) async fn keep(
        &self,
        transaction: &mut Transaction,
        session: &SessionId,
    ) -> Result<(), StoreError> {
        let since = self.at.before(CHALLENGE_LIFETIME);
        transaction
            .offer(session, &self.what(), (self.at, since))
            .await
    }

    /// Uses it up; whether there was such a one.
    pub(super) async fn take(
        &self,
        transaction: &mut Transaction,
        session: &SessionId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (since, what) = (now.before(CHALLENGE_LIFETIME), self.what());
        let taken = transaction.take_confirmation(session, &what, since).await?;
        Ok(taken.is_some_and(|taken| taken.at == self.at))
    }
}

/// Makes a challenge for a session.
pub(super) struct Keep {
    pub(super) offer: Offer,
    pub(super) session: SessionId,
}

impl Operation for Keep {
    type Output = ();
    type Error = StoreError;

    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        self.offer.keep(transaction, &self.session).await
    }
}

/// What an action asks of whoever approves this: as it was when it was asked, or more where the configuration asks
/// for more now.
pub(crate) fn needed(app: &App, approval: &Approval) -> Option<StepUp> {
    let now = app.parts().actions.step_up(&approval.action);
    approval.step_up.max(now)
}

/// Why what came proves nothing.
pub(crate) enum ProofError {
    Unproven(Unproven),
    Store(StoreError),
}

impl From<StoreError> for ProofError {
    fn from(error: StoreError) -> ProofError {
        ProofError::Store(error)
    }
}

impl From<Unproven> for ProofError {
    fn from(unproven: Unproven) -> ProofError {
        ProofError::Unproven(unproven)
    }
}

/// What this person's security key has signed of this yes. The challenge is used up.
pub(crate) async fn verify(
    app: &App,
    transaction: &mut Transaction,
    (session, proof): (SessionId, &Proof),
    (approval, person, verdict): (&Approval, &PersonId, &Verdict),
) -> Result<Assertion, ProofError> {
    let (now, parts) = (app.now(), app.parts());
    let origin = parts
        .inbox
        .as_ref()
        .and_then(|inbox| inbox.origin.of_keys());
    let origin = origin.ok_or(Unproven::OtherParty)?;
    let Offer { nonce, at } = proof.offer;
    if !proof.offer.take(transaction, &session, now).await? {
        return Err(Unproven::Late.into());
    }
    let shown = (approval.version, at, nonce);
    let what = Approving::of(approval, person, verdict, shown).ok_or(Unproven::Malformed)?;
    let answer = (
        &*proof.client_data,
        &*proof.authenticator_data,
        &*proof.signature,
    );
    let assertion = read_assertion(&what, &origin, &proof.raw_id, answer)?;
    assertion.is_in_time(now)?;
    let sealed = transaction.security_key(&assertion.credential).await?;
    let key = sealed.and_then(|sealed| sealed.open(&parts.keys.fingerprint));
    let key = key.ok_or(Unproven::OtherCredential)?;
    if key.credential.origin != origin {
        return Err(Unproven::OtherParty.into());
    }
    key.credential.verify(&assertion, &what)?;
    Credential::counts_on(key.counter, assertion.count)?;
    Ok(assertion)
}

/// Whose latest yes to this approval their security key has signed, and they still have that key; `None` where nobody
/// is asked for that. All of it is verified again, from what the store says: a state that somebody wrote there
/// releases nothing.
pub(crate) async fn proven(
    app: &App,
    transaction: &mut Transaction,
    approval: &Approval,
) -> Result<Option<BTreeSet<PersonId>>, StoreError> {
    if needed(app, approval) != Some(StepUp::Webauthn) {
        return Ok(None);
    }
    let (mut proven, mut latest, mut shortest) = (BTreeSet::new(), None, None);
    for (number, vote) in approval.votes.iter().enumerate() {
        let Some(assertion) = vote
            .assertion
            .as_ref()
            .filter(|_| approval.is_current(number))
        else {
            continue;
        };
        let shown = (assertion.version, assertion.at, assertion.nonce);
        let Some(what) = Approving::of(approval, &vote.person, &vote.verdict, shown) else {
            continue;
        };
        let sealed = transaction.security_key(&assertion.credential).await?;
        let key = sealed.and_then(|sealed| sealed.open(&app.parts().keys.fingerprint));
        let verified = match &key {
            Some(key) => key.credential.verify(assertion, &what),
            None => Err(Unproven::OtherCredential),
        };
        match verified {
            Ok(()) => {
                proven.insert(vote.person.clone());
                latest = latest.max(Some(assertion.at));
                shortest = match (shortest, what.seconds) {
                    (Some(one), Some(other)) => Some(u32::min(one, other)),
                    (one, other) => one.or(other),
                };
            }
            Err(why) => tracing::error!(
                approval = approval.id.as_str(),
                person = vote.person.as_str(),
                %why,
                "a vote in the store is not what a security key of its person has signed: it does not count"
            ),
        }
    }
    if !is_within(app, approval, latest, shortest) {
        tracing::error!(
            approval = approval.id.as_str(),
            "a grant lasts longer than what security keys have signed allows: it is not used"
        );
        proven.clear();
    }
    Ok(Some(proven))
}

/// Whether the grant ends as soon as it would after the last challenge that was signed.
fn is_within(
    app: &App,
    approval: &Approval,
    latest: Option<Timestamp>,
    shortest: Option<u32>,
) -> bool {
    let terms = app.parts().actions.terms(&approval.action);
    let (Some(latest), Some(terms)) = (latest, terms) else {
        return true;
    };
    let named = shortest.map(|seconds| Duration::from_secs(seconds.into()));
    let lifetime = named.map_or(terms.lifetime, |named| named.min(terms.lifetime));
    let end = latest.after(CHALLENGE_LIFETIME).after(lifetime);
    approval.grant_expires.is_none_or(|expires| expires <= end)
}
