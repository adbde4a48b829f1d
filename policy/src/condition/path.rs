//! Conditions on the path.

use crate::condition::Truth;
use crate::path::{CanonicalPath, Spelling, segments_of};

/// A shape of canonical paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PathPattern {
    Exact(String),
    /// A prefix of the text. One that ends in `/` also takes the path without it: they are one
    /// canonical path.
    Prefix(String),
    Suffix(String),
    /// Segment by segment; the same number of them.
    Segments(Vec<SegmentPattern>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SegmentPattern {
    Literal(String),
    /// `{id}`: any one segment.
    Any,
}

impl PathPattern {
    /// Whether the path has this shape, whichever way an upstream reads it.
    pub(crate) fn holds(&self, path: &CanonicalPath, passes: bool) -> Truth {
        let trusted = match path.spelling() {
            Spelling::Plain => true,
            // An upstream that resolves nothing sees another path than the one that may pass.
            Spelling::Respelled => !passes,
            Spelling::Ambiguous => false,
        };
        if !trusted {
            return Truth::Unknown;
        }
        let readings = [Some(path.as_str()), path.undecoded()];
        let readings = readings.iter().flatten();
        Truth::of_readings(
            readings.flat_map(|text| [self.matches(text), self.matches_any_case(text)]),
        )
    }

    pub(crate) fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exact(literal) => path == literal,
            Self::Prefix(literal) => {
                path.starts_with(literal.as_str()) || literal.strip_suffix('/') == Some(path)
            }
            Self::Suffix(literal) => path.ends_with(literal.as_str()),
            Self::Segments(patterns) => {
                let mut segments = segments_of(path);
                patterns.iter().all(|pattern| {
                    segments
                        .next()
                        .is_some_and(|segment| pattern.matches(segment))
                }) && segments.next().is_none()
            }
        }
    }

    fn matches_any_case(&self, path: &str) -> bool {
        let folded = |text: &String| text.to_ascii_lowercase();
        let pattern = match self {
            Self::Exact(literal) => Self::Exact(folded(literal)),
            Self::Prefix(literal) => Self::Prefix(folded(literal)),
            Self::Suffix(literal) => Self::Suffix(folded(literal)),
            Self::Segments(patterns) => Self::Segments(
                patterns
                    .iter()
                    .map(|pattern| match pattern {
                        SegmentPattern::Literal(literal) => {
                            SegmentPattern::Literal(folded(literal))
                        }
                        SegmentPattern::Any => SegmentPattern::Any,
                    })
                    .collect(),
            ),
        };
        pattern.matches(&path.to_ascii_lowercase())
    }

    /// Whether every path of this shape has `other`'s too.
    pub(crate) fn implies(&self, other: &Self) -> bool {
        match (self, other) {
            _ if self == other => true,
            (Self::Exact(path), _) => other.matches(path),
            (Self::Prefix(one), Self::Prefix(two)) => one.starts_with(two.as_str()),
            (Self::Suffix(one), Self::Suffix(two)) => one.ends_with(two.as_str()),
            (Self::Segments(_), Self::Prefix(two)) => {
                self.leading_literal().starts_with(two.as_str())
            }
            (Self::Segments(one), Self::Segments(two)) => {
                one.len() == two.len()
                    && one
                        .iter()
                        .zip(two)
                        .all(|(one, two)| *two == SegmentPattern::Any || one == two)
            }
            _ => false,
        }
    }

    /// Whether no path has both shapes.
    pub(crate) fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(path), other) | (other, Self::Exact(path)) => !other.matches(path),
            (Self::Suffix(one), Self::Suffix(two)) => {
                !one.ends_with(two.as_str()) && !two.ends_with(one.as_str())
            }
            (Self::Suffix(_), _) | (_, Self::Suffix(_)) => false,
            (Self::Segments(one), Self::Segments(two)) => {
                one.len() != two.len()
                    || one.iter().zip(two).any(|pair| {
                        matches!(pair, (SegmentPattern::Literal(one), SegmentPattern::Literal(two)) if one != two)
                    })
            }
            _ => {
                let (one, two) = (self.leading_literal(), other.leading_literal());
                let (one, two) = (one.trim_end_matches('/'), two.trim_end_matches('/'));
                !one.starts_with(two) && !two.starts_with(one)
            }
        }
    }

    /// The text that every path of this shape starts with.
    fn leading_literal(&self) -> String {
        match self {
            Self::Exact(literal) | Self::Prefix(literal) => literal.clone(),
            Self::Suffix(_) => String::new(),
            Self::Segments(patterns) => {
                let mut text = String::from("/");
                for pattern in patterns {
                    let SegmentPattern::Literal(literal) = pattern else {
                        break;
                    };
                    text.push_str(literal);
                    text.push('/');
                }
                if patterns
                    .iter()
                    .all(|pattern| *pattern != SegmentPattern::Any)
                {
                    text.truncate(text.trim_end_matches('/').len().max(1));
                }
                text
            }
        }
    }

    /// The whole segments that the policy names, with their place; no place where it may be any.
    pub(crate) fn literal_segments(&self) -> Vec<(Option<usize>, String)> {
        let of = |text: &str, cut: usize| -> Vec<(Option<usize>, String)> {
            let segments: Vec<&str> = segments_of(text).collect();
            let kept = segments.len().saturating_sub(cut);
            segments
                .into_iter()
                .take(kept)
                .enumerate()
                .map(|(index, segment)| (Some(index), segment.to_owned()))
                .collect()
        };
        match self {
            Self::Exact(literal) => of(literal, 0),
            Self::Prefix(literal) => of(literal, usize::from(!literal.ends_with('/'))),
            Self::Suffix(literal) => {
                let whole = literal.split_once('/').map_or("", |(_, whole)| whole);
                segments_of(whole)
                    .map(|segment| (None, segment.to_owned()))
                    .collect()
            }
            Self::Segments(patterns) => patterns
                .iter()
                .enumerate()
                .filter_map(|(index, pattern)| match pattern {
                    SegmentPattern::Literal(literal) => Some((Some(index), literal.clone())),
                    SegmentPattern::Any => None,
                })
                .collect(),
        }
    }
}

