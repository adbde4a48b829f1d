//! What is released to one stream, and what it has to say of it afterwards.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use velum_approval::messages::Check;
use velum_approval::{Allow, ApprovalId, LEASE, Releasing, UseKey};
use velum_engine::{ClassSet, TagKey, Terms};

use crate::check;
use crate::plugin::Plugin;

/// What the policy service has permitted, for this stream alone.
pub(crate) struct Grant {
    pub(crate) plugin: Rc<Plugin>,
    pub(crate) allow: Allow,
    check: Check,
    /// Until when the answer itself is a lease, in nanoseconds since the epoch.
    leased_until: u64,
    /// When the grant itself ends, likewise.
    ends: u64,
}

impl Grant {
    /// `asked_at`: when the call was sent that is answered so.
    pub(crate) fn new(plugin: Rc<Plugin>, allow: Allow, check: Check, asked_at: u64) -> Self {
        // A clock that cannot be read is as late as can be: then there is no lease.
        let (leased_until, ends) = if asked_at == u64::MAX {
            (0, 0)
        } else {
            let ends = allow.lifts_until(check::timestamp(asked_at));
            (after(asked_at, LEASE), check::nanoseconds_at(ends))
        };
        Self {
            plugin,
            allow,
            check,
            leased_until,
            ends,
        }
    }

    /// Whether values may be lifted at this moment: the grant has not ended, there is a lease, and nothing
    /// is stopped.
    pub(crate) fn is_live(&self, now: u64) -> bool {
        let releasing = Releasing {
            gateway: &self.allow.gateway,
            action: &self.check.action,
            principal: &self.check.principal,
            lineage: &self.check.lineage,
            approval: Some(&self.allow.approval),
            emergency: self.allow.emergency.as_ref(),
        };
        let lease = self.plugin.lease.borrow();
        now < self.leased_until.max(lease.until).min(self.ends) && !lease.stops(&releasing)
    }

    /// Whether it is for some values of its classes only.
    pub(crate) fn is_narrow(&self) -> bool {
        let scope = &self.allow.scope;
        self.allow.tags.is_some()
            || scope.rules.is_some()
            || scope.limits != velum_approval::GrantLimits::default()
    }

    /// What the engine is to keep to beyond the classes.
    pub(crate) fn terms(&self) -> Option<Arc<Terms>> {
        if !self.is_narrow() {
            return None;
        }
        let Allow { scope, tags, .. } = &self.allow;
        let names = scope.rules.as_ref();
        Some(Arc::new(Terms {
            rules: names.map(|names| names.iter().map(|name| name.as_str().to_owned()).collect()),
            tags: tags
                .as_ref()
                .map(|tags| tags.as_slice().iter().copied().collect()),
            records: scope.limits.records,
            bytes: scope.limits.bytes,
            evidence: ClassSet::EMPTY,
            tag_key: tag_key(&self.plugin),
        }))
    }
}

/// What a stream that has the masked answer tells of it, for those who decide whether it may have more.
pub(crate) struct Collection {
    pub(crate) plugin: Rc<Plugin>,
    pub(crate) approval: ApprovalId,
    pub(crate) use_key: UseKey,
    pub(crate) classes: ClassSet,
}

impl Collection {
    /// What the engine is to note.
    pub(crate) fn terms(&self) -> Arc<Terms> {
        Arc::new(Terms {
            evidence: self.classes,
            tag_key: tag_key(&self.plugin),
            ..Terms::default()
        })
    }
}

fn tag_key(plugin: &Plugin) -> TagKey {
    let secrets = plugin.secrets.as_ref();
    secrets.map_or_else(TagKey::default, |secrets| {
        TagKey::new(&secrets.evidence_key)
    })
}

/// The moment that is later by so much.
pub(crate) fn after(now: u64, by: Duration) -> u64 {
    now.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX))
}
