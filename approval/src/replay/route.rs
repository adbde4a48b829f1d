//! Whether what a record has of a path and a query looks like a template of a policy. Records of earlier versions
//! may have more, and what a policy names may look like anything: so this is noted, and no more.

use super::findings::Findings;
use super::kind::Kind;

/// What stands where a template leaves something out.
const LEFT_OUT: &str = "{…}";
/// The longest segment that a policy is taken to name, in bytes.
const LONGEST: usize = 64;
/// As many digits in a row as no year or version has, and many an identifier.
const DIGITS: usize = 6;

/// Notes what looks like a caller's own words. The sentence repeats none of them.
pub(super) fn look(path: &str, query: &str, found: &mut Findings) {
    let fault = path
        .split('/')
        .find_map(fault)
        .map(|fault| ("path", fault))
        .or_else(|| {
            let mut parameters = query.split('&');
            let fault = parameters.find_map(|one| fault(one).or_else(|| value(one)));
            fault.map(|fault| ("query", fault))
        });
    if let Some((what, fault)) = fault {
        found.add(
            Kind::RouteNotTemplate,
            format!("Its {what} has {fault}: a template has none."),
        );
    }
}

fn fault(part: &str) -> Option<&'static str> {
    let mut runs = part.split(|it: char| !it.is_ascii_digit()).map(str::len);
    if part.len() > LONGEST {
        Some("a part of more than 64 bytes")
    } else if runs.any(|run| run >= DIGITS) {
        Some("six digits or more in a row")
    } else {
        None
    }
}

fn value(parameter: &str) -> Option<&'static str> {
    let (_, value) = parameter.split_once('=')?;
    (value != LEFT_OUT).then_some("a value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_callers_words_is_noted_and_not_repeated() {
        let long = format!("/Patient/{}", "x".repeat(65));
        let most = format!("/Patient/{}", "x".repeat(64));
        for (path, query, noted) in [
            ("/Patient/{…}/$everything", "_since&{…}", None),
            ("/Patient/{…}", "_format={…}", None),
            ("/v2026/20000/{…}", "", None),
            (most.as_str(), "", None),
            (long.as_str(), "", Some("path")),
            ("/Patient/000123", "", Some("path")),
            ("/Patient/mrn-77123456/x", "", Some("path")),
            ("/Patient/{…}", "name=Thistlewood", Some("query")),
            ("/Patient/{…}", "name=", Some("query")),
            ("/Patient/{…}", "_since&id-900123", Some("query")),
        ] {
            let mut found = Findings::default();
            look(path, query, &mut found);
            let sentences: Vec<_> = found.list.iter().map(|it| it.sentence.clone()).collect();
            assert_eq!(
                sentences.len(),
                usize::from(noted.is_some()),
                "{path} {query}"
            );
            for (sentence, what) in sentences.iter().zip(noted) {
                assert!(
                    sentence.starts_with(&format!("Its {what} has ")),
                    "{sentence}"
                );
                assert!(!sentence.contains("Thistlewood") && !sentence.contains("77123456"));
            }
        }
    }
}
