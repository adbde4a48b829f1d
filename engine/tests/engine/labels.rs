//! Rules whose paths have filters: a label beside a value, or beside what is around it, says what
//! the value is.

use std::sync::Arc;

use velum_engine::{Class, Operator, Options, Profile, Rule, RuleError, Ruleset, Selector};

use crate::support::{check_splits, lift, limits, mask, masked};

pub(crate) fn rule(path: &str, class: Class, operator: Operator) -> Rule {
    Rule {
        name: path.into(),
        select: Selector::Path(path.into()),
        class,
        operator,
    }
}

fn try_rules(paths: &[(&str, Class)]) -> Result<Arc<Ruleset>, RuleError> {
    let builder = paths
        .iter()
        .fold(Ruleset::builder(), |builder, (path, class)| {
            builder.rule(rule(path, *class, Operator::Redact))
        });
    builder.build().map(Arc::new)
}

fn rules(paths: &[(&str, Class)]) -> Arc<Ruleset> {
    try_rules(paths).unwrap()
}

/// Checks an output, for every cut, and that masking it again changes nothing.
fn check(rules: &Arc<Ruleset>, body: &str, expected: &str) {
    check_with(rules, &Options::default(), body, expected);
}

fn check_with(rules: &Arc<Ruleset>, options: &Options, body: &str, expected: &str) {
    assert_eq!(masked(rules, options.clone(), body), expected, "{body}");
    check_splits(rules, options, body.as_bytes(), 0..=body.len());
    assert_eq!(
        masked(rules, options.clone(), expected),
        expected,
        "again: {body}"
    );
}

#[test]
fn a_sibling_says_what_a_value_is_in_either_order() {
    let rules = rules(&[
        ("$..telecom[?@.system == 'phone'].value", Class::Phone),
        ("$..telecom[?'email'==@.system].value", Class::Email),
    ]);
    for (body, expected) in [
        (
            r#"{"telecom":[{"system":"phone","value":"a"},{"value":"b","system":"email"},{"value":"c","system":"url"},{"value":"d"}]}"#,
            r#"{"telecom":[{"system":"phone","value":"[masked:phone]"},{"value":"[masked:email]","system":"email"},{"value":"c","system":"url"},{"value":"d"}]}"#,
        ),
        (
            r#"{"telecom" : [ { "value" : 5 , "v" : [ { } ] , "system" : "\u0070hone" } ] }"#,
            r#"{"telecom" : [ { "value" : "[masked:phone]" , "v" : [ { } ] , "system" : "\u0070hone" } ] }"#,
        ),
        // After an object, the filter selects among its member values.
        (
            r#"{"telecom":{"value":"a","system":"phone"}}"#,
            r#"{"telecom":{"value":"a","system":"phone"}}"#,
        ),
        (
            r#"{"telecom":[{"value":null,"system":"phone"},{"value":"[masked:phone]","system":"email"}]}"#,
            r#"{"telecom":[{"value":null,"system":"phone"},{"value":"[masked:phone]","system":"email"}]}"#,
        ),
    ] {
        check(&rules, body, expected);
    }
}

#[test]
fn a_label_may_stand_higher_or_deeper_than_the_value() {
    let deeper = rules(&[(
        "$..identifier[?@.type.coding[*].code == 'MR'].value",
        Class::Mrn,
    )]);
    check(
        &deeper,
        r#"{"identifier":[{"value":"1","type":{"coding":[{"code":"x"},{"code":"MR"}]}},{"value":"2","type":{"coding":[{"code":"DL"}]}}]}"#,
        r#"{"identifier":[{"value":"[masked:mrn]","type":{"coding":[{"code":"x"},{"code":"MR"}]}},{"value":"2","type":{"coding":[{"code":"DL"}]}}]}"#,
    );
    let higher = rules(&[(
        "$.entry[?@.kind == 'secret'].data.rows[*].text",
        Class::Other,
    )]);
    check(
        &higher,
        r#"{"entry":[{"data":{"rows":[{"text":"a"},{"text":"b","n":1}]},"kind":"secret"},{"data":{"rows":[{"text":"c"}]},"kind":"open"}]}"#,
        r#"{"entry":[{"data":{"rows":[{"text":"[masked:other]"},{"text":"[masked:other]","n":1}]},"kind":"secret"},{"data":{"rows":[{"text":"c"}]},"kind":"open"}]}"#,
    );
    let anywhere = rules(&[("$..[?@.kind == 'secret']..text", Class::Other)]);
    check(
        &anywhere,
        r#"{"a":{"x":{"y":[{"text":1}]},"kind":"secret"},"b":{"x":{"text":2,"kind":"open"}}}"#,
        r#"{"a":{"x":{"y":[{"text":"[masked:other]"}]},"kind":"secret"},"b":{"x":{"text":2,"kind":"open"}}}"#,
    );
}

