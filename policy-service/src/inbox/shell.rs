//! What every page of the inbox has round it, and how it is answered.

use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::assets;
use super::session::Session;
use super::visible::Visible;
use crate::problem::Problem;

/// Where in the inbox a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Here {
    Pending,
    History,
    Grants,
    Stops,
    Emergencies,
    Policy,
    Activity,
    Audit,
    /// Behind none of the links.
    Elsewhere,
}

/// A link to one of the pages.
pub(super) struct Link {
    pub(super) path: &'static str,
    pub(super) label: &'static str,
    here: Here,
}

/// The pages that there are.
const LINKS: &[Link] = &[
    Link {
        path: "/",
        label: "Pending",
        here: Here::Pending,
    },
    Link {
        path: "/grants",
        label: "Grants",
        here: Here::Grants,
    },
    Link {
        path: "/history",
        label: "History",
        here: Here::History,
    },
    Link {
        path: "/activity",
        label: "Activity",
        here: Here::Activity,
    },
    Link {
        path: "/audit",
        label: "Audit",
        here: Here::Audit,
    },
    Link {
        path: "/policy",
        label: "Policy",
        here: Here::Policy,
    },
    Link {
        path: "/stops",
        label: "Stop",
        here: Here::Stops,
    },
    Link {
        path: "/emergencies",
        label: "Emergency",
        here: Here::Emergencies,
    },
];

/// What is round a page.
pub(super) struct Shell {
    pub(super) person: Visible,
    form_token: String,
    here: Here,
    pub(super) links: &'static [Link],
    pub(super) style: &'static str,
    pub(super) script: &'static str,
    pub(super) icon: &'static str,
}

impl Shell {
    pub(super) fn new(session: &Session, here: Here) -> Shell {
        Shell {
            person: Visible::cut(&session.name, 64),
            form_token: session.form_token.clone(),
            here,
            links: LINKS,
            style: assets::style(),
            script: assets::script(),
            icon: assets::icon(),
        }
    }

    /// What every form of this session carries.
    pub(super) fn token(&self) -> &str {
        &self.form_token
    }

    pub(super) fn is_here(&self, link: &Link) -> bool {
        self.here == link.here
    }
}

/// A page in place of one that cannot be shown.
#[derive(Template)]
#[template(path = "refusal.html")]
struct Refusal<'a> {
    shell: Shell,
    problem: &'a Problem,
}

/// Says in a page why there is no other.
pub(super) fn refuse(session: &Session, problem: &Problem) -> Response {
    let shell = Shell::new(session, Here::Elsewhere);
    show(problem.status(), &Refusal { shell, problem })
}

/// A page.
pub(super) fn show(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => {
            let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
            (status, kind, html).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a page was not rendered");
            Problem::unavailable().into_response()
        }
    }
}
