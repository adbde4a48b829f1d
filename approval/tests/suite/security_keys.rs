//! Security keys: a yes that one has signed is a yes to exactly that, and to nothing else.

use std::time::Duration;

use ed25519_dalek::Signer as _;
use sha2::{Digest as _, Sha256};
use velum_approval::record::CredentialEvent;
use velum_approval::{
    Approval, Approving, Assertion, ClientForm, Commitment, Credential, CredentialKey, Event,
    GrantLimits, KeyCoordinate, KeyNonce, KeyOrigin, PersonId, Record, Scope, StepUp, Timestamp,
    Unproven, Verdict, challenge_to_register, read_assertion, read_registration, transition,
};

use crate::cast::{
    GRANT, START, approval_id, check, classes, evidence, gateway, later, mac, no_rules, opening,
    panel, person, policy, yes,
};

pub(crate) const ORIGIN: &str = "https://approvals.example.org";

/// A security key in software, as an attacker or a browser would have it.
pub(crate) enum SoftKey {
    P256(p256::ecdsa::SigningKey),
    Ed(ed25519_dalek::SigningKey),
}

impl SoftKey {
    pub(crate) fn p256(seed: u8) -> Self {
        Self::P256(p256::ecdsa::SigningKey::from_slice(&[seed; 32]).unwrap())
    }

    pub(crate) fn ed(seed: u8) -> Self {
        Self::Ed(ed25519_dalek::SigningKey::from_bytes(&[seed; 32]))
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_der().as_bytes().to_vec()
            }
            Self::Ed(key) => key.sign(message).to_bytes().to_vec(),
        }
    }

    /// As COSE writes it.
    fn cose(&self) -> Vec<u8> {
        match self {
            Self::P256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                let mut cose = vec![0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 0x20];
                cose.extend_from_slice(&point.as_bytes()[1..33]);
                cose.extend_from_slice(&[0x22, 0x58, 0x20]);
                cose.extend_from_slice(&point.as_bytes()[33..]);
                cose
            }
            Self::Ed(key) => {
                let mut cose = vec![0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 0x20];
                cose.extend_from_slice(key.verifying_key().as_bytes());
                cose
            }
        }
    }
}

/// What an authenticator says, and how it can be made to say something else.
#[derive(Clone, Debug)]
pub(crate) struct Ceremony {
    pub(crate) party: String,
    pub(crate) origin: String,
    pub(crate) flags: u8,
    pub(crate) count: u32,
    pub(crate) kind: &'static str,
    pub(crate) cross: &'static str,
}

impl Default for Ceremony {
    fn default() -> Self {
        Self {
            party: "approvals.example.org".to_owned(),
            origin: ORIGIN.to_owned(),
            flags: 0x05,
            count: 7,
            kind: "webauthn.get",
            cross: ",\"crossOrigin\":false",
        }
    }
}

impl Ceremony {
    fn head(&self) -> Vec<u8> {
        let mut head = Sha256::digest(self.party.as_bytes()).to_vec();
        head.push(self.flags);
        head.extend_from_slice(&self.count.to_be_bytes());
        head
    }

    fn client(&self, challenge: &[u8; 32]) -> Vec<u8> {
        let challenge = KeyNonce::from_bytes(*challenge);
        format!(
            "{{\"type\":\"{}\",\"challenge\":\"{challenge}\",\"origin\":\"{}\"{}}}",
            self.kind, self.origin, self.cross
        )
        .into_bytes()
    }
}

fn origin() -> KeyOrigin {
    ORIGIN.parse().unwrap()
}

/// What this person's key is, as it is registered.
pub(crate) fn credential(key: &SoftKey, who: &str, from: Timestamp) -> Credential {
    let (at, nonce) = (START, KeyNonce::from_bytes([4; 32]));
    let challenge = challenge_to_register(&person(who), at, &nonce);
    let ceremony = Ceremony {
        flags: 0x45,
        kind: "webauthn.create",
        ..Ceremony::default()
    };
    let mut data = ceremony.head();
    data.extend_from_slice(&[0; 16]);
    data.extend_from_slice(&[0, 3]);
    data.extend_from_slice(&who.as_bytes()[..3]);
    data.extend_from_slice(&key.cose());
    let registered =
        read_registration(&origin(), &challenge, (&ceremony.client(&challenge), &data)).unwrap();
    assert_eq!(registered.raw_id, &who.as_bytes()[..3]);
    Credential {
        id: registered.id,
        person: person(who),
        key: registered.key,
        origin: origin(),
        flags: registered.flags,
        added: START,
        from,
    }
}

