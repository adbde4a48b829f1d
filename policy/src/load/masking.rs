//! What is masked, and how.

use std::sync::Arc;

use velum_engine::{
    Fpe, Generalize, Ids, Operator, ProfileDocument, Pseudonym, Replacement, Rule, Ruleset,
    Selector,
};

use super::{detectors, names, profile};
use crate::cursor::Cursor;
use crate::error::ConfigError;
use crate::policy::MaskingKey;
use crate::tree::Node;

pub(super) struct Masking {
    pub(super) rules: Arc<Ruleset>,
    pub(super) rule_names: Vec<String>,
    pub(super) keys: Vec<MaskingKey>,
}

pub(super) fn read(at: &Cursor<'_>) -> Result<Masking, ConfigError> {
    let known = ["profiles", "ids", "keys", "rules", "exempt", "detectors"];
    let fields = at.object(&known, &[])?;
    let keys = match fields.optional("keys") {
        Some(at) => keys(&at)?,
        None => Vec::new(),
    };
    let items = |name: &str| match fields.optional(name) {
        Some(at) => at.items(),
        None => Ok(Vec::new()),
    };
    let (listed, rules) = (items("profiles")?, items("rules")?);
    let (exempt, own) = (items("exempt")?, items("detectors")?);
    if listed.is_empty() && rules.is_empty() && own.is_empty() {
        return Err(at.fault("masks nothing: name a profile, a rule or a detector"));
    }
    let profiles: Vec<_> = listed
        .iter()
        .map(|at| profile::read(at, !keys.is_empty()))
        .collect::<Result<_, _>>()?;
    let mut builder = Ruleset::builder();
    if let Some(at) = fields.optional("ids") {
        builder = builder.ids(ids(&at, &profiles, !keys.is_empty())?);
    }
    for profile in profiles {
        builder = builder.document(profile);
    }
    let mut rule_names = Vec::new();
    for at in &rules {
        builder = builder.rule(rule(at, !keys.is_empty(), &mut rule_names)?);
    }
    for at in &exempt {
        builder = builder.exempt(at.object(&["path"], &[])?.required("path")?.string()?);
    }
    for at in &own {
        builder = builder.detector(detectors::read(at)?);
    }
    let compiled = builder.build().map_err(|error| {
        let rule = error.rule_index().and_then(|index| rules.get(index));
        let exempt = error.exempt_index().and_then(|index| exempt.get(index));
        let profile = error.profile_index().and_then(|index| listed.get(index));
        let place = rule.or(exempt).or(profile).cloned();
        let place = place.or_else(|| detectors::place(&own, &error));
        place.as_ref().unwrap_or(at).fault(error.message())
    })?;
    Ok(Masking {
        rules: Arc::new(compiled),
        rule_names,
        keys,
    })
}

