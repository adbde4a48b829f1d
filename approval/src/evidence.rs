//! What a response was seen to hold, and what left in the end.

use serde::{Deserialize, Serialize};

use crate::found::Found;
use crate::shape::Shape;
use crate::tags::Tags;
use crate::words::{ApprovalId, UseKey};

/// `POST /v1/approvals/{id}/evidence`: what the masked answer, which the caller has, holds. Taken once,
/// from the stream that opened the approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The stream, as its check named it.
    pub use_key: UseKey,
    /// What it holds of every class that was asked and masked.
    pub found: Found,
    /// How many records.
    #[cfg_attr(feature = "openapi", schema(maximum = 9_007_199_254_740_991_u64))]
    pub records: u64,
    /// How many bytes.
    #[cfg_attr(feature = "openapi", schema(maximum = 9_007_199_254_740_991_u64))]
    pub bytes: u64,
    /// One tag for each value that is asked to be lifted.
    pub tags: Tags,
    /// Whether `tags` has all of them, and the body came to its end.
    pub complete: bool,
    /// Where the values of the classes that were asked stand. A filter that does not tell has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Shape>,
}

/// What reviewers know of a response. The tags and the shape stand elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Counts of the classes that were asked.
    pub found: Found,
    /// How many records.
    #[cfg_attr(feature = "openapi", schema(maximum = 9_007_199_254_740_991_u64))]
    pub records: u64,
    /// How many bytes.
    #[cfg_attr(feature = "openapi", schema(maximum = 9_007_199_254_740_991_u64))]
    pub bytes: u64,
    /// How many different values.
    pub values: u64,
    /// Whether that is all of it: what was not seen is not lifted.
    pub complete: bool,
    /// SHA-256 of the tags, base64url.
    #[serde(with = "digest")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub tags: [u8; 32],
    /// SHA-256 of the shape, base64url, where one was told.
    #[serde(
        default,
        with = "digest::optional",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub shape: Option<[u8; 32]>,
}

impl From<&Evidence> for Seen {
    fn from(evidence: &Evidence) -> Self {
        Self {
            found: evidence.found.clone(),
            records: evidence.records,
            bytes: evidence.bytes,
            values: u64::try_from(evidence.tags.as_slice().len()).unwrap_or(u64::MAX),
            complete: evidence.complete,
            tags: evidence.tags.digest(),
            shape: evidence.shape.as_ref().map(Shape::digest),
        }
    }
}

/// How a released answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// It came to its end.
    Complete,
    /// It was cut: by the upstream, the caller or the filter.
    Cut,
    /// It came to its end, but a stop or a lost lease had the rest of it masked.
    Stopped,
}

impl End {
    /// The name used in JSON and in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Cut => "cut",
            Self::Stopped => "stopped",
        }
    }
}

/// `POST /v1/outcomes`: what left under a grant. Taken once a use, from the gateway that made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OutcomeReport {
    /// The approval that was used.
    pub approval: ApprovalId,
    /// The stream that used it.
    pub use_key: UseKey,
    /// The status of the answer; 0 where there was none.
    pub status: u16,
    /// How many records left.
    #[cfg_attr(feature = "openapi", schema(maximum = 9_007_199_254_740_991_u64))]
    pub records: u64,
    /// How many bytes left.
    #[cfg_attr(feature = "openapi", schema(maximum = 9_007_199_254_740_991_u64))]
    pub bytes: u64,
    /// What was lifted.
    pub lifted: Found,
    /// What was masked all the same.
    pub masked: Found,
    /// Of that, what the grant's classes would have lifted, had it not been beyond its values, rules,
    /// records or bytes.
    pub drift: Found,
    /// How it ended.
    pub end: End,
}

mod digest {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::words::{base64url_decode, base64url_encode};

    pub(super) fn serialize<S: Serializer>(
        digest: &[u8; 32],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base64url_encode(digest))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<[u8; 32], D::Error> {
        base64url_decode(&String::deserialize(deserializer)?)
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| serde::de::Error::custom("not the base64url of 32 bytes"))
    }

    pub(super) mod optional {
        use serde::{Deserializer, Serializer};

        #[expect(clippy::ref_option, reason = "serde passes references")]
        pub(in super::super) fn serialize<S: Serializer>(
            digest: &Option<[u8; 32]>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match digest {
                Some(digest) => super::serialize(digest, serializer),
                None => serializer.serialize_none(),
            }
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<[u8; 32]>, D::Error> {
            super::deserialize(deserializer).map(Some)
        }
    }
}
