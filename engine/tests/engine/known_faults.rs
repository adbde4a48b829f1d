//! Where the engine does not do what it documents: each test is what should hold, and waits for the
//! engine to be mended.

use velum_engine::{Class, Options, Selector};

use crate::reference::{How, Masking, Policy};
use crate::support::{check_splits, limits, mask, masked, no_rules};

fn by_path(path: &str, how: How) -> Masking {
    Masking {
        select: Selector::Path(path.into()),
        class: Class::Other,
        how,
    }
}

fn check_again(policy: &Policy, body: &str) {
    let rules = policy.ruleset().unwrap();
    let once = masked(&rules, Options::default(), body);
    assert_eq!(masked(&rules, Options::default(), &once), once, "again");
}

#[test]
#[ignore = "a null below a lifted array or object is counted as a lifted value"]
fn a_null_is_not_a_lifted_value() {
    let policy = Policy {
        rules: vec![by_path("$.k", How::Redact)],
        lift: vec![Class::Other],
        ..Policy::default()
    };
    let rules = policy.ruleset().unwrap();
    for body in [r#"{"k":null}"#, r#"{"k":[null]}"#, r#"{"k":{"a":null}}"#] {
        let report = mask(&rules, policy.options(), body.as_bytes()).1.unwrap();
        assert_eq!(report.lifted_total(), 0, "{body}");
    }
}

#[test]
#[ignore = "a masked name counts as the empty name when it is masked again"]
fn a_masked_name_stays_what_it_was() {
    let policy = Policy {
        rules: vec![by_path("$.k['']", How::Null), by_path("$.k", How::Redact)],
        ..Policy::default()
    };
    check_again(&policy, r#"{"k":{"12345":1}}"#);
}

#[test]
#[ignore = "elements move up where others are removed, so that an index finds another one"]
fn an_element_that_stays_is_not_removed_the_second_time() {
    let policy = Policy {
        rules: vec![by_path("$[*]", How::Remove)],
        exempt: vec!["$[1]".into()],
        ..Policy::default()
    };
    check_again(&policy, "[1,2,3]");
}

#[test]
#[ignore = "which of two faults in a long string is met first depends on the cut"]
fn an_error_does_not_depend_on_the_cut() {
    let body = [b"\"".as_slice(), &[b'x'; 40], b"\xFF\x01\""].concat();
    check_splits(&no_rules(), &limits(8, 32, 64), &body, 0..=body.len());
}

#[test]
#[ignore = "below a path rule inside of an exempt place keys act, though only paths should"]
fn only_path_rules_act_below_an_exempt_place() {
    let by_key = Masking {
        select: Selector::Keys(vec!["ssn".into()]),
        class: Class::Ssn,
        how: How::Redact,
    };
    let policy = Policy {
        rules: vec![by_path("$.a.b", How::Redact), by_key],
        exempt: vec!["$.a".into()],
        ..Policy::default()
    };
    let rules = policy.ruleset().unwrap();
    assert_eq!(
        masked(&rules, Options::default(), r#"{"a":{"b":{"ssn":1}}}"#),
        r#"{"a":{"b":{"ssn":"[masked:other]"}}}"#
    );
}

#[test]
#[ignore = "of several numbers at the end of a name only the last one is passed over"]
fn numbers_at_the_end_of_a_name_are_passed_over() {
    let policy = Policy {
        rules: vec![Masking {
            select: Selector::Keys(vec!["phone".into()]),
            class: Class::Phone,
            how: How::Redact,
        }],
        ..Policy::default()
    };
    let rules = policy.ruleset().unwrap();
    assert_eq!(
        masked(&rules, Options::default(), r#"{"phone_1_2":1}"#),
        r#"{"phone_1_2":"[masked:phone]"}"#
    );
}
