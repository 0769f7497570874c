//! Who watches is told what changed: by this process at once, by others when the record of changes is looked at.
//!
//! A process that wrote says so on a channel of PostgreSQL (NOTIFY), and who watches listens (LISTEN) and looks at once. That is a hint:
//! it may be lost, and what is promised holds by looking alone. It is not sent in the write's own transaction, because PostgreSQL commits
//! transactions that notify one after the other, each with a sync of its own.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parados_parameter::{AccountRegion, ParameterName};
use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgListener, PgPool};
use tokio::sync::{Notify, broadcast};
use tokio::time::Instant;

use super::connection::{acquire, within};
use crate::change::ChangeWatch;
use crate::failure::Failure;

/// What a receiver may lag behind.
const LAG: usize = 4096;
/// Changes that are told one by one; of more at once it is said that anything may have changed.
const NAMED: usize = 1000;
/// Before anything was looked at.
const NEVER: i64 = -(1 << 40);
/// The least time between two looks, however often somebody notifies.
const LOOKS: Duration = Duration::from_millis(5);
/// How long it is waited before a listener that failed is made again.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);
const CHANNEL: &str = "parados_change";

/// A notification needs no place on the disk: it is sent again with the next write.
const SEND: &str = "BEGIN; SET LOCAL synchronous_commit = off; NOTIFY parados_change; COMMIT";

/// `$1` is a transaction's id. One row at least: the oldest transaction that runs, and the newest change that was forgotten; then what
/// changed in that transaction and behind it, as far as it is committed. All of it is of one moment.
const LOOK: &str = "SELECT s.oldest, s.forgotten, c.transaction::text::bigint, c.number, c.account, c.region, c.name \
     FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest, \
     forgotten_transaction::text::bigint AS forgotten FROM store) s \
     LEFT JOIN LATERAL (SELECT * FROM change WHERE transaction >= $1::text::xid8 LIMIT $2) c ON true";

#[cfg(test)]
pub(super) const QUERIES: &[(&str, &str)] = &[(LOOK, "text, bigint")];

type Changed = Option<(AccountRegion, ParameterName)>;

/// What is told to those who watch.
#[derive(Debug)]
pub(super) struct Feed {
    sender: broadcast::Sender<Changed>,
    /// That this process wrote.
    wrote: Notify,
    opened: Instant,
}

