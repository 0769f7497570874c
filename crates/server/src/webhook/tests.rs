//! Webhooks over a database and a receiver that are real.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use parados_parameter::{Clock, Description, ParameterName, PutRequest, Secret};
use parados_store::{EmbeddedStore, InitOptions, ParameterDatabase, SqliteDatabase, SqliteDatabaseOptions};
use serde_json::Value;
use tokio::sync::mpsc;

use super::*;
use crate::state::ServerState;

const CANARY: &str = "HUNTER2CANARY";

/// A clock that is two seconds on each time that it is asked, so that nobody waits for a time to try again.
#[derive(Debug, Default)]
struct HastyClock(AtomicI64);

impl Clock for HastyClock {
    fn now(&self) -> Timestamp {
        let start: Timestamp = "2026-11-24T15:00:00Z".parse().unwrap();
        Timestamp::from_second(start.as_second() + 2 * self.0.fetch_add(1, Ordering::SeqCst)).unwrap()
    }
}

/// A store, and the server's own tables.
struct Place {
    _folder: tempfile::TempDir,
    database: Arc<dyn ParameterDatabase>,
    state: ServerState,
    clock: Arc<HastyClock>,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("store");
        EmbeddedStore::init(&InitOptions::new(&directory)).await.unwrap();
        let clock = Arc::new(HastyClock::default());
        let options =
            SqliteDatabaseOptions { directory: directory.clone(), key_management: None, clock: clock.clone() };
        let database: Arc<dyn ParameterDatabase> = Arc::new(SqliteDatabase::open(options).await.unwrap());
        Self { _folder: folder, database, state: ServerState::open(&directory).await.unwrap(), clock }
    }

    async fn webhooks(&self) -> Webhooks {
        let destinations = DestinationOptions {
            allow_private: true,
            timeout: Duration::from_secs(60),
            ..DestinationOptions::default()
        };
        Webhooks::open(&self.state, self.database.clone(), destinations).await.unwrap()
    }

    async fn add(&self, url: &str, filter: WebhookFilter) -> (WebhookId, WebhookSecret) {
        let new = NewWebhook { url: url.to_owned(), filter };
        let (webhook, secret) = self.webhooks().await.add(new, self.clock.now()).await.unwrap();
        (webhook.id, secret)
    }

    async fn service(&self) -> WebhookService {
        let options = WebhookOptions { poll_every: Duration::from_millis(5), ..WebhookOptions::default() };
        WebhookService::start(self.webhooks().await, self.clock.clone(), options)
    }

    async fn put(&self, name: &str) {
        let at = AccountRegion::new("123456789012", "eu-west-1").unwrap();
        let mut request = PutRequest::new(ParameterName::parse(name).unwrap(), Secret::from(CANARY.to_owned()));
        request.overwrite = true;
        request.description = Description::parse("what it is for").ok();
        self.database.store(&at, "arn:aws:iam::123456789012:user/deploy").put(&request).await.unwrap();
    }
}

/// What a receiver got.
#[derive(Clone, Debug)]
struct Received {
    event: String,
    signature: String,
    attempt: String,
    body: String,
}

impl Received {
    /// The name and the version.
    fn what(&self) -> (String, i64) {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        (
            body["detail"]["name"].as_str().unwrap_or_default().to_owned(),
            body["detail"]["version"].as_i64().unwrap_or(0),
        )
    }
}

type Answers = Arc<dyn Fn(&Received) -> Option<StatusCode> + Send + Sync>;

