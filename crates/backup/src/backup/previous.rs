//! Whether, and how, the previous snapshot spares reading.

use std::collections::HashSet;
use std::io;
use std::ops::ControlFlow;

use futures::{StreamExt, TryStreamExt};
use parados_parameter::ParameterName;
use tokio::sync::mpsc;
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::{BackupContext, BackupRequest};
use crate::collect::{PreviousEntry, PreviousIndex, PreviousRecords};
use crate::document::{self, ParameterRecord};
use crate::fingerprint::FingerprintKey;
use crate::manifest::{Manifest, ParameterEntry};
use crate::repository::ReadManifest;
use crate::seal::Recipient;

/// Records that are handed over at once.
const CHUNK: usize = 100;

/// The previous snapshot, where it is of use: it has the history and the labels that are asked for now, it is signed by us and its
/// fingerprints are of our key, and we hold an identity that it is sealed to (or it is not sealed).
pub(super) fn open(
    context: &BackupContext,
    request: &BackupRequest,
    head: ReadManifest,
    fingerprints: &FingerprintKey,
) -> Option<PreviousRecords> {
    let Manifest { summary, parameters } = head.manifest;
    let sealed = !summary.recipients.is_empty();
    let ours = |identity: &Recipient| summary.recipients.iter().any(|one| one == identity.as_str());
    if summary.with_history != request.with_history
        || summary.with_labels != request.with_labels
        || summary.fingerprint_key != *fingerprints.id()
        || summary.signer != context.signing_key.public_line()
        || sealed && !context.identities.recipients().any(ours)
    {
        return None;
    }
    let missing: HashSet<&ParameterName> = summary.missing.iter().map(|missing| &missing.name).collect();
    let whole = parameters.into_iter().filter(|entry| !missing.contains(&entry.name));
    let index = PreviousIndex::new(whole.map(|entry| {
        let ParameterEntry { name, version, last_modified_date, metadata, fingerprint: value, .. } = entry;
        (name, PreviousEntry { version, last_modified_date, metadata, value })
    }));
    let document = summary.document.clone();
    let (repository, identities) = (context.repository.clone(), context.identities.clone());
    let runtime = tokio::runtime::Handle::current();
    let open = move || {
        let (chunks, mut received) = mpsc::channel::<Result<Vec<ParameterRecord>, String>>(2);
        tokio::task::spawn_blocking(move || {
            let read = || -> Result<(), String> {
                let object = runtime.block_on(repository.download(&document.key)).map_err(|error| error.to_string())?;
                let object =
                    SyncIoBridge::new_with_handle(StreamReader::new(object.map_err(io::Error::other).boxed()), runtime);
                let mut decoded = document::decode(object, sealed, &identities).map_err(|error| error.to_string())?;
                let mut chunk = Vec::with_capacity(CHUNK);
                let mut closed = false;
                document::read(&mut decoded, |record| {
                    chunk.push(record);
                    if chunk.len() == CHUNK {
                        let full = std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK));
                        closed = chunks.blocking_send(Ok(full)).is_err();
                    }
                    if closed { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                })
                .map_err(|error| error.to_string())?;
                chunks.blocking_send(Ok(chunk)).ok();
                Ok(())
            };
            if let Err(reason) = read() {
                // A closed queue means that the backup has ended for a reason of its own.
                chunks.blocking_send(Err(reason)).ok();
            }
        });
        futures::stream::poll_fn(move |cx| received.poll_recv(cx)).boxed()
    };
    Some(PreviousRecords { id: summary.id.to_string(), index, open: Box::new(open) })
}
