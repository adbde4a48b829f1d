//! Whatever is not exactly what the service signed lifts nothing.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::Signer as _;
use velum_approval::{
    Allow, Expected, Fingerprint, GrantLimits, PublicKey, Scope, SignatureError, SignedAllow,
    SigningKey, Timestamp,
};

use crate::cast::{approval_id, classes, gateway, later, use_key};

fn key(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32])
}

fn public(byte: u8) -> [u8; 32] {
    *PublicKey::of(&key(byte)).as_bytes()
}

pub(crate) fn allow() -> Allow {
    Allow {
        gateway: gateway(),
        use_key: use_key(1),
        fingerprint: Fingerprint::from_bytes([1; 32]),
        approval: approval_id(),
        scope: Scope {
            limits: GrantLimits {
                records: Some(1),
                bytes: None,
            },
            ..Scope::of(classes("name date"))
        },
        tags: None,
        lifts_until: later(300),
        emergency: None,
        expires: later(60),
    }
}

#[test]
fn a_stream_lifts_until_the_grant_ends_by_either_clock() {
    // Used at 0 by the service's clock, and the grant ends at 300.
    for (asked_at, ends) in [(0, 300), (-1, 299), (-3600, -3300), (5, 300), (60, 300)] {
        let asked_at = later(0).as_millis() + asked_at * 1000;
        let ends = later(0).as_millis() + ends * 1000;
        let until = allow().lifts_until(Timestamp::from_millis(asked_at));
        assert_eq!(until, Timestamp::from_millis(ends));
    }
    // One that ended before it was used lifts nothing.
    let late = Allow {
        lifts_until: later(0),
        ..allow()
    };
    assert_eq!(late.lifts_until(later(5)), later(0));
}

fn expected() -> Expected {
    Expected {
        use_key: use_key(1),
        fingerprint: Fingerprint::from_bytes([1; 32]),
        now: later(0),
    }
}

/// Signed as the service signs, whatever the bytes are.
fn sign_bytes(json: &[u8]) -> SignedAllow {
    let signature = key(1).sign(&[b"velum-allow-v1\0", json].concat());
    SignedAllow {
        allow: URL_SAFE_NO_PAD.encode(json),
        signature: URL_SAFE_NO_PAD.encode(signature.to_bytes()),
    }
}

fn verify(signed: &SignedAllow) -> Result<Allow, SignatureError> {
    signed.verify(&[public(1)], &expected())
}

#[test]
fn what_was_signed_is_read_under_any_listed_key() {
    let signed = SignedAllow::sign(&allow(), &key(1));
    assert_eq!(signed.verify(&[public(1)], &expected()), Ok(allow()));
    assert_eq!(
        signed.verify(&[public(2), [0xff; 32], public(1)], &expected()),
        Ok(allow())
    );
}

#[test]
fn another_key_or_none_is_no() {
    let signed = SignedAllow::sign(&allow(), &key(1));
    for keys in [&[][..], &[public(2)], &[[0; 32]], &[[0xff; 32]]] {
        assert_eq!(
            signed.verify(keys, &expected()),
            Err(SignatureError::Signature)
        );
    }
}

#[test]
fn every_altered_byte_is_no() {
    let signed = SignedAllow::sign(&allow(), &key(1));
    let json = URL_SAFE_NO_PAD.decode(&signed.allow).unwrap();
    for index in 0..json.len() {
        let mut altered = json.clone();
        altered[index] ^= 1;
        let altered = SignedAllow {
            allow: URL_SAFE_NO_PAD.encode(&altered),
            ..signed.clone()
        };
        assert_eq!(
            verify(&altered),
            Err(SignatureError::Signature),
            "byte {index}"
        );
    }
    let signature = URL_SAFE_NO_PAD.decode(&signed.signature).unwrap();
    for index in 0..signature.len() {
        let mut altered = signature.clone();
        altered[index] ^= 1;
        let signature = URL_SAFE_NO_PAD.encode(&altered);
        let altered = SignedAllow {
            signature,
            ..signed.clone()
        };
        assert_eq!(
            verify(&altered),
            Err(SignatureError::Signature),
            "byte {index}"
        );
    }
}

