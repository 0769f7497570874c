//! What became of a plan.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::step::StepError;
use crate::kind::KindName;
use crate::plan::{InfraAction, InfraPlan, PlanHash};

/// What became of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ApplyReport {
    /// Whether all of it was done.
    pub verdict: ApplyVerdict,
    /// The plan.
    pub plan: PlanHash,
    /// The number of the lease that it was done under.
    pub lease: u64,
    /// What became of each change.
    pub changes: Vec<ChangeOutcome>,
    /// Whether it was stopped before its end.
    pub stopped: bool,
    /// What the stack says of itself.
    pub outputs: BTreeMap<String, String>,
}

/// Whether all of a plan was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ApplyVerdict {
    /// All of it.
    Complete,
    /// Some of it; what was not done is named. The same command goes on.
    Partial,
    /// Nothing of it.
    Failed,
}

/// What became of one change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChangeOutcome {
    /// What the declaration calls the resource.
    pub resource: String,
    /// What it is.
    pub kind: KindName,
    /// What was to be done.
    pub action: InfraAction,
    /// What became of it.
    pub status: ChangeStatus,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeStatus {
    /// It was done.
    Done,
    /// It failed, and may be half done.
    Failed,
    /// It was not begun: what it needs failed, or the run was stopped.
    Skipped,
}

impl ApplyReport {
    pub(super) fn of(plan: &InfraPlan, lease: u64) -> Self {
        let changes = plan.changes.iter().map(|change| ChangeOutcome {
            resource: change.resource.clone(),
            kind: change.kind,
            action: change.action,
            status: ChangeStatus::Skipped,
            error: None,
            hints: Vec::new(),
        });
        Self {
            verdict: ApplyVerdict::Complete,
            plan: plan.hash.clone(),
            lease,
            changes: changes.collect(),
            stopped: false,
            outputs: BTreeMap::new(),
        }
    }

    pub(super) fn conclude(&mut self) {
        let done = self.changes.iter().filter(|change| change.status == ChangeStatus::Done).count();
        self.verdict = match done {
            all if all == self.changes.len() => ApplyVerdict::Complete,
            0 => ApplyVerdict::Failed,
            _ => ApplyVerdict::Partial,
        };
    }
}

impl ChangeOutcome {
    pub(super) fn done(&mut self) {
        self.status = ChangeStatus::Done;
    }

    pub(super) fn failed(&mut self, error: &StepError) {
        self.status = ChangeStatus::Failed;
        self.error = Some(error.to_string());
        self.hints = error.hints();
    }
}
