//! Invented patients, one a seed.

use crate::dates::dates;
use crate::harvest::search_for;
use crate::masked;
use crate::place::Types;
use crate::report::Table;
use crate::resources::{Body, body, read};
use crate::tree::Tree;
use crate::utility::losses;

const SEEDS: u64 = 1000;

/// Seeds of the tables, from the environment.
fn seeds() -> u64 {
    let seeds = std::env::var("VELUM_SEEDS").ok();
    seeds.map_or(200, |seeds| seeds.parse().expect("VELUM_SEEDS is a number"))
}

/// What every seed's body and output go through.
fn each(seeds: u64, mut see: impl FnMut(&str, &Body, &str)) {
    for seed in 0..seeds {
        let body = body(seed);
        let out = masked(body.text.as_bytes(), body.is_lines);
        see(&format!("seed {seed}"), &body, &out);
    }
}

fn leaks(seeds: u64) -> Table {
    let mut table = Table::default();
    each(seeds, |source, body, out| {
        let mut documents = body.documents();
        let types = Types::read(&documents);
        // A resource of its own may say the name of a patient whom it does not describe.
        documents.push(Tree::read(&body.patient));
        let mut search = search_for(&documents);
        for document in read(out, body.is_lines) {
            for leak in search.leaks(&document, &types) {
                table.leak(source, &leak, true);
            }
        }
    });
    table
}

fn fine_dates(seeds: u64) -> Table {
    let mut table = Table::default();
    each(seeds, |source, body, out| {
        let types = Types::read(&body.documents());
        for document in read(out, body.is_lines) {
            dates(source, &document, &types, &mut table);
        }
    });
    table
}

fn changes(seeds: u64) -> Table {
    let mut table = Table::default();
    each(seeds, |source, body, out| {
        let (before, after) = (body.documents(), read(out, body.is_lines));
        assert_eq!(before.len(), after.len(), "{source}: a line is a line");
        for (before, after) in before.iter().zip(&after) {
            losses(source, before, after, &mut table);
        }
    });
    table
}

#[test]
fn nothing_about_a_patient_leaks() {
    leaks(SEEDS).must_be_empty("values of the patient in the output:");
}

#[test]
fn no_date_is_finer_than_a_year() {
    fine_dates(SEEDS).must_be_empty("dates in the output that are finer than a year:");
}

#[test]
fn what_the_policy_does_not_name_is_the_same() {
    changes(SEEDS).must_be_empty("what is changed and should not be:");
}

#[test]
#[ignore = "prints lists to work through, and fails for nothing"]
#[expect(clippy::print_stdout, reason = "the lists are what it is for")]
fn table() {
    let seeds = seeds();
    let (leaks, dates) = (leaks(seeds), fine_dates(seeds));
    println!("leaks over {seeds} seeds\n{}", leaks.places());
    println!("dates finer than a year\n{}", dates.places());
    println!("leaks by the end of their path\n{}", leaks.ends());
    println!("dates by the end of their path\n{}", dates.ends());
    println!("changes that should not be\n{}", changes(seeds).rows());
}
