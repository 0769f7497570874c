//! Which object holds the document of a snapshot: the one that its manifest names, until it is sealed again.

use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use object_store::PutPayload;
use object_store::path::Path;

use super::amendment::{Amendment, AmendmentError};
use super::{MAX_SMALL_BYTES, Repository, RepositoryError, SnapshotFilter, layout};
use crate::document::Digest;
use crate::manifest::{DocumentObject, ManifestSummary};
use crate::signature::SigningKey;
use crate::signed_line::{self, FORMAT_VERSION};
use crate::target::Target;

/// How many amendments a listing reads at once.
const READS_AT_ONCE: usize = 16;

/// The object that holds the document of a snapshot now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDocument {
    /// The object.
    pub object: DocumentObject,
    /// Whom it is sealed to; empty when it is not sealed.
    pub recipients: Vec<String>,
    /// The amendment that says so; none where it is the manifest's own.
    pub amended_by: Option<u32>,
}

impl StoredDocument {
    /// The one that the manifest names.
    pub fn of_manifest(summary: &ManifestSummary) -> Self {
        Self { object: summary.document.clone(), recipients: summary.recipients.clone(), amended_by: None }
    }

    fn amended(amendment: &Amendment) -> Self {
        let Amendment { document, recipients, number, .. } = amendment;
        Self { object: document.clone(), recipients: recipients.clone(), amended_by: Some(*number) }
    }

    /// Whether it is compressed and sealed.
    pub fn is_sealed(&self) -> bool {
        !self.recipients.is_empty()
    }
}

/// A snapshot was sealed again: what its next amendment says.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are Amendment's")]
pub struct AmendmentDraft {
    /// From [`Repository::next_amendment`], asked before the document was read that was sealed again.
    pub number: u32,
    pub manifest_digest: Digest,
    pub document: DocumentObject,
    pub recipients: Vec<String>,
    pub at: Timestamp,
    pub tool: String,
}

/// The amendments of a repository.
#[derive(Debug, Default)]
pub struct Amendments {
    /// Each with its key, by key. That it fits its manifest is not checked by listing it.
    pub entries: Vec<(String, Amendment)>,
    /// Those that cannot be used, by key.
    pub damaged: Vec<(String, AmendmentError)>,
}

impl Amendments {
    /// Those of a snapshot that fit its manifest, the newest first.
    pub fn of(&self, summary: &ManifestSummary) -> impl Iterator<Item = &(String, Amendment)> {
        self.entries.iter().rev().filter(|(_, amendment)| amendment.check_fits(summary).is_ok())
    }

    /// As [`Repository::document`], out of what was listed.
    pub fn document(&self, summary: &ManifestSummary) -> StoredDocument {
        match self.of(summary).next() {
            Some((_, amendment)) => StoredDocument::amended(amendment),
            None => StoredDocument::of_manifest(summary),
        }
    }
}

impl Repository {
    /// The object that holds the document of a snapshot: the one that its newest valid amendment names, or its manifest. An
    /// amendment is valid when it is rightly signed, by somebody [trusted](Repository::trusting), and fits the manifest.
    ///
    /// # Errors
    /// Those of the place.
    pub async fn document(&self, summary: &ManifestSummary) -> Result<StoredDocument, RepositoryError> {
        for (_, key) in self.amendments_of(summary).await? {
            if let Ok(amendment) = self.read_amendment(&key).await?
                && amendment.check_fits(summary).is_ok()
            {
                return Ok(StoredDocument::amended(&amendment));
            }
        }
        Ok(StoredDocument::of_manifest(summary))
    }

    /// The number that the next amendment of a snapshot bears.
    ///
    /// # Errors
    /// Those of the place.
    pub async fn next_amendment(&self, summary: &ManifestSummary) -> Result<u32, RepositoryError> {
        Ok(self.amendments_of(summary).await?.first().map_or(1, |(number, _)| number + 1))
    }

