//! A profile as it is written down: JSON, of which unknown members are refused.
//!
//! The shipped ones are in `engine/profiles`; `docs/profiles.md` explains the members.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Definition, Evidence, Reader, Sibling, Source, Unless};
use crate::detectors::{self, Detector};
use crate::{Class, Generalize, Operator, Replacement};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    profile: String,
    version: u32,
    about: String,
    /// Whether what FHIR writes beside a primitive (`_birthDate`) goes with it.
    #[serde(default)]
    primitives: bool,
    #[serde(default)]
    rules: Vec<RuleEntry>,
    #[serde(default)]
    siblings: Vec<SiblingEntry>,
    #[serde(default)]
    keep: Vec<Places>,
    #[serde(default)]
    codes: Vec<Places>,
    #[serde(default)]
    detectors: Vec<String>,
    /// Whether names that fields hold are looked for in free text.
    #[serde(default)]
    mentions: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleEntry {
    name: Option<String>,
    class: String,
    /// Where the rule comes from; for readers.
    #[serde(rename = "source")]
    _source: Option<String>,
    #[serde(default)]
    operator: OperatorEntry,
    #[serde(default)]
    keys: Vec<String>,
    #[serde(default)]
    at: Vec<String>,
    #[serde(default, rename = "in")]
    objects: Vec<String>,
    #[serde(default)]
    members: Vec<String>,
    #[serde(default)]
    scalars: bool,
    #[serde(default)]
    forced: bool,
    #[serde(default = "yes")]
    learn: bool,
    #[serde(default)]
    not_with: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum OperatorEntry {
    #[default]
    Redact,
    Null,
    Remove,
    Replace(String),
    Generalize(GeneralizeEntry),
    Token(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum GeneralizeEntry {
    Year,
    Instant,
    Zip3,
    Age,
    AgeNumber,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Places {
    #[serde(default)]
    at: Vec<String>,
    #[serde(default, rename = "in")]
    objects: Vec<String>,
    #[serde(default)]
    members: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SiblingEntry {
    #[serde(default, rename = "in")]
    objects: Vec<String>,
    value: String,
    otherwise: Option<String>,
    unless: Option<UnlessEntry>,
    tells: Vec<TellEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UnlessEntry {
    #[serde(default)]
    all: Vec<String>,
    #[serde(default)]
    none: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TellEntry {
    at: String,
    sign: Option<String>,
    /// By class: texts that tell it; one with a `*` at its end, what they begin with.
    #[serde(default)]
    texts: BTreeMap<String, Vec<String>>,
    /// The same of signs.
    #[serde(default)]
    signs: BTreeMap<String, Vec<String>>,
}

type Read<T> = Result<T, String>;

fn yes() -> bool {
    true
}

/// Reads a profile.
pub(super) fn read(json: &str) -> Read<Definition> {
    let document: Document = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let name = document.profile;
    if name.is_empty() || document.version == 0 {
        return Err("a profile has a name, and a version from 1 up".into());
    }
    let mut definition = Definition {
        name,
        version: document.version,
        about: document.about,
        ..Definition::default()
    };
    for (index, entry) in document.rules.into_iter().enumerate() {
        let rule = rule(entry).map_err(|message| format!("rule {index}: {message}"))?;
        if document.primitives {
            definition.rules.extend(beside_primitives(&rule));
        }
        definition.rules.push(rule);
    }
    for (index, entry) in document.siblings.into_iter().enumerate() {
        let sibling = sibling(entry).map_err(|message| format!("siblings {index}: {message}"))?;
        definition.siblings.push(sibling);
    }
    for (places, into) in [
        (document.keep, &mut definition.keep),
        (document.codes, &mut definition.codes),
    ] {
        for entry in places {
            into.extend(paths(entry.at, &entry.objects, &entry.members)?);
        }
    }
    definition.mentions = document.mentions;
    definition.detectors = detectors_named(&document.detectors)?;
    Ok(definition)
}

fn class(name: &str) -> Read<Class> {
    Class::from_name(name).ok_or_else(|| format!("unknown class {name:?}"))
}

/// Places, each given whole or as a member of each of some objects.
fn paths(at: Vec<String>, objects: &[String], members: &[String]) -> Read<Vec<String>> {
    if objects.is_empty() != members.is_empty() {
        return Err("\"in\" and \"members\" go together".into());
    }
    let mut paths = at;
    for object in objects {
        paths.extend(members.iter().map(|member| format!("{object}.{member}")));
    }
    match paths.iter().find(|path| path.split('.').any(str::is_empty)) {
        Some(path) => Err(format!(
            "{path:?} is no path: write names with dots between"
        )),
        None => Ok(paths),
    }
}

fn rule(entry: RuleEntry) -> Read<super::Rule> {
    let class = class(&entry.class)?;
    let paths = paths(entry.at, &entry.objects, &entry.members)?;
    if paths.is_empty() == entry.keys.is_empty() {
        return Err("a rule has either keys or places".into());
    }
    let kind = if paths.is_empty() { "keys" } else { "paths" };
    let operator = match entry.operator {
        OperatorEntry::Redact => Operator::Redact,
        OperatorEntry::Null => Operator::Null,
        OperatorEntry::Remove => Operator::Remove,
        OperatorEntry::Replace(text) => Operator::Replace(Replacement::text(&text)),
        OperatorEntry::Token(prefix) => Operator::Token { prefix },
        OperatorEntry::Generalize(entry) => Operator::Generalize(match entry {
            GeneralizeEntry::Year => Generalize::Year,
            GeneralizeEntry::Instant => Generalize::Instant,
            GeneralizeEntry::Zip3 => Generalize::Zip3,
            GeneralizeEntry::Age => Generalize::Age,
            GeneralizeEntry::AgeNumber => Generalize::AgeNumber,
        }),
    };
    operator.check()?;
    Ok(super::Rule {
        name: entry.name.unwrap_or_else(|| format!("{kind}: {class}")),
        class,
        operator,
        keys: entry.keys,
        paths,
        scalars: entry.scalars,
        forced: entry.forced,
        learn: entry.learn,
        not_with: entry.not_with,
    })
}

/// What FHIR keeps beside a primitive can repeat it, whole or in part: it is removed with it.
fn beside_primitives(rule: &super::Rule) -> Option<super::Rule> {
    let beside = |path: &String| {
        let (objects, member) = path.rsplit_once('.').unwrap_or(("", path));
        let is_own = member.starts_with('_') || matches!(member, "extension" | "modifierExtension");
        let dot = if objects.is_empty() { "" } else { "." };
        (!is_own).then(|| format!("{objects}{dot}_{member}"))
    };
    let paths: Vec<_> = rule.paths.iter().filter_map(beside).collect();
    (!paths.is_empty()).then(|| super::Rule {
        name: format!("{}, extended", rule.name),
        operator: Operator::Remove,
        keys: Vec::new(),
        paths,
        scalars: false,
        not_with: rule.not_with.clone(),
        ..*rule
    })
}

fn sibling(entry: SiblingEntry) -> Read<Sibling> {
    let mut signs = Vec::new();
    let mut sign = |name: &str| {
        let number = signs.iter().position(|known| known == name);
        let number = number.unwrap_or_else(|| {
            signs.push(name.to_owned());
            signs.len() - 1
        });
        Evidence::sign(number).ok_or("there are too many signs")
    };
    let mut sources = Vec::new();
    for tell in entry.tells {
        let mut reader = Reader::default();
        if let Some(name) = &tell.sign {
            reader.always = sign(name)?;
        }
        let mut told = Vec::new();
        for (name, texts) in tell.texts {
            told.push((Evidence::of(class(&name)?), texts));
        }
        for (name, texts) in tell.signs {
            told.push((sign(&name)?, texts));
        }
        for (evidence, texts) in told {
            for text in texts {
                match text.strip_suffix('*') {
                    Some(prefix) => reader.prefixes.push((prefix.into(), evidence)),
                    None => reader.texts.push((text.into(), evidence)),
                }
            }
        }
        sources.push(Source {
            path: tell.at,
            reader,
        });
    }
    let unless = match entry.unless {
        Some(entry) => {
            let mut unless = Unless::default();
            for name in entry.all {
                unless.all.add(sign(&name)?);
            }
            for name in entry.none {
                unless.none.add(sign(&name)?);
            }
            Some(unless)
        }
        None => None,
    };
    Ok(Sibling {
        objects: entry.objects,
        candidate: entry.value,
        sources,
        otherwise: entry.otherwise.as_deref().map(class).transpose()?,
        unless,
    })
}

/// Detectors by name; `identifiers` are all but those of credentials, `credentials` the others.
fn detectors_named(names: &[String]) -> Read<Vec<&'static Detector>> {
    let mut found: Vec<&'static Detector> = Vec::new();
    for name in names {
        let is_meant = |detector: &Detector| match name.as_str() {
            "identifiers" => detector.class != Class::Credential,
            "credentials" => detector.class == Class::Credential,
            name => detector.name == name,
        };
        let before = found.len();
        found.extend(detectors::ALL.iter().filter(|detector| is_meant(detector)));
        if found.len() == before && name != "credentials" {
            return Err(format!("unknown detector {name:?}"));
        }
    }
    Ok(found)
}
