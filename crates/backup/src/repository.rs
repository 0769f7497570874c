//! The place where snapshots are kept: a bucket or a folder of objects that are written once. FORMAT.md, "Repository layout"
//! and "Chain", is normative.
//!
//! Owns where objects are and how they are written and found. Does not own what is in a data object, or who may open it.
//!
//! Nothing on the way of a backup deletes or overwrites an object, except that `latest.txt`, a hint, is replaced. So a bucket
//! under object lock works, and what was committed stays. What pruning takes away it takes through [`Repository::finish_removal`],
//! which leaves a signed record in its place.

mod amendment;
mod chain;
mod document;
mod error;
mod identity;
mod layout;
mod leftover;
mod lock;
mod manifest_object;
mod mark;
mod objects;
mod pieces;
mod record;
mod removal;
mod s3;
mod staged;
mod transfer;
mod upload;
mod url;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures::TryStreamExt as _;
use jiff::{SignedDuration, Timestamp};
use object_store::PutPayload;
use object_store::path::Path;

pub use self::amendment::{Amendment, AmendmentError};
pub use self::chain::{Committed, ReadManifest, SnapshotEntry, SnapshotFilter, Snapshots};
pub use self::document::{AmendmentDraft, Amendments, StoredDocument};
pub use self::error::{Access, RepositoryError};
use self::identity::Identity;
pub use self::layout::data_key;
pub use self::leftover::{LeftoverMark, SealedObject};
pub use self::lock::{Lock, LockDraft};
pub use self::manifest_object::ManifestObject;
pub use self::mark::Mark;
pub use self::objects::{Completion, Objects, OpenOptions, S3Options, ServerSideEncryption};
pub(crate) use self::pieces::{PIECES_WAITING, Piece, PieceReader};
pub use self::record::{RecordError, Records};
pub use self::removal::{Removal, RemovalDraft};
pub use self::staged::StagedFile;
pub use self::transfer::Transferred;
pub use self::upload::{Finished, PART_BYTES, Upload};
pub use self::url::{Bucket, RepositoryUrl};
use crate::document::Digest;
use crate::fingerprint::FingerprintKeyId;
use crate::trust::TrustedSigners;

/// The format that this Parados writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 1;
/// Most bytes of the small objects: `parados.json`, `latest.txt`, the keys.
const MAX_SMALL_BYTES: u64 = 1024 * 1024;

/// A repository.
#[derive(Debug)]
pub struct Repository {
    objects: Objects,
    identity: Identity,
    /// Keys of data objects that this process was given and may be writing.
    given: Mutex<BTreeSet<String>>,
    /// Digests of the heads that this process wrote, or read and found rightly signed, by key.
    heads: Mutex<BTreeMap<String, Digest>>,
    part_bytes: usize,
    /// Whose amendments count.
    trusted: TrustedSigners,
}

