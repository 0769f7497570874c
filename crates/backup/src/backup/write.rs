//! The writing half of a backup: records in, data object out. Runs on a thread of its own, because it computes.

use tokio::sync::mpsc;

use super::BackupError;
use crate::collect::Collected;
use crate::document::{DocumentHeader, Encoded, Encoder};
use crate::field::FieldFingerprinter;
use crate::fingerprint::FingerprintKey;
use crate::manifest::{Counts, ParameterEntry};
use crate::repository::Upload;
use crate::seal::Sealer;

/// A data object that is written and not yet closed.
pub(super) struct Written {
    pub(super) upload: Upload,
    pub(super) encoded: Encoded,
    pub(super) parameters: Vec<ParameterEntry>,
    pub(super) counts: Counts,
}

/// Writes what comes until there is no more. Blocks.
pub(super) fn write(
    upload: Upload,
    header: &DocumentHeader,
    sealer: Option<&Sealer>,
    fingerprints: &FingerprintKey,
    mut records: mpsc::Receiver<Vec<Collected>>,
) -> Result<Written, BackupError> {
    let mut encoder = Encoder::new(upload, header, sealer)?;
    let mut parameters = Vec::new();
    let mut counts = Counts::default();
    let mut fields_of = FieldFingerprinter::new(fingerprints);
    while let Some(chunk) = records.blocking_recv() {
        for collected in chunk {
            encoder.write(&collected.record)?;
            count(&mut counts, &collected);
            let Collected { record, metadata, .. } = collected;
            let fields = fields_of.of(&record);
            parameters.push(ParameterEntry {
                fingerprint: fingerprints.value(&record.value),
                name: record.name,
                parameter_type: record.parameter_type,
                version: record.version,
                last_modified_date: record.last_modified_date,
                metadata,
                fields: Some(fields),
            });
        }
    }
    let (upload, encoded) = encoder.finish()?;
    Ok(Written { upload, encoded, parameters, counts })
}

/// Adds one parameter to the counts.
pub(super) fn count(counts: &mut Counts, collected: &Collected) {
    counts.parameters += 1;
    counts.versions += 1 + collected.record.history.as_ref().map_or(0, |history| history.len() as u64);
    counts.reused += u64::from(collected.reused);
}
