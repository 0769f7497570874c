//! What the store has, of what a plan is about.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parados_parameter::{Label, ParameterName, Selector, SharedStore, Tag, Version};
use tokio::sync::mpsc;

use super::version_state::VersionState;
use crate::collect::{CollectError, CollectRequest, Collected, collect};
use crate::document::ParameterRecord;
use crate::event::Observer;
use crate::fingerprint::FingerprintKey;
use crate::report::{Missing, MissingPart};

/// Chunks of records that wait to be taken in.
const CHUNKS_WAITING: usize = 4;

/// A parameter of the store.
#[derive(Clone, Debug)]
pub(super) struct Live {
    /// Its name, as the store spells it.
    pub(super) name: ParameterName,
    /// All versions that are kept, the oldest first, where they were read; otherwise the newest. Never empty.
    pub(super) versions: Vec<VersionState>,
    /// The tags; absent where they could not be read.
    pub(super) tags: Option<Vec<Tag>>,
    /// Whether all versions and their labels were read.
    pub(super) has_history: bool,
}

/// What was read of the store.
#[derive(Debug, Default)]
pub(super) struct LiveParameters {
    pub(super) parameters: BTreeMap<ParameterName, Live>,
    /// What could not be read, by name.
    pub(super) missing: BTreeMap<ParameterName, Vec<Missing>>,
}

impl Live {
    fn of(record: &ParameterRecord, fingerprints: &FingerprintKey) -> Self {
        let mut versions: Vec<_> =
            record.history.iter().flatten().map(|older| VersionState::older(older, fingerprints)).collect();
        versions.push(VersionState::newest(record, fingerprints));
        Self {
            name: record.name.clone(),
            versions,
            tags: record.tags.clone(),
            has_history: record.history.is_some() && record.labels.is_some(),
        }
    }

    /// The newest version.
    pub(super) fn newest(&self) -> &VersionState {
        self.versions.last().expect("a parameter has a version")
    }

    /// Its labels, and the version that each stands on.
    pub(super) fn labels(&self) -> BTreeMap<&Label, Version> {
        let versions = self.versions.iter();
        versions.flat_map(|version| version.labels.iter().map(|label| (label, version.version))).collect()
    }
}

impl LiveParameters {
    /// Why the value of `name` could not be read; nothing where it was, or where there is none.
    pub(super) fn unread(&self, name: &ParameterName) -> Option<&str> {
        self.reason(name, MissingPart::Value)
    }

    /// Why this part of `name` could not be read.
    pub(super) fn reason(&self, name: &ParameterName, part: MissingPart) -> Option<&str> {
        let missing = self.missing.get(name)?;
        missing.iter().find(|missing| missing.what == part).map(|missing| missing.reason.as_str())
    }
}

/// Reads these parameters of `store`, those that are there; with all versions and labels where they are asked for. What could not
/// be read is named in the outcome.
///
/// # Errors
/// [`CollectError::Store`].
pub(super) async fn read(
    store: &SharedStore,
    names: BTreeSet<ParameterName>,
    with_versions: bool,
    fingerprints: &FingerprintKey,
    observer: &dyn Observer,
) -> Result<LiveParameters, CollectError> {
    let mut live = LiveParameters::default();
    if names.is_empty() {
        return Ok(live);
    }
    let request = CollectRequest {
        selector: Selector::default(),
        names: Some(Arc::new(names)),
        with_history: with_versions,
        with_labels: with_versions,
    };
    let (sink, mut records) = mpsc::channel::<Vec<Collected>>(CHUNKS_WAITING);
    let taking = async {
        let mut parameters = BTreeMap::new();
        while let Some(chunk) = records.recv().await {
            for Collected { record, .. } in chunk {
                parameters.insert(record.name.clone(), Live::of(&record, fingerprints));
            }
        }
        parameters
    };
    let collecting = async {
        let outcome = collect(store, &request, fingerprints, None, observer, &sink).await;
        drop(sink);
        outcome
    };
    let (outcome, parameters) = futures::join!(collecting, taking);
    live.parameters = parameters;
    for missing in outcome?.missing {
        live.missing.entry(missing.name.clone()).or_default().push(missing);
    }
    Ok(live)
}
