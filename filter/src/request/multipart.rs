//! `multipart/form-data` (RFC 7578): the parts of a body, and what they become.

use std::sync::Arc;

use velum_engine::{Framing, Options, Ruleset, mask_fields, mask_text};

use super::body::{Found, feed, note};
use crate::host::{Header, Host, masker};
use crate::media::{self, Media};

const LINE_END: &[u8] = b"\r\n";
const EMPTY_LINE: &[u8] = b"\r\n\r\n";
const TEXT: &str = "text/plain";
/// A form with more parts is refused.
const MOST_PARTS: usize = 1_000;

/// A part as it is written.
struct Part<'a> {
    name: &'a str,
    /// What the client says the file is called.
    file_name: Option<&'a str>,
    content_type: Option<&'a str>,
    content: &'a [u8],
}

/// What becomes of a part's content.
enum Content<'a> {
    Json(Framing),
    Text(&'a str),
    /// Plainly something else.
    Other,
    /// It would be masked if it could be read, as in another charset.
    Unreadable,
}

/// The boundary that a content type names; `None`: none, or one that cannot be (RFC 2046, 5.1.1).
pub(crate) fn boundary(content_type: &str) -> Option<&str> {
    let mut found = None;
    for parameter in content_type.split(';').skip(1) {
        let (name, value) = parameter.trim().split_once('=')?;
        if name.trim().eq_ignore_ascii_case("boundary") {
            let value = value.trim();
            let quoted = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
            if found.replace(quoted.unwrap_or(value)).is_some() {
                return None;
            }
        }
    }
    let is_sign = |sign: u8| sign.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&sign);
    found.filter(|text| (1..=70).contains(&text.len()) && text.bytes().all(is_sign))
}

/// What stands behind the first empty line of each piece between what may be boundaries.
pub(crate) fn contents(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(body);
    let pieces = std::iter::from_fn(move || {
        let body = rest?;
        let end = find(body, b"\r\n--");
        rest = end.and_then(|end| body.get(end + LINE_END.len()..));
        body.get(..end.unwrap_or(body.len()))
    });
    pieces.filter_map(|piece| piece.get(find(piece, EMPTY_LINE)? + EMPTY_LINE.len()..))
}

/// The body with every part masked: texts and names of files as the members of one object, JSON as JSON.
/// `None`: it cannot be read in one way only, or has a part that cannot be masked.
pub(crate) fn masked(
    host: &impl Host,
    rules: &Arc<Ruleset>,
    options: &Options,
    boundary: &str,
    passes: bool,
    body: &[u8],
    found: &mut Found,
) -> Option<Vec<u8>> {
    let parts = parts(body, boundary)?;
    let mut fields = Vec::new();
    for part in &parts {
        let text = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        if let Content::Text(value) = part.kind() {
            fields.push(text(part.name, value));
        } else if mask_text(rules, part.name) != part.name {
            return None;
        }
        fields.extend(part.file_name.map(|value| text("filename", value)));
    }
    let mut of_fields = masker(host, rules, options.clone());
    let mut values = mask_fields(&mut of_fields, &fields)?.into_iter();
    note(host, &mut of_fields, found);
    let mut out = Vec::new();
    out.try_reserve(body.len() + body.len() / 8).ok()?;
    for part in &parts {
        let is_text = matches!(part.kind(), Content::Text(_));
        let value = if is_text {
            values.next()?
        } else {
            String::new()
        };
        push(&mut out, &["--", boundary, "\r\n"]);
        push(
            &mut out,
            &["content-disposition: form-data; name=\"", part.name, "\""],
        );
        if part.file_name.is_some() {
            let name = values.next()?;
            // It would end, or could not stand, between the quotes.
            if name.contains(['"', '\\', '\r', '\n']) {
                return None;
            }
            push(&mut out, &["; filename=\"", &name, "\""]);
        }
        if let Some(content_type) = part.content_type {
            push(&mut out, &["\r\ncontent-type: ", content_type]);
        }
        out.extend_from_slice(EMPTY_LINE);
        match part.kind() {
            Content::Json(framing) => {
                let options = Options {
                    framing,
                    ..options.clone()
                };
                let mut masker = masker(host, rules, options);
                feed(&mut masker, part.content, &mut out).ok()?;
                masker.finish(&mut out).ok()?;
                note(host, &mut masker, found);
            }
            Content::Text(_) => push(&mut out, &[&value]),
            Content::Other if passes => {
                found.unread = true;
                out.extend_from_slice(part.content);
            }
            Content::Other | Content::Unreadable => return None,
        }
        out.extend_from_slice(LINE_END);
    }
    push(&mut out, &["--", boundary, "--\r\n"]);
    Some(out)
}

/// Where a text that begins with a carriage return stands first.
fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\r', bytes)
        .find(|at| bytes.get(*at..).is_some_and(|rest| rest.starts_with(text)))
}

fn push(out: &mut Vec<u8>, texts: &[&str]) {
    for text in texts {
        out.extend_from_slice(text.as_bytes());
    }
}

