//! Documents and policies at random, over so few words that rules hit often.

use velum_engine::{Class, Selector};

use crate::reference::tree::{Member, Node, Tree};
use crate::reference::{How, Masking, Policy};

/// `SplitMix64`: one number is the whole state, so that a case is named by its seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below the limit.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 33).expect("31 bits") % limit.max(1)
    }

    pub(crate) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

const NAMES: &[&str] = &[
    "a",
    "b",
    "a",
    "b",
    "ssn",
    "patientSSN",
    "patient_ssn",
    "Patient-Ssn",
    "ssn2",
    "SSNNumber",
    "phone",
    "Phone",
    "phone_2",
    "homePhone",
    "auth",
    "author",
    "authToken",
    "db.password",
    "a.b",
    "",
    " ",
    "it's",
    "é",
    "😀",
    "0",
    "1",
    "x12345",
    "id1234",
    "no123",
    "2024-01",
    "list",
    "[masked:ssn]",
    "a[masked:other]",
    "\"q\"",
    "\\",
];

const KEYS: &[&str] = &[
    "a",
    "b",
    "ssn",
    "*ssn",
    "ssn*",
    "*ssn*",
    "patient_ssn",
    "phone",
    "*phone",
    "phone*",
    "auth",
    "*auth*",
    "password",
    "*password",
    "list",
    "é",
    "a b",
    "1",
    "patient*",
    "number",
    "*number",
];

/// As they stand in a path.
const STEPS: &[&str] = &[
    ".a",
    ".b",
    ".a",
    ".b",
    ".*",
    "[*]",
    "[0]",
    "[1]",
    "[2]",
    "['a']",
    "[\"b\"]",
    ".ssn",
    ".list",
    "['a.b']",
    "['']",
    "['it\\'s']",
    "['é']",
    ".é",
    "['0']",
    "['patientSSN']",
    "['😀']",
    "['\\\\']",
    "['\"q\"']",
    "['x12345']",
    ".Phone",
];

const TEXTS: &[&str] = &[
    "",
    "x",
    "x",
    "a",
    "ssn",
    "Quill",
    "123-45-6789",
    "1936-08-18",
    "1936-08",
    "2007-03-25T19:08:38Z",
    "1936-08-18 or so",
    "0936-01-01",
    "[masked:ssn]",
    "[masked:card:1442]",
    "[masked:nothing]",
    "a\"b\\c/d",
    "\n\t\u{1}\u{7f}",
    "é",
    "😀😀",
    "ÄÖÜÉ",
    "ssn",
    "a",
    "12345678",
    "null",
    "{\"a\":1}",
];

const SCALARS: &[&str] = &[
    "null",
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "1936",
    "1936.0",
    "19360818",
    "1e3",
    "1E+2",
    "-12.50e-03",
    "1.0",
    "0.1",
    "123456789012345678901234567890",
    "1e400",
];

const SPACES: &[&str] = &["", " ", "\n", "\t", "\r\n  ", "    "];

const CLASSES: &[Class] = &[
    Class::Ssn,
    Class::Name,
    Class::Date,
    Class::Other,
    Class::HealthPlan,
    Class::Credential,
];

const HOWS: &[How] = &[
    How::Redact,
    How::Redact,
    How::Redact,
    How::Text("withheld"),
    How::Text("a\"\\\u{e9}"),
    How::Number(0),
    How::Number(-7),
    How::Boolean(true),
    How::Partial(1),
    How::Partial(4),
    How::Null,
    How::Remove,
    How::Remove,
    How::Remove,
    How::Year,
];

/// A policy; one that the engine refuses is not worth much.
pub(crate) fn policy(random: &mut Random) -> Policy {
    let mut policy = Policy::default();
    for _ in 0..random.below(6) {
        let select = match random.below(4) {
            0 => Selector::Path(path(random)),
            1 => Selector::Path(filtered_path(random)),
            _ => {
                let keys = (0..=random.below(2)).map(|_| random.pick(KEYS).to_owned());
                Selector::Keys(keys.collect())
            }
        };
        policy.rules.push(Masking {
            select,
            class: random.pick(CLASSES),
            how: random.pick(HOWS),
        });
    }
    for _ in 0..random.below(5).saturating_sub(2) {
        policy.exempt.push(path(random));
    }
    for _ in 0..random.below(6).saturating_sub(3) {
        policy.lift.push(random.pick(CLASSES));
    }
    policy
}

fn path(random: &mut Random) -> String {
    let mut path = "$".to_owned();
    for _ in 0..random.below(9).min(4).max(usize::from(!random.one_in(8))) {
        let step = random.pick(STEPS);
        if random.one_in(4) {
            path.push_str(if step.starts_with('.') { "." } else { ".." });
        }
        path.push_str(step);
    }
    path
}

