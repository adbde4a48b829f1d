//! What the other tests share.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};

use velum_engine::{
    Class, ClassSet, Error, Framing, Limits, Masker, Options, Profile, Report, Ruleset,
};

/// Every profile together, as the example policies have it.
pub(crate) fn all_profiles() -> Arc<Ruleset> {
    static RULES: LazyLock<Arc<Ruleset>> = LazyLock::new(|| {
        let builder = Ruleset::builder();
        let builder = Profile::STRICTEST
            .iter()
            .fold(builder, |builder, profile| builder.profile(*profile));
        Arc::new(builder.build().unwrap())
    });
    Arc::clone(&RULES)
}

pub(crate) fn profile(profile: Profile) -> Arc<Ruleset> {
    Arc::new(Ruleset::builder().profile(profile).build().unwrap())
}

pub(crate) fn no_rules() -> Arc<Ruleset> {
    Arc::new(Ruleset::builder().build().unwrap())
}

pub(crate) fn lift(classes: &[Class]) -> Options {
    Options {
        lift: classes.iter().copied().collect::<ClassSet>(),
        ..Options::default()
    }
}

pub(crate) fn lines() -> Options {
    Options {
        framing: Framing::Lines,
        ..Options::default()
    }
}

pub(crate) fn limits(depth: usize, token_bytes: usize, held_bytes: usize) -> Options {
    Options {
        limits: Limits {
            depth,
            token_bytes,
            held_bytes,
            ..Limits::default()
        },
        ..Options::default()
    }
}

/// Compares the generated table of a document with what it should be; with `VELUM_WRITE_DOCS=1` it
/// is written.
pub(crate) fn document_has(path: &str, table: &str) {
    const BEGIN: &str =
        "<!-- The table is generated: VELUM_WRITE_DOCS=1 cargo test -p velum-engine -->\n";
    const END: &str = "<!-- End of the table. -->\n";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let document = std::fs::read_to_string(&file).unwrap();
    let (before, rest) = document.split_once(BEGIN).expect("the table begins");
    let (found, after) = rest.split_once(END).expect("the table ends");
    if std::env::var_os("VELUM_WRITE_DOCS").is_some_and(|value| value == "1") {
        std::fs::write(&file, [before, BEGIN, table, END, after].concat()).unwrap();
    } else {
        assert!(
            found == table,
            "{path} is out of date: run VELUM_WRITE_DOCS=1 cargo test -p velum-engine"
        );
    }
}

/// The same of one of several generated parts of a document.
pub(crate) fn document_part(path: &str, part: &str, table: &str) {
    // Several tests write parts of one document.
    static WRITING: Mutex<()> = Mutex::new(());
    let begin = format!(
        "<!-- begin: {part}, generated: VELUM_WRITE_DOCS=1 cargo test -p velum-engine -->\n"
    );
    let end = format!("<!-- end: {part} -->\n");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let _writing = WRITING.lock();
    let document = std::fs::read_to_string(&file).unwrap();
    let (before, rest) = document.split_once(&begin).expect("the part begins");
    let (found, after) = rest.split_once(&end).expect("the part ends");
    if std::env::var_os("VELUM_WRITE_DOCS").is_some_and(|value| value == "1") {
        std::fs::write(&file, [before, &begin, table, &end, after].concat()).unwrap();
    } else {
        assert!(
            found == table,
            "{path} is out of date: run VELUM_WRITE_DOCS=1 cargo test -p velum-engine"
        );
    }
}

/// Masks a body given in chunks. The output is returned with an error too: what had left before.
pub(crate) fn mask_chunks<'a>(
    rules: &Arc<Ruleset>,
    options: Options,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<u8>, Result<Report, Error>) {
    let mut masker = Masker::new(Arc::clone(rules), options);
    let mut out = Vec::new();
    let fed = chunks
        .into_iter()
        .try_for_each(|chunk| masker.feed(chunk, &mut out));
    let result = fed.and_then(|()| masker.finish(&mut out));
    (out, result.map(|()| masker.report().clone()))
}

pub(crate) fn mask(
    rules: &Arc<Ruleset>,
    options: Options,
    body: &[u8],
) -> (Vec<u8>, Result<Report, Error>) {
    mask_chunks(rules, options, [body])
}

/// Masks a body that is sound.
pub(crate) fn masked(rules: &Arc<Ruleset>, options: Options, body: &str) -> String {
    let (out, result) = mask(rules, options, body.as_bytes());
    result.unwrap_or_else(|error| panic!("{error} in {body}"));
    String::from_utf8(out).unwrap()
}

/// The output is the same for every cut into two, and byte by byte; a failure is the same failure.
pub(crate) fn check_splits(
    rules: &Arc<Ruleset>,
    options: &Options,
    body: &[u8],
    cuts: impl Iterator<Item = usize>,
) {
    let (out, result) = mask(rules, options.clone(), body);
    let same = |chunks: &[&[u8]], what: &str| {
        let (split_out, split_result) = mask_chunks(rules, options.clone(), chunks.iter().copied());
        assert_eq!(
            split_result,
            result,
            "{what} of {}",
            String::from_utf8_lossy(body)
        );
        if result.is_ok() {
            assert!(
                split_out == out,
                "{what}\n{}\n{}",
                String::from_utf8_lossy(&split_out),
                String::from_utf8_lossy(&out)
            );
        }
    };
    for cut in cuts {
        let (left, right) = body.split_at(cut);
        same(&[left, right], &format!("cut at {cut}"));
    }
    let bytes: Vec<&[u8]> = body.chunks(1).collect();
    same(&bytes, "single bytes");
}

/// A folder of public test data beside the project; where there is none, what needs it is skipped, and says
/// so even where what tests print is not shown.
pub(crate) fn shared_data(folder: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/data")
        .join(folder);
    if path.is_dir() {
        return Some(path);
    }
    let line = format!("skipped: there is no folder {}\n", path.display());
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    None
}

/// The files of a folder by name.
pub(crate) fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect();
    files.sort();
    files
}
