//! What says that a snapshot was sealed again: a signed line beside its manifest, which stays as it is. FORMAT.md, "Amendments",
//! is normative.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::document::Digest;
use crate::manifest::{DocumentObject, ManifestSummary, SnapshotId};
use crate::signed_line::{FORMAT_VERSION, SignedLine, SignedLineError};
use crate::target::Target;

/// Which object holds the document of a snapshot since it was sealed again, and for whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amendment {
    /// The format of signed lines.
    pub format_version: u32,
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// What the snapshot is of.
    pub target: Target,
    /// Its place in the target's chain.
    pub sequence: u64,
    /// Which of its amendments this is, from 1; the greatest counts.
    pub number: u32,
    /// Of its manifest.
    pub manifest_digest: Digest,
    /// The object. Its content is the manifest's.
    pub document: DocumentObject,
    /// Whom it is sealed to; somebody.
    pub recipients: Vec<String>,
    /// When.
    pub at: Timestamp,
    /// What wrote it.
    pub tool: String,
    /// The public key that signed, in OpenSSH's form.
    pub signer: String,
}

/// An amendment that cannot be used.
#[derive(Debug, Error)]
pub enum AmendmentError {
    /// It is not a signed line of its kind.
    #[error(transparent)]
    Line(#[from] SignedLineError),
    /// It says that it stands elsewhere.
    #[error("it is the amendment of another place")]
    Place,
    /// It breaks one of the format's rules.
    #[error("it breaks a rule: {0}")]
    Invalid(&'static str),
    /// It is of another snapshot, or of another document, than the manifest at its place.
    #[error("it does not fit its manifest: another {0}")]
    Foreign(&'static str),
    /// Whoever signed it is not among those whose signatures count.
    #[error("its signer is not trusted: {0}")]
    Untrusted(String),
}

impl SignedLine for Amendment {
    const NAMESPACE: &'static str = "parados-amendment";

    fn signer(&self) -> &str {
        &self.signer
    }
}

impl Amendment {
    /// Checks the rules that hold within it.
    pub(super) fn check(&self) -> Result<(), AmendmentError> {
        if self.format_version != FORMAT_VERSION {
            return Err(AmendmentError::Invalid("formats are numbered from 1"));
        }
        if self.recipients.is_empty() {
            return Err(AmendmentError::Invalid("it has no recipients"));
        }
        match object_store::path::Path::parse(&self.document.key) {
            Ok(path) if path.as_ref() == self.document.key && !path.is_root() => Ok(()),
            _ => Err(AmendmentError::Invalid("its document's key is not an object's")),
        }
    }

    /// Checks that it speaks of the snapshot of this manifest, and of the same document. The manifest's digest is the caller's to
    /// compare, who has read it whole.
    ///
    /// # Errors
    /// [`AmendmentError::Foreign`].
    pub fn check_fits(&self, summary: &ManifestSummary) -> Result<(), AmendmentError> {
        let (ours, theirs) = (&self.document, &summary.document);
        let parts = [
            ("snapshot", self.snapshot == summary.id),
            ("target", self.target == summary.target),
            ("sequence", self.sequence == summary.sequence),
            ("content", (ours.content_size, ours.content_digest) == (theirs.content_size, theirs.content_digest)),
        ];
        match parts.into_iter().find(|(_, fits)| !fits) {
            None => Ok(()),
            Some((part, _)) => Err(AmendmentError::Foreign(part)),
        }
    }
}
