//! Tells each endpoint what it was not told yet, in the order of the log.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;
use velum_approval::Timestamp;

use super::endpoint::{Endpoint, Failure};
use super::event::Event;
use crate::http::App;
use crate::random;
use crate::store::{BeginWebhook, MoveWebhook, StoreError};

/// How long to wait after each attempt that has failed; after one more the event is given up.
const PAUSES: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];
/// How often it is looked whether it is time for the next attempt.
const WATCH: Duration = Duration::from_millis(250);
/// How often it is looked whether there is more, where this process has not written it.
const LOOK: Duration = Duration::from_secs(1);
/// How long to wait after the store has failed.
const RELIEF: Duration = Duration::from_secs(5);
/// How many records are read at a time.
const PAGE: u32 = 64;
/// How many records that concern nobody are passed over before that is noted.
const PASSED: u64 = 1024;
/// How long an attempt goes on when the service shuts down.
const LAST: Duration = Duration::from_secs(1);

/// How far an endpoint is.
struct Place {
    /// As the store has it.
    noted: u64,
    /// The index of the next record.
    next: u64,
    /// Whether it was told something that is not noted.
    is_due: bool,
    /// How many attempts at the next record have failed.
    failures: usize,
}

/// What is to be done next.
enum Then {
    /// Look for more at once.
    On,
    /// Nothing, until something is written.
    Rest,
    /// Nothing, until this moment.
    Wait(Timestamp),
    /// Nothing any more.
    End,
}

/// Takes up the endpoints that are new: they are told what happens from now on.
///
/// # Errors
/// When the store cannot be written; one that has lost records is not, and they are taken up later.
pub(crate) async fn begin(app: &App) -> Result<(), StoreError> {
    for endpoint in &app.parts().webhooks.all {
        if !app.store().is_frozen() && app.store().webhook(&endpoint.name).await?.is_none() {
            app.store()
                .write(BeginWebhook(endpoint.name.clone()))
                .await?;
        }
    }
    Ok(())
}

/// Tells all of them until the service shuts down.
pub(crate) async fn run(app: App) {
    let mut tasks = JoinSet::new();
    for endpoint in &app.parts().webhooks.all {
        tasks.spawn(keep(app.clone(), endpoint.clone()));
    }
    while tasks.join_next().await.is_some() {}
}

async fn keep(app: App, endpoint: Arc<Endpoint>) {
    let mut changes = app.store().changes();
    let mut has_failed = false;
    let mut place = None;
    loop {
        if !is_due_here(&app) {
            // Whoever tells it meanwhile notes how far it is.
            place = None;
            endpoint.change(|standing| standing.next = None);
            tokio::select! {
                () = app.closing() => return,
                () = due_here(&app) => {}
            }
        }
        changes.mark_unchanged();
        let turned = turn(&app, &endpoint, &mut place).await;
        if let Err(error) = &turned
            && !has_failed
        {
            tracing::warn!(webhook = endpoint.name, %error, "what there is to tell cannot be read or noted");
        }
        has_failed = turned.is_err();
        let pause = async {
            match turned {
                Ok(Then::On) => {}
                Ok(Then::Rest) => {
                    // An error says that the store is gone; the service closes then.
                    let _ = tokio::time::timeout(LOOK, changes.changed()).await;
                }
                Ok(Then::Wait(until)) => {
                    while app.now() < until && is_due_here(&app) {
                        sleep(WATCH).await;
                    }
                }
                Ok(Then::End) => std::future::pending().await,
                Err(_) => sleep(RELIEF).await,
            }
        };
        tokio::select! {
            () = app.closing() => return,
            () = pause => {}
        }
        if app.is_closing() {
            return;
        }
    }
}

/// Whether it is for this service to tell, of all that share the store.
fn is_due_here(app: &App) -> bool {
    app.parts().log.is_kept_here() && !app.store().is_frozen()
}

async fn due_here(app: &App) {
    loop {
        app.parts().log.kept_here().await;
        if is_due_here(app) {
            return;
        }
        sleep(LOOK).await;
    }
}

