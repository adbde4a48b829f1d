//! The shape of what a response holds: keys and classes, never values.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use velum_engine::Class;

use crate::found::Found;
use crate::record::canonical::{Object, Value};
use crate::words::{FieldPath, InvalidWord, RuleName};

/// What masked a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum MaskedBy {
    /// A rule of the policy.
    Rule,
    /// A profile: by the member's name, its place, or what stands beside it.
    Profile,
    /// A detector, in a text.
    Detector,
}

impl MaskedBy {
    /// The name used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Profile => "profile",
            Self::Detector => "detector",
        }
    }
}

/// How many values of a class stand in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ShapeField {
    /// Where.
    pub path: FieldPath,
    /// Of which class.
    #[serde(with = "class_name")]
    #[cfg_attr(feature = "openapi", schema(value_type = crate::schema::ClassName))]
    pub class: Class,
    /// What masked them.
    pub by: MaskedBy,
    /// The rule of the policy that did, where it has a name: an approval may be narrowed to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleName>,
    /// How many.
    #[cfg_attr(
        feature = "openapi",
        schema(minimum = 1, maximum = 9_007_199_254_740_991_u64)
    )]
    pub count: u64,
}

/// Where the values of a response stand that were asked and masked: at most [`MOST`](Self::MOST) fields, sorted,
/// each once. A key is in it only where the policy or a shipped profile names it.
///
/// ```
/// use velum_approval::{FieldPath, Found, MaskedBy, Shape, ShapeField};
/// use velum_engine::Class;
/// let family = ShapeField {
///     path: FieldPath::new("$.name[*].family")?, class: Class::Name, by: MaskedBy::Profile, rule: None, count: 2,
/// };
/// let shape = Shape::new([family.clone(), family], Found::default());
/// assert_eq!(
///     serde_json::to_string(&shape).unwrap(),
///     r#"{"fields":[{"path":"$.name[*].family","class":"name","by":"profile","count":4}]}"#
/// );
/// # Ok::<(), velum_approval::InvalidWord>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(try_from = "Unchecked", deny_unknown_fields)]
pub struct Shape {
    #[cfg_attr(feature = "openapi", schema(max_items = 64))]
    fields: Vec<ShapeField>,
    /// How many values stand in places that had no room, by class.
    #[serde(default, skip_serializing_if = "Found::is_empty")]
    others: Found,
}

/// A shape as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    fields: Vec<ShapeField>,
    #[serde(default)]
    others: Found,
}

/// What tells two fields apart, in their order.
type Key = (FieldPath, usize, MaskedBy, Option<RuleName>);

impl ShapeField {
    fn key(&self) -> Key {
        let (path, rule) = (self.path.clone(), self.rule.clone());
        (path, self.class as usize, self.by, rule)
    }
}

impl Shape {
    /// The most fields. What stands elsewhere is counted by class alone.
    pub const MOST: usize = 64;
    /// The most bytes of all their paths.
    pub const MOST_BYTES: usize = 4096;
    /// The largest integer that every reader of JSON has (RFC 8785, section 3.2.2.3).
    const MOST_COUNTED: u64 = (1 << 53) - 1;

