//! The volumes that the log depends on: how much room there is, and whether what is to be apart is.
//!
//! A volume that does not answer keeps one thread and the last figures of itself, and nobody waits for it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::config::{AnchorKind, Config};
use crate::http::App;
use crate::store::Place as StorePlace;

const EVERY: Duration = Duration::from_secs(10);
/// Below a fifth there is little room (NIST SP 800-53, AU-5(1): a warning at 80 %).
const LITTLE: f64 = 0.2;

/// Those of the configuration.
#[derive(Debug)]
pub(crate) struct Volumes {
    places: Vec<Arc<Place>>,
    /// Whether anything is asked at a start how far the log was.
    is_asked: bool,
    /// Whether the database is in the data folder: where another machine has it nothing is known of its volume.
    has_database: bool,
}

/// Something that is kept on one.
#[derive(Debug)]
struct Place {
    /// `data`, `fence`, or `anchor` with a name.
    name: String,
    path: PathBuf,
    latest: Mutex<Option<Measured>>,
    /// Whoever has it measures.
    turn: Mutex<()>,
}

/// What there is of one.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Measured {
    device: u64,
    free: u64,
    total: u64,
}

/// How one stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Standing {
    pub(crate) name: String,
    /// Bytes that this service may still write there.
    pub(crate) free: u64,
    /// Of so many.
    pub(crate) total: u64,
    pub(crate) is_low: bool,
    /// What else of these is on the same one.
    pub(crate) shares_with: Vec<String>,
}

impl Measured {
    fn ratio(self) -> f64 {
        ratio(self.free, self.total)
    }
}

/// How much of it is free, from 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "a ratio of sizes")]
pub(crate) fn ratio(free: u64, total: u64) -> f64 {
    if total == 0 {
        return 1.0;
    }
    free as f64 / total as f64
}

impl Place {
    fn latest(&self) -> MutexGuard<'_, Option<Measured>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn measure(&self) {
        let Ok(_turn) = self.turn.try_lock() else {
            return;
        };
        match measure(&self.path) {
            Ok(now) => self.note(now),
            Err(error) => tracing::warn!(volume = self.name, %error, "a volume cannot be measured"),
        }
    }

    /// Says once that there is little room, and once that there is more again.
    fn note(&self, now: Measured) {
        let before = self.latest().replace(now);
        let (is_low, was_low) = (
            now.ratio() < LITTLE,
            before.is_some_and(|it| it.ratio() < LITTLE),
        );
        if is_low && !was_low {
            tracing::warn!(
                volume = self.name,
                free_bytes = now.free,
                total_bytes = now.total,
                "less than a fifth of a volume is free: where it is full nothing is recorded, and so nothing released"
            );
        } else if was_low && !is_low {
            tracing::info!(volume = self.name, "there is room on a volume again");
        }
    }
}

/// The figures of the volume that a path is on, or will be.
fn measure(path: &Path) -> std::io::Result<Measured> {
    // What is not made yet will be where its folder is.
    let there = path.ancestors().find(|folder| folder.exists());
    let there = there.unwrap_or(Path::new("."));
    let figures = rustix::fs::statvfs(there)?;
    // As df(1) does it: what is kept for root is neither free nor used.
    let used = figures.f_blocks.saturating_sub(figures.f_bfree);
    let total = used.saturating_add(figures.f_bavail);
    Ok(Measured {
        device: there.metadata()?.dev(),
        free: figures.f_bavail.saturating_mul(figures.f_frsize),
        total: total.saturating_mul(figures.f_frsize),
    })
}

impl Volumes {
    pub(crate) fn of(config: &Config) -> Volumes {
        let mut places = vec![("data".to_owned(), config.data.clone())];
        if let Some(fence) = &config.audit.fence {
            places.push(("fence".to_owned(), fence.clone()));
        }
        for anchor in &config.audit.anchors.all {
            if let AnchorKind::File { path } = &anchor.kind {
                places.push((format!("anchor {}", anchor.name), path.clone()));
            }
        }
        let places = places.into_iter().map(|(name, path)| {
            Arc::new(Place {
                name,
                path,
                latest: Mutex::default(),
                turn: Mutex::default(),
            })
        });
        let mut anchors = config.audit.anchors.all.iter();
        let answers = |kind: &AnchorKind| {
            matches!(kind, AnchorKind::File { .. } | AnchorKind::Witness { .. })
        };
        Volumes {
            places: places.collect(),
            is_asked: config.audit.fence.is_some()
                || config.audit.signer.is_some()
                || anchors.any(|anchor| answers(&anchor.kind)),
            has_database: matches!(config.store, StorePlace::Folder(_)),
        }
    }

