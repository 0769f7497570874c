//! Copies a repository to a second one: another account, Region or cloud.
//!
//! Owns which objects a copy needs, and in what order: key objects, document, amendments, manifest, and the removals of what it never had. So the copy is a repository at
//! every moment, in which no manifest stands without its document, and what was interrupted is finished by the next run. How one
//! object is brought is [`repository`](crate::repository)'s.
//!
//! A copy has the id of what it was made of: signatures, fingerprints and chain stay valid in it, and it is restored from as it stands.
//! Nothing is ever replaced or removed there. Locks and marks are not copied: what is kept how long is decided in each place.

mod removed;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::{StreamExt as _, stream};

use self::removed::Removed;
pub use self::report::{CopyOutcome, CopyReport, SnapshotCopy};
use crate::event::{Event, Observer};
use crate::fingerprint::FingerprintKeyId;
use crate::manifest::ManifestSummary;
use crate::repository::{
    Amendments, Repository, RepositoryError, SnapshotEntry, SnapshotFilter, Snapshots, StoredDocument,
};
use crate::snapshot::Measure;

/// How many documents are on their way at once.
const DOCUMENTS_AT_ONCE: usize = 4;

/// What is copied, and how.
#[derive(Clone, Debug, Default)]
pub struct CopyRequest {
    /// Of which targets. A chain is copied as a whole.
    pub filter: SnapshotFilter,
    /// Whether what was there before is read back and compared too, and not only looked up.
    pub check: bool,
    /// Whether to say what would be copied, and write nothing.
    pub dry_run: bool,
}

/// Copies what is missing in `copy`, which [`Repository::open_copy`] opened, and reads back what it wrote.
///
/// # Errors
/// When one of the two cannot be listed. What goes wrong with one snapshot is in the report, and stops no other.
pub async fn copy(
    source: &Arc<Repository>,
    copy: &Arc<Repository>,
    request: &CopyRequest,
    observer: &dyn Observer,
) -> Result<CopyReport, RepositoryError> {
    let copying = Copying {
        source,
        copy,
        request,
        amendments: source.amendments(&request.filter).await?,
        there: Side::of(copy, &request.filter).await?,
        removed: Removed::of(source, copy, &request.filter).await?,
    };
    let mut found = source.snapshots(&request.filter).await?;
    found.entries.retain(|entry| !copying.removed.is_leaving(entry));
    copying.run(found, observer).await
}

/// What a repository has.
struct Side {
    summaries: BTreeMap<String, ManifestSummary>,
    damaged: BTreeSet<String>,
}

impl Side {
    async fn of(repository: &Repository, filter: &SnapshotFilter) -> Result<Self, RepositoryError> {
        let found = repository.snapshots(filter).await?;
        Ok(Self {
            summaries: found.entries.into_iter().map(|entry| (entry.manifest_key, entry.summary)).collect(),
            damaged: found.damaged.into_iter().map(|(key, _)| key).collect(),
        })
    }
}

struct Copying<'a> {
    source: &'a Repository,
    copy: &'a Repository,
    request: &'a CopyRequest,
    amendments: Amendments,
    there: Side,
    removed: Removed,
}

