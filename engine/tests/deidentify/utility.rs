//! What must come out as it went in.
//!
//! The output is valid JSON with the same members in the same order and arrays of the same length,
//! but for members that may be taken away ([`may_go`]). Every leaf is byte for byte the same, but for
//! those that a policy may name ([`may_change`]). This is a list of its own, from FHIR's data types
//! and 45 CFR 164.514(b)(2)(i), so that it also says when a profile takes more than it says. Codes,
//! systems, units, quantities, statuses, booleans and literal references are never on it.

use crate::dates::is_date;
use crate::place::{Place, Step, each_leaf};
use crate::report::Table;
use crate::tree::{Kind, Tree};

/// Strings that can hold anything about anybody, or a number that is of one person only.
const FREE: &[&str] = &[
    // HumanName, Address, Annotation, Narrative, Attachment
    "family",
    "given",
    "prefix",
    "suffix",
    "line",
    "city",
    "district",
    "postalCode",
    "authorString",
    "text",
    "div",
    "title",
    "data",
    "hash",
    // Of many resources
    "name",
    "alias",
    "description",
    "comment",
    "display",
    "patientInstruction",
    "instruction",
    "conclusion",
    "summary",
    "disposition",
    "diagnostics",
    "onsetString",
    "abatementString",
    "detailString",
    "scheduledString",
    "basis",
    "rationale",
    "mitigation",
    "detail",
    "statusReason",
    "paymentTerms",
    "cancelledReason",
    "outcomeDesc",
    "contentString",
    "query",
    "site",
    "series",
    "textEquivalent",
    "label",
    "citation",
    "businessArrangement",
    "proxyIdentityCertificate",
    // Numbers of one person, device or record
    "subscriberId",
    "dependent",
    "serialNumber",
    "lotNumber",
    "carrierHRF",
    "carrierAIDC",
    "deviceIdentifier",
    "distinctIdentifier",
    "preAuthRef",
    "altId",
    "address",
    "uid",
    // Extensions, answers and parameters
    "valueString",
    "valueMarkdown",
    "valueUri",
    "valueUrl",
    "valueDate",
    "valueBase64Binary",
];

/// Types with a `value` that is masked, by the names they have.
const WITH_VALUE: &[&str] = &[
    "telecom",
    "valueContactPoint",
    "valueIdentifier",
    "contact",
    "class",
];

/// Types whose extensions may repeat what is masked.
const MASKED_TYPES: &[&str] = &[
    "name",
    "address",
    "telecom",
    "identifier",
    "contact",
    "valueHumanName",
    "valueAddress",
    "valueContactPoint",
    "valueIdentifier",
    "text",
    "photo",
];

/// Members that say how to read what has been taken away with them.
const DESCRIBE: &[&str] = &[
    "url",
    "contentType",
    "size",
    "language",
    "linkId",
    "system",
    "use",
    "id",
];

/// Compares a document before and after.
pub(crate) fn losses(source: &str, before: &Tree<'_>, after: &Tree<'_>, table: &mut Table) {
    let mut comparison = Comparison {
        source,
        place: Place::default(),
        table,
    };
    comparison.value(before, after);
}

struct Comparison<'s, 't, 'a> {
    source: &'s str,
    place: Place<'t, 'a>,
    table: &'s mut Table,
}

impl<'t, 'a> Comparison<'_, 't, 'a> {
    fn lost(&mut self, what: &str, before: &str, after: &str) {
        let short = |text: &str| text.chars().take(60).collect::<String>();
        self.table
            .add(self.place.resource(), &self.place.path(), what, || {
                format!(
                    "{} {} {} -> {}",
                    self.source,
                    self.place.pointer(),
                    short(before),
                    short(after)
                )
            });
    }

    fn value(&mut self, before: &'t Tree<'a>, after: &Tree<'_>) {
        match (&before.kind, &after.kind) {
            (Kind::Object(_), Kind::Object(_)) => self.object(before, after),
            (Kind::Array(old), Kind::Array(new)) if old.len() == new.len() => {
                for (index, (old, new)) in old.iter().zip(new).enumerate() {
                    self.place.steps.push(Step::Index(index));
                    self.value(old, new);
                    self.place.steps.pop();
                }
            }
            (Kind::String(_) | Kind::Other, Kind::String(_) | Kind::Other) => {
                self.leaf(before, after);
            }
            _ => self.lost("shape", before.raw, after.raw),
        }
    }

    fn object(&mut self, before: &'t Tree<'a>, after: &Tree<'_>) {
        let is_resource = self.place.enter(before);
        let mut rest = after.members().iter().peekable();
        for (name, member) in before.members() {
            self.place.steps.push(Step::Member(name));
            if let Some((_, new)) = rest.next_if(|(next, _)| next == name) {
                self.value(member, new);
            } else if !may_go(&mut self.place, member) {
                self.lost("removed", member.raw, "");
            }
            self.place.steps.pop();
        }
        if let Some((name, _)) = rest.next() {
            self.lost("order of members, or a new one", name, "");
        }
        self.place.leave(is_resource);
    }

    fn leaf(&mut self, before: &Tree<'_>, after: &Tree<'_>) {
        if before.raw == after.raw {
            return;
        }
        if !may_change(&self.place, before) {
            self.lost("changed", before.raw, after.raw);
            return;
        }
        let year = before
            .text()
            .filter(|text| is_date(text))
            .and_then(|text| text.get(..4));
        if let (Some(year), Some(new)) = (year, after.text())
            && self.place.member() != "postalCode"
            && !new.starts_with(told(self.place.member(), year))
            && !new.starts_with('[')
        {
            self.lost("another date", before.raw, after.raw);
        }
        if before.text().is_some() && after.text().is_none() {
            self.lost("type", before.raw, after.raw);
        }
    }
}

