//! The chains of manifests: one for each target, numbered from 1, each manifest holding the digest of the one before.
//!
//! A commit writes the next number create-only. So two backups at once cannot take the same place: the one that comes second
//! sees that the place is taken, links itself to what took it, and tries the next.

use std::io::{self, Write as _};
use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::{Path, PathPart};
use object_store::{ObjectMeta, PutPayload};

use super::{Repository, RepositoryError, layout};
use crate::document::{Digest, Measured};
use crate::manifest::{
    EncodedDraft, MAX_MANIFEST_BYTES, Manifest, ManifestDraft, ManifestError, ManifestSummary, PARAMETERS_MARKER,
    Previous, parse_summary,
};
use crate::signature::SigningKey;
use crate::target::Target;

/// How many places a commit tries for.
const MAX_ATTEMPTS: u32 = 16;
/// How often a commit reads a manifest that reads differently each time.
const MAX_READINGS: u32 = 4;
/// What a listing reads of each manifest at first; longer summaries are read on.
pub(super) const SUMMARY_BYTES: u64 = 32 * 1024;
/// How many manifests a listing reads at once.
const READS_AT_ONCE: usize = 16;
/// Most bytes of a summary: what is missing may be named at length.
const MAX_SUMMARY_BYTES: usize = 64 * 1024 * 1024;

/// A manifest that was read whole: its signature is that of the signer whom it names.
#[derive(Clone, Debug)]
pub struct ReadManifest {
    /// The object's key.
    pub key: String,
    /// What it says.
    pub manifest: Manifest,
    /// Of the whole object.
    pub digest: Digest,
}

/// What a commit did.
#[derive(Debug)]
pub struct Committed {
    /// The manifest's key.
    pub key: String,
    /// What it says.
    pub summary: ManifestSummary,
    /// Of the whole object.
    pub digest: Digest,
    /// What is wrong with the manifest before it, where something is: the chain goes on from its bytes as they are.
    pub damaged_previous: Option<ManifestError>,
}

/// Which snapshots are listed: those that agree with each part that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are Target's")]
pub struct SnapshotFilter {
    pub project: Option<String>,
    pub environment: Option<String>,
    pub account: Option<String>,
    pub region: Option<String>,
}

impl SnapshotFilter {
    /// Those of one target.
    pub fn target(target: &Target) -> Self {
        let Target { project, environment, account, region, .. } = target.clone();
        Self { project: Some(project), environment: Some(environment), account: Some(account), region: Some(region) }
    }

    /// Whether it lets a target through.
    pub fn matches(&self, target: &Target) -> bool {
        let Target { project, environment, account, region, .. } = target;
        let named = [project, environment, account, region];
        self.parts().iter().zip(named).all(|(part, named)| part.is_none_or(|part| part == named))
    }

    fn parts(&self) -> [Option<&str>; 4] {
        [&self.project, &self.environment, &self.account, &self.region].map(|part| part.as_deref())
    }

    /// The deepest folder below `folder` that holds all of a kind of object that it lets through.
    pub(super) fn below(&self, folder: Path) -> Path {
        self.parts().iter().map_while(|part| *part).fold(folder, |path, part| path.join(part))
    }

    /// Whether an object that stands at `FOLDER/PROJECT/ENVIRONMENT/ACCOUNT/REGION/NAME` is of one of its targets.
    pub(super) fn lets_through(&self, key: &Path) -> bool {
        let segments: Vec<_> = key.parts().skip(1).collect();
        segments.len() == 5
            && self
                .parts()
                .iter()
                .zip(&segments)
                .all(|(part, segment)| part.is_none_or(|part| PathPart::from(part) == *segment))
    }
}

/// A snapshot in a listing. Its manifest's signature is not checked by listing it.
#[derive(Clone, Debug, PartialEq)]
pub struct SnapshotEntry {
    /// The manifest's key.
    pub manifest_key: String,
    /// What it says.
    pub summary: ManifestSummary,
}

/// What is in a repository.
#[derive(Debug, Default)]
pub struct Snapshots {
    /// The snapshots, oldest first.
    pub entries: Vec<SnapshotEntry>,
    /// Manifests that cannot be read, by key.
    pub damaged: Vec<(String, ManifestError)>,
}

impl Repository {
    /// The newest manifest of a target, read whole and checked.
    ///
    /// # Errors
    /// [`RepositoryError::Manifest`] when it is damaged or of a newer format, and those of the place.
    pub async fn head(&self, target: &Target) -> Result<Option<ReadManifest>, RepositoryError> {
        match self.newest(target).await? {
            Some((_, key)) => {
                let head = self.read_manifest(key.as_ref()).await?;
                self.know_head(&head.key, head.digest);
                Ok(Some(head))
            }
            None => Ok(None),
        }
    }

