//! Whether, and how, the previous snapshot spares reading.

use std::collections::HashSet;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use parados_parameter::ParameterName;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::error::chain;
use super::{BackupContext, BackupRequest};
use crate::collect::{PreviousEntry, PreviousIndex, PreviousRecords};
use crate::document::{self, Measured, ParameterRecord};
use crate::fingerprint::FingerprintKey;
use crate::manifest::{DocumentObject, Manifest, ParameterEntry};
use crate::repository::{ReadManifest, Repository};
use crate::seal::{Identities, Recipient};

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
    let recipients: Vec<Recipient> = summary.recipients.iter().filter_map(|text| text.parse().ok()).collect();
    let sealed = !summary.recipients.is_empty();
    if summary.with_history != request.with_history
        || summary.with_labels != request.with_labels
        || summary.fingerprint_key != *fingerprints.id()
        || summary.signer != context.signing_key.public_line()
        || sealed && !context.identities.fit(&recipients)
    {
        return Ok(None);
    }
    let document = Stored {
        repository: context.repository.clone(),
        object: summary.document,
        sealed,
        identities: context.identities.clone(),
        runtime: Handle::current(),
    };
    // Before the store is listed for its sake: a role may be allowed to seal to a KMS key and not to open.
    let probe = document.clone();
    spawn_blocking(move || probe.probe()).await.map_err(|error| error.to_string())??;

    let missing: HashSet<&ParameterName> = summary.missing.iter().map(|missing| &missing.name).collect();
    let whole = parameters.into_iter().filter(|entry| !missing.contains(&entry.name));
    let index = PreviousIndex::new(whole.map(|entry| {
        let ParameterEntry { name, version, last_modified_date, metadata, .. } = entry;
        (name, PreviousEntry { version, last_modified_date, metadata })
    }));
    let open = move || {
        let (chunks, mut received) = mpsc::channel(2);
        spawn_blocking(move || {
            if let Err(reason) = document.read(&chunks) {
                // A closed queue means that the backup has ended for a reason of its own.
                chunks.blocking_send(Err(reason)).ok();
            }
        });
        futures::stream::poll_fn(move |cx| received.poll_recv(cx)).boxed()
    };
    Ok(Some(PreviousRecords { id: summary.id.to_string(), index, open: Box::new(open) }))
}

/// A document in the repository. What it does blocks.
#[derive(Clone)]
struct Stored {
    repository: Arc<Repository>,
    object: DocumentObject,
    sealed: bool,
    identities: Identities,
    runtime: Handle,
}

impl Stored {
    /// Its stored bytes.
    fn bytes(&self) -> Result<impl Read + Send + use<>, String> {
        let stream =
            self.runtime.block_on(self.repository.download(&self.object.key)).map_err(|error| chain(&error))?;
        let reader = StreamReader::new(stream.map_err(io::Error::other).boxed());
        Ok(SyncIoBridge::new_with_handle(reader, self.runtime.clone()))
    }

    /// Whether it can be opened.
    fn probe(&self) -> Result<(), String> {
        document::decode(self.bytes()?, self.sealed, &self.identities).map(drop).map_err(|error| chain(&error))
    }

    /// Hands its records over, and fails at the end where its bytes are not those that the manifest vouches for.
    fn read(&self, chunks: &mpsc::Sender<Result<Vec<ParameterRecord>, String>>) -> Result<(), String> {
        let mut bytes = Measured::new(self.bytes()?);
        let mut content =
            Measured::new(document::decode(&mut bytes, self.sealed, &self.identities).map_err(|error| chain(&error))?);
        let mut chunk = Vec::with_capacity(CHUNK);
        document::read(&mut content, |record| {
            chunk.push(record);
            let full = chunk.len() == CHUNK;
            let sent = !full || {
                let full = std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK));
                chunks.blocking_send(Ok(full)).is_ok()
            };
            if sent { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
        .map_err(|error| chain(&error))?;
        io::copy(&mut content, &mut io::sink()).map_err(|error| chain(&error))?;
        let (_, _, content_digest) = content.finish();
        io::copy(&mut bytes, &mut io::sink()).map_err(|error| chain(&error))?;
        let (_, _, digest) = bytes.finish();
        if digest != self.object.digest || content_digest != self.object.content_digest {
            return Err(format!("{} is not what its manifest says", self.object.key));
        }
        chunks.blocking_send(Ok(chunk)).ok();
        Ok(())
    }
}