impl Feed {
    /// Nobody watches yet.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { sender: broadcast::channel(LAG).0, wrote: Notify::new(), opened: Instant::now() })
    }

    /// Milliseconds since it was made.
    pub(super) fn elapsed(&self) -> i64 {
        i64::try_from(self.opened.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Tells what this process wrote, or may have.
    pub(super) fn announce(&self, at: &AccountRegion, name: &ParameterName) {
        self.send(Some((at.clone(), name.clone())));
        self.wrote.notify_one();
    }

    /// Watches, looking at the record of changes in every `every`.
    pub(super) fn watch(self: &Arc<Self>, pool: &PgPool, every: Duration) -> ChangeWatch {
        let seen_until = Arc::new(AtomicI64::new(NEVER));
        let watch = ChangeWatch { changed: self.sender.subscribe(), seen_until_milliseconds: seen_until.clone() };
        let looker = Looker { feed: Arc::downgrade(self), seen_until: Arc::downgrade(&seen_until), pool: pool.clone() };
        tokio::spawn(looker.run(every));
        watch
    }

    fn send(&self, changed: Changed) {
        // It fails when nobody watches.
        drop(self.sender.send(changed));
    }
}

/// Tells other processes that this one wrote, again and again, until the feed is gone.
pub(super) async fn notify(feed: Weak<Feed>, pool: PgPool) {
    while let Some(feed) = feed.upgrade() {
        // The feed is kept no longer than until its database is closed: then the pool is, too.
        tokio::select! {
            () = feed.wrote.notified() => {}
            _ = pool.close_event() => return,
        }
        drop(feed);
        let sent = async {
            let mut free = acquire(&pool).await?;
            let sent = sqlx::raw_sql(SEND).execute(&mut *free).await.map(drop).map_err(Failure::from);
            free.ended(&sent);
            sent
        };
        // One that was not sent is made up for by looking.
        drop(within(sent).await);
    }
}

/// Looks at the record of changes for one watch.
struct Looker {
    feed: Weak<Feed>,
    seen_until: Weak<AtomicI64>,
    pool: PgPool,
}

/// What was told already.
#[derive(Debug, Default)]
struct Told {
    /// Everything of transactions before this one was told, or is of before the watch.
    floor: Option<i64>,
    /// What was told of that transaction and those behind it.
    beyond: BTreeSet<(i64, i64)>,
}

impl Looker {
    /// Looks again and again, until the watch or the database is gone.
    async fn run(self, every: Duration) {
        let heard = Arc::new(Notify::new());
        let listening = tokio::spawn(listen(self.pool.clone(), Arc::downgrade(&heard)));
        let mut told = Told::default();
        loop {
            let Some(feed) = self.feed.upgrade() else { break };
            let now = feed.elapsed();
            let looked = look(&feed, &self.pool, &mut told).await;
            drop(feed);
            let Some(seen_until) = self.seen_until.upgrade() else { break };
            if looked.is_ok() {
                seen_until.fetch_max(now, Ordering::AcqRel);
            }
            drop(seen_until);
            tokio::select! {
                () = pause(&heard) => {}
                () = tokio::time::sleep(every) => {}
                _ = self.pool.close_event() => break,
            }
        }
        listening.abort();
    }
}

/// Ends when somebody notified, but not before the least time is over.
async fn pause(heard: &Notify) {
    tokio::time::sleep(LOOKS).await;
    heard.notified().await;
}

/// Hears what other processes notify. A listener that cannot be is tried again; meanwhile it is looked all the same.
async fn listen(pool: PgPool, heard: Weak<Notify>) {
    while !pool.is_closed() {
        if let Ok(mut listener) = PgListener::connect_with(&pool).await
            && listener.listen(CHANNEL).await.is_ok()
        {
            // What was notified before it listened is not known, nor what while it has lost its connection, which is none.
            loop {
                let Some(heard) = heard.upgrade() else { return };
                heard.notify_one();
                drop(heard);
                if listener.try_recv().await.is_err() {
                    break;
                }
            }
        }
        tokio::time::sleep(LISTEN_AGAIN).await;
    }
}

async fn look(feed: &Feed, pool: &PgPool, told: &mut Told) -> Result<(), Failure> {
    let mut free = acquire(pool).await?;
    let looked = within(told.look(&mut free)).await;
    free.ended(&looked);
    looked?.into_iter().for_each(|changed| feed.send(changed));
    Ok(())
}

impl Told {
    /// What was committed since the last time, and is to be told.
    ///
    /// Whatever is committed when this begins is told by now or before. Its transaction is one that ran at the last look, or began
    /// later, and then it is not below the oldest of then; or it had ended, and then it was seen by that look.
    async fn look(&mut self, connection: &mut PgConnection) -> Result<Vec<Changed>, Failure> {
        let limit = i64::try_from(NAMED + 1 + self.beyond.len()).unwrap_or(i64::MAX);
        // Before the first look nothing can have been missed: what it finds is of before the watch, or told needlessly.
        let from = self.floor.map_or_else(|| i64::MAX.to_string(), |floor| floor.to_string());
        let rows = sqlx::query(LOOK).bind(from).bind(limit).fetch_all(connection).await?;
        let Some(first) = rows.first() else { return Err(Failure::damaged("it has no row of its own")) };
        let (oldest, forgotten): (i64, i64) = (first.try_get(0)?, first.try_get(1)?);
        let mut beyond = BTreeSet::new();
        let mut changed = Vec::new();
        for row in &rows {
            let Some(transaction) = row.try_get::<Option<i64>, _>(2)? else { continue };
            let id = (transaction, row.try_get::<i64, _>(3)?);
            if !self.beyond.contains(&id) {
                let at = AccountRegion::new(row.try_get(4)?, row.try_get(5)?).map_err(Failure::damaged)?;
                changed.push(Some((at, ParameterName::observed(row.try_get::<&str, _>(6)?))));
            }
            if transaction >= oldest {
                beyond.insert(id);
            }
        }
        // Only now, when nothing can fail any more.
        self.beyond = beyond;
        let is_gap = self.floor.replace(oldest).is_none_or(|floor| forgotten >= floor);
        if changed.len() > NAMED || is_gap {
            return Ok(vec![None]);
        }
        Ok(changed)
    }
}
