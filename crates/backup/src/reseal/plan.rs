//! Which snapshots are sealed again, and for whom.

use schemars::JsonSchema;
use serde::Serialize;

use super::RecipientChange;
use crate::repository::{Repository, RepositoryError, SnapshotFilter};
use crate::seal::Recipient;
use crate::target::Target;

/// What sealing again would do. It leaves no choice open.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct ResealPlan {
    /// Those that are sealed again, oldest first.
    pub snapshots: Vec<PlannedReseal>,
    /// How many are sealed as they should be.
    pub unchanged: u64,
    /// Those that cannot be, and why.
    pub refused: Vec<RefusedReseal>,
}

/// A snapshot that is sealed again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PlannedReseal {
    /// Its id.
    pub snapshot: String,
    /// What it is of.
    pub target: Target,
    /// Its manifest's key.
    pub manifest: String,
    /// Whom it is sealed to; nobody where it is not sealed.
    pub from: Vec<String>,
    /// Whom it will be sealed to.
    pub to: Vec<String>,
    /// The size of its object.
    pub bytes: u64,
}

/// A snapshot that cannot be sealed again so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RefusedReseal {
    /// Its id, or its manifest's key where that is damaged.
    pub snapshot: String,
    /// Why.
    pub reason: String,
}

/// Plans a change of the recipients of the snapshots that `filter` lets through.
///
/// # Errors
/// Those of listing.
pub async fn plan(
    repository: &Repository,
    filter: &SnapshotFilter,
    change: &RecipientChange,
) -> Result<ResealPlan, RepositoryError> {
    let (found, amendments) = (repository.snapshots(filter).await?, repository.amendments(filter).await?);
    let mut plan = ResealPlan::default();
    for (key, error) in found.damaged {
        plan.refused.push(RefusedReseal { snapshot: key, reason: format!("its manifest cannot be used: {error}") });
    }
    for entry in found.entries {
        let document = amendments.document(&entry.summary);
        let snapshot = entry.summary.id.to_string();
        let Some(before) = parsed(&document.recipients) else {
            let reason = "one of its recipients is of a kind that this Parados does not know".to_owned();
            plan.refused.push(RefusedReseal { snapshot, reason });
            continue;
        };
        let after = change.applied_to(&before);
        match same(&before, &after) {
            true => plan.unchanged += 1,
            false if after.is_empty() => {
                let reason = "nobody else could open it: add somebody first".to_owned();
                plan.refused.push(RefusedReseal { snapshot, reason });
            }
            false => plan.snapshots.push(PlannedReseal {
                snapshot,
                target: entry.summary.target,
                manifest: entry.manifest_key,
                from: document.recipients,
                to: after.iter().map(ToString::to_string).collect(),
                bytes: document.object.size,
            }),
        }
    }
    Ok(plan)
}

/// The recipients of these texts; none when one of them is unknown.
pub(super) fn parsed(texts: &[String]) -> Option<Vec<Recipient>> {
    texts.iter().map(|text| text.parse().ok()).collect()
}

/// Whether they are the same, in whatever order.
pub(super) fn same(a: &[Recipient], b: &[Recipient]) -> bool {
    a.iter().all(|one| b.contains(one)) && b.iter().all(|one| a.contains(one))
}
