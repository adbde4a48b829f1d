//! An installation that has something on every page, and how each page is opened there.

use serde_json::{Value, json};
use velum_approval::{Evidence, FieldPath, Found, MaskedBy, Shape, ShapeField, Tags, UseKey};
use velum_end_to_end::stage::{Setup, Stage, patients, text};
use velum_engine::Class;
use velum_harness::{Browser, Client, locations};

use crate::kit::{Asked, PEOPLE, asked, held, last_record, store};

/// Every page that answers a `GET`, as the policy service's own tests write it down: who may, and its path.
const PAGES: &str = include_str!("pages.txt");

/// A desk, a tablet, a telephone.
pub(crate) const SIZES: [(u32, u32); 3] = [(1280, 800), (820, 1100), (390, 844)];

/// One more than a card has room for.
const FIELDS: [&str; 9] = [
    "$.entry[*].resource.contact[*].name.family",
    "$.entry[*].resource.contact[*].name.given[*]",
    "$.entry[*].resource.name[*].family",
    "$.entry[*].resource.name[*].given[*]",
    "$.entry[*].resource.name[*].text",
    "$.entry[*].resource.participant[*].display",
    "$.entry[*].resource.performer[*].display",
    "$.entry[*].resource.recorder.display",
    "$.entry[*].resource.subject.display",
];

/// Somebody who reviews something else: why what is here is asked is not for her.
const NORA: &str = r#"
[[people]]
id = "nora"
identities = [{ kind = "jwt", issuer = "https://idp.example", subject = "nora" }]
groups = ["clinical"]

[[reviewers]]
person = "nora"
"#;

/// What is filled, and with what of it.
pub(crate) struct Filled {
    pub(crate) stage: Stage,
    /// Each text that was written, and the approval in which it stands.
    pub(crate) written: Vec<(String, String)>,
    /// One that nobody has decided.
    pub(crate) waits: String,
    /// One whose grant was used, through Envoy.
    used: String,
    /// A record of it.
    record: i64,
}

impl Filled {
    /// Has each of these texts written wherever somebody can write one: by who asks, who decides, who opens an access
    /// in an emergency and who stops releases.
    pub(crate) async fn with(texts: &[&str]) -> Filled {
        let stage = start().await;
        let used = used(&stage).await;
        // Before there is an access under which it would be released at once.
        let waits = asked(&stage, &Asked::new(99, &[Class::Mrn])).await;
        let mut written = Vec::new();
        for (number, text) in (1..).zip(texts) {
            let id = ask(&stage, number, text).await;
            decide(&stage, number, &id, text).await;
            written.push(((*text).to_owned(), id));
        }
        for text in texts {
            open_emergency(&stage, text).await;
            stop(&stage, text).await;
        }
        leave_open(&stage, texts).await;
        let record = last_record(&stage, &used).await;
        Filled {
            stage,
            written,
            waits,
            used,
            record,
        }
    }

    /// Has them stand, too, where no way through the service would let them through: whoever can write its database.
    pub(crate) async fn overwrite(&mut self) {
        self.stage.service.stop();
        let mut store = store(&self.stage).await;
        for (number, (text, id)) in self.written.iter().enumerate() {
            let path = format!("/{text}");
            let changed = sqlx::query(
                "UPDATE approval SET body = json_set(body, '$.method', $1, '$.authority', $1, '$.path', $2, \
                 '$.query', $1) WHERE id = $3",
            );
            let changed = changed.bind(text).bind(&path).bind(id);
            let changed = changed.execute(&mut store).await.expect("the route");
            assert_eq!(changed.rows_affected(), 1);
            if number % 2 == 0 {
                let changed = sqlx::query(
                    "UPDATE approval SET body = json_set(body, '$.principal.subject', $1) WHERE id = $2",
                );
                let changed = changed.bind(text).bind(id).execute(&mut store).await;
                assert_eq!(changed.expect("the subject").rows_affected(), 1);
            }
        }
        drop(store);
        self.stage.service.restart().await.expect("the service");
    }

    /// Where each page is that whoever has signed in may open, or that anybody may.
    pub(crate) fn addresses(&self, access: &str) -> Vec<String> {
        let lines = PAGES.lines().filter_map(|line| line.split_once(' '));
        let paths = lines.filter(|(who, _)| *who == access);
        let paths = paths.flat_map(|(_, pattern)| self.paths(pattern));
        let url = self.stage.service.url();
        paths.map(|path| format!("{url}{path}")).collect()
    }

