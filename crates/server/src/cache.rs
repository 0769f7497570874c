//! A cache of reads in front of a database: bounded in bytes, and never staler than a bound.
//!
//! * A write through this cache is seen by every later read of it.
//! * A write by another process is seen at the latest when the bound has passed: what is kept is served only while it is known to have
//!   been true within the bound, by [`ChangeWatch::seen_until`] or by when it was read.
//! * A slow read never puts an older value in the place of a newer one: it is kept only if nothing was heard of the name since it began.
//!
//! It keeps what GetParameter and GetParameters read, decrypted, in memory. Nothing that is not there is kept, no listing, and no history.

mod stripes;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use parados_parameter::rules::check_get_many;
use parados_parameter::{
    AccountRegion, ByPathRequest, DescribeRequest, GetManyOutcome, HistoryEntry, HistoryRequest, Label, LabelOutcome,
    Page, Parameter, ParameterMetadata, ParameterName, ParameterReference, ParameterStore, PutOutcome, PutRequest,
    SharedStore, StoreError, Tag, UnlabelOutcome, Version, VersionReference,
};
use parados_store::{Change, ChangeCursor, ChangePage, ChangeWatch, DatabaseError, ParameterDatabase, SweepReport};
use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};
use tokio::sync::broadcast::error::TryRecvError;
use zeroize::Zeroizing;

use stripes::{Stripes, Ticket};

use crate::metrics::Reading;

/// How much is kept, and how stale it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// Most bytes that are kept; see [`CachedDatabase`] for what counts.
    pub bytes: u64,
    /// How long another process's write may go unseen.
    pub max_staleness: Duration,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self { bytes: 64 * 1024 * 1024, max_staleness: Duration::from_secs(1) }
    }
}

/// A database whose parameters are read through a cache.
#[derive(Debug)]
pub struct CachedDatabase {
    inner: Arc<dyn ParameterDatabase>,
    cache: Arc<ReadCache>,
}

impl CachedDatabase {
    /// Puts a cache in front of `inner`. What counts is names, values, and an allowance for what holds them.
    pub fn new(inner: Arc<dyn ParameterDatabase>, options: CacheOptions) -> Self {
        /// A parameter of a kilobyte and a half, of which many are smaller.
        const TYPICAL_BYTES: u64 = 1536;
        let bound = i64::try_from(options.max_staleness.as_millis()).unwrap_or(i64::MAX);
        // Looked at several times within the bound, so that what is kept stays servable without a read.
        let watch = inner.watch((options.max_staleness / 4).max(Duration::from_millis(5)));
        let typical = usize::try_from(options.bytes / TYPICAL_BYTES).unwrap_or(usize::MAX).max(16);
        let cache = ReadCache {
            entries: Cache::with_weighter(typical, options.bytes, ByBytes),
            stripes: Stripes::default(),
            watch: Mutex::new(watch),
            database: Arc::clone(&inner),
            bound,
            misses: AtomicU64::new(0),
        };
        Self { inner, cache: Arc::new(cache) }
    }

    /// What is measured of it.
    pub fn readings(&self) -> Vec<Reading> {
        #[expect(clippy::cast_precision_loss, reason = "metrics are floating point")]
        let reading = |name, help, is_counter, of: fn(&ReadCache) -> u64| {
            let cache = self.cache.clone();
            Reading { name, help, is_counter, read: Box::new(move || of(&cache) as f64) }
        };
        vec![
            reading("parados_cache_entries", "Parameters that are kept to be read again", false, |cache| {
                cache.entries.len() as u64
            }),
            reading("parados_cache_bytes", "Bytes of them", false, |cache| cache.entries.weight()),
            reading(
                "parados_cache_misses",
                "Parameters that were looked for and not kept, or too old",
                true,
                |cache| cache.misses.load(Ordering::Relaxed),
            ),
        ]
    }
}

/// What was read of the parameters.
#[derive(Debug)]
struct ReadCache {
    entries: Cache<Key, Arc<Entry>, ByBytes>,
    stripes: Stripes,
    watch: Mutex<ChangeWatch>,
    database: Arc<dyn ParameterDatabase>,
    /// Milliseconds.
    bound: i64,
    misses: AtomicU64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    place: AccountRegion,
    name: ParameterName,
}

/// A [`Key`] that is looked for.
#[derive(Hash)]
struct KeyRef<'a> {
    place: &'a AccountRegion,
    name: &'a ParameterName,
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.place == &key.place && self.name == &key.name
    }
}

/// What is known of one parameter: of its newest version, and of those that were asked for.
#[derive(Clone, Debug, Default)]
struct Entry {
    read: Vec<Read>,
}

