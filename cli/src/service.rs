//! The policy service, as one reviewer.

use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use serde_json::Value;
use ureq::http::Uri;
use ureq::{Agent, Body};

use crate::approvals::not_ours;
use crate::arguments::Connection;
use crate::failure::Failure;
use crate::show;

/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: u64 = 16 * 1024 * 1024;
const TIMEOUT: Duration = Duration::from_secs(30);

/// A client with a token. Its `Debug` form does not show it.
pub(crate) struct Service {
    agent: Agent,
    url: String,
    authorization: String,
}

impl Service {
    /// Takes address and token from the arguments or the environment.
    pub(crate) fn new(connection: &Connection) -> Result<Self, Failure> {
        let url = connection
            .url
            .clone()
            .or_else(|| std::env::var("VELUM_URL").ok());
        let url = url
            .ok_or_else(|| Failure::new("where is the policy service? give --url or VELUM_URL"))?;
        let url = url.trim_end_matches('/').to_owned();
        check_url(&url, connection.plain_http)?;
        let token = token(connection)?;
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            // A redirect could take the token somewhere else.
            .max_redirects(0)
            .timeout_global(Some(TIMEOUT))
            .build()
            .new_agent();
        Ok(Self {
            agent,
            url,
            authorization: format!("Bearer {token}"),
        })
    }

    pub(crate) fn get(&self, path: &str) -> Result<Value, Failure> {
        let request = self.agent.get(format!("{}{path}", self.url));
        self.read(request.header("authorization", &self.authorization).call())
    }

    /// The bytes of what is not JSON.
    pub(crate) fn bytes(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let request = self.agent.get(format!("{}{path}", self.url));
        let answer = request.header("authorization", &self.authorization).call();
        let mut answer = answer.map_err(|error| self.unanswered(&error))?;
        let status = answer.status();
        let body = answer.body_mut().with_config().limit(LONGEST_ANSWER);
        if status.is_success() {
            return body.read_to_vec().map_err(|error| self.unanswered(&error));
        }
        Err(match body.read_json() {
            Ok(problem) => problem_failure(status.as_u16(), &problem),
            Err(_) => self.not_json(status.as_u16()),
        })
    }

    fn unanswered(&self, error: &ureq::Error) -> Failure {
        Failure::new(format!("{}: {error}", self.url))
    }

    fn not_json(&self, status: u16) -> Failure {
        Failure::new(format!(
            "{}: answered {status} with what is not the policy service's JSON",
            self.url
        ))
    }

    /// Every `member` of a list, page by page. `path` has a query; `Id` is what the next page starts after.
    pub(crate) fn all<Id: FromStr + Display>(
        &self,
        path: &str,
        member: &str,
    ) -> Result<Vec<Value>, Failure> {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let mut page = self.get(&format!("{path}{after}"))?;
            let items = page[member].as_array_mut().ok_or_else(not_ours)?;
            let is_empty = items.is_empty();
            all.append(items);
            match page["next"].as_str() {
                Some(next) if !is_empty => {
                    let next: Id = next.parse().map_err(|_| not_ours())?;
                    after = format!("&after={next}");
                }
                _ => return Ok(all),
            }
        }
    }

    pub(crate) fn post(&self, path: &str, body: &impl serde::Serialize) -> Result<Value, Failure> {
        let request = self.agent.post(format!("{}{path}", self.url));
        self.read(
            request
                .header("authorization", &self.authorization)
                .send_json(body),
        )
    }

    fn read(
        &self,
        answer: Result<ureq::http::Response<Body>, ureq::Error>,
    ) -> Result<Value, Failure> {
        let mut answer = answer.map_err(|error| self.unanswered(&error))?;
        let status = answer.status();
        let body: Result<Value, _> = answer
            .body_mut()
            .with_config()
            .limit(LONGEST_ANSWER)
            .read_json();
        match body {
            Ok(body) if status.is_success() => Ok(body),
            Ok(problem) => Err(problem_failure(status.as_u16(), &problem)),
            Err(_) => Err(self.not_json(status.as_u16())),
        }
    }
}

/// A problem (RFC 9457), as a sentence.
fn problem_failure(status: u16, problem: &Value) -> Failure {
    let code = problem["type"]
        .as_str()
        .and_then(|kind| kind.rsplit('/').next())
        .unwrap_or("refused");
    let detail = ["detail", "title"]
        .iter()
        .find_map(|name| problem[*name].as_str());
    Failure::new(format!(
        "{} ({status}): {}",
        show::plain(code),
        show::plain(detail.unwrap_or("-"))
    ))
}

/// A token is sent over TLS, or not beyond this machine.
fn check_url(url: &str, plain_http: bool) -> Result<(), Failure> {
    let uri: Uri = url
        .parse()
        .map_err(|_| Failure::new("the service's URL is none"))?;
    let host = uri
        .host()
        .unwrap_or_default()
        .trim_start_matches('[')
        .trim_end_matches(']');
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match uri.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if is_here || plain_http => Ok(()),
        Some("http") => Err(Failure::new(
            "the token would cross the network in clear: take https, or give --plain-http",
        )),
        _ => Err(Failure::new(
            "the service's URL must begin with https:// or http://",
        )),
    }
}

fn token(connection: &Connection) -> Result<String, Failure> {
    let token = match &connection.token_file {
        Some(file) => {
            std::fs::read_to_string(file).map_err(|error| Failure::unreadable(file, &error))?
        }
        None => std::env::var("VELUM_TOKEN").map_err(|_| {
            Failure::new("who are you? set VELUM_TOKEN to your token, or give --token-file")
        })?,
    };
    let token = token.trim().to_owned();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Failure::new("the token is empty or holds white space"));
    }
    Ok(token)
}
