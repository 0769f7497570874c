//! What a check says at its end.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::finding::{Finding, FindingKind, Noticed, Unchecked};
use crate::repository::RepositoryError;
use crate::target::Target;

/// What was checked, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct VerifyReport {
    /// The repository's URL.
    pub repository: String,
    /// What is wrong, the worst first; empty when all that was checked is right.
    pub findings: Vec<Finding>,
    /// What should have been checked and could not be.
    pub unchecked: Vec<Unchecked>,
    /// The chains, and the newest snapshot of each.
    pub chains: Vec<ChainView>,
    /// The signers of what was checked.
    pub signers: Vec<SignerView>,
    /// How much was checked.
    pub checked: Checked,
    /// What is worth knowing and no damage.
    pub notes: Vec<String>,
    /// When the check began.
    #[schemars(with = "String")]
    pub started_at: Timestamp,
    /// How long it took.
    pub seconds: f64,
}

/// How much was checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Checked {
    /// Manifests: signature, rules, place and links.
    pub manifests: u64,
    /// Data objects: size and digest.
    pub documents: u64,
    /// Of these, those that were opened and compared with their manifest.
    pub opened: u64,
    /// Parameters in those.
    pub parameters: u64,
    /// Bytes that were read.
    pub bytes: u64,
}

/// A chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChainView {
    /// What it is of.
    pub target: Target,
    /// The number of its newest manifest.
    pub sequence: u64,
    /// The number of the newest one that this machine had seen before, where it had seen one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<u64>,
}

/// A signer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SignerView {
    /// Its public key, as it stands in the manifests.
    pub signer: String,
    /// Whether somebody said that it is to be trusted; when nobody is, every signer is accepted.
    pub trusted: bool,
    /// How many manifests it signed.
    pub manifests: u64,
}

impl VerifyReport {
    /// The report of a check that has found nothing yet.
    pub(super) fn new(repository: &str, started_at: Timestamp) -> Self {
        Self {
            repository: repository.to_owned(),
            findings: Vec::new(),
            unchecked: Vec::new(),
            chains: Vec::new(),
            signers: Vec::new(),
            checked: Checked::default(),
            notes: Vec::new(),
            started_at,
            seconds: 0.0,
        }
    }

    /// The report on a repository that could not be opened, where damage is the reason; nothing else of it is known then.
    pub fn of_unopened(error: &RepositoryError, started_at: Timestamp) -> Option<Self> {
        let (kind, key, repository) = match error {
            RepositoryError::Damaged { key, repository, .. } => (FindingKind::Changed, key, repository),
            RepositoryError::CutOff { key, repository } => (FindingKind::Truncated, key, repository),
            RepositoryError::MarkerMissing { key, repository } => (FindingKind::Removed, key, repository),
            _ => return None,
        };
        let mut report = Self::new(repository, started_at);
        report.take([Noticed::finding(kind, key, None::<String>, error.to_string())]);
        report.take([Noticed::unchecked("manifests/", "the repository cannot be opened")]);
        Some(report)
    }

    /// The worst kind of damage.
    pub fn worst(&self) -> Option<FindingKind> {
        self.findings.iter().map(|finding| finding.kind).max()
    }

    /// Whether everything that should be checked was, and is right.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.unchecked.is_empty()
    }

    pub(super) fn take(&mut self, noticed: impl IntoIterator<Item = Noticed>) {
        for one in noticed {
            match one {
                Noticed::Finding(finding) => self.findings.push(finding),
                Noticed::Unchecked(unchecked) => self.unchecked.push(unchecked),
            }
        }
    }

    /// The worst first, the same twice only once.
    pub(super) fn sort(&mut self) {
        self.findings.sort_by(|a, b| b.kind.cmp(&a.kind).then_with(|| a.cmp(b)));
        self.findings.dedup();
        self.unchecked.sort();
        self.unchecked.dedup();
    }
}
