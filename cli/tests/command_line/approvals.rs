//! `velum approvals` and `velum audit`, as a program, against a service of a few canned answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use crate::program::{Folder, Outcome, command, run, velum};
use serde_json::{Value, json};

const ID: &str = "0193e0c2-7d1b-7cc0-a111-3f4a5b6c7d8e";

/// A request as the service got it.
#[derive(Debug)]
struct Got {
    line: String,
    authorization: String,
    body: String,
}

/// Answers requests with these, in order; then closes.
fn service(answers: Vec<(u16, Value)>) -> (String, Receiver<Got>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for (status, answer) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let got = read(&stream);
            let body = answer.to_string();
            write!(stream, "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()).unwrap();
            sender.send(got).unwrap();
        }
    });
    (url, receiver)
}

fn read(stream: &TcpStream) -> Got {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let value = |name: &str| {
        let found = lines
            .iter()
            .filter_map(|line| line.split_once(": "))
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.to_owned()).unwrap_or_default()
    };
    let mut body = vec![0; value("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    Got {
        line: lines[0].clone(),
        authorization: value("authorization"),
        body: String::from_utf8(body).unwrap(),
    }
}

fn as_grace(url: &str, arguments: &[&str]) -> Outcome {
    let mut command = command(arguments);
    command
        .env("VELUM_URL", url)
        .env("VELUM_TOKEN", "grace-token");
    run(command, "")
}

/// Milliseconds since 1970, so many seconds from now.
#[expect(clippy::disallowed_methods, reason = "the program reads the clock too")]
fn from_now(seconds: i64) -> i64 {
    let now = jiff::Timestamp::now().as_millisecond();
    now + seconds * 1000
}

fn card() -> Value {
    json!({
        "id": ID, "version": 1, "state": "pending",
        "principal": {"kind": "jwt", "issuer": "https://idp.example", "subject": "triage-bot"},
        "on_behalf_of": [{"kind": "jwt", "issuer": "https://idp.example", "subject": "dr-jones"}],
        "excluded": ["dr-jones"], "gateway": "edge", "action": "read", "method": "GET",
        "authority": "ehr.example", "path": "/Patient/{…}", "query": "_format", "resource": "jMdCj9T43UdKeGdNsOjThQ",
        "classes": ["name", "date"], "reason": "call back\u{1b}[2J", "evidence": "bound to the request, content not seen",
        "created": 1_795_464_104_123_i64, "expires": 1_795_465_004_123_i64, "quorum": 1, "votes": []
    })
}

#[test]
fn approvals_are_listed_page_by_page() {
    let mut card = card();
    card["expires"] = json!(from_now(290));
    let (url, got) = service(vec![
        (200, json!({"approvals": [card], "next": ID})),
        (200, json!({"approvals": [card]})),
    ]);
    let outcome = as_grace(&url, &["approvals", "list"]);
    let head = "ID                                    EXPIRES   ACTION  CLASSES    VOTES  BY          REQUEST\n";
    let row = format!(
        "{ID}  in 4 min  read    name,date  0/1    triage-bot  GET /Patient/{{…}}?_format\n"
    );
    assert_eq!(outcome, Outcome::ok(&format!("{head}{row}{row}")));
    let first = got.recv().unwrap();
    assert_eq!(
        (first.line.as_str(), first.authorization.as_str()),
        (
            "GET /v1/approvals?state=pending HTTP/1.1",
            "Bearer grace-token"
        )
    );
    assert_eq!(
        got.recv().unwrap().line,
        format!("GET /v1/approvals?state=pending&after={ID} HTTP/1.1")
    );
}

#[test]
fn lists_are_for_machines_too_and_may_be_empty() {
    let (url, got) = service(vec![
        (200, json!({"approvals": [card()]})),
        (200, json!({"approvals": []})),
    ]);
    let outcome = as_grace(&url, &["approvals", "list", "--state", "used", "--json"]);
    assert_eq!(
        serde_json::from_str::<Value>(&outcome.output).unwrap(),
        card()
    );
    assert_eq!(
        got.recv().unwrap().line,
        "GET /v1/approvals?state=used HTTP/1.1"
    );
    assert_eq!(
        as_grace(&url, &["approvals", "list"]),
        Outcome::ok("no approval is pending\n")
    );
    assert_eq!(
        velum(&["approvals", "list", "--state", "open"]).code,
        Some(2)
    );
}

