//! The service that delivers, in one server at a time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use parados_parameter::Clock;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::administration::Webhooks;
use super::deliver::{Sender, outcome_of};
use super::lease::Lease;
use super::queue::Queue;
use super::table::{Delivery, DeliveryState};
use super::{Webhook, WebhookError, WebhookId};
use crate::metrics::Reading;

/// Deliveries to one webhook at once.
const AT_ONCE: usize = 8;
/// How often what is old is forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(600);

/// How webhooks are delivered to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookOptions {
    /// How long a delivery is tried before it becomes a dead letter.
    pub max_age: Duration,
    /// How long it is at most until a change by another server, a webhook that was made, or a time to try again is noticed.
    pub poll_every: Duration,
    /// How long a server may be silent before another one delivers in its place. Longer than a delivery may take.
    pub lease: Duration,
    /// How long what was delivered can be listed.
    pub keep_delivered: Duration,
    /// How long dead letters are kept.
    pub keep_dead: Duration,
}

impl Default for WebhookOptions {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(86_400);
        Self {
            max_age: DAY,
            poll_every: Duration::from_secs(1),
            lease: Duration::from_secs(30),
            keep_delivered: DAY,
            keep_dead: Duration::from_secs(14 * 86_400),
        }
    }
}

/// What the service has to tell of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WebhookStatus {
    /// Whether this server is the one that delivers.
    pub delivers: bool,
    /// Deliveries that wait; counted by the one that delivers.
    pub waiting: i64,
    /// Dead letters; counted by the one that delivers.
    pub dead: i64,
    /// Deliveries that were taken.
    pub delivered: i64,
    /// Attempts that failed.
    pub failed_attempts: i64,
    /// Times that changes were forgotten before they were read.
    pub gaps: i64,
}

/// Delivers until it is closed.
#[derive(Debug)]
pub struct WebhookService {
    shared: Arc<Shared>,
    task: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    webhooks: Webhooks,
    clock: Arc<dyn Clock>,
    options: WebhookOptions,
    stop: watch::Sender<bool>,
    delivers: AtomicBool,
    waiting: AtomicI64,
    dead: AtomicI64,
    delivered: AtomicI64,
    failed_attempts: AtomicI64,
    gaps: AtomicI64,
}

/// One webhook's task.
#[derive(Debug)]
struct Worker {
    webhook: Webhook,
    more: Arc<Notify>,
    task: JoinHandle<()>,
}

impl WebhookService {
    /// Begins. Another server that delivers goes on until it ends.
    pub fn start(webhooks: Webhooks, clock: Arc<dyn Clock>, options: WebhookOptions) -> Self {
        let shared = Arc::new(Shared {
            webhooks,
            clock,
            options,
            stop: watch::Sender::new(false),
            delivers: AtomicBool::new(false),
            waiting: AtomicI64::new(0),
            dead: AtomicI64::new(0),
            delivered: AtomicI64::new(0),
            failed_attempts: AtomicI64::new(0),
            gaps: AtomicI64::new(0),
        });
        let task = tokio::spawn(Leader::new(shared.clone()).run());
        Self { shared, task: Mutex::new(Some(task)) }
    }

    /// Begins no delivery any more, lets those under way end, and lets another server go on.
    pub async fn close(&self) {
        self.shared.stop.send_replace(true);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "webhooks ended in a way that they must not");
        }
    }

    /// What is measured of it.
    pub fn readings(self: &Arc<Self>) -> Vec<Reading> {
        #[expect(clippy::cast_precision_loss, reason = "metrics are floating point")]
        let reading = |name, help, is_counter, of: fn(WebhookStatus) -> i64| {
            let service = self.clone();
            Reading { name, help, is_counter, read: Box::new(move || of(service.status()) as f64) }
        };
        vec![
            reading("parados_webhook_delivers", "Whether this server is the one that delivers", false, |is| {
                is.delivers.into()
            }),
            reading("parados_webhook_waiting", "Deliveries that wait; 0 where another server delivers", false, |is| {
                is.waiting
            }),
            reading("parados_webhook_dead", "Dead letters; 0 where another server delivers", false, |is| is.dead),
            reading("parados_webhook_delivered", "Deliveries that were taken", true, |is| is.delivered),
            reading("parados_webhook_failed_attempts", "Attempts to deliver that failed", true, |is| {
                is.failed_attempts
            }),
            reading("parados_webhook_gaps", "Times that changes were forgotten before they were told", true, |is| {
                is.gaps
            }),
        ]
    }

    /// What it has to tell of itself.
    pub fn status(&self) -> WebhookStatus {
        let shared = &self.shared;
        WebhookStatus {
            delivers: shared.delivers.load(Ordering::Relaxed),
            waiting: shared.waiting.load(Ordering::Relaxed),
            dead: shared.dead.load(Ordering::Relaxed),
            delivered: shared.delivered.load(Ordering::Relaxed),
            failed_attempts: shared.failed_attempts.load(Ordering::Relaxed),
            gaps: shared.gaps.load(Ordering::Relaxed),
        }
    }
}