/// Tells what there is, as far as it is taken.
async fn turn(
    app: &App,
    endpoint: &Endpoint,
    place: &mut Option<Place>,
) -> Result<Then, StoreError> {
    let Some(here) = place else {
        let Some(noted) = app.store().webhook(&endpoint.name).await? else {
            begin(app).await?;
            return Ok(Then::On);
        };
        endpoint.change(|standing| standing.next = Some(noted));
        *place = Some(Place {
            noted,
            next: noted,
            is_due: false,
            failures: 0,
        });
        return Ok(Then::On);
    };
    if (here.is_due || here.next - here.noted >= PASSED) && !note(app, endpoint, here).await? {
        // Another service was here.
        *place = None;
        return Ok(Then::On);
    }
    let entries = app.store().entries(here.next, PAGE).await?;
    if entries.is_empty() {
        return Ok(Then::Rest);
    }
    for entry in entries {
        if let Some(event) = Event::of(&entry.leaf) {
            if app.is_closing() {
                return Ok(Then::End);
            }
            match attempt(app, endpoint, &event).await? {
                None => return Ok(Then::End),
                Some(Ok(())) => delivered(endpoint, here),
                Some(Err(Failure::Gone)) => {
                    failed(endpoint, here, Failure::Gone);
                    tracing::error!(
                        webhook = endpoint.name,
                        "an endpoint answered that it is gone: it is told nothing more before a restart"
                    );
                    return Ok(Then::End);
                }
                Some(Err(failure)) => {
                    failed(endpoint, here, failure);
                    if let Some(pause) = PAUSES.get(here.failures - 1) {
                        return Ok(Then::Wait(app.now().after(spread(app, *pause))));
                    }
                    given_up(endpoint);
                }
            }
            here.is_due = true;
        }
        here.failures = 0;
        here.next = entry.index + 1;
        endpoint.change(|standing| standing.next = Some(here.next));
        if here.is_due && !note(app, endpoint, here).await? {
            *place = None;
            return Ok(Then::On);
        }
    }
    Ok(Then::On)
}

/// `None`: the service shuts down.
async fn attempt(
    app: &App,
    endpoint: &Endpoint,
    event: &Event,
) -> Result<Option<Result<(), Failure>>, StoreError> {
    let parts = app.parts();
    let action = match &event.approval {
        Some(approval) => app.store().action_of(approval).await?,
        None => None,
    };
    let inbox = parts.webhooks.inbox.as_deref();
    let body = event.body(action.as_deref(), inbox, &parts.text_rules);
    let last = async {
        app.closing().await;
        sleep(LAST).await;
    };
    Ok(tokio::select! {
        sent = endpoint.send(&event.id, &body, app.now()) => Some(sent),
        () = last => None,
    })
}

fn delivered(endpoint: &Endpoint, place: &Place) {
    let was = endpoint.change(|standing| {
        standing.delivered += 1;
        standing.failure.take()
    });
    if was.is_some() || place.failures > 0 {
        tracing::info!(webhook = endpoint.name, "an endpoint takes events again");
    }
}

fn failed(endpoint: &Endpoint, place: &mut Place, failure: Failure) {
    place.failures += 1;
    let before = endpoint.change(|standing| {
        standing.failed += 1;
        standing.failure.replace(failure)
    });
    if before != Some(failure) {
        let failure = failure.name();
        tracing::warn!(
            webhook = endpoint.name,
            failure,
            "an endpoint did not take an event"
        );
    }
}

fn given_up(endpoint: &Endpoint) {
    endpoint.change(|standing| standing.given_up += 1);
    tracing::error!(
        webhook = endpoint.name,
        "an endpoint did not take an event for days: it is never told it"
    );
}

/// Notes how far the endpoint is; tells whether nobody else has.
async fn note(app: &App, endpoint: &Endpoint, place: &mut Place) -> Result<bool, StoreError> {
    let step = MoveWebhook {
        name: endpoint.name.clone(),
        from: place.noted,
        to: place.next,
    };
    let is_noted = app.store().write(step).await?;
    if is_noted {
        place.noted = place.next;
        place.is_due = false;
    }
    Ok(is_noted)
}

/// Not all of them at the same moment.
fn spread(app: &App, pause: Duration) -> Duration {
    let [random] = random::bytes(&*app.parts().random).unwrap_or([0]);
    pause.mul_f64(1.0 + f64::from(random) / 1280.0)
}
