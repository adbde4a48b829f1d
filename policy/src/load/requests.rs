//! What an action does with the bodies of requests.

use std::time::Duration;

use velum_engine::ClassSet;

use super::responses::otherwise;
use super::{Foundations, actions, names};
use crate::action::{Action, Effect, Requests};
use crate::cursor::{Cursor, Fields};
use crate::error::ConfigError;
use crate::policy::UnreadableMedia;

/// Reads `requests` of an action whose other keys have been read.
pub(super) fn read(
    at: &Cursor<'_>,
    action: &Action,
    foundations: &Foundations<'_>,
) -> Result<Requests, ConfigError> {
    let fields = at.object(&["inspect", "flag_on", "hold", "otherwise"], &[])?;
    let inspect = fields.required("inspect")?;
    if !inspect.bool()? {
        return Err(inspect.fault("must be true: without `requests` no body is inspected"));
    }
    let otherwise = fields.optional("otherwise").map(|at| otherwise(&at));
    let mut requests = Requests {
        flag_on: ClassSet::EMPTY,
        hold: Duration::ZERO,
        otherwise: otherwise.transpose()?.unwrap_or(UnreadableMedia::Refuse),
    };
    match fields.optional("flag_on") {
        Some(at) => flags(&at, &fields, action, foundations, &mut requests)?,
        None => {
            if let Some(at) = fields.optional("hold") {
                return Err(at.fault("has no effect without `flag_on`: leave it out"));
            }
        }
    }
    Ok(requests)
}

fn flags(
    at: &Cursor<'_>,
    fields: &Fields<'_>,
    action: &Action,
    foundations: &Foundations<'_>,
    requests: &mut Requests,
) -> Result<(), ConfigError> {
    requests.flag_on = names::liftable(at)?;
    if action.effect == Effect::Review {
        return Err(at.fault("has no effect on a review, which every request waits for"));
    }
    if action.ask.is_some() {
        return Err(at.fault(
            "what a caller asks for and what a body holds cannot be asked at once: make two actions \
             of it",
        ));
    }
    actions::needs(at, foundations)?;
    if !foundations.stops_headers {
        return Err(at.fault(
            "needs /host/headers_stop_iteration: without it the upstream has the headers of a request \
             before its body is read",
        ));
    }
    if let Some(at) = fields.optional("hold") {
        requests.hold = names::duration(&at)?;
    }
    Ok(())
}
