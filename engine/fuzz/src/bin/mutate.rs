//! `velum-fuzz-mutate <target> <seconds> <artifacts>`: the loop of mutations over the corpus.
#![expect(clippy::print_stdout, reason = "a terminal program prints")]

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use velum_engine_fuzz::{corpora, find, mutate};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, seconds, artifacts] = arguments.as_slice() else {
        println!("velum-fuzz-mutate <target> <seconds> <artifacts>");
        return ExitCode::FAILURE;
    };
    let (Some(target), Ok(seconds)) = (find(name), seconds.parse()) else {
        println!("no such target, or no number of seconds");
        return ExitCode::FAILURE;
    };
    let inputs = corpora::read(&corpora::corpus(name)).unwrap_or_default();
    let inputs: Vec<Vec<u8>> = inputs.into_iter().map(|(_, input)| input).collect();
    let seed = u64::from(std::process::id());
    let run = mutate::run(target, &inputs, Duration::from_secs(seconds), seed);
    println!("executions: {}", run.executions);
    let Some(input) = run.failed else {
        return ExitCode::SUCCESS;
    };
    let path = Path::new(artifacts).join(format!("panic-{seed}"));
    match std::fs::write(&path, input) {
        Ok(()) => println!("failed: {}", path.display()),
        Err(error) => println!("failed, and {} cannot be written: {error}", path.display()),
    }
    ExitCode::FAILURE
}
