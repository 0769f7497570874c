//! Reads a store: every parameter that a selector matches, whole, once.
//!
//! Pages of DescribeParameters are listed one after the other (each needs the last one's token) while what was listed is read
//! in batches of ten, tags in batches of a hundred, histories one by one, all at the same time: the quotas of the four are
//! separate, so the slowest of them alone decides how long a read takes.
//!
//! This module decides *what is read and what counts as read*. Waiting for the quota and trying again are the store's
//! decorators' work; what becomes of the records is the caller's.

mod assemble;
mod previous;
mod read;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::pin::pin;
use std::sync::Arc;

use futures::{Stream, StreamExt, future, stream};
use parados_parameter::reading::describe_readable;
use parados_parameter::{
    DescribeRequest, Filter, FilterKey, FilterOption, MAX_PAGE, MAX_TAG_NAMES, Operation, ParameterMetadata,
    ParameterName, Selector, SharedStore, StoreError, StoreErrorKind, Unreadable,
};
use thiserror::Error;
use tokio::sync::mpsc;

pub use self::previous::{PreviousEntry, PreviousIndex, PreviousRecords};
use self::read::{Reader, Unread};
use crate::document::ParameterRecord;
use crate::event::{Event, Observer};
use crate::fingerprint::{Fingerprint, FingerprintKey};
use crate::report::{Missing, MissingPart};

/// Parameters that are read together: as many as one call for tags may name.
const CHUNK: usize = MAX_TAG_NAMES;
/// Chunks that are read at the same time.
const CHUNKS_IN_FLIGHT: usize = 4;

/// What to read, and how.
#[derive(Clone, Debug)]
pub struct CollectRequest {
    /// Which parameters.
    pub selector: Selector,
    /// Of these only those of these names; all where it is absent. They are asked for by name, fifty a page, whatever else is
    /// there; of the selector's conditions that on tags does not count then.
    pub names: Option<Arc<BTreeSet<ParameterName>>>,
    /// All versions, rather than the newest one and those that bear a label.
    pub with_history: bool,
    /// The labels. A store that does not list them says them only with a parameter's history, one call each.
    pub with_labels: bool,
}

/// A parameter that was read, or taken over from the previous snapshot.
#[derive(Clone, Debug)]
pub struct Collected {
    /// All of it.
    pub record: ParameterRecord,
    /// The keyed fingerprint of what the listing said of the version that was read.
    pub metadata: Fingerprint,
    /// Whether it was taken over from the previous snapshot.
    pub reused: bool,
}

/// What a read came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CollectOutcome {
    /// Parameters that matched.
    pub matched: u64,
    /// What matched and was not read, sorted by name.
    pub missing: Vec<Missing>,
}

/// A read that is not the whole: what was sent to the sink must not become a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CollectError {
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The previous snapshot could not be read to its end, or is not what its manifest says. Without it the read may succeed.
    #[error("the previous snapshot could not be used: {0}")]
    Previous(String),
}

/// Where the records go: a bounded queue, so that a slow writer slows the reader rather than filling the memory.
pub type Sink = mpsc::Sender<Vec<Collected>>;

/// A parameter that was listed, and is to be read.
#[derive(Clone, Debug)]
struct Listed {
    metadata: ParameterMetadata,
    fingerprint: Fingerprint,
    /// The previous snapshot has the parameter as it is.
    unchanged: bool,
}

