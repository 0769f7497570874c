//! From records to stored bytes and back: JSON, zstd, age.

use std::io::{self, BufRead, BufReader, Write};

use thiserror::Error;
use zstd::stream::{raw, zio};
use zstd::zstd_safe::CParameter;

use super::digest::{Digest, Measured};
use super::header::DocumentHeader;
use super::record::ParameterRecord;
use super::writer::Writer;
use super::zeroed::ZeroedReader;
use crate::seal::{Identities, OpenError, SealError, SealedWriter, Sealer};

/// The level of zstd that documents are compressed at. At 3, zstd's default, a document of settings is 2% smaller and costs more than
/// twice the CPU; one of random secrets is no smaller.
pub const COMPRESSION_LEVEL: i32 = 1;
/// zstd's block, so that age gets its chunks of 64 KiB whole.
const COMPRESSED_BUFFER_BYTES: usize = 128 * 1024;
/// The largest window that is read: 8 MiB, four times that of zstd's default level. A frame that asks for more is refused, so that no
/// stored bytes can make a reader take gigabytes.
const MAX_WINDOW_LOG: u32 = 23;

/// A document that could not be written.
#[derive(Debug, Error)]
pub enum EncodeError {
    /// It could not be sealed to its recipients.
    #[error("sealing the document")]
    Seal(#[from] SealError),
    /// Its bytes could not be written to where they go.
    #[error("writing the document")]
    Write(#[from] io::Error),
}

/// What was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// How many parameters the document holds.
    pub parameter_count: u64,
    /// The size of the document itself, in bytes.
    pub content_size: u64,
    /// The digest of the document itself.
    pub content_digest: Digest,
    /// The size of the stored bytes.
    pub size: u64,
    /// The digest of the stored bytes. That of the document itself where it is not sealed.
    pub digest: Digest,
}

/// Writes one document as it is stored: compressed and sealed, or, without a sealer, as plain JSON.
///
/// Blocking, and CPU-bound: it belongs into `spawn_blocking`. Memory is a few buffers, however large the document.
#[derive(Debug)]
pub struct Encoder<W: Write> {
    writer: Writer<ContentEncoder<W>>,
}

/// What was stored, of a document that was not looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodedContent {
    /// The size of the document itself, in bytes.
    pub content_size: u64,
    /// The digest of the document itself.
    pub content_digest: Digest,
    /// The size of the stored bytes.
    pub size: u64,
    /// The digest of the stored bytes.
    pub digest: Digest,
}

/// Writes the bytes of a document as they are stored: compressed and sealed, or, without a sealer, as they are. Blocking, and CPU-bound.
#[derive(Debug)]
pub struct ContentEncoder<W: Write>(Measured<Stored<W>>);

impl<W: Write> ContentEncoder<W> {
    /// Begins one. As [`Encoder::new`].
    ///
    /// # Errors
    /// As [`Encoder::new`].
    ///
    /// # Panics
    /// As [`Sealer::wrap`] where there is a KMS recipient.
    pub fn new(inner: W, sealer: Option<&Sealer>) -> Result<Self, EncodeError> {
        let stored = match sealer {
            None => Stored::Plain(inner),
            Some(sealer) => Stored::Sealed(Box::new(compress(sealer.wrap(Measured::new(inner))?)?)),
        };
        Ok(Self(Measured::new(stored)))
    }

    /// Ends it, and gives the inner writer back with what was stored.
    ///
    /// # Errors
    /// Those of the inner writer; what was written is to be thrown away then.
    pub fn finish(self) -> io::Result<(W, EncodedContent)> {
        let (stored, content_size, content_digest) = self.0.finish();
        let (inner, size, digest) = match stored {
            Stored::Plain(inner) => (inner, content_size, content_digest),
            Stored::Sealed(compressed) => compressed.finish()?.finish()?.finish(),
        };
        Ok((inner, EncodedContent { content_size, content_digest, size, digest }))
    }
}

impl<W: Write> Write for ContentEncoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Write> Encoder<W> {
    /// Begins a document, sealed with `sealer`. Sealing to a KMS key calls the key management service here, once a key.
    ///
    /// # Errors
    /// [`EncodeError::Seal`] when a recipient's key cannot be used, [`EncodeError::Write`] when `inner` fails.
    ///
    /// # Panics
    /// As [`Sealer::wrap`] where there is a KMS recipient.
    pub fn new(inner: W, header: &DocumentHeader, sealer: Option<&Sealer>) -> Result<Self, EncodeError> {
        Ok(Self { writer: Writer::new(ContentEncoder::new(inner, sealer)?, header)? })
    }

    /// Adds a parameter.
    ///
    /// # Errors
    /// Those of the inner writer; what was written is to be thrown away then.
    pub fn write(&mut self, record: &ParameterRecord) -> io::Result<()> {
        self.writer.write(record)
    }

    /// Ends the document, and gives the inner writer back with what was stored.
    ///
    /// # Errors
    /// Those of the inner writer; what was written is to be thrown away then.
    pub fn finish(self) -> io::Result<(W, Encoded)> {
        let (content, parameter_count) = self.writer.finish()?;
        let (inner, EncodedContent { content_size, content_digest, size, digest }) = content.finish()?;
        Ok((inner, Encoded { parameter_count, content_size, content_digest, size, digest }))
    }
}

/// Reads a stored document: what this gives is for [`read`](super::read()). `sealed` is whether it is compressed and sealed, which
/// its key says (`.json.zst.age` or `.json`).
///
/// # Errors
/// [`OpenError`] when it is sealed and none of `identities` opens it, or is no sealed document at all.
///
/// # Panics
/// As [`Identities::open`].
pub fn decode<'r>(
    reader: impl BufRead + Send + 'r,
    sealed: bool,
    identities: &Identities,
) -> Result<Box<dyn BufRead + Send + 'r>, OpenError> {
    if !sealed {
        return Ok(Box::new(reader));
    }
    let opened = BufReader::with_capacity(COMPRESSED_BUFFER_BYTES, identities.open(reader)?);
    let mut decompressed = zstd::Decoder::with_buffer(opened).map_err(OpenError::Read)?;
    decompressed.window_log_max(MAX_WINDOW_LOG).map_err(OpenError::Read)?;
    Ok(Box::new(ZeroedReader::new(decompressed)))
}

fn compress<W: Write>(inner: W) -> io::Result<zstd::Encoder<'static, W>> {
    let mut encoder = raw::Encoder::new(COMPRESSION_LEVEL)?;
    encoder.set_parameter(CParameter::ChecksumFlag(true))?;
    Ok(zstd::Encoder::with_writer(zio::Writer::new_with_capacity(inner, encoder, COMPRESSED_BUFFER_BYTES)))
}

/// The stages between the document and where it goes.
enum Stored<W: Write> {
    Plain(W),
    Sealed(Box<zstd::Encoder<'static, SealedWriter<Measured<W>>>>),
}

impl<W: Write> std::fmt::Debug for Stored<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain",
            Self::Sealed(_) => "Sealed",
        })
    }
}

impl<W: Write> Write for Stored<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(inner) => inner.write(bytes),
            Self::Sealed(inner) => inner.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(inner) => inner.flush(),
            Self::Sealed(inner) => inner.flush(),
        }
    }
}