#[test]
fn what_is_selected_is_masked_throughout() {
    let rules = rules(&[("$[?@.label == 'secret']", Class::Other)]);
    check(
        &rules,
        r#"[{"a":{"2024-01":[1,true,null,"x"]},"label":"secret"},{"a":{"2024-01":[1,"x"]},"label":"open"},"x"]"#,
        r#"[{"a":{"[masked:other]":["[masked:other]","[masked:other]",null,"[masked:other]"]},"label":"[masked:other]"},{"a":{"2024-01":[1,"x"]},"label":"open"},"x"]"#,
    );
}

#[test]
fn not_holds_where_there_is_no_label() {
    let rules = rules(&[
        ("$.a[?@.visibility != 'public'].value", Class::Other),
        ("$.b[?!@.public]", Class::Name),
    ]);
    check(
        &rules,
        r#"{"a":[{"value":1,"visibility":"public"},{"value":2},{"value":3,"visibility":["public"]}],"b":[1,{"x":2},{"x":3,"public":false}]}"#,
        r#"{"a":[{"value":1,"visibility":"public"},{"value":"[masked:other]"},{"value":"[masked:other]","visibility":["public"]}],"b":["[masked:name]",{"x":"[masked:name]"},{"x":3,"public":false}]}"#,
    );
}

