//! Who calls: bearer tokens, known only by their SHA-256, gateways by their certificates, and reviewers at
//! pages by their sessions. Auditors have tokens that read the audit log and do nothing else.

mod certificate;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::{StatusCode, header, request::Parts};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use velum_approval::PersonId;
use velum_approval::record::{Part, ReaderRole};

pub(crate) use certificate::{CertificateName, Peer};

use crate::http::App;
use crate::inbox::session;
use crate::problem::Problem;
use crate::reads;
use crate::server::Stranger;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anyone who reaches the listener.
    Public,
    /// A gateway: an Envoy that runs the filter.
    Gateway,
    /// A reviewer, by a token.
    Reviewer,
    /// A reviewer or an auditor, by a token: to read this part of the audit log, which is recorded, and to change
    /// nothing.
    Audit(Part),
    /// A reviewer who has signed in, by the cookie of a browser: pages, and nothing below `/v1`.
    Session,
}

/// A caller whose token was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A gateway, by its id in the configuration.
    Gateway(Arc<str>),
    /// A reviewer, by the person's id in the configuration.
    Reviewer(Arc<str>),
    /// An auditor, by the person's id in the configuration.
    Auditor(Arc<str>),
}

impl Caller {
    fn may_call(&self, access: Access) -> bool {
        match access {
            Access::Public => true,
            Access::Gateway => matches!(self, Caller::Gateway(_)),
            Access::Reviewer => matches!(self, Caller::Reviewer(_)),
            Access::Audit(_) => matches!(self, Caller::Reviewer(_) | Caller::Auditor(_)),
            // No token is a session.
            Access::Session => false,
        }
    }
}

/// The SHA-256 of a bearer token.
pub(crate) type TokenHash = [u8; 32];

/// Hashes a token as the configuration's `token_sha256` does.
pub(crate) fn token_hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// How a gateway proves that it is one. Where it has both, both are needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) token: Option<TokenHash>,
    pub(crate) certificate: Option<CertificateName>,
}

/// Everyone who may call, by token and by certificate.
#[derive(Debug, Default)]
pub(crate) struct Callers {
    tokens: Vec<(TokenHash, Caller)>,
    certificates: BTreeMap<CertificateName, Shown>,
}

/// A gateway that has to show a certificate.
#[derive(Debug)]
struct Shown {
    id: Arc<str>,
    needs_token: bool,
}

impl Callers {
    /// Adds a caller.
    pub(crate) fn add(&mut self, token: TokenHash, caller: Caller) {
        self.tokens.push((token, caller));
    }

    /// Every gateway that may call.
    pub(crate) fn gateways(&self) -> BTreeSet<Arc<str>> {
        let by_token = self.tokens.iter().filter_map(|(_, caller)| match caller {
            Caller::Gateway(id) => Some(id.clone()),
            Caller::Reviewer(_) | Caller::Auditor(_) => None,
        });
        let by_certificate = self.certificates.values().map(|shown| shown.id.clone());
        by_token.chain(by_certificate).collect()
    }

    /// Adds the gateway whose certificate has this name.
    pub(crate) fn add_certificate(
        &mut self,
        name: CertificateName,
        id: Arc<str>,
        needs_token: bool,
    ) {
        self.certificates.insert(name, Shown { id, needs_token });
    }

    /// Whether there is a gateway of this id.
    pub(crate) fn has_gateway(&self, id: &str) -> bool {
        let mut with_token = self.tokens.iter().map(|(_, caller)| caller);
        let mut with_certificate = self.certificates.values();
        with_token.any(|caller| matches!(caller, Caller::Gateway(known) if **known == *id))
            || with_certificate.any(|shown| *shown.id == *id)
    }

    /// Who sends this token, as far as there is one, on a connection whose client has proved these
    /// names.
    ///
    /// A gateway with a certificate is known only where it is shown; a token that somebody else has
    /// is then a contradiction. A token that nobody has is none: the filter always sends one.
    fn recognise(&self, token: Option<&str>, peer: Option<&Peer>) -> Option<Caller> {
        let by_token = token.and_then(|token| self.identify(token));
        let mut shown = peer
            .into_iter()
            .flat_map(Peer::names)
            .filter_map(|name| self.certificates.get(name));
        let Some(gateway) = shown.next() else {
            return match by_token {
                Some(Caller::Gateway(id)) if self.must_show(id) => None,
                by_token => by_token.cloned(),
            };
        };
        if shown.any(|other| other.id != gateway.id) {
            return None;
        }
        let is_it = match by_token {
            Some(Caller::Gateway(id)) => *id == gateway.id,
            Some(Caller::Reviewer(_) | Caller::Auditor(_)) => false,
            None => !gateway.needs_token,
        };
        is_it.then(|| Caller::Gateway(gateway.id.clone()))
    }

