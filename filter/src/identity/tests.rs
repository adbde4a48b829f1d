use serde_json::json;

use super::*;
use crate::fake::Fake;
use crate::pairs;

const ISSUER: &str = "https://idp.example";
const BASE: [&str; 4] = [
    "metadata",
    "filter_metadata",
    "envoy.filters.http.jwt_authn",
    "claims",
];

fn policy(identity: &Value, when: &Value) -> Policy {
    let document = json!({
        "version": 1, "identity": identity, "masking": {"profiles": ["pii"]},
        "actions": [{"name": "closed", "when": when, "effect": "deny"}],
    });
    Policy::parse(document.to_string().as_bytes()).unwrap()
}

fn token_policy(roles: &str) -> Policy {
    let identity = json!({"jwt": {"metadata": BASE[2..], "roles": roles}});
    policy(&identity, &json!({"method": "DELETE"}))
}

/// A host with these claims, each at its path below the token's.
fn host(claims: &[(&[&str], &[u8])]) -> Fake {
    let host = Fake::default();
    for (path, value) in claims {
        host.set_property(&[&BASE[..], path].concat(), value);
    }
    host
}

/// The subjects of principal and lineage, and their issuers where they are not the token's.
fn read_token(roles: &str, claims: &[(&[&str], &str)]) -> Option<(String, Vec<String>)> {
    let bytes: Vec<(&[&str], &[u8])> = claims.iter().map(|(p, v)| (*p, v.as_bytes())).collect();
    let caller = read(&host(&bytes), &token_policy(roles), &[])?;
    let name = |identity: &Identity| match identity.issuer() {
        ISSUER => identity.subject().to_owned(),
        other => format!("{}@{other}", identity.subject()),
    };
    let lineage = caller.lineage.iter().map(name).collect();
    Some((name(&caller.principal), lineage))
}

fn is(principal: &str, lineage: &[&str]) -> (String, Vec<String>) {
    let lineage = lineage.iter().map(|&name| name.to_owned()).collect();
    (principal.to_owned(), lineage)
}

#[test]
fn the_actor_is_the_principal_by_the_rfc_and_the_subject_where_roles_are_reversed() {
    let claims: &[(&[&str], &str)] = &[
        (&["iss"], ISSUER),
        (&["sub"], "one"),
        (&["act", "sub"], "two"),
        (&["act", "act", "sub"], "three"),
        (&["act", "act", "iss"], "https://other.example"),
    ];
    let three = "three@https://other.example";
    let expected = is("two", &["two", "one", three]);
    assert_eq!(read_token("rfc8693", claims), Some(expected));
    let expected = is("one", &["one", "two", three]);
    assert_eq!(read_token("reversed", claims), Some(expected));
    for roles in ["rfc8693", "reversed"] {
        assert_eq!(read_token(roles, &claims[..2]), Some(is("one", &["one"])));
    }
}

#[test]
fn who_stands_twice_in_a_chain_is_counted_once_and_other_issuers_are_others() {
    let claims: &[(&[&str], &str)] = &[
        (&["iss"], ISSUER),
        (&["sub"], "one"),
        (&["act", "sub"], "one"),
        (&["act", "act", "sub"], "one"),
        (&["act", "act", "iss"], "https://other.example"),
    ];
    let expected = is("one", &["one", "one@https://other.example"]);
    assert_eq!(read_token("rfc8693", claims), Some(expected.clone()));
    assert_eq!(read_token("reversed", claims), Some(expected));
}

#[test]
fn a_chain_with_a_gap_is_no_identity() {
    let whole: &[(&[&str], &str)] = &[
        (&["iss"], ISSUER),
        (&["sub"], "one"),
        (&["act", "sub"], "two"),
        (&["act", "act", "sub"], "three"),
    ];
    for roles in ["rfc8693", "reversed"] {
        for (left_out, put_in) in [
            (0, None),
            (1, None),
            (2, None),
            (
                3,
                Some((&["act", "act", "iss"][..], "https://other.example")),
            ),
            (3, Some((&["act", "act"], "three"))),
            (3, Some((&["act", "act", "sub"], ""))),
            (3, Some((&["act", "act", "sub"], "a\nb"))),
        ] {
            let mut claims = whole.to_vec();
            claims.remove(left_out);
            claims.extend(put_in);
            assert_eq!(read_token(roles, &claims), None, "{left_out} {put_in:?}");
        }
    }
}