impl Repository {
    /// Opens the repository in `objects`. Reads `parados.json`.
    ///
    /// # Errors
    /// [`RepositoryError::NotARepository`], [`RepositoryError::MarkerMissing`], [`RepositoryError::NewerFormat`], and those of the place: missing bucket,
    /// somebody else's, no permission, unreachable.
    pub async fn open(objects: Objects) -> Result<Self, RepositoryError> {
        match identity::read(&objects).await {
            Ok(id) => Ok(Self::of(objects, Identity::established(id))),
            Err(RepositoryError::NotFound { repository, .. }) => {
                // One that lost its marker must not be taken for none, and get another id.
                match objects.list(&layout::manifests()).try_next().await {
                    Ok(Some(_)) => Err(RepositoryError::MarkerMissing { key: layout::MARKER.into(), repository }),
                    Ok(None) | Err(_) => Err(RepositoryError::NotARepository { repository }),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Opens the repository in `objects`, or makes it with the random bytes `id` where there is none. Of two that make it at
    /// once, both open the one that was first.
    ///
    /// # Errors
    /// As [`open`](Self::open), and those of writing.
    pub async fn open_or_init(objects: Objects, id: [u8; 16], now: Timestamp) -> Result<Self, RepositoryError> {
        let repository = Self::open_or_begin(objects, id, now).await?;
        repository.establish().await?;
        Ok(repository)
    }

    /// As [`open_or_init`](Self::open_or_init), but where there is no repository nothing is written until
    /// [`establish`](Self::establish), which has to come before any manifest.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_or_begin(objects: Objects, id: [u8; 16], now: Timestamp) -> Result<Self, RepositoryError> {
        match Self::open(objects.clone()).await {
            Err(RepositoryError::NotARepository { .. }) => Ok(Self::of(objects, Identity::begun(id, now))),
            outcome => outcome,
        }
    }

    fn of(objects: Objects, identity: Identity) -> Self {
        Self {
            objects,
            identity,
            given: Mutex::default(),
            heads: Mutex::default(),
            part_bytes: PART_BYTES,
            trusted: TrustedSigners::default(),
        }
    }

    /// Of a repository that is only begun, looks whether another made it meanwhile, and says whether its [`id`](Self::id) is still
    /// what it was; see [`establish`](Self::establish).
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub async fn look_again(&self) -> Result<bool, RepositoryError> {
        self.identity.look_again(&self.objects).await
    }

    /// Makes the repository where it was only begun. Says whether its [`id`](Self::id) is still what it was: when another made
    /// the repository meanwhile, it is that one's from now on, and what was derived from it is to be derived anew.
    ///
    /// # Errors
    /// Those of writing, and those of [`open`](Self::open).
    pub async fn establish(&self) -> Result<bool, RepositoryError> {
        self.identity.establish(&self.objects).await
    }

    /// Whether the repository is there, rather than only begun.
    pub fn is_established(&self) -> bool {
        self.identity.unwritten().is_none()
    }

    /// Of a repository that is only begun, whether it may be written into, as far as can be told without writing anything: an
    /// upload is opened and given up. (Of Azure that says nothing.)
    ///
    /// # Errors
    /// Those of writing.
    pub async fn check_begun(&self) -> Result<(), RepositoryError> {
        if !self.is_established() {
            let mut upload = self.objects.try_upload(&layout::marker()).await?;
            // Best effort: what stays behind has no parts and is not visible.
            let _ = upload.abort().await;
        }
        Ok(())
    }

    /// The same repository, in which the amendments of these signers count and of nobody else. Without it, those of anybody do.
    #[must_use]
    pub fn trusting(self, trusted: TrustedSigners) -> Self {
        Self { trusted, ..self }
    }

    /// The repository's id: 32 characters of hexadecimal, the salt of its fingerprint keys. See [`establish`](Self::establish).
    pub fn id(&self) -> String {
        self.identity.id()
    }

    /// The repository's URL.
    pub fn location(&self) -> &str {
        self.objects.location()
    }

    /// A key for the data object of a backup that began `at`, and the second that the key bears: the first one from `at` on
    /// whose key is not taken, in the repository or by another backup of this process.
    ///
    /// # Errors
    /// Those of looking a key up; a look-up that is not allowed counts as free, and the create-only write decides.
    pub async fn free_data_key(
        &self,
        environment: &str,
        at: Timestamp,
        sealed: bool,
    ) -> Result<(String, Timestamp), RepositoryError> {
        let mut second = at;
        loop {
            let key = data_key(environment, second, sealed);
            let new = self.given.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_string());
            let free = new
                && match self.objects.exists(&key).await {
                    Ok(exists) => !exists,
                    Err(RepositoryError::Denied { .. }) => true,
                    Err(error) => return Err(error),
                };
            if free {
                return Ok((key.into(), second));
            }
            second = second.saturating_add(SignedDuration::from_secs(1)).unwrap_or(Timestamp::MAX);
        }
    }

    /// Begins to write the data object `key`, which must not be there. When another process takes a key that
    /// [`free_data_key`](Self::free_data_key) gave, the object comes to stand under a later second's: [`Finished::key`] says
    /// under which. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`RepositoryError::Damaged`] when `key` is not the key of an object.
    pub fn upload(&self, key: &str) -> Result<Upload, RepositoryError> {
        let key = self.path(key)?;
        let staging = layout::staging(rand::random());
        Ok(Upload::start(self.objects.clone(), key, staging, self.part_bytes, true))
    }

    /// Reads a data object from its beginning on, piece by piece.
    ///
    /// # Errors
    /// [`RepositoryError::NotFound`], and those of the place; the stream gives those that come later.
    pub async fn download(
        &self,
        key: &str,
    ) -> Result<impl futures::Stream<Item = Result<Bytes, RepositoryError>> + Send + use<>, RepositoryError> {
        self.objects.stream(&self.path(key)?).await
    }

    /// The size of an object in bytes; nothing where there is none.
    ///
    /// # Errors
    /// Those of looking it up.
    pub async fn size(&self, key: &str) -> Result<Option<u64>, RepositoryError> {
        self.size_of(&self.path(key)?).await
    }

    /// Replaces the hint at the newest data object.
    ///
    /// # Errors
    /// Those of writing. The snapshot is committed all the same.
    pub async fn write_latest(&self, data_key: &str) -> Result<(), RepositoryError> {
        self.objects.replace(&layout::latest(), PutPayload::from(format!("{data_key}\n").into_bytes())).await
    }

    /// What `latest.txt` hints at.
    ///
    /// # Errors
    /// Those of reading; that there is none is [`None`].
    pub async fn read_latest(&self) -> Result<Option<String>, RepositoryError> {
        match self.objects.read(&layout::latest(), MAX_SMALL_BYTES).await {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned())),
            Err(RepositoryError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the key object of these fingerprints for these recipients is there, so that it need not be sealed again.
    ///
    /// # Errors
    /// Those of looking it up; that this is not allowed is `false`, and so is that there are no recipients.
    pub async fn has_key(&self, id: &FingerprintKeyId, recipients: &[String]) -> Result<bool, RepositoryError> {
        let Some(key) = layout::key_object(id, recipients) else { return Ok(false) };
        match self.objects.exists(&key).await {
            Err(RepositoryError::Denied { .. }) => Ok(false),
            outcome => outcome,
        }
    }

    /// Where the key object of these fingerprints for these recipients is; none where there are no recipients.
    pub fn key_of(&self, id: &FingerprintKeyId, recipients: &[String]) -> Option<String> {
        layout::key_object(id, recipients).map(Into::into)
    }

    /// Stores a fingerprint key ([`FingerprintKey::to_stored`](crate::fingerprint::FingerprintKey::to_stored)), which the
    /// caller sealed to `recipients`. One that is there stays. Its object's key; without recipients nothing is stored, and
    /// there is none.
    ///
    /// # Errors
    /// Those of writing.
    pub async fn store_key(
        &self,
        id: &FingerprintKeyId,
        recipients: &[String],
        sealed: Bytes,
    ) -> Result<Option<String>, RepositoryError> {
        let Some(key) = layout::key_object(id, recipients) else { return Ok(None) };
        match self.objects.create(&key, sealed.into()).await {
            Ok(()) | Err(RepositoryError::AlreadyExists { .. }) => Ok(Some(key.into())),
            // An answer may have been lost that said so: another run stores the same key, sealed into other bytes.
            Err(error)
                if (error.leaves_a_write_open() || matches!(error, RepositoryError::CommitUnknown { .. }))
                    && self.objects.exists(&key).await.unwrap_or(false) =>
            {
                Ok(Some(key.into()))
            }
            Err(error) => Err(error),
        }
    }

    /// Reads the key objects of these fingerprints: one for each set of recipients that it was ever sealed to, with its key.
    ///
    /// # Errors
    /// Those of listing and reading.
    pub async fn read_keys(&self, id: &FingerprintKeyId) -> Result<Vec<(String, Bytes)>, RepositoryError> {
        let mut keys = Vec::new();
        for key in self.list_keys(id).await? {
            let bytes = self.objects.read(&key, MAX_SMALL_BYTES).await?;
            keys.push((key.into(), bytes));
        }
        Ok(keys)
    }

    /// The key objects of these fingerprints.
    async fn list_keys(&self, id: &FingerprintKeyId) -> Result<Vec<Path>, RepositoryError> {
        let mut listed: Vec<Path> =
            self.objects.list(&layout::keys()).map_ok(|meta| meta.location).try_collect().await?;
        listed.retain(|key| key.filename().is_some_and(|name| name.split('.').next() == Some(id.as_str())));
        listed.sort();
        Ok(listed)
    }

    /// Tries each access that a backup needs, and leaves nothing behind: a list, a read of `parados.json`, and writing. Where the repository
    /// is established, that is a create-only write of `parados.json`, which is refused because it is there; and everywhere an upload
    /// beside it and beside a manifest, which is opened and given up.
    pub async fn check_access(&self) -> Vec<(Access, Result<(), RepositoryError>)> {
        let manifest = self.objects.list(&layout::manifests()).try_next().await;
        let mut places = vec![layout::marker()];
        places.extend(manifest.as_ref().ok().and_then(Option::as_ref).map(|found| found.location.clone()));
        let read = match self.objects.read(&layout::marker(), MAX_SMALL_BYTES).await {
            Err(RepositoryError::NotFound { .. }) if !self.is_established() => Ok(()),
            read => read.map(drop),
        };
        let written = self.check_writing(&places).await;
        vec![(Access::List, manifest.map(drop)), (Access::Read, read), (Access::Write, written)]
    }

    async fn check_writing(&self, places: &[Path]) -> Result<(), RepositoryError> {
        if self.is_established() {
            match self.objects.create(&layout::marker(), PutPayload::from_static(b"{}")).await {
                Ok(()) | Err(RepositoryError::AlreadyExists { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        for place in places {
            let mut upload = self.objects.try_upload(place).await?;
            // Who may not give up an upload would leave parts behind whenever a backup is stopped.
            upload.abort().await.map_err(|source| self.objects.error(Access::Write, place, source))?;
        }
        Ok(())
    }

    fn path(&self, key: &str) -> Result<Path, RepositoryError> {
        match Path::parse(key) {
            Ok(path) if !path.is_root() && path.as_ref() == key => Ok(path),
            _ => Err(RepositoryError::Damaged {
                key: key.into(),
                repository: self.location().into(),
                reason: "it is not the key of an object".into(),
            }),
        }
    }
}

#[cfg(test)]
pub(crate) mod faulty;
#[cfg(test)]
mod tests;
