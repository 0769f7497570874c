//! Why a backup failed.

use std::io;

use jiff::Timestamp;
use parados_parameter::{StoreError, StoreErrorKind};

use crate::collect::CollectError;
use crate::document::EncodeError;
use crate::report::chain;
use crate::repository::RepositoryError;

/// A backup that committed nothing.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store could not be read.
    #[error("the store could not be read")]
    Store(#[from] StoreError),
    /// The previous snapshot could not be read, or is not what its manifest says; reading everything may succeed.
    #[error("the previous snapshot could not be used: {0}")]
    Previous(String),
    /// The repository could not be read or written.
    #[error("the repository could not be used")]
    Repository(#[source] Box<RepositoryError>),
    /// The document could not be sealed or written.
    #[error("the snapshot could not be written")]
    Encode(#[from] EncodeError),
    /// The data object could not be written.
    #[error("the snapshot could not be written")]
    Write(#[from] io::Error),
    /// The newest snapshot is from the future.
    #[error("this machine's clock says {now}, and the newest snapshot was begun at {newest}, which is later")]
    Clock {
        /// What the clock says.
        now: Timestamp,
        /// When the newest snapshot was begun.
        newest: Timestamp,
    },
    /// A document of the old pipeline is not what it was when it was looked at.
    #[error("{0}")]
    Document(String),
    /// The writing thread ended by itself.
    #[error("the snapshot's writer was interrupted")]
    Interrupted,
}

impl From<CollectError> for BackupError {
    fn from(error: CollectError) -> Self {
        match error {
            CollectError::Store(error) => Self::Store(error),
            CollectError::Previous(reason) => Self::Previous(reason),
        }
    }
}

impl From<RepositoryError> for BackupError {
    fn from(error: RepositoryError) -> Self {
        Self::Repository(Box::new(error))
    }
}

impl BackupError {
    /// The error and what caused it, in one line.
    pub fn chain(&self) -> String {
        chain(self)
    }

    /// What to do about it, one line each.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Store(error) => store_hints(error),
            Self::Repository(error) => error.hints(),
            Self::Clock { .. } => {
                vec!["set the clock (`timedatectl`); `parados doctor` says how far it is off".to_owned()]
            }
            _ => Vec::new(),
        }
    }
}

fn store_hints(error: &StoreError) -> Vec<String> {
    let hint = match error.kind {
        StoreErrorKind::AccessDenied => format!(
            "allow {} in the policy of the role or user that runs the backup; the README has the least policy, and `parados doctor` \
             tries every call",
            error.operation.iam_action()
        ),
        StoreErrorKind::Credentials => "renew the credentials (`aws sso login`), and try `parados doctor`".to_owned(),
        StoreErrorKind::Throttling => {
            "other callers use up the account's quota; lower `quota.share`, or run at another time".to_owned()
        }
        StoreErrorKind::Connection | StoreErrorKind::Timeout => {
            "see whether the Region and the endpoint are right and can be reached from here (`parados doctor`)"
                .to_owned()
        }
        _ => return Vec::new(),
    };
    vec![hint]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let words = "HTTP 403: AccessDenied";
        let inner = object_store::Error::Generic { store: "S3", source: words.into() };
        let source = object_store::Error::PermissionDenied { path: "latest.txt".into(), source: Box::new(inner) };
        let error = RepositoryError::Credentials { repository: "s3://b".into(), source };
        let chain = BackupError::from(error).chain();
        assert!(
            chain.starts_with("the repository could not be used: the credentials for s3://b were refused: "),
            "{chain}"
        );
        assert_eq!(chain.matches(words).count(), 1, "{chain}");
    }
}