/// What the key signs of this yes.
pub(crate) fn sign(
    key: &SoftKey,
    what: &Approving<'_>,
    ceremony: &Ceremony,
) -> Result<Assertion, Unproven> {
    let challenge = what.challenge().unwrap();
    let (head, client) = (ceremony.head(), ceremony.client(&challenge));
    let mut message = head.clone();
    message.extend_from_slice(&Sha256::digest(&client));
    let raw_id = &what.person.as_str().as_bytes()[..3];
    read_assertion(
        what,
        &origin(),
        raw_id,
        (&client, &head, &key.sign(&message)),
    )
}

/// A pending approval that asks for a security key, with what its response holds.
pub(crate) fn asked(quorum: u32, step_up: StepUp) -> Approval {
    let (check, panel) = (check(), panel(quorum));
    let opening = velum_approval::Opening {
        step_up: Some(step_up),
        reason: Some(Commitment::to("why", &[1; 32])),
        collecting: Some(Duration::from_mins(1)),
        ..opening(&check, &panel)
    };
    let (approval, _) = Approval::open(opening, START).unwrap();
    let event = Event::Evidence {
        gateway: &gateway(),
        evidence: &evidence(),
    };
    transition(&approval, &event, later(1)).unwrap().0
}

pub(crate) fn approving<'a>(
    approval: &'a Approval,
    who: &'a PersonId,
    verdict: &'a Verdict,
    at: Timestamp,
) -> Approving<'a> {
    let nonce = KeyNonce::from_bytes([6; 32]);
    Approving::of(approval, who, verdict, (approval.version, at, nonce)).unwrap()
}

#[test]
fn keys_of_both_kinds_sign_a_yes_in_every_form_that_browsers_write() {
    let (approval, ann, verdict) = (asked(1, StepUp::Webauthn), person("ann"), yes("name"));
    let what = approving(&approval, &ann, &verdict, later(2));
    for key in [SoftKey::p256(1), SoftKey::ed(2)] {
        let credential = credential(&key, "ann", START);
        let algorithm = match key {
            SoftKey::P256(_) => "ES256",
            SoftKey::Ed(_) => "EdDSA",
        };
        assert_eq!(credential.key.algorithm(), algorithm);
        let assertion = sign(&key, &what, &Ceremony::default()).unwrap();
        assert_eq!(assertion.client, ClientForm::Plain);
        assert_eq!(credential.verify(&assertion, &what), Ok(()));
        let json = serde_json::to_string(&assertion).unwrap();
        assert_eq!(serde_json::from_str::<Assertion>(&json).unwrap(), assertion);
        for (cross, form) in [
            ("", ClientForm::Short),
            (
                ",\"crossOrigin\":false,\"other_keys_can_be_added_here\":\"do not compare clientDataJSON against a \
                 template. See https://goo.gl/yabPex\"",
                ClientForm::Extended,
            ),
        ] {
            let ceremony = Ceremony {
                cross,
                ..Ceremony::default()
            };
            let assertion = sign(&key, &what, &ceremony).unwrap();
            assert_eq!(assertion.client, form);
            assert_eq!(credential.verify(&assertion, &what), Ok(()));
        }
    }
    let names: Vec<_> = ClientForm::ALL.iter().map(|form| form.name()).collect();
    let written: Vec<_> = ClientForm::ALL
        .iter()
        .map(|form| serde_json::to_value(form).unwrap())
        .collect();
    assert_eq!(written, names);
}

