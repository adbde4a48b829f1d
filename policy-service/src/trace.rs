//! The trace that a request belongs to, as its caller says (W3C Trace Context, level 1).
//!
//! The trace id is taken for the line about the request, and all of it for a span where spans are exported.
//! Nothing hangs on it, and nothing of it is answered.

use std::fmt;

use axum::http::HeaderMap;

/// The span that a request is a child of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parent {
    /// The id of the trace; never 0.
    pub(crate) trace: u128,
    /// The id of the span; never 0.
    pub(crate) span: u64,
    /// Whether the caller records the trace.
    pub(crate) is_sampled: bool,
}

impl fmt::Display for Parent {
    /// The trace's id alone: 32 hexadecimal digits.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.trace)
    }
}

/// What `traceparent` says. `None` where it is not exactly one valid value, which is then as if it were not there
/// (section 4.3).
pub(crate) fn parent(headers: &HeaderMap) -> Option<Parent> {
    let mut values = headers.get_all("traceparent").iter();
    let (value, None) = (values.next()?.to_str().ok()?, values.next()) else {
        return None;
    };
    let mut parts = value.splitn(5, '-');
    let (version, trace) = (parts.next()?, parts.next()?);
    let (span, flags, rest) = (parts.next()?, parts.next()?, parts.next());
    let is_valid = is_hexadecimal(version, 2)
        && version != "ff"
        // Versions to come may have more behind the flags; this one has not.
        && (version != "00" || rest.is_none())
        && is_id(trace, 32)
        && is_id(span, 16)
        && is_hexadecimal(flags, 2);
    if !is_valid {
        return None;
    }
    Some(Parent {
        trace: u128::from_str_radix(trace, 16).ok()?,
        span: u64::from_str_radix(span, 16).ok()?,
        is_sampled: u8::from_str_radix(flags, 16).ok()? & 1 == 1,
    })
}

fn is_id(text: &str, length: usize) -> bool {
    is_hexadecimal(text, length) && text.bytes().any(|digit| digit != b'0')
}

fn is_hexadecimal(text: &str, length: usize) -> bool {
    let mut digits = text.bytes();
    text.len() == length && digits.all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn found(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("traceparent", HeaderValue::from_str(value).unwrap());
        }
        parent(&headers).map(|parent| parent.to_string())
    }

    #[test]
    fn one_valid_traceparent_names_its_trace() {
        let valid = format!("00-{TRACE}-00f067aa0ba902b7-01");
        assert_eq!(found(&[&valid]).as_deref(), Some(TRACE));
        let later = format!("cc-{TRACE}-00f067aa0ba902b7-01-more-to-come");
        assert_eq!(found(&[&later]).as_deref(), Some(TRACE));
        let zeros = "0".repeat(32);
        for invalid in [
            String::new(),
            "canary".to_owned(),
            format!("00-{TRACE}-00f067aa0ba902b7"),
            format!("00-{TRACE}-00f067aa0ba902b7-01-more"),
            format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
            format!("00-{TRACE}0-00f067aa0ba902b7-01"),
            format!("00-{zeros}-00f067aa0ba902b7-01"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("0-{TRACE}-00f067aa0ba902b7-01"),
            format!("00-{TRACE}-00f067aa0ba902b7-1"),
        ] {
            assert_eq!(found(&[&invalid]), None, "{invalid}");
        }
        assert_eq!(found(&[&valid, &valid]), None);
        assert_eq!(found(&[]), None);
    }

    #[test]
    fn the_span_and_whether_the_trace_is_recorded_are_read_too() {
        for (flags, is_sampled) in [("01", true), ("00", false), ("02", false), ("03", true)] {
            let text = format!("00-{TRACE}-00f067aa0ba902b7-{flags}");
            let value = HeaderValue::from_str(&text).unwrap();
            let headers = HeaderMap::from_iter([("traceparent".parse().unwrap(), value)]);
            let expected = Parent {
                trace: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736,
                span: 0x00f0_67aa_0ba9_02b7,
                is_sampled,
            };
            assert_eq!(parent(&headers), Some(expected), "{text}");
        }
    }
}
