//! The database: how it is made ready and opened, and what it answers as a whole.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use parados_parameter::rules::TierLimits;
use parados_parameter::{AccountRegion, Clock, KeyManagement, SharedStore};
use sqlx::Connection as _;
use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgPool};
use tokio::task::AbortHandle;
use zeroize::Zeroizing;

use super::feed::{self, Feed};
use super::keys::Keys;
use super::open_error::PostgresOpenError;
use super::store::PostgresStore;
use super::url::DatabaseUrl;
use super::{changing, connection, holding, schema, sweeping};
use crate::change::{Change, ChangeCursor, ChangeKind, ChangePage, ChangeWatch};
use crate::database::{DatabaseError, ParameterDatabase, SweepReport};
use crate::failure::Failure;
use crate::master_key::{self, MasterKeySource};
use crate::seal::{DataKey, KeyOwner, MasterKey};

/// The number of a new database's master key.
const FIRST_MASTER_KEY: i64 = 1;
/// Connections, where nothing else is asked for: as many as a small PostgreSQL does well with from each of a few servers.
const CONNECTIONS: u32 = 10;

/// The accounts and Regions, each found by its first name.
const PLACES: &str = "WITH RECURSIVE place AS ( \
     (SELECT account, region FROM parameter ORDER BY account, region LIMIT 1) UNION ALL \
     SELECT n.account, n.region FROM place p CROSS JOIN LATERAL (SELECT account, region FROM parameter \
     WHERE (account, region) > (p.account, p.region) ORDER BY account, region LIMIT 1) n) SELECT account, region FROM place";

const DATABASE_KEY: &str = "SELECT master_key, data_key FROM store";

#[cfg(test)]
pub(super) const QUERIES: &[(&str, &str)] = &[(PLACES, "")];

/// How a database is opened.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// Where it is.
    pub url: DatabaseUrl,
    /// The file of its master key, of mode 0600: plain, or wrapped by a KMS key.
    pub master_key: PathBuf,
    /// What makes an empty database a store, whose master key goes into that file where there is none; [`None`] where only one that is
    /// there is opened.
    pub create: Option<MasterKeySource>,
    /// The service that unwraps a wrapped master key.
    pub key_management: Option<Arc<dyn KeyManagement>>,
    /// What dates versions.
    pub clock: Arc<dyn Clock>,
    /// Most connections of this process, beside one for each watch.
    pub connections: u32,
}

impl PostgresOptions {
    /// A database that is there, with what is usual.
    pub fn new(url: DatabaseUrl, master_key: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        let master_key = master_key.into();
        Self { url, master_key, create: None, key_management: None, clock, connections: CONNECTIONS }
    }
}

/// A [`ParameterDatabase`] in PostgreSQL, which any number of servers share: none of them holds state.
///
/// * It is brought to this release's schema when it is opened, by one process at a time; a newer one is refused.
/// * A change is settled when every transaction of the PostgreSQL cluster that began before it has ended.
/// * Its background work ends when it is closed or dropped.
pub struct PostgresDatabase {
    pub(super) engine: Arc<Engine>,
    notifier: AbortHandle,
    /// What tells it from the other servers of the database.
    id: String,
}

/// What the stores of a database share.
pub(super) struct Engine {
    pub(super) url: DatabaseUrl,
    pub(super) pool: PgPool,
    pub(super) keys: Keys,
    pub(super) feed: Arc<Feed>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) tier_limits: OnceLock<TierLimits>,
}

impl PostgresDatabase {
    /// Opens a database, after bringing it to this release's schema; an empty one becomes a store where `options.create` is given.
    ///
    /// # Errors
    /// [`PostgresOpenError`], which says what to do. A master key that is not the database's is refused.
    pub async fn open(options: PostgresOptions) -> Result<Self, PostgresOpenError> {
        let PostgresOptions { url, master_key, create, key_management, clock, connections } = options;
        let mut alone = connection::alone(&url).await?;
        schema::migrate(&mut alone, &url, create.is_some()).await?;
        let checks = give_key(&mut alone, &url, &master_key, create.as_ref(), key_management.as_ref()).await?;
        alone.close().await.map_err(PostgresOpenError::failed("read", &url))?;
        if !master_key::is_there(&master_key)? {
            return Err(PostgresOpenError::MasterKeyMissing { path: master_key, database: url.to_string() });
        }
        let keys = Keys::load(master_key.clone(), key_management, &checks).await?;
        let ring = keys.ring();
        if ring.lacks(&checks) {
            let (next, database) = (master_key::next::beside(&master_key), url.to_string());
            return Err(match checks.iter().any(|(number, _)| ring.get(*number).is_some()) {
                true => PostgresOpenError::MasterKeyMissingInRekey { path: master_key, next, database },
                false => PostgresOpenError::MasterKeyOfAnother { path: master_key, database },
            });
        }
        let pool = connection::pool(&url, connections.saturating_add(1));
        let feed = Feed::new();
        let notifier = tokio::spawn(feed::notify(Arc::downgrade(&feed), pool.clone())).abort_handle();
        let id = format!("{:016x}", rand::random::<u64>());
        Ok(Self {
            engine: Arc::new(Engine { url, pool, keys, feed, clock, tier_limits: OnceLock::new() }),
            notifier,
            id,
        })
    }

