//! The examples of `docs/mask.md`, `docs/policy-tests.md` and `docs/profiles.md`, run as written.

use std::path::Path;
use std::process::Command;

use crate::program::Folder;

/// Commands and what they print, from the `console` blocks; `> ` goes on with a command.
fn examples(text: &str) -> Vec<(String, String)> {
    let mut examples: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if let Some(language) = line.strip_prefix("```") {
            inside = !inside && language == "console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            examples.push((command.to_owned(), String::new()));
        } else if let Some(more) = line.strip_prefix('>').filter(|_| inside) {
            let (command, _) = examples.last_mut().expect("a command first");
            command.extend(["\n", more.strip_prefix(' ').unwrap_or(more)]);
        } else if inside {
            let (_, printed) = examples.last_mut().expect("a command first");
            printed.extend([line, "\n"]);
        }
    }
    examples
}

#[test]
fn the_examples_of_the_documents_print_what_they_say() {
    for (document, least) in [
        ("docs/mask.md", 11),
        ("docs/policy-tests.md", 7),
        ("docs/profiles.md", 10),
    ] {
        run_examples(document, least);
    }
}

fn run_examples(document: &str, least: usize) {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = std::fs::read_to_string(project.join(document)).unwrap();
    let folder = Folder::new();
    let program = Path::new(env!("CARGO_BIN_EXE_velum")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", program.display());
    let examples = examples(&text);
    assert!(examples.len() >= least, "{}", examples.len());
    for (command, expected) in examples {
        let output = Command::new("sh")
            .args(["-c", &format!("exec 2>&1; {command}")])
            .current_dir(folder.path())
            .env("PATH", &path)
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(printed, expected, "{command}");
    }
}

/// Nobody listens there: a command that gets as far as asking was written rightly.
#[test]
fn the_commands_about_approvals_are_written_as_they_are() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = std::fs::read_to_string(project.join("docs/approving.md")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_velum")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let id = "0193e0c2-7d1b-7cc0-a111-3f4a5b6c7d8e";
    let commands: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("velum "))
        .collect();
    assert!(commands.len() > 20, "{commands:?}");
    for command in commands {
        let command = command
            .replace("ID", id)
            .replace("if-version N", "if-version 3");
        let output = Command::new("sh")
            .args(["-c", &command])
            .env("PATH", &path)
            .env("VELUM_URL", "http://127.0.0.1:1")
            .env("VELUM_TOKEN", "token")
            .output()
            .unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(
            errors.starts_with("velum: http://127.0.0.1:1: "),
            "{command}: {errors}"
        );
    }
}

/// Neither a service nor a folder is there: a command that gets as far as looking for one was written
/// rightly.
#[test]
fn the_commands_about_the_audit_log_are_written_as_they_are() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = std::fs::read_to_string(project.join("docs/audit.md")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_velum")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let text = text.replace("\\\n", " ");
    let commands: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("velum audit "))
        .collect();
    assert!(commands.len() > 12, "{commands:?}");
    let folder = Folder::new();
    for command in commands {
        let id = "0193e0c2-7d1b-7cc0-a111-3f4a5b6c7d8e";
        let salt = "A".repeat(43);
        let command = command
            .replace(" ID", &format!(" {id}"))
            .replace(" SALT", &format!(" {salt}"));
        let output = Command::new("sh")
            .args(["-c", &command])
            .current_dir(folder.path())
            .env("PATH", &path)
            .env("VELUM_URL", "http://127.0.0.1:1")
            .env("VELUM_TOKEN", "token")
            .output()
            .unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        let is_unanswered = errors.starts_with("velum: http://127.0.0.1:1: ");
        let is_unread = output.status.code() == Some(3) && errors.contains(": cannot be read: ");
        assert!(is_unanswered || is_unread, "{command}: {errors}");
    }
}

/// Every option is explained in the document, and the other way round.
#[test]
fn the_document_names_the_options_that_there_are() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = std::fs::read_to_string(project.join("docs/mask.md")).unwrap();
    let help = crate::program::velum(&["mask", "--help"]).output;
    let options = |text: &str| -> std::collections::BTreeSet<String> {
        text.split(|next: char| !next.is_ascii_lowercase() && next != '-')
            .filter(|word| word.starts_with("--") && !word.ends_with('-'))
            .map(str::to_owned)
            .collect()
    };
    let (named, known) = (options(&text), options(&help));
    // Of cargo and of `--help` itself.
    let other = ["--locked", "--path", "--help"];
    for option in named.symmetric_difference(&known) {
        assert!(other.contains(&option.as_str()), "{option}");
    }
}
