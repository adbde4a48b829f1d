//! Somebody who is sent each head, as Standard Webhooks has it.

use std::path::Path;

use serde_json::json;

use super::telling::Told;
use super::{Fault, Offer};
use crate::config::Peer;
use crate::http::App;
use crate::outward::{Caller, NoAnswer};
use crate::standard_webhooks::{self, SharedSecret};

pub(super) struct Webhook {
    caller: Caller,
    secret: SharedSecret,
}

impl Webhook {
    /// Reads the secret.
    ///
    /// # Errors
    /// When it cannot be read, everybody can read it, or it is none.
    pub(super) fn open(peer: &Peer, secret: &Path) -> Result<Webhook, String> {
        Ok(Webhook {
            secret: SharedSecret::read(secret)?,
            caller: Caller::open(peer)?,
        })
    }

    /// Sends a head. The same head has the same id, however often it is sent.
    pub(super) async fn tell(&self, app: &App, offer: &Offer) -> Result<Told, Fault> {
        let (checkpoint, now) = (&offer.checkpoint, app.now());
        let body = json!({
            "type": "log.checkpoint",
            "timestamp": now,
            "data": {
                "origin": checkpoint.origin(),
                "size": checkpoint.size(),
                "root": checkpoint.root().to_string(),
                "checkpoint": offer.head.note,
            },
        });
        let body = body.to_string();
        let id = standard_webhooks::id(checkpoint.to_string().as_bytes());
        let headers = standard_webhooks::headers([&self.secret], &id, now, &body);
        let headers = headers.map_err(|_| Fault::Store)?;
        let answer = self
            .caller
            .post("", "application/json", headers, body.into());
        if !answer.await.map_err(Fault::from)?.status.is_success() {
            return Err(Fault::Refused);
        }
        Ok(Told {
            size: checkpoint.size(),
            note: Some(offer.head.note.clone()),
        })
    }
}

impl From<NoAnswer> for Fault {
    fn from(fault: NoAnswer) -> Fault {
        match fault {
            // Anchors are often on networks of one's own: for them no address is too near.
            NoAnswer::Unreachable | NoAnswer::Private => Fault::Unreachable,
            NoAnswer::Late => Fault::Late,
            NoAnswer::TooLong => Fault::BadAnswer,
        }
    }
}