    fn paths(&self, pattern: &str) -> Vec<String> {
        let own = |more: &[&str]| {
            let more = more.iter().map(|more| format!("{pattern}{more}"));
            std::iter::once(pattern.to_owned()).chain(more).collect()
        };
        let ids = self.written.iter().map(|(_, id)| id.as_str());
        let ids = ids.chain([self.waits.as_str(), self.used.as_str(), "none"]);
        match pattern {
            // No pages: what pages load, a stream, a file.
            "/assets/{name}" | "/inbox/changes" | "/audit/{id}/proof" => Vec::new(),
            "/sign-in" | "/sign-in/provider" | "/session" | "/grants" | "/stops" | "/keys"
            | "/policy" | "/confirm-key" => own(&[]),
            "/sign-in/callback" => own(&["?code=a&state=b"]),
            "/link/{token}" => {
                let link = self.stage.service.link("omar").expect("a link");
                let link = link.strip_prefix(&self.stage.service.url());
                vec![link.expect("a path").to_owned(), "/link/none".to_owned()]
            }
            "/" => own(&[
                "?others=true",
                "?action=read&who=triage-bot",
                "?who=nobody",
                "?after=0",
                "?unknown=true",
            ]),
            "/approvals/{id}" => ids.map(|id| pattern.replace("{id}", id)).collect(),
            // Whoever has chosen nothing is sent to the approval's page; what one has chosen is looked at where a
            // provider has one sign in anew.
            "/approvals/{id}/again" | "/confirm/{id}" => {
                let ids = [self.waits.as_str(), "none"];
                ids.map(|id| pattern.replace("{id}", id)).to_vec()
            }
            "/history" => own(&[
                "?state=denied",
                "?action=read&who=triage-bot",
                "?state=none",
            ]),
            "/emergencies" => {
                let (_, id) = self.written.first().expect("an approval");
                own(&[&format!("?approval={id}")])
            }
            "/activity" => own(&["?period=week", "?period=month", "?period=none"]),
            "/audit" => own(&["?limit=none"]),
            "/audit/{id}" => {
                let last = self.record.to_string();
                let indices = ["0", last.as_str(), "9999", "none"];
                indices.map(|index| format!("/audit/{index}")).to_vec()
            }
            other => {
                panic!("{other}: say here how it is opened, and every test of pages looks at it")
            }
        }
    }
}

async fn start() -> Stage {
    let folder = locations::playground().expect("the built playground");
    let folder = folder.join("www").display().to_string();
    let people = PEOPLE.replace(
        "subject = \"omar\" }]\ngroups = [\"clinical\"]",
        "subject = \"omar\" }]\ngroups = [\"clinical\", \"privacy\"]",
    );
    let mut setup = Setup::new(patients);
    // Whoever says yes twice within a minute is called hasty here.
    setup.service = format!(
        "playground = {folder:?}\n{people}\n{NORA}\n[actions.read]\nquorum = 1\ngroups = [\"privacy\"]\n\
         [limits]\npending_per_principal = 200\nasks_per_minute = 100000\napprovals_per_minute = 1\n\
         [break_glass]\ngroup = \"privacy\"\nlifetime = \"30m\"\nactions = [\"read\"]\n"
    );
    setup.start().await
}

async fn post(stage: &Stage, person: &str, path: &str, body: &Value, status: u16) -> Value {
    let answer = stage.reviewer(person).post(path, body).await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, status, "{path}: {}", answer.body);
    answer.body
}

/// One that was held in Envoy, and released.
async fn used(stage: &Stage) -> String {
    let call = held(stage, "name,date");
    let id = crate::kit::waiting(stage).await;
    post(
        stage,
        "grace",
        &format!("/v1/approvals/{id}/approve"),
        &json!({}),
        200,
    )
    .await;
    assert_eq!(call.await.expect("a task").status, 200);
    id
}

async fn ask(stage: &Stage, number: u8, reason: &str) -> String {
    let mut ask = Asked::new(number, &[Class::Name, Class::Date]);
    ask.reason = Some(reason.to_owned());
    // Some the same, so that what was asked before is there.
    ask.resource = number / 4;
    ask.evidence = number.is_multiple_of(2);
    let id = asked(stage, &ask).await;
    if ask.evidence {
        see(stage, number, &id).await;
    }
    id
}

