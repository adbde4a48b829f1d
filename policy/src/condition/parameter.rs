//! Conditions on headers and query parameters: named values of which there may be several.

use crate::condition::Truth;
use crate::text::{TextPattern, form_decode, percent_decode};

/// What is asked of a header or a parameter. It has to hold for every value of that name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ParameterTest {
    Present(bool),
    Value(TextPattern),
}

impl ParameterTest {
    /// The answer over all readings: `values` are those of exactly that name, each with all ways
    /// to read it; `is_disputed` where other readings find other values.
    fn over(&self, values: &[Vec<Vec<u8>>], is_disputed: bool) -> Truth {
        let truth = match self {
            Self::Present(wanted) => Truth::of(values.is_empty() != *wanted),
            Self::Value(_) if values.is_empty() => Truth::No,
            Self::Value(pattern) => Truth::of_readings(
                values
                    .iter()
                    .flatten()
                    .flat_map(|value| [pattern.matches(value), pattern.matches_any_case(value)]),
            ),
        };
        // Present is present, whatever else is there.
        let settled = matches!(self, Self::Present(_)) && !values.is_empty();
        if is_disputed && !settled {
            Truth::Unknown
        } else {
            truth
        }
    }

    pub(crate) fn implies(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Present(one), Self::Present(two)) => one == two,
            (Self::Value(_), Self::Present(wanted)) => *wanted,
            (Self::Value(one), Self::Value(two)) => one.implies(two),
            (Self::Present(_), Self::Value(_)) => false,
        }
    }

    pub(crate) fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Present(one), Self::Present(two)) => one != two,
            (Self::Value(_), Self::Present(wanted)) | (Self::Present(wanted), Self::Value(_)) => {
                !wanted
            }
            (Self::Value(one), Self::Value(two)) => one.excludes(two),
        }
    }
}

/// A header's values are field lines; each is also read as a list, with parameters, since
/// upstreams do. A name with `_` for `-` is the same one to a CGI-like upstream.
pub(crate) fn header_holds(name: &str, test: &ParameterTest, headers: &[(&[u8], &[u8])]) -> Truth {
    let mut values = Vec::new();
    let mut is_disputed = false;
    for (header, value) in headers {
        if *header == name.as_bytes() {
            values.push(header_readings(value));
        } else {
            is_disputed |= is_same_name(header, name);
        }
    }
    test.over(&values, is_disputed)
}

/// Whether some reader takes a header for the one of this name: in any case, with `_` for `-`.
pub(crate) fn is_same_name(header: &[u8], name: &str) -> bool {
    let plain = |byte: &u8| match byte {
        b'_' => b'-',
        other => other.to_ascii_lowercase(),
    };
    header.len() == name.len()
        && header
            .iter()
            .map(plain)
            .eq(name.as_bytes().iter().map(plain))
}

fn header_readings(value: &[u8]) -> Vec<Vec<u8>> {
    let mut readings = vec![value.trim_ascii().to_vec()];
    for separator in [b',', b';'] {
        if value.contains(&separator) {
            readings.extend(
                value
                    .split(|&byte| byte == separator)
                    .map(|part| part.trim_ascii().to_vec()),
            );
        }
    }
    readings
}

/// A parameter's name and value are form-decoded once. Other readings: decoded twice, another
/// case, `name[]` and `name[key]`, `;` as a separator.
pub(crate) fn query_holds(name: &str, test: &ParameterTest, query: &[u8]) -> Truth {
    let mut values = Vec::new();
    let mut is_disputed = false;
    for (raw_name, raw_value) in parameters(query, b"&") {
        if form_decode(raw_name) == name.as_bytes() {
            let once = form_decode(raw_value);
            let twice = form_decode(&once);
            values.push(vec![once, twice, percent_decode(raw_value)]);
        } else {
            is_disputed |= may_name(raw_name, name);
        }
    }
    if query.contains(&b';') {
        is_disputed |= parameters(query, b"&;").any(|(raw_name, _)| may_name(raw_name, name));
    }
    test.over(&values, is_disputed)
}

/// The parameters of a raw query, as raw names and values.
pub(crate) fn parameters<'a>(
    query: &'a [u8],
    separators: &'static [u8],
) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    query
        .split(|byte| separators.contains(byte))
        .filter(|part| !part.is_empty())
        .map(|part| match part.iter().position(|&byte| byte == b'=') {
            Some(at) => (
                part.get(..at).unwrap_or(part),
                part.get(at + 1..).unwrap_or_default(),
            ),
            None => (part, &[][..]),
        })
}

/// Whether some reader takes `raw` for the parameter `name`.
pub(crate) fn may_name(raw: &[u8], name: &str) -> bool {
    let once = form_decode(raw);
    [percent_decode(&once), once, percent_decode(raw)]
        .iter()
        .any(|decoded| {
            let decoded = decoded.trim_ascii();
            let stem = decoded
                .split(|&byte| byte == b'[')
                .next()
                .unwrap_or_default();
            stem.eq_ignore_ascii_case(name.as_bytes())
                || decoded.eq_ignore_ascii_case(name.as_bytes())
        })
}
