//! Takes over the documents that the pipeline before Parados wrote, so that a team arrives with its history: each becomes a snapshot
//! that began when the document says.
//!
//! Owns which documents those are, what target each is of, and what is a snapshot already. The document goes into the snapshot byte
//! for byte, so the digest of its content is that of the old file. Nothing is written or deleted where the documents come from.

mod report;
mod scan;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use parados_parameter::Clock;

pub use self::report::{ImportOutcome, ImportReport, ImportedDocument};
pub use self::scan::{OldDocument, RefusedDocument, Scan, ScanRequest, scan};
use self::write::{Written, write};
use crate::backup::{BackupError, store_fingerprint_key};
use crate::document::Digest;
use crate::event::{Event, Observer};
use crate::manifest::{Counts, DocumentObject, ManifestDraft, Purpose, SnapshotId};
use crate::report::chain;
use crate::repository::{Committed, Objects, Repository, RepositoryError, SnapshotFilter};
use crate::seal::Sealer;
use crate::signature::SigningKey;
use crate::target::{StoreKind, Target};
use crate::verdict::Verdict;

/// What an import works with.
#[derive(Debug)]
pub struct ImportContext {
    /// Where the documents are.
    pub source: Objects,
    /// Where snapshots go.
    pub repository: Arc<Repository>,
    /// Signs the manifests.
    pub signing_key: SigningKey,
    /// Seals the documents; without one they are stored as they are.
    pub sealer: Option<Sealer>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// What the manifests name as their writer: `parados 0.1.0 import`.
    pub tool: String,
}

/// The snapshots that a target has, and those that it had.
#[derive(Debug)]
struct Known {
    there: BTreeSet<SnapshotId>,
    removed: BTreeSet<SnapshotId>,
}

/// What to take over.
#[derive(Clone, Debug)]
pub struct ImportRequest {
    /// The project that the snapshots are of.
    pub project: String,
    /// The documents, as [`scan`] found them.
    pub documents: Vec<OldDocument>,
    /// Say what would be done, and write nothing.
    pub dry_run: bool,
}

/// Takes documents over, the oldest first. One that cannot be taken over is in the report with the reason, and keeps no other from
/// it; one that is a snapshot already, or was one and was removed on purpose, is left out, so that what was stopped is gone on with by doing it again.
///
/// # Errors
/// Those of listing what the repository has.
pub async fn import(
    context: &ImportContext,
    request: &ImportRequest,
    observer: &dyn Observer,
) -> Result<ImportReport, RepositoryError> {
    let mut documents: Vec<_> = request.documents.iter().collect();
    documents.sort_by(|a, b| (a.started_at, &a.key).cmp(&(b.started_at, &b.key)));
    observer.event(&Event::SnapshotsFound { snapshots: documents.len() as u64 });
    let mut known = BTreeMap::<Target, Known>::new();
    let mut imported = Vec::with_capacity(documents.len());
    for document in documents {
        let target = target(&request.project, document);
        let id = id_of(&target, &document.digest);
        if !known.contains_key(&target) {
            known.insert(target.clone(), Known::of(&context.repository, &target).await?);
        }
        let known = known.get_mut(&target).expect("it was inserted above");
        let mut one = ImportedDocument::of(document, target.clone());
        if known.removed.contains(&id) {
            one.outcome = ImportOutcome::Removed;
            one.snapshot = Some(id.to_string());
        } else if !known.there.insert(id) {
            one.outcome = ImportOutcome::Present;
            one.snapshot = Some(id.to_string());
        } else if request.dry_run {
            one.outcome = ImportOutcome::Planned;
        } else {
            match take_over(context, document, target, id).await {
                Ok(committed) => {
                    one.outcome = ImportOutcome::Imported;
                    one.snapshot = Some(id.to_string());
                    one.sequence = Some(committed.summary.sequence);
                    let bytes = committed.summary.document.size;
                    observer.event(&Event::SnapshotDone { snapshot: id.to_string(), bytes });
                }
                Err(error) => {
                    known.there.remove(&id);
                    one.reason = Some(chain(&error));
                }
            }
        }
        imported.push(one);
    }
    Ok(ImportReport::of(context.source.location(), context.repository.location(), request.dry_run, imported))
}

fn target(project: &str, document: &OldDocument) -> Target {
    Target {
        project: project.to_owned(),
        environment: document.environment.clone(),
        account: document.account.clone(),
        region: document.region.clone(),
        store: StoreKind::Aws,
    }
}

/// The id of the snapshot that a document becomes. It follows from what the document is and of what it is, so that it becomes one once.
fn id_of(target: &Target, digest: &Digest) -> SnapshotId {
    let Target { project, environment, account, region, .. } = target;
    let text = format!("parados import\n{project}\n{environment}\n{account}\n{region}\n{digest}\n");
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&Digest::of(text.as_bytes()).as_bytes()[..8]);
    SnapshotId::from_bytes(bytes)
}

impl Known {
    async fn of(repository: &Repository, target: &Target) -> Result<Self, RepositoryError> {
        let filter = SnapshotFilter::target(target);
        let (snapshots, removals) = (repository.snapshots(&filter).await?, repository.removals(&filter).await?);
        Ok(Self {
            there: snapshots.entries.into_iter().map(|entry| entry.summary.id).collect(),
            removed: removals.entries.into_iter().map(|(_, removal)| removal.snapshot).collect(),
        })
    }
}

async fn take_over(
    context: &ImportContext,
    document: &OldDocument,
    target: Target,
    id: SnapshotId,
) -> Result<Committed, BackupError> {
    let repository = &context.repository;
    let fingerprints = Arc::new(context.signing_key.fingerprint_key(&repository.id()));
    let bytes = scan::read(&context.source, &document.key).await?;
    if Digest::of(&bytes) != document.digest {
        return Err(BackupError::Document(format!("{} changed while it was imported", document.key)));
    }
    let environment = &target.environment;
    let (key, _) = repository.free_data_key(environment, document.started_at, context.sealer.is_some()).await?;
    let (upload, sealer, with) = (repository.upload(&key)?, context.sealer.clone(), fingerprints.clone());
    let written = tokio::task::spawn_blocking(move || write(upload, &bytes, sealer.as_ref(), &with));
    let Written { upload, encoded, parameters, versions } = written.await.map_err(|_| BackupError::Interrupted)??;
    let key = upload.finish().await?.key;
    let recipients = context.sealer.iter().flat_map(Sealer::recipients).map(ToString::to_string).collect();
    let draft = ManifestDraft {
        id,
        target,
        purpose: Some(Purpose::Import),
        tool: context.tool.clone(),
        started_at: document.started_at,
        finished_at: finished(document.started_at, context.clock.now()),
        verdict: Verdict::Complete,
        with_history: false,
        with_labels: false,
        counts: Counts { parameters: parameters.len() as u64, versions, missing: 0, reused: 0 },
        document: DocumentObject {
            key,
            size: encoded.size,
            digest: encoded.digest,
            content_size: encoded.content_size,
            content_digest: encoded.content_digest,
        },
        recipients,
        fingerprint_key: fingerprints.id().clone(),
        selector: format!("what {} holds", document.key),
        missing: Vec::new(),
        parameters,
    };
    store_fingerprint_key(repository, &fingerprints, context.sealer.as_ref()).await?;
    Ok(repository.commit(draft, &context.signing_key).await?)
}

/// When the data object was stored: now, unless the clock is behind the document.
fn finished(started_at: Timestamp, now: Timestamp) -> Timestamp {
    now.max(started_at)
}

#[cfg(test)]
mod tests;
