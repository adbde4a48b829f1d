//! A hot restart of Envoy: another process takes the listeners over, and the old one ends when its
//! time is over.

mod held;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;
use velum_end_to_end::stage::{
    AGENT, PERSON, REVIEWER, Setup, Stage, assert_masked, figure, patient, problem, text,
};
use velum_harness::{Call, Envoy, Framing, Received, Reply, ResponseStream, Step};

/// `--drain-time-s` and `--parent-shutdown-time-s`: by when the old process has closed each
/// connection with an answer, and when it ends, both from when the new one listens.
const DRAIN: Duration = Duration::from_secs(2);
const SHUTDOWN: Duration = Duration::from_secs(13);

/// An installation with room for many approvals, and an Envoy of two workers that can be restarted
/// hot.
async fn stage(handler: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Stage {
    let mut setup = Setup::new(handler);
    let limits = "asks_per_minute = 100000\npending_per_principal = 1000\n\
                  pending_per_action = 1000\napprovals_per_minute = 0\n";
    setup.service = format!("[limits]\n{limits}");
    let (mut stage, mut options) = setup.start_with_options().await;
    options.concurrency = 2;
    let options = options.hot_restart(DRAIN, SHUTDOWN);
    stage.envoy = Envoy::start(options).await.expect("Envoy");
    stage
}

/// The new process takes over; the old one is given back.
async fn take_over(stage: &mut Stage) -> Envoy {
    let next = stage.envoy.hot_restart().await.expect("the next Envoy");
    std::mem::replace(&mut stage.envoy, next)
}

/// Waits until the old process has ended by itself, and says when.
async fn ended(mut old: Envoy) -> Instant {
    let end = old.wait_for_end(2 * SHUTDOWN).await;
    end.expect("the old Envoy ends");
    Instant::now()
}

/// A patient of the number in the path, whose name has it too.
fn numbered(request: &Received) -> Reply {
    let number = request.path.trim_start_matches("/Patient/");
    let mut document = patient();
    document["name"][0]["family"] = json!(format!("Thistlewood-{number}"));
    Reply::json(&document)
}

/// Reads on, each time over a new connection, until it is told to stop; says how often.
async fn read_anew(call: Call, stop: Arc<AtomicBool>) -> u64 {
    let mut reads = 0;
    while !stop.load(Ordering::Relaxed) {
        let answer = call.clone().send().await.expect("an answer");
        assert!(answer.status == 200 && answer.complete, "{}", answer.text());
        assert_masked(&answer.text());
        reads += 1;
        sleep(Duration::from_millis(5)).await;
    }
    reads
}

/// The same over a connection that is kept until Envoy says that it closes it.
async fn read_on(address: SocketAddr, token: String, stop: Arc<AtomicBool>) -> u64 {
    let request = format!(
        "GET /Patient/1 HTTP/1.1\r\nhost: fhir.example\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    let mut reads = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut socket = TcpStream::connect(address).await.expect("a connection");
        let mut answer = String::new();
        while !answer.contains("connection: close\r\n") && !stop.load(Ordering::Relaxed) {
            answer.clear();
            socket.write_all(request.as_bytes()).await.expect("written");
            while !answer.ends_with("\r\n0\r\n\r\n") {
                let mut bytes = [0; 4096];
                let count = socket.read(&mut bytes).await.expect("an answer");
                assert!(count > 0, "cut: {answer}");
                answer.push_str(std::str::from_utf8(&bytes[..count]).expect("text"));
            }
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
            assert_masked(&answer);
            reads += 1;
            sleep(Duration::from_millis(5)).await;
        }
    }
    reads
}

/// The sum of Envoy's counters of masked requests.
async fn counted(stage: &Stage) -> u64 {
    let stats = stage.envoy.admin("/stats").await.expect("statistics");
    let lines = stats.lines().filter_map(|line| line.rsplit_once(": "));
    let masked = lines.filter(|(name, _)| {
        name.contains("velum_requests_total") && name.contains(".outcome.masked.")
    });
    masked
        .filter_map(|(_, count)| count.parse::<u64>().ok())
        .sum()
}

/// What the workers have reported, and the sum of it.
async fn reported(stage: &Stage) -> (Vec<Value>, u64) {
    let events = stage.reviewer(REVIEWER).get("/v1/events").await;
    let workers = &events.expect("the events").body["workers"];
    let workers = workers.as_array().expect("workers").clone();
    let requests = workers
        .iter()
        .filter_map(|worker| worker["requests"].as_u64());
    let sum = requests.sum();
    (workers, sum)
}

#[tokio::test]
async fn who_reads_through_a_hot_restart_gets_masked_answers_only_and_all_of_them_are_told() {
    let mut stage = stage(numbered).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for _ in 0..3 {
        let call = stage.agent("GET", "/Patient/1");
        readers.spawn(read_anew(call, Arc::clone(&stop)));
        let token = stage.jwt.agent(AGENT, PERSON);
        readers.spawn(read_on(stage.envoy.address(), token, Arc::clone(&stop)));
    }
    sleep(Duration::from_secs(1)).await;
    let old = take_over(&mut stage).await;
    ended(old).await;
    sleep(Duration::from_secs(1)).await;
    stop.store(true, Ordering::Relaxed);
    let reads: u64 = readers.join_all().await.into_iter().sum();

    // The old workers had the time to tell of what they did, and Envoy hands on what it counted.
    let patience = Instant::now() + Duration::from_secs(20);
    while (reported(&stage).await.1, counted(&stage).await) != (reads, reads) {
        let said = (reported(&stage).await, counted(&stage).await);
        assert!(Instant::now() < patience, "{reads} reads, {said:?}");
        sleep(Duration::from_millis(200)).await;
    }
    let (workers, _) = reported(&stage).await;
    assert!(workers.len() > 2, "each process has workers of its own");
    for worker in &workers {
        assert_eq!(
            (&worker["missing"], &worker["lost"]),
            (&json!(0), &json!(0))
        );
    }
    figure(
        "who_reads_through_a_hot_restart_gets_masked_answers_only_and_all_of_them_are_told",
        &format!(
            "{reads} reads, all masked, none failed, and all told by {} workers",
            workers.len()
        ),
    );
}

/// A file of two lines; the second comes when it is told to.
struct File {
    path: String,
    second: Arc<Notify>,
}

impl File {
    fn new(name: &str) -> Self {
        let path = format!("/bulk/{name}.ndjson");
        let second = Arc::default();
        Self { path, second }
    }

    fn reply(&self) -> Reply {
        let line = format!("{}\n", patient()).into_bytes();
        let second = Step::Until(Arc::clone(&self.second));
        let steps = [Step::Data(line.clone()), second, Step::Data(line)];
        Reply::new(200)
            .header("content-type", "application/fhir+ndjson")
            .script(Framing::Chunked, steps)
    }

    /// It is being released: its first line is there, in clear.
    async fn released(&self, stage: &Stage) -> (ResponseStream, String) {
        let asking = tokio::spawn(stage.ask(&self.path, "name", 30).stream());
        let id = text(&stage.pending().await["id"]);
        let approved = stage.reviewer(REVIEWER).approve(&id, None).await;
        assert_eq!(approved.expect("approve").status, 200);
        let mut stream = asking.await.expect("a task").expect("an answer");
        let mut first = Vec::new();
        while !first.ends_with(b"\n") {
            first.extend(stream.next().await.expect("the first line"));
        }
        assert!(String::from_utf8_lossy(&first).contains("Thistlewood"));
        (stream, id)
    }
}

/// What else there is of a body, and whether that was all.
async fn rest(mut stream: ResponseStream) -> (String, bool) {
    let mut rest = Vec::new();
    while let Some(chunk) = stream.next().await {
        rest.extend(chunk);
    }
    (String::from_utf8(rest).expect("text"), stream.complete)
}

/// The only use of this approval's grant.
async fn one_use(stage: &Stage, id: &str) -> Value {
    let card = stage.reviewer(REVIEWER).show(id).await.expect("a card");
    assert_eq!(card.body["uses"].as_array().map(Vec::len), Some(1));
    card.body["uses"][0].clone()
}

/// Waits until the gateway has said how this release ended.
async fn outcome(stage: &Stage, id: &str) -> String {
    let patience = Instant::now() + Duration::from_secs(5);
    loop {
        let told = one_use(stage, id).await;
        if told["reported"] == "reported" {
            return text(&told["outcome"]["end"]);
        }
        assert!(Instant::now() < patience, "{told}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_response_that_is_lifted_goes_on_in_the_old_envoy_and_is_cut_when_that_ends() {
    let files = Arc::new(["kept", "revoked", "cut"].map(File::new));
    let served = Arc::clone(&files);
    let mut stage = stage(move |request| {
        let file = served.iter().find(|file| file.path == request.path);
        file.expect("a file").reply()
    })
    .await;
    let [kept, revoked, cut] = &*files;
    let (kept_stream, kept_id) = kept.released(&stage).await;
    let (revoked_stream, revoked_id) = revoked.released(&stage).await;
    let (cut_stream, cut_id) = cut.released(&stage).await;
    let mut old = take_over(&mut stage).await;

    // The old process has its lease, and hears of what is taken back.
    let path = format!("/v1/approvals/{revoked_id}/revoke");
    let answer = stage.reviewer(REVIEWER).post(&path, &json!({})).await;
    assert_eq!(answer.expect("an answer").status, 200);
    sleep(DRAIN).await;
    kept.second.notify_one();
    revoked.second.notify_one();
    let (line, is_whole) = rest(kept_stream).await;
    assert!(is_whole && line.contains("Thistlewood"), "{line}");
    let (line, is_whole) = rest(revoked_stream).await;
    assert!(is_whole && !line.contains("Thistlewood"), "{line}");
    serde_json::from_str::<Value>(&line).expect("still JSON");
    assert_eq!(outcome(&stage, &kept_id).await, "complete");
    assert_eq!(outcome(&stage, &revoked_id).await, "stopped");
    assert!(old.is_running(), "all of this was its work");

    let begun = Instant::now();
    let nothing = rest(cut_stream).await;
    assert_eq!(nothing, (String::new(), false));
    assert!(begun.elapsed() < 2 * SHUTDOWN);
    ended(old).await;
    // It told nobody how that ended: a use without outcome, and not among what workers lost.
    let told = one_use(&stage, &cut_id).await;
    assert_eq!(
        (&told["outcome"], &told["reported"]),
        (&Value::Null, &json!("awaited"))
    );
    let lost = stage.envoy.stat("wasmcustom.velum_events_lost_total").await;
    assert_eq!(lost.expect("statistics"), Some(0));
    // What has been released is not released again.
    let again = stage.ask(&cut.path, "name", 1).send().await;
    let again = again.expect("an answer");
    assert_eq!(problem(&again), (403, "approval-required".into()));
    assert_masked(&again.text());
}