    /// How each of them stands that has answered.
    pub(crate) fn standings(&self) -> Vec<Standing> {
        let known: Vec<_> = self
            .places
            .iter()
            .filter_map(|place| Some((&place.name, (*place.latest())?)))
            .collect();
        let standing = |(name, one): &(&String, Measured)| Standing {
            name: (*name).clone(),
            free: one.free,
            total: one.total,
            is_low: one.ratio() < LITTLE,
            shares_with: known
                .iter()
                .filter(|(other, it)| other != name && it.device == one.device)
                .map(|(other, _)| (*other).clone())
                .collect(),
        };
        known.iter().map(standing).collect()
    }

    /// Whether there is little room on any of them.
    pub(crate) fn is_low(&self) -> bool {
        let mut all = self.places.iter();
        all.any(|place| place.latest().is_some_and(|it| it.ratio() < LITTLE))
    }

    /// Measures each in a thread of its own; waits a moment for those that answer.
    async fn measure(&self) {
        const PATIENCE: Duration = Duration::from_secs(1);
        let tasks = self.places.iter().map(|place| {
            let place = place.clone();
            tokio::task::spawn_blocking(move || place.measure())
        });
        for task in tasks.collect::<Vec<_>>() {
            let _ = tokio::time::timeout(PATIENCE, task).await;
        }
    }

    #[cfg(test)]
    pub(crate) fn pretend(&self, name: &str, free: u64, total: u64) {
        let place = self.places.iter().find(|place| place.name == name).unwrap();
        let device = 0;
        place.note(Measured {
            device,
            free,
            total,
        });
    }
}

/// Measures them until the service shuts down.
pub(crate) async fn run(app: App) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // The start has just measured them.
    ticks.tick().await;
    loop {
        tokio::select! {
            () = app.closing() => return,
            _ = ticks.tick() => app.parts().volumes.measure().await,
        }
    }
}

/// Measures them first, and says what is allowed and not recommended: what leaves a restored database unseen, and
/// what is not apart.
pub(crate) async fn begin(volumes: &Volumes) -> Vec<String> {
    volumes.measure().await;
    let mut warnings = Vec::new();
    if !volumes.is_asked {
        warnings.push(
            "audit: nothing is asked at a start how far the log was: a database that was restored from a backup would \
             not be seen, and grants that were used since would be good again. Configure audit.fence, or an anchor \
             that is a file or a witness"
                .to_owned(),
        );
    }
    for one in volumes.standings().iter().filter(|one| one.name != "data") {
        for other in &one.shares_with {
            let is_told = match other.as_str() {
                "data" => volumes.has_database,
                // Each pair is told once.
                other => one.name.as_str() < other,
            };
            if is_told {
                warnings.push(format!(
                    "audit: {} is on the same volume as {other}: what is lost or put back with the one is so with the \
                     other",
                    one.name
                ));
            }
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{CONFIGURATION, POLICY};

    #[tokio::test]
    async fn what_nothing_would_notice_and_what_is_not_apart_is_warned_of() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("policy.yaml"), POLICY).unwrap();
        let told = async |audit: &str| {
            let text = format!("{CONFIGURATION}\n{audit}");
            let config = Config::from_toml(&text, folder.path()).unwrap();
            begin(&Volumes::of(&config)).await
        };
        let alone = told("").await;
        assert_eq!(alone.len(), 1, "{alone:?}");
        assert!(
            alone[0].contains("nothing is asked at a start"),
            "{alone:?}"
        );
        // A temporary folder is one volume.
        let beside = told("[audit]\nfence = \"fence\"\n").await;
        assert_eq!(beside.len(), 1, "{beside:?}");
        assert!(beside[0].contains("fence is on the same volume as data"));
        let heads = "[[audit.anchors]]\nname = \"vault\"\nkind = \"file\"\npath = \"heads\"\n";
        let all = told(&format!("[audit]\nfence = \"fence\"\n{heads}")).await;
        assert_eq!(all.len(), 3, "{all:?}");
        // Elsewhere is nothing of this. Every Linux has another volume there.
        if Path::new("/dev/shm")
            .metadata()
            .is_ok_and(|it| it.dev() != folder.path().metadata().unwrap().dev())
        {
            assert_eq!(told("[audit]\nfence = \"/dev/shm/fence\"\n").await, [""; 0]);
        }
    }

    #[test]
    fn less_than_a_fifth_is_little_and_the_folder_of_what_is_not_made_yet_is_measured() {
        let folder = tempfile::tempdir().unwrap();
        let there = measure(folder.path()).unwrap();
        let later = measure(&folder.path().join("not/made/yet")).unwrap();
        assert_eq!((there.device, there.total), (later.device, later.total));
        assert!(there.total > 0 && there.free <= there.total);
        for (free, is_low) in [(0, true), (19, true), (20, false), (100, false)] {
            let measured = Measured {
                device: 0,
                free,
                total: 100,
            };
            assert_eq!(measured.ratio() < LITTLE, is_low, "{free}");
        }
        assert!(ratio(0, 0) >= LITTLE, "what has no size is not full");
    }
}
