//! Rules by member name.
//!
//! A name is folded (one spelling for all of its spellings) and cut into words; every run of whole
//! words that a rule could mean is looked up in one hash table. The hash of a run follows from the
//! hashes up to its two ends, and a set of the lengths that rules have ends most look-ups before
//! the table is touched, so that the time a name takes does not depend on the number of rules.

use super::fold::{BASE, Cut, fold, fold_ascii};

/// Names in ASCII up to this many bytes and words are looked up without an allocation.
const SHORT: usize = 64;
const FEW: usize = 16;

/// The rules that a member name falls under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyRules {
    /// An explicit rule.
    pub(crate) rule: Option<u16>,
    /// A rule of a profile.
    pub(crate) profile: Option<u16>,
}

impl KeyRules {
    /// The rule that was added first decides, whichever way it matched.
    fn merge(&mut self, other: Self) {
        self.rule = first(self.rule, other.rule);
        self.profile = first(self.profile, other.profile);
    }
}

/// How a key may lie in a name.
#[derive(Clone, Copy)]
enum Kind {
    Whole,
    Suffix,
    Prefix,
    Inside,
}

/// Where a run of words lies in a name, and so which kinds of keys it can be.
#[derive(Clone, Copy)]
enum Run {
    Whole,
    Last,
    First,
    Inner,
}

impl Run {
    const ALL: [Self; 4] = [Self::Whole, Self::Last, Self::First, Self::Inner];

    const fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Whole => &[Kind::Whole, Kind::Suffix, Kind::Prefix, Kind::Inside],
            Self::Last => &[Kind::Suffix, Kind::Inside],
            Self::First => &[Kind::Prefix, Kind::Inside],
            Self::Inner => &[Kind::Inside],
        }
    }
}

/// The lengths that occur; all from 63 on are one.
#[derive(Clone, Copy, Default)]
struct Lengths(u64);

impl Lengths {
    fn bit(length: usize) -> u64 {
        1 << length.min(63)
    }

    fn add(&mut self, length: usize) {
        self.0 |= Self::bit(length);
    }

    fn has(self, length: usize) -> bool {
        self.0 & Self::bit(length) != 0
    }
}

/// A folded key, and the rules of each [`Kind`].
struct Entry {
    text: Box<[u8]>,
    hash: u64,
    rules: [KeyRules; 4],
}

impl Entry {
    fn rules(&self, kind: Kind) -> KeyRules {
        self.rules.get(kind as usize).copied().unwrap_or_default()
    }
}

/// A place of the hash table: a part of the hash, and the number of the entry from 1; 0 is empty.
#[derive(Clone, Copy, Default)]
struct Slot {
    tag: u32,
    entry: u32,
}

/// Folded names to rules.
pub(crate) struct KeyTable {
    entries: Vec<Entry>,
    /// Open addressing, at most half full; a power of two.
    slots: Vec<Slot>,
    /// The lengths of the keys that a [`Run`] can be.
    lengths: [Lengths; 4],
    /// Powers of [`BASE`] up to the length of the longest key.
    powers: Vec<u64>,
}

impl Default for KeyTable {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            slots: vec![Slot::default(); 2],
            lengths: [Lengths::default(); 4],
            powers: vec![1],
        }
    }
}

