//! Detectors that the policy brings along.

use velum_engine::{CustomDetector, LooksFor, RuleError};

use super::names;
use crate::cursor::Cursor;
use crate::error::ConfigError;

const KEYS: &[&str] = &[
    "name",
    "class",
    "pattern",
    "dictionary",
    "checksum",
    "words",
    "required",
    "boundaries",
    "codes",
];

pub(super) fn read(at: &Cursor<'_>) -> Result<CustomDetector, ConfigError> {
    let fields = at.object(KEYS, &[])?;
    let checksum = match fields.optional("checksum") {
        Some(at) => Some((at.string()?.to_owned(), at)),
        None => None,
    };
    let looks_for = match (fields.optional("pattern"), fields.optional("dictionary")) {
        (Some(pattern), None) => LooksFor::Pattern {
            pattern: pattern.string()?.to_owned(),
            checksum: checksum.map(|(name, _)| name),
        },
        (None, Some(terms)) => {
            if let Some((_, at)) = checksum {
                return Err(at.fault("belongs to a pattern: leave it out"));
            }
            LooksFor::Dictionary(strings(&terms)?)
        }
        _ => return Err(at.fault("give exactly one of: pattern, dictionary")),
    };
    let flag = |name: &str, otherwise: bool| match fields.optional(name) {
        Some(at) => at.bool(),
        None => Ok(otherwise),
    };
    Ok(CustomDetector {
        name: fields.required("name")?.string()?.to_owned(),
        class: names::class(&fields.required("class")?)?,
        looks_for,
        words: match fields.optional("words") {
            Some(at) => strings(&at)?,
            None => Vec::new(),
        },
        required: flag("required", false)?,
        boundaries: flag("boundaries", true)?,
        codes: flag("codes", false)?,
    })
}

fn strings(at: &Cursor<'_>) -> Result<Vec<String>, ConfigError> {
    let items = at.items()?;
    let strings = items.iter().map(|at| at.string().map(str::to_owned));
    strings.collect()
}

/// Where in the document the part is at fault that the engine does not take.
pub(super) fn place<'a>(detectors: &[Cursor<'a>], error: &RuleError) -> Option<Cursor<'a>> {
    let (index, part) = error.detector_part()?;
    let detector = detectors.get(index)?;
    let (name, item) = part.split_once('/').unwrap_or((part, ""));
    let fields = detector.object(KEYS, &[]).ok();
    let Some(field) = fields.and_then(|fields| fields.optional(name)) else {
        return Some(detector.clone());
    };
    let items = field.items().unwrap_or_default();
    let item = item.parse::<usize>().ok().and_then(|item| items.get(item));
    Some(item.cloned().unwrap_or(field))
}