impl SegmentPattern {
    fn matches(&self, segment: &str) -> bool {
        match self {
            Self::Literal(literal) => literal == segment,
            Self::Any => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(text: &str) -> PathPattern {
        PathPattern::Segments(
            segments_of(text)
                .map(|segment| match segment {
                    "{id}" => SegmentPattern::Any,
                    literal => SegmentPattern::Literal(literal.to_owned()),
                })
                .collect(),
        )
    }

    fn patterns() -> Vec<PathPattern> {
        let mut all = Vec::new();
        for text in ["/", "/a", "/a/b", "/ab", "/b", "/a/b/c"] {
            all.push(PathPattern::Exact(text.to_owned()));
        }
        for text in ["/", "/a", "/a/", "/a/b", "/ab", "/a/b/"] {
            all.push(PathPattern::Prefix(text.to_owned()));
        }
        for text in ["a", "/a", "b", "/a/b", "/b"] {
            all.push(PathPattern::Suffix(text.to_owned()));
        }
        for text in [
            "/a",
            "/{id}",
            "/a/{id}",
            "/{id}/b",
            "/a/b",
            "/{id}/{id}",
            "/a/{id}/c",
        ] {
            all.push(segments(text));
        }
        all
    }

    const PATHS: &[&str] = &[
        "/", "/a", "/b", "/ab", "/abc", "/a/a", "/a/b", "/b/a", "/b/b", "/ab/b", "/a/bc", "/a/b/c",
        "/a/a/c", "/a/b/b", "/x/a/b", "/x",
    ];

    /// What the loader concludes about two shapes holds for every path.
    #[test]
    fn implies_and_excludes_are_sound() {
        for one in patterns() {
            for two in patterns() {
                for path in PATHS {
                    let (first, second) = (one.matches(path), two.matches(path));
                    assert!(
                        !one.implies(&two) || !first || second,
                        "{one:?} => {two:?}: {path}"
                    );
                    assert!(
                        !(one.excludes(&two) && first && second),
                        "{one:?} # {two:?}: {path}"
                    );
                }
            }
        }
    }

    #[test]
    fn implies_and_excludes_find_the_plain_cases() {
        let prefix = |text: &str| PathPattern::Prefix(text.to_owned());
        let exact = |text: &str| PathPattern::Exact(text.to_owned());
        assert!(exact("/a/b").implies(&prefix("/a/")));
        assert!(prefix("/a/b").implies(&prefix("/a/")));
        assert!(segments("/a/{id}").implies(&prefix("/a/")));
        assert!(segments("/a/b").implies(&segments("/a/{id}")));
        assert!(prefix("/a/").excludes(&prefix("/b/")));
        assert!(segments("/a/{id}").excludes(&segments("/b/{id}")));
        assert!(segments("/a/{id}").excludes(&prefix("/b/")));
    }

    #[test]
    fn a_prefix_with_a_slash_takes_the_path_without() {
        let prefix = PathPattern::Prefix("/bulk/".to_owned());
        for (path, expected) in [("/bulk", true), ("/bulk/1", true), ("/bulky", false)] {
            assert_eq!(prefix.matches(path), expected, "{path}");
        }
    }
}
