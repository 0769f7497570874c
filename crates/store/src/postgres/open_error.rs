//! Why a database cannot be used.

use std::path::PathBuf;

use thiserror::Error;

use crate::open_error::OpenError;

/// A database that cannot be made ready or opened, and what to do about it. `database` is its URL without the password.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PostgresOpenError {
    /// The server does not answer, or refuses.
    #[error("cannot {operation} {database}: {message}")]
    Database {
        /// "connect to", "read", "migrate", …
        operation: &'static str,
        /// The database.
        database: String,
        /// The server's or the driver's words.
        message: String,
    },
    /// There is no store in the database.
    #[error(
        "there is no parameter store in {database}; make one with 'parados store init --database postgres://… --master-key FILE'"
    )]
    NotInitialised {
        /// The database.
        database: String,
    },
    /// There is one already; it is left as it is.
    #[error("there is a parameter store in {database} already")]
    AlreadyInitialised {
        /// The database.
        database: String,
    },
    /// The database holds tables of the same names that are something else.
    #[error("{database} has tables that are not a parameter store of parados; give it a database of its own")]
    NotAStore {
        /// The database.
        database: String,
    },
    /// The schema is of a newer release.
    #[error("{database} has schema version {found}; this release knows {known}: use a newer release of parados")]
    NewerSchema {
        /// The database.
        database: String,
        /// Its schema version.
        found: i64,
        /// The newest that this release knows.
        known: i64,
    },
    /// The server is one that parados cannot use.
    #[error("{database} cannot hold a parameter store: {reason}")]
    Unsuitable {
        /// The database.
        database: String,
        /// Why, and what it has to be.
        reason: String,
    },
    /// The master key's file is missing, and the database's values are sealed under one.
    #[error(
        "{} is missing: it is to hold the master key of {database}; put it there from another server of this database or from where it \
         is kept: without it no value can be read",
        path.display()
    )]
    MasterKeyMissing {
        /// The file.
        path: PathBuf,
        /// The database.
        database: String,
    },
    /// The master key is another database's.
    #[error("the master key in {} is not the one of {database}; put the right one there", path.display())]
    MasterKeyOfAnother {
        /// The file.
        path: PathBuf,
        /// The database.
        database: String,
    },
    /// The database is getting a new master key, and one of the two is not here.
    #[error(
        "{database} is getting a new master key, and {} and {} do not have both; copy them from where 'parados store rekey' runs",
        path.display(), next.display()
    )]
    MasterKeyMissingInRekey {
        /// The file of the master key.
        path: PathBuf,
        /// The file of the next one.
        next: PathBuf,
        /// The database.
        database: String,
    },
    /// The master key's file cannot be used.
    #[error(transparent)]
    MasterKey(#[from] OpenError),
}
