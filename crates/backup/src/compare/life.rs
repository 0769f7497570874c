//! The life of parameters: what a series of snapshots, and the history that a store keeps of each parameter, say together.
//!
//! Manifests say at which snapshots a parameter was there, at which version, and which fields changed; nothing is opened for
//! that. Who put a version, and the versions between two snapshots, stand in documents: of each parameter the newest that has it
//! is opened, and then those that first show a version whose author is not known yet. What cannot be opened costs those answers
//! and no more; the report says so.

mod authors;
mod record;
mod trace;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt as _;
use jiff::Timestamp;
use parados_parameter::{ParameterName, Version};
use schemars::JsonSchema;
use serde::Serialize;

use self::trace::{Trace, View};
use super::diff::throwaway;
use super::entry::Entry;
use super::join::Unread;
use super::{CompareContext, CompareError, Live};
use crate::event::Observer;
use crate::field::Field;
use crate::field::FieldFingerprinter;
use crate::fingerprint_key;
use crate::manifest::SnapshotId;
use crate::report::chain;
use crate::repository::{Repository, SnapshotEntry};
use crate::target::Target;

/// How many manifests are read at once.
const MANIFESTS_AT_ONCE: usize = 2;

/// Which parameters, by name. Asked for each parameter of each snapshot.
pub type NameFilter = Arc<dyn Fn(&ParameterName) -> bool + Send + Sync>;

/// What to tell the life of.
#[derive(Clone)]
pub struct LifeRequest {
    /// Where the snapshots are.
    pub repository: Arc<Repository>,
    /// The snapshots, of any targets, in any order. Those for undo do not count: they hold what a restore touched, and no more.
    pub snapshots: Vec<SnapshotEntry>,
    /// The store as it is now, with what it keeps of older versions.
    pub live: Option<Live>,
    /// When that is.
    pub now: Timestamp,
    /// Which parameters.
    pub names: NameFilter,
    /// Whether documents are opened, which tell who put a version, and versions that no snapshot has as its newest.
    pub open: bool,
}

/// The life of the parameters that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LifeReport {
    /// What happened, in the order of time.
    pub events: Vec<LifeEvent>,
    /// How many snapshots were looked at.
    pub snapshots: usize,
    /// What whoever reads it should know.
    pub notes: Vec<String>,
}

/// Something that happened to a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LifeEvent {
    /// The parameter.
    #[schemars(with = "String")]
    pub name: ParameterName,
    /// Whose.
    pub target: Target,
    /// What happened.
    pub kind: LifeKind,
    /// When: when the version was put, or at the latest.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Of what nobody saw happen, when it had not happened yet. It happened between then and `at`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub not_before: Option<Timestamp>,
    /// The version; the last one of a parameter that was deleted.
    #[schemars(with = "i64")]
    pub version: Version,
    /// Who put it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The fields that changed; absent where they are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<Field>>,
    /// The versions before this one of which nothing is known.
    #[serde(skip_serializing_if = "is_zero")]
    pub unknown_before: u64,
    /// The first snapshot that shows it; absent where only the history of a store or of a later snapshot does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub snapshot: Option<SnapshotId>,
}

/// What happened to a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LifeKind {
    /// Its first version was put.
    Created,
    /// Its first version was put, after a parameter of this name had been deleted.
    Recreated,
    /// A version was put.
    Changed,
    /// The oldest version that is known was put: what came before is not.
    Known,
    /// Its tags or labels were changed, which makes no version.
    Annotated,
    /// It was deleted.
    Deleted,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Tells the life of the parameters that `request` means.
///
/// # Errors
/// [`CompareError`] when a manifest or the store cannot be read.
pub async fn life(
    context: &CompareContext,
    request: &LifeRequest,
    observer: &dyn Observer,
) -> Result<LifeReport, CompareError> {
    let mut snapshots: Vec<_> = request.snapshots.iter().collect();
    snapshots.retain(|entry| entry.summary.purpose.is_none_or(|purpose| purpose.is_whole()));
    snapshots.sort_by_key(|entry| (entry.summary.started_at, entry.summary.sequence));
    let mut chains = BTreeMap::<&Target, Vec<&SnapshotEntry>>::new();
    for entry in &snapshots {
        chains.entry(&entry.summary.target).or_default().push(entry);
    }
    if let Some(live) = &request.live {
        chains.entry(&live.target).or_default();
    }
    let mut report = LifeReport { snapshots: snapshots.len(), ..LifeReport::default() };
    for (target, chain) in chains {
        let mut traces = BTreeMap::<ParameterName, Trace>::new();
        let mut views =
            futures::stream::iter(chain.iter().map(|entry| seen(request, entry))).buffered(MANIFESTS_AT_ONCE);
        while let Some(view) = views.next().await {
            trace::observe(&mut traces, view?);
        }
        drop(views);
        if let Some(live) = request.live.as_ref().filter(|live| live.target == *target) {
            observe_live(context, request, live, chain.last().copied(), &mut traces, observer).await?;
        }
        if request.open {
            authors::find(context, request, &chain, &mut traces, &mut report.notes).await;
        }
        for (name, trace) in traces {
            report.events.extend(trace.events(&name, target));
        }
    }
    // Stable: of one parameter, what happened at one time stays in its order.
    report.events.sort_by_key(|event| event.at);
    Ok(report)
}

/// What a snapshot shows of the parameters that are meant.
async fn seen(request: &LifeRequest, entry: &SnapshotEntry) -> Result<View, CompareError> {
    let names = request.names.clone();
    let collect = move |entries: &mut Vec<Entry>, entry: crate::manifest::ParameterEntry| {
        if names(&entry.name) {
            entries.push(entry.into());
        }
    };
    let (summary, entries) = request.repository.fold_manifest(&entry.manifest_key, Vec::new(), collect).await?;
    Ok(View {
        at: summary.started_at,
        snapshot: Some(summary.id),
        key: summary.fingerprint_key,
        selector: summary.selector,
        unread: Unread::of(&summary.missing).into_keys().collect(),
        entries,
    })
}

/// What the store shows now, under the newest snapshot's key where that is to be had.
async fn observe_live(
    context: &CompareContext,
    request: &LifeRequest,
    live: &Live,
    newest: Option<&SnapshotEntry>,
    traces: &mut BTreeMap<ParameterName, Trace>,
    observer: &dyn Observer,
) -> Result<(), CompareError> {
    let mut found = None;
    if let Some(newest) = newest {
        let id = &newest.summary.fingerprint_key;
        found = fingerprint_key::find(&request.repository, id, context.signing_key.as_ref(), &context.identities).await;
    }
    let key = found.unwrap_or_else(|| Arc::new(throwaway(context)));
    let (mut entries, mut records) = (Vec::new(), Vec::new());
    let mut fingerprints = FieldFingerprinter::new(&*key);
    let take = |record: crate::document::ParameterRecord| {
        if (request.names)(&record.name) {
            entries.push(Entry::of(&record, &mut fingerprints));
            records.push(record);
        }
    };
    let missing = live.read(None, true, &key, observer, take).await?;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    trace::observe(
        traces,
        View {
            at: request.now,
            snapshot: None,
            key: key.id().clone(),
            selector: live.selector_text.clone(),
            unread: Unread::of(&missing).into_keys().collect(),
            entries,
        },
    );
    for record in &records {
        if let Some(trace) = traces.get_mut(&record.name) {
            trace.learn(&record::tell(record));
        }
    }
    Ok(())
}