#[derive(Clone, Debug)]
struct Read {
    at: Option<VersionReference>,
    parameter: Parameter,
    /// When the read began, by the database's clock.
    began: i64,
}

#[derive(Clone, Debug)]
struct ByBytes;

impl Weighter<Key, Arc<Entry>> for ByBytes {
    fn weight(&self, key: &Key, entry: &Arc<Entry>) -> u64 {
        /// What a parameter and its place in the cache take beside their texts.
        const ALLOWANCE: usize = 320;
        let of = |read: &Read| {
            let parameter = &read.parameter;
            ALLOWANCE
                + parameter.value.len()
                + parameter.name.as_str().len()
                + parameter.arn.as_ref().map_or(0, String::len)
        };
        (key.name.as_str().len() + entry.read.iter().map(of).sum::<usize>()) as u64
    }
}

/// Versions and labels of one parameter that are kept beside its newest version.
const MAX_SELECTED: usize = 8;

impl ReadCache {
    /// Hears what is new, and says up to when everything was heard.
    fn listen(&self) -> i64 {
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        // First this, then what was sent before it was set.
        let seen_until = watch.seen_until();
        loop {
            match watch.changed.try_recv() {
                Ok(Some((place, name))) => self.forget(&place, &name),
                Ok(None) | Err(TryRecvError::Lagged(_)) => self.forget_all(),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return seen_until,
            }
        }
    }

    fn find(&self, place: &AccountRegion, name: &ParameterName, at: Option<&VersionReference>) -> Option<Parameter> {
        let seen_until = self.listen();
        let entry = self.entries.get(&KeyRef { place, name })?;
        let read = entry.read.iter().find(|read| read.at.as_ref() == at)?;
        let known_until = read.began.max(seen_until);
        (self.database.elapsed().saturating_sub(known_until) <= self.bound).then(|| read.parameter.clone())
    }

    /// A read of what is not kept begins.
    fn begin(&self, place: &AccountRegion, name: &ParameterName) -> Ticket {
        self.misses.fetch_add(1, Ordering::Relaxed);
        self.stripes.begin(&KeyRef { place, name }, self.database.elapsed())
    }

    /// Keeps what was read, unless something was heard of the name since.
    fn keep(&self, ticket: Ticket, place: &AccountRegion, at: Option<VersionReference>, parameter: &Parameter) {
        self.listen();
        self.stripes.if_unchanged(&ticket, || {
            let name = &parameter.name;
            let mut entry =
                self.entries.peek(&KeyRef { place, name }).map(|entry| (*entry).clone()).unwrap_or_default();
            entry.read.retain(|read| read.at != at);
            if entry.read.len() > MAX_SELECTED {
                entry.read.remove(0);
            }
            entry.read.push(Read { at, parameter: parameter.clone(), began: ticket.began });
            self.entries.insert(Key { place: place.clone(), name: name.clone() }, Arc::new(entry));
        });
    }

    fn forget(&self, place: &AccountRegion, name: &ParameterName) {
        let key = KeyRef { place, name };
        self.stripes.change(&key, || drop(self.entries.remove(&key)));
    }

    fn forget_all(&self) {
        self.stripes.change_all(|| self.entries.clear());
    }
}

/// Forgets a name when a write of it ends, however it ends.
struct Writing<'a> {
    store: &'a CachedStore,
    name: &'a ParameterName,
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.store.cache.forget(&self.store.place, self.name);
    }
}

/// The store of one account and Region, read through the cache.
#[derive(Debug)]
struct CachedStore {
    inner: SharedStore,
    cache: Arc<ReadCache>,
    place: AccountRegion,
}

impl CachedStore {
    fn writing<'a>(&'a self, name: &'a ParameterName) -> Writing<'a> {
        Writing { store: self, name }
    }
}

#[async_trait]
impl ParameterStore for CachedStore {
    async fn describe(&self, request: &DescribeRequest) -> Result<Page<ParameterMetadata>, StoreError> {
        self.inner.describe(request).await
    }

    async fn get(&self, reference: &ParameterReference) -> Result<Parameter, StoreError> {
        if let Some(parameter) = self.cache.find(&self.place, &reference.name, reference.at.as_ref()) {
            return Ok(parameter);
        }
        let ticket = self.cache.begin(&self.place, &reference.name);
        let parameter = self.inner.get(reference).await?;
        self.cache.keep(ticket, &self.place, reference.at.clone(), &parameter);
        Ok(parameter)
    }

