//! Connections: how they are made, and how a write begins and ends on one.

use std::future::Future;
use std::io;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use parados_parameter::{AccountRegion, ParameterName, StoreErrorKind};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions, Postgres};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, Transaction};

use super::error;
use super::open_error::PostgresOpenError;
use super::url::DatabaseUrl;
use crate::failure::Failure;

/// How long a call waits for a free connection.
const ACQUIRE: Duration = Duration::from_secs(10);
/// How long a call may take on its connection. It is longer than the server's own limits (`SETTINGS`), and so acts only where the server
/// cannot be heard any more.
const CALL: Duration = Duration::from_secs(40);
/// A connection that was idle for longer is tried before it is used: the server may have gone meanwhile.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);

/// What each connection is set to. A commit that is acknowledged is on the disk, whatever the server's default; who hangs in a transaction
/// keeps no name locked.
const SETTINGS: &str = "SET statement_timeout = '30s'; SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '30s'; \
     SET jit = off; SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// A pool of at most `connections`, which connects when it is first used.
pub(super) fn pool(url: &DatabaseUrl, connections: u32) -> PgPool {
    let options = url.connect_options();
    let options = match options.get_application_name() {
        Some(_) => options,
        None => options.application_name("parados"),
    };
    PgPoolOptions::new()
        .max_connections(connections.max(1))
        .acquire_timeout(ACQUIRE)
        .test_before_acquire(false)
        .before_acquire(|connection, about| {
            Box::pin(async move {
                // An error is as good as false: another connection is taken, or made.
                Ok(about.idle_for < TRUSTED_IDLE || connection.ping().await.is_ok())
            })
        })
        .after_connect(|connection, _| Box::pin(async { connection.execute(SETTINGS).await.map(drop) }))
        .connect_lazy_with(options)
}

/// A connection outside of a pool, or why there is none: a pool would try again and then say that it waited.
pub(super) async fn alone(url: &DatabaseUrl) -> Result<PgConnection, PostgresOpenError> {
    let options = url.connect_options();
    let connected = tokio::time::timeout(ACQUIRE, options.connect()).await;
    let connected = connected.unwrap_or_else(|_| Err(sqlx::Error::Io(io::ErrorKind::TimedOut.into())));
    connected.map_err(PostgresOpenError::failed("connect to", url))
}

/// A connection of a pool, for one call. It goes back only when the call says how it ended: one whose call was dropped in the middle may be
/// in a transaction that holds a lock, and is closed.
pub(super) struct Lease {
    connection: PoolConnection<Postgres>,
    is_in_order: bool,
}

/// A free connection of `pool`.
pub(super) async fn acquire(pool: &PgPool) -> Result<Lease, Failure> {
    let acquired = pool.acquire().await.map_err(|error| match error {
        sqlx::Error::PoolTimedOut => {
            Failure::Storage(StoreErrorKind::Timeout, "the database gives no connection: it is down or busy".into())
        }
        sqlx::Error::PoolClosed => Failure::Storage(StoreErrorKind::Connection, "the database is closed".into()),
        error => error.into(),
    });
    acquired.map(|connection| Lease { connection, is_in_order: false })
}

impl Lease {
    /// Says how the call ended. Whoever waited in vain for a lock did so while his transaction began, and is in it still.
    pub(super) fn ended<T>(&mut self, done: &Result<T, Failure>) {
        use StoreErrorKind::{Connection, Timeout, TooManyUpdates};
        self.is_in_order = !matches!(done, Err(Failure::Storage(Connection | Timeout | TooManyUpdates, _)));
    }
}

impl Deref for Lease {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.is_in_order {
            self.connection.close_on_drop();
        }
    }
}

/// What `work` gives, or an error when the server is not heard any more.
pub(super) async fn within<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    match tokio::time::timeout(CALL, work).await {
        Ok(done) => done,
        Err(_) => Err(Failure::Storage(StoreErrorKind::Timeout, "the database does not answer".into())),
    }
}

/// Begins a write of the parameter `name` of `at`, which waits for every other write of it to end.
///
/// Why writes are linearizable, though a transaction sees each statement's own snapshot only (READ COMMITTED): a write locks its name
/// before anything else, and the lock is let go when the transaction has ended. So writes of one name come one after the other, and the first
/// statement behind the lock sees what the one before committed. A read is one statement on the primary, which sees what was committed
/// when it began; a commit is acknowledged when it is visible. No write depends on what is read of another name, so that is all there is to
/// order. SERIALIZABLE would add nothing but retries.
///
/// The lock is on the name and not on its row, because there may be no row: of two that create a name, or create one that is being deleted,
/// the second has to see what the first did. And a transaction has no id before it writes a row: so ids of the writes of one name are in
/// the order of the lock, and changes in the order of the ids.
pub(super) async fn begin<'c>(
    connection: &'c mut PgConnection,
    at: &AccountRegion,
    name: &ParameterName,
) -> Result<Transaction<'c, Postgres>, Failure> {
    // One round trip. That the default of the server is another isolation level changes nothing.
    let begin = format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT pg_advisory_xact_lock({})",
        lock_number(at, name)
    );
    Ok(connection.begin_with(AssertSqlSafe(begin)).await?)
}

/// The advisory lock of a name. Every release has to have the same. Two names of the same number wait for one another, and that is all.
fn lock_number(at: &AccountRegion, name: &ParameterName) -> i64 {
    let digest = digest(&SHA256, format!("parados name lock v1\n{at}/{}", name.canonical()).as_bytes());
    let first = digest.as_ref().first_chunk::<8>().expect("SHA-256 has 32 bytes");
    i64::from_be_bytes(*first)
}

/// Commits, or says whether that may have happened all the same.
pub(super) async fn commit(transaction: Transaction<'_, Postgres>) -> Result<(), Failure> {
    transaction.commit().await.map_err(|error| match error::is_refusal(&error) {
        true => error.into(),
        false => Failure::Storage(
            StoreErrorKind::Connection,
            format!("the answer to the commit was lost, so it may have happened or not: {}", error::words(&error)),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_of_a_name_is_the_same_in_every_release() {
        let at = AccountRegion::new("123456789012", "eu-west-1").unwrap();
        let number = |name| lock_number(&at, &ParameterName::observed(name));
        assert_eq!(number("/app/a"), number("app/a"));
        assert_ne!(number("/app/a"), number("/app/b"));
        assert_eq!(number("/app/a"), -5_957_491_496_619_603_108);
    }
}