impl Copying<'_> {
    async fn run(&self, found: Snapshots, observer: &dyn Observer) -> Result<CopyReport, RepositoryError> {
        let mut report = CopyReport::new(self.source, self.copy, self.request);
        for (key, error) in &self.amendments.damaged {
            report.hints.push(format!("the amendment {key} was left out: {error}"));
        }
        for (key, error) in &found.damaged {
            report.add(SnapshotCopy::damaged(key, error));
        }
        observer.event(&Event::SnapshotsFound { snapshots: found.entries.len() as u64 });
        let keys = self.keys(&found.entries).await?;
        let keys = &keys;
        let documents = stream::iter(&found.entries)
            .map(|entry| async move {
                let document = self.amendments.document(&entry.summary);
                let brought = match keys.get(&entry.summary.fingerprint_key) {
                    _ if self.removed.is_gone_there(entry) => Ok(0),
                    Some(Err(reason)) => Err(reason.clone()),
                    _ => self.document(entry, &document).await.map_err(|error| Failure::of(&error)),
                };
                (entry, document, brought)
            })
            .buffered(DOCUMENTS_AT_ONCE);
        let mut documents = std::pin::pin!(documents);
        let mut newest = None;
        while let Some((entry, document, brought)) = documents.next().await {
            if self.removed.is_gone_there(entry) {
                report.add(SnapshotCopy::gone_there(entry));
                continue;
            }
            let committed = match brought {
                Ok(bytes) => self.manifest(entry).await.map(|more| bytes + more).map_err(|error| Failure::of(&error)),
                Err(failure) => Err(failure),
            };
            let is_there = self.there.summaries.contains_key(&entry.manifest_key);
            let one = SnapshotCopy::of(entry, is_there, committed);
            if one.outcome == CopyOutcome::Copied && entry.summary.purpose.is_none() {
                newest = Some(document.object.key);
            }
            observer.event(&Event::SnapshotDone { snapshot: entry.summary.id.to_string(), bytes: one.bytes });
            report.add(one);
        }
        let (removals, failed) = self.removals().await;
        report.removals = removals;
        failed.into_iter().for_each(|one| report.add(one));
        if let Some(key) = newest.filter(|_| !self.request.dry_run)
            && let Err(error) = self.copy.write_latest(&key).await
        {
            report.hints.push(format!("latest.txt could not be written there, and names an older snapshot: {error}"));
        }
        Ok(report.conclude())
    }

    /// Brings the fingerprint keys; which of them could not be brought, and why.
    async fn keys(
        &self,
        entries: &[SnapshotEntry],
    ) -> Result<BTreeMap<FingerprintKeyId, Result<(), Failure>>, RepositoryError> {
        let mut brought = BTreeMap::new();
        if self.request.dry_run {
            return Ok(brought);
        }
        for entry in entries {
            let id = &entry.summary.fingerprint_key;
            if brought.contains_key(id) {
                continue;
            }
            let wanted: Vec<_> = entries
                .iter()
                .filter(|entry| entry.summary.fingerprint_key == *id)
                .map(|entry| self.amendments.document(&entry.summary).recipients)
                .collect();
            let outcome = self.source.transfer_keys(self.copy, id, &wanted).await;
            brought.insert(id.clone(), outcome.map_err(|error| Failure::of(&error)));
        }
        Ok(brought)
    }

    /// Brings the document that counts now. One that was replaced by it stays behind: it may be sealed to somebody who is to read
    /// no more.
    async fn document(&self, entry: &SnapshotEntry, document: &StoredDocument) -> Result<u64, RepositoryError> {
        self.source.check_signer(&entry.manifest_key, &entry.summary.signer)?;
        self.check_there(entry)?;
        let object = &document.object;
        if self.request.dry_run {
            return Ok(match self.copy.holds_object(&object.key).await? {
                true => 0,
                false => object.size,
            });
        }
        let expected = Measure { size: object.size, digest: object.digest };
        let brought = self.source.transfer(self.copy, &object.key, expected, self.request.check).await?;
        Ok(brought.bytes())
    }

    /// That nothing else stands in its place.
    fn check_there(&self, entry: &SnapshotEntry) -> Result<(), RepositoryError> {
        let key = &entry.manifest_key;
        let other = self.there.summaries.get(key).is_some_and(|summary| *summary != entry.summary);
        match other || self.there.damaged.contains(key) {
            true => Err(RepositoryError::Diverged { key: key.clone(), repository: self.copy.location().into() }),
            false => Ok(()),
        }
    }

    /// Brings the amendments, the newest first, for that is the one that counts; then the manifest, with which the snapshot is there.
    async fn manifest(&self, entry: &SnapshotEntry) -> Result<u64, RepositoryError> {
        if self.request.dry_run {
            return Ok(0);
        }
        let mut bytes = 0;
        for (key, _) in self.amendments.of(&entry.summary) {
            bytes += self.source.transfer_bytes(self.copy, key, self.source.read_twice(key).await?).await?.bytes();
        }
        if self.there.summaries.contains_key(&entry.manifest_key) && !self.request.check {
            return Ok(bytes);
        }
        let (read, manifest) = self.source.read_manifest_bytes(&entry.manifest_key).await?;
        self.source.check_trusted(&read)?;
        Ok(bytes + self.source.transfer_bytes(self.copy, &entry.manifest_key, manifest).await?.bytes())
    }
}

/// Why a snapshot was not copied.
#[derive(Clone, Debug)]
struct Failure {
    reason: String,
    hints: Vec<String>,
}

impl Failure {
    fn of(error: &RepositoryError) -> Self {
        Self { reason: crate::report::chain(error), hints: error.hints() }
    }
}
