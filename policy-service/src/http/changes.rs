//! `GET /v1/approvals/{id}/events` and `GET /v1/approvals/events`: changes as they come, as server-sent
//! events. An event has the approval's id, state and version, and nothing else of it. Beside all approvals, what
//! becomes of accesses in emergencies is told.
//!
//! Of all approvals the audit log is the feed: its indexes are the events' ids, so that who comes back
//! with `Last-Event-ID` misses none.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body::Frame;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use velum_approval::record::EventKind;
use velum_approval::{ApprovalId, EmergencyId, State as ApprovalState};

use super::App;
use super::app::unavailable;
use super::id::Id;
use super::openapi::Described;
use crate::auth::Reviewer;
use crate::problem::Problem;
use crate::store::{Entry, StoreError};

/// The most streams of one process; each holds a connection.
const MOST_STREAMS: usize = 256;
static PLACES: Semaphore = Semaphore::const_new(MOST_STREAMS);
/// The most of one person, so that nobody takes all of them.
const MOST_EACH: usize = 32;
static EACH: Mutex<BTreeMap<Arc<str>, usize>> = Mutex::new(BTreeMap::new());
/// How often a client that hears nothing hears that it is still connected.
const PING: Duration = Duration::from_secs(15);
/// Changes that come together are read together.
const TOGETHER: Duration = Duration::from_millis(50);
/// How often to look for what other services have written.
const LOOK: Duration = Duration::from_millis(500);
/// How many records are read at a time.
const PAGE: u32 = 512;

/// Why there is no stream.
enum StreamError {
    Unknown,
    LastEventId,
    TooMany,
    Store(StoreError),
}

impl From<StoreError> for StreamError {
    fn from(error: StoreError) -> StreamError {
        StreamError::Store(error)
    }
}

impl From<StreamError> for Problem {
    fn from(error: StreamError) -> Problem {
        match error {
            StreamError::Unknown => Problem::unknown_approval(),
            StreamError::Store(error) => unavailable("follow approvals", &error),
            StreamError::LastEventId => Problem::new(
                StatusCode::BAD_REQUEST,
                "malformed-last-event-id",
                "Last-Event-ID is malformed",
                "Send the id of an event of this stream, or none.",
            ),
            StreamError::TooMany => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "too-many-streams",
                "Too many follow already",
                "So many streams are open, in all or of this reviewer, that no other is. Try again later, or poll \
                 with `wait` and `after_version`.",
            )
            .retryable(),
        }
    }
}

/// What the document says of the stream of one approval.
pub(crate) fn describe_one() -> Described {
    describe(Described::new(
        "followApproval",
        "The changes of an approval as they come",
        "Server-sent events `approval` with id, state and version, the first at once; the event's id is \
         the version. A comment comes every 15 seconds.",
    ))
    .refuses(404, &["unknown-approval"])
}

/// What the document says of the stream of all.
pub(crate) fn describe_all() -> Described {
    describe(Described::new(
        "followApprovals",
        "The changes of all approvals as they come",
        "Server-sent events `approval` with id, state and version, and `emergency` with an access's id and what \
         has become of it (`opened`, `reviewed`, `disputed`, `ended`); the event's id is its place in the audit \
         log. Without `Last-Event-ID` from now on.",
    ))
}

fn describe(described: Described) -> Described {
    described
        .header(
            "last-event-id",
            "The id of the last event that was seen.",
            &json!({"type": "string", "pattern": "^[0-9]+$"}),
        )
        .says(
            "text/event-stream",
            "The stream; it ends when the service shuts down.",
        )
        .refuses(400, &["malformed-last-event-id"])
        .refuses(503, &["too-many-streams"])
}

/// Follows one approval.
pub(crate) async fn one(
    State(app): State<App>,
    Reviewer(person): Reviewer,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let seen = last_event_id(&headers)?.unwrap_or(0);
    let id: ApprovalId = id.parse().map_err(|_| StreamError::Unknown)?;
    let known = app
        .store()
        .approval(&id)
        .await
        .map_err(StreamError::Store)?;
    known.ok_or(StreamError::Unknown)?;
    let place = Place::take(person)?;
    Ok(respond(|sender| async move {
        let _place = place;
        follow_one(&app, &id, seen, &sender).await
    }))
}

async fn follow_one(
    app: &App,
    id: &ApprovalId,
    mut seen: u64,
    sender: &Sender<Bytes>,
) -> Result<(), StoreError> {
    let mut ticket = app.parts().waiters.join(id);
    loop {
        if let Some(stored) = app.store().approval(id).await? {
            let approval = stored.approval;
            if approval.version > seen {
                seen = approval.version;
                let change = (id, approval.state_at(app.now()), seen);
                say(sender, event(seen, change)).await;
            }
        }
        loop {
            tokio::select! {
                () = ticket.changed() => break,
                () = sleep(PING) => say(sender, Bytes::from_static(b": ping\n\n")).await,
                () = sender.closed() => return Ok(()),
                () = app.closing() => return Ok(()),
            }
        }
    }
}

