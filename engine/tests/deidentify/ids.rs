//! `ids: pseudonym`: no id of a document comes out, what belonged together does so still, and nothing
//! else is another than where ids are kept.

mod ties;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use velum_engine::{Framing, Ids, Keyring, Masker, Options, Profile, Ruleset};

use crate::encode::from_base64;
use crate::place::{Place, each_leaf};
use crate::resources::{body, read};
use crate::shared::files;
use crate::tree::{Kind, Tree};

const SEEDS: u64 = 400;

fn rules(ids: Ids) -> Arc<Ruleset> {
    static RULES: LazyLock<[Arc<Ruleset>; 2]> = LazyLock::new(|| {
        [Ids::Keep, Ids::Pseudonym].map(|ids| {
            let profiles = [
                Profile::HipaaSafeHarbor,
                Profile::FhirR4,
                Profile::Credentials,
            ];
            let builder = profiles
                .into_iter()
                .fold(Ruleset::builder(), velum_engine::RulesetBuilder::profile);
            Arc::new(builder.ids(ids).build().unwrap())
        })
    });
    Arc::clone(&RULES[usize::from(ids == Ids::Pseudonym)])
}

/// Masks under the key of that byte, in chunks of that size.
fn masked(body: &str, is_lines: bool, ids: Ids, key: u8, size: usize) -> String {
    let options = Options {
        framing: if is_lines {
            Framing::Lines
        } else {
            Framing::Document
        },
        keys: Keyring::new([("k".to_owned(), vec![key; 32])]).unwrap(),
        ..Options::default()
    };
    let mut masker = Masker::new(rules(ids), options);
    let mut out = Vec::new();
    for chunk in body.as_bytes().chunks(size) {
        masker.feed(chunk, &mut out).unwrap();
    }
    masker.finish(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Whether an id, or a reference that holds one, stands there.
fn is_id(place: &Place<'_, '_>) -> bool {
    let mut names = place.names();
    let (member, around) = (names.next().unwrap_or(""), names.next().unwrap_or(""));
    let anywhere = [
        "id",
        "reference",
        "fullUrl",
        "actionId",
        "goalId",
        "valueId",
        "valueUri",
        "valueUuid",
        "valueOid",
        "contentReference",
        "criteria",
        "policy",
    ];
    let in_objects = [
        ("url", "request"),
        ("url", "link"),
        ("location", "response"),
        ("source", "meta"),
        ("identifier", "response"),
    ];
    anywhere.contains(&member) || in_objects.contains(&(member, around))
}

/// A leaf of a document.
struct Leaf {
    raw: String,
    text: Option<String>,
    is_id: bool,
    member: String,
}

/// The leaves by their places; those of the first document of several lines begin with `0`.
fn leaves(documents: &[Tree<'_>]) -> BTreeMap<String, Leaf> {
    let mut leaves = BTreeMap::new();
    for (line, document) in documents.iter().enumerate() {
        each_leaf(document, &mut Place::default(), &mut |place, leaf| {
            if let Some(leaf) = leaf {
                let found = Leaf {
                    raw: leaf.raw.to_owned(),
                    text: leaf.text().map(str::to_owned),
                    is_id: is_id(place),
                    member: place.member().to_owned(),
                };
                leaves.insert(format!("{line}{}", place.pointer()), found);
            }
        });
    }
    leaves
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// hl7.org/fhir/R4/datatypes.html#id
fn is_fhir_id(text: &str) -> bool {
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    (1..=64).contains(&text.len()) && text.bytes().all(is_sign)
}

/// The parts of a text that could be ids, UUIDs in lower case.
fn parts(text: &str) -> impl Iterator<Item = String> + '_ {
    let is_sign = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '.');
    let whole = text.split(move |sign| !is_sign(sign));
    whole.map(|part| {
        if is_uuid(part) {
            part.to_lowercase()
        } else {
            part.to_owned()
        }
    })
}

/// Whether the id can be nothing else: no word, and no number of few digits.
fn is_telling(id: &str) -> bool {
    id.len() >= 6 && id.bytes().filter(u8::is_ascii_digit).count() >= 4
}

/// The ids in a document: those of resources and elements, and those in references.
fn ids_of(leaves: &BTreeMap<String, Leaf>) -> HashSet<String> {
    let texts = leaves.values().filter(|leaf| leaf.is_id);
    let texts = texts.filter_map(|leaf| leaf.text.as_deref());
    texts.flat_map(parts).filter(|id| is_telling(id)).collect()
}

/// A document and what becomes of it.
struct Case {
    name: String,
    body: String,
    is_lines: bool,
    kept: String,
    out: String,
}

impl Case {
    fn new(name: String, body: String, is_lines: bool) -> Self {
        let kept = masked(&body, is_lines, Ids::Keep, 1, usize::MAX);
        let out = masked(&body, is_lines, Ids::Pseudonym, 1, usize::MAX);
        Self {
            name,
            body,
            is_lines,
            kept,
            out,
        }
    }

    /// No id stands anywhere in the output, in base64 neither.
    fn no_id_is_left(&self, ids: &HashSet<String>) {
        let mut texts = vec![self.out.clone()];
        for document in read(&self.out, self.is_lines) {
            each_leaf(&document, &mut Place::default(), &mut |_, leaf| {
                let decoded = leaf.and_then(Tree::text).and_then(from_base64);
                texts.extend(decoded.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()));
            });
        }
        for part in texts.iter().flat_map(|text| parts(text)) {
            assert!(!ids.contains(&part), "{}: {part} is left", self.name);
        }
    }

    /// All that is no id is what it is where ids are kept; ids are others, and may stand where ids may.
    fn nothing_else_changes(&self) {
        let body = leaves(&read(&self.body, self.is_lines));
        let kept = leaves(&read(&self.kept, self.is_lines));
        let out = leaves(&read(&self.out, self.is_lines));
        for (place, leaf) in &kept {
            let Some(after) = out.get(place) else {
                panic!("{}: {place} is gone", self.name);
            };
            if !leaf.is_id {
                assert_eq!(after.raw, leaf.raw, "{}: {place}", self.name);
                continue;
            }
            let (Some(before), Some(after)) = (&body[place].text, &after.text) else {
                assert_eq!(after.raw, leaf.raw, "{}: {place}", self.name);
                continue;
            };
            let refers_to_none = before == "#"
                || before.starts_with("[masked:")
                || before.bytes().all(|byte| byte.is_ascii_alphabetic());
            assert_eq!(
                before == after,
                refers_to_none && leaf.member != "id",
                "{place}: {before}"
            );
            assert!(leaf.member != "id" || is_fhir_id(after), "{place}: {after}");
        }
        assert_eq!(kept.len(), out.len(), "{}", self.name);
    }

    fn check(&self) {
        let before = read(&self.body, self.is_lines);
        let after = read(&self.out, self.is_lines);
        self.no_id_is_left(&ids_of(&leaves(&before)));
        self.nothing_else_changes();
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(ties::of(before), ties::of(after), "{}", self.name);
        }
        let again = masked(&self.out, self.is_lines, Ids::Pseudonym, 1, usize::MAX);
        assert!(again == self.out, "{}: again", self.name);
    }

    /// Adds which id became which, and looks that none became two or two one.
    fn add_to(&self, pairs: &mut Pairs) {
        let before = leaves(&read(&self.body, self.is_lines));
        let after = leaves(&read(&self.out, self.is_lines));
        for (place, leaf) in before.iter().filter(|(_, leaf)| leaf.member == "id") {
            if let (Some(id), Some(made)) = (
                &leaf.text,
                after.get(place).and_then(|one| one.text.as_ref()),
            ) {
                let id = if is_uuid(id) {
                    id.to_lowercase()
                } else {
                    id.clone()
                };
                assert_eq!(is_uuid(&id), is_uuid(made), "{id}: {made}");
                pairs.add(&id, made);
            }
        }
    }
}

