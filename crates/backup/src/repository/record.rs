//! Small signed things beside the manifests, each at a place that it names itself: marks, removals and locks.
//!
//! Owns how they are written, read and listed, whatever they say.

use futures::{StreamExt as _, TryStreamExt as _};
use object_store::PutPayload;
use object_store::path::Path;
use thiserror::Error;

use super::{MAX_SMALL_BYTES, Repository, RepositoryError};
use crate::signature::SigningKey;
use crate::signed_line::{self, SignedLine, SignedLineError};

/// How many a listing reads at once.
const READS_AT_ONCE: usize = 16;

/// A signed line with a place of its own.
pub(super) trait Record: SignedLine {
    /// Where it stands.
    fn place(&self) -> Path;

    /// The rules that hold within it.
    fn check(&self) -> Result<(), &'static str>;
}

/// A mark, a removal or a lock that cannot be used.
#[derive(Debug, Error)]
pub enum RecordError {
    /// It is not a signed line of its kind.
    #[error(transparent)]
    Line(#[from] SignedLineError),
    /// It says that it stands elsewhere.
    #[error("it is that of another place")]
    Place,
    /// It breaks one of the format's rules.
    #[error("it breaks a rule: {0}")]
    Invalid(&'static str),
    /// Whoever signed it is not among those whose signatures count.
    #[error("its signer is not trusted: {0}")]
    Untrusted(String),
}

/// Those of one kind.
#[derive(Debug)]
pub struct Records<T> {
    /// Each with its key, by key.
    pub entries: Vec<(String, T)>,
    /// Those that cannot be used, by key.
    pub damaged: Vec<(String, RecordError)>,
}

impl Repository {
    /// Lists the records below `folder` whose keys `is_one` accepts.
    pub(super) async fn list_records<T: Record>(
        &self,
        folder: &Path,
        is_one: impl Fn(&Path) -> bool,
    ) -> Result<Records<T>, RepositoryError> {
        let listed = self.objects.list(folder).try_filter(|meta| std::future::ready(is_one(&meta.location)));
        let read = listed.map_ok(|meta| async move {
            match self.read_record::<T>(&meta.location).await {
                Ok(read) => Ok(Some((meta.location, read))),
                // Taken away since it was listed.
                Err(RepositoryError::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        });
        let mut read = read.try_buffer_unordered(READS_AT_ONCE).boxed_local();
        let mut records = Records { entries: Vec::new(), damaged: Vec::new() };
        while let Some(one) = read.try_next().await? {
            match one {
                Some((key, Ok(record))) => records.entries.push((key.into(), record)),
                Some((key, Err(error))) => records.damaged.push((key.into(), error)),
                None => {}
            }
        }
        records.entries.sort_by(|a, b| a.0.cmp(&b.0));
        records.damaged.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(records)
    }

    /// Reads a record and checks its signature, its signer, its place and its rules.
    pub(super) async fn read_record<T: Record>(&self, key: &Path) -> Result<Result<T, RecordError>, RepositoryError> {
        let bytes = self.objects.read(key, MAX_SMALL_BYTES).await?;
        let read = || {
            let record: T = signed_line::read(&bytes)?;
            record.check().map_err(RecordError::Invalid)?;
            match record.place() == *key {
                false => Err(RecordError::Place),
                true if self.trusted.accept(record.signer()) => Ok(record),
                true => Err(RecordError::Untrusted(record.signer().to_owned())),
            }
        };
        Ok(read())
    }

    /// Signs a record and writes it where there is none.
    pub(super) async fn write_record<T: Record>(
        &self,
        record: &T,
        key: &SigningKey,
    ) -> Result<String, RepositoryError> {
        let place = record.place();
        let unusable = |reason: String| RepositoryError::Damaged {
            key: place.to_string(),
            repository: self.location().into(),
            reason,
        };
        record.check().map_err(|rule| unusable(rule.to_owned()))?;
        let line = signed_line::sign(record, key).map_err(|error| unusable(error.to_string()))?;
        self.objects.create(&place, PutPayload::from_bytes(line)).await?;
        Ok(place.into())
    }
}
