//! The key objects of the fingerprints: whether they are there, and whether they open.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use crate::fingerprint::{FingerprintKey, FingerprintKeyId, STORED_KEY_BYTES};
use crate::manifest::ManifestSummary;
use crate::report::chain as chain_of_causes;
use crate::repository::{Repository, RepositoryError};
use crate::seal::{Identities, OpenError, Recipient};

use super::finding::{FindingKind, Noticed};

/// Fingerprint keys that were opened, by id.
pub(super) type OpenedKeys = BTreeMap<FingerprintKeyId, Arc<FingerprintKey>>;

/// Looks for the key object of each sealed snapshot's fingerprints. Opens them where `identities` are given: nothing else says
/// whether their bytes are right.
pub(super) async fn check(
    repository: &Arc<Repository>,
    summaries: &[&ManifestSummary],
    identities: Option<&Identities>,
) -> Result<(OpenedKeys, Vec<Noticed>), RepositoryError> {
    let (mut opened, mut noticed) = (OpenedKeys::new(), Vec::new());
    let mut recipients = BTreeMap::<&FingerprintKeyId, BTreeSet<&[String]>>::new();
    for summary in summaries.iter().filter(|summary| !summary.recipients.is_empty()) {
        recipients.entry(&summary.fingerprint_key).or_default().insert(&summary.recipients);
    }
    for (id, recipients) in recipients {
        let stored = repository.read_keys(id).await?;
        let keys: BTreeSet<_> = stored.iter().map(|(key, _)| key.as_str()).collect();
        let ours: BTreeMap<String, &[String]> = recipients
            .into_iter()
            .filter_map(|recipients| repository.key_of(id, recipients).map(|key| (key, recipients)))
            .collect();
        for key in ours.keys().filter(|key| !keys.contains(key.as_str())) {
            noticed.push(Noticed::finding(
                FindingKind::Removed,
                key,
                None::<String>,
                "the key of the fingerprints is gone",
            ));
        }
        let Some(identities) = identities else { continue };
        for (key, bytes) in &stored {
            match open(bytes.clone(), identities.clone()).await {
                Ok(found) if found.id() != id => noticed.push(Noticed::finding(
                    FindingKind::Swapped,
                    key,
                    None::<String>,
                    format!("it holds the fingerprint key {}", found.id()),
                )),
                Ok(found) => _ = opened.insert(id.clone(), Arc::new(found)),
                Err(error) => noticed.extend(damage(key, bytes, &error, ours.get(key).copied(), identities)),
            }
        }
    }
    Ok((opened, noticed))
}

/// What an error of opening a key object says of it; nothing where it only is not for us.
fn damage(
    key: &str,
    stored: &[u8],
    error: &KeyError,
    recipients: Option<&[String]>,
    identities: &Identities,
) -> Option<Noticed> {
    let finding = |kind| Some(Noticed::finding(kind, key, None::<String>, chain_of_causes(error)));
    match error {
        _ if is_cut(stored) => finding(FindingKind::Truncated),
        KeyError::Open(OpenError::NoIdentity { key_management: Some(_), .. }) => {
            Some(Noticed::unchecked(key, chain_of_causes(error)))
        }
        KeyError::Open(OpenError::NoIdentity { .. }) => {
            // Of a KMS key only trying tells; of the others an identity that fits and does not open says that the seal is damaged.
            let recipients: Vec<Recipient> = recipients?
                .iter()
                .filter_map(|text| text.parse::<Recipient>().ok())
                .filter(|recipient| recipient.kms_key().is_none())
                .collect();
            identities.fit(&recipients).then(|| finding(FindingKind::Changed)).flatten()
        }
        KeyError::Interrupted => Some(Noticed::unchecked(key, chain_of_causes(error))),
        _ => finding(FindingKind::Changed),
    }
}

/// Whether a sealed key object has fewer bytes than all of them have: they are made alike but for their headers.
fn is_cut(stored: &[u8]) -> bool {
    const HEADER_ENDS: &[u8] = b"\n--- ";
    const MAC_BYTES: usize = 43;
    const PAYLOAD_BYTES: usize = 16 + STORED_KEY_BYTES + 16;
    match stored.windows(HEADER_ENDS.len()).position(|window| window == HEADER_ENDS) {
        Some(at) => stored.len() < at + HEADER_ENDS.len() + MAC_BYTES + 1 + PAYLOAD_BYTES,
        // A header is text, and what comes after it is not.
        None => stored.is_ascii(),
    }
}

/// A key object that could not be opened.
#[derive(Debug, thiserror::Error)]
enum KeyError {
    #[error("it cannot be opened")]
    Open(#[source] OpenError),
    #[error("its seal is damaged")]
    Read(#[source] io::Error),
    #[error("it holds no fingerprint key")]
    Content(#[source] crate::fingerprint::FingerprintKeyError),
    #[error("opening it was interrupted")]
    Interrupted,
}

async fn open(stored: bytes::Bytes, identities: Identities) -> Result<FingerprintKey, KeyError> {
    let opened = spawn_blocking(move || {
        let mut reader = identities.open(&*stored).map_err(KeyError::Open)?;
        let mut content = Zeroizing::new(Vec::with_capacity(stored.len()));
        io::Read::read_to_end(&mut reader, &mut content).map_err(KeyError::Read)?;
        FingerprintKey::from_stored(&content).map_err(KeyError::Content)
    });
    opened.await.unwrap_or(Err(KeyError::Interrupted))
}
