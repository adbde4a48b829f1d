//! What a body was found to hold, in counts.

use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use velum_engine::Class;

/// How often values of each class were found; never a value. In JSON an object of class names and counts.
///
/// ```
/// use velum_approval::Found;
/// use velum_engine::Class;
/// let found = Found::new([(Class::Name, 0), (Class::Ssn, 2)]);
/// assert_eq!(serde_json::to_string(&found)?, r#"{"ssn":2}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found(Vec<(Class, u64)>);

impl Found {
    /// Counts of classes, each named once; those of which nothing was found are left out.
    pub fn new(counts: impl IntoIterator<Item = (Class, u64)>) -> Self {
        let counts = counts.into_iter();
        let mut counts: Vec<_> = counts.filter(|(_, count)| *count > 0).collect();
        counts.sort_unstable_by_key(|(class, _)| *class as usize);
        Self(counts)
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The classes of which there is any, with their counts.
    pub fn counts(&self) -> impl Iterator<Item = (Class, u64)> {
        self.0.iter().copied()
    }
}

impl Serialize for Found {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(class, count)| (class.name(), count)))
    }
}

impl<'de> Deserialize<'de> for Found {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counts;
        impl<'de> Visitor<'de> for Counts {
            type Value = Found;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of class names and counts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
                let mut found = Found::default();
                while let Some((name, count)) = map.next_entry::<String, u64>()? {
                    let class = Class::from_name(&name);
                    let class = class.ok_or_else(|| A::Error::custom("unknown class"))?;
                    if count == 0 || found.0.iter().any(|(known, _)| *known == class) {
                        return Err(A::Error::custom("a count of nothing, or a class twice"));
                    }
                    found.0.push((class, count));
                }
                Ok(Found::new(found.0))
            }
        }
        deserializer.deserialize_map(Counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_back_and_nothing_else_is() {
        let found = Found::new([(Class::Name, 3), (Class::Ssn, 1), (Class::Mrn, 0)]);
        let text = serde_json::to_string(&found).unwrap();
        assert_eq!(text, r#"{"name":3,"ssn":1}"#);
        assert_eq!(serde_json::from_str::<Found>(&text).unwrap(), found);
        for text in [
            r#"{"soul":1}"#,
            r#"{"name":0}"#,
            r#"{"name":1,"name":2}"#,
            r#"{"name":-1}"#,
            r#"["name"]"#,
        ] {
            assert!(serde_json::from_str::<Found>(text).is_err(), "{text}");
        }
    }
}