/// The parts between the boundaries; nothing stands before the first nor behind the last.
fn parts<'a>(body: &'a [u8], boundary: &str) -> Option<Vec<Part<'a>>> {
    let delimiter = format!("\r\n--{boundary}");
    let mut rest = body.strip_prefix(delimiter.as_bytes().get(2..)?)?;
    let mut parts = Vec::new();
    loop {
        if let Some(end) = rest.strip_prefix(b"--") {
            return matches!(end, b"" | LINE_END).then_some(parts);
        }
        rest = rest.strip_prefix(LINE_END)?;
        let end = find(rest, delimiter.as_bytes())?;
        let (part, behind) = rest.split_at_checked(end)?;
        parts.push(Part::read(part)?);
        rest = behind.get(delimiter.len()..)?;
        if parts.len() > MOST_PARTS {
            return None;
        }
    }
}

impl<'a> Part<'a> {
    /// Reads the headers of a part. What is not known is left out of what goes on, and what says that
    /// the content is encoded cannot be.
    fn read(part: &'a [u8]) -> Option<Self> {
        let end = find(part, EMPTY_LINE)?;
        let headers = std::str::from_utf8(part.get(..end)?).ok()?;
        let content = part.get(end + EMPTY_LINE.len()..)?;
        let (mut disposition, mut content_type) = (None, None);
        for line in headers.split("\r\n") {
            let (name, value) = line.split_once(':')?;
            let value = value.trim();
            let is_twice = match name.to_ascii_lowercase().as_str() {
                "content-disposition" => disposition.replace(value).is_some(),
                "content-type" => content_type.replace(value).is_some(),
                "content-encoding" => true,
                "content-transfer-encoding" => !["7bit", "8bit", "binary"].contains(&value),
                // A line that is folded, or has another end.
                name => name.is_empty() || name.contains(|sign: char| !sign.is_ascii_graphic()),
            };
            if is_twice || value.contains(char::is_control) {
                return None;
            }
        }
        let (name, file_name) = names(disposition?)?;
        Some(Self {
            name,
            file_name,
            content_type,
            content,
        })
    }

    fn kind(&self) -> Content<'a> {
        let content_type = match (self.content_type, self.file_name) {
            (Some(given), _) => given,
            (None, None) => TEXT,
            (None, Some(_)) => return Content::Other,
        };
        let headers: [Header<'_>; 1] = [(b"content-type", content_type.as_bytes().into())];
        match media::of(&headers) {
            Media::Json(framing) if framing != Framing::Events => return Content::Json(framing),
            Media::Json(_) | Media::Other => {}
            Media::Unreadable => return Content::Unreadable,
        }
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case(TEXT) {
            return Content::Other;
        }
        let text = std::str::from_utf8(self.content).ok();
        text.filter(|_| media::is_text(&headers, &[TEXT]))
            .map_or(Content::Unreadable, Content::Text)
    }
}

