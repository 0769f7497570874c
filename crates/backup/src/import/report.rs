//! What an import says at its end.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::OldDocument;
use crate::target::Target;
use crate::verdict::Verdict;

/// What an import did.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ImportReport {
    /// `complete` when every document is a snapshot now, `partial` when some are not, `failed` when none is.
    pub verdict: Verdict,
    /// Where the documents are.
    pub source: String,
    /// The repository's URL.
    pub repository: String,
    /// Whether it was a dry run, which writes nothing.
    pub dry_run: bool,
    /// The documents, oldest first.
    pub documents: Vec<ImportedDocument>,
}

/// What became of a document.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ImportedDocument {
    /// Its key, or its path in the folder.
    pub key: String,
    /// What became of it.
    pub outcome: ImportOutcome,
    /// What it is of.
    pub target: Target,
    /// When the backup began that wrote it.
    #[schemars(with = "String")]
    pub started_at: Timestamp,
    /// Parameters in it.
    pub parameter_count: u64,
    /// The snapshot that it is.
    pub snapshot: Option<String>,
    /// That one's place in the target's chain, where it was made now.
    pub sequence: Option<u64>,
    /// Why it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What can become of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ImportOutcome {
    /// It is a snapshot now.
    Imported,
    /// It was a snapshot before.
    Present,
    /// It was a snapshot, which was removed on purpose.
    Removed,
    /// It would become a snapshot, were this no dry run.
    Planned,
    /// It could not become one.
    Failed,
}

impl fmt::Display for ImportOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Imported => "imported",
            Self::Present => "present",
            Self::Removed => "removed",
            Self::Planned => "planned",
            Self::Failed => "failed",
        })
    }
}

impl ImportedDocument {
    /// One of which nothing has become yet, and so, as it stands, failed.
    pub(super) fn of(document: &OldDocument, target: Target) -> Self {
        Self {
            key: document.key.clone(),
            outcome: ImportOutcome::Failed,
            target,
            started_at: document.started_at,
            parameter_count: document.parameter_count,
            snapshot: None,
            sequence: None,
            reason: None,
        }
    }
}

impl ImportReport {
    pub(super) fn of(source: &str, repository: &str, dry_run: bool, documents: Vec<ImportedDocument>) -> Self {
        let failed = documents.iter().filter(|one| one.outcome == ImportOutcome::Failed).count();
        let verdict = match (failed, documents.len()) {
            (_, 0) => Verdict::NothingMatched,
            (0, _) => Verdict::Complete,
            (failed, all) if failed == all => Verdict::Failed,
            _ => Verdict::Partial,
        };
        Self { verdict, source: source.to_owned(), repository: repository.to_owned(), dry_run, documents }
    }
}
