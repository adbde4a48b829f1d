//! Requests and answers as people write them: HTTP/1.1, or only a body.

use serde::de::IgnoredAny;
use serde_json::Value;
use velum_filter::simulate::Message;

/// Fields that are of one connection, which Envoy keeps to itself.
const OF_CONNECTION: &[&str] = &["connection", "keep-alive", "transfer-encoding"];
/// Where a request goes that names no host.
const ANY_HOST: &str = "localhost";
/// What is taken for an answer where only a body is given.
const JSON: &str = "application/json";
/// The engine accepts a body that begins with it.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
const STATUS_LINE: &str = "HTTP/1.1 200 OK";
const REQUEST_LINE: &str = "must begin with a method and a target, such as GET /Patient/1 HTTP/1.1";

/// Reads a request: its line, its fields, an empty line, its body.
pub(super) fn request(bytes: &[u8]) -> Result<Message, String> {
    let (line, fields, body) = split(bytes)?;
    // What is there instead is not shown: it may be a body, and a body may hold anything.
    let mut words = line.split_ascii_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err(REQUEST_LINE.to_owned());
    };
    let ends = words.next().is_none_or(|it| it.starts_with("HTTP/")) && words.next().is_none();
    if !is_name(method) || !ends {
        return Err(REQUEST_LINE.to_owned());
    }
    let mut fields = fields;
    let (authority, target) = match absolute(target) {
        Some((authority, target)) => (Some(authority.to_owned()), target),
        None => (None, target),
    };
    let host = fields.iter().position(|(name, _)| name == "host");
    let host = host.map(|at| fields.remove(at).1);
    let authority = authority.or(host).unwrap_or_else(|| ANY_HOST.to_owned());
    let mut pseudo = vec![
        (":method".to_owned(), method.to_owned()),
        (":path".to_owned(), target.to_owned()),
        (":authority".to_owned(), authority),
    ];
    pseudo.extend(fields);
    Ok(message(pseudo, body.to_vec()))
}

/// Reads an answer: HTTP where it begins as such, else the body of a 200 that is JSON.
pub(super) fn response(bytes: &[u8]) -> Result<Message, String> {
    if !bytes.starts_with(b"HTTP/") {
        let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        // Skipped, not read: so it may be as deep as the policy's limits let it.
        serde_json::from_slice::<IgnoredAny>(text).map_err(|error| {
            format!(
                "is neither HTTP (its first line is to be such as {STATUS_LINE}) nor JSON: see line \
                 {}, column {}",
                error.line(),
                error.column()
            )
        })?;
        let fields = [(":status", "200"), ("content-type", JSON)];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        return Ok(message(fields.to_vec(), bytes.to_vec()));
    }
    let (line, fields, body) = split(bytes)?;
    let status = line.split_ascii_whitespace().nth(1).unwrap_or_default();
    if status.len() != 3 || !status.parse().is_ok_and(is_status) {
        return Err(format!(
            "must begin with a status line, such as {STATUS_LINE}"
        ));
    }
    let mut all = vec![(":status".to_owned(), status.to_owned())];
    all.extend(fields);
    Ok(message(all, body.to_vec()))
}

/// Whether an answer can have this status.
pub(super) fn is_status(status: u16) -> bool {
    (100..=599).contains(&status)
}

/// A message of these fields.
pub(super) fn message(fields: Vec<(String, String)>, body: Vec<u8>) -> Message {
    let fields = fields.into_iter();
    let kept = fields.filter(|(name, _)| !OF_CONNECTION.contains(&name.as_str()));
    Message {
        headers: kept
            .map(|(name, value)| (name.into_bytes(), value.into_bytes()))
            .collect(),
        body,
    }
}

/// The first value of a field, as text.
pub(super) fn field<'m>(message: &'m Message, name: &str) -> Option<std::borrow::Cow<'m, str>> {
    let mut fields = message.headers.iter();
    let (_, value) = fields.find(|(known, _)| known == name.as_bytes())?;
    Some(String::from_utf8_lossy(value))
}

/// The body as JSON, or as a text where it is none.
pub(super) fn body(message: &Message) -> Value {
    serde_json::from_slice(&message.body)
        .unwrap_or_else(|_| String::from_utf8_lossy(&message.body).into_owned().into())
}

type Fields = Vec<(String, String)>;

