//! `GET /sign-in/callback`: somebody comes back from the provider.

use std::collections::BTreeSet;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use velum_approval::record::{SignInRefused, SignedInBy};
use velum_approval::{GroupName, Identity, IdentityKind, Party, PersonId, Timestamp};

use super::cookie::Cookie;
use super::page::{Said, onward};
use super::provider::{Provider, Vouched, Way};
use super::session::{Access, SignIn, SignInError, note_refusal};
use super::step_up::{self, Unconfirmed};
use super::{HOME, Inbox, leave};
use crate::http::App;

/// What an answer has. The provider may add more.
#[derive(Default)]
struct Answer {
    state: Option<String>,
    code: Option<String>,
    issuer: Option<String>,
    is_error: bool,
}

impl Answer {
    /// Reads it; what stands twice could be read in two ways.
    fn read(query: &str) -> Option<Answer> {
        let mut answer = Answer::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let place = match &*name {
                "state" => &mut answer.state,
                "code" => &mut answer.code,
                "iss" => &mut answer.issuer,
                "error" => {
                    answer.is_error = true;
                    continue;
                }
                _ => continue,
            };
            if place.replace(value.into_owned()).is_some() {
                return None;
            }
        }
        Some(answer)
    }
}

/// Why nobody is signed in, and whom it is about where that is known.
struct Refusal {
    person: Option<PersonId>,
    refused: SignInRefused,
}

impl From<SignInRefused> for Refusal {
    fn from(refused: SignInRefused) -> Refusal {
        Refusal {
            person: None,
            refused,
        }
    }
}

/// What a way back comes to.
enum Outcome {
    /// A session, by its token, and where to go on.
    SignedIn(String, String),
    /// Somebody signed in anew for something, and goes on to it.
    Confirmed(String),
    Refused(Refusal),
    Said(Said),
}

/// Signs them in if all of it is as it has to be. Whatever it comes to, the way is over.
pub(crate) async fn handle(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let parts = app.parts();
    let doors = parts.inbox.as_ref();
    let Some((inbox, provider)) = doors.and_then(|it| Some((it, it.provider.as_ref()?))) else {
        return leave::nobody().into_response();
    };
    let outcome = come_back(&app, inbox, provider, &query.unwrap_or_default(), &headers).await;
    let (mut response, session) = match outcome {
        Outcome::SignedIn(token, next) => {
            let cookie = Cookie::Session.write(&inbox.origin, &token, None);
            (onward("Signed in", &next).into_response(), cookie)
        }
        Outcome::Confirmed(next) => (onward("Confirmed", &next).into_response(), None),
        Outcome::Refused(refusal) => {
            let said = said(refusal.refused);
            note_refusal(&app, refusal.person, refusal.refused).await;
            (said.into_response(), None)
        }
        Outcome::Said(said) => (said.into_response(), None),
    };
    let cookies = Cookie::Hop.clear(&inbox.origin).into_iter().chain(session);
    for cookie in cookies {
        append(&mut response, cookie);
    }
    response
}

fn append(response: &mut Response, cookie: HeaderValue) {
    response.headers_mut().append(header::SET_COOKIE, cookie);
}

async fn come_back(
    app: &App,
    inbox: &Inbox,
    provider: &Provider,
    query: &str,
    headers: &HeaderMap,
) -> Outcome {
    let refused = |refused: SignInRefused| Outcome::Refused(refused.into());
    let now = app.now();
    let Some(cookie) = Cookie::Hop.read(&inbox.origin, headers) else {
        // Anybody can come here from nowhere: that is no sign-in which was refused.
        return Outcome::Said(said(SignInRefused::State));
    };
    let key = app.parts().keys.of_browsers();
    let (Some(way), Some(answer)) = (Way::of_cookie(cookie, &key, now), Answer::read(query)) else {
        return refused(SignInRefused::State);
    };
    if !answer.state.is_some_and(|state| way.is_of(&state)) {
        return refused(SignInRefused::State);
    }
    match provider.is_its(answer.issuer.as_deref(), now).await {
        Ok(true) => {}
        Ok(false) => return refused(SignInRefused::Mixed),
        Err(error) => return Outcome::Said(leave::unasked(error)),
    }
    let code = match answer.code {
        Some(code) if !answer.is_error => code,
        _ => return refused(SignInRefused::Denied),
    };
    let said = match provider.redeem(&code, &way, now).await {
        Ok(said) => said,
        Err(why) => return refused(why),
    };
    let person = match person(app, provider, &said.subject) {
        Ok(person) => person,
        Err(refusal) => return Outcome::Refused(refusal),
    };
    if let Some(purpose) = way.purpose() {
        return match step_up::confirm(app, &way, purpose, (person.clone(), &said)).await {
            Ok(()) => Outcome::Confirmed(way.next().unwrap_or(HOME).to_owned()),
            Err(Unconfirmed::Refused(refused)) => {
                let person = Some(person);
                Outcome::Refused(Refusal { person, refused })
            }
            Err(Unconfirmed::Store(error)) => {
                Outcome::Said(Said::unavailable("sign in anew", &error))
            }
        };
    }
    let groups = match groups(provider, &said, now).await {
        Ok(groups) => groups,
        Err(refused) => {
            let person = Some(person);
            return Outcome::Refused(Refusal { person, refused });
        }
    };
    let access = groups.is_some().then_some(Access {
        token: said.access_token,
        refresh: said.refresh_token,
        subject: said.subject,
    });
    let sign_in = SignIn {
        person,
        by: SignedInBy::Provider,
        spends: Some((way.id(), way.until())),
        instead: way.before(),
        access,
        groups,
    };
    let next = way.next().unwrap_or(HOME).to_owned();
    match sign_in.begin(app).await {
        Ok(token) => Outcome::SignedIn(token, next),
        Err(SignInError::Spent) => refused(SignInRefused::Repeated),
        Err(SignInError::Store(error)) => Outcome::Said(Said::unavailable("sign in", &error)),
    }
}

