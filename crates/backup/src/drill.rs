//! Drills: a snapshot is restored into a place made for it, everything is read back and compared, and what came of it is written
//! down to be signed.
//!
//! Owns the order of things, the comparison, the evidence and its page, and the scratch prefix. Planning and applying are
//! `restore`'s, as in earnest: a drill proves what a restore will do.

mod compare;
pub mod evidence;
pub mod page;
pub mod scratch;

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;

use futures::future::{self, Either};
use parados_parameter::decorator::metered::CallMeter;
use parados_parameter::decorator::quota::Quotas;
use parados_parameter::{Clock, KeyManagement, ParameterName, Selector, SharedStore};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::time::Instant;

use self::compare::{COMPARED, Comparison, Terms};
use self::evidence::{DrillCounts, DrillPlace, DrillTimes, DrillVerdict, DrilledSnapshot, Evidence};
use self::scratch::ScratchPrefix;
use crate::collect::{CollectError, CollectRequest, Collected, collect};
use crate::document::ParameterRecord;
use crate::event::Observer;
use crate::fingerprint::FingerprintKey;
use crate::report::{Missing, MissingPart, chain};
use crate::restore::journal::Journal;
use crate::restore::{
    ApplyContext, Conflict, KeyMap, NameMap, PlanContext, PlanError, PlanId, RestoreReport, RestoreRequest,
    RestoreSource, SourceError, StoreIdentity, apply, plan,
};
use crate::seal::Identities;
use crate::signed_line;

/// Chunks of records that wait to be taken in.
const CHUNKS_WAITING: usize = 4;

/// What a drill works with.
#[derive(Debug)]
pub struct DrillContext {
    /// What is restored.
    pub source: RestoreSource,
    /// Open it.
    pub identities: Identities,
    /// What it is restored into: an empty store, or one in which `scratch` is.
    pub store: SharedStore,
    /// Counts the calls that `store` makes.
    pub meter: Arc<CallMeter>,
    /// What that store is.
    pub into: StoreIdentity,
    /// What all names begin with there; without one the store must be empty, and is the caller's to throw away.
    pub scratch: Option<ScratchPrefix>,
    /// The store's quotas.
    pub quotas: Quotas,
    /// Says whether keys can be used. Without it no key is looked at.
    pub key_management: Option<Arc<dyn KeyManagement>>,
    /// The key of the plan's fingerprints.
    pub fingerprints: Arc<FingerprintKey>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// How many parameters are written at once.
    pub names_in_flight: usize,
    /// What the evidence names as its maker: `parados 0.1.0`.
    pub tool: String,
    /// Who will sign the evidence, as one line of OpenSSH's form.
    pub signer: String,
    /// The drill's id; random.
    pub id: PlanId,
}

/// What is drilled.
#[derive(Clone, Debug, Default)]
pub struct DrillRequest {
    /// Which parameters of the source.
    pub selector: Selector,
    /// The same in words.
    pub selector_text: String,
    /// What keys become.
    pub keys: Vec<KeyMap>,
}

