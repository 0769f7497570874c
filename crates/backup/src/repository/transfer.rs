//! Bringing objects of one repository into a copy of it, byte for byte.
//!
//! Owns one object's way: that what arrives is what left, and that nothing is replaced. Which objects a copy needs, and in what
//! order, is [`copy`](mod@crate::copy)'s.

use std::collections::BTreeSet;
use std::io::{self, Write as _};

use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use object_store::PutPayload;
use object_store::path::Path;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::upload::Upload;
use super::{MAX_SMALL_BYTES, Objects, ReadManifest, Repository, RepositoryError, identity, layout};
use crate::document::Measured;
use crate::fingerprint::FingerprintKeyId;
use crate::snapshot::Measure;

/// How often an object is read that reads differently each time.
const MAX_READINGS: u32 = 4;

/// What came of bringing an object to a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transferred {
    /// It was written there, and read back.
    Copied {
        /// Its size.
        bytes: u64,
    },
    /// It was there.
    Present,
}

impl Transferred {
    /// Bytes that were written.
    pub fn bytes(self) -> u64 {
        match self {
            Self::Copied { bytes } => bytes,
            Self::Present => 0,
        }
    }
}

impl Repository {
    /// Opens the copy of this repository in `objects`, or begins one where there is nothing: with the same `parados.json`, so that
    /// it is the same repository in another place, with one id, one chain and one fingerprint key.
    ///
    /// # Errors
    /// [`RepositoryError::AnotherRepository`] when there is one of another id; as [`open`](Self::open), and those of writing.
    pub async fn open_copy(&self, objects: Objects) -> Result<Self, RepositoryError> {
        let copy = match Self::open(objects.clone()).await {
            Err(RepositoryError::NotARepository { .. }) => {
                let marker = self.read_twice(layout::MARKER).await?;
                // Nothing is spread that cannot be opened.
                identity::parse(&self.objects, &marker)?;
                match objects.create(&layout::marker(), marker.into()).await {
                    Ok(()) | Err(RepositoryError::AlreadyExists { .. }) => Self::open(objects).await?,
                    Err(error) => return Err(error),
                }
            }
            outcome => outcome?,
        };
        match copy.id() == self.id() {
            true => Ok(Self { trusted: self.trusted.clone(), ..copy }),
            false => Err(RepositoryError::AnotherRepository {
                repository: copy.location().into(),
                found: copy.id(),
                expected: self.id(),
            }),
        }
    }

    /// Brings a data object to `copy`, under the same key. It becomes visible there only when all of it has arrived and is what
    /// `expected` says, and is then read back. One that is there is left as it is; `check` reads that back too.
    ///
    /// # Errors
    /// [`RepositoryError::Damaged`] when it is not what is expected, here or there; [`RepositoryError::Diverged`] when there is
    /// another one of its key there; those of reading and writing.
    pub async fn transfer(
        &self,
        copy: &Self,
        key: &str,
        expected: Measure,
        check: bool,
    ) -> Result<Transferred, RepositoryError> {
        let path = self.path(key)?;
        match copy.size_of(&path).await? {
            Some(size) if size != expected.size => return Err(copy.diverged(&path)),
            Some(_) if check => return copy.read_back(key, expected).await.map(|()| Transferred::Present),
            Some(_) => return Ok(Transferred::Present),
            None => {}
        }
        let upload =
            Upload::start(copy.objects.clone(), path.clone(), layout::staging(rand::random()), copy.part_bytes, false);
        let stream = self.objects.stream(&path).await?;
        let (upload, measure) = spawn_blocking(move || pour(stream, upload))
            .await
            .map_err(|_| RepositoryError::Unfinished { key: key.into() })??;
        if measure != expected {
            upload.abort().await;
            return Err(self.damaged(&path, "it is not what its manifest says"));
        }
        match upload.finish().await {
            // Somebody else copied it meanwhile.
            Ok(_) | Err(RepositoryError::AlreadyExists { .. }) => {}
            Err(error) => return Err(error),
        }
        copy.read_back(key, expected).await?;
        Ok(Transferred::Copied { bytes: expected.size })
    }

    /// Brings a small object, or a manifest, to `copy`, whose bytes the caller has read.
    ///
    /// # Errors
    /// [`RepositoryError::Diverged`] when there is another one of its key there; [`RepositoryError::Damaged`] when it does not read
    /// back as it is; those of writing.
    pub(crate) async fn transfer_bytes(
        &self,
        copy: &Self,
        key: &str,
        bytes: Bytes,
    ) -> Result<Transferred, RepositoryError> {
        let path = self.path(key)?;
        let expected = Measure::of(&bytes);
        match copy.size_of(&path).await? {
            Some(size) if size != expected.size => return Err(copy.diverged(&path)),
            Some(_) => {
                return match copy.measure_object(&path).await? == expected {
                    true => Ok(Transferred::Present),
                    false => Err(copy.diverged(&path)),
                };
            }
            None => {}
        }
        match copy.objects.create(&path, PutPayload::from_bytes(bytes)).await {
            Err(RepositoryError::AlreadyExists { .. }) => return Err(copy.diverged(&path)),
            outcome => outcome?,
        }
        copy.read_back(key, expected).await?;
        Ok(Transferred::Copied { bytes: expected.size })
    }

