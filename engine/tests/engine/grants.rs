//! What a grant is for beyond its classes: rules, values, records, bytes, and how long it lasts.

use std::sync::Arc;

use velum_engine::{
    Class, ClassSet, Error, Evidence, Framing, Masker, Operator, Options, Profile, Report, Rule,
    Ruleset, Selector, TagKey, Tags, Terms,
};

use crate::support::{all_profiles, limits, mask, masked};

/// What a body became, and what was told of it.
type Outcome = (String, Result<(Report, Vec<[u8; 8]>, bool), Error>);

pub(crate) fn run<'a>(
    rules: &Arc<Ruleset>,
    options: &Options,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome {
    let mut masker = Masker::new(Arc::clone(rules), options.clone());
    let mut out = Vec::new();
    let fed = chunks
        .into_iter()
        .try_for_each(|chunk| masker.feed(chunk, &mut out));
    let result = fed.and_then(|()| masker.finish(&mut out));
    let result = result.map(|()| {
        let evidence = masker.evidence();
        let tags = evidence.map(|evidence| evidence.tags().iter().collect());
        let is_complete = evidence.is_none_or(Evidence::is_complete);
        (
            masker.report().clone(),
            tags.unwrap_or_default(),
            is_complete,
        )
    });
    (String::from_utf8(out).unwrap(), result)
}

/// The same whatever way the body is cut into two, and byte by byte.
fn run_cut(rules: &Arc<Ruleset>, options: &Options, body: &str) -> (String, Report, Tags, bool) {
    let whole = run(rules, options, [body.as_bytes()]);
    for cut in 0..=body.len() {
        let (left, right) = body.as_bytes().split_at(cut);
        assert_eq!(
            run(rules, options, [left, right]),
            whole,
            "cut at {cut}: {body}"
        );
    }
    let single = run(rules, options, body.as_bytes().chunks(1));
    assert_eq!(single, whole, "{body}");
    let (report, tags, is_complete) = whole.1.unwrap();
    (whole.0, report, tags.into_iter().collect(), is_complete)
}

fn classes(classes: &[Class]) -> ClassSet {
    classes.iter().copied().collect()
}

/// Options under which masked values of these classes leave tags.
pub(crate) fn tagged(of: &[Class]) -> Options {
    let terms = Terms {
        evidence: classes(of),
        tag_key: TagKey::new(&[7; 32]),
        ..Terms::default()
    };
    lifted(&[], terms)
}

/// The same under which those of these tags come out.
pub(crate) fn under(options: Options, tags: Tags) -> Options {
    let evidence = options.terms.as_ref().unwrap().evidence;
    let terms = Terms {
        tags: Some(tags),
        evidence,
        tag_key: TagKey::new(&[7; 32]),
        ..Terms::default()
    };
    Options {
        lift: evidence,
        terms: Some(Arc::new(terms)),
        ..options
    }
}

fn lifted(of: &[Class], terms: Terms) -> Options {
    Options {
        lift: classes(of),
        terms: Some(Arc::new(terms)),
        ..Options::default()
    }
}

/// What the body becomes where what it held was granted by its tags, and how many tags there were.
fn granted(rules: &Arc<Ruleset>, of: &[Class], body: &str) -> (String, Report, usize) {
    let (out, _, tags, is_complete) = run_cut(rules, &tagged(of), body);
    assert_eq!(out, masked(rules, Options::default(), body));
    assert!(is_complete, "{body}");
    let count = tags.len();
    let (out, report, rest, _) = run_cut(rules, &under(tagged(of), tags), body);
    assert!(rest.is_empty() || report.masked_total() > 0);
    (out, report, count)
}

fn named(name: &str, select: Selector, class: Class) -> Rule {
    Rule {
        name: name.into(),
        select,
        class,
        operator: Operator::Redact,
    }
}

fn key(name: &str) -> Selector {
    Selector::Keys(vec![name.into()])
}

