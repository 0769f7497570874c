//! Seals the snapshots of a plan again.

use std::io::{self, BufRead, Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use futures::{StreamExt as _, stream};
use schemars::JsonSchema;
use serde::Serialize;
use thiserror::Error;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use super::plan::parsed;
use super::{PlannedReseal, ResealContext, ResealPlan};
use crate::document::{ContentEncoder, EncodeError, EncodedContent};
use crate::event::{Event, Observer};
use crate::fingerprint::FingerprintKey;
use crate::manifest::{DocumentObject, ManifestSummary};
use crate::report::chain;
use crate::repository::{AmendmentDraft, Repository, RepositoryError, StoredDocument, Upload};
use crate::seal::{SealError, Sealer};
use crate::snapshot::{Measure, SnapshotError, read_content};
use crate::target::Target;
use crate::verdict::Verdict;

/// How many snapshots are sealed at once.
const SEALED_AT_ONCE: usize = 2;

/// What sealing again did.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ResealReport {
    /// `complete` when all that was planned was done and nothing was refused, `partial` when some was, `failed` when none was.
    pub verdict: Verdict,
    /// Each that was planned, oldest first.
    pub snapshots: Vec<Resealed>,
    /// How many were sealed as they should be.
    pub unchanged: u64,
    /// How many were refused by the plan.
    pub refused: u64,
    /// Objects that were replaced and stay, each openable by whom it was sealed to.
    pub replaced: Vec<String>,
    /// What else there is to say, one line each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

/// What became of one snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Resealed {
    /// Its id.
    pub snapshot: String,
    /// What it is of.
    pub target: Target,
    /// What became of it.
    pub outcome: ResealOutcome,
    /// Who can open it now.
    pub recipients: Vec<String>,
    /// The object that it is in now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whether the new object was opened again. Otherwise only its bytes were read back: no identity here opens it.
    pub opened: bool,
    /// Why it was not sealed again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What became of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ResealOutcome {
    /// It is sealed to whom it should be.
    Sealed,
    /// It is as it was.
    Failed,
}

