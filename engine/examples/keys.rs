//! Prints how long it takes to look a member name up, with ten rules by key and with a thousand.
//!
//! `cargo run --release -p velum-engine --example keys`
#![expect(clippy::print_stdout, reason = "it is what this program is for")]

#[path = "../src/rules/fold.rs"]
mod fold;
#[expect(dead_code, reason = "only looking up is timed")]
#[path = "../src/rules/keys.rs"]
mod keys;
#[path = "../src/unicode.rs"]
mod unicode;

use std::hint::black_box;
use std::time::{Duration, Instant};

use keys::KeyTable;

const ROUND: u32 = 2_000;
const ROUNDS: usize = 25;

const NAMES: [&str; 24] = [
    "id",
    "use",
    "value",
    "system",
    "family",
    "given",
    "resourceType",
    "birthDate",
    "identifier",
    "telecom",
    "postalCode",
    "maritalStatus",
    "coding",
    "display",
    "managingOrganization",
    "multipleBirthBoolean",
    "patient_ssn",
    "created_at",
    "X-Request-Id",
    "emergencyContactPhone2",
    "primary_care_provider_name",
    "db.password",
    "HTTPServer",
    "lastUpdated",
];

fn main() -> Result<(), String> {
    for rules in [0, 10, 100, 1_000, 10_000] {
        let mut table = KeyTable::default();
        for rule in 0..rules {
            table.add(&key(rule), rule, true)?;
        }
        let nanoseconds = measure(&table, &NAMES);
        let wide = measure(&table, &["ｐａｔｉｅｎｔ＿ｓｓｎ"]);
        println!("{rules:>6} rules {nanoseconds:>6.0} ns a name {wide:>6.0} ns not in ASCII");
    }
    Ok(())
}

/// Keys of one to five words; every eighth is a prefix, a suffix or a part.
fn key(rule: u16) -> String {
    const WORDS: [&str; 10] = [
        "mrn", "ssn", "member", "account", "visit", "plan", "phone", "claim", "zip", "name",
    ];
    let digits = rule.to_string().into_bytes();
    let words: Vec<&str> = digits
        .iter()
        .filter_map(|digit| WORDS.get(usize::from(digit - b'0')).copied())
        .collect();
    let text = words.join(" ");
    match rule % 8 {
        1 => format!("*{text}"),
        3 => format!("{text}*"),
        5 => format!("*{text}*"),
        _ => text,
    }
}

/// The best of several rounds, in nanoseconds a name.
fn measure(table: &KeyTable, names: &[&str]) -> f64 {
    let round = || {
        let start = Instant::now();
        for _ in 0..ROUND {
            for name in names {
                black_box(table.find(black_box(name)));
            }
        }
        start.elapsed()
    };
    let best = (0..ROUNDS).map(|_| round()).min().unwrap_or(Duration::ZERO);
    let count = ROUND * u32::try_from(names.len()).unwrap_or(u32::MAX);
    best.as_secs_f64() * 1e9 / f64::from(count)
}
