//! A store, or a part of it, as one document: what a snapshot holds, without a repository around it.
//!
//! It is written as it is read, so that memory does not grow with the store. What could not be read is named in the report; a document
//! without it is no whole one.

use std::io::{self, Write};
use std::sync::Arc;

use parados_parameter::{Selector, SharedStore};
use schemars::JsonSchema;
use serde::Serialize;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::collect::{CollectError, CollectRequest, Collected, collect};
use crate::document::{DocumentHeader, EncodeError, Encoded, Encoder};
use crate::event::Observer;
use crate::fingerprint::FingerprintKey;
use crate::report::Missing;
use crate::seal::Sealer;

/// Chunks that wait to be written.
const CHUNKS_WAITING: usize = 4;

/// What an export is made with.
#[derive(Debug)]
pub struct ExportContext {
    /// What is read.
    pub store: SharedStore,
    /// Seals the document; without it, it is plain, values and all.
    pub sealer: Option<Sealer>,
    /// What the document says of itself.
    pub header: DocumentHeader,
    /// Any key: nothing that is written has a fingerprint.
    pub fingerprints: Arc<FingerprintKey>,
}

/// What was exported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ExportReport {
    /// Parameters in the document.
    pub parameters: u64,
    /// Its size as it was written, in bytes.
    pub bytes: u64,
    /// Whether it is sealed.
    pub sealed: bool,
    /// What matched and is not in it, or not whole.
    pub missing: Vec<Missing>,
}

/// An export that did not come to its end. What was written is no document.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The store could not be read.
    #[error(transparent)]
    Collect(#[from] CollectError),
    /// The document could not be sealed or written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The process is ending.
    #[error("stopped while the document was written")]
    Stopped,
}

/// Writes the parameters that `selector` means, whole and with all of their versions, into `writer`, which is given back.
///
/// # Errors
/// [`ExportError`].
pub async fn export<W: Write + Send + 'static>(
    context: &ExportContext,
    selector: &Selector,
    writer: W,
    observer: &dyn Observer,
) -> Result<(W, ExportReport), ExportError> {
    let (sink, records) = mpsc::channel(CHUNKS_WAITING);
    let (header, sealer) = (context.header.clone(), context.sealer.clone());
    let writing = spawn_blocking(move || write(writer, &header, sealer.as_ref(), records));
    let request = CollectRequest { selector: selector.clone(), names: None, with_history: true, with_labels: true };
    let collected = collect(&context.store, &request, &context.fingerprints, None, observer, &sink).await;
    drop(sink);
    // When both failed, the writer did first: the collector only noticed that nobody takes its records.
    let (writer, encoded) = writing.await.map_err(|_| ExportError::Stopped)??;
    let missing = collected?.missing;
    let sealed = context.sealer.is_some();
    Ok((writer, ExportReport { parameters: encoded.parameter_count, bytes: encoded.size, sealed, missing }))
}

fn write<W: Write>(
    writer: W,
    header: &DocumentHeader,
    sealer: Option<&Sealer>,
    mut records: mpsc::Receiver<Vec<Collected>>,
) -> Result<(W, Encoded), EncodeError> {
    let mut encoder = Encoder::new(writer, header, sealer)?;
    while let Some(chunk) = records.blocking_recv() {
        for collected in chunk {
            encoder.write(&collected.record)?;
        }
    }
    let finish = |(mut writer, encoded): (W, Encoded)| writer.flush().map(|()| (writer, encoded));
    encoder.finish().and_then(finish).map_err(|error: io::Error| EncodeError::Write(error))
}