/// A path with a filter; the steps behind it are plain, or the first goes down any number of levels.
fn filtered_path(random: &mut Random) -> String {
    let mut path = "$".to_owned();
    for _ in 0..random.below(3) {
        path.push_str(random.pick(STEPS));
    }
    path.push_str(random.pick(&["", "", ".."]));
    let sign = random.pick(&[" && ", " || "]);
    let tests: Vec<String> = (0..=random.below(2)).map(|_| test(random)).collect();
    path.extend(["[?", &tests.join(sign), "]"]);
    for step in 0..random.below(3) {
        let step_text = random.pick(&[".a", ".b", ".*", ".ssn", "[0]", ".list"]);
        if step == 0 && random.one_in(4) {
            path.push_str(if step_text.starts_with('.') {
                "."
            } else {
                ".."
            });
        }
        path.push_str(step_text);
    }
    path
}

fn test(random: &mut Random) -> String {
    let mut path = random.pick(&["@.a", "@.b", "@.ssn", "@.list"]).to_owned();
    for _ in 0..random.below(5).saturating_sub(3) {
        path.push_str(random.pick(&[".a", ".b", ".*"]));
    }
    let text = random.pick(&["x", "a", "ssn", "Quill"]);
    match random.below(6) {
        0 => path,
        1 => format!("!{path}"),
        2 => format!("{path} != '{text}'"),
        _ => format!("{path} == '{text}'"),
    }
}

/// A JSON text, pretty or compact.
pub(crate) fn document(random: &mut Random) -> Node {
    let spaces: &[&str] = if random.one_in(2) { &[""] } else { SPACES };
    let mut size = 1 + random.below(24);
    let mut node = value(random, spaces, &mut size, 0);
    if random.one_in(64) {
        for _ in 0..40 + random.below(40) {
            node = around(random, node);
        }
    }
    node
}

/// A document without line breaks, for one line of several.
pub(crate) fn line(random: &mut Random) -> Node {
    let mut size = 1 + random.below(12);
    let spaces: &[&str] = if random.one_in(2) {
        &[""]
    } else {
        &["", " ", "\t", "\r"]
    };
    value(random, spaces, &mut size, 0)
}

fn around(random: &mut Random, node: Node) -> Node {
    Node::new(if random.one_in(2) {
        Tree::Array(vec![node])
    } else {
        Tree::Object(vec![Member {
            before: String::new(),
            name: quote(random, "b"),
            after_name: String::new(),
            value: node,
        }])
    })
}

fn value(random: &mut Random, spaces: &[&str], size: &mut usize, depth: usize) -> Node {
    *size = size.saturating_sub(1);
    let holds = if depth > 7 || *size == 0 {
        0
    } else {
        1 + random.below(5)
    };
    let kind = if depth == 0 && !random.one_in(6) {
        7
    } else {
        0
    };
    let value = match random.below(10).max(kind) {
        7 | 9 => {
            let members = (0..holds)
                .map(|_| {
                    let name = random.pick(NAMES);
                    Member {
                        before: space(random, spaces),
                        name: quote(random, name),
                        after_name: space(random, spaces),
                        value: value(random, spaces, size, depth + 1),
                    }
                })
                .collect();
            Tree::Object(members)
        }
        8 | 6 => Tree::Array(
            (0..holds)
                .map(|_| value(random, spaces, size, depth + 1))
                .collect(),
        ),
        4 | 5 => Tree::Scalar(random.pick(SCALARS).to_owned()),
        _ => {
            let text = random.pick(TEXTS);
            Tree::Scalar(quote(random, text))
        }
    };
    let value = match value {
        Tree::Object(members) if members.is_empty() => {
            Tree::Empty(format!("{{{}}}", space(random, spaces)))
        }
        Tree::Array(elements) if elements.is_empty() => {
            Tree::Empty(format!("[{}]", space(random, spaces)))
        }
        value => value,
    };
    Node {
        before: space(random, spaces),
        value,
        after: space(random, spaces),
    }
}

fn space(random: &mut Random, spaces: &[&str]) -> String {
    random.pick(spaces).to_owned()
}

/// A JSON string, with no more escapes than it needs, or with many.
fn quote(random: &mut Random, text: &str) -> String {
    if !random.one_in(4) {
        return serde_json::to_string(text).expect("a text");
    }
    let mut raw = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' | '/' if random.one_in(2) => raw.extend(['\\', letter]),
            ' ' | 'a'..='z' | 'A'..='Z' | '0'..='9' if random.one_in(2) => raw.push(letter),
            _ => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    let unit = if random.one_in(2) {
                        format!("\\u{unit:04x}")
                    } else {
                        format!("\\u{unit:04X}")
                    };
                    raw.push_str(&unit);
                }
            }
        }
    }
    raw.push('"');
    raw
}

/// Where to cut a body, in ascending order.
pub(crate) fn cuts(random: &mut Random, length: usize) -> Vec<usize> {
    if random.one_in(4) {
        return (0..=length).collect();
    }
    let mut cuts: Vec<usize> = (0..random.below(6))
        .map(|_| random.below(length + 1))
        .collect();
    cuts.extend([0, length]);
    cuts.sort_unstable();
    cuts
}
