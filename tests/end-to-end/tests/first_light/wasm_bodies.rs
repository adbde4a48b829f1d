//! Bodies that nobody wrote, cut anywhere, through the built wasm: the bytes are those of the native
//! engine, whose properties the fuzz targets check.

use velum_end_to_end::stage::figure;
use velum_wasm_host::{Filter, native, profiles};

const BODIES: usize = 400;

/// Numbers that are the same in every run.
struct Source(u64);

impl Source {
    fn below(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % 1_000_003).expect("small") % below
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from[self.below(from.len())]
    }
}

const NAMES: [&str; 14] = [
    "resourceType",
    "name",
    "family",
    "telecom",
    "system",
    "value",
    "ssn",
    "identifier",
    "entry",
    "resource",
    "birthDate",
    "note",
    "\\u0073sn",
    "a b",
];
const STRINGS: [&str; 14] = [
    "",
    "Patient",
    "Bundle",
    "phone",
    "123-45-6789",
    "call 212-555-0123 now",
    "Zo\u{eb} \u{1F600}",
    "\\u00e9\\n\\\"",
    "1980-02-03",
    "a@b.example",
    "[masked:name]",
    "http://hl7.org/fhir/sid/us-ssn",
    "urn:uuid:8b0484cd-3dbd-8b8d-1b72-a32f74a5a846",
    "\\\\",
];
const OTHERS: [&str; 7] = [
    "0",
    "-1.5e+3",
    "1234567890",
    "true",
    "false",
    "null",
    "20240131",
];
const SPACES: [&str; 5] = ["", "", "", " ", "\n    "];

fn value(source: &mut Source, depth: usize, out: &mut String) {
    *out += source.pick(&SPACES);
    let kind = source.below(if depth > 6 { 3 } else { 7 });
    match kind {
        0 | 1 => {
            let long = "x".repeat(if source.below(40) == 0 { 3000 } else { 0 });
            *out += &["\"", source.pick(&STRINGS), &long, "\""].concat();
        }
        2 => *out += source.pick(&OTHERS),
        kind => {
            let is_object = kind < 6;
            out.push(if is_object { '{' } else { '[' });
            let count = source.below(6);
            for number in 0..count {
                if number > 0 {
                    out.push(',');
                }
                *out += source.pick(&SPACES);
                if is_object {
                    let name = source.pick(&NAMES);
                    *out += &["\"", name, "\"", source.pick(&SPACES), ":"].concat();
                }
                value(source, depth + 1, out);
            }
            *out += source.pick(&SPACES);
            out.push(if is_object { '}' } else { ']' });
        }
    }
}

/// Cuts a body into chunks of very different sizes.
fn cut<'a>(source: &mut Source, body: &'a [u8]) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let most = [1, 7, 64, 300, 5000][source.below(5)];
        let (chunk, behind) = rest.split_at((1 + source.below(most)).min(rest.len()));
        chunks.push(chunk);
        rest = behind;
    }
    chunks
}

#[test]
fn bodies_that_nobody_wrote_give_the_native_bytes_however_they_are_cut() {
    let mut filter = Filter::new(&profiles());
    let mut source = Source(0x9E37_79B9_7F4A_7C15);
    let mut bytes = 0;
    for number in 0..BODIES {
        let mut body = String::from("[");
        for element in 0..=number % 7 {
            body += if element > 0 { "," } else { "" };
            value(&mut source, 1, &mut body);
        }
        body.push(']');
        let expected = native(body.as_bytes());
        for _ in 0..2 {
            let chunks = cut(&mut source, body.as_bytes());
            let out = filter.mask("application/json", &chunks);
            assert!(out == expected, "{} in {} chunks", number, chunks.len());
        }
        bytes += body.len();
    }
    assert!(bytes > 100_000, "{bytes} bytes are too few to show much");
    figure(
        "bodies_that_nobody_wrote_give_the_native_bytes_however_they_are_cut",
        &format!("{BODIES} bodies, {bytes} bytes, each in two ways"),
    );
}