    /// Makes an empty database a store, as [`open`](Self::open) does, and refuses one that is a store already.
    ///
    /// # Errors
    /// [`PostgresOpenError::AlreadyInitialised`], and those of [`open`](Self::open).
    pub async fn init(options: PostgresOptions) -> Result<(), PostgresOpenError> {
        let mut alone = connection::alone(&options.url).await?;
        let is_there = schema::has_master_key(&mut alone, &options.url).await?;
        alone.close().await.map_err(PostgresOpenError::failed("read", &options.url))?;
        if is_there {
            return Err(PostgresOpenError::AlreadyInitialised { database: options.url.to_string() });
        }
        let create = Some(options.create.clone().unwrap_or_default());
        Self::open(PostgresOptions { create, ..options }).await?.close().await;
        Ok(())
    }

    /// The store of one account and Region, as [`ParameterDatabase::store`] gives it, by its own type.
    pub fn postgres_store(&self, at: &AccountRegion, user: &str) -> PostgresStore {
        PostgresStore { engine: self.engine.clone(), at: at.clone(), user: user.into() }
    }

    /// Refuses parameters beyond so many of a tier, of each account and Region; what is there stays. Each that is made is counted with those
    /// that there are, so that it is worth it where not many are made in a second. The first limits that are given hold.
    pub fn limit_tiers(&self, limits: TierLimits) {
        self.engine.tier_limits.get_or_init(|| limits);
    }

    /// Its connections.
    pub fn pool(&self) -> &PgPool {
        &self.engine.pool
    }

    /// At most `connections` further ones, for tables that a server has of its own in the same database: calls that wait for parameters keep
    /// nobody from those.
    pub fn pool_beside(&self, connections: u32) -> PgPool {
        connection::pool(&self.engine.url, connections)
    }

    /// Where it is.
    pub fn url(&self) -> &DatabaseUrl {
        &self.engine.url
    }

    /// Closes it in order: calls under way end.
    pub async fn close(&self) {
        self.notifier.abort();
        self.engine.pool.close().await;
    }

    pub(super) async fn call<T>(
        &self,
        operation: &'static str,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, Failure>,
    ) -> Result<T, DatabaseError> {
        let call = async {
            let mut free = connection::acquire(&self.engine.pool).await?;
            let done = connection::within(work(&mut free)).await;
            free.ended(&done);
            done
        };
        call.await.map_err(|failure| failure.of_database(operation))
    }

    /// The key that secrets of a server are sealed under.
    async fn database_key(&self, operation: &'static str) -> Result<DataKey, DatabaseError> {
        let row = self.call(operation, async |connection: &mut PgConnection| {
            let row = sqlx::query(DATABASE_KEY).fetch_one(connection).await?;
            Ok::<(i64, Vec<u8>), Failure>((row.try_get(0)?, row.try_get(1)?))
        });
        let (number, wrapped) = row.await?;
        let mut ring = self.engine.keys.ring();
        if ring.get(number).is_none() {
            let refreshed = self.engine.keys.refresh(&self.engine.pool).await;
            ring = refreshed.map_err(|failure| failure.of_database(operation))?;
        }
        let key = ring.get(number).ok_or_else(|| Failure::UnknownMasterKey.of_database(operation))?;
        let unwrapped = key.unwrap(KeyOwner::Database, &wrapped);
        unwrapped.map_err(|_| Failure::damaged("its own key does not open").of_database(operation))
    }

    /// Says whether it has the master key that the database is to get, where somebody asks.
    async fn say_whether_it_has_the_next_key(&self) -> Result<(), DatabaseError> {
        let operation = "say whether the next master key is here";
        let Some(check) = self.call(operation, holding::asked).await? else { return Ok(()) };
        let lacking = self.engine.keys.why_not(&check).await;
        let answer = async |connection: &mut PgConnection| {
            holding::answer(connection, &self.id, &check, lacking.as_deref()).await
        };
        self.call(operation, answer).await
    }

    async fn act(&self, policy: &sweeping::DuePolicy, now: Timestamp) -> Result<Option<ChangeKind>, DatabaseError> {
        let acted = self.call("sweep", async |connection: &mut PgConnection| {
            let mut transaction = connection::begin(connection, &policy.place, &policy.name).await?;
            let acted = sweeping::act(&mut transaction, policy, now).await?;
            connection::commit(transaction).await?;
            Ok(acted)
        });
        let acted = acted.await;
        // Also where the answer was lost.
        self.engine.feed.announce(&policy.place, &policy.name);
        acted
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        self.notifier.abort();
    }
}

