//! The volume of the service's database is full: masking goes on, and nothing is released.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use velum_end_to_end::stage::{REVIEWER, Setup, Stage, assert_masked, figure, patients, problem};
use velum_harness::Postgres;

/// A small file system over a folder, with what was in the folder; it goes when this is dropped.
struct Volume(PathBuf);

impl Volume {
    /// None where the system lets nothing be mounted.
    fn over(folder: &Path) -> Option<Self> {
        let kept = folder.with_extension("kept");
        std::fs::rename(folder, &kept).expect("the folder");
        std::fs::create_dir(folder).expect("a folder");
        let volume = Self::at(folder, "size=8192k,mode=0700")?;
        for file in std::fs::read_dir(&kept).expect("the folder") {
            let file = file.expect("a file");
            std::fs::copy(file.path(), folder.join(file.file_name())).expect("a copy");
        }
        Some(volume)
    }

    /// The same over an empty folder.
    fn at(folder: &Path, options: &str) -> Option<Self> {
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]);
        let mounted = mount.arg(folder).stderr(Stdio::null()).status();
        let is_mounted = mounted.is_ok_and(|status| status.success());
        is_mounted.then(|| Self(folder.to_owned()))
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

/// Has the service write a little: a stop of somebody who asks for nothing. Tells the status.
async fn write(stage: &Stage) -> u16 {
    let nobody = json!({"kind": "jwt", "issuer": "https://nobody.example", "subject": "nobody"});
    let stop = json!({"scope": {"kind": "principal", "identity": nobody}});
    let answer = stage.reviewer(REVIEWER).post("/v1/stops", &stop).await;
    answer.expect("an answer").status
}

/// PostgreSQL that cannot write its log gives up at once, and does not come back before there is room.
#[tokio::test]
async fn a_postgres_without_room_for_its_log_lets_masking_go_on_and_reviews_go_on_when_it_is_back()
{
    // A transaction is tried again for two seconds.
    const MOST: Duration = Duration::from_secs(4);
    let test =
        "a_postgres_without_room_for_its_log_lets_masking_go_on_and_reviews_go_on_when_it_is_back";
    let folder = tempfile::tempdir().expect("a folder");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).expect("its mode");
    let Some(volume) = Volume::at(folder.path(), "size=128m,mode=0755") else {
        return skipped(test);
    };
    let mut server = Postgres::start_with_log_in(folder.path())
        .await
        .expect("PostgreSQL");
    let mut setup = Setup::new(patients);
    setup.service = format!("[store]\nengine = \"postgres\"\nurl = {:?}", server.url());
    let stage = setup.start().await;
    let before = stage.ask("/Patient/before", "name", 1).send().await;
    let required = (403, "approval-required".to_owned());
    assert_eq!(problem(&before.expect("an answer")), required);

    volume.fill();
    let (mut worst, mut refused, mut masked) = (Duration::ZERO, 0, 0);
    // There is room in the files that are there, and may be once more when it has come back by itself.
    for _ in 0..5_000 {
        if refused == 20 {
            break;
        }
        if write(&stage).await == 201 {
            continue;
        }
        let path = format!("/Patient/p{masked}");
        let begun = Instant::now();
        let asked = stage.ask(&path, "name", 1).send().await.expect("an answer");
        assert_masked(&asked.text());
        if problem(&asked).0 == 503 {
            assert_eq!(problem(&asked).1, "approval-unavailable");
            refused += 1;
            worst = worst.max(begun.elapsed());
        }
        let plain = stage.agent("GET", &path).send().await.expect("an answer");
        assert_eq!(plain.status, 200);
        assert_masked(&plain.text());
        masked += 1;
    }
    assert_eq!(refused, 20, "the volume was never full");
    assert!(worst < MOST, "{worst:?}");
    assert!(server.log().contains("No space left on device"));

    volume.empty();
    let has_ended = server.has_ended().expect("a process");
    if has_ended {
        // As whoever supervises it does.
        server.restart().await.expect("PostgreSQL starts");
    }
    let begun = Instant::now();
    loop {
        let again = stage.ask("/Patient/again", "name", 1).send().await;
        let again = problem(&again.expect("an answer"));
        if again == required {
            break;
        }
        assert_eq!(again, (503, "approval-unavailable".to_owned()));
        assert!(begun.elapsed() < Duration::from_secs(30), "it recovers");
    }
    figure(
        test,
        &format!(
            "{masked} answers masked meanwhile; {refused} asks were each 503 to the caller within {} ms; PostgreSQL {}; \
             the same service went on {} ms after it was back",
            worst.as_millis(),
            if has_ended {
                "gave up and was started again"
            } else {
                "came back by itself"
            },
            begun.elapsed().as_millis()
        ),
    );
    drop(stage);
    drop(server);
}
