//! `tidy`: the house's own rules, which no compiler and no lint knows.
//!
//! Each rule is a function from what it reads to the faults it finds, and has a test that shows it
//! can fail.

mod dependencies;
mod documents;
mod envoy_files;
mod invented_data;
mod packages;
mod pictures;
mod sources;

use std::path::Path;

use clap::CommandFactory;
use pictures::Picture;

use crate::{Result, say, workspace};

/// A text file of the checkout.
struct File {
    /// Relative to the checkout, with `/`.
    path: String,
    text: String,
}

impl File {
    fn has_extension(&self, extensions: &[&str]) -> bool {
        let extension = Path::new(&self.path)
            .extension()
            .and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| extensions.contains(&extension))
    }
}

/// Applies every rule and reports every fault.
pub(crate) fn run() -> Result {
    say::step("tidy");
    let metadata = workspace::metadata()?;
    let files = read_files()?;
    let commands: Vec<String> = crate::Arguments::command()
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    let rules = [
        ("dependencies", dependencies::check(&metadata)),
        ("packages", packages::check(&metadata, &files)),
        ("sources", sources::check(&files)),
        (
            "documents",
            documents::check(&files, &documents::Names::new(&metadata, commands)),
        ),
        ("envoy files", envoy_files::check(&files)),
        ("invented data", invented_data::check(&files)),
        ("pictures", pictures::check(&read_pictures()?, &files)),
    ];
    let mut faults = 0;
    for (rule, found) in &rules {
        for fault in found {
            say::result(&format!("tidy: {rule}: {fault}"));
        }
        faults += found.len();
    }
    match faults {
        0 => {
            say::result(&format!(
                "tidy: {} rules hold over {} files",
                rules.len(),
                files.len()
            ));
            Ok(())
        }
        1 => Err("tidy: 1 fault".to_owned()),
        _ => Err(format!("tidy: {faults} faults")),
    }
}

/// Every text file; what is not UTF-8 is no text. Pictures are there by their names.
fn read_files() -> Result<Vec<File>> {
    let files = workspace::files()?.into_iter().filter_map(|path| {
        let text = std::fs::read_to_string(workspace::root().join(&path)).ok();
        let path = path.to_str()?.replace('\\', "/");
        let text = text.or_else(|| Picture::is_one(&path).then(String::new))?;
        Some(File { path, text })
    });
    Ok(files.collect())
}

/// Every picture.
fn read_pictures() -> Result<Vec<Picture>> {
    let pictures = workspace::files()?.into_iter().filter_map(|path| {
        let name = path.to_str()?.replace('\\', "/");
        let found = Picture::is_one(&name).then_some(name)?;
        let bytes = std::fs::metadata(workspace::root().join(&path)).ok()?.len();
        Some(Picture { path: found, bytes })
    });
    Ok(pictures.collect())
}

#[cfg(test)]
fn file(path: &str, text: &str) -> File {
    File {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}
