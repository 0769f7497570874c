//! The computing half of an import: bytes in, data object and manifest entries out.

use std::io::Write as _;
use std::ops::ControlFlow;

use crate::backup::BackupError;
use crate::document::{self, ContentEncoder, EncodedContent};
use crate::field::FieldFingerprinter;
use crate::fingerprint::{Fingerprint, FingerprintKey};
use crate::manifest::ParameterEntry;
use crate::repository::Upload;
use crate::seal::Sealer;

/// A data object that is written and not yet closed.
pub(super) struct Written {
    pub(super) upload: Upload,
    pub(super) encoded: EncodedContent,
    pub(super) parameters: Vec<ParameterEntry>,
    pub(super) versions: u64,
}

/// Writes a document as it is. Blocks.
pub(super) fn write(
    upload: Upload,
    bytes: &[u8],
    sealer: Option<&Sealer>,
    fingerprints: &FingerprintKey,
) -> Result<Written, BackupError> {
    let (mut parameters, mut versions) = (Vec::new(), 0);
    let mut fields_of = FieldFingerprinter::new(fingerprints);
    document::read(bytes, |record| {
        versions += 1 + record.history.as_ref().map_or(0, |history| history.len() as u64);
        let fields = fields_of.of(&record);
        parameters.push(ParameterEntry {
            fingerprint: fingerprints.value(&record.value),
            name: record.name,
            parameter_type: record.parameter_type,
            version: record.version,
            last_modified_date: record.last_modified_date,
            // What the listing said then is not known. Nothing is taken over from an import, so nothing compares it.
            metadata: Fingerprint::from_bytes([0; 16]),
            fields: Some(fields),
        });
        ControlFlow::Continue(())
    })
    .map_err(|error| BackupError::Document(error.to_string()))?;
    let mut encoder = ContentEncoder::new(upload, sealer)?;
    encoder.write_all(bytes)?;
    let (upload, encoded) = encoder.finish()?;
    Ok(Written { upload, encoded, parameters, versions })
}
