//! What became of a request, in one word.

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// The policy passes it.
    Passed,
    /// It was answered, masked where there was something to mask.
    Masked,
    /// It was answered with values lifted under a grant.
    Lifted,
    /// Its body or the answer's passed without being looked into, as the policy says.
    Unread,
    /// It needs a review that has not ended.
    Flagged,
    /// The policy or a reviewer denies it.
    Denied,
    /// It could not be taken as it was.
    Refused,
    /// The upstream's answer cannot be masked: 502.
    Withheld,
    /// The rest of an answer cannot be masked: the stream was reset.
    Cut,
    /// The policy service did not answer.
    Unavailable,
    /// The caller asked how an approval stands.
    Polled,
    /// The stream ended before its answer did.
    Left,
    /// Nothing was enforced, and there was no room to look into it.
    Unobserved,
}

impl Outcome {
    /// Every outcome, in order.
    pub(crate) const ALL: [Self; 13] = [
        Self::Passed,
        Self::Masked,
        Self::Lifted,
        Self::Unread,
        Self::Flagged,
        Self::Denied,
        Self::Refused,
        Self::Withheld,
        Self::Cut,
        Self::Unavailable,
        Self::Polled,
        Self::Left,
        Self::Unobserved,
    ];

    /// Its name in metrics and in the access log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Masked => "masked",
            Self::Lifted => "lifted",
            Self::Unread => "unread",
            Self::Flagged => "flagged",
            Self::Denied => "denied",
            Self::Refused => "refused",
            Self::Withheld => "withheld",
            Self::Cut => "cut",
            Self::Unavailable => "unavailable",
            Self::Polled => "polled",
            Self::Left => "left",
            Self::Unobserved => "unobserved",
        }
    }

    pub(super) fn of_problem(code: &str) -> Self {
        match code {
            "approval-required" => Self::Flagged,
            "approval-unavailable" => Self::Unavailable,
            "response-not-maskable" => Self::Withheld,
            "action-denied" | "lineage-unknown" | "no-reviewer" | "policy-unknown"
            | "action-unknown" | "rate-limited" => Self::Denied,
            _ if code.starts_with("approval-") => Self::Denied,
            _ => Self::Refused,
        }
    }
}
