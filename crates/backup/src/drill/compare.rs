//! Holds what a drill restored against what it was restored from, record by record. Pure.
//!
//! It does not take the plan's word for what is equal: records are compared with records, as if there were no plan.

use std::collections::{BTreeMap, HashMap};

use parados_parameter::{KeyId, ParameterName, ParameterType};

use super::evidence::{Difference, DrillCounts, Unrestored};
use crate::document::{HistoryRecord, ParameterRecord};
use crate::field::{Field, differing};
use crate::restore::transform::{is_same_key, map_key, map_name};
use crate::restore::{Change, KeyMap, NameMap, RestorePlan, WarningKind};

/// What is compared of each parameter, beside its name.
pub(super) const COMPARED: [Field; 11] = [
    Field::Type,
    Field::Value,
    Field::Description,
    Field::KeyId,
    Field::Tier,
    Field::Policies,
    Field::AllowedPattern,
    Field::DataType,
    Field::Tags,
    Field::Labels,
    Field::History,
];

/// What became of a parameter on its way: fields of which the plan says that they cannot come back as they were, and why it, or
/// something of it, did not come back at all.
#[derive(Debug, Default)]
struct Known {
    lost: Option<String>,
    waived: Vec<(Field, String)>,
}

/// Compares the records of a source with those that were restored.
#[derive(Debug)]
pub(super) struct Comparison {
    restored: HashMap<ParameterName, ParameterRecord>,
    known: HashMap<ParameterName, Known>,
    maps: Vec<NameMap>,
    keys: Vec<KeyMap>,
    /// Whether all of the source was to come back, also what the plan does not have.
    everything: bool,
    counts: DrillCounts,
    differences: Vec<Difference>,
    unrestored: BTreeMap<ParameterName, Vec<String>>,
    /// What the source itself lacks, by name there.
    lacking: BTreeMap<ParameterName, Vec<String>>,
}

/// What a comparison is told beside the records.
pub(super) struct Terms<'a> {
    pub(super) plan: &'a RestorePlan,
    /// Why it did not come to some of the plan, by name in the store.
    pub(super) failed: HashMap<ParameterName, String>,
    /// What the source itself lacks of what was asked for, by name there.
    pub(super) lacking: BTreeMap<ParameterName, Vec<String>>,
    pub(super) maps: &'a [NameMap],
    pub(super) keys: &'a [KeyMap],
    /// Whether all of the source was to come back, also what the plan does not have.
    pub(super) everything: bool,
}

impl Comparison {
    /// Of what was `restored`.
    pub(super) fn new(restored: Vec<ParameterRecord>, terms: Terms) -> Self {
        let Terms { plan, failed, lacking, maps, keys, everything } = terms;
        let known = |change: &Change| Some((change.source.clone()?, Known::of(change, failed.get(&change.name))));
        Self {
            restored: restored.into_iter().map(|record| (record.name.clone(), record)).collect(),
            known: plan.changes.iter().filter_map(known).collect(),
            maps: maps.to_vec(),
            keys: keys.to_vec(),
            everything,
            counts: DrillCounts::default(),
            differences: Vec::new(),
            unrestored: BTreeMap::new(),
            lacking,
        }
    }

    /// Takes the next record of the source.
    pub(super) fn take(&mut self, mut record: ParameterRecord) {
        let known = match self.known.remove(&record.name) {
            Some(known) => known,
            None if self.everything => Known::default(),
            None => return,
        };
        self.counts.wanted += 1;
        let name = record.name.clone();
        let Some(restored) = self.restored.remove(&map_name(&self.maps, &name)) else {
            let reason = known.lost.unwrap_or_else(|| "it is not there after the restore".to_owned());
            self.lacking.remove(&name);
            self.unrestored.entry(name).or_default().push(reason);
            self.counts.unrestored += 1;
            return;
        };
        self.map_keys(&mut record, &restored);
        self.counts.versions += 1 + record.history.as_ref().map_or(0, |history| history.len() as u64);
        let mut fields = differing_in_all_versions(&record, &restored);
        let mut waived = self.lacking.remove(&name).unwrap_or_default();
        for (field, reason) in known.waived {
            let before = fields.len();
            fields.retain(|differs| *differs != field);
            if fields.len() < before && !waived.contains(&reason) {
                waived.push(reason);
            }
        }
        waived.extend(known.lost);
        match (fields.is_empty(), waived.is_empty()) {
            (true, true) => self.counts.equal += 1,
            (true, false) => self.counts.unrestored += 1,
            (false, _) => {
                self.counts.different += 1;
                self.differences.push(Difference { name: name.clone(), fields });
            }
        }
        if !waived.is_empty() {
            self.unrestored.entry(name).or_default().extend(waived);
        }
    }

