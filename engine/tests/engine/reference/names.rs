//! Which member names a key of a rule selects: the words of both, compared.

/// A key as [`velum_engine::Selector::Keys`] has it.
struct Key {
    /// Its words run together.
    text: String,
    /// Whether words may stand before it, and behind it.
    before: bool,
    after: bool,
}

/// Whether the key selects the (decoded) name.
pub(crate) fn selects(key: &str, name: &str) -> bool {
    let inner = key.strip_prefix('*').unwrap_or(key);
    let key = Key {
        before: key.starts_with('*'),
        after: inner.ends_with('*'),
        text: words(inner).concat(),
    };
    let mut words = words(name);
    if matches(&key, &words) {
        return true;
    }
    // A number at the end is passed over, but a name of nothing else is not.
    let is_number = |word: &String| word.chars().all(char::is_numeric);
    if words.len() > 1 && words.last().is_some_and(is_number) {
        words.pop();
        return matches(&key, &words);
    }
    false
}

fn matches(key: &Key, words: &[String]) -> bool {
    (0..words.len()).any(|from| {
        (from + 1..=words.len()).any(|to| {
            words[from..to].concat() == key.text
                && (key.before || from == 0)
                && (key.after || to == words.len())
        })
    })
}

/// The words of a name in lower case: split at what is neither letter nor digit, between letters
/// and digits, before a capital that follows a small letter, and before the last of several
/// capitals where small letters follow it (`SSNNumber` is `ssn`, `number`).
pub(crate) fn words(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let is_capital = |at: usize| {
        letters
            .get(at)
            .is_some_and(|it| it.is_uppercase() && !it.is_numeric())
    };
    let is_small = |at: usize| {
        letters
            .get(at)
            .is_some_and(|it| it.is_alphabetic() && !it.is_uppercase() && !it.is_numeric())
    };
    let is_digit = |at: usize| letters.get(at).is_some_and(|it| it.is_numeric());
    let is_word = |at: usize| is_capital(at) || is_small(at) || is_digit(at);
    let mut words: Vec<String> = Vec::new();
    for (at, letter) in letters.iter().enumerate() {
        if !is_word(at) {
            continue;
        }
        let goes_on = at > 0
            && ((is_digit(at - 1) && is_digit(at))
                || (is_small(at - 1) && is_small(at))
                || (is_capital(at - 1) && is_small(at))
                || (is_capital(at - 1) && is_capital(at) && !is_small(at + 1)));
        if !goes_on {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.extend(letter.to_lowercase());
        }
    }
    words
}

#[test]
fn names_have_words() {
    for (name, expected) in [
        ("patientSSN", &["patient", "ssn"][..]),
        ("SSNNumber", &["ssn", "number"]),
        ("patient-ssn_2", &["patient", "ssn", "2"]),
        ("db.password", &["db", "password"]),
        ("author", &["author"]),
        ("x12y", &["x", "12", "y"]),
        ("ÄrzteName", &["ärzte", "name"]),
        ("", &[]),
        ("--", &[]),
    ] {
        assert_eq!(words(name), expected, "{name}");
    }
}

#[test]
fn keys_are_whole_words_and_numbers_at_the_end_do_not_count() {
    for (key, name, expected) in [
        ("auth", "Auth", true),
        ("auth", "author", false),
        ("auth", "x_auth", false),
        ("*auth", "xAuth", true),
        ("auth*", "authToken", true),
        ("*api key*", "myApiKeyId", true),
        ("phone", "phone2", true),
        ("phone2", "phone2", true),
        ("phone2", "phone", false),
        ("2", "2", true),
        ("patient_ssn", "patientssn", true),
    ] {
        assert_eq!(selects(key, name), expected, "{key} {name}");
    }
}
