//! What a profile means that is written down ([`velum_profile`]).
//!
//! The shipped ones are in `engine/profiles`; `docs/profiles.md` explains the members.

mod operator;

use velum_profile::{Places, ProfileError, RuleEntry, SiblingEntry};

use super::{Definition, Evidence, Origin, Reader, Sibling, Source, Unless};
use crate::detectors::{self, Detector};
use crate::{Class, Operator};

/// The longest name of a profile.
const LONGEST_NAME: usize = 64;

type Read<T> = Result<T, String>;

/// Reads a profile.
pub(super) fn read(json: &str) -> Result<Definition, ProfileError> {
    let document = velum_profile::read(json)?;
    check_name(&document.name).map_err(|message| ProfileError::new("/profile", message))?;
    if document.version == 0 {
        return Err(ProfileError::new("/version", "versions count from 1"));
    }
    let mut definition = Definition {
        name: document.name,
        version: document.version,
        about: document.about,
        mentions: document.mentions,
        ..Definition::default()
    };
    for rule in each("/rules", document.rules, rule)? {
        if document.primitives {
            definition.rules.extend(beside_primitives(&rule));
        }
        definition.rules.push(rule);
    }
    definition.siblings = each("/siblings", document.siblings, plain(sibling))?;
    definition.keep = each("/keep", document.keep, plain(places))?.concat();
    definition.codes = each("/codes", document.codes, plain(places))?.concat();
    definition.known = each("/known", document.known, plain(places))?.concat();
    definition.detectors = detectors_named("/detectors", &document.detectors)?;
    definition.without_detectors =
        detectors_named("/without_detectors", &document.without_detectors)?;
    for (index, other) in document.not_together.iter().enumerate() {
        check_name(other)
            .map_err(|message| ProfileError::new(format!("/not_together/{index}"), message))?;
    }
    definition.not_together = document.not_together;
    Ok(definition)
}

/// What the items of a list mean, each fault with its place.
fn each<E, T>(
    list: &str,
    items: Vec<E>,
    read: impl Fn(E) -> Result<T, ProfileError>,
) -> Result<Vec<T>, ProfileError> {
    let mut all = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        all.push(read(item).map_err(|error| error.within(&format!("{list}/{index}")))?);
    }
    Ok(all)
}

/// A reader whose faults are those of the whole item.
fn plain<E, T>(read: impl Fn(E) -> Read<T>) -> impl Fn(E) -> Result<T, ProfileError> {
    move |entry| read(entry).map_err(|message| ProfileError::new("", message))
}

/// Names go into reports and terminals.
fn check_name(name: &str) -> Read<()> {
    let is_name = name.len() <= LONGEST_NAME
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|one| one.is_ascii_alphanumeric() || matches!(one, '-' | '_' | '.'));
    if is_name {
        Ok(())
    } else {
        Err(format!(
            "must be a name of at most {LONGEST_NAME} letters, digits, -, _ and ., a letter or digit first"
        ))
    }
}

fn class(name: &str) -> Read<Class> {
    Class::from_name(name).ok_or_else(|| {
        let known: Vec<_> = Class::ALL.iter().map(|class| class.name()).collect();
        format!("unknown class; known: {}", known.join(", "))
    })
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
        Some(_) => Err("a place is no path: write names with dots between".into()),
        None => Ok(paths),
    }
}

fn places(entry: Places) -> Read<Vec<String>> {
    paths(entry.at, &entry.objects, &entry.members)
}

fn rule(entry: RuleEntry) -> Result<super::Rule, ProfileError> {
    let class = class(&entry.class).map_err(|message| ProfileError::new("/class", message))?;
    let whole = |message: String| ProfileError::new("", message);
    let paths = paths(entry.at, &entry.objects, &entry.members).map_err(whole)?;
    if paths.is_empty() == entry.keys.is_empty() {
        return Err(whole("a rule has either keys or places".into()));
    }
    let has_letters = |key: &String| key.chars().any(char::is_alphanumeric);
    if let Some(index) = entry.keys.iter().position(|key| !has_letters(key)) {
        let message = "a key has letters or digits";
        return Err(ProfileError::new(format!("/keys/{index}"), message));
    }
    let name = entry.name.unwrap_or_else(|| {
        let kind = if paths.is_empty() { "keys" } else { "paths" };
        format!("{kind}: {class}")
    });
    if name.is_empty() || name.chars().any(char::is_control) {
        let message = "is empty or holds control characters: it goes into reports";
        return Err(ProfileError::new("/name", message));
    }
    let operator = match entry.operator {
        Some(written) => velum_profile::operator(written).and_then(operator::meant),
        None => Ok(Operator::Redact),
    };
    let operator = operator.map_err(|message| ProfileError::new("/operator", message))?;
    if entry.scalars && operator == Operator::Remove {
        let message = "remove takes away whatever is there: leave scalars out, or use redact";
        return Err(ProfileError::new("/operator", message));
    }
    for (index, other) in entry.not_with.iter().enumerate() {
        check_name(other)
            .map_err(|message| ProfileError::new(format!("/not_with/{index}"), message))?;
    }
    Ok(super::Rule {
        name,
        class,
        origin: Origin::Written(entry.source),
        operator,
        keys: entry.keys,
        paths,
        scalars: entry.scalars,
        json: entry.json,
        forced: entry.forced,
        ids: entry.ids,
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
        origin: Origin::Derived,
        operator: Operator::Remove,
        keys: Vec::new(),
        paths,
        scalars: false,
        json: false,
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
        signs: signs.len(),
        objects: entry.objects,
        candidate: entry.value,
        sources,
        otherwise: entry.otherwise.as_deref().map(class).transpose()?,
        unless,
    })
}

/// Detectors by name; `identifiers` are all but those of credentials, `credentials` the others.
fn detectors_named(list: &str, names: &[String]) -> Result<Vec<&'static Detector>, ProfileError> {
    let mut found: Vec<&'static Detector> = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let is_meant = |detector: &Detector| match name.as_str() {
            "identifiers" => detector.class != Class::Credential,
            "credentials" => detector.class == Class::Credential,
            name => detector.name == name,
        };
        let before = found.len();
        found.extend(detectors::ALL.iter().filter(|detector| is_meant(detector)));
        if found.len() == before {
            let known: Vec<_> = detectors::ALL.iter().map(|one| one.name).collect();
            let message = format!(
                "unknown detector; known: identifiers, credentials, {}",
                known.join(", ")
            );
            return Err(ProfileError::new(format!("{list}/{index}"), message));
        }
    }
    Ok(found)
}