impl KeyTable {
    /// Adds a key of a rule. A key that an earlier explicit rule has taken is refused; between
    /// profiles the first keeps it.
    pub(crate) fn add(&mut self, key: &str, rule: u16, explicit: bool) -> Result<(), String> {
        let (after, key) = key
            .strip_prefix('*')
            .map_or((false, key), |rest| (true, rest));
        let (before, key) = key
            .strip_suffix('*')
            .map_or((false, key), |rest| (true, rest));
        let (mut text, mut cuts) = (Vec::new(), Vec::new());
        let end = fold(key, &mut text, &mut cuts);
        if text.is_empty() {
            return Err("a key has no letter and no digit".into());
        }
        let entry = self.entry(text, end.hash)?;
        let taken = |kind: Kind| entry.rules(kind).rule.is_some();
        if explicit
            && (taken(Kind::Inside)
                || (!before && taken(Kind::Suffix))
                || (!after && taken(Kind::Prefix))
                || (!after && !before && taken(Kind::Whole)))
        {
            return Err(format!(
                "it can never fire for {key}: an earlier rule has that key"
            ));
        }
        let kind = match (after, before) {
            (false, false) => Kind::Whole,
            (true, false) => Kind::Suffix,
            (false, true) => Kind::Prefix,
            (true, true) => Kind::Inside,
        };
        if let Some(rules) = entry.rules.get_mut(kind as usize) {
            let place = if explicit {
                &mut rules.rule
            } else {
                &mut rules.profile
            };
            place.get_or_insert(rule);
        }
        for (run, lengths) in Run::ALL.iter().zip(&mut self.lengths) {
            if run.kinds().iter().any(|one| *one as usize == kind as usize) {
                lengths.add(end.at);
            }
        }
        while self.powers.len() <= end.at {
            let power = self.powers.last().copied().unwrap_or(1);
            self.powers.push(power.wrapping_mul(BASE));
        }
        Ok(())
    }

    /// The keys of explicit rules, folded.
    pub(crate) fn explicit(&self) -> impl Iterator<Item = &str> {
        let is_explicit = |entry: &&Entry| entry.rules.iter().any(|rules| rules.rule.is_some());
        let entries = self.entries.iter().filter(is_explicit);
        entries.filter_map(|entry| str::from_utf8(&entry.text).ok())
    }

    /// Whether a key is this member name and no more of it.
    pub(crate) fn names(&self, name: &str) -> bool {
        self.word(name).is_some()
    }

    /// The key, folded, that is this member name and no more of it.
    pub(crate) fn word(&self, name: &str) -> Option<&str> {
        let mut text = Vec::new();
        let end = fold(name, &mut text, &mut Vec::new());
        let index = self.index_of(end.hash, || Some(&text))?;
        str::from_utf8(&self.entries.get(index)?.text).ok()
    }

    /// The rules for a (decoded) member name.
    pub(crate) fn find(&self, key: &str) -> KeyRules {
        if key.len() <= SHORT {
            let (mut text, mut cuts) = ([0; SHORT], [Cut::default(); FEW]);
            if let Some((end, words)) = fold_ascii(key.as_bytes(), &mut text, &mut cuts) {
                return self.find_folded(&text, cuts.get(..words).unwrap_or_default(), end);
            }
        }
        self.find_slowly(key)
    }

    #[cold]
    fn find_slowly(&self, key: &str) -> KeyRules {
        let (mut text, mut cuts) = (Vec::new(), Vec::new());
        let end = fold(key, &mut text, &mut cuts);
        self.find_folded(&text, &cuts, end)
    }

    fn find_folded(&self, text: &[u8], cuts: &[Cut], end: Cut) -> KeyRules {
        let mut found = KeyRules::default();
        self.find_until(text, cuts, end, &mut found);
        // Once more without a number at the end.
        if let Some((last, words)) = cuts.split_last().filter(|(last, _)| last.is_number) {
            self.find_until(text, words, *last, &mut found);
        }
        for (word, start) in cuts.iter().enumerate() {
            let run = if word == 0 { Run::First } else { Run::Inner };
            for stop in cuts.iter().skip(word + 1) {
                if stop.at - start.at >= self.powers.len() {
                    break;
                }
                self.look_up(text, *start, *stop, run, &mut found);
            }
        }
        found
    }

    /// The runs that reach to the end.
    fn find_until(&self, text: &[u8], cuts: &[Cut], end: Cut, found: &mut KeyRules) {
        for (word, start) in cuts.iter().enumerate() {
            let run = if word == 0 { Run::Whole } else { Run::Last };
            self.look_up(text, *start, end, run, found);
        }
    }

    #[inline]
    fn look_up(&self, text: &[u8], start: Cut, end: Cut, run: Run, found: &mut KeyRules) {
        let length = end.at - start.at;
        let lengths = self.lengths.get(run as usize).copied().unwrap_or_default();
        if !lengths.has(length) {
            return;
        }
        let Some(power) = self.powers.get(length) else {
            return;
        };
        let hash = end.hash.wrapping_sub(start.hash.wrapping_mul(*power));
        let index = self.index_of(hash, || text.get(start.at..end.at));
        let Some(entry) = index.and_then(|index| self.entries.get(index)) else {
            return;
        };
        for kind in run.kinds() {
            found.merge(entry.rules(*kind));
        }
    }

