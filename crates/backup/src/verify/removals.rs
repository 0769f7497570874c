//! The records of snapshots that were removed on purpose, which stand in their manifests' places.

use crate::report::chain as chain_of_causes;
use crate::repository::{RecordError, Removal, Repository, RepositoryError, SnapshotFilter};

use super::amendments::damaged_line;
use super::finding::{FindingKind, Noticed};

/// Reads those that `filter` lets through, by key, and says what is wrong with the others.
pub(super) async fn read(
    repository: &Repository,
    filter: &SnapshotFilter,
) -> Result<(Vec<(String, Removal)>, Vec<Noticed>), RepositoryError> {
    let removals = repository.removals(filter).await?;
    let mut noticed = Vec::new();
    for (key, error) in &removals.damaged {
        let finding = |kind| Noticed::finding(kind, key, None::<String>, chain_of_causes(error));
        noticed.push(match error {
            RecordError::Line(error) => damaged_line::<Removal>(key, error, &repository.manifest_bytes(key).await?),
            RecordError::Untrusted(signer) => Noticed::untrusted(key, None::<String>, signer),
            RecordError::Invalid(_) => finding(FindingKind::Forged),
            RecordError::Place => finding(FindingKind::Replayed),
        });
    }
    Ok((removals.entries, noticed))
}
