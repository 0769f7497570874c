//! The main job: a snapshot of one target.
//!
//! Owns the order of things: read the chain's head, collect into the encoder, close the data object, commit. What is read is
//! [`collect`](crate::collect)'s, what is stored [`document`](crate::document)'s and [`manifest`](crate::manifest)'s, where
//! [`repository`](crate::repository)'s.

mod error;
mod gather;
mod previous;
mod write;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use parados_parameter::decorator::metered::CallMeter;
use parados_parameter::{Clock, ParameterName, Selector, SharedStore};
use tokio::sync::mpsc;
use tokio::time::Instant;

pub use self::error::BackupError;
use self::gather::Gathered;
use crate::collect::{CollectOutcome, CollectRequest, Collected, PreviousRecords, collect};
use crate::document::{DocumentHeader, EncodeError};
use crate::event::{Event, Observer};
use crate::fingerprint::FingerprintKey;
use crate::manifest::{Counts, DocumentObject, ManifestDraft, ManifestError, Purpose, SnapshotId};
use crate::report::BackupReport;
use crate::repository::{ReadManifest, Repository, RepositoryError};
use crate::seal::{Identities, Sealer};
use crate::signature::SigningKey;
use crate::target::Target;
use crate::verdict::Verdict;

/// Chunks of records that wait for the encoder at most.
const CHUNKS_WAITING: usize = 4;
/// How far the newest snapshot may lie in the future before the clock is not believed, in seconds.
const CLOCK_TOLERANCE_SECONDS: i64 = 300;

/// What a backup works with.
#[derive(Debug)]
pub struct BackupContext {
    /// What is backed up, with its decorators around it.
    pub store: SharedStore,
    /// Counts the calls that `store` makes.
    pub meter: Arc<CallMeter>,
    /// Where snapshots go.
    pub repository: Arc<Repository>,
    /// Signs the manifest.
    pub signing_key: SigningKey,
    /// Seals the document; without one it is stored as plain JSON.
    pub sealer: Option<Sealer>,
    /// Open the previous snapshot, so that what did not change is not read again. May be empty.
    pub identities: Identities,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// What the manifest names as its writer: `parados 0.1.0`.
    pub tool: String,
}

/// What to back up.
#[derive(Clone, Debug)]
pub struct BackupRequest {
    /// What it is of.
    pub target: Target,
    /// What it is for, where it is no ordinary backup.
    pub purpose: Option<Purpose>,
    /// Which parameters.
    pub selector: Selector,
    /// Of these only those of these names; all where it is absent.
    pub names: Option<Arc<BTreeSet<ParameterName>>>,
    /// The selector in words, for the manifest.
    pub selector_text: String,
    /// The id of the snapshot to make; random.
    pub id: SnapshotId,
    /// All versions, rather than the newest one and those that bear a label.
    pub with_history: bool,
    /// The labels, which on AWS cost a call for each parameter that is read.
    pub with_labels: bool,
    /// Read everything, rather than what changed since the previous snapshot.
    pub full: bool,
    /// Read and report, and write nothing.
    pub dry_run: bool,
}

/// Backs up one target. Everything that can go wrong is in the report: its verdict is [`Verdict::Failed`] and nothing was
/// committed, or [`Verdict::Partial`] and the report names what is missing.
///
/// Dropping the future before it ends commits nothing, unless the manifest was already on its way.
pub async fn backup(context: &BackupContext, request: &BackupRequest, observer: &dyn Observer) -> BackupReport {
    let started_at = context.clock.now();
    let begun = Instant::now();
    let location = context.repository.location().to_owned();
    let mut report = BackupReport::failed(request.target.clone(), location, started_at);
    report.dry_run = request.dry_run;
    let observer = &NoticeThrottles { observer, meter: &context.meter, said: AtomicU64::new(0) };
    match (Run { context, request, observer, started_at }).run(&mut report).await {
        Ok(verdict) => report.verdict = verdict,
        Err(error) => {
            report.verdict = Verdict::Failed;
            report.hints.extend(error.hints());
            report.error = Some(error.chain());
        }
    }
    report.calls = context.meter.total();
    report.calls_by_operation = context
        .meter
        .by_operation()
        .into_iter()
        .map(|(operation, calls)| (operation.name().to_owned(), calls))
        .collect();
    report.throttles = context.meter.throttles();
    report.seconds = begun.elapsed().as_secs_f64();
    observer.event(&Event::Finished { target: request.target.clone(), verdict: report.verdict });
    report
}

