//! The data objects of snapshots, held against what their manifests say of them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use futures::TryStreamExt as _;

use crate::document::{Digest, Measured};
use crate::fingerprint::FingerprintKey;
use crate::manifest::{ManifestSummary, ParameterEntry};
use crate::report::chain as chain_of_causes;
use crate::repository::{Repository, RepositoryError, StoredDocument};
use crate::seal::{Identities, OpenError};
use crate::snapshot::{self, Measure, SnapshotError};

use super::content::ContentCheck;
use super::finding::{FindingKind, Noticed};

/// What is to be done with the content.
pub(super) struct ContentRequest {
    pub(super) identities: Identities,
    /// The manifest's entries, as they come.
    pub(super) entries: Receiver<Vec<ParameterEntry>>,
    pub(super) fingerprints: Option<Arc<FingerprintKey>>,
}

/// What came of reading a data object.
pub(super) struct DataCheck {
    summary: ManifestSummary,
    document: StoredDocument,
    pub(super) stored: Option<Measure>,
    is_document: bool,
    /// Parameters that were compared; none where it was not opened.
    pub(super) parameters: Option<u64>,
    /// What was compared, where the document was read to its end.
    content: Option<ContentCheck>,
    error: Option<SnapshotError>,
}

impl DataCheck {
    /// Reads the document of a snapshot, and opens it where that is asked.
    pub(super) async fn run(
        repository: &Arc<Repository>,
        summary: ManifestSummary,
        content: Option<ContentRequest>,
    ) -> Self {
        let own = StoredDocument {
            object: summary.document.clone(),
            recipients: summary.recipients.clone(),
            amended_by: None,
        };
        let document = match repository.document(&summary).await {
            Ok(document) => document,
            Err(error) => return Self::failed(summary, own, SnapshotError::Download(Box::new(error))),
        };
        match content {
            None => match measure(repository, &document.object.key).await {
                Ok(stored) => Self { stored: Some(stored), ..Self::new(summary, document) },
                Err(error) => Self::failed(summary, document, SnapshotError::Download(Box::new(error))),
            },
            Some(ContentRequest { identities, entries, fingerprints }) => {
                let check = ContentCheck::new(&document.object.key, &summary, entries, fingerprints);
                let reading = snapshot::read_document(
                    repository,
                    &document,
                    summary.counts.parameters,
                    &identities,
                    check,
                    |check, record| {
                        check.take(&record);
                        ControlFlow::Continue(())
                    },
                );
                let reading = reading.await;
                let found =
                    Self { stored: reading.stored, is_document: reading.is_document, ..Self::new(summary, document) };
                match reading.outcome {
                    Ok(check) => Self { parameters: Some(check.parameters), content: Some(check), ..found },
                    Err(error) => Self { error: Some(error), ..found },
                }
            }
        }
    }

    fn new(summary: ManifestSummary, document: StoredDocument) -> Self {
        Self { summary, document, stored: None, is_document: false, parameters: None, content: None, error: None }
    }

    fn failed(summary: ManifestSummary, document: StoredDocument, error: SnapshotError) -> Self {
        Self { error: Some(error), ..Self::new(summary, document) }
    }

    /// The object's key.
    pub(super) fn key(&self) -> &str {
        &self.document.object.key
    }

    /// What is wrong with it; all of the manifest's entries have to have come. `others` says which snapshots have which documents.
    pub(super) fn noticed(self, others: &BTreeMap<Digest, String>) -> Vec<Noticed> {
        let object = &self.document.object;
        let finding = |kind, message: String| vec![Noticed::finding(kind, &object.key, Some(self.summary.id), message)];
        let unchecked = |error: &SnapshotError| vec![Noticed::unchecked(&object.key, chain_of_causes(error))];
        let Some(stored) = self.stored else {
            return match &self.error {
                Some(SnapshotError::Download(error)) if matches!(**error, RepositoryError::NotFound { .. }) => {
                    finding(FindingKind::Removed, "the data object of the snapshot is gone".into())
                }
                Some(error) => unchecked(error),
                None => Vec::new(),
            };
        };
        if (stored.size, stored.digest) != (object.size, object.digest) {
            return match others.get(&stored.digest) {
                Some(other) => finding(FindingKind::Swapped, format!("it is the data object of snapshot {other}")),
                None if self.is_document && self.document.is_sealed() => finding(
                    FindingKind::Forged,
                    "it is a whole sealed document, and not the one that its manifest says".into(),
                ),
                None if stored.size < object.size => finding(
                    FindingKind::Truncated,
                    format!("it has {} bytes, and its manifest says {}", stored.size, object.size),
                ),
                None => finding(FindingKind::Changed, "its bytes are others than its manifest says".into()),
            };
        }
        match &self.error {
            None => self.content.map(ContentCheck::finish).into_iter().flatten().map(Noticed::Finding).collect(),
            Some(SnapshotError::Open { source, .. }) if matches!(**source, OpenError::NoIdentity { .. }) => {
                let reason = format!("its content was not checked: {}", chain_of_causes(&**source));
                vec![Noticed::unchecked(&object.key, reason)]
            }
            Some(
                error @ (SnapshotError::Differs { .. } | SnapshotError::Document { .. } | SnapshotError::Open { .. }),
            ) => finding(
                FindingKind::Forged,
                format!("it was signed for, and is no such document: {}", chain_of_causes(error)),
            ),
            Some(error) => unchecked(error),
        }
    }
}

async fn measure(repository: &Repository, key: &str) -> Result<Measure, RepositoryError> {
    let mut measured = Measured::new(std::io::sink());
    let mut stream = std::pin::pin!(repository.download(key).await?);
    while let Some(bytes) = stream.try_next().await? {
        std::io::Write::write_all(&mut measured, &bytes).expect("a sink takes all bytes");
    }
    let (_, size, digest) = measured.finish();
    Ok(Measure { size, digest })
}