    fn must_show(&self, id: &str) -> bool {
        self.certificates.values().any(|shown| &*shown.id == id)
    }

    /// The caller that holds `token`. Looks at every entry, whichever of them matches, so that time
    /// tells nothing about the tokens (threat 21).
    pub(crate) fn identify(&self, token: &str) -> Option<&Caller> {
        let hash = token_hash(token);
        let mut found = Choice::from(0);
        let mut position = 0_u64;
        for (index, (known, _)) in (0_u64..).zip(&self.tokens) {
            let equal = known.as_slice().ct_eq(hash.as_slice());
            position = u64::conditional_select(&position, &index, equal);
            found |= equal;
        }
        if !bool::from(found) {
            return None;
        }
        self.tokens
            .get(usize::try_from(position).ok()?)
            .map(|(_, caller)| caller)
    }
}

/// Lets a request through to a route only when its caller may call it.
pub(crate) async fn authorize(
    State((app, access)): State<(App, Access)>,
    mut request: Request,
    next: Next,
) -> Response {
    match access {
        Access::Public => return next.run(request).await,
        // The other way round, no cookie is read for what tokens may call.
        Access::Session => return session::admit(&app, request, next).await,
        Access::Gateway | Access::Reviewer | Access::Audit(_) => {}
    }
    let caller = identify(&app, &request);
    if let (Some(_), Some(stranger)) = (&caller, request.extensions().get::<Arc<Stranger>>()) {
        stranger.is_known();
    }
    match caller {
        None => unauthenticated().into_response(),
        Some(caller) if caller.may_call(access) => {
            if let Access::Audit(part) = access {
                reads::note_caller(&app, &caller, part).await;
            }
            request.extensions_mut().insert(caller.clone());
            let mut response = next.run(request).await;
            response.extensions_mut().insert(caller);
            response
        }
        Some(caller) => {
            let mut response = forbidden(access).into_response();
            response.extensions_mut().insert(caller);
            response
        }
    }
}

fn identify(app: &App, request: &Request) -> Option<Caller> {
    let mut values = request.headers().get_all(header::AUTHORIZATION).iter();
    let token = match values.next() {
        None => None,
        // Two credentials are an ambiguity that somebody could exploit.
        Some(_) if values.next().is_some() => return None,
        Some(value) => {
            let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
            if !scheme.eq_ignore_ascii_case("bearer") {
                return None;
            }
            Some(token.trim())
        }
    };
    app.callers().recognise(token, request.extensions().get())
}

fn unauthenticated() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "unauthenticated",
        "No token that this service knows",
        "Send `Authorization: Bearer <token>` with a token of the service's configuration; a gateway \
         that has a `certificate` there shows it too.",
    )
}

fn forbidden(access: Access) -> Problem {
    let detail = match access {
        Access::Gateway => "Only a gateway's token may call this.",
        Access::Audit(_) => "Only a reviewer's or an auditor's token may call this.",
        Access::Reviewer | Access::Session | Access::Public => {
            "Only a reviewer's token may call this."
        }
    };
    Problem::new(
        StatusCode::FORBIDDEN,
        "wrong-caller",
        "This token may not call this",
        detail,
    )
}

/// The gateway that calls.
pub(crate) struct Gateway(pub(crate) Arc<str>);

/// The reviewer who calls.
pub(crate) struct Reviewer(pub(crate) Arc<str>);

/// Who reads the audit log.
pub(crate) struct Reader {
    pub(crate) person: PersonId,
    pub(crate) role: ReaderRole,
}