/// The first line, the fields with names in lower case, and the body.
fn split(bytes: &[u8]) -> Result<(String, Fields, &[u8]), String> {
    let mut rest = bytes;
    let mut lines = Vec::new();
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (line, after) = match end {
            Some(end) => (&rest[..end], &rest[end + 1..]),
            None => (rest, &[][..]),
        };
        rest = after;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        // A value may be of any bytes to Envoy; a file that holds such is no text to write by hand.
        let line = std::str::from_utf8(line).map_err(|_| "is not UTF-8 before its body")?;
        lines.push(line);
    }
    let mut lines = lines.into_iter().zip(1_u32..);
    let first = lines.next().map_or("", |(line, _)| line).to_owned();
    let fields = lines.map(|(line, number)| {
        // The line itself is not shown: it may be the body's.
        let field = line.split_once(':').filter(|(name, _)| is_name(name));
        let (name, value) = field.ok_or_else(|| {
            format!("line {number} is no header field; an empty line stands before a body")
        })?;
        Ok((name.to_ascii_lowercase(), value.trim().to_owned()))
    });
    Ok((first, fields.collect::<Result<_, String>>()?, rest))
}

/// A token: RFC 9110, section 5.6.2.
fn is_name(text: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_token)
}

/// Authority and path of an absolute target.
fn absolute(target: &str) -> Option<(&str, &str)> {
    let rest = target
        .strip_prefix("http://")
        .or_else(|| target.strip_prefix("https://"))?;
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    Some((authority, if path.is_empty() { "/" } else { path }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(message: &Message) -> Vec<String> {
        let fields = message.headers.iter().map(|(name, value)| {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            format!("{}={}", text(name), text(value))
        });
        fields.collect()
    }

    #[test]
    fn a_request_is_read_as_it_is_written() {
        for text in [
            "PUT /a?b HTTP/1.1\r\nHost: ehr.example\r\nX-Kind:  1 \r\nConnection: close\r\n\r\n{}\n",
            "PUT /a?b HTTP/1.1\nX-Kind: 1\nHost: ehr.example\n\n{}\n",
            "PUT https://ehr.example/a?b\nhost: other\nx-kind: 1\n\n{}\n",
        ] {
            let message = request(text.as_bytes()).unwrap();
            let expected = [
                ":method=PUT",
                ":path=/a?b",
                ":authority=ehr.example",
                "x-kind=1",
            ];
            assert_eq!(fields(&message), expected);
            assert_eq!(message.body, b"{}\n");
        }
        let short = request(b"GET /").unwrap();
        assert_eq!(
            fields(&short),
            [":method=GET", ":path=/", ":authority=localhost"]
        );
        for text in [
            "",
            "GET",
            "GET / HTTP/1.1\nno field\n",
            "GET /\n: x\n",
            "{\"family\": \"Thistlewood\"}",
            "GET /Thistle wood HTTP/1.1\n",
            "ask for Thistlewood\n",
            "GET / HTTP/1.1\nHost: a\n{\"family\": \"Thistlewood\"}\n",
        ] {
            let fault = request(text.as_bytes()).unwrap_err();
            assert!(
                !fault.contains("wood"),
                "nothing of what may be a body: {fault}"
            );
        }
    }

    #[test]
    fn an_answer_may_be_its_body_alone() {
        let message = response(b"{\"a\":1}").unwrap();
        assert_eq!(
            fields(&message),
            [":status=200", "content-type=application/json"]
        );
        let message = response(b"HTTP/1.1 404 Not Found\nContent-Type: text/plain\n\nno").unwrap();
        assert_eq!(fields(&message), [":status=404", "content-type=text/plain"]);
        assert_eq!(message.body, b"no");
        assert!(response("\u{feff}[]".as_bytes()).is_ok());
        assert!(response("[".repeat(500).as_bytes()).is_err());
        assert!(response(["[".repeat(500), "]".repeat(500)].concat().as_bytes()).is_ok());
        for text in [
            "HTTP/1.1 OK\n\n",
            "HTTP/1.1 999 Odd\n\n",
            "HTTP/1.1 200 OK\nContent-Type: application/json\n{\"family\": \"Thistlewood\"}",
            "\nHTTP/1.1 200 OK\n\n{}",
            "",
            "Orla Thistlewood",
            "{\"family\": \"Thistlewood",
            "{\"a\": 1} {\"family\": \"Thistlewood\"}",
        ] {
            let fault = response(text.as_bytes()).unwrap_err();
            assert!(
                !fault.contains("wood"),
                "nothing of what may be a body: {fault}"
            );
        }
    }
}