/// Follows all of them.
pub(crate) async fn all(
    State(app): State<App>,
    Reviewer(person): Reviewer,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let seen = last_event_id(&headers)?;
    follow(&app, person, seen, Duration::MAX).await
}

/// Follows all of them behind the event that was seen, or from now on, at most for so long.
pub(crate) async fn follow(
    app: &App,
    person: Arc<str>,
    seen: Option<u64>,
    longest: Duration,
) -> Result<Response, Problem> {
    let next = match seen {
        Some(seen) => seen.saturating_add(1),
        None => app.store().next_index().await.map_err(StreamError::Store)?,
    };
    let place = Place::take(person)?;
    let app = app.clone();
    Ok(respond(|sender| async move {
        let _place = place;
        let followed = timeout(longest, follow_all(&app, next, &sender)).await;
        followed.unwrap_or(Ok(()))
    }))
}

async fn follow_all(app: &App, mut next: u64, sender: &Sender<Bytes>) -> Result<(), StoreError> {
    let mut changes = app.store().changes();
    let mut ping = Instant::now() + PING;
    // Where it begins, for who comes back before anything has happened.
    if let Some(before) = next.checked_sub(1) {
        say(sender, format!("id: {before}\n\n").into()).await;
    }
    loop {
        changes.mark_unchanged();
        loop {
            let entries = app.store().entries(next, PAGE).await?;
            for entry in &entries {
                next = entry.index.saturating_add(1);
                if let Some(told) = told(entry) {
                    say(sender, told).await;
                    ping = Instant::now() + PING;
                }
            }
            if entries.len() < PAGE as usize || sender.is_closed() {
                break;
            }
        }
        tokio::select! {
            _ = changes.changed() => sleep(TOGETHER).await,
            () = sleep(LOOK), if app.store().has_other_writers() => {}
            () = sleep_until(ping) => {}
            () = sender.closed() => return Ok(()),
            () = app.closing() => return Ok(()),
        }
        if Instant::now() >= ping {
            say(sender, Bytes::from_static(b": ping\n\n")).await;
            ping = Instant::now() + PING;
        }
    }
}

/// What is told of a record, if anything.
fn told(entry: &Entry) -> Option<Bytes> {
    #[derive(Deserialize)]
    struct Leaf {
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        code: String,
        approval: Option<Change>,
        // Of a use it is the id alone.
        #[serde(default)]
        emergency: Value,
    }
    /// The change of an approval.
    #[derive(Deserialize)]
    struct Change {
        id: ApprovalId,
        state: ApprovalState,
        version: u64,
    }
    let Data {
        code,
        approval,
        emergency,
    } = serde_json::from_slice::<Leaf>(&entry.leaf).ok()?.data;
    if let Some(change) = approval {
        let change = (&change.id, change.state, change.version);
        return Some(event(entry.index, change));
    }
    let became = EventKind::ALL.iter().find(|kind| kind.code() == code);
    let became = match became? {
        EventKind::EmergencyOpened => "opened",
        EventKind::EmergencyReviewed => "reviewed",
        EventKind::EmergencyDisputed => "disputed",
        EventKind::EmergencyEnded => "ended",
        _ => return None,
    };
    let id: EmergencyId = emergency["id"].as_str()?.parse().ok()?;
    let data = json!({"id": id, "became": became});
    let index = entry.index;
    Some(format!("event: emergency\nid: {index}\ndata: {data}\n\n").into())
}

fn event(id: u64, (approval, state, version): (&ApprovalId, ApprovalState, u64)) -> Bytes {
    let data = json!({"id": approval, "state": state, "version": version});
    format!("event: approval\nid: {id}\ndata: {data}\n\n").into()
}

