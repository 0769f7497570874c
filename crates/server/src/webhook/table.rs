//! The tables of webhooks and their deliveries.

use jiff::Timestamp;
use sqlx::Row as _;

use super::event::Event;
use super::{Webhook, WebhookError, WebhookId};
use crate::state::{Component, ServerState, StateError, on_pool};
use parados_store::ChangeCursor;

/// `subject` orders: of the deliveries of one webhook with the same one, the first that waits comes first.
pub(super) const COMPONENT: Component = Component {
    name: "webhook",
    steps: &[&[
        "CREATE TABLE server_webhook (
            id TEXT NOT NULL PRIMARY KEY,
            url TEXT NOT NULL,
            filter TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            cursor TEXT NOT NULL,
            secret BLOB NOT NULL,
            previous_secret BLOB,
            rotating_until INTEGER
        ) STRICT",
        "CREATE TABLE server_webhook_delivery (
            webhook TEXT NOT NULL REFERENCES server_webhook (id) ON DELETE CASCADE,
            event TEXT NOT NULL,
            sequence INTEGER NOT NULL,
            subject TEXT NOT NULL,
            body TEXT NOT NULL,
            state TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            attempts INTEGER NOT NULL,
            next_at INTEGER NOT NULL,
            changed_at INTEGER NOT NULL,
            status INTEGER,
            error TEXT,
            PRIMARY KEY (webhook, event)
        ) STRICT",
        "CREATE INDEX server_webhook_delivery_state ON server_webhook_delivery (webhook, state, subject, sequence)",
        "CREATE TABLE server_lease (
            name TEXT NOT NULL PRIMARY KEY,
            holder TEXT NOT NULL,
            until INTEGER NOT NULL
        ) STRICT",
    ]],
};

/// What has become of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryState {
    /// It waits, for the first time or for another attempt.
    Waiting,
    /// It was taken.
    Delivered,
    /// It is a dead letter: nobody tries any more.
    Dead,
}

impl DeliveryState {
    /// It in text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    fn read(text: &str) -> Option<Self> {
        [Self::Waiting, Self::Delivered, Self::Dead].into_iter().find(|state| state.as_str() == text)
    }
}

/// An event on its way to a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Where to.
    pub webhook: WebhookId,
    /// The event's id: the same at each attempt.
    pub event: String,
    /// Its place in the order of this webhook's deliveries.
    pub sequence: i64,
    /// The account, the Region and the parameter.
    pub subject: String,
    /// The JSON.
    pub body: String,
    /// What has become of it.
    pub state: DeliveryState,
    /// When it became one.
    pub created_at: Timestamp,
    /// How often it was tried.
    pub attempts: i64,
    /// When it is tried next.
    pub next_at: Timestamp,
    /// The status of the last answer.
    pub status: Option<i64>,
    /// Why the last attempt failed.
    pub error: Option<String>,
}

/// What an attempt makes of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) state: DeliveryState,
    pub(super) next_at: Timestamp,
    pub(super) status: Option<i64>,
    pub(super) error: Option<String>,
}

const DELIVERY: &str =
    "SELECT webhook, event, sequence, subject, body, state, created_at, attempts, next_at, status, error
    FROM server_webhook_delivery";

/// The tables, in either engine.
#[derive(Clone, Debug)]
pub(super) struct WebhookTable {
    state: ServerState,
}

/// Reads a row of a webhook.
macro_rules! webhook {
    ($row:expr) => {{
        let row = $row;
        read_webhook(StoredWebhook {
            id: row.try_get(0)?,
            url: row.try_get(1)?,
            filter: row.try_get(2)?,
            created_at: row.try_get(3)?,
            cursor: row.try_get(4)?,
            secret: row.try_get(5)?,
            previous_secret: row.try_get(6)?,
            rotating_until: row.try_get(7)?,
        })
    }};
}

