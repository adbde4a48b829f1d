//! Credentials: made up from their parts, so that nothing here is taken for one by those who look for
//! secrets in sources.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::kind::{Kind, marked, plain, told};
use crate::random::Random;
use crate::spelling::OF_PROGRAMS;

const NAMES: &[&str] = &["config", "payload", "setting", "line"];

/// A secret says itself what it is, and stands in a text of a form of its own.
const IN_TEXT: &[&str] = &["glued", "number", "behind", "list", "beside letters"];

pub(super) const KINDS: &[Kind] = &[
    Kind {
        detector: "api-token",
        names: &["token", "apiToken", "access_key", "credential"],
        labels: &["token", "API key", "access key"],
        forms: &[plain(prefixed)],
        near: &[
            |random| format!("sk-{}", words(random)),
            |random| format!("AKIA{}", text(random, CAPITAL, 6)),
            |random| format!("ghp_{}", words(random)),
            |random| format!("desk-{}", random.digits(6)),
            words,
        ],
        spellings: OF_PROGRAMS,
        skips: IN_TEXT,
    },
    Kind {
        detector: "jwt",
        names: &["jwt", "idToken", "access_token", "assertion"],
        labels: &["JWT", "id token", "access token"],
        forms: &[
            plain(|random| jwt(random, r#"{"alg":"HS256","typ":"JWT"}"#)),
            plain(|random| jwt(random, r#"{"typ":"JWT","alg":"RS256","kid":"7"}"#)),
            plain(|random| STANDARD.encode(jwt(random, r#"{"alg":"HS256","typ":"JWT"}"#))),
        ],
        near: &[
            |random| jwt(random, r#"{"type":"page","version":"12"}"#),
            |random| {
                URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"none","page":{}}}"#, random.digits(4)))
            },
            |random| format!("com.example.{}.Handler", words(random)),
        ],
        spellings: OF_PROGRAMS,
        skips: IN_TEXT,
    },
    Kind {
        detector: "private-key",
        names: &["pem", "privateKey", "tls_key"],
        labels: &["key", "private key"],
        forms: &[
            plain(|random| pem(random, "PRIVATE KEY", "\n")),
            plain(|random| pem(random, "RSA PRIVATE KEY", "\n")),
            plain(|random| pem(random, "OPENSSH PRIVATE KEY", " ")),
            plain(|random| pem(random, "EC PRIVATE KEY", "\\n")),
        ],
        near: &[
            |random| pem(random, "PUBLIC KEY", "\n"),
            |random| pem(random, "CERTIFICATE", "\n"),
            |_| "begins with -----BEGIN PRIVATE KEY----- and so on".to_owned(),
        ],
        spellings: OF_PROGRAMS,
        skips: IN_TEXT,
    },
    Kind {
        detector: "url-password",
        names: NAMES,
        labels: &["url", "database"],
        forms: &[
            plain(|random| address(random, "postgres", "db.example:5432/app")),
            plain(|random| address(random, "https", "git.example/x.git")),
            plain(|random| address(random, "mongodb+srv", "cluster0.example/test")),
            plain(|random| address(random, "amqp", "mq.example")),
            plain(|random| {
                format!(
                    "{}@tcp(db.example:3306)/app",
                    marked(&format!("app:{}", secret(random, 10)))
                )
            }),
        ],
        near: &[
            |_| "https://git.example:8443/x.git".to_owned(),
            |_| "postgres://db.example:5432/app".to_owned(),
            |_| "postgres://app:${DB_PASSWORD}@db.internal:5432/app".to_owned(),
            |_| "ssh://forge.example/x.git".to_owned(),
        ],
        spellings: OF_PROGRAMS,
        skips: IN_TEXT,
    },
    Kind {
        detector: "connection-string",
        names: NAMES,
        labels: &["connection", "database"],
        forms: &[
            plain(|random| {
                format!(
                    "Server=db;User Id=app;Password={};Encrypt=true",
                    marked(&secret(random, 10))
                )
            }),
            plain(|random| {
                format!(
                    "DefaultEndpointsProtocol=https;AccountName=x;AccountKey={}",
                    marked(&text(random, ALNUM, 86))
                )
            }),
            plain(|random| format!("host=db password={} dbname=app", marked(&secret(random, 9)))),
            plain(|random| {
                format!(
                    "grant_type=client&client_secret={}&scope=all",
                    marked(&secret(random, 24))
                )
            }),
            plain(|random| {
                format!(
                    "https://blob.example/c?sv=2024&sig={}",
                    marked(&text(random, ALNUM, 43))
                )
            }),
        ],
        near: &[
            |_| "Server=db;Database=app;Timeout=30;Encrypt=true".to_owned(),
            |_| "password=${DB_PASSWORD}".to_owned(),
            |_| "Integrated Security=true;Password=;".to_owned(),
            |random| format!("next_page_token={}&limit=20", text(random, ALNUM, 12)),
        ],
        spellings: OF_PROGRAMS,
        skips: &[
            "glued",
            "number",
            "behind",
            "list",
            "beside letters",
            "percent",
            "markup",
        ],
    },
    Kind {
        detector: "authorization",
        names: NAMES,
        labels: &["header", "sent"],
        forms: &[
            plain(|random| format!("Authorization: Bearer {}", marked(&secret(random, 32)))),
            plain(|random| format!("Bearer {}", marked(&secret(random, 40)))),
            plain(|random| format!("Authorization: Basic {}", marked(&pair(random)))),
            plain(|random| {
                format!(
                    "curl -H \"Authorization: Token {}\"",
                    marked(&secret(random, 20))
                )
            }),
            plain(|random| format!("authorization=Bearer {}", marked(&secret(random, 16)))),
        ],
        near: &[
            |_| "the bearer of this letter".to_owned(),
            |_| "basic metabolic panel".to_owned(),
            |_| "token ring network-installation".to_owned(),
            |_| "Basic information is required".to_owned(),
            |_| "WWW-Authenticate: Bearer realm=\"records\"".to_owned(),
        ],
        spellings: OF_PROGRAMS,
        skips: IN_TEXT,
    },
    Kind {
        detector: "secret",
        names: &[
            "password",
            "clientSecret",
            "api_key",
            "dbPassword",
            "secret-key",
        ],
        labels: &["password", "client secret", "api key", "secret key"],
        forms: &[
            // Where the name of the member says it.
            told(|random| secret(random, 24)),
            told(|random| secret(random, 16)),
            plain(|random| format!("password: {}", marked(&secret(random, 12)))),
            plain(|random| format!("api_key = {}", marked(&secret(random, 24)))),
            plain(|random| {
                format!(
                    "the password is {}",
                    marked(&format!("7{}", secret(random, 9)))
                )
            }),
            plain(|random| format!("client_secret=\"{}\"", marked(&secret(random, 24)))),
        ],
        near: &[
            |_| "password: changeme".to_owned(),
            |_| "password = ${DB_PASSWORD}".to_owned(),
            |_| "password: ********".to_owned(),
            |_| "secret: see the vault".to_owned(),
            |_| "api_key: your-api-key-goes-here".to_owned(),
            |random| format!("next page token: {}", secret(random, 16)),
            |random| secret(random, 16),
        ],
        spellings: OF_PROGRAMS,
        // Behind a word without a sign there are other words.
        skips: &[
            "glued",
            "near",
            "number",
            "behind",
            "list",
            "beside letters",
            "labelled",
            "markup",
            "percent",
            "base64",
        ],
    },
];

const CAPITAL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const ALNUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const HEX: &[u8] = b"0123456789abcdef";

/// Beginnings, letters and lengths as the services document them.
const TOKENS: &[(&str, &[u8], usize)] = &[
    ("AKIA", CAPITAL, 16),
    ("ASIA", CAPITAL, 16),
    ("AIza", ALNUM, 35),
    ("GOCSPX-", ALNUM, 28),
    ("ya29.", ALNUM, 60),
    ("ghp_", ALNUM, 36),
    ("ghs_", ALNUM, 36),
    ("github_pat_", ALNUM, 82),
    ("glpat-", ALNUM, 20),
    ("xoxb-", ALNUM, 50),
    ("sk_live_", ALNUM, 24),
    ("rk_test_", ALNUM, 24),
    ("whsec_", ALNUM, 32),
    ("sk-proj-", ALNUM, 74),
    ("sk-ant-api03-", ALNUM, 95),
    ("hf_", ALNUM, 34),
    ("npm_", ALNUM, 36),
    ("pypi-AgEIcHlwaS5vcmc", ALNUM, 120),
    ("dop_v1_", HEX, 64),
    ("hvs.", ALNUM, 90),
    ("dapi", HEX, 32),
    ("SG.", ALNUM, 66),
];

fn prefixed(random: &mut Random) -> String {
    let (start, letters, length) = TOKENS[random.below(TOKENS.len())];
    let tail = secret_of(random, letters, length);
    match start {
        "SG." => format!("SG.{}.{}", &tail[..22], &tail[22..65]),
        "xoxb-" => format!(
            "xoxb-{}-{}-{}",
            random.digits(12),
            random.digits(12),
            &tail[..24]
        ),
        _ => format!("{start}{tail}"),
    }
}

/// Letters that look random: never all of one kind.
fn secret(random: &mut Random, length: usize) -> String {
    secret_of(random, ALNUM, length)
}

fn secret_of(random: &mut Random, letters: &[u8], length: usize) -> String {
    loop {
        let text = text(random, letters, length);
        let is_mixed = text.contains(|letter: char| letter.is_ascii_digit())
            && text.contains(|letter: char| letter.is_ascii_alphabetic());
        if is_mixed {
            return text;
        }
    }
}

fn text(random: &mut Random, letters: &[u8], length: usize) -> String {
    (0..length)
        .map(|_| char::from(letters[random.below(letters.len())]))
        .collect()
}

fn words(random: &mut Random) -> String {
    const WORDS: &[&str] = &[
        "walking", "learn", "night", "shift", "table", "record", "update",
    ];
    let words: Vec<_> = (0..3).map(|_| random.pick(WORDS)).collect();
    words.join("-")
}

fn jwt(random: &mut Random, header: &str) -> String {
    let payload = format!(r#"{{"sub":"{}","role":"nurse"}}"#, random.digits(6));
    let signature = text(random, ALNUM, 43);
    let (header, payload) = (
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload),
    );
    format!("{header}.{payload}.{signature}")
}

fn pem(random: &mut Random, label: &str, end: &str) -> String {
    let lines: Vec<_> = (0..3).map(|_| text(random, ALNUM, 64)).collect();
    let lines = lines.join(end);
    format!("-----BEGIN {label}-----{end}{lines}{end}-----END {label}-----")
}

fn address(random: &mut Random, scheme: &str, behind: &str) -> String {
    let user = marked(&format!("app:{}", secret(random, 10)));
    format!("{scheme}://{user}@{behind}")
}

fn pair(random: &mut Random) -> String {
    STANDARD.encode(format!("ann:{}", secret(random, 12)))
}
