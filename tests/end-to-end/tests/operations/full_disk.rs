//! The volume of the service's database is full: masking goes on, and nothing is released.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use velum_end_to_end::stage::{Stage, assert_masked, figure, problem};

/// A small file system over a folder, with what was in the folder; it goes when this is dropped.
struct Volume(PathBuf);

impl Volume {
    /// None where the system lets nothing be mounted.
    fn over(folder: &Path) -> Option<Self> {
        let kept = folder.with_extension("kept");
        std::fs::rename(folder, &kept).expect("the folder");
        std::fs::create_dir(folder).expect("a folder");
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", "size=8192k,mode=0700", "tmpfs"]);
        let mounted = mount.arg(folder).stderr(Stdio::null()).status();
        if !mounted.is_ok_and(|status| status.success()) {
            return None;
        }
        for file in std::fs::read_dir(&kept).expect("the folder") {
            let file = file.expect("a file");
            std::fs::copy(file.path(), folder.join(file.file_name())).expect("a copy");
        }
        Some(Self(folder.to_owned()))
    }

    fn fill(&self) {
        let mut file = File::create(self.0.join("ballast")).expect("a file");
        while file.write_all(&[0; 4096]).is_ok() {}
        while file.write_all(&[0]).is_ok() {}
    }

    fn empty(&self) {
        std::fs::remove_file(self.0.join("ballast")).expect("the ballast");
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[expect(clippy::print_stderr, reason = "a test that does not run must say so")]
fn skipped(test: &str) {
    let why = "skipped: no file system can be mounted here (run as root)";
    eprintln!("{test}: {why}");
    figure(test, why);
}

#[tokio::test]
async fn a_full_database_volume_lets_masking_go_on_and_reviews_go_on_when_there_is_room() {
    let test = "a_full_database_volume_lets_masking_go_on_and_reviews_go_on_when_there_is_room";
    let mut stage = Stage::with_patients().await;
    stage.service.stop();
    let Some(volume) = Volume::over(&stage.service.data_dir()) else {
        return skipped(test);
    };
    stage.service.restart().await.expect("the service starts");
    volume.fill();
    let (mut worst, mut refused, mut masked) = (Duration::ZERO, 0, 0);
    // What is written first may still find room.
    while refused < 20 && masked < 400 {
        let path = format!("/Patient/p{masked}");
        let begun = Instant::now();
        let asked = stage.ask(&path, "name", 1).send().await.expect("an answer");
        assert_masked(&asked.text());
        if problem(&asked) == (503, "approval-unavailable".into()) {
            refused += 1;
            worst = worst.max(begun.elapsed());
        }
        let plain = stage.agent("GET", &path).send().await.expect("an answer");
        assert_eq!(plain.status, 200);
        assert_masked(&plain.text());
        masked += 1;
    }
    assert_eq!(refused, 20, "the volume was never full");
    assert!(worst < Duration::from_secs(1), "{worst:?}");
    volume.empty();
    let again = stage.ask("/Patient/again", "name", 1).send().await;
    assert_eq!(
        problem(&again.expect("an answer")),
        (403, "approval-required".into()),
        "it recovers"
    );
    figure(
        test,
        &format!(
            "{masked} answers masked meanwhile; {refused} asks were each 503 to the caller within {} ms",
            worst.as_millis()
        ),
    );
}
