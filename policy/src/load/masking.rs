//! What is masked, and how.

use std::sync::Arc;

use velum_engine::{Operator, Profile, Replacement, Rule, Ruleset, Selector};

use super::names;
use crate::cursor::Cursor;
use crate::error::ConfigError;
use crate::policy::MaskingKey;
use crate::tree::Node;

const NOT_YET: &str = "not yet supported: take redact";

pub(super) struct Masking {
    pub(super) rules: Arc<Ruleset>,
    pub(super) keys: Vec<MaskingKey>,
}

pub(super) fn read(at: &Cursor<'_>) -> Result<Masking, ConfigError> {
    let fields = at.object(&["profiles", "keys", "rules", "exempt"], &[])?;
    let profiles = match fields.optional("profiles") {
        Some(at) => at.distinct(profile)?,
        None => Vec::new(),
    };
    let keys = match fields.optional("keys") {
        Some(at) => keys(&at)?,
        None => Vec::new(),
    };
    let rules = fields
        .optional("rules")
        .map(|at| at.items())
        .transpose()?
        .unwrap_or_default();
    let exempt = fields
        .optional("exempt")
        .map(|at| at.items())
        .transpose()?
        .unwrap_or_default();
    if profiles.is_empty() && rules.is_empty() {
        return Err(at.fault("masks nothing: name a profile or a rule"));
    }
    let mut builder = Ruleset::builder();
    for profile in profiles {
        builder = builder.profile(profile);
    }
    for at in &rules {
        builder = builder.rule(rule(at)?);
    }
    for at in &exempt {
        builder = builder.exempt(at.object(&["path"], &[])?.required("path")?.string()?);
    }
    let compiled = builder.build().map_err(|error| {
        let rule = error.rule_index().and_then(|index| rules.get(index));
        let place = rule.or_else(|| error.exempt_index().and_then(|index| exempt.get(index)));
        place.unwrap_or(at).fault(error.message())
    })?;
    Ok(Masking {
        rules: Arc::new(compiled),
        keys,
    })
}

fn profile(at: &Cursor<'_>) -> Result<Profile, ConfigError> {
    Profile::from_name(at.string()?).ok_or_else(|| at.fault("unknown profile"))
}

fn keys(at: &Cursor<'_>) -> Result<Vec<MaskingKey>, ConfigError> {
    let mut keys: Vec<MaskingKey> = Vec::new();
    for item in at.items()? {
        let fields = item.object(&["id", "environment"], &[])?;
        let (id, environment) = (fields.required("id")?, fields.required("environment")?);
        let key = MaskingKey {
            id: names::identifier(&id)?,
            environment: names::environment(&environment)?,
        };
        if keys.iter().any(|other| other.id == key.id) {
            return Err(id.fault("is the id of another key too: rename one"));
        }
        if keys
            .iter()
            .any(|other| other.environment == key.environment)
        {
            return Err(environment.fault("is read for another key too: remove one"));
        }
        keys.push(key);
    }
    Ok(keys)
}

fn rule(at: &Cursor<'_>) -> Result<Rule, ConfigError> {
    let fields = at.object(&["path", "key", "class", "operator"], &[])?;
    let select = match (fields.optional("path"), fields.optional("key")) {
        (Some(path), None) => Selector::Path(path.string()?.to_owned()),
        (None, Some(key)) => {
            let mut keys: Vec<String> = Vec::new();
            for key in key.one_or_more()? {
                let name = key.string()?.to_owned();
                if keys.contains(&name) {
                    return Err(key.fault("is listed twice: keep one of the two"));
                }
                keys.push(name);
            }
            Selector::Keys(keys)
        }
        _ => return Err(at.fault("give exactly one of: path, key")),
    };
    let operator = fields
        .optional("operator")
        .map(|at| operator(&at))
        .transpose()?
        .unwrap_or(Operator::Redact);
    Ok(Rule {
        name: at.pointer().to_owned(),
        select,
        class: names::class(&fields.required("class")?)?,
        operator,
    })
}

fn operator(at: &Cursor<'_>) -> Result<Operator, ConfigError> {
    const LATER: &[&str] = &["token", "fpe", "date_shift"];
    match at.node() {
        // In YAML the operator's name is also the word for no value.
        Node::Null => return Ok(Operator::Null),
        Node::String(word) => {
            return match word.as_str() {
                "redact" => Ok(Operator::Redact),
                "null" => Ok(Operator::Null),
                "remove" => Ok(Operator::Remove),
                word if LATER.contains(&word) => Err(at.fault(NOT_YET)),
                _ => Err(at.fault(
                    "must be one of: redact, null, remove, {replace: …}, {partial: {keep_last: …}}, \
                     {generalize: year}",
                )),
            };
        }
        _ => {}
    }
    let (name, at) = at.choice(&["replace", "partial", "generalize"], LATER)?;
    match name {
        "replace" => replacement(&at).map(Operator::Replace),
        "partial" => {
            let at = at.object(&["keep_last"], &[])?.required("keep_last")?;
            // The engine keeps four at most.
            let keep_last = u8::try_from(at.integer(1, 4)?).unwrap_or(1);
            Ok(Operator::Partial { keep_last })
        }
        _ => at.word(&[("year", ())]).map(|()| Operator::Year),
    }
}

fn replacement(at: &Cursor<'_>) -> Result<Replacement, ConfigError> {
    match at.node() {
        Node::Bool(value) => Ok(Replacement::boolean(*value)),
        Node::Number(_) => {
            let number = at.integer(0, u64::MAX)?;
            i64::try_from(number)
                .map(Replacement::number)
                .map_err(|_| at.fault("is too large"))
        }
        Node::String(_) => at.string().map(Replacement::text),
        _ => Err(at.fault("must be a string, a boolean or an integer")),
    }
}
