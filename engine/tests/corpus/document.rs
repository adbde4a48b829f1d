//! The tables of `docs/detectors.md`: they come from the code and from the run over the corpus.

use std::fmt::Write as _;
use std::path::Path;

use velum_engine::{Class, DetectorDoc};

use crate::judge::Counts;
use crate::sample::Place;
use crate::targets::{TARGETS, count};

const FILE: &str = "../docs/detectors.md";
const END: &str = "<!-- End of the table. -->\n";

/// Compares the tables with those of the document; with `VELUM_WRITE_DOCS=1` they are written.
pub(crate) fn check(counts: &Counts) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let found = std::fs::read_to_string(&file).unwrap();
    let mut expected = found.clone();
    for (name, table) in [
        ("detectors", detectors()),
        ("figures", figures(counts)),
        ("classes", classes()),
    ] {
        expected = with_table(&expected, name, &table);
    }
    if std::env::var_os("VELUM_WRITE_DOCS").is_some_and(|value| value == "1") {
        std::fs::write(&file, expected).unwrap();
    } else {
        assert!(
            found == expected,
            "docs/detectors.md is out of date: run VELUM_WRITE_DOCS=1 cargo test -p velum-engine"
        );
    }
}

fn with_table(document: &str, name: &str, table: &str) -> String {
    let begin = format!(
        "<!-- The table of {name} is generated: VELUM_WRITE_DOCS=1 cargo test -p velum-engine -->\n"
    );
    let (before, rest) = document.split_once(&begin).expect("the table begins");
    let (_, after) = rest.split_once(END).expect("the table ends");
    [before, &begin, table, END, after].concat()
}

fn detectors() -> String {
    let mut table = String::from(
        "| detector | class | finds | only behind a label | example |\n| --- | --- | --- | --- | --- |\n",
    );
    for doc in DetectorDoc::ALL {
        let (before, after) = doc.example;
        let label = match doc.needs_label {
            "" => "nothing",
            label => label,
        };
        writeln!(
            table,
            "| `{}` | {} | {} | {label} | `{}` → `{}` |",
            doc.name,
            doc.class,
            doc.finds,
            one_line(before),
            one_line(after),
        )
        .unwrap();
    }
    table
}

fn one_line(text: &str) -> String {
    text.trim_end().replace('\n', "\\n")
}

fn figures(counts: &Counts) -> String {
    let mut table = String::from(
        "| detector | values | JSON: found | right | prose: found | right | encoded: found | exact |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for target in TARGETS {
        let [json, prose, encoded] = Place::ALL.map(|place| count(counts, target.detector, place));
        let values = json.values + prose.values + encoded.values;
        let exact = [json, prose, encoded].map(|count| count.exact() * f64::from(count.values));
        let exact = exact.iter().sum::<f64>() / f64::from(values);
        writeln!(
            table,
            "| `{}` | {values} | {:.1} % | {:.1} % | {:.1} % | {:.1} % | {:.1} % | {exact:.1} % |",
            target.detector,
            json.recall(),
            json.precision(),
            prose.recall(),
            prose.precision(),
            encoded.recall(),
        )
        .unwrap();
    }
    table
}

fn classes() -> String {
    let mut table =
        String::from("| class | Safe Harbor | what | detectors |\n| --- | --- | --- | --- |\n");
    for class in Class::ALL {
        let found = DetectorDoc::ALL.iter().filter(|doc| doc.class == *class);
        let found: Vec<_> = found.map(|doc| format!("`{}`", doc.name)).collect();
        let letter = class.safe_harbor().map_or("–".to_owned(), String::from);
        writeln!(
            table,
            "| `{class}` | {letter} | {} | {} |",
            class.about(),
            found.join(", ")
        )
        .unwrap();
    }
    table
}
