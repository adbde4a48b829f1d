//! Tells other tools that an approval has changed, so that they can tell people where to look: ids and states,
//! signed, again and again until it is taken (docs/webhooks.md).
//!
//! The audit log is the outbox: every change has its record, and how far each endpoint was told stands in the
//! store. Only the service that extends the log tells, and each endpoint has a task of its own, so that one that
//! is slow or dead delays no other and nothing else.

mod endpoint;
mod event;
mod telling;

#[cfg(test)]
pub(crate) use endpoint::Failure;
pub(crate) use endpoint::Standing;
pub(crate) use telling::{begin, run};

use std::sync::Arc;

use crate::config;
use endpoint::Endpoint;

/// Every endpoint of the configuration.
pub(crate) struct Webhooks {
    all: Vec<Arc<Endpoint>>,
    /// The origin of the pages where people decide, where the configuration has one.
    inbox: Option<String>,
}

impl Webhooks {
    /// Reads the files that the configuration names.
    ///
    /// # Errors
    /// When a secret or an authority cannot be used.
    pub(crate) fn open(
        given: &[config::Webhook],
        inbox: Option<&config::InboxSettings>,
    ) -> Result<Webhooks, String> {
        let all = given.iter().map(|webhook| {
            let fault = |fault: String| format!("webhooks `{}`: {fault}", webhook.name);
            Endpoint::open(webhook).map(Arc::new).map_err(fault)
        });
        Ok(Webhooks {
            all: all.collect::<Result<_, String>>()?,
            inbox: inbox.map(|inbox| inbox.origin.as_str().to_owned()),
        })
    }

    /// How each of them stands, by its name.
    pub(crate) fn standings(&self) -> impl Iterator<Item = (&str, Standing)> {
        let all = self.all.iter();
        all.map(|endpoint| (endpoint.name.as_str(), endpoint.standing()))
    }
}
