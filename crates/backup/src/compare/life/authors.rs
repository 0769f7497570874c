//! Opens the documents that say who put a version, as few as will do.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use parados_parameter::ParameterName;

use super::record::{self, Told};
use super::{CompareContext, LifeRequest, Trace, chain};
use crate::document::ParameterRecord;
use crate::manifest::SnapshotId;
use crate::repository::SnapshotEntry;
use crate::snapshot;

type Traces = BTreeMap<ParameterName, Trace>;

/// Learns from the documents of a chain. What cannot be opened is noted.
pub(super) async fn find(
    context: &CompareContext,
    request: &LifeRequest,
    chain: &[&SnapshotEntry],
    traces: &mut Traces,
    notes: &mut Vec<String>,
) {
    let mut opened = BTreeSet::new();
    // The newest that has a parameter has the most of its history; after that, whatever still is not known.
    let newest = traces.values().flat_map(Trace::last_seen).collect();
    open(context, request, chain, &newest, traces, &mut opened, notes).await;
    let rest = traces.values().flat_map(Trace::without_author).collect();
    open(context, request, chain, &rest, traces, &mut opened, notes).await;
}

async fn open(
    context: &CompareContext,
    request: &LifeRequest,
    chain_of_target: &[&SnapshotEntry],
    wanted: &BTreeSet<SnapshotId>,
    traces: &mut Traces,
    opened: &mut BTreeSet<SnapshotId>,
    notes: &mut Vec<String>,
) {
    for entry in chain_of_target.iter().rev() {
        let summary = &entry.summary;
        if !wanted.contains(&summary.id) || !opened.insert(summary.id) {
            continue;
        }
        let names = request.names.clone();
        // All that it says of what is meant, so that none is opened twice.
        let take = move |said: &mut Vec<(ParameterName, Vec<Told>)>, record: ParameterRecord| {
            if names(&record.name) {
                said.push((record.name.clone(), record::tell(&record)));
            }
            ControlFlow::Continue(())
        };
        match snapshot::fold(&request.repository, summary, &context.identities, Vec::new(), take).await {
            Ok(said) => {
                for (name, told) in said {
                    if let Some(trace) = traces.get_mut(&name) {
                        trace.learn(&told);
                    }
                }
            }
            Err(error) => notes.push(format!(
                "who put what the snapshot {} shows may not be known, because it could not be opened: {}",
                summary.id,
                chain(&error)
            )),
        }
    }
}
