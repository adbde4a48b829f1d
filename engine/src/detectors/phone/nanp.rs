//! Numbers of the North American Numbering Plan as people write them: area code, exchange and line
//! (3-3-4 digits), with or without `1` or `+1`.
//!
//! Area codes are 2 to 9 and two digits, neither N9X nor N11; exchanges the same, but N9X is one, and
//! behind a toll-free code N11, too (NANPA, "About the North American Numbering Plan"; ATIS-0300051).

/// A number as it is written.
pub(super) struct Nanp {
    pub(super) length: usize,
    /// Whether the parts are set apart.
    pub(super) is_grouped: bool,
    /// Whether there may be such a number. Fictional ones (555-0100 to 555-0199) may be.
    pub(super) is_valid: bool,
}

/// The number that a text begins with.
pub(super) fn parse(text: &[u8]) -> Option<Nanp> {
    let international = text.starts_with(b"+1");
    let mut at = if international {
        2
    } else {
        usize::from(text.starts_with(b"1"))
    };
    if at > 0 {
        at += usize::from(is_separator(text, at));
    }
    let parenthesis = text.get(at) == Some(&b'(');
    at += usize::from(parenthesis);
    let area = digits::<3>(text, at)?;
    at += 3;
    if parenthesis {
        (text.get(at) == Some(&b')')).then_some(())?;
        at += 1;
    }
    let first = is_separator(text, at);
    // `1654-252-8722`: groups of another number.
    let is_glued = !international && !parenthesis && at == 4;
    (!(is_glued && first)).then_some(())?;
    let is_wide = parenthesis && text.get(at) == Some(&b' ') && text.get(at + 1) == Some(&b'-');
    at += usize::from(first) + usize::from(is_wide);
    at += usize::from(is_wide && text.get(at) == Some(&b' '));
    let exchange = digits::<3>(text, at)?;
    at += 3;
    let second = is_separator(text, at);
    at += usize::from(second);
    digits::<4>(text, at)?;
    Some(Nanp {
        length: at + 4,
        is_grouped: parenthesis || (first && second) || international,
        is_valid: is_pair(area, exchange),
    })
}

/// Whether ten digits may be a number.
pub(super) fn is_number(number: &[u8]) -> bool {
    let (area, exchange) = (digits::<3>(number, 0), digits::<3>(number, 3));
    number.len() == 10
        && area
            .zip(exchange)
            .is_some_and(|(area, exchange)| is_pair(area, exchange))
}

/// Whether there may be such an exchange in such an area; behind a toll-free code there is any.
fn is_pair(area: [u8; 3], exchange: [u8; 3]) -> bool {
    const TOLL_FREE: [&[u8; 3]; 7] = [b"800", b"833", b"844", b"855", b"866", b"877", b"888"];
    let is_free = TOLL_FREE.contains(&&area) && (b'2'..=b'9').contains(&exchange[0]);
    is_area(area) && (is_free || is_exchange(exchange))
}

fn is_area(code: [u8; 3]) -> bool {
    is_exchange(code) && code[1] != b'9'
}

fn is_exchange(code: [u8; 3]) -> bool {
    let [first, rest @ ..] = code;
    (b'2'..=b'9').contains(&first) && rest != *b"11"
}

fn digits<const COUNT: usize>(text: &[u8], at: usize) -> Option<[u8; COUNT]> {
    let part = *text.get(at..)?.first_chunk()?;
    part.iter().all(u8::is_ascii_digit).then_some(part)
}

fn is_separator(text: &[u8], at: usize) -> bool {
    matches!(text.get(at), Some(b' ' | b'-' | b'.' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_services_are_exchanges_behind_toll_free_codes_alone() {
        for (number, is) in [
            ("2125550123", true),
            ("8004110123", true),
            ("2124110123", false),
            ("8001110123", false),
            ("2925550123", false),
            ("212555012", false),
        ] {
            assert_eq!(is_number(number.as_bytes()), is, "{number}");
        }
    }
}
