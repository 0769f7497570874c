//! What is taken over from the previous snapshot instead of being read.

use std::collections::HashMap;

use futures::stream::BoxStream;
use jiff::Timestamp;
use parados_parameter::{Label, ParameterMetadata, ParameterName, Tag, Version};

use super::{Collected, Listed};
use crate::document::ParameterRecord;
use crate::fingerprint::Fingerprint;

/// What the previous snapshot's manifest says of each parameter that is whole in it.
#[derive(Debug, Default)]
pub struct PreviousIndex(HashMap<ParameterName, PreviousEntry>);

/// What the manifest says of one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreviousEntry {
    /// The version.
    pub version: Version,
    /// When it was put.
    pub last_modified_date: Timestamp,
    /// The fingerprint of what the listing said.
    pub metadata: Fingerprint,
}

impl PreviousIndex {
    /// An index of these.
    pub fn new(entries: impl IntoIterator<Item = (ParameterName, PreviousEntry)>) -> Self {
        Self(entries.into_iter().collect())
    }

    /// Whether the previous snapshot has this parameter as it is listed now. The version alone would not do: a parameter that
    /// is deleted and created again starts at 1.
    pub(super) fn holds(&self, listed: &ParameterMetadata, metadata: Fingerprint) -> bool {
        let (version, last_modified_date) = (listed.version, listed.last_modified_date);
        self.0.get(&listed.name) == Some(&PreviousEntry { version, last_modified_date, metadata })
    }
}

/// The previous snapshot: an index, and its records when they are asked for.
pub struct PreviousRecords {
    /// The snapshot's id.
    pub id: String,
    /// What it holds.
    pub index: PreviousIndex,
    /// Opens its document. The records come in chunks, and count only when the last item was not an error (in words): the
    /// document's digest, which the signed manifest vouches for, is known at its end.
    pub open: Box<dyn FnOnce() -> BoxStream<'static, Result<Vec<ParameterRecord>, String>> + Send>,
}

impl PreviousRecords {
    pub(super) fn take_index(&mut self) -> PreviousIndex {
        std::mem::take(&mut self.index)
    }

    pub(super) fn open(self) -> BoxStream<'static, Result<Vec<ParameterRecord>, String>> {
        (self.open)()
    }
}

/// A parameter that is as the previous snapshot has it. Small, because a run in which nothing changed keeps one of each.
#[derive(Debug)]
pub(super) struct Unchanged {
    version: Version,
    metadata: Fingerprint,
    /// The tags of today; none where they could not be read.
    tags: Option<Vec<Tag>>,
    /// The labels of today, where they are wanted and the listing says them.
    labels: Option<Vec<(Version, Label)>>,
}

impl Unchanged {
    pub(super) fn new(listed: Listed, tags: Option<Vec<Tag>>, with_labels: bool) -> (ParameterName, Self) {
        let Listed { metadata, fingerprint, .. } = listed;
        let labels = metadata.annotations.map(|annotations| annotations.labels).filter(|_| with_labels);
        (metadata.name, Self { version: metadata.version, metadata: fingerprint, tags, labels })
    }

    /// Whether a record of the previous document is this parameter with the labels of today. Where the listing does not say labels (AWS) they are as of the last time that the parameter was read.
    fn is(&self, record: &ParameterRecord) -> bool {
        record.version == self.version
            && self.labels.as_ref().is_none_or(|labels| labels_of(record).is_some_and(|recorded| recorded == *labels))
    }
}

/// The labels of all versions in a record, sorted; none where they were not read.
fn labels_of(record: &ParameterRecord) -> Option<Vec<(Version, Label)>> {
    let current = record.labels.as_ref()?.iter().map(|label| (record.version, label));
    let older =
        record.history.as_ref()?.iter().flat_map(|entry| entry.labels.iter().map(|label| (entry.version, label)));
    let mut labels: Vec<_> = current.chain(older).map(|(version, label)| (version, label.clone())).collect();
    labels.sort();
    Some(labels)
}

/// The unchanged parameters, until the previous document's records come by.
#[derive(Debug, Default)]
pub(super) struct Kept(HashMap<ParameterName, Unchanged>);

impl Kept {
    pub(super) fn extend(&mut self, unchanged: Vec<(ParameterName, Unchanged)>) {
        self.0.extend(unchanged);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of `records` that are unchanged, with the tags of today.
    pub(super) fn take(&mut self, records: Vec<ParameterRecord>) -> Vec<Collected> {
        let mut collected = Vec::new();
        for mut record in records {
            if !self.0.get(&record.name).is_some_and(|unchanged| unchanged.is(&record)) {
                continue;
            }
            let Some(unchanged) = self.0.remove(&record.name) else { continue };
            record.tags = unchanged.tags;
            collected.push(Collected { record, metadata: unchanged.metadata, reused: true });
        }
        collected
    }

    /// Takes out the names of what is left, to be read after all.
    pub(super) fn take_names(&mut self) -> Vec<ParameterName> {
        std::mem::take(&mut self.0).into_keys().collect()
    }
}
