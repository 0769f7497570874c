//! What a plan of pruning says, and what became of it.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::leftover::LeftoverPlan;
use crate::manifest::{Purpose, SnapshotId};
use crate::repository::{Mark, Removal};
use crate::retention::Rule;
use crate::target::Target;
use crate::verdict::Verdict;

/// What is done with a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is kept.
    Keep,
    /// It is kept, and the mark that it bears is taken away.
    Unmark,
    /// It is not kept any longer, and is marked.
    Mark,
    /// It is marked, and its grace time is not over.
    Wait,
    /// Its grace time is over: it is removed.
    Remove,
    /// Its removal was begun, and is ended.
    Finish,
}

impl Action {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Unmark => "unmark",
            Self::Mark => "mark",
            Self::Wait => "wait",
            Self::Remove => "remove",
            Self::Finish => "finish",
        }
    }

    /// Whether it changes anything.
    pub fn changes(self) -> bool {
        !matches!(self, Self::Keep | Self::Wait)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "is", content = "reason")]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was left, because something is not any longer as when the plan was made.
    Left(String),
    /// It was tried, and failed. The next run goes on with it.
    Failed(String),
}

/// A snapshot of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PlannedSnapshot {
    /// Its id.
    #[schemars(with = "String")]
    pub id: SnapshotId,
    /// Its place in its target's chain.
    pub sequence: u64,
    /// When it was begun.
    #[schemars(with = "String")]
    pub started_at: Timestamp,
    /// What it was made for, where it is no ordinary backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// Complete or partial; absent where its manifest is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// The size of its document; 0 where its manifest is gone.
    pub bytes: u64,
    /// What keeps it; empty where nothing does.
    pub kept_by: Vec<Rule>,
    /// What is done with it.
    pub action: Action,
    /// When its grace time ends, where it is marked or going to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub due: Option<Timestamp>,
    /// What became of that; absent from a plan, and where nothing was to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    #[serde(skip)]
    pub(super) manifest_key: String,
    /// The mark that it bears.
    #[serde(skip)]
    pub(super) mark: Option<Mark>,
    /// Whether something stands where its mark is, be it one or not.
    #[serde(skip)]
    pub(super) is_marked: bool,
    /// The removal that was begun.
    #[serde(skip)]
    pub(super) removal: Option<Removal>,
}

/// What is done in a target.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct TargetPlan {
    /// The target.
    pub target: Target,
    /// What is kept of it, in words; absent where no rule speaks of it, and all of it is left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Why nothing is done in it, although a rule speaks of it.
    pub refused: Vec<String>,
    /// Its snapshots, oldest first.
    pub snapshots: Vec<PlannedSnapshot>,
    /// Numbers of marks that nothing belongs to, which are taken away.
    pub stray_marks: Vec<u64>,
    /// What of these could not be taken away.
    pub failures: Vec<String>,
}

impl TargetPlan {
    /// Whether anything is done in it.
    pub fn changes(&self) -> bool {
        self.refused.is_empty()
            && (!self.stray_marks.is_empty() || self.snapshots.iter().any(|snapshot| snapshot.action.changes()))
    }

    /// How many of its snapshots something is done with.
    pub fn count(&self, action: Action) -> usize {
        self.snapshots.iter().filter(|snapshot| snapshot.action == action).count()
    }

    fn verdict(&self) -> Option<Verdict> {
        let is_done = |snapshot: &&PlannedSnapshot| snapshot.outcome == Some(Outcome::Done);
        let failed =
            |snapshot: &&PlannedSnapshot| matches!(snapshot.outcome, Some(Outcome::Left(_) | Outcome::Failed(_)));
        let (done, failed) =
            (self.snapshots.iter().any(|one| is_done(&one)), self.snapshots.iter().any(|one| failed(&one)));
        match (self.refused.is_empty(), done, failed || !self.failures.is_empty()) {
            (false, ..) | (_, false, true) => Some(Verdict::Failed),
            (_, true, true) => Some(Verdict::Partial),
            (_, _, false) => self.policy.as_ref().map(|_| Verdict::Complete),
        }
    }
}

/// What pruning was going to do, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PruneReport {
    /// The repository's URL.
    pub repository: String,
    /// When the plan was made.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Whether it was carried out.
    pub applied: bool,
    /// Complete; partial when something could not be done; failed when nothing of what was to be done was; nothing-matched when no
    /// rule speaks of any target that is there.
    pub verdict: Verdict,
    /// The targets.
    pub targets: Vec<TargetPlan>,
    /// Documents' objects that nothing names; absent where they were not looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leftovers: Option<LeftoverPlan>,
}

impl PruneReport {
    /// Whether anything is done.
    pub fn changes(&self) -> bool {
        self.targets.iter().any(TargetPlan::changes) || self.leftovers.as_ref().is_some_and(LeftoverPlan::changes)
    }

    pub(super) fn conclude(&mut self) {
        let verdicts: Vec<_> = self.targets.iter().filter_map(TargetPlan::verdict).collect();
        self.verdict = match verdicts.as_slice() {
            [] => Verdict::NothingMatched,
            all if all.iter().all(|verdict| *verdict == Verdict::Complete) => Verdict::Complete,
            all if all.iter().all(|verdict| *verdict == Verdict::Failed) => Verdict::Failed,
            _ => Verdict::Partial,
        };
        if self.verdict == Verdict::Complete && self.leftovers.as_ref().is_some_and(LeftoverPlan::failed) {
            self.verdict = Verdict::Partial;
        }
    }
}
