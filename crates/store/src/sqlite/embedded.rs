//! The store itself: how it is made and opened, and which room answers which call.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use parados_parameter::{
    ByPathRequest, Clock, DescribeRequest, GetManyOutcome, HistoryEntry, HistoryRequest, KeyManagement, Label,
    LabelOutcome, Operation, Page, Parameter, ParameterMetadata, ParameterName, ParameterReference, ParameterStore,
    PutOutcome, PutRequest, Result, Tag, UnlabelOutcome, Version,
};
use sqlx::sqlite::{Sqlite, SqlitePool, SqlitePoolOptions};
use sqlx::{Connection as _, Transaction};

use crate::failure::Failure;
use crate::master_key::{self, MasterKeySource};
use crate::open_error::OpenError;
use crate::private_file;
use crate::seal::MasterKey;
use crate::sqlite::putting::Writer;
use crate::sqlite::schema::Durability;
use crate::sqlite::scratch::ScratchFolder;
use crate::sqlite::seal_1::Seal;
use crate::sqlite::{annotating, listing, putting, reading, schema};

const DATABASE_FILE: &str = "parameters.sqlite3";
/// Reads that run at once.
const READERS: u32 = 4;

/// How a store is made.
#[derive(Clone, Debug)]
pub struct InitOptions {
    /// Where; made with mode 0700 where it is missing.
    pub directory: PathBuf,
    /// How its master key is kept.
    pub master_key: MasterKeySource,
}

impl InitOptions {
    /// A store in `directory` whose master key is a file in it.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), master_key: MasterKeySource::File }
    }
}

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Where it is.
    pub directory: PathBuf,
    /// The service that unwraps a wrapped master key.
    pub key_management: Option<Arc<dyn KeyManagement>>,
    /// What dates versions.
    pub clock: Arc<dyn Clock>,
    /// Who the versions that are put are said to be by.
    pub user: String,
}

/// How a store that is thrown away at its end is made: the same engine, except that
///
/// * it lies in a folder of its own, of mode 0700, which is removed when the store is dropped. What a killed process leaves is
///   removed by [`remove_abandoned`](crate::remove_abandoned);
/// * its master key is nowhere but in memory, so nobody can read a value of what is left;
/// * nothing is synced to the disk: a power cut may lose all of it.
#[derive(Clone, Debug)]
pub struct ThrowAwayOptions {
    /// The folder in which it gets one of its own; made with mode 0700 where it is missing.
    pub folder: PathBuf,
    /// What dates versions.
    pub clock: Arc<dyn Clock>,
    /// Who the versions that are put are said to be by.
    pub user: String,
}

/// A [`ParameterStore`] in a directory of this machine.
///
/// * A write that returned is on the disk: SQLite's write-ahead log, synced at each commit. A process that is killed or a
///   power cut leaves the last commit, whole.
/// * Any number of processes may have it open. Writes wait for one another for up to 30 seconds and then fail with
///   TooManyUpdates; reads wait for nobody.
/// * Values are sealed under the master key, each bound to its name and version. One that was damaged, moved, or sealed under
///   another key is `Unreadable`; it is never read as another value.
/// * Keys of SecureStrings are names only: no KMS is asked. There is no limit to how many parameters a tier holds, and
///   policies are kept and not acted on.
pub struct EmbeddedStore {
    readers: SqlitePool,
    writer: SqlitePool,
    seal: Seal,
    master_key_fits: bool,
    clock: Arc<dyn Clock>,
    user: String,
    // The last, so that a folder is removed when nothing is connected to what is in it.
    place: Place,
}

/// Where a store is.
enum Place {
    /// In a directory that stays.
    Kept(PathBuf),
    /// In one that goes with it.
    ThrownAway(ScratchFolder),
}

impl Place {
    fn directory(&self) -> &Path {
        match self {
            Self::Kept(directory) => directory,
            Self::ThrownAway(folder) => folder.path(),
        }
    }
}