/// Why a drill proved nothing.
#[derive(Debug, Error)]
enum DrillError {
    #[error("no plan could be made")]
    Plan(#[from] PlanError),
    #[error("the restore ended early: {0}")]
    Restore(String),
    #[error("what was restored could not be read back")]
    ReadBack(#[source] CollectError),
    #[error("what was restored could not be compared")]
    Compare(#[source] SourceError),
    #[error("nothing of it matches")]
    NothingMatched,
    #[error("it was stopped")]
    Stopped,
}

/// Restores, reads back, compares, and takes away again what it made under a scratch prefix: also when something failed, and when
/// `stop` came first. Whatever happens is in the evidence, which is not signed yet.
///
/// * **Everything is compared**: names, values, types, tiers, descriptions, policies, patterns, keys (as they are mapped), data types,
///   tags, labels by position and every older version that the source has.
/// * **The plan is not believed.** Records that were read back are held against records of the source.
/// * **Nothing but what is under the scratch prefix is touched.** Dropping the future takes nothing away; [`ScratchPrefix::find`] finds
///   what is left then.
pub async fn drill(
    context: &DrillContext,
    request: &DrillRequest,
    observer: &dyn Observer,
    stop: impl Future<Output = ()>,
) -> Evidence {
    let begun = Instant::now();
    let mut evidence = Evidence::begun(context, request);
    let outcome = {
        let work = pin!(Drill { context, request, observer, begun }.run(&mut evidence));
        match future::select(work, pin!(stop)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => Err(DrillError::Stopped),
        }
    };
    evidence.error = outcome.err().map(|error| chain(&error));
    if let Some(scratch) = &context.scratch {
        match scratch.clean_up(&context.store, []).await {
            Ok(outcome) => evidence.left_behind = outcome.left.into_keys().collect(),
            Err(error) => {
                let reason = format!("what is under {} could not be removed: {error}", scratch.path());
                evidence.error = Some(evidence.error.map_or(reason.clone(), |error| format!("{error}; {reason}")));
            }
        }
    }
    evidence.counts.calls = context.meter.total();
    evidence.counts.throttles = context.meter.throttles();
    evidence.times.ended = begun.elapsed().as_secs_f64();
    evidence.finished_at = context.clock.now();
    evidence.verdict = evidence.conclude();
    evidence
}

struct Drill<'a> {
    context: &'a DrillContext,
    request: &'a DrillRequest,
    observer: &'a dyn Observer,
    begun: Instant,
}

impl Drill<'_> {
    async fn run(self, evidence: &mut Evidence) -> Result<(), DrillError> {
        let Self { context, request, observer, begun } = &self;
        let wanted = self.restore_request();
        let plan = plan(&self.plan_context(), &wanted, *observer).await?;
        evidence.plan = Some(plan.hash());
        let planned = begun.elapsed().as_secs_f64();
        evidence.times.planned = Some(planned);

        let report = apply(&self.apply_context(), &plan, *observer).await;
        evidence.times.first = report.first_seconds.map(|seconds| planned + seconds);
        evidence.times.last = report.last_seconds.map(|seconds| planned + seconds);
        if plan.changes.is_empty() {
            return Err(DrillError::NothingMatched);
        }

        let (restored, unread) = self.read_back().await.map_err(DrillError::ReadBack)?;
        let terms = Terms {
            plan: &plan,
            failed: failed(&report, unread),
            lacking: self.lacking(),
            maps: &wanted.maps,
            keys: &request.keys,
            everything: request.selector.is_everything(),
        };
        let comparison = Comparison::new(restored, terms);
        let each = |comparison: &mut Comparison, record| {
            comparison.take(record);
            ControlFlow::Continue(())
        };
        let comparison =
            context.source.fold(&context.identities, comparison, each).await.map_err(DrillError::Compare)?;
        (evidence.counts, evidence.differences, evidence.unrestored) = comparison.finish();
        evidence.times.compared = Some(begun.elapsed().as_secs_f64());
        report.error.map_or(Ok(()), |error| Err(DrillError::Restore(error)))
    }

    fn restore_request(&self) -> RestoreRequest {
        let maps: Vec<NameMap> = self.context.scratch.iter().map(ScratchPrefix::map).collect();
        RestoreRequest {
            selector: self.request.selector.clone(),
            selector_text: self.request.selector_text.clone(),
            names: None,
            at: None,
            maps,
            keys: self.request.keys.clone(),
            conflict: Conflict::Fail,
            delete_extra: false,
            delete: Default::default(),
            with_history: true,
            with_labels: true,
            drop_expired: true,
        }
    }

    fn plan_context(&self) -> PlanContext {
        let DrillContext {
            source, identities, store, into, quotas, key_management, fingerprints, clock, tool, id, ..
        } = self.context;
        PlanContext {
            source: source.clone(),
            identities: identities.clone(),
            store: store.clone(),
            into: into.clone(),
            quotas: quotas.clone(),
            key_management: key_management.clone(),
            fingerprints: fingerprints.clone(),
            clock: clock.clone(),
            tool: tool.clone(),
            id: id.clone(),
        }
    }

    fn apply_context(&self) -> ApplyContext {
        let DrillContext { source, identities, store, meter, into, fingerprints, clock, names_in_flight, .. } =
            self.context;
        ApplyContext {
            source: source.clone(),
            identities: identities.clone(),
            store: store.clone(),
            into: into.clone(),
            meter: meter.clone(),
            fingerprints: fingerprints.clone(),
            clock: clock.clone(),
            undo: None,
            journal: Journal::in_memory(),
            names_in_flight: *names_in_flight,
        }
    }

    /// What the snapshot itself lacks of what was asked for.
    fn lacking(&self) -> BTreeMap<ParameterName, Vec<String>> {
        let mut lacking = BTreeMap::<_, Vec<_>>::new();
        let RestoreSource::Snapshot { manifest, .. } = &self.context.source else { return lacking };
        for Missing { name, what, reason } in &manifest.manifest.summary.missing {
            if self.request.selector.matches_name(name) {
                let what = match what {
                    MissingPart::Value => "it is",
                    MissingPart::Tags => "its tags are",
                    MissingPart::History => "its labels and older versions are",
                };
                lacking.entry(name.clone()).or_default().push(format!("{what} not in the snapshot: {reason}"));
            }
        }
        lacking
    }

    /// Everything that is there after the restore, whole, and what of it could not be read.
    async fn read_back(&self) -> Result<(Vec<ParameterRecord>, Vec<Missing>), CollectError> {
        let DrillContext { store, scratch, fingerprints, .. } = self.context;
        let request = CollectRequest {
            selector: scratch.as_ref().map(ScratchPrefix::selector).unwrap_or_default(),
            names: None,
            with_history: true,
            with_labels: true,
        };
        let (sink, mut chunks) = mpsc::channel::<Vec<Collected>>(CHUNKS_WAITING);
        let collecting = async {
            let outcome = collect(store, &request, fingerprints, None, self.observer, &sink).await;
            drop(sink);
            outcome
        };
        let taking = async {
            let mut records = Vec::new();
            while let Some(chunk) = chunks.recv().await {
                records.extend(chunk.into_iter().map(|one| one.record));
            }
            records
        };
        let (outcome, records) = futures::join!(collecting, taking);
        outcome.map(|outcome| (records, outcome.missing))
    }
}

/// Why it did not come to some parameters, or why that cannot be known, by name in the store.
fn failed(report: &RestoreReport, unread: Vec<Missing>) -> HashMap<ParameterName, String> {
    let failed = report.outcomes.iter().filter(|outcome| !outcome.outcome.is_right());
    let failed = failed.map(|one| (one.name.clone(), one.reason.clone().unwrap_or_else(|| one.outcome.to_string())));
    let unread = unread.into_iter().map(|one| (one.name, format!("it could not be read back: {}", one.reason)));
    unread.chain(failed).collect()
}

impl Evidence {
    /// Of a drill that has done nothing yet, and so, as it stands, failed.
    fn begun(context: &DrillContext, request: &DrillRequest) -> Self {
        let now = context.clock.now();
        let snapshot = match &context.source {
            RestoreSource::Snapshot { manifest, .. } => Some(DrilledSnapshot {
                sequence: manifest.manifest.summary.sequence,
                parameters: manifest.manifest.summary.counts.parameters,
                signer: manifest.manifest.summary.signer.clone(),
            }),
            RestoreSource::Document { .. } | RestoreSource::Held { .. } => None,
        };
        Self {
            format_version: signed_line::FORMAT_VERSION,
            id: context.id.clone(),
            verdict: DrillVerdict::Failed,
            source: context.source.planned(),
            snapshot,
            selector: request.selector_text.clone(),
            into: DrillPlace {
                kind: context.into.kind,
                account: context.into.account.clone(),
                region: context.into.region.clone(),
                prefix: context.scratch.as_ref().map(ScratchPrefix::path),
            },
            plan: None,
            started_at: now,
            finished_at: now,
            times: DrillTimes::default(),
            counts: DrillCounts::default(),
            compared: COMPARED.to_vec(),
            differences: Vec::new(),
            unrestored: Vec::new(),
            left_behind: Vec::new(),
            error: None,
            tool: context.tool.clone(),
            signer: context.signer.clone(),
        }
    }

    fn conclude(&self) -> DrillVerdict {
        let counts = &self.counts;
        match () {
            () if self.error.is_some() || self.times.compared.is_none() => DrillVerdict::Failed,
            () if !self.differences.is_empty() => DrillVerdict::Different,
            () if counts.equal == 0 => DrillVerdict::Failed,
            () if !self.unrestored.is_empty() || !self.left_behind.is_empty() => DrillVerdict::Partial,
            () => DrillVerdict::Passed,
        }
    }
}
