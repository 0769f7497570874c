//! What an error of PostgreSQL or of the way to it means to a caller.

use parados_parameter::StoreErrorKind;
use sqlx::postgres::{PgDatabaseError, PgSeverity};

use crate::failure::Failure;

/// What `error` is, if it is PostgreSQL's or the connection's.
///
/// SQLSTATE codes are those of PostgreSQL's Appendix A.
pub(crate) fn failure(error: &sqlx::Error) -> Option<Failure> {
    if let sqlx::Error::Io(error) = error {
        return Some(Failure::Storage(StoreErrorKind::Connection, format!("the connection to the database: {error}")));
    }
    if matches!(error, sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed) {
        return Some(Failure::Storage(StoreErrorKind::Connection, format!("the connection to the database: {error}")));
    }
    let error = error.as_database_error()?.try_downcast_ref::<PgDatabaseError>()?;
    let message = format!("the database: {} ({})", error.message(), PgDatabaseError::code(error));
    Some(Failure::Storage(kind(PgDatabaseError::code(error)), message))
}

/// The words of `error`, for whoever opens a database.
pub(super) fn words(error: &sqlx::Error) -> String {
    match failure(error) {
        Some(Failure::Storage(_, message)) => message,
        _ => error.to_string(),
    }
}

/// Whether the transaction that `error` ended certainly did not happen: the server says so, and goes on.
pub(super) fn is_refusal(error: &sqlx::Error) -> bool {
    let error = error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    error.is_some_and(|error| !matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic))
}

fn kind(code: &str) -> StoreErrorKind {
    match code {
        // What is asked holds a character that the database cannot keep: NUL.
        "22021" | "22P05" => StoreErrorKind::Validation,
        // lock_not_available, deadlock_detected, serialization_failure: another writer.
        "55P03" | "40P01" | "40001" => StoreErrorKind::TooManyUpdates,
        // query_canceled: statement_timeout.
        "57014" => StoreErrorKind::Timeout,
        // too_many_connections, the shutdowns, read_only_sql_transaction: another server may have taken over, or will.
        "53300" | "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "25006" => StoreErrorKind::Connection,
        "42501" => StoreErrorKind::AccessDenied,
        code if code.starts_with("08") => StoreErrorKind::Connection,
        code if code.starts_with("28") => StoreErrorKind::Credentials,
        _ => StoreErrorKind::Storage,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_lost_connection_may_be_tried_again() {
        let lost = sqlx::Error::Io(io::ErrorKind::ConnectionReset.into());
        let Some(Failure::Storage(kind, message)) = failure(&lost) else { panic!("it is the connection's") };
        assert!(kind.is_transient() && message.contains("connection"), "{message}");
        assert!(!is_refusal(&lost), "what was asked may have happened");
    }

    #[test]
    fn codes_are_told_apart() {
        for (code, expected) in [
            ("57P01", StoreErrorKind::Connection),
            ("08006", StoreErrorKind::Connection),
            ("55P03", StoreErrorKind::TooManyUpdates),
            ("57014", StoreErrorKind::Timeout),
            ("28P01", StoreErrorKind::Credentials),
            ("53100", StoreErrorKind::Storage),
        ] {
            assert_eq!(kind(code), expected, "{code}");
        }
    }
}