/// Ids and what became of them, over all documents.
#[derive(Default)]
struct Pairs {
    made: HashMap<String, String>,
    of: HashMap<String, String>,
}

impl Pairs {
    fn add(&mut self, id: &str, made: &str) {
        let known = self
            .made
            .entry(id.to_owned())
            .or_insert_with(|| made.to_owned());
        assert_eq!(*known, made, "{id} is one in all files");
        let known = self
            .of
            .entry(made.to_owned())
            .or_insert_with(|| id.to_owned());
        assert_eq!(*known, id, "two ids stay two");
    }
}

fn invented() -> impl Iterator<Item = Case> {
    (0..SEEDS).map(|seed| {
        let body = body(seed);
        Case::new(format!("seed {seed}"), body.text.clone(), body.is_lines)
    })
}

#[test]
fn ids_of_invented_patients() {
    let mut pairs = Pairs::default();
    for case in invented() {
        case.check();
        case.add_to(&mut pairs);
    }
    assert!(pairs.made.len() > 500, "{}", pairs.made.len());
}

#[test]
fn ids_of_shared_bundles() {
    let mut pairs = Pairs::default();
    let mut ties = 0;
    for path in files() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let body = std::fs::read_to_string(&path).unwrap();
        let is_lines = name.ends_with(".ndjson");
        let case = Case::new(name, body, is_lines);
        case.check();
        case.add_to(&mut pairs);
        let documents = read(&case.body, is_lines);
        ties += documents.iter().flat_map(ties::of).flatten().count();
    }
    assert!(
        pairs.made.is_empty() || ties > 1000,
        "{ties} references resolve"
    );
}