#[test]
fn what_was_seen_comes_out_and_nothing_else() {
    let rules = all_profiles();
    let of = [Class::Name, Class::Ssn, Class::Email, Class::Phone];
    let body = |name: &str, ssn: &str, email: &str| {
        format!(
            r#"{{"people":[{{"surname":"{name}","ssn":"{ssn}","note":"write to {email} now"}}]}}"#
        )
    };
    let one = body("Thistlewood", "123-45-6789", "a@b.example");
    let (_, _, tags, is_complete) = run_cut(&rules, &tagged(&of), &one);
    assert!(is_complete);
    let options = under(tagged(&of), tags);
    let (out, report, rest, _) = run_cut(&rules, &options, &one);
    assert_eq!(out, one);
    assert_eq!((report.lifted_total(), report.masked_total()), (3, 0));
    assert_eq!(report.drift_by_class().iter().sum::<u64>(), 0);
    assert!(rest.is_empty());
    // The same shape and the same counts, and somebody else in it.
    let other = body("Ravenscroft", "000-45-6788", "a@c.example");
    let (out, report, rest, _) = run_cut(&rules, &options, &other);
    assert_eq!(out, masked(&rules, Options::default(), &other));
    let drift = [Class::Name, Class::Ssn, Class::Email].map(|class| report.drift(class));
    assert_eq!((drift, report.lifted_total()), ([1, 1, 1], 0));
    assert_eq!(rest.len(), 3);
    // A value under another class is another value.
    let moved = one.replace("Thistlewood", "123-45-6789");
    let (out, report, ..) = run_cut(&rules, &options, &moved);
    assert!(
        out.contains(r#""surname":"[masked:name]","ssn":"123-45-6789""#),
        "{out}"
    );
    assert_eq!(
        (report.drift(Class::Name), report.lifted(Class::Ssn)),
        (1, 1)
    );
}

#[test]
fn every_kind_of_value_has_a_tag_by_which_it_comes_out() {
    let rules = all_profiles();
    let of = [
        Class::Name,
        Class::Ssn,
        Class::Email,
        Class::Phone,
        Class::Date,
        Class::Identifier,
    ];
    for (body, count) in [
        // Numbers, literals, arrays and objects that a name selects.
        (
            r#"[{"ssn":123456789},{"ssn":[1,true,null,"123-45-6789"]}]"#,
            4,
        ),
        (
            r#"{"a":[{"birthDate":"1950-01-02","name":[{"given":["Ann","Bea"]}]}]}"#,
            3,
        ),
        // What detectors find, in numbers too.
        (
            r#"{"a":{"b":["call 212-555-0123 or a@b.example","SSN 123-45-6789"]}}"#,
            3,
        ),
        // Names that are identifiers.
        (r#"{"a":{"b":{"a@b.example":1,"mine":"a@b.example"}}}"#, 1),
        // Texts in texts: JSON, base64, a form.
        (
            r#"{"a":[{"b":"{\"ssn\":\"123-45-6789\",\"c\":\"a@b.example\"}"}]}"#,
            2,
        ),
        (r#"{"a":["U1NOIDEyMy00NS02Nzg5IGlzIGhlcnM="]}"#, 1),
        (r#"{"a":["ssn=123-45-6789&note=a%40b.example"]}"#, 2),
        // What hangs on what stands beside it.
        (
            r#"{"resourceType":"Patient","telecom":[{"value":"212-555-0123","system":"phone"}]}"#,
            1,
        ),
        // A name, and where it is mentioned.
        (
            r#"{"r":[{"surname":"Thistlewood","note":"Ms. Thistlewood is well"}]}"#,
            1,
        ),
        (
            r#"{"r":[{"surname":"Ann Thistlewood","note":"Thistlewood is well"}]}"#,
            2,
        ),
    ] {
        let (out, report, tags) = granted(&rules, &of, body);
        assert_eq!((out.as_str(), tags), (body, count));
        assert_eq!(report.masked_total(), 0, "{body}");
        assert_eq!(report.drift_by_class().iter().sum::<u64>(), 0, "{body}");
    }
}

#[test]
fn a_value_has_one_tag_whatever_its_escapes_and_encodings() {
    let rules = all_profiles();
    let of = [Class::Ssn, Class::Email];
    let first = r#"{"a":[{"ssn":"123-45-6789","note":"a@b.example"}]}"#;
    let tags = run_cut(&rules, &tagged(&of), first).2;
    for body in [
        r#"{"a":[{"ssn":"123-45\u002d6789","note":"\u0061@b.example"}]}"#,
        r#"{"a":[{"note":["SSN 123-45-6789","to a\u0040b.example!"]}]}"#,
        r#"{"a":[{"note":"{\"ssn\":\"\\u00312\\u0033-45-6789\"}"}]}"#,
        r#"{"a":["U1NOIDEyMy00NS02Nzg5IGlzIGhlcnM="]}"#,
    ] {
        let (out, report, ..) = run_cut(&rules, &under(tagged(&of), tags.clone()), body);
        assert_eq!(out, body);
        assert!(report.masked_total() == 0 && report.lifted_total() > 0);
        let seen = run_cut(&rules, &tagged(&of), body).2;
        assert!(
            seen.iter().all(|tag| tags.iter().any(|known| known == tag)),
            "{body}"
        );
    }
}

#[test]
fn a_mention_of_a_granted_name_is_granted_by_itself() {
    let rules = all_profiles();
    let of = [Class::Name];
    let tags = run_cut(
        &rules,
        &tagged(&of),
        r#"{"r":[{"surname":"Ann Thistlewood"}]}"#,
    )
    .2;
    let body = r#"{"r":[{"surname":"Ann Thistlewood","note":"Thistlewood is well"}]}"#;
    let (out, report, ..) = run_cut(&rules, &under(tagged(&of), tags), body);
    assert_eq!(
        out,
        r#"{"r":[{"surname":"Ann Thistlewood","note":"[masked:name] is well"}]}"#
    );
    assert_eq!(
        (report.lifted(Class::Name), report.drift(Class::Name)),
        (1, 1)
    );
}

#[test]
fn what_cannot_be_read_whole_has_no_tag_and_stays_masked() {
    let rules = Arc::new(
        Ruleset::builder()
            .rule(named("a", key("surname"), Class::Name))
            .rule(Rule {
                operator: Operator::Remove,
                ..named("b", key("maiden"), Class::Name)
            })
            .build()
            .unwrap(),
    );
    let long = format!(r#"{{"a":[{{"surname":"{}"}}]}}"#, "Thistlewood ".repeat(8));
    for (body, options) in [
        (&*long, limits(64, 32, 1024)),
        (
            r#"{"a":[{"maiden":"Thistlewood","b":1}]}"#,
            limits(64, 32, 1024),
        ),
    ] {
        let with = |options: Options| Options {
            limits: options.limits,
            ..tagged(&[Class::Name])
        };
        let (_, report, tags, is_complete) = run_cut(&rules, &with(options.clone()), body);
        assert_eq!((tags.len(), is_complete), (0, false));
        assert_eq!(report.drift(Class::Name), 0);
        let all_tags = (0..=u8::MAX).map(|byte| [byte; 8]).collect();
        let (out, report, ..) = run_cut(&rules, &under(with(options.clone()), all_tags), body);
        assert_eq!(out, masked(&rules, options, body));
        assert_eq!((report.lifted_total(), report.drift(Class::Name)), (0, 1));
    }
    // Without a key there is no tag at all.
    let terms = |tags| Terms {
        tags,
        evidence: classes(&[Class::Name]),
        ..Terms::default()
    };
    let options = lifted(&[], terms(None));
    let body = r#"{"a":[{"surname":"Ann"}]}"#;
    let (_, _, tags, is_complete) = run_cut(&rules, &options, body);
    assert_eq!((tags.len(), is_complete), (0, false));
    let (out, ..) = run_cut(
        &rules,
        &lifted(&[Class::Name], terms(Some([[0; 8]].into_iter().collect()))),
        body,
    );
    assert_eq!(out, r#"{"a":[{"surname":"[masked:name]"}]}"#);
}

#[test]
fn more_values_than_tags_have_room_leave_the_first_of_them_whatever_their_order() {
    let rules = all_profiles();
    let body = |numbers: &mut dyn Iterator<Item = usize>| {
        let lines =
            numbers.map(|number| format!("{{\"a\":{{\"surname\":\"name{number:04}\"}}}}\n"));
        lines.collect::<String>()
    };
    let options = Options {
        framing: Framing::Lines,
        ..tagged(&[Class::Name])
    };
    let of = |body: &str| run(&rules, &options, [body.as_bytes()]).1.unwrap();
    let (_, tags, is_complete) = of(&body(&mut (0..Tags::MOST)));
    assert_eq!((tags.len(), is_complete), (Tags::MOST, true));
    // Again the same values: still all of them.
    let twice = body(&mut (0..Tags::MOST).chain(0..Tags::MOST));
    assert_eq!((of(&twice).1, of(&twice).2), (tags, true));
    let (_, tags, is_complete) = of(&body(&mut (0..=Tags::MOST)));
    assert_eq!((tags.len(), is_complete), (Tags::MOST, false));
    assert!(tags.is_sorted());
    let (_, backwards, is_complete) = of(&body(&mut (0..=Tags::MOST).rev()));
    assert_eq!((backwards, is_complete), (tags.clone(), false));
    // The one without a tag is masked.
    let options = under(options.clone(), tags.into_iter().collect());
    let (_, result) = run(&rules, &options, [body(&mut (0..=Tags::MOST)).as_bytes()]);
    let report = result.unwrap().0;
    assert_eq!(
        (report.lifted(Class::Name), report.drift(Class::Name)),
        (4096, 1)
    );
}

#[test]
fn only_what_the_named_rules_select_comes_out() {
    let path = |path: &str| Selector::Path(path.into());
    let builder = Ruleset::builder()
        .profile(Profile::HipaaSafeHarbor)
        .rule(named("contacts", path("$..contact.phone"), Class::Phone))
        .rule(named(
            "/masking/rules/1",
            path("$..other.phone"),
            Class::Phone,
        ))
        .rule(named("list", path("$..[?@.kind == 'n'].who"), Class::Name))
        .rule(named("texts", path("$..text"), Class::Narrative));
    let rules = Arc::new(builder.build().unwrap());
    let body = concat!(
        r#"{"a":[{"contact":{"phone":["555-0123",5550124]},"other":{"phone":"555-0125"},"#,
        r#""phone":"555-0126","b":"call 212-555-0127"},"#,
        r#"{"who":"Thistlewood","kind":"n"},{"note":"Thistlewood was here"},"#,
        r#"{"text":"{\"contact\":{\"phone\":\"555-0128\"},\"x\":\"212-555-0129\"}"},"#,
        r#"{"y":"{\"contact\":{\"phone\":\"555-0128\"},\"x\":\"212-555-0129\"}"}]}"#,
    );
    let all = [Class::Phone, Class::Name, Class::Narrative];
    let of = |rules: &[&str]| {
        let rules = rules.iter().map(|rule| (*rule).to_owned());
        let terms = Terms {
            rules: Some(rules.collect()),
            ..Terms::default()
        };
        lifted(&all, terms)
    };
    let plain = masked(&rules, Options::default(), body);
    let (out, report, ..) = run_cut(&rules, &of(&[]), body);
    assert_eq!((out, report.lifted_total()), (plain.clone(), 0));
    assert_eq!(
        report.drift_by_class().iter().sum::<u64>(),
        report.masked_total()
    );

    let (out, report, ..) = run_cut(&rules, &of(&["contacts"]), body);
    let expected = plain
        .replacen(
            r#"["[masked:phone]","[masked:phone]"]"#,
            r#"["555-0123",5550124]"#,
            1,
        )
        .replacen(
            r#"{"y":"{\"contact\":{\"phone\":\"[masked:phone]\""#,
            r#"{"y":"{\"contact\":{\"phone\":\"555-0128\""#,
            1,
        );
    assert_eq!(out, expected);
    assert_eq!(
        (report.lifted(Class::Phone), report.drift(Class::Phone)),
        (3, 4)
    );

    let (out, report, ..) = run_cut(&rules, &of(&["list"]), body);
    assert_eq!(
        out,
        plain.replacen(r#""who":"[masked:name]""#, r#""who":"Thistlewood""#, 1)
    );
    assert_eq!(
        (report.lifted(Class::Name), report.drift(Class::Name)),
        (1, 1)
    );

    // What stands in a value that is granted goes by its class.
    let (out, ..) = run_cut(&rules, &of(&["texts"]), body);
    let text = r#"{"text":"{\"contact\":{\"phone\":\"555-0128\"},\"x\":\"212-555-0129\"}"}"#;
    assert!(out.contains(text), "{out}");
}

/// A record with values of its number: one that a name tells, one that a detector finds, one that waits.
fn record(number: usize) -> String {
    format!(
        r#"{{"a":{{"surname":"Thistlewood{number}"}},"ssn":"000-45-{number:04}","note":"to a{number}@b.example","telecom":[{{"value":"555-010{number}","system":"phone"}}]}}"#
    )
}

#[test]
fn beyond_the_records_of_a_grant_everything_is_masked_again() {
    let rules = all_profiles();
    let all = [Class::Name, Class::Ssn, Class::Email, Class::Phone];
    let records: Vec<String> = (0..4).map(record).collect();
    for (framing, before, between, behind) in [
        (Framing::Lines, "", "\n", "\n"),
        (Framing::Document, "[", ",", "]"),
        (
            Framing::Document,
            r#"{"resourceType":"Bundle","entry":["#,
            ",",
            "]}",
        ),
        // What is a Bundle may be told behind its entries, and in any spelling.
        (
            Framing::Document,
            r#"{"entr\u0079":["#,
            ",",
            r#"],"resourceType":"Bundle"}"#,
        ),
        (Framing::Events, "data: ", "\n\ndata: ", "\n\n"),
        (Framing::Sequence, "\u{1e}", "\n\u{1e}", "\n"),
        (Framing::Concatenated, "", "", ""),
    ] {
        let body = |many: &[String]| format!("{before}{}{behind}", many.join(between));
        for count in 0..=records.len() {
            let terms = Terms {
                records: Some(count as u64),
                ..Terms::default()
            };
            let options = Options {
                framing,
                ..lifted(&all, terms)
            };
            let hidden: Vec<String> = records
                .iter()
                .enumerate()
                .map(|(number, record)| {
                    if number < count {
                        record.clone()
                    } else {
                        let document = Options::default();
                        masked(&rules, document, record)
                    }
                })
                .collect();
            let (out, report, ..) = run_cut(&rules, &options, &body(&records));
            assert_eq!(out, body(&hidden), "{count} of {framing:?}");
            let all_of = |count: usize| 4 * count as u64;
            assert_eq!(report.lifted_total(), all_of(count));
            assert_eq!(report.masked_total(), all_of(records.len() - count));
            assert_eq!(
                report.drift_by_class().iter().sum::<u64>(),
                report.masked_total()
            );
            if count == records.len() {
                let plain = Options {
                    terms: None,
                    ..options
                };
                assert_eq!(out, masked(&rules, plain, &body(&records)));
            }
        }
    }
}

/// Where the values of the records end, and those of arrays and objects with them.
fn ends(body: &str, values: &[String]) -> Vec<usize> {
    let mut from = 0;
    let ends = values.iter().map(|value| {
        from += body[from..].find(value.as_str()).unwrap() + value.len();
        from
    });
    ends.collect()
}

#[test]
fn beyond_the_bytes_of_a_grant_everything_is_masked_again() {
    let rules = all_profiles();
    let value = |number: usize| format!(r#""a{number}@b.example""#);
    let values: Vec<String> = (0..6).map(value).collect();
    for (framing, body) in [
        (
            Framing::Lines,
            format!(
                "{{\"a\":{{\"b\":{}}}}}\n{{\"a\":[{},{}]}}\n{}\n{}\n[[[{}]]]\n",
                values[0], values[1], values[2], values[3], values[4], values[5]
            ),
        ),
        (
            Framing::Document,
            format!(
                r#"{{"resourceType":"Bundle","a":{},"entry":[{{"b":{{"c":{{"d":[{},{}]}}}}}},{}],"e":[{},{}]}}"#,
                values[0], values[1], values[2], values[3], values[4], values[5]
            ),
        ),
        (Framing::Document, format!("[{}]", values.join(" , "))),
    ] {
        let ends = ends(&body, &values);
        for bytes in 0..=body.len() {
            let terms = Terms {
                bytes: Some(bytes as u64),
                ..Terms::default()
            };
            let options = Options {
                framing,
                ..lifted(&[Class::Email], terms)
            };
            let mut expected = body.clone();
            for (value, end) in values.iter().zip(&ends) {
                if *end > bytes {
                    expected = expected.replacen(value, "\"[masked:email]\"", 1);
                }
            }
            let whole = run(&rules, &options, [body.as_bytes()]);
            assert_eq!(whole.0, expected, "{bytes} bytes");
            assert_eq!(run(&rules, &options, body.as_bytes().chunks(1)), whole);
            let report = whole.1.unwrap().0;
            let within = ends.iter().filter(|end| **end <= bytes).count() as u64;
            assert_eq!(report.lifted(Class::Email), within);
            assert_eq!(report.drift(Class::Email), 6 - within);
        }
    }
    // A number that the end of the body ends, and a string of which nobody knows where it ends.
    let number = |bytes| {
        let terms = Terms {
            bytes: Some(bytes),
            ..Terms::default()
        };
        Options {
            limits: limits(64, 16, 1024).limits,
            ..lifted(&[Class::Ssn], terms)
        }
    };
    let only = named("x", Selector::Path("$".into()), Class::Ssn);
    let only = Arc::new(Ruleset::builder().rule(only).build().unwrap());
    assert_eq!(run_cut(&only, &number(4), "1234").0, "1234");
    assert_eq!(run_cut(&only, &number(4), "1234 ").0, "1234 ");
    assert_eq!(run_cut(&only, &number(3), "1234").0, "\"[masked:ssn]\"");
    let long = r#""123456789012345678""#;
    assert_eq!(run_cut(&only, &number(1000), long).0, "\"[masked:ssn]\"");
    let mut unlimited = number(0);
    unlimited.terms = None;
    assert_eq!(run_cut(&only, &unlimited, long).0, long);
}

#[test]
fn of_a_stream_of_events_the_bytes_of_its_data_count() {
    let rules = all_profiles();
    let body = "id: 1\ndata: [\"a1@b.example\"]\n\n:x\ndata: [\ndata: \"a2@b.example\"]\n\n";
    let first = "[\"a1@b.example\"".len() as u64;
    let second = first + "][\n\"a2@b.example\"".len() as u64;
    for bytes in 0..second + 2 {
        let terms = Terms {
            bytes: Some(bytes),
            ..Terms::default()
        };
        let options = Options {
            framing: Framing::Events,
            ..lifted(&[Class::Email], terms)
        };
        let (out, ..) = run_cut(&rules, &options, body);
        let shown = ["a1@b", "a2@b"].map(|value| out.contains(value));
        assert_eq!(shown, [bytes >= first, bytes >= second], "{bytes}: {out}");
    }
}

#[test]
fn once_stopped_nothing_more_comes_out() {
    let rules = all_profiles();
    let all = classes(&[
        Class::Name,
        Class::Ssn,
        Class::Email,
        Class::Phone,
        Class::Identifier,
    ]);
    let body: Vec<String> = (0..2).map(record).collect();
    let body = format!("{{\"l\":{{\"m\":[{}]}}}}", body.join(","));
    let plain = masked(&rules, all_lifted(all), &body);
    assert_eq!(plain, body);
    let tags = run(
        &rules,
        &tagged(&all.iter().collect::<Vec<_>>()),
        [body.as_bytes()],
    );
    let tags = tags.1.unwrap().1.into_iter().collect();
    let granted = under(tagged(&all.iter().collect::<Vec<_>>()), tags);
    for options in [all_lifted(all), granted] {
        let mut last = None;
        for at in 0..=body.len() {
            let (before, behind) = body.as_bytes().split_at(at);
            let mut masker = Masker::new(Arc::clone(&rules), options.clone());
            let mut out = Vec::new();
            masker.feed(before, &mut out).unwrap();
            let length = out.len();
            masker.stop_lifting();
            masker.feed(behind, &mut out).unwrap();
            masker.finish(&mut out).unwrap();
            let left = String::from_utf8(out[..length].to_vec()).unwrap();
            assert!(body.starts_with(&left), "what is out stays");
            let out = String::from_utf8(out).unwrap();
            assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok());
            // What was not out is what it would be without any grant.
            let rest = &out[length..];
            let hidden = masked(&rules, Options::default(), &body);
            assert!(hidden.ends_with(rest), "{at}: {rest}");
            let report = masker.report();
            assert_eq!(report.drift_by_class().iter().sum::<u64>(), 0);
            let lifted = report.lifted_total();
            assert!(last.is_none_or(|last| last <= lifted));
            last = Some(lifted);
        }
        assert_eq!(last, Some(8));
    }
}

fn all_lifted(classes: ClassSet) -> Options {
    Options {
        lift: classes,
        ..Options::default()
    }
}

#[test]
fn a_stop_holds_for_events_and_for_what_a_name_told() {
    let rules = all_profiles();
    let options = Options {
        framing: Framing::Events,
        ..all_lifted(classes(&[Class::Name]))
    };
    let mut masker = Masker::new(Arc::clone(&rules), options);
    let mut out = Vec::new();
    masker
        .feed(b"data: [{\"surname\":\"Thistlewood\",\n", &mut out)
        .unwrap();
    masker.stop_lifting();
    let rest = b"data: \"note\":\"Thistlewood slept\"}]\n\ndata: [{\"surname\":\"Ann\"}]\n\n";
    masker.feed(rest, &mut out).unwrap();
    let expected = "data: [{\"surname\":\"Thistlewood\",\ndata: \"note\":\"[masked:name] slept\"}]\n\n\
        data: [{\"surname\":\"[masked:name]\"}]\n\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn what_is_removed_is_removed_again_beyond_a_grant() {
    let rule = Rule {
        operator: Operator::Remove,
        ..named("gone", key("gone"), Class::Photo)
    };
    let rules = Arc::new(Ruleset::builder().rule(rule).build().unwrap());
    let body = "{\"a\":{\"gone\":[1,{\"x\":2}],\"b\":1}}\n{\"a\":{\"b\":1,\"gone\":3}}\n";
    let lift = |terms: Terms| Options {
        framing: Framing::Lines,
        ..lifted(&[Class::Photo], terms)
    };
    let one = lift(Terms {
        records: Some(1),
        ..Terms::default()
    });
    let (out, report, ..) = run_cut(&rules, &one, body);
    assert_eq!(
        out,
        "{\"a\":{\"gone\":[1,{\"x\":2}],\"b\":1}}\n{\"a\":{\"b\":1}}\n"
    );
    assert_eq!(
        (report.masked(Class::Photo), report.drift(Class::Photo)),
        (1, 1)
    );
    // The limit is within what was not taken away at its beginning.
    let bytes = lift(Terms {
        bytes: Some("{\"a\":{\"gone\":[1".len() as u64),
        ..Terms::default()
    });
    let (out, ..) = run_cut(&rules, &bytes, body);
    assert_eq!(out, "{\"a\":{\"gone\":[1],\"b\":1}}\n{\"a\":{\"b\":1}}\n");
    let tags = lift(Terms {
        tags: Some([[0; 8]].into_iter().collect()),
        ..Terms::default()
    });
    let (out, ..) = run_cut(&rules, &tags, body);
    assert_eq!(out, "{\"a\":{\"b\":1}}\n{\"a\":{\"b\":1}}\n");
}

#[test]
fn a_date_that_the_grant_is_not_for_is_shifted_as_ever() {
    let rule = Rule {
        operator: Operator::DateShift { days: 100 },
        ..named("dates", key("day"), Class::Date)
    };
    let rules = Arc::new(Ruleset::builder().rule(rule).build().unwrap());
    let keys = velum_engine::Keyring::new([("k1".to_owned(), vec![1; 32])]).unwrap();
    let body =
        r#"{"day":"2024-01-02","b":{"day":"2024-01-03"},"subject":{"reference":"Patient/p1"}}"#;
    let shifted = Options {
        keys,
        ..tagged(&[Class::Date])
    };
    let (hidden, _, tags, _) = run_cut(&rules, &shifted, body);
    assert!(
        !hidden.contains("masked") && !hidden.contains("2024-01-0"),
        "{hidden}"
    );
    let seen = body.replace("2024-01-02", "2024-01-09");
    let (out, report, ..) = run_cut(&rules, &under(shifted.clone(), tags), &seen);
    let other = masked(&rules, shifted, &seen);
    let (day, _) = other.split_once(r#""b""#).unwrap();
    assert_eq!(
        out,
        format!(r#"{day}"b":{{"day":"2024-01-03"}},"subject":{{"reference":"Patient/p1"}}}}"#)
    );
    assert_eq!(
        (report.lifted(Class::Date), report.drift(Class::Date)),
        (1, 1)
    );
}

#[test]
fn under_no_grant_nothing_is_drift_and_without_classes_there_is_no_evidence() {
    let (_, result) = mask(&all_profiles(), Options::default(), record(1).as_bytes());
    let report = result.unwrap();
    assert_eq!(report.drift_by_class().iter().sum::<u64>(), 0);
    let masker = Masker::new(all_profiles(), Options::default());
    assert!(masker.evidence().is_none());
    // No grant shows a secret, and no tag tells of one.
    let mut options = tagged(&[Class::Credential]);
    options.lift = [Class::Credential].into_iter().collect();
    let body = r#"{"a":[{"password":"hunter2hunter2"}]}"#;
    let (out, report, ..) = run_cut(&all_profiles(), &options, body);
    assert!(!out.contains("hunter2") && report.lifted_total() == 0);
}
