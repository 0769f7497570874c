//! What went wrong inside a call, before it is known which call it was.

use std::fmt;

use parados_parameter::{Operation, ParameterName, StoreError, StoreErrorKind, Version};
use sqlx::error::DatabaseError as _;
use sqlx::sqlite::SqliteError;

use crate::database::DatabaseError;
use crate::postgres;

/// Why a call failed.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// By a rule of Parameter Store.
    Refused(StoreError),
    /// For what the store's file or its lock did.
    Storage(StoreErrorKind, String),
    /// A value does not open.
    Unreadable(ParameterName, Version),
    /// A master key that the database uses is not among those that the process has.
    UnknownMasterKey,
}

impl Failure {
    /// A row holds what was never written there.
    pub(crate) fn damaged(what: impl fmt::Display) -> Self {
        Self::Storage(StoreErrorKind::Storage, format!("the store's file is damaged: {what}"))
    }

    /// Whether it is about the call alone; anything else breaks the transaction that the call is in.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Unreadable(..))
    }

    /// The error of a database's own `operation`.
    pub(crate) fn of_database(self, operation: &'static str) -> DatabaseError {
        let message = match self.of(Operation::GetParameter, "") {
            StoreError { message, kind, .. } if message.is_empty() => kind.name().to_owned(),
            error => error.message,
        };
        DatabaseError { operation, message }
    }

    /// The error of `operation`, which was for `subject`.
    pub(crate) fn of(self, operation: Operation, subject: impl fmt::Display) -> StoreError {
        match self {
            Self::Refused(error) => error,
            Self::Storage(kind, message) => StoreError::new(operation, subject, kind, message),
            Self::Unreadable(name, version) => {
                let message = format!(
                    "the value of version {version} does not open: it is damaged, or sealed under another master key"
                );
                StoreError::new(operation, name, StoreErrorKind::Unreadable, message)
            }
            Self::UnknownMasterKey => {
                let message = "the master key is not the one of this store's values; put the right one back first";
                StoreError::new(operation, subject, StoreErrorKind::Unreadable, message)
            }
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        if let Some(failure) = postgres::failure(&error) {
            return failure;
        }
        let sqlite = error.as_database_error().and_then(|error| error.try_downcast_ref::<SqliteError>());
        let code = sqlite.and_then(|error| error.code()?.parse::<u32>().ok());
        // The low byte is the primary result code: SQLITE_BUSY, SQLITE_LOCKED.
        match (code.map(|code| code & 0xff), &error) {
            (Some(5 | 6), _) => {
                Self::Storage(StoreErrorKind::TooManyUpdates, "another process is writing to the store".into())
            }
            (_, sqlx::Error::PoolTimedOut) => Self::Storage(StoreErrorKind::TooManyUpdates, "the store is busy".into()),
            _ => Self::Storage(StoreErrorKind::Storage, error.to_string()),
        }
    }
}