#[test]
fn whatever_differs_from_what_was_shown_is_another_challenge() {
    let (approval, ann, verdict) = (asked(1, StepUp::Webauthn), person("ann"), yes("name"));
    let what = approving(&approval, &ann, &verdict, later(2));
    let key = SoftKey::p256(1);
    let credential = credential(&key, "ann", START);
    let assertion = sign(&key, &what, &Ceremony::default()).unwrap();
    let (other_id, bob) = (
        velum_approval::ApprovalId::new("other").unwrap(),
        person("bob"),
    );
    let action = velum_approval::ActionName::new("purge").unwrap();
    let wide = Scope::of(classes("name date"));
    let bounded = Scope {
        limits: GrantLimits {
            records: Some(1),
            bytes: None,
        },
        ..what.scope.clone()
    };
    let others = [
        Approving {
            approval: &other_id,
            ..what
        },
        Approving {
            action: &action,
            ..what
        },
        Approving {
            fingerprint_mac: mac(2),
            ..what
        },
        Approving {
            policy: policy(2),
            ..what
        },
        Approving {
            asked: classes("name"),
            ..what
        },
        Approving { uses: 2, ..what },
        Approving { tags: None, ..what },
        Approving {
            tags: Some([9; 32]),
            ..what
        },
        Approving {
            shape: Some([9; 32]),
            ..what
        },
        Approving {
            reason: None,
            ..what
        },
        Approving {
            reason: Some(Commitment::to("other", &[1; 32])),
            ..what
        },
        Approving {
            scope: &wide,
            ..what
        },
        Approving {
            scope: &bounded,
            ..what
        },
        Approving {
            seconds: Some(1),
            ..what
        },
        Approving {
            unseen: true,
            ..what
        },
    ];
    for other in others {
        assert_ne!(other.challenge(), what.challenge(), "{other:?}");
        assert_eq!(
            credential.verify(&assertion, &other),
            Err(Unproven::BadSignature),
            "{other:?}"
        );
    }
    // What the assertion says itself has to agree, and does not save one that was made for something else.
    let others = [
        Approving {
            person: &bob,
            ..what
        },
        Approving { version: 3, ..what },
        Approving {
            at: later(3),
            ..what
        },
        Approving {
            nonce: KeyNonce::from_bytes([7; 32]),
            ..what
        },
    ];
    for other in others {
        assert_ne!(other.challenge(), what.challenge(), "{other:?}");
        let refused = credential.verify(&assertion, &other);
        assert_eq!(refused, Err(Unproven::OtherCredential), "{other:?}");
        let moved = Assertion {
            version: other.version,
            at: other.at,
            nonce: other.nonce,
            ..assertion.clone()
        };
        assert!(credential.verify(&moved, &other).is_err(), "{other:?}");
    }
    let huge = Scope {
        limits: GrantLimits {
            records: Some(u64::MAX),
            bytes: None,
        },
        ..Scope::NONE
    };
    assert!(
        Approving {
            scope: &huge,
            ..what
        }
        .challenge()
        .is_err()
    );
    assert_eq!(approval.id, approval_id());
    let no = (approval.version, later(2), what.nonce);
    assert!(Approving::of(&approval, &ann, &Verdict::Deny, no).is_none());
}

