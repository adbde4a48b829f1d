//! The parts of a profile.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A rule: what is masked where, and how.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a question of its own"
)]
pub struct RuleEntry {
    /// Names it in reports.
    pub name: Option<String>,
    /// The name of a class.
    pub class: String,
    /// Where the rule comes from; for readers.
    pub source: Option<String>,
    /// How, if it is not to be redacted: see [`operator`](crate::operator()).
    #[serde(default, deserialize_with = "given")]
    pub operator: Option<Value>,
    /// Names of members, anywhere.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Places: names with dots between.
    #[serde(default)]
    pub at: Vec<String>,
    /// Objects, as places.
    #[serde(default, rename = "in")]
    pub objects: Vec<String>,
    /// Members of each of these objects.
    #[serde(default)]
    pub members: Vec<String>,
    /// Whether it selects scalars only.
    #[serde(default)]
    pub scalars: bool,
    /// Whether a text that is JSON is looked into instead.
    #[serde(default)]
    pub json: bool,
    /// Whether it acts whatever classes are lifted.
    #[serde(default)]
    pub forced: bool,
    /// Whether it is about ids, and acts only where these are not kept.
    #[serde(default)]
    pub ids: bool,
    /// Whether names that it masks are looked for elsewhere.
    #[serde(default = "yes")]
    pub learn: bool,
    /// Profiles beside which it does not act.
    #[serde(default)]
    pub not_with: Vec<String>,
}

/// Places in a body.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Places {
    /// Places: names with dots between.
    #[serde(default)]
    pub at: Vec<String>,
    /// Objects, as places.
    #[serde(default, rename = "in")]
    pub objects: Vec<String>,
    /// Members of each of these objects.
    #[serde(default)]
    pub members: Vec<String>,
}

/// A value whose class is told by what stands beside it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiblingEntry {
    /// Objects, as places.
    #[serde(default, rename = "in")]
    pub objects: Vec<String>,
    /// The member that holds the value.
    pub value: String,
    /// The class where nothing tells it; without one, the value is left to other rules.
    pub otherwise: Option<String>,
    /// Signs by which the value is none of this.
    pub unless: Option<UnlessEntry>,
    /// What tells the class.
    pub tells: Vec<TellEntry>,
}

/// Signs by which a value is left alone.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnlessEntry {
    /// Signs that must all be there.
    #[serde(default)]
    pub all: Vec<String>,
    /// Signs of which none may be there.
    #[serde(default)]
    pub none: Vec<String>,
}

/// A place beside a value, and what its texts tell.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TellEntry {
    /// Where, from the object that holds the value.
    pub at: String,
    /// The sign that anything there is.
    pub sign: Option<String>,
    /// By class: texts that tell it; one with a `*` at its end, what they begin with.
    #[serde(default)]
    pub texts: BTreeMap<String, Vec<String>>,
    /// The same of signs.
    #[serde(default)]
    pub signs: BTreeMap<String, Vec<String>>,
}

fn yes() -> bool {
    true
}

/// A value that is there, be it `null`.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
