//! `POST /v1/approvals/{id}/evidence`: what the response behind an ask holds. Reviewers see the ask
//! with it.

use axum::extract::State;
use axum::http::StatusCode;
use serde_json::json;
use velum_approval::{ApprovalId, Event, Evidence, GatewayId, Refused, transition};

use super::App;
use super::app::to_the_end;
use super::body::Body;
use super::case::CaseError;
use super::counts;
use super::id::Id;
use super::openapi::Described;
use crate::auth::Gateway;
use crate::problem::Problem;
use crate::store::{Change, Operation, Transaction};

/// Takes it once; the same again is no fault.
pub(crate) async fn handle(
    State(app): State<App>,
    gateway: Gateway,
    Id(id): Id,
    Body(evidence): Body<Evidence>,
) -> Result<StatusCode, Problem> {
    let id: ApprovalId = id.parse().map_err(|_| CaseError::Unknown)?;
    let of_classes = counts::of(&evidence.found);
    counts::check(
        [evidence.records, evidence.bytes]
            .into_iter()
            .chain(of_classes),
    )?;
    if let Some(shape) = &evidence.shape {
        counts::check_shape(shape, &evidence.found)?;
    }
    let gateway = GatewayId::new(&*gateway.0).map_err(|_| Problem::unavailable())?;
    let collect = Collect {
        app: app.clone(),
        id: id.clone(),
        gateway,
        evidence,
    };
    let collected = {
        let app = app.clone();
        to_the_end(async move { Ok(app.store().write(collect).await) })
    };
    collected.await.map_err(CaseError::Store)??;
    app.parts().waiters.wake(&id);
    Ok(StatusCode::NO_CONTENT)
}

struct Collect {
    app: App,
    id: ApprovalId,
    gateway: GatewayId,
    evidence: Evidence,
}

impl Operation for Collect {
    type Output = ();
    type Error = CaseError;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), CaseError> {
        let Collect {
            app,
            id,
            gateway,
            evidence,
        } = self;
        let approval = transaction.approval(id).await?.ok_or(CaseError::Unknown)?;
        let policies = &app.parts().policies;
        let told = |shape| policies.tell(&approval.policy, shape);
        let evidence = &Evidence {
            shape: evidence.shape.clone().map(told),
            ..evidence.clone()
        };
        let event = Event::Evidence { gateway, evidence };
        let stamp = app.stamp(transaction).await?;
        let (next, record) = match transition(&approval, &event, stamp.now) {
            Ok(collected) => collected,
            // Sent again: it is there.
            Err(Refused::AlreadyDecided(_))
                if approval
                    .seen
                    .as_ref()
                    .is_some_and(|seen| seen.tags == evidence.tags.digest()) =>
            {
                return Ok(());
            }
            // Whose approval it is is nobody else's business.
            Err(Refused::NotTheStream) => return Err(CaseError::Unknown),
            Err(refused) => return Err(CaseError::Refused(refused)),
        };
        let change = Change::Case {
            approval: &next,
            written: None,
            evidence: Some(evidence),
        };
        transaction.apply(&change, &record, &stamp).await?;
        Ok(())
    }
}

