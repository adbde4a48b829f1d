//! Small readers that several parts share: names, durations, classes.

use std::time::Duration;

use velum_engine::{Class, ClassSet};

use crate::cursor::Cursor;
use crate::error::ConfigError;

/// The longest hold: an hour.
const LONGEST_HOLD: Duration = Duration::from_hours(1);

/// `<integer>` and one of `ms`, `s`, `m`, `h`.
pub(super) fn duration(at: &Cursor<'_>) -> Result<Duration, ConfigError> {
    const WANTED: &str = "must be a duration of at most 1h, such as \"30s\" or \"2m\"";
    let text = at.string().map_err(|_| at.fault(WANTED))?;
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(at.fault(WANTED)),
    };
    let number: u64 = number.parse().map_err(|_| at.fault(WANTED))?;
    let duration = Duration::from_millis(number.saturating_mul(milliseconds));
    if duration > LONGEST_HOLD {
        Err(at.fault(WANTED))
    } else {
        Ok(duration)
    }
}

pub(super) fn class(at: &Cursor<'_>) -> Result<Class, ConfigError> {
    Class::from_name(at.string()?).ok_or_else(|| {
        let known: Vec<_> = Class::ALL.iter().map(|class| class.name()).collect();
        at.fault(format!("unknown class; known: {}", known.join(", ")))
    })
}

/// Classes that a grant may lift.
pub(super) fn liftable(at: &Cursor<'_>) -> Result<ClassSet, ConfigError> {
    let classes = at.distinct(|at| {
        let class = class(at)?;
        if !class.may_be_lifted() {
            return Err(at.fault("is never lifted: leave it out"));
        }
        Ok(class)
    })?;
    Ok(classes.into_iter().collect())
}

/// The name of an environment variable.
pub(super) fn environment(at: &Cursor<'_>) -> Result<String, ConfigError> {
    let text = at.string()?;
    let is_name = !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_name {
        return Err(at.fault("must be the name of an environment variable: letters, digits, _"));
    }
    Ok(text.to_owned())
}

/// A name of ours: of an action or a key.
pub(super) fn identifier(at: &Cursor<'_>) -> Result<String, ConfigError> {
    let text = at.string()?;
    identifier_text(text, at)?;
    Ok(text.to_owned())
}

/// The same, of a member's name.
pub(super) fn identifier_text(text: &str, at: &Cursor<'_>) -> Result<(), ConfigError> {
    let is_identifier = text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if is_identifier {
        Ok(())
    } else {
        Err(at.fault(
            "must be a name of at most 64 letters, digits, -, _ and ., a letter or digit first",
        ))
    }
}

/// A list of texts without repetition.
pub(super) fn texts(at: &Cursor<'_>) -> Result<Vec<String>, ConfigError> {
    at.distinct(|at| at.string().map(str::to_owned))
}

/// A header's name; `what` says what it is for.
pub(super) fn header(name: &str, at: &Cursor<'_>) -> Result<String, ConfigError> {
    let is_token = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
    if name.starts_with(':') || name.eq_ignore_ascii_case("host") {
        return Err(at.fault("is no header here: use `method`, `path` or `authority`"));
    }
    if !is_token {
        return Err(at.fault("is not the name of a header"));
    }
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(at.fault("write the header's name in lower case"));
    }
    if name.starts_with("velum-") || name.starts_with("velum_") {
        return Err(
            at.fault("velum-* headers are the caller's questions, never conditions or identities")
        );
    }
    Ok(name.to_owned())
}
