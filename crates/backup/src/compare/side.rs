//! What is compared: a snapshot, a document in a file, or a store as it is now.

use std::collections::{BTreeMap, BTreeSet};
use std::future::ready;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};
use parados_parameter::{ParameterName, Selector, SharedStore};
use tokio::sync::mpsc;

use super::CompareError;
use super::entry::Entry;
use super::join::Unread;
use crate::collect::{CollectRequest, Collected, collect};
use crate::document::ParameterRecord;
use crate::event::Observer;
use crate::field::FieldFingerprinter;
use crate::fingerprint::FingerprintKey;
use crate::report::Missing;
use crate::repository::{Repository, SnapshotEntry};
use crate::restore::{RestoreSource, SourceError};
use crate::seal::Identities;
use crate::snapshot;
use crate::target::Target;

/// Entries that are handed over at once.
const BATCH: usize = 512;
/// Batches that wait at most.
const BATCHES_WAITING: usize = 4;

/// How sides are read.
pub(super) struct Reading<'a> {
    /// Open documents.
    pub(super) identities: &'a Identities,
    /// Which parameters are compared, by name.
    pub(super) selector: Arc<Selector>,
    /// Whether documents are opened even where a manifest would do.
    pub(super) open: bool,
    pub(super) observer: &'a dyn Observer,
}

/// One side of a comparison.
#[derive(Clone)]
pub enum Side {
    /// A snapshot.
    Snapshot {
        /// Where it is.
        repository: Arc<Repository>,
        /// Which it is.
        entry: Box<SnapshotEntry>,
    },
    /// A document in a file: one of the old pipeline, or one that was taken out of a repository.
    Document(PathBuf),
    /// A store as it is now.
    Live(Box<Live>),
}

/// A store that is compared as it is now.
#[derive(Clone)]
pub struct Live {
    /// The store.
    pub store: SharedStore,
    /// What it is.
    pub target: Target,
    /// What of it is compared.
    pub selector: Selector,
    /// The selector in words.
    pub selector_text: String,
    /// Whether labels are, which on AWS cost a call for each parameter.
    pub with_labels: bool,
}

/// The parameters of a side in order.
pub(super) struct Listing {
    pub(super) entries: Box<dyn Iterator<Item = Entry> + Send>,
    /// Ready when the entries were taken; an error where they are not to be believed.
    pub(super) done: BoxFuture<'static, Result<(), CompareError>>,
    /// What could not be read.
    pub(super) unread: BTreeMap<ParameterName, String>,
}

impl Side {
    /// What it is of, where that is known.
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Snapshot { entry, .. } => Some(&entry.summary.target),
            Self::Document(_) => None,
            Self::Live(live) => Some(&live.target),
        }
    }

    /// What was selected, in words, where that is known.
    pub fn selector_text(&self) -> Option<&str> {
        match self {
            Self::Snapshot { entry, .. } => Some(&entry.summary.selector),
            Self::Document(_) => None,
            Self::Live(live) => Some(&live.selector_text),
        }
    }

    /// What it holds under `key`: of a snapshot whose fingerprints are of that key what its manifest says, otherwise what it
    /// turns out to hold when it is opened or read.
    pub(super) async fn list(&self, reading: &Reading<'_>, key: &Arc<FingerprintKey>) -> Result<Listing, CompareError> {
        match self {
            Self::Snapshot { repository, entry } if entry.summary.fingerprint_key == *key.id() && !reading.open => {
                Ok(by_manifest(repository, entry, reading.selector.clone()))
            }
            Self::Snapshot { entry, .. } => {
                let unread = Unread::of(&entry.summary.missing);
                let entries = self.fold(reading, key.clone()).await?;
                Ok(Listing { unread, ..Listing::of(entries) })
            }
            Self::Document(_) => Ok(Listing::of(self.fold(reading, key.clone()).await?)),
            Self::Live(live) => live.list(reading, key).await,
        }
    }

    /// The entries of its document, which is opened.
    async fn fold(&self, reading: &Reading<'_>, key: Arc<FingerprintKey>) -> Result<Vec<Entry>, CompareError> {
        let (selector, mut fingerprints) = (reading.selector.clone(), FieldFingerprinter::new(key));
        self.read(reading.identities, Vec::new(), move |entries: &mut Vec<Entry>, record| {
            if selector.matches_name(&record.name) {
                entries.push(Entry::of(&record, &mut fingerprints));
            }
        })
        .await
    }

    /// Opens the document of a snapshot or a file and gives each record to `each`; of a store nothing.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        identities: &Identities,
        initial: T,
        mut each: impl FnMut(&mut T, ParameterRecord) + Send + 'static,
    ) -> Result<T, CompareError> {
        let each = move |made: &mut T, record| {
            each(made, record);
            ControlFlow::Continue(())
        };
        match self {
            Self::Snapshot { repository, entry } => {
                Ok(snapshot::fold(repository, &entry.summary, identities, initial, each)
                    .await
                    .map_err(SourceError::Snapshot)?)
            }
            Self::Document(path) => Ok(RestoreSource::document(path)?.fold(identities, initial, each).await?),
            Self::Live(_) => Ok(initial),
        }
    }
}

