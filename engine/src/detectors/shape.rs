//! Which shapes a text has: what tells in few steps that a detector has nothing to find.
//!
//! Sixty-four bytes at a time become masks with a bit for each byte. Times, names, codes and most
//! identifiers have none of these shapes.

use std::ops::BitOr;

use crate::scan::{BLOCK, Block, Marks, code_marks, marks};

/// No shape is longer than the part that two pieces share.
const SHARED: usize = 24;

/// What a text holds: a set of shapes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shapes(u32);

impl Shapes {
    /// An `@` or `~`; or `%`, `<`, `&` or a backslash, behind which anything may be.
    pub(crate) const SIGN: Self = Self(1);
    /// Three, two and four digits with one byte between, or nine in a row.
    pub(crate) const NINE: Self = Self(1 << 1);
    /// Three, three and four digits with at most four bytes and one byte between.
    pub(crate) const TEN: Self = Self(1 << 2);
    /// Eleven bytes or more of digits with single spaces, dashes, dots or slashes between.
    pub(crate) const JOINED: Self = Self(1 << 3);
    /// Seven digits in a row.
    pub(crate) const SEVEN: Self = Self(1 << 4);
    /// Sixteen letters and digits in a row, a digit among them.
    pub(crate) const TOKEN: Self = Self(1 << 5);
    /// Three dots between digits, two dots five apart, two colons in a row, five colons or five
    /// dashes.
    pub(crate) const NETWORK: Self = Self(1 << 6);
    /// `://`
    pub(crate) const URL: Self = Self(1 << 7);
    /// Four digits and, one byte apart, two; digits on both sides of a slash, or of two dots or dashes
    /// two or three apart; or four digits behind a space, dash or slash.
    pub(crate) const DATE: Self = Self(1 << 8);
    /// With letters: digits beside a space or one byte before it, before a dash and a letter, behind
    /// a colon or equals sign that stands behind no digit; up to three that begin a word that goes on
    /// with letters; five behind a letter.
    pub(crate) const PROSE: Self = Self(1 << 9);
    /// Bytes beyond ASCII, among which digits may be.
    pub(crate) const WIDE: Self = Self(1 << 10);
    /// `=`
    pub(crate) const EQUALS: Self = Self(1 << 11);
    /// Four dashes in a row.
    pub(crate) const RULE: Self = Self(1 << 12);
    /// Four digits, and nine letters and digits in a row or two spaces or dashes four apart.
    pub(crate) const MIXED: Self = Self(1 << 13);
    /// Twenty letters, digits, underscores and dashes in a row.
    pub(crate) const LONG: Self = Self(1 << 14);
    /// A colon that is neither before a slash nor between two digits; among digits, two letters
    /// between spaces.
    pub(crate) const LABEL: Self = Self(1 << 15);
    /// Two letters in a row; and five letters and digits in a row, a digit among them, or seven bytes
    /// of digits with single dashes between.
    pub(crate) const NAMED: Self = Self(1 << 16);
    /// A `+` before a digit, but for the offset of a time.
    pub(crate) const PLUS: Self = Self(1 << 17);
    /// Twenty letters and digits in a row: base64 may be.
    pub(crate) const CODE: Self = Self(1 << 18);
    /// With letters: digits behind a quote or the like, but near no address.
    pub(crate) const QUOTED: Self = Self(1 << 19);

    /// The shapes of a text.
    #[inline]
    pub(super) fn of(text: &[u8]) -> Self {
        Self::of_part(text, 0, text.len())
    }

    /// The shapes of a part of a text. What is behind it may be read, but does not count.
    #[inline]
    pub(super) fn of_part(text: &[u8], start: usize, end: usize) -> Self {
        let mut shapes = Self::default();
        let mut at = start;
        while at < end {
            let length = (end - at).min(BLOCK);
            shapes = shapes
                | match text.get(at..).and_then(<[u8]>::first_chunk) {
                    Some(block) => Self::of_block(block, length),
                    None => Self::of_block(&padded(text.get(at..end).unwrap_or_default()), length),
                };
            if at + BLOCK >= end {
                break;
            }
            at += BLOCK - SHARED;
        }
        shapes
    }

    /// How many digits a part of a text has, or `None`: it stands out among codes by a sign, `=`, or
    /// digits as 3-2-4 or as 3-3-4. Of a long part some digits count twice.
    #[inline]
    pub(super) fn stand_out(text: &[u8], start: usize, end: usize) -> Option<u32> {
        let mut digits = 0;
        let mut at = start;
        while at < end {
            let length = (end - at).min(BLOCK);
            digits += match text.get(at..).and_then(<[u8]>::first_chunk) {
                Some(block) => digits_among_codes(block, length),
                None => digits_among_codes(&padded(text.get(at..end).unwrap_or_default()), length),
            }?;
            if at + BLOCK >= end {
                break;
            }
            at += BLOCK - SHARED;
        }
        Some(digits)
    }

