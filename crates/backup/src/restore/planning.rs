//! Makes a plan: reads what is wanted and what is there, compares the two, and looks whether the keys can be used.
//!
//! Owns the order of things. What becomes of one parameter is decided in `decide`, a pure function.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use parados_parameter::decorator::quota::Quotas;
use parados_parameter::{Clock, KeyManagement, MAX_VERSIONS, ParameterName, SharedStore};

use super::change::{Action, Change, Step, Warning, WarningKind};
use super::decide::{self, Terms};
use super::desired::{Desired, Wisher, Wishes};
use super::estimate;
use super::extra;
use super::live::{self, LiveParameters};
use super::plan::{FORMAT_VERSION, PlanId, PlannedOptions, RestorePlan, StoreIdentity};
use super::plan_error::PlanError;
use super::request::RestoreRequest;
use super::source::RestoreSource;
use super::transform::map_name;
use super::usable_keys;
use super::warning::{self, Seen};
use crate::event::Observer;
use crate::fingerprint::FingerprintKey;
use crate::report::{Missing, MissingPart};
use crate::seal::Identities;
use crate::target::StoreKind;

/// How long AWS wants a name to be left alone between its deletion and a put.
const REST_SECONDS: u32 = 30;

/// What a plan is made with.
#[derive(Debug)]
pub struct PlanContext {
    /// Where values come from.
    pub source: RestoreSource,
    /// Open the source.
    pub identities: Identities,
    /// Where they go.
    pub store: SharedStore,
    /// What that store is.
    pub into: StoreIdentity,
    /// The quotas that applying it takes; none where nothing is held back.
    pub quotas: Quotas,
    /// Says whether keys can be used. Without it no key is looked at.
    pub key_management: Option<Arc<dyn KeyManagement>>,
    /// The key of the plan's fingerprints.
    pub fingerprints: Arc<FingerprintKey>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// What the plan names as its maker: `parados 0.1.0`.
    pub tool: String,
    /// The plan's id; random.
    pub id: PlanId,
}

/// Makes a plan. Writes nothing.
///
/// # Errors
/// [`PlanError`]. What cannot be restored, and what of the store could not be read, is in the plan.
pub async fn plan(
    context: &PlanContext,
    request: &RestoreRequest,
    observer: &dyn Observer,
) -> Result<RestorePlan, PlanError> {
    let created_at = context.clock.now();
    let wisher = Wisher {
        request: request.clone(),
        into: context.into.clone(),
        fingerprints: context.fingerprints.clone(),
        now: created_at,
    };
    let wish = move |wishes: &mut Wishes, record| {
        wisher.take(wishes, &record);
        ControlFlow::Continue(())
    };
    let wishes = context.source.fold(&context.identities, Wishes::default(), wish).await?;
    let desired = by_name(&wishes)?;
    let missing = missing_in_source(&context.source, request);
    let extra = extra_names(context, request, &desired, &missing).await?;

    let askable = desired.keys().filter(|name| ParameterName::parse(name.as_str()).is_ok());
    let names: BTreeSet<_> = askable.copied().chain(&extra).cloned().collect();
    let with_versions = request.with_labels || request.with_history;
    let mut live = live::read(&context.store, names, with_versions, &context.fingerprints, observer).await?;

    let terms = Terms {
        conflict: request.conflict,
        with_history: request.with_history,
        rest_seconds: if context.into.kind == StoreKind::Aws { REST_SECONDS } else { 0 },
        source_time: request.at.or_else(|| source_time(&context.source)),
    };
    if !with_versions {
        let full = desired.values().filter(|desired| may_be_blocked(desired, &live, &terms));
        let full = full.map(|desired| desired.name.clone()).collect();
        let whole = live::read(&context.store, full, true, &context.fingerprints, observer).await?;
        live.parameters.extend(whole.parameters);
    }
    let mut changes: Vec<_> = desired.values().map(|desired| change(desired, &live, &terms, with_versions)).collect();
    changes.extend(extra.iter().filter_map(|name| deletion(name, &live)));
    changes.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(key_management) = &context.key_management {
        usable_keys::check(key_management.as_ref(), &context.into, &mut changes).await;
    }

    let estimate = estimate::of(&changes, &context.quotas, context.into.kind);
    let seen = Seen { wishes: &wishes, missing: &missing, request, into: &context.into };
    Ok(RestorePlan {
        format_version: FORMAT_VERSION,
        id: context.id.clone(),
        created_at,
        tool: context.tool.clone(),
        source: context.source.planned(),
        into: context.into.clone(),
        options: options(request),
        fingerprint_key: context.fingerprints.id().clone(),
        warnings: warning::of_plan(&changes, &estimate, &seen),
        changes,
        estimate,
    })
}

