//! The inbox: pages for people who decide, in their browsers. Who they are a session says, whose token is in
//! a cookie; nothing here takes a bearer token, and nothing below `/v1` takes a cookie.

mod activity;
mod approval;
mod ask;
mod asked;
mod assets;
mod audit;
mod changes;
mod choice;
mod come_back;
pub(crate) mod cookie;
mod decide;
mod doors;
mod emergencies;
pub(crate) mod form;
mod groups;
mod headers;
mod history;
mod leave;
mod links;
mod moment;
mod open_link;
mod origin;
pub(crate) mod page;
mod pending;
mod policy;
mod provider;
mod readers;
pub(crate) mod security_keys;
pub(crate) mod session;
mod shape;
mod shell;
mod show_session;
mod sign_in;
mod sign_out;
mod statement;
pub(crate) mod step_up;
mod stops;
mod visible;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};

pub(crate) use doors::Doors;
pub(crate) use groups::Present;
use links::Links;
pub(crate) use origin::Origin;
pub(crate) use provider::{Provider, Unasked};
pub(crate) use readers::as_read_by;
use readers::reads_reason;

use crate::auth::{Access, authorize};
use crate::config::KeySettings;
use crate::http::{App, Side};

/// Where people go who have signed in.
pub(crate) const HOME: &str = "/";

/// Where they sign out.
pub(crate) const SIGN_OUT: &str = "/sign-out";
/// Where somebody stops what is released.
pub(crate) const STOPS: &str = "/stops";

/// Where they open access in an emergency.
pub(crate) const OPEN_EMERGENCY: &str = emergencies::PATH;

/// What the pages are served with.
pub(crate) struct Inbox {
    /// What browsers call this service.
    pub(crate) origin: Origin,
    /// With `--try`: who may sign in without a provider.
    pub(crate) links: Option<Links>,
    /// Who says who they are.
    pub(crate) provider: Option<Provider>,
    /// Whether the playground is served beside it, whose wasm verifies proofs in the reader's browser.
    pub(crate) has_playground: bool,
    /// How security keys are added.
    pub(crate) keys: KeySettings,
}

/// A page, or what one of its forms does. None of them is in the API's document.
pub(crate) struct Page {
    pub(crate) method: MethodFilter,
    pub(crate) path: &'static str,
    /// [`Access::Session`], or [`Access::Public`] for what leads there.
    pub(crate) access: Access,
    /// What its document may run.
    pub(crate) runs: Runs,
    handler: fn(MethodFilter) -> MethodRouter<App>,
}

/// What a page's document may run beside our own scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runs {
    /// Nothing.
    Scripts,
    /// WebAssembly, which verifies proofs in the reader's own browser.
    Wasm,
}

impl Page {
    /// One for who has signed in.
    const fn of_session(
        method: MethodFilter,
        path: &'static str,
        handler: fn(MethodFilter) -> MethodRouter<App>,
    ) -> Page {
        Page {
            method,
            path,
            access: Access::Session,
            runs: Runs::Scripts,
            handler,
        }
    }

    /// One that is looked at.
    const fn shown(path: &'static str, handler: fn(MethodFilter) -> MethodRouter<App>) -> Page {
        Page::of_session(MethodFilter::GET, path, handler)
    }

    /// What one of its forms does.
    const fn done(path: &'static str, handler: fn(MethodFilter) -> MethodRouter<App>) -> Page {
        Page::of_session(MethodFilter::POST, path, handler)
    }
}