    /// What it came to; what is left of the restored is of nothing in the source.
    pub(super) fn finish(mut self) -> (DrillCounts, Vec<Difference>, Vec<Unrestored>) {
        let whole = self.lacking.len() as u64;
        (self.counts.wanted, self.counts.unrestored) = (self.counts.wanted + whole, self.counts.unrestored + whole);
        self.unrestored.append(&mut self.lacking);
        self.counts.different += self.restored.len() as u64;
        let extra = self.restored.into_keys().map(|name| Difference { name, fields: Vec::new() });
        self.differences.extend(extra);
        self.differences.sort();
        let unrestored = self.unrestored.into_iter();
        let unrestored = unrestored.map(|(name, reasons)| Unrestored { name, reason: reasons.join("; ") }).collect();
        (self.counts, self.differences, unrestored)
    }

    /// Makes of the record's keys what they were to become; an id, an alias and an ARN of one key are one.
    fn map_keys(&self, record: &mut ParameterRecord, restored: &ParameterRecord) {
        let wanted = |kind, key: &Option<KeyId>, found: &Option<KeyId>| {
            let key = key.as_ref().filter(|_| kind == ParameterType::SecureString);
            let key = key.and_then(|key| map_key(&self.keys, Some(key)));
            match (key, found) {
                (Some(key), Some(found)) if is_same_key(&key, found) => Some(found.clone()),
                (key, _) => key,
            }
        };
        record.key_id = wanted(record.parameter_type, &record.key_id, &restored.key_id);
        let found: &[HistoryRecord] = restored.history.as_deref().unwrap_or_default();
        for (older, found) in record.history.iter_mut().flatten().zip(found) {
            older.key_id = wanted(older.parameter_type, &older.key_id, &found.key_id);
        }
    }
}

impl Known {
    fn of(change: &Change, failed: Option<&String>) -> Self {
        let lost = failed.or(change.reason.as_ref()).cloned();
        let waived = change.warnings.iter().flat_map(|warning| {
            let fields: &[Field] = match warning.kind {
                WarningKind::DroppedPolicy => &[Field::Policies],
                WarningKind::Versions => &[Field::Labels, Field::History],
                WarningKind::UnknownKey => &[Field::KeyId],
                _ => &[],
            };
            fields.iter().map(|field| (*field, warning.message.clone()))
        });
        Self { lost, waived: waived.collect() }
    }
}

/// The fields in which two records differ. All older versions that `wanted` has are compared, one by one from the newest: a source
/// need not have all that there were, and what is restored begins at 1.
fn differing_in_all_versions(wanted: &ParameterRecord, restored: &ParameterRecord) -> Vec<Field> {
    let mut fields: Vec<_> = differing(wanted, restored)
        .into_iter()
        .filter(|field| !matches!(field, Field::Labels | Field::History))
        .collect();
    let none = Vec::new();
    if let Some(labels) = &wanted.labels
        && !same_labels(labels, restored.labels.as_ref().unwrap_or(&none))
    {
        fields.push(Field::Labels);
    }
    if let Some(history) = &wanted.history {
        let found = restored.history.as_deref().unwrap_or_default();
        let is_same = |(wanted, found): (&HistoryRecord, &HistoryRecord)| same_version(wanted, found);
        if history.len() != found.len() || !history.iter().zip(found).all(is_same) {
            fields.push(Field::History);
        }
        let labels_differ =
            |(wanted, found): (&HistoryRecord, &HistoryRecord)| !same_labels(&wanted.labels, &found.labels);
        let moved = history.iter().rev().zip(found.iter().rev()).any(labels_differ);
        if wanted.labels.is_some() && moved && !fields.contains(&Field::Labels) {
            fields.push(Field::Labels);
        }
    }
    fields.sort();
    fields
}

/// Whether two older versions are the same in what a put brings back of one.
fn same_version(wanted: &HistoryRecord, found: &HistoryRecord) -> bool {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    wanted.parameter_type == found.parameter_type
        && wanted.value == found.value
        && wanted.data_type == found.data_type
        && wanted.key_id.as_ref().is_none_or(|key| Some(key) == found.key_id.as_ref())
        && text(wanted.description.as_ref().map(|one| one.as_str()))
            == text(found.description.as_ref().map(|one| one.as_str()))
        && text(wanted.allowed_pattern.as_ref().map(|one| one.as_str()))
            == text(found.allowed_pattern.as_ref().map(|one| one.as_str()))
}

fn same_labels(a: &[parados_parameter::Label], b: &[parados_parameter::Label]) -> bool {
    a.len() == b.len() && a.iter().all(|label| b.contains(label))
}
