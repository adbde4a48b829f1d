//! Pages of lists: how many, from where, and where the next one begins.

use serde_json::{Value, json};

/// How many a page has if nobody says so.
pub(super) const DEFAULT: u32 = 50;
/// How many it has at most.
pub(super) const MOST: u32 = 200;

/// The size of a page, if it can be one.
pub(super) fn limit(asked: Option<u32>, otherwise: u32, most: u32) -> Option<u32> {
    let limit = asked.unwrap_or(otherwise);
    (1..=most).contains(&limit).then_some(limit)
}

/// Where the next page begins: behind the last of a full one.
pub(super) fn next<T, Cursor>(
    page: &[T],
    limit: u32,
    cursor: impl FnOnce(&T) -> Cursor,
) -> Option<Cursor> {
    let is_full = u32::try_from(page.len()).is_ok_and(|count| count == limit);
    page.last().filter(|_| is_full).map(cursor)
}

/// The schema of the size of a page.
pub(super) fn limit_schema(most: u32) -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": most})
}
