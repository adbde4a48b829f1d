//! Somebody who is told: how they are called, and what became of it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use velum_approval::Timestamp;

use crate::config;
use crate::outward::{Caller, NoAnswer};
use crate::standard_webhooks::{self, SharedSecret};

/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(15);

pub(super) struct Endpoint {
    pub(super) name: String,
    caller: Caller,
    /// Each signs: the present one, and the one before it.
    secrets: Vec<SharedSecret>,
    standing: Mutex<Standing>,
}

/// How it stands, as far as this process has told it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    /// How many events it has taken.
    pub(crate) delivered: u64,
    /// How many attempts have failed.
    pub(crate) failed: u64,
    /// How many events it is never told, since it did not take them for days.
    pub(crate) given_up: u64,
    /// The index of the next record that it is to be told, where that is known.
    pub(crate) next: Option<u64>,
    /// Why it did not take what it was told last.
    pub(crate) failure: Option<Failure>,
}

/// Why an endpoint has not taken an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No connection, or it broke.
    Unreachable,
    /// Its name leads into this network, where it was not to.
    Private,
    /// Not in time.
    Late,
    /// It answered more than anything that is to be answered.
    BadAnswer,
    /// It answered that it is elsewhere. Nobody goes there.
    Redirected,
    /// It answered that it does not take it.
    Refused,
    /// It answered that it wants no more.
    Gone,
    /// It could not be signed.
    Unsigned,
}

impl Failure {
    /// What the log says.
    pub(super) fn name(self) -> &'static str {
        match self {
            Failure::Unreachable => "unreachable",
            Failure::Private => "private-network",
            Failure::Late => "late",
            Failure::BadAnswer => "bad-answer",
            Failure::Redirected => "redirected",
            Failure::Refused => "refused",
            Failure::Gone => "gone",
            Failure::Unsigned => "unsigned",
        }
    }
}

impl From<NoAnswer> for Failure {
    fn from(fault: NoAnswer) -> Failure {
        match fault {
            NoAnswer::Unreachable => Failure::Unreachable,
            NoAnswer::Private => Failure::Private,
            NoAnswer::Late => Failure::Late,
            NoAnswer::TooLong => Failure::BadAnswer,
        }
    }
}

impl Endpoint {
    /// Reads its secrets and the authorities that are believed there.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub(super) fn open(webhook: &config::Webhook) -> Result<Endpoint, String> {
        let caller = Caller::open(&webhook.peer)?.with_patience(PATIENCE);
        let files = [Some(&webhook.secret), webhook.previous_secret.as_ref()];
        let secrets = files.into_iter().flatten();
        Ok(Endpoint {
            name: webhook.name.clone(),
            caller: if webhook.is_inside {
                caller
            } else {
                caller.outside()
            },
            secrets: secrets
                .map(|file| SharedSecret::read(file))
                .collect::<Result<_, _>>()?,
            standing: Mutex::default(),
        })
    }

    /// Tries once to have it take this.
    pub(super) async fn send(&self, id: &str, body: &str, now: Timestamp) -> Result<(), Failure> {
        let headers = standard_webhooks::headers(&self.secrets, id, now, body);
        let headers = headers.map_err(|_| Failure::Unsigned)?;
        let sent = self
            .caller
            .post("", "application/json", headers, body.into());
        match sent.await?.status {
            status if status.is_success() => Ok(()),
            status if status.is_redirection() => Err(Failure::Redirected),
            StatusCode::GONE => Err(Failure::Gone),
            _ => Err(Failure::Refused),
        }
    }

    pub(super) fn standing(&self) -> Standing {
        self.change(|standing| standing.clone())
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Standing) -> T) -> T {
        // What is in it is always whole.
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut standing)
    }
}
