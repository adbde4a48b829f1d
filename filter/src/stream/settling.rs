//! What an answer of the policy service means for the request.

use std::rc::Rc;

use velum_approval::DenyCode;

use crate::check::{Asking, Outcome};
use crate::host::{Host, Level};
use crate::plugin::Plugin;
use crate::problem::Problem;
use crate::request::{Fallback, Held};
use crate::respond::Release;
use crate::watch::Fact;

/// Masks a body that has waited, but for what is released; what is left is for the answer.
pub(super) fn let_go(
    host: &impl Host,
    plugin: &Plugin,
    waiting: Option<Box<Held>>,
    release: Release,
) -> Result<Release, Problem> {
    match waiting {
        Some(held) => held.release(host, plugin, release),
        None => Ok(release),
    }
}

/// What an outcome means for the request: a release, or the problem to answer with.
pub(super) fn settle(
    host: &impl Host,
    plugin: &Rc<Plugin>,
    outcome: Outcome,
    fallback: Fallback,
    asking: Asking,
) -> Result<Release, Problem> {
    let masked = || Ok(Release::default());
    match outcome {
        Outcome::Allowed(allow) => {
            host.tell(Fact::Approval(&allow.approval));
            let grant = Rc::new(asking.grant(Rc::clone(plugin), *allow));
            host.tell(Fact::Granted(&grant));
            if !grant.is_live(host.now()) {
                // Stopped while the answer was on its way, or it came too late: nothing of it goes on,
                // neither to the caller nor to the upstream.
                host.tell(Fact::Stopped);
                return match fallback {
                    Fallback::Mask | Fallback::MaskUnlessDenied => masked(),
                    Fallback::Refuse => Err(Problem::ApprovalDenied {
                        code: DenyCode::Stopped,
                        approval: Some(grant.allow.approval.clone()),
                        public_reason: None,
                    }),
                };
            }
            Ok(Release {
                lift: grant.allow.scope.classes,
                grant: Some(grant),
                ..Release::default()
            })
        }
        Outcome::Pending {
            approval, evidence, ..
        } if fallback == Fallback::Mask
            || fallback == Fallback::MaskUnlessDenied && !asking.is_held() =>
        {
            let collection =
                evidence.then(|| Rc::new(asking.collection(Rc::clone(plugin), approval.clone())));
            if let Some(collection) = &collection {
                host.tell(Fact::Collects(collection));
            }
            Ok(Release {
                pending: Some(approval),
                collection,
                ..Release::default()
            })
        }
        Outcome::Pending {
            approval,
            retry_after,
            ..
        } => Err(Problem::ApprovalRequired {
            approval,
            retry_after,
        }),
        Outcome::Denied { .. } if fallback == Fallback::Mask => masked(),
        Outcome::Denied {
            code,
            approval,
            public_reason,
        } => Err(Problem::ApprovalDenied {
            code,
            approval,
            public_reason,
        }),
        Outcome::Unavailable(why) => {
            host.log(
                Level::Warn,
                &format!("velum: the policy service is not believed: {why}"),
            );
            match fallback {
                Fallback::Mask | Fallback::MaskUnlessDenied => masked(),
                Fallback::Refuse => Err(Problem::ApprovalUnavailable),
            }
        }
    }
}
