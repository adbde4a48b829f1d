//! The lease under which a worker lifts, and what it has heard to be stopped.
//!
//! A root context asks for it again and again. What counts is when the call was *sent*: an answer that
//! somebody holds back is worth nothing.

use std::rc::Rc;
use std::time::Duration;

use velum_approval::{LEASE, LeaseRequest, Releasing, SignedNotice, StopScope, UseKey, WorkerId};

use crate::check;
use crate::grant::after;
use crate::host::{Host, HostError};
use crate::plugin::Plugin;

/// How long a call waits for news. A lease outlasts two of them.
const WAIT: Duration = Duration::from_secs(4);

/// What a worker may do under one policy.
#[derive(Default)]
pub(crate) struct Lease {
    /// In nanoseconds since the epoch.
    pub(crate) until: u64,
    /// As which the worker is known to the service.
    pub(crate) worker: Option<WorkerId>,
    version: u64,
    stops: Vec<StopScope>,
}

impl Lease {
    /// Whether a release is stopped.
    pub(crate) fn stops(&self, releasing: &Releasing<'_>) -> bool {
        self.stops.iter().any(|stop| stop.stops(releasing))
    }
}

/// Asks for leases, one call at a time.
pub(crate) struct Leasing {
    plugin: Rc<Plugin>,
    worker: WorkerId,
    /// The call that is under way, and when it was sent.
    asked: Option<(LeaseRequest, u64)>,
}

impl Leasing {
    /// A worker without a lease; `None` without random bytes.
    pub(crate) fn new(host: &impl Host, plugin: Rc<Plugin>) -> Option<Self> {
        let mut worker = [0; 16];
        host.random(&mut worker).ok()?;
        let worker = WorkerId::from_bytes(worker);
        plugin.lease.borrow_mut().worker = Some(worker);
        Some(Self {
            plugin,
            worker,
            asked: None,
        })
    }

    /// Asks, unless a call is under way; gives its token.
    pub(crate) fn ask(&mut self, host: &impl Host) -> Option<u32> {
        if self.asked.is_some() {
            return None;
        }
        let mut nonce = [0; 16];
        host.random(&mut nonce).ok()?;
        let request = LeaseRequest {
            worker: self.worker,
            nonce: UseKey::from_bytes(nonce),
            seen: self.plugin.lease.borrow().version,
        };
        let body = serde_json::to_vec(&request).map_err(|_| HostError(2));
        let sent_at = host.now();
        let sent = body.and_then(|body| check::ask_lease(host, &self.plugin, &body, WAIT));
        let token = sent.ok()?;
        self.asked = Some((request, sent_at));
        Some(token)
    }

    /// Reads the answer; true where it is a lease. Anything else leaves what was there, which runs out.
    pub(crate) fn answered(&mut self, host: &impl Host, headers: usize, body: usize) -> bool {
        let Some((request, sent_at)) = self.asked.take() else {
            return false;
        };
        let keys = self.plugin.policy.policy_service();
        let keys = keys.map_or(&[][..], |service| &service.public_keys);
        let signed = check::read(host, headers, body)
            .ok()
            .and_then(|body| serde_json::from_slice::<SignedNotice>(&body).ok());
        let Some(notice) = signed.and_then(|signed| signed.verify(keys, &request).ok()) else {
            return false;
        };
        // A clock that cannot be read is as late as can be: then there is none.
        let until = if sent_at == u64::MAX {
            0
        } else {
            after(sent_at, LEASE)
        };
        *self.plugin.lease.borrow_mut() = Lease {
            worker: Some(self.worker),
            until,
            version: notice.version,
            stops: notice.stops,
        };
        true
    }
}