#[test]
fn a_chain_may_have_eight_actors_and_no_more() {
    let depth = |actors: usize| {
        let mut paths: Vec<Vec<&str>> = vec![vec!["iss"], vec!["sub"]];
        paths.extend((1..=actors).map(|actor| [vec!["act"; actor], vec!["sub"]].concat()));
        let names: Vec<String> = (0..paths.len()).map(|name| format!("a{name}")).collect();
        let claims: Vec<(&[&str], &str)> = paths
            .iter()
            .zip(&names)
            .map(|(path, name)| (path.as_slice(), name.as_str()))
            .collect();
        read_token("rfc8693", &claims).map(|(_, lineage)| lineage.len())
    };
    assert_eq!(depth(8), Some(9));
    assert_eq!(depth(9), None);
    assert_eq!(depth(40), None);
}

#[test]
fn filter_state_is_an_identity_under_its_key() {
    let policy = policy(
        &json!({"filter_state": "corp.user"}),
        &json!({"method": "DELETE"}),
    );
    let host = Fake::default();
    assert!(read(&host, &policy, &[]).is_none());
    for (value, subject) in [
        (&b"dr-jones"[..], Some("dr-jones")),
        (b"", None),
        (b"a\nb", None),
        (&[b'a', 0xff], None),
    ] {
        host.set_property(&["filter_state", "corp.user"], value);
        let caller = read(&host, &policy, &[]);
        let expected = subject
            .map(|subject| Identity::new(IdentityKind::FilterState, "corp.user", subject).unwrap());
        assert_eq!(
            caller.as_ref().map(|caller| &caller.principal),
            expected.as_ref()
        );
        if let Some(caller) = caller {
            assert_eq!(caller.lineage, [caller.principal]);
        }
    }
}

#[test]
fn an_identity_is_read_where_the_policy_says_that_it_is() {
    let deeper = [&BASE[..2], &["other.filter", "token", "claims"]].concat();
    let host = host(&[(&["iss"], ISSUER.as_bytes()), (&["sub"], b"usual")]);
    host.set_property(&[&deeper[..], &["iss"]].concat(), ISSUER.as_bytes());
    host.set_property(&[&deeper[..], &["sub"]].concat(), b"other");
    host.set_property(&["filter_state", "corp.user"], b"usual");
    host.set_property(&["filter_state", "corp.other"], b"other");
    for (identity, expected) in [
        (json!({"jwt": {"metadata": BASE[2..]}}), "usual"),
        (json!({"jwt": {"metadata": deeper[2..]}}), "other"),
        (json!({"filter_state": "corp.user"}), "usual"),
        (json!({"filter_state": "corp.other"}), "other"),
    ] {
        let policy = policy(&identity, &json!({"method": "DELETE"}));
        let caller = read(&host, &policy, &[]).unwrap();
        assert_eq!(caller.principal.subject(), expected, "{identity}");
    }
}

#[test]
fn a_certificate_counts_where_tls_is_mutual_only() {
    for (field, property) in [
        ("uri_san", "uri_san_peer_certificate"),
        ("dns_san", "dns_san_peer_certificate"),
        ("subject", "subject_peer_certificate"),
    ] {
        let policy = policy(
            &json!({"peer_certificate": field}),
            &json!({"method": "DELETE"}),
        );
        let host = Fake::default();
        host.set_property(&["connection", property], b"spiffe://mesh/agent");
        for (mutual, known) in [(None, false), (Some(0), false), (Some(1), true)] {
            if let Some(mutual) = mutual {
                host.set_property(&["connection", "mtls"], &[mutual]);
            }
            let caller = read(&host, &policy, &[]);
            assert_eq!(caller.is_some(), known, "{field} {mutual:?}");
        }
    }
}

fn list(elements: &[&[u8]]) -> Vec<u8> {
    let pairs = elements
        .iter()
        .map(|element| (element.to_vec(), Vec::new()));
    pairs::encode(&pairs.collect())
}

fn claim_of(bytes: &[u8]) -> Option<Value> {
    claim_value(bytes)
}

