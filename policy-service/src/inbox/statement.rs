//! The conditions of an action as lines of text.

use velum_policy::{Action, StatedCondition};

/// One condition, with how deep it stands among those that join it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) depth: usize,
    pub(super) text: String,
}

/// The style sheet has room for so many.
const DEEPEST: usize = 4;

/// Those of an action, each behind what joins it; none where it takes every request.
pub(super) fn of(action: &Action) -> Vec<Statement> {
    let mut statements = Vec::new();
    if let Some(condition) = action.condition() {
        list(&condition, 0, &mut statements);
    }
    statements
}

fn list(condition: &StatedCondition, depth: usize, statements: &mut Vec<Statement>) {
    statements.push(Statement {
        depth: depth.min(DEEPEST),
        text: condition.text.clone(),
    });
    for part in &condition.parts {
        list(part, depth + 1, statements);
    }
}