/// Passes events on, and says when calls were throttled since the last one.
struct NoticeThrottles<'a> {
    observer: &'a dyn Observer,
    meter: &'a CallMeter,
    said: AtomicU64,
}

impl Observer for NoticeThrottles<'_> {
    fn event(&self, event: &Event) {
        let throttles = self.meter.throttles();
        if self.said.swap(throttles, Ordering::Relaxed) < throttles {
            self.observer.event(&Event::Throttled { throttles });
        }
        self.observer.event(event);
    }
}

/// One run of a backup.
struct Run<'a> {
    context: &'a BackupContext,
    request: &'a BackupRequest,
    observer: &'a dyn Observer,
    started_at: Timestamp,
}

impl Run<'_> {
    /// Fills in the report as it goes, so that a failure says how far it came.
    async fn run(&self, report: &mut BackupReport) -> Result<Verdict, BackupError> {
        let Self { context, request, .. } = self;
        let head = match context.repository.head(&request.target).await {
            Ok(head) => head,
            // A damaged head stops no backup: the chain goes on from its bytes, and everything is read.
            Err(RepositoryError::Manifest { key, source, .. })
                if !matches!(source, ManifestError::NewerFormat { .. }) =>
            {
                report.hints.push(format!("the newest manifest, {key}, is damaged, so everything was read: {source}"));
                None
            }
            Err(error) => return Err(error.into()),
        };
        self.check_clock(head.as_ref())?;
        let fingerprints = Arc::new(context.signing_key.fingerprint_key(&context.repository.id()));
        let previous = match head.filter(|_| !request.full) {
            None => None,
            Some(head) => previous::open(context, request, head, &fingerprints).await.unwrap_or_else(|reason| {
                report.hints.push(format!("everything was read, because the previous snapshot is of no use: {reason}"));
                None
            }),
        };
        self.observer.event(&Event::Started {
            target: request.target.clone(),
            at: self.started_at,
            previous: previous.as_ref().map(|previous| previous.id.clone()),
        });
        let sealed = context.sealer.is_some();
        let environment = &request.target.environment;
        let (key, begun_at) = context.repository.free_data_key(environment, self.started_at, sealed).await?;
        report.key = Some(key.clone());

        if request.dry_run {
            let (outcome, count) = match self.collect_only(&fingerprints, previous).await {
                Err(BackupError::Previous(reason)) => {
                    report.hints.push(read_again(&reason));
                    self.collect_only(&fingerprints, None).await?
                }
                outcome => outcome?,
            };
            report.parameter_count = count.parameters;
            report.version_count = count.versions;
            report.reused = count.reused;
            return Ok(conclude(report, outcome, count.parameters, &request.selector_text));
        }

        context.repository.check_begun().await?;
        let gathered = self.gather(report, (key, begun_at), fingerprints, previous).await?;
        let Gathered { verdict, key, encoded, parameters, counts, fingerprints } = match gathered {
            Ok(gathered) => gathered,
            Err(verdict) => return Ok(verdict),
        };
        report.key = Some(key.clone());
        report.content_bytes = encoded.content_size;
        report.bytes = encoded.size;
        let draft = ManifestDraft {
            id: request.id,
            target: request.target.clone(),
            purpose: request.purpose,
            tool: context.tool.clone(),
            started_at: self.started_at,
            finished_at: context.clock.now(),
            verdict,
            with_history: request.with_history,
            with_labels: request.with_labels,
            counts: Counts { missing: report.missing.len() as u64, ..counts },
            document: DocumentObject {
                key: key.clone(),
                size: encoded.size,
                digest: encoded.digest,
                content_size: encoded.content_size,
                content_digest: encoded.content_digest,
            },
            recipients: self.recipients(),
            fingerprint_key: fingerprints.id().clone(),
            selector: request.selector_text.clone(),
            missing: report.missing.clone(),
            parameters,
        };
        store_fingerprint_key(&context.repository, &fingerprints, context.sealer.as_ref()).await?;
        let committed = context.repository.commit(draft, &context.signing_key).await?;
        if let Some(damage) = &committed.damaged_previous {
            report
                .hints
                .push(format!("the manifest before this one is damaged, and the chain goes on from it: {damage}"));
        }
        report.snapshot = Some(committed.summary.id.to_string());
        report.sequence = Some(committed.summary.sequence);
        report.manifest_digest = Some(committed.digest);
        self.observer.event(&Event::Committed {
            snapshot: committed.summary.id.to_string(),
            key: key.clone(),
            bytes: encoded.size,
        });
        if request.purpose.is_some() {
            return Ok(verdict);
        }
        if let Err(error) = context.repository.write_latest(&key).await {
            // The snapshot stands; only the hint is old.
            report.hints.push(format!("latest.txt could not be written, and names an older snapshot: {error}"));
        }
        Ok(verdict)
    }

    /// A clock that is behind the newest snapshot would number time backwards.
    fn check_clock(&self, head: Option<&ReadManifest>) -> Result<(), BackupError> {
        match head.map(|head| head.manifest.summary.started_at) {
            Some(newest) if newest.as_second() > self.started_at.as_second() + CLOCK_TOLERANCE_SECONDS => {
                Err(BackupError::Clock { now: self.started_at, newest })
            }
            _ => Ok(()),
        }
    }

    fn recipients(&self) -> Vec<String> {
        let sealer = self.context.sealer.as_ref();
        sealer.map(|sealer| sealer.recipients().iter().map(ToString::to_string).collect()).unwrap_or_default()
    }

    fn header(&self, begun_at: Timestamp) -> DocumentHeader {
        let target = &self.request.target;
        DocumentHeader {
            project: Some(target.project.clone()),
            account: Some(target.account.clone()),
            region: Some(target.region.clone()),
            snapshot: Some(self.request.id.to_string()),
            tool: Some(self.context.tool.clone()),
            ..DocumentHeader::new(&target.environment, begun_at)
        }
    }

    fn collect_request(&self) -> CollectRequest {
        CollectRequest {
            selector: self.request.selector.clone(),
            names: self.request.names.clone(),
            with_history: self.request.with_history,
            with_labels: self.request.with_labels,
        }
    }

    /// Collects and counts, for a dry run.
    async fn collect_only(
        &self,
        fingerprints: &FingerprintKey,
        previous: Option<PreviousRecords>,
    ) -> Result<(CollectOutcome, Counts), BackupError> {
        let (sink, mut records) = mpsc::channel::<Vec<Collected>>(CHUNKS_WAITING);
        let count = async {
            let mut counts = Counts::default();
            while let Some(chunk) = records.recv().await {
                chunk.iter().for_each(|collected| write::count(&mut counts, collected));
            }
            counts
        };
        let collecting = async {
            let request = self.collect_request();
            let outcome = collect(&self.context.store, &request, fingerprints, previous, self.observer, &sink).await;
            drop(sink);
            outcome
        };
        let (outcome, counts) = futures::join!(collecting, count);
        Ok((outcome?, counts))
    }
}