    /// The number of the entry of a folded text.
    fn index_of<'a>(&self, hash: u64, text: impl Fn() -> Option<&'a [u8]>) -> Option<usize> {
        let mixed = mix(hash);
        let mask = self.slots.len() - 1;
        let mut at = place(mixed) & mask;
        // The table is never full, so that an empty place ends every search.
        loop {
            let slot = self.slots.get(at).filter(|slot| slot.entry != 0)?;
            if slot.tag == tag(mixed) {
                let index = slot.entry as usize - 1;
                let entry = self.entries.get(index)?;
                if text().is_some_and(|text| text == &*entry.text) {
                    return Some(index);
                }
            }
            at = (at + 1) & mask;
        }
    }

    /// The entry of a folded key, made where there is none.
    fn entry(&mut self, text: Vec<u8>, hash: u64) -> Result<&mut Entry, String> {
        const TOO_MANY: &str = "there are too many keys";
        let index = if let Some(index) = self.index_of(hash, || Some(&text)) {
            index
        } else {
            u32::try_from(self.entries.len() + 1).map_err(|_| TOO_MANY)?;
            self.entries.push(Entry {
                text: text.into_boxed_slice(),
                hash,
                rules: [KeyRules::default(); 4],
            });
            self.spread();
            self.entries.len() - 1
        };
        self.entries.get_mut(index).ok_or_else(|| TOO_MANY.into())
    }

    /// Puts the last entry into the table, which grows where it would be more than half full or
    /// where many entries would stand in one row.
    fn spread(&mut self) {
        const LONGEST_ROW: usize = 8;
        const MOST_PER_ENTRY: usize = 64;
        let count = self.entries.len();
        let fits = count * 2 <= self.slots.len();
        let is_spread = |row: usize, slots: usize| {
            row <= LONGEST_ROW || slots >= count.saturating_mul(MOST_PER_ENTRY)
        };
        if fits && is_spread(self.put(count - 1), self.slots.len()) {
            return;
        }
        loop {
            let size = self.slots.len() * 2;
            self.slots = vec![Slot::default(); size];
            let longest = (0..count).map(|index| self.put(index)).max();
            if count * 2 <= size && is_spread(longest.unwrap_or_default(), size) {
                return;
            }
        }
    }

    /// Puts an entry into the first empty place; how many were looked at.
    fn put(&mut self, index: usize) -> usize {
        let Some(entry) = self.entries.get(index) else {
            return 0;
        };
        let mixed = mix(entry.hash);
        let mask = self.slots.len() - 1;
        let mut at = place(mixed) & mask;
        for row in 0..self.slots.len() {
            if let Some(slot) = self.slots.get_mut(at).filter(|slot| slot.entry == 0) {
                *slot = Slot {
                    tag: tag(mixed),
                    entry: u32::try_from(index + 1).unwrap_or_default(),
                };
                return row;
            }
            at = (at + 1) & mask;
        }
        usize::MAX
    }
}

fn first(one: Option<u16>, other: Option<u16>) -> Option<u16> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[inline]
fn mix(hash: u64) -> u64 {
    const MULTIPLIER: u64 = 0xF135_7AEA_2E62_A9C5;
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(MULTIPLIER);
    mixed ^ (mixed >> 29)
}

#[inline]
fn tag(mixed: u64) -> u32 {
    (mixed >> 32) as u32
}