/// Whether a policy may name the leaf.
pub(crate) fn may_change(place: &Place<'_, '_>, leaf: &Tree<'_>) -> bool {
    let member = place.member();
    let holder = place.names().nth(1).unwrap_or("");
    // What a user wrote for a concept is free text, whether it repeats the display or not.
    if place.is_coded() && member != "text" {
        return false;
    }
    let is_number_of_somebody = member == "value"
        && (holder.ends_with("dentifier")
            || holder == "requisition"
            || WITH_VALUE.contains(&holder));
    let Some(text) = leaf.text() else {
        return is_number_of_somebody || is_coordinate(place);
    };
    match member {
        // A search in place of an address tells what was looked for.
        "reference" | "fullUrl" => text.contains('?'),
        // The url of attachments, links and devices; that of an extension counts as coded.
        "birthDate" | "url" | "ifNoneExist" => true,
        _ => is_date(text) || is_number_of_somebody || FREE.contains(&member),
    }
}

fn is_coordinate(place: &Place<'_, '_>) -> bool {
    let url = place.parent().and_then(|parent| parent.member_text("url"));
    match place.member() {
        "valueDecimal" => matches!(url, Some("latitude" | "longitude")),
        "latitude" | "longitude" | "altitude" => true,
        _ => false,
    }
}

/// Whether a member may be taken away whole: it may go always, or holds nothing that must stay.
fn may_go<'t, 'a>(place: &mut Place<'t, 'a>, member: &'t Tree<'a>) -> bool {
    if may_go_always(place) {
        return true;
    }
    let mut may_go = true;
    let depth = place.steps.len();
    each_leaf(member, place, &mut |place, leaf| {
        let describes = place.steps.len() > depth && DESCRIBE.contains(&place.member());
        may_go &= describes || leaf.is_none_or(|leaf| may_change(place, leaf));
    });
    may_go
}

/// Extensions of a primitive value, extensions inside of a type that is masked, photographs.
pub(crate) fn may_go_always(place: &Place<'_, '_>) -> bool {
    let name = place.member();
    let is_extension = name == "extension" || name == "modifierExtension";
    let mut around = place.names().skip(1);
    name.starts_with('_')
        || name == "photo"
        || (is_extension && around.any(|name| MASKED_TYPES.contains(&name)))
}

/// The year that may be told of a date: of births, those of the ages over 89 are one.
pub(crate) fn told<'a>(member: &str, year: &'a str) -> &'a str {
    const LATEST: &str = "1936";
    match member {
        "birthDate" | "bornDate" => year.max(LATEST),
        _ => year,
    }
}

#[test]
fn a_change_that_nobody_asked_for_is_seen() {
    let before = r#"{"resourceType":"Observation","id":"1","status":"final","code":{"coding":[{"system":"s","code":"c","display":"d"}],"text":"d"},"subject":{"reference":"Patient/1","display":"A B"},"valueQuantity":{"value":1.50,"unit":"mg"},"effectiveDateTime":"2001-02-03","note":[{"text":"x"}]}"#;
    let check = |old: &str, new: &str| {
        let after = before.replacen(old, new, 1);
        assert_ne!(after, before, "{old}");
        let mut table = Table::default();
        losses("test", &Tree::read(before), &Tree::read(&after), &mut table);
        table.rows()
    };
    for (old, new, seen) in [
        (r#""final""#, r#""[masked:name]""#, "changed"),
        (r#""system":"s","#, "", "removed"),
        (r#""code":"c""#, r#""code":"x""#, "changed"),
        (
            r#""display":"d""#,
            r#""display":"[masked:name]""#,
            "changed",
        ),
        ("1.50", "1.5", "changed"),
        ("Patient/1", "Patient/2", "changed"),
        (r#","unit":"mg""#, "", "removed"),
        ("2001-02-03", "2002", "another date"),
        (r#"[{"text":"x"}]"#, "[]", "shape"),
        (r#"[{"text":"x"}]"#, r#""[masked]""#, "shape"),
        (r#""x""#, "null", "type"),
        (
            r#""id":"1","status":"final""#,
            r#""status":"final","id":"1""#,
            "order",
        ),
        (r#""id":"1""#, r#""id":"1","more":1"#, "order"),
    ] {
        let rows = check(old, new);
        assert!(rows.contains(seen), "{old} -> {new}: {rows:?}");
    }
    for (old, new) in [
        ("A B", "[masked:name]"),
        (r#","display":"A B""#, ""),
        ("2001-02-03", "2001"),
        (r#""x""#, r#""[masked:text]""#),
        (r#","note":[{"text":"x"}]"#, ""),
    ] {
        assert_eq!(check(old, new), "", "{old} -> {new}");
    }
}