fn ids(at: &Cursor<'_>, profiles: &[ProfileDocument], has_keys: bool) -> Result<Ids, ConfigError> {
    let ids = at.word(&[("keep", Ids::Keep), ("pseudonym", Ids::Pseudonym)])?;
    if ids == Ids::Keep {
        return Ok(ids);
    }
    if !has_keys {
        return Err(at.fault("pseudonym needs a key: list one under masking.keys"));
    }
    if !profiles.iter().any(ProfileDocument::is_about_ids) {
        let message = "has no effect: no profile under masking.profiles has rules about ids; add \
                       hipaa-safe-harbor or fhir-r4";
        return Err(at.fault(message));
    }
    Ok(ids)
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

fn rule(at: &Cursor<'_>, has_keys: bool, known: &mut Vec<String>) -> Result<Rule, ConfigError> {
    let fields = at.object(&["name", "path", "key", "class", "operator"], &[])?;
    let mut name = at.pointer().to_owned();
    if let Some(at) = fields.optional("name") {
        name = names::identifier(&at)?;
        if known.contains(&name) {
            return Err(at.fault("is the name of another rule too: rename one"));
        }
        known.push(name.clone());
    }
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
    let operator = match fields.optional("operator") {
        Some(at) => {
            let operator = operator(&at)?;
            if operator.needs_key() && !has_keys {
                let name = operator.name();
                return Err(at.fault(format!("{name} needs a key: list one under masking.keys")));
            }
            operator
        }
        None => Operator::Redact,
    };
    Ok(Rule {
        name,
        select,
        class: names::class(&fields.required("class")?)?,
        operator,
    })
}

fn operator(at: &Cursor<'_>) -> Result<Operator, ConfigError> {
    match at.node() {
        // In YAML the operator's name is also the word for no value.
        Node::Null => return Ok(Operator::Null),
        Node::String(word) => {
            return match word.as_str() {
                "redact" => Ok(Operator::Redact),
                "null" => Ok(Operator::Null),
                "remove" => Ok(Operator::Remove),
                "token" => Ok(Operator::Token {
                    prefix: String::new(),
                }),
                "pseudonym" => Ok(Operator::Pseudonym(Pseudonym::Id)),
                "fpe" => Ok(Operator::Fpe(Fpe::Digits { luhn: false })),
                _ => Err(at.fault(
                    "must be one of: redact, null, remove, token, pseudonym, fpe, {replace: …}, \
                     {partial: {keep_last: …}}, {token: {prefix: …}}, {pseudonym: reference}, \
                     {fpe: {alphabet: …}}, {date_shift: {days: …}}, {generalize: …}",
                )),
            };
        }
        _ => {}
    }
    let known = [
        "replace",
        "partial",
        "token",
        "pseudonym",
        "fpe",
        "date_shift",
        "generalize",
    ];
    let (name, at) = at.choice(&known, &[])?;
    match name {
        "replace" => replacement(&at).map(Operator::Replace),
        "partial" => {
            let at = at.object(&["keep_last"], &[])?.required("keep_last")?;
            // The engine keeps four at most.
            let keep_last = u8::try_from(at.integer(1, 4)?).unwrap_or(1);
            Ok(Operator::Partial { keep_last })
        }
        "token" => token(&at),
        "pseudonym" => {
            let what = at.word(&[("reference", Pseudonym::Reference)])?;
            Ok(Operator::Pseudonym(what))
        }
        "fpe" => fpe(&at).map(Operator::Fpe),
        "date_shift" => {
            let at = at.object(&["days"], &[])?.required("days")?;
            // The engine shifts by ten years at most.
            let days = u16::try_from(at.integer(1, 3650)?).unwrap_or(1);
            Ok(Operator::DateShift { days })
        }
        _ => generalize(&at).map(Operator::Generalize),
    }
}

fn token(at: &Cursor<'_>) -> Result<Operator, ConfigError> {
    let Some(at) = at.object(&["prefix"], &[])?.optional("prefix") else {
        return Ok(Operator::Token {
            prefix: String::new(),
        });
    };
    let operator = Operator::Token {
        prefix: at.string()?.to_owned(),
    };
    operator.check().map_err(|message| at.fault(message))?;
    Ok(operator)
}

fn fpe(at: &Cursor<'_>) -> Result<Fpe, ConfigError> {
    let fields = at.object(&["alphabet", "luhn"], &[])?;
    let is_digits = match fields.optional("alphabet") {
        Some(at) => at.word(&[("digits", true), ("alphanumeric", false)])?,
        None => true,
    };
    match fields.optional("luhn") {
        Some(at) if !is_digits => {
            Err(at.fault("only digits have a check digit: leave it out, or take digits"))
        }
        Some(at) => at.bool().map(|luhn| Fpe::Digits { luhn }),
        None if is_digits => Ok(Fpe::Digits { luhn: false }),
        None => Ok(Fpe::Alphanumeric),
    }
}

fn generalize(at: &Cursor<'_>) -> Result<Generalize, ConfigError> {
    if let Node::Object(_) = at.node() {
        let (_, at) = at.choice(&["range"], &[])?;
        let at = at.object(&["width"], &[])?.required("width")?;
        let width = at.integer(1, u32::MAX.into())?;
        return u32::try_from(width)
            .map(|width| Generalize::Range { width })
            .map_err(|_| at.fault("is too large"));
    }
    at.word(&[
        ("year", Generalize::Year),
        ("birth-year", Generalize::BirthYear),
        ("zip3", Generalize::Zip3),
        ("age", Generalize::Age),
        ("age-number", Generalize::AgeNumber),
        ("instant", Generalize::FirstMoment),
    ])
    .map_err(|_| {
        at.fault(
            "must be one of: year, birth-year, instant, zip3, age, age-number, {range: {width: …}}",
        )
    })
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
