//! Reads the values, tags and histories of a chunk of parameters that were listed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use futures::{StreamExt, future, stream};
use parados_parameter::reading::history_all;
use parados_parameter::{
    GetManyOutcome, HistoryEntry, MAX_GET_NAMES, MAX_TAG_NAMES, Operation, Parameter, ParameterMetadata, ParameterName,
    QuotaGroup, Result, SharedStore, StoreError, StoreErrorKind, Tag,
};
use tokio::sync::{OnceCell, Semaphore};

use super::previous::Unchanged;
use super::{CollectRequest, Collected, Listed, ReadChunk, assemble};
use crate::fingerprint::FingerprintKey;
use crate::report::MissingPart;

/// Calls on their way at once, of each of the three quotas. The quota is kept by the store's decorators; this bounds connections and memory.
const CALLS_IN_FLIGHT: usize = 12;
/// An operation that was denied this often and never once allowed is denied altogether.
const DENIED_ALTOGETHER: u64 = 10;
/// Calls in a row that stayed without an answer after every retry: the store is gone.
const OUTAGE: u32 = 5;

/// Something of a parameter that could not be read.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) name: ParameterName,
    pub(super) what: MissingPart,
    pub(super) reason: String,
}

/// How an operation was answered so far.
#[derive(Default)]
struct Answers {
    given: u64,
    denied: u64,
    last_denial: Option<StoreError>,
}

