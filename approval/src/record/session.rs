//! What is recorded of people who sign in.

use super::canonical::Object;
use super::leaf::{actor, service};
use crate::words::{ApprovalId, PersonId};

/// Somebody signed in or out, or did not, of [`Record::Session`](super::Record::Session).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// A session begins.
    SignedIn {
        /// Whose.
        person: PersonId,
        /// What they have shown.
        by: SignedInBy,
    },
    /// None does.
    Refused {
        /// Who it was, where that is known.
        person: Option<PersonId>,
        /// Why.
        refused: SignInRefused,
    },
    /// Somebody has signed in anew to approve something, or to add a security key.
    Confirmed {
        /// Who.
        person: PersonId,
        /// Which approval; none for a security key.
        approval: Option<ApprovalId>,
    },
    /// A session ends because its person wants it to.
    SignedOut {
        /// Whose.
        person: PersonId,
        /// All of the person's end with it.
        everywhere: bool,
    },
}

impl SessionEvent {
    pub(super) fn data(&self) -> Object {
        match self {
            Self::SignedIn { person, by } => Object::new()
                .with("actor", actor("person", person.as_str()))
                .with("session", Object::new().with("by", by.name())),
            Self::Refused { person, refused } => {
                let person = person.as_ref();
                let who = person.map_or_else(service, |it| actor("person", it.as_str()));
                Object::new()
                    .with("actor", who)
                    .with("refused", refused.name())
            }
            Self::Confirmed { person, approval } => Object::new()
                .with("actor", actor("person", person.as_str()))
                .with_some(
                    "approval",
                    approval
                        .as_ref()
                        .map(|approval| Object::new().with("id", approval.as_str())),
                ),
            Self::SignedOut { person, everywhere } => Object::new()
                .with("actor", actor("person", person.as_str()))
                .with("session", Object::new().with("everywhere", *everywhere)),
        }
    }
}

/// What somebody has shown to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedInBy {
    /// A link that the service has printed, which is good for once.
    Link,
    /// The word of an OpenID provider.
    Provider,
}

impl SignedInBy {
    /// In records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Provider => "provider",
        }
    }
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $variant:ident $name:literal,)*) => {
        /// Why nobody was signed in.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum SignInRefused {
            $($(#[$doc])* $variant,)*
        }

        impl SignInRefused {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// In records and metrics.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

refusals! {
    /// The link is none, was used, or is over.
    Link "link-over",
    /// The answer belongs to no way that this browser has begun, or to one of long ago.
    State "other-state",
    /// The answer has come before.
    Repeated "repeated",
    /// The answer is another provider's.
    Mixed "other-provider",
    /// The provider says no.
    Denied "denied-by-provider",
    /// The provider could not be asked, or gave no token.
    NoToken "no-token",
    /// The token is not signed as it has to be.
    Signature "bad-signature",
    /// The token is another provider's.
    Issuer "other-issuer",
    /// The token is for somebody else.
    Audience "other-audience",
    /// The token was made for another sign-in.
    Nonce "other-nonce",
    /// The token's time is over, or has not come.
    Expired "token-over",
    /// The token is faulty in another way.
    Token "bad-token",
    /// They did not sign in anew, or not as it has to be.
    NotFresh "not-fresh",
    /// It is somebody else than whose session it is.
    OtherPerson "other-person",
    /// The directory has no such identity.
    Unknown "identity-unknown",
    /// They review nothing.
    NotAReviewer "not-a-reviewer",
}
