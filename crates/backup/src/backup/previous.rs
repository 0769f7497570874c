//! Whether, and how, the previous snapshot spares reading.

use std::collections::HashSet;
use std::ops::ControlFlow;

use futures::StreamExt as _;
use parados_parameter::ParameterName;
use tokio::sync::mpsc;

use super::{BackupContext, BackupRequest};
use crate::collect::{PreviousEntry, PreviousIndex, PreviousRecords};
use crate::document::ParameterRecord;
use crate::fingerprint::FingerprintKey;
use crate::manifest::{Manifest, ParameterEntry, Purpose};
use crate::report::chain;
use crate::repository::ReadManifest;
use crate::seal::Recipient;
use crate::snapshot;

/// Records that are handed over at once.
const CHUNK: usize = 100;

/// The previous snapshot, where it is of use: it has the history and the labels that are asked for now, it is signed by us and
/// its fingerprints are of our key, and we hold an identity that it is sealed to (or it is not sealed).
///
/// # Errors
/// In words, where it should be of use and cannot be opened.
pub(super) async fn open(
    context: &BackupContext,
    request: &BackupRequest,
    head: ReadManifest,
    fingerprints: &FingerprintKey,
) -> Result<Option<PreviousRecords>, String> {
    let Manifest { summary, parameters } = head.manifest;
    let document = context.repository.document(&summary).await.map_err(|error| chain(&error))?;
    let recipients: Vec<Recipient> = document.recipients.iter().filter_map(|text| text.parse().ok()).collect();
    if summary.purpose == Some(Purpose::Import)
        || summary.with_history != request.with_history
        || summary.with_labels != request.with_labels
        || summary.fingerprint_key != *fingerprints.id()
        || summary.signer != context.signing_key.public_line()
        || document.is_sealed() && !context.identities.fit(&recipients)
    {
        return Ok(None);
    }
    // Before the store is listed for its sake: a role may be allowed to seal to a KMS key and not to open.
    snapshot::probe(&context.repository, &summary, &context.identities).await.map_err(|error| chain(&error))?;

    let missing: HashSet<&ParameterName> = summary.missing.iter().map(|missing| &missing.name).collect();
    let whole = parameters.into_iter().filter(|entry| !missing.contains(&entry.name));
    let index = PreviousIndex::new(whole.map(|entry| {
        let ParameterEntry { name, version, last_modified_date, metadata, .. } = entry;
        (name, PreviousEntry { version, last_modified_date, metadata })
    }));
    let id = summary.id.to_string();
    let (repository, identities) = (context.repository.clone(), context.identities.clone());
    let open = move || {
        let (chunks, mut received) = mpsc::channel(2);
        tokio::spawn(async move {
            let hand_over = chunks.clone();
            let last = snapshot::fold(&repository, &summary, &identities, Vec::new(), move |chunk, record| {
                chunk.push(record);
                let full = chunk.len() == CHUNK;
                let sent = !full || hand_over.blocking_send(Ok(std::mem::take(chunk))).is_ok();
                if sent { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            let last: Result<Vec<ParameterRecord>, String> = last.await.map_err(|error| chain(&error));
            // A closed queue means that the backup has ended for a reason of its own.
            chunks.send(last).await.ok();
        });
        futures::stream::poll_fn(move |cx| received.poll_recv(cx)).boxed()
    };
    Ok(Some(PreviousRecords { id, index, open: Box::new(open) }))
}