    async fn get_many(&self, names: &[ParameterName]) -> Result<GetManyOutcome, StoreError> {
        check_get_many(names)?;
        let mut parameters = Vec::with_capacity(names.len());
        let mut asked = Vec::new();
        for name in names {
            match self.cache.find(&self.place, name, None) {
                Some(parameter) => parameters.push(parameter),
                None => asked.push(name.clone()),
            }
        }
        if asked.is_empty() {
            return Ok(GetManyOutcome { parameters, invalid: Vec::new() });
        }
        let tickets: Vec<(ParameterName, Ticket)> =
            asked.iter().map(|name| (name.clone(), self.cache.begin(&self.place, name))).collect();
        let mut outcome = self.inner.get_many(&asked).await?;
        for (name, ticket) in tickets {
            if let Some(parameter) = outcome.parameters.iter().find(|parameter| parameter.name == name) {
                self.cache.keep(ticket, &self.place, None, parameter);
            }
        }
        outcome.parameters.append(&mut parameters);
        Ok(outcome)
    }

    async fn by_path(&self, request: &ByPathRequest) -> Result<Page<Parameter>, StoreError> {
        self.inner.by_path(request).await
    }

    async fn history(&self, request: &HistoryRequest) -> Result<Page<HistoryEntry>, StoreError> {
        self.inner.history(request).await
    }

    async fn tags(&self, names: &[ParameterName]) -> Result<BTreeMap<ParameterName, Vec<Tag>>, StoreError> {
        self.inner.tags(names).await
    }

    async fn all_tags(&self) -> Result<Option<BTreeMap<ParameterName, Vec<Tag>>>, StoreError> {
        self.inner.all_tags().await
    }

    async fn list_tags(&self, name: &ParameterName) -> Result<Vec<Tag>, StoreError> {
        self.inner.list_tags(name).await
    }

    async fn put(&self, request: &PutRequest) -> Result<PutOutcome, StoreError> {
        let _writing = self.writing(&request.name);
        self.inner.put(request).await
    }

    async fn delete(&self, name: &ParameterName) -> Result<(), StoreError> {
        let _writing = self.writing(name);
        self.inner.delete(name).await
    }

    async fn label(
        &self,
        name: &ParameterName,
        version: Option<Version>,
        labels: &[String],
    ) -> Result<LabelOutcome, StoreError> {
        let _writing = self.writing(name);
        self.inner.label(name, version, labels).await
    }

    async fn unlabel(
        &self,
        name: &ParameterName,
        version: Version,
        labels: &[Label],
    ) -> Result<UnlabelOutcome, StoreError> {
        let _writing = self.writing(name);
        self.inner.unlabel(name, version, labels).await
    }

    async fn tag(&self, name: &ParameterName, tags: &[Tag]) -> Result<(), StoreError> {
        self.inner.tag(name, tags).await
    }

    async fn untag(&self, name: &ParameterName, keys: &[String]) -> Result<(), StoreError> {
        self.inner.untag(name, keys).await
    }
}

#[async_trait]
impl ParameterDatabase for CachedDatabase {
    fn store(&self, at: &AccountRegion, user: &str) -> SharedStore {
        let inner = self.inner.store(at, user);
        Arc::new(CachedStore { inner, cache: Arc::clone(&self.cache), place: at.clone() })
    }

    async fn places(&self) -> Result<Vec<AccountRegion>, DatabaseError> {
        self.inner.places().await
    }

    /// What it deletes is heard of before the next read, as every write through the database is.
    async fn sweep(&self, now: Timestamp) -> Result<SweepReport, DatabaseError> {
        self.inner.sweep(now).await
    }

    async fn changes(&self, after: &ChangeCursor, limit: usize) -> Result<ChangePage, DatabaseError> {
        self.inner.changes(after, limit).await
    }

    async fn newest_change(&self) -> Result<ChangeCursor, DatabaseError> {
        self.inner.newest_change().await
    }

    async fn deleted_since(&self, since: Timestamp) -> Result<Vec<Change>, DatabaseError> {
        self.inner.deleted_since(since).await
    }

    async fn forget_changes(&self, until: &ChangeCursor) -> Result<(), DatabaseError> {
        self.inner.forget_changes(until).await
    }

    fn watch(&self, every: Duration) -> ChangeWatch {
        self.inner.watch(every)
    }

    fn elapsed(&self) -> i64 {
        self.inner.elapsed()
    }

    async fn seal_secret(&self, context: &str, secret: &[u8]) -> Result<Vec<u8>, DatabaseError> {
        self.inner.seal_secret(context, secret).await
    }

    async fn open_secret(&self, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, DatabaseError> {
        self.inner.open_secret(context, sealed).await
    }

    async fn ping(&self) -> Result<(), DatabaseError> {
        self.inner.ping().await
    }
}

#[cfg(test)]
mod tests;
