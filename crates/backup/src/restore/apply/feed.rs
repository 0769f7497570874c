//! Gets the values that a plan needs out of its source, as they come.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use parados_parameter::{ParameterName, Secret, Version};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::document::ParameterRecord;
use crate::restore::change::{Change, Step};
use crate::restore::source::{RestoreSource, SourceError};
use crate::seal::Identities;

/// How many bytes of values wait to be applied at most; what reads the source waits meanwhile.
const WAITING_BYTES: usize = 32 * 1024 * 1024;
/// What a value costs beside its own bytes.
const OVERHEAD_BYTES: usize = 256;

/// A parameter that is to be applied, with the values that it needs.
#[derive(Debug)]
pub(super) struct Job {
    /// Of its change in the plan.
    pub(super) index: usize,
    /// By version of the source.
    pub(super) values: Vec<(Version, Secret)>,
    /// Its share of what may wait.
    _bytes: Option<OwnedSemaphorePermit>,
}

impl Job {
    /// One that needs no value.
    pub(super) fn without_values(index: usize) -> Self {
        Self { index, values: Vec::new(), _bytes: None }
    }

    /// The value of a version of the source, where the source has it.
    pub(super) fn value(&self, version: Version) -> Option<&Secret> {
        self.values.iter().find(|(found, _)| *found == version).map(|(_, value)| value)
    }
}

/// What is wanted of the source: by name there, the change's index and the versions. A name may be wanted by several changes.
#[derive(Debug, Default)]
pub(super) struct Wanted(HashMap<ParameterName, Vec<(usize, Vec<Version>)>>);

impl Wanted {
    /// Whether nothing is.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what `change` needs; whether it needs anything.
    pub(super) fn add(&mut self, index: usize, change: &Change) -> bool {
        let versions: Vec<_> = change
            .steps
            .iter()
            .filter_map(|step| match step {
                Step::Put { source_version, .. } => Some(*source_version),
                _ => None,
            })
            .collect();
        let (false, Some(source)) = (versions.is_empty(), &change.source) else { return false };
        self.0.entry(source.clone()).or_default().push((index, versions));
        true
    }
}

/// Reads the source to its end and sends a job for each change whose parameter it has.
pub(super) async fn feed(
    source: &RestoreSource,
    identities: &Identities,
    wanted: Wanted,
    jobs: UnboundedSender<Job>,
) -> Result<(), SourceError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let waiting = Arc::new(Semaphore::new(WAITING_BYTES));
    let each = move |wanted: &mut Wanted, record: ParameterRecord| {
        for (index, versions) in wanted.0.remove(&record.name).unwrap_or_default() {
            let values: Vec<_> =
                versions.into_iter().filter_map(|version| Some((version, value(&record, version)?))).collect();
            let bytes: usize = values.iter().map(|(_, value)| value.len() + OVERHEAD_BYTES).sum();
            let bytes = u32::try_from(bytes.min(WAITING_BYTES)).unwrap_or(u32::MAX);
            let Ok(share) = futures::executor::block_on(waiting.clone().acquire_many_owned(bytes)) else {
                return ControlFlow::Break(());
            };
            // A closed queue means that the run has ended.
            if jobs.send(Job { index, values, _bytes: Some(share) }).is_err() {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    };
    source.fold(identities, wanted, each).await.map(drop)
}

fn value(record: &ParameterRecord, version: Version) -> Option<Secret> {
    if record.version == version {
        return Some(record.value.clone());
    }
    let older = record.history.iter().flatten().find(|older| older.version == version)?;
    Some(older.value.clone())
}