#[test]
fn what_no_key_of_this_person_signed_here_is_refused() {
    let (approval, ann, verdict) = (asked(1, StepUp::Webauthn), person("ann"), yes("name"));
    let what = approving(&approval, &ann, &verdict, later(2));
    let key = SoftKey::p256(1);
    let ours = credential(&key, "ann", START);
    let usual = Ceremony::default;
    for (why, ceremony, refused) in [
        (
            "another party",
            Ceremony {
                party: "evil.example".into(),
                ..usual()
            },
            Unproven::OtherParty,
        ),
        (
            "another origin",
            Ceremony {
                origin: "https://evil.example".into(),
                ..usual()
            },
            Unproven::OtherChallenge,
        ),
        (
            "another port",
            Ceremony {
                origin: format!("{ORIGIN}:8443"),
                ..usual()
            },
            Unproven::OtherChallenge,
        ),
        (
            "a registration",
            Ceremony {
                kind: "webauthn.create",
                ..usual()
            },
            Unproven::OtherChallenge,
        ),
        (
            "in a frame",
            Ceremony {
                cross: ",\"crossOrigin\":true",
                ..usual()
            },
            Unproven::OtherChallenge,
        ),
        (
            "more members",
            Ceremony {
                cross: ",\"crossOrigin\":false,\"note\":\"Zebulon\"",
                ..usual()
            },
            Unproven::OtherChallenge,
        ),
        (
            "not verified",
            Ceremony {
                flags: 0x01,
                ..usual()
            },
            Unproven::NotVerified,
        ),
        (
            "nobody there",
            Ceremony {
                flags: 0x04,
                ..usual()
            },
            Unproven::NotVerified,
        ),
        (
            "extensions",
            Ceremony {
                flags: 0x85,
                ..usual()
            },
            Unproven::Malformed,
        ),
        (
            "a credential",
            Ceremony {
                flags: 0x45,
                ..usual()
            },
            Unproven::Malformed,
        ),
        (
            "reserved",
            Ceremony {
                flags: 0x07,
                ..usual()
            },
            Unproven::Malformed,
        ),
        (
            "copied, yet it cannot be",
            Ceremony {
                flags: 0x15,
                ..usual()
            },
            Unproven::Malformed,
        ),
        (
            "can be copied now",
            Ceremony {
                flags: 0x0d,
                ..usual()
            },
            Unproven::Changed,
        ),
    ] {
        let signed = sign(&key, &what, &ceremony);
        let signed = signed.and_then(|assertion| ours.verify(&assertion, &what));
        assert_eq!(signed, Err(refused), "{why}");
    }
    let assertion = sign(&SoftKey::p256(2), &what, &usual()).unwrap();
    assert_eq!(ours.verify(&assertion, &what), Err(Unproven::BadSignature));
    let assertion = sign(&SoftKey::ed(1), &what, &usual()).unwrap();
    assert_eq!(ours.verify(&assertion, &what), Err(Unproven::BadSignature));
    let assertion = sign(&key, &what, &usual()).unwrap();
    for changed in [
        Assertion {
            count: 8,
            ..assertion.clone()
        },
        Assertion {
            client: ClientForm::Short,
            ..assertion.clone()
        },
        Assertion {
            flags: 0x05 | 0x80,
            ..assertion.clone()
        },
    ] {
        assert!(ours.verify(&changed, &what).is_err(), "{changed:?}");
    }
    // One that is too new, another's, and one at another inbox.
    let new = Credential {
        from: later(3),
        ..ours.clone()
    };
    assert_eq!(
        new.verify(&assertion, &what),
        Err(Unproven::OtherCredential)
    );
    let bobs = Credential {
        person: person("bob"),
        ..ours.clone()
    };
    assert_eq!(
        bobs.verify(&assertion, &what),
        Err(Unproven::OtherCredential)
    );
    let elsewhere = Credential {
        origin: "https://other.example".parse().unwrap(),
        ..ours.clone()
    };
    assert_eq!(
        elsewhere.verify(&assertion, &what),
        Err(Unproven::BadSignature)
    );
    let zero = KeyCoordinate::from_bytes([0; 32]);
    let no_key = Credential {
        key: CredentialKey::Es256 { x: zero, y: zero },
        ..ours
    };
    assert_eq!(no_key.verify(&assertion, &what), Err(Unproven::BadKey));
    // In time, and never counting back.
    assert_eq!(assertion.is_in_time(later(2)), Ok(()));
    assert_eq!(assertion.is_in_time(later(301)), Ok(()));
    assert_eq!(assertion.is_in_time(later(302)), Err(Unproven::Late));
    assert_eq!(assertion.is_in_time(later(1)), Err(Unproven::Late));
    for (before, now, is_on) in [
        (0, 0, true),
        (0, 1, true),
        (1, 2, true),
        (1, 1, false),
        (2, 1, false),
        (1, 0, false),
    ] {
        assert_eq!(
            Credential::counts_on(before, now).is_ok(),
            is_on,
            "{before} {now}"
        );
    }
}

