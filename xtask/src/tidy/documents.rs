//! What documents name exists: paths, crates, links and commands.
//!
//! Read are the Markdown files. A path is a name in backticks that lies in a folder of the
//! checkout, or ends like a source file or a folder; in a command line, only the former.

use std::collections::BTreeSet;

use serde_json::Value;

use super::File;

/// What builds and set-up make, so that no checkout holds it.
const MADE: &[&str] = &["target/", ".velum/"];

/// Names that stand for any name.
const ANY: &[&str] = &["foo.rs", "foo/", "mod.rs"];

/// Endings that make a name a path, wherever it is.
const SOURCES: &[&str] = &[
    ".html", ".md", ".py", ".rs", ".sh", ".sql", ".toml", ".yaml", ".yml",
];

/// Names that begin like our crates and are something else.
const NO_CRATES: &[(&str, &str)] = &[
    (
        "velum-approval",
        "header: the approval to redeem, or the one made",
    ),
    (
        "velum-data",
        "folder: where the service keeps its data by default",
    ),
    ("velum-lift", "request header: the classes asked for"),
    ("velum-lifted", "response header: the classes lifted"),
    ("velum-reason", "request header: why they are asked for"),
];

/// What documents may name besides files.
pub(super) struct Names {
    crates: BTreeSet<String>,
    commands: Vec<String>,
}

impl Names {
    /// Every package and program of the workspace and below it; xtask's commands.
    pub(super) fn new(metadata: &Value, commands: Vec<String>) -> Self {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let mut crates = BTreeSet::new();
        for package in list(&metadata["packages"]) {
            crates.extend(package["name"].as_str().map(str::to_owned));
            for target in list(&package["targets"]) {
                crates.extend(target["name"].as_str().map(str::to_owned));
            }
        }
        Self { crates, commands }
    }
}

/// Returns each thing that a document names and that does not exist.
pub(super) fn check(files: &[File], names: &Names) -> Vec<String> {
    let paths = Paths::new(files);
    let documents = files.iter().filter(|file| file.has_extension(&["md"]));
    documents
        .flat_map(|document| check_document(document, &paths, names))
        .collect()
}

fn check_document(document: &File, paths: &Paths<'_>, names: &Names) -> Vec<String> {
    let folder = document
        .path
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder);
    let mut faults = Vec::new();
    let mut fault = |line: usize, what: &str, name: &str| {
        faults.push(format!(
            "{}:{line}: {what} `{name}` does not exist",
            document.path
        ));
    };
    let mut fenced = false;
    for (index, line) in document.text.lines().enumerate() {
        let number = index + 1;
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        for command in commands(line) {
            if command != "help" && !names.commands.iter().any(|known| known == command) {
                fault(number, "command", command);
            }
        }
        let spans: Vec<_> = if fenced {
            vec![line]
        } else {
            code_spans(line).collect()
        };
        for span in spans {
            for word in span.split_whitespace() {
                let word = clean(word);
                let alone = !fenced && !span.contains(' ');
                if paths.is_meant(word, alone) && !paths.exists(word, folder) {
                    fault(number, "path", word);
                }
            }
        }
        if !fenced {
            for name in crate_names(line) {
                if !names.crates.contains(name) && !NO_CRATES.iter().any(|(no, _)| *no == name) {
                    fault(number, "crate", name);
                }
            }
            for link in links(line) {
                if !paths.exists(link, folder) {
                    fault(number, "link", link);
                }
            }
        }
    }
    faults
}

/// The files of the checkout and the folders they lie in.
struct Paths<'f> {
    all: BTreeSet<&'f str>,
    names: BTreeSet<&'f str>,
}

impl<'f> Paths<'f> {
    fn new(files: &'f [File]) -> Self {
        let mut all = BTreeSet::new();
        let mut names = BTreeSet::new();
        for file in files {
            all.insert(file.path.as_str());
            names.extend(file.path.rsplit('/').next());
            all.extend(file.path.match_indices('/').map(|(at, _)| &file.path[..at]));
        }
        Self { all, names }
    }

    /// Whether a word means a file or folder of the checkout. `alone` is a name in backticks that
    /// is not part of a command.
    fn is_meant(&self, word: &str, alone: bool) -> bool {
        let plain = |next: char| next.is_ascii_alphanumeric() || "._-/".contains(next);
        if word.starts_with('/') || !word.chars().all(plain) {
            return false;
        }
        let source = SOURCES
            .iter()
            .any(|end| word.len() > end.len() && word.ends_with(end));
        match word.split_once('/') {
            Some((first, _)) if self.all.contains(first) => true,
            Some((_, rest)) => alone && (source || rest.is_empty()),
            None => alone && source,
        }
    }

