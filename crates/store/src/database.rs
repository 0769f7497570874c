//! The contract of a database that holds the stores of several accounts and Regions.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use parados_parameter::{AccountRegion, SharedStore};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::change::{Change, ChangeCursor, ChangePage, ChangeWatch};

/// A database that failed, or that answered what it must not.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{operation}: {message}")]
pub struct DatabaseError {
    /// What was tried.
    pub operation: &'static str,
    /// The database's own words. Never a value of a parameter.
    pub message: String,
}

/// What [`ParameterDatabase::sweep`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Parameters deleted because they expired.
    pub expired: usize,
    /// Notifications of policies recorded.
    pub notified: usize,
}

/// A database that holds the stores of any number of accounts and Regions, for a server.
///
/// * Each store keeps the contract of [`ParameterStore`](parados_parameter::ParameterStore), and knows nothing of the others.
/// * Each write records its [`Change`](crate::Change) in the same transaction: there is no change without its record, and no record of what
///   did not happen.
/// * Any number of processes may use one database.
#[async_trait]
pub trait ParameterDatabase: Debug + Send + Sync + 'static {
    /// The store of one account and Region, which is empty until something is put there. Cheap: it may be asked for with each call.
    /// Versions that are put through it are said to be by `user`.
    fn store(&self, at: &AccountRegion, user: &str) -> SharedStore;

    /// The accounts and Regions that hold a parameter, in order.
    async fn places(&self) -> Result<Vec<AccountRegion>, DatabaseError>;

    /// Deletes what expired by `now`, and records what policies announce by `now`, each once. A policy acts at the moment that it
    /// names or within the time between two sweeps after it.
    async fn sweep(&self, now: Timestamp) -> Result<SweepReport, DatabaseError>;

    /// At most `limit` settled changes behind `after`, oldest first.
    async fn changes(&self, after: &ChangeCursor, limit: usize) -> Result<ChangePage, DatabaseError>;

    /// Where the newest settled change is: what begins here sees only what comes later.
    async fn newest_change(&self) -> Result<ChangeCursor, DatabaseError>;

    /// What was deleted or expired at `since` or later, settled or not, as far as it is not forgotten.
    async fn deleted_since(&self, since: Timestamp) -> Result<Vec<Change>, DatabaseError>;

    /// Forgets changes up to and including `until`. A database may forget old ones by itself, when it holds more than 100,000.
    async fn forget_changes(&self, until: &ChangeCursor) -> Result<(), DatabaseError>;

    /// Watches for changes, those of other processes at least once in `every`, until the watch is dropped.
    fn watch(&self, every: Duration) -> ChangeWatch;

    /// The time since it was opened, in milliseconds, by the monotonic clock of [`ChangeWatch::seen_until`].
    fn elapsed(&self) -> i64;

    /// Seals a secret of the server's own, such as an access key's, under this database's master key, bound to `context`: it opens only
    /// with the same words. A rotation of the master key leaves it readable.
    async fn seal_secret(&self, context: &str, secret: &[u8]) -> Result<Vec<u8>, DatabaseError>;

    /// Opens what [`seal_secret`](Self::seal_secret) gave.
    async fn open_secret(&self, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, DatabaseError>;

    /// Whether the database answers now.
    async fn ping(&self) -> Result<(), DatabaseError>;
}
