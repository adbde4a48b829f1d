//! One case: a choice in each dimension.

use std::fmt;

use velum_engine::Framing as BodyFraming;
use velum_harness::Protocol;

/// How the upstream ends its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length,
    Chunked,
    Trailers,
}

/// What the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    Json,
    Fhir,
    Lines,
    Sequence,
    Events,
    /// An answer of JSON-RPC, whose text holds JSON, as tools of MCP give it.
    ToolResult,
    Text,
}

/// How the body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Deflate,
    /// Refused: bytes that only say so.
    Brotli,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Mask,
    /// Names are approved.
    Lift,
    /// The body cannot be read.
    Refuse,
}

/// How large the chunks are, and with them the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chunk {
    Byte,
    Middle,
    Large,
}

impl Chunk {
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Byte => 1,
            Self::Middle => 16 * 1024,
            Self::Large => 1024 * 1024,
        }
    }

    /// How many records make a body of more than two such chunks, or a small one of bytes.
    pub(crate) fn records(self) -> usize {
        match self {
            Self::Byte => 2,
            Self::Middle => 200,
            Self::Large => 10_000,
        }
    }
}

impl Media {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json | Self::ToolResult => "application/json",
            Self::Fhir => "application/fhir+json; charset=utf-8",
            Self::Lines => "application/x-ndjson",
            Self::Sequence => "application/json-seq",
            Self::Events => "text/event-stream",
            Self::Text => "text/plain; charset=utf-8",
        }
    }

    /// How the engine reads it; none for text.
    pub(crate) fn framing(self) -> Option<BodyFraming> {
        Some(match self {
            Self::Json | Self::Fhir | Self::ToolResult => BodyFraming::Document,
            Self::Lines => BodyFraming::Lines,
            Self::Sequence => BodyFraming::Sequence,
            Self::Events => BodyFraming::Events,
            Self::Text => return None,
        })
    }
}

pub(crate) const PROTOCOLS: &[Protocol] = &[Protocol::Http1, Protocol::Http2];
pub(crate) const FRAMINGS: &[Framing] = &[Framing::Length, Framing::Chunked, Framing::Trailers];
pub(crate) const MEDIA: &[Media] = &[
    Media::Json,
    Media::Fhir,
    Media::Lines,
    Media::Sequence,
    Media::Events,
    Media::ToolResult,
    Media::Text,
];
pub(crate) const ENCODINGS: &[Encoding] = &[
    Encoding::Identity,
    Encoding::Gzip,
    Encoding::Deflate,
    Encoding::Brotli,
];
pub(crate) const OUTCOMES: &[Outcome] = &[Outcome::Mask, Outcome::Lift, Outcome::Refuse];
pub(crate) const CHUNKS: &[Chunk] = &[Chunk::Byte, Chunk::Middle, Chunk::Large];

/// How many choices each dimension has.
pub(crate) const DIMENSIONS: [usize; 7] = [
    PROTOCOLS.len(),
    PROTOCOLS.len(),
    FRAMINGS.len(),
    MEDIA.len(),
    ENCODINGS.len(),
    OUTCOMES.len(),
    CHUNKS.len(),
];

#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) down: Protocol,
    pub(crate) up: Protocol,
    pub(crate) framing: Framing,
    pub(crate) media: Media,
    pub(crate) encoding: Encoding,
    pub(crate) outcome: Outcome,
    pub(crate) chunk: Chunk,
    choices: [usize; 7],
}

impl Case {
    /// The case of these choices; `None` where they cannot be together.
    pub(crate) fn new(choices: [usize; 7]) -> Option<Self> {
        let case = Self::any(choices);
        // Text is read only where its length is known, and only where that is short enough.
        let is_long_text = case.media == Media::Text
            && (case.framing != Framing::Length || case.chunk == Chunk::Large);
        // What is encoded has no length of its own that could be trusted for text.
        let is_encoded_text = case.media == Media::Text && case.encoding != Encoding::Identity;
        // A text of which a name is lifted is masked all the same: text has no classes to lift.
        (!is_long_text && !is_encoded_text).then_some(case)
    }

    fn any(choices: [usize; 7]) -> Self {
        let [down, up, framing, media, encoding, outcome, chunk] = choices;
        Self {
            down: PROTOCOLS[down],
            up: PROTOCOLS[up],
            framing: FRAMINGS[framing],
            media: MEDIA[media],
            encoding: ENCODINGS[encoding],
            outcome: OUTCOMES[outcome],
            chunk: CHUNKS[chunk],
            choices,
        }
    }

    pub(crate) fn choices(&self) -> [usize; 7] {
        self.choices
    }

    /// A path that tells the upstream what to send. Each is a resource of its own.
    pub(crate) fn to_path(&self, number: usize) -> String {
        let choices: String = self.choices.iter().map(ToString::to_string).collect();
        format!("/Patient/{choices}-{number}")
    }

    pub(crate) fn from_path(path: &str) -> Self {
        let choices = path
            .rsplit('/')
            .next()
            .and_then(|last| last.split('-').next());
        let digits: Vec<usize> = choices
            .expect("choices")
            .bytes()
            .map(|byte| usize::from(byte - b'0'))
            .collect();
        Self::any(digits.try_into().expect("seven choices"))
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} to {:?}, {:?}, {:?}, {:?}, {:?}, {:?} chunks",
            self.up, self.down, self.framing, self.media, self.encoding, self.outcome, self.chunk
        )
    }
}
