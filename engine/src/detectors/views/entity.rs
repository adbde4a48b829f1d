//! Character references of XML and HTML, as browsers read them: by number, with as many zeros as
//! there are, and by name.

use unicode_normalization::char::compose;

/// No longer name is known.
const LONGEST_NAME: usize = 18;
/// The digits of the last character, behind zeros.
const MOST_DIGITS: usize = 7;

/// The letter that the reference stands for that the text begins with, and its length.
pub(super) fn entity(text: &str) -> Option<(char, usize)> {
    let inside = text.strip_prefix('&')?;
    let (letter, length) = match inside.strip_prefix('#') {
        Some(number) => numbered(number).map(|(letter, length)| (letter, length + 1))?,
        None => named(inside)?,
    };
    let is_closed = inside.as_bytes().get(length) == Some(&b';');
    Some((letter, 1 + length + usize::from(is_closed)))
}

/// What the number at the start of the text stands for. The semicolon may be missing, as in HTML.
fn numbered(text: &str) -> Option<(char, usize)> {
    let bytes = text.as_bytes();
    let (start, radix) = match bytes.first() {
        Some(b'x' | b'X') => (1, 16),
        _ => (0, 10),
    };
    let digits = bytes.get(start..)?;
    let zeros = digits.iter().take_while(|byte| **byte == b'0').count();
    let digits = digits.get(zeros..)?;
    let is_digit = |byte: &&u8| char::from(**byte).is_digit(radix);
    let near = digits.get(..digits.len().min(MOST_DIGITS + 1))?;
    let length = near.iter().take_while(is_digit).count();
    let start = start + zeros;
    let code = u32::from_str_radix(text.get(start..start + length)?, radix).ok()?;
    Some((char::from_u32(code)?, start + length))
}

/// What the name at the start of the text stands for.
fn named(text: &str) -> Option<(char, usize)> {
    /// They count without a semicolon too.
    const OPEN: [&str; 6] = ["nbsp", "amp", "lt", "gt", "quot", "shy"];
    let bytes = text.as_bytes();
    let near = bytes.get(..bytes.len().min(LONGEST_NAME))?;
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric();
    let length = near.iter().take_while(is_name).count();
    let name = text.get(..length)?;
    if bytes.get(length) == Some(&b';') {
        return Some((sign(name).or_else(|| accented(name))?, length));
    }
    let open = OPEN.iter().find(|open| name.starts_with(**open))?;
    Some((sign(open)?, open.len()))
}

/// Spaces, dashes and other signs (HTML, section 13.5).
fn sign(name: &str) -> Option<char> {
    Some(match name {
        "amp" | "AMP" => '&',
        "lt" | "LT" => '<',
        "gt" | "GT" => '>',
        "quot" | "QUOT" => '"',
        "apos" => '\'',
        "lsquo" | "OpenCurlyQuote" | "rsquo" | "rsquor" | "CloseCurlyQuote" | "sbquo" => '\u{2019}',
        "ldquo" | "rdquo" | "rdquor" | "bdquo" | "laquo" | "raquo" => '\u{201D}',
        "Tab" => '\t',
        "NewLine" => '\n',
        "nbsp" | "NonBreakingSpace" | "ensp" | "emsp" | "emsp13" | "emsp14" | "numsp"
        | "puncsp" | "thinsp" | "ThinSpace" | "hairsp" | "VeryThinSpace" | "MediumSpace" => ' ',
        "shy" => '\u{AD}',
        "ZeroWidthSpace" => '\u{200B}',
        "zwnj" => '\u{200C}',
        "zwj" => '\u{200D}',
        "lrm" => '\u{200E}',
        "rlm" => '\u{200F}',
        "NoBreak" => '\u{2060}',
        "hyphen" | "dash" | "ndash" | "mdash" | "horbar" | "minus" => '-',
        "period" => '.',
        "comma" => ',',
        "colon" => ':',
        "semi" => ';',
        "sol" => '/',
        "bsol" => '\\',
        "commat" => '@',
        "num" => '#',
        "percnt" => '%',
        "plus" => '+',
        "equals" => '=',
        "lowbar" | "UnderBar" => '_',
        "ast" | "midast" => '*',
        "excl" => '!',
        "quest" => '?',
        "dollar" => '$',
        "Hat" => '^',
        "grave" | "DiacriticalGrave" => '`',
        "verbar" | "vert" | "VerticalLine" => '|',
        "lpar" => '(',
        "rpar" => ')',
        "lsqb" | "lbrack" => '[',
        "rsqb" | "rbrack" => ']',
        "lcub" | "lbrace" => '{',
        "rcub" | "rbrace" => '}',
        _ => return None,
    })
}

/// Letters with marks, which names of persons have.
fn accented(name: &str) -> Option<char> {
    const MARKS: [(&str, char); 13] = [
        ("acute", '\u{301}'),
        ("grave", '\u{300}'),
        ("circ", '\u{302}'),
        ("tilde", '\u{303}'),
        ("uml", '\u{308}'),
        ("ring", '\u{30A}'),
        ("cedil", '\u{327}'),
        ("caron", '\u{30C}'),
        ("macr", '\u{304}'),
        ("breve", '\u{306}'),
        ("dot", '\u{307}'),
        ("ogon", '\u{328}'),
        ("dblac", '\u{30B}'),
    ];
    let whole = match name {
        "szlig" => 'ß',
        "Oslash" => 'Ø',
        "oslash" => 'ø',
        "AElig" => 'Æ',
        "aelig" => 'æ',
        "OElig" => 'Œ',
        "oelig" => 'œ',
        "Lstrok" => 'Ł',
        "lstrok" => 'ł',
        "Dstrok" => 'Đ',
        "dstrok" => 'đ',
        "ETH" => 'Ð',
        "eth" => 'ð',
        "THORN" => 'Þ',
        "thorn" => 'þ',
        "imath" | "inodot" => 'ı',
        _ => {
            let mut letters = name.chars();
            let letter = letters.next()?;
            let rest = letters.as_str();
            let (_, mark) = MARKS.iter().find(|(mark, _)| *mark == rest)?;
            return compose(letter, *mark);
        }
    };
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_as_browsers_read_them() {
        let zeros = format!("&#{}45;", "0".repeat(3000));
        for (text, expected) in [
            ("&#45;6", Some(('-', 5))),
            ("&#x2d;", Some(('-', 6))),
            ("&#X2D;", Some(('-', 6))),
            ("&#0000000000045;", Some(('-', 16))),
            ("&#x000000002d;", Some(('-', 14))),
            (&zeros, Some(('-', zeros.len()))),
            ("&#45 6", Some(('-', 4))),
            ("&hyphen;", Some(('-', 8))),
            ("&commat;", Some(('@', 8))),
            ("&NonBreakingSpace;", Some((' ', 18))),
            ("&nbsp45", Some((' ', 5))),
            ("&ampx", Some(('&', 4))),
            ("&eacute;", Some(('é', 8))),
            ("&Scaron;", Some(('Š', 8))),
            ("&Lstrok;", Some(('Ł', 8))),
            ("&dash45", None),
            ("&bogus;", None),
            ("&;", None),
            ("&#;", None),
            ("&#x;", None),
            ("&#xD800;", None),
            ("&#99999999;", None),
            ("&", None),
        ] {
            assert_eq!(entity(text), expected, "{text}");
        }
    }
}
