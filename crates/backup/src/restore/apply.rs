//! Applies a plan: does its steps and nothing else, each parameter on its own.
//!
//! Owns the order of things: refuse what must not be applied, open the journal, commit what is there as a snapshot for undo, then
//! look at each parameter again and do its steps. Values come out of the source as a stream and are applied as they come; of each the
//! plan has the fingerprint, so a value that is not the planned one is not put, whatever is wrong with the source. Waiting for the
//! quota and trying again are the store's decorators' work.

mod before;
mod error;
mod feed;
mod health;
mod look;
mod run;
mod steps;

use std::sync::Arc;

use jiff::Timestamp;
use parados_parameter::decorator::metered::CallMeter;
use parados_parameter::{Clock, SharedStore};
use tokio::time::Instant;

pub use self::error::RestoreError;
use self::run::Run;
use super::change::{Change, Step};
use super::journal::{Entry, Journal, OpenJournal};
use super::plan::{PlanHash, RestorePlan, StoreIdentity};
use super::report::RestoreReport;
use super::source::RestoreSource;
use crate::backup::{BackupContext, BackupRequest, backup};
use crate::event::{Event, Observer};
use crate::fingerprint::FingerprintKey;
use crate::manifest::{Purpose, SnapshotId};
use crate::report::{BackupReport, MissingPart, chain};
use crate::seal::Identities;
use crate::target::Target;
use crate::verdict::Verdict;

/// What applying a plan works with.
#[derive(Debug)]
pub struct ApplyContext {
    /// Where values come from: what the plan was made of.
    pub source: RestoreSource,
    /// Open the source.
    pub identities: Identities,
    /// Where they go, with its decorators around it.
    pub store: SharedStore,
    /// What that store is.
    pub into: StoreIdentity,
    /// Counts the calls that `store` makes.
    pub meter: Arc<CallMeter>,
    /// The key of the plan's fingerprints.
    pub fingerprints: Arc<FingerprintKey>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Takes a snapshot of what is there before it is changed; without it none is taken.
    pub undo: Option<UndoContext>,
    /// Where it is written down what was begun and done.
    pub journal: Journal,
    /// How many parameters are written at once, each one step after the other. Those that wait because their name was deleted do
    /// not count.
    pub names_in_flight: usize,
}

/// What the snapshot for undo is made with.
#[derive(Debug)]
pub struct UndoContext {
    /// Reads the same store.
    pub backup: BackupContext,
    /// The target that the store is. The snapshot is of its environment with `.undo` after it.
    pub target: Target,
    /// The id of the snapshot; random.
    pub id: SnapshotId,
}

/// Applies a plan. Everything that can go wrong is in the report. A plan that is refused has changed nothing.
///
/// * **Nothing is written that somebody else changed since the plan was made**, as far as a store lets this be known: a create is
///   a put that does not overwrite; before the first other write to a parameter its version and date are read again. A change that
///   comes between that look and the write is noticed by the version that the write made, and reported.
/// * **Nothing is done twice.** A run that ended anywhere, also by being killed, is gone on with by applying the same plan with the
///   same journal. A write whose answer was lost is looked up before anything else is done about it.
/// * **A write that touches what is there comes after the commit of a snapshot of it**, where there is an [`UndoContext`].
///
/// Dropping the future stops it between two calls, or leaves the outcome of one open, for the journal to tell.
pub async fn apply(context: &ApplyContext, plan: &RestorePlan, observer: &dyn Observer) -> RestoreReport {
    let (hash, begun) = (plan.hash(), Instant::now());
    let mut report = RestoreReport::of(plan, hash, context.clock.now());
    if let Err(error) = run(context, plan, hash, observer, begun, &mut report).await {
        report.hints.extend(error.hints());
        report.error = Some(chain(&error));
    }
    report.calls = context.meter.total();
    let calls = context.meter.by_operation().into_iter();
    report.calls_by_operation = calls.map(|(operation, calls)| (operation.name().to_owned(), calls)).collect();
    report.throttles = context.meter.throttles();
    report.seconds = begun.elapsed().as_secs_f64();
    report.conclude();
    report
}

