//! Does a plan: under a lease, each change after what it needs, those that do not need one another at the same time.
//!
//! Everything that it calls can be called again, and what it was about to do stands in the inventory before it does it: a run that was
//! interrupted at any call is finished by the next one.

mod report;
mod step;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use parados_parameter::Clock;
use thiserror::Error;
use tokio::sync::Mutex;

pub use report::{ApplyReport, ApplyVerdict, ChangeOutcome, ChangeStatus};

use crate::inventory::{Holder, Lease, LeaseError};
use crate::kind::Outputs;
use crate::plan::{Change, InfraAction, InfraPlan, PlanHash};
use crate::stack::{Observation, Stack, StackError};
use step::{Step, StepError};

/// What a plan is done with.
pub struct ApplyContext<'a> {
    /// The stack.
    pub stack: &'a Stack,
    /// Who does it.
    pub holder: Holder,
    /// Whether a holder of a lease cannot be at work any more.
    pub is_gone: &'a (dyn Fn(&Holder) -> bool + Sync),
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Told what is going on.
    pub observer: &'a (dyn Fn(InfraEvent<'_>) + Sync),
}

/// What is going on.
#[derive(Clone, Copy, Debug)]
pub enum InfraEvent<'a> {
    /// A change is begun.
    Started(&'a Change),
    /// A change is done.
    Done(&'a Change),
    /// A change failed.
    Failed(&'a Change, &'a str),
}

/// Why nothing was done.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// No lease.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// What is there could not be read.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// It is not as it was when the plan was approved.
    #[error("what is there has changed since the plan was made: its hash was {approved}, and is {now}")]
    Changed {
        /// What was approved.
        approved: PlanHash,
        /// What would be done now.
        now: PlanHash,
    },
    /// The plan has something that cannot be done.
    #[error("the plan cannot be applied: {0}")]
    Refused(String),
}

/// A future that ends when no further change is to be begun. It is not asked again when it has ended.
pub type Stop = Pin<Box<dyn Future<Output = ()>>>;

/// Takes the lease, makes the plan once more, and does it if it is the one that was approved.
///
/// # Errors
/// [`ApplyError`], when nothing was done. What failed on the way is in the report.
pub async fn apply(
    context: &ApplyContext<'_>,
    approved: &PlanHash,
    before: &Observation,
    make_plan: impl AsyncFn(&Observation) -> Result<InfraPlan, StackError>,
    stop: &mut Stop,
) -> Result<ApplyReport, ApplyError> {
    let stack = context.stack;
    let newest = before.records.lease.as_ref();
    let holder = context.holder.clone();
    let lease = Lease::acquire(&stack.inventory, newest, holder, context.is_gone, &*context.clock).await?;
    let number = lease.number();
    let lease = Mutex::new(lease);
    let outcome = async {
        let observation = stack.observe().await?;
        let plan = make_plan(&observation).await?;
        if plan.hash != *approved {
            return Err(ApplyError::Changed { approved: approved.clone(), now: plan.hash });
        }
        if let Some(refused) = plan.refusals().next() {
            let reason = refused.reason.as_deref().unwrap_or_default();
            return Err(ApplyError::Refused(format!("{}: {reason}", refused.resource)));
        }
        if let Some(finding) = plan.blocking().next() {
            return Err(ApplyError::Refused(format!("{}: {}", finding.check, finding.message)));
        }
        Ok(run(context, &lease, &plan, &observation, stop).await)
    };
    let outcome = outcome.await;
    // Where this fails the lease ends by itself, and what was done is done all the same.
    if let Err(error) = lease.into_inner().release().await {
        tracing::warn!(%error, lease = number, "the lease was not given back");
    }
    outcome
}

async fn run(
    context: &ApplyContext<'_>,
    lease: &Mutex<Lease>,
    plan: &InfraPlan,
    observation: &Observation,
    stop: &mut Stop,
) -> ApplyReport {
    let mut outputs: BTreeMap<String, Outputs> = observation
        .resources
        .iter()
        .map(|one| (one.resource.clone(), one.spec.outputs(&one.at, one.live.as_ref())))
        .collect();
    let mut report = ApplyReport::of(plan, lease.lock().await.number());
    let mut waiting: BTreeSet<usize> = (0..plan.changes.len()).collect();
    let mut running = FuturesUnordered::new();
    let mut running_now: BTreeSet<usize> = BTreeSet::new();
    let mut stopped = false;
    loop {
        let ready: Vec<usize> = waiting
            .iter()
            .copied()
            .filter(|index| !stopped && is_ready(plan, *index, &waiting, &running_now, &report))
            .collect();
        for index in ready {
            waiting.remove(&index);
            running_now.insert(index);
            let change = &plan.changes[index];
            (context.observer)(InfraEvent::Started(change));
            let step = Step { context, lease, change, records: &observation.records, outputs: outputs.clone() };
            running.push(async move { (index, step.run().await) });
        }
        if running.is_empty() {
            break;
        }
        let (index, outcome) = tokio::select! {
            biased;
            Some(done) = running.next() => done,
            () = &mut *stop, if !stopped => {
                stopped = true;
                report.stopped = true;
                continue;
            }
        };
        running_now.remove(&index);
        let change = &plan.changes[index];
        match outcome {
            Ok(now) => {
                outputs.extend(now.map(|now| (change.resource.clone(), now)));
                report.changes[index].done();
                (context.observer)(InfraEvent::Done(change));
            }
            Err(error) => {
                stopped |= matches!(error, StepError::Lease(_));
                report.changes[index].failed(&error);
                (context.observer)(InfraEvent::Failed(change, &error.to_string()));
            }
        }
    }
    report.outputs = context.stack.stack_outputs(&outputs).unwrap_or_default();
    report.conclude();
    report
}

/// Whether everything is done that a change comes after. What comes after something that failed never is.
fn is_ready(
    plan: &InfraPlan,
    index: usize,
    waiting: &BTreeSet<usize>,
    running: &BTreeSet<usize>,
    report: &ApplyReport,
) -> bool {
    let change = &plan.changes[index];
    let is_deletion = |change: &Change| change.action == InfraAction::Delete;
    plan.changes.iter().enumerate().filter(|(other, _)| *other != index).all(|(other, earlier)| {
        let comes_before = match (is_deletion(change), is_deletion(earlier)) {
            // What is made or changed comes before what is removed, and what needs something is removed before it.
            (true, false) => true,
            (true, true) => earlier.depends_on.contains(&change.resource),
            (false, true) => false,
            (false, false) => change.depends_on.contains(&earlier.resource),
        };
        let is_done = !waiting.contains(&other)
            && !running.contains(&other)
            && report.changes[other].status == ChangeStatus::Done;
        !comes_before || is_done
    })
}
