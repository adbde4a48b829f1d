//! The inbox: pages for people who decide, in their browsers. Who they are a session says, whose token is in
//! a cookie; nothing here takes a bearer token, and nothing below `/v1` takes a cookie.

mod come_back;
pub(crate) mod cookie;
mod doors;
pub(crate) mod form;
mod groups;
mod headers;
mod leave;
mod links;
mod open_link;
mod origin;
pub(crate) mod page;
mod provider;
pub(crate) mod session;
mod show_session;
mod sign_in;
mod sign_out;
pub(crate) mod step_up;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};

pub(crate) use doors::Doors;
pub(crate) use groups::Present;
use links::Links;
pub(crate) use origin::Origin;
pub(crate) use provider::{Provider, Unasked};

use crate::auth::{Access, authorize};
use crate::http::{App, Side};

/// Where people go who have signed in.
pub(crate) const HOME: &str = "/session";

/// Where they sign out.
pub(crate) const SIGN_OUT: &str = "/sign-out";

/// What the pages are served with.
pub(crate) struct Inbox {
    /// What browsers call this service.
    pub(crate) origin: Origin,
    /// With `--try`: who may sign in without a provider.
    pub(crate) links: Option<Links>,
    /// Who says who they are.
    pub(crate) provider: Option<Provider>,
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
    #[cfg_attr(not(test), expect(dead_code, reason = "no page verifies anything yet"))]
    Wasm,
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
