//! What applying a plan came to.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use parados_parameter::{ParameterName, Version};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::change::Action;
use super::plan::{PlanHash, PlanId, RestorePlan};

/// How applying a plan ended. Each has an exit code of its own in the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RestoreVerdict {
    /// All that the plan does is done.
    Complete,
    /// Something is done, and something is not: each is named with the reason.
    Partial,
    /// Nothing is done of what the plan does.
    Failed,
}

/// What applying a plan came to. Holds no value of a parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RestoreReport {
    /// How it ended.
    pub verdict: RestoreVerdict,
    /// The plan.
    pub plan: PlanId,
    /// Its hash.
    #[schemars(with = "String")]
    pub hash: PlanHash,
    /// Whether an earlier run of the same plan was gone on with.
    pub resumed: bool,
    /// The snapshot of what was there before; absent where nothing was, and where none was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo_snapshot: Option<String>,
    /// One for each parameter of the plan, by name.
    pub outcomes: Vec<ParameterOutcome>,
    /// How many parameters have which outcome.
    pub counts: BTreeMap<Outcome, u64>,
    /// Calls to the store on the wire, retries and those of the undo snapshot included.
    pub calls: u64,
    /// The same by operation.
    pub calls_by_operation: BTreeMap<String, u64>,
    /// Calls that were refused because the quota was used up.
    pub throttles: u64,
    /// When it began.
    #[schemars(with = "String")]
    pub started_at: Timestamp,
    /// How long it took.
    pub seconds: f64,
    /// After how many seconds the first parameter was as wanted; absent where none became so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seconds: Option<f64>,
    /// After how many seconds the last one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seconds: Option<f64>,
    /// Why it was refused, or ended early; absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What to do about it, one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

/// What became of one parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ParameterOutcome {
    /// Its name in the store.
    #[schemars(with = "String")]
    pub name: ParameterName,
    /// What the plan does with it.
    pub action: Action,
    /// What became of it.
    pub outcome: Outcome,
    /// The version that it has now because of this plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i64>")]
    pub version: Option<Version>,
    /// Why, where it is not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What became of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every step of it is done, in this run or in one before it.
    Done,
    /// It was as wanted already.
    AlreadyAsWanted,
    /// The plan leaves it as it is.
    Skipped,
    /// Somebody changed it since the plan was made, so it was left alone.
    Changed,
    /// A step failed.
    Failed,
    /// The plan says that it cannot be restored.
    Impossible,
    /// Nothing was done about it.
    NotBegun,
}

impl Outcome {
    /// Whether it is as the plan wants it.
    pub fn is_right(self) -> bool {
        matches!(self, Self::Done | Self::AlreadyAsWanted | Self::Skipped)
    }

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::AlreadyAsWanted => "already-as-wanted",
            Self::Skipped => "skipped",
            Self::Changed => "changed",
            Self::Failed => "failed",
            Self::Impossible => "impossible",
            Self::NotBegun => "not-begun",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for RestoreVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Failed => "failed",
        })
    }
}

impl RestoreReport {
    /// The report of a plan of which nothing is done yet.
    pub(super) fn of(plan: &RestorePlan, hash: PlanHash, started_at: Timestamp) -> Self {
        let outcome_of = |action| match action {
            Action::Unchanged => Outcome::AlreadyAsWanted,
            Action::Skip => Outcome::Skipped,
            Action::Impossible => Outcome::Impossible,
            Action::Create | Action::Update | Action::Replace | Action::Delete | Action::Conflict => Outcome::NotBegun,
        };
        let outcomes = plan.changes.iter().map(|change| ParameterOutcome {
            name: change.name.clone(),
            action: change.action,
            outcome: outcome_of(change.action),
            version: None,
            reason: change.reason.clone(),
        });
        Self {
            verdict: RestoreVerdict::Failed,
            plan: plan.id.clone(),
            hash,
            resumed: false,
            undo_snapshot: None,
            outcomes: outcomes.collect(),
            counts: BTreeMap::new(),
            calls: 0,
            calls_by_operation: BTreeMap::new(),
            throttles: 0,
            started_at,
            seconds: 0.0,
            first_seconds: None,
            last_seconds: None,
            error: None,
            hints: Vec::new(),
        }
    }

    /// Counts the outcomes and says the verdict.
    pub(super) fn conclude(&mut self) {
        for outcome in &self.outcomes {
            *self.counts.entry(outcome.outcome).or_default() += 1;
        }
        let any = |wanted: &[Outcome]| self.outcomes.iter().any(|outcome| wanted.contains(&outcome.outcome));
        let went_wrong = self.error.is_some() || any(&[Outcome::Failed, Outcome::NotBegun]);
        self.verdict = match self.outcomes.iter().all(|outcome| outcome.outcome.is_right()) && !went_wrong {
            true => RestoreVerdict::Complete,
            false if any(&[Outcome::Done]) || !went_wrong => RestoreVerdict::Partial,
            false => RestoreVerdict::Failed,
        };
    }

    /// The outcome of a parameter.
    pub fn outcome(&self, name: &ParameterName) -> Option<&ParameterOutcome> {
        self.outcomes.iter().find(|outcome| outcome.name == *name)
    }
}
