//! One manifest of a chain: what it is, by itself.

use std::collections::BTreeSet;

use crate::document::Digest;
use crate::manifest::{Manifest, ManifestError, ManifestSummary, parse_summary};
use crate::repository::{ManifestObject, Repository};
use crate::signature::{self, ARMORED_MANIFEST_SIGNATURE_BYTES, MANIFEST_NAMESPACE, SignatureError};

use super::finding::{FindingKind, Noticed};
use super::signer;

/// A manifest's object that was read.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) object: ManifestObject,
    /// Of the object as it is, where it could be read.
    pub(super) digest: Option<Digest>,
    pub(super) content: Content,
}

/// What is in a manifest's object.
#[derive(Debug)]
pub(super) enum Content {
    /// A manifest whose signature is its signer's.
    Signed {
        summary: Box<ManifestSummary>,
        /// Where it says that it stands, where that is elsewhere.
        place: Option<Place>,
    },
    /// Something else.
    Damaged(FindingKind, String),
    /// It could not be read, or a newer Parados wrote it.
    Unread(String),
}

/// Another place than the one where a manifest stands.
#[derive(Debug)]
pub(super) struct Place {
    key: String,
    /// Whether the manifest that stands there says that it stands here.
    pub(super) exchanged: bool,
}

/// Notes which manifests have changed places.
pub(super) fn note_exchanges(links: &mut [Link]) {
    let moves: BTreeSet<(String, String)> =
        links.iter().filter_map(|link| Some((link.object.key.clone(), link.place()?.key.clone()))).collect();
    for link in links {
        let here = link.object.key.clone();
        if let Content::Signed { place: Some(place), .. } = &mut link.content {
            place.exchanged = moves.contains(&(place.key.clone(), here));
        }
    }
}

impl Link {
    /// Reads a manifest.
    pub(super) fn read(repository: &Repository, object: ManifestObject, stored: &[u8]) -> Self {
        match Manifest::walk_measured(stored, drop) {
            Ok((summary, digest)) => Self { digest: Some(digest), ..Self::signed(repository, object, summary) },
            Err(error) => Self { object, digest: Some(Digest::of(stored)), content: unusable(&error, stored) },
        }
    }

    /// What a manifest says in its beginning, and is checked later; none where it is clear already that something is wrong with it.
    pub(super) fn before_check(repository: &Repository, object: &ManifestObject, beginning: &[u8]) -> Option<Self> {
        let summary = parse_summary(beginning).ok()?;
        Some(Self::signed(repository, object.clone(), summary)).filter(|link| link.summary().is_some())
    }

    fn signed(repository: &Repository, object: ManifestObject, summary: ManifestSummary) -> Self {
        let place = Some(repository.place_of(&summary)).filter(|key| *key != object.key);
        let place = place.map(|key| Place { key, exchanged: false });
        Self { object, digest: None, content: Content::Signed { summary: Box::new(summary), place } }
    }

    /// A manifest that could not be read.
    pub(super) fn unread(object: ManifestObject, reason: String) -> Self {
        Self { object, digest: None, content: Content::Unread(reason) }
    }

    /// What it says, where it is signed and stands where it says.
    pub(super) fn summary(&self) -> Option<&ManifestSummary> {
        match &self.content {
            Content::Signed { summary, place: None } => Some(summary),
            _ => None,
        }
    }

    fn place(&self) -> Option<&Place> {
        match &self.content {
            Content::Signed { place, .. } => place.as_ref(),
            _ => None,
        }
    }

    /// What is wrong with it by itself.
    pub(super) fn noticed(&self) -> Option<Noticed> {
        self.content.noticed(&self.object.key)
    }
}

impl Content {
    fn noticed(&self, key: &str) -> Option<Noticed> {
        match self {
            Self::Signed { .. } => None,
            Self::Damaged(kind, message) => Some(Noticed::finding(*kind, key, None::<String>, message.as_str())),
            Self::Unread(reason) => Some(Noticed::unchecked(key, reason.as_str())),
        }
    }
}

/// What is to be said of a manifest that cannot be used.
pub(super) fn noticed(error: &ManifestError, key: &str, stored: &[u8]) -> Option<Noticed> {
    unusable(error, stored).noticed(key)
}

/// What happened to a manifest that cannot be used.
fn unusable(error: &ManifestError, stored: &[u8]) -> Content {
    let line = stored.iter().position(|byte| *byte == b'\n').map_or(stored.len(), |end| end + 1);
    let (line, armored) = stored.split_at(line);
    let signed_by =
        std::str::from_utf8(armored).ok().and_then(|text| signature::signed_by(MANIFEST_NAMESPACE, line, text));
    let damaged = |kind, words: &str| Content::Damaged(kind, format!("{words}: {error}"));
    match (error, signed_by) {
        (ManifestError::NewerFormat { .. }, Some(_)) => Content::Unread(error.to_string()),
        // A flipped digit makes a number of a format too, and then no signature fits.
        (ManifestError::NewerFormat { .. }, None) => {
            Content::Damaged(FindingKind::Changed, "its bytes are others than those that were signed".into())
        }
        (ManifestError::Signature(SignatureError::Mismatch), Some(_)) => {
            Content::Damaged(FindingKind::Forged, "it is signed by another key than the one that it names".into())
        }
        (ManifestError::Signature(SignatureError::Mismatch), None) if signer::is_another(line, armored) => {
            Content::Damaged(FindingKind::Forged, "the signer that it names is not the one of its signature".into())
        }
        (ManifestError::Signature(SignatureError::Mismatch), None) => {
            Content::Damaged(FindingKind::Changed, "its bytes are others than those that were signed".into())
        }
        // All signatures have one length: what has it lacks nothing at its end.
        (ManifestError::Truncated(_), _) if armored.len() < ARMORED_MANIFEST_SIGNATURE_BYTES => {
            damaged(FindingKind::Truncated, "its end is missing")
        }
        (_, Some(_)) => damaged(FindingKind::Forged, "it is signed, and is no manifest"),
        _ => damaged(FindingKind::Changed, "its bytes are others than those that were signed"),
    }
}
