//! The engine against the slow masker of `reference.rs`, byte for byte.

use std::fmt::Write as _;
use std::sync::Arc;

use velum_engine::{Framing, Options, Ruleset, Selector};

use crate::generate::{self, Random};
use crate::reference::tree::{Member, Node, Tree, parse};
use crate::reference::{Counts, How, Policy};
use crate::support::mask_chunks;

/// So many pairs of a policy and a document; four documents each policy.
const CASES: u64 = 100_000;
const DOCUMENTS: u64 = 4;
/// Threads that share the work.
const SHARES: u64 = 4;

/// What the engine makes of a body, or why it makes nothing of it.
fn engine(
    rules: &Arc<Ruleset>,
    options: Options,
    body: &str,
    cuts: &[usize],
) -> Result<(String, Counts), String> {
    let chunks = cuts
        .windows(2)
        .map(|pair| &body.as_bytes()[pair[0]..pair[1]]);
    let (out, result) = mask_chunks(rules, options, chunks);
    let report = result.map_err(|error| error.to_string())?;
    let counts = Counts {
        masked: report.masked_total(),
        lifted: report.lifted_total(),
    };
    let out = String::from_utf8(out).map_err(|error| error.to_string())?;
    Ok((out, counts))
}

/// What is wrong with how the engine masks the documents: one, or one a line.
fn disagreement(policy: &Policy, documents: &[Node], cuts: &[usize]) -> Option<String> {
    let rules = policy.ruleset().ok()?;
    let mut options = policy.options();
    if documents.len() > 1 {
        options.framing = Framing::Lines;
    }
    let mut body = String::new();
    let mut expected = String::new();
    let mut counts = Counts::default();
    for document in documents {
        if !body.is_empty() {
            body.push('\n');
            expected.push('\n');
        }
        body.push_str(&document.print());
        let (text, added) = policy.mask(document);
        expected.push_str(&text);
        counts.masked += added.masked;
        counts.lifted += added.lifted;
    }
    let whole = [0, body.len()];
    let cuts = if cuts.last() == Some(&body.len()) {
        cuts
    } else {
        &whole
    };
    match engine(&rules, options.clone(), &body, cuts) {
        Err(error) => Some(format!("{error}\n{body}")),
        Ok((out, _)) if out != expected => Some(format!(
            "body:     {body}\nengine:   {out}\nexpected: {expected}"
        )),
        Ok((_, found)) if found.masked != counts.masked => Some(format!(
            "body: {body}\nengine: {found:?}\nexpected: {counts:?}"
        )),
        Ok(_) if sees_itself(policy) => None,
        Ok(_) => {
            let again = engine(&rules, options, &expected, &[0, expected.len()]);
            match again {
                Ok((out, _)) if out == expected => None,
                other => Some(format!("body: {body}\nonce: {expected}\nagain: {other:?}")),
            }
        }
    }
}

/// Whether masked output may look different to the policy than the body did, because a label is
/// masked, and what hangs on it then is none of what recognises itself.
fn sees_itself(policy: &Policy) -> bool {
    let is_placeholder = |how| matches!(how, How::Redact | How::Partial(_));
    let are_placeholders = policy.rules.iter().all(|rule| is_placeholder(rule.how));
    policy.rules.iter().any(|rule| match &rule.select {
        Selector::Path(path) => path.contains('?') && (path.contains('!') || !are_placeholders),
        Selector::Keys(_) => false,
    })
}

/// Greedy deletion: as long as something can be left out and the fault stays, it is left out.
fn shrink(mut policy: Policy, mut documents: Vec<Node>) -> String {
    let fails =
        |policy: &Policy, documents: &[Node]| disagreement(policy, documents, &[]).is_some();
    loop {
        let smaller = smaller_policies(&policy)
            .into_iter()
            .find(|smaller| fails(smaller, &documents));
        if let Some(smaller) = smaller {
            policy = smaller;
            continue;
        }
        let smaller = smaller_documents(&documents)
            .into_iter()
            .find(|smaller| fails(&policy, smaller));
        match smaller {
            Some(smaller) => documents = smaller,
            None => break,
        }
    }
    let fault = disagreement(&policy, &documents, &[]).unwrap_or_default();
    format!("{policy:?}\n{fault}")
}

fn smaller_policies(policy: &Policy) -> Vec<Policy> {
    let mut smaller = Vec::new();
    for index in 0..policy.rules.len() {
        let mut without = policy.clone();
        without.rules.remove(index);
        smaller.push(without);
    }
    for index in 0..policy.exempt.len() {
        let mut without = policy.clone();
        without.exempt.remove(index);
        smaller.push(without);
    }
    for index in 0..policy.lift.len() {
        let mut without = policy.clone();
        without.lift.remove(index);
        smaller.push(without);
    }
    smaller
}

