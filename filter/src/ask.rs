//! What a caller asks for: `velum-lift`, `velum-reason`, `velum-approval` and `Prefer: wait`.

use std::time::Duration;

use velum_approval::ApprovalId;
use velum_engine::{Class, ClassSet};

use crate::host::{Edit, Edited, Header, header, values};

/// The longest reason taken, in bytes.
const LONGEST_REASON: usize = 1_000;

/// A request's asking headers, parsed.
#[derive(Debug, Default)]
pub(crate) struct Ask {
    /// The classes that were named; `None` where the caller did not ask to lift.
    pub(crate) lift: Option<ClassSet>,
    pub(crate) reason: Option<String>,
    pub(crate) approval: Option<ApprovalId>,
    /// How long the caller is ready to be held.
    pub(crate) wait: Option<Duration>,
}

/// What is wrong with an asking header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AskFault {
    UnknownClass,
    Reason,
    Approval,
}

impl Ask {
    /// Whether the caller asks for anything beyond the masked answer.
    pub(crate) fn is_made(&self) -> bool {
        self.lift.is_some() || self.approval.is_some()
    }
}

/// Reads the asking headers.
pub(crate) fn read(headers: &[Header<'_>]) -> Result<Ask, AskFault> {
    Ok(Ask {
        lift: lift(headers)?,
        reason: reason(headers)?,
        approval: approval(headers)?,
        wait: wait(headers),
    })
}

/// Takes `wait` out of `Prefer` and leaves the caller's other preferences to the upstream, where
/// they belong to the request that is approved.
pub(crate) fn remove_wait(headers: &mut Edited<'_>) {
    if header(headers, "prefer").is_none() {
        return;
    }
    headers.edit(|name, value| {
        if name != b"prefer" {
            return Edit::Keep;
        }
        let kept: Vec<&[u8]> = preferences(value)
            .filter(|item| seconds(item).is_none())
            .collect();
        let kept = kept.join(b", ".as_slice());
        if kept.is_empty() {
            Edit::Remove
        } else if kept == value {
            Edit::Keep
        } else {
            Edit::Replace(kept)
        }
    });
}

fn lift(headers: &[Header<'_>]) -> Result<Option<ClassSet>, AskFault> {
    let mut classes = None::<ClassSet>;
    for value in values(headers, "velum-lift") {
        let value = std::str::from_utf8(value).map_err(|_| AskFault::UnknownClass)?;
        for name in value
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            let class = Class::from_name(name).ok_or(AskFault::UnknownClass)?;
            if !class.may_be_lifted() {
                return Err(AskFault::UnknownClass);
            }
            classes.get_or_insert(ClassSet::EMPTY).insert(class);
        }
    }
    Ok(classes)
}

fn reason(headers: &[Header<'_>]) -> Result<Option<String>, AskFault> {
    match one(headers, "velum-reason") {
        Some(Ok(value)) if value.len() <= LONGEST_REASON => {
            let reason = std::str::from_utf8(value)
                .map_err(|_| AskFault::Reason)?
                .trim();
            Ok((!reason.is_empty()).then(|| reason.to_owned()))
        }
        Some(_) => Err(AskFault::Reason),
        None => Ok(None),
    }
}

fn approval(headers: &[Header<'_>]) -> Result<Option<ApprovalId>, AskFault> {
    match one(headers, "velum-approval") {
        Some(Ok(value)) => {
            let text = std::str::from_utf8(value).map_err(|_| AskFault::Approval)?;
            text.trim()
                .parse()
                .map(Some)
                .map_err(|_| AskFault::Approval)
        }
        Some(Err(())) => Err(AskFault::Approval),
        None => Ok(None),
    }
}

/// The one value of a header; an error where there are several.
fn one<'a>(headers: &'a [Header<'_>], name: &str) -> Option<Result<&'a [u8], ()>> {
    let value = header(headers, name)?;
    Some(if values(headers, name).nth(1).is_some() {
        Err(())
    } else {
        Ok(value)
    })
}

/// RFC 7240: preferences are separated by commas, `wait` is in seconds, the first one counts.
fn wait(headers: &[Header<'_>]) -> Option<Duration> {
    values(headers, "prefer")
        .flat_map(preferences)
        .find_map(seconds)
        .map(Duration::from_secs)
}

fn preferences(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|item| !item.is_empty())
}

fn seconds(preference: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(preference).ok()?;
    let (name, value) = text.split_once('=')?;
    let value = value.trim().trim_matches('"');
    name.trim()
        .eq_ignore_ascii_case("wait")
        .then(|| value.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers<'a>(pairs: &[(&'a str, &'a str)]) -> Vec<Header<'a>> {
        pairs
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes().into()))
            .collect()
    }

    #[test]
    fn reads_what_is_asked() {
        let ask = read(&headers(&[
            ("velum-lift", "name, date"),
            ("velum-lift", "mrn"),
            ("velum-reason", " discharge summary "),
            ("prefer", "return=minimal, wait=30"),
        ]))
        .unwrap();
        let lift: ClassSet = [Class::Name, Class::Date, Class::Mrn].into_iter().collect();
        assert_eq!(ask.lift, Some(lift));
        assert_eq!(ask.reason.as_deref(), Some("discharge summary"));
        assert_eq!(ask.wait, Some(Duration::from_secs(30)));
        assert!(ask.is_made());
    }

    #[test]
    fn refuses_what_cannot_be_asked() {
        for (pairs, fault) in [
            (&[("velum-lift", "name,nmae")][..], AskFault::UnknownClass),
            (&[("velum-lift", "credential")], AskFault::UnknownClass),
            (
                &[("velum-reason", "a"), ("velum-reason", "b")],
                AskFault::Reason,
            ),
            (&[("velum-approval", "../x")], AskFault::Approval),
            (&[("velum-approval", "")], AskFault::Approval),
        ] {
            assert_eq!(read(&headers(pairs)).unwrap_err(), fault, "{pairs:?}");
        }
        let long = "a".repeat(LONGEST_REASON + 1);
        assert_eq!(
            read(&headers(&[("velum-reason", &long)])).unwrap_err(),
            AskFault::Reason
        );
    }

    #[test]
    fn only_wait_is_taken_out_of_prefer() {
        let mut given = Edited::from(headers(&[
            ("prefer", "wait=30"),
            ("prefer", "return=minimal, Wait=\"5\""),
        ]));
        remove_wait(&mut given);
        assert_eq!(*given, headers(&[("prefer", "return=minimal")]));
    }
}