    /// Reads one manifest whole and checks it: its rules, its place and its signature.
    ///
    /// # Errors
    /// [`RepositoryError::Manifest`], and those of the place.
    pub async fn read_manifest(&self, key: &str) -> Result<ReadManifest, RepositoryError> {
        self.read_manifest_bytes(key).await.map(|(manifest, _)| manifest)
    }

    /// As [`read_manifest`](Self::read_manifest), with the object's bytes.
    pub(crate) async fn read_manifest_bytes(&self, key: &str) -> Result<(ReadManifest, Bytes), RepositoryError> {
        let path = self.path(key)?;
        let bytes = self.objects.read(&path, MAX_MANIFEST_BYTES).await?;
        let (manifest, digest) = Manifest::parse_measured(&bytes)
            .and_then(|read| check_place(&path, &read.0.summary).map(|()| read))
            .map_err(|source| self.unusable(&path, source))?;
        Ok((ReadManifest { key: key.into(), manifest, digest }, bytes))
    }

    /// Lists the snapshots that `filter` lets through, oldest first.
    ///
    /// # Errors
    /// Those of the place. A manifest that cannot be read is listed as damaged and hides no other.
    pub async fn snapshots(&self, filter: &SnapshotFilter) -> Result<Snapshots, RepositoryError> {
        let listed = self.objects.list(&filter.below(layout::manifests())).try_filter(|meta| {
            let is_one = layout::sequence_of(&meta.location).is_some() && filter.lets_through(&meta.location);
            std::future::ready(is_one)
        });
        let mut read = listed
            .map_ok(|meta| async move {
                let summary = self.read_summary(&meta).await;
                summary.map(|summary| (meta.location, summary))
            })
            .try_buffer_unordered(READS_AT_ONCE)
            .boxed();
        let mut snapshots = Snapshots::default();
        while let Some((key, summary)) = read.try_next().await? {
            match summary {
                Ok(summary) => snapshots.entries.push(SnapshotEntry { manifest_key: key.into(), summary }),
                Err(error) => snapshots.damaged.push((key.into(), error)),
            }
        }
        snapshots.entries.sort_by(|a, b| {
            let order = |entry: &SnapshotEntry| (entry.summary.started_at, entry.summary.sequence);
            order(a).cmp(&order(b)).then_with(|| a.manifest_key.cmp(&b.manifest_key))
        });
        snapshots.damaged.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(snapshots)
    }

    /// Commits a snapshot: its manifest is signed and written at the next place of its target's chain. When this returns, the
    /// snapshot is there; when it fails, it is not — except for [`RepositoryError::CommitUnknown`], which says so.
    ///
    /// The data object has to be there already.
    ///
    /// # Errors
    /// [`RepositoryError::Contended`] when others took sixteen places in a row; [`RepositoryError::Manifest`] when the draft
    /// breaks a rule, or the newest manifest is of a newer format; and those of the place.
    pub async fn commit(&self, draft: ManifestDraft, key: &SigningKey) -> Result<Committed, RepositoryError> {
        let id = draft.id.to_string();
        let unusable = |source| RepositoryError::Manifest {
            key: format!("of snapshot {id}"),
            repository: self.location().into(),
            source,
        };
        let draft = draft.encode().map_err(unusable)?;
        let target = draft.summary().target.clone();
        for attempt in 0..MAX_ATTEMPTS {
            // Paced, because a store may refuse a place while the write that takes it is not visible yet.
            tokio::time::sleep(Duration::from_millis(20) * attempt).await;
            match self.try_commit(&draft, &target, key, &unusable).await {
                Err(RepositoryError::AlreadyExists { .. }) => {}
                outcome => return outcome,
            }
        }
        Err(RepositoryError::Contended { target, attempts: MAX_ATTEMPTS })
    }

    async fn try_commit(
        &self,
        draft: &EncodedDraft,
        target: &Target,
        key: &SigningKey,
        unusable: &(dyn Fn(ManifestError) -> RepositoryError + Sync),
    ) -> Result<Committed, RepositoryError> {
        let newest = self.newest(target).await?;
        let removed = self.removal_after(target, newest.as_ref().map_or(0, |(sequence, _)| *sequence)).await?;
        let (sequence, previous, damaged_previous) = match (newest, removed) {
            (_, Some(removed)) => {
                let previous = Previous { id: Some(removed.snapshot), digest: removed.manifest_digest };
                (removed.sequence + 1, Some(previous), None)
            }
            (None, None) => (1, None, None),
            (Some((sequence, path)), None) => {
                let (previous, damage) = self.link_to(&path).await?;
                (sequence + 1, Some(previous), damage)
            }
        };
        if sequence > layout::MAX_SEQUENCE {
            return Err(unusable(ManifestError::invalid("sequence", "the chain is full")));
        }
        let manifest = draft.place(sequence, previous, key).map_err(unusable)?;
        let path = layout::manifest(target, sequence);
        self.objects.create(&path, PutPayload::from_iter(manifest.chunks)).await?;
        self.know_head(path.as_ref(), manifest.digest);
        Ok(Committed { key: path.into(), summary: manifest.summary, digest: manifest.digest, damaged_previous })
    }

