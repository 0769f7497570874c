//! Puts together what the calls say of a parameter.

use parados_parameter::{Annotations, HistoryEntry, Parameter, ParameterMetadata, Version};

use super::CollectRequest;
use crate::document::{HistoryRecord, ParameterRecord};

/// Whether the history has to be read: it is asked for, and there are older versions; or the labels are, and it is the only place
/// that says them, or an older version bears one (a label is worth nothing without the value of its version).
pub(super) fn needs_history(metadata: &ParameterMetadata, request: &CollectRequest) -> bool {
    let older_labelled =
        |annotations: &Annotations| annotations.labels.iter().any(|(version, _)| *version != metadata.version);
    let has_older = metadata.version > Version::FIRST;
    (request.with_history && has_older)
        || (request.with_labels && metadata.annotations.as_ref().is_none_or(older_labelled))
}

/// The record of a parameter: `metadata` is of the version of `value`; `whole` is false where the history was needed and
/// could not be read, so that labels and history are left out rather than empty.
pub(super) fn record(
    metadata: ParameterMetadata,
    value: Parameter,
    history: Option<Vec<HistoryEntry>>,
    request: &CollectRequest,
    whole: bool,
) -> ParameterRecord {
    let mut record = ParameterRecord::join(metadata, value);
    if !whole || !request.with_labels {
        record.labels = None;
    }
    if !whole {
        return record;
    }
    let (mut labels, mut older) = (Vec::new(), Vec::new());
    let read = history.is_some();
    for entry in history.into_iter().flatten() {
        if entry.metadata.version == record.version {
            labels = entry.labels;
        } else if entry.metadata.version < record.version
            && (request.with_history || (request.with_labels && !entry.labels.is_empty()))
        {
            older.push(HistoryRecord::from(entry));
        }
    }
    if read && request.with_labels {
        record.labels = Some(labels);
    }
    if request.with_history || request.with_labels {
        record.history = Some(older);
    }
    record
}
