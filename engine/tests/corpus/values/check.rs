//! Check digits, worked out apart from those of the engine.

/// The Luhn check digit behind these digits.
pub(super) fn luhn(digits: &str) -> char {
    let mut sum = 0;
    for (at, digit) in digits.chars().rev().enumerate() {
        let digit = digit.to_digit(10).unwrap();
        let double = if at % 2 == 0 { digit * 2 } else { digit };
        sum += double / 10 + double % 10;
    }
    digit((10 - sum % 10) % 10)
}

/// Another digit.
pub(super) fn other(digit: char) -> char {
    self::digit((digit.to_digit(10).unwrap() + 3) % 10)
}

pub(super) fn digit(value: u32) -> char {
    char::from_digit(value, 10).unwrap()
}

/// The digit behind eight others of a routing number.
pub(super) fn routing(digits: &str) -> char {
    let sum: u32 = digits
        .chars()
        .zip([3, 7, 1, 3, 7, 1, 3, 7])
        .map(|(digit, weight)| digit.to_digit(10).unwrap() * weight)
        .sum();
    digit((10 - sum % 10) % 10)
}

/// The last digit of a number of a prescriber.
pub(super) fn prescriber(six: &str) -> char {
    let digits: Vec<u32> = six.chars().map(|one| one.to_digit(10).unwrap()).collect();
    let odd = digits[0] + digits[2] + digits[4];
    let even = digits[1] + digits[3] + digits[5];
    digit((odd + 2 * even) % 10)
}

/// A vehicle's number with its check character in the ninth place.
pub(super) fn vehicle(number: &str) -> String {
    const LETTERS: &str = "ABCDEFGHJKLMNPRSTUVWXYZ";
    const VALUES: &str = "12345678123457923456789";
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let value = |letter: char| {
        letter.to_digit(10).unwrap_or_else(|| {
            let at = LETTERS.find(letter).unwrap();
            VALUES[at..=at].parse().unwrap()
        })
    };
    let sum: u32 = number
        .chars()
        .zip(WEIGHTS)
        .map(|(one, weight)| value(one) * weight)
        .sum();
    let check = match sum % 11 {
        10 => 'X',
        rest => digit(rest),
    };
    format!("{}{check}{}", &number[..8], &number[9..])
}

/// A bank account with its two check digits.
pub(super) fn account(country: &str, number: &str) -> String {
    let mut rest = 0_u32;
    for letter in number.chars().chain(country.chars()).chain("00".chars()) {
        let value = letter.to_digit(36).unwrap();
        rest = if value > 9 {
            (rest * 100 + value) % 97
        } else {
            (rest * 10 + value) % 97
        };
    }
    format!("{country}{:02}{number}", 98 - rest)
}
