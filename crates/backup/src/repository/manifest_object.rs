//! Manifests as objects, whatever is in them: what a check of a chain reads.

use bytes::Bytes;
use futures::TryStreamExt as _;

use super::chain::SUMMARY_BYTES;
use super::{Repository, RepositoryError, SnapshotFilter, layout};
use crate::manifest::{MAX_MANIFEST_BYTES, ManifestSummary};
use crate::target::Target;

/// An object that stands where a manifest does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ManifestObject {
    /// The part of its key that all manifests of its chain share.
    pub chain: String,
    /// The number that its key bears.
    pub sequence: u64,
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
}

impl Repository {
    /// Lists the objects that stand where manifests do, by chain and number.
    ///
    /// # Errors
    /// Those of the place.
    pub async fn manifest_objects(&self, filter: &SnapshotFilter) -> Result<Vec<ManifestObject>, RepositoryError> {
        let mut found = Vec::new();
        let mut listed = self.objects.list(&filter.below(layout::manifests()));
        while let Some(meta) = listed.try_next().await? {
            let Some(sequence) = layout::sequence_of(&meta.location).filter(|_| filter.lets_through(&meta.location))
            else {
                continue;
            };
            let key = meta.location.to_string();
            let chain = key.rsplit_once('/').map(|(chain, _)| chain.to_owned()).unwrap_or_default();
            found.push(ManifestObject { chain, sequence, key, size: meta.size });
        }
        found.sort();
        Ok(found)
    }

    /// The bytes of a manifest's object, unchecked.
    ///
    /// # Errors
    /// Those of the place, and [`RepositoryError::Damaged`] where it is larger than any manifest.
    pub async fn manifest_bytes(&self, key: &str) -> Result<Bytes, RepositoryError> {
        self.objects.read(&self.path(key)?, MAX_MANIFEST_BYTES).await
    }

    /// The first bytes of a manifest's object, unchecked: its summary is in them, but where it is a very long one.
    ///
    /// # Errors
    /// Those of the place.
    pub(crate) async fn manifest_beginning(&self, key: &str) -> Result<Bytes, RepositoryError> {
        self.objects.read_beginning(&self.path(key)?, SUMMARY_BYTES).await
    }

    /// The part of their keys that the manifests of a target share.
    pub fn chain_of(&self, target: &Target) -> String {
        layout::chain(target).to_string()
    }

    /// Where the manifest stands that says this.
    pub fn place_of(&self, summary: &ManifestSummary) -> String {
        layout::manifest(&summary.target, summary.sequence).to_string()
    }
}