async fn run(
    context: &ApplyContext,
    plan: &RestorePlan,
    hash: PlanHash,
    observer: &dyn Observer,
    begun: Instant,
    report: &mut RestoreReport,
) -> Result<(), RestoreError> {
    before::check(context, plan)?;
    let journal = context.journal.open(&plan.id, hash, context.clock.now()).await?;
    report.resumed = journal.is_resumed;
    report.undo_snapshot = match (&journal.state().undo_snapshot, &context.undo) {
        (Some(snapshot), _) => Some(snapshot.clone()),
        (None, None) => None,
        (None, Some(undo)) => take_undo_snapshot(undo, plan, &journal, context.clock.now(), observer, report).await?,
    };
    let writes = plan.changes.iter().filter(|change| change.action.writes()).count() as u64;
    observer.event(&Event::Applying {
        plan: plan.id.to_string(),
        parameters: writes,
        undo_snapshot: report.undo_snapshot.clone(),
    });
    Run::new(context, plan, &journal, observer, begun).run(report).await
}

/// Commits what the plan touches as it is, and says which snapshot that is; none where nothing is there that it touches.
async fn take_undo_snapshot(
    undo: &UndoContext,
    plan: &RestorePlan,
    journal: &OpenJournal,
    at: Timestamp,
    observer: &dyn Observer,
    report: &mut RestoreReport,
) -> Result<Option<String>, RestoreError> {
    let touched: Vec<&Change> = plan.changes.iter().filter(|one| one.action.writes() && one.live.is_some()).collect();
    if touched.is_empty() {
        return Ok(None);
    }
    let has = |wanted: fn(&Step) -> bool| touched.iter().any(|change| change.steps.iter().any(wanted));
    let deletes = has(|step| matches!(step, Step::Delete));
    let labels = has(|step| matches!(step, Step::Label { .. } | Step::Unlabel { .. }));
    let request = BackupRequest {
        target: Target { environment: undo_environment(&undo.target.environment), ..undo.target.clone() },
        purpose: Some(Purpose::Undo),
        selector: parados_parameter::Selector::default(),
        names: Some(Arc::new(touched.iter().map(|change| change.name.clone()).collect())),
        selector_text: format!("what plan {} changes", plan.id),
        id: undo.id,
        // A delete takes the older versions with it; and labels are in the history, where anything else would not read them.
        with_history: deletes,
        with_labels: deletes || labels,
        full: true,
        dry_run: false,
    };
    let BackupReport { verdict, snapshot, missing, error, hints, .. } =
        backup(&undo.backup, &request, &UndoEvents(observer)).await;
    match verdict {
        Verdict::Complete | Verdict::Partial => {}
        // Everything is gone: each parameter will be found changed.
        Verdict::NothingMatched => return Ok(None),
        Verdict::Failed => {
            report.hints.extend(hints);
            return Err(RestoreError::Undo(error.unwrap_or_default()));
        }
    }
    let snapshot = snapshot.unwrap_or_else(|| undo.id.to_string());
    // Tags that nothing touches need not be put back.
    let tags = has(|step| matches!(step, Step::Tag { .. } | Step::Untag { .. } | Step::Delete));
    let lacks: Vec<_> = missing.iter().filter(|one| one.what != MissingPart::Tags || tags).collect();
    if let Some(first) = lacks.first() {
        let more = lacks.len() - 1;
        let reason = format!(
            "{}: {}{}",
            first.name,
            first.reason,
            if more > 0 { format!(" ({more} more)") } else { String::new() }
        );
        return Err(RestoreError::Undo(reason));
    }
    journal.record(&Entry::Undo { snapshot: snapshot.clone(), at }).await?;
    Ok(Some(snapshot))
}

/// The environment of the undo snapshots of an environment.
pub fn undo_environment(environment: &str) -> String {
    format!("{environment}.undo")
}

/// Passes on what concerns whoever watches a restore: that the snapshot's backup begins and ends is not the restore's beginning and end.
struct UndoEvents<'a>(&'a dyn Observer);

impl Observer for UndoEvents<'_> {
    fn event(&self, event: &Event) {
        if !matches!(event, Event::Started { .. } | Event::Finished { .. }) {
            self.0.event(event);
        }
    }
}