/// What is wanted, by its name in the store.
fn by_name(wishes: &Wishes) -> Result<BTreeMap<&ParameterName, &Desired>, PlanError> {
    let mut by_name = BTreeMap::<_, &Desired>::new();
    for desired in &wishes.desired {
        if let Some(other) = by_name.insert(&desired.name, desired) {
            return Err(PlanError::SameName {
                name: desired.name.clone(),
                first: other.source.clone(),
                second: desired.source.clone(),
            });
        }
    }
    Ok(by_name)
}

/// What the snapshot lacks of what the request is about.
fn missing_in_source(source: &RestoreSource, request: &RestoreRequest) -> Vec<Missing> {
    let RestoreSource::Snapshot { manifest, .. } = source else { return Vec::new() };
    let is_meant =
        |name| request.selector.matches_name(name) && request.names.as_ref().is_none_or(|names| names.contains(name));
    let missing = manifest.manifest.summary.missing.iter();
    missing.filter(|missing| is_meant(&missing.name)).cloned().collect()
}

/// The names that are to be deleted, where they are there. What was there when the snapshot was made, and could not be read then,
/// is not one of them.
async fn extra_names(
    context: &PlanContext,
    request: &RestoreRequest,
    desired: &BTreeMap<&ParameterName, &Desired>,
    missing: &[Missing],
) -> Result<BTreeSet<ParameterName>, PlanError> {
    let mut extra = BTreeSet::new();
    if request.delete_extra {
        extra = extra::names(&context.store, request).await?;
        let unread = missing.iter().filter(|missing| missing.what == MissingPart::Value);
        for name in unread.map(|missing| map_name(&request.maps, &missing.name)) {
            extra.remove(&name);
        }
    }
    extra.extend(request.delete.iter().cloned());
    extra.retain(|name| !desired.contains_key(name));
    Ok(extra)
}

/// Whether a label on the oldest version may keep the store from putting another: then it is to be looked at.
fn may_be_blocked(desired: &Desired, live: &LiveParameters, terms: &Terms) -> bool {
    live.parameters.get(&desired.name).is_some_and(|live| {
        let is_full = live.newest().version.get() >= MAX_VERSIONS as i64;
        is_full && decide::decide(desired, Some(live), terms).steps.iter().any(|step| matches!(step, Step::Put { .. }))
    })
}

fn source_time(source: &RestoreSource) -> Option<jiff::Timestamp> {
    match source {
        RestoreSource::Snapshot { manifest, .. } => Some(manifest.manifest.summary.started_at),
        RestoreSource::Document { .. } | RestoreSource::Held { .. } => None,
    }
}

fn change(desired: &Desired, live: &LiveParameters, terms: &Terms, with_versions: bool) -> Change {
    let name = &desired.name;
    let found = live.parameters.get(name);
    let mut change = decide::decide(desired, found, terms);
    if let Some(reason) = live.unread(name).filter(|_| found.is_none()) {
        return Change {
            action: Action::Impossible,
            steps: Vec::new(),
            warnings: Vec::new(),
            reason: Some(format!("what the store has could not be read: {reason}")),
            ..change
        };
    }
    let mut unread = |part, what: &str| {
        if let Some(reason) = live.reason(name, part) {
            let message = format!("its {what} could not be read, so they stay as they are: {reason}");
            change.warnings.push(Warning { kind: WarningKind::Incomplete, message });
        }
    };
    unread(MissingPart::Tags, "tags");
    if with_versions {
        unread(MissingPart::History, "labels and older versions");
    }
    change
}

fn deletion(name: &ParameterName, live: &LiveParameters) -> Option<Change> {
    match (live.parameters.get(name), live.unread(name)) {
        (Some(live), _) => Some(decide::delete(live)),
        (None, Some(reason)) => Some(Change {
            name: name.clone(),
            source: None,
            action: Action::Impossible,
            fields: Vec::new(),
            live: None,
            wanted: None,
            steps: Vec::new(),
            reason: Some(format!("it is to be deleted, and could not be read: {reason}")),
            warnings: Vec::new(),
        }),
        (None, None) => None,
    }
}

fn options(request: &RestoreRequest) -> PlannedOptions {
    PlannedOptions {
        selector: request.selector_text.clone(),
        at: request.at,
        maps: request.maps.iter().map(ToString::to_string).collect(),
        keys: request.keys.iter().map(ToString::to_string).collect(),
        conflict: request.conflict.to_string(),
        delete_extra: request.delete_extra,
        with_history: request.with_history,
        with_labels: request.with_labels,
    }
}
