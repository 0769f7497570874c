//! What a look at a repository says.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::ExpectedTarget;
use crate::manifest::{ManifestError, Purpose};
use crate::repository::SnapshotEntry;
use crate::verdict::Verdict;

/// How it stands with the targets of a repository.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct StatusReport {
    /// Its URL.
    pub repository: String,
    /// The worst of its targets.
    pub verdict: StatusVerdict,
    /// The targets: those that were found, and those that should have been.
    pub targets: Vec<TargetStatus>,
}

/// How it stands with all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StatusVerdict {
    /// Every target has a good snapshot that is new enough, and nothing is wrong.
    Current,
    /// One has not, or something is wrong, or there is no target at all.
    Stale,
}

/// How it stands with one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TargetState {
    /// It has a good snapshot that is new enough.
    Current,
    /// Its newest good snapshot is too old, or something is wrong.
    Stale,
    /// It has no good snapshot.
    Missing,
    /// It has snapshots, and the configuration does not have it: it is not judged.
    NotExpected,
}

/// What there is of a target.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct TargetStatus {
    /// The project.
    pub project: String,
    /// The environment.
    pub environment: String,
    /// The account; absent where none was found and the configuration does not say.
    pub account: Option<String>,
    /// The Region; absent likewise.
    pub region: Option<String>,
    /// How it stands.
    pub state: TargetState,
    /// Its newest good snapshot.
    pub newest: Option<GoodSnapshot>,
    /// How many snapshots it has, without those of restores.
    pub snapshot_count: u64,
    /// Where none was made for longer than expected, oldest first.
    pub gaps: Vec<Gap>,
    /// What is wrong with what is newer than the newest good snapshot, and which manifests cannot be read.
    pub problems: Vec<Problem>,
}

/// A snapshot that is good.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct GoodSnapshot {
    /// Its id.
    pub id: String,
    /// Its place in the target's chain.
    pub sequence: u64,
    /// When it was begun.
    #[schemars(with = "String")]
    pub started_at: Timestamp,
    /// How long ago that was.
    pub age_seconds: i64,
    /// How long it took; absent of one that was imported, which nobody knows.
    pub seconds: Option<f64>,
    /// Complete, or where that is accepted partial.
    pub verdict: Verdict,
    /// Parameters in it.
    pub parameter_count: u64,
    /// What is not in it.
    pub missing_count: u64,
    /// The data object's size.
    pub bytes: u64,
}

/// A time without a snapshot that is longer than expected, and is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Gap {
    /// When the snapshot before it was begun.
    #[schemars(with = "String")]
    pub after: Timestamp,
    /// When the one after it was.
    #[schemars(with = "String")]
    pub until: Timestamp,
    /// How long it is.
    pub seconds: i64,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Problem {
    /// What.
    pub kind: ProblemKind,
    /// The manifest's key.
    pub manifest: String,
    /// In words.
    pub message: String,
}

/// What can be wrong with a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// Something that matched is not in it. This alone makes no target stale: an older one that is complete may be new enough.
    Partial,
    /// Its manifest cannot be read, or is not rightly signed.
    Damaged,
    /// Somebody signed it who is not trusted.
    NotTrusted,
    /// Its data object is not there.
    DocumentMissing,
    /// Its data object has another size than the manifest says.
    DocumentDiffers,
    /// It was begun later than now.
    FromTheFuture,
}

impl StatusVerdict {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Stale => "stale",
        }
    }
}

impl TargetState {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Stale => "stale",
            Self::Missing => "missing",
            Self::NotExpected => "not-expected",
        }
    }

    /// Whether somebody has to look after it.
    pub fn is_stale(self) -> bool {
        matches!(self, Self::Stale | Self::Missing)
    }
}

impl fmt::Display for TargetState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl TargetStatus {
    /// One that should be there and is not.
    pub(super) fn missing(expected: &ExpectedTarget) -> Self {
        Self {
            project: expected.project.clone(),
            environment: expected.environment.clone(),
            account: expected.account.clone(),
            region: expected.region.clone(),
            state: TargetState::Missing,
            newest: None,
            snapshot_count: 0,
            gaps: Vec::new(),
            problems: Vec::new(),
        }
    }

    pub(super) fn order(&self) -> impl Ord + '_ {
        (&self.project, &self.environment, &self.account, &self.region)
    }
}

impl fmt::Display for TargetStatus {
    /// `project/environment in account/region`, with what is not known as `?`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
        write!(f, "{}/{} in {}/{}", self.project, self.environment, known(&self.account), known(&self.region))
    }
}

impl GoodSnapshot {
    pub(super) fn of(entry: &SnapshotEntry, now: Timestamp) -> Self {
        let summary = &entry.summary;
        Self {
            id: summary.id.to_string(),
            sequence: summary.sequence,
            started_at: summary.started_at,
            // A clock that is a little behind makes nothing younger than new.
            age_seconds: now.duration_since(summary.started_at).as_secs().max(0),
            seconds: (summary.purpose != Some(Purpose::Import))
                .then(|| summary.finished_at.duration_since(summary.started_at).as_secs_f64()),
            verdict: summary.verdict,
            parameter_count: summary.counts.parameters,
            missing_count: summary.counts.missing,
            bytes: summary.document.size,
        }
    }
}

impl Problem {
    pub(super) fn damaged(key: &str, error: &ManifestError) -> Self {
        Self { kind: ProblemKind::Damaged, manifest: key.to_owned(), message: error.to_string() }
    }

    pub(super) fn of(kind: ProblemKind, entry: &SnapshotEntry) -> Self {
        let summary = &entry.summary;
        let what = match kind {
            ProblemKind::Partial => format!("is partial: {} missing", summary.counts.missing),
            ProblemKind::Damaged => "has a damaged manifest".to_owned(),
            ProblemKind::NotTrusted => format!("was signed by {}, who is not trusted", summary.signer),
            ProblemKind::DocumentMissing => format!("has no data object: {} is not there", summary.document.key),
            ProblemKind::DocumentDiffers => {
                format!("has another data object than it should: the size of {} differs", summary.document.key)
            }
            ProblemKind::FromTheFuture => format!("was begun in the future, at {}", summary.started_at),
        };
        Self {
            kind,
            manifest: entry.manifest_key.clone(),
            message: format!("snapshot {} of {} {what}", summary.id, summary.started_at),
        }
    }
}

impl ProblemKind {
    /// Whether a target that has it is stale although it has a good snapshot that is new enough.
    pub fn makes_stale(self) -> bool {
        self != Self::Partial
    }
}