    /// Sorts fields and adds up those that are the same; what has no room is counted with the others.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "it becomes a part of the shape"
    )]
    pub fn new(fields: impl IntoIterator<Item = ShapeField>, others: Found) -> Self {
        let mut sums: BTreeMap<Key, u64> = BTreeMap::new();
        for field in fields {
            let count = sums.entry(field.key()).or_default();
            *count = count.saturating_add(field.count).min(Self::MOST_COUNTED);
        }
        let mut rest: BTreeMap<usize, u64> = BTreeMap::new();
        for (class, count) in others.counts() {
            rest.insert(class as usize, count);
        }
        let (mut kept, mut bytes) = (Vec::new(), 0);
        for ((path, class, by, rule), count) in sums {
            bytes += path.as_str().len();
            let Some(known) = Class::ALL.get(class).filter(|_| count > 0) else {
                continue;
            };
            if kept.len() < Self::MOST && bytes <= Self::MOST_BYTES {
                let class = *known;
                kept.push(ShapeField {
                    path,
                    class,
                    by,
                    rule,
                    count,
                });
            } else {
                let sum = rest.entry(class).or_default();
                *sum = sum.saturating_add(count).min(Self::MOST_COUNTED);
            }
        }
        let rest = rest
            .into_iter()
            .filter_map(|(class, count)| Some((*Class::ALL.get(class)?, count)));
        Self {
            fields: kept,
            others: Found::new(rest),
        }
    }

    /// The fields, in the order of their paths.
    pub fn fields(&self) -> &[ShapeField] {
        &self.fields
    }

    /// How many values stand in places that had no room, by class: where there are any, this is not all of it.
    pub fn others(&self) -> &Found {
        &self.others
    }

    /// How many values of each class it tells of.
    pub fn counts(&self) -> Found {
        let mut sums: BTreeMap<usize, u64> = BTreeMap::new();
        let fields = self.fields.iter().map(|field| (field.class, field.count));
        for (class, count) in fields.chain(self.others.counts()) {
            let sum = sums.entry(class as usize).or_default();
            *sum = sum.saturating_add(count);
        }
        let sums = sums.into_iter();
        Found::new(sums.filter_map(|(class, count)| Some((*Class::ALL.get(class)?, count))))
    }

    /// The rules that occur in it.
    pub fn rules(&self) -> BTreeSet<&RuleName> {
        self.fields
            .iter()
            .filter_map(|field| field.rule.as_ref())
            .collect()
    }

    /// The same with no key and no rule but these: whoever sent it may know others.
    #[must_use]
    pub fn telling(self, knows: impl Fn(&str) -> bool, rules: &BTreeSet<RuleName>) -> Self {
        let fields = self.fields.into_iter().map(|field| ShapeField {
            path: field.path.telling(&knows),
            rule: field.rule.filter(|rule| rules.contains(rule)),
            ..field
        });
        Self::new(fields, self.others)
    }

    /// SHA-256 of its JSON in the form of RFC 8785, which binds it to a record of the audit log.
    pub fn digest(&self) -> [u8; 32] {
        let integer = |count: u64| {
            let count = i64::try_from(count.min(Self::MOST_COUNTED));
            Value::Integer(count.unwrap_or_default())
        };
        let fields = self.fields.iter().map(|field| {
            Object::new()
                .with("by", field.by.name())
                .with("class", field.class.name())
                .with("count", integer(field.count))
                .with("path", field.path.as_str())
                .with_some("rule", field.rule.as_ref().map(RuleName::as_str))
        });
        let others = self
            .others
            .counts()
            .fold(Object::new(), |all, (class, count)| {
                all.with(class.name(), integer(count))
            });
        let others = (!self.others.is_empty()).then_some(others);
        let shape = Object::new()
            .with("fields", fields.collect::<Value>())
            .with_some("others", others);
        // No count is larger than the form has room for.
        let bytes = Value::Object(shape).to_canonical().unwrap_or_default();
        Sha256::digest(bytes).into()
    }
}

impl TryFrom<Unchecked> for Shape {
    type Error = InvalidWord;

    fn try_from(unchecked: Unchecked) -> Result<Self, InvalidWord> {
        let Unchecked { fields, others } = unchecked;
        let fault = |fault| Err(InvalidWord::new("shape", fault));
        if fields.len() > Self::MOST {
            return fault("it has more than 64 fields");
        }
        let bytes: usize = fields.iter().map(|field| field.path.as_str().len()).sum();
        if bytes > Self::MOST_BYTES {
            return fault("its paths are longer than 4096 bytes");
        }
        let is_rule = |field: &ShapeField| field.rule.is_none() || field.by == MaskedBy::Rule;
        if !fields.iter().all(is_rule) {
            return fault("a rule is named of what no rule masked");
        }
        if !fields.is_sorted_by(|one, next| one.key() < next.key()) {
            return fault("its fields are not sorted, each once");
        }
        let is_count = |count: u64| (1..=Self::MOST_COUNTED).contains(&count);
        let are_counts = fields.iter().all(|field| is_count(field.count))
            && others.counts().all(|(_, count)| is_count(count));
        if !are_counts {
            return fault("a count is 0, or beyond 2^53 - 1");
        }
        Ok(Self { fields, others })
    }
}

