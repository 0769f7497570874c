//! Carries a plan out: takes marks away, marks, ends what was begun, removes.

use super::leftover;
use super::report::{Action, Outcome, PlannedSnapshot, PruneReport, TargetPlan};
use super::{CLOCK_TOLERANCE, PruneContext, PruneError, PrunePlan};
use crate::event::{Event, Observer};
use crate::report::chain;
use crate::repository::{RemovalDraft, RepositoryError};
use crate::target::Target;

/// Carries a plan out. `probe` is random: it names an object that is written for a moment, to hold the clock against the place's. Each
/// snapshot is looked at again before it is removed: its locks, and that its manifest is the one that was marked.
///
/// # Errors
/// [`PruneError`] when the clock is not believed; then nothing was done. What failed of a snapshot is in the report, and stops no other.
pub async fn apply(
    context: &PruneContext,
    mut plan: PrunePlan,
    probe: u32,
    observer: &dyn Observer,
) -> Result<PruneReport, PruneError> {
    if plan.report.changes() {
        check_clock(context, &plan, probe).await?;
    }
    let mut targets = std::mem::take(&mut plan.report.targets);
    let changes = |target: &&TargetPlan| target.refused.is_empty();
    let snapshots = targets.iter().filter(changes).flat_map(|target| &target.snapshots);
    let count = snapshots.filter(|snapshot| snapshot.action.changes()).count();
    observer.event(&Event::SnapshotsFound { snapshots: count as u64 });
    for target in targets.iter_mut().filter(|target| target.refused.is_empty()) {
        for sequence in &target.stray_marks {
            if let Err(error) = context.verify.repository.unmark(&target.target, *sequence).await {
                target.failures.push(chain(&error));
            }
        }
        let policy = target.policy.as_deref().unwrap_or_default();
        let sweep = Sweep { context, plan: &plan, target: &target.target, policy };
        for snapshot in target.snapshots.iter_mut().filter(|snapshot| snapshot.action.changes()) {
            let outcome = sweep.one(snapshot).await;
            snapshot.outcome = Some(outcome.unwrap_or_else(|error| Outcome::Failed(chain(&error))));
            observer.event(&Event::SnapshotDone { snapshot: snapshot.id.to_string(), bytes: 0 });
        }
    }
    if let Some(leftovers) = &mut plan.report.leftovers {
        leftover::apply(context, leftovers, plan.report.at).await;
    }
    let mut report = PruneReport { targets, applied: true, ..plan.report };
    report.conclude();
    Ok(report)
}

/// A clock that is ahead would end grace times too early. A folder's clock is this machine's, a bucket's is not.
async fn check_clock(context: &PruneContext, plan: &PrunePlan, probe: u32) -> Result<(), PruneError> {
    let now = context.verify.clock.now();
    if plan.report.at.duration_since(now) > CLOCK_TOLERANCE {
        return Err(PruneError::ClockBehind { now, what: "the plan".into(), then: plan.report.at });
    }
    let place = context.verify.repository.time_of_place(probe).await?;
    match place.duration_since(context.verify.clock.now()).abs() > CLOCK_TOLERANCE {
        true => Err(PruneError::ClockOff { now, place }),
        false => Ok(()),
    }
}

/// What is done in one target.
struct Sweep<'a> {
    context: &'a PruneContext,
    plan: &'a PrunePlan,
    target: &'a Target,
    policy: &'a str,
}

impl Sweep<'_> {
    async fn one(&self, snapshot: &PlannedSnapshot) -> Result<Outcome, RepositoryError> {
        match snapshot.action {
            Action::Keep | Action::Wait => Ok(Outcome::Done),
            Action::Unmark => self.unmark(snapshot).await,
            Action::Mark => self.mark(snapshot).await,
            Action::Finish => self.finish(snapshot).await,
            Action::Remove => self.remove(snapshot).await,
        }
    }

    async fn unmark(&self, snapshot: &PlannedSnapshot) -> Result<Outcome, RepositoryError> {
        self.context.verify.repository.unmark(self.target, snapshot.sequence).await.map(|()| Outcome::Done)
    }

    async fn mark(&self, snapshot: &PlannedSnapshot) -> Result<Outcome, RepositoryError> {
        let repository = &self.context.verify.repository;
        let manifest = repository.read_manifest(&snapshot.manifest_key).await?;
        if snapshot.is_marked {
            // What stands there is no mark of this snapshot.
            repository.unmark(self.target, snapshot.sequence).await?;
        }
        let (summary, at) = (&manifest.manifest.summary, self.plan.report.at);
        repository.mark(summary, manifest.digest, at, &self.context.tool, &self.context.signing_key).await?;
        Ok(Outcome::Done)
    }

    async fn finish(&self, snapshot: &PlannedSnapshot) -> Result<Outcome, RepositoryError> {
        let Some(removal) = &snapshot.removal else { return Ok(left("its removal is gone")) };
        let repository = &self.context.verify.repository;
        let is_there = !snapshot.manifest_key.is_empty();
        if is_there && self.is_locked(snapshot).await? {
            return Ok(left("it was locked"));
        }
        repository.finish_removal(removal, &self.plan.spared(removal)).await.map(|()| Outcome::Done)
    }

    async fn remove(&self, snapshot: &PlannedSnapshot) -> Result<Outcome, RepositoryError> {
        let Some(mark) = &snapshot.mark else { return Ok(left("its mark is gone")) };
        let repository = &self.context.verify.repository;
        if self.is_locked(snapshot).await? {
            return Ok(left("it was locked"));
        }
        let manifest = match repository.read_manifest(&snapshot.manifest_key).await {
            Err(RepositoryError::NotFound { .. }) => return Ok(left("it is gone")),
            outcome => outcome?,
        };
        if manifest.digest != mark.manifest_digest {
            return Ok(left("its manifest is not the one that was marked"));
        }
        let draft = RemovalDraft {
            reason: format!("not kept by: {}", self.policy),
            marked_at: mark.marked_at,
            removed_at: self.context.verify.clock.now(),
            tool: self.context.tool.clone(),
        };
        let removal = repository.begin_removal(&manifest, draft, &self.context.signing_key).await?;
        // Who locks writes the lock and then looks for a removal; here it is the other way round. So one of the two sees the other.
        if self.is_locked(snapshot).await? {
            return Ok(left("it was locked when its removal had begun"));
        }
        repository.finish_removal(&removal, &self.plan.spared(&removal)).await.map(|()| Outcome::Done)
    }

    async fn is_locked(&self, snapshot: &PlannedSnapshot) -> Result<bool, RepositoryError> {
        let locks = self.context.verify.repository.locks().await?;
        Ok(locks.hold(snapshot.id, self.context.verify.clock.now()))
    }
}

fn left(reason: &str) -> Outcome {
    Outcome::Left(reason.to_owned())
}
