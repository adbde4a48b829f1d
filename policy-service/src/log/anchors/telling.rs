//! Tells each anchor the latest head, again and again until it has it.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::standing::News;
use super::{Anchor, Anchors, Fault, Lead, Offer, Place};
use crate::http::App;
use crate::random;
use crate::store::{Anchored, Operation, StoreError, Transaction};

/// How long telling one anchor may take in all.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How long it waits after a failure, twice as long after each more.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long it waits even where somebody waits for it.
const LEAST_PAUSE: Duration = Duration::from_millis(300);

/// What an anchor has now.
pub(super) struct Told {
    pub(super) size: u64,
    /// The head: of a witness as it has cosigned it.
    pub(super) note: Option<String>,
}

/// Tells all of them until the service shuts down.
pub(crate) async fn run(app: App) {
    let anchors = &app.parts().log.anchors;
    if anchors.all.is_empty() {
        return;
    }
    if let Ok(open) = app.store().open_log().await
        && let Err(error) = anchors.follow(&app, &open).await
    {
        tracing::warn!(%error, "what anchors have is not known");
    }
    let mut tasks = JoinSet::new();
    for anchor in &anchors.all {
        tasks.spawn(keep(app.clone(), anchor.clone()));
    }
    // Whoever stops the service has the store to themselves then.
    while tasks.join_next().await.is_some() {}
}

/// Keeps one anchor up to the head, until the service shuts down.
async fn keep(app: App, anchor: Arc<Anchor>) {
    let anchors = &app.parts().log.anchors;
    let mut lead = anchors.lead.subscribe();
    let mut failures = 0_u32;
    loop {
        let now = *lead.borrow_and_update();
        if !now.is_here || !anchor.state().lacks(now) {
            tokio::select! {
                () = app.closing() => return,
                // The sender lives as long as this.
                _ = lead.changed() => continue,
            }
        }
        anchor.state().begin(app.now());
        let told = tokio::select! {
            () = app.closing() => return,
            told = timeout(PATIENCE, tell(&app, &anchor)) => told.unwrap_or(Err(Fault::Late)),
        };
        match told {
            Ok(noted) => {
                failures = 0;
                report(&app, anchors, &anchor);
                write(&app, noted).await;
            }
            Err(fault) => {
                note(&app, &anchor, fault);
                report(&app, anchors, &anchor);
                tokio::select! {
                    () = app.closing() => return,
                    () = urged(anchors) => {}
                    () = pause(&app, failures) => failures = failures.saturating_add(1),
                }
            }
        }
    }
}

/// Tells it the head that there is now; what it has then is to be noted.
async fn tell(app: &App, anchor: &Anchor) -> Result<Note, Fault> {
    // What is signed now is not kept waiting for it; the next head tries again.
    if let Some(offer) = Offer::left_over(app, anchor).await?
        && let Ok(told) = anchor.place.tell(app, anchor, &offer).await
    {
        write(app, noted(app, anchor, &offer, told)).await;
    }
    let offer = Offer::latest(app).await?.ok_or(Fault::Store)?;
    let told = anchor.place.tell(app, anchor, &offer).await?;
    anchor.state().took(&offer.log, told.size, app.now());
    app.parts().log.anchors.count();
    Ok(noted(app, anchor, &offer, told))
}

fn noted(app: &App, anchor: &Anchor, offer: &Offer, told: Told) -> Note {
    Note {
        log: offer.log.number,
        anchored: Anchored {
            name: anchor.name.clone(),
            size: told.size,
            at: app.now(),
            note: told.note,
        },
        is_over: anchor.state().is_doubted,
    }
}

/// Whoever waits has it by now. Should this fail, the next one stands for it.
async fn write(app: &App, noted: Note) {
    let anchor = noted.anchored.name.clone();
    if let Err(error) = app.store().write(noted).await {
        tracing::warn!(anchor, %error, "what an anchor has could not be noted");
    }
}

impl Place {
    pub(super) async fn tell(
        &self,
        app: &App,
        anchor: &Anchor,
        offer: &Offer,
    ) -> Result<Told, Fault> {
        let known = anchor.state().size_of(offer.log.number);
        let is_known = anchor.state().has_had(offer.log.number);
        match self {
            Place::File(heads) => heads.tell(app, anchor, offer, is_known).await,
            Place::Webhook(webhook) => webhook.tell(app, offer).await,
            Place::Witness(witness) => witness.tell(app, anchor, offer, known).await,
        }
    }
}

/// One that contradicts this log stops the service, as its fence does.
fn note(app: &App, anchor: &Anchor, fault: Fault) {
    let before = anchor
        .state()
        .standing(Lead::default(), app.now(), "")
        .fault;
    anchor.state().failed(fault, app.now());
    let is_new = before.is_none_or(|(before, _)| before != fault);
    match fault {
        Fault::Contradicts => {
            app.store().freeze();
            tracing::error!(
                anchor = anchor.name,
                "an anchor has more than this log, or another history of it: nothing more is decided \
                 or released. See docs/audit.md"
            );
        }
        _ if is_new => {
            let fault = fault.name();
            tracing::warn!(
                anchor = anchor.name,
                fault,
                "an anchor does not have the head"
            );
        }
        _ => {}
    }
}

/// Tells operators of one that is late, and when it is back.
fn report(app: &App, anchors: &Anchors, anchor: &Anchor) {
    match anchor.state().news(app.now(), anchors.alert) {
        Some(News::Late) => tracing::error!(
            anchor = anchor.name,
            "an anchor has not had the audit log's head for longer than audit.anchor_alert"
        ),
        Some(News::Back) => tracing::info!(anchor = anchor.name, "an anchor has the head again"),
        None => {}
    }
}

/// Until a better moment.
async fn pause(app: &App, failures: u32) {
    let pause = (FIRST_PAUSE * 2_u32.pow(failures.min(16))).min(LONGEST_PAUSE);
    // Not all of them, and not all services, at the same moment.
    let [random] = random::bytes(&*app.parts().random).unwrap_or([0]);
    sleep(pause.mul_f64(0.8 + f64::from(random) / 640.0)).await;
}

/// Until somebody waits, but not at once.
async fn urged(anchors: &Anchors) {
    sleep(LEAST_PAUSE).await;
    anchors.urgent.notified().await;
}

/// Notes what an anchor has.
struct Note {
    log: u64,
    anchored: Anchored,
    /// Whether it is written over what stands there, which is not believed.
    is_over: bool,
}

impl Operation for Note {
    type Output = ();
    type Error = StoreError;

    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        transaction
            .set_anchored(self.log, &self.anchored, self.is_over)
            .await
    }
}
