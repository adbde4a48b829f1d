//! Rules, operators and detectors on bodies: input and expected output, byte for byte.

use std::sync::Arc;

use crate::support::{check_splits, lift, limits, mask, masked, no_rules, profile};
use velum_engine::{
    Class, Generalize, Operator, Options, Profile, Replacement, Rule, Ruleset, Selector,
};

fn key(keys: &[&str], class: Class, operator: Operator) -> Rule {
    let select = Selector::Keys(keys.iter().map(|key| (*key).to_owned()).collect());
    Rule {
        name: "by key".into(),
        select,
        class,
        operator,
    }
}

fn path(path: &str, class: Class, operator: Operator) -> Rule {
    Rule {
        name: "by path".into(),
        select: Selector::Path(path.into()),
        class,
        operator,
    }
}

fn rules(rules: &[Rule]) -> Arc<Ruleset> {
    let builder = rules.iter().fold(Ruleset::builder(), |builder, rule| {
        builder.rule(rule.clone())
    });
    Arc::new(builder.build().unwrap())
}

/// Checks an output, that it is the same for every cut, and that masking it again changes nothing.
fn check(rules: &Arc<Ruleset>, options: Options, body: &str, expected: &str) {
    assert_eq!(masked(rules, options.clone(), body), expected, "{body}");
    check_splits(rules, &options, body.as_bytes(), 0..=body.len());
    assert_eq!(masked(rules, options, expected), expected, "again: {body}");
}

