//! What a masker allocates: nothing for a chunk once it is warm, and little at any time.
//!
//! A binary of its own, since it counts allocations; each thread counts its own, since the test runner
//! allocates beside the test.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use velum_engine::{Class, Framing, Masker, Operator, Options, Rule, Ruleset, Selector};

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
    /// What others allocated may be freed here.
    static BYTES: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

fn add(bytes: usize) {
    COUNT.set(COUNT.get() + 1);
    BYTES.set(BYTES.get().saturating_add_unsigned(bytes));
    PEAK.set(PEAK.get().max(BYTES.get()));
}

fn subtract(bytes: usize) {
    BYTES.set(BYTES.get().saturating_sub_unsigned(bytes));
}

/// How much more there was at once than at the beginning.
fn peak_over(before: isize) -> usize {
    PEAK.get().abs_diff(before)
}

#[expect(
    unsafe_code,
    reason = "only an allocator sees allocations; this one hands all of them on to the system's"
)]
// SAFETY: every call is handed on unchanged; counting touches nothing but three numbers.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        subtract(layout.size());
        // SAFETY: the memory came from `System` by `alloc` or `realloc`.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        add(size);
        subtract(layout.size());
        // SAFETY: the memory came from `System`; the caller's promises are those that it asks for.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn rules() -> Arc<Ruleset> {
    let rule = |select, operator| Rule {
        name: "a rule".into(),
        select,
        class: Class::Other,
        operator,
    };
    let rules = Ruleset::builder()
        .rule(rule(
            Selector::Keys(vec!["ssn".into(), "*phone".into()]),
            Operator::Redact,
        ))
        .rule(rule(
            Selector::Path("$..contact.name".into()),
            Operator::Redact,
        ))
        .rule(rule(Selector::Path("$.drop".into()), Operator::Remove))
        .build();
    Arc::new(rules.unwrap())
}

const LINE: &str = concat!(
    r#"{"id":"r-000","ssn":"900-12-3456","drop":[1,2],"note":"plain text","list":[1,2.5,true,null],"#,
    r#""contact":{"name":"Quill","homePhone":"555-0100","city":"Quincy"}}"#,
    "\n"
);

/// Allocations of each of 200 chunks of the same size, after as many chunks of warm-up.
fn allocations_by_chunk(size: usize) -> Vec<usize> {
    let body = LINE.repeat(400 * size / LINE.len() + 1);
    let mut out = Vec::with_capacity(4 * size);
    let options = Options {
        framing: Framing::Lines,
        ..Options::default()
    };
    let mut masker = Masker::new(rules(), options);
    let mut counts = Vec::with_capacity(400);
    for chunk in body.as_bytes().chunks(size).take(400) {
        out.clear();
        let before = COUNT.get();
        masker.feed(chunk, &mut out).unwrap();
        counts.push(COUNT.get() - before);
    }
    counts.split_off(200)
}

/// The most bytes that a masker of 20 MB has at once, its rules and the caller's buffers aside.
fn peak_of_a_long_body(line: &str, framing: Framing) -> usize {
    let piece = line.repeat(16 * 1024 / line.len());
    let mut out = Vec::with_capacity(64 * 1024);
    let rules = rules();
    let options = Options {
        framing,
        ..Options::default()
    };
    let before = BYTES.get();
    PEAK.set(before);
    let mut masker = Masker::new(rules, options);
    if framing == Framing::Document {
        masker.feed(b"[", &mut out).unwrap();
    }
    for _ in 0..20 * 64 {
        out.clear();
        masker.feed(piece.as_bytes(), &mut out).unwrap();
    }
    peak_over(before)
}

/// The same of a body in one chunk in which a value waits, and filters look at all that is beside it.
fn peak_of_what_waits(before: &str, inner: &str, behind: &str) -> usize {
    let rule = |number: usize| Rule {
        name: format!("rule {number}"),
        select: Selector::Path(format!(
            "$..[?@.a{number} == 'x' && @.b{number} == 'y'].value"
        )),
        class: Class::Other,
        operator: Operator::Redact,
    };
    let builder = (0..4).fold(Ruleset::builder(), |builder, number| {
        builder.rule(rule(number))
    });
    let rules = Arc::new(builder.build().unwrap());
    let inner = vec![inner; (1 << 20) / inner.len()].join(",");
    let body = format!(r#"{{"o":{{"value":"q",{before}{inner}{behind}}}}}"#);
    // Each value becomes a placeholder.
    let mut out = Vec::with_capacity(4 * body.len());
    let at_first = BYTES.get();
    PEAK.set(at_first);
    let mut masker = Masker::new(rules, Options::default());
    masker.feed(body.as_bytes(), &mut out).unwrap();
    assert!(out.starts_with(br#"{"o":{"value":"[masked:identifier]""#));
    peak_over(at_first)
}

#[test]
fn a_warm_masker_allocates_nothing_and_a_long_body_takes_little() {
    // Chunks that end between lines, and chunks that cut every kind of token.
    for size in [LINE.len() * 8, 1000, 4096, 61] {
        let counts = allocations_by_chunk(size);
        let total: usize = counts.iter().sum();
        assert_eq!(total, 0, "in {} chunks of {size} bytes", counts.len());
    }
    for (line, framing) in [
        (LINE, Framing::Lines),
        (&*LINE.replace('\n', ","), Framing::Document),
    ] {
        let peak = peak_of_a_long_body(line, framing);
        assert!(peak < 64 * 1024, "{peak} bytes at once, {framing:?}");
        #[expect(clippy::print_stdout, reason = "the figure is what the test is about")]
        {
            println!("at most {peak} bytes at once, {framing:?}");
        }
    }
    // `held_bytes` by default, and as much for what stacks have beyond their length; values that wait
    // have more beside them than they weigh.
    for (before, inner, behind, most) in [
        (r#""z":["#, "{}", "]", 3),
        (r#""z":["#, "[]", "]", 3),
        (r#""z":["#, r#"{"value":1}"#, "]", 3),
        // Of values that may not wait any more nothing stays.
        ("", r#""value":1"#, "", 4),
    ] {
        let peak = peak_of_what_waits(before, inner, behind);
        assert!(
            peak < most * 64 * 1024,
            "{peak} bytes at once while {inner} wait"
        );
    }
}