impl<S: Sync> FromRequestParts<S> for Gateway {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Gateway, Problem> {
        match parts.extensions.get() {
            Some(Caller::Gateway(id)) => Ok(Gateway(id.clone())),
            _ => Err(forbidden(Access::Gateway)),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Reviewer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Reviewer, Problem> {
        match parts.extensions.get() {
            Some(Caller::Reviewer(person)) => Ok(Reviewer(person.clone())),
            _ => Err(forbidden(Access::Reviewer)),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Reader, Problem> {
        let (person, role) = match parts.extensions.get() {
            Some(Caller::Reviewer(person)) => (person, ReaderRole::Reviewer),
            Some(Caller::Auditor(person)) => (person, ReaderRole::Auditor),
            _ => return Err(forbidden(Access::Audit(Part::Records))),
        };
        let person = PersonId::new(&**person).map_err(|_| Problem::unavailable())?;
        Ok(Reader { person, role })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_finds_its_own_caller_and_no_other_does() {
        let mut callers = Callers::default();
        callers.add(token_hash("one"), Caller::Gateway("edge".into()));
        callers.add(token_hash("two"), Caller::Reviewer("grace".into()));
        assert_eq!(
            callers.identify("one"),
            Some(&Caller::Gateway("edge".into()))
        );
        assert_eq!(
            callers.identify("two"),
            Some(&Caller::Reviewer("grace".into()))
        );
        for token in ["", "three", "ONE", "one "] {
            assert_eq!(callers.identify(token), None, "{token:?}");
        }
        assert_eq!(Callers::default().identify("one"), None);
    }

    /// As dudect does it: Welch's t between the times of two kinds of wrong tokens, such as have all of a right one
    /// but for the last letter and such as have nothing of it. From 10 on time would tell them apart.
    #[test]
    #[ignore = "a figure, of an optimised build"]
    #[expect(clippy::print_stderr, reason = "the figure")]
    fn figures_of_the_time_that_wrong_tokens_take() {
        const TIMES: u32 = 200_000;
        let right = "velum-2f1c9a7be04d58f6a3b1c7d9e2f40516";
        let mut callers = Callers::default();
        for number in 0..64 {
            let other = token_hash(&format!("velum-{number:032x}"));
            callers.add(other, Caller::Reviewer("grace".into()));
        }
        callers.add(token_hash(right), Caller::Reviewer("omar".into()));
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..TIMES {
            let (kind, letter) = (next() % 2, next() % 6);
            let token = if kind == 0 {
                format!("{}{letter}", &right[..right.len() - 1])
            } else {
                format!("velum-{:016x}{:016x}", next(), next())
            };
            let begun = std::time::Instant::now();
            let found = std::hint::black_box(callers.identify(std::hint::black_box(&token)));
            let took = begun.elapsed().as_nanos();
            assert_eq!(found, None);
            times[usize::try_from(kind).unwrap()].push(f64::from(u32::try_from(took).unwrap()));
        }
        // Of the slowest tenth the machine is to blame.
        let [one, two] = times.map(|mut of_kind| {
            of_kind.sort_by(f64::total_cmp);
            of_kind.truncate(of_kind.len() / 10 * 9);
            let count = f64::from(u32::try_from(of_kind.len()).unwrap());
            let mean = of_kind.iter().sum::<f64>() / count;
            let squares = of_kind.iter().map(|time| (time - mean).powi(2));
            (mean, squares.sum::<f64>() / (count - 1.0) / count)
        });
        let t = (one.0 - two.0) / (one.1 + two.1).sqrt();
        let line = format!(
            "like a right one {:.0} ns, like none {:.0} ns: t = {t:.1}",
            one.0, two.0
        );
        eprintln!("{line}");
        if let Some(folder) = std::env::var_os("VELUM_FIGURES") {
            let file = "figures_of_the_time_that_wrong_tokens_take.txt";
            std::fs::write(std::path::Path::new(&folder).join(file), &line).unwrap();
        }
        assert!(t.abs() < 10.0, "t = {t}");
    }

    #[test]
    fn a_gateway_with_a_certificate_has_to_show_it_and_whatever_else_it_has() {
        let name = |text| CertificateName::parse(text).unwrap();
        let mut callers = Callers::default();
        callers.add(token_hash("plain"), Caller::Gateway("plain".into()));
        callers.add(token_hash("both"), Caller::Gateway("both".into()));
        callers.add(token_hash("grace"), Caller::Reviewer("grace".into()));
        callers.add_certificate(name("spiffe://mesh/both"), "both".into(), true);
        callers.add_certificate(name("spiffe://mesh/shown"), "shown".into(), false);
        let cases: &[(Option<&str>, &[&str], Option<&str>)] = &[
            (Some("plain"), &[], Some("plain")),
            (Some("grace"), &[], Some("grace")),
            (None, &[], None),
            // A certificate that nobody has is as none.
            (Some("grace"), &["spiffe://mesh/other"], Some("grace")),
            (None, &["spiffe://mesh/other"], None),
            (None, &["spiffe://mesh/shown"], Some("shown")),
            (Some("nobody"), &["spiffe://mesh/shown"], Some("shown")),
            (
                None,
                &["spiffe://mesh/shown", "edge.example"],
                Some("shown"),
            ),
            // Somebody else's token on its connection.
            (Some("grace"), &["spiffe://mesh/shown"], None),
            (Some("plain"), &["spiffe://mesh/shown"], None),
            (Some("both"), &["spiffe://mesh/both"], Some("both")),
            (Some("both"), &[], None),
            (Some("both"), &["spiffe://mesh/shown"], None),
            (None, &["spiffe://mesh/both"], None),
            (Some("nobody"), &["spiffe://mesh/both"], None),
            (None, &["spiffe://mesh/shown", "spiffe://mesh/both"], None),
        ];
        for (token, names, expected) in cases {
            let peer = Peer::of(names.iter().map(|text| name(text)).collect());
            let caller = callers.recognise(*token, Some(&peer));
            let id = caller.as_ref().map(|caller| match caller {
                Caller::Gateway(id) | Caller::Reviewer(id) | Caller::Auditor(id) => &**id,
            });
            assert_eq!(id, *expected, "{token:?} {names:?}");
        }
    }
}
