//! The trace that a request belongs to, as its caller says (W3C Trace Context, level 1).
//!
//! Only the trace id is taken, for the line about the request. Nothing hangs on it, and nothing of it
//! is answered.

use axum::http::HeaderMap;

/// The id of the trace: 32 hexadecimal digits. `None` where `traceparent` is not exactly one valid
/// value, which is then as if it were not there (section 4.3).
pub(crate) fn id(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all("traceparent").iter();
    let (value, None) = (values.next()?.to_str().ok()?, values.next()) else {
        return None;
    };
    let mut parts = value.splitn(5, '-');
    let (version, trace) = (parts.next()?, parts.next()?);
    let (parent, flags, rest) = (parts.next()?, parts.next()?, parts.next());
    let is_valid = is_hexadecimal(version, 2)
        && version != "ff"
        // Versions to come may have more behind the flags; this one has not.
        && (version != "00" || rest.is_none())
        && is_id(trace, 32)
        && is_id(parent, 16)
        && is_hexadecimal(flags, 2);
    is_valid.then_some(trace)
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
        id(&headers).map(str::to_owned)
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
}