    /// Brings the fingerprint key of this id, as it is sealed to each of these sets of recipients; as it is sealed to anybody where it
    /// is not sealed to one of them. One that is there stays: sealing is never twice the same.
    ///
    /// # Errors
    /// Those of listing, reading and writing.
    pub(crate) async fn transfer_keys(
        &self,
        copy: &Self,
        id: &FingerprintKeyId,
        recipients: &[Vec<String>],
    ) -> Result<(), RepositoryError> {
        let wanted: BTreeSet<String> =
            recipients.iter().filter_map(|set| layout::key_object(id, set)).map(String::from).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let stored = self.list_keys(id).await?;
        let all = !wanted.iter().all(|key| stored.iter().any(|stored| stored.as_ref() == key));
        for path in stored.iter().filter(|path| all || wanted.contains(path.as_ref())) {
            if copy.size_of(path).await?.is_some() {
                continue;
            }
            match self.transfer_bytes(copy, path.as_ref(), self.read_twice(path.as_ref()).await?).await {
                // Somebody sealed it there meanwhile.
                Ok(_) | Err(RepositoryError::Diverged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether there is an object of this key.
    pub(crate) async fn holds_object(&self, key: &str) -> Result<bool, RepositoryError> {
        self.objects.exists(&self.path(key)?).await
    }

    /// That a manifest was signed by somebody whose signatures count.
    pub(crate) fn check_trusted(&self, read: &ReadManifest) -> Result<(), RepositoryError> {
        self.check_signer(&read.key, &read.manifest.summary.signer)
    }

    /// That the manifest `key` is of somebody whose signature counts.
    pub(crate) fn check_signer(&self, key: &str, signer: &str) -> Result<(), RepositoryError> {
        match self.trusted.accept(signer) {
            true => Ok(()),
            false => Err(RepositoryError::Damaged {
                key: key.to_owned(),
                repository: self.location().into(),
                reason: "its signer is not trusted".into(),
            }),
        }
    }

    /// Reads a small object that no digest vouches for, until two readings agree: what is copied is copied for ever, and a byte may go
    /// wrong on its way.
    pub(crate) async fn read_twice(&self, key: &str) -> Result<Bytes, RepositoryError> {
        let path = self.path(key)?;
        let mut seen = self.objects.read(&path, MAX_SMALL_BYTES).await?;
        for _ in 1..MAX_READINGS {
            let again = self.objects.read(&path, MAX_SMALL_BYTES).await?;
            if again == seen {
                return Ok(again);
            }
            seen = again;
        }
        Err(self.damaged(&path, "it reads differently each time"))
    }

    /// Checks that an object is what it should be.
    ///
    /// # Errors
    /// [`RepositoryError::Damaged`] when it is not; those of reading.
    pub(crate) async fn read_back(&self, key: &str, expected: Measure) -> Result<(), RepositoryError> {
        let key = self.path(key)?;
        match self.measure_object(&key).await? == expected {
            true => Ok(()),
            false => Err(self.damaged(&key, "it does not read back as it was written")),
        }
    }

    pub(super) async fn measure_object(&self, key: &Path) -> Result<Measure, RepositoryError> {
        let mut measured = Measured::new(io::sink());
        let mut stream = self.objects.stream(key).await?;
        while let Some(chunk) = stream.try_next().await? {
            measured.write_all(&chunk).expect("a sink takes all bytes");
        }
        let (_, size, digest) = measured.finish();
        Ok(Measure { size, digest })
    }

    pub(super) async fn size_of(&self, key: &Path) -> Result<Option<u64>, RepositoryError> {
        match self.objects.size(key).await {
            Ok(size) => Ok(Some(size)),
            Err(RepositoryError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn damaged(&self, key: &Path, reason: &str) -> RepositoryError {
        RepositoryError::Damaged { key: key.to_string(), repository: self.location().into(), reason: reason.into() }
    }

    fn diverged(&self, key: &Path) -> RepositoryError {
        RepositoryError::Diverged { key: key.to_string(), repository: self.location().into() }
    }
}

/// Writes what comes into the upload, and measures it. Blocks.
fn pour(
    mut stream: impl Stream<Item = Result<Bytes, RepositoryError>> + Unpin,
    upload: Upload,
) -> Result<(Upload, Measure), RepositoryError> {
    let runtime = Handle::current();
    let key = upload.key().to_owned();
    let mut upload = Measured::new(upload);
    while let Some(chunk) = runtime.block_on(stream.try_next())? {
        upload.write_all(&chunk).map_err(|error| RepositoryError::of_upload(&key, error))?;
    }
    let (upload, size, digest) = upload.finish();
    Ok((upload, Measure { size, digest }))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;
    use object_store::{ObjectStore, ObjectStoreExt as _};
    use rstest::rstest;

    use super::*;
    use crate::repository::Completion;
    use crate::repository::faulty::{Fault, FaultyStore};

    const KEY: &str = "2025-10-15/ssm-backup-dev-20251015_120045.json";
    const SMALL_PART: usize = 100;

    fn objects(store: Arc<dyn ObjectStore>) -> Objects {
        Objects::new(store, "memory://", Completion::Checked)
    }

    async fn repository(store: Arc<dyn ObjectStore>, id: u8) -> Repository {
        let now = "2025-10-15T12:00:45Z".parse().unwrap();
        Repository::open_or_init(objects(store), [id; 16], now).await.unwrap()
    }

    async fn copy_in(source: &Repository, store: Arc<dyn ObjectStore>) -> Result<Repository, RepositoryError> {
        let mut copy = source.open_copy(objects(store)).await?;
        copy.part_bytes = SMALL_PART;
        Ok(copy)
    }

    #[tokio::test]
    async fn a_copy_has_the_same_id_and_no_other_repository_becomes_one() {
        let (ours, there) = (Arc::new(InMemory::new()), Arc::new(InMemory::new()));
        let source = repository(ours.clone(), 1).await;
        for _ in 0..2 {
            assert_eq!(copy_in(&source, there.clone()).await.unwrap().id(), source.id());
        }
        let marker = |store: Arc<InMemory>| async move { store.get(&layout::marker()).await.unwrap().bytes().await };
        assert_eq!(marker(ours).await.unwrap(), marker(there).await.unwrap());
        let other: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        repository(other.clone(), 2).await;
        let error = copy_in(&source, other).await.unwrap_err();
        assert!(matches!(error, RepositoryError::AnotherRepository { .. }) && !error.hints().is_empty(), "{error}");
    }

    /// Of one part and of several: whatever call fails, there is nothing under the key or the whole object, and the next run ends it.
    #[rstest]
    #[tokio::test]
    async fn an_object_arrives_whole_or_not_at_all(#[values(50, 350)] size: usize) {
        let ours: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let bytes = Bytes::from((0..size).map(|at| at as u8).collect::<Vec<_>>());
        let source = repository(ours.clone(), 1).await;
        ours.put(&KEY.into(), bytes.clone().into()).await.unwrap();
        let expected = Measure::of(&bytes);
        let mut failures = 0;
        for fault in Fault::ALL {
            for nth in 0.. {
                let there: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
                copy_in(&source, there.clone()).await.unwrap();
                let faulty = FaultyStore::new(there.clone(), nth, false, fault);
                let outcome = match copy_in(&source, Arc::new(faulty.clone())).await {
                    Ok(copy) => source.transfer(&copy, KEY, expected, false).await,
                    Err(error) => Err(error),
                };
                failures += usize::from(outcome.is_err());
                match there.get(&KEY.into()).await {
                    Ok(found) => assert_eq!(found.bytes().await.unwrap(), bytes, "{fault:?} {nth}"),
                    Err(_) => assert!(outcome.is_err(), "{fault:?} {nth}: what is not there is not called copied"),
                }
                let copy = copy_in(&source, there.clone()).await.unwrap();
                source.transfer(&copy, KEY, expected, false).await.unwrap();
                assert_eq!(source.transfer(&copy, KEY, expected, true).await.unwrap(), Transferred::Present);
                if faulty.calls() <= nth {
                    break;
                }
            }
        }
        assert!(failures > 8, "{failures}");
    }

    #[tokio::test]
    async fn what_is_not_as_expected_is_neither_brought_nor_taken_for_there() {
        let (ours, there): (Arc<dyn ObjectStore>, Arc<dyn ObjectStore>) =
            (Arc::new(InMemory::new()), Arc::new(InMemory::new()));
        let source = repository(ours.clone(), 1).await;
        ours.put(&KEY.into(), "damaged".into()).await.unwrap();
        let copy = copy_in(&source, there.clone()).await.unwrap();
        let error = source.transfer(&copy, KEY, Measure::of(b"as once"), false).await.unwrap_err();
        assert!(matches!(error, RepositoryError::Damaged { .. }), "{error}");
        assert!(there.head(&KEY.into()).await.is_err());

        there.put(&KEY.into(), "another".into()).await.unwrap();
        let expected = Measure::of(b"damaged");
        assert_eq!(source.transfer(&copy, KEY, expected, false).await.unwrap(), Transferred::Present, "by its size");
        let error = source.transfer(&copy, KEY, expected, true).await.unwrap_err();
        assert!(matches!(error, RepositoryError::Damaged { .. }), "{error}");
        let error = source.transfer_bytes(&copy, KEY, "damaged".into()).await.unwrap_err();
        assert!(matches!(error, RepositoryError::Diverged { .. }) && !error.hints().is_empty(), "{error}");
        let error = source.transfer(&copy, KEY, Measure::of(b"longer than it"), false).await.unwrap_err();
        assert!(matches!(error, RepositoryError::Diverged { .. }), "{error}");
    }
}
