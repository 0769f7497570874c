//! Who can open which snapshot, and whether this machine can.

use std::sync::Arc;

use futures::{StreamExt as _, stream};
use schemars::JsonSchema;
use serde::Serialize;

use super::plan::{parsed, same};
use crate::report::chain;
use crate::repository::{Repository, RepositoryError, SnapshotFilter};
use crate::seal::{Identities, Recipient};
use crate::snapshot;
use crate::target::Target;

/// How many snapshots are looked at at once.
const CHECKS_AT_ONCE: usize = 8;

/// What is known of a snapshot's seal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KeyCheck {
    /// Its id.
    pub snapshot: String,
    /// What it is of.
    pub target: Target,
    /// When it was begun.
    pub started_at: String,
    /// Who can open it; empty when it is not sealed.
    pub recipients: Vec<String>,
    /// Which of its amendments says so; absent where it was not sealed again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amended_by: Option<u32>,
    /// Whether one of the identities at hand opens it.
    pub opens: bool,
    /// Why it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether it is sealed as new snapshots are; absent where it is not known how those are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_configured: Option<bool>,
}

/// Tries to open each snapshot that `filter` lets through, oldest first: of each only the beginning is read. `configured` is whom new
/// snapshots are sealed to, where that is known.
///
/// # Errors
/// Those of listing; a manifest that cannot be read is one.
pub async fn check(
    repository: &Arc<Repository>,
    identities: &Identities,
    filter: &SnapshotFilter,
    configured: Option<&[Recipient]>,
) -> Result<Vec<KeyCheck>, RepositoryError> {
    let (found, amendments) = (repository.snapshots(filter).await?, repository.amendments(filter).await?);
    if let Some((key, source)) = found.damaged.into_iter().next() {
        return Err(RepositoryError::Manifest { key, repository: repository.location().into(), source });
    }
    let amendments = &amendments;
    let checks = stream::iter(found.entries).map(|entry| async move {
        let document = amendments.document(&entry.summary);
        let reason = snapshot::probe(repository, &entry.summary, identities).await.err().map(|error| chain(&error));
        KeyCheck {
            snapshot: entry.summary.id.to_string(),
            started_at: entry.summary.started_at.to_string(),
            as_configured: configured
                .map(|wanted| parsed(&document.recipients).is_some_and(|found| same(&found, wanted))),
            recipients: document.recipients,
            amended_by: document.amended_by,
            target: entry.summary.target,
            opens: reason.is_none(),
            reason,
        }
    });
    Ok(checks.buffered(CHECKS_AT_ONCE).collect().await)
}
