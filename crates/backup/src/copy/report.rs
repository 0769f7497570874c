//! What a copy says at its end.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::{CopyRequest, Failure};
use crate::manifest::{ManifestError, SnapshotId};
use crate::repository::{Repository, SnapshotEntry};
use crate::target::Target;
use crate::verdict::Verdict;

/// What a copy did.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CopyReport {
    /// `complete` when every snapshot is there, `partial` when some are not, `failed` when none is.
    pub verdict: Verdict,
    /// The repository that was copied.
    pub from: String,
    /// Its copy.
    pub to: String,
    /// Each snapshot, oldest first.
    pub snapshots: Vec<SnapshotCopy>,
    /// Snapshots that were brought, or on a dry run would be.
    pub copied: u64,
    /// Records that were brought of snapshots that were removed before they could be copied, or on a dry run would be.
    pub removals: u64,
    /// Bytes that were brought, or on a dry run would be.
    pub bytes: u64,
    /// Whether what was there before was read back and compared too.
    pub check: bool,
    /// Whether it was a dry run, which writes nothing.
    pub dry_run: bool,
    /// What to do about what went wrong, one line each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

/// What became of one snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct SnapshotCopy {
    /// The manifest's key.
    pub manifest: String,
    /// The snapshot's id; absent where its manifest is damaged.
    pub snapshot: Option<String>,
    /// What it is of; absent where its manifest is damaged.
    pub target: Option<Target>,
    /// What became of it.
    pub outcome: CopyOutcome,
    /// Bytes that were brought.
    pub bytes: u64,
    /// Why it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip)]
    hints: Vec<String>,
}

/// What became of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CopyOutcome {
    /// It was brought, and read back.
    Copied,
    /// It was there, and something that belongs to it was brought: an amendment, or an object that had gone.
    Completed,
    /// It was there.
    Present,
    /// It was removed there, and is not brought back.
    RemovedThere,
    /// It is not there.
    Failed,
}

impl fmt::Display for CopyOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Copied => "copied",
            Self::Completed => "completed",
            Self::Present => "present",
            Self::RemovedThere => "removed-there",
            Self::Failed => "failed",
        })
    }
}

impl CopyReport {
    pub(super) fn new(source: &Repository, copy: &Repository, request: &CopyRequest) -> Self {
        Self {
            verdict: Verdict::NothingMatched,
            from: source.location().to_owned(),
            to: copy.location().to_owned(),
            snapshots: Vec::new(),
            copied: 0,
            removals: 0,
            bytes: 0,
            check: request.check,
            dry_run: request.dry_run,
            hints: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, one: SnapshotCopy) {
        self.bytes += one.bytes;
        self.copied += u64::from(one.outcome == CopyOutcome::Copied);
        for hint in &one.hints {
            if !self.hints.contains(hint) {
                self.hints.push(hint.clone());
            }
        }
        self.snapshots.push(one);
    }

    pub(super) fn conclude(mut self) -> Self {
        let failed = self.snapshots.iter().filter(|one| one.outcome == CopyOutcome::Failed).count();
        self.verdict = match (self.snapshots.len(), failed) {
            (0, _) if self.removals == 0 => Verdict::NothingMatched,
            (_, 0) => Verdict::Complete,
            (all, failed) if all == failed => Verdict::Failed,
            _ => Verdict::Partial,
        };
        self
    }
}

impl SnapshotCopy {
    pub(super) fn of(entry: &SnapshotEntry, is_there: bool, brought: Result<u64, Failure>) -> Self {
        let (outcome, bytes, failure) = match brought {
            Ok(bytes) if !is_there => (CopyOutcome::Copied, bytes, None),
            Ok(0) => (CopyOutcome::Present, 0, None),
            Ok(bytes) => (CopyOutcome::Completed, bytes, None),
            Err(failure) => (CopyOutcome::Failed, 0, Some(failure)),
        };
        let (reason, hints) = failure.map_or((None, Vec::new()), |failure| (Some(failure.reason), failure.hints));
        Self {
            manifest: entry.manifest_key.clone(),
            snapshot: Some(entry.summary.id.to_string()),
            target: Some(entry.summary.target.clone()),
            outcome,
            bytes,
            reason,
            hints,
        }
    }

    /// One that was removed there.
    pub(super) fn gone_there(entry: &SnapshotEntry) -> Self {
        Self { outcome: CopyOutcome::RemovedThere, ..Self::of(entry, true, Ok(0)) }
    }

    /// One of which the removal could not be brought.
    pub(super) fn removal(key: &str, snapshot: SnapshotId, target: &Target, failure: Failure) -> Self {
        Self {
            manifest: key.to_owned(),
            snapshot: Some(snapshot.to_string()),
            target: Some(target.clone()),
            outcome: CopyOutcome::Failed,
            bytes: 0,
            reason: Some(failure.reason),
            hints: failure.hints,
        }
    }

    /// One whose manifest cannot be read: damage is not spread.
    pub(super) fn damaged(key: &str, error: &ManifestError) -> Self {
        Self {
            manifest: key.to_owned(),
            snapshot: None,
            target: None,
            outcome: CopyOutcome::Failed,
            bytes: 0,
            reason: Some(format!("its manifest cannot be used: {error}")),
            hints: vec![format!("restore {key} from an older version or a copy of the repository")],
        }
    }
}