#[test]
fn claims_are_read_in_the_forms_that_envoy_gives() {
    let double = |number: f64| number.to_le_bytes();
    let object = pairs::encode(&vec![(b"roles".to_vec(), list(&[b"auditor"]))]);
    for (bytes, expected) in [
        (&b"oncology"[..], Some(json!("oncology"))),
        (b"a", Some(json!("a"))),
        (b"12345678", Some(json!("12345678"))),
        (b"", Some(json!(""))),
        (b"two\nlines of text", Some(json!("two\nlines of text"))),
        (&[1], Some(json!(true))),
        (&[0], Some(json!(false))),
        (&double(3.0), Some(json!(3.0))),
        (&double(0.0), Some(json!(0.0))),
        (&double(-2.5), Some(json!(-2.5))),
        (
            &double(70_368_744_177_663.0),
            Some(json!(70_368_744_177_663.0)),
        ),
        (&double(f64::NAN), None),
        (&[0xff, 0xfe], None),
        (&[0, 0, 0, 0], Some(json!([]))),
        (&list(&[b"a", b"b"]), Some(json!(["a", "b"]))),
        (
            &list(&[&double(7.0), &[1], b"x"]),
            Some(json!([7.0, true, "x"])),
        ),
        (&list(&[&[0xff]]), None),
        (
            &list(&[&list(&[b"a"])]),
            Some(json!([String::from_utf8(list(&[b"a"])).unwrap()])),
        ),
        (&object, Some(json!({}))),
    ] {
        assert_eq!(claim_of(bytes), expected, "{bytes:?}");
    }
}

/// The loader takes integers up to 2^46 - 1, for this reason.
#[test]
fn no_integer_that_a_policy_may_name_has_the_bytes_of_a_text() {
    let mut number = 0_u64;
    for step in 0..2_000_000_u64 {
        #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
        let bytes = (number as f64).to_le_bytes();
        assert!(
            scalar(&bytes).is_some_and(|value| value.is_number()),
            "{number}"
        );
        number = (number * 3 + step) % (1 << 46);
    }
}

#[test]
fn a_claim_and_one_within_it_may_both_be_asked() {
    let identity = json!({"jwt": {"metadata": BASE[2..]}});
    let realm = pairs::encode(&vec![(b"roles".to_vec(), list(&[b"auditor"]))]);
    for when in [
        json!({"all": [{"claims": {"realm": {"present": true}, "list": {"contains": "b"}}},
            {"claims": {"/realm/roles": {"contains": "auditor"}, "/list/1": "b"}}]}),
        json!({"all": [{"claims": {"/realm/roles": {"contains": "auditor"}, "/list/1": "b"}},
            {"claims": {"realm": {"present": true}, "list": {"contains": "b"}}}]}),
    ] {
        for realm in [Some(&realm), None] {
            let host = host(&[
                (&["iss"], ISSUER.as_bytes()),
                (&["sub"], b"one"),
                (&["realm", "roles"], &list(&[b"auditor"])),
                (&["list"], &list(&[b"a", b"b"])),
                (&["list", "1"], b"b"),
            ]);
            if let Some(realm) = realm {
                host.set_property(&[&BASE[..], &["realm"]].concat(), realm);
            }
            let caller = read(&host, &policy(&identity, &when), &[]).unwrap();
            let expected = json!({"realm": {"roles": ["auditor"]}, "list": ["a", "b"]});
            assert_eq!(caller.claims, Some(expected));
        }
    }
}

#[test]
fn a_claim_that_cannot_be_read_is_null_and_others_are_what_they_are() {
    let identity = json!({"jwt": {"metadata": BASE[2..]}});
    let when =
        json!({"claims": {"broken": {"present": true}, "bytes": {"present": true}, "dept": "a"}});
    let host = host(&[
        (&["iss"], ISSUER.as_bytes()),
        (&["sub"], b"one"),
        (&["broken", "inside"], b"x"),
        (&["bytes"], &[0xff]),
        (&["dept"], b"a"),
    ]);
    let caller = read(&host, &policy(&identity, &when), &[]).unwrap();
    let expected = json!({"broken": null, "bytes": null, "dept": "a"});
    assert_eq!(caller.claims, Some(expected));
}
