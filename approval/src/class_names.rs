//! A [`ClassSet`] in JSON: an array of class names, each once.
//!
//! For `#[serde(with = "velum_approval::class_names")]`. A name that the engine does not know, or
//! that stands twice, is refused.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};
use velum_engine::{Class, ClassSet};

/// Writes the names in the engine's order of classes.
pub fn serialize<S: Serializer>(classes: &ClassSet, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(classes.iter().map(Class::name))
}

/// Reads the names, in any order.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ClassSet, D::Error> {
    let mut classes = ClassSet::EMPTY;
    for name in Vec::<String>::deserialize(deserializer)? {
        let class = Class::from_name(&name).ok_or_else(|| D::Error::custom("unknown class"))?;
        if classes.contains(class) {
            return Err(D::Error::custom("a class stands twice"));
        }
        classes.insert(class);
    }
    Ok(classes)
}

/// The same for an optional set.
pub mod optional {
    use serde::{Deserialize, Deserializer, Serializer};
    use velum_engine::ClassSet;

    /// Writes `null` or the names.
    pub fn serialize<S: Serializer>(
        classes: &Option<ClassSet>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match classes {
            Some(classes) => super::serialize(classes, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads `null` or the names.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<ClassSet>, D::Error> {
        #[derive(Deserialize)]
        struct Names(#[serde(with = "super")] ClassSet);
        Ok(Option::<Names>::deserialize(deserializer)?.map(|names| names.0))
    }
}