/// The task that holds the lease, fills the queue and has a worker for each webhook.
struct Leader {
    shared: Arc<Shared>,
    lease: Lease,
    queue: Queue,
    workers: HashMap<WebhookId, Worker>,
    /// Until when nobody else delivers.
    held_until: Option<Instant>,
    forgotten_at: Option<Instant>,
    is_failing: bool,
}

impl Leader {
    fn new(shared: Arc<Shared>) -> Self {
        let webhooks = &shared.webhooks;
        let lease = Lease::new(webhooks.table.state(), "webhook");
        let queue = Queue { database: webhooks.database.clone(), table: webhooks.table.clone() };
        Self { shared, lease, queue, workers: HashMap::new(), held_until: None, forgotten_at: None, is_failing: false }
    }

    async fn run(mut self) {
        let options = self.shared.options;
        let mut stop = self.shared.stop.subscribe();
        let mut watch = self.shared.webhooks.database.watch(options.poll_every);
        while !*stop.borrow() {
            match self.turn().await {
                Ok(()) => {
                    if std::mem::take(&mut self.is_failing) {
                        tracing::warn!("webhooks are delivered to again");
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.is_failing, true) {
                        tracing::error!(%error, "webhooks cannot be delivered to; it is tried again");
                    }
                }
            }
            if self.held_until.is_some_and(|until| until <= Instant::now()) {
                self.resign();
            }
            tokio::select! {
                _ = stop.changed() => {}
                // One that lags, or ended, is as good as the time.
                Ok(_) = watch.changed.recv() => {}
                () = tokio::time::sleep(options.poll_every) => {}
            }
        }
        for (_, worker) in self.workers.drain() {
            worker.more.notify_one();
            // It sees that it has to stop, and ends what it began.
            let _ = worker.task.await;
        }
        if self.held_until.is_some()
            && let Err(error) = self.lease.release().await
        {
            tracing::warn!(%error, "the lease of webhooks is not given back; another server waits until it is over");
        }
    }

    /// Holds the lease, and looks what is new.
    async fn turn(&mut self) -> Result<(), WebhookError> {
        let options = self.shared.options;
        let is_fresh = self.held_until.is_some_and(|until| until > Instant::now() + options.lease / 2);
        if !is_fresh {
            let asked_at = Instant::now();
            match self.lease.hold(options.lease).await? {
                // Given up a little before it is over by the database's clock.
                true => self.held_until = Some(asked_at + options.lease * 3 / 4),
                false => {
                    self.resign();
                    return Ok(());
                }
            }
        }
        self.shared.delivers.store(true, Ordering::Relaxed);
        let now = self.shared.clock.now();
        while self.fill(now).await? {}
        self.forget(now).await?;
        let (waiting, dead) = self.shared.webhooks.table.backlog().await?;
        self.shared.waiting.store(waiting, Ordering::Relaxed);
        self.shared.dead.store(dead, Ordering::Relaxed);
        Ok(())
    }

    /// Makes deliveries of the next changes; whether there may be more.
    async fn fill(&mut self, now: Timestamp) -> Result<bool, WebhookError> {
        let webhooks = self.shared.webhooks.list().await?;
        self.employ(&webhooks, now).await;
        let filled = self.queue.fill(&webhooks, now).await?;
        if filled.is_behind_a_gap {
            self.shared.gaps.fetch_add(1, Ordering::Relaxed);
            tracing::error!("changes were forgotten before webhooks could be told of them; each is sent a gap event");
        }
        if filled.deliveries > 0 {
            self.workers.values().for_each(|worker| worker.more.notify_one());
        }
        Ok(filled.is_more)
    }

