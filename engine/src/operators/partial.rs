//! The last letters and digits, inside a placeholder: recognisable when it is written back, and
//! the same when it is masked again.

use crate::Class;
use crate::operators::{MOST_KEPT, Scalar, redact};

/// Writes `[masked:<class>:<tail>]`, or the placeholder where the tail would tell too much.
pub(crate) fn write(scalar: Scalar<'_>, keep_last: u8, class: Class, out: &mut Vec<u8>) {
    let keep = usize::from(keep_last.min(MOST_KEPT));
    let letters = || {
        scalar
            .text
            .char_indices()
            .filter(|(_, letter)| letter.is_alphanumeric())
    };
    let count = letters().count();
    if keep == 0 || count < keep * 2 {
        redact::write(class, out);
        return;
    }
    out.extend_from_slice(b"\"[masked:");
    out.extend_from_slice(class.name().as_bytes());
    out.push(b':');
    for (_, letter) in letters().skip(count - keep) {
        out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    }
    out.extend_from_slice(b"]\"");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_kept_only_where_most_is_hidden() {
        for (text, keep_last, expected) in [
            ("123-45-6789", 4, "\"[masked:ssn:6789]\""),
            ("12-34567", 4, "\"[masked:ssn]\""),
            ("1234-5678", 4, "\"[masked:ssn:5678]\""),
            ("", 1, "\"[masked:ssn]\""),
            ("ÄÖÜÉ", 2, "\"[masked:ssn:ÜÉ]\""),
        ] {
            let mut out = Vec::new();
            let source = format!("\"{text}\"");
            let scalar = Scalar {
                source: source.as_bytes(),
                text,
            };
            write(scalar, keep_last, Class::Ssn, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