    /// Whether a shape is in both.
    #[inline]
    pub(crate) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Those of either; a `|` for constants.
    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[inline]
    fn of_block(block: &Block, length: usize) -> Self {
        let valid = u64::MAX >> (BLOCK - length);
        let marks = marks(block, length);
        let digits = marks.digits & valid;
        let mut shapes = Self::of_signs(&marks, valid);
        if digits == 0 {
            shapes = shapes | Self::of_words(&marks, valid);
        } else {
            shapes = shapes | Self::of_digits(&marks, digits, valid);
        }
        shapes
    }

    #[inline]
    fn of_signs(marks: &Marks, valid: u64) -> Self {
        let colons = marks.colons & valid;
        let dashes = marks.dashes & valid;
        let dots = marks.dots & valid;
        let slashes = marks.slashes & valid;
        let network = colons & colons >> 1 != 0
            || colons.count_ones() >= 5
            || dashes.count_ones() >= 5
            || dots & dots >> 5 != 0;
        when(marks.signs & valid != 0, Self::SIGN)
            | when(marks.wide & valid != 0, Self::WIDE)
            | when(marks.equals & valid != 0, Self::EQUALS)
            | when(colons & slashes >> 1 & slashes >> 2 != 0, Self::URL)
            | when(at_least(dashes, 4) != 0, Self::RULE)
            | when(network, Self::NETWORK)
    }

    #[inline]
    fn of_words(marks: &Marks, valid: u64) -> Self {
        let words = (marks.digits | marks.letters | marks.dashes) & valid;
        let between = marks.digits << 1 & marks.digits >> 1;
        let labels = marks.colons & valid & !(marks.slashes >> 1) & !between;
        let long = at_least(words, 20);
        let code = if long == 0 {
            0
        } else {
            at_least(words & !marks.dashes, 20)
        };
        when(long != 0, Self::LONG) | when(code != 0, Self::CODE) | when(labels != 0, Self::LABEL)
    }

    #[inline]
    fn of_digits(marks: &Marks, one: u64, valid: u64) -> Self {
        let spaces = marks.spaces & valid;
        let slashes = marks.slashes & valid;
        let dashes = marks.dashes & valid;
        let dots = marks.dots & valid;
        let letters = marks.letters & valid;
        let (words, between) = (one | letters, one << 1 & one >> 1);
        let joined = one | (spaces | slashes | dashes | dots) & between;
        if is_bare(one, valid) || is_uuid(one, words, dashes, marks.colons & valid, valid) {
            return when(at_least(joined, 11) != 0 && letters == 0, Self::JOINED);
        }
        // Each bit says that so many digits begin there.
        let two = one & one >> 1;
        let three = two & one >> 2;
        let four = two & two >> 2;
        let nine = three & (two >> 4 & four >> 7 | three >> 3 & three >> 6);
        let behind = three & (four >> 3 | four >> 4);
        let ten = three & (behind >> 3 | behind >> 4 | behind >> 5 | behind >> 6 | behind >> 7);
        let word_gaps = spaces | dashes;
        let has_four = one.count_ones() >= 4;
        let mixed = at_least(words, 9) != 0 && letters != 0 || word_gaps & word_gaps >> 4 != 0;
        let between_spaces = spaces & letters >> 1 & letters >> 2 & spaces >> 3;
        let joints = (dots | dashes) & between;
        let date = four & two >> 5
            | slashes & between
            | joints & (joints >> 2 | joints >> 3)
            | (word_gaps | slashes) & four >> 1;
        let five = at_least(words, 5) & (one | one >> 1 | one >> 2 | one >> 3 | one >> 4);
        let apart = at_least(one | dashes & between, 7);
        let is_named = letters & letters >> 1 != 0 && five | apart != 0;
        // Not behind the quote that the string begins with.
        let others =
            words | word_gaps | slashes | dots | (marks.colons | marks.equals | marks.wide);
        let is_address = marks.colons & slashes >> 1 & slashes >> 2 != 0;
        let quoted = (valid & !1 & !others) << 1 & one;
        let plus = marks.pluses & valid & one >> 1 & !((marks.colons & valid) >> 3);
        when(nine != 0, Self::NINE)
            | when(ten != 0, Self::TEN)
            | when(at_least(joined, 11) != 0, Self::JOINED)
            | when(four & three >> 4 != 0, Self::SEVEN)
            | when(spread(at_least(words, 16)) & one != 0, Self::TOKEN)
            | when((dots & between).count_ones() >= 3, Self::NETWORK)
            | when(date != 0, Self::DATE)
            | when(
                letters != 0 && Self::is_prose(marks, one, valid),
                Self::PROSE,
            )
            | when(quoted != 0 && letters != 0 && !is_address, Self::QUOTED)
            | when(mixed && has_four, Self::MIXED)
            | when(between_spaces != 0, Self::LABEL)
            | when(is_named, Self::NAMED)
            | when(plus != 0, Self::PLUS)
            | Self::of_words(marks, valid)
    }

