//! What may be shown of a path and a query: the policy's own words, and nothing of the caller's.

use crate::condition::parameter::parameters;
use crate::path::CanonicalPath;
use crate::policy::Policy;
use crate::text::form_decode;

/// Stands for what the caller wrote.
const HIDDEN: &str = "{…}";
/// How many segments or parameters are shown; their number is the caller's choice.
const SHOWN: usize = 32;

impl CanonicalPath {
    /// The path with every segment hidden that is not a literal of the policy at that place.
    pub fn scrubbed(&self, policy: &Policy) -> String {
        let is_literal = |index: usize, segment: &str| {
            policy.literal_segments.iter().any(|(place, literal)| {
                literal == segment && place.is_none_or(|place| place == index)
            })
        };
        if self.as_str() == "*" {
            return "*".to_owned();
        }
        let mut text = String::new();
        for (index, segment) in self.segments().enumerate().take(SHOWN) {
            text.push('/');
            text.push_str(if is_literal(index, segment) {
                segment
            } else {
                HIDDEN
            });
        }
        if self.segments().nth(SHOWN).is_some() {
            text.push_str("/…");
        }
        if text.is_empty() {
            "/".to_owned()
        } else {
            text
        }
    }

    /// The query without values, every name hidden that the policy does not name.
    pub fn scrubbed_query(&self, policy: &Policy) -> String {
        let mut parts: Vec<&str> = Vec::new();
        for (raw_name, _) in parameters(self.query(), b"&;").take(SHOWN) {
            let name = form_decode(raw_name);
            let known = policy
                .query_names
                .iter()
                .find(|known| known.as_bytes() == name);
            parts.push(known.map_or(HIDDEN, String::as_str));
        }
        if parameters(self.query(), b"&;").nth(SHOWN).is_some() {
            parts.push("…");
        }
        parts.join("&")
    }
}
