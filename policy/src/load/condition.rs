//! Conditions.

use super::{Foundations, names};
use crate::condition::authority::{AuthorityPattern, HostPattern};
use crate::condition::claim::{ClaimTest, ClaimValue};
use crate::condition::parameter::ParameterTest;
use crate::condition::path::{PathPattern, SegmentPattern};
use crate::condition::{Atom, Condition};
use crate::cursor::Cursor;
use crate::error::ConfigError;
use crate::path::{literal_fault, segments_of};
use crate::policy::IdentitySource;
use crate::text::TextPattern;
use crate::tree::Node;

/// The largest integer that Envoy gives in a form that no text has: 2^46 - 1.
const LARGEST_CLAIM: u64 = 70_368_744_177_663;

const KEYS: &[&str] = &[
    "method",
    "path",
    "header",
    "query",
    "authority",
    "route",
    "principal",
    "claims",
    "any",
    "all",
    "not",
];

/// The members of one `when`, all of which have to hold.
pub(super) fn read(
    at: &Cursor<'_>,
    foundations: &Foundations<'_>,
) -> Result<Condition, ConfigError> {
    at.object(KEYS, &[])?;
    let mut parts = Vec::new();
    for (name, at) in at.members()? {
        match name {
            "method" => parts.push(atom(Atom::Method(methods(&at)?))),
            "path" => parts.push(atom(Atom::Path(path(&at)?))),
            "header" => {
                for (name, at) in named(&at)? {
                    let name = names::header(name, &at)?;
                    parts.push(atom(Atom::Header {
                        name,
                        test: parameter(&at)?,
                    }));
                }
            }
            "query" => {
                for (name, at) in named(&at)? {
                    let name = parameter_name(name, &at)?;
                    parts.push(atom(Atom::Query {
                        name,
                        test: parameter(&at)?,
                    }));
                }
            }
            "authority" => parts.push(atom(Atom::Authority(authority(&at)?))),
            "route" => parts.push(Condition::Any(routes(&at)?)),
            "principal" => parts.extend(principal(&at, foundations)?),
            "claims" => parts.extend(claims(&at, foundations)?),
            "any" => parts.push(Condition::Any(several(&at, foundations)?)),
            "all" => parts.push(Condition::All(several(&at, foundations)?)),
            _ => parts.push(Condition::Not(Box::new(read(&at, foundations)?))),
        }
    }
    match parts.len() {
        0 => Err(at.fault("is empty: name a condition, or leave `when` out to match all requests")),
        1 => Ok(parts.remove(0)),
        _ => Ok(Condition::All(parts)),
    }
}

/// Envoy's routes, by their names.
fn routes(at: &Cursor<'_>) -> Result<Vec<Condition>, ConfigError> {
    let routes = match at.node() {
        Node::Array(_) => names::texts(at)?,
        _ => vec![at.string()?.to_owned()],
    };
    let routes = routes.into_iter().map(|name| atom(Atom::Route(name)));
    Ok(routes.collect())
}

fn atom(atom: Atom) -> Condition {
    Condition::Atom(atom)
}

fn several(at: &Cursor<'_>, foundations: &Foundations<'_>) -> Result<Vec<Condition>, ConfigError> {
    at.items()?.iter().map(|at| read(at, foundations)).collect()
}

fn named<'a>(at: &Cursor<'a>) -> Result<Vec<(&'a str, Cursor<'a>)>, ConfigError> {
    let members = at.members()?;
    if members.is_empty() {
        Err(at.fault("is empty: name at least one, or leave it out"))
    } else {
        Ok(members)
    }
}

fn methods(at: &Cursor<'_>) -> Result<Vec<String>, ConfigError> {
    let mut methods: Vec<String> = Vec::new();
    for at in at.one_or_more()? {
        let method = at.string()?;
        let is_token = method
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'-' || byte == b'_');
        if !is_token {
            return Err(at.fault("must be a method in upper case, such as GET"));
        }
        let place = methods.partition_point(|other| **other < *method);
        if methods.get(place).is_some_and(|other| other == method) {
            return Err(at.fault("is listed twice: keep one of the two"));
        }
        methods.insert(place, method.to_owned());
    }
    Ok(methods)
}

