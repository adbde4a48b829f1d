//! All that is asked, as whoever approves it has it before them: on the approval's page, and once more where approving
//! takes a second step.

use askama::Template;
use askama::filters::HtmlSafe;
use velum_approval::{Approval, Scope};
use velum_engine::Class;

use super::ask::{Ask, Known, Room};
use super::session::Session;
use super::shape::Fields;
use super::visible::Visible;
use super::{Present, approval, reads_reason};
use crate::http::App;
use crate::store::{StoreError, StoredApproval};

/// Reason, request and what would be released, all of it.
#[derive(Template)]
#[template(path = "asked.html")]
pub(super) struct Asked {
    ask: Ask,
    gateway: Visible,
    resource: String,
    fields: Option<Fields>,
}

impl HtmlSafe for Asked {}

/// Who asks, and on whose behalf.
#[derive(Template)]
#[template(path = "people.html")]
pub(super) struct People {
    ask: Ask,
}

impl HtmlSafe for People {}

/// Both, as this reader may see them.
pub(super) async fn read(
    stored: &StoredApproval,
    session: &Session,
    app: &App,
) -> Result<(People, Asked), StoreError> {
    let approval = &stored.approval;
    let reason = stored.reason.as_ref();
    let mut ask = Ask::new(approval, reason, Room::PAGE, app, app.now());
    let present = Present::load(app).await?;
    if !reads_reason(&session.person, approval, app, &present) {
        ask = ask.without_reason();
    }
    let asked = Asked {
        ask: ask.clone(),
        gateway: Visible::new(approval.gateway.as_str()),
        resource: approval.resource.to_string(),
        fields: stored.shape.as_ref().map(Fields::all),
    };
    Ok((People { ask }, asked))
}

/// What somebody is about to approve, in words.
pub(super) fn amount(scope: &Scope, seconds: Option<u32>, approval: &Approval) -> String {
    if let Some(less) = approval::narrowed(scope, seconds, approval) {
        return less;
    }
    let classes: Vec<_> = scope.classes.iter().map(Class::name).collect();
    if classes.is_empty() {
        "the request itself".to_owned()
    } else {
        format!("{}, all that was asked", classes.join(", "))
    }
}