/// Reads chunks, several at once, and notices when going on is of no use.
pub(super) struct Reader<'a> {
    store: &'a SharedStore,
    request: &'a CollectRequest,
    fingerprints: &'a FingerprintKey,
    /// One for each of the quotas, so that waiting for one of them holds up no call of another.
    calls: [Semaphore; 3],
    answers: Mutex<BTreeMap<Operation, Answers>>,
    outages: AtomicU32,
    list_tags_one_by_one: AtomicBool,
    /// The tags of all parameters that have some, where those are few.
    all_tags: OnceCell<Option<BTreeMap<ParameterName, Vec<Tag>>>>,
    fatal: OnceLock<StoreError>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(store: &'a SharedStore, request: &'a CollectRequest, fingerprints: &'a FingerprintKey) -> Self {
        Self {
            store,
            request,
            fingerprints,
            calls: [(); 3].map(|()| Semaphore::new(CALLS_IN_FLIGHT)),
            answers: Mutex::default(),
            outages: AtomicU32::new(0),
            list_tags_one_by_one: AtomicBool::new(false),
            all_tags: OnceCell::new(),
            fatal: OnceLock::new(),
        }
    }

    /// Whether to go on.
    pub(super) fn check(&self) -> Result<()> {
        self.fatal.get().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Whether what was read may stand: an operation that was denied whenever it was tried is a missing permission, and
    /// not the property of a parameter.
    ///
    /// Where `little` was read, because the rest was taken over from the previous snapshot, a few denials say no such thing.
    pub(super) fn check_at_end(&self, little: bool) -> Result<()> {
        self.check()?;
        if little {
            return Ok(());
        }
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let needed = |operation: &Operation| {
            *operation != Operation::GetParameterHistory || self.request.with_history || self.request.with_labels
        };
        let mut never_given = answers.iter().filter(|(operation, answers)| answers.given == 0 && needed(operation));
        match never_given.find_map(|(_, answers)| answers.last_denial.as_ref()) {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// Reads a chunk. Never fails: what cannot be read is in `missing`.
    pub(super) async fn read(&self, chunk: Vec<Listed>) -> ReadChunk {
        let mut read = ReadChunk::default();
        let names: Vec<_> =
            chunk.iter().filter(|l| l.metadata.annotations.is_none()).map(|l| l.metadata.name.clone()).collect();
        let (unchanged, changed): (Vec<_>, Vec<_>) = chunk.into_iter().partition(|listed| listed.unchanged);
        let batches = stream::iter(changed.chunks(MAX_GET_NAMES));
        let values = batches.map(|batch| self.read_batch(batch)).buffer_unordered(CALLS_IN_FLIGHT).collect::<Vec<_>>();
        let (mut tags, values) = future::join(self.read_tags(names), values).await;

        for one in values.into_iter().flatten() {
            let (mut collected, unread) = match one {
                Ok((collected, unread)) => (Some(collected), unread),
                Err(unread) => (None, Some(unread)),
            };
            if let Some(unread) = unread {
                read.miss(unread);
            }
            if let Some(collected) = &mut collected
                && collected.record.tags.is_none()
            {
                match tags.remove(&collected.record.name) {
                    Some(Ok(tags)) => collected.record.tags = Some(tags),
                    Some(Err(reason)) => {
                        read.miss(Unread { name: collected.record.name.clone(), what: MissingPart::Tags, reason });
                    }
                    None => collected.record.tags = Some(Vec::new()),
                }
            }
            read.collected.extend(collected);
        }
        for listed in unchanged {
            let metadata = &listed.metadata;
            let tags = match (&metadata.annotations, tags.remove(&metadata.name)) {
                (Some(annotations), _) => Some(annotations.tags.clone()),
                (None, None) => Some(Vec::new()),
                (None, Some(Ok(tags))) => Some(tags),
                (None, Some(Err(reason))) => {
                    read.miss(Unread { name: metadata.name.clone(), what: MissingPart::Tags, reason });
                    None
                }
            };
            read.unchanged.push(Unchanged::new(listed, tags, self.request.with_labels));
        }
        read
    }

    /// The values of up to ten parameters, and their histories.
    async fn read_batch(&self, batch: &[Listed]) -> Vec<Result<(Collected, Option<Unread>), Unread>> {
        let names: Vec<_> = batch.iter().map(|listed| listed.metadata.name.clone()).collect();
        let mut values: BTreeMap<ParameterName, Result<Parameter, String>> = BTreeMap::new();
        match self.get_many(&names).await {
            Ok(found) => values.extend(found),
            // One value that cannot be decrypted, one name that may not be read, one that makes the service fail, fails all ten.
            Err(error) if !error.kind.is_throttle() && names.len() > 1 => {
                for name in &names {
                    match self.get_many(std::slice::from_ref(name)).await {
                        Ok(found) => values.extend(found),
                        Err(error) => drop(values.insert(name.clone(), Err(error.to_string()))),
                    }
                }
            }
            Err(error) => values.extend(names.iter().map(|name| (name.clone(), Err(error.to_string())))),
        }
        let silent = || Err("the store's answer does not mention it".to_owned());
        let each = batch.iter().map(|listed| {
            let value = values.remove(&listed.metadata.name).unwrap_or_else(silent);
            self.complete(&listed.metadata, value)
        });
        future::join_all(each).await
    }

    /// Completes a value with its history and labels.
    async fn complete(
        &self,
        listed: &ParameterMetadata,
        value: Result<Parameter, String>,
    ) -> Result<(Collected, Option<Unread>), Unread> {
        let unread = |what, reason| Unread { name: listed.name.clone(), what, reason };
        let value = value.map_err(|reason| unread(MissingPart::Value, reason))?;
        let torn = value.version != listed.version || value.last_modified_date != listed.last_modified_date;
        let history = match torn || assemble::needs_history(listed, self.request) {
            true => self.history(&listed.name).await.map(Some),
            false => Ok(None),
        };
        let of_this_version =
            |history: &Vec<HistoryEntry>| history.iter().any(|entry| entry.metadata.version == value.version);
        let (history, missing) = match history {
            Ok(Some(history)) if !of_this_version(&history) => {
                let reason = format!("its history lacks version {}, which was read", value.version);
                (None, Some(unread(MissingPart::History, reason)))
            }
            Ok(history) => (history, None),
            Err(error) => (None, Some(unread(MissingPart::History, error.to_string()))),
        };
        let mut metadata = listed.clone();
        if torn {
            // The value is newer than the listing: what was true of its version stands in the history.
            let entry = history.iter().flatten().find(|entry| entry.metadata.version == value.version);
            let entry = entry.ok_or_else(|| {
                unread(MissingPart::Value, "it was changed while it was read, and its history does not tell how".into())
            })?;
            metadata = ParameterMetadata {
                name: listed.name.clone(),
                arn: listed.arn.clone(),
                annotations: listed.annotations.clone(),
                ..entry.metadata.clone()
            };
        }
        let whole = missing.is_none();
        let fingerprint = self.fingerprints.metadata(&metadata);
        let record = assemble::record(metadata, value, history, self.request, whole);
        Ok((Collected { record, metadata: fingerprint, reused: false }, missing))
    }

    /// The values of these, and the reason for each that is not there.
    async fn get_many(
        &self,
        names: &[ParameterName],
    ) -> Result<impl Iterator<Item = (ParameterName, Result<Parameter, String>)> + use<>> {
        let GetManyOutcome { parameters, invalid } =
            self.call(Operation::GetParameters, self.store.get_many(names)).await?;
        let gone = |name| (name, Err("it was deleted after it was listed".to_owned()));
        let found = parameters.into_iter().map(|value| (value.name.clone(), Ok(value)));
        Ok(invalid.into_iter().map(gone).chain(found))
    }

    /// Every version that is kept, oldest first.
    async fn history(&self, name: &ParameterName) -> Result<Vec<HistoryEntry>> {
        self.call(Operation::GetParameterHistory, history_all(self.store.as_ref(), name)).await
    }

    /// The tags of up to a hundred parameters; absent where there are none, the reason where they could not be read.
    async fn read_tags(&self, names: Vec<ParameterName>) -> BTreeMap<ParameterName, Result<Vec<Tag>, String>> {
        if names.is_empty() {
            return BTreeMap::new();
        }
        if !self.list_tags_one_by_one.load(Ordering::Relaxed) {
            match self.tags(&names).await {
                Ok(tags) => return tags.into_iter().map(|(name, tags)| (name, Ok(tags))).collect(),
                // Not allowed, or not to be reached: a network may have an endpoint for Parameter Store and none for this.
                Err(error) if is_out_of_reach(error.kind) => self.list_tags_one_by_one.store(true, Ordering::Relaxed),
                Err(error) => return names.into_iter().map(|name| (name, Err(error.to_string()))).collect(),
            }
        }
        let each = names.into_iter().map(async |name| {
            let tags = self.call(Operation::ListTagsForResource, self.store.list_tags(&name)).await;
            (name, tags.map_err(|error| error.to_string()))
        });
        stream::iter(each).buffer_unordered(CALLS_IN_FLIGHT).collect().await
    }

    /// The tags of up to a hundred parameters. Where there are more to come, all that there are may be known by one call.
    async fn tags(&self, names: &[ParameterName]) -> Result<BTreeMap<ParameterName, Vec<Tag>>> {
        let all = match names.len() < MAX_TAG_NAMES {
            true => self.all_tags.get(),
            false => {
                let call = || async {
                    match self.call(Operation::GetResources, self.store.all_tags()).await {
                        Err(error) if !is_out_of_reach(error.kind) => Ok(None),
                        outcome => outcome,
                    }
                };
                Some(self.all_tags.get_or_try_init(call).await?)
            }
        };
        match all.and_then(Option::as_ref) {
            Some(all) => Ok(names.iter().filter_map(|name| Some((name.clone(), all.get(name)?.clone()))).collect()),
            None => self.call(Operation::GetResources, self.store.tags(names)).await,
        }
    }

    /// Makes a call, a bounded number at once, and keeps account of what its outcome says about the store.
    async fn call<T>(&self, operation: Operation, call: impl Future<Output = Result<T>>) -> Result<T> {
        let _permit = self.calls[lane(operation)].acquire().await;
        self.check()?;
        let outcome = call.await;
        match &outcome {
            Ok(_) => {
                self.outages.store(0, Ordering::Relaxed);
                self.answers.lock().unwrap_or_else(PoisonError::into_inner).entry(operation).or_default().given += 1;
            }
            Err(error) if error.kind == StoreErrorKind::Credentials => drop(self.fatal.set(error.clone())),
            // GetResources is one of two ways to the tags: that it cannot be used means nothing.
            Err(error) if operation == Operation::GetResources && is_out_of_reach(error.kind) => {}
            Err(error) if error.kind == StoreErrorKind::AccessDenied => {
                let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
                let answers = answers.entry(operation).or_default();
                answers.denied += 1;
                answers.last_denial = Some(error.clone());
                if answers.given == 0 && answers.denied >= DENIED_ALTOGETHER {
                    self.fatal.set(error.clone()).ok();
                }
            }
            Err(error) if error.kind.is_transient() => {
                if self.outages.fetch_add(1, Ordering::Relaxed) + 1 >= OUTAGE {
                    self.fatal.set(error.clone()).ok();
                }
            }
            Err(_) => {}
        }
        outcome
    }
}

/// Which of the quotas an operation draws from.
fn lane(operation: Operation) -> usize {
    match operation.quota_group() {
        QuotaGroup::History => 1,
        QuotaGroup::Tags => 2,
        _ => 0,
    }
}

/// Whether a service cannot be used from here at all.
fn is_out_of_reach(kind: StoreErrorKind) -> bool {
    matches!(kind, StoreErrorKind::AccessDenied | StoreErrorKind::Connection | StoreErrorKind::Timeout)
}
