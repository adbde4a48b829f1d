//! Which files are read: files, folders, globs.

use std::os::unix::fs::symlink;

use crate::program::Folder;

const BODY: &str = r#"{"ssn":"123-45-6789"}"#;

/// The files that `--check` finds something in.
fn read_with(folder: &Folder, inputs: &[&str]) -> Vec<String> {
    let outcome = folder.velum(&[&["mask", "--profile", "pii", "--check"], inputs].concat());
    assert_eq!(outcome.code, Some(1), "{inputs:?}: {}", outcome.errors);
    let names = outcome.output.lines();
    let names = names.map(|line| line.split('\t').next().unwrap().to_owned());
    names.collect()
}

fn tree() -> Folder {
    let folder = Folder::new();
    for name in [
        "data/b.json",
        "data/a.ndjson",
        "data/.hidden.json",
        "data/deep/er/c.JSONL",
        "data/deep/d.json.gz",
        "data/deep/notes.txt",
        "data/e.json.bak",
        "other.json",
        "odd[1].json",
    ] {
        folder.write(name, BODY);
    }
    folder
}

#[test]
fn what_is_named_is_read() {
    let folder = tree();
    for (inputs, files) in [
        // Of a folder what holds JSON by its name, in one order.
        (
            &["data"][..],
            &[
                "data/.hidden.json",
                "data/a.ndjson",
                "data/b.json",
                "data/deep/d.json.gz",
                "data/deep/er/c.JSONL",
            ][..],
        ),
        // What is named is read whatever its name, and stays in its place.
        (
            &["other.json", "data/deep/notes.txt", "data/deep/er"],
            &["other.json", "data/deep/notes.txt", "data/deep/er/c.JSONL"],
        ),
        // Globs that no shell expanded.
        (&["data/*.json"], &["data/b.json"]),
        (&["data/?.*json"], &["data/a.ndjson", "data/b.json"]),
        (
            &["data/deep/*"],
            &["data/deep/d.json.gz", "data/deep/notes.txt"],
        ),
        (&["data/.h*"], &["data/.hidden.json"]),
        (
            &["*/{b,e}.json*", "data/**/*.{gz,JSONL}"],
            &[
                "data/b.json",
                "data/e.json.bak",
                "data/deep/d.json.gz",
                "data/deep/er/c.JSONL",
            ],
        ),
        (&["[n-p]ther.json"], &["other.json"]),
        // A name that looks like a glob and is one of a file.
        (&["odd[1].json"], &["odd[1].json"]),
    ] {
        assert_eq!(read_with(&folder, inputs), files, "{inputs:?}");
    }
}

#[test]
fn what_names_nothing_is_a_mistake() {
    let folder = tree();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    for (inputs, fragment) in [
        (
            &["empty"][..],
            "empty: no file in this folder ends in .json",
        ),
        (&["other.json", "*.xml"], "*.xml: matches no file"),
        (&["nowhere/**/*.json"], "nowhere/**/*.json: matches no file"),
        (&["a[.json"], "a[.json: not a glob"),
        (&["-", "-"], "standard input can be read only once"),
    ] {
        let outcome = folder.velum(&[&["mask", "--profile", "pii", "--check"], inputs].concat());
        assert_eq!(outcome.code, Some(2), "{inputs:?}");
        assert!(outcome.errors.contains(fragment), "{}", outcome.errors);
        assert_eq!(outcome.output, "");
    }
}

/// A loop would never end; a link out of the folder would lead `--in-place` astray.
#[test]
fn links_in_folders_are_not_followed_and_named_ones_are() {
    let folder = Folder::new();
    folder.write("data/a.json", BODY);
    let outside = folder.write("outside/b.json", BODY);
    symlink(folder.at("data"), folder.at("data/loop")).unwrap();
    symlink(folder.at("outside"), folder.at("data/out")).unwrap();
    symlink(&outside, folder.at("data/link.json")).unwrap();
    assert_eq!(read_with(&folder, &["data"]), ["data/a.json"]);
    assert_eq!(
        read_with(&folder, &["data/**/*.json"]),
        ["data/a.json", "data/link.json"]
    );
    assert_eq!(read_with(&folder, &["data/link.json"]), ["data/link.json"]);
    assert_eq!(read_with(&folder, &["data/out"]), ["data/out/b.json"]);
}
