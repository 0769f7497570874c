//! Reads the document of a snapshot, and checks it against the manifest as it goes.
//!
//! Owns the way from the repository to records: download, digest, open, parse. Does not own what is made of the records, nor
//! whether the manifest itself is to be believed.
//!
//! The bytes are hashed where they arrive, opened on a thread of their own, and parsed on another, so that none waits for the
//! others.

mod relay;

use std::io::{self, BufRead, Write as _};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::TryStreamExt as _;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use self::relay::relay;
use crate::document::{self, Digest, DocumentError, Measured, ParameterRecord};
use crate::manifest::ManifestSummary;
use crate::repository::{PIECES_WAITING, Piece, PieceReader, Repository, RepositoryError, StoredDocument};
use crate::seal::{Identities, OpenError};

/// A document that could not be read, or is not the one that its manifest vouches for.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// Its bytes could not be had.
    #[error("the snapshot's document could not be downloaded")]
    Download(#[source] Box<RepositoryError>),
    /// It could not be opened.
    #[error("{key} could not be opened")]
    Open {
        /// The object's key.
        key: String,
        /// Why.
        source: Box<OpenError>,
    },
    /// It was opened, and it is damaged, although its bytes are those that the manifest vouches for.
    #[error("{key} is damaged")]
    Document {
        /// The object's key.
        key: String,
        /// How.
        source: DocumentError,
    },
    /// It was opened, and could not be read to its end.
    #[error("{key} could not be read to its end")]
    Unreadable {
        /// The object's key.
        key: String,
        /// Why.
        source: io::Error,
    },
    /// It is not what its manifest says.
    #[error("{key} is not what its manifest says: {part} differs")]
    Differs {
        /// The object's key.
        key: String,
        /// What differs first.
        part: DocumentPart,
    },
    /// Whoever got the records wanted no more, so the rest was not checked.
    #[error("reading the snapshot was stopped")]
    Stopped,
    /// The thread that read it ended by itself.
    #[error("reading the snapshot was interrupted")]
    Interrupted,
}

/// What a manifest says of its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentPart {
    /// The size of the object.
    Size,
    /// The digest of the object.
    Digest,
    /// The size of the document in it.
    ContentSize,
    /// The digest of the document in it.
    ContentDigest,
    /// How many parameters it holds.
    Parameters,
}

impl std::fmt::Display for DocumentPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Size => "its size",
            Self::Digest => "its digest",
            Self::ContentSize => "the size of its content",
            Self::ContentDigest => "the digest of its content",
            Self::Parameters => "the number of its parameters",
        })
    }
}

/// The size and the digest of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// In bytes.
    pub size: u64,
    /// Of the bytes.
    pub digest: Digest,
}

impl Measure {
    /// That of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self { size: bytes.len() as u64, digest: Digest::of(bytes) }
    }
}

/// What came of reading a document to its end.
#[derive(Debug)]
pub struct Reading<T> {
    /// Of the stored object, whole; absent where not all of it was downloaded.
    pub stored: Option<Measure>,
    /// Whether it is a document: it was opened and parsed to its end, be it the right one or not.
    pub is_document: bool,
    /// What was made of its records.
    pub outcome: Result<T, SnapshotError>,
}

/// Reads the document of a snapshot to its end; `each` gets every record, on a blocking thread. What was made of the records
/// counts only when this is [`Ok`]: sizes, digests and counts are checked at the end.
///
/// # Errors
/// [`SnapshotError`]; [`SnapshotError::Stopped`] when `each` breaks.
pub async fn fold<T: Send + 'static>(
    repository: &Arc<Repository>,
    summary: &ManifestSummary,
    identities: &Identities,
    initial: T,
    each: impl FnMut(&mut T, ParameterRecord) -> ControlFlow<()> + Send + 'static,
) -> Result<T, SnapshotError> {
    let document = repository.document(summary).await.map_err(|error| SnapshotError::Download(Box::new(error)))?;
    read_document(repository, &document, summary.counts.parameters, identities, initial, each).await.outcome
}

/// As [`fold`], of a document that is known, which should hold so many `parameters`; says also what the stored object
/// measures, whether or not it could be opened.
pub async fn read_document<T: Send + 'static>(
    repository: &Arc<Repository>,
    document: &StoredDocument,
    parameters: u64,
    identities: &Identities,
    initial: T,
    mut each: impl FnMut(&mut T, ParameterRecord) -> ControlFlow<()> + Send + 'static,
) -> Reading<T> {
    let enough = Arc::new(AtomicBool::new(false));
    let (stop, key) = (enough.clone(), document.object.key.clone());
    let read = move |content: &mut dyn BufRead| {
        let mut state = initial;
        let each = |record| {
            let flow = each(&mut state, record);
            stop.store(flow.is_break(), Ordering::Relaxed);
            flow
        };
        let summary = document::read(content, each).map_err(|source| match source {
            DocumentError::Stopped => SnapshotError::Stopped,
            source => SnapshotError::Document { key: key.clone(), source },
        })?;
        match summary.parameter_count == parameters {
            true => Ok(state),
            false => Err(SnapshotError::Differs { key, part: DocumentPart::Parameters }),
        }
    };
    read_content(repository, document, identities, enough, read).await
}

