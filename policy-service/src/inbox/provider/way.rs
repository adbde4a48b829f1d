//! One way to the provider and back.
//!
//! All of it is in a cookie of the browser that goes: a secret, when it went, where it wants to go on, and
//! which session it had. State, nonce and PKCE verifier are made of these, so nothing is kept here for somebody
//! of whom nobody knows who they are. A code under a key of the service, which all replicas have, says that the
//! service has made it: whoever has the browser cannot say that it went at another time.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;
use velum_approval::{ApprovalId, Timestamp};

use crate::inbox::page::local;
use crate::inbox::session::SessionId;

/// How long somebody may take at the provider.
pub(crate) const LIFETIME: Duration = Duration::from_mins(10);

/// What the cookie says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    secret: String,
    begun: Timestamp,
    next: String,
    before: Option<SessionId>,
    purpose: Option<Purpose>,
}

/// What somebody signs in anew for, in the session that they have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To approve something.
    Approve {
        approval: ApprovalId,
        /// The SHA-256 of what they are about to approve.
        what: [u8; 32],
    },
    /// To add a security key.
    AddKey,
}

/// What a cookie says of the latter.
const ADD_KEY: &str = "key";

impl Way {
    /// One that begins now, with a secret that nobody knows.
    pub(crate) fn begin(
        secret: String,
        now: Timestamp,
        next: &str,
        before: Option<SessionId>,
    ) -> Way {
        Way {
            secret,
            begun: now,
            next: next.to_owned(),
            before,
            purpose: None,
        }
    }

    /// The same, to sign in anew for something.
    pub(crate) fn for_purpose(self, purpose: Purpose) -> Way {
        Way {
            purpose: Some(purpose),
            ..self
        }
    }

    /// What it is for, if not for a session.
    pub(crate) fn purpose(&self) -> Option<&Purpose> {
        self.purpose.as_ref()
    }

    /// When it began.
    pub(crate) fn begun(&self) -> Timestamp {
        self.begun
    }

    /// What the cookie holds.
    pub(crate) fn to_cookie(&self, key: &[u8; 32]) -> String {
        let way = format!("{}.{}", self.secret, self.rest());
        let code = code(key, &way);
        format!("{way}.{code}")
    }

    fn rest(&self) -> String {
        let before = self.before.map(|id| URL_SAFE_NO_PAD.encode(id));
        let purpose = self.purpose.as_ref().map(|purpose| match purpose {
            Purpose::Approve { approval, what } => {
                let approval = URL_SAFE_NO_PAD.encode(approval.as_str());
                format!("{approval}.{}", URL_SAFE_NO_PAD.encode(what))
            }
            Purpose::AddKey => format!("{ADD_KEY}."),
        });
        format!(
            "{}.{}.{}.{}",
            self.begun.as_millis(),
            URL_SAFE_NO_PAD.encode(&self.next),
            before.unwrap_or_default(),
            purpose.as_deref().unwrap_or(".")
        )
    }

    /// The way of a cookie, if the service has made it and it is not over.
    pub(crate) fn of_cookie(text: &str, key: &[u8; 32], now: Timestamp) -> Option<Way> {
        let (text, given) = text.rsplit_once('.')?;
        if !bool::from(given.as_bytes().ct_eq(code(key, text).as_bytes())) {
            return None;
        }
        let mut parts = text.split('.');
        let (secret, begun) = (parts.next()?, parts.next()?);
        let (next, before) = (parts.next()?, parts.next()?);
        let begun = Timestamp::from_millis(begun.parse().ok()?);
        let next = text_of(next)?;
        let before = match before {
            "" => None,
            id => Some(URL_SAFE_NO_PAD.decode(id).ok()?.try_into().ok()?),
        };
        let purpose = match (parts.next()?, parts.next()?) {
            ("", "") => None,
            (ADD_KEY, "") => Some(Purpose::AddKey),
            (approval, what) => Some(Purpose::Approve {
                approval: text_of(approval)?.parse().ok()?,
                what: URL_SAFE_NO_PAD.decode(what).ok()?.try_into().ok()?,
            }),
        };
        let way = Way {
            secret: secret.to_owned(),
            begun,
            next,
            before,
            purpose,
        };
        let is_one = parts.next().is_none() && secret.len() == 43 && begun <= now;
        (is_one && now < way.until()).then_some(way)
    }

    /// Where to go on.
    pub(crate) fn next(&self) -> Option<&str> {
        local(&self.next)
    }

    /// The session that the browser had when it went.
    pub(crate) fn before(&self) -> Option<SessionId> {
        self.before
    }

    /// Until when somebody may come back.
    pub(crate) fn until(&self) -> Timestamp {
        self.begun.after(LIFETIME)
    }

    /// What it is known by once somebody has come back: that is good for once.
    pub(crate) fn id(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(b"velum-way-v1\0");
        digest.update(self.secret.as_bytes());
        digest.finalize().into()
    }

