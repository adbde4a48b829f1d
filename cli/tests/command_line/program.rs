//! Running the program, and a folder of files for it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What a run left behind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Outcome {
    pub(crate) fn ok(output: &str) -> Self {
        Self {
            code: Some(0),
            output: output.to_owned(),
            errors: String::new(),
        }
    }
}

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_velum"));
    command
        .args(arguments)
        .env_remove("VELUM_URL")
        .env_remove("VELUM_TOKEN");
    command
}

pub(crate) fn velum(arguments: &[&str]) -> Outcome {
    with_input(arguments, "")
}

pub(crate) fn with_input(arguments: &[&str], input: &str) -> Outcome {
    run(command(arguments), input)
}

pub(crate) fn run(command: Command, input: &str) -> Outcome {
    let output = run_bytes(command, input.as_bytes());
    Outcome {
        code: output.status.code(),
        output: String::from_utf8(output.stdout).unwrap(),
        errors: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Input is written by a thread of its own: a program that writes much waits for its reader.
pub(crate) fn run_bytes(mut command: Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // A program that does not read may be gone by now.
            let _ = pipe.write_all(input);
        });
        child.wait_with_output().unwrap()
    })
}

/// A folder that goes away at the end.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes a file, and returns its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path: PathBuf = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The path of a name in it.
    pub(crate) fn at(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    /// Runs the program in the folder.
    pub(crate) fn velum(&self, arguments: &[&str]) -> Outcome {
        let mut command = command(arguments);
        command.current_dir(self.0.path());
        run(command, "")
    }

    /// Every file in it, hidden ones too, in the order of their names.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        list(self.0.path(), self.0.path(), &mut files);
        files.sort();
        files
    }
}

fn list(base: &Path, folder: &Path, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            list(base, &path, files);
        } else {
            let name = path.strip_prefix(base).unwrap();
            files.push(name.to_str().unwrap().to_owned());
        }
    }
}