fn path(at: &Cursor<'_>) -> Result<PathPattern, ConfigError> {
    if at.node().text().is_some() {
        return whole_path(at).map(|path| PathPattern::Exact(path.to_owned()));
    }
    let (kind, at) = at.choice(&["prefix", "suffix", "segments"], &[])?;
    match kind {
        "prefix" => {
            let prefix = at.string()?;
            starts_with_slash(prefix, &at)?;
            // What stands after the last slash is part of a segment, so `.` may be one there.
            let whole = prefix
                .rfind('/')
                .and_then(|end| prefix.get(..=end))
                .unwrap_or(prefix);
            literal(whole, &at)?;
            literal(&prefix.replace("/.", "/"), &at)?;
            Ok(PathPattern::Prefix(prefix.to_owned()))
        }
        "suffix" => {
            let suffix = at.string()?;
            literal(suffix, &at)?;
            if suffix.ends_with('/') {
                return Err(at.fault(NO_TRAILING_SLASH));
            }
            Ok(PathPattern::Suffix(suffix.to_owned()))
        }
        _ => whole_path(&at)
            .and_then(|path| {
                segments_of(path)
                    .map(|segment| segment_pattern(segment, &at))
                    .collect::<Result<_, _>>()
            })
            .map(PathPattern::Segments),
    }
}

const NO_TRAILING_SLASH: &str = "write the path without its trailing /: a canonical path has none";

fn starts_with_slash(path: &str, at: &Cursor<'_>) -> Result<(), ConfigError> {
    if path.starts_with('/') {
        Ok(())
    } else {
        Err(at.fault("must start with /"))
    }
}

fn literal(text: &str, at: &Cursor<'_>) -> Result<(), ConfigError> {
    literal_fault(text).map_or(Ok(()), |message| Err(at.fault(message)))
}

fn whole_path<'a>(at: &Cursor<'a>) -> Result<&'a str, ConfigError> {
    let path = at.string()?;
    starts_with_slash(path, at)?;
    literal(path, at)?;
    if path.len() > 1 && path.ends_with('/') {
        return Err(at.fault(NO_TRAILING_SLASH));
    }
    Ok(path)
}

/// `{name}` takes any segment; braces have no other use, so that a slip is not a literal.
fn segment_pattern(segment: &str, at: &Cursor<'_>) -> Result<SegmentPattern, ConfigError> {
    let inner = segment
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    match inner {
        Some(name)
            if !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') =>
        {
            Ok(SegmentPattern::Any)
        }
        None if !segment.contains(['{', '}', '*']) => {
            Ok(SegmentPattern::Literal(segment.to_owned()))
        }
        _ => Err(at.fault("a segment is a literal, or {name} for any one segment")),
    }
}

fn parameter_name(name: &str, at: &Cursor<'_>) -> Result<String, ConfigError> {
    if name.is_empty()
        || name.contains(['%', '&', '=', ';', '#', '['])
        || name.chars().any(char::is_control)
    {
        return Err(at.fault("is not the decoded name of a query parameter"));
    }
    if name.eq_ignore_ascii_case("_method") {
        return Err(at.fault("is a method override, which the filter judges itself"));
    }
    Ok(name.to_owned())
}

fn parameter(at: &Cursor<'_>) -> Result<ParameterTest, ConfigError> {
    if at.node().text().is_some() {
        return Ok(ParameterTest::Value(TextPattern::Exact(
            at.string()?.to_owned(),
        )));
    }
    let (kind, at) = at.choice(&["present", "prefix", "suffix"], &[])?;
    Ok(match kind {
        "present" => ParameterTest::Present(at.bool()?),
        "prefix" => ParameterTest::Value(TextPattern::Prefix(at.string()?.to_owned())),
        _ => ParameterTest::Value(TextPattern::Suffix(at.string()?.to_owned())),
    })
}