#[test]
fn one_approval_is_shown_with_who_is_behind_it() {
    let (url, got) = service(vec![(200, card())]);
    let outcome = as_grace(&url, &["approvals", "show", ID]);
    assert_eq!(
        got.recv().unwrap().line,
        format!("GET /v1/approvals/{ID} HTTP/1.1")
    );
    for line in [
        "state         pending, version 1",
        "requester     triage-bot (jwt, https://idp.example)",
        "on behalf of  dr-jones (jwt, https://idp.example)",
        "request       GET ehr.example/Patient/{…}?_format",
        "asks to see   name,date",
        "reason        call back\\u{1b}[2J",
        "evidence      bound to the request, content not seen",
        "expires       2026-11-23 20:16:44Z (2026-11-23)",
        "not by        dr-jones",
    ] {
        assert!(
            outcome.output.lines().any(|shown| shown == line),
            "{line}\n{}",
            outcome.output
        );
    }
    assert!(!outcome.output.contains('\u{1b}'));
}

#[test]
fn where_values_stand_is_shown_a_field_a_line() {
    let mut card = card();
    card["evidence"] =
        json!({"found": {"name": 3}, "records": 1, "bytes": 300, "values": 3, "complete": true});
    card["shape"] = json!({"fields": [
        {"path": "$.*.wardnurse", "class": "name", "by": "rule", "rule": "wards", "count": 1},
        {"path": "$.name[*].family", "class": "name", "by": "profile", "count": 1},
    ], "others": {"name": 1}});
    let (url, _) = service(vec![(200, card)]);
    let outcome = as_grace(&url, &["approvals", "show", ID]);
    for line in [
        "field         $.*.wardnurse name 1, by rule wards",
        "field         $.name[*].family name 1, by profile",
        "more fields   name 1 in fields that had no room",
    ] {
        let shown = outcome.output.lines().any(|shown| shown == line);
        assert!(shown, "{line}\n{}", outcome.output);
    }
}

#[test]
fn decisions_are_sent_as_they_were_meant() {
    for (arguments, path, body) in [
        (&["approve", ID][..], "approve", json!({})),
        (
            &[
                "approve",
                ID,
                "--classes",
                "name,date",
                "--comment",
                "known",
                "--if-version",
                "3",
            ],
            "approve",
            json!({"classes": ["name", "date"], "version": 3, "comment": "known"}),
        ),
        (&["deny", ID], "deny", json!({})),
        (
            &[
                "deny",
                ID,
                "--public-reason",
                "ask the ward",
                "--comment",
                "no",
            ],
            "deny",
            json!({"public_reason": "ask the ward", "comment": "no"}),
        ),
    ] {
        let (url, got) = service(vec![(200, card())]);
        let outcome = as_grace(&url, &[&["approvals"], arguments].concat());
        assert_eq!(outcome.code, Some(0), "{}", outcome.errors);
        let got = got.recv().unwrap();
        assert_eq!(got.line, format!("POST /v1/approvals/{ID}/{path} HTTP/1.1"));
        assert_eq!(serde_json::from_str::<Value>(&got.body).unwrap(), body);
    }
    for arguments in [
        &["approve", ID, "--classes", "credential"][..],
        &["approve", ID, "--classes", "nmae"],
        &["approve", "../x"],
        &["deny"],
    ] {
        assert_eq!(
            velum(&[&["approvals"], arguments].concat()).code,
            Some(2),
            "{arguments:?}"
        );
    }
}

#[test]
fn refusals_of_the_service_are_told() {
    let problem = json!({"type": "https://velum.dev/problems/self-approval", "title": "No", "status": 403, "detail": "You are behind this request.", "retryable": false});
    for (status, answer, errors) in [
        (
            403,
            problem,
            "velum: self-approval (403): You are behind this request.\n",
        ),
        (500, json!({}), "velum: refused (500): -\n"),
        (307, json!({}), "velum: refused (307): -\n"),
    ] {
        let (url, _got) = service(vec![(status, answer)]);
        let outcome = as_grace(&url, &["approvals", "approve", ID]);
        assert_eq!(
            (
                outcome.code,
                outcome.output.as_str(),
                outcome.errors.as_str()
            ),
            (Some(1), "", errors)
        );
    }
    let (url, _got) = service(vec![(200, json!({"hello": 1}))]);
    assert_eq!(
        as_grace(&url, &["approvals", "list"]).errors,
        "velum: the answer is not that of a policy service\n"
    );
    let nobody = as_grace("http://127.0.0.1:1", &["approvals", "list"]);
    assert_eq!(nobody.code, Some(1));
    assert!(
        nobody.errors.starts_with("velum: http://127.0.0.1:1: "),
        "{}",
        nobody.errors
    );
}

