//! Which files are read: what files, folders and globs mean.
//!
//! Globs are told from names here as well as in a shell, so that it does not matter whether they were
//! quoted; what exists under the very name is that file. In folders no symbolic link is followed: there
//! are no loops, and nothing outside is touched. Whatever cannot be listed is an input like any other,
//! so that it fails as one.

use std::fs;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use crate::failure::Failure;
use crate::show;

use super::names;

/// The name of standard input.
const STANDARD: &str = "-";
/// What makes a name a glob.
const SPECIAL: &[char] = &['*', '?', '[', '{'];

/// One thing to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Input {
    /// Its file, or `-`.
    pub(super) name: PathBuf,
    /// Its place in an output folder.
    pub(super) below: PathBuf,
}

impl Input {
    pub(super) fn is_standard(&self) -> bool {
        self.name.as_os_str() == STANDARD
    }

    /// What stands for it in a sentence.
    pub(super) fn shown(&self) -> String {
        if self.is_standard() {
            "standard input".to_owned()
        } else {
            show::path(&self.name)
        }
    }
}

/// What the arguments mean.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    /// In the order of the arguments, and by name where one means several.
    pub(super) all: Vec<Input>,
    /// The folders that were looked through with all that is in them.
    pub(super) folders: Vec<PathBuf>,
}

/// Finds the files. An argument that means none is a mistake.
pub(super) fn find(arguments: &[PathBuf]) -> Result<Inputs, Failure> {
    let standard = [PathBuf::from(STANDARD)];
    let arguments = if arguments.is_empty() {
        &standard[..]
    } else {
        arguments
    };
    let mut inputs = Inputs::default();
    for argument in arguments {
        let before = inputs.all.len();
        if argument.is_dir() {
            inputs.folders.push(argument.clone());
            walk(argument, Path::new(""), &FolderRule, &mut inputs.all);
            if inputs.all.len() == before {
                return Err(Failure::misused(format!(
                    "{}: no file in this folder ends in .json, .ndjson, .jsonl or .json-seq, or so \
                     before .gz or .zst",
                    show::path(argument)
                )));
            }
        } else if let Some(glob) = glob(argument) {
            let (base, rule) = glob?;
            if rule.depth.is_none() {
                inputs.folders.push(Path::new(".").join(&base));
            }
            if base.as_os_str().is_empty() || base.is_dir() {
                walk(&base, Path::new(""), &rule, &mut inputs.all);
            }
            if inputs.all.len() == before {
                let argument = show::path(argument);
                return Err(Failure::misused(format!("{argument}: matches no file")));
            }
        } else {
            inputs.all.push(Input {
                name: argument.clone(),
                below: argument.file_name().map(PathBuf::from).unwrap_or_default(),
            });
        }
    }
    let standard = inputs.all.iter().filter(|input| input.is_standard());
    if standard.count() > 1 {
        return Err(Failure::misused("standard input can be read only once"));
    }
    Ok(inputs)
}

/// What is taken of a folder.
trait Rule {
    /// Whether a folder at this place, relative to where the walk began, is gone into.
    fn enters(&self, below: &Path) -> bool;
    /// Whether a file is taken.
    fn takes(&self, below: &Path, is_link: bool) -> bool;
}

struct FolderRule;

impl Rule for FolderRule {
    fn enters(&self, _: &Path) -> bool {
        true
    }

    fn takes(&self, below: &Path, is_link: bool) -> bool {
        !is_link && names::layout(below).is_some()
    }
}

struct GlobRule {
    matcher: GlobMatcher,
    /// How deep a match can be; `None`: anywhere.
    depth: Option<usize>,
    /// Whether names that begin with a dot are meant, as in a shell only where they are written so.
    hidden: bool,
}

impl Rule for GlobRule {
    fn enters(&self, below: &Path) -> bool {
        let depth = below.components().count();
        self.depth.is_none_or(|most| depth < most) && (self.hidden || !is_hidden(below))
    }

    fn takes(&self, below: &Path, _: bool) -> bool {
        (self.hidden || !is_hidden(below)) && self.matcher.is_match(below)
    }
}

fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.as_encoded_bytes().starts_with(b".")
}

/// Where the walk of a glob begins, and what it takes; `None` where the argument is a plain name.
fn glob(argument: &Path) -> Option<Result<(PathBuf, GlobRule), Failure>> {
    if argument.symlink_metadata().is_ok() {
        return None;
    }
    let is_special = |part: &Component<'_>| {
        let part = part.as_os_str().to_str();
        part.is_some_and(|part| part.contains(SPECIAL))
    };
    let mut base = PathBuf::new();
    let mut rest: Vec<&str> = Vec::new();
    for part in argument.components() {
        if rest.is_empty() && !is_special(&part) {
            base.push(part);
        } else {
            rest.push(part.as_os_str().to_str()?);
        }
    }
    if rest.is_empty() {
        return None;
    }
    let pattern = rest.join("/");
    let built = GlobBuilder::new(&pattern)
        .literal_separator(true)
        .build()
        .map(|glob| GlobRule {
            matcher: glob.compile_matcher(),
            depth: (!pattern.contains("**")).then_some(rest.len()),
            hidden: pattern.starts_with('.') || pattern.contains("/."),
        });
    let faulty = |error: globset::Error| {
        let argument = show::path(argument);
        Failure::misused(format!("{argument}: not a glob: {}", error.kind()))
    };
    Some(built.map(|rule| (base, rule)).map_err(faulty))
}

/// Adds what the rule takes, by name. `below` is the place relative to `base`.
fn walk(base: &Path, below: &Path, rule: &impl Rule, found: &mut Vec<Input>) {
    let folder = base.join(below);
    let listed = if folder.as_os_str().is_empty() {
        fs::read_dir(".")
    } else {
        fs::read_dir(&folder)
    };
    let entries: Result<Vec<_>, _> = listed.and_then(Iterator::collect);
    let Ok(mut entries) = entries else {
        found.push(Input {
            name: folder,
            below: below.to_path_buf(),
        });
        return;
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let below = below.join(entry.file_name());
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        let name = base.join(&below);
        if kind.is_dir() {
            if rule.enters(&below) {
                walk(base, &below, rule, found);
            }
        } else if (kind.is_file() || name.is_file()) && rule.takes(&below, kind.is_symlink()) {
            found.push(Input { name, below });
        }
    }
}
