//! The page where a security key signs what somebody is about to approve.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use velum_approval::messages::ApproveRequest;
use velum_approval::{Approval, ApprovalId, Approving, Timestamp};

use super::proof::Keep;
use super::{Offer, ids, of, origin};
use crate::http::vote::Says;
use crate::http::{App, unavailable};
use crate::inbox::asked::{self, Asked, People};
use crate::inbox::assets;
use crate::inbox::moment::Moment;
use crate::inbox::session::Session;
use crate::inbox::shell::{self, Here, Shell};
use crate::inbox::visible::Visible;
use crate::problem::Problem;
use crate::store::{StoreError, StoredKey};

#[derive(Template)]
#[template(path = "sign.html")]
struct Page {
    shell: Shell,
    keys_script: &'static str,
    id: String,
    version: u64,
    action: Visible,
    people: People,
    /// All that the fingerprint's code, the tags, the shape and the reason's commitment in the challenge stand for.
    asked: Asked,
    /// How much is approved.
    approves: String,
    uses: u32,
    policy: String,
    /// What the form has that leads here, to be sent again with the answer.
    fields: Vec<(&'static str, String)>,
    nonce: String,
    at: i64,
    challenge: String,
    party: String,
    known: String,
    /// When the first key counts, where none does yet.
    counts: Option<Moment>,
}

/// Asks for a security key's signature of exactly this.
pub(in crate::inbox) async fn sign(
    app: &App,
    session: &Session,
    id: &str,
    (request, fields): (&ApproveRequest, Vec<(&'static str, String)>),
) -> Result<Response, Problem> {
    let fault = |error: StoreError| unavailable("ask for a security key", &error);
    let id: ApprovalId = id.parse().map_err(|_| Problem::unknown_approval())?;
    let stored = app.store().approval(&id).await.map_err(fault)?;
    let stored = stored.ok_or_else(Problem::unknown_approval)?;
    let now = app.now();
    let keys = of(app, &session.person).await.map_err(fault)?;
    let offer = Offer::new(app, now).map_err(fault)?;
    let keep = Keep {
        offer,
        session: session.id,
    };
    app.store().write(keep).await.map_err(fault)?;
    let shown = asked::read(&stored, session, app).await.map_err(fault)?;
    let approved = (&stored.approval, request, shown);
    let page = page(app, session, approved, (&keys, offer), fields)?;
    Ok(shell::show(StatusCode::OK, &page))
}

fn page(
    app: &App,
    session: &Session,
    (approval, request, (people, asked)): (&Approval, &ApproveRequest, (People, Asked)),
    (keys, offer): (&[StoredKey], Offer),
    fields: Vec<(&'static str, String)>,
) -> Result<Page, Problem> {
    let now: Timestamp = offer.at;
    let verdict = Says::Approve(Box::new(request.clone())).verdict(approval);
    // The version that they have before them: where it is another by now, nothing comes of it.
    let shown = (request.version.unwrap_or_default(), offer.at, offer.nonce);
    let what = Approving::of(approval, &session.person, &verdict, shown);
    let what = what.ok_or_else(Problem::unavailable)?;
    let challenge = what.challenge().map_err(|_| Problem::unavailable())?;
    let (good, new): (Vec<StoredKey>, Vec<StoredKey>) = keys
        .iter()
        .cloned()
        .partition(|key| key.credential.from <= now);
    let first = new.iter().map(|key| key.credential.from).min();
    Ok(Page {
        shell: Shell::new(session, Here::Elsewhere),
        keys_script: assets::keys(),
        id: approval.id.to_string(),
        version: what.version,
        action: Visible::new(approval.action.as_str()),
        people,
        asked,
        approves: asked::amount(what.scope, what.seconds, approval),
        uses: what.uses,
        policy: what.policy.to_string(),
        fields,
        nonce: offer.nonce.to_string(),
        at: offer.at.as_millis(),
        challenge: URL_SAFE_NO_PAD.encode(challenge),
        party: origin(app)?.relying_party().to_owned(),
        counts: first
            .filter(|_| good.is_empty())
            .map(|from| Moment::left(from, now)),
        known: ids(&good),
    })
}