/// Reads what `request` asks of `store` into `sink`. A parameter is sent at most once; those that could not be read are in the
/// outcome.
///
/// With a `previous` snapshot, what it holds at the same version, date and metadata is taken from its document rather than read;
/// tags are always read, because a change of them moves none of the three.
///
/// # Errors
/// [`CollectError::Store`] when the listing fails, when a call that the read cannot do without is denied everywhere, when the
/// credentials are refused, or when the store stops answering; [`CollectError::Previous`].
pub async fn collect(
    store: &SharedStore,
    request: &CollectRequest,
    fingerprints: &FingerprintKey,
    mut previous: Option<PreviousRecords>,
    observer: &dyn Observer,
    sink: &Sink,
) -> Result<CollectOutcome, CollectError> {
    let reader = Reader::new(store, request, fingerprints);
    let mut progress = Progress { observer, parameters: 0, reused: 0, missing: Vec::new() };
    let index = previous.as_mut().map(PreviousRecords::take_index);

    let (listed_sender, listed) = mpsc::channel(CHUNKS_IN_FLIGHT);
    let listing = list(store, request, fingerprints, index.as_ref(), observer, listed_sender);
    let mut kept = previous::Kept::default();
    let chunks = stream::unfold(listed, async |mut listed| listed.recv().await.map(|chunk| (chunk, listed)));
    let reading = read_chunks(&reader, chunks, &mut kept, &mut progress, sink);
    let (listing, ()) = future::try_join(listing, reading).await?;
    drop(index);

    let mut outcome = CollectOutcome { matched: listing.matched, ..CollectOutcome::default() };
    progress.missing.extend(listing.missing);
    if let Some(previous) = previous.filter(|_| !kept.is_empty()) {
        let mut records = previous.open();
        while let Some(chunk) = records.next().await {
            match chunk {
                Ok(chunk) => progress.pass_on(kept.take(chunk), Vec::new(), sink).await?,
                Err(reason) => return Err(CollectError::Previous(reason)),
            }
        }
        // What the previous snapshot turned out not to have, or to have with other labels, is read after all.
        let left = kept.take_names();
        for names in left.chunks(MAX_PAGE) {
            let (listed, gone) = list_again(store, names, request, fingerprints).await?;
            progress.missing.retain(|missing| !names.contains(&missing.name));
            progress.pass_on(Vec::new(), gone, sink).await?;
            read_chunks(&reader, stream::iter([listed]), &mut kept, &mut progress, sink).await?;
        }
    }
    reader.check_at_end(progress.reused > 0)?;
    outcome.missing = progress.missing;
    outcome.missing.sort_by(|a, b| a.name.cmp(&b.name).then(a.what.cmp(&b.what)));
    Ok(outcome)
}

/// Reads chunks as they come, a few at once, and passes on what was read of each.
async fn read_chunks(
    reader: &Reader<'_>,
    chunks: impl Stream<Item = Vec<Listed>>,
    kept: &mut previous::Kept,
    progress: &mut Progress<'_>,
    sink: &Sink,
) -> Result<(), StoreError> {
    let mut read = pin!(chunks.map(|chunk| reader.read(chunk)).buffer_unordered(CHUNKS_IN_FLIGHT));
    while let Some(chunk) = read.next().await {
        reader.check()?;
        kept.extend(chunk.unchanged);
        progress.pass_on(chunk.collected, chunk.missing, sink).await?;
    }
    Ok(())
}

/// What a listing came to.
struct Listing {
    /// How many match.
    matched: u64,
    /// Of those the ones that could not be understood.
    missing: Vec<Missing>,
}

/// Lists what matches, a chunk at a time.
async fn list(
    store: &SharedStore,
    request: &CollectRequest,
    fingerprints: &FingerprintKey,
    index: Option<&PreviousIndex>,
    observer: &dyn Observer,
    chunks: mpsc::Sender<Vec<Listed>>,
) -> Result<Listing, StoreError> {
    let mut asks = asks(request).into_iter().peekable();
    let mut seen = HashSet::<ParameterName>::new();
    let mut missing = Vec::new();
    let mut chunk = Vec::with_capacity(CHUNK);
    while let Some(filters) = asks.next() {
        let mut ask = DescribeRequest { filters, max_results: MAX_PAGE, next_token: None };
        loop {
            let page = store.describe(&ask).await?;
            for metadata in page.items {
                // A store whose pages move while it is written to may list a parameter twice.
                if !request.selector.matches(&metadata) || !seen.insert(metadata.name.clone()) {
                    continue;
                }
                let fingerprint = fingerprints.metadata(&metadata);
                let unchanged = index.is_some_and(|index| index.holds(&metadata, fingerprint));
                chunk.push(Listed { metadata, fingerprint, unchanged });
                if chunk.len() == CHUNK
                    && chunks.send(std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK))).await.is_err()
                {
                    // The reading side has failed, and says why.
                    return Ok(Listing { matched: seen.len() as u64, missing });
                }
            }
            for one in page.unreadable {
                // Whether its other properties are those asked for cannot be said: it is not passed over.
                if request.selector.matches_name(&one.name) && seen.insert(one.name.clone()) {
                    let one = not_understood(one);
                    observer.event(&Event::Missing(one.clone()));
                    missing.push(one);
                }
            }
            let done = page.next_token.is_none();
            observer.event(&Event::Listed { matched: seen.len() as u64, done: done && asks.peek().is_none() });
            if done {
                break;
            }
            if page.next_token == ask.next_token {
                let message = "the store gave the same page token twice; the listing would never end";
                return Err(StoreError::new(
                    Operation::DescribeParameters,
                    "",
                    StoreErrorKind::InvalidNextToken,
                    message,
                ));
            }
            ask.next_token = page.next_token;
        }
    }
    if !chunk.is_empty() {
        // A closed queue means that the reading side has failed, and says why.
        chunks.send(chunk).await.ok();
    }
    Ok(Listing { matched: seen.len() as u64, missing })
}

