//! Names that were deleted a moment ago: AWS wants 30 seconds to pass before one is put again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parados_parameter::{AccountRegion, Clock, ParameterName};
use parados_store::{Change, ChangeCursor, ChangeKind, DatabaseError, ParameterDatabase};
use tokio::time::Instant;

/// How often the deletions of other servers are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Changes that are read at once.
const PAGE: usize = 500;

/// What was deleted, and when. Deletions of other servers of the same database are known within a second, and those of before this server
/// was started from the beginning: the database's record of changes says so.
#[derive(Debug)]
pub(crate) struct Deleted {
    wait: Duration,
    names: Mutex<HashMap<(AccountRegion, ParameterName), Instant>>,
}

impl Deleted {
    /// A name is free again after `wait`; none waits where that is zero.
    pub(crate) fn new(wait: Duration) -> Self {
        Self { wait, names: Mutex::default() }
    }

    /// A name was deleted at `at`.
    pub(crate) fn note(&self, place: &AccountRegion, name: &ParameterName, at: Instant) {
        if self.wait.is_zero() {
            return;
        }
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.retain(|_, at| at.elapsed() < self.wait);
        names.insert((place.clone(), name.clone()), at);
    }

    fn note_change(&self, change: &Change, now: Timestamp) {
        let age = Duration::try_from(now.duration_since(change.at)).unwrap_or_default();
        let at = Instant::now();
        self.note(&change.place, &change.name, at.checked_sub(age).unwrap_or(at));
    }

    /// Whether a name has to wait.
    pub(crate) fn is_waiting(&self, place: &AccountRegion, name: &ParameterName) -> bool {
        if self.wait.is_zero() {
            return false;
        }
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        !names.is_empty() && names.get(&(place.clone(), name.clone())).is_some_and(|at| at.elapsed() < self.wait)
    }

    /// Learns what was deleted before this server was started.
    pub(crate) async fn learn(&self, database: &dyn ParameterDatabase, clock: &dyn Clock) -> Result<(), DatabaseError> {
        let Ok(wait) = SignedDuration::try_from(self.wait) else { return Ok(()) };
        if wait.is_zero() {
            return Ok(());
        }
        let now = clock.now();
        for change in database.deleted_since(now.checked_sub(wait).unwrap_or(Timestamp::MIN)).await? {
            self.note_change(&change, now);
        }
        Ok(())
    }

    /// Follows what is deleted in `database`, for as long as it is let.
    pub(crate) async fn follow(&self, database: &dyn ParameterDatabase, clock: &dyn Clock) {
        if self.wait.is_zero() {
            return std::future::pending().await;
        }
        let mut cursor = None;
        loop {
            if let Err(error) = self.look(database, clock, &mut cursor).await {
                tracing::warn!(%error, "what others deleted is not known; it is looked for again");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn look(
        &self,
        database: &dyn ParameterDatabase,
        clock: &dyn Clock,
        cursor: &mut Option<ChangeCursor>,
    ) -> Result<(), DatabaseError> {
        let mut after = match cursor.take() {
            Some(after) => after,
            None => database.newest_change().await?,
        };
        loop {
            let page = match database.changes(&after, PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    *cursor = Some(after);
                    return Err(error);
                }
            };
            for change in &page.changes {
                if matches!(change.kind, ChangeKind::Delete | ChangeKind::Expiration) {
                    self.note_change(change, clock.now());
                }
            }
            let is_last = page.changes.len() < PAGE;
            if let Some(last) = page.changes.last() {
                after = last.cursor.clone();
            }
            if is_last {
                *cursor = Some(after);
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_name_waits_for_thirty_seconds_and_no_other_does() {
        let place: AccountRegion = "123456789012/eu-west-1".parse().unwrap();
        let name = |text: &str| ParameterName::parse(text).unwrap();
        let deleted = Deleted::new(Duration::from_secs(30));
        deleted.note(&place, &name("/a"), Instant::now());
        assert!(deleted.is_waiting(&place, &name("a")));
        assert!(!deleted.is_waiting(&place, &name("/b")));
        tokio::time::advance(Duration::from_secs(29)).await;
        assert!(deleted.is_waiting(&place, &name("/a")));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!deleted.is_waiting(&place, &name("/a")));
        let never = Deleted::new(Duration::ZERO);
        never.note(&place, &name("/a"), Instant::now());
        assert!(!never.is_waiting(&place, &name("/a")));
    }
}
