//! Which object holds the document of a snapshot.

use super::{Repository, RepositoryError};
use crate::manifest::{DocumentObject, ManifestSummary};

/// The object that holds the document of a snapshot now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDocument {
    /// The object.
    pub object: DocumentObject,
    /// Whom it is sealed to; empty when it is not sealed.
    pub recipients: Vec<String>,
}

impl StoredDocument {
    /// Whether it is compressed and sealed.
    pub fn is_sealed(&self) -> bool {
        !self.recipients.is_empty()
    }
}

impl Repository {
    /// The object that holds the document of a snapshot: the one that its manifest names.
    ///
    /// # Errors
    /// Those of the place.
    pub async fn document(&self, summary: &ManifestSummary) -> Result<StoredDocument, RepositoryError> {
        Ok(StoredDocument { object: summary.document.clone(), recipients: summary.recipients.clone() })
    }
}