/// What the document says of it.
pub(crate) fn describe() -> Described {
    Described::new(
        "sendEvidence",
        "What the response behind an ask holds",
        "Taken once, from the stream that opened the approval; the same again is no fault.",
    )
    .takes::<Evidence>(&json!({
        "use_key": "AQEBAQEBAQEBAQEBAQEBAQ", "found": {"name": 1}, "records": 1, "bytes": 300,
        "tags": "AQEBAQEBAQE", "complete": true,
        "shape": {"fields": [
            {"path": "$.name[*].family", "class": "name", "by": "profile", "count": 1},
        ]},
    }))
    .empty(204, "Taken.")
    .refuses(400, &["bad-count"])
    .refuses(404, &["unknown-approval"])
    .refuses(409, &["already-decided", "expired"])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};
    use velum_approval::{Evidence, FieldPath, Found, MaskedBy, RuleName, Shape, ShapeField, Tags};
    use velum_engine::Class;

    use crate::testing::{Service, use_key};

    fn evidence(check: &velum_approval::Check) -> Evidence {
        Evidence {
            use_key: check.use_key,
            found: Found::new([(Class::Name, 2)]),
            records: 1,
            bytes: 300,
            tags: Tags::new([[1; 8], [2; 8]]).unwrap(),
            complete: true,
            shape: Some(shape(&["$.name[*].family", "$.name[*].given[*]"])),
        }
    }

    /// One name in each of these places.
    fn shape(paths: &[&str]) -> Shape {
        let field = |path: &&str| ShapeField {
            path: FieldPath::new(*path).unwrap(),
            class: Class::Name,
            by: MaskedBy::Profile,
            rule: None,
            count: 1,
        };
        Shape::new(paths.iter().map(field), Found::default())
    }

    async fn send(service: &Service, id: &str, evidence: &Evidence) -> (u16, Value) {
        let path = format!("/v1/approvals/{id}/evidence");
        let body = serde_json::to_value(evidence).unwrap();
        let (status, answer) = service.call_gateway("POST", &path, &body).await;
        (status.as_u16(), answer)
    }

    #[tokio::test]
    async fn reviewers_see_an_ask_with_what_its_response_holds_and_release_only_that() {
        let service = Service::start().await;
        let mut check = service.ask(1);
        check.evidence = true;
        let id = service.pending(&check).await;
        assert_eq!(service.show(&id).await["state"], "collecting");
        let (status, body) = service.approve("grace", &id, json!({})).await;
        assert_eq!(
            (
                status.as_u16(),
                body["type"].as_str().unwrap().ends_with("not-shown")
            ),
            (409, true)
        );

        // Neither another stream nor, later, another content is taken.
        let mut beyond = evidence(&check);
        beyond.records = 1 << 53;
        assert_eq!(send(&service, id.as_str(), &beyond).await.0, 400);
        let mut of_another = evidence(&check);
        of_another.use_key = use_key();
        assert_eq!(send(&service, id.as_str(), &of_another).await.0, 404);
        assert_eq!(send(&service, id.as_str(), &evidence(&check)).await.0, 204);
        assert_eq!(send(&service, id.as_str(), &evidence(&check)).await.0, 204);
        let mut changed = evidence(&check);
        changed.tags = Tags::new([[3; 8]]).unwrap();
        assert_eq!(send(&service, id.as_str(), &changed).await.0, 409);

        let card = service.show(&id).await;
        assert_eq!(card["state"], "pending");
        assert_eq!(card["evidence"]["found"], json!({"name": 2}), "{card}");
        assert_eq!(card["evidence"]["values"], 2);
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
        let again = service.ask(1);
        let allow = service.verified(&again, &service.check(&again).await);
        assert_eq!(allow.tags, Some(evidence(&check).tags));
    }

    #[tokio::test]
    async fn reviewers_see_where_it_stands_and_no_key_that_the_policy_does_not_name() {
        let service = Service::start().await;
        let mut check = service.ask(1);
        check.evidence = true;
        let id = service.pending(&check).await;
        let mut sent = evidence(&check);
        let mut canary = shape(&["$.name[*].quill", "$.thistlewood.family"])
            .fields()
            .to_vec();
        canary[0].by = MaskedBy::Rule;
        canary[0].rule = Some(RuleName::new("Quill").unwrap());
        sent.shape = Some(Shape::new(canary, Found::default()));
        assert_eq!(send(&service, id.as_str(), &sent).await.0, 204);
        let card = service.show(&id).await;
        let field =
            |path: &str, by: &str| json!({"path": path, "class": "name", "by": by, "count": 1});
        let expected =
            json!({"fields": [field("$.*.family", "profile"), field("$.name[*].*", "rule")]});
        assert_eq!(card["shape"], expected, "{card}");

        // The record has the digest of what was shown.
        let shown: Shape = serde_json::from_value(card["shape"].clone()).unwrap();
        let digest = card["evidence"]["shape"].as_str().unwrap();
        let bytes = velum_approval::PolicyDigest::from_bytes(shown.digest());
        assert_eq!(digest, bytes.to_string());
        let log = Value::from(service.log().await).to_string();
        assert!(log.contains(digest), "{log}");
        for canary in ["quill", "Quill", "thistlewood"] {
            assert!(
                !log.contains(canary) && !card.to_string().contains(canary),
                "{canary}"
            );
        }
    }

    #[tokio::test]
    async fn a_shape_of_more_than_was_found_is_refused_and_an_older_gateway_tells_none() {
        let service = Service::start().await;
        let mut check = service.ask(1);
        check.evidence = true;
        let id = service.pending(&check).await;
        let mut sent = evidence(&check);
        sent.shape = Some(shape(&["$.name", "$.text", "$.family"]));
        let (status, problem) = send(&service, id.as_str(), &sent).await;
        assert_eq!(status, 400, "{problem}");
        assert!(problem["type"].as_str().unwrap().ends_with("/bad-count"));
        sent.shape = None;
        assert_eq!(send(&service, id.as_str(), &sent).await.0, 204);
        let card = service.show(&id).await;
        assert_eq!(
            (&card["shape"], &card["evidence"]["shape"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(card["evidence"]["values"], 2);
    }

    #[tokio::test]
    async fn without_evidence_it_is_shown_after_a_minute_as_not_seen() {
        let service = Service::start().await;
        let mut check = service.ask(1);
        check.evidence = true;
        let id = service.pending(&check).await;
        service.clock.advance(61_000);
        let shown = async {
            while service.show(&id).await["state"] != "pending" {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), shown)
            .await
            .unwrap();
        let card = service.show(&id).await;
        assert_eq!(
            card["evidence"],
            json!(
                "bound to the request; its content was awaited and never came: approving takes \
                 `unseen`"
            )
        );
        // Nobody approves that unawares.
        let (status, body) = service.approve("grace", &id, json!({})).await;
        assert_eq!(status, 409, "{body}");
        assert!(body["type"].as_str().unwrap().ends_with("unseen"), "{body}");
        let (status, card) = service.approve("grace", &id, json!({"unseen": true})).await;
        assert_eq!(
            (status.as_u16(), &card["votes"][0]["unseen"]),
            (200, &json!(true))
        );
        let again = service.ask(1);
        assert_eq!(
            service.verified(&again, &service.check(&again).await).tags,
            None
        );
    }
}
