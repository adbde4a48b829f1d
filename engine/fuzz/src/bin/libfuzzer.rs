//! libFuzzer's program: the target is named by the variable `VELUM_FUZZ_TARGET`. It is built by
//! `cargo xtask fuzz` with the coverage that libFuzzer wants.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use velum_engine_fuzz::{TARGETS, Target, find};

static TARGET: LazyLock<Option<&Target>> = LazyLock::new(|| {
    let name = std::env::var("VELUM_FUZZ_TARGET").unwrap_or_default();
    find(&name).or(TARGETS.first())
});

fuzz_target!(|data: &[u8]| {
    if let Some(target) = *TARGET {
        (target.run)(data);
    }
});
