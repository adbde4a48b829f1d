//! Actions, and what may not be combined.

use std::time::Duration;

use velum_engine::ClassSet;

use super::{Foundations, condition, names, requests};
use crate::action::{Action, Ask, Effect, Otherwise, Writes};
use crate::cursor::{Cursor, Fields};
use crate::error::ConfigError;
use crate::reach::Reach;

const KEYS: &[&str] = &[
    "name",
    "when",
    "effect",
    "lift",
    "hold",
    "otherwise",
    "ask",
    "requests",
    "writes",
];
const LATER: &[&str] = &["records", "limits"];

pub(super) fn read(
    at: &Cursor<'_>,
    foundations: &Foundations<'_>,
) -> Result<Vec<Action>, ConfigError> {
    let items = at.items()?;
    let mut actions: Vec<Action> = Vec::new();
    for at in &items {
        let action = action(at, foundations)?;
        if actions.iter().any(|other| other.name == action.name) {
            let name = at.object(KEYS, LATER)?.required("name")?;
            return Err(name.fault("is the name of another action too: rename one"));
        }
        actions.push(action);
    }
    let mut earlier: Vec<(&Action, Reach<'_>)> = Vec::new();
    for (at, action) in items.iter().zip(&actions) {
        let reach = reach(at, action)?;
        check_order(at, action, &reach, &earlier)?;
        earlier.push((action, reach));
    }
    Ok(actions)
}

fn action(at: &Cursor<'_>, foundations: &Foundations<'_>) -> Result<Action, ConfigError> {
    let fields = at.object(KEYS, LATER)?;
    let effect_at = fields.required("effect")?;
    let effect = effect_at.word(&[
        ("pass", Effect::Pass),
        ("mask", Effect::Mask),
        ("review", Effect::Review),
        ("deny", Effect::Deny),
    ])?;
    let when = fields
        .optional("when")
        .map(|at| condition::read(&at, foundations))
        .transpose()?;
    let mut action = Action {
        name: names::identifier(&fields.required("name")?)?,
        effect,
        lift: ClassSet::EMPTY,
        hold: Duration::ZERO,
        otherwise: Otherwise::Refuse,
        ask: None,
        requests: None,
        writes: Writes::Allow,
        when,
    };
    match effect {
        Effect::Review => {
            refuse_fields(
                &fields,
                &["ask"],
                "belongs to `effect: mask`: list `lift` instead",
            )?;
            review(&fields, &mut action)?;
        }
        Effect::Mask => {
            let message = "belongs to `effect: review`; what may be asked for goes under `ask`";
            refuse_fields(&fields, &["lift", "hold", "otherwise"], message)?;
            action.ask = fields.optional("ask").map(|at| ask(&at)).transpose()?;
        }
        Effect::Pass | Effect::Deny => {
            let message = "has no effect on an action that passes or denies: leave it out";
            let names = ["lift", "hold", "otherwise", "ask", "requests", "writes"];
            refuse_fields(&fields, &names, message)?;
        }
    }
    if let Some(at) = fields.optional("writes") {
        action.writes = at.word(&[("allow", Writes::Allow), ("refuse", Writes::Refuse)])?;
    }
    if let Some(at) = fields.optional("requests") {
        action.requests = Some(requests::read(&at, &action, foundations)?);
    }
    if effect == Effect::Review || action.ask.is_some() {
        let place = fields.optional("ask").unwrap_or(effect_at);
        needs(&place, foundations)?;
    }
    Ok(action)
}

fn refuse_fields(fields: &Fields<'_>, names: &[&str], message: &str) -> Result<(), ConfigError> {
    match names.iter().find_map(|name| fields.optional(name)) {
        Some(at) => Err(at.fault(message)),
        None => Ok(()),
    }
}

fn review(fields: &Fields<'_>, action: &mut Action) -> Result<(), ConfigError> {
    if let Some(at) = fields.optional("lift") {
        action.lift = names::liftable(&at)?;
    }
    let hold = fields.required("hold")?;
    action.hold = names::duration(&hold)?;
    if action.hold.is_zero() {
        return Err(hold.fault("must be longer than zero: a review has to be waited for"));
    }
    if let Some(at) = fields.optional("otherwise") {
        action.otherwise = at.word(&[("refuse", Otherwise::Refuse), ("mask", Otherwise::Mask)])?;
    }
    Ok(())
}

fn ask(at: &Cursor<'_>) -> Result<Ask, ConfigError> {
    let fields = at.object(&["lift", "hold"], &[])?;
    let lift = names::liftable(&fields.required("lift")?)?;
    let hold = fields
        .optional("hold")
        .map(|at| names::duration(&at))
        .transpose()?;
    Ok(Ask {
        lift,
        hold: hold.unwrap_or(Duration::ZERO),
    })
}

/// A review needs someone to ask, a key for the fingerprint, and someone who asks.
pub(super) fn needs(at: &Cursor<'_>, foundations: &Foundations<'_>) -> Result<(), ConfigError> {
    let missing = [
        (foundations.has_service, "/policy_service"),
        (foundations.has_keys, "/masking/keys"),
        (foundations.identity.is_some(), "/identity"),
    ];
    match missing.iter().find(|(is_there, _)| !is_there) {
        Some((_, pointer)) => Err(at.fault(format!("needs {pointer}, which is not configured"))),
        None => Ok(()),
    }
}

fn reach<'a>(at: &Cursor<'_>, action: &'a Action) -> Result<Reach<'a>, ConfigError> {
    let fields = at.object(KEYS, LATER)?;
    let place = fields.optional("when").unwrap_or_else(|| at.clone());
    let reach = Reach::of(action.when.as_ref())
        .ok_or_else(|| place.fault("has too many alternatives: make several actions of it"))?;
    if reach.is_empty() {
        return Err(place.fault("can never match: its conditions contradict each other"));
    }
    if !reach.is_safe() {
        const MESSAGE: &str = "an action that can match an unsafe method takes no answer before its \
                               review: give `method` with GET, HEAD or OPTIONS only";
        if let Some(at) = fields.optional("ask") {
            return Err(at.fault(MESSAGE));
        }
        if let (Otherwise::Mask, Some(at)) = (action.otherwise, fields.optional("otherwise")) {
            return Err(at.fault(MESSAGE));
        }
    }
    if let (Writes::Refuse, true, Some(at)) =
        (action.writes, reach.is_safe(), fields.optional("writes"))
    {
        return Err(at.fault("has no effect on an action that only safe methods can match"));
    }
    if action.effect == Effect::Pass {
        if reach.is_chosen_by_caller() {
            return Err(place.fault(
                "a caller writes headers and query freely, so they may not lead to `pass`",
            ));
        }
        if !reach.is_named() {
            return Err(place.fault(
                "`pass` has to name what passes in every alternative: a path (exact, segments, or \
                 a prefix that ends in /), route, principal or claims",
            ));
        }
    }
    Ok(reach)
}

fn check_order(
    at: &Cursor<'_>,
    action: &Action,
    reach: &Reach<'_>,
    earlier: &[(&Action, Reach<'_>)],
) -> Result<(), ConfigError> {
    for (other, other_reach) in earlier {
        if other_reach.covers(reach) {
            return Err(at.fault(format!(
                "can never match: {:?} before it takes every such request; change their order",
                other.name
            )));
        }
        let evades = other.effect != Effect::Pass && other_reach.is_chosen_by_caller();
        if action.effect == Effect::Pass && evades && other_reach.meets(reach) {
            return Err(at.fault(format!(
                "by a header or the query a caller could slip past {:?} and into this `pass`; put \
                 this action first, or keep their paths apart",
                other.name
            )));
        }
    }
    Ok(())
}
