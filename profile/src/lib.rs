//! What a profile file holds, as it is written: JSON, of which unknown and repeated members are
//! refused.
//!
//! What it means is said by `velum-engine`, which checks the names of classes, detectors and places;
//! `docs/profiles.md` explains the members.

mod entry;
mod error;
mod operator;
mod tree;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use entry::{Places, RuleEntry, SiblingEntry, TellEntry, UnlessEntry};
pub use error::ProfileError;
pub use operator::{
    AlphabetEntry, FpeEntry, GeneralizeEntry, OperatorEntry, PartialEntry, PseudonymEntry,
    RangeEntry, ReplaceEntry, Settings, ShiftEntry, TokenEntry, Word, operator,
};
use tree::Tree;

/// A profile.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// What it is for.
    pub about: String,
    /// Whether what FHIR writes beside a primitive (`_birthDate`) goes with it.
    pub primitives: bool,
    /// What is masked.
    pub rules: Vec<RuleEntry>,
    /// Values whose class is told by what stands beside them.
    pub siblings: Vec<SiblingEntry>,
    /// What stays.
    pub keep: Vec<Places>,
    /// Where codes are.
    pub codes: Vec<Places>,
    /// Of which nothing more is to be known.
    pub known: Vec<Places>,
    /// Detectors that look everywhere else.
    pub detectors: Vec<String>,
    /// Detectors that do not.
    pub without_detectors: Vec<String>,
    /// Profiles that it cannot stand beside.
    pub not_together: Vec<String>,
    /// Whether names that fields hold are looked for in free text.
    pub mentions: bool,
}

/// A profile whose lists are not read yet.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Outline {
    profile: String,
    version: u32,
    about: String,
    /// Whether what FHIR writes beside a primitive (`_birthDate`) goes with it.
    #[serde(default)]
    primitives: bool,
    #[serde(default)]
    rules: Vec<Value>,
    #[serde(default)]
    siblings: Vec<Value>,
    #[serde(default)]
    keep: Vec<Value>,
    #[serde(default)]
    codes: Vec<Value>,
    #[serde(default)]
    known: Vec<Value>,
    #[serde(default)]
    detectors: Vec<String>,
    #[serde(default)]
    without_detectors: Vec<String>,
    #[serde(default)]
    not_together: Vec<String>,
    /// Whether names that fields hold are looked for in free text.
    #[serde(default)]
    mentions: bool,
}

/// Reads a profile.
///
/// # Errors
/// What is wrong, and in which part: not JSON, a member that is unknown, missing, given twice or of
/// another type.
///
/// ```
/// let json = r#"{"profile": "badges", "version": 1, "about": "Our badges.",
///                "rules": [{"class": "identifier", "keys": ["badge"]}]}"#;
/// let document = velum_profile::read(json)?;
/// assert_eq!(document.rules.first().unwrap().class, "identifier");
/// # Ok::<(), velum_profile::ProfileError>(())
/// ```
pub fn read(json: &str) -> Result<Document, ProfileError> {
    let said = |error| ProfileError::new("", ProfileError::message_of(&error));
    let Tree(tree) = serde_json::from_str(json).map_err(said)?;
    let outline: Outline = serde_json::from_value(tree).map_err(said)?;
    Ok(Document {
        name: outline.profile,
        version: outline.version,
        about: outline.about,
        primitives: outline.primitives,
        rules: each("/rules", outline.rules)?,
        siblings: each("/siblings", outline.siblings)?,
        keep: each("/keep", outline.keep)?,
        codes: each("/codes", outline.codes)?,
        known: each("/known", outline.known)?,
        detectors: outline.detectors,
        without_detectors: outline.without_detectors,
        not_together: outline.not_together,
        mentions: outline.mentions,
    })
}

/// Reads the items of a list, each fault with its place.
fn each<E: DeserializeOwned>(list: &str, items: Vec<Value>) -> Result<Vec<E>, ProfileError> {
    let mut read = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let fault =
            |error| ProfileError::new(format!("{list}/{index}"), ProfileError::message_of(&error));
        read.push(serde_json::from_value(item).map_err(fault)?);
    }
    Ok(read)
}
