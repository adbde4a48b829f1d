//! What an agent is told of each state of its approval: a code, whether sending the same request again
//! may help, and a sentence that says what to do. The codes are the last parts of the types of the
//! filter's own problems.

use velum_approval::{DenyCode, Need, State};

/// What a state means for whoever asked.
pub(super) struct Ending {
    pub(super) code: &'static str,
    pub(super) retryable: bool,
    pub(super) detail: &'static str,
}

/// What is to be said of a state, and of what the reviewers want to know.
pub(super) fn of(state: State, needs: Option<Need>) -> Ending {
    let (code, detail) = match (state, needs) {
        (State::Pending, Some(Need::Reason)) => (
            "reason-required",
            "A reviewer wants to know more. Send the identical request again with a better \
             velum-reason; then wait.",
        ),
        (State::Collecting, _) => (
            "approval-required",
            "A person must decide, once the masked answer has come to its end. Read it to its end, \
             and ask for the state again, not before retry_after_seconds.",
        ),
        (State::Approved, _) => (
            "approval-granted",
            "Send the identical request again now, with velum-approval.",
        ),
        (state, _) => match state.denial() {
            Some(denial) => (denial.problem(), denial.detail()),
            None => (
                "approval-required",
                "A person must decide. Ask for the state again, not before retry_after_seconds; when \
                 it says approved, send the identical request again with velum-approval.",
            ),
        },
    };
    Ending {
        code,
        // What is not final is asked again in any case.
        retryable: state.denial().is_none_or(DenyCode::retryable),
        detail,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_ending_has_a_code_of_its_own_and_says_what_to_do() {
        let finals = State::ALL.iter().filter(|state| state.is_final());
        let mut codes = BTreeSet::new();
        for state in finals {
            let ending = of(*state, None);
            assert!(codes.insert(ending.code), "{}", ending.code);
            assert_eq!(
                ending.retryable,
                ending.detail.ends_with("Ask again.") || ending.detail.contains("Ask again if"),
                "{}: {}",
                ending.code,
                ending.detail
            );
        }
        assert_eq!(codes.len(), 6);
        let question = of(State::Pending, Some(Need::Reason));
        assert_ne!(question.code, of(State::Pending, None).code);
    }
}