/// Why a snapshot was not sealed again. It is as readable as it was.
#[derive(Debug, Error)]
enum ResealError {
    #[error("the repository could not be used")]
    Repository(#[source] Box<RepositoryError>),
    #[error("its document could not be read")]
    Read(#[source] SnapshotError),
    #[error("it could not be sealed")]
    Seal(#[from] EncodeError),
    #[error("it could not be sealed")]
    Recipients(#[from] SealError),
    #[error("its new object does not open to what was sealed into it")]
    ReadBack(#[source] SnapshotError),
    #[error("its new object could not be written")]
    Write(#[source] io::Error),
    #[error("somebody else sealed it again meanwhile")]
    Meanwhile,
    #[error("one of its recipients is not known")]
    UnknownRecipient,
    #[error("it was interrupted")]
    Interrupted,
}

impl From<RepositoryError> for ResealError {
    fn from(error: RepositoryError) -> Self {
        Self::Repository(Box::new(error))
    }
}

/// What was made of one.
struct Sealed {
    key: String,
    replaced: String,
    opened: bool,
    hint: Option<String>,
}

/// Does what the plan says. What goes wrong with one snapshot is in the report, and stops no other.
pub async fn apply(context: &ResealContext, plan: &ResealPlan, observer: &dyn Observer) -> ResealReport {
    observer.event(&Event::SnapshotsFound { snapshots: plan.snapshots.len() as u64 });
    let mut report = ResealReport {
        verdict: Verdict::NothingMatched,
        snapshots: Vec::with_capacity(plan.snapshots.len()),
        unchanged: plan.unchanged,
        refused: plan.refused.len() as u64,
        replaced: Vec::new(),
        hints: Vec::new(),
    };
    let sealing = stream::iter(&plan.snapshots).map(|planned| async move { (planned, one(context, planned).await) });
    let mut sealing = std::pin::pin!(sealing.buffered(SEALED_AT_ONCE));
    while let Some((planned, outcome)) = sealing.next().await {
        let bytes = if outcome.is_ok() { planned.bytes } else { 0 };
        observer.event(&Event::SnapshotDone { snapshot: planned.snapshot.clone(), bytes });
        report.add(planned, outcome);
    }
    report.conclude()
}

impl ResealReport {
    fn add(&mut self, planned: &PlannedReseal, outcome: Result<Sealed, ResealError>) {
        let mut one = Resealed {
            snapshot: planned.snapshot.clone(),
            target: planned.target.clone(),
            outcome: ResealOutcome::Failed,
            recipients: planned.from.clone(),
            key: None,
            opened: false,
            reason: None,
        };
        match outcome {
            Ok(sealed) => {
                (one.outcome, one.opened) = (ResealOutcome::Sealed, sealed.opened);
                (one.key, one.recipients) = (Some(sealed.key), planned.to.clone());
                self.replaced.push(sealed.replaced);
                self.hints.extend(sealed.hint.filter(|hint| !self.hints.contains(hint)));
            }
            Err(error) => one.reason = Some(chain(&error)),
        }
        self.snapshots.push(one);
    }

    fn conclude(mut self) -> Self {
        let done = self.snapshots.iter().filter(|one| one.outcome == ResealOutcome::Sealed).count();
        let wrong = (self.snapshots.len() - done) as u64 + self.refused;
        self.verdict = match (done, wrong, self.unchanged) {
            (0, 0, 0) => Verdict::NothingMatched,
            (_, 0, _) => Verdict::Complete,
            (0, _, 0) => Verdict::Failed,
            _ => Verdict::Partial,
        };
        self
    }
}

async fn one(context: &ResealContext, planned: &PlannedReseal) -> Result<Sealed, ResealError> {
    let repository = &context.repository;
    let read = repository.read_manifest(&planned.manifest).await?;
    repository.check_trusted(&read)?;
    let summary = read.manifest.summary;
    // Asked before the document is: of two who seal it again at once, one is refused.
    let number = repository.next_amendment(&summary).await?;
    let document = repository.document(&summary).await?;
    if document.recipients != planned.from {
        return Err(ResealError::Meanwhile);
    }
    let recipients = parsed(&planned.to).ok_or(ResealError::UnknownRecipient)?;
    let sealer = Sealer::new(recipients.iter().cloned(), context.key_management.clone())?;
    let object = seal(context, &summary, &document, sealer.clone()).await?;
    let new = StoredDocument { object: object.clone(), recipients: planned.to.clone(), amended_by: Some(number) };
    let opened = context.identities.fit(&recipients);
    read_back(context, &new, opened).await?;
    let hint = fingerprint_key(context, &summary, &planned.to, sealer).await?;
    let draft = AmendmentDraft {
        number,
        manifest_digest: read.digest,
        document: object,
        recipients: planned.to.clone(),
        at: context.clock.now(),
        tool: context.tool.clone(),
    };
    match repository.amend(&summary, draft, &context.signing_key).await {
        Err(RepositoryError::AlreadyExists { .. }) => return Err(ResealError::Meanwhile),
        outcome => outcome?,
    };
    Ok(Sealed { key: new.object.key, replaced: document.object.key, opened, hint })
}

/// Opens the document, checks it, and seals it into a new object, which is there when this returns.
async fn seal(
    context: &ResealContext,
    summary: &ManifestSummary,
    document: &StoredDocument,
    sealer: Sealer,
) -> Result<DocumentObject, ResealError> {
    let upload = context.repository.upload(&Repository::resealed_key(summary, rand::random()))?;
    let (failed, why) = mpsc::channel();
    let enough = Arc::new(AtomicBool::new(false));
    let (stop, key) = (enough.clone(), document.object.key.clone());
    let pour = move |content: &mut dyn BufRead| {
        pour(content, upload, &sealer, &key).map_err(|error| {
            stop.store(true, Ordering::Relaxed);
            match error {
                ResealError::Read(error) => error,
                error => {
                    // Nobody listens where the task has gone.
                    let _ = failed.send(error);
                    SnapshotError::Stopped
                }
            }
        })
    };
    let reading = read_content(&context.repository, document, &context.identities, enough, pour).await;
    let (upload, stored) = match (reading.outcome, why.try_recv()) {
        (Ok(made), _) => made,
        (Err(SnapshotError::Stopped), Ok(error)) => return Err(error),
        (Err(error), _) => return Err(ResealError::Read(error)),
    };
    let key = upload.finish().await?.key;
    let EncodedContent { content_size, content_digest, size, digest } = stored;
    Ok(DocumentObject { key, size, digest, content_size, content_digest })
}

/// Seals what is read into the upload. Blocks.
fn pour(
    content: &mut dyn BufRead,
    upload: Upload,
    sealer: &Sealer,
    key: &str,
) -> Result<(Upload, EncodedContent), ResealError> {
    let mut encoder = ContentEncoder::new(upload, Some(sealer))?;
    loop {
        let bytes = match content.fill_buf() {
            Ok([]) => break,
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(ResealError::Read(SnapshotError::Unreadable { key: key.into(), source })),
        };
        encoder.write_all(bytes).map_err(ResealError::Write)?;
        let count = bytes.len();
        content.consume(count);
    }
    encoder.finish().map_err(ResealError::Write)
}

/// Checks the new object before anything names it: its bytes, and what it opens to where it can be opened here.
async fn read_back(context: &ResealContext, new: &StoredDocument, opens: bool) -> Result<(), ResealError> {
    let object = &new.object;
    if !opens {
        let expected = Measure { size: object.size, digest: object.digest };
        return Ok(context.repository.read_back(&object.key, expected).await?);
    }
    let through = |content: &mut dyn BufRead| {
        // What goes wrong here is said by the digests.
        let _ = io::copy(content, &mut io::sink());
        Ok(())
    };
    let enough = Arc::new(AtomicBool::new(false));
    let reading = read_content(&context.repository, new, &context.identities, enough, through).await;
    reading.outcome.map_err(ResealError::ReadBack)
}

/// Seals the snapshot's fingerprint key to the new recipients too. A hint where it cannot be had: the snapshot is sealed all the same.
async fn fingerprint_key(
    context: &ResealContext,
    summary: &ManifestSummary,
    recipients: &[String],
    sealer: Sealer,
) -> Result<Option<String>, ResealError> {
    let (repository, id) = (&context.repository, &summary.fingerprint_key);
    if repository.has_key(id, recipients).await? {
        return Ok(None);
    }
    let derived = context.signing_key.fingerprint_key(&repository.id());
    let stored = repository.read_keys(id).await?;
    let (identities, id_wanted) = (context.identities.clone(), id.clone());
    let sealed = spawn_blocking(move || -> Result<Option<Vec<u8>>, EncodeError> {
        let opened = || {
            stored.iter().find_map(|(_, bytes)| {
                let mut key = Zeroizing::new(Vec::new());
                identities.open(bytes.as_ref()).ok()?.read_to_end(&mut key).ok()?;
                FingerprintKey::from_stored(&key).ok().filter(|key| *key.id() == id_wanted)
            })
        };
        let key = if *derived.id() == id_wanted { Some(derived) } else { opened() };
        let Some(key) = key else { return Ok(None) };
        let mut sealed = sealer.wrap(Vec::new())?;
        sealed.write_all(&key.to_stored())?;
        Ok(Some(sealed.finish()?))
    });
    match sealed.await.map_err(|_| ResealError::Interrupted)?? {
        Some(sealed) => repository.store_key(id, recipients, sealed.into()).await.map(|_| None).map_err(Into::into),
        None => Ok(Some(format!(
            "the fingerprint key {id} could not be sealed to the new recipients: no identity at hand opens it"
        ))),
    }
}
