//! The file of `velum policy test`: requests, and what is wanted of each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use velum_engine::{Class, ClassSet};
use velum_filter::simulate::Message;

use super::message;

/// What `effect` may be.
const EFFECTS: [&str; 5] = ["pass", "mask", "review", "deny", "refused"];

/// A file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cases {
    /// The policy of all cases that name none of their own, from the file's folder on.
    policy: Option<PathBuf>,
    pub(super) cases: Vec<Case>,
}

/// One request, what Envoy would know of it, and what is wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) policy: Option<PathBuf>,
    request: Written,
    response: Option<Written>,
    pub(super) claims: Option<Value>,
    pub(super) peer: Option<String>,
    pub(super) route: Option<String>,
    pub(super) route_policy: Option<String>,
    approve: Option<Vec<String>>,
    pub(super) expect: Expectation,
}

/// A message: as text, or by its parts.
#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "a message is a text, or an object of method, path, host (a request), status (a \
                 response), headers and body"
)]
enum Written {
    Text(String),
    Parts(Parts),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    method: Option<String>,
    path: Option<String>,
    host: Option<String>,
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, OneOrMore>,
    #[serde(default)]
    body: Value,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a header is a text, or a list of texts")]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// What is wanted. What is not named does not matter.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Expectation {
    /// The action's name; `none` where none is to match.
    pub(super) action: Option<String>,
    pub(super) effect: Option<String>,
    /// The status that the client gets.
    pub(super) status: Option<u16>,
    /// The name of the problem that the filter answers with.
    pub(super) problem: Option<String>,
    /// Whether the upstream gets the request.
    pub(super) forwarded: Option<bool>,
    /// The whole body that the client gets: JSON that is equal, or a text.
    pub(super) body: Option<Value>,
    /// Fields of the answer; null where there is to be none.
    pub(super) headers: BTreeMap<String, Option<String>>,
    /// Texts that show nowhere in the answer.
    pub(super) absent: Vec<String>,
    /// Texts that show in its body.
    pub(super) present: Vec<String>,
}

impl Cases {
    /// Reads a file's text.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let cases: Self = serde_saphyr::from_str(text).map_err(|error| {
            let place = error.location().map_or_else(String::new, |location| {
                format!("line {}, column {}: ", location.line(), location.column())
            });
            let message = error.without_snippet().to_string();
            let message = message.split(" at line ").next().unwrap_or_default();
            format!("{place}{message}")
        })?;
        if cases.cases.is_empty() {
            return Err("holds no cases".to_owned());
        }
        for (index, case) in cases.cases.iter().enumerate() {
            let mut earlier = cases.cases.iter().take(index);
            if earlier.any(|other| other.name == case.name) {
                return Err(format!("two cases are named {:?}", case.name));
            }
            if case.expect.is_empty() {
                return Err(format!("the case {:?} expects nothing", case.name));
            }
            let effect = case.expect.effect.as_deref();
            if effect.is_some_and(|effect| !EFFECTS.contains(&effect)) {
                let known = EFFECTS.join(", ");
                return Err(format!(
                    "the case {:?} expects no effect of: {known}",
                    case.name
                ));
            }
            if case
                .claims
                .as_ref()
                .is_some_and(|claims| !claims.is_object())
            {
                return Err(format!(
                    "the claims of the case {:?} are no object",
                    case.name
                ));
            }
        }
        Ok(cases)
    }

    /// The file of a case's policy.
    pub(super) fn policy(&self, case: &Case, folder: &Path) -> Result<PathBuf, String> {
        let file = case.policy.as_ref().or(self.policy.as_ref());
        file.map(|file| folder.join(file))
            .ok_or_else(|| "no policy is named, neither by the case nor for all".to_owned())
    }
}

impl Case {
    pub(super) fn request(&self) -> Result<Message, String> {
        match &self.request {
            Written::Text(text) => message::request(text.as_bytes()),
            Written::Parts(parts) => parts.request(),
        }
    }

    pub(super) fn response(&self) -> Result<Option<Message>, String> {
        Ok(Some(match &self.response {
            None => return Ok(None),
            Some(Written::Text(text)) => message::response(text.as_bytes())?,
            Some(Written::Parts(parts)) => parts.response()?,
        }))
    }

    pub(super) fn approved(&self) -> Result<Option<ClassSet>, String> {
        let Some(names) = &self.approve else {
            return Ok(None);
        };
        let classes = names.iter().map(|name| {
            Class::from_name(name)
                .filter(|class| class.may_be_lifted())
                .ok_or_else(|| format!("approve: {name:?} is no class that may be lifted"))
        });
        classes.collect::<Result<_, _>>().map(Some)
    }
}

impl Parts {
    fn request(&self) -> Result<Message, String> {
        let (Some(method), Some(path), None) = (&self.method, &self.path, self.status) else {
            return Err("a request has `method` and `path`, and no `status`".to_owned());
        };
        let host = self.host.as_deref().unwrap_or("localhost");
        let first = [
            (":method", method.as_str()),
            (":path", path),
            (":authority", host),
        ];
        Ok(self.message(&first))
    }

    fn response(&self) -> Result<Message, String> {
        if self.method.is_some() || self.path.is_some() || self.host.is_some() {
            return Err("a response has no `method`, `path` or `host`".to_owned());
        }
        let status = self.status.unwrap_or(200);
        if !message::is_status(status) {
            return Err("a response has a status from 100 to 599".to_owned());
        }
        let status = status.to_string();
        Ok(self.message(&[(":status", &status)]))
    }

    fn message(&self, first: &[(&str, &str)]) -> Message {
        let first = first.iter();
        let mut fields: Vec<(String, String)> = first
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        for (name, values) in &self.headers {
            let values = match values {
                OneOrMore::One(value) => std::slice::from_ref(value),
                OneOrMore::More(values) => values.as_slice(),
            };
            let name = name.to_ascii_lowercase();
            fields.extend(values.iter().map(|value| (name.clone(), value.clone())));
        }
        let body = match &self.body {
            Value::Null => Vec::new(),
            Value::String(text) => text.clone().into_bytes(),
            json => json.to_string().into_bytes(),
        };
        let has_type = fields.iter().any(|(name, _)| name == "content-type");
        if !has_type && !body.is_empty() && !self.body.is_string() {
            fields.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        message::message(fields, body)
    }
}

impl Expectation {
    fn is_empty(&self) -> bool {
        let Self {
            action,
            effect,
            status,
            problem,
            forwarded,
            body,
            headers,
            absent,
            present,
        } = self;
        let named = [action, effect, problem].into_iter().flatten().count();
        named == 0
            && status.is_none()
            && forwarded.is_none()
            && body.is_none()
            && headers.is_empty()
            && absent.is_empty()
            && present.is_empty()
    }
}
