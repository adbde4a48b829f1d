//! Looking inside of strings: JSON, base64, `data:` URIs, tokens, percent-encoding, markup.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use velum_engine::{Class, Finder, Options, Profile, Ruleset};

use crate::support::{check_splits, lift, mask, masked, profile};

/// Masks the string in a document, checks splits and that once more changes nothing.
fn inside(rules: &Arc<Ruleset>, text: &str) -> String {
    let body = json!({"memo": text, "list": [text]}).to_string();
    let out = masked(rules, Options::default(), &body);
    check_splits(rules, &Options::default(), body.as_bytes(), 0..=body.len());
    assert_eq!(masked(rules, Options::default(), &out), out, "again");
    let value: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["memo"], value["list"][0]);
    value["memo"].as_str().unwrap().to_owned()
}

fn both() -> Arc<Ruleset> {
    let builder = Ruleset::builder().profile(Profile::Pii);
    Arc::new(builder.profile(Profile::Credentials).build().unwrap())
}

#[test]
fn json_in_a_string_is_masked_by_the_same_rules() {
    let rules = profile(Profile::Pii);
    for (text, expected) in [
        (r#"{"ssn":"x","a":1}"#, r#"{"ssn":"[masked:ssn]","a":1}"#),
        (
            r#" [ {"note" : "a@b.example"} ] "#,
            r#" [ {"note" : "[masked:email]"} ] "#,
        ),
        // Escapes inside stay as they came; what is masked is escaped once more.
        (
            r#"{"b":"\u0041","phone":"2"}"#,
            r#"{"b":"\u0041","phone":"[masked:phone]"}"#,
        ),
        (
            r#"{"x":"{\"email\":\"q\"}"}"#,
            r#"{"x":"{\"email\":\"[masked:email]\"}"}"#,
        ),
        (r#"{"ssn":"x""#, r#"{"ssn":"x""#),
        ("[masked:name]", "[masked:name]"),
        ("{}", "{}"),
    ] {
        assert_eq!(inside(&rules, text), expected, "{text}");
    }
}

#[test]
fn what_is_encoded_too_often_is_masked_whole() {
    let rules = profile(Profile::Pii);
    let mut text = r#"{"a":1}"#.to_owned();
    for _ in 0..3 {
        assert_eq!(inside(&rules, &text), text);
        text = json!({ "a": text }).to_string();
    }
    assert!(inside(&rules, &text).contains("[masked:other]"));
    let mut text = "nothing to see here".to_owned();
    for _ in 0..3 {
        text = STANDARD.encode(text);
        assert_eq!(inside(&rules, &text), text);
    }
    assert_eq!(inside(&rules, &STANDARD.encode(text)).len() % 4, 0);
    let deep = "[".repeat(500) + &"]".repeat(500);
    assert_eq!(inside(&rules, &deep), "[masked:other]", "a limit");
}

#[test]
fn forms_are_masked_by_the_same_rules() {
    let rules = both();
    for (form, expected) in [
        (
            "surname=Quillan&page=2&city=Lisbon",
            "surname=[masked:name]&page=2&city=[masked:address]",
        ),
        (
            "surname=Quillan&note=Mr.+Quillan+%26+I&x=%20",
            "surname=[masked:name]&note=Mr.+[masked:name]+%26+I&x=%20",
        ),
        (
            "a%5Bpassword%5D=x%26y&b=",
            "a%5Bpassword%5D=[masked:credential]&b=",
        ),
        (
            "q=J%C3%B6rg&mail=a%40b.example",
            "q=J%C3%B6rg&mail=[masked:email]",
        ),
        ("a=1&b=2", "a=1&b=2"),
    ] {
        assert_eq!(inside(&rules, form), expected);
    }
    let lifted = lift(&[Class::Name]);
    let body = r#"{"q":"surname=Quillan&ssn=12"}"#;
    assert_eq!(
        masked(&rules, lifted, body),
        r#"{"q":"surname=Quillan&ssn=[masked:ssn]"}"#
    );
}

#[test]
fn base64_is_decoded_masked_and_encoded_again() {
    let rules = profile(Profile::Pii);
    let text = "Dear a@b.example, your number 123-45-6789";
    let expected = "Dear [masked:email], your number [masked:ssn]";
    for engine in [&STANDARD, &STANDARD_NO_PAD] {
        assert_eq!(
            inside(&rules, &engine.encode(text)),
            engine.encode(expected)
        );
    }
    // Bytes that make both alphabets differ.
    let (text, expected) = ("???>>> 123-45-6789 ~~~ ", "???>>> [masked:ssn] ~~~ ");
    let encoded = URL_SAFE_NO_PAD.encode(text);
    assert!(encoded.contains('_'));
    assert_eq!(inside(&rules, &encoded), URL_SAFE_NO_PAD.encode(expected));
    // Broken into lines, as in mail.
    let lines = STANDARD
        .encode("mail to a@b.example and to nobody else, please")
        .replace('c', "c\n");
    let out = inside(&rules, &lines);
    assert!(
        String::from_utf8(STANDARD.decode(out).unwrap())
            .unwrap()
            .starts_with("mail to [masked:email]")
    );
    // JSON in base64, and base64 in JSON.
    let inner = STANDARD.encode(r#"{"ssn":"1"}"#);
    let out = inside(&rules, &json!({ "x": inner }).to_string());
    assert!(
        out.contains(&STANDARD.encode(r#"{"ssn":"[masked:ssn]"}"#)),
        "{out}"
    );
}

#[test]
fn what_is_no_text_stays() {
    let rules = profile(Profile::Pii);
    for text in [
        STANDARD.encode([0_u8, 1, 2, 3, 200, 201, 0, 9, 9, 9, 9, 9, 9]),
        "StructureDefinition".to_owned(),
        "d41d8cd98f00b204e9800998ecf8427e".to_owned(),
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg==".to_owned(),
    ] {
        assert_eq!(inside(&rules, &text), text);
    }
}

#[test]
fn data_uris_keep_their_heads() {
    let rules = profile(Profile::Pii);
    let uri = |text: &str| {
        format!(
            "data:text/plain;charset=utf-8;base64,{}",
            STANDARD.encode(text)
        )
    };
    assert_eq!(
        inside(&rules, &uri("write to a@b.example")),
        uri("write to [masked:email]")
    );
    let plain = "data:text/plain,write%20to%20a%40b.example";
    assert_eq!(
        inside(&rules, plain),
        "data:text/plain,write%20to%20[masked:email]"
    );
}

#[test]
fn a_token_loses_its_signature_with_what_is_masked() {
    let rules = profile(Profile::Pii);
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(&json!({"alg": "HS256", "typ": "JWT"}));
    let token = format!(
        "{header}.{}.c2lnbmF0dXJl",
        part(&json!({"email": "q@r.example", "n": 1}))
    );
    let out = inside(&rules, &token);
    let parts: Vec<_> = out.split('.').collect();
    assert_eq!(parts[0], header);
    assert_eq!(parts[1], part(&json!({"email": "[masked:email]", "n": 1})));
    assert_eq!(parts[2], "[masked:credential]");
    let harmless = format!("{header}.{}.c2lnbmF0dXJl", part(&json!({"n": 1})));
    assert_eq!(inside(&rules, &harmless), harmless);
    let credentials = profile(Profile::Credentials);
    assert_eq!(inside(&credentials, &token), "[masked:credential]");
}

#[test]
fn tokens_within_text_are_looked_into() {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let token = |header: &Value, payload: &Value, signature: &str| {
        format!("{}.{}{signature}", part(header), part(payload))
    };
    let plain = json!({"alg": "HS256", "typ": "JWT"});
    let (with, without) = (
        json!({"email": "q@r.example"}),
        json!({"email": "[masked:email]"}),
    );
    let (pii, both) = (profile(Profile::Pii), both());
    for around in [
        ["Authorization: Bearer ", ""],
        ["the token ", " was sent"],
        ["https://a.example/x?t=", "&u=1"],
        ["it came: ", "."],
    ] {
        let text = |token: &str| [around[0], token, around[1]].concat();
        for (given, masked) in [
            (
                token(&plain, &with, ".c2lnbmF0dXJl"),
                token(&plain, &without, ".[masked:credential]"),
            ),
            (token(&plain, &with, "."), token(&plain, &without, ".")),
            // What a header claims counts too; short ones as well.
            (
                token(&json!({"alg": "none", "ssn": "1"}), &json!({}), ".c2ln"),
                token(
                    &json!({"alg": "none", "ssn": "[masked:ssn]"}),
                    &json!({}),
                    ".[masked:credential]",
                ),
            ),
            (
                token(&json!({"a": 1}), &json!({"ssn": "1"}), ".c2ln"),
                token(
                    &json!({"a": 1}),
                    &json!({"ssn": "[masked:ssn]"}),
                    ".[masked:credential]",
                ),
            ),
        ] {
            assert_eq!(inside(&pii, &text(&given)), text(&masked));
        }
        let harmless = text(&token(&plain, &json!({"n": 1}), ".c2lnbmF0dXJl"));
        assert_eq!(inside(&pii, &harmless), harmless);
        let out = inside(&both, &text(&token(&plain, &with, ".c2lnbmF0dXJl")));
        assert!(
            out.contains("[masked:credential]") && !out.contains("eyJ"),
            "{out}"
        );
    }
}

#[test]
fn base64_within_text_is_looked_into() {
    let rules = profile(Profile::Pii);
    let secret = "Dear a@b.example, your number 123-45-6789";
    let masked = "Dear [masked:email], your number [masked:ssn]";
    for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        let (given, expected) = (engine.encode(secret), engine.encode(masked));
        for around in [
            ["see ", " for more"],
            ["data=", "&x=1"],
            ["https://a.example/x/", ""],
            ["(", ")"],
            ["[note] ", "."],
        ] {
            let text = |code: &str| [around[0], code, around[1]].concat();
            assert_eq!(inside(&rules, &text(&given)), text(&expected));
        }
    }
    // Two of them, and one in another.
    let (one, other) = (STANDARD.encode(secret), STANDARD.encode(masked));
    assert_eq!(
        inside(&rules, &format!("a {one} b {one}")),
        format!("a {other} b {other}")
    );
    let twice = STANDARD.encode(format!("in {one} it is"));
    assert_eq!(
        inside(&rules, &format!("so {twice} there")),
        format!("so {} there", STANDARD.encode(format!("in {other} it is")))
    );
    // Lines, as in a part of a mail.
    let lines = |text: &str| {
        let code = STANDARD.encode(format!("{}{text}", "x".repeat(80)));
        let (first, second) = code.split_at(76);
        (format!("Part:\r\n\r\n{first}\r\n{second}\r\n--end"), code)
    };
    let (given, (_, code)) = (lines(secret).0, lines(masked));
    assert_eq!(
        inside(&rules, &given),
        format!("Part:\r\n\r\n{code}\r\n--end")
    );
    for text in [
        "see 8b0484cd-3dbd-8b8d-1b72-a32f74a5a846 and StructureDefinitionAndMore",
        "nothing is in bm90aGluZyBpcyBpbiB0aGlzIHRleHQ= here",
    ] {
        assert_eq!(inside(&rules, text), text);
    }
}

#[test]
fn base64_without_digits_is_looked_into() {
    let rules = profile(Profile::Pii);
    let code = "YXJpQGltcXFhLnBqZiBwcWVtYmhh";
    let masked = STANDARD.encode("[masked:email] pqembha");
    assert_eq!(inside(&rules, code), masked);
    assert_eq!(
        inside(&rules, &format!("{code} and")),
        format!("{masked} and")
    );
}

#[test]
fn other_character_sets_in_base64_are_read() {
    let rules = profile(Profile::Pii);
    let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| {
        STANDARD.encode(text.encode_utf16().flat_map(bytes).collect::<Vec<_>>())
    };
    let (secret, masked) = ("Zo\u{eb}, SSN 123-45-6789", "Zo\u{eb}, SSN [masked:ssn]");
    for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
        for mark in ["", "\u{feff}"] {
            let code = |text: &str| utf16(&format!("{mark}{text}"), bytes);
            assert_eq!(inside(&rules, &code(secret)), code(masked));
            let json = code(r#"{"ssn":"123456789"}"#);
            assert_eq!(inside(&rules, &json), code(r#"{"ssn":"[masked:ssn]"}"#));
        }
    }
    let latin = |text: &str| {
        let byte = |letter: char| u8::try_from(letter).unwrap();
        STANDARD.encode(text.chars().map(byte).collect::<Vec<_>>())
    };
    assert_eq!(inside(&rules, &latin(secret)), latin(masked));
    let windows = |text: &str| STANDARD.encode([b"O\x92Neil, SSN ", text.as_bytes()].concat());
    assert_eq!(
        inside(&rules, &windows("123-45-6789")),
        windows("[masked:ssn]")
    );
}

/// How a text is written as bytes.
type Way<'a> = &'a dyn Fn(&str) -> Vec<u8>;

#[test]
fn text_in_base64_may_have_a_few_other_bytes() {
    let rules = profile(Profile::Pii);
    let (secret, masked) = ("SSN 123-45-6789 is it", "SSN [masked:ssn] is it");
    let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| {
        text.encode_utf16().flat_map(bytes).collect::<Vec<_>>()
    };
    let ways: [Way<'_>; 14] = [
        &|text| format!("{text}\0").into(),
        &|text| format!("{text}\0\0").into(),
        &|text| format!("\u{1b}[1m\u{1b}[31m{text}\u{1b}[0m, nothing else is in here").into(),
        &|text| format!("\u{1}{text}\u{2}").into(),
        &|text| format!("\u{feff}{text}\0").into(),
        &|text| utf16(&format!("{text}\0"), u16::to_le_bytes),
        &|text| utf16(&format!("{text}\0\0"), u16::to_be_bytes),
        &|text| utf16(&format!("\u{1b}[1m{text}"), u16::to_le_bytes),
        &|text| [utf16(text, u16::to_le_bytes), vec![b'x']].concat(),
        &|text| [utf16(text, u16::to_be_bytes), vec![0]].concat(),
        &|text| [b"\xFF\xFE", text.as_bytes()].concat(),
        &|text| [b"\xFE\xFF", text.as_bytes(), b"\0"].concat(),
        &|text| [b"\xFF\xFE", &utf16(text, u16::to_le_bytes)[..], b"\0"].concat(),
        &|text| [b"caf\xE9 and more of it ", text.as_bytes(), b"\0"].concat(),
    ];
    for (number, way) in ways.iter().enumerate() {
        let [given, expected] = [secret, masked].map(|text| STANDARD.encode(way(text)));
        assert_eq!(inside(&rules, &given), expected, "{number}");
        let around = |code: &str| format!("see {code} there");
        assert_eq!(
            inside(&rules, &around(&given)),
            around(&expected),
            "{number}"
        );
    }
}

#[test]
fn short_and_indented_lines_of_base64_are_one() {
    let rules = profile(Profile::Pii);
    let (secret, masked) = (
        "Dear a@b.example, your number is 123-45-6789 and you are well, are you?",
        "Dear [masked:email], your number is [masked:ssn] and you are well, are you?",
    );
    let (code, expected) = (STANDARD.encode(secret), STANDARD.encode(masked));
    for width in [20, 24, 28, 32, 48, 57, 64] {
        for between in ["\n", "\r\n", "\n  ", "\n\t"] {
            let lines: Vec<&str> = code
                .as_bytes()
                .chunks(width)
                .map(|line| str::from_utf8(line).unwrap())
                .collect();
            let text = |code: &str| format!("key: |{between}{code}\nnext: 1");
            assert_eq!(
                inside(&rules, &text(&lines.join(between))),
                text(&expected),
                "{width} {between:?}"
            );
        }
    }
    // Lines that are encoded each by itself.
    for texts in [
        ["SSN 123-45-6789 no", "a@b.example is all"],
        ["no SSN 123-45-6789", "1 is what he wrote"],
    ] {
        let each = texts.map(|text| STANDARD.encode(text));
        let out = inside(&rules, &format!("so\n{}\n{}\n", each[0], each[1]));
        assert!(!out.contains(&each[0]), "{out}");
    }
}

#[test]
fn other_readings_of_a_text_are_searched() {
    let rules = profile(Profile::Pii);
    for (text, expected) in [
        ("to=a%40b.example&n=1", "to=[masked:email]&n=1"),
        ("%31%32%33-45-6789", "[masked:ssn]"),
        ("<p>123-<b>45</b>-6789</p>", "<p>[masked:ssn]<b></b></p>"),
        ("<i>123-45</i>-6789", "<i>[masked:ssn]</i>"),
        ("no. 123&#45;45&#45;6789.", "no. [masked:ssn]."),
        ("a &lt;b@c.example&gt;", "a &lt;[masked:email]&gt;"),
    ] {
        assert_eq!(inside(&rules, text), expected, "{text}");
    }
}

#[test]
fn texts_that_are_encoded_more_than_once_are_searched() {
    let rules = profile(Profile::Pii);
    let zeros = format!("123&#{}45;45-6789", "0".repeat(300));
    for (text, expected) in [
        ("123%252D45%252D6789", "[masked:ssn]"),
        ("123%25252D45%25252D6789", "[masked:ssn]"),
        ("<b>123%2D45</b>%2D6789", "<b>[masked:ssn]</b>"),
        ("%3Cb%3E123-45-6789%3C/b%3E", "%3Cb%3E[masked:ssn]%3C/b%3E"),
        ("%3Ci%3E123-45%3C/i%3E-6789", "%3Ci%3E[masked:ssn]"),
        ("123&#45;45%2D6789", "[masked:ssn]"),
        ("123&amp;#45;45&amp;#45;6789", "[masked:ssn]"),
        ("123%26%2345%3B45&#37;2D6789", "[masked:ssn]"),
        (
            "&lt;p&gt;123-45-6789&lt;/p&gt;",
            "&lt;p&gt;[masked:ssn]&lt;/p&gt;",
        ),
        (
            "<a href=\"mailto:a&#64;b.example\">mail</a>",
            "<a href=\"mailto:[masked:email]\">mail</a>",
        ),
        ("ssn=123+45+6789&n=J", "ssn=[masked:ssn]&n=J"),
        // What is left behind the last step is masked whole.
        ("no 123%2525252D45%2525252D6789", "[masked:other]"),
        // Entities of whatever length and name.
        ("123&#0000000000045;45&#x000000002d;6789", "[masked:ssn]"),
        (&zeros, "[masked:ssn]"),
        ("123&hyphen;45&dash;6789", "[masked:ssn]"),
        ("123&ndash;45&minus;6789", "[masked:ssn]"),
        ("123&nbsp;45&thinsp;6789", "[masked:ssn]"),
        ("123&nbsp45&nbsp6789", "[masked:ssn]"),
        ("1&zwj;23-4&shy;5-6&ZeroWidthSpace;789", "[masked:ssn]"),
        ("a&commat;b&period;example", "[masked:email]"),
        ("&lpar;212&rpar;&ensp;555&sol;0123", "[masked:phone]"),
        ("ssn&colon;&emsp;123456789", "ssn&colon;&emsp;[masked:ssn]"),
        ("&plus;44 20 7946 0958", "[masked:phone]"),
        ("a&lowbar;b@c.example", "[masked:email]"),
    ] {
        assert_eq!(inside(&rules, text), expected, "{text}");
    }
}

#[test]
fn what_is_found_inside_is_counted_and_has_a_place() {
    let rules = profile(Profile::Pii);
    let inner = r#"{"ssn":"1","note":["a@b.example"]}"#;
    let body = json!({"a": [{"payload": inner}]}).to_string();
    let mut finder = Finder::new(Arc::clone(&rules), Options::default());
    finder.feed(body.as_bytes()).unwrap();
    finder.finish().unwrap();
    let found: Vec<_> = finder
        .findings()
        .map(|found| (found.pointer.unwrap(), found.rule))
        .collect();
    let place = "/a/0/payload".to_owned();
    assert_eq!(
        found,
        [
            (place.clone(), "pii keys: ssn".to_owned()),
            (place, "detector: email".to_owned())
        ]
    );
    let lifted = lift(&[Class::Ssn]);
    let out = masked(&rules, lifted.clone(), &body);
    assert!(
        out.contains(r#"\"ssn\":\"1\""#) && out.contains("[masked:email]"),
        "{out}"
    );
    let report = mask(&rules, lifted, body.as_bytes()).1.unwrap();
    assert_eq!((report.lifted(Class::Ssn), report.masked_total()), (1, 1));
}