#[test]
fn keys_select_whatever_their_spelling() {
    let rules = rules(&[key(&["patient_ssn", "auth"], Class::Ssn, Operator::Redact)]);
    for (body, expected) in [
        (r#"{"patientSSN":"1"}"#, r#"{"patientSSN":"[masked:ssn]"}"#),
        (
            r#"{"Patient-Ssn" : 12 }"#,
            r#"{"Patient-Ssn" : "[masked:ssn]" }"#,
        ),
        (
            r#"{"p\u0061tient_ssn":true}"#,
            r#"{"p\u0061tient_ssn":"[masked:ssn]"}"#,
        ),
        (r#"{"patient_ssn":null}"#, r#"{"patient_ssn":null}"#),
        (
            r#"{"author":"a","patient":"b"}"#,
            r#"{"author":"a","patient":"b"}"#,
        ),
        (
            r#"{"auth":"a","auth":"b"}"#,
            r#"{"auth":"[masked:ssn]","auth":"[masked:ssn]"}"#,
        ),
        (
            r#"{"auth":["a",{"b":1,"c":[]}]}"#,
            r#"{"auth":["[masked:ssn]",{"b":"[masked:ssn]","c":[]}]}"#,
        ),
        (
            r#"[{"auth":"a\"b"},"auth"]"#,
            r#"[{"auth":"[masked:ssn]"},"auth"]"#,
        ),
    ] {
        check(&rules, Options::default(), body, expected);
    }
}

#[test]
fn paths_select_by_place() {
    let redact = |text: &str| rules(&[path(text, Class::Other, Operator::Redact)]);
    for (select, body, expected) in [
        ("$", "\"x\"", "\"[masked:other]\""),
        (
            "$",
            "[1,{\"a\":2}]",
            "[\"[masked:other]\",{\"a\":\"[masked:other]\"}]",
        ),
        (
            "$.a.b",
            r#"{"a":{"b":1},"b":1}"#,
            r#"{"a":{"b":"[masked:other]"},"b":1}"#,
        ),
        (
            "$..b",
            r#"{"b":1,"a":[{"b":2}]}"#,
            r#"{"b":"[masked:other]","a":[{"b":"[masked:other]"}]}"#,
        ),
        ("$[1]", "[1,2,3]", "[1,\"[masked:other]\",3]"),
        (
            "$.a[*].b",
            r#"{"a":[{"b":1},{"c":2}]}"#,
            r#"{"a":[{"b":"[masked:other]"},{"c":2}]}"#,
        ),
        (
            "$.*",
            r#"{"a":1,"b":[2]}"#,
            r#"{"a":"[masked:other]","b":["[masked:other]"]}"#,
        ),
        (
            "$..a..b",
            r#"{"b":1,"a":{"c":{"b":2}}}"#,
            r#"{"b":1,"a":{"c":{"b":"[masked:other]"}}}"#,
        ),
        (
            "$['a b']",
            r#"{"a b":1,"A B":2}"#,
            r#"{"a b":"[masked:other]","A B":2}"#,
        ),
    ] {
        check(&redact(select), Options::default(), body, expected);
    }
}

#[test]
fn operators_write_valid_json() {
    for (operator, value, expected) in [
        (Operator::Redact, "\"x\"", "\"[masked:card]\""),
        (Operator::Redact, "-1.5e3", "\"[masked:card]\""),
        (Operator::Null, "\"x\"", "null"),
        (
            Operator::Replace(Replacement::text("a\"b")),
            "7",
            "\"a\\\"b\"",
        ),
        (Operator::Replace(Replacement::number(0)), "7", "0"),
        (
            Operator::Partial { keep_last: 4 },
            "\"4111 1111 1111 1\\u0034\\u00342\"",
            "\"[masked:card:1442]\"",
        ),
        (
            Operator::Partial { keep_last: 4 },
            "4111111111111442",
            "\"[masked:card:1442]\"",
        ),
        (
            Operator::Partial { keep_last: 4 },
            "\"1442\"",
            "\"[masked:card]\"",
        ),
        (
            Operator::Generalize(Generalize::Year),
            "\"1936-08-18\"",
            "\"1936\"",
        ),
        (
            Operator::Generalize(Generalize::Year),
            "\"soon\"",
            "\"[masked:card]\"",
        ),
    ] {
        let rules = rules(&[key(&["k"], Class::Card, operator)]);
        check(
            &rules,
            Options::default(),
            &format!("{{\"k\":{value}}}"),
            &format!("{{\"k\":{expected}}}"),
        );
        check(
            &rules,
            Options::default(),
            &format!("{{\"k\" : [ {value},1e400 ]}}").replace("1e400", "null"),
            &format!("{{\"k\" : [ {expected},null ]}}"),
        );
    }
}

#[test]
fn removal_takes_the_right_comma() {
    let rules = rules(&[
        key(&["x"], Class::Other, Operator::Remove),
        path("$.all[*]", Class::Other, Operator::Remove),
    ]);
    for (body, expected) in [
        (r#"{"x":1}"#, "{}"),
        (r#"{ "x" : {"a":[1,2],"x":3} }"#, "{  }"),
        (r#"{"x":1,"a":2}"#, r#"{"a":2}"#),
        (r#"{"a":2,"x":1}"#, r#"{"a":2}"#),
        (r#"{"a":2 , "x":"s" , "b":3}"#, r#"{"a":2  , "b":3}"#),
        (
            r#"{ "x":1 , "x":2 ,"a":[ 3 , 4 ],"x":[{}] }"#,
            r#"{   "a":[ 3 , 4 ] }"#,
        ),
        (
            r#"{"all":[1,"2",{"a":3},[4]],"b":1}"#,
            r#"{"all":[],"b":1}"#,
        ),
        (
            r#"{"a":{"x":1,"b":2},"c":[{"x":1},{"b":1,"x":2}]}"#,
            r#"{"a":{"b":2},"c":[{},{"b":1}]}"#,
        ),
    ] {
        assert_eq!(masked(&rules, Options::default(), body), expected);
        check_splits(&rules, &Options::default(), body.as_bytes(), 0..=body.len());
    }
    let removed = mask(&rules, Options::default(), br#"{"x":[1,2],"a":0,"x":3}"#)
        .1
        .unwrap();
    assert_eq!(removed.masked(Class::Other), 2);
    assert_eq!(
        masked(&rules, lift(&[Class::Other]), r#"{"x":1,"a":2}"#),
        r#"{"x":1,"a":2}"#,
        "a lifted class is not removed"
    );
}

#[test]
fn detectors_mask_in_place_and_leave_the_rest_as_it_came() {
    let rules = profile(Profile::Pii);
    for (body, expected) in [
        (
            r#"{"note":"SSN 123-45-6789, caf\u00e9"}"#,
            r#"{"note":"SSN [masked:ssn], caf\u00e9"}"#,
        ),
        (r#""\u0031\u00323-45-678\u0039""#, r#""[masked:ssn]""#),
        (
            r#""x\/\u0031\u00323-45-678\u0039\n""#,
            r#""x\/[masked:ssn]\n""#,
        ),
        (
            r#"["a\u0040b.example or 212-555-0123"]"#,
            r#"["[masked:email] or [masked:phone]"]"#,
        ),
        (
            r#"{"123-45-6789":{"a@b.example":1}}"#,
            r#"{"[masked:ssn]":{"[masked:email]":1}}"#,
        ),
        (r#"{"id \u003123-45-6789":1}"#, r#"{"id [masked:ssn]":1}"#),
        (
            r#""123-45-6789 123-45-6789""#,
            r#""[masked:ssn] [masked:ssn]""#,
        ),
        (
            "[123456789, 2125550123, 1.5]",
            "[123456789, 2125550123, 1.5]",
        ),
        (
            r#"{"name":{"ssn":"x"},"y":"z"}"#,
            r#"{"name":{"ssn":"[masked:ssn]"},"y":"z"}"#,
        ),
    ] {
        check(&rules, Options::default(), body, expected);
    }
}

#[test]
fn without_detectors_nothing_is_looked_for() {
    let body = r#"{"123-45-6789":"123-45-6789"}"#;
    check(&no_rules(), Options::default(), body, body);
}

#[test]
fn exemptions_and_precedence() {
    let rules = Ruleset::builder()
        .profile(Profile::Pii)
        .rule(path("$.a.keep", Class::Mrn, Operator::Redact))
        .rule(key(&["phone"], Class::Device, Operator::Redact))
        .exempt("$.a")
        .build()
        .unwrap();
    check(
        &Arc::new(rules),
        Options::default(),
        r#"{"a":{"ssn":"123-45-6789","keep":"1","phone":"2"},"phone":"3","ssn":"4"}"#,
        r#"{"a":{"ssn":"123-45-6789","keep":"[masked:mrn]","phone":"2"},"phone":"[masked:device]","ssn":"[masked:ssn]"}"#,
    );
}

#[test]
fn lifted_classes_come_out_as_they_came_and_are_counted() {
    let rules = profile(Profile::Pii);
    let body = r#"{"ssn":"1\u0032","note":"a@b.example 123-45-6789","name":{"first":"A","ssn":2}}"#;
    let expected = r#"{"ssn":"1\u0032","note":"[masked:email] 123-45-6789","name":{"first":"[masked:name]","ssn":2}}"#;
    check(&rules, lift(&[Class::Ssn]), body, expected);
    let report = mask(&rules, lift(&[Class::Ssn]), body.as_bytes())
        .1
        .unwrap();
    assert_eq!(
        (report.lifted(Class::Ssn), report.masked(Class::Ssn)),
        (3, 0)
    );
    assert_eq!(
        (report.masked(Class::Email), report.masked(Class::Name)),
        (1, 1)
    );
    assert_eq!((report.lifted_total(), report.masked_total()), (3, 2));
}

#[test]
fn a_lifted_object_shows_only_its_class() {
    check(
        &profile(Profile::Pii),
        lift(&[Class::Name]),
        r#"{"name":{"first":"A","note":"123-45-6789 B","phone":"1"},"first_name":"123-45-6789"}"#,
        r#"{"name":{"first":"A","note":"[masked:ssn] B","phone":"[masked:phone]"},"first_name":"123-45-6789"}"#,
    );
}

#[test]
fn names_that_are_values_are_masked_inside_of_what_is_masked() {
    check(
        &profile(Profile::Pii),
        Options::default(),
        r#"{"ssn":{"123456789":true,"line1":[{"12a34":2}]},"123456789":3}"#,
        r#"{"ssn":{"[masked:ssn]":"[masked:ssn]","line1":[{"[masked:ssn]":"[masked:ssn]"}]},"123456789":3}"#,
    );
}

#[test]
fn credentials_are_never_lifted() {
    let rules = profile(Profile::Credentials);
    let all: Vec<_> = Class::ALL.to_vec();
    check(
        &rules,
        lift(&all),
        r#"{"apiKey":"k","author":"me","refresh_token":["t"],"page_token":"p"}"#,
        r#"{"apiKey":"[masked:credential]","author":"me","refresh_token":["[masked:credential]"],"page_token":"p"}"#,
    );
}

#[test]
fn long_strings_are_masked_whole_or_pass() {
    let long = "x".repeat(100);
    let options = limits(8, 32, 64);
    let pii = profile(Profile::Pii);
    let body = format!(r#"{{"a":"{long}","b":["\u0041{long}","short"],"ssn":"{long}"}}"#);
    let expected = r#"{"a":"[masked:other]","b":["[masked:other]","short"],"ssn":"[masked:ssn]"}"#;
    check(&pii, options.clone(), &body, expected);
    check(&no_rules(), options.clone(), &body, &body);
    let exempt = Arc::new(
        Ruleset::builder()
            .profile(Profile::Pii)
            .exempt("$.a")
            .build()
            .unwrap(),
    );
    check(
        &exempt,
        options.clone(),
        &format!(r#"{{"a":"é{long}"}}"#),
        &format!(r#"{{"a":"é{long}"}}"#),
    );
    let invalid = [b"{\"a\":\"", long.as_bytes(), b"\xFF\"}"].concat();
    for rules in [&pii, &exempt] {
        check_splits(rules, &options, &invalid, 0..=invalid.len());
        assert!(mask(rules, options.clone(), &invalid).1.is_err());
    }
}

#[test]
fn records_are_counted() {
    for (body, records) in [
        ("{}", 1),
        ("7", 1),
        ("[]", 0),
        ("[1,[2,3],{\"entry\":[4]}]", 3),
        (r#"{"resourceType":"Bundle","entry":[{},{"entry":[1]}]}"#, 2),
        (r#"{"entry":[{},{},{}],"resourceType":"Bundle"}"#, 3),
        (r#"{"resourceType":"Bundle"}"#, 0),
        (r#"{"resourceType":"List","entry":[{},{}]}"#, 1),
    ] {
        let report = mask(&no_rules(), Options::default(), body.as_bytes())
            .1
            .unwrap();
        assert_eq!(report.records(), records, "{body}");
    }
}

#[test]
fn rules_that_cannot_fire_are_refused() {
    let redact = || Operator::Redact;
    for (first, second) in [
        (
            key(&["ssn"], Class::Ssn, redact()),
            key(&["SSN"], Class::Mrn, redact()),
        ),
        (
            path("$.a", Class::Ssn, redact()),
            path("$['a']", Class::Ssn, redact()),
        ),
        (
            path("$..a", Class::Ssn, redact()),
            path("$.b.a", Class::Ssn, redact()),
        ),
        (
            path("$.ok", Class::Ssn, redact()),
            key(&[], Class::Ssn, redact()),
        ),
        (
            path("$.ok", Class::Ssn, redact()),
            key(&["--"], Class::Ssn, redact()),
        ),
        (
            path("$.ok", Class::Ssn, redact()),
            path("$.", Class::Ssn, redact()),
        ),
        (
            path("$.ok", Class::Ssn, redact()),
            path("$", Class::Ssn, Operator::Remove),
        ),
        (
            path("$.ok", Class::Ssn, redact()),
            path("$.p[1]", Class::Ssn, Operator::Remove),
        ),
        (
            path("$.ok", Class::Ssn, redact()),
            path("$.p", Class::Ssn, Operator::Partial { keep_last: 5 }),
        ),
    ] {
        let error = Ruleset::builder()
            .rule(first)
            .rule(second.clone())
            .build()
            .unwrap_err();
        assert_eq!(error.rule_index(), Some(1), "{second:?}");
    }
    let exempt = Ruleset::builder()
        .exempt("$.a")
        .rule(path("$.a", Class::Ssn, redact()))
        .build();
    assert_eq!(exempt.unwrap_err().rule_index(), Some(0));
    for path in ["$", "$..*", "$[*]", "a", ""] {
        assert_eq!(
            Ruleset::builder()
                .exempt(path)
                .build()
                .unwrap_err()
                .exempt_index(),
            Some(0),
            "{path}"
        );
    }
    let twice = Ruleset::builder()
        .profile(Profile::Pii)
        .profile(Profile::Pii)
        .build();
    assert_eq!(twice.unwrap_err().profile_index(), Some(1));
}

#[test]
fn no_debug_form_shows_a_value() {
    let rules = profile(Profile::Pii);
    let mut masker = velum_engine::Masker::new(Arc::clone(&rules), Options::default());
    masker.feed(br#"{"a":"canary"#, &mut Vec::new()).unwrap();
    assert!(!format!("{masker:?} {rules:?}").contains("canary"));
}

#[test]
fn a_null_is_not_a_lifted_value() {
    let rules = rules(&[path("$.k", Class::Other, Operator::Redact)]);
    for body in [r#"{"k":null}"#, r#"{"k":[null]}"#, r#"{"k":{"a":null}}"#] {
        let report = mask(&rules, lift(&[Class::Other]), body.as_bytes()).1;
        assert_eq!(report.unwrap().lifted_total(), 0, "{body}");
    }
}

#[test]
fn a_masked_name_is_none_that_rules_know() {
    let rules = rules(&[
        path("$.k['']", Class::Other, Operator::Null),
        path("$.k", Class::Other, Operator::Redact),
    ]);
    check(
        &rules,
        Options::default(),
        r#"{"k":{"12345":1,"":2}}"#,
        r#"{"k":{"[masked:other]":"[masked:other]","":null}}"#,
    );
}

#[test]
fn elements_are_not_removed_where_another_path_counts_them() {
    let all = path("$[*]", Class::Other, Operator::Remove);
    let error = Ruleset::builder().exempt("$[1]").rule(all).build();
    assert!(error.unwrap_err().to_string().contains("would move up"));
}

#[test]
fn below_a_path_rule_within_an_exemption_every_rule_acts() {
    let builder = Ruleset::builder()
        .exempt("$.a")
        .rule(path("$.a.b", Class::Other, Operator::Redact))
        .rule(key(&["ssn"], Class::Ssn, Operator::Redact));
    check(
        &Arc::new(builder.build().unwrap()),
        Options::default(),
        r#"{"a":{"ssn":1,"b":{"ssn":2,"x":3}}}"#,
        r#"{"a":{"ssn":1,"b":{"ssn":"[masked:ssn]","x":"[masked:other]"}}}"#,
    );
}

#[test]
fn no_profile_keeps_what_is_under_a_rule() {
    let rule = path("$.a", Class::Other, Operator::Redact);
    let profiles = Profile::STRICTEST.iter();
    let builder = profiles.fold(Ruleset::builder().rule(rule), |builder, profile| {
        builder.profile(*profile)
    });
    let rules = Arc::new(builder.build().unwrap());
    for place in [
        r#""name":[{"use":"Thistle"}]"#,
        r#""address":[{"type":"Thistle","line":["Thistle"]}]"#,
        r#""identifier":[{"system":"urn:x","value":"Thistle"}],"birthDate":"Thistle""#,
        r#""telecom":[{"system":"phone","value":{"name":[{"use":"Thistle"}]}}]"#,
    ] {
        let body = format!(r#"{{"a":{{{place}}}}}"#);
        let out = masked(&rules, Options::default(), &body);
        assert!(!out.contains("Thistle"), "{out}");
        assert!(!out.contains("urn:x"), "{out}");
    }
}

#[test]
fn a_grant_for_what_is_around_gives_no_other_class() {
    let rule = path("$.a", Class::Name, Operator::Redact);
    let builder = Ruleset::builder().rule(rule).profile(Profile::Credentials);
    let rules = Arc::new(builder.build().unwrap());
    let body = r#"{"a":{"password":"hunter22","x":{"password":["hunter22"]}}}"#;
    for options in [Options::default(), lift(&[Class::Name])] {
        let out = masked(&rules, options, body);
        assert!(!out.contains("hunter22"), "{out}");
    }
}
