//! A database that is open: its connections, its keys, and what runs over them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use parados_parameter::rules::TierLimits;
use parados_parameter::{Clock, KeyManagement};
use sqlx::Connection as _;
use sqlx::sqlite::{SqlitePool, SqlitePoolOptions};

use super::feed::Feed;
use super::keys::{Keys, Source};
use super::queue::{Queue, Work};
use super::schema::{self, Durability};
use super::scratch::ScratchFolder;
use super::{changing, migrate, putting};
use crate::change::ChangeWatch;
use crate::failure::Failure;
use crate::master_key::{self, KeyFiles};
use crate::open_error::OpenError;
use crate::private_file;
use crate::seal::{Keyring, MasterKey};

/// The database's file in its directory.
pub(super) const DATABASE_FILE: &str = "parameters.sqlite3";
/// Reads that run at once.
const READERS: u32 = 4;

/// Does `$work` with the master keys of `$engine`; once more with those that there are now, where one was missing.
macro_rules! with_keys {
    ($engine:expr, |$keys:ident| $work:expr) => {{
        let $keys = $engine.keys();
        match $work.await {
            Err($crate::failure::Failure::UnknownMasterKey) => match $engine.refresh_keys().await {
                Ok($keys) => $work.await,
                Err(failure) => Err(failure),
            },
            done => done,
        }
    }};
}
pub(super) use with_keys;

/// A database that is open.
pub(super) struct Engine {
    readers: SqlitePool,
    queue: Queue,
    keys: Arc<Keys>,
    feed: Arc<Feed>,
    clock: Arc<dyn Clock>,
    master_key_fits: bool,
    tier_limits: OnceLock<TierLimits>,
    // The last, so that a folder is removed when nothing is connected to what is in it.
    location: Location,
}

/// Where a database is.
enum Location {
    /// In a directory that stays.
    Kept(PathBuf),
    /// In one that goes with it.
    ThrownAway(ScratchFolder),
}

impl Location {
    fn directory(&self) -> &Path {
        match self {
            Self::Kept(directory) => directory,
            Self::ThrownAway(folder) => folder.path(),
        }
    }
}

impl Engine {
    /// Opens the database in `directory`; brings it to this release's schema first, where it is of an earlier one.
    pub(super) async fn open(
        directory: PathBuf,
        key_management: Option<Arc<dyn KeyManagement>>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let path = directory.join(DATABASE_FILE);
        if !path.exists() {
            return Err(OpenError::NotInitialised { directory });
        }
        private_file::check_closed(&path)?;
        let files = KeyFiles::find(&directory)?;
        let mut loaded = master_key::load_all(&files, key_management.as_ref()).await;
        if loaded.keys.is_empty() {
            let missing = || OpenError::MasterKeyMissing { directory: directory.clone() };
            return Err(loaded.error.take().unwrap_or_else(missing));
        }
        let connections = Connections::open(&path, Durability::Synced);
        let mut reader = connections.reader(&path).await?;
        if schema::recognise(&mut reader, &path).await? < schema::VERSION {
            drop(reader);
            migrate::migrate(&directory, &path, &loaded.keys).await?;
            reader = connections.reader(&path).await?;
        }
        let checks = schema::key_checks(&mut reader).await.map_err(OpenError::database("read", &path))?;
        drop(reader);
        if let Some(error) = loaded.error
            && Keyring::of(&checks, &loaded.keys).lacks(&checks)
        {
            return Err(error);
        }
        let source = Source { directory: directory.clone(), key_management };
        let keys = Keys::new(source, loaded.keys, files, &checks);
        Self::start(Location::Kept(directory), connections, keys, &checks, clock).await
    }

    /// Makes a database that goes with this.
    pub(super) async fn throw_away(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let scratch = ScratchFolder::create(folder)?;
        let path = scratch.path().join(DATABASE_FILE);
        private_file::create_empty(&path).map_err(OpenError::file("create", &path))?;
        let key = MasterKey::generate();
        schema::create(&path, Durability::Unsynced, &key).await.map_err(OpenError::database("create", &path))?;
        let connections = Connections::open(&path, Durability::Unsynced);
        let mut reader = connections.reader(&path).await?;
        let checks = schema::key_checks(&mut reader).await.map_err(OpenError::database("read", &path))?;
        drop(reader);
        let keys = Keys::in_memory(key, &checks);
        Self::start(Location::ThrownAway(scratch), connections, keys, &checks, clock).await
    }

