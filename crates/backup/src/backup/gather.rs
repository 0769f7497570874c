//! Everything is read, and written as a data object, which nothing names yet.
//!
//! Owns what a first backup does when another one makes the repository meanwhile. What is read is [`collect`]'s, how it is written
//! [`write`](super::write)'s.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::write::{self, Written};
use super::{BackupError, CHUNKS_WAITING, Run, conclude, read_again};
use crate::collect::{CollectOutcome, PreviousRecords, collect};
use crate::document::Encoded;
use crate::fingerprint::FingerprintKey;
use crate::manifest::{Counts, ParameterEntry};
use crate::report::BackupReport;
use crate::verdict::Verdict;

/// What is said when two first backups met.
const MADE_MEANWHILE: &str = "another backup made the repository meanwhile, so everything was read again: what is kept of each parameter depends on its id";

/// A data object that is written, and what its manifest is made of.
pub(super) struct Gathered {
    pub(super) verdict: Verdict,
    pub(super) key: String,
    pub(super) encoded: Encoded,
    pub(super) parameters: Vec<ParameterEntry>,
    pub(super) counts: Counts,
    pub(super) fingerprints: Arc<FingerprintKey>,
}

impl Run<'_> {
    /// Reads everything and writes the data object. With an id of the repository that stays: the key of the fingerprints is derived
    /// from it. Where nothing is to be committed, nothing was written, and the verdict says why.
    pub(super) async fn gather(
        &self,
        report: &mut BackupReport,
        mut place: (String, Timestamp),
        mut fingerprints: Arc<FingerprintKey>,
        mut previous: Option<PreviousRecords>,
    ) -> Result<Result<Gathered, Verdict>, BackupError> {
        let repository = &self.context.repository;
        loop {
            let (outcome, written) =
                match self.collect_and_write((&place.0, place.1), &fingerprints, previous.take()).await {
                    Err(BackupError::Previous(reason)) => {
                        report.hints.push(read_again(&reason));
                        self.collect_and_write((&place.0, place.1), &fingerprints, None).await?
                    }
                    outcome => outcome?,
                };
            let verdict = self.conclude_written(report, outcome, &written);
            let is_same = match verdict.is_committed() {
                true => repository.look_again().await,
                false => {
                    written.upload.abort().await;
                    return Ok(Err(verdict));
                }
            };
            let Written { upload, encoded, parameters, counts } = written;
            if !matches!(is_same, Ok(true)) {
                upload.abort().await;
                is_same?;
            } else {
                // Another process may have taken the key since it was free.
                let key = upload.finish().await?.key;
                if repository.establish().await? {
                    return Ok(Ok(Gathered { verdict, key, encoded, parameters, counts, fingerprints }));
                }
            }
            report.hints.push(MADE_MEANWHILE.into());
            fingerprints = Arc::new(self.context.signing_key.fingerprint_key(&repository.id()));
            let sealed = self.context.sealer.is_some();
            place = repository.free_data_key(&self.request.target.environment, self.started_at, sealed).await?;
        }
    }

    /// The verdict, and what was written goes into the report.
    fn conclude_written(&self, report: &mut BackupReport, outcome: CollectOutcome, written: &Written) -> Verdict {
        report.parameter_count = written.counts.parameters;
        report.version_count = written.counts.versions;
        report.reused = written.counts.reused;
        conclude(report, outcome, written.counts.parameters, &self.request.selector_text)
    }

    /// Collects into the encoder, which runs on a thread of its own, up to but not including the close of the data object.
    async fn collect_and_write(
        &self,
        (key, begun_at): (&str, Timestamp),
        fingerprints: &Arc<FingerprintKey>,
        previous: Option<PreviousRecords>,
    ) -> Result<(CollectOutcome, Written), BackupError> {
        let (sink, records) = mpsc::channel(CHUNKS_WAITING);
        let upload = self.context.repository.upload(key)?;
        let (header, sealer, key) = (self.header(begun_at), self.context.sealer.clone(), fingerprints.clone());
        let writer = tokio::task::spawn_blocking(move || write::write(upload, &header, sealer.as_ref(), &key, records));
        let collected =
            collect(&self.context.store, &self.collect_request(), fingerprints, previous, self.observer, &sink).await;
        drop(sink);
        let written = writer.await.map_err(|_| BackupError::Interrupted)?;
        // When both failed, the writer did first: the collector only noticed that nobody takes its records.
        match (collected, written) {
            (_, Err(error)) => Err(error),
            (Err(error), Ok(written)) => {
                written.upload.abort().await;
                Err(error.into())
            }
            (Ok(outcome), Ok(written)) => Ok((outcome, written)),
        }
    }
}
