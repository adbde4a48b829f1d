//! What the request side settled for the answer, and what the engine is told of it.

use std::rc::Rc;

use velum_approval::ApprovalId;
use velum_engine::{ClassSet, Framing, Options, year_at};

use crate::grant::{Collection, Grant};
use crate::host::Host;
use crate::plugin::Plugin;

const NANOSECONDS_A_SECOND: u64 = 1_000_000_000;

/// What the request side settled for the answer.
#[derive(Clone, Default)]
pub(crate) struct Release {
    /// The classes that stay unmasked.
    pub(crate) lift: ClassSet,
    /// An approval that is still pending while the masked answer goes out.
    pub(crate) pending: Option<ApprovalId>,
    /// What is granted, where something is.
    pub(crate) grant: Option<Rc<Grant>>,
    /// Who awaits what the masked answer holds.
    pub(crate) collection: Option<Rc<Collection>>,
}

impl Release {
    /// What the engine is told of it for JSON, where a bound on values is kept.
    pub(crate) fn bound(&self, options: &mut Options) {
        let granted = self.grant.as_ref().and_then(|grant| grant.terms());
        let collected = self
            .collection
            .as_ref()
            .map(|collection| collection.terms());
        options.lift = self.lift;
        options.terms = granted.or(collected);
    }

    /// What the engine is told of it where such a bound cannot be kept: nothing is lifted then.
    ///
    /// # Errors
    /// The clock cannot be read.
    pub(crate) fn plain_options(
        &self,
        host: &impl Host,
        plugin: &Plugin,
    ) -> Result<Options, &'static str> {
        let is_narrow = self.grant.as_ref().is_some_and(|grant| grant.is_narrow());
        let lift = if is_narrow {
            ClassSet::EMPTY
        } else {
            self.lift
        };
        options(host, plugin, lift)
    }
}

/// Options of the engine for a body of which these classes stay.
pub(crate) fn options(
    host: &impl Host,
    plugin: &Plugin,
    lift: ClassSet,
) -> Result<Options, &'static str> {
    let now = host.now();
    if now == u64::MAX {
        return Err("The gateway's clock cannot be read.");
    }
    Ok(Options {
        framing: Framing::Document,
        limits: plugin.policy.limits().engine,
        lift,
        terms: None,
        keys: plugin.keys.clone(),
        year: year_at(now / NANOSECONDS_A_SECOND),
    })
}