/// In which groups somebody is, where the provider is asked.
async fn groups(
    provider: &Provider,
    said: &Vouched,
    now: Timestamp,
) -> Result<Option<BTreeSet<GroupName>>, SignInRefused> {
    if !provider.tells_groups() {
        return Ok(None);
    }
    let groups = provider
        .groups(&said.access_token, &said.subject, now)
        .await;
    groups.map(Some).map_err(|error| {
        tracing::warn!(error = error.why(), "somebody's groups could not be read");
        SignInRefused::NoToken
    })
}

/// The reviewer whom the directory has for this identity.
fn person(app: &App, provider: &Provider, subject: &str) -> Result<PersonId, Refusal> {
    let identity = Identity::new(IdentityKind::Jwt, provider.issuer(), subject);
    let party = identity
        .ok()
        .and_then(|identity| app.parts().directory.party(&identity).cloned());
    // An agent's owner is somebody else than the agent.
    let Some(Party::Person { id }) = party else {
        return Err(SignInRefused::Unknown.into());
    };
    let mut reviewers = app.parts().actions.reviewers();
    if reviewers.any(|reviewer| *reviewer == id) {
        return Ok(id);
    }
    Err(Refusal {
        person: Some(id),
        refused: SignInRefused::NotAReviewer,
    })
}

/// What is said of it: enough to do something about it, and nothing that was sent.
fn said(refused: SignInRefused) -> Said {
    let text = match refused {
        SignInRefused::Unknown => {
            "The provider says who you are, and the directory of this service knows nobody of that issuer and \
             subject. Ask whoever runs it to add you."
        }
        SignInRefused::NotAReviewer => {
            "This service knows you, and you review nothing here. Ask whoever runs it to add you to its reviewers."
        }
        SignInRefused::Denied => "The provider did not say who you are.",
        SignInRefused::NotFresh => {
            "You did not sign in anew, or not in the way that this action asks for. Nothing was approved."
        }
        SignInRefused::OtherPerson => {
            "Whoever signed in is not whose session this is, or the session is over. Nothing was approved."
        }
        SignInRefused::NoToken => "The provider could not be asked who you are.",
        SignInRefused::State | SignInRefused::Repeated => {
            "This answer belongs to no sign-in that this browser has begun in the last ten minutes, or it has come \
             before."
        }
        _ => {
            "What the provider said cannot be believed. Whoever runs this service finds why in its audit log."
        }
    };
    Said::new(StatusCode::FORBIDDEN, "You are not signed in", text)
        .with_link("/sign-in", "Try again")
}

#[cfg(test)]
mod tests {
    use super::Answer;

    #[test]
    fn what_stands_twice_in_an_answer_is_none() {
        let answer =
            Answer::read("code=a%20b&state=s&iss=https%3A%2F%2Fidp.example&session_state=x")
                .unwrap();
        assert_eq!(answer.code.as_deref(), Some("a b"));
        assert_eq!(answer.issuer.as_deref(), Some("https://idp.example"));
        assert!(!answer.is_error);
        assert!(
            Answer::read("error=access_denied&state=s")
                .unwrap()
                .is_error
        );
        for query in ["code=a&code=a", "state=a&state=b", "iss=a&code=b&iss=a"] {
            assert!(Answer::read(query).is_none(), "{query}");
        }
    }
}
