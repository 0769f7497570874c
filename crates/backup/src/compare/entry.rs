//! What a comparison knows of a parameter.

use std::borrow::Borrow;

use jiff::Timestamp;
use parados_parameter::{ParameterName, ParameterType, Version};

use crate::document::ParameterRecord;
use crate::field::{FieldFingerprinter, FieldFingerprints};
use crate::fingerprint::{Fingerprint, FingerprintKey};
use crate::manifest::ParameterEntry;

/// What is compared of a parameter. Two compare only where their fingerprints are of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: ParameterName,
    pub(super) parameter_type: ParameterType,
    pub(super) version: Version,
    pub(super) last_modified_date: Timestamp,
    pub(super) fingerprint: Fingerprint,
    /// Absent in early manifests.
    pub(super) fields: Option<FieldFingerprints>,
}

impl Entry {
    /// What is compared of a record.
    pub(super) fn of<K: Borrow<FingerprintKey>>(
        record: &ParameterRecord,
        fingerprints: &mut FieldFingerprinter<K>,
    ) -> Self {
        Self {
            name: record.name.clone(),
            parameter_type: record.parameter_type,
            version: record.version,
            last_modified_date: record.last_modified_date,
            fingerprint: fingerprints.key().value(&record.value),
            fields: Some(fingerprints.of(record)),
        }
    }
}

impl From<ParameterEntry> for Entry {
    fn from(entry: ParameterEntry) -> Self {
        let ParameterEntry { name, parameter_type, version, last_modified_date, fingerprint, metadata: _, fields } =
            entry;
        Self { name, parameter_type, version, last_modified_date, fingerprint, fields }
    }
}
