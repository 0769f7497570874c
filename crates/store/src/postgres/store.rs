//! The store of one account and Region of a database, and which room answers which call.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use parados_parameter::{
    AccountRegion, ByPathRequest, DescribeRequest, GetManyOutcome, HistoryEntry, HistoryRequest, Label, LabelOutcome,
    Operation, Page, Parameter, ParameterMetadata, ParameterName, ParameterReference, ParameterStore, PutOutcome,
    PutRequest, Result, StoreErrorKind, Tag, UnlabelOutcome, Version,
};

use super::database::Engine;
use super::putting::Author;
use super::{annotating, connection, listing, putting, reading};
use crate::failure::Failure;

/// A [`ParameterStore`] in a PostgreSQL database.
///
/// * A write that returned is committed and on the primary's disk. One that failed with Connection or Timeout may have happened or not;
///   any other error says that it has not.
/// * Any number of processes may use the database. Writes of one parameter wait for one another for up to 10 seconds and then fail with
///   TooManyUpdates; reads wait for nobody, and see every write that returned before they began.
/// * Values are sealed as the embedded store's are.
#[derive(Clone)]
pub struct PostgresStore {
    pub(super) engine: Arc<Engine>,
    pub(super) at: AccountRegion,
    pub(super) user: Arc<str>,
}

impl PostgresStore {
    fn author(&self) -> Author<'_> {
        let tier_limits = self.engine.tier_limits.get().copied();
        Author { at: &self.at, user: &self.user, now: self.engine.clock.now(), tier_limits }
    }
}

/// Does `$read` on a connection, and again where it meets a master key that is new to the process.
macro_rules! read {
    ($store:expr, $operation:ident, $subject:expr, |$connection:ident, $keys:ident| $read:expr) => {{
        let engine = &$store.engine;
        let read = async {
            let mut free = connection::acquire(&engine.pool).await?;
            let (mut ring, mut is_fresh) = (engine.keys.ring(), false);
            loop {
                let ($connection, $keys) = (&mut *free, &*ring);
                let done = connection::within($read).await;
                free.ended(&done);
                match done {
                    Err(Failure::UnknownMasterKey) if !std::mem::replace(&mut is_fresh, true) => {
                        ring = engine.keys.refresh(&engine.pool).await?;
                    }
                    done => return done,
                }
            }
        };
        read.await.map_err(|failure: Failure| failure.of(Operation::$operation, $subject))
    }};
}

/// Does `$write` in a transaction of its own that holds the lock of the name, and again where it meets a master key that is new to the
/// process; tells who watches.
macro_rules! write {
    ($store:expr, $operation:ident, $name:expr, |$connection:ident, $keys:ident| $write:expr) => {{
        let (store, engine) = ($store, &$store.engine);
        let write = async {
            let mut free = connection::acquire(&engine.pool).await?;
            let (mut ring, mut is_fresh) = (engine.keys.ring(), false);
            loop {
                let $keys = &*ring;
                let attempt = async {
                    let mut transaction = connection::begin(&mut *free, &store.at, $name).await?;
                    let $connection = &mut *transaction;
                    let outcome = $write.await?;
                    connection::commit(transaction).await?;
                    Ok(outcome)
                };
                let done = connection::within(attempt).await;
                free.ended(&done);
                match done {
                    Err(Failure::UnknownMasterKey) if !std::mem::replace(&mut is_fresh, true) => {
                        ring = engine.keys.refresh(&engine.pool).await?;
                    }
                    done => {
                        if may_have_happened(&done) {
                            engine.feed.announce(&store.at, $name);
                        }
                        return done;
                    }
                }
            }
        };
        write.await.map_err(|failure: Failure| failure.of(Operation::$operation, $name))
    }};
}

/// Whether a write may be committed.
fn may_have_happened<T>(done: &std::result::Result<T, Failure>) -> bool {
    matches!(done, Ok(_) | Err(Failure::Storage(StoreErrorKind::Connection | StoreErrorKind::Timeout, _)))
}

#[async_trait]
impl ParameterStore for PostgresStore {
    async fn describe(&self, request: &DescribeRequest) -> Result<Page<ParameterMetadata>> {
        read!(self, DescribeParameters, "", |connection, _keys| listing::describe(connection, &self.at, request))
    }

    async fn get(&self, reference: &ParameterReference) -> Result<Parameter> {
        read!(self, GetParameter, reference, |connection, keys| reading::get(connection, &self.at, keys, reference))
    }

    async fn get_many(&self, names: &[ParameterName]) -> Result<GetManyOutcome> {
        read!(self, GetParameters, "", |connection, keys| reading::get_many(connection, &self.at, keys, names))
    }

    async fn by_path(&self, request: &ByPathRequest) -> Result<Page<Parameter>> {
        read!(self, GetParametersByPath, &request.path, |connection, keys| listing::by_path(
            connection, &self.at, keys, request
        ))
    }

    async fn history(&self, request: &HistoryRequest) -> Result<Page<HistoryEntry>> {
        read!(self, GetParameterHistory, &request.name, |connection, keys| reading::history(
            connection, &self.at, keys, request
        ))
    }

    async fn tags(&self, names: &[ParameterName]) -> Result<BTreeMap<ParameterName, Vec<Tag>>> {
        read!(self, GetResources, "", |connection, _keys| reading::tags(connection, &self.at, names))
    }

    async fn list_tags(&self, name: &ParameterName) -> Result<Vec<Tag>> {
        read!(self, ListTagsForResource, name, |connection, _keys| reading::list_tags(connection, &self.at, name))
    }

    async fn put(&self, request: &PutRequest) -> Result<PutOutcome> {
        let author = self.author();
        write!(self, PutParameter, &request.name, |connection, keys| putting::put(connection, &author, keys, request))
    }

    async fn delete(&self, name: &ParameterName) -> Result<()> {
        let author = self.author();
        write!(self, DeleteParameter, name, |connection, _keys| putting::delete(connection, &author, name))
    }

    async fn label(&self, name: &ParameterName, version: Option<Version>, labels: &[String]) -> Result<LabelOutcome> {
        let author = self.author();
        write!(self, LabelParameterVersion, name, |connection, _keys| annotating::label(
            connection, &author, name, version, labels
        ))
    }

    async fn unlabel(&self, name: &ParameterName, version: Version, labels: &[Label]) -> Result<UnlabelOutcome> {
        let author = self.author();
        write!(self, UnlabelParameterVersion, name, |connection, _keys| annotating::unlabel(
            connection, &author, name, version, labels
        ))
    }

    async fn tag(&self, name: &ParameterName, tags: &[Tag]) -> Result<()> {
        let author = self.author();
        write!(self, AddTagsToResource, name, |connection, _keys| annotating::tag(connection, &author, name, tags))
    }

    async fn untag(&self, name: &ParameterName, keys: &[String]) -> Result<()> {
        let author = self.author();
        write!(self, RemoveTagsFromResource, name, |connection, _keys| annotating::untag(
            connection, &author, name, keys
        ))
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = &self.engine.url;
        f.debug_struct("PostgresStore").field("database", url).field("at", &self.at).finish_non_exhaustive()
    }
}