fn authority(at: &Cursor<'_>) -> Result<AuthorityPattern, ConfigError> {
    const WANTED: &str = "must be a host name in lower case, with or without a port";
    if at.node().text().is_some() {
        return AuthorityPattern::read(at.string()?).ok_or_else(|| at.fault(WANTED));
    }
    let (_, at) = at.choice(&["suffix"], &[])?;
    let suffix = at.string()?;
    let pattern = suffix.strip_prefix('.').and_then(AuthorityPattern::read);
    if pattern.is_none_or(|pattern| pattern.port.is_some() || suffix.ends_with('.')) {
        return Err(at.fault("must be the end of a host name in lower case, from a dot on"));
    }
    Ok(AuthorityPattern {
        host: HostPattern::Suffix(suffix.to_owned()),
        port: None,
    })
}

fn principal(
    at: &Cursor<'_>,
    foundations: &Foundations<'_>,
) -> Result<Vec<Condition>, ConfigError> {
    if foundations.identity.is_none() {
        return Err(at.fault("never holds: configure /identity"));
    }
    let fields = at.object(&["issuer", "subject"], &[])?;
    let mut parts = Vec::new();
    if let Some(at) = fields.optional("issuer") {
        parts.push(atom(Atom::Issuer(at.string()?.to_owned())));
    }
    if let Some(at) = fields.optional("subject") {
        let pattern = if at.node().text().is_some() {
            TextPattern::Exact(at.string()?.to_owned())
        } else {
            let (kind, at) = at.choice(&["prefix", "suffix"], &[])?;
            let text = at.string()?.to_owned();
            if kind == "prefix" {
                TextPattern::Prefix(text)
            } else {
                TextPattern::Suffix(text)
            }
        };
        parts.push(atom(Atom::Subject(pattern)));
    }
    if parts.is_empty() {
        Err(at.fault("is empty: name issuer or subject"))
    } else {
        Ok(parts)
    }
}

fn claims(at: &Cursor<'_>, foundations: &Foundations<'_>) -> Result<Vec<Condition>, ConfigError> {
    if !matches!(foundations.identity, Some(IdentitySource::Jwt { .. })) {
        return Err(at.fault("never holds: only an identity from a jwt has claims"));
    }
    named(at)?
        .into_iter()
        .map(|(name, at)| {
            Ok(atom(Atom::Claim {
                path: claim_path(name, &at)?,
                test: claim(&at)?,
            }))
        })
        .collect()
}

/// A top-level claim by its name, a nested one by its JSON Pointer.
fn claim_path(name: &str, at: &Cursor<'_>) -> Result<Vec<String>, ConfigError> {
    let path: Vec<String> = match name.strip_prefix('/') {
        None => vec![name.to_owned()],
        Some(rest) => rest
            .split('/')
            .map(|part| part.replace("~1", "/").replace("~0", "~"))
            .collect(),
    };
    if path.iter().any(String::is_empty) {
        return Err(at.fault("is not the name of a claim, nor a JSON Pointer to one"));
    }
    Ok(path)
}

fn claim(at: &Cursor<'_>) -> Result<ClaimTest, ConfigError> {
    if !matches!(at.node(), Node::Object(_)) {
        return claim_value(at).map(ClaimTest::Is);
    }
    let (kind, at) = at.choice(&["present", "contains"], &[])?;
    if kind == "present" {
        return at.bool().map(ClaimTest::Present);
    }
    claim_value(&at).map(ClaimTest::Contains)
}

fn claim_value(at: &Cursor<'_>) -> Result<ClaimValue, ConfigError> {
    match at.node() {
        Node::String(_) => Ok(ClaimValue::Text(at.string()?.to_owned())),
        Node::Bool(value) => Ok(ClaimValue::Bool(*value)),
        Node::Number(_) => at.integer(0, LARGEST_CLAIM).map(ClaimValue::Integer),
        _ => Err(at.fault("must be a string, a boolean or an integer")),
    }
}