/// Reads the content of a document to its end, as `read` wants it, on a blocking thread, and checks it against what is said of the
/// document. What was made of it counts only when this is [`Ok`].
///
/// When `read` gives it up with [`SnapshotError::Stopped`], the rest is downloaded only while `enough` is not set.
pub(crate) async fn read_content<T: Send + 'static>(
    repository: &Repository,
    document: &StoredDocument,
    identities: &Identities,
    enough: Arc<AtomicBool>,
    read: impl FnOnce(&mut dyn BufRead) -> Result<T, SnapshotError> + Send + 'static,
) -> Reading<T> {
    let (sender, receiver) = mpsc::channel(PIECES_WAITING);
    let (writer, mut content) = relay();
    let (opened, identities) = (document.clone(), identities.clone());
    let opening = spawn_blocking(move || {
        let content = document::decode(PieceReader::new(receiver), opened.is_sealed(), &identities)
            .map_err(|source| SnapshotError::Open { key: opened.object.key, source: Box::new(source) })?;
        let mut content = Measured::new(content);
        writer.pour(&mut content);
        let (_, size, digest) = content.finish();
        Ok(Measure { size, digest })
    });
    let key = document.object.key.clone();
    let reading = spawn_blocking(move || {
        if !content.begins() {
            return Err(SnapshotError::Interrupted);
        }
        let made = read(&mut content)?;
        io::copy(&mut content, &mut io::sink()).map_err(|source| SnapshotError::Unreadable { key, source })?;
        Ok(made)
    });
    let stored = download(repository, &document.object.key, sender, &enough).await;
    let read = reading.await.unwrap_or(Err(SnapshotError::Interrupted));
    let opened = opening.await.unwrap_or(Err(SnapshotError::Interrupted));
    // Where it could not be opened, there was nothing to read, and that says why.
    let read = opened.and_then(|content| read.map(|made| (made, content)));
    let differs = |part| SnapshotError::Differs { key: document.object.key.clone(), part };
    let stored = match stored {
        Ok(Some(stored)) => stored,
        Ok(None) => return Reading { stored: None, is_document: false, outcome: Err(SnapshotError::Stopped) },
        Err(error) => {
            return Reading {
                stored: None,
                is_document: false,
                outcome: Err(SnapshotError::Download(Box::new(error))),
            };
        }
    };
    let is_document = matches!(read, Ok(_) | Err(SnapshotError::Differs { .. }));
    let object = &document.object;
    let outcome = match read {
        Err(SnapshotError::Stopped) => Err(SnapshotError::Stopped),
        // That the bytes are others explains whatever went wrong with them.
        _ if stored.size != object.size => Err(differs(DocumentPart::Size)),
        _ if stored.digest != object.digest => Err(differs(DocumentPart::Digest)),
        Err(error) => Err(error),
        Ok((_, content)) if content.size != object.content_size => Err(differs(DocumentPart::ContentSize)),
        Ok((_, content)) if content.digest != object.content_digest => Err(differs(DocumentPart::ContentDigest)),
        Ok((made, _)) => Ok(made),
    };
    Reading { stored: Some(stored), is_document, outcome }
}

/// Opens the document of a snapshot, and reads nothing of it: whether one of `identities` opens it, as far as its beginning
/// tells.
///
/// # Errors
/// [`SnapshotError::Download`] and [`SnapshotError::Open`].
pub async fn probe(
    repository: &Arc<Repository>,
    summary: &ManifestSummary,
    identities: &Identities,
) -> Result<(), SnapshotError> {
    let lost = |error| SnapshotError::Download(Box::new(error));
    let document = repository.document(summary).await.map_err(lost)?;
    let (sender, receiver) = mpsc::channel(PIECES_WAITING);
    let (sealed, identities) = (document.is_sealed(), identities.clone());
    let opening = spawn_blocking(move || document::decode(PieceReader::new(receiver), sealed, &identities).map(drop));
    let stored = download(repository, &document.object.key, sender, &AtomicBool::new(true)).await;
    let opened = opening.await.map_err(|_| SnapshotError::Interrupted)?;
    stored.map_err(lost)?;
    opened.map_err(|source| SnapshotError::Open { key: document.object.key, source: Box::new(source) })
}

/// Downloads an object into the queue and measures it. When the reader ends early the rest is measured all the same, unless
/// that is `enough`: then there is no measure.
async fn download(
    repository: &Repository,
    key: &str,
    pieces: mpsc::Sender<Piece>,
    enough: &AtomicBool,
) -> Result<Option<Measure>, RepositoryError> {
    let mut measured = Measured::new(io::sink());
    let mut stream = std::pin::pin!(repository.download(key).await?);
    while let Some(bytes) = stream.try_next().await? {
        if pieces.send(Piece::Bytes(bytes.clone())).await.is_err() && enough.load(Ordering::Relaxed) {
            return Ok(None);
        }
        measured.write_all(&bytes).expect("a sink takes all bytes");
    }
    pieces.send(Piece::End).await.ok();
    let (_, size, digest) = measured.finish();
    Ok(Some(Measure { size, digest }))
}
