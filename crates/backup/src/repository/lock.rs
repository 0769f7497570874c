//! What says that a snapshot must not be removed. FORMAT.md, "Locks", is normative.

use jiff::Timestamp;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::record::{Record, Records};
use super::{Repository, RepositoryError, layout};
use crate::manifest::SnapshotId;
use crate::signature::SigningKey;
use crate::signed_line::{FORMAT_VERSION, SignedLine};

/// A snapshot must not be removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// The format of signed lines.
    pub format_version: u32,
    /// Its own id: 8 characters of hexadecimal. A snapshot can have several locks.
    pub id: String,
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// Why.
    pub reason: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it holds; until it is taken away, where it does not say.
    pub until: Option<Timestamp>,
    /// The public key that signed, in OpenSSH's form.
    pub signer: String,
}

/// What a lock is made of.
#[derive(Clone, Debug)]
pub struct LockDraft {
    /// Drawn at random.
    pub id: [u8; 4],
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// Why.
    pub reason: String,
    /// Now.
    pub created_at: Timestamp,
    /// Until when it holds.
    pub until: Option<Timestamp>,
}

impl SignedLine for Lock {
    const NAMESPACE: &'static str = "parados-lock";

    fn signer(&self) -> &str {
        &self.signer
    }
}

impl Record for Lock {
    fn place(&self) -> Path {
        layout::lock(&self.snapshot, &self.id)
    }

    fn check(&self) -> Result<(), &'static str> {
        let is_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        match self.id.len() == 8 && self.id.bytes().all(is_hex) {
            true => Ok(()),
            false => Err("its id is 8 characters of hexadecimal"),
        }
    }
}

impl Lock {
    /// Whether it holds at this time.
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| until > now)
    }
}

impl Records<Lock> {
    /// Whether a snapshot is locked at this time. A lock that cannot be read, or whose signer is not trusted, holds: what it protects
    /// is named by its key, and too much kept is no loss.
    pub fn hold(&self, snapshot: SnapshotId, now: Timestamp) -> bool {
        let by_damaged = |key: &str| layout::locked(&Path::from(key)) == Some(snapshot);
        self.entries.iter().any(|(_, lock)| lock.snapshot == snapshot && lock.holds_at(now))
            || self.damaged.iter().any(|(key, _)| by_damaged(key))
    }
}

impl Repository {
    /// Locks a snapshot. The lock's key.
    ///
    /// # Errors
    /// Those of writing.
    pub async fn lock(&self, draft: LockDraft, key: &SigningKey) -> Result<String, RepositoryError> {
        let LockDraft { id, snapshot, reason, created_at, until } = draft;
        let (id, signer) = (hex::encode(id), key.public_line());
        let lock = Lock { format_version: FORMAT_VERSION, id, snapshot, reason, created_at, until, signer };
        self.write_record(&lock, key).await
    }

    /// Takes the lock with this key away, whether or not it can be read.
    ///
    /// # Errors
    /// [`RepositoryError::NotFound`] when there is none; those of deleting.
    pub async fn unlock(&self, key: &str) -> Result<(), RepositoryError> {
        let path = self.path(key)?;
        match layout::locked(&path).is_some() && self.objects.exists(&path).await? {
            true => self.objects.delete(&path).await,
            false => Err(RepositoryError::NotFound { key: key.into(), repository: self.location().into() }),
        }
    }

    /// Lists all locks.
    ///
    /// # Errors
    /// Those of the place. One that cannot be used is listed as damaged, and holds all the same.
    pub async fn locks(&self) -> Result<Records<Lock>, RepositoryError> {
        self.list_records(&layout::locks(), |key| layout::locked(key).is_some()).await
    }
}
