//! What a body holds, told without a value: a tag for each.

use std::fmt;
use std::sync::Arc;

use hmac::Hmac;
use sha2::Sha256;

use crate::decode::Text;
use crate::keys::{code, keyed_hmac};
use crate::mask::inside;
use crate::{Class, ClassSet, Tags, Terms};

/// The key of tags. The tag of a value is the first 8 bytes of HMAC-SHA-256 over the name of its class, a
/// zero byte and the value: the text of a string without its escapes, a number or literal as it is written,
/// of what a detector finds only that.
///
/// [`TagKey::default`] is none: no value has a tag then.
///
/// ```
/// use velum_engine::TagKey;
/// assert_eq!(format!("{:?}", TagKey::new(&[7; 32])), "TagKey(a key)");
/// ```
#[derive(Clone, Default)]
pub struct TagKey(Option<Hmac<Sha256>>);

impl TagKey {
    /// The key of those bytes.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(Some(keyed_hmac(key)))
    }

    /// `None`: there is no key, or the value could not be read.
    #[inline(never)]
    pub(crate) fn tag(&self, class: Class, value: Value<'_>) -> Option<u64> {
        let key = self.0.as_ref()?;
        let text = match value {
            Value::Unread => return None,
            Value::Source(source) => Text::decode(match source.first() {
                Some(b'"') => inside(source),
                _ => source,
            }),
            Value::Text(text) => Text::plain(text),
        };
        let parts = [class.name().as_bytes(), &[0], text.as_str().as_bytes()];
        code(key, &parts, false)
            .first_chunk()
            .copied()
            .map(u64::from_be_bytes)
    }
}

impl fmt::Debug for TagKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.0 {
            Some(_) => "TagKey(a key)",
            None => "TagKey(none)",
        })
    }
}

/// A value of which the tag may be asked.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    /// It was not read whole: it has none.
    Unread,
    /// A scalar or member name as it is written.
    Source(&'a [u8]),
    /// A text, or what is found in one.
    Text(&'a str),
}

/// The tags of what was masked of some classes, and whether they are all.
#[derive(Clone, Debug)]
pub struct Evidence {
    terms: Arc<Terms>,
    tags: Tags,
    is_complete: bool,
}

impl Evidence {
    /// Nothing seen yet.
    pub(crate) fn new(terms: Arc<Terms>) -> Self {
        Self {
            terms,
            tags: Tags::default(),
            is_complete: true,
        }
    }

    /// The tags of what was masked.
    pub fn tags(&self) -> &Tags {
        &self.tags
    }

    /// Whether every value that was masked has its tag here: false, if there were more than
    /// [`Tags::MOST`], or one could not be read whole.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// The classes of which values leave tags.
    pub(crate) fn classes(&self) -> ClassSet {
        self.terms.evidence
    }

    /// The same of a part, with nothing seen yet.
    pub(crate) fn of_part(&self) -> Self {
        Self::new(Arc::clone(&self.terms))
    }

    /// A value has been masked.
    #[inline(never)]
    pub(crate) fn see(&mut self, class: Class, value: Value<'_>) {
        if self.terms.evidence.contains(class) {
            let tag = self.terms.tag_key.tag(class, value);
            self.is_complete &= tag.is_some_and(|tag| self.tags.add(tag));
        }
    }

    /// Takes over what was seen of a part.
    pub(crate) fn absorb(&mut self, part: &Self) {
        self.is_complete &= part.is_complete & self.tags.add_all(&part.tags);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_stay_what_they_were() {
        // Those of Python's hmac and hashlib: approvals that wait hold them.
        let key = TagKey::new(&[7; 32]);
        let tag = |value| key.tag(Class::Name, value).unwrap();
        assert_eq!(tag(Value::Text("Ann")), 0x9951_6d98_1185_6256);
        assert_eq!(
            tag(Value::Source(br#""\u0041nn""#)),
            tag(Value::Text("Ann"))
        );
        assert_eq!(tag(Value::Source(b"12")), tag(Value::Text("12")));
        assert_ne!(
            key.tag(Class::Ssn, Value::Text("Ann")),
            Some(tag(Value::Text("Ann")))
        );
        assert_eq!(key.tag(Class::Name, Value::Unread), None);
        assert_eq!(TagKey::default().tag(Class::Name, Value::Text("Ann")), None);
    }
}