/// Reads a row of a delivery.
macro_rules! delivery {
    ($row:expr) => {{
        let row = $row;
        let (webhook, state): (String, String) = (row.try_get(0)?, row.try_get(5)?);
        Delivery {
            webhook: WebhookId(webhook),
            event: row.try_get(1)?,
            sequence: row.try_get(2)?,
            subject: row.try_get(3)?,
            body: row.try_get(4)?,
            state: DeliveryState::read(&state).unwrap_or(DeliveryState::Dead),
            created_at: time(row.try_get(6)?),
            attempts: row.try_get(7)?,
            next_at: time(row.try_get(8)?),
            status: row.try_get(9)?,
            error: row.try_get(10)?,
        }
    }};
}

struct StoredWebhook {
    id: String,
    url: String,
    filter: String,
    created_at: i64,
    cursor: String,
    secret: Vec<u8>,
    previous_secret: Option<Vec<u8>>,
    rotating_until: Option<i64>,
}

fn read_webhook(stored: StoredWebhook) -> Result<Webhook, WebhookError> {
    let damaged = |what| WebhookError::Damaged { id: stored.id.clone(), what };
    Ok(Webhook {
        filter: serde_json::from_str(&stored.filter).map_err(|_| damaged("filter"))?,
        cursor: serde_json::from_str(&stored.cursor).map_err(|_| damaged("cursor"))?,
        created_at: time(stored.created_at),
        rotating_until: stored.rotating_until.map(time),
        id: WebhookId(stored.id),
        url: stored.url,
        secret: stored.secret,
        previous_secret: stored.previous_secret,
    })
}

fn time(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}

fn text(cursor: &ChangeCursor) -> String {
    serde_json::to_string(cursor).expect("numbers")
}

impl WebhookTable {
    /// Opens them, and makes them where they are missing.
    pub(super) async fn open(state: &ServerState) -> Result<Self, StateError> {
        COMPONENT.migrate(state).await?;
        Ok(Self { state: state.clone() })
    }

    /// The webhooks, oldest first.
    pub(super) async fn webhooks(&self) -> Result<Vec<Webhook>, WebhookError> {
        let read: Result<Result<Vec<_>, WebhookError>, sqlx::Error> = async {
            on_pool!(&self.state, pool => {
                let rows = sqlx::query(
                    "SELECT id, url, filter, created_at, cursor, secret, previous_secret, rotating_until
                     FROM server_webhook ORDER BY created_at, id",
                );
                let rows = rows.fetch_all(pool).await?;
                let mut webhooks = Vec::new();
                for row in &rows {
                    webhooks.push(webhook!(row));
                }
                Ok(webhooks.into_iter().collect())
            })
        }
        .await;
        read.map_err(StateError::database("read the webhooks"))?
    }

