//! The store of this machine: how it is made, opened and thrown away.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use parados_parameter::{
    AccountRegion, ByPathRequest, Clock, DescribeRequest, GetManyOutcome, HistoryEntry, HistoryRequest, KeyManagement,
    Label, LabelOutcome, Page, Parameter, ParameterMetadata, ParameterName, ParameterReference, ParameterStore,
    PutOutcome, PutRequest, Result, Tag, UnlabelOutcome, Version,
};

use super::database::SqliteDatabase;
use super::engine::{DATABASE_FILE, Engine};
use super::schema::{self, Durability};
use super::store::SqliteStore;
use crate::arn::{EMBEDDED_ACCOUNT, EMBEDDED_REGION};
use crate::master_key::{self, MasterKeySource};
use crate::open_error::OpenError;
use crate::private_file;

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
///   power cut leaves the last commit, whole. Writes at once share a sync.
/// * Any number of processes may have it open. Writes wait for one another for up to 30 seconds and then fail with
///   TooManyUpdates; reads wait for nobody.
/// * Values are sealed, each parameter's under a data key of its own, which is wrapped under the master key; each is bound to its
///   name and version. One that was damaged, moved, or sealed under another key is `Unreadable`; it is never read as another value.
/// * Keys of SecureStrings are names only: no KMS is asked. There is no limit to how many parameters a tier holds. Policies act
///   where somebody sweeps the [database](SqliteDatabase), as a server does.
///
/// It is the store of account 000000000000 and Region `embedded` in its database, which may hold others.
pub struct EmbeddedStore {
    database: SqliteDatabase,
    store: SqliteStore,
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
        let key = master_key::create(directory, &options.master_key).await?;
        let (draft, _) = private_file::create_beside(&path).map_err(OpenError::file("create", &path))?;
        if let Err(error) = schema::create(&draft, Durability::Synced, &key).await {
            // What the failure is stands in `error`; a draft that stays behind is in nobody's way.
            drop(std::fs::remove_file(&draft));
            return Err(OpenError::database("create", &path)(error));
        }
        private_file::publish(&draft, &path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => already(),
            _ => OpenError::file("create", &path)(error),
        })
    }

    /// Opens a store. One of an earlier release is brought to this one's schema first.
    ///
    /// A master key that is another store's does not keep it from opening: the names are still there to be listed. Its
    /// values are then `Unreadable` and puts are refused; see [`master_key_fits`](Self::master_key_fits).
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub async fn open(options: OpenOptions) -> Result<Self, OpenError> {
        let OpenOptions { directory, key_management, clock, user } = options;
        Ok(Self::over(Engine::open(directory, key_management, clock).await?, &user))
    }

    /// Makes an empty store that is gone when it is closed or dropped: see [`ThrowAwayOptions`].
    ///
    /// # Errors
    /// [`OpenError`], when the folder is open to others or the disk fails.
    pub async fn throw_away(options: ThrowAwayOptions) -> Result<Self, OpenError> {
        let ThrowAwayOptions { folder, clock, user } = options;
        Ok(Self::over(Engine::throw_away(&folder, clock).await?, &user))
    }

    fn over(engine: Engine, user: &str) -> Self {
        let engine = Arc::new(engine);
        let at = AccountRegion::new(EMBEDDED_ACCOUNT, EMBEDDED_REGION).expect("it is an account and a Region");
        let store = SqliteStore { engine: engine.clone(), at, user: user.into() };
        Self { database: SqliteDatabase(engine), store }
    }

    /// Whether there is a store in `directory`, whatever its state.
    pub fn exists(directory: &Path) -> bool {
        directory.join(DATABASE_FILE).exists()
    }

    /// The database that it is in.
    pub fn database(&self) -> &SqliteDatabase {
        &self.database
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        self.database.directory()
    }

    /// Whether the master key is the one that the values are sealed under.
    pub fn master_key_fits(&self) -> bool {
        self.database.master_key_fits()
    }

    /// Puts all of `requests`, in order, in one transaction: many times faster than one by one, since the disk is synced once.
    /// All of them happen or, where one is refused, none.
    ///
    /// # Errors
    /// Those of [`put`](ParameterStore::put), for the first request that is refused.
    pub async fn put_all(&self, requests: &[PutRequest]) -> Result<Vec<PutOutcome>> {
        self.store.put_all(requests).await
    }

    /// Closes it in order: calls under way end, and what is in the log is brought into the file. A store that is dropped
    /// instead has lost nothing that was acknowledged. One that is thrown away goes when it is dropped.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

#[async_trait]
impl ParameterStore for EmbeddedStore {
    async fn describe(&self, request: &DescribeRequest) -> Result<Page<ParameterMetadata>> {
        self.store.describe(request).await
    }

    async fn get(&self, reference: &ParameterReference) -> Result<Parameter> {
        self.store.get(reference).await
    }

    async fn get_many(&self, names: &[ParameterName]) -> Result<GetManyOutcome> {
        self.store.get_many(names).await
    }

    async fn by_path(&self, request: &ByPathRequest) -> Result<Page<Parameter>> {
        self.store.by_path(request).await
    }

    async fn history(&self, request: &HistoryRequest) -> Result<Page<HistoryEntry>> {
        self.store.history(request).await
    }

    async fn tags(&self, names: &[ParameterName]) -> Result<BTreeMap<ParameterName, Vec<Tag>>> {
        self.store.tags(names).await
    }

    async fn list_tags(&self, name: &ParameterName) -> Result<Vec<Tag>> {
        self.store.list_tags(name).await
    }

    async fn put(&self, request: &PutRequest) -> Result<PutOutcome> {
        self.store.put(request).await
    }

    async fn delete(&self, name: &ParameterName) -> Result<()> {
        self.store.delete(name).await
    }

    async fn label(&self, name: &ParameterName, version: Option<Version>, labels: &[String]) -> Result<LabelOutcome> {
        self.store.label(name, version, labels).await
    }

    async fn unlabel(&self, name: &ParameterName, version: Version, labels: &[Label]) -> Result<UnlabelOutcome> {
        self.store.unlabel(name, version, labels).await
    }

    async fn tag(&self, name: &ParameterName, tags: &[Tag]) -> Result<()> {
        self.store.tag(name, tags).await
    }

    async fn untag(&self, name: &ParameterName, keys: &[String]) -> Result<()> {
        self.store.untag(name, keys).await
    }
}

impl fmt::Debug for EmbeddedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedStore").field("directory", &self.directory()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
