//! Finds parameters in snapshots: by name, and by what else has their value. Nothing is opened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::StreamExt as _;
use jiff::Timestamp;
use parados_parameter::{ParameterName, ParameterType, Version};

use super::CompareError;
use super::life::NameFilter;
use crate::fingerprint::{Fingerprint, FingerprintKeyId};
use crate::manifest::{ParameterEntry, SnapshotId};
use crate::repository::{Repository, SnapshotEntry};
use crate::target::Target;

/// How many manifests are read at once.
const MANIFESTS_AT_ONCE: usize = 2;

/// What to look for.
#[derive(Clone)]
pub struct SearchRequest {
    /// Where the snapshots are.
    pub repository: Arc<Repository>,
    /// The snapshots, of any targets, in any order. Those for undo do not count.
    pub snapshots: Vec<SnapshotEntry>,
    /// Look through all of them, rather than the newest of each target.
    pub all: bool,
    /// Which names.
    pub names: NameFilter,
    /// Only what has the value that this parameter has in the newest snapshots, itself included.
    pub same_value_as: Option<ParameterName>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchReport {
    /// The parameters, by name, each once for each target.
    pub found: Vec<Found>,
    /// How many snapshots were looked through.
    pub snapshots: usize,
    /// What whoever reads it should know.
    pub notes: Vec<String>,
}

/// A parameter that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: ParameterName,
    /// Whose.
    pub target: Target,
    /// The newest snapshot that has it so.
    pub snapshot: SnapshotId,
    /// When that was begun.
    pub started_at: Timestamp,
    /// Whether that is the newest snapshot of its target, so that it is so today as far as anybody knows.
    pub is_current: bool,
    /// How many of the snapshots that were looked through have it so.
    pub snapshots: usize,
    /// The version there.
    pub version: Version,
    /// When that was put.
    pub last_modified_date: Timestamp,
    /// The type.
    pub parameter_type: ParameterType,
    /// Of the value.
    pub fingerprint: Fingerprint,
}

/// A value, as far as a fingerprint tells: two compare only under one key.
type Value = (FingerprintKeyId, Fingerprint);

/// Looks for parameters.
///
/// # Errors
/// [`CompareError::Repository`] when a manifest cannot be read.
pub async fn search(request: &SearchRequest) -> Result<SearchReport, CompareError> {
    let mut snapshots: Vec<_> = request.snapshots.iter().collect();
    snapshots.retain(|entry| entry.summary.purpose.is_none_or(|purpose| purpose.is_whole()));
    snapshots.sort_by_key(|entry| (entry.summary.started_at, entry.summary.sequence));
    let newest: BTreeMap<_, _> = snapshots.iter().map(|entry| (&entry.summary.target, *entry)).collect();
    let mut report = SearchReport::default();
    let values = match &request.same_value_as {
        None => None,
        Some(name) => Some(values_of(request, name, newest.values().copied(), &mut report.notes).await?),
    };
    let looked_through: Vec<_> = match request.all {
        true => snapshots.clone(),
        false => newest.values().copied().collect(),
    };
    let mut found = BTreeMap::<(ParameterName, Target), Found>::new();
    let mut of_other_keys = 0_usize;
    let fits = |entry: &SnapshotEntry| {
        values.as_ref().is_none_or(|values| values.iter().any(|(key, _)| *key == entry.summary.fingerprint_key))
    };
    let comparable = looked_through.iter().filter(|entry| {
        let fits = fits(entry);
        of_other_keys += usize::from(!fits);
        fits
    });
    let comparable: Vec<_> = comparable.copied().collect();
    let mut read = futures::stream::iter(comparable.iter().map(|entry| matches(request, entry, values.as_ref())))
        .buffered(MANIFESTS_AT_ONCE);
    let mut of = comparable.iter();
    while let (Some(entries), Some(snapshot)) = (read.next().await, of.next()) {
        let summary = &snapshot.summary;
        for entry in entries? {
            let key = (entry.name.clone(), summary.target.clone());
            let snapshots = found.get(&key).map_or(0, |earlier| earlier.snapshots) + 1;
            let current = Found {
                name: entry.name,
                target: summary.target.clone(),
                snapshot: summary.id,
                started_at: summary.started_at,
                is_current: newest.get(&summary.target).is_some_and(|newest| newest.summary.id == summary.id),
                snapshots,
                version: entry.version,
                last_modified_date: entry.last_modified_date,
                parameter_type: entry.parameter_type,
                fingerprint: entry.fingerprint,
            };
            found.insert(key, current);
        }
    }
    drop(read);
    if of_other_keys > 0 {
        report.notes.push(format!(
            "{of_other_keys} snapshots have fingerprints under another key, which do not compare with those of the value"
        ));
    }
    report.snapshots = comparable.len();
    report.found = found.into_values().collect();
    Ok(report)
}

/// The values that a parameter has in these snapshots.
async fn values_of(
    request: &SearchRequest,
    name: &ParameterName,
    snapshots: impl Iterator<Item = &SnapshotEntry>,
    notes: &mut Vec<String>,
) -> Result<BTreeSet<Value>, CompareError> {
    let mut values = BTreeSet::new();
    for entry in snapshots {
        let name = name.clone();
        let take = move |found: &mut Option<Fingerprint>, entry: ParameterEntry| {
            if entry.name == name {
                *found = Some(entry.fingerprint);
            }
        };
        let (summary, found) = request.repository.fold_manifest(&entry.manifest_key, None, take).await?;
        values.extend(found.map(|fingerprint| (summary.fingerprint_key, fingerprint)));
    }
    if values.is_empty() {
        notes.push(format!("{name} is in none of the newest snapshots"));
    }
    Ok(values)
}

/// What of a snapshot is looked for.
async fn matches(
    request: &SearchRequest,
    entry: &SnapshotEntry,
    values: Option<&BTreeSet<Value>>,
) -> Result<Vec<ParameterEntry>, CompareError> {
    let names = request.names.clone();
    let of_key = |values: &BTreeSet<Value>| {
        let same_key = values.iter().filter(|(key, _)| *key == entry.summary.fingerprint_key);
        same_key.map(|(_, fingerprint)| *fingerprint).collect::<BTreeSet<_>>()
    };
    let values = values.map(of_key);
    let take = move |found: &mut Vec<ParameterEntry>, entry: ParameterEntry| {
        if names(&entry.name) && values.as_ref().is_none_or(|values| values.contains(&entry.fingerprint)) {
            found.push(entry);
        }
    };
    Ok(request.repository.fold_manifest(&entry.manifest_key, Vec::new(), take).await?.1)
}