/// Gives a database that has no master key its first one, out of the file or made for it; gives the checks of those that it has.
async fn give_key(
    connection: &mut PgConnection,
    url: &DatabaseUrl,
    file: &std::path::Path,
    create: Option<&MasterKeySource>,
    service: Option<&Arc<dyn KeyManagement>>,
) -> Result<Vec<(i64, Vec<u8>)>, PostgresOpenError> {
    let failed = PostgresOpenError::failed("read", url);
    let checks = schema::key_checks(connection).await.map_err(&failed)?;
    if !checks.is_empty() {
        return Ok(checks);
    }
    let Some(source) = create else { return Err(PostgresOpenError::NotInitialised { database: url.to_string() }) };
    let failed = PostgresOpenError::failed("write", url);
    let mut transaction = connection.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await.map_err(&failed)?;
    // Another server may be about it: the second one has to find the first one's key, and makes none.
    schema::lock(&mut transaction).await.map_err(&failed)?;
    let checks = schema::key_checks(&mut transaction).await.map_err(&failed)?;
    if !checks.is_empty() {
        return Ok(checks);
    }
    let key: MasterKey = master_key::create_path(file, source, service).await?;
    let insert = sqlx::query("INSERT INTO master_key (id, key_check) VALUES ($1, $2)");
    let insert = insert.bind(FIRST_MASTER_KEY).bind(key.key_check());
    insert.execute(&mut *transaction).await.map_err(&failed)?;
    let update = sqlx::query("UPDATE store SET master_key = $1, data_key = $2");
    let update = update.bind(FIRST_MASTER_KEY).bind(key.wrap(KeyOwner::Database, &DataKey::generate()));
    update.execute(&mut *transaction).await.map_err(&failed)?;
    let checks = schema::key_checks(&mut transaction).await.map_err(&failed)?;
    transaction.commit().await.map_err(failed)?;
    Ok(checks)
}

#[async_trait]
impl ParameterDatabase for PostgresDatabase {
    fn store(&self, at: &AccountRegion, user: &str) -> SharedStore {
        Arc::new(self.postgres_store(at, user))
    }

    async fn places(&self) -> Result<Vec<AccountRegion>, DatabaseError> {
        let places = self.call("list places", async |connection: &mut PgConnection| {
            let rows = sqlx::query(PLACES).fetch_all(connection).await?;
            let place = |row: &sqlx::postgres::PgRow| {
                AccountRegion::new(row.try_get(0)?, row.try_get(1)?).map_err(Failure::damaged)
            };
            rows.iter().map(place).collect()
        });
        places.await
    }

    async fn sweep(&self, now: Timestamp) -> Result<SweepReport, DatabaseError> {
        self.say_whether_it_has_the_next_key().await?;
        let mut report = SweepReport::default();
        loop {
            let due = self.call("sweep", async |connection: &mut PgConnection| sweeping::due(connection, now).await);
            let (due, may_be_more) = due.await?;
            for policy in &due {
                match self.act(policy, now).await? {
                    Some(ChangeKind::Expiration) => report.expired += 1,
                    Some(_) => report.notified += 1,
                    None => {}
                }
            }
            if !may_be_more {
                break;
            }
        }
        let forgotten = self.call("forget changes", async |connection: &mut PgConnection| {
            match changing::surplus(connection).await? {
                Some(until) => changing::forget(connection, &until).await,
                None => Ok(()),
            }
        });
        forgotten.await?;
        Ok(report)
    }

    async fn changes(&self, after: &ChangeCursor, limit: usize) -> Result<ChangePage, DatabaseError> {
        let changes = async |connection: &mut PgConnection| changing::page(connection, after, limit).await;
        self.call("read changes", changes).await
    }

    async fn newest_change(&self) -> Result<ChangeCursor, DatabaseError> {
        self.call("read changes", async |connection: &mut PgConnection| changing::newest(connection).await).await
    }

    async fn deleted_since(&self, since: Timestamp) -> Result<Vec<Change>, DatabaseError> {
        let deleted = async |connection: &mut PgConnection| changing::deleted_since(connection, since).await;
        self.call("read what was deleted", deleted).await
    }

    async fn forget_changes(&self, until: &ChangeCursor) -> Result<(), DatabaseError> {
        let forget = async |connection: &mut PgConnection| changing::forget(connection, until).await;
        self.call("forget changes", forget).await
    }

    fn watch(&self, every: Duration) -> ChangeWatch {
        self.engine.feed.watch(&self.engine.pool, every)
    }

    fn elapsed(&self) -> i64 {
        self.engine.feed.elapsed()
    }

    async fn seal_secret(&self, context: &str, secret: &[u8]) -> Result<Vec<u8>, DatabaseError> {
        Ok(self.database_key("seal a secret").await?.seal_secret(context, secret))
    }

    async fn open_secret(&self, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, DatabaseError> {
        let operation = "open a secret";
        let opened = self.database_key(operation).await?.open_secret(context, sealed);
        opened.map_err(|_| Failure::damaged("a secret does not open").of_database(operation))
    }

    async fn ping(&self) -> Result<(), DatabaseError> {
        let ping =
            async |connection: &mut PgConnection| Ok(sqlx::query("SELECT 1").execute(connection).await.map(drop)?);
        self.call("ping", ping).await
    }
}

impl fmt::Debug for PostgresDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresDatabase").field("url", &self.engine.url).finish_non_exhaustive()
    }
}
