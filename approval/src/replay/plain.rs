//! The one form of RFC 8785, told in one pass and without any memory, of JSON that has nothing unusual in it. As
//! records have it: keys in ASCII, no escapes, integers of at most 15 digits. Of any other this says nothing, and
//! [`form`](super::form) reads it in full.

/// As deep as no record is.
const DEEPEST: usize = 16;

/// Whether the bytes are such JSON, in the one form.
pub(super) fn is_canonical(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok() && value(bytes, DEEPEST).is_some_and(<[u8]>::is_empty)
}

/// Takes one value; gives what is behind it.
fn value(bytes: &[u8], depth: usize) -> Option<&[u8]> {
    let (first, rest) = bytes.split_first()?;
    match first {
        b'"' => string(rest).map(|(_, rest)| rest),
        b'{' => object(rest, depth.checked_sub(1)?),
        b'[' => array(rest, depth.checked_sub(1)?),
        b't' => rest.strip_prefix(b"rue"),
        b'f' => rest.strip_prefix(b"alse"),
        b'-' => integer(rest, false),
        _ => integer(bytes, true),
    }
}

/// What stands in quotes, of which the first is taken.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    let (text, rest) = bytes.split_at_checked(bytes.iter().position(is_special)?)?;
    Some((text, rest.strip_prefix(b"\"")?))
}

fn integer(bytes: &[u8], may_be_zero: bool) -> Option<&[u8]> {
    let digits = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (digits, rest) = bytes.split_at_checked(digits)?;
    let is_one = match digits {
        [b'0'] => may_be_zero,
        [] | [b'0', ..] => false,
        _ => digits.len() <= 15,
    };
    is_one.then_some(rest)
}

fn array(mut bytes: &[u8], depth: usize) -> Option<&[u8]> {
    if let Some(rest) = bytes.strip_prefix(b"]") {
        return Some(rest);
    }
    loop {
        let (next, rest) = value(bytes, depth)?.split_first()?;
        match next {
            b',' => bytes = rest,
            b']' => return Some(rest),
            _ => return None,
        }
    }
}

/// Each key behind the one before: of ASCII the order of bytes is that of UTF-16.
fn object(mut bytes: &[u8], depth: usize) -> Option<&[u8]> {
    if let Some(rest) = bytes.strip_prefix(b"}") {
        return Some(rest);
    }
    let mut before: Option<&[u8]> = None;
    loop {
        let (key, rest) = string(bytes.strip_prefix(b"\"")?)?;
        if !key.is_ascii() || before.is_some_and(|before| before >= key) {
            return None;
        }
        before = Some(key);
        let (next, rest) = value(rest.strip_prefix(b":")?, depth)?.split_first()?;
        match next {
            b',' => bytes = rest,
            b'}' => return Some(rest),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::form::{Form, in_full};
    use super::*;

    const LEAVES: [&str; 3] = [
        include_str!("../../tests/golden/leaf-requested.json"),
        include_str!("../../tests/golden/leaf-issued.json"),
        include_str!("../../tests/golden/leaf-summarised.json"),
    ];

    #[test]
    fn records_are_told_so() {
        for leaf in LEAVES {
            assert!(is_canonical(leaf.trim_end().as_bytes()), "{leaf}");
        }
    }

    /// JSON in any spelling, most of it nearly canonical.
    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            "\"[a-c€\\\\\"]{0,3}\"",
            "-?[0-9]{1,17}",
            "(true|false|null|0|-0|1\\.5|1e3|tru|\"\\\\u0041\")",
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let space = || "( |\n|){0,1}";
            let key = "\"[a-d€]{0,2}\"";
            prop_oneof![
                (proptest::collection::vec(inner.clone(), 0..4), space())
                    .prop_map(|(items, space)| format!("[{}{space}]", items.join(","))),
                (proptest::collection::vec((key, inner), 0..4), space()).prop_map(
                    |(members, space)| {
                        let members = members.iter().map(|(key, value)| format!("{key}:{value}"));
                        let members: Vec<_> = members.collect();
                        format!("{{{}{space}}}", members.join(","))
                    }
                ),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

        /// What it takes is what the reading in full takes.
        #[test]
        fn nothing_is_taken_that_is_not_in_the_one_form(text in json()) {
            if is_canonical(text.as_bytes()) {
                prop_assert_eq!(in_full(text.as_bytes()), Form::Canonical, "{}", text);
            }
        }

        #[test]
        fn a_record_with_other_bytes_is_taken_only_where_it_is_in_the_one_form(
            which in 0_usize..3, at in any::<prop::sample::Index>(), byte in any::<u8>(), how in 0_u8..3,
        ) {
            let mut leaf = LEAVES[which].trim_end().as_bytes().to_vec();
            let at = at.index(leaf.len());
            match how {
                0 => leaf[at] = byte,
                1 => _ = leaf.remove(at),
                _ => leaf.insert(at, byte),
            }
            if is_canonical(&leaf) {
                prop_assert_eq!(in_full(&leaf), Form::Canonical);
            }
        }

        /// And what is so and plain is taken: or all would be read in full.
        #[test]
        fn what_is_plain_and_in_the_one_form_is_taken(
            members in proptest::collection::btree_map("[a-z]{1,6}", -999_999_999_999_999_i64..999_999_999_999_999, 0..6),
        ) {
            let text = serde_json::to_string(&members).unwrap();
            prop_assert!(is_canonical(text.as_bytes()), "{}", text);
        }
    }
}
