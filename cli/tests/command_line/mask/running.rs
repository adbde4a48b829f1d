//! Many inputs at once, long work, and ends that come early.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::program::{self, Folder};

/// Large ones among small ones, so that threads end in another order than they began.
fn many(folder: &Folder) -> Vec<String> {
    let names: Vec<String> = (0..150).map(|at| format!("in/{at:03}.ndjson")).collect();
    for (at, name) in names.iter().enumerate() {
        let lines = if at % 50 == 0 { 20_000 } else { 1 };
        folder.write(name, "{\"ssn\":\"123-45-6789\"}\n".repeat(lines));
    }
    names
}

#[test]
fn what_is_told_comes_in_the_order_of_the_inputs() {
    let folder = Folder::new();
    let names = many(&folder);
    folder.write("in/010.ndjson", "[");
    folder.write("in/100.ndjson", "[");
    let alone = folder.velum(&[
        "mask",
        "--profile",
        "pii",
        "--check",
        "--report",
        "--jobs",
        "1",
        "in",
    ]);
    assert_eq!(alone.code, Some(3));
    let mut found: Vec<&str> = alone
        .output
        .lines()
        .filter_map(|line| line.split('\t').next())
        .collect();
    found.dedup();
    let faultless = names
        .iter()
        .filter(|name| !["in/010.ndjson", "in/100.ndjson"].contains(&name.as_str()));
    assert!(found.iter().eq(faultless));
    assert!(alone.errors.ends_with(
        "velum: in/010.ndjson: JSON ends too early at byte 1\n\
         velum: in/100.ndjson: JSON ends too early at byte 1\nvelum: 2 of 150 inputs failed\n"
    ));
    for jobs in ["2", "7", "200"] {
        let outcome = folder.velum(&[
            "mask",
            "--profile",
            "pii",
            "--check",
            "--report",
            "--jobs",
            jobs,
            "in",
        ]);
        assert!(outcome == alone, "{jobs} jobs");
    }
}

#[test]
fn the_first_fault_ends_all_where_that_is_asked_for() {
    let folder = Folder::new();
    folder.write("a.json", "{}");
    folder.write("b.json", "[");
    folder.write("c.json", "{}");
    folder.write("d.json", "[");
    let arguments = [
        "mask",
        "--profile",
        "pii",
        ".",
        "-o",
        "../out",
        "--fail-fast",
        "--jobs",
        "1",
        "--report=json",
    ];
    let inner = Folder::new();
    for name in folder.files() {
        inner.write(&format!("in/{name}"), folder.read(&name));
    }
    let mut command = program::command(&arguments);
    command.current_dir(inner.at("in"));
    let outcome = program::run(command, "");
    assert_eq!(outcome.code, Some(3));
    let (report, told) = outcome.errors.split_once("velum: ").unwrap();
    assert_eq!(
        told,
        "./b.json: JSON ends too early at byte 1\n\
         velum: 1 of 4 inputs failed; 2 were not read to their end\n"
    );
    let report: serde_json::Value = serde_json::from_str(report).unwrap();
    let total = &report["total"];
    assert_eq!((&total["files"], &total["unread"]), (&2.into(), &2.into()));
    assert!(
        inner
            .files()
            .iter()
            .filter(|name| name.starts_with("out/"))
            .eq(["out/a.json"])
    );
}

/// A terminal of which the program's standard error is one end.
fn terminal() -> (File, File) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    (File::from(ours), theirs)
}

/// What slow work shows on a terminal, or on a pipe. It ends when this has been shown, or, where
/// nothing is to be shown, after a while.
fn shown(options: &[&str], on_terminal: bool, expected: Option<&str>) -> String {
    let mut command = program::command(
        &[
            &["mask", "--profile", "pii", "--framing", "ndjson"],
            options,
        ]
        .concat(),
    );
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let ours = on_terminal.then(|| {
        let (ours, theirs) = terminal();
        command.stderr(OwnedFd::from(theirs));
        ours
    });
    if !on_terminal {
        command.stderr(Stdio::piped());
    }
    let mut child = command.spawn().unwrap();
    // The terminal ends when nobody has the other end of it.
    drop(command);
    let errors: Box<dyn Read + Send> = match (ours, child.stderr.take()) {
        (Some(ours), _) => Box::new(ours),
        (None, errors) => Box::new(errors.unwrap()),
    };
    let pieces = pieces(errors);
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"{\"ssn\":\"123-45-6789\"}\n").unwrap();
    let mut text = String::new();
    match expected {
        Some(expected) => {
            while !text.contains(expected) {
                text += &pieces.recv_timeout(Duration::from_mins(1)).expect(expected);
            }
        }
        None => thread::sleep(Duration::from_millis(1700)),
    }
    drop(input);
    text.extend(pieces);
    let outcome = child.wait_with_output().unwrap();
    assert!(outcome.status.success());
    assert_eq!(outcome.stdout, b"{\"ssn\":\"[masked:ssn]\"}\n");
    text
}

