//! The database of a server: the stores of any number of accounts and Regions in one file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use parados_parameter::rules::TierLimits;
use parados_parameter::{AccountRegion, Clock, KeyManagement, SharedStore};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use zeroize::Zeroizing;

use super::changing;
use super::engine::{Engine, with_keys};
use super::queue::{Work, Writing};
use super::store::SqliteStore;
use super::sweeping::Sweep;
use crate::change::{Change, ChangeCursor, ChangePage, ChangeWatch};
use crate::database::{DatabaseError, ParameterDatabase, SweepReport};
use crate::failure::Failure;
use crate::open_error::OpenError;
use crate::seal::{DataKey, KeyOwner, Keyring};

/// How a database is opened.
#[derive(Clone, Debug)]
pub struct SqliteDatabaseOptions {
    /// Where it is.
    pub directory: PathBuf,
    /// The service that unwraps a wrapped master key.
    pub key_management: Option<Arc<dyn KeyManagement>>,
    /// What dates versions and changes.
    pub clock: Arc<dyn Clock>,
}

/// A [`ParameterDatabase`] in a directory of this machine: the same one that an [`EmbeddedStore`](crate::EmbeddedStore) is in, and made
/// as that is.
///
/// Writes at once share a transaction and a sync of the disk. A caller is answered when its write is on the disk; one that goes away
/// before leaves open whether it happened.
#[derive(Clone, Debug)]
pub struct SqliteDatabase(pub(super) Arc<Engine>);

const STORE_KEY: &str = "SELECT master_key, data_key FROM store";
const PLACES: &str =
    "SELECT place FROM place p WHERE EXISTS (SELECT 1 FROM parameter WHERE place = p.id) ORDER BY place";

#[cfg(test)]
pub(super) const QUERIES: &[&str] = &["SELECT 1 FROM parameter WHERE place = ?1"];

impl SqliteDatabase {
    /// Opens it. One of an earlier release is brought to this one's schema first.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub async fn open(options: SqliteDatabaseOptions) -> Result<Self, OpenError> {
        let SqliteDatabaseOptions { directory, key_management, clock } = options;
        Engine::open(directory, key_management, clock).await.map(|engine| Self(Arc::new(engine)))
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        self.0.directory()
    }

    /// Refuses parameters beyond so many of a tier, of each account and Region; what is there stays. Each that is made is counted with those
    /// that there are, so that it is worth it where not many are made in a second. The first limits that are given hold.
    pub fn limit_tiers(&self, limits: TierLimits) {
        self.0.limit_tiers(limits);
    }

    /// Whether the master key is the one that the values are sealed under.
    pub fn master_key_fits(&self) -> bool {
        self.0.master_key_fits()
    }

    /// Closes it in order: writes that were handed in end, and what is in the log is brought into the file. One that is dropped
    /// instead has lost nothing that was acknowledged.
    pub async fn close(&self) {
        self.0.close().await;
    }

    /// The database's own data key.
    async fn data_key(&self) -> Result<DataKey, Failure> {
        with_keys!(self.0, |keys| self.unwrap_data_key(&keys))
    }

    async fn unwrap_data_key(&self, keys: &Keyring) -> Result<DataKey, Failure> {
        let row = sqlx::query(STORE_KEY).fetch_one(self.0.readers()).await?;
        let number: i64 = row.try_get(0)?;
        let master_key = keys.get(number).ok_or(Failure::UnknownMasterKey)?;
        let unwrapped = master_key.unwrap(KeyOwner::Database, row.try_get(1)?);
        unwrapped.map_err(|_| Failure::damaged("its data key does not open"))
    }
}

#[async_trait]
impl ParameterDatabase for SqliteDatabase {
    fn store(&self, at: &AccountRegion, user: &str) -> SharedStore {
        Arc::new(SqliteStore { engine: self.0.clone(), at: at.clone(), user: user.into() })
    }

    async fn places(&self) -> Result<Vec<AccountRegion>, DatabaseError> {
        let places = async {
            let rows = sqlx::query(PLACES).fetch_all(self.0.readers()).await?;
            let place = |row: &SqliteRow| row.try_get::<&str, _>(0)?.parse().map_err(Failure::damaged);
            rows.iter().map(place).collect::<Result<_, Failure>>()
        };
        places.await.map_err(|failure: Failure| failure.of_database("list the accounts and Regions"))
    }

    async fn sweep(&self, now: Timestamp) -> Result<SweepReport, DatabaseError> {
        let mut total = SweepReport::default();
        loop {
            let swept = self.0.write(Sweep { now }).await;
            let (report, more) = swept.map_err(|failure| failure.of_database("act on policies"))?;
            total.expired += report.expired;
            total.notified += report.notified;
            if !more {
                return Ok(total);
            }
        }
    }

    async fn changes(&self, after: &ChangeCursor, limit: usize) -> Result<ChangePage, DatabaseError> {
        let page = changing::page(self.0.readers(), after, limit).await;
        page.map_err(|failure| failure.of_database("read changes"))
    }

    async fn newest_change(&self) -> Result<ChangeCursor, DatabaseError> {
        let newest = changing::newest(self.0.readers()).await;
        let newest = newest.map_err(|failure| failure.of_database("read the newest change"))?;
        Ok(ChangeCursor { major: newest, minor: 0 })
    }

    async fn deleted_since(&self, since: Timestamp) -> Result<Vec<Change>, DatabaseError> {
        let deleted = changing::deleted_since(self.0.readers(), since).await;
        deleted.map_err(|failure| failure.of_database("read what was deleted"))
    }

    async fn forget_changes(&self, until: &ChangeCursor) -> Result<(), DatabaseError> {
        let forgotten = self.0.write(Forget { until: until.major }).await;
        forgotten.map_err(|failure| failure.of_database("forget changes"))
    }

    fn watch(&self, every: Duration) -> ChangeWatch {
        self.0.watch(every)
    }

    fn elapsed(&self) -> i64 {
        self.0.elapsed()
    }

    async fn seal_secret(&self, context: &str, secret: &[u8]) -> Result<Vec<u8>, DatabaseError> {
        let data_key = self.data_key().await.map_err(|failure| failure.of_database("seal a secret"))?;
        Ok(data_key.seal_secret(context, secret))
    }

    async fn open_secret(&self, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, DatabaseError> {
        let open = async {
            let damaged = |_| Failure::damaged("a secret does not open: it is damaged, or another's");
            self.data_key().await?.open_secret(context, sealed).map_err(damaged)
        };
        open.await.map_err(|failure| failure.of_database("open a secret"))
    }

    async fn ping(&self) -> Result<(), DatabaseError> {
        let answered = sqlx::query("SELECT only FROM store").fetch_one(self.0.readers()).await;
        answered.map(drop).map_err(|error| Failure::from(error).of_database("ask the database"))
    }
}

struct Forget {
    until: i64,
}

#[async_trait]
impl Work for Forget {
    type Outcome = ();

    async fn run(&self, writing: &mut Writing<'_>) -> Result<(), Failure> {
        changing::forget(writing.connection, self.until).await
    }
}
