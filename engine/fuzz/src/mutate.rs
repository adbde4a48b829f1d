//! A simple loop of mutations, where libFuzzer cannot be built: it knows nothing of coverage.

use std::panic::catch_unwind;
use std::time::{Duration, Instant};

use crate::Target;

/// Longer inputs are cut.
const LONGEST: usize = 4096;

/// What JSON is made of, and what rules look for.
const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\u0061",
    "\\ud83d",
    "\\ude00",
    "null",
    "true",
    "1e3",
    "-0",
    "\"a\":",
    "\"value\":",
    "\"system\":",
    "[masked:ssn]",
    "123-45-6789",
    "1936-08-18",
    "\n",
    "\u{FEFF}",
    "é",
];

/// How a run ended.
pub struct Run {
    /// How many inputs the target has seen.
    pub executions: u64,
    /// The input that made it panic.
    pub failed: Option<Vec<u8>>,
}

/// Shows the target every input, and mutations of them until the time is up or it panics.
pub fn run(target: &Target, inputs: &[Vec<u8>], limit: Duration, seed: u64) -> Run {
    let started = Instant::now();
    let mut random = Random(seed);
    let mut executions = 0;
    let mut fails = |input: &[u8]| {
        executions += 1;
        catch_unwind(|| (target.run)(input)).is_err()
    };
    if let Some(input) = inputs.iter().find(|input| fails(input)) {
        return Run {
            executions,
            failed: Some(input.clone()),
        };
    }
    while started.elapsed() < limit {
        let input = random.mutation(inputs);
        if fails(&input) {
            return Run {
                executions,
                failed: Some(input),
            };
        }
    }
    Run {
        executions,
        failed: None,
    }
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) >> 33).unwrap_or_default() % limit.max(1)
    }

    fn pick(&mut self, inputs: &[Vec<u8>]) -> Vec<u8> {
        let at = self.below(inputs.len());
        inputs.get(at).cloned().unwrap_or_default()
    }

    fn mutation(&mut self, inputs: &[Vec<u8>]) -> Vec<u8> {
        let mut input = self.pick(inputs);
        for _ in 0..=self.below(4) {
            let at = self.below(input.len() + 1);
            let end = (at + self.below(16)).min(input.len());
            match self.below(5) {
                0 => drop(input.drain(at..end)),
                1 => {
                    let word = WORDS.get(self.below(WORDS.len())).copied();
                    input.splice(at..at, word.unwrap_or_default().bytes());
                }
                2 => {
                    let byte = u8::try_from(self.below(256)).unwrap_or_default();
                    input.splice(at..(at + 1).min(input.len()), [byte]);
                }
                3 => {
                    let copied = input.get(at..end).unwrap_or_default().to_vec();
                    let to = self.below(input.len() + 1);
                    input.splice(to..to, copied);
                }
                _ => {
                    let other = self.pick(inputs);
                    let from = self.below(other.len() + 1);
                    input.truncate(at);
                    input.extend(other.get(from..).unwrap_or_default());
                }
            }
            input.truncate(LONGEST);
        }
        input
    }
}