#[test]
fn garbage_is_no() {
    let signed = SignedAllow::sign(&allow(), &key(1));
    for garbage in [
        "",
        "!",
        "====",
        "é",
        &format!("{}=", signed.signature),
        "AA",
    ] {
        let bad = SignedAllow {
            signature: garbage.to_owned(),
            ..signed.clone()
        };
        assert_eq!(verify(&bad), Err(SignatureError::Encoding), "{garbage}");
    }
    let bad = SignedAllow {
        allow: "not base64url!".to_owned(),
        ..signed
    };
    assert_eq!(verify(&bad), Err(SignatureError::Encoding));
}

#[test]
fn a_signature_of_the_same_key_without_our_domain_is_no() {
    let json = serde_json::to_vec(&allow()).unwrap();
    let signature = URL_SAFE_NO_PAD.encode(key(1).sign(&json).to_bytes());
    let bare = SignedAllow {
        allow: URL_SAFE_NO_PAD.encode(&json),
        signature,
    };
    assert_eq!(verify(&bare), Err(SignatureError::Signature));
    assert_eq!(verify(&sign_bytes(&json)), Ok(allow()));
}

#[test]
fn an_answer_to_another_stream_or_request_or_an_old_one_is_no() {
    let signed = SignedAllow::sign(&allow(), &key(1));
    let with = |expected| signed.verify(&[public(1)], &expected);
    let base = expected();
    assert_eq!(
        with(Expected {
            use_key: use_key(2),
            ..base
        }),
        Err(SignatureError::UseKey),
        "an old answer, replayed"
    );
    let other = Fingerprint::from_bytes([2; 32]);
    assert_eq!(
        with(Expected {
            fingerprint: other,
            ..base
        }),
        Err(SignatureError::Fingerprint)
    );
    assert!(
        with(Expected {
            now: later(59),
            ..base
        })
        .is_ok()
    );
    assert_eq!(
        with(Expected {
            now: later(60),
            ..base
        }),
        Err(SignatureError::Expired)
    );
}

#[test]
fn what_is_signed_but_not_understood_whole_is_no() {
    let json = serde_json::to_string(&allow()).unwrap();
    assert!(json.contains(r#""limits":{"#));
    for (from, to) in [
        // A limit that this version does not know would not be kept.
        (r#"{"gateway""#, r#"{"only_rows":[1],"gateway""#),
        (r#""limits":{"#, r#""limits":{"patients":1,"#),
        (r#"{"gateway""#, r#"{"gateway":"x","gateway""#),
        (r#"["name""#, r#"["name","name""#),
        (r#"["name""#, r#"["shoe-size""#),
        (r#""use_key""#, r#""use""#),
    ] {
        let changed = json.replacen(from, to, 1);
        assert_ne!(changed, json);
        assert_eq!(
            verify(&sign_bytes(changed.as_bytes())),
            Err(SignatureError::Payload),
            "{to}"
        );
    }
    for bad in [
        "",
        "{}",
        "null",
        &format!("{json} x"),
        &json[..json.len() - 1],
    ] {
        assert_eq!(
            verify(&sign_bytes(bad.as_bytes())),
            Err(SignatureError::Payload),
            "{bad}"
        );
    }
}

#[test]
fn weak_keys_sign_nothing() {
    // The neutral point as key, and as the signature's R with S = 0, satisfies the equation of a
    // verifier that is not strict, for every message.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let signature = [neutral, [0; 32]].concat();
    let forged = SignedAllow {
        allow: URL_SAFE_NO_PAD.encode(serde_json::to_vec(&allow()).unwrap()),
        signature: URL_SAFE_NO_PAD.encode(signature),
    };
    assert_eq!(
        forged.verify(&[neutral], &expected()),
        Err(SignatureError::Signature)
    );
    let text = format!("ed25519:{}", STANDARD.encode(neutral));
    assert!(text.parse::<PublicKey>().is_err());
}

#[test]
fn a_public_key_has_one_text_form() {
    let key = PublicKey::of(&key(1));
    let text = key.to_string();
    assert_eq!(text, "ed25519:iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=");
    assert_eq!(text.parse(), Ok(key));
    for bad in [
        "",
        &text[8..],
        &text[..text.len() - 1],
        &format!(" {text}"),
        &text.replace("ed25519", "ed448"),
        "ed25519:AAAA",
        "ed25519:__________________________________________8=",
    ] {
        assert!(bad.parse::<PublicKey>().is_err(), "{bad}");
    }
}