    /// Ties an answer to this browser (RFC 6749, section 10.12).
    pub(crate) fn state(&self) -> String {
        self.made_for("state")
    }

    /// Whether an answer is of this way.
    pub(crate) fn is_of(&self, state: &str) -> bool {
        state.as_bytes().ct_eq(self.state().as_bytes()).into()
    }

    /// Ties a token to this way (OpenID Connect Core 1.0, section 15.5.2).
    pub(crate) fn nonce(&self) -> String {
        self.made_for("nonce")
    }

    /// Ties a code to this service (RFC 7636).
    pub(crate) fn verifier(&self) -> String {
        self.made_for("verifier")
    }

    fn made_for(&self, purpose: &str) -> String {
        code(
            self.secret.as_bytes(),
            &format!("{purpose}\0{}", self.rest()),
        )
    }
}

/// The HMAC-SHA-256 of a text.
fn code(key: &[u8], text: &str) -> String {
    // A key of any length will do.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return String::new();
    };
    mac.update(text.as_bytes());
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

fn text_of(encoded: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [9; 32];

    #[test]
    fn it_comes_back_as_it_went_and_not_after_ten_minutes() {
        let now = Timestamp::from_millis(1_000_000);
        for before in [None, Some([7; 32])] {
            let way = Way::begin("a".repeat(43), now, "/approvals/1?a=b", before);
            let cookie = way.to_cookie(&KEY);
            let at = |milliseconds: i64| Timestamp::from_millis(1_000_000 + milliseconds);
            assert_eq!(
                Way::of_cookie(&cookie, &KEY, at(599_999)),
                Some(way.clone())
            );
            assert_eq!(Way::of_cookie(&cookie, &KEY, at(600_000)), None);
            assert_eq!(
                Way::of_cookie(&cookie, &KEY, Timestamp::from_millis(999_999)),
                None
            );
            assert_eq!(way.next(), Some("/approvals/1?a=b"));
            let made = [way.state(), way.nonce(), way.verifier()];
            // PKCE wants 43 to 128 characters.
            assert!(made.iter().all(|text| text.len() == 43));
            assert!(made[0] != made[1] && made[1] != made[2] && made[0] != made[2]);
        }
        for text in [
            "",
            "a",
            "a.b.c.d",
            &format!("{}.1000000..!", "a".repeat(43)),
        ] {
            assert_eq!(Way::of_cookie(text, &KEY, now), None, "{text}");
        }
    }

    fn purpose(what: u8) -> Purpose {
        Purpose::Approve {
            approval: "a1".parse().unwrap(),
            what: [what; 32],
        }
    }

    #[test]
    fn what_it_is_for_comes_back_too() {
        let now = Timestamp::from_millis(1_000_000);
        for purpose in [purpose(1), Purpose::AddKey] {
            let way = Way::begin("a".repeat(43), now, "/", Some([1; 32])).for_purpose(purpose);
            assert_eq!(Way::of_cookie(&way.to_cookie(&KEY), &KEY, now), Some(way));
        }
    }

    #[test]
    fn whatever_is_changed_in_it_is_another_way() {
        let now = Timestamp::from_millis(1_000_000);
        let way = Way::begin("a".repeat(43), now, "/", None);
        let others = [
            Way::begin("b".repeat(43), now, "/", None),
            Way::begin("a".repeat(43), Timestamp::from_millis(1_000_001), "/", None),
            Way::begin("a".repeat(43), now, "/session", None),
            Way::begin("a".repeat(43), now, "/", Some([1; 32])),
            way.clone().for_purpose(purpose(1)),
            way.clone().for_purpose(purpose(2)),
            way.clone().for_purpose(Purpose::AddKey),
        ];
        assert!(way.is_of(&way.state()));
        for other in others {
            assert!(!other.is_of(&way.state()));
            assert_ne!(other.nonce(), way.nonce());
            assert_ne!(other.verifier(), way.verifier());
        }
    }

    #[test]
    fn a_way_that_the_browser_has_made_is_none() {
        let now = Timestamp::from_millis(1_000_000);
        let way = Way::begin("a".repeat(43), now, "/", Some([1; 32])).for_purpose(purpose(1));
        let cookie = way.to_cookie(&KEY);
        assert_eq!(Way::of_cookie(&cookie, &KEY, now), Some(way.clone()));
        assert_eq!(Way::of_cookie(&cookie, &[8; 32], now), None);
        let earlier = cookie.replace(".1000000.", ".999999.");
        assert_ne!(earlier, cookie);
        assert_eq!(Way::of_cookie(&earlier, &KEY, now), None);
        let (without, _) = cookie.rsplit_once('.').unwrap();
        assert_eq!(Way::of_cookie(without, &KEY, now), None);
        assert_eq!(Way::of_cookie(&format!("{without}."), &KEY, now), None);
    }
}
