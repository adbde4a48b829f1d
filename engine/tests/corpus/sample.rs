//! One JSON text of the corpus, and what has to become of it.

use std::fmt::Write as _;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use velum_engine::Class;

/// Where a value stands, in the table of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// The value of a member or element.
    Json,
    /// In a sentence, log line or list.
    Prose,
    /// In markup, or in another encoding.
    Encoded,
}

impl Place {
    pub(crate) const ALL: [Self; 3] = [Self::Json, Self::Prose, Self::Encoded];
}

/// How the text is in the JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrap {
    String,
    /// Every third letter escaped.
    Escaped,
    Number,
    Base64,
    /// The text is the value of a member of an object that stands in a string.
    Inside,
}

/// One line of the corpus: an object with one member.
pub(crate) struct Sample {
    /// Whose value it is made of; of what is nobody's, the name of that.
    pub(crate) source: &'static str,
    /// Which context.
    pub(crate) context: &'static str,
    pub(crate) place: Place,
    /// The class of what is to be found.
    pub(crate) class: Class,
    pub(crate) name: String,
    pub(crate) wrap: Wrap,
    pub(crate) text: String,
    /// What is to be found in the text; everything else is to stay.
    pub(crate) spans: Vec<Range<usize>>,
}

impl Sample {
    /// As it stands in a body.
    pub(crate) fn line(&self) -> String {
        let name = Value::from(&*self.name);
        let value = match self.wrap {
            Wrap::String => string(&self.text),
            Wrap::Escaped => escaped(&self.text),
            Wrap::Number => self.text.clone(),
            Wrap::Base64 => string(&STANDARD.encode(&self.text)),
            Wrap::Inside => string(&format!("{{{name}:{}}}", string(&self.text))),
        };
        match self.wrap {
            Wrap::Inside => format!(r#"{{"payload":{value}}}"#),
            _ => format!("{{{name}:{value}}}"),
        }
    }

    /// What has become of the text in the masked line; `None`: something else has.
    pub(crate) fn text_of(&self, line: &str) -> Option<String> {
        let value = member(line)?;
        match self.wrap {
            Wrap::Base64 => String::from_utf8(STANDARD.decode(value).ok()?).ok(),
            Wrap::Inside => member(&value),
            _ => Some(value),
        }
    }
}

/// The only member of an object, as text.
fn member(object: &str) -> Option<String> {
    let Value::Object(members) = serde_json::from_str(object).ok()? else {
        return None;
    };
    match members.into_iter().next()?.1 {
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

fn string(text: &str) -> String {
    Value::from(text).to_string()
}

fn escaped(text: &str) -> String {
    let mut out = String::from("\"");
    for (at, letter) in text.chars().enumerate() {
        if at % 3 == 0 {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}").unwrap();
            }
        } else {
            let plain = string(letter.encode_utf8(&mut [0; 4]));
            out += &plain[1..plain.len() - 1];
        }
    }
    out.push('"');
    out
}
