//! Who watches is told what changed: by this process at once, by others when the record of changes is looked at.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use parados_parameter::{AccountRegion, ParameterName};
use sqlx::sqlite::SqlitePool;
use tokio::sync::broadcast;
use tokio::time::Instant;

use super::changing;
use super::queue::Recorded;
use crate::change::{ChangeCursor, ChangeWatch};
use crate::failure::Failure;

/// What a receiver may lag behind.
const LAG: usize = 4096;
/// Changes that are told one by one; of more at once it is said that anything may have changed.
const NAMED: usize = 1000;
/// Before anything was looked at.
const NEVER: i64 = -(1 << 40);

/// What was told to those who watch.
pub(super) struct Feed {
    sender: broadcast::Sender<Option<(AccountRegion, ParameterName)>>,
    /// The newest change such that it and all before it were told.
    told: Mutex<i64>,
    opened: Instant,
}

impl Feed {
    /// Nobody watches yet, and `newest` is the newest change.
    pub(super) fn new(newest: i64) -> Self {
        Self { sender: broadcast::channel(LAG).0, told: Mutex::new(newest), opened: Instant::now() }
    }

    /// Milliseconds since it was made.
    pub(super) fn elapsed(&self) -> i64 {
        i64::try_from(self.opened.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Tells what this process committed.
    pub(super) fn announce(&self, recorded: Recorded) {
        let Some((first, last)) = recorded.ids else { return };
        let mut told = self.told();
        if *told >= last {
            return;
        }
        self.tell(recorded.names);
        if *told >= first - 1 {
            *told = last;
        }
    }

    /// Watches, looking at the record of changes in every `every`.
    pub(super) fn watch(self: &Arc<Self>, readers: &SqlitePool, every: Duration) -> ChangeWatch {
        let seen_until = Arc::new(AtomicI64::new(NEVER));
        let watch = ChangeWatch { changed: self.sender.subscribe(), seen_until_milliseconds: seen_until.clone() };
        tokio::spawn(look(Arc::downgrade(self), Arc::downgrade(&seen_until), readers.clone(), every));
        watch
    }

    async fn look(&self, readers: &SqlitePool) -> Result<(), Failure> {
        let after = *self.told();
        let newest = changing::newest(readers).await?;
        if newest <= after {
            return Ok(());
        }
        let page = changing::page(readers, &ChangeCursor { major: after, minor: 0 }, NAMED + 1).await?;
        let mut told = self.told();
        match page.changes.last() {
            Some(last) if page.changes.len() <= NAMED && !page.is_behind_a_gap => {
                let last = last.cursor.major;
                // Of what this process committed while it was read, it has told meanwhile.
                let new = page.changes.into_iter().filter(|change| change.cursor.major > *told);
                self.tell(new.map(|change| (change.place, change.name)).collect());
                *told = (*told).max(last);
            }
            _ => {
                self.send(None);
                *told = (*told).max(newest);
            }
        }
        Ok(())
    }

    fn tell(&self, names: Vec<(AccountRegion, ParameterName)>) {
        match names.len() {
            0..=NAMED => names.into_iter().for_each(|name| self.send(Some(name))),
            _ => self.send(None),
        }
    }

    fn send(&self, changed: Option<(AccountRegion, ParameterName)>) {
        // It fails when nobody watches.
        drop(self.sender.send(changed));
    }

    fn told(&self) -> MutexGuard<'_, i64> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks again and again, until the watch or the database is gone.
async fn look(feed: Weak<Feed>, seen_until: Weak<AtomicI64>, readers: SqlitePool, every: Duration) {
    loop {
        let Some(feed) = feed.upgrade() else { return };
        let now = feed.elapsed();
        let looked = feed.look(&readers).await;
        drop(feed);
        let Some(seen_until) = seen_until.upgrade() else { return };
        if readers.is_closed() {
            return;
        }
        if looked.is_ok() {
            seen_until.fetch_max(now, Ordering::AcqRel);
        }
        drop(seen_until);
        tokio::time::sleep(every).await;
    }
}
