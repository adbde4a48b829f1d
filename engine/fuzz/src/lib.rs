//! Properties of the engine, and of what the filter reads, as fuzz targets.
//!
//! A target is a plain function of bytes that panics where a property does not hold. Three things
//! run them: libFuzzer (`cargo xtask fuzz`), the mutation loop of [`mutate`] where there is no C++
//! compiler, and the test `corpora_replay`, which shows every file of `engine/fuzz/corpus` to its
//! target. Bytes that are no use to a target are passed over.
//!
//! A target that finds a fault gets the input, made small, into its corpus together with the mend.

mod check;
pub mod corpora;
pub mod mutate;
mod targets;

use targets::{
    detectors, forms, idempotence, inflate, inside, labels, multipart, operators, pairs, policy,
    splits, structs, tokenizer,
};

/// A target by the name of its corpus.
pub struct Target {
    /// The name of its folder in `engine/fuzz/corpus`.
    pub name: &'static str,
    /// Panics where a property does not hold.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target {
        name: "tokenizer",
        run: tokenizer::target,
    },
    Target {
        name: "splits",
        run: splits::target,
    },
    Target {
        name: "policy",
        run: policy::target,
    },
    Target {
        name: "labels",
        run: labels::target,
    },
    Target {
        name: "operators",
        run: operators::target,
    },
    Target {
        name: "idempotence",
        run: idempotence::target,
    },
    Target {
        name: "detectors",
        run: detectors::target,
    },
    Target {
        name: "inside",
        run: inside::target,
    },
    Target {
        name: "forms",
        run: forms::target,
    },
    Target {
        name: "multipart",
        run: multipart::target,
    },
    Target {
        name: "inflate",
        run: inflate::target,
    },
    Target {
        name: "structs",
        run: structs::target,
    },
    Target {
        name: "pairs",
        run: pairs::target,
    },
];

/// The target of that name.
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