    /// Adds one.
    pub(super) async fn add(&self, webhook: &Webhook) -> Result<(), StateError> {
        let filter = serde_json::to_string(&webhook.filter).expect("texts");
        on_pool!(&self.state, pool => {
            sqlx::query(
                "INSERT INTO server_webhook (id, url, filter, created_at, cursor, secret) VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(webhook.id.as_str())
            .bind(webhook.url.as_str())
            .bind(filter)
            .bind(webhook.created_at.as_millisecond())
            .bind(text(&webhook.cursor))
            .bind(webhook.secret.as_slice())
            .execute(pool)
            .await
            .map(drop)
        })
        .map_err(StateError::database("add a webhook"))
    }

    /// Takes one away, with its deliveries; false where there is none.
    pub(super) async fn remove(&self, id: &WebhookId) -> Result<bool, StateError> {
        on_pool!(&self.state, pool => {
            let query = sqlx::query("DELETE FROM server_webhook WHERE id = $1").bind(id.as_str());
            query.execute(pool).await.map(|done| done.rows_affected() == 1)
        })
        .map_err(StateError::database("remove a webhook"))
    }

    /// Puts a new secret in the place of the one that is there, which stays beside it until `until`; false where there is no such webhook.
    pub(super) async fn rotate(&self, id: &WebhookId, secret: &[u8], until: Timestamp) -> Result<bool, StateError> {
        on_pool!(&self.state, pool => {
            let query = sqlx::query(
                "UPDATE server_webhook SET previous_secret = secret, secret = $2, rotating_until = $3 WHERE id = $1",
            );
            let query = query.bind(id.as_str()).bind(secret).bind(until.as_millisecond());
            query.execute(pool).await.map(|done| done.rows_affected() == 1)
        })
        .map_err(StateError::database("rotate the secret of a webhook"))
    }

    /// Adds deliveries to a webhook and moves it on from one cursor to another, both or neither; false where it is not at `from` any more.
    pub(super) async fn enqueue(
        &self,
        webhook: &WebhookId,
        (from, to): (&ChangeCursor, &ChangeCursor),
        events: &[Event],
        now: Timestamp,
    ) -> Result<bool, StateError> {
        let done: Result<bool, sqlx::Error> = async {
            on_pool!(&self.state, pool => {
                let mut transaction = pool.begin().await?;
                // Written first, so that nobody comes between.
                let moved = sqlx::query("UPDATE server_webhook SET cursor = $3 WHERE id = $1 AND cursor = $2")
                    .bind(webhook.as_str())
                    .bind(text(from))
                    .bind(text(to))
                    .execute(&mut *transaction)
                    .await?;
                if moved.rows_affected() == 0 {
                    return Ok(false);
                }
                for event in events {
                    sqlx::query(
                        "INSERT INTO server_webhook_delivery
                         (webhook, event, sequence, subject, body, state, created_at, attempts, next_at, changed_at)
                         VALUES ($1, $2, (SELECT COALESCE(MAX(sequence), 0) FROM server_webhook_delivery WHERE webhook = $1) + 1,
                                 $3, $4, 'waiting', $5, 0, $5, $5)
                         ON CONFLICT DO NOTHING",
                    )
                    .bind(webhook.as_str())
                    .bind(event.id.as_str())
                    .bind(event.subject.as_str())
                    .bind(event.body.as_str())
                    .bind(now.as_millisecond())
                    .execute(&mut *transaction)
                    .await?;
                }
                transaction.commit().await?;
                Ok(true)
            })
        }
        .await;
        done.map_err(StateError::database("add deliveries to a webhook"))
    }

    /// At most `limit` deliveries that are due by `now`, none of which has an earlier one of its subject that waits.
    pub(super) async fn due(
        &self,
        webhook: &WebhookId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Delivery>, StateError> {
        let sql = format!(
            "{DELIVERY} AS one WHERE webhook = $1 AND state = 'waiting' AND next_at <= $2 AND NOT EXISTS (
                SELECT 1 FROM server_webhook_delivery AS before WHERE before.webhook = one.webhook
                AND before.state = 'waiting' AND before.subject = one.subject AND before.sequence < one.sequence
            ) ORDER BY sequence LIMIT $3"
        );
        let sql = sqlx::AssertSqlSafe(sql);
        let read: Result<Vec<Delivery>, sqlx::Error> = async {
            on_pool!(&self.state, pool => {
                let query = sqlx::query(sql).bind(webhook.as_str()).bind(now.as_millisecond()).bind(i64::from(limit));
                let rows = query.fetch_all(pool).await?;
                let mut found = Vec::new();
                for row in &rows {
                    found.push(delivery!(row));
                }
                Ok(found)
            })
        }
        .await;
        read.map_err(StateError::database("look for deliveries that are due"))
    }

    /// The newest `limit` deliveries of a webhook, or of all; those in `state`, or in any. Newest first.
    pub(super) async fn deliveries(
        &self,
        webhook: Option<&WebhookId>,
        state: Option<DeliveryState>,
        limit: u32,
    ) -> Result<Vec<Delivery>, StateError> {
        let sql = format!(
            "{DELIVERY} WHERE ($1 = '' OR webhook = $1) AND ($2 = '' OR state = $2)
             ORDER BY created_at DESC, sequence DESC LIMIT $3"
        );
        let sql = sqlx::AssertSqlSafe(sql);
        let read: Result<Vec<Delivery>, sqlx::Error> = async {
            on_pool!(&self.state, pool => {
                let query = sqlx::query(sql)
                    .bind(webhook.map_or("", WebhookId::as_str))
                    .bind(state.map_or("", DeliveryState::as_str))
                    .bind(i64::from(limit));
                let rows = query.fetch_all(pool).await?;
                let mut found = Vec::new();
                for row in &rows {
                    found.push(delivery!(row));
                }
                Ok(found)
            })
        }
        .await;
        read.map_err(StateError::database("list deliveries"))
    }

    /// Writes down what an attempt made of a delivery.
    pub(super) async fn tried(&self, delivery: &Delivery, outcome: &Outcome, now: Timestamp) -> Result<(), StateError> {
        on_pool!(&self.state, pool => {
            sqlx::query(
                "UPDATE server_webhook_delivery
                 SET state = $3, attempts = attempts + 1, next_at = $4, status = $5, error = $6, changed_at = $7
                 WHERE webhook = $1 AND event = $2",
            )
            .bind(delivery.webhook.as_str())
            .bind(delivery.event.as_str())
            .bind(outcome.state.as_str())
            .bind(outcome.next_at.as_millisecond())
            .bind(outcome.status)
            .bind(outcome.error.as_deref())
            .bind(now.as_millisecond())
            .execute(pool)
            .await
            .map(drop)
        })
        .map_err(StateError::database("write down a delivery"))
    }

    /// Lets dead letters wait again, as if they were new: one event's, or all of the webhook; gives how many.
    pub(super) async fn resend(
        &self,
        webhook: &WebhookId,
        event: Option<&str>,
        now: Timestamp,
    ) -> Result<u64, StateError> {
        on_pool!(&self.state, pool => {
            sqlx::query(
                "UPDATE server_webhook_delivery
                 SET state = 'waiting', attempts = 0, created_at = $3, next_at = $3, changed_at = $3
                 WHERE webhook = $1 AND ($2 = '' OR event = $2) AND state = 'dead'",
            )
            .bind(webhook.as_str())
            .bind(event.unwrap_or_default())
            .bind(now.as_millisecond())
            .execute(pool)
            .await
            .map(|done| done.rows_affected())
        })
        .map_err(StateError::database("send dead letters again"))
    }

    /// Forgets what was delivered before one time, and dead letters from before another.
    pub(super) async fn forget(&self, delivered: Timestamp, dead: Timestamp) -> Result<(), StateError> {
        on_pool!(&self.state, pool => {
            sqlx::query(
                "DELETE FROM server_webhook_delivery WHERE sequence <
                 (SELECT MAX(sequence) FROM server_webhook_delivery AS newest WHERE newest.webhook = server_webhook_delivery.webhook)
                 AND ((state = 'delivered' AND changed_at < $1) OR (state = 'dead' AND changed_at < $2))",
            )
            .bind(delivered.as_millisecond())
            .bind(dead.as_millisecond())
            .execute(pool)
            .await
            .map(drop)
        })
        .map_err(StateError::database("forget old deliveries"))
    }

    /// How many deliveries wait, and how many are dead letters.
    pub(super) async fn backlog(&self) -> Result<(i64, i64), StateError> {
        let read: Result<(i64, i64), sqlx::Error> = async {
            on_pool!(&self.state, pool => {
                let query = sqlx::query(
                    "SELECT COUNT(CASE WHEN state = 'waiting' THEN 1 END), COUNT(CASE WHEN state = 'dead' THEN 1 END)
                     FROM server_webhook_delivery WHERE state <> 'delivered'",
                );
                let row = query.fetch_one(pool).await?;
                Ok((row.try_get(0)?, row.try_get(1)?))
            })
        }
        .await;
        read.map_err(StateError::database("count deliveries"))
    }

    /// The database.
    pub(super) fn state(&self) -> &ServerState {
        &self.state
    }
}
