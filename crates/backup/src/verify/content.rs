//! The records of a document held against the entries of its manifest.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use parados_parameter::ParameterName;

use crate::document::ParameterRecord;
use crate::field::{Field, FieldFingerprinter};
use crate::fingerprint::FingerprintKey;
use crate::manifest::{ManifestSummary, ParameterEntry};
use crate::report::MissingPart;

use super::finding::{Finding, FindingKind};

/// Most findings of one document: a document of another snapshot would have one for each parameter.
const MAX_FINDINGS: usize = 100;

/// Compares records with entries, each once.
pub(super) struct ContentCheck {
    key: String,
    snapshot: String,
    /// Sorted by name, each name once: those that came up to now, …
    entries: Vec<ParameterEntry>,
    /// … and those that come, as the manifest is read.
    more: Receiver<Vec<ParameterEntry>>,
    /// Of which of them a record was seen.
    seen: Vec<bool>,
    /// Which of them comes next, where the document has the order of the manifest.
    next: usize,
    fingerprints: Option<FieldFingerprinter<Arc<FingerprintKey>>>,
    missing: Vec<ParameterName>,
    versions_said: u64,
    versions: u64,
    pub(super) parameters: u64,
    findings: Vec<Finding>,
    left_out: u64,
}

impl ContentCheck {
    /// Of a document under `key`. Values are compared where the key of the fingerprints is given.
    pub(super) fn new(
        key: &str,
        summary: &ManifestSummary,
        entries: Receiver<Vec<ParameterEntry>>,
        fingerprints: Option<Arc<FingerprintKey>>,
    ) -> Self {
        let missing = summary.missing.iter().filter(|missing| missing.what == MissingPart::Value);
        Self {
            key: key.to_owned(),
            snapshot: summary.id.to_string(),
            seen: Vec::new(),
            next: 0,
            entries: Vec::new(),
            more: entries,
            fingerprints: fingerprints.map(FieldFingerprinter::new),
            missing: missing.map(|missing| missing.name.clone()).collect(),
            versions_said: summary.counts.versions,
            versions: 0,
            parameters: 0,
            findings: Vec::new(),
            left_out: 0,
        }
    }

    /// Takes the next record.
    pub(super) fn take(&mut self, record: &ParameterRecord) {
        self.parameters += 1;
        self.versions += 1 + record.history.as_ref().map_or(0, |history| history.len() as u64);
        if self.missing.contains(&record.name) {
            self.find(Some(&record.name), "the manifest says that it is missing, and it is there");
        }
        let Some(at) = self.entry_of(&record.name) else {
            self.find(Some(&record.name), "it is in the document, and not, or only once, in the manifest");
            return;
        };
        let entry = &self.entries[at];
        let (said_value, said_fields) = (entry.fingerprint, entry.fields);
        let plain = [
            (entry.parameter_type == record.parameter_type, "its type is another than in the manifest"),
            (entry.version == record.version, "its version is another than in the manifest"),
            (entry.last_modified_date == record.last_modified_date, "its date is another than in the manifest"),
        ];
        for (_, message) in plain.into_iter().filter(|(is_same, _)| !is_same) {
            self.find(Some(&record.name), message);
        }
        let Some(fingerprints) = &mut self.fingerprints else { return };
        let value = fingerprints.key().value(&record.value);
        let fields = said_fields.map(|said| (said, fingerprints.of(record)));
        if said_value != value {
            self.find(Some(&record.name), "its value is another than in the manifest");
        }
        if let Some((said, found)) = fields.filter(|(said, found)| said != found) {
            let fields: Vec<_> = said.differing(&found).map(Field::as_str).collect();
            let message = match fields.is_empty() {
                true => "some of its fields were read, and the manifest says otherwise".to_owned(),
                false => format!("others than in the manifest are its {}", fields.join(", ")),
            };
            self.find(Some(&record.name), &message);
        }
    }

    /// Where the manifest has this name, the first time that it is asked for.
    fn entry_of(&mut self, name: &ParameterName) -> Option<usize> {
        while self.entries.last().is_none_or(|last| last.name < *name) && self.take_more() {}
        let at = match self.entries.get(self.next) {
            Some(entry) if entry.name == *name => self.next,
            _ => self.entries.binary_search_by(|entry| entry.name.cmp(name)).ok()?,
        };
        if std::mem::replace(&mut self.seen[at], true) {
            return None;
        }
        self.next = at + 1;
        Some(at)
    }

    /// Waits for more entries. False where all have come.
    fn take_more(&mut self) -> bool {
        let Ok(more) = self.more.recv() else { return false };
        self.entries.extend(more);
        self.seen.resize(self.entries.len(), false);
        true
    }

    /// Everything that differs. Waits for the entries that have not come.
    pub(super) fn finish(mut self) -> Vec<Finding> {
        while self.take_more() {}
        let entries = std::mem::take(&mut self.entries);
        for (entry, _) in entries.iter().zip(std::mem::take(&mut self.seen)).filter(|(_, seen)| !seen) {
            self.find(Some(&entry.name), "it is in the manifest, and not in the document");
        }
        if self.versions != self.versions_said {
            let message = format!("the manifest counts {} versions, and it has {}", self.versions_said, self.versions);
            self.find(None, &message);
        }
        if self.left_out > 0 {
            let message = format!("{} more things in it are others than in the manifest", self.left_out);
            self.findings.push(self.finding(None, &message));
        }
        self.findings
    }

    fn find(&mut self, parameter: Option<&ParameterName>, message: &str) {
        match self.findings.len() {
            MAX_FINDINGS.. => self.left_out += 1,
            _ => self.findings.push(self.finding(parameter, message)),
        }
    }

    /// The document is the one that was signed for, so whoever signed said what is not so.
    fn finding(&self, parameter: Option<&ParameterName>, message: &str) -> Finding {
        Finding {
            kind: FindingKind::Forged,
            object: self.key.clone(),
            snapshot: Some(self.snapshot.clone()),
            parameter: parameter.cloned(),
            message: message.to_owned(),
            hint: None,
        }
    }
}