    /// A worker for each webhook, and none for what is none any more.
    async fn employ(&mut self, webhooks: &[Webhook], now: Timestamp) {
        self.workers.retain(|id, worker| {
            let stays = webhooks.iter().any(|webhook| webhook.id == *id && is_same(webhook, &worker.webhook, now));
            if !stays || worker.task.is_finished() {
                worker.task.abort();
            }
            stays && !worker.task.is_finished()
        });
        for webhook in webhooks {
            if self.workers.contains_key(&webhook.id) {
                continue;
            }
            match self.shared.webhooks.sender(webhook, now).await {
                Ok(sender) => {
                    let more = Arc::new(Notify::new());
                    let task = tokio::spawn(work(self.shared.clone(), webhook.id.clone(), sender, more.clone()));
                    let mut webhook = webhook.clone();
                    if webhook.rotating_until.is_some_and(|until| until <= now) {
                        webhook.previous_secret = None;
                    }
                    self.workers.insert(webhook.id.clone(), Worker { webhook, more, task });
                }
                Err(error) => tracing::error!(webhook = %webhook.id, %error, "a webhook cannot be delivered to"),
            }
        }
    }

    /// Lets go of everything: another server delivers, or will.
    fn resign(&mut self) {
        self.held_until = None;
        self.shared.delivers.store(false, Ordering::Relaxed);
        for (_, worker) in self.workers.drain() {
            worker.task.abort();
        }
    }

    async fn forget(&mut self, now: Timestamp) -> Result<(), WebhookError> {
        if self.forgotten_at.is_some_and(|at| at.elapsed() < FORGET_EVERY) {
            return Ok(());
        }
        self.forgotten_at = Some(Instant::now());
        let before = |age: Duration| {
            SignedDuration::try_from(age).ok().and_then(|age| now.checked_sub(age).ok()).unwrap_or(Timestamp::MIN)
        };
        let options = self.shared.options;
        Ok(self.shared.webhooks.table.forget(before(options.keep_delivered), before(options.keep_dead)).await?)
    }
}

/// Whether deliveries to the two go to the same address and are signed with the same secrets.
fn is_same(webhook: &Webhook, known: &Webhook, now: Timestamp) -> bool {
    let is_over = webhook.rotating_until.is_some_and(|until| until <= now);
    let previous = webhook.previous_secret.as_ref().filter(|_| !is_over);
    webhook.url == known.url && webhook.secret == known.secret && previous == known.previous_secret.as_ref()
}

/// Delivers what is due to one webhook, until the service stops.
async fn work(shared: Arc<Shared>, id: WebhookId, sender: Sender, more: Arc<Notify>) {
    let stop = shared.stop.subscribe();
    let limit = u32::try_from(AT_ONCE).unwrap_or(1) * 4;
    while !*stop.borrow() {
        let due = match shared.webhooks.table.due(&id, shared.clock.now(), limit).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(webhook = %id, %error, "what is due cannot be read; it is tried again");
                Vec::new()
            }
        };
        if due.is_empty() {
            // A time to try again is noticed by looking.
            let _ = timeout(shared.options.poll_every, more.notified()).await;
            continue;
        }
        let attempts = due.into_iter().map(|delivery| attempt(&shared, &sender, delivery));
        futures::stream::iter(attempts).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    }
}

/// Tries one delivery, and writes down what came of it. Where that cannot be written it is tried again: at least once.
async fn attempt(shared: &Shared, sender: &Sender, delivery: Delivery) {
    if *shared.stop.borrow() {
        return;
    }
    let now = shared.clock.now();
    let attempt = sender.send(&delivery.event, delivery.body.clone(), delivery.attempts + 1, now).await;
    let now = shared.clock.now();
    let outcome = outcome_of(&delivery, &attempt, now, shared.options.max_age);
    match outcome.state {
        DeliveryState::Delivered => shared.delivered.fetch_add(1, Ordering::Relaxed),
        _ => shared.failed_attempts.fetch_add(1, Ordering::Relaxed),
    };
    if outcome.state == DeliveryState::Dead {
        let (webhook, event) = (&delivery.webhook, &delivery.event);
        tracing::error!(%webhook, event, error = outcome.error, "a delivery is a dead letter");
    }
    if let Err(error) = shared.webhooks.table.tried(&delivery, &outcome, now).await {
        tracing::warn!(webhook = %delivery.webhook, %error, "what came of a delivery cannot be written down; it is tried again");
    }
}
