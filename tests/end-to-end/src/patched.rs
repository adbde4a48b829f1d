//! The built filter, changed so that it fails: with little memory, or with a trap in a callback.
//!
//! Sections are taken apart as the WebAssembly core specification, 5.5, has them.

use velum_harness::locations;

const IMPORTS: u8 = 2;
const MEMORIES: u8 = 5;
const EXPORTS: u8 = 7;
const CODE: u8 = 10;

/// The built filter with so many pages of memory more than it starts with, and no more.
pub fn starved_filter(pages: usize) -> Vec<u8> {
    let mut is_done = false;
    let starved = sections(|id, section| {
        (id == MEMORIES).then(|| {
            is_done = true;
            let (_count, flags_at) = leb128(section, 0);
            let (initial, _) = leb128(section, flags_at + 1);
            let mut limits = vec![1, 1];
            limits.extend(to_leb128(initial));
            limits.extend(to_leb128(initial + pages));
            limits
        })
    });
    assert!(is_done, "the filter has no memory section");
    starved
}

/// Where the built filter is made to trap.
#[derive(Clone, Copy, Debug)]
pub struct Trap {
    /// The callback, by the name of its export.
    pub callback: &'static str,
    /// Which of its parameters decides, from 0, and the least that it traps at: one poisonous stream
    /// traps and those beside it do not.
    pub at: (usize, usize),
}

/// The built filter with a callback that traps before it does anything.
pub fn trapping_filter(trap: Trap) -> Vec<u8> {
    let (mut imported, mut wanted) = (0, None);
    sections(|id, section| match id {
        IMPORTS => {
            imported = leb128(section, 0).0;
            None
        }
        EXPORTS => {
            wanted = Some(exported(section, trap.callback) - imported);
            None
        }
        CODE => {
            let wanted = wanted.expect("the exports come before the code");
            Some(with_trap(section, wanted, trap.at))
        }
        _ => None,
    })
}

/// The module with those sections replaced for which there is a replacement.
fn sections(mut replace: impl FnMut(u8, &[u8]) -> Option<Vec<u8>>) -> Vec<u8> {
    let module = std::fs::read(locations::filter().expect("the built filter")).expect("readable");
    let mut out = module[..8].to_vec();
    let mut at = 8;
    while at < module.len() {
        let id = module[at];
        let (size, start) = leb128(&module, at + 1);
        let section = &module[start..start + size];
        let replaced = replace(id, section);
        let section = replaced.as_deref().unwrap_or(section);
        out.push(id);
        out.extend(to_leb128(section.len()));
        out.extend(section);
        at = start + size;
    }
    out
}

/// The index of an exported function. All imports of the filter are functions.
fn exported(section: &[u8], name: &str) -> usize {
    let (count, mut at) = leb128(section, 0);
    for _ in 0..count {
        let (length, start) = leb128(section, at);
        let (found, kind) = (&section[start..start + length], section[start + length]);
        let (index, next) = leb128(section, start + length + 1);
        if kind == 0 && found == name.as_bytes() {
            return index;
        }
        at = next;
    }
    panic!("{name} is not exported");
}

fn with_trap(section: &[u8], wanted: usize, at_least: (usize, usize)) -> Vec<u8> {
    let (count, mut at) = leb128(section, 0);
    let mut out = to_leb128(count);
    for index in 0..count {
        let (size, start) = leb128(section, at);
        let end = start + size;
        if index == wanted {
            let code = locals_end(section, start);
            let mut body = section[start..code].to_vec();
            body.extend(trap_where(at_least));
            body.extend(&section[code..end]);
            out.extend(to_leb128(body.len()));
            out.extend(body);
        } else {
            out.extend(&section[at..end]);
        }
        at = end;
    }
    out
}

/// Where the code of a function begins: behind the vector of its locals.
fn locals_end(section: &[u8], start: usize) -> usize {
    let (groups, mut at) = leb128(section, start);
    for _ in 0..groups {
        // So many of one type, which is one byte.
        at = leb128(section, at).1 + 1;
    }
    at
}

/// `local.get`, `i32.const`, `i32.ge_u`, `if`, `unreachable`, `end`.
fn trap_where((parameter, least): (usize, usize)) -> Vec<u8> {
    let mut code = vec![0x20];
    code.extend(to_leb128(parameter));
    code.push(0x41);
    code.extend(to_leb128(least));
    // The number is signed: what would be its sign is not.
    if let Some(last) = code.last_mut().filter(|last| **last & 0x40 != 0) {
        *last |= 0x80;
        code.push(0);
    }
    code.extend([0x4f, 0x04, 0x40, 0x00, 0x0b]);
    code
}

fn leb128(bytes: &[u8], mut at: usize) -> (usize, usize) {
    let (mut value, mut shift) = (0, 0);
    loop {
        value |= usize::from(bytes[at] & 0x7f) << shift;
        at += 1;
        shift += 7;
        if bytes[at - 1] & 0x80 == 0 {
            return (value, at);
        }
    }
}

fn to_leb128(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = u8::try_from(value & 0x7f).expect("seven bits");
        value >>= 7;
        if value == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}
