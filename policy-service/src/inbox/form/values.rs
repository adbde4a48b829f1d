//! A form's fields as the type that is to be read: a list is a field that stands as often as it likes, a field
//! left empty is an absent option, a checkbox that is not ticked is not sent.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str::FromStr;

use serde::de::value::{Error, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

/// Reads fields. Types refuse those that they do not know by `#[serde(deny_unknown_fields)]`.
pub(super) fn read<'f, T: DeserializeOwned>(
    fields: impl Iterator<Item = (Cow<'f, str>, Cow<'f, str>)>,
) -> Result<T, Error> {
    let mut gathered: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in fields {
        let values = gathered.entry(name.into_owned()).or_default();
        // Browsers send every line break as two characters.
        values.push(value.replace("\r\n", "\n"));
    }
    let fields = gathered
        .into_iter()
        .map(|(name, values)| (name, Values(values)));
    T::deserialize(MapDeserializer::new(fields))
}

/// Everything that one name has.
struct Values(Vec<String>);

impl Values {
    fn one(self) -> Result<String, Error> {
        let mut values = self.0.into_iter();
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(value),
            _ => Err(Error::custom("it stands more than once")),
        }
    }

    fn number<N: FromStr>(self) -> Result<N, Error> {
        let value = self.one()?;
        let is_plain = value.bytes().all(|byte| byte.is_ascii_digit());
        let number = value.parse().ok().filter(|_| is_plain);
        number.ok_or_else(|| Error::custom("it is no number"))
    }
}

impl IntoDeserializer<'_, Error> for Values {
    type Deserializer = Values;

    fn into_deserializer(self) -> Values {
        self
    }
}

macro_rules! numbers {
    ($($name:ident)*) => {
        $(fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.visit_u64(self.number()?)
        })*
    };
}

impl<'de> Deserializer<'de> for Values {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.one()?)
    }

    numbers! {
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.one()?.as_str() {
            "true" | "on" | "yes" => visitor.visit_bool(true),
            "false" | "no" => visitor.visit_bool(false),
            _ => Err(Error::custom("it is neither yes nor no")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.iter().all(String::is_empty) && self.0.len() == 1 {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let values = self.0.into_iter().map(|value| Values(vec![value]));
        visitor.visit_seq(SeqDeserializer::new(values))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self.one()?.into_deserializer())
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple tuple_struct map struct
        identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Approve {
        version: u64,
        #[serde(default)]
        classes: Vec<String>,
        seconds: Option<u32>,
        #[serde(default)]
        unseen: bool,
        comment: Option<String>,
        preset: Option<Preset>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Preset {
        NotNeeded,
    }

    fn parse(text: &str) -> Result<Approve, Error> {
        read(form_urlencoded::parse(text.as_bytes()))
    }

    #[test]
    fn fields_are_read_as_what_they_are() {
        let text = "version=3&classes=name&classes=date&seconds=60&unseen=on&comment=a+b%0D%0Ac&\
                    preset=not-needed";
        let expected = Approve {
            version: 3,
            classes: vec!["name".to_owned(), "date".to_owned()],
            seconds: Some(60),
            unseen: true,
            comment: Some("a b\nc".to_owned()),
            preset: Some(Preset::NotNeeded),
        };
        assert_eq!(parse(text).unwrap(), expected);
        let bare = parse("version=1&seconds=&comment=&preset=&classes=name").unwrap();
        assert_eq!(
            (bare.seconds, bare.comment, bare.preset),
            (None, None, None)
        );
        assert_eq!(bare.classes, ["name"]);
    }

    #[test]
    fn what_is_missing_unknown_twice_or_out_of_range_is_refused() {
        for text in [
            "",
            "version=",
            "version=-1",
            "version=+1",
            "version=1&version=1",
            "version=1&seconds=1&seconds=2",
            "version=1&seconds=4294967296",
            "version=1&unseen=maybe",
            "version=1&preset=other",
            "version=1&nosuch=1",
            "version=1&comment=a&comment=b",
            "version=99999999999999999999",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