#[test]
fn tokens_come_from_the_environment_or_a_file_and_stay_secret() {
    let folder = Folder::new();
    let file = folder.write("token", "from-file\n");
    let (url, got) = service(vec![(200, json!({"approvals": []}))]);
    assert_eq!(
        velum(&["approvals", "list", "--url", &url, "--token-file", &file]).code,
        Some(0)
    );
    assert_eq!(got.recv().unwrap().authorization, "Bearer from-file");
    let empty = folder.write("empty", "\n");
    for (arguments, fragment) in [
        (&["--url", "http://127.0.0.1:1"][..], "VELUM_TOKEN"),
        (&["--token-file", &file], "VELUM_URL"),
        (
            &["--url", "http://127.0.0.1:1", "--token-file", &empty],
            "empty",
        ),
        (
            &["--url", "http://198.51.100.1", "--token-file", &file],
            "in clear",
        ),
        (
            &["--url", "http://localhost.example", "--token-file", &file],
            "in clear",
        ),
        (&["--url", "ftp://a", "--token-file", &file], "https://"),
        (&["--url", "a", "--token-file", &file], "https://"),
    ] {
        let outcome = velum(&[&["approvals", "list"], arguments].concat());
        assert_eq!(outcome.code, Some(1), "{arguments:?}");
        assert!(
            outcome.errors.contains(fragment),
            "{arguments:?}: {}",
            outcome.errors
        );
        assert!(!outcome.errors.contains("from-file"));
    }
}

fn entry(index: u64) -> Value {
    json!({"index": index, "leaf": {
        "type": "org.velum.grant.used.v1", "time": "2026-11-23T20:01:46.123Z", "subject": format!("approval/{ID}"),
        "data": {"code": "VA1201I", "outcome": "success", "actor": {"kind": "gateway", "id": "edge"}, "use": {"classes": ["name"]}}
    }})
}

#[test]
fn the_end_of_the_audit_log_is_shown() {
    let (url, got) = service(vec![
        (
            200,
            json!({"entries": (0..1000).map(entry).collect::<Vec<_>>()}),
        ),
        (200, json!({"entries": [entry(1000)]})),
    ]);
    let outcome = as_grace(&url, &["audit", "tail", "--lines", "2"]);
    let line = |index: u64| {
        format!(
            "{index:>6}  2026-11-23T20:01:46.123Z  VA1201I  grant.used  success  approval/{ID}  by edge  classes name\n"
        )
    };
    assert_eq!(outcome, Outcome::ok(&(line(999) + &line(1000))));
    assert_eq!(
        got.recv().unwrap().line,
        "GET /v1/audit?limit=1000 HTTP/1.1"
    );
    assert_eq!(
        got.recv().unwrap().line,
        "GET /v1/audit?limit=1000&after=999 HTTP/1.1"
    );
}

#[test]
fn records_after_an_index_and_those_to_come() {
    let (url, got) = service(vec![
        (200, json!({"entries": [entry(8), entry(9)]})),
        (200, json!({"entries": [entry(10)]})),
    ]);
    // The service is gone after its second answer, which ends the waiting.
    let outcome = as_grace(
        &url,
        &["audit", "tail", "--after", "7", "--follow", "--json"],
    );
    let shown: Vec<Value> = outcome
        .output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(shown, [entry(8), entry(9), entry(10)]);
    assert_eq!(outcome.code, Some(1));
    assert_eq!(
        got.recv().unwrap().line,
        "GET /v1/audit?limit=1000&after=7 HTTP/1.1"
    );
    assert_eq!(
        got.recv().unwrap().line,
        "GET /v1/audit?limit=1000&after=9 HTTP/1.1"
    );
}
