//! A policy without Envoy: which action a request meets, what the filter would do with it, and
//! whether that is what was wanted.

mod cases;
mod explain;
mod message;
mod test;
mod walk;

use std::path::Path;

use serde_json::Value;
use velum_filter::simulate::{Exchange, Gateway, Message};
use velum_policy::document;

use crate::arguments::Asked;
use crate::clock;
use crate::failure::Failure;
use crate::show::path;

pub(crate) use explain::run as explain;
pub(crate) use test::run as test;
pub(crate) use walk::run as walk;

/// One request, and what Envoy would know of it.
struct Trial {
    gateway: Gateway,
    request: Message,
    claims: Option<Value>,
}

impl Trial {
    fn new(asked: &Asked) -> Result<Self, Failure> {
        let gateway = gateway(&asked.policy)?;
        let request = message::request(&bytes(&asked.request)?)
            .map_err(|fault| Failure::new(format!("{}: {fault}", path(&asked.request))))?;
        let claims = asked.claims.as_deref().map(claims).transpose()?;
        Ok(Self {
            gateway,
            request,
            claims,
        })
    }

    fn exchange<'a>(&'a self, asked: &'a Asked) -> Exchange<'a> {
        Exchange {
            route: asked.route.as_deref(),
            policy: asked.route_policy.as_deref(),
            claims: self.claims.as_ref(),
            peer: asked.peer.as_deref(),
            approved: None,
            now: now(),
        }
    }
}

/// The gateway under the policy of a file.
fn gateway(file: &Path) -> Result<Gateway, Failure> {
    let fault = |message: String| Failure::new(format!("{}: {message}", path(file)));
    let text = std::fs::read_to_string(file).map_err(|error| Failure::unreadable(file, &error))?;
    let document = document::json_from_text(&text).map_err(|error| fault(error.to_string()))?;
    Gateway::new(&document, |name| std::env::var(name).ok()).map_err(fault)
}

/// What to say of secrets that were not there; nothing where all were.
fn stand_ins(gateway: &Gateway) -> Option<String> {
    let missing = gateway.stand_ins();
    (!missing.is_empty()).then(|| {
        format!(
            "not set: {}; throw-away secrets stand in, so tokens, dates and fingerprints differ from \
             the gateway's",
            missing.join(", ")
        )
    })
}

fn claims(file: &Path) -> Result<Value, Failure> {
    let fault = |message: &str| Failure::new(format!("{}: {message}", path(file)));
    let claims: Value =
        serde_json::from_slice(&bytes(file)?).map_err(|_| fault("is no JSON document"))?;
    if claims.is_object() {
        Ok(claims)
    } else {
        Err(fault("holds no claims: they are one object"))
    }
}

fn bytes(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| Failure::unreadable(file, &error))
}

fn now() -> u64 {
    clock::since_epoch().map_or(0, |since| since.as_secs())
}
