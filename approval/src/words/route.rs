//! What may be shown of a path and a query: a policy's own words, and nothing of a caller's.

use std::collections::BTreeSet;
use std::fmt;

/// Stands for what the caller wrote.
const HIDDEN: &str = "{…}";
/// Stands for the rest of what is too much.
const MORE: &str = "…";
/// How many segments or parameters are shown; their number is the caller's choice.
const SHOWN: usize = 32;

/// The words of one policy that may stand in a [`RouteTemplate`].
///
/// The filter makes them of the policy that it runs, the policy service of those that its configuration
/// names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteWords {
    segments: BTreeSet<(Option<usize>, String)>,
    parameters: BTreeSet<String>,
}

impl RouteWords {
    /// Takes the segments of paths that the policy names, each with its place (0 is the first) or with none
    /// where it may be at any, and the names of query parameters.
    pub fn new<'a>(
        segments: impl IntoIterator<Item = (Option<usize>, &'a str)>,
        parameters: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let segments = segments.into_iter();
        let parameters = parameters.into_iter();
        Self {
            segments: segments
                .map(|(place, segment)| (place, segment.to_owned()))
                .collect(),
            parameters: parameters.map(str::to_owned).collect(),
        }
    }

    fn has_segment(&self, place: usize, segment: &str) -> bool {
        let mut named = self.segments.iter();
        named.any(|(at, literal)| literal == segment && at.is_none_or(|at| at == place))
    }

    fn parameter(&self, name: &[u8]) -> Option<&str> {
        let mut named = self.parameters.iter();
        let found = named.find(|known| known.as_bytes() == name);
        found.map(String::as_str)
    }
}

/// The path and the query of a request as a policy speaks of them: its own words stay, everything else is
/// `{…}`, and values of parameters are not there at all.
///
/// The one way to make it is to leave out what is no word of a policy, so there is none with more in it,
/// whoever wrote what it is made of. A filter makes it of the request ([`of`](Self::of)), the policy service
/// once more of what the filter says ([`again`](Self::again)): of a template it makes the same one.
///
/// ```
/// use velum_approval::{RouteTemplate, RouteWords};
/// let words = RouteWords::new([(Some(0), "Patient"), (Some(2), "$everything")], ["_since"]);
/// let parameters = ["_since", "name"];
/// let route = RouteTemplate::of("/Patient/smith/$everything", parameters, &words);
/// assert_eq!((route.path(), route.query()), ("/Patient/{…}/$everything", "_since&{…}"));
/// assert_eq!(RouteTemplate::again(route.path(), route.query(), &words), route);
/// let lying = RouteTemplate::again("/Patient/smith", "ssn=000-12-3456", &words);
/// assert_eq!((lying.path(), lying.query()), ("/Patient/{…}", "{…}"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct RouteTemplate {
    path: String,
    query: String,
}

impl RouteTemplate {
    /// Of a canonical path, and the decoded names of the query's parameters.
    pub fn of(
        path: &str,
        parameters: impl IntoIterator<Item = impl AsRef<[u8]>>,
        words: &RouteWords,
    ) -> Self {
        Self {
            path: path_of(path, words),
            query: query_of(parameters, words),
        }
    }

    /// Of what somebody says is the path and the query of one.
    pub fn again(path: &str, query: &str, words: &RouteWords) -> Self {
        let parameters = query.split('&').filter(|name| !name.is_empty());
        Self::of(path, parameters, words)
    }

    /// The path, such as `/Patient/{…}`; never empty.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The names of the query, such as `_since&{…}`; empty where there are none.
    pub fn query(&self) -> &str {
        &self.query
    }
}

impl fmt::Debug for RouteTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RouteTemplate({}?{})", self.path, self.query)
    }
}

fn path_of(path: &str, words: &RouteWords) -> String {
    // `OPTIONS *` has no path.
    if path == "*" {
        return path.to_owned();
    }
    let segments = || path.split('/').filter(|segment| !segment.is_empty());
    let mut text = String::new();
    for (place, segment) in segments().enumerate().take(SHOWN) {
        text.push('/');
        text.push_str(if words.has_segment(place, segment) {
            segment
        } else {
            HIDDEN
        });
    }
    if segments().nth(SHOWN).is_some() {
        text.push('/');
        text.push_str(MORE);
    }
    if text.is_empty() {
        text.push('/');
    }
    text
}

fn query_of(parameters: impl IntoIterator<Item = impl AsRef<[u8]>>, words: &RouteWords) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let mut parameters = parameters.into_iter();
    for name in parameters.by_ref().take(SHOWN) {
        parts.push(words.parameter(name.as_ref()).unwrap_or(HIDDEN));
    }
    if parameters.next().is_some() {
        parts.push(MORE);
    }
    parts.join("&")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words() -> RouteWords {
        let segments = [
            (Some(0), "Patient"),
            (Some(2), "$everything"),
            (None, "$export"),
        ];
        RouteWords::new(segments, ["_since", "_format"])
    }

    #[test]
    fn a_word_stays_at_its_place_alone() {
        let shown = |path| RouteTemplate::again(path, "", &words()).path().to_owned();
        for (path, expected) in [
            ("/", "/"),
            ("", "/"),
            ("//", "/"),
            ("*", "*"),
            ("/*", "/{…}"),
            ("Patient/smith", "/Patient/{…}"),
            ("/smith/Patient", "/{…}/{…}"),
            ("/patient", "/{…}"),
            ("/Group/7/$export", "/{…}/{…}/$export"),
            ("/…", "/{…}"),
            ("/Patient?name=smith", "/{…}"),
        ] {
            assert_eq!(shown(path), expected, "{path}");
        }
    }

    #[test]
    fn what_is_too_much_is_cut_and_stays_cut() {
        let path = "/smith".repeat(100);
        let route = RouteTemplate::of(&path, ["smith"; 100], &words());
        assert_eq!(route.path().matches(HIDDEN).count(), SHOWN);
        assert_eq!(route.query().matches(HIDDEN).count(), SHOWN);
        assert!(route.path().ends_with("/…") && route.query().ends_with("&…"));
        let again = RouteTemplate::again(route.path(), route.query(), &words());
        assert_eq!(again, route);
    }

    proptest! {
        /// Whatever it is made of: the policy's words, and what stands for others.
        #[test]
        fn nothing_of_a_caller_is_in_it(
            path in "(/?(Patient|smith|[$]everything|[{]…[}]|[ -~é]{0,6})){0,40}",
            query in "(&?(_since|_format|=|[ -~é]{0,6})){0,40}",
        ) {
            let words = words();
            let route = RouteTemplate::again(&path, &query, &words);
            for segment in route.path().split('/').skip(1).filter(|it| !it.is_empty()) {
                let is_ours = ["Patient", "$everything", "$export", HIDDEN, MORE].contains(&segment);
                prop_assert!(is_ours || route.path() == "*", "{}", segment);
            }
            for name in route.query().split('&').filter(|it| !it.is_empty()) {
                prop_assert!(["_since", "_format", HIDDEN, MORE].contains(&name), "{}", name);
            }
            let again = RouteTemplate::again(route.path(), route.query(), &words);
            prop_assert_eq!(again, route);
        }
    }
}