    /// Says that a snapshot was sealed again. Its new object has to be there already. The amendment's key.
    ///
    /// # Errors
    /// [`RepositoryError::AlreadyExists`] when somebody else amended it since the draft's number was asked for; those of writing.
    pub async fn amend(
        &self,
        summary: &ManifestSummary,
        draft: AmendmentDraft,
        key: &SigningKey,
    ) -> Result<String, RepositoryError> {
        let amendment = Amendment {
            format_version: FORMAT_VERSION,
            snapshot: summary.id,
            target: summary.target.clone(),
            sequence: summary.sequence,
            number: draft.number,
            manifest_digest: draft.manifest_digest,
            document: draft.document,
            recipients: draft.recipients,
            at: draft.at,
            tool: draft.tool,
            signer: key.public_line(),
        };
        let path = layout::amendment(&summary.target, summary.sequence, draft.number);
        let unusable = |reason: String| RepositoryError::Damaged {
            key: path.to_string(),
            repository: self.location().into(),
            reason,
        };
        if draft.number > layout::MAX_AMENDMENT {
            return Err(unusable("a snapshot is sealed again at most 9,999 times".into()));
        }
        amendment.check().and_then(|()| amendment.check_fits(summary)).map_err(|error| unusable(error.to_string()))?;
        let line = signed_line::sign(&amendment, key).map_err(|error| unusable(error.to_string()))?;
        self.objects.create(&path, PutPayload::from_bytes(line)).await?;
        Ok(path.into())
    }

    /// Lists the amendments of the snapshots that `filter` lets through, by key: a snapshot's stand together, the newest last.
    ///
    /// # Errors
    /// Those of the place. An amendment that cannot be used is listed as damaged and hides no other.
    pub async fn amendments(&self, filter: &SnapshotFilter) -> Result<Amendments, RepositoryError> {
        let listed = self.objects.list(&filter.below(layout::amendments())).try_filter(|meta| {
            let is_one = layout::amendment_of(&meta.location).is_some() && filter.lets_through(&meta.location);
            std::future::ready(is_one)
        });
        let mut read = listed
            .map_ok(|meta| async move { Ok((self.read_amendment(&meta.location).await?, meta.location)) })
            .try_buffer_unordered(READS_AT_ONCE)
            .boxed();
        let mut amendments = Amendments::default();
        while let Some((read, key)) = read.try_next().await? {
            match read {
                Ok(amendment) => amendments.entries.push((key.into(), amendment)),
                Err(error) => amendments.damaged.push((key.into(), error)),
            }
        }
        amendments.entries.sort_by(|a, b| a.0.cmp(&b.0));
        amendments.damaged.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(amendments)
    }

    /// A key for the object that a snapshot is sealed into anew. `number` is random.
    pub fn resealed_key(summary: &ManifestSummary, number: u32) -> String {
        layout::resealed(&summary.document.key, number)
    }

    /// The numbers and keys of a snapshot's amendments, newest first.
    pub(super) async fn amendments_of(&self, summary: &ManifestSummary) -> Result<Vec<(u32, Path)>, RepositoryError> {
        let listed = self.objects.list(&layout::amendments_of(&summary.target));
        let mut found: Vec<(u32, Path)> = listed
            .try_filter_map(|meta| {
                let ours = layout::amendment_of(&meta.location).filter(|(sequence, _)| *sequence == summary.sequence);
                std::future::ready(Ok(ours.map(|(_, number)| (number, meta.location))))
            })
            .try_collect()
            .await?;
        found.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        Ok(found)
    }

    /// The keys of all amendments at a place of a chain.
    pub(super) async fn amendments_at(&self, target: &Target, sequence: u64) -> Result<Vec<Path>, RepositoryError> {
        let listed = self.objects.list(&layout::amendments_of(target)).map_ok(|meta| meta.location);
        let ours = |key: &Path| layout::amendment_of(key).is_some_and(|(of, _)| of == sequence);
        listed.try_filter(|key| std::future::ready(ours(key))).try_collect().await
    }

    pub(super) async fn read_amendment(
        &self,
        key: &Path,
    ) -> Result<Result<Amendment, AmendmentError>, RepositoryError> {
        let bytes = self.objects.read(key, MAX_SMALL_BYTES).await?;
        let read = || {
            let amendment: Amendment = signed_line::read(&bytes)?;
            amendment.check()?;
            if layout::amendment(&amendment.target, amendment.sequence, amendment.number) != *key {
                return Err(AmendmentError::Place);
            }
            match self.trusted.accept(&amendment.signer) {
                true => Ok(amendment),
                false => Err(AmendmentError::Untrusted(amendment.signer)),
            }
        };
        Ok(read())
    }
}

#[cfg(test)]
mod tests;
