//! Amendments held against the manifests that they speak of.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::Digest;
use crate::report::chain as chain_of_causes;
use crate::repository::{Amendment, AmendmentError, Amendments, Repository, RepositoryError, SnapshotFilter};
use crate::signature::{self, SignatureError};
use crate::signed_line::{SignedLine, SignedLineError};

use super::finding::{FindingKind, Noticed};
use super::link::Link;
use super::signer;

/// The amendments that `filter` lets through.
pub(super) struct AmendmentsCheck(Amendments);

impl AmendmentsCheck {
    /// Reads them.
    pub(super) async fn read(repository: &Repository, filter: &SnapshotFilter) -> Result<Self, RepositoryError> {
        repository.amendments(filter).await.map(Self)
    }

    /// The digests of the objects that they name, with their snapshots.
    pub(super) fn objects(&self) -> impl Iterator<Item = (Digest, String)> {
        self.0.entries.iter().map(|(_, amendment)| (amendment.document.digest, amendment.snapshot.to_string()))
    }

    /// What is wrong with them beside their manifests.
    pub(super) async fn noticed(
        self,
        repository: &Repository,
        links: &[Link],
    ) -> Result<Vec<Noticed>, RepositoryError> {
        let Self(amendments) = self;
        let manifests: BTreeMap<(&str, u64), &Link> =
            links.iter().map(|link| ((link.object.chain.as_str(), link.object.sequence), link)).collect();
        let mut noticed = Vec::new();
        let mut numbers = BTreeMap::<(String, u64), BTreeSet<u32>>::new();
        for (key, amendment) in &amendments.entries {
            let chain = repository.chain_of(&amendment.target);
            let link = manifests.get(&(chain.as_str(), amendment.sequence));
            noticed.extend(link.and_then(|link| misfit(key, amendment, link)));
            numbers.entry((chain, amendment.sequence)).or_default().insert(amendment.number);
        }
        for (key, error) in &amendments.damaged {
            let bytes = repository.manifest_bytes(key).await?;
            noticed.push(unusable(key, error, &bytes));
        }
        if amendments.damaged.is_empty() {
            for ((chain, sequence), numbers) in numbers {
                let last = numbers.last().copied().unwrap_or(0);
                noticed.extend((1..last).filter(|number| !numbers.contains(number)).map(|number| {
                    let message = format!("amendment {number} of number {sequence} is missing");
                    Noticed::finding(
                        FindingKind::Removed,
                        &chain.replacen("manifests", "amendments", 1),
                        None::<String>,
                        message,
                    )
                }));
            }
        }
        Ok(noticed)
    }
}

/// What is wrong with an amendment beside its manifest.
fn misfit(key: &str, amendment: &Amendment, link: &Link) -> Option<Noticed> {
    let summary = link.summary()?;
    let finding = |kind, message: String| Some(Noticed::finding(kind, key, Some(summary.id), message));
    match amendment.check_fits(summary) {
        Err(error) => finding(FindingKind::Swapped, error.to_string()),
        Ok(()) if link.digest != Some(amendment.manifest_digest) => {
            finding(FindingKind::Replayed, "it was written beside another manifest of the same number".into())
        }
        Ok(()) => None,
    }
}

fn unusable(key: &str, error: &AmendmentError, stored: &[u8]) -> Noticed {
    let finding = |kind| Noticed::finding(kind, key, None::<String>, chain_of_causes(error));
    match error {
        AmendmentError::Line(error) => damaged_line::<Amendment>(key, error, stored),
        AmendmentError::Untrusted(signer) => Noticed::untrusted(key, None::<String>, signer),
        AmendmentError::Place => finding(FindingKind::Replayed),
        AmendmentError::Foreign(_) => finding(FindingKind::Swapped),
        AmendmentError::Invalid(_) => finding(FindingKind::Forged),
    }
}

/// What happened to a signed line that cannot be used.
pub(super) fn damaged_line<T: SignedLine>(key: &str, error: &SignedLineError, stored: &[u8]) -> Noticed {
    let finding = |kind| Noticed::finding(kind, key, None::<String>, chain_of_causes(error));
    let line = stored.iter().position(|byte| *byte == b'\n').map_or(stored.len(), |end| end + 1);
    let (line, armored) = stored.split_at(line);
    let signed_by = std::str::from_utf8(armored).ok().and_then(|text| signature::signed_by(T::NAMESPACE, line, text));
    match (error, signed_by) {
        (SignedLineError::NewerFormat { .. }, Some(_)) => Noticed::unchecked(key, error.to_string()),
        (_, Some(_)) => finding(FindingKind::Forged),
        (SignedLineError::Signature(SignatureError::Mismatch), None) if signer::is_another(line, armored) => {
            finding(FindingKind::Forged)
        }
        (SignedLineError::NotSigned, None) => finding(FindingKind::Truncated),
        (SignedLineError::Signature(SignatureError::Malformed), None)
            if !stored.ends_with(b"-----END SSH SIGNATURE-----\n") =>
        {
            finding(FindingKind::Truncated)
        }
        _ => finding(FindingKind::Changed),
    }
}