/// A copy of the fingerprints' key for whoever can open snapshots, once for each set of recipients.
pub(crate) async fn store_fingerprint_key(
    repository: &Repository,
    fingerprints: &FingerprintKey,
    sealer: Option<&Sealer>,
) -> Result<(), BackupError> {
    // In the clear, it would say of every sealed snapshot whether a guess at a value is right.
    let Some(sealer) = sealer.cloned() else { return Ok(()) };
    let recipients: Vec<_> = sealer.recipients().iter().map(ToString::to_string).collect();
    if repository.has_key(fingerprints.id(), &recipients).await? {
        return Ok(());
    }
    let stored = fingerprints.to_stored();
    let seal = move || -> Result<Vec<u8>, EncodeError> {
        let mut sealed = sealer.wrap(Vec::new())?;
        sealed.write_all(&stored)?;
        Ok(sealed.finish()?)
    };
    let sealed = tokio::task::spawn_blocking(seal).await.map_err(|_| BackupError::Interrupted)??;
    repository.store_key(fingerprints.id(), &recipients, sealed.into()).await?;
    Ok(())
}

fn read_again(reason: &str) -> String {
    format!("everything was read again, because the previous snapshot could not be used: {reason}")
}

/// The verdict, and what goes with it into the report.
fn conclude(report: &mut BackupReport, outcome: CollectOutcome, parameters: u64, selector: &str) -> Verdict {
    report.missing = outcome.missing;
    match (outcome.matched, parameters) {
        (0, _) => {
            report.hints.push(format!(
                "nothing there matches the selector ({selector}): check the environment's name, the account and the Region, and the \
                 selector; `parados parameter list` shows what is there"
            ));
            Verdict::NothingMatched
        }
        (_, 0) => {
            report.error = Some("not one of the parameters that matched could be read".to_owned());
            Verdict::Failed
        }
        _ if report.missing.is_empty() => Verdict::Complete,
        _ => Verdict::Partial,
    }
}

#[cfg(test)]
mod tests;
