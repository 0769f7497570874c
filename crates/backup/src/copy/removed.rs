//! What was removed on purpose: here it is not copied, there it is not brought back, and the chain stays provable in both.

use std::collections::{BTreeMap, BTreeSet};

use super::{Copying, Failure, SnapshotCopy};
use crate::manifest::{ManifestSummary, SnapshotId};
use crate::repository::{Repository, RepositoryError, SnapshotEntry, SnapshotFilter};
use crate::target::Target;

/// A place in a chain.
type Place = (Target, u64);

/// The removals of both sides.
pub(super) struct Removed {
    here: BTreeMap<Place, (String, SnapshotId)>,
    there: BTreeMap<Place, SnapshotId>,
}

fn place(summary: &ManifestSummary) -> Place {
    (summary.target.clone(), summary.sequence)
}

impl Removed {
    pub(super) async fn of(
        source: &Repository,
        copy: &Repository,
        filter: &SnapshotFilter,
    ) -> Result<Self, RepositoryError> {
        let (here, there) = (source.removals(filter).await?.entries, copy.removals(filter).await?.entries);
        let of = |(key, removal): (String, crate::repository::Removal)| {
            ((removal.target, removal.sequence), (key, removal.snapshot))
        };
        Ok(Self {
            here: here.into_iter().map(of).collect(),
            there: there.into_iter().map(of).map(|(place, (_, snapshot))| (place, snapshot)).collect(),
        })
    }

    /// Whether its removal was begun or ended here, so that it is not to be copied.
    pub(super) fn is_leaving(&self, entry: &SnapshotEntry) -> bool {
        self.here.get(&place(&entry.summary)).is_some_and(|(_, snapshot)| *snapshot == entry.summary.id)
    }

    /// Whether it was removed there, so that it is not to be brought back.
    pub(super) fn is_gone_there(&self, entry: &SnapshotEntry) -> bool {
        self.there.get(&place(&entry.summary)) == Some(&entry.summary.id)
    }
}

impl Copying<'_> {
    /// Brings the removals of what the copy never had. Where it has the snapshot, that stays until it is removed there. How many, and
    /// what went wrong.
    pub(super) async fn removals(&self) -> (u64, Vec<SnapshotCopy>) {
        let has: BTreeSet<Place> = self.there.summaries.values().map(place).collect();
        let (mut brought, mut failed) = (0, Vec::new());
        for (place, (key, snapshot)) in &self.removed.here {
            if has.contains(place) || self.removed.there.contains_key(place) {
                continue;
            }
            let outcome = match self.request.dry_run {
                true => Ok(()),
                false => self.removal(key).await,
            };
            match outcome {
                Ok(()) => brought += 1,
                Err(error) => failed.push(SnapshotCopy::removal(key, *snapshot, &place.0, Failure::of(&error))),
            }
        }
        (brought, failed)
    }

    async fn removal(&self, key: &str) -> Result<(), RepositoryError> {
        self.source.transfer_bytes(self.copy, key, self.source.read_twice(key).await?).await.map(drop)
    }
}
