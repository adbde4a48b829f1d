//! What the built module may take at most, and what it says when it fails all the same.

use serde_json::json;
use velum_harness::locations;
use velum_wasm_host::{ROOT, Vm};
use wasmparser::{DataKind, Operator, Parser, Payload};

use crate::cast::{ENVIRONMENT, policy, request, response, vm};

/// 64 MiB in pages of 64 KiB.
const PAGES: u64 = 1024;
const STACK: i32 = 512 << 10;

fn module() -> Vec<u8> {
    std::fs::read(locations::filter().expect("the built filter")).expect("readable")
}

/// The number of a constant expression.
fn constant(expression: &wasmparser::ConstExpr<'_>) -> i32 {
    match expression.get_operators_reader().read() {
        Ok(Operator::I32Const { value }) => value,
        other => panic!("{other:?} is no number"),
    }
}

#[test]
fn the_memory_of_the_module_ends_at_64_mebibytes_and_its_stack_at_512_kibibytes() {
    let module = module();
    let (mut memories, mut pointers, mut data) = (Vec::new(), Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(&module) {
        match payload.expect("a module") {
            Payload::MemorySection(section) => {
                memories.extend(section.into_iter().map(|memory| memory.expect("a memory")));
            }
            Payload::GlobalSection(section) => {
                let globals = section.into_iter().map(|global| global.expect("a global"));
                let mutable = globals.filter(|global| global.ty.mutable);
                pointers.extend(mutable.map(|global| constant(&global.init_expr)));
            }
            Payload::DataSection(section) => {
                for segment in section {
                    if let DataKind::Active { offset_expr, .. } = segment.expect("data").kind {
                        data.push(constant(&offset_expr));
                    }
                }
            }
            _ => {}
        }
    }
    let maxima: Vec<_> = memories.iter().map(|memory| memory.maximum).collect();
    assert_eq!(maxima, [Some(PAGES)]);
    // The one global that changes is the stack's pointer. The stack grows down to address 0, and
    // what runs over it traps: nothing lies below.
    assert_eq!(pointers, [STACK]);
    assert!(
        !data.is_empty() && data.iter().all(|at| *at >= STACK),
        "{data:?}"
    );
}

/// A document nested so deeply that whatever recursed over it would run over the stack.
fn deep(open: &str, close: &str) -> String {
    const LEVELS: usize = 300_000;
    format!(
        "{}\"Thistlewood\"{}",
        open.repeat(LEVELS),
        close.repeat(LEVELS)
    )
}

#[test]
fn nothing_that_is_nested_deeply_runs_over_the_stack() {
    let mut vm = vm(&policy());
    let documents = [
        deep("[", "]"),
        deep("{\"name\":", "}"),
        deep("{\"a\":[", "]}"),
        json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [
            {"type": "text", "text": deep("[", "]")}]}})
        .to_string(),
    ];
    let media_types = [
        "application/json",
        "application/x-ndjson",
        "application/fhir+json",
        "text/event-stream",
    ];
    for document in &documents {
        for media_type in media_types {
            let stream = vm.open(ROOT);
            vm.request_headers(stream, &request("GET", "/Patient/p1", &[]), true);
            vm.response_headers(stream, &response(media_type), false);
            let body = if media_type == "text/event-stream" {
                format!("data: {document}\n\n")
            } else {
                document.clone()
            };
            for chunk in body.as_bytes().chunks(64 << 10) {
                vm.response_body(stream, chunk, false);
            }
            vm.response_body(stream, b"", true);
            let seen = vm.close(stream);
            assert_eq!(vm.trap, None, "{media_type}");
            assert!(!seen.text().contains("Thistlewood"), "{media_type}");
        }
        // Written back, it is looked through for masked values.
        for media_type in ["application/json", "application/x-www-form-urlencoded"] {
            let stream = vm.open(ROOT);
            let field = [("content-type", media_type)];
            vm.request_headers(stream, &request("PUT", "/Patient/p1", &field), false);
            vm.request_body(stream, document.as_bytes(), true);
            vm.close(stream);
            assert_eq!(vm.trap, None, "{media_type}");
        }
    }
}

#[test]
fn a_panic_is_told_by_its_place_and_never_by_its_message() {
    let mut vm = Vm::start();
    for (name, value) in ENVIRONMENT {
        vm.set_environment(name, value);
    }
    // More than a list can have, so that making one panics: "capacity overflow".
    vm.say_variables(u32::MAX);
    vm.configure(ROOT, policy().to_string().as_bytes());
    assert!(
        vm.trap.is_some(),
        "nothing panicked: the test shows nothing"
    );
    let lines = vm.log().clone();
    let [line] = &*lines else {
        panic!("one line is told: {lines:?}");
    };
    let place = line.strip_prefix("velum: internal error at ");
    let parts: Vec<_> = place.expect("a place").rsplitn(3, ':').collect();
    let is_place = matches!(&*parts, [column, row, file]
        if column.parse::<u32>().is_ok() && row.parse::<u32>().is_ok() && !file.contains(' '));
    assert!(is_place, "{line}");
    // What the standard library would say before the message is not even in the module.
    let module = module();
    let is_in = |text: &[u8]| module.windows(text.len()).any(|window| window == text);
    assert!(!is_in(b"panicked at"));
    assert!(is_in(b"internal error at"));
}