    #[inline]
    fn is_prose(marks: &Marks, one: u64, valid: u64) -> bool {
        let letters = marks.letters & valid;
        let spaces = marks.spaces & valid;
        let signs = (marks.colons | marks.equals) & valid;
        let beside = spaces >> 1 | spaces << 1 | spaces >> 2;
        let before = (marks.dashes & valid) >> 1 & letters >> 2;
        let behind = signs << 1 & !(one << 2);
        // The last digit of a word that goes on with a letter and another, a slash or a stop.
        let next = letters | (marks.slashes | marks.dots) & valid;
        let last = one & letters >> 1 & next >> 2;
        let begins = !((one | letters) << 1);
        let five = one & one >> 1 & one >> 2 & one >> 3 & one >> 4;
        one & (beside | before | behind) != 0
            || one & begins & (last | last >> 1 | last >> 2) != 0
            || letters << 1 & five != 0
    }
}

#[inline]
fn digits_among_codes(block: &Block, length: usize) -> Option<u32> {
    const FEWEST: u32 = 9;
    let valid = u64::MAX >> (BLOCK - length);
    let (digits, signs) = code_marks(block, length);
    let one = digits & valid;
    if signs & valid != 0 {
        return None;
    }
    let count = one.count_ones();
    if count < FEWEST {
        return Some(count);
    }
    let three = one & one >> 1 & one >> 2;
    let four = three & one >> 3;
    let separated = one & one >> 1 & !(one >> 2);
    let behind = three & !(one << 1) & (four >> 3 | four >> 4);
    let ten = behind >> 4 | behind >> 5 | behind >> 6 | behind >> 7;
    let stands_out = three & !(one >> 3) & (separated >> 4 & four >> 7 | ten) != 0;
    (!stands_out).then_some(count)
}

/// Whether there is nothing but one number, with or without quotes: nothing says what it is.
#[inline]
fn is_bare(digits: u64, valid: u64) -> bool {
    let others = valid & !digits;
    let ends = 1 | valid & !(valid >> 1);
    others == 0 || others == ends
}

/// Whether there is a UUID, no digit beside it, and room for not much more than `urn:uuid:` and quotes.
#[inline]
fn is_uuid(digits: u64, words: u64, dashes: u64, colons: u64, valid: u64) -> bool {
    const LONGEST: u32 = 47;
    if valid.count_ones() > LONGEST {
        return false;
    }
    let groups = dashes & dashes >> 5 & dashes >> 10 & dashes >> 15;
    let start = groups.trailing_zeros().wrapping_sub(8);
    if groups == 0 || start >= LONGEST {
        return false;
    }
    let all = (1_u64 << 36) - 1;
    let urn = (0b10_0001 << start) >> 6;
    let is_alone = colons & !urn == 0 && digits & !(all << start) == 0;
    (words | dashes) >> start & all == all && is_alone
}

impl BitOr for Shapes {
    type Output = Self;

    #[inline]
    fn bitor(self, other: Self) -> Self {
        self.or(other)
    }
}

#[inline]
fn when(is: bool, shape: Shapes) -> Shapes {
    Shapes(shape.0 * u32::from(is))
}

/// The sixteen bits from each one on.
#[inline]
fn spread(bits: u64) -> u64 {
    let bits = bits | bits << 1;
    let bits = bits | bits << 2;
    let bits = bits | bits << 4;
    bits | bits << 8
}

/// Where so many bits in a row begin.
#[inline]
fn at_least(bits: u64, length: u32) -> u64 {
    let mut runs = bits;
    let mut reached = 1;
    while reached < length {
        let more = reached.min(length - reached);
        runs &= runs >> more;
        reached += more;
    }
    runs
}

