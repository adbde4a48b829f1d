//! A masker that does all that [`utility`](crate::utility) allows, and no more: what is asked for on
//! both sides can be had together.

use crate::dates::{dates, is_date};
use crate::harvest::search_for;
use crate::place::{Place, Step, Types};
use crate::report::Table;
use crate::resources::{body, read};
use crate::tree::{Kind, Tree};
use crate::utility::{losses, may_change, may_go_always, told};

fn masked<'t, 'a>(tree: &'t Tree<'a>, place: &mut Place<'t, 'a>, out: &mut String) {
    match &tree.kind {
        Kind::Object(members) => {
            let is_resource = place.enter(tree);
            out.push('{');
            let mut is_first = true;
            for (name, member) in members {
                place.steps.push(Step::Member(name));
                if !may_go_always(place) {
                    out.push_str(if is_first { "" } else { "," });
                    is_first = false;
                    out.push_str(&serde_json::to_string(name).unwrap());
                    out.push(':');
                    masked(member, place, out);
                }
                place.steps.pop();
            }
            out.push('}');
            place.leave(is_resource);
        }
        Kind::Array(elements) => {
            out.push('[');
            for (index, element) in elements.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                place.steps.push(Step::Index(index));
                masked(element, place, out);
                place.steps.pop();
            }
            out.push(']');
        }
        Kind::String(text) if may_change(place, tree) && is_date(text) => {
            out.extend(["\"", told(place.member(), &text[..4]), "\""]);
        }
        Kind::String(_) if may_change(place, tree) => out.push_str("\"[masked:ideal]\""),
        Kind::Other if may_change(place, tree) => out.push('0'),
        _ => out.push_str(tree.raw),
    }
}

#[test]
fn nothing_leaks_and_nothing_is_lost_can_both_be_had() {
    let mut table = Table::default();
    for seed in 0..300 {
        let body = body(seed);
        let mut documents = body.documents();
        let types = Types::read(&documents);
        documents.push(Tree::read(&body.patient));
        let mut search = search_for(&documents);
        documents.pop();
        for document in &documents {
            let mut out = String::new();
            masked(document, &mut Place::default(), &mut out);
            let source = format!("seed {seed}");
            for after in read(&out, false) {
                losses(&source, document, &after, &mut table);
                dates(&source, &after, &types, &mut table);
                for leak in search.leaks(&after, &types) {
                    table.leak(&source, &leak, true);
                }
            }
        }
    }
    table.must_be_empty("demands that contradict each other:");
}