mod class_name {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};
    use velum_engine::Class;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
    pub(super) fn serialize<S: Serializer>(
        class: &Class,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(class.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Class, D::Error> {
        let name = String::deserialize(deserializer)?;
        Class::from_name(&name).ok_or_else(|| D::Error::custom("unknown class"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(path: &str, class: Class, count: u64) -> ShapeField {
        let path = FieldPath::new(path).unwrap();
        ShapeField {
            path,
            class,
            by: MaskedBy::Profile,
            rule: None,
            count,
        }
    }

    fn read(text: &str) -> Result<Shape, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn it_is_read_back_and_only_as_it_is_written() {
        let mut ward = field("$.ward", Class::Name, 3);
        ward.by = MaskedBy::Rule;
        ward.rule = Some(RuleName::new("wards").unwrap());
        let shape = Shape::new(
            [ward, field("$.name[*].family", Class::Name, 1)],
            Found::new([(Class::Date, 2)]),
        );
        let text = serde_json::to_string(&shape).unwrap();
        assert_eq!(
            text,
            r#"{"fields":[{"path":"$.name[*].family","class":"name","by":"profile","count":1},{"path":"$.ward","class":"name","by":"rule","rule":"wards","count":3}],"others":{"date":2}}"#
        );
        assert_eq!(read(&text).unwrap(), shape);
        assert_eq!(
            shape.counts(),
            Found::new([(Class::Name, 4), (Class::Date, 2)])
        );
        for (from, to) in [
            (r#""count":1"#, r#""count":0"#),
            (r#""count":1"#, r#""count":9007199254740992"#),
            (r#""by":"rule""#, r#""by":"profile""#),
            ("$.ward", "$.aaaa"),
            ("$.ward", "$.MRN-88213"),
            (r#""others""#, r#""other""#),
            (r#""class":"name""#, r#""class":"soul""#),
            (r#""date":2"#, r#""date":0"#),
        ] {
            let bad = text.replacen(from, to, 1);
            assert_ne!(bad, text, "{from}");
            assert!(read(&bad).is_err(), "{bad}");
        }
        let many: Vec<_> = (0..65)
            .map(|number| {
                let letters: String = format!("{number:03}")
                    .bytes()
                    .map(|digit| char::from(digit - b'0' + b'a'))
                    .collect();
                field(&format!("$.{letters}"), Class::Name, 1)
            })
            .collect();
        let cut = Shape::new(many.clone(), Found::default());
        assert_eq!(
            (cut.fields().len(), cut.others()),
            (64, &Found::new([(Class::Name, 1)]))
        );
        assert!(read(&serde_json::json!({"fields": many}).to_string()).is_err());
    }

    #[test]
    fn what_the_policy_does_not_name_is_untold_and_adds_up() {
        let shape = Shape::new(
            [
                field("$.quill[*].family", Class::Name, 1),
                field("$.thorn[*].family", Class::Name, 2),
            ],
            Found::default(),
        );
        let told = shape
            .clone()
            .telling(|key| key == "family", &BTreeSet::new());
        assert_eq!(
            told,
            Shape::new([field("$.*[*].family", Class::Name, 3)], Found::default())
        );
        assert_ne!(told.digest(), shape.digest());
    }

    #[test]
    fn its_digest_is_that_of_its_canonical_json() {
        let shape = Shape::new(
            [field("$.ward", Class::Name, 3)],
            Found::new([(Class::Date, 2)]),
        );
        let text = r#"{"fields":[{"by":"profile","class":"name","count":3,"path":"$.ward"}],"others":{"date":2}}"#;
        let digest: [u8; 32] = Sha256::digest(text).into();
        assert_eq!(shape.digest(), digest);
    }
}
