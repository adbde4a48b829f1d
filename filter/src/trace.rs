//! W3C trace context: a call to the policy service belongs to the trace of the request it is for. Its
//! `tracestate` stays here, since callers write what they like into it.
//!
//! <https://www.w3.org/TR/trace-context/>, sections 3.2 and 3.3.

use crate::host::{Headers, Host, Map, values};
use crate::pairs;

/// `00-<trace>-<parent>-<flags>`, all in lower-case hexadecimal.
const LENGTH: usize = 55;

/// The headers that make a call a child of the present request; none where the request has no
/// valid trace, since a trace that begins here would belong to nothing.
pub(crate) fn headers(host: &impl Host) -> Headers {
    let Ok(bytes) = host.headers(Map::RequestHeaders) else {
        return Headers::new();
    };
    let Some(given) = pairs::decode(&bytes) else {
        return Headers::new();
    };
    let mut parents = values(&given, "traceparent");
    let (Some(parent), None) = (parents.next(), parents.next()) else {
        return Headers::new();
    };
    let mut span = [0_u8; 8];
    if host.random(&mut span).is_err() {
        return Headers::new();
    }
    let Some(child) = child(parent, span) else {
        return Headers::new();
    };
    vec![(b"traceparent".to_vec(), child.into_bytes())]
}

/// The same trace with a span of ours; `None` where the parent is not of the version that is known.
fn child(parent: &[u8], span: [u8; 8]) -> Option<String> {
    let parent = std::str::from_utf8(parent).ok()?;
    let mut parts = parent.split('-');
    let (version, trace) = (parts.next()?, parts.next()?);
    let (before, flags) = (parts.next()?, parts.next()?);
    let is_hex = |text: &str, length| {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        text.len() == length && text.bytes().all(is_digit)
    };
    let is_set = |text: &str| text.bytes().any(|byte| byte != b'0');
    let is_valid = version == "00"
        && parent.len() == LENGTH
        && is_hex(trace, 32)
        && is_hex(before, 16)
        && is_hex(flags, 2)
        && is_set(trace)
        && is_set(before);
    // The only span that is none is zero.
    let span = u64::from_be_bytes(span).max(1);
    is_valid.then(|| format!("00-{trace}-{span:016x}-{flags}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;
    use crate::host::header;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn sent(given: &[(&str, &str)]) -> Headers {
        let host = Fake::default();
        host.set_map(Map::RequestHeaders, given);
        headers(&host)
    }

    #[test]
    fn a_call_is_a_child_of_its_request_and_carries_nothing_that_the_caller_wrote() {
        let sent = sent(&[
            ("traceparent", PARENT),
            ("tracestate", "patient=Thistlewood 000-12-3456"),
        ]);
        let expected = "00-0af7651916cd43dd8448eb211c80319c-0707070707070707-01";
        assert_eq!(header(&sent, "traceparent"), Some(expected.as_bytes()));
        assert_eq!(sent.len(), 1);
    }

    #[test]
    fn what_is_no_trace_is_not_carried_on() {
        let zero = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
        for parent in [
            "",
            "canary",
            zero,
            &PARENT.to_uppercase(),
            &PARENT.replace("00-0", "01-0"),
            &format!("{PARENT}-canary"),
            &PARENT.replace("b7ad6b7169203331", "0000000000000000"),
        ] {
            let sent = sent(&[("traceparent", parent), ("tracestate", "canary=1")]);
            assert!(sent.is_empty(), "{parent}");
        }
        assert!(sent(&[("traceparent", PARENT), ("traceparent", PARENT)]).is_empty());
        assert!(sent(&[]).is_empty());
    }
}