#[test]
fn a_registration_that_is_none_is_refused() {
    let nonce = KeyNonce::from_bytes([4; 32]);
    let challenge = challenge_to_register(&person("ann"), START, &nonce);
    for other in [
        challenge_to_register(&person("bob"), START, &nonce),
        challenge_to_register(&person("ann"), later(1), &nonce),
        challenge_to_register(&person("ann"), START, &KeyNonce::from_bytes([5; 32])),
    ] {
        assert_ne!(other, challenge);
    }
    let usual = || Ceremony {
        flags: 0x45,
        kind: "webauthn.create",
        ..Ceremony::default()
    };
    let body = |key: &SoftKey| {
        let mut body = vec![0; 16];
        body.extend_from_slice(&[0, 2, 8, 9]);
        body.extend_from_slice(&key.cose());
        body
    };
    let read = |ceremony: &Ceremony, body: &[u8], challenge: &[u8; 32]| {
        let mut data = ceremony.head();
        data.extend_from_slice(body);
        let signed = usual_challenge(ceremony, challenge);
        read_registration(&origin(), challenge, (&signed, &data)).map(|it| (it.flags, it.count))
    };
    let good = body(&SoftKey::p256(1));
    assert_eq!(read(&usual(), &good, &challenge), Ok((0, 7)));
    let synced = Ceremony {
        flags: 0x5d,
        ..usual()
    };
    assert_eq!(read(&synced, &good, &challenge), Ok((0x18, 7)));
    // Extensions that the key adds by itself say nothing.
    let extended = Ceremony {
        flags: 0xc5,
        ..usual()
    };
    let mut longer = good.clone();
    longer.extend_from_slice(&[0xa1, 0x61, b'x', 1]);
    assert_eq!(read(&extended, &longer, &challenge), Ok((0, 7)));
    assert_eq!(read(&extended, &good, &challenge), Err(Unproven::Malformed));
    assert_eq!(
        read(&usual(), &longer, &challenge),
        Err(Unproven::Malformed)
    );
    for (ceremony, refused) in [
        (
            Ceremony {
                kind: "webauthn.get",
                ..usual()
            },
            Unproven::OtherChallenge,
        ),
        (
            Ceremony {
                origin: "https://evil.example".into(),
                ..usual()
            },
            Unproven::OtherChallenge,
        ),
        (
            Ceremony {
                party: "evil.example".into(),
                ..usual()
            },
            Unproven::OtherParty,
        ),
        (
            Ceremony {
                flags: 0x41,
                ..usual()
            },
            Unproven::NotVerified,
        ),
        (
            Ceremony {
                flags: 0x05,
                ..usual()
            },
            Unproven::Malformed,
        ),
    ] {
        assert_eq!(
            read(&ceremony, &good, &challenge),
            Err(refused),
            "{ceremony:?}"
        );
    }
    for end in 0..good.len() {
        assert!(read(&usual(), &good[..end], &challenge).is_err(), "{end}");
    }
    let mut not_on_the_curve = good.clone();
    *not_on_the_curve.last_mut().unwrap() ^= 1;
    assert_eq!(
        read(&usual(), &not_on_the_curve, &challenge),
        Err(Unproven::BadKey)
    );
    let mut rs256 = good;
    rs256[20] = 0xa4;
    assert_eq!(read(&usual(), &rs256, &challenge), Err(Unproven::BadKey));
}

fn usual_challenge(ceremony: &Ceremony, challenge: &[u8; 32]) -> Vec<u8> {
    ceremony.client(challenge)
}

/// The record of a yes that a key has signed, and the approval then.
pub(crate) fn voted(
    approval: &Approval,
    who: &str,
    assertion: Option<Assertion>,
    quorum: u32,
    now: Timestamp,
) -> (Approval, Record) {
    let event = Event::Vote(velum_approval::Ballot {
        person: &person(who),
        verdict: yes("name"),
        version: Some(approval.version),
        comment: None,
        public_reason: None,
        assertion,
        panel: &panel(quorum),
        rules: no_rules(),
        grant_lifetime: GRANT,
    });
    transition(approval, &event, now).unwrap()
}

/// The record of a key that was added.
pub(crate) fn added(credential: &Credential) -> Record {
    Record::Credential(Box::new(CredentialEvent::Added(credential.clone())))
}