#[inline]
fn place(mixed: u64) -> usize {
    // The table looks at its low bits only.
    (mixed & 0xFFFF_FFFF) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings_of_one_key_are_one() {
        let mut table = KeyTable::default();
        table.add("patient_ssn", 0, true).unwrap();
        table.add("auth", 1, false).unwrap();
        for key in [
            "patientSSN",
            "patient_ssn",
            "Patient-Ssn",
            "PATIENT SSN",
            "patient.ssn2",
        ] {
            assert_eq!(table.find(key).rule, Some(0), "{key}");
        }
        for key in [
            "author",
            "authors",
            "x_auth",
            "patient",
            "ssn",
            "patient_ssn_x",
            "",
        ] {
            assert_eq!(table.find(key), KeyRules::default(), "{key}");
        }
    }

    #[test]
    fn parts_are_whole_words() {
        let mut table = KeyTable::default();
        table.add("*ssn", 0, true).unwrap();
        table.add("secret*", 1, true).unwrap();
        table.add("*api key*", 2, true).unwrap();
        for (key, rule) in [
            ("patientSSN", Some(0)),
            ("SSN", Some(0)),
            ("SSNNumber", None),
            ("lessn", None),
            ("secretName", Some(1)),
            ("secretary", None),
            ("mySecret", None),
            ("myApiKeyId", Some(2)),
            ("x-api-key", Some(2)),
            ("apikey", Some(2)),
            ("my_ssn_2", Some(0)),
        ] {
            assert_eq!(table.find(key).rule, rule, "{key}");
        }
    }

    #[test]
    fn a_key_that_is_taken_is_refused() {
        let mut table = KeyTable::default();
        table.add("*ssn", 0, true).unwrap();
        assert!(table.add("ssn", 1, true).is_err());
        assert!(table.add("*SSN", 1, true).is_err());
        assert!(
            table.add("ssn", 1, false).is_ok(),
            "profiles give way silently"
        );
        assert!(table.add("ssn*", 1, true).is_ok());
        assert!(table.add("-", 1, true).is_err());
    }

    fn finds(rule: &str, name: &str) -> bool {
        let mut table = KeyTable::default();
        table.add(rule, 0, true).unwrap();
        table.find(name).rule.is_some()
    }

    #[test]
    fn spellings_in_unicode_are_folded() {
        for name in [
            "ｐａｔｉｅｎｔ＿ｓｓｎ",
            "ＰａｔｉｅｎｔＳＳＮ",
            "patient\u{200b}_ssn",
            "pat\u{ad}ient\u{2060}Ssn\u{feff}",
            "𝓹𝓪𝓽𝓲𝓮𝓷𝓽 ssn",
            "patient—ssn",
            "PATİENT_SSN",
            "patient\u{a0}ssn²",
        ] {
            assert!(finds("patient_ssn", name), "{name}");
            assert!(finds("*ssn", name) && finds("patient*", name), "{name}");
        }
        assert!(finds("straße", "STRASSE") && finds("strasse", "Straße"));
        assert!(finds("straße", "STRAẞE"));
        assert!(finds("ΟΔΟΣ", "οδος") && finds("οδός", "ΟΔΌΣ"));
        assert!(finds("*ssn", "nº_ssn") && finds("名前", "名前２"));
        assert!(finds("cafe\u{301}", "CAFÉ") && !finds("cafe", "café"));
        assert!(
            finds("b\u{1ec7}nh", "be\u{302}\u{323}nh")
                && finds("be\u{323}\u{302}nh", "b\u{ea}\u{323}nh")
        );
        assert!(finds("*é", "idÉ") && finds("*état", "codeE\u{301}tat"));
        assert!(finds("*état", "SSNÉtat") && !finds("*tat", "SSNÉtat"));
        assert!(finds("*日が", "id_日か\u{3099}") && !finds("*é", "idé\u{301}"));
    }

    #[test]
    fn words_end_where_people_read_them() {
        for (rule, name, expected) in [
            ("ssn*", "SSNNumber", true),
            ("*server", "HTTPServer", true),
            ("*number", "SSNNumber", true),
            ("*ssns", "patientSSNs", true),
            ("*ns", "patientSSNs", false),
            ("*list", "SSNsList", true),
            ("*sale", "SSale", true),
            ("*ssn", "patientSSNs", false),
            ("db.password", "dbPassword", true),
            ("*password", "db.password", true),
            ("password", "db.password", false),
            ("auth", "author", false),
            ("auth*", "author_id", false),
            ("*lic", "public", false),
            ("*mrn", "mrn1a", false),
            ("*mrn*", "mrn1a", true),
            ("phone", "phone_2", true),
            ("phone", "2_phone", false),
            ("2", "2", true),
            ("line 2", "line2", true),
            ("line", "line2_3", false),
        ] {
            assert_eq!(finds(rule, name), expected, "{rule} in {name}");
        }
    }

    #[test]
    fn long_names_and_many_words_are_found_too() {
        let long = "x".repeat(200);
        assert!(finds(&long, &long.to_uppercase()));
        assert!(finds("*ssn", &format!("{long}_ssn")));
        assert!(finds("*a b*", &format!("{}A_B.{long}", "q_".repeat(40))));
        assert!(!finds(&long, &"x".repeat(201)));
        let words = "a_".repeat(70);
        assert!(finds(&words, &"a-".repeat(70)) && !finds(&words, &"a".repeat(71)));
    }

    #[test]
    fn many_keys_keep_apart() {
        let mut table = KeyTable::default();
        let name = |number: u16| format!("member_{}_of_{}", number / 7, number % 7);
        for number in 0..3000 {
            table.add(&name(number), number, true).unwrap();
        }
        for number in 0..3000 {
            assert_eq!(table.find(&name(number)).rule, Some(number));
        }
        assert_eq!(table.find("member_429_of_7").rule, None);
        assert!(table.slots.len() <= 64 * 3000 && table.slots.len() >= 6000);
    }

    /// What the documentation says, in the slowest way.
    fn plainly(rules: &[(u8, String)], name: &str) -> Option<u16> {
        let (mut text, mut cuts) = (Vec::new(), Vec::new());
        let end = fold(name, &mut text, &mut cuts);
        let mut ends = vec![end.at];
        ends.extend(
            cuts.last()
                .filter(|last| last.is_number)
                .map(|last| last.at),
        );
        let found = rules.iter().position(|(kind, key)| {
            let (mut key_text, mut unused) = (Vec::new(), Vec::new());
            fold(key, &mut key_text, &mut unused);
            ends.iter().any(|end| {
                cuts.iter().filter(|start| start.at < *end).any(|start| {
                    let stops = cuts.iter().map(|stop| stop.at).chain([*end]);
                    let mut stops = stops.filter(|stop| *stop <= *end && *stop > start.at);
                    stops.any(|stop| {
                        (*kind & 1 != 0 || start.at == 0)
                            && (*kind & 2 != 0 || stop == *end)
                            && text[start.at..stop] == key_text
                    })
                })
            })
        });
        found.map(|index| u16::try_from(index).unwrap())
    }

    proptest! {
        #[test]
        fn the_fast_way_folds_as_the_slow_one(name in "[ -~]{0,40}|[aBs_1]{0,12}") {
            let (mut text, mut cuts) = ([0; 64], [Cut::default(); 64]);
            let (end, words) = fold_ascii(name.as_bytes(), &mut text, &mut cuts).unwrap();
            let (mut slow, mut slow_cuts) = (Vec::new(), Vec::new());
            let slow_end = fold(&name, &mut slow, &mut slow_cuts);
            prop_assert_eq!(&text[..end.at], &slow[..]);
            prop_assert_eq!(end.hash, slow_end.hash);
            let plain = |cuts: &[Cut]| -> Vec<_> {
                cuts.iter().map(|cut| (cut.at, cut.hash, cut.is_number)).collect()
            };
            prop_assert_eq!(plain(&cuts[..words]), plain(&slow_cuts));
        }

        #[test]
        fn the_table_finds_what_comparing_finds(
            keys in prop::collection::vec((0..4_u8, "[aBb1_]{0,4}[ab1]"), 1..6),
            name in "[aBb1_ß]{0,10}",
        ) {
            let mut table = KeyTable::default();
            let mut taken: Vec<(u8, String)> = Vec::new();
            for (kind, key) in keys {
                let star = |bit: u8| if kind & bit == 0 { "" } else { "*" };
                let id = u16::try_from(taken.len()).unwrap();
                if table.add(&format!("{}{key}{}", star(1), star(2)), id, true).is_ok() {
                    taken.push((kind, key));
                }
            }
            prop_assert_eq!(table.find(&name).rule, plainly(&taken, &name));
        }

        #[test]
        fn no_name_is_too_odd(name in any::<String>()) {
            let mut table = KeyTable::default();
            let _ = table.add(&name, 0, true);
            let _ = table.find(&name);
        }
    }
}
