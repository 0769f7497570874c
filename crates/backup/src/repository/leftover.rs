//! Documents' objects that nothing names: left by a backup that was stopped before its manifest, or by sealing again. They are marked
//! and removed as snapshots are, one phase after the other. FORMAT.md, "Leftovers", is normative.
//!
//! Owns how they are found, marked and removed. Which of them go is [`prune`](crate::prune)'s.

use std::collections::BTreeSet;

use futures::TryStreamExt as _;
use jiff::Timestamp;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::record::{Record, Records};
use super::{Repository, RepositoryError, layout};
use crate::signature::SigningKey;
use crate::signed_line::{FORMAT_VERSION, SignedLine};

/// An object that holds a sealed document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedObject {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was written, by the clock of the repository's place, to the second.
    pub written_at: Timestamp,
}

/// An object that nothing names is going to be removed, unless something comes to name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftoverMark {
    /// The format of signed lines.
    pub format_version: u32,
    /// The object's key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was written.
    pub written_at: Timestamp,
    /// When it was marked. The grace time counts from here.
    pub marked_at: Timestamp,
    /// What wrote the mark.
    pub tool: String,
    /// The public key that signed, in OpenSSH's form.
    pub signer: String,
}

impl LeftoverMark {
    /// Whether it is of this object, as it is.
    pub fn is_of(&self, object: &SealedObject) -> bool {
        (&self.key, self.size, self.written_at) == (&object.key, object.size, object.written_at)
    }
}

impl SignedLine for LeftoverMark {
    const NAMESPACE: &'static str = "parados-leftover";

    fn signer(&self) -> &str {
        &self.signer
    }
}

impl Record for LeftoverMark {
    fn place(&self) -> Path {
        layout::leftover_mark(&self.key)
    }

    fn check(&self) -> Result<(), &'static str> {
        match layout::is_sealed_data_key(&self.key) {
            true => Ok(()),
            false => Err("what it names is not a sealed document's object"),
        }
    }
}

impl Repository {
    /// Lists the objects of sealed documents but for those in `named`, by key. Unsealed ones are left out: what the pipeline before
    /// Parados wrote looks like them.
    ///
    /// # Errors
    /// Those of listing.
    pub async fn sealed_objects_without(&self, named: &BTreeSet<String>) -> Result<Vec<SealedObject>, RepositoryError> {
        let listed = self.objects.list(&Path::default()).try_filter_map(|meta| {
            let key = meta.location.to_string();
            let is_one = layout::is_sealed_data_key(&key) && !named.contains(&key);
            let written_at = Timestamp::from_second(meta.last_modified.timestamp()).unwrap_or(Timestamp::MAX);
            std::future::ready(Ok(is_one.then_some(SealedObject { key, size: meta.size, written_at })))
        });
        let mut objects: Vec<_> = listed.try_collect().await?;
        objects.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(objects)
    }

    /// Marks an object that nothing names. A mark that is there stays as it is.
    ///
    /// # Errors
    /// Those of writing.
    pub async fn mark_leftover(
        &self,
        object: &SealedObject,
        marked_at: Timestamp,
        tool: &str,
        key: &SigningKey,
    ) -> Result<(), RepositoryError> {
        let mark = LeftoverMark {
            format_version: FORMAT_VERSION,
            key: object.key.clone(),
            size: object.size,
            written_at: object.written_at,
            marked_at,
            tool: tool.to_owned(),
            signer: key.public_line(),
        };
        match self.write_record(&mark, key).await {
            Ok(_) | Err(RepositoryError::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Lists the marks of objects that nothing named.
    ///
    /// # Errors
    /// Those of the place. One that cannot be used is listed as damaged.
    pub async fn leftover_marks(&self) -> Result<Records<LeftoverMark>, RepositoryError> {
        self.list_records(&layout::leftover_marks(), layout::is_leftover_mark).await
    }

    /// Takes the mark with this key away; that there is none is as good.
    ///
    /// # Errors
    /// [`RepositoryError::Damaged`] when it is no such mark's key; those of deleting.
    pub async fn unmark_leftover(&self, mark_key: &str) -> Result<(), RepositoryError> {
        let path = self.path(mark_key)?;
        match layout::is_leftover_mark(&path) {
            true => self.objects.delete(&path).await,
            false => Err(self.no_leftover(mark_key)),
        }
    }

    /// Removes an object that nothing names, and then its mark.
    ///
    /// # Errors
    /// [`RepositoryError::Damaged`] when it is not the object that was marked, which then stays; those of looking at it and deleting.
    pub async fn remove_leftover(&self, mark: &LeftoverMark) -> Result<(), RepositoryError> {
        mark.check().map_err(|_| self.no_leftover(&mark.key))?;
        let path = self.path(&mark.key)?;
        match self.objects.look(&path).await {
            Ok((size, written_at)) if mark.is_of(&SealedObject { key: mark.key.clone(), size, written_at }) => {
                self.objects.delete(&path).await?;
            }
            Ok(_) => return Err(self.no_leftover(&mark.key)),
            Err(RepositoryError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        self.objects.delete(&mark.place()).await
    }

    fn no_leftover(&self, key: &str) -> RepositoryError {
        RepositoryError::Damaged {
            key: key.to_owned(),
            repository: self.location().into(),
            reason: "it is not what was marked as left over".into(),
        }
    }
}