/// What is read, as it comes. The end of a terminal is an error on Linux.
fn pieces(mut reader: Box<dyn Read + Send>) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = reader.read(&mut buffer) {
            let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
            if sender.send(text).is_err() {
                break;
            }
        }
    });
    receiver
}

#[test]
fn long_work_shows_progress_on_a_terminal_and_nowhere_else() {
    let line = "velum: 0 of 1 inputs, 22 B, ";
    let on_terminal = thread::spawn(|| shown(&[], true, Some(line)));
    let with_report = thread::spawn(|| shown(&["--report"], true, Some(line)));
    let silent = [
        thread::spawn(|| shown(&[], false, None)),
        thread::spawn(|| shown(&["--quiet"], true, None)),
        thread::spawn(|| shown(&["--no-progress"], true, None)),
    ];
    // Nothing of it is left.
    let text = on_terminal.join().unwrap();
    assert!(text.ends_with("\r\u{1b}[2K"), "{text:?}");
    // Whatever else is told has the line to itself.
    let text = with_report.join().unwrap();
    assert!(text.contains("\r\u{1b}[2K    masked"), "{text:?}");
    for silent in silent {
        assert_eq!(silent.join().unwrap(), "");
    }
}

/// Waits until a file under way is there.
fn wait_for_part(folder: &Folder, child: &mut Child) {
    for _ in 0..1000 {
        if folder.files().iter().any(|name| name.contains(".velum-")) {
            return;
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        thread::sleep(Duration::from_millis(5));
    }
    panic!("no file under way");
}

#[test]
fn who_is_asked_to_end_leaves_no_half_of_a_file() {
    let folder = Folder::new();
    // Some gigabytes, in frames.
    let lines = b"{\"ssn\":\"123-45-6789\"}\n".repeat(100_000);
    let file = zstd::encode_all(&lines[..], 1).unwrap().repeat(1000);
    folder.write("in/a.ndjson.zst", &file);
    for (signal, arguments) in [
        (Signal::INT, &["in", "--output", "out"][..]),
        (Signal::TERM, &["in", "--in-place"]),
        (Signal::HUP, &["--report", "--report-to", "report.txt"]),
    ] {
        // Whoever runs the tests in the background may have its signals ignored.
        let mut child = Command::new("env")
            .args(["--default-signal=INT,TERM,HUP", env!("CARGO_BIN_EXE_velum")])
            .args(["mask", "--profile", "pii"])
            .args(arguments)
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait_for_part(&folder, &mut child);
        kill_process(Pid::from_child(&child), signal).unwrap();
        // Waiting would close the input, and that would be an end, too.
        let input = child.stdin.take();
        let status = child.wait().unwrap();
        drop(input);
        assert_eq!(status.signal(), Some(signal.as_raw()), "{arguments:?}");
        assert_eq!(folder.files(), ["in/a.ndjson.zst"], "{arguments:?}");
    }
    assert!(std::fs::read(folder.at("in/a.ndjson.zst")).unwrap() == file);
}

/// As under `nohup`, and in the background of a script.
#[test]
fn a_signal_that_is_ignored_stays_ignored() {
    let folder = Folder::new();
    for (name, signal) in [("HUP", Signal::HUP), ("INT", Signal::INT)] {
        let run = format!(
            "trap '' {name}; exec '{}' mask --profile pii --report --report-to {name}",
            env!("CARGO_BIN_EXE_velum")
        );
        let mut child = Command::new("sh")
            .args(["-c", &run])
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        wait_for_part(&folder, &mut child);
        kill_process(Pid::from_child(&child), signal).unwrap();
        child.stdin.take().unwrap().write_all(b"{}").unwrap();
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(folder.files(), ["HUP", "INT"]);
}

/// A file under way is its owner's alone, whatever the input's permissions.
#[test]
fn a_file_under_way_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let mut child = program::command(&[
        "mask",
        "--profile",
        "pii",
        "--report",
        "--report-to",
        "report.txt",
    ])
    .current_dir(folder.path())
    .stdin(Stdio::piped())
    .stdout(Stdio::null())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    wait_for_part(&folder, &mut child);
    let files = folder.files();
    let known = std::fs::metadata(folder.at(&files[0])).unwrap();
    assert!(files[0].starts_with(".velum-"));
    assert_eq!(known.permissions().mode() & 0o777, 0o600);
    child.stdin.take().unwrap().write_all(b"{}").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(folder.files(), ["report.txt"]);
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let mut command = program::command(&["mask", "--profile", "pii"]);
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    command.stdout(File::options().write(true).open("/dev/full").unwrap());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"{\"a\":1}").unwrap();
    let outcome = child.wait_with_output().unwrap();
    assert_eq!(outcome.status.code(), Some(3));
    let errors = String::from_utf8(outcome.stderr).unwrap();
    assert!(
        errors.contains("velum: standard output: No space left"),
        "{errors}"
    );
}