/// The names that `form-data` gives; `None`: it is not that, or readers may differ about it.
fn names(disposition: &str) -> Option<(&str, Option<&str>)> {
    let mut rest = disposition.strip_prefix("form-data")?;
    let (mut name, mut file_name) = (None, None);
    while !rest.is_empty() {
        let (key, behind) = rest.strip_prefix(';')?.trim_start().split_once("=\"")?;
        let (value, behind) = behind.split_once('"')?;
        let known = match key {
            "name" => &mut name,
            "filename" => &mut file_name,
            _ => return None,
        };
        if value.contains('\\') || known.replace(value).is_some() {
            return None;
        }
        rest = behind.trim_start();
    }
    Some((name?, file_name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;
    use velum_engine::Profile;

    fn form(parts: &[(&str, &str)]) -> String {
        let parts = parts
            .iter()
            .map(|(headers, content)| format!("--x\r\n{headers}\r\n\r\n{content}\r\n"));
        parts.collect::<String>() + "--x--\r\n"
    }

    fn masked_text(body: &str, passes: bool) -> Option<String> {
        let rules = Arc::new(Ruleset::builder().profile(Profile::Pii).build().unwrap());
        let mut found = Found::default();
        let options = Options::default();
        let out = masked(
            &Fake::default(),
            &rules,
            &options,
            "x",
            passes,
            body.as_bytes(),
            &mut found,
        )?;
        Some(String::from_utf8(out).unwrap())
    }

    const SSN: &str = "content-disposition: form-data; name=\"ssn\"";
    const JSON: &str = "content-disposition: form-data; name=\"data\"; filename=\"a.json\"\r\n\
                        content-type: application/json";
    const IMAGE: &str = "content-disposition: form-data; name=\"scan\"; filename=\"a.png\"\r\n\
                         content-type: image/png";

    #[test]
    fn boundaries_are_read() {
        for (content_type, expected) in [
            ("multipart/form-data; boundary=a-b", Some("a-b")),
            (
                "multipart/form-data; charset=utf-8; Boundary=\"a b\"",
                Some("a b"),
            ),
            ("multipart/form-data; boundary=a; boundary=b", None),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data; boundary=a*", None),
            ("multipart/form-data", None),
        ] {
            assert_eq!(boundary(content_type), expected, "{content_type}");
        }
    }

    #[test]
    fn contents_are_found_in_whatever_claims_to_be_parts() {
        let found = |body: &'static str| contents(body.as_bytes()).collect::<Vec<_>>();
        assert_eq!(
            found("--x\r\na: b\r\n\r\n{}\r\n--x\r\n\r\n[]\r\n--x--\r\n"),
            [&b"{}"[..], b"[]"]
        );
        assert_eq!(found("\r\n\r\n1\r\n\r\n2"), [b"1\r\n\r\n2"]);
        assert!(found("--x--").is_empty() && found("").is_empty());
        // Linear, however it is written.
        assert_eq!(contents("\r\n\r\n".repeat(250_000).as_bytes()).count(), 1);
        assert_eq!(contents("\r\n--".repeat(250_000).as_bytes()).count(), 0);
    }

    #[test]
    fn parts_are_masked_by_their_names_and_types() {
        let body = form(&[
            (SSN, "000-12-3456"),
            (JSON, r#"{"phone":"555-0142","n":1}"#),
            (
                "Content-Disposition: form-data; name=\"note\"\r\nX: y",
                "to a@b.example\r\n",
            ),
        ]);
        let expected = form(&[
            (SSN, "[masked:ssn]"),
            (JSON, r#"{"phone":"[masked:phone]","n":1}"#),
            (
                "content-disposition: form-data; name=\"note\"",
                "to [masked:email]\r\n",
            ),
        ]);
        assert_eq!(masked_text(&body, false), Some(expected));
        assert_eq!(masked_text("--x--", false).as_deref(), Some("--x--\r\n"));
    }

    #[test]
    fn other_parts_pass_only_where_the_policy_says_so() {
        let body = form(&[(IMAGE, "\u{1}\u{2}"), (SSN, "[masked:ssn]")]);
        assert_eq!(masked_text(&body, false), None);
        assert_eq!(masked_text(&body, true), Some(body));
    }

    #[test]
    fn a_part_that_cannot_be_read_never_passes() {
        let options = Options::default();
        let rules = Arc::new(Ruleset::builder().profile(Profile::Pii).build().unwrap());
        let plain = |charset: &str| format!("{SSN}\r\ncontent-type: text/plain{charset}");
        for (headers, content) in [
            (SSN, &b"000-12-3456 \xff"[..]),
            (&plain(""), b"000-12-3456 \xff"),
            (&plain("; charset = utf-16le"), b"0\x000\x000\x00"),
            (&plain("; charset=latin1"), b"000-12-3456"),
            (&format!("{JSON}; charset=utf-16"), b"{\0}\0"),
            (&JSON.replace("/json", "/json, text/html"), b"{}"),
            (&JSON.replace("application/json", ""), b"{}"),
        ] {
            let (before, behind) = (format!("--x\r\n{headers}\r\n\r\n"), b"\r\n--x--\r\n");
            let body = [before.as_bytes(), content, behind].concat();
            let mut found = Found::default();
            let out = masked(
                &Fake::default(),
                &rules,
                &options,
                "x",
                true,
                &body,
                &mut found,
            );
            assert_eq!(out, None, "{headers}");
        }
    }

    #[test]
    fn the_name_of_a_file_is_masked() {
        let named = |name: &str| form(&[(&IMAGE.replace("a.png", name), "")]);
        let masked = masked_text(&named("000-12-3456.png"), true).unwrap();
        assert!(!masked.contains("000-12"), "{masked}");
    }

    #[test]
    fn what_readers_may_read_in_two_ways_is_refused() {
        for body in [
            "",
            "preamble\r\n--x--\r\n",
            "--x--\r\nepilogue",
            "--x\n\nnone--x--",
            "--x \r\n\r\n\r\n--x--\r\n",
            &form(&[("", "no headers")]),
            &form(&[("content-type: text/plain", "no name")]),
            &form(&[(&SSN.replace("form-data", "attachment"), "")]),
            &form(&[(&SSN.replace("\"ssn\"", "ssn"), "")]),
            &form(&[(&SSN.replace("ssn", "s\\\"sn"), "")]),
            &form(&[(&format!("{SSN}; name=\"b\""), "")]),
            &form(&[(&format!("{SSN}; filename*=utf-8''a"), "")]),
            &form(&[(&format!("{SSN}\r\n{SSN}"), "")]),
            &form(&[(&format!("{SSN}\r\n folded"), "")]),
            &form(&[(&format!("{SSN}\nx: y"), "")]),
            &form(&[(&format!("{SSN}\r\ncontent-transfer-encoding: base64"), "")]),
            &form(&[(
                &format!("{SSN}\r\ncontent-type: text/plain; charset=utf-16"),
                "",
            )]),
            &form(&[(&SSN.replace("ssn", "a@b.example"), "x")]),
            &form(&[(&JSON.replace("data", "a@b.example"), "{}")]),
            &form(&[(JSON, "{")]),
            form(&[(SSN, "x")]).trim_end_matches("--\r\n"),
        ] {
            assert_eq!(masked_text(body, false), None, "{body}");
        }
    }
}
