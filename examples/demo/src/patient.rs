//! What a masked patient may still hold, judged by the patient that the API really has.

use serde_json::Value;
use velum_harness::{Failure, Result};

/// What is to be seen of a patient's names; everything else that identifies is to be masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    Masked,
    Clear,
}

/// Compares the answer `body` with the `original`.
pub(crate) fn check(body: &[u8], original: &Value, names: Names) -> Result<Value> {
    let answer: Value = serde_json::from_slice(body)
        .map_err(|error| Failure::new(format!("the answer is not JSON: {error}")))?;
    let text = answer.to_string();
    for pointer in IDENTIFYING {
        let value = original
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default();
        expect(
            !value.is_empty(),
            &format!("the example patient has {pointer}"),
        )?;
        expect(
            !text.contains(value),
            &format!("{pointer} is masked everywhere"),
        )?;
    }
    for pointer in NAMES {
        let same = answer.pointer(pointer) == original.pointer(pointer);
        match names {
            Names::Masked => expect(!same, &format!("{pointer} is masked"))?,
            Names::Clear => expect(same, &format!("{pointer} is clear"))?,
        }
        let value = original
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default();
        if names == Names::Masked {
            expect(
                !text.contains(value),
                &format!("{pointer} is masked everywhere"),
            )?;
        }
    }
    for member in UNTOUCHED {
        expect(
            answer[*member] == original[*member],
            &format!("{member} is untouched"),
        )?;
    }
    Ok(answer)
}

/// Fails with `what`, which says what should have been.
pub(crate) fn expect(holds: bool, what: &str) -> Result<()> {
    if holds {
        Ok(())
    } else {
        Err(Failure::new(format!(
            "this should be so and is not: {what}"
        )))
    }
}

const NAMES: &[&str] = &[
    "/name/0/family",
    "/name/0/given/0",
    "/contact/0/name/given/0",
];

const IDENTIFYING: &[&str] = &[
    "/birthDate",
    "/identifier/0/value",
    "/identifier/1/value",
    "/telecom/0/value",
    "/telecom/1/value",
    "/contact/0/telecom/0/value",
    "/address/0/line/0",
    "/address/0/city",
];

const UNTOUCHED: &[&str] = &[
    "resourceType",
    "id",
    "active",
    "gender",
    "maritalStatus",
    "communication",
];