    /// From the root, or from the document's folder; a bare file name may be anywhere.
    fn exists(&self, path: &str, folder: &str) -> bool {
        let made = MADE.iter().any(|made| format!("{path}/").starts_with(made));
        let from = |folder: &str| {
            let normal = normalise(&format!("{folder}/{path}"));
            normal.is_empty() || self.all.contains(normal.as_str())
        };
        made || ANY.contains(&path) || from("") || from(folder) || self.names.contains(path)
    }
}

/// Without `.`, `..` and doubled or trailing `/`.
fn normalise(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// A word without the punctuation round it and without a line number.
fn clean(word: &str) -> &str {
    let word = word
        .trim_start_matches("./")
        .trim_matches(['"', '\'', ',', ';', '(', ')']);
    match word.rsplit_once(':') {
        Some((path, line)) if line.bytes().all(|byte| byte.is_ascii_digit()) => path,
        _ => word,
    }
}

/// What stands between backticks in a line.
fn code_spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Names in backticks that begin like a crate of ours, or that the text calls a crate.
fn crate_names(line: &str) -> impl Iterator<Item = &str> {
    let pieces: Vec<_> = line.split('`').collect();
    let called = |at: usize| {
        let before = pieces.get(at.wrapping_sub(1)).copied().unwrap_or_default();
        let after = pieces.get(at + 1).copied().unwrap_or_default();
        ["crate ", "crates ", "package "]
            .iter()
            .any(|word| before.ends_with(word))
            || [" crate", " package"]
                .iter()
                .any(|word| after.starts_with(word))
    };
    let plain =
        |next: char| next.is_ascii_lowercase() || next.is_ascii_digit() || "-_".contains(next);
    let named: Vec<_> = (1..pieces.len())
        .step_by(2)
        .filter(|at| {
            let name = pieces[*at];
            let ours = name
                .strip_prefix("velum-")
                .is_some_and(|rest| !rest.is_empty());
            !name.is_empty() && name.chars().all(plain) && (ours || called(*at))
        })
        .map(|at| pieces[at])
        .collect();
    named.into_iter()
}

/// The command of each `cargo xtask <command>`.
fn commands(line: &str) -> impl Iterator<Item = &str> {
    line.split("cargo xtask ").skip(1).filter_map(|rest| {
        let end = rest.find(|next: char| !next.is_ascii_lowercase() && next != '-');
        let command = &rest[..end.unwrap_or(rest.len())];
        (!command.is_empty() && !command.starts_with('-')).then_some(command)
    })
}

/// The targets of links that lead into the checkout, without their anchors.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| {
        let target = rest.split(')').next()?.split('#').next()?;
        (!target.is_empty() && !target.contains(':')).then_some(target)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Names, check};
    use crate::tidy::file;

    fn faults(text: &str) -> Vec<String> {
        let metadata = json!({"packages": [
            {"name": "velum-engine", "targets": []}, {"name": "axum", "targets": []},
        ]});
        let names = Names::new(&metadata, vec!["test".to_owned(), "demo".to_owned()]);
        let files = [
            file("docs/a.md", text),
            file("docs/b.md", ""),
            file("engine/src/scan.rs", ""),
            file("examples/policy.yaml", ""),
        ];
        check(&files, &names)
    }

    #[test]
    fn what_exists_is_no_fault() {
        for text in [
            "`engine/src/scan.rs`, `engine/src/scan.rs:12`, `engine/`, `engine/src`, `scan.rs`",
            "`b.md`, `docs/b.md`, [b](b.md), [scan](../engine/src/scan.rs#top), [x](#here)",
            "`velum-engine`, `velum-lift`, `velum-*`, the crate `axum`",
            "`target/wasm/velum.wasm`, `.velum/`, `/v1/checks`, `application/json`, `Patient/1`",
            "`cargo xtask test`, `cargo xtask demo --once`, `cargo xtask --help`",
            "`velum mask --policy examples/policy.yaml`, [site](https://a.example/b.md)",
            "```\ncargo xtask demo\ncat examples/policy.yaml patient/none.json\n```",
        ] {
            assert_eq!(faults(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn what_does_not_exist_is_a_fault() {
        for text in [
            "`engine/src/gone.rs`",
            "`engine/gone`",
            "`gone.rs`",
            "`gone/`",
            "`engin/src/scan.rs`",
            "[gone](gone.md)",
            "`velum-gone`",
            "the crate `gone`",
            "the `gone` crate",
            "`cargo xtask gone`",
            "`velum mask --policy examples/gone.yaml`",
            "```\ncargo xtask gone\n```",
            "```\ncat examples/gone.yaml\n```",
        ] {
            assert_eq!(faults(text).len(), 1, "{text}: {:?}", faults(text));
        }
    }
}
