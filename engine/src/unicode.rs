//! What of Unicode's tables is used here, in few bytes: `engine/build.rs` makes them from those of
//! `unicode-normalization`, with which they are compared.

include!(concat!(env!("OUT_DIR"), "/unicode.rs"));

static TEXT: &str = include_str!(concat!(env!("OUT_DIR"), "/unicode.txt"));

/// The parts that a character has by NFKD (Unicode 17, section 3.11), itself where it has none.
pub(crate) fn decompose_compatible(letter: char, mut emit: impl FnMut(char)) {
    if letter.is_ascii() {
        return emit(letter);
    }
    if let Some(parts) = hangul(letter) {
        return parts.into_iter().flatten().for_each(emit);
    }
    match place(letter).and_then(text) {
        Some(parts) => parts.chars().for_each(emit),
        None => emit(letter),
    }
}

/// Whether a character is a mark (general category M) that belongs to the one before it.
pub(crate) fn is_combining_mark(letter: char) -> bool {
    let behind = MARKS.partition_point(|(_, last)| *last < letter);
    MARKS.get(behind).is_some_and(|(first, _)| *first <= letter)
}

fn place(letter: char) -> Option<usize> {
    let code = u32::from(letter);
    let plane = usize::try_from(code >> 16).ok()?;
    let low = u16::try_from(code & 0xFFFF).ok()?;
    let first = usize::from(*PLANES.get(plane)?);
    let last = usize::from(*PLANES.get(plane + 1)?);
    let at = KEYS.get(first..last)?.binary_search(&low).ok()?;
    Some(first + at)
}

fn text(place: usize) -> Option<&'static str> {
    let start = usize::from(*STARTS.get(place)?);
    TEXT.get(start..start + usize::from(*LENGTHS.get(place)?))
}

/// The two or three letters of a syllable (Unicode 17, section 3.12).
fn hangul(letter: char) -> Option<[Option<char>; 3]> {
    const FIRST: u32 = 0xAC00;
    const COUNT: u32 = 11_172;
    const TAILS: u32 = 28;
    const VOWELS_AND_TAILS: u32 = 21 * TAILS;
    let index = u32::from(letter).checked_sub(FIRST)?;
    if index >= COUNT {
        return None;
    }
    let tail = index % TAILS;
    Some([
        char::from_u32(0x1100 + index / VOWELS_AND_TAILS),
        char::from_u32(0x1161 + index % VOWELS_AND_TAILS / TAILS),
        (tail > 0).then(|| char::from_u32(0x11A7 + tail)).flatten(),
    ])
}

#[cfg(test)]
mod tests {
    use unicode_normalization::char as library;

    use super::*;

    #[test]
    fn every_character_is_as_the_library_has_it() {
        for letter in '\0'..=char::MAX {
            let (mut ours, mut theirs) = (String::new(), String::new());
            decompose_compatible(letter, |part| ours.push(part));
            library::decompose_compatible(letter, |part| theirs.push(part));
            assert_eq!(ours, theirs, "{letter:?}");
            let is_mark = library::is_combining_mark(letter);
            assert_eq!(is_combining_mark(letter), is_mark, "{letter:?}");
        }
    }
}