/// Waits until the client has room; one that has gone is noticed elsewhere.
async fn say(sender: &Sender<Bytes>, text: Bytes) {
    let _ = sender.send(text).await;
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, StreamError> {
    let Some(value) = headers.get("last-event-id") else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    text.parse().map(Some).map_err(|_| StreamError::LastEventId)
}

/// A place among the streams, given back when it is dropped.
struct Place {
    person: Arc<str>,
    _permit: SemaphorePermit<'static>,
}

impl Place {
    fn take(person: Arc<str>) -> Result<Place, StreamError> {
        let permit = PLACES.try_acquire().map_err(|_| StreamError::TooMany)?;
        let mut each = EACH.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = each.entry(person.clone()).or_default();
        if *taken >= MOST_EACH {
            return Err(StreamError::TooMany);
        }
        *taken += 1;
        Ok(Place {
            person,
            _permit: permit,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut each = EACH.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = each.get_mut(&self.person) {
            *taken -= 1;
            if *taken == 0 {
                each.remove(&self.person);
            }
        }
    }
}

/// Answers with what `follow` says, until it returns or the client leaves.
fn respond<F>(follow: impl FnOnce(Sender<Bytes>) -> F) -> Response
where
    F: Future<Output = Result<(), StoreError>> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(16);
    let followed = follow(sender);
    tokio::spawn(async move {
        // The client comes back by itself, with the id of what it saw last.
        if let Err(error) = followed.await {
            tracing::warn!(%error, "a stream of changes has ended");
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, Body::new(Lines(receiver))).into_response()
}

struct Lines(Receiver<Bytes>);

impl http_body::Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let line = self.0.poll_recv(context);
        line.map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{MOST_EACH, Place, StreamError};
    use crate::testing::Service;

    /// Reads events until there are so many: each its id and its data.
    async fn read(response: &mut reqwest::Response, count: usize) -> Vec<(u64, Value)> {
        let mut text = String::new();
        let reading = async {
            loop {
                let events: Vec<_> = text.split("\n\n").filter_map(parse).collect();
                if events.len() >= count {
                    return events;
                }
                let chunk = response.chunk().await.unwrap().expect("it goes on");
                text += std::str::from_utf8(&chunk).unwrap();
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(10), reading)
            .await
            .expect("the events come")
    }

    fn parse(event: &str) -> Option<(u64, Value)> {
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
        let data = serde_json::from_str(field("data: ")?).unwrap();
        Some((field("id: ")?.parse().unwrap(), data))
    }

    async fn follow(service: &Service, path: &str, seen: Option<u64>) -> reqwest::Response {
        let request = service.request("GET", path);
        let mut request = request.bearer_auth(service.reviewer("grace"));
        if let Some(seen) = seen {
            request = request.header("last-event-id", seen.to_string());
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        response
    }

    #[tokio::test]
    async fn the_changes_of_one_approval_come_as_events() {
        let service = Service::start().await;
        let id = service.pending(&service.ask(1)).await;
        let path = format!("/v1/approvals/{id}/events");
        let mut stream = follow(&service, &path, None).await;
        let first = read(&mut stream, 1).await;
        assert_eq!(
            first,
            [(1, json!({"id": id, "state": "pending", "version": 1}))]
        );
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
        let second = read(&mut stream, 1).await;
        assert_eq!(
            second,
            [(2, json!({"id": id, "state": "approved", "version": 2}))]
        );
        // Who comes back with what they saw gets only what is new.
        let mut back = follow(&service, &path, Some(2)).await;
        let check = service.ask(1);
        service.verified(&check, &service.check(&check).await);
        let third = read(&mut back, 1).await;
        assert_eq!(
            third,
            [(3, json!({"id": id, "state": "used", "version": 3}))]
        );
        let (status, _) = service.get("grace", "/v1/approvals/nothing/events").await;
        assert_eq!(status, 404);
    }

    #[tokio::test]
    async fn the_changes_of_all_approvals_come_and_none_is_missed_in_between() {
        let service = Service::start().await;
        let before = service.pending(&service.ask(1)).await;
        let mut stream = follow(&service, "/v1/approvals/events", None).await;
        let id = service.pending(&service.ask(2)).await;
        assert_eq!(service.deny("grace", &id, json!({})).await.0, 200);
        let events = read(&mut stream, 2).await;
        let data: Vec<_> = events.iter().map(|(_, data)| data.clone()).collect();
        assert_eq!(
            data,
            [
                json!({"id": id, "state": "pending", "version": 1}),
                json!({"id": id, "state": "denied", "version": 2}),
            ]
        );
        drop(stream);
        assert_eq!(service.deny("grace", &before, json!({})).await.0, 200);
        let mut back = follow(&service, "/v1/approvals/events", Some(events[0].0)).await;
        let missed = read(&mut back, 2).await;
        let ids: Vec<_> = missed.iter().map(|(_, data)| data["id"].clone()).collect();
        assert_eq!(ids, [json!(id), json!(before)]);
        let request = service.request("GET", "/v1/approvals/events");
        let request = request.bearer_auth(service.reviewer("grace"));
        let (status, _) = crate::testing::reply(request.header("last-event-id", "x")).await;
        assert_eq!(status, 400);
    }

    #[test]
    fn nobody_takes_all_the_places() {
        let take = || Place::take("one that follows a great deal".into());
        let mut taken: Vec<Place> = (0..MOST_EACH).map(|_| take().ok().unwrap()).collect();
        assert!(matches!(take(), Err(StreamError::TooMany)));
        assert!(Place::take("another".into()).is_ok());
        taken.pop();
        assert!(take().is_ok());
    }

    #[tokio::test]
    async fn streams_end_when_the_service_shuts_down() {
        let service = Service::start().await;
        let mut stream = follow(&service, "/v1/approvals/events", Some(0)).await;
        let stopping = std::time::Instant::now();
        let (_, rest) = tokio::join!(service.stop(), async {
            while let Ok(Some(_)) = stream.chunk().await {}
        });
        let () = rest;
        assert!(stopping.elapsed() < std::time::Duration::from_secs(5));
    }
}
