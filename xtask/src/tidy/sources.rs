//! Rules for Rust sources: size, module files, what pure packages may name.

use super::File;

/// A file with more lines before its tests wants splitting along a real seam.
const MOST_LINES: usize = 500;

/// Files that may be longer, each with the reason.
const LONGER: &[(&str, &str)] = &[];

/// Packages that take time, randomness and input as arguments.
const PURE_FOLDERS: &[&str] = &["approval/src/", "engine/src/", "ledger/src/", "policy/src/"];

/// Parts of the standard library that reach outside the program.
const OUTSIDE: &[&str] = &["env", "fs", "io", "net", "process", "thread"];

/// Its clocks; `Duration` is a number like any other.
const CLOCKS: &[&str] = &["Instant", "SystemTime"];

/// Returns every source that is too long, a `mod.rs`, or impure where it must not be.
pub(super) fn check(files: &[File]) -> Vec<String> {
    let sources = files.iter().filter(|file| file.has_extension(&["rs"]));
    let mut faults: Vec<String> = sources.flat_map(check_source).collect();
    for (path, reason) in LONGER {
        let still = files
            .iter()
            .any(|file| file.path == *path && own_lines(file) > MOST_LINES);
        if !still || reason.is_empty() {
            faults.push(format!(
                "{path} needs no exception for its size, or states no reason"
            ));
        }
    }
    faults
}

fn check_source(file: &File) -> Vec<String> {
    let path = &file.path;
    let mut faults = Vec::new();
    if path.ends_with("/mod.rs") {
        faults.push(format!("{path}: a module is `foo.rs` beside `foo/`"));
    }
    let lines = own_lines(file);
    if lines > MOST_LINES && !LONGER.iter().any(|(longer, _)| longer == path) {
        faults.push(format!(
            "{path}: {lines} lines before its tests, {MOST_LINES} at most"
        ));
    }
    if PURE_FOLDERS.iter().any(|folder| path.starts_with(folder)) {
        for clock in CLOCKS {
            if own_text(file).any(|line| code(line).contains(clock)) {
                faults.push(format!("{path}: {clock} in a pure package"));
            }
        }
        for module in OUTSIDE {
            if own_text(file).any(|line| names(line, module)) {
                faults.push(format!("{path}: std::{module} in a pure package"));
            }
        }
    }
    faults
}

/// A line without its comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// Whether a line of code names the module of the standard library.
fn names(line: &str, module: &str) -> bool {
    let code = code(line);
    code.match_indices("std::").any(|(at, found)| {
        let rest = &code[at + found.len()..];
        let starts = |text: &str| {
            text.strip_prefix(module).is_some_and(|rest| {
                !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_')
            })
        };
        match rest.strip_prefix('{') {
            Some(list) => list.split([',', '}']).any(|item| starts(item.trim_start())),
            None => starts(rest),
        }
    })
}

fn own_lines(file: &File) -> usize {
    own_text(file).count()
}

/// The lines before a file's tests; none of a file that is all tests.
fn own_text(file: &File) -> impl Iterator<Item = &str> {
    let tests = file.path.contains("/tests/") || file.path.ends_with("/tests.rs");
    let ends = |line: &&str| *line != "#[cfg(test)]";
    file.text
        .lines()
        .take_while(ends)
        .take(if tests { 0 } else { usize::MAX })
}

#[cfg(test)]
mod tests {
    use super::{MOST_LINES, check};
    use crate::tidy::file;

    #[test]
    fn tests_do_not_count() {
        let long = "x\n".repeat(MOST_LINES);
        let with_tests = format!("{long}#[cfg(test)]\nmod tests {{}}\n{long}");
        let files = [
            file("engine/src/a.rs", &with_tests),
            file("cli/tests/b.rs", &long.repeat(2)),
        ];
        assert_eq!(check(&files), Vec::<String>::new());
    }

    #[test]
    fn one_line_too_many_is_a_fault() {
        let text = "x\n".repeat(MOST_LINES + 1);
        assert_eq!(check(&[file("engine/src/a.rs", &text)]).len(), 1);
    }

    #[test]
    fn a_mod_file_is_a_fault() {
        assert_eq!(check(&[file("engine/src/detectors/mod.rs", "")]).len(), 1);
    }

    #[test]
    fn reaching_outside_is_a_fault_in_pure_packages_only() {
        for code in [
            "use std::fs;",
            "std::env::var(x)",
            "use std::{fmt, time::Instant};",
        ] {
            assert_eq!(check(&[file("policy/src/a.rs", code)]).len(), 1, "{code}");
            assert_eq!(check(&[file("cli/src/a.rs", code)]).len(), 0, "{code}");
        }
        for code in [
            "// std::fs",
            "use std::fmt;",
            "std::iter::once(x)",
            "#[cfg(test)]\nstd::fs",
        ] {
            assert_eq!(check(&[file("policy/src/a.rs", code)]).len(), 0, "{code}");
        }
    }
}
