//! One manifest of a chain: what it is, by itself.

use crate::document::Digest;
use crate::manifest::{Manifest, ManifestError, ManifestSummary, ParameterEntry};
use crate::repository::{ManifestObject, Repository};
use crate::signature::{self, ARMORED_MANIFEST_SIGNATURE_BYTES, MANIFEST_NAMESPACE, SignatureError};

use super::finding::{FindingKind, Noticed};

/// A manifest's object that was read.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) object: ManifestObject,
    /// Of the object as it is.
    pub(super) digest: Digest,
    pub(super) content: Content,
}

/// What is in a manifest's object.
#[derive(Debug)]
pub(super) enum Content {
    /// A manifest whose signature is its signer's.
    Signed {
        summary: Box<ManifestSummary>,
        /// Whether it says that it stands elsewhere.
        misplaced: bool,
    },
    /// Something else.
    Damaged(FindingKind, String),
    /// A newer Parados wrote it.
    Newer(String),
}

impl Link {
    /// Reads a manifest, and gives its parameters where they are wanted.
    pub(super) fn read(
        repository: &Repository,
        object: ManifestObject,
        stored: &[u8],
        keep_parameters: bool,
    ) -> (Self, Option<Vec<ParameterEntry>>) {
        let digest = Digest::of(stored);
        let (content, parameters) = match Manifest::parse(stored) {
            Ok(Manifest { summary, parameters }) => {
                let misplaced = repository.place_of(&summary) != object.key;
                (Content::Signed { summary: Box::new(summary), misplaced }, keep_parameters.then_some(parameters))
            }
            Err(error) => (unusable(&error, stored), None),
        };
        (Self { object, digest, content }, parameters)
    }

    /// What it says, where it is signed and stands where it says.
    pub(super) fn summary(&self) -> Option<&ManifestSummary> {
        match &self.content {
            Content::Signed { summary, misplaced: false } => Some(summary),
            _ => None,
        }
    }

    /// What is wrong with it by itself.
    pub(super) fn noticed(&self) -> Option<Noticed> {
        match &self.content {
            Content::Signed { .. } => None,
            Content::Damaged(kind, message) => {
                Some(Noticed::finding(*kind, &self.object.key, None::<String>, message.as_str()))
            }
            Content::Newer(reason) => Some(Noticed::unchecked(&self.object.key, reason.as_str())),
        }
    }
}

/// What happened to a manifest that cannot be used.
fn unusable(error: &ManifestError, stored: &[u8]) -> Content {
    let line = stored.iter().position(|byte| *byte == b'\n').map_or(stored.len(), |end| end + 1);
    let (line, armored) = stored.split_at(line);
    let signed_by =
        std::str::from_utf8(armored).ok().and_then(|text| signature::signed_by(MANIFEST_NAMESPACE, line, text));
    let damaged = |kind, words: &str| Content::Damaged(kind, format!("{words}: {error}"));
    match (error, signed_by) {
        (ManifestError::NewerFormat { .. }, Some(_)) => Content::Newer(error.to_string()),
        // A flipped digit makes a number of a format too, and then no signature fits.
        (ManifestError::NewerFormat { .. }, None) => {
            Content::Damaged(FindingKind::Changed, "its bytes are others than those that were signed".into())
        }
        (ManifestError::Signature(SignatureError::Mismatch), Some(_)) => {
            Content::Damaged(FindingKind::Forged, "it is signed by another key than the one that it names".into())
        }
        (ManifestError::Signature(SignatureError::Mismatch), None) => {
            Content::Damaged(FindingKind::Changed, "its bytes are others than those that were signed".into())
        }
        (_, Some(_)) => damaged(FindingKind::Forged, "it is signed, and is no manifest"),
        // All signatures have one length: what has it lacks nothing at its end.
        (ManifestError::Truncated(_), None) if armored.len() < ARMORED_MANIFEST_SIGNATURE_BYTES => {
            damaged(FindingKind::Truncated, "its end is missing")
        }
        _ => damaged(FindingKind::Changed, "its bytes are others than those that were signed"),
    }
}
