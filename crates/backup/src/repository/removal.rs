//! What says that a snapshot was removed on purpose, and stands in its manifest's place, so that the chain stays provable. FORMAT.md,
//! "Removal", is normative.
//!
//! A removal is begun by its record and ended by deleting what the record names: the manifest first, so that no manifest stands
//! without its document. Every step can be done again, so what was interrupted is finished by the next run.

use std::collections::BTreeSet;

use jiff::Timestamp;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::record::{Record, RecordError, Records};
use super::{ReadManifest, Repository, RepositoryError, SnapshotFilter, layout};
use crate::document::Digest;
use crate::manifest::{ManifestSummary, Previous, SnapshotId};
use crate::signature::SigningKey;
use crate::signed_line::{FORMAT_VERSION, SignedLine};
use crate::target::Target;

/// A snapshot that was removed on purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// The format of signed lines.
    pub format_version: u32,
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// What it was of.
    pub target: Target,
    /// Its place in the target's chain.
    pub sequence: u64,
    /// Of its manifest.
    pub manifest_digest: Digest,
    /// The manifest before it, as it said itself.
    pub previous: Option<Previous>,
    /// When it was begun.
    pub started_at: Timestamp,
    /// The keys of the objects that held its document, at least one.
    pub objects: Vec<String>,
    /// Why it was removed.
    pub reason: String,
    /// When it was marked.
    pub marked_at: Timestamp,
    /// When it was removed.
    pub removed_at: Timestamp,
    /// What removed it.
    pub tool: String,
    /// The public key that signed, in OpenSSH's form.
    pub signer: String,
}

/// Why and when a snapshot is removed.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are Removal's")]
pub struct RemovalDraft {
    pub reason: String,
    pub marked_at: Timestamp,
    pub removed_at: Timestamp,
    pub tool: String,
}

impl SignedLine for Removal {
    const NAMESPACE: &'static str = "parados-removed";

    fn signer(&self) -> &str {
        &self.signer
    }
}

impl Record for Removal {
    fn place(&self) -> Path {
        layout::removal(&self.target, self.sequence)
    }

    fn check(&self) -> Result<(), &'static str> {
        match (self.sequence, &self.previous) {
            (0, _) => return Err("a chain is numbered from 1"),
            (1, Some(_)) | (2.., None) => return Err("the first of a chain, and it alone, has no previous one"),
            _ => {}
        }
        match self.objects.iter().all(|key| layout::is_data_key(key)) && !self.objects.is_empty() {
            true => Ok(()),
            false => Err("what it names is not a document's object"),
        }
    }
}

impl Removal {
    /// Whether it is that of the manifest with this digest.
    pub fn is_of(&self, summary: &ManifestSummary, manifest_digest: Digest) -> bool {
        (self.snapshot, self.manifest_digest) == (summary.id, manifest_digest)
    }
}

impl Repository {
    /// Begins to remove a snapshot: writes what stands in its manifest's place. Nothing is deleted yet. When a removal of the same
    /// manifest was begun before, it is that one.
    ///
    /// # Errors
    /// [`RepositoryError::Damaged`] when the manifest names something else than a document's object, or the removal of another one
    /// stands there; those of reading and writing.
    pub async fn begin_removal(
        &self,
        manifest: &ReadManifest,
        draft: RemovalDraft,
        key: &SigningKey,
    ) -> Result<Removal, RepositoryError> {
        let summary = &manifest.manifest.summary;
        let mut objects = vec![summary.document.key.clone()];
        for (_, key) in self.amendments_of(summary).await? {
            if let Ok(amendment) = self.read_amendment(&key).await?
                && amendment.check_fits(summary).is_ok()
            {
                objects.push(amendment.document.key);
            }
        }
        objects.sort();
        objects.dedup();
        let RemovalDraft { reason, marked_at, removed_at, tool } = draft;
        let removal = Removal {
            format_version: FORMAT_VERSION,
            snapshot: summary.id,
            target: summary.target.clone(),
            sequence: summary.sequence,
            manifest_digest: manifest.digest,
            previous: summary.previous.clone(),
            started_at: summary.started_at,
            objects,
            reason,
            marked_at,
            removed_at,
            tool,
            signer: key.public_line(),
        };
        match self.write_record(&removal, key).await {
            Ok(_) => Ok(removal),
            Err(RepositoryError::AlreadyExists { .. }) => match self.read_record::<Removal>(&removal.place()).await? {
                Ok(begun) if begun.is_of(summary, manifest.digest) => Ok(begun),
                Ok(_) => Err(self.unusable_removal(&removal.place(), "it is that of another manifest")),
                Err(error) => Err(self.unusable_removal(&removal.place(), &error.to_string())),
            },
            Err(error) => Err(error),
        }
    }

    /// Ends a removal: deletes the manifest, the objects that held its document but for those in `spared`, its amendments, and its
    /// mark last, so that a removal without a mark is one that is ended.
    ///
    /// # Errors
    /// [`RepositoryError::Damaged`] when another manifest stands in its place, which then stays; those of deleting.
    pub async fn finish_removal(&self, removal: &Removal, spared: &BTreeSet<String>) -> Result<(), RepositoryError> {
        let manifest = layout::manifest(&removal.target, removal.sequence);
        match self.measure_object(&manifest).await {
            Ok(measure) if measure.digest == removal.manifest_digest => self.objects.delete(&manifest).await?,
            Ok(_) => {
                return Err(RepositoryError::Damaged {
                    key: manifest.to_string(),
                    repository: self.location().into(),
                    reason: "it is not the one that was removed here".into(),
                });
            }
            Err(RepositoryError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        for key in removal.objects.iter().filter(|key| !spared.contains(*key)) {
            self.objects.delete(&self.path(key)?).await?;
        }
        for key in self.amendments_at(&removal.target, removal.sequence).await? {
            self.objects.delete(&key).await?;
        }
        self.unmark(&removal.target, removal.sequence).await
    }

    /// Whether the snapshot at this place of a chain was removed, or its removal was begun.
    ///
    /// # Errors
    /// Those of the place.
    pub async fn is_removed(&self, target: &Target, sequence: u64) -> Result<bool, RepositoryError> {
        self.objects.exists(&layout::removal(target, sequence)).await
    }

    /// Lists the removals of the targets that `filter` lets through.
    ///
    /// # Errors
    /// Those of the place. One that cannot be used is listed as damaged.
    pub async fn removals(&self, filter: &SnapshotFilter) -> Result<Records<Removal>, RepositoryError> {
        let is_one = |key: &Path| layout::removed(key).is_some() && filter.lets_through(key);
        self.list_records(&filter.below(layout::removals()), is_one).await
    }

    /// The removal with the greatest number above `sequence`, where there is one: the chain's newest manifest was removed.
    pub(super) async fn removal_after(
        &self,
        target: &Target,
        sequence: u64,
    ) -> Result<Option<Removal>, RepositoryError> {
        let (folder, offset) = (layout::removals_of(target), layout::removal(target, sequence));
        let newest = self.objects.newest_after(&folder, &offset).await?;
        let Some(key) = newest.filter(|key| layout::removed(key).is_some()) else { return Ok(None) };
        let read: Result<Removal, RecordError> = self.read_record(&key).await?;
        read.map(Some).map_err(|error| self.unusable_removal(&key, &error.to_string()))
    }

    fn unusable_removal(&self, key: &Path, reason: &str) -> RepositoryError {
        let (key, repository) = (key.to_string(), self.location().to_owned());
        RepositoryError::Damaged { key, repository, reason: reason.to_owned() }
    }
}
