//! A store of another's as a database: AWS behind a proxy.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use parados_parameter::{AccountRegion, SharedStore};
use parados_store::{Change, ChangeCursor, ChangePage, ChangeWatch, DatabaseError, ParameterDatabase, SweepReport};
use tokio::time::Instant;
use zeroize::Zeroizing;

/// A database over one store that somebody else keeps. It leads every account and Region there, records no change, sees nobody's
/// writes, expires nothing (whoever keeps the store does), and keeps no secret of the server's.
#[derive(Debug)]
pub struct ForeignDatabase {
    store: SharedStore,
    place: AccountRegion,
    opened: Instant,
}

impl ForeignDatabase {
    /// The database over `store`, which is of `place`.
    pub fn new(store: SharedStore, place: AccountRegion) -> Self {
        Self { store, place, opened: Instant::now() }
    }
}

#[async_trait]
impl ParameterDatabase for ForeignDatabase {
    fn store(&self, _: &AccountRegion, _: &str) -> SharedStore {
        Arc::clone(&self.store)
    }

    async fn places(&self) -> Result<Vec<AccountRegion>, DatabaseError> {
        Ok(vec![self.place.clone()])
    }

    async fn sweep(&self, _: Timestamp) -> Result<SweepReport, DatabaseError> {
        Ok(SweepReport::default())
    }

    async fn changes(&self, _: &ChangeCursor, _: usize) -> Result<ChangePage, DatabaseError> {
        Ok(ChangePage::default())
    }

    async fn newest_change(&self) -> Result<ChangeCursor, DatabaseError> {
        Ok(ChangeCursor::default())
    }

    async fn deleted_since(&self, _: Timestamp) -> Result<Vec<Change>, DatabaseError> {
        Ok(Vec::new())
    }

    async fn forget_changes(&self, _: &ChangeCursor) -> Result<(), DatabaseError> {
        Ok(())
    }

    fn watch(&self, _: Duration) -> ChangeWatch {
        ChangeWatch::blind()
    }

    fn elapsed(&self) -> i64 {
        i64::try_from(self.opened.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    async fn seal_secret(&self, _: &str, _: &[u8]) -> Result<Vec<u8>, DatabaseError> {
        Err(keeps_no_secret("seal"))
    }

    async fn open_secret(&self, _: &str, _: &[u8]) -> Result<Zeroizing<Vec<u8>>, DatabaseError> {
        Err(keeps_no_secret("open"))
    }

    async fn ping(&self) -> Result<(), DatabaseError> {
        Ok(())
    }
}

fn keeps_no_secret(operation: &'static str) -> DatabaseError {
    DatabaseError { operation, message: "a store of another's keeps no secret of this server".to_owned() }
}
