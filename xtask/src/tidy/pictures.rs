//! Pictures are few and small, and each is shown: by Markdown, or by HTML in it, which also names one for the dark.

use std::collections::BTreeSet;

use super::File;
use crate::screenshots::KEPT;

/// What is a picture by its ending. Drawings in SVG are text, and held to be such.
const ENDINGS: &[&str] = &["avif", "gif", "ico", "jpeg", "jpg", "png", "webp"];
/// Those that are kept.
const ALLOWED: &[&str] = &["png", "webp"];
/// So that a checkout stays small.
const MOST_BYTES: u64 = 150_000;

/// A picture of the checkout.
pub(super) struct Picture {
    /// Relative to the checkout, with `/`.
    pub(super) path: String,
    pub(super) bytes: u64,
}

impl Picture {
    /// Whether a path names one.
    pub(super) fn is_one(path: &str) -> bool {
        has_ending(path, ENDINGS)
    }
}

/// Returns each picture that is elsewhere, of another kind, too large or not shown, and each that a document shows
/// and that is not there or says nothing to who does not see it.
pub(super) fn check(pictures: &[Picture], files: &[File]) -> Vec<String> {
    let there: BTreeSet<&str> = pictures.iter().map(|it| it.path.as_str()).collect();
    let mut shown = BTreeSet::new();
    let mut faults = Vec::new();
    for document in files.iter().filter(|file| file.has_extension(&["md"])) {
        let folder = document
            .path
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder);
        for (index, line) in document.text.lines().enumerate() {
            let place = format!("{}:{}", document.path, index + 1);
            if line.contains("<img ") && (!line.contains(" alt=\"") || line.contains(" alt=\"\"")) {
                faults.push(format!("{place}: a picture without words in `alt`"));
            }
            for name in named(line) {
                let path = if folder.is_empty() {
                    name.to_owned()
                } else {
                    format!("{folder}/{name}")
                };
                if !there.contains(path.as_str()) {
                    faults.push(format!("{place}: picture `{name}` does not exist"));
                }
                shown.insert(path);
            }
        }
    }
    for Picture { path, bytes } in pictures {
        let is_kept = path
            .strip_prefix(KEPT)
            .is_some_and(|rest| rest.starts_with('/'));
        if !is_kept || !has_ending(path, ALLOWED) {
            faults.push(format!("{path}: pictures are WebP or PNG, in {KEPT}/"));
        }
        if *bytes > MOST_BYTES {
            faults.push(format!("{path}: {bytes} bytes, {MOST_BYTES} at most"));
        }
        if !shown.contains(path) {
            faults.push(format!("{path}: no document shows it"));
        }
    }
    faults
}

fn has_ending(path: &str, endings: &[&str]) -> bool {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    endings.iter().any(|one| one.eq_ignore_ascii_case(ending))
}

/// The pictures of this checkout that a line shows.
fn named(line: &str) -> impl Iterator<Item = &str> {
    let between = |before: &'static str, after: char| {
        line.split(before)
            .skip(1)
            .filter_map(move |rest| rest.split(after).next())
    };
    // `srcset="` ends otherwise than ` src="`.
    let all = between(" src=\"", '"')
        .chain(between(" srcset=\"", '"'))
        .chain(between("![", ')'));
    all.map(|name| name.rsplit("](").next().unwrap_or(name))
        .filter(|name| !name.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::{Picture, check};
    use crate::tidy::file;

    const SHOWN: &str = "<source srcset=\"docs/pictures/a.webp\">\n<img alt=\"What waits\" src=\"docs/pictures/b.png\">\n";

    fn picture(path: &str, bytes: u64) -> Picture {
        Picture {
            path: path.to_owned(),
            bytes,
        }
    }

    fn faults(pictures: &[Picture], text: &str) -> Vec<String> {
        check(
            pictures,
            &[
                file("README.md", text),
                file("docs/c.md", "![c](pictures/c.png)"),
            ],
        )
    }

    #[test]
    fn small_ones_that_are_shown_are_no_fault() {
        let pictures = ["a.webp", "b.png", "c.png"]
            .map(|name| picture(&format!("docs/pictures/{name}"), 150_000));
        assert_eq!(faults(&pictures, SHOWN), Vec::<String>::new());
    }

    #[test]
    fn what_is_elsewhere_too_large_unshown_or_not_there_is_a_fault() {
        let c = || picture("docs/pictures/c.png", 1);
        let (a, b) = (
            picture("docs/pictures/a.webp", 1),
            picture("docs/pictures/b.png", 150_001),
        );
        for (pictures, text, part) in [
            (vec![a, b, c()], SHOWN, "150001 bytes"),
            (
                vec![c()],
                SHOWN,
                "picture `docs/pictures/a.webp` does not exist",
            ),
            (
                vec![c(), picture("docs/pictures/d.png", 1)],
                "",
                "no document shows it",
            ),
            (
                vec![c(), picture("cli/d.png", 1)],
                "![d](cli/d.png)",
                "in docs/pictures/",
            ),
            (
                vec![c(), picture("docs/pictures/d.gif", 1)],
                "![d](docs/pictures/d.gif)",
                "WebP or PNG",
            ),
            (
                vec![c()],
                "<img src=\"docs/pictures/c.png\">",
                "without words",
            ),
            (
                vec![c()],
                "<img alt=\"\" src=\"docs/pictures/c.png\">",
                "without words",
            ),
        ] {
            let found = faults(&pictures, text);
            assert!(
                found.iter().any(|fault| fault.contains(part)),
                "{part}: {found:?}"
            );
        }
    }
}
