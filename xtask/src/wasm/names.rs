//! The names of functions in a built module: as one reads them, and short.
//!
//! A trap's backtrace shows them, so they stay; mangled and with all their types they would take a
//! tenth of the module.

use std::ops::Range;

use rustc_demangle::demangle;
use wasm_encoder::{CustomSection, Module, NameMap, NameSection, RawSection};
use wasmparser::{BinaryReaderError, KnownCustom, Name, NameSectionReader, Parser, Payload};

use crate::Result;

/// Names keep so many parts of their paths.
const PARTS: usize = 2;

/// The module with short names of functions and no names of anything else.
pub(super) fn shorten(module: &[u8]) -> Result<Vec<u8>> {
    let mut out = Module::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload.map_err(unread)? {
            Payload::CustomSection(custom) => {
                if let KnownCustom::Name(names) = custom.as_known() {
                    out.section(&shortened(names).map_err(unread)?);
                } else {
                    out.section(&CustomSection {
                        name: custom.name().into(),
                        data: custom.data().into(),
                    });
                }
            }
            payload => {
                if let Some((id, range)) = payload.as_section() {
                    let data = part(module, range).ok_or("a section goes beyond its end")?;
                    out.section(&RawSection { id, data });
                }
            }
        }
    }
    Ok(out.finish())
}

fn part(module: &[u8], range: Range<u64>) -> Option<&[u8]> {
    module.get(range.start.try_into().ok()?..range.end.try_into().ok()?)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is what errors are mapped by"
)]
fn unread(error: BinaryReaderError) -> String {
    error.to_string()
}

fn shortened(names: NameSectionReader<'_>) -> std::result::Result<NameSection, BinaryReaderError> {
    let mut functions = NameMap::new();
    for part in names {
        if let Name::Function(map) = part? {
            for naming in map {
                let naming = naming?;
                functions.append(naming.index, &short(naming.name));
            }
        }
    }
    let mut section = NameSection::new();
    section.functions(&functions);
    Ok(section)
}

/// A mangled name as `crate::module::Type::function`, without generic arguments.
fn short(mangled: &str) -> String {
    let path = path(&format!("{:#}", demangle(mangled)));
    let parts: Vec<_> = path.split("::").collect();
    let first = parts.len().saturating_sub(PARTS);
    parts.get(first..).unwrap_or_default().join("::")
}

/// What is left of a name without what stands in `<…>`: of `<A as B>` and `<impl B for A>`, `A`.
fn path(name: &str) -> String {
    let mut out = String::new();
    let mut rest = name;
    while let Some(start) = rest.find('<') {
        let (before, behind) = rest.split_at(start);
        let length = closing(behind).unwrap_or(behind.len());
        let inside = behind.get(1..length).unwrap_or_default();
        out.push_str(before);
        if let Some(implemented) = inside.strip_prefix("impl ") {
            let of = outside(implemented, " for ").map_or(implemented, |(_, of)| of);
            out.push_str(path(of).rsplit("::").next().unwrap_or_default());
        } else if before.is_empty() && out.is_empty() {
            let of = outside(inside, " as ").map_or(inside, |(of, _)| of);
            out.push_str(&path(of));
        } else if out.ends_with("::") {
            out.truncate(out.len() - 2);
        }
        rest = behind.get(length + 1..).unwrap_or_default();
    }
    out + rest
}

/// Where what the text begins with is closed; an arrow closes nothing.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut before = b' ';
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'<' => depth += 1,
            b'>' if before != b'-' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
        before = byte;
    }
    None
}

/// What stands on both sides of a word that is not in `<…>`.
fn outside<'a>(text: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    let places = text.match_indices(word).map(|(at, _)| at);
    let depth = |at: usize| {
        let before = text.get(..at).unwrap_or_default().replace("->", "");
        before.matches('<').count() - before.matches('>').count()
    };
    let at = places.into_iter().find(|at| depth(*at) == 0)?;
    Some((text.get(..at)?, text.get(at + word.len()..)?))
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{CodeSection, Function, FunctionSection, TypeSection};
    use wasmparser::Validator;

    use super::*;

    #[test]
    fn names_are_paths_without_types() {
        for (name, expected) in [
            ("proxy_on_request_body", "proxy_on_request_body"),
            (
                "_ZN12velum_engine6masker6Masker4feed17h3855a0054d62cfa0E",
                "Masker::feed",
            ),
            (
                "_ZN12velum_engine4scan4skim48_$LT$impl$u20$velum_engine..scan..walk..Walk$GT$4skim17h18f8d29fb0f35b80E",
                "Walk::skim",
            ),
            (
                "_ZN103_$LT$alloc..vec..into_iter..IntoIter$LT$T$C$A$GT$$u20$as$u20$core..iter..traits..iterator..Iterator$GT$8try_fold17ha71cea512780f271E",
                "IntoIter::try_fold",
            ),
            (
                "_ZN5alloc11collections5btree3map25BTreeMap$LT$K$C$V$C$A$GT$6insert17hf35d4356f74e5562E",
                "BTreeMap::insert",
            ),
        ] {
            assert_eq!(short(name), expected);
        }
    }

    #[test]
    fn what_is_unusual_is_still_a_name() {
        for (name, expected) in [
            ("<fn(A) -> B<C> as D>::call", "fn(A) -> B::call"),
            ("a::b::<impl c::D<E> for f::G<H>>::i", "a::b::G::i"),
            ("a::<B>::c", "a::c"),
            ("a<b", "a"),
            ("<", ""),
            ("", ""),
        ] {
            assert_eq!(path(name), expected, "{name}");
        }
    }

    #[test]
    fn the_module_stays_the_same_but_for_its_names() {
        let mut module = Module::new();
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let mut functions = FunctionSection::new();
        functions.function(0);
        let mut code = CodeSection::new();
        let mut empty = Function::new([]);
        empty.instructions().end();
        code.function(&empty);
        let mut map = NameMap::new();
        map.append(0, "_ZN1a1b17h3855a0054d62cfa0E");
        let mut names = NameSection::new();
        names.module("m");
        names.functions(&map);
        let mut expected = Module::new();
        let mut map = NameMap::new();
        map.append(0, "a::b");
        let mut short = NameSection::new();
        short.functions(&map);
        let producers = CustomSection {
            name: "producers".into(),
            data: b"\0".into(),
        };
        for (module, names) in [(&mut module, &names), (&mut expected, &short)] {
            module.section(&types).section(&functions).section(&code);
            module.section(names).section(&producers);
        }
        let out = shorten(module.as_slice()).unwrap();
        assert_eq!(out, expected.as_slice());
        Validator::new().validate_all(&out).unwrap();
        assert!(shorten(b"\0asm\x01\0\0\0\x01").is_err());
    }
}