impl Listing {
    fn of(mut entries: Vec<Entry>) -> Self {
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Self { entries: Box::new(entries.into_iter()), done: ready(Ok(())).boxed(), unread: BTreeMap::new() }
    }
}

/// The entries of a snapshot as its manifest has them. They come while the manifest is read, and nothing is opened.
pub(super) fn by_manifest(repository: &Arc<Repository>, entry: &SnapshotEntry, selector: Arc<Selector>) -> Listing {
    let (sender, receiver) = mpsc::channel::<Vec<Entry>>(BATCHES_WAITING);
    let (repository, key) = (repository.clone(), entry.manifest_key.clone());
    let walk = async move {
        let hand_over = sender.clone();
        let walked = repository.fold_manifest(&key, Vec::new(), move |batch, entry| {
            if selector.matches_name(&entry.name) {
                batch.push(Entry::from(entry));
            }
            if batch.len() == BATCH {
                // A closed queue means that whoever takes the entries has ended.
                hand_over.blocking_send(std::mem::replace(batch, Vec::with_capacity(BATCH))).ok();
            }
        });
        let (_, last) = walked.await?;
        sender.send(last).await.ok();
        Ok(())
    };
    let walking = tokio::spawn(walk);
    Listing {
        entries: Box::new(Batches { receiver, batch: Vec::new().into_iter() }),
        done: async move { walking.await.unwrap_or(Err(CompareError::Interrupted)) }.boxed(),
        unread: Unread::of(&entry.summary.missing),
    }
}

/// Entries out of a queue. Blocks.
struct Batches {
    receiver: mpsc::Receiver<Vec<Entry>>,
    batch: std::vec::IntoIter<Entry>,
}

impl Iterator for Batches {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        loop {
            match self.batch.next() {
                Some(entry) => return Some(entry),
                None => self.batch = self.receiver.blocking_recv()?.into_iter(),
            }
        }
    }
}

impl Live {
    async fn list(&self, reading: &Reading<'_>, key: &Arc<FingerprintKey>) -> Result<Listing, CompareError> {
        let mut entries = Vec::new();
        let (selector, mut fingerprints) = (reading.selector.clone(), FieldFingerprinter::new(&**key));
        let each = |record: ParameterRecord| {
            if selector.matches_name(&record.name) {
                entries.push(Entry::of(&record, &mut fingerprints));
            }
        };
        let missing = self.read(None, false, key, reading.observer, each).await?;
        Ok(Listing { unread: Unread::of(&missing), ..Listing::of(entries) })
    }

    /// Reads the store, or these names of it, and gives each record to `each`; what could not be read is given back.
    pub(super) async fn read(
        &self,
        names: Option<BTreeSet<ParameterName>>,
        with_history: bool,
        key: &FingerprintKey,
        observer: &dyn Observer,
        mut each: impl FnMut(ParameterRecord),
    ) -> Result<Vec<Missing>, CompareError> {
        let request = CollectRequest {
            selector: self.selector.clone(),
            names: names.map(Arc::new),
            with_history,
            with_labels: self.with_labels,
        };
        let (sink, mut records) = mpsc::channel::<Vec<Collected>>(BATCHES_WAITING);
        let collecting = async {
            let outcome = collect(&self.store, &request, key, None, observer, &sink).await;
            drop(sink);
            outcome
        };
        let taking = async {
            while let Some(chunk) = records.recv().await {
                chunk.into_iter().for_each(|collected| each(collected.record));
            }
        };
        let (outcome, ()) = futures::join!(collecting, taking);
        Ok(outcome?.missing)
    }
}
