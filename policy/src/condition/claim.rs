//! Conditions on the claims of a verified token.

use serde_json::Value;

use crate::condition::Truth;
use crate::request::Caller;

/// What is asked of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClaimTest {
    Present(bool),
    Is(ClaimValue),
    /// The claim is a list with this item.
    Contains(ClaimValue),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClaimValue {
    Text(String),
    Bool(bool),
    Integer(u64),
}

/// Without a caller no claim is there; a caller whose claims were not read leaves it open.
pub(crate) fn holds(path: &[String], test: &ClaimTest, caller: Option<&Caller<'_>>) -> Truth {
    let claims = match caller {
        None => None,
        Some(Caller { claims: None, .. }) => return Truth::Unknown,
        Some(Caller {
            claims: Some(claims),
            ..
        }) => Some(*claims),
    };
    let value = claims.and_then(|claims| path.iter().try_fold(claims, member));
    // Null, or what could not be read: no text and no number, but perhaps a list.
    if value.is_some_and(Value::is_null) && !matches!(test, ClaimTest::Is(_)) {
        return Truth::Unknown;
    }
    Truth::of(match test {
        ClaimTest::Present(wanted) => value.is_some() == *wanted,
        ClaimTest::Is(expected) => value.is_some_and(|value| expected.is(value)),
        ClaimTest::Contains(expected) => value
            .and_then(Value::as_array)
            .is_some_and(|items| items.iter().any(|item| expected.is(item))),
    })
}

/// A member of an object, or an item of a list.
fn member<'v>(value: &'v Value, name: &String) -> Option<&'v Value> {
    match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        other => other.get(name),
    }
}

impl ClaimTest {
    pub(crate) fn implies(&self, other: &Self) -> bool {
        self == other || (*other == Self::Present(true) && !matches!(self, Self::Present(_)))
    }

    pub(crate) fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Present(false), other) | (other, Self::Present(false)) => {
                *other != Self::Present(false)
            }
            (Self::Is(one), Self::Is(two)) => one != two,
            (Self::Is(_), Self::Contains(_)) | (Self::Contains(_), Self::Is(_)) => true,
            _ => false,
        }
    }
}

impl ClaimValue {
    /// Numbers of a `Struct` are doubles, so 1 and 1.0 are one value.
    fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Text(expected), Value::String(text)) => expected == text,
            (Self::Bool(expected), Value::Bool(value)) => expected == value,
            #[expect(
                clippy::cast_precision_loss,
                reason = "the loader takes integers below 2^53 only, which doubles hold exactly"
            )]
            (Self::Integer(expected), Value::Number(number)) => {
                number.as_f64() == Some(*expected as f64)
            }
            _ => false,
        }
    }
}