/// A receiver: tells what it got, and answers what `answers` says, or never.
async fn receiver(
    answers: impl Fn(&Received) -> Option<StatusCode> + Send + Sync + 'static,
) -> (String, mpsc::UnboundedReceiver<Received>) {
    async fn take(
        State((tell, answers)): State<(mpsc::UnboundedSender<Received>, Answers)>,
        headers: HeaderMap,
        body: Bytes,
    ) -> StatusCode {
        let header = |name: &str| headers[name].to_str().unwrap().to_owned();
        let received = Received {
            event: header("parados-event-id"),
            signature: header(SIGNATURE_HEADER),
            attempt: header("parados-delivery-attempt"),
            body: String::from_utf8(body.to_vec()).unwrap(),
        };
        let answer = answers(&received);
        // A test that has seen enough takes no more.
        let _ = tell.send(received);
        match answer {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }
    let (tell, told) = mpsc::unbounded_channel();
    let answers: Answers = Arc::new(answers);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let router = Router::new().fallback(take).with_state((tell, answers));
    tokio::spawn(axum::serve(listener, router).into_future());
    (url, told)
}

fn all() -> WebhookFilter {
    WebhookFilter::default()
}

#[tokio::test]
async fn a_change_is_told_signed_and_without_its_value() {
    let place = Place::new().await;
    let (url, mut told) = receiver(|_| Some(StatusCode::NO_CONTENT)).await;
    place.put("/before").await;
    let (id, secret) = place.add(&url, all()).await;
    let service = place.service().await;
    place.put("/shop/db").await;
    let received = told.recv().await.unwrap();
    assert_eq!((received.what(), received.attempt.as_str()), (("/shop/db".to_owned(), 1), "1"));
    let body: Value = serde_json::from_str(&received.body).unwrap();
    assert_eq!(body["id"], received.event);
    assert_eq!(body["detail"]["description"], "what it is for");
    assert!(!received.body.contains(CANARY), "{}", received.body);
    let at = received.signature.strip_prefix("t=").unwrap().split(',').next().unwrap().parse().unwrap();
    assert_eq!(received.signature, signature_of([secret.expose().as_bytes()], at, received.body.as_bytes()));
    service.close().await;
    let delivered = place.webhooks().await.deliveries(Some(&id), None, 10).await.unwrap();
    assert_eq!(delivered.len(), 1);
    assert_eq!((delivered[0].state, delivered[0].status), (DeliveryState::Delivered, Some(204)));
}

#[tokio::test]
async fn each_parameter_is_told_in_order_and_one_that_is_not_taken_stops_no_other() {
    let place = Place::new().await;
    let seen = Mutex::new(BTreeSet::new());
    // Each event of /a is refused twice.
    let (url, mut told) = receiver(move |received| {
        let is_new = seen.lock().unwrap().insert((received.event.clone(), received.attempt.clone()));
        let refuse = received.what().0 == "/a" && received.attempt.parse::<u32>().unwrap() < 3;
        assert!(is_new, "an attempt has a number of its own");
        Some(if refuse { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK })
    })
    .await;
    place.add(&url, all()).await;
    for name in ["/a", "/a", "/b", "/a", "/b", "/b"] {
        place.put(name).await;
    }
    let service = place.service().await;
    let (mut a, mut b) = (Vec::new(), Vec::new());
    while a.len() < 9 || b.len() < 3 {
        let received = told.recv().await.unwrap();
        let (name, version) = received.what();
        if name == "/a" { a.push((version, received.attempt)) } else { b.push(version) }
    }
    let expected: Vec<_> =
        (1..=3).flat_map(|version| (1..=3).map(move |attempt| (version, attempt.to_string()))).collect();
    assert_eq!((a, b), (expected, vec![1, 2, 3]));
    service.close().await;
}

#[tokio::test]
async fn a_receiver_that_never_answers_stops_no_other() {
    let place = Place::new().await;
    let (slow, mut slow_told) = receiver(|_| None).await;
    let (fast, mut fast_told) = receiver(|_| Some(StatusCode::OK)).await;
    place.add(&slow, all()).await;
    place.add(&fast, all()).await;
    let service = place.service().await;
    for number in 0..20 {
        place.put(&format!("/{number}")).await;
    }
    slow_told.recv().await.unwrap();
    for _ in 0..20 {
        fast_told.recv().await.unwrap();
    }
    assert!(service.status().delivers);
}

#[tokio::test]
async fn what_was_under_way_when_a_server_died_is_told_again() {
    let place = Place::new().await;
    let first = std::sync::atomic::AtomicBool::new(true);
    let (url, mut told) = receiver(move |_| (!first.swap(false, Ordering::SeqCst)).then_some(StatusCode::OK)).await;
    place.add(&url, all()).await;
    // A runtime of its own, which ends without a farewell.
    let dying = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (webhooks, clock) = (place.webhooks().await, place.clock.clone());
    let options = WebhookOptions {
        poll_every: Duration::from_millis(5),
        lease: Duration::from_millis(200),
        ..WebhookOptions::default()
    };
    dying.spawn(async move {
        let service = WebhookService::start(webhooks, clock, options);
        std::future::pending::<()>().await;
        drop(service);
    });
    place.put("/a").await;
    let once = told.recv().await.unwrap();
    dying.shutdown_background();
    let service = place.service().await;
    let again = told.recv().await.unwrap();
    assert_eq!((once.event, once.body), (again.event, again.body));
    service.close().await;
}

#[tokio::test]
async fn of_two_servers_one_delivers_and_the_other_goes_on_when_it_ends() {
    let place = Place::new().await;
    let (url, mut told) = receiver(|_| Some(StatusCode::OK)).await;
    place.add(&url, all()).await;
    let first = place.service().await;
    place.put("/0").await;
    let mut events = vec![told.recv().await.unwrap().event];
    let second = place.service().await;
    for number in 1..=20 {
        place.put(&format!("/{number}")).await;
        events.push(told.recv().await.unwrap().event);
    }
    assert!(first.status().delivers && !second.status().delivers);
    first.close().await;
    place.put("/after").await;
    events.push(told.recv().await.unwrap().event);
    assert_eq!(events.iter().collect::<BTreeSet<_>>().len(), 22, "each once: {events:?}");
    second.close().await;
    assert!(told.try_recv().is_err());
}

#[tokio::test]
async fn what_is_not_taken_in_time_is_a_dead_letter_and_can_be_sent_again() {
    let place = Place::new().await;
    let takes = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let answers = takes.clone();
    let (url, mut told) = receiver(move |_| {
        Some(if answers.load(Ordering::SeqCst) { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR })
    })
    .await;
    let (id, _) = place.add(&url, all()).await;
    place.put("/a").await;
    let options = WebhookOptions {
        poll_every: Duration::from_millis(5),
        max_age: Duration::from_secs(60),
        ..WebhookOptions::default()
    };
    let webhooks = place.webhooks().await;
    let service = WebhookService::start(webhooks.clone(), place.clock.clone(), options);
    let dead = loop {
        let dead = webhooks.deliveries(Some(&id), Some(DeliveryState::Dead), 10).await.unwrap();
        if !dead.is_empty() {
            break dead;
        }
    };
    assert!(dead[0].attempts > 1, "{dead:?}");
    assert_eq!(
        (dead[0].status, dead[0].error.as_deref()),
        (Some(500), Some("the answer was 500 Internal Server Error"))
    );
    takes.store(true, Ordering::SeqCst);
    while told.try_recv().is_ok() {}
    assert_eq!(webhooks.resend(&id, Some("another"), place.clock.now()).await.unwrap(), 0);
    assert_eq!(webhooks.resend(&id, None, place.clock.now()).await.unwrap(), 1);
    let again = told.recv().await.unwrap();
    assert_eq!((again.event, again.attempt.as_str()), (dead[0].event.clone(), "1"));
    service.close().await;
}

#[tokio::test]
async fn while_a_secret_is_rotated_both_sign() {
    let place = Place::new().await;
    let (url, mut told) = receiver(|_| Some(StatusCode::OK)).await;
    let (id, old) = place.add(&url, all()).await;
    let webhooks = place.webhooks().await;
    let new = webhooks.rotate(&id, Duration::from_secs(86_400), place.clock.now()).await.unwrap();
    let attempt = webhooks.test(&id, place.clock.now()).await.unwrap();
    assert_eq!((attempt.status, attempt.error), (Some(200), None));
    let test = told.recv().await.unwrap();
    let at = test.signature.strip_prefix("t=").unwrap().split(',').next().unwrap().parse().unwrap();
    let both = [new.expose().as_bytes(), old.expose().as_bytes()];
    assert_eq!(test.signature, signature_of(both, at, test.body.as_bytes()));
    // When the time is over, the new one alone.
    let later = place.clock.now() + jiff::SignedDuration::from_hours(25);
    webhooks.test(&id, later).await.unwrap();
    let test = told.recv().await.unwrap();
    assert_eq!(test.signature, signature_of([new.expose().as_bytes()], later.as_second(), test.body.as_bytes()));
}

#[tokio::test]
async fn only_what_is_asked_for_is_told_and_nothing_to_what_was_removed() {
    let place = Place::new().await;
    let (url, mut told) = receiver(|_| Some(StatusCode::OK)).await;
    let filter = WebhookFilter {
        paths: vec!["/shop".to_owned()],
        kinds: vec![ChangeKind::Create],
        place: Some("123456789012/eu-west-1".to_owned()),
    };
    let (id, _) = place.add(&url, filter).await;
    let elsewhere = WebhookFilter { place: Some("123456789012/us-east-1".to_owned()), ..all() };
    let (other, _) = place.add(&url, elsewhere).await;
    let (removed, _) = place.add(&url, all()).await;
    let webhooks = place.webhooks().await;
    webhooks.remove(&removed).await.unwrap();
    assert!(matches!(webhooks.remove(&removed).await, Err(WebhookError::NotFound(_))));
    let ids: Vec<_> = webhooks.list().await.unwrap().into_iter().map(|webhook| webhook.id).collect();
    assert_eq!(ids, [id, other]);
    let service = place.service().await;
    for name in ["/shop/a", "/shop/a", "/shopping", "/other", "/shop/b"] {
        place.put(name).await;
    }
    assert_eq!(told.recv().await.unwrap().what().0, "/shop/a");
    assert_eq!(told.recv().await.unwrap().what().0, "/shop/b");
    service.close().await;
    assert!(told.try_recv().is_err());
}

#[tokio::test]
async fn a_secret_is_not_in_the_database_in_the_clear() {
    let place = Place::new().await;
    let (_, secret) = place.add("https://example.com/hook", all()).await;
    let folder = place._folder.path().join("store");
    for file in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let found = bytes.windows(secret.expose().len()).any(|window| window == secret.expose().as_bytes());
        assert!(!found);
    }
    assert!(!format!("{secret:?}").contains(&secret.expose()[6..]));
}
