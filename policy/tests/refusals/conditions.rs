//! What actions hang on.

use serde_json::json;

use crate::{change, check, full, refused};

#[test]
fn conditions_that_say_nothing_or_never_hold() {
    let when = "/actions/2/when";
    let at = |suffix: &str| -> &'static str {
        Box::leak(format!("/actions/2/when{suffix}").into_boxed_str())
    };
    check(vec![
        (when, json!({}), when, "is empty"),
        (when, json!([]), when, "must be an object"),
        (when, json!({"method": []}), at("/method"), "is empty"),
        (when, json!({"method": "get"}), at("/method"), "upper case"),
        (
            when,
            json!({"method": ["PUT", "PUT"]}),
            at("/method/1"),
            "listed twice",
        ),
        (
            when,
            json!({"path": "admin"}),
            at("/path"),
            "must start with /",
        ),
        (when, json!({"path": "/a%20b"}), at("/path"), "decoded"),
        (when, json!({"path": "/a?b"}), at("/path"), "query"),
        (when, json!({"path": "/a;b"}), at("/path"), "query"),
        (when, json!({"path": "/a//b"}), at("/path"), "resolved"),
        (when, json!({"path": "/a/../b"}), at("/path"), "resolved"),
        (when, json!({"path": "/a/."}), at("/path"), "resolved"),
        (when, json!({"path": "/a/"}), at("/path"), "trailing /"),
        (
            when,
            json!({"path": "/a\u{200b}"}),
            at("/path"),
            "never in a canonical path",
        ),
        (
            when,
            json!({"path": {}}),
            at("/path"),
            "exactly one of: prefix",
        ),
        (
            when,
            json!({"path": {"prefix": "/a", "suffix": "b"}}),
            at("/path"),
            "exactly one of",
        ),
        (
            when,
            json!({"path": {"prefix": "a"}}),
            at("/path/prefix"),
            "must start with /",
        ),
        (
            when,
            json!({"path": {"prefix": "/a//"}}),
            at("/path/prefix"),
            "resolved",
        ),
        (
            when,
            json!({"path": {"prefix": "/../a"}}),
            at("/path/prefix"),
            "resolved",
        ),
        (
            when,
            json!({"path": {"suffix": "a/"}}),
            at("/path/suffix"),
            "trailing /",
        ),
        (
            when,
            json!({"path": {"suffix": "%24x"}}),
            at("/path/suffix"),
            "decoded",
        ),
        (
            when,
            json!({"path": {"segments": "/a/{id"}}),
            at("/path/segments"),
            "{name}",
        ),
        (
            when,
            json!({"path": {"segments": "/a/{}"}}),
            at("/path/segments"),
            "{name}",
        ),
        (
            when,
            json!({"path": {"segments": "/a/*"}}),
            at("/path/segments"),
            "{name}",
        ),
        (
            when,
            json!({"path": {"segments": "/a/{id}/"}}),
            at("/path/segments"),
            "trailing /",
        ),
        (when, json!({"header": {}}), at("/header"), "is empty"),
        (
            when,
            json!({"header": {"X-A": "1"}}),
            at("/header/X-A"),
            "lower case",
        ),
        (
            when,
            json!({"header": {"velum-lift": "name"}}),
            at("/header/velum-lift"),
            "never conditions",
        ),
        (
            when,
            json!({"header": {"velum_reason": {"present": true}}}),
            at("/header/velum_reason"),
            "never conditions",
        ),
        (
            when,
            json!({"header": {":path": "/"}}),
            at("/header/:path"),
            "`path`",
        ),
        (
            when,
            json!({"header": {"host": "a"}}),
            at("/header/host"),
            "`authority`",
        ),
        (
            when,
            json!({"header": {"a": 1}}),
            at("/header/a"),
            "must be an object",
        ),
        (
            when,
            json!({"header": {"a": {"present": "yes"}}}),
            at("/header/a/present"),
            "true or false",
        ),
        (
            when,
            json!({"query": {"a%20": "1"}}),
            at("/query/a%20"),
            "decoded name",
        ),
        (
            when,
            json!({"query": {"": "1"}}),
            at("/query/"),
            "decoded name",
        ),
        (
            when,
            json!({"query": {"_Method": "1"}}),
            at("/query/_Method"),
            "method override",
        ),
        (
            when,
            json!({"query": {"a": {"regex": "."}}}),
            at("/query/a/regex"),
            "unknown key",
        ),
        (
            when,
            json!({"authority": "A.example"}),
            at("/authority"),
            "lower case",
        ),
        (
            when,
            json!({"authority": "a@b.example"}),
            at("/authority"),
            "host name",
        ),
        (
            when,
            json!({"authority": "a.example:x"}),
            at("/authority"),
            "host name",
        ),
        (
            when,
            json!({"authority": "a.example:99999"}),
            at("/authority"),
            "host name",
        ),
        (
            when,
            json!({"authority": "*.example"}),
            at("/authority"),
            "host name",
        ),
        (
            when,
            json!({"authority": {"suffix": "example"}}),
            at("/authority/suffix"),
            "from a dot",
        ),
        (
            when,
            json!({"authority": {"suffix": ".example:80"}}),
            at("/authority/suffix"),
            "from a dot",
        ),
        (
            when,
            json!({"principal": {}}),
            at("/principal"),
            "name issuer or subject",
        ),
        (
            when,
            json!({"principal": {"subject": {"suffix": ""}}}),
            at("/principal/subject/suffix"),
            "must not be empty",
        ),
        (when, json!({"claims": {}}), at("/claims"), "is empty"),
        (
            when,
            json!({"claims": {"": "a"}}),
            at("/claims/"),
            "name of a claim",
        ),
        (
            when,
            json!({"claims": {"/a//b": "a"}}),
            at("/claims/~1a~1~1b"),
            "name of a claim",
        ),
        (
            when,
            json!({"claims": {"a": null}}),
            at("/claims/a"),
            "a string, a boolean or an integer",
        ),
        (
            when,
            json!({"claims": {"a": {"contains": [1]}}}),
            at("/claims/a/contains"),
            "a string, a boolean or an integer",
        ),
        (when, json!({"any": []}), at("/any"), "is empty"),
        (
            when,
            json!({"any": [{"path": "/a"}, {}]}),
            at("/any/1"),
            "is empty",
        ),
        (
            when,
            json!({"all": {"path": "/a"}}),
            at("/all"),
            "must be a list",
        ),
        (
            when,
            json!({"not": {"not": {}}}),
            at("/not/not"),
            "is empty",
        ),
        // Contradictions.
        (
            when,
            json!({"path": "/a", "not": {"path": {"prefix": "/"}}}),
            when,
            "contradict",
        ),
        (
            when,
            json!({"all": [{"path": "/a"}, {"path": "/b"}]}),
            when,
            "contradict",
        ),
        (
            when,
            json!({"all": [{"method": "PUT"}, {"method": "POST"}]}),
            when,
            "contradict",
        ),
        (
            when,
            json!({"any": [{"all": [{"path": "/a"}, {"path": {"prefix": "/b"}}]}, {"path": "/c", "all": [{"path": "/d"}]}]}),
            when,
            "contradict",
        ),
        (
            when,
            json!({"header": {"a": {"present": false}}, "all": [{"header": {"a": "1"}}]}),
            when,
            "contradict",
        ),
        (
            when,
            json!({"all": [{"authority": "a.example"}, {"authority": {"suffix": ".org"}}]}),
            when,
            "contradict",
        ),
        (
            when,
            json!({"claims": {"a": "1"}, "all": [{"claims": {"a": "2"}}]}),
            when,
            "contradict",
        ),
    ]);
}

#[test]
fn a_condition_with_too_many_alternatives() {
    let part = |index: usize| json!({"any": [{"path": format!("/a{index}")}, {"header": {"x": index.to_string()}}]});
    let mut document = full();
    change(
        &mut document,
        "/actions/2/when",
        Some(json!({"all": (0..12).map(part).collect::<Vec<_>>()})),
    );
    refused(
        &document,
        "2^12 alternatives",
        "/actions/2/when",
        "too many alternatives",
    );
}
