//! Where masked files go, and that they are whole or not there.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use crate::program::{Folder, Outcome, velum};

const BODY: &str = r#"{"ssn":"123-45-6789"}"#;
const MASKED: &str = r#"{"ssn":"[masked:ssn]"}"#;
const FAULTY: &str = r#"{"ssn":"123-45-6789",}"#;

fn done(outcome: &Outcome) {
    assert_eq!(outcome, &Outcome::ok(""));
}

fn mode(folder: &Folder, name: &str) -> u32 {
    let known = std::fs::metadata(folder.at(name)).unwrap();
    known.permissions().mode() & 0o7777
}

fn set_mode(folder: &Folder, name: &str, mode: u32) {
    std::fs::set_permissions(folder.at(name), std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_folder_is_mirrored() {
    let folder = Folder::new();
    folder.write("data/a.json", BODY);
    folder.write("data/deep/b.json", BODY);
    folder.write("c.txt", BODY);
    set_mode(&folder, "data/a.json", 0o640);
    set_mode(&folder, "data/deep/b.json", 0o4604);
    done(&folder.velum(&[
        "mask",
        "--profile",
        "pii",
        "data",
        "c.txt",
        "--output",
        "out/new",
    ]));
    for name in ["a.json", "deep/b.json", "c.txt"] {
        assert_eq!(folder.read(&format!("out/new/{name}")), MASKED);
    }
    // What may be read is as before; nothing runs under another's name.
    assert_eq!(mode(&folder, "out/new/a.json"), 0o640);
    assert_eq!(mode(&folder, "out/new/deep/b.json"), 0o604);
    assert_eq!(folder.read("data/a.json"), BODY);
    // The fixed part of a glob is its folder.
    done(&folder.velum(&[
        "mask",
        "--profile",
        "pii",
        "data/**/*.json",
        "-o",
        "globbed",
    ]));
    assert_eq!(folder.read("globbed/a.json"), MASKED);
    assert_eq!(folder.read("globbed/deep/b.json"), MASKED);
    assert_eq!(folder.files().len(), 3 + 3 + 2);
}

#[test]
fn what_would_be_lost_is_refused_before_anything_is_written() {
    let folder = Folder::new();
    folder.write("one/a.json", BODY);
    folder.write("two/a.json", BODY);
    folder.write("out/a.json", "kept");
    let before = folder.files();
    for (arguments, fragment) in [
        (
            &["one", "two", "--output", "new"][..],
            "would both become new/a.json",
        ),
        (
            &["one/a.json", "two/a.json", "--output", "new"],
            "would both become new/a.json",
        ),
        (
            &["one", "--output", "out"],
            "out/a.json: exists; --force replaces",
        ),
        (
            &["one", "--output", "one/masked"],
            "the output folder is in one, which is read",
        ),
        (&["one", "--output", "one", "--force"], "which is read"),
        (&["**/*.json", "--output", "new"], "which is read"),
        (
            &["one/a.json", "--output", "one", "--force"],
            "one/a.json: is an input, too; --in-place replaces inputs",
        ),
        (
            &["one", "two/a.json", "--output", "two", "--force"],
            "two/a.json: is an input, too",
        ),
        (&["one", "two"], "2 inputs, and standard output takes one"),
        (
            &["--in-place"],
            "--in-place is for files, and standard input is none",
        ),
        (
            &["-", "one", "--output", "new"],
            "--output is for files, and standard input is none",
        ),
        (&["/dev/null", "--in-place"], "--in-place is for files"),
        (
            &[
                "one",
                "--output",
                "new",
                "--report",
                "--report-to",
                "one/a.json",
            ],
            "the report would replace an input or an output",
        ),
        (
            &[
                "one",
                "--output",
                "new",
                "--report",
                "--report-to",
                "new/a.json",
            ],
            "the report would replace an input or an output",
        ),
    ] {
        let outcome = folder.velum(&[&["mask", "--profile", "pii"], arguments].concat());
        assert_eq!(outcome.code, Some(2), "{arguments:?}: {}", outcome.errors);
        assert!(outcome.errors.contains(fragment), "{}", outcome.errors);
        assert_eq!(outcome.output, "");
        assert_eq!(folder.files(), before, "{arguments:?}");
    }
    assert_eq!(folder.read("one/a.json"), BODY);
    assert_eq!(folder.read("out/a.json"), "kept");
    // The same file twice is one, and what is wanted is done.
    done(&folder.velum(&[
        "mask",
        "--profile",
        "pii",
        "one",
        "one/a.json",
        "--output",
        "out",
        "--force",
    ]));
    assert_eq!(folder.read("out/a.json"), MASKED);
}

#[test]
fn options_that_do_not_go_together_are_refused_by_name() {
    let folder = Folder::new();
    let file = folder.write("a.json", BODY);
    for (arguments, fragment) in [
        (&["--in-place", "--output", "x"][..], "cannot be used with"),
        (&["--in-place", "--decompress"], "cannot be used with"),
        (&["--check", "--in-place"], "cannot be used with"),
        (&["--check", "--output", "x"], "cannot be used with"),
        (&["--report-only", "--in-place"], "cannot be used with"),
        (&["--report-only", "--decompress"], "cannot be used with"),
        (&["--force"], "--output <DIR>"),
        (&["--json"], "--check"),
        (&["--report-to", "x"], "--report"),
        (&["--report=xml"], "possible values: table, json"),
        (&["--jobs", "0"], "invalid value '0'"),
        (&["--overwrite"], "unexpected argument '--overwrite'"),
        (&["--recursive"], "unexpected argument '--recursive'"),
    ] {
        let outcome = velum(&[&["mask", "--profile", "pii"], arguments, &[&file]].concat());
        assert_eq!(outcome.code, Some(2), "{arguments:?}");
        assert!(
            outcome.errors.contains(fragment),
            "{arguments:?}: {}",
            outcome.errors
        );
        assert_eq!(outcome.output, "");
        assert_eq!(folder.files(), ["a.json"]);
        assert_eq!(folder.read("a.json"), BODY);
    }
}

#[test]
fn a_file_is_replaced_in_one_step() {
    let folder = Folder::new();
    folder.write("a.json", BODY);
    folder.write("clean.json", "{\"a\": 1 }");
    folder.write("notes.events", ": a note\ndata: 1\n\n");
    symlink("a.json", folder.at("link.json")).unwrap();
    set_mode(&folder, "a.json", 0o600);
    let identity = |name: &str| std::fs::metadata(folder.at(name)).unwrap().ino();
    let (masked, clean) = (identity("a.json"), identity("clean.json"));
    done(&folder.velum(&[
        "mask",
        "--profile",
        "pii",
        "--in-place",
        "link.json",
        "a.json",
        "clean.json",
    ]));
    assert_eq!(folder.read("a.json"), MASKED);
    assert_eq!(mode(&folder, "a.json"), 0o600);
    // A new file, not the old one written over; behind the link, not in its place.
    assert_ne!(identity("a.json"), masked);
    assert!(
        std::fs::symlink_metadata(folder.at("link.json"))
            .unwrap()
            .is_symlink()
    );
    // Nothing to mask, nothing to write; nor where all is masked.
    assert_eq!(identity("clean.json"), clean);
    let masked = identity("a.json");
    done(&folder.velum(&["mask", "--profile", "pii", "--in-place", "a.json"]));
    assert_eq!(identity("a.json"), masked);
    // But what events lose besides values is lost.
    done(&folder.velum(&[
        "mask",
        "--profile",
        "pii",
        "--in-place",
        "--framing",
        "events",
        "notes.events",
    ]));
    assert_eq!(folder.read("notes.events"), ":\ndata: 1\n\n");
    assert_eq!(folder.files().len(), 4);
}

/// The others are done, the faulty one is as it was, and there is no half of a file anywhere.
#[test]
fn a_fault_leaves_the_target_as_it_was() {
    let folder = Folder::new();
    folder.write("data/a.json", BODY);
    folder.write("data/b.json", FAULTY);
    folder.write("data/c.json", BODY);
    folder.write("out/b.json", "kept");
    let failed = "velum: data/b.json: invalid JSON at byte 21\n\
                  velum: data/nowhere.json: cannot be read: No such file or directory (os error 2)\n\
                  velum: 2 of 4 inputs failed\n";
    let expected = Outcome {
        code: Some(3),
        output: String::new(),
        errors: failed.to_owned(),
    };
    let inputs = ["data", "data/nowhere.json"];
    let to_folder = [
        &["mask", "--profile", "pii", "--output", "out", "--force"],
        &inputs[..],
    ]
    .concat();
    assert_eq!(folder.velum(&to_folder), expected);
    assert_eq!(folder.read("out/b.json"), "kept");
    for name in ["out/a.json", "out/c.json"] {
        assert_eq!(folder.read(name), MASKED);
    }
    let replacing = [&["mask", "--profile", "pii", "--in-place"], &inputs[..]].concat();
    assert_eq!(folder.velum(&replacing), expected);
    assert_eq!(folder.read("data/b.json"), FAULTY);
    for name in ["data/a.json", "data/c.json"] {
        assert_eq!(folder.read(name), MASKED);
    }
    assert_eq!(folder.files().len(), 6);
}

#[test]
fn what_cannot_be_written_leaves_nothing_behind() {
    let folder = Folder::new();
    folder.write("a.json", BODY);
    folder.write("out/a.json/in-the-way", "");
    folder.write("file", "");
    for (target, fragment) in [
        ("out", "out/a.json: cannot be written: "),
        ("file/below", "file/below/a.json: cannot be written: "),
    ] {
        let outcome = folder.velum(&[
            "mask",
            "--profile",
            "pii",
            "a.json",
            "--force",
            "--output",
            target,
        ]);
        assert_eq!(outcome.code, Some(3));
        assert!(outcome.errors.contains(fragment), "{}", outcome.errors);
        assert_eq!(folder.files(), ["a.json", "file", "out/a.json/in-the-way"]);
    }
}
