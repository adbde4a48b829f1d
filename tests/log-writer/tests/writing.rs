//! A short log: every kind of approval that a long one has is in its first hundred.

use std::path::Path;
use std::process::Command;

#[test]
fn a_short_log_is_written_to_its_end() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("a-short-log");
    let _ = std::fs::remove_dir_all(&folder);
    let mut writer = Command::new(env!("CARGO_BIN_EXE_velum-log-writer"));
    let told = writer.arg(&folder).arg("3000").output().unwrap();
    let error = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success(), "{error}");
    assert!(told.stdout.starts_with(b"audit.example.org/velum/2026+"));
    let head = std::fs::read_to_string(folder.join("checkpoint")).unwrap();
    let size: u64 = head.lines().nth(1).unwrap().parse().unwrap();
    assert!(size >= 3000, "{head}");
    std::fs::remove_dir_all(&folder).unwrap();
}
