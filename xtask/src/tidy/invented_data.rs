//! Nobody's data: social security numbers, phone numbers and mail addresses in the repository must
//! be ones that cannot be anybody's.
//!
//! Such ranges are: SSNs with area 000, 666 or 9xx, group 00 or serial 0000, never issued (SSA,
//! POMS RM 10201.035), and the few that advertisements made void; telephone lines 555-0100 to
//! 555-0199 and numbers that the North American plan cannot hold; the domains of RFC 2606.

use super::File;

/// Values that detectors must find and that no such range holds, each with the reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    (
        SEQUENCE,
        "what everybody writes where a number must look real",
    ),
    (OTHER_SEQUENCE, "a second one, for a text with two"),
    (
        SHORT_MAIL,
        "a detector's edge: the shortest top-level domain",
    ),
];
const SEQUENCE: &str = "123-45-6789";
const OTHER_SEQUENCE: &str = "223-45-6789";
const SHORT_MAIL: &str = "a@b.co";

/// SSNs printed on sample cards and in an advertisement, and voided by the SSA.
const VOID_SSNS: &[&str] = &["078-05-1120", "219-09-9999"];

const SSN: &[&str] = &["ddd-dd-dddd"];
const PHONE: &[&str] = &[
    "ddd-ddd-dddd",
    "(ddd) ddd-dddd",
    "(ddd)ddd-dddd",
    "ddd.ddd.dddd",
    "ddd ddd dddd",
];

/// Files with other people's words.
const FOREIGN: &[&str] = &["Cargo.lock", "LICENSE"];

/// Returns each value that could be somebody's, by place: printing it would spread it.
pub(super) fn check(files: &[File]) -> Vec<String> {
    let own = files
        .iter()
        .filter(|file| !FOREIGN.contains(&file.path.as_str()));
    own.flat_map(|file| {
        file.text
            .lines()
            .enumerate()
            .flat_map(move |(index, line)| {
                check_line(line).map(move |kind| format!("{}:{}: {kind}", file.path, index + 1))
            })
    })
    .collect()
}

fn check_line(line: &str) -> impl Iterator<Item = &'static str> {
    let listed = |value: &str| EXCEPTIONS.iter().any(|(exception, _)| *exception == value);
    let ssns = shapes(line, SSN).filter(|ssn| !invented_ssn(ssn));
    let phones = shapes(line, PHONE).filter(|phone| !invented_phone(phone));
    let mails = mails(line).filter(|mail| !invented_mail(mail));
    let ssns = ssns
        .filter(move |it| !listed(it))
        .map(|_| "an SSN that could be somebody's");
    let phones = phones
        .filter(move |it| !listed(it))
        .map(|_| "a phone number outside 555-01xx");
    let mails = mails
        .filter(move |it| !listed(it))
        .map(|_| "mail at a domain that is not example");
    ssns.chain(phones)
        .chain(mails)
        .collect::<Vec<_>>()
        .into_iter()
}

fn invented_ssn(ssn: &str) -> bool {
    let area = &ssn[..3];
    let never_issued = area == "000" || area == "666" || area.starts_with('9');
    never_issued || &ssn[4..6] == "00" || &ssn[7..] == "0000" || VOID_SSNS.contains(&ssn)
}

fn invented_phone(phone: &str) -> bool {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    let unassigned = |part: &str| part.starts_with(['0', '1']);
    let area = &digits[..3];
    &digits[3..8] == "55501" || area == "555" || unassigned(area) || unassigned(&digits[3..6])
}

fn invented_mail(mail: &str) -> bool {
    let domain = mail
        .rsplit('@')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let labels: Vec<_> = domain.rsplit('.').collect();
    matches!(
        labels.as_slice(),
        ["example" | "test" | "invalid" | "localhost", ..] | ["com" | "net" | "org", "example", ..]
    )
}

/// Substrings of one of the shapes (`d` is a digit, anything else itself) that stand alone.
fn shapes<'l>(line: &'l str, shapes: &'l [&str]) -> impl Iterator<Item = &'l str> {
    line.char_indices().filter_map(move |(at, _)| {
        let rest = &line[at..];
        let found = shapes.iter().find(|shape| has_shape(rest, shape))?;
        let joins = |next: Option<char>| {
            next.is_some_and(|next| next.is_ascii_alphanumeric() || next == '-')
        };
        let alone =
            !joins(line[..at].chars().next_back()) && !joins(rest[found.len()..].chars().next());
        alone.then(|| &rest[..found.len()])
    })
}

fn has_shape(text: &str, shape: &str) -> bool {
    text.len() >= shape.len()
        && text
            .bytes()
            .zip(shape.bytes())
            .all(|(byte, want)| match want {
                b'd' => byte.is_ascii_digit(),
                _ => byte == want,
            })
}

/// Substrings that are mail addresses: `local@host.example`.
fn mails(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices('@').filter_map(|(at, _)| {
        let local = |next: char| next.is_ascii_alphanumeric() || "._%+-".contains(next);
        let domain = |next: char| next.is_ascii_alphanumeric() || ".-".contains(next);
        let start = line[..at].rfind(|next| !local(next)).map_or(0, |before| {
            before + line[before..].chars().next().map_or(1, char::len_utf8)
        });
        let end = line[at + 1..]
            .find(|next| !domain(next))
            .map_or(line.len(), |end| at + 1 + end);
        let mail = line[start..end].trim_end_matches(['.', '-']);
        let top = mail.get(at + 1 - start..)?.rsplit_once('.')?.1;
        let is_mail =
            start < at && top.len() > 1 && top.bytes().all(|byte| byte.is_ascii_alphabetic());
        is_mail.then_some(mail)
    })
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::file;

    /// Parts, so that this file holds no such value itself.
    fn faults(parts: &[&str]) -> Vec<String> {
        check(&[file(
            "examples/a.json",
            &format!("{{}}\n\"{}\"", parts.concat()),
        )])
    }

    #[test]
    fn invented_values_are_no_fault() {
        for value in [
            "900-12-3456",
            "000-12-3456",
            "666-12-3456",
            "123-00-4567",
            "123-45-0000",
            "078-05-1120",
            "(212) 555-0123",
            "212-555-0199",
            "a@b.example",
            "a@example.com",
            "a@mail.example.org",
            "a@b",
            "name@1.2",
            "12-345-6789",
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        ] {
            assert_eq!(faults(&[value]), Vec::<String>::new(), "{value}");
        }
    }

    #[test]
    fn values_that_could_be_somebodys_are_faults() {
        for parts in [
            ["321-54-", "9876"],
            ["212-555-", "0200"],
            ["(212) 736-", "5000"],
            ["212 736 ", "5000"],
            ["someone@", "mail.com"],
            ["é.someone@", "a.example.de."],
        ] {
            assert_eq!(faults(&parts).len(), 1, "{parts:?}");
        }
    }

    #[test]
    fn the_place_is_named_and_the_value_is_not() {
        let found = faults(&["321-54-", "9876"]);
        assert_eq!(
            found,
            ["examples/a.json:2: an SSN that could be somebody's"]
        );
    }
}