#[test]
fn ids_are_the_same_however_the_body_is_cut() {
    for case in invented().take(60) {
        for size in [1, 7, 64] {
            let out = masked(&case.body, case.is_lines, Ids::Pseudonym, 1, size);
            assert!(out == case.out, "{} by {size}", case.name);
        }
    }
}

#[test]
fn another_key_makes_other_ids() {
    for case in invented().take(60) {
        let out = masked(&case.body, case.is_lines, Ids::Pseudonym, 2, usize::MAX);
        let (one, other) = (
            leaves(&read(&case.out, case.is_lines)),
            leaves(&read(&out, case.is_lines)),
        );
        let ids: Vec<_> = one.iter().filter(|(_, leaf)| leaf.member == "id").collect();
        assert!(!ids.is_empty(), "{}", case.name);
        for (place, leaf) in ids {
            assert_ne!(other[place].text, leaf.text, "{place}");
        }
    }
}

/// Ids of every kind stand in the bodies of these tests.
#[test]
fn the_tests_see_ids_of_every_form() {
    let mut seen = HashSet::new();
    for case in invented() {
        for leaf in leaves(&read(&case.body, case.is_lines)).into_values() {
            let Some(text) = leaf.text.filter(|_| leaf.is_id) else {
                continue;
            };
            seen.insert(match text.as_bytes() {
                [b'#', ..] => "contained",
                b"urn:uuid:" | [b'u', b'r', b'n', ..] => "urn",
                [b'h', b't', b't', b'p', ..] => "url",
                _ if is_uuid(&text) => "uuid",
                _ if text.contains('/') => "relative",
                _ => "other",
            });
        }
    }
    assert_eq!(seen.len(), 6, "{seen:?}");
}

/// What holds a document together is told apart from what does not.
#[test]
fn ties_are_seen() {
    let document = |reference: &str| {
        format!(
            r#"{{"entry":[{{"fullUrl":"urn:uuid:u","resource":{{"resourceType":"Patient","id":"a"}}}},{{"resource":{{"subject":{{"reference":"{reference}"}},"contained":[{{"resourceType":"Group","id":"c"}}]}}}}]}}"#
        )
    };
    for (reference, is_tied) in [
        ("Patient/a", true),
        ("urn:uuid:u", true),
        ("#c", true),
        ("Patient/b", false),
        ("Group/c", true),
        ("#d", false),
    ] {
        let text = document(reference);
        let found = ties::of(&Tree::read(&text));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].is_some(), is_tied, "{reference}");
    }
    assert!(matches!(Tree::read("1").kind, Kind::Other));
}