/// What the store is asked to list: each with the filters of one listing.
fn asks(request: &CollectRequest) -> Vec<Vec<Filter>> {
    match &request.names {
        None => vec![request.selector.to_filters()],
        Some(names) => {
            let names: Vec<_> = names.iter().map(ToString::to_string).collect();
            names.chunks(MAX_PAGE).map(|values| vec![by_name(values.to_vec())]).collect()
        }
    }
}

fn by_name(values: Vec<String>) -> Filter {
    Filter { key: FilterKey::Name, option: FilterOption::Equals, values }
}

/// Lists these names once more, at most [`MAX_PAGE`] of them, and says which are gone or cannot be understood any more.
async fn list_again(
    store: &SharedStore,
    names: &[ParameterName],
    request: &CollectRequest,
    fingerprints: &FingerprintKey,
) -> Result<(Vec<Listed>, Vec<Missing>), StoreError> {
    let values = names.iter().map(ToString::to_string).collect();
    let (found, unreadable) = describe_readable(store.as_ref(), &[by_name(values)]).await?;
    let mut unread: Vec<_> = unreadable.into_iter().map(not_understood).collect();
    let listed: BTreeMap<_, _> = found
        .into_iter()
        .filter(|metadata| request.selector.matches(metadata))
        .map(|metadata| {
            let fingerprint = fingerprints.metadata(&metadata);
            (metadata.name.clone(), Listed { metadata, fingerprint, unchanged: false })
        })
        .collect();
    for name in names.iter().filter(|name| !listed.contains_key(name)) {
        if !unread.iter().any(|missing| missing.name == *name) {
            let reason = "it was deleted after it was listed".to_owned();
            unread.push(Missing { name: name.clone(), what: MissingPart::Value, reason });
        }
    }
    Ok((listed.into_values().collect(), unread))
}

/// What is said of an entry of a listing that could not be understood.
fn not_understood(Unreadable { name, error }: Unreadable) -> Missing {
    Missing { name, what: MissingPart::Value, reason: error.to_string() }
}

/// What was passed on so far.
struct Progress<'a> {
    observer: &'a dyn Observer,
    parameters: u64,
    reused: u64,
    missing: Vec<Missing>,
}

impl Progress<'_> {
    async fn pass_on(&mut self, chunk: Vec<Collected>, missing: Vec<Missing>, sink: &Sink) -> Result<(), StoreError> {
        for one in &missing {
            self.observer.event(&Event::Missing(one.clone()));
        }
        self.missing.extend(missing);
        if chunk.is_empty() {
            return Ok(());
        }
        self.parameters += chunk.len() as u64;
        self.reused += chunk.iter().filter(|one| one.reused).count() as u64;
        // The writer closes the queue when it has failed; it says why, so this error is not shown.
        sink.send(chunk).await.map_err(|_| {
            StoreError::new(Operation::GetParameters, "", StoreErrorKind::Storage, "the snapshot's writer has stopped")
        })?;
        self.observer.event(&Event::Read { parameters: self.parameters, reused: self.reused });
        Ok(())
    }
}

/// What was read of a chunk.
#[derive(Debug, Default)]
struct ReadChunk {
    collected: Vec<Collected>,
    missing: Vec<Missing>,
    unchanged: Vec<(ParameterName, previous::Unchanged)>,
}

impl ReadChunk {
    fn miss(&mut self, unread: Unread) {
        self.missing.push(Missing { name: unread.name, what: unread.what, reason: unread.reason });
    }
}
