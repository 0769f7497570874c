//! Puts together what the calls say of a parameter.

use parados_parameter::{HistoryEntry, Parameter, ParameterMetadata};

use crate::document::{HistoryRecord, ParameterRecord};

/// Whether the history has to be read: it is asked for, or it is the only place that says the labels, or an older version
/// bears one (a label is worth nothing without the value of its version).
pub(super) fn needs_history(metadata: &ParameterMetadata, with_history: bool) -> bool {
    with_history
        || metadata
            .annotations
            .as_ref()
            .is_none_or(|annotations| annotations.labels.iter().any(|(version, _)| *version != metadata.version))
}

/// The record of a parameter: `metadata` is of the version of `value`; `whole` is false where the history was needed and
/// could not be read, so that labels and history are left out rather than empty.
pub(super) fn record(
    metadata: ParameterMetadata,
    value: Parameter,
    history: Option<Vec<HistoryEntry>>,
    with_history: bool,
    whole: bool,
) -> ParameterRecord {
    let mut record = ParameterRecord::join(metadata, value);
    if !whole {
        record.labels = None;
        return record;
    }
    let (mut labels, mut older) = (Vec::new(), Vec::new());
    let read = history.is_some();
    for entry in history.into_iter().flatten() {
        if entry.metadata.version == record.version {
            labels = entry.labels;
        } else if entry.metadata.version < record.version && (with_history || !entry.labels.is_empty()) {
            older.push(HistoryRecord::from(entry));
        }
    }
    if read {
        record.labels = Some(labels);
    }
    record.history = Some(older);
    record
}
