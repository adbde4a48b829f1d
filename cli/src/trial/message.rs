//! Requests and answers as people write them: HTTP/1.1, or only a body.

use serde_json::Value;
use velum_filter::simulate::Message;

/// Fields that are of one connection, which Envoy keeps to itself.
const OF_CONNECTION: &[&str] = &["connection", "keep-alive", "transfer-encoding"];
/// Where a request goes that names no host.
const ANY_HOST: &str = "localhost";
/// What is taken for an answer where only a body is given.
const JSON: &str = "application/json";

/// Reads a request: its line, its fields, an empty line, its body.
pub(super) fn request(bytes: &[u8]) -> Result<Message, String> {
    let (line, fields, body) = split(bytes)?;
    let mut words = line.split_ascii_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err(format!(
            "must begin with a method and a target, such as GET /Patient/1 HTTP/1.1, not with {line:?}"
        ));
    };
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
        let fields = [(":status", "200"), ("content-type", JSON)];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        return Ok(message(fields.to_vec(), bytes.to_vec()));
    }
    let (line, fields, body) = split(bytes)?;
    let status = line.split_ascii_whitespace().nth(1).unwrap_or_default();
    if status.len() != 3 || !status.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("must begin with a status line, such as HTTP/1.1 200 OK".to_owned());
    }
    let mut all = vec![(":status".to_owned(), status.to_owned())];
    all.extend(fields);
    Ok(message(all, body.to_vec()))
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
    let mut lines = lines.into_iter();
    let first = lines.next().unwrap_or_default().to_owned();
    let fields = lines.map(|line| {
        let (name, value) = line
            .split_once(':')
            .filter(|(name, _)| !name.is_empty() && !name.contains(char::is_whitespace))
            .ok_or_else(|| format!("has a line that is no header field: {line:?}"))?;
        Ok((name.to_ascii_lowercase(), value.trim().to_owned()))
    });
    Ok((first, fields.collect::<Result<_, String>>()?, rest))
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
        for text in ["", "GET", "GET / HTTP/1.1\nno field\n", "GET /\n: x\n"] {
            assert!(request(text.as_bytes()).is_err(), "{text:?}");
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
        assert!(response(b"HTTP/1.1 OK\n\n").is_err());
    }
}
