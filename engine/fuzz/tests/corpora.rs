//! What is kept in the corpora goes through its target.

use velum_engine_fuzz::{TARGETS, corpora};

/// A corpus is to be read by people: few files, and small ones.
const MOST_FILES: usize = 40;
const MOST_BYTES: usize = 4096;

#[test]
fn corpora_replay() {
    for target in TARGETS {
        let inputs = corpora::read(&corpora::corpus(target.name)).unwrap();
        let count = inputs.len();
        assert!(
            (5..=MOST_FILES).contains(&count),
            "{}: {count}",
            target.name
        );
        for (path, input) in inputs {
            assert!(input.len() <= MOST_BYTES, "{}", path.display());
            let outcome = std::panic::catch_unwind(|| (target.run)(&input));
            assert!(outcome.is_ok(), "{}", path.display());
        }
    }
}
