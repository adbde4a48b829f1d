//! Amounts as people write them: `10m`, `1MB`.

/// Whole seconds, from a number and `s`, `m` or `h`.
pub(crate) fn seconds(text: &str) -> Result<u32, String> {
    let unit = |name: &str| match name {
        "s" => Some(1),
        "m" | "min" => Some(60),
        "h" => Some(3600),
        _ => None,
    };
    amount(text, unit)
        .and_then(|seconds| u32::try_from(seconds).ok())
        .filter(|seconds| *seconds > 0)
        .ok_or_else(|| "a number of s, m or h, as 90s, 2m or 1h".to_owned())
}

/// Bytes, from a number alone or with a unit of thousands or of 1,024.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let unit = |name: &str| match name {
        "" | "B" => Some(1),
        "kB" => Some(1000),
        "MB" => Some(1_000_000),
        "GB" => Some(1_000_000_000),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    amount(text, unit)
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| "a number of bytes, or of kB, MB, GB, KiB, MiB or GiB".to_owned())
}

fn amount(text: &str, unit: impl Fn(&str) -> Option<u64>) -> Option<u64> {
    let end = text.find(|next: char| !next.is_ascii_digit());
    let (number, name) = text.split_at(end.unwrap_or(text.len()));
    number.parse::<u64>().ok()?.checked_mul(unit(name)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_a_number_and_a_unit_that_is_known() {
        for (text, expected) in [
            ("90s", Some(90)),
            ("2m", Some(120)),
            ("2min", Some(120)),
            ("1h", Some(3600)),
            ("2", None),
            ("0m", None),
            ("m", None),
            ("-2m", None),
            ("2 m", None),
            ("2M", None),
            ("99999999h", None),
            ("", None),
        ] {
            assert_eq!(seconds(text).ok(), expected, "{text}");
        }
        for (text, expected) in [
            ("4096", Some(4096)),
            ("64kB", Some(64_000)),
            ("1MB", Some(1_000_000)),
            ("1MiB", Some(1_048_576)),
            ("1mb", None),
            ("0", None),
            ("1.5MB", None),
            ("99999999999999GB", None),
        ] {
            assert_eq!(bytes(text).ok(), expected, "{text}");
        }
    }
}