#[cold]
fn padded(text: &[u8]) -> Block {
    let mut block = [0; BLOCK];
    if let Some(part) = block.get_mut(..text.len()) {
        part.copy_from_slice(text);
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::credentials::samples as secrets;
    use crate::detectors::{ALL, Probe};

    #[test]
    fn times_and_identifiers_have_none() {
        for (text, shapes) in [
            ("2010-05-16T04:15:28.343-04:00", Shapes::DATE),
            ("1970-01-01", Shapes::DATE),
            (
                "urn:uuid:8b0484cd-3dbd-8b8d-1b72-a32f74a5a846",
                Shapes::default(),
            ),
            ("8b0484cd-3dbd-8b8d-1b72-a32f74012345", Shapes::default()),
            ("185345009", Shapes::default()),
            ("final", Shapes::default()),
            ("", Shapes::default()),
            (
                "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race",
                Shapes::URL,
            ),
            ("123-45-6789", Shapes::NINE | Shapes::JOINED | Shapes::DATE),
            ("a@b.example", Shapes::SIGN),
            ("10.0.0.1", Shapes::NETWORK | Shapes::DATE),
            ("fe80::1", Shapes::NETWORK | Shapes::PROSE | Shapes::LABEL),
            ("4111111111111111", Shapes::JOINED),
            ("1EG4-TE5-MK73", Shapes::MIXED | Shapes::PROSE),
            ("-----BEGIN", Shapes::RULE | Shapes::NETWORK),
        ] {
            assert_eq!(Shapes::of(text.as_bytes()), shapes, "{text}");
        }
    }

    #[test]
    fn what_is_behind_a_part_does_not_count() {
        let text = [b"x".repeat(70), b"123456789@".to_vec(), b"y".repeat(70)].concat();
        assert!(!Shapes::of_part(&text, 3, 78).meets(Shapes::NINE));
        assert!(Shapes::of_part(&text, 3, 79).meets(Shapes::NINE));
    }

    fn draw(seed: &mut u64, below: usize) -> usize {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        usize::try_from(*seed % 1_000_003).unwrap() % below
    }

    /// A text of digits, of what stands between them, and of words that count before them.
    fn made(seed: &mut u64) -> String {
        const PARTS: [&str; 24] = [
            "1", "2", "345", "12", "6789", "555", "212", "0", "9", "000", "-", " ", ".", "/", "(",
            ") ", "+1", "tel:", "SSN ", "x", "\u{e9}", "@", "a.b", ") -",
        ];
        let mut next = |below| draw(seed, below);
        let start = "z".repeat(next(70));
        let length = 1 + next(12);
        let parts = (0..length).map(|_| PARTS[next(PARTS.len())]);
        parts.fold(start, |text, part| text + part)
    }

    /// What detectors look for, with `#` for any digit, among other text; at times a byte of it is
    /// missing or another.
    fn made_alike(seed: &mut u64) -> String {
        const TEMPLATES: &[&str] = &[
            "1#.0.2#.1",
            "ip 300.#.#.1",
            "fe80::#a##:1",
            "2001:db8:0:1:2:3:4:5###",
            "00:1b:4#:11:3a:b7",
            "00-1B-##-11-3A-B7",
            "001b.44##.3ab7",
            "20##-0#-1#",
            "20##-0#",
            "0#/1#/19##",
            "#/#/2#",
            "1#.0#.20##",
            "dob:0#-1#-2#",
            "dob #.1#.#4",
            "dob19##0#1#",
            "1# March",
            "March #",
            "1#. Mai 20##",
            "1#th of June",
            "#st of June",
            "1#-Mar-2#",
            "1#/Mar/20##",
            "1#MAR20##",
            "Mar-1#-20##",
            "2024-Mar-1#",
            "9#-year-old",
            "9#yo man",
            "9# y/o",
            "age:9#",
            "aged 9# years",
            "Boston, MA 02###",
            "MA 02###",
            "Ames IA 50###-####",
            "zip 0####",
            "zip:0####",
            "ZIP0####",
            "1# Main St",
            "1#A Oak Ave NW, Apt #",
            "PO Box 1##",
            "Calle Mayor, #",
            "Berliner Straße #",
            "1#, rue de la Paix",
            "1#bis rue Foch",
            "https://a.example/users/b#",
            "http://a:b#@c.example",
            "Patient?identifier=x|#",
        ];
        const AROUND: &[&str] = &[
            "", "", " ", "z", "; ", ", ", ": ", "é", "a-", ".", "7 ", "(",
        ];
        let mut next = |below: usize| {
            *seed ^= *seed << 13;
            *seed ^= *seed >> 7;
            *seed ^= *seed << 17;
            usize::try_from(*seed % 1_000_003).unwrap() % below
        };
        let mut text = ["z", "é", "。"][next(3)].repeat(next(70));
        text += AROUND[next(AROUND.len())];
        let template = TEMPLATES[next(TEMPLATES.len())];
        let (changed, change) = (next(60), next(4));
        for (at, letter) in template.char_indices() {
            match (at == changed, change) {
                (true, 0) => {}
                (true, 1) => text.push(' '),
                (true, 2) => text.push('.'),
                (true, _) => text.push('5'),
                _ if letter == '#' => text += &next(10).to_string(),
                _ => text.push(letter),
            }
        }
        text + AROUND[next(AROUND.len())] + &["z", "é"][next(2)].repeat(next(70))
    }

    /// What stands before identifiers, and what they look like: `#` is any digit, `?` any letter.
    const LABELS: &[&str] = &[
        "",
        "",
        "(",
        "x ",
        "MRN",
        "patient id",
        "policy no",
        "acct",
        "licence no",
        "DL",
        "chart",
        "member",
        "account",
        "EIN",
        "tax id",
        "itin",
        "ssn",
        "NPI",
        "provider id",
        "dea",
        "aba",
        "routing",
        "card",
        "visa",
        "vin",
        "iban",
        "iccid",
        "imei",
        "mbi",
        "tel",
        "phone",
        "fax",
    ];
    const SIGNS: &[&str] = &[
        "", "", " ", ": ", ":", "#", "-", "_", "=", " is ", " no. ", "\": \"", "\u{a0}",
    ];
    const FORMS: &[&str] = &[
        "###-##-####",
        "9##-7#-####",
        "9## 8# ####",
        "#########",
        "##-#######",
        "##########",
        "?########",
        "??#######",
        "AB1234563",
        "#######",
        "#####",
        "??###",
        "#-####-#",
        "##-##-##",
        "## ## ##",
        "### ### ####",
        "1EG4-TE5-MK7#",
        "1EG4 TE5 MK7#",
        "1EG4TE5MK7#",
        "411111111111111#",
        "4111 1111 1111 111#",
        "4111-1111-1111-111#",
        "37828224631000#",
        "50################",
        "3782.822463.1000#",
        "GB82WEST12345698765432",
        "GB82 WEST 1234 5698 7654 32",
        "NO9386011117947",
        "NO93-8601-1117-947",
        "1HGCM826#3A00435#",
        "1HGCM82633A004352",
        "891041032111185107##",
        "8910 4103 2111 8510 72##",
        "35209900176148#",
        "35-209900-176148-#",
        "02100002#",
        "+44 20 7946 ####",
        "+49 (0) 30 ######",
        "+4420########",
        "0049 30 ######",
        "(212) 555-01##",
        "212 555 01##",
        "555-01##",
        "+290 #####",
        "+1 212-555-01## x##",
    ];

    /// Identifiers with labels before them, in a text.
    fn labelled(seed: &mut u64) -> String {
        let mut next = |below: usize| {
            *seed ^= *seed << 13;
            *seed ^= *seed >> 7;
            *seed ^= *seed << 17;
            usize::try_from(*seed % 1_000_003).unwrap() % below
        };
        let mut text = "z".repeat(next(70));
        for _ in 0..=next(2) {
            text += ["", " ", ", "][next(3)];
            text += LABELS[next(LABELS.len())];
            text += SIGNS[next(SIGNS.len())];
            for letter in FORMS[next(FORMS.len())].chars() {
                text.push(match letter {
                    '#' => char::from(b'0' + u8::try_from(next(10)).unwrap()),
                    '?' => char::from(b'A' + u8::try_from(next(26)).unwrap()),
                    letter => letter,
                });
            }
        }
        text += ["", ".", " (MRN)", "(EIN)", "z"][next(5)];
        text
    }

    #[test]
    fn whatever_a_detector_finds_has_its_shape() {
        let mut seed = 0x2545_F491_4F6C_DD1D;
        let mut finds = [0; ALL.len()];
        for round in 0..600_000 {
            let text = match round % 4 {
                0 => secrets::text(&mut |below| draw(&mut seed, below)),
                1 => made(&mut seed),
                2 => made_alike(&mut seed),
                _ => labelled(&mut seed),
            };
            let probe = Probe::of(&text);
            let shapes = Shapes::of(probe.bytes());
            for (detector, count) in ALL.iter().zip(&mut finds) {
                (detector.find)(&probe, &mut |range, _| {
                    *count += 1;
                    let found = str::from_utf8(&probe.bytes()[range]);
                    assert!(found.is_ok(), "{}: {text}", detector.name);
                    assert!(detector.shapes.meets(shapes), "{}: {text}", detector.name);
                });
            }
        }
        assert!(finds.iter().all(|count| *count > 100), "{finds:?}");
    }
}
