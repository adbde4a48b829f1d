//! Percent-encoding (RFC 3986).

/// The letter that is encoded from there on, and where its encoding ends.
pub(super) fn encoded_letter(bytes: &[u8], start: usize) -> Option<(char, usize)> {
    let byte_at = |at: usize| {
        let digit = |at: usize| char::from(*bytes.get(at)?).to_digit(16);
        (bytes.get(at) == Some(&b'%')).then_some(())?;
        u8::try_from(digit(at + 1)? << 4 | digit(at + 2)?).ok()
    };
    let first = byte_at(start)?;
    let length = match first {
        0..0x80 => 1,
        0xC0..0xE0 => 2,
        0xE0..0xF0 => 3,
        _ => 4,
    };
    let mut encoded = [0; 4];
    for (number, byte) in encoded.iter_mut().take(length).enumerate() {
        *byte = byte_at(start + number * 3)?;
    }
    let letter = str::from_utf8(encoded.get(..length)?)
        .ok()?
        .chars()
        .next()?;
    Some((letter, start + length * 3))
}