impl EmbeddedStore {
    /// Makes an empty store. An init that was interrupted can be repeated.
    ///
    /// # Errors
    /// [`OpenError::AlreadyInitialised`] where there is one, which stays as it is; and when the directory is open to others,
    /// the key cannot be wrapped, or the disk fails.
    pub async fn init(options: &InitOptions) -> Result<(), OpenError> {
        let directory = &options.directory;
        let path = directory.join(DATABASE_FILE);
        let already = || OpenError::AlreadyInitialised { directory: directory.clone() };
        if Self::exists(directory) {
            return Err(already());
        }
        private_file::create_directory(directory)?;
        let seal = Seal::new(&master_key::create(directory, &options.master_key).await?);
        let (draft, _) = private_file::create_beside(&path).map_err(OpenError::file("create", &path))?;
        if let Err(error) = schema::create(&draft, Durability::Synced, &seal.key_check()).await {
            // What the failure is stands in `error`; a draft that stays behind is in nobody's way.
            drop(std::fs::remove_file(&draft));
            return Err(OpenError::database("create", &path)(error));
        }
        private_file::publish(&draft, &path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => already(),
            _ => OpenError::file("create", &path)(error),
        })
    }

    /// Opens a store.
    ///
    /// A master key that is another store's does not keep it from opening: the names are still there to be listed. Its
    /// values are then `Unreadable` and puts are refused; see [`master_key_fits`](Self::master_key_fits).
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub async fn open(options: OpenOptions) -> Result<Self, OpenError> {
        let OpenOptions { directory, key_management, clock, user } = options;
        if !Self::exists(&directory) {
            return Err(OpenError::NotInitialised { directory });
        }
        let path = directory.join(DATABASE_FILE);
        private_file::check_closed(&path)?;
        let seal = Seal::new(&master_key::load(&directory, key_management.as_ref()).await?);
        Self::connect(Place::Kept(directory), Durability::Synced, seal, clock, user).await
    }

    /// Makes an empty store that is gone when it is closed or dropped: see [`ThrowAwayOptions`].
    ///
    /// # Errors
    /// [`OpenError`], when the folder is open to others or the disk fails.
    pub async fn throw_away(options: ThrowAwayOptions) -> Result<Self, OpenError> {
        let ThrowAwayOptions { folder, clock, user } = options;
        let scratch = ScratchFolder::create(&folder)?;
        let path = scratch.path().join(DATABASE_FILE);
        private_file::create_empty(&path).map_err(OpenError::file("create", &path))?;
        let seal = Seal::new(&MasterKey::generate());
        let created = schema::create(&path, Durability::Unsynced, &seal.key_check()).await;
        created.map_err(OpenError::database("create", &path))?;
        Self::connect(Place::ThrownAway(scratch), Durability::Unsynced, seal, clock, user).await
    }

    async fn connect(
        place: Place,
        durability: Durability,
        seal: Seal,
        clock: Arc<dyn Clock>,
        user: String,
    ) -> Result<Self, OpenError> {
        let path = place.directory().join(DATABASE_FILE);
        let connection = schema::connection(&path, durability);
        // A disk that is full makes SQLite end a transaction by itself, which leaves the driver believing in it for ever: such
        // a connection is replaced.
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .test_before_acquire(false)
            .before_acquire(|writer, _| Box::pin(async { Ok(!writer.is_in_transaction()) }));
        let writer = writer.connect_lazy_with(connection.clone());
        let readers = SqlitePoolOptions::new().max_connections(READERS).test_before_acquire(false);
        let readers = readers.connect_lazy_with(connection.pragma("query_only", "ON"));
        let key_check = match readers.acquire().await {
            Ok(mut reader) => schema::recognise(&mut reader, &path).await?,
            Err(error) => return Err(schema::unrecognised("open", &path)(error)),
        };
        let master_key_fits = seal.is_checked_by(&key_check);
        Ok(Self { place, readers, writer, seal, master_key_fits, clock, user })
    }

    /// Whether there is a store in `directory`, whatever its state.
    pub fn exists(directory: &Path) -> bool {
        directory.join(DATABASE_FILE).exists()
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        self.place.directory()
    }

    /// Whether the master key is the one that the values are sealed under.
    pub fn master_key_fits(&self) -> bool {
        self.master_key_fits
    }

    /// Puts all of `requests`, in order, in one transaction: many times faster than one by one, since the disk is synced once.
    /// All of them happen or, where one is refused, none.
    ///
    /// # Errors
    /// Those of [`put`](ParameterStore::put), for the first request that is refused.
    pub async fn put_all(&self, requests: &[PutRequest]) -> Result<Vec<PutOutcome>> {
        let put_all = async {
            let writer = self.writer()?;
            let mut transaction = self.begin().await?;
            let mut outcomes = Vec::with_capacity(requests.len());
            for request in requests {
                outcomes.push(writer.put(&mut transaction, request).await?);
            }
            transaction.commit().await?;
            Ok(outcomes)
        };
        put_all.await.map_err(|failure: Failure| failure.of(Operation::PutParameter, ""))
    }

    /// Closes it in order: calls under way end, and what is in the log is brought into the file. A store that is dropped
    /// instead has lost nothing. One that is thrown away goes when it is dropped.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        self.writer.begin_with("BEGIN IMMEDIATE").await
    }

    fn writer(&self) -> Result<Writer<'_>, Failure> {
        match self.master_key_fits {
            true => Ok(Writer { seal: &self.seal, now: self.clock.now(), user: &self.user }),
            false => Err(Failure::WrongMasterKey),
        }
    }
}