/// What a gateway has seen of the answer: more fields than a card has room for, and some for which it had none.
async fn see(stage: &Stage, number: u8, id: &str) {
    let fields = FIELDS.iter().zip(1..).map(|(path, count)| ShapeField {
        path: FieldPath::new(*path).expect("a path"),
        class: Class::Name,
        by: MaskedBy::Profile,
        rule: None,
        count,
    });
    let shape = Shape::new(fields, Found::new([(Class::Date, 3)]));
    tell(stage, number, id, shape).await;
}

/// Tells the service so for the gateway.
pub(crate) async fn tell(stage: &Stage, number: u8, id: &str, shape: Shape) {
    let evidence = Evidence {
        use_key: UseKey::from_bytes([number; 16]),
        found: shape.counts(),
        records: 20,
        bytes: 31_700,
        tags: Tags::new((0..6_u64).map(u64::to_be_bytes)).expect("tags"),
        complete: !number.is_multiple_of(4),
        shape: Some(shape),
    };
    let token = stage.service.gateway_token("edge").expect("a token");
    let path = format!("/v1/approvals/{id}/evidence");
    let call = Client::new(stage.service.address()).call("POST", &path);
    let body = serde_json::to_value(evidence).expect("JSON");
    let answer = call.bearer(token).json(&body).send().await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 204, "{}", answer.text());
}

/// One of each state in which an approval can be for long.
async fn decide(stage: &Stage, number: u8, id: &str, text: &str) {
    let path = |verb: &str| format!("/v1/approvals/{id}/{verb}");
    let comment = json!({"comment": text});
    match number % 6 {
        1 => {
            let body = json!({"public_reason": text, "comment": text});
            post(stage, "grace", &path("deny"), &body, 200).await;
        }
        2 => {
            post(stage, "grace", &path("approve"), &comment, 200).await;
        }
        3 => {
            post(stage, "omar", &path("question"), &comment, 200).await;
        }
        4 => {
            post(stage, "omar", &path("approve"), &comment, 200).await;
            post(stage, "grace", &path("revoke"), &comment, 200).await;
        }
        _ => {}
    }
}

fn emergency(reason: &str) -> Value {
    let principal =
        json!({"kind": "jwt", "issuer": "https://idp.example", "subject": "triage-bot"});
    json!({"principal": principal, "action": "read", "reason": reason, "minutes": 5})
}

async fn open_emergency(stage: &Stage, text: &str) {
    let opened = post(stage, "grace", "/v1/emergencies", &emergency(text), 201).await;
    let id = self::text(&opened["id"]);
    let review = json!({"justified": text.len().is_multiple_of(2), "comment": text});
    post(
        stage,
        "omar",
        &format!("/v1/emergencies/{id}/review"),
        &review,
        200,
    )
    .await;
}

async fn stop(stage: &Stage, text: &str) {
    let body = json!({"scope": {"kind": "gateway", "id": "edge"}, "comment": text});
    let stopped = post(stage, "omar", "/v1/stops", &body, 201).await;
    let id = self::text(&stopped["id"]);
    post(
        stage,
        "grace",
        &format!("/v1/stops/{id}/resume"),
        &json!({}),
        200,
    )
    .await;
}

/// An access that nobody has reviewed, and a stop that nobody has ended.
async fn leave_open(stage: &Stage, texts: &[&str]) {
    let text = texts.last().expect("a text");
    post(stage, "grace", "/v1/emergencies", &emergency(text), 201).await;
    let body = json!({"scope": {"kind": "gateway", "id": "edge"}, "comment": text});
    post(stage, "omar", "/v1/stops", &body, 201).await;
}

/// Nothing on the page that is open hinders anybody, and nothing is beyond its edge: in both themes, at three widths. It
/// is light and on a desk again then.
pub(crate) async fn hinders_nobody(browser: &Browser, what: &str) {
    for is_dark in [false, true] {
        browser.prefer_dark(is_dark).await.expect("a theme");
        for size in SIZES {
            browser.resize(size).await.expect("a size");
            let found = browser.hindrances().await.expect("axe");
            let place = format!("{what} {size:?} dark: {is_dark}");
            assert_eq!(found, Vec::<String>::new(), "{place}");
            let script = "return document.documentElement.scrollWidth <= innerWidth";
            assert_eq!(browser.run(script).await.expect("a width"), true, "{place}");
        }
    }
    browser.prefer_dark(false).await.expect("a theme");
    browser.resize(SIZES[0]).await.expect("a size");
}
