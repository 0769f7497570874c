//! What is taken over from the previous snapshot instead of being read.

use std::collections::HashMap;

use futures::stream::BoxStream;
use jiff::Timestamp;
use parados_parameter::{Label, ParameterMetadata, ParameterName, Tag, Version};

use super::assemble::labels_of;
use super::{Collected, Listed};
use crate::document::ParameterRecord;
use crate::fingerprint::{Fingerprint, FingerprintKey};

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
    /// The fingerprint of the value.
    pub value: Fingerprint,
}

impl PreviousIndex {
    /// An index of these.
    pub fn new(entries: impl IntoIterator<Item = (ParameterName, PreviousEntry)>) -> Self {
        Self(entries.into_iter().collect())
    }

    /// The fingerprint of the value, where the previous snapshot has this parameter as it is listed now. The version alone
    /// would not do: a parameter that is deleted and created again starts at 1.
    pub(super) fn holds(&self, listed: &ParameterMetadata, metadata: Fingerprint) -> Option<Fingerprint> {
        let entry = self.0.get(&listed.name)?;
        let same = entry.version == listed.version
            && entry.last_modified_date == listed.last_modified_date
            && entry.metadata == metadata;
        same.then_some(entry.value)
    }
}

/// The previous snapshot: an index, and its records when they are asked for.
pub struct PreviousRecords {
    /// The snapshot's id.
    pub id: String,
    /// What it holds.
    pub index: PreviousIndex,
    /// Opens its document. The records come in chunks; an error (in words) is the last item.
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

/// A parameter that is as the previous snapshot has it, with the tags of today; none where they could not be read.
#[derive(Debug)]
pub(super) struct Unchanged {
    pub(super) metadata: ParameterMetadata,
    pub(super) fingerprint: Fingerprint,
    /// Of the value, as the signed manifest says it.
    pub(super) value: Fingerprint,
    pub(super) tags: Option<Vec<Tag>>,
}

/// The unchanged parameters, until the previous document's records come by.
#[derive(Debug, Default)]
pub(super) struct Kept(HashMap<ParameterName, Unchanged>);

impl Kept {
    pub(super) fn extend(&mut self, unchanged: Vec<Unchanged>) {
        self.0.extend(unchanged.into_iter().map(|one| (one.metadata.name.clone(), one)));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of `records` that are unchanged, with the tags of today. One whose labels moved, or whose value is not the one
    /// that the manifest vouches for, stays behind, to be read.
    pub(super) fn take(&mut self, records: Vec<ParameterRecord>, fingerprints: &FingerprintKey) -> Vec<Collected> {
        let mut collected = Vec::new();
        for mut record in records {
            let Some(unchanged) = self.0.get(&record.name) else { continue };
            if record.version != unchanged.metadata.version
                || fingerprints.value(&record.value) != unchanged.value
                || !has_labels_of(&record, &unchanged.metadata)
            {
                continue;
            }
            let Some(unchanged) = self.0.remove(&record.name) else { continue };
            record.tags = unchanged.tags;
            collected.push(Collected { record, metadata: unchanged.fingerprint, reused: true });
        }
        collected
    }

    /// Takes out what is left, to be read.
    pub(super) fn take_chunks(&mut self, size: usize) -> Vec<Vec<Listed>> {
        let mut chunks: Vec<Vec<Listed>> = Vec::new();
        for Unchanged { metadata, fingerprint, .. } in std::mem::take(&mut self.0).into_values() {
            if chunks.last().is_none_or(|chunk| chunk.len() == size) {
                chunks.push(Vec::with_capacity(size));
            }
            chunks.last_mut().expect("one was pushed").push(Listed { metadata, fingerprint, unchanged: None });
        }
        chunks
    }
}

/// Whether a record has the labels that the listing says, where it says them. Where it does not (AWS), labels are as of the
/// last time that the parameter was read.
fn has_labels_of(record: &ParameterRecord, listed: &ParameterMetadata) -> bool {
    let Some(annotations) = &listed.annotations else { return true };
    let (Some(labels), Some(history)) = (&record.labels, &record.history) else { return false };
    let sorted = |mut labels: Vec<Label>| {
        labels.sort();
        labels
    };
    if sorted(labels.clone()) != sorted(labels_of(annotations, record.version)) {
        return false;
    }
    let mut recorded: Vec<(Version, Label)> =
        history.iter().flat_map(|entry| entry.labels.iter().map(|label| (entry.version, label.clone()))).collect();
    let mut listed: Vec<_> = annotations.labels.iter().filter(|(on, _)| *on != record.version).cloned().collect();
    recorded.sort();
    listed.sort();
    recorded == listed
}
