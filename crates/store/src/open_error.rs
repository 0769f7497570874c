//! Why a store cannot be made or opened.

use std::io;
use std::path::{Path, PathBuf};

use parados_parameter::{KeyId, KeyManagementError};
use thiserror::Error;

/// A store that cannot be made or opened, and what to do about it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no store in the directory.
    #[error("there is no parameter store in {}; make one with 'parados init'", directory.display())]
    NotInitialised {
        /// Where it was looked for.
        directory: PathBuf,
    },
    /// There is a store already; it is left as it is.
    #[error("there is a parameter store in {} already", directory.display())]
    AlreadyInitialised {
        /// Where it is.
        directory: PathBuf,
    },
    /// Others than the owner can get at a file or a directory.
    #[error("{} is open to others (mode {mode:04o}); run: chmod {} '{}'", path.display(), wanted(path), path.display())]
    PermissionsTooOpen {
        /// The file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The database is there and the key of its values is not.
    #[error(
        "the master key of the parameter store in {} is missing (master.key or master.key.kms); \
         put it back from where it is kept: without it no value can be read",
        directory.display()
    )]
    MasterKeyMissing {
        /// The store.
        directory: PathBuf,
    },
    /// Both a plain and a wrapped master key are there, or one is asked for where the other is.
    #[error(
        "{} has a plain master key (master.key) where a wrapped one (master.key.kms) is in use or wanted; \
         move the one that is not in use away",
        directory.display()
    )]
    MasterKeyAmbiguous {
        /// The store.
        directory: PathBuf,
    },
    /// The master key's file does not hold one.
    #[error("{} does not hold a master key; put it back from where it is kept", path.display())]
    MasterKeyDamaged {
        /// The file.
        path: PathBuf,
    },
    /// The store is to be brought to a newer schema, which takes its values' key, and the one that is there is another's.
    #[error(
        "the master key in {} is not the one of its values, which are to be sealed anew for this release; \
         put the right one back first",
        directory.display()
    )]
    MasterKeyOfAnother {
        /// The store.
        directory: PathBuf,
    },
    /// A new master key is to be another one than that which a rekey was begun with.
    #[error(
        "a rekey was begun with another new master key ({}); end that one first, by the same command",
        staged.display()
    )]
    RekeyUnderWay {
        /// The file of the new master key.
        staged: PathBuf,
    },
    /// The master key is wrapped and no key management service was given to unwrap it.
    #[error("the master key in {} is wrapped by the KMS key {key}, and there is no connection to KMS", path.display())]
    KeyManagementMissing {
        /// The file.
        path: PathBuf,
        /// The key.
        key: KeyId,
    },
    /// The key management service could not wrap or unwrap the master key.
    #[error("the master key in {} cannot be wrapped or unwrapped", path.display())]
    KeyManagement {
        /// The file.
        path: PathBuf,
        /// What the service said.
        source: KeyManagementError,
    },
    /// The file is not a database of this product.
    #[error("{} is not a parameter store of parados", path.display())]
    NotAStore {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer release.
    #[error("{} has schema version {found}; this release knows {known}: use a newer release of parados", path.display())]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest that this release knows.
        known: i64,
    },
    /// A file could not be read or written.
    #[error("cannot {operation} {}", path.display())]
    File {
        /// "read", "create", …
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The database does not hold what one of this product does.
    #[error("{} is damaged: {message}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// SQLite failed.
    #[error("cannot {operation} {}", path.display())]
    Database {
        /// "open", "create", …
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// SQLite's words.
        source: sqlx::Error,
    },
}

impl OpenError {
    /// A failed operation on a file.
    pub(crate) fn file(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { operation, path: path.to_owned(), source }
    }

    /// A failed operation on the database.
    pub(crate) fn database(operation: &'static str, path: &Path) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { operation, path: path.to_owned(), source }
    }
}

fn wanted(path: &Path) -> &'static str {
    if path.is_dir() { "700" } else { "600" }
}