    async fn start(
        location: Location,
        connections: Connections,
        keys: Keys,
        checks: &[(i64, Vec<u8>)],
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let path = location.directory().join(DATABASE_FILE);
        let Connections { readers, writer } = connections;
        let newest = changing::newest(&readers).await.map_err(|failure| OpenError::Damaged {
            path,
            message: failure.of_database("read the record of changes").message,
        })?;
        let master_key_fits = !keys.ring().lacks(checks);
        let (keys, feed) = (Arc::new(keys), Arc::new(Feed::new(newest)));
        let queue = Queue::start(writer, readers.clone(), keys.clone(), feed.clone());
        Ok(Self { readers, queue, keys, feed, clock, master_key_fits, tier_limits: OnceLock::new(), location })
    }

    pub(super) fn directory(&self) -> &Path {
        self.location.directory()
    }

    /// Where it is, unless it is thrown away.
    pub(super) fn kept_directory(&self) -> Option<&Path> {
        match &self.location {
            Location::Kept(directory) => Some(directory),
            Location::ThrownAway(_) => None,
        }
    }

    pub(super) fn master_key_fits(&self) -> bool {
        self.master_key_fits
    }

    pub(super) fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn elapsed(&self) -> i64 {
        self.feed.elapsed()
    }

    pub(super) fn watch(&self, every: Duration) -> ChangeWatch {
        self.feed.watch(&self.readers, every)
    }

    /// Does a write; answers when it is on the disk.
    pub(super) async fn write<W: Work>(&self, work: W) -> Result<W::Outcome, Failure> {
        self.queue.submit(work).await
    }

    /// How many parameters of each tier there may be, from now on.
    pub(super) fn limit_tiers(&self, limits: TierLimits) {
        self.tier_limits.get_or_init(|| limits);
    }

    /// How many parameters of each tier there may be.
    pub(super) fn tier_limits(&self) -> Option<TierLimits> {
        self.tier_limits.get().copied()
    }

    /// The master keys.
    pub(super) fn keys(&self) -> Arc<Keyring> {
        self.keys.ring()
    }

    /// The numbers and checks of the master keys that the database knows.
    pub(super) async fn key_checks(&self) -> Result<Vec<(i64, Vec<u8>)>, Failure> {
        Ok(schema::key_checks(&mut *self.readers.acquire().await?).await?)
    }

    /// Whether each of the database's master keys is there.
    pub(super) async fn has_all_keys(&self) -> Result<bool, Failure> {
        let ring = self.refresh_keys().await?;
        Ok(!ring.lacks(&self.key_checks().await?))
    }

    /// Takes a master key to those that are at hand.
    pub(super) async fn know(&self, key: Arc<MasterKey>) {
        self.keys.know(key).await;
    }

    /// The master keys that there are now, where one was missing.
    pub(super) async fn refresh_keys(&self) -> Result<Arc<Keyring>, Failure> {
        self.keys.refresh(&self.readers).await
    }

    /// Ends what is under way, and brings what is in the log into the file.
    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.queue.close().await;
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("directory", &self.directory()).finish_non_exhaustive()
    }
}

/// The connections of one process: some that read, and one that writes.
struct Connections {
    readers: SqlitePool,
    writer: SqlitePool,
}

impl Connections {
    /// Nothing is connected to before it is used.
    fn open(path: &Path, durability: Durability) -> Self {
        let connection = schema::connection(path, durability);
        // A disk that is full makes SQLite end a transaction by itself, which leaves the driver believing in it for ever: such
        // a connection is replaced.
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .test_before_acquire(false)
            .before_acquire(|writer, _| Box::pin(async { Ok(!writer.is_in_transaction()) }))
            .after_connect(|writer, _| {
                Box::pin(async { sqlx::raw_sql(putting::CONNECTION).execute(writer).await.map(drop) })
            });
        let writer = writer.connect_lazy_with(connection.clone());
        let readers = SqlitePoolOptions::new().max_connections(READERS).test_before_acquire(false);
        Self { readers: readers.connect_lazy_with(connection.pragma("query_only", "ON")), writer }
    }

    async fn reader(&self, path: &Path) -> Result<sqlx::pool::PoolConnection<sqlx::Sqlite>, OpenError> {
        self.readers.acquire().await.map_err(schema::unrecognised("open", path))
    }
}