#[test]
fn a_label_that_is_repeated_or_cannot_be_read_counts_as_any() {
    let rules = rules(&[
        ("$[?@.kind == 'a'].value", Class::Ssn),
        ("$[?@.type.kind != 'b'].other", Class::Mrn),
    ]);
    check(
        &rules,
        r#"[{"kind":"x","value":1,"\u006bind":"y"},{"other":2,"type":{"kind":"b"},"type":1},{"type":{"kind":"b"},"other":3}]"#,
        r#"[{"kind":"x","value":"[masked:ssn]","\u006bind":"y"},{"other":"[masked:mrn]","type":{"kind":"b"},"type":1},{"type":{"kind":"b"},"other":3}]"#,
    );
    let long = format!(r#"[{{"value":1,"kind":"{}"}}]"#, "x".repeat(80));
    let expected = long.replace(":1,", r#":"[masked:ssn]","#);
    check_with(&rules, &limits(8, 64, 4096), &long, &expected);
}

#[test]
fn the_first_rule_decides_and_what_no_filter_selects_falls_to_the_others() {
    let builder = Ruleset::builder()
        .profile(Profile::Pii)
        .rule(rule("$[?@.k == 'a'].value", Class::Ssn, Operator::Null))
        .rule(rule(
            "$[?@.k == 'a' || @.k == 'b'].value",
            Class::Mrn,
            Operator::Redact,
        ))
        .rule(rule("$[*].email", Class::Other, Operator::Redact))
        .rule(rule("$[?@.k == 'c'].phone", Class::Other, Operator::Redact));
    let rules = Arc::new(builder.build().unwrap());
    check(
        &rules,
        r#"[{"value":1,"k":"a"},{"value":2,"k":"b"},{"value":"ask 212-555-0123","k":"c","phone":5},{"phone":6,"email":7}]"#,
        r#"[{"value":null,"k":"a"},{"value":"[masked:mrn]","k":"b"},{"value":"ask [masked:phone]","k":"c","phone":"[masked:other]"},{"phone":"[masked:phone]","email":"[masked:other]"}]"#,
    );
}

#[test]
fn what_is_lifted_is_counted_when_it_is_known() {
    let rules = rules(&[("$[?@.k == 'a']", Class::Ssn)]);
    let options = lift(&[Class::Ssn]);
    let body = r#"[{"v":1,"k":"a"},{"v":2,"k":"b"}]"#;
    check_with(&rules, &options, body, body);
    let report = mask(&rules, options, body.as_bytes()).1.unwrap();
    assert_eq!((report.lifted(Class::Ssn), report.masked_total()), (2, 0));
}

#[test]
fn beyond_the_limit_what_waits_is_masked_whatever_its_label() {
    let rules = rules(&[("$[?@.k == 'a'].value", Class::Ssn)]);
    let mut seen = [false; 2];
    for padding in 0..200 {
        let space = " ".repeat(padding);
        let body = format!(
            r#"[{{"value":1,{space}"value":2,"k":"b"}},{{"value":3,"k":"b"}},{{"k":"a","value":4}}]"#
        );
        let options = limits(8, 4096, 300);
        check_splits(&rules, &options, body.as_bytes(), 0..=body.len());
        let out = masked(&rules, options, &body);
        assert!(
            out.ends_with(r#"{"value":3,"k":"b"},{"k":"a","value":"[masked:ssn]"}]"#),
            "the next object is on its own: {out}"
        );
        let is_masked = out.starts_with(r#"[{"value":"[masked:identifier]","#);
        let is_open = out.starts_with(r#"[{"value":1,"#);
        assert!(is_masked || is_open, "{out}");
        seen[usize::from(is_masked)] = true;
    }
    assert_eq!(seen, [true, true], "both sides of the limit are seen");
}

#[test]
fn a_value_behind_its_label_does_not_wait() {
    let rules = rules(&[("$[?@.k == 'a'].value", Class::Ssn)]);
    let mut masker = velum_engine::Masker::new(rules, Options::default());
    let mut out = Vec::new();
    masker.feed(br#"[{"k":"a","value":"x","#, &mut out).unwrap();
    assert!(out.starts_with(br#"[{"k":"a","value":"[masked:ssn]""#));
    masker.feed(br#""k2":1},{"value":"#, &mut out).unwrap();
    masker.feed(br#""y","k":"b"#, &mut out).unwrap();
    assert!(!out.contains(&b'y'), "this one waits");
    masker.feed(br#""}]"#, &mut out).unwrap();
    assert!(out.ends_with(br#"{"value":"y","k":"b"}]"#));
}

#[test]
fn what_filters_cannot_do_is_refused() {
    for path in ["$[?@.a == 'x']..b..c", "$[?@.a]..b.c..d"] {
        let error = try_rules(&[(path, Class::Other)]).unwrap_err();
        assert!(error.to_string().contains("only the first step"), "{error}");
    }
    let error = Ruleset::builder()
        .rule(rule("$[?@.a].b", Class::Other, Operator::Remove))
        .build()
        .unwrap_err();
    assert!(error.to_string().contains("cannot be removed"), "{error}");
    let error = Ruleset::builder().exempt("$[?@.a].b").build().unwrap_err();
    assert!(error.to_string().contains("no filter"), "{error}");
    let error = try_rules(&[("$..b", Class::Other), ("$[?@.a].b", Class::Ssn)]).unwrap_err();
    assert!(error.to_string().contains("can never fire"), "{error}");
}

#[test]
fn what_is_remembered_counts_as_waiting() {
    // Every empty array is a value that the filter may select: something is kept about each.
    let rules = rules(&[("$[?@.k == 'a']..*", Class::Ssn)]);
    let mut masker = velum_engine::Masker::new(rules, Options::default());
    let mut out = Vec::new();
    masker.feed(b"[[0", &mut out).unwrap();
    masker.feed(&b",[]".repeat(1000), &mut out).unwrap();
    assert_eq!(out, b"[[");
    masker.feed(&b",[]".repeat(1000), &mut out).unwrap();
    assert!(out.starts_with(br#"[["[masked:identifier]",[]"#));
}

#[test]
fn a_label_in_what_is_removed_is_read_whatever_came_before() {
    let builder = || {
        Ruleset::builder()
            .rule(rule("$.list[?@.b.c=='x'].d", Class::Ssn, Operator::Redact))
            .rule(rule("$..b", Class::Other, Operator::Remove))
    };
    let rules = Arc::new(builder().build().unwrap());
    let body = r#"{"list":[{"b":{"c":"x"},"d":"Thistle"}]}"#;
    let expected = r#"{"list":[{"d":"[masked:ssn]"}]}"#;
    // At first no name is known; then one is.
    for before in [r#"{"c":1}"#, "{}"] {
        assert_eq!(masked(&rules, Options::default(), body), expected);
        check_splits(&rules, &Options::default(), body.as_bytes(), 0..=body.len());
        masked(&rules, Options::default(), before);
    }
}