/// Every page. A `GET` decides nothing, and changes nothing but who has signed in: people come back from the
/// provider by one.
pub(crate) const PAGES: &[Page] = &[
    Page {
        method: MethodFilter::GET,
        path: "/sign-in",
        access: Access::Public,
        runs: Runs::Scripts,
        handler: |method| on(method, sign_in::show),
    },
    Page {
        method: MethodFilter::GET,
        path: "/sign-in/provider",
        access: Access::Public,
        runs: Runs::Scripts,
        handler: |method| on(method, leave::handle),
    },
    Page {
        method: MethodFilter::GET,
        path: provider::CALLBACK,
        access: Access::Public,
        runs: Runs::Scripts,
        handler: |method| on(method, come_back::handle),
    },
    Page {
        method: MethodFilter::GET,
        path: "/link/{token}",
        access: Access::Public,
        runs: Runs::Scripts,
        handler: |method| on(method, open_link::show),
    },
    Page {
        method: MethodFilter::POST,
        path: "/link/{token}",
        access: Access::Public,
        runs: Runs::Scripts,
        handler: |method| on(method, open_link::follow),
    },
    Page {
        method: MethodFilter::GET,
        path: "/session",
        access: Access::Session,
        runs: Runs::Scripts,
        handler: |method| on(method, show_session::handle),
    },
    Page {
        method: MethodFilter::GET,
        path: "/confirm/{id}",
        access: Access::Session,
        runs: Runs::Scripts,
        handler: |method| on(method, step_up::handle),
    },
    Page {
        method: MethodFilter::GET,
        path: step_up::FOR_KEYS,
        access: Access::Session,
        runs: Runs::Scripts,
        handler: |method| on(method, step_up::for_keys),
    },
    Page {
        method: MethodFilter::POST,
        path: "/session/groups",
        access: Access::Session,
        runs: Runs::Scripts,
        handler: |method| on(method, show_session::read_groups),
    },
    Page {
        method: MethodFilter::POST,
        path: SIGN_OUT,
        access: Access::Session,
        runs: Runs::Scripts,
        handler: |method| on(method, sign_out::handle),
    },
    Page {
        method: MethodFilter::GET,
        path: "/assets/{name}",
        access: Access::Public,
        runs: Runs::Scripts,
        handler: |method| on(method, assets::handle),
    },
    Page::shown(HOME, |method| on(method, pending::handle)),
    Page::shown("/inbox/changes", |method| on(method, changes::handle)),
    Page::shown("/approvals/{id}", |method| on(method, approval::handle)),
    Page::shown("/approvals/{id}/again", |method| on(method, choice::handle)),
    Page::done("/approvals/{id}/approve", |method| {
        on(method, decide::approve)
    }),
    Page::done("/approvals/{id}/deny", |method| on(method, decide::deny)),
    Page::done("/approvals/{id}/question", |method| {
        on(method, decide::question)
    }),
    Page::done("/approvals/{id}/take-back", |method| {
        on(method, decide::take_back)
    }),
    Page::done("/approvals/{id}/revoke", |method| {
        on(method, decide::revoke)
    }),
    Page::shown("/history", |method| on(method, history::show)),
    Page::shown("/grants", |method| on(method, history::grants)),
    Page::shown(STOPS, |method| on(method, stops::show)),
    Page::done(STOPS, |method| on(method, stops::begin)),
    Page::done("/stops/{id}/resume", |method| on(method, stops::resume)),
    Page::shown(emergencies::PATH, |method| on(method, emergencies::show)),
    Page::done(OPEN_EMERGENCY, |method| on(method, emergencies::open)),
    Page::done("/emergencies/{id}/review", |method| {
        on(method, emergencies::review)
    }),
    Page::shown(security_keys::PATH, |method| {
        on(method, security_keys::show)
    }),
    Page::done(security_keys::PATH, |method| on(method, security_keys::add)),
    Page::done("/keys/new", |method| on(method, security_keys::begin)),
    Page::done("/keys/{id}/remove", |method| {
        on(method, security_keys::remove)
    }),
    Page::shown("/policy", |method| on(method, policy::handle)),
    Page::shown("/activity", |method| on(method, activity::handle)),
    Page::shown("/audit", |method| on(method, audit::list)),
    Page {
        method: MethodFilter::GET,
        path: "/audit/{id}",
        access: Access::Session,
        runs: Runs::Wasm,
        handler: |method| on(method, audit::show),
    },
    Page::shown("/audit/{id}/proof", |method| on(method, audit::proof)),
];

/// The pages that answer at a listener; none where nobody could sign in.
pub(crate) fn router(app: &App, side: Side) -> Router<App> {
    let mut router = Router::new();
    if app.parts().inbox.is_none() {
        return router;
    }
    for page in PAGES.iter().filter(|_| side.serves(Access::Session)) {
        let guard = from_fn_with_state((app.clone(), page.access), authorize);
        // Outermost, so that refusals have them too.
        let headers = from_fn_with_state((app.clone(), page.runs), headers::add);
        let handler = (page.handler)(page.method);
        router = router.route(page.path, handler.route_layer(guard).route_layer(headers));
    }
    router
}
