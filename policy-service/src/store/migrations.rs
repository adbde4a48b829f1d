//! What brings a schema up to date: numbered steps that are never edited, for each engine.

use sqlx::migrate::{MigrateError, Migrator};

/// SQLite's steps.
pub(super) fn sqlite() -> Migrator {
    sqlx::migrate!("./migrations/sqlite")
}

/// PostgreSQL's. An advisory lock is what some engines do not have; each step is a transaction.
pub(super) fn postgres() -> Migrator {
    let mut migrator = sqlx::migrate!("./migrations/postgres");
    migrator.set_locking(false);
    migrator
}

/// The number of the last step.
pub(super) fn latest(migrator: &Migrator) -> i64 {
    let steps = migrator.iter().map(|step| step.version);
    steps.max().unwrap_or(0)
}

/// Why a schema is refused.
pub(super) fn fault(error: &MigrateError) -> String {
    match error {
        MigrateError::VersionMissing(number) => format!(
            "the store is of a later version of this program, which has migration {number}; an \
             earlier one cannot use it"
        ),
        MigrateError::VersionMismatch(number) => {
            format!("migration {number} is not the one that this program has")
        }
        error => format!("the schema cannot be brought up to date: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_engines_have_the_same_steps() {
        let names = |migrator: &Migrator| -> Vec<_> {
            let steps = migrator.iter();
            steps
                .map(|step| (step.version, step.description.clone()))
                .collect()
        };
        assert_eq!(names(&sqlite()), names(&postgres()));
    }

    #[test]
    fn a_released_step_is_never_edited() {
        let sums = |migrator: &Migrator| -> Vec<String> {
            let hex = |byte: &u8| format!("{byte:02x}");
            let steps = migrator.iter();
            steps
                .map(|step| step.checksum.iter().take(8).map(hex).collect())
                .collect()
        };
        // A new step adds a line; a line that changes breaks every store that has taken the step.
        assert_eq!(sums(&sqlite()), SQLITE);
        assert_eq!(sums(&postgres()), POSTGRES);
    }

    const SQLITE: [&str; 25] = [
        "1b3227397de8e7ab",
        "1862b42969acef44",
        "0afc45bc1b6752e2",
        "df437a5fe22d2fbb",
        "55f87718e519c942",
        "eb7239eee768936d",
        "67f54438325f40a3",
        "047e7f3167942d34",
        "3471f65d1b66c6d2",
        "f0e88f3d05ec4d4b",
        "d120845b35d86660",
        "7f1de0c593f57bdb",
        "27d20627b0544a50",
        "fb2dfa5e5917d5de",
        "fee1a276ac3ce532",
        "6bdef9cd0a9c0d87",
        "3a4317322dd518b4",
        "7874c12a55c0a52c",
        "a0ff1778ba24c2c0",
        "bd68b51115fcea3d",
        "9093c7c2a30eacda",
        "3cec554d55a6dc30",
        "1f677e85cd9ae008",
        "0c05e3221ff1a660",
        "faa490b7f6a1c2da",
    ];
    const POSTGRES: [&str; 25] = [
        "5c130d67f7336a20",
        "7f267b3525702ab4",
        "3678546bcddf5f87",
        "db20feb949656f71",
        "bffa49a9a7152e3d",
        "764fabd6dd371d4f",
        "a9bb83db47943409",
        "4c6cc47155bdd8a5",
        "3471f65d1b66c6d2",
        "871cc189b95cb679",
        "4489c6d0bbac84ce",
        "1480607b2b0f1a8b",
        "01a0d3391976a91f",
        "8ee4257c5b5faf33",
        "fc4276b21a3fb376",
        "d0c7a2f1f0bee901",
        "6952a2cb3041d67b",
        "c314ec581c5682ad",
        "a0ff1778ba24c2c0",
        "bd68b51115fcea3d",
        "d3ff75ae52361e88",
        "cedf760b34c2bac3",
        "dbb50940da5a399b",
        "b41b7650d2a06513",
        "24c8ffc8782ca824",
    ];
}