fn smaller_documents(documents: &[Node]) -> Vec<Vec<Node>> {
    let mut smaller = Vec::new();
    for (index, document) in documents.iter().enumerate() {
        if documents.len() > 1 {
            let mut without = documents.to_vec();
            without.remove(index);
            smaller.push(without);
        }
        for node in smaller_nodes(document) {
            let mut with = documents.to_vec();
            with[index] = node;
            smaller.push(with);
        }
    }
    smaller
}

fn smaller_nodes(node: &Node) -> Vec<Node> {
    let mut smaller = Vec::new();
    if !node.before.is_empty() || !node.after.is_empty() {
        smaller.push(Node::new(node.value.clone()));
    }
    let mut add = |value| {
        smaller.push(Node {
            value,
            ..node.clone()
        });
    };
    match &node.value {
        Tree::Scalar(raw) if raw != "0" => add(Tree::Scalar("0".into())),
        Tree::Scalar(_) | Tree::Empty(_) => {}
        Tree::Array(elements) => {
            for element in elements {
                add(element.value.clone());
            }
            for index in 0..elements.len() {
                let mut without = elements.clone();
                without.remove(index);
                add(if without.is_empty() {
                    Tree::Empty("[]".into())
                } else {
                    Tree::Array(without)
                });
                for element in smaller_nodes(&elements[index]) {
                    let mut with = elements.clone();
                    with[index] = element;
                    add(Tree::Array(with));
                }
            }
        }
        Tree::Object(members) => {
            for member in members {
                add(member.value.value.clone());
            }
            for index in 0..members.len() {
                let mut without = members.clone();
                without.remove(index);
                add(if without.is_empty() {
                    Tree::Empty("{}".into())
                } else {
                    Tree::Object(without)
                });
                for value in smaller_nodes(&members[index].value) {
                    let mut with = members.clone();
                    with[index] = Member {
                        value,
                        before: String::new(),
                        after_name: String::new(),
                        ..members[index].clone()
                    };
                    add(Tree::Object(with));
                }
            }
        }
    }
    smaller
}

/// A policy that the engine takes: rules that can never fire are left out.
fn accepted_policy(random: &mut Random) -> Policy {
    let mut policy = generate::policy(random);
    while let Err(error) = policy.ruleset() {
        match (error.rule_index(), error.exempt_index()) {
            (Some(index), _) => drop(policy.rules.remove(index)),
            (_, Some(index)) => drop(policy.exempt.remove(index)),
            _ => panic!("{error}"),
        }
    }
    policy
}

/// Policies and documents from one seed on; the first fault.
fn run(seeds: std::ops::Range<u64>) -> (u64, Option<String>) {
    let mut masked = 0;
    for seed in seeds {
        let mut random = Random(seed);
        let policy = accepted_policy(&mut random);
        for _ in 0..DOCUMENTS {
            let documents: Vec<Node> = if random.one_in(8) {
                (0..2 + random.below(3))
                    .map(|_| generate::line(&mut random))
                    .collect()
            } else {
                vec![generate::document(&mut random)]
            };
            let length: usize = documents.iter().map(|it| it.print().len() + 1).sum();
            let cuts = generate::cuts(&mut random, length - 1);
            if let Some(fault) = disagreement(&policy, &documents, &cuts) {
                let mut text = format!("seed {seed}\n{policy:?}\n{fault}\n");
                let _ = write!(text, "\nshrunk:\n{}", shrink(policy, documents));
                return (masked, Some(text));
            }
            masked += documents
                .iter()
                .map(|it| policy.mask(it).1.masked.min(1))
                .sum::<u64>();
        }
    }
    (masked, None)
}

#[test]
fn a_slow_tree_masker_agrees() {
    let seeds = CASES / DOCUMENTS / SHARES;
    let runs: Vec<_> = (0..SHARES)
        .map(|share| std::thread::spawn(move || run(share * seeds..(share + 1) * seeds)))
        .collect();
    let runs: Vec<_> = runs
        .into_iter()
        .map(|run| run.join().expect("a run ends"))
        .collect();
    let faults: Vec<String> = runs.iter().filter_map(|(_, fault)| fault.clone()).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    let masked: u64 = runs.iter().map(|(masked, _)| masked).sum();
    assert!(masked > CASES / 4, "rules hit in {masked} documents only");
}

#[test]
fn the_tree_reads_what_is_generated() {
    for seed in 0..2000 {
        let document = generate::document(&mut Random(seed));
        let text = document.print();
        assert_eq!(parse(&text), Ok(document), "{text}");
        let read = serde_json::from_str::<serde::de::IgnoredAny>(&text);
        assert!(read.is_ok(), "{text}");
    }
}