    /// The number and the key of the newest manifest of a target.
    async fn newest(&self, target: &Target) -> Result<Option<(u64, Path)>, RepositoryError> {
        let keys = self.objects.list(&layout::chain(target));
        keys.try_fold(None, |newest: Option<(u64, Path)>, meta| {
            let found = layout::sequence_of(&meta.location).map(|sequence| (sequence, meta.location));
            std::future::ready(Ok(newest.max(found)))
        })
        .await
    }

    fn know_head(&self, key: &str, digest: Digest) {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), digest);
    }

    /// What the next manifest says of this one: its digest and id. A damaged one is linked to by its digest alone, so that
    /// yesterday's damage does not stop today's backup and cannot be hidden either; one of a newer format is not linked to.
    ///
    /// A digest is signed for ever, so it is not taken from one reading, in which a byte may have gone wrong on its way: it is
    /// that of a head that was written here or read and found rightly signed, or of two readings.
    async fn link_to(&self, path: &Path) -> Result<(Previous, Option<ManifestError>), RepositoryError> {
        let mut seen = self.heads.lock().unwrap_or_else(PoisonError::into_inner).get(path.as_ref()).copied();
        for _ in 0..MAX_READINGS {
            let (digest, summary) = self.measure(path).await?;
            if seen == Some(digest) {
                return match summary {
                    Ok(summary) => Ok((Previous { id: Some(summary.id), digest }, None)),
                    Err(source @ ManifestError::NewerFormat { .. }) => Err(self.unusable(path, source)),
                    Err(damage) => Ok((Previous { id: None, digest }, Some(damage))),
                };
            }
            seen = Some(digest);
        }
        Err(RepositoryError::Damaged {
            key: path.to_string(),
            repository: self.location().into(),
            reason: "it reads differently each time".into(),
        })
    }

    /// The digest and the summary of a manifest, which is read piece by piece: it may be large, and the next one is in memory.
    async fn measure(&self, path: &Path) -> Result<(Digest, Result<ManifestSummary, ManifestError>), RepositoryError> {
        let mut measured = Measured::new(io::sink());
        let mut beginning = Beginning::default();
        let mut stream = self.objects.stream(path).await?;
        while let Some(chunk) = stream.try_next().await? {
            measured.write_all(&chunk).expect("a sink takes all bytes");
            beginning.take(&chunk);
        }
        let (_, _, digest) = measured.finish();
        Ok((digest, beginning.parse(path)))
    }

    async fn read_summary(&self, meta: &ObjectMeta) -> Result<Result<ManifestSummary, ManifestError>, RepositoryError> {
        if meta.size == 0 {
            return Ok(Err(ManifestError::Truncated("it is empty")));
        }
        let mut beginning = Beginning::default();
        beginning.take(&self.objects.read_beginning(&meta.location, SUMMARY_BYTES).await?);
        if !beginning.is_whole() && meta.size > SUMMARY_BYTES {
            beginning = Beginning::default();
            let mut stream = self.objects.stream(&meta.location).await?;
            while !beginning.is_whole() {
                match stream.try_next().await? {
                    Some(chunk) => beginning.take(&chunk),
                    None => break,
                }
            }
        }
        Ok(beginning.parse(&meta.location))
    }

    fn unusable(&self, key: &Path, source: ManifestError) -> RepositoryError {
        RepositoryError::Manifest { key: key.to_string(), repository: self.location().into(), source }
    }
}

/// The bytes of a manifest up to its parameters.
#[derive(Default)]
struct Beginning {
    bytes: Vec<u8>,
    whole: bool,
}

impl Beginning {
    fn take(&mut self, chunk: &[u8]) {
        if self.is_whole() {
            return;
        }
        let searched = self.bytes.len().saturating_sub(PARAMETERS_MARKER.len());
        self.bytes.extend_from_slice(chunk);
        let found = self.bytes[searched..].windows(PARAMETERS_MARKER.len()).position(|at| at == PARAMETERS_MARKER);
        if let Some(at) = found {
            self.bytes.truncate(searched + at + PARAMETERS_MARKER.len());
            self.whole = true;
        }
    }

    /// Whether no more bytes are wanted.
    fn is_whole(&self) -> bool {
        self.whole || self.bytes.len() > MAX_SUMMARY_BYTES
    }

    fn parse(&self, key: &Path) -> Result<ManifestSummary, ManifestError> {
        let summary = parse_summary(&self.bytes)?;
        check_place(key, &summary)?;
        Ok(summary)
    }
}

/// Checks that a manifest stands where it says, so that one cannot pass for another.
pub(super) fn check_place(key: &Path, summary: &ManifestSummary) -> Result<(), ManifestError> {
    match layout::manifest(&summary.target, summary.sequence) == *key {
        true => Ok(()),
        false => Err(ManifestError::invalid("place", "its target and sequence are those of another key")),
    }
}