/// Does `$write` in a transaction of its own.
macro_rules! write {
    ($store:expr, $operation:ident, $name:expr, |$connection:ident| $write:expr) => {{
        let work = async {
            let mut transaction = $store.begin().await?;
            let $connection = &mut *transaction;
            let outcome = $write.await?;
            transaction.commit().await?;
            Ok(outcome)
        };
        work.await.map_err(|failure: Failure| failure.of(Operation::$operation, $name))
    }};
}

#[async_trait]
impl ParameterStore for EmbeddedStore {
    async fn describe(&self, request: &DescribeRequest) -> Result<Page<ParameterMetadata>> {
        listing::describe(&self.readers, request).await.map_err(|failure| failure.of(Operation::DescribeParameters, ""))
    }

    async fn get(&self, reference: &ParameterReference) -> Result<Parameter> {
        let got = reading::get(&self.readers, &self.seal, reference).await;
        got.map_err(|failure| failure.of(Operation::GetParameter, reference))
    }

    async fn get_many(&self, names: &[ParameterName]) -> Result<GetManyOutcome> {
        let got = reading::get_many(&self.readers, &self.seal, names).await;
        got.map_err(|failure| failure.of(Operation::GetParameters, ""))
    }

    async fn by_path(&self, request: &ByPathRequest) -> Result<Page<Parameter>> {
        let page = listing::by_path(&self.readers, &self.seal, request).await;
        page.map_err(|failure| failure.of(Operation::GetParametersByPath, &request.path))
    }

    async fn history(&self, request: &HistoryRequest) -> Result<Page<HistoryEntry>> {
        let page = reading::history(&self.readers, &self.seal, request).await;
        page.map_err(|failure| failure.of(Operation::GetParameterHistory, &request.name))
    }

    async fn tags(&self, names: &[ParameterName]) -> Result<BTreeMap<ParameterName, Vec<Tag>>> {
        reading::tags(&self.readers, names).await.map_err(|failure| failure.of(Operation::GetResources, ""))
    }

    async fn list_tags(&self, name: &ParameterName) -> Result<Vec<Tag>> {
        let tags = reading::list_tags(&self.readers, name).await;
        tags.map_err(|failure| failure.of(Operation::ListTagsForResource, name))
    }

    async fn put(&self, request: &PutRequest) -> Result<PutOutcome> {
        let writer = self.writer().map_err(|failure| failure.of(Operation::PutParameter, &request.name))?;
        write!(self, PutParameter, &request.name, |connection| writer.put(connection, request))
    }

    async fn delete(&self, name: &ParameterName) -> Result<()> {
        write!(self, DeleteParameter, name, |connection| putting::delete(connection, name))
    }

    async fn label(&self, name: &ParameterName, version: Option<Version>, labels: &[String]) -> Result<LabelOutcome> {
        write!(self, LabelParameterVersion, name, |connection| annotating::label(connection, name, version, labels))
    }

    async fn unlabel(&self, name: &ParameterName, version: Version, labels: &[Label]) -> Result<UnlabelOutcome> {
        write!(self, UnlabelParameterVersion, name, |connection| annotating::unlabel(connection, name, version, labels))
    }

    async fn tag(&self, name: &ParameterName, tags: &[Tag]) -> Result<()> {
        write!(self, AddTagsToResource, name, |connection| annotating::tag(connection, name, tags))
    }

    async fn untag(&self, name: &ParameterName, keys: &[String]) -> Result<()> {
        write!(self, RemoveTagsFromResource, name, |connection| annotating::untag(connection, name, keys))
    }
}

impl fmt::Debug for EmbeddedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedStore").field("directory", &self.directory()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
