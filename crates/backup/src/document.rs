//! The document of a snapshot: JSON with the AWS CLI's own field names, one parameter a line, and how it is stored.
//!
//! This module owns the format ([`ParameterRecord`], [`DocumentHeader`], [`Writer`], [`read`]) and the chain from records to
//! stored bytes and back ([`Encoder`], [`decode`]): JSON, zstd, age, digests. FORMAT.md is its normative text. It does not
//! own who can open it ([`seal`](crate::seal)) nor where it is kept ([`repository`](crate::repository)).
//!
//! # Where values are in memory
//! A value is in a [`Secret`](parados_parameter::Secret) in a record, and in the buffers of [`Writer`] and of what [`decode`] gives of
//! a sealed document, all of which are zeroed. It is also, and there it is not zeroed, in the scratch buffer of the JSON reader
//! where it has escapes, inside of zstd (its window, its tables and, when reading, its output) and in the chunk of 64 KiB that age
//! seals next: those belong to libraries that have no way to zero them.

mod date;
mod digest;
mod encode;
mod header;
mod reader;
mod record;
mod writer;
mod written;
mod zeroed;

pub use digest::{Digest, Measured, ParseDigestError};
pub use encode::{COMPRESSION_LEVEL, ContentEncoder, EncodeError, Encoded, EncodedContent, Encoder, decode};
pub use header::{DocumentHeader, FORMAT_VERSION};
pub use reader::{DocumentError, DocumentSummary, read};
pub use record::{HistoryRecord, ParameterRecord};
pub use writer::Writer;
