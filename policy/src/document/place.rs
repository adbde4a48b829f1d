//! Where in a text the value of a JSON Pointer stands, so that a fault is shown at its line.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_saphyr::{Location, Spanned};

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1, in characters.
    pub column: u64,
}

/// Finds where the value stands that a JSON Pointer (RFC 6901) leads to, in YAML or JSON. Where it leads
/// to nothing, the last value on the way that there is; where the text cannot be read, where that was seen.
///
/// ```
/// use velum_policy::document::{Place, place};
/// let text = "version: 1\nmasking:\n  profiles: [fhir-r4, nonsense]\n";
/// assert_eq!(place(text, "/masking/profiles/1"), Some(Place { line: 3, column: 23 }));
/// ```
pub fn place(text: &str, pointer: &str) -> Option<Place> {
    let steps: Vec<String> = pointer
        .split('/')
        .skip(1)
        .map(|step| step.replace("~1", "/").replace("~0", "~"))
        .collect();
    let options = serde_saphyr::options! {
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::PassThrough,
        merge_keys: serde_saphyr::MergeKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
    };
    // One step after the other: a value tells its own place, or gives one of what is in it.
    (0..=steps.len()).rev().find_map(|depth| {
        let steps = steps.get(..depth)?;
        let found = serde_saphyr::with_deserializer_from_str_with_options(
            text,
            options.clone(),
            |deserializer| Walk { steps }.deserialize(deserializer),
        );
        let location = match found {
            Ok(found) => found,
            Err(error) => error.location(),
        }?;
        (location.line() > 0).then(|| Place {
            line: location.line(),
            column: location.column(),
        })
    })
}

/// Follows the steps; gives the place of the last, and nothing where there is none.
struct Walk<'s> {
    steps: &'s [String],
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = Option<Location>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        match self.steps.split_first() {
            None => Spanned::<IgnoredAny>::deserialize(deserializer)
                .map(|spanned| Some(spanned.referenced)),
            Some((step, rest)) => deserializer.deserialize_any(Within { step, rest }),
        }
    }
}

/// Takes one step in an array or object.
struct Within<'s> {
    step: &'s str,
    rest: &'s [String],
}

impl<'de> Visitor<'de> for Within<'_> {
    type Value = Option<Location>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<String>()? {
            if name == self.step {
                // Of two that are named alike the last one is the one too many.
                found = map.next_value_seed(Walk { steps: self.rest })?.or(found);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let wanted: Option<usize> = self.step.parse().ok();
        let (mut index, mut found) = (0, None);
        loop {
            let next = if Some(index) == wanted {
                let Some(place) = items.next_element_seed(Walk { steps: self.rest })? else {
                    return Ok(found);
                };
                found = place;
                Some(())
            } else {
                items.next_element::<IgnoredAny>()?.map(drop)
            };
            if next.is_none() {
                return Ok(found);
            }
            index += 1;
        }
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, place};

    const YAML: &str = "\
version: 1
masking:
  profiles: [pii]
  rules:
    - name: one
      key: mrn
    - {name: two, a/b: 1}
";

    fn at(line: u64, column: u64) -> Place {
        Place { line, column }
    }

    #[test]
    fn pointers_lead_to_lines_and_columns() {
        for (pointer, found) in [
            ("", at(1, 1)),
            ("/version", at(1, 10)),
            ("/masking/rules/0/key", at(6, 12)),
            ("/masking/rules/1/a~1b", at(7, 24)),
        ] {
            assert_eq!(place(YAML, pointer), Some(found), "{pointer}");
        }
        let json = "{\n  \"version\": 1,\n  \"masking\": {\"profile\": []}\n}";
        assert_eq!(place(json, "/masking/profile"), Some(at(3, 26)));
    }

    #[test]
    fn what_is_not_there_is_shown_where_it_should_be() {
        assert_eq!(
            place(YAML, "/masking/rules/0/class"),
            place(YAML, "/masking/rules/0")
        );
        assert_eq!(
            place(YAML, "/masking/rules/9"),
            place(YAML, "/masking/rules")
        );
        assert_eq!(place(YAML, "/version/deeper"), Some(at(1, 10)));
        assert_eq!(place("a: 1\nb: ]\n", "").map(|place| place.line), Some(2));
    }

    #[test]
    fn of_two_members_of_one_name_the_second_is_shown() {
        assert_eq!(place("a: 1\na: 2\n", "/a"), Some(at(2, 4)));
    }
}
